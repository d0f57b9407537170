use super::super::contract::{event, held, lease, opened, rotation};
use super::super::{Demands, Journal, Position, verify_file};
use super::*;
use crate::database::{Database, scratch};
use crate::model::{Person, Secret};
use crate::rotation::{Fact, Order};
use crate::seal::{FileKey, Keys};
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct World {
    folder: tempfile::TempDir,
    journal: DurableJournal,
    sealer: Sealer,
    keys: Keys,
}

impl World {
    async fn in_a_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("journal.db")).await.unwrap();
        Self::of(folder, database).await
    }

    async fn on_a_server() -> Self {
        Self::of(tempfile::tempdir().unwrap(), Database::connect(&scratch().await).await.unwrap()).await
    }

    async fn of(folder: tempfile::TempDir, database: Database) -> Self {
        let journal = DurableJournal::open(Arc::new(database)).await.unwrap();
        let path = folder.path().join("envelope.key");
        let sealer = Sealer::new(FileKey::load_or_create(&path).unwrap());
        Self { folder, journal, sealer, keys: Keys::at(&path) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    fn seal(&self, text: &str) -> Sealed {
        self.sealer.seal("c", &secret(text)).unwrap()
    }

    async fn open(&self, number: u64) -> (Position, Sealed) {
        let sealed = self.seal(&format!("value {number}"));
        let of = std::slice::from_ref(&sealed);
        let at = self.journal.open(&number.to_string(), &opened(number), of, &held("a"), 0).await.unwrap();
        (at, sealed)
    }

    fn turn(&self) -> String {
        let next = self.keys.make().unwrap();
        self.keys.turn_to(&next).unwrap();
        next
    }

    async fn reads(&self, number: u64, old: &Sealed) -> Sealed {
        let kept = self.journal.sealed(&rotation(number), &old.digest).await.unwrap().unwrap();
        let opened = Sealer::new(FileKey::load_or_create(&self.folder.path().join("envelope.key")).unwrap());
        assert!(opened.open("c", &kept).unwrap().same_as(&secret(&format!("value {number}"))));
        kept
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn pause() -> Fact {
    Fact::Ordered(Order::Pause, Person::new("ada"), "lunch".into())
}

/// Whether any file of the journal holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let path = file.unwrap().path();
        // The room that is kept for a full disk holds nothing.
        if path.to_str().unwrap().ends_with("-reserve") {
            return false;
        }
        let file = std::fs::read(path).unwrap();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

async fn everything_is_put_under_the_new_key_and_the_chain_stays(world: World) {
    let mut old = Vec::new();
    for number in 1..=230 {
        old.push(world.open(number).await.1);
    }
    let word = world.seal("word");
    let ada = Person::new("ada");
    world.journal.leave_word(&rotation(7), &pause(), Some(&word), &ada, Timestamp(0)).await.unwrap();
    let before = world.journal.values_by_key().await.unwrap();
    assert_eq!(before, BTreeMap::from([(old[0].key.clone(), 231)]));
    let records = world.journal.replay(&rotation(7)).await.unwrap();

    let next = world.turn();
    let resealed = world.journal.reseal(&world.sealer, &next).await.unwrap();
    assert!(resealed.changed == 231 && resealed.left.is_empty(), "{resealed:?}");
    assert_eq!(world.journal.values_by_key().await.unwrap(), BTreeMap::from([(next.clone(), 231)]));
    assert_eq!(world.journal.reseal(&world.sealer, &next).await.unwrap().changed, 0);

    world.journal.forget_key(&old[0].key, false, Timestamp(1)).await.unwrap();
    world.keys.forget(&old[0].key).unwrap();
    for (number, old) in (1..).zip(&old) {
        let kept = world.reads(number, old).await;
        assert_eq!((&kept.ciphertext, &kept.key), (&old.ciphertext, &next));
    }
    let waiting = world.journal.waiting(&rotation(7)).await.unwrap().unwrap().sealed.unwrap();
    assert_eq!((&waiting.digest, &waiting.key), (&word.digest, &next));
    assert!(world.sealer.open("c", &waiting).unwrap().same_as(&secret("word")));
    assert_eq!(world.journal.replay(&rotation(7)).await.unwrap(), records);
}

/// A process that holds the old key still: refused whole, and nothing is kept that nobody opens.
async fn nothing_is_kept_under_a_key_that_was_forgotten(world: World) {
    let (at, old) = world.open(1).await;
    let late = world.seal("late");
    let refused = world.journal.forget_key(&old.key, false, Timestamp(1)).await.unwrap_err();
    assert!(matches!(refused, JournalError::KeyInUse { values: 1, .. }), "{refused:?}");
    let next = world.turn();
    world.journal.reseal(&world.sealer, &next).await.unwrap();
    world.journal.forget_key(&old.key, false, Timestamp(1)).await.unwrap();
    let of = std::slice::from_ref(&late);
    let refused = world.journal.append(&at, &[event(9, Fact::Healthy)], of, false, 0).await.unwrap_err();
    assert!(matches!(&refused, JournalError::KeyForgotten { key } if *key == old.key), "{refused:?}");
    let refused = world.journal.open("2", &opened(2), of, &lease("a", 0), 0).await.unwrap_err();
    assert!(matches!(refused, JournalError::KeyForgotten { .. }), "{refused:?}");
    let ada = Person::new("ada");
    let refused = world.journal.leave_word(&rotation(1), &pause(), Some(&late), &ada, Timestamp(0)).await.unwrap_err();
    assert!(matches!(refused, JournalError::KeyForgotten { .. }), "{refused:?}");
    assert_eq!(world.journal.replay(&rotation(1)).await.unwrap().len(), 1);
    let fresh = world.seal("fresh");
    world.journal.append(&at, &[event(9, Fact::Healthy)], &[fresh], false, 0).await.unwrap();
}

/// Others write while values are put under the new key.
async fn writers_are_not_in_the_way(world: World) {
    for number in 1..=20 {
        world.open(number).await;
    }
    let world = Arc::new(world);
    let writer = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            let mut sealed = Vec::new();
            for number in 21..=60 {
                let (at, old) = world.open(number).await;
                if number % 3 == 0 {
                    world.journal.append(&at, &[event(9, Fact::Healthy)], &[], true, 0).await.unwrap();
                } else {
                    sealed.push((number, old));
                }
            }
            sealed
        }
    });
    let mut next = String::new();
    for _ in 0..5 {
        next = world.turn();
        world.journal.reseal(&world.sealer, &next).await.unwrap();
    }
    let sealed = writer.await.unwrap();
    world.journal.reseal(&world.sealer, &next).await.unwrap();
    assert_eq!(world.journal.values_by_key().await.unwrap().into_keys().collect::<Vec<_>>(), [next]);
    for (number, old) in &sealed {
        world.reads(*number, old).await;
    }
}

