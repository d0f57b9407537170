//! The rows of the crash matrix on GitLab's shape: a token that an administrator makes beside the old one, and one that
//! replaces itself.

use super::desk::Desk;
use super::gitlab::{Gitlab, in_days};
use super::{PERSONAL, assert_replaced, leaked, reads_projects};
use crate::crash::{FORWARD, Path, killed_at, matrix};
use crate::world::Ran;
use crate::world::http::Asked;
use std::process::Command;

const REPLACE: &str = "POST /api/v4/personal_access_tokens/self/rotate";

fn rotating(desk: &Desk) -> Command {
    desk.program(&["rotate", "--credential", "shop", "--yes", "-v"])
}

fn taken_up(desk: &Desk, path: &Path) -> Ran {
    if path.is_unopened() { crate::world::shop::run(rotating(desk)) } else { desk.case("resume") }
}

/// The ids of a user's tokens that live, as an administrator sees them.
fn lives(gitlab: &Gitlab, root: &str) -> Vec<u64> {
    let mut asked = Asked::new("GET", "/api/v4/personal_access_tokens?user_id=7&state=active&per_page=100", b"");
    asked.headers = reads_projects(root).headers;
    let listed = asked.send(gitlab.at.address()).unwrap().json();
    listed.as_array().unwrap().iter().map(|token| token["id"].as_u64().unwrap()).collect()
}

#[test]
fn a_token_beside_the_old_one() {
    matrix("A, labels: GitLab's shape, local store", &FORWARD, 2, |at| {
        let gitlab = Gitlab::start();
        let desk = leaked(&gitlab);
        let old = desk.stored();
        let (_, path) = killed_at(rotating(&desk), at);
        let mut ran = taken_up(&desk, &path);
        for _ in 0..12 {
            ran = match ran.code {
                0 => break,
                20 => desk.case("approve"),
                _ => desk.case("resume"),
            };
        }
        ran.expect(0);
        assert_replaced(&desk, &gitlab, &old);
        let lost = path.lost();
        assert_eq!(gitlab.at.count("POST /api/v4/users/"), 1 + lost, "requests to mint");
        path
    });
}

/// A token that replaces itself, and the service that uses it.
pub(crate) struct InPlace {
    gitlab: Gitlab,
    desk: Desk,
    old: String,
    root: String,
}

/// What a person had to do.
pub(crate) struct Attended {
    /// A token, where a value was lost.
    pub(crate) made: bool,
    /// Gave up what may have left or not.
    pub(crate) given_up: bool,
}

impl InPlace {
    pub(crate) fn new() -> Self {
        let gitlab = Gitlab::start();
        let (_, old) = gitlab.issue(7, "deploy", &["api"], Some(in_days(60)));
        let provider = format!("base: '{}'", gitlab.at.base());
        let desk = Desk::new(PERSONAL, &old, &provider, "", gitlab.at.address(), reads_projects);
        desk.configure(|text| text.replace("when: automatic", "when: automatic, accept_outage: true"));
        let root = gitlab.root();
        Self { gitlab, desk, old, root }
    }

    pub(crate) fn rotating(&self) -> Command {
        rotating(&self.desk)
    }

    /// Goes on with the case; where nobody knows of it, begins it.
    pub(crate) fn going_on(&self) -> Command {
        let is_known = !self.desk.stanch(&["case", "list"]).expect(0).stdout.contains("no case");
        if is_known { self.desk.program(&["case", "resume", "C-0001", "-v"]) } else { self.rotating() }
    }

    /// Does what the program asks of a person until the case is over, and looks at everything.
    pub(crate) fn attended(&self, mut ran: Ran) -> Attended {
        let Self { gitlab, desk, old, root } = self;
        let (mut by_hand, mut stray, mut given_up) = (None, Vec::new(), false);
        for _ in 0..12 {
            let asked = |words: &str| ran.stdout.contains(words);
            ran = if ran.code == 0 {
                break;
            } else if asked("a person must make another") || by_hand.is_some() {
                assert_eq!(ran.code, 23, "nobody has a token that works:\n{}", ran.stdout);
                if by_hand.is_none() {
                    stray = lives(gitlab, root);
                }
                let made = || gitlab.issue(7, "by hand", &["api"], Some(in_days(60))).1;
                desk.provide(by_hand.get_or_insert_with(made))
            } else if asked("the old token is still accepted") {
                // Nobody knows whether the request left: it may arrive yet, so it is not sent again. A person gives it up.
                desk.case("abort").expect(21);
                given_up = true;
                crate::world::shop::run(rotating(desk))
            } else {
                desk.case(if ran.code == 20 { "approve" } else { "resume" })
            };
        }
        ran.expect(0);
        assert_eq!(gitlab.at.count(REPLACE), 1, "it is never asked to replace itself again");
        let (old, new) = (gitlab.find(old), gitlab.find(&desk.stored()));
        assert!(!old.lives() && new.lives(), "{old:?} {new:?}");
        assert!(by_hand.as_ref().is_none_or(|value| *value == desk.stored()));
        desk.assert_works();
        // What the lost reply left has no label and no authority that could end it.
        let left: Vec<u64> = lives(gitlab, root).into_iter().filter(|id| *id != new.id).collect();
        assert_eq!(left, stray);
        Attended { made: by_hand.is_some(), given_up }
    }
}

/// Where the reply is lost with the process, nobody has a token: a person makes one. Where nobody knows whether the request
/// left, a person gives it up. The token is asked once to replace itself, whatever happens.
#[test]
fn a_token_that_replaces_itself() {
    let steps =
        ["ReadUsage", "Verify", "Preflight", "Mint", "Prove", "Stage(0)", "Promote(0)", "Check(0)", "Confirm", "Watch"];
    matrix("C, replaced in place: GitLab's shape", &steps, 2, |at| {
        let world = InPlace::new();
        let (_, path) = killed_at(world.rotating(), at);
        let attended = world.attended(taken_up(&world.desk, &path));
        assert_eq!(attended.made, path.lost() > 0, "a person is asked where a value is lost, and nowhere else");
        let unsent = path.killed && path.passed.last().is_some_and(|place| place == "After intent Mint 1");
        assert_eq!(attended.given_up, unsent, "a person gives up where the request did not leave, and nowhere else");
        path
    });
}
