//! P19, P20, L5 and L6: how workers come back to a pool, and what the private link costs and carries.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::measurement::{Bench, Measured};
use crate::program::{capture, program};

fn ask(bench: &Bench<'_>, example: &str, words: &[&str]) -> Result<Value> {
    let example = bench.worker.with_file_name("examples").join(example);
    let shown = capture(program(example).args(words))?;
    let last = shown.lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("it said {shown:?}"))
}

fn number(said: &Value, name: &str) -> Result<f64> {
    said[name].as_f64().with_context(|| format!("no {name} in {said}"))
}

/// P19: seconds until registered again.
pub fn comeback(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let said = ask(bench, "comeback", &[&bench.seed.to_string()])?;
    let row = |name: &str| {
        let note =
            "10,000 connections simulated on a counted clock with the worker's own state machine".into();
        Ok(Measured { value: number(&said, name)?, note })
    };
    ["second", "minute", "hour"].into_iter().map(row).collect()
}

/// P20: registrations in the fullest second.
pub fn crowd(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let said = ask(bench, "comeback", &[&bench.seed.to_string()])?;
    let note = format!(
        "simulated, median of {:.0} crowds whose pool was away 1 min to 1 h; the worst {:.1} %",
        number(&said, "crowds")?,
        number(&said, "worst")?
    );
    Ok(vec![Measured { value: number(&said, "peak")?, note }])
}

/// L5: the tunnel beside raw loopback.
pub fn throughput(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let said = ask(bench, "throughput", &["--json"])?;
    // Beside a tunnel of the system, where one can be made.
    let system = ask(bench, "system_tunnel", &[]).unwrap_or_default();
    let mut rows = Vec::new();
    for way in ["up1", "down1", "up20", "down20"] {
        let mbit = number(&said, way)?;
        let raw = number(&said, &format!("raw_{way}"))?;
        let beside = system[way].as_f64().map_or("not measured".to_owned(), |mbit| format!("{mbit:.0}"));
        rows.push(Measured {
            value: 1000.0 / mbit,
            note: format!(
                "{mbit:.0} Mbit/s; raw loopback {raw:.0}, a tunnel of the system {beside}; both ends on this computer"
            ),
        });
    }
    let plain = [
        ("idle_mib", "both ends in one process"),
        ("after_mib", "both ends in one process, a second after 20 busy connections"),
        ("wakeups", "one end's thread over 20 s"),
        ("restart_s", "until bytes flow again through a connection opened after the pool's end was killed"),
    ];
    for (name, note) in plain {
        rows.push(Measured { value: number(&said, name)?, note: note.to_owned() });
    }
    Ok(rows)
}

/// L6: the tunnel over a long line, beside the system's own TCP over the same.
pub fn slow_paths(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let said = ask(bench, "slow_path", &[])?;
    let system = ask(bench, "system_slow_link", &[]).context(
        "a tunnel of the system to compare with was not measured: that needs root and /dev/net/tun",
    )?;
    let line = number(&said, "line")?;
    let paths = [
        ("plain", "20 ms each way"),
        ("lossy", "20 ms each way, 0.1 % lost each way"),
        ("mtu1280", "20 ms each way, packets of the line of 1280 bytes, 1200 inside"),
        ("mtu1380", "20 ms each way, packets of the line of 1380 bytes, 1300 inside"),
        ("narrow", "20 ms and 20 Mbit/s each way, where 256 kB wait at most"),
    ];
    let mut rows = Vec::new();
    for (path, what) in paths {
        for way in ["up", "down"] {
            let mbit = number(&said, &format!("{path}_{way}"))?;
            let cubic = number(&system, &format!("cubic_{path}_{way}"))?;
            // Neither who stood still nor the line itself is anything to be compared with.
            ensure!(cubic > 1.0, "the system's own TCP stood still ({path}, {way}: {cubic:.2} Mbit/s)");
            ensure!(
                line > 1.5 * cubic.max(mbit),
                "the line alone carries {line:.0} Mbit/s, too little for {mbit:.0} and {cubic:.0} ({path}, {way})"
            );
            let bbr = system[format!("bbr_{path}_{way}")].as_f64();
            let bbr = bbr.map_or("not measured".to_owned(), |mbit| format!("{mbit:.1}"));
            rows.push(Measured {
                value: cubic / mbit,
                note: format!(
                    "{what}: {mbit:.1} Mbit/s, which is {:.2} of the system's {cubic:.1} with Cubic (with BBR {bbr}) \
                     through a tunnel of the system over the same line; the line alone carries {line:.0}",
                    mbit / cubic
                ),
            });
        }
    }
    Ok(rows)
}
