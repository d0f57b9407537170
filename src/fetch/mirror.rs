//! Mirrors: bare repositories on this machine that follow remote ones.
//!
//! Everything that a remote shows is fetched, under `refs/mirror/`. What a reference led to before it was moved by force
//! or deleted stays under `refs/stanch/kept/` until it was read, which [`Mirrors::settle`] says; nothing is collected.

use super::credential::{self, Keeper};
use super::git::{self, Ended, Run, Said};
use super::{FetchError, Remote};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where the references of the remote lie.
const MIRRORED: &str = "refs/mirror/";

/// Where the objects lie that references led to before.
const KEPT: &str = "refs/stanch/kept/";

/// In a mirror, the objects that were read with everything behind them.
const SETTLED: &str = "stanch-settled";

/// As many packs are made one.
const PACKS: usize = 50;

/// As many objects of a webhook's are asked for by name.
const WANTED: usize = 32;

/// Work at home takes no longer.
const AT_HOME: Duration = Duration::from_secs(600);

/// By what most repositories name their objects, as git calls it.
const USUAL: &str = "sha1";

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one fetch.
    pub time: Duration,
    /// Bytes of one mirror.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(1800), bytes: 20 << 30 }
    }
}

/// The mirrors of this machine.
#[derive(Debug)]
pub struct Mirrors {
    directory: PathBuf,
    program: PathBuf,
    limits: Limits,
    /// One fetch at a time into each.
    turns: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
}

/// What a remote looks like now and looked like before. Names are the remote's (`refs/heads/main`), objects are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The bare repository.
    pub path: PathBuf,
    /// What its references led to when it was last fetched; nothing at the first time.
    pub before: BTreeMap<String, String>,
    /// What they lead to now.
    pub after: BTreeMap<String, String>,
    /// Objects that references led to or that a webhook named, and that nobody has read yet.
    pub kept: Vec<String>,
    /// Objects that were read with everything behind them. What is new lies between these and `after` with `kept`; what
    /// references led to `before` need not have been read.
    pub settled: Vec<String>,
    /// Objects that a webhook named and that the server did not give: they were not read.
    pub missing: Vec<String>,
    /// It was damaged, and is fetched anew: what only the old one had is gone.
    pub renewed: bool,
}

