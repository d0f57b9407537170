//! Messages to mail and log servers that others wrote, and numbers and rules read by those that Prometheus brings.

use super::{secret_setting, setting, unique};
use crate::world::http::{Answer, Asked, Reply, Server};
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn notify(directory: &Path, name: &str, alert: &str) -> Output {
    notify_trusting(&setting("STANCH_TEST_MAIL_AUTHORITY"), directory, name, alert)
}

fn notify_trusting(authority: &str, directory: &Path, name: &str, alert: &str) -> Output {
    std::fs::write(directory.join("stanch.yaml"), format!("alerts:\n  '{name}': {{ to: {alert} }}\n")).unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_stanch"))
        .args(["notify", "test", name, "--config", "stanch.yaml", "-vvv"])
        .current_dir(directory)
        .env("STANCH_LOG", "trace")
        .env("SSL_CERT_FILE", authority)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[ran.stdout.as_slice(), &ran.stderr].concat()).into_owned();
    let password = secret_setting("STANCH_TEST_MAIL_PASSWORD_FILE");
    let encoded = data_encoding::BASE64.encode(format!("\0stanch\0{password}").as_bytes());
    assert!(!said.contains(&password) && !said.contains(&encoded), "{said}");
    ran
}

fn said(ran: &Output) -> String {
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

/// The one thing that holds a word; the deadline is generous.
fn found(word: &str, all: impl Fn() -> Vec<Value>) -> Value {
    let began = Instant::now();
    loop {
        let mut kept = all().into_iter().filter(|one| one.to_string().contains(word));
        if let Some(one) = kept.next() {
            return one;
        }
        assert!(began.elapsed() < PATIENCE, "nothing came that holds {word}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn mails() -> Vec<Value> {
    let files = std::fs::read_dir(setting("STANCH_TEST_MAILS")).unwrap();
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    files.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

#[test]
#[ignore = "needs mail servers, which tests/run starts"]
fn mail_arrives_in_clear_with_a_login_by_starttls_and_by_tls() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("password"), secret_setting("STANCH_TEST_MAIL_PASSWORD_FILE")).unwrap();
    for (server, tls, login) in [
        ("STANCH_TEST_MAIL_LOGIN", "none", "user: stanch, password: { file: password }, "),
        ("STANCH_TEST_MAIL_STARTTLS", "starttls", ""),
        ("STANCH_TEST_MAIL_IMPLICIT", "implicit", ""),
    ] {
        let name = format!("post-{}", unique());
        let server = setting(server);
        let alert = format!(
            "{{ driver: mail, server: '{server}', tls: {tls}, {login}from: 'Stanch <stanch@shop.example>', \
             to: [ops@shop.example, 'Kim <kim@shop.example>'] }}"
        );
        let ran = notify(directory.path(), &name, &alert);
        assert!(ran.status.success(), "{tls}: {}", said(&ran));
        let mail = found(&name, mails);
        assert_eq!((&mail["encrypted"], &mail["login"]), (&(tls != "none").into(), &(tls == "none").into()), "{mail}");
        assert_eq!(mail["to"], serde_json::json!(["ops@shop.example", "kim@shop.example"]));
        assert_eq!(mail["defects"], serde_json::json!([]));
        assert!(mail["text"].as_str().unwrap().contains("This is a test"), "{mail}");
        let header = |name: &str| -> String {
            let headers = mail["headers"].as_array().unwrap().iter().filter(|header| header[0] == name);
            let values: Vec<_> = headers.map(|header| header[1].as_str().unwrap()).collect();
            assert_eq!(values.len(), 1, "{name} in {mail}");
            values[0].to_owned()
        };
        assert!(header("subject").starts_with("[stanch] This is a test"), "{mail}");
        assert!(header("message-id").ends_with("@shop.example>") && header("in-reply-to") == header("references"));
        assert!(header("content-type").starts_with("text/plain"));
    }
}

#[test]
#[ignore = "needs mail servers, which tests/run starts"]
fn mail_that_is_not_taken_is_refused_or_tried_later() {
    let directory = tempfile::tempdir().unwrap();
    let send = |server: &str, tls: &str, more: &str| {
        let alert = format!("{{ driver: mail, server: '{server}', tls: {tls}, from: stanch@shop.example, {more} }}");
        let ran = notify(directory.path(), "post", &alert);
        (ran.status.code().unwrap(), said(&ran))
    };
    let starttls = setting("STANCH_TEST_MAIL_STARTTLS");
    let (code, words) = send(&starttls, "starttls", "to: [nobody@shop.example]");
    assert!(code == 4 && words.contains("post refused the message: status 550"), "{words}");
    let (code, words) = send(&starttls, "starttls", "to: [busy@shop.example]");
    assert!(code == 4 && words.contains("post did not take the message: status 451"), "{words}");
    // A server that has no TLS is not spoken to in clear.
    let (code, words) = send(&setting("STANCH_TEST_MAIL_LOGIN"), "starttls", "to: [ops@shop.example]");
    assert!(code == 4 && words.contains("did not take the message"), "{words}");
    // Nor is one whose certificate nobody vouches for.
    let strangers = setting("STANCH_TEST_MAIL_AUTHORITY").replace("ca.pem", "stranger.pem");
    for (server, tls) in [("STANCH_TEST_MAIL_STARTTLS", "starttls"), ("STANCH_TEST_MAIL_IMPLICIT", "implicit")] {
        let server = setting(server);
        let alert = format!(
            "{{ driver: mail, server: '{server}', tls: {tls}, from: stanch@shop.example, to: [ops@shop.example] }}"
        );
        let ran = notify_trusting(&strangers, directory.path(), "post", &alert);
        assert!(ran.status.code() == Some(4) && said(&ran).contains("did not take the message"), "{}", said(&ran));
    }
    std::fs::write(directory.path().join("password"), "another").unwrap();
    let login = "user: stanch, password: { file: password }, to: [ops@shop.example]";
    let (code, words) = send(&setting("STANCH_TEST_MAIL_LOGIN"), "none", login);
    assert!(code == 4 && words.contains("did not take the message: status 535"), "{words}");
}

#[test]
#[ignore = "needs rsyslogd, which tests/run starts"]
fn rsyslog_reads_every_part_of_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let lines = || {
        let text = std::fs::read_to_string(setting("STANCH_TEST_SYSLOG_FILE")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    for (protocol, input) in [("udp", "imudp"), ("tcp", "imtcp")] {
        let name = format!("logs-{}", unique());
        let alert = format!("{{ driver: syslog, address: '{protocol}://{}' }}", setting("STANCH_TEST_SYSLOG"));
        let ran = notify(directory.path(), &name, &alert);
        assert!(ran.status.success(), "{}", said(&ran));
        let line = found(&name, lines);
        assert_eq!(
            (&line["pri"], &line["version"], &line["app"]),
            (&"86".into(), &"1".into(), &"stanch".into()),
            "{line}"
        );
        assert_eq!((&line["msgid"], &line["input"]), (&"test".into(), &input.into()), "{line}");
        let data = line["data"].as_str().unwrap();
        assert!(
            data.starts_with("[stanch@32473 moment=\"test\" urgency=\"info\" key=\"test/") && data.ends_with("\"]"),
            "{line}"
        );
        assert!(line["msg"].as_str().unwrap().trim_start().starts_with("This is a test: "), "{line}");
    }
}

/// What a sink of this kind posts to an address on loopback.
fn posted(driver: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
    let kept = Arc::clone(&heard);
    let server = Server::start(move |asked: Asked| {
        *kept.lock().unwrap() = asked.body;
        Answer::Reply(Reply::of(200, "ok"))
    });
    std::fs::write(directory.path().join("url"), format!("http://{}/hook", server.address)).unwrap();
    // A name full of signs that markup would read.
    let ran =
        notify(directory.path(), "<!here> *a* & [b](c)", &format!("{{ driver: {driver}, url: {{ file: url }} }}"));
    assert!(ran.status.success(), "{}", said(&ran));
    String::from_utf8(heard.lock().unwrap().clone()).unwrap()
}

#[test]
#[ignore = "needs Microsoft's and Slack's libraries, which tests/run sees to"]
fn their_makers_find_nothing_wrong_with_cards_and_blocks() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real");
    let card = |text: &str| {
        let mut node = Command::new("node");
        node.arg(real.join("card_check.mjs")).current_dir(setting("STANCH_TEST_CARDS"));
        fed(node, text)
    };
    let message = posted("teams");
    assert_eq!(card(&message), (true, "\n".to_owned()));
    assert!(!card(&message.replace("RichTextBlock", "RichTextBlok")).0);
    let blocks = |text: &str| {
        let mut python = Command::new(setting("STANCH_TEST_SINKS_PYTHON"));
        python.arg(real.join("slack_check.py"));
        fed(python, text)
    };
    let message = posted("slack");
    assert_eq!(blocks(&message), (true, String::new()));
    assert!(!blocks(&message.replace("This is a test", &"long".repeat(1000))).0);
}

#[test]
#[ignore = "needs Graylog's reader, which tests/run builds"]
fn graylog_puts_chunks_together() {
    let directory = tempfile::tempdir().unwrap();
    let lines = || {
        let text = std::fs::read_to_string(setting("STANCH_TEST_GELF_FILE")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    // A name that one datagram has no room for, and one that it has.
    for length in [900, 10] {
        let name = format!("{}{}", "g".repeat(length), unique());
        let alert = format!("{{ driver: gelf, address: 'udp://{}' }}", setting("STANCH_TEST_GELF"));
        let ran = notify(directory.path(), &name, &alert);
        assert!(ran.status.success(), "{}", said(&ran));
        let message = found(&name, lines);
        assert_eq!((&message["version"], &message["level"]), (&"1.1".into(), &6.into()), "{message}");
        assert!(message["full"].as_str().unwrap().contains(&name) && message["timestamp"].as_f64().unwrap() > 1.7e9);
        assert_eq!(message["extra"]["_moment"], "test");
    }
}

/// Gives text to a program and returns what it says.
fn fed(mut command: Command, text: &str) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is there");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    (ran.status.success(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
}

#[test]
#[ignore = "needs a parser of OpenMetrics and promtool, which tests/run sees to"]
fn prometheus_reads_the_numbers_and_the_rules() {
    use stanch::daemon::metrics::{Delivered, Metrics};
    use stanch::model::{Severity, Timestamp};
    let metrics = Metrics::new(Timestamp(1_700_000_000_000));
    metrics.found(Severity::High, None);
    metrics.notified("a \"sink\"\\\n", Delivered::Taken);
    metrics.scanned(Duration::from_secs(1), 7, &std::collections::BTreeMap::from([("unreadable", 1)]), Timestamp(9));
    let strict = "import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as read; \
                  families = list(read(sys.stdin.read())); print(len(families), 'families'); \
                  assert len(families) > 20";
    let mut parser = Command::new(setting("STANCH_TEST_SINKS_PYTHON"));
    parser.args(["-c", strict]);
    let (good, words) = fed(parser, &metrics.text());
    assert!(good, "{words}");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/alerts.yaml");
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "rules", "--lint=all", "--lint-fatal"]).arg(&rules);
    let (good, words) = fed(promtool, "");
    let text = std::fs::read_to_string(&rules).unwrap();
    let all = text.matches("- alert: ").count() + text.matches("- record: ").count();
    assert!(good && words.contains(&format!("{all} rules found")), "{words}");
}
