//! Asking whether a credential works, with a negative control: a probe that also accepts a garbled secret proves nothing.

use super::Provider;
use crate::model::{Credential, Reason, Secret, Verdict};
use crate::rules::{Checksum, Kind};
use std::ops::Range;

/// How many characters are garbled: enough that the padding bits of an encoding cannot hide the change.
const GARBLED: usize = 6;

/// How many stretches of a secret are tried until the garbled one still looks like its kind.
const TRIES: usize = 16;

/// Asks the provider. Before an acceptance is believed, the same question is asked with a garbled secret of the same
/// shape; if that is accepted too, or nobody answers it, the answer is [`Verdict::Unknown`]. A refusal needs no control, so that waiting for a
/// death costs one request a time.
pub async fn ask(provider: &dyn Provider, credential: &Credential) -> Verdict {
    let verdict = provider.verify(credential).await;
    if verdict.token().is_none() {
        return verdict;
    }
    let Some(control) = control(credential, None) else {
        return Verdict::Unknown(Reason::Control);
    };
    match believed(&provider.verify(&control).await) {
        Ok(()) => verdict,
        Err(why) => Verdict::Unknown(why),
    }
}

/// The same credential with a secret that nobody has issued: of the same shape, with a right checksum where the kind has
/// one, and such that it names the same things of itself where that can be. None where there is no secret.
#[must_use]
pub fn control(credential: &Credential, kind: Option<&Kind>) -> Option<Credential> {
    let secret = garble(credential.secret.as_ref()?, kind);
    let (token, companions) = (credential.token.clone(), credential.companions.duplicate());
    Some(Credential { token, secret: Some(secret), companions })
}

/// Whether an acceptance can be believed of a probe that has said this of the control.
///
/// # Errors
/// Why it cannot.
pub fn believed(control: &Verdict) -> Result<(), Reason> {
    match control {
        Verdict::Live(_) | Verdict::Restricted(..) => Err(Reason::Control),
        // A garbled secret may be refused in words that no table holds; it was told apart all the same.
        Verdict::Dead | Verdict::WrongPlace | Verdict::Unknown(Reason::Rejected | Reason::Unexpected) => Ok(()),
        Verdict::Unknown(why) => Err(*why),
    }
}

/// Changes a few letters and digits, each within its class (decimal, hexadecimal, base-32), so that the shape stays: the
/// last ones with which it does. Where there are none, the last byte changes.
fn garble(secret: &Secret, kind: Option<&Kind>) -> Secret {
    #[expect(clippy::disallowed_methods, reason = "a garbled copy is made")]
    let bytes = secret.expose();
    let sealed = Checksum::ALL.iter().find_map(|sum| sum.covered(bytes).map(|covered| (*sum, covered)));
    let whole = sealed.as_ref().map_or(0..bytes.len(), |(_, covered)| covered.clone());
    let made = |at: usize| {
        let garbled = garbled(bytes, &whole, at)?;
        match &sealed {
            Some((sum, _)) => sum.sealed(&garbled),
            None => Some(garbled),
        }
    };
    let fits = |other: &Vec<u8>| kind.is_none_or(|kind| kind.is_twin(bytes, other));
    let twin = (0..TRIES).map_while(made).find(fits).or_else(|| made(0));
    Secret::new(twin.unwrap_or_else(|| {
        let mut other = bytes.to_vec();
        if let Some(last) = other.last_mut() {
            *last ^= 1;
        }
        other
    }))
}

/// With so many stretches from the end of the range left as they are, the next one garbled; none where there is none.
fn garbled(bytes: &[u8], range: &Range<usize>, stretch: usize) -> Option<Vec<u8>> {
    let mut other = bytes.to_vec();
    let plain = other.get_mut(range.clone())?.iter_mut().rev().filter(|byte| byte.is_ascii_alphanumeric());
    let changed = plain.skip(stretch * GARBLED).take(GARBLED).map(|byte| *byte = neighbour(*byte)).count();
    (changed > 0 && (stretch == 0 || changed == GARBLED)).then_some(other)
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
            let garbled = garble(&Secret::new(text.as_bytes().to_vec()), None);
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

    #[test]
    fn a_garbled_token_has_the_checksum_and_the_looks_of_its_kind() {
        let kinds = crate::rules::builtin();
        let github = kinds.find(&crate::model::KindId::new("github.personal-token")).unwrap();
        let text = format!("ghp_{}0uCPlr", "A".repeat(30));
        for kind in [None, Some(github.as_ref())] {
            let twin = garble(&Secret::new(text.clone().into_bytes()), kind);
            assert!(twin.expose() != text.as_bytes() && Checksum::Github.covered(twin.expose()).is_some());
        }
        // The last characters name a region, so others are garbled.
        let rule = r"{provider: acme, title: Acme, hosts: [api.acme.example], kinds: [{id: acme.key, title: Key, severity: high,
            sources: [{page: 'https://acme.example/docs', mark: D}], detect: {literals: [acme_],
            pattern: '\bacme_[a-z2-7]{20}-(?<region>(?:eu|us)[0-9]{2}[a-z]{3})\b', prefix: 'acme_',
            examples: [['acme_', 'abcdefghij234567klmn-eu12abc']], counterexamples: ['acme_x', 'acme_y']}}]}";
        let kind = crate::rules::check_file(std::path::Path::new("acme.yaml"), rule).unwrap().pop().unwrap();
        let text = "acme_abcdefghij234567klmn-eu12abc";
        let twin = garble(&Secret::new(text.as_bytes().to_vec()), Some(&kind));
        let twin = std::str::from_utf8(twin.expose()).unwrap();
        assert!(twin.ends_with("-eu12abc") && twin != text && twin.len() == text.len(), "{twin}");
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
