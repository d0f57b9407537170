//! What every provider must keep, run on each adapter: in memory, on loopback, and on real servers where those run.

use super::{Minted, Provider, ProviderError, Revoked, Scopes, ask};
use crate::model::{Chooser, Companions, Credential, Label, Secret, Timestamp, TokenId, Verdict};
use crate::rotation::Warrant;
use std::time::Duration;

/// A credential, made anew for each use, since secrets are not copied.
pub(super) fn credential(token: &TokenId, secret: &str) -> Credential {
    let secret = Some(Secret::new(secret.as_bytes().to_vec()));
    Credential { token: Some(token.clone()), secret, companions: Companions::default() }
}

/// A token to mint another like, by its handle alone.
pub(super) fn like(token: &TokenId) -> Credential {
    Credential { token: Some(token.clone()), ..Credential::default() }
}

/// What a real server's script says in the environment.
pub(super) fn server(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: this test needs real servers, so run ./tests/run"))
}

/// What a file of a server's script holds, for instance a password.
pub(super) fn server_file(variable: &str) -> Secret {
    Secret::new(std::fs::read_to_string(server(variable)).unwrap().trim().as_bytes().to_vec())
}

/// Asks until the verdict is this, up to a deadline: propagation takes time.
async fn becomes(provider: &dyn Provider, of: &Credential, wanted: &Verdict) {
    let asking = async {
        loop {
            let verdict = ask(provider, of).await;
            if verdict == *wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(20), asking).await;
    assert!(done.is_ok(), "{:?} never became {wanted:?}: {:?}", of.token, ask(provider, of).await);
}

#[expect(clippy::disallowed_methods, reason = "the test uses the new token as a dependent would")]
fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).unwrap()
}

/// Takes one live token through a whole rotation, every act twice where that must be harmless, and ends both tokens.
pub(super) async fn keeps_the_contract(provider: &dyn Provider, old: &TokenId, secret: &str) {
    let abilities = provider.abilities();
    let was = || credential(old, secret);
    becomes(provider, &was(), &Verdict::Live(old.clone())).await;
    let wrong = ask(provider, &credential(old, "not-the-secret-of-this-token-at-all-0000")).await;
    assert_eq!(wrong.token(), None, "a wrong secret was accepted");

    let (new, value) = mint(provider, &was()).await;
    let fresh = || credential(&new, &value);
    becomes(provider, &fresh(), &Verdict::Live(new.clone())).await;
    // Both live: the overlap.
    becomes(provider, &was(), &Verdict::Live(old.clone())).await;
    if abilities.list {
        let listed: Vec<_> = provider.list(old).await.unwrap().into_iter().map(|listed| listed.token).collect();
        assert!(listed.contains(old) && listed.contains(&new), "{listed:?}");
    }
    if abilities.scopes {
        let (before, after) = (provider.scopes(&was()).await.unwrap(), provider.scopes(&fresh()).await.unwrap());
        assert!(matches!(before, Scopes::Known(_)), "{before:?}");
        assert_eq!(before, after, "the new token has other rights");
    }
    if abilities.usage {
        provider.usage(old, Timestamp(0)).await.unwrap();
    }

    let warrant = Warrant::for_test(old.as_str());
    if abilities.disable {
        provider.disable(&warrant, &was()).await.unwrap();
        provider.disable(&warrant, &was()).await.unwrap();
        assert_eq!(provider.verify(&fresh()).await, Verdict::Live(new.clone()), "the wrong token was disabled");
    }
    assert_eq!(provider.revoke(&warrant, &was()).await.unwrap(), Revoked::Accepted);
    becomes(provider, &was(), &Verdict::Dead).await;
    // By id alone, and again: harmless.
    let lost = Credential { token: Some(old.clone()), ..Credential::default() };
    provider.revoke(&warrant, &lost).await.unwrap();
    if abilities.sessions {
        provider.end_sessions(&warrant, &lost).await.unwrap();
    }
    becomes(provider, &was(), &Verdict::Dead).await;
    becomes(provider, &fresh(), &Verdict::Live(new.clone())).await;

    // A warrant for one token ends no other.
    let error = provider.revoke(&warrant, &fresh()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { .. }), "{error:?}");
    provider.revoke(&Warrant::for_test(new.as_str()), &fresh()).await.unwrap();
    becomes(provider, &fresh(), &Verdict::Dead).await;
}

async fn mint(provider: &dyn Provider, old: &Credential) -> (TokenId, String) {
    let abilities = provider.abilities();
    let label = Label::new("stanch-contract-1-4f1d");
    let chosen = Secret::new(b"Chosen-here-0123456789".to_vec());
    let pushed = (abilities.chooser == Chooser::Client).then_some(&chosen);
    let Minted { token, secret, .. } = provider.mint(old, &label, pushed).await.unwrap();
    assert_ne!(Some(&token), old.token.as_ref());
    assert!(!secret.is_empty());
    if let Some(chosen) = pushed {
        assert!(secret.same_as(chosen), "another value than the chosen one");
        let again = provider.mint(old, &label, Some(chosen)).await.unwrap();
        assert_eq!(again.token, token, "pushing again made another token");
    }
    if abilities.find {
        assert_eq!(provider.find(&label).await.unwrap(), std::slice::from_ref(&token));
        assert_eq!(provider.find(&Label::new("stanch-contract-1-0000")).await.unwrap(), []);
    }
    let value = text(&secret);
    (token, value)
}
