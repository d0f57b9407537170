//! Tests of the two roles, on a real server.

use super::super::contract::{credential, keeps_the_contract, like, server, server_file};
use super::*;
use crate::model::Limit;
use crate::provider::ask;
use authority::quoted;
use sqlx::{AssertSqlSafe, Connection};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const OLD: &str = "Old-pass-0123456789";

pub(super) fn administrator() -> Authority {
    Authority {
        server: Server {
            host: server("STANCH_TEST_PG_HOST"),
            port: server("STANCH_TEST_PG_PORT").parse().unwrap(),
            database: server("STANCH_TEST_PG_DATABASE"),
            tls: Tls::Off,
        },
        user: server("STANCH_TEST_PG_ADMIN"),
        password: server_file("STANCH_TEST_PG_PASSWORD_FILE"),
    }
}

/// The administrator's provider over two new roles (the first in use, the second idle) under an owner.
async fn world() -> (PostgresProvider, TokenId, TokenId) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    // Names that need quoting.
    let (owner, a, b) = (format!("{name} own\"er"), format!("{name}-A"), format!("{name}-B"));
    let setting = Setting { authority: administrator(), roles: [a.clone(), b.clone()], owner: Some(owner.clone()) };
    let provider = PostgresProvider::new(setting);
    let (owner, in_use, idle) = (quoted(&owner), quoted(&a), quoted(&b));
    run(
        &provider.setting.authority,
        &format!(
            "create role {owner}; create role {in_use} login password '{OLD}' in role {owner}; \
             create role {idle} nologin in role {owner}"
        ),
    )
    .await;
    (provider, TokenId::new(a), TokenId::new(b))
}

pub(super) async fn run(authority: &Authority, sql: &str) {
    let mut connection = authority.connect("prepare the test").await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    close(connection).await;
}

/// A dependent's session.
pub(super) async fn session(authority: &Authority, role: &TokenId, password: &str) -> PgConnection {
    let options = authority.server.options(role.as_str(), &Secret::new(password.as_bytes().to_vec())).unwrap();
    PgConnection::connect_with(&options.application_name("shop")).await.unwrap()
}

fn label() -> Label {
    Label::new("unused")
}

fn chosen() -> Secret {
    Secret::new(b"New-pass-canary-9876543210".to_vec())
}

#[tokio::test]
async fn the_contract_is_kept_on_a_server() {
    let (provider, old, _) = world().await;
    keeps_the_contract(&provider, &old, OLD).await;
}

#[tokio::test]
async fn the_roles_take_turns() {
    let (provider, a, b) = world().await;
    let minted = provider.mint(&like(&a), &label(), Some(&chosen())).await.unwrap();
    assert_eq!(minted.token, b);
    provider.revoke(&Warrant::for_test(a.as_str()), &credential(&a, OLD)).await.unwrap();
    let next = Secret::new(b"Next-pass-0123456789".to_vec());
    let minted = provider.mint(&like(&b), &label(), Some(&next)).await.unwrap();
    assert_eq!(minted.token, a);
    let again = Credential { secret: Some(next), ..credential(&a, "") };
    assert_eq!(ask(&provider, &again).await, Verdict::Live(a));
}

