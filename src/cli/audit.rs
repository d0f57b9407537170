//! `stanch audit`: the journal as evidence, also on a copied file and without this program's own state.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, case, signals};
use crate::config::operator::Operator;
use crate::journal::{self, Demands, Evidence, EvidenceFolder};
use crate::seal::NoteKey;
use crate::wiring::journal::server_at;
use crate::wiring::mending::Mending;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Audit) -> Result<Code, Failure> {
    signals::runtime()?.block_on(async {
        match &given.verb {
            acts::AuditVerb::Verify { journal, checkpoint, key, password_file, people } => {
                let keys = key.iter().map(|key| key.parse()).collect::<Result<Vec<NoteKey>, _>>();
                let keys = keys.map_err(|error| Failure::of(Code::Usage, &error))?;
                let evidence = checkpoint.as_deref().map(|path| Evidence::read(path, &keys)).transpose();
                verify(journal, evidence?, password_file.as_deref(), people.as_deref()).await
            }
            acts::AuditVerb::Checkpoint { to, config } => checkpoint(to.as_deref(), config).await,
            acts::AuditVerb::Export { case, output, config } => {
                export(case.as_deref(), output.as_deref(), config).await
            }
        }
    })
}

async fn verify(
    journal: &OsStr,
    evidence: Option<Evidence>,
    password: Option<&Path>,
    people: Option<&Path>,
) -> Result<Code, Failure> {
    let operator = people.map(Operator::load).transpose().map_err(|error| Failure::of(Code::Usage, &error))?;
    let known = operator.as_ref().map(|operator| &operator.known);
    let demands = Demands { evidence: evidence.as_ref(), people: known };
    let address =
        journal.to_str().filter(|text| ["postgres:", "postgresql:"].iter().any(|lead| text.starts_with(lead)));
    let (place, summary) = match address {
        Some(address) => {
            let server = server_at(address, password).map_err(Failure::from)?;
            (server.place(), journal::verify_server(&server, demands).await)
        }
        None => {
            let file = Path::new(journal);
            (file.display().to_string(), journal::verify_file(file, demands).await)
        }
    };
    let summary = summary.map_err(Failure::from)?;
    let screen = Screen::new(false);
    for jump in &summary.jumps {
        screen.text(&format!("{jump}\n"));
    }
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
    screen.text(&format!("{place}: {summary}\n"));
    if let Some(root) = summary.root {
        screen.text(&format!("the root over all {} records is {root}\n", summary.records));
    }
    if doubtful > 0 {
        let message = format!("{doubtful} of {} signed words are not known to be that person's", summary.words.len());
        return Err(Failure::new(Code::Outside, message)
            .hint("a person or a key that was taken out of the operator's file since is not known any more"));
    }
    Ok(Code::Clean)
}

async fn checkpoint(to: Option<&Path>, config: &acts::Configured) -> Result<Code, Failure> {
    let mending = Mending::open(config.config.as_deref()).await.map_err(Failure::from)?;
    let named = mending.operator.checkpoints.as_ref().map(|checkpoints| checkpoints.value.to.as_path());
    let mut folder = to.or(named).map(EvidenceFolder::open).transpose()?;
    let signer = mending.signer().map_err(|error| Failure::of(Code::Outside, &error))?;
    let Some(marked) = mending.mark(&signer, folder.as_mut()).await? else {
        return Err(Failure::new(Code::Usage, "the journal holds no record yet: there is nothing to sign"));
    };
    Screen::new(false).text(marked.checkpoint.text());
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
