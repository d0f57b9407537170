//! Texts in other clothes: character sets, encodings and escapes, undone within a budget.

mod charset;

pub use charset::text;
