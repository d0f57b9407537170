//! Numbers, sizes, times, days and platforms as they are typed.

use jiff::civil::Date;
use std::time::Duration;

pub(super) fn parse_jobs(text: &str) -> Result<std::num::NonZeroUsize, String> {
    text.parse().map_err(|_| "it is no number of threads: write 1 or more".to_owned())
}

pub(super) fn parse_date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "it is no date: write YYYY-MM-DD".to_owned())
}

/// `30s`, `5m`, `500ms`; never nothing.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no time: write, for instance, 30s, 5m or 500ms");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let time = match text.get(digits.len()..) {
        Some("ms") => Some(Duration::from_millis(number)),
        Some("s") => Some(Duration::from_secs(number)),
        Some("m") => number.checked_mul(60).map(Duration::from_secs),
        Some("h") => number.checked_mul(3_600).map(Duration::from_secs),
        _ => None,
    };
    time.filter(|time| !time.is_zero()).ok_or_else(wrong)
}

/// `linux/arm64`, `linux/arm/v7`.
pub(super) fn parse_platform(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if (2..=3).contains(&parts.len()) && parts.iter().all(plain) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("write it as OS/ARCHITECTURE, for instance linux/arm64".to_owned())
    }
}

/// `25MB`, `4KiB`, `1000`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if digits.is_empty() {
        return Err(format!("'{text}' is no size: write, for instance, 25MB"));
    }
    let unit = text.get(digits.len()..).unwrap_or_default();
    let factor = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("'{unit}' is no unit: use kB, MB, GB, KiB, MiB or GiB")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("'{text}' is no size: write, for instance, 25MB"))?;
    number.checked_mul(factor).ok_or_else(|| format!("'{text}' is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("2h"), Ok(Duration::from_secs(7_200)));
        for wrong in ["", "s", "30", "0s", "-1s", "1.5s", "1d", "99999999999999999999h"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("25MB"), Ok(25_000_000));
        assert_eq!(parse_size("4KiB"), Ok(4_096));
        assert_eq!(parse_size("7"), Ok(7));
        for wrong in ["", "MB", "1TB", "-1", "99999999999GB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
