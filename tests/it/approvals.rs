//! Approvals that mean something: signed by people with `ssh-keygen`, and attacked as somebody would who can run the
//! program, write to the journal's inbox and copy what others signed.

#![allow(clippy::disallowed_methods, reason = "the tests look at what was written, and keep their own time")]

use crate::daemon::{self, Watched};
use crate::world::Ran;
use crate::world::door::Act;
use crate::world::shop::{Settings, Shop, run, until};
use stanch::journal::Journal as _;
use stanch::model::{Person, RotationId, Timestamp};
use stanch::rotation::{self, Event, Fact, Order, Outcome, Signed, Stage, statement};
use stanch::runner::{self, RunError};
use stanch::wiring::mending::Mending;
use std::sync::atomic::AtomicBool;

const EVERYTHING: &str = "[respond, approve, revoke-now]";

/// A shop whose file names people; `ada` is whoever runs the tests.
struct Guarded(Shop);

impl Guarded {
    fn open(settings: Settings, more: &str) -> Self {
        let this = Self(settings.open());
        let user = run(this.0.command("id").arg_of("-un")).expect(0).stdout;
        let keys: Vec<String> = ["ada", "ada2", "kim", "sam"].iter().map(|name| this.key(name, "ed25519")).collect();
        this.key("eve", "ed25519");
        let people = format!(
            "people:
  ada: {{ keys: ['{}', '{}'], may: {EVERYTHING}, accounts: [{}] }}
  kim: {{ keys: ['kim namespaces=\"stanch\" {}'], may: {EVERYTHING}, accounts: [] }}
  sam: {{ keys: ['{}'], may: [respond], accounts: [] }}
",
            keys[0],
            keys[1],
            user.trim(),
            keys[2],
            keys[3]
        );
        this.0.configure(|text| format!("{people}{text}{more}"));
        this
    }

    /// Makes a key pair; the public line.
    fn key(&self, name: &str, kind: &str) -> String {
        let mut command = self.0.command("ssh-keygen");
        command.args(["-q", "-t", kind, "-N", "", "-C", name, "-f", name]);
        run(command).expect(0);
        std::fs::read_to_string(self.0.at(&format!("{name}.pub"))).unwrap().trim().to_owned()
    }

    fn case(&self, words: &str) -> Ran {
        let words: Vec<&str> = words.split(' ').collect();
        self.0.stanch(&[&["case"], words.as_slice()].concat())
    }

    /// Writes the statement down that somebody would sign.
    fn printed(&self, words: &str, name: &str) {
        let ran = self.case(&format!("{words} --print")).expect(0);
        std::fs::write(self.0.at(name), ran.stdout).unwrap();
    }

    fn signed(&self, key: &str, namespace: &str, name: &str) {
        let _old = std::fs::remove_file(self.0.at(&format!("{name}.sig")));
        let mut command = self.0.command("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-f", key, "-n", namespace, name]);
        run(command).expect(0);
    }

    /// What the runner says of a word, as if it came by the inbox.
    fn takes(&self, case: &str, word: Fact) -> Result<(), RunError> {
        let (shop, rotation) = (&self.0, RotationId::new(case));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let mending = Mending::open(Some(&shop.at("stanch.yaml"))).await.unwrap();
            let managed = mending.managed("shop-api").await.unwrap();
            let (told, stopping) = (|_: &_, _: &_| {}, AtomicBool::new(false));
            mending.runner(&managed, &told, None, &stopping).run(&rotation, Some(word.into())).await.map(drop)
        })
    }

    fn state(&self, case: &str) -> stanch::rotation::State {
        let rotation = RotationId::new(case);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let mending = Mending::open(Some(&self.0.at("stanch.yaml"))).await.unwrap();
            runner::replay(&mending.journal, &rotation).await.unwrap()
        })
    }
}

trait OneArgument {
    fn arg_of(self, argument: &str) -> Self;
}

