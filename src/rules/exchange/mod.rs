//! The conversations with a provider, as data: what is sent, and what the replies mean. Values, JSON pointers and status
//! sets; no loops, conditions or expressions. Both functions are pure; `provider::http` is the only interpreter.

mod check;
mod read;
mod send;
mod spec;

pub use read::{Meaning, Taken};
pub use send::Request;
pub use spec::{AbilitiesSpec, ByHand, CallSpec, ReplySpec, Ways};

use super::places::Stop;
use crate::model::{Companions, Limit, Secret};
use crate::rules::Source;
use crate::rules::template::{Template, TemplateError, Values};
use send::Sending;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// The places that the program itself fills.
pub const OURS: [&str; 8] = ["secret", "token", "label", "chosen", "since", "page", "base", "authority"];

/// All conversations of a kind as typed.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Ask whether it works.
    pub verify: Ways,
    /// Make one beside the old one.
    pub mint: Ways,
    /// Make one in the place of the old one.
    pub replace: Ways,
    /// List them.
    pub list: Ways,
    /// Find by label.
    pub find: Ways,
    /// Disable.
    pub disable: Ways,
    /// End one.
    pub revoke: Ways,
    /// Read use.
    pub usage: Ways,
    /// What the calls do not show.
    pub abilities: AbilitiesSpec,
    /// Samples that pin the tables.
    pub replies: Vec<ReplySpec>,
}

impl Calls {
    /// The ways whose page or mark is missing: of which act, the how many-eth from 0, and what is missing.
    #[must_use]
    pub fn unsourced(&self) -> Vec<(Act, usize, &'static str)> {
        let Self { verify, mint, replace, list, find, disable, revoke, usage, abilities: _, replies: _ } = self;
        let all = [verify, mint, replace, list, find, disable, revoke, usage];
        let mut missing = Vec::new();
        for (act, ways) in Act::ALL.into_iter().zip(all) {
            for (index, way) in ways.0.iter().enumerate() {
                let (page, mark) = way.by_hand.as_ref().map_or((way.page.is_some(), way.mark), |how| (true, how.mark));
                missing.extend((!page).then_some((act, index, "page")));
                missing.extend(mark.is_none().then_some((act, index, "mark")));
            }
        }
        missing
    }
}

/// All conversations of a kind, checked.
#[derive(Clone, Debug, Default)]
pub struct Exchanges {
    calls: BTreeMap<Act, Vec<Exchange>>,
    by_hand: BTreeMap<Act, ByHand>,
    hosts: Vec<String>,
    typed: AbilitiesSpec,
}

impl Exchanges {
    /// Checks the calls of a kind whose hosts are these, and runs its sample replies.
    ///
    /// # Errors
    /// With all that is wrong, each with its remedy.
    pub fn check(calls: Calls, hosts: &[String]) -> Result<Self, Vec<Fault>> {
        check::check(calls, hosts)
    }

    /// The conversations for an act that need no person: the first whose values are all at hand is the one to have.
    #[must_use]
    pub fn ways(&self, act: Act) -> &[Exchange] {
        self.calls.get(&act).map(Vec::as_slice).unwrap_or_default()
    }

    /// What a person does where none of them can be had.
    #[must_use]
    pub fn by_hand(&self, act: Act) -> Option<&ByHand> {
        self.by_hand.get(&act)
    }

    /// The only hosts that a secret of this kind may be sent to, beside the configured base.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The same with one way to verify and no other conversation.
    #[must_use]
    pub fn verified_by(&self, way: &Exchange) -> Self {
        Self { calls: BTreeMap::from([(Act::Verify, vec![way.clone()])]), hosts: self.hosts.clone(), ..Self::default() }
    }

    /// The names of the values that are neither the token's own nor the program's: a configuration may give them.
    #[must_use]
    pub fn free(&self) -> BTreeSet<&str> {
        let names = self.calls.values().flatten().flat_map(Exchange::names);
        names.filter(|name| !OURS.contains(name)).collect()
    }

    /// True when a call goes to a configured base, so that the kind cannot be spoken to without one.
    #[must_use]
    pub fn needs_base(&self) -> bool {
        self.calls.values().flatten().any(|exchange| exchange.send.needs_base())
    }
}

/// One thing that is wrong with the conversations of a kind, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(super) path: Vec<Stop>,
    pub(super) message: String,
    pub(super) remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Stop::Key(key)) = self.path.first() {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

impl std::error::Error for Fault {}

/// What a conversation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Ask whether a token works.
    Verify,
    /// Make one beside the old one.
    Mint,
    /// Make one in the place of the old one, which dies by it.
    Replace,
    /// List them.
    List,
    /// Find them by label.
    Find,
    /// Disable one.
    Disable,
    /// End one.
    Revoke,
    /// Read the use of one.
    Usage,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Verify, Self::Mint, Self::Replace, Self::List, Self::Find, Self::Disable, Self::Revoke, Self::Usage];

    /// The word of the rule files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Mint => "mint",
            Self::Replace => "replace",
            Self::List => "list",
            Self::Find => "find",
            Self::Disable => "disable",
            Self::Revoke => "revoke",
            Self::Usage => "usage",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One conversation, checked.
