//! `stanch journal`: where the journal lies.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, signals};
use crate::journal::MigrateError;
use crate::wiring::mending::{Mending, MendingError};

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::JournalVerb) -> Result<Code, Failure> {
    signals::runtime()?.block_on(async {
        match given {
            acts::JournalVerb::Migrate { to, password_file, config } => {
                let mending = Mending::open_to_move(config.config.as_deref()).await.map_err(Failure::from)?;
                let moved = mending.move_journal(to, password_file.as_deref()).await.map_err(Failure::from)?;
                let screen = Screen::new(false);
                if moved.before {
                    screen.text(&format!("the journal was moved before, from {} to {}\n", moved.from, moved.to));
                } else {
                    screen.text(&format!("moved from {} to {}\n", moved.from, moved.to));
                    for (name, rows) in &moved.rows {
                        screen.text(&format!("{rows:>10}  {name}\n"));
                    }
                }
                screen.text(&format!("{}: {}\n", moved.to, moved.summary));
                screen.text("name the server as 'journal' in the operator's file of every machine; the old file takes nothing more\n");
                Ok(Code::Clean)
            }
        }
    })
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Journal(error) => error.into(),
            MigrateError::Server(error) => match error.downcast::<MendingError>() {
                Ok(error) => Self::from(*error),
                Err(error) => Self::of(Code::Outside, error.as_ref()),
            },
            error => Self::of(
                match error {
                    MigrateError::Source | MigrateError::Attended { .. } | MigrateError::Leased { .. } => Code::Usage,
                    _ => Code::Outside,
                },
                &error,
            )
            .hint("the journal is where it was, and as it was"),
        }
    }
}
