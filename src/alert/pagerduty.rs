//! PagerDuty, by the Events API v2: one incident a case, opened when somebody is needed, acknowledged when somebody acted,
//! resolved when the old token is dead.

use super::post::{Clear, Post};
use super::{AlertError, Moment, Notice, Sink, clipped};
use crate::egress::Egress;
use crate::model::Secret;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;
use zeroize::Zeroize as _;

/// Where events go if nothing else is said.
const ENDPOINT: &str = "https://events.pagerduty.com/v2/enqueue";
/// The most characters of the key that makes events one incident.
const LONGEST_KEY: usize = 255;
/// The most characters of a summary.
const LONGEST_SUMMARY: usize = 1024;

/// One service, by its integration key.
#[derive(Debug)]
pub struct PagerDuty {
    name: String,
    post: Post,
    routing_key: Secret,
    host: String,
}

impl PagerDuty {
    /// The service behind an integration key. `host` is the name of this machine.
    ///
    /// # Errors
    /// When the endpoint cannot be used.
    pub fn new(
        name: &str,
        routing_key: Secret,
        endpoint: Option<&str>,
        host: &str,
        egress: Arc<Egress>,
    ) -> Result<Self, AlertError> {
        let url = Secret::new(endpoint.unwrap_or(ENDPOINT).as_bytes().to_vec());
        let post = Post::new(name, url, Clear::Loopback, egress)?;
        #[expect(clippy::disallowed_methods, reason = "it must be text to stand in JSON; it is not shown")]
        let usable =
            std::str::from_utf8(routing_key.expose()).is_ok_and(|key| key.chars().all(|c| c.is_ascii_graphic()));
        if !usable {
            let problem = "its routing key is no integration key: it has letters and digits alone".to_owned();
            return Err(AlertError::Settings { sink: name.to_owned(), problem });
        }
        Ok(Self { name: name.to_owned(), post, routing_key, host: host.to_owned() })
    }
}

#[async_trait]
impl Sink for PagerDuty {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError> {
        let mut event = event(notice, &self.host);
        #[expect(clippy::disallowed_methods, reason = "the key stands in the body of the request")]
        let key = String::from_utf8_lossy(self.routing_key.expose()).into_owned();
        if let Some(event) = event.as_object_mut() {
            event.insert("routing_key".to_owned(), Value::String(key));
        }
        let body = event.to_string().into_bytes();
        if let Some(Value::String(key)) = event.get_mut("routing_key") {
            key.zeroize();
        }
        self.post.json(Vec::new(), body).await
    }
}

fn event(notice: &Notice, host: &str) -> Value {
    let action = match notice.moment {
        Moment::Done => "resolve",
        Moment::Acted => "acknowledge",
        // A case that went back is over, and its leak is open: the incident stays.
        Moment::Leak
        | Moment::Approval
        | Moment::Stuck
        | Moment::Unsure
        | Moment::Outage
        | Moment::Held
        | Moment::RolledBack
        | Moment::DeadMan
        | Moment::Ending
        | Moment::Abused
        | Moment::Test => "trigger",
    };
    let mut event = json!({ "event_action": action, "dedup_key": clipped(notice.thread(), LONGEST_KEY) });
    if action != "trigger" {
        return event;
    }
    let payload = json!({
        "summary": clipped(notice.headline(), LONGEST_SUMMARY),
        "source": host,
        "severity": notice.urgency.word(),
        "timestamp": notice.at.to_string(),
        "component": notice.credential,
        "group": notice.kind,
        "class": notice.moment.word(),
        "custom_details": { "text": notice.text, "case": notice.case, "key": notice.key },
    });
    if let Some(event) = event.as_object_mut() {
        event.insert("payload".to_owned(), payload);
        event.insert("client".to_owned(), json!("stanch"));
        if let Some(link) = &notice.link {
            event.insert("client_url".to_owned(), json!(link));
            event.insert("links".to_owned(), json!([{ "href": link, "text": "Open" }]));
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::words;
    use crate::model::{RotationId, Timestamp};

    #[test]
    fn an_incident_is_opened_acknowledged_and_resolved_under_one_key() {
        let mut notice = words::test("pager", Timestamp(0));
        notice.case = Some(RotationId::new("C-0142"));
        for (moment, action) in [
            (Moment::Approval, "trigger"),
            (Moment::Acted, "acknowledge"),
            (Moment::Done, "resolve"),
            (Moment::RolledBack, "trigger"),
        ] {
            notice.moment = moment;
            let event = event(&notice, "host");
            assert_eq!((&event["event_action"], &event["dedup_key"]), (&json!(action), &json!("C-0142")));
            assert_eq!(event.get("payload").is_some(), action == "trigger");
        }
        notice.case = None;
        notice.key = "k".repeat(400);
        assert_eq!(event(&notice, "host")["dedup_key"].as_str().unwrap().chars().count(), LONGEST_KEY);
    }
}
