//! Watches, scans what changed, opens cases and carries them, until it is told to stop.

mod afar;
mod carry;
mod decide;
pub mod delivery;
mod door;
mod ends;
pub mod health;
mod hooks;
mod house;
mod manager;
mod marks;
pub mod metrics;
mod outline;
mod queue;
mod rounds;
mod scan;
mod silence;
mod tell;
mod watch;

use crate::clock::Clock;
use crate::config::service;
use crate::database::Database;
use crate::fetch::{FetchError, Limits, Mirrors};
use crate::journal::{Ask, JournalError};
use crate::ledger::{Deliveries, Jobs, Leaks, Outbox, Tips};
use crate::model::{RotationId, Secret, Timestamp};
use crate::wiring::alerts::AlertsError;
use crate::wiring::mending::{Mending, MendingError};
use crate::wiring::scanner::ScannerError;
use crate::wiring::watched;
use afar::Afar;
use carry::Carrier;
use decide::Judge;
use delivery::Delivery;
use health::{Check, Health};
use hooks::{Bell, Desk, Hooks};
use house::House;
use outline::Outline;
use queue::Queue;
use rounds::Rounds;
use scan::Scans;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tell::Teller;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use watch::Watch;

/// How long the word holds that this process runs everything here; a process that was killed is taken over sooner.
const ATTENDANCE: Duration = Duration::from_secs(120);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(20);
/// A loop that has not come round for so long does not live.
const TURNS: Duration = Duration::from_secs(30);
/// How often it is looked for something to do.
const TICK: Duration = Duration::from_millis(500);
/// The least time between two looks: many cases that are opened one after the other are taken up together.
const GAP: Duration = Duration::from_millis(50);

/// What the daemon is told by its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read the configuration again.
    Reload,
    /// Begin nothing new, bring everything to a record, and end.
    Drain,
}

