use super::super::contract::{began, event, held, opened, rotation, run_out, sealed};
use super::super::{Journal as _, Position};
use super::*;
use crate::database::{Database, scratch};
use crate::model::Person;
use crate::rotation::{Fact, Order, Step};
use std::path::Path;
use std::sync::Arc;

const NOW: Timestamp = Timestamp(1_000);

fn nobody_ended(_: &str) -> bool {
    false
}

async fn file(path: &Path) -> DurableJournal {
    DurableJournal::open(Arc::new(Database::open(path).await.unwrap())).await.unwrap()
}

async fn server() -> DurableJournal {
    DurableJournal::open(Arc::new(Database::connect(&scratch().await).await.unwrap())).await.unwrap()
}

/// Two rotations, one of them closed; a word, a trouble, a message and a leak.
async fn filled(journal: &DurableJournal) -> Position {
    let first = journal.open("one", &opened(1), &[sealed("old")], &run_out("a"), 0).await.unwrap();
    let second = journal.open("two", &opened(2), &[sealed("old")], &run_out("a"), 0).await.unwrap();
    let first = journal.append(&first, &[began(Step::Mint)], &[sealed("new")], false, 0).await.unwrap();
    journal.append(&second, &[event(5, Fact::Healthy)], &[], true, 0).await.unwrap();
    let pause = Fact::Ordered(Order::Pause, Person::new("ada"), "lunch".into());
    journal.leave_word(&rotation(1), &pause, Some(&sealed("word")), &Person::new("ada"), NOW).await.unwrap();
    journal.trouble(&rotation(1), Some("no such kind"), NOW).await.unwrap();
    let mut work = journal.begin().await.unwrap();
    for statement in [
        "INSERT INTO leaks VALUES ('s', 'f', 'd', 'k', 'p', 1, 2, NULL, 'reported', 'C-0001')",
        "INSERT INTO tips VALUES ('s', 'r', 'main', 'abc', 3)",
        "INSERT INTO deliveries VALUES ('s', 'one', 4)",
        "INSERT INTO outbox (sink, key, thread, notice, at, not_before) VALUES ('chat', 'k', 't', '{}', 5, 6)",
    ] {
        work.run(statement, &[]).await.unwrap();
    }
    work.commit().await.unwrap();
    first
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn everything_arrives_and_goes_on_there_and_never_here() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let (from, to) = (file(&path).await, server().await);
    let at = filled(&from).await;
    let moved = migrate(&from, &to, NOW, &nobody_ended).await.unwrap();
    assert!(!moved.before);
    let rows: Vec<_> = moved.rows.iter().map(|(name, count)| format!("{name} {count}")).collect();
    assert_eq!(
        rows.join(", "),
        "rotations 2, records 4, leaves 4, leases 2, sealed 2, inbox 1, checkpoints 0, forgotten_keys 0, troubles 1, leaks 1, tips 1, deliveries 1, outbox 1"
    );
    assert_eq!(moved.summary.records, 4);
    for number in [1, 2] {
        let rotation = rotation(number);
        assert_eq!(to.replay(&rotation).await.unwrap(), from.replay(&rotation).await.unwrap());
    }
    assert_eq!(to.list().await.unwrap(), from.list().await.unwrap());
    assert_eq!(to.sealed(&rotation(1), &sealed("new").digest).await.unwrap(), Some(sealed("new")));
    assert_eq!(to.waiting(&rotation(1)).await.unwrap(), from.waiting(&rotation(1)).await.unwrap());

    // It goes on there, under the next epoch and the next numbers.
    let taken = to.acquire(&rotation(1), &held("b")).await.unwrap();
    assert_eq!(taken, Position { epoch: 2, ..at.clone() });
    to.append(&taken, &[event(6, Fact::Proved)], &[], false, 0).await.unwrap();
    to.open("three", &opened(3), &[], &held("b"), 0).await.unwrap();
    let pause = Fact::Ordered(Order::Pause, Person::new("ada"), "again".into());
    assert!(to.leave_word(&rotation(3), &pause, None, &Person::new("ada"), NOW).await.unwrap() > 1);

    // Nothing more is written here, by a process that has the file open from before or by a new one.
    assert_eq!(from.moved().await.unwrap(), Some(to.database().place()));
    assert!(from.append(&at, &[event(7, Fact::Proved)], &[], false, 0).await.is_err());
    assert!(from.acquire(&rotation(1), &held("c")).await.is_err());
    assert!(file(&path).await.open("four", &opened(4), &[], &held("c"), 0).await.is_err());
    let again = migrate(&from, &to, NOW, &nobody_ended).await.unwrap();
    assert!(again.before && again.rows.is_empty() && again.summary.records > moved.summary.records, "{again:?}");
    assert_eq!(to.replay(&rotation(1)).await.unwrap().len(), 3, "what happened there since stands");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn one_that_is_in_use_damaged_or_not_alone_is_not_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (file(&folder.path().join("journal.db")).await, server().await);
    let at = filled(&from).await;
    from.attend(&held("7:a")).await.unwrap();
    let refused = migrate(&from, &to, NOW, &nobody_ended).await.unwrap_err();
    assert!(matches!(&refused, MigrateError::Attended { process, .. } if process == "7"), "{refused:?}");
    from.stop_attending("7:a").await.unwrap();
    from.acquire(&at.rotation, &held("8:b")).await.unwrap();
    let refused = migrate(&from, &to, NOW, &nobody_ended).await.unwrap_err();
    assert!(matches!(&refused, MigrateError::Leased { process, .. } if process == "8"), "{refused:?}");
    assert!(to.list().await.unwrap().is_empty() && from.moved().await.unwrap().is_none());

    let other = server().await;
    other.open("other", &opened(1), &[], &held("a"), 0).await.unwrap();
    let gone = |holder: &str| holder == "8:b";
    let empty = file(&folder.path().join("empty.db")).await;
    for from in [&from, &empty] {
        let refused = migrate(from, &other, NOW, &gone).await.unwrap_err();
        assert!(matches!(refused, MigrateError::Occupied { .. }), "{refused:?}");
    }
    to.attend(&held("9:c")).await.unwrap();
    let refused = migrate(&from, &to, NOW, &gone).await.unwrap_err();
    assert!(matches!(&refused, MigrateError::Attended { process, .. } if process == "9"), "{refused:?}");
    to.stop_attending("9:c").await.unwrap();

    let mut work = from.begin().await.unwrap();
    work.run("DROP TRIGGER records_hold", &[]).await.unwrap();
    work.run("UPDATE records SET event = replace(event, 'healthy', 'proved') WHERE rotation = 'C-0002'", &[])
        .await
        .unwrap();
    work.commit().await.unwrap();
    let refused = migrate(&from, &to, NOW, &gone).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Broken { .. }), "{refused:?}");
    assert!(to.list().await.unwrap().is_empty() && from.moved().await.unwrap().is_none(), "nothing was moved");
}
