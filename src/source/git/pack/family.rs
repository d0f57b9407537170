//! One thread of a walk: makes objects from their bases and hands them out.

use super::forest::Forest;
use super::loose::{Loose, LooseError};
use super::packfile::Pack;
use super::queue::{Nodes, TASK, Task};
use super::reader::Reader;
use super::walk::{Errand, Judged};
use super::{Fault, Flow, Item, Kind, Object, ObjectId, PackError, loose};
use crate::pack::{Entry, Form, Inflater, delta};
use std::ops::Range;

/// Bytes of bases that all threads together keep; those that are dropped are made again.
const KEPT: usize = 48 << 20;
/// Room that is used again for the next object: so many pieces, none larger than this.
const SPARE: usize = 8;
const SPARE_BYTES: usize = 1 << 20;
/// Instructions of so many bytes are asked first how much they make.
const ASKED: u64 = 1 << 16;

/// It is handed out itself.
const ITSELF: u8 = 1;
/// Something made from it is.
const BELOW: u8 = 2;
/// There was nothing in it.
const QUIET: u8 = 4;

/// One thread of a walk.
pub(super) struct Worker<'a> {
    errand: &'a Errand<'a>,
    maker: Maker<'a>,
    /// What is to be done with the entries of the task, from its first.
    marks: Vec<u8>,
    /// The bases of the entry at hand, from the first to the one it is made from.
    bases: Vec<Base>,
    kept: usize,
    spare: Vec<Vec<u8>>,
}

/// An entry that others are made from.
struct Base {
    node: u32,
    bytes: Option<Vec<u8>>,
    /// Whether what is made from it is handed out whole.
    whole: bool,
}

impl<'a> Worker<'a> {
    pub(super) fn new(errand: &'a Errand<'a>) -> Self {
        let reader = errand.objects.reader(errand.most_held);
        let maker = Maker { reader, inflater: Inflater::new(), instructions: Vec::new(), fresh: Vec::new() };
        Self { errand, maker, marks: Vec::new(), bases: Vec::new(), kept: 0, spare: Vec::new() }
    }

    /// Works until nothing is left to be done.
    pub(super) fn work(mut self) {
        while let Some((task, _at_it)) = self.errand.queue.take() {
            match task {
                Task::Grow(number) => self.grow(number),
                Task::Nodes(nodes) => self.hand_out(&nodes),
                Task::Loose { store, first } => self.loose(store, first),
            }
        }
    }

    fn grow(&mut self, number: usize) {
        let Some(pack) = self.errand.objects.packs().get(number) else { return };
        let forest = Forest::grow(pack, self.errand.walk.kinds, &mut self.maker.reader).unwrap_or_else(|fault| {
            let path = pack.path().to_owned();
            self.errand.hand(Item::Unread(PackError::Pack { path, fault }));
            Forest::default()
        });
        self.errand.queue.grown(number, u64::from(pack.count()), forest);
    }

    fn hand_out(&mut self, nodes: &Nodes) {
        let Some(pack) = self.errand.objects.packs().get(nodes.pack) else { return };
        self.mark(nodes, pack);
        while self.bases.last().is_some() {
            self.leave();
        }
        if let Some(node) = nodes.forest.parent(nodes.range.start) {
            self.bases.push(Base { node, bytes: None, whole: nodes.whole });
        }
        let mut node = nodes.range.start;
        while node < nodes.range.end && !self.errand.queue.stopped() {
            node = match self.mark_of(nodes, node) {
                mark if mark & (ITSELF | BELOW) == 0 => nodes.forest.end(node),
                mark => self.node(nodes, pack, node, mark),
            };
        }
    }

    /// Decides what is to be done with each entry of a task.
    fn mark(&mut self, nodes: &Nodes, pack: &Pack) {
        self.marks.clear();
        for node in nodes.range.clone() {
            let id = pack.index.id(nodes.forest.position(node));
            self.marks.push(match id.map(|id| self.errand.judge(Some(nodes.pack), &id)) {
                Some(Judged::New) => ITSELF,
                Some(Judged::Quiet) => QUIET,
                Some(Judged::Loud) | None => 0,
            });
        }
        for node in nodes.range.clone().rev() {
            let parent = nodes.forest.parent(node).and_then(|parent| parent.checked_sub(nodes.range.start));
            if let Some(parent) = parent
                && self.mark_of(nodes, node) & (ITSELF | BELOW) != 0
                && let Some(mark) = self.marks.get_mut(parent as usize)
            {
                *mark |= BELOW;
            }
        }
    }

    fn mark_of(&self, nodes: &Nodes, node: u32) -> u8 {
        self.marks.get((node - nodes.range.start) as usize).copied().unwrap_or_default()
    }

