//! Other scanners' reports: their findings in our words, and into the loop.

use crate::world::{World, token};
use serde_json::{Value, json};
use std::process::Stdio;

/// A repository with a token in line 2 of `pay.py`, of the index and of its first commit.
fn planted() -> (World, String, String) {
    let world = World::new();
    let token = token(71);
    let commit = world.commit("pay.py", format!("import os\nkey = \"{token}\"\n"), "pay");
    (world, token, commit)
}

fn gitleaks(secret: &str, path: &str, commit: &str, line: u64) -> Value {
    json!([{ "RuleID": "demo-token", "Description": "A demonstration token", "StartLine": line, "EndLine": line,
        "StartColumn": 8, "EndColumn": 59, "Match": secret, "Secret": secret, "File": path, "Commit": commit }])
}

fn fingerprint(world: &World) -> String {
    let report: Value = serde_json::from_str(&world.stanch(&["scan", ".", "--json"]).stdout).unwrap();
    report["findings"][0]["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_finding_has_the_kind_the_place_and_the_fingerprint_of_our_own() {
    let (world, token, commit) = planted();
    let own = fingerprint(&world);
    for (commit, place) in [("", "pay.py"), (commit.as_str(), &commit[..10])] {
        world.write("gl.json", gitleaks(&token, "pay.py", commit, 2).to_string());
        let ran = world.stanch(&["import", "gl.json", "--json", "--isolated"]).expect(1).hides(&token);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let finding = &report["findings"][0];
        assert_eq!(finding["fingerprint"], *own, "{place}");
        assert_eq!(finding["kind"], "stanch.demo-token");
        assert_eq!((&finding["at"]["line"], &finding["at"]["column"]), (&json!(2), &json!(8)));
        world
            .stanch(&["import", "gl.json"])
            .expect(1)
            .says("found by Gitleaks as demo-token")
            .says(place)
            .hides(&token);
        std::fs::remove_file(world.top().join("gl.json")).unwrap();
    }
}

#[test]
fn every_format_hides_the_value_and_says_where_it_came_from() {
    let (world, token, commit) = planted();
    world.write("gl.json", gitleaks(&token, "pay.py", &commit, 2).to_string());
    for format in ["text", "lines", "json", "sarif"] {
        world.stanch(&["import", "gl.json", "--format", format]).expect(1).hides(&token).says("stanch.demo-token");
    }
    world.stanch(&["-vvv", "import", "gl.json"]).expect(1).hides(&token);
}

#[test]
fn what_only_the_other_scanner_knows_is_a_finding_under_its_name() {
    let world = World::new();
    let secret = ["Zq7", "-unknown-", "shape-91", "xkcd"].concat();
    world.commit("a.conf", format!("first\nsecond = {secret}\n"), "a");
    world.write("gl.json", gitleaks(&secret, "a.conf", "", 1).to_string());
    // The line moved since; the value tells where.
    let ran = world.stanch(&["import", "gl.json"]).expect(1).says("imported.demo-token").says("a.conf:2:10");
    ran.hides(&secret);
    // The report alone will do.
    let elsewhere = World::bare();
    elsewhere.write("gl.json", gitleaks(&secret, "a.conf", "", 1).to_string());
    elsewhere.stanch(&["import", "gl.json"]).expect(1).says("imported.demo-token").hides(&secret);
}

#[test]
fn a_masked_report_is_followed_to_the_place_and_a_lead_to_nowhere_is_a_gap() {
    let (world, token, commit) = planted();
    world.write("gl.json", gitleaks("REDACTED", "pay.py", &commit, 2).to_string());
    world.stanch(&["import", "gl.json"]).expect(1).says("stanch.demo-token").hides(&token);
    for (path, line) in [("pay.py", 1), ("gone.py", 2), ("../outside.py", 2)] {
        world.write("gl.json", gitleaks("REDACTED", path, "", line).to_string());
        world.stanch(&["import", "gl.json"]).expect(3).says("masks the value").says("--repo").hides(&token);
    }
}

#[test]
fn an_exception_of_the_repository_counts_for_imported_findings_too() {
    let (world, token, commit) = planted();
    let print = fingerprint(&world);
    world.stanch(&["ignore", &print, "--reason", "a sample", "--until", "2999-01-01"]).expect(0);
    world.write("gl.json", gitleaks(&token, "pay.py", &commit, 2).to_string());
    world.stanch(&["import", "gl.json"]).expect(0);
    world.stanch(&["import", "gl.json", "--isolated"]).expect(1).hides(&token);
}

#[test]
fn a_wrong_report_names_the_file_and_the_remedy() {
    let (world, token, _) = planted();
    world.stanch(&["import", "missing.json"]).expect(2).says("missing.json").says("hint:");
    world.write("a.json", format!("{{\"key\": \"{token}\"}}"));
    world.stanch(&["import", "a.json"]).expect(2).says("a.json").says("--from").hides(&token);
    for scanner in ["gitleaks", "betterleaks", "kingfisher", "ggshield", "sarif"] {
        world.stanch(&["import", "a.json", "--from", scanner]).expect(2).says("a.json: 1:").hides(&token);
    }
    world.write("b.json", format!("[{{\"RuleID\": \"a\", \"StartLine\": \"{token}\"}}]"));
    world.stanch(&["import", "b.json"]).expect(2).says("b.json: 1:").hides(&token);
    world.stanch(&["import", "b.json", "--from", "nobody"]).expect(2).says("gitleaks");
    let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
    command.args(["import", "-"]).stdin(Stdio::from(std::fs::File::open(world.top().join("b.json")).unwrap()));
    world.run(command).expect(2).says("-: 1:").hides(&token);
}

#[cfg(feature = "rotate")]
#[test]
fn an_imported_finding_enters_the_loop() {
    let shop = crate::world::shop::Shop::open();
    // Of the two scanners one knows the kind by a name that is not ours, and its report is all that there is.
    let report = gitleaks(&shop.leaked, "s3-bucket/pay.py", "", 2);
    std::fs::write(shop.at("gl.json"), report.to_string()).unwrap();
    let path = shop.at("gl.json");
    let path = path.to_str().unwrap();
    let ran = shop.stanch(&["import", path, "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let print = told["findings"][0]["fingerprint"].as_str().unwrap();
    shop.stanch(&["rotate", "st1l:aaaa-aaaa", "--report", path]).expect(2).says("stanch import");
    shop.stanch(&["rotate", print, "--report", path, "--yes"]).expect(0).hides(&shop.leaked);
    shop.assert_rotated();
}
