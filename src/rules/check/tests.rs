use super::super::pack::looks;
use super::super::unpack;
use super::*;
use std::fs;
use std::sync::Arc;

const GOOD: &str = r"provider: acme
title: Acme
hosts: [api.acme.example]
kinds:
  - id: acme.api-token
    title: Acme API token
    severity: high
    sources: [{ page: 'https://docs.acme.example/tokens', mark: D, note: a note }]
    driver: postgres
    detect:
      literals: [acme_]
      pattern: '\bacme_(?<id>[0-9a-z]{8})_(?<secret>[0-9A-Za-z]{16})\b'
      prefix: q8
      window: 64
      entropy: 2
      require: [digit, upper, lower]
      exclude: ['^ZZ']
      companions:
        - { name: account, pattern: 'account=(?<value>[0-9]{4})', within: 40 }
      examples: [['acme_ab12cd34_', 'q8Xk2PzL0vR7tYw3']]
      counterexamples:
        - nothing
        - ['acme_ab12cd34_', 'ZZXk2PzL0vR7tYw3']
        - ['acme_ab12cd34_', 'q8xk2pzl0vr7tyw3']
        - ['acme_ab12cd34_', 'q8Xk2PzL0vR7tYw33']
        - ['acme_ab12cd34_', 'AAAAAAAA1AAAAAAa']
";

fn problems(text: &str) -> Vec<String> {
    let problems = check_file(Path::new("acme.yaml"), text).expect_err("problems");
    problems.iter().map(ToString::to_string).collect()
}

/// Replaces one part of the good file and returns the one problem that this makes.
fn problem(part: &str, other: &str) -> String {
    assert_eq!(GOOD.matches(part).count(), 1, "{part}");
    let problems = problems(&GOOD.replace(part, other));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().expect("one")
}

#[test]
fn a_good_file_becomes_kinds() {
    let kinds = check_file(Path::new("acme.yaml"), GOOD).expect("a good file");
    let [kind] = kinds.as_slice() else { panic!("one kind") };
    assert_eq!(kind.id.as_str(), "acme.api-token");
    assert_eq!((kind.provider(), kind.provider_title()), ("acme", "Acme"));
    assert_eq!(kind.hosts(), ["api.acme.example"]);
    assert_eq!(kind.confidence, Confidence::High);
    assert_eq!(kind.driver(), Some("postgres"));
    assert_eq!(kind.public_prefix(b"q8Xk"), 2);
    assert_eq!(kind.public_prefix(b"x8Xk"), 0);
    assert_eq!(kind.longest_literal(), 5);
    assert_eq!(kind.sources().len(), 1);
}

