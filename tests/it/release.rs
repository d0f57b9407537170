//! SIGKILL at moments that are drawn, for the classes that need no real server, until the time is over: the program that is
//! built for the tests, briefly, or the one that `STANCH_TEST_RELEASE` names, for `STANCH_TEST_SECONDS`. A release has no
//! fail-points and is much faster, so its moments are other ones. What became of it is judged as in the crash matrix.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use crate::crash::{attended, say};
use crate::forge_tokens::killed::InPlace;
use crate::hand;
use crate::world::door::Act;
use crate::world::shop::{Running, Shop, dice, run, seed};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Draws below a bound, for all lanes.
type Draw = Mutex<Box<dyn FnMut(u64) -> u64 + Send>>;

/// What a row draws, and how long the program takes when nobody kills it, which its first run tells.
struct Moments<'a> {
    draw: &'a Draw,
    whole: OnceLock<Duration>,
}

impl Moments<'_> {
    fn below(&self, most: u64) -> u64 {
        (self.draw.lock().unwrap())(most)
    }

    /// Starts it, and kills it at a moment of its life; true if it was not over by then.
    fn killed(&self, command: Command) -> bool {
        let (began, mut running) = (Instant::now(), Running::start(command));
        let Some(whole) = self.whole.get() else {
            running.end();
            self.whole.get_or_init(|| began.elapsed());
            return false;
        };
        let life = u64::try_from(whole.as_micros()).unwrap();
        std::thread::sleep(Duration::from_micros(self.below(life)));
        let lived = running.child.try_wait().unwrap().is_none();
        running.kill();
        running.child.wait().unwrap();
        lived
    }

    /// Kills it up to three times, and whoever takes it up; how often it was alive.
    fn killed_again(&self, first: Command, mut again: impl FnMut() -> Command) -> usize {
        let mut kills = usize::from(self.killed(first));
        for _ in 0..self.below(3) {
            kills += usize::from(self.killed(again()));
        }
        kills
    }
}

fn rotating(shop: &Shop) -> Command {
    shop.program(&["rotate", "--credential", "shop-api", "--yes", "-v"])
}

/// Goes on with the case; where nobody knows of it, begins it.
fn going_on(shop: &Shop) -> Command {
    let is_known = !shop.stanch(&["case", "list"]).expect(0).stdout.contains("no case");
    if is_known { shop.program(&["case", "resume", "C-0001", "-v"]) } else { rotating(shop) }
}

/// A, with labels. No mint more than the first, and one more for each value that may have been lost.
fn overlap(moments: &Moments<'_>) -> usize {
    let shop = Shop::open();
    let kills = moments.killed_again(rotating(&shop), || going_on(&shop));
    let code = match run(going_on(&shop)).code {
        0 => 0,
        _ => shop.carry_on(),
    };
    assert_eq!(code, 0);
    shop.assert_rotated();
    let mints = shop.door.count(Act::Mint);
    assert!((1..=1 + kills).contains(&mints), "{mints} requests to mint, after {kills} kills");
    kills
}

/// C, where the provider chooses the value.
fn in_place(moments: &Moments<'_>) -> usize {
    let world = InPlace::new();
    let kills = moments.killed_again(world.rotating(), || world.going_on());
    let ended = world.attended(run(world.going_on()));
    assert!(kills > 0 || (!ended.made && !ended.given_up), "a person was asked, though nobody was killed");
    kills
}

/// E: killed while it asks, while it takes over what was handed to it, and while it confirms.
fn by_hand(moments: &Moments<'_>) -> usize {
    let shop = hand::shop();
    let mut kills = moments.killed_again(rotating(&shop), || going_on(&shop));
    run(going_on(&shop)).expect(20);
    let value = hand::made(&shop);
    kills += usize::from(moments.killed(hand::providing(&shop, &value)));
    let going = shop.case("resume");
    if going.code != 0 && moments.below(2) == 0 && going.stdout.contains("end the OLD token") {
        hand::ended(&shop, "tok_0001");
        kills += usize::from(moments.killed(going_on(&shop)));
    }
    attended(&shop, shop.case("resume"), &value);
    shop.assert_rotated();
    assert_eq!(shop.door.count(Act::Mint), 1, "a person alone makes a token");
    kills
}

/// Kills for so long, on two lanes; how many trials there were, and how often the program was alive when it was killed.
fn row(name: &str, span: Duration, draw: &Draw, trial: impl Fn(&Moments<'_>) -> usize + Sync) {
    let moments = Moments { draw, whole: OnceLock::new() };
    trial(&moments);
    let (end, count) = (Instant::now() + span, Mutex::new((0, 0)));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let kills = trial(&moments);
                    let mut count = count.lock().unwrap();
                    *count = (count.0 + 1, count.1 + kills);
                    // However few there is time for, some are killed.
                    if Instant::now() > end && (count.1 >= 3 || count.0 >= 50) {
                        return;
                    }
                }
            });
        }
    });
    let (trials, kills) = count.into_inner().unwrap();
    say(&format!("{name}: {trials} rotations, killed {kills} times while they ran; every one ended right\n"));
    assert!(kills > 0, "{name}: nothing was killed");
}

#[test]
fn a_program_that_is_killed_at_any_moment_ends_right() {
    let seconds = std::env::var("STANCH_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    let is_named = std::env::var_os("STANCH_TEST_RELEASE").is_some();
    let span = Duration::from_secs(seconds.unwrap_or(if is_named { 75 } else { 6 })) / 3;
    let (seed, draw) = (seed(), Mutex::new(Box::new(dice(seed())) as Box<dyn FnMut(u64) -> u64 + Send>));
    say(&format!("killed at any moment: {}, seed {seed}\n", crate::world::program().display()));
    row("A, labels: local issuer", span, &draw, overlap);
    row("C, replaced in place: GitLab's shape", span, &draw, in_place);
    row("E, by a person: local issuer", span, &draw, by_hand);
}
