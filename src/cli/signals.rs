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

/// A flag that SIGINT and SIGTERM set; a second signal ends the process as usual.
pub(super) fn watch() -> Result<Arc<AtomicBool>, Failure> {
    let failed = |error| Failure::because(Code::Outside, "could not listen for signals", &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shared.store(true, Ordering::SeqCst);
    });
    Ok(flag)
}
