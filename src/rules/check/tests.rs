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
        ("      literals: [acme_]\n", "", "`literals` is missing; add `literals: [acme_]`"),
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
        ("entropy: 2", "public: [id, nobody]", "15:20: there is no group or companion of this name; name one of them"),
        ("entropy: 2", "public: [secret]", "15:16: the secret is never shown; leave it out"),
        ("entropy: 2", "checksum: luhn", "20:18: this example does not match"),
        ("entropy: 2", "structure: private-key", "20:18: this example does not match"),
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
fn what_is_doubted_is_an_example_of_nothing_and_may_be_a_counterexample() {
    let text =
        GOOD.replace("acme_(?<id>[0-9a-z]{8})_(?<secret>[0-9A-Za-z]{16})", "acme_(?<secret>npm_[0-9A-Za-z]{36})");
    let text = text.replace("prefix: q8", "checksum: npm").replace("window: 64", "window: 65");
    let (head, _) = text.split_once("      examples:").unwrap();
    let with = |example: &str, other: &str| {
        let body = "Vq7kz29mWx4trB3nLp8sYd6fGh1jKc";
        let token = |sum: &str| format!("[acme_npm, _{body}, {sum}]");
        format!("{head}      examples: [{}]\n      counterexamples: [{}]\n", token(example), token(other))
    };
    let sum = crc32fast::hash(b"Vq7kz29mWx4trB3nLp8sYd6fGh1jKc");
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digit = |place: u32| char::from(alphabet[(sum / 62_u32.pow(place) % 62) as usize]);
    let right: String = (0..6).rev().map(digit).collect();
    let wrong = if right == "2b8zQ1" { "2b8zQ2" } else { "2b8zQ1" };
    assert!(check_file(Path::new("acme.yaml"), &with(&right, wrong)).is_ok(), "{:?}", problems(&with(&right, wrong)));
    let said = problems(&with(wrong, &right)).join("\n");
    assert!(said.contains("this example does not match") && said.contains("this counterexample matches"), "{said}");
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
    let two = |text: &str| text.replace("tYw3']]", "tYw3'], ['acme_cd12ab34_', 'q8Xk2PzL0vR7tYw3']]");
    let two = |text: &str| if text.contains("apex_") { two(text).replace("'acme_", "'apex_") } else { two(text) };
    let files: Vec<(PathBuf, String)> = files.iter().map(|(path, text)| (path.into(), two(text))).collect();
    pack_files(&files).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn a_wrong_file_fails_the_build_with_its_place_and_a_remedy() {
    let wrong = GOOD.replace("severity: high", "severity: hihg");
    let said = packed(&[("rules/good.yaml", GOOD), ("rules/acme.yaml", &wrong)]).expect_err("a problem");
    assert_eq!(said, ["rules/acme.yaml:7:15: `hihg` is no value here; did you mean `high`?"]);
    let wrong = GOOD.replace("[['acme_ab12cd34_', 'q8Xk2", "[['acme_ab12cd34_', 'q8Xk'], ['acme_ab12cd34_', 'q8Xk2");
    let said = packed(&[("rules/acme.yaml", &wrong)]).expect_err("a problem");
    assert_eq!(said.len(), 1);
    assert!(said.concat().starts_with("rules/acme.yaml:20:18: this example does not match: "), "{said:?}");
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
        ("entropy: 2", "entropy: 2\n      structure: base64-json"),
        ("entropy: 2", "entropy: 2\n      public: [id]"),
        ("entropy: 2", "entropy: 2\n      lone: true"),
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

#[test]
fn a_call_without_a_page_or_a_mark_is_refused_where_it_stands() {
    let send = "send: { method: GET, url: 'https://api.acme.example/me' }";
    let known = "page: 'https://docs.acme.example/me'";
    let with = |calls: &str| format!("{GOOD}    {calls}\n");
    let one = |more: &str| with(&format!("verify:\n      {send}\n      live: {{ status: [200] }}\n      {more}"));
    let good = one(&format!("{known}\n      mark: D\n      note: the owner"));
    assert!(check_file(Path::new("acme.yaml"), &good).is_ok());
    let remedy = "; name beside `send` the `page` that shows the call, and the `mark` D, M, P or U";
    assert_eq!(problem_of(&one(known)), format!("acme.yaml:27:5: verify: `mark` is missing{remedy}"));
    assert_eq!(problem_of(&one("mark: D")), format!("acme.yaml:27:5: verify: `page` is missing{remedy}"));
    let by_hand = "revoke:\n      - by_hand: { page: 'https://docs.acme.example/end', mark: P, steps: [one] }";
    assert!(check_file(Path::new("acme.yaml"), &with(by_hand)).is_ok());
    let second = format!("{by_hand}\n      - {send}\n        {known}\n        done: {{ status: [204] }}");
    assert_eq!(problem_of(&with(&second)), format!("acme.yaml:29:9: revoke: `mark` is missing{remedy}"));
    let unmarked = with(&by_hand.replace("mark: P, ", ""));
    assert_eq!(problem_of(&unmarked), format!("acme.yaml:28:9: revoke: `mark` is missing{remedy}"));
}

#[test]
fn a_built_in_kind_has_two_examples_and_two_counterexamples() {
    let few = GOOD.replace("examples: [['acme_ab12cd34_', 'q8Xk2PzL0vR7tYw3']]", "examples: []");
    assert!(problem_of(&few).contains("20:17: there are 0 examples, and 1 are needed; "));
    let wrong = pack_files(&[("rules/acme.yaml".into(), GOOD.to_owned())]).expect_err("a problem");
    let said: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert!(
        said.len() == 1 && said[0].starts_with("rules/acme.yaml:20:17: there are 1 examples, and 2 are needed; "),
        "{said:?}"
    );
}

#[test]
fn every_built_in_kind_says_what_it_opens() {
    let kinds = crate::rules::builtin();
    let silent: Vec<&str> =
        kinds.kinds().iter().filter(|kind| kind.opens().is_none()).map(|kind| kind.id.as_str()).collect();
    assert_eq!(silent, [""; 0]);
}

#[test]
fn what_people_write_into_samples_is_dropped_unless_it_is_kept() {
    let sample = GOOD.replace("        - nothing", "        - ['acme_ab12cd34_', 'q8Dummy1234R7tYw']");
    assert!(check_file(Path::new("acme.yaml"), &sample).is_ok());
    let kept = sample.replace("      window: 64", "      window: 64\n      samples: kept");
    assert!(problem_of(&kept).contains("this counterexample matches"));
    assert!(problem_of(&kept.replace("kept", "kpt")).contains("did you mean `kept`?"));
}

/// Files of one provider each, whose kinds match the same bytes as far as their patterns go.
fn overlapping(details: &[(&str, &str)]) -> Vec<(PathBuf, String)> {
    let file = |(name, more): &(&str, &str)| {
        let text = GOOD.replace("acme.api-token", &format!("{name}.api-token"));
        let text = text.replace("provider: acme", &format!("provider: {name}"));
        (format!("{name}.yaml").into(), text.replace("      window: 64", &format!("      window: 64{more}")))
    };
    details.iter().map(file).collect()
}

fn said_of(known: &Catalogue, files: &[(PathBuf, String)]) -> String {
    let problems = check_files(known, files).expect_err("problems");
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn kinds_that_match_the_same_bytes_have_a_declared_order() {
    let none = Catalogue::default();
    let said = said_of(&none, &overlapping(&[("acme", ""), ("apex", "")]));
    assert_eq!(
        said,
        "acme.yaml:10:5: acme.api-token and apex.api-token, at apex.yaml:10:5, match the same bytes of an example of \
         acme.api-token, and neither is before the other; write `before: [apex.api-token]` here if this kind counts, or \
         `before: [acme.api-token]` there, or let one of the patterns not match"
    );
    let before = "\n      before: [acme.api-token]";
    let ordered = check_files(&none, &overlapping(&[("acme", ""), ("apex", before)])).expect("an order");
    let ranks = ordered.ranks();
    assert!(ranks.first() < ranks.get(1), "apex is before acme");
    let third = said_of(&none, &overlapping(&[("acme", ""), ("apex", before), ("apse", before)]));
    assert!(third.contains("apex.api-token and apse.api-token") && third.lines().count() == 1, "{third}");
    // The surer kind counts, unless the other is declared to be before it.
    let mut files = overlapping(&[("acme", ""), ("apex", "")]);
    let unsure = |text: &str| text.replace("    severity: high", "    severity: high\n    confidence: medium");
    files[1].1 = unsure(&files[1].1);
    let surer = check_files(&none, &files).expect("an order").ranks();
    assert!(surer.first() > surer.get(1));
    let mut files = overlapping(&[("acme", ""), ("apex", before)]);
    files[1].1 = unsure(&files[1].1);
    let declared = check_files(&none, &files).expect("an order").ranks();
    assert!(declared.first() < declared.get(1));
    // What is known already takes part.
    let known = check_files(&none, &overlapping(&[("acme", "")])).expect("kinds");
    let said = said_of(&known, &overlapping(&[("apex", "")]));
    assert!(said.starts_with("apex.yaml:10:5: apex.api-token and acme.api-token, which is built in, match"), "{said}");
    assert!(check_files(&known, &overlapping(&[("apex", before)])).is_ok());
    assert!(check_anew(&known, &overlapping(&[("acme", "")])).is_ok(), "a later version of a known file");
}

#[test]
fn a_declared_order_is_about_other_kinds_and_goes_in_no_circle() {
    let said = |details: &[(&str, &str)]| said_of(&Catalogue::default(), &overlapping(details));
    let before = |id: &str| format!("\n      before: [{id}]");
    let itself = said(&[("acme", &before("acme.api-token"))]);
    assert!(itself.starts_with("acme.yaml:15:16: a kind is not before itself; remove it"), "{itself}");
    let unknown = said(&[("acme", &before("acme.api-tokn"))]);
    assert!(unknown.contains("there is no kind acme.api-tokn; did you mean `acme.api-token`?"), "{unknown}");
    let unknown = said(&[("acme", &before("nobody.token"))]);
    assert!(unknown.contains("there is no kind nobody.token; see `stanch rules list`"), "{unknown}");
    let twice = said(&[("acme", &before("apex.api-token, apex.api-token")), ("apex", "")]);
    assert!(twice.starts_with("acme.yaml:15:32: apex.api-token is named twice; remove one of them"), "{twice}");
    let one = ("acme", before("apex.api-token"));
    let circle = said(&[(one.0, &one.1), ("apex", &before("apse.api-token")), ("apse", &before("acme.api-token"))]);
    assert!(circle.starts_with("acme.yaml:15:15: the kinds that it is before are before it; take one of"), "{circle}");
}
