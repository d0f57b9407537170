//! Tests of the passwords of a user, on a real server.

use super::super::contract::{credential, keeps_the_contract, like, server, server_file};
use super::*;
use crate::provider::ask;
use std::sync::atomic::{AtomicU32, Ordering};

const OLD: &str = "Old-pass-0123456789";

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn setting(user: &str) -> Setting {
    Setting {
        host: server("STANCH_TEST_REDIS_HOST"),
        port: server("STANCH_TEST_REDIS_PORT").parse().unwrap(),
        user: user.to_owned(),
        authority: server("STANCH_TEST_REDIS_ADMIN"),
        password: server_file("STANCH_TEST_REDIS_PASSWORD_FILE"),
        end_sessions: true,
    }
}

/// A new user with one password.
async fn world() -> (RedisProvider, TokenId) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let user = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    let provider = RedisProvider::new(setting(&user)).unwrap();
    tell(&provider, &["ACL", "SETUSER", &user, "on", &format!(">{OLD}"), "~*", "+@all", "-@dangerous"]).await;
    (provider, handle(&digest(&secret(OLD))))
}

async fn tell(provider: &RedisProvider, words: &[&str]) {
    let mut connection = provider.login("prepare the test").await.unwrap();
    let (first, rest) = words.split_first().unwrap();
    let mut command = redis::cmd(first);
    for word in rest {
        command.arg(word);
    }
    command.exec_async(&mut connection).await.unwrap();
}

/// A dependent's connection.
async fn session(provider: &RedisProvider, password: &str) -> MultiplexedConnection {
    let mut connection = provider.reach().await.unwrap();
    auth(&provider.setting.user, &secret(password)).exec_async(&mut connection).await.unwrap();
    connection
}

async fn works(connection: &mut MultiplexedConnection) -> bool {
    redis::cmd("PING").exec_async(connection).await.is_ok()
}

fn label() -> Label {
    Label::new("unused")
}

fn chosen() -> Secret {
    secret("New-pass-canary-9876543210")
}

#[tokio::test]
async fn the_contract_is_kept_on_a_server() {
    let (provider, old) = world().await;
    keeps_the_contract(&provider, &old, OLD).await;
}

#[tokio::test]
async fn a_password_is_remembered_and_forgotten_by_the_servers_file() {
    let (provider, old) = world().await;
    let file = || std::fs::read_to_string(server("STANCH_TEST_REDIS_ACL")).unwrap();
    let line = || file().lines().find(|line| line.contains(&provider.setting.user)).unwrap().to_owned();
    provider.mint(&like(&old), &label(), Some(&chosen())).await.unwrap();
    assert!(line().contains(&digest(&chosen())) && line().contains(&digest(&secret(OLD))), "{}", line());
    provider.revoke(&Warrant::for_test(old.as_str()), &credential(&old, OLD)).await.unwrap();
    assert!(line().contains(&digest(&chosen())) && !line().contains(&digest(&secret(OLD))), "{}", line());
    assert!(!file().contains("canary"), "a password in clear");
}

#[tokio::test]
async fn connections_outlive_a_password_until_they_are_ended() {
    let (provider, old) = world().await;
    let warrant = Warrant::for_test(old.as_str());
    let lost = like(&old);
    let mut open = session(&provider, OLD).await;
    provider.mint(&like(&old), &label(), Some(&chosen())).await.unwrap();
    provider.revoke(&warrant, &credential(&old, OLD)).await.unwrap();
    assert_eq!(ask(&provider, &credential(&old, OLD)).await, Verdict::Dead);
    assert!(works(&mut open).await, "the server ended it by itself");
    // One that never rests, and one that was opened since.
    let mut busy = session(&provider, "New-pass-canary-9876543210").await;
    let working = tokio::spawn(async move {
        let mut count = 0_u32;
        while works(&mut busy).await {
            count += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        count
    });
    let (ending, later) = tokio::join!(provider.end_sessions(&warrant, &lost), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        session(&provider, "New-pass-canary-9876543210").await
    });
    assert_eq!(ending.unwrap(), 2);
    assert!(!works(&mut open).await, "the connection lives on");
    assert!(working.await.unwrap() > 50, "it was ended in the midst of its work");
    let mut later = later;
    assert!(works(&mut later).await, "who connected later was cut off");
    drop(later);
    let gone =
        async { while !provider.open("look", &mut provider.login("look").await.unwrap()).await.unwrap().is_empty() {} };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    assert_eq!(provider.end_sessions(&warrant, &credential(&old, OLD)).await.unwrap(), 0);
    assert!(works(&mut session(&provider, "New-pass-canary-9876543210").await).await);
}

