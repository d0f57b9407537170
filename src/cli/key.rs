//! `stanch key`: the keys of this installation.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, signals};
use crate::wiring::keys::ChangeError;
use crate::wiring::mending::Mending;

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::KeyVerb) -> Result<Code, Failure> {
    signals::runtime()?.block_on(async {
        match given {
            acts::KeyVerb::List { config } => list(config).await,
            acts::KeyVerb::Rotate { config } => rotate(config).await,
            acts::KeyVerb::Forget { id, lost, config } => {
                let mending = Mending::open(config.config.as_deref()).await.map_err(Failure::from)?;
                mending.forget_key(id, *lost).await?;
                Screen::new(false)
                    .text(&format!("the envelope key {id} is forgotten: backups from before need it still\n"));
                Ok(Code::Clean)
            }
        }
    })
}

async fn list(config: &acts::Configured) -> Result<Code, Failure> {
    let mending = Mending::open(config.config.as_deref()).await.map_err(Failure::from)?;
    let screen = Screen::new(false);
    for key in mending.envelope_keys().await? {
        let what = match (key.seals, key.here) {
            (true, _) => "seals and opens",
            (_, true) => "opens",
            _ => "LOST: its file is not here",
        };
        screen.text(&format!("envelope key {}  {what}  {} values\n", key.id, key.values));
    }
    let signer = mending.signer().map_err(|error| Failure::of(Code::Outside, &error))?;
    screen.text(&format!("checkpoints are signed with {}\n", signer.key()));
    Ok(Code::Clean)
}

async fn rotate(config: &acts::Configured) -> Result<Code, Failure> {
    let mending = Mending::open(config.config.as_deref()).await.map_err(Failure::from)?;
    let rotated = mending.rotate_key().await?;
    let screen = Screen::new(false);
    let how = if rotated.is_new { "seals from now on" } else { "seals; an earlier change was brought to its end" };
    screen.text(&format!("envelope key {} {how}; {} values were put under it\n", rotated.key, rotated.changed));
    for id in &rotated.spare {
        screen.text(&format!("nothing is sealed under {id} any more: stanch key forget {id} removes it\n"));
    }
    if mending.journal.database().is_shared() {
        screen.text("copy envelope.key to every machine that shares the journal before its daemon starts\n");
    }
    for left in &rotated.left {
        screen.text(&format!("{left}\n"));
    }
    if rotated.left.is_empty() {
        return Ok(Code::Clean);
    }
    Err(Failure::new(Code::Outside, "some sealed values do not open and were left as they are")
        .hint("restore the file of the key that each needs, then run stanch key rotate again"))
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Journal(error) => error.into(),
            ChangeError::Unknown { .. } | ChangeError::NotLost { .. } | ChangeError::Seals { .. } => {
                Self::of(Code::Usage, &error)
            }
            ChangeError::Elsewhere { .. } => Self::of(Code::Usage, &error).hint("nothing was changed"),
            error => Self::of(Code::Outside, &error),
        }
    }
}