    /// Makes an entry and hands it out; says which is next.
    fn node(&mut self, nodes: &Nodes, pack: &Pack, node: u32, mark: u8) -> u32 {
        let forest = &*nodes.forest;
        let (end, parent) = (forest.end(node), forest.parent(node));
        while self.bases.last().is_some_and(|base| Some(base.node) != parent) {
            self.leave();
        }
        let Some(id) = pack.index.id(forest.position(node)) else { return end };
        let limit = self.errand.walk.limit;
        let most = if mark & BELOW == 0 { limit } else { self.errand.most_held };
        let mut bytes = self.spare.pop().unwrap_or_default();
        let made = self.made(forest, pack, node, most, &mut bytes);
        let base_whole = self.bases.last().is_none_or(|base| base.whole);
        if parent.is_some_and(|parent| forest.end(parent) == end) {
            self.leave(); // nothing more is made from it
        }
        let kind = match (made, forest.kind(node)) {
            (Ok(()), Some(kind)) => kind,
            (made, kind) => {
                self.reuse(bytes);
                self.failed(nodes, pack, node, made.err().unwrap_or(Fault::Base), kind);
                return end;
            }
        };
        let whole = if mark & ITSELF == 0 {
            mark & QUIET == 0
        } else if bytes.len() as u64 > limit {
            self.errand.hand(Item::TooLarge { id, kind, size: bytes.len() as u64 });
            true
        } else {
            let fresh = (!base_whole).then_some(self.maker.fresh.as_slice());
            self.errand.hand(Item::Object(Object { id, kind, bytes: &bytes, fresh })) != Flow::Quiet
        };
        if mark & BELOW == 0 {
            self.reuse(bytes);
            return end;
        }
        self.keep(Base { node, bytes: Some(bytes), whole });
        self.share(nodes, node, whole)
    }

    /// Makes an entry from its base, and its base first where that is not kept.
    fn made(&mut self, forest: &Forest, pack: &Pack, node: u32, most: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.bases.last().is_some_and(|base| base.bytes.is_none()) {
            self.make_base(forest, pack)?;
        }
        let base = self.bases.last().and_then(|base| base.bytes.as_deref());
        self.maker.make(pack, forest.position(node), base, most, out)
    }

    /// Makes the last base again, from the nearest that is kept.
    fn make_base(&mut self, forest: &Forest, pack: &Pack) -> Result<(), Fault> {
        let mut path = Vec::new();
        let mut from = None;
        let mut node = self.bases.last().map(|base| base.node);
        while let Some(base) = node {
            from = self.bases.iter().rposition(|kept| kept.node == base && kept.bytes.is_some());
            if from.is_some() {
                break;
            }
            path.push(base);
            node = forest.parent(base);
        }
        let mut last: Option<Vec<u8>> = None;
        for node in path.into_iter().rev() {
            if self.errand.queue.stopped() {
                return Err(Fault::Base);
            }
            let mut out = self.spare.pop().unwrap_or_default();
            let kept = from.and_then(|from| self.bases.get(from)).and_then(|base| base.bytes.as_deref());
            let base = last.as_deref().or(kept);
            self.maker.make(pack, forest.position(node), base, self.errand.most_held, &mut out).map_err(|fault| {
                match fault {
                    Fault::Heavy(_) => fault,
                    _ => Fault::Base,
                }
            })?;
            if let Some(done) = last.replace(out) {
                self.reuse(done);
            }
        }
        if let Some((base, bytes)) = self.bases.pop().zip(last) {
            self.keep(Base { bytes: Some(bytes), ..base });
        }
        Ok(())
    }

    /// Keeps a base, and drops those before it while they take too much.
    fn keep(&mut self, base: Base) {
        self.kept += base.bytes.as_ref().map_or(0, Vec::capacity);
        let most = KEPT / self.errand.walk.jobs.max(1);
        for earlier in &mut self.bases {
            if self.kept <= most {
                break;
            }
            self.kept -= earlier.bytes.take().map_or(0, |bytes| bytes.capacity());
        }
        self.bases.push(base);
    }

    /// Lets the last base go.
    fn leave(&mut self) {
        if let Some(bytes) = self.bases.pop().and_then(|base| base.bytes) {
            self.kept -= bytes.capacity();
            self.reuse(bytes);
        }
    }

    fn reuse(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < SPARE && bytes.capacity() <= SPARE_BYTES {
            self.spare.push(bytes);
        }
    }

    /// Leaves most of what is made from an entry to whoever has time, when that is much; says where to go on.
    fn share(&mut self, nodes: &Nodes, node: u32, whole: bool) -> u32 {
        let forest = &*nodes.forest;
        let end = forest.end(node);
        let (mut first, mut child) = (node + 1, node + 1);
        while end - first > TASK && child < end {
            let next = forest.end(child);
            if next == end {
                break;
            }
            if next - first >= TASK {
                let (pack, forest) = (nodes.pack, nodes.forest.clone());
                self.errand.queue.put_off(Nodes { pack, forest, range: first..next, whole });
                first = next;
            }
            child = next;
        }
        first
    }

