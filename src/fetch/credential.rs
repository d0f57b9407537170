//! How git gets a token: it asks its credential helper, the helper asks this process on a socket, and only the host that
//! the token is for is answered. A redirect to another host asks in vain.

use super::Remote;
use crate::model::Secret;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

/// No question and no answer is longer.
const LONGEST: u64 = 16 << 10;

/// The longest directory that sockets are made in.
const LONGEST_DIRECTORY: usize = 72;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The beginning of the sockets' names.
const NAME: &str = ".ask-";

/// Answers git for as long as it lives.
#[derive(Debug)]
pub(super) struct Keeper {
    socket: PathBuf,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins to answer for this remote, in a directory that is our own; nobody answers where there is no token.
    pub(super) fn open(directory: &Path, remote: &Remote) -> io::Result<Option<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Some(token) = remote.token().map(Arc::clone).filter(|_| matches!(remote.scheme(), "https" | "http")) else {
            return Ok(None);
        };
        let socket = directory.join(format!("{NAME}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        let asked =
            Asked { scheme: remote.scheme().to_owned(), host: remote.host(), user: remote.user().to_owned(), token };
        Ok(Some(Self { socket, task: tokio::spawn(serve(listener, asked)) }))
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::debug!(%error, "a socket for git is left behind");
        }
    }
}

/// Is there room for a socket's name behind a directory's? Systems keep a hundred bytes for both.
pub(super) fn fits(directory: &Path) -> io::Result<()> {
    if directory.as_os_str().len() <= LONGEST_DIRECTORY {
        return Ok(());
    }
    let why =
        format!("its path has more than {LONGEST_DIRECTORY} bytes, which leaves no room for the name of a socket");
    Err(io::Error::new(io::ErrorKind::InvalidFilename, why))
}

/// Removes sockets that an earlier process left behind.
pub(super) fn sweep(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split('-').next()?.parse::<i32>().ok());
        let owner = owner.and_then(rustix::process::Pid::from_raw);
        if owner.is_some_and(|owner| rustix::process::test_kill_process(owner).is_err()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// What may be asked for, and what is answered.
struct Asked {
    scheme: String,
    host: String,
    user: String,
    token: Arc<Secret>,
}

impl Asked {
    /// The answer to a question in git's form: nothing, unless it is about our host, over our protocol.
    fn answer(&self, question: &str) -> Zeroizing<Vec<u8>> {
        let mut answer = Zeroizing::new(Vec::with_capacity(64 + self.user.len() + self.token.len()));
        let named = |key: &str| {
            let mut values = question.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            // Twice is once too often: it is not for us to say which one git means.
            values.next().filter(|_| values.next().is_none())
        };
        let ours = named("protocol") == Some(self.scheme.as_str())
            && named("host").is_some_and(|host| host.eq_ignore_ascii_case(&self.host));
        if ours {
            #[expect(clippy::disallowed_methods, reason = "git gets the token over its credential protocol")]
            let token = self.token.expose();
            // A line break would be the beginning of another attribute.
            if !token.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
                for part in [b"username=", self.user.as_bytes(), b"\npassword=", token, b"\n"] {
                    answer.extend_from_slice(part);
                }
            }
        }
        answer
    }
}

async fn serve(listener: UnixListener, asked: Asked) {
    loop {
        let served = match listener.accept().await {
            Ok((stream, _)) => tokio::time::timeout(PATIENCE, reply(stream, &asked)).await,
            Err(error) => Ok(Err(error)),
        };
        match served {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "git could not be answered");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(_) => tracing::debug!("git was not answered: its question did not end"),
        }
    }
}

async fn reply(mut stream: tokio::net::UnixStream, asked: &Asked) -> io::Result<()> {
    // The directory is closed to others; this holds even if somebody opens it.
    if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut question = String::new();
    (&mut stream).take(LONGEST).read_to_string(&mut question).await?;
    stream.write_all(&asked.answer(&question)).await?;
    stream.shutdown().await
}

/// The helper's part: carries git's question to the process that holds the token, and its answer back.
///
/// # Errors
/// When nobody answers on the socket, or git does not listen.
pub fn answer(socket: &Path, question: impl Read, mut answer: impl Write) -> io::Result<()> {
    let mut asked = Vec::new();
    question.take(LONGEST).read_to_end(&mut asked)?;
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&asked)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answered = Zeroizing::new(Vec::with_capacity(usize::try_from(LONGEST).unwrap_or(0)));
    stream.take(LONGEST).read_to_end(&mut answered)?;
    answer.write_all(&answered)?;
    answer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        let token = Arc::new(Secret::new(b"sesame".to_vec()));
        Asked { scheme: "https".into(), host: "git.example:8443".into(), user: "kim".into(), token }
    }

    #[test]
    fn only_the_host_that_the_token_is_for_is_answered() {
        let asked = asked();
        let good = "protocol=https\nhost=git.example:8443\n";
        assert_eq!(asked.answer(good).as_slice(), b"username=kim\npassword=sesame\n");
        let more = format!("capability[]=authtype\n{good}wwwauth[]=Basic realm=\"x\"\n\n");
        assert!(!asked.answer(&more).is_empty());
        for other in [
            "",
            "protocol=https\n",
            "host=git.example:8443\n",
            "protocol=http\nhost=git.example:8443\n",
            "protocol=https\nhost=git.example\n",
            "protocol=https\nhost=git.example:443\n",
            "protocol=https\nhost=evil.example\n",
            "protocol=https\nhost=evil.example\nhost=git.example:8443\n",
            "protocol=https\nhost=git.example:8443.evil.example\n",
            "protocol=https\nhost=git.example:8443/\n",
            "xprotocol=https\nxhost=git.example:8443\n",
        ] {
            assert!(asked.answer(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_token_of_two_lines_is_no_answer() {
        let token = Arc::new(Secret::new(b"sesame\nurl=https://evil.example".to_vec()));
        let asked = Asked { token, ..asked() };
        assert!(asked.answer("protocol=https\nhost=git.example:8443\n").is_empty());
    }

    #[tokio::test]
    async fn the_socket_answers_while_the_keeper_lives() {
        let folder = tempfile::tempdir().unwrap();
        let token = Arc::new(Secret::new(b"sesame".to_vec()));
        let remote = Remote::new("shop", "https://git.example/x", Some("kim".into()), Some(token)).unwrap();
        let keeper = Keeper::open(folder.path(), &remote).unwrap().unwrap();
        let socket = keeper.socket().to_owned();
        let ask = move |question: &'static str| {
            let socket = socket.clone();
            tokio::task::spawn_blocking(move || {
                let mut said = Vec::new();
                answer(&socket, question.as_bytes(), &mut said).map(|()| said)
            })
        };
        assert_eq!(
            ask("protocol=https\nhost=git.example\n").await.unwrap().unwrap(),
            b"username=kim\npassword=sesame\n"
        );
        assert_eq!(ask("protocol=https\nhost=other.example\n").await.unwrap().unwrap(), b"");
        drop(keeper);
        assert!(ask("protocol=https\nhost=git.example\n").await.unwrap().is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let plain = Remote::new("shop", "https://git.example/x", None, None).unwrap();
        assert!(Keeper::open(folder.path(), &plain).unwrap().is_none());
    }
}
