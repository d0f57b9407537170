//! Password verifiers, computed here so that a password in clear never stands in an SQL statement or a server's log.

use crate::model::Secret;
use aws_lc_rs::{digest, hmac, pbkdf2};
use data_encoding::BASE64;
use std::num::NonZeroU32;

/// What PostgreSQL itself uses.
const ROUNDS: u32 = 4096;

/// The `SCRAM-SHA-256` verifier of a password (RFC 5802, RFC 7677), as `ALTER ROLE … PASSWORD` takes it.
/// [`None`] unless the password is printable ASCII, which normalisation (SASLprep) leaves as it is.
pub(super) fn verifier(password: &Secret, salt: &[u8]) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the verifier is derived from the password")]
    let bytes = password.expose();
    if bytes.is_empty() || !bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return None;
    }
    let mut salted = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::new(ROUNDS)?, salt, bytes, &mut salted);
    let salted = Secret::new(salted.to_vec());
    #[expect(clippy::disallowed_methods, reason = "the verifier is derived from the password")]
    let key = hmac::Key::new(hmac::HMAC_SHA256, salted.expose());
    let stored = digest::digest(&digest::SHA256, hmac::sign(&key, b"Client Key").as_ref());
    let server = hmac::sign(&key, b"Server Key");
    let (salt, stored, server) = (BASE64.encode(salt), BASE64.encode(stored.as_ref()), BASE64.encode(server.as_ref()));
    Some(format!("SCRAM-SHA-256${ROUNDS}:{salt}${stored}:{server}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3: user `user`, password `pencil`. Its proof and its signature follow from the
    /// keys of the verifier, so they tell whether the keys are right.
    #[test]
    fn the_example_of_the_standard_comes_out() {
        let salt = BASE64.decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = verifier(&Secret::new(b"pencil".to_vec()), &salt).unwrap();
        let keys = verifier.strip_prefix("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$").unwrap();
        let (stored, server) = keys.split_once(':').unwrap();
        let said = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                    r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                    c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let sign = |key: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64.decode(key.as_bytes()).unwrap());
            hmac::sign(&key, said.as_bytes())
        };
        assert_eq!(BASE64.encode(sign(server).as_ref()), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        // The client proves itself by ClientKey XOR ClientSignature; the digest of that key is the stored one.
        let proof = BASE64.decode(b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let signature = sign(stored);
        let key: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        assert_eq!(BASE64.encode(digest::digest(&digest::SHA256, &key).as_ref()), stored);
    }

    #[test]
    fn a_password_that_would_be_normalised_is_refused() {
        for bad in ["", "caf\u{e9}", "tab\t", "nul\0"] {
            assert_eq!(verifier(&Secret::new(bad.as_bytes().to_vec()), b"salt"), None, "{bad:?}");
        }
    }
}
