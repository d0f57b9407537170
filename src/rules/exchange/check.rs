//! From what was typed to what can be used, with every problem named at once.

use super::send::{Authorization, Body, Sending};
use super::spec::{Any, ByHand, CallSpec, FirstSpec, ReplySpec, RowSpec, Rows, SendSpec};
use super::{Act, Calls, Exchange, Exchanges, Fault, Field, First, OURS, Origin, Row, Table};
use crate::model::Secret;
use crate::rules::Source;
use crate::rules::places::Stop;
use crate::rules::problem::suggestion;
use crate::rules::template::{JsonTemplate, Template, TemplateError};
use serde_json::Value;
use std::fmt::Display;
use std::time::Duration;

/// The methods of a request.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

pub(super) fn check(calls: Calls, hosts: &[String]) -> Result<Exchanges, Vec<Fault>> {
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
    let mut faults = Vec::new();
    let mut wrong = Vec::new();
    for (act, Any(ways)) in typed {
        let before = faults.len();
        for (way, call) in ways.into_iter().enumerate() {
            let path = vec![Stop::Key(act.word().to_owned()), Stop::At(way)];
            let mut told = Problems { path, list: &mut faults };
            match exchange(act, call, hosts, &mut told) {
                Some(Call::Spoken(exchange)) => checked.calls.entry(act).or_default().push(*exchange),
                Some(Call::ByHand(_)) if checked.by_hand.contains_key(&act) => {
                    told.tell(&["by_hand"], "there are two ways `by_hand`", "leave one of them");
                }
                Some(Call::ByHand(how)) => drop(checked.by_hand.insert(act, how)),
                None => {}
            }
        }
        if faults.len() > before {
            wrong.push(act);
        }
    }
    for (at, reply) in replies.iter().enumerate() {
        // What a call that is wrong makes of a reply is not known.
        if wrong.iter().all(|act| act.word() != reply.of) {
            let path = vec![Stop::Key("replies".to_owned()), Stop::At(at)];
            sample(&checked, at + 1, reply, &mut Problems { path, list: &mut faults });
        }
    }
    if faults.is_empty() { Ok(checked) } else { Err(faults) }
}

enum Call {
    Spoken(Box<Exchange>),
    ByHand(ByHand),
}

/// Problems of one call, or of a part of it.
struct Problems<'p> {
    path: Vec<Stop>,
    list: &'p mut Vec<Fault>,
}

impl Problems<'_> {
    /// Notes what is wrong with the value of a key, of a key in it, and so on.
    fn tell(&mut self, keys: &[&str], message: impl Display, remedy: impl Display) {
        let keys = keys.iter().map(|key| Stop::Key((*key).to_owned()));
        let path = self.path.iter().cloned().chain(keys).collect();
        self.list.push(Fault { path, message: message.to_string(), remedy: remedy.to_string() });
    }

    fn below(&mut self, stops: &[Stop]) -> Problems<'_> {
        Problems { path: [self.path.as_slice(), stops].concat(), list: self.list }
    }

    fn template(&mut self, keys: &[&str], at: &str, text: &str) -> Option<Template> {
        Template::parse(text).map_err(|why| self.tell_template(keys, at, &why)).ok()
    }

    fn tell_template(&mut self, keys: &[&str], at: &str, why: &TemplateError) {
        let why = why.to_string();
        let (message, remedy) = why.rsplit_once("; ").unwrap_or((&why, "write `{{name}}`"));
        self.tell(keys, format_args!("{at}: {message}"), remedy);
    }
}

