//! Marked secrets go through every command, form and log level; afterwards every byte that was written is searched for
//! them, as they are and encoded.

#![allow(clippy::disallowed_methods, reason = "the tests look at what is secret, and keep their own time")]

use crate::world::Ran;
use crate::world::http::{Answer, Asked, Reply, Server};
use crate::world::shop::{Running, Shop, run, until};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A secret and every form in which it must not be met.
struct Canary {
    name: &'static str,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    fn new(name: &'static str, secret: &str) -> Self {
        let bytes = secret.as_bytes();
        let json = serde_json::to_string(secret).unwrap();
        let percent: String = bytes
            .iter()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect();
        let debug = format!("{secret:?}");
        let list: Vec<String> = bytes.iter().take(12).map(u8::to_string).collect();
        // In base 64 the secret may stand behind one or two other bytes; what they share is looked for.
        let shifted = |by: usize| {
            let text = BASE64_NOPAD.encode(&[&b"::"[..by], bytes].concat());
            text.as_bytes()[4..text.len() - 4].to_vec()
        };
        let forms = vec![
            ("as it is", bytes.to_vec()),
            ("its second half", bytes[bytes.len() / 2..].to_vec()),
            ("base 64", shifted(0)),
            ("base 64 behind a byte", shifted(1)),
            ("base 64 behind two bytes", shifted(2)),
            ("base 64 for URLs", BASE64URL_NOPAD.encode(bytes).into_bytes()),
            ("hexadecimal", HEXLOWER.encode(bytes).into_bytes()),
            ("hexadecimal in capitals", HEXUPPER.encode(bytes).into_bytes()),
            ("percent-encoded", percent.into_bytes()),
            ("in JSON", json.as_bytes()[1..json.len() - 1].to_vec()),
            ("in Debug", debug.as_bytes()[1..debug.len() - 1].to_vec()),
            ("as numbers", list.join(", ").into_bytes()),
        ];
        Self { name, forms }
    }

    #[track_caller]
    fn assert_absent(&self, place: &str, bytes: &[u8]) {
        for (form, pattern) in &self.forms {
            let found = memchr(bytes, pattern);
            assert!(!found, "{} ({form}) is in {place}", self.name);
        }
    }
}

fn memchr(bytes: &[u8], pattern: &[u8]) -> bool {
    let first = pattern[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(pattern) {
            return true;
        }
        from += at + 1;
    }
    false
}

#[test]
fn a_canary_is_found_in_each_of_its_forms() {
    let secret = "a\"canary/+\\of % many & signs é";
    let canary = Canary::new("it", secret);
    for (form, pattern) in &canary.forms {
        let text = [b"before ".as_slice(), pattern, b" after"].concat();
        let caught = std::panic::catch_unwind(|| canary.assert_absent("a text", &text));
        assert!(caught.is_err(), "{form}");
    }
    for wrapped in [format!("a:{secret}"), format!("a::{secret}"), secret.to_owned()] {
        let encoded = BASE64.encode(wrapped.as_bytes());
        assert!(std::panic::catch_unwind(|| canary.assert_absent("a text", encoded.as_bytes())).is_err());
    }
    canary.assert_absent("another text", b"nothing of it");
}

/// Every file below a directory, but for those that hold secrets by their office.
#[track_caller]
fn assert_clean_below(directory: &Path, canaries: &[Canary], but: &[&str]) -> usize {
    let mut searched = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if but.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() {
            searched += assert_clean_below(&path, canaries, but);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            canaries.iter().for_each(|canary| canary.assert_absent(&path.display().to_string(), &bytes));
            searched += 1;
        }
    }
    searched
}

#[track_caller]
fn assert_silent(ran: &Ran, what: &str, canaries: &[Canary]) {
    for canary in canaries {
        canary.assert_absent(&format!("the output of {what}"), ran.stdout.as_bytes());
        canary.assert_absent(&format!("the log of {what}"), ran.stderr.as_bytes());
    }
}

/// An issuer whose tokens and authority are full of signs that encodings treat in their own ways.
struct Wild {
    server: Server,
    secrets: Vec<String>,
}

const AUTHORITY: &str = "the \"authority\" of 100% \\ & more/+= signs";

