//! `stanch hook doctor`.

use super::super::exit::Code;
use super::super::failure::Failure;
use super::super::output::print;
use super::status;
use crate::clock::Clock;
use crate::hooks::Trial;
use crate::wiring::scanner::Whereabouts;

/// Tries the installed hooks; 0 if they stop a token and let the rest pass, else 4.
///
/// # Errors
/// When there is no repository, or no scratch directory can be made.
pub(super) fn run(clock: &dyn Clock) -> Result<Code, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let place = status::place_of(&repository)?;
    let standings = status::look(&repository, status::expected(&place))?;
    let checks = Trial { place: &place, standings: &standings, milliseconds: &|| clock.monotonic() }.run()?;
    print(|out| {
        for check in &checks {
            let time = check.milliseconds.map(|time| format!(" ({time} ms)")).unwrap_or_default();
            let word = if check.failure.is_none() { "ok    " } else { "FAILED" };
            writeln!(out, "{word}  {}{time}", check.name)?;
            if let Some(failure) = &check.failure {
                writeln!(out, "        {}", failure.what)?;
                writeln!(out, "        {}", failure.remedy)?;
            }
        }
        Ok(())
    })?;
    Ok(if checks.iter().all(|check| check.failure.is_none()) { Code::Clean } else { Code::Outside })
}
