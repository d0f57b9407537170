//! What no log may show: every secret that this process works with, in every form in which a library might print it.
//!
//! No copy of a secret is kept here. Of each form, a short mark of its first bytes and a keyed digest stay behind; text is
//! searched by mark and believed by digest. Encodings that leave a choice (which signs are percent-encoded, which are
//! escaped) are undone in the text; those that do not (base 64, hexadecimal) are looked for as they are.

use crate::model::Secret;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, PoisonError, RwLock};
use zeroize::Zeroizing;

/// What stands in a secret's place.
pub(super) const MASK: &str = "[redacted]";
/// Secrets that are known at once; the oldest goes first. A daemon works with a few at a time.
const MOST: usize = 4096;
/// Bytes of a form that make its mark; nothing shorter is hidden, for it would be found in ordinary words.
const MARK: usize = 6;
/// What stands behind a colon and is shorter is more likely a part of an address than a password.
const LONG: usize = 16;
/// Bytes of a form that its digest covers: enough to know it by, and few enough that any text is searched in a time that
/// grows with its length alone.
const COVERED: usize = 256;

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(|| RwLock::new(Known::new()));
/// Most commands never know a secret, and their logs are not searched.
static ANY: AtomicBool = AtomicBool::new(false);

/// From now on, no log of this process shows this secret. Cheap, and right to repeat.
pub fn hush(secret: &Secret) {
    #[expect(clippy::disallowed_methods, reason = "a digest is taken; no byte is kept")]
    let bytes = secret.expose();
    if bytes.len() < MARK {
        return;
    }
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).learn(bytes);
    // The password of a login is as much of a secret without its user.
    if let Some((_, password)) = secret.user_and_password().filter(|(_, password)| password.len() >= LONG) {
        #[expect(clippy::disallowed_methods, reason = "a digest is taken; no byte is kept")]
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).learn(password.expose());
    }
    ANY.store(true, Ordering::Release);
}

/// The text with every secret in it masked.
#[must_use]
pub fn redacted(text: &str) -> Cow<'_, str> {
    match redacted_bytes(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// The same for bytes.
pub(super) fn redacted_bytes(text: &[u8]) -> Cow<'_, [u8]> {
    if !ANY.load(Ordering::Acquire) {
        return Cow::Borrowed(text);
    }
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).redact(text)
}

/// One form of one secret.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Form {
    length: usize,
    digest: [u8; 32],
}

struct Known {
    /// Drawn anew by every process.
    key: [u8; 32],
    odd: u64,
    forms: HashMap<u32, Vec<Form>>,
    /// The marks and forms of each secret, oldest first.
    order: VecDeque<Vec<(u32, Form)>>,
}

impl Known {
    fn new() -> Self {
        let random = RandomState::new();
        let mut key = [0; 32];
        for (number, part) in key.chunks_mut(8).enumerate() {
            part.copy_from_slice(&random.hash_one(number).to_le_bytes());
        }
        Self { key, odd: random.hash_one("odd") | 1, forms: HashMap::new(), order: VecDeque::new() }
    }

    fn learn(&mut self, secret: &[u8]) {
        let mut own = Vec::new();
        for form in forms(secret) {
            let Some(mark) = form.get(..MARK) else { continue };
            let mark = self.mark(mark.iter().fold(0, |window, byte| window << 8 | u64::from(*byte)));
            let form = Form { length: form.len(), digest: self.digest(&form) };
            let known = self.forms.entry(mark).or_default();
            if !known.contains(&form) {
                known.push(form);
                own.push((mark, form));
            }
        }
        if own.is_empty() {
            return;
        }
        self.order.push_back(own);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            for (mark, form) in oldest {
                if let Some(known) = self.forms.get_mut(&mark) {
                    known.retain(|other| *other != form);
                    if known.is_empty() {
                        self.forms.remove(&mark);
                    }
                }
            }
        }
    }

    /// A few bits of the first bytes: too few to know them by.
    fn mark(&self, window: u64) -> u32 {
        u32::try_from(window.wrapping_mul(self.odd) >> 44).unwrap_or_default()
    }

    fn digest(&self, form: &[u8]) -> [u8; 32] {
        let covered = form.get(..COVERED).unwrap_or(form);
        Sha256::new().chain_update(self.key).chain_update(covered).finalize().into()
    }

    fn redact<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut spans = Vec::new();
        for view in views(text) {
            self.search(&view, &mut spans);
        }
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        spans.sort_unstable();
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for (start, end) in spans {
            if start >= at {
                out.extend(text.get(at..start).unwrap_or_default());
                out.extend(MASK.as_bytes());
            }
            at = at.max(end);
        }
        out.extend(text.get(at..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Finds known forms in a view, as spans of the text behind it.
    fn search(&self, view: &View<'_>, spans: &mut Vec<(usize, usize)>) {
        let bytes: &[u8] = &view.bytes;
        let mut window = 0_u64;
        for (last, byte) in bytes.iter().enumerate() {
            window = (window << 8 | u64::from(*byte)) & ((1 << (8 * MARK)) - 1);
            let Some(start) = (last + 1).checked_sub(MARK) else { continue };
            let Some(forms) = self.forms.get(&self.mark(window)) else { continue };
            let found = forms.iter().filter_map(|form| {
                let slice = bytes.get(start..start.checked_add(form.length)?)?;
                (self.digest(slice) == form.digest).then_some(form.length)
            });
            if let Some(length) = found.max() {
                spans.push((view.origin(start), view.origin(start + length)));
            }
        }
    }
}

/// The forms of a secret that are looked for as they are.
fn forms(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
    let mut forms = vec![
        Zeroizing::new(secret.to_vec()),
        Zeroizing::new(HEXLOWER.encode(secret).into_bytes()),
        Zeroizing::new(HEXUPPER.encode(secret).into_bytes()),
        Zeroizing::new(secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()),
        Zeroizing::new(secret.iter().map(u8::to_string).collect::<Vec<_>>().join(",").into_bytes()),
    ];
    // Behind one or two other bytes, as a password stands behind a user, each character holds other bits. Those at both
    // ends belong to the neighbours too, and are left out.
    for before in 0..3 {
        let mut shifted = Zeroizing::new(vec![0; before]);
        shifted.extend_from_slice(secret);
        let (first, last) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
            let text = Zeroizing::new(encoding.encode(&shifted).into_bytes());
            forms.push(Zeroizing::new(text.get(first..last).unwrap_or_default().to_vec()));
        }
    }
    forms
}

