//! `stanch notify`: do messages arrive?

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, signals};
use crate::alert::{AlertError, words};
use crate::clock::{Clock, SystemClock};
use crate::config::operator::Operator;
use crate::egress::{Egress, Limits};
use crate::wiring::alerts::{self, AlertsError};
use crate::wiring::mending::{MendingError, configuration};
use std::sync::Arc;

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Notify) -> Result<Code, Failure> {
    signals::runtime()?.block_on(async {
        match &given.verb {
            acts::NotifyVerb::Test { sink, config } => test(sink, config).await,
        }
    })
}

async fn test(name: &str, config: &acts::Configured) -> Result<Code, Failure> {
    let path = configuration(config.config.as_deref())?;
    let operator = Operator::load(&path).map_err(MendingError::from)?;
    let egress = Egress::new(Limits::default()).map_err(|error| Failure::of(Code::Outside, &error))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let route = alerts::route(&operator, name, &Arc::new(egress), &clock)?;
    let notice = words::test(name, clock.now());
    route.sink.deliver(&notice).await?;
    Screen::new(false).text(&format!("{name}: the message was taken\n"));
    Ok(Code::Clean)
}

impl From<AlertsError> for Failure {
    fn from(error: AlertsError) -> Self {
        match error {
            AlertsError::Secret(error) => error.into(),
            AlertsError::Settings(error) => error.into(),
            AlertsError::Missing { .. } => Self::of(Code::Usage, &error),
        }
    }
}

impl From<AlertError> for Failure {
    fn from(error: AlertError) -> Self {
        match &error {
            AlertError::Settings { .. } => Self::of(Code::Usage, &error),
            AlertError::Refused { .. } => Self::of(Code::Outside, &error)
                .hint("it will be refused again: check the address and the keys of this sink"),
            AlertError::Later { .. } => {
                Self::of(Code::Outside, &error).hint("the daemon would try again; here, run the same again")
            }
            #[expect(unreachable_patterns, reason = "the seam may grow an error")]
            _ => Self::of(Code::Outside, &error),
        }
    }
}
