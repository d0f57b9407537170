//! A provider, stores and dependents, with faults; it asserts the invariants whenever it is touched.

use super::guards::{Guard, is_gone};
use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// A linear congruential generator: walks are the same everywhere.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1))
    }

    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }
}

/// A token's handle and the value that opens it.
pub(super) type Pair = (String, u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shelf {
    pub(super) version: u32,
    pub(super) current: Pair,
    /// Versions that wait apart, by the label of their mint.
    pub(super) apart: BTreeMap<String, (u32, Pair)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct User {
    pub(super) holds: Pair,
    /// Its probe tells versions apart.
    pub(super) exact: bool,
    /// It does not take a new value over.
    pub(super) stuck: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) live: BTreeMap<String, u32>,
    labels: BTreeMap<String, Vec<String>>,
    /// Sealed values that the journal holds, by digest; the last is not recorded yet.
    custody: BTreeMap<String, u32>,
    unrecorded: Option<(String, u32)>,
    pub(super) shelves: Vec<Shelf>,
    pub(super) users: Vec<User>,
    made: u32,
    versions: u32,
    /// The old token was ended out of turn: said beforehand, so invariants 1 to 3 are set aside.
    pub(super) out_of_turn: bool,
    /// How many confirmations an ended token still survives.
    pub(super) lingering: u32,
    /// How many proofs a new token still fails.
    pub(super) spreading: u32,
    pub(super) explained: bool,
    pub(super) abused: bool,
    pub(super) foreign: BTreeSet<String>,
    /// What a person made in the console and has not handed over.
    made_by_hand: Option<Pair>,
}

/// A conditional write that its sender gave up as lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Late {
    store: usize,
    leaves: Version,
    pair: Pair,
}

pub(super) fn old() -> Pair {
    ("slot-a".into(), 0)
}

/// What the hands find when they try.
pub(super) type Attempt = Result<Fact, (Happened, Reason)>;

impl World {
    pub(super) fn new(plan: &Plan, dice: &mut Dice) -> Self {
        let shelf = || Shelf { version: 1, current: old(), apart: BTreeMap::new() };
        let user = |dice: &mut Dice| User { holds: old(), exact: !dice.percent(10), stuck: dice.percent(10) };
        Self {
            live: BTreeMap::from([old()]),
            labels: BTreeMap::new(),
            custody: BTreeMap::new(),
            unrecorded: None,
            shelves: plan.stores.iter().map(|_| shelf()).collect(),
            users: plan.dependents.iter().map(|_| user(dice)).collect(),
            made: 0,
            versions: 1,
            out_of_turn: false,
            lingering: dice.below(3) as u32,
            spreading: dice.below(3) as u32,
            explained: dice.percent(15),
            abused: dice.percent(15),
            foreign: BTreeSet::new(),
            made_by_hand: None,
        }
    }

    /// Everything that was out of order is set right.
    pub(super) fn mend(&mut self) {
        self.users.iter_mut().for_each(|user| user.stuck = false);
        self.explained = false;
    }

    /// While the old token lives, a dependent may start again with what it kept of it.
    pub(super) fn relapse(&mut self, dependent: usize) {
        if let Some(user) = self.users.get_mut(dependent) {
            user.holds = old();
        }
    }

    /// Somebody else makes a token.
    pub(super) fn strangers(&mut self) {
        self.made += 1;
        let token = format!("foreign-{}", self.made);
        self.live.insert(token.clone(), self.made);
        self.foreign.insert(token);
    }

    /// A person ends what a mint with this label left, where the machine cannot find it.
    pub(super) fn clear_by_hand(&mut self, label: &Label) {
        for token in self.labels.get(label.as_str()).into_iter().flatten() {
            self.live.remove(token);
        }
    }

    /// A person makes a token in the console; where one replaces the other, the other ends.
    pub(super) fn make_by_hand(&mut self, plan: &Plan) {
        if self.made_by_hand.as_ref().is_some_and(|pair| self.works(pair)) {
            return;
        }
        self.made += 1;
        let pair = (format!("hand-{}", self.made), self.made);
        if plan.abilities.class == Class::Replace {
            self.live.retain(|token, _| self.foreign.contains(token));
            self.out_of_turn = true;
        }
        self.live.insert(pair.0.clone(), pair.1);
        self.made_by_hand = Some(pair);
    }

