//! Where two files differ first.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::parts::{Kind, Part};
use crate::dist::sections;

/// The first difference in words, or nothing where the files are the same.
///
/// # Errors
/// When a file cannot be read, or is none of its kind.
pub fn difference(kind: Kind, first: &Path, again: &Path) -> Result<Option<String>> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let (one, other) = (read(first)?, read(again)?);
    let Some(at) = first_byte(&one, &other) else { return Ok(None) };
    let whole = format!("{} of {} and {} bytes", sections::around(&one, at), one.len(), other.len());
    let (ones, others) = (kind.parts(first)?, kind.parts(again)?);
    Ok(Some(match part(&ones, &others) {
        Some(inside) => format!("{inside} (in the file: {whole})"),
        None => whole,
    }))
}

/// The first part that is not the same.
fn part(ones: &[Part], others: &[Part]) -> Option<String> {
    for (one, other) in ones.iter().zip(others) {
        if one.name != other.name {
            return Some(format!("`{}` is where `{}` was", other.name, one.name));
        }
        if let Some(at) = first_byte(&one.bytes, &other.bytes) {
            return Some(format!("{}: {}", one.name, sections::around(&one.bytes, at)));
        }
    }
    let rest = ones.get(others.len()).or_else(|| others.get(ones.len()))?;
    Some(format!("only one of both has `{}`", rest.name))
}

/// The first byte that differs, which may be behind the end of one.
fn first_byte(one: &[u8], other: &[u8]) -> Option<usize> {
    let common = one.iter().zip(other).position(|(one, other)| one != other);
    common.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())))
}

#[cfg(test)]
mod tests;
