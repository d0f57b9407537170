//! Tests of the declarative provider, against a small issuer on loopback.

use super::*;
use crate::clock::SystemClock;
use crate::egress::{Limits, endpoint};
use crate::provider::ask;
use crate::provider::contract::like;
use crate::rules::exchange::{Calls, Ways};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

const RULE: &str = r"
verify:
  send: { method: GET, url: '{{base}}/me', bearer: '{{secret}}' }
  live: { status: [200], take: { token: /id, scopes: /scopes } }
  dead: { status: [401] }
  restricted: { status: [403], limit: address }
mint:
  send: { method: POST, url: '{{base}}/tokens', bearer: '{{authority}}', json: { like: '{{token}}', name: '{{label}}' } }
  done: { status: [201], take: { token: /id, secret: /secret } }
  refused: { status: [400, 401] }
  quota: { status: [409] }
list:
  send: { method: GET, url: '{{base}}/tokens', bearer: '{{authority}}' }
  done: { status: [200], items: '', take: { token: /id, created: /created } }
  refused: { status: [401] }
find:
  send: { method: GET, url: '{{base}}/tokens?name={{label}}', bearer: '{{authority}}' }
  done: { status: [200], items: '', where: { label: '{{label}}' }, take: { token: /id, label: /name } }
revoke:
  send: { method: DELETE, url: '{{base}}/tokens/{{token}}', bearer: '{{authority}}' }
  done: { status: [204] }
  gone: { status: [404] }
usage:
  lag_seconds: 60
  send: { method: GET, url: '{{base}}/tokens/{{token}}/use?since={{since}}', bearer: '{{authority}}' }
  done: { status: [200], items: /uses, take: { used: /at, origin: /ip } }
";

#[derive(Debug, Default)]
struct Issuer {
    tokens: BTreeMap<String, (String, String)>,
    minted: u32,
    /// The status that every call answers instead, with an optional wait.
    broken: Option<(u16, Option<&'static str>)>,
}

type Shared = Arc<Mutex<Issuer>>;
type Reply = (StatusCode, HeaderMap, Json<Value>);

fn reply(status: u16, body: Value) -> Reply {
    (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), Json(body))
}

fn gate(issuer: &Issuer, headers: &HeaderMap, admin: bool) -> Result<String, Box<Reply>> {
    if let Some((status, wait)) = issuer.broken {
        let mut broken = reply(status, json!({}));
        broken.1.extend(wait.map(|wait| (axum::http::header::RETRY_AFTER, wait.parse().unwrap())));
        return Err(Box::new(broken));
    }
    let secret = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match secret {
        Some("root") if admin => Ok("root".to_owned()),
        Some(secret) if !admin => {
            let found = issuer.tokens.iter().find(|(_, (held, _))| held == secret).map(|(id, _)| id.clone());
            found.ok_or_else(|| Box::new(reply(401, json!({}))))
        }
        _ => Err(Box::new(reply(401, json!({})))),
    }
}

async fn me(State(shared): State<Shared>, headers: HeaderMap) -> Reply {
    gate(&shared.lock().unwrap(), &headers, false)
        .map_or_else(|error| *error, |id| reply(200, json!({ "id": id, "scopes": ["write", "read"] })))
}

