//! Redis and Valkey: the passwords of one ACL user. A user may have several, so the new one works beside the old one until
//! that is taken away. Passwords are chosen here and handed to the server as digests, never in clear.
//!
//! What the server does not know is which password a connection was opened with. So there is no record of the use of one,
//! and the connections that were open when the old one was taken away are all ended, some of the new one among them:
//! when they are idle, or after a short while; clients connect again with what they have. Whoever connects later has
//! another password anyway, and is left alone. The authority needs `+acl|getuser +acl|setuser +acl|save +config|rewrite
//! +config|get +client|list +client|kill +info`. The connection is plain, so the server (or the end of a tunnel to it)
//! is on this machine.

use super::{Listed, Minted, Provider, ProviderError, Revoked, Scopes, liked, warranted};
use crate::model::{
    Abilities, Chooser, Class, Credential, Happened, Label, Quota, Reason, Secret, Timestamp, TokenId, Usage, Verdict,
};
use crate::rotation::Warrant;
use async_trait::async_trait;
use data_encoding::HEXLOWER;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo, ProtocolVersion};
use redis::{RedisConnectionInfo, RedisError, ServerErrorKind, Value};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::time::Duration;

/// For one whole act, connecting included.
const LIMIT: Duration = Duration::from_secs(15);
/// How often it is looked whether a connection is idle before it is ended in the midst of its work, and how far apart.
const LOOKS: u32 = 12;
const BETWEEN: Duration = Duration::from_millis(250);
/// How much of a digest names a password. All of it stands in the server's own files; the journal has no need of that.
const SHOWN: usize = 16;

/// Where the server is, and whose passwords are rotated. All of it comes from the configuration, none from scanned text.
#[derive(Debug)]
pub struct Setting {
    /// An address of this machine.
    pub host: String,
    /// Usually 6379.
    pub port: u16,
    /// The ACL user.
    pub user: String,
    /// The ACL user that may change it.
    pub authority: String,
    /// Its password.
    pub password: Secret,
    /// Whether the user's connections are ended after the old password.
    pub end_sessions: bool,
}

/// The passwords of one ACL user.
#[derive(Debug)]
pub struct RedisProvider {
    setting: Setting,
}

/// What the server says of a user.
struct User {
    /// Any password is accepted.
    open: bool,
    /// Digests, in hexadecimal.
    passwords: Vec<String>,
}

impl RedisProvider {
    /// A provider for the passwords of the user.
    ///
    /// # Errors
    /// When the server is on another machine: passwords would cross the network in clear.
    pub fn new(setting: Setting) -> Result<Self, ProviderError> {
        let address = setting.host.trim_matches(['[', ']']).parse::<IpAddr>();
        if setting.host != "localhost" && !address.is_ok_and(|address| address.is_loopback()) {
            let code = format!(
                "{} is not this machine, and the connection is plain; name the end of a TLS tunnel on 127.0.0.1",
                setting.host
            );
            return Err(ProviderError::Refused { act: "reach the server", code });
        }
        Ok(Self { setting })
    }

    /// A connection that has not logged in.
    async fn reach(&self) -> Result<MultiplexedConnection, RedisError> {
        let plain = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        let host = self.setting.host.trim_matches(['[', ']']).to_owned();
        let address = ConnectionAddr::Tcp(host, self.setting.port).into_connection_info()?;
        Client::open(address.set_redis_settings(plain))?.get_multiplexed_async_connection().await
    }

    /// A connection of the authority. Whatever fails here, nothing has happened yet.
    async fn login(&self, act: &'static str) -> Result<MultiplexedConnection, ProviderError> {
        let entering = async {
            let mut connection = self.reach().await?;
            auth(&self.setting.authority, &self.setting.password).exec_async(&mut connection).await?;
            Ok(connection)
        };
        within(act, Happened::No, entering).await
    }

    /// What the server says of the user; [`None`] where there is no such user. It must be asked before any change, since
    /// a change to a user who is not there makes one.
    async fn user(
        &self,
        act: &'static str,
        connection: &mut MultiplexedConnection,
    ) -> Result<Option<User>, ProviderError> {
        let asking = acl("GETUSER").arg(&self.setting.user).query_async::<Option<Vec<Value>>>(connection).await;
        let said = match asking {
            Err(error) if error.detail().is_some_and(|detail| detail.starts_with("No such user")) => None,
            said => said.map_err(|error| failed(act, Happened::No, &error))?,
        };
        let Some(said) = said else { return Ok(None) };
        let unreadable = ProviderError::NoAnswer { act, happened: Happened::No, why: Reason::Unexpected };
        let (flags, passwords) = (texts(&said, "flags"), texts(&said, "passwords"));
        let (Some(flags), Some(passwords)) = (flags, passwords) else { return Err(unreadable) };
        Ok(Some(User { open: flags.iter().any(|flag| flag == "nopass"), passwords }))
    }

