//! Checks the rule files with the program's own code and lays them into the program as one blob: nothing is parsed or
//! compiled at start. A rule that is wrong fails the build with its place and a remedy.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    unexpected_cfgs,
    unfulfilled_lint_expectations,
    reason = "the build needs a part of the rooms that it takes in, and lints speak of the program's own names"
)]

#[path = "src/model/mod.rs"]
mod model;
#[path = "src/rules/mod.rs"]
mod rules;
#[path = "src/runs/mod.rs"]
mod runs;

use data_encoding::HEXLOWER;
use rules::{Catalogue, Kind, Problem};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where the product's rules are.
const RULES: &str = "rules";
/// Names a further directory of rules to lay in, for those who build their own program.
const MORE_RULES: &str = "STANCH_EMBED_RULES";
/// What checks rules; a change means that all are checked again.
const CHECKER: [&str; 4] = ["build.rs", "src/model", "src/rules", "src/runs"];
/// What decides, besides the rules, what is found in given bytes.
const FINDER: [&str; 10] = [
    "Cargo.lock",
    "src/archive",
    "src/decode",
    "src/engine",
    "src/model",
    "src/pack",
    "src/rules",
    "src/runs",
    "src/scan",
    "src/source",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-check-cfg=cfg(embedded)");
    println!("cargo::rustc-cfg=embedded");
    println!("cargo::rerun-if-env-changed={MORE_RULES}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut folders = vec![PathBuf::from(RULES)];
    folders.extend(env::var_os(MORE_RULES).map(PathBuf::from));
    for watched in CHECKER.iter().chain(&FINDER).map(Path::new).chain(folders.iter().map(PathBuf::as_path)) {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    fs::write(out.join("code.digest"), digest(&FINDER.map(PathBuf::from))?)?;
    let inputs = digest(&CHECKER.map(PathBuf::from).into_iter().chain(folders.clone()).collect::<Vec<_>>())?;
    let (packed, made_of) = (out.join("rules.pack"), out.join("rules.inputs"));
    if packed.is_file() && fs::read_to_string(&made_of).is_ok_and(|before| before == inputs) {
        return Ok(()); // these very rules were checked by this very code
    }
    let mut files = Vec::new();
    for path in folders.iter().map(|folder| rule_files(folder)).collect::<Result<Vec<_>, _>>()?.concat() {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        files.push((path, text));
    }
    fs::write(packed, checked(&files)?)?;
    fs::write(made_of, inputs)?;
    Ok(())
}

/// The blob of these files, read back once; or the end of the build.
fn checked(files: &[(PathBuf, String)]) -> Result<Vec<u8>, Box<dyn Error>> {
    match rules::pack_files(files) {
        Ok(bytes) => match rules::unpack(bytes.clone().leak()) {
            Some(_) => Ok(bytes),
            None => Err("the packed rules cannot be read back".into()),
        },
        Err(problems) => {
            for problem in &problems {
                println!("cargo::error={problem}");
            }
            Err(format!("{} mistakes in files of rules", problems.len()).into())
        }
    }
}

fn rule_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The digest of files and of all files below directories; what is not there has none.
fn digest(paths: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let mut hash = Sha256::new();
    let mut left: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let mut below: Vec<PathBuf> =
                fs::read_dir(&path)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
            below.sort_by(|one, other| other.cmp(one));
            left.append(&mut below);
        } else if path.is_file() {
            let bytes = fs::read(&path)?;
            hash.update(path.to_string_lossy().as_bytes());
            hash.update([0]);
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        }
    }
    Ok(HEXLOWER.encode(&hash.finalize()))
}
