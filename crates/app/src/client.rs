//! Commands that ask the running worker.

use crate::cli::{
    Cli, Command, DoctorOptions, HostsCommand, ImagesCommand, LogsOptions, MetricsOptions, SettingsCommand,
};
use crate::{doctor, output, process, proof, tasks, timeline};
use anyhow::Context;
use futures_util::StreamExt;
use hivemind_control::{
    ApiError, DecisionReason, EarningsQuery, ErrorCode, Event, HostAnswer, HostDecision, IgnoreRulesRequest,
    ImageAnswer, ImageDecision, ImageQuestion, LogLine, LogQuery, LoginRequest, MetricsSample, PresetRequest,
    SettingChange, SettingView, Snapshot, SnoozeRequest, StatusState, StopTaskRequest, TaskRef,
    TimelineQuery,
};
use hivemind_local_api::SocketClient;
use hivemind_worker_core::port::SettingsStore;
use serde::Serialize;
use std::process::ExitCode;

type Client = hivemind_control::Client<SocketClient>;

pub(crate) async fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    if let Command::Settings(SettingsCommand::Policy) = &cli.command {
        return policy(cli, &folder);
    }
    if let Command::Doctor(DoctorOptions { simulate: Some(fault) }) = &cli.command {
        return doctor::simulate(cli, fault);
    }
    let socket = SocketClient::connect(process::socket_path(&folder)).await;
    if let Command::Settings(command) = &cli.command
        && matches!(&socket, Err(error) if error.code == ErrorCode::WorkerNotRunning)
    {
        return settings_without_worker(cli, command).await;
    }
    if matches!(cli.command, Command::Prove)
        && matches!(&socket, Err(error) if error.code == ErrorCode::WorkerNotRunning)
    {
        return proof::without_worker(cli, &folder).await;
    }
    let socket = socket?;
    let events = socket.clone();
    let worker = socket.typed();
    match &cli.command {
        Command::Status => show(cli, &worker.snapshot(()).await?, status),
        Command::Start => show(cli, &worker.start(()).await?, status),
        Command::Stop => show(cli, &worker.stop(()).await?, status),
        Command::Finish => show(cli, &worker.finish(()).await?, status),
        Command::Snooze(options) => {
            let request = SnoozeRequest { length: options.length.clone(), gpus_only: options.gpu };
            show(cli, &worker.snooze(request).await?, status);
        }
        Command::IgnoreRules(options) => {
            let request = IgnoreRulesRequest { minutes: options.minutes };
            show(cli, &worker.ignore_rules(request).await?, status);
        }
        Command::WhatIf(options) => {
            let request = timeline::what_if_request(options)?;
            show(cli, &worker.what_if(request).await?, timeline::what_if);
        }
        Command::Preset(options) => {
            if let Some(name) = &options.name {
                worker.set_preset(PresetRequest { name: name.clone() }).await?;
            }
            show(cli, &worker.snapshot(()).await?.preset, timeline::preset);
        }
        Command::Timeline(options) => {
            let now = worker.timeline(TimelineQuery::default()).await?.to_ms;
            let from = now.saturating_sub(i64::from(options.hours) * 3_600_000);
            let query = TimelineQuery { from_ms: Some(from), to_ms: Some(now) };
            show(cli, &worker.timeline(query).await?, timeline::show);
        }
        Command::Logout => show(cli, &worker.logout(()).await?, status),
        Command::Tasks(options) => tasks::run(cli, &worker, options).await?,
        Command::Logs(options) => logs(cli, &worker, &events, options).await?,
        Command::StopTask(option) => {
            let (task_id, reason) = (option.id.clone(), option.reason.clone());
            let task = StopTaskRequest { task_id, attempt: None, reason };
            show(cli, &worker.stop_task(task).await?, |task| tasks::list(std::slice::from_ref(task)));
        }
        Command::Hosts(command) => {
            let answer = |host: &String, decision| HostAnswer { host: host.clone(), decision };
            let snapshot = match command {
                HostsCommand::Show => worker.snapshot(()).await?,
                HostsCommand::Allow { host, once: true } => {
                    worker.answer_host(answer(host, HostDecision::Once)).await?
                }
                HostsCommand::Allow { host, once: false } => {
                    worker.answer_host(answer(host, HostDecision::Always)).await?
                }
                HostsCommand::Never { host } => worker.answer_host(answer(host, HostDecision::Never)).await?,
            };
            show(cli, &snapshot.host_questions, |questions| {
                for question in questions {
                    output::line(format!("{}  asked by {}", question.host, question.task_name));
                }
                if questions.is_empty() {
                    output::line("No task waits for a decision about a host.");
                }
            });
        }
        Command::Earnings(options) => {
            show(cli, &worker.earnings(EarningsQuery { days: options.days }).await?, earnings);
        }
        Command::Login(options) => {
            let password = read_password()?;
            let request = LoginRequest { username: options.username.clone(), password };
            show(cli, &worker.login(request).await?, |account| {
                output::line(format!("Signed in as {}.", account.username));
                if account.tokens_in_file {
                    output::note(
                        "warning: there is no keyring; the sign-in lies in a file that only you can read",
                    );
                }
            });
        }
        Command::Settings(SettingsCommand::Show) => show(cli, &worker.settings(()).await?, |s| settings(s)),
        Command::Settings(SettingsCommand::Set { key, value }) => {
            let change = SettingChange { key: key.clone(), value: value.clone() };
            show(cli, &worker.set_setting(change).await?, |views| changed(views, key));
        }
        // Answered above, with or without a worker.
        Command::Settings(SettingsCommand::Policy) => {}
        Command::Images(ImagesCommand::Show) => show(cli, &worker.snapshot(()).await?, images),
        Command::Images(ImagesCommand::Allow { repository, once }) => {
            let answer = if *once { ImageAnswer::Once } else { ImageAnswer::Always };
            let decision = ImageDecision { repository: repository.clone(), answer };
            show(cli, &worker.answer_image(decision).await?, |views| changed(views, "allowed_images"));
        }
        Command::Images(ImagesCommand::Never { repository }) => {
            let decision = ImageDecision { repository: repository.clone(), answer: ImageAnswer::Never };
            show(cli, &worker.answer_image(decision).await?, |views| changed(views, "denied_images"));
        }
        Command::Metrics(options) => metrics(cli, &worker, &events, options).await?,
        Command::Prove => return Ok(proof::show(cli, &worker.prove(()).await?)),
        Command::RenewLink => show(cli, &worker.renew_link(()).await?, |link| {
            output::line(format!("The private link has a new key: {} to {}.", link.address, link.endpoint));
        }),
        Command::Doctor(_) => return Ok(doctor::show(cli, &worker.doctor(()).await?)),
        Command::Open => show(cli, &worker.pair(()).await?, |code| {
            output::line(&code.url);
            output::note(format!("This address works once, within {} s.", code.expires_in_seconds));
            if crate::desktop::has_display()
                && let Err(error) = open::that_detached(&code.url)
            {
                output::note(format!("no browser could be opened: {error}"));
            }
        }),
        Command::Quit => worker.quit(()).await?,
        Command::Run(_)
        | Command::VerifyLedger(_)
        | Command::Desktop
        | Command::Demo(_)
        | Command::Pool(_)
        | Command::Support(_)
        | Command::Uninstall(_) => {
            anyhow::bail!("this command does not ask the worker")
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn show<T: Serialize>(cli: &Cli, value: &T, text: impl FnOnce(&T)) {
    if cli.json { output::json(value) } else { text(value) }
}

/// Why it is paused, as the end of a sentence. What is told by a problem's own sentence has none here.
fn because(reason: DecisionReason) -> &'static str {
    match reason {
        DecisionReason::Suspending => "the computer goes to sleep",
        DecisionReason::Updating => "the worker is being updated",
        DecisionReason::CriticallyHot => "the computer is critically hot",
        DecisionReason::DiskLow => "the disk has too little free room",
        DecisionReason::OnBattery => "it runs on battery",
        DecisionReason::TooHot => "the computer is too hot",
        DecisionReason::ExclusiveApp => "a program wants the computer for itself",
        DecisionReason::FullScreen => "something has the full screen",
        DecisionReason::InUse => "you're using the computer",
        DecisionReason::OthersBusy => "other programs keep the computer busy",
        DecisionReason::Schedule => "it is outside the hours you chose",
        DecisionReason::Metered => "the network is metered",
        DecisionReason::NetworkHours => "it is outside the hours you chose for the network",
        DecisionReason::NetworkQuota => "the traffic you allowed is used up",
        DecisionReason::TasksFailing => "tasks failed on this computer",
        DecisionReason::Snoozed => "you asked for a pause",
        DecisionReason::Off
        | DecisionReason::Finishing
        | DecisionReason::ShuttingDown
        | DecisionReason::JournalFailed
        | DecisionReason::EngineUnavailable
        | DecisionReason::IsolationTooLow
        | DecisionReason::SandboxBroken
        | DecisionReason::SignInRequired
        | DecisionReason::PoolRefused
        | DecisionReason::PoolUnreachable
        | DecisionReason::Connecting
        | DecisionReason::Forced
        | DecisionReason::Free => "it takes no work now",
    }
}

fn status(snapshot: &Snapshot) {
    let s = &snapshot.status;
    let sentence = match s.state {
        StatusState::Earning => format!("Earning · {} running", s.running_tasks),
        StatusState::Ready => "Ready · waiting for a task".into(),
        StatusState::Yielding => format!("Paused — {}", because(snapshot.decision.reason)),
        StatusState::Snoozed => match &snapshot.decision.until {
            Some(until) => format!("Snoozed until {until}"),
            None => "Snoozed until you resume".into(),
        },
        StatusState::Off => "Off".into(),
        StatusState::Connecting => "Connecting".into(),
        StatusState::NeedsYou => "Needs you".into(),
    };
    output::line(sentence);
    if s.draining {
        output::line("Finishes what runs, then stops.");
    }
    if s.state == StatusState::Yielding
        && let Some(until) = &snapshot.decision.until
    {
        output::line(format!("Goes on at {until}."));
    }
    if snapshot.decision.gpus_snoozed {
        let until = snapshot.decision.gpus_until.as_deref();
        output::line(
            until.map_or("GPUs: snoozed until you resume".into(), |u| format!("GPUs: snoozed until {u}")),
        );
    }
    if s.state == StatusState::Snoozed {
        output::line("`hivemind-worker snooze off` ends the pause.");
    }
    if matches!(s.state, StatusState::Yielding | StatusState::Snoozed) && s.running_tasks > 0 {
        let frozen = snapshot.tasks.iter().filter(|task| task.frozen).count();
        let on = usize::try_from(s.running_tasks).unwrap_or(usize::MAX).saturating_sub(frozen);
        output::line(match (frozen, on) {
            (0, on) => format!("Takes no new tasks; {on} running go on."),
            (frozen, 0) => format!("Takes no new tasks; {frozen} frozen, handed back after 15 minutes."),
            (frozen, on) => format!("Takes no new tasks; {frozen} frozen, {on} running go on."),
        });
    }
    if let Some(problem) = &s.problem {
        output::line(format!("{} [{}]", problem.message, problem.code.word()));
    }
    let today = &snapshot.today;
    output::line(format!(
        "Today: {} CPT estimated, {} credited, {} settled, {} tasks",
        today.estimated_cpt, today.credited_cpt, today.settled_cpt, today.tasks
    ));
    let traffic = &snapshot.traffic;
    if traffic.day_quota_bytes.or(traffic.month_quota_bytes).is_some() {
        let of = |moved, quota: Option<u64>| {
            let quota = quota.map(|most| format!(" of {}", output::bytes(most))).unwrap_or_default();
            format!("{}{quota}", output::bytes(moved))
        };
        output::line(format!(
            "Traffic: {} today, {} this month",
            of(traffic.day_bytes, traffic.day_quota_bytes),
            of(traffic.month_bytes, traffic.month_quota_bytes)
        ));
    }
    if let Some(account) = &snapshot.account {
        let balance = account.balance_cpt.map(|b| format!(" · balance {b} CPT")).unwrap_or_default();
        output::line(format!("Signed in as {}{balance}", account.username));
    }
    let pool = &snapshot.pool;
    let trust = pool.trust.as_ref().map(|trust| format!(" · trust {trust}")).unwrap_or_default();
    output::line(format!("Pool: {} {} · {}{trust}", pool.url, pool.link, network(&pool.dialect)));
    if let Some(fast) = &snapshot.host.benchmark {
        let giga = |millions: u64| millions as f64 / 1000.0;
        let read = fast.disk_read_mb_per_s.map(|read| format!(", reads {read} MB/s")).unwrap_or_default();
        output::line(format!(
            "Measured: {:.1} Gflop/s on one core, {:.1} on all · memory {:.1} GB/s · disk writes {} MB/s{read}",
            giga(fast.cpu_one_mflops),
            giga(fast.cpu_all_mflops),
            giga(fast.memory_mb_per_s),
            fast.disk_write_mb_per_s,
        ));
    }
    tasks::list(&snapshot.tasks);
}

/// Which network it is, and how work comes from there.
fn network(dialect: &str) -> &'static str {
    match dialect {
        "nodepool" => "the live HiveMind network, work is pulled: nobody needs to reach this computer",
        _ => "a pool of hivemind.v1, asked for work from here: nobody needs to reach this computer",
    }
}

