//! A tree of places as something that can be read, after the repairs.

use super::flaw::{Flaw, What};
use super::{Repairs, address};
use crate::rules::places::{Entry, Places, Value};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use std::iter::empty;

/// A value of the tree, as it is read after the repairs.
#[derive(Clone, Copy)]
pub(super) struct Node<'n> {
    pub(super) places: &'n Places,
    pub(super) repairs: &'n Repairs,
}

impl<'n> Node<'n> {
    fn is_blank(self) -> bool {
        self.repairs.blank.contains(&address(self.places))
    }

    fn next(self, places: &'n Places) -> Self {
        Self { places, repairs: self.repairs }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        let read = match &self.places.value {
            Value::Null => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Natural(value) => visitor.visit_u64(*value),
            Value::Number(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(entries) => visitor.visit_seq(List { node: self, left: entries.iter() }),
            Value::Keys(entries) => {
                let added = self.repairs.added.get(&address(self.places)).map(Vec::as_slice).unwrap_or_default();
                visitor.visit_map(Keys { node: self, left: entries.iter(), added: added.iter(), value: None })
            }
        };
        read.map_err(|flaw| flaw.at(self.places))
    }
}

/// Reads a blank where one was put in, and else the value.
macro_rules! read_as {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
            if self.is_blank() { Blank.$method(visitor) } else { self.visit(visitor) }
        })*
    };
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Flaw;

    read_as! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map deserialize_identifier
        deserialize_ignored_any
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        if self.is_blank() {
            return Blank.deserialize_str(visitor);
        }
        let read = match &self.places.value {
            Value::Boolean(value) => visitor.visit_string(value.to_string()),
            Value::Integer(value) => visitor.visit_string(value.to_string()),
            Value::Natural(value) => visitor.visit_string(value.to_string()),
            Value::Number(value) => visitor.visit_string(value.to_string()),
            _ => return self.visit(visitor),
        };
        read.map_err(|flaw: Flaw| flaw.at(self.places))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        match &self.places.value {
            _ if self.is_blank() => visitor.visit_none(),
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_newtype_struct(self).map_err(|flaw| flaw.at(self.places))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        match &self.places.value {
            _ if self.is_blank() => Blank.deserialize_struct(name, fields, visitor),
            Value::List(_) => Err(Flaw::invalid_type(Unexpected::Seq, &visitor).at(self.places)),
            _ => self.visit(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        let read = match &self.places.value {
            _ if self.is_blank() => return Blank.deserialize_enum(name, words, visitor),
            Value::Text(word) => visitor.visit_enum(IntoDeserializer::<Flaw>::into_deserializer(word.as_str())),
            // Words only, though YAML reads some of them otherwise.
            Value::Null => Err(Flaw::unknown_variant("", words)),
            _ => Err(Flaw::new(What::Said(format!("one word belongs here; use one of: {}", words.join(", "))))),
        };
        read.map_err(|flaw: Flaw| flaw.at(self.places))
    }

    forward_to_deserialize_any! { i128 u128 unit_struct tuple tuple_struct }
}

struct List<'n> {
    node: Node<'n>,
    left: std::slice::Iter<'n, Places>,
}

impl<'de> SeqAccess<'de> for List<'_> {
    type Error = Flaw;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Flaw> {
        let next = self.left.next();
        let read = |places| seed.deserialize(self.node.next(places)).map_err(|flaw| flaw.at(places));
        next.map(read).transpose()
    }
}

struct Keys<'n> {
    node: Node<'n>,
    left: std::slice::Iter<'n, Entry>,
    added: std::slice::Iter<'n, &'static str>,
    value: Option<&'n Places>,
}

impl<'de> MapAccess<'de> for Keys<'_> {
    type Error = Flaw;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Flaw> {
        let hidden = &self.node.repairs.hidden;
        if let Some(entry) = self.left.find(|entry| !hidden.contains(&address(*entry))) {
            self.value = Some(&entry.value);
            let key = self.node.repairs.renamed.get(&address(entry)).copied().unwrap_or(&entry.key);
            let key = IntoDeserializer::<Flaw>::into_deserializer(key);
            return seed.deserialize(key).map(Some).map_err(|flaw| flaw.of(entry, self.node.places));
        }
        self.value = None;
        let added = self.added.next();
        added.map(|key| seed.deserialize(IntoDeserializer::<Flaw>::into_deserializer(*key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Flaw> {
        match self.value {
            Some(places) => seed.deserialize(self.node.next(places)).map_err(|flaw| flaw.at(places)),
            None => seed.deserialize(Blank),
        }
    }
}

/// Something harmless of any form.
#[derive(Clone, Copy)]
struct Blank;

impl IntoDeserializer<'_, Flaw> for Blank {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The form of a blank.
macro_rules! blank_as {
    ($($method:ident $visit:ident $value:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
            visitor.$visit($value)
        })*
    };
}

impl<'de> Deserializer<'de> for Blank {
    type Error = Flaw;

    blank_as! {
        deserialize_any visit_seq SeqDeserializer::new(empty::<Self>());
        deserialize_seq visit_seq SeqDeserializer::new(empty::<Self>());
        deserialize_map visit_map MapDeserializer::new(empty::<(Self, Self)>());
        deserialize_bool visit_bool false;
        deserialize_i8 visit_i64 1;
        deserialize_i16 visit_i64 1;
        deserialize_i32 visit_i64 1;
        deserialize_i64 visit_i64 1;
        deserialize_u8 visit_u64 1;
        deserialize_u16 visit_u64 1;
        deserialize_u32 visit_u64 1;
        deserialize_u64 visit_u64 1;
        deserialize_f32 visit_f64 1.0;
        deserialize_f64 visit_f64 1.0;
        deserialize_str visit_str "";
        deserialize_string visit_str "";
        deserialize_identifier visit_str "";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_none()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        visitor.visit_map(MapDeserializer::new(fields.iter().map(|field| (*field, Self))))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        let word = words.first().copied().unwrap_or_default();
        visitor.visit_enum(IntoDeserializer::<Flaw>::into_deserializer(word))
    }

    forward_to_deserialize_any! { i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct }
}
