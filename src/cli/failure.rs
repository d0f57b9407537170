//! A command that could not do its work: what happened, and what to do about it.

use super::discretion;
use super::exit::Code;
use crate::config::repository::RepositoryError;
use crate::rules::Problem;
use crate::source::{SourceError, Trouble};
use crate::wiring::kinds::KindsError;
use crate::wiring::scanner::ScannerError;
use std::error::Error;
use std::io::Write as _;

/// The one error that embraces all others.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub code: Code,
    /// What happened, with its causes.
    pub message: String,
    /// What to do.
    pub hints: Vec<String>,
}

impl Failure {
    /// From an error and its causes.
    #[must_use]
    pub fn of(code: Code, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            // Some errors repeat their cause themselves.
            let said = error.to_string();
            if !message.contains(&said) {
                message = format!("{message}: {said}");
            }
            cause = error.source();
        }
        Self { code, message, hints: Vec::new() }
    }

    /// From words.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hints: Vec::new() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Prints it to standard error, a token in it masked. Where that is closed, the exit code still tells.
    pub fn print(&self) {
        let hints: String = self.hints.iter().map(|hint| format!("  hint: {hint}\n")).collect();
        let said = format!("stanch: {}\n{hints}", self.message);
        let said = discretion::without_tokens(&said).unwrap_or_else(|_| "stanch: failed\n".to_owned());
        let mut out = std::io::stderr().lock();
        drop(out.write_all(said.as_bytes()));
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let code = match error.trouble() {
            Trouble::Usage => Code::Usage,
            Trouble::Incomplete => Code::Incomplete,
            Trouble::Outside => Code::Outside,
        };
        let failure = Self::new(code, error.in_words());
        match error.remedy() {
            Some(remedy) => failure.hint(remedy),
            None => failure,
        }
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        let code = match &error {
            RepositoryError::Refused { .. } | RepositoryError::Twice { .. } | RepositoryError::Exists { .. } => {
                Code::Usage
            }
            RepositoryError::Read { source, .. } => code_of_unread(source),
            _ => Code::Outside,
        };
        let failure = Self::of(code, &error);
        match error {
            RepositoryError::Refused { foreign: true, .. } => failure
                .hint("whoever can push can write this file, so hosts, commands and stores belong into the operator's"),
            RepositoryError::Refused { .. } => {
                failure.hint("it has salt: TEXT, exclude: [GLOB, …], gate: low or medium and inline_allow: true or false, and no key is needed")
            }
            RepositoryError::Read { .. } => failure.hint(PLAIN_TEXT),
            _ => failure,
        }
    }
}

impl From<ScannerError> for Failure {
    fn from(error: ScannerError) -> Self {
        match error {
            ScannerError::Source(error) => error.into(),
            ScannerError::Config(error) => error.into(),
            ScannerError::Exceptions(_) => {
                Self::of(Code::Usage, &error).hint("a line is: st1:… kind path until=YYYY-MM-DD reason=\"…\" by=NAME")
            }
            ScannerError::Unread { ref source, .. } => {
                let code = code_of_unread(source);
                Self::of(code, &error).hint(PLAIN_TEXT)
            }
            _ => Self::of(Code::Outside, &error),
        }
    }
}

impl From<KindsError> for Failure {
    fn from(error: KindsError) -> Self {
        let mut failure = Self::of(Code::Usage, &error);
        match error {
            KindsError::Wrong { problems } => {
                let told = |problem: &Problem| format!("\n{problem}\n{}", problem.excerpt);
                failure.message = match problems.as_slice() {
                    [one] => format!("{one}\n{}", one.excerpt),
                    all => format!("{}{}", failure.message, all.iter().map(told).collect::<String>()),
                };
                failure
            }
            KindsError::Unread { .. } => {
                failure.hint("name files of rules, which are YAML in UTF-8 of at most 4 MiB: acme.yaml")
            }
            _ => failure,
        }
    }
}

/// What to do about a file of configuration that cannot be read.
const PLAIN_TEXT: &str = "it must be a plain file that may be read, in UTF-8, of at most 4 MiB";

/// A file with the wrong content is a mistake of the one who wrote it; one that cannot be read is not.
fn code_of_unread(error: &std::io::Error) -> Code {
    if error.kind() == std::io::ErrorKind::InvalidData { Code::Usage } else { Code::Outside }
}