fn earnings(view: &hivemind_control::EarningsView) {
    let row = |day: &hivemind_control::EarningsDay| {
        let s = &day.sum;
        vec![
            day.day.clone(),
            s.tasks.to_string(),
            s.estimated_cpt.to_string(),
            s.credited_cpt.to_string(),
            s.settled_cpt.to_string(),
        ]
    };
    let mut rows: Vec<_> = view.days.iter().map(row).collect();
    let s = &view.sum;
    rows.push(vec![
        "all".into(),
        s.tasks.to_string(),
        s.estimated_cpt.to_string(),
        s.credited_cpt.to_string(),
        s.settled_cpt.to_string(),
    ]);
    output::table(&["DAY", "TASKS", "ESTIMATED CPT", "CREDITED CPT", "SETTLED CPT"], &rows);
}

fn settings(views: &[SettingView]) {
    let row = |v: &SettingView| {
        vec![v.key.clone(), v.value.clone(), v.source.clone(), v.default.clone(), v.allowed.clone()]
    };
    let rows: Vec<_> = views.iter().map(row).collect();
    output::table(&["KEY", "VALUE", "SOURCE", "DEFAULT", "ALLOWED"], &rows);
}

fn changed(views: &[SettingView], key: &str) {
    if let Some(view) = views.iter().find(|v| v.key == key.replace('-', "_")) {
        output::line(format!("{} = {} ({})", view.key, view.value, view.source));
        if view.restart {
            output::note("This takes effect when the worker starts anew.");
        }
    }
}

