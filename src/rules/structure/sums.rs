//! Checks of numbers and keys that are no CRC-32.

use super::bits;

/// The letters of Bech32, by value.
const BECH32: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// CRC-16 with the polynomial 0x1021 that begins with zero.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0_u16, |mut sum, byte| {
        sum ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            sum = if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 };
        }
        sum
    })
}

/// Base32 whose last two bytes are the CRC-16 of those before, the smaller first.
pub(in crate::rules) fn nkey(secret: &[u8]) -> bool {
    let Some(bytes) = bits::base32(secret) else { return false };
    let Some((body, sum)) = bytes.len().checked_sub(2).and_then(|at| bytes.split_at_checked(at)) else { return false };
    sum == crc16(body).to_le_bytes()
}

/// Letters of one case: a name, `1`, values, and six of their checksum.
pub(in crate::rules) fn bech32(secret: &[u8]) -> bool {
    let lower = secret.to_ascii_lowercase();
    let Some(at) = lower.iter().rposition(|byte| *byte == b'1') else { return false };
    let Some((name, rest)) = lower.split_at_checked(at) else { return false };
    let values = rest.iter().skip(1).map(|byte| BECH32.iter().position(|letter| letter == byte));
    let Some(values) = values.map(|value| u32::try_from(value?).ok()).collect::<Option<Vec<u32>>>() else {
        return false;
    };
    let high = name.iter().map(|byte| u32::from(*byte >> 5));
    let low = name.iter().map(|byte| u32::from(*byte & 31));
    let sum = high.chain([0]).chain(low).chain(values).fold(1_u32, |sum, value| {
        let top = sum >> 25;
        let turns = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let turned = (0..).zip(turns).filter(|(bit, _)| top >> bit & 1 == 1);
        turned.fold((sum & 0x01ff_ffff) << 5 ^ value, |sum, (_, turn): (u32, u32)| sum ^ turn)
    });
    sum == 1
}

/// The digits of a number that may be written in groups.
fn digits(text: &[u8]) -> Option<Vec<u32>> {
    let written = text.iter().filter(|byte| !matches!(byte, b' ' | b'-'));
    written.map(|byte| char::from(*byte).to_digit(10)).collect()
}

/// The check digit of card numbers: every second digit from the end is doubled, and the sum ends in zero.
pub(in crate::rules) fn luhn(secret: &[u8]) -> bool {
    let Some(digits) = digits(secret).filter(|digits| digits.len() > 1) else { return false };
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(digit, second)| if second { doubled(*digit) } else { *digit })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// The check digits of bank accounts: country and check go to the end, letters count from 10 on, and 97 leaves one.
pub(in crate::rules) fn iban(secret: &[u8]) -> bool {
    let text: Vec<u8> = secret.iter().copied().filter(|byte| !matches!(byte, b' ' | b'-')).collect();
    let Some((head, rest)) = text.split_at_checked(4) else { return false };
    let rest = rest.iter().chain(head).map(|byte| char::from(*byte).to_digit(36));
    let left = rest.into_iter().try_fold(0_u32, |left, value| {
        let value = value?;
        Some((if value > 9 { left * 100 + value } else { left * 10 + value }) % 97)
    });
    left == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc16_is_the_published_one() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn nkeys_end_in_their_checksum() {
        // The seed that the provider's manual prints.
        let seed = concat!("SUACSSL3UAHUDXKFSN", "VUZRF5UHPMWZ6BFDTJ7M", "6USDXIEDNPPQYYYCU3VY");
        assert!(nkey(seed.as_bytes()) && !nkey(seed.replace("CU3", "CU4").as_bytes()));
        assert!(!nkey(b"SUA") && !nkey(b"") && !nkey(b"not base32"));
    }

    #[test]
    fn bech32_is_the_published_one() {
        // BIP 173 names these as valid and invalid.
        for right in ["A12UEL5L", "a12uel5l", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"] {
            assert!(bech32(right.as_bytes()), "{right}");
        }
        // The key that Nostr's NIP 19 prints.
        assert!(bech32(concat!("nsec1vl029mgpspedva04g90vltkh6", "fvh240zqtv9k0t9af8935ke9laqsnlfe5").as_bytes()));
        for wrong in ["A12UEL5M", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxx", "1", "", "abc"] {
            assert!(!bech32(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn cards_and_accounts_have_check_digits() {
        assert!(luhn(b"79927398713") && luhn(b"7992 7398 713"));
        assert!(!luhn(b"79927398710") && !luhn(b"0000") && !luhn(b"7") && !luhn(b"a"));
        assert!(
            iban(b"GB82WEST12345698765432") && iban(b"GB82 WEST 1234 5698 7654 32") && iban(b"gb82west12345698765432")
        );
        assert!(!iban(b"GB82WEST12345698765433") && !iban(b"GB") && !iban(b"GB82_EST12345698765432"));
    }
}
