use super::super::contract::{event, lease, opened};
use super::super::{Evidence, Journal as _, Position};
use super::*;
use crate::database::Database;
use crate::rotation::Fact;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const NOW: Timestamp = Timestamp(7);

async fn journal(folder: &Path) -> DurableJournal {
    DurableJournal::open(Arc::new(Database::open(&folder.join("journal.db")).await.unwrap())).await.unwrap()
}

fn signer(folder: &Path) -> Signer {
    Signer::load_or_create(&folder.join("checkpoint.key"), None).unwrap()
}

async fn grow(journal: &DurableJournal, at: Position, by: u64) -> Position {
    let events: Vec<_> = (0..by).map(|number| event(5_000 + number, Fact::Healthy)).collect();
    journal.append(&at, &events, &[], false, 0).await.unwrap()
}

async fn start(journal: &DurableJournal) -> Position {
    journal.open("i", &opened(1), &[], &lease("a", 0), 0).await.unwrap()
}

async fn run(journal: &DurableJournal, statement: &'static str) {
    let mut work = journal.begin().await.unwrap();
    sqlx::raw_sql(statement).execute(work.connection()).await.unwrap();
    work.commit().await.unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn each_checkpoint_is_published_once_with_all_records_up_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, signer, away) = (journal(folder.path()).await, signer(folder.path()), folder.path().join("a/way"));
    let mut to = EvidenceFolder::open(&away).unwrap();
    assert_eq!(journal.mark(&signer, Some(&mut to), NOW).await.unwrap(), None);
    let at = start(&journal).await;
    let first = journal.mark(&signer, None, NOW).await.unwrap().unwrap();
    assert_eq!((first.checkpoint.size, &first.path), (1, &None));
    let at = grow(&journal, at, 1_500).await;
    let second = journal.mark(&signer, Some(&mut to), NOW).await.unwrap().unwrap();
    assert_eq!(journal.mark(&signer, Some(&mut to), NOW).await.unwrap().unwrap(), second, "nothing new");
    grow(&journal, at, 4).await;
    // Another process, or the same one after a restart.
    let mut again = EvidenceFolder::open(&away).unwrap();
    journal.mark(&signer, Some(&mut again), NOW).await.unwrap().unwrap();
    let number = |number: u64| format!("{number:020}");
    let index = |from, to| format!("index-{}-{}", number(from), number(to));
    assert_eq!(
        names(&away),
        [
            format!("checkpoint-{}", number(1_501)),
            format!("checkpoint-{}", number(1_505)),
            index(1, 1_000),
            index(1_001, 1_501),
            index(1_502, 1_505)
        ]
    );
    let evidence = Evidence::read(&away, std::slice::from_ref(signer.key())).unwrap();
    assert_eq!((evidence.checkpoints().len(), evidence.indexed), (2, 1_505));
}

#[tokio::test]
async fn the_next_one_goes_on_from_the_last_and_believes_only_its_own_signature() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, signer) = (journal(folder.path()).await, signer(folder.path()));
    let at = grow(&journal, start(&journal).await, 9).await;
    journal.mark(&signer, None, NOW).await.unwrap().unwrap();
    let at = grow(&journal, at, 1).await;
    let honest = journal.mark(&signer, None, NOW).await.unwrap().unwrap().checkpoint;
    let at = grow(&journal, at, 1).await;
    for forged in [
        "UPDATE checkpoints SET peaks = (SELECT peaks || ' ' || peaks FROM checkpoints)",
        "UPDATE checkpoints SET size = 10",
        "UPDATE checkpoints SET note = replace(note, char(10) || size || char(10), char(10) || (size + 1) || char(10))",
        "UPDATE checkpoints SET note = ''",
        "DELETE FROM checkpoints",
    ] {
        run(&journal, forged).await;
        let (tree, kept) = journal.kept_tree(&signer).await.unwrap();
        assert_eq!((tree, kept), (Tree::default(), None), "{forged}");
        let signed = journal.mark(&signer, None, NOW).await.unwrap().unwrap().checkpoint;
        assert_eq!(signed.size, 12);
        assert_ne!(signed.root, honest.root);
    }
    // What came before is not read again: one who changes it now changes no checkpoint that follows.
    run(&journal, "DROP TRIGGER records_hold; UPDATE records SET hash = 'x' WHERE seq = 3").await;
    let whole = journal.mark(&signer, None, NOW).await.unwrap().unwrap().checkpoint;
    grow(&journal, at, 1).await;
    assert_eq!(journal.mark(&signer, None, NOW).await.unwrap().unwrap().checkpoint.size, whole.size + 1);
    let stranger = Signer::load_or_create(&folder.path().join("other"), None).unwrap();
    assert_eq!(journal.kept_tree(&stranger).await.unwrap().0, Tree::default());
}

