//! The journal on a real server: what only there can happen.

use super::super::contract::{began, event, held, opened, rotation, run_out, sealed};
use super::super::walk::Walk;
use super::super::{Attendant, AuditError, Demands, Evidence, EvidenceFolder, export, verify_file, verify_server};
use super::*;
use crate::database::{Server, scratch};
use crate::rotation::Step;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

async fn keep(server: &Server) -> DurableJournal {
    DurableJournal::open(Arc::new(Database::connect(server).await.unwrap())).await.unwrap()
}

async fn start(journal: &DurableJournal, number: u64, lease: &Lease) -> Position {
    journal.open(&format!("i{number}"), &opened(number), &[sealed("old")], lease, 0).await.unwrap()
}

async fn run(journal: &DurableJournal, statement: &'static str) -> Result<u64, DatabaseError> {
    let mut work = journal.database.write().await.unwrap();
    let done = work.run(statement, &[]).await?;
    work.commit().await.unwrap();
    Ok(done)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn what_nobody_holds_is_taken_up_by_one_and_what_is_being_taken_is_left_out() {
    let server = scratch().await;
    let (one, other) = (keep(&server).await, keep(&server).await);
    for number in 1..=4 {
        let lease = if number == 4 { held("c") } else { run_out("c") };
        start(&one, number, &lease).await;
    }
    let wanted: Vec<_> = (1..=4).map(|number| (rotation(number), None)).collect();
    // Somebody is taking the second one at this very moment: nobody waits for that.
    let mut taking = other.database.write().await.unwrap();
    let statement = "SELECT epoch FROM leases WHERE rotation = $1";
    taking.lock(statement, &[rotation(2).as_str().into()]).await.unwrap();
    let taken = one.take_up(&wanted, &held("a")).await.unwrap();
    assert_eq!(taken.iter().map(|at| at.rotation.as_str()).collect::<Vec<_>>(), ["C-0001", "C-0003"]);
    taking.undo().await.unwrap();
    let taken = other.take_up(&wanted, &held("b")).await.unwrap();
    assert_eq!(taken, [Position { rotation: rotation(2), epoch: 2, seq: 2 }]);
    let gone = [(rotation(4), Some("c".to_owned()))];
    assert_eq!(other.take_up(&gone, &held("b")).await.unwrap().len(), 1, "its holder is known to have ended");
    let holders: Vec<_> =
        one.open_ones(Timestamp(0)).await.unwrap().into_iter().map(|standing| standing.holder.unwrap()).collect();
    assert_eq!(holders, ["a", "b", "a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_rotation_of_a_newer_version_is_left_alone() {
    let journal = keep(&scratch().await).await;
    let at = start(&journal, 1, &run_out("a")).await;
    run(&journal, "UPDATE rotations SET format = 7").await.unwrap();
    let refused = journal.acquire(&at.rotation, &held("b")).await.unwrap_err();
    assert!(matches!(refused, JournalError::Newer { found: 7, known: FORMAT, .. }), "{refused:?}");
    assert!(refused.to_string().contains("run the newer one"), "{refused}");
    assert!(journal.take_up(&[(at.rotation, None)], &held("b")).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn records_are_not_changed_by_mistake_and_an_export_of_them_verifies() {
    let journal = keep(&scratch().await).await;
    let at = start(&journal, 1, &held("a")).await;
    journal.append(&at, &[began(Step::Mint)], &[], false, 0).await.unwrap();
    for statement in ["UPDATE records SET event = '{}'", "DELETE FROM leaves"] {
        let refused = run(&journal, statement).await.unwrap_err();
        let DatabaseError::Failed { source, .. } = refused else { panic!("{refused:?}") };
        assert!(source.to_string().contains("are never changed or deleted"), "{source}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    let written = export(&journal, None, &mut std::fs::File::create(&path).unwrap()).await.unwrap();
    assert_eq!((written, verify_file(&path, Demands::default()).await.unwrap().records), (2, 2));
    let mut work = journal.database.read().await.unwrap();
    let row = work.row("SELECT last_fact, opened, holder FROM v_open_rotations", &[]).await.unwrap().unwrap();
    assert_eq!(row.text(0).unwrap(), "began");
    assert_eq!((row.text(1).unwrap().as_str(), row.text(2).unwrap().as_str()), ("1970-01-01T00:00:01Z", "a"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn several_attend_and_each_is_asked_for_itself() {
    let journal = keep(&scratch().await).await;
    for holder in ["7:a", "8:b"] {
        journal.attend(&held(holder)).await.unwrap();
        journal.keep_attending(&held(holder)).await.unwrap();
    }
    let attendants = journal.attendants(Timestamp(0)).await.unwrap();
    assert_eq!(attendants.iter().map(Attendant::process).collect::<Vec<_>>(), ["7", "8"]);
    journal.ask(&attendants[1], super::super::Ask::Drain).await.unwrap();
    assert_eq!(journal.asked("7:a").await.unwrap(), None);
    assert_eq!(journal.asked("8:b").await.unwrap(), Some(super::super::Ask::Drain));
    journal.keep_attending(&run_out("7:a")).await.unwrap();
    assert_eq!(journal.attendants(Timestamp(0)).await.unwrap().len(), 1, "its word has run out");
    journal.keep_attending(&held("7:a")).await.unwrap();
    journal.stop_attending("8:b").await.unwrap();
    assert_eq!(journal.attendants(Timestamp(0)).await.unwrap().len(), 1, "it stood still and came back");
    journal.recognise("envelope key", "one").await.unwrap();
    journal.recognise("envelope key", "one").await.unwrap();
    let refused = journal.recognise("envelope key", "other").await.unwrap_err();
    assert!(matches!(&refused, JournalError::Key { wanted, .. } if wanted == "one"), "{refused:?}");
}

/// What makes [`child_that_appends`] a child: the database to use, and how long its lease is.
const CHILD: &str = "STANCH_TEST_SHARED_JOURNAL";

/// Takes the rotation and appends without end, and says what was acknowledged; says so when it is fenced, and ends.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_appends() {
    let Ok(database) = std::env::var(CHILD) else { return };
    let journal = keep(&crate::database::server_of_tests(&database)).await;
    let lease = Lease { span: Duration::from_millis(300), ..held(&format!("child {}", std::process::id())) };
    let say = |words: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{words}").unwrap();
        out.flush().unwrap();
    };
    let mut at = loop {
        match journal.acquire(&rotation(1), &lease).await {
            Ok(at) => break at,
            Err(JournalError::Held { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error:?}"),
        }
    };
    loop {
        match journal.append(&at, &[event(at.seq, Fact::Healthy)], &[], false, 0).await {
            Ok(next) => {
                say(format!("acknowledged {}", at.seq));
                at = next;
            }
            Err(JournalError::Fenced { .. }) => return say("fenced".to_owned()),
            // The server was away: what was being written is looked up, not written again.
            Err(JournalError::Database { .. }) => match again(&journal, &lease).await {
                Some(taken) => at = taken,
                None => return say("fenced".to_owned()),
            },
            Err(error) => panic!("{error:?}"),
        }
        if journal.renew(&at, &lease).await.is_err_and(|error| matches!(error, JournalError::Fenced { .. })) {
            return say("fenced".to_owned());
        }
    }
}

/// Where it goes on; not at all where somebody else does.
async fn again(journal: &DurableJournal, lease: &Lease) -> Option<Position> {
    loop {
        match journal.acquire(&rotation(1), lease).await {
            Ok(at) => return Some(at),
            Err(JournalError::Held { .. }) => return None,
            Err(JournalError::Database { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

struct Appending {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Appending {
    fn start(database: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "journal::durable::server_tests::child_that_appends",
                "--nocapture",
                "--test-threads",
                "1",
            ])
            .env(CHILD, database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads until it has said this; everything that was acknowledged on the way.
    fn until(&mut self, wanted: &str) -> Vec<u64> {
        let mut acknowledged = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            acknowledged.extend(line.rsplit_once("acknowledged ").and_then(|(_, seq)| seq.parse::<u64>().ok()));
            if line.contains(wanted) {
                return acknowledged;
            }
        }
        panic!("it ended without saying '{wanted}'");
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Appending {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_worker_that_stood_still_past_its_lease_is_fenced_when_it_wakes() {
    let server = scratch().await;
    let name = server.place().rsplit_once('/').unwrap().1.to_owned();
    let journal = keep(&server).await;
    start(&journal, 1, &run_out("opener")).await;
    let (mut worker, mine) = (Appending::start(&name), held("me"));
    let mut acknowledged = worker.until("acknowledged 4");
    worker.signal(rustix::process::Signal::STOP);
    let at = loop {
        match journal.acquire(&rotation(1), &mine).await {
            Ok(at) => break at,
            // It may stand still in the middle of a write, which the server ends in a while.
            Err(JournalError::Held { .. } | JournalError::Database { .. }) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    };
    let next = journal.append(&at, &[event(0, Fact::Proved)], &[], false, 0).await.unwrap();
    worker.signal(rustix::process::Signal::CONT);
    acknowledged.extend(worker.until("fenced"));
    let records = journal.replay(&rotation(1)).await.unwrap();
    assert_eq!(records.len() as u64, next.seq - 1, "it wrote nothing after it woke");
    for seq in acknowledged {
        let record = records.iter().find(|record| record.seq == seq).unwrap();
        assert_eq!(record.event, event(seq, Fact::Healthy), "what was acknowledged is there");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn sessions_that_are_cut_again_and_again_lose_and_double_nothing() {
    let server = scratch().await;
    let name = server.place().rsplit_once('/').unwrap().1.to_owned();
    let journal = keep(&server).await;
    start(&journal, 1, &run_out("opener")).await;
    let mut worker = Appending::start(&name);
    let mut acknowledged = worker.until("acknowledged 3");
    for _ in 0..12 {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let mut work = journal.database.write().await.unwrap();
        work.row(cut, &[]).await.unwrap();
        work.undo().await.unwrap();
        let last = acknowledged.last().copied().unwrap();
        acknowledged.extend(worker.until("acknowledged"));
        assert!(acknowledged.last().copied().unwrap() > last, "it goes on");
    }
    drop(worker);
    let records = journal.replay(&rotation(1)).await.unwrap();
    assert!(acknowledged.windows(2).all(|pair| pair[0] < pair[1]), "each was acknowledged once");
    for seq in acknowledged {
        assert_eq!(records[usize::try_from(seq).unwrap() - 1].event, event(seq, Fact::Healthy));
    }
    let mut work = journal.database.read().await.unwrap();
    let whole = super::super::audit::verify_tables(&mut work, Walk::default()).await.unwrap();
    assert_eq!(whole.records, records.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_journal_is_verified_as_it_stands_at_one_moment_while_others_write() {
    let server = scratch().await;
    let name = server.place().rsplit_once('/').unwrap().1.to_owned();
    let journal = keep(&server).await;
    start(&journal, 1, &run_out("opener")).await;
    let folder = tempfile::tempdir().unwrap();
    let signer = crate::seal::Signer::load_or_create(&folder.path().join("key"), None).unwrap();
    let mut to = EvidenceFolder::open(&folder.path().join("away")).unwrap();
    let mut worker = Appending::start(&name);
    worker.until("acknowledged 3");
    let mut seen = 0;
    for _ in 0..10 {
        worker.until("acknowledged");
        let marked = journal.mark(&signer, Some(&mut to), Timestamp(1)).await.unwrap().unwrap();
        let evidence = Evidence::read(&folder.path().join("away"), std::slice::from_ref(signer.key())).unwrap();
        let demands = Demands { evidence: Some(&evidence), people: None };
        let summary = verify_server(&server, demands).await.unwrap();
        assert!(summary.records >= marked.checkpoint.size && summary.records > seen, "{summary}");
        assert_eq!(summary.met.unwrap().size, marked.checkpoint.size);
        seen = summary.records;
    }
    drop(worker);
    run(&journal, "ALTER TABLE records DISABLE TRIGGER ALL").await.unwrap();
    run(&journal, "UPDATE records SET epoch = 99 WHERE seq = 2").await.unwrap();
    let refused = verify_server(&server, Demands::default()).await.unwrap_err();
    assert!(matches!(&refused, AuditError::Broken(Broken::Entry { number: 2, seq: 2, .. })), "{refused:?}");

    // What is no journal is left as it is.
    let empty = scratch().await;
    let refused = verify_server(&empty, Demands::default()).await.unwrap_err();
    assert!(matches!(refused, AuditError::Database(DatabaseError::Foreign { .. })), "{refused:?}");
    Database::connect_to_read(&empty).await.unwrap_err();
}
