//! Objects in any order.

use super::loose::{Loose, LooseError};
use super::packfile::Pack;
use super::stores::Objects;
use super::{Fault, Kind, ObjectId, PackError};
use crate::pack::{Entry, Form, Inflater, delta};
use std::sync::Arc;

/// How many objects one may be made of; git makes at most 4,095.
const DEEPEST: usize = 10_000;
/// To go on in another place is worth as many steps as this: bases are in the same pack but for the rarest cases.
const ELSEWHERE: usize = DEEPEST / 32;
/// How many objects that others are made of are kept, and how many bytes they may take.
const SLOTS: usize = 4_096;
const KEPT: usize = 24 << 20;

/// An object that was read: what it is, and its bytes.
pub type Content = (Kind, Arc<Vec<u8>>);

/// Reads objects in any order, for one thread.
#[derive(Debug)]
pub struct Reader<'a> {
    objects: &'a Objects,
    /// Most bytes of an object, and of what it is made from.
    limit: u64,
    inflater: Inflater,
    bases: Bases,
    /// Steps from an object to its base that may still be gone for the one that is read.
    steps: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(objects: &'a Objects, limit: u64) -> Self {
        Self { objects, limit, inflater: Inflater::new(), bases: Bases::default(), steps: 0 }
    }

    /// The object of this name, from the first place that holds it unharmed.
    ///
    /// # Errors
    /// When none of those that hold it does.
    pub fn read(&mut self, id: &ObjectId) -> Result<Option<Content>, PackError> {
        self.read_apart_from(None, id)
    }

    /// The same without looking into one of the packs.
    pub(super) fn read_apart_from(&mut self, pack: Option<usize>, id: &ObjectId) -> Result<Option<Content>, PackError> {
        self.steps = DEEPEST;
        self.read_on(pack, id)
    }

    fn read_on(&mut self, apart_from: Option<usize>, id: &ObjectId) -> Result<Option<Content>, PackError> {
        let objects = self.objects;
        let mut trouble = None;
        for (number, pack) in objects.packs().iter().enumerate() {
            let Some(position) = pack.index.find(id) else { continue };
            if apart_from == Some(number) {
                continue;
            }
            match self.packed(number, pack, position) {
                Ok(found) => return Ok(Some(found)),
                Err(fault) => {
                    trouble.get_or_insert_with(|| pack.object_error(*id, pack.index.offset(position), fault));
                }
            }
        }
        for path in objects.loose(id) {
            match self.loose(&path) {
                Ok(found) => return Ok(Some(found)),
                Err(fault) => {
                    trouble.get_or_insert(PackError::Object { id: *id, within: path, offset: None, fault });
                }
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    /// Kind and size, without reading more than that takes.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn header(&mut self, id: &ObjectId) -> Result<Option<(Kind, u64)>, PackError> {
        self.steps = DEEPEST;
        self.header_on(id)
    }

    fn header_on(&mut self, id: &ObjectId) -> Result<Option<(Kind, u64)>, PackError> {
        let objects = self.objects;
        let mut trouble = None;
        for pack in objects.packs() {
            let Some(position) = pack.index.find(id) else { continue };
            match self.packed_header(pack, position) {
                Ok(found) => return Ok(Some(found)),
                Err(fault) => {
                    trouble.get_or_insert_with(|| pack.object_error(*id, pack.index.offset(position), fault));
                }
            }
        }
        for path in objects.loose(id) {
            match Loose::open(&path, &mut self.inflater) {
                Ok(loose) => return Ok(Some((loose.kind, loose.size))),
                Err(error) => {
                    let fault = fault_of(&error);
                    trouble.get_or_insert(PackError::Object { id: *id, within: path, offset: None, fault });
                }
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    fn loose(&mut self, path: &std::path::Path) -> Result<Content, Fault> {
        let loose = Loose::open(path, &mut self.inflater).map_err(|error| fault_of(&error))?;
        if loose.size > self.limit {
            return Err(Fault::Heavy(loose.size));
        }
        let (kind, mut bytes) = (loose.kind, Vec::new());
        loose.read(&mut self.inflater, &mut bytes).map_err(|error| fault_of(&error))?;
        Ok((kind, Arc::new(bytes)))
    }
}

impl Reader<'_> {
    /// The object at a position of a pack's index.
    fn packed(&mut self, number: usize, pack: &Pack, position: u32) -> Result<Content, Fault> {
        let mut offset = pack.index.offset(position).ok_or(Fault::Offset)?;
        let mut used_by = Vec::new();
        let (kind, mut base) = loop {
            self.step(1)?;
            if let Some(found) = self.bases.find(number, offset) {
                break found;
            }
            let entry = pack.entry(offset)?;
            match entry.form {
                Form::Whole(kind) => {
                    let whole = Arc::new(self.whole(pack, &entry)?);
                    self.bases.keep(number, offset, kind, &whole);
                    break (kind, whole);
                }
                Form::At(base) => {
                    used_by.push((offset, entry));
                    offset = base;
                }
                Form::From(base) => {
                    used_by.push((offset, entry));
                    match pack.index.find(&base).and_then(|position| pack.index.offset(position)) {
                        Some(base) => offset = base,
                        None => break self.elsewhere(&base)?,
                    }
                }
            }
        };
        let (mut instructions, mut fresh) = (Vec::new(), Vec::new());
        for (offset, entry) in used_by.into_iter().rev() {
            if entry.size > self.limit.saturating_mul(2) {
                return Err(Fault::Heavy(entry.size));
            }
            self.inflater.inflate(pack.data(&entry), entry.size, &mut instructions)?;
            let sizes = delta::Sizes::read(&instructions).ok_or(Fault::Delta)?;
            if sizes.result > self.limit {
                return Err(Fault::Heavy(sizes.result));
            }
            let mut out = Vec::new();
            delta::apply(&base, &instructions, sizes, &mut out, &mut fresh)?;
            base = Arc::new(out);
            self.bases.keep(number, offset, kind, &base);
        }
        Ok((kind, base))
    }

    fn whole(&mut self, pack: &Pack, entry: &Entry) -> Result<Vec<u8>, Fault> {
        if entry.size > self.limit {
            return Err(Fault::Heavy(entry.size));
        }
        let mut out = Vec::new();
        self.inflater.inflate(pack.data(entry), entry.size, &mut out)?;
        Ok(out)
    }

    /// A base that its pack does not hold.
    fn elsewhere(&mut self, base: &ObjectId) -> Result<Content, Fault> {
        self.step(ELSEWHERE)?;
        match self.read_on(None, base) {
            Ok(found) => found.ok_or(Fault::Missing(*base)),
            Err(_) => Err(Fault::Base),
        }
    }

    fn packed_header(&mut self, pack: &Pack, position: u32) -> Result<(Kind, u64), Fault> {
        let mut entry = pack.entry(pack.index.offset(position).ok_or(Fault::Offset)?)?;
        let size = match entry.form {
            Form::Whole(_) => entry.size,
            Form::At(_) | Form::From(_) => self.result_size(pack, &entry)?,
        };
        loop {
            self.step(1)?;
            let base = match entry.form {
                Form::Whole(kind) => return Ok((kind, size)),
                Form::At(base) => base,
                Form::From(base) => match pack.index.find(&base).and_then(|position| pack.index.offset(position)) {
                    Some(base) => base,
                    None => {
                        self.step(ELSEWHERE)?;
                        let found = self.header_on(&base).map_err(|_| Fault::Base)?;
                        return found.map(|(kind, _)| (kind, size)).ok_or(Fault::Missing(base));
                    }
                },
            };
            entry = pack.entry(base)?;
        }
    }

    /// What a delta says that its result takes.
    fn result_size(&mut self, pack: &Pack, entry: &Entry) -> Result<u64, Fault> {
        let mut head = [0; delta::HEAD];
        let came = self.inflater.head(pack.data(entry), &mut head)?;
        let sizes = delta::Sizes::read(head.get(..came).unwrap_or_default()).ok_or(Fault::Delta)?;
        Ok(sizes.result)
    }

    fn step(&mut self, cost: usize) -> Result<(), Fault> {
        self.steps = self.steps.checked_sub(cost).ok_or(Fault::Deep)?;
        Ok(())
    }
}

fn fault_of(error: &LooseError) -> Fault {
    match error {
        LooseError::File(_) => Fault::Unreadable,
        LooseError::Fault(fault) => *fault,
    }
}

/// Objects that others are made of, by their places; two that fall on one slot take turns.
#[derive(Debug, Default)]
struct Bases {
    slots: Vec<Option<Base>>,
    bytes: usize,
}

#[derive(Debug)]
struct Base {
    pack: usize,
    offset: u64,
    kind: Kind,
    bytes: Arc<Vec<u8>>,
}

impl Bases {
    fn find(&self, pack: usize, offset: u64) -> Option<(Kind, Arc<Vec<u8>>)> {
        let base = self.slots.get(slot(pack, offset))?.as_ref()?;
        (base.pack == pack && base.offset == offset).then(|| (base.kind, Arc::clone(&base.bytes)))
    }

    fn keep(&mut self, pack: usize, offset: u64, kind: Kind, bytes: &Arc<Vec<u8>>) {
        if bytes.len() > KEPT / 8 {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        if self.bytes + bytes.len() > KEPT {
            self.slots.iter_mut().for_each(|slot| *slot = None);
            self.bytes = 0;
        }
        if let Some(place) = self.slots.get_mut(slot(pack, offset)) {
            let old = place.replace(Base { pack, offset, kind, bytes: Arc::clone(bytes) });
            self.bytes = self.bytes + bytes.len() - old.map_or(0, |old| old.bytes.len());
        }
    }
}

fn slot(pack: usize, offset: u64) -> usize {
    let mixed = (offset ^ (pack as u64) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 52) as usize % SLOTS
}
