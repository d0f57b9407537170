//! What a run took. It goes to standard error, behind the report, which says nothing of it: the same bytes give the same
//! report, and never the same times.

use super::progress::per_second;
use crate::model::KindId;
use crate::report::{counted, size};
use crate::scan::Outcome;
use std::io::Write as _;

/// Kinds that are named.
const MOST: usize = 8;

/// Times of a run, in milliseconds since the program began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// When the scan was put together.
    pub(super) prepared: u64,
    /// When everything was read and searched.
    pub(super) scanned: u64,
    /// When the report was written.
    pub(super) written: u64,
}

/// Says it. Where standard error is closed, nobody wants to know.
pub(super) fn print(outcome: &Outcome, kinds: usize, jobs: usize, times: Times) {
    let mut out = std::io::stderr().lock();
    let _told = out.write_all(text(outcome, kinds, jobs, times, &Process::now()).as_bytes()).is_ok();
}

fn text(outcome: &Outcome, kinds: usize, jobs: usize, times: Times, process: &Process) -> String {
    let Times { prepared, scanned, written } = times;
    let scanning = scanned.saturating_sub(prepared);
    let (read, members) = (outcome.coverage.scanned, outcome.coverage.members);
    let searched = read.bytes.saturating_add(members.bytes);
    let mut lines = vec![
        format!(
            "time: {} (ready after {}, scan {}, report {})",
            millis(written),
            millis(prepared),
            millis(scanning),
            millis(written.saturating_sub(scanned))
        ),
        format!(
            "read: {}, {}, {}/s",
            counted(read.items, "item"),
            size(read.bytes),
            size(per_second(read.bytes, scanning))
        ),
        format!("kinds: {kinds}; threads: {jobs}"),
    ];
    if members.items > 0 {
        lines.push(format!("opened: {}, {}", counted(members.items, "member"), size(members.bytes)));
    }
    if let Some(line) = patterns(&outcome.effort, searched) {
        lines.push(line);
    }
    if let Some(cpu) = process.cpu {
        lines.push(format!("CPU: {}, {}/s", millis(cpu), size(per_second(searched, cpu))));
    }
    if let Some(peak) = process.peak {
        let own = process.own.map_or_else(String::new, |own| format!(" ({} of it our own at the end)", size(own)));
        lines.push(format!("memory: {} at most{own}", size(peak)));
    }
    lines.iter().map(|line| format!("stanch: {line}\n")).collect()
}

/// Which patterns were given the most to search.
fn patterns(effort: &[(KindId, u64)], read: u64) -> Option<String> {
    let all: u64 = effort.iter().map(|(_, bytes)| bytes).sum();
    let share = (u128::from(all) * 1_000).checked_div(u128::from(read))?;
    let most: Vec<_> = effort.iter().take(MOST).map(|(kind, bytes)| format!("{kind} {}", size(*bytes))).collect();
    let most = if most.is_empty() { String::new() } else { format!("; most by {}", most.join(", ")) };
    Some(format!("patterns: of {} kinds, {} ({}.{}%){most}", effort.len(), size(all), share / 10, share % 10))
}

fn millis(count: u64) -> String {
    if count < 1_000 { format!("{count} ms") } else { format!("{}.{:02} s", count / 1_000, count % 1_000 / 10) }
}

/// What the system says of this process, where it says so.
#[derive(Debug, Default)]
struct Process {
    /// Milliseconds that processors worked for it.
    cpu: Option<u64>,
    /// The most memory it had, in bytes.
    peak: Option<u64>,
    /// What it has now that is no file.
    own: Option<u64>,
}

/// Ticks of a second, in which the system counts for every program.
const TICKS: u64 = 100;

impl Process {
    fn now() -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        Self::of(&read("stat"), &read("status"))
    }

    fn of(stat: &str, status: &str) -> Self {
        // The name may hold anything, but what follows its last bracket is numbers.
        let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().skip(11);
        let mut field = || fields.next()?.parse::<u64>().ok();
        let cpu = match (field(), field()) {
            (Some(user), Some(system)) => Some((user + system) * 1_000 / TICKS),
            _ => None,
        };
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
        };
        Self { cpu, peak: kilobytes("VmHWM"), own: kilobytes("RssAnon") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Amount;

    #[test]
    fn the_system_is_understood() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 31 0 0";
        let process = Process::of(stat, "Name:\tx\nVmHWM:\t   2048 kB\nRssAnon:\t 4 kB\n");
        assert_eq!((process.cpu, process.peak, process.own), (Some(2_810), Some(2 << 20), Some(4_096)));
        let nothing = Process::of("", "");
        assert_eq!((nothing.cpu, nothing.peak, nothing.own), (None, None, None));
    }

    #[test]
    fn everything_that_is_known_is_said() {
        let mut outcome = Outcome::default();
        outcome.coverage.scanned = Amount { items: 2, bytes: 3_000_000 };
        outcome.coverage.members = Amount { items: 1, bytes: 1_000_000 };
        outcome.effort = vec![(KindId::new("b.two"), 30_000), (KindId::new("a.one"), 10_000)];
        let times = Times { prepared: 20, scanned: 1_520, written: 1_530 };
        let process = Process { cpu: Some(2_000), peak: Some(50_000_000), own: Some(9_000_000) };
        let said = text(&outcome, 120, 2, times, &process);
        assert_eq!(
            said,
            "stanch: time: 1.53 s (ready after 20 ms, scan 1.50 s, report 10 ms)\n\
             stanch: read: 2 items, 3.0 MB, 2.0 MB/s\n\
             stanch: kinds: 120; threads: 2\n\
             stanch: opened: 1 member, 1.0 MB\n\
             stanch: patterns: of 2 kinds, 40 kB (1.0%); most by b.two 30 kB, a.one 10 kB\n\
             stanch: CPU: 2.00 s, 2.0 MB/s\n\
             stanch: memory: 50 MB at most (9.0 MB of it our own at the end)\n"
        );
        let said = text(&Outcome::default(), 120, 2, times, &Process::default());
        assert_eq!(said.lines().count(), 3);
    }
}
