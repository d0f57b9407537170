//! Where hits were when a blob was looked at before, by the same rules: what is kept of them holds no byte of the blob.

use super::pipeline::{Collected, Taken};
use super::{Amount, Scanner};
use crate::engine::Hit;
use crate::model::{Encoding, Masked, Span};
use serde::{Deserialize, Serialize};

/// Hits of a blob that are noted; one with more is searched again.
const MOST: usize = 200;

/// A hit, by what it is found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    /// In the order of the catalogue.
    kind: u32,
    secret: (u64, u64),
    companions: Vec<(String, (u64, u64))>,
    /// What it was decoded from, if it does not stand there as it is.
    pub(super) within: Option<Within>,
}

/// Text that was decoded, by what it is decoded again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Within {
    /// How it was encoded, the outermost first.
    how: Vec<u8>,
    /// Its bytes.
    length: u64,
    /// Where the secret stands in the text that it all came from.
    outer: (u64, u64),
}

/// All hits of a text, and what files that stood encoded in it held.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    pub(super) hits: Vec<Noted>,
    pub(super) held: (u64, u64),
}

/// What is known of a text that was looked through before.
pub(super) struct Recalled {
    pub(super) all: Collected,
    /// What decoding gave.
    pub(super) decoded: Vec<Taken>,
    /// What files in it held.
    pub(super) held: Amount,
}

/// Where a text that was decoded comes from.
pub(super) struct Origin<'o> {
    pub(super) encodings: &'o [Encoding],
    /// The same text, as it is.
    pub(super) bytes: &'o [u8],
}

fn bounds(span: Span) -> (u64, u64) {
    (span.start as u64, span.end as u64)
}

fn span((start, end): (u64, u64), length: usize) -> Option<Span> {
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    (start < end && end <= length).then_some(Span { start, end })
}

impl Scanner {
    /// What is noted of a hit.
    pub(super) fn noted(&self, hit: &Hit<'_>) -> Option<Noted> {
        let kind = self.engine.catalogue().kinds().iter().position(|kind| kind.id == hit.kind.id)?;
        let companions = hit.companions.iter().map(|(name, span)| (name.clone(), bounds(*span))).collect();
        Some(Noted { kind: u32::try_from(kind).ok()?, secret: bounds(hit.span), companions, within: None })
    }

    /// What is noted of a hit in what was decoded; `outer` is where its secret comes from.
    pub(super) fn noted_in(&self, hit: &Hit<'_>, origin: &Origin<'_>, outer: Span) -> Option<Noted> {
        let how = numbers(origin.encodings);
        let within = Some(Within { how, length: origin.bytes.len() as u64, outer: bounds(outer) });
        Some(Noted { within, ..self.noted(hit)? })
    }

    /// Takes what is noted out of the text that it was found in.
    pub(super) fn taken(&self, text: &[u8], note: &Noted, masks: &mut Vec<(Span, Masked)>) -> Option<Taken> {
        let kind = self.engine.catalogue().kinds().get(note.kind as usize)?;
        let secret = span(note.secret, text.len())?;
        let companions = note.companions.iter();
        let companions: Option<Vec<_>> =
            companions.map(|(name, bounds)| Some((name.clone(), span(*bounds, text.len())?))).collect();
        let bytes = text.get(secret.start..secret.end)?;
        let hit = Hit { kind, span: secret, whole: secret, secret: bytes, companions: companions? };
        self.take(text, &hit, masks)
    }

    /// The hits of the same text, which was searched before. None where that is not said whole.
    pub(super) fn recalled(&self, text: &[u8], notes: &[u8]) -> Option<Recalled> {
        let Notes { hits, held } = postcard::from_bytes(notes).ok()?;
        let mut all = Collected::default();
        let (hidden, plain): (Vec<Noted>, _) = hits.into_iter().partition(|note| note.within.is_some());
        for note in plain {
            let taken = self.taken(text, &note, &mut all.stretches)?;
            all.taken.push(taken);
        }
        let decoded = if hidden.is_empty() { Vec::new() } else { self.decoded(text, &hidden, &mut all.stretches)? };
        Some(Recalled { all, decoded, held: Amount { items: held.0, bytes: held.1 } })
    }
}

fn numbers(encodings: &[Encoding]) -> Vec<u8> {
    encodings.iter().map(|encoding| *encoding as u8).collect()
}

impl Within {
    /// True for the text that this is about, as far as can be seen.
    pub(super) fn is_of(&self, origin: &Origin<'_>) -> bool {
        self.length == origin.bytes.len() as u64 && self.how == numbers(origin.encodings)
    }

    /// Where the secret comes from, in a text of this length.
    pub(super) fn outer(&self, length: usize) -> Option<Span> {
        span(self.outer, length)
    }

    /// How many encodings lie in each other.
    pub(super) fn depth(&self) -> usize {
        self.how.len()
    }
}

impl Notes {
    /// As it is kept.
    pub(super) fn written(&self) -> Option<Vec<u8>> {
        (self.hits.len() <= MOST).then(|| postcard::to_stdvec(self).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Scratch;
    use crate::scan::unfold::tests::{scanner, token};

    fn written(all: &Collected) -> Vec<u8> {
        Notes { hits: all.noted.clone(), held: (0, 0) }.written().unwrap()
    }

    #[test]
    fn what_is_noted_is_found_again_and_shows_nothing() {
        let scanner = scanner();
        let text = format!("a\nkey = {}\nb = {}\n", token(), token().replace("oODI", "OodI"));
        let all = scanner.collect(text.as_bytes(), &mut Scratch::default());
        let notes = written(&all);
        assert!(notes.len() < 40, "{}", notes.len());
        let again = scanner.recalled(text.as_bytes(), &notes).unwrap().all;
        let told = |all: &Collected| -> Vec<_> {
            all.taken.iter().map(|taken| (taken.span, taken.kind.clone(), taken.shown.clone(), taken.hidden)).collect()
        };
        assert!(!all.taken.is_empty());
        assert_eq!(told(&again), told(&all));
        assert_eq!(again.stretches, all.stretches);
    }

    #[test]
    fn notes_about_another_text_count_for_nothing() {
        let scanner = scanner();
        let text = format!("key = {}\n", token());
        let notes = written(&scanner.collect(text.as_bytes(), &mut Scratch::default()));
        assert!(scanner.recalled(b"short", &notes).is_none());
        assert!(scanner.recalled(text.as_bytes(), &notes[..notes.len() - 1]).is_none());
        assert!(
            scanner.recalled(text.as_bytes(), b"\x01\xff\xff\xff\xff\x0f\x00\x01\x00\x00\x00\x00").is_none(),
            "no such kind"
        );
        assert!(scanner.recalled(text.as_bytes(), b"\x01\x00\x05\x05\x00\x00\x00\x00").is_none(), "of no length");
    }
}
