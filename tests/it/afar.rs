//! Repositories far away: real git, over real HTTP, from a server that checks the token at every request.

use crate::world::http::{Answer, Asked, Reply, Server};
use crate::world::{World, token};
use stanch::fetch::{FetchError, Limits, Mirror, Mirrors, Remote};
use stanch::model::Secret;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the server knows, and what it was asked.
#[derive(Default)]
struct Log {
    requests: Mutex<Vec<Asked>>,
    /// Requests that came with the right token.
    let_in: AtomicUsize,
    /// From now on nothing is answered.
    silent: AtomicBool,
}

/// A forge: bare repositories below a directory, served by git itself to who shows the token.
struct Forge {
    world: World,
    server: Server,
    log: Arc<Log>,
    token: String,
}

pub(crate) const USER: &str = "reader";

fn backend() -> PathBuf {
    let path = Command::new("git").arg("--exec-path").output().unwrap().stdout;
    Path::new(String::from_utf8(path).unwrap().trim()).join("git-http-backend")
}

/// Runs git's own server for one request.
pub(crate) fn served(root: &Path, asked: &Asked) -> Reply {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let header = |name: &str| {
        let value = asked.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        String::from_utf8(value.unwrap_or_default()).unwrap()
    };
    let mut child = Command::new(backend())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("REQUEST_METHOD", &asked.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REMOTE_USER", USER)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", asked.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stdin, body) = (child.stdin.take().unwrap(), asked.body.clone());
    let writing = std::thread::spawn(move || drop(std::io::Write::write_all(&mut stdin, &body)));
    let output = child.wait_with_output().unwrap().stdout;
    writing.join().unwrap();
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(output[..end].to_vec()).unwrap();
    let mut reply = Reply::of(200, output[end + 4..].to_vec());
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("status") {
            reply.status = value[..3].parse().unwrap();
        } else {
            reply.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    reply
}

pub(crate) fn authorised(asked: &Asked, token: &str) -> bool {
    let pair = data_encoding::BASE64.encode(format!("{USER}:{token}").as_bytes());
    asked.headers.iter().any(|(name, value)| name == "authorization" && *value == format!("Basic {pair}").into_bytes())
}

pub(crate) fn unauthorised() -> Reply {
    let mut reply = Reply::of(401, "who are you?");
    reply.headers.push(("www-authenticate".to_owned(), "Basic realm=\"forge\"".to_owned()));
    reply
}

impl Forge {
    fn open() -> Self {
        let world = World::new();
        world.commit("README", "hello\n", "first");
        let root = world.outside("forge");
        std::fs::create_dir(&root).unwrap();
        world.git(&["clone", "-q", "--bare", ".", root.join("shop.git").to_str().unwrap()]);
        world.git(&["remote", "add", "forge", root.join("shop.git").to_str().unwrap()]);
        let token = ["afar", "-", &"q7Zt".repeat(6)].concat();
        let log = Arc::new(Log::default());
        let (known, noted) = (token.clone(), Arc::clone(&log));
        let server = Server::start(move |asked| {
            noted.requests.lock().unwrap().push(asked.clone());
            if !authorised(&asked, &known) {
                return Answer::Reply(unauthorised());
            }
            noted.let_in.fetch_add(1, Ordering::SeqCst);
            if noted.silent.load(Ordering::SeqCst) {
                return Answer::Silence;
            }
            Answer::Reply(served(&root, &asked))
        });
        Self { world, server, log, token }
    }

    fn url(&self) -> String {
        format!("http://{}/shop.git", self.server.address)
    }

    fn remote(&self, url: &str, token: &str) -> Remote {
        let token = Arc::new(Secret::new(token.as_bytes().to_vec()));
        Remote::new("shop-source", url, Some(USER.to_owned()), Some(token)).unwrap()
    }

    fn ours(&self) -> Remote {
        self.remote(&self.url(), &self.token)
    }

    fn mirrors(&self, limits: Limits) -> Mirrors {
        // A directory with a quote and a space in its name: the shell between git and its helper must not mind.
        let directory = self.world.outside("it's a state/mirrors");
        Mirrors::new(&directory, Path::new(env!("CARGO_BIN_EXE_stanch")), limits).unwrap()
    }

    fn push(&self, arguments: &[&str]) {
        self.world.git(&[&["push", "-q", "forge"], arguments].concat());
    }

    /// The bytes of a file in a mirror, as of some commit.
    fn reads(&self, mirror: &Mirror, object: &str) -> bool {
        let mut command = self.world.command("git");
        command.arg("--git-dir").arg(&mirror.path).args(["cat-file", "-e", object]);
        command.stderr(Stdio::null()).status().unwrap().success()
    }
}

fn limits() -> Limits {
    Limits { time: Duration::from_secs(60), bytes: 1 << 30 }
}

/// No canary of the token is below a directory.
fn holds_no(directory: &Path, token: &str) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holds_no(&path, token);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(token), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_repository_is_mirrored_and_followed() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let remote = forge.ours();
    let first = forge.world.git(&["rev-parse", "HEAD"]).stdout.trim().to_owned();
    let mirror = mirrors.refresh(&remote, &[]).await.unwrap();
    assert!(mirror.before.is_empty() && mirror.kept.is_empty() && !mirror.renewed, "{mirror:?}");
    assert_eq!(mirror.after.get("refs/heads/main"), Some(&first));
    assert!(forge.log.let_in.load(Ordering::SeqCst) > 0, "the token was asked for and shown");
    holds_no(&forge.world.outside("it's a state"), &forge.token);

    // What a forge has besides branches comes along.
    let leak = token(7);
    let second = forge.world.commit("b", format!("token = {leak}\n"), "second");
    forge.world.git_as_kim(&["tag", "-a", "v1", "-m", "one"]);
    forge.push(&["main", "v1", "HEAD:refs/pull/7/head", "HEAD:refs/notes/review"]);
    mirrors.settle(&remote, &mirror).await.unwrap();
    let mirror = mirrors.refresh(&remote, &[]).await.unwrap();
    assert_eq!(mirror.before.get("refs/heads/main"), Some(&first));
    assert_eq!(mirror.after.get("refs/heads/main"), Some(&second));
    let names: Vec<_> = mirror.after.keys().map(String::as_str).collect();
    assert_eq!(names, ["refs/heads/main", "refs/notes/review", "refs/pull/7/head", "refs/tags/v1"]);
    assert!(mirror.kept.is_empty(), "all was read: {mirror:?}");
    assert_eq!(mirror.settled, [first]);

    // Nothing new costs nothing and changes nothing.
    let again = mirrors.refresh(&remote, &[]).await.unwrap();
    assert_eq!((&again.before, &again.after), (&mirror.after, &mirror.after));

    // The scanner reads it as it lies there.
    let path = mirror.path.to_str().unwrap();
    forge.world.stanch(&["scan", "--history", path]).expect(1).says("1 leak in 1 place of the history").hides(&leak);
}

