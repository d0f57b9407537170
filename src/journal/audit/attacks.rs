//! Whoever can write the journal's file changes it in every way; each time the place is named. The careful one writes the
//! chain anew after the change, so that nothing but the checkpoint tells.

use super::super::chain::{hash, link};
use super::super::contract::{event, lease, rotation};
use super::super::{Checkpoint, EvidenceFolder, Journal as _};
use super::tests::{broken, exported, written};
use super::*;
use crate::model::Timestamp;
use crate::rotation::Fact;
use crate::seal::Signer;
use std::fs;
use std::sync::Arc;

/// How many records were checkpointed first, and in all.
const FIRST: u64 = 9;
const SIGNED: u64 = 12;

struct World {
    folder: tempfile::TempDir,
    signer: Signer,
    /// Every record in the order of its writing; two of them after the last checkpoint.
    entries: Vec<Entry>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::load_or_create(&folder.path().join("key"), Some("example.com/log")).unwrap();
        let journal = written(folder.path()).await;
        let mut to = EvidenceFolder::open(&folder.path().join("away")).unwrap();
        journal.mark(&signer, Some(&mut to), Timestamp(1)).await.unwrap().unwrap();
        let mut at = journal.acquire(&rotation(2), &lease("b", 1_000_000)).await.unwrap();
        for (number, fact) in (1..).zip([Fact::Proved, Fact::Healthy, Fact::Restarted, Fact::Proved, Fact::Healthy]) {
            at = journal.append(&at, &[event(2_000_000, fact)], &[], false, 5).await.unwrap();
            if number == 3 {
                let marked = journal.mark(&signer, Some(&mut to), Timestamp(2)).await.unwrap().unwrap();
                assert_eq!(marked.checkpoint.size, SIGNED);
            }
        }
        let text = exported(&journal, None).await;
        journal.database().close().await;
        let entries = text.lines().map(|line| parse(format!("{line}\n").as_bytes()).unwrap().parts().2).collect();
        Self { folder, signer, entries }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn evidence(&self, name: &str) -> Evidence {
        Evidence::read(&self.at(name), std::slice::from_ref(self.signer.key())).unwrap()
    }

    /// The record that stood there.
    fn place(&self, number: u64) -> (RotationId, u64) {
        let entry = &self.entries[usize::try_from(number).unwrap() - 1];
        (entry.rotation.clone(), entry.seq)
    }

    /// The database as a forger would leave it, of these records, everything else as it follows from them.
    async fn forged(&self, entries: &[Entry]) -> PathBuf {
        let path = self.at("forged.db");
        fs::copy(self.at("journal.db"), &path).unwrap();
        let database = Database::open(&path).await.unwrap();
        let mut work = database.write().await.unwrap();
        let clean = "DROP TRIGGER records_stay; DROP TRIGGER records_hold; DROP TRIGGER leaves_stay; DROP TRIGGER leaves_hold; \
                     DELETE FROM records; DELETE FROM leaves; UPDATE rotations SET records = 0";
        sqlx::raw_sql(clean).execute(work.connection()).await.unwrap();
        let (mut heads, mut last) = (std::collections::BTreeMap::new(), Hash::nothing());
        for (number, entry) in (1_u64..).zip(entries) {
            let (before, previous) = heads.get(&entry.rotation).cloned().unwrap_or((0_u64, Hash::nothing()));
            let seq = before + 1;
            let event = canonical(&entry.event);
            let made = hash(&previous, &entry.rotation, seq, entry.epoch, entry.monotonic, &event);
            last = link(&last, number, &made);
            let of = entry.rotation.as_str();
            work.run(
                "INSERT INTO records VALUES ($1, $2, $3, $4, $5, $6, $7)",
                &[
                    of.into(),
                    seq.into(),
                    entry.epoch.into(),
                    entry.monotonic.into(),
                    (&event).into(),
                    previous.as_str().into(),
                    made.as_str().into(),
                ],
            )
            .await
            .unwrap();
            work.run(
                "INSERT INTO leaves VALUES ($1, $2, $3, $4)",
                &[number.into(), of.into(), seq.into(), last.as_str().into()],
            )
            .await
            .unwrap();
            work.run(
                "UPDATE rotations SET records = $1, head = $2 WHERE rotation = $3",
                &[seq.into(), made.as_str().into(), of.into()],
            )
            .await
            .unwrap();
            heads.insert(entry.rotation.clone(), (seq, made));
        }
        work.commit().await.unwrap();
        database.close().await;
        path
    }

