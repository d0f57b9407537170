//! Exceptions: the one owner of what is not reported. Each has a reason and an end, and is counted.

mod ignore;
mod inline;

pub use self::ignore::{Entry, FILE_NAME, IgnoreError, IgnoreFile, NewEntry};
pub use inline::Directive;

use crate::model::{Fingerprint, KindId, Timestamp};
use jiff::civil::Date;
use std::ops::Range;

/// What stands around a hit in its text.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// The line it begins in.
    pub line: &'a [u8],
    /// The bytes of the line that belong to a secret: no directive is read from them.
    pub secret: Range<usize>,
    /// The line before.
    pub before: &'a [u8],
}

/// What excused a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Excuse {
    /// An entry of the ignore file.
    IgnoreFile,
    /// A `stanch:allow` beside it.
    Inline,
    /// A directive that another scanner reads.
    Foreign,
}

impl Excuse {
    /// As the reports say it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::IgnoreFile => "by .stanchignore",
            Self::Inline => "by stanch:allow",
            Self::Foreign => "by another scanner's directive",
        }
    }
}

/// Whether a hit is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is; the note says why an exception for it does not hold (any more).
    Report {
        /// For people.
        note: Option<String>,
    },
    /// It is not.
    Excused(Excuse),
}

/// All exceptions that hold for a run.
#[derive(Clone, Debug, Default)]
pub struct Suppressions {
    entries: IgnoreFile,
    today: Today,
    no_remarks: bool,
}

/// The day of the run; a time that no calendar holds ends nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Today(Option<Date>);

impl Suppressions {
    /// Exceptions of a file, judged at a time.
    #[must_use]
    pub fn new(entries: IgnoreFile, now: Timestamp) -> Self {
        Self { entries, today: Today(day_of(now)), no_remarks: false }
    }

    /// Lets no remark in the scanned text excuse anything.
    #[must_use]
    pub fn without_remarks(self) -> Self {
        Self { no_remarks: true, ..self }
    }

    /// Judges one hit.
    #[must_use]
    pub fn judge(&self, print: &Fingerprint, kind: &KindId, path: &str, around: &Surroundings<'_>) -> Judgement {
        let mut note = None;
        for entry in self.entries.covering(print, kind, path) {
            if self.ended(entry.until) {
                note = Some(format!("its exception ({}:{}) ended on {}", FILE_NAME, entry.line, entry.until));
            } else {
                return Judgement::Excused(Excuse::IgnoreFile);
            }
        }
        match inline::directive(around) {
            Some(_) if self.no_remarks => {
                Judgement::Report { note: Some("the policy lets no remark beside a finding excuse it".to_owned()) }
            }
            Some(Directive::Foreign) => Judgement::Excused(Excuse::Foreign),
            Some(Directive::Ours { reason: None, .. }) => {
                Judgement::Report { note: Some("stanch:allow needs reason=\"…\" to count".to_owned()) }
            }
            Some(Directive::Ours { until: Some(Err(text)), .. }) => {
                Judgement::Report { note: Some(format!("stanch:allow until={text} is no date: write YYYY-MM-DD")) }
            }
            Some(Directive::Ours { until: Some(Ok(until)), .. }) if self.ended(until) => {
                Judgement::Report { note: Some(format!("its stanch:allow ended on {until}")) }
            }
            Some(Directive::Ours { .. }) => Judgement::Excused(Excuse::Inline),
            None => Judgement::Report { note },
        }
    }

    /// An exception holds through its last day (UTC).
    #[must_use]
    pub fn ended(&self, until: Date) -> bool {
        self.today.0.is_some_and(|today| today > until)
    }

    /// The day of a point in seconds since 1970, if it is before the day of the run (UTC).
    #[must_use]
    pub fn past(&self, seconds: i64) -> Option<Date> {
        let at = u64::try_from(seconds).ok()?.checked_mul(1000)?;
        day_of(Timestamp(at)).filter(|day| self.ended(*day))
    }
}

fn day_of(now: Timestamp) -> Option<Date> {
    let seconds = i64::try_from(now.0 / 1000).ok()?;
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(at).date())
}

