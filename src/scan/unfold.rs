//! One blob and everything that hides in it: its bytes as they stand, its text in whatever character set, and what is
//! encoded in that, one thing in the other.

mod again;

use super::chunks::Cost;
use super::noted::{self, Noted, Origin, Recalled};
use super::pipeline::{Collected, HITS_PER_BLOB, Seen, Taken};
use super::{Run, Scanner, members, quiet};
use crate::archive;
use crate::decode::{self, Budget, Piece};
use crate::engine::{Hit, Scratch};
use crate::model::{Confidence, Encoding, Fingerprint, Masked, Place, Span};
use crate::source::{Blob, Notes};
use std::ops::Range;

/// The character set of a text is told by so many bytes at its start; half of them are zeros if it is in UTF-16.
const SNIFFED: usize = 4_096;

/// What is carried along while one outermost blob is looked through.
pub(super) struct Unfolding<'s> {
    pub(super) scanner: &'s Scanner,
    pub(super) run: &'s Run<'s>,
    pub(super) scratch: &'s mut Scratch,
    /// The path by which exceptions are written.
    pub(super) path: &'s str,
    /// What may still be decoded.
    pub(super) decoding: Budget,
    /// What may still be taken out of archives.
    pub(super) expanding: archive::Budget,
    /// Where it comes from, if what may be taken out of it grows with what was read, and what was counted of that.
    pub(super) pipe: Option<(&'s archive::Pipe<'s>, u64)>,
    /// How many archives are open, one in the other.
    pub(super) depth: usize,
    /// Parts that could not be read beyond those that are named.
    pub(super) unnamed: u64,
    /// Whether what is looked through was taken for a file by its first bytes alone, in the midst of a text.
    pub(super) guessed: bool,
    /// Whether what members hold may be known from before.
    pub(super) remembers: bool,
    /// Whether it is a first look, without a name.
    pub(super) probes: bool,
    /// Parts that could not be read, each as often as it was met.
    pub(super) troubles: u64,
    /// What decoding did not have to do because it was done before.
    pub(super) spared: Cost,
    /// The hits of the last text, where they are all that there is in it.
    pub(super) noted: Option<Noting>,
    /// What is known of the thing that is being looked through.
    pub(super) cover: members::Cover,
    /// Whether it may have come to an end otherwise without that.
    pub(super) doubtful: bool,
    pub(super) seen: Seen,
}

/// Hits that are to be noted.
pub(super) struct Noting {
    hits: Vec<Noted>,
    /// Those of them that decoding gave.
    decoded: Vec<(Span, Fingerprint)>,
    /// What there was to say of the text besides what encoded files in it held.
    said: Said,
}

/// How much was said so far: leaks, excuses, and parts that could not be read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Said(usize, usize, u64);

/// A piece within pieces: how to get from its bytes back to those of the text that they all came from.
struct Layer<'l> {
    piece: &'l Piece<'l>,
    below: Option<&'l Layer<'l>>,
    depth: usize,
    sure: bool,
}

impl Layer<'_> {
    fn outer(&self, span: Span) -> Span {
        let span = self.piece.outer(span);
        self.below.map_or(span, |below| below.outer(span))
    }

    fn encodings(&self, before: &[Encoding]) -> Vec<Encoding> {
        let mut all = self.below.map_or_else(|| before.to_vec(), |below| below.encodings(before));
        all.push(self.piece.encoding);
        all
    }
}

/// What decoding gives of one text.
#[derive(Default)]
struct Gathered<'g> {
    /// How the text itself was encoded.
    before: &'g [Encoding],
    decoded: Vec<Taken>,
    /// What is noted of that.
    noted: Vec<Noted>,
    /// What must be masked for it, and what is beyond the limit.
    stretches: Vec<(Span, Masked)>,
    beyond: u64,
    /// What decoding gave that is a file which holds others.
    files: Vec<(Span, Vec<u8>, Vec<Encoding>)>,
    /// Encodings lie in each other deeper than they are followed.
    too_deep: bool,
}

