//! The operator's file: which credential has which provider, stores, dependents and policy.
//!
//! It is never the scanned repository's own file. What stands here is plain data; `wiring` makes adapters of it.

mod journal;
mod people;
mod provider;
mod words;

pub use journal::{Checkpoints, JournalPlace, JournalServer};
pub use people::{Environment, Honeytoken, PersonEntry};
pub use provider::{AwsAuthority, PostgresAuthority, Provider, RedisAuthority, Tls};

use super::policy::{PolicyEntry, Schedule, Span};
pub use super::secret::SecretSource;
use super::service::{Alert, Service, Watched};
use crate::model::{Fingerprint, KindId};
use crate::people::People;
use serde::Deserialize;
use serde_yaml::{Location, Spanned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Where the journal lives; the state directory where it is not given.
    pub journal: Option<JournalPlace>,
    /// Where signed checkpoints of it go; nowhere by themselves where it is not given.
    pub checkpoints: Option<Spanned<Checkpoints>>,
    /// Further rule files.
    #[serde(default)]
    pub rules: Vec<PathBuf>,
    /// Secrets managers, by name.
    #[serde(default)]
    pub stores: BTreeMap<String, Spanned<Store>>,
    /// Managed credentials, by name.
    #[serde(default)]
    pub credentials: BTreeMap<String, Spanned<Managed>>,
    /// What the daemon watches, by name.
    #[serde(default)]
    pub sources: BTreeMap<String, Spanned<Watched>>,
    /// Whom the daemon tells, by name.
    #[serde(default)]
    pub alerts: BTreeMap<String, Spanned<Alert>>,
    /// Who may decide, by name; with nobody named, everybody who can run the program may.
    #[serde(default)]
    pub people: BTreeMap<String, Spanned<PersonEntry>>,
    /// Tokens that are there to be found by thieves.
    #[serde(default)]
    pub honeytokens: Vec<Spanned<Honeytoken>>,
    /// Where the daemon listens, and how patient it is.
    #[serde(default)]
    pub daemon: Service,
    /// The people, their keys read.
    #[serde(skip)]
    pub known: People,
}

/// A secrets manager.
#[derive(Debug, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Store {
    /// The sealed local store.
    Local {
        /// Its directory.
        directory: PathBuf,
    },
    /// AWS Secrets Manager.
    Aws {
        /// Region.
        region: String,
        /// Another endpoint than Amazon's.
        endpoint: Option<String>,
        /// Credentials; the default chain where there are none.
        authority: Option<AwsAuthority>,
    },
    /// HashiCorp Vault or `OpenBao`, KV version 2.
    Vault {
        /// Base address.
        address: String,
        /// Namespace.
        namespace: Option<String>,
        /// Token.
        token: SecretSource,
    },
}

/// A managed credential.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Managed {
    /// Its kind.
    pub kind: Spanned<String>,
    /// Its handle at the provider, where it is known beforehand.
    pub token: Option<String>,
    /// Who issues it.
    pub provider: Provider,
    /// Where the good copy lives.
    pub stores: Vec<Spanned<StoreEntry>>,
    /// Who uses it.
    #[serde(default)]
    pub dependents: Vec<Spanned<Dependent>>,
    /// How careful.
    #[serde(default)]
    pub policy: PolicyEntry,
    /// When it is rotated though nothing has happened; only after a leak where it is not given.
    pub rotate: Option<Schedule>,
    /// Persons who have its value, or had it.
    #[serde(default)]
    pub held_by: Vec<String>,
    /// Where it is in use.
    pub environment: Option<Environment>,
    /// It is there to be found by thieves: it is never verified, rotated or revoked.
    #[serde(default)]
    pub honeytoken: bool,
}

/// One copy of the credential.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreEntry {
    /// The store's name in `stores`.
    pub store: String,
    /// The path in it.
    pub path: String,
    /// What is written: `{{secret}}` and `{{token}}` stand for the parts, and `{{user}}` for that of a login.
    #[serde(default = "secret_alone")]
    pub value: String,
    /// With the local store: a plain file (0600) that always holds the current value, for a local process to read.
    pub export: Option<PathBuf>,
}