fn exchange(act: Act, call: CallSpec, hosts: &[String], problems: &mut Problems<'_>) -> Option<Call> {
    let CallSpec { by_hand, first, pages, lag_seconds, send, page, mark, note, .. } = call;
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
    let sourced = page.is_some() || mark.is_some() || note.is_some();
    let is_bare = !sourced && first.is_none() && pages.is_none() && tables.iter().all(|(_, rows)| rows.0.is_empty());
    let mut send = match (by_hand, send) {
        (Some(_), _) if act == Act::Verify => {
            problems.tell(&["by_hand"], "a person cannot prove that a token is dead", "remove `by_hand`");
            None
        }
        (Some(how), None) if is_bare => return by_hand_of(how, problems).map(Call::ByHand),
        (None, Some(typed)) => self::send(typed, hosts, &mut problems.below(&[Stop::Key("send".to_owned())])),
        (None, None) => {
            let remedy = "write `send: { method: GET, url: … }` and its tables, or `by_hand` with `page` and `steps`";
            problems.tell(&[], "a call has either `send` and its tables, or `by_hand` alone; here is neither", remedy);
            None
        }
        (Some(_), _) => {
            let message = "a call has either `send` and its tables, or `by_hand` alone";
            problems.tell(
                &["by_hand"],
                message,
                "remove one of them; two ways are a list of two: `- send: …`, `- by_hand: …`",
            );
            None
        }
    };
    if page.as_ref().is_some_and(|page| !is_page(page)) {
        problems.tell(&["page"], "`page` is no address of a page", "start it with `https://`");
    }
    let source = page.zip(mark).map(|(page, mark)| Source { page, mark, note });
    let rows = rows(act, tables, problems);
    let first =
        first.and_then(|typed| self::first(act, typed, hosts, &mut problems.below(&[Stop::Key("first".to_owned())])));
    if let (Some(send), Some(first)) = (&mut send, &first) {
        send.keep_whole(&first.keep.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    }
    let send = send?;
    let says_page = send.names().any(|name| name == "page");
    if pages.is_some() && !matches!(act, Act::List | Act::Find) {
        problems.tell(&["pages"], "`pages` is about a list", "remove it: only `list` and `find` have pages");
    } else if pages == Some(0) {
        let message = "`pages` says how many there may be at most, and none would be read";
        problems.tell(&["pages"], message, "write a number such as 50");
    } else if pages.is_some() != says_page {
        let message = "`pages` says how many there may be at most, and `{{page}}` in the url is which one";
        let remedy = if says_page { "add `pages: 50`" } else { "write `{{page}}` into the url, or remove `pages`" };
        problems.tell(if says_page { &["send", "url"] } else { &["pages"] }, message, remedy);
    }
    let needs_value = matches!(act, Act::Mint | Act::Replace) && !send.names().any(|name| name == "chosen");
    for (at, row) in rows.iter().filter(|row| row.table == Table::Done).enumerate() {
        required(act, row, needs_value, &mut problems.below(&[Stop::Key("done".to_owned()), Stop::At(at)]));
    }
    if lag_seconds.is_some() && act != Act::Usage {
        problems.tell(&["lag_seconds"], "`lag_seconds` is about usage", "remove it");
    }
    let lag = Duration::from_secs(lag_seconds.unwrap_or_default().into());
    Some(Call::Spoken(Box::new(Exchange { source, first, send, rows, pages, lag })))
}

/// What a person is told must be of use to one.
fn by_hand_of(how: ByHand, problems: &mut Problems<'_>) -> Option<ByHand> {
    if !is_page(&how.page) {
        problems.tell(&["by_hand", "page"], "`page` of `by_hand` is no address of a page", "start it with `https://`");
    }
    let is_wrong = |step: &String| step.trim().is_empty() || step.contains(char::is_control);
    if let Some(at) = how.steps.iter().position(is_wrong).or(how.steps.is_empty().then_some(0)) {
        let stops = ["by_hand", "steps"].map(|key| Stop::Key(key.to_owned()));
        problems.below(&stops).below(&[Stop::At(at)]).tell(
            &[],
            "`steps` of `by_hand` are no list of lines",
            "write what to click, one action a line, each behind `- `",
        );
    }
    Some(how)
}

fn first(act: Act, typed: FirstSpec, hosts: &[String], problems: &mut Problems<'_>) -> Option<First> {
    let FirstSpec { send, status, keep } = typed;
    if act == Act::Verify {
        problems.tell(&[], "whether a token works is one question", "remove `first`");
    }
    if send.method != "GET" {
        problems.tell(&["send", "method"], "what is asked first changes nothing", "let its method be GET");
    }
    if status.is_empty() {
        problems.tell(&["status"], "`first` needs `status: [...]`", "write `status: [200]`");
    }
    if keep.is_empty() {
        let remedy = "write `keep: { name: /pointer }`, or leave `first` out";
        problems.tell(&["keep"], "`first` needs `keep: { name: /pointer }`: it keeps nothing", remedy);
    }
    for (name, pointer) in &keep {
        pointer_problem(&["keep", name], "first", pointer, problems);
        if OURS.contains(&name.as_str()) {
            let message = format!("`first` cannot keep `{name}`, which stands for something else");
            problems.tell(&["keep", name], message, format_args!("rename it, for instance `old_{name}`"));
        }
    }
    let send = self::send(send, hosts, &mut problems.below(&[Stop::Key("send".to_owned())]))?;
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
            problems.tell(&[word], format_args!("a reply to {act} cannot mean `{word}`"), "remove that table");
        }
        if typed.0.is_empty() && table == success {
            let message = format!("without a table `{word}` no reply can be understood");
            problems.tell(&[], message, format_args!("add it: `{word}: {{ status: [200] }}`"));
        }
        for (at, row_typed) in typed.0.into_iter().enumerate() {
            let mut here = problems.below(&[Stop::Key(word.to_owned()), Stop::At(at)]);
            let row = row(table, row_typed, &mut here);
            if table == Table::Dead
                && row.body.is_empty()
                && row.has.is_empty()
                && row.status.iter().any(|one| *one != 401)
            {
                let message = "a death by a status other than 401 alone: a firewall and a wrong address say the same";
                here.tell(&["status"], message, "name in `body` what only this provider says of an ended token");
            }
            if let Some(other) = rows.iter().find(|other| clash(other, &row)) {
                let message = format!("a reply can be in `{}` and in `{word}`", other.table.word());
                let remedy = "give them different statuses, or values that differ at the same pointer of `body`";
                here.tell(&["status"], message, remedy);
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
        problems.tell(&["take"], "`done` takes no token", "add `take: { token: /pointer }`");
    }
    if needs_value && !takes(Field::Secret) {
        let remedy = "add `take: { secret: /pointer }`, or send `{{chosen}}`";
        problems.tell(&["take"], "`done` takes no secret", remedy);
    }
    if matches!(act, Act::List | Act::Find) && row.items.is_none() {
        problems.tell(
            &["items"],
            "`done` has no list",
            "add `items: /pointer`; `items: ''` where the whole reply is the list",
        );
    }
    if act == Act::Usage && !takes(Field::Used) {
        problems.tell(&["take"], "`done` takes no time of use", "add `take: { used: /pointer }`");
    }
}

/// Can one reply be in both rows, and would they mean different things?
fn clash(a: &Row, b: &Row) -> bool {
    let differ = a.table != b.table || a.limit != b.limit;
    let told_apart = a.body.iter().any(|(pointer, any)| {
        b.body.iter().any(|(other, values)| pointer == other && !any.iter().any(|value| values.contains(value)))
    });
    let apart = told_apart || nothing_where_there_is_something(a, b) || nothing_where_there_is_something(b, a);
    differ && !apart && a.status.iter().any(|status| b.status.contains(status))
}

/// One wants null where the other wants a value that is not null.
fn nothing_where_there_is_something(a: &Row, b: &Row) -> bool {
    a.body.iter().any(|(pointer, any)| any.iter().all(Value::is_null) && b.has.contains(pointer))
}

fn row(table: Table, typed: RowSpec, problems: &mut Problems<'_>) -> Row {
    let RowSpec { status, body, has, take, limit, items, filter, more } = typed;
    let word = table.word();
    if status.is_empty() {
        let message = format!("`{word}` needs `status: [...]` with HTTP status codes");
        problems.tell(&["status"], message, "write them in brackets: `status: [200]`");
    }
    for (at, code) in status.iter().enumerate().filter(|(_, code)| !(100..=599).contains(*code)) {
        problems.below(&[Stop::Key("status".to_owned()), Stop::At(at)]).tell(
            &[],
            format_args!("{code} is no HTTP status"),
            "choose 100 to 599",
        );
    }
    if limit.is_some() && table != Table::Restricted {
        let message = "`limit: scope`, `address` or `account` belongs to `restricted`, and to no other table";
        problems.tell(&["limit"], message, "remove it");
    } else if limit.is_none() && table == Table::Restricted {
        let message = "`limit: scope`, `address` or `account` belongs to every row of `restricted`";
        problems.tell(&["limit"], message, "add `limit: scope` where the token lacks a right");
    }
    if (more.is_some() || !filter.is_empty()) && items.is_none() {
        let key = if more.is_some() { "more" } else { "where" };
        let message = format!("`{word}`: `where` and `more` are about a list");
        problems.tell(&[key], message, "add `items: /pointer`");
    }
    for pointer in body.keys() {
        pointer_problem(&["body", pointer], word, pointer, problems);
    }
    for pointer in &has {
        pointer_problem(&["has"], word, pointer, problems);
    }
    for (key, pointer) in [("items", &items), ("more", &more)] {
        pointer.iter().for_each(|pointer| pointer_problem(&[key], word, pointer, problems));
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
            let template = problems.template(&["take", field.word()], word, &from);
            take.extend(template.map(|template| (field, Origin::Template(template))));
        } else {
            pointer_problem(&["take", field.word()], word, &from, problems);
            take.push((field, Origin::Pointer(from)));
        }
    }
    let filter = filter.into_iter().filter_map(|(name, wanted)| {
        let field = [Field::Token, Field::Label, Field::Origin].into_iter().find(|field| field.word() == name);
        match field.filter(|field| take.iter().any(|(taken, _)| taken == field)) {
            Some(field) => problems.template(&["where", &name], word, &wanted).map(|template| (field, template)),
            None => {
                let message = format!("`where` compares what `take` takes as token, label or origin, not `{name}`");
                problems.tell(&["where", &name], message, "add what it compares to `take`, or remove it");
                None
            }
        }
    });
    let filter = filter.collect();
    let body = body.into_iter().map(|(pointer, value)| match value {
        Value::Array(any) => (pointer, any),
        one => (pointer, vec![one]),
    });
    Row { table, status, body: body.collect(), has, take, limit, items, filter, more }
}

