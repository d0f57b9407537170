use super::*;
use crate::database::Database;

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: this test needs a real server, run ./tests/run"))
}

/// The real server that `tests/run` starts, and one of its databases.
pub(crate) fn server_of_tests(database: &str) -> Server {
    let (host, port) = (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
    let user = setting("STANCH_TEST_PG_ADMIN");
    let password = std::fs::read_to_string(setting("STANCH_TEST_PG_PASSWORD_FILE")).unwrap();
    let server = Server::parse(&format!("postgres://{user}@{host}:{port}/{database}?sslmode=disable")).unwrap();
    server.with_password(Secret::new(password.trim().as_bytes().to_vec()))
}

/// An empty database of its own.
pub(crate) async fn scratch() -> Server {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).unwrap();
    let name = format!("stanch_{}", data_encoding::HEXLOWER.encode(&bytes));
    run(&server_of_tests(&setting("STANCH_TEST_PG_DATABASE")), &format!("CREATE DATABASE {name}")).await;
    server_of_tests(&name)
}

async fn run(server: &Server, script: &str) {
    tried(server, script).await.unwrap();
}

async fn tried(server: &Server, script: &str) -> Result<(), sqlx::Error> {
    let mut session = server.options().unwrap().connect().await?;
    session.execute(sqlx::raw_sql(AssertSqlSafe(script.to_owned()))).await.map(|_| ())
}

/// Runs a script that needs a database to itself, whoever comes back to it in between.
async fn alone(database: &str, script: &str) {
    let admin = server_of_tests(&setting("STANCH_TEST_PG_DATABASE"));
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
    for left in (0..200).rev() {
        run(&admin, &end).await;
        match tried(&admin, script).await {
            Ok(()) => return,
            Err(error) if left == 0 => panic!("{error}"),
            Err(_) => {}
        }
    }
}

/// A copy of a database as it is now: what a standby has that is behind from now on.
pub(crate) async fn copied(server: &Server) -> String {
    let copy = format!("{}_behind", server.database);
    alone(&server.database, &format!("CREATE DATABASE {copy} TEMPLATE {}", server.database)).await;
    copy
}

/// Such a copy takes over, under the name of the database that it was made of.
pub(crate) async fn taken_over(server: &Server, copy: &str) {
    let database = &server.database;
    alone(database, &format!("ALTER DATABASE {database} RENAME TO {database}_gone")).await;
    alone(copy, &format!("ALTER DATABASE {copy} RENAME TO {database}")).await;
}

