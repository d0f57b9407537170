//! The kinds that the build laid into the program: checked then, so that nothing is parsed or compiled at start.

use super::catalogue::Catalogue;
use super::pack;
use crate::model::Digest;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

static BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.pack"));

/// The digest of the code that finds, and of what it is built with.
const CODE: &str = include_str!(concat!(env!("OUT_DIR"), "/code.digest"));

/// The kinds embedded in the program.
#[must_use]
pub fn builtin() -> Arc<Catalogue> {
    static BUILTIN: OnceLock<Arc<Catalogue>> = OnceLock::new();
    Arc::clone(BUILTIN.get_or_init(|| match pack::unpack(BLOB) {
        Some(catalogue) => Arc::new(catalogue),
        // The build has read it back; a program that is damaged there must not call anything clean.
        None => std::process::abort(),
    }))
}

/// The texts of the embedded files, each under the name that a file of its provider has.
#[must_use]
pub fn builtin_files() -> Vec<(PathBuf, String)> {
    let all = builtin();
    let text =
        |kind: &Arc<super::Kind>| Some(((kind.provider().to_owned(), kind.embedded()?.as_ptr()), kind.embedded()?));
    let texts: BTreeMap<_, &str> = all.kinds().iter().filter_map(text).collect();
    let named = |((provider, _), text): ((String, _), &str)| (format!("rules/{provider}.yaml").into(), text.to_owned());
    texts.into_iter().map(named).collect()
}

impl Catalogue {
    /// The name of all that decides what is found in given bytes: these kinds, and the code that looks for them. What was
    /// scanned under one digest need not be scanned again under the same; kinds that are built in and kinds that were
    /// loaded make the same one.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest_with(CODE)
    }
}
