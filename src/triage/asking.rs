//! Asking about what a scan found, before anybody decides: each secret once, after a control for each call, within a budget
//! for each address, a few at a time, and not about what an earlier run has learned. Nothing is asked before
//! [`Asking::ask`]; what will be is known beforehand.

mod gate;
mod memory;

pub use memory::Memory;

use crate::clock::Clock;
use crate::model::{Credential, Fingerprint, KindId, Limit, Reason, Secret, Timestamp, TokenId, Verdict};
use crate::provider::{Provider, believed, control};
use crate::rules::Kind;
use futures_util::StreamExt as _;
use gate::Gate;
use memory::Mark;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests under way at one address.
const AT_ONCE: usize = 2;

/// Addresses that are asked at the same time.
const ADDRESSES: usize = 8;

/// A way to ask about tokens of one kind.
#[derive(Debug)]
pub struct Call {
    /// What the kind looks like: a control looks the same.
    pub kind: Arc<Kind>,
    /// Where each of its requests goes; the last one is answered.
    pub addresses: Vec<String>,
    /// True of an address that the operator gave: what is refused there may belong to another one.
    pub given: bool,
    /// What is sent and how replies are read, as a digest: what was learned by another call is not believed.
    pub digest: [u8; 32],
    /// Who asks.
    pub provider: Arc<dyn Provider>,
}

impl Call {
    fn address(&self) -> &str {
        self.addresses.last().map_or("", String::as_str)
    }
}

/// What is to be asked.
#[derive(Debug)]
pub struct Question {
    /// About what.
    pub credential: Credential,
    /// By which calls: the next one where the one before was asked at the wrong place.
    pub calls: Vec<usize>,
}

/// What was found, and what is asked about it.
#[derive(Debug)]
pub struct Item {
    /// Its name.
    pub fingerprint: Fingerprint,
    /// Its kind.
    pub kind: KindId,
    /// The question, or why there is none.
    pub question: Result<Question, String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nobody was asked, for this reason.
    Unasked(String),
    /// This was said, and how it came to be said.
    Said(Verdict, String),
}

/// What will be asked at one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Requests, controls among them.
    pub requests: u64,
    /// Secrets of each kind.
    pub kinds: BTreeMap<KindId, u64>,
    /// Controls.
    pub controls: u64,
    /// Secrets that are asked about there only where they belong to no address before.
    pub perhaps: u64,
}

/// What will be asked, and what will not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// By address.
    pub addresses: BTreeMap<String, Planned>,
    /// How many of a kind are not asked about, and why.
    pub unasked: BTreeMap<(KindId, String), u64>,
    /// How many are known from an earlier run.
    pub known: u64,
}

/// One ask: an item, and which of its calls.
type Ask = (usize, usize);

/// What is asked by each call.
type ByCall = BTreeMap<usize, Vec<Ask>>;

impl Forecast {
    fn leave(&mut self, kind: &KindId, why: &str) {
        *self.unasked.entry((kind.clone(), why.to_owned())).or_default() += 1;
    }
}

/// One run's questions.
#[derive(Debug)]
pub struct Asking {
    calls: Vec<Call>,
    items: Vec<Item>,
    budget: u64,
    clock: Arc<dyn Clock>,
    memory: Option<Memory>,
    gates: BTreeMap<String, Gate>,
    forecast: Forecast,
    /// Items that are asked about.
    planned: Vec<usize>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: Vec<Answer>,
    /// What each control came to: whether acceptances can be believed, or why nothing of the call can.
    controls: BTreeMap<usize, Result<bool, Reason>>,
    /// Calls whose control has its place in the budget.
    controlled: BTreeSet<usize>,
}

impl Asking {
    /// Plans. The items are asked about in their order, as far as the budget of an address goes.
    #[must_use]
    pub fn new(calls: Vec<Call>, items: Vec<Item>, budget: u64, memory: Option<Memory>, clock: Arc<dyn Clock>) -> Self {
        let addresses = calls.iter().flat_map(|call| call.addresses.iter().cloned());
        let gates = addresses.map(|address| (address, Gate::default())).collect();
        let (forecast, planned, state) = (Forecast::default(), Vec::new(), Mutex::default());
        let mut asking = Self { calls, items, budget, clock, memory, gates, forecast, planned, state };
        asking.plan();
        asking
    }

