//! The files of `deploy/ci`: each is read as its service reads it, and its own commands are run where the service would
//! run them.

use super::{Happening, NONE, Site, new};
use crate::world::{Ran, hides};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A recipe: the service, its file, the commands in it, and the reports that they leave in the job's directory.
struct Recipe {
    service: &'static str,
    commands: Vec<String>,
    reports: &'static [(&'static str, &'static str)],
    /// Whether findings fail the command: one recipe leaves that to a gate of the service.
    gates: bool,
}

fn text(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/ci").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The commands of ours among lines of a script.
fn ours<'t>(lines: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let lines = lines.into_iter().flat_map(str::lines).map(str::trim);
    let commands: Vec<String> = lines.filter(|line| line.starts_with("stanch ")).map(str::to_owned).collect();
    assert_eq!(commands.len(), 1, "{commands:?}");
    commands
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(strings).collect(),
        other => panic!("no text: {other}"),
    }
}

/// Each recipe with what it says of the clone checked: the whole history.
fn recipes() -> Vec<Recipe> {
    let github = yaml("github-actions.yml");
    let steps = github["jobs"]["scan"]["steps"].as_array().unwrap();
    assert_eq!(steps[0]["with"]["fetch-depth"], 0);
    assert!(["push", "pull_request", "merge_group"].iter().all(|event| github["on"].get(event).is_some()));
    let gitlab = &yaml("gitlab-ci.yml")["stanch"];
    assert_eq!(gitlab["variables"]["GIT_DEPTH"], "0");
    assert_eq!(gitlab["artifacts"]["when"], "always");
    assert_eq!(gitlab["artifacts"]["reports"]["secret_detection"], "gl-secret-detection-report.json");
    assert_eq!(gitlab["artifacts"]["reports"]["junit"], "stanch.xml");
    let bitbucket = yaml("bitbucket-pipelines.yml");
    let step = &bitbucket["pipelines"]["default"][0]["step"];
    assert_eq!(step["clone"]["depth"], "full");
    assert_eq!(step, &bitbucket["pipelines"]["pull-requests"]["**"][0]["step"]);
    let circleci = &yaml("circleci.yml")["jobs"]["stanch"];
    assert_eq!(circleci["environment"]["STANCH_BASE"], "<< pipeline.git.base_revision >>");
    assert_eq!(circleci["steps"][0]["checkout"]["method"], "full");
    let travis = yaml("travis.yml");
    assert_eq!(travis["git"]["depth"], false);
    let jenkins = text("Jenkinsfile");
    let shells: Vec<&str> = jenkins.split("sh '").skip(1).map(|rest| rest.split_once('\'').unwrap().0).collect();
    assert!(jenkins.contains("sarif(pattern: 'stanch.sarif')"));
    let recipe = |service, commands, reports, gates| Recipe { service, commands, reports, gates };
    let runs = |steps: &[Value]| -> Vec<String> { ours(steps.iter().filter_map(|step| step["run"].as_str())) };
    let mut circle = runs(circleci["steps"].as_array().unwrap());
    circle.insert(0, "mkdir -p test-results/stanch".to_owned());
    vec![
        recipe("github", runs(steps), &[("sarif", "../runner/stanch.sarif")], true),
        recipe(
            "gitlab",
            ours(strings(&gitlab["script"])),
            &[("gitlab", "gl-secret-detection-report.json"), ("junit", "stanch.xml")],
            true,
        ),
        recipe(
            "bitbucket",
            ours(strings(&step["script"])),
            &[("json", "stanch-report.json"), ("json", "stanch-annotations.json")],
            true,
        ),
        recipe("circleci", circle, &[("junit", "test-results/stanch/results.xml")], true),
        recipe("jenkins", ours(shells), &[("sarif", "stanch.sarif")], false),
        recipe("travis", ours(strings(&travis["script"])), &[], true),
        recipe(
            "buildkite",
            ours(strings(&yaml("buildkite.yml")["steps"][0]["command"])),
            &[("junit", "stanch.xml")],
            true,
        ),
    ]
}

