//! `stanch rules`.

use super::args::{ListArguments, RulesCommand};
use super::exit::Code;
use super::failure::Failure;
use super::output::print;
use crate::model::{Confidence, KindId};
use crate::rules::exchange::{Act, Exchanges};
use crate::rules::{BUDGET, Catalogue, Cost, Kind, Mark, Source, builtin, check_files};
use crate::wiring::kinds::{KindsError, gather, read};
use std::cmp::Reverse;
use std::io::{self, Write};
use std::path::PathBuf;

/// Runs the command.
///
/// # Errors
/// When a kind is not known, or a file cannot be read or is wrong.
pub(super) fn run(command: &RulesCommand) -> Result<Code, Failure> {
    match command {
        RulesCommand::List(arguments) => list(arguments),
        RulesCommand::Show { id, kinds } => show(id, &kinds.rules),
        RulesCommand::Check { files } => check(files),
    }
}

fn list(arguments: &ListArguments) -> Result<Code, Failure> {
    let catalogue = gather(&arguments.kinds.rules)?;
    let width = catalogue.kinds().iter().map(|kind| kind.id.as_str().len()).max().unwrap_or(0);
    print(|out| {
        catalogue.kinds().iter().try_for_each(|kind| {
            let severity = kind.severity.to_string();
            writeln!(out, "{:<width$}  {severity:<8}  {}", kind.id.as_str(), kind.title)
        })
    })?;
    Ok(Code::Clean)
}

fn show(id: &str, rules: &[PathBuf]) -> Result<Code, Failure> {
    let catalogue = gather(rules)?;
    let Some(kind) = catalogue.find(&KindId::new(id)) else {
        return Err(Failure::new(Code::Usage, format!("no kind is named '{id}'")).hint("stanch rules list names them"));
    };
    print(|out| describe(kind, out))?;
    Ok(Code::Clean)
}

fn describe(kind: &Kind, out: &mut dyn Write) -> io::Result<()> {
    let confidence = match kind.confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    };
    writeln!(out, "{}\n{} ({})\n", kind.id, kind.title, kind.provider_title())?;
    writeln!(out, "severity    {}", kind.severity)?;
    writeln!(out, "confidence  {confidence}")?;
    writeln!(out, "literals    {}", or_none(kind.detect.literals()))?;
    writeln!(out, "pattern     {}", kind.detect.pattern())?;
    writeln!(out, "sent to     {}", or_none(kind.hosts()))?;
    if let Some(driver) = kind.driver() {
        writeln!(out, "driver      {driver}")?;
    }
    for Source { page, mark, note } in kind.sources() {
        let known = match mark {
            Mark::D => "documented",
            Mark::M => "measured",
            Mark::P => "seen in practice",
            Mark::U => "unconfirmed",
        };
        match note {
            Some(note) => writeln!(out, "source      {page} ({known}: {note})")?,
            None => writeln!(out, "source      {page} ({known})")?,
        }
    }
    acts(kind.exchanges(), out)
}

fn or_none(list: &[impl AsRef<str>]) -> String {
    let list: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

/// What is done without a person, once the configuration gives what it needs, and what a person does.
fn acts(exchanges: &Exchanges, out: &mut dyn Write) -> io::Result<()> {
    let spoken = Act::ALL.into_iter().filter(|act| !exchanges.ways(*act).is_empty());
    let spoken: Vec<_> = spoken.map(Act::word).collect();
    if !spoken.is_empty() {
        writeln!(out, "asked for   {}", spoken.join(", "))?;
    }
    for act in Act::ALL {
        let Some(how) = exchanges.by_hand(act) else { continue };
        writeln!(out, "\n{act} by hand, as {} says:", how.page)?;
        for (at, step) in how.steps.iter().enumerate() {
            writeln!(out, "  {}. {step}", at + 1)?;
        }
    }
    Ok(())
}

fn check(paths: &[PathBuf]) -> Result<Code, Failure> {
    if paths.is_empty() {
        let catalogue = builtin();
        print(|out| costs(&catalogue, out))?;
        return Ok(Code::Clean);
    }
    let files = read(paths)?;
    let catalogue =
        check_files(&Catalogue::default(), &files).map_err(|problems| Failure::from(KindsError::Wrong { problems }))?;
    print(|out| {
        costs(&catalogue, out)?;
        let (kinds, files) = (catalogue.kinds().len(), files.len());
        writeln!(out, "{} in {}: nothing is wrong", counted(kinds, "kind"), counted(files, "file"))
    })?;
    Ok(Code::Clean)
}

/// What is promised of every match, and what each kind costs, the costliest first.
fn costs(catalogue: &Catalogue, out: &mut dyn Write) -> io::Result<()> {
    let mut kinds: Vec<(Cost, &Kind)> = catalogue.kinds().iter().map(|kind| (kind.detect.cost(), &**kind)).collect();
    kinds.sort_by_key(|(cost, _)| Reverse((cost.searched, cost.literals)));
    let width = kinds.iter().map(|(_, kind)| kind.id.as_str().len()).max().unwrap_or(0).max(4);
    writeln!(out, "{:<width$}  searched  literals    run  longest", "kind")?;
    for (Cost { literals, searched }, kind) in &kinds {
        let facts = kind.detect.facts();
        let run = facts.run.as_ref().map_or("-".to_owned(), |run| run.least.to_string());
        let why = kind.detect.costly().map(|reason| format!("  costly: {reason}")).unwrap_or_default();
        writeln!(
            out,
            "{:<width$}  {searched:>8}  {literals:>8}  {run:>5}  {:>7}{why}",
            kind.id.as_str(),
            facts.longest
        )?;
    }
    let all = kinds.iter().fold(Cost { literals: 0, searched: 0 }, |all, (cost, _)| Cost {
        literals: all.literals.saturating_add(cost.literals),
        searched: all.searched.saturating_add(cost.searched),
    });
    let costly = kinds.iter().filter(|(_, kind)| kind.detect.costly().is_some()).count();
    writeln!(out, "\nin a megabyte of ordinary text: {all}")?;
    writeln!(out, "a kind's budget: {BUDGET}; {} with a reason to cost more", counted(costly, "kind"))?;
    writeln!(out, "digest of these rules and of the code that finds: {}", catalogue.digest())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
