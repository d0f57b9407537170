//! Tar: the old form, ustar, pax and GNU's long names and sparse files.

mod header;
mod tape;

pub(super) use header::looks_like;
pub(super) use tape::{Entry, Kind, Tape};

use super::outlet::{Outlet, Walk};
use super::region::Feed;

/// Hands over every member.
pub(super) fn walk(feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut tape = Tape::new(feed, String::new());
    while let Some(entry) = tape.next(outlet)? {
        if entry.size == 0 || matches!(entry.kind, Kind::Directory) {
            outlet.count()?;
        } else {
            tape.content(&Outlet::shown(&entry.name), outlet)?;
        }
    }
    tape.rest(outlet)
}
