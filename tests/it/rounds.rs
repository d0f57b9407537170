//! What is done though nothing leaked: tokens that arrive when their case is over are swept, and what has become old is
//! rotated. Looked at from the issuer, the store and the service.

use crate::daemon::{drained, start};
use crate::world::http::Asked;
use crate::world::shop::{Settings, Shop, address, until};
use serde_json::{Value, json};

/// A shop whose case is over, and settled, in a moment.
fn swift() -> Settings {
    Settings::default().policy("when", "automatic").policy("confirm_within", "2s")
}

fn ask(shop: &Shop, method: &'static str, body: &str) -> Value {
    let mut asked = Asked::new(method, "/v1/tokens", shop.authority.as_bytes());
    asked.headers.push(("content-type".to_owned(), b"application/json".to_vec()));
    asked.body = body.as_bytes().to_vec();
    asked.send(address(&shop.door.base())).unwrap().json()
}

/// The id and the label of the only token that lives.
fn winner(shop: &Shop) -> (String, String) {
    let listed = ask(shop, "GET", "");
    let [only] = listed["tokens"].as_array().unwrap().as_slice() else { panic!("one token lives: {listed}") };
    let text = |key: &str| only[key].as_str().unwrap().to_owned();
    (text("id"), text("name"))
}

/// A request to mint arrives, whoever sent it; the id.
fn arrives(shop: &Shop, label: &str) -> String {
    let made = ask(shop, "POST", &json!({ "copy_of": "tok_0001", "name": label }).to_string());
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_arrives_when_a_case_is_over_is_swept_and_nothing_else() {
    let shop = swift().open();
    shop.rotate(&["--yes"]).expect(0);
    let (used, label) = winner(&shop);
    let stray = arrives(&shop, &label);
    let foreign = arrives(&shop, "stanch-c0001-1-0000000000000000");
    let other = arrives(&shop, "deploy");
    let all = [&used, &stray, &foreign, &other].map(String::clone);

    let mut told = String::new();
    until("the case is settled", || {
        told = shop.stanch(&["sweep", "--dry-run"]).expect(0).stdout;
        told.contains("nobody's")
    });
    assert!(told.contains(&stray) && told.contains(&foreign) && told.contains("another installation"), "{told}");
    assert!(!told.contains(&other) && !told.contains(&used), "{told}");
    assert_eq!(shop.live(), all, "a look changes nothing");

    shop.stanch(&["sweep", "--quarantine", "0s", "--yes"]).expect(0).says("no token with our label is left");
    let left = [&used, &foreign, &other].map(String::clone);
    assert_eq!(shop.live(), left);
    shop.assert_unbroken();
    shop.stanch(&["sweep"]).expect(0).says("another installation");
    assert_eq!(shop.live(), left);
    shop.stanch(&["audit", "verify", "journal.db"]).expect(0);
}

#[test]
fn a_stray_that_a_person_leaves_alone_is_not_proposed_again() {
    let shop = swift().open();
    shop.rotate(&["--yes"]).expect(0);
    let (used, label) = winner(&shop);
    let stray = arrives(&shop, &label);
    until("the case is settled", || shop.stanch(&["sweep", "--dry-run"]).expect(0).stdout.contains("nobody's"));
    shop.configure(|text| text.replace("when: automatic", "when: ask"));
    shop.stanch(&["sweep", "--quarantine", "0s"]).expect(20);
    shop.stanch(&["case", "abort", "C-0002"]);
    assert_eq!(shop.live(), [used.clone(), stray.clone()], "a no leaves it as it is");
    // What was left to a person is not proposed again.
    let again = shop.stanch(&["sweep", "--quarantine", "0s", "--yes"]).expect(0);
    assert!(again.stdout.contains("left to a person"), "{}", again.stdout);
    assert_eq!(shop.live(), [used, stray]);
}

#[test]
fn the_daemon_sweeps_by_itself() {
    let shop = swift().open();
    shop.configure(|text| format!("daemon: {{ sweep: 1s, quarantine: 0s }}\n{text}"));
    shop.rotate(&["--yes"]).expect(0);
    let (used, label) = winner(&shop);
    let daemon = start(&shop);
    arrives(&shop, &label);
    let foreign = arrives(&shop, "stanch-c0001-1-0000000000000000");
    until("it was swept", || shop.live() == [used.clone(), foreign.clone()]);
    drained(&shop, daemon);
    shop.assert_unbroken();
}

#[test]
fn what_is_due_by_its_schedule_is_rotated_once() {
    let shop = swift().open();
    shop.configure(|text| text.replace("    policy:", "    rotate: { every: 30d }\n    policy:"));
    let daemon = start(&shop);
    until("the case is closed", || shop.stanch(&["case", "list", "--json"]).stdout.contains("\"stage\":\"Closed\""));
    shop.assert_rotated();
    drained(&shop, daemon);
    // Whoever takes over knows that it was done.
    let next = start(&shop);
    std::thread::sleep(std::time::Duration::from_secs(7));
    drained(&shop, next);
    let listed = shop.stanch(&["case", "list", "--json"]).stdout;
    assert!(listed.contains("C-0001") && !listed.contains("C-0002"), "{listed}");
    shop.assert_rotated();
}
