//! What the bytes of a secret say of how it came to be: drawn by chance, as keys are, or thought up by a person, as
//! passwords are. For kinds that have no shape of their own, where all that is known is the name before the value.

use super::filter::entropy;
use super::shape::Maker;

/// The shortest value that is judged to be drawn, and the shortest of hexadecimal digits.
const DRAWN: usize = 16;
const DRAWN_HEX: usize = 24;
/// The least entropy, in bits per byte, of a drawn value; hexadecimal digits hold at most four.
const SPREAD: f64 = 3.6;
const SPREAD_HEX: f64 = 3.0;
/// The length of a UUID as text.
const UUID: usize = 36;
/// A part of a drawn value shorter than this says nothing.
const TELLING: usize = 8;
/// In a drawn value at least so many in a hundred neighbours are of different sorts. Of base-62 it is 64 on average, of
/// hexadecimal digits 47; of names that people write 5 to 25.
const RESTLESS: usize = 28;
/// A password of a person.
const TYPED: std::ops::RangeInclusive<usize> = 8..=40;
const SPREAD_TYPED: f64 = 2.5;

impl Maker {
    /// True when the bytes may be the work of this maker.
    #[must_use]
    pub fn made(self, secret: &[u8]) -> bool {
        match self {
            Self::Chance => drawn(secret),
            // Where a password goes, longer ones are drawn by a program.
            Self::Person => typed(secret) || (secret.len() > *TYPED.end() && drawn(secret)),
        }
    }
}

fn drawn(secret: &[u8]) -> bool {
    let padding = secret.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = secret.get(..secret.len() - padding).unwrap_or(secret);
    if body.len() < DRAWN {
        return false;
    }
    // A UUID is the hexadecimal digits that it is made of, not five short words.
    let joined: Vec<u8>;
    let body = if is_uuid(body) {
        joined = body.iter().copied().filter(|byte| *byte != b'-').collect();
        &joined
    } else {
        body
    };
    let digits = count(body, u8::is_ascii_digit);
    let (upper, lower) = (count(body, u8::is_ascii_uppercase), count(body, u8::is_ascii_lowercase));
    if body.iter().all(u8::is_ascii_hexdigit) && (upper == 0 || lower == 0) {
        return body.len() >= DRAWN_HEX && digits >= 4 && digits + 2 <= body.len() && entropy(body) >= SPREAD_HEX;
    }
    let parts = body.split(|byte| matches!(byte, b'_' | b'-' | b'/' | b'+' | b'.'));
    let restless: usize = parts.filter(|part| is_restless(part)).map(<[u8]>::len).sum();
    digits >= 2 && upper + lower >= 2 && restless * 2 >= body.len() && entropy(body) >= SPREAD
}

/// `8-4-4-4-12` hexadecimal digits (RFC 9562, section 4).
fn is_uuid(body: &[u8]) -> bool {
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    body.len() == UUID
        && body.iter().enumerate().all(|(at, byte)| if dash(at) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// True when letters and digits take turns as words and numbers do not. A word that starts with a capital is one change.
fn is_restless(part: &[u8]) -> bool {
    let changes = part.iter().zip(part.iter().skip(1)).filter(|(one, next)| {
        let starts_word = one.is_ascii_uppercase() && next.is_ascii_lowercase();
        sort(**one) != sort(**next) && !starts_word
    });
    let pairs = part.len().saturating_sub(1);
    part.len() >= TELLING && part.iter().any(u8::is_ascii_digit) && changes.count() * 100 >= pairs * RESTLESS
}

fn typed(secret: &[u8]) -> bool {
    let has = |sort: fn(&u8) -> bool| secret.iter().any(sort);
    TYPED.contains(&secret.len())
        && has(u8::is_ascii_alphabetic)
        && has(u8::is_ascii_digit)
        && entropy(secret) >= SPREAD_TYPED
        && !secret.windows(4).any(is_row)
}

/// `1234`, `abcd`, `7777`: what a person types who thinks of nothing.
fn is_row(four: &[u8]) -> bool {
    let mut steps = four.iter().zip(four.iter().skip(1)).map(|(one, next)| next.wrapping_sub(*one));
    let first = steps.next();
    first.is_some_and(|step| step <= 1) && steps.all(|step| Some(step) == first)
}

fn sort(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    }
}

fn count(bytes: &[u8], sort: fn(&u8) -> bool) -> usize {
    bytes.iter().filter(|byte| sort(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chance_drew_is_told_from_names() {
        for drawn in [
            "q8Xk2PzL0vR7tYw3Bn",
            "9f86d081884c7d659a2feaa0c55ad015",
            "9F86D081884C7D659A2FEAA0C55AD015",
            "b7e1fa4c-2d83-4c0e-9a51-3f08d6c2e719",
            "bbbefa4c-2d83-4c0e-9a51-ffeeddc2e719",
            "29385471-8c05-4e17-9302-74851690a3b6",
            "Zk3v/8sQ+1xPz0aLw7Nd5Rj2Tg==",
            "k3j9x7q2m5v8z1c4",
        ] {
            assert!(Maker::Chance.made(drawn.as_bytes()), "{drawn}");
        }
        for written in [
            "get_secret_value_from_vault_2",
            "EVP_final_with_secret_suffix_sha256",
            "MSV1_0_CREDENTIAL_KEY",
            "xxh3_128_long_with_seed",
            "0004_alter_user_username_opts",
            "SomeCamelCaseIdentifier2Name",
            "aws-sdk-secretsmanager-2",
            "00000000000000000000000000000000",
            "00000000-0000-4000-8000-000000000001",
            "11111111-2222-3333-4444-555555555555",
            "12345678901234567890123456789012",
            "q8Xk2PzL0vR7tYw",
            "",
        ] {
            assert!(!Maker::Chance.made(written.as_bytes()), "{written}");
        }
    }

    #[test]
    fn what_a_person_thought_up_has_letters_and_digits() {
        let long = ["GVm33KC6AqpDZjZzKhZCl", "DqnCpNDMNh66Mvait8DxWq"].concat();
        for typed in ["Sommer2019!", "kw8$Tz-4f", "blauwal77x", &long] {
            assert!(Maker::Person.made(typed.as_bytes()), "{typed}");
        }
        for other in [
            "changeme",
            "abcd5678",
            "x7777yzk",
            "aaaaaaa1",
            "hallo1",
            "12345678",
            "",
            "two-words-only",
            &"a1".repeat(21),
        ] {
            assert!(!Maker::Person.made(other.as_bytes()), "{other}");
        }
    }
}
