//! Container images: what `docker save`, `podman save`, `skopeo` and `buildah` write, and OCI layouts, as a tar or as a
//! directory. Each layer is read, the highest first, so that files are found that later layers delete or overwrite, and
//! so are the configuration, the history, the labels and everything else that lies there. Nothing is unpacked.

mod hidden;
mod holder;
mod layer;
mod lines;
mod manifest;
mod plan;
mod tape;

use super::{ArchiveError, Budget, Input, Item, Visit, names};
use hidden::Hidden;
use holder::Holder;
use layer::{Expected, Layer, other_content};
use manifest::Digest;
use plan::{Image, Part, Plan};
use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::Path;

/// The longest document that is read: a manifest, an index, a configuration.
const LONGEST_DOCUMENT: u64 = 16 << 20;

/// Hands over everything in an image that is a tar; none for any other tar. An error is of what follows; what came before
/// was handed over.
pub(super) fn open_tar(
    input: &Input<'_>,
    budget: &mut Budget,
    visit: &mut Visit<'_>,
) -> Option<Result<(), ArchiveError>> {
    let (holder, cut) = Holder::of_tar(input)?;
    if !plan::is_image(&holder) {
        return None;
    }
    let walked = Walk::of(&holder, budget, visit).all();
    Some(match (walked, cut) {
        (Ok(()), Some(source)) => Err(ArchiveError::Damaged { source }),
        (walked, _) => walked,
    })
}

/// Hands over everything in a directory that is an image: an OCI layout, or what `skopeo` calls `dir:`.
///
/// # Errors
/// When what follows cannot be read; what came before was handed over.
pub fn open_folder(path: &Path, budget: &mut Budget, visit: &mut Visit<'_>) -> Result<(), ArchiveError> {
    let (holder, unread) = Holder::of_folder(path);
    let mut walk = Walk::of(&holder, budget, visit);
    for (name, source) in unread {
        let label = names::shown(name.as_bytes());
        if walk.missed(&label, ArchiveError::from_io(source)).is_err() {
            return Ok(());
        }
    }
    walk.all()
}

/// Why a step ended before its end.
#[derive(Debug)]
enum Ended {
    /// Who looks has seen enough.
    Stopped,
    /// This one blob cannot be read on.
    Broken(io::Error),
    /// The same, for another reason.
    Part(ArchiveError),
    /// Nothing more may be read.
    Whole(ArchiveError),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// One image, or several in one thing, being read.
struct Walk<'w, 'a, 'v> {
    holder: &'w Holder<'a>,
    budget: &'w mut Budget,
    visit: &'w mut Visit<'v>,
    buffer: Vec<u8>,
    /// What was read, so that the rest is known.
    taken: BTreeSet<String>,
}

impl<'w, 'a, 'v> Walk<'w, 'a, 'v> {
    fn of(holder: &'w Holder<'a>, budget: &'w mut Budget, visit: &'w mut Visit<'v>) -> Self {
        Self { holder, budget, visit, buffer: Vec::new(), taken: BTreeSet::new() }
    }

    fn all(&mut self) -> Result<(), ArchiveError> {
        match self.steps() {
            Ok(()) | Err(Ended::Stopped) => Ok(()),
            Err(Ended::Broken(source)) => Err(ArchiveError::from_io(source)),
            Err(Ended::Part(error) | Ended::Whole(error)) => Err(error),
        }
    }

    fn steps(&mut self) -> Result<(), Ended> {
        let Plan { images } = Plan::read(self)?;
        let alone = images.len() == 1;
        for image in &images {
            let before = if alone || image.title.is_empty() { String::new() } else { format!("{}!", image.title) };
            self.image(image, &before)?;
        }
        self.rest()
    }

    fn image(&mut self, image: &Image, before: &str) -> Result<(), Ended> {
        for (what, part) in &image.documents {
            self.part(&format!("{before}{what}"), part)?;
        }
        let mut hidden = Hidden::default();
        let count = image.layers.len();
        for (at, part) in image.layers.iter().enumerate().rev() {
            let number = at + 1;
            let label = format!("{before}layer {number} of {count} ({})", part.called);
            if let Some(name) = self.present(&label, part)? {
                self.blob(&name, &label, &part.expected, Some(Layer { number, hidden: &mut hidden }))?;
            }
        }
        Ok(())
    }