/// Why the daemon does not run, or not any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// Another one runs, or took over.
    #[error("the daemon does not run here")]
    Attended(#[source] JournalError),
    /// The journal does not work.
    #[error("the daemon cannot use its journal")]
    Journal(#[source] JournalError),
    /// Nothing can be scanned.
    #[error("the daemon cannot scan")]
    Scan(#[source] ScannerError),
    /// Nothing can be mirrored.
    #[error("the daemon cannot keep mirrors")]
    Mirrors(#[source] FetchError),
    /// It cannot listen.
    #[error("webhooks cannot be received at {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot say how it is.
    #[error("health cannot be served at {address}")]
    Health {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody cannot be told.
    #[error("those who are to be told cannot be")]
    Alerts(#[source] AlertsError),
}

/// Runs until it is told to drain. Open rotations are taken up at once, and again whenever they can go on.
///
/// # Errors
/// [`DaemonError::Attended`] when another daemon attends the journal.
pub async fn run(mending: Mending, commands: mpsc::Receiver<Command>) -> Result<(), DaemonError> {
    mending.attend(ATTENDANCE).await.map_err(|error| match error {
        error @ JournalError::Attended { .. } => DaemonError::Attended(error),
        error => DaemonError::Journal(error),
    })?;
    mending.journal.demand_seen().await.map_err(DaemonError::Journal)?;
    let outline = Outline::read(mending.path()).unwrap_or_default();
    let (house, news) = House::new(mending);
    let house = Arc::new(house);
    let config = house.config();
    let daemon = match Daemon::begin(Arc::clone(&house), outline, news).await {
        Ok(daemon) => daemon,
        Err(error) => {
            house.give_back().await;
            return Err(error);
        }
    };
    let (process, configuration) = (std::process::id(), config.path().display());
    tracing::info!(process, %configuration, "the daemon runs");
    manager::ready();
    daemon.live(commands).await
}
/// The daemon between its start and its end.
struct Daemon {
    house: Arc<House>,
    carrier: Carrier,
    queue: Arc<Queue>,
    workers: JoinSet<()>,
    outbox: Outbox,
    health: Arc<Health>,
    /// Ends the listener of the health.
    health_ended: Option<oneshot::Sender<()>>,
    afar: Arc<Afar>,
    watch: Option<Watch>,
    desk: Arc<Desk>,
    hooks: Option<Hooks>,
    /// The operator's file as it was last read.
    outline: Outline,
    /// When the attendance was renewed last, by the monotonic clock.
    renewed: u64,
}

impl Daemon {
    async fn begin(house: Arc<House>, outline: Outline, news: mpsc::Receiver<RotationId>) -> Result<Self, DaemonError> {
        let (config, unknown) = (house.config(), Bell::default());
        let key = watched::key_of_installation(config.state()).map_err(DaemonError::Scan)?;
        let name = key.digest("installation", &Secret::new(b"stanch".to_vec()));
        house.journal.recognise("fingerprint key", name.as_str()).await.map_err(DaemonError::Journal)?;
        let database = config.journal.database();
        let queue = Arc::new(queue_of(&house, &database));
        // Git calls this program for the tokens of remotes.
        let program = std::env::current_exe().unwrap_or_else(|_| "stanch".into());
        let mirrors = Mirrors::new(&config.state().join("mirrors"), &program, Limits::default());
        let afar = Arc::new(Afar::new(mirrors.map_err(DaemonError::Mirrors)?));
        let deliveries = Deliveries::new(Arc::clone(&database));
        let desk = Desk::new(Arc::clone(&house), Arc::clone(&queue), Arc::clone(&afar), deliveries, unknown);
        let judge = Judge::new(Arc::clone(&house), Leaks::new(Arc::clone(&database)), key);
        let leaks = Leaks::new(Arc::clone(&database));
        let outbox = Outbox::new(Arc::clone(&database)).in_hands_of(&house.holder);
        let scans = Scans::new(Arc::clone(&house), Arc::clone(&queue), Arc::clone(&afar), judge, Tips::new(database));
        let mut daemon = Self {
            carrier: Carrier::new(Arc::clone(&house)),
            workers: JoinSet::new(),
            watch: None,
            desk: Arc::new(desk),
            hooks: None,
            afar,
            queue,
            health: Arc::new(health_of(&house)),
            health_ended: None,
            outbox,
            house,
            outline,
            renewed: 0,
        };
        daemon.listen().await?;
        daemon.serve_health().await?;
        daemon.speak().map_err(DaemonError::Alerts)?;
        daemon.workers = Arc::new(scans).begin();
        daemon.workers.spawn(Teller::begin(Arc::clone(&daemon.house), leaks, news));
        let key = watched::key_of_installation(config.state()).map_err(DaemonError::Scan)?;
        daemon.workers.spawn(Rounds::begin(Arc::clone(&daemon.house), key));
        daemon.watch();
        daemon.workers.spawn(marks::keep(Arc::clone(&daemon.house)));
        Ok(daemon)
    }

    async fn live(mut self, commands: mpsc::Receiver<Command>) -> Result<(), DaemonError> {
        let ended = self.turn(commands).await;
        self.close().await;
        ended
    }

    /// Watches what the configuration names now, and nothing else any more.
    fn watch(&mut self) {
        self.watch = None;
        self.watch = Some(Watch::begin(&self.house, &self.queue, &self.afar, &self.desk.unknown));
    }

    /// Those who are told now.
    fn speak(&self) -> Result<(), AlertsError> {
        let house = &self.house;
        let routes = house.config().routes()?;
        let (clock, metrics): (Arc<dyn Clock>, _) = (Arc::new(house.clock), Arc::clone(&house.metrics));
        house.voices.adopt(Arc::new(Delivery::new(self.outbox.clone(), routes, clock, metrics)));
        Ok(())
    }

    /// Says how it is, where the configuration says so when it starts.
    async fn serve_health(&mut self) -> Result<(), DaemonError> {
        let Some(address) = self.house.config().operator.daemon.health else { return Ok(()) };
        let listener = TcpListener::bind(address).await.map_err(|source| DaemonError::Health { address, source })?;
        let (end, ended) = oneshot::channel::<()>();
        self.health_ended = Some(end);
        let health = Arc::clone(&self.health);
        tokio::spawn(async move {
            let stop = async {
                // Told, or left behind: both end it.
                let _ended = ended.await.is_ok();
            };
            if let Err(error) = health.serve(listener, stop).await {
                tracing::error!(%error, "health is not served any more");
            }
        });
        Ok(())
    }

    /// Listens where the configuration says now.
    async fn listen(&mut self) -> Result<(), DaemonError> {
        let wanted = self.house.config().operator.daemon.listen;
        if self.hooks.as_ref().map(|hooks| hooks.address) == wanted {
            return Ok(());
        }
        self.hooks = match wanted {
            None => None,
            Some(address) => {
                let hooks = Hooks::listen(address, Arc::clone(&self.desk)).await;
                Some(hooks.map_err(|source| DaemonError::Listen { address, source })?)
            }
        };
        Ok(())
    }

    /// The loop. Nothing in it waits for anything that may take long.
    async fn turn(&mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), DaemonError> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.renewed = self.house.clock.monotonic();
        let house = Arc::clone(&self.house);
        loop {
            let opened = async {
                tokio::time::sleep(GAP).await;
                house.opened.notified().await;
            };
            let command = tokio::select! {
                _ = ticks.tick() => None,
                () = opened => None,
                Some(command) = commands.recv() => Some(command),
            };
            self.health.turned();
            manager::alive();
            let (depth, oldest) = self.queue.depth(self.house.clock.monotonic());
            self.house.metrics.queue(depth, oldest);
            self.keep_attending().await?;
            let asked = match self.house.journal.asked(&self.house.holder).await {
                Ok(asked) => asked,
                Err(error) => {
                    tracing::warn!(error = chain_of(&error), "the journal cannot be read");
                    None
                }
            };
            if command == Some(Command::Drain) || asked == Some(Ask::Drain) {
                return Ok(());
            }
            let told = command == Some(Command::Reload) || asked == Some(Ask::Reload);
            if told || self.outline.is_outdated(self.house.config().path()) {
                self.reload(asked == Some(Ask::Reload)).await;
            }
            self.carrier.tick().await;
            self.health.started();
        }
    }

    /// Another process that took over, because this one stood still for long, ends this one.
    async fn keep_attending(&mut self) -> Result<(), DaemonError> {
        let now = self.house.clock.monotonic();
        if Duration::from_millis(now.saturating_sub(self.renewed)) < RENEWAL {
            return Ok(());
        }
        let config = self.house.config();
        if let Err(error @ JournalError::WentBack { .. }) = config.journal.demand_seen().await {
            return Err(DaemonError::Journal(error));
        }
        match config.keep_attending(ATTENDANCE).await {
            Ok(()) => self.renewed = now,
            Err(error @ JournalError::Attended { .. }) => return Err(DaemonError::Attended(error)),
            Err(error) => tracing::warn!(error = chain_of(&error), "the attendance could not be renewed yet"),
        }
        Ok(())
    }

    /// Parse, check, say what differs, swap whole; on a mistake everything stays as it was.
    async fn reload(&mut self, is_asked: bool) {
        manager::reloading();
        let config = self.house.config();
        let outline = Outline::read(config.path());
        let fresh = config.reread().and_then(|fresh| match fresh.routes() {
            Ok(_) => Ok(fresh),
            Err(error) => Err(MendingError::Alerts(Box::new(error))),
        });
        let answer = match (fresh, outline) {
            (Ok(fresh), Ok(outline)) => {
                let changes = outline.changes_since(&self.outline);
                for change in &changes {
                    tracing::info!(change, "the configuration changed");
                }
                self.outline = outline;
                self.house.adopt(fresh);
                if let Err(error) = self.speak() {
                    tracing::error!(error = chain_of(&error), "those are told who were told before");
                }
                self.house.metrics.reloaded(self.house.clock.now());
                *self.house.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.watch();
                if let Err(error) = self.listen().await {
                    tracing::error!(error = chain_of(&error), "webhooks are received where they were before");
                }
                self.carrier.take_heart();
                match changes.as_slice() {
                    [] => "reloaded: nothing differs".to_owned(),
                    changes => format!("reloaded: {}", changes.join(", ")),
                }
            }
            (Err(error), _) => self.refuse(&chain_of(&error)),
            (_, Err(error)) => self.refuse(&chain_of(&error)),
        };
        if is_asked && let Err(error) = self.house.journal.answer(&self.house.holder, &answer).await {
            tracing::warn!(error = chain_of(&error), "the answer to a reload could not be written");
        }
        manager::ready();
    }

    fn refuse(&mut self, why: &str) -> String {
        tracing::error!(why, "the configuration was not reloaded; the one before stays in force");
        self.outline.looked_at(self.house.config().path());
        self.house.metrics.reload_failed();
        let note = format!("the configuration was not reloaded: {why}");
        *self.house.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
        format!("refused: {why}")
    }

    /// No case is begun any more; each that runs stops after its current record.
    async fn close(mut self) {
        manager::stopping();
        self.health.stopping();
        let within = self.house.config().operator.daemon.drain();
        tracing::info!(within_seconds = within.as_secs(), "the daemon drains");
        (self.watch, self.hooks) = (None, None);
        self.carrier.drain(within).await;
        // What a scan had not noted is scanned again.
        self.workers.shutdown().await;
        self.house.voices.end();
        self.health_ended = None;
        self.house.give_back().await;
        tracing::info!("the daemon ends");
    }
}

/// What is to be scanned: together with the other daemons where there may be some, but for what lies on this machine.
fn queue_of(house: &Arc<House>, database: &Arc<Database>) -> Queue {
    let looking = Arc::clone(house);
    let here = move |source: &str| {
        let config = looking.config();
        let watched = config.operator.sources.get(source).map(|watched| &watched.value);
        matches!(watched, Some(service::Watched::Path { .. }))
    };
    Queue::new(Jobs::shared(Arc::clone(database), &house.holder), Box::new(here))
}

/// What its work needs, and what somebody should know.
fn health_of(house: &Arc<House>) -> Health {
    let (asked, noted) = (Arc::clone(house), Arc::clone(house));
    let journal = Check::new("journal", Duration::from_secs(2), move || {
        let house = Arc::clone(&asked);
        async move {
            let attendants = house.journal.attendants(Timestamp(0)).await.map_err(|error| chain_of(&error))?;
            match attendants.iter().any(|own| own.holder == house.holder) {
                true => Ok(()),
                false => Err("another process attends".to_owned()),
            }
        }
    });
    let notes = move || {
        let refused = noted.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unmarked = noted.unmarked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        refused.into_iter().chain(unmarked).chain(noted.voices.notes()).collect()
    };
    Health::new(Arc::new(house.clock), Arc::clone(&house.metrics), TURNS, vec![journal], notes)
}

/// A span as the clocks here count it.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// An error with its causes, in one line.
fn chain_of(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        cause = error.source();
    }
    words
}
