//! Compiled Python: the constants and names of every function.

use super::ArchiveError;
use super::lines::Lines;
use super::outlet::{Halt, Outlet, Walk};

/// True for the first bytes of compiled Python, if the file is called so.
pub(super) fn looks_like(head: &[u8]) -> bool {
    matches!(head, [_, _, b'\r', b'\n', ..])
}

/// How a version writes what it compiled.
#[derive(Clone, Copy)]
struct Layout {
    header: usize,
    /// Numbers at the start of a function.
    numbers: u64,
    /// Objects behind them, up to the number of its first line.
    objects: u64,
    /// Objects behind that.
    last: u64,
}

impl Layout {
    /// By the number that each version has at its start.
    fn of(version: u16) -> Self {
        match version {
            // Python 2, whose numbers are older and larger.
            20_000.. => Self { header: 8, numbers: 4, objects: 8, last: 1 },
            // 3.11 and later.
            3_450.. => Self { header: 16, numbers: 5, objects: 8, last: 2 },
            // 3.8 to 3.10.
            3_400.. => Self { header: 16, numbers: 6, objects: 8, last: 1 },
            3_390.. => Self { header: 16, numbers: 5, objects: 8, last: 1 },
            3_200.. => Self { header: 12, numbers: 5, objects: 8, last: 1 },
            3_000.. => Self { header: 8, numbers: 5, objects: 8, last: 1 },
            // PyPy.
            _ => Self { header: 16, numbers: 6, objects: 8, last: 1 },
        }
    }
}

/// Nothing that Python wrote is nested deeper; four lists to a level.
const DEEPEST: usize = 4 * 4096;

/// What is still to be read.
#[derive(Clone, Copy)]
enum Due {
    Objects(u64),
    Numbers(u64),
    /// Objects up to the mark of an end.
    UntilEnd,
}

/// Hands over every text and every string of bytes, one a line.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    if !looks_like(bytes) {
        return Err(ArchiveError::damaged("its start is damaged").into());
    }
    let version = bytes.first_chunk().map_or(0, |version| u16::from_le_bytes(*version));
    let layout = Layout::of(version);
    let mut lines = Lines::new("(constants)".to_owned());
    let mut reader =
        Marshal { rest: bytes.get(layout.header..).unwrap_or_default(), layout, due: vec![Due::Objects(1)] };
    let mut code = Lines::new("(code and bytes)".to_owned());
    let read = reader.read(&mut lines, &mut code, outlet)?;
    lines.flush(outlet)?;
    code.flush(outlet)?;
    match read {
        Some(()) => Ok(()),
        None => Err(ArchiveError::damaged("its constants are damaged, or of a version that is not known").into()),
    }
}

struct Marshal<'a> {
    rest: &'a [u8],
    layout: Layout,
    due: Vec<Due>,
}

impl<'a> Marshal<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Nothing where it ends too early or is of no known kind. Each object takes up a byte at least, so that this is as
    /// long as the input; lists are counted and not set aside.
    /// What holds a zero is kept apart: text beside it would seem to be binary as well.
    fn read(&mut self, lines: &mut Lines, code: &mut Lines, outlet: &mut Outlet<'_, '_>) -> Result<Option<()>, Halt> {
        while let Some(due) = self.due.pop() {
            if self.due.len() > DEEPEST {
                return Ok(None);
            }
            let text = match due {
                Due::Objects(0) | Due::Numbers(0) => continue,
                Due::Objects(left) => {
                    self.due.push(Due::Objects(left - 1));
                    self.object()
                }
                Due::Numbers(left) => {
                    self.due.push(Due::Numbers(left - 1));
                    self.number().map(|_| &[][..])
                }
                Due::UntilEnd if self.rest.first() == Some(&b'0') => self.byte().map(|_| &[][..]),
                Due::UntilEnd => {
                    self.due.push(Due::UntilEnd);
                    self.object()
                }
            };
            match text {
                Some(text) if text.contains(&0) => code.line(text, outlet)?,
                Some(text) => lines.line(text, outlet)?,
                None => return Ok(None),
            }
        }
        Ok(Some(()))
    }

    /// Reads one object's own bytes; what it holds becomes due. The result is its text, if it is one.
    fn object(&mut self) -> Option<&'a [u8]> {
        const NOTHING: &[u8] = &[];
        // The highest bit says that it may be referred to later.
        match self.byte()? & 0x7f {
            b'0' | b'N' | b'F' | b'T' | b'S' | b'.' => Some(NOTHING),
            b'i' | b'r' | b'R' => self.take(4).map(|_| NOTHING),
            b'I' | b'g' => self.take(8).map(|_| NOTHING),
            b'y' => self.take(16).map(|_| NOTHING),
            b'f' => {
                let length = self.byte()?;
                self.take(length.into()).map(|_| NOTHING)
            }
            b'x' => {
                for _ in 0..2 {
                    let length = self.byte()?;
                    self.take(length.into())?;
                }
                Some(NOTHING)
            }
            b'l' => {
                let digits = self.number()?.cast_signed().unsigned_abs();
                self.take(usize::try_from(digits).ok()?.checked_mul(2)?).map(|_| NOTHING)
            }
            b's' | b't' | b'u' | b'a' | b'A' => {
                let length = self.number()?;
                self.take(usize::try_from(length).ok()?)
            }
            b'z' | b'Z' => {
                let length = self.byte()?;
                self.take(length.into())
            }
            b'(' | b'[' | b'<' | b'>' => {
                let count = self.number()?;
                self.due.push(Due::Objects(count.into()));
                Some(NOTHING)
            }
            b')' => {
                let count = self.byte()?;
                self.due.push(Due::Objects(count.into()));
                Some(NOTHING)
            }
            b':' => {
                self.due.push(Due::Objects(3));
                Some(NOTHING)
            }
            b'{' => {
                self.due.push(Due::UntilEnd);
                Some(NOTHING)
            }
            b'c' => {
                let Layout { numbers, objects, last, .. } = self.layout;
                self.due.extend([Due::Objects(last), Due::Numbers(1), Due::Objects(objects), Due::Numbers(numbers)]);
                Some(NOTHING)
            }
            _ => None,
        }
    }
}
