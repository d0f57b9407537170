//! Follows another scanner's report into the content that it is about: a repository, or a directory.

use super::scanner::{Prepared, Whereabouts};
use crate::import::{Lead, Report};
use crate::model::Place;
use crate::scan::{Following, Gap, Outcome};
use crate::source::git::{file_of_commit, work_tree};
use crate::source::{Blob, SourceError};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// Files with more bytes are not read for a lead.
const LARGEST: usize = 100_000_000;

/// What a lead is about.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct About {
    commit: Option<String>,
    path: Option<String>,
}

/// Follows every lead of a report into `root`. One that leads nowhere is a gap.
#[must_use]
pub fn follow(report: &Report, root: &Path, prepared: &Prepared) -> Outcome {
    let mut following = Following::new(&prepared.scanner, &report.tool);
    for gap in &report.gaps {
        let remedy = format!("scan it: stanch scan {}", root.display());
        following.miss(Gap { what: format!("{} could not read {gap}", report.tool), remedy: Some(remedy) });
    }
    let mut by_place: BTreeMap<About, Vec<&Lead>> = BTreeMap::new();
    for lead in &report.leads {
        let path = lead.path.as_deref().map(|path| path.strip_prefix("./").unwrap_or(path).to_owned());
        by_place.entry(About { commit: lead.commit.clone(), path }).or_default().push(lead);
    }
    for (about, leads) in by_place {
        let lost = match content(root, &about) {
            Ok(Some((place, bytes))) => following.look(&Blob::new(place, &bytes).below(about.path.clone()), leads),
            Ok(None) => leads,
            Err(error) => {
                following.miss(Gap::of(&error));
                leads
            }
        };
        let place = told_place(&about);
        for lead in lost {
            if !following.believe(&place, lead) {
                following.miss(nowhere(&report.tool, &place, lead));
            }
        }
    }
    following.finish()
}

fn nowhere(tool: &str, place: &Place, lead: &Lead) -> Gap {
    let line = lead.lines.map(|(line, _)| format!(":{line}")).unwrap_or_default();
    let what =
        format!("{tool} found {} at {place}{line}: its report masks the value, and nothing was found there", lead.rule);
    let remedy = "name the repository with --repo PATH, or let that scanner write the values".to_owned();
    Gap { what, remedy: Some(remedy) }
}

fn told_place(about: &About) -> Place {
    let path = about.path.clone().unwrap_or_else(|| "<not told>".to_owned());
    match &about.commit {
        Some(commit) => Place::Commit { commit: commit.clone(), path, time: 0 },
        None => Place::File { path },
    }
}

/// The bytes that a lead is about, if they are at hand: of the commit, else of the file as it is now.
fn content(root: &Path, about: &About) -> Result<Option<(Place, Vec<u8>)>, SourceError> {
    let Some(path) = about.path.as_deref().and_then(|path| below(root, path)) else { return Ok(None) };
    let shown = path.to_string_lossy().into_owned();
    let whereabouts = Whereabouts::Holding(root.to_owned());
    if let Some(commit) = &about.commit
        && work_tree(&whereabouts).is_ok()
        && let Some(kept) = file_of_commit(&whereabouts, commit, &path, LARGEST)?
    {
        let place = Place::Commit { commit: commit.clone(), path: shown, time: kept.time };
        return Ok(Some((place, kept.bytes)));
    }
    Ok(read(root, &path).map(|bytes| (Place::File { path: shown }, bytes)))
}

/// The path from `root` on. A report is not trusted: what lies elsewhere is never read for it.
fn below(root: &Path, told: &str) -> Option<PathBuf> {
    let told = Path::new(told);
    let relative = if told.is_absolute() {
        let root = root.canonicalize().ok()?;
        told.strip_prefix(&root).ok()?.to_owned()
    } else {
        told.to_owned()
    };
    let plain: PathBuf = relative.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    let inside = plain.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && plain.components().next().is_some()).then_some(plain)
}

/// The file as it is now; no link leads out of the root.
fn read(root: &Path, path: &Path) -> Option<Vec<u8>> {
    let (root, file) = (root.canonicalize().ok()?, root.join(path).canonicalize().ok()?);
    if !file.starts_with(&root) || !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX);
    std::fs::File::open(&file).ok()?.take(limit.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= LARGEST).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_never_leads_out_of_the_repository() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repository");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(directory.path().join("outside"), "x").unwrap();
        std::fs::write(root.join("inside"), "x").unwrap();
        std::os::unix::fs::symlink(directory.path().join("outside"), root.join("link")).unwrap();
        for told in ["../outside", "/etc/hostname", "", ".", "a/../../outside"] {
            assert!(below(&root, told).is_none(), "{told}");
        }
        assert_eq!(read(&root, Path::new("link")), None);
        let absolute = root.canonicalize().unwrap().join("inside");
        for told in ["inside", "./inside", absolute.to_str().unwrap()] {
            let path = below(&root, told).unwrap();
            assert_eq!(read(&root, &path).unwrap(), b"x", "{told}");
        }
    }
}
