use super::super::{Operator, OperatorError};
use super::*;

const ADA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const KIM: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/";

fn text(people: &str, credential: &str) -> String {
    format!(
        "people:\n{people}stores: {{ local: {{ driver: local, directory: secrets }} }}
credentials:
  shop:
    kind: acme.token
    provider: {{ driver: http, base: 'http://127.0.0.1:1' }}
    stores: [{{ store: local, path: shop/token }}]
{credential}"
    )
}

fn two() -> String {
    format!(
        "  ada: {{ keys: ['{ADA} ada@laptop'], may: [respond, approve, revoke-now], accounts: [ada, root] }}
  kim:
    keys:
      - 'kim,kim@acme namespaces=\"git,stanch\" {KIM}'
    may: [approve, revoke-now]
"
    )
}

fn mistake(people: &str, credential: &str) -> (u64, String) {
    match Operator::parse("o.yaml", &text(people, credential)) {
        Err(OperatorError::Mistake { line, message, .. }) => (line, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn people_are_known_by_key_and_account() {
    let operator = Operator::parse("o.yaml", &text(&two(), "    environment: production\n")).unwrap();
    let known = &operator.known;
    assert_eq!(known.of_account("root"), Some(&Person::new("ada")));
    assert_eq!(known.of_account("kim"), Some(&Person::new("kim")));
    assert_eq!(known.of_account("eve"), None);
    let key = Key::parse(KIM, "kim").unwrap();
    assert_eq!(known.of_key(&key), Some(&Person::new("kim")));
    assert_eq!((known.count(May::Approve), known.count(May::Respond)), (2, 1));
}

#[test]
fn production_asks_two_for_a_revoke_now_and_others_one() {
    let consent = |credential: &str| {
        let operator = Operator::parse("o.yaml", &text(&two(), credential)).unwrap();
        operator.consent("shop", Some(Person::new("ada")))
    };
    let production = consent("    environment: production\n");
    assert_eq!((production.quorum, production.revoke_now, production.signed), (1, 2, true));
    assert_eq!(production.author, Some(Person::new("ada")));
    assert_eq!(consent("    environment: staging\n").revoke_now, 1);
    assert_eq!(consent("").revoke_now, 1);
    let lowered = consent("    environment: production\n    policy: { revoke_now_quorum: 1 }\n");
    assert_eq!(lowered.revoke_now, 1);
    let none = text("", "    environment: production\n").replace("people:\n", "");
    assert!(Operator::parse("o.yaml", &none).unwrap().consent("shop", None).is_plain());
}

#[test]
fn what_nobody_could_fulfil_is_a_mistake_at_its_credential() {
    for (credential, words) in [
        ("    policy: { quorum: 3 }\n", "the file names 2"),
        ("    policy: { quorum: 2, four_eyes: true }\n", "beside the one who opened the case"),
        ("    policy: { revoke_now_quorum: 3 }\n", "lower 'revoke_now_quorum'"),
        ("    policy: { quorum: 0 }\n", "one person at least"),
        ("    policy: { quorum: 2, when: automatic }\n", "asks nobody"),
        ("    environment: prodution\n", "unknown variant"),
    ] {
        let (line, message) = mistake(&two(), credential);
        assert!(message.contains(words) && line >= 10, "{line} {message}");
    }
    for knob in ["quorum: 2", "four_eyes: true", "revoke_now_quorum: 2"] {
        let text = text("", &format!("    policy: {{ {knob} }}\n")).replace("people:\n", "");
        let error = Operator::parse("o.yaml", &text).unwrap_err().to_string();
        assert!(error.contains("need 'people' with keys"), "{error}");
    }
}

#[test]
fn a_bad_key_is_told_with_its_line() {
    let one = |key: &str| format!("  ada:\n    may: [approve]\n    keys:\n      - '{key}'\n");
    let cut = ADA.get(..60).unwrap();
    for (key, words) in [
        ("nonsense", "this is no public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "PRIVATE key"),
        (cut, "damaged"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAP", "cannot stand for a person"),
        (&ADA.replace("ssh-ed25519", "ssh-rsa"), "damaged"),
        (&format!("kim {KIM}"), "for 'kim', not for 'ada'"),
        (&format!("ada namespaces=\"git\" {ADA}"), "namespaces=\"stanch\""),
        (&format!("ada valid-before=\"20300101\" {ADA}"), "'valid-before'"),
        (&format!("ada cert-authority,namespaces=\"stanch\" {ADA}"), "'cert-authority'"),
    ] {
        let (line, message) = mistake(&one(key), "");
        assert_eq!(line, 5, "{message}");
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn persons_that_are_one_are_a_mistake() {
    let same_key = format!("{}  eve: {{ keys: ['{ADA}'], may: [approve] }}\n", two());
    assert!(mistake(&same_key, "").1.contains("one person has one name"));
    let same_account = two().replace("may: [approve, revoke-now]\n", "may: [approve]\n    accounts: [root]\n");
    assert!(mistake(&same_account, "").1.contains("an account is one person's"));
    assert!(mistake("  ada: { keys: [], may: [approve] }\n", "").1.contains("no key"));
    let name =
        format!("  'ada\\n who': {{ keys: ['{ADA}'], may: [approve] }}\n").replace("'ada\\n who'", "\"ada\\nwho\"");
    assert!(mistake(&name, "").1.contains("letters, digits"));
    assert!(mistake(&format!("  ada: {{ keys: ['{ADA}'], may: [aprove] }}\n"), "").1.contains("unknown variant"));
}

#[test]
fn a_honeytoken_is_known_by_fingerprint_or_kind() {
    let baits = "honeytokens:\n  - { fingerprint: 'st1:aaaaaaaaaaaaaaaa' }\n  - { kind: acme.bait }\n";
    let operator = Operator::parse("o.yaml", baits).unwrap();
    let key = crate::model::FingerprintKey::of_installation(vec![7; 32]);
    let print = key.fingerprint(&crate::model::Secret::new(b"a secret".to_vec()));
    let kind = crate::model::KindId::new;
    assert!(operator.is_honeytoken(&kind("acme.bait"), &print));
    assert!(!operator.is_honeytoken(&kind("acme.token"), &print));
    let named = format!("honeytokens:\n  - {{ fingerprint: '{}' }}\n", print.short());
    assert!(Operator::parse("o.yaml", &named).unwrap().is_honeytoken(&kind("acme.token"), &print));
    for wrong in ["honeytokens:\n  - {}\n", "honeytokens:\n  - { fingerprint: nonsense }\n"] {
        assert!(Operator::parse("o.yaml", wrong).unwrap_err().to_string().contains("write which honeytoken"));
    }
}
