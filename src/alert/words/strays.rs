//! The words about tokens that carry our label and are nobody's.

use super::{alone, clean};
use crate::alert::{Moment, Notice, Urgency};
use crate::model::{RotationId, Timestamp};
use crate::rotation::{Stray, Sweep};
use sha2::{Digest as _, Sha256};

/// Of many, so many are named.
const NAMED: usize = 5;

/// A sweep asks.
pub(super) fn asked(case: &RotationId, credential: &str, sweep: &Sweep) -> String {
    format!(
        "{case} needs a yes: {} of '{credential}' that nobody uses would be ended ({}). An interrupted case left what a \
         provider lists under its label. The token in use is not touched.",
        counted(sweep.strays.len()),
        named(&sweep.strays)
    )
}

/// Tokens under labels that this journal never recorded. Told once for the same ones; they are never ended.
#[must_use]
pub fn strangers(credential: &str, strays: &[Stray], now: Timestamp) -> Notice {
    let mut tokens: Vec<&str> = strays.iter().map(|stray| stray.token.as_str()).collect();
    tokens.sort_unstable();
    let digest: String = data_encoding::HEXLOWER.encode(&Sha256::digest(tokens.join("\n"))).chars().take(24).collect();
    let credential = clean(credential, 120);
    let text = format!(
        "{} beside '{credential}' {} a label of stanch that this journal does not know ({}): another installation made \
         {}, or a journal was lost. They are left alone; a person who knows that nobody uses them may end them.",
        counted(strays.len()),
        if strays.len() == 1 { "carries" } else { "carry" },
        named(strays),
        if strays.len() == 1 { "it" } else { "them" },
    );
    Notice {
        credential: Some(credential.clone()),
        ..alone(format!("strangers/{credential}/{digest}"), Moment::Held, Urgency::Warning, text, now)
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}

fn named(strays: &[Stray]) -> String {
    let names: Vec<_> = strays.iter().take(NAMED).map(|stray| clean(stray.token.as_str(), 80)).collect();
    let more = strays.len().saturating_sub(NAMED);
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}