impl Unfolding<'_> {
    /// Looks through bytes: as they stand, and as text if they are in a character set of their own.
    pub(super) fn bytes(&mut self, place: &Place, bytes: &[u8], fresh: Option<&[Range<usize>]>, before: &[Encoding]) {
        // What is copied from a text is in its character set, if it begins as that one did.
        let begins = fresh.and_then(|fresh| fresh.first()).is_some_and(|first| first.start >= SNIFFED);
        let Some((encoding, wide)) = (!begins).then(|| decode::charset(bytes)).flatten() else {
            return self.text(place, bytes, fresh, before, true);
        };
        self.seen.recoded = true;
        // What is not what its mark says is looked through as it stands.
        let as_they_stand = has_few_zeros(bytes.get(..SNIFFED).unwrap_or(bytes));
        self.text(place, bytes, fresh, before, as_they_stand);
        self.text(place, &wide, None, &[before, &[encoding]].concat(), true);
    }

    /// Looks through a text, and reports what is in it.
    pub(super) fn text(
        &mut self,
        place: &Place,
        text: &[u8],
        fresh: Option<&[Range<usize>]>,
        before: &[Encoding],
        decodes: bool,
    ) {
        if fresh.is_some_and(<[_]>::is_empty) {
            return;
        }
        let mut gathered = Gathered { before, ..Gathered::default() };
        let mut all = match fresh {
            None if decodes => self.searched_and_decoded(text, &mut gathered),
            _ => self.scanner.collect_in(text, fresh, self.scratch),
        };
        if decodes && fresh.is_some() {
            self.decode(&mut gathered, |budget, visit| decode::pieces(text, fresh, budget, visit));
        }
        all.taken.iter_mut().for_each(|taken| taken.decoded = before.to_vec());
        let Gathered { mut decoded, noted, stretches, beyond, files, too_deep, .. } = gathered;
        let room = HITS_PER_BLOB.saturating_sub(all.taken.len());
        all.beyond += beyond + decoded.len().saturating_sub(room) as u64;
        decoded.truncate(room);
        all.stretches.extend(stretches);
        let whole = decodes && before.is_empty() && all.beyond == 0;
        let noted = whole.then(|| [std::mem::take(&mut all.noted), noted].concat());
        let hidden = self.prints(&decoded);
        self.seen.loud |= !all.stretches.is_empty();
        self.add_decoded(decoded, &mut all);
        self.leave_known(text, before, &mut all);
        self.quieten(place, text, &mut all);
        self.scanner.report(text, place, self.path, all, &mut self.seen);
        if too_deep {
            self.miss(place, "holds more than is followed of what is encoded in what is encoded");
        }
        if std::mem::take(&mut self.decoding.exceeded) {
            self.miss(place, "holds more that is encoded than is decoded");
        }
        let said = self.said();
        for (span, bytes, encodings) in files {
            self.encoded_file(place, text, span, &bytes, &encodings);
        }
        self.noted = noted.map(|hits| Noting { hits, decoded: hidden, said });
    }

    fn said(&self) -> Said {
        Said(self.seen.leaks.len(), self.seen.excused.len(), self.troubles)
    }

    fn prints(&self, taken: &[Taken]) -> Vec<(Span, Fingerprint)> {
        taken.iter().map(|taken| (taken.span, self.scanner.key.fingerprint(&taken.secret))).collect()
    }

    /// Leaves out what members were found to hold, and keeps in mind what else there is, for what holds this.
    fn leave_known(&mut self, text: &[u8], before: &[Encoding], all: &mut Collected) {
        if self.depth == 0 && self.cover.is_empty() {
            return;
        }
        let (known, key) = (std::mem::take(&mut self.cover), &self.scanner.key);
        let mut found = Vec::new();
        all.taken.retain(|taken| {
            let print = key.fingerprint(&taken.secret);
            let is_new = known.is_empty() || !known.knows(taken, &print, text, key);
            if is_new {
                found.push((print, taken.secret.len(), before.is_empty().then_some(taken.span)));
            }
            is_new
        });
        self.cover = known;
        found.into_iter().for_each(|(print, length, span)| self.cover.find(print, length, span));
    }

    /// Searches a text and decodes what is encoded in it, side by side: each part is read twice while it is close to the
    /// processor.
    fn searched_and_decoded(&mut self, text: &[u8], gathered: &mut Gathered<'_>) -> Collected {
        let scanner = self.scanner;
        let mut all = Collected::default();
        let mut found = |hit: Hit<'_>| scanner.keep(text, &hit, &mut all);
        let mut inner = self.scratch.part();
        std::mem::swap(self.scratch, &mut inner);
        let mut search = scanner.engine.in_parts(text, &mut inner);
        self.decode(gathered, |budget, visit| {
            decode::pieces_beside(text, &mut |end| search.advance(end, &mut found), budget, visit);
        });
        search.finish(&mut found);
        std::mem::swap(self.scratch, &mut inner);
        self.scratch.rejoin(inner);
        all
    }

    /// Looks through all pieces of a text.
    fn decode(&mut self, gathered: &mut Gathered<'_>, pieces: impl FnOnce(&mut Budget, &mut decode::Visit<'_>)) {
        let mut budget = self.decoding;
        pieces(&mut budget, &mut |piece, budget| {
            self.layer(&Layer { piece, below: None, depth: 1, sure: piece.sure }, budget, gathered);
        });
        self.decoding = budget;
        self.doubtful |= !self.spared.is_within(&self.decoding);
    }

    /// Looks through the outermost text. Where its hits are noted from an earlier look, it is not searched for them.
    pub(super) fn outermost(&mut self, place: &Place, blob: &Blob<'_>) {
        let text = blob.bytes;
        if let Some(recalled) = blob.notes.and_then(Notes::known).and_then(|notes| self.scanner.recalled(text, notes)) {
            let Recalled { mut all, decoded, held } = recalled;
            self.seen.loud |= !all.stretches.is_empty();
            self.seen.members += held;
            self.add_decoded(decoded, &mut all);
            self.quieten(place, text, &mut all);
            self.scanner.report(text, place, self.path, all, &mut self.seen);
            return;
        }
        self.bytes(place, text, blob.fresh, &[]);
        let noted = self.noted.take().filter(|_| blob.fresh.is_none() && self.troubles == 0 && !self.seen.recoded);
        if let Some((notes, noted)) = blob.notes.zip(noted).filter(|_| self.run.stop.asked().is_none()) {
            notes.make(self.written(text, noted));
        }
    }

    /// What is noted of a text; none where it would not be the same that comes of the notes.
    fn written(&self, text: &[u8], noted: Noting) -> Option<Vec<u8>> {
        let Noting { hits, decoded, said } = noted;
        let held = self.seen.members;
        let notes = noted::Notes { hits, held: (held.items, held.bytes) }.written().filter(|_| said == self.said())?;
        let same = decoded.is_empty() || self.prints(&self.scanner.recalled(text, &notes)?.decoded) == decoded;
        same.then_some(notes)
    }

    /// In quiet places only kinds that are sure of themselves count.
    fn quieten(&self, place: &Place, text: &[u8], all: &mut Collected) {
        let doubtful = all.taken.iter().any(|hit| !quiet::counts(hit.confidence));
        if doubtful && (quiet::place(place, self.path) || quiet::content(text)) {
            all.taken.retain(|hit| quiet::counts(hit.confidence));
        }
    }

    /// Looks through a piece, and what is encoded in it in turn.
    fn layer(&mut self, layer: &Layer<'_>, budget: &mut Budget, gathered: &mut Gathered<'_>) {
        if self.run.stop.asked().is_some() {
            return;
        }
        let piece = layer.piece;
        let deepest = layer.depth >= decode::DEPTH;
        let (depth, sure) = (layer.depth + 1, layer.sure);
        let mut visit = |gathered: &mut Gathered<'_>, piece: &Piece<'_>, sure: bool, budget: &mut Budget| {
            if deepest {
                gathered.too_deep |= piece.is_one();
            } else {
                let layer = Layer { piece, below: Some(layer), depth, sure: sure && piece.sure };
                self.layer(&layer, budget, gathered);
            }
        };
        // What expands is what was meant, and surely so; its packed bytes are noise.
        let file = piece.is_one() && !piece.bytes().is_empty() && members::is_file(piece.bytes());
        if file {
            let span = layer.outer(Span { start: 0, end: piece.bytes().len() });
            gathered.files.push((span, piece.bytes().to_vec(), layer.encodings(gathered.before)));
        }
        let packed = piece.is_one()
            && decode::expand(piece.bytes(), budget, &mut |piece, budget| visit(gathered, piece, true, budget));
        if !packed {
            decode::deeper(piece, budget, &mut |piece, budget| {
                visit(gathered, piece, sure, budget);
            });
            self.search(layer, gathered);
        }
    }

    /// Searches the text of a piece.
    fn search(&mut self, layer: &Layer<'_>, gathered: &mut Gathered<'_>) {
        let piece = layer.piece;
        let scanner = self.scanner;
        scanner.engine.scan(piece.bytes(), self.scratch, &mut |hit: Hit<'_>| {
            let counts = layer.sure || hit.kind.confidence == Confidence::High;
            // Of what belongs together a part may be what was encoded, and the secret may stand beside what told of it.
            let mut parts = [hit.whole, hit.span].into_iter().chain(hit.companions.iter().map(|(_, span)| *span));
            let shown = parts.any(|part| piece.shows(part));
            if !counts || !shown {
                return;
            }
            let mut stretches = Vec::new();
            let Some(mut taken) = scanner.take(piece.bytes(), &hit, &mut stretches) else { return };
            // What was guessed to be encoded, and is doubted besides, is chance.
            if !layer.sure && taken.reading.doubtful {
                return;
            }
            taken.span = layer.outer(hit.span);
            taken.decoded = layer.encodings(gathered.before);
            let origin = Origin { encodings: &taken.decoded, bytes: piece.bytes() };
            gathered.noted.extend(scanner.noted_in(&hit, &origin, taken.span));
            gathered.stretches.extend(stretches.into_iter().map(|(span, shown)| (layer.outer(span), shown)));
            if gathered.decoded.len() < HITS_PER_BLOB {
                gathered.decoded.push(taken);
            } else {
                gathered.beyond += 1;
            }
        });
    }

    /// Adds what decoding gave to what stands there plainly. What is found both ways counts once, as it stands; what is
    /// found in several ways, by the shortest.
    fn add_decoded(&mut self, mut decoded: Vec<Taken>, all: &mut Collected) {
        if decoded.is_empty() {
            return;
        }
        all.taken.sort_by_key(|taken| taken.span);
        let plain: Vec<(Span, Confidence, String)> =
            all.taken.iter().map(|taken| (taken.span, taken.confidence, taken.kind.as_str().to_owned())).collect();
        let known = |taken: &Taken| {
            let first = plain.partition_point(|(span, ..)| span.end <= taken.span.start);
            let near = plain.iter().skip(first).take_while(|(span, ..)| span.start < taken.span.end);
            let opaque = taken.decoded.iter().any(|encoding| hides(*encoding));
            near.into_iter().any(|(_, confidence, kind)| {
                kind == taken.kind.as_str() || (!opaque && *confidence >= taken.confidence)
            })
        };
        decoded.retain(|taken| !known(taken));
        let mut decoded: Vec<_> =
            decoded.into_iter().map(|taken| (self.scanner.key.fingerprint(&taken.secret), taken)).collect();
        decoded.sort_by(|(one, a), (two, b)| {
            (one, a.decoded.len(), a.span, &a.decoded, &a.kind).cmp(&(
                two,
                b.decoded.len(),
                b.span,
                &b.decoded,
                &b.kind,
            ))
        });
        let mut kept: Vec<(Fingerprint, Taken)> = Vec::new();
        for (print, taken) in decoded {
            let same = kept.iter().rev().take_while(|(other, _)| *other == print);
            let again = same.into_iter().any(|(_, other)| overlap(other.span, taken.span));
            if !again {
                kept.push((print, taken));
            }
        }
        all.taken.extend(kept.into_iter().map(|(_, taken)| taken));
        self.undress(&mut all.taken);
    }

    /// Takes out what was guessed by a name where something known stands in it, and what is told only where it is no part of
    /// another: of what belongs together a part may have been encoded.
    fn undress(&self, taken: &mut Vec<Taken>) {
        let known = taken.iter().filter(|one| one.confidence > Confidence::Low);
        let known: Vec<(Span, Vec<Fingerprint>)> = known
            .map(|one| (one.span, one.companions.iter().map(|(_, part)| self.scanner.key.fingerprint(part)).collect()))
            .collect();
        let dressed =
            |one: &Taken| one.confidence == Confidence::Low && known.iter().any(|(span, _)| overlap(*span, one.span));
        let kinds = self.scanner.engine.catalogue();
        let part = |one: &Taken| {
            let lone = kinds.find(&one.kind).is_some_and(|kind| kind.detect.is_lone());
            let print = lone.then(|| self.scanner.key.fingerprint(&one.secret));
            print.is_some_and(|print| known.iter().any(|(_, parts)| parts.contains(&print)))
        };
        taken.retain(|one| !dressed(one) && !part(one));
    }
}

fn has_few_zeros(head: &[u8]) -> bool {
    head.iter().filter(|byte| **byte == 0).count() * 8 < head.len()
}

/// True for encodings whose text looks nothing like what it means.
fn hides(encoding: Encoding) -> bool {
    use Encoding::{Base32, Base64, Base85, Gzip, Hex, Uuencode, Zlib, Zstd};
    matches!(encoding, Base64 | Base32 | Base85 | Uuencode | Hex | Gzip | Zlib | Zstd)
}

fn overlap(a: Span, b: Span) -> bool {
    a.start < b.end && b.start < a.end
}

#[cfg(test)]
pub(super) mod tests;
