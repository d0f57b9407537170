//! Every call of a file of rules, replayed end to end: the provider that is spoken to stands on this machine and answers with
//! the samples of the file. What it is asked must be what the file says, and what is read of its answer what the sample
//! says. Whatever hosts a file names, nothing else is contacted: each of them is directed here.

mod stand_in;
mod told;

use super::{Access, HttpProvider, plain};
use crate::clock::{Clock, SystemClock};
use crate::egress::{Egress, EgressError, Endpoint, Limits, endpoint};
use crate::model::KindId;
use crate::model::{Companions, Credential, Label, Reason, Secret, Span, Timestamp, TokenId, Usage, Verdict};
use crate::provider::{Provider as _, ProviderError, Revoked};
use crate::rules::Step::{self, At, Key};
use crate::rules::exchange::{Act, OURS};
use crate::rules::{Catalogue, Kind, Problem, Progress, Typed};
use serde_json::{Map, Value, json};
use stand_in::{Asked, StandIn};
use std::io;
use std::sync::Arc;
use told::{Difference, Given};

/// Handles, labels and moments that the calls are given.
const FIXED: [(&str, &str); 4] = [("token", "tok-1"), ("label", "stanch-l1"), ("page", "1"), ("since", "1700000000")];
/// What a configuration would give.
const AUTHORITY: &str = "authority-77c1";
const CHOSEN: &str = "chosen-0b7d";
/// The tables of a call.
const TABLES: [&str; 8] = ["live", "restricted", "dead", "wrong_place", "done", "refused", "gone", "quota"];
/// The largest place of a list that `first` keeps something of.
const FARTHEST: usize = 1000;

/// What came of a file.
#[derive(Debug)]
pub struct Replayed {
    /// The file as it was named.
    pub file: String,
    /// How many kinds it has.
    pub kinds: usize,
    /// How many calls they have, each way counted.
    pub calls: usize,
    /// How many samples were replayed.
    pub samples: usize,
    /// What no sample shows: calls, and tables of calls.
    pub unshown: Vec<Problem>,
    /// What was sent or read otherwise than the file says.
    pub wrong: Vec<Problem>,
}

/// Why nothing can be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No port of this machine can be had.
    #[error("no provider can be started on this machine")]
    Port(#[source] io::Error),
    /// What sends requests cannot be set up.
    #[error("what sends requests cannot be set up")]
    Egress(#[source] EgressError),
}

/// The member of a document, or null.
fn of<'v>(document: &'v Value, key: &str) -> &'v Value {
    document.get(key).unwrap_or(&Value::Null)
}

fn list(document: &Value) -> &[Value] {
    document.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Replays files of rules.
#[derive(Debug)]
pub struct Replay {
    provider: StandIn,
    here: Endpoint,
    egress: Arc<Egress>,
    clock: Arc<dyn Clock>,
}

impl Replay {
    /// Starts a provider on 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self, ReplayError> {
        let provider = StandIn::start().await.map_err(ReplayError::Port)?;
        let here = endpoint(provider.base()).map_err(ReplayError::Egress)?;
        let egress = Arc::new(Egress::new(Limits::default()).map_err(ReplayError::Egress)?);
        Ok(Self { provider, here, egress, clock: Arc::new(SystemClock::new()) })
    }

    /// Replays all samples of a file whose kinds are in this catalogue.
    pub async fn file(&self, typed: &Typed, catalogue: &Catalogue) -> Replayed {
        let (file, kinds) = (typed.file().to_owned(), typed.kinds().len());
        let mut all = Replayed { file, kinds, calls: 0, samples: 0, unshown: Vec::new(), wrong: Vec::new() };
        for (index, document) in typed.kinds().iter().enumerate() {
            let id = KindId::new(of(document, "id").as_str().unwrap_or_default());
            let Some(kind) = catalogue.find(&id) else { continue };
            for act in Act::ALL {
                self.act(&Spoken { typed, index, document, kind, act }, &mut all).await;
            }
        }
        all
    }

    async fn act(&self, spoken: &Spoken<'_>, all: &mut Replayed) {
        let ways = spoken.ways();
        all.calls += ways.len();
        all.unshown.extend(ways.iter().enumerate().filter_map(|(number, way)| spoken.unshown(number, way)));
        for (at, reply) in spoken.replies() {
            let number = way_of(reply);
            let Some(way) = ways.get(number) else { continue };
            all.samples += 1;
            let sample = Sample { spoken, number, way, at, reply };
            let told = |miss: Miss<'_>| spoken.typed.problem(&spoken.below(&miss.at), sample.says(&miss), miss.remedy);
            all.wrong.extend(self.sample(&sample).await.into_iter().map(told));
        }
    }

    /// Replays a sample; says all that is wrong.
    async fn sample<'c>(&self, sample: &Sample<'c>) -> Vec<Miss<'c>> {
        let Some(prepared) = sample.prepared(&self.here, self.provider.base()) else {
            let at = vec![Key("detect"), Key("examples"), At(0)];
            let message = "no secret is found in the first example, so that there is none to send".to_owned();
            return vec![Miss { at, message, remedy: "let the first example show a whole token".to_owned() }];
        };
        let Prepared { call, access, answers } = prepared;
        let exchanges = sample.spoken.kind.exchanges().clone();
        let provider = HttpProvider::new(exchanges, access, Arc::clone(&self.egress), Arc::clone(&self.clock));
        self.provider.answer(answers);
        let came = call.made(sample.spoken.act, &provider).await;
        sample.judged(&call, &came, &self.provider.asked(), self.provider.base())
    }
}

