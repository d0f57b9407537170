//! The page of a kind: what it is, what it looks like, what it opens, and what to do when it leaks.

use super::list::row;
use super::or_none;
use crate::model::{Confidence, Severity};
use crate::rules::exchange::Act;
use crate::rules::{Kind, Mark, Means, Source, Told};
use serde_json::{Value, json};

/// A page before it has a form.
pub(super) struct Page<'k> {
    kind: &'k Kind,
    /// What whoever holds it can do, and whether that is derived from the severity.
    opens: (String, bool),
    /// What to do when it leaks: a line, and the clicks that belong to it.
    leaked: Vec<(String, Vec<String>)>,
}

/// Severity in words.
fn severity(kind: &Kind) -> &'static str {
    match kind.severity {
        Severity::Critical => "whoever holds it acts as its owner, with wide rights: replace it now",
        Severity::High => "whoever holds it can do real harm within its rights: replace it today",
        Severity::Medium => "it does limited harm, or needs something else to be of use: replace it soon",
        Severity::Low => "it does little by itself: replace it when there is time",
    }
}

/// Confidence as a word, and in words.
pub(super) fn confidence(kind: &Kind) -> (&'static str, &'static str) {
    match kind.confidence {
        Confidence::High => ("high", "what looks like this is nearly always one"),
        Confidence::Medium => ("medium", "what looks like this is mostly one"),
        Confidence::Low => ("low", "other things look like this too: look at the place"),
    }
}

/// What whoever holds it can do, as far as its severity says: said as that.
fn derived(kind: &Kind) -> String {
    let by_severity = match kind.severity {
        Severity::Critical => "wide rights in the account that it belongs to, or the data of many",
        Severity::High => "what its owner may do, within the rights that it was given",
        Severity::Medium => "limited rights, or a part of what is needed to sign in",
        Severity::Low => "little: it is made for tests, is partly public, or has next to no rights",
    };
    let (severity, provider) = (kind.severity, kind.provider_title());
    format!("Not written down for this kind. By its severity ({severity}) it opens {by_severity}, at {provider}.")
}

impl<'k> Page<'k> {
    pub(super) fn of(kind: &'k Kind) -> Self {
        let opens = match kind.opens() {
            Some(opens) => format!("{} ({}: {})", opens.says, known(opens.mark).1, opens.page),
            None => derived(kind),
        };
        let opens = (opens, kind.opens().is_none());
        Self { kind, opens, leaked: leaked(kind) }
    }

    /// What it looks like, a line each.
    fn looks(&self) -> Vec<String> {
        let detect = &self.kind.detect;
        let mut lines = Vec::new();
        lines.extend(detect.in_words());
        if detect.mark() == Told::Nearby {
            let names = or_none(detect.literals());
            lines.push(format!(
                "found only near a name ({names}): without it, it looks like any other text of its form"
            ));
        }
        lines.push(confidence(self.kind).1.to_owned());
        lines
    }

    pub(super) fn text(&self) -> String {
        let kind = self.kind;
        let mut lines = vec![kind.id.to_string(), format!("{} ({})", kind.title, kind.provider_title()), String::new()];
        let mut row = |name: &str, value: &str| lines.push(format!("{name:<11} {value}"));
        row("severity", &format!("{}: {}", kind.severity, severity(kind)));
        row("confidence", &format!("{}: {}", confidence(kind).0, confidence(kind).1));
        row("looks like", &kind.detect.in_words().unwrap_or_else(|| "see the pattern".to_owned()));
        if kind.detect.mark() == Told::Nearby {
            row("", "found only near one of the literals: by itself it looks like any other text of its form");
        }
        row("literals", &or_none(kind.detect.literals()));
        row("pattern", kind.detect.pattern());
        let asked: Vec<_> = Act::ALL.into_iter().filter(|act| kind.means(*act) == Some(Means::Call)).collect();
        let own = kind.hosts().is_empty() && !asked.is_empty();
        row(
            "sent to",
            &if own { "an address that you give, and nowhere else".to_owned() } else { or_none(kind.hosts()) },
        );
        if let Some(driver) = kind.driver() {
            row("driver", driver);
        }
        if !asked.is_empty() {
            row("asked for", &asked.iter().map(|act| act.word()).collect::<Vec<_>>().join(", "));
        }
        lines.extend(
            ["", "What it opens", &format!("  {}", self.opens.0), "", "What to do when it leaks"].map(str::to_owned),
        );
        for (at, (line, clicks)) in self.leaked.iter().enumerate() {
            lines.push(format!("  {}. {line}", at + 1));
            lines.extend(clicks.iter().map(|click| format!("     - {click}")));
        }
        lines.extend([String::new(), "Sources".to_owned()]);
        lines.extend(kind.sources().iter().map(|source| format!("  {}", told(source))));
        lines.join("\n") + "\n"
    }

