use super::source::{RUN_VALUE, RUN_WORDS, SERVICE, Source};
use super::tables::Wanted;
use super::*;
use crate::folders::Folders;

/// Both installers around stand-ins for the programs.
struct Bench {
    folders: Folders,
    description: Description,
    scratch: tempfile::TempDir,
}

/// One installer's files and their names.
struct Payload {
    scope: Scope,
    folder: PathBuf,
    names: Vec<String>,
}

impl Bench {
    /// None, with the word for it, where nothing can be packed.
    fn find(test: &str) -> Option<Self> {
        if !["wixl", "msiinfo", "msibuild"].into_iter().all(system::on_path) {
            println!("SKIPPED {test}: no wixl and msitools here");
            return None;
        }
        let folders = Folders::find().unwrap();
        let description = Description::read(&folders.root).unwrap();
        Some(Self { folders, description, scratch: tempfile::tempdir().unwrap() })
    }

    fn payload(&self, scope: Scope) -> Payload {
        let stand_in = self.scratch.path().join("program");
        fs::write(&stand_in, "MZ").unwrap();
        let folder = self.scratch.path().join(scope.ending());
        let find = |_: &str| Ok(stand_in.clone());
        tree::lay_out(&self.folders.root, &self.description, scope.package(), &folder, &find).unwrap();
        fs::copy(self.folders.root.join("icons/icon.ico"), folder.join(ICON)).unwrap();
        let names = self.description.of(scope.package()).map(|(_, place)| place.to_owned()).collect();
        Payload { scope, folder, names }
    }

    /// Packs and checks; `change` comes between.
    fn verdict(&self, payload: &Payload, change: impl Fn(String) -> String) -> Result<()> {
        let Payload { scope, folder, names } = payload;
        let (description, scope, signed) = (&self.description, *scope, true);
        let source = Source { description, scope, names, signed }.text();
        let msi = self.scratch.path().join("worker.msi");
        pack(&codes::with_product(&change(source), folder, names)?, folder, &msi, 1_700_000_000)?;
        Wanted { description, scope, names, signed }.check(&msi)
    }
}

#[test]
fn both_installers_tables_are_as_they_must_be() {
    let Some(bench) = Bench::find("both_installers_tables_are_as_they_must_be") else { return };
    for scope in [Scope::User, Scope::Machine] {
        let payload = bench.payload(scope);
        bench.verdict(&payload, |source| source).unwrap_or_else(|error| panic!("{scope:?}: {error:#}"));
    }
}

