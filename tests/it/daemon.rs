//! The daemon as its operators run it: one at a time, killed and started again, asked by the commands of people.

use crate::world::Ran;
use crate::world::http::{Answer, Asked, Reply, Server};
use crate::world::shop::{Running, Settings, Shop, dice, seed, until};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::process::{Pid, Signal, kill_process};
use sha2::Digest as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A daemon under way, which answers.
pub(crate) fn start(shop: &Shop) -> Running {
    let running = Running::start(shop.program(&["daemon"]));
    until("the daemon answers", || shop.stanch(&["reload"]).code == 0);
    running
}

fn signal(running: &Running, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(running.child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[track_caller]
pub(crate) fn drained(shop: &Shop, running: Running) -> Ran {
    shop.stanch(&["drain"]).expect(0).says("has ended");
    running.end().expect(0).hides(&shop.leaked).hides(&shop.authority)
}

#[test]
fn a_case_that_is_opened_while_it_runs_is_carried_by_it_and_followed() {
    let shop = Shop::open();
    let daemon = start(&shop);
    let rotated = shop.rotate(&["--yes"]).expect(0).says("C-0001 closed").says("Minted");
    assert_eq!(rotated.stdout.matches("  Minted ").count(), 1, "{}", rotated.stdout);
    shop.assert_rotated();
    let log = drained(&shop, daemon).stderr;
    assert!(log.contains("Minted"), "the daemon carried it, not the command:\n{log}");
}

#[test]
fn people_decide_through_it_with_the_same_words_and_codes() {
    let shop = Settings::default().policy("soak", "10m").open();
    let daemon = start(&shop);
    shop.rotate(&[]).expect(20).says("waiting for approval of plan");
    shop.stanch(&["case", "approve", "C-0001", "--plan", "0000-0000"]).expect(2).says("not of that one");
    let mut approving = Running::start(shop.program(&["case", "approve", "C-0001"]));
    approving.reads("ok, attests");
    signal(&approving, Signal::INT);
    approving.end().expect(130).says("the daemon goes on with it");
    shop.case("pause").expect(22).says(": a person said so");
    shop.case("pause").expect(2).says("pause is not possible now");
    shop.stanch(&["case", "abandon", "C-0001", "--reason", "a test"]).expect(22).says("STILL OPEN");
    shop.case("resume").expect(22);
    shop.case("abort").expect(2).says("nothing left to decide");
    shop.rotate(&[]).expect(20).says("C-0002");
    shop.stanch(&["case", "abort", "C-0002"]).expect(21).says("rolled back");
    drained(&shop, daemon);
}

#[test]
fn a_second_one_is_refused_and_one_that_was_killed_is_taken_over() {
    let shop = Shop::open();
    let mut first = start(&shop);
    let refused = shop.stanch(&["daemon"]).expect(4);
    let named = format!("(process {})", first.child.id());
    assert!(refused.stderr.contains(&named) && refused.stderr.contains(" since 20"), "{}", refused.stderr);
    first.kill();
    let second = start(&shop);
    first.child.wait().unwrap();
    shop.rotate(&["--yes"]).expect(0);
    signal(&second, Signal::TERM);
    second.end().expect(0);
    shop.stanch(&["drain"]).expect(0).says("no daemon runs here");
    shop.stanch(&["reload"]).expect(4).says("no daemon runs here");
    shop.assert_rotated();
}

#[test]
fn killed_again_and_again_it_finishes_what_was_open() {
    let seed = seed();
    let mut draw = dice(seed);
    for run in 0..8 {
        let shop = Settings::default().policy("when", "automatic").open();
        let mut rotating = shop.start_rotating();
        assert!(rotating.reads_events(1));
        rotating.kill();
        rotating.child.wait().unwrap();
        for _ in 0..=draw(4) {
            let mut daemon = Running::start(shop.program(&["daemon"]));
            let moment = Instant::now() + Duration::from_millis(draw(900));
            while Instant::now() < moment && daemon.child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            daemon.kill();
            daemon.child.wait().unwrap();
        }
        let daemon = start(&shop);
        until(&format!("seed {seed}, run {run}: the case is closed"), || {
            shop.stanch(&["case", "list", "--json"]).stdout.contains("\"stage\":\"Closed\"")
        });
        shop.assert_rotated();
        drained(&shop, daemon);
    }
}

#[test]
fn a_drain_stops_at_a_record_and_the_next_one_goes_on() {
    let shop = Settings::default().policy("when", "automatic").policy("soak", "2s").open();
    let daemon = start(&shop);
    let mut following = Running::start(shop.program(&["rotate", "--credential", "shop-api"]));
    following.reads("ok, attests");
    drained(&shop, daemon);
    let next = start(&shop);
    following.end().expect(0).says("C-0001 closed");
    shop.assert_rotated();
    drained(&shop, next);
}

#[test]
fn a_reload_takes_the_file_whole_or_not_at_all_and_a_broken_case_is_tried_again() {
    let shop = Shop::open();
    let daemon = start(&shop);
    shop.rotate(&[]).expect(20);
    shop.configure(|text| text.replace("when: ask", "when: sometimes"));
    shop.stanch(&["reload"]).expect(2).says("stanch.yaml:").says("goes on with the configuration that it has");
    shop.configure(|text| text.replace("when: sometimes", "when: ask").replace("stanch.demo-token", "no.such-kind"));
    shop.stanch(&["reload"]).expect(0);
    shop.case("approve").expect(4).says("C-0001 cannot be carried on").says("no.such-kind");
    shop.configure(|text| text.replace("no.such-kind", "stanch.demo-token"));
    let seen = shop.stanch(&["reload"]).expect(0);
    assert!(seen.stdout.contains("reloaded: "), "{}", seen.stdout);
    until("the word that waited was taken", || {
        shop.stanch(&["case", "list", "--json"]).stdout.contains("\"stage\":\"Closed\"")
    });
    shop.assert_rotated();
    let log = drained(&shop, daemon).stderr;
    assert!(log.contains("credentials.shop-api changed"), "{log}");
}

/// A shop whose daemon watches a bare repository; a clone of it to push from.
pub(crate) struct Watched {
    pub(crate) shop: Shop,
    daemon: Option<Running>,
}

impl Watched {
    /// Watches `pushed.git`, with this policy.
    pub(crate) fn open(settings: Settings, poll: &str) -> Self {
        let shop = settings.open();
        let watched = Self { shop, daemon: None };
        watched.git(".", &["init", "-q", "--bare", "-b", "main", "pushed.git"]);
        watched.git(".", &["clone", "-q", "pushed.git", "clone"]);
        watched.commit("README", "a shop\n");
        watched.push();
        watched.shop.configure(|text| {
            format!("{text}sources:\n  shop: {{ driver: path, path: pushed.git }}\ndaemon: {{ poll: {poll} }}\n")
        });
        watched
    }

    pub(crate) fn started(mut self) -> Self {
        self.daemon = Some(start(&self.shop));
        self
    }

    pub(crate) fn git(&self, at: &str, arguments: &[&str]) -> String {
        let mut command = self.shop.command("git");
        command.current_dir(self.shop.at(at)).env("GIT_CONFIG_NOSYSTEM", "1");
        command.args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"]).args(arguments);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn commit(&self, name: &str, text: &str) {
        std::fs::write(self.shop.at("clone").join(name), text).unwrap();
        self.git("clone", &["add", "-A"]);
        self.git("clone", &["commit", "-qm", "a commit"]);
    }

    pub(crate) fn push(&self) {
        self.git("clone", &["push", "-q", "origin", "HEAD"]);
    }

    pub(crate) fn leak(&self) {
        self.commit("settings.py", &format!("token = '{}'\n", self.shop.leaked));
    }

    pub(crate) fn cases(&self) -> serde_json::Value {
        let listed = self.shop.stanch(&["case", "list", "--json"]).expect(0);
        serde_json::from_str::<serde_json::Value>(&listed.stdout).unwrap()["cases"].clone()
    }

    pub(crate) fn until_stage(&self, stage: &str) {
        until(&format!("a case is {stage}"), || self.cases()[0]["stage"] == stage);
    }

    /// What the ledger holds of leaks: decision and verdict.
    pub(crate) fn leaks(&self) -> Vec<(Option<String>, Option<String>)> {
        let script = "import sqlite3,json;print(json.dumps(sqlite3.connect('file:journal.db?mode=ro',uri=True)\
                      .execute('SELECT decision, verdict FROM leaks ORDER BY first_seen').fetchall()))";
        let ran = self.shop.command("python3").args(["-c", script]).output().unwrap();
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)))
    }

    /// Ends the daemon; what it logged.
    pub(crate) fn log(mut self) -> String {
        drained(&self.shop, self.daemon.take().unwrap()).stderr
    }
}

