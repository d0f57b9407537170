//! How git and the frameworks around it are told to call us, and how that is undone exactly.
