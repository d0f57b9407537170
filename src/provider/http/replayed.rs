//! Every call of every built-in kind, replayed: the provider here answers with the samples of the rule files, and what it is
//! asked must be what the file says, read apart from the code that sends it.

use super::*;
use crate::clock::SystemClock;
use crate::egress::{Limits, endpoint};
use crate::rules::{Progress, builtin};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

#[derive(Deserialize)]
struct File {
    kinds: Vec<Value>,
}

/// One request as it came in.
#[derive(Clone)]
struct Asked {
    method: String,
    address: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// What is answered, one after the other; the last one for ever.
#[derive(Default)]
struct Script {
    answers: Vec<(u16, String)>,
    asked: Vec<Asked>,
}

type Shared = Arc<Mutex<Script>>;

async fn answer(
    State(script): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut script = script.lock().unwrap();
    script.asked.push(Asked {
        method: method.to_string(),
        address: uri.to_string(),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let at = (script.asked.len() - 1).min(script.answers.len() - 1);
    let (status, body) = script.answers[at].clone();
    (StatusCode::from_u16(status).unwrap(), body)
}

/// One sample reply to one way of one verb.
struct Case<'c> {
    kind: &'c Arc<Kind>,
    act: Act,
    way: &'c Value,
    number: usize,
    reply: &'c Value,
    secret: Option<Vec<u8>>,
    beside: Vec<(String, Vec<u8>)>,
    given: BTreeMap<String, String>,
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("{} {} {} status {}", self.kind.id, self.act, self.number + 1, self.reply["status"])
    }

    fn value(&self, name: &str) -> Option<String> {
        self.given.get(name).cloned()
    }

    /// A text of the file with its places filled in.
    fn filled(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after.split_once("}}").unwrap();
            out.push_str(before);
            out.push_str(&self.value(name).unwrap_or_else(|| panic!("{}: no {name}", self.name())));
            rest = behind;
        }
        out + rest
    }

    fn document(&self, typed: &Value) -> Value {
        match typed {
            Value::String(text) => Value::String(self.filled(text)),
            Value::Array(list) => list.iter().map(|one| self.document(one)).collect(),
            Value::Object(map) => map.iter().map(|(key, one)| (key.clone(), self.document(one))).collect(),
            other => other.clone(),
        }
    }

    /// What was asked is what the file says.
    fn check(&self, send: &Value, asked: &Asked, base: &str) -> Result<(), String> {
        let same = |what: &str, is: &str, wanted: &str| {
            if is == wanted { Ok(()) } else { Err(format!("{what} is {is}, not {wanted}")) }
        };
        same("the method", &asked.method, send["method"].as_str().unwrap())?;
        let wanted = self.filled(&send["url"].as_str().unwrap().replace("{{base}}", base));
        let behind = wanted.strip_prefix(base).or_else(|| {
            let behind = wanted.strip_prefix("https://")?;
            behind.get(behind.find(['/', '?'])?..)
        });
        let decoded = |text: &str| percent(text, false);
        same("the address", &decoded(&asked.address), &decoded(behind.unwrap()))?;
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        if let Some(token) = send["bearer"].as_str() {
            headers.insert("authorization".to_owned(), format!("Bearer {}", self.filled(token)));
        }
        if let Some(pair) = send["basic"].as_str() {
            headers
                .insert("authorization".to_owned(), format!("Basic {}", BASE64.encode(self.filled(pair).as_bytes())));
        }
        for (name, value) in send["headers"].as_object().unwrap_or(&Map::new()) {
            headers.insert(name.clone(), self.filled(&value.as_str().map_or(value.to_string(), str::to_owned)));
        }
        for (name, value) in &headers {
            same(name, asked.headers.get(name).map_or("", String::as_str), value)?;
        }
        match (&send["json"], &send["form"]) {
            (Value::Null, Value::Null) => same("the body", &asked.body, "")?,
            (Value::Null, Value::Object(fields)) => {
                same("the type", &asked.headers["content-type"], "application/x-www-form-urlencoded")?;
                let wanted: Vec<String> = fields
                    .iter()
                    .map(|(key, value)| format!("{key}={}", self.filled(value.as_str().unwrap())))
                    .collect();
                let mut is: Vec<String> = asked.body.split('&').map(|pair| percent(pair, true)).collect();
                is.sort();
                same("the form", &is.join("&"), &wanted.join("&"))?;
            }
            (document, _) => {
                let sort = headers.get("content-type").map_or("application/json", String::as_str);
                same("the type", &asked.headers["content-type"], sort)?;
                let is: Value = serde_json::from_str(&asked.body).map_err(|why| why.to_string())?;
                same("the body", &is.to_string(), &self.document(document).to_string())?;
            }
        }
        let hidden = ["secret", "authority", "chosen"].map(|name| self.value(name).unwrap_or_default());
        let others = asked.headers.iter().filter(|(name, _)| !headers.contains_key(*name));
        for (name, value) in others {
            if hidden.iter().any(|one| !one.is_empty() && value.contains(one.as_str())) {
                return Err(format!("the header {name} holds a secret"));
            }
        }
        Ok(())
    }
}

