//! Turns what was typed into kinds, or says everything that is wrong with it.

mod calls;

use super::catalogue::Catalogue;
use super::cost::BUDGET;
use super::detect::{Companion, Detect, Match, Progress, SECRET, VALUE, WINDOW};
use super::exchange::{Exchanges, OURS};
use super::kind::{Background, DRIVERS, Facets, Kind};
use super::pack::pack;
use super::pattern::{Compiled, Pattern, literal_within, parse};
use super::places::{Places, Step};
use super::problem::{Mistake, Problem, suggestion};
use super::reading::Reading;
use super::reason::{reason, remedy_of};
use super::shape::{DetectSpec, Text};
use super::spec::{FileSpec, KindSpec, options};
use crate::model::{Confidence, KindId};
use regex_syntax::hir::Hir;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

mod overlap;
mod shown;

use Step::{At, Key};

/// The widest window a rule may ask for; private keys need it.
const WIDEST: usize = 65_536;
/// The farthest a companion may be.
const FARTHEST: usize = 4096;
/// The shortest literal: a shorter one hits everywhere.
const SHORTEST: usize = 3;
/// How many examples and counterexamples a kind of an operator has at least, and one of the product.
const FEWEST: usize = 1;
const FEWEST_BUILT_IN: usize = 2;
/// The largest rule file.
const LARGEST: usize = 4 << 20;

/// Reads and checks one rule file.
///
/// # Errors
/// Everything that is wrong with it; the first mistake alone where the text is no YAML.
pub fn check_file(path: &Path, text: &str) -> Result<Vec<Kind>, Vec<Problem>> {
    Ok(sampled_kinds(path, text, FEWEST)?.into_iter().map(|(kind, _)| kind).collect())
}

/// A kind with its examples.
pub(super) type Sampled = (Kind, Vec<String>);

/// The kinds of a file with their examples, of which each has so many at least.
fn sampled_kinds(path: &Path, text: &str, fewest: usize) -> Result<Vec<Sampled>, Vec<Problem>> {
    let mut desk = Desk { fewest, ..Desk::new(path, text) };
    if text.len() > LARGEST {
        desk.say(&[], "the file is too large", format!("keep it under {LARGEST} bytes"));
        return Err(desk.problems);
    }
    let spec: FileSpec = match serde_yaml::from_str_with_options(text, options()) {
        Ok(spec) => spec,
        Err(error) => match desk.read_wrong(&error) {
            Some(spec) => spec,
            None => return Err(desk.problems),
        },
    };
    desk.check_provider(&spec);
    let kinds = spec.kinds.iter().enumerate();
    let kinds: Vec<Sampled> =
        kinds.filter_map(|(index, kind)| Some((desk.check_kind(&spec, index, kind)?, examples(kind)))).collect();
    if desk.problems.is_empty() { Ok(kinds) } else { Err(desk.told()) }
}

/// Reads and checks rule files that are used together, and with the kinds that are `known`: all of them in one
/// catalogue.
///
/// # Errors
/// Everything that is wrong with them.
pub fn check_files(known: &Catalogue, files: &[(PathBuf, String)]) -> Result<Catalogue, Vec<Problem>> {
    let kinds = check_each(known, files, FEWEST)?;
    known.with(kinds.into_iter().flatten().map(|(kind, _)| kind).collect()).map_err(|_| Vec::new())
}

/// Reads and checks rule files that may be later versions of what is `known`: what they name takes the place of the known
/// kinds of those names. In the catalogue there are these kinds alone.
///
/// # Errors
/// Everything that is wrong with them.
pub fn check_anew(known: &Catalogue, files: &[(PathBuf, String)]) -> Result<Catalogue, Vec<Problem>> {
    let specs = files.iter().filter_map(|(_, text)| read_spec(text));
    let names: Vec<KindId> = specs.flat_map(|spec| spec.kinds).map(|kind| KindId::new(kind.id.as_str())).collect();
    let kinds = check_each(&known.without(&names), files, FEWEST)?;
    Catalogue::default().with(kinds.into_iter().flatten().map(|(kind, _)| kind).collect()).map_err(|_| Vec::new())
}

