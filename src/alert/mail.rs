//! Mail. Messages of one case are one thread: all refer to the same root, and each has an id that its key gives it, so
//! that one delivered twice is known.

use super::{AlertError, Notice, Sink, clipped};
use crate::model::Secret;
use async_trait::async_trait;
use lettre::address::Address;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use sha2::{Digest as _, Sha256};
use std::time::{Duration, UNIX_EPOCH};

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the whole exchange may take: the library waits for an answer without an end.
const EXCHANGE: Duration = Duration::from_secs(60);

/// Transport security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS, required.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// In clear: for a relay on this machine.
    None,
}

/// What a mail needs.
#[derive(Debug)]
pub struct MailSettings {
    /// `host:port`.
    pub server: String,
    /// Transport security.
    pub security: Security,
    /// The account, if there is one.
    pub account: Option<(String, Secret)>,
    /// The sender.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
}

/// Receivers of mail.
pub struct Mail {
    name: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Mail {
    /// Mail by one server.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(name: &str, settings: MailSettings) -> Result<Self, AlertError> {
        let wrong = |problem: String| AlertError::Settings { sink: name.to_owned(), problem };
        let mailbox = |text: &String| {
            text.parse::<Mailbox>()
                .map_err(|_| wrong(format!("'{text}' is no mail address: write name@host or Name <name@host>")))
        };
        let read = settings.server.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let (host, port) = read
            .filter(|(host, port)| !host.is_empty() && *port > 0)
            .ok_or_else(|| wrong(format!("'{}' is no mail server: write host:port", settings.server)))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if settings.to.is_empty() {
            return Err(wrong("it has no receiver: name at least one under 'to'".to_owned()));
        }
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|at| at.is_loopback());
        if settings.security == Security::None && settings.account.is_some() && !here {
            let problem = "a password would go in clear: write tls: starttls or tls: implicit".to_owned();
            return Err(wrong(problem));
        }
        let parameters = || {
            TlsParameters::new(host.to_owned()).map_err(|_| {
                wrong(format!("no TLS can be set up for '{host}': check the name and the certificate store"))
            })
        };
        let tls = match settings.security {
            Security::Starttls => Tls::Required(parameters()?),
            Security::Implicit => Tls::Wrapper(parameters()?),
            Security::None => Tls::None,
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).tls(tls).timeout(Some(PATIENCE));
        if let Some((user, password)) = &settings.account {
            #[expect(clippy::disallowed_methods, reason = "the library logs in with it")]
            let password = std::str::from_utf8(password.expose());
            let password = password.map_err(|_| wrong("its password is no UTF-8 text".to_owned()))?;
            builder = builder.credentials(Credentials::new(user.clone(), password.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            from: mailbox(&settings.from)?,
            to: settings.to.iter().map(mailbox).collect::<Result<_, _>>()?,
            transport: builder.build(),
        })
    }

    fn message(&self, notice: &Notice) -> Result<Message, AlertError> {
        let domain = Address::domain(&self.from.email);
        let root = format!("<{}@{domain}>", named("thread", notice.thread()));
        let own = format!("<{}@{domain}>", named("notice", &notice.key));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(subject(notice))
            .message_id(Some(own))
            .in_reply_to(root.clone())
            .references(root)
            .date(UNIX_EPOCH + Duration::from_millis(notice.at.0))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let mut text = notice.text.clone();
        if let Some(link) = &notice.link {
            text.push_str(&format!("\n\n{link}"));
        }
        text.push('\n');
        builder.body(text).map_err(|_| AlertError::Refused {
            sink: self.name.clone(),
            code: "not a message that can be sent".to_owned(),
        })
    }
}

