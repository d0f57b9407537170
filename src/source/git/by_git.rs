//! What is staged in forms of the index that git alone reads: split ones, and sparse ones.

use super::blobs::Wanted;
use crate::model::Place;
use crate::source::SourceError;
use git2::{Oid, Repository};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The tree without entries, which every repository has.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// The mode of a submodule.
const SUBMODULE: &str = "160000";

/// True when git has to be asked.
pub(super) fn is_needed(error: &git2::Error) -> bool {
    error.message().contains("unsupported mandatory extension")
}

/// Asks git what the index has that the tree of `HEAD` has not. Git writes trees when it unfolds a sparse index; they go
/// into a directory of their own, which goes away again.
pub(super) fn staged(repository: &Repository, head: Option<Oid>) -> Result<Vec<Wanted>, SourceError> {
    let unread = |source| SourceError::Read { place: "the index, by git".to_owned(), source };
    let head = head.map_or_else(|| EMPTY_TREE.to_owned(), |head| head.to_string());
    let apart = Apart::new().map_err(unread)?;
    let mut git = Command::new("git");
    git.args(["diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--ignore-submodules=all"]);
    git.args([&head, "--"]).env("GIT_OPTIONAL_LOCKS", "0").env("GIT_OBJECT_DIRECTORY", &apart.0);
    git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects_of(repository));
    let said = git.stdin(Stdio::null()).output().map_err(unread)?;
    if !said.status.success() {
        return Err(unread(std::io::Error::other(format!("git diff-index ended with {}", said.status))));
    }
    wanted(&said.stdout).ok_or_else(|| unread(std::io::Error::other("git diff-index says what is not understood")))
}

/// Where the objects are, in git's spelling of a list.
fn objects_of(repository: &Repository) -> OsString {
    let objects = std::env::var_os("GIT_OBJECT_DIRECTORY").map(PathBuf::from);
    let objects = objects.unwrap_or_else(|| repository.commondir().join("objects"));
    let mut list = OsString::from(match objects.to_str() {
        Some(name) => format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
        None => return objects.into_os_string(), // git takes other bytes as they are
    });
    if let Some(others) = std::env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES") {
        list.push(if cfg!(windows) { ";" } else { ":" });
        list.push(others);
    }
    list
}

/// A directory for as long as it is needed.
struct Apart(PathBuf);

impl Apart {
    fn new() -> std::io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let name = data_encoding::HEXLOWER.encode(&random);
        let path = std::env::temp_dir().join(format!("stanch-{name}"));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Best effort: it holds names of files and no content.
        let _removed = std::fs::remove_dir_all(&self.0).is_ok();
    }
}

/// Reads `:OLD-MODE NEW-MODE OLD NEW STATUS`, a zero, the path, a zero. A conflict has no content of its own yet, and
/// git commits none.
fn wanted(said: &[u8]) -> Option<Vec<Wanted>> {
    let mut found = Vec::new();
    let mut parts = said.split(|&byte| byte == 0);
    while let Some(entry) = parts.next().filter(|entry| !entry.is_empty()) {
        let entry = std::str::from_utf8(entry).ok()?.strip_prefix(':')?;
        let [_, mode, _, new, status] = entry.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let path = parts.next()?;
        let id = Oid::from_str(new).ok()?;
        if status == "U" {
            return None;
        }
        if mode != SUBMODULE && !id.is_zero() {
            let path = String::from_utf8_lossy(path).into_owned();
            found.push(Wanted { id, place: Place::Staged { path } });
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_content_is_wanted() {
        let (a, zero) = ("a".repeat(40), "0".repeat(40));
        let entry =
            |mode: &str, id: &str, status: &str, path: &str| format!(":100644 {mode} {zero} {id} {status}\0{path}\0");
        let said = [
            entry("100644", &a, "A", "with space\nand line"),
            entry("160000", &a, "M", "module"),
            entry("000000", &zero, "D", "gone"),
        ]
        .concat();
        let found = wanted(said.as_bytes()).unwrap();
        let places: Vec<_> = found.iter().map(|wanted| wanted.place.path()).collect();
        assert_eq!(places, ["with space\nand line"]);
        assert!(wanted(b"").unwrap().is_empty());
        for wrong in [entry("100644", &a, "U", "x"), "nonsense\0x\0".to_owned(), format!(":1 2 3 {a}\0x\0")] {
            assert!(wanted(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(wanted(said.trim_end_matches(['\0', 'd', 'e', 'g', 'n', 'o']).as_bytes()).is_none());
    }
}