/// Splits `key=value` and `key="two words"` fields; a backslash keeps the next character.
fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted, mut kept) = (Vec::new(), String::new(), false, false);
    for character in text.chars() {
        match character {
            _ if kept => {
                field.push(character);
                kept = false;
            }
            '\\' if quoted => kept = true,
            '"' => quoted = !quoted,
            _ if character.is_whitespace() && !quoted => {
                if !field.is_empty() {
                    fields.push(std::mem::take(&mut field));
                }
            }
            _ => field.push(character),
        }
    }
    if !field.is_empty() {
        fields.push(field);
    }
    fields
}

/// True when a quotation of [`fields`] does not end.
fn unclosed(text: &str) -> bool {
    let (mut quoted, mut kept) = (false, false);
    for character in text.chars() {
        kept = match character {
            '\\' if quoted && !kept => true,
            '"' if !kept => {
                quoted = !quoted;
                false
            }
            _ => false,
        };
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FingerprintKey, Secret};

    const JULY: Timestamp = Timestamp(1_783_000_000_000); // 2026-07-02

    fn print() -> Fingerprint {
        FingerprintKey::of_repository(vec![1; 32]).fingerprint(&Secret::new(b"hidden".to_vec()))
    }

    fn judged(file: &str, line: &str, before: &str) -> Judgement {
        let entries = IgnoreFile::parse(file, ".stanchignore").unwrap();
        let around = Surroundings { line: line.as_bytes(), secret: 0..6, before: before.as_bytes() };
        Suppressions::new(entries, JULY).judge(&print(), &KindId::new("acme.key"), "src/a.py", &around)
    }

    #[test]
    fn an_entry_holds_until_its_last_day_has_passed() {
        let entry = |until: &str| format!("{} * * until={until} reason=\"a test\" by=kim\n", print().short());
        assert_eq!(judged(&entry("2026-07-02"), "hidden", ""), Judgement::Excused(Excuse::IgnoreFile));
        let Judgement::Report { note: Some(note) } = judged(&entry("2026-07-01"), "hidden", "") else { panic!() };
        assert_eq!(note, "its exception (.stanchignore:1) ended on 2026-07-01");
    }

    #[test]
    fn an_entry_may_name_a_kind_and_a_path() {
        let entry = |rest: &str| format!("{} {rest} until=2030-01-01 reason=x by=kim\n", print());
        let excused = Judgement::Excused(Excuse::IgnoreFile);
        assert_eq!(judged(&entry("acme.key src/a.py"), "hidden", ""), excused);
        assert_eq!(judged(&entry("acme.* src/"), "hidden", ""), excused);
        assert_ne!(judged(&entry("acme.other *"), "hidden", ""), excused);
        assert_ne!(judged(&entry("* other/"), "hidden", ""), excused);
    }

    #[test]
    fn a_policy_may_take_remarks_their_force() {
        let around = Surroundings { line: b"hidden # stanch:allow reason=x", secret: 0..6, before: b"" };
        let judge = |all: Suppressions| all.judge(&print(), &KindId::new("acme.key"), "a", &around);
        assert_eq!(judge(Suppressions::default()), Judgement::Excused(Excuse::Inline));
        assert!(matches!(judge(Suppressions::default().without_remarks()), Judgement::Report { note: Some(_) }));
    }

    #[test]
    fn directives_excuse_the_line_beside_them() {
        let inline = Judgement::Excused(Excuse::Inline);
        assert_eq!(judged("", "hidden # stanch:allow reason=\"a sample\" until=2030-01-01", ""), inline);
        assert_eq!(judged("", "hidden", "  // stanch:allow reason=sample"), inline);
        assert_eq!(judged("", "hidden # gitleaks:allow", ""), Judgement::Excused(Excuse::Foreign));
        let note = |line: &str, before: &str| match judged("", line, before) {
            Judgement::Report { note } => note,
            Judgement::Excused(excuse) => panic!("{excuse:?}"),
        };
        assert!(note("hidden # stanch:allow", "").unwrap().contains("needs reason"));
        assert!(note("hidden # stanch:allow reason=x until=2026-01-01", "").unwrap().contains("ended on 2026-01-01"));
        assert!(note("hidden # stanch:allow reason=x until=soon", "").unwrap().contains("no date"));
        // A directive for one line's secret is none for the next line's.
        assert_eq!(note("hidden", "other = 1 # stanch:allow reason=x"), None);
        assert_eq!(note("hidden", ""), None);
    }
}
