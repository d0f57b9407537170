//! GitLab's access tokens, as its documentation describes them: every call is checked for a token that lives and has the
//! scope, lists come in pages, a rotation ends the old token, and one that is tried with a dead token ends its family.

use super::loopback::{Loopback, body, document, header, json};
use crate::world::http::{Asked, Reply};
use jiff::civil::Date;
use jiff::{Span, Timestamp, Zoned};
use serde_json::{Value, json as object};
use std::sync::{Arc, Mutex};

const ROOT: u64 = 1;

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) user: u64,
    pub(super) scopes: Vec<String>,
    pub(super) expires: Option<Date>,
    pub(super) revoked: bool,
    /// `projects/42` of a project's token.
    resource: Option<String>,
    level: u64,
    family: u64,
    secret: String,
    used: Option<Timestamp>,
}

impl Token {
    pub(super) fn lives(&self) -> bool {
        !self.revoked && self.expires.is_none_or(|day| day > today())
    }

    fn shown(&self) -> Value {
        object!({
            "id": self.id, "name": self.name, "revoked": self.revoked, "active": self.lives(), "scopes": self.scopes,
            "user_id": self.user, "created_at": "2026-01-02T03:04:05.678Z", "expires_at": self.expires.map(|day| day.to_string()),
            "last_used_at": self.used.map(|at| at.to_string()), "access_level": self.level,
        })
    }

    fn with_secret(&self) -> Value {
        let mut shown = self.shown();
        shown["token"] = object!(self.secret);
        shown
    }
}

fn today() -> Date {
    Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date()
}

pub(super) fn in_days(days: i32) -> Date {
    today().checked_add(Span::new().days(days)).unwrap()
}

#[derive(Default)]
struct State {
    tokens: Vec<Token>,
}

/// The instance.
pub(super) struct Gitlab {
    pub(super) at: Loopback,
    state: Arc<Mutex<State>>,
}

impl Gitlab {
    pub(super) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        Self { at: Loopback::start(move |asked| shared.lock().unwrap().answer(asked)), state }
    }

    /// A new token of a user; its id and its value.
    pub(super) fn issue(&self, user: u64, name: &str, scopes: &[&str], expires: Option<Date>) -> (u64, String) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let token = self.state.lock().unwrap().add(user, name, scopes, expires, None, None).clone();
        (token.id, token.secret)
    }

    /// A new token of a project.
    pub(super) fn issue_for(&self, resource: &str, name: &str, expires: Date) -> (u64, String) {
        let scopes = vec!["read_api".to_owned()];
        let mut state = self.state.lock().unwrap();
        let token = state.add(900, name, scopes, Some(expires), Some((resource.to_owned(), 30)), None).clone();
        (token.id, token.secret)
    }

    /// An administrator's token.
    pub(super) fn root(&self) -> String {
        self.issue(ROOT, "root", &["api"], Some(in_days(30))).1
    }

    pub(super) fn find(&self, secret: &str) -> Token {
        let state = self.state.lock().unwrap();
        state.tokens.iter().find(|token| token.secret == secret).expect("a token of this instance").clone()
    }

    /// Those that live and were made here.
    pub(super) fn made(&self) -> Vec<Token> {
        let state = self.state.lock().unwrap();
        state.tokens.iter().filter(|token| token.lives() && token.name.starts_with("stanch-")).cloned().collect()
    }
}

fn refused(status: u16, error: &str, description: &str) -> Reply {
    json(status, &object!({ "error": error, "error_description": description }))
}

fn message(status: u16, text: &str) -> Reply {
    json(status, &object!({ "message": text }))
}

