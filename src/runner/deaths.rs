//! Whether the old token lives or is dead: by what it is answered, and by where it is listed.

use super::custody::Custody;
use super::hands::{Failed, Hands, failed, old_secret, provider_failed, retry};
use crate::model::{Happened, Reason, Verdict};
use crate::provider;
use crate::rotation::Fact;

impl Hands<'_> {
    /// Asks what the leaked token is. One that is refused and still listed is disabled: a case that closed on it would
    /// leave it to whoever enables it again. A list that nobody gives out is no evidence either way.
    pub(super) async fn assess(&self, custody: &Custody) -> Result<Fact, Failed> {
        old_secret(custody)?;
        let verdict = provider::ask(&*self.managed.provider, &custody.old).await;
        let abilities = &self.state.plan.abilities;
        let handle = custody.old.token.as_ref().filter(|_| abilities.disable && abilities.list);
        if let (Verdict::Dead, Some(old)) = (&verdict, handle) {
            match self.managed.provider.list(old).await {
                Ok(listed) if listed.iter().any(|listed| listed.token == *old) => {
                    return Ok(Fact::Verified(Verdict::Unknown(Reason::StillListed)));
                }
                Err(error) if error.retry_after().is_some() => return Err(provider_failed(&error)),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(Fact::Verified(verdict))
    }

    /// Asks once whether the old token is dead. A refusal counts only while the same question is answered "live" for
    /// the new token: an issuer that refuses everything proves nothing. Nor is it death while the token is listed.
    pub(super) async fn confirm(&self, custody: &Custody) -> Result<Fact, Failed> {
        old_secret(custody)?;
        let verdict = self.managed.provider.verify(&self.old(custody)).await;
        if verdict != Verdict::Dead {
            return Ok(Fact::Verified(verdict));
        }
        if self.state.successor.is_some() {
            let control = self.managed.provider.verify(&self.fresh(custody)?).await;
            if control.token().is_none() {
                return Ok(Fact::Verified(Verdict::Unknown(Reason::Control)));
            }
        }
        self.unlisted().await?;
        Ok(Fact::Verified(Verdict::Dead))
    }

    /// A token that is refused and still listed is disabled, whatever was said of its end. The list is asked for the new
    /// token, which it must name: the old one may be unknown by now, and an empty list says nothing.
    async fn unlisted(&self) -> Result<(), Failed> {
        let Some(old) = self.old_token().filter(|_| self.state.ends_off_the_list()) else { return Ok(()) };
        let new = self.state.successor.as_ref().map(|successor| &successor.token);
        let listed = self.listed(new.unwrap_or(old)).await?;
        if listed.contains(old) {
            let note = format!("the provider took the revocation of {old}, and lists it still: it is only disabled");
            return Err(failed(Reason::StillListed, Happened::No, &note));
        }
        if new.is_some_and(|new| !listed.contains(new)) {
            let note = "the list lacks the new token, so it says nothing of the old one";
            return Err(retry(Reason::Control, Happened::No, note));
        }
        Ok(())
    }
}
