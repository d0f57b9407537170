//! A token that a person makes and ends in the provider's console: what is asked, what is taken, and what is never said.

#![allow(clippy::disallowed_methods, reason = "the tests look at what was written")]

use crate::kill::at_every_step;
use crate::world::Ran;
use crate::world::http::Asked;
use crate::world::shop::{Running, Shop, address, run};
use std::process::{Command, Stdio};

/// The demonstration issuer as one without calls to mint and revoke.
const KIND: &str = r#"
provider: acme
title: Acme
hosts: []
kinds:
  - id: acme.console-token
    title: Token that is made in a console
    severity: high
    sources:
      - { page: 'https://www.rfc-editor.org/rfc/rfc6750', mark: D, note: a bearer token }
    detect:
      literals: [acme_console_]
      pattern: '\bacme_console_[0-9A-Za-z]{40}\b'
      prefix: 'acme_console_'
      examples:
        - ['TOKEN=acme_', 'console_', 'oODIjcAnWsg', 'zz0ANxKNlz0', 'iJM259PSPxS', 'WIzObl0']
        - ['"token": "acme_', 'console_', 'fNDqa9OdZ7M', 'NiNuEGqMXJV', 'oDk2XZEU4uF', 'XbCCcK4', '"']
      counterexamples:
        - ['acme_', 'console_', '3s8NbWumENp']
        - ['acme_', 'console-', 'oODIjcAnWsg', 'zz0ANxKNlz0', 'iJM259PSPxS', 'WIzObl0']
        - ['xacme_', 'console_', 'VLYi1t7qN4c', 'W3y6ipCV5Xc', 'nwdLhGvfZ0s', 'wGSsj42']
    verify:
      send: { method: GET, url: '{{base}}/v1/token', bearer: '{{secret}}' }
      page: 'https://docs.acme.example/tokens'
      mark: D
      live: { status: [200], take: { token: /id } }
      dead: { status: [401] }
    mint: { by_hand: { page: 'https://docs.acme.example/tokens', mark: D, steps: ['Open the console', 'Press New token'] } }
    revoke: { by_hand: { page: 'https://docs.acme.example/end', mark: D, steps: ['Open the list', 'Press End'] } }
    replies:
      - { of: verify, status: 200, body: '{"id":"t1","name":"site"}', means: live }
      - { of: verify, status: 401, body: '{"error":"no such token"}', means: dead }
      - { of: verify, status: 503, body: '', means: unknown }
"#;

pub(crate) fn shop() -> Shop {
    let shop = Shop::open();
    std::fs::write(shop.at("acme.yaml"), KIND).unwrap();
    shop.configure(|text| {
        format!("rules: [acme.yaml]\n{}", text.replace("kind: stanch.demo-token", "kind: acme.console-token"))
    });
    shop.stanch(&["rules", "check", "acme.yaml"]).expect(0);
    shop
}

/// What a person does in the console.
pub(crate) fn made(shop: &Shop) -> String {
    let mut asked = Asked::new("POST", "/v1/tokens", shop.authority.as_bytes());
    asked.headers.push(("content-type".to_owned(), b"application/json".to_vec()));
    asked.body = br#"{"copy_of":"tok_0001","name":"by hand"}"#.to_vec();
    asked.send(address(&shop.door.base())).unwrap().json()["secret"].as_str().unwrap().to_owned()
}

pub(crate) fn ended(shop: &Shop, id: &str) {
    let asked = Asked::new("DELETE", &format!("/v1/tokens/{id}"), shop.authority.as_bytes());
    assert_eq!(asked.send(address(&shop.door.base())).unwrap().status, 204);
}

pub(crate) fn provide(shop: &Shop, value: &str) -> Ran {
    run(providing(shop, value)).hides(value.trim())
}

pub(crate) fn providing(shop: &Shop, value: &str) -> Command {
    given(shop, &["case", "provide", "C-0001", "--secret", "-", "-v"], value)
}

/// A value on the standard input of a command, and nowhere else.
fn given(shop: &Shop, arguments: &[&str], value: &str) -> Command {
    std::fs::write(shop.at("given"), value).unwrap();
    let mut command = shop.program(arguments);
    command.stdin(Stdio::from(std::fs::File::open(shop.at("given")).unwrap()));
    std::fs::remove_file(shop.at("given")).unwrap();
    command
}

