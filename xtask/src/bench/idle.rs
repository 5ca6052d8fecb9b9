//! P1, P2, P3 and P7: what the worker costs while it does nothing, and how soon it is there.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::footprint::{effort, memory, name, tree};
use super::measurement::{Bench, Measured};
use super::stand::{OWNER, Owned, PASSWORD, Stand};
use super::statistics::{median, percentile};
use crate::clock;
use crate::program::{program, run, succeeds};
use crate::system::{is_root, on_path};

/// Until buffers of the start are given back and the first reports are sent.
const SETTLE: Duration = Duration::from_secs(15);
const WINDOW: Duration = Duration::from_secs(60);
const OPENINGS: u32 = 50;
/// How long a window stays: its page is drawn and has its first data.
const LOOK: Duration = Duration::from_millis(1500);
/// Each waits until the pool has given the last one up, which takes its 10 s of silence.
const STARTS: u32 = 12;

/// P1: memory of a headless worker.
pub fn headless_memory(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    std::thread::sleep(SETTLE);
    let samples = sampled(&stand)?;
    Ok(vec![Measured {
        value: median(&samples),
        note: format!("median of {} readings after {} s, process tree", samples.len(), SETTLE.as_secs()),
    }])
}

/// P2: processor time and wakeups of a headless worker.
pub fn idle_effort(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    std::thread::sleep(SETTLE);
    effort_of(&stand)
}

fn effort_of(stand: &Stand) -> Result<Vec<Measured>> {
    let pid = stand.worker()?;
    let (before, start) = (effort(pid)?, clock::now());
    std::thread::sleep(WINDOW);
    let (after, seconds) = (effort(pid)?, clock::now().duration_since(start).as_secs_f64());
    let busy = after.nanoseconds.saturating_sub(before.nanoseconds) as f64 / 1e9;
    let wakeups = after.wakeups.saturating_sub(before.wakeups) as f64;
    Ok(vec![
        Measured {
            value: 100.0 * busy / seconds,
            note: format!("scheduler's time of all threads over {seconds:.0} s"),
        },
        Measured {
            value: wakeups / seconds,
            note: format!("voluntary switches of all threads over {seconds:.0} s"),
        },
    ])
}

/// P1N and P2N: the same, registered with a pool of the live network: pulled from, then pushed to.
pub fn live_network(bench: &Bench<'_>) -> Result<(Vec<Measured>, Vec<Measured>)> {
    let (mut memories, mut efforts) = (Vec::new(), Vec::new());
    for work in ["pull", "push"] {
        let mut stand = bench.stand()?;
        let example = bench.worker.with_file_name("examples").join("live_network");
        let mut face = program(example)
            .args([OWNER, PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the face of the live network cannot be started")?;
        let said: serde_json::Value = serde_json::from_str(&first_line(&mut face)?)?;
        let _face = Owned::from(face);
        let said = |name: &str| said[name].as_str().map(str::to_owned).context("it does not say where it is");
        stand.set_pool(&said("page")?);
        let key = said("key")?.replace('\\', "\\\\");
        stand.set(&format!("nodepool_work = \"{work}\"\nnodepool_port = 0\nnodepool_key = \"{key}\""))?;
        stand.start_worker(false, &[])?;
        stand.sign_in_elsewhere(work)?;
        std::thread::sleep(SETTLE);
        let samples = sampled(&stand)?;
        let note = format!("by {work}, median of {} readings, process tree", samples.len());
        memories.push(Measured { value: median(&samples), note });
        for measured in effort_of(&stand)? {
            efforts.push(Measured { note: format!("by {work}, {}", measured.note), ..measured });
        }
    }
    Ok((memories, efforts))
}

/// P3: memory of the worker with its tray, before a window was open and after many.
pub fn tray_memory(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    for needed in ["Xvfb", "dbus-daemon"] {
        if !on_path(needed) {
            bail!("{needed} is not here; `cargo xtask system --only e2e`");
        }
    }
    let mut stand = bench.stand()?;
    let (_screen, display) = screen(&stand)?;
    let (_bus, address) = bus(&stand)?;
    let environment = [
        ("DISPLAY", display),
        ("DBUS_SESSION_BUS_ADDRESS", address),
        // The web view speaks no language without one.
        ("LANG", "en_US.UTF-8".to_owned()),
    ];
    stand.start_worker(true, &environment)?;
    stand.sign_in()?;
    std::thread::sleep(SETTLE);
    let before = median(&sampled(&stand)?);
    for opening in 1..=OPENINGS {
        open_and_close(&stand).with_context(|| format!("opening {opening} of {OPENINGS}"))?;
    }
    std::thread::sleep(SETTLE);
    let after = median(&sampled(&stand)?);
    Ok(vec![Measured {
        value: before.max(after),
        note: format!(
            "before any window {before:.2} MiB, after {OPENINGS} openings {after:.2} MiB; the larger counts"
        ),
    }])
}

/// P7: from the start of the process until the pool has it registered. The cold starts beside it read the program and
/// everything it needs from the disk.
pub fn start(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    let warm = starts(&mut stand, &|| Ok(()))?;
    let range = |times: &[f64]| format!("{:.0} to {:.0} ms", percentile(times, 0.0), percentile(times, 1.0));
    let cold = if is_root() {
        let cold = starts(&mut stand, &forget_files)?;
        format!("with an empty file cache median {:.0} ms, {}", median(&cold), range(&cold))
    } else {
        "only root may empty the file cache: cold starts were not measured".to_owned()
    };
    Ok(vec![Measured {
        value: median(&warm),
        note: format!("median of {STARTS} starts, {}, seen from the pool; {cold}", range(&warm)),
    }])
}

fn starts(stand: &mut Stand, before: &dyn Fn() -> Result<()>) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        stand.end_worker()?;
        before()?;
        let start = stand.start_worker(false, &[])?;
        let mut registered = false;
        while !registered {
            registered = stand.registered()?;
            if clock::now().duration_since(start) > Duration::from_secs(60) {
                bail!("not registered within a minute");
            }
        }
        times.push(clock::now().duration_since(start).as_secs_f64() * 1000.0);
    }
    Ok(times)
}

