//! Images in a registry. All of an image's blobs come into one file without a name, as an OCI layout in a tar, which is
//! then read like any saved image. Every digest is checked on the way.

mod login;
mod pack;
mod reference;
mod session;

pub use reference::Reference;

use crate::egress::EgressError;
use pack::Pack;
use serde::{Deserialize, Deserializer};
use session::Session;
use sha2::{Digest as _, Sha256, Sha512};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// The longest manifest; registries take none that is longer than 4 MiB.
const LONGEST_MANIFEST: usize = 8 << 20;

/// All manifests of an image together.
const MOST_MANIFESTS: usize = 512;

/// Indexes within indexes.
const DEEPEST: usize = 4;

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a manifest is asked for as.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// What is to be fetched.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which image.
    pub reference: Reference,
    /// For which platforms, as `linux/arm64`; none: for all.
    pub platforms: Vec<String>,
    /// All of its blobs together have at most as many bytes.
    pub largest_bytes: u64,
}

/// An image on this machine.
#[derive(Debug)]
pub struct Fetched {
    /// All of it, as an OCI layout in a tar.
    pub file: File,
    /// The digest of what was asked for.
    pub digest: String,
    /// Parts for other platforms than those that were wanted.
    pub left: Vec<String>,
    /// Parts that could not be had, and why.
    pub failed: Vec<(String, RegistryError)>,
}

/// Why an image, or a part of it, did not come. Public facts only: names, hosts, digests, never a token or a reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A name that is none.
    #[error("'{text}' names no image: {why}")]
    Reference {
        /// As given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No part is for the platforms that were asked for.
    #[error("the image has nothing for {wanted}; it has {}", offered.join(", "))]
    Platform {
        /// What was asked for.
        wanted: String,
        /// What there is.
        offered: Vec<String>,
    },
    /// The file with the logins cannot be used.
    #[error("cannot read the logins in {}", path.display())]
    LoginFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program that keeps the logins.
    #[error("docker-credential-{helper}, which keeps the logins, did not answer")]
    Helper {
        /// Which.
        helper: String,
        /// Why.
        source: std::io::Error,
    },
    /// The request did not get through.
    #[error(transparent)]
    Egress(EgressError),
    /// Who we are, or that we are nobody, is not enough.
    #[error("{host} refused {what}{}", if *known { ", although we are logged in there" } else { ": we are not logged in there" })]
    Refused {
        /// Who.
        host: String,
        /// What was asked for.
        what: String,
        /// Whether there was a login.
        known: bool,
    },
    /// There is no such thing, or it is not shown to us.
    #[error("{host} knows no {what}, or does not show it to us")]
    Missing {
        /// Who.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// It wants to be left alone for a while.
    #[error("{host} limits how often it is asked: try again in {} s", wait.as_secs())]
    Later {
        /// Who.
        host: String,
        /// How long.
        wait: Duration,
    },
    /// It takes too long.
    #[error("{host} sent nothing of {what} for {} s", limit.as_secs())]
    Slow {
        /// Who.
        host: String,
        /// What was asked for.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// The answer is not what it should be.
    #[error("{host} did not give {what}: {why}")]
    Answer {
        /// Who.
        host: String,
        /// What was asked for.
        what: String,
        /// What was wrong.
        why: String,
    },
    /// It is too large.
    #[error("the image has {bytes} bytes, which is more than the limit of {limit}")]
    TooLarge {
        /// What it has.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It cannot be kept.
    #[error("cannot keep the image in {} while it is read", directory.display())]
    Keep {
        /// Where.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl RegistryError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Reference { .. } => {
                "write it as [HOST[:PORT]/]NAME[:TAG][@DIGEST], for instance ghcr.io/acme/shop:1.4"
            }
            Self::Platform { .. } => "give one of these to --platform, or leave it out to scan them all",
            Self::LoginFile { .. } => {
                "it is JSON as docker login and podman login write it; REGISTRY_AUTH_FILE names another one"
            }
            Self::Helper { .. } => "install it, or log in again without it; it is named in the file with the logins",
            Self::Egress(EgressError::Foreign { .. } | EgressError::Private { .. }) => {
                "fetch the image with another client (skopeo copy docker://… oci-archive:image.tar) and scan the file"
            }
            Self::Egress(EgressError::Connect { .. }) => {
                "check the name, the network and the certificate; SSL_CERT_FILE adds an authority of your own"
            }
            Self::Refused { known: false, .. } => "log in with docker login or podman login, or check the image's name",
            Self::Refused { known: true, .. } => "check what this login may read, and log in again if it has run out",
            Self::Missing { .. } => "check the name and the tag; a private image may need a login",
            Self::TooLarge { .. } => "raise the limit with --image-size, or choose one --platform",
            Self::Keep { .. } => "TMPDIR names another directory; it needs room for the image as it is compressed",
            Self::Egress(_) | Self::Slow { .. } | Self::Answer { .. } | Self::Later { .. } => {
                "run it again later; where it stays so, the registry's keeper can tell why"
            }
        })
    }

    /// True when it was asked for wrongly.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Reference { .. } | Self::Platform { .. })
    }
}

