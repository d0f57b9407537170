//! Placeholder.
/// The envelope key in a 0600 file.
#[derive(Debug)]
pub struct FileKey;
/// Error.
#[derive(Debug, thiserror::Error)]
#[error("key")]
pub struct KeyError;
impl FileKey {
    /// Reads the key, or makes a new one (0600) where there is none.
    pub fn load_or_create(_path: &std::path::Path) -> Result<Self, KeyError> {
        Err(KeyError)
    }
}