fn images(snapshot: &Snapshot) {
    for pull in &snapshot.pulls {
        let (done, total) = (output::bytes(pull.done_bytes), output::bytes(pull.total_bytes));
        output::line(format!("getting {}: {done} of {total}", pull.image));
    }
    if snapshot.image_questions.is_empty() {
        output::line("No image waits for an answer.");
        return;
    }
    let row = |q: &ImageQuestion| vec![q.repository.clone(), q.image.clone(), q.declined.to_string()];
    let rows: Vec<_> = snapshot.image_questions.iter().map(row).collect();
    output::table(&["REPOSITORY", "WANTED", "DECLINED"], &rows);
}

/// Prints the policy in force: the owner's file as it is, else the built-in text.
fn policy(cli: &Cli, folder: &hivemind_store::DataFolder) -> anyhow::Result<ExitCode> {
    let store = process::settings(cli, folder)?;
    let path = hivemind_store::policy_file(store.path());
    let own = std::fs::read_to_string(&path).ok();
    let text = own.clone().unwrap_or_else(|| hivemind_store::BUILT_IN_POLICY.to_owned());
    let shown = serde_json::json!({
        "path": path.display().to_string(), "own": own.is_some(), "text": text,
    });
    show(cli, &shown, |_| {
        output::note(match own {
            Some(_) => format!("from {}", path.display()),
            None => format!("built in; {} takes its place", path.display()),
        });
        output::line(text.trim_end());
    });
    Ok(ExitCode::SUCCESS)
}

