//! Every service × everything that may happen: what is scanned, what comes of it.

use super::{Happening, NONE, SERVICES, Site, new, old};
use crate::world::{Ran, World};

/// The first ten digits, as messages show them.
fn ten(id: &str) -> &str {
    &id[..10]
}

#[track_caller]
fn first_line(ran: &Ran) -> &str {
    ran.stderr.lines().next().unwrap()
}

/// The new leak is found, the old one is not, and no output shows either.
#[track_caller]
fn finds_the_new_one(ran: Ran, case: &str) -> Ran {
    let ran = ran.hides(&old()).hides(&new());
    assert_eq!(ran.code, 1, "{case}: {ran:?}");
    let found = ran.stdout.lines().filter(|line| line.contains(" high stanch.demo-token ")).count();
    assert_eq!(found, 1, "{case}: {}", ran.stdout);
    assert!(ran.stdout.contains("src/new.env@"), "{case}: {}", ran.stdout);
    ran
}

/// Services that say where a branch was before.
fn knows_before(service: &str) -> bool {
    !matches!(service, "bitbucket" | "buildkite")
}

#[test]
fn a_pull_request_is_what_its_base_has_not() {
    let site = Site::new(true);
    let job = site.job(&site.head, None);
    for service in SERVICES {
        let said = site.said(service, &Happening::request(&site.base, &site.head));
        let ran = finds_the_new_one(site.ci(&job, &said, &["--format", "lines"]), service);
        let line = first_line(&ran);
        let range = format!("{}..{}", ten(&site.base), ten(&site.head));
        assert!(line.starts_with(&format!("stanch: {service} ")) && line.contains(&range), "{service}: {line}");
        assert!(service == "circleci" || line.contains("(base main)"), "{service}: {line}");
    }
}

#[test]
fn a_push_is_what_was_not_there_before() {
    let site = Site::new(true);
    let job = site.job(&site.head, None);
    for service in SERVICES {
        let said = site.said(service, &Happening::push(&site.first, &site.head));
        let ran = finds_the_new_one(site.ci(&job, &said, &["--format", "lines"]), service);
        let from = if knows_before(service) { &site.first } else { &site.base };
        let range = format!("{}..{}", ten(from), ten(&site.head));
        assert!(first_line(&ran).contains(&range), "{service}: {}", first_line(&ran));
    }
    // What came before is nobody's new leak, if the service says so itself.
    for service in ["github", "gitlab", "jenkins", "travis"] {
        let said = site.said(service, &Happening::push(&site.head, &site.head));
        site.ci(&job, &said, &[]).expect(0).says("no leaks");
    }
}

#[test]
fn a_new_branch_is_what_the_default_branch_has_not() {
    let site = Site::new(true);
    let job = site.job(&site.head, None);
    for service in SERVICES {
        let said = site.said(service, &Happening::push(NONE, &site.head));
        let ran = finds_the_new_one(site.ci(&job, &said, &["--format", "lines"]), service);
        let line = first_line(&ran);
        assert!(line.contains("new: all that origin/main has not"), "{service}: {line}");
    }
    // Where nobody knows the default branch, all that the branch reaches is read.
    site.git_in(&job, &["update-ref", "-d", "refs/remotes/origin/main"]);
    site.git_in(&job, &["remote", "set-head", "origin", "--delete"]);
    for service in SERVICES {
        let said = site.said(service, &Happening::push(NONE, &site.head));
        let ran =
            site.ci(&job, &said, &["--format", "lines"]).expect(1).says("all that it reaches").says("built-in policy");
        assert!(ran.stdout.contains("old.env@") && ran.stdout.contains("new.env@"), "{service}: {}", ran.stdout);
    }
}