    /// What was made is handed over, or something else that is no token.
    pub(super) fn provide(&mut self, plan: &Plan, right: bool) -> Digest {
        let value = if right {
            self.make_by_hand(plan);
            self.made_by_hand.take().map(|pair| pair.1)
        } else {
            None
        };
        self.made += 1;
        let digest = format!("{:04}provided", self.made);
        self.custody.insert(digest.clone(), value.unwrap_or(50_000 + self.made));
        Digest::new(digest)
    }

    /// A person ends what the machine asks to be ended; what was made and never handed over as well.
    pub(super) fn end_by_hand(&mut self, state: &State) {
        let Stage::Held { at, why: Reason::ByHand } = &state.stage else { return };
        if **at == Stage::Revoking {
            self.out_of_turn |= state.ordered.is_some() || state.plan.emergency;
            self.live.remove(&old().0);
        } else if let Some(orphan) = state.orphans.first() {
            let value = orphan.sealed.as_ref().and_then(|sealed| self.custody.get(sealed.as_str()).copied());
            self.live.retain(|token, held| token != orphan.token.as_str() && Some(*held) != value);
        }
    }

    /// What a person made and never handed over is that person's own.
    pub(super) fn forget_by_hand(&mut self) {
        if let Some((token, _)) = self.made_by_hand.take() {
            self.live.remove(&token);
        }
    }

    /// A replacement whose answer was given up arrives; a value that was chosen here takes the place of any other.
    pub(super) fn replace_late(&mut self, label: &Label, sealed: Option<&Digest>) {
        if let Some(value) = sealed.and_then(|sealed| self.custody.get(sealed.as_str())) {
            self.live.insert(old().0, *value);
            self.out_of_turn = true;
        } else if self.live.remove(&old().0).is_some() {
            self.made += 1;
            let token = format!("new-{}", self.made);
            self.live.insert(token.clone(), self.made);
            self.labels.entry(label.as_str().to_owned()).or_default().push(token);
            self.out_of_turn = true;
        }
    }

    /// A mint's request arrives twice: somebody has made another token of the same label.
    pub(super) fn twin(&mut self, label: &Label) {
        self.made += 1;
        let token = format!("twin-{}", self.made);
        self.live.insert(token.clone(), self.made);
        self.labels.entry(label.as_str().to_owned()).or_default().push(token);
    }

    /// The process died: what was not recorded is lost.
    pub(super) fn crash(&mut self) {
        self.unrecorded = None;
    }

    /// The fact was recorded, and with it the value it mentions.
    pub(super) fn recorded(&mut self) {
        self.custody.extend(self.unrecorded.take());
    }

    /// A value chosen here is sealed in the transaction of its intent.
    pub(super) fn choose(&mut self, attempt: u32) -> Digest {
        let digest = format!("chosen-{attempt}");
        self.custody.insert(digest.clone(), 10_000 + attempt);
        Digest::new(digest)
    }

    /// The envelope key of a value that a person handed over is lost: the person is told, and knows the token.
    pub(super) fn lose_offered(&mut self, digest: &Digest) {
        let value = self.custody.remove(digest.as_str());
        let made = self.live.iter().filter(|(_, held)| Some(**held) == value).map(|(token, _)| token.clone());
        self.foreign.extend(made);
    }

    /// The envelope key of a value is lost.
    pub(super) fn lose(&mut self, digest: &Digest) {
        self.custody.remove(digest.as_str());
    }

    /// The value can still be opened.
    pub(super) fn holds(&self, digest: &Digest) -> bool {
        self.custody.contains_key(digest.as_str())
    }

    pub(super) fn works(&self, pair: &Pair) -> bool {
        self.live.get(&pair.0) == Some(&pair.1)
    }

    fn open(&self, sealed: &Digest) -> Result<u32, (Happened, Reason)> {
        self.custody.get(sealed.as_str()).copied().ok_or((Happened::No, Reason::Unreadable))
    }

    /// The successor, if its value can be opened.
    fn successor(&self, state: &State) -> Result<Pair, (Happened, Reason)> {
        let successor = state.successor.as_ref().expect("an effect on a successor that there is not");
        Ok((successor.token.as_str().into(), self.open(&successor.sealed)?))
    }