    /// Names an entry that could not be made, and all that is made from it.
    fn failed(&mut self, nodes: &Nodes, pack: &Pack, node: u32, fault: Fault, kind: Option<Kind>) {
        let end = nodes.forest.end(node);
        for each in node..end {
            let position = nodes.forest.position(each);
            let Some(id) = pack.index.id(position) else { continue };
            if self.mark_of(nodes, each) & ITSELF == 0 || self.errand.queue.stopped() {
                continue;
            }
            match (fault, kind) {
                (Fault::Heavy(size), Some(kind)) if each == node && size > self.errand.walk.limit => {
                    self.errand.hand(Item::TooLarge { id, kind, size });
                }
                _ => {
                    let fault = if each == node || matches!(fault, Fault::Heavy(_)) { fault } else { Fault::Base };
                    let error = pack.object_error(id, pack.index.offset(position), fault);
                    self.errand.unread(Some(nodes.pack), id, error);
                }
            }
        }
    }

    /// Hands out the objects of a store that have files of their own.
    fn loose(&mut self, store: usize, first: u8) {
        let objects = self.errand.objects;
        let Some((before, directory)) = objects.stores.get(..store).zip(objects.stores.get(store)) else { return };
        let names = match loose::names(directory, first, objects.hash()) {
            Ok(names) => names,
            Err(source) => {
                let path = directory.join(format!("{first:02x}"));
                self.errand.hand(Item::Unread(PackError::Read { path, source }));
                return;
            }
        };
        for id in names {
            let seen = || before.iter().any(|store| loose::path_of(store, &id).is_file());
            if self.errand.queue.stopped() {
                return;
            }
            if self.errand.judge(None, &id) == Judged::New && !seen() {
                self.single(id, loose::path_of(directory, &id));
            }
        }
    }

    fn single(&mut self, id: ObjectId, path: std::path::PathBuf) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        let read = Loose::open(&path, &mut self.maker.inflater).and_then(|loose| {
            let (kind, size) = (loose.kind, loose.size);
            if self.errand.walk.kinds.has(kind) && size <= self.errand.walk.limit {
                loose.read(&mut self.maker.inflater, &mut bytes)?;
            }
            Ok((kind, size))
        });
        match read {
            Ok((kind, _)) if !self.errand.walk.kinds.has(kind) => {}
            Ok((kind, size)) if size > self.errand.walk.limit => {
                self.errand.hand(Item::TooLarge { id, kind, size });
            }
            Ok((kind, _)) => {
                self.errand.hand(Item::Object(Object { id, kind, bytes: &bytes, fresh: None }));
            }
            Err(LooseError::File(source)) => self.errand.unread(None, id, PackError::Read { path, source }),
            Err(LooseError::Fault(fault)) => {
                self.errand.unread(None, id, PackError::Object { id, within: path, offset: None, fault });
            }
        }
        self.reuse(bytes);
    }
}

/// Makes objects from entries.
struct Maker<'a> {
    reader: Reader<'a>,
    inflater: Inflater,
    instructions: Vec<u8>,
    /// What is new in the object that was made last.
    fresh: Vec<Range<usize>>,
}

impl Maker<'_> {
    /// Makes the object at a position of the index from its base in the same pack, or from none, in `out`.
    fn make(
        &mut self,
        pack: &Pack,
        position: u32,
        base: Option<&[u8]>,
        most: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let offset = pack.index.offset(position).ok_or(Fault::Offset)?;
        let entry = pack.entry(offset)?;
        let elsewhere;
        let base = match (entry.form, base) {
            (Form::Whole(_), _) if entry.size > most => return Err(Fault::Heavy(entry.size)),
            (Form::Whole(_), _) => {
                let used = self.inflater.inflate(pack.data(&entry), entry.size, out)?;
                return pack.check(position, offset, &entry, used);
            }
            (_, Some(base)) => base,
            (Form::At(_), None) => return Err(Fault::NoBase),
            (Form::From(id), None) if pack.contains(&id) => return Err(Fault::Cycle),
            (Form::From(id), None) => {
                elsewhere = self.reader.read(&id).map_err(|_| Fault::Base)?.ok_or(Fault::Missing(id))?;
                elsewhere.1.as_slice()
            }
        };
        let used = self.instructions(pack, &entry, most)?;
        pack.check(position, offset, &entry, used)?;
        let sizes = delta::Sizes::read(&self.instructions).ok_or(Fault::Delta)?;
        if sizes.result > most {
            return Err(Fault::Heavy(sizes.result));
        }
        delta::apply(base, &self.instructions, sizes, out, &mut self.fresh)
    }

    /// Unpacks how an object is made; says how many compressed bytes that took.
    fn instructions(&mut self, pack: &Pack, entry: &Entry, most: u64) -> Result<usize, Fault> {
        if entry.size > ASKED {
            let mut head = [0; delta::HEAD];
            let came = self.inflater.head(pack.data(entry), &mut head)?;
            let sizes = delta::Sizes::read(head.get(..came).unwrap_or_default()).ok_or(Fault::Delta)?;
            if sizes.result > most {
                return Err(Fault::Heavy(sizes.result));
            }
            // Longer than what they make, and than any that git writes.
            if entry.size > sizes.result.saturating_mul(2).max(1 << 20) {
                return Err(Fault::Absurd(entry.size));
            }
        }
        if self.instructions.capacity() > SPARE_BYTES && entry.size < SPARE_BYTES as u64 {
            self.instructions = Vec::new();
        }
        self.inflater.inflate(pack.data(entry), entry.size, &mut self.instructions)
    }
}
