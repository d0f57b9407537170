//! One case from its opening to its end: two machines that may both work on it, a person, a thief, and time.

use super::super::super::*;
use super::case::{Case, old_value};
use super::outside::{PATIENCE, SETTLED};
use super::strays;
use super::time::{Watch, at_once};
use super::trouble::Fault;
use super::truth::OLD;
use crate::model::{Digest, TokenId};
use crate::rotation::Order;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// Faults stop once so many processes have ended or so many turns have passed; everything must end after so many more.
const ENDINGS: u32 = 14;
const TROUBLED: u32 = 4_000;
const MENDED: u32 = 20_000;
const PATIENT: u32 = 60;

type Ran = Result<(State, Rest), RunError>;

/// One machine, and the process that works on the case there.
struct Machine<'c> {
    number: usize,
    process: Option<Pin<Box<dyn Future<Output = Ran> + 'c>>>,
    dead: Arc<AtomicBool>,
    ahead: Arc<AtomicI64>,
    /// When it goes on, or starts the next process.
    at: u64,
    /// It stands still until then, whoever wakes it.
    stopped: u64,
    /// What the next process is told.
    word: Option<Word>,
}

/// A case that lives.
pub(super) struct Life<'c> {
    case: &'c Case,
    machines: Vec<Machine<'c>>,
    endings: u32,
    /// What was made in the provider's console.
    made: Option<(TokenId, Secret)>,
    /// As what it was handed over.
    sealed: Vec<Digest>,
    vain: u32,
    /// How often a person said something unasked.
    said: u32,
    last: State,
    rotation: RotationId,
}

fn dana() -> Person {
    Person::new("dana")
}

impl<'c> Life<'c> {
    /// Opens the case; the rest is [`Life::run`].
    pub(super) fn new(case: &'c Case) -> Self {
        let watch = case.watch(0);
        let stopping = AtomicBool::new(false);
        let runner = Runner {
            journal: &*case.truth.journal,
            clock: &watch,
            sealer: &case.sealer,
            managed: &case.managed,
            people: &crate::people::NOBODY,
            holder: "first".to_owned(),
            told: &|_, _| {},
            beforehand: None,
            stopping: &stopping,
        };
        let old = Credential {
            token: (case.trouble.below(2) == 0).then(|| TokenId::new(OLD)),
            secret: Some(old_value()),
            ..Credential::default()
        };
        at_once(runner.open(case.plan(watch.now()), &old)).unwrap();
        Self::of(case, case.truth.rotation.clone())
    }

    /// The life of a case that is open.
    pub(super) fn of(case: &'c Case, rotation: RotationId) -> Self {
        let machine = |number: usize, ahead: i64, at: u64| Machine {
            number,
            process: None,
            dead: Arc::default(),
            ahead: Arc::new(ahead.into()),
            at,
            stopped: 0,
            word: None,
        };
        let machines = vec![machine(0, 0, 0), machine(1, case.skew, 2_000 + case.trouble.below(20_000))];
        let last = fold(&case.truth.journal.records(&rotation)).unwrap();
        Self { case, machines, endings: 0, made: None, sealed: Vec::new(), vain: 0, said: 0, last, rotation }
    }

    /// Carries it to its end.
    pub(super) fn run(self) -> Outcome {
        let case = self.case;
        let outcome = self.live();
        strays::swept(case, outcome);
        case.truth.check_end(outcome);
        outcome
    }

    /// Carries it to its end, whatever it is for.
    pub(super) fn live(mut self) -> Outcome {
        let case = self.case;
        for turn in 0..TROUBLED + MENDED {
            if !case.trouble.is_calm() && (turn >= TROUBLED || self.endings >= ENDINGS) {
                case.trouble.tell(|| format!("{:>9} CALM", case.time.now()));
                case.trouble.cease();
                case.truth.mend();
            }
            if self.endings > ENDINGS + PATIENT {
                break;
            }
            if let Some(outcome) = self.turn() {
                self.clear_up();
                // What is still on its way arrives, and changes nothing any more.
                case.truth.check_close(outcome);
                let replayed = at_once(replay(&*case.truth.journal, &self.rotation)).unwrap();
                assert_eq!(replayed.stage, Stage::Closed(outcome), "the journal says otherwise");
                drop(std::mem::take(&mut self.machines));
                while let Some(at) = case.time.next() {
                    case.time.pass_to(at);
                    case.time.arrive().into_iter().for_each(|thing| thing());
                    case.truth.check_instant();
                }
                case.truth.check_close(outcome);
                return outcome;
            }
        }
        panic!("10: it never ends: {:#?}", self.last.stage);
    }

