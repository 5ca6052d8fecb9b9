//! `len`, `get` and `contains`.

use crate::failure::{Failure, FailureCode};
use crate::value::Value;

/// A built-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    Len,
    Get,
    Contains,
}

impl Builtin {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "len" => Some(Self::Len),
            "get" => Some(Self::Get),
            "contains" => Some(Self::Contains),
            _ => None,
        }
    }

    pub(crate) fn arguments(self) -> usize {
        match self {
            Self::Len => 1,
            Self::Get | Self::Contains => 2,
        }
    }

    /// Applied to as many arguments as it takes. `work` is told how many bytes are about to be handled.
    pub(crate) fn apply(
        self,
        arguments: &[Value],
        work: &mut dyn FnMut(u64) -> Result<(), Failure>,
    ) -> Result<Value, Failure> {
        match (self, arguments) {
            (Self::Len, [value]) => len(value, work),
            (Self::Get, [target, key]) => get(target, key),
            (Self::Contains, [target, value]) => contains(target, value, work).map(Value::Bool),
            (Self::Len | Self::Get | Self::Contains, _) => {
                Err(Failure::new(FailureCode::Arguments, "another number of arguments is needed"))
            }
        }
    }
}

fn unfit(what: &str, value: &Value) -> Failure {
    Failure::new(FailureCode::Type, format!("{what} cannot be applied to {}", value.kind()))
}

/// Open in the network's description: of a string, its characters.
fn len(value: &Value, work: &mut dyn FnMut(u64) -> Result<(), Failure>) -> Result<Value, Failure> {
    let length = match value {
        Value::Text(text) => {
            work(text.len() as u64)?;
            text.chars().count()
        }
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries.len(),
        Value::Null | Value::Integer(_) | Value::Bool(_) => return Err(unfit("len", value)),
    };
    Ok(Value::Integer(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// Open in the network's description: what is not there is null.
fn get(target: &Value, key: &Value) -> Result<Value, Failure> {
    match (target, key) {
        (Value::List(list), Value::Integer(index)) => {
            let item = usize::try_from(*index).ok().and_then(|index| list.items.get(index));
            Ok(item.cloned().unwrap_or(Value::Null))
        }
        (Value::Map(map), Value::Text(key)) => Ok(map.entries.get(key).cloned().unwrap_or(Value::Null)),
        (Value::List(_) | Value::Map(_), _) => Err(unfit("get with this key", target)),
        (Value::Null | Value::Integer(_) | Value::Bool(_) | Value::Text(_), _) => Err(unfit("get", target)),
    }
}

/// Open in the network's description: of a list an equal element, of a map a key, of a string a part.
fn contains(
    target: &Value,
    value: &Value,
    work: &mut dyn FnMut(u64) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    match (target, value) {
        (Value::List(list), _) => {
            for item in &list.items {
                work(item.shape().size.min(value.shape().size))?;
                if item.same(value) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::Map(map), Value::Text(key)) => Ok(map.entries.contains_key(key)),
        (Value::Text(text), Value::Text(part)) => {
            work((text.len() + part.len()) as u64)?;
            Ok(text.contains(&**part))
        }
        (Value::Null | Value::Integer(_) | Value::Bool(_) | Value::Text(_) | Value::Map(_), _) => {
            Err(unfit("contains", target))
        }
    }
}