#[tokio::test]
async fn sessions_are_seen_outlive_the_password_and_are_ended() {
    let (provider, a, _) = world().await;
    let warrant = Warrant::for_test(a.as_str());
    assert!(matches!(provider.usage(&a, Timestamp(0)).await.unwrap(), Usage::NoneSeen(at) if at.0 > 0));
    let mut open = session(&provider.setting.authority, &a, OLD).await;
    match provider.usage(&a, Timestamp(0)).await.unwrap() {
        Usage::Seen(uses) => assert_eq!(uses[0].origin, "127.0.0.1 shop"),
        other => panic!("{other:?}"),
    }
    provider.revoke(&warrant, &credential(&a, OLD)).await.unwrap();
    sqlx::query("select 1").execute(&mut open).await.unwrap();
    assert_eq!(provider.end_sessions(&warrant, &credential(&a, OLD)).await.unwrap(), 1);
    assert!(sqlx::query("select 1").execute(&mut open).await.is_err(), "the session lives on");
    assert_eq!(provider.end_sessions(&warrant, &credential(&a, OLD)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_disabled_role_is_restricted_with_the_right_password_only() {
    let (provider, a, _) = world().await;
    provider.disable(&Warrant::for_test(a.as_str()), &credential(&a, OLD)).await.unwrap();
    let verdict = ask(&provider, &credential(&a, OLD)).await;
    assert_eq!(verdict, Verdict::Restricted(a.clone(), Limit::Account));
    assert_eq!(ask(&provider, &credential(&a, "wrong")).await, Verdict::Dead);
    assert_eq!(ask(&provider, &credential(&TokenId::new("nobody"), OLD)).await, Verdict::Dead);
}

#[tokio::test]
async fn a_role_that_is_not_idle_or_lacks_the_owner_is_not_touched() {
    let (provider, a, b) = world().await;
    provider.mint(&like(&a), &label(), Some(&chosen())).await.unwrap();
    let open = session(&provider.setting.authority, &b, "New-pass-canary-9876543210").await;
    let error = provider.mint(&like(&a), &label(), Some(&chosen())).await.unwrap_err();
    assert!(error.to_string().contains("open sessions"), "{error}");
    close(open).await;
    let owner = quoted(provider.setting.owner.as_deref().unwrap());
    run(&provider.setting.authority, &format!("revoke {owner} from {}", quoted(b.as_str()))).await;
    let ended = async { while matches!(provider.usage(&b, Timestamp(0)).await.unwrap(), Usage::Seen(_)) {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
    let error = provider.mint(&like(&a), &label(), Some(&chosen())).await.unwrap_err();
    assert!(error.to_string().contains("not a member"), "{error}");
    let error = provider.mint(&like(&TokenId::new("postgres")), &label(), Some(&chosen())).await.unwrap_err();
    assert!(error.to_string().contains("not one of the two roles"), "{error}");
}

#[tokio::test]
async fn the_password_never_stands_in_the_servers_log() {
    let (provider, a, b) = world().await;
    let log = server("STANCH_TEST_PG_LOG");
    let as_admin = quoted(&provider.setting.authority.user);
    run(&provider.setting.authority, &format!("alter role {as_admin} set log_statement = 'all'")).await;
    let value = Secret::new(b"Log-canary-5550123456789".to_vec());
    let wanted = format!("ALTER ROLE {}", quoted(b.as_str()));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let written = loop {
        provider.mint(&like(&a), &label(), Some(&value)).await.unwrap();
        let log = std::fs::read_to_string(&log).unwrap();
        if log.contains(&wanted) {
            break log;
        }
        assert!(tokio::time::Instant::now() < deadline, "the statement never came to the log");
    };
    run(&provider.setting.authority, &format!("alter role {as_admin} reset log_statement")).await;
    assert!(!written.contains("Log-canary"), "the password is in the server's log");
}

#[tokio::test]
async fn what_cannot_be_reached_is_unknown_and_not_done() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let provider = PostgresProvider::new(Setting {
        authority: Authority {
            server: Server { host: "127.0.0.1".to_owned(), port, database: "none".to_owned(), tls: Tls::Off },
            user: "admin".to_owned(),
            password: chosen(),
        },
        roles: ["a".to_owned(), "b".to_owned()],
        owner: None,
    });
    let verdict = ask(&provider, &credential(&TokenId::new("a"), "x")).await;
    assert_eq!(verdict, Verdict::Unknown(Reason::Unreachable));
    let error = provider.mint(&like(&TokenId::new("a")), &label(), Some(&chosen())).await.unwrap_err();
    assert_eq!(error.happened(), Happened::No);
}

#[test]
fn names_are_quoted() {
    assert_eq!(quoted("a\"; drop role x; --"), "\"a\"\"; drop role x; --\"");
}
