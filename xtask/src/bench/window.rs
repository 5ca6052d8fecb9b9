//! P4 and P5: what the window costs and how soon it is there, beside an empty one of the same kind.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, ImageFormat};
use x11rb::rust_connection::RustConnection;

use super::footprint::{self, name, tree};
use super::idle::{bus, open_and_close, sampled, screen, wait};
use super::measurement::{Bench, Measured};
use super::stand::{Owned, Stand};
use super::statistics::median;
use crate::clock;
use crate::program::{program, succeeds};
use crate::system::on_path;

/// Ours and empty, one after the other, so many times.
const PAIRS: u32 = 10;
const MEMORY_PAIRS: u32 = 3;
const OPENINGS: u32 = 50;
/// Openings before the growth is counted: each of the worker's threads takes its first memory with its first page.
const WARM: u32 = 20;
/// Until what the last window left is given back.
const REST: Duration = Duration::from_secs(10);
/// The charts have a whole minute of readings soon enough; caches are filled by then.
const LIVE: Duration = Duration::from_secs(20);
/// Ground of our pages and of the empty one, as the screen holds them: red, green, blue.
const OURS: [u8; 3] = [0xf6, 0xf4, 0xee];
const EMPTY: [u8; 3] = [0x12, 0x34, 0x56];
/// Ground of a card: the first screen has come.
const CARD: [u8; 3] = [0xff, 0xff, 0xff];
/// So many points of the looked-at lines in that colour are a painted page.
const ENOUGH: usize = 40;
const LINES: [i16; 3] = [90, 400, 640];

/// A screen, a bus, a worker that is signed in.
struct Desk {
    stand: Stand,
    environment: Vec<(&'static str, String)>,
    display: String,
    _screen: Owned,
    _bus: Owned,
}

impl Desk {
    fn lay(bench: &Bench<'_>) -> Result<Self> {
        for needed in ["Xvfb", "dbus-daemon"] {
            if !on_path(needed) {
                bail!("{needed} is not here; `cargo xtask system --only e2e`");
            }
        }
        let mut stand = bench.stand()?;
        let (screen, display) = screen(&stand)?;
        let (bus, address) = bus(&stand)?;
        let environment = vec![
            ("DISPLAY", display.clone()),
            ("DBUS_SESSION_BUS_ADDRESS", address),
            ("LANG", "en_US.UTF-8".to_owned()),
        ];
        stand.start_worker(true, &environment)?;
        stand.sign_in()?;
        Ok(Self { stand, environment, display, _screen: screen, _bus: bus })
    }

    fn start(&self, path: &Path, words: &[&str]) -> Result<Owned> {
        let mut command = program(path);
        command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command.spawn().with_context(|| path.display().to_string())?.into())
    }
}

fn empty(bench: &Bench<'_>) -> PathBuf {
    bench.worker.with_file_name("examples").join("empty")
}

/// Ours and bare ones.
fn memories(bench: &Bench<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
    let desk = Desk::lay(bench)?;
    let socket = desk.stand.scratch().join("w/run/worker.sock").display().to_string();
    let window = bench.worker.with_file_name("hivemind-worker-window");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..MEMORY_PAIRS {
        for (path, words, found) in [
            (&window, vec!["--socket", &socket, "--screen", "resources"], &mut ours),
            (&empty(bench), Vec::new(), &mut bare),
        ] {
            let shown = desk.start(path, &words)?;
            let pid = shown.pid();
            wait("its web process", || {
                Ok(tree(pid)?.iter().any(|pid| name(*pid).starts_with("WebKitWebProces")))
            })?;
            std::thread::sleep(LIVE);
            found.push(footprint::memory(pid)?);
        }
    }
    Ok((ours, bare))
}

