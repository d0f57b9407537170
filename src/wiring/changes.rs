//! From what a continuous-integration service says to commits that are in this clone. What is not there is never taken
//! for empty: everything that is there is scanned instead, and the gap is named with the line that closes it.

use super::policy;
use super::scanner::{Policy, Target, Whereabouts};
use crate::ci::{Change, Occasion, Point, Tag};
use crate::scan::{Gap, Stop};
use crate::source::SourceError;
use crate::source::git::{ObjectId, Repository};
use git2::Reference;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// The remote that jobs clone from.
const REMOTE: &str = "origin";

/// How often a signal is looked for while git fetches.
const TICK: Duration = Duration::from_millis(10);

/// How many times the end of a git that was asked to end is awaited.
const PATIENCE: u32 = 10;

/// A range begins with this when it excludes nothing.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// What is scanned for an occasion, and why.
#[derive(Debug)]
pub struct Changes {
    /// The commits.
    pub target: Target,
    /// The range as git would take it; none for the whole history.
    pub range: Option<String>,
    /// The commit that is judged, for reports that name one.
    pub tip: Option<String>,
    /// What was chosen and why, in one line.
    pub words: String,
    /// Where the policy is read.
    pub policy: Policy,
    /// What the clone does not have.
    pub gaps: Vec<Gap>,
    /// What a reviewer should know.
    pub notices: Vec<String>,
    /// Whether the clone leaves out old commits or their content.
    pub cut: bool,
}

/// Said where nothing could be read that was accepted before.
const NO_BASE: &str = "no base to read stanch.yaml and .stanchignore from: the built-in policy counts";

/// A clone, and what is asked of it.
struct Clone<'a> {
    repository: Repository,
    whereabouts: &'a Whereabouts,
    occasion: &'a Occasion,
    cut: bool,
}

/// Chooses.
///
/// # Errors
/// When there is no repository, or nothing in it that could be scanned.
pub fn choose(occasion: &Occasion, whereabouts: &Whereabouts) -> Result<Changes, SourceError> {
    let repository = whereabouts.open()?;
    let cut = is_cut(&repository);
    let clone = Clone { repository, whereabouts, occasion, cut };
    let changes = match &occasion.change {
        Change::Everything => clone.everything(),
        Change::Proposed { base, tip, target, policy } => clone.proposed(base, tip, target.as_deref(), policy),
        Change::Pushed { before, tip, branch } => clone.pushed(before, tip, branch.as_deref()),
        Change::Begun { tip, branch } => clone.begun(tip, branch.as_deref(), None),
    }?;
    Ok(match &occasion.tag {
        Some(tag) => clone.tagged(tag, changes),
        None => changes,
    })
}

/// True for a clone without old commits, or without the content of some.
fn is_cut(repository: &Repository) -> bool {
    repository.is_shallow() || repository.is_partial()
}

