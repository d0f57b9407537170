//! From what was typed to what can be used, with every problem named at once.

use super::send::{Authorization, Body, Sending};
use super::spec::{Any, ByHand, CallSpec, FirstSpec, ReplySpec, RowSpec, Rows, SendSpec};
use super::{Act, Calls, Exchange, Exchanges, Field, First, OURS, Origin, Row, Table};
use crate::model::Secret;
use crate::rules::template::{JsonTemplate, Template};
use serde_json::Value;
use std::time::Duration;

pub(super) fn check(calls: Calls, hosts: &[String]) -> Result<Exchanges, Vec<String>> {
    let Calls { verify, mint, replace, list, find, disable, revoke, usage, abilities, replies } = calls;
    let typed = [
        (Act::Verify, verify),
        (Act::Mint, mint),
        (Act::Replace, replace),
        (Act::List, list),
        (Act::Find, find),
        (Act::Disable, disable),
        (Act::Revoke, revoke),
        (Act::Usage, usage),
    ];
    let mut checked = Exchanges { hosts: hosts.to_vec(), typed: abilities, ..Exchanges::default() };
    let mut problems = Vec::new();
    for (act, Any(ways)) in typed {
        let mut told = Problems { act, list: &mut problems };
        for call in ways {
            match exchange(act, call, hosts, &mut told) {
                Some(Call::Spoken(exchange)) => checked.calls.entry(act).or_default().push(*exchange),
                Some(Call::ByHand(_)) if checked.by_hand.contains_key(&act) => {
                    told.tell("there are two ways `by_hand`; leave one of them");
                }
                Some(Call::ByHand(how)) => drop(checked.by_hand.insert(act, how)),
                None => {}
            }
        }
    }
    if problems.is_empty() {
        problems.extend(replies.iter().enumerate().filter_map(|(at, reply)| sample(&checked, at + 1, reply)));
    }
    if problems.is_empty() { Ok(checked) } else { Err(problems) }
}

enum Call {
    Spoken(Box<Exchange>),
    ByHand(ByHand),
}

/// Problems of one call.
struct Problems<'p> {
    act: Act,
    list: &'p mut Vec<String>,
}

impl Problems<'_> {
    fn tell(&mut self, problem: impl std::fmt::Display) {
        self.list.push(format!("{}: {problem}", self.act));
    }

    fn template(&mut self, at: &str, text: &str) -> Option<Template> {
        Template::parse(text).map_err(|why| self.tell(format_args!("{at}: {why}"))).ok()
    }
}

