//! Messages leave the program as those who take them expect: the built program sends to loopback.

use crate::world::Ran;
use crate::world::http::{Answer, Asked, Reply, Server};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A part of an address that opens something: it is never to be seen.
const CANARY: &str = "T0CANARY/B0CANARY/xCANARYx+/=";

fn notify(directory: &Path, alert: &str) -> Ran {
    std::fs::write(directory.join("stanch.yaml"), format!("alerts:\n  pager: {{ to: {alert} }}\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanch"));
    command.args(["notify", "test", "pager", "--config", "stanch.yaml", "-vvv", "--log-format", "json"]);
    command.current_dir(directory).env("STANCH_LOG", "trace").env("HOME", directory);
    let ran = command.output().unwrap();
    let ran = Ran {
        code: ran.status.code().unwrap_or(-1),
        stdout: String::from_utf8(ran.stdout).unwrap(),
        stderr: String::from_utf8(ran.stderr).unwrap(),
    };
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for canary in ["CANARY", "a-shared-key", "integration0key"] {
        assert!(!said.contains(canary), "{canary} is in {said}");
    }
    ran
}

/// A receiver that answers with these statuses, then 200, and keeps what it was sent.
fn receiver(answer: fn(&Asked) -> Reply) -> (Server, Arc<Mutex<Vec<Asked>>>) {
    let heard: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let kept = Arc::clone(&heard);
    let server = Server::start(move |asked: Asked| {
        let reply = answer(&asked);
        kept.lock().unwrap().push(asked);
        Answer::Reply(reply)
    });
    (server, heard)
}

fn only(heard: &Arc<Mutex<Vec<Asked>>>) -> (Asked, Value) {
    let mut heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let asked = heard.pop().unwrap();
    let header = |name: &str| {
        let (_, value) = asked.headers.iter().find(|(have, _)| have == name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!((asked.method.as_str(), header("content-type").as_deref()), ("POST", Some("application/json")));
    let body = serde_json::from_slice(&asked.body).unwrap();
    (asked, body)
}

#[test]
fn a_webhook_can_be_checked_by_who_takes_it() {
    let directory = tempfile::tempdir().unwrap();
    let (server, heard) = receiver(|_| Reply::of(204, ""));
    let url = format!("http://{}/{CANARY}?token=CANARY", server.address);
    std::fs::write(directory.path().join("url"), &url).unwrap();
    std::fs::write(directory.path().join("key"), "a-shared-key\n").unwrap();
    let ran = notify(directory.path(), "{ driver: webhook, url: { file: url }, secret: { file: key } }");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "pager: the message was taken\n"), "{}", ran.stderr);
    let (asked, body) = only(&heard);
    assert_eq!(asked.path, format!("/{CANARY}?token=CANARY"));
    assert_eq!((&body["schema"], &body["moment"]), (&"stanch.notice/1".into(), &"test".into()));
    let signed = asked.headers.iter().find(|(name, _)| name == "stanch-signature").unwrap();
    let signed = String::from_utf8(signed.1.clone()).unwrap();
    let (time, digest) = signed.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"a-shared-key").unwrap();
    mac.update(&[time.as_bytes(), b".", &asked.body].concat());
    mac.verify_slice(&data_encoding::HEXLOWER.decode(digest.as_bytes()).unwrap()).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(time.parse().unwrap()) < 120);
}

