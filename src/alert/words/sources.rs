//! The words about whole sources: many leaks at once, and none looked for.

use super::{alone, clean, span};
use crate::alert::{Moment, Notice, Urgency};
use crate::model::Timestamp;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Of many leaks, so many are named.
const NAMED: usize = 5;

/// Many leaks of one scan as one message: how many, and the worst of them. `all` are the messages that it stands for.
#[must_use]
pub fn many(source: &str, repository: &str, all: &[Notice], now: Timestamp, link: Option<&str>) -> Notice {
    let count = |urgency| all.iter().filter(|notice| notice.urgency == urgency).count();
    let (live, dead) = (count(Urgency::Critical), count(Urgency::Info));
    let mut worst: Vec<&Notice> = all.iter().collect();
    worst.sort_by_key(|notice| std::cmp::Reverse(notice.urgency));
    let lines = worst.iter().take(NAMED).map(|notice| {
        let last = notice.text.lines().last().unwrap_or_default();
        let print = last.strip_prefix("Fingerprint: ").map(|print| format!(" ({print})")).unwrap_or_default();
        format!("\n- {}{print}", clean(notice.text.lines().next().unwrap_or_default(), 300))
    });
    let lines: String = lines.collect();
    let rest = match all.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("\nAnd {more} more: each is in the log of the daemon."),
    };
    let text = format!(
        "{} leaks were found at once in {} ({}): {live} are live, {} may be, {dead} are dead.{lines}{rest}",
        all.len(),
        clean(source, 120),
        clean(repository, 200),
        all.len().saturating_sub(live).saturating_sub(dead)
    );
    let mut keys: Vec<&str> = all.iter().map(|notice| notice.key.as_str()).collect();
    keys.sort_unstable();
    let digest: String = data_encoding::HEXLOWER.encode(&Sha256::digest(keys.join("\n"))).chars().take(24).collect();
    let urgency = worst.first().map_or(Urgency::Info, |notice| notice.urgency);
    let key = format!("leaks/{}/{digest}", clean(source, 120));
    Notice { link: link.map(str::to_owned), ..alone(key, Moment::Leak, urgency, text, now) }
}

/// Something that should happen regularly did not: `what` completes "No … for 26h", for instance `scan of acme/shop`.
/// Told once a day for as long as it lasts.
#[must_use]
pub fn silence(source: &str, what: &str, lasted: Duration, limit: Duration, now: Timestamp) -> Notice {
    let text = format!(
        "No {} for {} (limit {}). What was leaked since then is not known.",
        clean(what, 300),
        span(lasted),
        span(limit)
    );
    alone(format!("dead-man/{}/{}", clean(source, 120), now.0), Moment::DeadMan, Urgency::Error, text, now)
}

/// What [`silence`] told of is over.
#[must_use]
pub fn resumed(source: &str, lasted: Duration, now: Timestamp) -> Notice {
    let source = clean(source, 120);
    let text = format!("{source} is scanned whole again, after {}: what came in between was read.", span(lasted));
    alone(format!("dead-man/{source}/{}/over", now.0), Moment::DeadMan, Urgency::Info, text, now)
}
