//! `stanch rules`.

pub(super) mod args;
mod docs;
mod list;
mod page;
mod scaffold;
mod test;

use super::args::KindsArguments;
use super::exit::Code;
use super::failure::Failure;
use super::output::print;
use crate::model::KindId;
use crate::rules::{BUDGET, Catalogue, Cost, Kind, builtin, check_anew, check_files};
use crate::wiring::kinds::{KindsError, gather, read};
use args::{Listing, RulesCommand};
use page::Page;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

/// Runs the command.
///
/// # Errors
/// When a kind is not known, or a file cannot be read or written, or is wrong.
pub(super) fn run(command: &RulesCommand) -> Result<Code, Failure> {
    match command {
        RulesCommand::List(arguments) => list::run(arguments),
        RulesCommand::Show { id, format, kinds } => show(id, *format, kinds),
        RulesCommand::Check { files } => check(files),
        RulesCommand::Test { files } => test::run(files),
        RulesCommand::New(arguments) => scaffold::run(arguments),
        RulesCommand::Docs(arguments) => docs::run(arguments),
    }
}

fn show(id: &str, format: Listing, kinds: &KindsArguments) -> Result<Code, Failure> {
    let catalogue = gather(&kinds.rules)?;
    let Some(kind) = catalogue.find(&KindId::new(id)) else {
        let failure = Failure::new(Code::Usage, format!("no kind is named '{id}'"));
        return Err(failure.hint("stanch rules list names them"));
    };
    let page = Page::of(kind);
    print(|out| match format {
        Listing::Text => out.write_all(page.text().as_bytes()),
        Listing::Json => writeln!(out, "{:#}", page.json()),
    })?;
    Ok(Code::Clean)
}

fn or_none(list: &[impl AsRef<str>]) -> String {
    let list: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

/// A file with every built-in kind of its provider is the next edition of the built-in file; any other may not take their
/// names, since `--rules` would refuse it.
fn known_beside(files: &[(PathBuf, String)]) -> Result<Catalogue, KindsError> {
    let wrong = |problems| KindsError::Wrong { problems };
    let own = check_anew(&builtin(), files).map_err(wrong)?;
    let ids: BTreeSet<&KindId> = own.kinds().iter().map(|kind| &kind.id).collect();
    let all = builtin();
    let taken = |kind: &Kind| {
        let siblings = all.kinds().iter().filter(|other| other.provider() == kind.provider());
        ids.contains(&kind.id) && !siblings.clone().all(|other| ids.contains(&other.id))
    };
    if all.kinds().iter().any(|kind| taken(kind)) {
        check_files(&all, files).map_err(wrong)?;
    }
    Ok(own)
}

fn check(paths: &[PathBuf]) -> Result<Code, Failure> {
    if paths.is_empty() {
        let catalogue = builtin();
        print(|out| costs(&catalogue, out))?;
        return Ok(Code::Clean);
    }
    let files = read(paths)?;
    let catalogue = known_beside(&files)?;
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
