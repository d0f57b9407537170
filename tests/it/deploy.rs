//! What `deploy/` ships: the unit is as closed as it says, the image is as small as it can be, and the rules name metrics
//! that there are.

#[cfg(feature = "rotate")]
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The exposure that the unit may have, in tenths.
const MOST_EXPOSED: u32 = 15;

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs `systemd-analyze`, which must be there.
fn analyze(arguments: &[&str]) -> (bool, String) {
    let ran = Command::new("systemd-analyze").args(arguments).output();
    let ran = ran.unwrap_or_else(|error| panic!("systemd-analyze is needed (package systemd): {error}"));
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8(said).unwrap())
}

/// The unit with its program replaced by one that is there, and what is around it made to fit.
fn unit(directory: &Path, change: impl Fn(String) -> String) -> PathBuf {
    let path = directory.join("stanch.service");
    fs::write(&path, change(read("deploy/systemd/stanch.service"))).unwrap();
    path
}

#[test]
fn the_unit_is_closed() {
    let scratch = tempfile::tempdir().unwrap();
    let threshold = format!("--threshold={MOST_EXPOSED}");
    let closed =
        |path: &Path| analyze(&["security", "--offline=true", "--no-pager", &threshold, path.to_str().unwrap()]);
    let (good, said) = closed(&unit(scratch.path(), |text| text));
    assert!(good, "{said}");
    // The check can fail.
    let (good, said) =
        closed(&unit(scratch.path(), |text| text.replace("PrivateUsers=yes", "").replace("SystemCallFilter", "#")));
    assert!(!good, "{said}");
}

#[test]
fn the_unit_is_one() {
    let scratch = tempfile::tempdir().unwrap();
    let own = env!("CARGO_BIN_EXE_stanch");
    let verify = |path: &Path| analyze(&["verify", "--man=no", path.to_str().unwrap()]);
    let (good, said) = verify(&unit(scratch.path(), |text| text.replace("/usr/bin/stanch", own)));
    assert!(good && said.trim().is_empty(), "{said}");
    let (_, said) = verify(&unit(scratch.path(), |text| {
        text.replace("/usr/bin/stanch", own) + "ProtectSystm=strict\n[Service]\nProtectHme=1\n"
    }));
    assert!(said.contains("ProtectHme"), "{said}");
    let unit = read("deploy/systemd/stanch.service");
    for line in [
        "Type=notify",
        "WatchdogSec=30",
        "DynamicUser=yes",
        "StateDirectoryMode=0700",
        "ExecReload=/bin/kill -HUP $MAINPID",
    ] {
        assert!(unit.lines().any(|have| have == line), "{line}");
    }
}

/// Every call that the program makes in a whole rotation is one that the unit lets through, and none asks for memory that
/// is written and run. Needs strace.
#[cfg(feature = "rotate")]
#[test]
#[ignore = "needs strace, which tests/run sees to"]
fn the_unit_lets_the_program_work() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("calls");
    let ran = Command::new("strace")
        .args(["-f", "-qq", "-y", "-o"])
        .arg(&log)
        .arg(env!("CARGO_BIN_EXE_stanch"))
        .args(["demo", "--directory"])
        .arg(scratch.path().join("demo"))
        .env("HOME", scratch.path())
        .output()
        .unwrap_or_else(|error| panic!("strace is needed: {error}"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let allowed = |sets: &[&str]| -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut waiting: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        while let Some(set) = waiting.pop() {
            let (_, said) = analyze(&["syscall-filter", "--no-pager", &set]);
            for line in said.lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.is_empty()) {
                match line.strip_prefix('@') {
                    Some(_) if line == set => {}
                    Some(_) => waiting.push(line.to_owned()),
                    None => drop(names.insert(line.to_owned())),
                }
            }
        }
        names
    };
    let denied = allowed(&["@privileged", "@resources"]);
    let open: BTreeSet<String> = &allowed(&["@system-service"]) - &denied;
    assert!(open.len() > 200 && denied.contains("setrlimit"), "{open:?}");
    let (mut seen, mut shut) = (BTreeSet::new(), BTreeSet::new());
    for line in fs::read_to_string(&log).unwrap().lines() {
        let call = line.split_whitespace().nth(1).unwrap_or_default().split('(').next().unwrap_or_default();
        if call.is_empty() || !call.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            continue;
        }
        seen.insert(call.to_owned());
        if !open.contains(call) {
            shut.insert(call.to_owned());
        }
        assert!(!(line.contains("PROT_WRITE") && line.contains("PROT_EXEC")), "{line}");
    }
    assert!(seen.len() > 40 && seen.contains("openat"), "{seen:?}");
    // SQLite gives its files to the owner of the database where it runs as root, which the unit does not.
    shut.retain(|call| call != "fchown");
    assert!(shut.is_empty(), "{shut:?}");
}

