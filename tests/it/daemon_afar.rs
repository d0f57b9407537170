//! The daemon and what lies elsewhere: real git over real HTTP with a token, the calls of a forge, and who is told.

use crate::afar::{USER, authorised, served, unauthorised};
use crate::daemon::{SIGNED_WITH, Watched, called, deliver};
use crate::world::http::{Answer, Asked, Reply, Server};
use crate::world::shop::{Settings, until};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn automatic() -> Settings {
    Settings::default().policy("when", "automatic")
}

/// Free a moment ago, and nobody else asks for it.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn git_token() -> String {
    ["afar", "-", &"r8Wq".repeat(6)].concat()
}

/// A forge for `acme`: lists what it is told to list, to who shows the token, and serves it with git's own server.
fn forge(watched: &Watched, listed: &Arc<Mutex<Vec<&'static str>>>) -> Server {
    let (root, listed) = (watched.shop.at("."), Arc::clone(listed));
    std::fs::write(watched.shop.at("git-token"), git_token()).unwrap();
    std::fs::write(watched.shop.at("hook-secret"), SIGNED_WITH).unwrap();
    let base = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&base);
    let server = Server::start(move |asked| {
        if asked.path.starts_with("/api/v3/orgs/acme/repos?") {
            if asked.bearer() != Some(git_token().as_bytes()) {
                return Answer::Reply(Reply::of(401, "who are you?"));
            }
            let (listed, base) = (listed.lock().unwrap(), told.lock().unwrap());
            let entry = |name: &&str| {
                let url = format!("http://{base}/acme/{name}.git");
                serde_json::json!({ "full_name": format!("acme/{name}"), "clone_url": url })
            };
            let all: Vec<_> = listed.iter().map(entry).collect();
            return Answer::Reply(Reply::of(200, serde_json::Value::from(all).to_string()));
        }
        Answer::Reply(if authorised(&asked, &git_token()) { served(&root, &asked) } else { unauthorised() })
    });
    *base.lock().unwrap() = server.address.to_string();
    server
}

