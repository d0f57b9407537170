//! A script in the directory where git looks. What is there already is kept beside it and runs after ours, with the
//! same arguments and the same standard input.

use super::place::{Place, caller_of};
use super::shim::{self, KEPT};
use super::{Done, Form, Hook, HooksError, disk};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What the frameworks put behind the name of a hook that was there before them; they run it first.
const LEGACY: &str = ".legacy";

/// Where a hook is kept that was there before. A framework that comes later gives our script its ending, and the script
/// still finds what was kept.
fn kept_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    disk::beside(&path.with_file_name(name.strip_suffix(LEGACY).unwrap_or(&name)), KEPT)
}

/// A hook that was kept, if nothing runs it any more.
pub(super) fn forgotten(place: &Place, hook: Hook) -> Result<Option<PathBuf>, HooksError> {
    let kept = kept_beside(&place.hooks.join(hook.name()));
    Ok(if disk::is_there(&kept) && find(place, hook)?.is_none() { Some(kept) } else { None })
}

/// Where the script goes, and what is there now.
struct Slot {
    path: PathBuf,
    text: Option<Vec<u8>>,
}

/// Where ours stands or would stand: where git looks, or, where pre-commit or prek stands there, where these keep a hook
/// that they run first and hand everything to.
fn slot(place: &Place, hook: Hook) -> Result<Slot, HooksError> {
    let path = place.hooks.join(hook.name());
    let text = disk::read(&path)?;
    match text.as_deref().and_then(caller_of) {
        Some(Form::PreCommit | Form::Prek) => {
            let path = disk::beside(&path, LEGACY);
            let text = disk::read(&path)?;
            Ok(Slot { path, text })
        }
        _ => Ok(Slot { path, text }),
    }
}

/// The script of ours that git comes to for a hook, and the one that it runs afterwards.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) text: Vec<u8>,
    pub(super) shim: shim::Shim,
    pub(super) kept: Option<PathBuf>,
}

/// Looks for our script.
pub(super) fn find(place: &Place, hook: Hook) -> Result<Option<Found>, HooksError> {
    let Slot { path, text } = slot(place, hook)?;
    let Some(text) = text else { return Ok(None) };
    let Some(shim) = shim::recognise(&text) else { return Ok(None) };
    let kept = Some(kept_beside(&path)).filter(|kept| disk::is_there(kept));
    Ok(Some(Found { path, text, shim, kept }))
}

pub(super) fn put_in(place: &Place, hooks: &[Hook], program: &Path) -> Result<Done, HooksError> {
    let mut done = Done::default();
    for hook in hooks {
        put_in_one(place, *hook, program, &mut done)?;
    }
    if place.top.as_deref().is_some_and(|top| place.hooks.starts_with(top) && !place.hooks.starts_with(&place.common)) {
        done.notes.push(format!(
            "{} is in the work tree; what is written there knows where the program is on this machine, so do not commit it",
            place.hooks.display()
        ));
    }
    Ok(done)
}

pub(super) fn put_in_one(place: &Place, hook: Hook, program: &Path, done: &mut Done) -> Result<(), HooksError> {
    if place.hooks.exists() && !place.hooks.is_dir() {
        return Err(HooksError::refused(
            format!(
                "core.hooksPath sends git to {}, which is no directory, so that no hook runs",
                place.hooks.display()
            ),
            "git config --show-origin core.hooksPath says who set it; take it out there",
        ));
    }
    let Slot { path, text } = slot(place, hook)?;
    let kept = kept_beside(&path);
    match text {
        Some(text) => match shim::recognise(&text) {
            Some(old) => renew(&path, &text, &old, hook, program, done),
            None => chain(&path, &kept, &text, hook, program, done),
        },
        None if disk::is_there(&path) => Err(HooksError::refused(
            format!("{} is a link that leads nowhere", path.display()),
            "remove it, or put back what it leads to",
        )),
        None if disk::is_there(&kept) => Err(HooksError::refused(
            format!("{} was kept when stanch was put in, but the script that runs it is gone", kept.display()),
            format!("move it back to {}, or remove it", path.display()),
        )),
        None => {
            let made_folders = make_folders(&path)?;
            write(&path, hook, program, made_folders)?;
            done.did.push(format!("{}: written", path.display()));
            Ok(())
        }
    }
}

/// A script of ours is there already: it is brought up to date.
fn renew(
    path: &Path,
    text: &[u8],
    old: &shim::Shim,
    hook: Hook,
    program: &Path,
    done: &mut Done,
) -> Result<(), HooksError> {
    if !old.pristine {
        return Err(HooksError::refused(
            format!("{} is ours, but has been changed since it was put in", path.display()),
            "it was left as it is; move your own lines to a hook of their own, remove the file and install again",
        ));
    }
    if text == shim::compose(hook, program, old.made_folders) && disk::runs(path) {
        done.did.push(format!("{}: is there already", path.display()));
        return Ok(());
    }
    write(path, hook, program, old.made_folders)?;
    done.did.push(format!("{}: brought up to date", path.display()));
    Ok(())
}