impl Mirrors {
    /// Mirrors below this directory, which is made, and closed to others. `program` is this program: git calls it for
    /// the tokens.
    ///
    /// # Errors
    /// When the directory cannot be made or is open to others.
    pub fn new(directory: &Path, program: &Path, limits: Limits) -> Result<Self, FetchError> {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        let failed = |source| FetchError::Directory { path: directory.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        let directory = directory.canonicalize().map_err(failed)?;
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
        credential::fits(&directory).and_then(|()| credential::sweep(&directory)).map_err(failed)?;
        Ok(Self { directory, program: program.to_owned(), limits, turns: Mutex::default() })
    }

    /// Fetches what is new at a remote, everything at the first time. `wanted` are objects that a webhook named: those
    /// that no reference leads to any more are asked for by name, and kept if the server still gives them.
    ///
    /// Dropped before its end, git is ended; the mirror is usable at the next call. Read a mirror before it is refreshed
    /// again: packs are made one now and then.
    ///
    /// # Errors
    /// [`FetchError`]; what the mirror had before, it still has, unless it was damaged.
    pub async fn refresh(&self, remote: &Remote, wanted: &[String]) -> Result<Mirror, FetchError> {
        let path = self.place(remote);
        let turn = self.turn(&path);
        let _turn = turn.lock().await;
        let _lock = self.lock(&path)?;
        let all = ["--prune", "--", remote.url(), "+refs/*:refs/mirror/*"];
        let existed = path.exists();
        let mut before = if existed { self.prepared(remote, &path).await? } else { None };
        if before.is_none() {
            self.begin(remote, &path, USUAL).await?;
        }
        // One may turn out to be damaged, and then the new one to be of another form than the remote.
        for again in 0..3 {
            let Some(said) = self.fetched(remote, &path, &all).await? else { break };
            let form = form_of(&said);
            let gone = again == 2 || (form.is_none() && (before.is_none() || self.is_sound(remote, &path).await?));
            if gone {
                return Err(failed("fetch", remote, said));
            }
            before = None;
            self.begin(remote, &path, form.unwrap_or(USUAL)).await?;
        }
        let renewed = existed && before.is_none();
        if renewed {
            tracing::warn!(whose = remote.whose(), repository = remote.name(), "a damaged mirror was fetched anew");
        }
        let missing = self.ask_for(remote, &path, wanted).await?;
        let Found { mirrored: after, kept } = self.found(remote, &path).await?;
        if before.as_ref() != Some(&after) {
            self.tidy(remote, &path).await?;
        }
        let settled = self.present(remote, &path, read_settled(&path).map_err(in_directory(&path))?).await?;
        let kept = kept.into_iter().filter(|object| !settled.contains(object)).collect();
        let (before, settled) = (before.unwrap_or_default(), settled.into_iter().collect());
        Ok(Mirror { path, before, after, kept, settled, missing, renewed })
    }

    /// Everything that `mirror` leads to was read: what was kept for that may go. Without this call nothing goes.
    ///
    /// # Errors
    /// When the mirror cannot be written.
    pub async fn settle(&self, remote: &Remote, mirror: &Mirror) -> Result<(), FetchError> {
        let path = self.place(remote);
        let turn = self.turn(&path);
        let _turn = turn.lock().await;
        let _lock = self.lock(&path)?;
        let read: BTreeSet<&str> = mirror.after.values().chain(&mirror.kept).map(String::as_str).collect();
        write_settled(&path, &read).map_err(in_directory(&path))?;
        let kept = self.found(remote, &path).await?.kept;
        let over = kept.iter().filter(|object| read.contains(object.as_str()));
        let orders: String = over.map(|object| format!("delete {KEPT}{object}\n")).collect();
        self.update(remote, &path, orders).await
    }

    /// Where a remote's mirror lies: its name for people, and a digest that tells it from all others.
    fn place(&self, remote: &Remote) -> PathBuf {
        let digest = Sha256::digest([remote.whose().as_bytes(), b"\0", remote.url().as_bytes()].concat());
        let digest: String = data_encoding::HEXLOWER.encode(&digest).chars().take(24).collect();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = remote.name().chars().rev().take(40).map(plain).collect();
        let name: String = name.chars().rev().collect();
        self.directory.join(format!("{}-{digest}.git", name.trim_matches('-')))
    }

    fn turn(&self, path: &Path) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(path.to_owned()).or_default())
    }

    /// Keeps other processes out for as long as it lives.
    fn lock(&self, path: &Path) -> Result<Lock, FetchError> {
        let path = path.with_extension("lock");
        let failed = |source| FetchError::Directory { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(FetchError::Taken { path }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Makes an empty mirror, in place of what is there, with names of this form.
    async fn begin(&self, remote: &Remote, path: &Path, form: &str) -> Result<(), FetchError> {
        match std::fs::remove_dir_all(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(FetchError::Directory { path: path.to_owned(), source });
            }
            _ => {}
        }
        let init = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main"];
        // A git that knows one form alone does not know how it is asked for.
        let form = (form != USUAL).then(|| format!("--object-format={form}"));
        let arguments: Vec<&str> = init.into_iter().chain(form.as_deref()).collect();
        let run = Run::local(path, &arguments, AT_HOME);
        let said = self.ended(remote.name(), run).await?;
        if said.done { Ok(()) } else { Err(failed("make a mirror of", remote, said.why())) }
    }

    /// Makes a mirror ready to be fetched into. Returns what its references lead to; nothing where it is damaged.
    async fn prepared(&self, remote: &Remote, path: &Path) -> Result<Option<BTreeMap<String, String>>, FetchError> {
        sweep(path).map_err(in_directory(path))?;
        match self.keep_unread(remote, path).await {
            Ok(before) => Ok(Some(before)),
            Err(FetchError::Git { .. }) if !self.is_sound(remote, path).await? => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps what references lead to and nobody has read, so that the next fetch cannot lose it.
    async fn keep_unread(&self, remote: &Remote, path: &Path) -> Result<BTreeMap<String, String>, FetchError> {
        let Found { mirrored, kept } = self.found(remote, path).await?;
        let mut known = read_settled(path).map_err(in_directory(path))?;
        known.extend(kept);
        let unread: BTreeSet<&String> = mirrored.values().filter(|object| !known.contains(*object)).collect();
        let orders: String = unread.iter().map(|object| format!("update {KEPT}{object} {object}\n")).collect();
        self.update(remote, path, orders).await?;
        Ok(mirrored)
    }

    /// Fetches. What git says when it did not, and when that can be the mirror's own fault, is returned.
    async fn fetched(&self, remote: &Remote, path: &Path, what: &[&str]) -> Result<Option<String>, FetchError> {
        let keeper = Keeper::open(&self.directory, remote).map_err(in_directory(&self.directory))?;
        let arguments = ["fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head"];
        let arguments = arguments.into_iter().chain(["--no-recurse-submodules", "--no-auto-maintenance"]);
        let run = Run {
            repository: path,
            arguments: arguments.chain(what.iter().copied()).map(OsString::from).collect(),
            settings: keeper.iter().map(|keeper| git::helper(&self.program, keeper.socket())).collect(),
            transport: Some(remote.scheme()),
            input: Vec::new(),
            within: self.limits.time,
            room: self.limits.bytes,
        };
        let said = self.ended(remote.name(), run).await?;
        if said.done && git::packed(path) > self.limits.bytes {
            return Err(FetchError::TooLarge { what: remote.name().to_owned(), limit: self.limits.bytes });
        }
        if said.done {
            return Ok(None);
        }
        said.verdict(remote).map_or_else(|| Ok(Some(said.why())), Err)
    }

    /// Asks for objects by name that are not here, and keeps them. Returns those that the server did not give.
    async fn ask_for(&self, remote: &Remote, path: &Path, wanted: &[String]) -> Result<Vec<String>, FetchError> {
        let wanted: BTreeSet<String> = wanted.iter().filter(|name| is_object(name)).take(WANTED).cloned().collect();
        let present = self.present(remote, path, wanted.clone()).await?;
        let mut missing = Vec::new();
        for object in wanted.into_iter().filter(|object| !present.contains(object)) {
            let one = ["--", remote.url(), &format!("+{object}:{KEPT}{object}")];
            let gone = match self.fetched(remote, path, &one).await {
                Ok(said) => said.is_some(),
                // How a server says that it does not give this one differs; the fetch before this one went well.
                Err(FetchError::Missing { .. } | FetchError::Unreachable { .. } | FetchError::Refused { .. }) => true,
                Err(error) => return Err(error),
            };
            if gone {
                missing.push(object);
            }
        }
        Ok(missing)
    }

    /// Those of some objects that are here.
    async fn present(
        &self,
        remote: &Remote,
        path: &Path,
        objects: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, FetchError> {
        if objects.is_empty() {
            return Ok(objects);
        }
        let input: String = objects.iter().flat_map(|object| [object, "\n"]).collect();
        let run = Run::local(path, &["cat-file", "--batch-check=%(objectname)"], AT_HOME);
        let said = self.ended(remote.name(), Run { input: input.into_bytes(), ..run }).await?;
        if !said.done {
            return Err(failed("read", remote, said.why()));
        }
        // Of one that is not here it says so, behind the name.
        let text = String::from_utf8_lossy(&said.output);
        Ok(text.lines().filter(|line| objects.contains(*line)).map(str::to_owned).collect())
    }

    /// Makes many packs and many files of references few.
    async fn tidy(&self, remote: &Remote, path: &Path) -> Result<(), FetchError> {
        let packs = std::fs::read_dir(path.join("objects/pack")).into_iter().flatten().flatten();
        let packs = packs.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "pack")).count();
        let mut runs = vec![vec!["pack-refs", "--all"]];
        if packs > PACKS {
            runs.push(vec!["repack", "--quiet", "-d", "--geometric=2"]);
        }
        for arguments in runs {
            let said = self.ended(remote.name(), Run::local(path, &arguments, AT_HOME)).await?;
            if !said.done {
                tracing::info!(why = said.why(), "a mirror could not be tidied; it stays as it is");
            }
        }
        Ok(())
    }

    /// Is everything there that the references lead to? So it is taken to be unless git says otherwise.
    async fn is_sound(&self, remote: &Remote, path: &Path) -> Result<bool, FetchError> {
        let check = ["fsck", "--connectivity-only", "--no-dangling", "--no-progress"];
        match self.ended(remote.name(), Run::local(path, &check, AT_HOME)).await {
            Ok(said) => Ok(said.done || !said.exited),
            Err(FetchError::Slow { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The references of a mirror.
    async fn found(&self, remote: &Remote, path: &Path) -> Result<Found, FetchError> {
        let arguments = ["for-each-ref", "--format=%(objectname) %(refname)", MIRRORED, KEPT];
        let said = self.ended(remote.name(), Run::local(path, &arguments, AT_HOME)).await?;
        if !said.done {
            return Err(failed("read", remote, said.why()));
        }
        let mut found = Found::default();
        for line in String::from_utf8_lossy(&said.output).lines() {
            let Some((object, name)) = line.split_once(' ') else { continue };
            match name.strip_prefix(MIRRORED) {
                Some(name) => drop(found.mirrored.insert(format!("refs/{name}"), object.to_owned())),
                None => drop(found.kept.insert(object.to_owned())),
            }
        }
        Ok(found)
    }

    /// Carries out orders to references, all or none.
    async fn update(&self, remote: &Remote, path: &Path, orders: String) -> Result<(), FetchError> {
        if orders.is_empty() {
            return Ok(());
        }
        let run = Run { input: orders.into_bytes(), ..Run::local(path, &["update-ref", "--stdin"], AT_HOME) };
        let said = self.ended(remote.name(), run).await?;
        if said.done { Ok(()) } else { Err(failed("keep what was at", remote, said.why())) }
    }

    async fn ended(&self, what: &str, run: Run<'_>) -> Result<Said, FetchError> {
        let (limit, room) = (run.within, run.room);
        match run.run(&self.directory).await.map_err(|source| FetchError::Program { source })? {
            Ended::Itself(said) => Ok(said),
            Ended::TooLong => Err(FetchError::Slow { what: what.to_owned(), limit }),
            Ended::TooLarge => Err(FetchError::TooLarge { what: what.to_owned(), limit: room }),
        }
    }
}

/// A locked file. It is unlocked and not merely closed: a program that is being started elsewhere has it open too, for a
/// moment.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "a mirror's lock ends with this process");
        }
    }
}

/// What the references of a mirror lead to.
#[derive(Default)]
struct Found {
    /// By the remote's own names.
    mirrored: BTreeMap<String, String>,
    /// Without names.
    kept: BTreeSet<String>,
}

/// The form of the names that a remote's objects have, where that is why git fetched nothing into a mirror.
fn form_of(said: &str) -> Option<&'static str> {
    let (_, server) = said.strip_prefix("mismatched algorithms: ")?.split_once("server ")?;
    [USUAL, "sha256"].into_iter().find(|form| server.trim() == *form)
}

/// Is this the whole name of an object? That of none is all zeros.
pub(super) fn is_object(name: &str) -> bool {
    matches!(name.len(), 40 | 64)
        && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && name.bytes().any(|byte| byte != b'0')
}

fn in_directory(path: &Path) -> impl Fn(io::Error) -> FetchError + '_ {
    move |source| FetchError::Directory { path: path.to_owned(), source }
}

fn failed(act: &'static str, remote: &Remote, said: String) -> FetchError {
    FetchError::Git { act, what: remote.name().to_owned(), said }
}

/// Removes the locks and half-written packs of a git that was ended. We hold the mirror's only turn.
fn sweep(path: &Path) -> io::Result<()> {
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let objects = directory.starts_with(path.join("objects"));
            if entry.file_type()?.is_dir() {
                if name.starts_with("incoming-") || name.starts_with("tmp_objdir-") {
                    std::fs::remove_dir_all(entry.path())?;
                } else if !objects || name == "pack" || name == "info" {
                    directories.push(entry.path());
                }
            } else if name.ends_with(".lock") || (objects && (name.starts_with("tmp_") || name.starts_with(".tmp-"))) {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

fn read_settled(path: &Path) -> io::Result<BTreeSet<String>> {
    match std::fs::read_to_string(path.join(SETTLED)) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

fn write_settled(path: &Path, objects: &BTreeSet<&str>) -> io::Result<()> {
    use std::io::Write as _;
    let draft = path.join(format!("{SETTLED}.part"));
    let text: String = objects.iter().flat_map(|object| [object, "\n"]).collect();
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path.join(SETTLED))
}
