//! What is asked about findings, and where: only at the hosts of their kinds, or at addresses that the operator gives, in the
//! operator's file or with the command. What is scanned has no say in it.

use super::mending::{MendingError, configuration};
use crate::clock::SystemClock;
use crate::config::installation::{self, InstallationError, Kept};
use crate::config::operator::{self, Operator};
use crate::egress::{Egress, EgressError, Endpoint, Limits, endpoint};
use crate::model::{Companions, Credential, Finding, KindId, Secret, TokenId};
use crate::provider::ProviderError;
use crate::provider::aws_iam::{self, AwsIamProvider};
use crate::provider::http::{Access, HttpProvider};
use crate::rules::exchange::{Act, Exchange};
use crate::rules::{Catalogue, Kind};
use crate::triage::asking::{Asking, Call, Item, Memory, Question};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What is taken from a reply.
const LIMITS: Limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(10), reply_bytes: 1 << 20 };

/// The driver of AWS access keys, which a scan can ask about.
const AWS: &str = "aws-iam";

/// Where each partition of AWS says who a key is.
const PARTITIONS: [(&str, &str); 3] = [
    ("us-east-1", "sts.us-east-1.amazonaws.com"),
    ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
    ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
];

/// What was asked for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The operator's file; the usual ones where none is named.
    pub config: Option<PathBuf>,
    /// Providers and the addresses where they are.
    pub bases: Vec<(String, String)>,
    /// Hosts of kinds and where they are instead.
    pub hosts: Vec<(String, String)>,
    /// The most requests to one address.
    pub budget: u64,
    /// Whether what an earlier run learned counts.
    pub recall: bool,
}

