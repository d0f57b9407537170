//! Where text looks like tokens: runs of the bytes that tokens are written with.

use std::ops::Range;

/// True for the bytes that tokens are written with: letters, digits and `_+/=.~-`.
#[must_use]
pub const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'+' | b'/' | b'=' | b'.' | b'~' | b'-')
}

/// Hands over every maximal run of token bytes that is at least so long, in order.
pub fn find(bytes: &[u8], least: usize, found: &mut dyn FnMut(Range<usize>)) {
    let mut start = None;
    for (at, byte) in bytes.iter().enumerate() {
        match (is_token_byte(*byte), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if at - from >= least {
                    found(from..at);
                }
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start.filter(|from| bytes.len() - from >= least) {
        found(from..bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_maximal_and_long_enough() {
        let mut runs = Vec::new();
        find(b"ab abcd;abc=", 3, &mut |run| runs.push(run));
        assert_eq!(runs, [3..7, 8..12]);
    }
}