#[tokio::test]
async fn a_user_who_is_not_there_is_not_made() {
    let (provider, old) = world().await;
    tell(&provider, &["ACL", "DELUSER", &provider.setting.user]).await;
    let error = provider.mint(&like(&old), &label(), Some(&chosen())).await.unwrap_err();
    assert!(error.to_string().contains("no such user"), "{error}");
    let revoked = provider.revoke(&Warrant::for_test(old.as_str()), &credential(&old, OLD)).await.unwrap();
    assert_eq!(revoked, Revoked::AlreadyGone);
    assert_eq!(provider.list(&old).await.unwrap(), []);
    assert_eq!(provider.verify(&credential(&old, OLD)).await, Verdict::Dead);
}

#[tokio::test]
async fn a_user_who_takes_any_password_is_left_alone() {
    let (provider, old) = world().await;
    tell(&provider, &["ACL", "SETUSER", &provider.setting.user, "nopass"]).await;
    assert_eq!(ask(&provider, &credential(&old, OLD)).await, Verdict::Unknown(Reason::Control));
    let error = provider.mint(&like(&old), &label(), Some(&chosen())).await.unwrap_err();
    assert!(error.to_string().contains("nopass"), "{error}");
}

#[tokio::test]
async fn a_user_with_few_rights_is_live_all_the_same_and_another_user_is_not_judged() {
    let (provider, old) = world().await;
    tell(&provider, &["ACL", "SETUSER", &provider.setting.user, "-@all", "+get"]).await;
    assert_eq!(ask(&provider, &credential(&old, OLD)).await, Verdict::Live(old.clone()));
    let mut other = credential(&old, OLD);
    other.companions.push("user", secret("somebody"));
    assert_eq!(provider.verify(&other).await, Verdict::WrongPlace);
}

#[tokio::test]
async fn an_authority_without_the_right_changes_nothing() {
    let (provider, old) = world().await;
    let weak = Setting { authority: provider.setting.user.clone(), password: secret(OLD), ..setting("other") };
    let weak = RedisProvider::new(weak).unwrap();
    let error = weak.mint(&like(&old), &label(), Some(&chosen())).await.unwrap_err();
    assert!(error.to_string().contains("NOPERM"), "{error}");
    assert_eq!(error.happened(), Happened::No);
    let stranger = Setting { password: secret("wrong"), ..setting("other") };
    let error = RedisProvider::new(stranger).unwrap().list(&old).await.unwrap_err();
    assert!(error.to_string().contains("WRONGPASS"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_reached_is_unknown_and_not_done() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let away = |host: &str| Setting {
        host: host.to_owned(),
        port,
        user: "app".to_owned(),
        authority: "admin".to_owned(),
        password: chosen(),
        end_sessions: false,
    };
    let provider = RedisProvider::new(away("127.0.0.1")).unwrap();
    let old = TokenId::new("sha256-0");
    assert_eq!(ask(&provider, &credential(&old, OLD)).await, Verdict::Unknown(Reason::Unreachable));
    let error = provider.mint(&like(&old), &label(), Some(&chosen())).await.unwrap_err();
    assert_eq!((error.happened(), error.reason()), (Happened::No, Reason::Unreachable));
    assert!(!provider.abilities().sessions);
    for host in ["cache.example", "10.0.0.7", "0.0.0.0"] {
        let error = RedisProvider::new(away(host)).unwrap_err().to_string();
        assert!(error.contains("not this machine"), "{error}");
    }
}
