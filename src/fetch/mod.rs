//! Bytes from afar: mirrors of remote repositories, what a forge has, and what it calls us about.
