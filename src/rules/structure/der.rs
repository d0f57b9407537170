//! Keys in DER: RSA, DSA and EC in their own forms, PKCS#8, and PKCS#8 under a passphrase.

use super::{Reading, bits, ssh};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const OBJECT: u8 = 6;

/// Names of what keys are for.
const ALGORITHMS: [(&[u8], &str); 9] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], "RSA"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "RSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 3, 1], "DH"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], "EC"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "DSA"),
    (&[0x2b, 0x65, 0x70], "Ed25519"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2b, 0x65, 0x6e], "X25519"),
    (&[0x2b, 0x65, 0x6f], "X448"),
];

const CURVES: [(&[u8], &str); 4] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], "P-256"),
    (&[0x2b, 0x81, 4, 0, 0x22], "P-384"),
    (&[0x2b, 0x81, 4, 0, 0x23], "P-521"),
    (&[0x2b, 0x81, 4, 0, 10], "secp256k1"),
];

/// What a PKCS#8 key under a passphrase begins with; false where these bytes are none.
pub(super) fn encrypted(bytes: &[u8]) -> bool {
    let read = || {
        let mut key = whole(bytes)?;
        let mut scheme = value(&mut key, SEQUENCE)?;
        value(&mut scheme, OBJECT)?;
        value(&mut key, OCTETS).filter(|sealed| !sealed.is_empty())
    };
    read().is_some()
}

/// Reads a key of the form that its line names; none where it is not.
pub(super) fn read(form: &[u8], bytes: &[u8], to: &mut Reading) -> Option<()> {
    let mut key = whole(bytes)?;
    value(&mut key, INTEGER)?;
    match form {
        b"RSA" => rsa(key, to),
        b"DSA" => {
            let prime = value(&mut key, INTEGER)?;
            tell("DSA", Some(prime), to);
            Some(())
        }
        b"EC" => {
            value(&mut key, OCTETS)?;
            tell("EC", None, to);
            if let Some(mut curve) = value(&mut key, 0xa0) {
                tell_curve(value(&mut curve, OBJECT)?, to);
            }
            Some(())
        }
        _ => pkcs8(key, to),
    }
}

fn pkcs8(mut key: &[u8], to: &mut Reading) -> Option<()> {
    let mut algorithm = value(&mut key, SEQUENCE)?;
    let name = value(&mut algorithm, OBJECT)?;
    let inner = value(&mut key, OCTETS).filter(|inner| !inner.is_empty())?;
    let known = ALGORITHMS.iter().find(|(object, _)| *object == name).map(|(_, name)| *name);
    match known {
        Some("RSA" | "RSA-PSS") => {
            let mut inner = whole(inner)?;
            value(&mut inner, INTEGER)?;
            rsa(inner, to)?;
        }
        Some("EC") => {
            whole(inner)?;
            tell("EC", None, to);
            if let Some(curve) = value(&mut algorithm, OBJECT) {
                tell_curve(curve, to);
            }
        }
        Some(name) => tell(name, None, to),
        // A key for something that is not known here is a key all the same.
        None => {}
    }
    Some(())
}

/// The modulus and the exponents; the two that are public name the key as `ssh-keygen -l` does.
fn rsa(mut key: &[u8], to: &mut Reading) -> Option<()> {
    let modulus = value(&mut key, INTEGER)?;
    let exponent = value(&mut key, INTEGER)?;
    value(&mut key, INTEGER)?;
    tell("RSA", Some(modulus), to);
    to.tell("fingerprint", ssh::fingerprint(&[b"ssh-rsa", exponent, modulus]).as_bytes());
    Some(())
}

fn tell(name: &str, measured: Option<&[u8]>, to: &mut Reading) {
    to.tell("algorithm", name.as_bytes());
    if let Some(number) = measured {
        to.tell("bits", bits::length(number).to_string().as_bytes());
    }
}

fn tell_curve(object: &[u8], to: &mut Reading) {
    if let Some((_, name)) = CURVES.iter().find(|(curve, _)| *curve == object) {
        to.tell("curve", name.as_bytes());
    }
}

/// What a sequence holds that is all there is.
fn whole(mut bytes: &[u8]) -> Option<&[u8]> {
    value(&mut bytes, SEQUENCE).filter(|_| bytes.is_empty())
}

/// Takes one value of this sort off the front.
fn value<'b>(bytes: &mut &'b [u8], tag: u8) -> Option<&'b [u8]> {
    let mut rest = *bytes;
    if bits::number(&mut rest, 1)? != usize::from(tag) {
        return None;
    }
    let length = match bits::number(&mut rest, 1)? {
        short @ 0..=0x7f => short,
        long @ 0x81..=0x84 => bits::number(&mut rest, long - 0x80)?,
        _ => return None,
    };
    let content = bits::cut(&mut rest, length)?;
    *bytes = rest;
    Some(content)
}
