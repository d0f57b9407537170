//! `--verify` against a provider on this machine that behaves well, badly, or not at all.

use crate::world::http::{Answer, Asked, Reply, Server};
use crate::world::{Ran, World, hides};
use serde_json::{Value, json};
use stanch::rules::Checksum;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Kinds of a provider with two hosts: one that names handles and tells places apart, one that is content with a status,
/// one at an address of the operator's, one with a companion, one that nobody can ask about.
const RULES: &str = r"
provider: acme
title: Acme
hosts: [api.acme.example, eu.acme.example]
kinds:
  - id: acme.api-token
    title: Acme API token
    severity: high
    sources: &sources [{ page: 'https://docs.acme.example/tokens', mark: D }]
    detect:
      literals: [acme_]
      pattern: '\bacme_[0-9A-Za-z]{24}\b'
      prefix: acme_
      examples: [['ac', 'me_', 'q8Xk2PzL0vR7', 'tYw3q8Xk2PzL']]
      counterexamples: ['acme_token']
    verify:
      - page: https://docs.acme.example/tokens
        mark: D
        send: { method: GET, url: 'https://api.acme.example/me', bearer: '{{secret}}' }
        live: { status: [200], body: { /type: user }, take: { token: /id } }
        restricted: { status: [403], body: { /error: scope }, limit: scope }
        wrong_place: { status: [421] }
        dead: { status: [401] }
      - page: https://docs.acme.example/tokens
        mark: D
        send: { method: GET, url: 'https://eu.acme.example/me', bearer: '{{secret}}' }
        live: { status: [200], body: { /type: user }, take: { token: /id } }
        wrong_place: { status: [421] }
        dead: { status: [401] }
  - id: acme.loose-token
    title: Acme loose token
    severity: high
    sources: *sources
    detect:
      literals: [loose_]
      pattern: '\bloose_[0-9A-Za-z]{24}\b'
      prefix: loose_
      examples: [['lo', 'ose_', 'q8Xk2PzL0vR7', 'tYw3q8Xk2PzL']]
      counterexamples: ['loose_token']
    verify:
      page: https://docs.acme.example/tokens
      mark: D
      send: { method: GET, url: 'https://api.acme.example/loose', bearer: '{{secret}}' }
      live: { status: [200] }
      dead: { status: [401] }
  - id: acme.hosted-token
    title: Acme hosted token
    severity: high
    sources: *sources
    detect:
      literals: [hosted_]
      pattern: '\bhosted_[0-9A-Za-z]{24}\b'
      prefix: hosted_
      examples: [['ho', 'sted_', 'q8Xk2PzL0vR7', 'tYw3q8Xk2PzL']]
      counterexamples: ['hosted_token']
    verify:
      page: https://docs.acme.example/tokens
      mark: D
      send: { method: GET, url: '{{base}}/me', bearer: '{{secret}}' }
      live: { status: [200], body: { /type: user }, take: { token: /id } }
      dead: { status: [401] }
  - id: acme.pair-secret
    title: Acme pair
    severity: high
    sources: *sources
    detect:
      literals: [pair_]
      pattern: '\bpair_[0-9A-Za-z]{24}\b'
      prefix: pair_
      companions: [{ name: account, pattern: '\bacct-(?<value>[0-9]{6})\b', within: 80 }]
      examples: [['pa', 'ir_', 'q8Xk2PzL0vR7', 'tYw3q8Xk2PzL']]
      counterexamples: ['pair_token']
    verify:
      page: https://docs.acme.example/tokens
      mark: D
      send: { method: GET, url: 'https://api.acme.example/pair/{{account}}', bearer: '{{secret}}' }
      live: { status: [200], body: { /type: user } }
      dead: { status: [401] }
  - id: acme.mute-token
    title: Acme mute token
    severity: high
    sources: *sources
    detect:
      literals: [mute_]
      pattern: '\bmute_[0-9A-Za-z]{24}\b'
      prefix: mute_
      examples: [['mu', 'te_', 'q8Xk2PzL0vR7', 'tYw3q8Xk2PzL']]
      counterexamples: ['mute_token']
