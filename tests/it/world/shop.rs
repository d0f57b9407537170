//! A shop: an issuer, a service that uses its token, a store and a configuration; the program is run on it as it is built.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time, and look at what is secret")]

use super::Ran;
use super::door::Door;
use super::http::Asked;
use stanch::demo::{Dependent, Issuer};
use stanch::egress::{Allowed, Egress, Limits, endpoint};
use stanch::model::{Secret, StorePath};
use stanch::seal::{FileKey, Sealer};
use stanch::store::local::{LocalSettings, LocalStore};
use stanch::store::{SecretStore as _, Which};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// No run of the program takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

const PATH: &str = "shop/api-token";

/// How the service is asked, and how it is told to read its token again.
pub(crate) const ATTESTING: &str = "http: { url: '{service}/health', expect: { body: { /token: '{{token}}' } } }";
pub(crate) const INDISTINCT: &str = "http: { url: '{service}/health' }";
pub(crate) const RELOADING: &str = "reload: { post: '{service}/reload' }";

/// What differs from one shop to another.
pub(crate) struct Settings {
    policy: BTreeMap<&'static str, String>,
    dependent: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let policy = [
            ("when", "ask"),
            ("tries", "3"),
            ("pause", "20ms"),
            ("proofs", "2"),
            ("prove_within", "60s"),
            ("deadline", "60s"),
            ("soak", "50ms"),
            ("confirms", "2"),
            ("confirm_pause", "20ms"),
            ("confirm_within", "60s"),
            ("watch", "40ms"),
        ];
        Self {
            policy: policy.into_iter().map(|(knob, value)| (knob, value.to_owned())).collect(),
            dependent: vec![ATTESTING.to_owned(), RELOADING.to_owned()],
        }
    }
}

impl Settings {
    pub(crate) fn policy(mut self, knob: &'static str, value: &str) -> Self {
        self.policy.insert(knob, value.to_owned());
        self
    }

    /// The lines that say how the service is asked and reloaded; none at all names no dependent.
    pub(crate) fn dependent(mut self, lines: &[&str]) -> Self {
        self.dependent = lines.iter().map(|line| (*line).to_owned()).collect();
        self
    }

    pub(crate) fn open(self) -> Shop {
        Shop::with(&self)
    }

    fn text(&self, issuer: &str, service: &str) -> String {
        let policy: Vec<_> = self.policy.iter().map(|(knob, value)| format!("{knob}: {value}")).collect();
        let lines: String =
            self.dependent.iter().map(|line| format!("        {}\n", line.replace("{service}", service))).collect();
        let dependents =
            if lines.is_empty() { String::new() } else { format!("    dependents:\n      - name: shop\n{lines}") };
        format!(
            "journal: journal.db
stores:
  local: {{ driver: local, directory: secrets }}
credentials:
  shop-api:
    kind: stanch.demo-token
    provider: {{ driver: http, base: '{issuer}', authority: {{ file: authority }} }}
    stores:
      - {{ store: local, path: {PATH}, export: shop.token }}
{dependents}    policy: {{ {} }}
",
            policy.join(", ")
        )
    }
}

