//! The conversations with a provider, as data: what is sent, and what the replies mean. Values, JSON pointers and status
//! sets; no loops, conditions or expressions. Both functions are pure; `provider::http` is the only interpreter.

mod check;
mod read;
mod send;
mod spec;

pub use read::{Meaning, Taken};
pub use send::Request;
pub use spec::{AbilitiesSpec, CallSpec, ReplySpec};

use crate::model::{Limit, Secret};
use crate::rules::template::{Template, TemplateError, Values};
use send::Sending;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// All conversations of a kind as typed.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Ask whether it works.
    pub verify: Option<CallSpec>,
    /// Make one.
    pub mint: Option<CallSpec>,
    /// List them.
    pub list: Option<CallSpec>,
    /// Find by label.
    pub find: Option<CallSpec>,
    /// Disable.
    pub disable: Option<CallSpec>,
    /// End one.
    pub revoke: Option<CallSpec>,
    /// Read use.
    pub usage: Option<CallSpec>,
    /// What the calls do not show.
    pub abilities: AbilitiesSpec,
    /// Samples that pin the tables.
    pub replies: Vec<ReplySpec>,
}

/// All conversations of a kind, checked.
#[derive(Clone, Debug, Default)]
pub struct Exchanges {
    calls: BTreeMap<Act, Exchange>,
    by_hand: BTreeMap<Act, String>,
    hosts: Vec<String>,
    typed: AbilitiesSpec,
}

impl Exchanges {
    /// Checks the calls of a kind whose hosts are these, and runs its sample replies.
    ///
    /// # Errors
    /// With all problems; each is one sentence with its remedy.
    pub fn check(calls: Calls, hosts: &[String]) -> Result<Self, Vec<String>> {
        check::check(calls, hosts)
    }

    /// The conversation for an act, if the rule has one that needs no person.
    #[must_use]
    pub fn exchange(&self, act: Act) -> Option<&Exchange> {
        self.calls.get(&act)
    }

    /// The page that tells a person how to do an act.
    #[must_use]
    pub fn by_hand(&self, act: Act) -> Option<&str> {
        self.by_hand.get(&act).map(String::as_str)
    }

    /// The only hosts that a secret of this kind may be sent to, beside the configured base.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// True when a call goes to a configured base, so that the kind cannot be spoken to without one.
    #[must_use]
    pub fn needs_base(&self) -> bool {
        self.calls.values().any(|exchange| exchange.send.needs_base())
    }
}

/// What a conversation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Ask whether a token works.
    Verify,
    /// Make one.
    Mint,
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
    pub const ALL: [Self; 7] =
        [Self::Verify, Self::Mint, Self::List, Self::Find, Self::Disable, Self::Revoke, Self::Usage];

    /// The word of the rule files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Mint => "mint",
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
    send: Sending,
    rows: Vec<Row>,
    lag: Duration,
}

impl Exchange {
    /// What to send. Values: `secret`, `token`, `authority`, `label`, `chosen`, `base`, and whatever the kind's
    /// companions and the configuration name.
    ///
    /// # Errors
    /// When a value is missing, or cannot stand where the call puts it.
    pub fn render(&self, values: Values<'_, '_>) -> Result<Request, TemplateError> {
        self.send.render(values)
    }

    /// What a reply means. A reply that no table holds, or that lacks what its row takes, is [`Meaning::Unknown`].
    #[must_use]
    pub fn read(&self, status: u16, body: &Secret, values: Values<'_, '_>) -> Meaning {
        read::read(&self.rows, status, body, values)
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
