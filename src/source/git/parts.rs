//! What trees, commits and tags are made of, read from their bytes. Nothing here trusts that they are of the form.

use super::pack::ObjectId;
use std::ops::Range;

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    /// What it names.
    pub(super) sort: Sort,
    /// Whether its content is where a symbolic link leads.
    pub(super) is_link: bool,
    /// Its name.
    pub(super) name: &'t [u8],
    /// What it leads to.
    pub(super) id: ObjectId,
    /// Where in the tree it stands.
    pub(super) at: Range<usize>,
}

/// What an entry of a tree names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A file or a link.
    Content,
    /// A directory.
    Directory,
    /// A commit of another repository.
    Submodule,
}

/// The entries of a tree. Ends early where the tree is not of the form; [`Entries::is_whole`] tells.
#[derive(Clone, Debug)]
pub(super) struct Entries<'t> {
    tree: &'t [u8],
    at: usize,
    width: usize,
}

impl<'t> Entries<'t> {
    /// Of a tree whose objects have names of so many bytes.
    pub(super) fn of(tree: &'t [u8], width: usize) -> Self {
        Self { tree, at: 0, width }
    }

    /// True when all of it was read.
    pub(super) fn is_whole(&self) -> bool {
        self.at == self.tree.len()
    }

    fn read(&self) -> Option<Entry<'t>> {
        let rest = self.tree.get(self.at..)?;
        let space = memchr::memchr(b' ', rest.get(..8).unwrap_or(rest))?;
        let mode = rest.get(..space)?;
        let name = rest.get(space + 1..)?;
        let end = memchr::memchr(0, name)?;
        let (name, id) = (name.get(..end)?, name.get(end + 1..end + 1 + self.width)?);
        let sort = match mode {
            b"40000" | b"040000" => Sort::Directory,
            b"160000" => Sort::Submodule,
            _ => Sort::Content,
        };
        let length = space + 2 + end + self.width;
        let is_link = mode == b"120000";
        Some(Entry { sort, is_link, name, id: ObjectId::new(id)?, at: self.at..self.at + length })
    }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        let entry = self.read()?;
        self.at = entry.at.end;
        Some(entry)
    }
}

/// True when any of some stretches reaches into a part, or two of them meet inside it.
pub(super) fn is_fresh(part: &Range<usize>, fresh: Option<&[Range<usize>]>) -> bool {
    let Some(fresh) = fresh else { return true };
    // They are in order and apart, so that only the first one that ends behind the beginning of the part counts.
    let first = fresh.partition_point(|stretch| stretch.end <= part.start);
    fresh.get(first).is_some_and(|stretch| stretch.start < part.end)
}

/// A commit or a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note<'n> {
    /// What it is about: the tree of a commit, the target of a tag.
    pub(super) about: Option<ObjectId>,
    /// The commits before it.
    pub(super) parents: Vec<ObjectId>,
    /// When it was written.
    pub(super) time: i64,
    /// When it was made a part of the history.
    pub(super) committed: i64,
    /// All that stands above the message, but for the names of objects.
    pub(super) head: Vec<u8>,
    /// What a person wrote.
    pub(super) message: &'n [u8],
}

impl<'n> Note<'n> {
    /// Reads either. What is not of the form is taken for a part of the message.
    pub(super) fn of(bytes: &'n [u8]) -> Self {
        let mut note = Self { message: bytes, ..Self::default() };
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            at += (end + 1).min(rest.len());
            if line.is_empty() {
                note.message = bytes.get(at..).unwrap_or_default();
                return note;
            }
            note.line(line);
        }
        // Without an empty line it is all head.
        note.message = &[];
        note
    }

    fn line(&mut self, line: &[u8]) {
        let id = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<ObjectId>().ok());
        let named = |word: &[u8]| line.strip_prefix(word).and_then(id);
        if let Some(about) = named(b"tree ").or_else(|| named(b"object ")).filter(|_| self.about.is_none()) {
            self.about = Some(about);
            return;
        }
        if let Some(parent) = named(b"parent ") {
            self.parents.push(parent);
            return;
        }
        if line.starts_with(b"author ") || line.starts_with(b"tagger ") {
            self.time = time_of(line);
        } else if line.starts_with(b"committer ") {
            self.committed = time_of(line);
        }
        self.head.extend_from_slice(line);
        self.head.push(b'\n');
    }
}

