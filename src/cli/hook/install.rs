//! Putting the hook where git looks, and taking it out again.

use crate::cli::exit::Code;
use crate::cli::failure::Failure;
use crate::cli::output::print;
use crate::wiring::scanner::Whereabouts;
use std::path::{Path, PathBuf};

/// What is put into a repository.
const SHIM: &str = include_str!("../../../hooks/pre-commit");

/// By this a shim of ours is known.
const MARK: &str = "stanch hook v";

pub(super) fn install() -> Result<Code, Failure> {
    let path = hook_path()?;
    match std::fs::read_to_string(&path) {
        Ok(text) if text.contains(MARK) => {}
        Ok(_) => {
            return Err(Failure::new(Code::Usage, format!("{} is there already and is not ours", path.display()))
                .hint("add this line to it: stanch hook pre-commit || exit $?"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(&path, &error)),
    }
    write_hook(&path).map_err(|error| {
        Failure::new(Code::Outside, format!("cannot write {}: {error}", path.display()))
            .hint("core.hooksPath of git's configuration says where hooks are")
    })?;
    print(|out| writeln!(out, "{}: every commit is scanned; stanch hook uninstall undoes it", path.display()))?;
    Ok(Code::Clean)
}

fn write_hook(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(path, SHIM)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

pub(super) fn uninstall() -> Result<Code, Failure> {
    let path = hook_path()?;
    match std::fs::read_to_string(&path) {
        Ok(text) if text.contains(MARK) => std::fs::remove_file(&path)
            .map_err(|error| Failure::new(Code::Outside, format!("cannot remove {}: {error}", path.display())))?,
        Ok(_) => return Err(Failure::new(Code::Usage, format!("{} is not ours", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(&path, &error)),
    }
    Ok(Code::Clean)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Outside, format!("cannot read {}: {error}", path.display()))
}

/// Where git looks for the hook.
fn hook_path() -> Result<PathBuf, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let directory = match configured_path(&repository)? {
        Some(path) if path.is_absolute() => path,
        Some(path) => repository.workdir().unwrap_or(repository.path()).join(path),
        None => repository.commondir().join("hooks"),
    };
    Ok(directory.join("pre-commit"))
}

/// The repository's own `core.hooksPath`. One for all repositories is no place for the hook of one.
fn configured_path(repository: &git2::Repository) -> Result<Option<PathBuf>, Failure> {
    const KEY: &str = "core.hooksPath";
    let Ok(config) = repository.config() else { return Ok(None) };
    let Ok(path) = config.get_path(KEY) else { return Ok(None) };
    let own = config
        .get_entry(KEY)
        .is_ok_and(|entry| matches!(entry.level(), git2::ConfigLevel::Local | git2::ConfigLevel::Worktree));
    if own {
        return Ok(Some(path));
    }
    Err(Failure::new(Code::Usage, format!("{KEY} sends every repository of this user to {}", path.display()))
        .hint("add this line to the pre-commit hook there: stanch hook pre-commit || exit $?"))
}
