//! Tests of the declarative conversations.

#![expect(clippy::disallowed_methods, reason = "the tests look at what was rendered")]

use super::*;
use crate::model::TokenId;

fn calls(yaml: &str) -> Calls {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Typed {
        #[serde(default)]
        verify: Ways,
        #[serde(default)]
        mint: Ways,
        #[serde(default)]
        replace: Ways,
        #[serde(default)]
        list: Ways,
        #[serde(default)]
        find: Ways,
        #[serde(default)]
        revoke: Ways,
        #[serde(default)]
        usage: Ways,
        #[serde(default)]
        replies: Vec<ReplySpec>,
    }
    let Typed { verify, mint, replace, list, find, revoke, usage, replies } = serde_yaml::from_str(yaml).unwrap();
    Calls { verify, mint, replace, list, find, revoke, usage, replies, ..Calls::default() }
}

fn check(yaml: &str) -> Result<Exchanges, Vec<String>> {
    let checked = Exchanges::check(calls(yaml), &["api.acme.example".to_owned()]);
    checked.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

const ACME: &str = r"
verify:
  send: { method: GET, url: 'https://api.acme.example/v1/me', bearer: '{{secret}}' }
  live: { status: [200], body: { /ok: true }, take: { token: /token/id, scopes: /token/scopes } }
  dead:
    - { status: [401] }
    - { status: [200], body: { /ok: false, /error: [revoked, expired] } }
  restricted: { status: [403], limit: scope, take: { token: '{{id}}' } }
mint:
  send:
    method: POST
    url: '{{base}}/v1/users/{{user}}/tokens'
    basic: 'admin:{{authority}}'
    headers: { acme-version: '2' }
    json: { copy_of: '{{token}}', name: '{{label}}', days: 30 }
  done: { status: [201], take: { token: /id, secret: /secret } }
  quota: { status: [409] }
  refused: { status: [400, 403, 422] }
find:
  send: { method: GET, url: 'https://api.acme.example/v1/tokens?name={{label}}', bearer: '{{authority}}' }
  done: { status: [200], items: /data, more: /next, where: { label: '{{label}}' }, take: { token: /id, label: /name } }
revoke:
  send: { method: DELETE, url: 'https://api.acme.example/v1/tokens/{{token}}', form: { reason: 'leak & more' } }
  done: { status: [204] }
  gone: { status: [404] }
usage: { by_hand: { page: 'https://docs.acme.example/log', steps: [Open the log] } }
replies:
  - { of: verify, status: 200, body: '{}', means: unknown }
  - { of: verify, status: 200, body: { ok: true, token: { id: 7 } }, means: live, token: '7' }
  - { of: verify, status: 200, body: { ok: false, error: revoked }, means: dead }
  - { of: verify, status: 200, body: { ok: false, error: overloaded }, means: unknown }
  - { of: verify, status: 200, body: { ok: true }, means: unknown }
  - { of: verify, status: 403, means: restricted, values: { id: abc }, token: abc }
  - { of: verify, status: 503, body: '', means: unknown }
  - { of: mint, status: 500, means: unknown }
  - { of: mint, status: 409, means: quota }
  - { of: find, status: 200, body: { data: [{ id: a, name: other }, { id: b, name: mine }, { id: c }] }, values: { label: mine }, means: done, count: 1, token: b }
  - { of: find, status: 200, body: { data: [], next: page2 }, values: { label: mine }, means: unknown }
  - { of: find, status: 200, body: { data: [{ name: mine }] }, values: { label: mine }, means: unknown }
  - { of: revoke, status: 404, means: gone }
";

#[test]
fn a_whole_rule_is_checked_and_its_samples_run() {
    let checked = check(ACME).unwrap();
    assert!(checked.needs_base());
    let (page, steps) = ("https://docs.acme.example/log".to_owned(), vec!["Open the log".to_owned()]);
    let how = ByHand { page, mark: None, note: None, steps };
    assert_eq!(checked.by_hand(Act::Usage), Some(&how));
    let abilities = checked.abilities(&|_| true);
    assert!(abilities.mint && abilities.find && abilities.revoke && abilities.scopes);
    assert!(!abilities.usage && !abilities.list && !abilities.disable);
}

#[test]
fn a_wrong_sample_is_a_problem() {
    let wrong = ACME.replace("{ of: mint, status: 500, means: unknown }", "{ of: mint, status: 500, means: refused }");
    assert_eq!(
        check(&wrong).unwrap_err(),
        ["replies: number 8 (of mint, status 500) means unknown, not refused; correct the tables or the sample"]
    );
}

#[test]
fn requests_are_rendered_for_their_place() {
    let checked = check(ACME).unwrap();
    let values: Vec<_> = [
        ("base", "http://127.0.0.1:9/"),
        ("user", "a/b"),
        ("authority", "pw"),
        ("token", "t\"1"),
        ("label", "stanch-1"),
    ]
    .map(|(name, value)| (name, Secret::new(value.as_bytes().to_vec())))
    .into();
    let find = |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    let request = checked.ways(Act::Mint)[0].render(&find).unwrap();
    assert_eq!(request.method, "POST");
    assert_eq!(request.url.expose(), b"http://127.0.0.1:9/v1/users/a%2Fb/tokens");
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(
        headers,
        [
            ("authorization", b"Basic YWRtaW46cHc=".as_slice()),
            ("acme-version", b"2"),
            ("content-type", b"application/json")
        ]
    );
    let body: Value = serde_json::from_slice(request.body.unwrap().expose()).unwrap();
    assert_eq!(body, serde_json::json!({ "copy_of": "t\"1", "name": "stanch-1", "days": 30 }));
    let request = checked.ways(Act::Revoke)[0].render(&find).unwrap();
    assert_eq!(request.url.expose(), b"https://api.acme.example/v1/tokens/t%221");
    assert_eq!(request.body.unwrap().expose(), b"reason=leak%20%26%20more");
    let missing = checked.ways(Act::Verify)[0].render(&find).unwrap_err();
    assert_eq!(missing, TemplateError::Missing { name: "secret".to_owned() });
}

#[test]
fn a_handle_that_is_the_secret_is_not_believed() {
    let checked = check(ACME).unwrap();
    let reply = |body: &str| Secret::new(body.as_bytes().to_vec());
    let mint = &checked.ways(Act::Mint)[0];
    let meaning = mint.read(201, &reply(r#"{"id":"same","secret":"same"}"#), &|_| None);
    assert!(matches!(meaning, Meaning::Unknown), "{meaning:?}");
    let meaning = mint.read(201, &reply(r#"{"id":"a","secret":"b"}"#), &|_| None);
    assert_eq!(meaning.taken()[0].token, Some(TokenId::new("a")));
}

#[test]
fn times_are_read_in_every_documented_form() {
    let yaml = r"
usage:
  send: { method: GET, url: 'https://api.acme.example/u/{{token}}' }
  done: { status: [200], take: { used: /used, origin: /ip } }
";
    let checked = check(yaml).unwrap();
    let used = |json: &str| {
        let body = Secret::new(format!(r#"{{"used":{json},"ip":["10.0.0.1","10.0.0.2"]}}"#).into_bytes());
        match checked.ways(Act::Usage)[0].read(200, &body, &|_| None) {
            Meaning::Done(taken) => {
                assert_eq!(taken[0].origin, "10.0.0.1 10.0.0.2");
                Some(taken[0].used.map(|at| at.0))
            }
            _ => None,
        }
    };
    assert_eq!(used("1700000000"), Some(Some(1_700_000_000_000)));
    assert_eq!(used("1700000000123"), Some(Some(1_700_000_000_123)));
    assert_eq!(used("\"2023-11-14T22:13:20Z\""), Some(Some(1_700_000_000_000)));
    assert_eq!(used("\"1970-01-02\""), Some(Some(2 * 86_400_000 - 1)));
    assert_eq!(used("null"), Some(None));
    assert_eq!(used("\"yesterday\""), None);
}

#[test]
fn every_problem_is_named_with_its_remedy() {
    let wrong = r"
verify:
  send: { method: get, url: 'https://evil.example/{{secret}}', bearer: '{{ secret }}', basic: 'a:b' }
  live: { status: [200], take: { token: id } }
  dead: { status: [200, 401] }
  restricted: { status: [403] }
  done: { status: [204] }
mint:
  send: { method: POST, url: 'https://api.acme.example.evil{{x}}/' }
  done: { status: [201] }
list:
  send: { method: GET, url: '{{base}}.evil.example/' }
  done: { status: [200], where: { name: x }, take: { token: /id } }
revoke:
  by_hand: { page: page, steps: [x] }
  done: { status: [200] }
";
    let problems = check(wrong).unwrap_err().join("\n");
    for part in [
        "verify: the method `get`",
        "verify: the host `evil.example` is not among the rule's `hosts`",
        "verify: bearer: ` secret ` is not a name",
        "verify: a request has one authorization",
        "verify: `live`: `id` is not a JSON pointer; write `/id`",
        "verify: a reply can be in `live` and in `dead`",
        "verify: `limit: scope`",
        "verify: a reply to verify cannot mean `done`",
        "mint: a url begins with `https://`",
        "list: what follows `{{base}}` begins with `/`",
        "list: `done`: `where` and `more` are about a list",
        "list: `where` compares what `take` takes",
        "revoke: a call has either `send`",
    ] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
}

#[test]
fn unknown_keys_are_errors() {
    for bad in ["live: { statuses: [200] }", "alive: {}", "live: [{ status: [200], takes: {} }]"] {
        assert!(serde_yaml::from_str::<CallSpec>(bad).is_err(), "{bad}");
    }
    assert!(serde_yaml::from_str::<AbilitiesSpec>("quota: 0").is_err());
    assert!(serde_yaml::from_str::<AbilitiesSpec>("{ quota: 2, class: two-slots, chooser: client }").is_ok());
}

const COPIES: &str = r"
mint:
  - first:
      send: { method: GET, url: '{{base}}/tokens/{{token}}', bearer: '{{authority}}' }
      status: [200]
      keep: { owner: /user/id, scopes: /scopes, until: /until }
    send:
      method: POST
      url: '{{base}}/users/{{owner}}/tokens'
      bearer: '{{authority}}'
      json: { name: '{{label}}', scopes: '{{scopes}}', until: '{{until}}', note: 'of {{owner}}', list: ['{{until}}'] }
    done: { status: [201], take: { token: /id, secret: /secret } }
  - by_hand: { page: 'https://docs.acme.example/new', steps: [Open the page, Select New] }
replace:
  send: { method: POST, url: 'https://api.acme.example/v1/me/rotate', bearer: '{{secret}}' }
  done: { status: [200], take: { token: /id, secret: /secret } }
list:
  pages: 9
  send: { method: GET, url: '{{base}}/tokens?page={{page}}', bearer: '{{authority}}' }
  done: { status: [200], items: '', take: { token: /id, label: /name }, where: { label: 'a' } }
revoke:
  - send: { method: DELETE, url: '{{base}}/tokens/{{token}}', bearer: '{{authority}}' }
    done: { status: [204] }
  - send: { method: DELETE, url: 'https://api.acme.example/v1/me', bearer: '{{secret}}' }
    done: { status: [204] }
    gone: { status: [401] }
replies:
  - { of: revoke, way: 2, status: 401, means: gone }
  - { of: revoke, status: 401, means: unknown }
  - { of: replace, status: 200, body: { id: b, secret: c }, means: done, token: b }
";

#[test]
fn what_is_kept_of_the_first_reply_stands_in_the_body_as_it_was() {
    let checked = check(COPIES).unwrap();
    let mint = &checked.ways(Act::Mint)[0];
    let reply = |body: &str| Secret::new(body.as_bytes().to_vec());
    let first = mint.first().unwrap();
    assert!(first.answers(200) && !first.answers(404));
    assert!(first.read(&reply(r#"{"user":{"id":7},"scopes":["a"]}"#)).is_none(), "what is not there cannot be copied");
    let kept = first.read(&reply(r#"{"user":{"id":7},"scopes":["a","b\"c"],"until":null}"#)).unwrap();
    let (base, authority, label) = (reply("http://127.0.0.1:9"), reply("root"), reply("stanch-1"));
    let values = |name: &str| match name {
        "base" => Some(&base),
        "authority" => Some(&authority),
        "label" => Some(&label),
        other => kept.find(other),
    };
    let request = mint.render(&values).unwrap();
    assert_eq!(request.url.expose(), b"http://127.0.0.1:9/users/7/tokens");
    let body: Value = serde_json::from_slice(request.body.unwrap().expose()).unwrap();
    let whole = serde_json::json!(
        { "name": "stanch-1", "scopes": ["a", "b\"c"], "until": null, "note": "of 7", "list": [null] }
    );
    assert_eq!(body, whole);
    let mut names: Vec<_> = mint.names().collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["authority", "base", "label", "token"], "what it finds out itself need not be known");
}

#[test]
fn what_can_be_done_follows_from_what_is_given() {
    use crate::model::Class;
    let checked = check(COPIES).unwrap();
    let all = checked.abilities(&|_| true);
    assert_eq!((all.class, all.mint, all.list, all.revoke), (Class::Overlap, true, true, true));
    let alone = checked.abilities(&|name| name == "base");
    assert_eq!((alone.class, alone.mint, alone.list, alone.revoke), (Class::Replace, true, false, true));
    assert!(!alone.scopes, "what was replaced is dead");
    let (before, rest) = COPIES.split_once("replace:").unwrap();
    let (_, after) = rest.split_once("list:").unwrap();
    let sample = "  - { of: replace, status: 200, body: { id: b, secret: c }, means: done, token: b }\n";
    let without = check(&format!("{before}list:{}", after.replace(sample, "")));
    let person = without.unwrap().abilities(&|name| name == "base");
    assert_eq!((person.class, person.mint), (Class::Console, false));
    assert_eq!(checked.by_hand(Act::Mint).unwrap().steps.len(), 2);
}

#[test]
fn a_page_says_how_much_it_held_before_the_filter() {
    let checked = check(COPIES).unwrap();
    let list = &checked.ways(Act::List)[0];
    let page = Secret::new(br#"[{"id":1,"name":"a"},{"id":2,"name":"b"}]"#.to_vec());
    let (meaning, held) = list.read_page(200, &page, &|_| None);
    assert_eq!((meaning.taken().len(), held, list.pages()), (1, 2, Some(9)));
    assert_eq!(list.read_page(200, &Secret::new(b"[]".to_vec()), &|_| None).1, 0);
}

#[test]
fn mistakes_in_what_is_new_are_named() {
    let wrong = r"
verify:
  first: { send: { method: GET, url: '{{base}}/x' }, status: [200], keep: { a: /a } }
  send: { method: GET, url: '{{base}}/me', bearer: '{{secret}}' }
  live: { status: [200] }
mint:
  - first: { send: { method: POST, url: '{{base}}/x' }, status: [], keep: { token: a } }
    send: { method: POST, url: '{{base}}/tokens' }
    done: { status: [201], take: { token: /id, secret: /secret } }
  - by_hand: { page: 'docs', steps: [] }
  - by_hand: { page: 'https://acme.example', steps: [one] }
  - by_hand: { page: 'https://acme.example', steps: [two] }
replace:
  send: { method: POST, url: '{{base}}/rotate' }
  done: { status: [200], take: { token: /id } }
list:
  pages: 3
  send: { method: GET, url: '{{base}}/tokens' }
  done: { status: [200], items: '', take: { token: /id } }
find:
  send: { method: GET, url: '{{base}}/tokens?page={{page}}' }
  done: { status: [200], items: '', take: { token: /id } }
";
    let problems = check(wrong).unwrap_err().join("\n");
    for part in [
        "verify: whether a token works is one question",
        "mint: what is asked first changes nothing",
        "mint: `first` needs `status: [...]`",
        "mint: `first`: `a` is not a JSON pointer",
        "mint: `first` cannot keep `token`",
        "mint: `page` of `by_hand` is no address",
        "mint: `steps` of `by_hand` are no list of lines",
        "mint: there are two ways `by_hand`",
        "replace: `done` takes no secret",
        "list: `pages` says how many",
        "find: `pages` says how many",
    ] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
}

#[test]
fn a_field_is_there_or_null_or_absent() {
    let yaml = r"
verify:
  send: { method: GET, url: 'https://api.acme.example/me' }
  live: { status: [200], has: [/user/id] }
  dead: { status: [200], body: { /user/id: null } }
  wrong_place: { status: [400], has: [''] }
";
    let checked = check(yaml).unwrap();
    let read = |status, body: &str| {
        let body = Secret::new(body.as_bytes().to_vec());
        checked.ways(Act::Verify)[0].read(status, &body, &|_| None).word()
    };
    for (body, means) in [
        (r#"{"user":{"id":7}}"#, "live"),
        (r#"{"user":{"id":""}}"#, "live"),
        (r#"{"user":{"id":null}}"#, "dead"),
        (r#"{"user":{}}"#, "unknown"),
        (r#"{"user":"id"}"#, "unknown"),
        ("null", "unknown"),
        ("<html></html>", "unknown"),
        ("", "unknown"),
    ] {
        assert_eq!(read(200, body), means, "{body}");
    }
    assert_eq!(["[]", "{}", "0", "null", "<p>"].map(|body| read(400, body)), {
        let (there, not) = ("wrong_place", "unknown");
        [there, there, there, not, not]
    });
    let both = yaml.replace("body: { /user/id: null }", "has: [/user]");
    assert!(check(&both).unwrap_err().concat().contains("a reply can be in `live` and in `dead`"));
    let bare = yaml.replace("/user/id]", "user]");
    assert!(check(&bare).unwrap_err().concat().contains("`user` is not a JSON pointer; write `/user`"));
}

#[test]
fn each_way_says_where_it_is_known_from() {
    let yaml = r"
mint:
  - send: { method: POST, url: 'https://api.acme.example/tokens' }
    page: 'https://docs.acme.example/new'
    mark: D
    note: shown once
    done: { status: [201], take: { token: /id, secret: /secret } }
  - by_hand: { page: 'https://docs.acme.example/new', mark: P, steps: [Select New] }
";
    let checked = check(yaml).unwrap();
    let source = checked.ways(Act::Mint)[0].source().unwrap();
    assert_eq!((source.page.as_str(), source.note.as_deref()), ("https://docs.acme.example/new", Some("shown once")));
    assert_eq!(calls(yaml).unsourced(), []);
    let bare = yaml.replace(", mark: P", "").replace("    page: 'https://docs.acme.example/new'\n", "");
    assert_eq!(calls(&bare).unsourced(), [(Act::Mint, 0, "page"), (Act::Mint, 1, "mark")]);
    let wrong = yaml.replace("page: 'https://docs.acme.example/new'\n", "page: the manual\n");
    assert_eq!(check(&wrong).unwrap_err(), ["mint: `page` is no address of a page; start it with `https://`"]);
    let twice = yaml.replace("  - by_hand", "  - page: 'https://docs.acme.example/new'\n    by_hand");
    assert!(check(&twice).unwrap_err().concat().contains("or `by_hand` alone"));
}
