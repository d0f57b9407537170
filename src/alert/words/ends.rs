//! The words about logins that end by themselves.

use super::{alone, clean, clock, span};
use crate::alert::{Moment, Notice, Urgency};
use crate::model::{RotationId, Timestamp};

/// The login of a credential ends by itself soon, or has ended, and nothing has taken its place. `from` is the case that
/// put it into use, `open` one that is not done. Told once before its end and once after.
#[must_use]
pub fn ends(
    credential: &str,
    from: &RotationId,
    ends: Timestamp,
    open: Option<&RotationId>,
    now: Timestamp,
    link: Option<&str>,
) -> Notice {
    let name = clean(credential, 120);
    let is_over = now >= ends;
    let when = if is_over {
        format!("ended by itself {} ago, unless somebody renewed it", span(now.since(ends)))
    } else {
        let until = span(ends.since(now));
        format!("ends by itself at {} (in {until}), unless somebody renews it", clock(ends, now))
    };
    let (instead, next) = match open {
        None => ("nothing replaces it".to_owned(), format!("Replace it: stanch rotate --credential {name}")),
        Some(case) if case == from => (format!("{case} is not done"), format!("Look: stanch case show {case}")),
        Some(case) => (format!("{case}, which replaces it, is not done"), format!("Look: stanch case show {case}")),
    };
    let fails = if is_over { "Who still uses it fails." } else { "Who uses it fails then." };
    let text = format!("The login of '{name}' that {from} put into use {when}, and {instead}. {fails}\n{next}");
    let key = format!("{from}/{}/{}{}", Moment::Ending.word(), ends.0, if is_over { "/over" } else { "" });
    Notice {
        credential: Some(name),
        link: link.map(str::to_owned),
        ..alone(key, Moment::Ending, Urgency::Error, text, now)
    }
}
