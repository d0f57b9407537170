//! `stanch scan --image`: an image that lies here, or one that is fetched.

use super::args::ImageArguments;
use super::exit::Code;
use super::failure::Failure;
use crate::source::Source;
use std::path::PathBuf;
use std::sync::Arc;

/// How other programs call what they save, before its path.
const SAVED: [&str; 4] = ["docker-archive:", "oci-archive:", "oci:", "dir:"];

/// What is to be scanned.
pub(super) enum Found {
    /// It lies here.
    Saved(PathBuf),
    /// It came from a registry.
    #[cfg_attr(not(feature = "rotate"), expect(dead_code, reason = "nothing is fetched without the mending wing"))]
    Fetched(Arc<dyn Source>),
}

/// Finds the image: what lies here goes before what is called so in a registry.
///
/// # Errors
/// When it is nowhere.
pub(super) fn find(arguments: &ImageArguments, name: &str) -> Result<Found, Failure> {
    let remote = name.strip_prefix("docker://");
    let bare = SAVED.iter().find_map(|before| name.strip_prefix(before)).unwrap_or(name);
    let is_path = bare != name || name.starts_with(['/', '.']) || name.ends_with(".tar");
    if remote.is_none() && (is_path || std::fs::symlink_metadata(name).is_ok()) {
        return Ok(Found::Saved(PathBuf::from(bare)));
    }
    if arguments.offline {
        let what = format!("'{name}' lies in a registry, and --offline keeps us from asking there");
        return Err(Failure::new(Code::Incomplete, what).hint(SAVE).hint("nothing was scanned"));
    }
    fetch(arguments, name)
}

/// How an image comes here by other means.
const SAVE: &str =
    "save it first (skopeo copy docker://IMAGE oci-archive:image.tar) and scan the file: stanch scan image.tar";

#[cfg(not(feature = "rotate"))]
fn fetch(_arguments: &ImageArguments, name: &str) -> Result<Found, Failure> {
    let what =
        format!("'{name}' lies in a registry, and this build of stanch fetches nothing: it has the finding wing alone");
    Err(Failure::new(Code::Incomplete, what).hint(SAVE).hint("nothing was scanned"))
}

#[cfg(feature = "rotate")]
fn fetch(arguments: &ImageArguments, name: &str) -> Result<Found, Failure> {
    use super::{interruption, signals};
    use crate::fetch::registry::{Reference, RegistryError, Wanted};
    let failed = |error: RegistryError| {
        let code = if error.is_usage() { Code::Usage } else { Code::Incomplete };
        let failure = Failure::of(code, &error);
        let failure = error.remedy().into_iter().fold(failure, Failure::hint);
        failure.hint("nothing was scanned")
    };
    let reference: Reference = name.parse().map_err(failed)?;
    let (platforms, largest_bytes) = (arguments.platform.clone(), arguments.image_size);
    let wanted = Wanted { reference, platforms, largest_bytes };
    let runtime = signals::runtime()?;
    let fetching = move || runtime.block_on(crate::wiring::images::fetched(&wanted));
    let source = interruption::unless_stopped(fetching)?.map_err(failed)?;
    Ok(Found::Fetched(source))
}
