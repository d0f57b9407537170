//! `stanch scan`: every source finds a planted token, no output shows it, and nothing that was not read passes for
//! clean.

use crate::world::{Ran, World, hides, token};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

#[test]
fn files_are_found_and_no_form_of_report_shows_the_secret() {
    let world = World::bare();
    let (one, two) = (token(1), token(2));
    world.write("src/pay.py", format!("# first\nkeys = ('{one}', '{two}') # {one}\n"));
    for format in ["text", "lines", "json", "sarif"] {
        for more in [&[][..], &["--color", "always", "-vvv"]] {
            let arguments = [&["scan", ".", "--format", format], more].concat();
            world.stanch(&arguments).expect(1).says("stanch.demo-token").hides(&one).hides(&two);
        }
    }
    // A secret is one finding, and every line that it must be taken out of is named.
    world.stanch(&["scan"]).expect(1).says("2 leaks in 1 file").says("also at src/pay.py:2:123");
    let lines = world.stanch(&["scan", "--format", "lines"]).expect(1).stdout;
    assert_eq!(lines.lines().count(), 2);
    assert!(lines.starts_with("src/pay.py:2:10: high stanch.demo-token st1l:"), "{lines}");
}

#[test]
fn a_token_in_a_name_is_found_and_not_shown() {
    let world = World::new();
    let (name, skipped) = (token(30), token(31));
    world.write(format!("keys/{name}.txt"), "nothing in it");
    world.write(format!("keys/{skipped}.bin"), b"\0");
    world.git(&["add", "-A"]);
    for arguments in [["scan", "."], ["scan", "--staged"]] {
        for format in ["text", "lines", "json", "sarif"] {
            let ran = world.stanch(&[&arguments[..], &["--format", format]].concat()).expect(1);
            ran.hides(&name).hides(&skipped).says("stanch.demo-token");
        }
    }
    world.stanch(&["scan"]).expect(1).says("it stands in the name");
    // Nor does it hide behind content that was read under another name.
    let moved = token(33);
    world.commit("plain.txt", "nothing in it", "first");
    world.git(&["mv", "keys", &moved]);
    world.commit("plain", "more", "second");
    for arguments in [["scan", "--history"], ["scan", "--range=HEAD~1.."]] {
        let ran = world.stanch(&[&arguments[..], &["--format", "lines"]].concat()).expect(1);
        let ran = ran.hides(&name).hides(&moved);
        assert!(ran.stdout.lines().count() >= 2, "{}", ran.stdout);
    }
}

#[test]
fn a_configuration_that_never_ends_is_refused() {
    let world = World::new();
    std::os::unix::fs::symlink("/dev/zero", world.top().join("stanch.yaml")).unwrap();
    world.stanch(&["scan"]).expect(4).says("it is no plain file");
}

