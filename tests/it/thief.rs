//! Who still uses the old token while it is watched. The issuer tells from where: a thief does not delay its death, and a
//! service that was forgotten does.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use crate::world::http::{Answer, Asked, Reply, Server};
use crate::world::shop::{Settings, Shop, address, until};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

const THIEF: &str = "203.0.113.66";
const JOB: &str = "10.2.3.4";
/// Of no network that anybody declared.
const PRIVATE: &str = "10.9.8.7";

/// The demonstration issuer as one that tells when and from where a token was used.
const KIND: &str = r#"
provider: acme
title: Acme
hosts: []
kinds:
  - id: acme.watched-token
    title: Token whose use is told
    severity: high
    sources:
      - { page: 'https://www.rfc-editor.org/rfc/rfc6750', mark: D, note: a bearer token }
    detect:
      literals: [acme_watched_]
      pattern: '\bacme_watched_[0-9A-Za-z]{40}\b'
      prefix: 'acme_watched_'
      examples:
        - ['TOKEN=acme_', 'watched_', 'oODIjcAnWsg', 'zz0ANxKNlz0', 'iJM259PSPxS', 'WIzObl0']
        - ['"token": "acme_', 'watched_', 'fNDqa9OdZ7M', 'NiNuEGqMXJV', 'oDk2XZEU4uF', 'XbCCcK4', '"']
      counterexamples:
        - ['acme_', 'watched_', '3s8NbWumENp']
        - ['acme_', 'watched-', 'oODIjcAnWsg', 'zz0ANxKNlz0', 'iJM259PSPxS', 'WIzObl0']
        - ['xacme_', 'watched_', 'VLYi1t7qN4c', 'W3y6ipCV5Xc', 'nwdLhGvfZ0s', 'wGSsj42']
    verify:
      send: { method: GET, url: '{{base}}/v1/token', bearer: '{{secret}}' }
      page: 'https://docs.acme.example/tokens'
      mark: D
      live: { status: [200], take: { token: /id } }
      dead: { status: [401] }
    mint:
      send: { method: POST, url: '{{base}}/v1/tokens', bearer: '{{authority}}', json: { copy_of: '{{token}}', name: '{{label}}' } }
      page: 'https://docs.acme.example/tokens'
      mark: D
      done: { status: [201], take: { token: /id, secret: /secret } }
      refused: { status: [403] }
    list:
      send: { method: GET, url: '{{base}}/v1/tokens', bearer: '{{authority}}' }
      page: 'https://docs.acme.example/tokens'
      mark: D
      done: { status: [200], items: /tokens, take: { token: /id, label: /name } }
    find:
      send: { method: GET, url: '{{base}}/v1/tokens', bearer: '{{authority}}' }
      page: 'https://docs.acme.example/tokens'
      mark: D
      done: { status: [200], items: /tokens, take: { token: /id, label: /name }, where: { label: '{{label}}' } }
    revoke:
      send: { method: DELETE, url: '{{base}}/v1/tokens/{{token}}', bearer: '{{authority}}' }
      page: 'https://docs.acme.example/tokens'
      mark: D
      done: { status: [204] }
      gone: { status: [404] }
    usage:
      send: { method: GET, url: '{{base}}/v1/tokens/{{token}}/uses', bearer: '{{authority}}' }
      page: 'https://docs.acme.example/tokens'
      mark: D
      done: { status: [200], items: /uses, take: { used: /at, origin: /from } }
    replies:
      - { of: verify, status: 200, body: '{"id":"t1"}', means: live }
      - { of: verify, status: 401, body: '', means: dead }
      - { of: verify, status: 503, body: '', means: unknown }
      - { of: mint, status: 201, body: '{"id":"t2","secret":"made-up"}', means: done, token: t2 }
      - { of: mint, status: 403, body: '', means: refused }
      - { of: mint, status: 500, body: '', means: unknown }
      - { of: list, status: 200, body: '{"tokens":[{"id":"t1","name":"site"}]}', means: done, count: 1 }
      - { of: list, status: 500, body: '', means: unknown }
      - { of: find, status: 200, body: '{"tokens":[{"id":"t2","name":"mine"}]}', values: { label: mine }, means: done, count: 1 }
      - { of: find, status: 500, body: '', means: unknown }
      - { of: revoke, status: 204, body: '', means: done }
      - { of: revoke, status: 404, body: '', means: gone }
      - { of: revoke, status: 500, body: '', means: unknown }
      - { of: usage, status: 200, body: '{"uses":[{"at":1760000000,"from":"192.0.2.7"}]}', means: done, count: 1 }
      - { of: usage, status: 500, body: '', means: unknown }
"#;

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// The last use of each token from each address.
type Uses = Mutex<std::collections::BTreeMap<(String, String), u64>>;