/// A dependent: exactly one of `http`, `command` and `postgres` says how it is probed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependent {
    /// Its name.
    pub name: String,
    /// The old token is not revoked before it is proved.
    #[serde(default = "yes")]
    pub required: bool,
    /// What its uses look like at the provider: address ranges, application names.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Probed over HTTP.
    pub http: Option<HttpProbe>,
    /// Probed by a program.
    pub command: Option<CommandProbe>,
    /// Probed by its database sessions.
    pub postgres: Option<PostgresProbe>,
    /// Makes it read its store again.
    pub reload: Option<Reload>,
}

/// How a dependent is probed.
#[derive(Debug)]
pub enum Probe<'a> {
    /// Over HTTP.
    Http(&'a HttpProbe),
    /// By a program.
    Command(&'a CommandProbe),
    /// By its database sessions.
    Postgres(&'a PostgresProbe),
}

impl Dependent {
    /// The one probe; none where there is not exactly one.
    #[must_use]
    pub fn probe(&self) -> Option<Probe<'_>> {
        match (&self.http, &self.command, &self.postgres) {
            (Some(probe), None, None) => Some(Probe::Http(probe)),
            (None, Some(probe), None) => Some(Probe::Command(probe)),
            (None, None, Some(probe)) => Some(Probe::Postgres(probe)),
            _ => None,
        }
    }
}

/// A probe over HTTP.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Address.
    pub url: String,
    /// What a good answer looks like.
    #[serde(default)]
    pub expect: HttpExpect,
}

/// What a good answer looks like.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpExpect {
    /// Statuses; 200 where none is given.
    #[serde(default)]
    pub status: Vec<u16>,
    /// JSON pointers and what they must hold; `{{token}}`, `{{user}}`, `{{version}}` and `{{digest}}` tell versions apart.
    #[serde(default)]
    pub body: BTreeMap<String, String>,
}

/// A probe by a program; never through a shell.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandProbe {
    /// Program and arguments.
    pub run: Vec<String>,
    /// What its standard output must hold; `{{token}}`, `{{user}}`, `{{version}}` and `{{digest}}` tell versions apart.
    pub stdout: Option<String>,
    /// How long it may take.
    #[serde(default)]
    pub timeout: Option<Span>,
}

/// A probe by database sessions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresProbe {
    /// Host.
    pub host: String,
    /// Port.
    #[serde(default = "postgres_port")]
    pub port: u16,
    /// Database.
    pub database: String,
    /// The `application_name` of its sessions.
    pub application: String,
    /// Who may see all sessions.
    pub authority: PostgresAuthority,
    /// Transport security.
    #[serde(default)]
    pub tls: Tls,
}

/// A reload action.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Reload {
    /// A program and its arguments.
    Command(Vec<String>),
    /// An address that is sent a POST.
    Post(String),
}

/// Why the operator's file cannot be used. Messages name the file and the line, never a neighbouring line's text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// It cannot be read.
    #[error("could not read {path}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than any such file.
    #[error("{path} is larger than 1 MiB: this is no configuration file")]
    Large {
        /// Which file.
        path: String,
    },
    /// A mistake at a place.
    #[error("{path}:{line}:{column}: {message}")]
    Mistake {
        /// Which file.
        path: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// What is wrong and what to write instead.
        message: String,
    },
}

fn yes() -> bool {
    true
}

fn postgres_port() -> u16 {
    5432
}

fn secret_alone() -> String {
    "{{secret}}".to_owned()
}

