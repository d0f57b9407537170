//! Kinds that match the same bytes have an order that somebody thought of.

use super::{Desk, matches_of};
use crate::model::{KindId, Span};
use crate::rules::catalogue::Catalogue;
use crate::rules::kind::Kind;
use crate::rules::places::Step;
use crate::rules::precedence::{Rank, ranks};
use crate::rules::problem::{Problem, suggestion};
use aho_corasick::AhoCorasick;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use Step::{At, Key};

/// A kind, its examples, and which file and which kind in it that is; none where the program brought it.
struct Entry {
    kind: Arc<Kind>,
    examples: Vec<String>,
    place: Option<(usize, usize)>,
}

/// All that is said about kinds that match the same bytes.
pub(super) fn check(
    known: &Catalogue,
    files: &[(PathBuf, String)],
    kinds: &[Vec<(Arc<Kind>, Vec<String>)>],
) -> Vec<Problem> {
    let mut entries: Vec<Entry> = Vec::new();
    for (file, of_file) in kinds.iter().enumerate() {
        for (index, (kind, examples)) in of_file.iter().enumerate() {
            entries.push(Entry { kind: Arc::clone(kind), examples: examples.clone(), place: Some((file, index)) });
        }
    }
    if entries.is_empty() {
        return Vec::new();
    }
    let known = known.kinds().iter();
    entries.extend(known.map(|kind| Entry { kind: Arc::clone(kind), examples: kind.examples(), place: None }));
    let mut hall = Hall::new(files, &entries);
    hall.check_names();
    if hall.problems.is_empty() {
        hall.check_circles();
    }
    if hall.problems.is_empty() {
        hall.check_pairs();
    }
    hall.problems
}

/// All kinds together.
struct Hall<'e> {
    files: &'e [(PathBuf, String)],
    entries: &'e [Entry],
    ranks: Vec<Rank>,
    places: BTreeMap<&'e KindId, usize>,
    problems: Vec<Problem>,
}

impl<'e> Hall<'e> {
    fn new(files: &'e [(PathBuf, String)], entries: &'e [Entry]) -> Self {
        let kinds: Vec<Arc<Kind>> = entries.iter().map(|entry| Arc::clone(&entry.kind)).collect();
        let places = entries.iter().enumerate().map(|(at, entry)| (&entry.kind.id, at)).collect();
        Self { files, entries, ranks: ranks(&kinds), places, problems: Vec::new() }
    }

