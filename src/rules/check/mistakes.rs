//! Every kind of mistake that a writer of rules makes, with what is said of it: `mistakes.txt` holds what is exchanged in a
//! good file, and everything that is told then, with its place and its remedy (`…`: and so on).

use super::*;

const GOOD: &str = r#"provider: acme
title: Acme
hosts: [api.acme.example]
kinds:
  - id: acme.api-token
    title: Acme API token
    severity: high
    sources: [{ page: 'https://docs.acme.example/tokens', mark: D }]
    detect:
      literals: [acme_]
      pattern: '\bacme_(?<id>[0-9a-z]{8})_[0-9A-Za-z]{16}\b'
      prefix: acme_
      entropy: 2
      exclude: ['^acme_zz']
      companions:
        - { name: account, pattern: 'account=(?<value>[0-9]{4})', within: 40 }
      examples:
        - ['ac', 'me_ab12', 'cd34_', 'q8Xk2PzL', '0vR7tYw3']
        - ['TOKEN=ac', 'me_ef56', 'gh78_', 'M4xW9bTq', '7Zk2Vn8c']
      counterexamples:
        - acme_your_token
        - 'acme_12345678'
    verify:
      send: { method: GET, url: 'https://api.acme.example/v1/me', bearer: '{{secret}}' }
      live: { status: [200], take: { token: /token/id } }
      restricted: { status: [403], limit: scope }
      dead: { status: [401] }
      page: 'https://docs.acme.example/me'
      mark: D
    revoke:
      by_hand:
        page: 'https://docs.acme.example/tokens'
        mark: D
        steps:
          - Open Settings, API keys
          - Select Delete
    replies:
      - { of: verify, status: 200, body: '{"token":{"id":"t1"}}', means: live, token: t1 }
      - { of: verify, status: 401, body: '', means: dead }
      - { of: verify, status: 503, body: '', means: unknown }
"#;

/// A mistake of `mistakes.txt`: its name, a part of the good file, what stands there instead, what is told.
struct Case {
    name: String,
    part: String,
    other: String,
    told: Vec<String>,
}