#[tokio::test]
async fn what_was_moved_by_force_or_deleted_is_kept_until_it_was_read() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let remote = forge.ours();
    let mirror = mirrors.refresh(&remote, &[]).await.unwrap();
    mirrors.settle(&remote, &mirror).await.unwrap();

    let leaked = forge.world.commit("leak", "a secret\n", "oh no");
    forge.push(&["main", "HEAD:refs/heads/other"]);
    mirrors.refresh(&remote, &[]).await.unwrap();
    // It was fetched, and before anybody read it the program ended; then the branch was wound back.
    forge.world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    forge.push(&["--force", "main"]);
    forge.push(&["--delete", "other"]);
    let mirror = forge.mirrors(limits()).refresh(&remote, &[]).await.unwrap();
    assert_eq!(mirror.kept, std::slice::from_ref(&leaked));
    assert!(!mirror.after.values().any(|object| *object == leaked));
    assert!(!mirror.after.contains_key("refs/heads/other") && forge.reads(&mirror, &leaked));
    let again = mirrors.refresh(&remote, &[]).await.unwrap();
    assert_eq!(again.kept, std::slice::from_ref(&leaked), "it is kept for as long as nobody read it");
    mirrors.settle(&remote, &again).await.unwrap();
    let settled = mirrors.refresh(&remote, &[]).await.unwrap();
    assert!(settled.kept.is_empty() && settled.settled.contains(&leaked), "{settled:?}");
    assert_eq!(settled.settled.len(), 2, "what was read is known by its tips: {settled:?}");
}

