//! What archives, documents and images hold, however deep one lies in the other.

mod cover;

pub(super) use cover::Cover;

use super::chunks::{Chunks, Cost};
use super::pipeline::{Leak, Seen};
use super::unfold::Unfolding;
use super::{Amount, Gap, Run, Scanner};
use crate::archive::{self, ArchiveError, Budget, Format, Input, Item, Pipe, Stretch, Visit};
use crate::decode;
use crate::engine::Scratch;
use crate::model::{Encoding, Place, Span};
use crate::source::Blob;
use crate::source::git::is_pointer;
use std::ops::ControlFlow;

/// How deep archives are followed into each other.
const DEEPEST: usize = 10;

/// Bytes at the start that tell what something is.
const HEAD: usize = 64 << 10;

/// What a blob of any size may expand to, and how often its own size comes on top of that: sources and logs that are well
/// packed grow tenfold, a bomb a thousandfold.
const EXPANDED_BYTES: u64 = 1 << 30;
const EXPANDED_TIMES: u64 = 16;

/// Members of one blob.
const MEMBERS: u64 = 1_000_000;

/// The largest member that is held in memory.
const LARGEST_BYTES: u64 = 256 << 20;

/// What is called so has no name of its own.
const NAMELESS: &str = "content";

/// Gaps of one blob that are named; the others are counted.
const GAPS: usize = 200;

/// What may be taken out of something of this many bytes.
fn budget(bytes: u64, most: Option<u64>) -> Budget {
    Budget {
        bytes: most.unwrap_or(bytes.saturating_mul(EXPANDED_TIMES).saturating_add(EXPANDED_BYTES)),
        members: MEMBERS,
        largest_bytes: LARGEST_BYTES,
    }
}

/// True for what was decoded and is a file that holds others.
pub(super) fn is_file(bytes: &[u8]) -> bool {
    let packed = |format| matches!(format, Format::Gzip | Format::Zlib | Format::Zstd);
    sniffed(bytes, "").is_some_and(|format| !packed(format))
}

fn sniffed(bytes: &[u8], name: &str) -> Option<Format> {
    archive::sniff(bytes.get(..HEAD).unwrap_or(bytes), name)
}

/// The same by all of its bytes.
fn told(bytes: &[u8], name: &str) -> Option<Format> {
    sniffed(bytes, name).or_else(|| archive::behind(bytes))
}

impl Scanner {
    /// Looks through a blob and everything in it. The place is its own, with what must not be shown masked.
    pub(super) fn unfold(&self, blob: &Blob<'_>, place: &Place, run: &Run<'_>, scratch: &mut Scratch) -> Seen {
        // What comes through a pipe comes once.
        let seen = self.unfolded(blob, place, run, blob.rest.is_none(), scratch);
        seen.unwrap_or_else(|| self.unfolded(blob, place, run, false, scratch).unwrap_or_default())
    }

    /// The same; none where it is not sure that the same would have come out without what is remembered of members.
    fn unfolded(
        &self,
        blob: &Blob<'_>,
        place: &Place,
        run: &Run<'_>,
        remembers: bool,
        scratch: &mut Scratch,
    ) -> Option<Seen> {
        let mut unfolding = Unfolding { remembers, ..self.unfolding(blob, run, scratch) };
        let name = blob.place.path();
        if let Some(folder) = blob.folder {
            let _all = unfolding.walk(place, |budget, visit| archive::open_folder(folder, budget, visit));
            return unfolding.finish(place);
        }
        if let (Some(rest), Some(format)) = (blob.rest, sniffed(blob.bytes, name)) {
            let pipe = Pipe::new(blob.bytes, rest, self.most_expanded.map_or(EXPANDED_TIMES, |_| 0));
            unfolding.pipe = Some((&pipe, 0));
            let _all = unfolding.open(place, name, format, Input::Pipe(&pipe));
            unfolding.seen.bytes = pipe.read();
            return unfolding.finish(place);
        }
        unfolding.seen.loud |= blob.is_probe() && archive::name_matters(blob.bytes);
        unfolding.seen.odd = blob.is_probe() && archive::is_odd(blob.bytes);
        match (blob.file, sniffed(blob.bytes, name)) {
            (Some(file), Some(format)) => {
                let _all = unfolding.open(place, name, format, Input::File(file));
            }
            (Some(_), None) => {
                unfolding.bytes(place, blob.bytes, blob.fresh, &[]);
                unfolding.gap(format!("{place} is larger than what is read at once"), LARGER);
            }
            (None, format) => match format.or_else(|| archive::behind(blob.bytes)) {
                Some(format) => unfolding.container(place, name, format, blob.bytes),
                None => unfolding.outermost(place, blob),
            },
        }
        unfolding.finish(place)
    }