macro_rules! everywhere {
    ($($name:ident)*) => {
        mod in_a_file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::World::in_a_file().await).await;
            })*
        }
        mod on_a_server {
            $(#[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs a real PostgreSQL: ./tests/run"]
            async fn $name() {
                super::$name(super::World::on_a_server().await).await;
            })*
        }
    };
}

everywhere! {
    everything_is_put_under_the_new_key_and_the_chain_stays
    nothing_is_kept_under_a_key_that_was_forgotten
    writers_are_not_in_the_way
}

#[tokio::test]
async fn a_value_whose_key_is_lost_is_told_and_the_others_are_done() {
    let world = World::in_a_file().await;
    let (_, lost) = world.open(1).await;
    let second = world.turn();
    world.open(2).await;
    world.keys.forget(&lost.key).unwrap();
    let third = world.turn();
    let restarted = Sealer::new(FileKey::load_or_create(&world.folder.path().join("envelope.key")).unwrap());
    let resealed = world.journal.reseal(&restarted, &third).await.unwrap();
    assert_eq!(resealed.changed, 1);
    assert!(
        matches!(&resealed.left[..], [(of, SealError::OtherKey { needed, .. })] if *of == rotation(1) && *needed == lost.key)
    );
    let counts = world.journal.values_by_key().await.unwrap();
    assert_eq!(counts, BTreeMap::from([(lost.key.clone(), 1), (third, 1)]));
    world.journal.forget_key(&second, false, Timestamp(1)).await.unwrap();
    world.journal.forget_key(&lost.key, true, Timestamp(1)).await.unwrap();
}

