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
        file("acme.yaml", "", CHECK, "acme.yaml:1:1: ", "begin with `provider: …`"),
        file("acme.yaml", "provider: [", CHECK, "acme.yaml:1:11: ", "close it by `]`"),
        file("acme.yaml", b"\xff\xfe", CHECK, "acme.yaml", "save the file as UTF-8"),
        acme(
            "title: Acme\n",
            "title: Acme\ntitle: Acme\n",
            "acme.yaml:3:1: `title` is there twice",
            "keep this one or the one in line 2",
        ),
        acme("severity: high", "severity: hihg", "acme.yaml:7:15: ", "did you mean `high`?"),
        acme("literals:", "literal:", "acme.yaml:10:7: ", "did you mean `literals`?"),
        acme("[acme_]", "[ac]", "acme.yaml:10:18: ", "name at least 3 bytes"),
        acme("[acme_]", "[bcme_]", "acme.yaml:11:16: ", "name a part that every match holds"),
        acme("{16}", "{16", "acme.yaml:11:16: ", "close it, or write"),
        acme("{16}", "+", "acme.yaml:11:16: ", "an upper bound"),
        acme("'q8xk2pzl0vr7tyw3'", "'short'", "acme.yaml:12:18: ", "mend the pattern or the example"),
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

/// An operator's file; without mistakes but for what is put in or changed.
#[cfg(feature = "rotate")]
fn operator(more: &str) -> String {
    format!(
        "stores:
  local: {{ driver: local, directory: secrets }}
credentials:
  shop:
    kind: stanch.demo-token
    provider: {{ driver: http, base: 'http://127.0.0.1:1', authority: {{ file: authority }} }}
    stores:
      - {{ store: local, path: a }}
{more}"
    )
}

