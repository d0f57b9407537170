//! A person's word with that person's signature, made by `ssh-keygen` here or brought from elsewhere.

use super::acts::Signing;
use super::exit::Code;
use super::failure::Failure;
use super::person;
use super::rotate::VALID;
use super::screen::Screen;
use crate::clock::Clock as _;
use crate::model::{Person, Timestamp};
use crate::people::{Key, NAMESPACE, People};
use crate::rotation::{self, Fact, Signed, State};
use crate::runner::{self, RunError};
use crate::wiring::mending::Mending;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The longest statement or signature that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Who speaks: the person named, else the one whose key or account it is; the operating-system user where the operator's
/// file names nobody.
pub(super) fn speaker(mending: &Mending, given: &Signing) -> Result<Person, Failure> {
    let people = &mending.operator.known;
    if people.is_empty() {
        if given.is_given() {
            return Err(Failure::new(Code::Usage, "the operator's file names no people, so nobody can sign")
                .hint("add 'people' with their public keys; docs/approvals.md shows how"));
        }
        return Ok(person::current());
    }
    if let Some(name) = &given.who {
        let who = Person::new(name);
        return people.find(&who).map(|_| who.clone()).ok_or_else(|| stranger(people, &format!("'{who}'")));
    }
    if given.signature.is_some()
        && let Some(name) = statement_given(given)?.lines().find_map(|line| line.strip_prefix("who: "))
    {
        return Ok(Person::new(name));
    }
    if let Some(who) = given.key.as_deref().and_then(public_half).and_then(|key| people.of_key(&key).cloned()) {
        return Ok(who);
    }
    let account = person::current();
    people
        .of_account(account.as_str())
        .cloned()
        .ok_or_else(|| stranger(people, &format!("the account '{account}'")).hint("name yourself with --as NAME"))
}

fn stranger(people: &People, who: &str) -> Failure {
    let names = people.names().map(Person::as_str).collect::<Vec<_>>().join(", ");
    Failure::new(Code::NotAllowed, format!("{who} is none of the people of the operator's file, which names: {names}"))
}

/// The public key of this file, or beside it: a private one is not read.
fn public_half(path: &Path) -> Option<Key> {
    let mut public = path.as_os_str().to_owned();
    if path.extension().is_none_or(|end| end != "pub") {
        public.push(".pub");
    }
    Key::parse(&crate::config::read_small(Path::new(&public)).ok()?, "").ok()
}

/// When a word ends that is said now: as it is asked for, or as the statement says that was signed.
pub(super) fn expiry(mending: &Mending, given: &Signing) -> Result<Timestamp, Failure> {
    if given.signature.is_none() {
        return Ok(mending.clock.now().after(given.valid.map_or(VALID, |span| span.0)));
    }
    let text = statement_given(given)?;
    let expires = text.lines().find_map(|line| line.strip_prefix("expires: ")?.split(' ').next()?.parse().ok());
    expires.map(Timestamp).ok_or_else(|| {
        Failure::new(Code::Usage, "the statement that was signed has no 'expires' line: it is none of this program's")
    })
}

/// The record that the word is for: the one that is named, else what the statement says that was signed, else the last.
pub(super) fn seen(given: &Signing, last: u64) -> Result<Option<u64>, Failure> {
    if given.seen.is_some() || given.signature.is_none() {
        return Ok(Some(given.seen.unwrap_or(last)));
    }
    let text = statement_given(given)?;
    Ok(text.lines().find_map(|line| line.strip_prefix("seen: record ")?.parse().ok()))
}

