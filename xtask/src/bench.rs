//! `cargo xtask bench`: measured numbers against their gates.

mod goal;
mod measurement;
mod page;

use anyhow::{Result, bail};
use clap::Args;

use self::goal::{GOALS, Goal};
use self::measurement::Measured;
use crate::console;
use crate::folders::Folders;

#[derive(Args)]
pub struct Options {
    /// Only these, for instance P1,P8
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The results as one JSON array on standard output
    #[arg(long)]
    json: bool,
    /// Seed of the order of pairs and of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Measures, prints a table (or JSON) and writes `docs/measurements.md`. True when every gate is met.
pub fn bench(folders: &Folders, options: &Options) -> Result<bool> {
    let goals = chosen(&options.only)?;
    let mut rows = Vec::new();
    for goal in goals {
        console::step(&format!("{}: {}", goal.id, goal.what));
        let measured = measurement::measure(folders, goal, options.seed).unwrap_or_else(|error| {
            console::error(&format!("{}: {error:#}", goal.id));
            vec![]
        });
        rows.extend(page::rows(goal, &measured));
        for Measured { note, .. } in &measured {
            console::note(note);
        }
    }
    if options.json {
        console::answer(&serde_json::to_string(&rows)?);
    } else {
        for line in page::table(&rows) {
            console::answer(&line);
        }
    }
    // A page about some of the numbers would silently drop the others.
    if options.only.is_empty() {
        page::write(folders, &rows)?;
    }
    Ok(rows.iter().all(|row| row.pass))
}

fn chosen(only: &[String]) -> Result<Vec<&'static Goal>> {
    if only.is_empty() {
        return Ok(GOALS.iter().collect());
    }
    only.iter()
        .map(|id| match GOALS.iter().find(|goal| goal.id.eq_ignore_ascii_case(id.trim())) {
            Some(goal) => Ok(goal),
            None => bail!(
                "--only {id}: not measured here; there are {}",
                GOALS.iter().map(|goal| goal.id).collect::<Vec<_>>().join(", ")
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_id_names_what_there_is() {
        let error = chosen(&["P99".into()]).unwrap_err().to_string();
        assert!(error.contains("P99") && error.contains("P12"), "{error}");
        assert_eq!(chosen(&["p1".into(), "P8".into()]).unwrap().len(), 2);
    }
}