#[test]
fn a_leak_that_is_pushed_is_rotated_with_no_hand_on_the_keyboard() {
    let watched = Watched::open(Settings::default().policy("when", "automatic"), "1h").started();
    watched.leak();
    watched.push();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    // The same token again, elsewhere: it is dead, and nothing is begun.
    watched.git("clone", &["switch", "-qc", "side"]);
    watched.commit("other.py", &format!("token = '{}'\n", watched.shop.leaked));
    watched.push();
    until("the second leak is known", || {
        watched.leaks().iter().any(|(decision, _)| decision.as_deref() == Some("dead since C-0001"))
    });
    assert_eq!(watched.cases().as_array().unwrap().len(), 1);
    watched.shop.assert_rotated();
    let log = watched.log();
    assert!(log.contains("stanch.demo-token") && log.contains("settings.py"), "{log}");
}

#[test]
fn a_leak_from_before_and_one_whose_event_was_lost_are_found_by_the_poll() {
    let watched = Watched::open(Settings::default().policy("when", "automatic"), "300ms");
    watched.leak();
    watched.commit("settings.py", "token = ''\n");
    watched.push();
    let watched = watched.started();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    // The repository is moved away and another one takes its place: the watch on the first is of no use.
    watched.git(".", &["clone", "-q", "--bare", "pushed.git", "next.git"]);
    std::fs::rename(watched.shop.at("pushed.git"), watched.shop.at("past.git")).unwrap();
    std::fs::rename(watched.shop.at("next.git"), watched.shop.at("pushed.git")).unwrap();
    let fresh = String::from_utf8(watched.shop.stored()).unwrap();
    watched.commit("again.py", &format!("token = '{fresh}'\n"));
    watched.push();
    until("the second leak has a case", || watched.cases().as_array().unwrap().len() == 2);
    until("it is closed too", || watched.cases()[1]["stage"] == "Closed");
    watched.shop.assert_rotated();
    watched.log();
}

