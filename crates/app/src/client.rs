//! Commands that ask the running worker.

use crate::cli::{
    Cli, Command, DoctorOptions, HostsCommand, ImagesCommand, LogsOptions, MetricsOptions, SettingsCommand,
};
use crate::status::status;
use crate::words::words;
use crate::{doctor, earned, invite, output, process, proof, tasks, timeline};
use anyhow::Context;
use futures_util::StreamExt;
use hivemind_control::{
    ApiError, EarningsQuery, ErrorCode, Event, HostAnswer, HostDecision, IgnoreRulesRequest, ImageAnswer,
    ImageDecision, ImageQuestion, InviteRequest, LogLine, LogQuery, LoginRequest, MetricsSample,
    PresetRequest, SettingChange, SettingView, Snapshot, SnoozeRequest, StopTaskRequest, TaskRef,
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
                    output::line(words().host_question(&question.host, &question.task_name));
                }
                if questions.is_empty() {
                    output::line(words().no_host_question());
                }
            });
        }
        Command::Earnings(options) if options.network => {
            show(cli, &worker.network_ledger(()).await?, earned::network);
        }
        Command::Earnings(options) => {
            show(cli, &worker.earnings(EarningsQuery { days: options.days }).await?, earned::by_day);
        }
        Command::Login(options) => {
            let password = read_password()?;
            let request = LoginRequest { username: options.username.clone(), password };
            show(cli, &worker.login(request).await?, |account| {
                output::line(words().signed_in(&account.username));
                if account.tokens_in_file {
                    output::note(words().tokens_in_file());
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
        Command::RenewLink => {
            show(cli, &worker.renew_link(()).await?, |link| output::line(words().link_renewed(link)));
        }
        Command::NarrowLink => {
            show(cli, &worker.narrow_link(()).await?, |link| output::line(words().link_narrowed(link)));
        }
        Command::Doctor(_) => return Ok(doctor::show(cli, &worker.doctor(()).await?)),
        Command::Open(options) => {
            let code = if options.lan || options.read_only {
                let request = InviteRequest { lan: options.lan, full: options.full };
                worker.invite(request).await?
            } else {
                worker.pair(()).await?
            };
            show(cli, &code, |code| invite::show(code, options));
        }
        Command::Quit => worker.quit(()).await?,
        Command::Run(_)
        | Command::VerifyLedger(_)
        | Command::Receipts(_)
        | Command::Desktop
        | Command::Demo(_)
        | Command::Pool(_)
        | Command::Support(_)
        | Command::Update(_)
        | Command::Uninstall(_) => {
            anyhow::bail!("this command does not ask the worker")
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn show<T: Serialize>(cli: &Cli, value: &T, text: impl FnOnce(&T)) {
    if cli.json { output::json(value) } else { text(value) }
}

fn settings(views: &[SettingView]) {
    let rows: Vec<_> = views.iter().map(|view| words().setting_row(view)).collect();
    output::table(&words().setting_columns(), &rows);
}

fn changed(views: &[SettingView], key: &str) {
    if let Some(view) = views.iter().find(|v| v.key == key.replace('-', "_")) {
        output::line(words().setting(view));
        if view.restart {
            output::note(words().at_the_next_start());
        }
    }
}

fn images(snapshot: &Snapshot) {
    for pull in &snapshot.pulls {
        let (done, total) = (output::bytes(pull.done_bytes), output::bytes(pull.total_bytes));
        output::line(words().getting_image(&pull.image, &done, &total));
    }
    if snapshot.image_questions.is_empty() {
        output::line(words().no_image_question());
        return;
    }
    let row = |q: &ImageQuestion| vec![q.repository.clone(), q.image.clone(), q.declined.to_string()];
    let rows: Vec<_> = snapshot.image_questions.iter().map(row).collect();
    output::table(&words().image_columns(), &rows);
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
        output::note(words().policy_from(path.display(), own.is_some()));
        output::lines(text.trim_end());
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
        return rpassword::prompt_password(words().password_prompt())
            .with_context(|| words().password_unreadable());
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).with_context(|| words().password_unreadable())?;
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
            Event::Log { .. }
            | Event::Metrics(_)
            | Event::RaiseWindow
            | Event::ReportProblem
            | Event::Quitting => {}
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
    output::line(words().reading(m));
    for gpu in &m.gpus {
        output::line(words().gpu(&gpu.name, gpu.percent));
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
        show(cli, &serde_json::json!({ "openmetrics": text }), |_| output::lines(text.trim_end()));
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
