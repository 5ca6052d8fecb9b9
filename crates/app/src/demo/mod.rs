//! `hivemind-worker demo`: the whole way of a task, on a pool of its own, with answers that anyone can check.

use crate::cli::{Cli, DemoOptions};
use crate::process::{self, Mode, Running};
use crate::words::words;
use crate::{logging, output};
use anyhow::Context;
use hivemind_control::{LoginRequest, TaskRef, TaskView as WorkerView};
use hivemind_local_pool::{LocalPool, PoolConfig, TaskRequest, TaskState, TaskView, User};
use hivemind_store::{DataFolder, FileSettings};
use hivemind_worker_core::core::Suspects;
use hivemind_worker_core::port::SettingsStore;
use sample::{Sample, Wanted};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;

mod answer;
pub(crate) mod sample;

/// Longest wait for one sample.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest wait for the engine's first word.
const ENGINE_PATIENCE: Duration = Duration::from_secs(20);

/// What came of one sample.
#[derive(Debug, Serialize)]
struct Outcome {
    name: &'static str,
    task_id: String,
    attempt: u32,
    state: String,
    exit_code: Option<i64>,
    answer: Option<String>,
    result_sha256: Option<String>,
    wall_ms: i64,
    estimated_cpt: u64,
    credited_cpt: u64,
    /// What is not as it should be; left out when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// The closing line.
#[derive(Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
}

struct Stage {
    pool: LocalPool,
    worker: Running,
    requester: User,
    contributor: User,
}

