//! `stanch ignore`: writes an exception.

use super::discretion;
use super::exit::Code;
use super::failure::Failure;
use super::output::print;
use super::quantities::parse_date;
use crate::clock::Clock;
use crate::config::read_small;
use crate::model::FingerprintPrefix;
use crate::suppress::{FILE_NAME, IgnoreFile, NewEntry, Suppressions};
use crate::wiring::scanner::work_tree_above;
use clap::Args;
use jiff::civil::Date;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Arguments of `stanch ignore`.
#[derive(Debug, Args)]
pub struct IgnoreArguments {
    /// The fingerprint, or the beginning of it, as the report shows it
    pub fingerprint: String,
    /// Why it is no leak
    #[arg(long)]
    pub reason: String,
    /// The last day on which this holds, as YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub until: Date,
    /// Only for this kind
    #[arg(long, default_value = "*")]
    pub kind: String,
    /// Only below this path or glob
    #[arg(long, default_value = "*")]
    pub path: String,
}

impl IgnoreArguments {
    /// The fingerprint, checked.
    ///
    /// # Errors
    /// When the text is none.
    pub fn prefix(&self) -> Result<FingerprintPrefix, crate::model::NotAFingerprint> {
        self.fingerprint.parse()
    }
}

/// Runs the command.
///
/// # Errors
/// When the fingerprint is none, or the file is wrong already or cannot be written.
pub(super) fn run(arguments: &IgnoreArguments, clock: &dyn Clock) -> Result<Code, Failure> {
    let wrong = |what: String| Failure::new(Code::Usage, what);
    arguments.prefix().map_err(|error| Failure::of(Code::Usage, &error))?;
    if arguments.reason.trim().is_empty() {
        return Err(wrong("--reason is empty".to_owned()).hint("say in a few words why it is no leak"));
    }
    if Suppressions::new(IgnoreFile::default(), clock.now()).ended(arguments.until) {
        return Err(wrong(format!("--until {} has passed: the exception would excuse nothing", arguments.until))
            .hint("give a day to come, as YYYY-MM-DD"));
    }
    // The file is committed.
    let reason = discretion::without_tokens(&arguments.reason)?;
    let by = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let entry = NewEntry {
        print: &arguments.fingerprint,
        kind: &arguments.kind,
        path: &arguments.path,
        until: arguments.until,
        reason: &reason,
        by: by.as_deref().unwrap_or("unknown"),
    };
    let path = work_tree_above(Path::new(".")).unwrap_or_else(|| PathBuf::from(".")).join(FILE_NAME);
    let outside = |what: &str, error: &std::io::Error| {
        Failure::new(Code::Outside, format!("cannot {what} {}: {error}", path.display()))
    };
    let before = match read_small(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(outside("read", &error)),
    };
    let joint = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let line = format!("{joint}{entry}\n");
    IgnoreFile::parse(&entry.to_string(), FILE_NAME).map_err(|error| {
        wrong(format!("this would be no exception: {}", error.what())).hint("--kind and --path are names or globs")
    })?;
    // What is written must be readable, together with what is there.
    IgnoreFile::parse(&format!("{before}{line}"), FILE_NAME).map_err(|error| Failure::of(Code::Usage, &error))?;
    std::fs::File::options()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|error| outside("write", &error))?;
    print(|out| writeln!(out, "{}: {entry}", path.display()))?;
    Ok(Code::Clean)
}
