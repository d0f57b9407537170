//! How a dependent is made to read its store again: a request or a program.

use super::DependentError;
use super::command::{Program, Ran, ending};
use super::http::Call;

/// A reload action.
#[derive(Debug)]
pub enum Reload {
    /// A request; any status from 200 to 299 is success.
    Http(Call),
    /// A program; exit code 0 is success.
    Command(Program),
}

impl Reload {
    /// Runs the action once; returns when it is done, not when the roll-out is.
    pub(super) async fn run(&self, name: &str) -> Result<(), DependentError> {
        let failed = |code: String| DependentError::Reload { name: name.to_owned(), code };
        match self {
            Self::Http(call) => match call.send().await {
                Some(reply) if (200..=299).contains(&reply.status) => Ok(()),
                Some(reply) => Err(failed(format!("status {}", reply.status))),
                None => Err(DependentError::Unreachable { name: name.to_owned() }),
            },
            Self::Command(program) => match program.run(false).await {
                Ok(Ran::Ended(status, _)) if status.success() => Ok(()),
                Ok(Ran::Ended(status, _)) => Err(failed(ending(status))),
                Ok(Ran::TooLong) => Err(failed(format!("not done after {} s", program.within.as_secs()))),
                Err(source) => Err(DependentError::Local { name: name.to_owned(), source }),
            },
        }
    }
}
