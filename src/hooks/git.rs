//! What the installed git can do.

use std::process::{Command, Stdio};

/// The version of a git.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitVersion {
    major: u32,
    minor: u32,
    text: String,
}

impl GitVersion {
    /// The first that runs hooks named in its configuration; before that it ignores them without a word.
    const WITH_CONFIGURED_HOOKS: (u32, u32) = (2, 54);

    /// Asks the git that the search path leads to.
    #[must_use]
    pub fn on_path() -> Option<Self> {
        let output = Command::new("git").arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        Self::read(&String::from_utf8_lossy(&output.stdout))
    }

    fn read(said: &str) -> Option<Self> {
        let text = said.trim().strip_prefix("git version ")?.split(' ').next()?;
        let mut numbers = text.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor, text: text.to_owned() })
    }

    /// Whether it runs hooks named in its configuration.
    #[must_use]
    pub fn has_configured_hooks(&self) -> bool {
        (self.major, self.minor) >= Self::WITH_CONFIGURED_HOOKS
    }
}

impl std::fmt::Display for GitVersion {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_every_dress() {
        for (said, text, new) in [
            ("git version 2.39.5\n", "2.39.5", false),
            ("git version 2.53.0", "2.53.0", false),
            ("git version 2.54.0-rc1", "2.54.0-rc1", true),
            ("git version 2.55.0 (Apple Git-200)", "2.55.0", true),
            ("git version 2.54.0.windows.1", "2.54.0.windows.1", true),
            ("git version 3.0.1", "3.0.1", true),
        ] {
            let version = GitVersion::read(said).unwrap();
            assert_eq!((version.to_string().as_str(), version.has_configured_hooks()), (text, new));
        }
        for said in ["", "git version", "git version next", "hub version 2.54"] {
            assert_eq!(GitVersion::read(said), None, "{said}");
        }
    }
}
