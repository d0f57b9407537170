//! Sockets without HTTP: `udp://host:port` and `tcp://host:port`.

use super::AlertError;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long a connection, and how long a message, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the other side may take to close after we did; most do at once, and a reset shows that it did not read.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a host is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Datagrams: nobody knows whether they arrive.
    Udp,
    /// A stream.
    Tcp,
}

/// A host to speak to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) protocol: Protocol,
    host: String,
    sink: String,
}

impl Wire {
    /// Reads `udp://host:port` or `tcp://host:port`.
    pub(super) fn new(sink: &str, address: &str) -> Result<Self, AlertError> {
        let read = || {
            let (scheme, host) = address.split_once("://")?;
            let protocol = match scheme {
                "udp" => Protocol::Udp,
                "tcp" => Protocol::Tcp,
                _ => return None,
            };
            let host = host.trim_end_matches('/');
            let (name, port) = host.rsplit_once(':')?;
            let usable =
                !name.is_empty() && !name.contains(['/', '@']) && port.parse::<u16>().is_ok_and(|port| port > 0);
            usable.then(|| Self { protocol, host: host.to_owned(), sink: sink.to_owned() })
        };
        read().ok_or_else(|| AlertError::Settings {
            sink: sink.to_owned(),
            problem: format!("'{address}' is no address: write udp://host:port or tcp://host:port"),
        })
    }

    /// Sends datagrams.
    pub(super) async fn datagrams(&self, parts: &[Vec<u8>]) -> Result<(), AlertError> {
        let send = async {
            let mut last = None;
            for address in tokio::net::lookup_host(&self.host).await? {
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).await?;
                if let Err(error) = socket.connect(address).await {
                    last = Some(error);
                    continue;
                }
                for part in parts {
                    socket.send(part).await?;
                }
                return Ok(());
            }
            Err(last.unwrap_or_else(|| std::io::ErrorKind::NotFound.into()))
        };
        self.within(send).await
    }

    /// Sends bytes over a connection of their own.
    pub(super) async fn stream(&self, bytes: &[u8]) -> Result<(), AlertError> {
        let send = async {
            let mut stream = TcpStream::connect(&self.host).await?;
            stream.write_all(bytes).await?;
            stream.shutdown().await?;
            let mut rest = [0; 512];
            match timeout(FAREWELL, stream.read(&mut rest)).await {
                Ok(Err(error)) => Err(error),
                // It closed, said something, or keeps the connection: it has what was sent.
                Ok(Ok(_)) | Err(_) => Ok(()),
            }
        };
        self.within(send).await
    }

    async fn within(&self, work: impl Future<Output = std::io::Result<()>>) -> Result<(), AlertError> {
        let later = |why: String| AlertError::Later { sink: self.sink.clone(), why, after: None };
        match timeout(PATIENCE, work).await {
            Ok(done) => done.map_err(|error| later(error.kind().to_string())),
            Err(_) => Err(later("it took too long".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_protocol_a_host_and_a_port() {
        for good in ["udp://127.0.0.1:514", "tcp://logs.example:601", "udp://[::1]:12201", "tcp://h:1/"] {
            assert!(Wire::new("logs", good).is_ok(), "{good}");
        }
        for wrong in ["logs:514", "http://h:1", "udp://h", "udp://:1", "udp://h:0", "tcp://h:1/x", "tcp://u@h:1"] {
            let error = Wire::new("logs", wrong).unwrap_err().to_string();
            assert!(error.contains("write udp://"), "{error}");
        }
    }
}
