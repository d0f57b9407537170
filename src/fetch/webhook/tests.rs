//! Calls as the forges send them, and as others do.

use super::*;

type Headers<'a> = &'a [(&'a str, &'a str)];

fn call(forge: Forge, headers: Headers<'_>, body: &[u8], secret: &str) -> Result<Call, WebhookError> {
    let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    read(forge, &header, body, &Secret::new(secret.as_bytes().to_vec()))
}

fn hex(secret: &str, body: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&signed(secret.as_bytes(), &[body]).unwrap().finalize().into_bytes())
}

fn named(name: &str, urls: &[&str], objects: &[&str]) -> Named {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Named { name: name.to_owned(), urls: owned(urls), objects: owned(objects) }
}

/// The examples that the documentation of GitHub and of Bitbucket gives.
#[test]
fn the_documented_signatures_hold() {
    let secret = "It's a Secret to Everybody";
    for (forge, header, body, signature) in [
        (
            Forge::Github,
            "x-hub-signature-256",
            "Hello, World!",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        (
            Forge::Bitbucket,
            "x-hub-signature",
            "Hello World!",
            "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
        ),
    ] {
        let headers = [(header, signature), ("x-github-delivery", "1"), ("x-request-uuid", "1")];
        // The examples are no events: they are past the proof when that is what is missed.
        assert_eq!(call(forge, &headers, body.as_bytes(), secret), Err(WebhookError::Malformed));
        assert_eq!(call(forge, &headers, b"Hello, World?", secret), Err(WebhookError::Forged));
        assert_eq!(call(forge, &headers, body.as_bytes(), "It's a secret to Everybody"), Err(WebhookError::Forged));
    }
}

/// The example of the Standard Webhooks specification, which GitLab follows. The key is put together here.
#[test]
fn the_signature_of_the_standard_holds() {
    let secret = ["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"].concat();
    let body = br#"{"test": 2432232314}"#;
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let several = format!("v1a,AAAA v1,AAAA {signature}");
    let sent = |signature, at, id| {
        let headers = [
            ("webhook-signature", signature),
            ("webhook-timestamp", at),
            ("webhook-id", id),
            ("x-gitlab-event", "Job Hook"),
        ];
        call(Forge::Gitlab, &headers, body, &secret)
    };
    let (at, id) = ("1614265330", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    let good = Call { delivery: id.to_owned(), event: Event::Other };
    assert_eq!(sent(signature, at, id), Ok(good.clone()));
    assert_eq!(sent(&several, at, id), Ok(good));
    assert_eq!(sent(signature, "1614265331", id), Err(WebhookError::Forged));
    assert_eq!(sent(signature, at, "msg_other"), Err(WebhookError::Forged));
    assert_eq!(sent("v1,", at, id), Err(WebhookError::Forged));
    assert_eq!(sent(signature.trim_start_matches("v1,"), at, id), Err(WebhookError::Forged));
    // A secret that signs is never taken for a word that is only shown.
    let headers = [("x-gitlab-token", secret.as_str()), ("x-gitlab-event", "Push Hook"), ("webhook-id", id)];
    assert_eq!(call(Forge::Gitlab, &headers, body, &secret), Err(WebhookError::Unsigned));
    assert_eq!(call(Forge::Gitlab, &[], body, "whsec_%%%"), Err(WebhookError::Secret));
    assert_eq!(call(Forge::Gitlab, &[], body, "whsec_"), Err(WebhookError::Secret));
}

#[test]
fn a_push_names_the_repository_in_each_forges_way() {
    let (old, new) = ("1".repeat(40), "a".repeat(40));
    let hub = format!(
        r#"{{"ref":"refs/heads/main","before":"{old}","after":"{new}","repository":{{"full_name":"acme/shop",
        "clone_url":"https://git.example/acme/shop.git","ssh_url":"git@git.example:acme/shop.git"}}}}"#
    );
    let urls = ["https://git.example/acme/shop.git", "git@git.example:acme/shop.git"];
    let signature = format!("sha256={}", hex("word", hub.as_bytes()));
    let headers =
        [("x-hub-signature-256", signature.as_str()), ("x-github-delivery", "d-1"), ("x-github-event", "push")];
    let expected = Call { delivery: "d-1".into(), event: Event::Push(named("acme/shop", &urls, &[&old, &new])) };
    assert_eq!(call(Forge::Github, &headers, hub.as_bytes(), "word"), Ok(expected));

    let bare = hex("word", hub.as_bytes());
    let headers = [("x-gitea-signature", bare.as_str()), ("x-gitea-delivery", "d-2"), ("x-gitea-event", "push")];
    let expected = Call { delivery: "d-2".into(), event: Event::Push(named("acme/shop", &urls, &[&old, &new])) };
    assert_eq!(call(Forge::Gitea, &headers, hub.as_bytes(), "word"), Ok(expected));

    let zero = "0".repeat(40);
    let lab = format!(
        r#"{{"object_kind":"push","before":"{zero}","after":"{new}","project":{{"path_with_namespace":"acme/team/shop",
        "git_http_url":"https://git.example/acme/team/shop.git"}}}}"#
    );
    let headers = [("x-gitlab-token", "word"), ("x-gitlab-event", "Push Hook"), ("idempotency-key", "d-3")];
    let at = ["https://git.example/acme/team/shop.git"];
    let expected = Call { delivery: "d-3".into(), event: Event::Push(named("acme/team/shop", &at, &[&new])) };
    assert_eq!(call(Forge::Gitlab, &headers, lab.as_bytes(), "word"), Ok(expected));

    let bucket = format!(
        r#"{{"repository":{{"full_name":"acme/shop","links":{{"html":{{"href":"https://bitbucket.org/acme/shop"}}}}}},
        "push":{{"changes":[{{"old":{{"target":{{"hash":"{old}"}}}},"new":null}},{{"new":{{"target":{{"hash":"{new}"}}}}}}]}}}}"#
    );
    let signature = format!("sha256={}", hex("word", bucket.as_bytes()));
    let headers = [("x-hub-signature", signature.as_str()), ("x-request-uuid", "d-4"), ("x-event-key", "repo:push")];
    let at = ["https://bitbucket.org/acme/shop"];
    let expected = Call { delivery: "d-4".into(), event: Event::Push(named("acme/shop", &at, &[&old, &new])) };
    assert_eq!(call(Forge::Bitbucket, &headers, bucket.as_bytes(), "word"), Ok(expected));
}

