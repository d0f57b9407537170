//! A token issuer on loopback: verifies, mints, lists and revokes, and keeps no token in clear.

use crate::clock::{Clock, SystemClock};
use crate::model::Secret;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Letters and digits after the prefix of a token.
const BODY: usize = 40;
/// The public prefix of the issuer's tokens.
const PREFIX: &str = concat!("stanch_", "demo_");

/// One token, by its hash.
#[derive(Debug)]
struct Issued {
    id: String,
    name: String,
    hash: [u8; 32],
    created: u64,
    used: Option<u64>,
}

#[derive(Debug)]
struct Books {
    authority: [u8; 32],
    /// Those that live.
    tokens: Vec<Issued>,
    next: u64,
    clock: SystemClock,
}

type Shared = Arc<Mutex<Books>>;

/// A running issuer; it stops when this is dropped.
#[derive(Debug)]
pub struct Issuer {
    address: SocketAddr,
    books: Shared,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Issuer {
    /// Starts an issuer on a free port of 127.0.0.1 with a fresh authority, and one token that is in use.
    ///
    /// # Errors
    /// When no port or no random bytes can be had.
    pub async fn start() -> std::io::Result<(Self, Secret, Secret)> {
        let authority = token("stanch_authority_")?;
        let books = Books { authority: hash(&authority), tokens: Vec::new(), next: 1, clock: SystemClock::new() };
        let books: Shared = Arc::new(Mutex::new(books));
        let (_, first) = issue(&books, "first")?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let app = Router::new()
            .route("/v1/token", get(whoami))
            .route("/v1/tokens", get(list).post(mint))
            .route("/v1/tokens/{id}", delete(revoke))
            .with_state(Arc::clone(&books));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::warn!(%error, "the issuer stopped");
            }
        });
        Ok((Self { address, books, task }, authority, first))
    }

    /// The base address.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The ids of the tokens that live, oldest first.
    #[must_use]
    pub fn live(&self) -> Vec<String> {
        lock(&self.books).tokens.iter().map(|token| token.id.clone()).collect()
    }
}

fn lock(books: &Shared) -> std::sync::MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash(secret: &Secret) -> [u8; 32] {
    #[expect(clippy::disallowed_methods, reason = "the issuer keeps a hash of what it issues")]
    Sha256::digest(secret.expose()).into()
}

fn token(prefix: &str) -> std::io::Result<Secret> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = prefix.as_bytes().to_vec();
    let mut drawn = [0_u8; 64];
    while text.len() < prefix.len() + BODY {
        getrandom::fill(&mut drawn).map_err(|_| std::io::Error::other("the system gives no random bytes"))?;
        let letters = drawn.iter().filter(|byte| **byte < 248).filter_map(|byte| ALPHABET.get(usize::from(*byte) % 62));
        text.extend(letters.take(prefix.len() + BODY - text.len()));
    }
    Ok(Secret::new(text))
}

fn issue(books: &Shared, name: &str) -> std::io::Result<(String, Secret)> {
    let secret = token(PREFIX)?;
    let mut books = lock(books);
    let id = format!("tok_{:04}", books.next);
    let issued = Issued {
        id: id.clone(),
        name: name.to_owned(),
        hash: hash(&secret),
        created: books.clock.now().0 / 1000,
        used: None,
    };
    books.next += 1;
    books.tokens.push(issued);
    Ok((id, secret))
}

/// The hash of the bearer, if there is one.
fn bearer(headers: &HeaderMap) -> Option<[u8; 32]> {
    let value = headers.get("authorization")?.as_bytes().strip_prefix(b"Bearer ")?;
    Some(hash(&Secret::new(value.to_vec())))
}

async fn whoami(State(books): State<Shared>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let mut books = lock(&books);
    let now = books.clock.now().0 / 1000;
    let presented = bearer(&headers);
    match books.tokens.iter_mut().find(|token| Some(token.hash) == presented) {
        Some(token) => {
            token.used = Some(now);
            (StatusCode::OK, Json(json!({ "id": token.id, "name": token.name })))
        }
        None => (StatusCode::UNAUTHORIZED, Json(json!({ "error": "no such token" }))),
    }
}

fn authorised(books: &Shared, headers: &HeaderMap) -> bool {
    bearer(headers) == Some(lock(books).authority)
}

async fn mint(State(books): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    if !authorised(&books, &headers) {
        return (StatusCode::FORBIDDEN, Json(json!({ "error": "not allowed" })));
    }
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    let like = body.get("copy_of").and_then(Value::as_str).unwrap_or_default();
    // Every id that was ever given has a number below the next one: a dead token can be copied too, which an emergency
    // needs.
    let known =
        |next: u64| like.strip_prefix("tok_").and_then(|n| n.parse().ok()).is_some_and(|n: u64| (1..next).contains(&n));
    if !known(lock(&books).next) {
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": "nothing to copy" })));
    }
    #[expect(clippy::disallowed_methods, reason = "the one reply that holds the new token")]
    match issue(&books, name) {
        Ok((id, secret)) => {
            let text = String::from_utf8_lossy(secret.expose()).into_owned();
            (StatusCode::CREATED, Json(json!({ "id": id, "secret": text })))
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "no random bytes" }))),
    }
}

async fn list(State(books): State<Shared>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    if !authorised(&books, &headers) {
        return (StatusCode::FORBIDDEN, Json(json!({ "error": "not allowed" })));
    }
    let tokens: Vec<Value> = lock(&books)
        .tokens
        .iter()
        .map(|token| json!({ "id": token.id, "name": token.name, "created": token.created, "last_used": token.used }))
        .collect();
    (StatusCode::OK, Json(json!({ "tokens": tokens })))
}

async fn revoke(State(books): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> StatusCode {
    if !authorised(&books, &headers) {
        return StatusCode::FORBIDDEN;
    }
    let mut books = lock(&books);
    let before = books.tokens.len();
    books.tokens.retain(|token| token.id != id);
    if books.tokens.len() < before { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
