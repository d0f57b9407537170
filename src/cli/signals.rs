//! The runtime of the commands that act, and the signals that stop them after their current record.

use super::exit::Code;
use super::failure::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// A runtime for one command.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::because(Code::Outside, "could not start the runtime", &error))
}

/// What a signal asked for.
#[derive(Debug, Default)]
pub(super) struct Stopping {
    /// Stop after the current record.
    pub(super) asked: AtomicBool,
    terminated: AtomicBool,
}

impl Stopping {
    /// The code of a run that a signal stopped.
    pub(super) fn code(&self) -> Code {
        if self.terminated.load(Ordering::SeqCst) { Code::Terminated } else { Code::Interrupted }
    }
}

/// Watches for SIGINT and SIGTERM. The first stops the work after its current record; the second ends the process at
/// once, which loses nothing: the journal knows what was begun.
pub(super) fn watch() -> Result<Arc<Stopping>, Failure> {
    let failed = |error| Failure::because(Code::Outside, "could not listen for signals", &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let stopping = Arc::new(Stopping::default());
    let shared = Arc::clone(&stopping);
    tokio::spawn(async move {
        for asked_before in [false, true] {
            let terminated = tokio::select! {
                _ = interrupt.recv() => false,
                _ = terminate.recv() => true,
            };
            shared.terminated.store(terminated, Ordering::SeqCst);
            shared.asked.store(true, Ordering::SeqCst);
            if asked_before {
                #[expect(clippy::exit, reason = "a person insists")]
                std::process::exit(i32::from(shared.code().number()));
            }
        }
    });
    Ok(stopping)
}
