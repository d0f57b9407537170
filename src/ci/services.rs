//! One function a service: its variables, as its documentation describes them, become an occasion.

use super::event::{self, Event};
use super::{Change, CiError, Occasion, Point, Service, Tag, Variables};
use std::path::Path;

/// What overrides a service's own idea of what is new.
const BASE: &str = "STANCH_BASE";

/// The environment of one service. A variable that is empty is not set.
struct Said<'a> {
    service: Service,
    variables: &'a Variables<'a>,
}

impl Said<'_> {
    fn value(&self, name: &str) -> Option<String> {
        (self.variables)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value == "true" || value == "1")
    }

    /// What it says of a commit: none where it is not set or all zeros, which is how services say "none".
    fn commit(&self, name: &str) -> Result<Option<Point>, CiError> {
        match self.value(name) {
            Some(value) => commit(self.service, name, &value),
            None => Ok(None),
        }
    }

    fn needed_commit(&self, name: &'static str) -> Result<Point, CiError> {
        self.commit(name)?.ok_or(CiError::Missing { service: self.service, name })
    }

    /// The commit that is built, or what is checked out where the service names it by a word.
    fn built(&self, name: &str) -> Point {
        self.commit(name).ok().flatten().unwrap_or(Point::Head)
    }

    /// The tag that this variable names, of which the service says no more.
    fn tag(&self, name: &str) -> Option<Tag> {
        self.value(name).map(|name| Tag { name, object: None })
    }

    fn occasion(&self, event: impl Into<String>, change: Change) -> Occasion {
        Occasion {
            service: self.service,
            event: event.into(),
            change,
            tag: None,
            default_branch: None,
            summary: None,
            is_told: false,
        }
    }
}

fn commit(service: Service, name: &str, value: &str) -> Result<Option<Point>, CiError> {
    let hex = (7..=64).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex {
        return Err(CiError::Malformed { service, name: name.to_owned(), what: "the id of a commit" });
    }
    let zeros = value.bytes().all(|byte| byte == b'0');
    Ok((!zeros).then(|| Point::Commit(value.to_ascii_lowercase())))
}

/// The name of a branch without `refs/heads/`; none for a tag.
fn branch_of(reference: &str) -> Option<String> {
    reference.strip_prefix("refs/heads/").map(ToOwned::to_owned)
}

fn proposed(base: Point, tip: Point, target: Option<String>) -> Change {
    let policy = vec![base.clone()];
    Change::Proposed { base, tip, target, policy }
}

/// What moved.
enum Moved {
    Branch(String),
    Tag,
}

/// Where nobody says what moved, nobody knows what is new.
fn pushed(before: Option<Point>, tip: Point, moved: Option<Moved>) -> Change {
    let named = moved.is_some();
    let branch = match moved {
        Some(Moved::Branch(name)) => Some(name),
        Some(Moved::Tag) | None => None,
    };
    match before {
        Some(before) => Change::Pushed { before, tip, branch },
        None if named => Change::Begun { tip, branch },
        None => Change::Everything,
    }
}

fn moved(branch: Option<String>, tagged: bool) -> Option<Moved> {
    if tagged { Some(Moved::Tag) } else { branch.map(Moved::Branch) }
}

pub(super) fn occasion(variables: &Variables<'_>) -> Result<Occasion, CiError> {
    let said = |service| Said { service, variables };
    let is = |name: &str| said(Service::Shell).is_true(name);
    let has = |name: &str| said(Service::Shell).value(name).is_some();
    let occasion = if is("GITHUB_ACTIONS") {
        github(&said(Service::GitHub))
    } else if is("GITLAB_CI") {
        gitlab(&said(Service::GitLab))
    } else if has("BITBUCKET_BUILD_NUMBER") {
        bitbucket(&said(Service::Bitbucket))
    } else if is("CIRCLECI") {
        circleci(&said(Service::CircleCi))
    } else if is("TRAVIS") {
        travis(&said(Service::Travis))
    } else if is("BUILDKITE") {
        buildkite(&said(Service::Buildkite))
    } else if has("JENKINS_URL") {
        jenkins(&said(Service::Jenkins))
    } else if has(BASE) {
        Ok(said(Service::Shell).occasion(BASE, Change::Everything))
    } else {
        Err(CiError::NoService)
    }?;
    Ok(based(occasion, &said(Service::Shell)))
}