/// Settings can be looked at and changed while no worker runs.
async fn settings_without_worker(cli: &Cli, command: &SettingsCommand) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    let store = process::settings(cli, &folder)?;
    let current = match command {
        SettingsCommand::Show | SettingsCommand::Policy => store.current(),
        SettingsCommand::Set { key, value } => {
            let changed = store.set(key, value.as_deref()).await;
            changed.map_err(|error| ApiError::new(ErrorCode::InvalidSetting, error.to_string()))?.into()
        }
    };
    let views = hivemind_worker_core::setting_views(&current);
    show(cli, &views, |views| match command {
        SettingsCommand::Show | SettingsCommand::Policy => settings(views),
        SettingsCommand::Set { key, .. } => changed(views, key),
    });
    Ok(ExitCode::SUCCESS)
}

fn read_password() -> anyhow::Result<String> {
    use std::io::{BufRead, IsTerminal};
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").context("the password cannot be read");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the password cannot be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn log_line(cli: &Cli, line: &LogLine) {
    if cli.json { output::json(line) } else { output::line(&line.text) }
}

async fn logs(
    cli: &Cli,
    worker: &Client,
    socket: &SocketClient,
    options: &LogsOptions,
) -> anyhow::Result<()> {
    let task = TaskRef { task_id: options.id.clone(), attempt: options.attempt };
    let mut events = if options.follow { Some(socket.events().await?) } else { None };
    let page = worker.logs(LogQuery { task: task.clone(), from: None, limit: options.lines }).await?;
    for line in &page.lines {
        log_line(cli, line);
    }
    let mut next = page.total;
    let Some(events) = &mut events else { return Ok(()) };
    while let Some(event) = events.next().await {
        match event {
            Event::Log { task: told, lines } if told.task_id == options.id => {
                for line in lines {
                    if line.number >= next {
                        log_line(cli, &line);
                        next = line.number + 1;
                    }
                }
            }
            Event::Snapshot(snapshot) => {
                let running = snapshot.tasks.iter().any(|t| t.task_id == options.id && t.verdict.is_none());
                if !running {
                    break;
                }
            }
            Event::Log { .. } | Event::Metrics(_) | Event::RaiseWindow | Event::ReportProblem => {}
        }
    }
    // Lines that came between the last event and the end.
    let rest = worker.logs(LogQuery { task, from: Some(next), limit: 1000 }).await?;
    for line in &rest.lines {
        log_line(cli, line);
    }
    Ok(())
}