async fn mint(State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Reply {
    let mut issuer = shared.lock().unwrap();
    if let Err(error) = gate(&issuer, &headers, true) {
        return *error;
    }
    assert_eq!(body["like"], "t0");
    if issuer.tokens.len() >= 3 {
        return reply(409, json!({}));
    }
    issuer.minted += 1;
    let (id, secret) = (format!("t{}", issuer.minted), format!("value{}", issuer.minted));
    issuer.tokens.insert(id.clone(), (secret.clone(), body["name"].as_str().unwrap().to_owned()));
    reply(201, json!({ "id": id, "secret": secret }))
}

async fn list(State(shared): State<Shared>, headers: HeaderMap) -> Reply {
    let issuer = shared.lock().unwrap();
    let items = issuer.tokens.iter();
    let items: Vec<_> =
        items.map(|(id, (_, name))| json!({ "id": id, "name": name, "created": "2023-11-14T22:13:20Z" })).collect();
    gate(&issuer, &headers, true).map_or_else(|error| *error, |_| reply(200, json!(items)))
}

async fn revoke(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Reply {
    let mut issuer = shared.lock().unwrap();
    match gate(&issuer, &headers, true) {
        Ok(_) if issuer.tokens.remove(&id).is_some() => reply(204, Value::Null),
        Ok(_) => reply(404, json!({})),
        Err(error) => *error,
    }
}

async fn uses(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Reply {
    let since: u64 = query.unwrap().strip_prefix("since=").unwrap().parse().unwrap();
    let body = if id == "t0" { json!([{ "at": since + 5, "ip": "192.0.2.7" }]) } else { json!([]) };
    gate(&shared.lock().unwrap(), &headers, true).map_or_else(|error| *error, |_| reply(200, json!({ "uses": body })))
}

async fn world() -> (Shared, HttpProvider) {
    let shared = Shared::default();
    shared.lock().unwrap().tokens.insert("t0".to_owned(), ("value0".to_owned(), "by hand".to_owned()));
    let routes = Router::new()
        .route("/me", get(me))
        .route("/tokens", post(mint).get(list))
        .route("/tokens/{id}", delete(revoke))
        .route("/tokens/{id}/use", get(uses))
        .with_state(Arc::clone(&shared));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = endpoint(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (shared, provider(Some(base)))
}

fn provider(base: Option<Endpoint>) -> HttpProvider {
    let mut calls: BTreeMap<String, Ways> = serde_yaml::from_str(RULE).unwrap();
    let calls = Calls {
        verify: calls.remove("verify").unwrap_or_default(),
        mint: calls.remove("mint").unwrap_or_default(),
        list: calls.remove("list").unwrap_or_default(),
        find: calls.remove("find").unwrap_or_default(),
        revoke: calls.remove("revoke").unwrap_or_default(),
        usage: calls.remove("usage").unwrap_or_default(),
        ..Calls::default()
    };
    let exchanges = Exchanges::check(calls, &[]).unwrap();
    let access = Access { base, authority: Some(plain("root")), ..Access::default() };
    let egress = Arc::new(Egress::new(Limits::default()).unwrap());
    HttpProvider::new(exchanges, access, egress, Arc::new(SystemClock::new()))
}

fn credential(secret: &str) -> Credential {
    Credential { secret: Some(plain(secret)), ..Credential::default() }
}

#[tokio::test]
async fn a_token_goes_from_mint_to_death() {
    let (_shared, provider) = world().await;
    let old = TokenId::new("t0");
    assert_eq!(ask(&provider, &credential("value0")).await, Verdict::Live(old.clone()));
    assert_eq!(
        provider.scopes(&credential("value0")).await.unwrap(),
        Scopes::Known(vec!["read".to_owned(), "write".to_owned()])
    );
    let label = Label::new("stanch-c1-1-abc");
    let minted = provider.mint(&like(&old), &label, None).await.unwrap();
    assert_eq!(minted.token, TokenId::new("t1"));
    let new = Credential { secret: Some(minted.secret), ..Credential::default() };
    assert_eq!(ask(&provider, &new).await, Verdict::Live(TokenId::new("t1")));
    assert_eq!(ask(&provider, &credential("value0")).await, Verdict::Live(old.clone()));
    assert_eq!(provider.find(&label).await.unwrap(), [TokenId::new("t1")]);
    assert_eq!(provider.find(&Label::new("stanch-other")).await.unwrap(), []);
    let listed = provider.list(&old).await.unwrap();
    assert_eq!((listed.len(), listed[0].created), (2, Some(Timestamp(1_700_000_000_000))));
    let warrant = Warrant::for_test("t0");
    assert_eq!(provider.revoke(&warrant, &credential("value0")).await.unwrap(), Revoked::Accepted);
    assert_eq!(provider.revoke(&warrant, &credential("value0")).await.unwrap(), Revoked::AlreadyGone);
    assert_eq!(ask(&provider, &credential("value0")).await, Verdict::Dead);
}

#[tokio::test]
async fn use_is_seen_and_its_absence_is_known_only_up_to_the_lag() {
    let (_shared, provider) = world().await;
    let since = Timestamp(1_700_000_000_000);
    let seen = Use { at: Some(Timestamp(1_700_000_005_000)), origin: "192.0.2.7".to_owned() };
    assert_eq!(provider.usage(&TokenId::new("t0"), since).await.unwrap(), Usage::Seen(vec![seen]));
    let now = SystemClock::new().now();
    match provider.usage(&TokenId::new("t1"), since).await.unwrap() {
        Usage::NoneSeen(up_to) => assert!(now.since(up_to) >= Duration::from_secs(55), "{now} {up_to}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_full_quota_is_said() {
    let (_shared, provider) = world().await;
    for attempt in 1..=2 {
        let label = Label::new(format!("l{attempt}"));
        provider.mint(&like(&TokenId::new("t0")), &label, None).await.unwrap();
    }
    let error = provider.mint(&like(&TokenId::new("t0")), &Label::new("l3"), None).await.unwrap_err();
    assert!(matches!(error, ProviderError::Quota), "{error:?}");
}

#[tokio::test]
async fn what_no_table_holds_is_unknown_and_perhaps_happened() {
    let (shared, provider) = world().await;
    shared.lock().unwrap().broken = Some((503, Some("5")));
    assert_eq!(ask(&provider, &credential("value0")).await, Verdict::Unknown(Reason::Unreachable));
    let error = provider.mint(&like(&TokenId::new("t0")), &Label::new("l"), None).await.unwrap_err();
    assert_eq!((error.happened(), error.reason()), (Happened::Perhaps, Reason::Unexpected));
    let error = provider.revoke(&Warrant::for_test("t0"), &credential("value0")).await.unwrap_err();
    assert_eq!(error.happened(), Happened::Perhaps);
}

#[tokio::test]
async fn being_asked_to_wait_is_not_an_answer() {
    let (shared, provider) = world().await;
    shared.lock().unwrap().broken = Some((429, Some("7")));
    assert_eq!(ask(&provider, &credential("value0")).await, Verdict::Unknown(Reason::Throttled));
    let error = provider.mint(&like(&TokenId::new("t0")), &Label::new("l"), None).await.unwrap_err();
    assert_eq!((error.happened(), error.retry_after()), (Happened::No, Some(Duration::from_secs(7))));
    shared.lock().unwrap().broken = Some((403, Some("7")));
    assert_eq!(ask(&provider, &credential("value0")).await, Verdict::Unknown(Reason::Throttled));
    shared.lock().unwrap().broken = Some((403, None));
    // Everything is answered so, the control too: it proves nothing.
    assert_eq!(ask(&provider, &credential("value0")).await, Verdict::Unknown(Reason::Control));
}

#[tokio::test]
async fn no_connection_surely_did_not_happen() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = endpoint(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let provider = provider(Some(base));
    let error = provider.mint(&like(&TokenId::new("t0")), &Label::new("l"), None).await.unwrap_err();
    assert_eq!((error.happened(), error.reason()), (Happened::No, Reason::Unreachable));
    assert_eq!(provider.verify(&credential("value0")).await, Verdict::Unknown(Reason::Unreachable));
}

#[tokio::test]
async fn what_the_rule_does_not_say_is_not_done() {
    let (_shared, provider) = world().await;
    let warrant = Warrant::for_test("t0");
    assert!(!provider.abilities().disable && !provider.abilities().sessions);
    let error = provider.disable(&warrant, &credential("value0")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unsupported { .. }), "{error:?}");
    let other = Credential { token: Some(TokenId::new("t9")), ..Credential::default() };
    let error = provider.revoke(&warrant, &other).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { .. }), "{error:?}");
    // Without a base nothing can be sent, and nothing was.
    assert!(!self::provider(None).abilities().mint);
    let error = self::provider(None).mint(&like(&TokenId::new("t0")), &Label::new("l"), None).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unsupported { .. }), "{error:?}");
    assert_eq!(self::provider(None).verify(&credential("value0")).await, Verdict::Unknown(Reason::Local));
}

/// Three pages of one item each, and an empty one.
#[tokio::test]
async fn a_list_is_read_to_its_end_or_not_believed() {
    let pages = get(|RawQuery(query): RawQuery| async move {
        let page: u32 = query.unwrap().strip_prefix("page=").unwrap().parse().unwrap();
        reply(200, if page <= 3 { json!([{ "id": page }]) } else { json!([]) })
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/pages", pages)).await });
    for (most, listed) in [(4, Some(3)), (9, Some(3)), (3, None), (1, None)] {
        let rule = format!(
            "{{ pages: {most}, send: {{ method: GET, url: '{{{{base}}}}/pages?page={{{{page}}}}' }}, \
             done: {{ status: [200], items: '', take: {{ token: /id }} }} }}"
        );
        let calls = Calls { list: serde_yaml::from_str(&rule).unwrap(), ..Calls::default() };
        let access = Access { base: Some(endpoint(&base).unwrap()), ..Access::default() };
        let egress = Arc::new(Egress::new(Limits::default()).unwrap());
        let clock = Arc::new(SystemClock::new());
        let provider = HttpProvider::new(Exchanges::check(calls, &[]).unwrap(), access, egress, clock);
        match (provider.list(&TokenId::new("t0")).await, listed) {
            (Ok(tokens), Some(count)) => assert_eq!(tokens.len(), count),
            (Err(error), None) => assert_eq!(error.reason(), Reason::Unexpected),
            other => panic!("{most}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_dead_token_tells_no_rights_and_that_is_no_failure() {
    let (_shared, provider) = world().await;
    let rights = Scopes::Known(vec!["read".to_owned(), "write".to_owned()]);
    assert_eq!(provider.scopes(&credential("value0")).await.unwrap(), rights);
    assert_eq!(provider.scopes(&credential("value9")).await.unwrap(), Scopes::CannotKnow);
}

#[tokio::test]
async fn how_long_to_wait_is_remembered() {
    let (shared, provider) = world().await;
    assert_eq!(provider.asks_to_wait(), None);
    shared.lock().unwrap().broken = Some((429, Some("7")));
    assert_eq!(provider.verify(&credential("value0")).await, Verdict::Unknown(Reason::Throttled));
    assert!(provider.asks_to_wait().is_some_and(|left| left > Duration::from_secs(5)));
}

#[tokio::test]
async fn the_contract_is_kept() {
    let (_shared, provider) = world().await;
    crate::provider::contract::keeps_the_contract(&provider, &TokenId::new("t0"), "value0").await;
}
