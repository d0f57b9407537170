//! `stanch store`: the first value of a credential that the sealed local store keeps.

use super::discretion;
use super::exit::Code;
use super::failure::Failure;
use super::rotate::from_standard_input;
use super::screen::Screen;
use super::{acts, signals};
use crate::model::TokenId;
use crate::wiring::filling::{FillError, fill};
use crate::wiring::mending::Mending;

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::StoreVerb) -> Result<Code, Failure> {
    let acts::StoreVerb::Fill { credential, secret: acts::Stdin::Stdin, token, config } = given;
    if let Some(text) = token.as_ref()
        && discretion::without_tokens(text)? != *text
    {
        return Err(Failure::new(Code::Usage, "what --token names is the token itself, not its handle")
            .hint("the handle is public, as the provider lists it; the token comes on standard input"));
    }
    signals::runtime()?.block_on(async {
        let mending = Mending::open(config.config.as_deref()).await.map_err(Failure::from)?;
        let secret = from_standard_input()?;
        let token = token.as_ref().map(TokenId::new);
        let filled = fill(&mending, credential, token.as_ref(), &secret).await.map_err(Failure::from)?;
        Screen::new(false).text(&format!("{}: filled; nothing was asked of the provider\n", filled.join(", ")));
        Ok(Code::Clean)
    })
}

impl From<FillError> for Failure {
    fn from(error: FillError) -> Self {
        match error {
            FillError::Mending(error) => error.into(),
            error @ FillError::Unread { .. } => Self::of(Code::Outside, &error).hint("nothing was written"),
            error => Self::of(Code::Usage, &error).hint("nothing was written"),
        }
    }
}