#[tokio::test]
async fn what_a_webhook_named_is_fetched_though_no_reference_leads_to_it() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let remote = forge.ours();
    mirrors.refresh(&remote, &[]).await.unwrap();
    let leaked = forge.world.commit("leak", "a secret\n", "oh no");
    forge.push(&["main"]);
    forge.world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    forge.push(&["--force", "main"]);
    let wanted = [leaked.clone(), "0".repeat(40), "--upload-pack=x".to_owned(), "f".repeat(40)];
    let mirror = mirrors.refresh(&remote, &wanted).await.unwrap();
    // Speaking of version 2, git gives any object by name, as the large forges do.
    assert!(mirror.kept.contains(&leaked) && forge.reads(&mirror, &leaked), "{mirror:?}");
    assert_eq!(mirror.missing, ["f".repeat(40)], "what is not there is named");
}

#[tokio::test]
async fn a_wrong_token_is_an_error_with_a_remedy() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let wrong = ["wr0ng", "-", &"k3Lp".repeat(6)].concat();
    for remote in [forge.remote(&forge.url(), &wrong), Remote::new("shop-source", &forge.url(), None, None).unwrap()] {
        let error = mirrors.refresh(&remote, &[]).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(matches!(error, FetchError::Refused { .. }), "{said}");
        assert!(said.contains("'shop-source'") && said.contains("check its token"), "{said}");
        assert!(!said.contains(&wrong), "{said}");
    }
    assert_eq!(forge.log.let_in.load(Ordering::SeqCst), 0);
    let missing = forge.remote(&forge.url().replace("shop", "nothing"), &forge.token);
    let error = mirrors.refresh(&missing, &[]).await.unwrap_err();
    assert!(matches!(error, FetchError::Missing { .. }), "{error}");
    holds_no(&forge.world.outside("it's a state"), &forge.token);
}

#[tokio::test]
async fn a_redirect_does_not_take_the_token_along() {
    let forge = Forge::open();
    let theirs: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let noted = Arc::clone(&theirs);
    // It asks for a password, as somebody would who wants one.
    let thief = Server::start(move |asked| {
        noted.lock().unwrap().push(asked);
        Answer::Reply(unauthorised())
    });
    let (to, token) = (thief.address, forge.token.clone());
    // The first server sends away only those who have shown their token.
    let door = Server::start(move |asked| {
        if !authorised(&asked, &token) {
            return Answer::Reply(unauthorised());
        }
        let mut reply = Reply::of(302, "");
        reply.headers.push(("location".to_owned(), format!("http://{to}{}", asked.path)));
        Answer::Reply(reply)
    });
    let remote = forge.remote(&format!("http://{}/shop.git", door.address), &forge.token);
    let error = forge.mirrors(limits()).refresh(&remote, &[]).await.unwrap_err();
    assert!(matches!(error, FetchError::Refused { .. }), "{error}");
    let theirs = theirs.lock().unwrap();
    assert!(!theirs.is_empty(), "git followed");
    for asked in theirs.iter() {
        assert!(!asked.headers.iter().any(|(name, _)| name == "authorization"), "{asked:?}");
    }
}