/// Writes what is to be written and lets the system forget every page of a file that it can read again.
fn forget_files() -> Result<()> {
    run(&mut program("sync"))?;
    std::fs::write("/proc/sys/vm/drop_caches", "3").context("cannot empty the file cache")
}

pub(super) fn sampled(stand: &Stand) -> Result<Vec<f64>> {
    let pid = stand.worker()?;
    let mut samples = Vec::new();
    for _ in 0..5 {
        samples.push(memory(pid)?);
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(samples)
}

/// A screen nobody looks at.
pub(super) fn screen(stand: &Stand) -> Result<(Owned, String)> {
    // Xvfb writes the number it chose to this descriptor: its standard output.
    let mut child = program("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"])
        .stdout(Stdio::piped())
        .stderr(File::create(stand.scratch().join("screen.log"))?)
        .spawn()?;
    let number = first_line(&mut child)?;
    Ok((child.into(), format!(":{number}")))
}

/// A session bus of our own.
pub(super) fn bus(stand: &Stand) -> Result<(Owned, String)> {
    let mut child = program("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
        .stdout(Stdio::piped())
        .stderr(File::create(stand.scratch().join("bus.log"))?)
        .spawn()?;
    let address = first_line(&mut child)?;
    Ok((child.into(), address))
}

fn first_line(child: &mut std::process::Child) -> Result<String> {
    use std::io::{BufRead, BufReader};
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().context("no output")?);
    reader.read_line(&mut line)?;
    // Kept open: Xvfb writes its number again when its last client left, and would die of a closed pipe.
    child.stdout = Some(reader.into_inner());
    if line.trim().is_empty() {
        bail!("it ended at once");
    }
    Ok(line.trim().to_owned())
}

/// Opens the window, waits until its page runs, and closes it.
pub(super) fn open_and_close(stand: &Stand) -> Result<()> {
    if !succeeds(stand.command().arg("desktop")) {
        bail!("`hivemind-worker desktop` failed");
    }
    let worker = stand.worker()?;
    let mut window = None;
    let mut seen: Vec<String> = Vec::new();
    let waited = wait("its web process", || {
        let all = tree(worker)?;
        window = all.iter().copied().find(|pid| *pid != worker && name(*pid).starts_with("hivemind-worker"));
        seen = all.iter().map(|pid| name(*pid)).collect();
        Ok(window.is_some() && all.iter().any(|pid| name(*pid).starts_with("WebKitWebProces")))
    });
    waited.with_context(|| format!("the worker's tree is {}", seen.join(", ")))?;
    let window = window.context("no window")?;
    std::thread::sleep(LOOK);
    succeeds(program("kill").args(["-TERM", &window.to_string()]));
    wait("the end of the window", || Ok(tree(worker)?.len() == 1))?;
    // Its last threads may still be ending; until then the worker takes the window for open.
    std::thread::sleep(Duration::from_millis(300));
    Ok(())
}

pub(super) fn wait(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = clock::now();
    while !done()? {
        if clock::now().duration_since(start) > Duration::from_secs(30) {
            bail!("{what} did not come within 30 s");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
