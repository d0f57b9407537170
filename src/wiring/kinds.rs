//! The kinds that are looked for: those of the program, and those of the operator's own files of rules. Only the operator
//! names such files: what is scanned never brings rules of its own.

use crate::config::{read_small, read_small_bytes};
use crate::rules::{Catalogue, Problem, builtin, check_files};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the operator's kinds cannot be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KindsError {
    /// A file or directory cannot be read.
    #[error("cannot read {}", path.display())]
    Unread {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory holds no rules.
    #[error("there is no file of rules in {}; their names end in .yaml or .yml", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Files of rules are wrong.
    #[error("{}", in_words(problems))]
    Wrong {
        /// What is wrong with them; never empty.
        problems: Vec<Problem>,
    },
}

fn in_words(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        all => format!("{} mistakes in files of rules", all.len()),
    }
}

/// The kinds of the program and those of these files and directories.
///
/// # Errors
/// When one of them cannot be read or is wrong, or has a kind whose name is taken.
pub fn gather(paths: &[PathBuf]) -> Result<Arc<Catalogue>, KindsError> {
    if paths.is_empty() {
        return Ok(builtin());
    }
    check_files(&builtin(), &read(paths)?).map(Arc::new).map_err(|problems| KindsError::Wrong { problems })
}

/// The files that these paths name, with what they hold: of a directory every file in it that is named like rules.
///
/// # Errors
/// When one of them cannot be read, or a directory holds none.
pub fn read(paths: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, KindsError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_in(path)?);
        } else {
            files.push(path.clone());
        }
    }
    let text = |path: PathBuf| match read_small(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(no_text(&path).unwrap_or(KindsError::Unread { path, source })),
    };
    files.into_iter().map(text).collect()
}

/// Where a file that could not be read is no text, if that is why.
fn no_text(path: &Path) -> Option<KindsError> {
    let bytes = read_small_bytes(path).ok()?;
    let problem = Problem::of_bytes(&path.display().to_string(), &bytes)?;
    Some(KindsError::Wrong { problems: vec![problem] })
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, KindsError> {
    let unread = |source| KindsError::Unread { path: folder.to_owned(), source };
    let entries: Vec<_> = std::fs::read_dir(folder).map_err(unread)?.collect::<Result<_, _>>().map_err(unread)?;
    let named = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(named).collect();
    files.sort();
    if files.is_empty() { Err(KindsError::Empty { path: folder.to_owned() }) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(provider: &str, name: &str) -> String {
        format!(
            "provider: {provider}
title: T
hosts: []
kinds:
  - id: {provider}.{name}
    title: Token
    severity: high
    sources: [{{ page: 'https://docs.acme.example/tokens', mark: D }}]
    detect:
      literals: [{provider}_]
      pattern: '\\b{provider}_[0-9A-Za-z]{{24}}\\b'
      examples: [['{provider}_', 'q8Xk2PzL0vR7', 'tYw3q8Xk2PzL']]
      counterexamples: ['{provider}_']
"
        )
    }

    fn said(paths: &[PathBuf]) -> String {
        gather(paths).expect_err("refused").to_string()
    }

    #[test]
    fn directories_and_files_add_to_what_is_built_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let before = builtin().kinds().len();
        std::fs::write(folder.path().join("a.yaml"), rule("acme", "one")).expect("a file");
        std::fs::write(folder.path().join("b.yml"), rule("apex", "one")).expect("a file");
        std::fs::write(folder.path().join("notes.txt"), "no rules").expect("a file");
        let kinds = gather(&[folder.path().to_owned()]).expect("kinds");
        assert_eq!(kinds.kinds().len(), before + 2);
        assert_eq!(gather(&[folder.path().join("a.yaml")]).expect("kinds").kinds().len(), before + 1);
        assert!(Arc::ptr_eq(&gather(&[]).expect("kinds"), &builtin()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        assert!(said(&[folder.path().to_owned()]).starts_with("there is no file of rules in "));
        assert!(said(&[path("nothing.yaml")]).ends_with("nothing.yaml"));
        std::fs::write(path("a.yaml"), rule("acme", "one")).expect("a file");
        std::fs::write(path("b.yaml"), rule("acme", "one")).expect("a file");
        assert!(said(&[folder.path().to_owned()]).contains("b.yaml:5:9: the kind acme.one is in "));
        std::fs::write(path("b.yaml"), rule("stanch", "demo-token")).expect("a file");
        let taken = said(&[path("b.yaml")]);
        assert!(taken.contains("b.yaml:5:9: the program has a kind stanch.demo-token already; rename"), "{taken}");
        std::fs::write(path("b.yaml"), rule("apex", "one").replace("severity", "severty")).expect("a file");
        assert!(said(&[path("b.yaml")]).contains("b.yaml:7:5: `severty` is no key here; did you mean `severity`?"));
    }
}