/// The processes that were started, directly or not, by git with this repository; by what /proc says of them.
fn processes(about: &str) -> Vec<(i32, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let line = read("cmdline");
        if String::from_utf8_lossy(&line).contains(about) {
            found.push((id, [line, b"\n".to_vec(), read("environ")].concat()));
        }
    }
    found
}

fn is_over(id: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_left_and_git_shows_no_token_meanwhile() {
    let forge = Forge::open();
    forge.log.silent.store(true, Ordering::SeqCst);
    let url = forge.url();
    let slow = forge.mirrors(Limits { time: Duration::from_secs(4), ..limits() });
    let remote = forge.ours();
    let fetching = tokio::spawn(async move { slow.refresh(&remote, &[]).await });
    let log = Arc::clone(&forge.log);
    eventually("the token is shown", || log.let_in.load(Ordering::SeqCst) > 0).await;
    let seen = processes(&url);
    assert!(seen.iter().any(|(_, said)| String::from_utf8_lossy(said).contains("remote-http")), "git is at work");
    for (_, said) in &seen {
        let said = String::from_utf8_lossy(said);
        assert!(!said.contains(&forge.token), "{said}");
        assert!(said.contains("GIT_TERMINAL_PROMPT=0"), "{said}");
    }
    let error = fetching.await.unwrap().unwrap_err();
    assert!(matches!(&error, FetchError::Slow { limit, .. } if limit.as_secs() == 4), "{error}");
    eventually("the time is over, and so is git", || seen.iter().all(|(id, _)| is_over(*id))).await;

    // The same when whoever wanted it goes away.
    let before = forge.log.let_in.load(Ordering::SeqCst);
    let (mirrors, remote) = (forge.mirrors(limits()), forge.ours());
    let fetching = tokio::spawn(async move { mirrors.refresh(&remote, &[]).await });
    eventually("the token is shown again", || log.let_in.load(Ordering::SeqCst) > before).await;
    let seen = processes(&url);
    assert!(!seen.is_empty());
    fetching.abort();
    eventually("nobody waits, and git is over", || seen.iter().all(|(id, _)| is_over(*id))).await;

    // And the mirror is none the worse for it.
    forge.log.silent.store(false, Ordering::SeqCst);
    let mirror = forge.mirrors(limits()).refresh(&forge.ours(), &[]).await.unwrap();
    assert_eq!(mirror.after.len(), 1);
}

#[tokio::test]
async fn a_damaged_mirror_is_fetched_anew_and_leftovers_do_no_harm() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let remote = forge.ours();
    let path = mirrors.refresh(&remote, &[]).await.unwrap().path;
    // A git that was killed leaves its locks behind, and half a pack.
    for name in ["packed-refs.lock", "HEAD.lock", "config.lock", "shallow.lock", "objects/pack/tmp_pack_x"] {
        std::fs::write(path.join(name), "x").unwrap();
    }
    forge.world.commit("b", "b\n", "second");
    forge.push(&["main"]);
    let mirror = mirrors.refresh(&remote, &[]).await.unwrap();
    assert!(!mirror.renewed && !path.join("objects/pack/tmp_pack_x").exists(), "{mirror:?}");

    let main = mirror.after["refs/heads/main"].clone();
    for damage in 0..4 {
        match damage {
            0 => std::fs::remove_file(path.join("HEAD")).unwrap(),
            1 => std::fs::write(path.join("packed-refs"), "this is no list of references\n").unwrap(),
            2 => {
                for entry in std::fs::read_dir(path.join("objects/pack")).unwrap() {
                    std::fs::remove_file(entry.unwrap().path()).unwrap();
                }
            }
            _ => {
                std::fs::remove_dir_all(&path).unwrap();
                std::fs::create_dir(&path).unwrap();
            }
        }
        forge.world.commit("c", format!("{damage}\n"), "another");
        forge.push(&["main"]);
        let mirror = mirrors.refresh(&remote, &[]).await.unwrap();
        assert!(mirror.renewed && mirror.before.is_empty(), "{damage}: {mirror:?}");
        assert!(forge.reads(&mirror, &main) && forge.reads(&mirror, &mirror.after["refs/heads/main"]), "{damage}");
    }
}

