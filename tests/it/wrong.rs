//! Wrong inputs: each is answered with one message that names the place and a remedy, the right code, and no trace.

use crate::world::{Ran, World};

/// What is wrong, and what must be said about it.
struct Wrong {
    /// A file that is written first.
    file: Option<(&'static str, Vec<u8>)>,
    /// Variables that are set.
    environment: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    code: i32,
    /// The place: the flag, the file with its line, or the value as typed.
    place: &'static str,
    /// What to do about it.
    remedy: &'static str,
}

fn flags(arguments: &'static [&'static str], code: i32, place: &'static str, remedy: &'static str) -> Wrong {
    Wrong { file: None, environment: &[], arguments, code, place, remedy }
}

fn file(
    name: &'static str,
    text: impl AsRef<[u8]>,
    arguments: &'static [&'static str],
    place: &'static str,
    remedy: &'static str,
) -> Wrong {
    Wrong { file: Some((name, text.as_ref().to_vec())), environment: &[], arguments, code: 2, place, remedy }
}

/// A rule file that is right but for one exchange of text.
fn rules(right: &str, wrong: &str) -> String {
    let text = r"provider: acme
title: Acme
hosts: [api.acme.example]
kinds:
  - id: acme.token
    title: Token
    severity: high
    sources: [{ page: 'https://docs.acme.example/tokens', mark: D }]
    detect:
      literals: [acme_]
      pattern: '\bacme_[0-9a-z]{16}\b'
      examples: [['acme_', 'q8xk2pzl0vr7tyw3']]
      counterexamples: ['acme_']
";
    assert_eq!(text.matches(right).count(), 1, "{right}");
    text.replace(right, wrong)
}

const CHECK: &[&str] = &["rules", "check", "acme.yaml"];
const SCAN: &[&str] = &["scan"];
const EXCEPT: &str = "write YYYY-MM-DD";

fn wrong_flags() -> Vec<Wrong> {
    vec![
        flags(&["scna"], 2, "'scna'", "tip: a similar subcommand exists: 'scan'"),
        flags(&["scan", "--stagd"], 2, "'--stagd'", "tip: a similar argument exists: '--staged'"),
        flags(&["scan", "--format", "yaml"], 2, "'--format <FORMAT>'", "possible values: text, lines, json, sarif"),
        flags(&["scan", "--gate", "severe"], 2, "'--gate <SEVERITY>'", "possible values: low, medium, high, critical"),
        flags(&["scan", "--color", "sometimes"], 2, "'--color <WHEN>'", "possible values: auto, always, never"),
        flags(&["scan", "--log-format", "xml"], 2, "'--log-format <FORM>'", "possible values: text, json"),
        flags(&["scan", "--jobs", "0"], 2, "'--jobs <N>'", "write 1 or more"),
        flags(&["scan", "--jobs", "many"], 2, "'--jobs <N>'", "write 1 or more"),
        flags(&["scan", "--max-size", "big"], 2, "'--max-size <SIZE>'", "write, for instance, 25MB"),
        flags(&["scan", "--max-size", "1TB"], 2, "'--max-size <SIZE>'", "use kB, MB, GB, KiB, MiB or GiB"),
        flags(&["scan", "--max-size", "99999999999GB"], 2, "'--max-size <SIZE>'", "too large"),
        flags(&["scan", "--exclude", "a{b"], 2, "'a{b' is not a glob", "hint: write it as in .gitignore"),
        flags(&["scan", "--staged", "src"], 2, "'--staged' cannot be used with '[PATH]...'", "Usage: stanch scan"),
        flags(
            &["scan", "--staged", "--history"],
            2,
            "'--staged' cannot be used with '--history'",
            "Usage: stanch scan",
        ),
        flags(
            &["scan", "--json", "--format", "text"],
            2,
            "'--json' cannot be used with '--format",
            "Usage: stanch scan",
        ),
        flags(&["scan", "--range"], 2, "'--range <A..B>'", "a value is required"),
        flags(&["scan", "--range", "main"], 2, "'main' is not a range", "hint: for instance: stanch scan --range"),
        flags(&["scan", "--range", "a...b"], 2, "'a...b' is not a range", "write A..B"),
        flags(&["scan", "--range", "gone..HEAD"], 3, "'gone' is not in this clone", "hint: fetch it"),
        flags(
            &["scan", "--history", "a", "b"],
            2,
            "--range and --history take one path",
            "hint: give a path inside it",
        ),
        flags(&["scan", "nowhere"], 2, "'nowhere' does not exist", "hint: nothing was scanned"),
        flags(&["scan", ""], 2, "'[PATH]...'", "a value is required"),
        flags(&["scan", "-", "x"], 2, "'-' stands for standard input alone", "hint: scan a file of that name as ./-"),
        flags(&["scan", "--output", "no/where"], 4, "no/where", "hint: give --output a file in a directory"),
        flags(&["scan", "--output", "sarif="], 2, "--output 'sarif=' names no file", "hint: for instance --output"),
        flags(&["hook", "pre-comit"], 2, "'pre-comit'", "'pre-commit'"),
        flags(&["rules", "show", "acme.none"], 2, "'acme.none'", "hint: stanch rules list names them"),
        flags(&["rules", "check", "none.yaml"], 2, "none.yaml", "hint: name files of rules"),
        flags(&["ignore", "x", "--reason", "a", "--until", "2999-01-01"], 2, "this is not a fingerprint", "write st1:"),
        flags(&["ignore", "st1:abcd", "--reason", "a", "--until", "2999-13-01"], 2, "'--until <DATE>'", EXCEPT),
        flags(
            &["ignore", "st1:abcd", "--reason", "a", "--until", "2001-01-01"],
            2,
            "--until 2001-01-01",
            "a day to come",
        ),
        flags(&["ignore", "st1:abcd", "--reason", " ", "--until", "2999-01-01"], 2, "--reason is empty", "hint: say"),
        flags(&["ignore", "st1:abcd", "--until", "2999-01-01"], 2, "--reason <REASON>", "Usage: stanch ignore"),
        flags(
            &["ignore", "st1:abcd", "--reason", "a", "--until", "2999-01-01", "--path", "a{b"],
            2,
            "'a{b' is no path or glob",
            "hint: --kind and --path",
        ),
        Wrong {
            environment: &[("STANCH_LOG", "stanch=loud")],
            ..flags(SCAN, 2, "STANCH_LOG='stanch=loud'", "hint: for")
        },
        Wrong {
            environment: &[("GIT_DIR", "/nowhere")],
            ..flags(&["scan", "--staged"], 4, "'/nowhere'", "hint: run it inside a repository")
        },
    ]
}

