//! `--verify`: whether what was found works. What will be asked is said before anything leaves.

use super::exit::Code;
use super::failure::Failure;
use super::{interruption, signals};
use crate::report::counted;
use crate::rules::Catalogue;
use crate::scan::{Gap, Outcome, Stop};
use crate::triage::asking::{Answer, Asking, Forecast, Planned};
use crate::wiring::asking::{AskingError, Wanted, asking};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// How often a signal is looked for.
const TICK: Duration = Duration::from_millis(20);

/// Whether providers are asked, and where.
#[derive(Clone, Debug, Default, Args)]
pub struct VerifyArguments {
    /// Ask the providers whether what was found works, each secret once and at its kind's own hosts alone; with =preview only say what would be asked
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "ask")]
    pub verify: Option<Verify>,
    /// Ask without waiting for a yes at the terminal
    #[arg(long, requires = "verify")]
    pub yes: bool,
    /// The most requests to one address [default: 200]
    #[arg(long, value_name = "N", requires = "verify")]
    pub verify_budget: Option<u64>,
    /// Where a provider is that runs at an address of yours, such as gitlab=https://gitlab.example.com (repeatable)
    #[arg(long, value_name = "PROVIDER=URL", requires = "verify", value_parser = pair)]
    pub verify_base: Vec<(String, String)>,
    /// Where a host of a kind is instead: another region, or a stand-in (repeatable)
    #[arg(long, value_name = "HOST=URL", requires = "verify", value_parser = pair)]
    pub verify_host: Vec<(String, String)>,
    /// The operator's file, for addresses and honeytokens [default: $STANCH_CONFIG, then ~/.config/stanch/config.yaml, then /etc/stanch/stanch.yaml]
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub config: Option<PathBuf>,
}

/// What `--verify` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// Say what will be asked, and ask.
    Ask,
    /// Say what would be asked, and send nothing.
    Preview,
}

/// Requests to one address where nothing else is said.
const BUDGET: u64 = 200;

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() && !url.is_empty() => Ok((name.to_owned(), url.to_owned())),
        _ => Err("write it as NAME=URL".to_owned()),
    }
}

impl VerifyArguments {
    /// Whether anything is to be asked or foreseen.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.verify.is_some()
    }
}

/// Says what will be asked, asks, and adds what came of it to the outcome.
///
/// # Errors
/// When the operator's file or an address cannot be used.
pub(super) fn verify(
    outcome: &mut Outcome,
    kinds: &Catalogue,
    given: &VerifyArguments,
    recall: bool,
) -> Result<(), Failure> {
    let findings = std::mem::take(&mut outcome.findings);
    let Some(what) = given.verify else { return Ok(()) };
    let wanted = Wanted {
        config: given.config.clone(),
        bases: given.verify_base.clone(),
        hosts: given.verify_host.clone(),
        budget: given.verify_budget.unwrap_or(BUDGET),
        recall,
    };
    let runtime = signals::runtime()?;
    let asking = runtime.block_on(asking(findings, kinds, &wanted)).map_err(Failure::from)?;
    tell(&foreseen(asking.forecast(), what));
    if what == Verify::Preview || outcome.cut.is_some() || !agreed(asking.forecast(), given)? {
        return Ok(());
    }
    let stop = interruption::stop()?;
    if !asking.forecast().addresses.is_empty() {
        runtime.block_on(until_stopped(&asking, stop));
    }
    add(outcome, &asking, stop);
    Ok(())
}

/// Asks until it is done, or a signal or the end of the time comes.
async fn until_stopped(asking: &Asking, stop: &Stop) {
    let stopped = async {
        while stop.asked().is_none() {
            tokio::time::sleep(TICK).await;
        }
    };
    tokio::select! {
        () = asking.ask() => {}
        () = stopped => {}
    }
}

fn add(outcome: &mut Outcome, asking: &Asking, stop: &Stop) {
    let mut answers: BTreeMap<_, _> = asking.answers().into_iter().collect();
    for sighting in &mut outcome.sightings {
        let words = match answers.remove(&sighting.fingerprint) {
            Some(Answer::Said(verdict, words)) => {
                sighting.verdict = Some(verdict);
                words
            }
            Some(Answer::Unasked(why)) => why,
            None => continue,
        };
        outcome.answers.insert(sighting.fingerprint.clone(), words);
    }
    if let Some(cut) = stop.asked() {
        outcome.cut = Some(cut);
        outcome.coverage.miss(Gap { what: cut.words().to_owned(), remedy: Some(cut.remedy().to_owned()) });
    }
}

/// What a person at a terminal says to it; without one it goes on.
fn agreed(forecast: &Forecast, given: &VerifyArguments) -> Result<bool, Failure> {
    if forecast.addresses.is_empty() || given.yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    tell("ask them? [y/N] ");
    let mut word = String::new();
    let read = io::stdin().lock().read_line(&mut word);
    read.map_err(|error| Failure::because(Code::Outside, "could not read your answer", &error))?;
    let agreed = matches!(word.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !agreed {
        tell("stanch: nobody is asked\n");
    }
    Ok(agreed)
}

/// What will be asked and what will not, for people.
fn foreseen(forecast: &Forecast, what: Verify) -> String {
    let asks = if what == Verify::Preview { "would ask" } else { "asks" };
    let mut text = match forecast.addresses.len() as u64 {
        0 => format!("stanch: --verify {asks} nobody\n"),
        places => format!(
            "stanch: --verify {asks} at {}\n",
            if places == 1 { "1 address".to_owned() } else { format!("{places} addresses") }
        ),
    };
    for (address, planned) in &forecast.addresses {
        // Writing to a string does not fail.
        let _written = writeln!(text, "  {address}: {}", at(planned)).is_ok();
    }
    if forecast.known > 0 {
        let _written =
            writeln!(text, "  {} known from an earlier run (--no-cache asks again)", counted(forecast.known, "secret"))
                .is_ok();
    }
    for ((kind, why), count) in &forecast.unasked {
        let _written = writeln!(text, "  not asked about {count} of {kind}: {why}").is_ok();
    }
    text
}

fn at(planned: &Planned) -> String {
    let mut parts: Vec<String> = planned.kinds.iter().map(|(kind, count)| format!("{count} of {kind}")).collect();
    if planned.controls > 0 {
        parts.push(format!("{} with a made-up token", planned.controls));
    }
    let mut words = counted(planned.requests, "request");
    if !parts.is_empty() {
        words = format!("{words}, {}", parts.join(", "));
    }
    if planned.perhaps > 0 {
        words = format!("{words}, and at most {} that belong nowhere before", counted(planned.perhaps, "secret"));
    }
    words
}

/// Says it to whoever looks on. Where nobody does, it is said all the same.
fn tell(text: &str) {
    let mut out = io::stderr().lock();
    let _told = out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok();
}

impl From<AskingError> for Failure {
    fn from(error: AskingError) -> Self {
        match error {
            AskingError::Operator(error) => error.into(),
            error @ (AskingError::Egress(_) | AskingError::Aws(_) | AskingError::Key(_)) => {
                Self::of(Code::Outside, &error).hint("nobody was asked")
            }
            error => Self::of(Code::Usage, &error).hint("nobody was asked"),
        }
    }
}
