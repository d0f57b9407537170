//! A change is judged by the policy of where it is to go, never by its own.

use super::{Happening, SERVICES, Site, new};
use crate::world::World;

/// A site whose `main` has a policy, and a `topic` that changes something on top of it.
fn site(policy: &[(&str, &str)], change: &[(&str, &str)]) -> (Site, String, String) {
    let site = Site::new(false);
    let commit = |files: &[(&str, &str)], message: &str| {
        files.iter().for_each(|(name, text)| site.world.write(name, text));
        site.world.commit("note", message, message)
    };
    site.world.git(&["checkout", "-q", "main"]);
    let base = commit(policy, "policy");
    site.world.git(&["branch", "-q", "-f", "topic", "main"]);
    site.world.git(&["checkout", "-q", "topic"]);
    let head = commit(change, "change");
    site.publish();
    (site, base, head)
}

fn salt() -> String {
    format!("salt: {}\n", "ab".repeat(32))
}

/// The fingerprint of the new leak under the policy's salt.
fn print() -> String {
    let world = World::new();
    world.write("stanch.yaml", salt());
    world.write("k", new());
    let json = world.stanch(&["scan", "--format", "json"]).expect(1).stdout;
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    report["findings"][0]["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_change_cannot_excuse_itself_by_changing_the_policy() {
    let leak = format!("KEY = {}\n", new());
    let exception = format!("{} * * until=2099-01-01 reason=\"mine\" by=sam\n", print());
    let loose: [(&str, String); 4] = [
        ("stanch.yaml", format!("{}exclude: ['*']\n", salt())),
        (".config/stanch.yaml", format!("{}exclude: ['*']\n", salt())),
        (".stanchignore", exception.clone()),
        ("stanch.yaml", "not: [even a policy\n".to_owned()),
    ];
    for (name, text) in &loose {
        let (site, base, head) = site(&[("stanch.yaml", &salt())], &[(name, text), ("leak.env", &leak)]);
        let job = site.job(&head, None);
        for service in SERVICES {
            let said = site.said(service, &Happening::request(&base, &head));
            let ran = site.ci(&job, &said, &[]).expect(1).says("leak.env").hides(&new());
            ran.says(&format!("{name} is changed here")).says(&format!("went by that of {}", &base[..10]));
        }
    }
}

#[test]
fn the_policy_of_the_base_holds() {
    let leak = format!("KEY = {}\n", new());
    let exception = format!("{} * * until=2099-01-01 reason=\"theirs\" by=kim\n", print());
    let excluded = format!("{}exclude: ['*.env']\n", salt());
    let policies: [Vec<(&str, &str)>; 2] =
        [vec![("stanch.yaml", &excluded)], vec![("stanch.yaml", &salt().leak()[..]), (".stanchignore", &exception)]];
    for policy in policies {
        // The change takes the policy away, which counts once it is merged.
        let (site, base, head) = site(&policy, &[("leak.env", &leak)]);
        let job = site.job(&head, None);
        for service in SERVICES {
            let said = site.said(service, &Happening::request(&base, &head));
            let ran = site.ci(&job, &said, &[]).expect(0).hides(&new());
            assert!(!ran.stdout.contains("is changed here"), "{}", ran.stdout);
        }
    }
    // A gate that is stricter holds too, and a policy that makes no sense stops the run.
    let (site, base, head) = site(&[("stanch.yaml", "hosts: [a]\n")], &[("leak.env", &leak)]);
    let job = site.job(&head, None);
    let said = site.said("github", &Happening::request(&base, &head));
    site.ci(&job, &said, &["--exit-zero"]).expect(2).says(&format!("stanch.yaml@{}", &base[..10]));
}

#[test]
fn a_remark_that_excuses_is_named() {
    let leak = format!("KEY = '{}' # stanch:allow reason=\"trust me\"\n", new());
    let (allowed, base, head) = site(&[("stanch.yaml", &salt())], &[("leak.env", &leak)]);
    let job = allowed.job(&head, None);
    for service in SERVICES {
        let said = allowed.said(service, &Happening::request(&base, &head));
        let ran = allowed.ci(&job, &said, &[]).expect(0).hides(&new());
        ran.says("notice: excused by stanch:allow: leak.env@").says(":1:8: stanch.demo-token");
    }
    let strict = format!("{}inline_allow: false\n", salt());
    let (refused, base, head) = site(&[("stanch.yaml", &strict)], &[("leak.env", &leak), ("stanch.yaml", &salt())]);
    let job = refused.job(&head, None);
    for service in SERVICES {
        let said = refused.said(service, &Happening::request(&base, &head));
        refused.ci(&job, &said, &[]).expect(1).says("lets no remark beside a finding excuse it").hides(&new());
    }
}

#[test]
fn a_policy_that_is_no_file_is_refused() {
    let (site, _, _) = site(&[], &[]);
    site.world.git(&["checkout", "-q", "main"]);
    std::os::unix::fs::symlink("/etc/hostname", site.world.top().join("stanch.yaml")).unwrap();
    let base = site.world.commit("x", "x", "link");
    site.world.git(&["checkout", "-q", "-B", "topic"]);
    let head = site.world.commit("y", "y", "change");
    site.publish();
    let job = site.job(&head, None);
    let ran = site.ci(&job, &site.said("github", &Happening::request(&base, &head)), &[]);
    ran.expect(4).says("no plain file");
}

#[test]
fn a_tag_does_not_stand_in_for_the_base() {
    let leak = format!("KEY = {}\n", new());
    let (site, base, head) = site(&[("stanch.yaml", &salt())], &[("leak.env", &leak)]);
    for name in ["origin/main", "main", &base[..12]] {
        site.world.git(&["tag", "-f", name, &head]);
    }
    site.publish();
    let job = site.job(&head, None);
    site.git_in(&job, &["fetch", "-q", "--tags", "origin"]);
    for service in SERVICES {
        let ran = site.ci(&job, &site.said(service, &Happening::request(&base, &head)), &[]);
        assert_eq!(ran.code, 1, "{service}: {ran:?}");
    }
}

#[test]
fn what_replaces_the_default_branch_does_not_judge_itself() {
    let site = Site::new(false);
    site.world.git(&["checkout", "-q", "main"]);
    let before = site.world.commit("stanch.yaml", salt(), "policy");
    site.publish();
    site.world.git(&["reset", "-q", "--hard", &site.base]);
    site.world.write("leak.env", format!("KEY = {}\n", new()));
    let loose = format!("{}exclude: ['*']\n", salt());
    let after = site.world.commit("stanch.yaml", loose, "rewritten");
    site.publish();
    let job = site.job(&after, None);
    for service in ["github", "gitlab", "circleci", "travis"] {
        let push = Happening::Push { before: before.clone(), after: after.clone(), branch: "main" };
        let ran = site.ci(&job, &site.said(service, &push), &[]).expect(1).says("leak.env");
        ran.says("the built-in policy counts");
    }
    // Where the service never says what was there, the branch goes by its own, and that is said.
    let push = Happening::Push { before, after, branch: "main" };
    site.ci(&job, &site.said("bitbucket", &push), &[]).expect(0).says("went by its own policy").says("excluded");
}

#[test]
fn a_branch_does_not_loosen_its_gate_in_two_pushes() {
    let loose = format!("{}exclude: ['*']\n", salt());
    let leak = format!("KEY = {}\n", new());
    let (site, base, loosened) = site(&[("stanch.yaml", &salt())], &[("stanch.yaml", &loose)]);
    let head = site.world.commit("leak.env", &leak, "leak");
    site.publish();
    let job = site.job(&head, None);
    for service in ["github", "gitlab", "circleci", "jenkins", "travis"] {
        let push = Happening::push(&loosened, &head);
        let ran = site.ci(&job, &site.said(service, &push), &[]);
        assert_eq!(ran.code, 1, "{service}: {ran:?}");
        ran.says("leak.env").says(&format!("went by that of {}", &base[..10]));
    }
    // Neither does a run of the branch that somebody starts by hand.
    let by_hand: [&[(&'static str, &str)]; 2] = [
        &[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "workflow_dispatch")],
        &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "web"), ("CI_COMMIT_SHA", &head)],
    ];
    for said in by_hand {
        let mut said: Vec<_> = said.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        said.push((
            "GITHUB_EVENT_PATH",
            site.said("github", &Happening::Schedule { after: head.clone() })[2].1.clone(),
        ));
        site.ci(&job, &said, &[]).expect(1).says("leak.env").says("stanch.yaml is changed here");
    }
}

#[test]
fn a_policy_that_is_not_in_the_clone_is_missed() {
    let (site, base, head) = site(&[(".config/stanch.yaml", &salt())], &[]);
    let job = site.job(&head, None);
    let said = site.said("github", &Happening::request(&base, &head));
    site.ci(&job, &said, &[]).expect(0);
    site.git_in(&job, &["config", "gc.auto", "0"]);
    let pack = std::fs::read_dir(job.join(".git/objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    let packs: Vec<_> = pack.filter(|path| path.extension().is_some_and(|end| end == "pack")).collect();
    for pack in packs {
        let moved = site.world.outside("moved.pack");
        std::fs::rename(&pack, &moved).unwrap();
        std::fs::remove_file(pack.with_extension("idx")).unwrap();
        let mut command = site.world.command("git");
        command.current_dir(&job).args(["unpack-objects", "-q"]).stdin(std::fs::File::open(&moved).unwrap());
        site.world.run(command).expect(0);
    }
    let tree = site.git_in(&job, &["rev-parse", &format!("{base}:.config")]).stdout.trim().to_owned();
    std::fs::remove_file(job.join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    site.ci(&job, &said, &[]).expect(4).says(".config/stanch.yaml@");
}
