//! `stanch ci`: for every service and everything that may happen there, the range that is scanned and the exit code.

mod choice;
mod policy;
mod recipes;
mod reports;
mod stopped;
mod tags;

use crate::world::{Ran, World, token};
use std::cell::Cell;
use std::path::{Path, PathBuf};

pub(crate) const NONE: &str = "0000000000000000000000000000000000000000";

/// Every service, by its word.
pub(crate) const SERVICES: [&str; 7] = ["github", "gitlab", "bitbucket", "circleci", "jenkins", "travis", "buildkite"];

/// What happens at a service.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Push { before: String, after: String, branch: &'static str },
    Request { base: String, head: String },
    Tag { after: String },
    Schedule { after: String },
}

impl Happening {
    pub(crate) fn push(before: &str, after: &str) -> Self {
        Self::Push { before: before.to_owned(), after: after.to_owned(), branch: "topic" }
    }

    pub(crate) fn request(base: &str, head: &str) -> Self {
        Self::Request { base: base.to_owned(), head: head.to_owned() }
    }
}

/// A repository on a server, those who push to it, and the clones of jobs.
///
/// `main` has a leak that was taken out again before `base`. `topic` starts there: `first` is clean, `leaked` brings a
/// second leak, `head` takes it out.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) base: String,
    pub(crate) first: String,
    pub(crate) head: String,
    jobs: Cell<u32>,
    events: Cell<u32>,
}

pub(crate) fn old() -> String {
    token(7_001)
}

pub(crate) fn new() -> String {
    token(7_002)
}

impl Site {
    /// With the leaks, or with words in their place.
    pub(crate) fn new(leaky: bool) -> Self {
        let world = World::new();
        let line =
            |secret: String| if leaky { format!("KEY = {secret}\n") } else { "KEY = from the store\n".to_owned() };
        world.commit("old.env", line(old()), "one");
        std::fs::remove_file(world.top().join("old.env")).unwrap();
        let base = world.commit("readme", "clean", "two");
        let origin = world.outside("origin.git");
        world.git(&["init", "-q", "--bare", "-b", "main", origin.to_str().unwrap()]);
        world.git(&["remote", "add", "origin", origin.to_str().unwrap()]);
        world.git(&["checkout", "-q", "-b", "topic"]);
        let first = world.commit("src/a.py", "print(1)\n", "three");
        world.commit("src/new.env", line(new()), "four");
        std::fs::remove_file(world.top().join("src/new.env")).unwrap();
        let head = world.commit("src/b.py", "print(2)\n", "five");
        let site = Self { world, base, first, head, jobs: Cell::new(0), events: Cell::new(0) };
        site.publish();
        site
    }

    /// Pushes all branches and tags.
    pub(crate) fn publish(&self) {
        self.world.git(&["push", "-q", "--force", "--no-verify", "origin", "--all"]);
        self.world.git(&["push", "-q", "--force", "--no-verify", "origin", "--tags"]);
    }

    /// What a job finds: a clone with a commit checked out, as services do it.
    pub(crate) fn job(&self, commit: &str, depth: Option<&str>) -> PathBuf {
        self.jobs.set(self.jobs.get() + 1);
        let directory = self.world.outside(&format!("job-{}", self.jobs.get()));
        let (job, url) =
            (directory.to_str().unwrap(), format!("file://{}", self.world.outside("origin.git").display()));
        match depth {
            None => {
                self.world.git(&["clone", "-q", "--no-checkout", &url, job]);
            }
            Some(depth) => {
                self.world.git(&["clone", "-q", "--no-checkout", "--depth", depth, "-b", "topic", &url, job]);
            }
        }
        self.git_in(&directory, &["checkout", "-q", "--detach", commit]);
        directory
    }

    #[track_caller]
    pub(crate) fn git_in(&self, directory: &Path, arguments: &[&str]) -> Ran {
        let mut command = self.world.command("git");
        command.current_dir(directory).args(arguments);
        self.world.run(command).expect(0)
    }