/// Somebody else's script is there: it is kept beside ours, which runs it.
fn chain(path: &Path, kept: &Path, text: &[u8], hook: Hook, program: &Path, done: &mut Done) -> Result<(), HooksError> {
    let said = String::from_utf8_lossy(text);
    if said.contains(&hook.call()) {
        done.did.push(format!("{}: calls stanch by itself, so it was left as it is", path.display()));
        return Ok(());
    }
    if asks_for_its_name(&said) {
        return Err(HooksError::refused(
            format!("{} does what its own name tells it, so it cannot be kept under another", path.display()),
            format!("put this line before it: {} \"$@\" || exit", hook.call()),
        ));
    }
    if disk::is_there(kept) {
        return Err(HooksError::refused(
            format!("{} was kept when stanch was put in, and another hook has taken its place since", kept.display()),
            format!("remove one of it and {}, or make one hook of both, then install again", path.display()),
        ));
    }
    keep(path, kept).map_err(|error| HooksError::write(kept, error))?;
    if let Err(error) = write(path, hook, program, 0) {
        // Best effort: the hook still stands where it stood.
        let _removed = std::fs::remove_file(kept).is_ok();
        return Err(error);
    }
    done.did.push(format!("{}: written; what was there is {} and runs after it", path.display(), kept.display()));
    if !disk::runs(kept) {
        done.notes.push(format!("{} may not be executed: git passed it by, and so do we", kept.display()));
    }
    Ok(())
}

/// Gives a hook its second name. The first is taken over in one step afterwards, so that there is never none.
fn keep(path: &Path, kept: &Path) -> std::io::Result<()> {
    if path.symlink_metadata()?.is_symlink() {
        #[cfg(unix)]
        return std::os::unix::fs::symlink(std::fs::read_link(path)?, kept);
        #[cfg(not(unix))]
        return std::fs::rename(path, kept);
    }
    match std::fs::hard_link(path, kept) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => std::fs::rename(path, kept),
        linked => linked,
    }
}

/// Some scripts find out from their own name which hook they are.
fn asks_for_its_name(text: &str) -> bool {
    let asks =
        ["basename \"$0\"", "basename $0", "basename -- \"$0\"", "${0##*/}", "basename(sys.argv[0]", "basename($0"];
    asks.iter().any(|ask| text.contains(ask))
}

/// Writes the script over whatever has its name, be it a link.
fn write(path: &Path, hook: Hook, program: &Path, made_folders: u32) -> Result<(), HooksError> {
    let draft = disk::beside(path, &format!(".stanch-{}", std::process::id()));
    let text = shim::compose(hook, program, made_folders);
    let written = std::fs::write(&draft, text).and_then(|()| disk::set_mode(&draft, 0o755));
    written.and_then(|()| std::fs::rename(&draft, path)).map_err(|error| {
        // Best effort: what is left has a name that says what it is.
        let _removed = std::fs::remove_file(&draft).is_ok();
        HooksError::write(path, error)
    })
}

/// Makes the folder, and says how many were missing; where ours are in it already, how many were then.
fn make_folders(path: &Path) -> Result<u32, HooksError> {
    let Some(folder) = path.parent() else { return Ok(0) };
    if folder.is_dir() {
        let beside = Hook::ALL.iter().map(|hook| folder.join(hook.name()));
        let ours = beside.filter_map(|path| Some(shim::recognise(&disk::read(&path).ok()??)?.made_folders));
        return Ok(ours.max().unwrap_or(0));
    }
    let missing = folder.ancestors().take_while(|folder| !folder.is_dir()).count();
    std::fs::create_dir_all(folder).map_err(|error| HooksError::write(folder, error))?;
    Ok(u32::try_from(missing).unwrap_or(0))
}

/// Takes our script out and puts back what was kept.
pub(super) fn take_out(place: &Place, hook: Hook) -> Result<Done, HooksError> {
    let mut done = Done::default();
    let path = place.hooks.join(hook.name());
    let legacy = disk::beside(&path, LEGACY);
    let there = disk::read(&legacy)?.and_then(|text| shim::recognise(&text)).is_some();
    take_out_at(if there { &legacy } else { &path }, &mut done)?;
    Ok(done)
}

fn take_out_at(path: &Path, done: &mut Done) -> Result<(), HooksError> {
    let kept = kept_beside(path);
    let shim = disk::read(path)?.and_then(|text| shim::recognise(&text));
    match shim {
        Some(shim) if shim.pristine => {
            if disk::is_there(&kept) {
                std::fs::rename(&kept, path).map_err(|error| HooksError::write(path, error))?;
                done.did.push(format!("{}: what was there before is back", path.display()));
            } else {
                std::fs::remove_file(path).map_err(|error| HooksError::write(path, error))?;
                done.did.push(format!("{}: removed", path.display()));
            }
            // They stay if something else is in them by now; the last of ours to go takes them along.
            let folders = path.ancestors().skip(1).take(shim.made_folders.try_into().unwrap_or(0));
            let _left = folders.map(std::fs::remove_dir).take_while(Result::is_ok).count();
            Ok(())
        }
        Some(_) => Err(HooksError::refused(
            format!("{} has been changed since it was put in, so it was not removed", path.display()),
            if disk::is_there(&kept) {
                format!("take over what you need from it, then: mv {} {}", kept.display(), path.display())
            } else {
                "take over what you need from it, then remove it".to_owned()
            },
        )),
        None if disk::is_there(&kept) => Err(HooksError::refused(
            format!("{} is not ours any more, but {} is what it stood for", path.display(), kept.display()),
            format!("keep one of the two as {}", path.display()),
        )),
        None => Ok(()),
    }
}
