//! The installed hooks on trial: a made-up token must be stopped, and what holds none must pass.

use super::place::Place;
use super::scratch::{Ran, Scratch, random};
use super::standing::{Standing, Trouble};
use super::{Hook, HooksError};
use std::path::Path;
use std::process::{Command, Stdio};

/// The file that holds the made-up token.
const CANARY: &str = "stanch-canary.txt";

/// The kind it is of.
const KIND: &str = "stanch.demo-token";

/// What was tried.
#[derive(Clone, Debug)]
pub struct Check {
    /// What should be so.
    pub name: String,
    /// How long git took over it, hook and all.
    pub milliseconds: Option<u64>,
    /// Why it is not so.
    pub failure: Option<Trouble>,
}

/// The hooks of a repository on trial.
pub struct Trial<'a> {
    /// The repository.
    pub place: &'a Place,
    /// Its hooks.
    pub standings: &'a [Standing],
    /// A clock that never goes back.
    pub milliseconds: &'a dyn Fn() -> u64,
}

impl std::fmt::Debug for Trial<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Trial").field("place", self.place).finish_non_exhaustive()
    }
}

/// What git should do with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Passes,
    Stops,
}

impl Trial<'_> {
    /// Tries them, one after the other. Nothing of the repository changes: its hooks run as copies elsewhere.
    ///
    /// # Errors
    /// When git cannot be run, or the scratch directory cannot be made.
    pub fn run(&self) -> Result<Vec<Check>, HooksError> {
        let mut checks = vec![self.git_looks_there()?];
        for standing in self.standings {
            checks.push(Check {
                name: format!("{} is on", standing.hook.name()),
                milliseconds: None,
                failure: standing.troubles.first().cloned(),
            });
        }
        let scratch = Scratch::new()?;
        scratch.copy_hooks(self.place, self.standings)?;
        // Made up here, and whole nowhere else.
        let canary = ["stanch", "_demo_", &random(20)].concat();
        let remote = scratch.remote().to_string_lossy().into_owned();
        self.git(&scratch, &["remote", "add", "origin", &remote])?;
        if self.is_on(Hook::PreCommit) || self.is_on(Hook::CommitMsg) {
            self.commits(&scratch, &canary, &mut checks)?;
        }
        if self.is_on(Hook::PrePush) {
            self.pushes(&scratch, &canary, &mut checks, "pre-push", &[])?;
        }
        if self.is_on(Hook::PreReceive) || self.is_on(Hook::Update) {
            let name = if self.is_on(Hook::PreReceive) { "pre-receive" } else { "update" };
            self.pushes(&scratch, &canary, &mut checks, name, &["--no-verify"])?;
        }
        Ok(checks)
    }

    fn is_on(&self, hook: Hook) -> bool {
        self.standings.iter().any(|standing| standing.hook == hook && standing.is_on())
    }

    fn git(&self, scratch: &Scratch, arguments: &[&str]) -> Result<Ran, HooksError> {
        scratch.git(arguments, self.milliseconds)
    }

    /// Git itself is asked where its hooks are.
    fn git_looks_there(&self) -> Result<Check, HooksError> {
        let from = self.place.top.as_deref().unwrap_or(&self.place.common);
        let mut command = Command::new("git");
        command.args(["rev-parse", "--git-path", "hooks"]).current_dir(from).stdin(Stdio::null());
        let output = command.output().map_err(|source| HooksError::Program { program: "git", source })?;
        let said = String::from_utf8_lossy(&output.stdout);
        let there = from.join(said.trim_end_matches(['\r', '\n']));
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let failure = (real(&there) != real(&self.place.hooks)).then(|| Trouble {
            what: format!(
                "git looks in {}, and what was looked at here is {}",
                there.display(),
                self.place.hooks.display()
            ),
            remedy: "git config --show-origin core.hooksPath says who sends it there".to_owned(),
        });
        Ok(Check {
            name: format!("git looks for hooks in {}", self.place.hooks.display()),
            milliseconds: None,
            failure,
        })
    }

    fn commits(&self, scratch: &Scratch, canary: &str, checks: &mut Vec<Check>) -> Result<(), HooksError> {
        let commit = ["commit", "-q", "--allow-empty"];
        scratch.write("clean.txt", b"nothing to see\n")?;
        self.git(scratch, &["add", "-A", "-f"])?;
        let ran = self.git(scratch, &[&commit[..], &["-m", "a clean change"]].concat())?;
        checks.push(judged("a clean commit passes", &ran, Wanted::Passes, "", canary));
        if !ran.passed() {
            self.git(scratch, &[&commit[..], &["--no-verify", "-m", "a clean change"]].concat())?;
        }
        if self.is_on(Hook::PreCommit) {
            scratch.write(CANARY, format!("token: {canary}\n").as_bytes())?;
            self.git(scratch, &["add", "-A", "-f"])?;
            let ran = self.git(scratch, &[&commit[..], &["-m", "a leak"]].concat())?;
            checks.push(judged("pre-commit stops a commit with a token", &ran, Wanted::Stops, CANARY, canary));
            self.git(scratch, &["reset", "-q", "--hard", "HEAD"])?;
        }
        if self.is_on(Hook::CommitMsg) {
            let file = scratch.work().join(".git/stanch-message");
            std::fs::write(&file, format!("use {canary}\n")).map_err(|error| HooksError::write(&file, error))?;
            let name = file.to_string_lossy().into_owned();
            let ran = self.git(scratch, &[&commit[..], &["-F", &name]].concat())?;
            checks.push(judged("commit-msg stops a message with a token", &ran, Wanted::Stops, KIND, canary));
        }
        Ok(())
    }

    fn pushes(
        &self,
        scratch: &Scratch,
        canary: &str,
        checks: &mut Vec<Check>,
        hook: &str,
        flags: &[&str],
    ) -> Result<(), HooksError> {
        let unchecked = ["commit", "-q", "--no-verify", "--allow-empty", "-m"];
        let push = [&["push", "-q"], flags, &["origin"]].concat();
        let has = |name: &str| -> Result<bool, HooksError> {
            Ok(self.git(scratch, &["ls-remote", "--exit-code", "origin", name])?.passed())
        };
        self.git(scratch, &[&unchecked[..], &["a clean change"]].concat())?;
        let clean = format!("refs/heads/clean-{hook}");
        let ran = self.git(scratch, &[&push[..], &[&format!("HEAD:{clean}")]].concat())?;
        checks.push(judged(&format!("{hook} lets a clean push pass"), &ran, Wanted::Passes, "", canary));
        scratch.write(CANARY, format!("token: {canary}\n").as_bytes())?;
        self.git(scratch, &["add", "-A", "-f"])?;
        self.git(scratch, &[&unchecked[..], &["a leak"]].concat())?;
        let leak = format!("refs/heads/leak-{hook}");
        let ran = self.git(scratch, &[&push[..], &[&format!("HEAD:{leak}")]].concat())?;
        let mut check = judged(&format!("{hook} stops a push with a token"), &ran, Wanted::Stops, CANARY, canary);
        if check.failure.is_none() && has(&leak)? {
            check.failure = Some(Trouble {
                what: "the push was refused, but it arrived".to_owned(),
                remedy: "report this with the version of git".to_owned(),
            });
        }
        checks.push(check);
        self.git(scratch, &["reset", "-q", "--hard", "HEAD~1"])?;
        Ok(())
    }
}

/// Whether git did what it should. What stops must say what it found, else something else has stopped it.
fn judged(name: &str, ran: &Ran, wanted: Wanted, says: &str, canary: &str) -> Check {
    let words = || ran.words().replace(canary, "(the made-up token)");
    let failure = match wanted {
        Wanted::Passes if ran.passed() => None,
        Wanted::Passes => Some((format!("it was stopped: {}", words()), "stanch hook status, and what the hook says")),
        Wanted::Stops if ran.passed() => {
            Some(("it passed".to_owned(), "stanch hook status; then what the repository's own stanch.yaml leaves out"))
        }
        Wanted::Stops if ran.output.contains(canary) => {
            Some(("it was stopped, but the token was printed".to_owned(), "look at who prints it: stanch does not"))
        }
        Wanted::Stops if !ran.output.contains(says) => Some((
            format!("it was stopped, but not by stanch for the token: {}", words()),
            "stanch hook status, and what the hook says",
        )),
        Wanted::Stops => None,
    };
    let failure = failure.map(|(what, remedy)| Trouble { what, remedy: remedy.to_owned() });
    Check { name: name.to_owned(), milliseconds: Some(ran.milliseconds), failure }
}
