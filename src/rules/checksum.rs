//! The checksums that tokens carry. Only the documented shapes are judged; what has another shape is left to the
//! pattern, since providers lengthen their tokens without notice.

use super::shape::Checksum;
use super::structure::sums;
use std::ops::Range;

const BASE_62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE_36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Characters at the start of a routable token that hold random bytes alone.
const GITLAB_RANDOM: usize = 20;

/// What a checksum is of: the part of the secret that it covers, and what follows it by right.
struct Sum {
    body: usize,
    right: Vec<u8>,
    any_case: bool,
}

impl Checksum {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Github,
        Self::Npm,
        Self::Atlassian,
        Self::GitlabRoutable,
        Self::Netbird,
        Self::Grafana,
        Self::Nkey,
        Self::Bech32,
        Self::Luhn,
        Self::Iban,
    ];

    /// False when the secret has the documented shape and its checksum does not fit.
    #[must_use]
    pub fn fits(self, secret: &[u8]) -> bool {
        match self {
            Self::Nkey => sums::nkey(secret),
            Self::Bech32 => sums::bech32(secret),
            Self::Luhn => sums::luhn(secret),
            Self::Iban => sums::iban(secret),
            _ => self.sum(secret).is_none_or(|sum| sum.is_under(secret)),
        }
    }

    /// True where it alone tells the secret from any other text of its shape: without it there is nothing to report.
    pub(super) fn decides(self) -> bool {
        matches!(self, Self::Luhn | Self::Iban)
    }

    /// Where the characters lie that chance has written and the checksum covers; none where the secret has not the
    /// documented shape, or its checksum does not fit, or is not made here.
    #[must_use]
    pub fn covered(self, secret: &[u8]) -> Option<Range<usize>> {
        let sum = self.sum(secret).filter(|sum| sum.is_under(secret))?;
        Some(match self {
            Self::Github | Self::Npm | Self::Netbird => 4..sum.body,
            Self::Grafana => 5..sum.body,
            Self::Atlassian => 6..sum.body,
            // Behind the random bytes stands whose token it is.
            Self::GitlabRoutable => {
                let start = secret.iter().position(|byte| *byte == b'-').map_or(0, |dash| dash + 1);
                start..(start + GITLAB_RANDOM).min(sum.body)
            }
            Self::Nkey | Self::Bech32 | Self::Luhn | Self::Iban => return None,
        })
    }

    /// The same secret with the checksum that belongs to it; none where it has not the documented shape.
    #[must_use]
    pub fn sealed(self, secret: &[u8]) -> Option<Vec<u8>> {
        let sum = self.sum(secret)?;
        Some([secret.get(..sum.body)?, &sum.right].concat())
    }

    fn sum(self, secret: &[u8]) -> Option<Sum> {
        match self {
            Self::Github => {
                let known = [b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"];
                let (prefix, _) = secret.split_at_checked(4)?;
                known.iter().any(|name| *name == prefix).then(|| base_62(secret))?
            }
            Self::Npm => secret.starts_with(b"npm_").then(|| base_62(secret))?,
            Self::Netbird => secret.starts_with(b"nbp_").then(|| base_62(secret))?,
            Self::Atlassian => atlassian(secret),
            Self::GitlabRoutable => gitlab_routable(secret),
            Self::Grafana => grafana(secret),
            Self::Nkey | Self::Bech32 | Self::Luhn | Self::Iban => None,
        }
    }
}

impl Sum {
    /// True when the secret ends in it; hexadecimal digits may be of either case where the providers' are.
    fn is_under(&self, secret: &[u8]) -> bool {
        let end = secret.get(self.body..).unwrap_or_default();
        if self.any_case { end.eq_ignore_ascii_case(&self.right) } else { end == self.right }
    }
}

/// A prefix of four characters, thirty others and the six digits of their checksum; anything else is not judged.
fn base_62(secret: &[u8]) -> Option<Sum> {
    let (_, rest) = secret.split_at_checked(4)?;
    if rest.len() != 36 || !rest.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (payload, _) = rest.split_at_checked(30)?;
    Some(Sum { body: 34, right: digits::<6>(crc32fast::hash(payload), BASE_62).to_vec(), any_case: false })
}

fn atlassian(secret: &[u8]) -> Option<Sum> {
    if !secret.starts_with(b"ATATT3") && !secret.starts_with(b"ATCTT3") {
        return None;
    }
    let (body, _) = secret.split_at_checked(secret.len().checked_sub(8)?)?;
    let right = || format!("{:08X}", crc32fast::hash(body)).into_bytes();
    (body.last() == Some(&b'=')).then(|| Sum { body: body.len(), right: right(), any_case: false })
}

fn grafana(secret: &[u8]) -> Option<Sum> {
    let (body, _) = secret.split_at_checked(secret.len().checked_sub(9)?)?;
    if body.len() != 37 || !body.starts_with(b"glsa_") || secret.get(37) != Some(&b'_') {
        return None;
    }
    let hex: String = crc32fast::hash(body).to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Sum { body: body.len(), right: format!("_{hex}").into_bytes(), any_case: true })
}

fn gitlab_routable(secret: &[u8]) -> Option<Sum> {
    let mut parts = secret.rsplit(|byte| *byte == b'.');
    let (tail, before) = (parts.next()?, parts.next()?);
    let versioned = parts.next().is_some();
    if tail.len() != 9 || !tail.iter().all(|byte| BASE_36.contains(byte)) || (versioned && before != b"01") {
        return None;
    }
    let (body, _) = secret.split_at_checked(secret.len().checked_sub(7)?)?;
    Some(Sum { body: body.len(), right: digits::<7>(crc32fast::hash(body), BASE_36).to_vec(), any_case: false })
}