    /// Refuses a server that would forget the change when it starts again: the old password would be back.
    async fn remembers(&self, act: &'static str, connection: &mut MultiplexedConnection) -> Result<(), ProviderError> {
        let asked = redis::cmd("CONFIG").arg("GET").arg("aclfile").query_async::<Vec<String>>(connection).await;
        let asked = asked.map_err(|error| failed(act, Happened::No, &error))?;
        if asked.get(1).is_some_and(|file| !file.is_empty()) {
            return Ok(());
        }
        let about = redis::cmd("INFO").arg("server").query_async::<String>(connection).await;
        let about = about.map_err(|error| failed(act, Happened::No, &error))?;
        let file = about.lines().find_map(|line| line.strip_prefix("config_file:"));
        if file.is_some_and(|file| !file.trim().is_empty()) {
            return Ok(());
        }
        let code = "it would forget the change when it starts again; start it with a configuration file or an aclfile";
        Err(ProviderError::Refused { act, code: code.to_owned() })
    }

    /// Writes the users to the server's file. The change itself was made already.
    async fn save(&self, act: &'static str, connection: &mut MultiplexedConnection) -> Result<(), ProviderError> {
        let saved = acl("SAVE").exec_async(connection).await;
        let saved = match saved {
            Err(error) if error.detail().is_some_and(|detail| detail.contains("not configured to use an ACL file")) => {
                redis::cmd("CONFIG").arg("REWRITE").exec_async(connection).await
            }
            saved => saved,
        };
        saved.map_err(|error| {
            tracing::warn!(code = error.code(), "the server changed its user but could not write it to its file");
            ProviderError::NoAnswer { act, happened: Happened::Perhaps, why: Reason::Unexpected }
        })
    }

    /// The open connections of the user: their ids, and whether they are idle.
    async fn open(
        &self,
        act: &'static str,
        connection: &mut MultiplexedConnection,
    ) -> Result<Vec<(u64, bool)>, ProviderError> {
        let listed = redis::cmd("CLIENT").arg("LIST").query_async::<String>(connection).await;
        let listed = listed.map_err(|error| failed(act, Happened::Perhaps, &error))?;
        let field = |line: &str, name: &str| {
            line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let own = listed.lines().filter(|line| field(line, "user").as_ref() == Some(&self.setting.user));
        let read = own.map(|line| {
            let id = field(line, "id").and_then(|id| id.parse().ok());
            Some((id?, field(line, "idle").is_some_and(|seconds| seconds != "0")))
        });
        let unreadable = ProviderError::NoAnswer { act, happened: Happened::Perhaps, why: Reason::Unexpected };
        read.collect::<Option<_>>().ok_or(unreadable)
    }

    /// Adds or removes a password by its digest.
    async fn change(
        &self,
        act: &'static str,
        connection: &mut MultiplexedConnection,
        modifier: String,
    ) -> Result<(), ProviderError> {
        let changed = acl("SETUSER").arg(&self.setting.user).arg(modifier).exec_async(connection).await;
        changed.map_err(|error| failed(act, Happened::Perhaps, &error))
    }
}

fn acl(verb: &str) -> Cmd {
    let mut command = redis::cmd("ACL");
    command.arg(verb);
    command
}

fn auth(user: &str, password: &Secret) -> Cmd {
    let mut command = redis::cmd("AUTH");
    #[expect(clippy::disallowed_methods, reason = "the password is handed to the client of the server")]
    command.arg(user).arg(password.expose());
    command
}

/// Does it in time, or says that nobody answered.
async fn within<T>(
    act: &'static str,
    happened: Happened,
    doing: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, ProviderError> {
    match tokio::time::timeout(LIMIT, doing).await {
        Ok(done) => done.map_err(|error| failed(act, happened, &error)),
        Err(_) => Err(ProviderError::NoAnswer { act, happened, why: Reason::Unreachable }),
    }
}

/// An act in time; of one that ran out of time nobody knows whether it was done.
async fn in_time<T>(
    act: &'static str,
    doing: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    let late = ProviderError::NoAnswer { act, happened: Happened::Perhaps, why: Reason::Unreachable };
    tokio::time::timeout(LIMIT, doing).await.unwrap_or(Err(late))
}

/// Why the server did not do it. Its own words are left out: they repeat what was asked.
fn failed(act: &'static str, happened: Happened, error: &RedisError) -> ProviderError {
    match trouble(error) {
        Some(Reason::Throttled) => ProviderError::Throttled { act, after: Duration::from_secs(5) },
        Some(Reason::Rejected) => ProviderError::Refused { act, code: error.code().unwrap_or("ERR").to_owned() },
        // An answer, though one that says that it is busy with something else: it did nothing.
        Some(why) => ProviderError::NoAnswer { act, happened: Happened::No, why },
        None => ProviderError::NoAnswer { act, happened, why: Reason::Unreachable },
    }
}

/// What an answer that is an error means; [`None`] where there was no answer.
fn trouble(error: &RedisError) -> Option<Reason> {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ResponseError, TryAgain};
    match error.kind() {
        ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | TryAgain) => Some(Reason::Unreachable),
        ErrorKind::Server(ResponseError)
            if error.detail().is_some_and(|detail| detail.starts_with("max number of")) =>
        {
            Some(Reason::Throttled)
        }
        ErrorKind::Server(_) | ErrorKind::Extension => Some(Reason::Rejected),
        _ => None,
    }
}

