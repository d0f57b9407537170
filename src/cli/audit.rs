//! `stanch audit`: the journal as evidence, also on a copied file and without this program's own state.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, case, signals};
use crate::journal::{self, Checkpoint};
use crate::wiring::mending::Mending;
use std::fs::OpenOptions;
use std::io::Write;

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Audit) -> Result<Code, Failure> {
    signals::runtime()?.block_on(async {
        match &given.verb {
            acts::AuditVerb::Verify { file, checkpoint } => verify(file, checkpoint.as_deref()).await,
            acts::AuditVerb::Export { case, output, config } => {
                export(case.as_deref(), output.as_deref(), config).await
            }
        }
    })
}

async fn verify(file: &std::path::Path, checkpoint: Option<&str>) -> Result<Code, Failure> {
    let checkpoint =
        checkpoint.map(str::parse::<Checkpoint>).transpose().map_err(|error| Failure::of(Code::Usage, &error))?;
    let summary = journal::verify_file(file, checkpoint.as_ref()).await.map_err(Failure::from)?;
    Screen::new(false).text(&format!("{}: {summary}\n", file.display()));
    Ok(Code::Clean)
}

async fn export(
    id: Option<&str>,
    output: Option<&std::path::Path>,
    config: &acts::Configured,
) -> Result<Code, Failure> {
    let mending = Mending::open(config.config.as_deref()).await.map_err(Failure::from)?;
    let rotation = id.map(case::rotation_id);
    let mut to: Box<dyn Write + Send> = match output {
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).open(path);
            Box::new(file.map_err(|error| {
                Failure::because(Code::Outside, format!("could not write {}", path.display()), &error)
            })?)
        }
        None => Box::new(std::io::stdout()),
    };
    journal::export(&mending.journal, rotation.as_ref(), &mut *to).await.map_err(Failure::from)?;
    Ok(Code::Clean)
}
