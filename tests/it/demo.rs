//! The demonstration, as a newcomer sees it.

use crate::world::shop::Shop;

#[test]
fn the_demonstration_tells_the_whole_story_in_its_order() {
    let shop = Shop::open();
    let directory = shop.at("demonstration");
    let ran = shop.stanch(&["demo", "--directory", directory.to_str().unwrap()]).expect(0);
    let story = [
        "A scratch world in",
        "$ stanch scan --history repository",
        "stanch.demo-token",
        "$ stanch rotate st1",
        "MINT a token",
        "REVOKE the old token",
        "Opened",
        "Assessed",
        "LIVE",
        "Planned",
        "Approved",
        "Preflight",
        "Minted",
        "Proved",
        "Staged",
        "Stored",
        "Dependent",
        "Usage read",
        "Revoke sent",
        "Old asked",
        "DEAD",
        "Healthy",
        "C-0001 closed",
        " 0 failed; live at the issuer: tok_0002",
        "Try next:",
    ];
    let mut rest = ran.stdout.as_str();
    for part in story {
        let (_, after) =
            rest.split_once(part).unwrap_or_else(|| panic!("'{part}' does not follow in:\n{}", ran.stdout));
        rest = after;
    }
    assert_eq!(ran.stderr, "");

    // What it tells to try next works.
    let config = directory.join("stanch.yaml");
    shop.stanch(&["case", "show", "C-0001", "--config", config.to_str().unwrap()]).expect(0).says("live now: NEW");
    shop.stanch(&["audit", "verify", directory.join("journal.db").to_str().unwrap()]).expect(0).says("in order");
    shop.stanch(&["scan", "--history", directory.join("repository").to_str().unwrap()]).expect(1);
    let again = shop.stanch(&["demo", "--directory", directory.to_str().unwrap()]).expect(2);
    assert!(again.stderr.contains("exists already") && again.stderr.lines().count() == 1, "{}", again.stderr);
}
