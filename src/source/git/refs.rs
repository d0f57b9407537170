//! The names of a repository: references and heads, where they lead, and what is remembered of where they led. Read from
//! the files themselves, so that nothing that git has forgotten about is overlooked.

use super::layout::Layout;
use super::pack::ObjectId;
use super::reftable;
use crate::source::SourceError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Directories below one another that are followed.
const DEEPEST: usize = 64;

/// Bytes of a file with one reference.
const LARGEST: u64 = 1_000_000;

/// What is named, and what names lead nowhere.
#[derive(Debug, Default)]
pub(super) struct Refs {
    /// Where the names lead now: names of objects in hexadecimal digits.
    pub(super) tips: BTreeMap<String, String>,
    /// Where anything else leads: logs of references, the heads of a merge, what was fetched last.
    pub(super) remembered: BTreeSet<String>,
    /// All names, also of those that are gone and of those that stand for others.
    pub(super) names: BTreeSet<String>,
    /// References that stand for others. Of those in files, only what follows them knows which.
    pub(super) standing_for: BTreeMap<String, String>,
    /// What is written about changes of references that are kept in tables.
    pub(super) remarks: BTreeSet<String>,
    /// Names that could not be read.
    pub(super) gaps: Vec<SourceError>,
}

impl Refs {
    /// Of a repository with all of its work trees.
    pub(super) fn of(layout: &Layout) -> Self {
        Self::read(layout, true)
    }

    /// The same without the logs of where they led.
    pub(super) fn standing(layout: &Layout) -> Self {
        Self::read(layout, false)
    }

    fn read(layout: &Layout, logs: bool) -> Self {
        let mut refs = Self::default();
        let digits = if layout.sha256 { 64 } else { 40 };
        for home in layout.homes() {
            let prefix = layout.prefix_of(&home);
            let mut reader = Reader { refs: &mut refs, digits, home: &home, prefix };
            if layout.tables {
                reader.tables();
            } else {
                reader.below("refs", DEEPEST);
                reader.packed();
            }
            reader.heads(layout.tables);
            if logs {
                reader.logs(&home.join("logs"), DEEPEST);
            }
        }
        refs
    }
}

struct Reader<'a> {
    refs: &'a mut Refs,
    digits: usize,
    home: &'a Path,
    /// Sets the heads of several work trees apart.
    prefix: String,
}

