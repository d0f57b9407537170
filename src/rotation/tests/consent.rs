//! Whose yes counts, how often, and for how long.

use super::*;

const MINUTE: u64 = 60_000;

fn asking(change: impl FnOnce(&mut Plan)) -> Fold {
    let mut plan = plan();
    plan.consent = Consent { signed: true, author: Some(Person::new("ada")), ..Consent::default() };
    change(&mut plan);
    let mut fold = Fold::new(&plan);
    while rotation_act(&fold).is_none() {
        assert!(fold.step(), "{:#?}", fold.state);
    }
    fold
}

fn rotation_act(fold: &Fold) -> Option<Act> {
    super::super::act(&fold.state)
}

fn approval(fold: &Fold, who: &str, expires: Timestamp) -> Signed {
    let word = Fact::Approved { who: Person::new(who), digest: fold.state.planned.clone().expect("planned"), expires };
    Signed { word, expires, signature: "not looked at here".into() }
}

fn order(order: Order, who: &str, expires: Timestamp) -> Signed {
    let word = Fact::Ordered(order, Person::new(who), "because".into());
    Signed { word, expires, signature: String::new() }
}

fn say(fold: &mut Fold, signed: &Signed) -> Result<(), Illegal> {
    fold.try_fact(Fact::Signed(Box::new(signed.clone())))
}

fn soon(fold: &Fold) -> Timestamp {
    fold.now.after(millis(MINUTE))
}

#[test]
fn one_yes_is_enough_where_nothing_else_is_said() {
    let mut fold = asking(|_| {});
    let yes = approval(&fold, "ada", soon(&fold));
    say(&mut fold, &yes).unwrap();
    assert_eq!(fold.state.stage, Stage::Preflighting);
    assert!(fold.state.given.votes.is_empty());
}

#[test]
fn a_quorum_is_of_different_persons() {
    let mut fold = asking(|plan| plan.consent.quorum = 3);
    for (who, missing) in [("ada", 2), ("ada", 2), ("kim", 1), ("ada", 1)] {
        fold.now = fold.now.after(millis(1));
        let yes = approval(&fold, who, soon(&fold));
        say(&mut fold, &yes).unwrap();
        assert_eq!(tally(&fold.state, Act::Plan, fold.now).missing, missing, "{who}");
        assert!(matches!(fold.state.stage, Stage::AwaitingApproval(_)));
    }
    let yes = approval(&fold, "sam", soon(&fold));
    say(&mut fold, &yes).unwrap();
    assert_eq!(fold.state.stage, Stage::Preflighting);
}

#[test]
fn the_same_statement_counts_once_however_it_was_signed() {
    let mut fold = asking(|plan| plan.consent.quorum = 2);
    let first = approval(&fold, "ada", soon(&fold));
    say(&mut fold, &first).unwrap();
    let again = Signed { signature: "another encoding".into(), ..first.clone() };
    assert_eq!(objection(&fold.state, &again, fold.now), Some(Objection::Replayed));
    say(&mut fold, &again).unwrap_err();
    assert_eq!(tally(&fold.state, Act::Plan, fold.now).missing, 1);
}

#[test]
fn a_yes_that_ended_does_not_make_up_the_number() {
    let mut fold = asking(|plan| plan.consent.quorum = 2);
    let first = approval(&fold, "ada", soon(&fold));
    say(&mut fold, &first).unwrap();
    fold.now = first.expires;
    let second = approval(&fold, "kim", soon(&fold));
    say(&mut fold, &second).unwrap();
    assert!(matches!(fold.state.stage, Stage::AwaitingApproval(_)));
    assert_eq!(tally(&fold.state, Act::Plan, fold.now).yes, [(Person::new("kim"), second.expires)]);
    assert_eq!(objection(&fold.state, &first, fold.now), Some(Objection::Expired { expires: first.expires }));
    say(&mut fold, &first).unwrap_err();
}

#[test]
fn the_author_does_not_count_where_four_eyes_are_asked() {
    let mut fold = asking(|plan| plan.consent.four_eyes = true);
    let own = approval(&fold, "ada", soon(&fold));
    assert_eq!(objection(&fold.state, &own, fold.now), Some(Objection::Author { author: Person::new("ada") }));
    say(&mut fold, &own).unwrap_err();
    fold.try_fact(own.word.clone()).expect_err("unsigned neither");
    let other = approval(&fold, "kim", soon(&fold));
    say(&mut fold, &other).unwrap();
    assert_eq!(fold.state.stage, Stage::Preflighting);
    // The same with the revoke out of turn.
    let own = order(Order::RevokeNow, "ada", soon(&fold));
    say(&mut fold, &own).unwrap_err();
    let other = order(Order::RevokeNow, "kim", soon(&fold));
    say(&mut fold, &other).unwrap();
    assert_eq!(fold.state.ordered, Some(Person::new("kim")));
}