fn is_page(page: &str) -> bool {
    page.starts_with("https://")
}

fn pointer_problem(keys: &[&str], word: &str, pointer: &str, problems: &mut Problems<'_>) {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let message = format!("`{word}`: `{pointer}` is not a JSON pointer");
        problems.tell(keys, message, format_args!("write `/{}`", pointer.trim_start_matches("$.").replace('.', "/")));
    }
}

fn send(typed: SendSpec, hosts: &[String], problems: &mut Problems<'_>) -> Option<Sending> {
    let SendSpec { method, url, bearer, basic, headers, json, form } = typed;
    let known = METHODS.into_iter().find(|known| *known == method);
    if known.is_none() {
        let message = format!("the method `{}` is not GET, POST, PUT, PATCH or DELETE", method.escape_debug());
        problems.tell(&["method"], message, suggestion(&method, &METHODS));
    }
    if bearer.is_some() && basic.is_some() {
        problems.tell(&["basic"], "a request has one authorization", "remove `bearer` or `basic`");
    }
    if json.is_some() && !form.is_empty() {
        problems.tell(&["form"], "a request has one body", "remove `json` or `form`");
    }
    let (base, url) = self::url(&url, hosts, problems);
    let authorization = match (bearer, basic) {
        (Some(token), _) => problems.template(&["bearer"], "bearer", &token).map(Authorization::Bearer),
        (None, Some(pair)) => problems.template(&["basic"], "basic", &pair).map(Authorization::Basic),
        (None, None) => None,
    };
    let mut checked = Vec::new();
    for (name, value) in headers {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            let message = format!("the header `{name}` is not written in lower-case letters, digits and `-`");
            problems.tell(&["headers", &name], message, format_args!("write `{}`", name.to_ascii_lowercase()));
        }
        if name == "host" || name == "content-length" || (name == "authorization" && authorization.is_some()) {
            problems.tell(&["headers", &name], format_args!("the header `{name}` is set already"), "remove it");
        }
        if value.contains(char::is_control) {
            problems.tell(
                &["headers", &name],
                "a header is one line without control characters",
                "write it in one line",
            );
        }
        let value = problems.template(&["headers", &name], "headers", &value);
        checked.extend(value.map(|value| (name, value)));
    }
    let body = match json {
        Some(document) => match JsonTemplate::parse(&document) {
            Ok(document) => Body::Json(document),
            Err(why) => {
                problems.tell_template(&["json"], "json", &why);
                Body::None
            }
        },
        None if form.is_empty() => Body::None,
        None => Body::Form(
            form.into_iter()
                .filter_map(|(name, value)| {
                    problems.template(&["form", &name], "form", &value).map(|value| (name, value))
                })
                .collect(),
        ),
    };
    Some(Sending { method: known?, base, url: url?, authorization, headers: checked, body })
}