/// One number of the daemon.
fn number(health: SocketAddr, name: &str) -> f64 {
    let text = String::from_utf8(Asked::new("GET", "/metrics", b"").send(health).unwrap().body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
}

/// A push as the forge tells of it: a commit list that leaves the leak out.
fn push_to(server: &Server, name: &str, after: &str) -> String {
    let url = format!("http://{}/{name}.git", server.address);
    let repository = serde_json::json!({ "full_name": name, "clone_url": url });
    serde_json::json!({ "ref": "refs/heads/main", "after": after, "commits": [], "repository": repository }).to_string()
}

#[test]
fn a_push_to_a_server_with_a_token_is_rotated_by_its_webhook_and_without_it_by_the_poll() {
    let watched = Watched::open(automatic(), "1h");
    let server = forge(&watched, &Arc::default());
    let (calls, health) = (free(), free());
    watched.shop.configure(|text| {
        let elsewhere = format!(
            "driver: git, url: 'http://{}/pushed.git', user: {USER}, token: {{ file: git-token }}, every: 1h, \
             webhook: {{ from: github, secret: {{ file: hook-secret }} }}",
            server.address
        );
        text.replace("driver: path, path: pushed.git", &elsewhere)
            .replace("daemon: {", &format!("daemon: {{ listen: '{calls}', health: '{health}',"))
    });
    let watched = watched.started();
    until("the first commit was mirrored and scanned", || watched.tips() > 0);
    watched.leak();
    watched.push();
    let payload = push_to(&server, "pushed", &watched.git("clone", &["rev-parse", "HEAD"]));
    assert_eq!(deliver(calls, "shop", "one", &payload, "a guess"), 401);
    std::thread::sleep(Duration::from_millis(700));
    assert!(watched.cases().as_array().unwrap().is_empty(), "a forged call changes nothing");
    assert_eq!(deliver(calls, "shop", "one", &payload, SIGNED_WITH), 202);
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    assert_eq!(deliver(calls, "shop", "one", &payload, SIGNED_WITH), 202);
    // From here on nobody calls.
    watched.shop.configure(|text| text.replace("every: 1h", "every: 1s"));
    watched.shop.stanch(&["reload"]).expect(0);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(watched.cases().as_array().unwrap().len(), 1, "a redelivery begins nothing");
    assert!(number(health, "stanch_webhook_missed_total").abs() < 0.5, "what was called about was not missed");
    let fresh = String::from_utf8(watched.shop.stored()).unwrap();
    watched.commit("again.py", &format!("token = '{fresh}'\n"));
    watched.push();
    until("the second leak has a case that is closed", || watched.cases()[1]["stage"] == "Closed");
    watched.shop.assert_rotated();
    until("the lost call is counted", || (number(health, "stanch_webhook_missed_total") - 1.0).abs() < 0.5);
    std::thread::sleep(Duration::from_millis(2500));
    assert!((number(health, "stanch_webhook_missed_total") - 1.0).abs() < 0.5, "once");
    let log = watched.log();
    assert!(log.contains("known already") && log.contains("no webhook came"), "{log}");
    crate::world::hides(&log, &git_token());
    assert!(!log.contains(SIGNED_WITH), "{log}");
}

#[test]
fn an_organisation_is_followed_and_one_of_its_repositories_that_no_list_named_yet_is_found_by_its_webhook() {
    let watched = Watched::open(automatic(), "1h");
    let listed = Arc::new(Mutex::new(vec!["shop", "site", "old"]));
    let server = forge(&watched, &listed);
    for name in ["shop", "site", "old", "late"] {
        watched.git(".", &["clone", "-q", "--bare", "pushed.git", &format!("acme/{name}.git")]);
    }
    let calls = free();
    watched.shop.configure(|text| {
        let organisation = format!(
            "driver: forge, forge: github, organisation: acme, base: 'http://{}', user: {USER}, \
             token: {{ file: git-token }}, every: 1h, exclude: [old], webhook: {{ file: hook-secret }}",
            server.address
        );
        text.replace("driver: path, path: pushed.git", &organisation)
            .replace("daemon: {", &format!("daemon: {{ listen: '{calls}',"))
    });
    let watched = watched.started();
    until("both were mirrored and scanned", || watched.tips() == 2);
    watched.leak();
    let leak = watched.git("clone", &["rev-parse", "HEAD"]);
    watched.git("clone", &["push", "-q", "../acme/old.git", "HEAD:main"]);
    assert_eq!(deliver(calls, "shop", "old", &push_to(&server, "acme/old", &leak), SIGNED_WITH), 202);
    std::thread::sleep(Duration::from_millis(500));
    assert!(watched.leaks().is_empty(), "what is left out is left out");
    watched.git("clone", &["push", "-q", "../acme/late.git", "HEAD:main"]);
    listed.lock().unwrap().push("late");
    assert_eq!(deliver(calls, "shop", "late", &push_to(&server, "acme/late", &leak), SIGNED_WITH), 202);
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    // And one that is known, at once.
    let fresh = String::from_utf8(watched.shop.stored()).unwrap();
    watched.commit("again.py", &format!("token = '{fresh}'\n"));
    let again = watched.git("clone", &["rev-parse", "HEAD"]);
    watched.git("clone", &["push", "-q", "../acme/site.git", "HEAD:main"]);
    assert_eq!(deliver(calls, "shop", "site", &push_to(&server, "acme/site", &again), SIGNED_WITH), 202);
    until("the second leak has a case that is closed", || watched.cases()[1]["stage"] == "Closed");
    watched.shop.assert_rotated();
    let log = watched.log();
    assert!(!log.contains("\"repository\":\"acme/old\""), "{log}");
    crate::world::hides(&log, &git_token());
}

/// Adds somebody who is told everything; what they were told.
fn told(watched: &Watched) -> (Arc<Mutex<Vec<String>>>, Server) {
    let all = Arc::new(Mutex::new(Vec::<String>::new()));
    let heard = Arc::clone(&all);
    let ear = Server::start(move |asked| {
        heard.lock().unwrap().push(String::from_utf8_lossy(&asked.body).into_owned());
        Answer::Reply(Reply::of(200, "{}"))
    });
    std::fs::write(watched.shop.at("alert-url"), format!("http://{}/told", ear.address)).unwrap();
    std::fs::write(watched.shop.at("alert-secret"), "what messages are signed with").unwrap();
    let desk = "alerts:\n  desk: { from: info, to: { driver: webhook, url: { file: alert-url }, secret: { file: alert-secret } } }\n";
    watched.shop.configure(|text| format!("{desk}{text}"));
    (all, ear)
}

fn count(told: &Mutex<Vec<String>>, text: &str) -> usize {
    told.lock().unwrap().iter().filter(|one| one.contains(text)).count()
}

#[test]
fn a_source_that_is_not_scanned_any_more_is_told_once_and_so_is_its_return() {
    let watched = Watched::open(automatic(), "200ms");
    let (all, _ear) = told(&watched);
    let watched = watched.started();
    until("the first commit was scanned", || watched.tips() > 0);
    std::fs::rename(watched.shop.at("pushed.git"), watched.shop.at("away.git")).unwrap();
    until("the silence is told", || count(&all, "No complete scan of shop") == 1);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(count(&all, "No complete scan of shop"), 1, "once");
    assert_eq!(count(&all, "is scanned whole again"), 0);
    std::fs::rename(watched.shop.at("away.git"), watched.shop.at("pushed.git")).unwrap();
    until("the return is told", || count(&all, "is scanned whole again") == 1);
    // And it is as good as before.
    watched.leak();
    watched.push();
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    watched.log();
}

#[test]
fn many_leaks_at_once_are_one_message_and_what_went_past_a_hook_says_so() {
    let watched = Watched::open(automatic(), "300ms");
    watched.shop.configure(|text| text.replace("path: pushed.git", "path: clone"));
    let (all, _ear) = told(&watched);
    let tokens: Vec<String> = (20..28).map(crate::world::token).collect();
    let text: String = tokens.iter().map(|token| format!("token = '{token}'\n")).collect();
    watched.commit("many.py", &text);
    let watched = watched.started();
    until("they are told", || count(&all, "8 leaks were found at once in shop") == 1);
    assert_eq!(watched.leaks().len(), 8);
    // One more, whose author went past the hook and said why.
    let token = crate::world::token(30);
    std::fs::write(watched.shop.at("blob"), format!("token = '{token}'\n")).unwrap();
    let blob = watched.git("clone", &["hash-object", "../blob"]);
    let note = format!("2026-11-22T10:00:00Z\tpre-commit\t{blob}\ta demo for the board\n");
    std::fs::write(watched.shop.at("clone/.git/stanch-skips.log"), note).unwrap();
    watched.commit("demo.py", &format!("token = '{token}'\n"));
    until("it is told", || count(&all, "bypassed for it: a demo for the board (pre-commit") == 1);
    // The file may have been seen before it was committed, and was told then too.
    assert!(all.lock().unwrap().len() <= 3, "{:?}", all.lock().unwrap());
    all.lock().unwrap().iter().for_each(|one| tokens.iter().for_each(|token| crate::world::hides(one, token)));
    let log = watched.log();
    assert!(log.contains("a demo for the board"), "{log}");
    tokens.iter().chain([&token]).for_each(|token| crate::world::hides(&log, token));
}

#[test]
fn whoever_connects_and_dawdles_keeps_no_webhook_out_and_a_burst_is_taken() {
    let (watched, calls) = called(automatic(), "1h");
    let watched = watched.started();
    until("the first commit was mirrored and scanned", || watched.tips() > 0);
    watched.leak();
    watched.push();
    let begin = |head: &str| {
        let mut stream = TcpStream::connect(calls).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let mut dawdling: Vec<_> = (0..60).map(|_| begin("POST /hooks/shop HTTP/1.1\r\nhost: x\r\nx-")).collect();
    let half = "POST /hooks/shop HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\n{";
    dawdling.extend((0..40).map(|_| begin(half)));
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    assert_eq!(deliver(calls, "shop", "one", &watched.payload(), SIGNED_WITH), 202);
    assert!(began.elapsed() < Duration::from_secs(10), "a forge does not wait longer");
    let payload = Arc::new(watched.payload());
    let burst: Vec<_> = (0..8)
        .map(|thread| {
            let payload = Arc::clone(&payload);
            let one = move |number| deliver(calls, "shop", &format!("{thread}-{number}"), &payload, SIGNED_WITH);
            std::thread::spawn(move || (0..60).all(|number| one(number) == 202))
        })
        .collect();
    for thread in burst {
        assert!(thread.join().unwrap(), "every call of a burst is taken");
    }
    watched.until_stage("Closed");
    watched.shop.assert_rotated();
    assert_eq!(watched.cases().as_array().unwrap().len(), 1);
    drop(dawdling);
    watched.log();
}
