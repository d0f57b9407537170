//! What pre-commit and prek call. They hand over less than git does: of a push the first reference, in the environment,
//! and the file with the message only if the filters of the configuration let its name pass.

use super::super::exit::Code;
use super::super::failure::Failure;
use crate::hooks::pushed::pushed;
use crate::hooks::{Hook, HooksError};
use crate::wiring::scanner::Whereabouts;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Runs the hook for a push with the reference that the framework tells of.
///
/// # Errors
/// When the framework tells of none.
pub(super) fn push() -> Result<Code, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let commit = |name: &str| {
        let object = repository.revparse_single(name).and_then(|object| object.peel_to_commit());
        object.ok().map(|commit| commit.id().to_string())
    };
    let Some(pushed) = pushed(|name| std::env::var(name).ok(), commit)? else {
        return Err(Failure::new(Code::Usage, "no framework says in the environment what is pushed").hint(
            "git calls stanch hook pre-push; this is for pre-commit and prek, which set PRE_COMMIT_LOCAL_BRANCH",
        ));
    };
    let unrun = |source| Failure::from(HooksError::Program { program: "stanch hook pre-push", source });
    let program = std::env::current_exe().map_err(unrun)?;
    let mut command = Command::new(program);
    command.args(["hook", "pre-push", "--", &pushed.remote, &pushed.address]).stdin(Stdio::piped());
    let mut child = command.spawn().map_err(unrun)?;
    if let Some(mut lines) = child.stdin.take() {
        // One that has ended without reading says by its code why.
        let _written = lines.write_all(pushed.line.as_bytes()).is_ok();
    }
    let status = child.wait().map_err(unrun)?;
    Ok(match status.code() {
        Some(0) => Code::Clean,
        Some(3) => Code::Incomplete,
        Some(2) => Code::Usage,
        Some(1) => Code::Findings,
        Some(10) => Code::Live,
        _ => Code::Outside,
    })
}
