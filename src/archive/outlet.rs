//! Where everything that comes out of an archive passes through: it is counted, cut to what is allowed, and handed over.

use super::format::Format;
use super::names;
use super::region::{Feed, Region};
use super::{ArchiveError, Budget, Item, Pipe, Stretch, Visit};
use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;

/// Streams within streams, each too large to be held, that are followed.
const NESTED_STREAMS: usize = 4;
/// Bytes that two pieces of something large share.
const SHARED_BYTES: usize = 1 << 20;
/// A buffer that grew larger than this is not kept for the next member.
const KEPT_BUFFER_BYTES: usize = 8 << 20;

/// Why a walk ends before its end.
#[derive(Debug)]
pub(super) enum Halt {
    /// Whoever looks has seen enough.
    Stopped,
    /// What follows cannot be read.
    Failed(ArchiveError),
}

impl From<ArchiveError> for Halt {
    fn from(error: ArchiveError) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Halt {
    fn from(source: io::Error) -> Self {
        Self::Failed(ArchiveError::from_io(source))
    }
}

/// How a walk, or a step of one, went.
pub(super) type Walk = Result<(), Halt>;

/// The one way out.
pub(super) struct Outlet<'o, 'v> {
    budget: &'o mut Budget,
    visit: &'o mut Visit<'v>,
    /// Where what is read comes from, if what may be taken out grows with that, and what was counted of it.
    pipe: Option<(&'o Pipe<'o>, u64)>,
    /// Where in memory what was opened lies: what is handed over from there stands there.
    ground: Range<usize>,
    /// Where what is read next stands there, if it is read as it is.
    next: Option<u64>,
    buffer: Vec<u8>,
    prefix: String,
    depth: usize,
}

/// Where bytes lie in memory.
fn lying(bytes: &[u8]) -> Range<usize> {
    let start = bytes.as_ptr().addr();
    start..start + bytes.len()
}

impl<'o, 'v> Outlet<'o, 'v> {
    pub(super) fn new(budget: &'o mut Budget, visit: &'o mut Visit<'v>) -> Self {
        Self {
            budget,
            visit,
            pipe: None,
            ground: 0..0,
            next: None,
            buffer: Vec::new(),
            prefix: String::new(),
            depth: 0,
        }
    }

    /// The same for what lies in memory, if it does.
    pub(super) fn over(self, whole: &Region<'_>) -> Self {
        Self { ground: whole.in_memory().map_or(0..0, lying), ..self }
    }

    /// Says where the stream that is handed over next stands in what was opened, as it is.
    pub(super) fn reads_from(&mut self, stands: Option<u64>) {
        self.next = stands;
    }

    /// Where the first bytes of a stream stand that is about to be handed over.
    fn stretch(&mut self, read: &[u8]) -> Option<Stretch> {
        let stands = usize::try_from(self.next.take()?).ok()?;
        let fits = stands.checked_add(read.len()).is_some_and(|end| end <= self.ground.len());
        fits.then_some(Stretch { at: 0, stands, length: read.len() })
    }

    /// Where bytes stand in what was opened; none where they are no part of that but were made or copied.
    pub(super) fn standing(&self, bytes: &[u8]) -> Option<Stretch> {
        let lies = lying(bytes);
        let inside = !bytes.is_empty() && self.ground.start <= lies.start && lies.end <= self.ground.end;
        inside.then(|| Stretch { at: 0, stands: lies.start - self.ground.start, length: bytes.len() })
    }

    /// The same for what comes from a pipe.
    pub(super) fn fed_by(self, pipe: &'o Pipe<'o>) -> Self {
        Self { pipe: Some((pipe, 0)), ..self }
    }

    /// The largest thing that may be held in memory.
    pub(super) fn largest(&self) -> u64 {
        self.budget.largest_bytes.min(self.budget.bytes)
    }

    /// Bytes that may still be handed over.
    pub(super) fn bytes_left(&self) -> u64 {
        self.budget.bytes
    }

    /// Members that may still be handed over.
    pub(super) fn members_left(&self) -> u64 {
        self.budget.members
    }

