//! The program as its users run it.

mod hook;
mod scan;
mod world;