fn exchange(act: Act, call: CallSpec, hosts: &[String], problems: &mut Problems<'_>) -> Option<Call> {
    let CallSpec { by_hand, first, pages, lag_seconds, send, .. } = call;
    let CallSpec { live, restricted, dead, wrong_place, done, refused, gone, quota, .. } = call;
    let tables = [
        (Table::Live, live),
        (Table::Restricted, restricted),
        (Table::Dead, dead),
        (Table::WrongPlace, wrong_place),
        (Table::Done, done),
        (Table::Refused, refused),
        (Table::Gone, gone),
        (Table::Quota, quota),
    ];
    let is_bare = first.is_none() && pages.is_none() && tables.iter().all(|(_, rows)| rows.0.is_empty());
    let mut send = match (by_hand, send) {
        (Some(how), None) if is_bare => return by_hand_of(act, how, problems).map(Call::ByHand),
        (None, Some(send)) => self::send(send, hosts, problems),
        _ => {
            problems.tell("a call has either `send` and its tables, or `by_hand` alone; remove one of them");
            None
        }
    };
    let rows = rows(act, tables, problems);
    let first = first.and_then(|typed| self::first(act, typed, hosts, problems));
    if let (Some(send), Some(first)) = (&mut send, &first) {
        send.keep_whole(&first.keep.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    }
    let send = send?;
    if pages.is_some() != send.names().any(|name| name == "page") || pages == Some(0) {
        problems.tell("`pages` says how many there may be at most, and `{{page}}` is which one; have both or neither");
    }
    if pages.is_some() && !matches!(act, Act::List | Act::Find) {
        problems.tell("`pages` is about a list; remove it");
    }
    let needs_value = matches!(act, Act::Mint | Act::Replace) && !send.names().any(|name| name == "chosen");
    for row in rows.iter().filter(|row| row.table == Table::Done) {
        required(act, row, needs_value, problems);
    }
    if lag_seconds.is_some() && act != Act::Usage {
        problems.tell("`lag_seconds` is about usage; remove it");
    }
    let lag = Duration::from_secs(lag_seconds.unwrap_or_default().into());
    Some(Call::Spoken(Box::new(Exchange { first, send, rows, pages, lag })))
}

/// What a person is told must be of use to one.
fn by_hand_of(act: Act, how: ByHand, problems: &mut Problems<'_>) -> Option<ByHand> {
    if act == Act::Verify {
        problems.tell("a person cannot prove that a token is dead; remove `by_hand`");
        return None;
    }
    if !how.page.starts_with("https://") {
        problems.tell("`page` of `by_hand` is no address of a page; start it with `https://`");
    }
    if how.steps.is_empty() || how.steps.iter().any(|step| step.trim().is_empty() || step.contains(char::is_control)) {
        problems.tell("`steps` of `by_hand` are no list of lines; write what to click, one action a line");
    }
    Some(how)
}

fn first(act: Act, typed: FirstSpec, hosts: &[String], problems: &mut Problems<'_>) -> Option<First> {
    let FirstSpec { send, status, keep } = typed;
    if act == Act::Verify {
        problems.tell("whether a token works is one question; remove `first`");
    }
    if send.method != "GET" {
        problems.tell("what is asked first changes nothing; let its method be GET");
    }
    if status.is_empty() || keep.is_empty() {
        problems.tell("`first` needs `status: [...]` and `keep: { name: /pointer }`; add them");
    }
    for (name, pointer) in &keep {
        pointer_problem("first", pointer, problems);
        if OURS.contains(&name.as_str()) {
            problems.tell(format_args!("`first` cannot keep `{name}`, which stands for something else; rename it"));
        }
    }
    let send = self::send(send, hosts, problems)?;
    Some(First { send, status, keep: keep.into_iter().collect() })
}

fn rows(act: Act, tables: [(Table, Rows); 8], problems: &mut Problems<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let success = if act == Act::Verify { Table::Live } else { Table::Done };
    for (table, typed) in tables {
        let word = table.word();
        let fits = match table {
            Table::Live | Table::Restricted | Table::Dead | Table::WrongPlace => act == Act::Verify,
            Table::Done | Table::Refused => act != Act::Verify,
            Table::Gone => matches!(act, Act::Disable | Act::Revoke | Act::Usage),
            Table::Quota => matches!(act, Act::Mint | Act::Replace),
        };
        if !typed.0.is_empty() && !fits {
            problems.tell(format_args!("a reply to {act} cannot mean `{word}`; remove that table"));
        }
        if typed.0.is_empty() && table == success {
            problems.tell(format_args!("without a table `{word}` no reply can be understood; add it"));
        }
        for row_typed in typed.0 {
            let row = row(table, row_typed, problems);
            if let Some(other) = rows.iter().find(|other| clash(other, &row)) {
                let other = other.table.word();
                problems.tell(format_args!(
                    "a reply can be in `{other}` and in `{word}`; give them different statuses, or values that differ \
                     at the same pointer of `body`"
                ));
            }
            rows.push(row);
        }
    }
    rows
}

/// What a success must hold to be of use.
fn required(act: Act, row: &Row, needs_value: bool, problems: &mut Problems<'_>) {
    let takes = |field| row.take.iter().any(|(taken, _)| *taken == field);
    if matches!(act, Act::Mint | Act::Replace | Act::List | Act::Find) && !takes(Field::Token) {
        problems.tell("`done` takes no token; add `take: { token: /pointer }`");
    }
    if needs_value && !takes(Field::Secret) {
        problems.tell("`done` takes no secret; add `take: { secret: /pointer }`, or send `{{chosen}}`");
    }
    if matches!(act, Act::List | Act::Find) && row.items.is_none() {
        problems.tell("`done` has no list; add `items: /pointer`");
    }
    if act == Act::Usage && !takes(Field::Used) {
        problems.tell("`done` takes no time of use; add `take: { used: /pointer }`");
    }
}

/// Can one reply be in both rows, and would they mean different things?
fn clash(a: &Row, b: &Row) -> bool {
    let differ = a.table != b.table || a.limit != b.limit;
    let told_apart = a.body.iter().any(|(pointer, any)| {
        b.body.iter().any(|(other, values)| pointer == other && !any.iter().any(|value| values.contains(value)))
    });
    differ && !told_apart && a.status.iter().any(|status| b.status.contains(status))
}

fn row(table: Table, typed: RowSpec, problems: &mut Problems<'_>) -> Row {
    let RowSpec { status, body, take, limit, items, filter, more } = typed;
    let word = table.word();
    if status.is_empty() || status.iter().any(|status| !(100..=599).contains(status)) {
        problems.tell(format_args!("`{word}` needs `status: [...]` with HTTP status codes"));
    }
    if limit.is_some() != (table == Table::Restricted) {
        problems.tell("`limit: scope`, `address` or `account` belongs to every row of `restricted`, and to no other");
    }
    if (more.is_some() || !filter.is_empty()) && items.is_none() {
        problems.tell(format_args!("`{word}`: `where` and `more` are about a list; add `items: /pointer`"));
    }
    for pointer in body.keys().chain(&items).chain(&more) {
        pointer_problem(word, pointer, problems);
    }
    let typed = [
        (Field::Token, take.token),
        (Field::Secret, take.secret),
        (Field::Label, take.label),
        (Field::Created, take.created),
        (Field::Used, take.used),
        (Field::Origin, take.origin),
        (Field::Scopes, take.scopes),
    ];
    let mut take = Vec::new();
    for (field, from) in typed.into_iter().filter_map(|(field, from)| from.map(|from| (field, from))) {
        if from.contains("{{") && field != Field::Secret {
            take.extend(problems.template(word, &from).map(|template| (field, Origin::Template(template))));
        } else {
            pointer_problem(word, &from, problems);
            take.push((field, Origin::Pointer(from)));
        }
    }
    let filter = filter.into_iter().filter_map(|(name, wanted)| {
        let field = [Field::Token, Field::Label, Field::Origin].into_iter().find(|field| field.word() == name);
        match field.filter(|field| take.iter().any(|(taken, _)| taken == field)) {
            Some(field) => problems.template(word, &wanted).map(|template| (field, template)),
            None => {
                problems
                    .tell(format_args!("`where` compares what `take` takes as token, label or origin, not `{name}`"));
                None
            }
        }
    });
    let filter = filter.collect();
    let body = body.into_iter().map(|(pointer, value)| match value {
        Value::Array(any) => (pointer, any),
        one => (pointer, vec![one]),
    });
    Row { table, status, body: body.collect(), take, limit, items, filter, more }
}

fn pointer_problem(word: &str, pointer: &str, problems: &mut Problems<'_>) {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        problems.tell(format_args!("`{word}`: `{pointer}` is not a JSON pointer; write `/{pointer}`"));
    }
}