/// A URL goes to a host of the rule, written out, or to the configured base.
fn url(typed: &str, hosts: &[String], problems: &mut Problems<'_>) -> (bool, Option<Template>) {
    if typed.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        problems.tell(&["url"], "a url has no spaces", "write `%20` for a space, or remove it");
    }
    if typed.contains('#') {
        problems.tell(&["url"], "what stands behind `#` in a url is never sent", "remove it");
    }
    if let Some(path) = typed.strip_prefix("{{base}}") {
        if !(path.is_empty() || path.starts_with(['/', '?'])) {
            problems.tell(&["url"], "what follows `{{base}}` begins with `/`", "write `{{base}}/…`");
        }
        return (true, problems.template(&["url"], "url", path));
    }
    let template = problems.template(&["url"], "url", typed);
    let written = template.as_ref().map_or("", Template::prefix);
    let host = written.strip_prefix("https://").and_then(|rest| rest.split_once(['/', '?'])).map(|(host, _)| host);
    let form = "a url begins with `https://`, a written host and `/`, or with `{{base}}`";
    match host {
        Some(host) if hosts.iter().any(|known| known == host) => {}
        Some(host) if host.contains('@') => {
            let message = format!("{form}; before the host of this one stands a user");
            problems.tell(&["url"], message, "remove all up to `@`, and use `basic` or `bearer`");
        }
        Some(host) if host.contains(':') => {
            let message = format!("{form}; behind the host of this one stands a port");
            problems.tell(
                &["url"],
                message,
                "remove it, or write `{{base}}`, for which the operator gives an address with its port",
            );
        }
        Some(host) => problems.tell(
            &["url"],
            format_args!("the host `{host}` is not among the rule's `hosts`"),
            "add it there, or write `{{base}}` for a configured one",
        ),
        None if typed.starts_with("http://") => {
            problems.tell(
                &["url"],
                format_args!("{form}; this one would send the secret in the clear"),
                "write `https://`",
            );
        }
        None if template.is_some() => {
            let remedy = match hosts.first() {
                Some(host) => format!("write `https://{host}/…`"),
                None => "write `{{base}}/…`, or name the host in `hosts`".to_owned(),
            };
            problems.tell(&["url"], form, remedy);
        }
        None => {}
    }
    (false, template)
}