#[test]
fn standard_input_is_scanned() {
    let world = World::bare();
    let secret = token(3);
    let mut child = world
        .command(env!("CARGO_BIN_EXE_stanch"))
        .args(["scan", "-", "--format", "lines"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("a\nb {secret}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("<stdin>:2:3: high "), "{text}");
    hides(&text, &secret);
}

#[test]
fn text_in_utf_16_is_scanned() {
    let world = World::bare();
    let wide: Vec<u8> =
        [0xfeff].into_iter().chain(format!("x {}", token(4)).encode_utf16()).flat_map(u16::to_le_bytes).collect();
    world.write("out.log", wide);
    world.stanch(&["scan", "."]).expect(1).says("out.log:1:3");
}

#[test]
fn the_index_is_scanned_on_the_first_commit_and_written_by_nobody() {
    let world = World::new();
    let secret = token(5);
    world.write("a.env", format!("KEY={secret}"));
    world.git(&["add", "-A"]);
    world.write("a.env", "clean again");
    let before = world.git_files();
    world.stanch(&["scan", "--staged"]).expect(1).says("a.env:1:5").says("1 leak in 1 staged file").hides(&secret);
    assert_eq!(world.git_files(), before);
    world.git(&["add", "-A"]);
    world.stanch(&["scan", "--staged"]).expect(0).says("no leaks");
}

#[test]
fn the_index_holds_odd_names_and_deletions() {
    let world = World::new();
    let secret = token(6);
    world.commit("gone.env", format!("KEY={}", token(7)), "before");
    std::fs::remove_file(world.top().join("gone.env")).unwrap();
    for name in [&b"with space"[..], b"quote\"'", b"new\nline", b"raw\xff\xfe", "\u{1b}[2J".as_bytes()] {
        world.write(std::ffi::OsStr::from_bytes(name), format!("{secret}\n"));
    }
    world.git(&["add", "-A"]);
    let ran = world.stanch(&["scan", "--staged", "--json"]).expect(1).hides(&secret).hides(&token(7));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!(report["findings"][0]["also"].as_array().unwrap().len(), 4);
    assert_eq!(report["coverage"]["scanned"]["items"], 5);
    let text = world.stanch(&["scan", "--staged"]).expect(1).stdout;
    assert!(text.contains("new\\nline") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_linked_work_tree_has_its_own_index() {
    let world = World::new();
    world.commit("readme", "clean", "first");
    let linked = world.outside("linked");
    world.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
    std::fs::write(linked.join("key"), token(8)).unwrap();
    let mut add = world.command("git");
    add.current_dir(&linked).args(["add", "key"]);
    world.run(add).expect(0);
    let mut scan = world.command(env!("CARGO_BIN_EXE_stanch"));
    scan.current_dir(&linked).args(["scan", "--staged"]);
    world.run(scan).expect(1).says("key:1:1");
    world.stanch(&["scan", "--staged"]).expect(0);
}

#[test]
fn a_range_is_what_its_commits_bring() {
    let world = World::new();
    let (old, new, in_message) = (token(9), token(10), token(11));
    let base = world.commit("old", &old, "base");
    let leak = world.commit("src/new", format!("x\n{new}\n"), "leak");
    world.commit("src/new", "clean", &format!("remove {in_message}"));
    let range = format!("{base}..HEAD");
    let ran = world.stanch(&["scan", "--range", &range, "--format", "lines"]).expect(1);
    let ran = ran.hides(&old).hides(&new).hides(&in_message);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    ran.says(&format!("src/new@{}:2:1", &leak[..10])).says("<message>@");
    world.stanch(&["scan", "--range", "HEAD..HEAD"]).expect(0);
    let everything = format!("{}..HEAD", "0".repeat(40));
    assert_eq!(
        world.stanch(&["scan", "--range", &everything, "--format", "lines"]).expect(1).stdout.lines().count(),
        3
    );
}

#[test]
fn the_history_of_every_branch_is_scanned_and_merges_too() {
    let world = World::new();
    let (first, side, merged) = (token(12), token(13), token(14));
    let leak = world.commit("a", &first, "first");
    world.commit("b", &first, "the same elsewhere");
    world.commit("a", "clean", "removed");
    world.git(&["checkout", "-qb", "side"]);
    world.commit("deep/er/s", &side, "side");
    world.git(&["checkout", "-q", "main"]);
    world.git_as_kim(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    world.commit("evil", &merged, "merge");
    world.git(&["rm", "-qr", "b", "deep", "evil"]);
    world.commit("c", "clean", "clean");
    let ran = world.stanch(&["scan", "--history", "--format", "lines"]).expect(1);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    ran.says(&format!("a@{}:1:1", &leak[..10])).says("deep/er/s@").says("evil@").hides(&first).hides(&side);
    world.stanch(&["scan", "."]).expect(0);
    // Of a merge, the range tells only what neither parent had.
    let last = world.stanch(&["scan", "--range", "HEAD~2..HEAD~1", "--format", "lines"]).expect(1).stdout;
    assert!(last.contains("evil@") && last.contains("deep/er/s@"), "{last}");
}

#[test]
fn what_tags_say_and_name_is_history_too() {
    let world = World::new();
    world.stanch(&["scan", "--history"]).expect(3).says("has no commits");
    world.commit("a", "clean", "first");
    let (message, blob) = (token(32), token(33));
    world.git_as_kim(&["tag", "-a", "v1", "-m", &format!("use {message}")]);
    world.write("loose", &blob);
    let id = world.git(&["hash-object", "-w", "loose"]).stdout.trim().to_owned();
    world.git(&["tag", "file", &id]);
    let ran = world.stanch(&["scan", "--history", "--format", "lines"]).expect(1).hides(&message).hides(&blob);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    ran.says("refs/tags/file@").says("<message>@");
}

#[test]
fn a_missing_path_stops_before_anything_is_scanned() {
    let world = World::bare();
    let secret = token(15);
    world.write("here", &secret);
    world.stanch(&["scan", "here", "nowhere"]).expect(2).says("'nowhere' does not exist").hides(&secret);
}

#[test]
fn a_missing_base_is_never_green() {
    let world = World::new();
    world.commit("a", "clean", "first");
    world.stanch(&["scan", "--range", "origin/main..HEAD"]).expect(3).says("origin/main").says("fetch-depth: 0");
    world.stanch(&["scan", "--range", "nonsense"]).expect(2).says("write A..B");
    World::bare().stanch(&["scan", "--history"]).expect(4).says("hint: ");
}

#[test]
fn a_shallow_clone_says_that_it_is_cut_off() {
    let world = World::new();
    world.commit("a", "one", "first");
    world.commit("a", "two", "second");
    let clone = world.outside("clone");
    let url = format!("file://{}", world.top().display());
    world.git(&["clone", "-q", "--depth", "1", &url, clone.to_str().unwrap()]);
    world.stanch(&["scan", "--history", clone.to_str().unwrap()]).expect(3).says("shallow").says("fetch-depth: 0");
}

#[test]
fn a_damaged_object_is_a_gap_and_the_rest_is_scanned() {
    let world = World::new();
    let secret = token(16);
    world.commit("good", "clean", "first");
    world.commit("bad", "some bytes that will be damaged", "second");
    let id = world.git(&["rev-parse", "HEAD:bad"]).stdout.trim().to_owned();
    let object = world.top().join(".git/objects").join(&id[..2]).join(&id[2..]);
    let aside = world.outside("object");
    std::fs::rename(&object, &aside).unwrap();
    let ran = world.stanch(&["scan", "--history"]).expect(3);
    ran.says("the scan is INCOMPLETE (exit 3)").says(&id);
    let sarif = world.stanch(&["scan", "--history", "--format", "sarif"]).expect(3).stdout;
    let sarif: serde_json::Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
    // A finding outranks the gap, which is said all the same; letting findings pass does not let the gap pass.
    std::fs::rename(&aside, &object).unwrap();
    world.commit("leak", &secret, "third");
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, "this is no object").unwrap();
    world.stanch(&["scan", "--history"]).expect(1).says("the scan is also INCOMPLETE").hides(&secret);
    world.stanch(&["scan", "--history", "--exit-zero"]).expect(3);
}

#[test]
fn what_is_left_out_is_listed_and_strict_counts_it() {
    let world = World::bare();
    world.write("image", b"\0\0\0");
    world.write("lib/skip.me", token(17));
    let arguments = ["scan", ".", "--exclude", "*.me"];
    world.stanch(&arguments).expect(0).says("1 file, 3 B, 1 skipped").says("1 excluded (lib/skip.me)");
    world.stanch(&[&arguments[..], &["--strict"]].concat()).expect(3).says("INCOMPLETE");
}

#[test]
fn a_report_that_cannot_be_written_is_known_before_the_scan() {
    let world = World::bare();
    let secret = token(18);
    world.write("a", &secret);
    let ran = world.stanch(&["scan", ".", "--output", "sarif=nowhere/report.sarif"]).expect(4);
    assert_eq!(ran.stdout, "");
    ran.says("cannot write the report to nowhere/report.sarif");
    let sarif = world.outside("r.sarif");
    let json = world.outside("r.json");
    let arguments = [format!("sarif={}", sarif.display()), format!("json={}", json.display())]
        .map(|to| vec!["--output".to_owned(), to]);
    let arguments: Vec<String> = arguments.concat();
    let all: Vec<&str> = ["scan", "."].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    world.stanch(&all).expect(1).says("1 leak in 1 file");
    for path in [sarif, json] {
        let text = std::fs::read_to_string(path).unwrap();
        hides(&text, &secret);
        let _parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    }
    assert!(
        !std::fs::read_dir(world.outside("")).unwrap().any(|e| e.unwrap().path().extension() == Some("part".as_ref()))
    );
}

#[test]
fn exceptions_hold_until_their_last_day() {
    let world = World::new();
    let secret = token(19);
    world.write("a.py", format!("K = '{secret}'\n"));
    world.stanch(&["config", "new"]).expect(0);
    world.stanch(&["config", "new"]).expect(2).says("is there already");
    let print = fingerprint(&world.stanch(&["scan", "--json"]).expect(1));
    assert!(print.starts_with("st1:"), "{print}");
    world.stanch(&["ignore", &print, "--reason", "a sample", "--until", "2999-12-31"]).expect(0);
    world.stanch(&["scan"]).expect(0).says("excused: 1 by .stanchignore");
    world.stanch(&["scan", "--isolated"]).expect(1);
    world.write(".stanchignore", format!("{print} * * until=2020-01-01 reason=\"a sample\" by=kim\n"));
    world.stanch(&["scan"]).expect(1).says("its exception (.stanchignore:1) ended on 2020-01-01");
    world.write(".stanchignore", "\nnonsense\n");
    world.stanch(&["scan"]).expect(2).says(".stanchignore:2: this is not a fingerprint");
    std::fs::remove_file(world.top().join(".stanchignore")).unwrap();
    world.write("a.py", format!("K = '{secret}' # stanch:allow reason=\"a sample\" until=2999-01-01\n"));
    world.stanch(&["scan"]).expect(0).says("1 by stanch:allow");
    world.write("a.py", format!("K = '{secret}' # gitleaks:allow\n"));
    world.stanch(&["scan"]).expect(0).says("1 by another scanner's directive");
}

fn fingerprint(ran: &Ran) -> String {
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    report["findings"][0]["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_fingerprint_moves_with_its_secret() {
    let world = World::bare();
    world.write("a", token(20));
    let first = fingerprint(&world.stanch(&["scan", "--json"]));
    std::fs::rename(world.top().join("a"), world.top().join("b")).unwrap();
    assert_eq!(fingerprint(&world.stanch(&["scan", "--json"])), first);
    world.write("b", token(21));
    assert_ne!(fingerprint(&world.stanch(&["scan", "--json"])), first);
}

#[test]
fn the_repository_cannot_say_where_secrets_go() {
    let world = World::new();
    world.write("stanch.yaml", "exclude: []\nhosts: [evil.example]\n");
    world.stanch(&["scan"]).expect(2).says("stanch.yaml:2:1: 'hosts'").says("hint: ");
    world.write("stanch.yaml", "exclude: ['/lib/']\n");
    world.write("lib/a", token(22));
    world.stanch(&["scan"]).expect(0).says("1 excluded");
    // From wherever one stands, and however the path is written.
    let top = world.top().canonicalize().unwrap();
    world.stanch(&["scan", top.to_str().unwrap()]).expect(0);
    let mut below = world.command(env!("CARGO_BIN_EXE_stanch"));
    below.current_dir(top.join("lib")).args(["scan", "."]);
    world.run(below).expect(0).says("1 excluded");
}

#[test]
fn sarif_says_what_readers_need() {
    let world = World::new();
    let secret = token(23);
    world.write("src/ä b.py", format!("x\nü = '😀{secret}'\n"));
    let ran = world.stanch(&["scan", "--format", "sarif"]).expect(1).hides(&secret);
    let sarif: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let result = &run["results"][0];
    let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
    assert_eq!(rule["id"], result["ruleId"]);
    for text in [
        &rule["help"]["text"],
        &rule["help"]["markdown"],
        &rule["shortDescription"]["text"],
        &result["message"]["text"],
    ] {
        assert!(!text.as_str().unwrap().is_empty());
    }
    assert_eq!((&result["kind"], &result["level"]), (&"fail".into(), &"error".into()));
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "src/%C3%A4%20b.py");
    assert_eq!(location["artifactLocation"]["uriBaseId"], "%SRCROOT%");
    let region = &location["region"];
    assert_eq!(region["startLine"], 2);
    assert_eq!(region["startColumn"], 8);
    assert_eq!(region["endColumn"], 8 + secret.len());
    assert!(region.get("snippet").is_none());
    let prints = &result["partialFingerprints"];
    assert!(prints["stanch/v1"].as_str().unwrap().starts_with("st1l:"));
    assert!(prints["primaryLocationLineHash"].as_str().unwrap().ends_with(":1"));
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let world = World::new();
    for file in 0..60 {
        world.write(format!("d{}/f{file}", file % 7), format!("{}\n{}\n", token(100 + file % 20), token(200 + file)));
    }
    world.commit("last", "x", "all");
    for scope in [&["."][..], &["--history"]] {
        for format in ["lines", "json", "sarif"] {
            let run =
                |jobs| world.stanch(&[&["scan", "--format", format, "--jobs", jobs], scope].concat()).expect(1).stdout;
            let one = run("1");
            assert!(one.matches("stanch.demo-token").count() >= 80);
            for _ in 0..3 {
                assert_eq!(run("4"), one);
            }
        }
    }
}

#[test]
fn nothing_goes_wrong_where_no_key_can_be_kept() {
    let world = World::bare();
    world.write("a", token(24));
    let mut scan = world.command(env!("CARGO_BIN_EXE_stanch"));
    scan.args(["scan", "."]).env("XDG_STATE_HOME", "/proc/nowhere");
    world.run(scan).expect(1).says("fingerprints hold for this run only");
}

#[test]
fn a_plain_locale_gets_ascii() {
    let world = World::bare();
    world.write("ä", format!("ö {}", token(25)));
    let mut scan = world.command(env!("CARGO_BIN_EXE_stanch"));
    scan.args(["scan", "."]).env("LANG", "C");
    let text = world.run(scan).expect(1).stdout;
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn help_prints_the_exit_codes_and_rules_are_listed() {
    let world = World::bare();
    world.stanch(&["--help"]).expect(0).says("10  at least one finding proven live");
    world.stanch(&["--version"]).expect(0).says("stanch ");
    world.stanch(&["nonsense"]).expect(2);
    world.stanch(&["rules", "list"]).expect(0).says("stanch.demo-token");
    world.stanch(&["rules", "show", "stanch.demo-token"]).expect(0).says("stanch_demo_");
    world.stanch(&["rules", "show", "none.such"]).expect(2).says("stanch rules list");
    world.write("bad.yaml", "provider: acme\nkindz: []\n");
    world.stanch(&["rules", "check", "bad.yaml"]).expect(2).says("bad.yaml:2:1");
}
