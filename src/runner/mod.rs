//! Carries one rotation through: the loop, its hands, recovery. The order of the loop is the safety argument: an intent
//! is durable before the world is touched, and what happened is durable before anything follows.

mod custody;
mod deaths;
mod failpoint;
mod hands;
mod holder;
mod orphans;
mod stage;
mod sweep;
mod word;

pub use custody::CustodyError;
pub use holder::{has_ended, holder, is_of_this_machine, process_of};
pub use stage::stage_word;
pub use sweep::{Seen, SweepError, look, sweep_plan, unable};
pub use word::{Word, may, seal_provided, vouch};

use crate::clock::Clock;
use crate::inventory::Managed;
use crate::journal::{Journal, JournalError, Lease, Position, Record};
use crate::model::{Credential, Label, Person, Reason, RotationId, Secret, Timestamp};
use crate::people::People;
use crate::rotation::{self, Due, Effect, Event, Fact, Illegal, Outcome, Pace, Plan, Stage, State};
use crate::seal::{SealError, Sealed, Sealer};
use custody::Custody;
use failpoint::{Side, boundary};
use hands::Hands;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a lease lasts; longer than any single call's time limit.
const LEASE: Duration = Duration::from_secs(120);
/// How often it is renewed while an effect runs.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How often, and how far apart, the journal is asked to take a new token.
const PATIENCE: u32 = 20;
const PAUSE: Duration = Duration::from_secs(3);
/// How often a number is drawn for a rotation that many want to open at the same moment.
const DRAWS: u32 = 32;
/// The longest uninterrupted sleep: orders and signals are seen at least this often.
const SLICE: Duration = Duration::from_millis(250);

/// What is told of every durable event, after it was applied.
pub type Told<'a> = &'a (dyn Fn(&State, &Event) + Send + Sync);

/// The approval that a person gave beforehand.
#[derive(Clone, Debug)]
pub struct Beforehand {
    /// Who.
    pub who: Person,
    /// How long it holds once the plan's digest is known.
    pub valid: Duration,
}

/// What a run needs; one runner carries one rotation at a time.
pub struct Runner<'a> {
    /// The durable record.
    pub journal: &'a dyn Journal,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Seals what must outlive the process.
    pub sealer: &'a Sealer,
    /// What the rotation touches.
    pub managed: &'a Managed,
    /// Whose signed words are taken; with nobody named, anybody's unsigned ones are.
    pub people: &'a People,
    /// This worker, unique per process: see [`holder()`].
    pub holder: String,
    /// Told of every durable event.
    pub told: Told<'a>,
    /// `--yes`: the plan is approved as soon as its digest is known.
    pub beforehand: Option<Beforehand>,
    /// Set by a signal: stop after the current record.
    pub stopping: &'a AtomicBool,
}

/// Why a run came to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It is over.
    Closed(Outcome),
    /// A person must decide.
    Asks(Reason),
    /// A signal came; the rotation stays open and is resumed later.
    Stopped,
}