    /// Takes from the budget what is expanded without being handed over as it is.
    pub(super) fn spend(&mut self, bytes: u64) -> Walk {
        if let Some((pipe, counted)) = &mut self.pipe {
            self.budget.bytes = self.budget.bytes.saturating_add(pipe.earned(counted));
        }
        let within = bytes <= self.budget.bytes;
        self.budget.bytes = self.budget.bytes.saturating_sub(bytes);
        if within { Ok(()) } else { Err(ArchiveError::OverBudget.into()) }
    }

    /// Counts a member that has nothing to hand over.
    pub(super) fn count(&mut self) -> Walk {
        match self.budget.members.checked_sub(1) {
            Some(left) => self.budget.members = left,
            None => return Err(ArchiveError::TooMany.into()),
        }
        Ok(())
    }

    fn hand(&mut self, name: &str, bytes: &[u8], stretches: &[Stretch]) -> Walk {
        let name = self.full_name(name);
        match (self.visit)(Item::Member { name: &name, bytes, stretches }) {
            std::ops::ControlFlow::Continue(()) => Ok(()),
            std::ops::ControlFlow::Break(()) => Err(Halt::Stopped),
        }
    }

    fn full_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.prefix.is_empty() { Cow::Borrowed(name) } else { Cow::Owned(format!("{}{name}", self.prefix)) }
    }

    /// Says what was not read.
    pub(super) fn missed(&mut self, name: &str, error: ArchiveError) -> Walk {
        let name = self.full_name(name);
        match (self.visit)(Item::Missed { name: &name, error }) {
            std::ops::ControlFlow::Continue(()) => Ok(()),
            std::ops::ControlFlow::Break(()) => Err(Halt::Stopped),
        }
    }