#[test]
fn the_policy_may_ask_or_only_tell() {
    let asking = Watched::open(Settings::default(), "1h").started();
    asking.leak();
    asking.push();
    asking.until_stage("Awaiting approval");
    asking.shop.assert_as_before();
    asking.shop.case("approve").expect(0).says("C-0001 closed");
    asking.shop.assert_rotated();
    asking.log();

    let telling = Watched::open(Settings::default().policy("when", "report"), "1h").started();
    telling.leak();
    telling.push();
    until("the leak is known", || !telling.leaks().is_empty() && telling.leaks()[0].1.is_some());
    let told = (Some("reported: the policy says no more".to_owned()), Some("live".to_owned()));
    assert_eq!(telling.leaks()[0], told);
    assert!(telling.cases().as_array().unwrap().is_empty());
    telling.shop.assert_as_before_unwritten();
    telling.log();
}

#[test]
fn a_push_cannot_excuse_what_it_brings_and_a_value_that_nobody_manages_is_told() {
    let watched = Watched::open(Settings::default().policy("when", "automatic"), "1h");
    let unmanaged = crate::world::token(7);
    let print = |text: &str| {
        let path = watched.shop.at("sample");
        std::fs::write(&path, text).unwrap();
        let ran = watched.shop.stanch(&["scan", "--json", "sample"]);
        serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap()["findings"][0]["fingerprint"].clone()
    };
    let excused =
        format!("{} * * until=2099-01-01 reason=\"not one\" by=kim\n", print(&watched.shop.leaked).as_str().unwrap());
    let watched = watched.started();
    until("the first commit was scanned", || watched.tips() > 0);
    watched.commit(".stanchignore", &excused);
    let remark = " # stanch:allow reason=sample";
    let (leaked, sample) = (&watched.shop.leaked, crate::world::token(8));
    watched.commit("settings.py", &format!("token = '{leaked}'{remark}\nsample = '{sample}'{remark}\n"));
    watched.push();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    watched.commit("other.py", &format!("token = '{unmanaged}'\n"));
    watched.push();
    let known = "reported: no managed credential holds it";
    until("the other leak is known", || watched.leaks().iter().any(|(decision, _)| decision.as_deref() == Some(known)));
    assert_eq!(watched.leaks().len(), 2, "a sample may be excused: {:?}", watched.leaks());
    let log = watched.log();
    crate::world::hides(&log, &unmanaged);
}