    pub(super) fn perform(&mut self, state: &State, effect: &Effect, dice: &mut Dice) -> Attempt {
        match effect {
            Effect::ReadUsage => Ok(used(&[], &[])),
            Effect::Soak => Ok(used(&["mailer"][..usize::from(self.explained)], &["x"][..usize::from(self.abused)])),
            Effect::Verify | Effect::Confirm | Effect::AskOld => Ok(Fact::Verified(self.verdict())),
            Effect::Preflight => Ok(Fact::Preflighted { saw_old: self.users.iter().map(|user| user.exact).collect() }),
            Effect::Count => Ok(Fact::Counted(self.tokens())),
            Effect::Mint { attempt, again } => self.mint(state, *attempt, again.as_ref()),
            Effect::Try => {
                let offered = state.offered.as_ref().expect("nothing was handed over");
                let value = self.open(&offered.sealed)?;
                let held = self.live.iter().find(|(_, held)| **held == value);
                Ok(Fact::Tried(held.map_or(Verdict::Dead, |(token, _)| Verdict::Live(TokenId::new(token)))))
            }
            Effect::Seek { label } | Effect::SeekTwin { label } => Ok(Fact::Sought(self.find(state, label))),
            Effect::Prove => self.prove(state),
            Effect::Stage { store } => self.stage(state, *store),
            Effect::Promote { store, staged } => self.promote(state, *store, staged),
            Effect::Check { dependent, reload } => Ok(self.check(state, *dependent, *reload, dice)),
            Effect::Recheck(dependent) => {
                Ok(Fact::Checked { dependent: *dependent, health: self.health(*dependent, &self.expected(state)) })
            }
            Effect::Disable(warrant) => self.end(state, warrant, Fact::Disabled),
            Effect::Revoke(warrant) => self.end(state, warrant, Fact::Revoked),
            Effect::EndSessions(warrant) => self.end(state, warrant, Fact::Ended { sessions: 1 }),
            Effect::Watch => {
                let new = self.expected(state);
                if self.works(&new) { Ok(Fact::Healthy) } else { Err((Happened::No, Reason::Rejected)) }
            }
            Effect::Demote { store, staged, current } => self.demote(*store, staged, current.as_ref()),
            Effect::CheckBack { dependent, reload } => {
                self.take_over(state, *dependent, *reload, dice);
                Ok(Fact::Checked { dependent: *dependent, health: self.health(*dependent, &old()) })
            }
            Effect::Discard(warrant) => self.discard(warrant),
            Effect::ConfirmDiscard(token) => {
                let orphan = state.orphans.first().expect("nothing is to be discarded");
                let value = orphan.sealed.as_ref().and_then(|sealed| self.custody.get(sealed.as_str()));
                let lives = match value {
                    Some(value) => self.live.values().any(|held| held == value),
                    None => self.live.contains_key(token.as_str()),
                };
                Ok(Fact::Verified(if lives { Verdict::Live(token.clone()) } else { Verdict::Dead }))
            }
            Effect::Survey => Ok(self.survey(state)),
            Effect::Quarantine(warrant) => {
                self.may_end(warrant);
                Ok(Fact::Quarantined)
            }
            Effect::Unstage { store, label } => {
                let shelf = &mut self.shelves[*store];
                let current = shelf.version;
                if shelf.apart.get(label.as_str()).is_some_and(|(version, _)| *version != current) {
                    shelf.apart.remove(label.as_str());
                }
                Ok(Fact::Unstaged { store: *store })
            }
        }
    }

    fn tokens(&self) -> Vec<TokenId> {
        self.live.keys().map(TokenId::new).collect()
    }

    fn verdict(&mut self) -> Verdict {
        if self.works(&old()) { Verdict::Live(TokenId::new(old().0)) } else { Verdict::Dead }
    }