#[test]
fn an_approval_of_another_plan_or_another_time_is_none() {
    let fold = asking(|_| {});
    let good = approval(&fold, "kim", soon(&fold));
    let Fact::Approved { who, expires, .. } = good.word.clone() else { panic!() };
    let other_plan = Fact::Approved { who: who.clone(), digest: Digest::new("00"), expires };
    let other_end =
        Fact::Approved { who, digest: fold.state.planned.clone().unwrap(), expires: expires.after(millis(MINUTE)) };
    for word in [other_plan, other_end, Fact::Restarted, Fact::Signed(Box::new(good.clone()))] {
        say(&mut fold.clone(), &Signed { word, ..good.clone() }).unwrap_err();
    }
}

#[test]
fn the_statement_tells_every_case_act_person_and_time_apart() {
    let fold = asking(|plan| plan.policy.approve = Approve::PlanAndRevoke);
    let expires = soon(&fold);
    let approved = |fold: &Fold, who: &str| approval(fold, who, expires).word;
    let mut texts = std::collections::BTreeSet::new();
    let mut tell = |fold: &Fold, word: &Fact, expires| {
        let text = statement(&fold.state, word, expires).expect("it can be said");
        assert!(texts.insert(text.clone()), "twice:\n{text}");
    };
    tell(&fold, &approved(&fold, "ada"), expires);
    tell(&fold, &approved(&fold, "kim"), expires);
    tell(&fold, &approved(&fold, "kim"), expires.after(millis(1)));
    for (_, order) in super::table::ORDERS {
        tell(&fold, &Fact::Ordered(order, Person::new("kim"), String::new()), expires);
        tell(&fold, &Fact::Ordered(order, Person::new("kim"), "why\nwho: ada".into()), expires);
    }
    for token in [None, Some(TokenId::new("k1"))] {
        let word = Fact::Provided { who: Person::new("kim"), sealed: Digest::new("ab"), token, again: false };
        tell(&fold, &word, expires);
    }
    for change in [
        (|plan: &mut Plan| plan.rotation = RotationId::new("C-0143")) as fn(&mut Plan),
        |plan| plan.sealed = Some(Digest::new("another installation")),
        |plan| plan.credential = "shop-mailer2".into(),
        |plan| plan.emergency = true,
    ] {
        let other = asking(change);
        let digest = fold.state.planned.clone();
        let mut other_state = other.clone();
        // Even under the same digest.
        other_state.state.planned = digest;
        tell(&other_state, &approved(&other_state, "kim"), expires);
    }
    // The revoke is another thing than the plan.
    let mut later = fold.clone();
    let yes = approval(&later, "kim", expires);
    say(&mut later, &yes).unwrap();
    while !matches!(later.state.stage, Stage::AwaitingRevokeApproval) {
        assert!(later.step());
    }
    tell(&later, &approved(&later, "kim"), expires);
}

#[test]
fn the_revoke_is_approved_and_not_merely_resumed() {
    let mut fold = asking(|plan| {
        plan.policy.approve = Approve::PlanAndRevoke;
        plan.consent.quorum = 2;
    });
    for who in ["ada", "kim"] {
        let yes = approval(&fold, who, soon(&fold));
        say(&mut fold, &yes).unwrap();
    }
    while !matches!(fold.state.stage, Stage::AwaitingRevokeApproval) {
        assert!(fold.step());
    }
    assert!(!allowed(&fold.state).contains(&Order::Resume));
    let resume = order(Order::Resume, "kim", soon(&fold));
    say(&mut fold, &resume).unwrap_err();
    for (who, stage) in [("ada", Stage::AwaitingRevokeApproval), ("kim", Stage::Revoking)] {
        let yes = approval(&fold, who, soon(&fold));
        say(&mut fold, &yes).unwrap();
        assert_eq!(fold.state.stage, stage);
    }
}

#[test]
fn a_yes_to_an_earlier_revoke_is_forgotten() {
    let mut fold = asking(|plan| {
        plan.policy.approve = Approve::PlanAndRevoke;
        plan.consent.quorum = 2;
    });
    for who in ["ada", "kim"] {
        let yes = approval(&fold, who, fold.now.after(millis(MINUTE * 60)));
        say(&mut fold, &yes).unwrap();
    }
    let mut fold = fold.until(Step::Soak);
    super::super::consent::vote(&mut fold.state, Act::Revoke, &Person::new("ada"), Timestamp(u64::MAX), fold.now);
    while !matches!(fold.state.stage, Stage::AwaitingRevokeApproval) {
        assert!(fold.step());
    }
    assert_eq!(tally(&fold.state, Act::Revoke, fold.now).missing, 2);
}