fn cases() -> Vec<Case> {
    let plain = |text: &str| {
        let mut text = text.replace(r"\\", "\u{1}");
        for (typed, meant) in [(r"\n", "\n"), (r"\t", "\t"), (r"\0", "\0"), (r"\a", "\u{7}"), ("\u{1}", r"\")] {
            text = text.replace(typed, meant);
        }
        text
    };
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("mistakes.txt").lines().filter(|line| !line.is_empty()) {
        let (sign, text) = (line.get(..2).unwrap_or(line), line.get(2..).unwrap_or_default());
        match (sign, cases.last_mut()) {
            ("# ", _) => {
                cases.push(Case { name: text.to_owned(), part: String::new(), other: String::new(), told: vec![] })
            }
            ("- ", Some(case)) => case.part = plain(text),
            ("+ ", Some(case)) => case.other = plain(text),
            ("> ", Some(case)) => case.told.push(format!("acme.yaml:{text}")),
            _ => panic!("{line}"),
        }
    }
    cases
}

fn told(text: &str) -> Vec<String> {
    match check_file(Path::new("acme.yaml"), text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_kind_of_mistake_is_named_with_its_line_and_a_remedy() {
    assert_eq!(told(GOOD), Vec::<String>::new());
    let cases = cases();
    assert!(cases.len() >= 150, "{}", cases.len());
    let mut wrong = Vec::new();
    for Case { name, part, other, told: wanted } in &cases {
        assert!(GOOD.contains(part.as_str()) && !wanted.is_empty(), "{name}");
        let said = told(&GOOD.replacen(part.as_str(), other, 1));
        let fits = |(said, wanted): (&String, &String)| match wanted.strip_suffix('…') {
            Some(start) => said.starts_with(start),
            None => said == wanted,
        };
        if said.len() != wanted.len() || !said.iter().zip(wanted).all(fits) {
            wrong.push(format!("# {name}\nwanted {wanted:#?}\nsaid {said:#?}"));
        }
        for problem in &said {
            let remedy = problem.rsplit_once("; ").map_or("", |(_, remedy)| remedy);
            assert!(remedy.split_whitespace().count() >= 2, "{name}: {problem}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The line of the first problem is the line in which something was exchanged, or the one that it makes wrong.
#[test]
fn the_first_problem_is_where_the_mistake_is() {
    let mut far = Vec::new();
    for Case { name, part, other, told: wanted } in cases() {
        let at = GOOD.find(&part).expect("it is there");
        let first = GOOD.get(..at).expect("a part").lines().count().max(1);
        let last = first + part.lines().count().max(other.lines().count()) + 1;
        let line: usize = wanted[0].split(':').nth(1).expect("a line").parse().expect("a number");
        if !(first - 1..=last).contains(&line) {
            far.push(name);
        }
    }
    // An example that no longer fits is wrong itself, wherever the pattern is; what is missing is missing in the whole.
    let elsewhere = ["double quotes pattern", "entropy too little", "companion required not there", "example excluded"];
    let of_whole = ["missing pattern", "missing title", "byhand no steps"];
    far.retain(|name| !elsewhere.contains(&name.as_str()) && !of_whole.contains(&name.as_str()));
    assert!(far.is_empty(), "{far:#?}");
}

/// Every value, and every part of a line that could be one, exchanged for values of other types and sizes.
#[test]
fn whatever_stands_in_the_place_of_a_value_is_read_or_told() {
    let others = ["{a: b}", "[]", "[[]]", "[{}]", "~", "''", "0", "-1", "99999999999999999999", "true", r#""\u0000""#];
    let (mut tried, mut refused, mut start) = (0, 0, 0);
    for line in GOOD.split_inclusive('\n') {
        let starts = [": ", "- ", "[", "{", ", "]
            .into_iter()
            .flat_map(|before| line.match_indices(before).map(|(at, found)| at + found.len()).collect::<Vec<_>>());
        for from in starts {
            let rest = line.get(from..).expect("a character").trim_end();
            let ends = rest.match_indices([',', ']', '}']).map(|(at, _)| at).chain([rest.len()]);
            for to in ends.filter(|to| *to > 0) {
                for other in others {
                    let mut text = GOOD.to_owned();
                    text.replace_range(start + from..start + from + to, other);
                    tried += 1;
                    let Err(problems) = check_file(Path::new("acme.yaml"), &text) else { continue };
                    refused += 1;
                    assert!(!problems.is_empty(), "{text}");
                    for problem in problems {
                        assert!(
                            problem.line > 0 && problem.column > 0 && !problem.remedy.is_empty(),
                            "{problem}\n{text}"
                        );
                    }
                }
            }
        }
        start += line.len();
    }
    assert!(tried > 1_000 && refused * 10 > tried * 9, "{refused} of {tried}");
}

#[test]
fn mistakes_of_whole_files_are_named() {
    let cases = [
        ("", "1:1: the file says nothing; begin with `provider: …`"),
        ("# only a comment\n", "1:1: the file says nothing; "),
        ("hello\n", "1:1: this is a text, and a map of keys and values is wanted; "),
        ("- a\n- b\n", "1:1: this is a list, and a map of keys and values is wanted; "),
        (&format!("{GOOD}---\n{GOOD}"), "41:1: a second document begins here; remove `---`"),
        (&"[".repeat(100_000), "1:256: it is nested too deeply; "),
        (&format!("{GOOD}#{}", "x".repeat(LARGEST)), "1:1: the file is too large; keep it under"),
    ];
    for (text, wanted) in cases {
        let said = told(text);
        assert!(said.len() == 1 && said[0].starts_with(&format!("acme.yaml:{wanted}")), "{wanted}\n{said:#?}");
    }
    let mut bomb = format!("{GOOD}a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, inner) in ["ba", "cb", "dc", "ed", "fe", "gf"].map(|pair| pair.split_at(1)) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", [format!("*{inner}").as_str(); 10].join(", ")));
    }
    let said = told(&bomb);
    assert!(
        said.len() == 1 && said[0].contains("with all its `*names` filled in the file is too large; "),
        "{said:#?}"
    );
}

#[test]
fn line_ends_and_a_mark_of_byte_order_change_nothing() {
    assert_eq!(told(&GOOD.replace('\n', "\r\n")), Vec::<String>::new());
    assert_eq!(told(&format!("\u{feff}{GOOD}")), Vec::<String>::new());
    let wrong = GOOD.replace("severity: high", "severity: hihg");
    let said = ["acme.yaml:7:15: `hihg` is no value here; did you mean `high`?"];
    assert_eq!(told(&wrong), said);
    assert_eq!(told(&wrong.replace('\n', "\r\n")), said);
}

#[test]
fn mistakes_of_all_sorts_are_named_together() {
    let text = GOOD
        .replace("hosts: [api.acme.example]", "hosts: [API]")
        .replace("severity: high", "severity: hihg")
        .replace("mark: D", "mrak: D")
        .replace("literals: [acme_]", "literals: [ac]")
        .replace("entropy: 2", "entropy: much")
        .replace("status: [403]", "status: [603]")
        .replace("means: unknown", "means: nothing");
    let lines: Vec<String> =
        told(&text).iter().map(|said| said.split(':').nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(lines, ["3", "7", "8", "10", "13", "24", "26", "29", "33"], "{:#?}", told(&text));
}

/// A mistake in what an alias repeats is told once.
#[test]
fn what_is_repeated_is_told_once() {
    let (head, kind) = GOOD.split_once("  - id").expect("a kind");
    let shared = kind.replace("verify:\n", "verify: &verify\n").replace("method: GET", "method: GTE");
    let second = kind.replace("acme.api-token", "acme.other");
    let (start, rest) = second.split_once("    verify:\n").expect("a call");
    let (_, end) = rest.split_once("    revoke:").expect("another");
    let text = format!("{head}  - id{shared}  - id{start}    verify: *verify\n    revoke:{end}");
    let said = told(&text);
    assert!(said.iter().all(|said| said.contains("the method `GTE`")) && said.len() <= 2, "{said:#?}");
}

/// Nothing that is typed makes the checker panic, and everything that is wrong has a place in the file.
#[test]
fn any_part_that_is_cut_out_is_answered() {
    let lines: Vec<&str> = GOOD.lines().collect();
    for at in 0..lines.len() {
        for change in ["", "x", "- x", "      'x", "\t", "{", "  a: *b", "? [a]: b"] {
            let mut cut = lines.clone();
            cut[at] = change;
            let text = cut.join("\n");
            for problem in check_file(Path::new("acme.yaml"), &text).err().unwrap_or_default() {
                assert!(problem.line >= 1 && problem.line <= lines.len() as u64 + 1, "{problem}\n{text}");
                assert!(problem.excerpt.to_string().contains('^'), "{problem}");
            }
        }
    }
}
