//! How things really stand, whatever the journal says: the provider's tokens, the stores, the services. The invariants of
//! the contract are asserted here after everything that happens.

use super::super::super::*;
use super::outside::path;
use super::time::{Time, at_once};
use super::trouble::Call;
use crate::journal::memory::MemoryJournal;
use crate::model::{Class, Digest, Health, TokenId};
use crate::provider::Provider as _;
use crate::provider::memory::MemoryProvider;
use crate::rotation::{Step, Stray};
use crate::store::memory::MemoryStore;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

pub(super) const OLD: &str = "t-old";

/// A service that uses the token.
#[derive(Debug)]
pub(super) struct User {
    pub(super) holds: Arc<Secret>,
    pub(super) required: bool,
    /// Its probe attests what it holds.
    pub(super) attests: bool,
    /// How often it reads its store by itself; never, where it has a reload action.
    pub(super) period: Option<u64>,
    pub(super) reads_at: u64,
    /// It does not take a new value over.
    pub(super) stuck: bool,
    pub(super) store: usize,
}

#[derive(Debug, Default)]
struct Inner {
    users: Vec<User>,
    /// What the engine had ended.
    ended: BTreeSet<TokenId>,
    /// Tokens of somebody else.
    foreign: Vec<TokenId>,
    /// Invariants 1 to 4 are set aside: a person or a policy ordered it, or it is an outage that was said beforehand.
    set_aside: bool,
    /// The old token was dead before anything began.
    was_dead: bool,
    /// A mint made a token that nobody was told of.
    strays: bool,
    /// Strays that a person left alone.
    spared: BTreeSet<TokenId>,
}

/// How things stand.
#[derive(Debug)]
pub(super) struct Truth {
    pub(super) provider: Arc<MemoryProvider>,
    pub(super) stores: Vec<Arc<MemoryStore>>,
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) rotation: RotationId,
    time: Arc<Time>,
    inner: Mutex<Inner>,
}