#[cfg(feature = "rotate")]
fn wrong_operators() -> Vec<Wrong> {
    const DAEMON: &[&str] = &["daemon", "--config", "c.yaml"];
    const ROTATE: &[&str] = &["rotate", "--credential", "shop", "--config", "c.yaml"];
    const SHOWS: &str = "hint: nothing was begun; the README shows such a file";
    let adding = |more: &str, place, remedy| file("c.yaml", operator(more), DAEMON, place, remedy);
    let changed = |right: &str, wrong: &str, place, remedy| {
        let text = operator("");
        assert_eq!(text.matches(right).count(), 1, "{right}");
        file("c.yaml", text.replace(right, wrong), ROTATE, place, remedy)
    };
    vec![
        file("c.yaml", "stores: [", DAEMON, "c.yaml:1:9: ", SHOWS),
        file(
            "c.yaml",
            "storse: {}",
            DAEMON,
            "c.yaml:1:1: unknown field `storse`",
            "expected one of journal, checkpoints, rules",
        ),
        adding("sources: { a: { driver: path } }\n", "c.yaml:9:", "missing field `path`"),
        adding("sources: { a: { driver: svn, path: x } }\n", "c.yaml:9:17: unknown variant `svn`", "one of path, git"),
        adding("sources: { a: { driver: git, url: 'ftp:x' } }\n", "c.yaml:9:", "begin it with https://, ssh://"),
        adding("sources: { a: { driver: git, url: 'https://tok@h/x' } }\n", "c.yaml:9:", "use 'user' and 'token'"),
        adding("sources: { a: { driver: git, url: 'https://h/x', every: soon } }\n", "c.yaml:9:", "30s, 15m, 2h"),
        adding("sources: { a: { driver: git, url: 'https://h/x', token: x } }\n", "c.yaml:9:", "{ file: PATH }"),
        adding(
            "sources: { a: { driver: forge, forge: github, organisation: x, webhook: { file: x } } }\n",
            "c.yaml:9:",
            "write daemon: { listen: '127.0.0.1:8480' }",
        ),
        adding(
            "sources: { a: { driver: forge, forge: cvs, organisation: x } }\n",
            "unknown variant `cvs`",
            "expected one of github, gitlab, bitbucket, gitea",
        ),
        adding("alerts: { a: { to: { driver: pigeon } } }\n", "c.yaml:9:22: ", "expected one of webhook, slack, teams"),
        adding(
            "alerts: { a: { from: never, to: { driver: slack, url: { file: x } } } }\n",
            "c.yaml:9:22: ",
            "info, warning, error, critical",
        ),
        adding(
            "alerts: { a: { to: { driver: slack, url: { file: x } } } }\n",
            "that a needs from x",
            "hint: put it there",
        ),
        adding(
            "alerts: { a: { to: { driver: slack, url: { file: x, env: X } } } }\n",
            "c.yaml:9:",
            "write one of file, env",
        ),
        adding(
            "alerts: { a: { to: { driver: syslog, address: 'smoke://x' } } }\n",
            "a cannot be set up: 'smoke://x'",
            "write udp://host:port",
        ),
        adding("daemon: { listen: here }\n", "c.yaml:9:19: ", "write one such as 127.0.0.1:8480"),
        adding("daemon: { poll: soon }\n", "c.yaml:9:17: 'soon'", "30s, 15m, 2h"),
        adding(
            "daemon: { pool: 60s }\n",
            "c.yaml:9:11: unknown field `pool`",
            "listen, health, poll, drain, sweep, quarantine, link",
        ),
        changed("store: local", "store: lokal", "c.yaml:8:9: there is no store 'lokal'", "the file names: local"),
        changed("kind: stanch.demo-token", "kind: no.kind", "'no.kind'", "stanch rules list"),
        changed("kind: stanch.demo-token", "kind: token", "c.yaml:5:11: ", "stanch rules list"),
        changed(
            "driver: http",
            "driver: gopher",
            "c.yaml:6:17: unknown variant `gopher`",
            "http, aws-iam, postgres, vault-database, redis",
        ),
        changed("authority: { file: authority }", "authority: x", "c.yaml:6:", "write where it is"),
        changed("authority: { file: authority }", "values: x", "c.yaml:6:", "write a map"),
        changed("path: a", "path: a, value: x", "c.yaml:8:9: ", "does not hold '{{secret}}'"),
        changed("path: a", "pat: a", "c.yaml:8:", "store, path, value, export"),
        changed(
            "driver: http, base: 'http://127.0.0.1:1', authority",
            "driver: redis, host: 127.0.0.1, user: u, autority",
            "unknown field `autority`",
            "host, port, user, authority, end_sessions",
        ),
        file(
            "c.yaml",
            operator("    policy: { when: perhaps }\n"),
            ROTATE,
            "c.yaml:9:",
            "report, ask, ask-twice, automatic",
        ),
        file(
            "c.yaml",
            operator("    dependents: [{ name: a }]\n"),
            ROTATE,
            "c.yaml:9:18: ",
            "one of http, command and postgres",
        ),
        file("c.yaml", operator(""), ROTATE, "the secret that shop needs from authority", "hint: put it there"),
        file("c.yaml", operator(""), &["rotate", "--credential", "no", "--config", "c.yaml"], "'no'", "it names: shop"),
        file(
            "c.yaml",
            operator(""),
            &["rotate", "--config", "c.yaml"],
            "name what to rotate",
            "hint: write stanch rotate",
        ),
        file("c.yaml", operator(""), &["rotate", "x", "--config", "c.yaml"], "not a fingerprint", "write st1:"),
        file(
            "c.yaml",
            operator(""),
            &["case", "show", "C-9", "--config", "c.yaml"],
            "C-0009",
            "hint: stanch case list",
        ),
        file(
            "c.yaml",
            operator(""),
            &["case", "watch", "../x", "--config", "c.yaml"],
            "../x",
            "hint: stanch case list",
        ),
        file(
            "c.yaml",
            operator(""),
            &["notify", "test", "x", "--config", "c.yaml"],
            "'x' under 'alerts'",
            "it names: none",
        ),
        file("c.yaml", operator(""), &["health", "--config", "c.yaml"], "c.yaml does not say", "hint: write daemon: {"),
        Wrong {
            code: 4,
            ..file("c.yaml", operator(""), &["reload", "--config", "c.yaml"], "no daemon", "stanch daemon starts")
        },
    ]
}

