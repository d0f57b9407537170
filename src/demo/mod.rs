//! The whole loop in a scratch directory: a repository with a leaked token, a real local issuer and dependent, and the
//! same scanner, runner and journal that work on everything else.

mod dependent;
mod issuer;

pub use dependent::Dependent;
pub use issuer::Issuer;

use crate::egress::{Allowed, Egress, EgressError, Limits, endpoint};
use crate::model::{Secret, StorePath};
use crate::wiring::mending::{MendingError, fill_local};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the managed credential.
pub const CREDENTIAL: &str = "shop-api";
/// Where its good copy lives.
const PATH: &str = "shop/api-token";

/// Why the scratch world could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// A file or port of this machine.
    #[error("could not {act}")]
    Local {
        /// What was attempted, as an infinitive.
        act: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The scratch repository.
    #[error("could not make the scratch repository")]
    Git(#[from] git2::Error),
    /// The local store.
    #[error("could not fill the scratch store")]
    Store(#[from] MendingError),
    /// The way out.
    #[error("could not set up the scratch service")]
    Egress(#[from] EgressError),
}

/// The scratch world; issuer and dependent stop when it is dropped, the directory stays.
#[derive(Debug)]
pub struct World {
    /// Everything is below this directory.
    pub directory: PathBuf,
    /// The repository with the leak.
    pub repository: PathBuf,
    /// The operator's file.
    pub config: PathBuf,
    /// Who issues the token.
    pub issuer: Issuer,
    /// Who uses it.
    pub dependent: Dependent,
}

impl World {
    /// Makes the world below a directory that does not exist yet.
    ///
    /// # Errors
    /// [`DemoError`].
    pub async fn make(directory: &Path) -> Result<Self, DemoError> {
        let local = |act| move |source| DemoError::Local { act, source };
        std::fs::create_dir_all(directory).map_err(local("make the scratch directory"))?;
        private(directory).map_err(local("close the scratch directory to others"))?;
        let (issuer, authority, leaked) = Issuer::start().await.map_err(local("start the issuer"))?;
        write_private(&directory.join("authority"), &authority).map_err(local("write the issuer's authority"))?;

        let export = directory.join("shop.token");
        let path = StorePath::new(PATH);
        let exports = std::iter::once((path.clone(), export.clone())).collect();
        fill_local(&directory.join("secrets"), &directory.join("envelope.key"), exports, &path, &leaked).await?;

        let repository = directory.join("repository");
        commit_leak(&repository, &leaked)?;
        let egress = Arc::new(Egress::new(Limits::default())?);
        let allowed = Allowed::default().and(&endpoint(&issuer.base())?);
        let dependent = Dependent::start(&export, &issuer.base(), egress, allowed).await;
        let dependent = dependent.map_err(local("start the dependent"))?;
        let config = directory.join("stanch.yaml");
        std::fs::write(&config, configuration(&issuer, &dependent)).map_err(local("write the configuration"))?;
        Ok(Self { directory: directory.to_owned(), repository, config, issuer, dependent })
    }
}

fn configuration(issuer: &Issuer, dependent: &Dependent) -> String {
    format!(
        "journal: journal.db
stores:
  local: {{ driver: local, directory: secrets }}
credentials:
  {CREDENTIAL}:
    kind: stanch.demo-token
    provider: {{ driver: http, base: '{issuer}', authority: {{ file: authority }} }}
    stores:
      - {{ store: local, path: {PATH}, export: shop.token }}
    dependents:
      - name: shop
        http: {{ url: '{dependent}/health', expect: {{ status: [200], body: {{ /token: '{{{{token}}}}' }} }} }}
        reload: {{ post: '{dependent}/reload' }}
    policy: {{ when: ask, soak: 1s, proofs: 3, pause: 200ms, confirms: 3, confirm_pause: 200ms, watch: 1s }}
",
        issuer = issuer.base(),
        dependent = dependent.base(),
    )
}

#[cfg(unix)]
fn private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))
}

fn write_private(path: &Path, secret: &Secret) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    #[expect(clippy::disallowed_methods, reason = "the scratch issuer's authority lives in a private file")]
    file.write_all(secret.expose())
}

/// A repository whose first commit leaks the token and whose second takes it out again, too late.
fn commit_leak(directory: &Path, leaked: &Secret) -> Result<(), DemoError> {
    let local = |source| DemoError::Local { act: "write the scratch repository", source };
    let repository = git2::Repository::init(directory)?;
    let file = directory.join("config.py");
    #[expect(clippy::disallowed_methods, reason = "the demonstration leaks a token of its own on purpose")]
    let token = String::from_utf8_lossy(leaked.expose()).into_owned();
    let leaking = format!("import os\n\nSHOP_URL = \"https://shop.example\"\nSHOP_TOKEN = \"{token}\"\n");
    std::fs::write(&file, leaking).map_err(local)?;
    commit(&repository, "Talk to the shop")?;
    std::fs::write(
        &file,
        "import os\n\nSHOP_URL = \"https://shop.example\"\nSHOP_TOKEN = os.environ[\"SHOP_TOKEN\"]\n",
    )
    .map_err(local)?;
    commit(&repository, "Take the token from the environment")?;
    Ok(())
}

fn commit(repository: &git2::Repository, message: &str) -> Result<(), git2::Error> {
    let mut index = repository.index()?;
    index.add_path(Path::new("config.py"))?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let author = git2::Signature::now("sam", "sam@shop.example")?;
    let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some("HEAD"), &author, &author, message, &tree, &parents)?;
    Ok(())
}