#[derive(Clone, Debug)]
pub struct Exchange {
    source: Option<Source>,
    first: Option<First>,
    send: Sending,
    rows: Vec<Row>,
    pages: Option<u32>,
    lag: Duration,
}

/// What is asked before a conversation.
#[derive(Clone, Debug)]
pub struct First {
    send: Sending,
    status: Vec<u16>,
    keep: Vec<(String, String)>,
}

impl First {
    /// What to send.
    ///
    /// # Errors
    /// When a value is missing, or cannot stand where the call puts it.
    pub fn render(&self, values: Values<'_, '_>) -> Result<Request, TemplateError> {
        self.send.render(values)
    }

    /// True when a reply of this status holds what is kept.
    #[must_use]
    pub fn answers(&self, status: u16) -> bool {
        self.status.contains(&status)
    }

    /// What is kept of the reply, by name; [`None`] when it is not all there.
    #[must_use]
    pub fn read(&self, body: &Secret) -> Option<Companions> {
        read::kept(&self.keep, body)
    }
}

impl Exchange {
    /// Where it is known from.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// What is asked before it.
    #[must_use]
    pub fn first(&self) -> Option<&First> {
        self.first.as_ref()
    }

    /// The hosts that its requests go to, one after the other; none stands for the configured base.
    pub fn hosts(&self) -> impl Iterator<Item = Option<&str>> {
        self.first.iter().map(|first| first.send.host()).chain(std::iter::once(self.send.host()))
    }

    /// What to send. Values: `secret`, `token`, `authority`, `label`, `chosen`, `base`, `page`, what was kept of the
    /// reply to what was asked first, and whatever the kind's pattern, its companions and the configuration name.
    ///
    /// # Errors
    /// When a value is missing, or cannot stand where the call puts it.
    pub fn render(&self, values: Values<'_, '_>) -> Result<Request, TemplateError> {
        self.send.render(values)
    }

    /// What a reply means. A reply that no table holds, or that lacks what its row takes, is [`Meaning::Unknown`].
    #[must_use]
    pub fn read(&self, status: u16, body: &Secret, values: Values<'_, '_>) -> Meaning {
        self.read_page(status, body, values).0
    }

    /// The same of one page of a list, and how many items the page holds, whether they are kept or not.
    #[must_use]
    pub fn read_page(&self, status: u16, body: &Secret, values: Values<'_, '_>) -> (Meaning, usize) {
        read::read(&self.rows, status, body, values)
    }

    /// How many pages a list may have at most; it has one where nothing is said.
    #[must_use]
    pub fn pages(&self) -> Option<u32> {
        self.pages
    }

    /// The values it needs that only a configuration gives.
    pub(super) fn wants(&self) -> impl Iterator<Item = &str> {
        self.names().filter(|name| matches!(*name, "base" | "authority"))
    }

    /// The values that must be known beforehand: all but those that it finds out itself.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let keep = self.first.as_ref().map(|first| first.keep.as_slice()).unwrap_or_default();
        let found = move |name: &str| name == "page" || keep.iter().any(|(kept, _)| kept == name);
        let own = self.send.names().filter(move |name| !found(name));
        self.first.iter().flat_map(|first| first.send.names()).chain(own)
    }

    /// True when the value of a new token is chosen here and pushed.
    #[must_use]
    pub fn takes_chosen(&self) -> bool {
        self.send.names().any(|name| name == "chosen")
    }

    /// How long a use may take to show in a reply about use.
    #[must_use]
    pub fn lag(&self) -> Duration {
        self.lag
    }

    /// True when it says which label a token carries.
    #[must_use]
    pub fn takes_label(&self) -> bool {
        self.rows
            .iter()
            .filter(|row| row.table == Table::Done)
            .all(|row| row.take.iter().any(|(field, _)| *field == Field::Label))
    }

    /// True when it says what rights a token has.
    fn takes_scopes(&self) -> bool {
        self.rows.iter().any(|row| row.take.iter().any(|(field, _)| *field == Field::Scopes))
    }
}

/// One row of a table, checked.
#[derive(Clone, Debug)]
struct Row {
    table: Table,
    status: Vec<u16>,
    body: Vec<(String, Vec<Value>)>,
    has: Vec<String>,
    take: Vec<(Field, Origin)>,
    limit: Option<Limit>,
    items: Option<String>,
    filter: Vec<(Field, Template)>,
    more: Option<String>,
}

/// A table: what its rows mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Live,
    Restricted,
    Dead,
    WrongPlace,
    Done,
    Refused,
    Gone,
    Quota,
}

impl Table {
    fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Restricted => "restricted",
            Self::Dead => "dead",
            Self::WrongPlace => "wrong_place",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Quota => "quota",
        }
    }
}

/// What can be taken from a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Token,
    Secret,
    Label,
    Created,
    Used,
    Origin,
    Scopes,
}

impl Field {
    fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Secret => "secret",
            Self::Label => "label",
            Self::Created => "created",
            Self::Used => "used",
            Self::Origin => "origin",
            Self::Scopes => "scopes",
        }
    }
}

/// Where it is taken from.
#[derive(Clone, Debug)]
enum Origin {
    /// A JSON pointer into the reply (or the item).
    Pointer(String),
    /// What was known before.
    Template(Template),
}

#[cfg(test)]
mod tests;
