//! Running git: a clean environment, a limit on time, output and room, and an end to everything that it started.

use super::{FetchError, Remote};
use crate::egress::Group;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// What of git's output is read: references by the hundred thousand fit.
const OUTPUT: u64 = 64 << 20;

/// What of git's complaints is looked at.
const COMPLAINTS: u64 = 64 << 10;

/// What is shown of them.
const SHOWN: usize = 200;

/// How often the room that it takes is measured.
const MEASURED: Duration = Duration::from_millis(500);

/// What git gets of our environment: where programs and ssh's agent are, and the way out. A plain `http_proxy` would read
/// a token along, so it is not handed on.
const HANDED_ON: [&str; 6] = ["PATH", "SSH_AUTH_SOCK", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"];

/// What holds for every run: nothing runs that we did not name, nothing is asked, nothing is tidied behind our back.
const SETTINGS: [&str; 11] = [
    "core.hooksPath=/dev/null",
    "core.askPass=",
    "core.fsmonitor=false",
    "credential.helper=",
    "credential.useHttpPath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.unpackLimit=1",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "http.followRedirects=initial",
];

/// One run.
pub(super) struct Run<'a> {
    /// The repository.
    pub(super) repository: &'a Path,
    /// What git is to do.
    pub(super) arguments: Vec<OsString>,
    /// Further settings.
    pub(super) settings: Vec<OsString>,
    /// The one transport that it may use; none where it stays at home.
    pub(super) transport: Option<&'a str>,
    /// What it reads.
    pub(super) input: Vec<u8>,
    /// How long it may take.
    pub(super) within: Duration,
    /// How many bytes its packs may take.
    pub(super) room: u64,
}

/// How a run ended.
pub(super) enum Ended {
    /// By itself.
    Itself(Said),
    /// By us: its time was over.
    TooLong,
    /// By us: it took too much room.
    TooLarge,
}

/// What git said.
pub(super) struct Said {
    /// It did what it was told.
    pub(super) done: bool,
    /// It came to an end, of whatever sort, by itself.
    pub(super) exited: bool,
    /// Its output.
    pub(super) output: Vec<u8>,
    complaints: Vec<u8>,
}

impl<'a> Run<'a> {
    /// At home: no transport.
    pub(super) fn local(repository: &'a Path, arguments: &[&str], within: Duration) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        Self { repository, arguments, settings: Vec::new(), transport: None, input: Vec::new(), within, room: u64::MAX }
    }

    /// Runs it. Dropped before its end, it is ended with all that it has started.
    ///
    /// # Errors
    /// When there is no git, or the machine fails.
    pub(super) async fn run(self, home: &Path) -> io::Result<Ended> {
        let mut child = self.command(home).spawn()?;
        let group = Group::of(&child);
        let ended = tokio::select! {
            ended = outcome(&mut child, &self.input) => Some(Ended::Itself(ended?)),
            () = tokio::time::sleep(self.within) => Some(Ended::TooLong),
            () = outgrown(self.repository, self.room) => Some(Ended::TooLarge),
        };
        match ended {
            Some(Ended::Itself(said)) => {
                group.release();
                Ok(Ended::Itself(said))
            }
            Some(ended) => {
                drop(group);
                child.wait().await?;
                Ok(ended)
            }
            None => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    fn command(&self, home: &Path) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        command.envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // The authority of a self-hosted instance, as egress trusts it.
        command.envs(std::env::var_os("SSL_CERT_FILE").map(|file| ("GIT_SSL_CAINFO", file)));
        command
            .env("HOME", home)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_PROTOCOL_FROM_USER", "0")
            .env("GIT_ALLOW_PROTOCOL", self.transport.unwrap_or("none"))
            .env("GIT_SSH_VARIANT", "ssh")
            .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oPermitLocalCommand=no -oForwardAgent=no -oControlPath=none");
        for setting in SETTINGS.iter().map(OsStr::new).chain(self.settings.iter().map(OsString::as_os_str)) {
            command.arg("-c").arg(setting);
        }
        command.arg("--git-dir").arg(self.repository).args(&self.arguments);
        let input = if self.input.is_empty() { Stdio::null() } else { Stdio::piped() };
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        command
    }
}

/// The setting that makes this program git's credential helper, on this socket.
pub(super) fn helper(program: &Path, socket: &Path) -> OsString {
    let mut setting = OsString::from("credential.helper=!");
    setting.push(quoted(program.as_os_str()));
    setting.push(" git-credential --socket ");
    setting.push(quoted(socket.as_os_str()));
    setting
}

/// For the shell that git starts its helper with.
fn quoted(word: &OsStr) -> OsString {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let mut bytes = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => bytes.extend(b"'\\''"),
            other => bytes.push(*other),
        }
    }
    bytes.push(b'\'');
    OsString::from_vec(bytes)
}

async fn outcome(child: &mut Child, input: &[u8]) -> io::Result<Said> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            match stdin.write_all(input).await {
                // Its exit code tells why it did not listen.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        Ok(())
    };
    let (output, complaints, (), status) =
        tokio::try_join!(beginning(stdout, OUTPUT), ending(stderr), write, child.wait())?;
    if output.len() as u64 > OUTPUT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "git said more than it is listened to"));
    }
    Ok(Said { done: status.success(), exited: status.code().is_some(), output, complaints })
}

/// The beginning of an output, and one byte more where there is more; the rest is read and dropped.
async fn beginning(from: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(limit + 1).read_to_end(&mut kept).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}

/// The last of an output: what ended it stands there.
async fn ending(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 8 << 10]);
    let Some(mut from) = from else { return Ok(kept) };
    let limit = usize::try_from(COMPLAINTS).unwrap_or(usize::MAX);
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if kept.len() > limit {
            kept.drain(..kept.len() - limit / 2);
        }
    }
}

