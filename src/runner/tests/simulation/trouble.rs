//! What goes wrong, drawn from a seed, and how often it did in which stage.

use super::super::super::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// A linear congruential generator: the same everywhere.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1));
        dice.below(2);
        dice.below(2);
        dice
    }

    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    pub(super) fn permille(&mut self, chance: u64) -> bool {
        chance > 0 && self.below(1000) < chance
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Nobody can be reached: it did not happen.
    Unreached,
    /// The request is lost; the caller cannot know.
    RequestLost,
    /// The reply is lost; the caller cannot know.
    ReplyLost,
    /// Refused.
    Refused,
    /// 429.
    Throttled,
    /// 5xx, and it did not happen.
    Broken,
    /// 5xx, and it did.
    BrokenAfter,
    /// No answer for longer than a lease lasts.
    Hangs,
    /// Given up without an answer, and it happens after that.
    Late,
    /// 202: it is said to be done, and happens after that.
    Accepted,
    /// It arrives twice.
    Twice,
    /// It arrives twice, and the answer is the refusal of the second.
    Disowned,
    /// It is said to be done, or so, and that is not true.
    Lie,
    /// The process is killed before a record is durable.
    KilledBefore,
    /// And after.
    KilledAfter,
    /// At any moment else.
    Killed,
    /// The process stands still for longer than its lease lasts.
    Stopped,
    /// Another process takes the lease while this one lives.
    Robbed,
    /// The journal's disk is full.
    Full,
    /// The journal fails, and nobody knows whether it took the record.
    Unsure,
    /// The clock is set forward.
    Forward,
    /// And back.
    Back,
    /// A person's word arrives: one that stops, ends, or goes on.
    Word,
}

impl Fault {
    pub(super) const ALL: [Self; 23] = [
        Self::Unreached,
        Self::RequestLost,
        Self::ReplyLost,
        Self::Refused,
        Self::Throttled,
        Self::Broken,
        Self::BrokenAfter,
        Self::Hangs,
        Self::Late,
        Self::Accepted,
        Self::Twice,
        Self::Disowned,
        Self::Lie,
        Self::KilledBefore,
        Self::KilledAfter,
        Self::Killed,
        Self::Stopped,
        Self::Robbed,
        Self::Full,
        Self::Unsure,
        Self::Forward,
        Self::Back,
        Self::Word,
    ];
    /// Those of a call.
    pub(super) const OF_A_CALL: usize = 13;
}

/// The stages, as the table names them.
pub(super) const STAGES: [&str; 19] = [
    "Assessing",
    "Planning",
    "Awaiting approval",
    "Preflighting",
    "Minting",
    "Seeking",
    "Proving",
    "Staging",
    "Promoting",
    "Checking",
    "Soaking",
    "Awaiting revoke approval",
    "Revoking",
    "Confirming",
    "Watching",
    "Rolling back",
    "Quarantined",
    "Sweeping",
    "Held",
];

/// How often what went wrong in which stage.
pub(super) type Table = BTreeMap<(&'static str, Fault), u64>;

/// What is asked of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Verify,
    Mint,
    List,
    Scopes,
    Find,
    Disable,
    Revoke,
    EndSessions,
    Usage,
    Ready,
    Read,
    Stage,
    Promote,
    Fence,
    Drop,
    Reload,
    Probe,
}

impl Call {
    fn ends(self) -> bool {
        matches!(self, Self::Disable | Self::Revoke | Self::EndSessions)
    }

    fn lies(self) -> bool {
        use Call::{Find, List, Mint, Promote, Reload, Scopes, Stage, Usage, Verify};
        self.ends() || matches!(self, Verify | Mint | List | Scopes | Find | Usage | Stage | Promote | Reload)
    }
}

/// What this provider can take.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// A mint may arrive twice: a label, a slot or the value tells.
    pub(super) mint_twice: bool,
    /// And the second may be refused.
    pub(super) mint_disowned: bool,
    /// It may arrive when nobody looks for it any more: it is swept.
    pub(super) mint_very_late: bool,
}