/// Why a run failed. The rotation stays open; resuming it is always right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The journal did not take a record, so nothing followed.
    #[error("the rotation stopped because its journal did not take a record")]
    Journal(#[source] JournalError),
    /// An event does not fit the state.
    #[error("the journal and the machine disagree: this is a damaged journal or a bug, and nothing was done")]
    Illegal(#[source] Illegal),
    /// The order does not fit the state.
    #[error("{order} is not possible now: {why}")]
    Refused {
        /// What was ordered.
        order: String,
        /// Why not.
        why: String,
    },
    /// It is not this person's to say, or nobody can know that it is.
    #[error("{order} is not allowed: {why}")]
    NotAllowed {
        /// What was said.
        order: String,
        /// Why not.
        why: String,
    },
    /// A sealed value cannot be made or opened.
    #[error("a value could not be sealed")]
    Seal(#[source] SealError),
    /// The credential to rotate cannot be taken into custody.
    #[error("the leaked credential cannot be kept for the rotation")]
    Custody(#[source] CustodyError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// The journal of a rotation is empty.
    #[error("the journal of {rotation} is empty")]
    Empty {
        /// Which.
        rotation: RotationId,
    },
    /// The plan of the journal and the configuration name different things.
    #[error("the configuration of '{credential}' changed since {rotation} was opened: {what}; restore it, then resume")]
    Changed {
        /// Which rotation.
        rotation: RotationId,
        /// Which credential.
        credential: String,
        /// What differs.
        what: String,
    },
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("managed", &self.managed.name)
            .field("holder", &self.holder)
            .finish_non_exhaustive()
    }
}

/// One rotation under this worker's lease.
struct Held {
    at: Position,
    state: State,
    custody: Custody,
    /// Somebody asked to be left alone until then.
    not_before: Timestamp,
    /// When the lease was renewed last.
    renewed: Moment,
}

/// A moment by both clocks: the monotonic one stands still while the machine sleeps, the other one may be set.
#[derive(Clone, Copy)]
struct Moment {
    wall: Timestamp,
    monotonic: u64,
}

impl Runner<'_> {
    /// Opens a rotation: the plan and the sealed old credential are durable on return. Of two that draw the same number at
    /// the same moment, one draws again.
    ///
    /// # Errors
    /// [`RunError::Journal`] with [`JournalError::Active`] when the credential is being rotated already.
    pub async fn open(&self, plan: Plan, old: &Credential) -> Result<RotationId, RunError> {
        self.open_with(plan, Some(old)).await
    }

    /// Opens a sweep ([`sweep_plan`]), which has no old credential.
    ///
    /// # Errors
    /// [`RunError::Journal`] with [`JournalError::Active`] when the credential is being swept already.
    pub async fn open_sweep(&self, plan: Plan) -> Result<RotationId, RunError> {
        self.open_with(plan, None).await
    }

    async fn open_with(&self, mut plan: Plan, old: Option<&Credential>) -> Result<RotationId, RunError> {
        let mut draws = 0;
        loop {
            match self.open_under(plan.clone(), old).await {
                Err(RunError::Journal(JournalError::Fenced { .. })) if draws < DRAWS => {
                    draws += 1;
                    plan.rotation = self.journal.next_id().await.map_err(RunError::Journal)?;
                }
                outcome => return outcome,
            }
        }
    }

    /// The same, under the number of the plan and no other.
    async fn open_under(&self, mut plan: Plan, old: Option<&Credential>) -> Result<RotationId, RunError> {
        let (rotation, identity) = (plan.rotation.clone(), sweep::identity(&plan, &self.managed.name));
        let sealed = old.map(|old| custody::seal_old(self.sealer, &rotation, old)).transpose();
        let sealed = sealed.map_err(RunError::Custody)?;
        plan.sealed = sealed.as_ref().map(|sealed| sealed.digest.clone());
        let event = Event { at: self.clock.now(), fact: Fact::Opened(Box::new(plan)) };
        let state = rotation::open(&event).map_err(RunError::Illegal)?;
        let (lease, monotonic) = (self.lease(None), self.clock.monotonic());
        boundary(Side::Before, None, &event);
        let at = self
            .journal
            .open(&identity, &event, sealed.as_slice(), &lease, monotonic)
            .await
            .map_err(RunError::Journal)?;
        boundary(Side::After, None, &event);
        (self.told)(&state, &event);
        self.journal.release(&at).await.map_err(RunError::Journal)?;
        Ok(rotation)
    }

    /// Takes the lease, records the interruption if there was one, applies `first` (what a person says), and runs until
    /// the rotation rests.
    ///
    /// # Errors
    /// [`RunError`]; the rotation stays open.
    pub async fn run(&self, rotation: &RotationId, first: Option<Word>) -> Result<(State, Rest), RunError> {
        self.run_with(Duration::MAX, rotation, first).await
    }

    /// The same for whoever carries many: a rotation in which nothing is due for longer than `patience` is left as if a
    /// signal had come, and nobody holds it meanwhile. [`rotation::due`] says when it goes on.
    ///
    /// # Errors
    /// [`RunError`]; the rotation stays open.
    pub async fn run_with(
        &self,
        patience: Duration,
        rotation: &RotationId,
        first: Option<Word>,
    ) -> Result<(State, Rest), RunError> {
        let renewed = self.moment();
        let at = self.take(rotation).await?;
        let state = replay(self.journal, rotation).await?;
        self.unchanged(&state.plan)?;
        let custody = match Custody::open(self.journal, self.sealer, &state).await {
            Ok(custody) => custody,
            Err(error) => {
                self.give_back(&at).await;
                return Err(RunError::Custody(error));
            }
        };
        let mut held = Held { at, state, custody, not_before: Timestamp(0), renewed };
        let end = self.carry(&mut held, first, patience).await;
        self.give_back(&held.at).await;
        end.map(|rest| (held.state, rest))
    }

    async fn give_back(&self, at: &Position) {
        match self.journal.release(at).await {
            Ok(()) | Err(JournalError::Fenced { .. }) => {}
            Err(error) => tracing::warn!(%error, "the lease was not given back; it expires by itself"),
        }
    }

    async fn carry(&self, held: &mut Held, first: Option<Word>, patience: Duration) -> Result<Rest, RunError> {
        let was_held = matches!(held.state.stage, Stage::Held { .. });
        if matches!(held.state.pace, Pace::Running { .. }) || held.state.relies_on_the_instant() {
            self.record(held, Fact::Restarted, &[]).await?;
        }
        if let Some(word) = first {
            // Nobody has seen what it is held for only now, so nobody has answered it.
            let is_new = !was_held && matches!(held.state.stage, Stage::Held { .. });
            let blind = word.fact.seen().is_none();
            if is_new && blind && matches!(word.fact.said(), Fact::Ordered(rotation::Order::Resume, ..)) {
                return Err(word::refused(word.verb(), &held.state));
            }
            self.told_by_a_person(held, word, None).await?;
        }
        loop {
            if self.stopping.load(Ordering::SeqCst) {
                return Ok(Rest::Stopped);
            }
            self.take_orders(held).await?;
            match rotation::due(&held.state, self.clock.now()) {
                Due::Rest(outcome) => return Ok(Rest::Closed(outcome)),
                Due::Plan => {
                    let digest = rotation::digest(&held.state.plan);
                    self.record(held, Fact::Planned(digest), &[]).await?;
                }
                Due::Ask(why) => match (&held.state.stage, &self.beforehand) {
                    (Stage::AwaitingApproval(digest), Some(given)) if held.state.plan.consent.is_plain() => {
                        let expires = self.clock.now().after(given.valid);
                        let fact = Fact::Approved { who: given.who.clone(), digest: digest.clone(), expires };
                        self.record(held, fact, &[]).await?;
                    }
                    _ => return Ok(Rest::Asks(why)),
                },
                // What was looked at just before an act is not looked at again for the sake of a wait.
                Due::Wait(until) if until.since(self.clock.now()) > patience && !held.state.relies_on_the_instant() => {
                    return Ok(Rest::Stopped);
                }
                Due::Wait(until) => self.wait(held, until).await?,
                Due::Act(..) if held.not_before > self.clock.now() => {
                    let until = held.not_before;
                    self.wait(held, until).await?;
                }
                Due::Act(step, effect) => self.act(held, step, effect).await?,
                Due::Busy => self.record(held, Fact::Restarted, &[]).await?,
            }
        }
    }

    /// Intent, effect, outcome. The middle line is the only one that touches the world.
    async fn act(&self, held: &mut Held, step: rotation::Step, effect: Effect) -> Result<(), RunError> {
        let (label, sealed) = self.prepare(held, &effect)?;
        let digest =
            sealed.as_ref().map(|sealed| sealed.digest.clone()).or_else(|| again(&effect).map(|(_, d)| d.clone()));
        let began = Fact::Began { step, label: label.clone(), sealed: digest };
        self.keep(held).await?;
        self.record(held, began, sealed.as_slice()).await?;
        // Whoever was told may have held this process up, and a machine may have slept.
        self.keep(held).await?;

        let hands = Hands { managed: self.managed, state: &held.state };
        let (done, after) =
            self.while_renewing(&held.at, hands.perform(&effect, label.as_ref(), &held.custody)).await?;
        if let Some(after) = after.filter(|after| !after.is_zero()) {
            held.not_before = self.clock.now().after(after);
        }

        match done {
            hands::Done::Fact(fact) => self.record(held, fact, &[]).await,
            hands::Done::Minted { token, secret, ends } => {
                let sealed =
                    custody::seal_new(self.sealer, &held.state.plan.rotation, &secret).map_err(RunError::Seal)?;
                held.custody.take(sealed.digest.clone(), secret);
                let fact = Fact::Minted { token, sealed: sealed.digest.clone(), ends };
                self.record_minted(held, &fact, &sealed).await
            }
        }
    }

    /// A minted value exists once: a journal that is busy or full for a moment must not lose it.
    async fn record_minted(&self, held: &mut Held, fact: &Fact, sealed: &Sealed) -> Result<(), RunError> {
        let mut tried = 0;
        loop {
            match self.record(held, fact.clone(), std::slice::from_ref(sealed)).await {
                Err(RunError::Journal(error @ (JournalError::Database { .. } | JournalError::Full { .. })))
                    if tried < PATIENCE =>
                {
                    tracing::warn!(%error, "a new token waits for the journal");
                    tried += 1;
                    self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The label of a mint, and for a value chosen here its sealed form: both go into the intent.
    fn prepare(&self, held: &mut Held, effect: &Effect) -> Result<(Option<Label>, Option<Sealed>), RunError> {
        let Effect::Mint { attempt, .. } = effect else { return Ok((None, None)) };
        if let Some((label, _)) = again(effect) {
            return Ok((Some(label.clone()), None));
        }
        let rotation = &held.state.plan.rotation;
        let label = Label::of(rotation, *attempt, &random_text(10)?);
        if held.state.plan.abilities.chooser != crate::model::Chooser::Client {
            return Ok((Some(label), None));
        }
        let chosen = Secret::new(random_text(40)?.into_bytes());
        let sealed = custody::seal_new(self.sealer, rotation, &chosen).map_err(RunError::Seal)?;
        held.custody.take(sealed.digest.clone(), chosen);
        Ok((Some(label), Some(sealed)))
    }

    async fn while_renewing<T>(&self, at: &Position, work: impl Future<Output = T>) -> Result<T, RunError> {
        tokio::pin!(work);
        loop {
            let beat = self.clock.now().after(HEARTBEAT);
            tokio::select! {
                // What is done is done, also where a heartbeat is due.
                biased;
                done = &mut work => return Ok(done),
                () = self.clock.sleep_until(beat) => {
                    match self.journal.renew(at, &self.lease(None)).await {
                        Ok(()) => {}
                        Err(error @ JournalError::Fenced { .. }) => return Err(RunError::Journal(error)),
                        // What was begun is brought to its end: its outcome may exist once.
                        Err(error) => tracing::warn!(%error, "the lease could not be renewed while something is under way"),
                    }
                }
            }
        }
    }

    async fn wait(&self, held: &mut Held, until: Timestamp) -> Result<(), RunError> {
        let now = self.clock.now();
        self.clock.sleep_until(until.min(now.after(SLICE))).await;
        self.keep(held).await
    }

    /// Sees that the lease is held still and will be for a while.
    async fn keep(&self, held: &mut Held) -> Result<(), RunError> {
        let now = self.moment();
        if self.since(held.renewed) < HEARTBEAT {
            return Ok(());
        }
        match self.journal.renew(&held.at, &self.lease(None)).await {
            Ok(()) => held.renewed = now,
            Err(error @ JournalError::Database { .. }) if self.since(held.renewed) < LEASE / 2 => {
                tracing::warn!(%error, "the lease could not be renewed yet");
            }
            Err(error) => return Err(RunError::Journal(error)),
        }
        Ok(())
    }

    fn moment(&self) -> Moment {
        Moment { wall: self.clock.now(), monotonic: self.clock.monotonic() }
    }

    /// How long ago that was, by the clock that says more.
    fn since(&self, moment: Moment) -> Duration {
        let monotonic = Duration::from_millis(self.clock.monotonic().saturating_sub(moment.monotonic));
        self.clock.now().since(moment.wall).max(monotonic)
    }

    /// Orders of other processes. One that the state cannot take is refused to the person and not recorded.
    async fn take_orders(&self, held: &mut Held) -> Result<(), RunError> {
        while let Some(waiting) = self.journal.waiting(&held.state.plan.rotation).await.map_err(RunError::Journal)? {
            let word = Word { fact: waiting.fact, sealed: waiting.sealed };
            match self.told_by_a_person(held, word, Some(waiting.id)).await {
                // It was settled with its record, or by another worker before this one took over.
                Ok(()) | Err(RunError::Journal(JournalError::Settled)) => {}
                Err(refused @ (RunError::Refused { .. } | RunError::NotAllowed { .. })) => {
                    self.journal.settle(waiting.id, &refused.to_string()).await.map_err(RunError::Journal)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What a person says is recorded if the state can take it, with the value that was handed over in the same
    /// transaction. `waiting` is its number in the inbox, if it comes from there.
    async fn told_by_a_person(&self, held: &mut Held, mut word: Word, waiting: Option<i64>) -> Result<(), RunError> {
        word::fresh(self.journal, &held.state, &word.fact).await?;
        word::vouch(self.people, &held.state, &word.fact, self.clock.now())?;
        let provided = word::examine(self.sealer, &held.state, &held.custody, &mut word)?;
        let verb = word.verb();
        let sealed = provided.as_ref().map(|(sealed, _)| sealed).map_or(&[][..], std::slice::from_ref);
        match self.record_word(held, word.fact, sealed, waiting).await {
            Err(RunError::Illegal(_)) => Err(word::refused(verb, &held.state)),
            Ok(()) => {
                if let Some((sealed, secret)) = provided {
                    held.custody.take(sealed.digest, secret);
                }
                Ok(())
            }
            other => other,
        }
    }

    async fn record(&self, held: &mut Held, fact: Fact, sealed: &[Sealed]) -> Result<(), RunError> {
        self.record_word(held, fact, sealed, None).await
    }

    /// One that comes from the inbox leaves it in the transaction of its record.
    async fn record_word(
        &self,
        held: &mut Held,
        fact: Fact,
        sealed: &[Sealed],
        word: Option<i64>,
    ) -> Result<(), RunError> {
        let event = Event { at: self.clock.now(), fact };
        let next = rotation::apply(&held.state, &event).map_err(RunError::Illegal)?;
        let closes = matches!(next.stage, Stage::Closed(_));
        let monotonic = self.clock.monotonic();
        boundary(Side::Before, Some(&held.state), &event);
        let written = match word {
            Some(word) => self.journal.take_word(word, &held.at, &event, sealed, closes, monotonic).await,
            None => self.journal.append(&held.at, std::slice::from_ref(&event), sealed, closes, monotonic).await,
        };
        held.at = written.map_err(RunError::Journal)?;
        boundary(Side::After, Some(&held.state), &event);
        held.state = next;
        (self.told)(&held.state, &event);
        Ok(())
    }

    /// A rotation is carried on only with the stores and dependents that its plan names.
    fn unchanged(&self, plan: &Plan) -> Result<(), RunError> {
        let today = self.managed.plan(plan.rotation.clone(), plan.leaked, plan.emergency);
        let differs = |what: &str| {
            Err(RunError::Changed {
                rotation: plan.rotation.clone(),
                credential: plan.credential.clone(),
                what: what.to_owned(),
            })
        };
        let touches = !plan.purpose.is_sweep();
        if touches && today.stores != plan.stores {
            return differs("its stores are others");
        }
        if touches && today.dependents != plan.dependents {
            return differs("its dependents are others");
        }
        if today.abilities != plan.abilities || today.kind != plan.kind {
            return differs("its provider is another");
        }
        Ok(())
    }

    /// Takes the lease. One whose holder was killed is taken over at once.
    async fn take(&self, rotation: &RotationId) -> Result<Position, RunError> {
        match self.journal.acquire(rotation, &self.lease(None)).await {
            Err(JournalError::Held { holder, .. }) if holder::has_ended(&holder) => {
                tracing::info!(%rotation, process = process_of(&holder), "the process that ran this case has ended");
                self.journal.acquire(rotation, &self.lease(Some(holder))).await
            }
            outcome => outcome,
        }
        .map_err(RunError::Journal)
    }

    fn lease(&self, ended: Option<String>) -> Lease {
        Lease { holder: self.holder.clone(), now: self.clock.now(), span: LEASE, ended }
    }
}

/// The state of a rotation: a fold of its journal.
///
/// # Errors
/// [`RunError::Journal`] when it cannot be read or its chain is broken, [`RunError::Illegal`] when an event cannot
/// follow the one before.
pub async fn replay(journal: &dyn Journal, rotation: &RotationId) -> Result<State, RunError> {
    let records = journal.replay(rotation).await.map_err(RunError::Journal)?;
    if records.is_empty() {
        return Err(RunError::Empty { rotation: rotation.clone() });
    }
    fold(&records).map_err(RunError::Illegal)
}

/// The state after some records.
///
/// # Errors
/// When one of them cannot follow the one before, or the first opens nothing.
pub fn fold(records: &[Record]) -> Result<State, Illegal> {
    let mut records = records.iter();
    let nothing = || Illegal { stage: Box::new(Stage::Assessing), fact: Box::new(Fact::Restarted) };
    let first = records.next().ok_or_else(nothing)?;
    let state = rotation::open(&first.event)?;
    records.try_fold(state, |state, record| rotation::apply(&state, &record.event))
}

/// The label and the sealed value of a mint whose value was chosen here and that is pushed again.
fn again(effect: &Effect) -> Option<&(Label, crate::model::Digest)> {
    match effect {
        Effect::Mint { again, .. } => again.as_ref(),
        _ => None,
    }
}

/// Letters and digits drawn by the system's generator, without bias.
fn random_text(length: usize) -> Result<String, RunError> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    let mut bytes = zeroize::Zeroizing::new([0_u8; 64]);
    while text.len() < length {
        getrandom::fill(&mut *bytes).map_err(|_| RunError::Random)?;
        let drawn = bytes.iter().filter(|byte| **byte < 248).filter_map(|byte| ALPHABET.get(usize::from(*byte) % 62));
        text.extend(drawn.take(length - text.len()).map(|byte| char::from(*byte)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
