//! Hooks in git's own configuration. Git runs them from version 2.54 on, before the script in the directory of hooks;
//! an older one ignores them without a word.

use super::place::Place;
use super::{Done, GitVersion, Hook, HooksError, block, disk, quoted};
use std::path::{Path, PathBuf};

const WORDS: &str = "`stanch hook uninstall --via config` takes these lines out";

/// Git tells a command nothing of the event, so each has a name of its own.
pub(super) fn name(hook: Hook) -> String {
    format!("stanch-{}", hook.name())
}

/// The file that the hooks of this repository go to.
pub(super) fn file(place: &Place) -> PathBuf {
    if place.global { user_file() } else { place.common.join("config") }
}

/// The file that git writes for `git config --global`.
pub(super) fn user_file() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(file) = set("GIT_CONFIG_GLOBAL") {
        return file;
    }
    let home = set("HOME").unwrap_or_default();
    let first = home.join(".gitconfig");
    let second = set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("git/config");
    if !first.exists() && second.exists() { second } else { first }
}

pub(super) fn put_in(place: &Place, hooks: &[Hook], program: &Path) -> Result<Done, HooksError> {
    match GitVersion::on_path() {
        Some(version) if version.has_configured_hooks() => {}
        version => {
            let which = version.map_or("git is not on the search path".to_owned(), |it| format!("git here is {it}"));
            return Err(HooksError::refused(
                format!("{which}, and before 2.54 hooks in its configuration are ignored without a word"),
                "--via git puts in a script, which every git runs",
            ));
        }
    }
    let path = file(place);
    let mut done = Done::default();
    for hook in hooks {
        let old = disk::read_text(&path)?;
        let fresh = old.is_none();
        let text = old.unwrap_or_default();
        let new = block::put_in(&path, &text, hook.name(), |rest, made| {
            let start = if rest.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
            let (end, body) = (block::end_of_line(rest), section(*hook, program));
            Ok((start, block::compose(hook.name(), WORDS, "", end, &body, made || fresh)))
        })?;
        let word = if new.is_some() { "written" } else { "is there already" };
        if let Some(new) = new {
            write(&path, new.as_bytes())?;
        }
        done.did.push(format!("{}: section {} {word}", path.display(), name(*hook)));
    }
    Ok(done)
}

/// One hook, as git's configuration says it. Git runs the command through a shell and adds the arguments itself.
fn section(hook: Hook, program: &Path) -> [String; 3] {
    let program = String::from_utf8_lossy(&quoted(&disk::bytes_of(program))).into_owned();
    let what = if hook == Hook::PrePush || hook.on_server() { "push" } else { "commit" };
    let command = format!(
        "program={program}; [ -x \"$program\" ] || program=$(command -v stanch) || {{ echo 'stanch is not installed, so \
         this {what} was not scanned and is stopped. Install it from a checkout of it: cargo install --locked --path .' \
         >&2; exit 1; }}; \"$program\" hook {}",
        hook.name()
    );
    let command = command.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    [format!("[hook \"{}\"]", name(hook)), format!("\tcommand = \"{command}\""), format!("\tevent = {}", hook.name())]
}

/// Git's configuration is written under its own lock.
fn write(path: &Path, bytes: &[u8]) -> Result<(), HooksError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    disk::replace_through(&target, &disk::beside(&target, ".lock"), bytes, 0o644)
}

pub(super) fn take_out(place: &Place, hooks: &[Hook]) -> Result<Done, HooksError> {
    block::take_out(&file(place), hooks, "", write)
}
