//! Who is at the keyboard: the operating-system user, not what the environment claims.

use crate::model::Person;
use std::os::unix::fs::MetadataExt as _;

/// The user that this process runs as.
#[must_use]
pub(super) fn current() -> Person {
    let Ok(user) = std::fs::metadata("/proc/self").map(|own| own.uid()) else {
        return Person::new("unknown user");
    };
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&accounts, user).unwrap_or_else(|| Person::new(format!("uid {user}")))
}

fn named(accounts: &str, user: u32) -> Option<Person> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        (uid == user).then(|| Person::new(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_file_names_the_user() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbroken\ndana:x:1000:1000::/home/dana:/bin/sh\n";
        assert_eq!(named(accounts, 1000), Some(Person::new("dana")));
        assert_eq!(named(accounts, 7), None);
        assert!(!current().as_str().is_empty());
    }
}