/// A base that the job names itself counts more than what the service says.
fn based(mut occasion: Occasion, said: &Said<'_>) -> Occasion {
    let Some(value) = said.value(BASE) else { return occasion };
    let base = match commit(said.service, BASE, &value) {
        Ok(base) => base,
        Err(_) => Some(Point::Revision(value)),
    };
    let event = if occasion.event == BASE { String::new() } else { format!("{} with ", occasion.event) };
    occasion.event = format!("{event}{BASE}");
    occasion.change = match (base, occasion.change) {
        (Some(base), Change::Proposed { tip, target, .. }) => proposed(base, tip, target),
        (Some(before), Change::Pushed { tip, branch, .. } | Change::Begun { tip, branch }) => {
            Change::Pushed { before, tip, branch }
        }
        (Some(before), Change::Everything) => Change::Pushed { before, tip: Point::Head, branch: None },
        (None, Change::Pushed { tip, branch, .. }) => Change::Begun { tip, branch },
        (None, change) => change,
    };
    occasion.is_told = true;
    occasion
}

fn github(said: &Said<'_>) -> Result<Occasion, CiError> {
    let name = said.value("GITHUB_EVENT_NAME").ok_or(missing(said, "GITHUB_EVENT_NAME"))?;
    let read = || {
        let path = said.value("GITHUB_EVENT_PATH").ok_or(missing(said, "GITHUB_EVENT_PATH"))?;
        event::read(Path::new(&path))
    };
    let (event, change) = match name.as_str() {
        "push" => with(read()?, |event| github_push(said, event))?,
        "merge_group" => with(read()?, |event| {
            let group = event.merge_group.as_ref().ok_or(missing(said, "merge_group (of the event)"))?;
            let target = group.base_ref.as_deref().and_then(branch_of);
            Ok(proposed(there(said, "base_sha", &group.base_sha)?, there(said, "head_sha", &group.head_sha)?, target))
        })?,
        name if name.starts_with("pull_request") => with(read()?, |event| {
            let request = event.pull_request.as_ref().ok_or(missing(said, "pull_request (of the event)"))?;
            let (base, head) = (&request.base, &request.head);
            Ok(proposed(there(said, "base.sha", &base.sha)?, there(said, "head.sha", &head.sha)?, base.name.clone()))
        })?,
        _ => (Event::default(), Change::Everything),
    };
    let mut occasion = said.occasion(name, change);
    let tag = event.reference.as_deref().and_then(|reference| reference.strip_prefix("refs/tags/"));
    occasion.tag = tag.map(|name| Tag { name: name.to_owned(), object: event.after });
    occasion.default_branch = event.repository.and_then(|repository| repository.default_branch);
    occasion.summary = said.value("GITHUB_STEP_SUMMARY").map(Into::into);
    Ok(occasion)
}

fn with(event: Event, read: impl FnOnce(&Event) -> Result<Change, CiError>) -> Result<(Event, Change), CiError> {
    let change = read(&event)?;
    Ok((event, change))
}

fn github_push(said: &Said<'_>, event: &Event) -> Result<Change, CiError> {
    let field = |name: &'static str, value: &Option<String>| match value {
        Some(value) => commit(said.service, name, value),
        None => Err(missing(said, name)),
    };
    let before = field("before (of the event)", &event.before)?;
    let after = field("after (of the event)", &event.after)?.filter(|_| !event.deleted);
    let after = after.ok_or(CiError::Deleted { service: said.service })?;
    let reference = event.reference.as_deref().ok_or(missing(said, "ref (of the event)"))?;
    let branch = branch_of(reference);
    // Of a tag with a message, `after` is the tag, which need not be in the clone.
    let tip = if branch.is_some() { after } else { said.commit("GITHUB_SHA")?.unwrap_or(after) };
    Ok(pushed(before, tip, moved(branch, reference.starts_with("refs/tags/"))))
}

