//! What a kind names as public is there, and is no secret.

use super::super::structure::Structure;
use super::{Desk, Detect, SECRET, Step, below};
use Step::{At, Key};

impl Desk<'_> {
    /// What reports show is there, and is not the secret.
    pub(super) fn check_public(&mut self, here: &[Step<'_>], detect: &Detect, groups: &[String]) {
        for (index, name) in detect.public.iter().enumerate() {
            let at = below(here, &[Key("public"), At(index)]);
            let named = groups.iter().any(|group| group == name)
                || detect.companions.iter().any(|companion| companion.name == *name)
                || detect.structure.is_some_and(Structure::has_fields);
            if name == SECRET {
                self.say(&at, "the secret is never shown", "leave it out");
            } else if !named {
                self.say(&at, "there is no group or companion of this name", "name one of them");
            }
        }
    }
}