/// What a sample reply may mean.
const MEANINGS: [&str; 9] =
    ["live", "restricted", "dead", "wrong_place", "done", "refused", "gone", "quota", "unknown"];

/// Runs one sample reply, and tells if it means something else than it says.
fn sample(checked: &Exchanges, number: usize, reply: &ReplySpec, problems: &mut Problems<'_>) {
    let ReplySpec { of, way, status, body, means, token, count, values } = reply;
    let place = format!("number {number} (of {of}, status {status})");
    let act = Act::ALL.into_iter().find(|act| act.word() == of);
    let ways = act.map(|act| checked.ways(act)).unwrap_or_default();
    if ways.is_empty() {
        let calls: Vec<_> = checked.calls.keys().map(|act| act.word()).collect();
        let message = format!("number {number} is of `{}`, which is not a call of this kind", of.escape_debug());
        let remedy = if calls.is_empty() { "remove it, or add the call".to_owned() } else { suggestion(of, &calls) };
        problems.tell(&["of"], message, remedy);
        return;
    }
    let Some(exchange) = way.unwrap_or(1).checked_sub(1).and_then(|way| ways.get(way)) else {
        let message = format!("number {number} is of way {} of `{of}`, which has {}", way.unwrap_or(1), ways.len());
        problems.tell(&["way"], message, "count the ways with `send` from 1");
        return;
    };
    if !(100..=599).contains(status) {
        problems.tell(&["status"], format_args!("{status} is no HTTP status"), "choose 100 to 599");
        return;
    }
    let wanted = means.replace('-', "_");
    if !MEANINGS.contains(&wanted.as_str()) {
        let message = format!("`{}` is nothing that a reply can mean", means.escape_debug());
        problems.tell(&["means"], message, suggestion(means, &MEANINGS));
        return;
    }
    let body = match body {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        document => document.to_string(),
    };
    let values: Vec<_> = values.iter().map(|(name, value)| (name, Secret::new(value.as_bytes().to_vec()))).collect();
    let find = |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    let meaning = exchange.read(*status, &Secret::new(body.into_bytes()), &find);
    if meaning.word() != wanted {
        let message = format!("{place} means {}, not {means}", meaning.word());
        problems.tell(&["means"], message, "correct the tables or the sample");
        return;
    }
    let taken = meaning.taken();
    if count.is_some_and(|count| count != taken.len()) {
        let message = format!("{place} leaves {} items", taken.len());
        problems.tell(&["count"], message, "correct `items`, `where` or the sample");
        return;
    }
    let first = taken.first().and_then(|taken| taken.token.as_ref());
    if token.as_ref().is_some_and(|token| first.is_none_or(|first| first.as_str() != token)) {
        let message = format!("{place} gives another token than the sample says");
        problems.tell(&["token"], message, "correct `take` or the sample");
    }
}
