//! Whom the operator's file tells, as sinks.

use super::mending::{MendingError, secret_for};
use crate::alert::gelf::Gelf;
use crate::alert::mail::{Mail, MailSettings, Security};
use crate::alert::pagerduty::PagerDuty;
use crate::alert::slack::Slack;
use crate::alert::syslog::Syslog;
use crate::alert::teams::Teams;
use crate::alert::webhook::Webhook;
use crate::alert::{AlertError, Route, Sink};
use crate::clock::Clock;
use crate::config::operator::{Operator, SecretSource};
use crate::config::service::{AlertSink, MailTls};
use crate::egress::Egress;
use crate::model::Secret;
use std::sync::Arc;

/// Why a sink cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlertsError {
    /// A secret that it needs cannot be read.
    #[error(transparent)]
    Secret(#[from] MendingError),
    /// Its settings cannot be used.
    #[error(transparent)]
    Settings(#[from] AlertError),
    /// There is no such sink.
    #[error("there is no sink '{name}' under 'alerts' in the configuration; it names: {known}")]
    Missing {
        /// Which.
        name: String,
        /// Which there are.
        known: String,
    },
}

/// All sinks of the operator's file. Nothing is sent.
///
/// # Errors
/// When a secret cannot be read or a setting cannot be used.
pub fn routes(operator: &Operator, egress: &Arc<Egress>, clock: &Arc<dyn Clock>) -> Result<Vec<Route>, AlertsError> {
    operator.alerts.keys().map(|name| route(operator, name, egress, clock)).collect()
}

/// One sink of the operator's file.
///
/// # Errors
/// When there is none of this name, a secret cannot be read or a setting cannot be used.
pub fn route(
    operator: &Operator,
    name: &str,
    egress: &Arc<Egress>,
    clock: &Arc<dyn Clock>,
) -> Result<Route, AlertsError> {
    let Some(entry) = operator.alerts.get(name) else {
        let known = operator.alerts.keys().cloned().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        return Err(AlertsError::Missing { name: name.to_owned(), known });
    };
    Ok(Route { from: entry.value.from, sink: sink(name, &entry.value.to, egress, clock)? })
}

fn sink(
    name: &str,
    to: &AlertSink,
    egress: &Arc<Egress>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Sink>, AlertsError> {
    let read = |source: &SecretSource| -> Result<Secret, MendingError> { secret_for(name, source) };
    let out = || Arc::clone(egress);
    let host = machine();
    Ok(match to {
        AlertSink::Webhook { url, secret } => {
            Arc::new(Webhook::new(name, read(url)?, read(secret)?, out(), Arc::clone(clock))?)
        }
        AlertSink::Slack { url } => Arc::new(Slack::new(name, read(url)?, out())?),
        AlertSink::Teams { url } => Arc::new(Teams::new(name, read(url)?, out())?),
        AlertSink::PagerDuty { routing_key, endpoint } => {
            Arc::new(PagerDuty::new(name, read(routing_key)?, endpoint.as_deref(), &host, out())?)
        }
        AlertSink::Mail { server, tls, user, password, from, to } => {
            let account = match (user, password) {
                (Some(user), Some(password)) => Some((user.clone(), read(password)?)),
                (None, None) => None,
                _ => {
                    let problem = "an account needs both: write 'user' and 'password', or neither".to_owned();
                    return Err(AlertError::Settings { sink: name.to_owned(), problem }.into());
                }
            };
            let security = match tls {
                MailTls::Starttls => Security::Starttls,
                MailTls::Implicit => Security::Implicit,
                MailTls::None => Security::None,
            };
            let settings =
                MailSettings { server: server.clone(), security, account, from: from.clone(), to: to.clone() };
            Arc::new(Mail::new(name, settings)?)
        }
        AlertSink::Syslog { address } => Arc::new(Syslog::new(name, address, &host)?),
        AlertSink::Gelf { address } => Arc::new(Gelf::new(name, address, &host, out())?),
    })
}

/// The name of this machine, as its system has it.
fn machine() -> String {
    lettre::transport::smtp::extension::ClientId::default().to_string()
}