/// The texts under a name in a list of names and values.
fn texts(said: &[Value], name: &str) -> Option<Vec<String>> {
    let mut pairs = said.chunks_exact(2).filter_map(|pair| <&[Value; 2]>::try_from(pair).ok());
    let [_, value] = pairs.find(|[key, _]| String::from_redis_value_ref(key).is_ok_and(|key| key == name))?;
    Vec::from_redis_value_ref(value).ok()
}

fn digest(password: &Secret) -> String {
    #[expect(clippy::disallowed_methods, reason = "the server itself keeps and shows this digest")]
    let digest = Sha256::digest(password.expose());
    HEXLOWER.encode(&digest)
}

/// The handle of a password: the beginning of the digest that the server shows for it.
fn handle(digest: &str) -> TokenId {
    TokenId::new(format!("sha256-{}", digest.get(..SHOWN).unwrap_or(digest)))
}

#[async_trait]
impl Provider for RedisProvider {
    fn abilities(&self) -> Abilities {
        Abilities {
            class: Class::Overlap,
            chooser: Chooser::Client,
            quota: Quota::Unlimited,
            mint: true,
            list: true,
            find: false,
            disable: false,
            revoke: true,
            sessions: self.setting.end_sessions,
            usage: false,
            scopes: false,
            // From the server's memory, then from its file.
            in_parts: true,
        }
    }

