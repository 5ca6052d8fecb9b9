//! `hivemind-worker doctor`: the checks' findings, in earnest or rehearsed.

use crate::cli::Cli;
use crate::output;
use crate::words::words;
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
        let unknown = || ApiError::new(ErrorCode::InvalidRequest, words().no_fault(fault, &known()));
        let report = rehearse(fault).ok_or_else(unknown)?;
        if !cli.json {
            output::note(words().rehearsal(fault));
        }
        return Ok(show(cli, &report));
    }
    let reports: BTreeMap<_, _> =
        FAULTS.iter().filter_map(|fault| Some((fault.name, rehearse(fault.name)?))).collect();
    if cli.json {
        output::json(&reports);
    } else {
        for fault in FAULTS {
            output::line(words().rehearsal(fault.name));
            if let Some(report) = reports.get(fault.name) {
                let told = report.findings.iter().filter(|finding| finding.number == fault.check).cloned();
                lines(&DoctorReport { findings: told.collect() });
            }
        }
    }
    Ok(code(reports.values()))
}

fn lines(report: &DoctorReport) {
    for f in &report.findings {
        output::line(words().finding(f));
        if let Some(fix) = &f.fix {
            output::line(format!("        {}", words().advice(fix)));
        }
    }
}

fn code<'a>(reports: impl IntoIterator<Item = &'a DoctorReport>) -> ExitCode {
    let broken = |report: &DoctorReport| report.findings.iter().any(|finding| finding.level == Level::Error);
    if reports.into_iter().any(broken) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
