//! Other scanners' reports, read into leads that our own engine judges.
