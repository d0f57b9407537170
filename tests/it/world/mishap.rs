//! Stands before any server that speaks HTTP, passes on what both say as it is (a signature covers the host it names), counts
//! the requests, and lets those go wrong that it is told to.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mishap {
    /// It never arrives; the connection ends.
    RequestLost,
    /// It is carried out; the connection ends without a reply.
    ReplyLost,
    /// It never arrives; too many requests, come back in a second.
    SlowDown,
    /// It never arrives; the server is not available.
    Unavailable,
    /// It is carried out; the server says that it failed.
    Failed,
    /// It is accepted, and carried out just before the next request.
    Late,
    /// It is carried out twice; the second reply comes back.
    Twice,
    /// Nothing happens; the reply says that it was done.
    Lie,
    /// Nothing happens; the reply says that there is no such thing.
    Missing,
    /// It is carried out; no reply comes for as long as anybody waits.
    Hangs,
    /// The program is killed when it arrives; it is not carried out.
    KilledBefore,
    /// It is carried out, and the program is killed before it hears of that.
    KilledAfter,
}

impl Mishap {
    /// Those that take no longer than any other request.
    pub(crate) const QUICK: [Self; 11] = [
        Self::RequestLost,
        Self::ReplyLost,
        Self::SlowDown,
        Self::Unavailable,
        Self::Failed,
        Self::Late,
        Self::Twice,
        Self::Lie,
        Self::Missing,
        Self::KilledBefore,
        Self::KilledAfter,
    ];
}

#[derive(Default)]
struct Book {
    /// The first line of every request, in the order in which they came.
    seen: Vec<String>,
    orders: BTreeMap<usize, Mishap>,
    late: Vec<Vec<u8>>,
}

struct Shared {
    server: String,
    book: Mutex<Book>,
    program: AtomicI32,
    over: AtomicBool,
}

/// It ends when it is dropped.
pub(crate) struct Mishaps {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Mishaps {
    /// Before `server`, a URL.
    pub(crate) fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (book, program, over) = (Mutex::default(), AtomicI32::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { server, book, program, over });
        let serving = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming() {
                if serving.over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), shared) = (client, Arc::clone(&serving)) else { continue };
                // A client that went away in the middle is its own affair.
                std::thread::spawn(move || drop(shared.one(client)));
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// With the n-th request, counted from 1.
    pub(crate) fn order(&self, nth: usize, mishap: Mishap) {
        self.shared.book.lock().unwrap().orders.insert(nth, mishap);
    }

    /// Who is killed.
    pub(crate) fn program(&self, id: u32) {
        self.shared.program.store(i32::try_from(id).unwrap(), Ordering::SeqCst);
    }

    /// Nothing goes wrong any more.
    pub(crate) fn behave(&self) {
        self.shared.book.lock().unwrap().orders.clear();
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.shared.book.lock().unwrap().seen.clone()
    }
}

impl Drop for Mishaps {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

fn plain(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

impl Shared {
    /// One request and its reply on a connection of their own.
    fn one(&self, mut client: TcpStream) -> io::Result<()> {
        let Some(request) = request(&mut client)? else { return Ok(()) };
        let first = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
        let (mishap, late) = {
            let mut book = self.book.lock().unwrap();
            book.seen.push(first);
            (book.orders.get(&book.seen.len()).copied(), std::mem::take(&mut book.late))
        };
        for late in late {
            self.pass(&late)?;
        }
        let reply = match mishap {
            None => self.pass(&request)?,
            Some(Mishap::RequestLost) => return client.shutdown(Shutdown::Both),
            Some(Mishap::ReplyLost) => {
                self.pass(&request)?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Mishap::SlowDown) => plain("429 Too Many Requests\r\nretry-after: 1", ""),
            Some(Mishap::Unavailable) => plain("503 Service Unavailable", ""),
            Some(Mishap::Failed) => {
                self.pass(&request)?;
                plain("500 Internal Server Error", "")
            }
            Some(Mishap::Late) => {
                self.book.lock().unwrap().late.push(request);
                plain("202 Accepted", "")
            }
            Some(Mishap::Twice) => {
                self.pass(&request)?;
                self.pass(&request)?
            }
            Some(Mishap::Lie) => plain("204 No Content", ""),
            Some(Mishap::Missing) => plain("404 Not Found", ""),
            Some(Mishap::Hangs) => {
                self.pass(&request)?;
                return io::copy(&mut client, &mut io::sink()).map(drop);
            }
            Some(Mishap::KilledBefore) => {
                self.kill();
                return Ok(());
            }
            Some(Mishap::KilledAfter) => {
                self.pass(&request)?;
                self.kill();
                return Ok(());
            }
        };
        client.write_all(&reply)?;
        client.shutdown(Shutdown::Both)
    }

    /// What the server says to it.
    fn pass(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(&self.server)?;
        server.set_read_timeout(Some(Duration::from_secs(60)))?;
        server.write_all(request)?;
        let mut reply = Vec::new();
        server.read_to_end(&mut reply)?;
        Ok(reply)
    }

    /// The test waits for the process only after this, so its number is its own.
    fn kill(&self) {
        let mut program = self.program.swap(0, Ordering::SeqCst);
        for _ in 0..10_000 {
            if program != 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
            program = self.program.swap(0, Ordering::SeqCst);
        }
        kill_process(Pid::from_raw(program).expect("somebody runs"), Signal::KILL).unwrap();
    }
}

/// A whole request, which asks for the connection to be closed after its reply.
fn request(client: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if bytes.len() >= head + length.unwrap_or(0) {
                bytes.splice(head - 2..head - 2, *b"connection: close\r\n");
                return Ok(Some(bytes));
            }
        }
        let mut part = [0; 8192];
        match client.read(&mut part)? {
            0 => return Ok(None),
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}