    /// A manifest or a configuration.
    fn part(&mut self, what: &str, part: &Part) -> Result<(), Ended> {
        let label = format!("{what} ({})", part.called);
        match (self.present(&label, part)?, &part.expected) {
            (None, _) => Ok(()),
            (Some(name), Expected::Stored(digest)) if part.is_json => {
                self.document(&name, &label, Some(digest)).map(drop)
            }
            (Some(name), _) if part.is_json => self.document(&name, &label, None).map(drop),
            (Some(name), expected) => self.blob(&name, &label, expected, None),
        }
    }

    /// Where a part lies that was not read yet; that it does not is said.
    fn present(&mut self, label: &str, part: &Part) -> Result<Option<String>, Ended> {
        let absent = match &part.name {
            _ if part.encrypted => ArchiveError::Encrypted,
            Some(name) => return Ok(Some(name.clone()).filter(|name| !self.taken.contains(name))),
            None => ArchiveError::Absent { why: part.absent_because() },
        };
        // An encrypted one is not looked at again.
        self.taken.extend(part.name.clone());
        self.missed(label, absent)?;
        Ok(None)
    }

    /// What lies there and no image named.
    fn rest(&mut self) -> Result<(), Ended> {
        for name in self.holder.names() {
            if self.taken.contains(&name) {
                continue;
            }
            let label = names::shown(name.as_bytes());
            if name.ends_with("/json") {
                self.document(&name, &label, None)?;
            } else {
                let expected = Digest::of_name(&name).map_or(Expected::Unknown, Expected::Stored);
                self.blob(&name, &label, &expected, None)?;
            }
        }
        Ok(())
    }

    /// Hands over a document as lines, and returns it; none when it cannot be read.
    fn document(&mut self, name: &str, label: &str, expected: Option<&Digest>) -> Result<Option<Vec<u8>>, Ended> {
        let is_new = self.taken.insert(name.to_owned());
        let mut bytes = Vec::new();
        let read = self.holder.open(name).and_then(|part| part.take(LONGEST_DOCUMENT + 1).read_to_end(&mut bytes));
        if !is_new {
            return Ok(read.is_ok().then_some(bytes));
        }
        if let Err(source) = read {
            self.missed(label, ArchiveError::Damaged { source })?;
            return Ok(None);
        }
        if bytes.len() as u64 > LONGEST_DOCUMENT {
            let expected = expected.map_or(Expected::Unknown, |digest| Expected::Stored(digest.clone()));
            self.blob(name, label, &expected, None)?;
            self.missed(label, ArchiveError::Unsupported { what: "a document of more than 16 MiB".to_owned() })?;
            return Ok(None);
        }
        self.count()?;
        match lines::of(&bytes) {
            Some(text) => self.member(label, text.as_bytes())?,
            None => {
                self.member(label, &bytes)?;
                let source = io::Error::new(io::ErrorKind::InvalidData, "it is no JSON");
                self.missed(label, ArchiveError::Damaged { source })?;
            }
        }
        if expected.is_some_and(|digest| !digest.is_of(&bytes)) {
            self.missed(label, ArchiveError::Damaged { source: other_content() })?;
        }
        Ok(Some(bytes))
    }

    fn count(&mut self) -> Result<(), Ended> {
        self.budget.members = self.budget.members.checked_sub(1).ok_or(Ended::Whole(ArchiveError::TooMany))?;
        Ok(())
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> Result<(), Ended> {
        self.hand(Item::Member { name, bytes })
    }

    fn missed(&mut self, name: &str, error: ArchiveError) -> Result<(), Ended> {
        self.hand(Item::Missed { name, error })
    }

    fn hand(&mut self, item: Item<'_>) -> Result<(), Ended> {
        match (self.visit)(item) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Ended::Stopped),
        }
    }
}

#[cfg(test)]
mod tests;
