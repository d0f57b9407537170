//! What an image is called.

use super::RegistryError;
use std::fmt;
use std::str::FromStr;

/// Where a name without a registry lies.
const DEFAULT_REGISTRY: &str = "docker.io";

/// The longest name of a repository.
const LONGEST_PATH: usize = 255;

/// The longest tag.
const LONGEST_TAG: usize = 128;

/// An image in a registry: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`, as the usual clients read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Host and port of the registry, as people name it.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name of the repository in it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is asked for: the digest, else the tag.
    pub(super) fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    pub(super) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Where the registry really answers.
    pub(super) fn authority(&self) -> &str {
        if self.registry == DEFAULT_REGISTRY { "registry-1.docker.io" } else { &self.registry }
    }

    /// Host without port.
    pub(super) fn host(&self) -> &str {
        host_of(self.authority())
    }

    /// On this machine: the one place to which nothing is encrypted.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        // What stands before an '@' may be a password that somebody put there.
        let shown = text.rsplit_once('@').map_or(text, |(_, after)| if is_digest(after) { text } else { after });
        let wrong = |why| RegistryError::Reference { text: shown.to_owned(), why };
        let rest = text.strip_prefix("docker://").unwrap_or(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (rest, None),
        };
        if digest.as_deref().is_some_and(|digest| !is_digest(digest)) {
            return Err(wrong("a digest is sha256: and 64 digits of the alphabet 0-9 a-f"));
        }
        let (first, others) = rest.split_once('/').unwrap_or(("", rest));
        let is_registry = first.contains(['.', ':']) || first == "localhost";
        let (registry, rest) = if is_registry { (first, others) } else { (DEFAULT_REGISTRY, rest) };
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag.to_owned())),
            None => (rest, None),
        };
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("a tag has up to 128 letters, digits, '_', '.' and '-'"));
        }
        let registry = match registry {
            "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY,
            registry => registry,
        };
        if !is_authority(registry) {
            return Err(wrong("the registry is no host[:port]"));
        }
        let bare = registry == DEFAULT_REGISTRY && !path.contains('/');
        let path = if bare { format!("library/{path}") } else { path.to_owned() };
        if !is_path(&path) {
            return Err(wrong("the name has lower-case letters, digits and single '.', '_' or '-' between them"));
        }
        let tag = if tag.is_none() && digest.is_none() { Some("latest".to_owned()) } else { tag };
        Ok(Self { registry: registry.to_owned(), path, tag, digest })
    }
}

/// Whether a digest is one that can be checked.
pub(super) fn is_digest(text: &str) -> bool {
    let lower = |hex: &str| hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match text.split_once(':') {
        Some(("sha256", hex)) => hex.len() == 64 && lower(hex),
        Some(("sha512", hex)) => hex.len() == 128 && lower(hex),
        _ => false,
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= LONGEST_TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_authority(authority: &str) -> bool {
    let host = host_of(authority);
    let port = authority.get(host.len()..).unwrap_or_default();
    let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let right = v6.map_or(named, |address| address.parse::<std::net::Ipv6Addr>().is_ok());
    right && !host.is_empty() && (port.is_empty() || port.get(1..).is_some_and(|port| port.parse::<u16>().is_ok()))
}

fn is_path(path: &str) -> bool {
    path.len() <= LONGEST_PATH && path.split('/').all(is_component)
}

/// Letters and digits, with one `.`, one or two `_` or any number of `-` between them.
fn is_component(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = part.bytes().next().is_some_and(plain) && part.bytes().last().is_some_and(plain);
    let between =
        part.split(|c: char| c.is_ascii() && u8::try_from(c).is_ok_and(plain)).filter(|between| !between.is_empty());
    ends && between
        .into_iter()
        .all(|between| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_usual_clients_read_them() {
        let hex = "0a".repeat(32);
        for (text, whole) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("docker://alpine:3.19", "docker.io/library/alpine:3.19"),
            ("shop/app", "docker.io/shop/app:latest"),
            ("index.docker.io/shop/app:v1", "docker.io/shop/app:v1"),
            ("ghcr.io/a/b/c_d__e---f.g:V1.0_x", "ghcr.io/a/b/c_d__e---f.g:V1.0_x"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            (&format!("app@sha256:{hex}"), &format!("docker.io/library/app@sha256:{hex}")),
            (&format!("r.example:443/app:v1@sha256:{hex}"), &format!("r.example:443/app:v1@sha256:{hex}")),
        ] {
            assert_eq!(text.parse::<Reference>().map(|reference| reference.to_string()).unwrap(), whole);
        }
        for wrong in [
            "",
            "App",
            "a//b",
            "a/",
            "/a",
            "a:",
            "a:-x",
            "a@sha256:00",
            "a@md5:00",
            "a b",
            "a..b",
            "a___b",
            "r.x:99999/a",
            "u@r.x/a",
            "r.x/../a",
            "r.x/a%2fb",
            "[::g]/a",
            "a:b:c",
            "r.x/-a",
            "http://r.x/a",
            "r.x/a?b",
            "r.x/a#b",
            "\u{e4}",
        ] {
            assert!(wrong.parse::<Reference>().is_err(), "{wrong}");
        }
        let said = "docker://user:pass-word@r.x/a".parse::<Reference>().unwrap_err().to_string();
        assert!(!said.contains("pass-word"), "{said}");
        assert!("127.0.0.1:5000/a".parse::<Reference>().unwrap().is_loopback());
        assert!("[::1]:5000/a".parse::<Reference>().unwrap().is_loopback());
        assert!(!"localhost.example:5000/a".parse::<Reference>().unwrap().is_loopback());
        assert_eq!("alpine".parse::<Reference>().unwrap().host(), "registry-1.docker.io");
    }
}