/// A commit that must be one: here zeros say nothing.
fn there(said: &Said<'_>, name: &str, value: &str) -> Result<Point, CiError> {
    let malformed = || CiError::Malformed { service: said.service, name: name.to_owned(), what: "the id of a commit" };
    commit(said.service, name, value)?.ok_or_else(malformed)
}

fn missing(said: &Said<'_>, name: &'static str) -> CiError {
    CiError::Missing { service: said.service, name }
}

/// `CI_COMMIT_BEFORE_SHA` is all zeros for merge requests, for the first pipeline of a branch or tag, and for pipelines
/// that nobody pushed for.
fn gitlab(said: &Said<'_>) -> Result<Occasion, CiError> {
    let source = said.value("CI_PIPELINE_SOURCE").ok_or(missing(said, "CI_PIPELINE_SOURCE"))?;
    let target = said.value("CI_MERGE_REQUEST_TARGET_BRANCH_NAME");
    let change = if source == "merge_request_event" || target.is_some() {
        let target_tip = target.clone().map(Point::Branch);
        let base = match said.commit("CI_MERGE_REQUEST_DIFF_BASE_SHA")? {
            Some(base) => base,
            None => target_tip.clone().ok_or(missing(said, "CI_MERGE_REQUEST_DIFF_BASE_SHA"))?,
        };
        // Of a merged result, what is checked out is the merge.
        let tip = match said.commit("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")? {
            Some(tip) => tip,
            None => said.needed_commit("CI_COMMIT_SHA")?,
        };
        // The base of the difference may be as old as its author likes, and its policy with it.
        let merged_into = said.commit("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")?;
        let policy = merged_into.into_iter().chain(target_tip).chain([base.clone()]).collect();
        Change::Proposed { base, tip, target, policy }
    } else {
        let tip = said.needed_commit("CI_COMMIT_SHA")?;
        let moved = moved(said.value("CI_COMMIT_BRANCH"), said.value("CI_COMMIT_TAG").is_some());
        match said.commit("CI_COMMIT_BEFORE_SHA")? {
            Some(before) => pushed(Some(before), tip, moved),
            None if source == "push" => pushed(None, tip, moved),
            None => Change::Everything,
        }
    };
    let mut occasion = said.occasion(source, change);
    occasion.tag = said.tag("CI_COMMIT_TAG");
    occasion.default_branch = said.value("CI_DEFAULT_BRANCH");
    Ok(occasion)
}

/// The destination commit of a pull request may be abbreviated. Nobody says what a push found there.
fn bitbucket(said: &Said<'_>) -> Result<Occasion, CiError> {
    let tip = said.needed_commit("BITBUCKET_COMMIT")?;
    let (event, change) = if said.value("BITBUCKET_PR_ID").is_some() {
        let target = said.value("BITBUCKET_PR_DESTINATION_BRANCH");
        ("pull request", proposed(said.needed_commit("BITBUCKET_PR_DESTINATION_COMMIT")?, tip, target))
    } else {
        // A pipeline that was started by hand or by the clock has neither.
        let (branch, tagged) = (said.value("BITBUCKET_BRANCH"), said.value("BITBUCKET_TAG").is_some());
        let event = match (&branch, tagged) {
            (_, true) => "tag",
            (Some(_), false) => "push",
            (None, false) => "custom pipeline",
        };
        (event, pushed(None, tip, moved(branch, tagged)))
    };
    Ok(Occasion { tag: said.tag("BITBUCKET_TAG"), ..said.occasion(event, change) })
}

/// The base revision is a value of the pipeline and no variable: the job hands it on as `STANCH_BASE`.
fn circleci(said: &Said<'_>) -> Result<Occasion, CiError> {
    let tip = said.needed_commit("CIRCLE_SHA1")?;
    let tag = said.tag("CIRCLE_TAG");
    let moved = moved(said.value("CIRCLE_BRANCH"), tag.is_some());
    let event = if tag.is_some() { "tag" } else { "push" };
    Ok(Occasion { tag, ..said.occasion(event, pushed(None, tip, moved)) })
}

