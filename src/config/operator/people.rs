//! The part of the operator's file that says who may decide, and whose yes a credential needs.

use super::super::policy::{PolicyEntry, When};
use super::{Managed, Operator};
use crate::model::Person;
use crate::people::{Entry, Key, May, People};
use crate::rotation::Consent;
use serde::Deserialize;
use serde_yaml::{Location, Spanned};

/// A person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonEntry {
    /// SSH public keys, or lines of OpenSSH's `allowed_signers`; any of them stands for the person.
    pub keys: Vec<Spanned<String>>,
    /// What the person may do.
    pub may: Vec<May>,
    /// Operating-system users that are this person; the person's own name where none is given.
    pub accounts: Option<Vec<String>>,
}

/// Where a credential is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// Others depend on it: a revoke before its proof takes two persons.
    Production,
    /// Made to look like it.
    Staging,
    /// Nobody depends on it.
    Development,
}

/// A token that is there to be found by thieves, and is never touched. At least one of both says which.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Honeytoken {
    /// A fingerprint, as a scan prints it.
    pub fingerprint: Option<String>,
    /// All tokens of a kind.
    pub kind: Option<String>,
}

/// What the rest of the program and a reader take for the name of a person.
fn may_be_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    !name.is_empty() && name.len() <= 64 && name.chars().all(plain)
}

impl Operator {
    /// The people, checked; a mistake with its place.
    pub(super) fn gather(&self) -> Result<People, (Location, String)> {
        let mut people = People::default();
        for (name, entry) in &self.people {
            let at = entry.defined;
            if !may_be_name(name) {
                let message = "a person's name has letters, digits and . - _ @ + alone, 64 of them at most";
                return Err((at, message.to_owned()));
            }
            if entry.value.keys.is_empty() {
                return Err((at, format!("'{name}' has no key: write at least one public key under 'keys'")));
            }
            let mut keys: Vec<Key> = Vec::new();
            for text in &entry.value.keys {
                let key = Key::parse(&text.value, name);
                keys.push(key.map_err(|error| (text.defined, format!("'{name}': {error}")))?);
            }
            let accounts = entry.value.accounts.clone().unwrap_or_else(|| vec![name.clone()]);
            let entry = Entry {
                keys,
                may: entry.value.may.iter().copied().collect(),
                accounts: accounts.into_iter().collect(),
            };
            people.add(Person::new(name), entry).map_err(|error| (at, format!("'{name}': {error}")))?;
        }
        Ok(people)
    }

    /// What is wrong with what a credential asks of people, and what to write instead.
    pub(super) fn unfulfillable(&self, managed: &Managed, people: &People) -> Option<String> {
        let policy = &managed.policy;
        let consent = self.resolve(managed, people, None);
        let asks = consent.four_eyes || consent.quorum > 1 || consent.revoke_now > 1;
        if policy.quorum == Some(0) || policy.revoke_now_quorum == Some(0) {
            return Some("a quorum is one person at least".to_owned());
        }
        if people.is_empty() {
            let message = "four_eyes and quorums need 'people' with keys: without them nobody can be told from another";
            return asks.then(|| message.to_owned());
        }
        if policy.when == When::Automatic && (policy.four_eyes || policy.quorum.is_some()) {
            return Some(
                "'when: automatic' asks nobody, so 'four_eyes' and 'quorum' mean nothing: write 'ask'".to_owned(),
            );
        }
        let author = u32::from(consent.four_eyes);
        for (may, count, knob) in
            [(May::Approve, consent.quorum, "quorum"), (May::RevokeNow, consent.revoke_now, "revoke_now_quorum")]
        {
            let (needed, there) = (count.saturating_add(author), people.count(may));
            // One person is enough for what is asked of one, and nobody need be allowed to end a token out of turn.
            if asks_for(policy, may, &consent) && u32::try_from(there).is_ok_and(|there| there < needed) {
                let but = if author > 0 { " beside the one who opened the case" } else { "" };
                return Some(format!(
                    "asks {count} of the people who may {}{but}, and the file names {there}: name more, or lower '{knob}'",
                    may.word()
                ));
            }
        }
        None
    }

    fn resolve(&self, managed: &Managed, people: &People, author: Option<Person>) -> Consent {
        let policy = &managed.policy;
        let is_production = managed.environment == Some(Environment::Production);
        let usual = if is_production && !people.is_empty() { 2 } else { 1 };
        Consent {
            author,
            four_eyes: policy.four_eyes,
            quorum: policy.quorum.unwrap_or(1),
            revoke_now: policy.revoke_now_quorum.unwrap_or(usual),
            signed: !people.is_empty(),
        }
    }

    /// Whose yes a rotation of this credential needs that this person opens, or nobody does.
    #[must_use]
    pub fn consent(&self, credential: &str, author: Option<Person>) -> Consent {
        match self.credentials.get(credential) {
            Some(managed) if !self.known.is_empty() => self.resolve(&managed.value, &self.known, author),
            _ => Consent::default(),
        }
    }
}

/// Whether it is said that so many persons must do it.
fn asks_for(policy: &PolicyEntry, may: May, consent: &Consent) -> bool {
    match may {
        May::Approve => policy.when != When::Automatic,
        _ => consent.revoke_now > 1,
    }
}

#[cfg(test)]
mod tests;
