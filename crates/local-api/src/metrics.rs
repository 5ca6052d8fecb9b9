//! Numbers in the OpenMetrics text format 1.0. `docs/metrics.md` lists them; a test keeps the two alike.
//!
//! Labels hold fixed words only, and names of GPUs, of which no computer has many: no task, pool or person ever makes
//! a new series.

use hivemind_control::{GpuUse, MetricsSample, MetricsView, PoolState, Snapshot, StatusState};
use std::fmt::Write as _;

/// What the text is.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const STATES: [(StatusState, &str); 7] = [
    (StatusState::Earning, "earning"),
    (StatusState::Ready, "ready"),
    (StatusState::Yielding, "yielding"),
    (StatusState::Snoozed, "snoozed"),
    (StatusState::Off, "off"),
    (StatusState::Connecting, "connecting"),
    (StatusState::NeedsYou, "needs_you"),
];
const ALERTS: [&str; 6] =
    ["cpu_high", "memory_high", "disk_high", "temperature_high", "task_near_limit", "task_silent"];
/// GPUs that are told; more are left out.
const MOST_GPUS: usize = 64;
/// Bytes of a label.
const MOST_LABEL: usize = 128;

/// The worker's numbers. The newest reading of the computer's use is told, where there is one.
#[must_use]
pub fn openmetrics(snapshot: &Snapshot, view: &MetricsView) -> String {
    let mut page = Page::default();
    page.family("hivemind_worker", "info", "", "The worker's version.");
    page.row("_info", &[("version", &snapshot.version)], 1.0);
    page.family("hivemind_worker_state", "stateset", "", "What it does: 1 for the present state.");
    for (state, name) in STATES {
        page.row("", &[("hivemind_worker_state", name)], flag(snapshot.status.state == state));
    }
    let online = snapshot.pool.state == PoolState::Online;
    page.one(
        "hivemind_worker_contributing",
        "",
        "Whether the toggle stands on.",
        flag(snapshot.status.contributing),
    );
    page.one("hivemind_worker_pool_online", "", "Whether the pool answers.", flag(online));
    let ready = snapshot.engine.ready == Some(true);
    page.one("hivemind_worker_engine_ready", "", "Whether the container engine can be used.", flag(ready));
    let running = snapshot.status.running_tasks.into();
    page.one("hivemind_worker_running_tasks", "", "Tasks whose container runs.", running);
    page.family("hivemind_worker_alert", "gauge", "", "1 for what is above its threshold.");
    for kind in ALERTS {
        page.row("", &[("kind", kind)], flag(snapshot.alerts.iter().any(|word| word == kind)));
    }
    page.family("hivemind_worker_today_cpt", "gauge", "cpt", "Earnings of the present local day.");
    let today = &snapshot.today;
    for (kind, cpt) in
        [("estimated", today.estimated_cpt), ("credited", today.credited_cpt), ("settled", today.settled_cpt)]
    {
        page.row("", &[("kind", kind)], count(cpt));
    }
    work(&mut page, view);
    if let Some(sample) = view.samples.last() {
        host(&mut page, sample);
    }
    page.0.push_str("# EOF\n");
    page.0
}

fn work(page: &mut Page, view: &MetricsView) {
    let t = &view.totals;
    page.family(
        "hivemind_worker_attempts",
        "counter",
        "",
        "Attempts that are over, since the worker started.",
    );
    for (outcome, n) in [
        ("succeeded", t.succeeded),
        ("failed", t.failed),
        ("timed_out", t.timed_out),
        ("cancelled", t.cancelled),
        ("handed_back", t.handed_back),
        ("lost", t.lost),
    ] {
        page.row("_total", &[("outcome", outcome)], count(n));
    }
    page.family("hivemind_worker_run_seconds", "counter", "seconds", "Time tasks ran, frozen time left out.");
    page.row("_total", &[], seconds(t.run_ms));
    page.family("hivemind_worker_task_cpu_seconds", "counter", "seconds", "CPU time of tasks.");
    page.row("_total", &[], seconds(t.cpu_ms));
    page.family("hivemind_worker_transfer_bytes", "counter", "bytes", "Packages in, outputs out.");
    page.row("_total", &[("direction", "in")], count(t.bytes_in));
    page.row("_total", &[("direction", "out")], count(t.bytes_out));
}