#[test]
fn slack_teams_and_pagerduty_get_what_their_makers_describe() {
    let directory = tempfile::tempdir().unwrap();
    let (server, heard) = receiver(|asked| {
        Reply::of(if asked.path == "/v2/enqueue" || asked.path.contains("workflows") { 202 } else { 200 }, "ok")
    });
    let write =
        |path: &str| std::fs::write(directory.path().join("url"), format!("http://{}{path}", server.address)).unwrap();
    write("/services/T0CANARY/B0CANARY/xCANARYx");
    assert_eq!(notify(directory.path(), "{ driver: slack, url: { file: url } }").code, 0);
    let (_, body) = only(&heard);
    assert_eq!(body["blocks"][0]["type"], "section");
    assert!(body["text"].as_str().unwrap().contains("This is a test"));

    write("/workflows/CANARY/triggers/manual/paths/invoke?api-version=1&sig=CANARY");
    assert_eq!(notify(directory.path(), "{ driver: teams, url: { file: url } }").code, 0);
    let (_, body) = only(&heard);
    assert_eq!(body["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");

    std::fs::write(directory.path().join("key"), "integration0key").unwrap();
    let alert = format!(
        "{{ driver: pager-duty, routing_key: {{ file: key }}, endpoint: 'http://{}/v2/enqueue' }}",
        server.address
    );
    assert_eq!(notify(directory.path(), &alert).code, 0);
    let (_, body) = only(&heard);
    assert_eq!((&body["routing_key"], &body["event_action"]), (&"integration0key".into(), &"trigger".into()));
    for (field, most) in [("summary", 1024), ("source", 255)] {
        let text = body["payload"][field].as_str().unwrap();
        assert!(!text.is_empty() && text.len() <= most);
    }
}

#[test]
fn a_sink_that_does_not_take_it_is_named_and_its_address_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let slack = "{ driver: slack, url: { file: url } }";
    let (server, _heard) = receiver(|asked| match asked.path.rsplit('/').next().unwrap() {
        "404" => Reply::of(404, "no_service"),
        "302" => Reply { headers: vec![("location".to_owned(), "/200".to_owned())], ..Reply::of(302, "") },
        "429" => Reply { headers: vec![("retry-after".to_owned(), "7".to_owned())], ..Reply::of(429, "") },
        _ => Reply::of(503, ""),
    });
    for (status, words) in
        [("404", "pager refused the message"), ("302", "refused"), ("429", "did not take"), ("503", "did not take")]
    {
        let url = format!("http://{}/{CANARY}/{status}", server.address);
        std::fs::write(directory.path().join("url"), url).unwrap();
        let ran = notify(directory.path(), slack);
        assert!(ran.code == 4 && ran.stderr.contains(words) && ran.stderr.contains(status), "{}", ran.stderr);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(directory.path().join("url"), format!("http://{nobody}/{CANARY}")).unwrap();
    let ran = notify(directory.path(), slack);
    assert!(ran.code == 4 && ran.stderr.contains("no connection"), "{}", ran.stderr);
    for (url, words) in [
        (format!("http://hooks.slack.example/{CANARY}"), "plain http"),
        (format!("https://kim:CANARY@hooks.slack.example/{CANARY}"), "a user or a password"),
        (format!("hooks/{CANARY}"), "is no url"),
        (format!("ftp://h/{CANARY}"), "https://"),
    ] {
        std::fs::write(directory.path().join("url"), &url).unwrap();
        let ran = notify(directory.path(), slack);
        assert!(ran.code == 2 && ran.stderr.contains(words) && ran.stderr.contains("pager"), "{url}: {}", ran.stderr);
    }
    let ran = notify(directory.path(), "{ driver: slack, url: { file: nowhere } }");
    assert!(ran.code == 2 && ran.stderr.contains("nowhere"), "{}", ran.stderr);
    std::fs::write(directory.path().join("stanch.yaml"), "alerts: {}\n").unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_stanch"))
        .args(["notify", "test", "pager", "--config", "stanch.yaml"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(2) && said.contains("there is no sink 'pager'"), "{said}");
}

#[test]
fn syslog_and_gelf_arrive_over_udp_tcp_and_http() {
    let directory = tempfile::tempdir().unwrap();
    let send = |alert: &str| {
        let ran = notify(directory.path(), alert);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    };
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let datagram = || {
        let mut bytes = vec![0; 65_536];
        let length = udp.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepting = tcp.try_clone().unwrap();
    let stream = move || {
        let accepting = accepting.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            accepting.accept().unwrap().0.read_to_end(&mut bytes).unwrap();
            bytes
        })
    };
    let (udp_at, tcp_at) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());

    send(&format!("{{ driver: syslog, address: 'udp://{udp_at}' }}"));
    let line = datagram();
    assert!(
        line.starts_with("<86>1 20") && line.contains(" stanch ") && line.contains(" test [stanch@32473 "),
        "{line}"
    );
    let reading = stream();
    send(&format!("{{ driver: syslog, address: 'tcp://{tcp_at}' }}"));
    let bytes = reading.join().unwrap();
    let at = bytes.iter().position(|byte| *byte == b' ').unwrap();
    let length: usize = std::str::from_utf8(&bytes[..at]).unwrap().parse().unwrap();
    assert!(length == bytes.len() - at - 1 && bytes[at + 1..].starts_with(b"<86>1 "));

    let check = |text: &[u8]| {
        let message: Value = serde_json::from_slice(text).unwrap();
        assert_eq!((&message["version"], &message["level"]), (&"1.1".into(), &6.into()));
        assert!(message["short_message"].as_str().unwrap().contains("This is a test"));
    };
    send(&format!("{{ driver: gelf, address: 'udp://{udp_at}' }}"));
    check(datagram().as_bytes());
    let reading = stream();
    send(&format!("{{ driver: gelf, address: 'tcp://{tcp_at}' }}"));
    let bytes = reading.join().unwrap();
    assert_eq!(bytes.iter().filter(|byte| **byte == 0).count(), 1);
    check(bytes.strip_suffix(&[0]).unwrap());
    let (server, heard) = receiver(|_| Reply::of(202, ""));
    send(&format!("{{ driver: gelf, address: 'http://{}' }}", server.address));
    let (asked, _) = only(&heard);
    assert_eq!(asked.path, "/gelf");
    check(&asked.body);
}

#[test]
fn health_is_asked_where_it_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let health = |more: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_stanch"))
            .args([&["health", "--config", "stanch.yaml"], more].concat())
            .current_dir(directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        (ran.status.code().unwrap(), said)
    };
    let (server, _heard) = receiver(|asked| match asked.path.as_str() {
        "/livez" => Reply::of(200, "alive\n"),
        _ => Reply::of(503, "{\"state\":\"not ready\"}"),
    });
    std::fs::write(directory.path().join("stanch.yaml"), format!("daemon: {{ health: '{}' }}\n", server.address))
        .unwrap();
    assert_eq!(health(&[]), (0, "alive\n".to_owned()));
    let (code, said) = health(&["--ready"]);
    assert!(code == 4 && said.contains("not ready (status 503)"), "{said}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert_eq!(health(&["--address", &nobody]).0, 4);
    std::fs::write(directory.path().join("stanch.yaml"), "daemon: {}\n").unwrap();
    let (code, said) = health(&[]);
    assert!(code == 2 && said.contains("--address"), "{said}");
}