impl OneArgument for std::process::Command {
    fn arg_of(mut self, argument: &str) -> Self {
        self.arg(argument);
        self
    }
}

/// Refused, with these words, and with nothing but what to do about it.
#[track_caller]
fn refused(ran: &Ran, words: &str) {
    assert_eq!(ran.code, 5, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains(words), "'{words}':\n{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[test]
fn a_signed_yes_carries_the_plan_out_and_an_audit_knows_whose_it_was() {
    let shop = Guarded::open(Settings::default(), "");
    refused(&shop.0.rotate(&["--yes"]), "--yes is no signature");
    shop.0.rotate(&[]).expect(20).says("nothing has been changed yet");
    refused(&shop.case("approve C-0001"), "ssh-keygen did not sign");
    refused(&shop.case("approve C-0001 --as dana --key ada"), "'dana' is none of the people");
    assert_eq!(shop.0.door.count(Act::Mint), 0);
    shop.case("approve C-0001 --key kim").expect(0).says("kim, plan").says(", signed");
    shop.0.assert_rotated();
    let verify = ["audit", "verify", "journal.db", "--people", "stanch.yaml"];
    shop.0.stanch(&verify).expect(0).says("kim said: approve the plan; signed with SHA256:");
    shop.0.stanch(&["audit", "export", "--output", "export"]).expect(0);
    shop.0.stanch(&["audit", "verify", "export", "--people", "stanch.yaml"]).expect(0).says("kim said: approve");
    // Another key under the same name.
    let eve = std::fs::read_to_string(shop.0.at("eve.pub")).unwrap();
    let kim = std::fs::read_to_string(shop.0.at("kim.pub")).unwrap();
    shop.0.configure(|text| text.replace(kim.trim(), eve.trim()));
    let doubted = shop.0.stanch(&verify);
    assert_eq!(doubted.code, 4, "{}", doubted.stderr);
    assert!(doubted.stdout.contains("NOT VERIFIED: it is signed with the key SHA256:"), "{}", doubted.stdout);
}

#[test]
fn what_is_signed_elsewhere_is_brought_as_a_file() {
    let shop = Guarded::open(Settings::default(), "");
    shop.0.rotate(&[]).expect(20);
    shop.printed("approve C-0001 --as kim --valid 1h", "yes");
    assert_eq!(shop.0.door.count(Act::Mint), 0);
    shop.signed("kim", "stanch", "yes");
    shop.case("approve C-0001 --signature yes.sig").expect(0);
    shop.0.assert_rotated();
}

#[test]
fn signatures_by_others_for_others_or_over_are_worth_nothing() {
    let shop = Guarded::open(Settings::default(), "");
    shop.0.rotate(&[]).expect(20);
    refused(&shop.case("approve C-0001 --as ada --key eve"), "which is none of the keys of 'ada'");
    refused(&shop.case("approve C-0001 --as kim --key ada"), "which is none of the keys of 'kim'");
    refused(&shop.case("approve C-0001 --key sam"), "it needs may: [approve]");
    refused(&shop.case("approve C-0001 --key ada --valid 2d"), "more than a day");
    // Another purpose.
    shop.printed("approve C-0001 --as ada", "yes");
    shop.signed("ada", "git", "yes");
    refused(&shop.case("approve C-0001 --signature yes.sig"), "another purpose");
    // A text that was changed after it was signed.
    shop.signed("ada", "stanch", "yes");
    let text = std::fs::read_to_string(shop.0.at("yes")).unwrap();
    std::fs::write(shop.0.at("yes"), text.replace("C-0001", "C-0002")).unwrap();
    refused(&shop.case("approve C-0001 --signature yes.sig"), "is not this one");
    std::fs::write(shop.0.at("yes"), text.replace("who: ada", "who: kim")).unwrap();
    refused(&shop.case("approve C-0001 --signature yes.sig"), "not of this statement");
    // Over.
    shop.printed("approve C-0001 --as ada --valid 1ms", "late");
    shop.signed("ada", "stanch", "late");
    refused(&shop.case("approve C-0001 --signature late.sig"), "it was void from");
    // Another case of the same credential, whose plan is the same.
    shop.printed("approve C-0001 --as ada --valid 1h", "first");
    shop.signed("ada", "stanch", "first");
    shop.case("deny C-0001 --reason no --key kim").expect(21);
    shop.0.rotate(&[]).expect(20);
    refused(&shop.case("approve C-0002 --signature first.sig"), "is not this one");
    assert_eq!(shop.0.door.count(Act::Mint), 0);
    assert!(matches!(shop.state("C-0002").stage, Stage::AwaitingApproval(_)));
}

#[test]
fn whoever_writes_to_the_inbox_needs_a_signature_too() {
    let shop = Guarded::open(Settings::default(), "");
    shop.0.rotate(&[]).expect(20);
    let state = shop.state("C-0001");
    let digest = state.planned.clone().unwrap();
    let expires = Timestamp(u64::try_from(jiff_now()).unwrap() + 600_000);
    let yes = |who: &str| Fact::Approved { who: Person::new(who), digest: digest.clone(), expires };
    let revoke = Fact::Ordered(Order::RevokeNow, Person::new("ada"), String::new());
    let text = statement(&state, &yes("ada"), expires).unwrap();
    std::fs::write(shop.0.at("yes"), &text).unwrap();
    shop.signed("ada", "stanch", "yes");
    let signature = std::fs::read_to_string(shop.0.at("yes.sig")).unwrap();
    let with = |word: Fact| Fact::Signed(Box::new(Signed { word, expires, signature: signature.clone() }));
    for (what, word) in [
        ("unsigned", yes("ada")),
        ("unsigned", revoke.clone()),
        ("a yes as an order", with(revoke)),
        ("another's name", with(yes("kim"))),
        ("signed twice over", with(with(yes("ada")))),
        ("not a person's", with(Fact::Restarted)),
    ] {
        let taken = shop.takes("C-0001", word);
        assert!(matches!(taken, Err(RunError::NotAllowed { .. } | RunError::Refused { .. })), "{what}: {taken:?}");
    }
    // By the inbox itself: it is settled with the reason, and the case stays where it is.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let id = runtime.block_on(async {
        let mending = Mending::open(Some(&shop.0.at("stanch.yaml"))).await.unwrap();
        let (rotation, who) = (RotationId::new("C-0001"), Person::new("ada"));
        mending.journal.leave_word(&rotation, &yes("ada"), None, &who, Timestamp(0)).await.unwrap()
    });
    shop.case("resume C-0001").expect(20);
    let became = runtime.block_on(async {
        let mending = Mending::open(Some(&shop.0.at("stanch.yaml"))).await.unwrap();
        mending.journal.became(id).await.unwrap()
    });
    assert!(became.as_deref().is_some_and(|why| why.contains("needs the signature")), "{became:?}");
    assert_eq!(shop.0.door.count(Act::Mint), 0);
    // What the file named when the case was opened is not forgotten with the file.
    shop.0.configure(|text| text[text.find("journal:").unwrap()..].to_owned());
    refused(&shop.case("approve C-0001"), "now it names none");
    refused(&shop.case("revoke-now C-0001"), "now it names none");
    assert_eq!((shop.0.door.count(Act::Mint), shop.0.live().len()), (0, 1));
}

