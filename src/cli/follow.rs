//! A case that the daemon runs, seen from here: the same lines, the same end, and Ctrl-C stops the looking alone.

use super::case::by_hand;
use super::exit::Code;
use super::failure::Failure;
use super::rotate::{VALID, conclude};
use super::screen::Screen;
use super::{person, signals};
use crate::clock::Clock as _;
use crate::journal::{APPLIED, Journal as _, Record};
use crate::model::{RotationId, Timestamp};
use crate::rotation::{self, Due, Fact, Stage, State};
use crate::runner::{self, Rest, RunError, Word};
use crate::wiring::mending::Mending;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);
/// How long a daemon may be away, as it is when it is started anew.
const AWAY: Duration = Duration::from_secs(15);

/// What is followed.
#[derive(Debug)]
pub(super) struct Followed<'a> {
    pub(super) rotation: &'a RotationId,
    /// Records that were shown already.
    pub(super) shown: u64,
    /// The word that was left for it, by its number.
    pub(super) word: Option<i64>,
    /// Whether its plan is approved as soon as it waits for that.
    pub(super) approves: bool,
}

/// Leaves a word for whoever runs the case, with the sealed value that it brings; its number.
pub(super) async fn leave(mending: &Mending, rotation: &RotationId, word: &Word) -> Result<i64, Failure> {
    let (who, now) = (person::current(), mending.clock.now());
    mending.journal.leave_word(rotation, &word.fact, word.sealed.as_ref(), &who, now).await.map_err(Failure::from)
}

/// Prints what happens until the case rests.
pub(super) async fn follow(mending: &Mending, screen: &Screen, mut this: Followed<'_>) -> Result<Code, Failure> {
    let (began, stopping) = (mending.clock.now(), signals::watch()?);
    let mut seen = Seen::of(mending, &this).await?;
    let mut present = began;
    loop {
        if stopping.asked.load(Ordering::SeqCst) {
            screen.standing(&seen.state, None);
            let id = this.rotation;
            screen.text(&format!("the daemon goes on with it; stanch case show {id} tells where it stands\n"));
            return Ok(stopping.code());
        }
        // The word first: once it was applied, its record is there to be read.
        let is_settled = is_settled(mending, this.word).await?;
        let standing = mending.journal.standing(this.rotation).await.map_err(Failure::from)?;
        if standing.listed.records > this.shown {
            this.shown = seen.show(mending, screen, this.rotation).await?;
        }
        if is_settled {
            match rotation::due(&seen.state, mending.clock.now()) {
                Due::Rest(outcome) => return Ok(conclude(screen, &seen.state, &Rest::Closed(outcome), &stopping)),
                Due::Ask(why) => match &seen.state.stage {
                    Stage::AwaitingApproval(digest) if this.approves => {
                        let (who, expires) = (person::current(), mending.clock.now().after(VALID));
                        let fact = Fact::Approved { who, digest: digest.clone(), expires };
                        (this.word, this.approves) = (Some(leave(mending, this.rotation, &fact.into()).await?), false);
                    }
                    _ => {
                        let code = conclude(screen, &seen.state, &Rest::Asks(why), &stopping);
                        by_hand(mending, screen, &seen.state);
                        return Ok(code);
                    }
                },
                _ => {}
            }
        }
        if let Some((what, _)) = standing.trouble.filter(|(_, at)| *at >= began) {
            return Err(Failure::new(Code::Outside, format!("{} cannot be carried on: {what}", this.rotation))
                .hint("the daemon tries again; a word that was left waits in the inbox of the case"));
        }
        present = is_present(mending, present).await?;
        tokio::time::sleep(LOOK).await;
    }
}

/// When a daemon was there last; a failure when it has been away for long.
async fn is_present(mending: &Mending, last: Timestamp) -> Result<Timestamp, Failure> {
    let now = mending.clock.now();
    if mending.attended().await.map_err(Failure::from)?.is_some() {
        return Ok(now);
    }
    if now.since(last) < AWAY {
        return Ok(last);
    }
    Err(Failure::new(Code::Outside, "the daemon has ended; the case stays open")
        .hint("start it again, or carry the case on from here with stanch case resume"))
}

/// True once the word was applied, or if there is none.
async fn is_settled(mending: &Mending, word: Option<i64>) -> Result<bool, Failure> {
    let Some(word) = word else { return Ok(true) };
    match mending.journal.became(word).await.map_err(Failure::from)? {
        None => Ok(false),
        Some(outcome) if outcome == APPLIED => Ok(true),
        Some(refusal) => Err(Failure::new(Code::Usage, refusal)),
    }
}

/// The case as far as it was read.
struct Seen {
    state: State,
    records: usize,
}

impl Seen {
    async fn of(mending: &Mending, this: &Followed<'_>) -> Result<Self, Failure> {
        let records = mending.journal.replay(this.rotation).await.map_err(Failure::from)?;
        let shown = usize::try_from(this.shown).unwrap_or(usize::MAX).clamp(1, records.len().max(1));
        let first: &[Record] = records.get(..shown).unwrap_or(&records);
        let state = runner::fold(first).map_err(RunError::Illegal).map_err(Failure::from)?;
        Ok(Self { state, records: shown })
    }

    /// Shows what came since; the records there are.
    async fn show(&mut self, mending: &Mending, screen: &Screen, rotation: &RotationId) -> Result<u64, Failure> {
        let records = mending.journal.replay(rotation).await.map_err(Failure::from)?;
        let new = records.get(self.records..).unwrap_or_default();
        if let Some(state) = told(screen, new, Some(self.state.clone()))? {
            self.state = state;
        }
        self.records = records.len();
        Ok(records.len() as u64)
    }
}

/// Prints records that follow a state; the state after them.
pub(super) fn told(screen: &Screen, records: &[Record], before: Option<State>) -> Result<Option<State>, Failure> {
    let mut state = before;
    for record in records {
        let next = match &state {
            None => rotation::open(&record.event),
            Some(state) => rotation::apply(state, &record.event),
        };
        let next = next.map_err(RunError::Illegal).map_err(Failure::from)?;
        screen.event(&next, &record.event);
        state = Some(next);
    }
    Ok(state)
}
