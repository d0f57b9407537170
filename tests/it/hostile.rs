//! Every built-in kind that can be asked about, against providers that answer what no provider answers, or the same to
//! everybody: nothing of it is a yes, and nothing a death.

use crate::world::http::{Answer, Reply, Server};
use serde::Deserialize;
use serde_json::Value;
use stanch::clock::SystemClock;
use stanch::egress::{Egress, Limits, endpoint};
use stanch::engine::{Engine, Scratch};
use stanch::model::{Companions, Credential, Secret, Verdict};
use stanch::provider::ask;
use stanch::provider::http::{Access, HttpProvider};
use stanch::rules::Kind;
use stanch::rules::exchange::Act;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the test needs to know of a rule file.
#[derive(Deserialize)]
struct RuleFile {
    kinds: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    detect: Detect,
    #[serde(default)]
    replies: Vec<Sample>,
}

#[derive(Deserialize)]
struct Detect {
    examples: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Parts(Vec<String>),
}

#[derive(Deserialize)]
struct Sample {
    of: String,
    status: u16,
    #[serde(default)]
    body: Value,
    means: String,
}

/// A kind, one of its tokens, and what its provider says of a live one.
struct Case {
    kind: Arc<Kind>,
    secret: Vec<u8>,
    beside: Vec<(String, Vec<u8>)>,
    live: Vec<(u16, Vec<u8>)>,
}