/// What is checked out for a change request is its head or the merge of it: in both cases HEAD.
fn jenkins(said: &Said<'_>) -> Result<Occasion, CiError> {
    if let Some(target) = said.value("CHANGE_TARGET") {
        let change = proposed(Point::Branch(target.clone()), Point::Head, Some(target));
        return Ok(said.occasion("change request", change));
    }
    let named = said.value("BRANCH_NAME").or_else(|| said.value("GIT_BRANCH"));
    let branch = named.map(|name| name.trim_start_matches("origin/").to_owned());
    let tagged = said.value("TAG_NAME").is_some();
    let before = said.commit("GIT_PREVIOUS_SUCCESSFUL_COMMIT")?;
    let branch = branch.filter(|_| !tagged);
    let primary = said.is_true("BRANCH_IS_PRIMARY");
    let event = if tagged { "tag" } else { "build" };
    let mut occasion = said.occasion(event, pushed(before, Point::Head, moved(branch.clone(), tagged)));
    occasion.tag = said.tag("TAG_NAME");
    occasion.default_branch = branch.filter(|_| primary);
    Ok(occasion)
}

/// `TRAVIS_COMMIT_RANGE` has three dots and may be abbreviated; it is empty for the first build of a branch.
fn travis(said: &Said<'_>) -> Result<Occasion, CiError> {
    const RANGE: &str = "TRAVIS_COMMIT_RANGE";
    let range = said.value(RANGE);
    let left = match range.as_deref().and_then(|range| range.split_once("..")) {
        Some((left, _)) => commit(said.service, RANGE, left)?,
        None if range.is_some() => {
            return Err(CiError::Malformed {
                service: said.service,
                name: RANGE.to_owned(),
                what: "a range of commits",
            });
        }
        None => None,
    };
    let branch = said.value("TRAVIS_BRANCH");
    let event = said.value("TRAVIS_EVENT_TYPE").unwrap_or_else(|| "push".to_owned());
    let request = said.value("TRAVIS_PULL_REQUEST").is_some_and(|number| number != "false");
    let change = if request {
        let base = match (left, &branch) {
            (Some(left), _) => left,
            (None, Some(branch)) => Point::Branch(branch.clone()),
            (None, None) => return Err(missing(said, "TRAVIS_BRANCH")),
        };
        let tip = said.built("TRAVIS_PULL_REQUEST_SHA");
        let policy = branch.iter().cloned().map(Point::Branch).chain([base.clone()]).collect();
        Change::Proposed { base, tip, target: branch, policy }
    } else if matches!(event.as_str(), "cron" | "api") {
        Change::Everything
    } else {
        pushed(left, said.built("TRAVIS_COMMIT"), moved(branch, said.value("TRAVIS_TAG").is_some()))
    };
    Ok(Occasion { tag: said.tag("TRAVIS_TAG"), ..said.occasion(event, change) })
}

/// `BUILDKITE_COMMIT` is the word `HEAD` for builds that were started by hand.
fn buildkite(said: &Said<'_>) -> Result<Occasion, CiError> {
    let tip = said.built("BUILDKITE_COMMIT");
    let request = said.value("BUILDKITE_PULL_REQUEST").is_some_and(|number| number != "false");
    let base = said.value("BUILDKITE_PULL_REQUEST_BASE_BRANCH");
    let (event, change) = match base.filter(|_| request) {
        Some(base) => ("pull request", proposed(Point::Branch(base.clone()), tip, Some(base))),
        None if request => return Err(missing(said, "BUILDKITE_PULL_REQUEST_BASE_BRANCH")),
        None if said.value("BUILDKITE_SOURCE").is_some_and(|source| source == "schedule") => {
            ("schedule", Change::Everything)
        }
        None if said.value("BUILDKITE_TAG").is_some() => ("tag", pushed(None, tip, Some(Moved::Tag))),
        None => ("build", pushed(None, tip, moved(said.value("BUILDKITE_BRANCH"), false))),
    };
    let mut occasion = said.occasion(event, change);
    occasion.tag = said.tag("BUILDKITE_TAG");
    occasion.default_branch = said.value("BUILDKITE_PIPELINE_DEFAULT_BRANCH");
    Ok(occasion)
}