fn header(asked: &Asked, name: &str) -> String {
    let found = asked.headers.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

/// Passes everything on to the issuer, and keeps from where each token was used.
fn watched(issuer: SocketAddr) -> Server {
    let uses = Arc::new(Uses::default());
    Server::start(move |asked| {
        let of = asked.path.strip_prefix("/v1/tokens/").and_then(|rest| rest.strip_suffix("/uses"));
        if let Some(token) = of {
            let uses = uses.lock().unwrap();
            let own = uses.iter().filter(|((of, _), _)| of == token);
            let told: Vec<_> = own.map(|((_, from), at)| serde_json::json!({ "at": at, "from": from })).collect();
            return Answer::Reply(Reply::of(200, serde_json::json!({ "uses": told }).to_string()));
        }
        let reply = asked.send(issuer).unwrap();
        if asked.path == "/v1/token" && reply.status == 200 {
            let from = format!("{} {}", header(&asked, "x-from"), header(&asked, "user-agent"));
            let token = reply.json()["id"].as_str().unwrap().to_owned();
            uses.lock().unwrap().insert((token, from.trim().to_owned()), now());
        }
        Answer::Reply(reply)
    })
}

/// Uses a token all the time, from one address.
struct User {
    over: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    working: Option<JoinHandle<()>>,
}

impl User {
    fn start(at: SocketAddr, token: &str, from: &'static str) -> Self {
        let (over, served, refused) = (Arc::default(), Arc::default(), Arc::default());
        let user = Self { over, served, refused, working: None };
        let (over, served, refused) = (Arc::clone(&user.over), Arc::clone(&user.served), Arc::clone(&user.refused));
        let token = token.to_owned();
        let working = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let mut asked = Asked::new("GET", "/v1/token", token.as_bytes());
                asked.headers.push(("x-from".to_owned(), from.as_bytes().to_vec()));
                match asked.send(at).map(|reply| reply.status) {
                    Ok(200) => served.fetch_add(1, Ordering::SeqCst),
                    Ok(401) => refused.fetch_add(1, Ordering::SeqCst),
                    // The test is over.
                    _ => return,
                };
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let user = Self { working: Some(working), ..user };
        until("it is at work", || user.served.load(Ordering::SeqCst) > 2);
        user
    }

    fn stop(mut self) -> (u64, u64) {
        self.over.store(true, Ordering::SeqCst);
        self.working.take().unwrap().join().unwrap();
        (self.served.load(Ordering::SeqCst), self.refused.load(Ordering::SeqCst))
    }
}

/// A shop whose issuer tells of uses; the service is known by the addresses of its network.
fn shop(soak: &str, on_abuse: &str) -> (Shop, Server) {
    let shop = Settings::default().policy("when", "automatic").policy("soak", soak).policy("on_abuse", on_abuse).open();
    let front = watched(address(&shop.door.base()));
    std::fs::write(shop.at("acme.yaml"), KIND).unwrap();
    shop.stanch(&["rules", "check", "acme.yaml"]).expect(0);
    let (old, new) = (shop.door.base(), format!("http://{}", front.address));
    shop.configure(|text| {
        let text = text.replace("kind: stanch.demo-token", "kind: acme.watched-token").replace(&old, &new);
        let text = text.replace("      - name: shop\n", "      - name: shop\n        sources: [10.2.0.0/16]\n");
        format!("rules: [acme.yaml]\n{text}")
    });
    (shop, front)
}

#[test]
fn a_thief_who_goes_on_does_not_delay_the_death_of_the_token() {
    let (shop, front) = shop("2500ms", "wait");
    let thief = User::start(front.address, &shop.leaked, THIEF);
    // Nobody says anything, and it is over all the same: the thief never stops.
    let ran = shop.rotate(&["-v"]).expect(0).says("observed dead");
    assert!(ran.stdout.contains(THIEF), "who used it is told:\n{}", ran.stdout);
    assert!(!ran.stdout.contains("explained by"), "{}", ran.stdout);
    until("the thief is refused", || thief.refused.load(Ordering::SeqCst) > 2);
    shop.assert_rotated();
    let served = thief.served.load(Ordering::SeqCst);
    assert_eq!(thief.stop().0, served, "refused once, and never taken again");
}

/// The soak would last for longer than the test waits; it is looked at eight times.
#[test]
fn a_thief_hastens_the_death_of_the_token() {
    let (shop, front) = shop("2m", "revoke");
    let thief = User::start(front.address, &shop.leaked, THIEF);
    let ran = shop.rotate(&["-v"]).expect(0).says("observed dead");
    assert!(ran.stdout.contains(&format!("ABUSE: used by nobody who is known, from {THIEF}")), "{}", ran.stdout);
    until("the thief is refused", || thief.refused.load(Ordering::SeqCst) > 2);
    shop.assert_rotated();
    thief.stop();
}

#[test]
fn a_service_that_was_forgotten_holds_the_revocation_and_is_named_with_a_thief_at_work_too() {
    for (with_thief, forgotten, named) in [
        (false, JOB, "explained by shop"),
        (true, JOB, "explained by shop"),
        (true, PRIVATE, "10.9.8.7, a private address"),
    ] {
        let (shop, front) = shop("2500ms", "wait");
        let thief = with_thief.then(|| User::start(front.address, &shop.leaked, THIEF));
        let job = User::start(front.address, &shop.leaked, forgotten);
        let held = shop.rotate(&["-v"]).expect(22).says("held while ").says(named).says(forgotten);
        assert_eq!(held.stdout.contains(THIEF), with_thief, "{}", held.stdout);
        assert_eq!(shop.live(), ["tok_0001", "tok_0002"]);
        // It is moved by a person; nothing of it ever failed.
        assert_eq!(job.stop().1, 0, "a use of the service was refused");
        shop.case("resume").expect(0).says("observed dead");
        shop.assert_rotated();
        if let Some(thief) = thief {
            until("the thief is refused", || thief.refused.load(Ordering::SeqCst) > 2);
            thief.stop();
        }
    }
}
