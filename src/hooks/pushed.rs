//! What pre-commit and prek tell a pre-push hook: the first reference of the push, in the environment instead of on
//! standard input. The others they keep to themselves, which is why a script of ours goes before them.

use super::HooksError;

/// A push as far as these frameworks tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The name of the remote.
    pub remote: String,
    /// Its address.
    pub address: String,
    /// The reference, as git would write it to standard input.
    pub line: String,
}

/// What the environment says, if one of these frameworks is what calls. `variable` reads one of its variables, and
/// `commit` finds the commit that a reference stands for.
///
/// # Errors
/// When it names a reference that stands for no commit here.
pub fn pushed(
    variable: impl Fn(&str) -> Option<String>,
    commit: impl Fn(&str) -> Option<String>,
) -> Result<Option<Pushed>, HooksError> {
    let said = |name: &str| variable(&format!("PRE_COMMIT_{name}")).filter(|value| !value.is_empty());
    let (Some(remote), Some(local)) = (said("REMOTE_NAME"), said("LOCAL_BRANCH")) else { return Ok(None) };
    let there = said("REMOTE_BRANCH").unwrap_or_else(|| local.clone());
    // With the first commit of all in the push, neither end is told.
    let Some(new) = said("TO_REF").or_else(|| commit(&local)) else {
        return Err(HooksError::refused(
            format!("the framework says that {local} is pushed, and that is no commit here"),
            "push again without the framework's variables PRE_COMMIT_… in the environment",
        ));
    };
    let old = said("FROM_REF").unwrap_or_else(|| "0".repeat(new.len()));
    let line = format!("{local} {new} {there} {old}\n");
    Ok(Some(Pushed { address: said("REMOTE_URL").unwrap_or_else(|| remote.clone()), remote, line }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(said: &[(&str, &str)]) -> Result<Option<Pushed>, HooksError> {
        let variable = |name: &str| said.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        pushed(variable, |name| (name == "refs/heads/main").then(|| "a".repeat(40)))
    }

    #[test]
    fn a_reference_is_told_in_three_ways() {
        assert_eq!(ask(&[]).unwrap(), None);
        let known = [
            ("PRE_COMMIT_REMOTE_NAME", "origin"),
            ("PRE_COMMIT_REMOTE_URL", "../there.git"),
            ("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/main"),
            ("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/other"),
        ];
        // The whole history is new.
        let pushed = ask(&known).unwrap().unwrap();
        assert_eq!((pushed.remote.as_str(), pushed.address.as_str()), ("origin", "../there.git"));
        assert_eq!(pushed.line, format!("refs/heads/main {} refs/heads/other {}\n", "a".repeat(40), "0".repeat(40)));
        let ends = [("PRE_COMMIT_FROM_REF", "b1"), ("PRE_COMMIT_TO_REF", "c2")];
        let pushed = ask(&[&known[..], &ends[..]].concat()).unwrap().unwrap();
        assert_eq!(pushed.line, "refs/heads/main c2 refs/heads/other b1\n");
        let lost = ask(&[("PRE_COMMIT_REMOTE_NAME", "origin"), ("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/gone")]);
        assert!(lost.unwrap_err().to_string().contains("refs/heads/gone"));
    }
}
