//! `cargo xtask ci`: everything a change must pass, each step with its duration.

use anyhow::Result;

use crate::demand::Group;
use crate::folders::Folders;
use crate::program::{cargo, run};
use crate::web::Web;
use crate::{clock, console, licences, suite, system, tidy, units, windows};

/// One step: its name, and whether it passed.
type Step<'a> = (&'a str, &'a dyn Fn(&Folders) -> Result<bool>);

/// Runs all steps, the later ones too when an earlier one fails. True when all passed.
pub fn ci(folders: &Folders) -> Result<bool> {
    let steps: [Step<'_>; 9] = [
        ("system", &|_| system::ensure(&Group::ALL)),
        // Before anything compiles: the worker and the window embed it.
        ("ui build", &|folders| Web::find(folders)?.build().map(|()| true)),
        ("tidy", &tidy::tidy),
        ("clippy", &clippy),
        ("cargo deny", &|folders| licences::check(folders).map(|()| true)),
        ("units", &units::check),
        ("check for Windows", &|folders| windows::check(folders).map(|()| true)),
        ("link for Windows", &|folders| windows::link(folders).map(|_| true)),
        // Last, so that its counts close the output.
        ("test", &|folders| {
            console::step("cargo xtask test");
            suite::test(folders, &suite::Options::default())
        }),
    ];
    let mut rows = Vec::new();
    let mut all = true;
    for (name, step) in steps {
        console::step(name);
        let start = clock::now();
        let passed = step(folders).unwrap_or_else(|error| {
            console::error(&format!("{name}: {error:#}"));
            false
        });
        all &= passed;
        rows.push(format!(
            "{name:<20} {:<7} {:>8}",
            if passed { "passed" } else { "FAILED" },
            clock::seconds_since(start)
        ));
    }
    console::step("Steps");
    for row in rows {
        console::note(&row);
    }
    Ok(all)
}

fn clippy(folders: &Folders) -> Result<bool> {
    run(cargo().current_dir(&folders.root).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(true)
}
