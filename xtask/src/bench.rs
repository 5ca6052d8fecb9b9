//! `cargo xtask bench`: measured numbers against their gates.

mod goal;
mod page;

#[cfg(target_os = "linux")]
mod batch;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod cuts;
#[cfg(target_os = "linux")]
mod cycle;
#[cfg(target_os = "linux")]
mod footprint;
#[cfg(target_os = "linux")]
mod function;
#[cfg(target_os = "linux")]
mod give_back;
#[cfg(target_os = "linux")]
mod http;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod measurement;
#[cfg(target_os = "linux")]
mod own_time;
#[cfg(target_os = "linux")]
mod page_load;
#[cfg(target_os = "linux")]
mod proxy;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
mod stand;
#[cfg(target_os = "linux")]
mod statistics;
#[cfg(target_os = "linux")]
mod upload;
#[cfg(target_os = "linux")]
mod volume;
#[cfg(target_os = "linux")]
mod window;

use anyhow::{Result, bail};
use clap::Args;

use self::goal::{GOALS, Goal};
#[cfg(target_os = "linux")]
use self::measurement::Bench;
use self::page::Row;
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
    /// Measure the development build, to try the measurements themselves; the page is not written
    #[arg(long)]
    unoptimized: bool,
}

/// Measures, prints a table (or JSON) and writes `docs/measurements.md`. True when every gate is met.
pub fn bench(folders: &Folders, options: &Options) -> Result<bool> {
    let rows = measure(folders, options, &chosen(&options.only)?)?;
    if options.json {
        console::answer(&serde_json::to_string(&rows)?);
    } else {
        for line in page::table(&rows) {
            console::answer(&line);
        }
    }
    // A page about some of the numbers would silently drop the others.
    if options.only.is_empty() && !options.unoptimized {
        page::write(folders, &rows)?;
    }
    Ok(rows.iter().all(|row| row.pass))
}

#[cfg(target_os = "linux")]
fn measure(folders: &Folders, options: &Options, goals: &[&'static Goal]) -> Result<Vec<Row>> {
    use crate::demand::Group;
    use crate::engine::Engine;
    use crate::program::{cargo, run};
    use crate::release::Place;
    use crate::web::Web;
    use crate::{clock, companion, image, system};

    system::ensure(&[Group::Build, Group::Engine, Group::E2e])?;
    Web::find(folders)?.build()?;
    console::step("Building what is measured");
    let wanted = |id: &str| goals.iter().any(|goal| goal.id == id);
    // Both programs in one build, or each would be built with features of its own.
    let programs: &[&str] = if ["P3", "P4", "P5"].into_iter().any(wanted) {
        &["-p", "hivemind-app", "-p", "hivemind-window"]
    } else {
        &["-p", "hivemind-app"]
    };
    let parts = [
        (true, programs),
        (wanted("P4") || wanted("P5"), &["-p", "hivemind-window", "--example", "empty"][..]),
        (wanted("P17"), &["-p", "hivemind-host", "--example", "sample"][..]),
        (wanted("P18"), &["-p", "hivemind-store", "--example", "month"][..]),
        (wanted("P13"), &["-p", "hivemind-pool-client", "--example", "upload"][..]),
        (wanted("P19") || wanted("P20"), &["-p", "hivemind-domain", "--example", "comeback"][..]),
        (wanted("L5"), &["-p", "hivemind-wireguard", "--example", "throughput"][..]),
        (wanted("L5"), &["-p", "hivemind-netd", "--example", "system_tunnel"][..]),
        (wanted("L6"), &["-p", "hivemind-wireguard", "--example", "slow_path"][..]),
        (wanted("L6"), &["-p", "hivemind-netd", "--example", "system_slow_link"][..]),
        (wanted("M1"), &["-p", "hivemind-managed-function", "--example", "million"][..]),
        (wanted("P23"), &["-p", "hivemind-local-pool", "--example", "crowd"][..]),
        (wanted("P1N") || wanted("P2N"), &["-p", "hivemind-local-pool", "--example", "live_network"][..]),
    ];
    for (_, part) in parts.iter().filter(|(wanted, _)| *wanted) {
        // What is measured is what is shipped.
        let mut build = if options.unoptimized { cargo() } else { Place::of(folders)?.cargo(&[])? };
        build.current_dir(&folders.root).args(["build", "--locked"]).args(*part);
        if !options.unoptimized {
            build.arg("--release");
        }
        run(&mut build)?;
    }
    companion::build_if_possible(folders);
    let engine = Engine::start(folders)?;
    image::load(folders, &engine)?;
    let profile = if options.unoptimized { "debug" } else { "release" };
    let worker = folders.target()?.join(profile).join("hivemind-worker");
    let ui = folders.root.join("ui");
    if wanted("P21") {
        Web::find(folders)?.check("build:fake")?;
    }
    let bench = Bench { worker, engine: engine.host(), ui, seed: options.seed };
    let mut rows = Vec::new();
    for goal in goals {
        console::step(&format!("{}: {}", goal.id, goal.what));
        let start = clock::now();
        let (measured, problem) = match measurement::measure(&bench, goal) {
            Ok(measured) => (measured, String::new()),
            Err(error) => (vec![], format!("{error:#}")),
        };
        if !problem.is_empty() {
            console::error(&format!("{}: {problem}", goal.id));
        }
        for found in &measured {
            console::note(&format!("{:.3}: {}", found.value, found.note));
        }
        console::note(&format!("took {}", clock::seconds_since(start)));
        let found: Vec<(f64, String)> = measured.into_iter().map(|found| (found.value, found.note)).collect();
        rows.extend(page::rows(goal, &found, &problem));
    }
    Ok(rows)
}

#[cfg(not(target_os = "linux"))]
fn measure(_folders: &Folders, options: &Options, goals: &[&'static Goal]) -> Result<Vec<Row>> {
    let _ = (options.seed, options.unoptimized);
    let problem = "measured on Linux only";
    console::error(problem);
    Ok(goals.iter().flat_map(|goal| page::rows(goal, &[], problem)).collect())
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