impl Truth {
    pub(super) fn new(
        provider: Arc<MemoryProvider>,
        stores: Vec<Arc<MemoryStore>>,
        journal: Arc<MemoryJournal>,
        time: Arc<Time>,
    ) -> Self {
        let rotation = RotationId::new("C-0001");
        Self { provider, stores, journal, rotation, time, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(super) fn add(&self, user: User) {
        self.inner().users.push(user);
    }

    /// Somebody else's token stands beside ours.
    pub(super) fn stranger(&self) {
        let token = TokenId::new("t-strangers");
        self.provider.put(token.as_str(), "a value of somebody else");
        self.inner().foreign.push(token);
    }

    /// The old token is dead before anything begins.
    pub(super) fn kill(&self) {
        self.provider.end_by_hand(&TokenId::new(OLD));
        let mut inner = self.inner();
        (inner.was_dead, inner.set_aside) = (true, true);
    }

    /// A mint makes a token that nobody is told of.
    pub(super) fn expect_strays(&self) {
        self.inner().strays = true;
    }

    pub(super) fn expects_strays(&self) -> bool {
        self.inner().strays
    }

    /// Another installation of ours has a token there, under the number of a case that there is here too.
    pub(super) fn stranger_of_ours(&self) {
        let token = TokenId::new("t-others");
        let label = Label::of(&self.rotation, 1, "0thernonce");
        self.provider.put_labelled(&token, Secret::new(b"a value of another installation".to_vec()), &label);
        self.inner().foreign.push(token);
    }

    /// A person said no to their end.
    pub(super) fn spare(&self, left: &[(Stray, RotationId)]) {
        self.inner().spared.extend(left.iter().map(|(stray, _)| stray.token.clone()));
    }

    pub(super) fn set_aside(&self) {
        self.inner().set_aside = true;
    }

    /// What was stuck goes on.
    pub(super) fn mend(&self) {
        self.inner().users.iter_mut().for_each(|user| user.stuck = false);
    }

    fn given_out(&self, store: usize) -> Arc<Secret> {
        self.stores[store].given_out(&path()).expect("the store has lost its value")
    }

    /// Services that read their store by themselves do so.
    pub(super) fn passes(&self) {
        let now = self.time.now();
        let mut inner = self.inner();
        for user in inner.users.iter_mut().filter(|user| !user.stuck) {
            if let Some(period) = user.period
                && user.reads_at <= now
            {
                user.reads_at = now + period;
                user.holds = self.given_out(user.store);
            }
        }
    }

    pub(super) fn reloads(&self, number: usize) {
        let mut inner = self.inner();
        let user = &mut inner.users[number];
        if !user.stuck {
            user.holds = self.given_out(user.store);
        }
    }

    /// A service starts again with what it kept of the old token.
    pub(super) fn relapses(&self, number: usize, old: &Secret) {
        let mut inner = self.inner();
        let now = self.time.now();
        if let Some(user) = inner.users.get_mut(number) {
            user.holds = Arc::new(old.duplicate());
            user.reads_at = now + user.period.unwrap_or_default();
        }
    }

    pub(super) fn health(&self, number: usize, expected: Option<&Digest>) -> Health {
        let inner = self.inner();
        let user = &inner.users[number];
        if self.provider.holder(&user.holds).is_none() {
            return Health::Bad;
        }
        if !user.attests {
            return Health::Indistinct;
        }
        #[expect(clippy::disallowed_methods, reason = "the digest is what a service attests")]
        let held = HEXLOWER.encode(&Sha256::digest(user.holds.expose()));
        if expected.is_some_and(|expected| expected.as_str() == held) { Health::Good } else { Health::Stale }
    }

    /// Invariant 8: what changes something has its intent in the journal, as the last thing that this worker wrote.
    pub(super) fn asked(&self, call: Call) {
        let fits = |step: Step| match call {
            Call::Mint => step == Step::Mint,
            Call::Disable => matches!(step, Step::Disable | Step::Quarantine),
            Call::Revoke => matches!(step, Step::Revoke | Step::Discard),
            Call::EndSessions => matches!(step, Step::EndSessions | Step::Discard),
            Call::Stage => matches!(step, Step::Stage(_)),
            Call::Promote => matches!(step, Step::Promote(_) | Step::Demote(_)),
            Call::Fence => matches!(step, Step::Demote(_)),
            Call::Drop => matches!(step, Step::Unstage(_)),
            Call::Reload => matches!(step, Step::Check(_) | Step::CheckBack(_)),
            _ => true,
        };
        if matches!(call, Call::Verify | Call::Probe | Call::Read | Call::Ready | Call::List) {
            return;
        }
        let all = at_once(self.journal.list()).expect("it is in memory");
        let newest: Vec<Fact> = all.iter().flat_map(|listed| self.journal.newest(&listed.rotation)).collect();
        let intended = newest.iter().any(|fact| matches!(fact, Fact::Began { step, .. } if fits(*step)));
        assert!(intended, "8: {call:?} without an intent; the journal's newest: {newest:?}");
    }

    /// The engine ends a token. Invariant 4: the old one only once everybody is on the new one, or on somebody's order.
    pub(super) fn ends(&self, token: &TokenId) {
        let mut inner = self.inner();
        assert!(!inner.foreign.contains(token), "9: somebody else's token is ended");
        let is_first = inner.ended.insert(token.clone());
        if token.as_str() != OLD || inner.set_aside || !is_first {
            return;
        }
        for store in 0..self.stores.len() {
            let held = self.provider.holder(&self.given_out(store));
            assert!(
                held.as_ref().is_some_and(|held| held != token),
                "4: revoked while store {store} gives out {held:?}"
            );
        }
        for (number, user) in inner.users.iter().enumerate().filter(|(_, user)| user.required && user.attests) {
            let held = self.provider.holder(&user.holds);
            assert!(
                held.as_ref().is_some_and(|held| held != token),
                "4: revoked while service {number} holds {held:?}"
            );
        }
    }

    /// Invariants 1 to 3, at every instant: whoever has a token has one that works, so one lives and is kept durably.
    pub(super) fn check_instant(&self) {
        let inner = self.inner();
        for token in &inner.foreign {
            assert!(self.provider.is_live(token), "somebody else's token is dead");
        }
        if inner.set_aside {
            return;
        }
        for store in 0..self.stores.len() {
            let held = self.provider.holder(&self.given_out(store));
            assert!(held.is_some(), "2: store {store} points at a dead token; live: {:?}", self.provider.live());
        }
        for (number, user) in inner.users.iter().enumerate().filter(|(_, user)| user.required && user.attests) {
            let held = self.provider.holder(&user.holds);
            assert!(held.is_some(), "1: service {number} holds a dead token; live: {:?}", self.provider.live());
        }
    }

    /// When a case closes: what nobody was told of may live until it is swept.
    pub(super) fn check_close(&self, outcome: Outcome) {
        if outcome == Outcome::Swept {
            return self.check_instant();
        }
        let used: Vec<TokenId> =
            (0..self.stores.len()).filter_map(|store| self.provider.holder(&self.given_out(store))).collect();
        let strays = self.provider.of_mints().into_iter().filter(|token| !used.contains(token));
        let strays = if self.expects_strays() { strays.collect() } else { Vec::new() };
        self.check_ended(outcome, &strays);
    }

    /// Invariants 5 to 7 and 9, when everything has come to its end.
    pub(super) fn check_end(&self, outcome: Outcome) {
        let spared: Vec<TokenId> = self.inner().spared.iter().cloned().collect();
        self.check_ended(outcome, &spared);
    }

    /// The old token is listed, and so could be enabled again, where it is ended by more than that.
    fn could_live_again(&self) -> bool {
        let abilities = self.provider.abilities();
        let goes_away = !matches!(abilities.class, Class::TwoSlots | Class::Replace);
        let old = TokenId::new(OLD);
        let listed = at_once(self.provider.list(&old)).unwrap_or_default();
        abilities.disable && abilities.revoke && goes_away && listed.iter().any(|listed| listed.token == old)
    }

    fn check_ended(&self, outcome: Outcome, but: &[TokenId]) {
        self.check_instant();
        let inner = self.inner();
        let old = TokenId::new(OLD);
        let live: Vec<TokenId> = self
            .provider
            .live()
            .into_iter()
            .filter(|token| !inner.foreign.contains(token) && !but.contains(token))
            .collect();
        let winner = match outcome {
            Outcome::Rotated => {
                assert!(!live.contains(&old), "6: closed, and the old token lives");
                assert!(!self.could_live_again(), "6: closed, and the old token is only disabled");
                self.provider.holder(&self.given_out(0)).expect("6: closed, and the first store's token is dead")
            }
            Outcome::RolledBack(_) if inner.was_dead => return assert!(live.is_empty(), "9: {live:?} live"),
            Outcome::RolledBack(_) => {
                assert!(!inner.ended.contains(&old), "5: rolled back after the old token was ended");
                old
            }
            Outcome::AlreadyDead => {
                assert!(!live.contains(&old), "closed as dead already, and the old token lives");
                return assert!(live.is_empty(), "9: {live:?} live");
            }
            Outcome::Abandoned | Outcome::Swept => return,
        };
        assert_eq!(live, std::slice::from_ref(&winner), "9: exactly one token lives");
        for store in 0..self.stores.len() {
            assert_eq!(self.provider.holder(&self.given_out(store)).as_ref(), Some(&winner), "6, 7: store {store}");
        }
        for (number, user) in inner.users.iter().enumerate().filter(|(_, user)| user.required && user.attests) {
            assert_eq!(self.provider.holder(&user.holds).as_ref(), Some(&winner), "6, 7: service {number}");
        }
    }
}
