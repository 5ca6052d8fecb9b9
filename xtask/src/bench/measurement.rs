//! How each goal is measured.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::goal::Goal;
use super::stand::Stand;
use super::{
    batch, crowd, cuts, cycle, function, give_back, idle, link, own_time, page_load, upload, volume, window,
};

/// What was measured for each limit of a goal, and how, in one sentence.
pub struct Measured {
    pub value: f64,
    pub note: String,
}

/// What a measurement needs.
pub struct Bench<'a> {
    /// The worker's program.
    pub worker: PathBuf,
    /// The engine, as `DOCKER_HOST` has it.
    pub engine: &'a str,
    /// The UI's folder.
    pub ui: PathBuf,
    pub seed: u64,
}

impl Bench<'_> {
    /// A fresh pool with its people.
    pub fn stand(&self) -> Result<Stand> {
        Stand::new(&self.worker, self.engine)
    }

    /// The engine's socket.
    pub fn socket(&self) -> Result<PathBuf> {
        let socket = self
            .engine
            .strip_prefix("unix://")
            .context("this measurement needs an engine on a Unix socket")?;
        Ok(PathBuf::from(socket))
    }
}

/// Measures one goal: one value per limit, in their order.
pub fn measure(bench: &Bench<'_>, goal: &Goal) -> Result<Vec<Measured>> {
    match goal.id {
        "P1" => idle::headless_memory(bench),
        "P2" => idle::idle_effort(bench),
        "P1N" => Ok(idle::live_network(bench)?.0),
        "P2N" => Ok(idle::live_network(bench)?.1),
        "P3" => idle::tray_memory(bench),
        "P4" => window::memory(bench),
        "P5" => window::opening(bench),
        "P7" => idle::start(bench),
        "P8" => cycle::overhead(bench),
        "P9" => own_time::own_time(bench),
        "P10" => own_time::exit_to_archive(bench),
        "P11" => batch::throughput(bench),
        "P13" => upload::overhead(bench),
        "P14" => volume::results(bench),
        "P15" => cuts::resent(bench),
        "P16" => volume::logs(bench),
        "P17" => page_load::reading(bench),
        "P18" => page_load::month(bench),
        "P21" => page_load::frames(bench),
        "P22" => page_load::size(bench),
        "P19" => link::comeback(bench),
        "P20" => link::crowd(bench),
        "L5" => link::throughput(bench),
        "L6" => link::slow_paths(bench),
        "M1" => function::million(bench),
        "P23" => crowd::heartbeats(bench),
        "P24" => give_back::give_back(bench),
        "N50" => batch::fifty(bench),
        "P12" => cycle::calls(bench),
        other => bail!("{other} is not measured yet"),
    }
}
