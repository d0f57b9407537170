//! Reports in SARIF, held against what the documented schema (OASIS SARIF 2.1.0) and GitHub's upload demand.

use crate::world::{Ran, World, hides, token};
use serde_json::Value;
use std::collections::BTreeSet;

/// The properties that the schema knows of an object; it allows no others.
fn allowed(object: &str) -> &'static [&'static str] {
    match object {
        "log" => &["$schema", "version", "runs", "inlineExternalProperties", "properties"],
        "run" => &[
            "tool",
            "invocations",
            "conversion",
            "language",
            "versionControlProvenance",
            "originalUriBaseIds",
            "artifacts",
            "logicalLocations",
            "graphs",
            "results",
            "automationDetails",
            "runAggregates",
            "baselineGuid",
            "redactionTokens",
            "defaultEncoding",
            "defaultSourceLanguage",
            "newlineSequences",
            "columnKind",
            "externalPropertyFileReferences",
            "threadFlowLocations",
            "taxonomies",
            "addresses",
            "translations",
            "policies",
            "webRequests",
            "webResponses",
            "specialLocations",
            "properties",
        ],
        "driver" => &[
            "guid",
            "name",
            "organization",
            "product",
            "productSuite",
            "shortDescription",
            "fullDescription",
            "fullName",
            "version",
            "semanticVersion",
            "dottedQuadFileVersion",
            "releaseDateUtc",
            "downloadUri",
            "informationUri",
            "globalMessageStrings",
            "notifications",
            "rules",
            "taxa",
            "locations",
            "language",
            "contents",
            "isComprehensive",
            "localizedDataSemanticVersion",
            "supportedTaxonomies",
            "properties",
        ],
        "rule" => &[
            "id",
            "deprecatedIds",
            "guid",
            "deprecatedGuids",
            "name",
            "deprecatedNames",
            "shortDescription",
            "fullDescription",
            "messageStrings",
            "defaultConfiguration",
            "helpUri",
            "help",
            "relationships",
            "properties",
        ],
        "message" => &["text", "markdown", "id", "arguments", "properties"],
        "description" => &["text", "markdown", "properties"],
        "result" => &[
            "ruleId",
            "ruleIndex",
            "rule",
            "kind",
            "level",
            "message",
            "analysisTarget",
            "locations",
            "guid",
            "correlationGuid",
            "occurrenceCount",
            "partialFingerprints",
            "fingerprints",
            "stacks",
            "codeFlows",
            "graphs",
            "graphTraversals",
            "relatedLocations",
            "suppressions",
            "baselineState",
            "rank",
            "attachments",
            "hostedViewerUri",
            "workItemUris",
            "provenance",
            "fixes",
            "taxa",
            "webRequest",
            "webResponse",
            "properties",
        ],
        "location" => &["id", "physicalLocation", "logicalLocations", "message", "annotations", "relationships"],
        "physicalLocation" => &["address", "artifactLocation", "region", "contextRegion", "properties"],
        "artifactLocation" => &["uri", "uriBaseId", "index", "description", "properties"],
        "region" => &[
            "startLine",
            "startColumn",
            "endLine",
            "endColumn",
            "charOffset",
            "charLength",
            "byteOffset",
            "byteLength",
            "snippet",
            "message",
            "sourceLanguage",
            "properties",
        ],
        "invocation" => &[
            "commandLine",
            "arguments",
            "responseFiles",
            "startTimeUtc",
            "endTimeUtc",
            "exitCode",
            "ruleConfigurationOverrides",
            "notificationConfigurationOverrides",
            "toolExecutionNotifications",
            "toolConfigurationNotifications",
            "exitCodeDescription",
            "exitSignalName",
            "exitSignalNumber",
            "processStartFailureMessage",
            "executionSuccessful",
            "machine",
            "account",
            "processId",
            "executableLocation",
            "workingDirectory",
            "environmentVariables",
            "stdin",
            "stdout",
            "stderr",
            "stdoutStderr",
            "properties",
        ],
        "notification" => &[
            "locations",
            "message",
            "level",
            "threadId",
            "timeUtc",
            "exception",
            "descriptor",
            "associatedRule",
            "properties",
        ],
        other => panic!("{other} is no object of this test"),
    }
}

/// Checks an object's properties: no unknown one, and those that must be there are.
#[track_caller]
fn object<'v>(value: &'v Value, name: &str, required: &[&str]) -> &'v Value {
    let fields = value.as_object().unwrap_or_else(|| panic!("{name} is no object: {value}"));
    for key in fields.keys() {
        assert!(allowed(name).contains(&key.as_str()), "the schema knows no {key} of a {name}");
    }
    for key in required {
        assert!(fields.contains_key(*key), "a {name} has no {key}: {value}");
    }
    value
}

#[track_caller]
fn text(value: &Value, longest: usize) -> &str {
    let text = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
    assert!(!text.is_empty() && text.chars().count() <= longest, "too short or too long: {text}");
    text
}