    /// What a forgery comes to: nothing without a checkpoint, and its place with one and its index, in the database and in
    /// an export of it.
    async fn judged(&self, entries: &[Entry], evidence: &Evidence) -> Result<Summary, AuditError> {
        let path = self.forged(entries).await;
        verify_file(&path, Demands::default()).await.unwrap();
        let demands = Demands { evidence: Some(evidence), people: None };
        let outcome = verify_file(&path, demands).await;
        let journal = DurableJournal::open(Arc::new(Database::open(&path).await.unwrap())).await.unwrap();
        let export = self.at("forged.jsonl");
        fs::write(&export, exported(&journal, None).await).unwrap();
        journal.database().close().await;
        let again = verify_file(&export, demands).await;
        assert_eq!(format!("{outcome:?}"), format!("{again:?}"));
        outcome
    }
}

fn found(broken: Broken) -> (u64, RotationId, u64, Flaw) {
    match broken {
        Broken::Entry { number, rotation, seq, flaw } => (number, rotation, seq, flaw),
        other => panic!("{other:?}"),
    }
}

fn other(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    entry.event["at"] = (entry.event["at"].as_u64().unwrap() + 1).into();
    entry
}

#[tokio::test]
async fn a_chain_that_was_written_anew_is_found_at_the_record_that_was_changed() {
    let world = World::new().await;
    let evidence = world.evidence("away");
    let whole =
        verify_file(&world.at("journal.db"), Demands { evidence: Some(&evidence), people: None }).await.unwrap();
    let said = whole.to_string();
    assert!(said.contains("up to the checkpoint at record 12 is there, and example.com/log signed it"), "{said}");
    assert!(said.contains("The 2 after it were never checkpointed"), "{said}");
    for number in 1..=SIGNED + 2 {
        let at = usize::try_from(number).unwrap() - 1;
        let (of, seq) = world.place(number);
        let mut changed = world.entries.clone();
        changed[at] = other(&changed[at]);
        let mut dropped = world.entries.clone();
        dropped.remove(at);
        let mut added = world.entries.clone();
        added.insert(at, other(&world.entries[0]));
        let mut cut = world.entries.clone();
        cut.truncate(at);
        if number > SIGNED {
            for forged in [&changed, &dropped, &added, &cut] {
                world.judged(forged, &evidence).await.unwrap();
            }
            continue;
        }
        let expected = (number, of.clone(), seq);
        let of_place = |(number, of, seq, _)| (number, of, seq);
        let altered = found(broken(world.judged(&changed, &evidence).await));
        assert_eq!(altered, (number, of.clone(), seq, Flaw::Rewritten));
        assert_eq!(of_place(found(broken(world.judged(&dropped, &evidence).await))), expected, "dropped");
        let moved = {
            let mut moved = world.entries.clone();
            moved.swap(at, at + 1);
            moved
        };
        // The two records of one rotation that were exchanged can be alike in all but their order.
        if moved[at].rotation != moved[at + 1].rotation {
            assert_eq!(
                found(broken(world.judged(&moved, &evidence).await)),
                (number, of.clone(), seq, Flaw::Misplaced)
            );
        } else {
            assert_eq!(of_place(found(broken(world.judged(&moved, &evidence).await))), expected, "moved");
        }
        if at > 0 {
            assert_eq!(found(broken(world.judged(&cut, &evidence).await)), (number, of.clone(), seq, Flaw::Missing));
        }
        let inserted = found(broken(world.judged(&added, &evidence).await));
        assert_eq!(inserted.0, number, "inserted: {inserted:?}");
        if of != rotation(1) {
            let nth = world.entries[..at].iter().filter(|entry| entry.rotation == rotation(1)).count() as u64;
            assert_eq!(inserted, (number, rotation(1), nth + 1, Flaw::Inserted));
        }
    }
}

#[tokio::test]
async fn without_an_index_the_records_between_two_checkpoints_are_named() {
    let world = World::new().await;
    fs::create_dir(world.at("alone")).unwrap();
    for size in [FIRST, SIGNED] {
        let name = format!("checkpoint-{size:020}");
        fs::copy(world.at("away").join(&name), world.at("alone").join(&name)).unwrap();
    }
    let evidence = world.evidence("alone");
    for (number, range) in
        [(1, (1, FIRST)), (FIRST, (1, FIRST)), (FIRST + 1, (FIRST + 1, SIGNED)), (SIGNED, (FIRST + 1, SIGNED))]
    {
        let mut entries = world.entries.clone();
        let at = usize::try_from(number).unwrap() - 1;
        entries[at] = other(&entries[at]);
        let said = broken(world.judged(&entries, &evidence).await);
        assert_eq!(said, Broken::Range { from: range.0, to: range.1 }, "{number}");
    }
    let cut = broken(world.judged(&world.entries[..10], &evidence).await);
    assert_eq!(cut, Broken::Leaf { number: 11, flaw: Flaw::Missing });
}

