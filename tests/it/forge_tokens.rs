//! Providers that are described by a rule file alone, rotated end to end with the built program: a leaked token is found
//! by a scan, another one with the same rights takes its place, and the old one is dead, whatever goes wrong on the way.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time, and use tokens as their owners do")]

mod console;
mod desk;
mod gitlab;
mod guided;
pub(crate) mod killed;
mod loopback;
mod sendgrid;

use crate::world::http::Asked;
use desk::{Desk, secret_half};
use gitlab::{Gitlab, in_days};
use loopback::{Fault, slow_down};
use sendgrid::Sendgrid;
use stanch::model::{Class, Credential, Label, Secret, TokenId, Verdict};
use std::time::Duration;

const PERSONAL: &str = "gitlab.personal-token";

fn credential(token: Option<&str>, secret: &str) -> Credential {
    let secret = Some(Secret::new(secret.as_bytes().to_vec()));
    Credential { token: token.map(TokenId::new), secret, ..Credential::default() }
}

fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).unwrap()
}

fn reads_projects(token: &str) -> Asked {
    let mut asked = Asked::new("GET", "/api/v4/projects", b"");
    asked.headers = vec![("private-token".to_owned(), token.as_bytes().to_vec())];
    asked
}

fn sends_mail(token: &str) -> Asked {
    Asked::new("POST", "/v3/mail/send", token.as_bytes())
}

/// A user's token that leaked, and an administrator's to mend it with.
fn leaked(gitlab: &Gitlab) -> Desk {
    let (_, leaked) = gitlab.issue(7, "deploy", &["api", "read_repository"], Some(in_days(60)));
    let provider = format!("base: '{}', authority: {{ file: authority }}", gitlab.at.base());
    Desk::new(PERSONAL, &leaked, &provider, &gitlab.root(), gitlab.at.address(), reads_projects)
}

#[track_caller]
fn assert_replaced(desk: &Desk, gitlab: &Gitlab, old: &str) {
    desk.assert_unbroken();
    let (old, new) = (gitlab.find(old), gitlab.find(&desk.stored()));
    assert!(!old.lives() && new.lives(), "{old:?} {new:?}");
    assert_eq!((&new.scopes, new.expires, new.user), (&old.scopes, old.expires, old.user));
    let made: Vec<_> = gitlab.made().into_iter().map(|token| token.id).collect();
    assert_eq!(made, [new.id], "tokens that nobody uses");
    gitlab.at.assert_obeyed();
}

#[test]
fn a_leaked_gitlab_token_is_replaced_with_its_rights_and_its_last_day() {
    let gitlab = Gitlab::start();
    // More than a page of tokens of the same user, before and behind the leaked one.
    for number in 0..130 {
        gitlab.issue(7, &format!("job {number}"), &["read_api"], Some(in_days(20)));
    }
    let desk = leaked(&gitlab);
    let old = desk.stored();
    desk.rotate().expect(0).hides(&desk.stored());
    assert_replaced(&desk, &gitlab, &old);
    let listed = desk.with(async |managed| managed.provider.list(&TokenId::new("230")).await.unwrap().len());
    assert_eq!(listed, 131, "all pages, and neither the dead one nor another user's");
}

#[test]
fn a_project_token_is_replaced_by_a_maintainer() {
    let gitlab = Gitlab::start();
    let (_, old) = gitlab.issue_for("projects/42", "ci", in_days(9));
    let (_, maintainer) = gitlab.issue(40, "rotator", &["api"], None);
    let provider =
        format!("base: '{}', authority: {{ file: authority }}, values: {{ project: '42' }}", gitlab.at.base());
    let desk = Desk::new(PERSONAL, &old, &provider, &maintainer, gitlab.at.address(), reads_projects);
    desk.rotate().expect(0);
    assert_replaced(&desk, &gitlab, &old);
    assert_eq!(gitlab.at.count("POST /api/v4/users/"), 0);
}

/// An instance that was updated mints tokens of the newer shape; what was configured under the other kind is found.
#[test]
fn a_token_is_found_under_another_kind_of_its_provider() {
    let gitlab = Gitlab::start();
    let (_, old) = gitlab.issue(7, "deploy", &["read_api"], Some(in_days(60)));
    let provider = format!("base: '{}', authority: {{ file: authority }}", gitlab.at.base());
    let newer = "gitlab.personal-token-routable";
    let desk = Desk::new(newer, &old, &provider, &gitlab.root(), gitlab.at.address(), reads_projects);
    desk.rotate().expect(0);
    assert_replaced(&desk, &gitlab, &old);
}

