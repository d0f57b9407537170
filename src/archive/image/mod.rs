//! Container images: what `docker save`, `podman save`, `skopeo` and `buildah` write, and OCI layouts, as a tar or as a
//! directory. Each layer is read, the highest first, so that files are found that later layers delete or overwrite, and
//! so are the configuration, the history, the labels and everything else that lies there. Nothing is unpacked.

mod hidden;
mod holder;
mod layer;
mod lines;
mod manifest;
mod plan;

use super::outlet::{Halt, Outlet};
use super::region::Region;
use super::{ArchiveError, Budget, Visit, names};
use hidden::Hidden;
use holder::Holder;
use layer::{Expected, Layer, other_content};
use manifest::Digest;
use plan::{Image, Part, Plan};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

/// The longest document that is read: a manifest, an index, a configuration.
const LONGEST_DOCUMENT: u64 = 16 << 20;

/// Hands over everything in an image that is a tar; none for any other tar. An error is of what follows; what came before
/// was handed over.
pub(super) fn open_tar(
    whole: Region<'_>,
    budget: &mut Budget,
    visit: &mut Visit<'_>,
) -> Option<Result<(), ArchiveError>> {
    let (holder, cut) = Holder::of_tar(whole, budget)?;
    if !plan::is_image(&holder) {
        return None;
    }
    let mut walk = Walk::of(&holder, budget, visit);
    walk.outlet = walk.outlet.over(&whole);
    let walked = walk.all();
    Some(match (walked, cut) {
        (Ok(()), Some(error)) => Err(error),
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
        if walk.outlet.missed(&label, ArchiveError::from_io(source)).is_err() {
            return Ok(());
        }
    }
    walk.all()
}

/// One image, or several in one thing, being read.
struct Walk<'w, 'a, 'v> {
    holder: &'w Holder<'a>,
    outlet: Outlet<'w, 'v>,
    /// What was read, so that the rest is known.
    taken: BTreeSet<String>,
}

impl<'w, 'a, 'v> Walk<'w, 'a, 'v> {
    fn of(holder: &'w Holder<'a>, budget: &'w mut Budget, visit: &'w mut Visit<'v>) -> Self {
        Self { holder, outlet: Outlet::new(budget, visit), taken: BTreeSet::new() }
    }

    fn all(&mut self) -> Result<(), ArchiveError> {
        match self.steps() {
            Ok(()) | Err(Halt::Stopped) => Ok(()),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    fn steps(&mut self) -> Result<(), Halt> {
        let Plan { images } = Plan::read(self)?;
        let alone = images.len() == 1;
        for image in &images {
            let before = if alone || image.title.is_empty() { String::new() } else { format!("{}!", image.title) };
            self.image(image, &before)?;
        }
        self.rest()
    }

    fn image(&mut self, image: &Image, before: &str) -> Result<(), Halt> {
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
    fn part(&mut self, what: &str, part: &Part) -> Result<(), Halt> {
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
    fn present(&mut self, label: &str, part: &Part) -> Result<Option<String>, Halt> {
        let absent = match &part.name {
            _ if part.encrypted => ArchiveError::Encrypted,
            Some(name) => return Ok(Some(name.clone()).filter(|name| !self.taken.contains(name))),
            None => ArchiveError::Absent { why: part.absent_because() },
        };
        // An encrypted one is not looked at again.
        self.taken.extend(part.name.clone());
        self.outlet.missed(label, absent)?;
        Ok(None)
    }

    /// What lies there and no image named.
    fn rest(&mut self) -> Result<(), Halt> {
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
    fn document(&mut self, name: &str, label: &str, expected: Option<&Digest>) -> Result<Option<Vec<u8>>, Halt> {
        let is_new = self.taken.insert(name.to_owned());
        let mut bytes = Vec::new();
        let read = self.holder.open(name).and_then(|part| part.take(LONGEST_DOCUMENT + 1).read_to_end(&mut bytes));
        if !is_new {
            return Ok(read.is_ok().then_some(bytes));
        }
        if let Err(source) = read {
            self.outlet.missed(label, ArchiveError::Damaged { source })?;
            return Ok(None);
        }
        if bytes.len() as u64 > LONGEST_DOCUMENT {
            let expected = expected.map_or(Expected::Unknown, |digest| Expected::Stored(digest.clone()));
            self.blob(name, label, &expected, None)?;
            self.outlet
                .missed(label, ArchiveError::Unsupported { what: "a document of more than 16 MiB".to_owned() })?;
            return Ok(None);
        }
        match lines::of(&bytes) {
            Some(text) => self.outlet.bytes(label, text.as_bytes())?,
            None => {
                self.outlet.bytes(label, &bytes)?;
                self.outlet.missed(label, ArchiveError::damaged("it is no JSON"))?;
            }
        }
        if expected.is_some_and(|digest| !digest.is_of(&bytes)) {
            self.outlet.missed(label, other_content())?;
        }
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests;
