//! What a first look at a blob tells its source.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// So many members of archives, documents and images, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Held {
    /// With others.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self { items: self.items.saturating_add(more.items), bytes: self.bytes.saturating_add(more.bytes) }
    }
}

/// What whoever looks writes down of a blob, to be given it the next time: the same blob, looked at by the same rules. Its
/// source keeps it, and does not read it.
#[derive(Debug, Default)]
pub struct Notes {
    earlier: Option<Vec<u8>>,
    now: OnceLock<Vec<u8>>,
}

impl Notes {
    /// With what was written before.
    #[must_use]
    pub fn new(earlier: Option<Vec<u8>>) -> Self {
        Self { earlier, now: OnceLock::new() }
    }

    /// What was written before, in an earlier scan or at another place of the same blob.
    #[must_use]
    pub fn known(&self) -> Option<&[u8]> {
        self.earlier.as_deref().or(self.now.get().map(Vec::as_slice))
    }

    /// Writes something down; the first time counts.
    pub fn make(&self, notes: Option<Vec<u8>>) {
        if let Some(notes) = notes {
            self.now.get_or_init(|| notes);
        }
    }

    /// What there is to be kept.
    #[must_use]
    pub fn into_kept(self) -> Option<Vec<u8>> {
        self.now.into_inner().or(self.earlier)
    }
}

/// What was seen in a blob, for the source that handed it out.
#[derive(Debug, Default)]
pub struct Heard {
    loud: AtomicBool,
    opened: AtomicBool,
    odd: AtomicBool,
    items: AtomicU64,
    bytes: AtomicU64,
}

impl Heard {
    /// There is something to say of it: a hit, whether excused or not, or a part that could not be read. What is copied
    /// from such a blob must be looked at again.
    pub fn set_loud(&self) {
        self.loud.store(true, Ordering::Relaxed);
    }

    /// True when there is.
    #[must_use]
    pub fn is_loud(&self) -> bool {
        self.loud.load(Ordering::Relaxed)
    }

    /// It was not only looked through as it stands: it holds others, or is in a character set of its own. What is copied
    /// from it into what is not must be looked at again.
    pub fn set_opened(&self) {
        self.opened.store(true, Ordering::Relaxed);
    }

    /// True when it was.
    #[must_use]
    pub fn is_opened(&self) -> bool {
        self.opened.load(Ordering::Relaxed)
    }

    /// It is no text, and no other thing that is known: if one of its names promises what it should be, it is to be looked at
    /// by that name.
    pub fn set_odd(&self) {
        self.odd.store(true, Ordering::Relaxed);
    }

    /// True when it is.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        self.odd.load(Ordering::Relaxed)
    }

    /// It held others, and all of them were looked through.
    pub fn hold(&self, held: Held) {
        self.items.fetch_add(held.items, Ordering::Relaxed);
        self.bytes.fetch_add(held.bytes, Ordering::Relaxed);
    }

    /// What it held.
    #[must_use]
    pub fn held(&self) -> Held {
        Held { items: self.items.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}
