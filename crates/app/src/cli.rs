//! The command line. Knows nothing but `clap`: `cargo xtask dist` reads this very file for manual pages and completions.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Lend your computer, earn CPT.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the worker does not run; 4 only you can help (sign in, start the
/// container engine, unlock the keyring).
#[derive(Debug, Parser)]
#[command(name = "hivemind-worker", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Folder for everything the worker keeps, instead of the system's places for this user.
    #[arg(long, global = true, value_name = "DIR", env = "HIVEMIND_DATA")]
    pub data: Option<PathBuf>,
    /// Speak to the worker that systemd runs for the whole computer (Linux, root).
    #[arg(long, global = true, conflicts_with = "data")]
    pub system: bool,
    /// Settings file, instead of the one in the data folder.
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Language of what this command prints; `auto` is the system's.
    #[arg(long, global = true, value_parser = ["en", "zh-tw", "auto"])]
    pub language: Option<String>,
    /// Log much more.
    #[arg(long, global = true)]
    pub debug: bool,
    /// Write the log into this file.
    #[arg(long, global = true, value_name = "PATH")]
    pub log_file: Option<String>,
    /// The pool's address.
    #[arg(long, global = true, value_name = "URL")]
    pub master_url: Option<String>,
    /// Tasks at once.
    #[arg(long, global = true, value_name = "N")]
    pub max_tasks: Option<String>,
    /// Keep GPUs out.
    #[arg(long, global = true)]
    pub cpu_only: bool,
    /// Make a new key and configuration for the private link before it starts.
    #[arg(long, global = true)]
    pub generate_vpn_config: bool,
}

impl Cli {
    /// Settings given as flags: key and value.
    #[must_use]
    pub fn flags(&self) -> Vec<(String, String)> {
        let mut flags = Vec::new();
        let mut add = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                flags.push((key.to_owned(), value.to_owned()));
            }
        };
        add("language", self.language.as_deref());
        add("log_level", self.debug.then_some("debug"));
        add("log_file", self.log_file.as_deref());
        add("master_url", self.master_url.as_deref());
        add("max_concurrent_tasks", self.max_tasks.as_deref());
        add("cpu_only", self.cpu_only.then_some("true"));
        flags
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Be the worker until told to end.
    Run(RunOptions),
    /// Open the window; become the worker first when none runs.
    Desktop,
    /// Show what the worker does and why.
    Status,
    /// Begin to contribute; also ends a pause, and takes work again after one for failures.
    #[command(visible_alias = "resume")]
    Start,
    /// Stop contributing at once; running tasks are handed back.
    Stop,
    /// Finish running tasks, take no new ones, then stop.
    Finish,
    /// Give way for a while: no new tasks, running ones are frozen.
    Snooze(SnoozeOptions),
    /// Work for a while although the rules say no.
    IgnoreRules(IgnoreRulesOptions),
    /// Show the preset of the rules, or take one over: quiet, balanced, max.
    Preset(PresetOptions),
    /// Show what it did and why.
    Timeline(TimelineOptions),
    /// Show what other rules would have made of the last days; nothing changes.
    WhatIf(WhatIfOptions),
    /// List tasks, newest first; with an id, show one with its report.
    Tasks(TasksOptions),
    /// Show a task's output.
    Logs(LogsOptions),
    /// Stop one task and hand it back.
    StopTask(StopTaskOptions),
    /// Show what was earned.
    Earnings(EarningsOptions),
    /// Look whether the ledger of receipts is as it was written. Needs no worker and no network.
    VerifyLedger(VerifyLedgerOptions),
    /// Write the receipts into one new file that `verify-ledger` understands on any computer. Needs no worker and no network.
    Receipts(ReceiptsOptions),
    /// Sign in to the pool. The password is read from standard input.
    Login(LoginOptions),
    /// Sign out and forget the tokens.
    Logout,
    /// Show or change settings.
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Show which hosts tasks ask for, or decide about one.
    #[command(subcommand)]
    Hosts(HostsCommand),
    /// Decide about images that tasks may run.
    #[command(subcommand)]
    Images(ImagesCommand),
    /// Show the computer's use.
    Metrics(MetricsOptions),
    /// Check everything the worker needs, with proof and fix. Exit code 1 when something does not work.
    Doctor(DoctorOptions),
    /// Show a text for whoever helps you, without names, addresses and keys: versions, settings, findings, the log.
    Support(SupportOptions),
    /// Try, in a container made as a task's, what no task may do on this computer.
    Prove,
    /// Make a new key for the private link, tell the pool, and start the link anew.
    RenewLink,
    /// Take another program's file for the private link without what is refused in it; a copy of the file stays.
    NarrowLink,
    /// Pair a browser and print the address to open.
    Open(OpenOptions),
    /// Show how this installation stands with updates, or look for one now.
    Update(UpdateOptions),
    /// End the worker; running tasks are handed back.
    Quit,
    /// Take back what the worker changed on this computer, and remove what it keeps; the programs stay.
    Uninstall(UninstallOptions),
    /// Run or use a local pool.
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Run the sample tasks on a pool of its own and check their answers.
    Demo(DemoOptions),
}

