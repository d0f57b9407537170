//! What a framework calls before a push. It has read the standard input that git wrote, so the reference it tells of in
//! its environment is written there anew.

use super::super::exit::Code;
use super::super::failure::Failure;
use crate::hooks::HooksError;
use crate::hooks::pushed::pushed;
use crate::wiring::scanner::Whereabouts;
use std::io::Write as _;
use std::process::{Command, Stdio};

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