#[test]
fn the_first_push_of_the_default_branch_is_all_of_it() {
    let site = Site::new(true);
    let job = site.job(&site.base, None);
    for service in ["github", "gitlab", "bitbucket", "travis", "circleci"] {
        let push = Happening::Push { before: NONE.to_owned(), after: site.base.clone(), branch: "main" };
        let ran = site.ci(&job, &site.said(service, &push), &["--format", "lines"]).expect(1);
        assert!(ran.stdout.contains("old.env@"), "{service}: {}", ran.stdout);
        assert!(first_line(&ran).contains("all that it reaches"), "{service}: {}", first_line(&ran));
    }
}

#[test]
fn a_forced_push_leaves_what_was_there_behind() {
    let site = Site::new(true);
    let left = site.head.clone();
    // Before it is in the clone, when the clone is an old one; and it is not in a fresh one.
    let aged = site.job(&left, None);
    site.world.git(&["reset", "-q", "--hard", &site.base]);
    let leaked = site.world.commit("src/new.env", format!("KEY = {}\n", new()), "rewritten");
    site.publish();
    site.git_in(&aged, &["fetch", "-q", "origin"]);
    site.git_in(&aged, &["checkout", "-q", "--detach", &leaked]);
    let fresh = site.job(&leaked, None);
    for service in SERVICES {
        let said = site.said(service, &Happening::push(&left, &leaked));
        for job in [&aged, &fresh] {
            let ran = finds_the_new_one(site.ci(job, &said, &["--format", "lines"]), service);
            let line = first_line(&ran);
            assert!(!knows_before(service) || line.contains("forced push"), "{service}: {line}");
        }
    }
}

#[test]
fn a_base_that_holds_the_tip_already_says_nothing() {
    let site = Site::new(true);
    let job = site.job(&site.base, None);
    // On main, where a shell compares with origin/main; and a pipeline by the clock.
    let tip_of = |site: &Site, base: &str| site.git_in(&job, &["rev-parse", base]).stdout[..10].to_owned();
    for base in ["origin/main", "HEAD", &site.base, "origin/topic"] {
        let said = [("STANCH_BASE", base.to_owned())];
        site.ci(&job, &said, &["--format", "lines"])
            .expect(1)
            .says("old.env@")
            .says(&format!("{} holds it already", tip_of(&site, base)));
        let circle =
            [("CIRCLECI", "true".to_owned()), ("CIRCLE_SHA1", site.base.clone()), ("CIRCLE_BRANCH", "main".to_owned())];
        site.ci(&job, &[&circle[..], &said].concat(), &["--format", "lines"]).expect(1).says("old.env@");
    }
    // A change request of which the target is checked out.
    let request = site.said("jenkins", &Happening::request(&site.base, &site.head));
    site.ci(&job, &request, &["--format", "lines"]).expect(1).says("old.env@").says("holds it already");
    // A custom pipeline of Bitbucket names neither branch nor tag.
    let custom = [("BITBUCKET_BUILD_NUMBER", "1".to_owned()), ("BITBUCKET_COMMIT", site.base.clone())];
    site.ci(&job, &custom, &["--format", "lines"]).expect(1).says("old.env@").says("the whole history");
}

#[test]
fn a_clone_without_content_is_never_clean() {
    let site = Site::new(false);
    let origin = site.world.outside("origin.git");
    site.git_in(&origin, &["config", "uploadpack.allowFilter", "true"]);
    let job = site.world.outside("partial");
    let url = format!("file://{}", origin.display());
    site.world.git(&["clone", "-q", "--no-checkout", "--filter=blob:none", &url, job.to_str().unwrap()]);
    site.git_in(&job, &["update-ref", "--no-deref", "HEAD", &site.head]);
    for service in SERVICES {
        let ran = site.ci(&job, &site.said(service, &Happening::request(&site.base, &site.head)), &["--exit-zero"]);
        assert_eq!(ran.code, 3, "{service}: {ran:?}");
        ran.says("INCOMPLETE").says(remedy(service));
    }
    let said = site.said("circleci", &Happening::request(&site.base, &site.head));
    site.ci(&job, &said, &["--fetch"]).expect(0).says("git fetch --refetch");
    for service in SERVICES {
        site.ci(&job, &site.said(service, &Happening::request(&site.base, &site.head)), &[]).expect(0);
    }
}