fn host(page: &mut Page, sample: &MetricsSample) {
    page.family("hivemind_worker_cpu_ratio", "gauge", "ratio", "CPU use of the whole computer, 0 to 1.");
    page.row("", &[("by", "all")], f64::from(sample.cpu_percent) / 100.0);
    page.row("", &[("by", "tasks")], f64::from(sample.tasks_cpu_percent) / 100.0);
    page.family("hivemind_worker_memory_bytes", "gauge", "bytes", "Memory.");
    page.row("", &[("kind", "used")], count(sample.memory_used_bytes));
    page.row("", &[("kind", "total")], count(sample.memory_total_bytes));
    page.row("", &[("kind", "tasks")], count(sample.tasks_memory_bytes));
    page.family("hivemind_worker_disk_bytes", "gauge", "bytes", "The disk that holds the worker's data.");
    page.row("", &[("kind", "used")], count(sample.disk_used_bytes));
    page.row("", &[("kind", "total")], count(sample.disk_total_bytes));
    let per_second = "bytes_per_second";
    page.family(
        "hivemind_worker_network_bytes_per_second",
        "gauge",
        per_second,
        "All interfaces but loopback.",
    );
    page.row("", &[("direction", "received")], count(sample.received_bytes_per_s));
    page.row("", &[("direction", "sent")], count(sample.sent_bytes_per_s));
    if let Some(load) = sample.load {
        page.family("hivemind_worker_load", "gauge", "", "Load average.");
        for (minutes, value) in ["1", "5", "15"].into_iter().zip(load) {
            page.row("", &[("minutes", minutes)], value.into());
        }
    }
    let ratio: fn(&GpuUse) -> Option<f64> = |g| g.percent.map(|p| f64::from(p) / 100.0);
    gpus(page, sample, ("hivemind_worker_gpu_ratio", "ratio", "Busy share, 0 to 1."), ratio);
    let memory: fn(&GpuUse) -> Option<f64> = |g| g.memory_used_bytes.map(count);
    gpus(page, sample, ("hivemind_worker_gpu_memory_bytes", "bytes", "Memory in use."), memory);
    let heat: fn(&GpuUse) -> Option<f64> = |g| g.temperature_c.map(f64::from);
    gpus(page, sample, ("hivemind_worker_gpu_celsius", "celsius", "Temperature."), heat);
    gpus(page, sample, ("hivemind_worker_gpu_watts", "watts", "Power."), |g| g.power_w.map(f64::from));
}

fn gpus(
    page: &mut Page,
    sample: &MetricsSample,
    (name, unit, help): (&str, &str, &str),
    read: fn(&GpuUse) -> Option<f64>,
) {
    let told: Vec<_> =
        sample.gpus.iter().take(MOST_GPUS).filter_map(|gpu| read(gpu).map(|value| (gpu, value))).collect();
    if told.is_empty() {
        return;
    }
    page.family(name, "gauge", unit, help);
    for (gpu, value) in told {
        page.row("", &[("uuid", &gpu.uuid), ("name", &gpu.name)], value);
    }
}

#[expect(clippy::cast_precision_loss, reason = "the format's numbers are doubles")]
fn count(n: u64) -> f64 {
    n as f64
}

fn seconds(ms: u64) -> f64 {
    count(ms) / 1000.0
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// The text so far, and the family that rows belong to.
#[derive(Default)]
struct Page(String, String);

impl Page {
    fn one(&mut self, name: &str, unit: &str, help: &str, value: f64) {
        self.family(name, "gauge", unit, help);
        self.row("", &[], value);
    }

    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}");
        name.clone_into(&mut self.1);
    }

    fn row(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.0, "{}{suffix}", self.1);
        for (i, (key, text)) in labels.iter().enumerate() {
            let open = if i == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{key}=\"{}\"", escape(text));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }
}