#[tokio::test]
async fn a_remote_whose_objects_are_named_by_sha_256_is_mirrored_and_so_is_what_takes_its_place() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let (remote, root) = (forge.ours(), forge.world.outside("forge"));
    let other = World::bare();
    other.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    other.commit("a", "a\n", "first");
    let (usual, place) = (root.join("usual.git"), root.join("shop.git"));
    std::fs::rename(&place, &usual).unwrap();
    other.git(&["clone", "-q", "--bare", ".", place.to_str().unwrap()]);
    for renewed in [false, true] {
        let mirror = mirrors.refresh(&remote, &[]).await.unwrap();
        assert!(mirror.after["refs/heads/main"].len() == 64 && mirror.renewed == renewed, "{mirror:?}");
        assert!(forge.reads(&mirror, &mirror.after["refs/heads/main"]));
        other.commit("b", format!("{renewed}\n"), "second");
        other.git(&["push", "-q", place.to_str().unwrap(), "main"]);
        let next = mirrors.refresh(&remote, &[]).await.unwrap();
        assert!(!next.renewed && next.before == mirror.after && next.after != mirror.after, "{next:?}");
        // Damaged, it is made anew in the form that it had.
        std::fs::remove_file(next.path.join("HEAD")).unwrap();
    }
    mirrors.refresh(&remote, &[]).await.unwrap();
    std::fs::remove_dir_all(&place).unwrap();
    std::fs::rename(&usual, &place).unwrap();
    let mirror = mirrors.refresh(&remote, &[]).await.unwrap();
    assert!(mirror.renewed && mirror.after["refs/heads/main"].len() == 40, "{mirror:?}");
}

#[tokio::test]
async fn what_is_too_large_is_not_fetched() {
    let forge = Forge::open();
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    });
    forge.world.commit("noise", noise.take(300_000).collect::<Vec<u8>>(), "noise");
    forge.push(&["main"]);
    let small = forge.mirrors(Limits { bytes: 100_000, ..limits() });
    for _ in 0..2 {
        let error = small.refresh(&forge.ours(), &[]).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { limit: 100_000, .. }), "{error}");
    }
    assert_eq!(forge.mirrors(limits()).refresh(&forge.ours(), &[]).await.unwrap().after.len(), 1);
}

#[tokio::test]
async fn many_at_once_take_turns_and_empty_ones_are_no_error() {
    let forge = Forge::open();
    let mirrors = Arc::new(forge.mirrors(limits()));
    let empty = forge.world.outside("forge/empty.git");
    forge.world.git(&["init", "-q", "--bare", empty.to_str().unwrap()]);
    let empty = forge.remote(&forge.url().replace("shop", "empty"), &forge.token);
    let remotes = [forge.ours(), forge.ours(), empty.clone(), forge.ours(), empty];
    let all = remotes.map(|remote| {
        let mirrors = Arc::clone(&mirrors);
        tokio::spawn(async move { mirrors.refresh(&remote, &[]).await.unwrap() })
    });
    let mut counts = Vec::new();
    for one in all {
        counts.push(one.await.unwrap().after.len());
    }
    assert_eq!(counts, [1, 1, 0, 1, 0]);
    let left: Vec<_> = std::fs::read_dir(forge.world.outside("it's a state/mirrors")).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".ask-")), "{left:?}");
}

