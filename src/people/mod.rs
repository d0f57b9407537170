//! Persons who may decide, the public keys that stand for them, and whether a signature is theirs.
//!
//! Keys and signatures have the forms of OpenSSH: whoever can sign a commit can sign an approval.

mod key;
mod signature;
mod wire;

pub use key::{Key, KeyError};
pub use signature::{Signature, SignatureError};

use crate::model::Person;
use std::collections::{BTreeMap, BTreeSet};

/// What every signature must say that it is for, so that one given elsewhere is worth nothing here.
pub const NAMESPACE: &str = "stanch";

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum May {
    /// Resume, abort and abandon; hand a token over.
    Respond,
    /// Approve or deny a plan and a revoke.
    Approve,
    /// Revoke before the proof: revoke-now, and the plan of an emergency.
    RevokeNow,
}

impl May {
    /// As it is typed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Respond => "respond",
            Self::Approve => "approve",
            Self::RevokeNow => "revoke-now",
        }
    }
}

/// One person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Any of these stands for the person.
    pub keys: Vec<Key>,
    /// What the person may do.
    pub may: BTreeSet<May>,
    /// The operating-system users that are this person.
    pub accounts: BTreeSet<String>,
}

/// All persons, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People(BTreeMap<Person, Entry>);

/// Nobody.
pub static NOBODY: People = People(BTreeMap::new());

/// Why two persons cannot be told apart.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Alike {
    /// One key, two names: that person would count twice.
    #[error("its key {print} is that of '{other}' too: one person has one name")]
    Key {
        /// The key's fingerprint.
        print: String,
        /// Who has it already.
        other: Person,
    },
    /// One account, two names.
    #[error("the account '{account}' is that of '{other}' too: an account is one person's")]
    Account {
        /// The account.
        account: String,
        /// Who has it already.
        other: Person,
    },
}

/// Why a statement is not taken as a person's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// Nobody of that name.
    #[error("'{who}' is none of the people of the operator's file")]
    Unknown {
        /// The name.
        who: Person,
    },
    /// Not that person's to do.
    #[error("'{who}' may not do this: it needs may: [{needs}] in the operator's file")]
    May {
        /// The name.
        who: Person,
        /// What is missing.
        needs: &'static str,
    },
    /// Signed with another key.
    #[error("it is signed with the key {print}, which is none of the keys of '{who}'")]
    Key {
        /// The name.
        who: Person,
        /// The key's fingerprint.
        print: String,
    },
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl People {
    /// True when nobody is named: then nobody can be told from anybody else.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a person in.
    ///
    /// # Errors
    /// [`Alike`] when a key or an account is another person's already.
    pub fn add(&mut self, who: Person, entry: Entry) -> Result<(), Alike> {
        for (other, known) in self.0.iter().filter(|(other, _)| **other != who) {
            let other = || other.clone();
            if let Some(key) = entry.keys.iter().find(|key| known.keys.contains(key)) {
                return Err(Alike::Key { print: key.print(), other: other() });
            }
            if let Some(account) = entry.accounts.intersection(&known.accounts).next() {
                return Err(Alike::Account { account: account.clone(), other: other() });
            }
        }
        self.0.insert(who, entry);
        Ok(())
    }

    /// The person of that name.
    #[must_use]
    pub fn find(&self, who: &Person) -> Option<&Entry> {
        self.0.get(who)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &Person> {
        self.0.keys()
    }

    /// The person whose operating-system user that is.
    #[must_use]
    pub fn of_account(&self, account: &str) -> Option<&Person> {
        self.0.iter().find(|(_, entry)| entry.accounts.contains(account)).map(|(who, _)| who)
    }

    /// The person whose key that is.
    #[must_use]
    pub fn of_key(&self, key: &Key) -> Option<&Person> {
        self.0.iter().find(|(_, entry)| entry.keys.contains(key)).map(|(who, _)| who)
    }

    /// How many may do that.
    #[must_use]
    pub fn count(&self, may: May) -> usize {
        self.0.values().filter(|entry| entry.may.contains(&may)).count()
    }

    /// Sees that a text was signed by that person, who may do that; the fingerprint of the key.
    ///
    /// # Errors
    /// [`Doubt`].
    pub fn verify(&self, who: &Person, may: May, text: &str, signature: &str) -> Result<String, Doubt> {
        let entry = self.find(who).ok_or_else(|| Doubt::Unknown { who: who.clone() })?;
        if !entry.may.contains(&may) {
            return Err(Doubt::May { who: who.clone(), needs: may.word() });
        }
        self.recognise(who, text, signature)
    }

    /// Sees that a text was signed by that person, whatever that person may do now; the fingerprint of the key.
    ///
    /// # Errors
    /// [`Doubt`].
    pub fn recognise(&self, who: &Person, text: &str, signature: &str) -> Result<String, Doubt> {
        let entry = self.find(who).ok_or_else(|| Doubt::Unknown { who: who.clone() })?;
        let signature: Signature = signature.parse()?;
        let key = signature.verify(text.as_bytes())?;
        if !entry.keys.contains(key) {
            return Err(Doubt::Key { who: who.clone(), print: key.print() });
        }
        Ok(key.print())
    }
}

#[cfg(test)]
mod tests;
