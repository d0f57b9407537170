//! Tokens in archives, and archives that cannot be read.

use super::super::Stop;
use super::super::unfold::tests::{gzip, scan, scanner, token};
use super::*;
use data_encoding::BASE64;
use std::io::{Cursor, Write as _};
use std::sync::OnceLock;
use zip::write::SimpleFileOptions;

fn zipped(members: &[(&str, &[u8])], stored: bool) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method = if stored { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
    for (name, bytes) in members {
        out.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn tarred(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        out.append_data(&mut header, name, *bytes).unwrap();
    }
    out.into_inner().unwrap()
}

fn places(name: &str, bytes: &[u8]) -> Vec<String> {
    let outcome = scan(name, bytes);
    assert!(outcome.coverage.is_complete(), "{:?}", outcome.coverage.gaps);
    outcome.sightings.iter().map(|found| format!("{}:{}", found.place, found.at.line)).collect()
}

#[test]
fn members_are_found_however_deep_and_once() {
    let text = format!("first\nkey = {}\n", token());
    for stored in [false, true] {
        let inner = zipped(&[("a/prod.env", text.as_bytes())], stored);
        assert_eq!(places("x.zip", &inner), ["x.zip!a/prod.env:2"]);
        let tar = tarred(&[("in.jar", &inner)]);
        assert_eq!(places("x.tar", &tar), ["x.tar!in.jar!a/prod.env:2"]);
        assert_eq!(places("x.tar.gz", &gzip(&tar)), ["x.tar.gz!x.tar!in.jar!a/prod.env:2"]);
    }
}

#[test]
fn an_archive_in_a_text_is_opened() {
    let text = format!("first\nkey = {}\n", token());
    let archive = BASE64.encode(&zipped(&[("prod.env", text.as_bytes())], false));
    let outcome = scan("a.yaml", format!("name: x\ndata: {archive}\n").as_bytes());
    let found = &outcome.sightings[0];
    assert_eq!(found.place.to_string(), "a.yaml!base64 in line 2!prod.env");
    assert_eq!((found.at.line, found.at.column), (2, 7));
    assert_eq!(found.place.outermost(), &Place::File { path: "a.yaml".to_owned() });
    assert_eq!(outcome.sightings.len(), 1);
    assert_eq!(found.decoded, [], "that is said by its place");
}

#[test]
fn what_is_hidden_in_a_member_is_decoded() {
    let text = format!("first\nkey: {}\n", BASE64.encode(token().as_bytes()));
    let outcome = scan("x.zip", &zipped(&[("a.yaml", text.as_bytes())], false));
    assert_eq!(outcome.sightings[0].place.to_string(), "x.zip!a.yaml");
    assert_eq!(outcome.sightings[0].decoded, [Encoding::Base64]);
    assert_eq!((outcome.sightings[0].at.line, outcome.sightings[0].at.column), (2, 6));
}

#[test]
fn a_token_in_the_name_of_a_member_is_found_and_not_shown() {
    let name = format!("keys/{}.txt", token());
    let outcome = scan("x.zip", &zipped(&[(&name, b"nothing")], false));
    assert_eq!(outcome.sightings.len(), 1);
    let shown = serde_json::to_string(&(&outcome.sightings, &outcome.coverage)).unwrap();
    assert!(!shown.contains(&token()), "{shown}");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_found() {
    let text = format!("key = {}\n", token());
    let mut whole = tarred(&[("a.txt", text.as_bytes()), ("b.txt", &[b'x'; 9_000])]);
    whole.truncate(4_000);
    let outcome = scan("x.tar", &whole);
    assert_eq!(outcome.sightings[0].place.to_string(), "x.tar!a.txt");
    let gaps: Vec<_> = outcome.coverage.gaps.first.iter().map(|gap| gap.what.clone()).collect();
    assert!(gaps.iter().any(|gap| gap.contains("x.tar")), "{gaps:?}");
    let mut packed = gzip(format!("{}{text}", "noise ".repeat(5_000)).as_bytes());
    packed.truncate(packed.len() - 9);
    let outcome = scan("x.gz", &packed);
    assert!(!outcome.coverage.is_complete());
}

#[test]
fn archives_are_followed_to_a_depth_and_no_further() {
    let mut nested = format!("key = {}\n", token()).into_bytes();
    for depth in 0..30 {
        nested = zipped(&[("in.zip", &nested)], true);
        let outcome = scan("x.zip", &nested);
        let found = outcome.sightings.len() == 1;
        assert!(found, "at {depth}");
        assert_eq!(outcome.coverage.is_complete(), depth < super::DEEPEST, "at {depth}");
    }
}

#[test]
fn a_bomb_ends_and_is_named() {
    let mut bomb = vec![0_u8; 1 << 20];
    for _ in 0..3 {
        let members: Vec<String> = (0..40).map(|number| format!("{number}.zip")).collect();
        let members: Vec<(&str, &[u8])> = members.iter().map(|name| (name.as_str(), bomb.as_slice())).collect();
        bomb = zipped(&members, false);
    }
    let scanner = scanner();
    let (stop, chunks, mut scratch) = (Stop::default(), OnceLock::new(), Scratch::default());
    let run = Run { stop: &stop, chunks: &chunks };
    let place = Place::File { path: "x.zip".to_owned() };
    let blob = Blob::new(place.clone(), &bomb);
    let mut unfolding = scanner.unfolding(&blob, &run, &mut scratch);
    unfolding.expanding.bytes = 8 << 20;
    unfolding.thing(&place, "x.zip", &bomb);
    let seen = unfolding.finish(&place).unwrap();
    assert!(seen.undecodable.iter().any(|gap| gap.what.contains("more than is allowed")), "{:?}", seen.undecodable);
    assert!(seen.members.bytes <= 10 << 20, "{:?}", seen.members);
}

/// A token that may be longer, so that whatever follows it may be taken for a part of it.
fn open_ended() -> String {
    ["sk_", "live_", "51Hq8Zk2LmN4pQ", "r7StUvWx9YzA3bC", "d5EfG"].concat()
}

fn lengths(name: &str, bytes: &[u8]) -> Vec<(String, usize)> {
    let outcome = scan(name, bytes);
    outcome.sightings.iter().map(|found| (found.place.to_string(), found.length)).collect()
}

fn arred(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes());
        bytes.extend(*content);
    }
    bytes
}

