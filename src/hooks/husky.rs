//! Husky: lines at the start of its scripts, which everybody shares, so no path of this machine stands in them.

use super::place::Place;
use super::{Done, Hook, HooksError, block, disk};
use std::path::PathBuf;

const WORDS: &str = "`stanch hook uninstall` takes these lines out";

/// What we write before our lines where there was no script.
const SKELETON: &str = "#!/bin/sh\n";

/// Where programs are that graphical clients do not look for.
const PLACES: &str = "$PATH:$HOME/.cargo/bin:/opt/homebrew/bin:/usr/local/bin";

/// The folder with the scripts that people write.
pub(super) fn folder(place: &Place) -> Option<PathBuf> {
    if place.is_husky() {
        let newer = place.hooks.ends_with("_");
        return if newer { place.hooks.parent().map(PathBuf::from) } else { Some(place.hooks.clone()) };
    }
    place.top.as_deref().map(|top| top.join(".husky")).filter(|folder| folder.is_dir())
}

/// Our lines. What reads the standard input after us is handed the same.
pub(super) fn lines_for(hook: Hook) -> Vec<String> {
    let what = if hook == Hook::PrePush { "push" } else { "commit" };
    let call = format!(
        "(PATH=\"{PLACES}\"; command -v stanch >/dev/null || {{ echo 'stanch is not installed, so this {what} was not \
         scanned and is stopped. Install it from a checkout of it: cargo install --locked --path .' >&2; exit 1; }}; \
         exec {} \"$@\") || exit",
        hook.call()
    );
    if hook != Hook::PrePush {
        return vec![call];
    }
    [
        "stanch_refs=$(cat && echo .) || exit; stanch_refs=${stanch_refs%.}",
        &format!("printf %s \"$stanch_refs\" | {call}"),
        "[ -z \"$stanch_refs\" ] || exec <<STANCH_REFS",
        "${stanch_refs%?}",
        "STANCH_REFS",
    ]
    .map(str::to_owned)
    .to_vec()
}

pub(super) fn put_in(place: &Place, hooks: &[Hook]) -> Result<Done, HooksError> {
    let Some(folder) = folder(place) else {
        return Err(HooksError::refused(
            "there is no folder .husky in this repository",
            "set Husky up first: npx husky init",
        ));
    };
    let mut done = Done::default();
    for hook in hooks {
        let path = folder.join(hook.name());
        let old = disk::read_text(&path)?;
        let fresh = old.is_none();
        let text = old.unwrap_or_else(|| SKELETON.to_owned());
        let marked = block::find(text.as_bytes()).iter().any(|block| block.mark.name == hook.name());
        if !marked && text.contains(&hook.call()) {
            done.did.push(format!("{}: calls stanch already", path.display()));
            continue;
        }
        let new = block::put_in(&path, &text, hook.name(), |rest, made| {
            let first = rest.split_inclusive('\n').next().filter(|line| line.starts_with("#!"));
            if first.is_some_and(|line| !line.ends_with('\n')) {
                return Err(HooksError::refused(
                    format!("{} has a first line without an end", path.display()),
                    "end it with a new line, then install again",
                ));
            }
            let lines = block::compose(hook.name(), WORDS, "", "\n", &lines_for(*hook), made || fresh);
            Ok((first.map_or(0, str::len), lines))
        })?;
        let word = if new.is_some() { "written" } else { "are there already" };
        if let Some(new) = new {
            disk::replace(&path, new.as_bytes(), 0o755)?;
        }
        done.did.push(format!("{}: our lines {word}", path.display()));
    }
    if !place.is_husky() {
        done.left.push("git does not call Husky yet: npx husky".to_owned());
    }
    Ok(done)
}

pub(super) fn take_out(place: &Place, hooks: &[Hook]) -> Result<Done, HooksError> {
    let mut done = Done::default();
    let Some(folder) = folder(place) else { return Ok(done) };
    for hook in hooks {
        let path = folder.join(hook.name());
        let more = block::take_out(&path, &[*hook], SKELETON, |path, bytes| disk::replace(path, bytes, 0o755))?;
        done.did.extend(more.did);
    }
    Ok(done)
}