fn wild() -> Wild {
    let secrets: Vec<String> = (1..4).map(|n| format!("wild {n} \"token\"\\ of /+=&? 100% signs <{n}>")).collect();
    let live: Arc<Mutex<BTreeMap<String, (String, String)>>> = Arc::default();
    live.lock().unwrap().insert("tok_1".to_owned(), (secrets[0].clone(), "first".to_owned()));
    let (all, next) = (secrets.clone(), Mutex::new(1));
    let server = Server::start(move |asked: Asked| {
        let mut live = live.lock().unwrap();
        let bearer = asked.bearer().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let reply = |status, body: Value| Answer::Reply(Reply::of(status, body.to_string()));
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/v1/token") => match live.iter().find(|(_, (secret, _))| Some(secret) == bearer.as_ref()) {
                Some((id, _)) => reply(200, json!({ "id": id })),
                None => reply(401, json!({ "error": "refused", "given": bearer })),
            },
            _ if bearer.as_deref() != Some(AUTHORITY) => reply(403, json!({ "error": "refused", "given": bearer })),
            ("GET", "/v1/tokens") => {
                let tokens: Vec<_> = live.iter().map(|(id, (_, name))| json!({ "id": id, "name": name })).collect();
                reply(200, json!({ "tokens": tokens }))
            }
            ("POST", "/v1/tokens") => {
                let mut next = next.lock().unwrap();
                let (id, secret) = (format!("tok_{}", *next + 1), all[*next].clone());
                *next += 1;
                let body: Value = serde_json::from_slice(&asked.body).unwrap();
                live.insert(id.clone(), (secret.clone(), body["name"].as_str().unwrap().to_owned()));
                // The first reply is one that nobody can use, though it holds the secret.
                if *next == 2 {
                    reply(500, json!({ "id": id, "secret": secret }))
                } else {
                    reply(201, json!({ "id": id, "secret": secret }))
                }
            }
            ("DELETE", path) => {
                live.remove(path.rsplit('/').next().unwrap());
                Answer::Reply(Reply::of(204, ""))
            }
            _ => Answer::Reply(Reply::of(404, "")),
        }
    });
    Wild { server, secrets }
}

fn canaries(shop: &Shop, wild: &Wild) -> Vec<Canary> {
    let mut all = vec![
        Canary::new("the leaked token", &shop.leaked),
        Canary::new("the shop's authority", &shop.authority),
        Canary::new("the wild authority", AUTHORITY),
    ];
    all.extend(wild.secrets.iter().map(|secret| Canary::new("a wild token", secret)));
    all
}

/// Files that hold secrets by their office: what is leaked, what is exported, what authorises, what was given.
const OFFICES: [&str; 8] =
    ["repository", "demonstration", "authority", "wild.authority", "shop.token", "wild.token", "given", "envelope.key"];

/// Every form of a report.
const FORMS: [&str; 10] = [
    "text",
    "lines",
    "json",
    "sarif",
    "gitlab",
    "junit",
    "github",
    "summary",
    "bitbucket-report",
    "bitbucket-annotations",
];

/// With everything in the log, as text or as JSON.
fn loud(mut command: Command, form: &str) -> Command {
    command.args(["-vvv", "--log-format", form]).env("STANCH_LOG", "trace");
    command
}