/// The old token dies first, and what it was is still known.
#[test]
fn in_an_emergency_the_rights_of_a_dead_token_are_copied() {
    let gitlab = Gitlab::start();
    let desk = leaked(&gitlab);
    let old = desk.stored();
    desk.rotate_with(&["--emergency"]).expect(0);
    let (old, new) = (gitlab.find(&old), gitlab.find(&desk.stored()));
    assert!(!old.lives() && new.lives());
    assert_eq!((&new.scopes, new.expires, gitlab.made().len()), (&old.scopes, old.expires, 1));
}

#[test]
fn a_mint_of_unknown_outcome_leaves_no_second_token() {
    let mint = "POST /api/v4/users/";
    for fault in [Fault::ReplyLost, Fault::ReplyBecomes(500), Fault::ReplyBecomes(502)] {
        let gitlab = Gitlab::start();
        let desk = leaked(&gitlab);
        let old = desk.stored();
        gitlab.at.order(mint, fault);
        desk.rotate().expect(0);
        assert_replaced(&desk, &gitlab, &old);
        assert_eq!(gitlab.at.count(mint), 2);
    }
}

#[test]
fn every_reply_may_be_lost_once() {
    let gitlab = Gitlab::start();
    let desk = leaked(&gitlab);
    let old = desk.stored();
    let by_id = format!("/api/v4/personal_access_tokens/{}", gitlab.find(&old).id);
    gitlab.at.order(&format!("DELETE {by_id}"), Fault::ReplyLost);
    gitlab.at.order(&format!("GET {by_id}"), Fault::ReplyLost);
    gitlab.at.order("GET /api/v4/personal_access_tokens?search", Fault::ReplyLost);
    gitlab.at.order("GET /api/v4/personal_access_tokens/self", Fault::ReplyLost);
    desk.rotate().expect(0);
    assert_replaced(&desk, &gitlab, &old);
}

#[test]
fn who_is_asked_to_wait_waits() {
    for asked in ["POST /api/v4/users/", "GET /api/v4/personal_access_tokens/self"] {
        let gitlab = Gitlab::start();
        let desk = leaked(&gitlab);
        let old = desk.stored();
        gitlab.at.order(asked, slow_down(2));
        desk.rotate().expect(0);
        assert_replaced(&desk, &gitlab, &old);
        let times = gitlab.at.times(asked);
        assert!(times[1] - times[0] >= Duration::from_millis(1900), "{asked}: {:?}", times[1] - times[0]);
    }
}

#[test]
fn an_authority_that_may_not_is_said_before_anything_changed() {
    let gitlab = Gitlab::start();
    let (_, old) = gitlab.issue(7, "deploy", &["api"], Some(in_days(60)));
    let (_, weak) = gitlab.issue(8, "nobody", &["api"], None);
    let provider = format!("base: '{}', authority: {{ file: authority }}", gitlab.at.base());
    let desk = Desk::new(PERSONAL, &old, &provider, &weak, gitlab.at.address(), reads_projects);
    desk.assert_held(&desk.rotate());
    assert!(gitlab.find(&old).lives() && gitlab.made().is_empty());
}

/// Without an authority the token can only replace itself, which would break whoever uses it: nothing is begun.
#[test]
fn a_token_that_can_only_replace_itself_is_left_to_a_person() {
    let gitlab = Gitlab::start();
    let (_, old) = gitlab.issue(7, "deploy", &["api"], Some(in_days(60)));
    let provider = format!("base: '{}'", gitlab.at.base());
    let desk = Desk::new(PERSONAL, &old, &provider, "", gitlab.at.address(), reads_projects);
    desk.assert_held(&desk.rotate());
    assert_eq!(gitlab.at.count("POST "), 0);
    assert!(gitlab.find(&old).lives());
}

/// Whoever runs it accepts the outage: the token is asked once to replace itself, and its user works again afterwards.
#[test]
fn a_token_replaces_itself_where_the_policy_accepts_an_outage() {
    let gitlab = Gitlab::start();
    let (_, old) = gitlab.issue(7, "deploy", &["api"], Some(in_days(60)));
    let provider = format!("base: '{}'", gitlab.at.base());
    let desk = Desk::new(PERSONAL, &old, &provider, "", gitlab.at.address(), reads_projects);
    desk.configure(|text| text.replace("when: automatic", "when: automatic, accept_outage: true"));
    desk.rotate().expect(0).hides(&desk.stored());
    let (old, new) = (gitlab.find(&old), gitlab.find(&desk.stored()));
    assert!(!old.lives() && new.lives(), "{old:?} {new:?}");
    assert_eq!((&new.scopes, new.expires, new.user), (&old.scopes, old.expires, old.user));
    assert_eq!(gitlab.at.count("POST "), 1);
}