fn wrong_files() -> Vec<Wrong> {
    let acme = |right: &str, wrong: &str, place, remedy| file("acme.yaml", rules(right, wrong), CHECK, place, remedy);
    vec![
        file("acme.yaml", "", CHECK, "acme.yaml:1:1: ", "compare it with"),
        file("acme.yaml", "provider: [", CHECK, "acme.yaml:1:11: ", "compare it with"),
        file("acme.yaml", b"\xff\xfe", CHECK, "acme.yaml", "YAML in UTF-8"),
        acme("title: Acme\n", "title: Acme\ntitle: Acme\n", "acme.yaml:3:1: `title` is there twice", "keep one"),
        acme("severity: high", "severity: hihg", "acme.yaml:7:15: ", "did you mean `high`?"),
        acme("literals:", "literal:", "acme.yaml:10:7: ", "did you mean `literals`?"),
        acme("[acme_]", "[ac]", "acme.yaml:10:18: ", "name at least 3 bytes"),
        acme("[acme_]", "[bcme_]", "acme.yaml:11:16: ", "name a part that every match holds"),
        acme("{16}", "{16", "acme.yaml:11:16: ", "mend it"),
        acme("{16}", "+", "acme.yaml:11:16: ", "an upper bound"),
        acme("'q8xk2pzl0vr7tyw3'", "'short'", "acme.yaml:12:18: ", "mend the pattern, the filters or the example"),
        acme("['acme_']", "[['acme_', 'q8xk2pzl0vr7tyw3']]", "acme.yaml:13:25: ", "stricter"),
        acme("mark: D", "mark: Q", "acme.yaml:8:", "use one of: D, M, P, U"),
        acme("https:", "ftp:", "acme.yaml:8:", "start it with `https://`"),
        acme("[api.acme.example]", "['https://acme.example']", "acme.yaml:3:9: ", "without scheme"),
        acme("acme.token", "other.token", "acme.yaml:5:9: ", "write it like `acme.api-token`"),
        file("stanch.yaml", "exclde: []\n", SCAN, "stanch.yaml:1:1: 'exclde'", "it has salt, exclude, gate"),
        file("stanch.yaml", "\nexclude: ['a{b']\n", SCAN, "stanch.yaml:2:1: 'a{b'", "hint: it has"),
        file("stanch.yaml", "exclude: x\n", SCAN, "stanch.yaml:1:10: ", "hint: it has"),
        file("stanch.yaml", "gate: severe\n", SCAN, "stanch.yaml:1:7: ", "low, medium, high, critical"),
        file("stanch.yaml", "# note\ngate: high\n", SCAN, "stanch.yaml:2:1: gate 'high' is weaker", "use --gate"),
        file("stanch.yaml", "gate: low\ngate: low\n", SCAN, "stanch.yaml:2:1: 'gate' is there twice", "keep one"),
        file("stanch.yaml", "salt: short\n", SCAN, "stanch.yaml:1:1: salt", "stanch config new writes one"),
        file("stanch.yaml", "[", SCAN, "stanch.yaml:1:1: ", "hint: it has"),
        file("stanch.yaml", b"\xff\xfe", SCAN, "stanch.yaml", "hint: it must be a plain file"),
        file(".stanchignore", b"\xff\xfe", SCAN, ".stanchignore", "hint: it must be a plain file"),
        file(".stanchignore", "\nnonsense\n", SCAN, ".stanchignore:2: ", "write st1:"),
        file(".stanchignore", "st1:abcd\n", SCAN, ".stanchignore:1: ", "add until="),
        file(".stanchignore", "st1:abcd until=soon reason=x\n", SCAN, ".stanchignore:1: until=soon", EXCEPT),
        file(".stanchignore", "st1:abcd until=2030-02-31 reason=x\n", SCAN, ".stanchignore:1: ", EXCEPT),
        file(".stanchignore", "st1:abcd until=2030-01-01\n", SCAN, ".stanchignore:1: ", "add reason="),
        file(
            ".stanchignore",
            "st1:abcd * a{b until=2030-01-01 reason=x\n",
            SCAN,
            ".stanchignore:1: 'a{b'",
            "a line is",
        ),
        file(".stanchignore", "st1:abcd reason=\"x until=2030-01-01\n", SCAN, ".stanchignore:1: ", "is not closed"),
        file(".stanchignore", "st1:abcd * * more until=2030-01-01 reason=x\n", SCAN, ":1: 'more'", "come until="),
    ]
}