#[test]
fn a_tag_is_what_the_default_branch_has_not() {
    let site = Site::new(true);
    site.world.git_as_kim(&["tag", "-a", "-m", "one", "v1"]);
    site.publish();
    let job = site.job(&site.head, None);
    for service in SERVICES {
        let said = site.said(service, &Happening::Tag { after: site.head.clone() });
        finds_the_new_one(site.ci(&job, &said, &["--format", "lines"]), service);
    }
}

#[test]
fn a_scheduled_run_reads_the_whole_history() {
    let site = Site::new(true);
    let job = site.job(&site.base, None);
    for service in SERVICES {
        let said = site.said(service, &Happening::Schedule { after: site.base.clone() });
        let ran = site.ci(&job, &said, &["--format", "lines"]).expect(1);
        assert!(ran.stdout.contains("old.env@"), "{service}: {}", ran.stdout);
    }
}

/// What closes the gap, for each service.
fn remedy(service: &str) -> &'static str {
    match service {
        "github" => "fetch-depth: 0",
        "gitlab" => "GIT_DEPTH: 0",
        "bitbucket" => "depth: full",
        "circleci" => "method: full",
        "jenkins" => "shallow clone",
        "travis" => "depth: false",
        "buildkite" => "BUILDKITE_GIT_CLONE_FLAGS",
        other => panic!("{other}"),
    }
}

#[test]
fn a_shallow_clone_is_never_clean() {
    let site = Site::new(false);
    let happenings = [
        Happening::push(&site.first, &site.head),
        Happening::push(&site.base, &site.head),
        Happening::push(NONE, &site.head),
        Happening::request(&site.base, &site.head),
        Happening::Tag { after: site.head.clone() },
        Happening::Schedule { after: site.head.clone() },
    ];
    for depth in ["1", "2"] {
        let job = site.job(&site.head, Some(depth));
        for (service, happening) in SERVICES.iter().flat_map(|service| happenings.iter().map(move |h| (*service, h))) {
            let ran = site.ci(&job, &site.said(service, happening), &[]);
            assert_eq!(ran.code, 3, "{service} {happening:?} at depth {depth}: {ran:?}");
            assert!(ran.stdout.contains("INCOMPLETE"), "{service}: {}", ran.stdout);
            assert!(ran.stdout.contains(remedy(service)), "{service} {happening:?}: {}", ran.stdout);
        }
    }
}

#[test]
fn a_shallow_clone_that_holds_the_whole_range_is_enough() {
    let site = Site::new(true);
    let job = site.job(&site.head, Some("4"));
    for service in ["github", "gitlab", "travis", "circleci", "jenkins"] {
        let said = site.said(service, &Happening::push(&site.first, &site.head));
        finds_the_new_one(site.ci(&job, &said, &["--format", "lines"]), service);
    }
    let clean = Site::new(false);
    let job = clean.job(&clean.head, Some("4"));
    for service in ["github", "gitlab", "travis", "circleci", "jenkins"] {
        clean.ci(&job, &clean.said(service, &Happening::push(&clean.first, &clean.head)), &[]).expect(0);
    }
}

#[test]
fn a_leak_in_a_shallow_clone_is_found_all_the_same() {
    let site = Site::new(true);
    site.world.commit("still.env", format!("KEY = {}\n", new()), "six");
    site.publish();
    let head = site.world.git(&["rev-parse", "HEAD"]).stdout.trim().to_owned();
    let job = site.job(&head, Some("1"));
    for service in SERVICES {
        let said = site.said(service, &Happening::request(&site.base, &head));
        let ran = site.ci(&job, &said, &[]).expect(1).says("still.env").says("INCOMPLETE");
        let forgiven = site.ci(&job, &said, &["--exit-zero"]);
        assert_eq!(forgiven.code, 3, "{service}: a finding is forgiven, a gap is not: {ran:?}");
    }
}

