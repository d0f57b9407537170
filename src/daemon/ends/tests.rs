//! Which login is in use, and when it is said that it ends.

use super::*;
use crate::model::{Abilities, Digest, KindId, Label, Reason, TokenId, Version};
use crate::rotation::{self, Consent, Plan, Policy, Purpose, Staged, Staging, StorePlan, Successor};

const MADE: u64 = 1_700_000_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp(MADE + seconds * 1000)
}

fn login(case: &str, lives: u64) -> Login {
    Login { case: RotationId::new(case), made: at(0), ends: at(lives) }
}

fn state() -> State {
    let plan = Plan {
        rotation: RotationId::new("C-0001"),
        credential: "shop-db".to_owned(),
        kind: KindId::new("postgres.url"),
        abilities: Abilities::EVERYTHING,
        stores: vec![StorePlan { name: "vault kv/shop/db".to_owned(), staging: Staging::None }],
        dependents: Vec::new(),
        policy: Policy::default(),
        leaked: at(0),
        emergency: false,
        sealed: None,
        consent: Consent::default(),
        purpose: Purpose::Leak,
    };
    let mut state = rotation::open(&Event { at: at(0), fact: Fact::Opened(Box::new(plan)) }).unwrap();
    state.successor = Some(Successor {
        token: TokenId::new("lease-2"),
        attempt: 2,
        label: Label::new("l"),
        sealed: Digest::new("d"),
        is_alone: true,
    });
    let staged = Staged { version: None, previous: Version::new("v1") };
    state.stores = vec![StoreState::Promoted(staged, Version::new("v2"))];
    state
}

fn minted(token: &str, ends: Option<u64>) -> Event {
    let (token, ends) = (TokenId::new(token), ends.map(at));
    Event { at: at(0), fact: Fact::Minted { token, sealed: Digest::new("d"), ends } }
}

#[test]
fn the_login_of_a_case_is_in_use_once_every_store_gives_it_out_until_it_goes_back() {
    let events = [minted("lease-1", Some(7)), minted("lease-2", Some(3600)), minted("lease-3", Some(9))];
    let said = |change: fn(&mut State)| {
        let mut state = state();
        change(&mut state);
        says(&state, events.iter())
    };
    let made = Says::Made(Some(login("C-0001", 3600)));
    assert_eq!(said(|state| state.stage = Stage::Closed(Outcome::Rotated)), made);
    assert_eq!(said(|state| state.stage = Stage::Checking), made, "it is in use before the case is done");
    assert_eq!(said(|state| state.stage = Stage::Closed(Outcome::Abandoned)), made, "nobody took it out");
    assert_eq!(said(|state| state.stage = Stage::RollingBack(Reason::Unhealthy)), Says::Nothing);
    assert_eq!(said(|state| state.stage = Stage::Closed(Outcome::RolledBack(Reason::Unhealthy))), Says::Nothing);
    assert_eq!(said(|state| state.stores = vec![StoreState::Touched]), Says::Nothing);
    assert_eq!(said(|state| state.stores = Vec::new()), Says::Nothing, "a sweep has no store");
    assert_eq!(said(|state| state.successor = None), Says::Nothing);
    assert_eq!(says(&state(), [minted("lease-2", None)].iter()), Says::Made(None), "it never ends by itself");
}

#[test]
fn it_is_said_when_a_quarter_is_left_and_no_earlier_than_a_day_before() {
    let hour = login("C-0001", 3600);
    assert!(!hour.is_near_its_end(at(2699)) && hour.is_near_its_end(at(2700)) && hour.is_near_its_end(at(9000)));
    let month = login("C-0001", 30 * 86_400);
    assert!(!month.is_near_its_end(at(29 * 86_400 - 1)) && month.is_near_its_end(at(29 * 86_400)));
}

#[test]
fn the_newest_login_counts_and_the_case_that_is_to_replace_it_is_named() {
    let case = |name: &str| RotationId::new(name);
    let made = |name: &str, open, lives| (case(name), open, Says::Made(Some(login(name, lives))));
    let nothing = |name: &str, open| (case(name), open, Says::Nothing);
    let said = |newest: &[(RotationId, bool, Says)]| {
        ending(newest, at(3000)).map(|(login, open)| (login.case.to_string(), open.map(ToString::to_string)))
    };
    let is = |login: &str, open: Option<&str>| Some((login.to_owned(), open.map(str::to_owned)));
    assert_eq!(said(&[made("C-0001", false, 3600)]), is("C-0001", None), "not begun");
    assert_eq!(said(&[nothing("C-0002", true), made("C-0001", false, 3600)]), is("C-0001", Some("C-0002")), "not done");
    assert_eq!(said(&[nothing("C-0002", false), made("C-0001", false, 3600)]), is("C-0001", None), "it went back");
    assert_eq!(said(&[made("C-0002", true, 3600)]), is("C-0002", Some("C-0002")));
    assert_eq!(said(&[made("C-0002", false, 9000), made("C-0001", false, 3600)]), None, "it was replaced");
    assert_eq!(said(&[(case("C-0002"), false, Says::Made(None)), made("C-0001", false, 3600)]), None);
    assert_eq!(said(&[]), None);
}
