//! Text with `{{name}}` places in it: what requests and stored values are written from. No expressions.

mod json;
mod shape;

pub use json::JsonTemplate;
pub(super) use json::{as_json, wipe};
pub use shape::Shape;

use crate::model::Secret;

/// Looks a value up by name. Values that are not secret (a handle, a label) are handed over as secrets too, so that
/// nothing rendered is printed by mistake.
pub type Values<'a, 'v> = &'a (dyn Fn(&str) -> Option<&'v Secret> + 'a);

/// Why a template cannot be read, filled or read back. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("a place is opened by {{{{ and not closed; close it by }}}}")]
    Unclosed,
    /// What stands between the braces is not a name.
    #[error(
        "`{found}` is not a name; write {{{{name}}}} with lower-case letters, digits and `_`, without spaces or expressions"
    )]
    Name {
        /// What stands there.
        found: String,
    },
    /// Nobody has that value.
    #[error("nothing is known for {{{{{name}}}}}")]
    Missing {
        /// The name.
        name: String,
    },
    /// A value is not UTF-8, where only text can stand.
    #[error("the value of {{{{{name}}}}} is not text, which this place needs")]
    NotText {
        /// The name.
        name: String,
    },
    /// A shape names something that a store does not hold.
    #[error(
        "a stored value can hold {{{{token}}}}, {{{{secret}}}} and the {{{{user}}}} of a login, not {{{{{name}}}}}"
    )]
    Foreign {
        /// The name.
        name: String,
    },
    /// A shape without the secret.
    #[error("a stored value without {{{{secret}}}} stores nothing; add it")]
    NoSecret,
    /// A shape asks for a user, and the secret has none.
    #[error("the secret is no user:password, and the stored value asks for the user")]
    NoLogin,
    /// Two places touch, or the values hold the text between them.
    #[error("the places of the stored value cannot be told apart when it is read back; put other text between them")]
    Ambiguous,
    /// A shape looks like JSON and is not.
    #[error("the stored value looks like JSON and is not; quote the places as JSON strings")]
    NotJson,
    /// A stored value does not have this shape.
    #[error("the stored value does not have the configured shape")]
    Mismatch,
}

/// Where the rendered text will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// In a URL: values are percent-encoded, the text around them is not.
    Url,
    /// In a form body: both are percent-encoded.
    Form,
    /// Inside a JSON string: both are escaped.
    Json,
    /// Anywhere else: as they are.
    Text,
}

