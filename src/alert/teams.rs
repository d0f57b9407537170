//! A Teams workflow webhook: an Adaptive Card, of runs of text rather than of text blocks, which would be read as Markdown.

use super::post::{Clear, Post};
use super::{AlertError, Notice, Sink, Urgency, clipped};
use crate::egress::Egress;
use crate::model::Secret;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;

/// The most characters of the text; a card, with everything that surrounds it, must stay below 28 KB. A character takes
/// at most six bytes as JSON, or four as itself.
const LONGEST: usize = 4000;

/// One channel or chat, by its workflow.
#[derive(Debug)]
pub struct Teams {
    name: String,
    post: Post,
}

impl Teams {
    /// The channel behind a workflow's webhook.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(name: &str, url: Secret, egress: Arc<Egress>) -> Result<Self, AlertError> {
        Ok(Self { name: name.to_owned(), post: Post::new(name, url, Clear::Loopback, egress)? })
    }
}

#[async_trait]
impl Sink for Teams {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError> {
        self.post.json(Vec::new(), message(notice).to_string().into_bytes()).await
    }
}

fn message(notice: &Notice) -> Value {
    let colour = match notice.urgency {
        Urgency::Info => "good",
        Urgency::Warning => "warning",
        Urgency::Error | Urgency::Critical => "attention",
    };
    let run = |text: String| json!({ "type": "TextRun", "text": text });
    let block = |run: Value| json!({ "type": "RichTextBlock", "inlines": [run] });
    let text = clipped(&notice.text, LONGEST);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut first = run(lines.next().unwrap_or_default().to_owned());
    if let Some(run) = first.as_object_mut() {
        run.insert("weight".to_owned(), json!("bolder"));
        run.insert("color".to_owned(), json!(colour));
    }
    let mut body = vec![block(first)];
    // A message of many lines would otherwise be more frame than text.
    let rest: Vec<_> = lines.collect();
    body.extend(rest.chunks(rest.len().div_ceil(20).max(1)).map(|lines| block(run(lines.join("\n")))));
    let mut about = run(format!("{} \u{b7} {}", notice.urgency.word(), notice.at));
    if let Some(run) = about.as_object_mut() {
        run.insert("isSubtle".to_owned(), json!(true));
        run.insert("size".to_owned(), json!("small"));
    }
    body.push(block(about));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
    });
    if let (Some(link), Some(card)) = (&notice.link, card.as_object_mut()) {
        let open = json!({ "type": "Action.OpenUrl", "title": "Open", "url": clipped(link, 1000) });
        card.insert("actions".to_owned(), json!([open]));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::words;
    use crate::model::Timestamp;

    #[test]
    fn no_message_is_larger_than_teams_takes() {
        let mut notice = words::test("chat", Timestamp(0));
        for text in ["\u{1f511}".repeat(9000), "\u{1}".repeat(9000), "a\n".repeat(9000), "\"\\\n".repeat(9000)] {
            notice.text = text;
            notice.link = Some("https://stanch.example/\u{1}".repeat(5000));
            assert!(message(&notice).to_string().len() < 28_000);
        }
    }
}
