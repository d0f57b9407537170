//! What pre-commit and prek call. They hand over less than git does: of a push the first reference, in the environment,
//! and the file with the message only if the filters of the configuration let its name pass.

use super::super::exit::Code;
use super::super::failure::Failure;
use crate::hooks::Hook;
use crate::hooks::pushed::{Pushed, pushed};
use crate::wiring::scanner::Whereabouts;
use std::path::{Path, PathBuf};

/// Where the message is: where the framework says, else where git has written it last.
///
/// # Errors
/// When there is no repository, or no message in it.
pub(super) fn message(file: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(file) = file {
        return Ok(file.to_owned());
    }
    let repository = Whereabouts::Environment.open()?;
    let files = ["COMMIT_EDITMSG", "MERGE_MSG"].map(|name| repository.path().join(name));
    let written = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    files.into_iter().filter(|path| path.exists()).max_by_key(written).ok_or_else(|| {
        Failure::new(Code::Usage, "the framework does not say where the message is, and git has written none")
            .hint("the top of its file may have 'files' or 'exclude' that keep .git/COMMIT_EDITMSG away")
    })
}

/// No framework calls these.
pub(super) fn unknown(hook: Hook) -> Failure {
    Failure::new(Code::Usage, format!("no framework calls {}", hook.name()))
        .hint("it is put in with stanch hook install --server")
}

/// True when pre-commit or prek runs us.
pub(super) fn is_calling() -> bool {
    std::env::vars_os().any(|(name, value)| {
        let name = name.to_string_lossy();
        !value.is_empty() && (name == "PRE_COMMIT" || name == "PRE_COMMIT_LOCAL_BRANCH")
    })
}

/// The reference that the framework tells of.
///
/// # Errors
/// When the framework tells of none.
pub(super) fn push() -> Result<Pushed, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let commit = |name: &str| repository.commit_at(name).ok().map(|commit| commit.to_string());
    pushed(|name| std::env::var(name).ok(), commit)?.ok_or_else(|| {
        Failure::new(Code::Usage, "no framework says in the environment what is pushed, so nothing was scanned").hint(
            "git calls stanch hook pre-push; pre-commit and prek set PRE_COMMIT_LOCAL_BRANCH at the stage pre-push alone",
        )
    })
}
