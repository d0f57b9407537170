//! A repository that leaked a token, the operator's file, a store, and a service that uses the token all the time without
//! ever trying again.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time, and look at what was stored")]

use super::loopback::json;
use crate::world::http::{Answer, Asked, Server};
use crate::world::shop::until;
use crate::world::{Ran, World};
use serde_json::{Value, json as object};
use sha2::{Digest as _, Sha256};
use stanch::inventory::Managed;
use stanch::model::{Secret, StorePath};
use stanch::wiring::mending::{Mending, fill_local};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const PATH: &str = "shop/token";

/// How a request is made with a token; the reply's status is a success or it failed.
pub(super) type Work = fn(&str) -> Asked;

struct Shared {
    held: Mutex<String>,
    served: AtomicU64,
    failures: Mutex<Vec<String>>,
    over: AtomicBool,
    provider: SocketAddr,
    work: Work,
    file: PathBuf,
}

impl Shared {
    fn once(&self) -> Result<String, String> {
        let held = self.held.lock().unwrap().clone();
        let reply = (self.work)(&held).send(self.provider).map_err(|error| error.to_string())?;
        if reply.status < 300 { Ok(held) } else { Err(format!("status {}", reply.status)) }
    }
}

/// The service and its client; both stop when this is dropped.
struct Service {
    server: Server,
    shared: Arc<Shared>,
    client: Option<JoinHandle<()>>,
}

