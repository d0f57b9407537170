//! What is configured: the repository's file, which is not trusted, the operator's, which is, and what this
//! installation keeps for itself.

pub mod installation;
#[cfg(feature = "rotate")]
pub mod operator;
pub mod repository;