/// Nothing can be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskingError {
    /// The operator's file.
    #[error(transparent)]
    Operator(#[from] MendingError),
    /// An address.
    #[error("the address given for '{name}' cannot be used")]
    Address {
        /// Of what.
        name: String,
        /// Why.
        source: EgressError,
    },
    /// A provider that is spoken to nowhere else.
    #[error("no kind of '{provider}' is asked at an address of yours; stanch rules list shows the providers")]
    NoProvider {
        /// Which.
        provider: String,
    },
    /// A host of no kind.
    #[error("no kind is asked at '{host}'")]
    NoHost {
        /// Which.
        host: String,
    },
    /// AWS.
    #[error("AWS cannot be asked")]
    Aws(#[source] ProviderError),
    /// The way out.
    #[error("nothing can be sent")]
    Egress(#[source] EgressError),
    /// The key of what is remembered.
    #[error(transparent)]
    Key(#[from] InstallationError),
}

/// What the operator says, beside the kinds.
#[derive(Debug, Default)]
struct Places {
    bases: BTreeMap<String, Vec<Endpoint>>,
    hosts: BTreeMap<String, Endpoint>,
    operator: Operator,
}

/// A way to verify a kind, with the calls that go it: one for each address of the operator's, or one.
#[derive(Debug)]
struct Way {
    names: Vec<String>,
    /// Where it goes, as the rule has it; none stands for an address of the operator's.
    hosts: Vec<Option<String>>,
    calls: Vec<usize>,
}

/// Puts the questions about findings together. Nothing is sent.
///
/// # Errors
/// When the operator's file or an address cannot be used.
pub async fn asking(findings: Vec<Finding>, kinds: &Catalogue, wanted: &Wanted) -> Result<Asking, AskingError> {
    let places = Places::gather(kinds, wanted)?;
    let egress = Arc::new(Egress::new(LIMITS).map_err(AskingError::Egress)?);
    let mut desk = Desk { places, egress, calls: Vec::new(), ways: BTreeMap::new() };
    let found: BTreeSet<&KindId> = findings.iter().map(|finding| &finding.kind).collect();
    for kind in found.into_iter().filter_map(|kind| kinds.find(kind)).filter(|kind| kind.driver() == Some(AWS)) {
        desk.add_aws(kind).await?;
    }
    let items = findings.into_iter().map(|finding| desk.item(finding, kinds)).collect();
    let memory = if wanted.recall { memory()? } else { None };
    Ok(Asking::new(desk.calls, items, wanted.budget, memory, Arc::new(SystemClock::new())))
}

/// What earlier runs learned; nothing where no key can be kept.
fn memory() -> Result<Option<Memory>, InstallationError> {
    let Some(state) = installation::state_directory() else { return Ok(None) };
    let (key, Kept::OnDisk(_)) = installation::key(Some(&state))? else { return Ok(None) };
    Ok(Some(Memory::open(&state, key)))
}

impl Places {
    /// From the command first, then from the operator's file.
    fn gather(kinds: &Catalogue, wanted: &Wanted) -> Result<Self, AskingError> {
        let mut places = Self::default();
        for (provider, url) in &wanted.bases {
            let own = |kind: &Kind| kind.exchanges().needs_base() || kind.driver() == Some(AWS);
            let needs = |kind: &&Arc<Kind>| kind.provider() == provider && own(kind);
            if kinds.kinds().iter().find(needs).is_none() {
                return Err(AskingError::NoProvider { provider: provider.clone() });
            }
            places.add_base(provider, address(provider, url)?);
        }
        for (host, url) in &wanted.hosts {
            if !kinds.kinds().iter().any(|kind| kind.hosts().contains(host)) {
                return Err(AskingError::NoHost { host: host.clone() });
            }
            places.hosts.entry(host.clone()).or_insert(address(host, url)?);
        }
        let path = match configuration(wanted.config.as_deref()) {
            Ok(path) => path,
            Err(MendingError::NoConfiguration { .. }) => return Ok(places),
            Err(error) => return Err(error.into()),
        };
        places.operator = Operator::load(&path).map_err(MendingError::from)?;
        let named = !wanted.bases.is_empty();
        let mut given = Vec::new();
        for (name, managed) in &places.operator.credentials {
            let none = BTreeMap::new();
            let (base, hosts) = match &managed.value.provider {
                operator::Provider::Http { base, hosts, .. } => (base, hosts),
                operator::Provider::AwsIam { endpoint, .. } => (endpoint, &none),
                _ => continue,
            };
            let provider = managed.value.kind.value.split('.').next().unwrap_or_default().to_owned();
            // What the command says of a provider is all there is to know of it.
            let said = named && wanted.bases.iter().any(|(one, _)| *one == provider);
            if let Some(base) = base.as_deref().filter(|_| !said) {
                given.push((Some(provider), address(name, base)?));
            }
            for (host, url) in hosts {
                places.hosts.entry(host.clone()).or_insert(address(name, url)?);
            }
        }
        for (provider, base) in given {
            places.add_base(&provider.unwrap_or_default(), base);
        }
        Ok(places)
    }

    fn add_base(&mut self, provider: &str, base: Endpoint) {
        let bases = self.bases.entry(provider.to_owned()).or_default();
        if !bases.contains(&base) {
            bases.push(base);
        }
    }

    /// Why a finding must not be asked about, whatever its kind says. To ask would tell the thief.
    fn spares(&self, finding: &Finding) -> Option<&'static str> {
        if self.operator.is_honeytoken(&finding.kind, &finding.fingerprint) {
            return Some("a honeytoken, which is never asked about");
        }
        let provider = |kind: &str| kind.split('.').next().map(str::to_owned);
        let own = provider(finding.kind.as_str());
        let bait = |managed: &operator::Managed| managed.honeytoken && provider(&managed.kind.value) == own;
        let baits = self.operator.credentials.values().any(|managed| bait(&managed.value));
        baits.then_some("a credential of its provider is a honeytoken, and it is not known which secret that is")
    }
}

fn address(name: &str, url: &str) -> Result<Endpoint, AskingError> {
    endpoint(url).map_err(|source| AskingError::Address { name: name.to_owned(), source })
}

/// Where questions are made.
struct Desk {
    places: Places,
    egress: Arc<Egress>,
    calls: Vec<Call>,
    ways: BTreeMap<KindId, Vec<Way>>,
}

impl Desk {
    fn item(&mut self, finding: Finding, kinds: &Catalogue) -> Item {
        let (fingerprint, kind) = (finding.fingerprint.clone(), finding.kind.clone());
        Item { fingerprint, kind, question: self.question(finding, kinds) }
    }

    fn question(&mut self, finding: Finding, kinds: &Catalogue) -> Result<Question, String> {
        if let Some(why) = self.places.spares(&finding) {
            return Err(why.to_owned());
        }
        let kind = kinds.find(&finding.kind).ok_or("its kind is not known here")?;
        if let Some(driver) = kind.driver().filter(|driver| *driver != AWS) {
            return Err(format!("it is asked through a driver ({driver}), which a scan does not use"));
        }
        if kind.driver().is_none() && kind.exchanges().ways(Act::Verify).is_empty() {
            return Err(match kind.exchanges().by_hand(Act::Verify) {
                Some(_) => "a person asks, in its provider's console".to_owned(),
                None => "its kind has no call that asks".to_owned(),
            });
        }
        if !self.ways.contains_key(&kind.id) {
            let ways = self.ways_of(kind);
            self.ways.insert(kind.id.clone(), ways);
        }
        let ways = self.ways.get(&kind.id).map(Vec::as_slice).unwrap_or_default();
        let parts = kind.parts(&finding.secret);
        let lacks = |way: &Way| way.names.iter().find(|name| !at_hand(name, &parts, &finding.companions)).cloned();
        // Ways to the same place differ in what they need; another place is asked where one was the wrong one.
        let mut places: Vec<&Way> = Vec::new();
        for way in ways.iter().filter(|way| lacks(way).is_none()) {
            if !places.iter().any(|known| known.hosts == way.hosts) {
                places.push(way);
            }
        }
        let calls: Vec<usize> = places.iter().flat_map(|way| way.calls.iter().copied()).collect();
        if calls.is_empty() {
            let missing = ways.iter().find_map(lacks);
            return Err(match missing {
                Some(name) if BEYOND.contains(&name.as_str()) => {
                    format!("it needs '{name}', which a scan does not know")
                }
                Some(name) => format!("it needs '{name}', which was not found beside it"),
                None => {
                    format!("it is asked at an address of yours: --verify-base {}=URL gives it", kind.provider())
                }
            });
        }
        // A provider that names no handle leaves this one, from which the secret does not follow. A key of AWS has one.
        let token = kind.driver().is_none().then(|| TokenId::new(finding.fingerprint.as_str()));
        Ok(Question {
            credential: Credential { token, secret: Some(finding.secret), companions: finding.companions },
            calls,
        })
    }

    /// AWS is asked who a key is in each of its partitions, unless an address is given: a key of one looks dead in the others.
    async fn add_aws(&mut self, kind: &Arc<Kind>) -> Result<(), AskingError> {
        let bases = self.places.bases.get(kind.provider()).cloned().unwrap_or_default();
        let mut places: Vec<(&str, Option<Endpoint>, String)> = Vec::new();
        for base in bases {
            places.push(("us-east-1", Some(base.clone()), base.origin()));
        }
        if places.is_empty() {
            places.extend(PARTITIONS.iter().map(|(region, host)| (*region, None, (*host).to_owned())));
        }
        let first = self.calls.len();
        for (region, endpoint, address) in places {
            // Nothing is done with this key: a question is signed with the key that it is about.
            let none = || Secret::new(b"none".to_vec());
            let authority = aws_iam::Authority::Key { id: "none".to_owned(), secret: none(), session: None };
            let setting = aws_iam::Setting { region: region.to_owned(), endpoint, user: None, authority };
            let provider = AwsIamProvider::new(setting, Arc::new(SystemClock::new())).await;
            self.calls.push(Call {
                kind: Arc::clone(kind),
                addresses: vec![address],
                given: true,
                digest: Sha256::digest(concat!("GetCallerIdentity ", env!("CARGO_PKG_VERSION"))).into(),
                provider: Arc::new(provider.map_err(AskingError::Aws)?),
            });
        }
        let calls = (first..self.calls.len()).collect();
        let way = Way { names: vec!["id".to_owned()], hosts: Vec::new(), calls };
        self.ways.insert(kind.id.clone(), vec![way]);
        Ok(())
    }

    fn ways_of(&mut self, kind: &Arc<Kind>) -> Vec<Way> {
        let bases = self.places.bases.get(kind.provider()).cloned().unwrap_or_default();
        let mut ways = Vec::new();
        for way in kind.exchanges().ways(Act::Verify) {
            let given = way.hosts().any(|host| host.is_none());
            let bases: Vec<Option<&Endpoint>> = if given { bases.iter().map(Some).collect() } else { vec![None] };
            let first = self.calls.len();
            for base in bases {
                let call = self.call(kind, way, base);
                self.calls.push(call);
            }
            let hosts = way.hosts().map(|host| host.map(str::to_owned)).collect();
            let names = way.names().filter(|name| *name != "base").map(str::to_owned).collect();
            ways.push(Way { names, hosts, calls: (first..self.calls.len()).collect() });
        }
        ways
    }

    fn call(&self, kind: &Arc<Kind>, way: &Exchange, base: Option<&Endpoint>) -> Call {
        let hosts = &self.places.hosts;
        let place = |host: Option<&str>| match host {
            Some(host) => hosts.get(host).map_or_else(|| host.to_owned(), Endpoint::origin),
            None => base.map_or_else(String::new, Endpoint::origin),
        };
        let exchanges = kind.exchanges().verified_by(way);
        let own = hosts.iter().filter(|(host, _)| exchanges.hosts().contains(host));
        let access = Access {
            base: base.cloned(),
            authority: None,
            values: Companions::default(),
            hosts: own.map(|(host, instead)| (host.clone(), instead.clone())).collect(),
            kind: Some(Arc::clone(kind)),
        };
        let (egress, clock) = (Arc::clone(&self.egress), Arc::new(SystemClock::new()));
        let mut digest = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
        digest.update(format!("{way:?}"));
        digest.update(base.map(Endpoint::as_str).unwrap_or_default());
        Call {
            kind: Arc::clone(kind),
            addresses: way.hosts().map(place).collect(),
            given: base.is_some(),
            digest: digest.finalize().into(),
            provider: Arc::new(HttpProvider::new(exchanges, access, egress, clock)),
        }
    }
}

/// Values of calls that nothing beside a token can be.
const BEYOND: [&str; 6] = ["token", "label", "chosen", "since", "page", "authority"];

fn at_hand(name: &str, parts: &Companions, companions: &Companions) -> bool {
    let beside = || parts.find(name).is_some() || companions.find(name).is_some();
    name == "secret" || (!BEYOND.contains(&name) && beside())
}
