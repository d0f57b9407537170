//! A journal as one process has it, and the person who starts one process after another.

use super::super::*;
use super::world::{self, World};
use crate::journal::memory::MemoryJournal;
use crate::journal::{Listed, Record, Waiting};
use crate::model::{Digest, TokenId};
use crate::rotation::Order;
use async_trait::async_trait;
use std::sync::atomic::AtomicU64;

/// When a process dies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Death {
    /// In the append of this number (from 0); whether its records got through.
    In(u64, bool),
    /// As soon as such a fact is durable.
    After(fn(&Fact) -> bool),
}

/// A journal as one process has it: every append looks at the world, and one of them can be the process's last act.
#[derive(Debug)]
pub(super) struct Process<'w> {
    pub(super) world: &'w World,
    /// When this process dies.
    pub(super) dies: Option<Death>,
    pub(super) appends: AtomicU64,
    pub(super) dead: AtomicBool,
    /// So many appends of a minted token fail before one succeeds.
    pub(super) busy: AtomicU64,
}

impl<'w> Process<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        Self { world, dies: None, appends: AtomicU64::new(0), dead: AtomicBool::new(false), busy: AtomicU64::new(0) }
    }

    /// Nobody else can take the case while this process runs it.
    async fn is_alone(&self, at: &Position) {
        let (holder, now) = ("intruder".to_owned(), self.world.clock.now());
        let intruder = Lease { holder, now, span: LEASE, ended: None };
        let taken = self.world.journal.acquire(&at.rotation, &intruder).await;
        assert!(matches!(taken, Err(JournalError::Held { .. })), "another process could take the case: {taken:?}");
    }

    fn alive(&self) -> Result<&MemoryJournal, JournalError> {
        if self.dead.load(Ordering::SeqCst) { Err(gone()) } else { Ok(&self.world.journal) }
    }
}

fn gone() -> JournalError {
    JournalError::Database { act: "write", source: "the process is gone".into() }
}

#[async_trait]
impl Journal for Process<'_> {
    async fn next_id(&self) -> Result<RotationId, JournalError> {
        self.alive()?.next_id().await
    }

    async fn open(
        &self,
        identity: &str,
        event: &Event,
        sealed: &[Sealed],
        lease: &Lease,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        self.alive()?.open(identity, event, sealed, lease, monotonic).await
    }

    async fn append(
        &self,
        at: &Position,
        events: &[Event],
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        let journal = self.alive()?;
        let minted = events.iter().any(|event| matches!(event.fact, Fact::Minted { .. }));
        if minted && self.busy.load(Ordering::SeqCst) > 0 {
            self.busy.fetch_sub(1, Ordering::SeqCst);
            return Err(gone());
        }
        self.is_alone(at).await;
        let number = self.appends.fetch_add(1, Ordering::SeqCst);
        let death = self.dies.and_then(|death| match death {
            Death::In(last, through) => (last == number).then_some(through),
            Death::After(is_last) => events.iter().any(|event| is_last(&event.fact)).then_some(true),
        });
        match death {
            Some(through) => {
                self.dead.store(true, Ordering::SeqCst);
                if through {
                    journal.append(at, events, sealed, closes, monotonic).await?;
                }
                Err(gone())
            }
            None => {
                let next = journal.append(at, events, sealed, closes, monotonic).await?;
                self.world.check_instant().await;
                Ok(next)
            }
        }
    }

    async fn replay(&self, rotation: &RotationId) -> Result<Vec<Record>, JournalError> {
        self.alive()?.replay(rotation).await
    }

    async fn sealed(&self, rotation: &RotationId, digest: &Digest) -> Result<Option<Sealed>, JournalError> {
        self.alive()?.sealed(rotation, digest).await
    }

    async fn list(&self) -> Result<Vec<Listed>, JournalError> {
        self.alive()?.list().await
    }

    async fn acquire(&self, rotation: &RotationId, lease: &Lease) -> Result<Position, JournalError> {
        self.alive()?.acquire(rotation, lease).await
    }

    async fn renew(&self, at: &Position, lease: &Lease) -> Result<(), JournalError> {
        self.alive()?.renew(at, lease).await
    }

    async fn release(&self, at: &Position) -> Result<(), JournalError> {
        self.alive()?.release(at).await
    }

    async fn leave_word(
        &self,
        rotation: &RotationId,
        fact: &Fact,
        sealed: Option<&Sealed>,
        who: &crate::model::Person,
        at: Timestamp,
    ) -> Result<i64, JournalError> {
        self.alive()?.leave_word(rotation, fact, sealed, who, at).await
    }

    async fn take_word(
        &self,
        id: i64,
        at: &Position,
        event: &Event,
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        self.alive()?.take_word(id, at, event, sealed, closes, monotonic).await
    }

    async fn waiting(&self, rotation: &RotationId) -> Result<Option<Waiting>, JournalError> {
        self.alive()?.waiting(rotation).await
    }

    async fn settle(&self, id: i64, outcome: &str) -> Result<(), JournalError> {
        self.alive()?.settle(id, outcome).await
    }
}

