//! `--system`: a command to the worker that systemd runs for the whole computer.
//!
//! Its user exists only while it runs, nobody but root may enter its folder, and a client answers to nobody but the
//! worker's own user. So root lets systemd start the command as that user, in that folder.

use crate::cli::{Cli, Command as Order};
use crate::output;
use crate::words::words;
use hivemind_control::{ApiError, ErrorCode};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::process::{Command, ExitCode};

/// As in the unit `hivemind-worker.service`.
const USER: &str = "hivemind";
const STATE: &str = "hivemind-worker";
/// The folder itself; `/var/lib/hivemind-worker` is a link to it.
const FOLDER: &str = "/var/lib/private/hivemind-worker";
/// May speak to the engine, as the service may.
const GROUP: &str = "docker";

/// Carries a command out as the service; its exit code is the command's.
pub(crate) fn hand_over(cli: &Cli, arguments: &[OsString]) -> ExitCode {
    let failed = |code, text| output::failure(cli.json, &ApiError::new(code, text).into());
    if !cfg!(target_os = "linux") {
        return failed(ErrorCode::InvalidRequest, words().no_service_of_the_system());
    }
    if std::fs::metadata("/proc/self").is_ok_and(|own| !of_root(&own)) {
        return failed(ErrorCode::InvalidRequest, words().service_needs_root());
    }
    if names_a_file(cli) {
        return failed(ErrorCode::InvalidRequest, words().no_file_for_the_service());
    }
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(error) => return failed(ErrorCode::Internal, error.to_string()),
    };
    let mut command = Command::new("systemd-run");
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let terminal =
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    command.args(properties(&groups, terminal));
    for name in ["LANG", "LC_ALL", "LC_MESSAGES"] {
        if let Some(value) = std::env::var_os(name) {
            let mut pair = OsString::from(format!("--setenv={name}="));
            pair.push(value);
            command.arg(pair);
        }
    }
    command.arg("--").arg(own).args(without_the_flag(arguments).iter().map(|word| literal(word)));
    match command.status() {
        Ok(status) => {
            status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => failed(ErrorCode::InvalidRequest, words().no_systemd(&error)),
    }
}

#[cfg(unix)]
fn of_root(of: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(of) == 0
}

#[cfg(not(unix))]
fn of_root(_: &std::fs::Metadata) -> bool {
    false
}

/// Whether it would read or write a file that is named: the service sees its own folder and none of whoever calls, and
/// what it writes into its own temporary folder goes with it.
fn names_a_file(cli: &Cli) -> bool {
    let order = &cli.command;
    matches!(order, Order::Receipts(options) if options.file.as_os_str() != "-")
        || matches!(order, Order::VerifyLedger(options) if options.file.is_some())
        || matches!(order, Order::Support(options) if options.out.is_some())
        || matches!(order, Order::Tasks(options) if matches!(options.debug_data, Some(Some(_))))
        || cli.config.is_some()
        || cli.log_file.is_some()
}

/// systemd would put a variable in the place of `$NAME`; a doubled sign is a sign.
fn literal(word: &OsStr) -> OsString {
    word.to_str().map_or_else(|| word.to_owned(), |word| word.replace('$', "$$").into())
}

/// What `systemd-run` is told: the service's user and folder, and no capability.
fn properties(groups: &str, terminal: bool) -> Vec<String> {
    let mut told: Vec<String> =
        ["--quiet", "--wait", "--collect", "--service-type=exec"].map(str::to_owned).to_vec();
    // A password that is typed needs a terminal of its own.
    told.push(if terminal { "--pty" } else { "--pipe" }.to_owned());
    let mut property = |name: &str, value: &str| told.push(format!("--property={name}={value}"));
    property("User", USER);
    property("DynamicUser", "yes");
    property("StateDirectory", STATE);
    property("StateDirectoryMode", "0700");
    property("UMask", "0077");
    property("NoNewPrivileges", "yes");
    property("CapabilityBoundingSet", "");
    if groups.lines().any(|line| line.split(':').next() == Some(GROUP)) {
        property("SupplementaryGroups", GROUP);
    }
    told.push(format!("--setenv=HIVEMIND_DATA={FOLDER}"));
    told
}

/// The command line as it was typed, without the program and `--system` itself.
fn without_the_flag(arguments: &[OsString]) -> Vec<OsString> {
    let mut left: Vec<OsString> = arguments.iter().skip(1).cloned().collect();
    if let Some(at) = left.iter().position(|argument| argument == "--system") {
        left.remove(at);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn user_and_folder_are_the_units() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let unit =
            std::fs::read_to_string(root.join("installer/linux/hivemind-worker.system.service")).unwrap();
        let has = |line: &str| unit.lines().any(|there| there == line);
        for told in properties("docker:x:999:", false) {
            let Some(line) = told.strip_prefix("--property=") else { continue };
            assert!(has(line), "{line}");
        }
        assert!(has("Environment=HIVEMIND_DATA=%S/private/hivemind-worker"));
        assert_eq!(FOLDER, format!("/var/lib/private/{STATE}"));
    }

    #[test]
    fn a_group_that_is_not_there_is_not_asked_for() {
        let asked = |groups| properties(groups, true).iter().any(|told| told.contains("SupplementaryGroups"));
        assert!(asked("root:x:0:\ndocker:x:999:somebody\n"));
        assert!(!asked("root:x:0:\nnodocker:x:999:\n"));
        assert!(
            properties("", true).contains(&"--pty".to_owned())
                && properties("", false).contains(&"--pipe".to_owned())
        );
    }

    #[test]
    fn signs_reach_the_service_as_they_were_typed() {
        for (typed, told) in [("$HOME", "$$HOME"), ("a${b}$$", "a$${b}$$$$"), ("plain", "plain")] {
            assert_eq!(literal(OsStr::new(typed)), told);
        }
    }

    #[test]
    fn files_of_whoever_calls_are_refused() {
        use clap::Parser;
        let names = |words: &str| {
            let words = format!("hivemind-worker --system {words}");
            names_a_file(&Cli::try_parse_from(words.split(' ')).unwrap())
        };
        for with in [
            "receipts /tmp/r",
            "verify-ledger r",
            "support --out r",
            "tasks t-1 --debug-data d",
            "--config c status",
            "--log-file l status",
        ] {
            assert!(names(with), "{with}");
        }
        for without in
            ["receipts -", "verify-ledger", "support", "tasks t-1 --debug-data", "status", "login name"]
        {
            assert!(!names(without), "{without}");
        }
    }

    #[test]
    fn the_flag_goes_and_the_rest_stays() {
        let typed = ["hivemind-worker", "--json", "--system", "login", "--", "--system"].map(OsString::from);
        assert_eq!(without_the_flag(&typed), ["--json", "login", "--", "--system"].map(OsString::from));
    }
}
