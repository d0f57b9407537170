//! What members are called. Names are only ever shown, never opened, but they come from strangers.

/// Longer names are cut.
const LONGEST_BYTES: usize = 1024;

/// A name that is safe to show: no control characters, nothing that turns the direction of writing, not endless.
pub(super) fn shown(name: &[u8]) -> String {
    let cut = name.get(..LONGEST_BYTES).unwrap_or(name);
    let mut shown = String::with_capacity(cut.len());
    for letter in String::from_utf8_lossy(cut).chars() {
        shown.push(if is_unsafe(letter) { '\u{fffd}' } else { letter });
    }
    if cut.len() < name.len() {
        shown.push('…');
    }
    if shown.is_empty() { "unnamed".to_owned() } else { shown }
}

fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Suffixes of what is compressed alone, and what is left of the name.
const SUFFIXES: [(&str, &str); 21] = [
    (".tgz", ".tar"),
    (".taz", ".tar"),
    (".tbz", ".tar"),
    (".tbz2", ".tar"),
    (".txz", ".tar"),
    (".tlz", ".tar"),
    (".tzst", ".tar"),
    (".svgz", ".svg"),
    (".gz", ""),
    (".bz2", ""),
    (".xz", ""),
    (".lzma", ""),
    (".lz4", ""),
    (".lz", ""),
    (".zst", ""),
    (".zstd", ""),
    (".bz", ""),
    (".z", ""),
    (".gzip", ""),
    (".zlib", ""),
    (".br", ""),
];

/// What the one thing in a compressed file is called: the file's own name without its suffix.
pub(super) fn inner(outer: &str) -> String {
    let last = outer.rsplit(['/', '\\', '!']).next().unwrap_or(outer);
    let stem = SUFFIXES.iter().find_map(|(suffix, instead)| {
        let at = last.len().checked_sub(suffix.len())?;
        let (stem, end) = last.split_at_checked(at)?;
        (!stem.is_empty() && end.eq_ignore_ascii_case(suffix)).then(|| format!("{stem}{instead}"))
    });
    shown(stem.as_deref().unwrap_or("content").as_bytes())
}

/// True when a name ends so, whatever the case of its letters.
pub(super) fn ends_with(name: &str, suffix: &str) -> bool {
    let at = name.len().checked_sub(suffix.len());
    at.and_then(|at| name.split_at_checked(at)).is_some_and(|(_, end)| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::{inner, shown};

    #[test]
    fn names_from_strangers_cannot_move_the_cursor() {
        assert_eq!(shown(b"../../etc/passwd"), "../../etc/passwd");
        assert_eq!(shown(b"a\0b\x1b[2Jc\nd"), "a\u{fffd}b\u{fffd}[2Jc\u{fffd}d");
        assert_eq!(shown("a\u{202e}fdp.exe".as_bytes()), "a\u{fffd}fdp.exe");
        assert_eq!(shown(b""), "unnamed");
        assert_eq!(shown(&[0xff, b'a']), "\u{fffd}a");
        assert!(shown(&[b'a'; 100_000]).len() < 1100);
    }

    #[test]
    fn what_is_compressed_is_called_as_it_was_before() {
        assert_eq!(inner("dir/notes.txt.gz"), "notes.txt");
        assert_eq!(inner("a.tar!x/release.TGZ"), "release.tar");
        assert_eq!(inner("blob"), "content");
        assert_eq!(inner(".gz"), "content");
    }
}