#[tokio::test]
async fn a_journal_that_was_cut_or_written_anew_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, signer, away) = (journal(folder.path()).await, signer(folder.path()), folder.path().join("away"));
    let mut to = EvidenceFolder::open(&away).unwrap();
    grow(&journal, start(&journal).await, 5).await;
    journal.mark(&signer, Some(&mut to), NOW).await.unwrap().unwrap();
    let before = names(&away);
    run(&journal, "DROP TRIGGER records_hold; DROP TRIGGER records_stay; DROP TRIGGER leaves_stay").await;
    run(&journal, "UPDATE records SET hash = 'x' WHERE seq = 6; DELETE FROM checkpoints").await;
    let refused = journal.mark(&signer, Some(&mut to), NOW).await.unwrap_err();
    assert!(matches!(refused, MarkError::Rewritten { published: 6 }), "{refused:?}");
    run(&journal, "DELETE FROM records WHERE seq = 6; DELETE FROM leaves WHERE seq = 6").await;
    let refused = journal.mark(&signer, Some(&mut to), NOW).await.unwrap_err();
    assert!(matches!(refused, MarkError::Cut { published: 6, size: 5 }), "{refused:?}");
    run(&journal, "DELETE FROM leaves WHERE seq = 3").await;
    let refused = journal.mark(&signer, None, NOW).await.unwrap_err();
    assert!(matches!(refused, MarkError::Broken(Broken::Leaf { number: 3, .. })), "{refused:?}");
    assert_eq!(names(&away), before, "nothing was published");
}

#[tokio::test]
async fn what_a_crash_cut_is_completed_and_what_somebody_else_wrote_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, signer, away) = (journal(folder.path()).await, signer(folder.path()), folder.path().join("away"));
    grow(&journal, start(&journal).await, 5).await;
    let mut to = EvidenceFolder::open(&away).unwrap();
    journal.mark(&signer, Some(&mut to), NOW).await.unwrap().unwrap();
    let whole: Vec<_> =
        names(&away).into_iter().map(|name| (away.join(&name), fs::read(away.join(&name)).unwrap())).collect();
    for length in [0, 1, 40, 200] {
        for (path, bytes) in &whole {
            fs::write(path, &bytes[..length.min(bytes.len())]).unwrap();
        }
        let mut to = EvidenceFolder::open(&away).unwrap();
        journal.mark(&signer, Some(&mut to), NOW).await.unwrap().unwrap();
        assert_eq!(Evidence::read(&away, &[]).unwrap().indexed, 6, "{length}");
        for (path, bytes) in whole.iter().filter(|(path, _)| path.display().to_string().contains("checkpoint")) {
            assert_eq!(&fs::read(path).unwrap(), bytes);
        }
    }
    fs::write(&whole[0].0, "something else").unwrap();
    let refused = journal.mark(&signer, Some(&mut to), NOW).await.unwrap_err();
    assert!(matches!(refused, MarkError::Evidence(EvidenceError::Occupied { .. })), "{refused:?}");
    assert_eq!(fs::read(&whole[0].0).unwrap(), b"something else");
}
