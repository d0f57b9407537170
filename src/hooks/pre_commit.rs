//! The pre-commit framework, and prek, which reads the same file. The entry goes into the file that everybody shares;
//! whether git calls the framework is another matter, and is said.

use super::place::Place;
use super::{Done, Form, Hook, HooksError, block, disk, plain, yaml};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Our only lines around the entry where the file was made for it.
const SKELETON: &str = "repos:\n";

/// prek's other file, which is not changed here.
const OTHER: &str = "prek.toml";

const WORDS: &str = "`stanch hook uninstall` takes these lines out";

/// The file of a work tree.
pub(super) fn file(top: &Path) -> PathBuf {
    let usual = top.join(".pre-commit-config.yaml");
    let other = top.join(".pre-commit-config.yml");
    if !usual.exists() && other.exists() { other } else { usual }
}

/// Whether the framework is used here.
pub(super) fn is_used(top: &Path) -> bool {
    file(top).exists() || top.join(OTHER).exists()
}

/// What the framework runs. It hands over less than git does, but for a commit.
fn command(hook: Hook) -> String {
    if hook == Hook::PreCommit { hook.call() } else { format!("stanch hook framework {}", hook.name()) }
}

/// The entry, line by line as it stands below `repos`.
fn entry(hook: Hook) -> Vec<String> {
    let name = hook.name();
    let mut lines = vec![
        "- repo: local".to_owned(),
        "  hooks:".to_owned(),
        format!("    - id: stanch-{name}"),
        format!("      name: stanch {name}"),
        format!("      entry: {}", command(hook)),
        "      language: system".to_owned(),
        format!("      stages: [{name}]"),
        "      always_run: true".to_owned(),
        "      require_serial: true".to_owned(),
    ];
    // The name of the file with the message is the only one that is wanted.
    if hook != Hook::CommitMsg {
        lines.push("      pass_filenames: false".to_owned());
    }
    lines
}

fn value(hook: Hook) -> Value {
    let name = hook.name();
    let mut entry = json!({
        "id": format!("stanch-{name}"), "name": format!("stanch {name}"), "entry": command(hook), "language": "system",
        "stages": [name], "always_run": true, "require_serial": true,
    });
    if let (Some(entry), true) = (entry.as_object_mut(), hook != Hook::CommitMsg) {
        entry.insert("pass_filenames".to_owned(), false.into());
    }
    json!({ "repo": "local", "hooks": [entry] })
}

pub(super) fn put_in(place: &Place, form: Form, hooks: &[Hook], program: &Path) -> Result<Done, HooksError> {
    let top = place.work_tree()?;
    let path = file(top);
    if !path.exists() && top.join(OTHER).exists() {
        let lines: Vec<String> = hooks.iter().flat_map(|hook| entry(*hook)).collect();
        return Err(HooksError::refused(
            format!("{} is there, and files in TOML are not changed here", top.join(OTHER).display()),
            format!("add to it what in YAML would be:\n{}", lines.join("\n")),
        ));
    }
    let mut done = Done::default();
    for hook in hooks {
        add(&path, *hook, &mut done)?;
        if *hook == Hook::PrePush {
            // The frameworks hand over the first reference of a push and no other, so the script goes before them.
            plain::put_in_one(place, *hook, program, &mut done)?;
        }
    }
    let mut uncalled = Vec::new();
    for hook in hooks {
        if !matches!(place.caller(*hook)?, Some(Form::PreCommit | Form::Prek)) && *hook != Hook::PrePush {
            uncalled.push(format!("--hook-type {}", hook.name()));
        }
    }
    if !uncalled.is_empty() {
        done.left.push(format!("git does not call {0} yet: {0} install {1}", form.name(), uncalled.join(" ")));
    }
    Ok(done)
}

fn add(path: &Path, hook: Hook, done: &mut Done) -> Result<(), HooksError> {
    let old = disk::read_text(path)?;
    let fresh = old.is_none();
    let text = old.unwrap_or_else(|| SKELETON.to_owned());
    let by_hand = entry(hook).join("\n");
    if !fresh
        && calls(&yaml::read(path, &text)?, hook)
        && !block::find(text.as_bytes()).iter().any(|b| b.mark.name == hook.name())
    {
        done.did.push(format!("{}: has an entry for {} already", path.display(), hook.name()));
        return Ok(());
    }
    let mut before = String::new();
    let new = block::put_in(path, &text, hook.name(), |rest, made| {
        rest.clone_into(&mut before);
        let lines = yaml::lines(rest);
        let at = lines.iter().position(|line| line.indent == 0 && line.opens("repos"));
        let Some((start, after)) = at.and_then(|at| Some((lines.get(at)?, lines.get(at + 1)))) else {
            return Err(yaml::by_hand_only(path, &by_hand));
        };
        // A list may stand as far left as its key.
        let indent = after.filter(|line| line.text.starts_with('-')).map_or(2, |line| line.indent);
        let (end, made) = (block::end_of_line(rest), made || fresh);
        let lines = block::compose(hook.name(), WORDS, &" ".repeat(indent), end, &entry(hook), made);
        Ok((start.end, lines))
    })?;
    let Some(new) = new else {
        done.did.push(format!("{}: has our entry for {} already", path.display(), hook.name()));
        return Ok(());
    };
    let mut wanted = yaml::read(path, &before)?;
    match wanted.get_mut("repos") {
        Some(Value::Array(repos)) => repos.insert(0, value(hook)),
        Some(repos @ Value::Null) => *repos = json!([value(hook)]),
        _ => return Err(yaml::by_hand_only(path, &by_hand)),
    }
    yaml::check(path, &new, &wanted, &by_hand)?;
    disk::replace(path, new.as_bytes(), 0o644)?;
    done.did.push(format!("{}: entry for {} written", path.display(), hook.name()));
    Ok(())
}

/// Whether a file has the framework call us for a hook, be it by our entry or by one from the manifest.
pub(super) fn calls(file: &Value, hook: Hook) -> bool {
    !calling(file, hook).is_empty()
}

/// The entries of a file that call us for a hook, each in a repository of its own.
pub(super) fn calling(file: &Value, hook: Hook) -> Vec<Value> {
    let mut found = Vec::new();
    for repo in file.get("repos").and_then(Value::as_array).into_iter().flatten() {
        for entry in repo.get("hooks").and_then(Value::as_array).into_iter().flatten() {
            let said = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            let suffix = if hook == Hook::PreCommit { String::new() } else { format!("-{}", hook.name()) };
            let by_id = ["stanch", "stanch-system"].iter().any(|id| said("id") == format!("{id}{suffix}"));
            let elsewhere = repo.get("repo").and_then(Value::as_str) != Some("local");
            let ours = [command(hook), hook.call()].iter().any(|call| said("entry").contains(call.as_str()));
            if ours || (by_id && elsewhere) {
                let mut only = repo.clone();
                if let Some(only) = only.as_object_mut() {
                    only.insert("hooks".to_owned(), json!([entry]));
                }
                found.push(only);
            }
        }
    }
    found
}

pub(super) fn take_out(place: &Place, hooks: &[Hook]) -> Result<Done, HooksError> {
    let Some(top) = &place.top else { return Ok(Done::default()) };
    block::take_out(&file(top), hooks, SKELETON, |path, bytes| disk::replace(path, bytes, 0o644))
}
