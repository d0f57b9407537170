//! A scratch repository with copies of the hooks of a real one. The copies are tried there, so that nothing of the real
//! one changes, and the hooks of others that run beside ours find nothing to work on.

use super::place::{Place, caller_of};
use super::standing::{Standing, Way};
use super::{Form, Hook, HooksError, block, disk, lefthook, pre_commit, yaml};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Longer than any framework takes to set itself up.
const DEADLINE_MILLISECONDS: u64 = 300_000;

/// Bytes of output that are looked at.
const OUTPUT_BYTES: u64 = 1 << 20;

/// What git hands down to hooks and aliases about the repository it works on.
const OF_GIT: [&str; 16] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The directory, which goes away with this value.
#[derive(Debug)]
pub(super) struct Scratch {
    root: PathBuf,
}

/// What a command did.
#[derive(Debug)]
pub(super) struct Ran {
    /// Nothing if it had to be ended.
    pub(super) code: Option<i32>,
    pub(super) output: String,
    pub(super) milliseconds: u64,
}

impl Ran {
    pub(super) fn passed(&self) -> bool {
        self.code == Some(0)
    }

    /// Its last words.
    pub(super) fn words(&self) -> String {
        let lines: Vec<&str> = self.output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(3)..).unwrap_or_default().join(" / ");
        match self.code {
            None => format!("it did not end in {} s: {last}", DEADLINE_MILLISECONDS / 1000),
            Some(_) if last.is_empty() => "it said nothing".to_owned(),
            Some(_) => last,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: it lies among the temporary files.
        let _removed = std::fs::remove_dir_all(&self.root).is_ok();
    }
}

