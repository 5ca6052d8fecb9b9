//! Results as rows, as a table, and as `docs/measurements.md`.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde::Serialize;

use super::goal::Goal;
use crate::console;
use crate::folders::Folders;

/// One number against its gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub id: &'static str,
    /// Absent when it could not be measured; such a row does not pass.
    pub value: Option<f64>,
    pub unit: &'static str,
    pub gate: f64,
    pub stretch: f64,
    pub pass: bool,
    #[serde(skip)]
    what: &'static str,
    #[serde(skip)]
    note: String,
}

/// One row per limit of the goal: the value and how it was measured, or the problem that prevented it.
pub fn rows(goal: &'static Goal, measured: &[(f64, String)], problem: &str) -> Vec<Row> {
    let row = |(index, limit): (usize, &super::goal::Limit)| {
        let found = measured.get(index);
        let value = found.map(|(value, _)| round(*value));
        Row {
            id: goal.id,
            value,
            unit: limit.unit,
            gate: limit.gate,
            stretch: limit.stretch,
            pass: found.is_some_and(|(value, _)| *value <= limit.gate),
            what: goal.what,
            note: found.map_or_else(|| problem.to_owned(), |(_, note)| note.clone()),
        }
    };
    goal.limits.iter().enumerate().map(row).collect()
}

/// Four significant places are more than these measurements hold.
fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// The table for a terminal.
pub fn table(rows: &[Row]) -> Vec<String> {
    let mut lines =
        vec![format!("{:<5} {:>10} {:<14} {:>8} {:>8}  verdict", "id", "value", "unit", "gate", "stretch")];
    lines.extend(rows.iter().map(|row| {
        format!(
            "{:<5} {:>10} {:<14} {:>8} {:>8}  {}",
            row.id,
            shown(row),
            row.unit,
            row.gate,
            row.stretch,
            verdict(row)
        )
    }));
    lines
}

fn shown(row: &Row) -> String {
    row.value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

fn verdict(row: &Row) -> &'static str {
    match row.value {
        Some(value) if value <= row.stretch => "stretch",
        Some(_) if row.pass => "gate",
        Some(_) => "MISSED",
        None => "NOT MEASURED",
    }
}

/// Writes the page of all measurements.
pub fn write(folders: &Folders, rows: &[Row]) -> Result<()> {
    let mut page = String::from(
        "# Measurements\n\nWritten by `cargo xtask bench`; do not edit. The machine was shared, so ratios of \
         interleaved pairs and counts say more than milliseconds.\n\n\
         | id | what | value | gate | stretch | verdict | how |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        writeln!(
            page,
            "| {} | {} | {} {} | ≤ {} | ≤ {} | {} | {} |",
            row.id,
            row.what,
            shown(row),
            row.unit,
            row.gate,
            row.stretch,
            verdict(row),
            row.note.replace('|', "/")
        )?;
    }
    let file = folders.root.join("docs/measurements.md");
    std::fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))?;
    console::note("docs/measurements.md is written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::goal::GOALS;

    #[test]
    fn what_was_not_measured_does_not_pass() {
        let [row] = &rows(&GOALS[0], &[], "no engine")[..] else { panic!("one row") };
        assert!(!row.pass && row.value.is_none() && verdict(row) == "NOT MEASURED");
        let json = serde_json::to_value(row).unwrap();
        let mut keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["gate", "id", "pass", "stretch", "unit", "value"]);
    }

    #[test]
    fn the_gate_decides() {
        let measured = |value| vec![(value, String::new())];
        assert!(rows(&GOALS[0], &measured(12.0), "")[0].pass);
        assert!(!rows(&GOALS[0], &measured(12.001), "")[0].pass);
        assert_eq!(verdict(&rows(&GOALS[0], &measured(7.0), "")[0]), "stretch");
    }

    #[test]
    fn values_are_rounded_to_what_they_hold() {
        assert_eq!(round(12.345_678), 12.35);
        assert_eq!(round(0.012_345), 0.012_35);
        assert_eq!(round(0.0), 0.0);
    }
}