/// P4: memory.
pub fn memory(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let (ours, bare) = memories(bench)?;
    let (ours, bare) = (median(&ours), median(&bare));
    Ok(vec![Measured {
        value: ours / bare,
        note: format!(
            "ours {ours:.0} MiB with four live charts, empty {bare:.0} MiB; medians of {MEMORY_PAIRS} each, {} s after opening",
            LIVE.as_secs()
        ),
    }])
}

/// P5: the time until the page's ground is on the screen, and the worker's growth.
pub fn opening(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let desk = Desk::lay(bench)?;
    let bare = empty(bench);
    let (mut ours, mut filled, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let began = clock::now();
        let shown = desk.start(&bare, &[])?;
        theirs.push(painted(&desk.display, EMPTY, began)?);
        drop(shown);
        gone(&desk.display, EMPTY)?;
        let began = clock::now();
        if !succeeds(desk.stand.command().arg("desktop")) {
            bail!("`hivemind-worker desktop` failed");
        }
        ours.push(painted(&desk.display, OURS, began)?);
        filled.push(painted(&desk.display, CARD, began)?);
        close(&desk.stand)?;
        gone(&desk.display, OURS)?;
    }
    let cold = median(&sampled(&desk.stand)?);
    openings(&desk, WARM)?;
    let before = median(&sampled(&desk.stand)?);
    openings(&desk, OPENINGS)?;
    let after = median(&sampled(&desk.stand)?);
    Ok(vec![
        Measured {
            value: median(&ours) / median(&theirs),
            note: format!(
                "ours {:.0} ms from the click, its first screen {:.0} ms; empty {:.0} ms from its start; medians of {PAIRS} pairs",
                median(&ours),
                median(&filled),
                median(&theirs)
            ),
        },
        Measured {
            value: 100.0 * (after - before) / before,
            note: format!(
                "{before:.2} MiB before, {after:.2} MiB after {OPENINGS} openings; {cold:.2} MiB before {WARM} others that do not count"
            ),
        },
    ])
}

fn openings(desk: &Desk, number: u32) -> Result<()> {
    for opening in 1..=number {
        open_and_close(&desk.stand).with_context(|| format!("opening {opening} of {number}"))?;
    }
    std::thread::sleep(REST);
    Ok(())
}

fn close(stand: &Stand) -> Result<()> {
    let worker = stand.worker()?;
    for pid in tree(worker)?.into_iter().filter(|pid| *pid != worker) {
        if name(pid).starts_with("hivemind-worker") {
            succeeds(program("kill").args(["-TERM", &pid.to_string()]));
        }
    }
    wait("the end of the window", || Ok(tree(worker)?.len() == 1))?;
    std::thread::sleep(Duration::from_millis(300));
    Ok(())
}

/// Milliseconds until the screen holds enough of a colour.
fn painted(display: &str, colour: [u8; 3], began: Instant) -> Result<f64> {
    let (x, screen) = RustConnection::connect(Some(display)).context("the screen")?;
    let until = Duration::from_secs(30);
    while points(&x, screen, colour)? < ENOUGH {
        if clock::now().duration_since(began) > until {
            bail!("no window was painted within 30 s");
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    Ok(clock::now().duration_since(began).as_secs_f64() * 1000.0)
}

fn gone(display: &str, colour: [u8; 3]) -> Result<()> {
    let (x, screen) = RustConnection::connect(Some(display)).context("the screen")?;
    wait("an empty screen", || Ok(points(&x, screen, colour)? == 0))
}

/// Points of that colour on a few lines of the screen.
fn points(x: &RustConnection, screen: usize, [red, green, blue]: [u8; 3]) -> Result<usize> {
    let root = x.setup().roots.get(screen).context("no screen")?;
    let mut found = 0;
    for line in LINES {
        let image = x
            .get_image(ImageFormat::Z_PIXMAP, root.root, 0, line, root.width_in_pixels, 1, u32::MAX)?
            .reply()
            .context("the screen tells nothing")?;
        found += image.data.chunks_exact(4).filter(|point| point.starts_with(&[blue, green, red])).count();
    }
    Ok(found)
}
