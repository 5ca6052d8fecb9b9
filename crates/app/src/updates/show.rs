//! `hivemind-worker update`: how this installation stands with updates. Needs no running worker.

use super::look::{NotTaken, look};
use super::record::{Record, Tried, Why};
use super::source::HttpsSource;
use super::{Here, Standing};
use crate::cli::{Cli, UpdateCommand, UpdateOptions};
use crate::words::words;
use crate::{output, process};
use hivemind_host::SystemClock;
use hivemind_update::{Swap, SystemDisk};
use hivemind_worker_core::port::{Clock, SettingsStore};
use semver::Version;
use serde::Serialize;
use std::process::ExitCode;

/// Everything that is shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shown {
    /// The version that runs.
    pub(crate) version: Version,
    /// A stable word: `takes`, `off`, `package`, `msi`, `no_key`, `unknown`.
    pub(crate) standing: &'static str,
    /// The package manager that looks after it.
    pub(crate) package: Option<String>,
    /// When it was looked last, in milliseconds of wall time since 1970.
    pub(crate) looked_ms: Option<i64>,
    /// The newest version that is known.
    pub(crate) newest: Option<Version>,
    /// The version that lies ready.
    pub(crate) ready: Option<Version>,
    /// Why nothing was taken at the last look.
    pub(crate) why: Option<Why>,
    /// The last version that was put in place.
    pub(crate) tried: Option<Tried>,
}

impl Shown {
    fn of(here: &Here, standing: &Standing, wanted: bool, record: Record) -> Self {
        let (word, package) = match standing {
            Standing::Takes { .. } if wanted => ("takes", None),
            Standing::Takes { .. } => ("off", None),
            Standing::Package(by) => ("package", Some(by.clone())),
            Standing::Msi => ("msi", None),
            Standing::NoKey => ("no_key", None),
            Standing::Unknown => ("unknown", None),
        };
        let staged = here.exchanged().and_then(|program| Swap::new(program, &SystemDisk).staged());
        Self {
            version: here.version.clone(),
            standing: word,
            package,
            looked_ms: record.looked_ms,
            newest: record.newest,
            ready: staged.map(|(version, _)| version),
            why: record.why,
            tried: record.tried,
        }
    }
}

/// Shows what is known, or looks first.
pub(crate) async fn run(cli: &Cli, options: &UpdateOptions) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    let wanted = process::settings(cli, &folder)?.current().flag("updates");
    let here = Here::look();
    let standing = here.standing();
    let mut code = ExitCode::SUCCESS;
    if let Some(UpdateCommand::Check) = options.command {
        let found = match &standing {
            Standing::Takes { target, address, program } => {
                let seen = Swap::new(program.clone(), &SystemDisk).seen();
                let now_ms = SystemClock.now().wall.0;
                let found = check(&here, target, address, &seen, now_ms).await;
                Record::change(folder.data(), |record| record.found(&found, now_ms));
                found.is_ok() || found.is_err_and(|error| error.newest().is_some())
            }
            Standing::Package(_) | Standing::Msi | Standing::NoKey | Standing::Unknown => false,
        };
        if !found {
            code = ExitCode::FAILURE;
        }
    }
    let shown = Shown::of(&here, &standing, wanted, Record::load(folder.data()));
    if cli.json {
        output::json(&shown);
    } else {
        words().updates(&shown).into_iter().for_each(output::line);
    }
    Ok(code)
}

async fn check(
    here: &Here,
    target: &str,
    address: &str,
    seen: &hivemind_update::Seen,
    now_ms: i64,
) -> Result<Version, NotTaken> {
    let source = HttpsSource::new(address)?;
    Ok(look(&source, here, target, seen, now_ms).await?.version)
}