/// An act of a kind.
struct Spoken<'c> {
    typed: &'c Typed,
    index: usize,
    document: &'c Value,
    kind: &'c Arc<Kind>,
    act: Act,
}

/// A way of an act that needs no person.
struct Way<'c> {
    /// Where it stands among all ways of the act.
    at: usize,
    typed: &'c Value,
}

impl<'c> Spoken<'c> {
    fn ways(&self) -> Vec<Way<'c>> {
        let typed = of(self.document, self.act.word());
        let ways = typed.as_array().map_or(std::slice::from_ref(typed), Vec::as_slice);
        let ways = ways.iter().enumerate().map(|(at, typed)| Way { at, typed });
        ways.filter(|way| !of(way.typed, "send").is_null()).collect()
    }

    fn replies(&self) -> impl Iterator<Item = (usize, &'c Value)> {
        let replies = list(of(self.document, "replies")).iter().enumerate();
        replies.filter(|(_, reply)| *of(reply, "of") == self.act.word())
    }

    fn below<'s>(&self, steps: &[Step<'s>]) -> Vec<Step<'s>> {
        [&[Key("kinds"), At(self.index)], steps].concat()
    }

    /// What no sample shows of a way.
    fn unshown(&self, number: usize, way: &Way<'_>) -> Option<Problem> {
        let shown: Vec<String> =
            self.replies().filter(|(_, reply)| way_of(reply) == number).map(|(_, reply)| meaning_of(reply)).collect();
        let tables = TABLES.into_iter().filter(|table| !of(way.typed, table).is_null());
        let unshown: Vec<String> = tables
            .chain(["unknown"])
            .filter(|table| shown.iter().all(|word| word != table))
            .map(|table| format!("`{table}`"))
            .collect();
        let message = match (shown.is_empty(), unshown.as_slice()) {
            (true, _) => format!("{} {} has no sample: it was never sent", self.kind.id, named(self.act, number)),
            (false, []) => return None,
            (false, words) => {
                format!("{} {}: no sample shows {}", self.kind.id, named(self.act, number), words.join(", "))
            }
        };
        let remedy = "add such replies to `replies`".to_owned();
        let at = [Key(self.act.word()), At(way.at)];
        Some(self.typed.problem(&self.below(&at), message, remedy))
    }
}

fn named(act: Act, number: usize) -> String {
    if number == 0 { act.to_string() } else { format!("{act} (way {})", number + 1) }
}

/// The number of a sample's way, from 0.
fn way_of(reply: &Value) -> usize {
    let typed = of(reply, "way").as_u64().and_then(|way| usize::try_from(way).ok());
    typed.unwrap_or(1).saturating_sub(1)
}

fn meaning_of(reply: &Value) -> String {
    of(reply, "means").as_str().unwrap_or_default().replace('-', "_")
}

fn status_of(value: &Value) -> u16 {
    value.as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default()
}

/// A sample reply to a way of an act.
struct Sample<'c> {
    spoken: &'c Spoken<'c>,
    number: usize,
    way: &'c Way<'c>,
    at: usize,
    reply: &'c Value,
}

/// Something that is not as the file says: where, what, and what to do.
struct Miss<'c> {
    at: Vec<Step<'c>>,
    message: String,
    remedy: String,
}

