//! Container images: directories that are one, met on the way, and what was fetched from a registry.

use super::{Blob, Missed, SkipReason, Source, SourceError, Visit};
use crate::model::Place;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What is handed out as the start of a file.
const START_BYTES: usize = 64 << 10;

/// What `skopeo` writes into a file of its own beside the parts of an image.
const MARK: &[u8] = b"Directory Transport Version:";

/// Whether a directory is an image: an OCI layout, or what `skopeo` calls `dir:`.
pub(super) fn is_image(directory: &Path) -> bool {
    let has = |name: &str| std::fs::symlink_metadata(directory.join(name)).is_ok_and(|about| about.is_file());
    if has("oci-layout") {
        return has("index.json");
    }
    has("version") && has("manifest.json") && begins_with_mark(&directory.join("version"))
}

fn begins_with_mark(path: &Path) -> bool {
    let mut start = [0; MARK.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == MARK
}

/// The bytes of all files in a directory.
pub(super) fn size_of(directory: &Path) -> u64 {
    let mut all = 0_u64;
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                Ok(kind) if kind.is_file() => all = all.saturating_add(entry.metadata().map_or(0, |about| about.len())),
                Ok(_) | Err(_) => {} // what cannot be asked for its size cannot be read either, and that is said
            }
        }
    }
    all
}

/// An image that came from a registry, as a file without a name.
#[derive(Debug)]
pub struct Image {
    reference: String,
    file: File,
    left: Vec<String>,
    failed: Vec<Failed>,
}

/// A part of an image that did not come.
#[derive(Debug)]
pub struct Failed {
    /// Which.
    pub what: String,
    /// Why not.
    pub why: String,
    /// What to do about it.
    pub remedy: Option<&'static str>,
}

impl Image {
    /// An image by its name, with the platforms that were not wanted and the parts that did not come.
    #[must_use]
    pub fn new(reference: String, file: File, left: Vec<String>, failed: Vec<Failed>) -> Self {
        Self { reference, file, left, failed }
    }
}

impl Source for Image {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let place = Place::Image { reference: self.reference.clone() };
        let part = |name: &str| Place::Member { of: Box::new(place.clone()), name: name.to_owned() };
        for platform in &self.left {
            let missed = Missed::Skipped { place: part(platform), reason: SkipReason::Excluded, bytes: 0 };
            if visit(Err(missed)).is_break() {
                return Ok(());
            }
        }
        for Failed { what, why, remedy } in &self.failed {
            let error = SourceError::Afar { place: part(what).to_string(), why: why.clone(), remedy: *remedy };
            if visit(Err(Missed::Unread(error))).is_break() {
                return Ok(());
            }
        }
        let mut start = vec![0; START_BYTES];
        let read = self.file.read_at(&mut start, 0);
        let read = read.map_err(|source| SourceError::Read { place: place.to_string(), source })?;
        start.truncate(read);
        let _wanted = visit(Ok(Blob { file: Some(&self.file), ..Blob::new(place, &start) })).is_continue();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_an_image_by_what_lies_in_it() {
        let world = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(world.path().join(name), text).unwrap();
        write("version", "1.0");
        write("manifest.json", "{}");
        assert!(!is_image(world.path()));
        write("version", "Directory Transport Version: 1.1\n");
        assert!(is_image(world.path()));
        write("oci-layout", "{}");
        assert!(!is_image(world.path()));
        write("index.json", "{}");
        assert!(is_image(world.path()));
        assert!(!is_image(&world.path().join("nowhere")));
    }
}
