//! Logs: to standard error, in text or JSON. Events are built from types that hold no secret.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

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
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // The only failure is that logging was started before.
    let _started = match logging.format {
        LogFormat::Text => subscriber.with_target(false).try_init().is_ok(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init().is_ok(),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_directives_are_named() {
        let logging = Logging { directives: Some("stanch=loud".to_owned()), ..Logging::default() };
        assert!(start(&logging).unwrap_err().to_string().contains("stanch=loud"));
    }
}
