//! One line on a terminal for whoever waits, gone again before anything else is said.

use crate::clock::Clock;
use crate::report::{counted, size};
use crate::scan::Amount;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};

/// What is over sooner is not talked of, in milliseconds.
const PATIENCE: u64 = 400;

/// How often the line is drawn anew, in milliseconds.
const PACE: u64 = 100;

/// Columns that every terminal has.
const WIDTH: usize = 78;

/// The line, or nothing where nobody looks on.
pub(super) struct Progress<'c> {
    clock: &'c dyn Clock,
    out: Option<Box<dyn Write>>,
    item: &'static str,
    began: u64,
    drawn: Option<u64>,
    width: usize,
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

impl<'c> Progress<'c> {
    /// On standard error, where that is a terminal of a person. `item` is what one thing that is read is called.
    pub(super) fn of(item: &'static str, clock: &'c dyn Clock) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        let watched = io::stderr().is_terminal() && able && !set("CI") && !set("NO_COLOR");
        Self::to(watched.then(|| Box::new(io::stderr()) as Box<dyn Write>), item, clock)
    }

    /// Where nobody looks on.
    pub(super) fn unseen(clock: &'c dyn Clock) -> Self {
        Self::to(None, "", clock)
    }

    fn to(out: Option<Box<dyn Write>>, item: &'static str, clock: &'c dyn Clock) -> Self {
        Self { clock, out, item, began: clock.monotonic(), drawn: None, width: 0 }
    }

    /// So much was read; `done` says of how many things how many are, where that is known.
    pub(super) fn tick(&mut self, read: Amount, done: Option<(u64, u64)>) {
        if self.out.is_none() {
            return;
        }
        let now = self.clock.monotonic();
        let due = self.drawn.map_or(self.began + PATIENCE, |drawn| drawn + PACE);
        if now < due {
            return;
        }
        self.drawn = Some(now);
        let line = line(read, done, self.item, now.saturating_sub(self.began));
        self.draw(&line);
    }

    /// Spaces are written over what was there: nothing here needs more of a terminal than that it goes back.
    fn draw(&mut self, line: &str) {
        let line: String = line.chars().take(WIDTH).collect();
        let width = line.chars().count();
        let rest = " ".repeat(self.width.saturating_sub(width));
        self.width = width;
        if let Some(out) = &mut self.out {
            // Nobody has to look on.
            let _drawn = write!(out, "\r{line}{rest}").and_then(|()| out.flush()).is_ok();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            self.draw("");
            self.draw("\r");
        }
    }
}

/// `scanning: 12 of 70 objects, 1.2 GB, 340 MB/s, 0:12 left`.
fn line(read: Amount, done: Option<(u64, u64)>, item: &str, elapsed: u64) -> String {
    let items = match done {
        Some((done, total)) => format!("{done} of {}", counted(total, item)),
        None => counted(read.items, item),
    };
    let rate = per_second(read.bytes, elapsed);
    let left = done
        .and_then(|(done, total)| left(done, total, elapsed))
        .map_or_else(String::new, |seconds| format!(", {}:{:02} left", seconds / 60, seconds % 60));
    format!("scanning: {items}, {}, {}/s{left}", size(read.bytes), size(rate))
}

/// How much of something there is in a second.
pub(super) fn per_second(count: u64, millis: u64) -> u64 {
    let rate = u128::from(count) * 1_000 / u128::from(millis.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// The seconds that the rest takes if it goes on like this.
fn left(done: u64, total: u64, elapsed: u64) -> Option<u64> {
    let rest = u128::from(total.checked_sub(done)?);
    let millis = (rest * u128::from(elapsed)).checked_div(u128::from(done))?;
    u64::try_from(millis.div_ceil(1_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    #[derive(Debug, Default)]
    struct Hand(AtomicU64);

    #[cfg_attr(feature = "rotate", async_trait::async_trait)]
    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }

        fn monotonic(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }

        #[cfg(feature = "rotate")]
        async fn sleep_until(&self, at: Timestamp) {
            self.0.store(at.0, Ordering::SeqCst);
        }
    }

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_soon_over_is_not_talked_of_and_the_line_goes_away() {
        let (clock, screen) = (Hand::default(), Screen::default());
        let mut progress = Progress::to(Some(Box::new(screen.clone())), "file", &clock);
        let read = Amount { items: 3, bytes: 4_000_000 };
        progress.tick(read, None);
        clock.0.store(399, Ordering::SeqCst);
        progress.tick(read, None);
        assert_eq!(screen.text(), "");
        clock.0.store(400, Ordering::SeqCst);
        progress.tick(read, None);
        assert_eq!(screen.text(), "\rscanning: 3 files, 4.0 MB, 10 MB/s");
        clock.0.store(450, Ordering::SeqCst);
        progress.tick(read, None);
        assert_eq!(screen.text().matches("scanning").count(), 1, "not drawn anew so soon");
        clock.0.store(500, Ordering::SeqCst);
        progress.tick(Amount { items: 0, bytes: 0 }, Some((1, 2)));
        drop(progress);
        let text = screen.text();
        assert!(text.contains("\rscanning: 1 of 2 files, 0 B, 0 B/s, 0:01 left"), "{text:?}");
        let last = text.rsplit("left").next().unwrap();
        assert!(last.chars().all(|c| matches!(c, ' ' | '\r')) && last.ends_with('\r'), "{text:?}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn what_is_left_follows_from_what_was_done() {
        assert_eq!(left(10, 100, 1_000), Some(9));
        assert_eq!(left(0, 100, 1_000), None);
        assert_eq!(left(100, 100, 1_000), Some(0));
        assert_eq!(left(101, 100, 1_000), None);
        let shown = line(Amount { items: 0, bytes: 1 << 30 }, Some((10, 1_000)), "object", 1_000);
        assert_eq!(shown, "scanning: 10 of 1000 objects, 1.0 GB, 1.0 GB/s, 1:39 left");
        let over = line(Amount { items: 9, bytes: 0 }, None, "object", 0);
        assert_eq!(over, "scanning: 9 objects, 0 B, 0 B/s");
    }
}