/// Reads and checks rule files and lays their kinds out as bytes, which [`unpack`](super::unpack) takes in: what the build
/// does with the rules of the product.
///
/// # Errors
/// Everything that is wrong with them.
pub fn pack_files(files: &[(PathBuf, String)]) -> Result<Vec<u8>, Vec<Problem>> {
    let kinds = check_each(&Catalogue::default(), files, FEWEST_BUILT_IN)?;
    let texts = files.iter().map(|(_, text)| text.as_str());
    Ok(pack(&texts.zip(kinds).collect::<Vec<_>>()))
}

/// The kinds of each file with their examples; no two have one name.
fn check_each(
    known: &Catalogue,
    files: &[(PathBuf, String)],
    fewest: usize,
) -> Result<Vec<Vec<Sampled>>, Vec<Problem>> {
    let mut kinds: Vec<Vec<(Arc<Kind>, Vec<String>)>> = Vec::new();
    let mut problems = Vec::new();
    let mut owners: BTreeMap<KindId, &Path> = BTreeMap::new();
    for (path, text) in files {
        let found = sampled_kinds(path, text, fewest).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            Vec::new()
        });
        let mut desk = Desk::new(path, text);
        for (index, (kind, _)) in found.iter().enumerate() {
            let at = [Key("kinds"), At(index), Key("id")];
            if known.find(&kind.id).is_some() {
                desk.say(&at, format!("the program has a kind {} already", kind.id), "rename this one");
            } else if let Some(owner) = owners.insert(kind.id.clone(), path) {
                let message = format!("the kind {} is in {} too", kind.id, owner.display());
                desk.say(&at, message, "rename one of them, or name one of the files");
            }
        }
        problems.append(&mut desk.problems);
        kinds.push(found.into_iter().map(|(kind, examples)| (Arc::new(kind), examples)).collect());
    }
    if problems.is_empty() {
        problems = overlap::check(known, files, &kinds);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let sampled = |(kind, examples)| Some((forgetful(kind)?, examples));
    Ok(kinds.into_iter().map(|of_file| of_file.into_iter().filter_map(sampled).collect()).collect())
}

/// A kind that nobody else holds, without what was compiled.
fn forgetful(kind: Arc<Kind>) -> Option<Kind> {
    let mut kind = Arc::into_inner(kind)?;
    kind.detect.forget();
    Some(kind)
}

/// What one kind of a file is besides its looks.
pub(super) fn facets_of(text: &[u8], index: usize) -> Option<Facets> {
    let spec = read_spec(std::str::from_utf8(text).ok()?)?;
    let kind = spec.kinds.get(index)?;
    let exchanges = Exchanges::check(kind.calls(), &spec.hosts).ok()?;
    Some(facets(&spec, kind, exchanges))
}

fn examples(kind: &KindSpec) -> Vec<String> {
    kind.detect.examples.iter().map(|text| text.as_str().to_owned()).collect()
}

fn read_spec(text: &str) -> Option<FileSpec> {
    serde_yaml::from_str_with_options(text, options()).ok()
}

fn facets(file: &FileSpec, kind: &KindSpec, exchanges: Exchanges) -> Facets {
    Facets {
        provider: file.title.clone(),
        hosts: file.hosts.clone(),
        sources: kind.sources.clone(),
        driver: kind.driver.clone(),
        opens: kind.opens.clone(),
        advice: kind.advice.clone(),
        exchanges,
    }
}

/// Where problems are gathered.
struct Desk<'t> {
    file: String,
    text: &'t str,
    fewest: usize,
    places: OnceLock<Option<Places>>,
    /// Of a file that could not be read as it is typed: what was put in, so that the rest can be checked.
    reading: Reading,
    problems: Vec<Problem>,
}

impl<'t> Desk<'t> {
    fn new(path: &Path, text: &'t str) -> Self {
        let (file, reading) = (path.display().to_string(), Reading::default());
        Self { file, text, fewest: FEWEST, places: OnceLock::new(), reading, problems: Vec::new() }
    }

