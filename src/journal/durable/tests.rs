use super::super::contract::{began, event, lease, minted, opened, rotation, sealed};
use super::*;
use crate::rotation::{Order, Step};
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

async fn keep(path: &Path) -> DurableJournal {
    DurableJournal::open(Arc::new(Database::open(path).await.unwrap())).await.unwrap()
}

async fn start(journal: &DurableJournal, number: u64) -> Position {
    journal.open(&format!("i{number}"), &opened(number), &[sealed("old")], &lease("a", 0), 0).await.unwrap()
}

async fn run(journal: &DurableJournal, statement: &'static str) -> Result<(), sqlx::Error> {
    let mut work = journal.database.write().await.unwrap();
    sqlx::raw_sql(statement).execute(work.connection()).await?;
    work.commit().await.unwrap();
    Ok(())
}

fn holds(path: &Path, marker: &str) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.windows(marker.len()).any(|window| window == marker.as_bytes())
}

#[tokio::test]
async fn records_outlive_the_process_and_a_second_one_is_fenced_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let first = keep(&path).await;
    let at = start(&first, 1).await;
    let second = keep(&path).await;
    let taken = second.acquire(&at.rotation, &lease("b", 1_000)).await.unwrap();
    assert!(matches!(first.append(&at, &[began(Step::Mint)], &[], false, 0).await, Err(JournalError::Fenced { .. })));
    second.append(&taken, &[began(Step::Mint)], &[], false, 0).await.unwrap();
    assert_eq!(first.replay(&at.rotation).await.unwrap(), second.replay(&at.rotation).await.unwrap());
}

#[tokio::test]
async fn erased_bytes_are_neither_in_the_file_nor_in_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let files = ["journal.db", "journal.db-wal"].map(|name| folder.path().join(name));
    let journal = keep(&path).await;
    let at = start(&journal, 1).await;
    assert!(files.iter().any(|file| holds(file, "ciphertext of old")), "the test looks in the right place");
    journal.append(&at, &[event(1, Fact::Healthy)], &[], true, 0).await.unwrap();
    assert!(!files.iter().any(|file| holds(file, "ciphertext of old")));
}

