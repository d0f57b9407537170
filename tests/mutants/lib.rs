//! The nouns and the pure machine, without the rest of the program.

pub mod model;
pub mod rotation;
