//! Watches, scans what changed, opens cases and carries them, until it is told to stop.

mod carry;
mod delivery;
mod health;
mod house;
mod manager;
mod metrics;
mod outline;

use crate::clock::Clock as _;
use crate::journal::{Ask, JournalError};
use crate::wiring::mending::{Mending, MendingError};
use carry::Carrier;
use house::House;
use outline::Outline;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// How long the word holds that this process runs everything here; a process that was killed is taken over sooner.
const ATTENDANCE: Duration = Duration::from_secs(120);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(20);
/// How often it is looked for something to do.
const TICK: Duration = Duration::from_millis(500);

/// What the daemon is told by its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read the configuration again.
    Reload,
    /// Begin nothing new, bring everything to a record, and end.
    Drain,
}

/// Why the daemon does not run, or not any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// Another one runs, or took over.
    #[error("the daemon does not run here")]
    Attended(#[source] JournalError),
    /// The journal does not work.
    #[error("the daemon cannot use its journal")]
    Journal(#[source] JournalError),
    /// The operator's file cannot be read.
    #[error("the daemon cannot read its configuration")]
    Configuration(#[source] MendingError),
}

/// Runs until it is told to drain. Open rotations are taken up at once, and again whenever they can go on.
///
/// # Errors
/// [`DaemonError::Attended`] when another daemon attends the journal.
pub async fn run(mending: Mending, commands: mpsc::Receiver<Command>) -> Result<(), DaemonError> {
    mending.attend(ATTENDANCE).await.map_err(|error| match error {
        error @ JournalError::Attended { .. } => DaemonError::Attended(error),
        error => DaemonError::Journal(error),
    })?;
    let outline = Outline::read(mending.path()).unwrap_or_default();
    let house = Arc::new(House::new(mending));
    let config = house.config();
    let process = std::process::id();
    tracing::info!(process, configuration = %config.path().display(), "the daemon runs");
    manager::ready();
    let mut daemon = Daemon { carrier: Carrier::new(Arc::clone(&house)), house, outline, renewed: 0 };
    let ended = daemon.turn(commands).await;
    daemon.close().await;
    ended
}

/// The daemon between its start and its end.
struct Daemon {
    house: Arc<House>,
    carrier: Carrier,
    /// The operator's file as it was last read.
    outline: Outline,
    /// When the attendance was renewed last, by the monotonic clock.
    renewed: u64,
}

impl Daemon {
    /// The loop. Nothing in it waits for anything that may take long.
    async fn turn(&mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), DaemonError> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.renewed = self.house.clock.monotonic();
        loop {
            let command = tokio::select! {
                _ = ticks.tick() => None,
                Some(command) = commands.recv() => Some(command),
            };
            manager::alive();
            self.keep_attending().await?;
            let asked = match self.house.journal.asked(&self.house.holder).await {
                Ok(asked) => asked,
                Err(error) => {
                    tracing::warn!(error = chain_of(&error), "the journal cannot be read");
                    None
                }
            };
            if command == Some(Command::Drain) || asked == Some(Ask::Drain) {
                return Ok(());
            }
            let told = command == Some(Command::Reload) || asked == Some(Ask::Reload);
            if told || self.outline.is_outdated(self.house.config().path()) {
                self.reload(asked == Some(Ask::Reload)).await;
            }
            self.carrier.tick().await;
        }
    }

    /// Another process that took over, because this one stood still for long, ends this one.
    async fn keep_attending(&mut self) -> Result<(), DaemonError> {
        let now = self.house.clock.monotonic();
        if Duration::from_millis(now.saturating_sub(self.renewed)) < RENEWAL {
            return Ok(());
        }
        match self.house.config().keep_attending(ATTENDANCE).await {
            Ok(()) => self.renewed = now,
            Err(error @ JournalError::Attended { .. }) => return Err(DaemonError::Attended(error)),
            Err(error) => tracing::warn!(error = chain_of(&error), "the attendance could not be renewed yet"),
        }
        Ok(())
    }

    /// Parse, check, say what differs, swap whole; on a mistake everything stays as it was.
    async fn reload(&mut self, is_asked: bool) {
        manager::reloading();
        let config = self.house.config();
        let outline = Outline::read(config.path());
        let answer = match (config.reread(), outline) {
            (Ok(fresh), Ok(outline)) => {
                let changes = outline.changes_since(&self.outline);
                for change in &changes {
                    tracing::info!(change, "the configuration changed");
                }
                self.outline = outline;
                self.house.adopt(fresh);
                self.carrier.take_heart();
                match changes.as_slice() {
                    [] => "reloaded: nothing differs".to_owned(),
                    changes => format!("reloaded: {}", changes.join(", ")),
                }
            }
            (Err(error), _) => self.refuse(&chain_of(&error)),
            (_, Err(error)) => self.refuse(&chain_of(&error)),
        };
        if is_asked && let Err(error) = self.house.journal.answer(&self.house.holder, &answer).await {
            tracing::warn!(error = chain_of(&error), "the answer to a reload could not be written");
        }
        manager::ready();
    }

    fn refuse(&mut self, why: &str) -> String {
        tracing::error!(why, "the configuration was not reloaded; the one before stays in force");
        self.outline.looked_at(self.house.config().path());
        format!("refused: {why}")
    }

    /// No case is begun any more; each that runs stops after its current record.
    async fn close(mut self) {
        manager::stopping();
        let within = self.house.config().operator.daemon.drain();
        tracing::info!(within_seconds = within.as_secs(), "the daemon drains");
        self.carrier.drain(within).await;
        if let Err(error) = self.house.journal.stop_attending(&self.house.holder).await {
            tracing::warn!(error = chain_of(&error), "the attendance was not given back; it ends with this process");
        }
        tracing::info!("the daemon ends");
    }
}

/// An error with its causes, in one line.
fn chain_of(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        cause = error.source();
    }
    words
}
