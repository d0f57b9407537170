//! What was given up as lost and arrives after all.

use super::super::world::Late;
use super::super::*;
use super::Node;

impl Node {
    pub(super) fn delay(&self) -> Option<Late> {
        self.world.delay(&self.state, self.effect.as_ref()?)
    }

    /// The replacement that is under way.
    pub(super) fn replacing(&self) -> Option<(Label, Option<Digest>)> {
        let first =
            matches!(self.effect, Some(Effect::Mint { again: None, .. })) && replace::replaces(&self.state.plan);
        self.state.pending.as_ref().filter(|_| first).map(|pending| (pending.label.clone(), pending.sealed.clone()))
    }

    /// What was given up arrives while it is asked about, or never; a value that is pushed again whenever it likes, but not
    /// after a person has handed over another.
    pub(super) fn may_replace_late(&self) -> bool {
        let open = self.state.pending.is_some();
        match &self.late_mint {
            Some((_, Some(sealed))) => {
                let expected = open || self.state.successor.is_some();
                self.world.holds(sealed) && expected && !self.state.by_hand
            }
            Some((_, None)) => matches!(self.state.stage, Stage::Seeking) && open,
            None => false,
        }
    }
}