    fn mint(&mut self, state: &State, attempt: u32, again: Option<&(Label, Digest)>) -> Attempt {
        let pending = state.pending.as_ref().expect("a mint without an intent");
        assert_eq!(pending.attempt, attempt);
        let label = pending.label.as_str().to_owned();
        let abilities = &state.plan.abilities;
        self.made += 1;
        let (token, value, sealed) = match &pending.sealed {
            Some(sealed) => {
                let value = self.open(sealed)?;
                assert!(again.is_none_or(|(same, digest)| same == &pending.label && digest == sealed));
                let token = match abilities.class {
                    Class::TwoSlots => "slot-b".to_owned(),
                    Class::Replace => old().0,
                    _ => self
                        .labels
                        .get(&label)
                        .and_then(|made| made.first())
                        .cloned()
                        .unwrap_or_else(|| format!("new-{}", self.made)),
                };
                (token, value, sealed.as_str().to_owned())
            }
            None => {
                assert!(!self.labels.contains_key(&label), "a label was minted twice");
                let sealed = format!("sealed-{}", self.made);
                self.unrecorded = Some((sealed.clone(), self.made));
                (format!("new-{}", self.made), self.made, sealed)
            }
        };
        if let Quota::AtMost(most) = abilities.quota
            && !self.live.contains_key(&token)
            && abilities.class != Class::Replace
            && self.live.len() >= most as usize
        {
            return Err((Happened::No, Reason::Quota));
        }
        if abilities.class == Class::Replace {
            let reused = abilities.chooser == Chooser::Server && !self.works(&old());
            assert!(!reused, "a token that is dead was replaced again: everything that came of it ends");
            self.live.remove(&old().0);
            self.out_of_turn = true;
        }
        self.live.insert(token.clone(), value);
        let made = self.labels.entry(label).or_default();
        if !made.contains(&token) {
            made.push(token.clone());
        }
        Ok(Fact::Minted { token: TokenId::new(token), sealed: Digest::new(sealed), ends: None })
    }

    fn find(&self, state: &State, label: &Label) -> Vec<TokenId> {
        if !state.plan.abilities.find {
            return self.tokens();
        }
        let made = self.labels.get(label.as_str()).into_iter().flatten();
        made.filter(|token| self.live.contains_key(*token)).map(TokenId::new).collect()
    }

    fn prove(&mut self, state: &State) -> Attempt {
        let pair = self.successor(state)?;
        if self.spreading > 0 {
            self.spreading -= 1;
            return Err((Happened::No, Reason::Rejected));
        }
        if self.works(&pair) { Ok(Fact::Proved) } else { Err((Happened::No, Reason::Rejected)) }
    }

    fn stage(&mut self, state: &State, store: usize) -> Attempt {
        let previous = Version::new(self.shelves[store].version.to_string());
        if state.plan.stores[store].staging == Staging::None {
            return Ok(Fact::Staged { store, staged: Staged { version: None, previous } });
        }
        let pair = self.successor(state)?;
        self.versions += 1;
        let label = state.successor.as_ref().unwrap().label.as_str().to_owned();
        let fresh = (self.versions, pair);
        let (version, _) = self.shelves[store].apart.entry(label).or_insert(fresh);
        Ok(Fact::Staged { store, staged: Staged { version: Some(Version::new(version.to_string())), previous } })
    }

    fn promote(&mut self, state: &State, store: usize, staged: &Staged) -> Attempt {
        let pair = self.successor(state)?;
        self.versions += 1;
        let fresh = self.versions;
        let shelf = &mut self.shelves[store];
        if shelf.current != pair {
            if !is_gone(Guard::ConditionalPut) && shelf.version.to_string() != staged.previous.as_str() {
                return Err((Happened::No, Reason::Conflict));
            }
            shelf.version = staged.version.as_ref().map_or(fresh, |version| version.as_str().parse().unwrap());
            shelf.current = pair;
        }
        Ok(Fact::Promoted { store, version: Version::new(shelf.version.to_string()) })
    }

    fn demote(&mut self, store: usize, staged: &Staged, current: Option<&Version>) -> Attempt {
        self.versions += 1;
        let fresh = self.versions;
        let shelf = &mut self.shelves[store];
        // Where the promotion's outcome is unknown it may still arrive: the version moves on all the same, so that a
        // late conditional write no longer matches.
        if shelf.current != old() || (current.is_none() && !is_gone(Guard::LateWrites)) {
            if current.is_some_and(|version| version.as_str() != shelf.version.to_string()) {
                return Err((Happened::No, Reason::Conflict));
            }
            let apart = staged.version.is_some();
            shelf.version = if apart { staged.previous.as_str().parse().unwrap() } else { fresh };
            shelf.current = old();
        }
        Ok(Fact::Demoted { store, version: Version::new(shelf.version.to_string()) })
    }

