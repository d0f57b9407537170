//! One case of a seed: which provider, how many stores and services, under which policy.

use super::super::super::*;
use super::desk::Desk;
use super::outside::{Issuer, Network, Service, Vault, path};
use super::time::{Time, Watch};
use super::trouble::{Call, Dice, Fault, Limits, STAGES, Trouble};
use super::truth::{OLD, Truth, User};
use crate::dependent::Dependent;
use crate::inventory::{Dependency, StoredCopy};
use crate::journal::memory::MemoryJournal;
use crate::model::{Abilities, Chooser, Class, KindId, Quota, TokenId};
use crate::provider::memory::MemoryProvider;
use crate::rotation::{Approve, OnAbuse, Policy, Staging};
use crate::seal::FileKey;
use crate::store::SecretStore;
use crate::store::memory::MemoryStore;
use std::sync::{Arc, LazyLock};

/// One envelope key for all cases.
static KEYS: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// Everything of one case.
pub(super) struct Case {
    pub(super) time: Arc<Time>,
    pub(super) trouble: Arc<Trouble>,
    pub(super) truth: Arc<Truth>,
    pub(super) sealer: Sealer,
    pub(super) managed: Managed,
    pub(super) abilities: Abilities,
    pub(super) emergency: bool,
    /// A person approves the plan before it is known.
    pub(super) yes: bool,
    /// Another machine's clock is that much ahead.
    pub(super) skew: i64,
    /// Not only what is ordered goes wrong.
    pub(super) troubled: bool,
}

pub(super) fn old_value() -> Secret {
    Secret::new(b"the-old-value".to_vec())
}

/// The providers: of every class, with and without what helps to recover.
pub(super) fn providers() -> Vec<Abilities> {
    let all = Abilities::EVERYTHING;
    let client = Abilities { chooser: Chooser::Client, ..all };
    let console = Abilities { class: Class::Console, mint: false, find: false, list: false, disable: false, ..all };
    let replace = Abilities { class: Class::Replace, ..all };
    vec![
        all,
        Abilities { list: false, disable: false, ..all },
        Abilities { find: false, quota: Quota::AtMost(3), ..all },
        Abilities { find: false, list: false, sessions: false, ..all },
        Abilities { class: Class::TwoSlots, quota: Quota::AtMost(2), find: false, ..client },
        Abilities { disable: false, ..client },
        Abilities { find: false, usage: false, ..client },
        Abilities { revoke: true, ..console },
        Abilities { revoke: false, sessions: false, ..console },
        replace,
        Abilities { find: false, list: false, ..replace },
        Abilities { find: false, chooser: Chooser::Client, ..replace },
        // One role of a database, whose password alone is replaced.
        Abilities { find: false, list: false, disable: false, revoke: false, chooser: Chooser::Client, ..replace },
        Abilities { class: Class::Replace, revoke: false, sessions: false, ..console },
    ]
}

fn policy(dice: &mut Dice) -> Policy {
    Policy {
        approve: dice.pick(&[Approve::Never, Approve::Plan, Approve::PlanAndRevoke]),
        accept_unproved: dice.permille(300),
        accept_outage: dice.permille(500),
        on_abuse: dice.pick(&[OnAbuse::Wait, OnAbuse::Revoke]),
        ..spans()
    }
}

fn spans() -> Policy {
    let millis = Duration::from_millis;
    Policy {
        tries: 3,
        pause: millis(200),
        proofs: 2,
        prove_within: millis(6_000),
        check_within: millis(6_000),
        soak: millis(1_000),
        confirms: 2,
        confirm_pause: millis(400),
        confirm_within: millis(8_000),
        watch: millis(600),
        ..Policy::default()
    }
}

/// What is drawn for a case, or set.
struct Setup {
    abilities: Abilities,
    trouble: Trouble,
    stores: Vec<Staging>,
    users: Vec<(User, bool)>,
    policy: Policy,
    stranger: bool,
    emergency: bool,
    yes: bool,
    skew: i64,
    /// The old token is dead before anything begins.
    dead: bool,
    troubled: bool,
}

