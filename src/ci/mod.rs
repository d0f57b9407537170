//! What a continuous-integration service says of itself: what happened, which commits are new by that, and where reports
//! go. Variables come through a function, and the one file that is read is GitHub's event: nothing here asks git.

mod event;
mod services;

use std::fmt;
use std::path::PathBuf;

/// The environment: a name gives a value.
pub type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Who runs us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// GitHub Actions, and Gitea's and Forgejo's that are spoken to alike.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Bitbucket Pipelines.
    Bitbucket,
    /// CircleCI.
    CircleCi,
    /// Jenkins.
    Jenkins,
    /// Travis CI.
    Travis,
    /// Buildkite.
    Buildkite,
    /// None that we know: `STANCH_BASE` says what is new.
    Shell,
}

impl Service {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::CircleCi => "circleci",
            Self::Jenkins => "jenkins",
            Self::Travis => "travis",
            Self::Buildkite => "buildkite",
            Self::Shell => "shell",
        }
    }

    /// How a job of this service gets a clone that has all commits.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::GitHub => "set fetch-depth: 0 at actions/checkout, or run stanch ci --fetch",
            Self::GitLab => "set GIT_DEPTH: 0 in the job's variables, or run stanch ci --fetch",
            Self::Bitbucket => "set clone: depth: full in the step, or run stanch ci --fetch",
            Self::CircleCi => "set method: full at the checkout step, or run stanch ci --fetch",
            Self::Jenkins => {
                "take the shallow clone out of the checkout step and let it fetch the target branch, or run stanch ci --fetch"
            }
            Self::Travis => "set git: depth: false, or run stanch ci --fetch",
            Self::Buildkite => "take --depth out of BUILDKITE_GIT_CLONE_FLAGS, or run stanch ci --fetch",
            Self::Shell => "run git fetch --unshallow and git fetch origin, or run stanch ci --fetch",
        }
    }
}

/// A point of the history, as a service names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// A commit, by its id or the beginning of it.
    Commit(String),
    /// A branch of the repository that was cloned.
    Branch(String),
    /// Whatever git takes for a revision: a person wrote it.
    Revision(String),
    /// What is checked out.
    Head,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(id) => f.write_str(id.get(..10).unwrap_or(id)),
            Self::Branch(name) => write!(f, "origin/{}", shown(name)),
            Self::Revision(text) => f.write_str(&shown(text)),
            Self::Head => f.write_str("HEAD"),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Someone wants something merged: what `tip` has and `base` has not.
    Proposed {
        /// Where it is to go.
        base: Point,
        /// What is to go there.
        tip: Point,
        /// The name of the branch it is to go to.
        target: Option<String>,
        /// Where the policy is read: the first of these that is there.
        policy: Vec<Point>,
    },
    /// A branch or tag moved: what `tip` has and `before` had not.
    Pushed {
        /// Where it was.
        before: Point,
        /// Where it is.
        tip: Point,
        /// Its name, where it is a branch.
        branch: Option<String>,
    },
    /// A branch or tag that was not there before, or of which nobody says where it was: what it has and the default
    /// branch has not.
    Begun {
        /// Where it is.
        tip: Point,
        /// Its name, where it is a branch.
        branch: Option<String>,
    },
    /// Nothing was pushed: all there is.
    Everything,
}

/// A tag that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name, without `refs/tags/`.
    pub name: String,
    /// What it names: itself where it has a message. None where the service does not say.
    pub object: Option<String>,
}

/// Why a service runs us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// The service.
    pub service: Service,
    /// Its own word for what happened.
    pub event: String,
    /// What is new.
    pub change: Change,
    /// The tag that was pushed, if it was one.
    pub tag: Option<Tag>,
    /// The default branch, where the service names it.
    pub default_branch: Option<String>,
    /// The file that takes a summary for the page of the run.
    pub summary: Option<PathBuf>,
    /// True when `STANCH_BASE` says what is new, and not the service.
    pub is_told: bool,
}

/// What a service says makes no sense, or no service speaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CiError {
    /// Nobody says what is new.
    #[error("no continuous-integration service is known here, and STANCH_BASE is not set")]
    NoService,
    /// A variable is missing.
    #[error("{}: {name} is not set", service.word())]
    Missing {
        /// Who should set it.
        service: Service,
        /// Which.
        name: &'static str,
    },
    /// A variable or a field of the event does not hold what it should.
    #[error("{}: {name} is not {what}", service.word())]
    Malformed {
        /// Who set it.
        service: Service,
        /// Which.
        name: String,
        /// What it should be.
        what: &'static str,
    },
    /// The event cannot be read.
    #[error("{}: cannot read the event {}", service.word(), path.display())]
    Unread {
        /// Who wrote it.
        service: Service,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The event is not what it should be.
    #[error("{}: the event {} is not understood", service.word(), path.display())]
    Event {
        /// Who wrote it.
        service: Service,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The push took something away.
    #[error("{}: the push deleted what it names, so there is nothing to scan", service.word())]
    Deleted {
        /// Who said so.
        service: Service,
    },
}

impl Occasion {
    /// Asks the environment.
    ///
    /// # Errors
    /// When no service is known and `STANCH_BASE` is not set, or what a service says makes no sense.
    pub fn of(variables: &Variables<'_>) -> Result<Self, CiError> {
        services::occasion(variables)
    }

    /// True where the service reads commands that annotate lines.
    #[must_use]
    pub fn takes_annotations(&self) -> bool {
        self.service == Service::GitHub
    }

    /// True when the branch that is scanned is the default branch.
    #[must_use]
    pub fn is_of_default_branch(&self) -> bool {
        match &self.change {
            Change::Pushed { branch: Some(branch), .. } | Change::Begun { branch: Some(branch), .. } => {
                self.default_branch.as_ref() == Some(branch)
            }
            _ => false,
        }
    }
}

/// A name that others chose, as one line that no terminal and no service obeys.
fn shown(name: &str) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, '[' | ']') { '?' } else { c };
    name.chars().map(plain).take(200).collect()
}

#[cfg(test)]
mod tests;