#[test]
fn what_stands_at_the_end_of_a_member_has_one_length() {
    let token = open_ended();
    let filled = |size: usize| format!("{}{token}", " ".repeat(size - token.len()));
    let (short, block, long) = (filled(100), filled(512), filled(4_096));
    let noise = "noise ".repeat(1_000);
    for text in [&short, &block, &long] {
        let members = [("a.txt", text.as_bytes()), ("b.txt", noise.as_bytes()), ("c.txt", text.as_bytes())];
        let zip = zipped(&members, true);
        let tar = tarred(&members);
        let in_name = zipped(&[(&token, text.as_bytes())], true);
        let all = [("x.zip", zip.clone()), ("x.tar", tar.clone()), ("x.a", arred(&members))];
        let nested =
            [("x.tar", tarred(&[("y.zip", &zip), ("y.tar", &tar)])), ("x.zip", zipped(&[("y.tar", &tar)], true))];
        for (name, bytes) in all.into_iter().chain(nested).chain([("n.zip", in_name)]) {
            let found = lengths(name, &bytes);
            assert!(found.len() == 1 && found[0].1 == token.len(), "{name} with {}: {found:?}", text.len());
            assert!(scan(name, &bytes).coverage.is_complete(), "{name}");
        }
    }
}

#[test]
fn what_stands_between_members_or_half_in_one_is_found() {
    let (token, noise) = (open_ended(), "noise ".repeat(1_000));
    let members = [("a.txt", noise.as_bytes()), ("b.txt", noise.as_bytes())];
    // Behind the end of a member, in what fills its last block up.
    let mut slack = tarred(&members);
    let at = 512 + noise.len() + 20;
    slack[at..at + token.len()].copy_from_slice(token.as_bytes());
    assert_eq!(lengths("x.tar", &slack), [("x.tar".to_owned(), token.len())]);
    // In a header.
    let mut out = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_link_name(&token).unwrap();
        header.set_cksum();
        out.append_data(&mut header, name, bytes).unwrap();
    }
    assert_eq!(lengths("x.tar", &out.into_inner().unwrap()), [("x.tar".to_owned(), token.len())]);
    // The size that is said ends within it.
    let mut cut = arred(&[("a.txt", format!("{noise}{token}\n\n").as_bytes()), ("b.txt", noise.as_bytes())]);
    let said = format!("{:<10}", noise.len() + 12);
    cut[56..66].copy_from_slice(said.as_bytes());
    let outcome = scan("x.a", &cut);
    assert_eq!(outcome.sightings.len(), 1, "{:?}", outcome.sightings);
    assert_eq!(outcome.sightings[0].length, token.len());
    assert!(!outcome.coverage.is_complete());
}

#[test]
fn the_same_text_over_and_over_is_looked_through_once() {
    let place = Place::File { path: "x.tar".to_owned() };
    let encoded = BASE64.encode("nothing of any worth, only words".as_bytes());
    let lines: String = (0..100).map(|line| format!("{line}: {encoded}\n")).collect();
    let members: Vec<(String, &[u8])> = (0..20).map(|number| (format!("{number}.txt"), lines.as_bytes())).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let tar = tarred(&members);
    let blob = Blob::new(place.clone(), &tar);
    for most_expanded in [None, Some(50_000)] {
        let scanner = Scanner { most_expanded, ..scanner() };
        let (stop, chunks) = (Stop::default(), OnceLock::new());
        let run = Run { stop: &stop, chunks: &chunks };
        let mut scratch = Scratch::default();
        let first = scanner.unfolded(&blob, &place, &run, true, &mut scratch).expect("it is sure");
        let again = scanner.unfolded(&blob, &place, &run, true, &mut scratch).expect("it is sure as well");
        let without = scanner.unfolded(&blob, &place, &run, false, &mut scratch).unwrap();
        for seen in [&first, &again] {
            assert_eq!(seen.members, without.members);
            assert_eq!(seen.undecodable, without.undecodable);
        }
    }
}
