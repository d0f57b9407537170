//! AWS access keys, by way of IAM, into Secrets Manager and Vault.

use super::proxy::{Deed, Proxy};
use super::service::{Pair, Service};
use super::site::{Site, order};
use super::vault::Vault;
use super::{secret_setting, setting, unique};
use crate::world::hides;
use aws_credential_types::Credentials;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::config::{BehaviorVersion, Region};
use aws_sdk_iam::types::StatusType;
use serde_json::{Value, json};

pub(super) const KIND: &str = "aws.access-key";

/// AWS as everybody else sees it; nothing is tried twice.
#[derive(Clone)]
pub(super) struct Aws {
    iam: aws_sdk_iam::Client,
    sts: aws_sdk_sts::Client,
    pub(super) secrets: aws_sdk_secretsmanager::Client,
}

impl Aws {
    pub(super) fn new() -> Self {
        let admin = Pair {
            name: setting("STANCH_TEST_AWS_ADMIN_ID"),
            secret: secret_setting("STANCH_TEST_AWS_ADMIN_SECRET_FILE"),
        };
        let (url, region) = (setting("STANCH_TEST_AWS_URL"), Region::new(setting("STANCH_TEST_AWS_REGION")));
        macro_rules! client {
            ($service:ident) => {
                $service::Client::from_conf(
                    $service::Config::builder()
                        .behavior_version(BehaviorVersion::latest())
                        .region(region.clone())
                        .endpoint_url(&url)
                        .retry_config(RetryConfig::disabled())
                        .credentials_provider(signer(&admin))
                        .build(),
                )
            };
        }
        Self { iam: client!(aws_sdk_iam), sts: client!(aws_sdk_sts), secrets: client!(aws_sdk_secretsmanager) }
    }

    /// A user with one key, who may read secrets.
    async fn user(&self, name: &str) -> Pair {
        self.iam.create_user().user_name(name).send().await.unwrap();
        self.allow(name, &["secretsmanager:GetSecretValue"]).await;
        self.key(name).await
    }

    /// The user may do this, and nothing else.
    async fn allow(&self, user: &str, actions: &[&str]) {
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": actions, "Resource": "*" }] });
        let put = self.iam.put_user_policy().user_name(user).policy_name("tests");
        put.policy_document(policy.to_string()).send().await.unwrap();
    }

    async fn key(&self, user: &str) -> Pair {
        let key = self.iam.create_access_key().user_name(user).send().await.unwrap().access_key.unwrap();
        Pair { name: key.access_key_id, secret: key.secret_access_key }
    }

    /// The user's keys, and whether each is active.
    async fn keys(&self, user: &str) -> Vec<(String, bool)> {
        let listed = self.iam.list_access_keys().user_name(user).send().await.unwrap();
        let key = |key: &aws_sdk_iam::types::AccessKeyMetadata| {
            (key.access_key_id().unwrap().to_owned(), key.status() == Some(&StatusType::Active))
        };
        listed.access_key_metadata().iter().map(key).collect()
    }

    /// What the key says it is; the status of the refusal otherwise.
    async fn asks_who_it_is(&self, key: &Pair) -> Result<(), u16> {
        let as_key = aws_sdk_sts::Config::builder().credentials_provider(signer(key));
        let asked = self.sts.get_caller_identity().customize().config_override(as_key).send().await;
        asked.map(drop).map_err(|error| error.raw_response().map_or(0, |reply| reply.status().as_u16()))
    }

    /// One piece of work with the key: it says who it is and reads a secret.
    async fn works(&self, key: Pair, path: &str) -> Result<(), String> {
        self.asks_who_it_is(&key).await.map_err(|status| format!("GetCallerIdentity: {status}"))?;
        let as_key = aws_sdk_secretsmanager::Config::builder().credentials_provider(signer(&key));
        let read = self.secrets.get_secret_value().secret_id(path).customize().config_override(as_key).send().await;
        read.map(drop).map_err(|error| format!("GetSecretValue: {error:?}"))
    }

