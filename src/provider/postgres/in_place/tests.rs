//! Tests of the one role, on a real server.

use super::super::super::contract::credential;
use super::super::authority::quoted;
use super::super::tests::{administrator, run, session};
use super::*;
use crate::model::Companions;
use crate::provider::ask;
use std::sync::atomic::{AtomicU32, Ordering};

const OLD: &str = "Old-pass-0123456789";

/// The administrator's provider over a new role, whose name needs quoting.
async fn world() -> SingleRoleProvider {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let role = format!("s{}_{} on\"ly", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    let authority = administrator();
    let expires = "valid until '2099-01-01' connection limit 7";
    run(&authority, &format!("create role {} login password '{OLD}' {expires}", quoted(&role))).await;
    SingleRoleProvider::new(SingleRole { authority, role, end_sessions: true })
}

fn of(password: &str) -> Credential {
    let secret = Secret::new(password.as_bytes().to_vec());
    credential(&handle(&secret), password)
}

async fn replace(provider: &SingleRoleProvider, old: &str, new: &str) -> Minted {
    let chosen = Secret::new(new.as_bytes().to_vec());
    provider.mint(&of(old), &Label::new("unused"), Some(&chosen)).await.unwrap()
}

#[tokio::test]
async fn the_old_password_is_dead_at_once_and_the_same_one_may_be_pushed_again() {
    let provider = world().await;
    let new = "New-pass-canary-9876543210";
    assert_eq!(ask(&provider, &of(OLD)).await, Verdict::Live(of(OLD).token.unwrap()));
    for _ in 0..2 {
        let minted = replace(&provider, OLD, new).await;
        assert_eq!(Some(&minted.token), of(new).token.as_ref());
        assert_eq!(ask(&provider, &of(new)).await, Verdict::Live(minted.token));
        assert_eq!(ask(&provider, &of(OLD)).await, Verdict::Dead);
    }
    let mut connection = provider.setting.authority.connect("look").await.unwrap();
    let kept = sqlx::query_scalar::<_, bool>(
        "select rolvaliduntil = '2099-01-01' and rolconnlimit = 7 from pg_roles where rolname = $1",
    );
    assert!(
        kept.bind(&provider.setting.role).fetch_one(&mut connection).await.unwrap(),
        "more than the password changed"
    );
    close(connection).await;
}

#[tokio::test]
async fn only_sessions_of_the_old_password_end_unless_nobody_knows_the_moment() {
    let provider = world().await;
    let role = TokenId::new(&provider.setting.role);
    let authority = &provider.setting.authority;
    let mut old = session(authority, &role, OLD).await;
    replace(&provider, OLD, "New-pass-canary-9876543210").await;
    let mut new = session(authority, &role, "New-pass-canary-9876543210").await;
    assert!(matches!(provider.usage(&role, Timestamp(0)).await.unwrap(), Usage::Seen(uses) if uses.len() == 2));
    let was = of(OLD);
    let warrant = Warrant::for_test(was.token.as_ref().unwrap().as_str());
    sqlx::query("select 1").execute(&mut old).await.unwrap();
    assert_eq!(provider.end_sessions(&warrant, &was).await.unwrap(), 1);
    assert!(sqlx::query("select 1").execute(&mut old).await.is_err(), "the old session lives on");
    sqlx::query("select 1").execute(&mut new).await.unwrap();
    // Another process, which did not see the change.
    let SingleRole { role, .. } = &provider.setting;
    let other = SingleRole { authority: administrator(), role: role.clone(), end_sessions: true };
    assert_eq!(SingleRoleProvider::new(other).end_sessions(&warrant, &was).await.unwrap(), 1);
    assert!(sqlx::query("select 1").execute(&mut new).await.is_err(), "nobody knew which session it was");
}

#[tokio::test]
async fn what_may_not_be_changed_is_told_before_anything_has_happened() {
    let provider = world().await;
    let before = of(OLD);
    provider.ready(before.token.as_ref().unwrap(), Duration::ZERO).await.unwrap();
    assert_eq!(ask(&provider, &of(OLD)).await, Verdict::Live(before.token.clone().unwrap()), "a rehearsal changed it");

    let rotator = format!("{}-rotator", provider.setting.role);
    run(&provider.setting.authority, &format!("create role {} login password '{OLD}'", quoted(&rotator))).await;
    let authority = Authority { user: rotator, password: Secret::new(OLD.as_bytes().to_vec()), ..administrator() };
    let weak =
        SingleRoleProvider::new(SingleRole { authority, role: provider.setting.role.clone(), end_sessions: true });
    let error = weak.ready(before.token.as_ref().unwrap(), Duration::ZERO).await.unwrap_err();
    assert_eq!((error.happened(), error.reason()), (Happened::No, Reason::Rejected), "{error}");
    let chosen = Secret::new(b"New-pass-canary-9876543210".to_vec());
    let error = weak.mint(&of(OLD), &Label::new("unused"), Some(&chosen)).await.unwrap_err();
    assert_eq!((error.happened(), error.reason()), (Happened::No, Reason::Rejected), "{error}");
    assert_eq!(ask(&provider, &of(OLD)).await, Verdict::Live(before.token.unwrap()));

    let gone = SingleRole { authority: administrator(), role: "nobody at all".to_owned(), end_sessions: true };
    let error = SingleRoleProvider::new(gone).ready(&TokenId::new("x"), Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("no such role"), "{error}");
}

#[tokio::test]
async fn a_password_of_another_role_is_not_judged() {
    let provider = world().await;
    let mut companions = Companions::default();
    companions.push("user", Secret::new(b"somebody".to_vec()));
    let other = Credential { companions, ..of(OLD) };
    assert_eq!(provider.verify(&other).await, Verdict::WrongPlace);
}

#[tokio::test]
async fn a_change_that_waits_for_a_lock_is_given_up_by_the_server_too() {
    let provider = world().await;
    let mut connection = provider.setting.authority.connect("look").await.unwrap();
    let limit = sqlx::query_scalar::<_, String>("show statement_timeout").fetch_one(&mut connection).await.unwrap();
    assert_eq!(limit, "10s");
    close(connection).await;
}