#[test]
fn every_wrong_input_is_answered_with_its_place_and_a_remedy() {
    let all: Vec<Wrong> = wrong_flags().into_iter().chain(wrong_files()).collect();
    assert!(all.len() >= 40);
    let complaints: Vec<String> = all.iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// What is wrong with the answer to a wrong input.
fn complaint(wrong: &Wrong) -> Option<String> {
    let world = World::new();
    if let Some((name, bytes)) = &wrong.file {
        world.write(name, bytes);
    }
    let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
    command.args(wrong.arguments).envs(wrong.environment.iter().copied()).env("RUST_BACKTRACE", "1");
    let ran = world.run(command);
    let typed = || format!("{:?} {:?} {}", wrong.file.as_ref().map(|(name, _)| name), wrong.arguments, wrong.place);
    let why = blame(&ran, wrong)?;
    Some(format!("{}: {why}:\n{}{}", typed(), ran.stdout, ran.stderr))
}

fn blame(ran: &Ran, wrong: &Wrong) -> Option<String> {
    let said = &ran.stderr;
    let heads = said.lines().filter(|line| line.starts_with("stanch: ") || line.starts_with("error: ")).count();
    // What belongs to the machinery, not to whoever typed.
    let inner = ["panicked", "backtrace", "src/", "class=", "RUST_", "Error {", "Policy", "Some("];
    if ran.code != wrong.code {
        Some(format!("the code is {}, not {}", ran.code, wrong.code))
    } else if !ran.stdout.is_empty() {
        Some("the report's place holds something".to_owned())
    } else if heads != 1 {
        Some(format!("{heads} messages"))
    } else if !said.contains(wrong.place) {
        Some(format!("the place '{}' is not named", wrong.place))
    } else if !said.contains(wrong.remedy) {
        Some(format!("the remedy '{}' is not named", wrong.remedy))
    } else {
        inner.iter().find(|inner| said.contains(**inner)).map(|inner| format!("it says '{inner}'"))
    }
}
