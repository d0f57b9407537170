//! `stanch hook install` and `stanch hook uninstall`.

use super::super::args::{HookInstallArguments, HookName, HookUninstallArguments};
use super::super::exit::Code;
use super::super::failure::Failure;
use super::super::output::print;
use super::status;
use crate::hooks::{self, Done, Form, GitVersion, Hook, HooksError, Place, Said, Standing};
use crate::wiring::scanner::Whereabouts;
use std::path::{Path, PathBuf};

/// Puts hooks in.
///
/// # Errors
/// When something is in the way.
pub(super) fn install(arguments: &HookInstallArguments) -> Result<Code, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let mut place = status::place_of(&repository)?;
    let hooks = wanted(arguments, &place)?;
    let mut form = match arguments.via {
        Some(via) => via.into(),
        None if arguments.server || hooks.iter().all(|hook| hook.on_server()) => Form::Git,
        None => place.usual_form()?,
    };
    if arguments.global {
        form = everywhere(&mut place, form)?;
    } else if place.said == Said::Everywhere && matches!(form, Form::Git | Form::PreCommit | Form::Prek) {
        // The frameworks put their scripts there too, or refuse to.
        return Err(sent_away(&place));
    }
    let program = program()?;
    let mut done = hooks::put_in(&place, form, &hooks, &program)?;
    if arguments.global && form == Form::Git {
        done.notes.extend(overshadowed(&place));
    }
    // What was written to git's configuration is read afresh.
    let standings = status::look(&Whereabouts::Environment.open()?, &hooks)?;
    let off = standings.iter().any(|standing| !standing.is_on());
    print(|out| {
        say(out, &done)?;
        for trouble in standings.iter().flat_map(|standing| &standing.troubles) {
            writeln!(out, "  amiss: {}", trouble.what)?;
            writeln!(out, "         {}", trouble.remedy)?;
        }
        let names = |on: bool| -> Vec<&str> {
            let which = standings.iter().filter(|standing| standing.is_on() == on);
            which.map(|standing: &Standing| standing.hook.name()).collect()
        };
        let (on, not_on) = (names(true), names(false));
        if !on.is_empty() {
            writeln!(out, "on: {}", on.join(", "))?;
        }
        if !not_on.is_empty() {
            writeln!(out, "NOT ON YET: {}", not_on.join(", "))?;
        }
        writeln!(out, "undo: {}", undo(arguments, form, &hooks))
    })?;
    Ok(if off { Code::Findings } else { Code::Clean })
}

/// Takes hooks out.
///
/// # Errors
/// When what was put in has been changed since.
pub(super) fn uninstall(arguments: &HookUninstallArguments) -> Result<Code, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let mut place = status::place_of(&repository)?;
    place.global = arguments.global;
    if place.said == Said::Everywhere && !arguments.global {
        // What is elsewhere is for all repositories, and was not put in for this one.
        place.hooks = place.common.join("hooks");
    }
    let hooks: Vec<Hook> = match &arguments.hook[..] {
        [] => Hook::ALL.to_vec(),
        names => each_once(names),
    };
    let done = hooks::take_out(&place, arguments.via.map(Form::from), &hooks)?;
    print(|out| {
        if done.did.is_empty() {
            writeln!(out, "nothing of ours is here")?;
        }
        say(out, &done)
    })?;
    Ok(Code::Clean)
}

fn say(out: &mut dyn std::io::Write, done: &Done) -> std::io::Result<()> {
    done.did.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    done.notes.iter().try_for_each(|line| writeln!(out, "  note: {line}"))?;
    done.left.iter().try_for_each(|line| writeln!(out, "  to do: {line}"))
}

