//! What must be a plain file before anybody opens it. To open a pipe is to wait for whoever writes into it, and the
//! library that opens repositories does not look; so everything that it opens is looked at here first.

use super::refs::whole_up_to;
use crate::source::SourceError;
use git2::{Config, ConfigLevel};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Files of a work tree's own directory.
const OWN: [&str; 6] = ["HEAD", "commondir", "gitdir", "config.worktree", "index", "config"];

/// Files of the directory that work trees share.
const SHARED: [&str; 6] = ["config", "HEAD", "packed-refs", "shallow", "info/grafts", "objects/info/alternates"];

/// Files of settings that name others, one after another.
const DEEPEST: usize = 12;

/// Bytes of a file of settings that are looked at.
const LARGEST: u64 = 16 << 20;

/// Refuses a file that would be waited for. One that is not there is none.
///
/// # Errors
/// When it is there and no plain file.
pub(super) fn plain(path: &Path) -> Result<(), SourceError> {
    match std::fs::metadata(path) {
        Ok(about) if !about.is_file() => {
            let source = Error::new(ErrorKind::InvalidInput, "it is no plain file");
            Err(SourceError::Read { place: path.display().to_string(), source })
        }
        _ => Ok(()), // what cannot be looked at is met by whoever opens it
    }
}

/// Refuses a repository whose head would be waited for: without a head it would be passed over without a word.
///
/// # Errors
/// When it is there and no plain file.
pub(super) fn plain_head(directory: &Path) -> Result<(), SourceError> {
    let holds = directory.join("objects").is_dir() || directory.join("commondir").exists();
    if holds { plain(&directory.join("HEAD")) } else { Ok(()) }
}

/// Looks at what a directory of git has of its own.
///
/// # Errors
/// When one of the files is there and no plain file.
pub(super) fn own(directory: &Path) -> Result<(), SourceError> {
    OWN.iter().try_for_each(|name| plain(&directory.join(name)))
}

/// Looks at all that is opened of a repository.
///
/// # Errors
/// When one of the files is there and no plain file.
pub(super) fn repository(directory: &Path, common: &Path) -> Result<(), SourceError> {
    own(directory)?;
    SHARED.iter().try_for_each(|name| plain(&common.join(name)))?;
    settings(&common.join("config"))?;
    settings(&directory.join("config.worktree"))
}

/// Looks at the settings of the user and of the machine.
///
/// # Errors
/// When one of the files is there and no plain file.
pub(super) fn surroundings() -> Result<(), SourceError> {
    of_user().iter().try_for_each(|(path, _)| settings(path))
}

/// The files of settings that count for every repository of a user, those that count least first.
pub(super) fn of_user() -> Vec<(PathBuf, ConfigLevel)> {
    let found = [
        (Config::find_system(), ConfigLevel::System),
        (Config::find_xdg(), ConfigLevel::XDG),
        (Config::find_global(), ConfigLevel::Global),
    ];
    found.into_iter().filter_map(|(path, level)| Some((path.ok()?, level))).collect()
}

/// Looks at a file of settings and at those that it names.
///
/// # Errors
/// When one of them is there and no plain file.
pub(super) fn settings(file: &Path) -> Result<(), SourceError> {
    let mut next = vec![(file.to_owned(), 0)];
    while let Some((file, depth)) = next.pop() {
        plain(&file)?;
        if depth < DEEPEST
            && let Ok(bytes) = whole_up_to(&file, LARGEST)
        {
            let text = String::from_utf8_lossy(&bytes);
            next.extend(included(&text).into_iter().map(|named| (resolved(&file, &named), depth + 1)));
        }
    }
    Ok(())
}

/// The files that a file of settings names: rather one too many than one too few.
fn included(text: &str) -> Vec<String> {
    let text = text.replace("\\\r\n", "").replace("\\\n", "");
    let (mut within, mut found) = (false, Vec::new());
    for line in text.lines() {
        let line = line.trim();
        let rest = match line.strip_prefix('[') {
            Some(section) => {
                within = section.trim_start().to_ascii_lowercase().starts_with("include");
                line.rsplit_once(']').map_or("", |(_, rest)| rest).trim()
            }
            None => line,
        };
        let Some((key, value)) = rest.split_once('=').filter(|_| within) else { continue };
        if key.trim().eq_ignore_ascii_case("path") {
            let value = value.trim();
            let quoted = value.strip_prefix('"').and_then(|value| value.split_once('"')).map(|(value, _)| value);
            let bare = value.split([';', '#']).next().unwrap_or_default().trim();
            found.push(quoted.unwrap_or(bare).to_owned());
        }
    }
    found
}

fn resolved(file: &Path, named: &str) -> PathBuf {
    match (named.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(below), Some(home)) => PathBuf::from(home).join(below),
        _ => file.parent().unwrap_or(Path::new("")).join(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_settings_name_are_known() {
        let text = "[core]\n\tpath = no\n[Include]\n path=one\n[includeIf \"gitdir:~/x/\"] path = \"two ; b\" ; words\n\
                    \tPath = th\\\nree # words\n[other] path = no\n";
        assert_eq!(included(text), ["one", "two ; b", "three"]);
    }

    #[test]
    fn a_directory_or_a_pipe_is_no_plain_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        assert!(settings(&path).is_ok());
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(&path, "[include]\npath = inner\n").unwrap();
        let error = settings(&path).unwrap_err().in_words();
        assert!(error.contains("inner") && error.ends_with("it is no plain file"), "{error}");
    }
}
