//! Where the journal lies: a file on this machine, or a server that several machines share.

use crate::config::operator::SecretSource;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::PathBuf;

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
