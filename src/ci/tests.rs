use super::*;
use std::collections::BTreeMap;
use std::io::Write as _;

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";
/// The same, abbreviated.
const OLD_12: &str = "111111111111";
const NEW_12: &str = "222222222222";
const NONE: &str = "0000000000000000000000000000000000000000";

fn of(variables: &[(&str, &str)]) -> Result<Occasion, CiError> {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    Occasion::of(&|name| variables.get(name).map(|value| (*value).to_owned()))
}

fn commit(id: &str) -> Point {
    Point::Commit(id.to_owned())
}

fn branch(name: &str) -> Point {
    Point::Branch(name.to_owned())
}

/// GitHub's variables with an event in a file.
fn github(name: &str, event: &str) -> Result<Occasion, CiError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(event.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    of(&[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", name), ("GITHUB_EVENT_PATH", &path), ("GITHUB_SHA", NEW)])
}

#[test]
fn github_says_it_in_its_event() {
    let push = |before: &str, reference: &str| {
        let event = format!(
            r#"{{"before":"{before}","after":"{NEW}","ref":"{reference}","repository":{{"default_branch":"main"}},"x":[]}}"#
        );
        github("push", &event).unwrap()
    };
    let pushed = push(OLD, "refs/heads/main");
    assert!(pushed.is_of_default_branch());
    let main = Some("main".to_owned());
    assert_eq!(pushed.change, Change::Pushed { before: commit(OLD), tip: commit(NEW), branch: main });
    let begun = push(NONE, "refs/heads/deep/er");
    assert_eq!(begun.change, Change::Begun { tip: commit(NEW), branch: Some("deep/er".to_owned()) });
    assert_eq!(push(NONE, "refs/tags/v1").change, Change::Begun { tip: commit(NEW), branch: None });

    let request = format!(r#"{{"pull_request":{{"base":{{"sha":"{OLD}","ref":"main"}},"head":{{"sha":"{NEW}"}}}}}}"#);
    for name in ["pull_request", "pull_request_target", "pull_request_review"] {
        let Change::Proposed { base, tip, target, policy } = github(name, &request).unwrap().change else { panic!() };
        assert_eq!((base, tip, target.as_deref()), (commit(OLD), commit(NEW), Some("main")));
        assert_eq!(policy, [commit(OLD)], "the policy is the service's base, whatever the clone calls main");
    }
    let group = format!(r#"{{"merge_group":{{"base_sha":"{OLD}","head_sha":"{NEW}","base_ref":"refs/heads/main"}}}}"#);
    assert!(matches!(github("merge_group", &group).unwrap().change, Change::Proposed { .. }));
    for name in ["schedule", "workflow_dispatch", "release", "issue_comment"] {
        assert_eq!(github(name, "not read").unwrap().change, Change::Everything);
    }
}

#[test]
fn an_event_that_makes_no_sense_is_no_empty_range() {
    let wrong = |name: &str, event: &str| github(name, event).unwrap_err().to_string();
    assert!(wrong("push", "{").contains("is not understood"));
    assert!(wrong("push", "{}").contains("before (of the event) is not set"));
    assert!(
        wrong("push", &format!(r#"{{"before":"--upload-pack=x","after":"{NEW}"}}"#)).contains("not the id of a commit")
    );
    assert!(wrong("pull_request", "{}").contains("pull_request (of the event) is not set"));
    let zero = format!(r#"{{"pull_request":{{"base":{{"sha":"{NONE}"}},"head":{{"sha":"{NEW}"}}}}}}"#);
    assert!(wrong("pull_request", &zero).contains("base.sha is not the id of a commit"));
    let deleted = format!(r#"{{"before":"{OLD}","after":"{NONE}","deleted":true}}"#);
    assert!(wrong("push", &deleted).contains("deleted"));
    let unread = of(&[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "push"), ("GITHUB_EVENT_PATH", "/nowhere/e")]);
    assert!(unread.unwrap_err().to_string().contains("/nowhere/e"));
    assert!(matches!(of(&[("GITHUB_ACTIONS", "true")]), Err(CiError::Missing { .. })));
}

#[test]
fn gitlab_has_zeros_for_more_than_new_branches() {
    let said = |more: &[(&str, &str)]| {
        let own = [("GITLAB_CI", "true"), ("CI_COMMIT_SHA", NEW), ("CI_DEFAULT_BRANCH", "main")];
        of(&[&own[..], more].concat()).unwrap()
    };
    let branch_is = ("CI_COMMIT_BRANCH", "topic");
    let pushed = said(&[("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BEFORE_SHA", OLD), branch_is]);
    assert!(matches!(pushed.change, Change::Pushed { .. }));
    let begun = said(&[("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BEFORE_SHA", NONE), branch_is]);
    assert_eq!(begun.change, Change::Begun { tip: commit(NEW), branch: Some("topic".to_owned()) });
    for source in ["schedule", "web", "api", "trigger"] {
        let whole = said(&[("CI_PIPELINE_SOURCE", source), ("CI_COMMIT_BEFORE_SHA", NONE), branch_is]);
        assert_eq!(whole.change, Change::Everything, "{source}");
    }
    let request = said(&[
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_COMMIT_BEFORE_SHA", NONE),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", OLD),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", ""),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
    ]);
    let Change::Proposed { base, tip, policy, .. } = request.change else { panic!() };
    assert_eq!((base, tip), (commit(OLD), commit(NEW)));
    assert_eq!(policy, [branch("main"), commit(OLD)], "an old base has an old policy");
}

#[test]
fn bitbucket_may_abbreviate() {
    let own = [("BITBUCKET_BUILD_NUMBER", "7"), ("BITBUCKET_COMMIT", NEW)];
    let said = |more: &[(&str, &str)]| of(&[&own[..], more].concat());
    let request = [
        ("BITBUCKET_PR_ID", "3"),
        ("BITBUCKET_PR_DESTINATION_COMMIT", OLD_12),
        ("BITBUCKET_PR_DESTINATION_BRANCH", "main"),
        ("BITBUCKET_BRANCH", "topic"),
    ];
    let Change::Proposed { base, tip, .. } = said(&request).unwrap().change else { panic!() };
    assert_eq!((base, tip), (commit(OLD_12), commit(NEW)));
    let topic = Some("topic".to_owned());
    assert_eq!(said(&request[3..]).unwrap().change, Change::Begun { tip: commit(NEW), branch: topic });
    assert_eq!(said(&[("BITBUCKET_TAG", "v1")]).unwrap().change, Change::Begun { tip: commit(NEW), branch: None });
    assert_eq!(said(&[]).unwrap().change, Change::Everything, "a custom pipeline names no branch");
    assert!(said(&[("BITBUCKET_PR_ID", "3")]).is_err());
}

#[test]
fn circleci_hands_its_base_on() {
    let own = [("CIRCLECI", "true"), ("CIRCLE_SHA1", NEW), ("CIRCLE_BRANCH", "topic")];
    let said = |base: &str| of(&[&own[..], &[("STANCH_BASE", base)]].concat()).unwrap().change;
    let topic = || Some("topic".to_owned());
    assert_eq!(said(OLD), Change::Pushed { before: commit(OLD), tip: commit(NEW), branch: topic() });
    for none in ["", NONE, " "] {
        assert_eq!(said(none), Change::Begun { tip: commit(NEW), branch: topic() });
    }
    let named = Point::Revision("origin/main".to_owned());
    assert_eq!(said("origin/main"), Change::Pushed { before: named, tip: commit(NEW), branch: topic() });
}

#[test]
fn jenkins_compares_with_the_last_success() {
    let own = ("JENKINS_URL", "http://ci.example");
    let request = of(&[own, ("CHANGE_TARGET", "main"), ("BRANCH_NAME", "PR-7")]).unwrap().change;
    let Change::Proposed { base, tip, .. } = request else { panic!() };
    assert_eq!((base, tip), (branch("main"), Point::Head));
    let built = of(&[own, ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", OLD), ("GIT_BRANCH", "origin/topic")]).unwrap();
    let topic = Some("topic".to_owned());
    assert_eq!(built.change, Change::Pushed { before: commit(OLD), tip: Point::Head, branch: topic });
    let first = of(&[own, ("BRANCH_NAME", "trunk"), ("BRANCH_IS_PRIMARY", "true")]).unwrap();
    assert!(first.is_of_default_branch());
    let tag = of(&[own, ("BRANCH_NAME", "v1"), ("TAG_NAME", "v1")]).unwrap();
    assert_eq!(tag.change, Change::Begun { tip: Point::Head, branch: None });
}

#[test]
fn travis_writes_three_dots() {
    let said = |more: &[(&str, &str)]| {
        let own = [("TRAVIS", "true"), ("TRAVIS_COMMIT", NEW), ("TRAVIS_BRANCH", "main")];
        of(&[&own[..], more].concat())
    };
    let range = format!("{}...{}", OLD_12, NEW_12);
    let main = || Some("main".to_owned());
    let pushed = said(&[("TRAVIS_COMMIT_RANGE", &range), ("TRAVIS_PULL_REQUEST", "false")]).unwrap();
    assert_eq!(pushed.change, Change::Pushed { before: commit(OLD_12), tip: commit(NEW), branch: main() });
    let begun = said(&[("TRAVIS_COMMIT_RANGE", ""), ("TRAVIS_PULL_REQUEST", "false")]).unwrap();
    assert_eq!(begun.change, Change::Begun { tip: commit(NEW), branch: main() });
    let request =
        [("TRAVIS_COMMIT_RANGE", range.as_str()), ("TRAVIS_PULL_REQUEST", "8"), ("TRAVIS_PULL_REQUEST_SHA", NEW)];
    let Change::Proposed { base, policy, .. } = said(&request).unwrap().change else { panic!() };
    assert_eq!((base, policy), (commit(OLD_12), vec![branch("main"), commit(OLD_12)]));
    assert_eq!(said(&[("TRAVIS_EVENT_TYPE", "cron")]).unwrap().change, Change::Everything);
    assert!(said(&[("TRAVIS_COMMIT_RANGE", "nonsense")]).is_err());
}

#[test]
fn buildkite_may_say_head() {
    let said = |more: &[(&str, &str)]| {
        let own = [("BUILDKITE", "true"), ("BUILDKITE_BRANCH", "topic"), ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main")];
        of(&[&own[..], more].concat())
    };
    let request =
        [("BUILDKITE_PULL_REQUEST", "5"), ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main"), ("BUILDKITE_COMMIT", NEW)];
    let Change::Proposed { base, tip, .. } = said(&request).unwrap().change else { panic!() };
    assert_eq!((base, tip), (branch("main"), commit(NEW)));
    assert!(said(&request[..1]).is_err(), "a pull request without a base is no push");
    let built = said(&[("BUILDKITE_COMMIT", "HEAD"), ("BUILDKITE_PULL_REQUEST", "false")]).unwrap();
    assert_eq!(built.change, Change::Begun { tip: Point::Head, branch: Some("topic".to_owned()) });
    assert_eq!(said(&[("BUILDKITE_TAG", "v1")]).unwrap().change, Change::Begun { tip: Point::Head, branch: None });
    assert_eq!(said(&[("BUILDKITE_SOURCE", "schedule")]).unwrap().change, Change::Everything);
}

#[test]
fn a_shell_says_what_it_is_compared_with() {
    let base = Point::Revision("origin/main".to_owned());
    let said = of(&[("STANCH_BASE", "origin/main")]).unwrap();
    assert_eq!(said.change, Change::Pushed { before: base.clone(), tip: Point::Head, branch: None });
    assert!(matches!(of(&[]), Err(CiError::NoService)));
    assert!(matches!(of(&[("CI", "true")]), Err(CiError::NoService)), "a service that nobody knows is none");
    let event = format!(r#"{{"pull_request":{{"base":{{"sha":"{OLD}"}},"head":{{"sha":"{NEW}"}}}}}}"#);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(event.as_bytes()).unwrap();
    let own = [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request"), ("STANCH_BASE", "origin/main")];
    let path = [("GITHUB_EVENT_PATH", file.path().to_str().unwrap())];
    let Change::Proposed { base: own, policy, .. } = of(&[&own[..], &path].concat()).unwrap().change else { panic!() };
    assert_eq!((own, policy), (base.clone(), vec![base]));
}