/// Whether it is in earnest.
#[derive(Debug, Args)]
pub struct DoctorOptions {
    /// Show what would be said with this fault, such as `engine-stopped` or `disk-full`, or with `all` of them one after
    /// the other; nothing is looked at or changed, and no worker has to run.
    #[arg(long, value_name = "FAULT")]
    pub simulate: Option<String>,
}

/// Whether to look.
#[derive(Debug, Args)]
pub struct UpdateOptions {
    /// What to do; shows what is known when absent.
    #[command(subcommand)]
    pub command: Option<UpdateCommand>,
}

/// Updates.
#[derive(Debug, Subcommand)]
pub enum UpdateCommand {
    /// Show what is known about updates.
    Status,
    /// Look for an update now. Exit code 1 when the look fails, or what is offered is refused.
    Check,
}

/// Which text, and where to.
#[derive(Debug, Args)]
pub struct SupportOptions {
    /// Only show it; as without any option.
    #[arg(long, conflicts_with = "out")]
    pub preview: bool,
    /// Write it into this new file, which only you can read.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// So many of the log's last lines, up to 1000.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub lines: u32,
}

/// How thoroughly.
#[derive(Debug, Args)]
pub struct UninstallOptions {
    /// Keep settings, history and sign-in; only end the worker and its start at login.
    #[arg(long)]
    pub keep_data: bool,
}

/// How to be the worker.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// Show the tray icon.
    #[arg(long)]
    pub tray: bool,
}

/// Which ledger.
#[derive(Debug, Args)]
pub struct VerifyLedgerOptions {
    /// This computer's, where no file is named.
    pub file: Option<PathBuf>,
}

/// Where to.
#[derive(Debug, Args)]
pub struct ReceiptsOptions {
    /// A file that is not there yet, which only you can read; `-` for standard output.
    pub file: PathBuf,
}

/// How long.
#[derive(Debug, Args)]
pub struct SnoozeOptions {
    /// Such as `15m`, `1h`, `08:00`; `resume` for until you resume, `off` to work again.
    pub length: String,
    /// Only GPUs: tasks without them go on.
    #[arg(long)]
    pub gpu: bool,
}

/// Rules to try.
#[derive(Debug, Args)]
pub struct WhatIfOptions {
    /// Changes such as `idle_minutes=10` or `run_on_battery=true`; none tries the rules as they are.
    pub changes: Vec<String>,
    /// How many days back, 1 to 30.
    #[arg(long, default_value_t = 7)]
    pub days: u32,
}

/// How long.
#[derive(Debug, Args)]
pub struct IgnoreRulesOptions {
    /// Minutes, at most a day; 0 follows the rules again.
    #[arg(default_value_t = 60)]
    pub minutes: u32,
}

/// Which preset.
#[derive(Debug, Args)]
pub struct PresetOptions {
    /// `quiet`, `balanced` or `max`; shows the present one when absent.
    pub name: Option<String>,
}

/// Which task, and why.
#[derive(Debug, Args)]
pub struct StopTaskOptions {
    /// The task.
    pub id: String,
    /// Why, for the requester: one line.
    #[arg(long)]
    pub reason: Option<String>,
}

/// How far back.
#[derive(Debug, Args)]
pub struct TimelineOptions {
    /// Hours back from now, 1 to 744.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=744))]
    pub hours: u32,
}

/// Which tasks.
#[derive(Debug, Args)]
pub struct TasksOptions {
    /// Show this task.
    pub id: Option<String>,
    /// The attempt; the newest when absent.
    #[arg(long, requires = "id")]
    pub attempt: Option<u32>,
    /// What is kept of a failed task for finding out why; with a path, copied into a new folder there.
    #[arg(long, value_name = "PATH", num_args = 0..=1, requires = "id")]
    pub debug_data: Option<Option<PathBuf>>,
    /// Only this state, such as `running`, `succeeded`, `failed`.
    #[arg(long)]
    pub state: Option<String>,
    /// Only tasks whose name or id holds this.
    #[arg(long)]
    pub search: Option<String>,
    /// At most this many, 1 to 500.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub limit: u32,
}

