//! The account in a key id of AWS: behind the four letters of its sort lie 80 bits, of which 40 are the account.

use super::{Reading, bits};

/// Ids with these letters behind their sort are older than the form that holds an account.
const OLDER: [u8; 2] = [b'I', b'J'];
/// Accounts have twelve digits.
const ACCOUNTS: u64 = 1_000_000_000_000;

pub(super) fn read(id: &[u8], to: &mut Reading) {
    if let Some(account) = account(id) {
        to.tell("account", format!("{account:012}").as_bytes());
    }
}

fn account(id: &[u8]) -> Option<u64> {
    let text = id.get(4..20).filter(|_| id.len() == 20)?;
    if text.first().is_none_or(|first| OLDER.contains(first)) {
        return None;
    }
    let front = bits::base32(text)?.get(..6)?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    Some((front & 0x7fff_ffff_ff80) >> 7).filter(|account| *account < ACCOUNTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_read_from_the_id() {
        // The ids of the two published articles.
        assert_eq!(account(concat!("AS", "IAY34FZKBOKMUTVV7A").as_bytes()), Some(609_629_065_308));
        assert_eq!(account(concat!("AS", "IAQNZGKIQY56JQ7WML").as_bytes()), Some(29_608_264_753));
        assert_eq!(account(concat!("AK", "IAIOSFODNN7EXAMPLE").as_bytes()), None, "older ids hold none");
        assert_eq!(account(b"AKIA"), None);
        let mut reading = Reading::default();
        read(concat!("AS", "IAQNZGKIQY56JQ7WML").as_bytes(), &mut reading);
        assert_eq!(reading.facts["account"], "029608264753");
    }
}
