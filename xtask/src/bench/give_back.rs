//! P24: from a signal until every task's container is frozen, as the kernel says it.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::http::{Request, Server};
use super::measurement::{Bench, Measured};
use super::stand::package;
use super::statistics::percentile;
use crate::clock;
use crate::program::succeeds;

const EVENTS: usize = 200;
/// Small grants, so that eight fit: together they keep nearly all of two cores busy.
const WISHES: &[(&str, &str)] = &[("cpu_cores", "0.2"), ("memory_gb", "0.0625")];
/// Longest wait for a change that should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(1);

/// p95 with 1, 4 and 8 busy containers, in milliseconds.
pub fn give_back(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    [1, 4, 8].into_iter().map(|tasks| with(bench, tasks)).collect()
}

fn with(bench: &Bench<'_>, tasks: usize) -> Result<Measured> {
    let mut stand = bench.stand()?;
    stand.set(&format!("max_concurrent_tasks = {tasks}"))?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    let engine = Server::engine(&bench.socket()?);
    let busy = package("while :; do :; done\n")?;
    let ids: Vec<String> = (0..tasks).map(|_| stand.submit_with(&busy, WISHES)).collect::<Result<_>>()?;
    wait("the tasks to run", || {
        let mut running = 0;
        for id in &ids {
            running += usize::from(stand.view(id)?["phase"] == json!("running"));
        }
        Ok(running == tasks)
    })?;
    let states = running(&engine, &ids)?.iter().map(|id| freezer(&engine, id)).collect::<Result<Vec<_>>>()?;
    if states.len() != tasks {
        bail!("{} containers run, {tasks} were to", states.len());
    }
    let mut times = Vec::new();
    for _ in 0..EVENTS {
        std::thread::sleep(Duration::from_millis(30));
        let before = clock::now();
        // The signal: its own way to the worker, a process that is started for it, counts as well.
        let mut signal = stand.command();
        let mut signal =
            signal.args(["snooze", "resume"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        wait("every container to be frozen", || all(&states, true))?;
        times.push(clock::now().duration_since(before).as_secs_f64() * 1000.0);
        signal.wait()?;
        if !succeeds(stand.command().args(["snooze", "off"]).stdout(Stdio::null())) {
            bail!("the pause does not end");
        }
        wait("every container to go on", || all(&states, false))?;
    }
    let stopped = succeeds(stand.command().args(["stop"]).stdout(Stdio::null()));
    Ok(Measured {
        value: percentile(&times, 0.95),
        note: format!(
            "{EVENTS} events, {tasks} busy containers: from the start of the command that signals until the kernel \
             says that the last one is frozen; p50 {:.0} ms, longest {:.0} ms{}",
            percentile(&times, 0.5),
            percentile(&times, 1.0),
            if stopped { "" } else { "; the worker did not stop in order" }
        ),
    })
}

fn wait(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = clock::now();
    while !done()? {
        if clock::now().duration_since(start) > PATIENCE {
            bail!("waited in vain for {what}");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn all(states: &[Freezer], frozen: bool) -> Result<bool> {
    for state in states {
        if state.is_frozen()? != frozen {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where the kernel says whether a container is frozen.
enum Freezer {
    /// Control groups v1: `freezer.state`.
    State(PathBuf),
    /// Control groups v2: `cgroup.events`.
    Events(PathBuf),
}

impl Freezer {
    fn of(pid: u64) -> Result<Self> {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        let path = |controller: &str| {
            let mut parts = groups.lines().map(|line| line.splitn(3, ':').skip(1));
            parts.find_map(|mut parts| (parts.next()? == controller).then(|| parts.next())?)
        };
        if let Some(path) = path("freezer") {
            let path = path.trim_start_matches('/');
            return Ok(Self::State(PathBuf::from("/sys/fs/cgroup/freezer").join(path).join("freezer.state")));
        }
        let path = path("").context("no control group is told")?.trim_start_matches('/');
        Ok(Self::Events(PathBuf::from("/sys/fs/cgroup").join(path).join("cgroup.events")))
    }

    fn is_frozen(&self) -> Result<bool> {
        Ok(match self {
            Self::State(path) => fs::read_to_string(path)?.trim() == "FROZEN",
            Self::Events(path) => fs::read_to_string(path)?.lines().any(|line| line == "frozen 1"),
        })
    }
}

/// Ids of the containers that run these tasks; others may use the engine as well.
fn running(engine: &Server, tasks: &[String]) -> Result<Vec<String>> {
    let listed = engine.json(&Request::new("GET", "/containers/json"))?;
    let containers = listed.as_array().context("no list of containers")?.iter();
    let ours = containers.filter(|container| {
        let labels = container["Labels"].as_object();
        labels.is_some_and(|all| {
            all.values().any(|v| tasks.iter().any(|task| v.as_str() == Some(task.as_str())))
        })
    });
    Ok(ours.filter_map(|container| container["Id"].as_str()).map(str::to_owned).collect())
}

fn freezer(engine: &Server, id: &str) -> Result<Freezer> {
    let found = engine.json(&Request::new("GET", &format!("/containers/{id}/json")))?;
    Freezer::of(found["State"]["Pid"].as_u64().context("no process")?)
}
