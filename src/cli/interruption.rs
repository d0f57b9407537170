//! The signals that end a scan early. The first one asks for the end, and a partial report is written; the second one
//! ends the process at once.

use super::exit::Code;
use super::failure::Failure;
use crate::clock::Clock;
use crate::scan::{Cut, Stop};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How often a signal is looked for.
const TICK: Duration = Duration::from_millis(10);

/// What the signals ask for. Signals belong to the process, and so does this; the first call begins to listen.
///
/// # Errors
/// When the system refuses.
pub(super) fn stop() -> Result<&'static Stop, Failure> {
    static STOP: OnceLock<Result<Stop, String>> = OnceLock::new();
    let listening = STOP.get_or_init(|| listen().map_err(|error| error.to_string()));
    listening.as_ref().map_err(|why| Failure::new(Code::Outside, format!("cannot listen for signals: {why}")))
}

/// Does what may hang, such as reading what others write, unless a signal ends it.
///
/// # Errors
/// When a signal came first, or no thread can be had.
pub(super) fn unless_stopped<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let stop = stop()?;
    let (done, awaited) = sync_channel(1);
    let thread = std::thread::Builder::new().spawn(move || {
        let _heard = done.send(work()).is_ok(); // nobody listens after a signal
    });
    let broken = |why: String| Failure::new(Code::Outside, format!("a thread failed: {why}"));
    let _detached = thread.map_err(|error| broken(error.to_string()))?;
    loop {
        match (awaited.recv_timeout(TICK), stop.asked().and_then(Code::of_cut)) {
            (Ok(done), _) => return Ok(done),
            (Err(RecvTimeoutError::Disconnected), _) => return Err(broken("it ended without an answer".to_owned())),
            (Err(RecvTimeoutError::Timeout), None) => {}
            (Err(RecvTimeoutError::Timeout), Some(code)) => {
                return Err(Failure::new(code, "stopped by a signal: nothing was scanned"));
            }
        }
    }
}

/// Ends the run when so much time has gone by since the program began.
///
/// # Errors
/// When no thread can be had.
pub(super) fn end_after(limit: Duration, clock: &dyn Clock) -> Result<(), Failure> {
    let stop = stop()?.clone();
    let left = limit.saturating_sub(Duration::from_millis(clock.monotonic()));
    let wait = move || {
        std::thread::sleep(left);
        stop.ask(Cut::OutOfTime);
    };
    let started = std::thread::Builder::new().name("time limit".to_owned()).spawn(wait);
    started.map(drop).map_err(|error| Failure::new(Code::Outside, format!("cannot start a thread: {error}")))
}

fn listen() -> std::io::Result<Stop> {
    let (stop, again) = (Stop::default(), Arc::new(AtomicBool::new(false)));
    let asked = [(SIGINT, Cut::Interrupted, Code::Interrupted), (SIGTERM, Cut::Terminated, Code::Terminated)];
    for (signal, cut, code) in asked {
        // In this order: the first signal finds the mark unset, and sets it for the second.
        flag::register_conditional_shutdown(signal, i32::from(code.number()), Arc::clone(&again))?;
        flag::register(signal, Arc::clone(&again))?;
        flag::register_usize(signal, stop.flag(), cut as usize)?;
    }
    Ok(stop)
}
