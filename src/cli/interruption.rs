//! The signals that end a scan early. The first one asks for the end, and a partial report is written; the second one
//! ends the process at once.

use super::exit::Code;
use super::failure::Failure;
use crate::scan::{Cut, Stop};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// What the signals ask for. Signals belong to the process, and so does this; the first call begins to listen.
///
/// # Errors
/// When the system refuses.
pub(super) fn stop() -> Result<&'static Stop, Failure> {
    static STOP: OnceLock<Result<Stop, String>> = OnceLock::new();
    let listening = STOP.get_or_init(|| listen().map_err(|error| error.to_string()));
    listening.as_ref().map_err(|why| Failure::new(Code::Outside, format!("cannot listen for signals: {why}")))
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