    /// The next thing that happens.
    fn turn(&mut self) -> Option<Outcome> {
        let case = self.case;
        let soonest = |machine: &&Machine<'_>| machine.at.max(machine.stopped);
        let (number, at) = self
            .machines
            .iter()
            .min_by_key(soonest)
            .map(|machine| (machine.number, soonest(&machine)))
            .expect("there are two");
        if let Some(arrives) = case.time.next().filter(|arrives| *arrives <= at) {
            case.time.pass_to(arrives);
            case.truth.passes();
            case.time.arrive().into_iter().for_each(|thing| thing());
            case.truth.check_instant();
            return None;
        }
        case.time.pass_to(at);
        case.truth.passes();
        self.mischief(number);
        if self.machines[number].at.max(self.machines[number].stopped) > at {
            return None;
        }
        self.work(number)
    }

    /// What goes wrong with a machine, and what thieves and services do.
    fn mischief(&mut self, number: usize) {
        let case = self.case;
        let (trouble, now) = (&case.trouble, case.time.now());
        if trouble.is_calm() {
            return;
        }
        if trouble.permille(5) {
            case.truth.provider.used(&TokenId::new(OLD), Timestamp(now + 1_000_000_000), "203.0.113.9");
        }
        let soaking = matches!(self.last.stage, Stage::Soaking { .. }) && trouble.stage() == "Soaking";
        if soaking && trouble.permille(10) {
            case.truth.provider.used(&TokenId::new(OLD), Timestamp(now + 1_000_000_000), "10.0.0.0");
        }
        if trouble.stage() == "Checking" && trouble.permille(5) {
            case.truth.relapses(usize::try_from(trouble.below(3)).unwrap(), &old_value());
        }
        if trouble.robs() {
            // The other machine's clock is so far ahead that no lease holds it.
            let other = &mut self.machines[1 - number];
            if other.process.is_none() {
                other.ahead.store(i64::try_from(LEASE.as_millis()).unwrap() + 10_000, Ordering::SeqCst);
                other.at = now;
            }
        }
        let machine = &mut self.machines[number];
        if trouble.strikes(Fault::Forward, 20) {
            let span = if trouble.below(8) == 0 { 3_600_000 } else { 1_000 + trouble.below(20_000) };
            machine.ahead.fetch_add(i64::try_from(span).unwrap(), Ordering::SeqCst);
        }
        if trouble.strikes(Fault::Back, 20) {
            machine.ahead.fetch_sub(i64::try_from(1_000 + trouble.below(10_000)).unwrap(), Ordering::SeqCst);
        }
        if machine.process.is_none() {
            return;
        }
        let lease = u64::try_from(LEASE.as_millis()).unwrap();
        if trouble.strikes(Fault::Killed, 15) {
            trouble.tell(|| format!("{now:>9} machine {number} is killed"));
            machine.process = None;
            machine.at = now + trouble.below(lease);
        } else if trouble.strikes(Fault::Stopped, 25) {
            trouble.tell(|| format!("{now:>9} machine {number} stands still"));
            machine.stopped = now + lease + 1 + trouble.below(lease);
        }
        if self.said < 2 && trouble.strikes(Fault::Word, 25) {
            self.say_something();
        }
    }

    /// A person leaves a word for whoever works on it.
    fn say_something(&mut self) {
        let case = self.case;
        self.said += 1;
        let order = case.trouble.pick(&[Order::Pause, Order::Abort, Order::RevokeNow, Order::Resume]);
        if order == Order::RevokeNow {
            case.truth.set_aside();
        }
        case.trouble.tell(|| format!("{:>9} a person says {order:?}", case.time.now()));
        let (journal, now) = (&case.truth.journal, Timestamp(case.time.now()));
        let seen = journal.records(&self.rotation).len() as u64;
        let word = Word::from(Fact::Ordered(order, dana(), "because".to_owned())).seeing(seen);
        at_once(journal.leave_word(&self.rotation, &word.fact, None, &dana(), now)).unwrap();
    }

