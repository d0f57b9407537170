//! The mending wing, put together from the operator's file.

use super::alerts::AlertsError;
use super::journal;
use super::kinds::{KindsError, gather};
use crate::clock::SystemClock;
use crate::config::operator::{self, AwsAuthority, Operator, OperatorError, SecretSource};
use crate::config::policy::Span;
use crate::database::DatabaseError;
use crate::dependent::Expectation;
use crate::dependent::Reload;
use crate::dependent::command::{CommandDependent, CommandSettings, Program};
use crate::dependent::http::{Call, HttpDependent, HttpSettings};
use crate::dependent::postgres::{PostgresDependent, PostgresSettings};
use crate::dependent::{Dependent, DependentError};
use crate::egress::{Egress, EgressError, Endpoint, Limits, endpoint};
use crate::fetch::FetchError;
use crate::inventory::{Dependency, Managed, StoredCopy};
use crate::journal::JournalError;
use crate::journal::durable::DurableJournal;
use crate::model::{KindId, Secret, StorePath, TokenId};
use crate::provider::ProviderError;
use crate::rules::Catalogue;
use crate::rules::exchange::Act;
use crate::rules::template::{Shape, TemplateError};
use crate::runner::{self, Beforehand, Runner, Told};
use crate::scan::IMPORTED;
use crate::seal::{FileKey, KeyError, Sealer};
use crate::store::{self, SecretStore, StoreError};
use crate::telemetry;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long one call to a store or provider may take; well below the runner's lease.
const CALL: Duration = Duration::from_secs(30);
/// How long a probe or reload command may take where the configuration does not say.
const COMMAND: Duration = Duration::from_secs(60);
/// The longest file that a secret is read from, in bytes.
const LONGEST: u64 = 1 << 20;