/// Every column of every record and of the order, byte by byte, by one who knows SQL and nothing of the chain.
#[tokio::test]
async fn every_flipped_byte_of_every_column_is_found_at_its_record() {
    let world = World::new().await;
    let evidence = world.evidence("away");
    let database = Database::open(&world.at("journal.db")).await.unwrap();
    let mut work = database.write().await.unwrap();
    let triggers = "DROP TRIGGER records_stay; DROP TRIGGER records_hold; DROP TRIGGER leaves_stay; DROP TRIGGER leaves_hold; \
                    PRAGMA defer_foreign_keys = ON";
    sqlx::raw_sql(triggers).execute(work.connection()).await.unwrap();
    let mut flipped = 0;
    for number in 1..=SIGNED {
        let (of, seq) = world.place(number);
        let whose = format!("WHERE rotation = '{of}' AND seq = {seq}");
        let mut changes = Vec::new();
        for (table, column) in [
            ("records", "rotation"),
            ("records", "event"),
            ("records", "previous"),
            ("records", "hash"),
            ("leaves", "rotation"),
            ("leaves", "link"),
        ] {
            let read = format!("SELECT CAST({column} AS BLOB) FROM {table} {whose}");
            let bytes: Vec<u8> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(read)).fetch_one(work.connection()).await.unwrap();
            for (at, bit) in (0..bytes.len())
                .step_by(if bytes.len() > 100 { 5 } else { 1 })
                .zip([1, 0x80, 4, 0x20].into_iter().cycle())
            {
                let mut bytes = bytes.clone();
                bytes[at] ^= bit;
                let blob = data_encoding::HEXUPPER.encode(&bytes);
                changes.push(format!("UPDATE {table} SET {column} = CAST(x'{blob}' AS TEXT) {whose}"));
            }
        }
        for (table, column) in [
            ("records", "seq"),
            ("records", "epoch"),
            ("records", "monotonic"),
            ("leaves", "seq"),
            ("leaves", "number"),
        ] {
            for by in ["+ 64", "+ 4611686018427387904", "- 9223372036854775807"] {
                changes.push(format!("UPDATE {table} SET {column} = {column} {by} {whose}"));
            }
        }
        for change in changes {
            sqlx::raw_sql("SAVEPOINT before").execute(work.connection()).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(change.clone())).execute(work.connection()).await.unwrap();
            let demands = Demands { evidence: Some(&evidence), people: None };
            let (place_number, place, place_seq, _) =
                found(broken(verify_tables(&mut work, demands.walk().unwrap()).await));
            let early = change.starts_with("UPDATE leaves SET number = number -");
            assert_eq!(
                (place_number, place, place_seq),
                if early {
                    let (of, seq) = world.place(1);
                    (1, of, seq)
                } else {
                    (number, of.clone(), seq)
                },
                "{change}"
            );
            sqlx::raw_sql("ROLLBACK TO before").execute(work.connection()).await.unwrap();
            flipped += 1;
        }
    }
    assert!(flipped > 3_000, "{flipped}");
}

#[tokio::test]
async fn evidence_that_was_changed_itself_is_not_believed() {
    let world = World::new().await;
    let keys = std::slice::from_ref(world.signer.key());
    let stranger = Signer::load_or_create(&world.at("another"), Some("example.com/log")).unwrap();
    let refused = Evidence::read(&world.at("away"), std::slice::from_ref(stranger.key())).unwrap_err();
    assert!(matches!(refused, EvidenceError::Note { .. }), "{refused:?}");
    let checkpoint = world.at("away").join(format!("checkpoint-{SIGNED:020}"));
    let index = world.at("away").join(format!("index-{:020}-{SIGNED:020}", FIRST + 1));
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replacen("C-0002 5", "C-0002 6", 1)).unwrap();
    let refused = Evidence::read(&world.at("away"), keys).unwrap_err();
    assert!(matches!(refused, EvidenceError::Index { size: SIGNED, .. }), "{refused:?}");
    // One line less is an index that ends earlier; everything up to there is still named.
    fs::write(&index, text.trim_end()).unwrap();
    assert_eq!(Evidence::read(&world.at("away"), keys).unwrap().indexed, FIRST);
    let whole = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, whole.replacen("\n12\n", "\n13\n", 1)).unwrap();
    let refused = Evidence::read(&checkpoint, keys).unwrap_err();
    assert!(refused.to_string().contains("is not to be believed"), "{refused}");
    fs::write(&checkpoint, whole.get(..whole.len() - 9).unwrap()).unwrap();
    assert_eq!(
        world.evidence("away").checkpoints().iter().map(|one| one.size).collect::<Vec<_>>(),
        [FIRST],
        "a crash cut the last"
    );
    assert!(matches!(Evidence::read(&checkpoint, keys), Err(EvidenceError::Note { .. })));
    fs::remove_file(&checkpoint).unwrap();
    assert_eq!(Checkpoint::parse(&whole).unwrap().size, SIGNED);
    fs::create_dir(world.at("nothing")).unwrap();
    assert!(matches!(Evidence::read(&world.at("nothing"), keys), Err(EvidenceError::None { .. })));
    assert!(matches!(Evidence::read(&world.at("nowhere"), keys), Err(EvidenceError::Read { .. })));
}