    fn say(&mut self, place: (usize, usize), below: &[Step<'_>], message: String, remedy: String) {
        let Some((path, text)) = self.files.get(place.0) else { return };
        let mut desk = Desk::new(path, text);
        desk.say(&[&[Key("kinds"), At(place.1), Key("detect")], below].concat(), message, remedy);
        self.problems.append(&mut desk.problems);
    }

    /// What a kind is declared to be before is another kind, named once.
    fn check_names(&mut self) {
        for entry in self.entries {
            let Some(place) = entry.place else { continue };
            let before = entry.kind.detect.before();
            for (index, id) in before.iter().enumerate() {
                let at = [Key("before"), At(index)];
                if *id == entry.kind.id {
                    self.say(place, &at, "a kind is not before itself".to_owned(), "remove it".to_owned());
                } else if before.iter().take(index).any(|earlier| earlier == id) {
                    self.say(place, &at, format!("{id} is named twice"), "remove one of them".to_owned());
                } else if !self.places.contains_key(id) {
                    let near: Vec<&str> = self.places.keys().map(|id| id.as_str()).collect();
                    let near: Vec<&str> = near.into_iter().filter(|near| same_provider(near, id.as_str())).collect();
                    let remedy =
                        if near.is_empty() { "see `stanch rules list`".into() } else { suggestion(id.as_str(), &near) };
                    self.say(place, &at, format!("there is no kind {}", id.as_str().escape_debug()), remedy);
                }
            }
        }
    }

    /// No kind is before itself by way of others.
    fn check_circles(&mut self) {
        for (start, entry) in self.entries.iter().enumerate() {
            let Some(place) = entry.place else { continue };
            let mut reached = BTreeSet::new();
            let mut left = vec![start];
            while let Some(at) = left.pop() {
                let before = self.entries.get(at).map(|entry| entry.kind.detect.before()).unwrap_or_default();
                left.extend(before.iter().filter_map(|id| self.places.get(id)).filter(|next| reached.insert(**next)));
            }
            if reached.contains(&start) {
                let message = "the kinds that it is before are before it".to_owned();
                self.say(place, &[Key("before")], message, "take one of them out of the circle".to_owned());
                return;
            }
        }
    }

    /// Of two kinds whose matches of an example share bytes, one is before the other: by its word, or because it is
    /// surer.
    fn check_pairs(&mut self) {
        for ((winner, loser), example) in self.pairs() {
            let Some((one, other)) = self.entries.get(winner).zip(self.entries.get(loser)) else { continue };
            let declared = |a: &Entry, b: &Entry| a.kind.detect.before().contains(&b.kind.id);
            if declared(one, other) || declared(other, one) || one.kind.confidence > other.kind.confidence {
                continue;
            }
            let Some((place, of)) = one.place.map(|place| (place, other)).or(other.place.map(|place| (place, one)))
            else {
                continue;
            };
            let (here, there) =
                if one.place.is_some() { (&one.kind.id, &other.kind.id) } else { (&other.kind.id, &one.kind.id) };
            let message = format!(
                "{here} and {there}, {}, match the same bytes of an example of {example}, and neither is before the other",
                self.whereabouts(of)
            );
            let remedy = format!(
                "write `before: [{there}]` here if this kind counts, or `before: [{here}]` there, or let one of the patterns not match"
            );
            self.say(place, &[], message, remedy);
        }
    }

    /// Which kinds match the same bytes, the one that now counts first, with the kind whose example shows it.
    fn pairs(&self) -> BTreeMap<(usize, usize), &'e KindId> {
        let mut pairs = BTreeMap::new();
        let literals = self.entries.iter().enumerate();
        let literals = literals.flat_map(|(at, entry)| entry.kind.detect.literals().iter().map(move |text| (at, text)));
        let (owners, texts): (Vec<usize>, Vec<_>) = literals.map(|(at, text)| (at, text.as_ref())).unzip();
        let Ok(search) = AhoCorasick::builder().ascii_case_insensitive(true).build(&texts) else { return pairs };
        for entry in self.entries {
            for example in &entry.examples {
                let found = search.find_overlapping_iter(example);
                let hit: BTreeSet<usize> =
                    found.filter_map(|found| owners.get(found.pattern().as_usize()).copied()).collect();
                // What the program brought is right already where nothing new matches it.
                let new = |at: &usize| self.entries.get(*at).is_some_and(|entry| entry.place.is_some());
                if hit.len() > 1 && hit.iter().any(new) {
                    self.meet(example, &hit, &mut |pair| {
                        pairs.entry(pair).or_insert(&entry.kind.id);
                    });
                }
            }
        }
        pairs
    }

    fn meet(&self, example: &str, hit: &BTreeSet<usize>, met: &mut dyn FnMut((usize, usize))) {
        let mut secrets: Vec<(Span, usize)> = Vec::new();
        for at in hit {
            let Some(entry) = self.entries.get(*at) else { continue };
            for found in matches_of(&entry.kind.detect, example) {
                secrets.push((found.secret, *at));
            }
        }
        for (index, (one, first)) in secrets.iter().enumerate() {
            for (other, second) in secrets.iter().skip(index + 1) {
                let shared = one.start < other.end && other.start < one.end;
                if first != second && shared {
                    let rank = |at: &usize| self.ranks.get(*at);
                    met(if rank(first) >= rank(second) { (*first, *second) } else { (*second, *first) });
                }
            }
        }
    }

    /// Where a kind stands.
    fn whereabouts(&self, entry: &Entry) -> String {
        let Some(((path, text), (_, index))) = entry.place.and_then(|place| Some((self.files.get(place.0)?, place)))
        else {
            return "which is built in".to_owned();
        };
        let mut desk = Desk::new(path, text);
        desk.say(&[Key("kinds"), At(index), Key("detect")], "", "");
        let problem = desk.problems.into_iter().next();
        problem.map_or_else(String::new, |Problem { file, line, column, .. }| format!("at {file}:{line}:{column}"))
    }
}

fn same_provider(one: &str, other: &str) -> bool {
    one.split('.').next() == other.split('.').next()
}