#[test]
fn mistakes_of_shape_have_a_place_and_a_remedy() {
    let cases = [
        (
            "    severity: high",
            "    severty: high",
            "acme.yaml:7:5: `severty` is no key here; did you mean `severity`?",
        ),
        ("severity: high", "severity: hihg", "`hihg` is no value here; did you mean `high`?"),
        ("      literals: [acme_]\n", "", "`literals` is missing; add `literals`"),
        ("      window: 64", "      windows: 64", "acme.yaml:14:7: `windows` is no key here; did you mean `window`?"),
        ("title: Acme\n", "title: Acme\ntitle: Acme\n", "acme.yaml:3:1: "),
        ("mark: D", "mark: X", "`X` is no value here; use one of: D, M, P, U"),
        ("      entropy: 2", "      entropy: much", "acme.yaml:15:16: "),
        ("      window: 64", "     window: 64", "acme.yaml:14"),
    ];
    for (part, other, wanted) in cases {
        let said = problem(part, other);
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn mistakes_of_meaning_have_a_place_and_a_remedy() {
    let cases = [
        ("hosts: [api.acme.example]", "hosts: ['https://api.acme.example']", "3:9: this is no bare host name"),
        ("hosts: [api.acme.example]", "hosts: ['*.acme.example']", "3:9: this is no bare host name"),
        ("hosts: [api.acme.example]", "hosts: [API.acme.example]", "3:9: this is no bare host name"),
        ("id: acme.api-token", "id: other.api-token", "5:9: the name is not `provider.name`"),
        ("id: acme.api-token", "id: acme.API", "5:9: the name is not `provider.name`"),
        ("title: Acme API token", "title: ' '", "6:12: the title is empty"),
        ("'https://docs.acme.example/tokens'", "'the manual'", "this is no address of a page"),
        ("driver: postgres", "driver: postgre", "9:13: there is no driver named postgre; did you mean `postgres`?"),
        ("literals: [acme_]", "literals: [ac, acme_]", "11:18: the literal is too short"),
        ("literals: [acme_]", "literals: [apex_]", "12:16: the pattern can match text that holds none"),
        ("literals: [acme_]", "literals: []", "11:17: there are no literals"),
        ("{16})\\b'", "{16})\\b('", "12:16: the pattern cannot be read: unclosed group"),
        ("{16})\\b'", "{16,})\\b'", "12:16: a match can be without end, 128 are allowed"),
        ("{16})\\b'", "{16,200})\\b'", "12:16: a match can be 214 bytes long, 128 are allowed"),
        ("prefix: q8", "prefix: zz", "13:15: no example's secret starts with the prefix"),
        ("prefix: q8", "prefix: ''", "13:15: the prefix is empty"),
        ("window: 64", "window: 70000", "14:15: the window is out of range"),
        ("entropy: 2", "entropy: 9", "15:16: the entropy is out of range"),
        ("entropy: 2", "entropy: 5", "20:18: this example does not match"),
        ("exclude: ['^ZZ']", "exclude: ['^[ZZ']", "17:17: the pattern cannot be read"),
        ("exclude: ['^ZZ']", "exclude: []", "23:11: this counterexample matches"),
        ("require: [digit, upper, lower]", "require: [digit]", "24:11: this counterexample matches"),
        ("[0-9]{4})'", "[0-9]*)'", "19:37: a match can be without end"),
        ("(?<value>", "(?<number>", "19:37: the group `number` has no use here; name the group `value`"),
        ("name: account", "name: id", "19:19: the name is taken by another companion or group"),
        ("within: 40", "within: 9999", "the distance is out of range"),
        ("        - nothing", "        - ['acme_ab12cd34_', 'q8Xk2PzL0vR7tYw4']", "22:11: this counterexample matches"),
    ];
    for (part, other, wanted) in cases {
        let mut said = problems(&GOOD.replace(part, other));
        if wanted.contains("no literals") {
            said.truncate(1);
        }
        let all = said.join("\n");
        assert!(said.len() == 1 && all.contains(wanted), "{part} -> {other}\nwanted {wanted}\nsaid {all}");
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = GOOD.replace("api.acme.example]", "API]").replace("window: 64", "window: 0").replace("'^ZZ'", "'('");
    assert!(problems(&text).len() >= 3);
}

#[test]
fn two_kinds_of_one_name_are_refused() {
    let (_, kind) = GOOD.split_once("kinds:\n").expect("kinds");
    let said = problem_of(&format!("{GOOD}{kind}"));
    assert!(said.contains("acme.yaml:27:9: a kind above is named acme.api-token too"), "{said}");
}

fn problem_of(text: &str) -> String {
    problems(text).join("\n")
}

#[test]
fn a_required_companion_must_be_there() {
    let text = GOOD.replace("within: 40", "within: 40, required: true");
    assert!(problem_of(&text).contains("20:18: this example does not match"));
    let text = text.replace("'q8Xk2PzL0vR7tYw3']]", "'q8Xk2PzL0vR7tYw3', ' account=1234']]");
    assert!(check_file(Path::new("acme.yaml"), &text).is_ok());
}

#[test]
fn bombs_are_refused() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, inner) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", [format!("*{inner}").as_str(); 10].join(", ")));
    }
    assert_eq!(problems(&bomb).len(), 1);
    assert_eq!(problems(&"x".repeat(LARGEST + 1)).len(), 1);
    assert_eq!(problems(&"[".repeat(100_000)).len(), 1);
    assert_eq!(problems("").len(), 1);
}

/// Every rule file of the product is right, and what the build laid into the program is what the files say.
#[test]
fn embedded_rules_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut wrong = Vec::new();
    let mut checked = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a rule file");
        match check_file(&path, &text) {
            Ok(kinds) => {
                let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
                assert!(
                    kinds.iter().all(|kind| kind.provider() == stem),
                    "{}: named after another provider",
                    path.display()
                );
                checked.extend(kinds);
            }
            Err(problems) => wrong.extend(problems),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let checked = Catalogue::new(checked).expect("names are unique");
    let embedded = super::super::builtin();
    assert_eq!(embedded.kinds().len(), checked.kinds().len());
    assert_eq!(embedded.digest(), checked.digest());
    for kind in checked.kinds() {
        let same = embedded.find(&kind.id).expect("it is embedded");
        assert_eq!(looks(&[Arc::clone(same)]), looks(&[Arc::clone(kind)]), "{}", kind.id);
        assert_eq!((&same.title, same.severity, same.confidence), (&kind.title, kind.severity, kind.confidence));
        assert_eq!((same.sources(), same.hosts(), same.driver()), (kind.sources(), kind.hosts(), kind.driver()));
        assert_eq!(format!("{:?}", same.exchanges()), format!("{:?}", kind.exchanges()), "{}", kind.id);
    }
}