impl Watched {
    /// References whose history was scanned.
    pub(crate) fn tips(&self) -> usize {
        let script = "import sqlite3;print(sqlite3.connect('file:journal.db?mode=ro',uri=True)\
                      .execute('SELECT count(*) FROM tips').fetchone()[0])";
        let ran = self.shop.command("python3").args(["-c", script]).output().unwrap();
        String::from_utf8(ran.stdout).unwrap().trim().parse().unwrap()
    }
}

#[test]
fn what_cannot_be_read_whole_is_done_again_until_it_can() {
    let watched = Watched::open(Settings::default().policy("when", "automatic"), "200ms");
    watched.leak();
    let commit = watched.git("clone", &["rev-parse", "HEAD"]);
    let blob = watched.git("clone", &["rev-parse", "HEAD:settings.py"]);
    watched.push();
    let object = watched.shop.at("pushed.git/objects").join(&blob[..2]).join(&blob[2..]);
    std::fs::rename(&object, watched.shop.at("held-back")).unwrap();
    let watched = watched.started();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(watched.tips(), 0, "{commit} was not scanned whole");
    std::fs::rename(watched.shop.at("held-back"), &object).unwrap();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    until("it was scanned whole", || watched.tips() > 0);
    let log = watched.log();
    assert!(log.contains("not scanned whole"), "{log}");
}

#[test]
fn killed_between_a_push_and_the_end_the_daemon_finds_and_finishes() {
    let mut draw = dice(20_261_123);
    for run in 0..6 {
        let watched = Watched::open(Settings::default().policy("when", "automatic"), "1h");
        watched.leak();
        watched.push();
        for _ in 0..=draw(4) {
            let mut daemon = Running::start(watched.shop.program(&["daemon"]));
            std::thread::sleep(Duration::from_millis(draw(900)));
            daemon.kill();
            daemon.child.wait().unwrap();
        }
        let watched = watched.started();
        watched.until_stage("Closed");
        until("it is scanned", || watched.tips() > 0);
        assert_eq!(watched.cases().as_array().unwrap().len(), 1, "run {run}");
        watched.shop.assert_rotated();
        watched.log();
    }
}

#[test]
fn a_work_tree_is_watched_with_the_files_that_are_not_committed_yet_and_without_ignored_ones() {
    let watched = Watched::open(Settings::default().policy("when", "automatic"), "300ms");
    watched.shop.configure(|text| text.replace("path: pushed.git", "path: clone"));
    watched.commit(".gitignore", "local.env\n");
    let token = format!("token = '{}'\n", watched.shop.leaked);
    std::fs::write(watched.shop.at("clone/local.env"), &token).unwrap();
    let watched = watched.started();
    until("the history was scanned", || watched.tips() > 0);
    std::thread::sleep(Duration::from_millis(1000));
    assert!(watched.leaks().is_empty(), "what git ignores leaks nowhere");
    std::fs::write(watched.shop.at("clone/settings.py"), &token).unwrap();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    watched.log();
}

#[test]
fn work_trees_whose_objects_are_named_by_sha_256_are_watched() {
    let shop = Settings::default().policy("when", "automatic").open();
    let mut watched = Watched { shop, daemon: None };
    watched.git(".", &["init", "-q", "-b", "main", "--object-format=sha256", "clone"]);
    watched.commit(".gitignore", "local.env\n");
    watched.commit("same", "as before\n");
    watched.git("clone", &["worktree", "add", "-q", "-b", "side", "../linked"]);
    watched.shop.configure(|text| {
        format!("{text}sources:\n  shop: {{ driver: path, path: linked }}\ndaemon: {{ poll: 1h }}\n")
    });
    let token = |value: &str| format!("token = '{value}'\n");
    std::fs::write(watched.shop.at("linked/local.env"), token(&watched.shop.leaked)).unwrap();
    watched = watched.started();
    until("the history was scanned", || watched.tips() > 0);
    assert!(watched.leaks().is_empty(), "what git ignores leaks nowhere");
    std::fs::write(watched.shop.at("linked/same"), token(&watched.shop.leaked)).unwrap();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    // What comes into the repository without a trace in this work tree: its directory is elsewhere.
    let fresh = String::from_utf8(watched.shop.stored()).unwrap();
    watched.commit("other.py", &token(&fresh));
    until("the second leak has a case", || watched.cases().as_array().unwrap().len() == 2);
    until("it is closed too", || watched.cases()[1]["stage"] == "Closed");
    watched.shop.assert_rotated();
    watched.log();
}