#[tokio::test]
async fn records_are_not_changed_by_mistake_and_a_changed_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let journal = keep(&folder.path().join("journal.db")).await;
    let at = start(&journal, 1).await;
    let at = journal.append(&at, &[event(1, Fact::Healthy), event(2, Fact::Proved)], &[], false, 0).await.unwrap();
    let said = run(&journal, "UPDATE records SET event = '{}'").await.unwrap_err().to_string();
    assert!(said.contains("records are never changed"), "{said}");
    let said = run(&journal, "DELETE FROM leaves").await.unwrap_err().to_string();
    assert!(said.contains("leaves are never deleted"), "{said}");
    run(&journal, "DROP TRIGGER records_hold; DROP TRIGGER records_stay").await.unwrap();
    for (statement, seq, flaw) in [
        ("UPDATE records SET event = replace(event, 'healthy', 'proved') WHERE seq = 2", 2, Flaw::Altered),
        ("UPDATE records SET event = replace(event, 'proved', 'healthy') || ' ' WHERE seq = 2", 2, Flaw::Altered),
        ("UPDATE records SET event = rtrim(event, ' }') WHERE seq = 2", 2, Flaw::Unreadable),
        ("DELETE FROM records WHERE seq = 2", 2, Flaw::Missing),
        ("DELETE FROM records WHERE seq = 3", 2, Flaw::Missing),
    ] {
        run(&journal, statement).await.unwrap();
        match journal.replay(&at.rotation).await {
            Err(JournalError::Damaged(broken)) => {
                assert_eq!(broken, Broken::Record { rotation: rotation(1), seq, flaw }, "{statement}");
            }
            outcome => panic!("{statement}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn an_event_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let journal = keep(&folder.path().join("journal.db")).await;
    let at = start(&journal, 1).await;
    let event = r#"{"at":5,"fact":"blessed"}"#;
    let previous = journal.replay(&at.rotation).await.unwrap()[0].hash.clone();
    let mut record =
        chain(&at.rotation, &previous, 2, 1, 0, &[super::super::contract::event(5, Fact::Proved)]).unwrap();
    let mut newer = record.remove(0);
    newer.hash = super::super::chain::hash(&previous, &at.rotation, 2, 1, 0, event);
    let mut work = journal.database.write().await.unwrap();
    insert_record(&mut work, &newer, event).await.unwrap();
    work.commit().await.unwrap();
    let said = journal.replay(&at.rotation).await.unwrap_err();
    assert!(matches!(said, JournalError::Damaged(Broken::Record { seq: 2, flaw: Flaw::Unreadable, .. })), "{said:?}");
}

/// The same rotation as if another version had written its plan.
async fn read_as(change: impl FnOnce(&mut serde_json::Value)) -> Result<Vec<Record>, JournalError> {
    let folder = tempfile::tempdir().unwrap();
    let journal = keep(&folder.path().join("journal.db")).await;
    let at = start(&journal, 1).await;
    let mut event = serde_json::to_value(opened(1)).unwrap();
    change(&mut event["fact"]["opened"]);
    let event = canonical(&event);
    let hash = super::super::chain::hash(&Hash::nothing(), &at.rotation, 1, 1, 0, &event);
    run(&journal, "DROP TRIGGER records_hold").await.unwrap();
    let mut work = journal.begin().await.unwrap();
    work.run("UPDATE records SET event = $1, hash = $2", &[(&event).into(), hash.as_str().into()]).await.unwrap();
    work.commit().await.unwrap();
    journal.replay(&at.rotation).await
}

#[tokio::test]
async fn a_plan_that_would_be_understood_in_part_is_refused_and_one_that_says_less_is_read() {
    let newer = read_as(|plan| plan["quorum"] = 2.into()).await.unwrap_err();
    let JournalError::Damaged(broken) = newer else { panic!("{newer:?}") };
    assert_eq!(broken, Broken::Record { rotation: rotation(1), seq: 1, flaw: Flaw::Newer });
    assert!(broken.to_string().contains("run the newer stanch"), "{broken}");
    let deeper = read_as(|plan| plan["policy"]["patience"] = "long".into()).await;
    assert!(matches!(deeper, Err(JournalError::Damaged(Broken::Record { flaw: Flaw::Newer, .. }))), "{deeper:?}");
    read_as(|_| ()).await.unwrap();
    read_as(|plan| plan["quorum"] = serde_json::Value::Null).await.unwrap();
}

#[tokio::test]
async fn without_room_nothing_begins_and_outcomes_are_still_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = keep(&path).await;
    let reserve = folder.path().join("journal.db-reserve");
    assert_eq!(std::fs::metadata(&reserve).unwrap().len(), RESERVE_BYTES);
    let at = start(&journal, 1).await;
    journal.room_bytes = u64::MAX;
    let refused = journal.open("other", &opened(2), &[], &lease("a", 0), 0).await;
    assert!(matches!(refused, Err(JournalError::Full { needed_bytes: u64::MAX, .. })), "{refused:?}");
    assert!(matches!(journal.replay(&rotation(2)).await, Err(JournalError::Missing { .. })));

    // A file that may not grow, once: the limit belongs to the connection, which is given up with the failed work.
    let at_the_limit = || async {
        let mut work = journal.database.write().await.unwrap();
        sqlx::raw_sql("PRAGMA max_page_count = 1").execute(work.connection()).await.unwrap();
        work.commit().await.unwrap();
    };
    let large = sealed(&"x".repeat(100_000));
    at_the_limit().await;
    let next = journal.append(&at, &[minted(&large)], std::slice::from_ref(&large), false, 0).await.unwrap();
    assert_eq!(journal.replay(&at.rotation).await.unwrap().len(), 2);
    assert!(!reserve.exists(), "the reserve made room");

    at_the_limit().await;
    let begun = [began(Step::Mint)];
    let larger = sealed(&"y".repeat(100_000));
    let refused = journal.append(&next, &begun, std::slice::from_ref(&larger), false, 0).await;
    assert!(matches!(refused, Err(JournalError::Full { .. })), "{refused:?}");
    assert_eq!(journal.replay(&at.rotation).await.unwrap().len(), 2, "nothing half-written");
    assert!(reserve.exists(), "made again before anything begins, and not given up for it");
}

#[tokio::test]
async fn people_on_call_read_the_views() {
    let folder = tempfile::tempdir().unwrap();
    let journal = keep(&folder.path().join("journal.db")).await;
    let at = start(&journal, 1).await;
    let closed = start(&journal, 2).await;
    journal.append(&at, &[began(Step::Mint)], &[], false, 0).await.unwrap();
    journal.append(&closed, &[event(1, Fact::Healthy)], &[], true, 0).await.unwrap();
    let pause = Fact::Ordered(Order::Pause, Person::new("ada"), "lunch".into());
    journal.leave_word(&at.rotation, &pause, None, &Person::new("ada"), Timestamp(0)).await.unwrap();
    let mut work = journal.database.read().await.unwrap();
    let open: Vec<(String, String, i64, String, String, String, i64)> = sqlx::query_as(
        "SELECT rotation, opened, records, last_fact, last_detail, holder, words_waiting FROM v_open_rotations",
    )
    .fetch_all(work.connection())
    .await
    .unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].0.as_str(), open[0].1.as_str(), open[0].2), ("C-0001", "1970-01-01T00:00:01Z", 2));
    assert_eq!((open[0].3.as_str(), open[0].5.as_str(), open[0].6), ("began", "a", 1));
    assert!(open[0].4.contains(r#""step":"mint""#), "{}", open[0].4);
    let audit: Vec<(i64, String, i64, String)> =
        sqlx::query_as("SELECT leaf, rotation, seq, fact FROM v_audit").fetch_all(work.connection()).await.unwrap();
    let facts: Vec<_> = audit.iter().map(|(leaf, of, seq, fact)| (*leaf, of.as_str(), *seq, fact.as_str())).collect();
    assert_eq!(
        facts,
        [
            (1, "C-0001", 1, "opened"),
            (2, "C-0002", 1, "opened"),
            (3, "C-0001", 2, "began"),
            (4, "C-0002", 2, "healthy")
        ]
    );
}

/// The variable that makes [`child_that_appends`] a child.
const CHILD: &str = "STANCH_TEST_JOURNAL";

/// Appends without end and says which records are acknowledged; does nothing unless it is the child of the next test.
#[tokio::test]
async fn child_that_appends() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let journal = keep(Path::new(&path)).await;
    let id = rotation(1);
    let mut at = match journal.acquire(&id, &lease("child", u64::MAX / 4)).await {
        Ok(at) => at,
        Err(JournalError::Missing { .. }) => start(&journal, 1).await,
        Err(error) => panic!("{error:?}"),
    };
    loop {
        at = journal.append(&at, &[event(at.seq, Fact::Healthy)], &[], false, 0).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {}", at.seq - 1).unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut acknowledged = 0;
    for enough in [1, 3, 17, 40, 2] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::durable::tests::child_that_appends", "--nocapture", "--test-threads", "1"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines.by_ref() {
            if let Some((_, seq)) = line.unwrap().split_once("acknowledged ") {
                (acknowledged, seen) = (seq.parse().unwrap(), seen + 1);
            }
            if seen == enough {
                break;
            }
        }
        assert_eq!(seen, enough, "the child ended by itself");
        child.kill().unwrap();
        // What it said until the signal came counts too; a last line may be cut.
        for line in lines.map_while(Result::ok) {
            acknowledged = line.strip_prefix("acknowledged ").and_then(|seq| seq.parse().ok()).unwrap_or(acknowledged);
        }
        child.wait().unwrap();
        let records = keep(&path).await.replay(&rotation(1)).await.unwrap();
        assert!(records.len() as u64 >= acknowledged, "{} of {acknowledged}", records.len());
        for (record, seq) in records.iter().zip(1..).skip(1) {
            assert_eq!((record.seq, &record.event), (seq, &event(seq, Fact::Healthy)));
        }
    }
}

