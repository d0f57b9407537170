//! Private keys between two lines, as they stand in files and in source code.

use super::pgp::Protection;
use super::{Reading, bits, der, pgp, ssh};
use crate::model::Severity;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

pub(super) fn read(secret: &[u8], to: &mut Reading) {
    let known = taken_apart(secret).and_then(|(label, body)| Some((key(label, &body, to)?, label)));
    match known {
        None => to.doubt("what stands between its lines is no key: a sample, cut, or damaged"),
        Some((Protection::Passphrase, _)) => {
            to.tell("passphrase", b"yes");
            to.lower(Severity::Medium, "a passphrase protects it: it is as safe as that is hard to guess");
        }
        Some((Protection::None, _)) => to.tell("passphrase", b"no"),
        Some((Protection::Unknown, _)) => {}
    }
}

/// Reads the key; none where it is no key of the form that its label names.
fn key(label: &[u8], body: &Body, to: &mut Reading) -> Option<Protection> {
    if body.encrypted {
        return Some(Protection::Passphrase);
    }
    let bytes = bits::base64(&body.letters).filter(|bytes| !bytes.is_empty())?;
    let open = |(): ()| Protection::None;
    match label {
        b"OPENSSH PRIVATE KEY" => {
            ssh::read(&bytes, to).map(|sealed| if sealed { Protection::Passphrase } else { Protection::None })
        }
        b"PGP PRIVATE KEY BLOCK" => pgp::read(&bytes),
        b"ENCRYPTED PRIVATE KEY" => der::encrypted(&bytes).then_some(Protection::Passphrase),
        _ => der::read(label.strip_suffix(b" PRIVATE KEY").unwrap_or_default(), &bytes, to).map(open),
    }
}

/// What stands between the lines.
struct Body {
    /// Its base64, in one piece.
    letters: Vec<u8>,
    /// Whether a header says that a passphrase is needed.
    encrypted: bool,
}

/// The label of the first line, and what stands below it without what source code puts round it.
fn taken_apart(secret: &[u8]) -> Option<(&[u8], Body)> {
    let find = |text: &[u8], part: &[u8]| text.windows(part.len()).position(|window| window == part);
    let text = secret.get(find(secret, BEGIN)? + BEGIN.len()..)?;
    let label = text.get(..find(text, DASHES)?)?;
    let text = text.get(label.len() + DASHES.len()..)?;
    let text = text.get(..find(text, END)?)?;
    let mut body = Body { letters: Vec::with_capacity(text.len()), encrypted: false };
    let text = unescaped(text);
    let lines: Vec<&[u8]> = text.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii).collect();
    let lines = || lines.iter().copied().filter(|line| !line.is_empty());
    // A patch marks every line that it adds.
    let added = lines().count() > 1 && lines().all(|line| line.starts_with(b"+"));
    for line in lines() {
        let line = if added { line.get(1..).unwrap_or_default() } else { line };
        if line.contains(&b':') {
            body.encrypted |= find(line, b"4,ENCRYPTED").is_some();
        } else {
            add(line, &mut body.letters);
        }
    }
    Some((label, body))
}

/// With escapes turned back: line ends, tabs, and what JSON writes in hex; other backslashes are left out.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            plain.push(*first);
            continue;
        }
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match after {
            [b'n' | b'r' | b't', after @ ..] => {
                plain.push(b'\n');
                rest = after;
            }
            [b'u', b'0', b'0', high, low, after @ ..] => {
                plain.extend(hex(&[*high, *low]));
                rest = after;
            }
            _ => {}
        }
    }
    plain
}