#[test]
fn files_in_git_lfs_are_read_where_they_are_and_named_where_they_are_not() {
    let watched = Watched::open(Settings::default().policy("when", "automatic"), "300ms");
    let content = format!("token = '{}'\n", watched.shop.leaked);
    let pointer = |content: &str| {
        let id = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(content));
        let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize {}\n", content.len());
        (text, format!("pushed.git/lfs/objects/{}/{}/{id}", &id[..2], &id[2..4]))
    };
    let (text, kept) = pointer(&content);
    watched.commit("far.bin", &pointer("far away").0);
    watched.push();
    let watched = watched.started();
    until("it was scanned, without what is not here", || watched.tips() > 0);
    assert!(watched.leaks().is_empty());
    std::fs::create_dir_all(watched.shop.at(&kept).parent().unwrap()).unwrap();
    std::fs::write(watched.shop.at(&kept), &content).unwrap();
    watched.commit("big.bin", &text);
    watched.push();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    let log = watched.log();
    let said = log.lines().filter(|line| line.contains("NOT SCANNED")).collect::<Vec<_>>();
    assert!(said.len() == 1 && said[0].contains("far.bin!Git LFS"), "{log}");
}

pub(crate) const SIGNED_WITH: &str = "what the forge signs with";

/// The same repository as one elsewhere, of which a forge calls us at this address.
pub(crate) fn called(settings: Settings, every: &str) -> (Watched, SocketAddr) {
    let watched = Watched::open(settings, "1h");
    // Free a moment ago, and nobody else asks for it.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(watched.shop.at("hook-secret"), SIGNED_WITH).unwrap();
    let url = format!("file://{}", watched.shop.at("pushed.git").canonicalize().unwrap().display());
    watched.shop.configure(|text| {
        let elsewhere = format!(
            "driver: git, url: '{url}', every: {every}, webhook: {{ from: github, secret: {{ file: hook-secret }} }}"
        );
        text.replace("driver: path, path: pushed.git", &elsewhere)
            .replace("daemon: {", &format!("daemon: {{ listen: '{address}',"))
    });
    (watched, address)
}

/// A push as GitHub tells of it; the status of the answer.
pub(crate) fn deliver(to: SocketAddr, source: &str, id: &str, body: &str, signed_with: &str) -> u16 {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(signed_with.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()));
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut asked = Asked::new("POST", &format!("/hooks/{source}"), b"");
    asked.headers = vec![
        header("x-github-event", "push"),
        header("x-github-delivery", id),
        header("x-hub-signature-256", &signature),
        header("content-type", "application/json"),
    ];
    asked.body = body.as_bytes().to_vec();
    asked.send(to).unwrap().status
}

impl Watched {
    /// What the forge says of the push: a commit list that leaves the leak out, because nobody should believe it.
    pub(crate) fn payload(&self) -> String {
        let url = format!("file://{}", self.shop.at("pushed.git").canonicalize().unwrap().display());
        serde_json::json!({
            "ref": "refs/heads/main", "after": self.git("clone", &["rev-parse", "HEAD"]), "commits": [],
            "repository": { "full_name": "acme/shop", "clone_url": url },
        })
        .to_string()
    }
}

