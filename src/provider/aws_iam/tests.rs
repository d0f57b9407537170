//! Tests of the access keys: the reading of answers here, the whole contract on a server that speaks AWS's protocol.

use super::super::contract::{credential, keeps_the_contract, like, server, server_file};
use super::*;
use crate::clock::SystemClock;
use crate::egress::endpoint;

fn setting(url: &str, id: String, secret: Secret, user: Option<String>) -> Setting {
    let authority = Authority::Key { id, secret, session: None };
    Setting { region: "us-east-1".to_owned(), endpoint: Some(endpoint(url).unwrap()), user, authority }
}

/// A provider on the server, a user of its own, and that user's only key.
async fn world(user: &str, named: bool) -> (AwsIamProvider, TokenId, String) {
    let url = server("STANCH_TEST_AWS_URL");
    let id = server("STANCH_TEST_AWS_ADMIN_ID");
    let secret = server_file("STANCH_TEST_AWS_ADMIN_SECRET_FILE");
    let user = format!("{user}-{}", std::process::id());
    let named = named.then(|| user.clone());
    let provider = AwsIamProvider::new(setting(&url, id, secret, named), Arc::new(SystemClock::new())).await.unwrap();
    provider.iam.create_user().user_name(&user).send().await.unwrap();
    let key = provider.iam.create_access_key().user_name(&user).send().await.unwrap().access_key.unwrap();
    (provider, TokenId::new(key.access_key_id), key.secret_access_key)
}

#[tokio::test]
async fn the_contract_is_kept_on_a_server() {
    for named in [true, false] {
        let (provider, old, secret) = world(&format!("contract-{named}"), named).await;
        keeps_the_contract(&provider, &old, &secret).await;
    }
}

#[tokio::test]
async fn a_disabled_key_is_dead_and_a_third_key_has_no_room() {
    let (provider, old, secret) = world("quota", false).await;
    let label = Label::new("unused");
    let second = provider.mint(&like(&old), &label, None).await.unwrap();
    let error = provider.mint(&like(&old), &label, None).await.unwrap_err();
    assert!(matches!(error, ProviderError::Quota), "{error:?}");
    let listed = provider.list(&old).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|listed| listed.created.is_some()), "{listed:?}");
    provider.disable(&Warrant::for_test(second.token.as_str()), &Credential::default()).await.unwrap();
    let disabled = Credential { token: Some(second.token), secret: Some(second.secret), ..Credential::default() };
    assert_eq!(provider.verify(&disabled).await, Verdict::Dead);
    // The verification below is itself a use, and shows.
    let before = provider.clock.now();
    assert_eq!(provider.verify(&credential(&old, &secret)).await, Verdict::Live(old.clone()));
    let since = Timestamp(before.0.saturating_sub(5000));
    match provider.usage(&old, since).await.unwrap() {
        Usage::Seen(uses) => assert!(uses.iter().all(|seen| seen.origin.is_empty()), "{uses:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_connection_surely_did_not_happen() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let secret = Secret::new(b"none".to_vec());
    let setting = setting(&url, "AKIA-none".to_owned(), secret, Some("user".to_owned()));
    let provider = AwsIamProvider::new(setting, Arc::new(SystemClock::new())).await.unwrap();
    let error = provider.mint(&like(&TokenId::new("a")), &Label::new("l"), None).await.unwrap_err();
    assert_eq!((error.happened(), error.reason()), (Happened::No, Reason::Unreachable), "{error:?}");
    let verdict = provider.verify(&credential(&TokenId::new("a"), "b")).await;
    assert_eq!(verdict, Verdict::Unknown(Reason::Unreachable));
}

/// A server that takes the request and answers this, once for each connection, and counts.
async fn answering(reply: &'static str) -> (String, Arc<std::sync::atomic::AtomicU32>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            drop(stream.read(&mut request).await);
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            drop(stream.write_all(reply.as_bytes()).await);
        }
    });
    (url, count)
}

#[tokio::test]
async fn a_lost_reply_to_a_mint_perhaps_happened_and_is_not_repeated() {
    for reply in [
        "",
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n<a>",
    ] {
        let (url, count) = answering(reply).await;
        let secret = Secret::new(b"none".to_vec());
        let setting = setting(&url, "AKIA-none".to_owned(), secret, Some("user".to_owned()));
        let provider = AwsIamProvider::new(setting, Arc::new(SystemClock::new())).await.unwrap();
        let error = provider.mint(&like(&TokenId::new("a")), &Label::new("l"), None).await.unwrap_err();
        assert_eq!(error.happened(), Happened::Perhaps, "{reply}: {error:?}");
        assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 1, "{reply}: the mint was repeated");
    }
}

#[test]
fn only_the_documented_refusals_are_deaths() {
    assert_eq!(refusal(403, Some("InvalidClientTokenId")), Verdict::Dead);
    assert_eq!(refusal(400, Some("ExpiredToken")), Verdict::Dead);
    assert_eq!(refusal(403, Some("SignatureDoesNotMatch")), Verdict::Unknown(Reason::Rejected));
    assert_eq!(refusal(403, None), Verdict::Unknown(Reason::Unexpected));
    assert_eq!(refusal(403, Some("AccessDenied")), Verdict::Unknown(Reason::Unexpected));
    assert_eq!(refusal(500, Some("InvalidClientTokenId")), Verdict::Unknown(Reason::Unexpected));
    assert_eq!(refusal(400, Some("Throttling")), Verdict::Unknown(Reason::Throttled));
}
