//! A scratch directory with a repository in it, and the program run there.

#[cfg(feature = "rotate")]
pub(crate) mod door;
#[cfg(feature = "rotate")]
pub(crate) mod http;
#[cfg(feature = "rotate")]
pub(crate) mod mishap;
#[cfg(feature = "rotate")]
pub(crate) mod shop;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A token of the demonstration issuer, different for every seed, put together here so that no file holds it.
pub(crate) fn token(seed: u64) -> String {
    let alphabet: Vec<char> = ('a'..='z').chain('A'..='Z').chain('2'..='9').collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let body: String = (0..40)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            alphabet[(state >> 33) as usize % alphabet.len()]
        })
        .collect();
    ["stanch_", "demo_", &body].concat()
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(text), "'{text}' is not in:\n{all}");
        self
    }

    /// No stretch of twelve characters of a secret is in the output, and neither is it in base 64.
    #[track_caller]
    pub(crate) fn hides(self, secret: &str) -> Self {
        hides(&self.stdout, secret);
        hides(&self.stderr, secret);
        self
    }
}

#[track_caller]
pub(crate) fn hides(text: &str, secret: &str) {
    let body: Vec<char> = secret.trim_start_matches("stanch_demo_").chars().collect();
    for part in body.windows(8) {
        let part: String = part.iter().collect();
        assert!(!text.contains(&part), "a part of the secret is in:\n{text}");
    }
}

/// A directory of its own, and a state directory of its own.
#[derive(Debug)]
pub(crate) struct World {
    root: tempfile::TempDir,
}

/// The program: as it is built for the tests, or the one that `STANCH_TEST_RELEASE` names.
pub(crate) fn program() -> OsString {
    std::env::var_os("STANCH_TEST_RELEASE").unwrap_or_else(|| env!("CARGO_BIN_EXE_stanch").into())
}

impl World {
    /// Without a repository.
    pub(crate) fn bare() -> Self {
        let world = Self { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(world.top()).unwrap();
        world
    }

    /// With an empty repository.
    pub(crate) fn new() -> Self {
        let world = Self::bare();
        world.git(&["init", "-q", "-b", "main"]);
        world
    }

    pub(crate) fn top(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.top().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Runs git with an identity: by itself the repository has none.
    #[track_caller]
    pub(crate) fn git_as_kim(&self, arguments: &[&str]) -> Ran {
        self.git(&[&["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"], arguments].concat())
    }

    /// Writes, stages and commits; returns the commit.
    pub(crate) fn commit(&self, name: &str, bytes: impl AsRef<[u8]>, message: &str) -> String {
        self.write(name, bytes);
        self.git(&["add", "-A"]);
        self.git_as_kim(&["commit", "--no-verify", "-qm", message]);
        self.git(&["rev-parse", "HEAD"]).stdout.trim().to_owned()
    }

    /// A command with nothing of the caller's environment but the search path.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.top()).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.root.path()).env("XDG_STATE_HOME", self.root.path().join("state"));
        command.env("LANG", "C.UTF-8").env("GIT_CONFIG_NOSYSTEM", "1");
        // So that all of this can be tried in repositories of other forms.
        for name in ["GIT_DEFAULT_HASH", "GIT_DEFAULT_REF_FORMAT"] {
            command.envs(std::env::var_os(name).map(|form| (name, form)));
        }
        command
    }

    /// Runs git, which must succeed.
    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command("git").args(arguments).output().unwrap()).expect(0)
    }

    pub(crate) fn stanch(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(program()).args(arguments).output().unwrap())
    }

    /// Runs another program, which must succeed.
    #[track_caller]
    pub(crate) fn run_ok(&self, program: &str, arguments: &[&str]) -> Ran {
        Ran::of(self.command(program).args(arguments).output().unwrap()).expect(0)
    }

    pub(crate) fn run(&self, mut command: Command) -> Ran {
        Ran::of(command.output().unwrap())
    }

    /// Files below `.git`, by which it can be seen that nothing was written.
    pub(crate) fn git_files(&self) -> Vec<PathBuf> {
        fn below(directory: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { below(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        below(&self.top().join(".git"), &mut found);
        found.sort();
        found
    }
}