/// The number in the alphabet's base, padded with its zero.
fn digits<const WIDTH: usize>(number: u32, alphabet: &[u8]) -> [u8; WIDTH] {
    let mut rest = usize::try_from(number).unwrap_or_default();
    let mut out = [b'0'; WIDTH];
    for place in out.iter_mut().rev() {
        *place = alphabet.get(rest % alphabet.len()).copied().unwrap_or(b'0');
        rest /= alphabet.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(checksum: Checksum, text: &str) -> bool {
        checksum.fits(text.as_bytes())
    }

    #[test]
    fn github_tokens_end_in_their_checksum() {
        for prefix in ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"] {
            assert!(fits(Checksum::Github, &format!("{prefix}{}0uCPlr", "A".repeat(30))));
            assert!(fits(Checksum::Github, &format!("{prefix}{}2C8GjS", "0".repeat(30))));
            assert!(!fits(Checksum::Github, &format!("{prefix}{}0uCPls", "A".repeat(30))));
        }
        let newer = format!("ghs_{}.{}", "A".repeat(20), "B".repeat(20));
        assert!(fits(Checksum::Github, &newer), "another shape is not judged");
    }

    #[test]
    fn npm_tokens_use_the_same_sum() {
        assert!(fits(Checksum::Npm, &format!("npm_{}0uCPlr", "A".repeat(30))));
        assert!(!fits(Checksum::Npm, &format!("npm_{}0uCPlR", "A".repeat(30))));
    }

    #[test]
    fn atlassian_tokens_end_in_hex() {
        let body = format!("ATATT3{}=", "A".repeat(177));
        assert!(fits(Checksum::Atlassian, &format!("{body}B809720F")));
        assert!(!fits(Checksum::Atlassian, &format!("{body}B809720E")));
        assert!(!fits(Checksum::Atlassian, &format!("{body}b809720f")));
        assert!(fits(Checksum::Atlassian, "ATATT3"));
    }

    #[test]
    fn gitlab_judges_the_routable_shape_alone() {
        let body = format!("glpat-{}{}", "AAAAAAAAAAAAAAAAAAAAAG86", "MQp1OjEH.01.0w");
        assert!(fits(Checksum::GitlabRoutable, &format!("{body}1jueeek")));
        assert!(!fits(Checksum::GitlabRoutable, &format!("{body}1jueeel")));
        assert!(fits(Checksum::GitlabRoutable, &format!("glpat-{}", "aB3".repeat(7))));
        let newer = body.replace(".01.", ".02.");
        assert!(fits(Checksum::GitlabRoutable, &format!("{newer}1jueeel")), "an unknown version is not judged");
    }

    #[test]
    fn a_changed_token_is_sealed_anew() {
        let tokens = [
            (Checksum::Github, format!("ghp_{}0uCPlr", "A".repeat(30))),
            (Checksum::Npm, format!("npm_{}0uCPlr", "A".repeat(30))),
            (Checksum::Atlassian, format!("ATATT3{}=B809720F", "A".repeat(177))),
            (Checksum::GitlabRoutable, format!("glpat-{}{}1jueeek", "AAAAAAAAAAAAAAAAAAAAAG86", "MQp1OjEH.01.0w")),
        ];
        for (checksum, text) in tokens {
            let covered = checksum.covered(text.as_bytes()).unwrap();
            let mut other = text.clone().into_bytes();
            other[covered.start + 1] = b'b';
            assert!(!checksum.fits(&other) && checksum.covered(&other).is_none(), "{text}");
            let sealed = checksum.sealed(&other).unwrap();
            assert!(checksum.fits(&sealed) && sealed.len() == text.len() && sealed != text.as_bytes(), "{text}");
            assert_eq!(checksum.sealed(text.as_bytes()).unwrap(), text.as_bytes());
            assert_eq!(Checksum::ALL.iter().filter(|one| one.covered(text.as_bytes()).is_some()).count(), 1);
        }
        assert!(Checksum::Github.sealed(b"ghp_short").is_none());
    }

    #[test]
    fn sums_are_padded() {
        assert_eq!(digits::<6>(0, BASE_62), *b"000000");
        assert_eq!(digits::<6>(61, BASE_62), *b"00000z");
        assert_eq!(digits::<7>(u32::MAX, BASE_36), *b"1z141z3");
    }

    #[test]
    fn netbird_tokens_use_the_sum_of_github() {
        assert!(fits(Checksum::Netbird, &format!("nbp_{}0uCPlr", "A".repeat(30))));
        assert!(!fits(Checksum::Netbird, &format!("nbp_{}0uCPls", "A".repeat(30))));
        assert!(fits(Checksum::Netbird, "another"));
    }

    #[test]
    fn grafana_tokens_end_in_hex_the_smallest_byte_first() {
        // The token of the provider's own test.
        let token = concat!("glsa_iNValIdinValiDin", "validinvalidinva_5b582697");
        assert!(fits(Checksum::Grafana, token));
        assert!(!fits(Checksum::Grafana, &token.replace("697", "698")));
        assert!(fits(Checksum::Grafana, "glsa_short_5b582697") && fits(Checksum::Grafana, ""));
    }
}