    fn unfolding<'s>(&'s self, blob: &'s Blob<'_>, run: &'s Run<'_>, scratch: &'s mut Scratch) -> Unfolding<'s> {
        let size = blob.size();
        Unfolding {
            scanner: self,
            run,
            scratch,
            path: blob.path(),
            decoding: decode::Budget::of(blob.bytes.len()),
            expanding: budget(size, self.most_expanded),
            pipe: None,
            depth: 0,
            unnamed: 0,
            guessed: false,
            remembers: true,
            probes: blob.is_probe(),
            troubles: 0,
            spared: Cost::default(),
            noted: None,
            cover: Cover::default(),
            doubtful: false,
            seen: Seen { bytes: size, ..Seen::default() },
        }
    }
}

impl<'s> Unfolding<'s> {
    /// Something, whatever it is.
    fn thing(&mut self, place: &Place, name: &str, bytes: &[u8]) {
        match told(bytes, name) {
            Some(format) => self.container(place, name, format, bytes),
            None => self.member_text(place, name, bytes),
        }
    }

    /// What is no archive. What stood in such a one before, and was no find there, is not looked through again.
    fn member_text(&mut self, place: &Place, name: &str, bytes: &[u8]) {
        if self.depth > 0 && !self.guessed && is_pointer(bytes) {
            self.seen.loud = true;
            self.seen.pointers.push(place.to_string());
        }
        let cut = self.chunks().and_then(|chunks| Some((chunks, chunks.cut(bytes)?)));
        // A first look knows no names; what was compressed is called after what it was in.
        let copied = cut.as_ref().is_some_and(|(_, cut)| cut.is_copy());
        let unnamed = self.probes && name == NAMELESS && !copied && archive::name_matters(bytes);
        self.seen.loud |= unnamed;
        let Some((chunks, cut)) = cut.filter(|_| !unnamed && decode::charset(bytes).is_none()) else {
            return self.bytes(place, bytes, None, &[]);
        };
        if let Some(known) = cut.known {
            // All of the same text was looked through: it costs what it cost, where there is enough left for that.
            if !known.take(&mut self.decoding) {
                self.bytes(place, bytes, None, &[]);
            }
            self.doubtful |= !self.spared.is_within(&self.decoding);
            return;
        }
        let (left, opened, troubles) = (self.decoding, self.expanding.members, self.troubles);
        let told = self.seen.leaks.len() + self.seen.excused.len();
        let loud = std::mem::take(&mut self.seen.loud);
        self.text(place, bytes, cut.fresh.as_deref(), &[], true);
        let took = Cost::between(&left, &self.decoding);
        self.spared = self.spared.and(cut.spared);
        // Without what is remembered more would have been decoded: was there enough left for that?
        self.doubtful |= !self.spared.is_within(&self.decoding);
        let more = self.seen.leaks.len() + self.seen.excused.len() > told || self.troubles > troubles;
        let quiet = !self.seen.loud && !more && opened == self.expanding.members && !self.doubtful;
        if quiet && self.decoding.packed > 0 && self.run.stop.asked().is_none() {
            let cost = took.and(cut.spared);
            chunks.keep(cut, cost);
        }
        self.seen.loud |= loud;
    }

