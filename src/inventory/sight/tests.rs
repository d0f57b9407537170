use super::*;
use crate::dependent::memory::{MemoryDependent, Turns};
use crate::model::KindId;
use crate::provider::memory::MemoryProvider;
use crate::rotation::Policy;
use std::sync::Arc;

const SINCE: Timestamp = Timestamp(1_000);

fn managed(sources: &[&[&str]]) -> Managed {
    let dependent = |(number, sources): (usize, &&[&str])| Dependency {
        dependent: Arc::new(MemoryDependent::new(format!("service-{number}"), Turns::After(0))),
        required: true,
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
    };
    Managed {
        name: "site".to_owned(),
        kind: KindId::new("acme.api-token"),
        token: None,
        provider: Arc::new(MemoryProvider::default()),
        stores: Vec::new(),
        dependents: sources.iter().enumerate().map(dependent).collect(),
        policy: Policy::default(),
    }
}

fn seen(managed: &Managed, uses: &[(u64, &str)]) -> (Vec<String>, Vec<String>) {
    let uses = uses.iter().map(|(at, origin)| Use { at: Some(Timestamp(*at)), origin: (*origin).to_owned() });
    let Sight { explained, foreign } = managed.sight(&Usage::Seen(uses.collect()), SINCE);
    (explained, foreign)
}

#[test]
fn addresses_ranges_and_names_explain_a_use() {
    assert!(source_explains("10.2.0.0/16", "10.2.3.4 psql"));
    assert!(!source_explains("10.2.0.0/16", "10.3.3.4 psql"));
    assert!(source_explains("0.0.0.0/0", "192.0.2.1"));
    assert!(source_explains("192.0.2.0/24", "192.0.2.1:50123"));
    assert!(source_explains("192.0.2.0/24", "::ffff:192.0.2.1"));
    assert!(source_explains("::ffff:192.0.2.0/120", "::ffff:192.0.2.1"));
    assert!(source_explains("2001:db8::/32", "[2001:db8::7]:443 curl/8"));
    assert!(source_explains("billing", "10.2.3.4, billing"));
    assert!(!source_explains("bill", "10.2.3.4, billing"));
    assert!(source_explains("2001:db8::/32", "2001:db8::7"));
    assert!(!source_explains("10.0.0.0/40", "10.0.0.1"));
    assert!(!source_explains("billing", ""));
}

#[test]
fn use_by_nobody_who_is_known_is_abuse_where_everybody_says_from_where_they_work() {
    let all = managed(&[&["192.0.2.0/24"], &["billing"]]);
    assert_eq!(seen(&all, &[(2_000, "203.0.113.66 curl/8")]), (vec![], vec!["203.0.113.66 curl/8".into()]));
    assert_eq!(seen(&all, &[(2_000, "192.0.2.7"), (2_000, "x billing")]).0, ["service-0", "service-1"]);
    // Twice from one place is one place, and an own use beside it changes nothing about the other.
    let both = [(2_000, "192.0.2.7"), (2_000, "203.0.113.66"), (3_000, "203.0.113.66")];
    assert_eq!(seen(&all, &both), (vec!["service-0".into()], vec!["203.0.113.66".into()]));
    // One of them may be anywhere, and nobody else is then a thief.
    let some = managed(&[&["192.0.2.0/24"], &[]]);
    assert_eq!(seen(&some, &[(2_000, "203.0.113.66")]), (vec![], vec![]));
    assert_eq!(seen(&managed(&[]), &[(2_000, "203.0.113.66")]), (vec![], vec![]));
}

#[test]
fn what_comes_from_a_private_address_is_somebody_here_who_was_forgotten() {
    for sources in [&[&["192.0.2.0/24"][..]][..], &[&[][..]], &[]] {
        let managed = managed(sources);
        for address in ["10.9.8.7", "172.31.0.1", "192.168.1.1", "169.254.7.7", "100.64.0.1", "fd00::7", "fe80::7"] {
            let (explained, foreign) = seen(&managed, &[(2_000, &format!("{address} psql"))]);
            assert_eq!(explained, [format!("{address}, a private address")]);
            assert_eq!(foreign, [""; 0]);
        }
        for address in ["172.32.0.1", "100.128.0.1", "127.0.0.1", "::1", "2001:db8::7"] {
            assert_eq!(seen(&managed, &[(2_000, address)]).0, [""; 0], "{address}");
        }
    }
}

#[test]
fn what_is_not_told_or_may_have_been_before_says_nothing_of_strangers() {
    let managed = managed(&[&["192.0.2.0/24"]]);
    assert_eq!(seen(&managed, &[(2_000, "")]), (vec![], vec![]));
    // A provider that tells the hour alone: a use of then may have been before or after.
    assert_eq!(seen(&managed, &[(999, "203.0.113.66"), (999, "10.9.8.7")]), (vec![], vec![]));
    assert_eq!(seen(&managed, &[(999, "192.0.2.7")]).0, ["service-0"], "who is named is taken at the word");
    assert_eq!(managed.sight(&Usage::CannotKnow, SINCE), Sight::default());
}