#[cfg(feature = "rotate")]
fn wrong_uses() -> Vec<Wrong> {
    let typed = |arguments, place, remedy| flags(arguments, 2, place, remedy);
    let set =
        |environment, arguments, code, place, remedy| Wrong { environment, ..flags(arguments, code, place, remedy) };
    let acme = |right: &str, wrong: &str, place, remedy| file("acme.yaml", rules(right, wrong), CHECK, place, remedy);
    const CI: &[&str] = &["ci"];
    const HEALTH: &[&str] = &["health", "--address", "here"];
    vec![
        typed(CI, "STANCH_BASE is not set", "hint: for instance STANCH_BASE=origin/main"),
        typed(&["ci", "--format", "xml"], "'--format <FORMAT>'", "possible values: text"),
        set(&[("STANCH_BASE", "gone")], CI, 3, "'HEAD' is not in this clone", "hint: fetch it"),
        set(&[("GITHUB_ACTIONS", "true")], CI, 2, "GITHUB_EVENT_NAME", "hint: nothing was scanned"),
        set(&[("GITLAB_CI", "true")], CI, 2, "CI_PIPELINE_SOURCE", "set STANCH_BASE"),
        set(&[("TRAVIS", "true"), ("TRAVIS_COMMIT_RANGE", "x")], CI, 2, "TRAVIS_COMMIT_RANGE", "set STANCH_BASE"),
        typed(&["hook", "install", "--via", "make"], "'--via <FORM>'", "possible values: git, config, pre-commit"),
        typed(
            &["hook", "install", "--hook", "post-commit"],
            "'--hook <HOOK>'",
            "possible values: pre-commit, commit-msg",
        ),
        typed(&["hook", "install", "--global", "--server"], "'--global' cannot be used with '--server'", "Usage: "),
        typed(&["hook", "pre-push", "origin"], "nobody says what is pushed", "hint: standard input must be the one"),
        typed(&["hook", "update", "a", "b", "c"], "REFERENCE OLD NEW", "hint: both objects"),
        typed(&["hook", "pre-receive"], "standard input", "hint: git names them"),
        typed(&["import", "nowhere"], "cannot read nowhere", "hint: name the file"),
        file("r.json", "{}", &["import", "r.json"], "r.json: ", "hint: say whose it is with --from"),
        file("r.json", "{}", &["import", "--from", "gitleaks", "r.json"], "r.json: 1:", "hint: let the scanner write"),
        typed(&["import", "--from", "grep", "r.json"], "'--from <SCANNER>'", "gitleaks, trufflehog"),
        typed(&["rotate", "--report", "r.json"], "<FINGERPRINT>", "Usage: stanch rotate --report"),
        typed(&["rotate", "--credential", "x"], "there is no configuration", "hint: name the operator's file"),
        typed(&["daemon", "--config", "none.yaml"], "could not read none.yaml", "hint: name the operator's file"),
        typed(&["drain", "--config", "none.yaml"], "could not read none.yaml", "hint: name the operator's file"),
        typed(&["case", "provide", "C-1"], "--secret <->", "Usage: stanch case provide"),
        typed(&["case", "deny", "C-1"], "--reason <REASON>", "Usage: stanch case deny"),
        typed(&["notify", "test"], "<SINK>", "Usage: stanch notify test <SINK>"),
        typed(HEALTH, "'--address <ADDRESS:PORT>'", "for instance 127.0.0.1:8481"),
        flags(&["audit", "verify", "nowhere"], 4, "could not read nowhere", "hint: name a copy of the journal"),
        Wrong {
            code: 4,
            ..file("r.json", "{}", &["audit", "verify", "r.json"], "line 1 of r.json", "hint: name a copy")
        },
        acme(
            "    detect:",
            "    mint: { by_hand: { page: 'https://docs.acme.example/', steps: [] } }\n    detect:",
            "acme.yaml:9:",
            "step",
        ),
        acme(
            "    detect:",
            "    mint: { by_hand: { page: 'ftp://x', steps: [Press] } }\n    detect:",
            "acme.yaml:9:",
            "https://",
        ),
        acme(
            "    detect:",
            "    replace: { by_hand: { page: 'https://x', step: [Press] } }\n    detect:",
            "acme.yaml:9:",
            "did you mean `steps`?",
        ),
    ]
}

