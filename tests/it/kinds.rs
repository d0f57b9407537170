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

#[cfg(not(feature = "rotate"))]
#[test]
fn a_build_that_opens_no_connection_says_that_it_tests_no_calls() {
    let world = World::bare();
    world.write("acme.yaml", acme().0);
    let ran = world.stanch(&["rules", "test", "acme.yaml"]).expect(2).says("it has the finding wing alone");
    ran.says("stanch rules check FILE").says("nothing was tested");
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

#[test]
fn a_mistake_is_shown_with_a_mark_below_its_place() {
    let world = World::bare();
    let (rules, _) = acme();
    world.write("acme.yaml", rules.replace("mark: D", "mark: X"));
    let ran = world.stanch(&["rules", "check", "acme.yaml"]).expect(2);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines[0], "stanch: acme.yaml:8:65: `X` is no value here; use one of: D, M, P, U");
    let at = lines[2].chars().position(|letter| letter == '^').unwrap();
    assert_eq!(lines[1].chars().nth(at), Some('X'), "{}", ran.stderr);
    world.write("acme.yaml", rules.replace("title: Acme\n", "title: Acm\u{e9}\n").replace('\u{e9}', "\u{fffd}"));
    world.stanch(&["rules", "check", "acme.yaml"]).expect(0);
    world.write("acme.yaml", [b"provider: acme\ntitle: Acm\xe9\n".as_slice(), rules.as_bytes()].concat());
    world.stanch(&["rules", "check", "acme.yaml"]).expect(2).says("acme.yaml:2:11: a character here is not in UTF-8");
    let opens = "title: Acme API token\n    opens: { says: something, page: the manual, mark: D }";
    world.write("acme.yaml", rules.replace("title: Acme API token", opens));
    let ran = world.stanch(&["rules", "check", "acme.yaml"]).expect(2);
    ran.says("acme.yaml:7:20: this is no sentence").says("acme.yaml:7:37: this is no address of a page");
}

#[test]
fn a_name_of_the_program_is_only_for_the_next_edition_of_its_file() {
    let world = World::bare();
    let (rules, _) = acme();
    let taken = rules.replace("provider: acme", "provider: stripe").replace("acme.api-token", "stripe.test-key");
    world.write("stripe.yaml", taken);
    let ran = world.stanch(&["rules", "check", "stripe.yaml"]).expect(2);
    ran.says("stripe.yaml:5:9: the program has a kind stripe.test-key already; rename this one");
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/stripe.yaml");
    world.stanch(&["rules", "check", own.to_str().unwrap()]).expect(0);
}

#[test]
fn kinds_are_counted_and_chosen() {
    let world = World::bare();
    let all = world.stanch(&["rules", "list", "--format", "json"]).expect(0);
    let all: serde_json::Value = serde_json::from_str(&all.stdout).unwrap();
    let kinds = all["kinds"].as_array().unwrap();
    let counts = &all["counts"];
    assert_eq!(counts["kinds"], kinds.len());
    let nearby = kinds.iter().filter(|kind| kind["told_by"] == "nearby").count();
    assert_eq!(counts["nearby"], nearby);
    for act in ["verify", "mint", "revoke", "usage"] {
        let known = kinds.iter().filter(|kind| !kind[act].is_null()).count();
        assert_eq!(counts["acts"][act]["all"], known, "{act}");
        let chosen = world.stanch(&["rules", "list", "--verb", act, "--format", "json"]).expect(0);
        let chosen: serde_json::Value = serde_json::from_str(&chosen.stdout).unwrap();
        assert_eq!(chosen["counts"]["kinds"], known, "{act}");
    }
    let ran =
        world.stanch(&["rules", "list", "--provider", "stripe", "--verb", "verify", "--verb", "revoke"]).expect(0);
    assert!(ran.stdout.lines().take_while(|line| !line.is_empty()).all(|line| line.starts_with("stripe.")));
    ran.says("stripe.live-secret-key").says(" of 1 provider");
    world.stanch(&["rules", "list", "--provider", "nobody"]).expect(2).says("no kind is of the provider 'nobody'");
}

#[test]
fn a_kind_has_a_page_that_says_what_to_do() {
    let world = World::bare();
    for (kind, words) in [
        ("stripe.live-secret-key", "Makes every API call in the live account"),
        ("intercom.access-token", "Reads and writes the workspace"),
        ("customerio.app-api-key", "Sends transactional messages"),
        ("comm100.api-key", "Acts as its agent"),
    ] {
        let ran = world.stanch(&["rules", "show", kind]).expect(0);
        ran.says(words)
            .says("What to do when it leaks\n  1. ")
            .says("Make a new one by hand")
            .says("Sources\n  https://");
        let page = world.stanch(&["rules", "show", kind, "--format", "json"]).expect(0);
        let page: serde_json::Value = serde_json::from_str(&page.stdout).unwrap();
        assert_eq!((&page["schema"], &page["id"]), (&"stanch.kind/1".into(), &kind.into()));
        assert_eq!(page["opens_is_derived"], false);
        assert!(page["leaked"].as_array().unwrap().len() >= 4);
    }
}

#[test]
fn a_new_file_finds_what_it_was_made_for() {
    let world = World::bare();
    let new = ["rules", "new", "acme.api-token", "--prefix", "acme_", "--length", "24", "--to", "acme.yaml"];
    world.stanch(&[&new[..], &["--page", "https://docs.acme.example/tokens"]].concat()).expect(0).says("it passes");
    world.stanch(&["rules", "check", "acme.yaml"]).expect(0).says("nothing is wrong");
    let (_, secret) = acme();
    world.write("src/a.txt", format!("TOKEN={secret}\n"));
    world.stanch(&["scan", "src", "--rules", "acme.yaml"]).expect(1).says("acme.api-token").hides(&secret);
    // The file itself holds no whole token, and is never replaced.
    world.stanch(&["scan", "acme.yaml", "--rules", "acme.yaml"]).expect(0);
    let before = std::fs::read(world.top().join("acme.yaml")).unwrap();
    world.stanch(&new).expect(2).says("acme.yaml is there already").says("hint: ");
    assert_eq!(std::fs::read(world.top().join("acme.yaml")).unwrap(), before);
    world.stanch(&["rules", "new", "acme.other", "--to", "no/where.yaml"]).expect(4).says("hint: ");
    world.stanch(&["rules", "new", "acme"]).expect(2).says("'acme' is no name of a kind");
    let shown = world.stanch(&["rules", "new", "acme-cloud.key", "--alphabet", "hex", "--length", "40-64"]).expect(0);
    world.write("other.yaml", shown.stdout);
    world.stanch(&["rules", "check", "other.yaml"]).expect(0);
}

#[test]
fn the_catalogue_is_written_as_pages() {
    let world = World::bare();
    world.stanch(&["rules", "docs", "pages"]).expect(0).says("pages and an index for");
    let read = |name: &str| std::fs::read_to_string(world.top().join("pages").join(name)).unwrap();
    let (index, page) = (read("index.md"), read("stripe.md"));
    assert!(index.contains("| [Stripe](stripe.md) |") && page.contains("**What to do when it leaks**"));
    world.stanch(&["rules", "docs", "pages"]).expect(0);
    assert_eq!((read("index.md"), read("stripe.md")), (index, page));
    world.write("pages/stripe.md", "mine");
    world.stanch(&["rules", "docs", "pages"]).expect(2).says("pages/stripe.md is there already").says("hint: ");
    assert_eq!(read("stripe.md"), "mine");
}
