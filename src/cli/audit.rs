//! `stanch audit`: the journal as evidence, also on a copied file and without this program's own state.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, case, signals};
use crate::config::operator::Operator;
use crate::journal::{self, Checkpoint};
use crate::wiring::mending::Mending;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Audit) -> Result<Code, Failure> {
    signals::runtime()?.block_on(async {
        match &given.verb {
            acts::AuditVerb::Verify { file, checkpoint, people } => {
                verify(file, checkpoint.as_deref(), people.as_deref()).await
            }
            acts::AuditVerb::Export { case, output, config } => {
                export(case.as_deref(), output.as_deref(), config).await
            }
        }
    })
}

async fn verify(file: &Path, checkpoint: Option<&str>, people: Option<&Path>) -> Result<Code, Failure> {
    let checkpoint =
        checkpoint.map(str::parse::<Checkpoint>).transpose().map_err(|error| Failure::of(Code::Usage, &error))?;
    let operator = people.map(Operator::load).transpose().map_err(|error| Failure::of(Code::Usage, &error))?;
    let known = operator.as_ref().map(|operator| &operator.known);
    let summary = journal::verify_signed(file, checkpoint.as_ref(), known).await.map_err(Failure::from)?;
    let screen = Screen::new(false);
    let mut doubtful = 0;
    for word in &summary.words {
        let found = match &word.key {
            Ok(print) => format!("signed with {print}"),
            Err(doubt) => {
                doubtful += 1;
                format!("NOT VERIFIED: {doubt}")
            }
        };
        screen.text(&format!(
            "{} record {}: {} said: {}; {found}\n",
            word.rotation,
            word.seq,
            word.who.as_str().escape_debug(),
            word.says
        ));
    }
    screen.text(&format!("{}: {summary}\n", file.display()));
    if doubtful > 0 {
        let message = format!("{doubtful} of {} signed words are not known to be that person's", summary.words.len());
        return Err(Failure::new(Code::Outside, message)
            .hint("a person or a key that was taken out of the operator's file since is not known any more"));
    }
    Ok(Code::Clean)
}

async fn export(id: Option<&str>, output: Option<&Path>, config: &acts::Configured) -> Result<Code, Failure> {
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
