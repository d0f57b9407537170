//! What another scanner found, looked at with our own engine: the same kind, the same fingerprint and the same words as if
//! we had found it; and a kind of its own where our rules do not know it.

use super::coverage::Unread;
use super::excerpt::occurrences;
use super::pipeline::{Collected, Seen, Taken};
use super::tally::Tally;
use super::{Gap, Outcome, Scanner};
use crate::decode;
use crate::engine::Scratch;
use crate::import::Lead;
use crate::model::{Companions, Confidence, Fingerprint, KindId, LineColumn, Masked, Place, Secret, Severity, Span};
use crate::rules::Reading;
use crate::source::Blob;
use std::collections::BTreeMap;
use std::fmt;

/// The kinds of what our rules do not know: this, and the other scanner's rule.
pub const IMPORTED: &str = "imported.";

/// A value cut out by its columns alone is at least so long, in bytes: anything less is no token.
const SHORTEST: usize = 12;

/// A report on its way to an [`Outcome`].
pub struct Following<'s> {
    scanner: &'s Scanner,
    /// The other scanner's name.
    tool: String,
    tally: Tally,
    scratch: Scratch,
    notes: BTreeMap<Fingerprint, String>,
}

impl fmt::Debug for Following<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").field("tool", &self.tool).finish_non_exhaustive()
    }
}

impl<'s> Following<'s> {
    /// Begins with nothing.
    #[must_use]
    pub fn new(scanner: &'s Scanner, tool: &str) -> Self {
        let (tally, scratch, notes) = (Tally::default(), Scratch::default(), BTreeMap::new());
        Self { scanner, tool: tool.to_owned(), tally, scratch, notes }
    }

    /// Something could not be followed up. What is said of it may hold a token.
    pub fn miss(&mut self, gap: Gap) {
        let what = self.scanner.masked(&gap.what, &mut self.scratch).unwrap_or(gap.what);
        let gap = Gap { what, remedy: gap.remedy };
        self.tally.add(Err(Unread::Gap(gap, 0)));
    }

    /// Follows leads into the content that they are about. Those that cannot be found in it are given back.
    pub fn look<'l>(&mut self, blob: &Blob<'_>, leads: Vec<&'l Lead>) -> Vec<&'l Lead> {
        let text = decode::text(blob.bytes);
        let all = self.scanner.collect(&text, &mut self.scratch);
        let lines = Lines::of(&text);
        let (mut wanted, mut pinned, mut lost) = (vec![false; all.taken.len()], Vec::new(), Vec::new());
        for lead in leads {
            let near = lead.lines.and_then(|(first, last)| lines.span(first, last));
            let exact = lead.secret.as_ref().and_then(|secret| place_of(&text, secret, near));
            let meant = |taken: &Taken| match (exact, near) {
                (Some(exact), _) => overlap(taken.span, exact),
                (None, Some(near)) => lead.secret.is_none() && overlap(taken.span, near),
                (None, None) => false,
            };
            let mut found = false;
            for (hit, wanted) in all.taken.iter().zip(&mut wanted) {
                if meant(hit) {
                    (*wanted, found) = (true, true);
                    self.note(lead, &hit.secret);
                }
            }
            let own = exact.or_else(|| cut(&text, &lines, lead).filter(|_| lead.secret.is_none()));
            let told = self.told(lead);
            match own.and_then(|span| pin(&text, span, lead, &told)) {
                _ if found => {}
                Some(taken) => {
                    self.note(lead, &taken.secret);
                    pinned.push(taken);
                }
                None => lost.push(lead),
            }
        }
        let mut stretches = all.stretches;
        stretches.extend(pinned.iter().map(|taken| (taken.span, taken.shown.clone())));
        let engine = all.taken.into_iter().zip(wanted).filter_map(|(taken, wanted)| wanted.then_some(taken));
        let all = Collected { taken: engine.chain(pinned).collect(), stretches, ..Collected::default() };
        let mut seen = Seen { bytes: blob.bytes.len() as u64, ..Seen::default() };
        let place = self.named(&blob.place);
        self.scanner.report(&text, &place, blob.path(), all, &mut seen);
        self.tally.add(Ok(seen));
        lost
    }

    /// Follows a lead whose content is not at hand, by the value that the report holds; false where it holds none.
    pub fn believe(&mut self, place: &Place, lead: &Lead) -> bool {
        let Some(secret) = &lead.secret else {
            return lead.context.as_ref().is_some_and(|context| self.believe_in(place, lead, context, false));
        };
        let with_more = lead.context.as_ref().filter(|context| {
            #[expect(clippy::disallowed_methods, reason = "the value is looked for in the text around it")]
            let (context, value) = (context.expose(), secret.expose());
            occurrences(context, Span { start: 0, end: context.len() }, value).next().is_some()
        });
        self.believe_in(place, lead, with_more.unwrap_or(secret), true)
    }