/// Somebody at the keyboard, who resumes what was held or interrupted, and aborts what does not go on.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// What the first process does: see [`Process::dies`].
    pub(super) dies: Option<Death>,
    /// How often it was held.
    pub(super) held: u32,
    /// How many records the first process wrote.
    pub(super) appends: u64,
    /// What was made in the provider's console.
    pub(super) made: Option<(TokenId, Secret)>,
}

impl Person {
    /// Opens the rotation and carries it to its end.
    pub(super) async fn carry(&mut self, world: &World) -> Outcome {
        let rotation = RotationId::new("C-0001");
        let mut first = Process::new(world);
        first.dies = self.dies;
        let mut process = first;
        let mut order: Option<Word> = None;
        let mut opened = false;
        for number in 0..60_u32 {
            let stopping = AtomicBool::new(false);
            let runner = runner(world, &process, format!("worker-{number}"), &stopping);
            if !opened {
                runner.open(world.plan(), &World::old()).await.unwrap();
                opened = true;
            }
            let ran = runner.run(&rotation, order.take()).await;
            self.appends = self.appends.max(process.appends.load(Ordering::SeqCst));
            match ran {
                Ok((state, rest)) => {
                    assert_eq!(replay(&world.journal, &rotation).await.unwrap(), state, "the journal is the state");
                    if let Rest::Closed(outcome) = rest {
                        self.clear_up(world).await;
                        return outcome;
                    }
                    self.held += 1;
                    if let Some(word) = self.hand(world, &state) {
                        order = Some(word);
                        continue;
                    }
                    let word = if self.held < 12 { Order::Resume } else { Order::Abort };
                    order = Some(Fact::Ordered(word, crate::model::Person::new("dana"), String::new()).into());
                }
                Err(RunError::Journal(_)) => {
                    world.clock.pass(LEASE);
                    process = Process::new(world);
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("it never came to rest: {:?}", replay(&world.journal, &rotation).await.unwrap().stage);
    }

    /// Does what the machine leaves to a person's hand.
    fn hand(&mut self, world: &World, state: &State) -> Option<Word> {
        let (who, old) = (crate::model::Person::new("dana"), TokenId::new(world::OLD));
        if rotation::takes_value(state) && (state.offered.is_none() || self.held > 6) {
            let works = |made: &(TokenId, Secret)| world.provider.live().contains(&made.0);
            if !self.made.as_ref().is_some_and(works) {
                // Where tokens can be found by label, another is made beside them; else whatever lives is replaced.
                let live = world.provider.live();
                let like = if state.plan.abilities.find { &old } else { live.first().unwrap_or(&old) };
                self.made = Some(world.provider.make_by_hand(like));
            }
            let (_, secret) = self.made.as_ref()?;
            let sealed = seal_provided(&world.sealer, &state.plan.rotation, secret).unwrap();
            return Some(Word::provided(who, sealed, None));
        }
        let Stage::Held { at, why: Reason::ByHand } = &state.stage else { return None };
        if **at == Stage::Revoking {
            world.provider.end_by_hand(&old);
        } else if let Some((made, _)) = &self.made {
            world.provider.end_by_hand(made);
        }
        Some(Fact::Ordered(Order::Resume, who, "done".to_owned()).into())
    }

    /// What was never handed over is this person's own to end.
    async fn clear_up(&self, world: &World) {
        let records = world.journal.replay(&RotationId::new("C-0001")).await.unwrap();
        let handed_over = records.iter().any(|record| matches!(record.event.fact, Fact::Provided { .. }));
        if let Some((made, _)) = self.made.as_ref().filter(|_| !handed_over) {
            world.provider.end_by_hand(made);
        }
    }
}

pub(super) fn runner<'a>(
    world: &'a World,
    journal: &'a dyn Journal,
    holder: String,
    stopping: &'a AtomicBool,
) -> Runner<'a> {
    Runner {
        people: &crate::people::NOBODY,
        journal,
        clock: &world.clock,
        sealer: &world.sealer,
        managed: &world.managed,
        holder,
        told: &|_, _| {},
        beforehand: Some(Beforehand { who: crate::model::Person::new("dana"), valid: Duration::from_secs(60) }),
        stopping,
    }
}
