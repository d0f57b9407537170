//! How each hook stands: by whom git is told to call us, and whether it really would.

use super::place::{Place, Said, caller_of};
use super::{Form, GitVersion, Hook, HooksError, disk, husky, lefthook, plain, pre_commit, settings, shim, yaml};
use git2::{Config, ConfigLevel};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How one hook stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which.
    pub hook: Hook,
    /// Every place that calls us, or would.
    pub ways: Vec<Way>,
    /// What is amiss.
    pub troubles: Vec<Trouble>,
}

impl Standing {
    /// Whether git calls us.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.ways.iter().any(|way| way.runs)
    }

    fn amiss(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.troubles.push(Trouble { what: what.into(), remedy: remedy.into() });
    }
}

/// A place that calls us.
#[derive(Clone, Debug)]
pub struct Way {
    /// Who put it there; none for a script that somebody wrote by hand.
    pub form: Option<Form>,
    /// The file.
    pub path: PathBuf,
    /// The version of our script.
    pub version: Option<u32>,
    /// What runs after ours.
    pub kept: Option<PathBuf>,
    /// Whether git comes to it.
    pub runs: bool,
    /// Where git's configuration says it: in the repository, or for all of them.
    pub(super) section: Option<Section>,
}

/// A hook in git's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) command: String,
    pub(super) local: bool,
}

impl Way {
    fn new(form: Option<Form>, path: PathBuf, runs: bool) -> Self {
        Self { form, path, version: None, kept: None, runs, section: None }
    }
}

/// What is amiss, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Looks at one hook of a repository.
///
/// # Errors
/// When a file or git's configuration cannot be read.
pub fn standing(place: &Place, config: &Config, git: Option<&GitVersion>, hook: Hook) -> Result<Standing, HooksError> {
    let mut standing = Standing { hook, ways: Vec::new(), troubles: Vec::new() };
    script(place, &mut standing)?;
    configured(place, config, git, &mut standing)?;
    framework_files(place, &mut standing)?;
    overshadowed(place, &mut standing)?;
    if !standing.is_on() && standing.troubles.is_empty() {
        let server = if hook.on_server() { " --server" } else { "" };
        standing.amiss("it is not installed", format!("stanch hook install{server} --hook {}", hook.name()));
    }
    Ok(standing)
}

/// The script that git runs for the hook, if it is ours or calls us by itself.
fn script(place: &Place, standing: &mut Standing) -> Result<(), HooksError> {
    let hook = standing.hook;
    let path = place.hooks.join(hook.name());
    if let Some(kept) = plain::forgotten(place, hook)? {
        standing.amiss(
            format!("{} was kept when stanch was put in, and nothing runs it any more", kept.display()),
            format!("move it to where it belongs, or remove it; then stanch hook install --hook {}", hook.name()),
        );
    }
    let Some(text) = disk::read(&path)? else { return Ok(()) };
    let runs = disk::runs(&path);
    let mut concerns_us = true;
    if let Some(found) = plain::find(place, hook)? {
        let way_runs = runs && disk::runs(&found.path);
        if !disk::runs(&found.path) {
            not_executable(standing, &found.path);
        }
        own_script(standing, &found);
        standing.ways.push(Way {
            version: Some(found.shim.version),
            kept: found.kept.clone(),
            ..Way::new(Some(Form::Git), found.path, way_runs)
        });
        concerns_us = caller_of(&text).is_some();
    } else if caller_of(&text).is_none() && String::from_utf8_lossy(&text).contains(&hook.call()) && !place.is_husky() {
        standing.ways.push(Way::new(None, path.clone(), runs));
    } else if caller_of(&text).is_none() {
        concerns_us = false;
    }
    if concerns_us && !runs {
        not_executable(standing, &path);
    }
    Ok(())
}

fn not_executable(standing: &mut Standing, path: &Path) {
    let remedy = format!("chmod +x {}", path.display());
    if !standing.troubles.iter().any(|trouble| trouble.remedy == remedy) {
        standing.amiss(format!("{} may not be executed, so git passes it by", path.display()), remedy);
    }
}