/// Every one of these would be installed without a word.
#[test]
fn an_installer_that_is_not_as_it_must_be_is_refused() {
    let Some(bench) = Bench::find("an_installer_that_is_not_as_it_must_be_is_refused") else { return };
    let both = [Scope::User, Scope::Machine];
    let (user, machine) = (&both[..1], &both[1..]);
    let wrong: &[(&[Scope], &str, &str)] = &[
        (&both, "Execute=\"deferred\" Impersonate=\"yes\"", "Execute=\"deferred\""),
        (&both, "Action=\"Farewell\" Sequence=\"1590\"", "Action=\"Farewell\" Sequence=\"3600\""),
        (&both, "Action=\"LoginGone\" Sequence=\"1595\"", "Action=\"LoginGone\" Sequence=\"3600\""),
        (&both, "AND NOT UPGRADINGPRODUCTCODE", ""),
        (&both, "uninstall --keep-data", "uninstall"),
        (&both, "<RemoveExistingProducts Sequence=\"1510\"/>", "<RemoveExistingProducts Sequence=\"1410\"/>"),
        (&both, "Guid=\"*\" Win64=\"yes\"", "Guid=\"*\""),
        (&both, " AND WINDOWSMAJOR AND", " AND"),
        (&both, "CurrentMajorVersionNumber", "CurrentVersion"),
        (&both, "Installed OR NOT OTHERFOLDER", "Installed"),
        (&both, "needs 64-bit Windows 10 or newer", "does not start"),
        (&both, "Arguments=\"desktop\"", "Arguments=\"run\""),
        (&both, "STARTATLOGIN = &quot;1&quot; AND ", ""),
        (&both, " run --tray", " run"),
        (&both, "Name=\"folder\" Type=\"string\" Value=\"[", "Name=\"folder\" Type=\"string\" Value=\"C:["),
        (
            &both,
            "<Property Id=\"ARPNOMODIFY\" Value=\"1\"/>",
            "<Property Id=\"ARPCOMMENTS\" Value=\"unsigned\"/>",
        ),
        (&both, "Name=\"LICENSE.txt\"", "Name=\"LICENSE\""),
        (user, "InstallScope=\"perUser\"", "InstallScope=\"perMachine\""),
        (user, "Installed OR NOT ALLUSERS", "Installed"),
        (user, "Root=\"HKCU\"", "Root=\"HKLM\""),
        (user, "Action=\"SameFolder\" Sequence=\"710\"", "Action=\"SameFolder\" Sequence=\"1110\""),
        (machine, "InstallScope=\"perMachine\"", "InstallScope=\"perUser\""),
        (machine, "Start=\"demand\"", "Start=\"auto\""),
        (machine, "Account=\"LocalSystem\"", "Account=\"LocalService\""),
        (machine, " Remove=\"uninstall\"", ""),
        (machine, "Stop=\"both\"", "Stop=\"uninstall\""),
        (machine, "Arguments=\"--service\"", "Arguments=\"--foreground\""),
        (machine, "Execute=\"deferred\" Impersonate=\"no\"", "Execute=\"deferred\" Impersonate=\"yes\""),
        (machine, "Action=\"ServiceStart\" Sequence=\"5960\"", "Action=\"ServiceStart\" Sequence=\"5700\""),
        (machine, "InstallFolder", "INSTALLDIR"),
        (machine, "ProgramFiles64Folder", "ProgramFilesFolder"),
        (machine, "NETWORKSERVICE = &quot;1&quot; OR ", ""),
    ];
    for payload in [bench.payload(Scope::User), bench.payload(Scope::Machine)] {
        let scope = payload.scope;
        for (_, from, to) in wrong.iter().filter(|(scopes, _, _)| scopes.contains(&scope)) {
            let verdict = bench.verdict(&payload, |source| {
                assert!(source.contains(from), "{scope:?}: `{from}` is not in the source");
                source.replace(from, to)
            });
            let error = verdict.expect_err(&format!("{scope:?}: `{to}` for `{from}`"));
            println!("{scope:?}, `{to}` for `{from}`: {error:#}");
        }
    }
}

#[test]
fn a_file_that_is_described_and_missing_is_noticed() {
    let Some(bench) = Bench::find("a_file_that_is_described_and_missing_is_noticed") else { return };
    let mut payload = bench.payload(Scope::User);
    payload.names.push("missing.exe".to_owned());
    assert!(bench.verdict(&payload, |source| source).is_err());
}

#[test]
fn what_other_programs_look_for_has_the_names_they_know() {
    let root = Folders::find().unwrap().root;
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let autostart = read("crates/app/src/autostart.rs");
    assert!(autostart.contains(&format!("VALUE: &str = \"{RUN_VALUE}\"")));
    assert!(autostart.contains(&format!("\\\"{{}}\\\" {RUN_WORDS}\"")));
    assert!(read("crates/netd-protocol/src/lib.rs").contains(&format!("SERVICE: &str = \"{SERVICE}\"")));
}

#[test]
fn the_next_version_is_newer_for_windows_installer() {
    assert_eq!(next("0.1.0").unwrap(), "0.1.1");
    assert_eq!(next("1.2.99").unwrap(), "1.2.100");
    for none in ["1", "1.0.0-rc1", "1.0.65535"] {
        assert!(next(none).is_err(), "{none}");
    }
}