    /// What will be asked.
    #[must_use]
    pub fn forecast(&self) -> &Forecast {
        &self.forecast
    }

    /// What is known so far, in the order of the items, each with its name.
    #[must_use]
    pub fn answers(&self) -> Vec<(Fingerprint, Answer)> {
        let answers = self.state().answers.clone();
        self.items.iter().map(|item| item.fingerprint.clone()).zip(answers).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&mut self) {
        let now = self.clock.now();
        let (mut forecast, mut planned, mut answers) = (Forecast::default(), Vec::new(), Vec::new());
        for (index, item) in self.items.iter().enumerate() {
            answers.push(match &item.question {
                Err(why) => {
                    forecast.leave(&item.kind, why);
                    Answer::Unasked(why.clone())
                }
                Ok(question) => match self.known(question, now) {
                    Some((verdict, words)) => {
                        forecast.known += 1;
                        Answer::Said(verdict, words)
                    }
                    None => match question.calls.first().and_then(|first| self.take_room(*first)) {
                        Some(with_control) => {
                            self.foresee(&mut forecast, &item.kind, question, with_control);
                            planned.push(index);
                            Answer::Unasked("the run ended before it was asked".to_owned())
                        }
                        None => {
                            let verdict = Verdict::Unknown(Reason::Budget);
                            let words = self.words(&verdict, question, 0);
                            forecast.leave(&item.kind, &words);
                            Answer::Said(verdict, words)
                        }
                    },
                },
            });
        }
        for (address, planned) in &mut forecast.addresses {
            planned.requests = self.gates.get(address).map_or(0, Gate::spent);
        }
        (self.forecast, self.planned) = (forecast, planned);
        self.state().answers = answers;
    }

    fn known(&self, question: &Question, now: Timestamp) -> Option<(Verdict, String)> {
        let memory = self.memory.as_ref()?;
        memory.recall(&self.mark(memory, question), now)
    }

    fn foresee(&self, forecast: &mut Forecast, kind: &KindId, question: &Question, with_control: bool) {
        for (nth, call) in question.calls.iter().enumerate() {
            let Some(call) = self.calls.get(*call) else { continue };
            if nth == 0 {
                for address in &call.addresses {
                    forecast.addresses.entry(address.clone()).or_default();
                }
            }
            let planned = forecast.addresses.entry(call.address().to_owned()).or_default();
            if nth == 0 {
                *planned.kinds.entry(kind.clone()).or_default() += 1;
                planned.controls += u64::from(with_control);
            } else {
                planned.perhaps += 1;
            }
        }
    }

    /// Takes room in the budgets for one more ask, and for the control where there was none yet: then it is true. None
    /// where there is no room.
    fn take_room(&self, number: usize) -> Option<bool> {
        let call = self.calls.get(number)?;
        let mut state = self.state();
        let with_control = !state.controlled.contains(&number);
        let mut needed: BTreeMap<&str, u64> = BTreeMap::new();
        for address in &call.addresses {
            *needed.entry(address).or_default() += 1 + u64::from(with_control);
        }
        let gates = needed.iter().map(|(address, asks)| Some((self.gates.get(*address)?, *asks)));
        let gates: Vec<(&Gate, u64)> = gates.collect::<Option<_>>()?;
        if !gates.iter().all(|(gate, asks)| gate.has_room(*asks, self.budget)) {
            return None;
        }
        gates.iter().for_each(|(gate, asks)| gate.spend(*asks));
        state.controlled.insert(number);
        Some(with_control)
    }

    /// Asks. What was learned by then stands in [`Asking::answers`] also where this is not awaited to its end.
    pub async fn ask(&self) {
        let mut queue: Vec<Ask> = self.planned.iter().map(|item| (*item, 0)).collect();
        while !queue.is_empty() {
            let mut places: BTreeMap<&str, ByCall> = BTreeMap::new();
            for (item, nth) in queue {
                let Some((number, call)) = self.call(item, nth) else { continue };
                places.entry(call.address()).or_default().entry(number).or_default().push((item, nth));
            }
            let asked = places.into_values().map(|calls| self.at_address(calls));
            let further = futures_util::stream::iter(asked).buffer_unordered(ADDRESSES).collect::<Vec<_>>().await;
            queue = further.into_iter().flatten().collect();
            queue.sort_unstable();
            queue.retain(|(item, nth)| self.may_go_on(*item, *nth));
        }
        self.keep();
    }