    pub(super) fn json(&self) -> Value {
        let kind = self.kind;
        let mut page = row(kind);
        let more = json!({
            "schema": "stanch.kind/1", "provider_title": kind.provider_title(), "severity_means": severity(kind),
            "confidence_means": confidence(kind).1,
            "looks": {
                "words": kind.detect.in_words(), "prefix": kind.detect.prefix(), "literals": kind.detect.literals(),
                "pattern": kind.detect.pattern(), "longest": kind.detect.facts().longest,
            },
            "opens": self.opens.0, "opens_is_derived": self.opens.1,
            "leaked": self.leaked.iter().map(|(line, clicks)| json!({ "do": line, "steps": clicks })).collect::<Vec<_>>(),
            "hosts": kind.hosts(), "driver": kind.driver(),
            "sources": kind.sources().iter().map(|source| json!({
                "page": source.page, "mark": known(source.mark).0, "known": known(source.mark).1, "note": source.note,
            })).collect::<Vec<_>>(),
        });
        if let (Value::Object(page), Value::Object(more)) = (&mut page, more) {
            page.extend(more);
        }
        page
    }

    /// A section of the provider's page.
    pub(super) fn markdown(&self) -> String {
        let kind = self.kind;
        let mut lines = vec![format!(
            "## {}\n\n`{}`, severity {}: {}.\n",
            plain(&kind.title),
            kind.id,
            kind.severity,
            severity(kind)
        )];
        lines.push("**What it looks like**\n".to_owned());
        lines.extend(self.looks().iter().map(|line| format!("- {line}")));
        lines.push(format!("\n**What it opens**\n\n{}\n", plain(&self.opens.0)));
        lines.push("**What to do when it leaks**\n".to_owned());
        for (at, (line, clicks)) in self.leaked.iter().enumerate() {
            lines.push(format!("{}. {}", at + 1, plain(line)));
            lines.extend(clicks.iter().map(|click| format!("   - {}", plain(click))));
        }
        lines.push("\n**Sources**\n".to_owned());
        lines.extend(kind.sources().iter().map(|source| format!("- {}", plain(&told(source)))));
        lines.join("\n") + "\n"
    }
}

/// Text of a rule file in Markdown: nothing in it is markup, but what stands in backticks.
pub(super) fn plain(text: &str) -> String {
    text.replace('<', "&lt;").replace('|', "\\|").replace('*', "\\*")
}

fn known(mark: Mark) -> (&'static str, &'static str) {
    match mark {
        Mark::D => ("D", "documented"),
        Mark::M => ("M", "measured"),
        Mark::P => ("P", "seen in practice"),
        Mark::U => ("U", "unconfirmed"),
    }
}

fn told(source: &Source) -> String {
    let known = known(source.mark).1;
    match &source.note {
        Some(note) => format!("{} ({known}: {note})", source.page),
        None => format!("{} ({known})", source.page),
    }
}