impl Scratch {
    /// Makes the directory, which only this user can enter, and two repositories in it.
    pub(super) fn new() -> Result<Self, HooksError> {
        let root = std::env::temp_dir().join(format!("stanch-doctor-{}", random(8)));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&root).map_err(|error| HooksError::write(&root, error))?;
        let scratch = Self { root };
        for (path, bare) in [(scratch.work(), false), (scratch.remote(), true)] {
            let mut options = git2::RepositoryInitOptions::new();
            options.bare(bare).external_template(false).initial_head("main");
            let repository = git2::Repository::init_opts(&path, &options).map_err(HooksError::Configuration)?;
            let mut config = repository.config().map_err(HooksError::Configuration)?;
            // What the user has set for good reasons elsewhere would stop what is tried here.
            for (key, value) in
                [("commit.gpgSign", "false"), ("push.gpgSign", "false"), ("protocol.file.allow", "always")]
            {
                config.set_str(key, value).map_err(HooksError::Configuration)?;
            }
            let hooks = repository.path().join("hooks");
            std::fs::create_dir_all(&hooks).map_err(|error| HooksError::write(&hooks, error))?;
            // Else the user's own setting would send git to hooks that are not on trial here.
            config.set_str("core.hooksPath", &hooks.to_string_lossy()).map_err(HooksError::Configuration)?;
        }
        Ok(scratch)
    }

    pub(super) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    pub(super) fn remote(&self) -> PathBuf {
        self.root.join("remote.git")
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), HooksError> {
        write(&self.work().join(name), bytes)
    }

    /// Copies the hooks of a place, each without what others run beside it.
    pub(super) fn copy_hooks(&self, place: &Place, standings: &[Standing]) -> Result<(), HooksError> {
        for standing in standings {
            let hooks =
                if standing.hook.on_server() { self.remote().join("hooks") } else { self.work().join(".git/hooks") };
            self.copy_scripts(place, standing, &hooks)?;
            for way in &standing.ways {
                self.copy_section(standing.hook, way)?;
                if way.form == Some(Form::Husky) && way.runs {
                    self.copy_husky(place, standing.hook, &way.path)?;
                }
            }
        }
        let Some(top) = &place.top else { return Ok(()) };
        self.copy_pre_commit(top)?;
        self.copy_lefthook(top)?;
        for name in ["stanch.yaml", ".config/stanch.yaml", ".stanchignore"] {
            if let Some(bytes) = disk::read(&top.join(name))? {
                self.write(name, &bytes)?;
            }
        }
        Ok(())
    }

    /// The script that git runs, if it leads to us.
    fn copy_scripts(&self, place: &Place, standing: &Standing, hooks: &Path) -> Result<(), HooksError> {
        let direct = place.hooks.join(standing.hook.name());
        let script = |way: &Way| matches!(way.form, None | Some(Form::Git)) && way.path.starts_with(&place.hooks);
        let Some(text) = disk::read(&direct)? else { return Ok(()) };
        if caller_of(&text).is_some() || standing.ways.iter().any(|way| script(way) && way.path == direct) {
            copy(&direct, &hooks.join(standing.hook.name()))?;
        }
        for way in standing.ways.iter().filter(|way| script(way) && way.path != direct) {
            copy(&way.path, &hooks.join(way.path.file_name().unwrap_or_default()))?;
        }
        Ok(())
    }

    /// A section of the repository's configuration; what is in the user's own, git sees here too.
    fn copy_section(&self, hook: Hook, way: &Way) -> Result<(), HooksError> {
        let Some(section) = way.section.as_ref().filter(|section| section.local && way.runs) else { return Ok(()) };
        let folder = if hook.on_server() { self.remote() } else { self.work() };
        let repository = git2::Repository::open(folder).map_err(HooksError::Configuration)?;
        let mut config = repository.config().map_err(HooksError::Configuration)?;
        let key = |what: &str| format!("hook.{}.{what}", section.name);
        config.set_str(&key("command"), &section.command).map_err(HooksError::Configuration)?;
        config.set_multivar(&key("event"), "^$", hook.name()).map_err(HooksError::Configuration)
    }

    /// Husky's scripts with our lines alone.
    fn copy_husky(&self, place: &Place, hook: Hook, path: &Path) -> Result<(), HooksError> {
        let Some(text) = disk::read(path)? else { return Ok(()) };
        let ours = block::find(&text).into_iter().find(|block| block.mark.name == hook.name());
        let lines = ours.and_then(|block| text.get(block.range).map(<[u8]>::to_vec)).unwrap_or(text);
        let script = [b"#!/bin/sh\n", &lines[..]].concat();
        let folder = self.work().join(".husky");
        write(&folder.join(hook.name()), &script)?;
        disk::set_mode(&folder.join(hook.name()), 0o755).map_err(|error| HooksError::write(&folder, error))?;
        let newer = place.hooks.ends_with("_");
        let hooks = if newer { folder.join("_") } else { folder };
        if newer {
            copy(&place.hooks.join(hook.name()), &hooks.join(hook.name()))?;
            copy(&place.hooks.join("h"), &hooks.join("h"))?;
            write(&hooks.join(".gitignore"), b"*\n")?;
        }
        let repository = git2::Repository::open(self.work()).map_err(HooksError::Configuration)?;
        let mut config = repository.config().map_err(HooksError::Configuration)?;
        config.set_str("core.hooksPath", &hooks.to_string_lossy()).map_err(HooksError::Configuration)
    }

    /// The file of pre-commit and prek with the entries alone that call us.
    fn copy_pre_commit(&self, top: &Path) -> Result<(), HooksError> {
        let path = pre_commit::file(top);
        let Some(text) = disk::read_text(&path)? else { return Ok(()) };
        let Ok(file) = yaml::read(&path, &text) else { return Ok(()) };
        let repos: Vec<Value> = Hook::WORK.iter().flat_map(|hook| pre_commit::calling(&file, *hook)).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.write(&name, json!({ "repos": repos }).to_string().as_bytes())
    }

    /// Lefthook's file with the commands alone that call us.
    fn copy_lefthook(&self, top: &Path) -> Result<(), HooksError> {
        let Some(path) = lefthook::file(top) else { return Ok(()) };
        let Some(text) = disk::read_text(&path)? else { return Ok(()) };
        let Ok(file) = yaml::read(&path, &text) else { return Ok(()) };
        let mut ours = Map::from_iter([("no_auto_install".to_owned(), Value::from(true))]);
        for hook in Hook::WORK {
            let commands = lefthook::calling(&file, hook).into_iter().enumerate();
            let commands: Map<String, Value> =
                commands.map(|(number, command)| (format!("stanch-{number}"), command)).collect();
            if !commands.is_empty() {
                ours.insert(hook.name().to_owned(), json!({ "commands": commands }));
            }
        }
        self.write("lefthook.yml", Value::Object(ours).to_string().as_bytes())
    }

    /// Runs git in the scratch repository.
    pub(super) fn git(&self, arguments: &[&str], milliseconds: &dyn Fn() -> u64) -> Result<Ran, HooksError> {
        let log = self.root.join("output");
        let open = || File::create(&log).map_err(|error| HooksError::write(&log, error));
        let file = open()?;
        let other = file.try_clone().map_err(|error| HooksError::write(&log, error))?;
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.work()).stdin(Stdio::null()).stdout(file).stderr(other);
        OF_GIT.iter().chain(&["STANCH_SKIP"]).for_each(|name| {
            command.env_remove(name);
        });
        for (name, value) in [("NAME", "stanch hook doctor"), ("EMAIL", "doctor@localhost")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true");
        let start = milliseconds();
        let mut child = command.spawn().map_err(|source| HooksError::Program { program: "git", source })?;
        let code = loop {
            match child.try_wait().map_err(|source| HooksError::Program { program: "git", source })? {
                Some(status) => break Some(status.code().unwrap_or(-1)),
                None if milliseconds().saturating_sub(start) > DEADLINE_MILLISECONDS => {
                    // It may have ended by itself in between.
                    let _ended = child.kill().and_then(|()| child.wait()).is_ok();
                    break None;
                }
                None => std::thread::sleep(std::time::Duration::from_millis(2)),
            }
        };
        let mut output = Vec::new();
        let read = File::open(&log).and_then(|file| file.take(OUTPUT_BYTES).read_to_end(&mut output));
        read.map_err(|error| HooksError::read(&log, error))?;
        let took = milliseconds().saturating_sub(start);
        Ok(Ran { code, output: String::from_utf8_lossy(&output).into_owned(), milliseconds: took })
    }
}

/// A word that nobody has used before.
pub(super) fn random(bytes: usize) -> String {
    let mut drawn = vec![0; bytes];
    // Without randomness the word is known, which a name in a private directory bears.
    let _drawn = getrandom::fill(&mut drawn).is_ok();
    data_encoding::HEXLOWER.encode(&drawn)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), HooksError> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, bytes)).map_err(|error| HooksError::write(path, error))
}

/// Copies a script with its permissions.
fn copy(from: &Path, to: &Path) -> Result<(), HooksError> {
    let made = to.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.map_err(|error| HooksError::write(to, error))?;
    std::fs::copy(from, to).map(|_| ()).map_err(|error| HooksError::write(to, error))
}
