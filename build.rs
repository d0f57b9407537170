//! Lays the rule files into the program: what scanning needs becomes static data, so that nothing is parsed at start.

#[path = "src/rules/shape.rs"]
#[allow(dead_code, unreachable_pub, reason = "the build needs a part of it")]
mod shape;

use serde::Deserialize;
use shape::{CompanionSpec, DetectSpec};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[derive(Deserialize)]
struct File {
    provider: String,
    title: String,
    hosts: Vec<String>,
    kinds: Vec<Kind>,
}

/// Severity, confidence and marks are words here: the compiler refuses one that the program does not know.
#[derive(Deserialize)]
struct Kind {
    id: String,
    title: String,
    severity: String,
    #[serde(default)]
    confidence: Option<String>,
    sources: Vec<Source>,
    #[serde(default)]
    driver: Option<String>,
    detect: DetectSpec,
}

#[derive(Deserialize)]
struct Source {
    page: String,
    mark: String,
    #[serde(default)]
    note: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=rules");
    println!("cargo:rerun-if-changed=src/rules/shape.rs");
    println!("cargo:rerun-if-changed=build.rs");
    let mut code = String::from("static EMBEDDED: &[EmbeddedFile] = &[\n");
    for path in rule_files(&Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("rules"))? {
        let text = fs::read_to_string(&path)?;
        let file: File = serde_yaml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        write_file(&mut code, &path, &file)?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("embedded.rs"), code)?;
    Ok(())
}

fn rule_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut paths = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn write_file(code: &mut String, path: &Path, file: &File) -> Result<(), Box<dyn Error>> {
    let File { provider, title, hosts, kinds } = file;
    let path = path.to_str().ok_or("the path of a rule file is not UTF-8")?;
    writeln!(code, "EmbeddedFile {{ text: include_str!({path:?}), provider: {provider:?}, title: {title:?},")?;
    writeln!(code, "hosts: &{hosts:?}, kinds: &[")?;
    for kind in kinds {
        write_kind(code, kind)?;
    }
    writeln!(code, "] }},")?;
    Ok(())
}

fn write_kind(code: &mut String, kind: &Kind) -> Result<(), Box<dyn Error>> {
    let Kind { id, title, severity, confidence, sources, driver, detect } = kind;
    let severity = word(severity);
    let confidence = word(confidence.as_deref().unwrap_or("high"));
    writeln!(code, "EmbeddedKind {{ id: {id:?}, title: {title:?}, severity: Severity::{severity},")?;
    writeln!(code, "confidence: Confidence::{confidence}, driver: {driver:?}, sources: &[")?;
    for Source { page, mark, note } in sources {
        writeln!(code, "({page:?}, Mark::{}, {note:?}),", word(mark))?;
    }
    let DetectSpec { literals, pattern, prefix, window, entropy, require, exclude, companions, .. } = detect;
    writeln!(code, "], literals: &{literals:?}, pattern: {pattern:?}, prefix: {prefix:?}, window: {window:?},")?;
    let checksum = detect.checksum.map_or("None".to_owned(), |checksum| format!("Some(Checksum::{checksum:?})"));
    let require: String = require.iter().map(|sort| format!("Sort::{sort:?}, ")).collect();
    writeln!(code, "entropy: {entropy:?}, checksum: {checksum}, require: &[{require}], exclude: &{exclude:?},")?;
    writeln!(code, "companions: &[")?;
    for CompanionSpec { name, pattern, within, required } in companions {
        writeln!(code, "({name:?}, {pattern:?}, {within:?}, {required:?}),")?;
    }
    writeln!(code, "] }},")?;
    Ok(())
}

/// A word of a rule file as the name of a variant; only letters get through, so that no text becomes code.
fn word(text: &str) -> String {
    let mut letters = text.chars().filter(char::is_ascii_alphabetic);
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
