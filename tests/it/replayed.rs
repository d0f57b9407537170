//! `stanch rules test`: every call of a file, sent to a provider on this machine and held against what the file says.

use crate::world::{Ran, World};

const TOKEN: [&str; 3] = ["acme_", "q8Xk2PzL0vR7", "tYw3q8Xk2PzL"];

/// A file of rules, each call and each sample behind a name of its own; its host does not exist.
fn acme() -> String {
    let [prefix, one, two] = TOKEN;
    format!(
        "provider: acme
title: Acme
hosts: [api.acme.invalid]
kinds:
  - id: acme.api-token
    title: Acme API token
    severity: high
    sources: [{{ page: 'https://docs.acme.example/tokens', mark: D }}]
    detect:
      literals: [acme_]
      pattern: '\\b{prefix}[0-9A-Za-z]{{24}}\\b'
      prefix: {prefix}
      examples: [['{prefix}', '{one}', '{two}']]
      counterexamples: ['acme_token']
"
    ) + r#"
    verify:
      send: { method: GET, url: 'https://api.acme.invalid/v1/me', basic: 'me:{{secret}}' }
      page: 'https://docs.acme.example/me'
      mark: D
      live: { status: [200], has: [/user] }
      dead: { status: [401] }
    mint:
      first:
        send: { method: GET, url: '{{base}}/v1/tokens/{{token}}', bearer: '{{authority}}' }
        status: [200]
        keep: { scopes: /scopes, owner: /owners/0/id }
      send:
        method: POST
        url: '{{base}}/v1/users/{{owner}}/tokens'
        bearer: '{{authority}}'
        json: { name: '{{label}}', scopes: '{{scopes}}' }
      page: 'https://docs.acme.example/make'
      mark: D
      done: { status: [201], take: { token: /id, secret: /token } }
    find:
      send: { method: GET, url: '{{base}}/v1/tokens?page={{page}}', bearer: '{{authority}}' }
      pages: 5
      page: 'https://docs.acme.example/list'
      mark: D
      done: { status: [200], items: /all, take: { token: /id, label: /name }, where: { label: '{{label}}' } }
    revoke:
      - send: { method: DELETE, url: '{{base}}/v1/tokens/{{token}}', bearer: '{{authority}}' }
        page: 'https://docs.acme.example/end'
        mark: D
        done: { status: [204] }
      - send: { method: POST, url: '{{base}}/v1/end', form: { token: '{{secret}}' } }
        page: 'https://docs.acme.example/end'
        mark: D
        done: { status: [200] }
    replies:
      - { of: verify, status: 200, body: '{"user":7}', means: live }
      - { of: verify, status: 401, body: '', means: dead }
      - { of: verify, status: 503, body: '', means: unknown }
      - { of: mint, status: 201, body: { id: t2, token: new }, means: done, token: t2 }
      - { of: mint, status: 503, body: '', means: unknown }
      - { of: find, status: 200, body: { all: [{ id: t1, name: l1 }, { id: t2, name: l2 }] }, values: { label: l2 }, means: done, token: t2, count: 1 }
      - { of: find, status: 503, body: '', means: unknown }
      - { of: revoke, status: 204, body: '', means: done }
      - { of: revoke, status: 503, body: '', means: unknown }
      - { of: revoke, way: 2, status: 200, body: '', means: done }
      - { of: revoke, way: 2, status: 503, body: '', means: unknown }
"#
}

/// The line on which a part stands.
fn line_of(text: &str, part: &str) -> usize {
    text.lines().position(|line| line.contains(part)).expect("the part") + 1
}

fn tested(text: &str, code: i32) -> Ran {
    let world = World::bare();
    world.write("acme.yaml", text);
    // A file that the check refuses would fail without having been sent.
    world.stanch(&["rules", "check", "acme.yaml"]).expect(0);
    world.stanch(&["rules", "test", "acme.yaml"]).expect(code).hides(&TOKEN.concat())
}