/// What is configured for a call, and what is answered.
struct Prepared {
    call: Call,
    access: Access,
    answers: Vec<(u16, String)>,
}

/// What the text of an example names beside its secret.
type Beside = Vec<(String, Vec<u8>)>;

/// What a call is given.
struct Call {
    secret: Option<Vec<u8>>,
    beside: Beside,
    given: Given,
    /// Of a leaked token the handle is not known, unless the call needs it.
    needs_token: bool,
    /// An earlier way that needs no more than this one, and so is taken in its stead.
    earlier: Option<usize>,
}

/// What came of a call, in the words of the rule files.
struct Came {
    meaning: &'static str,
    token: Option<TokenId>,
    items: Option<usize>,
    why: Option<String>,
}

impl<'c> Sample<'c> {
    fn says(&self, miss: &Miss<'_>) -> String {
        let (id, status) = (&self.spoken.kind.id, status_of(of(self.reply, "status")));
        let call = named(self.spoken.act, self.number);
        format!("{id} {call}, replayed with sample {} (status {status}): {}", self.at + 1, miss.message)
    }

    /// None where the first example shows no secret.
    fn prepared(&self, here: &Endpoint, base: &str) -> Option<Prepared> {
        let kind = self.spoken.kind;
        let (secret, beside) = example(kind, self.spoken.document)?;
        let ways = kind.exchanges().ways(self.spoken.act);
        let exchange = ways.get(self.number)?;
        let needed: Vec<&str> = exchange.names().collect();
        let mut given = Given::new();
        FIXED.into_iter().for_each(|(name, value)| given.public(name, value));
        given.public("base", base);
        for (name, value) in &beside {
            given.secret(name, String::from_utf8_lossy(value));
        }
        let mut access = Access { kind: Some(Arc::clone(kind)), base: Some(here.clone()), ..Access::default() };
        // Every host of the file stands here: no other address is allowed.
        access.hosts = kind.exchanges().hosts().iter().map(|host| (host.clone(), here.clone())).collect();
        if needed.contains(&"authority") {
            given.secret("authority", AUTHORITY);
            access.authority = Some(plain(AUTHORITY));
        }
        if needed.contains(&"chosen") {
            given.secret("chosen", CHOSEN);
        }
        for name in needed.iter().filter(|name| !OURS.contains(name)) {
            let value = format!("v-{name}");
            access.values.push(*name, plain(&value));
            given.public(name, value);
        }
        for (name, part) in kind.parts(&Secret::new(secret.clone())).iter() {
            #[expect(clippy::disallowed_methods, reason = "the part of a made-up token is looked for in the request")]
            given.secret(name, String::from_utf8_lossy(part.expose()));
        }
        given.secret("secret", String::from_utf8_lossy(&secret));
        for name in ["label", "token"] {
            if let Some(value) = of(of(self.reply, "values"), name).as_str() {
                given.public(name, value);
            }
        }
        let mut answers = Vec::new();
        if let Some(first) = self.way.typed.get("first") {
            let (document, kept) = held(of(first, "keep").as_object()?);
            answers.push((list(of(first, "status")).first().map_or(200, status_of), document.to_string()));
            kept.into_iter().for_each(|(name, value)| given.public(&name, value));
        }
        let (status, body) = (status_of(of(self.reply, "status")), written(of(self.reply, "body")));
        answers.push((status, body.clone()));
        if self.way.typed.get("pages").is_some() && meaning_of(self.reply) == "done" {
            answers.push((status, emptied(&body, of(self.way.typed, "done"))));
        }
        // A token whose value was lost is ended by what else is known of it.
        let has_secret = self.number == 0 || needed.contains(&"secret");
        let missing = |name: &str| match name {
            "secret" => !has_secret,
            "authority" | "chosen" => !needed.contains(&name),
            other => given.find(other).is_none(),
        };
        let earlier = ways.iter().take(self.number).position(|way| !way.names().any(missing));
        let secret = Some(secret).filter(|_| has_secret);
        let call = Call { secret, beside, given, needs_token: needed.contains(&"token"), earlier };
        Some(Prepared { call, access, answers })
    }

