//! Lefthook: a command in its file for each hook.

use super::place::Place;
use super::{Done, Form, Hook, HooksError, block, disk, yaml};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

const NAMES: [&str; 4] = ["lefthook.yml", ".lefthook.yml", "lefthook.yaml", ".lefthook.yaml"];
const FOREIGN: [&str; 4] = ["lefthook.toml", ".lefthook.toml", "lefthook.json", ".lefthook.json"];
const WORDS: &str = "`stanch hook uninstall` takes these lines out";

/// The file of a work tree, if there is one.
pub(super) fn file(top: &Path) -> Option<PathBuf> {
    NAMES.iter().chain(&FOREIGN).map(|name| top.join(name)).find(|path| path.exists())
}

/// The lines of the command, below its name.
fn command(hook: Hook) -> Vec<String> {
    match hook {
        Hook::CommitMsg => vec![format!("run: {} '{{1}}'", hook.call())],
        Hook::PrePush => vec![format!("run: {} '{{1}}' '{{2}}'", hook.call()), "use_stdin: true".to_owned()],
        _ => vec![format!("run: {}", hook.call())],
    }
}

fn value(hook: Hook) -> Map<String, Value> {
    let run = match hook {
        Hook::CommitMsg => format!("{} '{{1}}'", hook.call()),
        Hook::PrePush => format!("{} '{{1}}' '{{2}}'", hook.call()),
        _ => hook.call(),
    };
    let mut command = Map::from_iter([("run".to_owned(), Value::from(run))]);
    if hook == Hook::PrePush {
        command.insert("use_stdin".to_owned(), true.into());
    }
    command
}

pub(super) fn put_in(place: &Place, hooks: &[Hook]) -> Result<Done, HooksError> {
    let top = place.work_tree()?;
    let path = file(top).unwrap_or_else(|| top.join("lefthook.yml"));
    if !path.extension().is_some_and(|it| it == "yml" || it == "yaml") {
        let lines: Vec<String> = hooks.iter().flat_map(|hook| below(*hook, Below::Nothing)).collect();
        return Err(HooksError::refused(
            format!("{} is not in YAML, and only that is changed here", path.display()),
            format!("add to it what in YAML would be:\n{}", lines.join("\n")),
        ));
    }
    let mut done = Done::default();
    let mut called = true;
    for hook in hooks {
        add(&path, *hook, &mut done)?;
        called &= place.caller(*hook)? == Some(Form::Lefthook);
    }
    if !called {
        done.left.push("git does not call Lefthook for all of these yet: lefthook install".to_owned());
    }
    Ok(done)
}

/// What of the command's surroundings is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Below {
    Nothing,
    Hook,
    Commands,
    Jobs,
}

/// The lines that are missing.
fn below(hook: Hook, there: Below) -> Vec<String> {
    let shifted = |by: usize| command(hook).into_iter().map(move |line| format!("{}{line}", " ".repeat(by)));
    match there {
        Below::Nothing => [format!("{}:", hook.name()), "  commands:".to_owned(), "    stanch:".to_owned()]
            .into_iter()
            .chain(shifted(6))
            .collect(),
        Below::Hook => ["commands:".to_owned(), "  stanch:".to_owned()].into_iter().chain(shifted(4)).collect(),
        Below::Commands => std::iter::once("stanch:".to_owned()).chain(shifted(2)).collect(),
        Below::Jobs => std::iter::once("- name: stanch".to_owned()).chain(shifted(2)).collect(),
    }
}

/// Where the lines go, how far they are indented, and what is there already.
fn spot(text: &str, hook: Hook) -> Option<(usize, usize, Below)> {
    let lines = yaml::lines(text);
    let Some(key) = lines.iter().position(|line| line.indent == 0 && line.opens(hook.name())) else {
        let first = lines.first().map_or(text.len(), |line| line.start);
        // Not between a mark of ours and what it stands for.
        let blocks = block::find(text.as_bytes());
        let first = blocks.iter().find(|block| block.range.contains(&first)).map_or(first, |block| block.range.start);
        return (first == 0 || text.get(..first)?.ends_with('\n') || text.starts_with('\u{feff}')).then_some((
            first,
            0,
            Below::Nothing,
        ));
    };
    let after = lines.get(key + 1..).unwrap_or_default();
    let children = after.iter().take_while(|line| line.indent > 0).count();
    let children = after.get(..children).unwrap_or_default();
    let Some(first) = children.first() else { return Some((lines.get(key)?.end, 2, Below::Hook)) };
    for (word, there) in [("commands", Below::Commands), ("jobs", Below::Jobs)] {
        let Some(at) = children.iter().position(|line| line.indent == first.indent && line.opens(word)) else {
            continue;
        };
        let parent = children.get(at)?;
        let child = children.get(at + 1)?;
        let deeper = if there == Below::Jobs { child.text.starts_with('-') } else { child.indent > parent.indent };
        return deeper.then_some((parent.end, child.indent, there));
    }
    Some((lines.get(key)?.end, first.indent, Below::Hook))
}