    /// A promotion that was given up as lost arrives after all; the store still asks for the version it was to leave.
    pub(super) fn arrive(&mut self, late: &Late) {
        self.versions += 1;
        let shelf = &mut self.shelves[late.store];
        if is_gone(Guard::ConditionalPut) || shelf.version.to_string() == late.leaves.as_str() {
            shelf.version = self.versions;
            shelf.current = late.pair.clone();
        }
    }

    /// The promotion that is under way, as it may arrive later.
    pub(super) fn delay(&self, state: &State, effect: &Effect) -> Option<Late> {
        let Effect::Promote { store, staged: Staged { version: None, previous } } = effect else { return None };
        let pair = self.successor(state).ok()?;
        Some(Late { store: *store, leaves: previous.clone(), pair })
    }

    fn expected(&self, state: &State) -> Pair {
        let successor = state.successor.as_ref().expect("no successor to expect");
        let value = self.live.get(successor.token.as_str()).copied().unwrap_or(u32::MAX);
        (successor.token.as_str().into(), value)
    }

    fn check(&mut self, state: &State, dependent: usize, reload: bool, dice: &mut Dice) -> Fact {
        self.take_over(state, dependent, reload, dice);
        Fact::Checked { dependent, health: self.health(dependent, &self.expected(state)) }
    }

    /// It reads its store again: when it is told to, or by itself where it has no reload action.
    fn take_over(&mut self, state: &State, dependent: usize, reload: bool, dice: &mut Dice) {
        let current = self.shelves[dependent % self.shelves.len()].current.clone();
        let by_itself = !state.plan.dependents[dependent].reload && dice.percent(60);
        let user = &mut self.users[dependent];
        assert!(!reload || state.plan.dependents[dependent].reload, "a reload of what has no reload action");
        if (reload || by_itself) && !user.stuck {
            user.holds = current;
        }
    }

    fn health(&self, dependent: usize, expected: &Pair) -> Health {
        let user = &self.users[dependent];
        match (self.works(&user.holds), user.exact) {
            (false, _) => Health::Bad,
            (true, false) => Health::Indistinct,
            (true, true) if user.holds == *expected => Health::Good,
            (true, true) => Health::Stale,
        }
    }

    /// The old token is ended: only with a right to it.
    fn end(&mut self, state: &State, warrant: &Warrant, fact: Fact) -> Attempt {
        assert_eq!(warrant.token().as_str(), old().0, "a warrant for another token");
        match warrant.grounds() {
            Grounds::Succeeded(versions) => {
                let new = self.expected(state);
                let shelves = self.shelves.iter().map(|shelf| Version::new(shelf.version.to_string()));
                assert!(shelves.eq(versions.iter().cloned()), "revoked while a store was elsewhere: {self:?}");
                for (index, user) in self.users.iter().enumerate() {
                    let free = !state.plan.dependents[index].required || !user.exact;
                    assert!(free || user.holds == new, "revoked while a dependent held the old token: {self:?}");
                }
            }
            Grounds::Ordered(_) | Grounds::Policy(_) => self.out_of_turn = true,
            Grounds::NeverUsed => panic!("the old token was revoked as never used"),
        }
        if state.ends_by_hand() {
            return if fact == Fact::Revoked { Err((Happened::No, Reason::ByHand)) } else { Ok(fact) };
        }
        if state.plan.abilities.class == Class::Replace && matches!(fact, Fact::Ended { .. }) {
            return Ok(fact);
        }
        // Accepted is not dead: it may take more than one try.
        if self.lingering > 0 && !matches!(fact, Fact::Ended { .. }) {
            self.lingering -= 1;
        } else {
            self.live.remove(&old().0);
        }
        Ok(fact)
    }