#[test]
fn no_scan_says_what_it_found() {
    let shop = Shop::open();
    let fingerprint = shop.leak();
    let top = shop.at("repository");
    // A name, a message and a line of text around it are no hiding places either.
    std::fs::write(top.join("more.py"), format!("a = '{0}' # {0}\nb = \"{0}\"\n", shop.leaked)).unwrap();
    let named = format!("{}.txt", shop.leaked);
    std::fs::write(top.join(&named), "text").unwrap();
    let git = |arguments: &[&str]| {
        let mut command = shop.command("git");
        command.current_dir(&top).args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"]).args(arguments);
        run(command).expect(0);
    };
    git(&["add", "-A"]);
    // Another scanner tells whole secrets, also where nobody looks for one.
    let told = json!([{
        "RuleID": shop.leaked, "Description": shop.leaked, "StartLine": 1, "EndLine": 1, "StartColumn": 6,
        "EndColumn": 60, "Match": shop.leaked, "Secret": shop.leaked, "File": named, "Commit": "", "Entropy": 4.0,
        "Author": shop.leaked, "Email": "", "Date": "", "Message": shop.leaked, "Tags": [shop.leaked],
        "Fingerprint": shop.leaked
    }]);
    // No rule of ours knows this one.
    let opaque = format!("opaque{}value{}", 4711, 0x00c0_ffee);
    std::fs::write(top.join("opaque.ini"), format!("word = {opaque}\n")).unwrap();
    let words = format!("a word {opaque} was found");
    let other = json!({
        "RuleID": words, "Description": words, "StartLine": 1, "EndLine": 1, "StartColumn": 8, "EndColumn": 30,
        "Match": opaque, "Secret": opaque, "File": "opaque.ini", "Commit": "", "Message": words, "Tags": [],
        "Fingerprint": words
    });
    let told = json!([told[0], other]);
    let canaries = [Canary::new("the leaked token", &shop.leaked), Canary::new("the other value", &opaque)];
    std::fs::write(top.join("report"), told.to_string()).unwrap();
    std::fs::write(top.join("message"), format!("a message\n\nwith {}\n", shop.leaked)).unwrap();
    let mut runs: Vec<Vec<String>> = Vec::new();
    let targets: [&[&str]; 5] = [&["."], &["--staged"], &["--history"], &["--range", "HEAD~1..HEAD"], &["-"]];
    for target in targets {
        for form in FORMS {
            let words = [&["scan"][..], target, &["--format", form, "--color", "always"]].concat();
            runs.push(words.into_iter().map(str::to_owned).collect());
        }
        let outputs =
            ["json=r.json", "sarif=r.sarif", "text=r.txt", "lines=r.lines"].map(|file| format!("--output={file}"));
        runs.push(
            [vec!["scan".to_owned()], target.iter().map(|word| (*word).to_owned()).collect(), outputs.to_vec()]
                .concat(),
        );
    }
    for form in FORMS {
        for words in [["ci", "--format", form].as_slice(), &["import", "report", "--format", form]] {
            runs.push(words.iter().map(|word| (*word).to_owned()).collect());
        }
    }
    let more: [&[&str]; 17] = [
        &["hook", "pre-commit"],
        &["hook", "commit-msg", "message"],
        &["hook", "pre-push", "origin", &shop.leaked],
        &["hook", "pre-receive"],
        &["hook", "update", &shop.leaked, "1", "2"],
        &["hook", "install"],
        &["hook", "status"],
        &["hook", "uninstall"],
        &["import", "-"],
        &["import", "--from", "sarif", "report"],
        &["ignore", &fingerprint, "--reason", &shop.leaked, "--until", "2099-01-01"],
        &["scan", "no/such/path"],
        &["ignore", &shop.leaked, "--reason", "pasted by mistake", "--until", "2099-01-01"],
        &["scan", "--range", "nothing..HEAD"],
        &["ignore", &fingerprint, "--reason", "a test", "--until", "2099-01-01"],
        &["scan", "."],
        &["config", "new"],
    ];
    runs.extend(more.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect()));
    for words in &runs {
        for form in ["text", "json"] {
            let mut command = shop.program(&words.iter().map(String::as_str).collect::<Vec<_>>());
            command.current_dir(&top).env("STANCH_BASE", if form == "json" { "HEAD~1" } else { &shop.leaked });
            std::fs::write(shop.at("given"), format!("x = '{}'\n", shop.leaked)).unwrap();
            command.stdin(Stdio::from(std::fs::File::open(shop.at("given")).unwrap()));
            let ran = run(loud(command, form));
            assert!((0..=10).contains(&ran.code), "{words:?}\n{}", ran.stderr);
            assert_silent(&ran, &words.join(" ").replace(&shop.leaked, "(the token)"), &canaries);
        }
    }
    for report in ["r.json", "r.sarif", "r.txt", "r.lines", ".stanchignore", "stanch.yaml"] {
        let bytes = std::fs::read(top.join(report)).unwrap();
        assert!(!bytes.is_empty());
        canaries[0].assert_absent(report, &bytes);
    }
    assert!(assert_clean_below(shop.at("state").as_path(), &canaries, &OFFICES) > 0);
}