    pub(super) async fn value(&self, path: &str) -> String {
        let read = self.secrets.get_secret_value().secret_id(path).send().await.unwrap();
        read.secret_string().unwrap().to_owned()
    }
}

fn signer(key: &Pair) -> Credentials {
    Credentials::new(&key.name, &key.secret, None, None, "tests")
}

/// Where a good copy lives.
#[derive(Clone)]
pub(super) enum Place {
    Aws(String),
    Vault(String),
}

impl Place {
    async fn put(&self, aws: &Aws, pair: &Pair) {
        let value = json!({ "id": pair.name, "secret": pair.secret });
        match self {
            Self::Aws(path) => {
                drop(aws.secrets.create_secret().name(path).secret_string(value.to_string()).send().await.unwrap());
            }
            Self::Vault(path) => Vault::new().put(path, value).await,
        }
    }

    async fn pair(&self, aws: &Aws) -> Pair {
        let value = match self {
            Self::Aws(path) => serde_json::from_str(&aws.value(path).await).unwrap(),
            Self::Vault(path) => Vault::new().fields(path).await,
        };
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        assert_eq!(value.as_object().unwrap().len(), 2, "the shape changed");
        Pair { name: text("id"), secret: text("secret") }
    }

    fn entry(&self) -> String {
        let (store, path) = match self {
            Self::Aws(path) => ("aws", path),
            Self::Vault(path) => ("vault", path),
        };
        format!(r#"{{ store: {store}, path: "{path}", value: '{{"id":"{{{{token}}}}","secret":"{{{{secret}}}}"}}' }}"#)
    }
}

/// What a leaked key is made of.
pub(super) struct Leak {
    places: Vec<Place>,
    provider: String,
    secrets: String,
    vault: String,
    vault_token: Option<String>,
    authority: Option<Pair>,
    confirm_within: &'static str,
}

/// A user whose key leaked, and who uses it.
pub(super) struct Leaked {
    pub(super) site: Site,
    pub(super) service: Service,
    pub(super) old: Pair,
    aws: Aws,
    user: String,
    leak: Leak,
}

impl Leak {
    pub(super) fn of_a_key(places: &[Place]) -> Self {
        let (provider, vault) = (setting("STANCH_TEST_AWS_URL"), setting("STANCH_TEST_VAULT_URL"));
        let secrets = provider.clone();
        Self {
            places: places.to_vec(),
            provider,
            secrets,
            vault,
            vault_token: None,
            authority: None,
            confirm_within: "30s",
        }
    }

    /// The program reaches IAM there.
    pub(super) fn provider(self, url: &str) -> Self {
        Self { provider: url.to_owned(), ..self }
    }

    /// The program reaches Secrets Manager there.
    pub(super) fn secrets(self, url: &str) -> Self {
        Self { secrets: url.to_owned(), ..self }
    }

    /// The program reaches Vault there, with this token instead of the first.
    pub(super) fn vault(self, url: &str, token: Option<String>) -> Self {
        Self { vault: url.to_owned(), vault_token: token, ..self }
    }

    /// The program mints and revokes with this key.
    fn authority(self, key: Pair, confirm_within: &'static str) -> Self {
        Self { authority: Some(key), confirm_within, ..self }
    }