#[async_trait]
impl Sink for Mail {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError> {
        let message = self.message(notice)?;
        let sink = self.name.clone();
        let error = match tokio::time::timeout(EXCHANGE, self.transport.send(message)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => return Err(AlertError::Later { sink, why: "it took too long".to_owned(), after: None }),
        };
        // A server's own words may hold addresses and accounts; its number says enough.
        match error.status() {
            // It refuses the login, not the message, and that can be mended.
            Some(code) if code.to_string().starts_with("53") => {
                Err(AlertError::Later { sink, why: format!("status {code}, it refuses the login"), after: None })
            }
            Some(code) if error.is_permanent() => Err(AlertError::Refused { sink, code: format!("status {code}") }),
            Some(code) => Err(AlertError::Later { sink, why: format!("status {code}"), after: None }),
            None => {
                let why = if error.is_tls() {
                    "no TLS: check the certificate, and whether the server offers it"
                } else if error.is_timeout() {
                    "it took too long"
                } else if error.is_client() {
                    "the server cannot do what the settings ask for"
                } else {
                    // The library does not tell these two apart.
                    "no connection, or a certificate that nobody here trusts"
                };
                Err(AlertError::Later { sink, why: why.to_owned(), after: None })
            }
        }
    }
}

/// A word for an id, of letters and digits alone.
fn named(what: &str, text: &str) -> String {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    format!("stanch.{what}.{}", digest.get(..32).unwrap_or(&digest))
}

/// One line: a line break in a subject would begin a header of whoever wrote it.
fn subject(notice: &Notice) -> String {
    let line: String = notice.headline().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let case = notice.case.as_ref().map(|case| format!(" {case}")).unwrap_or_default();
    clipped(&format!("[stanch{case}] {line}"), 180)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::words;
    use crate::model::{RotationId, Timestamp};

    fn settings() -> MailSettings {
        MailSettings {
            server: "127.0.0.1:25".to_owned(),
            security: Security::None,
            account: None,
            from: "Stanch <stanch@shop.example>".to_owned(),
            to: vec!["ops@shop.example".to_owned(), "Kim <kim@shop.example>".to_owned()],
        }
    }

    #[tokio::test]
    async fn a_case_is_one_thread_and_no_text_becomes_a_header() {
        let mail = Mail::new("post", settings()).unwrap();
        let mut notice = words::test("post", Timestamp(1_700_000_000_000));
        notice.case = Some(RotationId::new("C-0001"));
        notice.text = "first\r\nBcc: evil@example.com\n.\nlast é".to_owned();
        let one = String::from_utf8(mail.message(&notice).unwrap().formatted()).unwrap();
        notice.key = "another".to_owned();
        notice.text = "\u{b}\r\u{1}Bcc: evil@example.com".to_owned();
        let two = String::from_utf8(mail.message(&notice).unwrap().formatted()).unwrap();
        let header = |text: &str, name: &str| {
            let head = text.split("\r\n\r\n").next().unwrap().to_owned();
            head.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned))
        };
        assert_eq!(header(&one, "References: "), header(&two, "References: "));
        assert_ne!(header(&one, "Message-ID: "), header(&two, "Message-ID: "));
        assert_eq!(header(&one, "To: ").unwrap(), "ops@shop.example, Kim <kim@shop.example>");
        for text in [&one, &two] {
            assert_eq!(header(text, "Bcc: "), None, "{text}");
            assert!(header(text, "Subject: ").unwrap().starts_with("[stanch C-0001] "), "{text}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let with = |change: fn(&mut MailSettings)| {
            let mut settings = settings();
            change(&mut settings);
            Mail::new("post", settings).unwrap_err().to_string()
        };
        assert!(with(|s| s.server = "mail".to_owned()).contains("host:port"));
        assert!(with(|s| s.from = "nobody".to_owned()).contains("name@host"));
        assert!(with(|s| s.to.clear()).contains("receiver"));
        let clear = with(|s| {
            s.server = "mail.example:25".to_owned();
            s.account = Some(("kim".to_owned(), Secret::new(b"hush".to_vec())));
        });
        assert!(clear.contains("in clear") && !clear.contains("hush"), "{clear}");
    }
}
