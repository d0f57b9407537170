//! What tokens look like and how their providers are spoken to: YAML, checked into kinds.

mod catalogue;
mod check;
mod checksum;
mod detect;
pub mod exchange;
mod filter;
mod kind;
mod pattern;
mod problem;
mod shape;
mod spec;
pub mod template;

pub use catalogue::{Catalogue, builtin};
pub use check::{check_file, check_files};
pub use detect::{Detect, Match, Progress};
pub use kind::Kind;
pub use problem::Problem;
pub use shape::{Checksum, Sort};
pub use spec::{Mark, Source};

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
