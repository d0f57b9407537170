//! How git and the frameworks around it are told to call us, and how that is undone exactly.
//!
//! Whatever is written carries a mark with a checksum. By the mark it is found again, and by the checksum it is known
//! whether somebody has changed it since: what was changed is never taken out, only named. No other record is kept.

mod block;
mod disk;
mod git;
mod husky;
mod lefthook;
mod mark;
mod place;
mod plain;
mod pre_commit;
pub mod pushed;
mod scratch;
mod settings;
mod shim;
mod standing;
mod trial;
mod yaml;

pub use git::GitVersion;

pub use place::{Place, Said};
pub use standing::{Standing, Trouble, Way, standing};
pub use trial::{Check, Trial};

use std::path::{Path, PathBuf};

/// A hook of git.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Before a commit.
    PreCommit,
    /// With the message of a commit.
    CommitMsg,
    /// Before a push.
    PrePush,
    /// On the server, once for a push.
    PreReceive,
    /// On the server, once for a reference.
    Update,
}

impl Hook {
    /// Those of a repository that people work in.
    pub const WORK: [Self; 3] = [Self::PreCommit, Self::CommitMsg, Self::PrePush];
    /// All of them.
    pub const ALL: [Self; 5] = [Self::PreCommit, Self::CommitMsg, Self::PrePush, Self::PreReceive, Self::Update];

    /// As git calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::CommitMsg => "commit-msg",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::Update => "update",
        }
    }

    /// Whether it runs on the server.
    #[must_use]
    pub fn on_server(self) -> bool {
        matches!(self, Self::PreReceive | Self::Update)
    }

    /// What a line of somebody else's script says if it calls us.
    fn call(self) -> String {
        format!("stanch hook {}", self.name())
    }
}

/// By whom git is told to call us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// A script in git's directory of hooks.
    Git,
    /// Git's configuration, from version 2.54 on.
    Config,
    /// The pre-commit framework.
    PreCommit,
    /// prek, which reads the same file.
    Prek,
    /// Lefthook.
    Lefthook,
    /// Husky.
    Husky,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Git, Self::Config, Self::PreCommit, Self::Prek, Self::Lefthook, Self::Husky];

    /// As it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Config => "config",
            Self::PreCommit => "pre-commit",
            Self::Prek => "prek",
            Self::Lefthook => "lefthook",
            Self::Husky => "husky",
        }
    }
}

/// What was done, and what is left to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What was done, a line each.
    pub did: Vec<String>,
    /// What a person must do before the hooks run, or after they are gone.
    pub left: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
}

/// A hook could not be put in, taken out or looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HooksError {
    /// A file is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The repository cannot be asked.
    #[error("cannot read the configuration of git")]
    Configuration(#[source] git2::Error),
    /// A program that is needed cannot be run.
    #[error("cannot run {program}")]
    Program {
        /// Which.
        program: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Something is there that is not ours to change.
    #[error("{what}")]
    Refused {
        /// What is in the way.
        what: String,
        /// What to do about it.
        remedy: String,
    },
}

impl HooksError {
    fn refused(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), remedy: remedy.into() }
    }

    fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}

/// Puts hooks in.
///
/// # Errors
/// When something is in the way, or a file cannot be read or written. What was put in before that stays, and
/// [`take_out`] takes it out.
pub fn put_in(place: &Place, form: Form, hooks: &[Hook], program: &Path) -> Result<Done, HooksError> {
    if form != Form::Git && form != Form::Config && hooks.iter().any(|hook| hook.on_server()) {
        return Err(HooksError::refused(
            format!("{} has no hooks that run on a server", form.name()),
            "leave --via away: a hook of a server is put in as a script",
        ));
    }
    match form {
        Form::Git => plain::put_in(place, hooks, program),
        Form::Config => settings::put_in(place, hooks, program),
        Form::PreCommit | Form::Prek => pre_commit::put_in(place, form, hooks, program),
        Form::Lefthook => lefthook::put_in(place, hooks),
        Form::Husky => husky::put_in(place, hooks),
    }
}

/// Takes hooks out, in one form or in all. What stood there before is put back as it was.
///
/// # Errors
/// When what was put in has been changed since, or a file cannot be read or written. Everything else is taken out all
/// the same, and the first trouble is what is returned.
pub fn take_out(place: &Place, form: Option<Form>, hooks: &[Hook]) -> Result<Done, HooksError> {
    let mut done = Done::default();
    let mut trouble = None;
    let mut collect = |result: Result<Done, HooksError>| match result {
        Ok(more) => {
            done.did.extend(more.did);
            done.left.extend(more.left);
            done.notes.extend(more.notes);
        }
        Err(error) => trouble = trouble.take().or(Some(error)),
    };
    let wanted = |which: &[Form]| form.is_none_or(|form| which.contains(&form));
    // What is for all repositories is in git's configuration, or where that leads. What is in this one stays.
    let (here, scripts) = (!place.global, !place.global || place.said == Said::Everywhere);
    if here && wanted(&[Form::Husky]) {
        collect(husky::take_out(place, hooks));
    }
    if here && wanted(&[Form::Lefthook]) {
        collect(lefthook::take_out(place, hooks));
    }
    if here && wanted(&[Form::PreCommit, Form::Prek]) {
        collect(pre_commit::take_out(place, hooks));
    }
    if wanted(&[Form::Config]) {
        collect(settings::take_out(place, hooks));
    }
    for hook in hooks {
        // What came with the entry of a framework goes with it.
        let of_framework = here && *hook == Hook::PrePush && wanted(&[Form::PreCommit, Form::Prek]);
        if scripts && (wanted(&[Form::Git]) || of_framework) {
            collect(plain::take_out(place, *hook));
        }
    }
    trouble.map_or(Ok(done), Err)
}

/// A path as a word of a shell.
fn quoted(path: &[u8]) -> Vec<u8> {
    let mut word = vec![b'\''];
    for byte in path {
        match byte {
            b'\'' => word.extend_from_slice(b"'\\''"),
            other => word.push(*other),
        }
    }
    word.push(b'\'');
    word
}
