//! What this user is logged in with, as the usual clients keep it: in a file, or with a program that the file names.

use super::{Reference, RegistryError};
use crate::config::read_small;
use crate::model::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// What a name of a program is made of.
const HELPER_NAME: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

/// What a client says instead of a user when the secret is an identity token.
const IDENTITY: &str = "<token>";

/// What one is logged in with.
#[derive(Debug)]
pub(super) enum Login {
    /// The value of a header `Authorization: Basic`, without that word.
    Pair(Secret),
    /// A token for which the registry's own issuer gives others.
    Identity(Secret),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClientFile {
    auths: BTreeMap<String, Entry>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "identitytoken")]
    identity: Option<String>,
}

#[derive(Deserialize)]
struct Helped {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// Looks for a login, in the order in which the usual clients look; none is no mistake.
///
/// # Errors
/// When a file or a program that should tell cannot.
pub(super) fn find(reference: &Reference) -> Result<Option<Login>, RegistryError> {
    for path in files() {
        let text = match read_small(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(RegistryError::LoginFile { path, source }),
        };
        let file: ClientFile = serde_json::from_str(&text).map_err(|error| RegistryError::LoginFile {
            path: path.clone(),
            // Of the content nothing is said.
            source: std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("line {} is not as it should be", error.line()),
            ),
        })?;
        if let Some(login) = login_of(file, reference, &path)? {
            return Ok(Some(login));
        }
    }
    Ok(None)
}

/// A file that is named takes the place of all others.
fn files() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = variable("REGISTRY_AUTH_FILE") {
        return vec![named];
    }
    let home = variable("HOME");
    let runtime = variable("XDG_RUNTIME_DIR").map(|at| at.join("containers/auth.json"));
    let config = variable("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
    let docker = variable("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker")));
    let files = [docker.map(|at| at.join("config.json")), runtime, config.map(|at| at.join("containers/auth.json"))];
    files.into_iter().flatten().collect()
}

fn login_of(mut file: ClientFile, reference: &Reference, path: &Path) -> Result<Option<Login>, RegistryError> {
    for key in keys(reference) {
        if let Some(helper) = file.helpers.get(&key)
            && let Some(login) = ask(helper, &key)?
        {
            return Ok(Some(login));
        }
        let Some((_, entry)) = file.auths.iter().find(|(named, _)| plain(named) == key) else { continue };
        if let Some(login) = login(entry, path)? {
            return Ok(Some(login));
        }
    }
    match file.store.take() {
        // It knows the registry by the name under which one logged in.
        Some(store) if reference.registry() == "docker.io" => ask(&store, "https://index.docker.io/v1/"),
        Some(store) => ask(&store, reference.registry()),
        None => Ok(None),
    }
}

/// From the most particular name to the registry's own.
fn keys(reference: &Reference) -> Vec<String> {
    let registry = reference.registry();
    let mut keys = Vec::new();
    let mut path = reference.path();
    loop {
        keys.push(format!("{registry}/{path}"));
        match path.rsplit_once('/') {
            Some((above, _)) => path = above,
            None => break,
        }
    }
    keys.push(registry.to_owned());
    if registry == "docker.io" {
        keys.extend(["index.docker.io", "registry-1.docker.io"].map(str::to_owned));
    }
    keys
}

/// Old clients wrote addresses, and the version of the interface behind the host.
fn plain(key: &str) -> &str {
    let key = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

fn login(entry: &Entry, path: &Path) -> Result<Option<Login>, RegistryError> {
    let given = |value: &Option<String>| value.as_ref().filter(|value| !value.is_empty()).cloned();
    if let Some(token) = given(&entry.identity) {
        return Ok(Some(Login::Identity(Secret::new(token.into_bytes()))));
    }
    if let Some(auth) = given(&entry.auth) {
        let pair = data_encoding::BASE64.decode(auth.as_bytes()).map(Zeroizing::new).ok();
        if !pair.is_some_and(|pair| pair.contains(&b':') && !pair.contains(&b'\n')) {
            let why = "an entry 'auth' in it is not user:password in base64";
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, why);
            return Err(RegistryError::LoginFile { path: path.to_owned(), source });
        }
        return Ok(Some(Login::Pair(Secret::new(auth.into_bytes()))));
    }
    Ok(given(&entry.username).zip(given(&entry.password)).map(|(user, password)| pair(&user, Zeroizing::new(password))))
}

