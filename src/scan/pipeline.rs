//! One blob: hits, their lines and columns, what is shown of them, and whether they are excused.

use super::excerpt::{Masks, excerpt, window};
use super::lines::{Cursor, Region};
use super::noted::Noted;
use super::{Amount, Gap, Pardon, Run, Scanner, linehash};
use crate::engine::{Hit, Scratch};
use crate::model::{
    Companions, Confidence, Encoding, Finding, KindId, LineColumn, Masked, Place, Secret, Severity, Sighting, Span,
};
use crate::rules::Reading;
use crate::source::Blob;
use crate::suppress::{Excuse, Judgement, Surroundings};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// Hits of one blob that are reported one by one; what is beyond is masked and counted.
pub(super) const HITS_PER_BLOB: usize = 10_000;

/// Bytes of a line in which a directive is looked for, before and after a secret.
const DIRECTIVE_REACH: usize = 2_000;

/// Blobs up to this size get line hashes.
const HASHED_BYTES: usize = 10_000_000;

/// Hidden characters that a secret must have for a hash of its line to be published: a hash is no seal, and a short
/// secret could be guessed from it.
const HASHED_SECRET: usize = 20;

/// What one blob gave.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) bytes: u64,
    pub(super) leaks: Vec<Leak>,
    pub(super) excused: Vec<Pardon>,
    /// Hits beyond the limit, and where.
    pub(super) beyond: Option<(Place, u64)>,
    /// What it held, if it is something that holds others.
    pub(super) members: Amount,
    /// What of that could not be read.
    pub(super) undecodable: Vec<Gap>,
    /// What of that are pointers to files in Git LFS.
    pub(super) pointers: Vec<String>,
    /// Whether it, or a part of it, is in a character set of its own.
    pub(super) recoded: bool,
    /// Whether what is copied from it must be looked at again.
    pub(super) loud: bool,
    /// Whether a name might say that it is something else.
    pub(super) odd: bool,
}

impl Seen {
    /// True when there is anything to say but that it was read.
    pub(super) fn is_loud(&self) -> bool {
        let missed = !self.undecodable.is_empty();
        self.loud || missed || !self.leaks.is_empty() || !self.excused.is_empty() || self.beyond.is_some()
    }
}

/// One secret at one place.
#[derive(Debug)]
pub(super) struct Leak {
    pub(super) sighting: Sighting,
    pub(super) region: Region,
    pub(super) note: Option<String>,
    pub(super) finding: Option<Finding>,
    /// Characters of the secret that are not its public prefix.
    hidden: usize,
}

impl Leak {
    /// A token in a path: it has no line of its own.
    pub(super) fn in_name(mut self) -> Self {
        self.sighting.at = LineColumn { line: 1, column: 1 };
        self.region = Region { start_line: 1, start_column: 1, end_line: 1, end_column: 1, line_hash: None };
        self.note.get_or_insert_with(|| "it stands in the name, not in the content".to_owned());
        self
    }
}

/// A secret with its bytes taken along.
pub(super) struct Taken {
    pub(super) kind: KindId,
    pub(super) title: String,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    pub(super) reading: Reading,
    pub(super) span: Span,
    pub(super) secret: Secret,
    pub(super) companions: Companions,
    pub(super) shown: Masked,
    /// Characters that are not its public prefix.
    pub(super) hidden: usize,
    /// How its text was encoded, from the outside in.
    pub(super) decoded: Vec<Encoding>,
}

/// All secrets of a text, and the stretches of it that must not be shown.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) taken: Vec<Taken>,
    pub(super) stretches: Vec<(Span, Masked)>,
    /// Those beyond the limit.
    pub(super) beyond: u64,
    /// Where they are, for the next time.
    pub(super) noted: Vec<Noted>,
}

