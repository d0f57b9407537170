//! The crash matrix. The program is killed at every boundary of a rotation: before an intent is durable, after it and before
//! the request leaves, after the reply and before its record, after the record. Then it is taken up again, and what became of
//! it is asked of the provider, the store and the service, never of the journal.
//!
//! `STANCH_TEST_BOUNDARY='After intent Mint 1'` kills there alone. Rows on real servers are in `real::crash`, GitLab's in
//! `forge_tokens::killed`.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use crate::hand;
use crate::world::Ran;
use crate::world::door::Act;
use crate::world::shop::{ATTESTING, Settings, Shop, dice, run, seed};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variable that says at which boundary a fail-point build dies.
const FAIL_AT: &str = "STANCH_FAIL_AT";

/// Where nothing was begun yet: nobody knows of a case.
pub(crate) const UNOPENED: &str = "Before word Opened 1";
/// Where a value that the provider chose is lost with the process.
pub(crate) const UNSEALED: &str = "Before outcome Mint 1";

/// The boundaries that a run of the program passed, and whether it was killed at the last of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    pub(crate) passed: Vec<String>,
    pub(crate) killed: bool,
}

impl Path {
    /// Nobody knows of the case.
    pub(crate) fn is_unopened(&self) -> bool {
        self.killed && self.passed.last().is_some_and(|place| place == UNOPENED)
    }

    /// How many values were lost with the process.
    pub(crate) fn lost(&self) -> usize {
        usize::from(self.killed && self.passed.last().is_some_and(|place| place == UNSEALED))
    }
}

/// Runs the program, which is killed at a place if it gets there.
#[track_caller]
pub(crate) fn killed_at(mut command: Command, place: &str) -> (Ran, Path) {
    command.env(FAIL_AT, place);
    let ran = run(command);
    let told = |line: &str| {
        Some(line.split_once(" at a boundary: ").or(line.split_once(" a boundary: "))?.1.trim().to_owned())
    };
    let passed: Vec<String> = ran.stderr.lines().filter_map(told).collect();
    let killed = passed.last().is_some_and(|last| last == place);
    assert_eq!(ran.code == -1, killed, "killed, and not by itself:\n{}{}", ran.stdout, ran.stderr);
    (ran, Path { passed, killed })
}

/// What was seen in a row of the matrix.
#[derive(Default)]
struct Cells {
    /// The places that any run passed, in their order, and those of them that were tried.
    known: Vec<String>,
    tried: usize,
    killed: BTreeSet<String>,
    spared: BTreeSet<String>,
    over: bool,
}

impl Cells {
    fn learn(&mut self, path: &Path) {
        for place in &path.passed {
            if !self.known.contains(place) {
                self.known.push(place.clone());
            }
        }
    }
}

/// Past the harness, which shows the output of failed tests alone.
pub(crate) fn say(line: &str) {
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Says which boundary it was, where a trial fails, and ends the others.
struct Trial<'a>(&'a str, &'a Mutex<Cells>);

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("this was '{}'; STANCH_TEST_BOUNDARY='{}' tries it alone\n", self.0, self.0));
            self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).over = true;
        }
    }
}

/// Learns the boundaries from a run that is not killed, then tries each, several at a time; one that is new in such a trial
/// is tried as well. `trial` kills the program at a place, has the case come to its end, and looks at everything.
pub(crate) fn matrix(row: &str, steps: &[&str], lanes: usize, trial: impl Fn(&str) -> Path + Sync) {
    if !cfg!(debug_assertions) {
        return;
    }
    if let Ok(place) = std::env::var("STANCH_TEST_BOUNDARY") {
        say(&format!("{row}: killed at '{place}': {}, and it came to its end\n", trial(&place).killed));
        return;
    }
    let cells = Mutex::new(Cells::default());
    cells.lock().unwrap().learn(&trial("nowhere"));
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                loop {
                    let place = {
                        let mut cells = cells.lock().unwrap();
                        let Some(place) = cells.known.get(cells.tried).cloned().filter(|_| !cells.over) else { return };
                        cells.tried += 1;
                        place
                    };
                    let at = Trial(&place, &cells);
                    let path = trial(&place);
                    let mut cells = at.1.lock().unwrap();
                    cells.learn(&path);
                    if path.killed { &mut cells.killed } else { &mut cells.spared }.insert(place.clone());
                }
            });
        }
    });
    tell(row, steps, &cells.into_inner().unwrap());
}