/// A checked template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When a place is not closed or does not hold a plain name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
            if !is_name(name) {
                return Err(TemplateError::Name { found: name.chars().take(40).collect() });
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Name(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The names in it, in order, repeated as they are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The name of its place, where it is nothing else.
    fn alone(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Name(name)] => Some(name),
            _ => None,
        }
    }

    /// The text that it begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Name(_)) | None => "",
        }
    }

    /// Fills it.
    ///
    /// # Errors
    /// When a value is missing, or is not text where the context needs text.
    pub fn render(&self, context: Context, values: Values<'_, '_>) -> Result<Secret, TemplateError> {
        let mut out = Vec::with_capacity(self.bound(values));
        self.write(context, values, &mut out)?;
        Ok(Secret::new(out))
    }

    /// The most bytes that rendering can take: room for them is taken at once, so that no half-grown copy of a secret
    /// stays behind in memory.
    fn bound(&self, values: Values<'_, '_>) -> usize {
        let longest = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Name(name) => values(name).map_or(0, Secret::len),
        });
        longest.sum::<usize>().saturating_mul(6)
    }

    fn write(&self, context: Context, values: Values<'_, '_>, out: &mut Vec<u8>) -> Result<(), TemplateError> {
        for part in &self.parts {
            match part {
                Part::Text(text) => match context {
                    Context::Url | Context::Text => out.extend_from_slice(text.as_bytes()),
                    Context::Form => percent(text.as_bytes(), out),
                    Context::Json => json::escape(text, out),
                },
                Part::Name(name) => {
                    let value = values(name).ok_or_else(|| TemplateError::Missing { name: name.clone() })?;
                    put(name, value, context, out)?;
                }
            }
        }
        Ok(())
    }

    /// Reads back what the places hold; [`None`] when the text around them differs.
    fn read<'t, 'b>(&'t self, bytes: &'b [u8]) -> Option<Vec<(&'t str, &'b [u8])>> {
        let (mut parts, mut rest, mut found) = (self.parts.as_slice(), bytes, Vec::new());
        while let [part, after @ ..] = parts {
            match part {
                Part::Text(text) => rest = rest.strip_prefix(text.as_bytes())?,
                Part::Name(name) => {
                    let end = match after {
                        [] => rest.len(),
                        [Part::Text(last)] => rest.len().checked_sub(last.len())?,
                        [Part::Text(next), ..] => {
                            rest.windows(next.len()).position(|window| window == next.as_bytes())?
                        }
                        [Part::Name(_), ..] => return None,
                    };
                    let (value, behind) = rest.split_at_checked(end)?;
                    found.push((name.as_str(), value));
                    rest = behind;
                }
            }
            parts = after;
        }
        rest.is_empty().then_some(found)
    }

    /// True when two places touch, so that what they hold cannot be told apart.
    fn touches(&self) -> bool {
        self.parts.windows(2).any(|pair| matches!(pair, [Part::Name(_), Part::Name(_)]))
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[expect(clippy::disallowed_methods, reason = "the value is written into another sealed value")]
fn put(name: &str, value: &Secret, context: Context, out: &mut Vec<u8>) -> Result<(), TemplateError> {
    match context {
        Context::Text => out.extend_from_slice(value.expose()),
        Context::Url | Context::Form => percent(value.expose(), out),
        Context::Json => {
            let text = std::str::from_utf8(value.expose());
            json::escape(text.map_err(|_| TemplateError::NotText { name: name.to_owned() })?, out);
        }
    }
    Ok(())
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn percent(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
}

fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'A' + (digit - 10) }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at what was rendered")]
mod tests {
    use super::*;

    fn render(template: &str, context: Context, values: &[(&str, &str)]) -> Result<String, TemplateError> {
        let values: Vec<_> =
            values.iter().map(|(name, value)| (*name, Secret::new(value.as_bytes().to_vec()))).collect();
        let find = |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let rendered = Template::parse(template)?.render(context, &find)?;
        Ok(String::from_utf8(rendered.expose().to_vec()).unwrap())
    }

    #[test]
    fn values_are_written_for_their_place() {
        let values = [("a", "x/y \"z\"\n")];
        assert_eq!(render("/v1/{{a}}?q=1", Context::Url, &values).unwrap(), "/v1/x%2Fy%20%22z%22%0A?q=1");
        assert_eq!(render("a&{{a}}", Context::Form, &values).unwrap(), "a%26x%2Fy%20%22z%22%0A");
        assert_eq!(render("\"{{a}}", Context::Json, &values).unwrap(), "\\\"x/y \\\"z\\\"\\n");
        assert_eq!(render("a {{a}}", Context::Text, &values).unwrap(), "a x/y \"z\"\n");
    }

    #[test]
    fn what_is_not_a_plain_name_is_refused() {
        for bad in ["{{", "x{{a", "{{ a }}", "{{}}", "{{a|b}}", "{{A}}", "{{1}}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(render("{{b}}", Context::Text, &[]), Err(TemplateError::Missing { name: "b".to_owned() }));
    }

    #[test]
    fn rendering_never_outgrows_the_room_taken_first() {
        let worst = Secret::new(vec![0; 100]);
        let template = Template::parse("\u{1}{{a}}{{a}}").unwrap();
        let find = |_: &str| Some(&worst);
        for context in [Context::Url, Context::Form, Context::Json, Context::Text] {
            let written = template.render(context, &find).unwrap().len();
            assert!(written <= template.bound(&find), "{context:?}: {written}");
        }
    }
}
