//! Which images there are, and which blobs each of them is made of.

use super::holder::Holder;
use super::layer::Expected;
use super::manifest::{Ancestor, Configuration, Descriptor, Digest, Document, Saved, is_hex};
use super::{ArchiveError, Halt, LONGEST_DOCUMENT, Walk};
use crate::archive::names;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

/// Indexes within indexes.
const DEEPEST: usize = 8;

/// The longest title that an image is given.
const LONGEST_TITLE: usize = 120;

/// The images, in the order in which they are named.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) images: Vec<Image>,
}

/// One image.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// Its tag and platform; may be empty.
    pub(super) title: String,
    /// Its manifest and its configuration, each behind what it is.
    pub(super) documents: Vec<(&'static str, Part)>,
    /// The lowest first.
    pub(super) layers: Vec<Part>,
}

/// A blob that an image refers to.
#[derive(Debug)]
pub(super) struct Part {
    /// As people are shown it.
    pub(super) called: String,
    /// Where it lies; none if it is not there.
    pub(super) name: Option<String>,
    pub(super) expected: Expected,
    /// Whether it is a text to be read as lines.
    pub(super) is_json: bool,
    pub(super) encrypted: bool,
    foreign: bool,
}

impl Part {
    fn of(holder: &Holder<'_>, descriptor: &Descriptor) -> Self {
        let digest = Digest::of(&descriptor.digest);
        let media = descriptor.media_type.as_str();
        Self {
            called: digest.as_ref().map_or_else(|| shortened(&descriptor.digest), Digest::short),
            name: digest.as_ref().and_then(|digest| lying(holder, digest)),
            expected: digest.map_or(Expected::Unknown, Expected::Stored),
            is_json: media.is_empty() || media.ends_with("json"),
            encrypted: media.ends_with("+encrypted"),
            foreign: !descriptor.urls.is_empty() || media.contains("foreign") || media.contains("nondistributable"),
        }
    }

    /// A layer of `docker save`: where it is not named by its digest, the configuration says what it expands to.
    fn saved(holder: &Holder<'_>, name: &str, expands_to: Option<Digest>) -> Self {
        let found = holder.find(name);
        let digest = found.as_deref().and_then(Digest::of_name);
        Self {
            called: digest.as_ref().or(expands_to.as_ref()).map_or_else(|| shortened(name), Digest::short),
            name: found,
            expected: match (digest, expands_to) {
                (Some(digest), _) => Expected::Stored(digest),
                (None, Some(digest)) => Expected::Expanded(digest),
                (None, None) => Expected::Unknown,
            },
            is_json: false,
            encrypted: false,
            foreign: false,
        }
    }

    /// The configuration of an image of `docker save`, which is called by its digest.
    fn named(holder: &Holder<'_>, name: &str) -> Self {
        let stem = name.strip_suffix(".json").filter(|stem| is_hex(stem));
        let digest = Digest::of_name(name).or_else(|| Digest::of(&format!("sha256:{}", stem?)));
        Self {
            called: digest.as_ref().map_or_else(|| shortened(name), Digest::short),
            name: holder.find(name),
            expected: digest.map_or(Expected::Unknown, Expected::Stored),
            is_json: true,
            encrypted: false,
            foreign: false,
        }
    }

    pub(super) fn absent_because(&self) -> &'static str {
        if self.foreign { "it is to be fetched from elsewhere" } else { "the image names it and does not hold it" }
    }
}

/// Whether this holds an image: by the documents at its top.
pub(super) fn is_image(holder: &Holder<'_>) -> bool {
    let has = |name: &str| holder.find(name).is_some();
    if has("oci-layout") && has("index.json") {
        return true;
    }
    match peek(holder, "manifest.json") {
        Some(text) if saved(&text).is_some() => true,
        Some(_) => has("version"),
        None => has("repositories") && !ancestors(holder).is_empty(),
    }
}

fn peek(holder: &Holder<'_>, name: &str) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    holder.open(&holder.find(name)?).ok()?.take(LONGEST_DOCUMENT).read_to_end(&mut text).ok()?;
    Some(text)
}

fn saved(text: &[u8]) -> Option<Vec<Saved>> {
    serde_json::from_slice::<Vec<Saved>>(text).ok().filter(|images| !images.is_empty())
}

impl Plan {
    /// Reads the documents. Those that tell of several images are handed over at once, the others with their image.
    ///
    /// # Errors
    /// When the whole walk is to end.
    pub(super) fn read(walk: &mut Walk<'_, '_, '_>) -> Result<Self, Halt> {
        let mut plan = Self::default();
        let mut known = BTreeSet::new();
        for name in ["index.json", "manifest.json"] {
            let Some(found) = walk.holder.find(name) else { continue };
            let Some(text) = walk.document(&found, name, None)? else { continue };
            match saved(&text) {
                Some(images) => plan.add_saved(walk.holder, &images, &mut known),
                None => {
                    let image = Image::default();
                    plan.add_document(walk, &text, image, DEEPEST, &mut known)?;
                }
            }
        }
        if plan.images.is_empty() {
            plan.add_ancestors(walk.holder);
        }
        Ok(plan)
    }