#[tokio::test]
async fn many_fetches_leave_few_packs() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let remote = forge.ours();
    let (mut most, mut objects) = (0, Vec::new());
    for number in 0..60 {
        objects.push(forge.world.commit("file", format!("{number}\n"), "one more"));
        forge.push(&["--force", "main"]);
        // Every other one is taken back, and still not forgotten.
        if number % 2 == 1 {
            forge.world.git(&["reset", "-q", "--hard", "HEAD~1"]);
        }
        let mirror = mirrors.refresh(&remote, &[]).await.unwrap();
        let packs = std::fs::read_dir(mirror.path.join("objects/pack")).unwrap().flatten();
        most = most.max(packs.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "pack")).count());
        if number == 59 {
            assert!(objects.iter().all(|object| forge.reads(&mirror, object)));
            assert!(mirror.kept.len() >= 30, "{mirror:?}");
        }
    }
    assert!((40..=51).contains(&most), "{most}");
}

#[tokio::test]
async fn a_place_that_cannot_be_used_is_named() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let path = mirrors.refresh(&forge.ours(), &[]).await.unwrap().path.with_extension("lock");
    let other = std::fs::File::open(&path).unwrap();
    other.lock().unwrap();
    let error = mirrors.refresh(&forge.ours(), &[]).await.unwrap_err();
    assert!(matches!(&error, FetchError::Taken { path: at } if *at == path), "{error}");
    other.unlock().unwrap();
    mirrors.refresh(&forge.ours(), &[]).await.unwrap();
    for (at, words) in
        [("x".repeat(90), "room for the name"), ("it's a state/mirrors/x.lock/y".into(), "Not a directory")]
    {
        std::fs::write(forge.world.outside("it's a state/mirrors/x.lock"), "").unwrap();
        let error = Mirrors::new(&forge.world.outside(&at), Path::new("stanch"), limits()).unwrap_err();
        let said = format!("{error}: {:?}", std::error::Error::source(&error));
        assert!(said.contains(&at) && said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn an_older_reading_settles_what_it_read_and_no_more() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let remote = forge.ours();
    let first = mirrors.refresh(&remote, &[]).await.unwrap();
    let late = forge.world.commit("late", "late\n", "late");
    forge.push(&["main"]);
    let second = mirrors.refresh(&remote, &[]).await.unwrap();
    mirrors.settle(&remote, &first).await.unwrap();
    forge.world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    forge.push(&["--force", "main"]);
    let third = mirrors.refresh(&remote, &[]).await.unwrap();
    assert_eq!(second.kept, first.after.values().cloned().collect::<Vec<_>>(), "the first was not read yet");
    assert_eq!(third.kept, [late], "the second was not read yet");
    mirrors.settle(&remote, &third).await.unwrap();
    let left = forge.world.run_ok("git", &["--git-dir", third.path.to_str().unwrap(), "for-each-ref", "refs/stanch"]);
    assert_eq!(left.stdout, "", "nothing is kept for good");
}

#[tokio::test]
async fn nobody_at_home_is_an_error_over_every_transport() {
    let forge = Forge::open();
    let mirrors = forge.mirrors(limits());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http://", "https://", "ssh://git@"] {
        let remote = Remote::new("shop-source", &format!("{scheme}{closed}/acme/shop"), None, None).unwrap();
        let error = mirrors.refresh(&remote, &[]).await.unwrap_err();
        assert!(matches!(&error, FetchError::Unreachable { what, .. } if what == "acme/shop"), "{scheme}: {error:?}");
    }
    // What the address allows is all that is spoken: a file is read where the operator wrote file://, and nowhere else.
    let path = forge.world.outside("forge/shop.git");
    let file = Remote::new("shop-source", &format!("file://{}", path.display()), None, None).unwrap();
    assert_eq!(mirrors.refresh(&file, &[]).await.unwrap().after.len(), 1);
}

#[test]
fn the_helper_is_silent_where_it_has_nothing_to_say() {
    let world = World::bare();
    for act in ["store", "erase", "capability"] {
        let ran = world.stanch(&["git-credential", "--socket", "/nowhere/x", act]).expect(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    }
    world.stanch(&["git-credential", "--socket", "/nowhere/x", "get"]).expect(4).says("git gets no token");
    let help = world.stanch(&["--help"]).expect(0);
    assert!(!help.stdout.contains("git-credential"), "{}", help.stdout);
}