#[test]
fn no_rotation_says_or_keeps_what_it_replaces() {
    let (shop, wild) = (Shop::open(), wild());
    let fingerprint = shop.leak();
    let canaries = canaries(&shop, &wild);
    shop.configure(|text| {
        let base = format!("http://{}", wild.server.address);
        let more = format!(
            "  wild:
    kind: stanch.demo-token
    token: tok_1
    provider: {{ driver: http, base: '{base}', authority: {{ file: wild.authority }} }}
    stores: [{{ store: local, path: wild, export: wild.token, value: '{{\"id\":\"{{{{token}}}}\",\"key\":\"{{{{secret}}}}\"}}' }}]
    policy: {{ when: ask, accept_unproved: true, pause: 20ms, proofs: 1, soak: 400ms, confirms: 1, confirm_pause: 20ms, watch: 20ms }}
"
        );
        text + &more
    });
    std::fs::write(shop.at("wild.authority"), AUTHORITY).unwrap();
    shop.put("wild", &serde_json::to_string(&json!({ "id": "tok_1", "key": wild.secrets[0] })).unwrap());

    let say = |words: &[&str], code: i32| {
        for form in ["text", "json"] {
            let ran = run(loud(shop.program(words), form));
            assert_eq!(ran.code, code, "{words:?}\n{}{}", ran.stdout, ran.stderr);
            assert_silent(&ran, &words.join(" "), &canaries);
        }
    };
    for name in ["shop-api", "wild"] {
        say(&["rotate", "--credential", name, "--plan"], 0);
        say(&["rotate", "--credential", name, "--rehearse"], 0);
    }
    say(&["rotate", &fingerprint, "--repo", "repository", "--plan"], 0);

    // The wild one first: its first mint fails with the secret in the reply, so that one is found, ended, and made anew.
    for (name, id) in [("wild", "C-0001"), ("shop-api", "C-0002")] {
        let words = ["rotate", "--credential", name, "--yes"];
        let mut running = Running::start(loud(shop.program(&words), "json"));
        running.reads("Minted");
        let (seen, journal) = (shop.at("journal.db"), shop.at("journal.db-wal"));
        for own in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{}/{own}", running.child.id())).unwrap();
            assert!(memchr(&bytes, if own == "cmdline" { b"rotate" } else { b"STANCH_LOG" }));
            canaries.iter().for_each(|canary| canary.assert_absent(own, &bytes));
        }
        for file in [seen, journal] {
            let bytes = std::fs::read(&file).unwrap();
            canaries.iter().for_each(|canary| canary.assert_absent(&file.display().to_string(), &bytes));
        }
        let ran = running.end();
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert_silent(&ran, name, &canaries);
        assert!(ran.stderr.matches("verified a token").count() > 5, "there is a log to search: {}", ran.stderr);
        say(&["case", "show", id], 0);
        say(&["case", "show", id, "--json"], 0);
    }
    assert!(shop.exported("wild.token").contains("wild 3"), "the third token is in use");
    say(&["case", "list"], 0);
    say(&["case", "list", "--json"], 0);
    say(&["audit", "verify", "journal.db"], 0);
    say(&["audit", "export"], 0);
    say(&["case", "approve", "C-0001"], 2);
    say(&["rotate", "--credential", "no-such"], 2);
    say(&["rotate", &shop.leaked], 2);
    assert!(run(shop.program(&["audit", "export", "--output", "export.jsonl"])).code == 0);
    std::fs::write(shop.at("given"), &wild.secrets[0]).unwrap();
    let mut given = shop.program(&["rotate", "--credential", "wild", "--secret", "-", "--yes"]);
    given.stdin(Stdio::from(std::fs::File::open(shop.at("given")).unwrap()));
    assert_silent(&run(loud(given, "text")).expect(0), "rotate --secret -", &canaries);

    // A value whose shape is another, a key that is not the right one, a base that is no address: words without values.
    shop.put("wild", &wild.secrets[2]);
    say(&["rotate", "--credential", "wild", "--yes"], 2);
    shop.configure(|text| text.replace("base: 'http", "base: 'nothing-like-http"));
    say(&["rotate", "--credential", "wild", "--yes"], 2);
    std::fs::write(shop.at("envelope.key"), [7_u8; 32]).unwrap();
    let ran = run(loud(shop.program(&["rotate", "--credential", "shop-api", "--yes"]), "text"));
    assert_ne!(ran.code, 0);
    assert_silent(&ran, "rotate with another key", &canaries);

    let searched = assert_clean_below(shop.at(".").as_path(), &canaries, &OFFICES);
    assert!(searched >= 6, "the journal, its reserve, the stores, the export: {searched}");
}

#[test]
fn the_demonstration_keeps_its_secrets() {
    let shop = Shop::open();
    let directory = shop.at("demonstration");
    let ran = run(loud(shop.program(&["demo", "--directory", "demonstration"]), "text")).expect(0);
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let mut leak = shop.command("git");
    leak.current_dir(directory.join("repository")).args(["log", "-p", "--all"]);
    let log = run(leak).expect(0).stdout;
    let leaked = log.split('"').find(|part| part.starts_with("stanch_demo_")).unwrap().to_owned();
    let canaries = [
        Canary::new("the leaked token", &leaked),
        Canary::new("the new token", read("shop.token").trim()),
        Canary::new("the authority", read("authority").trim()),
    ];
    assert_silent(&ran, "demo", &canaries);
    let offices = ["repository", "authority", "shop.token", "envelope.key"];
    assert!(assert_clean_below(&directory, &canaries, &offices) >= 3);
}