/// Why the mending wing cannot be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MendingError {
    /// There is no operator's file.
    #[error("there is no configuration: looked at {looked}")]
    NoConfiguration {
        /// Where it was looked for.
        looked: String,
    },
    /// The operator's file cannot be used.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// No directory for the journal is known.
    #[error("no state directory is known: set XDG_STATE_HOME or HOME, or name a journal in the configuration")]
    NoState,
    /// The journal's database cannot be used.
    #[error("the journal cannot be opened")]
    Database(#[from] DatabaseError),
    /// The journal cannot be used.
    #[error("the journal cannot be used")]
    Journal(#[from] JournalError),
    /// The envelope key cannot be used.
    #[error("the key that seals secrets cannot be used")]
    Key(#[from] KeyError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// There is no such credential.
    #[error("there is no credential '{name}' in the configuration; it names: {known}")]
    NoCredential {
        /// Which.
        name: String,
        /// Which there are.
        known: String,
    },
    /// There is no such kind.
    #[error("credential '{name}' is of kind '{kind}', which no rule file describes: stanch rules list shows all kinds")]
    NoKind {
        /// The credential.
        name: String,
        /// The kind.
        kind: String,
    },
    /// The operator's own kinds cannot be looked for.
    #[error(transparent)]
    Kinds(#[from] KindsError),
    /// A secret that stanch itself needs cannot be read.
    #[error("could not read the secret that {whose} needs from {from}")]
    Secret {
        /// Who needs it.
        whose: String,
        /// From where.
        from: String,
        /// Why.
        source: std::io::Error,
    },
    /// The shape of a stored value is no template.
    #[error("the value of {store} under credential '{name}' is no usable template")]
    Shape {
        /// The credential.
        name: String,
        /// The store.
        store: String,
        /// Why.
        source: TemplateError,
    },
    /// A store cannot be set up.
    #[error("store '{name}' cannot be set up")]
    Store {
        /// Which.
        name: String,
        /// Why.
        source: StoreError,
    },
    /// A provider cannot be set up.
    #[error("the provider of '{name}' cannot be set up")]
    Provider {
        /// The credential.
        name: String,
        /// Why.
        source: ProviderError,
    },
    /// A self-hosted kind without its address.
    #[error(
        "'{name}' is of kind '{kind}', which is spoken to at an address of yours: name it as 'base' of the provider"
    )]
    NoBase {
        /// The credential.
        name: String,
        /// The kind.
        kind: KindId,
    },
    /// A host is put elsewhere that the kind never speaks to.
    #[error("'{name}' says where '{host}' is instead, but its kind speaks to: {known}")]
    NoHost {
        /// The credential.
        name: String,
        /// The host.
        host: String,
        /// Those of the kind.
        known: String,
    },
    /// A value that no call takes.
    #[error("'{name}' gives the value '{value}', which no call of its kind takes; they take: {known}")]
    NoValue {
        /// The credential.
        name: String,
        /// The value's name.
        value: String,
        /// Those that are taken.
        known: String,
    },
    /// A store would lose one half of a pair.
    #[error("{store} of '{name}' must hold '{{{{token}}}}' beside '{{{{secret}}}}': both change with a rotation")]
    Pair {
        /// The credential.
        name: String,
        /// The store.
        store: String,
    },
    /// A dependent cannot be set up.
    #[error("dependent '{name}' of '{credential}' cannot be set up")]
    Dependent {
        /// Which.
        name: String,
        /// Whose.
        credential: String,
        /// Why.
        source: DependentError,
    },
    /// Somebody who is to be told cannot be.
    #[error(transparent)]
    Alerts(Box<AlertsError>),
    /// A source elsewhere cannot be used.
    #[error(transparent)]
    Remote(#[from] FetchError),
    /// An address cannot be used.
    #[error("an address in the configuration of '{name}' cannot be used")]
    Address {
        /// The credential or store.
        name: String,
        /// Why.
        source: EgressError,
    },
}

/// Everything that commands which act on cases need.
#[derive(Debug)]
pub struct Mending {
    /// The operator's file.
    pub operator: Operator,
    /// The record of rotations.
    pub journal: DurableJournal,
    /// Seals what must outlive the process.
    pub sealer: Sealer,
    /// Time.
    pub clock: SystemClock,
    /// The kinds of the program and of the operator's own rule files.
    pub catalogue: Arc<Catalogue>,
    pub(super) egress: Arc<Egress>,
    pub(super) key: PathBuf,
    pub(super) path: PathBuf,
    pub(super) holder: String,
    /// The public name of the envelope key.
    pub(super) envelope: String,
}

impl Mending {
    /// Reads the operator's file (`--config`, else `STANCH_CONFIG`, the user's, the machine's) and opens the journal.
    ///
    /// # Errors
    /// [`MendingError`]; nothing outside was touched.
    pub async fn open(config: Option<&Path>) -> Result<Self, MendingError> {
        let path = configuration(config)?;
        let operator = Operator::load(&path)?;
        let mending = Self::put_together(path, operator).await?;
        mending.check_journal().await?;
        Ok(mending)
    }

    /// The same, whether or not the journal was moved from there.
    ///
    /// # Errors
    /// [`MendingError`]; nothing outside was touched.
    pub async fn open_to_move(config: Option<&Path>) -> Result<Self, MendingError> {
        let path = configuration(config)?;
        let operator = Operator::load(&path)?;
        Self::put_together(path, operator).await
    }

    async fn put_together(path: PathBuf, operator: Operator) -> Result<Self, MendingError> {
        let catalogue = gather(&operator.rules)?;
        let (journal, key) = journal::open(operator.journal.as_ref()).await?;
        let envelope = FileKey::load_or_create(&key)?;
        Ok(Self {
            envelope: envelope.id().to_owned(),
            sealer: Sealer::new(envelope),
            operator,
            journal,
            clock: SystemClock::new(),
            catalogue,
            egress: Arc::new(
                Egress::new(Limits::default())
                    .map_err(|source| MendingError::Address { name: "egress".to_owned(), source })?,
            ),
            key,
            path,
            holder: runner::holder().map_err(|_| MendingError::Random)?,
        })
    }

    /// A runner for one credential.
    #[must_use]
    pub fn runner<'a>(
        &'a self,
        managed: &'a Managed,
        told: Told<'a>,
        beforehand: Option<Beforehand>,
        stopping: &'a AtomicBool,
    ) -> Runner<'a> {
        Runner {
            journal: &self.journal,
            clock: &self.clock,
            sealer: &self.sealer,
            managed,
            people: &self.operator.known,
            holder: self.holder.clone(),
            told,
            beforehand,
            stopping,
        }
    }

    /// The credentials of a kind's provider (a token may come back in another shape of the same provider, and so be found
    /// as another kind than it was configured under); all of them for a kind that only another scanner knows.
    #[must_use]
    pub fn names_of(&self, kind: &KindId) -> Vec<String> {
        let any = kind.as_str().starts_with(IMPORTED);
        let provider = |kind: &str| kind.split('.').next().map(str::to_owned);
        let wanted = provider(kind.as_str());
        let fits = |managed: &operator::Managed| any || provider(&managed.kind.value) == wanted;
        let of_kind = self.operator.credentials.iter().filter(|(_, managed)| fits(&managed.value));
        of_kind.map(|(name, _)| name.clone()).collect()
    }

    /// A managed credential with live adapters. Nothing is sent yet.
    ///
    /// # Errors
    /// [`MendingError`] when its configuration cannot be used.
    pub async fn managed(&self, name: &str) -> Result<Managed, MendingError> {
        let entry = self.operator.credentials.get(name).ok_or_else(|| MendingError::NoCredential {
            name: name.to_owned(),
            known: self.operator.credentials.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        let entry = &entry.value;
        let kind = self
            .catalogue
            .find(&KindId::new(&entry.kind.value))
            .ok_or_else(|| MendingError::NoKind { name: name.to_owned(), kind: entry.kind.value.clone() })?;
        let paired = kind.exchanges().ways(Act::Verify).iter().any(|way| way.names().any(|part| part == "token"));
        let mut stores = Vec::new();
        for copy in &entry.stores {
            let copy = self.copy(name, &copy.value).await?;
            if paired && !copy.shape.holds_token() {
                return Err(MendingError::Pair { name: name.to_owned(), store: copy.name });
            }
            stores.push(copy);
        }
        let dependents = entry.dependents.iter().map(|dependent| self.dependency(name, &dependent.value));
        Ok(Managed {
            name: name.to_owned(),
            kind: kind.id.clone(),
            token: entry.token.as_ref().map(TokenId::new),
            provider: self.provider(name, kind, &entry.provider).await?,
            stores,
            dependents: dependents.collect::<Result<_, _>>()?,
            policy: entry.policy.resolve(),
        })
    }

    async fn copy(&self, credential: &str, entry: &operator::StoreEntry) -> Result<StoredCopy, MendingError> {
        let shape = Shape::parse(&entry.value).map_err(|source| MendingError::Shape {
            name: credential.to_owned(),
            store: entry.store.clone(),
            source,
        })?;
        let path = StorePath::new(&entry.path);
        let name = format!("{} {}", entry.store, entry.path);
        Ok(StoredCopy { name, store: self.store(entry, &path).await?, path, shape })
    }

    async fn store(
        &self,
        entry: &operator::StoreEntry,
        path: &StorePath,
    ) -> Result<Arc<dyn SecretStore>, MendingError> {
        let name = &entry.store;
        let failed = |source| MendingError::Store { name: name.clone(), source };
        let Some(store) = self.operator.stores.get(name) else {
            return Err(failed(StoreError::Missing { at: path.clone() }));
        };
        Ok(match &store.value {
            operator::Store::Local { directory } => {
                let exports = entry.export.iter().map(|file| (path.clone(), file.clone())).collect::<BTreeMap<_, _>>();
                let settings = store::local::LocalSettings { directory: directory.clone(), exports };
                let sealer = Sealer::new(FileKey::load_or_create(&self.key)?);
                Arc::new(store::local::LocalStore::new(settings, sealer))
            }
            operator::Store::Aws { region, endpoint, authority } => {
                let settings = store::aws::AwsSettings {
                    region: Some(region.clone()),
                    endpoint: checked(name, endpoint.as_deref())?,
                    key: match authority {
                        Some(AwsAuthority { id, secret }) => Some(store::aws::AwsKey {
                            id: id.clone(),
                            secret: secret_for(name, secret)?,
                            session: None,
                        }),
                        None => None,
                    },
                    timeout: CALL,
                };
                Arc::new(store::aws::AwsStore::connect(settings).await.map_err(failed)?)
            }
            operator::Store::Vault { address, namespace, token } => {
                checked(name, Some(address))?;
                let settings = store::vault::VaultSettings {
                    address: address.clone(),
                    namespace: namespace.clone(),
                    login: store::vault::VaultLogin::Token(secret_for(name, token)?),
                    authorities: None,
                    timeout: CALL,
                };
                Arc::new(store::vault::VaultStore::new(settings).map_err(failed)?)
            }
        })
    }

    fn dependency(&self, credential: &str, entry: &operator::Dependent) -> Result<Dependency, MendingError> {
        let name = &entry.name;
        let failed = |source| MendingError::Dependent { name: name.clone(), credential: credential.to_owned(), source };
        let call = |method, url: &str| Call::new(self.egress(), name, method, url, Vec::new()).map_err(failed);
        let program = |run: &[String], within| Program {
            arguments: run.to_vec(),
            variables: BTreeMap::new(),
            directory: None,
            within,
        };
        let reload = match &entry.reload {
            None => None,
            Some(operator::Reload::Command(run)) => Some(Reload::Command(program(run, COMMAND))),
            Some(operator::Reload::Post(url)) => Some(Reload::Http(call("POST", url)?)),
        };
        let dependent: Arc<dyn Dependent> = match entry.probe() {
            Some(operator::Probe::Http(probe)) => {
                let fields = probe.expect.body.iter().map(|(at, is)| (at.clone(), is.clone().into())).collect();
                Arc::new(
                    HttpDependent::new(HttpSettings {
                        name: name.clone(),
                        probe: call("GET", &probe.url)?,
                        status: if probe.expect.status.is_empty() { vec![200] } else { probe.expect.status.clone() },
                        expect: Expectation { fields, contains: None },
                        reload,
                    })
                    .map_err(failed)?,
                )
            }
            Some(operator::Probe::Command(probe)) => Arc::new(
                CommandDependent::new(CommandSettings {
                    name: name.clone(),
                    probe: program(&probe.run, probe.timeout.map_or(COMMAND, |Span(span)| span)),
                    code: 0,
                    expect: Expectation { fields: BTreeMap::new(), contains: probe.stdout.clone() },
                    reload,
                })
                .map_err(failed)?,
            ),
            Some(operator::Probe::Postgres(probe)) => {
                let password = secret_for(credential, &probe.authority.password)?;
                Arc::new(
                    PostgresDependent::new(PostgresSettings {
                        name: name.clone(),
                        authority: connection_string(probe, &password),
                        application: probe.application.clone(),
                        within: CALL,
                        reload,
                    })
                    .map_err(failed)?,
                )
            }
            None => {
                let problem = "it needs exactly one of http, command and postgres".to_owned();
                return Err(failed(DependentError::Settings { name: name.clone(), problem }));
            }
        };
        Ok(Dependency { dependent, required: entry.required, sources: entry.sources.clone() })
    }

    fn egress(&self) -> Egress {
        Egress::clone(&self.egress)
    }
}

/// A connection string, every part percent-encoded.
fn connection_string(probe: &operator::PostgresProbe, password: &Secret) -> Secret {
    let encode = |bytes: &[u8]| bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let tls = match probe.tls {
        operator::Tls::Verify => "verify-full",
        operator::Tls::Disable => "disable",
    };
    #[expect(clippy::disallowed_methods, reason = "the connection string is sealed in the same type")]
    let password = zeroize::Zeroizing::new(encode(password.expose()));
    let user = encode(probe.authority.user.as_bytes());
    let database = encode(probe.database.as_bytes());
    let text =
        format!("postgres://{user}:{}@{}:{}/{database}?sslmode={tls}", password.as_str(), probe.host, probe.port);
    Secret::new(text.into_bytes())
}

/// Puts a first value into the sealed local store: what a person does once, when the store is set up. `exports` are the
/// plain files that hold current values for programs on this machine.
///
/// # Errors
/// [`MendingError`] when the key or the store cannot be written.
pub async fn fill_local(
    directory: &Path,
    key: &Path,
    exports: BTreeMap<StorePath, PathBuf>,
    at: &StorePath,
    value: &Secret,
) -> Result<(), MendingError> {
    let settings = store::local::LocalSettings { directory: directory.to_owned(), exports };
    let store = store::local::LocalStore::new(settings, Sealer::new(FileKey::load_or_create(key)?));
    let put = store.put(at, value).await;
    put.map(|_| ()).map_err(|source| MendingError::Store { name: "local".to_owned(), source })
}

/// Where the operator's file is.
///
/// # Errors
/// [`MendingError::NoConfiguration`] where there is none.
pub(crate) fn configuration(given: Option<&Path>) -> Result<PathBuf, MendingError> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    if let Some(path) = std::env::var_os("STANCH_CONFIG") {
        return Ok(PathBuf::from(path));
    }
    let home = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let mut places: Vec<_> = home.into_iter().map(|home| home.join("stanch/config.yaml")).collect();
    places.push(PathBuf::from("/etc/stanch/stanch.yaml"));
    let looked = || places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    places
        .iter()
        .find(|place| place.exists())
        .cloned()
        .ok_or_else(|| MendingError::NoConfiguration { looked: looked() })
}

/// Checks an address of the operator's and gives it back.
fn checked(name: &str, address: Option<&str>) -> Result<Option<String>, MendingError> {
    let Some(address) = address else { return Ok(None) };
    self::address(name, address).map(|_| Some(address.to_owned()))
}

pub(super) fn address(name: &str, text: &str) -> Result<Endpoint, MendingError> {
    endpoint(text).map_err(|source| MendingError::Address { name: name.to_owned(), source })
}

/// Reads a secret that stanch itself needs.
pub(super) fn secret_for(whose: &str, source: &SecretSource) -> Result<Secret, MendingError> {
    let (from, read) = match source {
        SecretSource::File(path) => (path.display().to_string(), read_bounded(path)),
        SecretSource::Env(name) => {
            use std::os::unix::ffi::OsStringExt as _;
            let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "the variable is not set");
            let value = std::env::var_os(name).map(|value| Secret::new(value.into_vec())).ok_or_else(missing);
            (format!("the environment variable {name}"), value)
        }
        SecretSource::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(directory) => (format!("the credential {name}"), read_bounded(&PathBuf::from(directory).join(name))),
            None => {
                let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "CREDENTIALS_DIRECTORY is not set");
                (format!("the credential {name}"), Err(missing))
            }
        },
    };
    let secret = read.map(|secret| trimmed(&secret));
    let secret = secret.and_then(|secret| {
        let empty = || std::io::Error::new(std::io::ErrorKind::InvalidData, "it is empty");
        if secret.is_empty() { Err(empty()) } else { Ok(secret) }
    });
    let secret = secret.map_err(|source| MendingError::Secret { whose: whose.to_owned(), from, source })?;
    telemetry::hush(&secret);
    Ok(secret)
}

fn read_bounded(path: &Path) -> std::io::Result<Secret> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(Secret::new(bytes))
}

/// A secret without the line ends that editors and `echo` leave behind it.
#[must_use]
pub fn trimmed(secret: &Secret) -> Secret {
    #[expect(clippy::disallowed_methods, reason = "the copy without line ends is sealed in the same type")]
    let bytes = secret.expose();
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    Secret::new(bytes.get(..end).unwrap_or_default().to_vec())
}
