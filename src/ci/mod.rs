//! What a continuous-integration service says of itself: the range to scan, and where reports go.