impl Clone<'_> {
    fn everything(&self) -> Result<Changes, SourceError> {
        let head = self.find(&Point::Head);
        let words = self.words("the whole history", "nothing was pushed or proposed");
        // Whoever may start a run by hand could else have his own branch excuse itself.
        let judge = self.default_branch().map(|(_, id)| id);
        let policy = judge.map_or(Policy::BuiltIn, |id| Policy::Of(id.to_string()));
        let notices = match (judge, head) {
            (Some(judge), Some(head)) => {
                let since = self.repository.merge_base(judge, head).unwrap_or(judge);
                self.changed_policy(Some(judge), since, head)
            }
            _ => vec![NO_BASE.to_owned()],
        };
        Ok(Changes {
            target: Target::History(self.whereabouts.clone()),
            range: None,
            tip: head.map(|head| head.to_string()),
            words,
            policy,
            gaps: Vec::new(),
            notices,
            cut: self.cut,
        })
    }

    fn proposed(
        &self,
        base: &Point,
        tip: &Point,
        target: Option<&str>,
        policy: &[Point],
    ) -> Result<Changes, SourceError> {
        let judge = policy.iter().find_map(|point| self.find(point));
        match (self.find(base), self.find(tip)) {
            (Some(from), Some(to)) if (*tip == Point::Head || self.occasion.is_told) && self.holds(from, to) => {
                Ok(self.nothing_new(from, to, judge.unwrap_or(from)))
            }
            (Some(from), Some(to)) => {
                let why = target.map_or_else(
                    || format!("base {base}"),
                    |name| format!("base {}", Point::Revision(name.to_owned())),
                );
                Ok(self.between(from, to, judge, &why))
            }
            (from, to) => self.snapshot(&[(base, from), (tip, to)], judge),
        }
    }

    fn pushed(&self, before: &Point, tip: &Point, branch: Option<&str>) -> Result<Changes, SourceError> {
        let to_where = branch.map_or_else(String::new, |name| format!(" to {}", Point::Revision(name.to_owned())));
        // A branch could else loosen the policy by one push and use that by the next. A base that a person names counts.
        let named = self.occasion.is_told && matches!(before, Point::Revision(_));
        let judge = self.default_beside(branch).filter(|_| !named);
        match (self.find(before), self.find(tip)) {
            (Some(from), Some(to)) if self.occasion.is_told && self.holds(from, to) => {
                Ok(self.nothing_new(from, to, judge.unwrap_or(from)))
            }
            (Some(from), Some(to)) => {
                let straight = self.holds(to, from);
                let push = if straight || self.cut { "pushed" } else { "forced push" };
                Ok(self.between(from, to, Some(judge.unwrap_or(from)), &format!("{push}{to_where}")))
            }
            // A clone that has every branch whole lacks a commit only when no branch has it any more.
            (None, Some(_)) if !self.cut && matches!(before, Point::Commit(_)) => {
                self.begun(tip, branch, Some(&format!("forced push{to_where}, which left {before} behind")))
            }
            (from, to) => {
                let judge = self.default_beside(branch).or(from);
                self.snapshot(&[(before, from), (tip, to)], judge)
            }
        }
    }

    /// Everything that the default branch has not; everything, if this is the default branch or nobody knows it.
    fn begun(&self, tip: &Point, branch: Option<&str>, why: Option<&str>) -> Result<Changes, SourceError> {
        let Some(to) = self.find(tip) else { return self.snapshot(&[(tip, None)], None) };
        match self.default_branch() {
            Some((name, from)) if Some(name.as_str()) != branch => {
                let why = why.unwrap_or("new");
                let base = Point::Branch(name);
                Ok(self.between(from, to, Some(from), &format!("{why}: all that {base} has not")))
            }
            known => {
                let own = known.is_some() || self.occasion.is_of_default_branch();
                let (why, policy) = match why {
                    // What was there is gone, and what is there now may not judge itself.
                    Some(why) => (format!("{why}: all that it reaches"), Policy::BuiltIn),
                    None if own => {
                        let why = "the default branch, and nothing says what it was before: all that it reaches";
                        (why.to_owned(), Policy::Of(to.to_string()))
                    }
                    None => {
                        let why = "new, and the default branch is not in this clone: all that it reaches";
                        (why.to_owned(), Policy::BuiltIn)
                    }
                };
                let mut changes =
                    self.range(NOTHING.to_owned(), to, policy, self.words(&format!("everything..{}", short(to)), &why));
                if matches!(changes.policy, Policy::Of(_)) {
                    changes
                        .notices
                        .push("nothing says what was there before: this run went by its own policy".to_owned());
                }
                Ok(changes)
            }
        }
    }

    /// A base that holds the tip already, as origin/main does on main, says nothing of what is new.
    fn nothing_new(&self, from: ObjectId, to: ObjectId, judge: ObjectId) -> Changes {
        let why = format!("{} holds it already: all that it reaches", short(from));
        let words = self.words(&format!("everything..{}", short(to)), &why);
        self.range(NOTHING.to_owned(), to, Policy::Of(judge.to_string()), words)
    }

    fn between(&self, from: ObjectId, to: ObjectId, judge: Option<ObjectId>, why: &str) -> Changes {
        let policy = judge.map_or(Policy::BuiltIn, |id| Policy::Of(id.to_string()));
        let words = self.words(&format!("{}..{}", short(from), short(to)), why);
        let mut changes = self.range(from.to_string(), to, policy, words);
        let since = self.repository.merge_base(judge.unwrap_or(from), to).unwrap_or(from);
        changes.notices.extend(self.changed_policy(judge, since, to));
        changes
    }

    /// Says which files of the policy differ between two commits, and which counted.
    fn changed_policy(&self, judge: Option<ObjectId>, from: ObjectId, to: ObjectId) -> Vec<String> {
        let read = judge.map_or_else(|| "the built-in policy".to_owned(), |id| format!("that of {}", short(id)));
        let said = |name| format!("{name} is changed here, which counts once it is merged: this run went by {read}");
        policy::changed(&self.repository, from, to).into_iter().map(said).collect()
    }

    /// What was asked for is not there: everything that is there is scanned, and is not enough.
    fn snapshot(&self, points: &[(&Point, Option<ObjectId>)], judge: Option<ObjectId>) -> Result<Changes, SourceError> {
        let remedy = Some(self.occasion.service.remedy().to_owned());
        let missing: Vec<_> =
            points.iter().filter(|(_, id)| id.is_none()).map(|(point, _)| point.to_string()).collect();
        let gaps =
            missing.iter().map(|name| Gap { what: format!("{name} is not in this clone"), remedy: remedy.clone() });
        let gaps = gaps.collect();
        let tip = points.last().and_then(|(_, id)| *id);
        let to = match tip {
            Some(tip) => tip,
            None => self.head()?,
        };
        let policy = judge.map_or(Policy::BuiltIn, |id| Policy::Of(id.to_string()));
        let why = format!("all that is here, because {} is not", missing.join(" and "));
        let words = self.words(&format!("everything..{}", short(to)), &why);
        Ok(Changes { gaps, ..self.range(NOTHING.to_owned(), to, policy, words) })
    }

    /// A tag may have a message, which is read with the commits; the history has the tags of the clone already.
    fn tagged(&self, tag: &Tag, mut changes: Changes) -> Changes {
        let (Target::Range(_, range), Some(tip)) = (&changes.target, &changes.tip) else { return changes };
        match (self.object_of(tag, tip), range.split_once("..")) {
            (Some(object), Some((from, _))) => {
                changes.target = Target::Range(self.whereabouts.clone(), format!("{from}..{object}"));
            }
            _ => changes.gaps.push(Gap {
                what: format!("the tag {}, as it was pushed, is not in this clone", Point::Revision(tag.name.clone())),
                remedy: Some(self.occasion.service.remedy().to_owned()),
            }),
        }
        changes
    }

    /// What a tag names, where that leads to the commit that is judged.
    fn object_of(&self, tag: &Tag, tip: &str) -> Option<ObjectId> {
        let id = match &tag.object {
            Some(object) => object.parse().ok(),
            None => self.repository.reference(&format!("refs/tags/{}", tag.name)).ok()?,
        }?;
        let commit = self.repository.commit_of(&id)?;
        (commit.to_string() == tip).then_some(id)
    }

    fn range(&self, from: String, to: ObjectId, policy: Policy, words: String) -> Changes {
        let range = format!("{from}..{to}");
        let notices = match policy {
            Policy::BuiltIn => {
                vec![NO_BASE.to_owned()]
            }
            _ => Vec::new(),
        };
        Changes {
            target: Target::Range(self.whereabouts.clone(), range.clone()),
            range: Some(range),
            tip: Some(to.to_string()),
            words,
            policy,
            gaps: Vec::new(),
            notices,
            cut: self.cut,
        }
    }

    fn words(&self, what: &str, why: &str) -> String {
        let event = Point::Revision(self.occasion.event.clone());
        format!("{} {event}: {what} ({why})", self.occasion.service.word())
    }

    /// True when one commit is another, or reaches it.
    fn holds(&self, commit: ObjectId, other: ObjectId) -> bool {
        self.repository.reaches(commit, other)
    }

    fn head(&self) -> Result<ObjectId, SourceError> {
        self.repository.commit_at("HEAD")
    }

    /// References are named in full: a tag that is called like a branch of the remote must not stand in for it.
    fn find(&self, point: &Point) -> Option<ObjectId> {
        let repository = &self.repository;
        match point {
            Point::Commit(id) => repository.commit_by_digits(id),
            Point::Branch(name) => repository.commit_of(&repository.reference(&tracking(name)?).ok()??),
            Point::Revision(text) => repository.commit_at(text).ok(),
            Point::Head => repository.head().ok()?,
        }
    }

    /// The tip of the default branch, for another branch than that, and for tags.
    fn default_beside(&self, branch: Option<&str>) -> Option<ObjectId> {
        let (name, id) = self.default_branch()?;
        let is_other = branch.map_or(self.occasion.tag.is_some(), |branch| branch != name);
        is_other.then_some(id)
    }

    /// The default branch and its tip: as the service says, else as the remote said when it was cloned, else by custom.
    fn default_branch(&self) -> Option<(String, ObjectId)> {
        let with_tip = |name: String| self.find(&Point::Branch(name.clone())).map(|id| (name, id));
        if let Some(name) = &self.occasion.default_branch {
            return with_tip(name.clone());
        }
        let target = self.repository.stands_for(&format!("refs/remotes/{REMOTE}/HEAD"));
        let named =
            target.and_then(|name| name.strip_prefix(&format!("refs/remotes/{REMOTE}/")).map(ToOwned::to_owned));
        named.into_iter().chain(["main".to_owned(), "master".to_owned()]).find_map(with_tip)
    }
}