#[test]
fn a_token_replaces_itself_for_as_long_as_it_had_and_a_second_time_ends_the_family() {
    let gitlab = Gitlab::start();
    let (id, old) = gitlab.issue(7, "deploy", &["self_rotate", "read_api"], Some(in_days(60)));
    let provider = format!("base: '{}'", gitlab.at.base());
    let desk = Desk::new(PERSONAL, &old, &provider, "", gitlab.at.address(), reads_projects);
    let old = || credential(Some(&id.to_string()), &desk.stored());
    desk.with(async |managed| {
        let provider = &managed.provider;
        let abilities = provider.abilities();
        assert_eq!((abilities.class, abilities.mint, abilities.find), (Class::Replace, true, false));
        assert_eq!(provider.verify(&old()).await, Verdict::Live(TokenId::new(id.to_string())));
        let minted = provider.mint(&old(), &Label::new("stanch-1"), None).await.unwrap();
        let new = gitlab.find(&text(&minted.secret));
        assert_eq!((new.expires, new.scopes.len(), new.user), (Some(in_days(60)), 2, 7));
        assert_eq!(provider.verify(&old()).await, Verdict::Dead);
        // The dead one again: what came of it dies too. The provider's answer is no proof that nothing happened.
        let error = provider.mint(&old(), &Label::new("stanch-1"), None).await.unwrap_err();
        assert!(matches!(error.happened(), stanch::model::Happened::No), "asking what it was comes first: {error}");
        assert!(
            new.lives() && gitlab.find(&text(&minted.secret)).lives(),
            "it was never asked to replace a dead token"
        );
        let fresh = credential(None, &text(&minted.secret));
        assert_eq!(provider.verify(&fresh).await, Verdict::Live(minted.token));
        let mut again = Asked::new("POST", "/api/v4/personal_access_tokens/self/rotate", b"");
        again.headers = reads_projects(&desk.stored()).headers;
        assert_eq!(again.send(gitlab.at.address()).unwrap().status, 401);
        assert_eq!(provider.verify(&fresh).await, Verdict::Dead);
    });
}

#[test]
fn a_leaked_sendgrid_key_is_replaced_with_its_rights() {
    for fault in [None, Some(Fault::ReplyLost), Some(slow_down(1)), Some(Fault::ReplyBecomes(500))] {
        let sendgrid = Sendgrid::start();
        let old = sendgrid.issue("web", &["mail.send", "stats.read"]);
        let root = sendgrid.issue("root", &["api_keys.create", "api_keys.read", "api_keys.delete"]);
        let provider =
            format!("authority: {{ file: authority }}, hosts: {{ api.sendgrid.com: '{}' }}", sendgrid.at.base());
        let desk = Desk::new("sendgrid.api-key", &old, &provider, &root, sendgrid.at.address(), sends_mail);
        if let Some(fault) = fault {
            sendgrid.at.order("POST /v3/api_keys", fault);
        }
        desk.rotate().expect(0).hides(secret_half(&desk.stored()));
        desk.assert_unbroken();
        assert!(sendgrid.find(&old).is_none());
        let new = sendgrid.find(&desk.stored()).unwrap();
        assert_eq!(new.scopes, ["mail.send", "stats.read"]);
        assert!(new.name.starts_with("stanch-") && sendgrid.keys().len() == 2, "{:?}", sendgrid.keys());
        sendgrid.at.assert_obeyed();
    }
}

#[test]
fn an_account_without_room_is_left_as_it_is() {
    let sendgrid = Sendgrid::start();
    let old = sendgrid.issue("web", &["mail.send"]);
    let root = sendgrid.issue("root", &["api_keys.create", "api_keys.read", "api_keys.delete"]);
    for number in 0..98 {
        sendgrid.issue(&format!("job {number}"), &["mail.send"]);
    }
    let provider = format!("authority: {{ file: authority }}, hosts: {{ api.sendgrid.com: '{}' }}", sendgrid.at.base());
    let desk = Desk::new("sendgrid.api-key", &old, &provider, &root, sendgrid.at.address(), sends_mail);
    desk.assert_held(&desk.rotate());
    assert_eq!((sendgrid.at.count("POST /v3/api_keys"), sendgrid.keys().len()), (0, 100));
}
