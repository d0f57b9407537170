//! Handles: text that names a thing and never holds a secret.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a handle.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Borrows the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// What type of token it is, for instance `stripe.live-secret-key`.
    KindId
);
id!(
    /// The provider's public handle of a token (an access key id, a role name, a token id).
    TokenId
);
id!(
    /// One version of a stored secret, as the store names it.
    Version
);
id!(
    /// The address of a secret in a store.
    StorePath
);
id!(
    /// One rotation, for instance `C-0142`.
    RotationId
);
id!(
    /// A named person: the operating-system user.
    Person
);
id!(
    /// A digest in lower-case hex; of a plan, or of a secret keyed by the installation.
    Digest
);
id!(
    /// The name a mint leaves on what it makes: `stanch-<rotation>-<attempt>-<nonce>`.
    Label
);

impl Label {
    /// The label of one mint attempt.
    #[must_use]
    pub fn of(rotation: &RotationId, attempt: u32, nonce: &str) -> Self {
        let rotation = rotation.as_str().to_ascii_lowercase().replace('-', "");
        Self(format!("stanch-{rotation}-{attempt}-{nonce}"))
    }
}
