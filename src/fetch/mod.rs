//! Bytes from afar: mirrors of remote repositories, images in registries, what a forge has, and what it calls us about.
//!
//! A [`Remote`] is a repository elsewhere. [`Organisation::repositories`] lists those of an organisation at a forge;
//! [`Mirrors::refresh`] brings one onto this machine, where `source` reads it, and [`Mirrors::settle`] says that it was
//! read. [`webhook::read`] checks a call of a forge and names the repository that it is about; whether that is one of
//! ours is for [`Remote::is`] to say, and what happened to it is for git.
//!
//! The `git` program fetches, because it speaks every transport. A token reaches it through its credential protocol alone,
//! on a socket that is there for as long as the fetch and answers for one host: never in arguments, the environment, an
//! address or a file. [`answer_git`] is the other end, which the hidden command `git-credential` calls.

mod credential;
mod forge;
mod git;
mod mirror;
pub mod registry;
mod remote;
pub mod webhook;

pub use credential::answer as answer_git;
pub use forge::Organisation;
pub use mirror::{Limits, Mirror, Mirrors};
pub use remote::Remote;
pub use webhook::{Call, Event, Named, WebhookError};

use crate::egress::EgressError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why nothing came from afar. Public facts only: names, origins, never a token, a path of a URL or a reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// An address that cannot be fetched from.
    #[error("the address of source '{whose}' cannot be used: {why}")]
    Address {
        /// The source in the operator's file.
        whose: String,
        /// What to write instead.
        why: &'static str,
    },
    /// The place of the mirrors, or of one of them, cannot be used.
    #[error("cannot use the mirrors at {}: it must be a directory of our own that can be written", path.display())]
    Directory {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process fetches into the same mirror.
    #[error("another process uses the mirror {}: one daemon at a time", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// There is no git.
    #[error("the program git could not be run: install git 2.32 or newer, and see that it is in PATH")]
    Program {
        /// Why.
        source: io::Error,
    },
    /// The forge or the server does not take the token.
    #[error("{host} refused {what} to source '{whose}': check its token, its user and what the token may read")]
    Refused {
        /// The source in the operator's file.
        whose: String,
        /// Whose answer it is.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// There is no such thing, or the token may not see it.
    #[error(
        "{host} knows no {what}, or does not show it to source '{whose}': check the name and what the token may read"
    )]
    Missing {
        /// The source in the operator's file.
        whose: String,
        /// Whose answer it is.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// No connection, or it broke.
    #[error("{host} could not be reached to fetch {what}: {said}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What was asked for.
        what: String,
        /// What git said.
        said: String,
    },
    /// It took too long.
    #[error("fetching {what} took longer than {} s and was ended", limit.as_secs())]
    Slow {
        /// What was fetched.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// It is too large.
    #[error("{what} is larger than the limit of {limit} bytes and was not fetched whole")]
    TooLarge {
        /// What was fetched.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// Anything else that git did not do.
    #[error("git did not {act} {what}: {said}")]
    Git {
        /// What it was to do.
        act: &'static str,
        /// With what.
        what: String,
        /// What it said, shortened, without addresses.
        said: String,
    },
    /// The forge could not be asked.
    #[error("the repositories of source '{whose}' could not be listed")]
    Egress {
        /// The source in the operator's file.
        whose: String,
        /// Why.
        source: EgressError,
    },
    /// The forge wants to be left alone for a while.
    #[error("{host} limits how often it is asked: try again in {} s", wait.as_secs())]
    Later {
        /// Who.
        host: String,
        /// How long.
        wait: Duration,
    },
    /// The forge's answer is not what its documentation says, so that the list would not be whole.
    #[error("{host} did not list the repositories of source '{whose}' whole: {why}")]
    List {
        /// The source in the operator's file.
        whose: String,
        /// Who.
        host: String,
        /// What was wrong.
        why: String,
    },
}

impl FetchError {
    /// How long to leave the other side alone, where it said so.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Later { wait, .. } => Some(*wait),
            _ => None,
        }
    }
}