/// A reference from one document to another.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(deserialize_with = "or_default")]
    urls: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    platform: BTreeMap<String, serde_json::Value>,
    #[serde(deserialize_with = "or_default")]
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    schema_version: u64,
    media_type: String,
    #[serde(deserialize_with = "or_default")]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(deserialize_with = "or_default")]
    layers: Vec<Descriptor>,
    #[serde(deserialize_with = "or_default")]
    blobs: Vec<Descriptor>,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Descriptor {
    fn platform(&self) -> String {
        let parts = ["os", "architecture", "variant"].iter().filter_map(|key| self.platform.get(*key)?.as_str());
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    /// What it speaks about, where it is an attestation.
    fn subject(&self) -> Option<&str> {
        self.annotations.get("vnd.docker.reference.digest").map(String::as_str)
    }
}

/// Fetches an image.
///
/// # Errors
/// When there is nothing that could be scanned; a part that did not come is named in what is returned.
pub async fn fetch(wanted: &Wanted) -> Result<Fetched, RegistryError> {
    let login = login::find(&wanted.reference)?;
    let session = Session::open(&wanted.reference, login).await?;
    let mut gathered = Gathered {
        session: &session,
        wanted,
        documents: Vec::new(),
        blobs: BTreeMap::new(),
        left: Vec::new(),
        failed: Vec::new(),
    };
    let reference = &wanted.reference;
    let root = gathered.manifest(reference.version(), reference.digest()).await?;
    let digest = root.digest.clone();
    gathered.add(root.document, DEEPEST).await?;
    let Gathered { documents, blobs, left, mut failed, .. } = gathered;
    let bytes = blobs.values().fold(0_u64, |all, blob| all.saturating_add(blob.size));
    if bytes > wanted.largest_bytes {
        return Err(RegistryError::TooLarge { bytes, limit: wanted.largest_bytes });
    }
    let mut pack = Pack::new()?;
    pack.document("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    pack.document("index.json", &index(&digest, &root.media, root.size, reference))?;
    for (digest, bytes) in &documents {
        pack.document(&path_of(digest), bytes)?;
    }
    let places = blobs.into_values().map(|blob| Ok((pack.room(&path_of(&blob.digest), blob.size)?, blob)));
    let places = places.collect::<Result<Vec<_>, RegistryError>>()?;
    pack.end()?;
    failed.extend(pack.fill(&session, reference, places).await?);
    Ok(Fetched { file: pack.into_file(), digest, left, failed })
}

/// The one entry of our own: what the registry gave, under the tag by which it was asked for.
fn index(digest: &str, media: &str, size: usize, reference: &Reference) -> Vec<u8> {
    let name = reference.tag().unwrap_or_default();
    let annotations = serde_json::json!({ "org.opencontainers.image.ref.name": name });
    let entry = serde_json::json!({ "mediaType": media, "digest": digest, "size": size, "annotations": annotations });
    serde_json::json!({ "schemaVersion": 2, "manifests": [entry] }).to_string().into_bytes()
}

fn path_of(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

/// A manifest that was read.
struct Read {
    digest: String,
    media: String,
    size: usize,
    document: Document,
}

/// What there is to be fetched.
struct Gathered<'g> {
    session: &'g Session,
    wanted: &'g Wanted,
    documents: Vec<(String, Vec<u8>)>,
    blobs: BTreeMap<String, Descriptor>,
    left: Vec<String>,
    failed: Vec<(String, RegistryError)>,
}

impl Gathered<'_> {
    async fn manifest(&mut self, version: &str, digest: Option<&str>) -> Result<Read, RegistryError> {
        let host = self.wanted.reference.registry().to_owned();
        let what = format!("manifest {version} of {}", self.wanted.reference.path());
        let wrong = |why: &str| RegistryError::Answer { host: host.clone(), what: what.clone(), why: why.to_owned() };
        let mut reply = self.session.ask(&what, &format!("manifests/{version}"), MANIFESTS).await?;
        let mut bytes = Vec::new();
        let slow = |_| RegistryError::Slow { host: host.clone(), what: what.clone(), limit: PATIENCE };
        while let Some(piece) =
            tokio::time::timeout(PATIENCE, reply.piece()).await.map_err(slow)?.map_err(RegistryError::Egress)?
        {
            bytes.extend_from_slice(&piece);
            if bytes.len() > LONGEST_MANIFEST {
                return Err(wrong("it is longer than a manifest can be"));
            }
        }
        let found = digest_of(&bytes, digest.is_some_and(|digest| digest.starts_with("sha512:")));
        if digest.is_some_and(|digest| digest != found) {
            return Err(wrong("its content is not what its digest says"));
        }
        let document: Document = serde_json::from_slice(&bytes).map_err(|_| wrong("it is no manifest"))?;
        let is_first_kind = document.schema_version == 1;
        if is_first_kind {
            return Err(wrong(
                "it is of Docker's first kind of manifest; copy the image with skopeo, which writes a newer one",
            ));
        }
        if self.documents.len() >= MOST_MANIFESTS {
            return Err(wrong("the image has more manifests than are read"));
        }
        let read = Read { digest: found.clone(), media: document.media_type.clone(), size: bytes.len(), document };
        self.documents.push((found, bytes));
        Ok(read)
    }

    /// Adds what a document names, and what those documents name.
    async fn add(&mut self, document: Document, deeper: usize) -> Result<(), RegistryError> {
        for blob in document.config.into_iter().chain(document.layers).chain(document.blobs) {
            self.blob(blob);
        }
        if document.manifests.is_empty() {
            return Ok(());
        }
        let kept = self.chosen(&document.manifests)?;
        for child in kept {
            let name = format!("the part {} ({})", child.digest, child.platform());
            if self.documents.iter().any(|(digest, _)| *digest == child.digest) {
                continue;
            }
            if !reference::is_digest(&child.digest) || deeper == 0 {
                let (host, what) = (self.wanted.reference.registry().to_owned(), name.clone());
                let why = "it is named in a way that is not followed".to_owned();
                self.failed.push((name, RegistryError::Answer { host, what, why }));
                continue;
            }
            match self.manifest(&child.digest, Some(&child.digest)).await {
                Ok(read) => Box::pin(self.add(read.document, deeper - 1)).await?,
                Err(error) => self.failed.push((name, error)),
            }
        }
        Ok(())
    }

    /// The parts for the platforms that are wanted, and what speaks about those.
    fn chosen(&mut self, children: &[Descriptor]) -> Result<Vec<Descriptor>, RegistryError> {
        let fits = |child: &Descriptor| {
            let platform = child.platform();
            let wanted = &self.wanted.platforms;
            wanted.is_empty() || platform.is_empty() || wanted.iter().any(|one| is_within(&platform, one))
        };
        let digests: BTreeSet<&str> = children
            .iter()
            .filter(|child| child.subject().is_none() && fits(child))
            .map(|child| child.digest.as_str())
            .collect();
        let stays = |child: &Descriptor| digests.contains(child.subject().unwrap_or(&child.digest));
        let (kept, left): (Vec<_>, Vec<_>) = children.iter().cloned().partition(stays);
        if kept.is_empty() {
            let offered: BTreeSet<String> =
                children.iter().filter(|child| child.subject().is_none()).map(Descriptor::platform).collect();
            let (wanted, offered) = (self.wanted.platforms.join(", "), offered.into_iter().collect());
            return Err(RegistryError::Platform { wanted, offered });
        }
        let named = left.iter().filter(|child| child.subject().is_none()).map(Descriptor::platform);
        self.left.extend(named.collect::<BTreeSet<_>>());
        Ok(kept)
    }

    fn blob(&mut self, blob: Descriptor) {
        let is_foreign = !blob.urls.is_empty() || blob.media_type.contains("foreign");
        if !reference::is_digest(&blob.digest) || is_foreign {
            return; // it is missing in the file, and whoever reads that says so
        }
        self.blobs.entry(blob.digest.clone()).or_insert(blob);
    }
}

/// `linux/arm` has all of its variants.
fn is_within(platform: &str, wanted: &str) -> bool {
    platform.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn digest_of(bytes: &[u8], long: bool) -> String {
    let lower = data_encoding::HEXLOWER;
    if long {
        format!("sha512:{}", lower.encode(&Sha512::digest(bytes)))
    } else {
        format!("sha256:{}", lower.encode(&Sha256::digest(bytes)))
    }
}