/// The seconds near the end of `author NAME <MAIL> SECONDS ZONE`.
fn time_of(line: &[u8]) -> i64 {
    let after = memchr::memrchr(b'>', line).and_then(|at| line.get(at + 1..)).unwrap_or_default();
    let word = after.split(|&byte| byte == b' ').find(|word| !word.is_empty()).unwrap_or_default();
    std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// A line of the head without its time, which makes it another one every time.
pub(super) fn timeless(line: &[u8]) -> &[u8] {
    memchr::memrchr(b'>', line).and_then(|at| line.get(..=at)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: &str, name: &str, id: u8) -> Vec<u8> {
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &[id; 20]].concat()
    }

    #[test]
    fn trees_are_read_to_their_end_or_to_the_damage() {
        let tree = [entry("100644", "a b", 1), entry("40000", "d", 0), entry("160000", "sub", 3)].concat();
        let mut entries = Entries::of(&tree, 20);
        let found: Vec<_> = entries.by_ref().map(|entry| (entry.sort, entry.name)).collect();
        assert_eq!(found, [(Sort::Content, &b"a b"[..]), (Sort::Directory, b"d"), (Sort::Submodule, b"sub")]);
        assert!(entries.is_whole());
        for length in (0..tree.len()).filter(|length| ![0, 31, 31 + 28].contains(length)) {
            let mut entries = Entries::of(&tree[..length], 20);
            assert!(entries.by_ref().count() < 3 && !entries.is_whole(), "{length}");
        }
    }

    #[test]
    fn a_part_is_fresh_where_it_is_touched_or_put_together() {
        let fresh = |stretches: &[(usize, usize)]| {
            let stretches: Vec<Range<usize>> = stretches.iter().map(|(start, end)| *start..*end).collect();
            is_fresh(&(10..20), Some(&stretches))
        };
        assert!(is_fresh(&(10..20), None));
        for touched in [(0, 11), (19, 30), (12, 13), (0, 40), (15, 15)] {
            assert!(fresh(&[touched]), "{touched:?}");
        }
        for apart in [(0, 10), (20, 30), (10, 10), (20, 20)] {
            assert!(!fresh(&[apart]), "{apart:?}");
        }
        assert!(!fresh(&[]));
        assert!(fresh(&[(0, 3), (10, 10), (11, 11)]) && !fresh(&[(0, 3), (5, 10), (25, 26)]));
    }

    #[test]
    fn a_commit_tells_its_parts() {
        let (tree, parent) = ("a".repeat(40), "b".repeat(40));
        let text = format!(
            "tree {tree}\nparent {parent}\nauthor Kim <k@x> 77 +0100\ncommitter Lee <l@x> 88 +0000\ngpgsig one\n two\n\nsubject\n\nbody"
        );
        let note = Note::of(text.as_bytes());
        assert_eq!(note.about, tree.parse().ok());
        assert_eq!(note.parents, [parent.parse().unwrap()]);
        assert_eq!((note.time, note.committed), (77, 88));
        assert_eq!(note.message, b"subject\n\nbody");
        let head = String::from_utf8(note.head).unwrap();
        assert!(head.starts_with("author Kim") && head.ends_with("gpgsig one\n two\n"), "{head}");
        assert_eq!(timeless(b"author Kim <k@x> 77 +0100"), b"author Kim <k@x>");
        assert_eq!(Note::of(b"nothing\nof the form").head, b"nothing\nof the form\n");
    }
}
