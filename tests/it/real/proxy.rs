//! Stands between the program and a server, passes on what both say as it is (a signature covers the host it names), and
//! does once what a test asks for.

use futures_util::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is done.
pub(super) enum Deed {
    /// The first request that holds this is carried out, and its reply is lost.
    Lose(&'static str),
    /// Of every kind of request the first is carried out, and its reply is lost.
    LoseOneOfEach,
    /// Requests that hold this are counted, and nothing is done.
    Count(&'static str),
    /// Before the first request that holds this, something else happens.
    Before(&'static str, Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>),
}

impl Deed {
    /// The kind of a request that something is done about.
    fn kind(&self, request: &str) -> Option<String> {
        match self {
            Self::Lose(mark) | Self::Count(mark) | Self::Before(mark, _) => {
                request.contains(mark).then(|| (*mark).to_owned())
            }
            Self::LoseOneOfEach => {
                let action = request.split(['\n', '&']).find(|part| part.starts_with("Action="));
                let target = request.lines().find(|line| line.starts_with("x-amz-target:"));
                action.or(target).or_else(|| request.lines().next()).map(str::to_owned)
            }
        }
    }
}

pub(super) struct Proxy {
    base: String,
    concerned: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Pass {
    server: String,
    deed: Deed,
    seen: Mutex<BTreeSet<String>>,
    concerned: Arc<AtomicUsize>,
}

impl Proxy {
    /// Before `server`, a URL.
    pub(super) async fn start(server: &str, deed: Deed) -> Self {
        let (listener, base) = listener().await;
        let concerned = Arc::new(AtomicUsize::new(0));
        let server = server.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let pass = Arc::new(Pass { server, deed, seen: Mutex::default(), concerned: Arc::clone(&concerned) });
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let pass = Arc::clone(&pass);
                tokio::spawn(async move { drop(pass.one(client).await) });
            }
        });
        Self { base: format!("http://{base}"), concerned, task }
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// How many requests were of a kind that something is done about.
    pub(super) fn concerned(&self) -> usize {
        self.concerned.load(Ordering::SeqCst)
    }
}

async fn listener() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl Pass {
    /// One request and its reply on a connection of their own.
    async fn one(&self, mut client: TcpStream) -> std::io::Result<()> {
        let Some(request) = request(&mut client).await? else { return Ok(()) };
        let kind = self.deed.kind(&String::from_utf8_lossy(&request));
        self.concerned.fetch_add(usize::from(kind.is_some()), Ordering::SeqCst);
        let first = kind.is_some_and(|kind| self.seen.lock().unwrap().insert(kind));
        if first && let Deed::Before(_, happens) = &self.deed {
            happens().await;
        }
        let mut server = TcpStream::connect(&self.server).await?;
        server.write_all(&request).await?;
        let mut reply = Vec::new();
        server.read_to_end(&mut reply).await?;
        if first && matches!(self.deed, Deed::Lose(_) | Deed::LoseOneOfEach) {
            return Ok(());
        }
        client.write_all(&reply).await?;
        client.shutdown().await
    }
}

/// A whole request, which asks for the connection to be closed after its reply.
async fn request(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let whole = head + length.unwrap_or(0);
            if bytes.len() >= whole {
                bytes.splice(head - 2..head - 2, *b"connection: close\r\n");
                return Ok(Some(bytes));
            }
        }
        let mut part = [0; 8192];
        match client.read(&mut part).await? {
            0 => return Ok(None),
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}

/// Where streams are cut, by the number of what the program says, counted over all of them from 1.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// The server never hears of it.
    Request(usize),
    /// The server does it, and its answer is lost.
    Reply(usize),
}

/// Passes streams on. Of every mark, the first stream on which the program says it is cut after the server's answer to
/// it, which is lost.
pub(super) struct Cutter {
    port: u16,
    plan: Arc<Plan>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cutter {
    /// Before `server`, a host and a port.
    pub(super) async fn start(server: String, marks: &[&'static str]) -> Self {
        Self::before(server, Plan { left: Mutex::new(marks.to_vec()), ..Plan::default() }).await
    }

    /// Cuts once, at a place.
    pub(super) async fn at(server: String, cut: Option<Cut>) -> Self {
        Self::before(server, Plan { cut, ..Plan::default() }).await
    }

    async fn before(server: String, plan: Plan) -> Self {
        let (listener, address) = listener().await;
        let plan = Arc::new(plan);
        let shared = Arc::clone(&plan);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (server, plan) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move { drop(stream(client, &server, &plan).await) });
            }
        });
        Self { port: address.port(), plan, task }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The marks that no stream bore.
    pub(super) fn left(&self) -> Vec<&'static str> {
        self.plan.left.lock().unwrap().clone()
    }

    /// How often the program said something.
    pub(super) fn said(&self) -> usize {
        self.plan.said.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
struct Plan {
    left: Mutex<Vec<&'static str>>,
    cut: Option<Cut>,
    said: AtomicUsize,
}

impl Plan {
    /// Whether the text bears a mark that was left; it is left no longer.
    fn bears(&self, text: &str) -> bool {
        let mut left = self.left.lock().unwrap();
        let found = left.iter().position(|mark| text.contains(mark));
        found.map(|at| left.remove(at)).is_some()
    }
}

async fn stream(mut client: TcpStream, server: &str, plan: &Plan) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let (mut said, mut answered, mut cut) = (vec![0; 65_536], vec![0; 65_536], false);
    loop {
        tokio::select! {
            read = from_client.read(&mut said) => match read? {
                0 => return Ok(()),
                length => {
                    let number = plan.said.fetch_add(1, Ordering::SeqCst) + 1;
                    if matches!(plan.cut, Some(Cut::Request(nth)) if nth == number) {
                        return Ok(());
                    }
                    cut |= matches!(plan.cut, Some(Cut::Reply(nth)) if nth == number);
                    cut |= plan.bears(&String::from_utf8_lossy(&said[..length]));
                    to_server.write_all(&said[..length]).await?;
                }
            },
            read = from_server.read(&mut answered) => match read? {
                0 => return Ok(()),
                _ if cut => return Ok(()),
                length => to_client.write_all(&answered[..length]).await?,
            },
        }
    }
}
