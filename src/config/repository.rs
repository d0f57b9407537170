//! `stanch.yaml` of a repository. Whoever can push can write it, so it may say what is looked at and nothing else: no
//! hosts, no commands, no stores, and a gate only where that makes the run stricter.

use crate::model::Severity;
use serde::Deserialize;
use serde_yaml::{DefaultMessageFormatter, MessageFormatter as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where the file may stand, from the top of the repository.
pub const NAMES: [&str; 2] = ["stanch.yaml", ".config/stanch.yaml"];

/// Bytes of the salt.
const SALT_BYTES: usize = 32;

/// The gate without any configuration; a repository may only lower it.
const USUAL_GATE: Severity = Severity::Medium;

/// The file was refused, could not be read or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// It is there but cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is there twice.
    #[error("both {} and {} are there: keep one", first.display(), second.display())]
    Twice {
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// It says what it may not say, or says it wrongly.
    #[error("{}{}: {what}", path.display(), at.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
    Refused {
        /// Which.
        path: PathBuf,
        /// Line and column, from 1.
        at: Option<(u64, u64)>,
        /// What is wrong.
        what: String,
        /// Whether a key is not one of this file.
        foreign: bool,
    },
    /// There is one already.
    #[error("{} is there already, and replacing its salt would rename every finding", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for a salt")]
    Random {
        /// Why.
        source: getrandom::Error,
    },
}

/// The file as it is typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    salt: Option<String>,
    #[serde(default)]
    exclude: Vec<String>,
    gate: Option<Severity>,
    inline_allow: Option<bool>,
}

/// The file, checked.
#[derive(Clone, Debug, Default)]
pub struct RepositoryConfig {
    /// The key of fingerprints.
    pub salt: Option<Vec<u8>>,
    /// Paths that are left out.
    pub exclude: Vec<String>,
    /// The gate, at most `medium`.
    pub gate: Option<Severity>,
    /// Whether remarks in the scanned text excuse nothing.
    pub no_remarks: bool,
    /// Where it was read, if anywhere.
    pub origin: Option<PathBuf>,
    /// The line in which the exclusions begin.
    excluded_at: Option<u64>,
}

impl RepositoryConfig {
    /// Reads the file of a repository; none is an empty one.
    ///
    /// # Errors
    /// When it cannot be read, is there twice, or says what it may not.
    pub fn discover(top: &Path) -> Result<Self, RepositoryError> {
        let mut found = NAMES.iter().map(|name| top.join(name)).filter(|path| path.symlink_metadata().is_ok());
        match (found.next(), found.next()) {
            (None, _) => Ok(Self::default()),
            (Some(path), None) => Self::read(&path),
            (Some(first), Some(second)) => Err(RepositoryError::Twice { first, second }),
        }
    }

    /// Refuses it for an exclusion that is none.
    #[must_use]
    pub fn refuse(&self, what: String) -> RepositoryError {
        refused(self.origin.as_deref().unwrap_or(Path::new(NAMES[0])), self.excluded_at.map(|line| (line, 1)), what)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// When it cannot be read or says what it may not.
    pub fn read(path: &Path) -> Result<Self, RepositoryError> {
        let unread = |source| RepositoryError::Read { path: path.to_owned(), source };
        Self::parse(&super::read_small(path).map_err(unread)?, path)
    }

    /// Checks a text; `path` is its name for messages.
    ///
    /// # Errors
    /// When it says what it may not.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RepositoryError> {
        let empty = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        let typed: Typed = if empty { Typed::default() } else { read_yaml(text, path)? };
        let line_of = |key: &str| {
            let line = text.lines().position(|line| line.starts_with(key)).map(|line| line as u64 + 1);
            line.map(|line| (line, 1))
        };
        let salt = match &typed.salt {
            None => None,
            Some(text) => Some(decode_salt(text).ok_or_else(|| {
                let what = format!("salt is not {SALT_BYTES} bytes in base64 or hex; stanch config new writes one");
                refused(path, line_of("salt"), what)
            })?),
        };
        if let Some(gate) = typed.gate.filter(|gate| *gate > USUAL_GATE) {
            let what = format!(
                "gate '{gate}' is weaker than '{USUAL_GATE}': a repository may only make it stricter; use --gate"
            );
            return Err(refused(path, line_of("gate"), what));
        }
        let excluded_at = line_of("exclude").map(|(line, _)| line);
        Ok(Self {
            salt,
            exclude: typed.exclude,
            gate: typed.gate,
            no_remarks: typed.inline_allow == Some(false),
            origin: Some(path.to_owned()),
            excluded_at,
        })
    }