#[test]
fn the_daemon_tells_everybody_everything_but_the_token() {
    let shop = Shop::open();
    let told: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let heard = Arc::clone(&told);
    let desk = Server::start(move |asked| {
        heard.lock().unwrap().push(asked);
        Answer::Reply(Reply::of(204, ""))
    });
    let key = "the \"key\" of 100% \\ webhooks/+=";
    std::fs::write(shop.at("alert-url"), format!("http://{}/desk", desk.address)).unwrap();
    std::fs::write(shop.at("alert-secret"), key).unwrap();
    let health = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    shop.configure(|text| {
        let more = format!(
            "sources:
  shop: {{ driver: path, path: repository }}
alerts:
  desk: {{ to: {{ driver: webhook, url: {{ file: alert-url }}, secret: {{ file: alert-secret }} }} }}
daemon: {{ poll: 300ms, health: '{health}' }}
"
        );
        text.replace("when: ask", "when: automatic") + &more
    });
    shop.leak();
    let daemon = Running::start(loud(shop.program(&["daemon"]), "json"));
    until("the case is closed", || shop.stanch(&["case", "list", "--json"]).stdout.contains("\"stage\":\"Closed\""));
    let heard = |text: &str| {
        let told = told.lock().unwrap();
        told.iter().any(|asked| String::from_utf8_lossy(&asked.body).contains(text))
    };
    until("the end is told", || heard("\"moment\":\"done\""));
    shop.assert_rotated();
    let fresh = String::from_utf8(shop.stored()).unwrap();
    let canaries = [
        Canary::new("the leaked token", &shop.leaked),
        Canary::new("the new token", &fresh),
        Canary::new("the shop's authority", &shop.authority),
        Canary::new("the key of the webhook", key),
    ];
    let absent = |place: &str, bytes: &[u8]| canaries.iter().for_each(|canary| canary.assert_absent(place, bytes));

    for path in ["/metrics", "/readyz", "/livez", &format!("/{}", shop.leaked)] {
        let reply = Asked::new("GET", path, b"").send(health).unwrap();
        assert!(reply.status == 404 || !reply.body.is_empty(), "{path}");
        absent("an answer of the health listener", &reply.body);
        reply.headers.iter().for_each(|(_, value)| absent("its headers", value.as_bytes()));
    }
    for own in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{}/{own}", daemon.child.id())).unwrap();
        assert!(memchr(&bytes, if own == "cmdline" { b"daemon" } else { b"STANCH_LOG" }));
        absent(own, &bytes);
    }
    for asked in told.lock().unwrap().iter() {
        absent("the body of a message", &asked.body);
        asked.headers.iter().for_each(|(_, value)| absent("the headers of a message", value));
        assert!(asked.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("stanch-signature")));
    }
    for words in [&["case", "show", "C-0001", "--json"][..], &["case", "show", "C-0001"], &["audit", "export"]] {
        assert_silent(&run(loud(shop.program(words), "json")).expect(0), &words.join(" "), &canaries);
    }
    // Words of people are kept: one that holds a token is not kept as it was typed.
    shop.overwrite(&fresh);
    let mut paused = shop.program(&["case", "abandon", "C-0001", "--reason"]);
    paused.arg(&shop.leaked);
    assert_silent(&run(loud(paused, "json")), "a reason", &canaries);
    let files = ["journal.db", "journal.db-wal"].map(|name| std::fs::read(shop.at(name)).unwrap());
    assert!(memchr(&files.concat(), b"stanch.demo-token"), "there is something to search");
    files.iter().for_each(|bytes| absent("the journal", bytes));
    shop.stanch(&["drain"]).expect(0);
    let ran = daemon.end().expect(0);
    assert!(ran.stderr.contains("Minted"), "there is a log to search: {}", ran.stderr);
    assert_silent(&ran, "the daemon", &canaries);
    let offices = [&OFFICES[..], &["alert-secret"]].concat();
    assert!(assert_clean_below(shop.at(".").as_path(), &canaries, &offices) >= 3);
}