";

/// A token that stands nowhere in this file, different for every seed.
fn token(prefix: &str, seed: u64) -> String {
    let made = crate::world::token(seed);
    format!("{prefix}{}", &made["stanch_demo_".len()..]["x".len()..][..24])
}

fn reply(status: u16, body: &Value) -> Answer {
    Answer::Reply(Reply::of(status, body.to_string()))
}

fn html(status: u16) -> Answer {
    let page = "<!DOCTYPE html><html><body><form>please sign in</form></body></html>";
    let mut reply = Reply::of(status, page);
    reply.headers.push(("content-type".to_owned(), "text/html; charset=utf-8".to_owned()));
    Answer::Reply(reply)
}

/// What a provider answers, whatever it is asked.
type Behaviour = Box<dyn Fn() -> Answer + Send + Sync>;

/// What was asked: paths with the secrets.
type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// A provider, and what it has heard.
struct Provider {
    server: Server,
    heard: Heard,
}

impl Provider {
    fn start(answer: impl Fn(&Asked, &str) -> Answer + Send + Sync + 'static) -> Self {
        let heard = Heard::default();
        let told = Arc::clone(&heard);
        let server = Server::start(move |asked| {
            let secret = String::from_utf8_lossy(asked.bearer().unwrap_or_default()).into_owned();
            told.lock().unwrap().push((asked.path.clone(), secret.clone()));
            answer(&asked, &secret)
        });
        Self { server, heard }
    }