fn jiff_now() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
}

#[test]
fn two_must_say_yes_and_one_person_is_one() {
    let shop = Guarded::open(Settings::default().policy("quorum", "2"), "");
    shop.0.rotate(&[]).expect(20).says("2 persons must say yes: nobody yet, 2 missing");
    shop.printed("approve C-0001 --as ada --valid 1h", "yes");
    shop.signed("ada", "stanch", "yes");
    shop.case("approve C-0001 --signature yes.sig").expect(20).says("ada (until").says("1 missing");
    refused(&shop.case("approve C-0001 --signature yes.sig"), "was taken already");
    // Another key, the same person.
    shop.case("approve C-0001 --key ada2").expect(20).says("1 missing");
    shop.case("show C-0001").expect(0).says("1 more needed, signed").says("1 missing");
    assert_eq!(shop.0.door.count(Act::Mint), 0);
    shop.case("approve C-0001 --key kim").expect(0);
    shop.0.assert_rotated();
}

#[test]
fn who_opened_the_case_does_not_approve_it() {
    let shop = Guarded::open(Settings::default().policy("four_eyes", "true"), "");
    shop.0.rotate(&[]).expect(20).says("ada opened the case and cannot");
    refused(&shop.case("approve C-0001 --key ada"), "'ada' opened the case");
    refused(&shop.case("revoke-now C-0001 --key ada"), "'ada' opened the case");
    assert_eq!((shop.0.door.count(Act::Mint), shop.0.live().len()), (0, 1));
    shop.case("approve C-0001 --key kim").expect(0);
    shop.0.assert_rotated();
    // Nobody knows whose this account is, so it could be the approver's.
    shop.0.configure(|text| {
        let from = text.find("accounts: [").unwrap();
        let to = text[from..].find(']').unwrap() + from;
        format!("{}accounts: [nobody-else{}", &text[..from], &text[to..])
    });
    refused(&shop.0.rotate(&[]), "four_eyes asks who opens the case");
}

