//! The keys of an installation: the envelope key is changed while work is under way, killed at any moment and given again;
//! a lost one is named; what the daemon signs is published.

use crate::daemon::{drained, start};
use crate::world::shop::{Running, Shop, dice, seed};
use std::time::Duration;

/// The ids that `stanch key list` shows with these words.
fn keys(shop: &Shop, words: &str) -> Vec<String> {
    let listed = shop.stanch(&["key", "list"]).expect(0).stdout;
    let of = |line: &str| line.strip_prefix("envelope key ")?.split(' ').next().map(str::to_owned);
    listed.lines().filter(|line| line.contains(words)).filter_map(of).collect()
}

#[test]
fn a_change_of_the_envelope_key_that_is_killed_at_any_moment_loses_nothing() {
    let shop = Shop::open();
    shop.rotate(&[]).expect(20);
    let mut draw = dice(seed());
    for _ in 0..10 {
        let mut changing = Running::start(shop.program(&["key", "rotate"]));
        std::thread::sleep(Duration::from_millis(draw(300)));
        changing.kill();
        changing.child.wait().unwrap();
        assert!(keys(&shop, "LOST").is_empty());
        assert_eq!(keys(&shop, "seals and opens").len(), 1);
        assert_eq!(shop.stored(), shop.leaked.as_bytes());
    }
    shop.stanch(&["key", "rotate"]).expect(0);
    shop.stanch(&["key", "rotate"]).expect(0).says("seals from now on; 2 values were put under it");
    let spare = keys(&shop, "  opens  0 values");
    assert!(!spare.is_empty());
    for id in &spare {
        shop.stanch(&["key", "forget", id]).expect(0);
    }
    let last = keys(&shop, "");
    assert_eq!(last.len(), 1);
    shop.stanch(&["key", "forget", &last[0]]).expect(2).says("is the one that seals");
    shop.stanch(&["key", "forget", &spare[0]]).expect(2).says("there is no envelope key");
    assert_eq!(shop.carry_on(), 0);
    shop.assert_rotated();
}

#[test]
fn a_daemon_turns_to_the_new_key_and_publishes_what_it_signed() {
    let shop = Shop::open();
    shop.configure(|text| format!("{text}checkpoints: {{ to: evidence, every: 1h, name: example.com/log }}\n"));
    let daemon = start(&shop);
    shop.rotate(&[]).expect(20);
    shop.stanch(&["key", "rotate"]).expect(0).says("seals from now on; 2 values were put under it");
    let old = keys(&shop, "  opens  0 values");
    shop.stanch(&["key", "forget", &old[0]]).expect(0);
    shop.stanch(&["case", "approve", "C-0001"]).expect(0);
    shop.assert_rotated();
    let key = shop.stanch(&["key", "list"]).expect(0).stdout.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(key.starts_with("example.com/log+"), "{key}");
    let verify = ["audit", "verify", "journal.db", "--checkpoint", "evidence", "--key", &key];
    crate::world::shop::until("the case that closed is in a checkpoint", || {
        shop.at("evidence").exists() && shop.stanch(&verify).stdout.contains("Whether more was written after it")
    });
    shop.stanch(&verify).expect(0).says("and example.com/log signed it");
    let log = drained(&shop, daemon).stderr;
    assert!(!log.contains("no checkpoint could be published"), "{log}");
}

#[test]
fn a_lost_key_is_named_and_comes_back_with_its_file() {
    let shop = Shop::open();
    shop.rotate(&[]).expect(20);
    let old = keys(&shop, "seals and opens");
    std::fs::rename(shop.at("envelope.key"), shop.at("elsewhere")).unwrap();
    assert_eq!(keys(&shop, "LOST"), old);
    shop.stanch(&["key", "forget", &old[0]]).expect(4).says("values are still sealed under the envelope key");
    let refused = shop.stanch(&["key", "rotate"]).expect(4);
    assert!(refused.stdout.contains(&format!("sealed under the envelope key {}", old[0])), "{}", refused.stdout);
    std::fs::rename(shop.at("elsewhere"), shop.at("envelope.key")).unwrap();
    assert_eq!(keys(&shop, "LOST"), Vec::<String>::new());
    shop.stanch(&["key", "rotate"]).expect(0).says("2 values were put under it");
    assert_eq!(shop.carry_on(), 0);
    shop.assert_rotated();
}
