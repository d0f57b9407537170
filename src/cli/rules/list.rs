//! `stanch rules list`: the kinds, and what is known of how many.

use super::super::exit::Code;
use super::super::failure::Failure;
use super::super::output::print;
use super::args::{ListArguments, Listing};
use super::counted;
use crate::rules::{COUNTED, Kind, Means, Tally, Told};
use crate::wiring::kinds::gather;
use serde_json::{Value, json};
use std::io::{self, Write};

pub(super) fn run(arguments: &ListArguments) -> Result<Code, Failure> {
    let catalogue = gather(&arguments.kinds.rules)?;
    let kinds: Vec<&Kind> = catalogue.kinds().iter().map(AsRef::as_ref).collect();
    let chosen: Vec<&Kind> = kinds.iter().copied().filter(|kind| is_chosen(kind, arguments)).collect();
    if let Some(provider) = arguments.provider.as_deref()
        && !kinds.iter().any(|kind| kind.provider() == provider)
    {
        let failure = Failure::new(Code::Usage, format!("no kind is of the provider '{provider}'"));
        return Err(failure.hint("it is the first part of a kind's name, as stanch rules list shows it"));
    }
    let tally = Tally::of(chosen.iter().copied());
    match arguments.format {
        Listing::Text => print(|out| text(&chosen, &tally, out))?,
        Listing::Json => {
            let list: Vec<Value> = chosen.iter().map(|kind| row(kind)).collect();
            let all = json!({ "schema": "stanch.kinds/1", "counts": counts(&tally), "kinds": list });
            print(|out| writeln!(out, "{all:#}"))?;
        }
    }
    Ok(Code::Clean)
}

fn is_chosen(kind: &Kind, arguments: &ListArguments) -> bool {
    let provider = arguments.provider.as_deref().is_none_or(|provider| kind.provider() == provider);
    provider && arguments.verb.iter().all(|verb| kind.means_of(verb.word()).is_some())
}

fn text(kinds: &[&Kind], tally: &Tally, out: &mut dyn Write) -> io::Result<()> {
    let width = kinds.iter().map(|kind| kind.id.as_str().len()).max().unwrap_or(0);
    for kind in kinds {
        let severity = kind.severity.to_string();
        writeln!(out, "{:<width$}  {severity:<8}  {}", kind.id.as_str(), kind.title)?;
    }
    writeln!(out, "\n{}", sums(tally).join("\n"))
}

/// The counts, one a line.
pub(super) fn sums(tally: &Tally) -> Vec<String> {
    let own = tally.kinds - tally.nearby;
    let mut lines = vec![
        format!("{} of {}", counted(tally.kinds, "kind"), counted(tally.providers, "provider")),
        format!("{own:>5} told by their own text, {} more only by a name nearby", tally.nearby),
    ];
    for (act, words) in
        COUNTED.into_iter().zip(["asked whether they work", "renewed", "ended", "looked up for their use"])
    {
        let by = |means| tally.by(act, means);
        let program = by(Means::Call) + by(Means::Driver);
        lines.push(format!(
            "{:>5} can be {words} ({act}): {program} by the program, {} by a person, step by step",
            tally.all(act),
            by(Means::Hand)
        ));
    }
    lines
}

fn counts(tally: &Tally) -> Value {
    let acts: serde_json::Map<String, Value> = COUNTED
        .into_iter()
        .map(|act| {
            let by = |means| tally.by(act, means);
            let sums = json!({
                "all": tally.all(act), "call": by(Means::Call), "driver": by(Means::Driver), "hand": by(Means::Hand),
            });
            (act.to_owned(), sums)
        })
        .collect();
    json!({
        "kinds": tally.kinds, "providers": tally.providers, "own": tally.kinds - tally.nearby,
        "nearby": tally.nearby, "acts": acts,
    })
}

/// A kind as one object, without what takes a page.
pub(super) fn row(kind: &Kind) -> Value {
    let by = |act: &str| kind.means_of(act).map(Means::word);
    json!({
        "id": kind.id.as_str(), "title": kind.title, "provider": kind.provider(),
        "severity": kind.severity.to_string(), "confidence": super::page::confidence(kind).0,
        "told_by": if kind.detect.mark() == Told::Own { "own" } else { "nearby" },
        "verify": by("verify"), "mint": by("mint"), "revoke": by("revoke"), "usage": by("usage"),
    })
}
