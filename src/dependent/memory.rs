//! A dependent in memory: the rehearsal's, and the one whose turning can be ordered.

use super::{Dependent, DependentError, Expected};
use crate::model::{Health, TokenId};
use async_trait::async_trait;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// When a dependent takes the token it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// When it has been asked this many times for it in vain; at once with zero.
    After(u32),
    /// Never.
    Never,
}

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer.
    Silent,
    /// It answers that it does not work, or that it could not reload.
    Broken,
}

/// A dependent in memory. It begins with the token it is first asked for. One with a reload action turns only after the
/// action was ordered since it last turned.
#[derive(Debug)]
pub struct MemoryDependent {
    name: String,
    turns: Turns,
    reloads: bool,
    tells: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    holds: Option<TokenId>,
    in_vain: u32,
    reloaded: bool,
    probes: Vec<Fault>,
    reloads: Vec<Fault>,
}

impl MemoryDependent {
    /// A dependent that tells its version and has no reload action.
    #[must_use]
    pub fn new(name: impl Into<String>, turns: Turns) -> Self {
        Self { name: name.into(), turns, reloads: false, tells: true, inner: Mutex::new(Inner::default()) }
    }

    /// The same with a reload action.
    #[must_use]
    pub fn reloading(self) -> Self {
        Self { reloads: true, ..self }
    }

    /// The same, but it cannot tell which version it holds.
    #[must_use]
    pub fn mute(self) -> Self {
        Self { tells: false, ..self }
    }

    /// The token that it works with, once it has one.
    #[must_use]
    pub fn holds(&self) -> Option<TokenId> {
        self.lock().holds.clone()
    }

    /// Makes it hold a token.
    pub fn hold(&self, token: TokenId) {
        self.lock().holds = Some(token);
    }

    /// Orders a fault for the next probe.
    pub fn fail_probe(&self, fault: Fault) {
        self.lock().probes.push(fault);
    }

    /// Orders a fault for the next reload.
    pub fn fail_reload(&self, fault: Fault) {
        self.lock().reloads.push(fault);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silent(&self) -> DependentError {
        DependentError::Unreachable { name: self.name.clone() }
    }
}

impl Inner {
    /// Turns to the token that is asked for, if it is time.
    fn turn(&mut self, to: &TokenId, turns: Turns, reloads: bool) {
        let Some(held) = &self.holds else {
            self.holds = Some(to.clone());
            return;
        };
        if held == to || (reloads && !self.reloaded) {
            return;
        }
        if let Turns::After(asked) = turns {
            if self.in_vain >= asked {
                self.holds = Some(to.clone());
                (self.in_vain, self.reloaded) = (0, false);
            } else {
                self.in_vain += 1;
            }
        }
    }
}

fn next(faults: &mut Vec<Fault>) -> Option<Fault> {
    if faults.is_empty() { None } else { Some(faults.remove(0)) }
}

#[async_trait]
impl Dependent for MemoryDependent {
    fn name(&self) -> &str {
        &self.name
    }

    fn reloads(&self) -> bool {
        self.reloads
    }

    async fn reload(&self) -> Result<(), DependentError> {
        if !self.reloads {
            return Ok(());
        }
        let mut inner = self.lock();
        match next(&mut inner.reloads) {
            Some(Fault::Silent) => Err(self.silent()),
            Some(Fault::Broken) => Err(DependentError::Reload { name: self.name.clone(), code: "ordered".to_owned() }),
            None => {
                inner.reloaded = true;
                Ok(())
            }
        }
    }

    async fn verify(&self, expected: &Expected) -> Result<Health, DependentError> {
        let mut inner = self.lock();
        match next(&mut inner.probes) {
            Some(Fault::Silent) => return Err(self.silent()),
            Some(Fault::Broken) => return Ok(Health::Bad),
            None => {}
        }
        inner.turn(&expected.token, self.turns, self.reloads);
        Ok(match (&inner.holds, self.tells) {
            (_, false) => Health::Indistinct,
            (Some(held), true) if *held == expected.token => Health::Good,
            (_, true) => Health::Stale,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(dependent: &MemoryDependent, token: &str) -> Health {
        let expected = Expected { version: None, token: TokenId::new(token), digest: None, user: None };
        dependent.verify(&expected).await.unwrap()
    }

    #[tokio::test]
    async fn it_turns_when_it_was_ordered_to() {
        let dependent = MemoryDependent::new("billing", Turns::After(2));
        assert_eq!(ask(&dependent, "old").await, Health::Good);
        assert_eq!(ask(&dependent, "new").await, Health::Stale);
        assert_eq!(ask(&dependent, "new").await, Health::Stale);
        assert_eq!(ask(&dependent, "new").await, Health::Good);
        assert_eq!(dependent.holds(), Some(TokenId::new("new")));
        let never = MemoryDependent::new("cron", Turns::Never);
        never.hold(TokenId::new("old"));
        for _ in 0..5 {
            assert_eq!(ask(&never, "new").await, Health::Stale);
        }
        assert_eq!(ask(&MemoryDependent::new("mute", Turns::After(0)).mute(), "old").await, Health::Indistinct);
    }

    #[tokio::test]
    async fn with_a_reload_action_it_turns_only_after_it() {
        let dependent = MemoryDependent::new("billing", Turns::After(0)).reloading();
        assert_eq!(ask(&dependent, "old").await, Health::Good);
        assert_eq!(ask(&dependent, "new").await, Health::Stale);
        dependent.fail_reload(Fault::Broken);
        assert!(dependent.reload().await.is_err());
        assert_eq!(ask(&dependent, "new").await, Health::Stale);
        dependent.reload().await.unwrap();
        assert_eq!(ask(&dependent, "new").await, Health::Good);
        assert_eq!(ask(&dependent, "old").await, Health::Stale, "it stays until the next reload");
        dependent.fail_probe(Fault::Broken);
        assert_eq!(ask(&dependent, "new").await, Health::Bad);
        assert_eq!(ask(&dependent, "new").await, Health::Good);
    }
}
