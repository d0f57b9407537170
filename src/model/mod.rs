//! The nouns: what every other module may mention, and nothing that acts.

mod abilities;
mod encoding;
mod finding;
mod fingerprint;
mod ids;
mod place;
mod secret;
mod sighting;
mod time;
mod urgency;
mod verdict;

pub use abilities::{Abilities, Chooser, Class, Quota};
pub use encoding::Encoding;
pub use finding::{Companions, Credential, Finding, Span};
pub use fingerprint::{Fingerprint, FingerprintKey, FingerprintPrefix, NotAFingerprint};
pub use ids::{Digest, KindId, Label, Person, RotationId, StorePath, TokenId, Version};
pub use place::Place;
pub use secret::Secret;
pub use sighting::{Confidence, LineColumn, Masked, Severity, Sighting};
pub use time::Timestamp;
pub use urgency::Urgency;
pub use verdict::{Happened, Health, Limit, Reason, Usage, Use, Verdict};