#[test]
fn a_revoke_now_in_production_takes_two_and_so_does_an_emergency() {
    let shop = Guarded::open(Settings::default(), "    environment: production\n");
    shop.0.rotate(&[]).expect(20);
    shop.case("revoke-now C-0001 --key ada --reason abused").expect(20).says("revoke-now is ordered");
    refused(&shop.case("revoke-now C-0001 --key sam"), "it needs may: [revoke-now]");
    assert_eq!(shop.0.live(), ["tok_0001"]);
    shop.case("revoke-now C-0001 --key kim --reason abused").expect(0);
    shop.0.assert_rotated_after_outage();

    let shop = Guarded::open(Settings::default().policy("when", "automatic"), "    environment: production\n");
    shop.0.rotate(&["--emergency"]).expect(20).says("2 persons must say yes");
    assert_eq!(shop.0.live(), ["tok_0001"]);
    shop.case("approve C-0001 --key ada").expect(20);
    refused(&shop.case("approve C-0001 --key sam"), "it needs may: [revoke-now]");
    assert_eq!(shop.0.live(), ["tok_0001"]);
    shop.case("approve C-0001 --key kim").expect(0);
    shop.0.assert_rotated_after_outage();
}

#[test]
fn a_pause_needs_nobody_and_to_go_on_needs_somebody() {
    let shop = Guarded::open(Settings::default(), "");
    shop.0.rotate(&[]).expect(20);
    shop.case("pause C-0001").expect(22);
    refused(&shop.case("resume C-0001"), "ssh-keygen did not sign");
    shop.case("resume C-0001 --key sam").expect(20);
    refused(&shop.case("deny C-0001 --reason no --key sam"), "it needs may: [approve]");
    shop.case("deny C-0001 --reason no --key kim").expect(21);
    shop.0.assert_as_before_unwritten();
}

#[test]
fn without_people_nobody_signs_and_all_is_as_before() {
    let shop = Shop::open();
    shop.rotate(&[]).expect(20);
    let asked = shop.stanch(&["case", "approve", "C-0001", "--as", "ada"]);
    assert_eq!(asked.code, 2, "{}", asked.stderr);
    assert!(asked.stderr.contains("names no people"), "{}", asked.stderr);
    shop.case("approve").expect(0);
    shop.assert_rotated();
    let records = shop.stanch(&["case", "show", "C-0001", "--json"]).expect(0).stdout;
    assert!(!records.contains("consent") && !records.contains("signed"), "{records}");
}