/// The hooks that are asked for, each once.
fn wanted(arguments: &HookInstallArguments, place: &Place) -> Result<Vec<Hook>, Failure> {
    if !arguments.hook.is_empty() {
        return Ok(each_once(&arguments.hook));
    }
    if arguments.server {
        return Ok(vec![Hook::PreReceive]);
    }
    if place.is_bare() {
        return Err(Failure::new(
            Code::Usage,
            format!("{} is bare: nobody commits in it or pushes from it", place.common.display()),
        )
        .hint("stanch hook install --server puts in the hook that git runs for those who push to it"));
    }
    Ok(Hook::WORK.to_vec())
}

fn each_once(names: &[HookName]) -> Vec<Hook> {
    let mut hooks: Vec<Hook> = names.iter().map(|name| (*name).into()).collect();
    hooks.sort();
    hooks.dedup();
    hooks
}

/// Where hooks of all repositories go.
fn everywhere(place: &mut Place, form: Form) -> Result<Form, Failure> {
    let git = GitVersion::on_path();
    place.global = true;
    match form {
        Form::Git if place.said == Said::Everywhere => Ok(Form::Git),
        Form::Config | Form::Git if git.as_ref().is_some_and(GitVersion::has_configured_hooks) => Ok(Form::Config),
        Form::Config | Form::Git => {
            let which = git.map_or("no git is on the search path".to_owned(), |git| format!("git here is {git}"));
            Err(Failure::new(Code::Usage, format!("{which}, and only from 2.54 on it has hooks for all repositories"))
                .hint("stanch hook install, in each repository")
                .hint("or git config --global core.hooksPath DIRECTORY, and again; git then runs no repository's own hooks"))
        }
        _ => Err(Failure::new(Code::Usage, format!("--global and --via {} do not go together", form.name()))
            .hint("the file of a framework belongs to one repository")),
    }
}

fn sent_away(place: &Place) -> Failure {
    let mut failure = Failure::new(
        Code::Usage,
        format!("core.hooksPath sends every repository of this user to {}", place.hooks.display()),
    )
    .hint("--global puts the hooks there, for all of them");
    if GitVersion::on_path().is_some_and(|git| git.has_configured_hooks()) {
        failure = failure.hint("--via config puts them into this repository alone");
    }
    failure.hint(format!(
        "or send this repository back to its own: git config core.hooksPath {}",
        place.common.join("hooks").display()
    ))
}

/// The hooks of this repository that git does not run, because it is sent elsewhere.
fn overshadowed(place: &Place) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(place.common.join("hooks")) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.contains('.'))
        .collect();
    names.sort();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "core.hooksPath keeps git from this repository's own {} in {}, as it does in every other repository",
        names.join(", "),
        place.common.join("hooks").display()
    )]
}

fn undo(arguments: &HookInstallArguments, form: Form, hooks: &[Hook]) -> String {
    let mut words = format!("stanch hook uninstall --via {}", form.name());
    if !arguments.hook.is_empty() {
        let names: Vec<&str> = hooks.iter().map(|hook| hook.name()).collect();
        words = format!("{words} --hook {}", names.join(","));
    }
    if arguments.global { format!("{words} --global") } else { words }
}

/// Where this program is, by the name that outlives its next version: the one on the search path, if that leads here.
fn program() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(|error| {
        Failure::new(Code::Outside, format!("the system does not say where this program is: {error}"))
    })?;
    let real = |path: &Path| path.canonicalize().ok();
    let name = own.file_name().unwrap_or_default().to_owned();
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(&name))
            .find(|path| path.is_absolute() && path.is_file() && real(path) == real(&own))
    });
    Ok(on_path.unwrap_or(own))
}

impl From<HooksError> for Failure {
    fn from(error: HooksError) -> Self {
        let refused = matches!(error, HooksError::Refused { .. });
        let failure = Self::of(if refused { Code::Usage } else { Code::Outside }, &error);
        match error {
            HooksError::Refused { remedy, .. } => failure.hint(remedy),
            HooksError::Write { .. } => {
                failure.hint("whose file it is, and who may write to its directory, is what to look at")
            }
            HooksError::Program { .. } => failure.hint("it must be on the search path"),
            _ => failure,
        }
    }
}
