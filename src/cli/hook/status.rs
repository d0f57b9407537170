//! `stanch hook status`.

use super::super::args::HookStatusArguments;
use super::super::exit::Code;
use super::super::failure::Failure;
use super::super::output::print;
use crate::hooks::{self, GitVersion, Hook, HooksError, Place, Standing};
use crate::source::git::Repository;
use crate::wiring::scanner::Whereabouts;
use serde_json::{Value, json};

/// Says how each hook stands; 0 if all are on and nothing is amiss, else 1.
///
/// # Errors
/// When there is no repository, or a file cannot be read.
pub(super) fn run(arguments: &HookStatusArguments) -> Result<Code, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let place = place_of(&repository)?;
    let standings = look(&repository, expected(&place))?;
    let whole = standings.iter().all(|standing| standing.is_on() && standing.troubles.is_empty());
    let git = GitVersion::on_path();
    let skipped = std::env::var_os("STANCH_SKIP").is_some_and(|reason| !reason.is_empty());
    print(|out| {
        if arguments.json {
            let hooks: Vec<Value> = standings.iter().map(object).collect();
            let git = git.map(|git| git.to_string());
            let all = json!({
                "on": whole, "git": git, "directory": place.hooks.to_string_lossy(), "skipped": skipped, "hooks": hooks,
            });
            return writeln!(out, "{all:#}");
        }
        for standing in &standings {
            tell(out, standing)?;
        }
        if skipped {
            writeln!(out, "STANCH_SKIP is set in this shell: what it commits and pushes is not scanned")?;
        }
        Ok(())
    })?;
    Ok(if whole { Code::Clean } else { Code::Findings })
}

/// Where git looks for hooks in a repository.
///
/// # Errors
/// When the configuration of git cannot be read.
pub(super) fn place_of(repository: &Repository) -> Result<Place, HooksError> {
    let config = repository.config().map_err(HooksError::Configuration)?;
    Place::of(repository.path(), repository.common(), repository.work_tree(), &config)
}

/// The hooks that a repository should have.
pub(super) fn expected(place: &Place) -> &'static [Hook] {
    if place.is_bare() { &[Hook::PreReceive] } else { &Hook::WORK }
}

/// How hooks stand now.
pub(super) fn look(repository: &Repository, hooks: &[Hook]) -> Result<Vec<Standing>, Failure> {
    let place = place_of(repository)?;
    let config = repository.config().and_then(|mut config| config.snapshot()).map_err(HooksError::Configuration)?;
    let git = GitVersion::on_path();
    hooks.iter().map(|hook| Ok(hooks::standing(&place, &config, git.as_ref(), *hook)?)).collect()
}

fn tell(out: &mut dyn std::io::Write, standing: &Standing) -> std::io::Result<()> {
    writeln!(out, "{:<11} {}", standing.hook.name(), if standing.is_on() { "on" } else { "OFF" })?;
    for way in &standing.ways {
        let form = way.form.map_or("by hand", hooks::Form::name);
        let version = way.version.map(|version| format!(", version {version}")).unwrap_or_default();
        let off = if way.runs { "" } else { " (git does not come to it)" };
        writeln!(out, "  {form}: {}{version}{off}", way.path.display())?;
        if let Some(kept) = &way.kept {
            writeln!(out, "    then {}", kept.display())?;
        }
    }
    for trouble in &standing.troubles {
        writeln!(out, "  amiss: {}", trouble.what)?;
        writeln!(out, "         {}", trouble.remedy)?;
    }
    Ok(())
}

fn object(standing: &Standing) -> Value {
    let ways: Vec<Value> = standing
        .ways
        .iter()
        .map(|way| {
            json!({
                "form": way.form.map_or("by-hand", hooks::Form::name), "file": way.path.to_string_lossy(),
                "version": way.version, "then": way.kept.as_ref().map(|kept| kept.to_string_lossy()), "runs": way.runs,
            })
        })
        .collect();
    let troubles: Vec<Value> =
        standing.troubles.iter().map(|trouble| json!({ "what": trouble.what, "remedy": trouble.remedy })).collect();
    json!({ "hook": standing.hook.name(), "on": standing.is_on(), "ways": ways, "amiss": troubles })
}