/// What `build.rs` calls for the rules of the product.
fn packed(files: &[(&str, &str)]) -> Result<Vec<u8>, Vec<String>> {
    let files: Vec<(PathBuf, String)> = files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect();
    pack_files(&files).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn a_wrong_file_fails_the_build_with_its_place_and_a_remedy() {
    let wrong = GOOD.replace("severity: high", "severity: hihg");
    let said = packed(&[("rules/good.yaml", GOOD), ("rules/acme.yaml", &wrong)]).expect_err("a problem");
    assert_eq!(said, ["rules/acme.yaml:7:15: `hihg` is no value here; did you mean `high`?"]);
    let wrong = GOOD.replace("'q8Xk2PzL0vR7tYw3']]", "'q8Xk']]");
    let said = packed(&[("rules/acme.yaml", &wrong)]).expect_err("a problem");
    assert_eq!(said.len(), 1);
    assert!(said.concat().starts_with("rules/acme.yaml:20:18: this example does not match; mend"), "{said:?}");
    let said = packed(&[("rules/acme.yaml", GOOD), ("rules/again.yaml", GOOD)]).expect_err("a problem");
    assert!(said.concat().starts_with("rules/again.yaml:5:9: the kind acme.api-token is in rules/acme.yaml too"));
}

#[test]
fn packed_kinds_are_what_was_checked() {
    let other = GOOD.replace("acme", "apex").replace("driver: postgres", "confidence: low");
    let bytes = packed(&[("apex.yaml", &other), ("acme.yaml", GOOD)]).expect("packed");
    let kinds = unpack(bytes.leak()).expect("kinds");
    let ids: Vec<&str> = kinds.kinds().iter().map(|kind| kind.id.as_str()).collect();
    assert_eq!(ids, ["acme.api-token", "apex.api-token"]);
    let files = [("apex.yaml".into(), other), ("acme.yaml".into(), GOOD.to_owned())];
    let checked = check_files(&Catalogue::default(), &files).expect("kinds");
    assert_eq!(kinds.digest(), checked.digest());
    for (packed, checked) in kinds.kinds().iter().zip(checked.kinds()) {
        assert_eq!(looks(&[Arc::clone(packed)]), looks(&[Arc::clone(checked)]));
        assert_eq!(packed.provider_title(), checked.provider_title());
        assert_eq!(packed.driver(), checked.driver());
        assert_eq!(packed.hosts(), checked.hosts());
    }
}

#[test]
fn what_is_no_pack_is_not_taken_in() {
    let bytes = packed(&[("acme.yaml", GOOD)]).expect("packed");
    assert!(unpack(&[]).is_none());
    for length in 0..bytes.len() {
        assert!(unpack(bytes.get(..length).expect("a part").to_vec().leak()).is_none(), "{length} bytes");
    }
    assert!(unpack([&bytes[..], &[0]].concat().leak()).is_none());
}

#[test]
fn whatever_decides_what_is_found_changes_the_digest() {
    let digest = |text: &str| {
        let kinds = check_file(Path::new("acme.yaml"), text).expect("kinds");
        Catalogue::new(kinds).expect("one of each name").digest()
    };
    let good = digest(GOOD);
    for (part, other) in [("note: a note", "note: another note"), ("window: 64", "window: 65")] {
        assert_eq!(good, digest(&GOOD.replace(part, other)), "{other}");
    }
    assert_eq!(good.as_str().len(), 64);
    let changes = [
        ("entropy: 2", "entropy: 2.1"),
        ("[0-9a-z]{8}", "[0-9a-z]{7,8}"),
        ("exclude: ['^ZZ']", "exclude: ['^ZZX']"),
        ("within: 40", "within: 41"),
        ("severity: high", "severity: low"),
        ("severity: high", "severity: high\n    confidence: low"),
    ];
    for (part, other) in changes {
        assert_ne!(good, digest(&GOOD.replace(part, other)), "{other}");
    }
    let (one, two) = (Catalogue::default(), Catalogue::default());
    assert_ne!(one.digest_with("one"), two.digest_with("another"), "other code finds other things");
}

#[test]
fn a_kind_keeps_to_its_budget_or_says_why_not() {
    let common = |more: &str| {
        GOOD.replace("[acme_]", "[session]")
            .replace(r"\bacme_(?<id>[0-9a-z]{8})_", &format!("session{more}"))
            .replace("acme_ab12cd34_", "session of user ")
    };
    let said = problem_of(&common("[^\\n]{1,60} "));
    assert!(said.contains("acme.yaml:11:17: the kind is too costly: "), "{said}");
    assert!(said.contains("bytes given to patterns (5000 are allowed); choose rarer literals"), "{said}");
    let why = |text: &str, reason: &str| text.replace("prefix: q8", &format!("prefix: q8\n      costly: {reason}"));
    let kinds = check_file(Path::new("acme.yaml"), &why(&common("[^\\n]{1,60} "), "no other mark")).expect("kinds");
    assert_eq!(kinds.first().and_then(|kind| kind.detect.costly()), Some("no other mark"));
    let said = problem_of(&why(&common("[^\\n]{1,60} "), "' '"));
    assert!(said.contains("acme.yaml:14:15: the reason is empty"), "{said}");
    let said = problem_of(&why(GOOD, "it was once"));
    assert!(
        said.contains("acme.yaml:14:15: the kind is not costly: in a megabyte of ordinary text 0 literals"),
        "{said}"
    );
}
