//! Lines of ours in a file of somebody else: between a mark and an end, put in at the start of a line and taken out
//! again to the byte.

use super::mark::{LINES, Mark, lines};
use super::{Done, Hook, HooksError, disk};
use std::ops::Range;
use std::path::Path;

const END: &str = "# stanch lines: end";

/// Lines that were found.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Where, whole lines.
    pub(super) range: Range<usize>,
    pub(super) mark: Mark,
    /// Nobody has changed them since they were written.
    pub(super) pristine: bool,
}

/// The lines as they are written.
pub(super) fn compose(name: &str, words: &str, indent: &str, end: &str, body: &[String], made: bool) -> String {
    let body: String = body.iter().map(|line| format!("{indent}{line}{end}")).collect();
    let mark = Mark::of(name, body.as_bytes(), made.into()).line(LINES, words);
    format!("{indent}{mark}{end}{body}{indent}{END} {name}{end}")
}

/// All lines of ours in a text. A mark without an end is one that somebody has changed.
pub(super) fn find(text: &[u8]) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<(Range<usize>, Mark)> = None;
    for (range, line) in lines(text) {
        if let Some(mark) = Mark::read(LINES, line.trim_ascii_end()) {
            found.extend(open.replace((range, mark)).map(unended));
        } else if let Some((start, mark)) = open.take() {
            if line.trim_ascii() == format!("{END} {}", mark.name).as_bytes() {
                let body = text.get(start.end..range.start).unwrap_or_default();
                let pristine = mark.fits(body);
                found.push(Block { range: start.start..range.end, mark, pristine });
            } else {
                open = Some((start, mark));
            }
        }
    }
    found.extend(open.map(unended));
    found
}

fn unended((range, mark): (Range<usize>, Mark)) -> Block {
    Block { range, mark, pristine: false }
}

/// A text with lines of this name put in, or nothing if they are there just so. `make` is given the text without them,
/// and whether the file was made for them; it says where they go and what they are.
pub(super) fn put_in(
    path: &Path,
    text: &str,
    name: &str,
    make: impl FnOnce(&str, bool) -> Result<(usize, String), HooksError>,
) -> Result<Option<String>, HooksError> {
    let blocks: Vec<Block> = find(text.as_bytes()).into_iter().filter(|block| block.mark.name == name).collect();
    all_pristine(path, &blocks)?;
    let rest = String::from_utf8_lossy(&without(text.as_bytes(), &blocks)).into_owned();
    let (at, lines) = make(&rest, blocks.iter().any(|block| block.mark.made > 0))?;
    match &blocks[..] {
        [block] if text.get(block.range.clone()) == Some(lines.as_str()) => Ok(None),
        _ => Ok(Some(with(&rest, at, &lines))),
    }
}

/// A text without these lines.
fn without(text: &[u8], blocks: &[Block]) -> Vec<u8> {
    let mut rest = Vec::with_capacity(text.len());
    let mut at = 0;
    for block in blocks {
        rest.extend_from_slice(text.get(at..block.range.start).unwrap_or_default());
        at = block.range.end;
    }
    rest.extend_from_slice(text.get(at..).unwrap_or_default());
    rest
}

/// A text with more in it.
fn with(text: &str, at: usize, more: &str) -> String {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    [before, more, after].concat()
}

/// How lines end in a text.
pub(super) fn end_of_line(text: &str) -> &'static str {
    if text.lines().next().is_some_and(|first| text.get(first.len()..).is_some_and(|rest| rest.starts_with("\r\n"))) {
        "\r\n"
    } else {
        "\n"
    }
}

/// Refuses if somebody has changed lines of ours.
fn all_pristine(path: &Path, blocks: &[Block]) -> Result<(), HooksError> {
    if blocks.iter().all(|block| block.pristine) {
        return Ok(());
    }
    Err(HooksError::refused(
        format!("the lines of stanch in {} have been changed since they were put in", path.display()),
        format!("nothing in it was touched; take out what stands from '{LINES}' to '{END}' by hand"),
    ))
}

/// Takes the lines of these hooks out of a file; `skeleton` is what we wrote around them where we made the file.
pub(super) fn take_out(
    path: &Path,
    hooks: &[Hook],
    skeleton: &str,
    write: impl FnOnce(&Path, &[u8]) -> Result<(), HooksError>,
) -> Result<Done, HooksError> {
    let mut done = Done::default();
    let Some(text) = disk::read(path)? else { return Ok(done) };
    let ours = |block: &Block| hooks.iter().any(|hook| hook.name() == block.mark.name);
    let blocks: Vec<Block> = find(&text).into_iter().filter(ours).collect();
    if blocks.is_empty() {
        return Ok(done);
    }
    all_pristine(path, &blocks)?;
    let rest = without(&text, &blocks);
    if blocks.iter().any(|block| block.mark.made > 0) && rest == skeleton.as_bytes() {
        std::fs::remove_file(path).map_err(|error| HooksError::write(path, error))?;
        done.did.push(format!("{}: removed, it held nothing else", path.display()));
    } else {
        write(path, &rest)?;
        done.did.push(format!("{}: our lines are out, the rest is as it was", path.display()));
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_to_the_byte(
            before in "([a-z# :é\t-]{0,8}\r?\n){0,4}",
            after in "[a-z# :é\r\n-]{0,20}",
            body in prop::collection::vec("[a-z :'#-]{0,12}", 0..4),
            indent in 0_usize..5,
            made in any::<bool>(),
        ) {
            let text = [before.clone(), after].concat();
            let lines = compose("pre-push", "words", &" ".repeat(indent), end_of_line(&text), &body, made);
            let new = with(&text, before.len(), &lines);
            let blocks = find(new.as_bytes());
            prop_assert_eq!(blocks.len(), 1);
            prop_assert!(blocks[0].pristine);
            prop_assert_eq!(blocks[0].mark.made > 0, made);
            prop_assert_eq!(without(new.as_bytes(), &blocks), text.as_bytes());
        }
    }

    #[test]
    fn a_mark_without_an_end_counts_as_changed() {
        let lines = compose("update", "words", "", "\n", &["a".to_owned()], false);
        let cut = lines.rsplit_once("# stanch lines: end").unwrap().0;
        let twice = format!("{cut}{lines}");
        let found: Vec<bool> = find(twice.as_bytes()).iter().map(|block| block.pristine).collect();
        assert_eq!(found, [false, true]);
    }
}
