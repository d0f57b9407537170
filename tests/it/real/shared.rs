//! Several daemons on one PostgreSQL: they share what there is to do, and what one of them lets fall another takes up.

use super::{secret_setting, setting, unique};
use crate::afar::{USER, authorised, served, unauthorised};
use crate::world::Ran;
use crate::world::door::{Act, Door, Fault, Gate};
use crate::world::http::{Answer, Asked, Server as HttpServer};
use crate::world::shop::{Running, Settings, Shop, address, until};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use stanch::demo::{Dependent, Issuer};
use stanch::egress::{Allowed, Egress, Limits, endpoint};
use stanch::model::{Secret, StorePath};
use stanch::seal::{FileKey, Sealer};
use stanch::store::local::{LocalSettings, LocalStore};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// A real server, and a database of its own on it.
struct Server {
    port: u16,
    database: String,
}

impl Server {
    /// On the server that all tests share.
    async fn shared() -> Self {
        Self::on("STANCH_TEST_PG_PORT").await
    }

    async fn on(port: &str) -> Self {
        let port = setting(port).parse().unwrap();
        let server = Self { port, database: format!("shared_{}", unique()) };
        let mut session = server.session(&setting("STANCH_TEST_PG_DATABASE")).await.unwrap();
        session.execute(AssertSqlSafe(format!("CREATE DATABASE {}", server.database))).await.unwrap();
        session.close().await.unwrap();
        server
    }

    async fn session(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        PgConnectOptions::new_without_pgpass()
            .host(&setting("STANCH_TEST_PG_HOST"))
            .port(self.port)
            .username(&setting("STANCH_TEST_PG_ADMIN"))
            .password(&secret_setting("STANCH_TEST_PG_PASSWORD_FILE"))
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .connect()
            .await
    }

