//! `hivemind-hostile`: runs hostile inputs. `cargo xtask hostile` builds and starts it.
//!
//! Exit codes: 0 every outcome was the expected one, 1 one was not, 2 a wrong command line.

use hivemind_hostile::case::{GROUPS, assert_unique};
use hivemind_hostile::groups;
use hivemind_hostile::judge::{Manner, Tally, run};
use hivemind_hostile::{console, skipped};
use std::process::ExitCode;

#[derive(Default)]
struct Options {
    only: Vec<String>,
    list: bool,
    json: bool,
    self_check: bool,
    report: Option<String>,
    seeds: Option<String>,
    case: Option<String>,
}

fn main() -> ExitCode {
    let options = match read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            console::note(&format!("error: {why}"));
            return ExitCode::from(2);
        }
    };
    if let Some(folder) = &options.seeds {
        return match hivemind_hostile::fuzz::write_seeds(std::path::Path::new(folder)) {
            Ok(names) => {
                console::answer(&names.join(" "));
                ExitCode::SUCCESS
            }
            Err(error) => {
                console::note(&format!("error: {folder}: {error}"));
                ExitCode::FAILURE
            }
        };
    }
    let mut good = true;
    let mut report = String::new();
    let mut json = serde_json::Map::new();
    for (group, least) in GROUPS {
        if !options.only.is_empty() && !options.only.iter().any(|only| only == group) {
            continue;
        }
        let tally = if let Some(why) = skipped(groups::needs(group)) {
            console::answer(&format!("SKIPPED {group}: {why}"));
            continue;
        } else if options.list {
            for case in groups::cases(group) {
                console::answer(&format!("{group}\t{}\t{}\t{}", case.name, case.built, case.expected));
            }
            continue;
        } else {
            let mut cases = groups::cases(group);
            if let Some(wanted) = &options.case {
                cases.retain(|case| case.name.contains(wanted));
            }
            assert_unique(&cases);
            run(cases, Manner { plant: options.self_check })
        };
        let count = groups::count(group, &tally);
        for line in &tally.lines {
            report.push_str(&format!("{group}\t{line}\n"));
        }
        let enough = count >= *least || options.case.is_some();
        let expected = if options.self_check {
            tally.unexpected.len() == refusals(&tally)
        } else {
            tally.unexpected.is_empty()
        };
        good &= enough && expected;
        say(group, *least, count, &tally, &options);
        let fields = serde_json::json!({"inputs": count, "least": least, "unexpected": tally.unexpected.len(),
            "most_bytes": tally.most_bytes, "longest_ms": tally.longest.as_millis() as u64});
        json.insert((*group).to_owned(), fields);
    }
    if options.json {
        console::answer(&serde_json::Value::Object(json).to_string());
    }
    if let Some(path) = &options.report
        && let Err(error) = std::fs::write(path, report)
    {
        console::note(&format!("error: {path}: {error}"));
        good = false;
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Cases that expect something else than being taken: with a worker that takes everything, each must be noticed.
fn refusals(tally: &Tally) -> usize {
    tally.lines.len() - tally.harmless
}

fn say(group: &str, least: usize, count: usize, tally: &Tally, options: &Options) {
    let limit = if options.self_check { 3 } else { 200 };
    for line in tally.unexpected.iter().take(limit) {
        console::answer(&format!(
            "{} {group}: {line}",
            if options.self_check { "noticed" } else { "UNEXPECTED" }
        ));
    }
    if !options.json {
        let cost = if tally.most_bytes > 0 {
            format!("; at most {} KiB and {} ms", tally.most_bytes / 1024, tally.longest.as_millis())
        } else {
            String::new()
        };
        let unexpected = tally.unexpected.len();
        let word = if options.self_check {
            format!("of {} planted noticed", refusals(tally))
        } else {
            "unexpected".to_owned()
        };
        console::answer(&format!(
            "{group:<12} {count:>6} inputs (at least {least}), {unexpected} {word}{cost}"
        ));
    }
}

fn read(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--only" => options.only.extend(value()?.split(',').map(str::to_owned)),
            "--case" => options.case = Some(value()?),
            "--seeds" => options.seeds = Some(value()?),
            "--report" => options.report = Some(value()?),
            "--list" => options.list = true,
            "--json" => options.json = true,
            "--self-check" => options.self_check = true,
            other => return Err(format!("unknown: {other}")),
        }
    }
    for only in &options.only {
        if !GROUPS.iter().any(|(group, _)| group == only) {
            let known: Vec<_> = GROUPS.iter().map(|(group, _)| *group).collect();
            return Err(format!("no group {only}; there are {}", known.join(", ")));
        }
    }
    Ok(options)
}