#[test]
fn other_events_are_told_apart() {
    let body = br#"{"repository":{"full_name":"acme/shop"},"zen":"x"}"#;
    let signature = format!("sha256={}", hex("word", body));
    let sent = |event| {
        let headers =
            [("x-hub-signature-256", signature.as_str()), ("x-github-delivery", "1"), ("x-github-event", event)];
        call(Forge::Github, &headers, body, "word").unwrap().event
    };
    assert_eq!(sent("ping"), Event::Ping);
    assert_eq!(sent("star"), Event::Other);
    for event in ["secret_scanning_alert", "create", "delete", "repository"] {
        assert_eq!(sent(event), Event::Look(named("acme/shop", &[], &[])), "{event}");
    }
}

#[test]
fn before_the_fix_of_its_ids_gitlab_shared_them() {
    let sent = |body: &[u8]| {
        let headers = [("x-gitlab-token", "word"), ("x-gitlab-event", "Job Hook"), ("x-gitlab-event-uuid", "u-1")];
        call(Forge::Gitlab, &headers, body, "word").unwrap().delivery
    };
    assert_eq!(sent(b"{}"), sent(b"{}"));
    assert_ne!(sent(b"{}"), sent(b"[]"));
}

#[test]
fn what_is_not_proved_is_refused_before_it_is_read() {
    use WebhookError::*;
    let body = b"{ not json, and nobody looks";
    let good = format!("sha256={}", hex("word", body));
    let bare = hex("word", body);
    let wrong = format!("sha256={}", hex("other", body));
    let cut = good.get(..good.len() - 2).unwrap();
    let loud = good.to_ascii_uppercase();
    let cases: &[(Forge, Headers<'_>, WebhookError)] = &[
        (Forge::Github, &[], Unsigned),
        (Forge::Github, &[("x-hub-signature", &good)], Unsigned),
        (Forge::Github, &[("x-gitea-signature", &bare)], Unsigned),
        (Forge::Github, &[("x-hub-signature-256", &wrong)], Forged),
        (Forge::Github, &[("x-hub-signature-256", cut)], Forged),
        (Forge::Github, &[("x-hub-signature-256", &bare)], Forged),
        (Forge::Github, &[("x-hub-signature-256", &loud)], Forged),
        (Forge::Github, &[("x-hub-signature-256", "sha256=")], Forged),
        (Forge::Github, &[("x-hub-signature-256", "sha1=00")], Forged),
        (Forge::Github, &[("x-hub-signature-256", "sha256=\u{fffd}\u{0}")], Forged),
        (Forge::Bitbucket, &[("x-hub-signature-256", &good)], Unsigned),
        (Forge::Gitea, &[("x-gitea-signature", &good)], Forged),
        (Forge::Gitea, &[("x-gitea-signature", "")], Forged),
        (Forge::Gitlab, &[("x-hub-signature-256", &good)], Unsigned),
        (Forge::Gitlab, &[("x-gitlab-token", "wor")], Forged),
        (Forge::Gitlab, &[("x-gitlab-token", "")], Forged),
        (Forge::Github, &[("x-hub-signature-256", &good)], Unnamed),
        (Forge::Github, &[("x-hub-signature-256", &good), ("x-github-delivery", "a b")], Unnamed),
        (Forge::Github, &[("x-hub-signature-256", &good), ("x-github-delivery", "1")], Malformed),
        (
            Forge::Github,
            &[("x-hub-signature-256", &good), ("x-github-delivery", "1"), ("x-github-event", "push")],
            Malformed,
        ),
    ];
    for (number, (forge, headers, expected)) in cases.iter().enumerate() {
        assert_eq!(call(*forge, headers, body, "word"), Err(*expected), "case {number}");
    }
    assert_eq!(call(Forge::Github, &[("x-hub-signature-256", &hex("", body))], body, ""), Err(Secret));
    let huge = vec![b' '; LARGEST_BODY + 1];
    assert_eq!(call(Forge::Github, &[], &huge, "word"), Err(TooLarge));
}

proptest::proptest! {
    #[test]
    fn nothing_that_is_signed_makes_it_panic(body in ".{0,400}", event in "push|create|Push Hook|System Hook|repo:push", id in ".{0,20}") {
        for (forge, proof, name, key) in [
            (Forge::Github, "x-hub-signature-256", "x-github-delivery", "x-github-event"),
            (Forge::Gitlab, "x-gitlab-token", "idempotency-key", "x-gitlab-event"),
            (Forge::Bitbucket, "x-hub-signature", "x-request-uuid", "x-event-key"),
            (Forge::Gitea, "x-gitea-signature", "x-gitea-delivery", "x-gitea-event"),
        ] {
            let proved = match forge {
                Forge::Gitlab => "word".to_owned(),
                Forge::Gitea => hex("word", body.as_bytes()),
                _ => format!("sha256={}", hex("word", body.as_bytes())),
            };
            let told = call(forge, &[(proof, &proved), (name, &id), (key, &event)], body.as_bytes(), "word");
            proptest::prop_assert!(!matches!(told, Err(WebhookError::Forged | WebhookError::Unsigned)));
        }
    }
}