    fn address(&self) -> String {
        let (host, user) = (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_ADMIN"));
        format!("postgres://{user}@{host}:{}/{}?sslmode=disable", self.port, self.database)
    }

    /// How it is named in an operator's file; `state` is where the machine keeps its key.
    fn entry(&self, state: &str) -> String {
        let password = setting("STANCH_TEST_PG_PASSWORD_FILE");
        format!("{{ server: '{}', password: {{ file: '{password}' }}, state: {state} }}", self.address())
    }

    /// What a statement says; nothing while the server is away.
    async fn count(&self, statement: &'static str) -> Option<i64> {
        let mut session = self.session(&self.database).await.ok()?;
        let row = session.fetch_one(statement).await.ok()?;
        row.try_get(0).ok()
    }

    async fn run(&self, statement: &'static str) {
        let mut session = self.session(&self.database).await.unwrap();
        session.execute(statement).await.unwrap();
    }
}

/// One server is crashed and started again; one test at a time does that.
static FRAIL: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn crash_and_restart() {
    let restarted = Command::new(setting("STANCH_TEST_PG_FRAIL_RESTART")).output().unwrap();
    assert!(restarted.status.success(), "{}", String::from_utf8_lossy(&restarted.stderr));
}

const OPEN: &str = "SELECT count(*) FROM rotations WHERE open = 1";
const CLOSED: &str = "SELECT count(*) FROM rotations WHERE open = 0";

/// One credential: who issues it and who uses it.
struct Leaked {
    issuer: Issuer,
    service: Dependent,
    name: String,
    secrets: Vec<String>,
}

/// Two machines that share a journal, as far as one machine can be two.
struct Site {
    root: tempfile::TempDir,
    server: Server,
    leaked: Vec<Leaked>,
}

impl Site {
    async fn open(server: Server, many: usize, soak: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for machine in ["one", "two"] {
            std::fs::create_dir(at(machine)).unwrap();
        }
        FileKey::load_or_create(&at("one/envelope.key")).unwrap();
        std::fs::copy(at("one/envelope.key"), at("two/envelope.key")).unwrap();
        let mut leaked = Vec::new();
        let (mut credentials, mut exports) = (String::new(), BTreeMap::new());
        for number in 0..many {
            let name = format!("token-{number}");
            let (issuer, authority, token) = Issuer::start().await.unwrap();
            let (file, exported) = (at(&format!("{name}.authority")), at(&format!("{name}.value")));
            write_private(&file, authority.expose());
            exports.insert(StorePath::new(&name), exported.clone());
            store(root.path(), exports.clone()).put(&StorePath::new(&name), &token).await.unwrap();
            let allowed = Allowed::default().and(&endpoint(&issuer.base()).unwrap());
            let egress = Arc::new(Egress::new(Limits::default()).unwrap());
            let service = Dependent::start(&exported, &issuer.base(), egress, allowed).await.unwrap();
            credentials.push_str(&format!(
                "  {name}:
    kind: stanch.demo-token
    provider: {{ driver: http, base: '{}', authority: {{ file: {name}.authority }} }}
    stores: [{{ store: local, path: {name}, export: {name}.value }}]
    dependents:
      - name: service
        http: {{ url: '{}/health', expect: {{ body: {{ /token: '{{{{token}}}}' }} }} }}
        reload: {{ post: '{}/reload' }}
    policy: {{ tries: 5, pause: 20ms, proofs: 2, prove_within: 90s, deadline: 90s, soak: {soak}, confirms: 2, \
              confirm_pause: 20ms, confirm_within: 90s, watch: 40ms }}
",
                issuer.base(),
                service.base(),
                service.base()
            ));
            let text = |secret: &Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
            leaked.push(Leaked { issuer, service, name, secrets: vec![text(&authority), text(&token)] });
        }
        for machine in ["one", "two"] {
            let journal = server.entry(machine);
            let text = format!(
                "journal: {journal}\nstores:\n  local: {{ driver: local, directory: secrets }}\ncredentials:\n{credentials}"
            );
            std::fs::write(at(&format!("{machine}.yaml")), text).unwrap();
        }
        Self { root, server, leaked }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Changes the operator's file on one of the machines.
    fn configure(&self, machine: &str, change: impl FnOnce(String) -> String) {
        let file = self.at(&format!("{machine}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text, "nothing was changed");
        std::fs::write(file, changed).unwrap();
    }

    /// The program on one of the machines.
    fn program(&self, machine: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stanch"));
        command.env_clear().current_dir(self.root.path()).stdin(std::process::Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.root.path());
        command.env("STANCH_CONFIG", self.at(&format!("{machine}.yaml")));
        command.args(arguments);
        command
    }

    fn stanch(&self, machine: &str, arguments: &[&str]) -> Ran {
        tokio::task::block_in_place(|| crate::world::shop::run(self.program(machine, arguments)))
    }

    /// A daemon on one of the machines, which attends.
    async fn daemon(&self, machine: &str, others: i64) -> Running {
        let running = Running::start(self.program(machine, &["daemon"]));
        self.until("the daemon attends", "SELECT count(*) FROM attendant", |many| many > others).await;
        running
    }

    /// Orders the rotation of everything at once.
    fn rotate_all(&self) -> Vec<Running> {
        let rotate =
            |leaked: &Leaked| Running::start(self.program("one", &["rotate", "--credential", &leaked.name, "--yes"]));
        self.leaked.iter().map(rotate).collect()
    }

    async fn until(&self, what: &str, statement: &'static str, is_so: impl Fn(i64) -> bool) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(180);
        while !self.server.count(statement).await.is_some_and(&is_so) {
            assert!(std::time::Instant::now() < deadline, "not in time: {what}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Seen from outside: each token was replaced by one other, which its service and its store have; no request of any
    /// service failed; the chain is whole.
    async fn assert_rotated(&self) {
        for leaked in &self.leaked {
            let live = leaked.issuer.live();
            assert!(live.len() == 1 && live[0] != "tok_0001", "{}: {live:?} live", leaked.name);
            let health = Asked::new("GET", "/health", b"").send(address(&leaked.service.base())).unwrap();
            assert_eq!(health.json()["token"], live[0], "{}", leaked.name);
            let (served, failed) = leaked.service.counts();
            assert!(failed == 0 && served > 0, "{}: {failed} of {served} requests failed", leaked.name);
        }
        self.stanch("two", &["audit", "export", "--output", "export.jsonl"]).expect(0);
        self.stanch("two", &["audit", "verify", "export.jsonl"]).expect(0).says("are unchanged and in order");
        std::fs::remove_file(self.at("export.jsonl")).unwrap();
    }

    /// Ends a daemon; what it logged, which holds no secret.
    fn ended(&self, daemon: Running) -> String {
        signal(&daemon, Signal::TERM);
        let mut ran = tokio::task::block_in_place(|| daemon.end())
            .expect(0)
            .hides(&secret_setting("STANCH_TEST_PG_PASSWORD_FILE"));
        for secret in self.leaked.iter().flat_map(|leaked| &leaked.secrets) {
            ran = ran.hides(secret);
        }
        ran.stderr
    }
}

fn store(root: &Path, exports: BTreeMap<StorePath, PathBuf>) -> LocalStore {
    let settings = LocalSettings { directory: root.join("secrets"), exports };
    LocalStore::new(settings, Sealer::new(FileKey::load_or_create(&root.join("one/envelope.key")).unwrap()))
}

fn write_private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn signal(running: &Running, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(running.child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits for programs on threads that may wait.
async fn ends(running: Vec<Running>) -> Vec<Ran> {
    tokio::task::spawn_blocking(|| running.into_iter().map(Running::end).collect()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn two_daemons_share_ten_rotations_and_end_all_right() {
    let site = Site::open(Server::shared().await, 10, "50ms").await;
    let (one, two) = (site.daemon("one", 0).await, site.daemon("two", 1).await);
    for rotated in ends(site.rotate_all()).await {
        rotated.expect(0);
    }
    assert_eq!((site.server.count(OPEN).await, site.server.count(CLOSED).await), (Some(0), Some(10)));
    site.assert_rotated().await;
    assert!(site.leaked.iter().all(|leaked| leaked.issuer.live() == ["tok_0002"]), "minted once each");
    let logs = [site.ended(one), site.ended(two)];
    let carried = |log: &String| log.matches("rest=Closed(Rotated)").count();
    assert_eq!(
        logs.iter().map(carried).sum::<usize>(),
        10,
        "each was brought to its end once:\n{}{}",
        logs[0],
        logs[1]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn what_a_daemon_lets_fall_another_takes_up_and_who_wakes_late_changes_nothing() {
    for stands_still in [true, false] {
        let site = Site::open(Server::shared().await, 4, "15s").await;
        let mut one = site.daemon("one", 0).await;
        let rotating = site.rotate_all();
        let soaking = "SELECT count(*) FROM records WHERE event LIKE '%checked%'";
        site.until("all are under way", soaking, |many| many >= 4).await;
        if stands_still {
            signal(&one, Signal::STOP);
            // It stood still for longer than its leases ran, by the clock of the server.
            site.server.run("UPDATE leases SET until = 0 WHERE holder IS NOT NULL").await;
        } else {
            one.kill();
        }
        let two = site.daemon("two", 1).await;
        site.until("all are closed", CLOSED, |many| many == 4).await;
        let before = site.server.count("SELECT count(*) FROM records").await.unwrap();
        if stands_still {
            signal(&one, Signal::CONT);
        }
        for rotated in ends(rotating).await {
            // Who follows may find that no daemon is there for a while, when one was killed.
            assert!(rotated.code == 0 || !stands_still, "{}", rotated.stderr);
        }
        if stands_still {
            site.ended(one);
        }
        assert_eq!(site.server.count("SELECT count(*) FROM records").await, Some(before), "nothing was written late");
        site.assert_rotated().await;
        let log = site.ended(two);
        assert_eq!(log.matches("rest=Closed(Rotated)").count(), 4, "the other one brought all to their end:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_server_that_crashes_and_comes_back_loses_and_doubles_nothing() {
    let _alone = FRAIL.lock().await;
    let site = Site::open(Server::on("STANCH_TEST_PG_FRAIL_PORT").await, 3, "2s").await;
    let (one, two) = (site.daemon("one", 0).await, site.daemon("two", 1).await);
    // Those who follow may be told that the server is away; the daemons are not stopped by that.
    let following = site.rotate_all();
    site.until("all are open", "SELECT count(*) FROM rotations", |many| many == 3).await;
    for _ in 0..3 {
        crash_and_restart();
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
    drop(following);
    // Whoever was cut off before a plan was approved approves it now.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(180);
    while site.server.count(CLOSED).await != Some(3) {
        assert!(std::time::Instant::now() < deadline, "not in time: all are closed");
        for number in 1..=3 {
            drop(site.stanch("one", &["case", "approve", &format!("C-000{number}")]));
        }
    }
    site.assert_rotated().await;
    site.ended(one);
    site.ended(two);
}

/// A request that waits on the way when its sender is stopped arrives after another machine has brought the case to its end;
/// then its sender wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn what_a_stopped_machine_sent_arrives_when_all_is_over_and_changes_nothing() {
    let _alone = FRAIL.lock().await;
    for (act, restarts) in [(Act::Revoke, false), (Act::Revoke, true), (Act::List, true), (Act::Verify, false)] {
        let site = Site::open(Server::on("STANCH_TEST_PG_FRAIL_PORT").await, 1, "50ms").await;
        let issuer = site.leaked[0].issuer.base();
        let door = Door::before(address(&issuer));
        site.configure("one", |text| text.replace(&issuer, &door.base()));
        let gate = Arc::new(Gate::default());
        door.order(act, Fault::Waits(Arc::clone(&gate)));
        let one = site.daemon("one", 0).await;
        let rotating = site.rotate_all();
        tokio::task::block_in_place(|| gate.wait_for_one());
        signal(&one, Signal::STOP);
        if restarts {
            tokio::task::block_in_place(crash_and_restart);
        }
        // It stood still for longer than its leases ran, by the clock of the server.
        site.server.run("UPDATE leases SET until = 0 WHERE holder IS NOT NULL").await;
        let two = site.daemon("two", 1).await;
        site.until("it is closed", CLOSED, |many| many == 1).await;
        let before = site.server.count("SELECT count(*) FROM records").await.unwrap();
        let asked = door.requests();
        gate.open();
        signal(&one, Signal::CONT);
        drop(rotating);
        site.ended(one);
        site.ended(two);
        assert_eq!(site.server.count("SELECT count(*) FROM records").await, Some(before), "nothing was written late");
        assert_eq!(door.requests(), asked, "{act:?}: who woke asked for something more");
        assert_eq!(site.leaked[0].issuer.live(), ["tok_0002"], "{act:?}: minted once");
        site.assert_rotated().await;
    }
}

/// Two machines follow one repository on a server over HTTP; what is pushed there is rotated once, whichever of them sees it,
/// also while one stands still and after it wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn two_daemons_follow_one_repository_and_every_leak_in_it_is_rotated_once() {
    let site = Site::open(Server::shared().await, 1, "50ms").await;
    let git = |at: &str, arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(site.at(at)).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", site.at("."));
        command.args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"]).args(arguments);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    let push = |name: &str, text: &str| {
        std::fs::write(site.at("clone").join(name), text).unwrap();
        git("clone", &["add", "-A"]);
        git("clone", &["commit", "-qm", "a commit"]);
        git("clone", &["push", "-q", "origin", "HEAD"]);
    };
    git(".", &["init", "-q", "--bare", "-b", "main", "shop.git"]);
    git(".", &["clone", "-q", "shop.git", "clone"]);
    push("README", "a shop\n");
    let (root, token) = (site.at("."), ["afar", "-", &"s3Km".repeat(6)].concat());
    write_private(&site.at("git-token"), token.as_bytes());
    let forge = HttpServer::start(move |asked| {
        Answer::Reply(if authorised(&asked, &token) { served(&root, &asked) } else { unauthorised() })
    });
    for machine in ["one", "two"] {
        site.configure(machine, |text| {
            let text = text.replace("policy: { ", "policy: { when: automatic, ");
            format!(
                "{text}sources:\n  shop: {{ driver: git, url: 'http://{}/shop.git', user: {USER}, \
                 token: {{ file: git-token }}, every: 1s }}\ndaemon: {{ poll: 300ms }}\n",
                forge.address
            )
        });
    }
    let (one, two) = (site.daemon("one", 0).await, site.daemon("two", 1).await);
    let value = || std::fs::read_to_string(site.at("token-0.value")).unwrap();
    let all = "SELECT count(*) FROM rotations";
    push("settings.py", &format!("token = '{}'\n", value()));
    site.until("it is closed", CLOSED, |many| many == 1).await;
    site.assert_rotated().await;
    // Both have looked again since.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!((site.server.count(all).await, site.leaked[0].issuer.live()), (Some(1), vec!["tok_0002".to_owned()]));
    // One stands still for longer than everything that it holds.
    signal(&one, Signal::STOP);
    site.server.run("UPDATE leases SET until = 0 WHERE holder IS NOT NULL").await;
    site.server.run("UPDATE jobs SET until = 0 WHERE holder IS NOT NULL").await;
    push("again.py", &format!("token = '{}'\n", value()));
    site.until("the second leak is closed", CLOSED, |many| many == 2).await;
    signal(&one, Signal::CONT);
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!((site.server.count(all).await, site.leaked[0].issuer.live()), (Some(2), vec!["tok_0003".to_owned()]));
    site.assert_rotated().await;
    // One is killed, and the other goes on alone.
    signal(&two, Signal::KILL);
    push("more.py", &format!("token = '{}'\n", value()));
    site.until("the third leak is closed", CLOSED, |many| many == 3).await;
    assert_eq!(site.leaked[0].issuer.live(), ["tok_0004"]);
    site.assert_rotated().await;
    site.ended(one);
}

/// As docs/journal.md says it: the other daemon is ended, the key changed on one machine, and its file copied to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn the_envelope_key_is_changed_while_cases_wait() {
    let site = Site::open(Server::shared().await, 3, "50ms").await;
    let (one, two) = (site.daemon("one", 0).await, site.daemon("two", 1).await);
    for leaked in &site.leaked {
        site.stanch("two", &["rotate", "--credential", &leaked.name]).expect(20);
    }
    site.ended(two);
    // What the cases sealed, and what the store holds.
    site.stanch("one", &["key", "rotate"]).expect(0).says("seals from now on");
    // A machine that was forgotten is told so, and begins nothing with the key of before.
    site.stanch("two", &["case", "approve", "C-0001"]).expect(4).says("copy its file from a machine");
    assert_eq!(site.server.count(OPEN).await, Some(3));
    std::fs::copy(site.at("one/envelope.key"), site.at("two/envelope.key")).unwrap();
    let two = site.daemon("two", 1).await;
    for number in 1..=3 {
        site.stanch("two", &["case", "approve", &format!("C-000{number}")]).expect(0);
    }
    site.assert_rotated().await;
    let listed = site.stanch("two", &["key", "list"]).expect(0).stdout;
    assert!(!listed.contains("LOST"), "{listed}");
    site.ended(one);
    site.ended(two);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_journal_is_moved_to_a_server_and_its_case_goes_on_there() {
    let server = Server::shared().await;
    tokio::task::spawn_blocking(move || {
        let shop = Shop::open();
        shop.rotate(&[]).expect(20).says("waiting for approval of plan");
        let password = setting("STANCH_TEST_PG_PASSWORD_FILE");
        let to = server.address();
        let migrate = || shop.stanch(&["journal", "migrate", "--to", &to, "--password-file", &password]);
        let daemon = Running::start(shop.program(&["daemon"]));
        until("the daemon answers", || shop.stanch(&["reload"]).code == 0);
        migrate().expect(2).says("a daemon attends").says("stop it first");
        shop.stanch(&["drain"]).expect(0);
        daemon.end().expect(0);
        let moved = migrate().expect(0).says("1  rotations").says("are unchanged and in order");
        let moved = moved.hides(&secret_setting("STANCH_TEST_PG_PASSWORD_FILE"));
        let records = moved.stdout.lines().find(|line| line.ends_with("  records")).unwrap().to_owned();
        assert!(records.trim().split(' ').next().unwrap().parse::<u64>().unwrap() > 2, "{records}");
        migrate().expect(0).says("was moved before");
        shop.stanch(&["case", "list"]).expect(4).says("this journal was moved to postgres://");
        shop.configure(|text| text.replace("journal: journal.db", &format!("journal: {}", server.entry("."))));
        shop.stanch(&["case", "approve", "C-0001"]).expect(0);
        shop.assert_rotated();
        shop.stanch(&["journal", "migrate", "--to", &to, "--password-file", &password])
            .expect(2)
            .says("on a server already");
        // A machine that made itself a key of its own would seal what nobody else can open.
        shop.configure(|text| text.replace("state: . ", "state: elsewhere "));
        shop.stanch(&["case", "list"]).expect(4).says("copy its file from a machine");
    })
    .await
    .unwrap();
}

#[test]
fn a_password_in_an_address_is_refused_and_not_repeated() {
    let shop = Settings::default().open();
    shop.configure(|text| text.replace("journal: journal.db", "journal: 'postgres://a:hush-hush@127.0.0.1/j'"));
    shop.stanch(&["case", "list"]).expect(2).says("holds a password: name a file").hides("hush-hush");
    shop.configure(|text| text.replace("a:hush-hush@127.0.0.1/j", "a@127.0.0.1:9/j?sslmode=disable"));
    shop.stanch(&["case", "list"]).expect(4).says("postgres://a@127.0.0.1:9/j cannot be reached");
}
