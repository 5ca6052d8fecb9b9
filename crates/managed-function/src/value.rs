//! Values: cheap to copy, bounded in size and nesting.

use crate::failure::{Failure, FailureCode};
use crate::limits::VALUE_DEPTH;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Bool(bool),
    Text(Rc<str>),
    List(Rc<List>),
    Map(Rc<Map>),
}

/// A list with its size, nested ones counted wherever they stand.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) items: Vec<Value>,
    shape: Shape,
}

/// A map with its size.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) entries: BTreeMap<Rc<str>, Value>,
    shape: Shape,
}

/// Bytes that a value stands for, and how deep it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) size: u64,
    pub(crate) depth: u32,
}

/// Text would be longer than it may be.
pub(crate) struct Full;

impl Value {
    pub(crate) fn list(items: Vec<Value>) -> Result<Self, Failure> {
        let shape = Shape::around(items.iter().map(|item| (0, item)))?;
        Ok(Self::List(Rc::new(List { items, shape })))
    }

    pub(crate) fn map(entries: BTreeMap<Rc<str>, Value>) -> Result<Self, Failure> {
        let shape = Shape::around(entries.iter().map(|(key, value)| (key.len() as u64, value)))?;
        Ok(Self::Map(Rc::new(Map { entries, shape })))
    }

    /// What the language calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Integer(_) => "an integer",
            Self::Bool(_) => "a boolean",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Null | Self::Integer(_) | Self::Bool(_) => Shape { size: 1, depth: 0 },
            Self::Text(text) => Shape { size: 1 + text.len() as u64, depth: 0 },
            Self::List(list) => list.shape,
            Self::Map(map) => map.shape,
        }
    }

    /// Whether two values are the same; of different kinds they are not. Handles at most as many bytes as the smaller
    /// one stands for.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.shape == b.shape
                    && a.items.len() == b.items.len()
                    && a.items.iter().zip(&b.items).all(|(a, b)| a.same(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                a.shape == b.shape
                    && a.entries.len() == b.entries.len()
                    && a.entries.iter().zip(&b.entries).all(|((k, a), (l, b))| k == l && a.same(b))
            }
            (
                Self::Null | Self::Integer(_) | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Map(_),
                _,
            ) => false,
        }
    }

    /// Adds the value as text: strings as they are, what is inside lists and maps as JSON, keys in order.
    pub(crate) fn render(&self, into: &mut String, most: usize) -> Result<(), Full> {
        match self {
            Self::Text(text) => add(into, text, most),
            Self::Null | Self::Integer(_) | Self::Bool(_) | Self::List(_) | Self::Map(_) => {
                self.json(into, most)
            }
        }
    }

    fn json(&self, into: &mut String, most: usize) -> Result<(), Full> {
        match self {
            Self::Null => add(into, "null", most),
            Self::Integer(number) => add(into, &number.to_string(), most),
            Self::Bool(true) => add(into, "true", most),
            Self::Bool(false) => add(into, "false", most),
            Self::Text(text) => quoted(text, into, most),
            Self::List(list) => {
                add(into, "[", most)?;
                for (number, item) in list.items.iter().enumerate() {
                    if number > 0 {
                        add(into, ",", most)?;
                    }
                    item.json(into, most)?;
                }
                add(into, "]", most)
            }
            Self::Map(map) => {
                add(into, "{", most)?;
                for (number, (key, value)) in map.entries.iter().enumerate() {
                    if number > 0 {
                        add(into, ",", most)?;
                    }
                    quoted(key, into, most)?;
                    add(into, ":", most)?;
                    value.json(into, most)?;
                }
                add(into, "}", most)
            }
        }
    }
}

fn add(into: &mut String, text: &str, most: usize) -> Result<(), Full> {
    if text.len() > most.saturating_sub(into.len()) {
        return Err(Full);
    }
    into.push_str(text);
    Ok(())
}

fn quoted(text: &str, into: &mut String, most: usize) -> Result<(), Full> {
    if text.len() > most.saturating_sub(into.len()) {
        return Err(Full);
    }
    add(into, &serde_json::to_string(text).map_err(|_| Full)?, most)
}

impl Shape {
    fn around<'a>(inner: impl Iterator<Item = (u64, &'a Value)>) -> Result<Self, Failure> {
        let mut whole = Self { size: 1, depth: 0 };
        for (key, value) in inner {
            let shape = value.shape();
            whole.size = whole.size.saturating_add(1 + key).saturating_add(shape.size);
            whole.depth = whole.depth.max(shape.depth);
        }
        whole.depth += 1;
        if whole.depth > VALUE_DEPTH {
            return Err(Failure::new(FailureCode::Nesting, "lists and maps are nested too deeply"));
        }
        Ok(whole)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a whole number of 64 bits, a boolean, a string, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value)
            .map(Value::Integer)
            .map_err(|_| E::custom("an integer does not fit into 64 bits"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = elements.next_element()? {
            items.push(item);
        }
        Value::list(items).map_err(serde::de::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, value)) = elements.next_entry::<String, Value>()? {
            entries.insert(key.into(), value);
        }
        Value::map(entries).map_err(serde::de::Error::custom)
    }
}