    fn call(&self, item: usize, nth: usize) -> Option<(usize, &Call)> {
        let question = self.items.get(item)?.question.as_ref().ok()?;
        let number = *question.calls.get(nth)?;
        Some((number, self.calls.get(number)?))
    }

    /// Whether there is room to ask further; else it stays unknown.
    fn may_go_on(&self, item: usize, nth: usize) -> bool {
        let Some((number, _)) = self.call(item, nth) else { return false };
        let room = self.take_room(number).is_some();
        if !room {
            self.settle(item, nth, Verdict::Unknown(Reason::Budget));
        }
        room
    }

    /// Asks at one address, call by call. Returns what is to be asked elsewhere.
    async fn at_address(&self, calls: ByCall) -> Vec<Ask> {
        let mut further = Vec::new();
        for (number, asks) in calls {
            let Some(call) = self.calls.get(number) else { continue };
            let believed = self.control(number, call, &asks).await;
            let each = asks.into_iter().map(|(item, nth)| async move {
                let verdict = match (believed, self.credential(item)) {
                    (Err(why), _) => Verdict::Unknown(why),
                    (Ok(_), None) => Verdict::Unknown(Reason::Local),
                    (Ok(believed), Some(credential)) => match self.put(call, credential).await {
                        accepted if accepted.token().is_some() && !believed => Verdict::Unknown(Reason::Control),
                        verdict => verdict,
                    },
                };
                self.settle(item, nth, verdict).then_some((item, nth + 1))
            });
            let each = futures_util::stream::iter(each).buffer_unordered(AT_ONCE);
            further.extend(each.collect::<Vec<_>>().await.into_iter().flatten());
        }
        further
    }

    fn credential(&self, item: usize) -> Option<&Credential> {
        self.items.get(item)?.question.as_ref().ok().map(|question| &question.credential)
    }

    /// Whether acceptances of a call can be believed: asked once. A made-up token that is refused in words that no table
    /// holds leaves it open who refused it.
    async fn control(&self, number: usize, call: &Call, asks: &[Ask]) -> Result<bool, Reason> {
        if let Some(known) = self.state().controls.get(&number) {
            return *known;
        }
        let first = asks.first().and_then(|(item, _)| self.credential(*item));
        let believed = match first.and_then(|first| control(first, Some(&call.kind))) {
            Some(control) => {
                let said = self.put(call, &control).await;
                believed(&said).map(|()| said != Verdict::Unknown(Reason::Unexpected))
            }
            None => Err(Reason::Control),
        };
        tracing::debug!(kind = %call.kind.id, address = call.address(), ?believed, "asked a control");
        self.state().controls.insert(number, believed);
        believed
    }

    /// Puts a question; once more after a pause, where one is asked for.
    async fn put(&self, call: &Call, credential: &Credential) -> Verdict {
        let Some(gate) = self.gates.get(call.address()) else { return Verdict::Unknown(Reason::Local) };
        let mut again = false;
        loop {
            if let Some(why) = gate.pass(self.clock.as_ref()).await {
                return Verdict::Unknown(why);
            }
            let verdict = call.provider.verify(credential).await;
            gate.heard(&verdict);
            if verdict != Verdict::Unknown(Reason::Throttled) {
                return verdict;
            }
            let wait = call.provider.asks_to_wait().unwrap_or_default();
            let asks = u64::try_from(call.addresses.len()).unwrap_or(u64::MAX);
            if again || !gate.has_room(asks, self.budget) || !gate.pause(self.clock.now(), wait) {
                gate.close(Reason::Throttled);
                return verdict;
            }
            gate.spend(asks);
            again = true;
        }
    }

    /// Writes down what was said, together with what was said elsewhere. True where it is to be asked at the next place.
    fn settle(&self, item: usize, nth: usize, verdict: Verdict) -> bool {
        let Some((_, call)) = self.call(item, nth) else { return false };
        let Some(Item { fingerprint, question: Ok(question), .. }) = self.items.get(item) else { return false };
        let verdict = discreet(verdict, &question.credential, fingerprint);
        let goes_on = verdict == Verdict::WrongPlace || (call.given && verdict.token().is_none());
        let mut state = self.state();
        let Some(answer) = state.answers.get_mut(item) else { return false };
        if !matches!(answer, Answer::Said(before, _) if weight(before) > weight(&verdict)) {
            let words = self.words(&verdict, question, nth);
            *answer = Answer::Said(verdict, words);
        }
        goes_on && question.calls.len() > nth + 1
    }