    /// Strays that earlier cases left, beside a token in use.
    pub(super) fn strays(&mut self, sweep: &Sweep) {
        self.shelves = vec![Shelf { version: 1, current: old(), apart: BTreeMap::new() }];
        self.live.extend((100..).zip(&sweep.strays).map(|(value, stray)| (stray.token.as_str().to_owned(), value)));
    }

    /// Somebody uses a stray after all.
    pub(super) fn adopt(&mut self, token: &TokenId) {
        if let Some(value) = self.live.get(token.as_str()) {
            self.shelves[0].current = (token.as_str().to_owned(), *value);
        }
    }

    fn survey(&self, state: &State) -> Fact {
        let sweep = sweep::of(&state.plan).expect("nothing is to be swept");
        let there = sweep.strays.iter().filter(|stray| self.live.contains_key(stray.token.as_str()));
        let in_use = self.shelves.iter().map(|shelf| TokenId::new(&shelf.current.0)).collect();
        Fact::Surveyed { in_use, there: there.cloned().collect() }
    }

    fn discard(&mut self, warrant: &Warrant) -> Attempt {
        self.may_end(warrant);
        self.live.remove(warrant.token().as_str());
        Ok(Fact::Discarded)
    }

    fn may_end(&self, warrant: &Warrant) {
        let token = warrant.token().as_str();
        assert_ne!(token, old().0, "the old token was discarded");
        assert_eq!(*warrant.grounds(), Grounds::NeverUsed);
        assert!(!self.foreign.contains(token), "somebody else's token was discarded");
        assert!(self.shelves.iter().all(|shelf| shelf.current.0 != token), "what a store points at was discarded");
    }

    /// Invariants 1 to 3, at every instant.
    pub(super) fn check_invariants(&self, state: &State) {
        let begun = state.plan.abilities.class == Class::Replace && state.pivoted() && !revoke::early(state);
        assert!(!begun || state.outage, "nobody accepted what a replacement in place means");
        if self.out_of_turn {
            return;
        }
        for shelf in &self.shelves {
            assert!(self.works(&shelf.current), "a store points at a dead token");
        }
        for (user, plan) in self.users.iter().zip(&state.plan.dependents) {
            assert!(!plan.required || !user.exact || self.works(&user.holds), "a dependent holds a dead token");
        }
        let shelved = |pair: &Pair| self.shelves.iter().any(|shelf| shelf.current == *pair);
        let durable = |pair: &Pair| shelved(pair) || self.custody.values().any(|value| *value == pair.1);
        assert!(self.live.iter().any(|(token, value)| durable(&(token.clone(), *value))), "no live durable credential");
    }

    /// Invariant 9 after a sweep: no stray lives that nobody uses, and nothing else was ended.
    fn check_swept(&self, state: &State) {
        let sweep = sweep::of(&state.plan).expect("nothing was to be swept");
        for stray in &sweep.strays {
            let used = self.shelves.iter().any(|shelf| shelf.current.0 == stray.token.as_str());
            assert!(used || !self.live.contains_key(stray.token.as_str()), "a stray lives on");
        }
        assert!(self.works(&old()), "the token in use was ended");
    }

    /// Invariants 6, 7 and 9, at the end.
    pub(super) fn check_end(&self, state: &State, outcome: Outcome) {
        let ours: Vec<&String> = self.live.keys().filter(|token| !self.foreign.contains(*token)).collect();
        let (expected, pair) = match outcome {
            Outcome::Rotated => (state.successor.as_ref().unwrap().token.as_str().to_owned(), self.expected(state)),
            Outcome::RolledBack(_) => (old().0, old()),
            Outcome::AlreadyDead => panic!("the old token was alive"),
            Outcome::Swept => return self.check_swept(state),
            Outcome::Abandoned => return,
        };
        assert_eq!(ours, [&expected], "wrong tokens are left alive");
        for (shelf, staged) in self.shelves.iter().zip(&state.stores) {
            assert_eq!(shelf.current, pair, "a store is left behind");
            let apart = shelf.apart.values().filter(|(version, _)| *version != shelf.version).count();
            assert_eq!(apart, 0, "a store still holds a version of a dead token: {staged:?}");
        }
        for (user, plan) in self.users.iter().zip(&state.plan.dependents) {
            assert!(!plan.required || !user.exact || user.holds == pair, "a dependent is left behind");
        }
    }
}
