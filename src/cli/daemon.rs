//! `stanch daemon`, and what it is told from outside: `stanch reload` and `stanch drain`.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, signals};
use crate::clock::Clock as _;
use crate::daemon::{self, Command, DaemonError};
use crate::journal::{Ask, Attendant};
use crate::wiring::mending::Mending;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer to a reload is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What becomes of a reload that is refused.
const UNCHANGED: &str = "a daemon that runs goes on with the configuration that it has";

/// Runs the daemon.
pub(super) fn run(given: &acts::Configured) -> Result<Code, Failure> {
    let runtime = signals::runtime()?;
    let ended = runtime.block_on(async {
        let mending = Mending::open(given.config.as_deref()).await.map_err(Failure::from)?;
        let commands = listen()?;
        daemon::run(mending, commands).await.map_err(Failure::from)?;
        Ok(Code::Clean)
    });
    // A scan that is under way is not waited for: it changes nothing.
    runtime.shutdown_background();
    ended
}

/// SIGHUP reloads. The first SIGTERM or SIGINT drains, the second ends the process at once, which loses nothing.
fn listen() -> Result<mpsc::Receiver<Command>, Failure> {
    let failed = |error| Failure::because(Code::Outside, "could not listen for signals", &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        let mut is_draining = false;
        loop {
            let (command, code) = tokio::select! {
                _ = interrupt.recv() => (Command::Drain, Code::Interrupted),
                _ = terminate.recv() => (Command::Drain, Code::Terminated),
                _ = hang_up.recv() => (Command::Reload, Code::Clean),
            };
            if is_draining && command == Command::Drain {
                #[expect(clippy::exit, reason = "a person insists")]
                std::process::exit(i32::from(code.number()));
            }
            is_draining |= command == Command::Drain;
            // A queue that is full holds the same command already.
            let _told = sender.try_send(command).is_ok();
        }
    });
    Ok(receiver)
}

/// Has the running daemon read its configuration again, and says what it made of it.
pub(super) fn reload(given: &acts::Configured) -> Result<Code, Failure> {
    signals::runtime()?.block_on(async {
        let (mending, attendant) = attended(given).await.map_err(|failure| failure.hint(UNCHANGED))?;
        let Some(attendant) = attendant else {
            return Err(Failure::new(Code::Outside, "no daemon runs here").hint("stanch daemon starts one"));
        };
        mending.journal.ask(&attendant, Ask::Reload).await.map_err(Failure::from)?;
        let deadline = mending.clock.now().after(PATIENCE);
        while mending.clock.now() < deadline {
            if let Some(answer) = mending.journal.answered(&attendant).await.map_err(Failure::from)? {
                return match answer.strip_prefix("refused: ") {
                    Some(why) => Err(Failure::new(Code::Usage, why).hint(UNCHANGED)),
                    None => {
                        Screen::new(false).text(&format!("{answer}\n"));
                        Ok(Code::Clean)
                    }
                };
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(no_answer(&attendant))
    })
}

/// Has the running daemon come to an end, and waits for it.
pub(super) fn drain(given: &acts::Configured) -> Result<Code, Failure> {
    signals::runtime()?.block_on(async {
        let (mending, attendant) = attended(given).await?;
        let screen = Screen::new(false);
        let Some(attendant) = attendant else {
            screen.text("no daemon runs here\n");
            return Ok(Code::Clean);
        };
        mending.journal.ask(&attendant, Ask::Drain).await.map_err(Failure::from)?;
        let deadline = mending.clock.now().after(mending.operator.daemon.drain() + PATIENCE);
        while mending.clock.now() < deadline {
            if !mending.attends(&attendant).await.map_err(Failure::from)? {
                screen.text(&format!("the daemon (process {}) has ended; open cases wait\n", attendant.process()));
                return Ok(Code::Clean);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(no_answer(&attendant))
    })
}

async fn attended(given: &acts::Configured) -> Result<(Mending, Option<Attendant>), Failure> {
    let mending = Mending::open(given.config.as_deref()).await.map_err(Failure::from)?;
    let attendant = mending.attended_here().await.map_err(Failure::from)?;
    Ok((mending, attendant))
}

fn no_answer(attendant: &Attendant) -> Failure {
    Failure::new(Code::Outside, format!("the daemon (process {}) did not answer in time", attendant.process()))
        .hint("its log says what it is busy with")
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        let failure = Self::of(Code::Outside, &error);
        match error {
            DaemonError::Attended(_) => failure
                .hint("one daemon runs at a time: stanch drain ends it, stanch reload has it read its file again"),
            DaemonError::Alerts(error) => error.into(),
            _ => failure,
        }
    }
}
