//! Messages arrive once, in order, whatever the sinks do.

use super::*;
use crate::alert::{Sink, Urgency};
use crate::clock::SystemClock;
use crate::database::Database;
use crate::model::RotationId;
use async_trait::async_trait;

/// A sink that answers from a list, then takes everything.
#[derive(Debug, Default)]
struct Heard {
    name: String,
    answers: Mutex<Vec<Result<(), AlertError>>>,
    keys: Mutex<Vec<String>>,
}

#[async_trait]
impl Sink for Heard {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError> {
        let answer = self.answers.lock().unwrap().pop().unwrap_or(Ok(()));
        self.keys.lock().unwrap().push(format!("{}{}", notice.key, if answer.is_ok() { "" } else { "!" }));
        answer
    }
}

fn sink(name: &str, answers: Vec<Result<(), AlertError>>) -> Arc<Heard> {
    Arc::new(Heard { name: name.to_owned(), answers: Mutex::new(answers), ..Heard::default() })
}

fn notice(key: &str, case: &str, moment: Moment, urgency: Urgency) -> Notice {
    let case = (!case.is_empty()).then(|| RotationId::new(case));
    Notice { key: key.to_owned(), case, moment, urgency, ..words::test("x", Timestamp(0)) }
}

struct World {
    directory: tempfile::TempDir,
    metrics: Arc<Metrics>,
}

impl World {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), metrics: Arc::new(Metrics::new(Timestamp(0))) }
    }

    async fn delivery(&self, sinks: &[(&Arc<Heard>, Urgency)]) -> Arc<Delivery> {
        let database = Database::open(&self.directory.path().join("journal.db")).await.unwrap();
        let routes = sinks.iter().map(|(sink, from)| Route { from: *from, sink: Arc::<Heard>::clone(sink) }).collect();
        let clock = Arc::new(SystemClock::new());
        Arc::new(Delivery::new(Outbox::new(Arc::new(database)), routes, clock, Arc::clone(&self.metrics)))
    }
}

/// Runs it until `done` says so; a deadline ends the test.
async fn until(delivery: &Arc<Delivery>, done: impl Fn() -> bool) {
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(delivery).run(stopped));
    for _ in 0..2000 {
        if done() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send(true).unwrap();
    running.await.unwrap();
    assert!(done());
}

fn refused() -> AlertError {
    AlertError::Refused { sink: "chat".to_owned(), code: "status 404".to_owned() }
}

#[tokio::test]
async fn each_sink_hears_each_key_once_in_order_and_only_what_it_wants() {
    let world = World::new();
    let (chat, pager) = (sink("chat", Vec::new()), sink("pager", Vec::new()));
    let delivery = world.delivery(&[(&chat, Urgency::Info), (&pager, Urgency::Error)]).await;
    for notice in [
        notice("1", "C-1", Moment::Approval, Urgency::Warning),
        notice("2", "C-2", Moment::Outage, Urgency::Critical),
        notice("2", "C-2", Moment::Outage, Urgency::Critical),
        notice("3", "C-1", Moment::Done, Urgency::Info),
        notice("4", "C-2", Moment::Done, Urgency::Info),
    ] {
        delivery.tell(&notice).await.unwrap();
    }
    // The pager never heard of C-1, so it does not hear that it ended; of C-2 it does.
    until(&delivery, || chat.keys.lock().unwrap().len() == 4 && pager.keys.lock().unwrap().len() == 2).await;
    assert_eq!(*chat.keys.lock().unwrap(), ["1", "2", "3", "4"]);
    assert_eq!(*pager.keys.lock().unwrap(), ["2", "4"]);
    assert!(world.metrics.text().contains("stanch_notifications_total{sink=\"chat\",outcome=\"taken\"} 4"));
}

#[tokio::test]
async fn what_was_not_delivered_is_after_a_restart_and_never_twice() {
    let world = World::new();
    let away = (0..100).map(|_| Err(later("chat", "no connection"))).collect();
    let chat = sink("chat", away);
    let delivery = world.delivery(&[(&chat, Urgency::Info)]).await;
    let told = notice("1", "C-1", Moment::Outage, Urgency::Critical);
    delivery.tell(&told).await.unwrap();
    until(&delivery, || !delivery.notes().is_empty()).await;
    assert_eq!(*chat.keys.lock().unwrap(), ["1!"]);
    assert!(delivery.notes()[0].contains("'chat' takes no messages since"), "{:?}", delivery.notes());
    drop(delivery);

    let chat = sink("chat", Vec::new());
    let delivery = world.delivery(&[(&chat, Urgency::Info)]).await;
    delivery.tell(&told).await.unwrap();
    until(&delivery, || !chat.keys.lock().unwrap().is_empty()).await;
    delivery.tell(&told).await.unwrap();
    let marker = notice("2", "", Moment::Leak, Urgency::Info);
    delivery.tell(&marker).await.unwrap();
    until(&delivery, || chat.keys.lock().unwrap().len() >= 2).await;
    assert_eq!(*chat.keys.lock().unwrap(), ["1", "2"]);
}

#[tokio::test]
async fn what_is_refused_is_said_to_the_others_and_holds_up_nobody() {
    let world = World::new();
    let (chat, mail) = (sink("chat", vec![Err(refused())]), sink("mail", Vec::new()));
    let delivery = world.delivery(&[(&chat, Urgency::Info), (&mail, Urgency::Critical)]).await;
    let other = sink("other", Vec::new());
    drop(delivery);
    let delivery =
        world.delivery(&[(&chat, Urgency::Info), (&mail, Urgency::Critical), (&other, Urgency::Error)]).await;
    for key in ["1", "2"] {
        delivery.tell(&notice(key, "C-1", Moment::Approval, Urgency::Warning)).await.unwrap();
    }
    until(&delivery, || chat.keys.lock().unwrap().len() == 2 && other.keys.lock().unwrap().len() == 1).await;
    assert_eq!(*chat.keys.lock().unwrap(), ["1!", "2"]);
    assert!(other.keys.lock().unwrap()[0].starts_with("undelivered/chat/"));
    assert!(mail.keys.lock().unwrap().is_empty());
    assert!(delivery.notes()[0].contains("'chat' was not told something at"), "{:?}", delivery.notes());
    assert!(world.metrics.text().contains("stanch_notifications_total{sink=\"chat\",outcome=\"refused\"} 1"));
}

#[tokio::test]
async fn a_secret_in_a_name_does_not_reach_the_outbox() {
    let world = World::new();
    let chat = sink("chat", Vec::new());
    let delivery = world.delivery(&[(&chat, Urgency::Info)]).await;
    let secret = ["a-path-that-is", "-a-secret"].concat();
    telemetry::hush(&crate::model::Secret::new(secret.clone().into_bytes()));
    let mut told = notice("1", "", Moment::Leak, Urgency::Error);
    told.text = format!("found in {secret}.txt");
    delivery.tell(&told).await.unwrap();
    let waiting = delivery.outbox.next("chat").await.unwrap().unwrap();
    assert!(!waiting.notice.contains("is-a-secret") && waiting.notice.contains("[redacted].txt"), "{}", waiting.notice);
}

#[test]
fn the_pause_doubles_and_has_an_end() {
    let seconds: Vec<u64> = (1..12).map(|failures| pause(failures).as_secs()).collect();
    assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]);
    assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
}
