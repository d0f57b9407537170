//! Where hits were when a blob was looked at before, by the same rules: what is kept of them holds no byte of the blob.

use super::Scanner;
use super::pipeline::Collected;
use crate::engine::Hit;
use crate::model::Span;
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
        Some(Noted { kind: u32::try_from(kind).ok()?, secret: bounds(hit.span), companions })
    }

    /// The hits of the same text, which was searched before. None where that is not said whole.
    pub(super) fn recalled(&self, text: &[u8], notes: &[u8]) -> Option<Collected> {
        let noted: Vec<Noted> = postcard::from_bytes(notes).ok()?;
        let mut all = Collected::default();
        for note in noted {
            let kind = self.engine.catalogue().kinds().get(note.kind as usize)?;
            let secret = span(note.secret, text.len())?;
            let companions = note.companions.into_iter();
            let companions: Option<Vec<_>> =
                companions.map(|(name, bounds)| Some((name, span(bounds, text.len())?))).collect();
            let bytes = text.get(secret.start..secret.end)?;
            let hit = Hit { kind, span: secret, whole: secret, secret: bytes, companions: companions? };
            let taken = self.take(text, &hit, &mut all.stretches)?;
            all.taken.push(taken);
        }
        Some(all)
    }
}

/// As it is kept.
pub(super) fn written(noted: &[Noted]) -> Option<Vec<u8>> {
    (noted.len() <= MOST).then(|| postcard::to_stdvec(noted).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Scratch;
    use crate::scan::unfold::tests::{scanner, token};

    #[test]
    fn what_is_noted_is_found_again_and_shows_nothing() {
        let scanner = scanner();
        let text = format!("a\nkey = {}\nb = {}\n", token(), token().replace("oODI", "OodI"));
        let all = scanner.collect(text.as_bytes(), &mut Scratch::default());
        let notes = written(&all.noted).unwrap();
        assert!(notes.len() < 40, "{}", notes.len());
        let again = scanner.recalled(text.as_bytes(), &notes).unwrap();
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
        let notes = written(&scanner.collect(text.as_bytes(), &mut Scratch::default()).noted).unwrap();
        assert!(scanner.recalled(b"short", &notes).is_none());
        assert!(scanner.recalled(text.as_bytes(), &notes[..notes.len() - 1]).is_none());
        assert!(scanner.recalled(text.as_bytes(), b"\x01\xff\xff\xff\xff\x0f\x00\x01\x00").is_none(), "no such kind");
        assert!(scanner.recalled(text.as_bytes(), b"\x01\x00\x05\x05\x00").is_none(), "of no length");
    }
}
