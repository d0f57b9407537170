//! A value that is never printed.

use std::fmt;
use zeroize::Zeroizing;

/// Bytes that must not be seen: no `Clone`, no `Display`, no `PartialEq`, and `Debug` shows a length.
///
/// ```compile_fail
/// let secret = stanch::model::Secret::new(b"x".to_vec());
/// println!("{secret}");
/// ```
/// ```compile_fail
/// let secret = stanch::model::Secret::new(b"x".to_vec());
/// let copy = secret.clone();
/// ```
/// ```compile_fail
/// let secret = stanch::model::Secret::new(b"x".to_vec());
/// assert!(secret == stanch::model::Secret::new(b"x".to_vec()));
/// ```
/// ```compile_fail
/// let secret = stanch::model::Secret::new(b"x".to_vec());
/// serde_json::to_string(&secret).unwrap();
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of the bytes; they are wiped when the value is dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Shows the bytes. Every use states its reason (the lint `disallowed_methods` asks for it).
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// A second value of the same bytes, for a call or a keeper that takes its own; it is wiped like the first. There is
    /// no `Clone`, so that no copy is made unseen.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// A user and its password as one value, `user:password`: of a login that is made anew both change, and neither is
    /// worth anything without the other. A colon in the user would be taken for the one between them.
    #[must_use]
    pub fn login(user: &str, password: &Self) -> Self {
        let mut both = Vec::with_capacity(user.len() + 1 + password.len());
        both.extend_from_slice(user.as_bytes());
        both.push(b':');
        both.extend_from_slice(&password.0);
        Self::new(both)
    }

    /// The user and the password of a login; none where the value has no such form.
    #[must_use]
    pub fn user_and_password(&self) -> Option<(String, Self)> {
        let at = self.0.iter().position(|byte| *byte == b':')?;
        let (user, password) = (self.0.get(..at)?, self.0.get(at + 1..)?);
        if user.is_empty() || password.is_empty() {
            return None;
        }
        Some((std::str::from_utf8(user).ok()?.to_owned(), Self::new(password.to_vec())))
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when both hold the same bytes; the time taken depends on the lengths alone.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(other.0.iter()).fold(0, |acc, (a, b)| acc | (a ^ b)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_apart_as_it_was_put_together() {
        let password = Secret::new(b"a:b-\xff".to_vec());
        let (user, back) = Secret::login("v-token-shop", &password).user_and_password().unwrap();
        assert_eq!(user, "v-token-shop");
        assert!(back.same_as(&password));
        for none in [&b"alone"[..], b":x", b"x:", b"\xff:x", b""] {
            assert!(Secret::new(none.to_vec()).user_and_password().is_none(), "{none:?}");
        }
    }
}