#[derive(Debug)]
struct Inner {
    dice: Dice,
    permille: u64,
    calm: bool,
    /// In this stage, this goes wrong sooner.
    focus: Option<(&'static str, Fault)>,
    /// What goes wrong with the first call of a kind in a stage.
    ordered: Vec<((&'static str, Call), Fault)>,
    /// The process dies on the record of this number (from 0), before or after it is durable.
    dies: Option<(u64, bool)>,
    records: u64,
    /// The calls of the run, each once a stage.
    cells: Vec<(&'static str, Call)>,
    stage: &'static str,
    table: Table,
    /// Calls that are answered honestly after a lie.
    honest: u64,
    pub(super) limits: Limits,
    story: Option<Vec<String>>,
}

/// Everything that goes wrong in one run.
#[derive(Debug)]
pub(super) struct Trouble(Mutex<Inner>);

impl Trouble {
    pub(super) fn new(seed: u64, permille: u64, focus: Option<(&'static str, Fault)>, tells: bool) -> Self {
        Self(Mutex::new(Inner {
            dice: Dice::new(seed),
            permille,
            calm: false,
            focus,
            ordered: Vec::new(),
            dies: None,
            records: 0,
            cells: Vec::new(),
            stage: STAGES[0],
            table: Table::new(),
            honest: 0,
            limits: Limits::default(),
            story: tells.then(Vec::new),
        }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// The first call of a kind in a stage goes wrong.
    pub(super) fn order(&self, cell: (&'static str, Call), fault: Fault) {
        self.inner().ordered.push((cell, fault));
    }

    /// The process dies on the record of this number (from 0), before or after it is durable.
    pub(super) fn die(&self, record: u64, after: bool) {
        self.inner().dies = Some((record, after));
    }

    /// Whether the process dies on this record, and when.
    pub(super) fn dies(&self) -> Option<bool> {
        let mut inner = self.inner();
        inner.records += 1;
        let number = inner.records - 1;
        inner.dies.filter(|(dies, _)| *dies == number).map(|(_, after)| after)
    }

    /// How many records were written, or tried.
    pub(super) fn records(&self) -> u64 {
        self.inner().records
    }

    /// The calls of the run, each once a stage.
    pub(super) fn cells(&self) -> Vec<(&'static str, Call)> {
        self.inner().cells.clone()
    }

    pub(super) fn limit(&self, limits: Limits) {
        self.inner().limits = limits;
    }

    pub(super) fn below(&self, most: u64) -> u64 {
        self.inner().dice.below(most)
    }

    pub(super) fn permille(&self, chance: u64) -> bool {
        self.inner().dice.permille(chance)
    }

    pub(super) fn pick<T: Copy>(&self, from: &[T]) -> T {
        self.inner().dice.pick(from)
    }

    /// Nothing goes wrong any more.
    pub(super) fn cease(&self) {
        self.inner().calm = true;
    }

    /// Things go wrong again.
    pub(super) fn resume(&self) {
        self.inner().calm = false;
    }

    pub(super) fn mints_may_be_very_late(&self) -> bool {
        self.inner().limits.mint_very_late
    }

    pub(super) fn is_calm(&self) -> bool {
        self.inner().calm
    }

    pub(super) fn is_in(&self, stage: &Stage) {
        self.inner().stage = stage_of(stage);
    }

    pub(super) fn stage(&self) -> &'static str {
        self.inner().stage
    }

    pub(super) fn table(&self) -> Table {
        self.inner().table.clone()
    }

    /// A line of the story, which is told when a run failed.
    pub(super) fn tell(&self, line: impl FnOnce() -> String) {
        if self.inner().story.is_some() {
            // The line may ask this again.
            let line = line();
            self.inner().story.iter_mut().for_each(|story| story.push(line.clone()));
        }
    }

    pub(super) fn story(&self) -> String {
        self.inner().story.as_deref().unwrap_or_default().join("\n")
    }

    /// Counts what went wrong.
    pub(super) fn count(&self, fault: Fault) {
        let mut inner = self.inner();
        let stage = inner.stage;
        *inner.table.entry((stage, fault)).or_default() += 1;
    }

    /// Whether a fault of a process, a journal or a clock strikes here, once in so many chances.
    pub(super) fn strikes(&self, fault: Fault, rarity: u64) -> bool {
        let mut inner = self.inner();
        if inner.calm {
            return false;
        }
        let chance = if inner.focus == Some((inner.stage, fault)) { 150 } else { inner.permille.div_ceil(rarity) };
        let strikes = inner.dice.permille(chance);
        drop(inner);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// Whether another machine takes the lease here. It is counted once it has.
    pub(super) fn robs(&self) -> bool {
        let mut inner = self.inner();
        let wanted = inner.focus == Some((inner.stage, Fault::Robbed));
        !inner.calm && wanted && inner.dice.permille(500)
    }

    /// What goes wrong with a call.
    pub(super) fn of(&self, call: Call) -> Option<Fault> {
        let mut inner = self.inner();
        let honest = inner.honest > 0;
        inner.honest = inner.honest.saturating_sub(1);
        let cell = (inner.stage, call);
        if !inner.cells.contains(&cell) {
            inner.cells.push(cell);
        }
        if let Some(at) = inner.ordered.iter().position(|(ordered, _)| *ordered == cell) {
            let (_, fault) = inner.ordered.remove(at);
            return Some(fault).filter(|fault| inner.may(call, *fault));
        }
        if inner.calm {
            return None;
        }
        let focus = inner.focus.filter(|(stage, _)| *stage == inner.stage).map(|(_, fault)| fault);
        let fault = match focus {
            Some(fault) if inner.dice.permille(400) => fault,
            _ => {
                let chance = inner.permille;
                if !inner.dice.permille(chance) {
                    return None;
                }
                inner.dice.pick(&Fault::ALL[..Fault::OF_A_CALL])
            }
        };
        if !inner.may(call, fault) || (fault == Fault::Lie && honest) {
            return None;
        }
        if fault == Fault::Lie {
            // Who lies for good is never found out: what is asked twice is answered once.
            inner.honest = 6;
        }
        let stage = inner.stage;
        *inner.table.entry((stage, fault)).or_default() += 1;
        Some(fault)
    }
}

impl Inner {
    fn may(&self, call: Call, fault: Fault) -> bool {
        match fault {
            Fault::Accepted => call.ends(),
            Fault::Lie => call.lies(),
            Fault::Twice => call != Call::Mint || self.limits.mint_twice,
            Fault::Disowned => call != Call::Mint || self.limits.mint_disowned,
            fault => Fault::ALL[..Fault::OF_A_CALL].contains(&fault),
        }
    }
}

/// A stage's name in the table.
pub(super) fn stage_of(stage: &Stage) -> &'static str {
    let word = stage_word(stage);
    STAGES.iter().find(|name| **name == word).copied().unwrap_or("Closed")
}
