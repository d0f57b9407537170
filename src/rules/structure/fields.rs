//! Tokens in which a JSON object lies in base64.

use super::{Reading, bits};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What cannot be read is told from the prefix all the same: providers change their fields without notice.
pub(super) fn read(secret: &[u8], public: &[Cow<'static, str>], to: &mut Reading) {
    if let Some(fields) = opening(secret).and_then(object) {
        tell(&fields, public, to);
    }
}

/// From where base64 of a JSON object begins.
pub(super) fn opening(secret: &[u8]) -> Option<&[u8]> {
    let at = secret.windows(3).position(|part| part == b"eyJ")?;
    secret.get(at..)
}

/// The object that the text begins with; what follows it may be anything.
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let end = text.iter().position(|byte| !letter(byte)).unwrap_or(text.len());
    let end = if end % 4 == 1 { end - 1 } else { end };
    let bytes = bits::base64(text.get(..end)?)?;
    let mut values = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(fields))) => Some(fields),
        _ => None,
    }
}

/// Tells the fields that are public.
pub(super) fn tell(fields: &Map<String, Value>, public: &[Cow<'static, str>], to: &mut Reading) {
    for name in public {
        match fields.get(name.as_ref()) {
            Some(Value::String(text)) => to.tell(name, text.as_bytes()),
            Some(Value::Number(number)) => to.tell(name, number.to_string().as_bytes()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(secret: &str) -> Reading {
        let mut to = Reading::default();
        read(secret.as_bytes(), &["org".into(), "iat".into()], &mut to);
        to
    }

    #[test]
    fn public_fields_are_told_and_no_other() {
        let object = data_encoding::BASE64.encode(br#"{"iat":1684154626.25,"org":"acme","key":"hidden"}"#);
        let read = reading(&format!("sntrys_{object}_aGlkZGVu"));
        assert_eq!(
            read.facts.into_iter().collect::<Vec<_>>(),
            [("iat".to_owned(), "1684154626.25".to_owned()), ("org".to_owned(), "acme".to_owned())]
        );
        let plain = data_encoding::BASE64URL_NOPAD.encode(br#"{"org":"acme"}"#);
        assert!(!reading(&format!("x_{plain}")).doubtful);
    }

    #[test]
    fn what_cannot_be_read_tells_nothing() {
        for text in ["sntrys_eyJAAAA", "sntrys_", "sntrys_eyJ", "sntrys_eyJvcmciOiJh"] {
            assert_eq!(reading(text), Reading::default(), "{text}");
        }
    }
}