    /// What is wrong with what came of a call, and with what was asked.
    fn judged(&self, call: &Call, came: &Came, asked: &[Asked], base: &str) -> Vec<Miss<'c>> {
        let act = self.spoken.act;
        let sends: Vec<(&[Step<'c>], &Value)> = match self.way.typed.get("first") {
            Some(first) => {
                vec![(&[Key("first"), Key("send")], of(first, "send")), (&[Key("send")], of(self.way.typed, "send"))]
            }
            None => vec![(&[Key("send")], of(self.way.typed, "send"))],
        };
        let in_call = |steps: &[Step<'c>]| [&[Key(act.word()), At(self.way.at)], steps].concat();
        let in_reply = |key: &'static str| vec![Key("replies"), At(self.at), Key(key)];
        let why = came.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let mut wrong = Vec::new();
        let mut at_reply = |key, message, remedy: &str| {
            wrong.push(Miss { at: in_reply(key), message, remedy: remedy.to_owned() });
        };
        let wanted = meaning_of(self.reply);
        // Of use an unreadable record is all that can be said; of what is gone, that it was refused.
        let nothing_known = came.meaning == "gone" && act == Act::Usage && wanted == "done";
        let is_gone = came.meaning == "refused" && wanted == "gone";
        if came.meaning != wanted && !nothing_known && !is_gone {
            let message = format!("it was taken for {}{why}, and the sample says {wanted}", came.meaning);
            at_reply("means", message, "correct `means`, or let the sample hold all that its table takes");
        }
        // A handle that is made of parts of a token is that of the token at hand.
        let own = of(self.reply, "values").as_object();
        let is_told = own.is_none_or(|values| values.keys().all(|name| matches!(name.as_str(), "label" | "token")));
        if let (Some(named), Some(token)) = (of(self.reply, "token").as_str().filter(|_| is_told), &came.token)
            && token.as_str() != named
        {
            let message = format!("its token is {}, and the sample says {named}", call.given.masked(token.as_str()));
            at_reply("token", message, "correct `take` or the sample");
        }
        let count = of(self.reply, "count").as_u64().and_then(|count| usize::try_from(count).ok());
        if let (Some(count), Some(items)) = (count.filter(|_| is_told), came.items)
            && count != items
        {
            let message = format!("it leaves {items} items, and the sample says {count}");
            at_reply("count", message, "correct `items`, `where` or the sample");
        }
        if asked.len() < sends.len() {
            let message = format!("{} requests were sent, and the file says {}{why}", asked.len(), sends.len());
            let remedy = "look at what the call needs: a place that nothing fills, an address that is none";
            wrong.push(Miss { at: in_call(&[Key("send")]), message, remedy: remedy.to_owned() });
        }
        for ((above, send), asked) in sends.into_iter().zip(asked) {
            if let Err(Difference { at, message, remedy }) = call.given.compare(send, asked, base) {
                wrong.push(Miss { at: in_call(&[above, &at].concat()), message, remedy: remedy.to_owned() });
            }
        }
        if let (Some(earlier), false) = (call.earlier, wrong.is_empty()) {
            let message =
                format!("way {} was taken in its stead, which needs nothing that this one lacks", earlier + 1);
            let remedy = "put the way that needs more before the one that needs less".to_owned();
            return vec![Miss { at: in_call(&[]), message, remedy }];
        }
        wrong
    }
}

impl Call {
    /// Makes the call as rotations do. What ends a token is reached below its warrant: the token is made up, and the provider
    /// stands on this machine.
    async fn made(&self, act: Act, provider: &HttpProvider) -> Came {
        let text = |name: &str| self.given.find(name).unwrap_or_default();
        let (token, label) = (TokenId::new(text("token")), Label::new(text("label")));
        let secret = self.secret.clone().map(Secret::new);
        let mut companions = Companions::default();
        self.beside.iter().for_each(|(name, value)| companions.push(name, Secret::new(value.clone())));
        let credential = Credential { token: Some(token.clone()), secret, companions };
        match act {
            Act::Verify => {
                let token = credential.token.filter(|_| self.needs_token);
                verified(provider.verify(&Credential { token, ..credential }).await)
            }
            Act::Mint | Act::Replace => {
                let chosen = self.given.find("chosen").map(plain);
                let made = provider.make(act, &credential, &label, chosen.as_ref()).await;
                came(made.map(|minted| (Some(minted.token), None)))
            }
            Act::List => came(provider.list(&token).await.map(|all| {
                let items = all.len();
                (all.into_iter().next().map(|one| one.token), Some(items))
            })),
            Act::Find => came(provider.find(&label).await.map(|all| {
                let items = all.len();
                (all.into_iter().next(), Some(items))
            })),
            Act::Disable => came(provider.useless(&token, &credential).await.map(|()| (None, None))),
            Act::Revoke => match provider.end(&token, &credential).await {
                Ok(Revoked::AlreadyGone) => meaning("gone"),
                other => came(other.map(|_| (None, None))),
            },
            Act::Usage => match provider.usage(&token, Timestamp(1_700_000_000_000)).await {
                Ok(Usage::CannotKnow) => meaning("gone"),
                other => came(other.map(|_| (None, None))),
            },
        }
    }
}

fn meaning(meaning: &'static str) -> Came {
    Came { meaning, token: None, items: None, why: None }
}

fn verified(verdict: Verdict) -> Came {
    match verdict {
        Verdict::Live(token) => Came { token: Some(token), ..meaning("live") },
        Verdict::Restricted(token, _) => Came { token: Some(token), ..meaning("restricted") },
        Verdict::Dead => meaning("dead"),
        Verdict::WrongPlace => meaning("wrong_place"),
        Verdict::Unknown(Reason::Local) => meaning("what cannot be sent"),
        Verdict::Unknown(_) => meaning("unknown"),
    }
}

fn came(result: Result<(Option<TokenId>, Option<usize>), ProviderError>) -> Came {
    let failed = |error: &ProviderError| match error {
        ProviderError::Refused { .. } => "refused",
        ProviderError::Quota => "quota",
        ProviderError::NoAnswer { .. } | ProviderError::Throttled { .. } => "unknown",
        ProviderError::Unsupported { .. } => "unsupported",
    };
    match result {
        Ok((token, items)) => Came { token, items, ..meaning("done") },
        Err(error) => Came { why: Some(error.to_string()), ..meaning(failed(&error)) },
    }
}

/// The secret of the first example, and what its text names beside it.
fn example(kind: &Kind, document: &Value) -> Option<(Vec<u8>, Beside)> {
    let first = list(of(of(document, "detect"), "examples")).first()?;
    let text = match first {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
        whole => whole.as_str()?.to_owned(),
    };
    let part = |at: Span| text.as_bytes().get(at.start..at.end).unwrap_or_default().to_vec();
    let mut shown = None;
    kind.detect.search(text.as_bytes(), 0..text.len(), &mut Progress::default(), &mut |found| {
        let beside = found.companions.into_iter().map(|(name, at)| (name, part(at))).collect();
        shown = Some((part(found.secret), beside));
    });
    shown
}

/// A document that holds a value of its own wherever a pointer says, and these values by name.
fn held(pointers: &Map<String, Value>) -> (Value, Vec<(String, String)>) {
    let (mut whole, mut kept) = (Value::Null, Vec::new());
    for (name, pointer) in pointers {
        let value = format!("kept-{name}");
        let steps: Vec<&str> = pointer.as_str().unwrap_or_default().split('/').skip(1).collect();
        put(&mut whole, &steps, &value);
        kept.push((name.clone(), value));
    }
    (whole, kept)
}

fn put(here: &mut Value, steps: &[&str], value: &str) {
    let Some((step, below)) = steps.split_first() else {
        *here = Value::String(value.to_owned());
        return;
    };
    let next = match step.parse::<usize>() {
        Ok(at) if at < FARTHEST && !here.is_object() => {
            if !here.is_array() {
                *here = json!([]);
            }
            here.as_array_mut().and_then(|list| {
                list.resize(list.len().max(at + 1), Value::Null);
                list.get_mut(at)
            })
        }
        _ => {
            if !here.is_object() {
                *here = json!({});
            }
            let name = step.replace("~1", "/").replace("~0", "~");
            here.as_object_mut().map(|map| map.entry(name).or_insert(Value::Null))
        }
    };
    if let Some(next) = next {
        put(next, below, value);
    }
}

fn written(body: &Value) -> String {
    match body {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        document => document.to_string(),
    }
}

/// The page after the last one: the same reply without its items.
fn emptied(body: &str, done: &Value) -> String {
    let rows = done.as_array().map_or(std::slice::from_ref(done), Vec::as_slice);
    let Ok(mut document) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    for items in rows.iter().filter_map(|row| of(row, "items").as_str()) {
        if let Some(list) = document.pointer_mut(items) {
            *list = json!([]);
        }
    }
    document.to_string()
}

#[cfg(test)]
mod tests;
