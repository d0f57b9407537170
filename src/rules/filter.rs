//! Judgements about a candidate's bytes alone: sorts of characters, entropy, and what is plainly a placeholder.

use super::shape::Sort;
use aho_corasick::{AhoCorasick, Match};
use std::sync::OnceLock;

impl Sort {
    /// True when one of the bytes is of this sort.
    #[must_use]
    pub fn is_in(self, bytes: &[u8]) -> bool {
        bytes.iter().any(match self {
            Self::Digit => u8::is_ascii_digit,
            Self::Upper => u8::is_ascii_uppercase,
            Self::Lower => u8::is_ascii_lowercase,
        })
    }
}

/// Shannon entropy in bits per byte.
#[must_use]
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

/// Words that stand for a secret when they are all there is.
const WORDS: [&str; 8] = ["password", "secret", "token", "placeholder", "redacted", "changeme", "undefined", "null"];

/// Brackets of template languages: what starts with the first and ends with the second is filled in later.
const BRACKETS: [(&[u8], &[u8]); 5] = [(b"<", b">"), (b"${", b"}"), (b"{{", b"}}"), (b"$(", b")"), (b"%(", b")s")];

/// True for text that a person wrote where a secret goes. Conservative: what could be a token is none.
#[must_use]
pub(super) fn placeholder(secret: &[u8], public_prefix: usize) -> bool {
    let body = secret.get(public_prefix..).unwrap_or(secret);
    one_character(body)
        || crossed_out(body)
        || in_brackets(body)
        || WORDS.iter().any(|word| body.eq_ignore_ascii_case(word.as_bytes()))
        || says_so(body)
        || yours(body)
        || translated(body)
}

/// Words that chance seldom writes in a token.
const FAKES: [&str; 10] =
    ["fake", "test", "dummy", "sample", "redact", "placeholder", "changeme", "token", "secret", "your"];

/// The least entropy of a body that somebody's generator wrote.
const MIXED: f64 = 3.5;

/// True for what a person made up, where something else says already that it is no token: words, rows of letters, letters
/// said over and over.
#[must_use]
pub(super) fn made_up(secret: &[u8], public_prefix: usize) -> bool {
    let body = secret.get(public_prefix..).unwrap_or(secret);
    let lower = body.to_ascii_lowercase();
    let says = |word: &str| lower.windows(word.len()).any(|part| part == word.as_bytes());
    let row = |part: &[u8]| {
        let steps = |by: u8| part.iter().zip(part.iter().skip(1)).all(|(one, next)| one.wrapping_add(by) == *next);
        steps(1) || steps(0) || steps(u8::MAX)
    };
    placeholder(secret, public_prefix)
        || FAKES.iter().any(|word| says(word))
        || lower.windows(5).any(row)
        || entropy(body) < MIXED
}

fn one_character(body: &[u8]) -> bool {
    body.first().is_some_and(|first| body.len() > 1 && body.iter().all(|byte| byte == first))
}

/// What a person leaves in a sample: words, and runs of the letter x (or of asterisks) that chance does not write. The first
/// two stand in any case, of the others all letters are small or all are capitals.
const REMARKS: [&str; 5] = ["your_", "your-", "example", "xxxxx", "*****"];
const IN_ANY_CASE: usize = 2;

/// True when one of the remarks stands somewhere in it.
fn says_so(body: &[u8]) -> bool {
    static REMARKS_IN_ONE: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let build = || AhoCorasick::builder().ascii_case_insensitive(true).build(REMARKS).ok();
    let one_case = |part: &[u8]| !part.iter().any(u8::is_ascii_lowercase) || !part.iter().any(u8::is_ascii_uppercase);
    let counts =
        |found: Match| found.pattern().as_usize() < IN_ANY_CASE || body.get(found.range()).is_some_and(one_case);
    REMARKS_IN_ONE.get_or_init(build).as_ref().is_some_and(|remarks| remarks.find_overlapping_iter(body).any(counts))
}

/// Words of samples, and what fingers type in their stead. In long secrets chance writes the shortest of them once in many
/// thousands.
const OF_SAMPLES: [&str; 12] = [
    "example",
    "placeholder",
    "changeme",
    "your_",
    "your-",
    "replace",
    "insert",
    "redacted",
    "dummy",
    "xxxxxx",
    "0000000000",
    "1234567",
];

/// True when a word of samples stands somewhere in it, in upper or lower case.
#[must_use]
pub(super) fn sampled(secret: &[u8]) -> bool {
    static IN_ONE: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let build = || AhoCorasick::builder().ascii_case_insensitive(true).build(OF_SAMPLES).ok();
    IN_ONE.get_or_init(build).as_ref().is_some_and(|words| words.is_match(secret))
}

fn crossed_out(body: &[u8]) -> bool {
    body.eq_ignore_ascii_case(b"xxx") || body.eq_ignore_ascii_case(b"xxxx")
}

fn in_brackets(body: &[u8]) -> bool {
    BRACKETS.iter().any(|(open, close)| body.starts_with(open) && body.ends_with(close))
}

