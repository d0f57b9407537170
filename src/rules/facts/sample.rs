//! Texts that a pattern matches, made from the pattern.

use crate::rules::pattern::parse;
use regex_syntax::hir::{Class, Hir, HirKind};

/// More repetitions than this are made only where the pattern wants them.
const TIMES: usize = 40;

/// A text that the pattern matches, look-around aside; `choose` picks a number up to and including the one given.
pub(crate) fn sample(pattern: &str, choose: &mut dyn FnMut(usize) -> usize) -> Vec<u8> {
    let mut text = Vec::new();
    write(&parse(pattern).expect("a pattern"), choose, &mut text);
    text
}

fn write(hir: &Hir, choose: &mut dyn FnMut(usize) -> usize, text: &mut Vec<u8>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
        HirKind::Class(Class::Bytes(class)) => {
            let bytes: Vec<u8> = class.ranges().iter().flat_map(|range| range.start()..=range.end()).collect();
            text.push(bytes[choose(bytes.len() - 1)]);
        }
        HirKind::Class(Class::Unicode(_)) => unreachable!("patterns are parsed without Unicode"),
        HirKind::Repetition(repetition) => {
            let least = repetition.min as usize;
            let most = repetition.max.map_or(least + TIMES, |most| most as usize);
            let extra = choose((most - least).min(TIMES));
            let times = if choose(3) == 0 { least } else { least + extra };
            (0..times).for_each(|_| write(&repetition.sub, choose, text));
        }
        HirKind::Capture(group) => write(&group.sub, choose, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, choose, text)),
        HirKind::Alternation(branches) => {
            let branch = choose(branches.len() - 1);
            write(&branches[branch], choose, text);
        }
    }
}