/// The instructions of a Containerfile, joined over their continued lines.
fn instructions(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    joined
        .lines()
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .map(|(word, rest)| (word.to_ascii_uppercase(), rest.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

/// What is wrong with an image.
fn faults(text: &str) -> Vec<String> {
    let all = instructions(text);
    let mut found = Vec::new();
    let last = all.iter().rposition(|(word, _)| word == "FROM").unwrap_or(0);
    let end = &all[last..];
    let value = |name: &str| {
        all.iter().find_map(|(word, rest)| (word == "ARG").then(|| rest.strip_prefix(&format!("{name}=")))?)
    };
    for (_, from) in all.iter().filter(|(word, _)| word == "FROM") {
        let image = from.split(' ').next().unwrap_or_default();
        let image = match image.strip_prefix("${").and_then(|name| name.strip_suffix('}')) {
            Some(name) => value(name).unwrap_or(""),
            None => image,
        };
        let tag = image.rsplit('/').next().unwrap_or_default().split_once(':').map(|(_, tag)| tag);
        if image != "scratch" && (tag.is_none_or(|tag| tag == "latest") || !image.contains('.')) {
            found.push(format!("'{image}' names no registry and version"));
        }
    }
    let says =
        |word: &str| end.iter().filter(|(have, _)| have == word).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>();
    if !says("RUN").is_empty() {
        found.push("there is a RUN in the last stage, which needs a shell".to_owned());
    }
    match says("USER").last() {
        Some(user) if user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)) => {}
        _ => found.push("it does not run as a number that is not root".to_owned()),
    }
    if says("HEALTHCHECK").iter().all(|check| !check.ends_with(r#"CMD ["/usr/bin/stanch", "health"]"#)) {
        found.push("it does not ask the program for its health".to_owned());
    }
    for word in ["ENTRYPOINT", "CMD"] {
        if says(word).iter().any(|line| !line.starts_with('[')) {
            found.push(format!("{word} needs a shell"));
        }
    }
    if says("ENTRYPOINT").is_empty() || says("LABEL").is_empty() {
        found.push("it has no entry or no labels".to_owned());
    }
    let secret =
        |text: &str| ["TOKEN=", "PASSWORD=", "SECRET=", "KEY="].iter().any(|name| text.to_uppercase().contains(name));
    if all.iter().any(|(word, rest)| matches!(word.as_str(), "ENV" | "ARG") && secret(rest)) {
        found.push("it holds a secret".to_owned());
    }
    found
}

#[test]
fn the_image_has_no_shell_no_root_and_no_secret() {
    let text = read("deploy/container/Containerfile");
    assert_eq!(faults(&text), Vec::<String>::new());
    // The reader can find each fault.
    for (from, to) in [
        ("USER 65532:65532", "USER root"),
        ("USER 65532:65532", "RUN true"),
        (":1.95.0-bookworm", ""),
        ("HEALTHCHECK", "# HEALTHCHECK"),
        (r#"CMD ["daemon", "--log-format", "json"]"#, "CMD stanch daemon"),
        ("ARG VERSION=unreleased", "ARG API_TOKEN=x"),
    ] {
        assert!(!faults(&text.replace(from, to)).is_empty(), "{from} -> {to}");
    }
    let ignored = read("deploy/container/Containerfile.dockerignore");
    assert!(ignored.starts_with("*\n"), "only what is named goes into the build");
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs", "rules", "src", "benches"] {
        assert!(ignored.contains(&format!("!{needed}\n")) && top().join(needed).exists(), "{needed}");
    }
    let compose = read("deploy/container/compose.yaml");
    for hardened in ["read_only: true", "cap_drop: [ALL]", "no-new-privileges:true"] {
        assert_eq!(compose.matches(hardened).count(), 2, "{hardened}");
    }
}

/// A case that was just opened.
#[cfg(feature = "rotate")]
fn case() -> (stanch::rotation::Event, stanch::rotation::State) {
    use stanch::model::{Abilities, KindId, RotationId, Timestamp};
    use stanch::rotation::{Event, Fact, Plan, Policy, Staging, StorePlan, open};
    let plan = Plan {
        rotation: RotationId::new("C-0001"),
        credential: "shop".to_owned(),
        kind: KindId::new("stanch.demo-token"),
        abilities: Abilities::EVERYTHING,
        stores: vec![StorePlan { name: "local".to_owned(), staging: Staging::None }],
        dependents: Vec::new(),
        policy: Policy::default(),
        leaked: Timestamp(0),
        emergency: false,
        sealed: None,
        consent: stanch::rotation::Consent::default(),
        purpose: stanch::rotation::Purpose::Leak,
    };
    let event = Event { at: Timestamp(0), fact: Fact::Opened(Box::new(plan)) };
    let state = open(&event).unwrap();
    (event, state)
}

#[cfg(feature = "rotate")]
#[test]
fn every_alert_names_metrics_that_there_are_and_a_page_that_there_is() {
    use stanch::daemon::metrics::{Delivered, Metrics};
    use stanch::model::{Severity, Timestamp};
    let metrics = Metrics::new(Timestamp(0));
    // A family without a member says nothing but its name.
    metrics.found(Severity::High, None);
    metrics.notified("pager", Delivered::Taken);
    metrics.notifications("pager", 0, std::time::Duration::ZERO);
    metrics.webhook("github", "taken");
    metrics.scanned(std::time::Duration::ZERO, 0, &std::collections::BTreeMap::from([("unreadable", 1)]), Timestamp(0));
    let (opened, open) = case();
    let mut closed = open.clone();
    closed.stage = stanch::rotation::Stage::Closed(stanch::rotation::Outcome::AlreadyDead);
    metrics.cases([&open], Timestamp(0));
    metrics.told("http", Some(&open), &opened, &closed);
    let text = metrics.text();
    let mut known = BTreeSet::new();
    for line in text.lines() {
        let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) else { continue };
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    let rules = read("deploy/prometheus/alerts.yaml");
    let words = |text: &str| -> Vec<String> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        text.split(|c| !word(c)).filter(|word| word.starts_with("stanch_")).map(str::to_owned).collect()
    };
    let named: BTreeSet<String> = words(&rules).into_iter().collect();
    assert!(named.len() >= 10, "{named:?}");
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not among {known:#?}");
    let alerts = rules.matches("- alert: ").count();
    let pages: BTreeSet<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    assert_eq!((alerts, pages.len()), (9, 9));
    for (page, alert) in pages.iter().map(|page| (page, read(page))) {
        let name = alert.lines().next().unwrap().trim_start_matches("# ").to_owned();
        assert!(rules.contains(&format!("- alert: {name}\n")), "{page} is about {name}");
        assert!(alert.contains("**What it means.**") && alert.contains("**Do**"), "{page}");
    }
    let written = fs::read_dir(top().join("docs/runbooks")).unwrap().count();
    assert_eq!(written, pages.len());
}
