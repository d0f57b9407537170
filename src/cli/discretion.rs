//! What somebody typed may be a token in the wrong place. It is neither repeated nor kept.

use super::exit::Code;
use super::failure::Failure;
use crate::engine::Engine;
use crate::model::FingerprintKey;
use crate::scan::Scanner;
use crate::suppress::Suppressions;
use clap::error::{ContextKind, ContextValue};
use std::io::Write as _;

/// No token has fewer bytes in one piece.
const SHORTEST: usize = 12;

/// Masks tokens in words of others: some write the token itself into a reason, or into the name of a branch.
///
/// # Errors
/// When the kinds cannot be looked for.
pub(super) fn masking() -> Result<Scanner, Failure> {
    let engine = Engine::new(crate::rules::builtin()).map_err(|error| Failure::of(Code::Outside, &error))?;
    // Nothing is named by this key.
    let key = FingerprintKey::of_installation(Vec::new());
    Ok(Scanner { engine, key, suppressions: Suppressions::default(), keep_findings: false, most_expanded: None })
}

/// The text with every token in it masked.
///
/// # Errors
/// When the kinds cannot be looked for.
pub(super) fn without_tokens(text: &str) -> Result<String, Failure> {
    if text.split_whitespace().all(|word| word.len() < SHORTEST) {
        return Ok(text.to_owned());
    }
    let scanner = masking()?;
    let lines: Vec<String> = text.split('\n').map(|line| scanner.without_secrets(line)).collect();
    Ok(lines.join("\n"))
}

/// Prints what is wrong with the arguments. What was given for `--secret` is a secret, whatever it looks like.
pub(super) fn print(error: &clap::Error) {
    let said = error.render().to_string();
    let discreet = without_tokens(&without_given(error, &said)).unwrap_or_default();
    // With its output closed there is nobody to tell; the code still does.
    let _printed = if discreet == said {
        error.print().is_ok()
    } else {
        std::io::stderr().lock().write_all(discreet.as_bytes()).is_ok()
    };
}

fn without_given(error: &clap::Error, said: &str) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue)) {
        (Some(argument), Some(value)) if argument.starts_with("--secret") && !value.is_empty() => {
            let only = "standard input is the only place for a secret; this one stands in your shell's history now";
            format!("{}\n  tip: {only}\n", said.replace(&format!("'{value}' "), "").trim_end())
        }
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_masked_line_by_line_and_nothing_else_is_changed() {
        let token = format!("stanch_{}_{}", "demo", "aB3dE5gH7jK9mN2pQ4sT6vW8yZaB3dE5gH7jK9mN");
        let said = without_tokens(&format!("there is no '{token}'\n  hint: st1:abcdefghijklmnop\n")).unwrap();
        assert!(said.starts_with("there is no 'stanch_demo_") && !said.contains(&token), "{said}");
        assert!(said.ends_with("\n  hint: st1:abcdefghijklmnop\n"), "{said}");
        assert_eq!(without_tokens("short words, all of them").unwrap(), "short words, all of them");
    }
}
