//! What the documents of an image say: indexes, manifests, configurations, and the names by which they know each other.

use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256, Sha512};
use std::collections::BTreeMap;

/// What a blob must hash to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest {
    text: String,
}

impl Digest {
    /// Such as `sha256:` and 64 digits; none for one that cannot be computed here.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (algorithm, hex) = text.split_once(':')?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return None,
        };
        (hex.len() == length && is_lower_hex(hex)).then(|| Self { text: text.to_owned() })
    }

    /// From the name that a blob has in a layout.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
        Self::of(&format!("{algorithm}:{hex}"))
    }

    /// The name that a blob has in a layout.
    pub(super) fn path(&self) -> String {
        format!("blobs/{}", self.text.replacen(':', "/", 1))
    }

    /// The digits alone.
    pub(super) fn hex(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// As people are shown it.
    pub(super) fn short(&self) -> String {
        let (algorithm, hex) = self.text.split_once(':').unwrap_or_default();
        format!("{algorithm}:{}\u{2026}", hex.get(..12).unwrap_or(hex))
    }

    pub(super) fn hasher(&self) -> Hasher {
        if self.text.starts_with("sha512:") { Hasher::Sha512(Sha512::new()) } else { Hasher::Sha256(Sha256::new()) }
    }

    /// Whether this is the digest of what was hashed.
    pub(super) fn is(&self, hasher: Hasher) -> bool {
        let lower = data_encoding::HEXLOWER;
        let hex = match hasher {
            Hasher::Sha256(hasher) => lower.encode(&hasher.finalize()),
            Hasher::Sha512(hasher) => lower.encode(&hasher.finalize()),
        };
        self.hex() == hex
    }

    /// Whether this is the digest of these bytes.
    pub(super) fn is_of(&self, bytes: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.add(bytes);
        self.is(hasher)
    }
}

/// A digest being computed.
#[derive(Clone, Debug)]
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }
}

/// Whether it is a name that the programs give: 64 digits.
pub(super) fn is_hex(name: &str) -> bool {
    name.len() == 64 && is_lower_hex(name)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where one document refers to a blob.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) urls: Vec<String>,
    pub(super) platform: Option<Platform>,
    #[serde(deserialize_with = "or_default")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// What an image runs on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Platform {
    pub(super) os: String,
    pub(super) architecture: String,
    pub(super) variant: String,
}

impl Platform {
    pub(super) fn words(&self) -> String {
        let parts = [&self.os, &self.architecture, &self.variant];
        let known: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        known.join("/")
    }
}

impl Descriptor {
    /// What this part of an index is called: its tag and platform.
    pub(super) fn title(&self, above: &str) -> String {
        if self.annotations.get("vnd.docker.reference.type").is_some_and(|kind| kind == "attestation-manifest") {
            let of = self.annotations.get("vnd.docker.reference.digest").and_then(|digest| Digest::of(digest));
            let of = of.map_or_else(String::new, |of| format!(" of {}", of.short()));
            return format!("{above} attestation{of}").trim_start().to_owned();
        }
        let name = |key: &str| self.annotations.get(key).map(String::as_str);
        let tag = name("io.containerd.image.name").or_else(|| name("org.opencontainers.image.ref.name"));
        let platform = self.platform.as_ref().map(Platform::words).unwrap_or_default();
        let parts = [above, tag.unwrap_or_default(), &platform];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// An index or a manifest; which of the two is seen from what it has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Document {
    #[serde(deserialize_with = "or_default")]
    pub(super) manifests: Vec<Descriptor>,
    pub(super) config: Option<Descriptor>,
    #[serde(deserialize_with = "or_default")]
    pub(super) layers: Vec<Descriptor>,
    /// The content of artifacts that were made before manifests had layers.
    #[serde(deserialize_with = "or_default")]
    pub(super) blobs: Vec<Descriptor>,
    /// The layers of a manifest of Docker's first kind, the last one first.
    #[serde(deserialize_with = "or_default")]
    pub(super) fs_layers: Vec<FirstLayer>,
}

/// A layer of Docker's first kind of manifest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FirstLayer {
    pub(super) blob_sum: String,
}

/// One image of a `manifest.json` that `docker save` writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) layers: Vec<String>,
}

/// What a configuration says of the layers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Configuration {
    #[serde(deserialize_with = "or_default")]
    pub(super) rootfs: Rootfs,
}

/// What the layers hash to once they are expanded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rootfs {
    #[serde(deserialize_with = "or_default")]
    pub(super) diff_ids: Vec<String>,
}

/// The description of one layer, from the time before images had a configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ancestor {
    pub(super) parent: Option<String>,
}

/// Some writers put `null` where there is nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_of_a_form() {
        let digest = Digest::of(&format!("sha256:{}", "0a".repeat(32))).unwrap();
        assert_eq!(digest.short(), "sha256:0a0a0a0a0a0a\u{2026}");
        assert_eq!(Digest::of_name(&digest.path()), Some(digest));
        for wrong in ["sha256:../../etc/passwd", "md5:00", "", "sha256:", &format!("sha256:{}", "0A".repeat(32))] {
            assert_eq!(Digest::of(wrong), None, "{wrong}");
        }
        let nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(Digest::of(nothing).unwrap().is_of(b""));
        assert!(!Digest::of(nothing).unwrap().is_of(b"x"));
    }

    #[test]
    fn a_part_is_called_by_its_tag_and_platform() {
        let json = r#"{"annotations":{"org.opencontainers.image.ref.name":"v1"},"platform":{"os":"linux","architecture":"arm","variant":"v7"},"urls":null}"#;
        let part: Descriptor = serde_json::from_str(json).unwrap();
        assert_eq!(part.title(""), "v1 linux/arm/v7");
        assert_eq!(part.title("shop"), "shop v1 linux/arm/v7");
    }
}
