//! Which kinds are looked for where: near runs of token bytes that hold a digit, near any long run, or everywhere.

use super::anchors::Anchors;
use crate::model::Span;
use crate::rules::facts::{ByteSet, Facts, Run, SHORTEST_RUN};
use crate::rules::{Catalogue, Kind};
use crate::runs;

/// A literal that is farther from its run is looked for everywhere, and so is one whose match goes on for long.
const FAR: usize = 512;
/// The class of a run's bytes is looked at only where the run is no longer than this.
const SURVEYED: usize = 4096;

/// All kinds, by where they are looked for.
#[derive(Debug)]
pub(super) struct Lanes {
    /// Near runs with a digit: all kinds that promise a run.
    pub(super) rich: Near,
    /// Near other runs: those of them whose runs can do without.
    pub(super) plain: Near,
    /// Everywhere: kinds that promise no run.
    pub(super) text: Anchors,
    /// How far a match of those reaches from its literal.
    pub(super) text_reach: usize,
    /// Runs shorter than this are of no use to any kind.
    pub(super) least: usize,
    /// Literals near runs come out of order by less than this.
    pub(super) slack: usize,
    /// What is found from a literal starts at most so far before it.
    pub(super) back: usize,
}

/// Kinds that are looked for near runs: apart those whose literals lie in the run, which is less to look at.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) inside: Anchors,
    /// Such a literal starts at least so far before the end of its run.
    pub(super) rest: usize,
    pub(super) around: Anchors,
    /// Such a literal lies at most so far before its run, or after it.
    pub(super) before: usize,
    pub(super) after: usize,
    pub(super) least: usize,
    /// A match, with what belongs to it, reaches at most so far from its run.
    pub(super) reach: usize,
}

impl Lanes {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let kinds = || catalogue.kinds().iter().enumerate();
        let rich = Near::new(kinds().filter_map(|(index, kind)| Some((index, kind.as_ref(), near_run(kind)?))));
        let free = |run: &&Run| !run.digit;
        let plain = kinds().filter_map(|(index, kind)| Some((index, kind.as_ref(), near_run(kind).filter(free)?)));
        let plain = Near::new(plain);
        let other = || kinds().filter(|(_, kind)| near_run(kind).is_none());
        let text = Anchors::new(other().flat_map(|(index, kind)| literals(index, kind)));
        let slack = |near: &Near| near.before + near.after + near.inside.longest().max(near.around.longest());
        let back = kinds().map(|(_, kind)| kind.detect.facts().lead.1.saturating_add(kind.detect.within())).max();
        let reach = other().map(|(_, kind)| kind.detect.facts().longest.saturating_add(kind.detect.within())).max();
        Self {
            least: rich.least.min(plain.least),
            slack: slack(&rich).max(slack(&plain)).max(text.longest()),
            back: back.unwrap_or(0),
            text_reach: reach.unwrap_or(0).saturating_add(1),
            rich,
            plain,
            text,
        }
    }
}

impl Near {
    fn new<'k>(kinds: impl Iterator<Item = (usize, &'k Kind, &'k Run)> + Clone) -> Self {
        let most =
            |of: &dyn Fn(&Kind, &Run) -> usize| kinds.clone().map(|(_, kind, run)| of(kind, run)).max().unwrap_or(0);
        let anchors = |inside: bool| {
            let those = kinds.clone().filter(|(_, _, run)| is_inside(run) == inside);
            Anchors::new(those.flat_map(|(index, kind, _)| literals(index, kind)))
        };
        let inside = kinds.clone().filter(|(_, _, run)| is_inside(run));
        let rest = inside.flat_map(|(_, kind, run)| kind.detect.literals().iter().map(|text| text.len() + run.follow));
        Self {
            least: kinds.clone().map(|(_, _, run)| run.least).min().unwrap_or(usize::MAX),
            rest: rest.min().unwrap_or(0),
            before: most(&|_, run| run.before),
            after: most(&|_, run| run.after),
            reach: most(&|kind, run| run.head.max(run.tail) + kind.detect.within()) + 1,
            inside: anchors(true),
            around: anchors(false),
        }
    }
}

/// True where the literal starts and ends in the run.
fn is_inside(run: &Run) -> bool {
    run.before == 0 && run.after == 0
}

fn literals(index: usize, kind: &Kind) -> impl Iterator<Item = (&str, usize, &ByteSet)> {
    kind.detect.literals().iter().map(move |text| (text.as_ref(), index, &kind.detect.facts().next))
}

/// The run that each match of a kind holds, if it is worth to look for it.
fn near_run(kind: &Kind) -> Option<&Run> {
    let near = |run: &&Run| {
        let farthest = run.before.max(run.after).max(run.head).max(run.tail).max(kind.detect.within());
        run.least >= SHORTEST_RUN && farthest <= FAR
    };
    kind.detect.facts().run.as_ref().filter(near)
}

/// False if a match with this literal cannot hold this run, or none that passes the filters can.
pub(super) fn fits(bytes: &[u8], facts: &Facts, literal: Span, run: &runs::Run) -> bool {
    let Some(promise) = &facts.run else { return false };
    run.range.len() >= promise.least
        && (run.digit || !promise.digit)
        && literal.start.saturating_add(promise.before) >= run.range.start
        && literal.end <= run.range.end.saturating_add(promise.after)
        && (!is_inside(promise) || literal.end.saturating_add(promise.follow) <= run.range.end)
        && follows(bytes, facts, literal)
        && (run.range.len() > SURVEYED || {
            let (body, length) = &promise.body;
            bytes.get(run.range.clone()).is_some_and(|run| body.longest_stretch(run) >= *length)
        })
}

/// False if what stands after the literal rules a match out.
pub(super) fn follows(bytes: &[u8], facts: &Facts, literal: Span) -> bool {
    bytes.get(literal.end).is_none_or(|next| facts.next.holds(*next))
}
