//! Asking whether a credential works, with a negative control: a probe that also accepts a garbled secret proves nothing.

use super::Provider;
use crate::model::{Credential, Reason, Secret, Verdict};

/// How many characters are garbled: enough that the padding bits of an encoding cannot hide the change.
const GARBLED: usize = 6;

/// Asks the provider. Before an acceptance is believed, the same question is asked with a garbled secret of the same
/// shape; if that is accepted too, or nobody answers it, the answer is [`Verdict::Unknown`]. A refusal needs no control, so that waiting for a
/// death costs one request a time.
pub async fn ask(provider: &dyn Provider, credential: &Credential) -> Verdict {
    let verdict = provider.verify(credential).await;
    if verdict.token().is_none() {
        return verdict;
    }
    let Some(secret) = &credential.secret else {
        return Verdict::Unknown(Reason::Control);
    };
    let (token, companions) = (credential.token.clone(), credential.companions.duplicate());
    let control = Credential { token, secret: Some(garble(secret)), companions };
    match provider.verify(&control).await {
        Verdict::Live(_) | Verdict::Restricted(..) => Verdict::Unknown(Reason::Control),
        // A garbled secret may be refused in words that no table holds; it was told apart all the same.
        Verdict::Dead | Verdict::WrongPlace | Verdict::Unknown(Reason::Rejected | Reason::Unexpected) => verdict,
        Verdict::Unknown(why) => Verdict::Unknown(why),
    }
}

/// Changes the last letters and digits, each within its class (decimal, hexadecimal, base-32), so that the shape stays.
/// Where there are none, the last byte changes.
fn garble(secret: &Secret) -> Secret {
    #[expect(clippy::disallowed_methods, reason = "a garbled copy is made")]
    let mut bytes = secret.expose().to_vec();
    let plain = bytes.iter_mut().rev().filter(|byte| byte.is_ascii_alphanumeric()).take(GARBLED);
    let changed = plain.map(|byte| *byte = neighbour(*byte)).count();
    if changed == 0
        && let Some(last) = bytes.last_mut()
    {
        *last ^= 1;
    }
    Secret::new(bytes)
}

/// The next character of the same class, going round.
fn neighbour(byte: u8) -> u8 {
    const CLASSES: [&[u8]; 6] =
        [b"0189", b"234567", b"abcdef", b"ghijklmnopqrstuvwxyz", b"ABCDEF", b"GHIJKLMNOPQRSTUVWXYZ"];
    let class = CLASSES.iter().find(|class| class.contains(&byte)).copied().unwrap_or_default();
    class.iter().cycle().skip_while(|other| **other != byte).nth(1).copied().unwrap_or(byte)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at what was garbled")]
mod tests {
    use super::super::memory::{Fault, MemoryProvider};
    use super::*;
    use crate::model::TokenId;
    use crate::provider::memory::Act;

    fn credential(secret: &str) -> Credential {
        Credential { secret: Some(Secret::new(secret.as_bytes().to_vec())), ..Credential::default() }
    }

    #[test]
    fn garbling_keeps_the_shape_and_changes_the_value() {
        for text in ["deadbeef0123", "AB==", "x", "A.B-C_9", "....", "zzzzzzzz"] {
            let garbled = garble(&Secret::new(text.as_bytes().to_vec()));
            let garbled = std::str::from_utf8(garbled.expose()).unwrap().to_owned();
            assert_ne!(garbled, text);
            assert_eq!(garbled.len(), text.len());
            for (before, after) in text.chars().zip(garbled.chars()) {
                assert_eq!(before.is_ascii_hexdigit(), after.is_ascii_hexdigit(), "{text} {garbled}");
                assert_eq!(before.is_ascii_uppercase(), after.is_ascii_uppercase(), "{text} {garbled}");
                assert_eq!(before.is_ascii_digit(), after.is_ascii_digit(), "{text} {garbled}");
            }
        }
    }

    #[tokio::test]
    async fn a_live_token_is_believed_because_its_garbled_twin_is_refused() {
        let provider = MemoryProvider::default();
        provider.put("t1", "secret1");
        assert_eq!(ask(&provider, &credential("secret1")).await, Verdict::Live(TokenId::new("t1")));
        assert_eq!(provider.calls(Act::Verify), 2);
        assert_eq!(ask(&provider, &credential("secret2")).await, Verdict::Dead);
        assert_eq!(provider.calls(Act::Verify), 3);
    }

    #[tokio::test]
    async fn a_probe_that_accepts_anything_proves_nothing() {
        let provider = MemoryProvider::default();
        provider.put("t1", "secret1");
        provider.accept_anything(true);
        assert_eq!(ask(&provider, &credential("secret1")).await, Verdict::Unknown(Reason::Control));
    }

    #[tokio::test]
    async fn a_provider_that_cannot_be_asked_leaves_it_unknown() {
        let provider = MemoryProvider::default();
        provider.put("t1", "secret1");
        provider.order(Act::Verify, Fault::Before);
        assert_eq!(ask(&provider, &credential("secret1")).await, Verdict::Unknown(Reason::Unreachable));
    }
}