impl Case {
    /// The same case for the same seed; half of them look for trouble of one kind in one stage.
    pub(super) fn new(seed: u64, tells: bool) -> Self {
        let mut dice = Dice::new(seed);
        let cells = STAGES.len() * Fault::ALL.len();
        let cell = usize::try_from(seed).unwrap() % (2 * cells);
        let focus = (cell < cells).then(|| (STAGES[cell % STAGES.len()], Fault::ALL[cell / STAGES.len()]));
        let permille = dice.pick(&[0, 5, 15, 40, 90]);
        let mut abilities = dice.pick(&providers());
        if abilities.class == Class::Overlap && dice.permille(100) {
            abilities.class = Class::Ephemeral;
        }
        let leads = focus.map_or("", |(stage, _)| stage);
        if matches!(leads, "Seeking" | "Rolling back" | "Staging" | "Revoking" | "Awaiting revoke approval") {
            abilities = Abilities { disable: dice.permille(500), ..Abilities::EVERYTHING };
        }
        let sweeps = matches!(leads, "Quarantined" | "Sweeping");
        if sweeps {
            abilities = Abilities::EVERYTHING;
        }
        let stores: Vec<_> = (0..1 + dice.below(3)).map(|_| dice.pick(&[Staging::None, Staging::Native])).collect();
        let number = if dice.permille(100) { 0 } else { 1 + dice.below(3) };
        let users: Vec<_> = (0..number).map(|number| user(&mut dice, number, stores.len())).collect();
        let trouble = Trouble::new(seed, permille, focus, tells);
        let (mut policy, mut users, mut yes) = (policy(&mut dice), users, dice.permille(700));
        // What leads into the stage.
        match leads {
            "Seeking" => trouble.order(("Minting", Call::Mint), Fault::ReplyLost),
            "Rolling back" => trouble.order(("Promoting", Call::Promote), Fault::Disowned),
            "Quarantined" | "Sweeping" => trouble.order(("Minting", Call::Mint), Fault::Disowned),
            "Awaiting approval" => (policy.approve, yes) = (Approve::Plan, false),
            "Awaiting revoke approval" => (policy.approve, yes) = (Approve::PlanAndRevoke, true),
            "Held" => (users, policy.accept_unproved) = (Vec::new(), false),
            _ => {}
        }
        Self::of(Setup {
            abilities,
            trouble,
            stores,
            users,
            policy,
            stranger: abilities.quota == Quota::AtMost(3)
                || (abilities.quota == Quota::Unlimited && dice.permille(500)),
            emergency: dice.permille(100),
            yes,
            skew: if dice.permille(150) { 130_000 } else { 0 },
            dead: dice.permille(20) && abilities.class != Class::Replace && !sweeps,
            troubled: true,
        })
    }

