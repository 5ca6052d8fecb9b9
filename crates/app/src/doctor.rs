//! `hivemind-worker doctor`: the checks' findings, in earnest or rehearsed.

use crate::cli::Cli;
use crate::output;
use hivemind_control::{ApiError, DoctorReport, ErrorCode, Level};
use hivemind_worker_core::{FAULTS, rehearse};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// The list; exit code 1 when something does not work.
pub(crate) fn show(cli: &Cli, report: &DoctorReport) -> ExitCode {
    if cli.json {
        output::json(report);
    } else {
        lines(report);
    }
    code([report])
}

/// What would be said with a fault, or with every one; the exit code is what it would be.
pub(crate) fn simulate(cli: &Cli, fault: &str) -> anyhow::Result<ExitCode> {
    if fault != "all" {
        let known = || FAULTS.iter().map(|fault| fault.name).collect::<Vec<_>>().join(", ");
        let unknown = || {
            ApiError::new(
                ErrorCode::InvalidRequest,
                format!("there is no fault {fault}; there are all, {}", known()),
            )
        };
        let report = rehearse(fault).ok_or_else(unknown)?;
        if !cli.json {
            output::note(rehearsal(fault));
        }
        return Ok(show(cli, &report));
    }
    let reports: BTreeMap<_, _> =
        FAULTS.iter().filter_map(|fault| Some((fault.name, rehearse(fault.name)?))).collect();
    if cli.json {
        output::json(&reports);
    } else {
        for fault in FAULTS {
            output::line(rehearsal(fault.name));
            if let Some(report) = reports.get(fault.name) {
                let told = report.findings.iter().filter(|finding| finding.number == fault.check).cloned();
                lines(&DoctorReport { findings: told.collect() });
            }
        }
    }
    Ok(code(reports.values()))
}

fn rehearsal(fault: &str) -> String {
    format!("Rehearsal of {fault}: an imagined computer; nothing was looked at or changed here.")
}

fn lines(report: &DoctorReport) {
    for f in &report.findings {
        let mark = match f.level {
            Level::Ok => "ok  ",
            Level::Notice => "info",
            Level::Warning => "warn",
            Level::Error => "FAIL",
        };
        output::line(format!("{:>2} {mark} {}: {}", f.number, f.check, f.proof));
        if let Some(fix) = &f.fix {
            output::line(format!("        {fix}"));
        }
    }
}

fn code<'a>(reports: impl IntoIterator<Item = &'a DoctorReport>) -> ExitCode {
    let broken = |report: &DoctorReport| report.findings.iter().any(|finding| finding.level == Level::Error);
    if reports.into_iter().any(broken) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