impl Operator {
    /// Reads and checks the operator's file. Relative paths in it count from its own directory.
    ///
    /// # Errors
    /// [`OperatorError`] with file, line and remedy.
    pub fn load(path: &Path) -> Result<Self, OperatorError> {
        let shown = path.display().to_string();
        let read = |source| OperatorError::Read { path: shown.clone(), source };
        if std::fs::metadata(path).map_err(read)?.len() > LARGEST {
            return Err(OperatorError::Large { path: shown });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let mut operator = Self::parse(&shown, &text)?;
        operator.anchor(path.parent().unwrap_or(Path::new(".")));
        Ok(operator)
    }

    /// Checks the text of an operator's file; `path` is for messages alone.
    ///
    /// # Errors
    /// [`OperatorError::Mistake`].
    pub fn parse(path: &str, text: &str) -> Result<Self, OperatorError> {
        let options = serde_yaml::options! { with_snippet: false, strict_booleans: true };
        let mut operator: Self = serde_yaml::from_str_with_options(text, options).map_err(|error| {
            let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
            let message = words::without_values(&error.without_snippet().to_string());
            OperatorError::Mistake { path: path.to_owned(), line, column, message }
        })?;
        operator.known = operator.check(path)?;
        Ok(operator)
    }

    fn check(&self, path: &str) -> Result<People, OperatorError> {
        let mistake = |at: Location, message: String| OperatorError::Mistake {
            path: path.to_owned(),
            line: at.line(),
            column: at.column(),
            message,
        };
        for (name, source) in &self.sources {
            if let Some(problem) = source.value.problem(self.daemon.listen.is_some()) {
                return Err(mistake(source.defined, format!("source '{name}' {problem}")));
            }
        }
        if let Some(at) = &self.checkpoints
            && let Some(problem) = at.value.problem()
        {
            return Err(mistake(at.defined, problem.to_owned()));
        }
        let people = self.gather().map_err(|(at, message)| mistake(at, message))?;
        for bait in &self.honeytokens {
            let fingerprint = bait.value.fingerprint.as_ref();
            let reads = fingerprint.is_none_or(|text| text.parse::<crate::model::FingerprintPrefix>().is_ok());
            if !reads || (fingerprint.is_none() && bait.value.kind.is_none()) {
                let message = "write which honeytoken: a fingerprint as a scan prints it, or a kind".to_owned();
                return Err(mistake(bait.defined, message));
            }
        }
        let mut places = BTreeMap::new();
        for (name, managed) in &self.credentials {
            let at = managed.defined;
            let paired = managed.value.provider.is_paired();
            if !words::may_be_kind(&managed.value.kind.value) {
                let message = "this is no kind: write one as stanch rules list shows it".to_owned();
                return Err(mistake(managed.value.kind.defined, message));
            }
            if managed.value.stores.is_empty() {
                return Err(mistake(at, format!("credential '{name}' has no store: name at least one under 'stores'")));
            }
            for entry in &managed.value.stores {
                let Some(store) = self.stores.get(&entry.value.store) else {
                    let known = self.stores.keys().cloned().collect::<Vec<_>>().join(", ");
                    let named = words::shown(&entry.value.store);
                    let message = format!("there is no store {named}; the file names: {known}");
                    return Err(mistake(entry.defined, message));
                };
                if entry.value.export.is_some() && !matches!(store.value, Store::Local { .. }) {
                    let message = "'export' is for the local store alone: remove it".to_owned();
                    return Err(mistake(entry.defined, message));
                }
                if !entry.value.value.contains("{{secret}}") {
                    let message = "the value does not hold '{{secret}}', so nothing would be stored".to_owned();
                    return Err(mistake(entry.defined, message));
                }
                if paired && !entry.value.value.contains("{{token}}") {
                    let message = "the value must hold '{{token}}' beside '{{secret}}': both change with a rotation";
                    return Err(mistake(entry.defined, message.to_owned()));
                }
                if managed.value.provider.keeps_role() && entry.value.value.contains("{{token}}") {
                    let message = "write the role's name instead of '{{token}}': the role stays, its password changes";
                    return Err(mistake(entry.defined, message.to_owned()));
                }
                if entry.value.value.contains("{{user}}") != managed.value.provider.has_user() {
                    let message = if managed.value.provider.has_user() {
                        "the value must hold '{{user}}' beside '{{secret}}': both change with a rotation"
                    } else {
                        "'{{user}}' is for logins that are made anew: write the user itself, or '{{token}}'"
                    };
                    return Err(mistake(entry.defined, message.to_owned()));
                }
                if let Some(other) = places.insert((&entry.value.store, &entry.value.path), name) {
                    let (store, path) = (&entry.value.store, &entry.value.path);
                    let message = format!("{store} {path} is a store of '{other}' already: one place holds one token");
                    return Err(mistake(entry.defined, message));
                }
            }
            let mut seen = std::collections::BTreeSet::new();
            for dependent in &managed.value.dependents {
                let Dependent { name, command, .. } = &dependent.value;
                if dependent.value.probe().is_none() {
                    let message = format!("dependent '{name}' needs exactly one of http, command and postgres");
                    return Err(mistake(dependent.defined, message));
                }
                if managed.value.provider.keeps_role() && dependent.value.postgres.is_some() {
                    let message =
                        format!("the role of '{name}' stays, so its sessions tell nothing: probe '{{{{digest}}}}'");
                    return Err(mistake(dependent.defined, message));
                }
                if command.as_ref().is_some_and(|probe| probe.run.is_empty()) {
                    return Err(mistake(
                        dependent.defined,
                        format!("the command of '{name}' is empty: name a program"),
                    ));
                }
                if !seen.insert(name) {
                    return Err(mistake(dependent.defined, format!("there are two dependents '{name}'")));
                }
            }
            if let Some(problem) = self.unfulfillable(&managed.value, &people) {
                return Err(mistake(at, format!("credential '{name}': {problem}")));
            }
            let (when, bait) = (managed.value.policy.when, managed.value.honeytoken);
            if let Some(problem) = managed.value.rotate.and_then(|schedule| schedule.problem(when, bait)) {
                return Err(mistake(at, format!("credential '{name}': {problem}")));
            }
            if let Some(problem) = managed.value.provider.problem() {
                return Err(mistake(at, format!("credential '{name}' {problem}")));
            }
        }
        Ok(people)
    }

    /// True for a token that is there to be found by thieves; nothing is asked about it anywhere.
    #[must_use]
    pub fn is_honeytoken(&self, kind: &KindId, fingerprint: &Fingerprint) -> bool {
        self.honeytokens.iter().map(|bait| &bait.value).any(|bait| {
            let kind = bait.kind.as_ref().is_none_or(|named| named == kind.as_str());
            let print =
                bait.fingerprint.as_ref().map(|text| text.parse().is_ok_and(|text| fingerprint.starts_with(&text)));
            kind && print.unwrap_or(true)
        })
    }

    /// The secrets that stanch itself uses for its stores and providers, and what for.
    pub fn authorities(&self) -> impl Iterator<Item = (String, &SecretSource)> {
        let stores = self.stores.iter().filter_map(|(name, store)| {
            let secret = match &store.value {
                Store::Vault { token, .. } => token,
                Store::Aws { authority, .. } => &authority.as_ref()?.secret,
                Store::Local { .. } => return None,
            };
            Some((format!("the store '{name}'"), secret))
        });
        let providers = self.credentials.iter().filter_map(|(name, managed)| {
            Some((format!("the provider of '{name}'"), managed.value.provider.authority()?))
        });
        stores.chain(providers)
    }

    /// Makes relative paths count from `directory`.
    fn anchor(&mut self, directory: &Path) {
        let anchor = |path: &mut PathBuf| *path = directory.join(&*path);
        let secret = |source: &mut SecretSource| {
            if let SecretSource::File(path) = source {
                *path = directory.join(&*path);
            }
        };
        for source in self.sources.values_mut() {
            source.value.paths().for_each(anchor);
            source.value.secrets().into_iter().for_each(secret);
        }
        self.alerts.values_mut().flat_map(|alert| alert.value.to.secrets()).for_each(secret);
        match &mut self.journal {
            Some(JournalPlace::File(path)) => anchor(path),
            Some(JournalPlace::Server(server)) => {
                server.password.iter_mut().for_each(secret);
                server.state.iter_mut().for_each(anchor);
            }
            None => {}
        }
        self.checkpoints.iter_mut().for_each(|checkpoints| anchor(&mut checkpoints.value.to));
        self.rules.iter_mut().for_each(anchor);
        for store in self.stores.values_mut() {
            match &mut store.value {
                Store::Local { directory: at } => anchor(at),
                Store::Aws { authority, .. } => authority.iter_mut().for_each(|a| secret(&mut a.secret)),
                Store::Vault { token, .. } => secret(token),
            }
        }
        for managed in self.credentials.values_mut() {
            managed.value.provider.secrets().into_iter().for_each(secret);
            managed.value.stores.iter_mut().filter_map(|entry| entry.value.export.as_mut()).for_each(anchor);
            for dependent in &mut managed.value.dependents {
                dependent.value.postgres.iter_mut().for_each(|probe| secret(&mut probe.authority.password));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::Approve;
    use std::time::Duration;

    const GOOD: &str = "
stores:
  vault: { driver: vault, address: 'http://127.0.0.1:8200', token: { file: token } }
credentials:
  shop-db:
    kind: postgres.url
    provider:
      driver: postgres
      host: 127.0.0.1
      database: shop
      roles: [shop_a, shop_b]
      authority: { user: admin, password: { file: admin } }
    stores:
      - { store: vault, path: kv/shop/db, value: '{\"user\":\"{{token}}\",\"password\":\"{{secret}}\"}' }
    dependents:
      - { name: billing, http: { url: 'http://127.0.0.1:1/health', expect: { body: { /token: '{{token}}' } } } }
    policy: { when: automatic, soak: 15m, proofs: 2 }
";

    #[test]
    fn the_sample_is_read_and_its_paths_count_from_its_directory() {
        let mut operator = Operator::parse("o.yaml", GOOD).unwrap();
        operator.anchor(Path::new("/etc/stanch"));
        let Store::Vault { token: SecretSource::File(path), .. } = &operator.stores["vault"].value else { panic!() };
        assert_eq!(path, Path::new("/etc/stanch/token"));
        let policy = operator.credentials["shop-db"].value.policy.resolve();
        assert_eq!((policy.approve, policy.soak, policy.proofs), (Approve::Never, Duration::from_secs(900), 2));
    }

    #[test]
    fn every_mistake_has_a_place_and_a_remedy() {
        let cases = [
            ("stores: vault", "store: vault", "unknown field"),
            ("soak: 15m", "soak: 15", "no span of time"),
            ("store: vault,", "store: vlt,", "there is no store 'vlt'"),
            ("driver: postgres", "driver: postgrs", "unknown variant"),
            ("{{secret}}", "x", "does not hold"),
            ("{{token}}\",\"password", "app\",\"password", "must hold '{{token}}'"),
            (
                "    dependents:",
                "      - { store: vault, path: kv/shop/db, value: '{{token}} {{secret}}' }\n    dependents:",
                "already",
            ),
            ("[shop_a, shop_b]", "[shop_a, shop_a]", "two different roles"),
            ("      roles: [shop_a, shop_b]\n", "", "needs 'roles', two that alternate, or 'role'"),
            ("roles: [shop_a, shop_b]", "roles: [shop_a, shop_b]\n      role: shop", "both 'roles' and 'role'"),
            ("roles: [shop_a, shop_b]", "role: shop", "write the role's name instead of '{{token}}'"),
            ("\"user\":\"{{token}}\"", "\"user\":\"{{user}}\",\"id\":\"{{token}}\"", "write the user itself"),
            (
                "driver: postgres\n      host: 127.0.0.1\n      database: shop\n      roles: [shop_a, shop_b]\n      authority: { user: admin, password: { file: admin } }",
                "driver: vault-database\n      address: 'http://127.0.0.1:8200'\n      token: { file: token }\n      role: shop\n      host: 127.0.0.1\n      database: shop",
                "must hold '{{user}}'",
            ),
            (
                "driver: postgres\n      host: 127.0.0.1\n      database: shop\n      roles: [shop_a, shop_b]",
                "driver: redis\n      host: 127.0.0.1\n      user: admin",
                "needs another authority than 'admin' itself",
            ),
            ("    policy:", "    rotate: { every: 30m }\n    policy:", "shorter than an hour"),
            (
                "    policy: { when: automatic,",
                "    rotate: { every: 30d }\n    policy: { when: report,",
                "opens no case by itself",
            ),
            ("    policy:", "    rotate: { every: 30d }\n    honeytoken: true\n    policy:", "never touched"),
            ("http: {", "htp: {", "unknown field"),
            (
                "{ name: billing, http: { url: 'http://127.0.0.1:1/health', expect: { body: { /token: '{{token}}' } } } }",
                "{ name: billing }",
                "exactly one of",
            ),
        ];
        for (from, to, words) in cases {
            let text =
                if from == "stores: vault" { GOOD.replacen("stores:", "store:", 1) } else { GOOD.replace(from, to) };
            let error = Operator::parse("o.yaml", &text).unwrap_err().to_string();
            assert!(error.starts_with("o.yaml:") && error.contains(words), "{from} -> {to}: {error}");
        }
    }
}