#[test]
fn a_base_that_is_not_there_is_never_clean() {
    let site = Site::new(false);
    let nowhere = "ab".repeat(20);
    let job = site.job(&site.head, None);
    for service in ["github", "bitbucket", "travis"] {
        let ran = site.ci(&job, &site.said(service, &Happening::request(&nowhere, &site.head)), &[]);
        assert_eq!(ran.code, 3, "{service}: {ran:?}");
        let ran = ran.says("ababababab is not in this clone").says(remedy(service));
        assert!(first_line(&ran).contains("all that is here, because ababababab is not"), "{}", first_line(&ran));
    }
    // Where the base is a branch, or is known by one.
    site.git_in(&job, &["update-ref", "-d", "refs/remotes/origin/main"]);
    for service in ["jenkins", "buildkite"] {
        let ran = site.ci(&job, &site.said(service, &Happening::request(&site.base, &site.head)), &[]).expect(3);
        ran.says("origin/main is not in this clone").says(remedy(service));
    }
    let gitlab = site.said("gitlab", &Happening::request(&nowhere, &site.head));
    site.ci(&job, &gitlab, &[]).expect(3).says(remedy("gitlab"));
    // What a person wrote is never taken for a branch that was left behind.
    let typed = [("STANCH_BASE", "origin/mian".to_owned())];
    site.ci(&job, &typed, &[]).expect(3).says("origin/mian is not in this clone").says("git fetch");
}

#[test]
fn a_head_that_is_not_there_is_never_clean() {
    let site = Site::new(false);
    // As for pull_request_target, where what is checked out is the base.
    let job = site.job(&site.base, None);
    let nowhere = "cd".repeat(20);
    for service in ["github", "gitlab", "bitbucket", "travis", "buildkite"] {
        let said = site.said(service, &Happening::request(&site.base, &nowhere));
        site.ci(&job, &said, &[]).expect(3).says("cdcdcdcdcd is not in this clone").says(remedy(service));
        let said = site.said(service, &Happening::push(&site.base, &nowhere));
        site.ci(&job, &said, &[]).expect(3).says("cdcdcdcdcd is not in this clone");
    }
}