#[tokio::test]
async fn which_key_seals_is_said_once_and_changed_by_the_one_who_knows_it() {
    let world = World::in_a_file().await;
    assert_eq!(world.journal.sealing_key("a").await.unwrap(), "a");
    assert_eq!(world.journal.sealing_key("b").await.unwrap(), "a");
    assert!(!world.journal.turn_key("b", "c").await.unwrap());
    assert!(world.journal.turn_key("a", "c").await.unwrap());
    assert_eq!(world.journal.sealing_key("a").await.unwrap(), "c");
}

/// Large and small values, in pages of their own and beside others, before and after they were put under another key:
/// nothing of them is left on the disk when their rotations are over, not even in pages that nobody uses.
#[tokio::test]
async fn of_a_rotation_that_closed_no_sealed_byte_is_left_on_the_disk() {
    let world = World::in_a_file().await;
    let mut places = Vec::new();
    let mut marks = Vec::new();
    for (number, size) in (1..).zip([20, 300, 3_900, 4_100, 70_000, 200_000]) {
        let value = world.seal(&"x".repeat(size));
        let of = std::slice::from_ref(&value);
        places.push(world.journal.open(&number.to_string(), &opened(number), of, &held("a"), 0).await.unwrap());
        let word = world.seal(&"y".repeat(size / 3));
        let ada = Person::new("ada");
        world.journal.leave_word(&rotation(number), &pause(), Some(&word), &ada, Timestamp(0)).await.unwrap();
        for bytes in [&value.ciphertext, &value.wrapped] {
            marks.extend([bytes[..16].to_vec(), bytes[bytes.len() - 16..].to_vec()]);
        }
        // In the inbox it is text; three bytes are four letters.
        let text = data_encoding::BASE64.encode(&word.ciphertext);
        marks.extend([
            text.as_bytes()[..32].to_vec(),
            data_encoding::BASE64.encode(&word.wrapped).as_bytes()[..32].to_vec(),
        ]);
    }
    assert!(marks.iter().all(|mark| holds(world.folder.path(), mark)), "the test looks in the right place");
    let wraps: Vec<_> =
        marks.iter().enumerate().filter(|(nth, _)| matches!(nth % 6, 2 | 3 | 5)).map(|(_, mark)| mark).collect();
    let next = world.turn();
    world.journal.reseal(&world.sealer, &next).await.unwrap();
    assert!(!wraps.iter().any(|mark| holds(world.folder.path(), mark)), "what the old key wrapped is wiped");
    for at in &places {
        let kept = world.journal.values_by_key().await.unwrap();
        assert!(kept[&next] > 0);
        world.journal.append(at, &[event(9, Fact::Healthy)], &[], true, 0).await.unwrap();
    }
    assert!(world.journal.values_by_key().await.unwrap().is_empty());
    let left: Vec<_> = marks.iter().enumerate().filter(|(_, mark)| holds(world.folder.path(), mark)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(verify_file(&world.path(), Demands::default()).await.unwrap().records, 12);
}

/// A reader of another process keeps the log from being emptied; whoever writes next does it.
#[tokio::test]
async fn what_a_reader_kept_in_the_log_is_wiped_by_the_next_write() {
    let world = World::in_a_file().await;
    let (first, sealed) = world.open(1).await;
    let (second, _) = world.open(2).await;
    let beside = Database::open_to_read(&world.path()).await.unwrap();
    let mut reading = beside.read().await.unwrap();
    reading.row("SELECT count(*) FROM records", &[]).await.unwrap();
    world.journal.append(&first, &[event(9, Fact::Healthy)], &[], true, 0).await.unwrap();
    assert!(holds(world.folder.path(), &sealed.ciphertext), "the reader sees it still");
    reading.undo().await.unwrap();
    world.journal.append(&second, &[event(9, Fact::Proved)], &[], false, 0).await.unwrap();
    assert!(!holds(world.folder.path(), &sealed.ciphertext));
}
