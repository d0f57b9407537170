//! Logs: to standard error, in text or JSON. Events are built from types that hold no secret.

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines, one object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Debug, Default)]
pub struct Logging {
    /// Its form.
    pub format: LogFormat,
    /// How often `-v` was given.
    pub verbose: u8,
    /// Directives of `STANCH_LOG`, which say more than `-v`.
    pub directives: Option<String>,
}

/// Directives that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("STANCH_LOG='{directives}' cannot be read")]
pub struct LoggingError {
    directives: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging, once for the process; a second start changes nothing.
///
/// # Errors
/// When the directives cannot be read.
pub fn start(logging: &Logging) -> Result<(), LoggingError> {
    let level = match logging.verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let builder = EnvFilter::builder().with_default_directive(level.into());
    let directives = logging.directives.clone().unwrap_or_default();
    let filter = builder.parse(&directives).map_err(|source| LoggingError { directives, source })?;
    let subscriber = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // The only failure is that logging was started before.
    let _started = match logging.format {
        LogFormat::Text => {
            subscriber.with(lines.with_target(false).with_filter(filter_fn(discreet))).try_init().is_ok()
        }
        LogFormat::Json => {
            subscriber.with(lines.json().flatten_event(true).with_filter(filter_fn(discreet))).try_init().is_ok()
        }
    };
    Ok(())
}

/// True for what this program says of itself, and for what others say in few words: the traces of client libraries hold
/// whole requests, whoever asks for them.
fn discreet(event: &Metadata<'_>) -> bool {
    let own = event.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    own || *event.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    #[test]
    fn wrong_directives_are_named() {
        let logging = Logging { directives: Some("stanch=loud".to_owned()), ..Logging::default() };
        assert!(start(&logging).unwrap_err().to_string().contains("stanch=loud"));
    }

    #[test]
    fn the_traces_of_others_are_never_written() {
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let kept = Arc::clone(&seen);
        let note = filter_fn(move |event| {
            kept.lock().unwrap().insert((event.target().to_owned(), *event.level()), discreet(event));
            false
        });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(note), || {
            tracing::trace!(target: "stanch::told", "our own");
            tracing::info!(target: "aws::told", "few words");
            tracing::debug!(target: "aws::told", "a whole request");
            tracing::trace!(target: "stanchion", "no relation");
        });
        // Other tests make themselves heard at the same time.
        let seen = seen.lock().unwrap();
        let written = |target: &str, level| seen[&(target.to_owned(), level)];
        assert!(written("stanch::told", Level::TRACE) && written("aws::told", Level::INFO));
        assert!(!written("aws::told", Level::DEBUG) && !written("stanchion", Level::TRACE));
    }
}
