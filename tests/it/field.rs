//! A real source tree with a token of every kind in it: each is found where it stands, in files, index, range and
//! history, nothing else is found, and no output shows one.

use crate::world::{Ran, World};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Commits over which the tokens come and go.
const RELEASES: usize = 6;

/// A rule's own example, with what the engine finds in it.
struct Sample {
    text: String,
    hits: Vec<Hit>,
}

struct Hit {
    kind: String,
    at: usize,
    secret: String,
    public: usize,
    /// Parts that its kind names as public: an id, a host.
    open: Vec<String>,
}

#[derive(serde::Deserialize)]
struct RuleFile {
    kinds: Vec<Rule>,
}

#[derive(serde::Deserialize)]
struct Rule {
    id: String,
    detect: Samples,
}

#[derive(serde::Deserialize)]
struct Samples {
    examples: Vec<Text>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Parts(Vec<String>),
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The first example of every kind, put together now: no file holds one. Every other one is of its kind too.
fn samples() -> Vec<Sample> {
    let catalogue = stanch::rules::builtin();
    let engine = stanch::engine::Engine::new(catalogue).unwrap();
    let mut scratch = stanch::engine::Scratch::new();
    let mut samples = Vec::new();
    for path in files_below(&here().join("rules"), "yaml") {
        let file: RuleFile = serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for rule in file.kinds {
            let of_its_kind = |example| {
                let text = match example {
                    Text::Whole(text) => text,
                    Text::Parts(parts) => parts.concat(),
                };
                let mut hits = Vec::new();
                engine.scan(text.as_bytes(), &mut scratch, &mut |hit| {
                    hits.push(Hit {
                        kind: hit.kind.id.to_string(),
                        at: hit.span.start,
                        secret: String::from_utf8(hit.secret.to_vec()).unwrap(),
                        public: hit.kind.public_prefix(hit.secret),
                        open: (hit.companions.iter())
                            .filter(|(name, _)| hit.kind.detect.public().iter().any(|public| public == name))
                            .map(|(_, at)| text[at.start..at.end].to_owned())
                            .collect(),
                    });
                });
                assert!(hits.iter().any(|hit| hit.kind == rule.id), "an example of {} is not of its kind", rule.id);
                Sample { text, hits }
            };
            let all: Vec<Sample> = rule.detect.examples.into_iter().map(of_its_kind).collect();
            samples.push(all.into_iter().next().unwrap());
        }
    }
    samples
}

/// The sources of this project, as they are in every checkout: real text, and clean. Nothing that machines wrote: there,
/// what is not sure does not count.
fn sources() -> Vec<(String, String)> {
    let files = files_below(&here().join("src"), "rs").into_iter();
    files
        .map(|path| {
            let name = path.strip_prefix(here()).unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// A finding: kind, path, line, column in bytes, column in UTF-16 units.
type Spot = (String, String, u64, u64, u64);

/// A file with a token in its midst, and where it must be found.
struct Planted {
    name: String,
    clean: String,
    text: String,
    spots: Vec<Spot>,
}

/// One sample in each file, behind characters that are more than one byte, so that columns are told apart.
fn planted(samples: &[Sample]) -> Vec<Planted> {
    let sources = sources();
    let mut planted = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        // There are more kinds than files.
        let (name, clean) = sources[index % sources.len()].clone();
        let name = match index / sources.len() {
            0 => name,
            round => format!("copy-{round}/{name}"),
        };
        let middle = clean.match_indices('\n').map(|(at, _)| at + 1).nth(clean.lines().count() / 2).unwrap_or(0);
        let (before, after) = clean.split_at(middle);
        let lead = "/* ü😀 */ ";
        let text = format!("{before}{lead}{}\n{after}", sample.text);
        let spots = sample.hits.iter().map(|hit| {
            let upto = &text[..before.len() + lead.len() + hit.at];
            let line_start = upto.rfind('\n').map_or(0, |at| at + 1);
            let line = upto.matches('\n').count() as u64 + 1;
            let column = (upto.len() - line_start) as u64 + 1;
            let units = upto[line_start..].encode_utf16().count() as u64 + 1;
            (hit.kind.clone(), name.clone(), line, column, units)
        });
        let spots = spots.collect();
        planted.push(Planted { name, clean, text, spots });
    }
    planted
}

fn all_spots(planted: &[Planted]) -> BTreeSet<Spot> {
    planted.iter().flat_map(|planted| planted.spots.clone()).collect()
}

fn findings(ran: &Ran) -> Vec<serde_json::Value> {
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    report["findings"].as_array().unwrap().clone()
}

fn spot_of(finding: &serde_json::Value) -> Spot {
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    assert_eq!(finding["at"]["line"], finding["region"]["start_line"]);
    (
        finding["kind"].as_str().unwrap().to_owned(),
        finding["place"]["path"].as_str().unwrap().to_owned(),
        number(&finding["at"]["line"]),
        number(&finding["at"]["column"]),
        number(&finding["region"]["start_column"]),
    )
}

#[track_caller]
fn same(found: &BTreeSet<Spot>, expected: &BTreeSet<Spot>) {
    let missed: Vec<_> = expected.difference(found).collect();
    let invented: Vec<_> = found.difference(expected).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed: {missed:#?}\nnot planted: {invented:#?}");
}

/// Characters in a row by which a secret is given away: more than reports show of one.
const TELLING: usize = 10;

/// Every telling stretch of every secret behind its public prefix and parts, and the kind that it belongs to. Words tell nothing
/// (`production`), nor does what other secrets begin with in public.
fn stretches(samples: &[Sample]) -> HashMap<&[u8], &str> {
    let mut all = HashMap::new();
    let beginnings = samples.iter().flat_map(|sample| &sample.hits).map(|hit| &hit.secret.as_bytes()[..hit.public]);
    let open = samples.iter().flat_map(|sample| &sample.hits).flat_map(|hit| &hit.open).map(String::as_bytes);
    let public: BTreeSet<&[u8]> = beginnings.chain(open).flat_map(|text| text.windows(TELLING)).collect();
    for hit in samples.iter().flat_map(|sample| &sample.hits) {
        let hidden = &hit.secret.as_bytes()[hit.public..];
        assert!(hidden.len() >= TELLING, "the example of {} is too short for this test", hit.kind);
        let telling = |part: &&[u8]| part.iter().any(u8::is_ascii_digit) && !public.contains(part);
        all.extend(hidden.windows(TELLING).filter(telling).map(|part| (part, hit.kind.as_str())));
    }
    all
}

/// Runs a scan in every form with all there is to log, looks for the tokens in what it wrote, and returns the JSON.
#[track_caller]
fn scanned(world: &World, samples: &[Sample], arguments: &[&str]) -> Ran {
    let stretches = stretches(samples);
    let mut as_json = None;
    for format in ["text", "lines", "sarif", "json"] {
        let ran = world.stanch(&[&["scan", "-vvv", "--format", format], arguments].concat()).expect(1);
        for part in [&ran.stdout, &ran.stderr].into_iter().flat_map(|text| text.as_bytes().windows(TELLING)) {
            let shown = stretches.get(part);
            assert!(shown.is_none(), "a part of a secret of kind {} is in the {format}", shown.unwrap());
        }
        as_json = Some(ran);
    }
    as_json.unwrap()
}

#[test]
fn a_token_of_every_kind_is_found_in_files_and_index() {
    let samples = samples();
    assert!(samples.len() >= 100, "{} kinds", samples.len());
    let planted = planted(&samples);
    let world = World::new();
    for Planted { name, clean, .. } in &planted {
        world.write(name, clean);
    }
    world.git(&["add", "-A"]);
    world.git_as_kim(&["commit", "-qm", "clean"]);
    world.stanch(&["scan", "."]).expect(0);
    world.stanch(&["scan", "--history", "--strict"]).expect(0);
    for Planted { name, text, .. } in &planted {
        world.write(name, text);
    }
    let expected = all_spots(&planted);
    let in_files = scanned(&world, &samples, &["."]);
    same(&findings(&in_files).iter().map(spot_of).collect(), &expected);
    world.stanch(&["scan", "--staged"]).expect(0);
    world.git(&["add", "-A"]);
    for Planted { name, clean, .. } in &planted {
        world.write(name, clean);
    }
    let in_index = scanned(&world, &samples, &["--staged"]);
    same(&findings(&in_index).iter().map(spot_of).collect(), &expected);
    world.stanch(&["scan", "."]).expect(0);
}

#[test]
fn a_token_of_every_kind_is_found_in_the_commit_that_brought_it() {
    let samples = samples();
    let planted = planted(&samples);
    let world = World::new();
    let mut commits: BTreeMap<String, String> = BTreeMap::new();
    for Planted { name, clean, .. } in &planted {
        world.write(name, clean);
    }
    let base = world.commit("version", "0", "clean");
    // Each release brings its tokens and takes those of the release before away; the last is clean.
    for release in 0..=RELEASES {
        for (index, Planted { name, clean, text, .. }) in planted.iter().enumerate() {
            world.write(name, if index % RELEASES == release { text } else { clean });
        }
        let commit = world.commit("version", (release + 1).to_string(), &format!("release {release}"));
        for (index, planted) in planted.iter().enumerate().filter(|(index, _)| index % RELEASES == release) {
            assert!(index < samples.len());
            commits.insert(planted.name.clone(), commit.clone());
        }
    }
    world.stanch(&["scan", "."]).expect(0);
    let expected = all_spots(&planted);
    for arguments in [vec!["--range".to_owned(), format!("{base}..HEAD")], vec!["--history".to_owned()]] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let found = findings(&scanned(&world, &samples, &arguments));
        same(&found.iter().map(spot_of).collect(), &expected);
        for finding in found {
            let path = finding["place"]["path"].as_str().unwrap();
            assert_eq!(finding["place"]["commit"].as_str(), commits.get(path).map(String::as_str), "{path}");
        }
    }
    // The last release alone brought nothing.
    world.stanch(&["scan", "--range", "HEAD~1..HEAD"]).expect(0);
}
