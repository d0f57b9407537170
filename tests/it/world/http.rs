//! Just enough HTTP for a door that misbehaves on order: one request a connection, no kept connections.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn new(method: &str, path: &str, bearer: &[u8]) -> Self {
        let headers = vec![("authorization".to_owned(), [b"Bearer ", bearer].concat())];
        Self { method: method.to_owned(), path: path.to_owned(), headers, body: Vec::new() }
    }

    pub(crate) fn bearer(&self) -> Option<&[u8]> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == "authorization")?;
        value.strip_prefix(b"Bearer ")
    }

    /// Sends it and takes the whole reply.
    pub(crate) fn send(&self, to: SocketAddr) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n", self.method, self.path).into_bytes();
        let kept =
            self.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "connection" | "content-length"));
        for (name, value) in kept {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend(format!("content-length: {}\r\n\r\n", self.body.len()).into_bytes());
        stream.write_all(&[head, self.body.clone()].concat())?;
        let (first, headers, body) = read(&stream)?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let headers = headers.into_iter().map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()));
        Ok(Reply { status, headers: headers.collect(), body })
    }
}

/// A reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn of(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn write(&self, mut to: &TcpStream) -> io::Result<()> {
        let mut head =
            format!("HTTP/1.1 {} Any\r\nconnection: close\r\ncontent-length: {}\r\n", self.status, self.body.len());
        let own = self.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "connection" | "content-length"));
        head.extend(own.map(|(name, value)| format!("{name}: {value}\r\n")));
        to.write_all(&[head.as_bytes(), b"\r\n", &self.body].concat())
    }
}

/// What becomes of a request.
pub(crate) enum Answer {
    Reply(Reply),
    /// The connection ends.
    Nothing,
    /// The connection stays open, silent, until the other side gives up.
    Silence,
}

type Head = (String, Vec<(String, Vec<u8>)>, Vec<u8>);

/// The first line, the headers with lower-case names, and the body of a request or a reply.
fn read(stream: &TcpStream) -> io::Result<Head> {
    let mut reader = BufReader::new(stream);
    let line = |reader: &mut BufReader<&TcpStream>| {
        let mut bytes = Vec::new();
        reader.read_until(b'\n', &mut bytes)?;
        let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        bytes.truncate(end);
        io::Result::Ok(bytes)
    };
    let first = String::from_utf8_lossy(&line(&mut reader)?).into_owned();
    let mut headers = Vec::new();
    loop {
        let header = line(&mut reader)?;
        if header.is_empty() {
            break;
        }
        let colon = header.iter().position(|byte| *byte == b':').ok_or(io::ErrorKind::InvalidData)?;
        let name = String::from_utf8_lossy(&header[..colon]).to_ascii_lowercase();
        headers.push((name, header[colon + 1..].trim_ascii().to_vec()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| String::from_utf8_lossy(value).parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((first, headers, body))
}

/// A server on a free loopback port; it stops when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (flag, answer) = (Arc::clone(&over), Arc::new(answer));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if flag.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), answer) = (stream, Arc::clone(&answer)) else { continue };
                std::thread::spawn(move || serve(&stream, &*answer));
            }
        });
        Self { address, over, accepting: Some(accepting) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

/// A client that went away in the middle is its own affair.
fn serve(stream: &TcpStream, answer: &dyn Fn(Asked) -> Answer) {
    let Ok((first, headers, body)) = read(stream) else { return };
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return };
    match answer(Asked { method, path, headers, body }) {
        Answer::Reply(reply) => drop(reply.write(stream)),
        Answer::Nothing => drop(stream.shutdown(Shutdown::Both)),
        Answer::Silence => drop(io::copy(&mut &*stream, &mut io::sink())),
    }
}
