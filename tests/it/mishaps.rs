//! Every call of a rotation goes wrong in every way, singly, and in pairs that are drawn. It ends right, or a person is asked
//! with a reason and it ends right when the trouble is over. What became of it is asked of the provider, the store and the
//! service. `STANCH_TEST_MISHAP='3 Late'` tries one call alone. Servers that nobody here wrote are in `real::mishaps`.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use crate::crash::say;
use crate::world::Ran;
use crate::world::door::Act;
use crate::world::mishap::{Mishap, Mishaps};
use crate::world::shop::{Running, Settings, Shop, dice, seed};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a run ended, before anybody helped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// With a new token in everybody's hands.
    Rotated,
    /// With the old one, as before.
    Back,
    /// A person was asked, and it ended right afterwards.
    Held,
    /// Nothing was begun, and it was said why.
    Unbegun,
    /// It was killed, and ended right when it was taken up.
    Killed,
}

/// Runs the program, which may be killed on the way.
pub(crate) fn run_to(mishaps: &[&Mishaps], command: Command) -> Ran {
    let running = Running::start(command);
    mishaps.iter().for_each(|mishaps| mishaps.program(running.child.id()));
    running.end()
}

/// What the exit code says; of one who was held, why is said.
#[track_caller]
pub(crate) fn end_of(ran: &Ran, what: &str) -> End {
    match ran.code {
        0 => End::Rotated,
        21 => End::Back,
        22 => {
            assert!(ran.stdout.contains("held while "), "{what}: no reason\n{}{}", ran.stdout, ran.stderr);
            assert!(!ran.stdout.contains("observed dead"), "{what}: it is not over\n{}", ran.stdout);
            End::Held
        }
        2 | 4 => End::Unbegun,
        -1 => End::Killed,
        _ => panic!("{what}: exit code {}\n{}{}", ran.code, ran.stdout, ran.stderr),
    }
}

/// One call, or two of them, and what happens to each.
pub(crate) type Wrong = Vec<(usize, Mishap)>;

/// Every one of so many calls, with every mishap.
pub(crate) fn singly(calls: usize) -> Vec<Wrong> {
    (1..=calls).flat_map(|nth| Mishap::QUICK.map(|mishap| vec![(nth, mishap)])).collect()
}

/// Two calls, drawn. The second one may be of those that the first one leads to.
pub(crate) fn pairs(calls: usize, many: usize) -> Vec<Wrong> {
    let mut draw = dice(seed());
    let mut one = |from: usize, to: usize| {
        let nth = from + usize::try_from(draw((to - from) as u64)).unwrap();
        (nth, Mishap::QUICK[usize::try_from(draw(Mishap::QUICK.len() as u64)).unwrap()])
    };
    (0..many)
        .map(|_| {
            let first = one(1, calls + 1);
            vec![first, one(first.0 + 1, calls + 8)]
        })
        .collect()
}

/// The first call of every kind is never answered.
pub(crate) fn hung(seen: &[String]) -> Vec<Wrong> {
    let kind = |line: &String| {
        let mut words = line.split(['?', ' ']);
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned())
    };
    let kinds: BTreeSet<_> = seen.iter().map(kind).collect();
    let first = |wanted| seen.iter().position(|line| kind(line) == wanted).map(|at| vec![(at + 1, Mishap::Hangs)]);
    kinds.into_iter().filter_map(first).collect()
}

/// Tries them all, several at a time, and says how they ended.
pub(crate) fn sweep(row: &str, lanes: usize, all: &[Wrong], trial: impl Fn(&Wrong) -> End + Sync) {
    let alone = std::env::var("STANCH_TEST_MISHAP").ok();
    let all: Vec<_> = all.iter().filter(|wrong| alone.as_ref().is_none_or(|alone| *alone == named(wrong))).collect();
    let (next, ends) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<End, usize>::new()));
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some(wrong) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let at = Named(wrong, &next);
                    let end = trial(wrong);
                    *ends.lock().unwrap().entry(end).or_default() += 1;
                    drop(at);
                }
            });
        }
    });
    let ends = ends.into_inner().unwrap();
    let of = |end: End| ends.get(&end).copied().unwrap_or(0);
    let line = format!(
        "{row:<46}{:>6}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
        ends.values().sum::<usize>(),
        of(End::Rotated),
        of(End::Back),
        of(End::Held),
        of(End::Unbegun),
        of(End::Killed)
    );
    say(&line);
    if let Some(table) = std::env::var_os("STANCH_TEST_TABLE") {
        let name = format!("{}.mishaps", table.to_string_lossy());
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(name).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

pub(crate) fn named(wrong: &Wrong) -> String {
    wrong.iter().map(|(nth, mishap)| format!("{nth} {mishap:?}")).collect::<Vec<_>>().join(", ")
}

struct Named<'a>(&'a Wrong, &'a AtomicUsize);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("STANCH_TEST_MISHAP='{}' tries this alone\n", named(self.0)));
            self.1.store(usize::MAX / 2, Ordering::SeqCst);
        }
    }
}

/// A shop whose issuer is behind the mishaps.
fn behind() -> (Shop, Mishaps) {
    let shop = Settings::default().policy("confirm_pause", "40ms").open();
    let mishaps = Mishaps::before(&shop.door.base());
    shop.configure(|text| text.replace(&shop.door.base(), &mishaps.base()));
    (shop, mishaps)
}

fn rotating(shop: &Shop) -> Command {
    shop.program(&["rotate", "--credential", "shop-api", "--yes", "-v"])
}

fn tried(wrong: &Wrong) -> End {
    let (shop, mishaps) = behind();
    wrong.iter().for_each(|(nth, mishap)| mishaps.order(*nth, *mishap));
    let what = named(wrong);
    let ran = run_to(&[&mishaps], rotating(&shop));
    let end = end_of(&ran, &what);
    let code = match end {
        End::Rotated | End::Back => ran.code,
        End::Held | End::Killed | End::Unbegun => {
            mishaps.behave();
            if shop.stanch(&["case", "list"]).expect(0).stdout.contains("no case") {
                shop.rotate(&["--yes"]).code
            } else {
                shop.carry_on()
            }
        }
    };
    match code {
        0 => shop.assert_rotated(),
        21 => shop.assert_as_before(),
        _ => panic!("{what}: exit code {code}\n{}{}", ran.stdout, ran.stderr),
    }
    let more = wrong.iter().filter(|(_, mishap)| *mishap != Mishap::SlowDown).count();
    assert!(shop.door.count(Act::Mint) <= 1 + 2 * more, "{what}: {} mints", shop.door.count(Act::Mint));
    end
}

/// The calls of a run in which nothing goes wrong.
fn calls() -> Vec<String> {
    let (shop, mishaps) = behind();
    run_to(&[&mishaps], rotating(&shop)).expect(0);
    mishaps.seen()
}

#[test]
fn every_call_of_a_provider_goes_wrong_in_every_way() {
    let calls = calls();
    assert!(calls.len() > 12, "{calls:?}");
    sweep("each call of the local issuer", 2, &singly(calls.len()), tried);
    sweep("the first call of each kind, never answered", 5, &hung(&calls), tried);
}

#[test]
fn two_calls_of_a_provider_go_wrong() {
    say(&format!("two calls: seed {}\n", seed()));
    sweep("two calls of the local issuer, drawn", 2, &pairs(calls().len(), 120), tried);
}