impl Service {
    fn start(file: &Path, provider: SocketAddr, work: Work) -> Self {
        let shared = Arc::new(Shared {
            held: Mutex::new(std::fs::read_to_string(file).unwrap()),
            served: AtomicU64::new(0),
            failures: Mutex::default(),
            over: AtomicBool::new(false),
            provider,
            work,
            file: file.to_owned(),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |asked| {
            if asked.path == "/reload" {
                *serving.held.lock().unwrap() = std::fs::read_to_string(&serving.file).unwrap();
                return Answer::Reply(json(200, &object!({})));
            }
            Answer::Reply(match serving.once() {
                Ok(held) => {
                    json(200, &object!({ "digest": data_encoding::HEXLOWER.encode(&Sha256::digest(secret(&held))) }))
                }
                Err(error) => json(503, &object!({ "error": error })),
            })
        });
        let working = Arc::clone(&shared);
        let client = std::thread::spawn(move || {
            while !working.over.load(Ordering::SeqCst) {
                match working.once() {
                    Ok(_) => drop(working.served.fetch_add(1, Ordering::SeqCst)),
                    Err(failure) => working.failures.lock().unwrap().push(failure),
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { server, shared, client: Some(client) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        if let Some(client) = self.client.take() {
            client.join().unwrap();
        }
    }
}

/// What of a stored value is secret: of a pair the second half.
fn secret(held: &str) -> &str {
    held.rsplit(':').next().unwrap_or(held)
}

/// Everything together.
pub(super) struct Desk {
    world: World,
    kind: &'static str,
    leaked: String,
    service: Service,
}

impl Desk {
    /// `provider` is what stands in the operator's file; `{authority}` names a file that holds the authority.
    pub(super) fn new(
        kind: &'static str,
        leaked: &str,
        provider: &str,
        authority: &str,
        at: SocketAddr,
        work: Work,
    ) -> Self {
        let world = World::new();
        world.commit("settings.env", format!("API_TOKEN={leaked}\n"), "Configure the job");
        world.commit("settings.env", "# see the secrets manager\n", "Take the token out");
        private(&world.outside("authority"), authority);
        let export = world.outside("token");
        let exports = BTreeMap::from([(StorePath::new(PATH), export.clone())]);
        let (directory, key) = (world.outside("secrets"), world.outside("envelope.key"));
        let secret = Secret::new(leaked.as_bytes().to_vec());
        block_on(async { fill_local(&directory, &key, exports, &StorePath::new(PATH), &secret).await.unwrap() });
        let service = Service::start(&export, at, work);
        let base = format!("http://{}", service.server.address);
        let text = format!(
            "journal: journal.db
stores:
  local: {{ driver: local, directory: secrets }}
credentials:
  shop:
    kind: {kind}
    provider: {{ driver: http, {provider} }}
    stores: [{{ store: local, path: {PATH}, export: token }}]
    dependents:
      - name: shop
        http: {{ url: '{base}/health', expect: {{ body: {{ /digest: '{{{{digest}}}}' }} }} }}
        reload: {{ post: '{base}/reload' }}
    policy: {{ when: automatic, tries: 4, pause: 50ms, proofs: 2, prove_within: 30s, deadline: 30s, soak: 100ms, \
             confirms: 2, confirm_pause: 50ms, confirm_within: 30s, watch: 100ms }}
"
        );
        std::fs::write(world.outside("operator.yaml"), text).unwrap();
        Self { world, kind, leaked: leaked.to_owned(), service }
    }

    pub(super) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(crate::world::program());
        command.args(arguments).arg("--config").arg(self.world.outside("operator.yaml"));
        command
    }

    pub(super) fn stanch(&self, arguments: &[&str]) -> Ran {
        self.world.run(self.program(arguments))
    }

    /// A value on the standard input of a command, and nowhere else.
    pub(super) fn given(&self, arguments: &[&str], value: &str) -> Command {
        let file = self.world.outside("given");
        private(&file, value);
        let mut command = self.program(arguments);
        command.stdin(std::fs::File::open(&file).unwrap());
        std::fs::remove_file(&file).unwrap();
        command
    }

    /// Hands a token over; of a pair both halves.
    pub(super) fn provide(&self, value: &str) -> Ran {
        let mut arguments = vec!["case", "provide", "C-0001", "--secret", "-", "-v"];
        if let Some((handle, _)) = value.split_once(':') {
            arguments.extend(["--token", handle]);
        }
        self.world.run(self.given(&arguments, secret(value))).hides(secret(value)).hides(secret(&self.leaked))
    }

    pub(super) fn case(&self, verb: &str) -> Ran {
        self.stanch(&["case", verb, "C-0001", "-v"]).hides(secret(&self.leaked))
    }

    /// The service works at this moment.
    #[track_caller]
    pub(super) fn assert_works(&self) {
        let served = self.service.shared.once();
        assert_eq!(served.as_deref(), Ok(self.stored().as_str()));
    }

    /// Finds the leak as a scan reports it, and rotates that.
    pub(super) fn rotate(&self) -> Ran {
        self.rotate_with(&[])
    }

    pub(super) fn rotate_with(&self, more: &[&str]) -> Ran {
        let report = self.world.stanch(&["scan", "--history", ".", "--format", "json"]).expect(1).stdout;
        let report: Value = serde_json::from_str(&report).unwrap();
        let found = report["findings"].as_array().unwrap();
        let provider = self.kind.split('.').next().unwrap();
        let own = |finding: &&Value| finding["kind"].as_str().unwrap().starts_with(provider);
        let found: Vec<_> = found.iter().filter(own).collect();
        assert_eq!(found.len(), 1, "{report}");
        let fingerprint = found[0]["fingerprint"].as_str().unwrap().to_owned();
        let arguments = ["rotate", &fingerprint, "--repo", ".", "--yes", "-v"];
        self.stanch(&[&arguments, more].concat()).hides(secret_half(&self.leaked))
    }

    /// The value that is given out now.
    pub(super) fn stored(&self) -> String {
        std::fs::read_to_string(self.world.outside("token")).unwrap()
    }

    /// The service worked all the time, and works now.
    #[track_caller]
    pub(super) fn assert_unbroken(&self) {
        let shared = &self.service.shared;
        let before = shared.served.load(Ordering::SeqCst);
        until("more requests of the client", || shared.served.load(Ordering::SeqCst) > before + 3);
        let failures = shared.failures.lock().unwrap();
        assert!(failures.is_empty(), "{failures:?}");
    }

    /// Nothing was changed, and a person is asked.
    #[track_caller]
    pub(super) fn assert_held(&self, ran: &Ran) {
        assert_eq!(ran.code, 22, "{}{}", ran.stdout, ran.stderr);
        assert_eq!(self.stored(), self.leaked);
        self.assert_unbroken();
    }

    /// Changes the operator's file.
    pub(super) fn configure(&self, change: impl FnOnce(String) -> String) {
        let file = self.world.outside("operator.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let changed = change(text.clone());
        assert_ne!(changed, text, "nothing was changed");
        std::fs::write(file, changed).unwrap();
    }

    /// The operator's file cannot be used, and the message says why.
    #[track_caller]
    pub(super) fn refuses(&self, words: &str) {
        let ran = self.stanch(&["rotate", "--credential", "shop", "--plan"]).says(words);
        assert_eq!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
    }

    /// With the live adapters of the operator's file.
    pub(super) fn with<T>(&self, doing: impl AsyncFnOnce(&Managed) -> T) -> T {
        block_on(async {
            let mending = Mending::open(Some(&self.world.outside("operator.yaml"))).await.unwrap();
            doing(&mending.managed("shop").await.unwrap()).await
        })
    }
}

/// What of a token nobody may see: where it names its own id, what follows that.
pub(super) fn secret_half(token: &str) -> &str {
    token.rsplit('.').next().unwrap_or(token)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(future)
}

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