/// The shop; everything in it stops when it is dropped.
pub(crate) struct Shop {
    root: tempfile::TempDir,
    pub(crate) door: Door,
    pub(crate) leaked: String,
    pub(crate) authority: String,
    issuer: Issuer,
    service: Dependent,
    runtime: tokio::runtime::Runtime,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Settings::default().open()
    }

    fn with(settings: &Settings) -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (issuer, authority, leaked) = runtime.block_on(Issuer::start()).unwrap();
        write_private(&at("authority"), authority.expose());
        runtime.block_on(store(root.path()).put(&StorePath::new(PATH), &leaked)).unwrap();
        let allowed = Allowed::default().and(&endpoint(&issuer.base()).unwrap());
        let egress = Arc::new(Egress::new(Limits::default()).unwrap());
        let service = runtime.block_on(Dependent::start(&at("shop.token"), &issuer.base(), egress, allowed)).unwrap();
        let door = Door::before(address(&issuer.base()));
        std::fs::write(at("stanch.yaml"), settings.text(&door.base(), &service.base())).unwrap();
        let text = |secret: &Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
        let (leaked, authority) = (text(&leaked), text(&authority));
        Self { root, door, leaked, authority, issuer, service, runtime }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A repository `repository` that leaked the token and took it out again; the fingerprint.
    pub(crate) fn leak(&self) -> String {
        let top = self.at("repository");
        std::fs::create_dir(&top).unwrap();
        let git = |arguments: &[&str]| {
            let mut command = self.command("git");
            command.current_dir(&top).env("GIT_CONFIG_NOSYSTEM", "1").args(["-c", "user.name=kim"]);
            run({
                command.args(["-c", "user.email=kim@example.invalid"]).args(arguments);
                command
            })
            .expect(0);
        };
        git(&["init", "-q", "-b", "main"]);
        for (text, message) in [(format!("token = '{}'\n", self.leaked), "one"), ("token = ''\n".to_owned(), "two")] {
            std::fs::write(top.join("settings.py"), text).unwrap();
            git(&["add", "-A"]);
            git(&["commit", "-qm", message]);
        }
        let mut scan = self.program(&["scan", "--history", "--json", "."]);
        scan.current_dir(&top);
        let report: serde_json::Value = serde_json::from_str(&run(scan).expect(1).stdout).unwrap();
        report["findings"][0]["fingerprint"].as_str().unwrap().to_owned()
    }

    /// Changes the operator's file.
    pub(crate) fn configure(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.at("stanch.yaml")).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text, "nothing was changed");
        std::fs::write(self.at("stanch.yaml"), changed).unwrap();
    }

    /// A command in the shop, with nothing of the caller's environment but the search path.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.root.path()).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LANG", "C.UTF-8");
        command.env("HOME", self.root.path()).env("XDG_STATE_HOME", self.at("state"));
        command.env("STANCH_CONFIG", self.at("stanch.yaml"));
        // So that all of this can be tried in repositories of other forms.
        for name in ["GIT_DEFAULT_HASH", "GIT_DEFAULT_REF_FORMAT"] {
            command.envs(std::env::var_os(name).map(|form| (name, form)));
        }
        command
    }

    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(super::program());
        command.args(arguments);
        command
    }

    pub(crate) fn stanch(&self, arguments: &[&str]) -> Ran {
        run(self.program(arguments))
    }

    /// `stanch rotate --credential shop-api`, and more.
    pub(crate) fn rotate(&self, more: &[&str]) -> Ran {
        self.stanch(&[&["rotate", "--credential", "shop-api"], more].concat())
    }

    /// The same, under way.
    pub(crate) fn start_rotating(&self) -> Running {
        Running::start(self.program(&["rotate", "--credential", "shop-api", "--yes", "-v"]))
    }

    pub(crate) fn case(&self, verb: &str) -> Ran {
        self.stanch(&["case", verb, "C-0001", "-v"])
    }

    /// Does for the first case what a person would, until it is over; the last exit code.
    pub(crate) fn carry_on(&self) -> i32 {
        for _ in 0..20 {
            let ran = self.case("resume");
            match ran.code {
                0 | 21 => return ran.code,
                20 => drop(self.case("approve")),
                22 | 23 => {}
                _ => panic!("exit code {}\n{}{}", ran.code, ran.stdout, ran.stderr),
            }
        }
        panic!("the case does not come to an end");
    }

    /// The ids that live at the issuer.
    pub(crate) fn live(&self) -> Vec<String> {
        self.issuer.live()
    }

    /// The token that a bearer is, as the issuer says.
    fn is_token(&self, bearer: &[u8]) -> Option<String> {
        let reply = Asked::new("GET", "/v1/token", bearer).send(address(&self.issuer.base())).unwrap();
        (reply.status == 200).then(|| reply.json()["id"].as_str().unwrap().to_owned())
    }

    /// The value that the sealed store holds.
    pub(crate) fn stored(&self) -> Vec<u8> {
        let current = async { store(self.root.path()).read(&StorePath::new(PATH), &Which::Current).await };
        self.runtime.block_on(current).unwrap().1.expose().to_vec()
    }

    /// Somebody else writes to the store.
    pub(crate) fn overwrite(&self, value: &str) {
        self.put(PATH, value);
    }

    pub(crate) fn put(&self, path: &str, value: &str) {
        let value = Secret::new(value.as_bytes().to_vec());
        self.runtime.block_on(async { store(self.root.path()).put(&StorePath::new(path), &value).await }).unwrap();
    }

    pub(crate) fn exported(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// One token lives; store, exported file and service have it; no request of the service ever failed; the journal is
    /// whole.
    #[track_caller]
    fn assert_all_use(&self, token: &str) {
        assert_eq!(self.live(), [token], "what lives at the issuer");
        assert_eq!(self.is_token(&self.stored()).as_deref(), Some(token), "what the store holds");
        assert_eq!(std::fs::read(self.at("shop.token")).unwrap(), self.stored(), "what was exported");
        let health = Asked::new("GET", "/health", b"").send(address(&self.service.base())).unwrap();
        assert_eq!(health.json()["token"], token, "what the service uses");
        self.assert_unbroken();
        let verified = self.stanch(&["audit", "verify", "journal.db"]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    }

    /// No request of the service failed.
    #[track_caller]
    pub(crate) fn assert_unbroken(&self) {
        let (served, failed) = self.service.counts();
        assert_eq!(failed, 0, "requests of the service that failed, besides {served} that worked");
        assert!(served > 0);
    }

    #[track_caller]
    pub(crate) fn assert_rotated(&self) {
        let live = self.live();
        assert!(live.len() == 1 && live[0] != "tok_0001", "live: {live:?}");
        self.assert_all_use(&live[0]);
        assert_eq!(self.is_token(self.leaked.as_bytes()), None, "the leaked token is dead");
    }

    /// Rotated, and the service had to do without for a while.
    #[track_caller]
    pub(crate) fn assert_rotated_after_outage(&self) {
        let live = self.live();
        assert!(live.len() == 1 && live[0] != "tok_0001", "live: {live:?}");
        assert_eq!(self.is_token(&self.stored()).as_deref(), Some(live[0].as_str()), "what the store holds");
        assert_eq!(self.is_token(self.leaked.as_bytes()), None, "the leaked token is dead");
    }

    #[track_caller]
    pub(crate) fn assert_as_before(&self) {
        self.assert_all_use("tok_0001");
    }

    /// As before, and no journal was written.
    #[track_caller]
    pub(crate) fn assert_as_before_unwritten(&self) {
        assert_eq!(self.live(), ["tok_0001"]);
        assert_eq!(self.stored(), self.leaked.as_bytes());
        self.assert_unbroken();
    }
}

/// The local store below a directory; made anew for every use, as another process would.
fn store(root: &Path) -> LocalStore {
    let export = (StorePath::new(PATH), root.join("shop.token"));
    let settings = LocalSettings { directory: root.join("secrets"), exports: std::iter::once(export).collect() };
    LocalStore::new(settings, Sealer::new(FileKey::load_or_create(&root.join("envelope.key")).unwrap()))
}

fn write_private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn address(base: &str) -> SocketAddr {
    base.strip_prefix("http://").unwrap().parse().unwrap()
}

/// Runs a program to its end.
pub(crate) fn run(command: Command) -> Ran {
    Running::start(command).end()
}

/// A program under way.
pub(crate) struct Running {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Option<std::thread::JoinHandle<String>>,
    pub(crate) seen: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut stderr, &mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { child, stdout, stderr: Some(stderr), seen: String::new() }
    }

    /// The next line; none at the end.
    fn line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        self.stdout.read_until(b'\n', &mut bytes).unwrap();
        let line = String::from_utf8_lossy(&bytes).into_owned();
        self.seen.push_str(&line);
        (!line.is_empty()).then_some(line)
    }

    /// Returns after the n-th line of the timeline; false when there are fewer.
    pub(crate) fn reads_events(&mut self, many: usize) -> bool {
        let mut events = 0;
        while events < many {
            let Some(line) = self.line() else { return false };
            events += usize::from(is_event(&line));
        }
        true
    }

    /// Returns after the line that says this.
    #[track_caller]
    pub(crate) fn reads(&mut self, text: &str) {
        loop {
            match self.line() {
                Some(line) if line.contains(text) => return,
                Some(_) => {}
                None => panic!("'{text}' was never said:\n{}", self.seen),
            }
        }
    }

    /// SIGKILL, and nobody waits for what is left of it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> Ran {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        let (ended, end) = std::sync::mpsc::sync_channel::<()>(1);
        let watchdog = std::thread::spawn(move || {
            // The process is waited for only after this thread ended, so its number is still its own.
            if end.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            }
        });
        while self.line().is_some() {}
        drop(ended);
        watchdog.join().unwrap();
        let status = self.child.wait().unwrap();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ran { code: status.code().unwrap_or(-1), stdout: std::mem::take(&mut self.seen), stderr }
    }
}

impl Drop for Running {
    /// Nothing that a test started outlives it.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A line of the timeline: two spaces and a time of day.
fn is_event(line: &str) -> bool {
    let time = line.strip_prefix("  ").and_then(|line| line.get(..8));
    time.is_some_and(|time| {
        time.chars().enumerate().all(|(at, c)| if at % 3 == 2 { c == ':' } else { c.is_ascii_digit() })
    })
}

/// Polls until it is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the random moments of a test follow from; `STANCH_SEED` says another one.
pub(crate) fn seed() -> u64 {
    std::env::var("STANCH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122)
}

/// Draws numbers below a bound, always the same ones for a seed.
pub(crate) fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % below
    }
}