fn percent(text: &str, plus: bool) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            b'+' if plus => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A document that holds these values where the pointers say.
fn held(pointers: &Map<String, Value>) -> (Value, BTreeMap<String, String>) {
    let (mut whole, mut kept) = (Value::Null, BTreeMap::new());
    for (name, pointer) in pointers {
        let mut here = &mut whole;
        for step in pointer.as_str().unwrap().split('/').skip(1) {
            here = match step.parse::<usize>() {
                Ok(at) => {
                    if !here.is_array() {
                        *here = json!([]);
                    }
                    let list = here.as_array_mut().unwrap();
                    while list.len() <= at {
                        list.push(Value::Null);
                    }
                    &mut list[at]
                }
                Err(_) => {
                    if !here.is_object() {
                        *here = json!({});
                    }
                    here.as_object_mut().unwrap().entry(step.to_owned()).or_insert(Value::Null)
                }
            };
        }
        let value = format!("kept-{name}");
        *here = Value::String(value.clone());
        kept.insert(name.clone(), value);
    }
    (whole, kept)
}

fn written(body: &Value) -> String {
    match body {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        document => document.to_string(),
    }
}

/// The page after the last one: the same reply without its items.
fn emptied(body: &str, done: &Value) -> String {
    let items = [done, &done[0]].into_iter().find_map(|row| row["items"].as_str()).unwrap_or_default();
    let Ok(mut document) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    if let Some(list) = document.pointer_mut(items) {
        *list = json!([]);
    }
    document.to_string()
}

/// The secret of an example, and what its text names beside it.
fn example(kind: &Kind, typed: &Value) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let first = &typed["detect"]["examples"][0];
    let text = first
        .as_str()
        .map_or_else(|| first.as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect(), str::to_owned);
    let (mut secret, mut beside) = (Vec::new(), Vec::new());
    let part = |at: crate::model::Span| text.as_bytes()[at.start..at.end].to_vec();
    kind.detect.search(text.as_bytes(), 0..text.len(), &mut Progress::default(), &mut |found| {
        secret = part(found.secret);
        beside = found.companions.into_iter().map(|(name, at)| (name, part(at))).collect();
    });
    assert!(!secret.is_empty(), "{}", kind.id);
    (secret, beside)
}