/// What to do, in order: as the conversations say, and honest where they say nothing.
fn leaked(kind: &Kind) -> Vec<(String, Vec<String>)> {
    let provider = kind.provider_title();
    let page = kind.sources().first().map_or("its provider's pages", |source| source.page.as_str());
    let clicks = |act: Act| kind.exchanges().by_hand(act).map(|how| how.steps.clone()).unwrap_or_default();
    let as_said = |act: Act| kind.exchanges().by_hand(act).map_or(page, |how| how.page.as_str());
    let mut list: Vec<(String, Vec<String>)> = kind.advice().iter().map(|line| (line.clone(), Vec::new())).collect();
    let mut add = |line: String, clicks: Vec<String>| list.push((line, clicks));
    match kind.means(Act::Verify) {
        Some(Means::Call) if !kind.hosts().is_empty() => {
            let line =
                format!("Whether it still works can be asked of {}, which changes nothing.", kind.hosts().join(", "));
            add(line, Vec::new());
        }
        Some(_) => add("Whether it still works can be asked, which changes nothing.".to_owned(), Vec::new()),
        None => add("Take it for live: no call is known that asks whether it works.".to_owned(), Vec::new()),
    }
    match (kind.means_of_renewal(), kind.means(Act::Replace), kind.driver()) {
        (Some(Means::Call), Some(Means::Call), _) if kind.means(Act::Mint) != Some(Means::Call) => {
            add("Renew it: the new one takes its place and ends it at once, so be ready to hand the new one out (`stanch rotate`).".to_owned(), Vec::new());
        }
        (Some(Means::Call), ..) => {
            let line =
                "Make a new one beside it: by the program, with a credential of yours that may (`stanch rotate`)";
            match kind.exchanges().by_hand(Act::Mint) {
                Some(_) => add(format!("{line}; or by hand, as {} says:", as_said(Act::Mint)), clicks(Act::Mint)),
                None => add(format!("{line}."), Vec::new()),
            }
        }
        (Some(Means::Driver), _, Some(driver)) => add(
            format!("Make a new one: by the program, which speaks to {driver} itself (`stanch rotate`)."),
            Vec::new(),
        ),
        (Some(_), ..) => {
            let act = if kind.exchanges().by_hand(Act::Mint).is_some() { Act::Mint } else { Act::Replace };
            let warned = if act == Act::Replace { " (it ends the old one at once)" } else { "" };
            add(format!("Make a new one by hand{warned}, as {} says:", as_said(act)), clicks(act));
        }
        (None, ..) => add(
            format!("Make a new one where {provider} makes them; the steps are not written down here. Begin at {page}"),
            Vec::new(),
        ),
    }
    add("Put the new one where the old one is used, and see that it works there.".to_owned(), Vec::new());
    match kind.means(Act::Revoke) {
        Some(Means::Call) => {
            add("End the old one: by the program (`stanch rotate` does it last, and proves it).".to_owned(), Vec::new())
        }
        Some(Means::Driver) => {
            add("End the old one: by the program (`stanch rotate` does it last, and proves it).".to_owned(), Vec::new())
        }
        Some(Means::Hand) => {
            add(format!("End the old one by hand, as {} says:", as_said(Act::Revoke)), clicks(Act::Revoke))
        }
        None if kind.means(Act::Replace).is_some() => {
            add("The old one ended when it was renewed.".to_owned(), Vec::new())
        }
        None => add(
            format!("End the old one where {provider} lists them; the steps are not written down here."),
            Vec::new(),
        ),
    }
    match kind.means(Act::Usage) {
        Some(Means::Call) => add(
            "See what it was used for: the provider's record of it can be asked for (usage).".to_owned(),
            Vec::new(),
        ),
        Some(_) => add(format!("See what it was used for, as {} says:", as_said(Act::Usage)), clicks(Act::Usage)),
        None => add(format!("See in the logs of {provider} what it was used for, if it keeps any."), Vec::new()),
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wrote_down_is_said_as_that() {
        let rule = r"{provider: acme, title: Acme, hosts: [], kinds: [{id: acme.key, title: Key, severity: medium,
            sources: [{page: 'https://acme.example/docs', mark: D}], detect: {literals: [acme_], pattern: '\bacme_[a-z0-9]{20}\b',
            examples: [['acme_', 'q8x2pz0vr7tyw3q8x2pz']], counterexamples: ['acme_x']}}]}";
        let kind = crate::rules::check_file(std::path::Path::new("acme.yaml"), rule).expect("a kind").remove(0);
        let page = Page::of(&kind);
        assert!(
            page.opens.0.starts_with("Not written down for this kind. By its severity (medium)"),
            "{}",
            page.opens.0
        );
        assert!(page.opens.1);
    }
}
