//! What tokens look like and how their providers are spoken to: YAML, checked into kinds. The build takes this room in
//! by path, so that what is embedded and what an operator brings are checked by the same code; only what the build
//! makes is left out there (`embedded`).

mod catalogue;
mod chance;
mod check;
mod checksum;
mod cost;
mod detect;
#[cfg(embedded)]
mod embedded;
pub mod exchange;
pub mod facts;
mod filter;
mod kind;
mod named;
mod pack;
mod pattern;
mod places;
mod precedence;
mod problem;
mod reading;
mod reason;
mod reference;
mod shape;
mod spec;
mod structure;
mod syntax;
mod telling;
pub mod template;
mod typed;
mod words;

pub use catalogue::Catalogue;
pub use check::{check_anew, check_file, check_files, pack_files};
pub use cost::{BUDGET, Cost};
pub use detect::{Detect, Match, Progress};
#[cfg(embedded)]
pub use embedded::{builtin, builtin_files};
pub use kind::Kind;
pub use pack::unpack;
pub use places::Step;
pub use precedence::Rank;
pub use problem::{Excerpt, Problem};
pub use shape::{Checksum, Maker, Sort};
pub use spec::{Mark, Opens, Source};
pub use structure::{Reading, Structure};
pub use telling::{COUNTED, Mark as Told, Means, Tally};
pub use typed::Typed;

use crate::model::KindId;

/// Why kinds cannot be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// One name, two kinds.
    #[error("two kinds are named {id}; rename one of them")]
    Twice {
        /// The name.
        id: KindId,
    },
}