/// Adds a line. Where it is quoted, what only joins the quotes is left out, and so is the checksum of PGP's armour.
fn add(line: &[u8], letters: &mut Vec<u8>) {
    let quoted = line.iter().any(|byte| matches!(byte, b'"' | b'\''));
    let frames = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'#' | b'*' | b'>');
    for part in line.split(|byte| matches!(byte, b'"' | b'\'')) {
        let joins = quoted && part.iter().all(|byte| frames(byte) || *byte == b'+');
        let part: Vec<u8> = part.iter().copied().filter(|byte| !frames(byte)).collect();
        let sum = part.len() == 5 && part.starts_with(b"=");
        if !joins && !sum {
            letters.extend(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(label: &str, lines: &str) -> Reading {
        let mut to = Reading::default();
        read(format!("-----BEGIN {label}-----{lines}-----END {label}-----").as_bytes(), &mut to);
        to
    }

    /// The outermost sequence of these values.
    fn sequence(values: &[&[u8]]) -> Vec<u8> {
        let inner = values.concat();
        [&[0x30, u8::try_from(inner.len()).unwrap()], inner.as_slice()].concat()
    }

    fn base64(bytes: &[u8]) -> String {
        data_encoding::BASE64.encode(bytes)
    }

    const ZERO: &[u8] = &[2, 1, 0];
    const ED25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];

    #[test]
    fn keys_of_every_form_are_told_from_what_is_none() {
        let key = sequence(&[ZERO, ED25519, &[4, 4, 4, 2, 7, 7]]);
        let read = reading("PRIVATE KEY", &format!("\n{}\n", base64(&key)));
        let facts: Vec<_> = read.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        assert_eq!(facts, ["algorithm Ed25519", "passphrase no"]);
        let longer = [key.as_slice(), &[0]].concat();
        let public = sequence(&[ED25519, &[3, 2, 0, 7]]);
        for bytes in [
            &key[..key.len() - 1],
            &longer,
            &public,
            b"made up by somebody",
            &[],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            let read = reading("PRIVATE KEY", &format!("\n{}\n", base64(bytes)));
            assert!(read.doubtful && read.facts.is_empty(), "{bytes:?}");
        }
        assert!(reading("RSA PRIVATE KEY", &base64(&key)).doubtful, "of another form than its line says");
        assert!(reading("PRIVATE KEY", "\nMII!\n").doubtful);
    }

    #[test]
    fn a_passphrase_takes_weight() {
        let sealed = sequence(&[&sequence(&[&[6, 1, 42]]), &[4, 2, 1, 2]]);
        for (label, lines) in [
            ("ENCRYPTED PRIVATE KEY", format!("\n{}\n", base64(&sealed))),
            ("RSA PRIVATE KEY", " Proc-Type: 4,ENCRYPTED DEK-Info: AES-128-CBC,00 c2VhbGVk ".to_owned()),
            ("RSA PRIVATE KEY", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nc2VhbGVk\n".to_owned()),
            ("RSA PRIVATE KEY", "\\nProc-Type: 4,ENCRYPTED\\nDEK-Info: AES-128-CBC,00\\n\\nc2VhbGVk\\n".to_owned()),
        ] {
            let read = reading(label, &lines);
            assert_eq!((read.severity(Severity::Critical), read.doubtful), (Severity::Medium, false), "{lines}");
            assert_eq!(read.facts["passphrase"], "yes");
        }
        assert!(reading("ENCRYPTED PRIVATE KEY", "\nc2VhbGVk\n").doubtful);
    }

    #[test]
    fn nothing_between_or_no_end_is_no_key() {
        for text in [
            "",
            "-----BEGIN ",
            "-----BEGIN X",
            "-----BEGIN X-----",
            "-----BEGIN X----------END X-----",
            "-----END X-----",
        ] {
            let mut to = Reading::default();
            read(text.as_bytes(), &mut to);
            assert!(to.doubtful, "{text}");
        }
        for label in ["OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "EC PRIVATE KEY", "DSA PRIVATE KEY"] {
            for length in 0..40 {
                assert!(reading(label, &base64(&vec![0xff; length])).doubtful, "{label} {length}");
            }
        }
    }

    #[test]
    fn a_public_key_of_openpgp_is_none_and_a_passphrase_is_seen() {
        // Version 4, made at a time, RSA of two short numbers, and how the secret half is kept.
        let packet = |tag: u8, usage: u8| {
            let body = [&[4, 0, 0, 0, 1, 1, 0, 8, 200, 0, 2, 3, usage][..], &[1, 2, 3]].concat();
            base64(&[&[0x80 | tag << 2, u8::try_from(body.len()).unwrap()], body.as_slice()].concat())
        };
        let quoted = format!("\\n\" +\n\"{}\\n\" +\n\"=abcd\\n\" +\n\"", packet(5, 0));
        assert_eq!(reading("PGP PRIVATE KEY BLOCK", &quoted).facts["passphrase"], "no");
        let told =
            |tag, usage| reading("PGP PRIVATE KEY BLOCK", &format!("\nVersion: X\n\n{}\n=abcd\n", packet(tag, usage)));
        assert_eq!(told(5, 0).facts["passphrase"], "no");
        assert_eq!(told(5, 254).severity(Severity::High), Severity::Medium);
        assert!(told(6, 0).doubtful);
    }
}
