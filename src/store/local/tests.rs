use super::super::contract;
use super::*;
use crate::seal::FileKey;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn store(&self) -> LocalStore {
        self.exporting([].into())
    }

    fn exporting(&self, exports: BTreeMap<StorePath, PathBuf>) -> LocalStore {
        let key = FileKey::load_or_create(&self.folder.path().join("key")).unwrap();
        LocalStore::new(LocalSettings { directory: self.vault(), exports }, Sealer::new(key))
    }

    fn vault(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.vault()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn at() -> StorePath {
    StorePath::new("shop/db ../é")
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

async fn current(store: &LocalStore) -> Secret {
    store.read(&at(), &Which::Current).await.unwrap().1
}

#[tokio::test]
async fn the_local_store_keeps_the_contract() {
    let world = World::new();
    let store = world.store();
    store.put(&at(), &secret("old")).await.unwrap();
    contract::check(&store, &at(), "l").await;
}

#[tokio::test]
async fn what_is_written_outlives_the_process_and_is_sealed() {
    let world = World::new();
    world.store().put(&at(), &secret("a-value-in-plain-words")).await.unwrap();
    assert!(current(&world.store()).await.same_as(&secret("a-value-in-plain-words")));
    assert_eq!(std::fs::metadata(world.vault()).unwrap().mode() & 0o777, 0o700);
    assert!(!world.files().is_empty());
    for file in world.files() {
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600, "{}", file.display());
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(b"in-plain".len()).any(|window| window == b"in-plain"));
    }
}

#[tokio::test]
async fn a_write_that_was_cut_leaves_the_old_content_and_is_cleared_away() {
    let world = World::new();
    let store = world.store();
    store.put(&at(), &secret("old")).await.unwrap();
    let file = world.files().into_iter().find(|file| file.extension().is_some_and(|e| e == "json")).unwrap();
    let cut = PathBuf::from(format!("{}.new", file.display()));
    std::fs::write(&cut, b"{\"current\":").unwrap();
    assert!(current(&store).await.same_as(&secret("old")), "a cut write is never read");
    store.put(&at(), &secret("new")).await.unwrap();
    assert!(current(&store).await.same_as(&secret("new")));
    assert!(!cut.exists());
}

#[tokio::test]
async fn one_of_many_writers_wins() {
    let world = World::new();
    let stores: Vec<LocalStore> = (0..8).map(|_| world.store()).collect();
    stores[0].put(&at(), &secret("old")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for (index, store) in stores.iter().cloned().enumerate() {
        tasks.spawn(async move {
            let value = secret(&format!("value-{index}"));
            let staged = store.stage(&at(), &value, &Label::new(format!("label-{index}"))).await.unwrap();
            // Every writer saw the first version: only one of them may leave it.
            let staged = Staged { previous: Version::new("1"), ..staged };
            (index, store.promote(&at(), &staged, &value).await)
        });
    }
    let mut won = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done.unwrap() {
            (index, Ok(_)) => won.push(index),
            (_, Err(error)) => assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}"),
        }
    }
    assert_eq!(won.len(), 1, "exactly one compare-and-set succeeds");
    assert!(current(&stores[0]).await.same_as(&secret(&format!("value-{}", won[0]))));
}

#[tokio::test]
async fn an_export_follows_every_promotion_and_is_its_owners() {
    let world = World::new();
    let plain = world.folder.path().join("billing.env");
    let store = world.exporting([(at(), plain.clone())].into());
    store.put(&at(), &secret("old")).await.unwrap();
    assert_eq!(std::fs::read(&plain).unwrap(), b"old");
    let staged = store.stage(&at(), &secret("new"), &Label::new("l")).await.unwrap();
    assert_eq!(std::fs::read(&plain).unwrap(), b"old", "a staged value is not handed out");
    store.promote(&at(), &staged, &secret("new")).await.unwrap();
    assert_eq!(std::fs::read(&plain).unwrap(), b"new");
    assert_eq!(std::fs::metadata(&plain).unwrap().mode() & 0o777, 0o600);
    // Cut between the store's file and the export: a repeated promotion mends it.
    std::fs::write(&plain, b"old").unwrap();
    store.promote(&at(), &staged, &secret("new")).await.unwrap();
    assert_eq!(std::fs::read(&plain).unwrap(), b"new");
}

#[tokio::test]
async fn old_versions_go_but_those_in_use_stay() {
    let world = World::new();
    let store = world.store();
    for index in 0..30 {
        store.put(&at(), &secret(&format!("value-{index}"))).await.unwrap();
    }
    let of = |number: u64| Which::Exactly(version(number));
    assert!(matches!(store.read(&at(), &of(1)).await, Err(StoreError::Missing { .. })));
    assert!(store.read(&at(), &of(29)).await.unwrap().1.same_as(&secret("value-28")));
    // The version that is current stays, however many are staged after it.
    for index in 0..30 {
        store.stage(&at(), &secret("staged"), &Label::new(format!("label-{index}"))).await.unwrap();
    }
    assert!(current(&store).await.same_as(&secret("value-29")));
    assert!(store.read(&at(), &of(29)).await.is_ok(), "the way back stays open");
}

#[tokio::test]
async fn values_cannot_be_moved_to_another_path_or_read_without_the_key() {
    let world = World::new();
    let store = world.store();
    let other = StorePath::new("other");
    store.put(&at(), &secret("one")).await.unwrap();
    let first = world.files().into_iter().find(|file| file.extension().is_some_and(|e| e == "json")).unwrap();
    store.put(&other, &secret("two")).await.unwrap();
    let second =
        world.files().into_iter().find(|file| *file != first && file.extension().is_some_and(|e| e == "json")).unwrap();
    std::fs::copy(&first, &second).unwrap();
    let read = store.read(&other, &Which::Current).await;
    assert!(matches!(read, Err(StoreError::Unreadable { .. })), "{read:?}");
    std::fs::write(&second, b"not json").unwrap();
    assert!(matches!(store.ready(&other).await, Err(StoreError::Unreadable { .. })));
    std::fs::remove_file(world.folder.path().join("key")).unwrap();
    let stranger = world.store().read(&at(), &Which::Current).await;
    assert!(matches!(stranger, Err(StoreError::Unreadable { .. })));
}

#[tokio::test]
async fn a_directory_that_is_open_to_others_is_refused() {
    let world = World::new();
    std::fs::create_dir(world.vault()).unwrap();
    std::fs::set_permissions(world.vault(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = world.store().put(&at(), &secret("x")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Local { .. }));
}
