//! What is configured: the repository's file, which is not trusted, and what this installation keeps for itself.

pub mod installation;
pub mod repository;