    /// What a verdict rests on, in words.
    fn words(&self, verdict: &Verdict, question: &Question, nth: usize) -> String {
        let asked = question.calls.iter().take(nth + 1).filter_map(|call| self.calls.get(*call));
        let asked: Vec<&str> = asked.map(Call::address).collect();
        let (address, everywhere) = (asked.last().copied().unwrap_or_default(), asked.join(" and "));
        match verdict {
            Verdict::Live(_) => format!("accepted by {address}"),
            Verdict::Restricted(_, Limit::Scope) => {
                format!("accepted by {address}, with too few rights to be asked more")
            }
            Verdict::Restricted(_, Limit::Address) => format!("accepted by {address}, but not from everywhere"),
            Verdict::Restricted(_, Limit::Account) => format!("accepted by {address}, but its account is limited"),
            Verdict::Dead => format!("refused by {everywhere}"),
            Verdict::WrongPlace => format!("{everywhere} is the wrong place to ask"),
            Verdict::Unknown(Reason::Control) => {
                format!("{address} does not refuse a made-up token either, so its yes proves nothing")
            }
            Verdict::Unknown(Reason::Throttled) => format!("{address} asked to slow down"),
            Verdict::Unknown(Reason::Unreachable) => format!("{address} gave no answer, or is in trouble"),
            Verdict::Unknown(Reason::Unexpected) => format!("{address} gave an answer outside what is documented"),
            Verdict::Unknown(Reason::Rejected) => format!("refused by {address}, perhaps for what stood beside it"),
            Verdict::Unknown(Reason::Budget) => {
                format!("over the budget of {} requests to {address} (--verify-budget)", self.budget)
            }
            Verdict::Unknown(why) => format!("could not be asked at {address}: {why}"),
        }
    }

    fn mark(&self, memory: &Memory, question: &Question) -> Mark {
        let calls = question.calls.iter().filter_map(|call| self.calls.get(*call));
        let mut parts: Vec<&[u8]> = Vec::new();
        for call in calls {
            parts.extend([call.kind.id.as_str().as_bytes(), &call.digest]);
            parts.extend(call.addresses.iter().map(|address| address.as_bytes()));
        }
        memory.mark(&parts, &question.credential)
    }

    /// Keeps what was learned for the next run.
    fn keep(&self) {
        let Some(memory) = &self.memory else { return };
        let state = self.state();
        let learned = self.planned.iter().filter_map(|index| {
            let question = self.items.get(*index)?.question.as_ref().ok()?;
            let Answer::Said(verdict, words) = state.answers.get(*index)? else { return None };
            Some((self.mark(memory, question), (verdict.clone(), words.clone())))
        });
        memory.keep(learned, self.clock.now());
    }
}

/// Of what two places said, that weighs more which proves life, then what leaves it open, then what proves death.
fn weight(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Live(_) => 4,
        Verdict::Restricted(..) => 3,
        Verdict::Unknown(_) => 2,
        Verdict::Dead => 1,
        Verdict::WrongPlace => 0,
    }
}

/// A handle in which the provider repeats the secret is none.
fn discreet(verdict: Verdict, credential: &Credential, fingerprint: &Fingerprint) -> Verdict {
    let tells = |token: &TokenId| credential.secret.as_ref().is_some_and(|secret| holds(token, secret));
    match verdict {
        Verdict::Live(token) if tells(&token) => Verdict::Live(TokenId::new(fingerprint.as_str())),
        Verdict::Restricted(token, limit) if tells(&token) => {
            Verdict::Restricted(TokenId::new(fingerprint.as_str()), limit)
        }
        other => other,
    }
}

fn holds(token: &TokenId, secret: &Secret) -> bool {
    #[expect(clippy::disallowed_methods, reason = "it is looked for in a handle, which is then not shown")]
    let secret = secret.expose();
    !secret.is_empty() && token.as_str().as_bytes().windows(secret.len()).any(|part| part == secret)
}