fn own_script(standing: &mut Standing, found: &plain::Found) {
    let at = found.path.display();
    if !found.shim.pristine {
        standing.amiss(
            format!("{at} has been changed since it was put in, so what it does is not known"),
            "move your own lines to a hook of their own, remove the file and install again",
        );
    } else if found.shim.version < super::mark::VERSION {
        standing
            .amiss(format!("{at} is of version {}", found.shim.version), "stanch hook install brings it up to date");
    }
    if let Some(program) = shim::program(&found.text).filter(|program| !disk::runs(Path::new(program))) {
        standing.amiss(
            format!(
                "{at} remembers the program at {program}, where it is not; what the search path has is run, if anything"
            ),
            "stanch hook install brings it up to date",
        );
    }
}

/// Hooks in git's configuration, in whatever file.
fn configured(
    place: &Place,
    config: &Config,
    git: Option<&GitVersion>,
    standing: &mut Standing,
) -> Result<(), HooksError> {
    let hook = standing.hook;
    for section in sections(config, hook).map_err(HooksError::Configuration)? {
        let enabled = |name: &str| config.get_bool(&format!("hook.{name}.enabled")).unwrap_or(true);
        let on = enabled(&section.name) && enabled(hook.name());
        let knows = git.is_some_and(GitVersion::has_configured_hooks);
        let path = if section.local { place.common.join("config") } else { settings::user_file() };
        if !on {
            standing.amiss(
                format!(
                    "git's configuration has hook.{}.enabled or hook.{}.enabled at false",
                    section.name,
                    hook.name()
                ),
                "git config unset it",
            );
        }
        if !knows {
            let which = git.map_or("no git is on the search path".to_owned(), |git| format!("git here is {git}"));
            standing.amiss(
                format!(
                    "{which}, and before 2.54 hook.{} in its configuration is ignored without a word",
                    section.name
                ),
                "stanch hook install --via git",
            );
        }
        standing.ways.push(Way { section: Some(section), ..Way::new(Some(Form::Config), path, on && knows) });
    }
    Ok(())
}

/// The hooks of git's configuration that call us at an event.
fn sections(config: &Config, hook: Hook) -> Result<Vec<Section>, git2::Error> {
    let mut names: Vec<(String, bool)> = Vec::new();
    let mut entries = config.entries(Some("^hook\\..*\\.event$"))?;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let (Ok(key), Ok(event)) = (entry.name(), entry.value()) else { continue };
        let Some(name) = key.strip_prefix("hook.").and_then(|key| key.strip_suffix(".event")) else { continue };
        if event.is_empty() {
            names.retain(|(other, _)| other != name);
        } else if event == hook.name() {
            let local = matches!(entry.level(), ConfigLevel::Local | ConfigLevel::Worktree);
            names.push((name.to_owned(), local));
        }
    }
    let call = format!(" hook {}", hook.name());
    Ok(names
        .into_iter()
        .filter_map(|(name, local)| {
            let command = config.get_string(&format!("hook.{name}.command")).ok()?;
            (command.contains("stanch") && command.contains(&call)).then_some(Section { name, command, local })
        })
        .collect())
}

/// Files of frameworks that name us, whether git calls these frameworks or not.
fn framework_files(place: &Place, standing: &mut Standing) -> Result<(), HooksError> {
    let Some(top) = &place.top else { return Ok(()) };
    if standing.hook.on_server() {
        return Ok(());
    }
    let caller = place.caller(standing.hook)?;
    let runs = disk::runs(&place.hooks.join(standing.hook.name()));
    of_pre_commit(top, caller, runs, standing)?;
    of_lefthook(top, caller, runs, standing)?;
    of_husky(place, runs, standing)
}

