use super::super::contract::{began, event, lease, opened, rotation, sealed};
use super::super::{Journal as _, Position};
use super::*;
use crate::rotation::{Fact, Step};
use proptest::prelude::*;
use std::fs;
use std::sync::Arc;

/// Nothing but a chain that is whole.
const NOTHING: Demands<'static> = Demands { evidence: None, people: None };

/// Three rotations whose records alternate, 9 leaves: 1 2 3 · 1 2 3 · 1 2 3.
pub(super) async fn written(folder: &Path) -> DurableJournal {
    let database = Arc::new(Database::open(&folder.join("journal.db")).await.unwrap());
    let journal = DurableJournal::open(database).await.unwrap();
    let mut places: Vec<Position> = Vec::new();
    for number in 1..=3 {
        let identity = number.to_string();
        places.push(journal.open(&identity, &opened(number), &[sealed("old")], &lease("a", 0), 0).await.unwrap());
    }
    for events in [[began(Step::Verify)], [event(7, Fact::Proved)]] {
        for at in &mut places {
            *at = journal.append(at, &events, &[], false, 0).await.unwrap();
        }
    }
    journal
}

pub(super) async fn exported(journal: &DurableJournal, rotation: Option<&RotationId>) -> String {
    let mut bytes = Vec::new();
    export(journal, rotation, &mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

fn check(text: &str) -> Result<Summary, AuditError> {
    verify_lines(Path::new("export.jsonl"), text.as_bytes(), Walk::default())
}

pub(super) fn broken(outcome: Result<Summary, AuditError>) -> Broken {
    match outcome {
        Err(AuditError::Broken(broken)) => broken,
        outcome => panic!("{outcome:?}"),
    }
}

fn record(number: u64, seq: u64, flaw: Flaw) -> Broken {
    Broken::Record { rotation: rotation(number), seq, flaw }
}

/// The record at its place among all: the rotations alternate.
fn entry(of: u64, seq: u64, flaw: Flaw) -> Broken {
    record(of, seq, flaw).at(3 * (seq - 1) + of)
}

#[tokio::test]
async fn an_export_and_a_copy_verify_to_the_same_head_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let journal = written(folder.path()).await;
    let text = exported(&journal, None).await;
    assert_eq!(text.lines().count(), 9);
    assert!(!text.contains("ciphertext") && !text.contains("wrapped"));
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&first["seq"], &first["leaf"], &first["rotation"]), (&1.into(), &1.into(), &"C-0001".into()));
    let export = folder.path().join("export.jsonl");
    fs::write(&export, &text).unwrap();
    let by_export = verify_file(&export, NOTHING).await.unwrap();
    assert_eq!((by_export.rotations, by_export.records), (3, 9));
    assert!(by_export.to_string().contains("cannot be seen without a checkpoint"), "{by_export}");
    let path = folder.path().join("journal.db");
    assert_eq!(verify_file(&path, NOTHING).await.unwrap(), by_export, "beside the living writer");
    journal.database().close().await;
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    assert_eq!(verify_file(&copy, NOTHING).await.unwrap(), by_export);
    assert!(by_export.root.is_some());
}

#[tokio::test]
async fn one_rotation_verifies_alone_and_says_what_it_cannot_know() {
    let folder = tempfile::tempdir().unwrap();
    let journal = written(folder.path()).await;
    for number in 1..=3 {
        let text = exported(&journal, Some(&rotation(number))).await;
        let summary = check(&text).unwrap();
        assert_eq!((summary.rotations, summary.records, summary.root), (1, 3, None));
        assert!(summary.to_string().contains("other rotations left out"), "{summary}");
        let without_middle: String =
            text.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| format!("{line}\n")).collect();
        assert_eq!(
            broken(check(&without_middle)),
            record(number, 2, Flaw::Missing).at(6 + number),
            "where it is noticed"
        );
    }
    let outcome = export(&journal, Some(&rotation(9)), &mut Vec::new()).await;
    assert!(matches!(outcome, Err(AuditError::Journal(JournalError::Missing { .. }))), "{outcome:?}");
}

