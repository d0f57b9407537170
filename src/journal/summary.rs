//! What a verification found.

use super::SignedWord;
use super::clocks::Jump;
use super::tree::Root;
use serde::Serialize;
use std::fmt;

/// What was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rotations.
    pub rotations: u64,
    /// Records.
    pub records: u64,
    /// What stands for all of them, where the whole order was there to be verified.
    #[serde(skip)]
    pub root: Option<Root>,
    /// The last checkpoint that was met, if any was given.
    #[serde(skip)]
    pub met: Option<Met>,
    /// The signed words that were held against people's keys.
    #[serde(skip)]
    pub words: Vec<SignedWord>,
    /// Where a clock of the one who wrote jumped.
    #[serde(skip)]
    pub jumps: Vec<Jump>,
}

/// A checkpoint that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// How many records it stands for.
    pub size: u64,
    /// Who signed it, where that was asked for.
    pub signer: Option<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records of {} rotations are unchanged and in order", self.records, self.rotations)?;
        match (self.root, &self.met) {
            (Some(_), Some(met)) => {
                write!(f, "; everything up to the checkpoint at record {} is there", met.size)?;
                match &met.signer {
                    Some(signer) => write!(f, ", and {signer} signed it. ")?,
                    None => f.write_str(", but whose checkpoint it is was not verified: give --key. ")?,
                }
                match self.records.saturating_sub(met.size) {
                    0 => f.write_str("Whether more was written after it, and cut, cannot be seen"),
                    after => {
                        let among = "were never checkpointed: whether others were cut among them or after them cannot be seen";
                        write!(f, "The {after} after it {among}")
                    }
                }
            }
            (Some(_), None) => f.write_str(
                ". Whether records were cut from the end, or everything was written anew, cannot be seen without a checkpoint",
            ),
            (None, _) => f.write_str(
                ". Whether records were cut from the end, or other rotations left out, cannot be seen from this part alone",
            ),
        }
    }
}