#[test]
fn fetch_closes_the_gap_and_says_so() {
    let site = Site::new(true);
    for service in SERVICES {
        let happenings = [Happening::push(&site.first, &site.head), Happening::request(&site.base, &site.head)];
        for happening in happenings {
            let job = site.job(&site.head, Some("1"));
            let ran = site.ci(&job, &site.said(service, &happening), &["--fetch", "--format", "lines"]);
            let ran = finds_the_new_one(ran, &format!("{service} {happening:?}"));
            assert!(ran.stderr.starts_with("stanch: git fetch --unshallow origin\n"), "{service}: {}", ran.stderr);
            assert!(!ran.stdout.contains("incomplete"), "{service}: {}", ran.stdout);
        }
    }
    // A fetch that fails leaves the gap.
    let job = site.job(&site.head, Some("1"));
    site.git_in(&job, &["remote", "set-url", "origin", "https://kim:hunter2hunter2@127.0.0.1:1/nothing"]);
    let said = site.said("github", &Happening::request(&site.base, &site.head));
    let ran = site.ci(&job, &said, &["--fetch"]).expect(3).says("git fetch failed");
    assert!(!ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"), "{ran:?}");
}

#[test]
fn a_base_that_a_person_names_and_that_holds_the_proposal_says_nothing() {
    let site = Site::new(true);
    let job = site.job(&site.head, None);
    for service in SERVICES {
        let mut said = site.said(service, &Happening::request(&site.base, &site.head));
        said.retain(|(name, _)| *name != "STANCH_BASE");
        said.push(("STANCH_BASE", "HEAD".to_owned()));
        let ran = site.ci(&job, &said, &["--format", "lines"]);
        assert_eq!(ran.code, 1, "{service}: {ran:?}");
        assert!(ran.stdout.contains("src/new.env@"), "{service}: {}", ran.stdout);
    }
}

#[test]
fn a_job_that_runs_out_of_time_is_never_clean() {
    let site = Site::new(false);
    let job = site.job(&site.head, None);
    let said = site.said("github", &Happening::request(&site.base, &site.head));
    site.ci(&job, &said, &["--timeout", "5m"]).expect(0);
    // Nothing can be read in so little time.
    site.ci(&job, &said, &["--timeout", "1ms", "--exit-zero"]).expect(3).says("time");
    site.ci(&job, &said, &["--timeout", "soon"]).expect(2).says("--timeout");
}

#[test]
fn parents_that_are_put_in_the_place_of_others_hide_nothing() {
    let site = Site::new(true);
    let job = site.job(&site.head, None);
    let said = site.said("github", &Happening::request(&site.base, &site.head));
    finds_the_new_one(site.ci(&job, &said, &["--format", "lines"]), "no grafts");
    // The head is said to come right after the base, so that what is between would not be seen.
    std::fs::write(job.join(".git/info/grafts"), format!("{} {}\n", site.head, site.base)).unwrap();
    finds_the_new_one(site.ci(&job, &said, &["--format", "lines"]), "grafts");
}

#[test]
fn nobody_who_says_nothing_is_clean() {
    let site = Site::new(false);
    let job = site.job(&site.head, None);
    let none: [&[(&'static str, &str)]; 8] = [
        &[],
        &[("CI", "true")],
        &[("GITHUB_ACTIONS", "true")],
        &[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "push")],
        &[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "push"), ("GITHUB_EVENT_PATH", "/nowhere/event.json")],
        &[("GITLAB_CI", "true")],
        &[("CIRCLECI", "true")],
        &[("BITBUCKET_BUILD_NUMBER", "1"), ("BITBUCKET_COMMIT", "--upload-pack=x")],
    ];
    for said in none {
        let said: Vec<_> = said.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        site.ci(&job, &said, &["--exit-zero"]).expect(2).says("nothing was scanned");
    }
    // Outside of any repository, and in one without a commit.
    let said = site.said("github", &Happening::push(&site.base, &site.head));
    let bare = World::bare();
    site.ci(&bare.top(), &said, &[]).expect(4).says("git repository");
    let empty = World::new();
    site.ci(&empty.top(), &said, &[]).expect(3);
}

#[test]
fn what_is_too_large_is_incomplete_and_binaries_are_read() {
    let site = Site::new(false);
    let mut bytes = b"\0\0binary\n".to_vec();
    bytes.extend(format!("KEY = {}\n", new()).into_bytes());
    let binary = site.world.commit("logo.bin", &bytes, "binary");
    let large = site.world.commit("large.txt", "x".repeat(3_000), "large");
    site.publish();
    let job = site.job(&large, None);
    for service in SERVICES {
        let said = site.said(service, &Happening::request(&site.base, &large));
        site.ci(&job, &said, &[]).expect(1).says("logo.bin");
    }
    let said = site.said("github", &Happening::push(&binary, &large));
    site.ci(&job, &said, &["--max-size", "2kB"]).expect(3).says("large.txt").says("larger than").says("--max-size");
    // Of a run with findings it is said as well.
    let both = site.said("github", &Happening::request(&site.base, &large));
    let ran = site.ci(&job, &both, &["--max-size", "2kB", "--format", "lines"]).expect(1);
    assert!(ran.stdout.contains("\nincomplete: large.txt@"), "{}", ran.stdout);
    site.ci(&job, &both, &["--max-size", "2kB", "--exit-zero"]).expect(3);
    site.ci(&job, &said, &[]).expect(0);
}