fn send(typed: SendSpec, hosts: &[String], problems: &mut Problems<'_>) -> Option<Sending> {
    let SendSpec { method, url, bearer, basic, headers, json, form } = typed;
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|known| *known == method);
    if known.is_none() {
        problems.tell(format_args!("the method `{method}` is not GET, POST, PUT, PATCH or DELETE"));
    }
    if bearer.is_some() && basic.is_some() {
        problems.tell("a request has one authorization; remove `bearer` or `basic`");
    }
    if json.is_some() && !form.is_empty() {
        problems.tell("a request has one body; remove `json` or `form`");
    }
    let (base, url) = self::url(&url, hosts, problems);
    let authorization = match (bearer, basic) {
        (Some(token), _) => problems.template("bearer", &token).map(Authorization::Bearer),
        (None, Some(pair)) => problems.template("basic", &pair).map(Authorization::Basic),
        (None, None) => None,
    };
    let mut checked = Vec::new();
    for (name, value) in headers {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            problems.tell(format_args!("the header `{name}` is not written in lower-case letters, digits and `-`"));
        }
        if name == "host" || name == "content-length" || (name == "authorization" && authorization.is_some()) {
            problems.tell(format_args!("the header `{name}` is set already; remove it"));
        }
        checked.extend(problems.template("headers", &value).map(|value| (name, value)));
    }
    let body = match json {
        Some(document) => match JsonTemplate::parse(&document) {
            Ok(document) => Body::Json(document),
            Err(why) => {
                problems.tell(format_args!("json: {why}"));
                Body::None
            }
        },
        None if form.is_empty() => Body::None,
        None => Body::Form(
            form.into_iter()
                .filter_map(|(name, value)| problems.template("form", &value).map(|value| (name, value)))
                .collect(),
        ),
    };
    Some(Sending { method: known?, base, url: url?, authorization, headers: checked, body })
}

