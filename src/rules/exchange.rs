//! Placeholder.
use serde::Deserialize;
/// One call as typed in a rule file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallSpec {}
/// One sample reply as typed in a rule file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplySpec {}
/// All conversations of a kind as typed.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Ask whether it works.
    pub verify: Option<CallSpec>,
    /// Make one.
    pub mint: Option<CallSpec>,
    /// List them.
    pub list: Option<CallSpec>,
    /// Find by label.
    pub find: Option<CallSpec>,
    /// Disable.
    pub disable: Option<CallSpec>,
    /// End one.
    pub revoke: Option<CallSpec>,
    /// Read use.
    pub usage: Option<CallSpec>,
    /// Samples that pin the tables.
    pub replies: Vec<ReplySpec>,
}
/// All conversations of a kind, checked.
#[derive(Clone, Debug, Default)]
pub struct Exchanges {}
impl Exchanges {
    /// Checks the calls of a kind whose hosts are these; a problem is one sentence with its remedy.
    pub fn check(_calls: Calls, _hosts: &[String]) -> Result<Self, Vec<String>> {
        Ok(Self::default())
    }
}