fn escape(label: &str) -> String {
    let mut end = label.len().min(MOST_LABEL);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    let cut = label.get(..end).unwrap_or_default();
    cut.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_control::{TaskView, WorkTotals};

    fn everything() -> (Snapshot, MetricsView) {
        let mut snapshot = Snapshot { version: "1.0 \"x\\\n".into(), ..Snapshot::default() };
        snapshot.status.state = StatusState::Earning;
        snapshot.status.running_tasks = 2;
        snapshot.today.credited_cpt = 14;
        snapshot.alerts = vec!["memory_high".into(), "made_up\n# EOF".into()];
        snapshot.tasks = vec![TaskView { task_id: "task-canary".into(), ..TaskView::default() }];
        let gpu = GpuUse { uuid: "GPU-1".into(), name: "H".into(), power_w: Some(9.5), ..GpuUse::default() };
        let sample = MetricsSample {
            cpu_percent: 50.0,
            memory_used_bytes: 1 << 33,
            load: Some([0.5, 1.0, 2.0]),
            gpus: vec![GpuUse { percent: Some(25.0), ..gpu.clone() }; 200],
            ..MetricsSample::default()
        };
        let totals = WorkTotals { succeeded: 3, run_ms: 1500, bytes_out: 7, ..WorkTotals::default() };
        (snapshot, MetricsView { samples: vec![sample], totals })
    }

    #[test]
    fn writes_every_number_with_its_labels() {
        let (snapshot, view) = everything();
        let text = openmetrics(&snapshot, &view);
        for line in [
            "hivemind_worker_info{version=\"1.0 \\\"x\\\\\\n\"} 1",
            "hivemind_worker_state{hivemind_worker_state=\"earning\"} 1",
            "hivemind_worker_state{hivemind_worker_state=\"off\"} 0",
            "hivemind_worker_running_tasks 2",
            "hivemind_worker_alert{kind=\"memory_high\"} 1",
            "hivemind_worker_alert{kind=\"cpu_high\"} 0",
            "hivemind_worker_today_cpt{kind=\"credited\"} 14",
            "hivemind_worker_attempts_total{outcome=\"succeeded\"} 3",
            "hivemind_worker_run_seconds_total 1.5",
            "hivemind_worker_transfer_bytes_total{direction=\"out\"} 7",
            "hivemind_worker_cpu_ratio{by=\"all\"} 0.5",
            "hivemind_worker_memory_bytes{kind=\"used\"} 8589934592",
            "hivemind_worker_load{minutes=\"1\"} 0.5",
            "hivemind_worker_gpu_watts{uuid=\"GPU-1\",name=\"H\"} 9.5",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert!(!text.contains("gpu_celsius"), "what the driver does not tell is absent");
    }

    /// The rules of the format that a reader stumbles over.
    #[test]
    fn the_text_keeps_the_formats_rules() {
        let (snapshot, view) = everything();
        let text = openmetrics(&snapshot, &view);
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
        let (mut family, mut kind, mut seen) = (String::new(), String::new(), Vec::new());
        for line in text.lines().filter(|line| *line != "# EOF") {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["#", "TYPE", name, type_] => {
                    assert!(!seen.contains(name), "{name} comes twice");
                    seen.push(name);
                    (family, kind) = ((*name).to_owned(), (*type_).to_owned());
                }
                ["#", "UNIT", name, unit] => {
                    assert!(*name == family && name.ends_with(&format!("_{unit}")), "{line}")
                }
                ["#", "HELP", name, ..] => assert!(*name == family && line.ends_with('.'), "{line}"),
                _ => {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    assert!(value.parse::<f64>().is_ok(), "{line}");
                    let suffix = match kind.as_str() {
                        "counter" => "_total",
                        "info" => "_info",
                        _ => "",
                    };
                    let name = series.split('{').next().unwrap();
                    assert_eq!(name, format!("{family}{suffix}"), "{line}");
                }
            }
        }
    }

    #[test]
    fn series_stay_few_whatever_happens() {
        let (snapshot, view) = everything();
        let text = openmetrics(&snapshot, &view);
        let rows = text.lines().filter(|line| !line.starts_with('#')).count();
        assert!(rows <= 64 * 4 + 60, "{rows} rows");
        assert!(!text.contains("canary") && !text.contains("made_up"), "no task, no word from elsewhere");
        let long = "繁".repeat(1000);
        assert!(escape(&long).len() <= MOST_LABEL && long.starts_with(&escape(&long)));
    }

    #[test]
    fn the_documentation_lists_every_family_with_its_unit() {
        let list = include_str!("../../../docs/metrics.md");
        let (snapshot, mut view) = everything();
        if let Some(gpu) = view.samples.first_mut().and_then(|sample| sample.gpus.first_mut()) {
            (gpu.temperature_c, gpu.memory_used_bytes) = (Some(1.0), Some(1));
        }
        let text = openmetrics(&snapshot, &view);
        let unit_of = |name: &str| {
            let wanted = format!("# UNIT {name} ");
            text.lines().find_map(|line| line.strip_prefix(&wanted)).unwrap_or("–").to_owned()
        };
        let mut families = 0;
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("# TYPE ") else { continue };
            let (name, kind) = rest.split_once(' ').unwrap();
            let row = format!("| `{name}` | {kind} | {} |", unit_of(name));
            assert!(list.contains(&row), "docs/metrics.md lacks: {row}");
            families += 1;
        }
        assert_eq!(
            list.matches("| `hivemind_worker").count(),
            families,
            "docs/metrics.md lists more than there is"
        );
    }
}
