//! Numbers in Prometheus' text format 0.0.4. Names end in their unit, as its conventions want.

use hivemind_control::{MetricsSample, PoolState, Snapshot, StatusState};
use std::fmt::Write as _;

const STATES: [(StatusState, &str); 7] = [
    (StatusState::Earning, "earning"),
    (StatusState::Ready, "ready"),
    (StatusState::Yielding, "yielding"),
    (StatusState::Snoozed, "snoozed"),
    (StatusState::Off, "off"),
    (StatusState::Connecting, "connecting"),
    (StatusState::NeedsYou, "needs_you"),
];

/// The worker's numbers; `sample` is the newest reading of the computer's use, where there is one.
#[must_use]
pub fn prometheus(snapshot: &Snapshot, sample: Option<&MetricsSample>) -> String {
    let mut page = Page::default();
    page.gauge(
        "hivemind_worker_info",
        "Constant 1; the version is a label.",
        &[(vec![("version", snapshot.version.as_str())], 1.0)],
    );
    let states: Vec<_> = STATES
        .iter()
        .map(|(state, name)| (vec![("state", *name)], f64::from(u8::from(snapshot.status.state == *state))))
        .collect();
    page.gauge("hivemind_worker_state", "1 for the present state, 0 for the others.", &states);
    page.one(
        "hivemind_worker_contributing",
        "Whether the toggle stands on.",
        flag(snapshot.status.contributing),
    );
    let online = flag(snapshot.pool.state == PoolState::Online);
    page.one("hivemind_worker_pool_online", "Whether the pool answers.", online);
    page.one(
        "hivemind_worker_running_tasks",
        "Tasks whose container runs.",
        snapshot.status.running_tasks.into(),
    );
    page.gauge(
        "hivemind_worker_today_cpt",
        "Earnings of the present local day.",
        &[
            (vec![("kind", "estimated")], count(snapshot.today.estimated_cpt)),
            (vec![("kind", "credited")], count(snapshot.today.credited_cpt)),
            (vec![("kind", "settled")], count(snapshot.today.settled_cpt)),
        ],
    );
    if let Some(sample) = sample {
        host(&mut page, sample);
    }
    page.0
}

fn host(page: &mut Page, sample: &MetricsSample) {
    page.gauge(
        "hivemind_worker_cpu_ratio",
        "CPU use of the whole computer, 0 to 1.",
        &[
            (vec![("by", "all")], f64::from(sample.cpu_percent) / 100.0),
            (vec![("by", "tasks")], f64::from(sample.tasks_cpu_percent) / 100.0),
        ],
    );
    page.gauge(
        "hivemind_worker_memory_bytes",
        "Memory.",
        &[
            (vec![("kind", "used")], count(sample.memory_used_bytes)),
            (vec![("kind", "total")], count(sample.memory_total_bytes)),
            (vec![("kind", "tasks")], count(sample.tasks_memory_bytes)),
        ],
    );
    page.gauge(
        "hivemind_worker_disk_bytes",
        "The disk that holds the worker's data.",
        &[
            (vec![("kind", "used")], count(sample.disk_used_bytes)),
            (vec![("kind", "total")], count(sample.disk_total_bytes)),
        ],
    );
    page.gauge(
        "hivemind_worker_network_bytes_per_second",
        "All interfaces but loopback.",
        &[
            (vec![("direction", "received")], count(sample.received_bytes_per_s)),
            (vec![("direction", "sent")], count(sample.sent_bytes_per_s)),
        ],
    );
    if let Some([one, five, fifteen]) = sample.load {
        page.gauge(
            "hivemind_worker_load",
            "Load average.",
            &[
                (vec![("minutes", "1")], one.into()),
                (vec![("minutes", "5")], five.into()),
                (vec![("minutes", "15")], fifteen.into()),
            ],
        );
    }
    let gpus = |read: fn(&hivemind_control::GpuUse) -> Option<f64>| -> Vec<_> {
        let row =
            |g| read(g).map(|value| (vec![("uuid", g.uuid.as_str()), ("name", g.name.as_str())], value));
        sample.gpus.iter().filter_map(row).collect()
    };
    page.gauge(
        "hivemind_worker_gpu_ratio",
        "Busy share, 0 to 1.",
        &gpus(|g| g.percent.map(|p| f64::from(p) / 100.0)),
    );
    page.gauge(
        "hivemind_worker_gpu_memory_bytes",
        "Memory in use.",
        &gpus(|g| g.memory_used_bytes.map(count)),
    );
    page.gauge("hivemind_worker_gpu_celsius", "Temperature.", &gpus(|g| g.temperature_c.map(f64::from)));
    page.gauge("hivemind_worker_gpu_watts", "Power.", &gpus(|g| g.power_w.map(f64::from)));
}

#[expect(clippy::cast_precision_loss, reason = "the format's numbers are doubles")]
fn count(n: u64) -> f64 {
    n as f64
}

fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

type Row<'a> = (Vec<(&'static str, &'a str)>, f64);

#[derive(Default)]
struct Page(String);

impl Page {
    fn one(&mut self, name: &str, help: &str, value: f64) {
        self.gauge(name, help, &[(Vec::new(), value)]);
    }

    fn gauge(&mut self, name: &str, help: &str, rows: &[Row<'_>]) {
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in rows {
            self.0.push_str(name);
            for (i, (key, text)) in labels.iter().enumerate() {
                let open = if i == 0 { '{' } else { ',' };
                let _ = write!(self.0, "{open}{key}=\"{}\"", escape(text));
            }
            let close = if labels.is_empty() { "" } else { "}" };
            let _ = writeln!(self.0, "{close} {value}");
        }
    }
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_control::GpuUse;

    #[test]
    fn writes_every_number_with_its_labels() {
        let mut snapshot = Snapshot { version: "1.0 \"x\\\n".into(), ..Snapshot::default() };
        snapshot.status.state = StatusState::Earning;
        snapshot.status.running_tasks = 2;
        snapshot.today.credited_cpt = 14;
        let sample = MetricsSample {
            cpu_percent: 50.0,
            memory_used_bytes: 1 << 33,
            load: Some([0.5, 1.0, 2.0]),
            gpus: vec![GpuUse {
                uuid: "GPU-1".into(),
                name: "H".into(),
                power_w: Some(9.5),
                ..GpuUse::default()
            }],
            ..MetricsSample::default()
        };
        let text = prometheus(&snapshot, Some(&sample));
        for line in [
            "hivemind_worker_info{version=\"1.0 \\\"x\\\\\\n\"} 1",
            "hivemind_worker_state{state=\"earning\"} 1",
            "hivemind_worker_state{state=\"off\"} 0",
            "hivemind_worker_running_tasks 2",
            "hivemind_worker_today_cpt{kind=\"credited\"} 14",
            "hivemind_worker_cpu_ratio{by=\"all\"} 0.5",
            "hivemind_worker_memory_bytes{kind=\"used\"} 8589934592",
            "hivemind_worker_load{minutes=\"1\"} 0.5",
            "hivemind_worker_gpu_watts{uuid=\"GPU-1\",name=\"H\"} 9.5",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert!(!text.contains("gpu_celsius"), "what the driver does not tell is absent");
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
        }
    }
}
