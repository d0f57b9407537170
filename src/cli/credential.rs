//! What git calls when a server wants to know who asks: the process that runs git answers, this command carries.

use super::exit::Code;
use super::failure::Failure;
use super::output;
use std::path::PathBuf;

/// Carries a question of git's to the process that started it, and the answer back.
#[derive(Debug, clap::Args)]
pub struct GitCredential {
    /// Where that process listens
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// What git wants: get, store or erase
    pub act: String,
}

/// Answers `get`. There is nothing to store or erase, and acts of later versions of git are passed over in silence, as
/// git asks of its helpers.
///
/// # Errors
/// When nobody listens any more.
pub(super) fn run(arguments: &GitCredential) -> Result<Code, Failure> {
    if arguments.act == "get" {
        let failed = |error: std::io::Error| Failure::new(Code::Outside, format!("git gets no token: {error}"));
        let mut answer = zeroize::Zeroizing::new(Vec::with_capacity(4096));
        crate::fetch::answer_git(&arguments.socket, std::io::stdin().lock(), &mut *answer).map_err(failed)?;
        output::print(|out| out.write_all(&answer))?;
    }
    Ok(Code::Clean)
}
