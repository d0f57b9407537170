//! Reads a file that has mistakes as far as it can be read, so that all of them are named at once: what is wrong is noted,
//! something harmless takes its place, and the reading begins anew.

mod flaw;
mod node;

use super::places::{Places, Step, Stop, Value};
use super::problem::{Mistake, meant};
use super::spec::FileSpec;
use flaw::{Flaw, What};
use node::Node;
use serde::Deserialize as _;
use std::collections::{BTreeMap, BTreeSet};

/// More mistakes than this in one file are not named at once.
const MOST: usize = 200;

/// What was read of a file with mistakes.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The file, with something harmless wherever it is wrong.
    pub(super) spec: Option<FileSpec>,
    /// What is wrong.
    pub(super) mistakes: Vec<Mistake>,
    /// The paths of what was put in.
    pub(super) patches: Vec<Vec<Stop>>,
}

impl Reading {
    /// Reads all that can be read of a file.
    pub(super) fn of(places: &Places) -> Self {
        let mut reading = Self::default();
        let mut repairs = Repairs::default();
        twice(places, &mut repairs, &mut reading.mistakes);
        while reading.mistakes.len() < MOST {
            match FileSpec::deserialize(Node { places, repairs: &repairs }) {
                Ok(spec) => {
                    reading.spec = Some(spec);
                    break;
                }
                Err(flaw) => {
                    if !repairs.mend(&flaw) {
                        break;
                    }
                    reading.mistakes.push(flaw.told(places));
                }
            }
        }
        trace(places, &repairs, &mut Vec::new(), &mut reading.patches);
        reading
    }

    /// True where something was put in at this path, or around it.
    pub(super) fn covers(&self, path: &[Step<'_>]) -> bool {
        self.patches
            .iter()
            .any(|patch| patch.len() <= path.len() && patch.iter().zip(path).all(|(one, two)| one.step() == *two))
    }

    /// True where something was put in below this path, of the steps that are counted.
    pub(super) fn touches(&self, path: &[Step<'_>], counts: &dyn Fn(&str) -> bool) -> bool {
        self.patches.iter().any(|patch| {
            let below = patch.len() > path.len() && patch.iter().zip(path).all(|(one, two)| one.step() == *two);
            below && matches!(patch.get(path.len()), Some(Stop::Key(key)) if counts(key))
        })
    }
}

/// Where a value is, by the address of its node: the tree does not move.
type Address = usize;

fn address<T>(node: &T) -> Address {
    std::ptr::from_ref(node).addr()
}

/// What is read otherwise than it is typed.
#[derive(Debug, Default)]
struct Repairs {
    /// Values in whose place something harmless is read.
    blank: BTreeSet<Address>,
    /// Entries that are passed over.
    hidden: BTreeSet<Address>,
    /// Entries whose key is read as another: the one that was meant.
    renamed: BTreeMap<Address, &'static str>,
    /// Keys that are added to values.
    added: BTreeMap<Address, Vec<&'static str>>,
}

impl Repairs {
    /// True where this changes what is read next.
    fn mend(&mut self, flaw: &Flaw) -> bool {
        match (&flaw.what, flaw.entry, flaw.node) {
            (What::Key { key, known }, Some(entry), _) => match meant(key, known) {
                Some(meant) if !flaw.beside.contains(&meant.to_owned()) => self.renamed.insert(entry, meant).is_none(),
                _ => self.hidden.insert(entry),
            },
            (What::Missing { field }, _, Some(node)) => {
                let added = self.added.entry(node).or_default();
                let fresh = !added.contains(field);
                added.push(field);
                fresh
            }
            (_, _, Some(node)) => self.blank.insert(node),
            _ => false,
        }
    }
}

/// Keys that stand there twice: the later one is passed over.
fn twice(places: &Places, repairs: &mut Repairs, mistakes: &mut Vec<Mistake>) {
    match &places.value {
        Value::Keys(entries) => {
            let mut first: BTreeMap<&str, u64> = BTreeMap::new();
            for entry in entries {
                if let Some(line) = first.get(entry.key.as_str()) {
                    repairs.hidden.insert(address(entry));
                    mistakes.push(Mistake {
                        line: entry.line,
                        column: entry.column,
                        message: format!("`{}` is there twice", entry.key.escape_debug()),
                        remedy: format!("keep this one or the one in line {line}"),
                    });
                } else {
                    first.insert(&entry.key, entry.line);
                }
                twice(&entry.value, repairs, mistakes);
            }
        }
        Value::List(entries) => entries.iter().for_each(|entry| twice(entry, repairs, mistakes)),
        _ => {}
    }
}

/// The paths of all repairs.
fn trace(places: &Places, repairs: &Repairs, here: &mut Vec<Stop>, patches: &mut Vec<Vec<Stop>>) {
    if repairs.blank.contains(&address(places)) {
        patches.push(here.clone());
        return;
    }
    for key in repairs.added.get(&address(places)).into_iter().flatten() {
        patches.push([here.as_slice(), &[Stop::Key((*key).to_owned())]].concat());
    }
    match &places.value {
        Value::Keys(entries) => {
            for entry in entries {
                here.push(Stop::Key(entry.key.clone()));
                trace(&entry.value, repairs, here, patches);
                here.pop();
            }
        }
        Value::List(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                here.push(Stop::At(index));
                trace(entry, repairs, here, patches);
                here.pop();
            }
        }
        _ => {}
    }
}