/// Runs commands in a job as its service would: each by a shell that ends at the first failure.
fn run(site: &Site, job: &Path, commands: &[String], said: &[(&'static str, String)]) -> Ran {
    let program = Path::new(env!("CARGO_BIN_EXE_stanch")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let runner = site.world.outside("runner");
    fs::create_dir_all(&runner).unwrap();
    let mut command = site.world.command("sh");
    command.current_dir(job).args(["-e", "-c", &commands.join("\n")]);
    command.env("PATH", path).env("RUNNER_TEMP", runner).envs(said.iter().cloned());
    site.world.run(command)
}

fn valid(recipe: &Recipe, job: &Path) {
    for (form, name) in recipe.reports {
        let text =
            fs::read_to_string(job.join(name)).unwrap_or_else(|error| panic!("{}: {name}: {error}", recipe.service));
        let json = || serde_json::from_str::<Value>(&text).unwrap();
        match *form {
            "sarif" => super::reports::conforms(&super::reports::sarif_schema(), &json(), recipe.service),
            "gitlab" => super::reports::conforms(&super::reports::gitlab_schema(), &json(), recipe.service),
            "junit" => assert!(!super::reports::cases(&text).is_empty()),
            _ => drop(json()),
        }
        hides(&text, &new());
    }
}

#[test]
fn every_recipe_does_what_it_says() {
    let leaky = Site::new(true);
    let clean = Site::new(false);
    for site in [&leaky, &clean] {
        site.world.git(&["tag", "v1", &site.head]);
        site.publish();
    }
    for recipe in recipes() {
        for (site, found) in [(&leaky, true), (&clean, false)] {
            let happenings = [
                Happening::push(&site.first, &site.head),
                Happening::push(NONE, &site.head),
                Happening::request(&site.base, &site.head),
                Happening::Tag { after: site.head.clone() },
                // What was there is gone: a forced push.
                Happening::push(&"ab".repeat(20), &site.head),
            ];
            for happening in happenings {
                let job = site.job(&site.head, None);
                let ran = run(site, &job, &recipe.commands, &site.said(recipe.service, &happening));
                let expected = i32::from(found && recipe.gates);
                assert_eq!(ran.code, expected, "{} {happening:?}: {ran:?}", recipe.service);
                assert_eq!(ran.stdout.contains(" high stanch.demo-token "), found, "{}: {ran:?}", recipe.service);
                valid(&recipe, &job);
            }
        }
        // Where the clone is not what the recipe asks for, nothing is green, findings or not.
        let job = clean.job(&clean.head, Some("1"));
        for happening in [Happening::push(&clean.first, &clean.head), Happening::request(&clean.base, &clean.head)] {
            let ran = run(&clean, &job, &recipe.commands, &clean.said(recipe.service, &happening));
            assert_eq!(ran.code, 3, "{}: {ran:?}", recipe.service);
            valid(&recipe, &job);
        }
    }
}

#[test]
fn the_script_for_other_services_compares_with_the_main_branch() {
    for (leaky, code) in [(true, 1), (false, 0)] {
        let site = Site::new(leaky);
        let job = site.job(&site.head, None);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/ci/shell.sh");
        let commands = [script.to_str().unwrap().to_owned()];
        let ran = run(&site, &job, &commands, &[]).expect(code);
        assert!(ran.stderr.starts_with("stanch: shell STANCH_BASE: "), "{}", ran.stderr);
        let base = [("STANCH_BASE", site.first.clone())];
        run(&site, &job, &commands, &base).expect(code);
        run(&site, &job, &commands, &[("STANCH_BASE", "origin/nothing".to_owned())]).expect(if leaky { 1 } else { 3 });
        let log: Value = serde_json::from_str(&fs::read_to_string(job.join("stanch.sarif")).unwrap()).unwrap();
        super::reports::conforms(&super::reports::sarif_schema(), &log, "shell");
    }
}

#[test]
fn every_recipe_is_tested() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/ci");
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let known = [
        "Jenkinsfile",
        "bitbucket-pipelines.yml",
        "buildkite.yml",
        "circleci.yml",
        "github-actions.yml",
        "gitlab-ci.yml",
        "shell.sh",
        "travis.yml",
    ];
    assert_eq!(names, known);
}
