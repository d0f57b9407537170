//! Passwords in URLs: what the user and the host beside one say of it.

use super::{Part, Reading};
use crate::model::Severity;
use crate::rules::filter::{made_up, placeholder};
use crate::rules::shape::Maker;

/// Names that stand for the machine itself.
const HERE: [&[u8]; 6] = [b"localhost", b"0.0.0.0", b"::1", b"[::1]", b"host.docker.internal", b"ip6-localhost"];
/// Domains that are kept free for examples and tests (RFC 2606, RFC 6761).
const RESERVED: [&str; 7] = ["example.com", "example.org", "example.net", "example", "test", "invalid", "localhost"];

/// What is put behind the name of a user where a password has to stand.
const WORDS: [&[u8]; 10] =
    [b"pass", b"passwd", b"password", b"pw", b"pwd", b"secret", b"dbpass", b"db_pass", b"dbpassword", b"db_password"];

/// Names are shorter than what a generator writes.
const NAME: usize = 16;
/// What people make up is shorter.
const LONG: usize = 12;

pub(super) fn read(secret: &[u8], part: Part<'_>, to: &mut Reading) -> Option<()> {
    for name in ["user", "database"] {
        // As it is meant, where it is told at all.
        if let Some(value) = part(name).filter(|_| to.facts.contains_key(name)) {
            to.tell(name, &decoded(value));
        }
    }
    // A name that nobody would give is a token that stands where the name does.
    if part("user").is_some_and(|user| user.len() >= NAME && user.iter().any(u8::is_ascii_digit) && !made_up(user, 0)) {
        to.facts.remove("user");
    }
    let Some(host) = part("host") else { return Some(()) };
    let host = host.to_ascii_lowercase();
    let here = HERE.contains(&host.as_slice()) || host.starts_with(b"127.");
    let near = here || !host.iter().any(|byte| matches!(byte, b'.' | b':'));
    let meant = decoded(secret);
    let same = part("user").is_some_and(|user| names(&decoded(user), &meant));
    // `user[:password]@host`: the form of an address, as manuals write it.
    let form = meant.ends_with(b"]") && !meant.contains(&b'[');
    if (near && same) || form || placeholder(&meant, 0) {
        return None;
    }
    // What a generator wrote may be in use elsewhere too.
    let most = if generated(secret) { Severity::Medium } else { Severity::Low };
    if here {
        to.lower(most, "its host is the machine itself");
    } else if is_reserved(&host) {
        to.lower(most, "its host is a name for examples");
    }
    Some(())
}

/// `reader:reader`, `reader:reader_password`.
fn names(user: &[u8], secret: &[u8]) -> bool {
    let Some((start, rest)) = secret.split_at_checked(user.len()) else { return false };
    let word = rest.strip_prefix(b"_").or_else(|| rest.strip_prefix(b"-")).unwrap_or(rest);
    start.eq_ignore_ascii_case(user) && (rest.is_empty() || WORDS.iter().any(|said| word.eq_ignore_ascii_case(said)))
}

fn generated(secret: &[u8]) -> bool {
    Maker::Chance.made(secret) || (secret.len() >= LONG && !made_up(secret, 0))
}

fn is_reserved(host: &[u8]) -> bool {
    let below = |domain: &str| {
        host.strip_suffix(domain.as_bytes()).is_some_and(|before| before.is_empty() || before.ends_with(b"."))
    };
    RESERVED.iter().any(|domain| below(domain))
}

/// With what stands for one byte in three turned back.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(user: &str, secret: &str, host: &str) -> Option<Reading> {
        let mut to = Reading::default();
        let part = |name: &str| match name {
            "user" => Some(user.as_bytes()),
            "host" => Some(host.as_bytes()),
            _ => None,
        };
        to.tell("user", user.as_bytes());
        read(secret.as_bytes(), &part, &mut to).map(|()| to)
    }

    #[test]
    fn the_host_decides_what_a_password_weighs() {
        let weight = |host| reading("app", "q8Xk2PzL0v", host).unwrap().severity(Severity::Critical);
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]", "db.example.com", "x.test", "example"]
        {
            assert_eq!(weight(host), Severity::Low, "{host}");
        }
        for generated in ["Vq7kz29mWx4tr", concat!("a91f0e44ac", "9f1004bafe", "10e4")] {
            let read = reading("app", generated, "localhost").unwrap();
            assert_eq!(read.severity(Severity::Critical), Severity::Medium, "{generated}");
        }
        for host in ["db.acme.io", "10.0.3.7", "notexample.com", "db", "latest", "128.0.0.1"] {
            assert_eq!(weight(host), Severity::Critical, "{host}");
        }
    }

    #[test]
    fn a_password_that_is_the_user_is_none_where_only_neighbours_come() {
        assert!(reading("postgres", "postgres", "localhost").is_none());
        assert!(reading("guest", "Guest", "rabbit").is_none());
        assert!(reading("a%40b", "a@b", "db").is_none());
        assert!(reading("reader", "reader_password", "db").is_none());
        assert!(reading("reader", "ReaderPW", "localhost").is_none());
        assert!(reading("nova", "NOVA_DBPASS", "controller").is_none());
        assert!(reading("user[", "password]", "db.acme.io").is_none(), "user[:password]@…");
        assert!(reading("user", "q8Xk[2PzL0v]", "db.acme.io").is_some());
        assert!(reading("reader", "reader_password", "db.acme.io").is_some());
        assert!(reading("reader", "reader_passable", "db").is_some());
        assert!(reading("reader", "read", "db").is_some());
        assert!(reading("deploy", "deploy", "db.acme.io").is_some());
        assert!(reading("app", "%24%7BDB_PASS%7D", "db.acme.io").is_none(), "${{DB_PASS}}, as libraries write it");
    }

    #[test]
    fn percents_are_turned_back() {
        assert_eq!(decoded(b"a%40b%2"), b"a@b%2");
        assert_eq!(decoded(b"%zz%"), b"%zz%");
        assert_eq!(reading("a%40b", "x", "db.acme.io").unwrap().facts["user"], "a@b");
        assert!(reading("Vq7kz29mWx4trB3nLp8s", "api", "db.acme.io").unwrap().facts.is_empty(), "a token for a name");
    }
}