pub(crate) async fn run(cli: &Cli, options: &DemoOptions) -> anyhow::Result<ExitCode> {
    let samples = sample::all(options)?;
    // A short run leaves no trace; one that stays uses the folder where status, window and CLI look for a worker.
    let temporary = tempfile::Builder::new().prefix("hivemind-demo-").tempdir()?;
    let folder = if options.keep_running {
        process::folder(cli)?
    } else {
        DataFolder::open(Some(&temporary.path().join("worker")))?
    };
    let pool_data =
        if options.keep_running { folder.data().join("pool") } else { temporary.path().join("pool") };
    let stage = set_up(cli, options, &folder, pool_data).await?;
    let before = balances(&stage).await?;
    let mut handed_in = Vec::new();
    for sample in &samples {
        let mut request = TaskRequest::named(sample.name);
        request.limits = sample.limits.clone();
        let id = stage.pool.submit(&stage.requester, request, sample.package.as_slice()).await?;
        handed_in.push((sample, id));
    }
    let mut outcomes = Vec::new();
    for (sample, id) in handed_in {
        let outcome = follow(&stage, sample, &id, temporary.path()).await?;
        show(cli, &outcome);
        outcomes.push(outcome);
    }
    let mut failed = outcomes.iter().filter(|o| o.problem.is_some()).count();
    let passed = outcomes.len() - failed;
    if let Some(problem) = check_books(&stage, before, &outcomes).await? {
        output::note(words().books(&problem));
        failed += 1;
    }
    if cli.json {
        output::json(&Counts { passed, failed });
    } else {
        output::line(words().counts(passed, failed));
    }
    if options.keep_running {
        stay(cli, &stage, options.open).await;
    }
    stage.worker.stop().await;
    stage.pool.shutdown().await;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A pool with two people, and a worker that is signed in to it.
async fn set_up(
    cli: &Cli,
    options: &DemoOptions,
    folder: &DataFolder,
    pool_data: std::path::PathBuf,
) -> anyhow::Result<Stage> {
    let mut config = PoolConfig::new(pool_data);
    // Short tasks should see charges while they run.
    config.status_interval = Duration::from_secs(2);
    if !options.keep_running {
        config.grpc_addr.set_port(0);
        config.http_addr.set_port(0);
    }
    let pool = LocalPool::start(config).await.with_context(|| words().no_demo_pool())?;
    let secret = hex::encode(rand::random::<[u8; 16]>());
    let suffix = hex::encode(rand::random::<[u8; 4]>());
    let requester = pool.create_user(&format!("requester-{suffix}"), &secret).await?;
    let contributor = pool.create_user(&format!("contributor-{suffix}"), &secret).await?;
    let settings = settings(cli, options, folder, &pool)?;
    logging::start(&settings.current(), None)?;
    let mode = Mode {
        tray: options.keep_running,
        open: false,
        keyring: false,
        data: cli.data.clone(),
        practice: None,
        began: tokio::time::Instant::now(),
        suspects: Suspects::default(),
    };
    let worker = Running::start(folder, settings, &mode, None).await?;
    wait_for_engine(&worker).await?;
    let request = LoginRequest { username: format!("contributor-{suffix}"), password: secret };
    worker.control.login(request).await?;
    worker.control.start(()).await?;
    Ok(Stage { pool, worker, requester, contributor })
}

fn settings(
    cli: &Cli,
    options: &DemoOptions,
    folder: &DataFolder,
    pool: &LocalPool,
) -> anyhow::Result<FileSettings> {
    let mut flags = cli.flags();
    flags.retain(|(key, _)| key != "master_url");
    flags.push(("master_url".into(), format!("http://{}", pool.http_addr())));
    flags.push(("resource_report_interval".into(), "2".into()));
    // It shows the ways of a task, and leaves nothing.
    flags.push(("keep_disk_free".into(), "1g".into()));
    if !options.keep_running {
        flags.push(("monitor_port".into(), "0".into()));
        flags.push(("max_cpu_cores".into(), "4".into()));
        flags.push(("max_memory_limit".into(), "4g".into()));
        if !cli.debug {
            flags.push(("log_level".into(), "warn".into()));
        }
    }
    let path = cli.config.clone().unwrap_or_else(|| folder.settings_file());
    Ok(FileSettings::load(&path, |name| std::env::var(name).ok(), &flags)?)
}

/// The first word of the engine decides whether it makes sense to go on.
pub(crate) async fn wait_for_engine(worker: &Running) -> anyhow::Result<()> {
    use futures_util::StreamExt;
    let mut events = worker.control.subscribe();
    let heard = async {
        while let Some(event) = events.next().await {
            if let hivemind_control::Event::Snapshot(snapshot) = event {
                match (snapshot.engine.ready, &snapshot.engine.problem) {
                    (Some(true), _) => return Ok(()),
                    (Some(false), Some(problem)) => return Err(problem.clone().into()),
                    (Some(false) | None, _) => {}
                }
            }
        }
        anyhow::bail!("the worker ended")
    };
    tokio::time::timeout(ENGINE_PATIENCE, heard).await.context("the container engine does not answer")?
}

async fn follow(
    stage: &Stage,
    sample: &Sample,
    id: &str,
    folder: &std::path::Path,
) -> anyhow::Result<Outcome> {
    if sample.wanted == Wanted::Cancelled {
        // It would go on for ever: it is cancelled once it has said something.
        let speaks =
            |task: &TaskView| task.phase.as_deref() == Some("running") || TaskState::is_final(task.state);
        stage.pool.wait_for(id, PATIENCE, speaks).await?;
        stage.pool.cancel(&stage.requester, id).await?;
    }
    let Some(task) = stage.pool.wait_for_end(id, PATIENCE).await? else {
        return Ok(Outcome {
            problem: Some(words().not_ended_within(PATIENCE.as_secs())),
            ..outcome(sample, &stage.pool.task(id).await?, None)
        });
    };
    let ours = settled(stage, id, task.attempt).await;
    let mut outcome = outcome(sample, &task, ours.as_ref());
    outcome.problem = judge(stage, sample, &task, ours.as_ref(), folder, &mut outcome.answer).await?;
    Ok(outcome)
}

/// The worker's own view once it knows that the pool has paid.
async fn settled(stage: &Stage, id: &str, attempt: u32) -> Option<WorkerView> {
    let task = TaskRef { task_id: id.to_owned(), attempt: Some(attempt) };
    let mut view = None;
    for _ in 0..100 {
        view = stage.worker.control.task(task.clone()).await.ok();
        if view.as_ref().is_some_and(|v| v.closed_at_ms.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    view
}

fn outcome(sample: &Sample, task: &TaskView, ours: Option<&WorkerView>) -> Outcome {
    Outcome {
        name: sample.name,
        task_id: task.task_id.clone(),
        attempt: task.attempt,
        state: task.state.word().to_owned(),
        exit_code: task.exit_code,
        answer: None,
        result_sha256: task.result.as_ref().map(|r| r.sha256.clone()),
        wall_ms: task.ended_ms.unwrap_or(task.created_ms) - task.created_ms,
        estimated_cpt: ours.map_or(0, |v| v.estimated_cpt),
        credited_cpt: task.credited_cpt,
        problem: None,
    }
}

async fn judge(
    stage: &Stage,
    sample: &Sample,
    task: &TaskView,
    ours: Option<&WorkerView>,
    folder: &std::path::Path,
    answer: &mut Option<String>,
) -> anyhow::Result<Option<String>> {
    let wrong = |text: String| Ok(Some(text));
    let state = (task.state, task.exit_code);
    let expected = match sample.wanted {
        Wanted::Answer(_) => state == (TaskState::Succeeded, Some(0)),
        Wanted::ExitCode(code) => state == (TaskState::Failed, Some(code)),
        Wanted::Cancelled => task.state == TaskState::Cancelled,
    };
    if !expected {
        return wrong(words().ended_otherwise(task.state.word(), task.exit_code, &task.message));
    }
    let Some(ours) = ours else { return wrong(words().worker_knows_nothing().into()) };
    if ours.credited_cpt != Some(task.credited_cpt) || !ours.settled {
        return wrong(words().receipt_differs(ours.credited_cpt, task.credited_cpt));
    }
    if ours.result_sha256 != task.result.as_ref().map(|r| r.sha256.clone()) {
        return wrong(words().receipt_names_another().into());
    }
    let Wanted::Answer(check) = &sample.wanted else { return Ok(None) };
    let path = folder.join(format!("{}.zip", task.task_id));
    let named = stage.pool.save_result(&task.task_id, &path).await?;
    let found = answer::sha256(&path)?;
    if found != named || Some(&found) != task.result.as_ref().map(|r| &r.sha256) {
        return wrong(words().another_hash(&found, &named));
    }
    match check(&path) {
        Ok(text) => {
            *answer = Some(text);
            Ok(None)
        }
        Err(error) => wrong(words().causes(&error)),
    }
}

/// Available CPT of requester and contributor.
async fn balances(stage: &Stage) -> anyhow::Result<(u64, u64)> {
    let of = |user| stage.pool.balance(user);
    let (requester, contributor) = (of(&stage.requester).await?, of(&stage.contributor).await?);
    Ok((requester.available + requester.held_for_tasks, contributor.available))
}

async fn check_books(
    stage: &Stage,
    before: (u64, u64),
    outcomes: &[Outcome],
) -> anyhow::Result<Option<String>> {
    let audit = stage.pool.audit().await?;
    if !audit.balances() {
        return Ok(Some(words().no_balance(&format!("{audit:?}"))));
    }
    let after = balances(stage).await?;
    let paid: u64 = outcomes.iter().map(|o| o.credited_cpt).sum();
    if before.0.checked_sub(after.0) != Some(paid) || after.1.checked_sub(before.1) != Some(paid) {
        return Ok(Some(words().paid_otherwise(paid, before, after)));
    }
    Ok(None)
}

fn show(cli: &Cli, outcome: &Outcome) {
    if cli.json {
        return output::json(outcome);
    }
    let words = words();
    let verdict = outcome.problem.as_deref().unwrap_or(words.as_it_should_be());
    output::line(format!(
        "{:<11} {} {:>6} · {} · {}{verdict}",
        outcome.name,
        output::padded(&words.0.state(&outcome.state), 10),
        output::duration(u64::try_from(outcome.wall_ms).unwrap_or(0)),
        words.paid(outcome.credited_cpt, outcome.estimated_cpt),
        outcome.answer.as_ref().map(|a| format!("{a} · ")).unwrap_or_default(),
    ));
}

async fn stay(cli: &Cli, stage: &Stage, open: bool) {
    let requester = format!("http://{}/", stage.pool.http_addr());
    if let Ok(code) = stage.worker.control.pair(()).await {
        if cli.json {
            output::json(&serde_json::json!({ "monitor": code.url, "requester": requester }));
        } else {
            output::line(words().monitor_once(&code.url));
            output::line(words().requester_page(&requester));
            output::line(words().press_to_end());
        }
    }
    if open && let Err(error) = stage.worker.control.open_window(()).await {
        output::note(words().no_window(&error));
    }
    process::asked_to_end().await;
}