fn add(path: &Path, hook: Hook, done: &mut Done) -> Result<(), HooksError> {
    let old = disk::read_text(path)?;
    let fresh = old.is_none();
    let text = old.unwrap_or_default();
    let by_hand = below(hook, Below::Nothing).join("\n");
    let marked = block::find(text.as_bytes()).iter().any(|block| block.mark.name == hook.name());
    if !marked && calls(&yaml::read(path, &text)?, hook) {
        done.did.push(format!("{}: calls stanch at {} already", path.display(), hook.name()));
        return Ok(());
    }
    let mut before = String::new();
    let mut kind = Below::Nothing;
    let new = block::put_in(path, &text, hook.name(), |rest, made| {
        let (at, indent, there) = spot(rest, hook).ok_or_else(|| yaml::by_hand_only(path, &by_hand))?;
        (before, kind) = (rest.to_owned(), there);
        let end = block::end_of_line(rest);
        Ok((at, block::compose(hook.name(), WORDS, &" ".repeat(indent), end, &below(hook, there), made || fresh)))
    })?;
    let Some(new) = new else {
        done.did.push(format!("{}: has our command for {} already", path.display(), hook.name()));
        return Ok(());
    };
    let wanted =
        with_command(yaml::read(path, &before)?, hook, kind).ok_or_else(|| yaml::by_hand_only(path, &by_hand))?;
    yaml::check(path, &new, &wanted, &by_hand)?;
    disk::replace(path, new.as_bytes(), 0o644)?;
    done.did.push(format!("{}: command for {} written", path.display(), hook.name()));
    Ok(())
}

/// What the file should say afterwards.
fn with_command(mut file: Value, hook: Hook, there: Below) -> Option<Value> {
    let parent = file.as_object_mut()?.entry(hook.name()).or_insert(Value::Null);
    if parent.is_null() {
        *parent = json!({});
    }
    let parent = parent.as_object_mut()?;
    if there == Below::Jobs {
        let mut job = Map::from_iter([("name".to_owned(), Value::from("stanch"))]);
        job.extend(value(hook));
        parent.get_mut("jobs")?.as_array_mut()?.insert(0, Value::Object(job));
    } else {
        let commands = parent.entry("commands").or_insert_with(|| json!({})).as_object_mut()?;
        let taken = commands.insert("stanch".to_owned(), Value::Object(value(hook))).is_some();
        return (!taken).then_some(file);
    }
    Some(file)
}

/// Whether a file has Lefthook call us for a hook.
pub(super) fn calls(file: &Value, hook: Hook) -> bool {
    !calling(file, hook).is_empty()
}

/// The commands of a file that call us for a hook.
pub(super) fn calling(file: &Value, hook: Hook) -> Vec<Value> {
    let Some(parent) = file.get(hook.name()) else { return Vec::new() };
    let commands = parent.get("commands").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let jobs = parent.get("jobs").and_then(Value::as_array).into_iter().flatten();
    let calls = |it: &&Value| it.get("run").and_then(Value::as_str).is_some_and(|run| run.contains(&hook.call()));
    commands.chain(jobs).filter(calls).cloned().collect()
}

/// When Lefthook is told to leave a hook out, if it is.
pub(super) fn left_out(file: &Value, hook: Hook) -> Option<&'static str> {
    ["skip", "only"].into_iter().find(|key| file.get(hook.name()).is_some_and(|parent| parent.get(key).is_some()))
}

pub(super) fn take_out(place: &Place, hooks: &[Hook]) -> Result<Done, HooksError> {
    let Some(path) = place.top.as_deref().and_then(file) else { return Ok(Done::default()) };
    block::take_out(&path, hooks, "", |path, bytes| disk::replace(path, bytes, 0o644))
}
