//! `stanch.yaml` of a repository, the operator's file, and what the installation keeps: read, checked, resolved.

#[cfg(feature = "rotate")]
pub mod operator;