    pub(super) async fn made(self) -> Leaked {
        let (aws, user) = (Aws::new(), format!("ci-bot-{}", unique()));
        let old = aws.user(&user).await;
        for place in &self.places {
            place.put(&aws, &old).await;
        }
        let readable = format!("reads/{}", unique());
        aws.secrets.create_secret().name(&readable).secret_string("work").send().await.unwrap();
        let (place, reader) = (self.places[0].clone(), aws.clone());
        let worker = aws.clone();
        let service = Service::start(
            Box::new(move || {
                let (place, aws) = (place.clone(), reader.clone());
                Box::pin(async move { place.pair(&aws).await })
            }),
            Box::new(move |pair| {
                let (aws, path) = (worker.clone(), readable.clone());
                Box::pin(async move { aws.works(pair, &path).await })
            }),
        )
        .await;
        let site = Site::new();
        site.leak(
            "ci/aws.ini",
            &format!("[ci]\naws_access_key_id = {}\naws_secret_access_key = {}\n", old.name, old.secret),
        );
        site.private("admin-secret", &secret_setting("STANCH_TEST_AWS_ADMIN_SECRET_FILE"));
        let authority = self.authority.as_ref().map(|key| key.secret.clone());
        site.private("authority", &authority.unwrap_or_else(|| secret_setting("STANCH_TEST_AWS_ADMIN_SECRET_FILE")));
        let token = self.vault_token.clone().unwrap_or_else(|| secret_setting("STANCH_TEST_VAULT_TOKEN_FILE"));
        site.private("vault-token", &token);
        let leaked = Leaked { site, service, old, aws, user, leak: self };
        leaked.configure(&leaked.leak.vault);
        leaked
    }
}

impl Leaked {
    pub(super) fn configure(&self, vault: &str) {
        let (aws, region) = (&self.leak.secrets, setting("STANCH_TEST_AWS_REGION"));
        let admin = format!("{{ id: {}, secret: {{ file: admin-secret }} }}", setting("STANCH_TEST_AWS_ADMIN_ID"));
        let authority =
            self.leak.authority.as_ref().map_or_else(|| setting("STANCH_TEST_AWS_ADMIN_ID"), |key| key.name.clone());
        let stores: Vec<String> = self.leak.places.iter().map(Place::entry).collect();
        self.site.configure(&format!(
            "journal: journal.db
stores:
  aws: {{ driver: aws, region: {region}, endpoint: '{aws}', authority: {admin} }}
  vault: {{ driver: vault, address: '{vault}', token: {{ file: vault-token }} }}
credentials:
  ci-bot:
    kind: {KIND}
    provider: {{ driver: aws-iam, user: {user}, region: {region}, endpoint: '{provider}', authority: {{ id: {authority}, secret: {{ file: authority }} }} }}
    stores: [{stores}]
    dependents:
      - name: ci
        http: {{ url: '{service}/health', expect: {{ body: {{ /token: '{{{{token}}}}' }} }} }}
        reload: {{ post: '{service}/reload' }}
    policy: {policy}
",
            user = self.user,
            provider = self.leak.provider,
            stores = stores.join(", "),
            service = self.service.base(),
            policy = POLICY.replace("confirm_within: 30s", &format!("confirm_within: {}", self.leak.confirm_within)),
        ));
    }

    #[track_caller]
    pub(super) fn fingerprint(&self) -> String {
        self.site.fingerprint(KIND, &[])
    }

    pub(super) async fn keys(&self) -> Vec<(String, bool)> {
        self.aws.keys(&self.user).await
    }

    /// One new key lives, every store and the client have it, the old one is refused, and nobody noticed; the new one.
    pub(super) async fn replaced(&self) -> Pair {
        self.service.never_failed().await;
        assert_eq!(self.aws.asks_who_it_is(&self.old).await, Err(403), "the old key still works");
        let mut pairs = Vec::new();
        for place in &self.leak.places {
            pairs.push(place.pair(&self.aws).await);
        }
        let new = pairs.remove(0);
        assert!(new.name != self.old.name && new.secret != self.old.secret);
        assert!(pairs.iter().all(|pair| *pair == new), "the stores differ");
        assert_eq!(self.keys().await, [(new.name.clone(), true)], "exactly the new key");
        assert_eq!(self.aws.asks_who_it_is(&new).await, Ok(()));
        self.site.audit(&[&self.old.secret, &new.secret]);
        new
    }

    /// The same, and the case tells it in the right order.
    pub(super) async fn rotated(&self, case: &str) {
        self.replaced().await;
        let facts = self.site.facts(case);
        let ends = ["minted", "promoted", "disabled", "revoked", "healthy"];
        assert_eq!(order(&facts, &ends), ends, "disabled before it is deleted: {facts:?}");
    }