impl Reader<'_> {
    fn id<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.get(..self.digits).filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    fn tip(&mut self, name: &str, id: &str) {
        self.refs.names.insert(name.to_owned());
        self.refs.tips.insert(format!("{}{name}", self.prefix), id.to_ascii_lowercase());
    }

    fn gap(&mut self, path: &Path, source: std::io::Error) {
        self.refs.gaps.push(SourceError::Read { place: format!("the reference {}", path.display()), source });
    }

    fn below(&mut self, name: &str, deeper: usize) {
        let directory = self.home.join(name);
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(source) => return self.gap(&directory, source),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(source) => return self.gap(&directory, source),
            };
            let inner = format!("{name}/{}", entry.file_name().to_string_lossy());
            let path = entry.path();
            // Links to directories may lead round in circles; what they lead to is no reference.
            if entry.file_type().is_ok_and(|sort| sort.is_dir()) {
                match deeper.checked_sub(1) {
                    Some(deeper) => self.below(&inner, deeper),
                    None => self.gap(&path, std::io::Error::other("directories nested too deep")),
                }
            } else if !inner.ends_with(".lock") {
                self.loose(&inner, &path);
            }
        }
    }

    fn loose(&mut self, name: &str, path: &Path) {
        self.refs.names.insert(name.to_owned());
        match read(path) {
            Ok(text) => match (self.id(text.trim()), text.strip_prefix("ref:")) {
                (Some(id), _) if text.trim().len() == self.digits => self.tip(name, id),
                (_, Some(other)) => {
                    self.refs.names.insert(other.trim().to_owned());
                }
                _ => self.gap(Path::new(name), std::io::Error::other("it names no object")),
            },
            Err(source) => self.gap(Path::new(name), source),
        }
    }

    fn packed(&mut self) {
        let path = self.home.join("packed-refs");
        let text = match whole(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(source) => return self.gap(&path, source),
        };
        for line in text.split(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match (
                self.id(line.trim_start_matches('^')),
                line.get(self.digits..).and_then(|rest| rest.strip_prefix(' ')),
            ) {
                (Some(id), _) if line.starts_with('^') => {
                    self.refs.remembered.insert(id.to_owned());
                }
                (Some(id), Some(name)) => {
                    let id = id.to_owned();
                    self.refs.names.insert(name.to_owned());
                    // A file of its own counts more.
                    if self.refs.tips.contains_key(name) {
                        self.refs.remembered.insert(id);
                    } else {
                        self.tip(name, &id);
                    }
                }
                _ => return self.gap(&path, std::io::Error::other("a line names no reference")),
            }
        }
    }

    /// `HEAD` and its like: `ORIG_HEAD`, `FETCH_HEAD`, `MERGE_HEAD`, and whatever else is written beside it in capitals.
    fn heads(&mut self, tables: bool) {
        let entries = std::fs::read_dir(self.home).into_iter().flatten().flatten();
        let capital = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut heads: Vec<String> = names.filter(|name| capital(name)).collect();
        heads.sort();
        if !heads.iter().any(|name| name == "HEAD") {
            self.gap(Path::new("HEAD"), std::io::ErrorKind::NotFound.into());
        }
        for name in heads {
            let path = self.home.join(&name);
            if path.is_dir() {
                continue;
            }
            let text = match read(&path) {
                Ok(text) => text,
                Err(source) => {
                    self.gap(Path::new(&name), source);
                    continue;
                }
            };
            if name != "HEAD" {
                let ids: Vec<String> = text.lines().filter_map(|line| self.id(line)).map(str::to_owned).collect();
                self.refs.remembered.extend(ids);
            } else if let Some(branch) = text.strip_prefix("ref:") {
                // Tables hold the head themselves; the file says nothing.
                if !tables {
                    self.refs.names.insert(branch.trim().to_owned());
                }
            } else if let Some(id) = self.id(text.trim()).map(str::to_owned) {
                self.tip("HEAD", &id);
            } else {
                self.gap(Path::new("HEAD"), std::io::Error::other("it names no branch and no commit"));
            }
        }
    }

    /// Where references led before. What else the logs say is read with the other files.
    fn logs(&mut self, directory: &Path, deeper: usize) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if let Some(deeper) = deeper.checked_sub(1) {
                    self.logs(&path, deeper);
                }
                continue;
            }
            if let Ok(name) = path.strip_prefix(self.home.join("logs")) {
                self.refs.names.insert(name.to_string_lossy().into_owned());
            }
            let text = whole(&path).unwrap_or_default(); // a gap, where all files are read
            for line in text.split(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(line.get(..2 * self.digits + 1).unwrap_or_default());
                let ids = [line.get(..self.digits), line.get(self.digits + 1..)];
                let ids: Vec<String> =
                    ids.into_iter().flatten().filter_map(|id| self.id(id)).map(str::to_owned).collect();
                self.refs.remembered.extend(ids.into_iter().filter(|id| id.bytes().any(|byte| byte != b'0')));
            }
        }
    }

    fn tables(&mut self) {
        let directory = self.home.join("reftable");
        let tables = match reftable::read(&directory, self.digits / 2) {
            Ok(tables) => tables,
            Err(source) => return self.gap(&directory, source),
        };
        for (name, id) in tables.tips {
            self.tip(&name, &id);
        }
        let standing_for = tables.standing_for.into_iter();
        self.refs.standing_for.extend(standing_for.map(|(name, other)| (format!("{}{name}", self.prefix), other)));
        self.refs.names.extend(tables.names);
        self.refs.remembered.extend(tables.remembered);
        self.refs.remarks.extend(tables.remarks);
    }
}

/// Where a reference leads by the list of them that is kept in one file.
pub(super) fn packed_at(common: &Path, name: &str) -> std::io::Result<Option<ObjectId>> {
    let text = match whole(&common.join("packed-refs")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(source),
    };
    let line = [b" ", name.as_bytes()].concat();
    let mut lines = text.split(|&byte| byte == b'\n');
    let found = lines.find_map(|text| text.trim_ascii_end().strip_suffix(line.as_slice()));
    let odd = || std::io::Error::other("a line names no object");
    found.map(|id| std::str::from_utf8(id).ok().and_then(|id| id.parse().ok()).ok_or_else(odd)).transpose()
}

/// A small file as text; a link that stands for a reference is followed as git does.
pub(super) fn read(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    plain(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn whole(path: &Path) -> std::io::Result<Vec<u8>> {
    whole_up_to(path, u64::MAX)
}

/// A file, up to so many bytes of it.
pub(super) fn whole_up_to(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    plain(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// To open a pipe is to wait for whoever writes into it.
pub(super) fn plain(path: &Path) -> std::io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no plain file"));
    }
    File::open(path)
}

/// The directories of submodules' repositories inside this one, in order, with the names that they have there.
pub(super) fn modules(common: &Path) -> Vec<(String, PathBuf)> {
    let root = common.join("modules");
    let (mut found, mut next) = (Vec::new(), vec![(root.clone(), DEEPEST)]);
    while let Some((directory, deeper)) = next.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if super::layout::is_repository(&path) {
                let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
                found.push((name, path));
            } else if let Some(deeper) = deeper.checked_sub(1) {
                next.push((path, deeper));
            }
        }
    }
    found.sort();
    found
}
