//! Strings that statements, one after the other, append to the same variable: `k = "abc"`, `k += "def"`.

use super::sink::Sink;
use crate::model::Encoding;
use crate::runs::is_token_byte;
use std::ops::Range;

/// The longest statement, and the most of them.
const LONGEST: usize = 4 << 10;
const MOST: usize = 1_024;

/// One statement that sets or appends a string.
struct Statement<'t> {
    variable: &'t [u8],
    appends: bool,
    /// The string, without its quotes.
    inner: Range<usize>,
    /// Where the next line begins.
    next: usize,
}

/// Reads the statements from the one before an appending one on; returns where they end.
pub(super) fn chain(text: &[u8], sign: usize, sink: &mut Sink<'_>) -> Option<usize> {
    if !ends_line(text.get(sign + 2..)?) {
        return None;
    }
    let start = line_start(text, sign);
    let appended = statement(text, start).filter(|statement| statement.appends)?;
    let first = statement(text, line_start(text, start.checked_sub(1)?))?;
    if first.variable != appended.variable {
        return None;
    }
    let (variable, mut next, mut strings) = (first.variable, appended.next, vec![first.inner, appended.inner]);
    while let Some(statement) = statement(text, next) {
        if !statement.appends || statement.variable != variable || strings.len() >= MOST {
            break;
        }
        next = statement.next;
        strings.push(statement.inner);
    }
    let joint = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|byte| is_token_byte(*byte));
    let joins = strings.windows(2).any(|two| {
        matches!(two, [one, other] if joint(one.end.checked_sub(1)) && joint(Some(other.start)) && !other.is_empty())
    });
    if !joins {
        return Some(next);
    }
    let opening = strings.first()?.start;
    sink.stretch(Encoding::Joined, false)?.join(text, line_start(text, opening), &strings);
    Some(next)
}

/// True for one string at the end of a line. Most of what appends is none, and this costs the least to see.
fn ends_line(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    let Some((sign @ (b'"' | b'\''), rest)) = rest.split_first() else { return false };
    let Some(end) = memchr::memchr2(*sign, b'\n', rest.get(..LONGEST).unwrap_or(rest)) else { return false };
    let after = rest.get(end + 1..).unwrap_or_default();
    let after = after.strip_prefix(b";").unwrap_or(after);
    rest.get(end) == Some(sign) && matches!(after, [] | [b'\n' | b'\r' | b' ' | b'\t', ..])
}

fn line_start(text: &[u8], at: usize) -> usize {
    let lowest = at.saturating_sub(LONGEST);
    memchr::memrchr(b'\n', text.get(lowest..at).unwrap_or_default()).map_or(lowest, |found| lowest + found + 1)
}

/// The statement that a line is: a variable, with what declares it before, a sign, one string.
fn statement(text: &[u8], start: usize) -> Option<Statement<'_>> {
    let rest = text.get(start..)?;
    let rest = rest.get(..LONGEST).unwrap_or(rest);
    let length = memchr::memchr(b'\n', rest);
    let line = rest.get(..length.unwrap_or(rest.len()))?;
    let quote = memchr::memchr2(b'"', b'\'', line)?;
    let sign = *line.get(quote)?;
    let end = quote + 1 + memchr::memchr(sign, line.get(quote + 1..)?)?;
    let after = line.get(end + 1..)?.trim_ascii();
    if !matches!(after, b"" | b";") || memchr::memchr(b'\\', line.get(quote..end)?).is_some() {
        return None;
    }
    let before = line.get(..quote)?.trim_ascii().strip_suffix(b"=")?;
    let (before, appends) = match before.split_last()? {
        (b'+' | b'.', before) => (before, true),
        (b':', before) => (before, false),
        _ => (before, false),
    };
    let before = before.trim_ascii();
    let named = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'@' | b'-' | b'>');
    let name = before.iter().rev().take_while(named).count();
    let variable = before.get(before.len() - name..).filter(|name| !name.is_empty())?;
    // What appends stands alone; what sets may be declared on the way.
    if appends && name < before.len() {
        return None;
    }
    let inner = start + quote + 1..start + end;
    Some(Statement { variable, appends, inner, next: start + length.map_or(rest.len(), |length| length + 1) })
}

#[cfg(test)]
mod tests {
    use super::super::tests::joined;

    #[test]
    fn what_is_appended_line_by_line_is_one_string() {
        let python = "def f():\n    key = 'abcd_'\n    key += 'efgh'\n    key += 'ijkl'\n    use(key)\n";
        assert!(joined(python).contains("key = 'abcd_efghijkl'"), "{}", joined(python));
        let php = "$k = \"abcd_\";\n$k .= \"efghijklm\";\n";
        assert!(joined(php).contains("$k = \"abcd_efghijklm\""));
        let java = "  String this.key = \"abcd_\";\r\n  this.key += \"efghijklm\";\r\n";
        assert!(joined(java).contains("abcd_efghijklm"));
    }

    #[test]
    fn other_variables_and_other_statements_are_not_joined() {
        for text in [
            "a = 'abcdefgh'\nb += 'ijklmnop'\n",
            "a = 'abcdefgh'\nc = 1\na += 'ijklmnop'\n",
            "a = 'abcdefgh' + x\na += 'ijklmnop'\n",
            "a += 1\na += 'abcdefghijklmnop'\n",
            "count += \"",
            "+=",
        ] {
            assert_eq!(joined(text), "", "{text}");
        }
    }
}
