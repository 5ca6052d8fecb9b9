//! How this installation stands with updates: `hivemind-worker update`, which needs no running worker, and the screens.

use super::look::{NotTaken, look};
use super::record::{Record, Tried, Why, trial_word};
use super::source::HttpsSource;
use super::{Here, Standing};
use crate::cli::{Cli, UpdateCommand, UpdateOptions};
use crate::words::words;
use crate::{output, process};
use hivemind_control::{UpdateTried, UpdateWhy, UpdatesView};
use hivemind_host::SystemClock;
use hivemind_update::{Swap, SystemDisk};
use hivemind_worker_core::port::{Clock, SettingsStore};
use semver::Version;
use serde::Serialize;
use std::path::Path;
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

/// What comes of the versions that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// It lies ready and is put in place.
    Ready(&'a Version),
    /// It is fetched at the next look.
    Offered(&'a Version),
    /// It is newer and not fetched.
    Known(&'a Version),
    /// The version that runs is the newest.
    Newest,
    /// No version is known, or none is looked for here.
    Nothing,
}

impl Shown {
    /// How it stands now, `wanted` being whether the owner wants updates.
    pub(crate) fn now(data: &Path, wanted: bool) -> Self {
        let here = Here::look();
        let standing = here.standing();
        Self::of(&here, &standing, wanted, Record::load(data))
    }

    /// Whether updates are looked for in this kind of installation.
    pub(crate) fn looks(&self) -> bool {
        matches!(self.standing, "takes" | "off")
    }

    /// What comes of the versions that are known.
    pub(crate) fn next(&self) -> Next<'_> {
        if !self.looks() {
            return Next::Nothing;
        }
        match (&self.newest, &self.ready) {
            (_, Some(ready)) if self.standing == "takes" => Next::Ready(ready),
            (Some(newest), _) if *newest > self.version => {
                // Fetched only where updates are wanted, and not where something is against it.
                let comes = self.standing == "takes" && self.why.is_none();
                let given_up =
                    self.tried.as_ref().is_some_and(|t| t.taken_back.is_some() && t.version == *newest);
                if comes && !given_up { Next::Offered(newest) } else { Next::Known(newest) }
            }
            (None, Some(ready)) => Next::Known(ready),
            (Some(_), _) => Next::Newest,
            (None, None) => Next::Nothing,
        }
    }

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

impl From<Shown> for UpdatesView {
    fn from(shown: Shown) -> Self {
        let (next, known) = match shown.next() {
            Next::Ready(_) => ("ready", None),
            Next::Offered(_) => ("offered", None),
            Next::Known(version) => ("known", Some(version.to_string())),
            Next::Newest => ("newest", None),
            Next::Nothing => ("", None),
        };
        let tried = |tried: Tried| UpdateTried {
            version: tried.version.to_string(),
            taken_back: tried.taken_back.map(|text| UpdateWhy { word: trial_word(&text).to_owned(), text }),
        };
        Self {
            next: next.to_owned(),
            version: shown.version.to_string(),
            standing: shown.standing.to_owned(),
            package: shown.package,
            looked_ms: shown.looked_ms,
            // One that lies ready and is not wanted is the newest that is known.
            newest: known.or(shown.newest.map(|version| version.to_string())),
            ready: shown.ready.map(|version| version.to_string()),
            why: shown.why.map(|why| UpdateWhy { word: why.word, text: why.text }),
            tried: shown.tried.map(tried),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown {
            version: Version::new(0, 1, 0),
            standing: "takes",
            package: None,
            looked_ms: Some(1_800_000_000_000),
            newest: Some(Version::new(0, 2, 0)),
            ready: None,
            why: None,
            tried: None,
        }
    }

    /// What comes next, and the newest version, as the screens are told.
    fn told(shown: Shown) -> (String, Option<String>) {
        let view = UpdatesView::from(shown);
        (view.next, view.newest)
    }

    #[test]
    fn screens_are_told_what_comes_next() {
        let newer = Some(Version::new(0, 2, 0));
        let why = Some(Why { word: "disk".to_owned(), text: "full".to_owned() });
        let back = Some(Tried { version: Version::new(0, 2, 0), taken_back: Some("x".to_owned()) });
        let older = Some(Tried { version: Version::new(0, 1, 1), taken_back: Some("x".to_owned()) });
        let known = ("known".to_owned(), Some("0.2.0".to_owned()));
        for (next, shown) in [
            ("offered", shown()),
            ("offered", Shown { tried: older, ..shown() }),
            ("known", Shown { tried: back, ..shown() }),
            ("known", Shown { why, ..shown() }),
            ("known", Shown { standing: "off", ..shown() }),
            ("ready", Shown { ready: newer.clone(), ..shown() }),
        ] {
            assert_eq!(told(shown.clone()), (next.to_owned(), Some("0.2.0".to_owned())), "{shown:?}");
        }
        // What lay ready when updates were switched off is all that is known of a newer one.
        assert_eq!(told(Shown { standing: "off", newest: None, ready: newer.clone(), ..shown() }), known);
        let same = Some(Version::new(0, 1, 0));
        assert_eq!(told(Shown { newest: same, ..shown() }), ("newest".to_owned(), Some("0.1.0".to_owned())));
        assert_eq!(told(Shown { newest: None, ..shown() }), (String::new(), None));
        for standing in ["package", "msi", "no_key", "unknown"] {
            let view = UpdatesView::from(Shown { standing, ready: newer.clone(), ..shown() });
            assert_eq!((view.next.as_str(), view.standing.as_str()), ("", standing));
        }
    }

    #[test]
    fn why_a_version_went_again_has_a_stable_word() {
        for (text, word) in [
            ("it ended with exit status: 3", "ended"),
            ("it cannot be started: no such file", "not_started"),
            ("it cannot be watched: no child processes", "not_watched"),
            ("it did not say within 120 s that it is well", "silent"),
            ("somebody wrote this", "other"),
        ] {
            let tried = Tried { version: Version::new(0, 2, 0), taken_back: Some(text.to_owned()) };
            let told = UpdatesView::from(Shown { tried: Some(tried), ..shown() }).tried.unwrap();
            let why = UpdateWhy { word: word.to_owned(), text: text.to_owned() };
            assert_eq!((told.version.as_str(), told.taken_back), ("0.2.0", Some(why)));
        }
    }

    #[test]
    fn scripts_find_the_same_names_as_before() {
        let said = serde_json::to_value(shown()).unwrap();
        let names: Vec<_> = said.as_object().unwrap().keys().map(String::as_str).collect();
        let mut known = ["version", "standing", "package", "looked_ms", "newest", "ready", "why", "tried"];
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