/// `yourtokenhere`.
fn yours(body: &[u8]) -> bool {
    let starts = body.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"your"));
    let end = body.len().checked_sub(4).and_then(|start| body.get(start..));
    starts && end.is_some_and(|end| end.eq_ignore_ascii_case(b"here"))
}

/// The word for a password, or for a secret, in the languages in which samples are translated most.
const TRANSLATED: [&str; 26] = [
    "contraseña",
    "contrasena",
    "contrasenya",
    "clave",
    "secreto",
    "senha",
    "segredo",
    "motdepasse",
    "passe",
    "passwort",
    "kennwort",
    "geheim",
    "wachtwoord",
    "parola",
    "lösenord",
    "losenord",
    "adgangskode",
    "passord",
    "salasana",
    "hasło",
    "heslo",
    "şifre",
    "пароль",
    "密码",
    "パスワード",
    "비밀번호",
];
/// The words that stand beside one are short: `mot_de_passe`, `tu_contraseña`.
const BESIDE: usize = 6;

/// `tu_contraseña`, `MotDePasse`: such a word, alone or with short ones beside it.
fn translated(body: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(body).ok().filter(|text| text.len() <= 64) else { return false };
    let mut said = false;
    let plain = text.split(['_', '-', '.', ' ']).all(|word| {
        let lower = word.to_lowercase();
        let is = TRANSLATED.contains(&lower.as_str());
        said |= is;
        is || (word.len() <= BESIDE && word.chars().all(char::is_alphabetic))
    });
    plain && said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_a_word_in_other_languages_too() {
        for text in
            ["contraseña", "tu_contraseña", "MotDePasse", "mot_de_passe", "IHR-PASSWORT", "senha", "ваш_пароль", "密码"]
        {
            assert!(placeholder(text.as_bytes(), 0), "{text}");
        }
        for text in ["senha1", "clavemaster", "q8Xk2-passe", "passepartout", "geheimnis_9", "parolaparola", ""] {
            assert!(!placeholder(text.as_bytes(), 0), "{text}");
        }
        assert!(!placeholder(b"\xff\xfesenha", 0), "no text at all");
    }

    #[test]
    fn entropy_counts_bits() {
        assert!(entropy(b"").abs() < 1e-9);
        assert!(entropy(b"aaaa").abs() < 1e-9);
        assert!((entropy(b"abab") - 1.0).abs() < 1e-9);
        let all: Vec<u8> = (0..=255).collect();
        assert!((entropy(&all) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn sorts_are_ascii() {
        assert!(Sort::Digit.is_in(b"ab1") && !Sort::Digit.is_in("ab\u{0661}".as_bytes()));
        assert!(Sort::Upper.is_in(b"aB1") && !Sort::Upper.is_in("\u{c4}".as_bytes()));
        assert!(Sort::Lower.is_in(b"Ab1") && !Sort::Lower.is_in(b"AB1"));
    }

    #[test]
    fn what_a_person_makes_up_is_told_from_what_a_generator_writes() {
        for text in [
            "abcdefghijklmnopqrst0123",
            "q8Xk2PzL0v12345tYw3",
            "q8Xk2PzLaaaaa7tYw3",
            "q8fAkE2PzL0vR7tYw3k",
            "q8Xk2q8Xk2q8Xk2q8Xk2",
        ] {
            assert!(made_up(text.as_bytes(), 0), "{text}");
        }
        assert!(!made_up(b"El92ag472nMdDuzUuC9YX9lh41aKXl1Zo0hp", 0));
        assert!(made_up(b"acme_q8Xk54321L0vR7tYw3", 5));
    }

    #[test]
    fn words_of_samples_are_seen_in_any_case() {
        for text in
            ["q8EXAMPLEk2", "Placeholder", "your-key", "Your_key", "reDacted", "a1xxXxXx", "z0000000000z", "x1234567"]
        {
            assert!(sampled(text.as_bytes()), "{text}");
        }
        for text in ["", "exampel", "yourkey", "xxxxx", "000000000", "123456", "q8Xk2PzL0vR7tYw3"] {
            assert!(!sampled(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn placeholders_are_told_from_tokens() {
        let fake = [
            "aaaaaaaaaaaaaaaaaaaa",
            "xxxxxxxxxxxx",
            "abcXXXXXdef",
            "****************",
            "your_token_here",
            "YOUR-API-KEY",
            "yourkeyhere",
            "<access-token>",
            "${TOKEN}",
            "{{ token }}",
            "$(cat token)",
            "%(token)s",
            "wJalrXUtnFEMI/EXAMPLEKEY",
            "Password",
            "changeme",
        ];
        for text in fake {
            assert!(placeholder(text.as_bytes(), 0), "{text}");
        }
        assert!(placeholder(b"Your_Key_1", 0) && placeholder(b"abXxxxxxyz", 0));
        let real = [
            "q8Xk2PzL0vR7tYw3",
            "xxXXxk2PzL0v",
            "***x**",
            "xxxxk2PzL0vR7tYw",
            "passwordless1",
            "yourself99",
            "<half",
            "hunter2",
            "Exam9ple",
            "",
        ];
        for text in real {
            assert!(!placeholder(text.as_bytes(), 0), "{text}");
        }
        assert!(placeholder(b"acme_0000000000", 5), "the public prefix is no part of the body");
    }
}
