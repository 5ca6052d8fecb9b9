//! What one reading of the computer's use costs: processor time of this thread, and processes started for it.

#![expect(clippy::print_stdout, reason = "an example talks to whoever started it")]

use hivemind_host::{GpuSource, SystemHost};
use hivemind_worker_core::port::Host;

const READINGS: u32 = 500;

/// Nanoseconds that this thread has run.
fn ran() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// Ticks of children that have ended.
fn of_children() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?)
}

fn main() {
    let host = SystemHost::new(&std::env::temp_dir(), GpuSource::system());
    // The first one opens what the others keep open.
    host.sample();
    let (before, children) = (ran(), of_children());
    for _ in 0..READINGS {
        host.sample();
    }
    let (Some(before), Some(after)) = (before, ran()) else {
        println!("{{\"error\":\"the scheduler tells nothing here\"}}");
        return;
    };
    let cpu_ms = after.saturating_sub(before) as f64 / 1e6 / f64::from(READINGS);
    println!("{{\"cpu_ms\":{cpu_ms},\"readings\":{READINGS},\"children_ticks\":{}}}", {
        of_children().zip(children).map_or(0, |(after, before)| after - before)
    });
}
