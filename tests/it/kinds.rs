//! The operator's own kinds: read beside the built-in ones, refused with their place, never taken from what is scanned.

use crate::world::World;
use std::path::PathBuf;

#[path = "../../benches/synthetic/mod.rs"]
mod synthetic;

/// A rule file of one kind, and a token of it.
fn acme() -> (String, String) {
    let text = "provider: acme
title: Acme
hosts: []
kinds:
  - id: acme.api-token
    title: Acme API token
    severity: high
    sources: [{ page: 'https://docs.acme.example/tokens', mark: D }]
    detect:
      literals: [acme_]
      pattern: '\\bacme_[0-9A-Za-z]{24}\\b'
      prefix: acme_
      examples: [['ac', 'me_', 'q8Xk2PzL0vR7', 'tYw3q8Xk2PzL']]
      counterexamples: ['acme_token']
";
    (text.to_owned(), format!("acme_{}{}", "M4xW9bTq7Zk2", "Vn8cRs5LpD3f"))
}

#[test]
fn kinds_of_the_operator_are_found_beside_the_built_in_ones() {
    let world = World::bare();
    let (rules, secret) = acme();
    let token = crate::world::token(7);
    world.write("rules/acme.yaml", rules);
    world.write("src/a.txt", format!("{secret}\n{token}\n"));
    world.stanch(&["scan", "src"]).expect(1).says("1 leak in 1 file");
    for named in ["rules", "rules/acme.yaml"] {
        let ran = world.stanch(&["scan", "src", "--rules", named]).expect(1).hides(&secret);
        ran.says("acme.api-token").says("stanch.demo-token").says("2 leaks in 1 file");
    }
    world.stanch(&["rules", "show", "acme.api-token", "--rules", "rules"]).expect(0).says("Acme API token");
    world.stanch(&["rules", "list", "--rules", "rules"]).expect(0).says("acme.api-token");
    world
        .stanch(&["rules", "check", "rules"])
        .expect(0)
        .says("1 kind in 1 file: nothing is wrong")
        .says("acme.api-token");
}

#[test]
fn hooks_and_imports_look_for_kinds_of_the_operator_too() {
    let world = World::new();
    let (rules, secret) = acme();
    std::fs::create_dir(world.outside("rules")).unwrap();
    std::fs::write(world.outside("rules/acme.yaml"), rules).unwrap();
    world.write("a", &secret);
    world.git(&["add", "-A"]);
    world.stanch(&["hook", "pre-commit"]).expect(0);
    // Where the program runs is what is scanned: a path from there on would be one of its files.
    world.git(&["config", "stanch.rules", "../rules"]);
    world.stanch(&["hook", "pre-commit"]).expect(2).says("stanch.rules").says("from / or ~ on");
    for named in ["~/rules", "~/rules/acme.yaml", world.outside("rules").to_str().unwrap()] {
        world.git(&["config", "stanch.rules", named]);
        world.stanch(&["hook", "pre-commit"]).expect(1).says("acme.api-token").hides(&secret);
    }
    world.git(&["config", "stanch.rules", "~/nothing"]);
    world.stanch(&["hook", "pre-commit"]).expect(2).says("nothing");
    let lead = serde_json::json!([{ "RuleID": "acme", "StartLine": 1, "EndLine": 1, "Match": secret, "Secret": secret,
        "File": "a", "Commit": "", "Fingerprint": "x" }]);
    std::fs::write(world.outside("report.json"), lead.to_string()).unwrap();
    let report = world.outside("report.json");
    let import = |arguments: &[&str]| {
        world.stanch(&[&["import", "--from", "gitleaks", report.to_str().unwrap()], arguments].concat())
    };
    let rules = world.outside("rules");
    import(&["--rules", rules.to_str().unwrap()]).expect(1).says("acme.api-token").hides(&secret);
}

#[test]
fn wrong_files_of_rules_end_with_their_place_and_a_remedy() {
    let world = World::bare();
    let (rules, _) = acme();
    world.write("src/a.txt", "nothing");
    let refused = |text: &str, words: &[&str]| {
        world.write("acme.yaml", text);
        for command in [&["scan", "src", "--rules", "acme.yaml"][..], &["rules", "check", "acme.yaml"]] {
            let ran = world.stanch(command).expect(2);
            words.iter().fold(ran, |ran, word| ran.says(word));
        }
    };
    refused(&rules.replace("severity", "severty"), &["acme.yaml:7:5: `severty` is no key here; did you mean"]);
    refused(&rules.replace("[acme_]", "[ac]"), &["acme.yaml:10:18: the literal is too short"]);
    refused(&rules.replace("{24}\\b", "{24,}"), &["acme.yaml:11:16: a match can be without end"]);
    refused(
        &rules.replace("'acme_token'", "['acme_', 'q8Xk2PzL0vR7', 'tYw3q8Xk2PzL']"),
        &["this counterexample matches"],
    );
    let two = rules.replace("[acme_]", "[ac]").replace("severity: high", "severity: high\n    driver: none");
    refused(
        &two,
        &["2 mistakes in files of rules", "acme.yaml:8:13: there is no driver", "acme.yaml:11:18: the literal"],
    );
    world.stanch(&["scan", "src", "--rules", "nothing.yaml"]).expect(2).says("cannot read nothing.yaml");
    world.stanch(&["scan", "src", "--rules", "src"]).expect(2).says("there is no file of rules in src");
    world.write(
        "taken.yaml",
        rules.replace("provider: acme", "provider: stanch").replace("acme.api-token", "stanch.demo-token"),
    );
    world.stanch(&["scan", "src", "--rules", "taken.yaml"]).expect(2).says("taken.yaml:5:9: the program has a kind");
}

#[test]
fn hundreds_of_kinds_are_loaded() {
    let world = World::bare();
    for (name, text) in synthetic::files(800) {
        world.write(PathBuf::from("rules").join(name), text);
    }
    world.write("src/a.txt", crate::world::token(9));
    let listed = world.stanch(&["rules", "list", "--rules", "rules"]).expect(0);
    assert!(listed.stdout.lines().count() >= 900);
    world.stanch(&["scan", "src", "--rules", "rules"]).expect(1).says("1 leak in 1 file");
}

#[test]
fn a_kind_that_costs_too_much_says_why() {
    let world = World::bare();
    let (rules, _) = acme();
    let common = rules
        .replace("[acme_]", "[session]")
        .replace("\\bacme_", "session[^\\n]{1,60} ")
        .replace("'ac', 'me_'", "'session of user '")
        .replace("prefix: acme_", "window: 512");
    world.write("acme.yaml", &common);
    world.stanch(&["rules", "check", "acme.yaml"]).expect(2).says("acme.yaml:10:17: the kind is too costly: in a meg");
    world.stanch(&["scan", "--rules", "acme.yaml"]).expect(2).says("say in `costly` why it must be");
    world.write("acme.yaml", common.replace("window: 512", "costly: nothing else marks it"));
    let checked = world.stanch(&["rules", "check", "acme.yaml"]).expect(0);
    checked.says("costly: nothing else marks it").says("1 kind with a reason to cost more");
    world.stanch(&["rules", "check"]).expect(0).says("stanch.demo-token").says("a kind's budget: 1000 literals");
}