    /// Two stores, two services, and only what is ordered goes wrong.
    pub(super) fn plain(abilities: Abilities, orders: &[((&'static str, Call), Fault)], tells: bool) -> Self {
        let trouble = Trouble::new(7, 0, None, tells);
        orders.iter().for_each(|(cell, fault)| trouble.order(*cell, *fault));
        // Only what is ordered happens, and people do what they are asked for.
        trouble.cease();
        let reads = |period: Option<u64>, store: usize| User {
            holds: Arc::new(old_value()),
            required: true,
            attests: true,
            period,
            reads_at: 0,
            stuck: false,
            store,
        };
        let plan = Policy { approve: Approve::Plan, accept_unproved: false, accept_outage: true, ..spans() };
        Self::of(Setup {
            abilities,
            trouble,
            stores: vec![Staging::None, Staging::Native],
            users: vec![(reads(Some(300), 0), false), (reads(None, 1), true)],
            policy: plan,
            stranger: abilities.quota != Quota::AtMost(2),
            emergency: false,
            yes: true,
            skew: 0,
            dead: false,
            troubled: false,
        })
    }

    fn of(setup: Setup) -> Self {
        let Setup { abilities, trouble, emergency, yes, skew, troubled, .. } = setup;
        let trouble = Arc::new(trouble);
        let limits = limits(&abilities, setup.dead);
        let time = Arc::new(Time::default());
        let provider = Arc::new(MemoryProvider::new(abilities));
        provider.put_secret(&TokenId::new(OLD), old_value());
        provider.grant(&TokenId::new(OLD), "read");
        provider.open_session(&TokenId::new(OLD));
        let stores: Vec<_> = setup.stores.iter().map(|staging| Arc::new(MemoryStore::new(*staging))).collect();
        stores.iter().for_each(|store| drop(store.put(&path(), &old_value())));
        let journal = Arc::new(MemoryJournal::new());
        let truth = Arc::new(Truth::new(Arc::clone(&provider), stores.clone(), journal, Arc::clone(&time)));
        if setup.stranger {
            truth.stranger();
        }
        if emergency || abilities.class == Class::Replace {
            truth.set_aside();
        }
        let network = Network { time: Arc::clone(&time), trouble: Arc::clone(&trouble), truth: Arc::clone(&truth) };
        if setup.dead {
            truth.kill();
        }
        let managed = Managed {
            name: "site".to_owned(),
            kind: KindId::new("acme.api-token"),
            token: None,
            provider: Arc::new(Issuer { inner: provider, network: network.clone() }),
            stores: copies(&stores, &network),
            dependents: dependents(setup.users, &truth, &network),
            policy: setup.policy,
        };
        trouble.limit(Limits { mint_very_late: limits.mint_very_late && unable(&managed).is_none(), ..limits });
        let sealer = Sealer::new(FileKey::load_or_create(&KEYS.path().join("key")).unwrap());
        Self { sealer, managed, abilities, emergency, yes, skew, troubled, time, trouble, truth }
    }

    /// One process's way to the journal.
    pub(super) fn desk(&self, dead: Arc<AtomicBool>) -> Desk {
        let journal = Arc::clone(&self.truth.journal);
        Desk { journal, time: Arc::clone(&self.time), trouble: Arc::clone(&self.trouble), dead }
    }

    pub(super) fn watch(&self, ahead: i64) -> Watch {
        Watch { time: Arc::clone(&self.time), ahead: Arc::new(ahead.into()) }
    }

    pub(super) fn plan(&self, now: Timestamp) -> Plan {
        self.managed.plan(self.truth.rotation.clone(), now, self.emergency)
    }
}

/// A request that something on the way delivers twice: a label, a slot or the value tells, or reuse is detected.
fn limits(abilities: &Abilities, is_dead: bool) -> Limits {
    let told = abilities.find || abilities.chooser == Chooser::Client;
    // What lists with labels can be swept, while the token in use vouches for the list.
    let beside = matches!(abilities.class, Class::Overlap | Class::Ephemeral);
    let swept = beside && abilities.chooser == Chooser::Server && abilities.list && abilities.revoke && !is_dead;
    Limits {
        mint_twice: told || swept,
        mint_disowned: swept || (told && abilities.class == Class::Replace),
        mint_very_late: swept,
    }
}

fn copies(stores: &[Arc<MemoryStore>], network: &Network) -> Vec<StoredCopy> {
    let copy = |(number, inner): (usize, &Arc<MemoryStore>)| StoredCopy {
        name: format!("store-{number}"),
        store: Arc::new(Vault { inner: Arc::clone(inner), network: network.clone() }) as Arc<dyn SecretStore>,
        path: path(),
        shape: Default::default(),
    };
    stores.iter().enumerate().map(copy).collect()
}

fn user(dice: &mut Dice, number: u64, stores: usize) -> (User, bool) {
    let reloads = dice.permille(500);
    let user = User {
        holds: Arc::new(old_value()),
        required: dice.permille(800),
        attests: dice.permille(900),
        period: (!reloads).then(|| 50 + dice.below(1_500)),
        reads_at: 0,
        stuck: dice.permille(80),
        store: usize::try_from(number).unwrap() % stores,
    };
    (user, reloads)
}

fn dependents(users: Vec<(User, bool)>, truth: &Truth, network: &Network) -> Vec<Dependency> {
    let mut dependents = Vec::new();
    for (number, (user, reloads)) in users.into_iter().enumerate() {
        let required = user.required;
        truth.add(user);
        let service = Service { number, name: format!("service-{number}"), reloads, network: network.clone() };
        dependents.push(Dependency {
            dependent: Arc::new(service) as Arc<dyn Dependent>,
            required,
            sources: vec![format!("10.0.0.{number}")],
        });
    }
    dependents
}