#[test]
fn a_person_makes_the_token_and_ends_the_old_one_and_everything_else_is_done() {
    let shop = shop();
    let plan = shop.rotate(&["--plan"]).expect(0).stdout;
    for words in ["a person MAKES", "[live then: OLD and NEW]", "a person REVOKES", "[live then: NEW]"] {
        assert!(plan.contains(words), "{words}\n{plan}");
    }
    let asked = shop.rotate(&["--yes"]).expect(20).says("a person must do this").says("1. Open the console");
    assert!(asked.stdout.contains("stanch case provide C-0001 --secret -"), "{}", asked.stdout);
    assert!(asked.stdout.contains("see https://docs.acme.example/tokens"), "{}", asked.stdout);

    provide(&shop, &shop.leaked.clone()).expect(2).says("this is the leaked token itself");
    provide(&shop, "no token at all\n").expect(20).says("the other side refused");
    let value = made(&shop);
    let held = provide(&shop, &format!("{value}\n")).expect(22).says("Handed over").says("Press End");
    assert!(held.stdout.contains("end the OLD token"), "{}", held.stdout);
    assert_eq!(shop.live().len(), 2);
    provide(&shop, "another").expect(2).says("does not wait for a token");

    shop.case("resume").expect(22).says("Old asked").says("end the OLD token");
    ended(&shop, "tok_0001");
    shop.case("resume").expect(0).hides(&value);
    shop.assert_rotated();
    let shown = shop.stanch(&["case", "show", "C-0001", "--json"]).expect(0).hides(&value).hides(&shop.leaked);
    assert!(shown.stdout.contains("provided"), "{}", shown.stdout);
}

#[test]
fn nothing_has_changed_for_who_gives_up_before_a_token_was_made() {
    let shop = shop();
    shop.rotate(&["--yes"]).expect(20);
    shop.case("abort").expect(21);
    shop.assert_as_before();
}

#[test]
fn a_rehearsal_plays_the_person_too() {
    let shop = shop();
    shop.rotate(&["--rehearse"]).expect(0).says("this was a rehearsal").says("Handed over");
    assert_eq!(shop.door.requests(), 0);
}

/// Whatever was killed, the person hands the same value over again where it is asked for, and ends the old one when told.
#[test]
fn a_case_killed_after_any_event_since_a_token_was_handed_over_comes_to_its_end() {
    let steps = at_every_step(|step| {
        let shop = shop();
        shop.rotate(&["--yes"]).expect(20);
        let value = made(&shop);
        let mut running = Running::start(providing(&shop, &value));
        let killed = running.reads_events(step);
        if killed {
            running.kill();
        }
        running.child.wait().unwrap();
        let mut ran = shop.case("resume");
        for _ in 0..6 {
            if ran.stdout.contains("case provide C-0001") {
                ran = provide(&shop, &value);
            } else if ran.stdout.contains("end the OLD token") {
                ended(&shop, "tok_0001");
                break;
            } else {
                ran = shop.case("resume");
            }
        }
        assert_eq!(shop.case("resume").code, 0, "killed after event {step}:\n{}", ran.stdout);
        shop.assert_rotated();
        killed
    });
    assert!(steps > 12, "only {steps} steps were seen");
}

#[test]
fn a_first_value_is_filled_in_once_and_replaces_nothing() {
    let shop = Shop::open();
    let fill = |more: &[&str], value: &str| {
        let arguments = [&["store", "fill", "shop-api", "--secret", "-"], more].concat();
        run(given(&shop, &arguments, value)).hides(value.trim())
    };
    let taken = fill(&[], "another-value").expect(2).says("holds a value already").says("nothing was written");
    assert!(taken.stdout.is_empty(), "{}", taken.stdout);
    assert_eq!(shop.stored(), shop.leaked.as_bytes());

    shop.configure(|text| {
        text.replace(
            "shop/api-token, export: shop.token",
            "shop/fresh, export: fresh.token, value: '{{token}}:{{secret}}'",
        )
    });
    fill(&[], "first-value").expect(2).says("say what it is with --token");
    fill(&["--token", "id-1"], " \n").expect(2).says("standard input holds no secret");
    assert!(!shop.at("fresh.token").exists());
    fill(&["--token", "id-1"], "first-value\n").expect(0).says("nothing was asked of the provider");
    assert_eq!(shop.exported("fresh.token"), "id-1:first-value");
    fill(&["--token", "id-2"], "second-value").expect(2).says("holds a value already");
    assert_eq!(shop.exported("fresh.token"), "id-1:first-value");
    assert_eq!(shop.door.requests(), 0);

    let unknown = run(given(&shop, &["store", "fill", "shop-apu", "--secret", "-"], "x")).expect(2);
    assert!(unknown.stderr.contains("shop-apu"), "{}", unknown.stderr);
    shop.configure(|text| {
        text.replace(
            "{ driver: local, directory: secrets }",
            "{ driver: vault, address: 'http://127.0.0.1:9', token: { file: authority } }",
        )
        .replace(", export: fresh.token", "")
    });
    fill(&["--token", "id-1"], "first-value").expect(2).says("no store of 'shop-api' is a local one");
}