/// Returns when the packs of a repository have outgrown their room.
async fn outgrown(repository: &Path, room: u64) {
    loop {
        tokio::time::sleep(MEASURED).await;
        if packed(repository) > room {
            return;
        }
    }
}

/// The bytes of a repository's packs, those under way among them.
pub(super) fn packed(repository: &Path) -> u64 {
    let entries = std::fs::read_dir(repository.join("objects/pack")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).fold(0, |sum, entry| sum.saturating_add(entry.len()))
}

impl Said {
    /// The line in which git says why it gave up: no addresses, no control characters, short.
    pub(super) fn why(&self) -> String {
        let text = String::from_utf8_lossy(&self.complaints);
        let told = |start: &str| text.lines().rev().find_map(|line| line.strip_prefix(start));
        let line = told("fatal: ").or_else(|| told("error: ")).unwrap_or("it ended without saying why");
        let line: String = line.split_whitespace().map(discreet).collect::<Vec<_>>().join(" ");
        line.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
    }

    /// Why there was no way through. What ssh says of it is not git's last word.
    fn reason(&self) -> String {
        if String::from_utf8_lossy(&self.complaints).contains("Host key verification failed") {
            return "its host key is not known: put it into the known_hosts of the account that runs this".to_owned();
        }
        self.why()
    }

    /// What it means that a fetch failed; none when it could be the mirror's fault.
    pub(super) fn verdict(&self, remote: &Remote) -> Option<FetchError> {
        let text = String::from_utf8_lossy(&self.complaints).to_lowercase();
        let says = |any: &[&str]| any.iter().any(|words| text.contains(words));
        let (host, what, whose) = (remote.host(), remote.name().to_owned(), remote.whose().to_owned());
        if says(&REFUSED) {
            return Some(FetchError::Refused { whose, host, what });
        }
        if says(&MISSING) {
            return Some(FetchError::Missing { whose, host, what });
        }
        if says(&["no space left on device", "disk quota exceeded"]) {
            return Some(FetchError::Git { act: "fetch", what, said: "the disk is full: make room".to_owned() });
        }
        says(&UNREACHABLE).then(|| FetchError::Unreachable { host, what, said: self.reason() })
    }
}

/// How git, curl and ssh say that the server wants another token, or none at all.
const REFUSED: [&str; 8] = [
    "authentication failed",
    "could not read username",
    "could not read password",
    "terminal prompts disabled",
    "permission denied",
    "returned error: 401",
    "returned error: 403",
    "access denied",
];

/// How they say that there is no such repository.
const MISSING: [&str; 5] = [
    "returned error: 404",
    "repository not found",
    "not found: did you run git update-server-info",
    "does not appear to be a git repository",
    "' not found",
];

/// How they say that they did not get through.
const UNREACHABLE: [&str; 21] = [
    "could not resolve",
    "failed to connect",
    "couldn't connect",
    "connection refused",
    "connection reset",
    "connection timed out",
    "operation timed out",
    "network is unreachable",
    "returned error: 5",
    "returned error: 429",
    "ssl certificate",
    "certificate verif",
    "ssl_connect",
    "gnutls",
    "host key verification failed",
    "unexpectedly",
    "early eof",
    "rpc failed",
    "remote error",
    "unable to access",
    "cannot run ssh",
];

/// A word of git's, unless it is an address: those can hold what is nobody's business.
fn discreet(word: &str) -> &str {
    if word.contains("://") || word.contains('@') { "(an address)" } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(complaints: &str) -> Said {
        Said { done: false, exited: true, output: Vec::new(), complaints: complaints.as_bytes().to_vec() }
    }

    #[test]
    fn what_git_says_is_shown_without_addresses() {
        let word = ["hunter", "2"].concat();
        let text =
            format!("remote: hello\nfatal: unable to access 'https://kim:{word}@git.example/x/': \u{1b}[31mno\n");
        let shown = said(&text).why();
        assert_eq!(shown, "unable to access (an address) [31mno");
        assert_eq!(said(&format!("fatal: {}", "x".repeat(999))).why().len(), SHOWN);
        assert_eq!(said("").why(), "it ended without saying why");
    }

    #[test]
    fn failures_of_the_other_side_are_told_apart() {
        let remote = Remote::new("shop", "https://git.example/acme/shop", None, None).unwrap();
        let verdict = |text: &str| said(text).verdict(&remote).map(|error| error.to_string());
        let refused = verdict("fatal: could not read Username for 'https://git.example': terminal prompts disabled");
        assert!(refused.unwrap().contains("refused acme/shop to source 'shop'"));
        let missing = verdict("remote: Repository not found.\nfatal: repository 'https://git.example/x/' not found");
        assert!(missing.unwrap().contains("knows no acme/shop"));
        let away = verdict("fatal: unable to access 'https://git.example/x/': Could not resolve host: git.example");
        assert!(away.unwrap().contains("could not be reached"));
        let unknown = verdict("Host key verification failed.\r\nfatal: Could not read from remote repository.");
        assert!(unknown.unwrap().contains("known_hosts"));
        let full =
            verdict("error: file write error: No space left on device\nfatal: fetch-pack: invalid index-pack output");
        assert!(full.unwrap().contains("make room"));
        for own in ["fatal: bad object refs/mirror/heads/main", "error: object file is empty", ""] {
            assert!(verdict(own).is_none(), "{own}");
        }
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted(OsStr::new("/a b/it's $(x)")), OsString::from(r"'/a b/it'\''s $(x)'"));
    }
}