/// The reference by which a clone knows a branch of its remote; none for what is no name of a branch.
fn tracking(branch: &str) -> Option<String> {
    let name = format!("refs/remotes/{REMOTE}/{branch}");
    Reference::is_valid_name(&name).then_some(name)
}

fn short(id: ObjectId) -> String {
    id.to_string().chars().take(10).collect()
}

/// Fetches what an occasion needs and the clone has not, with the git program and its ways to log in. Each command is
/// told to `say` before it runs; one that fails leaves the gap that it should have closed.
///
/// # Errors
/// When there is no repository.
pub fn deepen(
    occasion: &Occasion,
    whereabouts: &Whereabouts,
    stop: &Stop,
    say: &mut dyn FnMut(&str),
) -> Result<(), SourceError> {
    let fetch = |arguments: &[&str], say: &mut dyn FnMut(&str)| fetch(arguments, stop, say);
    let open = || -> Result<Clone<'_>, SourceError> {
        let repository = whereabouts.open()?;
        Ok(Clone { repository, whereabouts, occasion, cut: false })
    };
    let repository = open()?.repository;
    if repository.is_shallow() {
        fetch(&["--unshallow", REMOTE], say);
    }
    if repository.is_partial() {
        fetch(&["--refetch", "--no-filter", REMOTE], say);
    }
    let clone = open()?;
    let mut points: Vec<Point> = match &occasion.change {
        Change::Everything => Vec::new(),
        Change::Proposed { base, tip, policy, .. } => [&[base.clone(), tip.clone()], policy.as_slice()].concat(),
        Change::Pushed { before, tip, .. } => vec![before.clone(), tip.clone()],
        Change::Begun { tip, .. } => vec![tip.clone()],
    };
    points.extend(occasion.default_branch.clone().map(Point::Branch));
    points.dedup();
    let every_branch = format!("+refs/heads/*:refs/remotes/{REMOTE}/*");
    if matches!(occasion.change, Change::Begun { .. }) && clone.default_branch().is_none() {
        fetch(&[REMOTE, &every_branch], say);
    }
    for point in points.iter().filter(|point| clone.find(point).is_none()) {
        match point {
            Point::Commit(id) if id.len() >= 40 => fetch(&[REMOTE, id], say),
            Point::Branch(name) if tracking(name).is_some() => {
                fetch(&[REMOTE, &format!("+refs/heads/{name}:refs/remotes/{REMOTE}/{name}")], say);
            }
            _ => fetch(&[REMOTE, &every_branch], say),
        }
    }
    if let Some(tag) = &occasion.tag {
        let name = format!("refs/tags/{}", tag.name);
        let is_here =
            clone.find(tip_of(&occasion.change)).is_some_and(|id| clone.object_of(tag, &id.to_string()).is_some());
        if !is_here && Reference::is_valid_name(&name) {
            fetch(&[REMOTE, &format!("+{name}:{name}")], say);
        }
    }
    Ok(())
}

