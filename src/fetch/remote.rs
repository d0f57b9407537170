//! A repository elsewhere.

use super::{FetchError, Named};
use crate::model::Secret;
use std::sync::Arc;
use url::Url;

/// The user name beside a token where none is given: most forges look at the token alone.
const ANY_USER: &str = "x-access-token";

/// A repository elsewhere, and what it is read with. Its address never holds a user's password.
#[derive(Clone, Debug)]
pub struct Remote {
    whose: String,
    name: String,
    url: Url,
    user: String,
    token: Option<Arc<Secret>>,
}

impl Remote {
    /// A repository of the source `whose` in the operator's file. What its address allows is what that file wrote: `http`
    /// and `file` are spoken only to an address that begins so.
    ///
    /// # Errors
    /// When the address is none that git could fetch from without asking anybody anything.
    pub fn new(whose: &str, url: &str, user: Option<String>, token: Option<Arc<Secret>>) -> Result<Self, FetchError> {
        let refused = |why| FetchError::Address { whose: whose.to_owned(), why };
        let url = Url::parse(url).map_err(|_| refused("write it as https://host/path or ssh://user@host/path"))?;
        let local = url.scheme() == "file";
        if !matches!(url.scheme(), "https" | "http" | "ssh" | "file") {
            return Err(refused("it begins with https://, ssh://, http:// or file://"));
        }
        if url.password().is_some() || (url.scheme() != "ssh" && !url.username().is_empty()) {
            return Err(refused("a user and a password do not stand in an address: use 'user' and 'token'"));
        }
        if url.query().is_some() || url.fragment().is_some() || local == url.has_host() {
            return Err(refused("it has a host and a path, and nothing behind them"));
        }
        if token.is_some() && !matches!(url.scheme(), "https" | "http") {
            return Err(refused("a token goes with https:// alone: ssh uses its agent's keys, a file needs none"));
        }
        let name = trimmed(url.path()).to_owned();
        if name.is_empty() {
            return Err(refused("it names no repository: write its path behind the host"));
        }
        let user = user.unwrap_or_else(|| ANY_USER.to_owned());
        if user.is_empty() || user.contains(char::is_control) {
            return Err(refused("its user is empty or holds control characters"));
        }
        Ok(Self { whose: whose.to_owned(), name, url, user, token })
    }

    /// The same, called by another name than its path.
    #[must_use]
    pub(super) fn named(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    /// The source in the operator's file that it belongs to.
    #[must_use]
    pub fn whose(&self) -> &str {
        &self.whose
    }

    /// Its full name, for instance `acme/shop`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Is this what a webhook calls us about? The names are compared without regard to case, as the forges do.
    #[must_use]
    pub fn is(&self, named: &Named) -> bool {
        let same = |name: &str| name.eq_ignore_ascii_case(&self.name);
        same(&named.name) || named.urls.iter().any(|url| self.lies_at(url))
    }

    fn lies_at(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| {
            url.host() == self.url.host() && trimmed(url.path()).eq_ignore_ascii_case(trimmed(self.url.path()))
        })
    }

    pub(super) fn scheme(&self) -> &str {
        self.url.scheme()
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn token(&self) -> Option<&Arc<Secret>> {
        self.token.as_ref()
    }

    /// Host and port, as git's credential protocol writes them.
    pub(super) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or("this machine");
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// A path without slashes around it and without `.git` behind it.
fn trimmed(path: &str) -> &str {
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Result<Remote, FetchError> {
        Remote::new("shop", url, None, None)
    }

    #[test]
    fn an_address_is_whole_and_holds_no_secret() {
        for (url, name, host) in [
            ("https://git.example/acme/shop.git", "acme/shop", "git.example"),
            ("https://git.example:443/acme/shop", "acme/shop", "git.example"),
            ("http://127.0.0.1:3000/a/b/c.git/", "a/b/c", "127.0.0.1:3000"),
            ("https://[::1]:8443/x", "x", "[::1]:8443"),
            ("ssh://git@git.example/acme/shop.git", "acme/shop", "git.example"),
            ("file:///srv/git/shop.git", "srv/git/shop", "this machine"),
        ] {
            let remote = remote(url).unwrap();
            assert_eq!((remote.name(), remote.host().as_str()), (name, host), "{url}");
        }
        let word = ["hunter", "2"].concat();
        for url in [
            format!("https://kim:{word}@git.example/x"),
            format!("https://{word}@git.example/x"),
            format!("ssh://kim:{word}@git.example/x"),
            format!("https://git.example/x?token={word}"),
            format!("https://git.example/x#{word}"),
            "https://git.example/".to_owned(),
            "https://git.example/.git".to_owned(),
            "git@git.example:acme/shop.git".to_owned(),
            "ext::sh -c whoami".to_owned(),
            "--upload-pack=whoami".to_owned(),
            "git://git.example/x".to_owned(),
            "file://host/x".to_owned(),
            "/srv/git".to_owned(),
            String::new(),
        ] {
            let error = remote(&url).unwrap_err().to_string();
            assert!(error.contains("'shop'") && !error.contains(&word), "{error}");
        }
        for url in ["file:///srv/x", "ssh://git@git.example/x"] {
            let token = Some(Arc::new(Secret::new(b"x".to_vec())));
            assert!(Remote::new("shop", url, None, token).is_err());
        }
        assert!(Remote::new("shop", "https://git.example/x", Some("a\nb".to_owned()), None).is_err());
    }

    #[test]
    fn a_webhook_names_a_repository_by_name_or_address() {
        let shop = remote("https://git.example/forge/acme/shop.git").unwrap();
        let named = |name: &str, urls: &[&str]| Named {
            name: name.to_owned(),
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            objects: Vec::new(),
        };
        assert!(shop.is(&named("Forge/Acme/Shop", &[])));
        assert!(shop.is(&named("acme/shop", &["https://git.example/forge/acme/shop"])));
        assert!(!shop.is(&named("acme/shop", &["https://git.example/acme/shop"])));
        assert!(!shop.is(&named("acme/shop", &["https://other.example/forge/acme/shop"])));
        assert!(!shop.is(&named("", &["", "x"])));
    }
}
