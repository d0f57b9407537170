//! A file of rules as it is typed, for those who hold what is done against what it says, apart from the code that does it.

use super::places::{Places, Step};
use super::problem::{Mistake, Problem};
use super::spec::options;
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;

/// A file as it is typed.
#[derive(Debug)]
pub struct Typed {
    file: String,
    text: String,
    document: Value,
    places: OnceLock<Option<Places>>,
}

impl Typed {
    /// Reads a file; none where the check would not have let it pass.
    #[must_use]
    pub fn read(path: &Path, text: &str) -> Option<Self> {
        let document = serde_yaml::from_str_with_options(text, options()).ok()?;
        let (file, text) = (path.display().to_string(), text.to_owned());
        Some(Self { file, text, document, places: OnceLock::new() })
    }

    /// The file as it was named.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its kinds, with anchors resolved.
    #[must_use]
    pub fn kinds(&self) -> &[Value] {
        self.document.get("kinds").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// What is wrong at a place of it.
    #[must_use]
    pub fn problem(&self, at: &[Step<'_>], message: String, remedy: String) -> Problem {
        let places = self.places.get_or_init(|| Places::read(&self.text).ok());
        let (line, column) = places.as_ref().map_or((1, 1), |places| places.find(at));
        Mistake { line, column, message, remedy }.of(&self.file, &self.text)
    }
}