/// Needs a disk of its own, 24 MiB or so, named by `STANCH_TEST_SMALL_DISK`: `mount -t tmpfs -o size=24m none /mnt/small`.
#[tokio::test]
#[ignore = "needs a small file system"]
async fn a_disk_that_runs_full_takes_outcomes_but_no_intents() {
    let folder = tempfile::tempdir_in(std::env::var("STANCH_TEST_SMALL_DISK").unwrap()).unwrap();
    let journal = keep(&folder.path().join("journal.db")).await;
    let at = start(&journal, 1).await;
    let ballast = folder.path().join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let large = sealed(&"x".repeat(200_000));
    let at = journal.append(&at, &[minted(&large)], std::slice::from_ref(&large), false, 0).await.unwrap();
    let at = journal.append(&at, &[event(5, Fact::Proved)], &[], false, 0).await.unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let refused = journal.append(&at, &[began(Step::Revoke)], &[], false, 0).await;
    assert!(matches!(refused, Err(JournalError::Full { .. })), "{refused:?}");
    let refused = journal.open("other", &opened(2), &[], &lease("a", 0), 0).await;
    assert!(matches!(refused, Err(JournalError::Full { .. })), "{refused:?}");
    assert_eq!(journal.replay(&rotation(1)).await.unwrap().len(), 3);
    assert_eq!(journal.sealed(&rotation(1), &large.digest).await.unwrap(), Some(large));
    drop(file);
    std::fs::remove_file(&ballast).unwrap();
    let at = journal.append(&at, &[began(Step::Revoke)], &[], false, 0).await.unwrap();

    // A restart on a full disk still brings what was begun to an end, at the cost of the reserve.
    journal.database.close().await;
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let again = keep(&folder.path().join("journal.db")).await;
    let at = Position { epoch: again.acquire(&at.rotation, &lease("b", 1_000)).await.unwrap().epoch, ..at };
    again.append(&at, &[event(6, Fact::Revoked)], &[], false, 0).await.unwrap();
}
