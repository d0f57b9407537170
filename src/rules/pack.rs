//! Kinds as bytes: what scanning needs, laid out so that it is taken in without a copy of any text.

use super::catalogue::Catalogue;
use super::check::Sampled;
use super::detect::{Companion, Detect};
use super::facts::Facts;
use super::kind::{Background, Kind};
use super::pattern::Pattern;
use super::shape::{Checksum, Maker, Samples, Sort};
use super::structure::Structure;
use crate::model::{Confidence, KindId, Severity};
use postcard::take_from_bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// What comes first: the texts of the files, and how many kinds follow.
#[derive(Serialize, Deserialize)]
struct Head<'b> {
    looks: &'b [u8],
    #[serde(borrow)]
    files: Vec<&'b [u8]>,
    kinds: usize,
}

/// How one kind looks.
#[derive(Serialize, Deserialize)]
struct Looks<'b> {
    id: &'b str,
    title: &'b str,
    severity: Severity,
    confidence: Confidence,
    #[serde(borrow)]
    literals: Vec<&'b str>,
    pattern: &'b str,
    facts: Cow<'b, Facts>,
    prefix: Option<&'b str>,
    entropy: f64,
    checksum: Option<Checksum>,
    structure: Option<Structure>,
    #[serde(borrow)]
    public: Vec<&'b str>,
    lone: bool,
    require: Vec<Sort>,
    #[serde(borrow)]
    exclude: Vec<&'b str>,
    samples: Samples,
    #[serde(borrow)]
    before: Vec<&'b str>,
    #[serde(borrow)]
    unless: Vec<&'b str>,
    made: Option<Maker>,
    #[serde(borrow)]
    companions: Vec<(&'b str, &'b str, usize, bool)>,
    costly: Option<&'b str>,
}

/// The examples of a kind, each from its end to its start: so that nobody who scans the program takes it for a leak.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Examples<'b>(&'b [u8]);

impl Examples<'_> {
    fn written(examples: &[String]) -> Vec<u8> {
        let turned: Vec<Vec<u8>> = examples.iter().map(|text| text.bytes().rev().collect()).collect();
        written(&turned)
    }

    /// As they stand in the file.
    pub(super) fn read(&self) -> Vec<String> {
        let turned: Vec<&[u8]> = postcard::from_bytes(self.0).unwrap_or_default();
        let text = |turned: &[u8]| String::from_utf8(turned.iter().rev().copied().collect()).ok();
        turned.into_iter().filter_map(text).collect()
    }
}

impl<'b> Looks<'b> {
    fn of(kind: &'b Kind) -> Self {
        let Kind { id, title, severity, confidence, detect, background: _ } = kind;
        let Detect { literals, pattern, facts, prefix, entropy, checksum, structure, public, lone, .. } = detect;
        let Detect { require, exclude, samples, before, unless, made, companions, costly, .. } = detect;
        let companion = |one: &'b Companion| (one.name.as_ref(), one.pattern.text(), one.within, one.required);
        Self {
            id: id.as_str(),
            title,
            severity: *severity,
            confidence: *confidence,
            literals: literals.iter().map(AsRef::as_ref).collect(),
            pattern: pattern.text(),
            facts: Cow::Borrowed(facts),
            prefix: prefix.as_deref(),
            entropy: *entropy,
            checksum: *checksum,
            structure: *structure,
            public: public.iter().map(AsRef::as_ref).collect(),
            lone: *lone,
            require: require.clone(),
            exclude: exclude.iter().map(Pattern::text).collect(),
            unless: unless.iter().map(Pattern::text).collect(),
            made: *made,
            samples: *samples,
            before: before.iter().map(KindId::as_str).collect(),
            companions: companions.iter().map(companion).collect(),
            costly: costly.as_deref(),
        }
    }
}

impl Looks<'static> {
    fn kind(self, background: Background) -> Kind {
        let companion = |(name, pattern, within, required)| Companion {
            name: Cow::Borrowed(name),
            pattern: Pattern::new(pattern),
            within,
            required,
        };
        Kind {
            id: KindId::new(self.id),
            title: Cow::Borrowed(self.title),
            severity: self.severity,
            confidence: self.confidence,
            detect: Detect {
                literals: self.literals.into_iter().map(Cow::Borrowed).collect(),
                pattern: Pattern::new(self.pattern),
                facts: self.facts.into_owned(),
                prefix: self.prefix.map(Cow::Borrowed),
                entropy: self.entropy,
                checksum: self.checksum,
                structure: self.structure,
                public: self.public.into_iter().map(Cow::Borrowed).collect(),
                lone: self.lone,
                require: self.require,
                exclude: self.exclude.into_iter().map(Pattern::new).collect(),
                unless: self.unless.into_iter().map(Pattern::new).collect(),
                made: self.made,
                samples: self.samples,
                before: self.before.into_iter().map(KindId::new).collect(),
                companions: self.companions.into_iter().map(companion).collect(),
                costly: self.costly.map(Cow::Borrowed),
            },
            background,
        }
    }
}

/// The digest of how all these kinds look.
pub(super) fn looks(kinds: &[Arc<Kind>]) -> [u8; 32] {
    let mut looks = Sha256::new();
    kinds.iter().for_each(|kind| looks.update(written(&Looks::of(kind))));
    looks.finalize().into()
}

/// Memory takes all that is written to it. The build reads back what it packs.
fn written(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).unwrap_or_default()
}

/// Lays checked kinds out as bytes, with the texts of the files that they are from, in the order in which they stand there;
/// [`unpack`] takes them in.
#[must_use]
pub(super) fn pack(files: &[(&str, Vec<Sampled>)]) -> Vec<u8> {
    let mut kinds: Vec<(&Kind, &[String], usize, usize)> = Vec::new();
    for (file, (_, of_file)) in files.iter().enumerate() {
        kinds.extend(
            of_file.iter().enumerate().map(|(index, (kind, examples))| (kind, examples.as_slice(), file, index)),
        );
    }
    kinds.sort_by(|(one, ..), (other, ..)| one.id.cmp(&other.id));
    let (mut looks, mut tail) = (Sha256::new(), Vec::new());
    for (kind, examples, file, index) in &kinds {
        let bytes = written(&Looks::of(kind));
        looks.update(&bytes);
        tail.extend(written(&(file, index, Examples(&Examples::written(examples)))));
        tail.extend(bytes);
    }
    let looks = looks.finalize();
    let files = files.iter().map(|(text, _)| text.as_bytes()).collect();
    let mut bytes = written(&Head { looks: &looks, files, kinds: kinds.len() });
    bytes.append(&mut tail);
    bytes
}

/// Takes packed kinds in; none where these are no packed kinds.
#[must_use]
pub fn unpack(bytes: &'static [u8]) -> Option<Catalogue> {
    let (head, mut rest) = take_from_bytes::<Head<'static>>(bytes).ok()?;
    let mut kinds = Vec::with_capacity(head.kinds.min(rest.len()));
    for _ in 0..head.kinds {
        let (((file, index, examples), looks), after) =
            take_from_bytes::<((usize, usize, Examples<'static>), Looks<'static>)>(rest).ok()?;
        rest = after;
        let background = Background::Embedded { text: head.files.get(file)?, index, examples, read: OnceLock::new() };
        kinds.push(Arc::new(looks.kind(background)));
    }
    let looks: [u8; 32] = head.looks.try_into().ok()?;
    rest.is_empty().then(|| Catalogue { kinds, looks: OnceLock::from(looks) })
}