    /// Hands over what lies in memory.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Walk {
        let stretch = self.standing(bytes);
        self.joined(name, bytes, stretch.as_slice())
    }

    /// The same for what was put together out of parts that stand in what was opened.
    pub(super) fn joined(&mut self, name: &str, bytes: &[u8], stretches: &[Stretch]) -> Walk {
        self.count()?;
        let allowed = usize::try_from(self.budget.bytes).unwrap_or(usize::MAX).min(bytes.len());
        if let Some(bytes) = bytes.get(..allowed).filter(|bytes| !bytes.is_empty()) {
            self.hand(name, bytes, stretches)?;
        }
        self.spend(bytes.len() as u64)
    }

    /// Reads all of a stream and hands it over. When the stream breaks, what came before is handed over and the error
    /// given back. One that is larger than what may be held is handed over in pieces, unless it can be read from front to
    /// back itself.
    pub(super) fn stream(&mut self, name: &str, input: &mut dyn Read) -> Result<Option<io::Error>, Halt> {
        self.count()?;
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let limit = self.largest();
        let mut broken = input.take(limit).read_to_end(&mut buffer).err();
        let stretch = self.stretch(&buffer);
        self.spend(buffer.len() as u64)?;
        let mut more = [0];
        let longer = broken.is_none() && buffer.len() as u64 == limit && matches!(input.read(&mut more), Ok(1));
        if longer {
            broken = self.large(name, &mut buffer, &mut more.as_slice().chain(input))?;
        } else if !buffer.is_empty() {
            self.hand(name, &buffer, stretch.as_slice())?;
        }
        if buffer.capacity() <= KEPT_BUFFER_BYTES {
            self.buffer = buffer;
        }
        Ok(broken)
    }

    /// Something that is larger than what may be held, of which this is the start.
    fn large(&mut self, name: &str, start: &mut Vec<u8>, rest: &mut dyn Read) -> Result<Option<io::Error>, Halt> {
        if self.budget.bytes > 0
            && self.depth < NESTED_STREAMS
            && let Some(format) = Format::of(start, name).filter(|format| format.streams())
        {
            return self.nested(name, format, &mut start.as_slice().chain(rest)).map(|()| None);
        }
        self.pieces(name, start, rest)
    }

    /// Hands over pieces that overlap, so that what stands across the end of one stands in the next.
    fn pieces(&mut self, name: &str, piece: &mut Vec<u8>, rest: &mut dyn Read) -> Result<Option<io::Error>, Halt> {
        let held = usize::try_from(self.budget.largest_bytes).unwrap_or(usize::MAX);
        let mut start = 0_u64;
        loop {
            let end = start.saturating_add(piece.len() as u64);
            self.hand(&format!("{name} (bytes {start} to {end})"), piece, &[])?;
            let passed = piece.len().saturating_sub(SHARED_BYTES.min(held / 2));
            piece.drain(..passed);
            start = start.saturating_add(passed as u64);
            let (shared, room) = (piece.len(), held.saturating_sub(piece.len()) as u64);
            let broken = rest.take(room.min(self.budget.bytes.saturating_add(1))).read_to_end(piece).err();
            let read = piece.len().saturating_sub(shared);
            if read == 0 {
                return Ok(broken);
            }
            // What is handed over twice counts twice.
            self.spend(piece.len() as u64)?;
            if broken.is_some() {
                let end = start.saturating_add(piece.len() as u64);
                self.hand(&format!("{name} (bytes {start} to {end})"), piece, &[])?;
                return Ok(broken);
            }
        }
    }

    fn nested(&mut self, name: &str, format: Format, input: &mut dyn Read) -> Walk {
        let outer = self.prefix.len();
        self.prefix.push_str(name);
        self.prefix.push('!');
        self.depth += 1;
        let walked = format.walk(name, Feed::Stream(input), self);
        self.depth -= 1;
        self.prefix.truncate(outer);
        match walked {
            Err(Halt::Failed(error)) if !error.is_of_budget() => self.missed(name, error),
            walked => walked,
        }
    }

    /// Hands over the next bytes of a feed as one member, and leaves the feed behind them.
    pub(super) fn take(&mut self, name: &str, feed: &mut Feed<'_>, size: u64) -> Walk {
        match feed {
            Feed::Region(region) => {
                let mut part = region.next_part(size);
                let broken = match part.in_memory() {
                    Some(bytes) => self.bytes(name, bytes).map(|()| None)?,
                    None => self.stream(name, &mut part)?,
                };
                match broken {
                    Some(error) => Err(error.into()),
                    None if part.length() < size => Err(ArchiveError::cut().into()),
                    None => Ok(()),
                }
            }
            Feed::Stream(stream) => {
                let mut limited = stream.take(size);
                if let Some(error) = self.stream(name, &mut limited)? {
                    return Err(error.into());
                }
                self.drain(&mut limited)?;
                if limited.limit() > 0 { Err(ArchiveError::cut().into()) } else { Ok(()) }
            }
        }
    }

    /// Leaves the next bytes of a feed out.
    pub(super) fn skip(&mut self, feed: &mut Feed<'_>, size: u64) -> Walk {
        let left = match feed {
            Feed::Region(region) => size - region.next_part(size).length(),
            Feed::Stream(stream) => {
                let mut limited = stream.take(size);
                self.drain(&mut limited)?;
                limited.limit()
            }
        };
        if left > 0 { Err(ArchiveError::cut().into()) } else { Ok(()) }
    }

    /// Reads the rest of a stream, so that what it checks at its end is checked, within the budget.
    pub(super) fn drain(&mut self, input: &mut dyn Read) -> Walk {
        let mut buffer = vec![0; 1 << 13];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => self.spend(read as u64)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// All of a region, where it may be held in memory.
    pub(super) fn whole<'a>(&self, region: &Region<'a>) -> Result<Cow<'a, [u8]>, Halt> {
        if region.in_memory().is_none() && region.length() > self.largest() {
            return Err(ArchiveError::OverBudget.into());
        }
        Ok(region.load(0, region.length())?)
    }

    /// All of a feed, where it may be held in memory.
    pub(super) fn whole_of<'a>(&self, feed: Feed<'a>) -> Result<Cow<'a, [u8]>, Halt> {
        match feed {
            Feed::Region(region) => self.whole(&region),
            Feed::Stream(stream) => {
                let limit = self.largest();
                let mut bytes = Vec::new();
                stream.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
                if bytes.len() as u64 > limit { Err(ArchiveError::OverBudget.into()) } else { Ok(Cow::Owned(bytes)) }
            }
        }
    }

    /// Walks through a feed by places in it: a stream is read to its end first.
    pub(super) fn by_region(&mut self, feed: Feed<'_>, walk: impl FnOnce(Region<'_>, &mut Self) -> Walk) -> Walk {
        match feed {
            Feed::Region(region) => walk(region, self),
            Feed::Stream(_) => {
                let bytes = self.whole_of(feed)?;
                walk(Region::of(&bytes), self)
            }
        }
    }

    /// A member's name as it may be shown.
    pub(super) fn shown(name: &[u8]) -> String {
        names::shown(name)
    }
}
