//! SendGrid's API keys: every call is checked for a key that lives and has the right, and there are a hundred at most.

use super::loopback::{Loopback, body, document, header, json};
use crate::world::http::{Asked, Reply};
use serde_json::{Value, json as object};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    secret: String,
}

type Keys = Arc<Mutex<Vec<Key>>>;

/// The account.
pub(super) struct Sendgrid {
    pub(super) at: Loopback,
    keys: Keys,
}

impl Sendgrid {
    pub(super) fn start() -> Self {
        let keys = Keys::default();
        let shared = Arc::clone(&keys);
        Self { at: Loopback::start(move |asked| answer(&mut shared.lock().unwrap(), asked)), keys }
    }

    pub(super) fn issue(&self, name: &str, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        add(&mut self.keys.lock().unwrap(), name, scopes).secret
    }

    /// The keys that live.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.keys.lock().unwrap().clone()
    }

    pub(super) fn find(&self, secret: &str) -> Option<Key> {
        self.keys().into_iter().find(|key| key.secret == secret)
    }
}

fn add(keys: &mut Vec<Key>, name: &str, scopes: Vec<String>) -> Key {
    let id = body(22);
    let secret = ["S", "G.", &id, ".", &body(43)].concat();
    keys.push(Key { id, name: name.to_owned(), scopes, secret });
    keys.last().unwrap().clone()
}

fn errors(status: u16, text: &str) -> Reply {
    json(status, &object!({ "errors": [{ "field": null, "message": text }] }))
}

fn answer(keys: &mut Vec<Key>, asked: &Asked) -> Reply {
    let presented = header(asked, "authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let Some(caller) = keys.iter().find(|key| key.secret == presented).cloned() else {
        return errors(401, "authorization required");
    };
    let may = |scope: &str| caller.scopes.iter().any(|held| held == scope);
    let path = asked.path.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["v3", "scopes"]) => json(200, &object!({ "scopes": caller.scopes })),
        ("POST", ["v3", "mail", "send"]) if may("mail.send") => Reply::of(202, ""),
        ("GET", ["v3", "api_keys"]) if may("api_keys.read") => {
            let shown: Vec<Value> =
                keys.iter().map(|key| object!({ "name": key.name, "api_key_id": key.id })).collect();
            json(200, &object!({ "result": shown }))
        }
        ("GET", ["v3", "api_keys", id]) if may("api_keys.read") => match keys.iter().find(|key| key.id == *id) {
            Some(key) => json(200, &object!({ "name": key.name, "api_key_id": key.id, "scopes": key.scopes })),
            None => errors(404, "API Key not found"),
        },
        ("POST", ["v3", "api_keys"]) if may("api_keys.create") => create(keys, asked),
        ("DELETE", ["v3", "api_keys", id]) if may("api_keys.delete") => {
            let before = keys.len();
            keys.retain(|key| key.id != *id);
            if keys.len() < before { Reply::of(204, "") } else { errors(404, "API Key not found") }
        }
        _ => errors(403, "access forbidden"),
    }
}

fn create(keys: &mut Vec<Key>, asked: &Asked) -> Reply {
    let given = document(asked).unwrap_or_default();
    let scopes: Option<Vec<String>> = serde_json::from_value(given["scopes"].clone()).ok();
    let (Some(name), Some(scopes)) = (given["name"].as_str(), scopes) else { return errors(400, "name is required") };
    if keys.len() >= 100 {
        return errors(403, "Cannot create more than 100 API Keys");
    }
    let made = add(keys, name, scopes);
    json(201, &object!({ "api_key": made.secret, "api_key_id": made.id, "name": made.name, "scopes": made.scopes }))
}
