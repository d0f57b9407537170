//! Kinds that only a person can make: each is verified live, and the program says what to click.

use super::desk::Desk;
use super::loopback::{Loopback, body, header, json};
use super::{credential, sends_mail};
use crate::world::World;
use crate::world::http::Reply;
use data_encoding::BASE64;
use serde_json::json as object;
use stanch::model::{Class, Reason, Verdict};

/// A kind, what the operator's file says, the value, and how the right one is presented.
struct Guided {
    kind: &'static str,
    provider: &'static str,
    handle: Option<&'static str>,
    path: &'static str,
    user: Option<&'static str>,
    reply: serde_json::Value,
    class: Class,
}

fn all() -> Vec<Guided> {
    vec![
        Guided {
            kind: "intercom.access-token",
            provider: "hosts: { api.intercom.io: '{at}' }",
            handle: None,
            path: "/me",
            user: None,
            reply: object!({ "type": "admin", "id": "1" }),
            class: Class::Console,
        },
        Guided {
            kind: "customerio.app-api-key",
            provider: "base: '{at}'",
            handle: None,
            path: "/v1/workspaces",
            user: None,
            reply: object!({ "workspaces": [] }),
            class: Class::Console,
        },
        Guided {
            kind: "stripe.live-secret-key",
            provider: "hosts: { api.stripe.com: '{at}' }",
            handle: None,
            path: "/v1/account",
            user: None,
            reply: object!({ "object": "account" }),
            class: Class::Console,
        },
        Guided {
            kind: "comm100.api-key",
            provider: "base: '{at}', values: { email: kim@acme.example, site_id: '10000' }",
            handle: None,
            path: "/v4/livechat/campaigns?siteId=10000",
            user: Some("kim@acme.example"),
            reply: object!([]),
            class: Class::Replace,
        },
    ]
}

impl Guided {
    /// A provider that accepts one value, presented in one way, at one address.
    fn serve(&self, secret: &str) -> Loopback {
        let right = match self.user {
            Some(user) => format!("Basic {}", BASE64.encode(format!("{user}:{secret}").as_bytes())),
            None => format!("Bearer {secret}"),
        };
        let (path, reply) = (self.path, self.reply.clone());
        Loopback::start(move |asked| {
            if asked.path != path {
                return Reply::of(404, "");
            }
            if header(asked, "authorization") == Some(&right) {
                return json(200, &reply);
            }
            json(401, &object!({ "type": "error.list", "errors": [{ "code": "unauthorized" }] }))
        })
    }
}

#[test]
fn what_a_person_makes_is_verified_live_and_is_never_minted() {
    for guided in all() {
        let secret = body(40);
        let at = guided.serve(&secret);
        let provider = guided.provider.replace("{at}", &at.base());
        let desk = Desk::new(guided.kind, &secret, &provider, "", at.address(), sends_mail);
        desk.with(async |managed| {
            let abilities = managed.provider.abilities();
            assert_eq!((abilities.class, abilities.mint, abilities.revoke), (guided.class, false, false));
            let live = stanch::provider::ask(&*managed.provider, &credential(guided.handle, &secret)).await;
            assert!(matches!(live, Verdict::Live(_)), "{}: {live:?}", guided.kind);
            let dead = managed.provider.verify(&credential(guided.handle, &body(40))).await;
            assert_eq!(dead, Verdict::Dead, "{}", guided.kind);
        });
    }
}

#[test]
fn a_pair_is_verified_by_both_halves_and_stored_as_both() {
    let (site, secret) = ("f8455f2b8c682979cb19", body(20));
    let right = format!("Basic {}", BASE64.encode(format!("{site}:{secret}").as_bytes()));
    let at = Loopback::start(move |asked| match header(asked, "authorization") == Some(&right) {
        true => json(200, &object!({ "url": "https://track.customer.io", "region": "us", "environment_id": 3 })),
        false => json(401, &object!({ "meta": { "error": "Unauthorized request" } })),
    });
    let provider = format!("hosts: {{ track.customer.io: '{}' }}", at.base());
    let desk = Desk::new("customerio.track-api-key", &secret, &provider, "", at.address(), sends_mail);
    // With the key alone in the store the site id would be lost.
    desk.refuses("must hold '{{token}}'");
    desk.configure(|text| text.replace("export: token }", "export: token, value: '{{token}}:{{secret}}' }"));
    desk.with(async |managed| {
        let mut found = credential(None, &secret);
        found.companions.push("site_id", stanch::model::Secret::new(site.as_bytes().to_vec()));
        let live = managed.provider.verify(&found).await;
        assert_eq!(live.token().map(|token| token.as_str()), Some(site), "{live:?}");
        assert_eq!(managed.provider.verify(&credential(Some(site), &secret)).await, live);
        assert_eq!(managed.provider.verify(&credential(Some("another"), &secret)).await, Verdict::Dead);
    });
}

#[test]
fn a_refusal_that_may_be_of_a_neighbour_is_no_death() {
    let guided = all().remove(3);
    let secret = body(40);
    let at = guided.serve(&secret);
    let provider = format!("base: '{}'", at.base());
    let desk = Desk::new(guided.kind, &secret, &provider, "", at.address(), sends_mail);
    desk.with(async |managed| {
        // The address of an agent and the number of a site stood near the key; they may be another key's.
        let near = |email: &str, secret: &str| {
            let mut found = credential(None, secret);
            for (name, value) in [("email", email), ("site_id", "10000")] {
                found.companions.push(name, stanch::model::Secret::new(value.as_bytes().to_vec()));
            }
            found
        };
        let live = managed.provider.verify(&near("kim@acme.example", &secret)).await;
        assert!(matches!(live, Verdict::Live(_)), "{live:?}");
        for wrong in [near("lee@acme.example", &secret), near("kim@acme.example", &body(40))] {
            assert_eq!(managed.provider.verify(&wrong).await, Verdict::Unknown(Reason::Rejected));
        }
    });
}

#[test]
fn a_person_is_told_what_to_click() {
    let world = World::bare();
    for (kind, words) in [
        ("intercom.access-token", "Regenerate token"),
        ("customerio.track-api-key", "Create Track API Key"),
        ("customerio.app-api-key", "Create App API Key"),
        ("comm100.api-key", "My Profile"),
        ("stripe.live-restricted-key", "Delete key"),
        ("gitlab.personal-token", "Personal access tokens"),
    ] {
        world.stanch(&["rules", "show", kind]).expect(0).says("by hand, as https://").says("  1. ").says(words);
    }
}

#[test]
fn a_host_that_the_kind_never_speaks_to_is_refused() {
    let at = Loopback::start(|_| Reply::of(404, ""));
    let provider = format!("hosts: {{ api.intercom.com: '{}' }}", at.base());
    let desk = Desk::new("intercom.access-token", &body(40), &provider, "", at.address(), sends_mail);
    desk.refuses("its kind speaks to: api.intercom.io, api.eu.intercom.io, api.au.intercom.io");
    let provider = format!("base: '{}', values: {{ projct: '42' }}", at.base());
    let desk = Desk::new("gitlab.personal-token", &body(20), &provider, "", at.address(), sends_mail);
    desk.refuses("they take: group, project");
    let desk = Desk::new("gitlab.personal-token", &body(20), "", "", at.address(), sends_mail);
    desk.refuses("name it as 'base' of the provider");
}