#[track_caller]
fn one_of(value: &Value, words: &[&str]) {
    assert!(words.contains(&value.as_str().unwrap_or_default()), "{value} is none of {words:?}");
}

fn number(value: &Value, least: u64) -> u64 {
    let number = value.as_u64().unwrap_or_else(|| panic!("no number: {value}"));
    assert!(number >= least, "{number} is less than {least}");
    number
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

const LEVELS: [&str; 4] = ["none", "note", "warning", "error"];

/// Holds a whole log against the schema and returns its run.
#[track_caller]
fn valid(ran: &Ran) -> Value {
    let log: Value = serde_json::from_str(&ran.stdout).unwrap();
    object(&log, "log", &["version", "runs", "$schema"]);
    assert_eq!(log["version"], "2.1.0");
    let [run] = list(&log["runs"]) else { panic!("there is one run") };
    object(run, "run", &["tool", "results", "invocations", "originalUriBaseIds"]);
    one_of(&run["columnKind"], &["utf16CodeUnits", "unicodeCodePoints"]);
    let category = text(&run["automationDetails"]["id"], 255);
    assert!(category.ends_with('/'), "without a run of its own the category ends with a slash: {category}");
    for base in run["originalUriBaseIds"].as_object().unwrap().values() {
        object(base, "artifactLocation", &[]);
        assert!(base["uri"].as_str().is_none_or(|uri| uri.ends_with('/')), "a base ends with a slash");
    }
    let driver = object(&run["tool"]["driver"], "driver", &["name", "rules"]);
    assert_eq!(run["tool"].as_object().unwrap().len(), 1);
    let ids: BTreeSet<&str> = list(&driver["rules"]).iter().map(valid_rule).collect();
    assert_eq!(ids.len(), list(&driver["rules"]).len(), "rules have names of their own");
    for result in list(&run["results"]) {
        valid_result(run, result);
    }
    for invocation in list(&run["invocations"]) {
        object(invocation, "invocation", &["executionSuccessful"]);
        assert!(invocation["executionSuccessful"].is_boolean());
        assert_eq!(invocation["exitCode"], ran.code);
        for notice in list(&invocation["toolExecutionNotifications"]) {
            object(notice, "notification", &["message"]);
            one_of(&notice["level"], &LEVELS);
            text(&object(&notice["message"], "message", &["text"])["text"], 10_000);
        }
    }
    run.clone()
}

fn valid_rule(rule: &Value) -> &str {
    object(rule, "rule", &["id", "shortDescription", "fullDescription", "help", "properties"]);
    text(&rule["name"], 255);
    for (field, longest) in [("shortDescription", 1_024), ("fullDescription", 1_024), ("help", 10_000)] {
        text(&object(&rule[field], "description", &["text"])["text"], longest);
    }
    one_of(&rule["defaultConfiguration"]["level"], &LEVELS);
    let properties = &rule["properties"];
    let grade: f64 = text(&properties["security-severity"], 4).parse().unwrap();
    assert!(grade > 0.0 && grade <= 10.0);
    one_of(&properties["precision"], &["very-high", "high", "medium", "low"]);
    let tags: BTreeSet<&str> = list(&properties["tags"]).iter().map(|tag| text(tag, 100)).collect();
    assert!(tags.len() == list(&properties["tags"]).len() && tags.contains("security"));
    text(&rule["id"], 255)
}

fn valid_result(run: &Value, result: &Value) {
    object(result, "result", &["ruleId", "ruleIndex", "message", "locations", "partialFingerprints"]);
    let rule = &run["tool"]["driver"]["rules"][number(&result["ruleIndex"], 0) as usize];
    assert_eq!(rule["id"], result["ruleId"]);
    one_of(&result["kind"], &["fail"]);
    one_of(&result["level"], &LEVELS[1..]); // "none" goes with other kinds alone
    text(&object(&result["message"], "message", &["text"])["text"], 1_024);
    for print in result["partialFingerprints"].as_object().unwrap().values() {
        text(print, 1_000);
    }
    let [location] = list(&result["locations"]) else { panic!("readers show the first location alone: {result}") };
    valid_location(run, location);
    let mut ids = BTreeSet::new();
    for related in list(&result["relatedLocations"]) {
        valid_location(run, related);
        assert!(ids.insert(number(&related["id"], 0)), "locations of a result have numbers of their own");
    }
}

fn valid_location(run: &Value, location: &Value) {
    let physical =
        object(&object(location, "location", &[])["physicalLocation"], "physicalLocation", &["artifactLocation"]);
    let artifact = object(&physical["artifactLocation"], "artifactLocation", &["uri"]);
    let uri = text(&artifact["uri"], 10_000);
    let mut bytes = uri.bytes();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:%".contains(&byte);
    assert!(bytes.all(plain), "{uri} must be encoded");
    for (at, _) in uri.match_indices('%') {
        assert!(uri[at + 1..at + 3].bytes().all(|digit| digit.is_ascii_hexdigit()), "{uri}");
    }
    let first = uri.split('/').next().unwrap();
    match artifact["uriBaseId"].as_str() {
        Some(base) => {
            assert!(!run["originalUriBaseIds"][base].is_null(), "{base} is not declared");
            assert!(!uri.starts_with('/') && !first.contains(':'), "{uri} is relative to {base}");
            assert!(!uri.split('/').any(|part| part == ".."), "{uri} stays below {base}");
        }
        None => assert!(first == "file:" || !first.contains(':'), "{uri}"),
    }
    if physical["region"].is_null() {
        return;
    }
    let region = object(&physical["region"], "region", &["startLine"]);
    let line = number(&region["startLine"], 1);
    if let Some(end) = region["endLine"].as_u64() {
        let (start_column, end_column) = (number(&region["startColumn"], 1), number(&region["endColumn"], 1));
        assert!((line, start_column) <= (end, end_column), "{region}");
    }
}

/// What a region covers, in a text whose lines end as SARIF says.
fn covered(source: &str, region: &Value) -> String {
    let lines: Vec<Vec<u16>> = source.split('\n').map(|line| line.encode_utf16().collect()).collect();
    let at = |field: &str| region[field].as_u64().unwrap() as usize - 1;
    let (first, last) = (at("startLine"), at("endLine"));
    let mut units = Vec::new();
    for (number, line) in lines.iter().enumerate().take(last + 1).skip(first) {
        let from = if number == first { at("startColumn") } else { 0 };
        let to = if number == last { at("endColumn") } else { line.len() };
        units.extend_from_slice(&line[from..to]);
        if number < last {
            units.push(u16::from(b'\n'));
        }
    }
    String::from_utf16(&units).unwrap()
}

#[test]
fn every_scope_gives_a_valid_log() {
    let world = World::new();
    let empty = valid(&world.stanch(&["scan", "--format", "sarif"]).expect(0));
    assert!(list(&empty["results"]).is_empty());
    let (one, two, three) = (token(400), token(401), token(402));
    world.commit("clean", "x", "first");
    world.write("a b/ü:%#?.py", format!("ä😀 = '{one}' # {two}\r\nagain {one}"));
    world.write("-", &two);
    world.write(format!("name/{three}"), "x");
    world.git(&["add", "-A"]);
    let outside = world.outside("loose");
    std::fs::write(&outside, &one).unwrap();
    let mut scopes = vec![vec!["."], vec!["--staged"], vec![outside.to_str().unwrap(), "."]];
    for scope in &scopes {
        let ran = world.stanch(&[&["scan", "--format", "sarif"], &scope[..]].concat()).expect(1);
        assert!(list(&valid(&ran)["results"]).len() == 3, "{scope:?}");
        [&one, &two, &three].into_iter().for_each(|secret| hides(&ran.stdout, secret));
    }
    world.git_as_kim(&["commit", "-qm", &format!("message with {two}")]);
    world.write(".git/refs/heads/damaged", "");
    scopes = vec![vec!["--history"], vec!["--range", "HEAD~1..HEAD"]];
    for scope in scopes {
        let ran = world.stanch(&[&["scan", "--format", "sarif"], &scope[..]].concat()).expect(1);
        let run = valid(&ran);
        assert_eq!(list(&run["results"]).len(), 3);
        assert_eq!(run["invocations"][0]["executionSuccessful"], scope.len() > 1, "a damaged branch is of the history");
        [&one, &two, &three].into_iter().for_each(|secret| hides(&ran.stdout, secret));
    }
}

#[test]
fn a_region_covers_the_secret_and_nothing_else() {
    let world = World::new();
    let (one, two) = (token(403), token(404));
    let source = format!("first\r\nä😀\tx = '{one}'; y = '😀{two}'\nlast");
    world.write("src/a.py", &source);
    let run = valid(&world.stanch(&["scan", "--format", "sarif"]).expect(1));
    let mut seen: Vec<String> = list(&run["results"])
        .iter()
        .map(|result| {
            let physical = &result["locations"][0]["physicalLocation"];
            assert_eq!(physical["artifactLocation"]["uri"], "src/a.py");
            covered(&source, &physical["region"])
        })
        .collect();
    seen.sort();
    let mut expected = vec![one, two];
    expected.sort();
    assert!(seen == expected, "a region covers something else");
}

#[test]
fn from_wherever_one_stands_paths_begin_at_the_top() {
    let world = World::new();
    world.write("deep/er/key", token(405));
    for (directory, path) in [("", "."), ("deep", "."), ("deep/er", "key"), ("deep/er", "../../deep")] {
        let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
        command.current_dir(world.top().join(directory)).args(["scan", "--format", "sarif", path]);
        let run = valid(&world.run(command).expect(1));
        let artifact = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(
            (&artifact["uri"], &artifact["uriBaseId"]),
            (&"deep/er/key".into(), &"%SRCROOT%".into()),
            "{directory}"
        );
    }
}
