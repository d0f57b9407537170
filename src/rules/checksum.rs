//! The checksums that tokens carry. Only the documented shapes are judged; what has another shape is left to the
//! pattern, since providers lengthen their tokens without notice.

use super::shape::Checksum;

const BASE_62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE_36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl Checksum {
    /// False when the secret has the documented shape and its checksum does not fit.
    #[must_use]
    pub fn fits(self, secret: &[u8]) -> bool {
        match self {
            Self::Github => github(secret),
            Self::Npm => npm(secret),
            Self::Atlassian => atlassian(secret),
            Self::GitlabRoutable => gitlab_routable(secret),
        }
    }
}

fn github(secret: &[u8]) -> bool {
    let known = [b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"];
    match secret.split_at_checked(4) {
        Some((prefix, rest)) if known.iter().any(|name| *name == prefix) => base_62(rest),
        _ => true,
    }
}

fn npm(secret: &[u8]) -> bool {
    secret.strip_prefix(b"npm_").is_none_or(base_62)
}

/// Thirty characters and the six digits of their checksum; anything else is not judged.
fn base_62(rest: &[u8]) -> bool {
    if rest.len() != 36 || !rest.iter().all(u8::is_ascii_alphanumeric) {
        return true;
    }
    rest.split_at_checked(30).is_some_and(|(payload, sum)| sum == digits::<6>(crc32fast::hash(payload), BASE_62))
}

fn atlassian(secret: &[u8]) -> bool {
    if !secret.starts_with(b"ATATT3") && !secret.starts_with(b"ATCTT3") {
        return true;
    }
    let Some((body, sum)) = secret.len().checked_sub(8).and_then(|at| secret.split_at_checked(at)) else {
        return true;
    };
    if body.last() != Some(&b'=') {
        return true;
    }
    sum == format!("{:08X}", crc32fast::hash(body)).as_bytes()
}

fn gitlab_routable(secret: &[u8]) -> bool {
    let mut parts = secret.rsplit(|byte| *byte == b'.');
    let (Some(tail), Some(before)) = (parts.next(), parts.next()) else {
        return true;
    };
    let versioned = parts.next().is_some();
    if tail.len() != 9 || !tail.iter().all(|byte| BASE_36.contains(byte)) || (versioned && before != b"01") {
        return true;
    }
    let body = secret.len().checked_sub(7).and_then(|at| secret.split_at_checked(at));
    body.is_some_and(|(body, sum)| sum == digits::<7>(crc32fast::hash(body), BASE_36))
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
    fn sums_are_padded() {
        assert_eq!(digits::<6>(0, BASE_62), *b"000000");
        assert_eq!(digits::<6>(61, BASE_62), *b"00000z");
        assert_eq!(digits::<7>(u32::MAX, BASE_36), *b"1z141z3");
    }
}