/// A URL goes to a host of the rule, written out, or to the configured base.
fn url(typed: &str, hosts: &[String], problems: &mut Problems<'_>) -> (bool, Option<Template>) {
    if let Some(path) = typed.strip_prefix("{{base}}") {
        if !(path.is_empty() || path.starts_with(['/', '?'])) {
            problems.tell("what follows `{{base}}` begins with `/`");
        }
        return (true, problems.template("url", path));
    }
    let template = problems.template("url", typed);
    let written = template.as_ref().map_or("", Template::prefix);
    let host = written.strip_prefix("https://").and_then(|rest| rest.split_once(['/', '?'])).map(|(host, _)| host);
    match host {
        Some(host) if hosts.iter().any(|known| known == host) => {}
        Some(host) => problems.tell(format_args!(
            "the host `{host}` is not among the rule's `hosts`; add it there, or write `{{{{base}}}}` for a configured one"
        )),
        None => problems.tell("a url begins with `https://`, a written host and `/`, or with `{{base}}`"),
    }
    (false, template)
}

/// Runs one sample reply; the problem, if it means something else than it says.
fn sample(checked: &Exchanges, number: usize, reply: &ReplySpec) -> Option<String> {
    let ReplySpec { of, way, status, body, means, token, count, values } = reply;
    let act = Act::ALL.into_iter().find(|act| act.word() == of);
    let way = way.unwrap_or(1).checked_sub(1);
    let Some(exchange) = act.and_then(|act| checked.ways(act).get(way?)) else {
        return Some(format!("replies: number {number} is of `{of}`, which is not a call of this kind; correct `of`"));
    };
    let body = match body {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        document => document.to_string(),
    };
    let values: Vec<_> = values.iter().map(|(name, value)| (name, Secret::new(value.as_bytes().to_vec()))).collect();
    let find = |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    let meaning = exchange.read(*status, &Secret::new(body.into_bytes()), &find);
    let place = format!("replies: number {number} (of {of}, status {status})");
    if meaning.word() != means.replace('-', "_") {
        return Some(format!("{place} means {}, not {means}; correct the tables or the sample", meaning.word()));
    }
    let taken = meaning.taken();
    if count.is_some_and(|count| count != taken.len()) {
        return Some(format!("{place} leaves {} items; correct `items`, `where` or the sample", taken.len()));
    }
    let first = taken.first().and_then(|taken| taken.token.as_ref());
    if token.as_ref().is_some_and(|token| first.is_none_or(|first| first.as_str() != token)) {
        return Some(format!("{place} gives another token than the sample says; correct `take` or the sample"));
    }
    None
}