fn of_pre_commit(top: &Path, caller: Option<Form>, runs: bool, standing: &mut Standing) -> Result<(), HooksError> {
    let (path, hook) = (pre_commit::file(top), standing.hook);
    let Some(text) = disk::read_text(&path)? else { return Ok(()) };
    // A file that the framework cannot read either stops every commit, and it says so itself.
    let Ok(file) = yaml::read(&path, &text) else { return Ok(()) };
    if !pre_commit::calls(&file, hook) {
        return Ok(());
    }
    let form = caller.filter(|form| matches!(form, Form::PreCommit | Form::Prek));
    if form.is_none() && !standing.is_on() {
        standing.amiss(
            format!("{} names us, but git does not call the framework for {}", path.display(), hook.name()),
            format!("pre-commit install --hook-type {0} (or prek install --hook-type {0})", hook.name()),
        );
    }
    if form.is_some() && hook == Hook::PrePush && !standing.is_on() {
        standing.amiss(
            "the framework hands over the first reference of a push and no other",
            "stanch hook install --hook pre-push puts a script before it that reads all of them",
        );
    }
    standing.ways.push(Way::new(Some(form.unwrap_or(Form::PreCommit)), path, form.is_some() && runs));
    Ok(())
}

fn of_lefthook(top: &Path, caller: Option<Form>, runs: bool, standing: &mut Standing) -> Result<(), HooksError> {
    let Some(path) = lefthook::file(top) else { return Ok(()) };
    let hook = standing.hook;
    let Some(text) = disk::read_text(&path)? else { return Ok(()) };
    let json = path.extension().is_some_and(|it| it == "json");
    let file = if json {
        serde_json::from_str(&text).unwrap_or(Value::Null)
    } else {
        yaml::read(&path, &text).unwrap_or(Value::Null)
    };
    if !lefthook::calls(&file, hook) {
        return Ok(());
    }
    let called = caller == Some(Form::Lefthook);
    if !called && !standing.is_on() {
        standing.amiss(
            format!("{} names us, but git does not call Lefthook for {}", path.display(), hook.name()),
            "lefthook install",
        );
    }
    if let Some(key) = lefthook::left_out(&file, hook) {
        standing.amiss(
            format!("{} has Lefthook leave {} out under some conditions: {key}", path.display(), hook.name()),
            format!("take {key} away, or live with commits that are not scanned before the push"),
        );
    }
    standing.ways.push(Way::new(Some(Form::Lefthook), path, called && runs));
    Ok(())
}

fn of_husky(place: &Place, runs: bool, standing: &mut Standing) -> Result<(), HooksError> {
    let Some(folder) = husky::folder(place) else { return Ok(()) };
    let path = folder.join(standing.hook.name());
    let Some(text) = disk::read(&path)? else { return Ok(()) };
    let known = standing.ways.iter().any(|way| way.path == path);
    if known || !String::from_utf8_lossy(&text).contains(&standing.hook.call()) {
        return Ok(());
    }
    if !place.is_husky() && !standing.is_on() {
        standing.amiss(format!("{} names us, but git does not call Husky", path.display()), "npx husky");
    }
    standing.ways.push(Way::new(Some(Form::Husky), path, place.is_husky() && runs));
    Ok(())
}

/// A script of ours where git would look if it were not sent elsewhere.
fn overshadowed(place: &Place, standing: &mut Standing) -> Result<(), HooksError> {
    let usual = place.common.join("hooks");
    if place.said == Said::Nobody || usual == place.hooks {
        return Ok(());
    }
    let path = usual.join(standing.hook.name());
    let Some(shim) = disk::read(&path)?.and_then(|text| shim::recognise(&text)) else { return Ok(()) };
    standing.ways.push(Way { version: Some(shim.version), ..Way::new(Some(Form::Git), path.clone(), false) });
    standing.amiss(
        format!("core.hooksPath sends git to {}, so {} is never run", place.hooks.display(), path.display()),
        "stanch hook install, and remove the script that is never run",
    );
    Ok(())
}