/// Which output.
#[derive(Debug, Args)]
pub struct LogsOptions {
    /// The task.
    pub id: String,
    /// The attempt; the newest when absent.
    #[arg(long)]
    pub attempt: Option<u32>,
    /// At most this many lines, 1 to 1000.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub lines: u32,
    /// Go on until the task ends.
    #[arg(long)]
    pub follow: bool,
}

/// One task.
#[derive(Debug, Args)]
pub struct TaskOption {
    /// The task.
    pub id: String,
}

/// How far back.
#[derive(Debug, Args)]
pub struct EarningsOptions {
    /// Days, 1 to 3650.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// What the ledger of the live network holds instead, task by task: who paid, how much, and what is not paid
    #[arg(long, conflicts_with = "days")]
    pub network: bool,
}

/// Who.
#[derive(Debug, Args)]
pub struct LoginOptions {
    /// Name at the pool.
    pub username: String,
}

/// How to watch.
#[derive(Debug, Args)]
pub struct MetricsOptions {
    /// Print every number in the OpenMetrics format, as the monitor's `/metrics` does.
    #[arg(long, conflicts_with = "watch")]
    pub openmetrics: bool,
    /// Go on, a reading as often as there is one.
    #[arg(long)]
    pub watch: bool,
}

/// Settings.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Show every setting with its source.
    Show,
    /// Change one setting in the settings file.
    Set {
        /// The setting.
        key: String,
        /// New value; absent means back to the built-in one.
        #[arg(allow_hyphen_values = true)]
        value: Option<String>,
    },
    /// Print the largest task of each trust level, as a file with explanations that can be changed.
    Policy,
}

/// Images that tasks want to run.
#[derive(Debug, Subcommand)]
pub enum ImagesCommand {
    /// Show the images that tasks wanted and that wait for an answer, and what is pulled now.
    Show,
    /// Let tasks run an image.
    Allow {
        /// The image's repository, such as `team/tool`.
        repository: String,
        /// Only the next task that wants it.
        #[arg(long)]
        once: bool,
    },
    /// Never let a task run an image.
    Never {
        /// The image's repository.
        repository: String,
    },
}

/// Hosts that tasks want to reach.
#[derive(Debug, Subcommand)]
pub enum HostsCommand {
    /// Show the open questions.
    Show,
    /// Let tasks reach a host, or one task only.
    Allow {
        /// Such as `pypi.org` or `*.example.org:8443`.
        host: String,
        /// For the next task that asks, and no other.
        #[arg(long)]
        once: bool,
    },
    /// Never let a task reach a host.
    Never {
        /// Such as `example.org`.
        host: String,
    },
}

/// A local pool.
#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// Be a pool until told to end.
    Serve(ServeOptions),
    /// Create an account.
    Register(RequesterOptions),
    /// Hand a task in; prints its id.
    Submit(SubmitOptions),
    /// Show a task's state.
    Status(PoolStatusOptions),
    /// Show a task's output.
    Logs(PoolTaskOptions),
    /// Download a task's result.
    Result(ResultOptions),
    /// Stop a task.
    Stop(PoolTaskOptions),
    /// Show the balance.
    Balance(RequesterOptions),
    /// List the pool's computers.
    Nodes(RequesterOptions),
}

/// How to be a pool.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// Where workers connect.
    #[arg(long, default_value = "127.0.0.1:50051", value_name = "ADDR")]
    pub grpc: std::net::SocketAddr,
    /// Where requesters connect.
    #[arg(long, default_value = "127.0.0.1:5000", value_name = "ADDR")]
    pub http: std::net::SocketAddr,
    /// Speak TLS with a certificate that the pool makes; its fingerprint is printed.
    #[arg(long)]
    pub https: bool,
    /// Take private links on this UDP address, such as 0.0.0.0:51820. Needs --https unless only this computer asks.
    #[arg(long, value_name = "ADDR")]
    pub vpn: Option<std::net::SocketAddr>,
    /// Let workers in through the private link only.
    #[arg(long, requires = "vpn")]
    pub vpn_required: bool,
    /// Where workers reach the private link from outside, when that is another address.
    #[arg(long, requires = "vpn", value_name = "HOST:PORT")]
    pub vpn_endpoint: Option<String>,
    /// Folder for everything the pool keeps.
    #[arg(long, value_name = "DIR")]
    pub pool_data: Option<PathBuf>,
}

