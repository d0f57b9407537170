//! A provider on loopback that keeps what it is told, and misbehaves when it is ordered to.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use crate::world::http::{Answer, Asked, Reply, Server};
use crate::world::token;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What goes wrong, once.
pub(super) enum Fault {
    /// It is done; the connection ends without a reply.
    ReplyLost,
    /// It is done; this status comes back.
    ReplyBecomes(u16),
    /// It is not done; this comes back.
    Says(Reply),
}

#[derive(Default)]
struct Book {
    orders: Vec<(String, Fault)>,
    asked: Vec<(String, Instant)>,
}

/// The server; it stops when it is dropped.
pub(super) struct Loopback {
    server: Server,
    book: Arc<Mutex<Book>>,
}

impl Loopback {
    pub(super) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let book = Arc::new(Mutex::new(Book::default()));
        let shared = Arc::clone(&book);
        let server = Server::start(move |asked| {
            let line = format!("{} {}", asked.method, asked.path);
            let fault = {
                let mut book = shared.lock().unwrap();
                book.asked.push((line.clone(), Instant::now()));
                let ordered = book.orders.iter().position(|(start, _)| line.starts_with(start));
                ordered.map(|at| book.orders.remove(at).1)
            };
            match fault {
                None => Answer::Reply(answer(&asked)),
                Some(Fault::Says(reply)) => Answer::Reply(reply),
                Some(Fault::ReplyLost) => {
                    answer(&asked);
                    Answer::Nothing
                }
                Some(Fault::ReplyBecomes(status)) => {
                    answer(&asked);
                    Answer::Reply(Reply::of(status, ""))
                }
            }
        });
        Self { server, book }
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.server.address
    }

    /// At the next request whose method and path begin so.
    pub(super) fn order(&self, start: &str, fault: Fault) {
        self.book.lock().unwrap().orders.push((start.to_owned(), fault));
    }

    /// When it was asked for that.
    pub(super) fn times(&self, start: &str) -> Vec<Instant> {
        let book = self.book.lock().unwrap();
        assert!(!book.asked.is_empty());
        book.asked.iter().filter(|(line, _)| line.starts_with(start)).map(|(_, at)| *at).collect()
    }

    pub(super) fn count(&self, start: &str) -> usize {
        self.times(start).len()
    }

    /// Every fault that was ordered has happened.
    #[track_caller]
    pub(super) fn assert_obeyed(&self) {
        let left: Vec<_> = self.book.lock().unwrap().orders.iter().map(|(start, _)| start.clone()).collect();
        assert_eq!(left, [""; 0], "faults that never happened");
    }
}

/// Please wait.
pub(super) fn slow_down(seconds: u32) -> Fault {
    let mut reply = Reply::of(429, r#"{"message":"Retry later"}"#);
    reply.headers.push(("retry-after".to_owned(), seconds.to_string()));
    Fault::Says(reply)
}

/// Letters and digits that nobody drew before.
pub(super) fn body(length: usize) -> String {
    static DRAWN: AtomicU64 = AtomicU64::new(7000);
    let mut text = String::new();
    while text.len() < length {
        text.push_str(&token(DRAWN.fetch_add(1, Ordering::SeqCst))["stanch_demo_".len()..]);
    }
    // Every sort of character, whatever was drawn.
    format!("{}aB3", &text[..length - 3])
}

pub(super) fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let (_, value) = asked.headers.iter().find(|(other, _)| other == name)?;
    std::str::from_utf8(value).ok()
}

/// The document of a request, if it says that it has one.
pub(super) fn document(asked: &Asked) -> Option<serde_json::Value> {
    let kind = header(asked, "content-type")?;
    if kind == "application/json" { serde_json::from_slice(&asked.body).ok() } else { None }
}

pub(super) fn json(status: u16, body: &serde_json::Value) -> Reply {
    Reply::of(status, body.to_string())
}