fn tip_of(change: &Change) -> &Point {
    match change {
        Change::Everything => &Point::Head,
        Change::Proposed { tip, .. } | Change::Pushed { tip, .. } | Change::Begun { tip, .. } => tip,
    }
}

/// What git says is not repeated: it may name an address with a password in it. A signal ends the waiting, and what was
/// not fetched is a gap.
fn fetch(arguments: &[&str], stop: &Stop, say: &mut dyn FnMut(&str)) {
    if stop.asked().is_some() {
        return;
    }
    let shown = Point::Revision(arguments.join(" "));
    say(&format!("git fetch {shown}"));
    let ran = Command::new("git")
        .args(["fetch", "--quiet", "--no-recurse-submodules"])
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .and_then(|child| ended(child, stop));
    match ran {
        Ok(Some(status)) if status.success() => {}
        Ok(Some(status)) => say(&format!("git fetch failed ({status})")),
        Ok(None) => say("git fetch was stopped by a signal"),
        Err(error) => say(&format!("git fetch did not start: {error}")),
    }
}

/// How a child ends; none where a signal comes first.
fn ended(mut child: Child, stop: &Stop) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if stop.asked().is_some() {
            end(&mut child)?;
            return Ok(None);
        }
        std::thread::sleep(TICK);
    }
}

/// Asks git to end, which takes its locks away, before it is made to.
fn end(child: &mut Child) -> io::Result<()> {
    let asked = Command::new("kill").arg(child.id().to_string()).stderr(Stdio::null()).status();
    for _ in 0..PATIENCE {
        if asked.is_err() || child.try_wait()?.is_some() {
            break;
        }
        std::thread::sleep(TICK);
    }
    child.kill()?;
    child.wait().map(drop)
}