impl Scanner {
    /// Looks through a blob and everything in it.
    pub(super) fn scan(&self, blob: &Blob<'_>, run: &Run<'_>, scratch: &mut Scratch) -> Seen {
        let name = blob.place.path();
        let is_word = blob.is_probe(); // which stands for a path
        let masked = (!is_word).then(|| self.masked(name, scratch)).flatten();
        let Some(masked) = masked else { return self.unfold(blob, &blob.place, run, scratch) };
        let place = blob.place.clone().with_path(masked);
        let mut seen = self.unfold(blob, &place, run, scratch);
        if place != blob.place {
            let mut named = Seen::default();
            let collected = self.collect(name.as_bytes(), scratch);
            self.report(name.as_bytes(), &place, blob.path(), collected, &mut named);
            seen.excused.extend(named.excused);
            seen.leaks.extend(named.leaks.into_iter().map(Leak::in_name));
            seen.loud = true;
        }
        seen
    }

    /// A path or a message with the tokens in it masked; none when there are none.
    pub(super) fn masked(&self, text: &str, scratch: &mut Scratch) -> Option<String> {
        let mut stretches = Vec::new();
        self.engine.scan(text.as_bytes(), scratch, &mut |hit: Hit<'_>| {
            let _taken = self.take(text.as_bytes(), &hit, &mut stretches).is_some();
        });
        if stretches.is_empty() {
            return None;
        }
        let whole = Span { start: 0, end: text.len() };
        Some(excerpt(text.as_bytes(), 0, whole, &Masks::new(stretches), &[]).to_string())
    }

    /// Every secret that the engine finds.
    pub(super) fn collect(&self, text: &[u8], scratch: &mut Scratch) -> Collected {
        self.collect_in(text, None, scratch)
    }

    /// Every secret that touches the stretches, if there are any given.
    pub(super) fn collect_in(&self, text: &[u8], fresh: Option<&[Range<usize>]>, scratch: &mut Scratch) -> Collected {
        let mut all = Collected::default();
        let mut found = |hit: Hit<'_>| self.keep(text, &hit, &mut all);
        match fresh {
            None => self.engine.scan(text, scratch, &mut found),
            Some(fresh) => self.engine.scan_in(text, fresh, scratch, &mut found),
        }
        all
    }

    /// One more secret.
    pub(super) fn keep(&self, text: &[u8], hit: &Hit<'_>, all: &mut Collected) {
        all.noted.extend(self.noted(hit));
        let Some(hit) = self.take(text, hit, &mut all.stretches) else { return };
        if all.taken.len() < HITS_PER_BLOB {
            all.taken.push(hit);
        } else {
            all.beyond += 1;
        }
    }

    /// Judges what was collected, and says what is not excused.
    pub(super) fn report(&self, text: &[u8], place: &Place, path: &str, all: Collected, seen: &mut Seen) {
        let Collected { mut taken, stretches, beyond, .. } = all;
        if taken.is_empty() {
            return;
        }
        if beyond > 0 {
            let (_, all) = seen.beyond.get_or_insert_with(|| (place.clone(), 0));
            *all += beyond;
        }
        taken.sort_by(|a, b| (a.span, &a.kind).cmp(&(b.span, &b.kind)));
        let masks = Masks::new(stretches);
        let first = seen.leaks.len();
        let mut cursor = Cursor::new(text);
        for hit in taken {
            cursor.advance(hit.span.start);
            match self.judge(text, path, &cursor, &hit) {
                Err(excuse) => {
                    let (place, at, kind) = (place.clone(), cursor.at(), hit.kind.clone());
                    seen.excused.push(Pardon { place, at, kind, excuse });
                }
                Ok(note) => seen.leaks.push(self.leak(text, place, &cursor, &masks, hit, note)),
            }
        }
        add_line_hashes(text, seen.leaks.get_mut(first..).unwrap_or_default());
    }

    /// Takes the bytes along, and notes what must be masked in the text around it.
    pub(super) fn take(&self, text: &[u8], hit: &Hit<'_>, stretches: &mut Vec<(Span, Masked)>) -> Option<Taken> {
        let kind = self.engine.catalogue().find(&hit.kind.id)?;
        let reading = kind.read(text, hit.span, &hit.companions)?;
        let secret = Secret::new(hit.secret.to_vec());
        let prefix = kind.public_prefix(hit.secret);
        let shown = Masked::of(&secret, prefix);
        stretches.push((hit.span, shown.clone()));
        let mut companions = Companions::default();
        for (name, span) in &hit.companions {
            let value = Secret::new(text.get(span.start..span.end)?.to_vec());
            stretches.push((*span, Masked::of(&value, 0)));
            companions.push(name.clone(), value);
        }
        Some(Taken {
            kind: kind.id.clone(),
            title: kind.title.to_string(),
            severity: reading.severity(kind.severity),
            confidence: reading.confidence(kind.confidence),
            reading,
            span: hit.span,
            hidden: secret.len().saturating_sub(prefix),
            secret,
            companions,
            shown,
            decoded: Vec::new(),
        })
    }

    fn judge(&self, text: &[u8], path: &str, cursor: &Cursor<'_>, hit: &Taken) -> Result<Option<String>, Excuse> {
        let start = cursor.line_start().max(hit.span.start.saturating_sub(DIRECTIVE_REACH));
        let rest = text.get(hit.span.end..).unwrap_or_default();
        let reach = rest.get(..DIRECTIVE_REACH).unwrap_or(rest);
        let end = hit.span.end + reach.iter().position(|&byte| byte == b'\n').unwrap_or(reach.len());
        let around = Surroundings {
            line: text.get(start..end).unwrap_or_default(),
            secret: hit.span.start - start..hit.span.end - start,
            before: cursor.line_before(DIRECTIVE_REACH),
        };
        let print = self.key.fingerprint(&hit.secret);
        match self.suppressions.judge(&print, &hit.kind, path, &around) {
            Judgement::Excused(excuse) => Err(excuse),
            Judgement::Report { note } => Ok(note),
        }
    }

    fn leak(
        &self,
        text: &[u8],
        place: &Place,
        cursor: &Cursor<'_>,
        masks: &Masks,
        mut hit: Taken,
        note: Option<String>,
    ) -> Leak {
        if let Some(day) = hit.reading.ends.and_then(|seconds| self.suppressions.past(seconds)) {
            hit.reading.lower(Severity::Low, format!("it ended on {day}"));
        }
        let fingerprint = self.key.fingerprint(&hit.secret);
        let excerpt = masked_line(text, cursor.line_start(), masks, &hit);
        let sighting = Sighting {
            kind: hit.kind.clone(),
            title: hit.title,
            severity: hit.reading.severity(hit.severity),
            confidence: hit.confidence,
            place: place.clone(),
            at: cursor.at(),
            span: hit.span,
            fingerprint: fingerprint.clone(),
            shown: hit.shown,
            excerpt,
            length: hit.secret.len(),
            verdict: None,
            also: Vec::new(),
            facts: hit.reading.facts,
            remarks: hit.reading.remarks.into_iter().map(Cow::into_owned).collect(),
            doubtful: hit.reading.doubtful,
            decoded: hit.decoded,
        };
        let finding = self.keep_findings.then(|| Finding {
            kind: hit.kind,
            place: place.clone(),
            span: hit.span,
            secret: hit.secret,
            companions: hit.companions,
            fingerprint,
        });
        Leak { region: cursor.region(hit.span), sighting, note, finding, hidden: hit.hidden }
    }
}

#[expect(clippy::disallowed_methods, reason = "the values are looked for in the line, to be masked there too")]
fn masked_line(text: &[u8], line_start: usize, masks: &Masks, hit: &Taken) -> Masked {
    let mut values = vec![(hit.secret.expose(), hit.shown.clone())];
    values.extend(hit.companions.iter().map(|(_, value)| (value.expose(), Masked::of(value, 0))));
    values.retain(|(value, _)| !value.is_empty());
    excerpt(text, line_start, window(text, line_start, hit.span), masks, &values)
}

fn add_line_hashes(text: &[u8], leaks: &mut [Leak]) {
    let long = |leak: &Leak| leak.hidden >= HASHED_SECRET;
    let wanted: BTreeSet<u64> = leaks.iter().filter(|leak| long(leak)).map(|leak| leak.sighting.at.line).collect();
    if wanted.is_empty() || text.len() > HASHED_BYTES {
        return;
    }
    let hashes = linehash::hashes(text, &wanted);
    for leak in leaks {
        if long(leak) {
            leak.region.line_hash = hashes.get(&leak.sighting.at.line).cloned();
        }
    }
}
