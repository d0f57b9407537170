//! `stanch config`.

use super::args::ConfigCommand;
use super::exit::Code;
use super::failure::Failure;
use super::output::print;
use crate::config::repository::RepositoryConfig;
use crate::wiring::scanner::work_tree_above;
use std::path::{Path, PathBuf};

/// Runs the command.
///
/// # Errors
/// When there is a file already or it cannot be written.
pub(super) fn run(command: &ConfigCommand) -> Result<Code, Failure> {
    match command {
        ConfigCommand::New => {
            let top = work_tree_above(Path::new(".")).unwrap_or_else(|| PathBuf::from("."));
            let path = RepositoryConfig::create(&top)?;
            print(|out| writeln!(out, "{}: commit it, so that every clone names a finding alike", path.display()))?;
            Ok(Code::Clean)
        }
    }
}
