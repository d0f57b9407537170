//! A Slack incoming webhook: sections of plain text, so that nothing in a message is read as a mention or a link, and one
//! link. It has no buttons: whoever presses one is not known to be allowed.

use super::post::{Clear, Post};
use super::{AlertError, Notice, Sink, clipped};
use crate::egress::Egress;
use crate::model::Secret;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;

/// The most characters in a section's text.
const LONGEST: usize = 3000;

/// One channel, by its webhook.
#[derive(Debug)]
pub struct Slack {
    name: String,
    post: Post,
}

impl Slack {
    /// The channel behind an incoming webhook.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(name: &str, url: Secret, egress: Arc<Egress>) -> Result<Self, AlertError> {
        Ok(Self { name: name.to_owned(), post: Post::new(name, url, Clear::Loopback, egress)? })
    }
}

#[async_trait]
impl Sink for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError> {
        self.post.json(Vec::new(), message(notice).to_string().into_bytes()).await
    }
}

fn message(notice: &Notice) -> Value {
    let plain = |text: &str| json!({ "type": "plain_text", "text": clipped(text, LONGEST), "emoji": false });
    let (headline, rest) = notice.text.split_once('\n').unwrap_or((&notice.text, ""));
    let mut blocks = vec![json!({ "type": "section", "text": plain(headline) })];
    if !rest.trim().is_empty() {
        blocks.push(json!({ "type": "section", "text": plain(rest) }));
    }
    let mut about = vec![plain(&format!("{} \u{b7} {}", notice.urgency.word(), notice.at))];
    if let Some(link) = &notice.link {
        let link = escaped(link).replace('|', "%7C");
        about.push(json!({ "type": "mrkdwn", "text": format!("<{link}|Open>") }));
    }
    blocks.push(json!({ "type": "context", "elements": about }));
    // What a notification shows; unlike the blocks it is read as markup.
    json!({ "text": escaped(&clipped(headline, LONGEST / 5)), "blocks": blocks, "unfurl_links": false })
}

/// The three signs that markup begins and ends with.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::words;
    use crate::model::Timestamp;

    #[test]
    fn nothing_in_a_message_is_markup() {
        let mut notice = words::test("chat", Timestamp(0));
        notice.text = format!("<!channel> & <https://evil.example|x>\n{}", "y".repeat(5000));
        notice.link = Some("https://stanch.example/c?a=1&b=<2>|3".to_owned());
        let message = message(&notice);
        assert_eq!(message["text"], "&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt;");
        assert_eq!(message["blocks"][0]["text"]["type"], "plain_text");
        assert_eq!(message["blocks"][1]["text"]["text"].as_str().unwrap().chars().count(), LONGEST);
        assert_eq!(
            message["blocks"][2]["elements"][1]["text"],
            "<https://stanch.example/c?a=1&amp;b=&lt;2&gt;%7C3|Open>"
        );
    }
}