fn rule_files() -> Vec<PathBuf> {
    let rules = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/rules")).unwrap();
    let mut files: Vec<_> = rules.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn cases() -> Vec<Case> {
    let catalogue = stanch::rules::builtin();
    let engine = Engine::new(catalogue.clone()).unwrap();
    let mut scratch = Scratch::new();
    let mut cases = Vec::new();
    for path in rule_files() {
        let file: RuleFile = serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for rule in file.kinds {
            let kind = catalogue.kinds().iter().find(|kind| kind.id.as_str() == rule.id).unwrap();
            if kind.exchanges().ways(Act::Verify).is_empty() || kind.driver().is_some() {
                continue;
            }
            let text = match rule.detect.examples.into_iter().next().unwrap() {
                Text::Whole(text) => text,
                Text::Parts(parts) => parts.concat(),
            };
            let (mut secret, mut beside) = (Vec::new(), Vec::new());
            engine.scan(text.as_bytes(), &mut scratch, &mut |hit| {
                if hit.kind.id == kind.id {
                    secret = hit.secret.to_vec();
                    beside = hit
                        .companions
                        .iter()
                        .map(|(name, at)| (name.clone(), text.as_bytes()[at.start..at.end].to_vec()))
                        .collect();
                }
            });
            assert!(!secret.is_empty(), "{}", rule.id);
            let yes = rule
                .replies
                .iter()
                .filter(|reply| reply.of == "verify" && matches!(reply.means.as_str(), "live" | "restricted"));
            let live = yes.map(|reply| (reply.status, written(&reply.body))).collect();
            cases.push(Case { kind: Arc::clone(kind), secret, beside, live });
        }
    }
    cases
}

fn written(body: &Value) -> Vec<u8> {
    match body {
        Value::String(text) => text.clone().into_bytes(),
        Value::Null => Vec::new(),
        document => document.to_string().into_bytes(),
    }
}

/// What no provider says of one of its tokens.
fn answers() -> Vec<(&'static str, Reply)> {
    let login =
        "\u{feff} \n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form></form></body></html>";
    let wall = "<html><head><title>Access denied</title></head><body>blocked by the firewall</body></html>";
    let other = r#"{"jsonrpc":"2.0","result":"ok","status":"up","version":"1.2.3"}"#;
    let with = |mut reply: Reply, name: &str, value: &str| {
        reply.headers.push((name.to_owned(), value.to_owned()));
        reply
    };
    let page = |status, text: &str| with(Reply::of(status, text), "content-type", "text/html");
    vec![
        ("an empty object", Reply::of(200, "{}")),
        ("an empty list", Reply::of(200, "[]")),
        ("null", Reply::of(200, "null")),
        ("nothing", Reply::of(200, "")),
        ("a body cut off", Reply::of(200, r#"{"id":"1","na"#)),
        ("another service", Reply::of(200, other)),
        ("a login page", page(200, login)),
        ("a login page, accepted", page(202, login)),
        ("a firewall's page", page(403, wall)),
        ("a firewall's text", Reply::of(403, "Forbidden")),
        ("a firewall's object", Reply::of(403, r#"{"error":"forbidden"}"#)),
        ("a firewall without words", Reply::of(403, "")),
        ("a proxy's page", page(401, wall)),
        ("a proxy", page(407, wall)),
        ("a redirect", with(Reply::of(302, ""), "location", "/login")),
        ("a redirect that keeps the method", with(Reply::of(307, ""), "location", "/login")),
        ("no such page", page(404, wall)),
        ("no such thing", Reply::of(404, r#"{"message":"not found"}"#)),
        ("gone", Reply::of(410, "")),
        ("a teapot", Reply::of(418, "")),
        ("too many", Reply::of(429, "")),
        ("too many, wait", with(Reply::of(429, "{}"), "retry-after", "1")),
        ("broken", Reply::of(500, "")),
        ("a gateway's page", page(502, wall)),
        ("busy", Reply::of(503, "{}")),
        ("two megabytes", Reply::of(200, "x".repeat(2 << 20))),
    ]
}

/// A provider of this kind at the server: each of its hosts, the configured base, and a value for every name.
fn provider(case: &Case, server: &Server, egress: &Arc<Egress>) -> HttpProvider {
    let here = endpoint(&format!("http://{}", server.address)).unwrap();
    let exchanges = case.kind.exchanges();
    let mut values = Companions::default();
    for name in exchanges.free() {
        if !case.beside.iter().any(|(known, _)| known == name) {
            values.push(name, Secret::new(b"a1".to_vec()));
        }
    }
    let hosts: BTreeMap<_, _> = exchanges.hosts().iter().map(|host| (host.clone(), here.clone())).collect();
    let access = Access { base: Some(here), authority: None, values, hosts, kind: Some(Arc::clone(&case.kind)) };
    HttpProvider::new(exchanges.clone(), access, Arc::clone(egress), Arc::new(SystemClock::new()))
}

fn credential(case: &Case) -> Credential {
    let mut companions = Companions::default();
    for (name, value) in &case.beside {
        companions.push(name, Secret::new(value.clone()));
    }
    Credential { token: None, secret: Some(Secret::new(case.secret.clone())), companions }
}

#[tokio::test]
async fn nobody_is_believed_who_answers_like_no_provider_or_the_same_to_everybody() {
    let cases = cases();
    assert!(cases.len() > 300, "{}", cases.len());
    let now = Arc::new(Mutex::new(Reply::of(500, "")));
    let told = Arc::clone(&now);
    let server = Server::start(move |_| Answer::Reply(told.lock().unwrap().clone()));
    let egress = Arc::new(Egress::new(Limits { total: Duration::from_secs(20), ..Limits::default() }).unwrap());
    let mut wrong = Vec::new();
    let mut asked = 0_usize;
    for case in &cases {
        let same = case.live.iter().map(|(status, body)| ("a yes to everybody", Reply::of(*status, body.clone())));
        for (what, reply) in answers().into_iter().chain(same) {
            *now.lock().unwrap() = reply;
            // A provider that asked to be left alone is left alone, so each question has its own.
            let verdict = ask(&provider(case, &server, &egress), &credential(case)).await;
            asked += 1;
            if matches!(verdict, Verdict::Live(_) | Verdict::Restricted(..) | Verdict::Dead) {
                wrong.push(format!("{}: {what} is {}", case.kind.id, verdict.word()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn nobody_is_believed_who_hangs_up_or_says_nothing() {
    let cases = cases();
    let egress = Arc::new(Egress::new(Limits { total: Duration::from_millis(500), ..Limits::default() }).unwrap());
    for (what, silent) in [("hanging up", false), ("silence", true)] {
        let server = Server::start(move |_| if silent { Answer::Silence } else { Answer::Nothing });
        for together in cases.chunks(64) {
            let asked = together.iter().map(async |case| {
                let verdict = ask(&provider(case, &server, &egress), &credential(case)).await;
                assert!(matches!(verdict, Verdict::Unknown(_)), "{}: {what} is {}", case.kind.id, verdict.word());
            });
            futures_util::future::join_all(asked).await;
        }
    }
}