    /// As it was: every store and the client have the old key, which works, and there is no other.
    pub(super) async fn as_before(&self) {
        self.service.never_failed().await;
        assert_eq!(self.keys().await, [(self.old.name.clone(), true)]);
        assert_eq!(self.aws.asks_who_it_is(&self.old).await, Ok(()));
        for place in &self.leak.places {
            assert!(place.pair(&self.aws).await == self.old, "a store was changed");
        }
    }

    /// The secret that the first store holds now.
    async fn new_secret(&self) -> String {
        self.leak.places[0].pair(&self.aws).await.secret
    }
}

/// Short enough for a test; the tries are as they would be.
pub(super) const POLICY: &str = "{ when: automatic, tries: 4, pause: 50ms, proofs: 2, prove_within: 30s, deadline: 30s, \
     soak: 400ms, confirms: 2, confirm_pause: 50ms, confirm_within: 30s, watch: 200ms }";

async fn a_leaked_key_is_rotated_into(places: &[Place]) {
    let leak = Leak::of_a_key(places).made().await;
    let ran = leak.site.rotate(&leak.fingerprint()).expect(0).hides(&leak.old.secret);
    ran.says("old token observed dead, new one in use").hides(&leak.new_secret().await);
    leak.rotated("C-0001").await;
    // It is found again, and what it finds is dead.
    let again = leak.site.rotate(&leak.fingerprint()).expect(2);
    again.says("no managed credential holds the token").hides(&leak.old.secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_is_rotated_into_secrets_manager() {
    a_leaked_key_is_rotated_into(&[Place::Aws(format!("ci/{}", unique()))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_is_rotated_into_vault() {
    a_leaked_key_is_rotated_into(&[Place::Vault(Vault::path(&unique()))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_is_rotated_into_both_at_once() {
    let places = [Place::Aws(format!("ci/{}", unique())), Place::Vault(Vault::path(&unique()))];
    a_leaked_key_is_rotated_into(&places).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_two_keys_is_held_and_nothing_is_deleted() {
    let leak = Leak::of_a_key(&[Place::Aws(format!("ci/{}", unique()))]).made().await;
    let second = leak.aws.key(&leak.user).await;
    let ran = leak.site.rotate(&leak.fingerprint()).expect(22).hides(&leak.old.secret).hides(&second.secret);
    ran.says("held while making the new token: the provider has no room for another token")
        .says("stanch case resume C-0001");
    assert_eq!(leak.keys().await, [(leak.old.name.clone(), true), (second.name.clone(), true)]);
    leak.service.never_failed().await;
    // Somebody makes room, and it goes on.
    leak.aws.iam.delete_access_key().user_name(&leak.user).access_key_id(&second.name).send().await.unwrap();
    leak.site.stanch(&["case", "resume", "C-0001"]).expect(0);
    leak.rotated("C-0001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_reply_was_lost_is_found_and_ended() {
    let proxy = Proxy::start(&setting("STANCH_TEST_AWS_URL"), Deed::Lose("Action=CreateAccessKey")).await;
    let leak = Leak::of_a_key(&[Place::Aws(format!("ci/{}", unique()))]).provider(proxy.base()).made().await;
    leak.site.rotate(&leak.fingerprint()).expect(0).hides(&leak.old.secret);
    assert_eq!(proxy.concerned(), 2, "one key whose reply was lost, and one that is used");
    leak.rotated("C-0001").await;
    let facts = leak.site.facts("C-0001");
    let ends = ["sought", "discarded", "minted", "revoked"];
    assert_eq!(order(&facts, &ends), ends, "the lost key ended before another was made: {facts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_reply_to_every_kind_of_request_may_be_lost() {
    let provider = Proxy::start(&setting("STANCH_TEST_AWS_URL"), Deed::LoseOneOfEach).await;
    let secrets = Proxy::start(&setting("STANCH_TEST_AWS_URL"), Deed::LoseOneOfEach).await;
    let vault = Proxy::start(&setting("STANCH_TEST_VAULT_URL"), Deed::LoseOneOfEach).await;
    let places = [Place::Aws(format!("ci/{}", unique())), Place::Vault(Vault::path(&unique()))];
    let leak = Leak::of_a_key(&places).provider(provider.base()).secrets(secrets.base()).vault(vault.base(), None);
    let leak = leak.made().await;
    let fingerprint = leak.fingerprint();
    // The store that says whose key it is cannot be read at first.
    leak.site.rotate(&fingerprint).expect(4).says("no usable answer").says("nothing was begun");
    leak.site.rotate(&fingerprint).expect(0).hides(&leak.old.secret).hides(&leak.new_secret().await);
    assert!(provider.concerned() > 10 && secrets.concerned() > 5 && vault.concerned() > 3);
    leak.rotated("C-0001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_changes_nothing() {
    let leak = Leak::of_a_key(&[Place::Aws(format!("ci/{}", unique()))]).made().await;
    let fingerprint = leak.fingerprint();
    for how in ["--plan", "--rehearse"] {
        let ran = leak.site.stanch(&["rotate", &fingerprint, "--repo", ".", how]).expect(0);
        hides(&ran.stdout, &leak.old.secret);
    }
    assert_eq!(leak.keys().await, [(leak.old.name.clone(), true)]);
    assert!(leak.leak.places[0].pair(&leak.aws).await == leak.old);
    let cases: Value = serde_json::from_str(&leak.site.stanch(&["case", "list", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(cases["cases"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_be_disabled_but_not_deleted_is_held_until_it_may() {
    let (aws, rotator) = (Aws::new(), format!("rotator-{}", unique()));
    let authority = aws.user(&rotator).await;
    let mut rights =
        vec!["iam:CreateAccessKey", "iam:ListAccessKeys", "iam:UpdateAccessKey", "iam:GetAccessKeyLastUsed"];
    aws.allow(&rotator, &rights).await;
    let leak = Leak::of_a_key(&[Place::Aws(format!("ci/{}", unique()))]).authority(authority, "1s").made().await;
    let ran = leak.site.rotate(&leak.fingerprint()).expect(22).hides(&leak.old.secret);
    ran.says("delete an access key: AccessDenied").says("held while ending the old token: the other side refused");
    assert_eq!(leak.aws.asks_who_it_is(&leak.old).await, Err(403), "the old key is disabled");
    let new = leak.leak.places[0].pair(&leak.aws).await;
    assert_eq!(leak.keys().await, [(leak.old.name.clone(), false), (new.name.clone(), true)]);
    leak.service.never_failed().await;
    // The right is given, and it goes on.
    rights.push("iam:DeleteAccessKey");
    leak.aws.allow(&rotator, &rights).await;
    leak.site.stanch(&["case", "resume", "C-0001", "--reason", "the right was given"]).expect(0);
    leak.rotated("C-0001").await;
}

/// The client notices what it would notice: nothing else shows that its silence means something.
#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_ends_the_old_key_first_and_the_client_notices() {
    let leak = Leak::of_a_key(&[Place::Aws(format!("ci/{}", unique()))]).made().await;
    let fingerprint = leak.fingerprint();
    let ran = leak.site.stanch(&["rotate", &fingerprint, "--repo", ".", "--yes", "--emergency"]);
    ran.expect(0).hides(&leak.old.secret).hides(&leak.new_secret().await);
    assert!(!leak.service.failures().is_empty(), "the client used a key that was deleted and noticed nothing");
    assert_eq!(leak.aws.asks_who_it_is(&leak.old).await, Err(403));
    let facts = leak.site.facts("C-0001");
    let ends = ["disabled", "revoked", "minted", "promoted", "healthy"];
    assert_eq!(order(&facts, &ends), ends, "{facts:?}");
    let new = leak.leak.places[0].pair(&leak.aws).await;
    assert_eq!(leak.keys().await, [(new.name, true)]);
}
