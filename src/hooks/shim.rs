//! The script that git runs. The templates lie in the folder `hooks` and work as they are; put in by us, they also know
//! where the program is.

use super::mark::{Mark, SCRIPT, lines};
use super::{Hook, disk, quoted};
use std::path::Path;

/// The checksum of the only script of version 1.
const FIRST_VERSION: u32 = 0xe2b8_0578;

/// What follows the name of a hook that was there before.
pub(super) const KEPT: &str = ".stanch-kept";

fn template(hook: Hook) -> &'static str {
    match hook {
        Hook::PreCommit => include_str!("../../hooks/pre-commit"),
        Hook::CommitMsg => include_str!("../../hooks/commit-msg"),
        Hook::PrePush => include_str!("../../hooks/pre-push"),
        Hook::PreReceive => include_str!("../../hooks/pre-receive"),
        Hook::Update => include_str!("../../hooks/update"),
    }
}

/// A script of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shim {
    pub(super) version: u32,
    /// Nobody has changed it since it was written.
    pub(super) pristine: bool,
    /// How many folders were made for it.
    pub(super) made_folders: u32,
}

/// The script for one hook.
pub(super) fn compose(hook: Hook, program: &Path, made_folders: u32) -> Vec<u8> {
    let mut head = Vec::new();
    let mut words = String::new();
    let mut body = Vec::new();
    for line in template(hook).lines() {
        match line.split_once(": ") {
            _ if head.is_empty() => head.extend_from_slice(line.as_bytes()),
            Some((_, said)) if words.is_empty() => words.push_str(said),
            _ => {
                body.extend_from_slice(line.as_bytes());
                if line == "program=" {
                    body.extend_from_slice(&quoted(&disk::bytes_of(program)));
                }
                body.push(b'\n');
            }
        }
    }
    let mark = Mark::of(hook.name(), &body, made_folders).line(SCRIPT, &words);
    [&head[..], b"\n", mark.as_bytes(), b"\n", &body[..]].concat()
}

/// Whether a script is ours.
pub(super) fn recognise(text: &[u8]) -> Option<Shim> {
    let (range, mark) =
        lines(text).take(3).find_map(|(range, line)| Some((range, Mark::read(SCRIPT, line.trim_ascii_end())?)))?;
    let body = text.get(range.end..).unwrap_or_default();
    let by_hand = Hook::ALL.iter().any(|hook| template(*hook).as_bytes() == text);
    let pristine = by_hand || mark.fits(body) || crc32fast::hash(text) == FIRST_VERSION;
    Some(Shim { version: mark.version, pristine, made_folders: mark.made })
}

/// The program that a script of ours remembers.
pub(super) fn program(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let word = text.lines().find_map(|line| line.strip_prefix("program='"))?.strip_suffix('\'')?;
    Some(word.replace("'\\''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_known_again_and_changes_are_seen() {
        for hook in Hook::ALL {
            let text = compose(hook, Path::new("/opt/it's here/stanch"), 2);
            let shim = recognise(&text).unwrap();
            assert_eq!(shim, Shim { version: 2, pristine: true, made_folders: 2 });
            assert_eq!(program(&text).as_deref(), Some("/opt/it's here/stanch"));
            let changed = [&text[..], b"#"].concat();
            assert!(!recognise(&changed).unwrap().pristine);
            // One that was copied by hand.
            assert!(recognise(template(hook).as_bytes()).unwrap().pristine);
            assert_eq!(program(template(hook).as_bytes()), None);
        }
        for other in
            ["", "#!/bin/sh\n", "#!/bin/sh\n\n\n# stanch hook v2 update 00000000: late\n", "# stanch hook vX: a\n"]
        {
            assert_eq!(recognise(other.as_bytes()), None, "{other}");
        }
    }
}