    /// Writes a new file with a fresh salt and returns where.
    ///
    /// # Errors
    /// When there is one already or it cannot be written.
    pub fn create(top: &Path) -> Result<PathBuf, RepositoryError> {
        for name in NAMES {
            let path = top.join(name);
            if path.symlink_metadata().is_ok() {
                return Err(RepositoryError::Exists { path });
            }
        }
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|source| RepositoryError::Random { source })?;
        let text = format!(
            "# What stanch looks at in this repository. It is public and not trusted: hosts, commands and stores belong\n\
             # into the operator's file. The salt makes fingerprints the same in every clone; keep it.\n\
             salt: {}\n\
             # Paths that are not scanned, as in .gitignore.\n\
             exclude: []\n",
            data_encoding::BASE64.encode(&salt)
        );
        let path = top.join(NAMES[0]);
        let written = std::fs::File::create_new(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
        match written {
            Ok(()) => Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(RepositoryError::Exists { path }),
            Err(source) => Err(RepositoryError::Write { path, source }),
        }
    }
}

fn refused(path: &Path, at: Option<(u64, u64)>, what: String) -> RepositoryError {
    RepositoryError::Refused { path: path.to_owned(), at, what, foreign: false }
}

fn read_yaml(text: &str, path: &Path) -> Result<Typed, RepositoryError> {
    serde_yaml::from_str(text).map_err(|error| {
        let error = error.without_snippet();
        let at = error.location().map(|at| (at.line(), at.column()));
        let foreign = matches!(error, serde_yaml::Error::SerdeUnknownField { .. });
        let what = match error {
            serde_yaml::Error::SerdeUnknownField { field, expected, .. } => {
                format!("'{}' is no key of a repository's file: it has {}", field.escape_debug(), expected.join(", "))
            }
            serde_yaml::Error::DuplicateMappingKey { key, .. } => {
                format!("'{}' is there twice: keep one", key.as_deref().unwrap_or("a key").escape_debug())
            }
            other => DefaultMessageFormatter.format_message(other).escape_default().to_string(),
        };
        RepositoryError::Refused { path: path.to_owned(), at, what, foreign }
    })
}

fn decode_salt(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let hex = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let bytes = hex.or_else(|| data_encoding::BASE64.decode(text.as_bytes()).ok())?;
    (bytes.len() == SALT_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RepositoryConfig, String> {
        RepositoryConfig::parse(text, Path::new("stanch.yaml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_new_file_is_read_back_and_never_replaced() {
        let top = tempfile::tempdir().unwrap();
        let path = RepositoryConfig::create(top.path()).unwrap();
        let config = RepositoryConfig::discover(top.path()).unwrap();
        assert_eq!(config.salt.map(|salt| salt.len()), Some(32));
        assert_eq!(config.origin, Some(path));
        assert!(matches!(RepositoryConfig::create(top.path()), Err(RepositoryError::Exists { .. })));
        std::fs::create_dir(top.path().join(".config")).unwrap();
        std::fs::write(top.path().join(".config/stanch.yaml"), "").unwrap();
        assert!(matches!(RepositoryConfig::discover(top.path()), Err(RepositoryError::Twice { .. })));
    }

    #[test]
    fn it_may_not_say_where_secrets_are_sent() {
        for key in ["hosts: [evil.example]", "verify: {}", "commands: [sh]", "stores: {}", "webhook: x"] {
            let error = parse(&format!("exclude: []\n{key}\n")).unwrap_err();
            assert!(error.starts_with("stanch.yaml:2:"), "{error}");
            assert!(error.contains(key.split(':').next().unwrap()), "{error}");
        }
    }

    #[test]
    fn the_gate_only_gets_stricter() {
        assert_eq!(parse("gate: low").unwrap().gate, Some(Severity::Low));
        assert!(parse("\ngate: critical").unwrap_err().starts_with("stanch.yaml:2:1: gate 'critical' is weaker"));
        assert!(parse("gate: nonsense").is_err());
    }

    #[test]
    fn remarks_count_unless_the_file_says_no() {
        assert!(!parse("gate: low").unwrap().no_remarks);
        assert!(!parse("inline_allow: true").unwrap().no_remarks);
        assert!(parse("inline_allow: false").unwrap().no_remarks);
    }

    #[test]
    fn a_salt_is_32_bytes_in_hex_or_base64() {
        let hex = "ab".repeat(32);
        assert_eq!(parse(&format!("salt: '{hex}'")).unwrap().salt, Some(vec![0xab; 32]));
        let base64 = data_encoding::BASE64.encode(&[7; 32]);
        assert_eq!(parse(&format!("salt: {base64}")).unwrap().salt, Some(vec![7; 32]));
        assert!(parse("salt: short").unwrap_err().contains("salt is not 32 bytes"));
        assert!(parse("# nothing\n").unwrap().salt.is_none());
    }
}