    /// Notes what is wrong at a place; where nothing stands but what was put in, that was told already.
    fn say(&mut self, at: &[Step<'_>], message: impl Into<String>, remedy: impl Into<String>) {
        if self.reading.covers(at) {
            return;
        }
        let places = self.places.get_or_init(|| Places::read(self.text).ok());
        let (line, column) = places.as_ref().map_or((1, 1), |places| places.find(at));
        self.note(Mistake { line, column, message: message.into(), remedy: remedy.into() });
    }

    fn note(&mut self, mistake: Mistake) {
        self.problems.push(mistake.of(&self.file, self.text));
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
            if spec.hosts.iter().take(index).any(|earlier| earlier == host) {
                self.say(&[Key("hosts"), At(index)], "this host is there twice", "keep one");
            }
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
        let here = [Key("kinds"), At(index)];
        self.check_head(file, &here, spec);
        let at = below(&here, &[Key("detect")]);
        let before = self.problems.len();
        let detect = Detect::new(spec.detect.clone());
        self.check_detect(&at, &spec.detect, &detect);
        let whole = !self.reading.covers(&at) && !self.reading.touches(&at, &|_| true);
        if whole && self.problems.len() == before {
            self.check_samples(&at, &spec.detect, &detect);
        }
        if whole && self.problems.len() == before {
            self.check_cost(&at, &detect);
        }
        let exchanges = self.check_exchanges(&here, file, spec, &detect);
        // Whatever else is wrong with the calls comes first.
        if exchanges.is_ok() {
            for (act, way, missing) in spec.calls().unsourced() {
                let at = below(&here, &[Key(act.word()), At(way)]);
                let remedy = "name beside `send` the `page` that shows the call, and the `mark` D, M, P or U";
                self.say(&at, format!("{act}: `{missing}` is missing"), remedy);
            }
        }
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

    fn check_head(&mut self, file: &FileSpec, here: &[Step<'_>], spec: &KindSpec) {
        let parts = spec.id.split_once('.');
        let known = is_word(&file.provider) && !self.reading.covers(&[Key("provider")]);
        let is_own = |provider| provider == file.provider || !known;
        if !parts.is_some_and(|(provider, name)| is_own(provider) && is_word(name)) {
            self.say(
                &below(here, &[Key("id")]),
                "the name is not `provider.name` with this file's provider and a-z, 0-9 and `-`",
                format!("write it like `{}.api-token`", file.provider.escape_debug()),
            );
        }
        if spec.title.trim().is_empty() {
            self.say(&below(here, &[Key("title")]), "the title is empty", "say what the kind is called");
        }
        let is_sentence = |text: &str| text.trim().ends_with('.') && !text.contains(char::is_control);
        if let Some(opens) = &spec.opens {
            if !is_sentence(&opens.says) {
                let remedy = "say in one line what whoever holds it can do, with a full stop";
                self.say(&below(here, &[Key("opens"), Key("says")]), "this is no sentence", remedy);
            }
            if !opens.page.starts_with("https://") {
                let at = below(here, &[Key("opens"), Key("page")]);
                self.say(&at, "this is no address of a page", "start it with `https://`");
            }
        }
        for index in
            (0..spec.advice.len()).filter(|index| spec.advice.get(*index).is_some_and(|text| !is_sentence(text)))
        {
            let remedy = "say in one line what to do, with a full stop";
            self.say(&below(here, &[Key("advice"), At(index)]), "this is no sentence", remedy);
        }
        if spec.sources.is_empty() {
            self.say(&below(here, &[Key("sources")]), "there is no source", "name the page that documents the format");
        }
        for (index, source) in spec.sources.iter().enumerate() {
            if !source.page.starts_with("https://") {
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
        let good_literals = self.check_literals(here, &spec.literals);
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
                if hir.properties().minimum_len() == Some(0) {
                    self.say(&at, "the pattern can match nothing at all", "let it demand the prefix and the body");
                } else if good_literals && literal_within(&hir, &spec.literals).is_none() {
                    let list = spec.literals.join("`, `");
                    self.say(
                        &at,
                        format!(
                            "the pattern can match text that holds none of the literals (`{}`)",
                            list.escape_debug()
                        ),
                        "name a part that every match holds in `literals`, of at least three characters",
                    );
                }
                let names: Vec<String> = compiled.names().map(str::to_owned).collect();
                for name in &names {
                    self.check_name(&at, "group", name);
                }
                names
            }
            None => Vec::new(),
        };
        for (index, pattern) in detect.exclude.iter().enumerate() {
            let at = below(here, &[Key("exclude"), At(index)]);
            if self.check_pattern(&at, pattern, usize::MAX).is_some_and(|(_, compiled)| compiled.matches(b"")) {
                self.say(
                    &at,
                    "every secret is excluded",
                    "let the pattern demand what samples have and tokens have not",
                );
            }
        }
        for (index, pattern) in detect.unless.iter().enumerate() {
            self.check_pattern(&below(here, &[Key("unless"), At(index)]), pattern, usize::MAX);
        }
        self.check_companions(here, &detect.companions, &groups);
        self.check_public(here, detect, &groups);
    }

    /// True where all of them were read and none is wrong.
    fn check_literals(&mut self, here: &[Step<'_>], literals: &[String]) -> bool {
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
        !literals.is_empty() && literals.iter().all(|literal| literal.len() >= SHORTEST && literal.is_ascii())
    }

    /// A name that a call can use for a part of the credential.
    fn check_name(&mut self, at: &[Step<'_>], what: &str, name: &str) {
        if name != SECRET && OURS.contains(&name) {
            let message = format!("the {what} `{name}` has the name of something that the program fills in itself");
            self.say(at, message, format!("rename it, for instance `own_{name}`"));
        } else if !is_name(name) {
            let message = format!("the {what} `{}` is not made of a-z, 0-9 and `_`", name.escape_debug());
            self.say(at, message, "write it like `account_id`");
        }
    }

    /// A pattern whose matches are at most `longest` bytes, and which can be compiled.
    fn check_pattern<'p>(
        &mut self,
        at: &[Step<'_>],
        pattern: &'p Pattern,
        longest: usize,
    ) -> Option<(Hir, &'p Compiled)> {
        if pattern.text().contains(char::is_control) {
            let message =
                "there is a control character in the pattern: in double quotes `\\b` is one, and no border of a word";
            self.say(at, message, "put the pattern in single quotes, in which `\\` is itself");
            return None;
        }
        let hir = match parse(pattern.text()) {
            Ok(hir) => hir,
            Err(why) => {
                let remedy = remedy_of(&why);
                self.say(at, format!("the pattern cannot be read: {why}"), remedy);
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
            self.check_name(&at("name"), "companion", &companion.name);
            if earlier || (groups.iter().any(|group| *group == companion.name) && companion.name != SECRET) {
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
            if samples.len() < self.fewest {
                let (there, needed) = (samples.len(), self.fewest);
                let remedy = if wanted {
                    "add texts as they stand in real files, with made-up tokens in parts: `examples: [['ac', 'me_…']]`"
                } else {
                    "add what looks alike and is no token: `counterexamples: ['acme_your_token']`"
                };
                let message = format!("there are {there} {key}, and {needed} are needed");
                self.say(&below(here, &[Key(key)]), message, remedy);
            }
            for (index, sample) in samples.iter().enumerate() {
                let matches = matches_of(detect, sample.as_str());
                let public = |found: &Match| detect.public_prefix(secret_of(sample, found)) > 0;
                prefixed = prefixed || matches.iter().any(public);
                // What is doubted is found and reported, but no example of its kind.
                if matches.iter().all(|found| found.doubtful) == wanted {
                    let at = below(here, &[Key(key), At(index)]);
                    let (message, remedy) = if wanted {
                        let (why, remedy) = reason(detect, sample.as_str().as_bytes());
                        (format!("this example does not match: {why}"), remedy)
                    } else {
                        let remedy = "make the pattern or the filters stricter, or take it out of `counterexamples`";
                        ("this counterexample matches".to_owned(), remedy.to_owned())
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
fn matches_of(detect: &Detect, sample: &str) -> Vec<Match> {
    let text = sample.as_bytes();
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
mod mistakes;
#[cfg(test)]
mod tests;