    /// Logs in on a connection of its own and asks who it is.
    async fn verify(&self, credential: &Credential) -> Verdict {
        let Some(secret) = &credential.secret else { return Verdict::Unknown(Reason::Missing) };
        let own = Secret::new(self.setting.user.as_bytes().to_vec());
        if credential.companions.find("user").is_some_and(|user| !user.same_as(&own)) {
            // A refusal would be about another user than the one that leaked.
            return Verdict::WrongPlace;
        }
        let asking = async {
            let mut connection = self.reach().await?;
            let entered = auth(&self.setting.user, secret).exec_async(&mut connection).await;
            if entered.as_ref().is_err_and(|error| error.code() == Some("WRONGPASS")) {
                return Ok(Verdict::Dead);
            }
            entered?;
            let live = Verdict::Live(handle(&digest(secret)));
            match acl("WHOAMI").query_async::<String>(&mut connection).await {
                Ok(user) if user == self.setting.user => Ok(live),
                Ok(_) => Ok(Verdict::Unknown(Reason::Unexpected)),
                // It was let in; it may just not ask that.
                Err(error) if error.code() == Some("NOPERM") => Ok(live),
                Err(error) => Err(error),
            }
        };
        match tokio::time::timeout(LIMIT, asking).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => Verdict::Unknown(match trouble(&error) {
                Some(Reason::Rejected) => Reason::Unexpected,
                Some(why) => why,
                None => Reason::Unreachable,
            }),
            Err(_) => Verdict::Unknown(Reason::Unreachable),
        }
    }

    /// Gives the user one more password.
    async fn mint(&self, like: &Credential, _label: &Label, chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        const ACT: &str = "give the user a password";
        let refuse = |code: &str| Err(ProviderError::Refused { act: ACT, code: code.to_owned() });
        liked(ACT, like)?;
        let Some(chosen) = chosen else { return refuse("no value was chosen") };
        in_time(ACT, async {
            let mut connection = self.login(ACT).await?;
            match self.user(ACT, &mut connection).await? {
                None => return refuse("there is no such user; create it"),
                Some(User { open: true, .. }) => {
                    return refuse("the user takes any password (nopass), so none can be ended; give it one");
                }
                Some(_) => {}
            }
            self.remembers(ACT, &mut connection).await?;
            let digest = digest(chosen);
            self.change(ACT, &mut connection, format!("#{digest}")).await?;
            self.save(ACT, &mut connection).await?;
            Ok(Minted { token: handle(&digest), secret: chosen.duplicate(), ends: None })
        })
        .await
    }

    async fn list(&self, _like: &TokenId) -> Result<Vec<Listed>, ProviderError> {
        const ACT: &str = "list the user's passwords";
        in_time(ACT, async {
            let mut connection = self.login(ACT).await?;
            let user = self.user(ACT, &mut connection).await?;
            let passwords = user.map(|user| user.passwords).unwrap_or_default();
            let listed = passwords.iter().map(|one| Listed { token: handle(one), created: None, used: None });
            Ok(listed.collect())
        })
        .await
    }

    /// They are the user's, and the user stays the same.
    async fn scopes(&self, _of: &Credential) -> Result<Scopes, ProviderError> {
        Ok(Scopes::CannotKnow)
    }

    async fn find(&self, _label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        Err(ProviderError::Unsupported { act: "find passwords by label" })
    }

    async fn disable(&self, _warrant: &Warrant, _credential: &Credential) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported { act: "disable one password of a user" })
    }

    /// Takes one password away. It is written to the server's file even if it was gone: the last attempt may have got no
    /// further than the server's memory.
    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError> {
        const ACT: &str = "take a password from the user";
        let token = warranted(ACT, warrant, credential)?;
        in_time(ACT, async {
            let mut connection = self.login(ACT).await?;
            let user = self.user(ACT, &mut connection).await?;
            let Some(user) = user else { return Ok(Revoked::AlreadyGone) };
            let ended = user.passwords.iter().find(|digest| handle(digest) == *token);
            if let Some(digest) = ended {
                self.change(ACT, &mut connection, format!("!{digest}")).await?;
            }
            self.save(ACT, &mut connection).await?;
            Ok(ended.map_or(Revoked::AlreadyGone, |_| Revoked::Accepted))
        })
        .await
    }

    /// The connections that are open now: the server does not know which password one was opened with.
    async fn end_sessions(&self, warrant: &Warrant, credential: &Credential) -> Result<u64, ProviderError> {
        const ACT: &str = "end the user's connections";
        warranted(ACT, warrant, credential)?;
        if !self.setting.end_sessions {
            return Err(ProviderError::Unsupported { act: ACT });
        }
        in_time(ACT, async {
            let mut connection = self.login(ACT).await?;
            let before: Vec<u64> = self.open(ACT, &mut connection).await?.into_iter().map(|(id, _)| id).collect();
            let mut count = 0;
            for look in 1..=LOOKS {
                let mut left = self.open(ACT, &mut connection).await?;
                left.retain(|(id, _)| before.contains(id));
                if left.is_empty() {
                    break;
                }
                for (id, _) in left.iter().filter(|(_, idle)| *idle || look == LOOKS) {
                    let mut ending = redis::cmd("CLIENT");
                    ending.arg("KILL").arg("ID").arg(*id);
                    let ended = ending.query_async::<u64>(&mut connection).await;
                    count += ended.map_err(|error| failed(ACT, Happened::Perhaps, &error))?;
                }
                if look < LOOKS {
                    tokio::time::sleep(BETWEEN).await;
                }
            }
            Ok(count)
        })
        .await
    }

    async fn usage(&self, _token: &TokenId, _since: Timestamp) -> Result<Usage, ProviderError> {
        Ok(Usage::CannotKnow)
    }
}

#[cfg(test)]
mod tests;