#[test]
fn an_address_is_read_and_never_holds_a_password() {
    let server = Server::parse("postgres://st%20anch@db.internal/journal").unwrap();
    assert_eq!(
        (server.place().as_str(), &server.transport),
        ("postgres://st anch@db.internal:5432/journal", &Transport::Verified(None))
    );
    let server = Server::parse("postgresql://stanch@[::1]:6000?sslmode=disable").unwrap();
    assert_eq!(
        (server.place().as_str(), &server.transport),
        ("postgres://stanch@[::1]:6000/stanch", &Transport::Clear)
    );
    let server = Server::parse("postgres://a@b/c?sslrootcert=/ca.pem&sslmode=verify-full").unwrap();
    assert_eq!(server.transport, Transport::Verified(Some("/ca.pem".into())));
    for (address, wanted) in [
        ("postgres://a:hush-hush@b/c", "it holds a password"),
        ("mysql://a@b/c", "write postgres://"),
        ("journal.db", "write postgres://"),
        ("postgres://b/c", "names no user"),
        ("postgres:///c", "names no"),
        ("postgres://a@b/c?sslmode=prefer", "verify-full, or disable"),
        ("postgres://a@b/c?options=x", "no parameters"),
    ] {
        let said = Server::parse(address).unwrap_err().to_string();
        assert!(said.contains(wanted) && !said.contains("hush-hush"), "{address}: {said}");
    }
    let sealed = Server::parse("postgres://a@b/c").unwrap().with_password(Secret::new(b"hush-hush".to_vec()));
    assert!(!format!("{sealed:?}").contains("hush"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn several_that_open_at_once_get_one_schema() {
    let server = scratch().await;
    let opening: Vec<_> = (0..6)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { Database::connect(&server).await.map(drop) })
        })
        .collect();
    for one in opening {
        one.await.unwrap().unwrap();
    }
    let database = Database::connect(&server).await.unwrap();
    let mut work = database.write().await.unwrap();
    work.take_turn().await.unwrap();
    assert!(work.now(0).await.unwrap() > 1_700_000_000_000, "the server's own clock");
    work.undo().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn what_is_not_ours_or_is_newer_is_refused_even_while_it_is_open() {
    let foreign = scratch().await;
    run(&foreign, "CREATE TABLE rotations (theirs TEXT)").await;
    let refused = Database::connect(&foreign).await.unwrap_err();
    assert!(matches!(refused, DatabaseError::Foreign { .. }), "{refused:?}");

    let server = scratch().await;
    let database = Database::connect(&server).await.unwrap();
    run(&server, "UPDATE stanch SET version = 99").await;
    let mut work = database.write().await.unwrap();
    let refused = work.take_turn().await.unwrap_err();
    assert!(matches!(refused, DatabaseError::Newer { found: 99, .. }), "{refused:?}");
    drop(work);
    let said = Database::connect(&server).await.unwrap_err().to_string();
    assert!(said.contains("has the schema 99, this version knows 2: run the newer stanch"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn who_is_not_let_in_is_told_so_and_nobody_sees_the_password() {
    let wrong = scratch().await.with_password(Secret::new(b"not-the-word".to_vec()));
    let refused = Database::connect(&wrong).await.unwrap_err();
    assert!(matches!(refused, DatabaseError::Refused { .. }), "{refused:?}");
    assert!(!format!("{refused:?}{refused}").contains("not-the-word"));
    let nowhere = Server::parse("postgres://a@127.0.0.1:9/c?sslmode=disable").unwrap();
    let away = Database::connect(&nowhere).await.unwrap_err();
    assert!(matches!(away, DatabaseError::Unreachable { .. }), "{away:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn sessions_that_the_server_ends_come_back() {
    let server = scratch().await;
    let database = Database::connect(&server).await.unwrap();
    database.write().await.unwrap().undo().await.unwrap();
    for _ in 0..3 {
        run(&server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").await;
        let mut work = database.write().await.unwrap();
        work.take_turn().await.unwrap();
        work.commit().await.unwrap();
    }
    let mut work = database.write().await.unwrap();
    run(&server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").await;
    let cut = work.take_turn().await.unwrap_err();
    assert!(matches!(cut, DatabaseError::Unreachable { .. }), "{cut:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_server_is_believed_by_its_authority_and_under_its_name_alone() {
    let database = scratch().await.database;
    let (port, frail) = (setting("STANCH_TEST_PG_PORT"), setting("STANCH_TEST_PG_FRAIL_PORT"));
    let (authority, stranger) = (setting("STANCH_TEST_PG_AUTHORITY"), setting("STANCH_TEST_PG_STRANGER"));
    let password = std::fs::read(setting("STANCH_TEST_PG_PASSWORD_FILE")).unwrap();
    let at = |host: &str, port: &str, more: &str| {
        let user = setting("STANCH_TEST_PG_ADMIN");
        let server = Server::parse(&format!("postgres://{user}@{host}:{port}/{database}{more}")).unwrap();
        server.with_password(Secret::new(password.trim_ascii().to_vec()))
    };
    let by = |file: &str| format!("?sslrootcert={file}");
    let connected = Database::connect(&at("localhost", &port, &by(&authority))).await.unwrap();
    let mut work = connected.read().await.unwrap();
    let row = work.row("SELECT CAST(ssl AS TEXT) FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await.unwrap();
    assert_eq!(row.unwrap().text(0).unwrap(), "true");
    drop(work);
    for (server, wanted) in [
        (at("localhost", &port, &by(&stranger)), "authority"),
        (at("localhost", &port, ""), "authority"),
        (at("127.0.0.1", &port, &by(&authority)), "authority"),
        (at("localhost", &frail, &by(&authority)), "does not support TLS"),
        (at("localhost", &port, &by("/nowhere/authority.pem")), "/nowhere/authority.pem"),
    ] {
        let refused = Database::connect(&server).await.unwrap_err();
        let mut said = refused.to_string();
        let mut cause = std::error::Error::source(&refused);
        while let Some(error) = cause {
            said = format!("{said}: {error}");
            cause = error.source();
        }
        assert!(matches!(refused, DatabaseError::Untrusted { .. }), "{refused:?}");
        assert!(said.contains(wanted) && said.contains("sslrootcert"), "{said}");
    }
}
