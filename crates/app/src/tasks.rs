//! `hivemind-worker tasks …`: the list, one task with its report, and what is kept of a failed one.

use crate::cli::{Cli, TasksOptions};
use crate::client::show;
use crate::output;
use crate::words::words;
use anyhow::Context;
use hivemind_control::{DebugView, HistoryQuery, ReportView, TaskRef, TaskView};
use hivemind_local_api::SocketClient;
use serde_json::json;
use std::path::Path;

type Client = hivemind_control::Client<SocketClient>;

pub(crate) async fn run(cli: &Cli, worker: &Client, options: &TasksOptions) -> anyhow::Result<()> {
    let Some(id) = &options.id else {
        let query = HistoryQuery {
            state: options.state.clone(),
            search: options.search.clone(),
            offset: 0,
            limit: options.limit,
        };
        show(cli, &worker.tasks(query).await?, |page| list(&page.tasks));
        return Ok(());
    };
    let task = TaskRef { task_id: id.clone(), attempt: options.attempt };
    // `--debug` alone is the flag that every command has; beside a task it asks for what is kept of it.
    let wanted = options.debug_data.clone().or(cli.debug.then_some(None));
    match wanted {
        None => show(cli, &worker.task(task).await?, one),
        Some(None) => show(cli, &worker.debug_data(task).await?, kept),
        Some(Some(path)) => {
            let kept = worker.debug_data(task).await?;
            copy(&kept, &path)?;
            show(cli, &json!({ "folder": path.display().to_string(), "files": kept.files }), |_| {
                output::line(words().files_are_in(kept.files.len(), path.display()));
            });
        }
    }
    Ok(())
}

/// A table of tasks; nothing without any.
pub(crate) fn list(tasks: &[TaskView]) {
    if tasks.is_empty() {
        return;
    }
    let row = |t: &TaskView| {
        vec![
            t.task_id.clone(),
            t.attempt.to_string(),
            t.name.clone(),
            words().0.state(t.verdict.as_ref().unwrap_or(&t.phase)),
            t.exit_code.map(|c| c.to_string()).unwrap_or_default(),
            output::duration(t.active_ms),
            output::bytes(t.peak_memory_bytes),
            t.credited_cpt.unwrap_or(t.estimated_cpt).to_string(),
        ]
    };
    let rows: Vec<_> = tasks.iter().map(row).collect();
    output::table(&words().task_columns(), &rows);
}

fn one(task: &TaskView) {
    list(std::slice::from_ref(task));
    if let Some(message) = &task.message {
        output::line(words().0.said(message).text);
    }
    if task.function {
        output::line(words().function());
    }
    if let Some(r) = &task.report {
        report(r);
    }
}

fn report(r: &ReportView) {
    let words = words();
    output::line(words.outcome(r));
    output::line(words.times(r, &output::bytes(r.peak_memory_bytes)));
    let [package, outputs, disk, network] =
        [r.bytes_in, r.bytes_out, r.disk_bytes, r.network_bytes].map(output::bytes);
    output::line(words.moved(&package, &outputs, &disk, &network));
    output::line(words.phases(r.phases));
    if !r.image_digest.is_empty() {
        output::line(words.image(&r.image_digest));
    }
}

fn kept(view: &DebugView) {
    output::line(&view.folder);
    let rows: Vec<_> =
        view.files.iter().map(|file| vec![file.name.clone(), output::bytes(file.size_bytes)]).collect();
    output::table(&words().file_columns(), &rows);
}

/// Copies the named files into a new folder. A link in the place of one is refused.
fn copy(kept: &DebugView, into: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(into).with_context(|| words().unmakeable(into.display()))?;
    for file in &kept.files {
        let from = Path::new(&kept.folder).join(&file.name);
        let plain = Path::new(&file.name).components().count() == 1
            && from.symlink_metadata().is_ok_and(|found| found.is_file());
        anyhow::ensure!(plain, words().no_plain_file(from.display()));
        std::fs::copy(&from, into.join(&file.name)).with_context(|| format!("{}", from.display()))?;
    }
    Ok(())
}