    /// A machine goes on with its process, or starts one.
    fn work(&mut self, number: usize) -> Option<Outcome> {
        let case = self.case;
        if self.machines[number].process.is_none() {
            self.start(number);
        }
        let rotation = self.rotation.clone();
        let holder = || case.truth.journal.holder(&rotation).unwrap_or_default();
        let before = holder();
        let living = |other: &Machine<'_>| {
            let name = format!("machine-{}-", other.number);
            other.number != number && other.process.is_some() && before.starts_with(&name)
        };
        let robs = self.machines.iter().any(living);
        let machine = &mut self.machines[number];
        let asked = machine.process.as_mut().map(|process| case.time.ask(process.as_mut()))?;
        if robs && holder().starts_with(&format!("machine-{number}-")) {
            case.trouble.tell(|| format!("{:>9} machine {number} takes the lease from the other", case.time.now()));
            case.trouble.count(Fault::Robbed);
        }
        let now = case.time.now();
        match asked {
            Err(_) if machine.dead.load(Ordering::SeqCst) => {
                machine.process = None;
                machine.at = now + case.trouble.below(LEASE.as_millis().try_into().unwrap());
                None
            }
            Err(wake) => {
                machine.at = wake;
                None
            }
            Ok(ran) => {
                machine.process = None;
                self.endings += 1;
                self.ended(number, ran)
            }
        }
    }

    fn start(&mut self, number: usize) {
        let (case, rotation) = (self.case, self.rotation.clone());
        let machine = &mut self.machines[number];
        machine.dead = Arc::new(AtomicBool::new(false));
        let desk = case.desk(Arc::clone(&machine.dead));
        let watch = Watch { time: Arc::clone(&case.time), ahead: Arc::clone(&machine.ahead) };
        // Where the case stands elsewhere by now, it is the runner that must see that the word is stale.
        let word = machine.word.take();
        let holder = format!("machine-{number}-{}", case.time.now());
        case.trouble.tell(|| format!("{:>9} machine {number} starts with {word:?}", case.time.now()));
        let trouble = Arc::clone(&case.trouble);
        machine.process = Some(Box::pin(async move {
            let stopping = AtomicBool::new(false);
            let told = move |state: &State, _: &Event| trouble.is_in(&state.stage);
            let runner = Runner {
                journal: &desk,
                clock: &watch,
                sealer: &case.sealer,
                managed: &case.managed,
                people: &crate::people::NOBODY,
                holder,
                told: &told,
                beforehand: case.yes.then(|| Beforehand { who: dana(), valid: Duration::from_secs(60) }),
                stopping: &stopping,
            };
            runner.run(&rotation, word).await
        }));
    }

    /// A process has ended.
    fn ended(&mut self, number: usize, ran: Ran) -> Option<Outcome> {
        let (case, now) = (self.case, self.case.time.now());
        case.trouble.tell(|| {
            let ran = ran.as_ref().map(|(state, rest)| (stage_word(&state.stage), rest));
            format!("{now:>9} machine {number} ends: {ran:?}")
        });
        let pause = 100 + case.trouble.below(3_000);
        self.machines[number].at = now + pause;
        match ran {
            Ok((_, Rest::Closed(outcome))) => return Some(outcome),
            Ok((state, Rest::Asks(why))) => {
                let records = case.truth.journal.records(&self.rotation);
                let is_newest = fold(&records).is_ok_and(|now| now == state);
                self.last = state;
                // Who sees something else than was asked looks again.
                let answer = if is_newest { self.answer(why) } else { None };
                self.machines[number].word = answer.map(|word| word.seeing(records.len() as u64));
            }
            Ok((state, Rest::Stopped)) => self.last = state,
            Err(RunError::Journal(JournalError::Held { .. })) => {
                // One that has to wait its turn is no ending.
                self.endings -= 1;
                self.machines[number].at = now + 5_000 + case.trouble.below(60_000);
            }
            Err(RunError::Journal(JournalError::Damaged(broken))) => panic!("the journal is damaged: {broken}"),
            Err(RunError::Journal(_) | RunError::Refused { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        None
    }

    /// What a person says who is asked.
    fn answer(&mut self, why: Reason) -> Option<Word> {
        let case = self.case;
        let (trouble, calm) = (&case.trouble, case.trouble.is_calm());
        self.vain += 1;
        trouble.count(Fault::Word);
        if !calm && trouble.permille(150) {
            return None;
        }
        let waits = rotation::takes_value(&self.last) && !self.goes_on();
        if waits && (self.last.offered.is_none() || self.vain > 6) {
            return Some(self.provide(!calm && trouble.permille(100)));
        }
        let order = |order: Order| Some(Word::from(Fact::Ordered(order, dana(), "because".to_owned())));
        match (&self.last.stage, why) {
            (Stage::AwaitingApproval(digest), _) if calm || trouble.permille(900) => {
                let expires = Timestamp(u64::MAX);
                return Some(Fact::Approved { who: dana(), digest: digest.clone(), expires }.into());
            }
            (Stage::Held { at, .. }, Reason::ByHand) if calm || trouble.permille(800) => {
                if **at == Stage::Revoking {
                    case.truth.ends(&TokenId::new(OLD));
                    case.truth.provider.end_by_hand(&TokenId::new(OLD));
                } else {
                    self.end_orphan();
                }
                case.truth.check_instant();
            }
            (Stage::Held { .. }, Reason::Quota | Reason::Ambiguous | Reason::Unsupported) => self.clear_strays(),
            _ => {}
        }
        let allowed = rotation::allowed(&self.last);
        let mut wanted = Order::Resume;
        if !calm && trouble.permille(120) {
            wanted = trouble.pick(&[Order::Abort, Order::RevokeNow, Order::Abandon]);
        } else if self.vain > 25 {
            wanted = if allowed.contains(&Order::Abort) { Order::Abort } else { Order::Resume };
        }
        if calm && self.vain > 40 {
            wanted = Order::Abandon;
        }
        if wanted == Order::RevokeNow {
            case.truth.set_aside();
        }
        if allowed.contains(&wanted) { order(wanted) } else { order(Order::Resume) }
    }

    /// A new token that works only wants to be tried once more.
    fn goes_on(&self) -> bool {
        let lives = |token: &TokenId| self.case.truth.provider.is_live(token);
        let held = matches!(self.last.stage, Stage::Held { .. });
        held && self.last.successor.as_ref().is_some_and(|new| lives(&new.token))
    }

    /// The case knows it already: as the one in use, or one that is to be ended.
    fn is_known(&self, token: &TokenId) -> bool {
        let new = self.last.successor.as_ref().map(|new| &new.token);
        new == Some(token) || self.last.orphans.iter().any(|orphan| orphan.token == *token)
    }

    /// Hands a token over that was made in the console, or something else.
    fn provide(&mut self, wrong: bool) -> Word {
        let case = self.case;
        let old = TokenId::new(OLD);
        let fits = |made: &TokenId| case.truth.provider.is_live(made) && !self.is_known(made);
        if !self.made.as_ref().is_some_and(|(made, _)| fits(made)) {
            let live = case.truth.provider.live();
            let ours = live.iter().find(|token| token.as_str() != "t-strangers");
            let like = if self.last.plan.abilities.find { &old } else { ours.unwrap_or(&old) };
            self.made = Some(case.truth.provider.make_by_hand(like));
            self.sealed.clear();
        }
        let secret = self.made.as_ref().map(|(_, secret)| secret.duplicate()).expect("it was made");
        let secret = if wrong { Secret::new(b"no token at all".to_vec()) } else { secret };
        let sealed = seal_provided(&case.sealer, &self.rotation, &secret).unwrap();
        if !wrong {
            self.sealed.push(sealed.digest.clone());
        }
        Word::provided(dana(), sealed, None)
    }

    /// Ends by hand what is to be ended: a token of a name, or one that this person made.
    fn end_orphan(&self) {
        let provider = &self.case.truth.provider;
        let Some(orphan) = self.last.orphans.first() else { return };
        if orphan.is_named {
            provider.end_by_hand(&orphan.token);
        } else if let Some((made, _)) = &self.made {
            provider.end_by_hand(made);
        }
    }

    fn wait_for_stragglers(&self) {
        let case = self.case;
        let until = case.time.now() + PATIENCE + SETTLED;
        while let Some(at) = case.time.next().filter(|at| *at <= until) {
            case.time.pass_to(at);
            case.time.arrive().into_iter().for_each(|thing| thing());
            case.truth.check_instant();
        }
    }

    /// Ends by hand what carries a label of ours and is not in use.
    fn clear_strays(&self) {
        // Whoever looks does so some time later.
        self.wait_for_stragglers();
        let provider = &self.case.truth.provider;
        let new = self.last.successor.as_ref().map(|successor| &successor.token);
        for token in provider.of_mints().iter().filter(|token| Some(*token) != new) {
            provider.end_by_hand(token);
        }
    }

    /// What was never handed over, or is not recorded as such, is this person's own to end.
    fn clear_up(&self) {
        let Some((made, _)) = &self.made else { return };
        let records = self.case.truth.journal.records(&self.rotation);
        let is_ours =
            |fact: &Fact| matches!(fact.said(), Fact::Provided { sealed, .. } if self.sealed.contains(sealed));
        if !records.iter().any(|record| is_ours(&record.event.fact)) {
            self.case.truth.provider.end_by_hand(made);
        }
    }
}