    /// `pins`: where our rules find nothing, the lead's own value counts.
    fn believe_in(&mut self, place: &Place, lead: &Lead, text: &Secret, pins: bool) -> bool {
        #[expect(clippy::disallowed_methods, reason = "the engine judges what the report tells")]
        let text = text.expose();
        let mut all = self.scanner.collect(text, &mut self.scratch);
        let whole = lead.secret.as_ref().filter(|_| pins).and_then(|secret| place_of(text, secret, None));
        let meant = |taken: &Taken| whole.is_none_or(|whole| overlap(taken.span, whole));
        if !all.taken.iter().any(meant) {
            let told = self.told(lead);
            all.taken = whole.and_then(|span| pin(text, span, lead, &told)).into_iter().collect();
        }
        for taken in &all.taken {
            self.note(lead, &taken.secret);
        }
        let found = !all.taken.is_empty();
        let mut seen = Seen { bytes: text.len() as u64, ..Seen::default() };
        let place = self.named(place);
        self.scanner.report(text, &place, place.path(), all, &mut seen);
        let line = lead.lines.map_or(1, |(first, _)| first);
        for leak in &mut seen.leaks {
            // What stands around the value in the report is not the line that it came from.
            leak.sighting.excerpt = leak.sighting.shown.clone();
            leak.sighting.at = LineColumn { line, column: 1 };
            (leak.region.start_line, leak.region.end_line) = (line, line);
            (leak.region.start_column, leak.region.end_column) = (1, 1);
            leak.region.line_hash = None;
        }
        self.tally.add(Ok(seen));
        found
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Outcome {
        let mut outcome = self.scanner.plain(self.tally.finish());
        for sighting in &outcome.sightings {
            if let Some(note) = self.notes.get(&sighting.fingerprint) {
                outcome.notes.entry(sighting.fingerprint.clone()).or_insert_with(|| note.clone());
            }
        }
        outcome
    }

    /// A path may hold a token too.
    fn named(&mut self, place: &Place) -> Place {
        match self.scanner.masked(place.path(), &mut self.scratch) {
            None => place.clone(),
            Some(masked) => place.clone().with_path(masked),
        }
    }

    /// The other scanner's words. Some put the value itself into them.
    fn told(&mut self, lead: &Lead) -> Told {
        let mut plain = |text: &str| {
            let text = self.scanner.masked(text, &mut self.scratch).unwrap_or_else(|| text.to_owned());
            #[expect(clippy::disallowed_methods, reason = "the value is taken out of the words about it")]
            match lead.secret.as_ref().map(|secret| std::str::from_utf8(secret.expose())) {
                Some(Ok(value)) if !value.is_empty() => text.replace(value, "\u{2026}"),
                _ => text,
            }
        };
        Told { rule: plain(&lead.rule), title: plain(&lead.title) }
    }

    fn note(&mut self, lead: &Lead, secret: &Secret) {
        let says = match lead.live {
            Some(true) => ", which says that it is live",
            Some(false) => ", which says that it is not live",
            None => "",
        };
        let rule = self.told(lead).rule;
        let note = format!("found by {} as {rule}{says}", self.tool);
        self.notes.entry(self.scanner.key.fingerprint(secret)).or_insert(note);
    }
}

/// Rule and title without the value.
struct Told {
    rule: String,
    title: String,
}

/// The value under the other scanner's name.
fn pin(text: &[u8], span: Span, lead: &Lead, told: &Told) -> Option<Taken> {
    let secret = Secret::new(text.get(span.start..span.end).filter(|value| !value.is_empty())?.to_vec());
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let rule: String = told.rule.chars().take(60).map(word).collect();
    Some(Taken {
        kind: KindId::new(format!("{IMPORTED}{rule}")),
        title: told.title.chars().take(200).collect(),
        severity: if lead.live == Some(true) { Severity::Critical } else { Severity::High },
        confidence: Confidence::Medium,
        reading: Reading::default(),
        span,
        hidden: secret.len(),
        shown: Masked::of(&secret, 0),
        secret,
        companions: Companions::default(),
        decoded: Vec::new(),
    })
}

/// Where the value stands: among the lines that were told, else wherever it stands first, because lines move.
fn place_of(text: &[u8], secret: &Secret, near: Option<Span>) -> Option<Span> {
    #[expect(clippy::disallowed_methods, reason = "the value is looked for in the content")]
    let value = secret.expose();
    if value.is_empty() {
        return None;
    }
    let whole = Span { start: 0, end: text.len() };
    let within = near.and_then(|near| occurrences(text, near, value).next());
    within.or_else(|| occurrences(text, whole, value).next())
}

/// The value that a report points at without telling it: only one that begins and ends where a word does, because
/// scanners count columns in different ways.
fn cut(text: &[u8], lines: &Lines, lead: &Lead) -> Option<Span> {
    let ((line, last), (from, to)) = (lead.lines?, lead.columns?);
    let row = lines.span(line, line).filter(|_| line == last)?;
    let offset = |column: u64| usize::try_from(column).ok()?.checked_sub(1)?.checked_add(row.start);
    let span = Span { start: offset(from)?, end: offset(to)? };
    let value = text.get(span.start..span.end).filter(|_| span.end <= row.end)?;
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'.');
    let before = span.start.checked_sub(1).and_then(|at| text.get(at)).is_some_and(part);
    let after = text.get(span.end).is_some_and(part);
    let plain = value.len() >= SHORTEST && value.iter().all(u8::is_ascii_graphic);
    (plain && !before && !after).then_some(span)
}

fn overlap(a: Span, b: Span) -> bool {
    a.start < b.end && b.start < a.end
}

/// Where lines begin.
struct Lines {
    starts: Vec<usize>,
    end: usize,
}

impl Lines {
    fn of(text: &[u8]) -> Self {
        let after = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after).collect(), end: text.len() }
    }

    /// The bytes from one line to another, both from 1 and included.
    fn span(&self, first: u64, last: u64) -> Option<Span> {
        let start = *self.starts.get(usize::try_from(first).ok()?.checked_sub(1)?)?;
        let end = usize::try_from(last).ok().and_then(|last| self.starts.get(last)).copied().unwrap_or(self.end);
        Some(Span { start, end: end.max(start) })
    }
}
