//! Values whose names stand in fields of their own, and keys behind the heads of lines.

use super::{BASE64, numbers, scan, token};
use crate::decode::APART;
use crate::engine::Scratch;
use crate::model::Place;
use crate::scan::{Outcome, Run};
use crate::source::{Blob, Notes};

const VALUE: [&str; 4] = ["5f0c3f3f", "d1b0a5e2", "99c47a60", "8e1d2b37"];

fn kinds(outcome: &Outcome) -> Vec<&str> {
    outcome.sightings.iter().map(|seen| seen.kind.as_str()).collect()
}

#[test]
fn kinds_that_ask_for_a_name_find_it_in_another_field() {
    let value = VALUE.concat();
    let mut lost = Vec::new();
    for (what, form) in APART {
        let text = format!("first line\n\n{}\n\nlast line\n", form.replace("@N", "DD_API_KEY").replace("@V", &value));
        let outcome = scan("a.txt", text.as_bytes());
        let place = outcome.sightings.first().and_then(|seen| text.get(seen.span.start..seen.span.end));
        if kinds(&outcome) != ["datadog.api-key"] || place != Some(&value) {
            lost.push(format!("{what}: {:?} at {place:?}", kinds(&outcome)));
        }
        let other = scan("a.txt", text.replace("DD_API_KEY", "GIT_COMMIT").as_bytes());
        assert_eq!(kinds(&other), [""; 0], "{what}");
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn a_value_beside_its_name_may_be_encoded_and_is_found_once() {
    let value = VALUE.concat();
    let encoded = BASE64.encode(value.as_bytes());
    for text in [
        format!("- name: DD_API_KEY\n  value: {encoded}\n"),
        format!("\"{{\\\"name\\\": \\\"DD_API_KEY\\\", \\\"value\\\": \\\"{value}\\\"}}\""),
        BASE64.encode(format!("- name: DD_API_KEY\n  value: {value}\n").as_bytes()),
    ] {
        let outcome = scan("a.yaml", text.as_bytes());
        assert_eq!(kinds(&outcome), ["datadog.api-key"], "{text}");
        assert!(!outcome.sightings[0].decoded.is_empty(), "{text}");
    }
    let plain = scan("a.yaml", format!("- name: SHOP_KEY\n  value: {}\n", token()).as_bytes());
    assert_eq!(plain.sightings.len(), 1);
    assert!(plain.sightings[0].decoded.is_empty(), "it stands there as it is");
    let named = scan("a.yaml", format!("DD_API_KEY_NAME: x\nDD_API_KEY: {value}\n").as_bytes());
    assert_eq!(kinds(&named), ["datadog.api-key"]);
    assert!(named.sightings[0].decoded.is_empty(), "it stands there as it is");
}

/// An RSA key as far as its form goes: version, modulus and both exponents.
fn rsa_key() -> Vec<u8> {
    let mut drawn = numbers(7);
    let mut large = || -> Vec<u8> {
        let rest = (0..127).map(|_| drawn.next().unwrap_or_default() as u8).collect::<Vec<u8>>();
        [&[2, 0x81, 0x80, 0x51][..], &rest].concat()
    };
    let numbers = [&[2, 1, 0][..], &large(), &[2, 3, 1, 0, 1], &large()].concat();
    let length = u16::try_from(numbers.len()).expect("a short key").to_be_bytes();
    [&[0x30, 0x82][..], &length, &numbers].concat()
}

#[test]
fn keys_behind_the_heads_of_lines_are_found() {
    let body = BASE64.encode(&rsa_key());
    let body: Vec<String> = body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let opening = ["-----BEG", "IN RSA PRIVATE KEY-----"].concat();
    let closing = ["-----E", "ND RSA PRIVATE KEY-----"].concat();
    let lines: Vec<String> = [opening].into_iter().chain(body).chain([closing]).collect();
    let before = |prefix: &str| lines.iter().map(|line| format!("{prefix}{line}\n")).collect::<String>();
    let between = |between: &str| format!("x {}\n", lines.join(between));
    for text in [
        before("-"),
        before("+"),
        before(" "),
        before("2026-11-22 22:10:05,311 INFO [main] "),
        before("Nov 22 22:10:05 host app[88]: "),
        between("<br>"),
        between("<br/>\r\n"),
        between("\\r\\n"),
        between("&#10;"),
        between("&#xD;&#xA;"),
    ] {
        assert_eq!(kinds(&scan("a.txt", text.as_bytes())), ["pem.private-key"], "{text}");
    }
}

#[test]
fn finds_that_lie_far_apart_are_noted() {
    let scanner = super::scanner();
    let token = token();
    let (one, two) = token.split_at(20);
    let filler = "let answer = some.call(of, \"what\") + \"ever it is\";\n".repeat(60);
    let joined = format!("k = \"{one}\" + \"{two}\";\n");
    let text = format!("{joined}{filler}{}{filler}", joined.replacen("oODI", "OodI", 1));
    let notes = Notes::new(None);
    let mut blob = Blob::new(Place::Stdin, text.as_bytes());
    blob.notes = Some(&notes);
    let (stop, chunks) = (crate::scan::Stop::default(), std::sync::OnceLock::new());
    let run = Run { stop: &stop, chunks: &chunks };
    let seen = scanner.unfold(&blob, &Place::Stdin, &run, &mut Scratch::default());
    assert_eq!(seen.leaks.len(), 2);
    let noted = notes.into_kept().expect("they are noted");
    assert_eq!(scanner.recalled(text.as_bytes(), &noted).map(|again| again.decoded.len()), Some(2));
}