#[test]
fn a_honeytoken_is_never_touched() {
    let shop = Shop::open();
    let fingerprint = shop.leak();
    let plain = std::fs::read_to_string(shop.at("stanch.yaml")).unwrap();
    shop.configure(|text| format!("{text}    honeytoken: true\n"));
    refused(&shop.rotate(&[]), "is a honeytoken");
    refused(&shop.stanch(&["rotate", &fingerprint, "--repo", "repository"]), "is a honeytoken");
    std::fs::write(shop.at("stanch.yaml"), format!("honeytokens: [{{ fingerprint: '{fingerprint}' }}]\n{plain}"))
        .unwrap();
    refused(&shop.stanch(&["rotate", &fingerprint, "--repo", "repository", "--emergency"]), "is a honeytoken");
    assert_eq!(shop.door.requests(), 0);
    shop.stanch(&["case", "list"]).expect(0).says("no case yet");
}

#[test]
fn the_token_that_the_program_itself_uses_needs_a_person_and_comes_last() {
    let shop = Settings::default().policy("when", "automatic").open();
    shop.put("shop/api-token", &shop.authority);
    refused(&shop.rotate(&["--yes"]), "stanch itself uses this token for the provider of 'shop-api'");
    shop.put("shop/api-token", &shop.leaked);
    // Another case is open: the program's own token waits for it.
    shop.configure(|text| {
        let (_, credential) = text.split_once("  shop-api:").unwrap();
        let own = credential.replace("shop/api-token, export: shop.token", "shop/own");
        format!("{text}  shop-own:{own}").replacen("when: automatic", "when: ask", 1)
    });
    shop.put("shop/own", &shop.authority);
    shop.rotate(&[]).expect(20);
    let asked = shop.stanch(&["rotate", "--credential", "shop-own"]);
    assert_eq!(asked.code, 2, "{}{}", asked.stdout, asked.stderr);
    assert!(asked.stderr.contains("it comes last, and C-0001 is open"), "{}", asked.stderr);
    shop.case("abort").expect(21);
    let live = shop.live();
    let opened = shop.stanch(&["rotate", "--credential", "shop-own"]);
    assert!(opened.stdout.contains("stanch itself uses this token"), "{}", opened.stdout);
    assert_eq!(shop.live(), live, "nothing was done on the policy's word");
}

#[test]
fn what_is_still_exposed_is_listed_with_its_age() {
    let shop = Shop::open();
    shop.stanch(&["case", "list", "--exposed"]).expect(0).says("nothing is exposed");
    shop.rotate(&[]).expect(20);
    shop.stanch(&["case", "list", "--exposed"]).expect(0).says("C-0001").says("a case is open");
    shop.case("pause").expect(22);
    shop.stanch(&["case", "abandon", "C-0001", "--reason", "busy"]).expect(22);
    shop.stanch(&["case", "list", "--exposed"]).expect(0).says("C-0001").says("given up: nobody works on it");
    shop.rotate(&[]).expect(20);
    let text = shop.stanch(&["case", "list", "--exposed", "--json"]).expect(0).stdout;
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases: Vec<_> = list["exposed"].as_array().unwrap().iter().map(|one| one["case"].as_str().unwrap()).collect();
    assert_eq!(cases, ["C-0001", "C-0002"], "the oldest first");
    shop.stanch(&["case", "approve", "C-0002"]).expect(0);
    // The other case saw the same token dead.
    shop.stanch(&["case", "list", "--exposed"]).expect(0).says("nothing is exposed");
}