fn files() -> Vec<File> {
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")).unwrap();
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

/// What came of a call, in the words of the rule files.
async fn called(provider: &HttpProvider, case: &Case<'_>) -> (&'static str, Option<TokenId>) {
    let text = |name: &str| case.value(name).unwrap_or_default();
    let (token, label) = (TokenId::new(text("token")), Label::new(text("label")));
    let secret = case.secret.clone().map(Secret::new);
    let mut companions = Companions::default();
    case.beside.iter().for_each(|(name, value)| companions.push(name, Secret::new(value.clone())));
    let credential = Credential { token: Some(token.clone()), secret, companions };
    let failed = |error: &ProviderError| match error {
        ProviderError::Refused { .. } => "refused",
        ProviderError::Quota => "quota",
        ProviderError::NoAnswer { .. } | ProviderError::Throttled { .. } => "unknown",
        ProviderError::Unsupported { .. } => "unsupported",
    };
    let done = |result: Result<Option<TokenId>, ProviderError>| match result {
        Ok(token) => ("done", token),
        Err(error) => (failed(&error), None),
    };
    let warrant = Warrant::for_test(&text("token"));
    match case.act {
        Act::Verify => {
            // Of a leaked token the handle is not known, unless the call needs it.
            let token = credential.token.filter(|_| case.way["send"].to_string().contains("{{token}}"));
            match provider.verify(&Credential { token, ..credential }).await {
                Verdict::Live(token) => ("live", Some(token)),
                Verdict::Restricted(token, _) => ("restricted", Some(token)),
                Verdict::Dead => ("dead", None),
                Verdict::WrongPlace => ("wrong_place", None),
                Verdict::Unknown(Reason::Local) => ("not sent", None),
                Verdict::Unknown(_) => ("unknown", None),
            }
        }
        Act::Mint | Act::Replace => {
            let chosen = plain("chosen-0b7d");
            let chosen = case.given.contains_key("chosen").then_some(&chosen);
            done(provider.mint(&credential, &label, chosen).await.map(|minted| Some(minted.token)))
        }
        Act::List => done(provider.list(&token).await.map(|all| all.into_iter().next().map(|one| one.token))),
        Act::Find => done(provider.find(&label).await.map(|all| all.into_iter().next())),
        Act::Disable => done(provider.disable(&warrant, &credential).await.map(|()| None)),
        Act::Revoke => match provider.revoke(&warrant, &credential).await {
            Ok(Revoked::AlreadyGone) => ("gone", None),
            other => done(other.map(|_| None)),
        },
        Act::Usage => match provider.usage(&token, Timestamp(1_700_000_000_000)).await {
            Ok(Usage::CannotKnow) => ("gone", None),
            other => done(other.map(|_| None)),
        },
    }
}

/// A case, what is configured for it, and what is answered.
fn prepared<'c>(
    (kind, typed): (&'c Arc<Kind>, &Value),
    (act, number): (Act, usize),
    (way, reply): (&'c Value, &'c Value),
    (base, here): (&str, &Endpoint),
) -> (Case<'c>, Access, Vec<(u16, String)>) {
    let (secret, beside) = example(kind, typed);
    let fixed = [("token", "tok-1"), ("label", "stanch-l1"), ("page", "1"), ("base", base), ("since", "1700000000")];
    let mut given: BTreeMap<String, String> = fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    given.insert("secret".to_owned(), String::from_utf8(secret.clone()).unwrap());
    let needed: Vec<&str> = kind.exchanges().ways(act)[number].names().collect();
    let ours = [("authority", "authority-77c1"), ("chosen", "chosen-0b7d")];
    for (name, value) in ours.into_iter().filter(|(name, _)| needed.contains(name)) {
        given.insert(name.to_owned(), value.to_owned());
    }
    let mut access = Access { kind: Some(Arc::clone(kind)), base: Some(here.clone()), ..Access::default() };
    access.authority = given.get("authority").map(|value| plain(value));
    access.hosts = kind.exchanges().hosts().iter().map(|host| (host.clone(), here.clone())).collect();
    for name in needed.iter().filter(|name| !OURS.contains(name)) {
        let value = format!("v-{name}");
        access.values.push(*name, plain(&value));
        given.insert((*name).to_owned(), value);
    }
    for (name, part) in kind.parts(&Secret::new(secret.clone())).iter() {
        #[expect(clippy::disallowed_methods, reason = "the part of a made-up token is looked for in the request")]
        given.insert(name.to_owned(), String::from_utf8(part.expose().to_vec()).unwrap());
    }
    if let Some(label) = reply["values"]["label"].as_str() {
        given.insert("label".to_owned(), label.to_owned());
    }
    let (status, body) = (number_of(&reply["status"]), written(&reply["body"]));
    let mut answers = Vec::new();
    if let Some(first) = way["first"].as_object() {
        let (document, kept) = held(first["keep"].as_object().unwrap());
        answers.push((number_of(&first["status"][0]), document.to_string()));
        given.extend(kept);
    }
    answers.push((status, body.clone()));
    if !way["pages"].is_null() && reply["means"] == "done" {
        answers.push((status, emptied(&body, &way["done"])));
    }
    // A token whose value was lost is ended by what else is known of it.
    let secret = Some(secret).filter(|_| number == 0 || needed.contains(&"secret"));
    (Case { kind, act, way, number, reply, secret, beside, given }, access, answers)
}

fn number_of(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

/// What is wrong with what came of a case, and with what was asked.
fn judged(case: &Case<'_>, (meant, token): (&str, Option<TokenId>), asked: &[Asked], base: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let wanted = case.reply["means"].as_str().unwrap().replace('-', "_");
    // Of use an unreadable record is all that can be said; of what is gone, that it was refused.
    let nothing_known = meant == "gone" && case.act == Act::Usage && wanted == "done";
    let is_gone = meant == "refused" && wanted == "gone";
    if meant != wanted && !nothing_known && !is_gone {
        wrong.push(format!("means {meant}, not {wanted}"));
    }
    let named = case.reply["token"].as_str().filter(|_| case.reply["values"].is_null());
    if let (Some(named), Some(token)) = (named, token)
        && token.as_str() != named
    {
        wrong.push(format!("gives {token}, not {named}"));
    }
    let sends: Vec<&Value> = case.way["first"].get("send").into_iter().chain([&case.way["send"]]).collect();
    if asked.len() < sends.len() {
        wrong.push(format!("asked {} times, not {}", asked.len(), sends.len()));
    }
    wrong.extend(sends.into_iter().zip(asked).filter_map(|(send, asked)| case.check(send, asked, base).err()));
    wrong.into_iter().map(|why| format!("{}: {why}", case.name())).collect()
}

#[tokio::test]
async fn every_call_of_every_kind_is_sent_and_read_as_its_file_says() {
    let catalogue = builtin();
    let shared = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let routes = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let here = endpoint(&base).unwrap();
    let egress = Arc::new(Egress::new(Limits::default()).unwrap());
    let (mut replayed, mut wrong, mut unsampled) = (0_usize, Vec::new(), Vec::new());
    let files = files();
    let typed = files.iter().flat_map(|file| &file.kinds);
    for (typed, act) in typed.flat_map(|typed| Act::ALL.map(|act| (typed, act))) {
        let kind = catalogue.kinds().iter().find(|kind| typed["id"] == kind.id.as_str()).unwrap();
        let ways = typed[act.word()].as_array().cloned().unwrap_or_else(|| vec![typed[act.word()].clone()]);
        let sent: Vec<&Value> = ways.iter().filter(|way| !way["send"].is_null()).collect();
        let replies: Vec<&Value> = typed["replies"].as_array().into_iter().flatten().collect();
        let replies: Vec<&Value> = replies.into_iter().filter(|reply| reply["of"] == act.word()).collect();
        let means = |word: &str| replies.iter().any(|reply| reply["means"] == word);
        if !sent.is_empty() && !(means("unknown") && (means("live") || means("restricted") || means("done"))) {
            unsampled.push(format!("{} {act}", kind.id));
        }
        for reply in replies {
            let number = reply["way"].as_u64().map_or(0, |way| usize::try_from(way).unwrap() - 1);
            let (case, access, answers) = prepared((kind, typed), (act, number), (sent[number], reply), (&base, &here));
            let clock = Arc::new(SystemClock::new());
            let provider = HttpProvider::new(kind.exchanges().clone(), access, Arc::clone(&egress), clock);
            *shared.lock().unwrap() = Script { answers, asked: Vec::new() };
            let came = called(&provider, &case).await;
            let asked = shared.lock().unwrap().asked.clone();
            wrong.extend(judged(&case, came, &asked, &base));
            replayed += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {replayed} samples:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(unsampled, Vec::<String>::new(), "calls without a sample of a success and of a reply in no table");
    assert!(replayed > 1_500, "{replayed}");
}
