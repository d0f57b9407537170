//! What a person on call does: looks before leaping, approves, asks the journal; and what one is told when something is
//! not right.

#![allow(clippy::disallowed_methods, reason = "the tests look at what was written, and keep their own time")]

use crate::world::Ran;
use crate::world::door::Act;
use crate::world::shop::{Settings, Shop, run};
use stanch::model::{Digest, Person, RotationId, Timestamp};
use stanch::rotation::{Fact, Stage};
use stanch::runner::{self, RunError};
use stanch::wiring::mending::Mending;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;

/// One line that says what is wrong, then only what to do about it; never a stack, never a second error.
#[track_caller]
fn told(ran: &Ran, code: i32, words: &str) {
    let lines: Vec<_> = ran.stderr.lines().collect();
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, code, "{all}");
    assert!(
        lines.first().is_some_and(|line| line.starts_with("stanch: ") && line.contains(words)),
        "'{words}':\n{all}"
    );
    assert!(lines.iter().skip(1).all(|line| line.starts_with("  hint: ")), "{all}");
    assert!(!all.contains("panicked"), "{all}");
}

/// The files of the shop and their content, the journal's own aside.
fn content(shop: &Shop) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for name in ["secrets", "."] {
        for entry in std::fs::read_dir(shop.at(name)).unwrap() {
            let path = entry.unwrap().path();
            let is_journal = path.file_name().unwrap().to_string_lossy().starts_with("journal.db");
            if path.is_file() && !is_journal {
                found.push((path.display().to_string(), std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_token_that_two_credentials_hold_is_not_revoked_under_one_of_them() {
    let shop = Shop::open();
    shop.put("shop/copy", &shop.leaked);
    let file = shop.at("stanch.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (_, credential) = text.split_once("  shop-api:").unwrap();
    let copy = credential.replace("shop/api-token, export: shop.token", "shop/copy");
    std::fs::write(&file, format!("{text}  shop-copy:{copy}")).unwrap();
    told(&shop.rotate(&["--yes"]), 2, "'shop-api' and 'shop-copy' hold the same token");
    shop.stanch(&["case", "list"]).expect(0).says("no case yet");
    shop.put("shop/copy", "another value");
    shop.rotate(&["--yes"]).expect(0);
}

#[test]
fn a_plan_is_shown_and_nobody_is_asked() {
    let shop = Shop::open();
    let shown = shop.rotate(&["--plan"]).expect(0).says("nothing was done");
    let order = ["MINT", "STAGE", "PROMOTE", "reload and probe shop", "REVOKE", "refused 2 times in a row"];
    let places: Vec<_> = order.iter().map(|word| shown.stdout.find(word).unwrap_or_else(|| panic!("{word}"))).collect();
    assert!(places.is_sorted(), "{}", shown.stdout);
    let emergency = shop.rotate(&["--plan", "--emergency"]).expect(0).stdout;
    assert!(emergency.find("REVOKE") < emergency.find("MINT"), "{emergency}");
    assert_eq!(shop.door.requests(), 0);
    shop.stanch(&["case", "list"]).expect(0).says("no case yet");
}

#[test]
fn a_rehearsal_touches_nothing_outside() {
    let shop = Shop::open();
    let before = content(&shop);
    shop.rotate(&["--rehearse"]).expect(0).says("this was a rehearsal").says("Revoke sent");
    assert_eq!(shop.door.requests(), 0);
    assert_eq!(content(&shop), before);
    shop.stanch(&["case", "list"]).expect(0).says("no case yet");
    shop.assert_as_before_unwritten();
}

#[test]
fn nothing_changes_before_the_plan_is_approved_by_its_digest() {
    let shop = Shop::open();
    shop.rotate(&[]).expect(20).says("nothing has been changed yet");
    assert_eq!((shop.door.count(Act::Mint), shop.live().len()), (0, 1));
    let shown = shop.case("show").expect(0).stdout;
    let digest = shown.split("approval of plan ").nth(1).and_then(|rest| rest.get(..9)).unwrap().to_owned();
    for wrong in ["dead-beef", &digest[..4], ""] {
        let refused = shop.stanch(&["case", "approve", "C-0001", "--plan", wrong]);
        told(&refused, 2, "waits for approval of plan");
    }
    assert_eq!(shop.door.count(Act::Mint), 0);
    shop.stanch(&["case", "approve", "1", "--plan", &digest]).expect(0);
    shop.assert_rotated();
    told(&shop.case("approve"), 2, "does not wait for an approval");
}

#[test]
fn an_approval_that_has_expired_is_refused() {
    let shop = Shop::open();
    shop.rotate(&[]).expect(20);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mending = Mending::open(Some(&shop.at("stanch.yaml"))).await.unwrap();
        let rotation = RotationId::new("C-0001");
        let state = runner::replay(&mending.journal, &rotation).await.unwrap();
        let Stage::AwaitingApproval(digest) = state.stage else { panic!("{:?}", state.stage) };
        let managed = mending.managed("shop-api").await.unwrap();
        let (told, stopping) = (|_: &_, _: &_| {}, AtomicBool::new(false));
        let now = stanch::clock::Clock::now(&mending.clock);
        for (digest, expires) in [(digest, now), (Digest::new("another"), Timestamp(u64::MAX))] {
            let late = Fact::Approved { who: Person::new("dana"), digest, expires };
            let refused = mending.runner(&managed, &told, None, &stopping).run(&rotation, Some(late.into())).await;
            assert!(matches!(refused, Err(RunError::Refused { .. })), "{refused:?}");
        }
    });
    assert_eq!(shop.door.count(Act::Mint), 0);
    shop.case("approve").expect(0);
    shop.assert_rotated();
}

#[test]
fn a_leak_is_rotated_by_its_fingerprint() {
    let shop = Shop::open();
    let fingerprint = shop.leak();
    told(&shop.stanch(&["rotate", &fingerprint, "--repo", "nowhere"]), 2, "nowhere");
    std::fs::create_dir(shop.at("empty")).unwrap();
    told(&shop.stanch(&["rotate", &fingerprint, "--repo", "empty"]), 2, "no token with that fingerprint in empty");
    told(
        &shop.stanch(&["rotate", "st1:aaaaaaaaaaaaaaaa", "--repo", "repository"]),
        2,
        "no token with that fingerprint",
    );
    shop.stanch(&["rotate", &fingerprint, "--repo", "repository", "--yes"]).expect(0);
    shop.assert_rotated();
    told(&shop.stanch(&["rotate", &fingerprint, "--repo", "repository"]), 2, "no managed credential holds the token");
}

#[test]
fn a_leaked_value_is_taken_from_standard_input() {
    let shop = Shop::open();
    let given = |text: &[u8]| {
        std::fs::write(shop.at("given"), text).unwrap();
        let mut command = shop.program(&["rotate", "--credential", "shop-api", "--secret", "-", "--yes"]);
        command.stdin(Stdio::from(std::fs::File::open(shop.at("given")).unwrap()));
        run(command)
    };
    told(&given(b"\n"), 2, "standard input holds no secret");
    let dead = given(b"stanch_demo_of_yesterday\n").expect(0);
    assert!(dead.stdout.contains("was dead already"), "{}", dead.stdout);
    given(format!("{}\n", shop.leaked).as_bytes()).expect(0);
    shop.assert_rotated();
}

#[test]
fn cases_are_listed_and_shown_to_people_and_programs() {
    let shop = Shop::open();
    shop.stanch(&["case", "list"]).expect(0).says("no case yet");
    shop.rotate(&["--yes"]).expect(0);
    shop.rotate(&[]).expect(20);
    let listed = shop.stanch(&["case", "list"]).expect(0).stdout;
    assert!(
        listed.lines().count() == 2 && listed.contains("C-0001") && listed.contains("Awaiting approval"),
        "{listed}"
    );
    let listed: serde_json::Value =
        serde_json::from_str(&shop.stanch(&["case", "list", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(
        (&listed["schema"], &listed["cases"][1]["stage"]),
        (&"stanch.cases/1".into(), &"Awaiting approval".into())
    );
    assert_eq!((&listed["cases"][0]["open"], &listed["cases"][1]["open"]), (&false.into(), &true.into()));
    for spelling in ["C-0001", "c-1", "1"] {
        shop.stanch(&["case", "show", spelling]).expect(0).says("Closed").says("live now: NEW");
    }
    let records = shop.stanch(&["case", "show", "C-0001", "--json"]).expect(0).stdout;
    let records: Vec<serde_json::Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.iter().zip(1..).all(|(record, seq)| record["seq"] == seq && record["rotation"] == "C-0001"));
    for verb in ["show", "approve", "resume", "abort", "revoke-now"] {
        told(&shop.stanch(&["case", verb, "C-0042"]), 2, "there is no case C-0042");
    }
}

/// Replaces a text by one of the same length, once.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
    let mut changed = bytes.to_vec();
    changed[at..at + to.len()].copy_from_slice(to.as_bytes());
    changed
}

#[test]
fn a_copy_of_the_journal_is_verified_and_a_forged_one_is_found_with_its_place() {
    let shop = Shop::open();
    shop.rotate(&["--yes"]).expect(0);
    let away = tempfile::tempdir().unwrap();
    let verify =
        |path: &Path, more: &[&str]| shop.stanch(&[&["audit", "verify", path.to_str().unwrap()], more].concat());
    let copy = away.path().join("copy.db");
    std::fs::copy(shop.at("journal.db"), &copy).unwrap();
    verify(&copy, &[]).expect(0).says("are unchanged and in order");
    let folder = away.path().join("evidence");
    let checkpoint = folder.to_str().unwrap();
    let signed = shop.stanch(&["audit", "checkpoint", "--to", checkpoint]).expect(0).stdout;
    let key = shop.stanch(&["key", "list"]).expect(0).stdout.trim().rsplit(' ').next().unwrap().to_owned();
    let alone = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let alone = alone.into_iter().find(|path| path.to_str().unwrap().contains("checkpoint-")).unwrap();
    assert_eq!(std::fs::read_to_string(&alone).unwrap(), signed);
    verify(&copy, &["--checkpoint", checkpoint, "--key", &key]).expect(0).says("signed it");
    verify(&copy, &["--checkpoint", checkpoint]).expect(0).says("was not verified: give --key");
    let stranger = key.replacen("journal/", "journal/x", 1);
    told(&verify(&copy, &["--checkpoint", checkpoint, "--key", &stranger]), 2, "no verifier key");

    let bytes = std::fs::read(&copy).unwrap();
    std::fs::write(&copy, replaced(&bytes, "\"token\":\"tok_0002\"", "\"token\":\"tok_0003\"")).unwrap();
    told(&verify(&copy, &[]), 4, "tampered with");
    assert!(verify(&copy, &[]).stderr.contains("C-0001"), "the place is named");

    let export = away.path().join("export.jsonl");
    let to = export.to_str().unwrap();
    shop.stanch(&["audit", "export", "--output", to]).expect(0);
    verify(&export, &["--checkpoint", checkpoint]).expect(0);
    told(&shop.stanch(&["audit", "export", "--output", to]), 4, "could not write");
    let lines = shop.stanch(&["audit", "export", "--case", "1"]).expect(0).stdout;
    assert_eq!(std::fs::read_to_string(&export).unwrap(), lines, "the only case is everything");
    told(&shop.stanch(&["audit", "export", "--case", "C-0042"]), 2, "there is no case C-0042");

    std::fs::write(&export, replaced(lines.as_bytes(), "\"token\":\"tok_0002\"", "\"token\":\"tok_0003\"")).unwrap();
    told(&verify(&export, &[]), 4, "C-0001");
    let cut: Vec<_> = lines.lines().take(10).collect();
    std::fs::write(&export, cut.join("\n") + "\n").unwrap();
    verify(&export, &[]).expect(0);
    told(
        &verify(&export, &["--checkpoint", checkpoint]),
        4,
        "record 11 of C-0001, at entry 11 of the whole journal, is missing",
    );
    std::fs::copy(&alone, away.path().join("note")).unwrap();
    told(&verify(&export, &["--checkpoint", away.path().join("note").to_str().unwrap()]), 4, "entry 11");
    told(&verify(&export, &["--checkpoint", "/nowhere/at/all"]), 4, "could not read /nowhere/at/all");
    told(&verify(&export, &["--checkpoint", export.to_str().unwrap()]), 4, "is not to be believed");
    std::fs::write(&export, "").unwrap();
    told(&verify(&export, &[]), 4, "holds no record");
    told(&verify(Path::new("/nowhere/at/all"), &[]), 4, "could not read /nowhere/at/all");
}

#[test]
fn from_a_journal_that_went_back_nothing_is_done_until_somebody_says_so() {
    let shop = Shop::open();
    shop.rotate(&["--yes"]).expect(0);
    let away = tempfile::tempdir().unwrap();
    let files = ["journal.db", "journal.db-wal", "journal.db-shm"];
    let there = |name: &&&str| shop.at(name).exists();
    for name in files.iter().filter(there) {
        std::fs::copy(shop.at(name), away.path().join(name)).unwrap();
    }
    shop.rotate(&["--yes"]).expect(0);
    let before = (shop.live(), shop.stored());
    for name in files {
        let _was_there = std::fs::remove_file(shop.at(name));
        if away.path().join(name).exists() {
            std::fs::copy(away.path().join(name), shop.at(name)).unwrap();
        }
    }
    told(&shop.rotate(&["--yes"]), 4, "the journal went back");
    told(&shop.stanch(&["daemon"]), 4, "the journal went back");
    assert_eq!((shop.live(), shop.stored()), before, "nothing was done");
    let list = shop.stanch(&["case", "list"]).expect(0).stdout;
    assert!(list.contains("C-0001") && !list.contains("C-0002"), "it can be looked at: {list}");
    std::fs::remove_file(shop.at("journal.db.seen")).unwrap();
    shop.rotate(&["--yes"]).expect(0);
    shop.assert_unbroken();
}

#[test]
fn what_is_wrong_with_the_configuration_is_told_with_its_place() {
    let cases: [(&str, &str, &str, i32); 11] = [
        ("stores:\n  local", "store:\n  local", "stanch.yaml:2:1", 2),
        ("soak: 50ms", "soak: 50", "is no span of time", 2),
        ("driver: http", "driver: htp", "unknown variant", 2),
        ("{ store: local,", "{ store: lokal,", "there is no store 'lokal'", 2),
        ("  shop-api:", "  mall-api:", "there is no credential 'shop-api' in the configuration; it names: mall-api", 2),
        ("kind: stanch.demo-token", "kind: stanch.nothing", "which no rule file describes", 2),
        (
            "authority: { file: authority }",
            "authority: { file: nothing }",
            "could not read the secret that shop-api needs",
            2,
        ),
        ("authority: { file: authority }", "authority: { env: NOT_SET }", "environment variable NOT_SET", 2),
        ("base: 'http", "base: 'ftp", "an address in the configuration of 'shop-api' cannot be used", 2),
        ("journal: journal.db", "journal: stanch.yaml/journal.db", "could not make the database", 4),
        ("journal: journal.db", "journal: authority", "is not a database", 4),
    ];
    let shop = Shop::open();
    for (from, to, words, code) in cases {
        let before = std::fs::read_to_string(shop.at("stanch.yaml")).unwrap();
        shop.configure(|text| text.replacen(from, to, 1));
        for more in [&["--yes"][..], &["--plan"], &["--rehearse"]] {
            told(&shop.rotate(more), code, words);
        }
        shop.configure(|_| before);
    }
    let without = |config: &str| {
        let mut command = shop.program(&["case", "list"]);
        run({
            command.env("STANCH_CONFIG", config);
            command
        })
    };
    told(&without("/nowhere/stanch.yaml"), 2, "could not read /nowhere/stanch.yaml");
    let mut command = shop.program(&["case", "list"]);
    command.env_remove("STANCH_CONFIG");
    told(&run(command), 2, "there is no configuration: looked at");
    assert_eq!(shop.door.requests(), 0);
    told(&shop.stanch(&["rotate"]), 2, "name what to rotate");
    told(&shop.stanch(&["rotate", "hello"]), 2, "this is not a fingerprint");
}

#[test]
fn a_store_that_cannot_be_reached_stops_before_anything_begins() {
    let shop = Shop::open();
    // The port was free a moment ago and is closed.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    shop.configure(|text| {
        let vault = format!("{{ driver: vault, address: 'http://127.0.0.1:{port}', token: {{ file: authority }} }}");
        text.replace("{ driver: local, directory: secrets }", &vault).replace(", export: shop.token", "")
    });
    for more in [&["--yes"][..], &["--plan"]] {
        told(&shop.rotate(more), 4, "could not read the current value of 'shop-api' from local shop/api-token");
    }
    assert_eq!(shop.door.requests(), 0);
    shop.stanch(&["case", "list"]).expect(0).says("no case yet");
}

#[test]
fn an_issuer_that_cannot_be_reached_leaves_the_case_to_a_person() {
    let shop = Shop::open();
    let base = shop.door.base();
    shop.configure(|text| text.replace(&base, "http://127.0.0.1:9"));
    shop.rotate(&["--yes"]).expect(22).says("no answer").says("stanch case resume C-0001");
    shop.configure(|text| text.replace("http://127.0.0.1:9", &base));
    shop.case("resume").expect(20);
    shop.case("approve").expect(0);
    shop.assert_rotated();
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let shop = Shop::open();
    std::fs::set_permissions(shop.at("envelope.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    told(&shop.rotate(&["--yes"]), 4, "the key that seals secrets cannot be used");
    assert_eq!(shop.door.requests(), 0);
}

#[test]
fn without_room_for_the_journal_nothing_is_begun() {
    let shop = Shop::open();
    // No file may grow beyond a number of blocks of 512 bytes, as if the disk were full; the signal that comes with it is
    // ignored, as it does not come with a full disk.
    let cramped = |blocks: u32, arguments: &str| {
        let program = env!("CARGO_BIN_EXE_stanch");
        let mut shell = shop.command("sh");
        run({
            shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec '{program}' {arguments}")]);
            shell
        })
    };
    let rotate = "rotate --credential shop-api --yes";
    for blocks in [0, 1, 16, 64, 400, 2000] {
        let ran = cramped(blocks, rotate);
        told(&ran, 4, "");
        assert_eq!(shop.door.requests(), 0, "{blocks}");
    }
    assert!(
        cramped(2000, rotate).stderr.contains("the journal's disk has no room"),
        "{}",
        cramped(2000, rotate).stderr
    );
    shop.rotate(&["--yes"]).expect(0);
    shop.assert_rotated();
}

#[test]
fn a_policy_without_questions_needs_no_yes() {
    let shop = Settings::default().policy("when", "automatic").open();
    shop.rotate(&[]).expect(0);
    shop.assert_rotated();
}
