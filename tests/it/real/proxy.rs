//! Stands between the program and a server, passes requests on as they are (a signature covers the host they name), and
//! does once what a test asks for.

use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of the request that bears the mark.
pub(super) enum Deed {
    /// The server carries it out, and its reply is lost.
    LoseReply,
    /// Something happens first.
    After(Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>),
}

pub(super) struct Proxy {
    base: String,
    done: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Pass {
    server: String,
    mark: Vec<u8>,
    deed: Deed,
    done: Arc<AtomicUsize>,
}

impl Proxy {
    /// Before `server` (a URL). The first request that holds `mark` is the one.
    pub(super) async fn start(server: &str, mark: &str, deed: Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let done = Arc::new(AtomicUsize::new(0));
        let server = server.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let pass = Arc::new(Pass { server, mark: mark.into(), deed, done: Arc::clone(&done) });
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let pass = Arc::clone(&pass);
                tokio::spawn(async move { drop(pass.one(client).await) });
            }
        });
        Self { base, done, task }
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// How many requests bore the mark.
    pub(super) fn marked(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }
}

impl Pass {
    /// One request and its reply on a connection of their own.
    async fn one(&self, mut client: TcpStream) -> std::io::Result<()> {
        let Some(request) = request(&mut client).await? else { return Ok(()) };
        let bears = request.windows(self.mark.len()).any(|window| window == self.mark);
        let first = bears && self.done.fetch_add(1, Ordering::SeqCst) == 0;
        if first && let Deed::After(first) = &self.deed {
            first().await;
        }
        let mut server = TcpStream::connect(&self.server).await?;
        server.write_all(&request).await?;
        let mut reply = Vec::new();
        server.read_to_end(&mut reply).await?;
        if first && matches!(self.deed, Deed::LoseReply) {
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