    /// Runs `stanch ci` in a job.
    pub(crate) fn ci(&self, job: &Path, said: &[(&'static str, String)], arguments: &[&str]) -> Ran {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_stanch"));
        command.current_dir(job).arg("ci").args(arguments).envs(said.iter().cloned());
        self.world.run(command)
    }

    /// The variables that a service sets for what happened.
    pub(crate) fn said(&self, service: &str, happening: &Happening) -> Vec<(&'static str, String)> {
        let text = str::to_owned;
        match service {
            "github" => self.github(happening),
            "gitlab" => {
                let mut said = vec![("GITLAB_CI", text("true")), ("CI_DEFAULT_BRANCH", text("main"))];
                said.extend(match happening {
                    Happening::Push { before, after, branch } => vec![
                        ("CI_PIPELINE_SOURCE", text("push")),
                        ("CI_COMMIT_BEFORE_SHA", before.clone()),
                        ("CI_COMMIT_SHA", after.clone()),
                        ("CI_COMMIT_BRANCH", text(branch)),
                    ],
                    Happening::Request { base, head } => vec![
                        ("CI_PIPELINE_SOURCE", text("merge_request_event")),
                        ("CI_COMMIT_BEFORE_SHA", text(NONE)),
                        ("CI_COMMIT_SHA", head.clone()),
                        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.clone()),
                        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", text("main")),
                    ],
                    Happening::Tag { after } => vec![
                        ("CI_PIPELINE_SOURCE", text("push")),
                        ("CI_COMMIT_BEFORE_SHA", text(NONE)),
                        ("CI_COMMIT_SHA", after.clone()),
                        ("CI_COMMIT_TAG", text("v1")),
                    ],
                    Happening::Schedule { after } => vec![
                        ("CI_PIPELINE_SOURCE", text("schedule")),
                        ("CI_COMMIT_BEFORE_SHA", text(NONE)),
                        ("CI_COMMIT_SHA", after.clone()),
                        ("CI_COMMIT_BRANCH", text("main")),
                    ],
                });
                said
            }
            "bitbucket" => {
                let mut said = vec![("BITBUCKET_BUILD_NUMBER", text("12")), ("CI", text("true"))];
                said.extend(match happening {
                    Happening::Push { after, branch, .. } => {
                        vec![("BITBUCKET_COMMIT", after.clone()), ("BITBUCKET_BRANCH", text(branch))]
                    }
                    Happening::Request { base, head } => vec![
                        ("BITBUCKET_COMMIT", head.clone()),
                        ("BITBUCKET_BRANCH", text("topic")),
                        ("BITBUCKET_PR_ID", text("4")),
                        ("BITBUCKET_PR_DESTINATION_COMMIT", base[..12].to_owned()),
                        ("BITBUCKET_PR_DESTINATION_BRANCH", text("main")),
                    ],
                    Happening::Tag { after } => {
                        vec![("BITBUCKET_COMMIT", after.clone()), ("BITBUCKET_TAG", text("v1"))]
                    }
                    Happening::Schedule { after } => {
                        vec![("BITBUCKET_COMMIT", after.clone()), ("BITBUCKET_BRANCH", text("main"))]
                    }
                });
                said
            }
            "circleci" => {
                let mut said = vec![("CIRCLECI", text("true"))];
                said.extend(match happening {
                    Happening::Push { before, after, branch } => vec![
                        ("CIRCLE_SHA1", after.clone()),
                        ("CIRCLE_BRANCH", text(branch)),
                        ("STANCH_BASE", if before == NONE { String::new() } else { before.clone() }),
                    ],
                    Happening::Request { base, head } => vec![
                        ("CIRCLE_SHA1", head.clone()),
                        ("CIRCLE_BRANCH", text("pull/7")),
                        ("STANCH_BASE", base.clone()),
                    ],
                    Happening::Tag { after } => vec![("CIRCLE_SHA1", after.clone()), ("CIRCLE_TAG", text("v1"))],
                    Happening::Schedule { after } => {
                        vec![("CIRCLE_SHA1", after.clone()), ("CIRCLE_BRANCH", text("main"))]
                    }
                });
                said
            }
            "jenkins" => {
                let mut said = vec![("JENKINS_URL", text("http://ci.example/")), ("BRANCH_NAME", text("topic"))];
                match happening {
                    Happening::Push { before, .. } if before != NONE => {
                        said.push(("GIT_PREVIOUS_SUCCESSFUL_COMMIT", before.clone()));
                    }
                    Happening::Push { .. } => {}
                    Happening::Request { .. } => said.push(("CHANGE_TARGET", text("main"))),
                    Happening::Tag { .. } => said.push(("TAG_NAME", text("v1"))),
                    Happening::Schedule { .. } => {
                        said.extend([("BRANCH_NAME", text("main")), ("BRANCH_IS_PRIMARY", text("true"))]);
                    }
                }
                said
            }
            "travis" => {
                let mut said = vec![("TRAVIS", text("true"))];
                let range = |from: &str, to: &str| format!("{}...{}", &from[..12], &to[..12]);
                said.extend(match happening {
                    Happening::Push { before, after, branch } => vec![
                        ("TRAVIS_EVENT_TYPE", text("push")),
                        ("TRAVIS_PULL_REQUEST", text("false")),
                        ("TRAVIS_BRANCH", text(branch)),
                        ("TRAVIS_COMMIT", after.clone()),
                        ("TRAVIS_COMMIT_RANGE", if before == NONE { String::new() } else { range(before, after) }),
                    ],
                    Happening::Request { base, head } => vec![
                        ("TRAVIS_EVENT_TYPE", text("pull_request")),
                        ("TRAVIS_PULL_REQUEST", text("9")),
                        ("TRAVIS_PULL_REQUEST_SHA", head.clone()),
                        ("TRAVIS_BRANCH", text("main")),
                        ("TRAVIS_COMMIT_RANGE", range(base, head)),
                    ],
                    Happening::Tag { after } => vec![
                        ("TRAVIS_EVENT_TYPE", text("push")),
                        ("TRAVIS_PULL_REQUEST", text("false")),
                        ("TRAVIS_BRANCH", text("v1")),
                        ("TRAVIS_TAG", text("v1")),
                        ("TRAVIS_COMMIT", after.clone()),
                    ],
                    Happening::Schedule { after } => {
                        vec![("TRAVIS_EVENT_TYPE", text("cron")), ("TRAVIS_COMMIT", after.clone())]
                    }
                });
                said
            }
            "buildkite" => {
                let mut said = vec![
                    ("BUILDKITE", text("true")),
                    ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", text("main")),
                    ("BUILDKITE_BRANCH", text("topic")),
                    ("BUILDKITE_PULL_REQUEST", text("false")),
                ];
                said.extend(match happening {
                    Happening::Push { after, .. } => vec![("BUILDKITE_COMMIT", after.clone())],
                    Happening::Request { head, .. } => vec![
                        ("BUILDKITE_COMMIT", head.clone()),
                        ("BUILDKITE_PULL_REQUEST", text("3")),
                        ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", text("main")),
                    ],
                    Happening::Tag { after } => {
                        vec![("BUILDKITE_COMMIT", after.clone()), ("BUILDKITE_TAG", text("v1"))]
                    }
                    Happening::Schedule { .. } => {
                        vec![("BUILDKITE_COMMIT", text("HEAD")), ("BUILDKITE_SOURCE", text("schedule"))]
                    }
                });
                said
            }
            other => panic!("{other} is no service of this test"),
        }
    }

    fn github(&self, happening: &Happening) -> Vec<(&'static str, String)> {
        let repository = serde_json::json!({ "default_branch": "main", "full_name": "acme/shop" });
        let (name, sha, event) = match happening {
            Happening::Push { before, after, branch } => {
                let reference = format!("refs/heads/{branch}");
                ("push", after, serde_json::json!({ "before": before, "after": after, "ref": reference }))
            }
            Happening::Request { base, head } => {
                let ends = serde_json::json!({
                    "base": { "sha": base, "ref": "main" },
                    "head": { "sha": head, "ref": "topic" },
                });
                ("pull_request", head, serde_json::json!({ "action": "opened", "pull_request": ends }))
            }
            Happening::Tag { after } => {
                ("push", after, serde_json::json!({ "before": NONE, "after": after, "ref": "refs/tags/v1" }))
            }
            Happening::Schedule { after } => ("schedule", after, serde_json::json!({ "schedule": "0 4 * * *" })),
        };
        let mut event = event;
        event["repository"] = repository;
        self.events.set(self.events.get() + 1);
        let path = self.world.outside(&format!("event-{}.json", self.events.get()));
        std::fs::write(&path, event.to_string()).unwrap();
        vec![
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_EVENT_NAME", name.to_owned()),
            ("GITHUB_EVENT_PATH", path.to_str().unwrap().to_owned()),
            ("GITHUB_SHA", sha.clone()),
            ("GITHUB_STEP_SUMMARY", self.world.outside("summary.md").to_str().unwrap().to_owned()),
        ]
    }
}
