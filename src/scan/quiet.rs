//! Quiet places: text that was made or copied by machines, where words and digests look like passwords. They are scanned,
//! but there only kinds count whose tokens cannot be mistaken for anything else.

use crate::model::{Confidence, Place};

/// Bytes that are looked at to tell text from binary, as git does.
const SNIFFED: usize = 8_000;

/// Files in which package managers write down what they took.
const LOCK_FILES: [&str; 31] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "cargo.lock",
    "poetry.lock",
    "pdm.lock",
    "uv.lock",
    "pipfile.lock",
    "pixi.lock",
    "conda-lock.yml",
    "gemfile.lock",
    "composer.lock",
    "go.sum",
    "go.work.sum",
    "mix.lock",
    "pubspec.lock",
    "podfile.lock",
    "cartfile.resolved",
    "package.resolved",
    "packages.lock.json",
    "paket.lock",
    "gradle.lockfile",
    "flake.lock",
    "stack.yaml.lock",
    "cabal.project.freeze",
    ".terraform.lock.hcl",
    "module.bazel.lock",
];

/// Directories that hold what others wrote.
const COPIED: [&str; 8] = [
    "node_modules",
    "bower_components",
    "jspm_packages",
    "vendor",
    "third_party",
    "third-party",
    "thirdparty",
    "site-packages",
];

/// Endings of drawings, maps and what is pressed together for browsers.
const MADE: [&str; 8] = [".svg", ".map", ".min.js", ".min.mjs", ".min.cjs", ".min.css", ".bundle.js", ".chunk.js"];

/// True when a path lies in a quiet place.
#[must_use]
pub(super) fn path(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path);
    let is_one_of = |part: &str, all: &[&str]| all.iter().any(|one| one.eq_ignore_ascii_case(part));
    is_one_of(name, &LOCK_FILES)
        || MADE.iter().any(|ending| ends_with(name, ending))
        || parts.any(|directory| is_one_of(directory, &COPIED))
}

fn ends_with(name: &str, ending: &str) -> bool {
    let start = name.len().checked_sub(ending.len());
    start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// True when a place, or anything that holds it, is quiet; `outermost` is the path of the outermost thing.
#[must_use]
pub(super) fn place(place: &Place, outermost: &str) -> bool {
    match place {
        Place::Member { of, name } => path(name) || self::place(of, outermost),
        _ => path(outermost),
    }
}

/// True when content is binary: a byte of zero near its start. Text in UTF-16 and UTF-32 holds zeros too, so this is asked
/// of what was made of it.
#[must_use]
pub(super) fn content(text: &[u8]) -> bool {
    memchr::memchr(0, text.get(..SNIFFED).unwrap_or(text)).is_some()
}

/// True when a kind counts in a quiet place.
#[must_use]
pub(super) fn counts(confidence: Confidence) -> bool {
    confidence == Confidence::High
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_machines_made_or_copied_is_quiet() {
        for quiet in [
            "Cargo.lock",
            "deep/down/package-lock.json",
            "go.sum",
            "web/node_modules/x/index.js",
            "vendor/github.com/x/y.go",
            "lib/Vendor/x.rb",
            "third_party/x",
            "logo.SVG",
            "app.js.map",
            "jquery.min.js",
        ] {
            assert!(path(quiet), "{quiet}");
        }
        for loud in ["src/main.rs", "vendor", "vendor.rs", "node_modules.txt", "map", "a.lock", "app.js", "lock", ""] {
            assert!(!path(loud), "{loud}");
        }
        assert!(!path("\u{e9}.sv\u{e9}"));
    }

    #[test]
    fn members_are_quiet_by_themselves_and_by_what_holds_them() {
        let file = Place::File { path: "/home/vendor/work/app.zip".to_owned() };
        let member = |of: &Place, name: &str| Place::Member { of: Box::new(of.clone()), name: name.to_owned() };
        assert!(!place(&member(&file, "src/a.js"), "app.zip"));
        assert!(place(&member(&file, "package/node_modules/a.js"), "app.zip"));
        assert!(place(&member(&member(&file, "node_modules/x.tgz"), "a.js"), "app.zip"));
        assert!(place(&member(&file, "a.js"), "vendor/app.zip"));
    }

    #[test]
    fn zeros_mean_binary() {
        assert!(content(b"a\0b"));
        assert!(!content(b"plain"));
        assert!(!content(&[vec![b'a'; SNIFFED], vec![0]].concat()));
    }
}
