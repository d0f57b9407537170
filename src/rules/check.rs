//! Turns what was typed into kinds, or says everything that is wrong with it.

use super::catalogue::Catalogue;
use super::cost::BUDGET;
use super::detect::{Companion, Detect, Match, Progress, SECRET, VALUE, WINDOW};
use super::exchange::Exchanges;
use super::kind::{Background, DRIVERS, Facets, Kind};
use super::pack::pack;
use super::pattern::{Compiled, Pattern, literal_within, parse};
use super::problem::{Places, Problem, Step, suggestion};
use super::shape::{DetectSpec, Text};
use super::spec::{FileSpec, KindSpec, options};
use crate::model::{Confidence, KindId};
use regex_syntax::hir::Hir;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use Step::{At, Key};

/// The widest window a rule may ask for; private keys need it.
const WIDEST: usize = 65_536;
/// The farthest a companion may be.
const FARTHEST: usize = 4096;
/// The shortest literal: a shorter one hits everywhere.
const SHORTEST: usize = 3;
/// The largest rule file.
const LARGEST: usize = 4 << 20;

/// Reads and checks one rule file.
///
/// # Errors
/// Everything that is wrong with it; the first mistake alone where the file cannot be read at all.
pub fn check_file(path: &Path, text: &str) -> Result<Vec<Kind>, Vec<Problem>> {
    let file = path.display().to_string();
    if text.len() > LARGEST {
        let (message, remedy) = ("the file is too large".to_owned(), format!("keep it under {LARGEST} bytes"));
        return Err(vec![Problem { file, line: 1, column: 1, message, remedy }]);
    }
    let spec: FileSpec =
        serde_yaml::from_str_with_options(text, options()).map_err(|error| vec![Problem::of_yaml(&file, &error)])?;
    let mut desk = Desk::new(path, text);
    desk.check_provider(&spec);
    let kinds: Vec<Kind> =
        spec.kinds.iter().enumerate().filter_map(|(index, kind)| desk.check_kind(&spec, index, kind)).collect();
    if desk.problems.is_empty() { Ok(kinds) } else { Err(desk.problems) }
}

/// Reads and checks rule files that are used together, and with the kinds that are `known`: all of them in one
/// catalogue.
///
/// # Errors
/// Everything that is wrong with them.
pub fn check_files(known: &Catalogue, files: &[(PathBuf, String)]) -> Result<Catalogue, Vec<Problem>> {
    let kinds = check_each(known, files)?;
    known.with(kinds.into_iter().flatten().collect()).map_err(|_| Vec::new())
}

/// Reads and checks rule files and lays their kinds out as bytes, which [`unpack`](super::unpack) takes in: what the build
/// does with the rules of the product.
///
/// # Errors
/// Everything that is wrong with them.
pub fn pack_files(files: &[(PathBuf, String)]) -> Result<Vec<u8>, Vec<Problem>> {
    let kinds = check_each(&Catalogue::default(), files)?;
    let texts = files.iter().map(|(_, text)| text.as_str());
    Ok(pack(&texts.zip(kinds).collect::<Vec<_>>()))
}

/// The kinds of each file; no two have one name.
fn check_each(known: &Catalogue, files: &[(PathBuf, String)]) -> Result<Vec<Vec<Kind>>, Vec<Problem>> {
    let (mut kinds, mut problems) = (Vec::new(), Vec::new());
    let mut owners: BTreeMap<KindId, &Path> = BTreeMap::new();
    for (path, text) in files {
        let found = check_file(path, text).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            Vec::new()
        });
        let mut desk = Desk::new(path, text);
        for (index, kind) in found.iter().enumerate() {
            let at = [Key("kinds"), At(index), Key("id")];
            if known.find(&kind.id).is_some() {
                desk.say(&at, format!("the program has a kind {} already", kind.id), "rename this one");
            } else if let Some(owner) = owners.insert(kind.id.clone(), path) {
                let message = format!("the kind {} is in {} too", kind.id, owner.display());
                desk.say(&at, message, "rename one of them, or name one of the files");
            }
        }
        problems.append(&mut desk.problems);
        kinds.push(found);
    }
    if problems.is_empty() { Ok(kinds) } else { Err(problems) }
}

/// What one kind of a file is besides its looks.
pub(super) fn facets_of(text: &[u8], index: usize) -> Option<Facets> {
    let spec: FileSpec = serde_yaml::from_str_with_options(std::str::from_utf8(text).ok()?, options()).ok()?;
    let kind = spec.kinds.get(index)?;
    let exchanges = Exchanges::check(kind.calls(), &spec.hosts).ok()?;
    Some(facets(&spec, kind, exchanges))
}

