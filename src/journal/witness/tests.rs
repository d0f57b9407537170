use super::super::contract::{began, event, held, lease, opened, sealed};
use super::*;
use crate::database::{Database, copied, scratch, taken_over};
use crate::journal::Journal as _;
use crate::rotation::{Fact, Step};
use std::sync::Arc;

async fn keep(folder: &Path) -> DurableJournal {
    let database = Database::open(&folder.join("journal.db")).await.unwrap();
    DurableJournal::open(Arc::new(database)).await.unwrap().witnessed(&folder.join("seen")).unwrap()
}

async fn start(journal: &DurableJournal, number: u64) -> Position {
    journal.open(&format!("i{number}"), &opened(number), &[sealed("old")], &lease("a", 0), 0).await.unwrap()
}

/// The database as it lies there, without what was seen.
fn copy(from: &Path, to: &Path) {
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _was_there = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

fn is_back<T: std::fmt::Debug>(outcome: Result<T, JournalError>, seen: u64, records: u64) {
    match outcome {
        Err(JournalError::WentBack { seen: number, records: there, .. }) => {
            assert_eq!((number, there), (seen, records))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_acknowledged_is_noted_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let journal = keep(folder.path()).await;
    journal.demand_seen().await.unwrap();
    let at = start(&journal, 1).await;
    let noted = || std::fs::read_to_string(folder.path().join("seen")).unwrap();
    assert!(noted().starts_with("1 "), "{}", noted());
    let at = journal.append(&at, &[began(Step::Mint), event(1, Fact::Healthy)], &[], false, 0).await.unwrap();
    assert!(noted().starts_with("3 "), "{}", noted());
    // Another process goes on, and this one then too.
    let other = keep(folder.path()).await;
    other.demand_seen().await.unwrap();
    let taken = other.acquire(&at.rotation, &lease("b", 1_000)).await.unwrap();
    other.append(&taken, &[event(2, Fact::Proved)], &[], false, 0).await.unwrap();
    start(&journal, 2).await;
    assert!(noted().starts_with("5 "), "{}", noted());
    journal.demand_seen().await.unwrap();
    // What is refused is not acknowledged.
    journal.append(&at, &[event(3, Fact::Proved)], &[], false, 0).await.unwrap_err();
    assert!(noted().starts_with("5 "), "{}", noted());
    let left = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|file| file.as_ref().is_ok_and(|file| file.file_name().to_string_lossy().starts_with("seen.")));
    assert_eq!(left.count(), 0, "nothing is left beside it");
}

#[tokio::test]
async fn a_restored_copy_is_read_but_nothing_is_done_from_it() {
    let (folder, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = keep(folder.path()).await;
    let at = start(&journal, 1).await;
    copy(folder.path(), backup.path());
    journal.append(&at, &[began(Step::Mint), event(1, Fact::Healthy)], &[], false, 0).await.unwrap();
    drop(journal);
    copy(backup.path(), folder.path());
    let restored = keep(folder.path()).await;
    is_back(restored.demand_seen().await, 3, 1);
    is_back(restored.acquire(&at.rotation, &lease("a", 0)).await, 3, 1);
    is_back(restored.take_up(&[(at.rotation.clone(), None)], &lease("b", 1 << 40)).await, 3, 1);
    is_back(restored.append(&at, &[event(1, Fact::Healthy)], &[], false, 0).await, 3, 1);
    is_back(restored.open("other", &opened(2), &[sealed("x")], &lease("a", 0), 0).await, 3, 1);
    assert_eq!(restored.replay(&at.rotation).await.unwrap().len(), 1, "it can be looked at");
    assert_eq!(restored.list().await.unwrap().len(), 1);
    // Whoever looked at it all takes the note away.
    std::fs::remove_file(folder.path().join("seen")).unwrap();
    let accepted = keep(folder.path()).await;
    accepted.demand_seen().await.unwrap();
    accepted.append(&at, &[event(1, Fact::Healthy)], &[], false, 0).await.unwrap();
}

#[tokio::test]
async fn a_copy_that_grew_again_is_known_by_its_chain() {
    let (folder, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = keep(folder.path()).await;
    let at = start(&journal, 1).await;
    copy(folder.path(), backup.path());
    journal.append(&at, &[began(Step::Mint)], &[], false, 0).await.unwrap();
    drop(journal);
    // Somebody who did not see it went on from the copy: as many records, and more.
    for events in [vec![event(9, Fact::Healthy)], vec![event(9, Fact::Healthy), event(9, Fact::Proved)]] {
        let grown = tempfile::tempdir().unwrap();
        copy(backup.path(), grown.path());
        let stranger = keep(grown.path()).await;
        stranger.append(&at, &events, &[], false, 0).await.unwrap();
        drop(stranger);
        copy(grown.path(), folder.path());
        let records = 1 + events.len() as u64;
        let restored = keep(folder.path()).await;
        is_back(restored.demand_seen().await, 2, records);
        is_back(restored.acquire(&at.rotation, &lease("a", 0)).await, 2, records);
    }
}

#[tokio::test]
async fn a_note_that_was_cut_is_none_and_one_that_cannot_be_written_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for cut in ["", "7", "7 ab", "seven ab\n"] {
        std::fs::write(folder.path().join("seen"), cut).unwrap();
        keep(folder.path()).await.demand_seen().await.unwrap();
    }
    std::fs::remove_file(folder.path().join("seen")).unwrap();
    let journal = keep(folder.path()).await;
    std::fs::create_dir(folder.path().join("seen")).unwrap();
    let at = start(&journal, 1).await;
    journal.append(&at, &[event(1, Fact::Healthy)], &[], false, 0).await.unwrap();
    // And yet this process knows.
    assert_eq!(journal.witness.as_ref().unwrap().seen().unwrap().number, 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_server_that_takes_over_without_the_last_records_is_refused_by_whoever_saw_them() {
    let (server, folder) = (scratch().await, tempfile::tempdir().unwrap());
    let database = Arc::new(Database::connect(&server).await.unwrap());
    let journal = DurableJournal::open(database).await.unwrap().witnessed(&folder.path().join("seen")).unwrap();
    let at = journal.open("i1", &opened(1), &[sealed("old")], &held("a"), 0).await.unwrap();
    let behind = copied(&server).await;
    let events = [began(Step::Mint), event(1, Fact::Healthy)];
    let next = again(|| journal.append(&at, &events, &[], false, 0)).await.unwrap();
    taken_over(&server, &behind).await;
    // The same process, whose sessions were cut: its place is gone, and so is what it would take up.
    is_back(again(|| journal.demand_seen()).await, 3, 1);
    is_back(journal.acquire(&at.rotation, &held("a")).await, 3, 1);
    is_back(journal.append(&at, &[began(Step::Mint)], &[], false, 0).await, 3, 1);
    assert!(matches!(
        journal.append(&next, &[event(2, Fact::Proved)], &[], false, 0).await,
        Err(JournalError::Fenced { .. })
    ));
    // Another machine that saw nothing of it goes on, and grows past it; this one still knows.
    let stranger = DurableJournal::open(Arc::new(Database::connect(&server).await.unwrap())).await.unwrap();
    let more = [event(1, Fact::Healthy), event(2, Fact::Healthy), event(3, Fact::Healthy)];
    stranger.append(&at, &more, &[], false, 0).await.unwrap();
    is_back(journal.demand_seen().await, 3, 4);
    is_back(journal.take_up(&[(at.rotation.clone(), Some("a".to_owned()))], &held("b")).await, 3, 4);
}

/// Sessions that were cut come back.
async fn again<T, Work>(mut work: impl FnMut() -> Work) -> Result<T, JournalError>
where
    Work: Future<Output = Result<T, JournalError>>,
{
    for _ in 0..50 {
        match work().await {
            Err(JournalError::Database { .. }) => {}
            outcome => return outcome,
        }
    }
    work().await
}
