//! JSON as lines of text, each string without its escapes behind the name of what it is: `config.Env[2]: KEY=value`.
//! What stands twice under one name is there twice.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write as _};

/// The longest name of a value; what goes beyond is one of nobody's making.
const LONGEST_NAME: usize = 200;

/// The text; none for what is no JSON.
pub(super) fn of(json: &[u8]) -> Option<String> {
    let named_up_to = json.len().saturating_mul(4).saturating_add(1 << 16);
    let mut text = Text { lines: String::new(), named_up_to };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Value { name: String::new(), text: &mut text }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(text.lines)
}

/// What was written so far. Many values below a long name would make it far longer than the JSON is: beyond a length,
/// values stand alone.
struct Text {
    lines: String,
    named_up_to: usize,
}

struct Value<'t> {
    name: String,
    text: &'t mut Text,
}

impl Value<'_> {
    fn line(self, value: &dyn fmt::Display) {
        let Text { lines, named_up_to } = self.text;
        let named = !self.name.is_empty() && lines.len() < *named_up_to;
        let name = if named { self.name.as_str() } else { "" };
        // Writing to a string cannot fail.
        let _written = writeln!(lines, "{name}{}{value}", if named { ": " } else { "" }).is_ok();
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.line(&value);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.line(&value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.line(&value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.line(&value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.line(&value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for number in 0_u64.. {
            let item = Value { name: format!("{}[{number}]", self.name), text: self.text };
            if items.next_element_seed(item)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            let length = self.name.len().saturating_add(key.len());
            let name = match self.name.as_str() {
                _ if length > LONGEST_NAME => {
                    Value { name: String::new(), text: self.text }.line(&key);
                    String::new()
                }
                "" => key,
                above => format!("{above}.{key}"),
            };
            entries.next_value_seed(Value { name, text: self.text })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_string_is_there_as_it_is_meant() {
        let json = br#"{"config":{"Env":["A=1","B=\"q\"\n2"],"User":null},"x":[{"y":true}],"x":"again"}"#;
        let expected = "config.Env[0]: A=1\nconfig.Env[1]: B=\"q\"\n2\nx[0].y: true\nx: again\n";
        assert_eq!(super::of(json).as_deref(), Some(expected));
        assert_eq!(super::of(b"\"alone\"").as_deref(), Some("alone\n"));
        let long = format!("{{\"{}\":[{}1]}}", "k".repeat(1 << 20), "\"\",".repeat(1 << 18));
        assert!(super::of(long.as_bytes()).is_some_and(|text| text.len() < 6 * long.len() && text.contains("kkk")));
        assert_eq!(super::of(b"{\"cut\":"), None);
        assert_eq!(super::of("[".repeat(100_000).as_bytes()), None);
    }
}
