//! Logs: to standard error, in text or JSON. Events are built from types that hold no secret; what libraries say is not,
//! so every line is searched for the secrets that this process works with before it is written.

mod lines;
mod redaction;

pub use redaction::{hush, redacted};

use std::io::{self, Write};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
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
    // The only failure is that logging was started before.
    let _started = match logging.format {
        LogFormat::Text => subscriber.with(text(|| Discreet(io::stderr()))).try_init().is_ok(),
        LogFormat::Json => subscriber.with(json(|| Discreet(io::stderr()))).try_init().is_ok(),
    };
    Ok(())
}

fn text<S, W>(to: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(to).with_ansi(false);
    lines.with_target(false).with_filter(filter_fn(discreet))
}

fn json<S, W>(to: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(to).with_ansi(false);
    lines.fmt_fields(JsonFields::new()).event_format(lines::JsonLines).with_filter(filter_fn(discreet))
}

/// A writer of whole lines, each without the secrets in it. An event comes in one piece.
struct Discreet<W>(W);

impl<W: Write> Write for Discreet<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&redaction::redacted_bytes(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
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

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a form of log writes of `say`, at every level.
    fn written(form: LogFormat, say: impl FnOnce()) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        let to = move || Discreet(to.clone());
        match form {
            LogFormat::Text => tracing::subscriber::with_default(tracing_subscriber::registry().with(text(to)), say),
            LogFormat::Json => tracing::subscriber::with_default(tracing_subscriber::registry().with(json(to)), say),
        }
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_canary_reaches_no_log_whoever_says_it_and_however() {
        let canary = format!("canary \"{}\" \\of/+ 100% é", "signs-and-letters");
        hush(&crate::model::Secret::new(canary.clone().into_bytes()));
        let base64 = data_encoding::BASE64.encode(format!("kim:{canary}").as_bytes());
        let percent: String = canary.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let json = serde_json::to_string(&canary).unwrap();
        for form in [LogFormat::Text, LogFormat::Json] {
            let text = written(form, || {
                let span = tracing::info_span!("rotation", case = "C-0001", token = canary);
                let _inside = span.enter();
                tracing::error!(%canary, "said {canary}");
                tracing::warn!(?canary, "Basic {base64}");
                tracing::info!(target: "reqwest", url = format!("https://h/?t={percent}"), "sent {json}");
                tracing::info!(target: "reqwest::connect", header = ?canary.as_bytes(), "sent");
                tracing::debug!(deep = ?Some(&json), "{percent}");
                tracing::trace!(canary, "quoted {:?}", format!("{canary:?}"));
            });
            assert_eq!(text.lines().count(), 6, "{text}");
            assert!(text.lines().all(|line| line.contains("[redacted]") && line.contains("C-0001")), "{text}");
            for part in ["canary \"", "signs-and", "c2lnbnMt", "%73%69%67%6E%73", "99, 97, 110"] {
                assert!(!text.contains(part), "{part} is in {text}");
            }
        }
    }

    #[test]
    fn a_line_of_json_says_when_how_bad_what_and_about_which_case() {
        let text = written(LogFormat::Json, || {
            let case = tracing::info_span!("case", case = "C-0001", stage = "Minting");
            let _inside = case.enter();
            let deeper = tracing::info_span!("step", stage = "Proving", ts = "never");
            let _deeper = deeper.enter();
            tracing::warn!(target: "stanch::runner", tried = 3, level = "forged", "not \"yet\"\n");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        let all = ["case", "level", "msg", "stage", "target", "tried", "ts"];
        assert_eq!(line.as_object().unwrap().keys().collect::<Vec<_>>(), all);
        assert_eq!((&line["level"], &line["msg"]), (&"warn".into(), &"not \"yet\"\n".into()));
        assert_eq!((&line["case"], &line["stage"]), (&"C-0001".into(), &"Proving".into()));
        assert!(line["ts"].as_str().unwrap().ends_with('Z') && line["tried"] == 3, "{text}");
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
