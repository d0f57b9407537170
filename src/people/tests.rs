//! Against OpenSSH itself: what it signs is verified here, and what it would refuse is refused here.

#![allow(clippy::disallowed_methods, reason = "the tests run the real program")]

use super::*;
use data_encoding::BASE64;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TEXT: &str = "stanch statement, version 1\ncase: C-0007\n";

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn key(&self, name: &str, options: &[&str]) -> Key {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", name, "-f"])
            .arg(self.at(name))
            .args(options)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let line = std::fs::read_to_string(self.at(&format!("{name}.pub"))).unwrap();
        Key::parse(&line, "ada").unwrap()
    }

    fn sign(&self, name: &str, text: &str, more: &[&str]) -> String {
        std::fs::write(self.at("text"), text).unwrap();
        let _old = std::fs::remove_file(self.at("text.sig"));
        let signed = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-f"])
            .arg(self.at(name))
            .args(if more.is_empty() { &["-n", "stanch"][..] } else { more })
            .arg(self.at("text"))
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(signed.success());
        std::fs::read_to_string(self.at("text.sig")).unwrap()
    }

    /// What OpenSSH says of a signature.
    fn verifies(&self, key: &Key, text: &str, signature: &str) -> bool {
        std::fs::write(self.at("allowed"), format!("ada namespaces=\"stanch\" {}\n", key.line())).unwrap();
        std::fs::write(self.at("signature"), signature).unwrap();
        std::fs::write(self.at("said"), text).unwrap();
        Command::new("ssh-keygen")
            .args(["-Y", "verify", "-I", "ada", "-n", "stanch", "-f"])
            .arg(self.at("allowed"))
            .arg("-s")
            .arg(self.at("signature"))
            .stdin(std::fs::File::open(self.at("said")).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }
}

fn people(key: Key) -> People {
    let mut people = People::default();
    let entry = Entry { keys: vec![key], may: BTreeSet::from([May::Approve]), accounts: BTreeSet::new() };
    people.add(Person::new("ada"), entry).unwrap();
    people
}

fn ours(people: &People, text: &str, signature: &str) -> bool {
    people.verify(&Person::new("ada"), May::Approve, text, signature).is_ok()
}

const TYPES: [(&str, &[&str]); 4] = [
    ("ed25519", &["-t", "ed25519"]),
    ("ecdsa", &["-t", "ecdsa", "-b", "256"]),
    ("rsa", &["-t", "rsa", "-b", "2048"]),
    ("rsa3072", &["-t", "rsa", "-b", "3072"]),
];

#[test]
fn what_openssh_signs_is_verified_and_both_refuse_the_same() {
    let bench = Bench::new();
    for (name, options) in TYPES {
        let key = bench.key(name, options);
        let people = people(key.clone());
        for hash in [None, Some("sha256"), Some("sha512")] {
            let option = hash.map(|hash| format!("hashalg={hash}"));
            let mut more = vec!["-n", "stanch"];
            more.extend(option.iter().flat_map(|option| ["-O", option.as_str()]));
            for round in 0..4 {
                let text = format!("{TEXT}round: {round}\n");
                let signature = bench.sign(name, &text, &more);
                assert!(ours(&people, &text, &signature), "{name} {hash:?}");
                assert!(bench.verifies(&key, &text, &signature));
                let other = format!("{text} ");
                assert!(!ours(&people, &other, &signature), "{name}");
                assert!(!bench.verifies(&key, &other, &signature));
            }
        }
    }
}

#[test]
fn any_changed_byte_is_refused_and_nothing_panics() {
    let bench = Bench::new();
    for (name, options) in TYPES.iter().take(3) {
        let people = people(bench.key(name, options));
        let signature = bench.sign(name, TEXT, &[]);
        let body: String = signature.lines().filter(|line| !line.starts_with('-')).collect();
        let blob = BASE64.decode(body.as_bytes()).unwrap();
        let armour = |blob: &[u8]| {
            format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", BASE64.encode(blob))
        };
        assert!(ours(&people, TEXT, &armour(&blob)));
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            assert!(!ours(&people, TEXT, &armour(&changed)), "{name} at {at}");
            assert!(!ours(&people, TEXT, &armour(&blob[..at])), "{name} cut at {at}");
        }
        let mut longer = blob.clone();
        longer.push(0);
        assert!(!ours(&people, TEXT, &armour(&longer)));
    }
}

#[test]
fn the_wrong_purpose_the_wrong_key_and_nonsense_are_told_apart() {
    let bench = Bench::new();
    let people = people(bench.key("ada", &["-t", "ed25519"]));
    bench.key("eve", &["-t", "ed25519"]);
    let verify = |who: &str, may, signature: &str| people.verify(&Person::new(who), may, TEXT, signature);
    let other = bench.sign("ada", TEXT, &["-n", "git"]);
    let error = verify("ada", May::Approve, &other).unwrap_err();
    assert!(matches!(error, Doubt::Signature(SignatureError::Namespace)), "{error}");
    let error = verify("ada", May::Approve, &bench.sign("eve", TEXT, &[])).unwrap_err();
    assert!(matches!(error, Doubt::Key { .. }), "{error}");
    let good = bench.sign("ada", TEXT, &[]);
    assert!(matches!(verify("eve", May::Approve, &good), Err(Doubt::Unknown { .. })));
    assert!(matches!(verify("ada", May::RevokeNow, &good), Err(Doubt::May { .. })));
    for nonsense in ["", "-----BEGIN SSH SIGNATURE-----", "-----BEGIN SSH SIGNATURE----------END SSH SIGNATURE-----"] {
        let error = verify("ada", May::Approve, nonsense).unwrap_err();
        assert!(matches!(error, Doubt::Signature(SignatureError::Form)), "{error}");
    }
}

#[test]
fn a_key_is_printed_as_openssh_prints_it() {
    let bench = Bench::new();
    for (name, options) in TYPES {
        let key = bench.key(name, options);
        let path: &Path = &bench.at(&format!("{name}.pub"));
        let said = Command::new("ssh-keygen").arg("-lf").arg(path).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said.split(' ').nth(1), Some(key.print().as_str()));
        assert!(std::fs::read_to_string(path).unwrap().starts_with(&key.line()));
    }
}

#[test]
fn a_short_rsa_key_stands_for_nobody() {
    let bench = Bench::new();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-t", "rsa", "-b", "1024", "-f"])
        .arg(bench.at("short"))
        .status()
        .unwrap();
    assert!(made.success());
    let line = std::fs::read_to_string(bench.at("short.pub")).unwrap();
    assert_eq!(Key::parse(&line, "ada").unwrap_err(), KeyError::Type);
}