/// What stands at the beginning of a text, decoded, and how many bytes that was; none where nothing is encoded.
type Undone = Option<(Vec<u8>, usize)>;

/// A text as it is, or with an encoding undone; `origins` says where each byte came from.
struct View<'a> {
    bytes: Cow<'a, [u8]>,
    origins: Option<Vec<usize>>,
    length: usize,
}

impl View<'_> {
    /// Where the byte at this place begins in the text; its length for the end.
    fn origin(&self, at: usize) -> usize {
        match &self.origins {
            None => at,
            Some(origins) => origins.get(at).copied().unwrap_or(self.length),
        }
    }

    /// The same text with one more encoding undone; none where there is nothing to undo.
    fn undone(&self, sign: u8, undo: fn(&[u8]) -> Undone) -> Option<View<'static>> {
        let bytes: &[u8] = &self.bytes;
        if !bytes.contains(&sign) {
            return None;
        }
        let (mut out, mut origins) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(bytes.len()));
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let step = match bytes.get(at..).and_then(undo) {
                Some((decoded, step)) => {
                    origins.extend(decoded.iter().map(|_| self.origin(at)));
                    out.extend(decoded);
                    step
                }
                None => {
                    out.push(*byte);
                    origins.push(self.origin(at));
                    1
                }
            };
            at += step.max(1);
        }
        Some(View { bytes: Cow::Owned(out), origins: Some(origins), length: self.length })
    }
}

/// How often a log may quote what is quoted already.
const QUOTED: usize = 4;

/// The text as it is, with quoting undone as often as it was done, and each of these without percent signs.
fn views(text: &[u8]) -> Vec<View<'_>> {
    let mut all = vec![View { bytes: Cow::Borrowed(text), origins: None, length: text.len() }];
    while all.len() <= QUOTED
        && let Some(next) = all.last().and_then(|view| view.undone(b'\\', unescape))
    {
        all.push(next);
    }
    let decoded: Vec<_> = all.iter().filter_map(|view| view.undone(b'%', unpercent)).collect();
    let formed: Vec<_> = all.iter().filter_map(|view| view.undone(b'+', unform)).collect();
    all.extend(decoded);
    all.extend(formed);
    all
}

/// `\n`, `\"`, `\/`, `\x0a`, `\u00e9`, `\u{e9}`: as JSON, Rust and shells write them.
fn unescape(text: &[u8]) -> Undone {
    let (b'\\', kind) = (text.first()?, text.get(1)?) else { return None };
    let one = |byte: u8| Some((vec![byte], 2));
    match kind {
        b'n' => one(b'\n'),
        b'r' => one(b'\r'),
        b't' => one(b'\t'),
        b'b' => one(8),
        b'f' => one(12),
        b'0' => one(0),
        b'"' | b'\'' | b'\\' | b'/' => one(*kind),
        b'x' => Some((vec![number(text.get(2..4)?)? as u8], 4)),
        b'u' if text.get(2) == Some(&b'{') => {
            let end = text.iter().take(12).position(|byte| *byte == b'}')?;
            Some((character(number(text.get(3..end)?)?)?, end + 1))
        }
        b'u' => {
            let high = number(text.get(2..6)?)?;
            let low = text.get(6..8).filter(|next| *next == b"\\u").and_then(|_| number(text.get(8..12)?));
            match (high, low) {
                (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                    Some((character(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12))
                }
                _ => Some((character(high)?, 6)),
            }
        }
        _ => None,
    }
}

fn unpercent(text: &[u8]) -> Undone {
    let b'%' = text.first()? else { return None };
    Some((vec![number(text.get(1..3)?)? as u8], 3))
}

/// As forms have it: a plus is a space too.
fn unform(text: &[u8]) -> Undone {
    if text.first() == Some(&b'+') { Some((vec![b' '], 1)) } else { unpercent(text) }
}

fn number(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(text, 16).ok()
}

fn character(number: u32) -> Option<Vec<u8>> {
    char::from_u32(number).map(|c| c.to_string().into_bytes())
}

#[cfg(test)]
mod tests;