    /// What is remembered of members; nothing where what is looked through was only taken for a file.
    fn chunks(&self) -> Option<&'s Chunks> {
        if !self.remembers || self.guessed || self.depth == 0 {
            return None;
        }
        self.run.chunks.get_or_init(Chunks::new).as_ref()
    }

    /// What holds others: they are looked through, and then what of its own bytes is no part of them, which may hold more
    /// than it hands over. What was found in a member is not found once more in what holds it.
    fn container(&mut self, place: &Place, name: &str, format: Format, bytes: &[u8]) {
        let all = self.open(place, name, format, Input::Bytes(bytes));
        if self.doubtful {
            return; // it begins anew
        }
        let gaps = self.cover.gaps(bytes.len());
        if all && format.hands_over_all() {
            self.text(place, bytes, gaps.as_deref(), &[], false);
        } else {
            self.bytes(place, bytes, gaps.as_deref(), &[]);
        }
    }

    /// Looks through everything that something holds; true if it was all read.
    fn open(&mut self, place: &Place, name: &str, format: Format, input: Input<'_>) -> bool {
        self.walk(place, |budget, visit| archive::open(format, name, input, budget, visit))
    }

    fn walk(
        &mut self,
        place: &Place,
        open: impl FnOnce(&mut Budget, &mut Visit<'_>) -> Result<(), ArchiveError>,
    ) -> bool {
        if self.depth >= DEEPEST {
            self.gap(format!("{place} lies in more archives, one in the other, than are opened"), BY_HAND);
            return false;
        }
        self.depth += 1;
        let mut budget = self.expanding.clone();
        let mut complete = true;
        let mut visit = |item: Item<'_>| {
            if self.doubtful || self.run.stop.asked().is_some() {
                return ControlFlow::Break(());
            }
            match item {
                Item::Member { name, bytes, stretches } => complete &= self.member(place, name, bytes, stretches),
                Item::Missed { name, error } => {
                    complete = false;
                    let member = self.named(place, name);
                    self.unread(&member, &error);
                }
            }
            if self.expanding.bytes == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let walked = open(&mut budget, &mut visit);
        self.depth -= 1;
        self.expanding.bytes = self.expanding.bytes.min(budget.bytes);
        self.expanding.members = self.expanding.members.min(budget.members);
        match walked {
            Ok(()) if self.expanding.bytes > 0 => complete,
            Ok(()) => {
                self.unread(place, &ArchiveError::OverBudget);
                false
            }
            Err(error) => {
                self.unread(place, &error);
                false
            }
        }
    }

    /// One member; false when nothing more may be taken out.
    fn member(&mut self, of: &Place, name: &str, bytes: &[u8], stretches: &[Stretch]) -> bool {
        let size = bytes.len() as u64;
        self.seen.members += Amount::one(size);
        if let Some((pipe, counted)) = &mut self.pipe {
            self.expanding.bytes = self.expanding.bytes.saturating_add(pipe.earned(counted));
        }
        self.expanding.bytes = self.expanding.bytes.saturating_sub(size);
        self.expanding.members = self.expanding.members.saturating_sub(1);
        self.decoding.grow(bytes.len());
        let place = self.named(of, name);
        let holder = std::mem::take(&mut self.cover);
        self.thing(&place, name, bytes);
        let member = std::mem::replace(&mut self.cover, holder);
        self.cover.hold(member, bytes.len(), stretches);
        self.expanding.bytes > 0
    }

    /// The place of a member. What is found in its name is reported, and not shown.
    fn named(&mut self, of: &Place, name: &str) -> Place {
        let masked = self.scanner.masked(name, self.scratch);
        let found = masked.is_some();
        let place = Place::Member { of: Box::new(of.clone()), name: masked.unwrap_or_else(|| name.to_owned()) };
        if found {
            let mut named = Seen::default();
            let collected = self.scanner.collect(name.as_bytes(), self.scratch);
            // A name stands in what holds the member as well.
            for taken in &collected.taken {
                self.cover.find_name(self.scanner.key.fingerprint(&taken.secret), taken.secret.len());
            }
            self.scanner.report(name.as_bytes(), &place, self.path, collected, &mut named);
            self.seen.excused.extend(named.excused);
            self.seen.leaks.extend(named.leaks.into_iter().map(Leak::in_name));
        }
        place
    }

    /// A file that stands in a text, encoded.
    pub(super) fn encoded_file(&mut self, of: &Place, text: &[u8], span: Span, bytes: &[u8], encodings: &[Encoding]) {
        let before = text.get(..span.start).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let how: Vec<&str> = encodings.iter().rev().map(|encoding| encoding.words()).collect();
        let name = format!("{} in line {line}", how.join(" in "));
        let place = Place::Member { of: Box::new(of.clone()), name };
        let before = std::mem::replace(&mut self.guessed, true);
        let holder = std::mem::take(&mut self.cover);
        self.thing(&place, "", bytes);
        (self.guessed, self.cover) = (before, holder);
    }

    fn unread(&mut self, place: &Place, error: &ArchiveError) {
        // Nobody said that it is one: bytes that only begin like an archive are none.
        if self.guessed && matches!(error, ArchiveError::Damaged { .. } | ArchiveError::Unsupported { .. }) {
            return;
        }
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        self.gap(format!("cannot read {place}: {error}{cause}"), remedy(error));
    }

    pub(super) fn miss(&mut self, place: &Place, what: &str) {
        self.gap(format!("{place} {what}"), BY_HAND);
    }

    fn gap(&mut self, what: String, remedy: &str) {
        self.troubles += 1;
        let gap = Gap { what, remedy: Some(remedy.to_owned()) };
        if self.seen.undecodable.len() >= GAPS {
            self.unnamed += 1;
        } else if !self.seen.undecodable.contains(&gap) {
            self.seen.undecodable.push(gap);
        }
    }

    fn finish(mut self, place: &Place) -> Option<Seen> {
        if self.doubtful {
            return None;
        }
        if self.unnamed > 0 {
            let what = format!("{place} holds {} more parts that could not be read", self.unnamed);
            self.seen.undecodable.push(Gap { what, remedy: Some(BY_HAND.to_owned()) });
        }
        let seen = &mut self.seen;
        seen.loud |= !seen.leaks.is_empty() || !seen.excused.is_empty() || !seen.undecodable.is_empty();
        Some(self.seen)
    }
}

/// What to do about what is not opened or not decoded.
const BY_HAND: &str = "unpack or decode it and scan that, or exclude it";

/// What to do about what expands to too much.
const EXPANDED: &str = "raise the limit with --max-expanded, or unpack it and scan that, or exclude it";

/// What to do about what is not read whole.
const LARGER: &str = "raise the limit with --max-size, or exclude it";

fn remedy(error: &ArchiveError) -> &'static str {
    match error {
        ArchiveError::Encrypted => "decrypt it and scan that, or exclude it",
        ArchiveError::OverBudget => EXPANDED,
        ArchiveError::TooMany | ArchiveError::Unsupported { .. } => BY_HAND,
        _ => "repair or fetch it again, or exclude it",
    }
}

#[cfg(test)]
mod tests;
