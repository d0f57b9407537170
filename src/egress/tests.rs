//! Tests of the way out, against servers on loopback.

#![expect(clippy::disallowed_methods, reason = "the tests look at what came back")]

use super::policy::{Way, is_private};
use super::*;
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers one connection with these bytes and returns what it was sent.
async fn answer(reply: Vec<u8>) -> (Endpoint, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = endpoint(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        request.truncate(read);
        // The client may hang up before the whole of a long reply is written.
        drop(stream.write_all(&reply).await);
        request
    });
    (at, task)
}

fn egress() -> Egress {
    let limits = Limits { total: Duration::from_secs(5), reply_bytes: 1000, ..Limits::default() };
    Egress::new(limits).unwrap()
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn a_request_is_sent_once_with_its_headers_and_no_others_that_tell() {
    let (at, server) = answer(ok("hello")).await;
    let mut request = Request::get(&format!("{}/me?x=1", at.as_str()));
    request.headers.push(("authorization".to_owned(), Secret::new(b"Bearer abc".to_vec())));
    let reply = egress().send(&Allowed::default().and(&at), request).await.unwrap();
    assert_eq!((reply.status, reply.body.expose()), (200, b"hello".as_slice()));
    let sent = String::from_utf8(server.await.unwrap()).unwrap().to_lowercase();
    assert!(sent.starts_with("get /me?x=1 http/1.1\r\n"), "{sent}");
    assert!(sent.contains("authorization: bearer abc\r\n"), "{sent}");
    assert!(sent.contains(&format!("user-agent: stanch/{}", env!("CARGO_PKG_VERSION"))), "{sent}");
    assert!(!sent.contains("cookie") && !sent.contains("referer") && !sent.contains("accept-encoding"), "{sent}");
}

#[tokio::test]
async fn redirects_are_replies_and_are_not_followed() {
    let (at, _server) = answer(b"HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let reply = egress().send(&Allowed::default().and(&at), Request::get(at.as_str())).await.unwrap();
    assert_eq!(reply.status, 302);
}

#[tokio::test]
async fn a_wait_is_read_in_seconds_and_as_a_date() {
    let dates = "retry-after: Tue, 14 Nov 2023 22:13:50 GMT\r\ndate: Tue, 14 Nov 2023 22:13:20 GMT\r\n";
    for (headers, wait) in [("retry-after: 7\r\n", Some(7)), (dates, Some(30)), ("retry-after: soon\r\n", None)] {
        let (at, _server) =
            answer(format!("HTTP/1.1 429 Slow\r\n{headers}content-length: 0\r\n\r\n").into_bytes()).await;
        let reply = egress().send(&Allowed::default().and(&at), Request::get(at.as_str())).await.unwrap();
        assert_eq!((reply.status, reply.retry_after), (429, wait.map(Duration::from_secs)), "{headers}");
    }
}

#[tokio::test]
async fn the_end_of_a_limit_is_read_where_the_limit_is_spent() {
    let reset = "date: Tue, 14 Nov 2023 22:13:20 GMT\r\nx-ratelimit-reset: 1700000060\r\n";
    for (status, left, wait) in [(403, "0", Some(60)), (429, "0", Some(60)), (403, "7", None), (200, "0", None)] {
        let reply = format!(
            "HTTP/1.1 {status} X\r\n{reset}x-ratelimit-remaining: {left}\r\nlink: </x>; rel=\"next\"\r\ncontent-length: 0\r\n\r\n"
        );
        let (at, _server) = answer(reply.into_bytes()).await;
        let reply = egress().send(&Allowed::default().and(&at), Request::get(at.as_str())).await.unwrap();
        assert_eq!(reply.retry_after, wait.map(Duration::from_secs), "{status} {left}");
        assert_eq!(reply.link.as_deref(), Some("</x>; rel=\"next\""));
    }
}

#[tokio::test]
async fn a_long_reply_is_cut_off_and_perhaps_happened() {
    let (at, _server) = answer(ok(&"x".repeat(1001))).await;
    let error = egress().send(&Allowed::default().and(&at), Request::get(at.as_str())).await.unwrap_err();
    assert!(matches!(error, EgressError::TooLong { limit: 1000, .. }), "{error:?}");
    assert_eq!(error.happened(), Happened::Perhaps);
}

#[tokio::test]
async fn a_lost_reply_perhaps_happened_and_its_error_holds_no_path() {
    for reply in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort"] {
        let (at, _server) = answer(reply.as_bytes().to_vec()).await;
        let path = format!("{}/bot-canary-in-path/me", at.as_str());
        let error = egress().send(&Allowed::default().and(&at), Request::get(&path)).await.unwrap_err();
        assert_eq!(error.happened(), Happened::Perhaps, "{error:?}");
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn silence_perhaps_happened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = endpoint(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let limits = Limits { total: Duration::from_millis(200), ..Limits::default() };
    let error =
        Egress::new(limits).unwrap().send(&Allowed::default().and(&at), Request::get(at.as_str())).await.unwrap_err();
    assert_eq!(error.happened(), Happened::Perhaps, "{error:?}");
}

#[tokio::test]
async fn a_refused_connection_surely_did_not_happen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = endpoint(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let error = egress().send(&Allowed::default().and(&at), Request::get(at.as_str())).await.unwrap_err();
    assert!(matches!(error, EgressError::Connect { .. }), "{error:?}");
    assert_eq!(error.happened(), Happened::No);
}

#[tokio::test]
async fn a_host_of_a_rule_that_leads_inside_is_refused() {
    let allowed = Allowed::hosts(&["localhost".to_owned()]);
    let error = egress().send(&allowed, Request::get("https://localhost/")).await.unwrap_err();
    assert!(matches!(error, EgressError::Private { .. }), "{error:?}");
}

#[tokio::test]
async fn a_header_with_a_line_break_is_refused() {
    let at = endpoint("http://127.0.0.1:9").unwrap();
    let mut request = Request::get(at.as_str());
    request.headers.push(("x".to_owned(), Secret::new(b"a\r\nb: c".to_vec())));
    let error = egress().send(&Allowed::default().and(&at), request).await.unwrap_err();
    assert!(matches!(error, EgressError::Header { .. }), "{error:?}");
}

#[test]
fn only_named_hosts_and_origins_are_reached() {
    let base = endpoint("http://127.0.0.1:8200/v1").unwrap();
    let allowed = Allowed::hosts(&["api.acme.example".to_owned()]).and(&base);
    let way = |text: &str| allowed.way(&url::Url::parse(text).unwrap()).ok();
    assert_eq!(way("https://api.acme.example/x"), Some(Way::Public));
    assert_eq!(way("https://API.acme.example:443/x"), Some(Way::Public));
    assert_eq!(way("http://127.0.0.1:8200/other"), Some(Way::Named));
    for foreign in [
        "http://api.acme.example/",
        "https://api.acme.example:8443/",
        "https://api.acme.example.evil.example/",
        "https://user@api.acme.example/",
        "https://127.0.0.1:8200/",
        "http://127.0.0.1:8201/",
        "http://localhost:8200/",
        "file:///etc/passwd",
    ] {
        assert_eq!(way(foreign), None, "{foreign}");
    }
}

#[test]
fn addresses_of_the_inside_are_known() {
    for inside in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ] {
        assert!(is_private(inside.parse::<IpAddr>().unwrap()), "{inside}");
    }
    for outside in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
        assert!(!is_private(outside.parse::<IpAddr>().unwrap()), "{outside}");
    }
}

#[test]
fn base_addresses_are_checked() {
    assert_eq!(endpoint("https://vault.example/").unwrap().as_str(), "https://vault.example");
    for bad in ["vault.example", "ftp://x", "https://u:p@x", "https://x?q", "https://x#f", "unix:/run/x", ""] {
        assert!(endpoint(bad).is_err(), "{bad}");
    }
}