#[test]
fn what_a_person_held_who_leaves_is_replaced() {
    let shop = Shop::open();
    let asked = shop.stanch(&["offboard", "dana"]);
    assert_eq!(asked.code, 2, "{}", asked.stderr);
    assert!(asked.stderr.contains("'dana' held no credential"), "{}", asked.stderr);
    shop.configure(|text| {
        let (_, credential) = text.split_once("  shop-api:").unwrap();
        let other = credential.replace("shop/api-token, export: shop.token", "shop/empty");
        format!("{text}    held_by: [dana, kim]\n  a-missing-one:{other}    held_by: [dana]\n")
    });
    shop.stanch(&["offboard", "kim", "--plan"]).expect(0).says("1 of 1: shop-api").says("nothing was done");
    assert_eq!(shop.door.requests(), 0);
    let asked = shop.stanch(&["offboard", "dan", "--plan"]);
    assert!(asked.code == 2 && asked.stderr.contains("names: dana, kim"), "{}", asked.stderr);
    // One that cannot be replaced does not spare the other, and is told.
    let both = shop.stanch(&["offboard", "dana", "--yes"]);
    assert!(both.code != 0 && both.stdout.contains("2 of 2: shop-api"), "{}{}", both.stdout, both.stderr);
    assert!(both.stderr.contains("a-missing-one"), "{}", both.stderr);
    shop.assert_rotated();
}

/// Recorded by the program as it was before people could be named.
#[test]
fn an_older_journal_is_verified_and_replayed_as_it_was() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/approvals/before_people.jsonl");
    let shop = Shop::open();
    shop.stanch(&["audit", "verify", path.to_str().unwrap()]).expect(0).says("61 records");
    let text = std::fs::read_to_string(path).unwrap();
    let mut events = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let event: Event = serde_json::from_value(line["event"].clone()).unwrap();
        // What is written anew has the bytes that were hashed then.
        assert_eq!(serde_json::to_value(&event).unwrap(), line["event"]);
        event
    });
    let mut state = rotation::open(&events.next().unwrap()).unwrap();
    assert!(state.plan.consent.is_plain());
    let digest = rotation::digest(&state.plan);
    for event in events {
        state = rotation::apply(&state, &event).unwrap();
    }
    assert_eq!(state.stage, Stage::Closed(Outcome::Rotated));
    assert_eq!(state.planned, Some(digest), "a plan is approved by the digest that it had");
}

#[test]
fn the_daemon_takes_the_same_signatures() {
    let shop = Guarded::open(Settings::default().policy("quorum", "2"), "");
    let daemon = daemon::start(&shop.0);
    shop.0.rotate(&[]).expect(20).says("2 persons must say yes");
    refused(&shop.case("approve C-0001 --as ada --key eve"), "which is none of the keys of 'ada'");
    shop.case("approve C-0001 --key ada").expect(20).says("1 missing");
    shop.case("approve C-0001 --key ada2").expect(20).says("1 missing");
    assert_eq!(shop.0.door.count(Act::Mint), 0);
    shop.case("approve C-0001 --key kim").expect(0);
    shop.0.assert_rotated();
    daemon::drained(&shop.0, daemon);
}

#[test]
fn the_daemon_leaves_honeytokens_and_the_programs_own_tokens_alone() {
    type Change = fn(&Shop);
    let marked: Change =
        |shop| shop.configure(|text| text.replace("    policy: {", "    honeytoken: true\n    policy: {"));
    let by_kind: Change = |shop| shop.configure(|text| format!("honeytokens: [{{ kind: stanch.demo-token }}]\n{text}"));
    let own: Change = |shop| std::fs::write(shop.at("authority"), &shop.leaked).unwrap();
    let bait = "reported: a honeytoken, which is never touched";
    let used = "reported: stanch itself uses it for the provider of 'shop-api', so a person rotates it, last";
    for (change, decision) in [(marked, bait), (by_kind, bait), (own, used)] {
        let watched = Watched::open(Settings::default().policy("when", "automatic"), "1h");
        change(&watched.shop);
        let watched = watched.started();
        watched.leak();
        watched.push();
        until("the leak is decided upon", || watched.leaks().iter().any(|(decision, _)| decision.is_some()));
        assert_eq!(watched.leaks(), [(Some(decision.to_owned()), None)]);
        assert!(watched.cases().as_array().unwrap().is_empty());
        assert_eq!(watched.shop.door.requests(), 0, "nobody was asked");
        watched.log();
    }
}
