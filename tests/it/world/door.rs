//! The door between the program and the issuer: it passes everything on, and misbehaves when it is told to.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use super::http::{Answer, Asked, Reply, Server};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What a request to the issuer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    Verify,
    Mint,
    /// Finding by label asks the same.
    List,
    Revoke,
    Other,
}

impl Act {
    fn of(asked: &Asked) -> Self {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/v1/token") => Self::Verify,
            ("GET", "/v1/tokens") => Self::List,
            ("POST", "/v1/tokens") => Self::Mint,
            ("DELETE", path) if path.starts_with("/v1/tokens/") => Self::Revoke,
            _ => Self::Other,
        }
    }
}

/// What goes wrong.
#[derive(Clone)]
pub(crate) enum Fault {
    /// The issuer never hears of it; the connection ends.
    RequestLost,
    /// The issuer does it; the connection ends without a reply.
    ReplyLost,
    /// The issuer does it; another status comes back, without a body.
    ReplyBecomes(u16),
    /// The issuer does it; no reply comes.
    ReplyHangs,
    /// The issuer does it twice; the second reply comes back.
    Twice,
    /// The issuer never hears of it; this comes back.
    Says(Reply),
    /// This comes back at once; the issuer hears of it when it was asked so many more times whether a token works.
    Late(Reply, usize),
    /// It is passed on once the gate opens.
    Waits(Arc<Gate>),
}

/// Holds a request until the test lets it go.
#[derive(Default)]
pub(crate) struct Gate {
    /// Somebody waits; the gate is open.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Gate {
    /// Returns when a request waits at the gate.
    pub(crate) fn wait_for_one(&self) {
        let state = self.state.lock().unwrap();
        let (_state, timeout) = self.changed.wait_timeout_while(state, PATIENCE, |(waits, _)| !*waits).unwrap();
        assert!(!timeout.timed_out(), "nobody came to the gate");
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 = true;
        self.changed.notify_all();
        drop(self.changed.wait_timeout_while(state, PATIENCE, |(_, open)| !*open).unwrap());
    }
}

#[derive(Default)]
struct Orders {
    next: BTreeMap<Act, VecDeque<Option<Fault>>>,
    always: BTreeMap<Act, Fault>,
    asked: Vec<(Act, Instant)>,
    late: Option<(Asked, usize)>,
}

/// The door; it closes when it is dropped.
pub(crate) struct Door {
    server: Server,
    orders: Arc<Mutex<Orders>>,
}

impl Door {
    pub(crate) fn before(issuer: SocketAddr) -> Self {
        let orders: Arc<Mutex<Orders>> = Arc::default();
        let shared = Arc::clone(&orders);
        Self { server: Server::start(move |asked| answer(&shared, issuer, &asked)), orders }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Once, at the next such request (after those that were ordered before).
    pub(crate) fn order(&self, act: Act, fault: Fault) {
        self.orders.lock().unwrap().next.entry(act).or_default().push_back(Some(fault));
    }

    /// Once, at the n-th such request from now.
    pub(crate) fn order_nth(&self, act: Act, nth: usize, fault: Fault) {
        let mut orders = self.orders.lock().unwrap();
        let queue = orders.next.entry(act).or_default();
        queue.resize(queue.len().max(nth), None);
        queue[nth - 1] = Some(fault);
    }

    /// With every such request from now on.
    pub(crate) fn always(&self, act: Act, fault: Fault) {
        self.orders.lock().unwrap().always.insert(act, fault);
    }

    pub(crate) fn behave(&self) {
        let mut orders = self.orders.lock().unwrap();
        orders.always.clear();
        orders.next.clear();
    }

    /// How often that was asked for.
    pub(crate) fn count(&self, act: Act) -> usize {
        self.times(act).len()
    }

    /// When that was asked for.
    pub(crate) fn times(&self, act: Act) -> Vec<Instant> {
        self.orders.lock().unwrap().asked.iter().filter(|(asked, _)| *asked == act).map(|(_, at)| *at).collect()
    }

    /// How often anything was asked for.
    pub(crate) fn requests(&self) -> usize {
        self.orders.lock().unwrap().asked.len()
    }
}

fn answer(orders: &Mutex<Orders>, issuer: SocketAddr, asked: &Asked) -> Answer {
    let act = Act::of(asked);
    let (fault, late) = {
        let mut orders = orders.lock().unwrap();
        orders.asked.push((act, Instant::now()));
        let late = (act == Act::Verify).then(|| due(&mut orders.late)).flatten();
        let fault = orders.next.get_mut(&act).and_then(VecDeque::pop_front).flatten();
        (fault.or_else(|| orders.always.get(&act).cloned()), late)
    };
    let pass = |asked: &Asked| asked.send(issuer).unwrap_or_else(|error| Reply::of(599, error.to_string()));
    if let Some(late) = late {
        pass(&late);
    }
    match fault {
        None => Answer::Reply(pass(asked)),
        Some(Fault::RequestLost) => Answer::Nothing,
        Some(Fault::Says(reply)) => Answer::Reply(reply),
        Some(Fault::ReplyLost) => {
            pass(asked);
            Answer::Nothing
        }
        Some(Fault::ReplyBecomes(status)) => {
            pass(asked);
            Answer::Reply(Reply::of(status, ""))
        }
        Some(Fault::ReplyHangs) => {
            pass(asked);
            Answer::Silence
        }
        Some(Fault::Twice) => {
            pass(asked);
            Answer::Reply(pass(asked))
        }
        Some(Fault::Late(reply, after)) => {
            orders.lock().unwrap().late = Some((asked.clone(), after));
            Answer::Reply(reply)
        }
        Some(Fault::Waits(gate)) => {
            gate.pass();
            Answer::Reply(pass(asked))
        }
    }
}

/// The delayed request, when its time has come.
fn due(late: &mut Option<(Asked, usize)>) -> Option<Asked> {
    match late {
        Some((_, left)) if *left > 0 => {
            *left -= 1;
            None
        }
        _ => late.take().map(|(asked, _)| asked),
    }
}