fn facets(file: &FileSpec, kind: &KindSpec, exchanges: Exchanges) -> Facets {
    Facets {
        provider: file.title.clone(),
        hosts: file.hosts.clone(),
        sources: kind.sources.clone(),
        driver: kind.driver.clone(),
        exchanges,
    }
}

/// Where problems are gathered.
struct Desk<'t> {
    file: String,
    text: &'t str,
    places: OnceLock<Option<Places>>,
    problems: Vec<Problem>,
}

impl<'t> Desk<'t> {
    fn new(path: &Path, text: &'t str) -> Self {
        Self { file: path.display().to_string(), text, places: OnceLock::new(), problems: Vec::new() }
    }

    fn say(&mut self, at: &[Step<'_>], message: impl Into<String>, remedy: impl Into<String>) {
        let places = self.places.get_or_init(|| Places::of(self.text));
        let (line, column) = places.as_ref().map_or((1, 1), |places| places.find(at));
        let (file, message, remedy) = (self.file.clone(), message.into(), remedy.into());
        self.problems.push(Problem { file, line, column, message, remedy });
    }

    fn check_provider(&mut self, spec: &FileSpec) {
        if !is_word(&spec.provider) {
            self.say(
                &[Key("provider")],
                "the name of the provider is not made of a-z, 0-9 and `-`",
                "write it like `acme-cloud`",
            );
        }
        if spec.title.trim().is_empty() {
            self.say(&[Key("title")], "the title is empty", "say what the provider is called");
        }
        for (index, host) in spec.hosts.iter().enumerate() {
            if !is_host(host) {
                self.say(
                    &[Key("hosts"), At(index)],
                    "this is no bare host name in lower case",
                    "write it like `api.acme.example`, without scheme, port, path or wildcard",
                );
            }
        }
        if spec.kinds.is_empty() {
            self.say(&[Key("kinds")], "there are no kinds", "describe at least one");
        }
        for (index, kind) in spec.kinds.iter().enumerate() {
            if spec.kinds.iter().take(index).any(|earlier| earlier.id == kind.id) {
                self.say(
                    &[Key("kinds"), At(index), Key("id")],
                    format!("a kind above is named {} too", kind.id.escape_debug()),
                    "rename one of them",
                );
            }
        }
    }

    fn check_kind(&mut self, file: &FileSpec, index: usize, spec: &KindSpec) -> Option<Kind> {
        let before = self.problems.len();
        let here = [Key("kinds"), At(index)];
        self.check_head(file, &here, spec);
        let at = below(&here, &[Key("detect")]);
        let mut detect = Detect::new(spec.detect.clone());
        self.check_detect(&at, &spec.detect, &detect);
        let exchanges = Exchanges::check(spec.calls(), &file.hosts).map_err(|problems| {
            for problem in problems {
                self.say_of_exchange(&here, &problem);
            }
        });
        if self.problems.len() == before {
            self.check_samples(&at, &spec.detect, &detect);
        }
        if self.problems.len() == before {
            self.check_cost(&at, &detect);
        }
        detect.forget();
        Some(Kind {
            id: KindId::new(spec.id.as_str()),
            title: spec.title.clone().into(),
            severity: spec.severity,
            confidence: spec.confidence.unwrap_or(Confidence::High),
            detect,
            background: Background::Checked(Box::new(facets(file, spec, exchanges.ok()?))),
        })
    }

    /// What a kind costs is within the budget, or its file says why it is not.
    fn check_cost(&mut self, here: &[Step<'_>], detect: &Detect) {
        let cost = detect.cost();
        let sum = format!(
            "in a megabyte of ordinary text {} literals ({} are allowed) and {} bytes given to patterns ({} are allowed)",
            cost.literals, BUDGET.literals, cost.searched, BUDGET.searched
        );
        match (detect.costly(), cost.is_bearable()) {
            (None, false) => self.say(
                &below(here, &[Key("literals")]),
                format!("the kind is too costly: {sum}"),
                "choose rarer literals, let the pattern demand more beside them, or say in `costly` why it must be",
            ),
            (Some(_), true) => {
                self.say(&below(here, &[Key("costly")]), format!("the kind is not costly: {sum}"), "leave it out");
            }
            (Some(reason), false) if reason.trim().is_empty() => {
                self.say(&below(here, &[Key("costly")]), "the reason is empty", "say why the kind must cost so much");
            }
            _ => {}
        }
    }

    /// A conversation's problem starts with its name, which gives its place, and ends with its remedy.
    fn say_of_exchange(&mut self, here: &[Step<'_>], problem: &str) {
        let name = problem.split(|letter: char| !letter.is_ascii_lowercase()).next().unwrap_or_default();
        let (message, remedy) = problem.rsplit_once("; ").unwrap_or((problem, "see the schema of conversations"));
        self.say(&below(here, &[Key(name)]), message, remedy);
    }

    fn check_head(&mut self, file: &FileSpec, here: &[Step<'_>], spec: &KindSpec) {
        let parts = spec.id.split_once('.');
        if !parts.is_some_and(|(provider, name)| provider == file.provider && is_word(name)) {
            self.say(
                &below(here, &[Key("id")]),
                "the name is not `provider.name` with this file's provider and a-z, 0-9 and `-`",
                format!("write it like `{}.api-token`", file.provider.escape_debug()),
            );
        }
        if spec.title.trim().is_empty() {
            self.say(&below(here, &[Key("title")]), "the title is empty", "say what the kind is called");
        }
        if spec.sources.is_empty() {
            self.say(&below(here, &[Key("sources")]), "there is no source", "name the page that documents the format");
        }
        for (index, source) in spec.sources.iter().enumerate() {
            if !source.page.starts_with("https://") && !source.page.starts_with("http://") {
                let at = below(here, &[Key("sources"), At(index), Key("page")]);
                self.say(&at, "this is no address of a page", "start it with `https://`");
            }
        }
        if let Some(driver) = spec.driver.as_deref().filter(|driver| !DRIVERS.contains(driver)) {
            let at = below(here, &[Key("driver")]);
            self.say(&at, format!("there is no driver named {}", driver.escape_debug()), suggestion(driver, &DRIVERS));
        }
    }

    fn check_detect(&mut self, here: &[Step<'_>], spec: &DetectSpec, detect: &Detect) {
        self.check_literals(here, &spec.literals);
        let window = spec.window.unwrap_or(WINDOW);
        if window == 0 || window > WIDEST {
            let at = below(here, &[Key("window")]);
            self.say(&at, "the window is out of range", format!("choose 1 to {WIDEST} bytes"));
        }
        if spec.prefix.as_deref() == Some("") {
            self.say(&below(here, &[Key("prefix")]), "the prefix is empty", "leave it out");
        }
        if spec.entropy.is_some_and(|bits| !(0.0..=8.0).contains(&bits)) {
            self.say(&below(here, &[Key("entropy")]), "the entropy is out of range", "choose 0 to 8 bits per byte");
        }
        let at = below(here, &[Key("pattern")]);
        let groups = match self.check_pattern(&at, &detect.pattern, window.saturating_mul(2)) {
            Some((hir, compiled)) => {
                if literal_within(&hir, &spec.literals).is_none() {
                    self.say(
                        &at,
                        "the pattern can match text that holds none of the literals",
                        "name a part that every match holds",
                    );
                }
                compiled.names().map(str::to_owned).collect()
            }
            None => Vec::new(),
        };
        for (index, pattern) in detect.exclude.iter().enumerate() {
            self.check_pattern(&below(here, &[Key("exclude"), At(index)]), pattern, usize::MAX);
        }
        self.check_companions(here, &detect.companions, &groups);
    }

    fn check_literals(&mut self, here: &[Step<'_>], literals: &[String]) {
        if literals.is_empty() {
            self.say(&below(here, &[Key("literals")]), "there are no literals", "name a part that every match holds");
        }
        for (index, literal) in literals.iter().enumerate() {
            let at = below(here, &[Key("literals"), At(index)]);
            if literal.len() < SHORTEST {
                self.say(&at, "the literal is too short", format!("name at least {SHORTEST} bytes"));
            } else if !literal.is_ascii() {
                self.say(&at, "the literal is not ASCII", "name another part");
            }
        }
    }

    /// A pattern whose matches are at most `longest` bytes, and which can be compiled.
    fn check_pattern<'p>(
        &mut self,
        at: &[Step<'_>],
        pattern: &'p Pattern,
        longest: usize,
    ) -> Option<(Hir, &'p Compiled)> {
        let hir = match parse(pattern.text()) {
            Ok(hir) => hir,
            Err(why) => {
                self.say(at, format!("the pattern cannot be read: {why}"), "mend it; `\\` needs single quotes in YAML");
                return None;
            }
        };
        let length = hir.properties().maximum_len();
        if longest < usize::MAX && length.is_none_or(|length| length > longest) {
            let length = length.map_or("without end".to_owned(), |length| format!("{length} bytes long"));
            self.say(
                at,
                format!("a match can be {length}, {longest} are allowed"),
                "give every `*`, `+` and `{n,}` an upper bound, or allow more by `window` (a companion: by `within`); half of it is enough",
            );
            return None;
        }
        let Some(compiled) = pattern.compiled() else {
            let why = Compiled::new(&hir).err().unwrap_or_default();
            self.say(at, format!("the pattern cannot be compiled: {why}"), "make its counted repetitions smaller");
            return None;
        };
        Some((hir, compiled))
    }

    fn check_companions(&mut self, here: &[Step<'_>], companions: &[Companion], groups: &[String]) {
        for (index, companion) in companions.iter().enumerate() {
            let at = |key| below(here, &[Key("companions"), At(index), Key(key)]);
            let earlier = companions.iter().take(index).any(|earlier| earlier.name == companion.name);
            if !is_name(&companion.name) {
                self.say(&at("name"), "the name is not made of a-z, 0-9 and `_`", "write it like `account_id`");
            } else if earlier || (groups.iter().any(|group| *group == companion.name) && companion.name != SECRET) {
                self.say(&at("name"), "the name is taken by another companion or group", "rename one of them");
            }
            if companion.within == 0 || companion.within > FARTHEST {
                self.say(&at("within"), "the distance is out of range", format!("choose 1 to {FARTHEST} bytes"));
            }
            let longest = companion.within.saturating_mul(2).max(WINDOW);
            if let Some((_, compiled)) = self.check_pattern(&at("pattern"), &companion.pattern, longest)
                && let Some(name) = compiled.names().find(|name| *name != VALUE)
            {
                self.say(&at("pattern"), format!("the group `{name}` has no use here"), "name the group `value`");
            }
        }
    }

    fn check_samples(&mut self, here: &[Step<'_>], spec: &DetectSpec, detect: &Detect) {
        let before = self.problems.len();
        let mut prefixed = spec.prefix.is_none();
        for (key, samples, wanted) in
            [("examples", &spec.examples, true), ("counterexamples", &spec.counterexamples, false)]
        {
            if samples.is_empty() {
                self.say(&below(here, &[Key(key)]), format!("there are no {key}"), format!("add `{key}`"));
            }
            for (index, sample) in samples.iter().enumerate() {
                let matches = matches_of(detect, sample);
                let public = |found: &Match| detect.public_prefix(secret_of(sample, found)) > 0;
                prefixed = prefixed || matches.iter().any(public);
                if matches.is_empty() == wanted {
                    let at = below(here, &[Key(key), At(index)]);
                    let (message, remedy) = if wanted {
                        ("this example does not match", "mend the pattern, the filters or the example")
                    } else {
                        ("this counterexample matches", "make the pattern or the filters stricter")
                    };
                    self.say(&at, message, remedy);
                }
            }
        }
        if !prefixed && self.problems.len() == before {
            let remedy = "let an example show it, or leave it out";
            self.say(&below(here, &[Key("prefix")]), "no example's secret starts with the prefix", remedy);
        }
    }
}

/// What scanning finds in a sample.
fn matches_of(detect: &Detect, sample: &Text) -> Vec<Match> {
    let text = sample.as_str().as_bytes();
    let mut matches = Vec::new();
    let lower = text.to_ascii_lowercase();
    let holds = |literal: &Cow<'_, str>| {
        let literal = literal.to_ascii_lowercase();
        lower.windows(literal.len().max(1)).any(|part| part == literal.as_bytes())
    };
    if detect.literals().iter().any(holds) {
        detect.search(text, 0..text.len(), &mut Progress::default(), &mut |found| matches.push(found));
    }
    matches
}

fn secret_of<'s>(sample: &'s Text, found: &Match) -> &'s [u8] {
    sample.as_str().as_bytes().get(found.secret.start..found.secret.end).unwrap_or_default()
}

fn below<'a>(here: &[Step<'a>], steps: &[Step<'a>]) -> Vec<Step<'a>> {
    [here, steps].concat()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| is_word(label) && !label.starts_with('-') && !label.ends_with('-');
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

#[cfg(test)]
mod tests;