impl State {
    fn add(
        &mut self,
        user: u64,
        name: &str,
        scopes: Vec<String>,
        expires: Option<Date>,
        of: Option<(String, u64)>,
        family: Option<u64>,
    ) -> &Token {
        let id = 100 + self.tokens.len() as u64;
        let (resource, level) = of.map_or((None, 0), |(resource, level)| (Some(resource), level));
        let secret = ["glp", "at-", &body(20)].concat();
        let (name, family) = (name.to_owned(), family.unwrap_or(id));
        self.tokens.push(Token {
            id,
            name,
            user,
            scopes,
            expires,
            revoked: false,
            resource,
            level,
            family,
            secret,
            used: None,
        });
        self.tokens.last().unwrap()
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let Some(path) = path.strip_prefix("/api/v4/") else { return message(404, "404 Not Found") };
        let parts: Vec<_> = path.split('/').collect();
        let bearer = header(asked, "authorization").and_then(|value| value.strip_prefix("Bearer "));
        let presented = header(asked, "private-token").or(bearer).unwrap_or_default();
        let Some(index) = self.tokens.iter().position(|token| token.secret == presented) else {
            return message(401, "401 Unauthorized");
        };
        let caller = self.tokens[index].clone();
        if caller.revoked {
            if parts.last() == Some(&"rotate") {
                let family = caller.family;
                self.tokens.iter_mut().filter(|token| token.family == family).for_each(|token| token.revoked = true);
            }
            return refused(401, "invalid_token", "Token was revoked. You have to re-authorize from the user.");
        }
        if !caller.lives() {
            return refused(
                401,
                "invalid_token",
                "Token is expired. You can either do re-authorization or token refresh.",
            );
        }
        self.tokens[index].used = Some(Timestamp::now());
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["personal_access_tokens", "self"]) => json(200, &caller.shown()),
            ("DELETE", ["personal_access_tokens", "self"]) => {
                self.tokens[index].revoked = true;
                Reply::of(204, "")
            }
            ("POST", ["personal_access_tokens", "self", "rotate"]) => self.rotate(index, &caller, asked),
            (method, _) if !may(&caller, method) => refused(
                403,
                "insufficient_scope",
                "The request requires higher privileges than provided by the access token.",
            ),
            ("GET", ["projects"]) => json(200, &object!([{ "id": 42, "name": "site" }])),
            ("GET", ["personal_access_tokens"]) => self.list(&caller, query),
            (method, ["personal_access_tokens", id]) => {
                let seen = |token: &Token| caller.user == ROOT || token.user == caller.user;
                self.one(method, id, if caller.user == ROOT { 404 } else { 401 }, &seen)
            }
            ("POST", ["users", user, "personal_access_tokens"]) if caller.user == ROOT => {
                self.create(user.parse().unwrap_or(0), asked, None)
            }
            (method, [kind @ ("projects" | "groups"), of, "access_tokens", rest @ ..])
                if caller.level_of(kind, of) >= 40 =>
            {
                let resource = format!("{kind}/{of}");
                let seen = |token: &Token| token.resource.as_deref() == Some(&resource);
                match (method, rest) {
                    ("GET", []) => self.page(query, &seen),
                    ("POST", []) => self.create(900, asked, Some(&resource)),
                    (method, [id]) => self.one(method, id, 404, &seen),
                    _ => message(405, "405 Method Not Allowed"),
                }
            }
            _ => message(403, "403 Forbidden"),
        }
    }

    fn one(&mut self, method: &str, id: &str, missing: u16, seen: &dyn Fn(&Token) -> bool) -> Reply {
        let found = self.tokens.iter_mut().find(|token| token.id.to_string() == id && seen(token));
        match (method, found) {
            (_, None) => message(missing, "Not found"),
            ("GET", Some(token)) => json(200, &token.shown()),
            ("DELETE", Some(token)) => {
                token.revoked = true;
                Reply::of(204, "")
            }
            _ => message(405, "405 Method Not Allowed"),
        }
    }

    /// Of an administrator everybody's, else one's own.
    fn list(&self, caller: &Token, query: &str) -> Reply {
        let user = value(query, "user_id").map(|user| user.parse::<u64>().unwrap_or(0));
        if caller.user != ROOT && user.is_some_and(|user| user != caller.user) {
            return message(401, "401 Unauthorized");
        }
        let user = if caller.user == ROOT { user } else { Some(caller.user) };
        self.page(query, &|token| user.is_none_or(|user| token.user == user))
    }

    fn page(&self, query: &str, seen: &dyn Fn(&Token) -> bool) -> Reply {
        let number = |name: &str, usual: usize| value(query, name).and_then(|text| text.parse().ok()).unwrap_or(usual);
        let (page, size) = (number("page", 1), number("per_page", 20).min(100));
        let search = value(query, "search").unwrap_or_default();
        let active = value(query, "state") == Some("active");
        let kept = self.tokens.iter().filter(|token| seen(token) && token.name.contains(search));
        let kept = kept.filter(|token| !active || token.lives()).map(Token::shown);
        json(200, &Value::Array(kept.skip((page - 1) * size).take(size).collect()))
    }

    fn create(&mut self, user: u64, asked: &Asked, resource: Option<&str>) -> Reply {
        let Some(given) = document(asked) else { return message(415, "415 Unsupported Media Type") };
        let scopes: Option<Vec<String>> = serde_json::from_value(given["scopes"].clone()).ok();
        let (Some(name), Some(scopes)) = (given["name"].as_str(), scopes.filter(|scopes| !scopes.is_empty())) else {
            return json(400, &object!({ "error": "name is missing, scopes is missing" }));
        };
        if scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
            return json(400, &object!({ "message": "Scopes can only contain available scopes" }));
        }
        let expires = match day(&given["expires_at"]) {
            Ok(day) => day,
            Err(reply) => return *reply,
        };
        let level = given["access_level"].as_u64().unwrap_or(40);
        let of = resource.map(|resource| (resource.to_owned(), level));
        json(201, &self.add(user, name, scopes, expires, of, None).with_secret())
    }

    fn rotate(&mut self, index: usize, caller: &Token, asked: &Asked) -> Reply {
        if !caller.scopes.iter().any(|scope| scope == "api" || scope == "self_rotate") {
            return refused(
                403,
                "insufficient_scope",
                "The request requires higher privileges than provided by the access token.",
            );
        }
        let given = document(asked).unwrap_or_default();
        let expires = match day(&given["expires_at"]) {
            Ok(day) => day.unwrap_or_else(|| in_days(7)),
            Err(reply) => return *reply,
        };
        self.tokens[index].revoked = true;
        let (name, scopes) = (caller.name.clone(), caller.scopes.clone());
        json(200, &self.add(caller.user, &name, scopes, Some(expires), None, Some(caller.family)).with_secret())
    }
}

const SCOPES: [&str; 6] = ["api", "read_api", "read_user", "read_repository", "write_repository", "self_rotate"];

impl Token {
    /// What the user of a token may do in a project: user 40 maintains `projects/42`.
    fn level_of(&self, kind: &str, of: &str) -> u64 {
        if self.user == ROOT || (self.user == 40 && (kind, of) == ("projects", "42")) { 50 } else { 0 }
    }
}

fn may(caller: &Token, method: &str) -> bool {
    caller.scopes.iter().any(|scope| scope == "api" || (scope == "read_api" && method == "GET"))
}

/// At most a year ahead, and not in the past.
fn day(given: &Value) -> Result<Option<Date>, Box<Reply>> {
    let Some(text) = given.as_str() else { return Ok(None) };
    let day: Option<Date> = text.parse().ok();
    match day.filter(|day| *day > today() && *day <= in_days(365)) {
        Some(day) => Ok(Some(day)),
        None => Err(Box::new(json(400, &object!({ "message": "400 Bad request - Expiration date is invalid" })))),
    }
}

fn value<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}