#[test]
fn a_leak_pushed_to_a_remote_is_rotated_by_its_webhook_and_forged_or_repeated_ones_do_no_harm() {
    let (watched, address) = called(Settings::default().policy("when", "automatic"), "1h");
    let watched = watched.started();
    until("the first commit was mirrored and scanned", || watched.tips() > 0);
    watched.leak();
    watched.push();
    let payload = watched.payload();
    assert_eq!(deliver(address, "shop", "one", &payload, "a guess"), 401);
    assert_eq!(deliver(address, "nowhere", "one", &payload, SIGNED_WITH), 404);
    std::thread::sleep(Duration::from_millis(700));
    assert!(watched.cases().as_array().unwrap().is_empty(), "a forged call changes nothing");
    assert_eq!(deliver(address, "shop", "one", &payload, SIGNED_WITH), 202);
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    for _ in 0..5 {
        assert_eq!(deliver(address, "shop", "one", &payload, SIGNED_WITH), 202, "a redelivery is known");
    }
    assert_eq!(deliver(address, "shop", "two", "{", SIGNED_WITH), 400);
    assert_eq!(
        deliver(address, "shop", "three", &payload.replace("acme/shop", "acme/x").replace("pushed", "y"), SIGNED_WITH),
        202
    );
    let log = watched.log();
    assert_eq!(log.matches("known already").count(), 5, "{log}");
    assert!(!log.contains(SIGNED_WITH), "{log}");
}

#[test]
fn a_leak_whose_webhook_was_lost_is_found_by_the_poll() {
    let (watched, _) = called(Settings::default().policy("when", "automatic"), "400ms");
    let watched = watched.started();
    until("the first commit was mirrored and scanned", || watched.tips() > 0);
    watched.leak();
    watched.push();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    watched.log();
}

#[test]
fn a_source_that_cannot_be_reached_stands_in_nobodys_way_and_is_tried_again() {
    let (watched, _) = called(Settings::default().policy("when", "automatic"), "1h");
    watched.leak();
    watched.push();
    std::fs::rename(watched.shop.at("pushed.git"), watched.shop.at("away.git")).unwrap();
    let watched = watched.started();
    watched.shop.rotate(&["--plan"]).expect(0);
    std::thread::sleep(Duration::from_millis(800));
    std::fs::rename(watched.shop.at("away.git"), watched.shop.at("pushed.git")).unwrap();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    let log = watched.log();
    assert!(log.contains("it could not be fetched"), "{log}");
}

#[test]
fn people_are_told_of_a_leak_and_of_its_case_once_and_its_health_can_be_asked() {
    let watched = Watched::open(Settings::default().policy("when", "automatic"), "1h");
    let told = Arc::new(Mutex::new(Vec::<String>::new()));
    let heard = Arc::clone(&told);
    let ear = Server::start(move |asked| {
        heard.lock().unwrap().push(String::from_utf8_lossy(&asked.body).into_owned());
        Answer::Reply(Reply::of(200, "{}"))
    });
    let health = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(watched.shop.at("alert-url"), format!("http://{}/told", ear.address)).unwrap();
    std::fs::write(watched.shop.at("alert-secret"), "what messages are signed with").unwrap();
    watched.shop.configure(|text| {
        let alerts = "alerts:\n  desk: { from: info, to: { driver: webhook, url: { file: alert-url }, secret: { file: alert-secret } } }\n";
        format!("{alerts}{}", text.replace("daemon: {", &format!("daemon: {{ health: '{health}',")))
    });
    let watched = watched.started();
    assert_eq!(Asked::new("GET", "/readyz", b"").send(health).unwrap().status, 200);
    watched.leak();
    watched.push();
    watched.until_stage("Closed");
    let count = |text: &str| told.lock().unwrap().iter().filter(|one| one.contains(text)).count();
    until("the end is told", || count("observed dead") == 1);
    assert_eq!(count("C-0001 is opened and replaces it by itself"), 1, "{:?}", told.lock().unwrap());
    let numbers = String::from_utf8(Asked::new("GET", "/metrics", b"").send(health).unwrap().body).unwrap();
    assert!(numbers.contains("stanch_rotations_total") && numbers.contains("stanch_findings_total"), "{numbers}");
    crate::world::hides(&numbers, &watched.shop.leaked);
    watched.shop.assert_rotated();
    let (shop, daemon) = (watched.shop, watched.daemon.unwrap());
    drained(&shop, daemon);
    drained(&shop, start(&shop));
    assert_eq!((count("observed dead"), count("C-0001 is opened")), (1, 1), "told again after a start");
    told.lock().unwrap().iter().for_each(|one| crate::world::hides(one, &shop.leaked));
}
