//! The listener, asked over a socket as anybody would.

use super::*;
use crate::clock::SystemClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

struct Running {
    health: Arc<Health>,
    at: SocketAddr,
    _stop: oneshot::Sender<()>,
}

async fn running(within: Duration, checks: Vec<Check>) -> Running {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let metrics = Arc::new(Metrics::new(clock.now()));
    let notes = || vec!["'pager' takes no messages".to_owned()];
    let health = Arc::new(Health::new(clock, metrics, within, checks, notes));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = Arc::clone(&health).serve(listener, async {
        let _ended = stopped.await.is_ok();
    });
    tokio::spawn(serving);
    Running { health, at, _stop: stop }
}

async fn ask(at: SocketAddr, method: &str, path: &str, host: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\n{host}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    (reply.split(' ').nth(1).unwrap().parse().unwrap(), reply)
}

#[tokio::test]
async fn it_starts_gets_ready_and_stops() {
    let running = running(Duration::from_secs(60), Vec::new()).await;
    let host = format!("host: {}\r\n", running.at);
    let say = |path: &'static str| ask(running.at, "GET", path, &host);
    assert_eq!((say("/livez").await.0, say("/startupz").await.0, say("/readyz").await.0), (200, 503, 503));
    running.health.started();
    assert_eq!((say("/startupz").await.0, say("/readyz").await.0), (200, 200));
    let (_, reply) = say("/readyz").await;
    assert!(reply.contains(r#""notes":["'pager' takes no messages"]"#), "{reply}");
    let (status, reply) = say("/metrics").await;
    assert!(status == 200 && reply.contains(CONTENT_TYPE) && reply.ends_with("# EOF\n"), "{reply}");
    running.health.stopping();
    assert_eq!((say("/livez").await.0, say("/readyz").await.0), (200, 503));
    assert_eq!(say("/").await.0, 404);
}

#[tokio::test]
async fn a_loop_that_stands_still_is_not_alive() {
    let running = running(Duration::from_millis(50), Vec::new()).await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    let host = format!("host: {}\r\n", running.at);
    assert!(!running.health.lives() && ask(running.at, "GET", "/livez", &host).await.0 == 503);
    running.health.turned();
    assert!(running.health.lives());
}

#[tokio::test]
async fn only_its_own_address_and_only_reading() {
    let running = running(Duration::from_secs(60), Vec::new()).await;
    let port = running.at.port();
    let own = [
        format!("127.0.0.1:{port}"),
        "localhost".to_owned(),
        format!("LOCALHOST:{port}"),
        format!("[::1]:{port}"),
        "127.0.0.2:80".to_owned(),
    ];
    for host in own {
        assert_eq!(ask(running.at, "GET", "/livez", &format!("host: {host}\r\n")).await.0, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:9180", "10.0.0.1", "127.0.0.1.evil.example", "localhost:x", "[::1", ""] {
        assert_eq!(ask(running.at, "GET", "/metrics", &format!("host: {host}\r\n")).await.0, 421, "{host}");
    }
    let twice = "host: localhost\r\nhost: evil.example\r\n";
    assert_ne!(ask(running.at, "GET", "/livez", twice).await.0, 200);
    let host = "host: localhost\r\n";
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        assert_eq!(ask(running.at, method, "/livez", host).await.0, 405, "{method}");
    }
    assert_eq!(ask(running.at, "HEAD", "/livez", host).await.0, 200);
}

#[tokio::test]
async fn a_check_holds_for_a_while_and_a_bad_one_is_named() {
    let asked = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&asked);
    let store = Check::new("stores", HOLDS, move || {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err("vault does not answer".to_owned()) }
    });
    let journal = Check::new("journal", Duration::ZERO, || async { Ok(()) });
    let running = running(Duration::from_secs(60), vec![store, journal]).await;
    running.health.started();
    let host = format!("host: {}\r\n", running.at);
    for _ in 0..3 {
        let (status, reply) = ask(running.at, "GET", "/readyz", &host).await;
        assert!(status == 503 && reply.contains(r#""why":"vault does not answer""#), "{reply}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn who_connects_and_says_nothing_keeps_nobody_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let door = Door::new(listener, CONNECTIONS, Duration::from_millis(300));
    let routes = Router::new().route("/livez", get(|| async { "alive" }));
    let serving = tokio::spawn(async move { axum::serve(door, routes).await });
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    let asked = ask(at, "GET", "/livez", "host: localhost\r\n");
    let (status, _) = tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap();
    assert_eq!(status, 200);
    serving.abort();
}
