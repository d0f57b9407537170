//! The plan of a rotation: fixed when it is opened, the first thing its journal holds.

use super::{Consent, Purpose};
use crate::model::{Abilities, Digest, KindId, RotationId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a rotation will act on, and under which policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The rotation.
    pub rotation: RotationId,
    /// The managed credential's name in the operator's configuration.
    pub credential: String,
    /// The kind of token.
    pub kind: KindId,
    /// What its provider can do.
    pub abilities: Abilities,
    /// Where the good copy lives; at least one, and none where strays are swept.
    pub stores: Vec<StorePlan>,
    /// Who uses it.
    pub dependents: Vec<DependentPlan>,
    /// How careful.
    pub policy: Policy,
    /// When the leak became known; usage is read from here on.
    pub leaked: Timestamp,
    /// The old token is disabled or revoked first: a named person's order given when the rotation was opened (whoever
    /// approves the plan gives it), or a policy's where nobody is asked.
    pub emergency: bool,
    /// Digest of the sealed old credential. What an approval is bound to leaves it out: it changes with every sealing.
    pub sealed: Option<Digest>,
    /// Whose yes it needs.
    #[serde(default, skip_serializing_if = "Consent::is_plain")]
    pub consent: Consent,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Purpose::is_leak")]
    pub purpose: Purpose,
}

impl Plan {
    /// True where use by somebody who is not known ends the soak. A token that nobody knows to have leaked can wait.
    #[must_use]
    pub fn ends_soak_on_abuse(&self) -> bool {
        self.abilities.usage && self.policy.on_abuse == OnAbuse::Revoke && self.purpose.is_leak()
    }
}

/// One store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorePlan {
    /// What people call it, for instance `vault kv/shop/db`.
    pub name: String,
    /// Whether versions can wait apart.
    pub staging: Staging,
}

/// Whether a store can hold a version that nobody reads yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Staging {
    /// A version waits apart until it is promoted (AWS Secrets Manager).
    Native,
    /// Every write is current at once (Vault KV, files).
    None,
}

/// One dependent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependentPlan {
    /// Its name.
    pub name: String,
    /// The old token is not revoked before it is proved.
    pub required: bool,
    /// It has a reload action.
    pub reload: bool,
}

/// When a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approve {
    /// Never: the policy decided beforehand.
    Never,
    /// Before anything changes.
    Plan,
    /// Before anything changes, and again before the revoke.
    PlanAndRevoke,
}

/// What becomes of the soak of a token that leaked, once somebody who is not known uses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnAbuse {
    /// It goes on to its end.
    #[default]
    Wait,
    /// It is over, unless use that is explained goes on.
    Revoke,
}

impl OnAbuse {
    /// True of what older journals know nothing of, so that their plans keep their digests.
    #[must_use]
    pub fn waits(&self) -> bool {
        *self == Self::Wait
    }
}

/// The knobs. Spans are whole milliseconds in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// When a person is asked.
    pub approve: Approve,
    /// A dependent that cannot tell versions apart (or none at all) needs no further approval.
    pub accept_unproved: bool,
    /// A replacement in place, after which every user fails until it has the new token, needs no further approval.
    #[serde(default, skip_serializing_if = "is_false")]
    pub accept_outage: bool,
    /// How often a step is tried.
    pub tries: u32,
    /// The wait between tries.
    #[serde(with = "millis")]
    pub pause: Duration,
    /// Consecutive successes that prove the new token.
    pub proofs: u32,
    /// The new token must be proved within.
    #[serde(with = "millis")]
    pub prove_within: Duration,
    /// Every dependent must be proved within.
    #[serde(with = "millis")]
    pub check_within: Duration,
    /// How long the old token's use is watched before it is revoked.
    #[serde(with = "millis")]
    pub soak: Duration,
    /// Whether abuse ends that.
    #[serde(default, skip_serializing_if = "OnAbuse::waits")]
    pub on_abuse: OnAbuse,
    /// Consecutive refusals that prove the old token dead.
    pub confirms: u32,
    /// The wait between them.
    #[serde(with = "millis")]
    pub confirm_pause: Duration,
    /// After this, a token that is still accepted raises an alarm; it never closes the rotation.
    #[serde(with = "millis")]
    pub confirm_within: Duration,
    /// How long the new token is watched after that.
    #[serde(with = "millis")]
    pub watch: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            approve: Approve::Plan,
            accept_unproved: false,
            accept_outage: false,
            tries: 5,
            pause: Duration::from_secs(5),
            proofs: 3,
            prove_within: Duration::from_secs(300),
            check_within: Duration::from_secs(1800),
            soak: Duration::from_secs(900),
            on_abuse: OnAbuse::Wait,
            confirms: 3,
            confirm_pause: Duration::from_secs(10),
            confirm_within: Duration::from_secs(3600),
            watch: Duration::from_secs(300),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}

pub(super) mod millis {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use std::time::Duration;

    pub(in super::super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
