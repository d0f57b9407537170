//! From a finding to a decision: which credential it is, what the provider says, what the policy wants.