/// Who asks, and where.
#[derive(Debug, Args)]
pub struct RequesterOptions {
    /// The pool's address.
    #[arg(long, default_value = "http://127.0.0.1:5000", env = "HIVEMIND_POOL_URL")]
    pub url: String,
    /// Name at the pool.
    #[arg(long, env = "HIVEMIND_POOL_USER")]
    pub user: String,
    /// Password; better given by the environment than on the command line.
    #[arg(long, env = "HIVEMIND_POOL_PASSWORD", hide_env_values = true)]
    pub password: String,
}

/// What to hand in.
#[derive(Debug, Args)]
pub struct SubmitOptions {
    /// Who and where.
    #[command(flatten)]
    pub who: RequesterOptions,
    /// The package, a zip.
    pub file: PathBuf,
    /// Name of the task; the file's name when absent.
    #[arg(long)]
    pub name: Option<String>,
    /// Cores.
    #[arg(long, default_value = "1")]
    pub cpu_cores: String,
    /// Memory in GB.
    #[arg(long, default_value = "1")]
    pub memory_gb: String,
    /// Seconds it may run.
    #[arg(long)]
    pub timeout_seconds: Option<u64>,
    /// So many sub-tasks, 1 to 1000; each finds its place in HIVEMIND_INDEX and HIVEMIND_COUNT.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub array: Option<u32>,
    /// Wait so many seconds for the end, up to 300, and print the state then.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=300))]
    pub wait: Option<u32>,
}

/// Which task's state.
#[derive(Debug, Args)]
pub struct PoolStatusOptions {
    /// Which task.
    #[command(flatten)]
    pub task: PoolTaskOptions,
    /// Wait so many seconds for the end, up to 300.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=300))]
    pub wait: Option<u32>,
}

/// Which task at the pool.
#[derive(Debug, Args)]
pub struct PoolTaskOptions {
    /// Who and where.
    #[command(flatten)]
    pub who: RequesterOptions,
    /// The task.
    pub id: String,
}

/// Which result.
#[derive(Debug, Args)]
pub struct ResultOptions {
    /// Which task.
    #[command(flatten)]
    pub task: PoolTaskOptions,
    /// Where to put it; `ID.zip` when absent.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// How to demonstrate.
#[derive(Debug, Args, Clone)]
pub struct DemoOptions {
    /// Count the primes below this number.
    #[arg(long, default_value_t = 10_000_000, value_name = "N")]
    pub primes_below: u64,
    /// Count the words of this text; the licence when absent.
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,
    /// Only these samples.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub only: Vec<String>,
    /// Stay, with pool, worker and requester page, until told to end.
    #[arg(long)]
    pub keep_running: bool,
    /// Open the window as well (with `--keep-running`).
    #[arg(long)]
    pub open: bool,
}

/// Who is to see the monitor page.
#[derive(Debug, Args)]
pub struct OpenOptions {
    /// For a browser that may look and not change anything.
    #[arg(long)]
    pub read_only: bool,
    /// For a phone or another computer of the local network, which has to be served (`monitor_on_lan`); it may only
    /// look. The address is shown as a QR code too.
    #[arg(long)]
    pub lan: bool,
    /// With every right but deciding who else may look in (with `--lan`).
    #[arg(long, requires = "lan", conflicts_with = "read_only")]
    pub full: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_seeds_flags_are_understood_anywhere() {
        let cli = Cli::try_parse_from([
            "hivemind-worker",
            "run",
            "--config",
            "c.toml",
            "--debug",
            "--log-file",
            "w.log",
            "--master-url",
            "https://pool.example",
            "--max-tasks",
            "5",
            "--cpu-only",
        ])
        .unwrap();
        let flags = cli.flags();
        for (key, value) in [
            ("log_level", "debug"),
            ("log_file", "w.log"),
            ("master_url", "https://pool.example"),
            ("max_concurrent_tasks", "5"),
            ("cpu_only", "true"),
        ] {
            assert!(flags.contains(&(key.into(), value.into())), "{key}");
        }
        assert_eq!(cli.config.as_deref(), Some(std::path::Path::new("c.toml")));
    }
}