    /// An index or a manifest, whose own text stands in the image already.
    fn add_document(
        &mut self,
        walk: &mut Walk<'_, '_, '_>,
        text: &[u8],
        mut image: Image,
        deeper: usize,
        known: &mut BTreeSet<String>,
    ) -> Result<(), Halt> {
        // What is no JSON or none of ours has no parts; that it is no JSON is said when it is handed over.
        let document: Document = serde_json::from_slice(text).unwrap_or_default();
        if !document.manifests.is_empty() {
            for (what, part) in image.documents {
                walk.part(&called(&image.title, what), &part)?;
            }
            return self.add_children(walk, &document.manifests, &image.title, deeper, known);
        }
        let holder = walk.holder;
        image.layers.extend(document.layers.iter().chain(&document.blobs).map(|layer| Part::of(holder, layer)));
        for first in document.fs_layers.into_iter().rev() {
            let descriptor = Descriptor { digest: first.blob_sum, ..Descriptor::default() };
            image.layers.push(Part::of(holder, &descriptor));
        }
        if let Some(config) = &document.config {
            let part = Part::of(holder, config);
            known.extend(part.name.clone());
            image.documents.push(("configuration", part));
        }
        self.images.push(image);
        Ok(())
    }

    /// What an index names. Of an image for many platforms the one that was saved may be the only one that is there: the
    /// others are not missed then.
    fn add_children(
        &mut self,
        walk: &mut Walk<'_, '_, '_>,
        children: &[Descriptor],
        above: &str,
        deeper: usize,
        known: &mut BTreeSet<String>,
    ) -> Result<(), Halt> {
        let (mut present, mut absent) = (false, Vec::new());
        for child in children {
            let title = shortened(&child.title(above));
            let part = Part::of(walk.holder, child);
            let Some(name) = part.name.clone() else {
                absent.push((title, part));
                continue;
            };
            present = true;
            if !known.insert(name.clone()) {
                continue;
            }
            let text = peek(walk.holder, &name).unwrap_or_default();
            let image = Image { title, documents: vec![("manifest", part)], layers: Vec::new() };
            match deeper.checked_sub(1) {
                Some(deeper) => self.add_document(walk, &text, image, deeper, known)?,
                None => {
                    let what = "indexes too deep within one another".to_owned();
                    walk.outlet.missed(&called(&image.title, "manifest"), ArchiveError::Unsupported { what })?;
                }
            }
        }
        for (title, part) in absent.iter().filter(|_| !present) {
            walk.part(&called(title, "manifest"), part)?;
        }
        Ok(())
    }

    /// The images of `docker save`; those that an index named as well are known by their configuration.
    fn add_saved(&mut self, holder: &Holder<'_>, images: &[Saved], known: &mut BTreeSet<String>) {
        for image in images {
            let part = Part::named(holder, &image.config);
            if part.name.iter().any(|name| !known.insert(name.clone())) {
                continue;
            }
            let text = part.name.as_ref().and_then(|name| peek(holder, name)).unwrap_or_default();
            let said: Configuration = serde_json::from_slice(&text).unwrap_or_default();
            let digests = said.rootfs.diff_ids.iter().map(|digest| Digest::of(digest)).chain(std::iter::repeat(None));
            let layers = image.layers.iter().zip(digests);
            self.images.push(Image {
                title: shortened(&image.repo_tags.join(" ")),
                documents: vec![("configuration", part)],
                layers: layers.map(|(name, expands_to)| Part::saved(holder, name, expands_to)).collect(),
            });
        }
    }

    /// Images from before there was a `manifest.json`: each layer names the one below.
    fn add_ancestors(&mut self, holder: &Holder<'_>) {
        let ancestors = ancestors(holder);
        let parents: BTreeSet<&String> = ancestors.values().flatten().collect();
        for top in ancestors.keys().filter(|id| !parents.contains(id)) {
            let (mut layers, mut next, mut seen) = (Vec::new(), Some(top), BTreeSet::new());
            while let Some(id) = next.filter(|id| seen.insert(*id)) {
                layers.push(Part::saved(holder, &format!("{id}/layer.tar"), None));
                next = ancestors.get(id).and_then(Option::as_ref);
            }
            layers.reverse();
            self.images.push(Image { title: shortened(top), documents: Vec::new(), layers });
        }
    }
}

/// Each layer that has a description of its own, and its parent.
fn ancestors(holder: &Holder<'_>) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for name in holder.names() {
        let Some(id) = name.strip_suffix("/json").filter(|id| is_hex(id)) else { continue };
        let Some(text) = peek(holder, &name) else { continue };
        let ancestor: Ancestor = serde_json::from_slice(&text).unwrap_or_default();
        found.insert(id.to_owned(), ancestor.parent);
    }
    found
}

/// Where the blob of a digest lies: by the layout of OCI, or as `skopeo` puts it.
fn lying(holder: &Holder<'_>, digest: &Digest) -> Option<String> {
    let hex = digest.hex();
    let names =
        [digest.path(), hex.to_owned(), format!("{hex}.manifest.json"), format!("{hex}.json"), format!("{hex}.tar")];
    names.into_iter().find_map(|name| holder.find(&name))
}

/// A part of an image, by the image's title.
fn called(title: &str, part: &str) -> String {
    if title.is_empty() { part.to_owned() } else { format!("{title}!{part}") }
}

/// What a stranger wrote, as it may be shown.
fn shortened(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let shown = names::shown(text.as_bytes());
    match shown.char_indices().nth(LONGEST_TITLE) {
        Some((end, _)) => format!("{}\u{2026}", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}
