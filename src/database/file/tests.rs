use super::*;
use crate::database::{Database, Transaction};
use std::os::unix::fs::PermissionsExt as _;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn run(path: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn count(database: &Database) -> i64 {
    let mut work = database.read().await.unwrap();
    let count = sqlx::query_scalar("SELECT count(*) FROM inbox").fetch_one(work.connection()).await.unwrap();
    work.undo().await.unwrap();
    count
}

async fn insert(work: &mut Transaction<'_>) {
    let statement = "INSERT INTO rotations (rotation, credential, identity, opened, records, head) \
         VALUES ('C-0001', 'c', 'i', 0, 0, '') ON CONFLICT DO NOTHING; \
         INSERT INTO inbox (rotation, fact, who, at) VALUES ('C-0001', 'x', 'w', 0)";
    sqlx::raw_sql(statement).execute(work.connection()).await.unwrap();
}

#[tokio::test]
async fn it_is_made_private_durable_and_with_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/journal.db");
    let database = Database::open(&path).await.unwrap();
    let mut work = database.write().await.unwrap();
    insert(&mut work).await;
    for (pragma, wanted) in [
        ("SELECT journal_mode FROM pragma_journal_mode", "wal"),
        ("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous", "2"),
        ("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys", "1"),
        ("SELECT CAST(secure_delete AS TEXT) FROM pragma_secure_delete", "1"),
        ("SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout", "5000"),
        ("SELECT CAST(user_version AS TEXT) FROM pragma_user_version", "6"),
    ] {
        let found: String = sqlx::query_scalar(pragma).fetch_one(work.connection()).await.unwrap();
        assert_eq!(found, wanted, "{pragma}");
    }
    work.commit().await.unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
    database.close().await;
    assert_eq!(count(&Database::open(&path).await.unwrap()).await, 1, "what was there is kept");
}

#[tokio::test]
async fn a_file_that_others_could_read_is_made_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    Database::open(&path).await.unwrap().close().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    Database::open(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn work_that_is_dropped_or_undone_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("journal.db")).await.unwrap();
    let mut work = database.write().await.unwrap();
    insert(&mut work).await;
    work.undo().await.unwrap();
    let mut work = database.write().await.unwrap();
    insert(&mut work).await;
    drop(work);
    assert_eq!(count(&database).await, 0);
    let mut work = database.write().await.unwrap();
    insert(&mut work).await;
    work.commit().await.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "these are notes, and they are long enough to have a header of a hundred bytes. ".repeat(9))
        .unwrap();
    let foreign = folder.path().join("foreign.db");
    run(&foreign, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").await;
    let newer = folder.path().join("newer.db");
    Database::open(&newer).await.unwrap().close().await;
    run(&newer, "PRAGMA user_version = 9").await;
    for (path, wanted) in [
        (&text, "is not a database: move it away"),
        (&foreign, "is the database of another program"),
        (&newer, "has the schema 9, this version knows 6: run the newer stanch"),
    ] {
        let before = fs::read(path).unwrap();
        for outcome in [Database::open(path).await, Database::open_to_read(path).await] {
            let said = outcome.unwrap_err().to_string();
            assert!(said.contains(wanted) && said.contains(path.to_str().unwrap()), "{said}");
        }
        assert_eq!(fs::read(path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let path = folder.path().join("file/journal.db");
    let error = Database::open(&path).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Make { .. }), "{error:?}");
    assert!(matches!(Database::open_to_read(&folder.path().join("none")).await, Err(DatabaseError::Failed { .. })));
    assert!(!folder.path().join("none").exists());
}

#[tokio::test]
async fn a_full_file_is_said_and_the_next_write_works() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("journal.db")).await.unwrap();
    let mut work = database.write().await.unwrap();
    insert(&mut work).await;
    // The limit belongs to the connection, which is given up with the failed work.
    sqlx::raw_sql("PRAGMA max_page_count = 1").execute(work.connection()).await.unwrap();
    let grown = work.run("UPDATE inbox SET fact = hex(randomblob(100000))", &[]).await;
    assert!(matches!(grown, Err(DatabaseError::Full { .. })), "{grown:?}");
    drop(work);
    let mut work = database.write().await.unwrap();
    insert(&mut work).await;
    work.commit().await.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn a_copy_is_read_where_nothing_may_be_written_and_cannot_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let database = Database::open(&path).await.unwrap();
    let mut work = database.write().await.unwrap();
    insert(&mut work).await;
    work.commit().await.unwrap();
    let beside = Database::open_to_read(&path).await.unwrap();
    assert_eq!(count(&beside).await, 1, "beside a living writer");
    database.flush().await.unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o400)).unwrap();
    let copied = Database::open_to_read(&copy).await.unwrap();
    assert_eq!(count(&copied).await, 1);
    let mut work = copied.read().await.unwrap();
    assert!(sqlx::query("DELETE FROM inbox").execute(work.connection()).await.is_err());
    assert!(!folder.path().join("copy.db-wal").exists() && !folder.path().join("copy.db-shm").exists());
}

#[tokio::test]
async fn several_that_open_at_once_get_one_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let workers: Vec<_> = (0..6)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let database = Database::open(&path).await.unwrap();
                let mut work = database.write().await.unwrap();
                insert(&mut work).await;
                work.commit().await.unwrap();
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(count(&Database::open(&path).await.unwrap()).await, 6);
}

/// Wherever a crash cuts the log: every whole write is there, nothing of the cut one, and it is seen.
#[tokio::test]
async fn a_log_that_was_cut_ends_with_its_last_whole_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let database = Database::open(&path).await.unwrap();
    let mut ends = Vec::new();
    for _ in 0..4 {
        let mut work = database.write().await.unwrap();
        insert(&mut work).await;
        work.commit().await.unwrap();
        ends.push(fs::metadata(folder.path().join("journal.db-wal")).unwrap().len());
    }
    let (file, log) = (fs::read(&path).unwrap(), fs::read(folder.path().join("journal.db-wal")).unwrap());
    assert_eq!(torn::cut_bytes(&folder.path().join("journal.db-wal")).unwrap(), 0);
    assert_eq!(torn::cut_bytes(&folder.path().join("none")).unwrap(), 0);
    for (cut, flipped) in [(1, 0), (24, 0), (4_096, 0), (0, 1), (0, 2_000)] {
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("journal.db");
        fs::write(&path, &file).unwrap();
        let mut bytes = log.clone();
        if flipped > 0 {
            let at = bytes.len() - flipped;
            bytes[at] ^= 1;
        }
        bytes.truncate(bytes.len() - cut);
        fs::write(copy.path().join("journal.db-wal"), &bytes).unwrap();
        assert_eq!(
            torn::cut_bytes(&copy.path().join("journal.db-wal")).unwrap(),
            bytes.len() as u64 - ends[2],
            "{cut} {flipped}"
        );
        let opened = Database::open(&path).await.unwrap();
        assert_eq!(count(&opened).await, 3, "{cut} {flipped}");
        let mut work = opened.write().await.unwrap();
        insert(&mut work).await;
        work.commit().await.unwrap();
        assert_eq!(count(&opened).await, 4);
    }
}