fn pair(user: &str, password: Zeroizing<String>) -> Login {
    let pair = Zeroizing::new([user.as_bytes(), b":", password.as_bytes()].concat());
    Login::Pair(Secret::new(data_encoding::BASE64.encode(&pair).into_bytes()))
}

/// Asks the program that keeps the logins. That it knows none is an answer.
fn ask(helper: &str, key: &str) -> Result<Option<Login>, RegistryError> {
    let failed = |source| RegistryError::Helper { helper: helper.chars().take(40).collect(), source };
    if helper.is_empty() || helper.len() > 40 || !helper.chars().all(|c| HELPER_NAME.contains(c)) {
        return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, "that is no name of a program")));
    }
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(key.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    let said = Zeroizing::new(output.stdout);
    if !output.status.success() {
        let none = String::from_utf8_lossy(&said).contains("credentials not found");
        let status = std::io::Error::other(format!("it ended with {}", output.status));
        return if none { Ok(None) } else { Err(failed(status)) };
    }
    let helped: Helped = serde_json::from_slice(&said).map_err(|_| {
        failed(std::io::Error::new(std::io::ErrorKind::InvalidData, "its answer is not as it should be"))
    })?;
    let secret = Zeroizing::new(helped.secret);
    if secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(match helped.username.as_str() {
        IDENTITY => Login::Identity(Secret::new(secret.as_bytes().to_vec())),
        user => pair(user, secret),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "what was read is compared with what was written")]
    fn found(file: &str, reference: &str) -> Option<String> {
        let file: ClientFile = serde_json::from_str(file).unwrap();
        let login = login_of(file, &reference.parse().unwrap(), Path::new("config.json")).unwrap()?;
        Some(match login {
            Login::Pair(pair) => String::from_utf8(data_encoding::BASE64.decode(pair.expose()).unwrap()).unwrap(),
            Login::Identity(token) => format!("identity {}", String::from_utf8(token.expose().to_vec()).unwrap()),
        })
    }

    #[test]
    fn the_most_particular_login_counts_and_never_that_of_another_host() {
        let auth = |pair: &str| data_encoding::BASE64.encode(pair.as_bytes());
        let file = format!(
            r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{}"}},"r.example":{{"auth":"{}"}},
            "r.example/team":{{"username":"u","password":"team"}},"x.example":{{"identitytoken":"t"}},"r.example:8443":{{}}}}}}"#,
            auth("u:hub"),
            auth("u:all")
        );
        assert_eq!(found(&file, "alpine").as_deref(), Some("u:hub"));
        assert_eq!(found(&file, "r.example/app").as_deref(), Some("u:all"));
        assert_eq!(found(&file, "r.example/team/app").as_deref(), Some("u:team"));
        assert_eq!(found(&file, "r.example/teams/app").as_deref(), Some("u:all"));
        assert_eq!(found(&file, "x.example/app").as_deref(), Some("identity t"));
        for other in ["r.example:8443/app", "r.example.evil.example/app", "evil.example/r.example", "er.example/app"] {
            assert_eq!(found(&file, other), None, "{other}");
        }
    }

    #[test]
    fn no_error_shows_what_a_file_holds() {
        let path = Path::new("config.json");
        let entry = Entry { auth: Some("c2VjcmV0".to_owned()), ..Entry::default() };
        let said = format!("{:?}", login(&entry, path).unwrap_err());
        assert!(!said.contains("c2VjcmV0") && said.contains("user:password"), "{said}");
        let said = ask("../../bin/sh", "r.example").unwrap_err().to_string();
        assert!(said.contains("docker-credential-"), "{said}");
    }
}