fn statement_given(given: &Signing) -> Result<String, Failure> {
    let (Some(signature), statement) = (&given.signature, &given.statement) else {
        return Err(Failure::new(Code::Usage, "no signature was given"));
    };
    let beside = signature.extension().is_some_and(|end| end == "sig").then(|| signature.with_extension(""));
    match statement.clone().or(beside) {
        Some(path) => read(&path),
        None => Err(Failure::new(Code::Usage, "name the text that was signed with --statement FILE")),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = crate::config::read_small(path)
        .map_err(|error| Failure::because(Code::Usage, format!("could not read {}", path.display()), &error))?;
    if text.len() as u64 > LONGEST {
        return Err(Failure::new(Code::Usage, format!("{} is too long for a signature", path.display())));
    }
    Ok(text)
}

/// The word as it may be left for whoever runs the case: signed where that is needed. None where its statement was
/// printed instead.
pub(super) fn vouched(
    mending: &Mending,
    screen: &Screen,
    state: &State,
    word: Fact,
    given: &Signing,
    expires: Timestamp,
) -> Result<Option<Fact>, Failure> {
    let people = &mending.operator.known;
    let word = if people.is_empty() || runner::may(state, &word).is_none() {
        word
    } else {
        let Some(text) = rotation::statement(state, &word, expires) else {
            // The machine says why it does not take it.
            return Ok(Some(word));
        };
        if given.print {
            screen.text(&text);
            return Ok(None);
        }
        let signature = match &given.signature {
            Some(path) => {
                if statement_given(given)? != text {
                    let message =
                        "the statement that was signed is not this one: the case, its plan or the words differ";
                    return Err(Failure::new(Code::NotAllowed, message)
                        .hint("print it anew with --print, with the same --as and --reason"));
                }
                read(path)?
            }
            None => sign(people, rotation::speaker(&word), given.key.as_deref(), &text)?,
        };
        Fact::Signed(Box::new(Signed { word, expires, signature }))
    };
    // Whoever runs the case looks for itself; here it is told at once.
    runner::vouch(people, state, &word, mending.clock.now()).map_err(|error: RunError| Failure::from(error))?;
    Ok(Some(word))
}

/// Has `ssh-keygen` sign: with the key of the file, else with the one of the person's keys that an agent holds.
fn sign(people: &People, who: Option<&Person>, key: Option<&Path>, text: &str) -> Result<String, Failure> {
    if let Some(path) = key {
        return ssh_keygen(path, text);
    }
    let keys = who.and_then(|who| people.find(who)).map(|entry| entry.keys.as_slice()).unwrap_or_default();
    let mut last = None;
    for key in keys {
        let public = held(key)?;
        match ssh_keygen(public.path(), text) {
            Ok(signature) => return Ok(signature),
            Err(failure) => last = Some(failure),
        }
    }
    let failure = last.unwrap_or_else(|| Failure::new(Code::NotAllowed, "nobody can sign this"));
    Err(failure.hint("name the private key with --key FILE, or load it into an SSH agent"))
}

/// A public key in a file of its own for as long as it is needed: an agent is asked by it.
fn held(key: &Key) -> Result<Held, Failure> {
    let failed = |error: std::io::Error| Failure::because(Code::Outside, "could not write a public key down", &error);
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|_| Failure::new(Code::Outside, "the system gives no random bytes"))?;
    let name = format!("stanch-{}-{:016x}.pub", std::process::id(), u64::from_be_bytes(nonce));
    let held = Held(std::env::temp_dir().join(name));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(held.path()).map_err(failed)?;
    writeln!(file, "{}", key.line()).map_err(failed)?;
    Ok(held)
}

/// A file that goes with its owner.
#[derive(Debug)]
struct Held(std::path::PathBuf);

impl Held {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "a public key was left among the temporary files");
        }
    }
}

fn ssh_keygen(key: &Path, text: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::because(Code::Outside, "could not run ssh-keygen, which signs", &error)
            .hint("or sign elsewhere: --print writes the statement, --signature FILE brings the signature")
    };
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // A program that does not read says why by itself.
    let written = child.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("it does not say why").trim().to_owned();
        return Err(Failure::new(Code::NotAllowed, format!("ssh-keygen did not sign with {}: {said}", key.display())));
    }
    if let Some(Err(error)) = written {
        return Err(failed(error));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::new(Code::Outside, "ssh-keygen wrote no signature"))
}
