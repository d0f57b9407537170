//! JSON whose strings are templates.

use super::{Context, Template, TemplateError, Values};
use crate::model::Secret;
use serde_json::Value;
use zeroize::Zeroize;

/// A JSON document with templates for strings; keys are literal.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonTemplate {
    /// Neither text nor a container: stands as it is.
    Literal(Value),
    /// A string.
    Text(Template),
    /// A value that is JSON itself, under this name.
    Whole(String),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object.
    Object(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    /// Reads the templates of a document.
    ///
    /// # Errors
    /// When one of its strings is not a template.
    pub fn parse(document: &Value) -> Result<Self, TemplateError> {
        Ok(match document {
            Value::String(text) => Self::Text(Template::parse(text)?),
            Value::Array(items) => Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?),
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), Self::parse(value)?)))
                    .collect::<Result<_, TemplateError>>()?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Literal(document.clone()),
        })
    }

    /// All templates in it.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Literal(_) | Self::Whole(_) => Vec::new(),
            Self::Text(template) => vec![template],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Object(members) => members.iter().flat_map(|(_, value)| value.templates()).collect(),
        }
    }

    /// The names of the values that are JSON themselves.
    pub(crate) fn whole(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) | Self::Text(_) => Vec::new(),
            Self::Whole(name) => vec![name],
            Self::List(items) => items.iter().flat_map(Self::whole).collect(),
            Self::Object(members) => members.iter().flat_map(|(_, value)| value.whole()).collect(),
        }
    }

    /// A string that is nothing but one of these places becomes the value itself, whatever its type.
    pub(crate) fn keep_whole(&mut self, names: &[String]) {
        match self {
            Self::Literal(_) | Self::Whole(_) => {}
            Self::Text(template) => {
                if let Some(name) = template.alone().filter(|name| names.iter().any(|kept| kept == name)) {
                    *self = Self::Whole(name.to_owned());
                }
            }
            Self::List(items) => items.iter_mut().for_each(|item| item.keep_whole(names)),
            Self::Object(members) => members.iter_mut().for_each(|(_, value)| value.keep_whole(names)),
        }
    }

    /// Fills it.
    ///
    /// # Errors
    /// When a value is missing or is not text.
    pub fn render(&self, values: Values<'_, '_>) -> Result<Secret, TemplateError> {
        let mut out = Vec::with_capacity(self.bound(values));
        self.write(values, &mut out)?;
        Ok(Secret::new(out))
    }

    fn bound(&self, values: Values<'_, '_>) -> usize {
        match self {
            Self::Literal(value) => value.to_string().len(),
            Self::Text(template) => template.bound(values).saturating_add(2),
            Self::Whole(name) => values(&as_json(name)).map_or(0, Secret::len),
            Self::List(items) => items.iter().map(|item| item.bound(values) + 1).sum::<usize>().saturating_add(2),
            Self::Object(members) => {
                let longest = members.iter().map(|(key, value)| key.len() * 6 + 4 + value.bound(values));
                longest.sum::<usize>().saturating_add(2)
            }
        }
    }

    fn write(&self, values: Values<'_, '_>, out: &mut Vec<u8>) -> Result<(), TemplateError> {
        match self {
            Self::Literal(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Text(template) => {
                out.push(b'"');
                template.write(Context::Json, values, out)?;
                out.push(b'"');
            }
            Self::Whole(name) => {
                let value = values(&as_json(name)).ok_or_else(|| TemplateError::Missing { name: name.clone() })?;
                #[expect(clippy::disallowed_methods, reason = "the value is written into another sealed value")]
                out.extend_from_slice(value.expose());
            }
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(values, out)?;
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
                    escape(key, out);
                    out.extend_from_slice(b"\":");
                    value.write(values, out)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }

    /// Reads back what the places hold, whatever the order of the members; false when the structure differs.
    pub(super) fn read<'t, 'd>(&'t self, document: &'d Value, found: &mut Vec<(&'t str, &'d [u8])>) -> bool {
        match (self, document) {
            (Self::Literal(literal), value) => literal == value,
            (Self::Text(template), Value::String(text)) => match template.read(text.as_bytes()) {
                Some(values) => {
                    found.extend(values);
                    true
                }
                None => false,
            },
            (Self::List(items), Value::Array(values)) => {
                items.len() == values.len() && items.iter().zip(values).all(|(item, value)| item.read(value, found))
            }
            (Self::Object(members), Value::Object(values)) => {
                members.len() == values.len()
                    && members.iter().all(|(key, member)| values.get(key).is_some_and(|v| member.read(v, found)))
            }
            (Self::Text(_) | Self::Whole(_) | Self::List(_) | Self::Object(_), _) => false,
        }
    }
}

/// The name under which a value is kept as JSON, beside its text; no template can spell it.
pub(crate) fn as_json(name: &str) -> String {
    format!("{name} as json")
}

/// Escapes text for the inside of a JSON string.
pub(super) fn escape(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', super::hex(byte >> 4), super::hex(byte & 15)]),
            _ => out.push(byte),
        }
    }
}

/// Wipes every string of a document that held secrets.
pub(crate) fn wipe(document: &mut Value) {
    match document {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