fn changed(from: &str, to: &str) -> String {
    let before = acme();
    assert_eq!(before.matches(from).count(), 1, "{from}");
    before.replace(from, to)
}

#[test]
fn a_file_of_an_operator_is_sent_and_read_as_it_says() {
    let ran = tested(&acme(), 0);
    let ran = ran.says("acme.yaml: 1 kind, 5 calls, 11 samples replayed: as the file says");
    assert!(!ran.stdout.contains("no sample"), "{}", ran.stdout);
}

#[test]
fn what_is_sent_otherwise_is_named_with_its_line_and_both_texts() {
    let text = changed("{{base}}/v1/end'", "{{base}}/v1/x/../end/{{secret}}'");
    let ran = tested(&text, 2).says("acme.yaml: 1 kind, 5 calls, 11 samples replayed: 2 differences");
    ran.says(&format!("acme.yaml:{}:", line_of(&text, "/../end")))
        .says("acme.api-token revoke (way 2), replayed with sample 10 (status 200): ")
        .says(
            "the address that was sent is `/v1/end/{{secret}}`, and the file says `/v1/x/../end/{{secret}}`; write the",
        );
}

#[test]
fn a_way_that_is_never_taken_is_named() {
    let text = changed(
        "{{base}}/v1/tokens/{{token}}', bearer: '{{authority}}' }\n        page",
        "{{base}}/v1/end/{{token}}', bearer: '{{secret}}' }\n        page",
    );
    let ran = tested(&text, 2).says(&format!("acme.yaml:{}:", line_of(&text, "url: '{{base}}/v1/end', form")));
    ran.says("revoke (way 2)").says("way 1 was taken in its stead").says("put the way that needs more before");
}

#[test]
fn what_is_read_otherwise_is_named_with_its_line_and_both_meanings() {
    // A reply of this status has no body on the wire, whatever the sample holds.
    let text = changed("done: { status: [201]", "done: { status: [204]")
        .replace("of: mint, status: 201", "of: mint, status: 204");
    let ran = tested(&text, 2).says("11 samples replayed: 1 difference");
    ran.says(&format!("acme.yaml:{}:", line_of(&text, "of: mint, status: 204")))
        .says("acme.api-token mint, replayed with sample 4 (status 204): it was taken for unknown")
        .says("and the sample says done; correct `means`, or let the sample hold all that its table takes");
}

#[test]
fn what_no_sample_shows_is_named_and_is_no_mistake() {
    let text = changed("      - { of: verify, status: 401, body: '', means: dead }\n", "");
    let text =
        text.lines().filter(|line| !line.contains("of: find")).map(|line| format!("{line}\n")).collect::<String>();
    let ran = tested(&text, 0).says("1 kind, 5 calls, 8 samples replayed: as the file says");
    ran.says("acme.api-token verify: no sample shows `dead`; add such replies to `replies`")
        .says(&format!("line {}: acme.api-token find has no sample: it was never sent", line_of(&text, "    find:")));
}

#[test]
fn a_file_that_the_check_refuses_is_not_sent() {
    let world = World::bare();
    world.write("acme.yaml", changed("status: 401, body: '', means: dead", "status: 401, body: '', means: live"));
    let ran = world.stanch(&["rules", "test", "acme.yaml"]).expect(2).says("means dead, not live");
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    world.stanch(&["rules", "test", "none.yaml"]).expect(2).says("hint: name files of rules");
}

#[test]
fn the_built_in_files_are_sent_and_read_as_they_say() {
    let world = World::bare();
    let ran = world.stanch(&["rules", "test"]).expect(0).says("rules/github.yaml: ");
    let last = ran.stdout.lines().last().unwrap_or_default().to_owned();
    let samples = last.split_once(" samples replayed: as the file says").and_then(|(head, _)| head.rsplit(' ').next());
    assert!(samples.and_then(|count| count.parse::<usize>().ok()).is_some_and(|count| count > 1_500), "{last}");
}