/// A token in every place where it does not belong: wherever it is refused, it is not repeated.
#[cfg(feature = "rotate")]
#[test]
fn a_token_in_the_wrong_place_is_not_repeated() {
    let token = crate::world::token(11);
    let token = token.as_str();
    let typed: [&[&str]; 22] = [
        &[token],
        &["scan", "--format", token],
        &["scan", "--gate", token],
        &["scan", token],
        &["scan", "--range", token],
        &["scan", "--max-size", token],
        &["ci", "--output", token],
        &["hook", token],
        &["hook", "pre-push", "origin", token],
        &["import", token],
        &["import", "--from", token, "x"],
        &["rules", "show", token],
        &["ignore", token, "--reason", "x", "--until", "2999-01-01"],
        &["ignore", "st1:abcd", "--reason", "x", "--until", token],
        &["rotate", token, "--config", "c.yaml"],
        &["rotate", "--credential", token, "--config", "c.yaml"],
        &["rotate", "--credential", "shop", "--secret", token],
        &["case", "show", token, "--config", "c.yaml"],
        &["case", "deny", "C-1", "--reason", token, "--config", "c.yaml"],
        &["case", "provide", "C-1", "--secret", token],
        &["notify", "test", token, "--config", "c.yaml"],
        &["health", "--address", token],
    ];
    for words in typed {
        let world = World::new();
        world.write("c.yaml", operator(""));
        let ran = world.stanch(words);
        assert!((1..=4).contains(&ran.code), "{}: {}", words[0], ran.code);
        ran.hides(token);
    }
    let world = World::new();
    world.write("c.yaml", operator(""));
    let fill = ["store", "fill", "shop", "--secret", "-", "--token", token, "--config", "c.yaml"];
    world.stanch(&fill).expect(2).says("not its handle").hides(token);
    // What no rule knows is not repeated either where only a secret can stand.
    for secret in ["hunter2 by heart", token] {
        let ran = World::new().stanch(&["case", "provide", "C-1", "--secret", secret]).expect(2);
        ran.says("--secret").says("standard input is the only place").hides(secret);
    }
    let files = [
        operator(&format!("sources: {{ a: {{ driver: git, url: 'https://x', token: {token} }} }}\n")),
        operator(&format!("sources: {{ a: {{ driver: {token} }} }}\n")),
        operator(&format!("sources: {{ {token}: {{ driver: path }} }}\n")),
        operator(&format!("sources: {{ a: {{ driver: git, url: 'https://x:{token}@h/x' }} }}\n")),
        operator(&format!("alerts: {{ a: {{ to: {{ driver: slack, url: 'https://x/{token}' }} }} }}\n")),
        operator(&format!("alerts: {{ a: {{ to: {{ driver: slack, url: {{ env: {token} }} }} }} }}\n")),
        operator(&format!("alerts: {{ a: {{ to: {{ driver: syslog, address: '{token}' }} }} }}\n")),
        operator(&format!("daemon: {{ listen: {token} }}\n")),
        operator(&format!("daemon: {{ poll: {token} }}\n")),
        operator(&format!("    policy: {{ when: {token} }}\n")),
        operator("").replace("store: local", &format!("store: {token}")),
        operator("").replace("stanch.demo-token", token),
        operator("").replace("driver: http", &format!("driver: {token}")),
        operator("").replace("{ file: authority }", token),
    ];
    for text in files {
        let world = World::new();
        world.write("c.yaml", &text);
        let ran = world.stanch(&["daemon", "--config", "c.yaml"]);
        assert_eq!(ran.code, 2, "{text}\n{}", ran.stderr);
        ran.hides(token);
    }
    // A reason is written down: without the token that somebody put into it.
    let world = World::new();
    let words = ["ignore", "st1:abcd", "--until", "2999-01-01", "--reason", &format!("it was {token}, a sample")];
    world.stanch(&words).expect(0).hides(token).says("a sample");
    crate::world::hides(&std::fs::read_to_string(world.top().join(".stanchignore")).unwrap(), token);
}

#[test]
fn every_wrong_input_is_answered_with_its_place_and_a_remedy() {
    #[cfg(feature = "rotate")]
    let more = wrong_operators().into_iter().chain(wrong_uses());
    #[cfg(not(feature = "rotate"))]
    let more = std::iter::empty();
    let all: Vec<Wrong> = wrong_flags().into_iter().chain(wrong_files()).chain(more).collect();
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