#[test]
fn a_revoke_now_takes_as_many_as_the_plan_says_and_a_pause_nobody() {
    let mut fold = asking(|plan| plan.consent.revoke_now = 2);
    let yes = approval(&fold, "ada", soon(&fold));
    say(&mut fold, &yes).unwrap();
    let mut fold = fold.until(Step::Soak);
    let first = order(Order::RevokeNow, "ada", soon(&fold));
    say(&mut fold, &first).unwrap();
    assert!(matches!(fold.state.stage, Stage::Soaking { .. }) && fold.state.ordered.is_none());
    assert_eq!(tally(&fold.state, Act::RevokeNow, fold.now).missing, 1);
    let again = order(Order::RevokeNow, "ada", soon(&fold).after(millis(1)));
    say(&mut fold, &again).unwrap();
    assert!(fold.state.ordered.is_none(), "one person said it twice");
    fold.order(Order::Pause);
    let second = order(Order::RevokeNow, "kim", soon(&fold));
    say(&mut fold, &second).unwrap();
    let Due::Act(Step::Disable, Effect::Disable(warrant)) = fold.due() else { panic!("{:?}", fold.state.stage) };
    assert_eq!(warrant.grounds(), &Grounds::Ordered(Person::new("kim")));
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
}

#[test]
fn an_emergency_is_a_revoke_now_and_no_policy_opens_it_alone() {
    for (change, needed) in [
        ((|plan: &mut Plan| plan.consent.revoke_now = 2) as fn(&mut Plan), 2),
        (|plan| plan.consent.four_eyes = true, 1),
    ] {
        let mut fold = asking(|plan| {
            plan.emergency = true;
            plan.policy.approve = Approve::Never;
            change(plan);
        });
        for (number, who) in ["kim", "sam"].into_iter().take(needed).enumerate() {
            assert!(matches!(fold.state.stage, Stage::AwaitingApproval(_)), "after {number}");
            let yes = approval(&fold, who, soon(&fold));
            say(&mut fold, &yes).unwrap();
        }
        assert!(matches!(fold.due(), Due::Act(Step::Disable, _)), "{:?}", fold.state.stage);
    }
    let mut plain = plan();
    plain.emergency = true;
    plain.policy.approve = Approve::Never;
    let fold = Fold::new(&plain).until(Step::Disable);
    assert!(fold.state.ordered.is_none(), "a policy did, as before");
}

#[test]
fn a_signed_value_is_taken_like_another() {
    let mut plan = super::console::console();
    plan.consent.signed = true;
    let mut fold = Fold::new(&plan);
    while !takes_value(&fold.state) {
        assert!(fold.step(), "{:#?}", fold.state);
    }
    let expires = soon(&fold);
    let word = Fact::Provided { who: Person::new("kim"), sealed: Digest::new("5ea1ed"), token: None, again: false };
    let signed = Signed { word, expires, signature: String::new() };
    say(&mut fold, &signed).unwrap();
    assert!(fold.state.offered.is_some());
}

/// However yeses, noes, pauses and the clock follow each other: the plan goes on exactly when enough different persons
/// who may, none of them the author, said yes within their time.
#[test]
fn in_no_order_of_words_is_a_quorum_reached_that_is_none() {
    let persons = ["ada", "kim", "sam"];
    for seed in 0..2_000 {
        let mut dice = super::world::Dice::new(seed);
        let (quorum, four_eyes) = (1 + dice.below(2) as u32, dice.percent(50));
        let mut fold = asking(|plan| {
            plan.consent.quorum = quorum;
            plan.consent.four_eyes = four_eyes;
        });
        let mut said: std::collections::BTreeMap<&str, Timestamp> = Default::default();
        for _ in 0..12 {
            if dice.percent(30) {
                fold.now = fold.now.after(millis(dice.below(2 * MINUTE)));
            }
            if dice.percent(10) {
                fold.order(Order::Pause);
                fold.order(Order::Resume);
            }
            let who = dice.pick(&persons);
            let yes = approval(&fold, who, fold.now.after(millis(dice.below(2 * MINUTE))));
            let counts = yes.expires > fold.now && !(four_eyes && who == "ada");
            let taken = say(&mut fold, &yes);
            assert_eq!(taken.is_ok(), counts, "seed {seed}");
            if counts {
                said.insert(who, yes.expires);
            }
            let there = said.values().filter(|expires| **expires > fold.now).count();
            let enough = there >= quorum as usize;
            assert_eq!(fold.state.stage == Stage::Preflighting, enough, "seed {seed}");
            if enough {
                break;
            }
        }
    }
}

#[test]
fn an_older_plan_reads_as_before_and_keeps_its_digest() {
    let plan = plan();
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("consent"), "{text}");
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    let signed = Plan { consent: Consent { quorum: 2, ..Consent::default() }, ..plan.clone() };
    assert_ne!(digest(&signed), digest(&plan));
    let back: Plan = serde_json::from_str(&serde_json::to_string(&signed).unwrap()).unwrap();
    assert_eq!(back, signed);
}