#[tokio::test]
async fn a_rotation_taken_out_whole_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = written(folder.path()).await;
    let text = exported(&journal, None).await;
    let without: String = text
        .lines()
        .filter(|line| !line.contains(r#""rotation":"C-0002","seq""#))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(without.lines().count(), 6);
    assert_eq!(broken(check(&without)), Broken::Leaf { number: 2, flaw: Flaw::Missing });
}

#[tokio::test]
async fn tampering_with_the_database_is_found() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await.database().close().await;
    let whole = fs::read(folder.path().join("journal.db")).unwrap();
    let leaf = |number, flaw| Broken::Leaf { number, flaw };
    for (index, (statement, expected)) in [
        ("UPDATE records SET epoch = 2 WHERE rotation = 'C-0002' AND seq = 2", entry(2, 2, Flaw::Altered)),
        ("UPDATE records SET event = replace(event, '1002', '1003') WHERE rotation = 'C-0002'", entry(2, 1, Flaw::Altered)),
        ("DELETE FROM records WHERE rotation = 'C-0003' AND seq = 3", entry(3, 3, Flaw::Missing)),
        ("DELETE FROM records WHERE rotation = 'C-0002'", entry(2, 1, Flaw::Missing)),
        ("DELETE FROM records WHERE rotation = 'C-0002'; DELETE FROM leaves WHERE rotation = 'C-0002'", leaf(2, Flaw::Missing)),
        ("DELETE FROM leaves WHERE number = 9", record(3, 3, Flaw::Inserted)),
        ("DELETE FROM records WHERE rotation = 'C-0003' AND seq = 3; DELETE FROM leaves WHERE number = 9", record(3, 3, Flaw::Missing)),
        ("UPDATE leaves SET link = 'x' WHERE number = 4", entry(1, 2, Flaw::Altered)),
        ("UPDATE leaves SET number = 99 WHERE number = 4; UPDATE leaves SET number = 4 WHERE number = 5; \
          UPDATE leaves SET number = 5 WHERE number = 99", record(2, 2, Flaw::Altered).at(4)),
        ("INSERT INTO records SELECT 'C-0001', 4, epoch, monotonic, event, previous, hash FROM records WHERE rotation = 'C-0001' AND seq = 3",
         record(1, 4, Flaw::Inserted)),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{index}.db"));
        fs::write(&path, &whole).unwrap();
        let database = Database::open(&path).await.unwrap();
        let mut work = database.write().await.unwrap();
        let triggers = "DROP TRIGGER records_stay; DROP TRIGGER records_hold; DROP TRIGGER leaves_stay; DROP TRIGGER leaves_hold";
        sqlx::raw_sql(triggers).execute(work.connection()).await.unwrap();
        sqlx::raw_sql(statement).execute(work.connection()).await.unwrap();
        work.commit().await.unwrap();
        database.close().await;
        assert_eq!(broken(verify_file(&path, NOTHING).await), expected, "{statement}");
    }
}

#[tokio::test]
async fn what_holds_no_record_is_not_called_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    Database::open(&path).await.unwrap().close().await;
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    for path in [&path, &empty] {
        assert!(matches!(verify_file(path, NOTHING).await, Err(AuditError::Empty { .. })), "{}", path.display());
    }
    fs::write(&empty, "not a record\n").unwrap();
    assert!(matches!(verify_file(&empty, NOTHING).await, Err(AuditError::Line { line: 1, .. })));
    assert!(matches!(verify_file(&folder.path().join("none"), NOTHING).await, Err(AuditError::Read { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever byte of an export is changed, whatever line is dropped, repeated or moved: never called good.
    #[test]
    fn no_changed_export_is_called_good(
        at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), byte in any::<u8>(), what in 0..4,
    ) {
        let text = sample();
        let mut lines: Vec<&str> = text.lines().collect();
        let (from, to) = (at.index(lines.len()), other.index(lines.len()));
        let mut bytes = text.as_bytes().to_vec();
        match what {
            0 => {
                let at = at.index(bytes.len());
                prop_assume!(bytes[at] != byte);
                bytes[at] = byte;
            }
            1 => {
                prop_assume!(from + 1 < lines.len());
                lines.remove(from);
            }
            2 => lines.insert(to, lines[from]),
            _ => {
                prop_assume!(from != to);
                lines.swap(from, to);
            }
        }
        if what > 0 {
            bytes = lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
        }
        let outcome = verify_lines(Path::new("export.jsonl"), bytes.as_slice(), Walk::default());
        prop_assert!(matches!(outcome, Err(AuditError::Broken(_) | AuditError::Line { .. })), "{:?}", outcome);
    }
}

fn sample() -> &'static str {
    static SAMPLE: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    SAMPLE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(async { exported(&written(folder.path()).await, None).await })
    })
}
