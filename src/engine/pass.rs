//! One pass over bytes: runs, literals near them, windows round those, matches.

use super::lanes::{Near, fits, follows};
use super::scratch::{Candidate, Scratch, Windows};
use super::{Engine, Hit, overlap};
use crate::model::Span;
use crate::rules::{Kind, Match};
use crate::runs;
use std::ops::Range;

/// So many bytes are looked at before what was found in them is handed over.
const STRIDE: usize = 64 << 10;
/// So many windows of one kind are put together before they are searched.
const DUE: usize = 1024;
/// So many matches are kept before it is settled which of them count.
const KEPT: usize = 1024;

pub(super) struct Pass<'p> {
    engine: &'p Engine,
    bytes: &'p [u8],
    scratch: &'p mut Scratch,
    /// Where runs are due.
    at: usize,
    /// Where literals that are looked for everywhere are due.
    text_at: usize,
}

impl<'p> Pass<'p> {
    pub(super) fn new(engine: &'p Engine, bytes: &'p [u8], scratch: &'p mut Scratch) -> Self {
        scratch.begin(engine.catalogue.kinds().len());
        Self { engine, bytes, scratch, at: 0, text_at: 0 }
    }

    /// Looks at everything before `end`, and hands over the hits that are certain by then, in order.
    pub(super) fn advance(&mut self, end: usize, found: &mut dyn FnMut(Hit<'_>)) {
        while self.at < end.min(self.bytes.len()) {
            self.at = self.runs(self.at..self.at.saturating_add(STRIDE), found);
            self.settle(self.at, found);
        }
    }

    /// Looks at what is left, and hands over the other hits.
    pub(super) fn finish(mut self, found: &mut dyn FnMut(Hit<'_>)) {
        self.advance(usize::MAX, found);
        self.search_all();
        self.emit(usize::MAX, found);
        self.scratch.finish();
    }

    /// True if there is any match near these stretches: in `near` one that is found near a run, in `far` any other.
    pub(super) fn any(mut self, near: &[Range<usize>], far: &[Range<usize>]) -> bool {
        let nothing = &mut |_: Hit<'_>| {};
        self.text_at = usize::MAX;
        let mut at = 0;
        for region in near {
            at = self.runs(region.start.max(at)..region.end, nothing);
        }
        for region in far {
            self.text(region.clone());
        }
        self.search_all();
        self.scratch.finish();
        !self.scratch.candidates.is_empty()
    }

    /// Looks at the runs that start in a region. Returns where the next region starts.
    fn runs(&mut self, region: Range<usize>, found: &mut dyn FnMut(Hit<'_>)) -> usize {
        let (engine, bytes) = (self.engine, self.bytes);
        runs::find_in(bytes, region, engine.lanes.least, &mut |run| {
            let near = if run.digit { &engine.lanes.rich } else { &engine.lanes.plain };
            if run.range.len() >= near.least {
                self.run(near, &run, found);
            }
        })
    }

    fn run(&mut self, near: &Near, run: &runs::Run, found: &mut dyn FnMut(Hit<'_>)) {
        let earliest = run.range.start.saturating_sub(near.before);
        let recent = if run.digit { &mut self.scratch.rich } else { &mut self.scratch.plain };
        let mut recent = std::mem::take(recent);
        recent.literals.retain(|(literal, _)| literal.start >= earliest);
        for (literal, kind) in &recent.literals {
            self.consider(*literal, *kind, Some(run));
        }
        let end = run.range.end.saturating_add(near.after).min(self.bytes.len());
        let mut at = recent.covered.max(earliest);
        let last = run.range.end.saturating_sub(near.before);
        let mut inside = run.range.start..(run.range.end + 1).saturating_sub(near.rest);
        loop {
            let next = end.min(at.saturating_add(STRIDE));
            if at < next {
                near.around.find(self.bytes, at..next, &mut |literal, kind| {
                    self.consider(literal, kind, Some(run));
                    if literal.start >= last {
                        recent.literals.push((literal, kind));
                    }
                });
            }
            let part = inside.start..inside.end.min(next);
            if !part.is_empty() {
                inside.start = part.end;
                near.inside.find(self.bytes, part, &mut |literal, kind| self.consider(literal, kind, Some(run)));
            }
            if next >= end {
                break;
            }
            at = next;
            self.settle(next, found);
        }
        recent.covered = recent.covered.max(end);
        *(if run.digit { &mut self.scratch.rich } else { &mut self.scratch.plain }) = recent;
    }

    /// Looks for the literals that are looked for everywhere.
    fn text(&mut self, region: Range<usize>) {
        let engine = self.engine;
        engine.lanes.text.find(self.bytes, region, &mut |literal, kind| self.consider(literal, kind, None));
    }

    /// A literal of a kind was found: what is around it is due to be searched, unless that is plainly in vain.
    fn consider(&mut self, literal: Span, kind: usize, run: Option<&runs::Run>) {
        let Some((windows, rule)) = self.scratch.windows.get_mut(kind).zip(self.engine.catalogue.kinds().get(kind))
        else {
            return;
        };
        let facts = rule.detect.facts();
        let admitted = match run {
            Some(run) => fits(self.bytes, facts, literal, run),
            None => follows(self.bytes, facts, literal),
        };
        if !admitted {
            return;
        }
        // Also where nothing comes of it: what is remembered of these bytes must be forgotten with them.
        if !std::mem::replace(&mut windows.touched, true) {
            self.scratch.touched.push(kind);
        }
        if !second(self.bytes, rule, literal, windows) {
            return;
        }
        let start = literal.start.saturating_sub(facts.lead.1);
        let end = literal.start.saturating_sub(facts.lead.0).saturating_add(facts.longest).min(self.bytes.len());
        match windows.due.last_mut() {
            Some(last) if last.start <= start && start <= last.end => last.end = last.end.max(end),
            _ => windows.due.push(start..end),
        }
        if windows.due.len() >= DUE {
            let safe = literal.start.saturating_sub(self.engine.lanes.slack + self.engine.lanes.back);
            search(self.bytes, rule, kind, windows, safe, &mut self.scratch.candidates);
        }
    }

    /// Everything before `at` was looked at: what is certain by now is handed over.
    fn settle(&mut self, at: usize, found: &mut dyn FnMut(Hit<'_>)) {
        if self.text_at < at {
            self.text(self.text_at..at);
            self.text_at = at;
        }
        if self.scratch.touched.is_empty() {
            return;
        }
        let safe = at.saturating_sub(self.engine.lanes.slack + self.engine.lanes.back);
        let mut horizon = safe;
        for index in 0..self.scratch.touched.len() {
            let Some(kind) = self.scratch.touched.get(index).copied() else { continue };
            let Some((windows, rule)) = self.scratch.windows.get_mut(kind).zip(self.engine.catalogue.kinds().get(kind))
            else {
                continue;
            };
            search(self.bytes, rule, kind, windows, safe, &mut self.scratch.candidates);
            let first = windows.due.first().map_or(usize::MAX, |range| range.start);
            horizon = horizon.min(first.saturating_sub(rule.detect.within()));
        }
        if self.scratch.candidates.len() >= KEPT {
            self.emit(horizon, found);
        }
    }

    /// Searches what is left.
    fn search_all(&mut self) {
        for index in 0..self.scratch.touched.len() {
            let Some(kind) = self.scratch.touched.get(index).copied() else { continue };
            if let Some((windows, rule)) =
                self.scratch.windows.get_mut(kind).zip(self.engine.catalogue.kinds().get(kind))
            {
                search(self.bytes, rule, kind, windows, usize::MAX, &mut self.scratch.candidates);
            }
        }
    }

    fn emit(&mut self, horizon: usize, found: &mut dyn FnMut(Hit<'_>)) {
        let kinds = self.engine.catalogue.kinds();
        let settled = overlap::settled(&mut self.scratch.candidates, horizon);
        for Candidate { kind, found: Match { secret, whole, companions, .. } } in
            overlap::resolve(kinds, &self.engine.ranks, self.bytes, settled)
        {
            if let (Some(kind), Some(text)) = (kinds.get(kind), self.bytes.get(secret.start..secret.end)) {
                found(Hit { kind, span: secret, whole, secret: text, companions });
            }
        }
    }
}

/// Searches the windows of a kind that no literal found later than `safe` can change.
fn search(bytes: &[u8], rule: &Kind, kind: usize, windows: &mut Windows, safe: usize, candidates: &mut Vec<Candidate>) {
    windows.merge();
    let Windows { due, done, progress, .. } = windows;
    let longest = rule.detect.facts().longest;
    let mut keep = |found| candidates.push(Candidate { kind, found });
    due.retain_mut(|range| {
        range.start = range.start.max(*done);
        if range.end < safe {
            rule.detect.search(bytes, range.clone(), progress, &mut keep);
            *done = range.end;
            return false;
        }
        // A window that goes on and on is searched as far as it is known.
        let sure = range.end.min(safe).saturating_sub(longest);
        if sure.saturating_sub(range.start) > longest.saturating_add(STRIDE) {
            range.start = rule.detect.advance(bytes, range.start..range.end.min(safe), sure, progress, &mut keep);
            *done = range.start;
        }
        true
    });
}

/// False if a text that every match holds after its literal is not there.
fn second(bytes: &[u8], rule: &Kind, literal: Span, windows: &mut Windows) -> bool {
    let Some(second) = &rule.detect.facts().second else { return true };
    let end = literal.end.saturating_add(second.within).min(bytes.len());
    let barren = &mut windows.barren;
    let known = barren.start <= literal.end && literal.end <= barren.end;
    let skipped = barren.end.saturating_sub(second.text.len().saturating_sub(1));
    let from = if known { skipped.max(literal.end) } else { literal.end };
    let Some(stretch) = bytes.get(from..end) else { return false };
    let there = match second.text.as_slice() {
        [byte] => memchr::memchr(*byte, stretch).is_some(),
        text => memchr::memmem::find(stretch, text).is_some(),
    };
    if !there {
        *barren = if known { barren.start..end.max(barren.end) } else { literal.end..end };
    }
    there
}