/// One line of the table; nothing was skipped.
#[track_caller]
fn tell(row: &str, steps: &[&str], cells: &Cells) {
    // What is asked again and again is not asked equally often in every run; what happens once happens in each.
    let missed: Vec<_> = cells.spared.iter().filter(|place| place.ends_with(" 1")).collect();
    assert!(missed.is_empty(), "{row}: not killed at {missed:?}");
    assert_eq!(cells.killed.len() + cells.spared.len(), cells.known.len(), "{row}: places that nobody tried");
    let of = |start: &str| cells.killed.iter().filter(|place| place.starts_with(start)).count();
    let moments = ["Before intent ", "After intent ", "Before outcome ", "After outcome "];
    let [before, begun, answered, done] = moments.map(of);
    let words = of("Before word ") + of("After word ");
    for moment in moments {
        let at: BTreeSet<_> =
            cells.killed.iter().filter_map(|place| place.strip_prefix(moment)?.strip_suffix(" 1")).collect();
        assert_eq!(at, steps.iter().copied().collect(), "{row}: the steps that were killed {}", moment.to_lowercase());
    }
    let total = cells.killed.len();
    assert_eq!(before + begun + answered + done + words, total);
    let line = format!(
        "{row:<46}{:>6}{total:>8}{before:>8}{begun:>8}{answered:>8}{done:>8}{words:>8}{total:>8}\n",
        steps.len()
    );
    say(&line);
    if let Some(table) = std::env::var_os("STANCH_TEST_TABLE") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(table).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// The steps of a rotation of a token with labels, to its end.
pub(crate) const FORWARD: [&str; 15] = [
    "ReadUsage",
    "Verify",
    "Preflight",
    "Count",
    "Mint",
    "Twin",
    "Prove",
    "Stage(0)",
    "Promote(0)",
    "Check(0)",
    "Soak",
    "Recheck(0)",
    "Revoke",
    "Confirm",
    "Watch",
];
/// And where the old token is ended first.
const EMERGENCY: [&str; 12] = [
    "ReadUsage",
    "Verify",
    "Revoke",
    "Confirm",
    "Count",
    "Mint",
    "Twin",
    "Prove",
    "Stage(0)",
    "Promote(0)",
    "Check(0)",
    "Watch",
];
/// And back.
const BACK: [&str; 15] = [
    "ReadUsage",
    "Verify",
    "Preflight",
    "Count",
    "Mint",
    "Twin",
    "Prove",
    "Stage(0)",
    "Promote(0)",
    "Check(0)",
    "Demote(0)",
    "CheckBack(0)",
    "Discard",
    "ConfirmDiscard",
    "Unstage(0)",
];

fn rotating(shop: &Shop, more: &[&str]) -> Command {
    shop.program(&[&["rotate", "--credential", "shop-api", "--yes", "-v"], more].concat())
}

/// Carries on what was killed; where nobody knows of it, it is begun again.
fn carried_on(shop: &Shop, path: &Path, more: &[&str]) -> i32 {
    if path.is_unopened() {
        shop.stanch(&["case", "list"]).expect(0).says("no case");
        return run(rotating(shop, more)).code;
    }
    shop.carry_on()
}

/// One request more than one, if one value was lost with the process; never any other.
#[track_caller]
fn assert_minted(shop: &Shop, lost: usize) {
    assert_eq!(shop.door.count(Act::Mint), 1 + lost, "requests to mint");
}

/// A row of the local issuer: killed there, and carried to the end that this exit code means.
fn row(name: &str, steps: &[&str], open: fn() -> Shop, more: &[&str], end: i32, judge: fn(&Shop)) {
    matrix(name, steps, 2, |at| {
        let shop = open();
        let (ran, path) = killed_at(rotating(&shop, more), at);
        assert!(path.killed || ran.code == end, "{}{}", ran.stdout, ran.stderr);
        assert_eq!(carried_on(&shop, &path, more), end);
        judge(&shop);
        assert_minted(&shop, path.lost());
        path
    });
}

#[test]
fn a_token_with_labels() {
    row("A, labels: local issuer, local store", &FORWARD, Shop::open, &[], 0, Shop::assert_rotated);
}

#[test]
fn the_way_back() {
    // The service never reads its token again, so it is never proved on the new one.
    let stuck = || Settings::default().dependent(&[ATTESTING]).policy("deadline", "150ms").open();
    row("A, the way back: local issuer", &BACK, stuck, &[], 21, Shop::assert_as_before);
}

#[test]
fn an_emergency() {
    let (name, judge) = ("A, emergency plan: local issuer", Shop::assert_rotated_after_outage);
    row(name, &EMERGENCY, Shop::open, &["--emergency"], 0, judge);
}

/// Does what the program asks of a person, until the case is over.
pub(crate) fn attended(shop: &Shop, mut ran: Ran, value: &str) {
    for _ in 0..12 {
        if ran.stdout.contains("end the OLD token") && shop.live().contains(&"tok_0001".to_owned()) {
            hand::ended(shop, "tok_0001");
        }
        ran = match ran.code {
            0 => return,
            20 if ran.stdout.contains("case provide C-0001") => hand::provide(shop, value),
            20 => shop.case("approve"),
            _ => shop.case("resume"),
        };
    }
    panic!("the case does not come to an end:\n{}{}", ran.stdout, ran.stderr);
}

/// The program ends where it asks a person, and each of its three runs is killed everywhere.
#[test]
fn a_token_that_a_person_makes_and_ends() {
    let asked = ["ReadUsage", "Verify", "Preflight"];
    matrix("E, until a person is asked for a token", &asked, 2, |at| {
        let shop = hand::shop();
        let (_, path) = killed_at(rotating(&shop, &[]), at);
        let again = if path.is_unopened() { run(rotating(&shop, &[])) } else { shop.case("resume") };
        attended(&shop, again, &hand::made(&shop));
        shop.assert_rotated();
        assert_minted(&shop, 0);
        path
    });
    let provided = ["Try", "Prove", "Stage(0)", "Promote(0)", "Check(0)", "Soak", "Recheck(0)", "Revoke"];
    matrix("E, since a token was handed over", &provided, 2, |at| {
        let shop = hand::shop();
        run(rotating(&shop, &[])).expect(20);
        let value = hand::made(&shop);
        let (_, path) = killed_at(hand::providing(&shop, &value), at);
        attended(&shop, shop.case("resume"), &value);
        shop.assert_rotated();
        assert_minted(&shop, 0);
        path
    });
    matrix("E, since the old token was ended", &["Confirm", "Watch"], 2, |at| {
        let shop = hand::shop();
        run(rotating(&shop, &[])).expect(20);
        let value = hand::made(&shop);
        hand::provide(&shop, &value).expect(22);
        hand::ended(&shop, "tok_0001");
        let (_, path) = killed_at(resuming(&shop), at);
        attended(&shop, shop.case("resume"), &value);
        shop.assert_rotated();
        assert_minted(&shop, 0);
        path
    });
}

/// The same, and whoever takes it up is killed too, at places that are drawn.
#[test]
fn killed_twice() {
    let seed = seed();
    let mut draw = dice(seed);
    let shop = Shop::open();
    let (_, whole) = killed_at(rotating(&shop, &[]), "nowhere");
    let (_, mut taken_up) = killed_at(rotating(&Shop::open(), &[]), "After word Approved 1");
    taken_up.passed = whole.passed[taken_up.passed.len()..].to_vec();
    taken_up.passed.extend(["Before word Restarted 1".to_owned(), "After word Restarted 1".to_owned()]);
    let mut one_of = |path: &Path| path.passed[usize::try_from(draw(path.passed.len() as u64)).unwrap()].clone();
    let pairs: Vec<(String, String)> = (0..60).map(|_| (one_of(&whole), one_of(&taken_up))).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((first, second)) = pairs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let shop = Shop::open();
                    let (_, one) = killed_at(rotating(&shop, &[]), first);
                    let again = if one.is_unopened() { rotating(&shop, &[]) } else { resuming(&shop) };
                    let (_, two) = killed_at(again, second);
                    let what = format!("seed {seed}: killed at '{first}', then at '{second}' ({})", two.killed);
                    assert_eq!(shop.carry_on(), 0, "{what}");
                    shop.assert_rotated();
                    let lost = one.lost() + two.lost();
                    assert_eq!(shop.door.count(Act::Mint), 1 + lost, "requests to mint; {what}");
                }
            });
        }
    });
}

fn resuming(shop: &Shop) -> Command {
    shop.program(&["case", "resume", "C-0001", "-v"])
}

/// A build that has no fail-points is not killed by naming one, and releases are such builds.
#[test]
fn only_a_build_with_debug_assertions_has_fail_points() {
    let shop = Shop::open();
    let mut command = rotating(&shop, &[]);
    command.env(FAIL_AT, "Before intent Mint 1");
    assert_eq!(run(command).code == -1, cfg!(debug_assertions));
    assert_eq!(shop.live() == ["tok_0001"], cfg!(debug_assertions));
    let manifest = include_str!("../../Cargo.toml");
    assert!(!manifest.contains("debug-assertions"), "a profile that sets them gives a release fail-points");
}
