//! Where the journal lies: a file on this machine, or a server that several machines share.

use crate::config::operator::SecretSource;
use crate::config::policy::Span;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where signed checkpoints of the journal go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    /// The folder: best one where this machine can add, but not change.
    pub to: PathBuf,
    /// How often, besides after each case that closes.
    pub every: Option<Span>,
    /// The name that they are signed under, best an address without its scheme; one made of the key where it is not given.
    pub name: Option<String>,
}

impl Checkpoints {
    /// How often.
    #[must_use]
    pub fn every(&self) -> Duration {
        self.every.map_or(Duration::from_secs(600), |Span(span)| span)
    }

    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if self.name.as_ref().is_some_and(|name| name.is_empty() || name.contains(bad)) {
            return Some("the name of checkpoints has no spaces and no '+': write one like stanch.example.com/journal");
        }
        self.every().is_zero().then_some("checkpoints are made every so often: write for instance 10m")
    }
}

/// Where the journal lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalPlace {
    /// In a file.
    File(PathBuf),
    /// On a server.
    Server(JournalServer),
}

/// A journal on a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalServer {
    /// Its address, without a password.
    pub server: String,
    /// The password of its user, where one is asked for.
    pub password: Option<SecretSource>,
    /// The folder where this machine keeps its keys and mirrors; the state directory where it is not given.
    pub state: Option<PathBuf>,
}

/// True for the address of a server, and not the path of a file.
fn is_address(text: &str) -> bool {
    ["postgres:", "postgresql:"].iter().any(|scheme| text.starts_with(scheme))
}

impl<'de> Deserialize<'de> for JournalPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Place)
    }
}

struct Place;

impl<'de> Visitor<'de> for Place {
    type Value = JournalPlace;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, or a server: { server: 'postgres://USER@HOST:PORT/DATABASE', password: { file: FILE } }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if is_address(text) {
            return Ok(JournalPlace::Server(JournalServer { server: text.to_owned(), password: None, state: None }));
        }
        Ok(JournalPlace::File(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        JournalServer::deserialize(MapAccessDeserializer::new(map)).map(JournalPlace::Server)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Operator;
    use super::*;

    fn place(text: &str) -> JournalPlace {
        Operator::parse("c.yaml", text).unwrap().journal.unwrap()
    }

    #[test]
    fn checkpoints_go_to_a_folder_under_a_name_that_others_can_read() {
        let text = "checkpoints: { to: away, every: 5m, name: example.com/log }\n";
        let read = Operator::parse("c.yaml", text).unwrap().checkpoints.unwrap().value;
        assert_eq!((read.to.as_path(), read.every()), (std::path::Path::new("away"), Duration::from_secs(300)));
        for (wrong, wanted) in [("name: a b", "no spaces"), ("name: a+b", "no spaces"), ("every: 0s", "every so often")]
        {
            let text = format!("checkpoints: {{ to: away, {wrong} }}\n");
            let said = Operator::parse("c.yaml", &text).unwrap_err().to_string();
            assert!(said.starts_with("c.yaml:1:") && said.contains(wanted), "{said}");
        }
    }

    #[test]
    fn a_journal_is_a_file_or_a_server_whose_password_lies_elsewhere() {
        assert_eq!(place("journal: state/journal.db\n"), JournalPlace::File("state/journal.db".into()));
        let bare = JournalServer { server: "postgres://a@db/j".into(), password: None, state: None };
        assert_eq!(place("journal: postgres://a@db/j\n"), JournalPlace::Server(bare.clone()));
        let whole = place("journal: { server: 'postgres://a@db/j', password: { file: word }, state: here }\n");
        let password = Some(SecretSource::File("word".into()));
        assert_eq!(whole, JournalPlace::Server(JournalServer { password, state: Some("here".into()), ..bare }));
        for wrong in
            ["journal: { server: 'postgres://a@db/j', pasword: x }\n", "journal: [a]\n", "journal: { state: x }\n"]
        {
            let said = Operator::parse("c.yaml", wrong).unwrap_err().to_string();
            assert!(said.starts_with("c.yaml:1:"), "{said}");
        }
    }
}