    /// One that knows these secrets, and answers as a good provider does.
    fn knowing(known: &[(&str, u16, Value)]) -> Self {
        let known: BTreeMap<String, (u16, Value)> =
            known.iter().map(|(secret, status, body)| ((*secret).to_owned(), (*status, body.clone()))).collect();
        Self::start(move |_, secret| match known.get(secret) {
            Some((status, body)) => reply(*status, body),
            None => reply(401, &json!({ "error": "bad token" })),
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    fn heard(&self) -> Vec<(String, String)> {
        self.heard.lock().unwrap().clone()
    }

    fn times(&self) -> usize {
        self.heard().len()
    }
}

fn user(id: &str) -> Value {
    json!({ "type": "user", "id": id })
}

/// A world with the kinds of Acme beside it.
fn world(files: &[(&str, String)]) -> World {
    let world = World::bare();
    std::fs::write(world.outside("acme.yaml"), RULES).unwrap();
    for (name, text) in files {
        world.write(name, text);
    }
    world
}

/// A scan with Acme's first host at the provider.
fn scan(world: &World, provider: &Provider, more: &[&str]) -> Ran {
    let here = format!("api.acme.example={}", provider.url());
    let eu = format!("eu.acme.example={}/eu", provider.url());
    let usual = ["scan", ".", "--rules", "../acme.yaml", "--verify-host", &here, "--verify-host", &eu];
    world.stanch(&[&usual, more].concat())
}

/// The verdict and the answer of each finding, by kind.
fn verdicts(ran: &Ran) -> Vec<(String, Value, String)> {
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|finding| (text(&finding["kind"]), finding["verdict"].clone(), text(&finding["answer"])))
        .collect()
}

#[test]
fn what_lives_is_told_from_what_is_dead() {
    let (live, dead, narrow) = (token("acme_", 1), token("acme_", 2), token("acme_", 3));
    let world = world(&[("a", format!("{live}\n{dead}\n{narrow}\n{live}\n"))]);
    let provider = Provider::knowing(&[(&live, 200, user("t-1")), (&narrow, 403, json!({ "error": "scope" }))]);
    let ran = scan(&world, &provider, &["--verify"]).expect(10).hides(&live).hides(&dead).hides(&narrow);
    let ran = ran.says("1 live, 1 restricted, 1 dead").says("live: accepted by http://127.0.0.1:");
    ran.says("4 requests, 3 of acme.api-token, 1 with a made-up token");
    let heard = provider.heard();
    assert_eq!(heard.len(), 4, "{heard:?}");
    assert!(heard[0].1.starts_with("acme_") && ![&live, &dead, &narrow].contains(&&heard[0].1), "the control first");
    for form in ["json", "lines", "sarif", "gitlab", "junit", "github", "summary", "bitbucket-annotations"] {
        let ran = scan(&world, &provider, &["--verify", "--format", form]).expect(10);
        ran.hides(&live).hides(&dead).hides(&narrow).says("live");
    }
    let ran = scan(&world, &provider, &["--verify", "--json", "--no-cache"]).expect(10);
    let said: Vec<Value> = verdicts(&ran).into_iter().map(|(_, verdict, _)| verdict).collect();
    assert_eq!(said[..2], [json!({ "live": "t-1" }), json!("dead")]);
    scan(&world, &provider, &["--verify", "--exit-zero"]).expect(0);
}

#[test]
fn nobody_is_asked_without_being_told_to_and_a_preview_sends_nothing() {
    let world = world(&[("a", format!("{}\n{}\n", token("acme_", 1), token("acme_", 2)))]);
    let provider = Provider::knowing(&[]);
    let usual = ["scan", ".", "--rules", "../acme.yaml"];
    world.stanch(&usual).expect(1).says("not asked if live");
    let ran = scan(&world, &provider, &["--verify=preview"]).expect(1).says("not asked if live");
    let address = provider.url();
    assert!(
        ran.stderr.contains(&format!(
            "  {address}: 3 requests, 2 of acme.api-token, 1 with a made-up token, and at most 2 secrets"
        )),
        "{}",
        ran.stderr
    );
    assert_eq!(provider.times(), 0);
    world.stanch(&[&usual[..], &["--verify", "--offline"]].concat()).expect(2);
    world.stanch(&["scan", "--image", "x.tar", "--verify", "--offline"]).expect(2).says("cannot be used with");
    world.stanch(&["scan", "--verify-budget", "3"]).expect(2);
    world
        .stanch(&["scan", ".", "--verify", "--verify-host", "no.example=http://127.0.0.1:1"])
        .expect(2)
        .says("no.example");
    world.stanch(&["scan", ".", "--verify", "--verify-base", "nobody=http://127.0.0.1:1"]).expect(2).says("nobody");
}

#[test]
fn one_control_stands_for_ten_tokens_and_dead_ones_are_not_asked_about_again() {
    let tokens: Vec<String> = (1..=10).map(|seed| token("acme_", seed)).collect();
    let world = world(&[("a", tokens.join("\n"))]);
    let provider = Provider::knowing(&[(&tokens[4], 200, user("t-5"))]);
    scan(&world, &provider, &["--verify"]).expect(10).says("1 live, 9 dead");
    assert_eq!(provider.times(), 11);
    let again = scan(&world, &provider, &["--verify"]).expect(10).says("1 live, 9 dead");
    assert_eq!(provider.times(), 11, "{}", again.stderr);
    assert!(again.stderr.contains("10 secrets known from an earlier run"), "{}", again.stderr);
    scan(&world, &provider, &["--verify", "--no-cache"]).expect(10);
    assert_eq!(provider.times(), 22);
    // Nothing in the state directory gives a secret away, and what somebody else wrote there counts for nothing.
    let file = world.outside("state/stanch/verdicts");
    let mut bytes = std::fs::read(&file).unwrap();
    for token in &tokens {
        hides(&String::from_utf8_lossy(&bytes), token);
    }
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    scan(&world, &provider, &["--verify"]).expect(10);
    assert_eq!(provider.times(), 33);
}

#[test]
fn who_answers_anything_or_nothing_is_not_believed() {
    let tokens = [token("acme_", 1), token("loose_", 2)];
    let cases: Vec<(&str, Behaviour)> = vec![
        ("yes to anything", Box::new(|| reply(200, &user("t-1")))),
        ("a firewall", Box::new(|| html(403))),
        ("a page to sign in", Box::new(|| html(200))),
        ("in trouble", Box::new(|| reply(500, &user("t-1")))),
        ("not a word", Box::new(|| Answer::Nothing)),
        ("an empty yes", Box::new(|| Answer::Reply(Reply::of(200, "")))),
        ("a long yes", Box::new(|| Answer::Reply(Reply::of(200, vec![b' '; 2 << 20])))),
        (
            "elsewhere",
            Box::new(|| {
                let mut reply = Reply::of(302, "");
                reply.headers.push(("location".to_owned(), "https://api.acme.example/login".to_owned()));
                Answer::Reply(reply)
            }),
        ),
    ];
    for (name, answer) in cases {
        let world = world(&[("a", tokens.join("\n"))]);
        let provider = Provider::start(move |_, _| answer());
        let ran = scan(&world, &provider, &["--verify", "--json"]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
        for (kind, verdict, answer) in verdicts(&ran) {
            assert!(verdict.get("unknown").is_some() && !answer.is_empty(), "{name}: {kind} {verdict} {answer}");
        }
        for token in &tokens {
            hides(&ran.stdout, token);
            hides(&ran.stderr, token);
        }
    }
}

#[test]
fn a_control_that_is_refused_by_somebody_else_proves_nothing() {
    let (live, dead) = (token("loose_", 1), token("loose_", 2));
    let world = world(&[("a", format!("{live}\n{dead}\n"))]);
    let (known, gone) = (live.clone(), dead.clone());
    let provider = Provider::start(move |_, secret| match secret {
        secret if secret == known => reply(200, &json!({})),
        secret if secret == gone => reply(401, &json!({})),
        _ => html(403),
    });
    let ran = scan(&world, &provider, &["--verify", "--json"]).expect(1);
    let said: Vec<Value> = verdicts(&ran).into_iter().map(|(_, verdict, _)| verdict).collect();
    assert_eq!(said, [json!({ "unknown": "control" }), json!("dead")]);
}

#[test]
fn a_signal_ends_the_questions_and_what_is_known_is_reported() {
    let world = world(&[("a", token("loose_", 1))]);
    let provider = Provider::start(|_, _| Answer::Silence);
    let here = format!("api.acme.example={}", provider.url());
    let mut command = world.command(crate::world::program());
    command.args(["scan", ".", "--rules", "../acme.yaml", "--verify", "--verify-host", &here]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while provider.times() == 0 {
        assert!(Instant::now() < deadline, "it asks");
        std::thread::sleep(Duration::from_millis(10));
    }
    world.run_ok("kill", &["-INT", &child.id().to_string()]);
    let ran = Ran::of(child.wait_with_output().unwrap()).expect(130);
    ran.says("not asked: the run ended before it was asked").says("interrupted");
}

#[test]
fn no_log_shows_a_secret() {
    let (live, account) = (token("pair_", 4), "acct-123456");
    let world = world(&[("a", format!("{account} {live}\n"))]);
    let provider = Provider::knowing(&[(&live, 200, user("t"))]);
    scan(&world, &provider, &["--verify", "-vvv"]).expect(10).hides(&live).hides("acct-123456");
}

#[test]
fn a_job_of_continuous_integration_asks_too() {
    let world = World::new();
    std::fs::write(world.outside("acme.yaml"), RULES).unwrap();
    let base = world.commit("a", "nothing\n", "one");
    let live = token("acme_", 1);
    world.commit("b", &live, "two");
    let provider = Provider::knowing(&[(&live, 200, user("t"))]);
    let here = format!("api.acme.example={}", provider.url());
    let mut command = world.command(crate::world::program());
    command.args(["ci", "--rules", "../acme.yaml", "--verify", "--verify-host", &here]).env("STANCH_BASE", base);
    world.run(command).expect(10).says("live: accepted by").hides(&live);
}

#[test]
fn a_key_of_aws_is_asked_who_it_is_and_its_secret_stays_here() {
    let body = token("", 5);
    let id = format!("AKIA{}", "QZ7MX3KD5WNT2RVB");
    let secret = format!("{body}Zq7/Xk2+Lm9Rv4Tw");
    let world = world(&[("a", format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n"))]);
    // The first that comes is the made-up one.
    let first = Mutex::new(true);
    let sent = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&sent);
    let provider = Provider::start(move |asked, _| {
        seen.lock().unwrap().push_str(&format!("{asked:?}{}", String::from_utf8_lossy(&asked.body)));
        for (_, value) in &asked.headers {
            seen.lock().unwrap().push_str(&String::from_utf8_lossy(value));
        }
        let (status, body) = if std::mem::take(&mut *first.lock().unwrap()) {
            (403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>")
        } else {
            (
                200,
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/kim</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
            )
        };
        let mut reply = Reply::of(status, body);
        reply.headers.push(("content-type".to_owned(), "text/xml".to_owned()));
        Answer::Reply(reply)
    });
    let here = format!("aws={}", provider.url());
    let ran = world.stanch(&["scan", ".", "--verify", "--json", "--verify-base", &here]).expect(10).hides(&secret);
    assert_eq!(verdicts(&ran)[0].1, json!({ "live": id }));
    let sent = sent.lock().unwrap();
    assert!(sent.contains("GetCallerIdentity") && sent.contains(&id), "{sent}");
    hides(&sent, &secret);
    // Without an address all partitions would be asked.
    let ran = world.stanch(&["scan", ".", "--verify=preview"]).expect(1);
    for host in [
        "sts.us-east-1.amazonaws.com: 2 requests",
        "sts.us-gov-west-1.amazonaws.com",
        "sts.cn-north-1.amazonaws.com.cn",
    ] {
        assert!(ran.stderr.contains(host), "{}", ran.stderr);
    }
}

#[test]
fn who_keeps_silent_is_asked_once_and_not_believed() {
    let world = world(&[("a", (1..=4).map(|seed| token("loose_", seed)).collect::<Vec<_>>().join("\n"))]);
    let provider = Provider::start(|_, _| Answer::Silence);
    let ran = scan(&world, &provider, &["--verify", "--json"]).expect(1);
    let said = verdicts(&ran);
    assert!(said.len() == 4 && said.iter().all(|(_, verdict, _)| *verdict == json!({ "unknown": "unreachable" })));
    assert_eq!(provider.times(), 1);
}

#[test]
fn who_asks_to_slow_down_is_asked_once_more_and_not_before() {
    // Always busy: the control, and once more.
    let world_of = || world(&[("a", (1..=4).map(|seed| token("loose_", seed)).collect::<Vec<_>>().join("\n"))]);
    let busy = |seconds: &'static str| {
        move || {
            let mut reply = Reply::of(429, "");
            reply.headers.push(("retry-after".to_owned(), seconds.to_owned()));
            Answer::Reply(reply)
        }
    };
    for (seconds, times) in [("1", 2), ("3600", 1)] {
        let world = world_of();
        let provider = Provider::start({
            let busy = busy(seconds);
            move |_, _| busy()
        });
        let ran = scan(&world, &provider, &["--verify", "--json"]).expect(1);
        assert!(verdicts(&ran).iter().all(|(_, verdict, _)| *verdict == json!({ "unknown": "throttled" })));
        assert_eq!(provider.times(), times, "{seconds}");
    }
    // Busy once.
    let world = world_of();
    let (first, busy, live) = (Mutex::new(true), busy("1"), token("loose_", 1));
    let provider = Provider::start(move |_, secret| {
        if std::mem::take(&mut *first.lock().unwrap()) {
            return busy();
        }
        if secret == live { reply(200, &json!({})) } else { reply(401, &json!({})) }
    });
    scan(&world, &provider, &["--verify"]).expect(10).says("1 live, 3 dead");
    assert_eq!(provider.times(), 6);
}

#[test]
fn more_is_not_asked_than_the_budget_holds() {
    let tokens: Vec<String> = (1..=5).map(|seed| token("loose_", seed)).collect();
    let world = world(&[("a", tokens.join("\n"))]);
    let provider = Provider::knowing(&[]);
    let ran = scan(&world, &provider, &["--verify", "--verify-budget", "3", "--json"]).expect(1);
    let said: Vec<Value> = verdicts(&ran).into_iter().map(|(_, verdict, _)| verdict).collect();
    let over = json!({ "unknown": "budget" });
    assert_eq!(said, [json!("dead"), json!("dead"), over.clone(), over.clone(), over]);
    assert_eq!(provider.times(), 3);
    assert!(
        ran.stderr.contains("not asked about 3 of acme.loose-token: over the budget of 3 requests"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_token_of_another_place_is_asked_about_there() {
    let (eu, nowhere) = (token("acme_", 1), token("acme_", 2));
    let world = world(&[("a", format!("{eu}\n{nowhere}\n"))]);
    let (known, lost) = (eu.clone(), nowhere.clone());
    let provider = Provider::start(move |asked, secret| match asked.path.as_str() {
        "/me" if secret == known || secret == lost => reply(421, &json!({})),
        "/eu/me" if secret == known => reply(200, &user("eu-1")),
        "/eu/me" if secret == lost => reply(421, &json!({})),
        _ => reply(401, &json!({})),
    });
    let ran = scan(&world, &provider, &["--verify", "--json"]).expect(10);
    let said: Vec<Value> = verdicts(&ran).into_iter().map(|(_, verdict, _)| verdict).collect();
    assert_eq!(said, [json!({ "live": "eu-1" }), json!("wrong-place")]);
    assert_eq!(provider.heard().iter().filter(|(path, _)| path == "/eu/me").count(), 3, "with a control of its own");
}

#[test]
fn what_cannot_be_asked_about_is_named_with_the_reason() {
    let files = [
        ("a", format!("{}\n{}\n", token("hosted_", 1), token("mute_", 2))),
        ("b", format!("{}\n", token("pair_", 3))),
        ("c", format!("acct-123456 {}\n", token("pair_", 4))),
    ];
    let world = world(&files);
    let provider = Provider::knowing(&[(&token("pair_", 4), 200, user("t"))]);
    let ran = scan(&world, &provider, &["--verify"]).expect(10).says("1 live, 3 not asked");
    let ran =
        ran.says("not asked about 1 of acme.hosted-token: it is asked at an address of yours: --verify-base acme=URL");
    let ran = ran.says("acme.mute-token: its kind has no call that asks");
    ran.says("acme.pair-secret: it needs 'account', which was not found beside it");
    assert!(provider.heard().iter().all(|(path, _)| path == "/pair/123456"), "{:?}", provider.heard());
}

#[test]
fn an_address_of_the_operator_is_asked_and_several_one_after_the_other() {
    let (live, dead) = (token("hosted_", 1), token("hosted_", 2));
    let world = world(&[("a", format!("{live}\n{dead}\n"))]);
    let (one, two) = (Provider::knowing(&[]), Provider::knowing(&[(&live, 200, user("h-1"))]));
    let [first, second] = [format!("acme={}", one.url()), format!("acme={}", two.url())];
    let usual = ["scan", ".", "--rules", "../acme.yaml", "--verify", "--json", "--verify-base"];
    let ran = world.stanch(&[&usual[..], &[&first, "--verify-base", &second]].concat()).expect(10);
    let said = verdicts(&ran);
    assert_eq!((&said[0].1, &said[1].1), (&json!({ "live": "h-1" }), &json!("dead")));
    assert_eq!(said[1].2, format!("refused by {} and {}", one.url(), two.url()));
    // The same from the operator's file; the scanned repository's own has no say.
    world.write("stanch.yaml", "salt: abcdefghijklmnop\n");
    let file = format!(
        "credentials:\n  a:\n    kind: acme.hosted-token\n    provider: {{ driver: http, base: '{}' }}\n    stores: [{{ store: s, path: a }}]\nstores:\n  s: {{ driver: local, directory: /tmp }}\n",
        two.url()
    );
    std::fs::write(world.outside("operator.yaml"), &file).unwrap();
    let usual = ["scan", ".", "--rules", "../acme.yaml", "--verify", "--json", "--config", "../operator.yaml"];
    let ran = world.stanch(&usual).expect(10);
    assert_eq!(verdicts(&ran).iter().filter(|(_, verdict, _)| *verdict == json!({ "live": "h-1" })).count(), 1);
    // A honeytoken is never asked about.
    let times = two.times();
    std::fs::write(world.outside("operator.yaml"), format!("{file}honeytokens: [{{ kind: acme.hosted-token }}]\n"))
        .unwrap();
    world.stanch(&[&usual[..], &["--no-cache"]].concat()).expect(1).says("a honeytoken, which is never asked about");
    assert_eq!(two.times(), times);
}

#[test]
fn a_control_has_the_right_checksum() {
    let body = &token("", 1);
    let payload = format!("{body}abcdef");
    let sealed = Checksum::Github.sealed(format!("ghp_{payload}000000").as_bytes()).unwrap();
    let secret = String::from_utf8(sealed).unwrap();
    let world = world(&[("a", secret.clone())]);
    let provider = Provider::knowing(&[(&secret, 200, json!({ "type": "User", "login": "kim", "id": 1 }))]);
    let here = format!("api.github.com={}", provider.url());
    world.stanch(&["scan", ".", "--verify", "--verify-host", &here]).expect(10).hides(&secret);
    let heard = provider.heard();
    assert_eq!(heard.len(), 2);
    let control = &heard[0].1;
    assert!(
        *control != secret && control.len() == secret.len() && Checksum::Github.covered(control.as_bytes()).is_some()
    );
}

#[test]
fn a_handle_that_repeats_the_secret_is_not_shown() {
    let live = token("acme_", 1);
    let world = world(&[("a", live.clone())]);
    let provider = Provider::knowing(&[(&live, 200, user(&format!("token {live}")))]);
    let ran = scan(&world, &provider, &["--verify", "--json"]).expect(10).hides(&live);
    assert!(verdicts(&ran)[0].1["live"].as_str().unwrap().starts_with("st1"), "{}", ran.stdout);
}

#[test]
fn every_target_can_be_asked_about_and_reports_are_the_same_for_any_number_of_threads() {
    let world = World::new();
    std::fs::write(world.outside("acme.yaml"), RULES).unwrap();
    let tokens: Vec<String> =
        (1..=12).map(|seed| token(if seed % 2 == 0 { "loose_" } else { "acme_" }, seed)).collect();
    for (number, token) in tokens.iter().enumerate() {
        world.write(format!("f{number}"), token);
    }
    world.git(&["add", "-A"]);
    let live = [(tokens[3].as_str(), 200, user("t-3")), (tokens[4].as_str(), 200, user("t-4"))];
    let provider = Provider::knowing(&live);
    let here = format!("api.acme.example={}", provider.url());
    let eu = format!("eu.acme.example={}/eu", provider.url());
    let usual =
        ["--rules", "../acme.yaml", "--verify", "--json", "--no-cache", "--verify-host", &here, "--verify-host", &eu];
    let ran = |first: &[&str]| world.stanch(&[first, &usual].concat());
    let one = ran(&["scan", ".", "--jobs", "1"]).expect(10).stdout;
    for jobs in ["2", "7"] {
        assert_eq!(ran(&["scan", ".", "--jobs", jobs]).expect(10).stdout, one);
    }
    ran(&["scan", "--staged"]).expect(10);
    world.git_as_kim(&["commit", "--no-verify", "-qm", "one"]);
    world.commit("g", token("loose_", 99), "two");
    ran(&["scan", "--history"]).expect(10);
    ran(&["scan", "--history"]).expect(10);
    ran(&["scan", "--range", "HEAD~1..HEAD"]).expect(1).says("\"dead\"");
}