fn sample(cli: &Cli, m: &MetricsSample) {
    if cli.json {
        return output::json(m);
    }
    let load = m.load.map(|l| format!(" · load {:.2}", l[0])).unwrap_or_default();
    output::line(format!(
        "CPU {:.0} % (tasks {:.0} %) · memory {} of {} · disk {} of {} · network {}/s in, {}/s out{load}",
        m.cpu_percent,
        m.tasks_cpu_percent,
        output::bytes(m.memory_used_bytes),
        output::bytes(m.memory_total_bytes),
        output::bytes(m.disk_used_bytes),
        output::bytes(m.disk_total_bytes),
        output::bytes(m.received_bytes_per_s),
        output::bytes(m.sent_bytes_per_s),
    ));
    for gpu in &m.gpus {
        let percent = gpu.percent.map(|p| format!("{p:.0} %")).unwrap_or_else(|| "not told".into());
        output::line(format!("{}: {percent}", gpu.name));
    }
}

async fn metrics(
    cli: &Cli,
    worker: &Client,
    socket: &SocketClient,
    options: &MetricsOptions,
) -> anyhow::Result<()> {
    if options.openmetrics {
        let (snapshot, view) = (worker.snapshot(()).await?, worker.metrics(()).await?);
        let text = hivemind_local_api::openmetrics(&snapshot, &view);
        show(cli, &serde_json::json!({ "openmetrics": text }), |_| output::line(text.trim_end()));
        return Ok(());
    }
    if !options.watch {
        if let Some(latest) = worker.metrics(()).await?.samples.last() {
            sample(cli, latest);
        }
        return Ok(());
    }
    let mut events = socket.events().await?;
    while let Some(event) = events.next().await {
        if let Event::Metrics(m) = event {
            sample(cli, &m);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_tells_every_reason_in_the_words_of_the_page() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/messages/en.json");
        let words: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for reason in hivemind_domain::rules::Reason::ALL.map(DecisionReason::from) {
            let told = because(reason);
            if told == "it takes no work now" {
                continue;
            }
            let name = serde_json::to_value(reason).unwrap();
            let page = words[format!("because_{}", name.as_str().unwrap())].as_str();
            assert_eq!(page, Some(told), "{name}");
        }
    }
}
