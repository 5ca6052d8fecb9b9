//! What 31 days of readings come to on disk, as an idle worker takes them: one each 30 seconds.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "an example talks to whoever started it")]

use hivemind_domain::time::WallMs;
use hivemind_domain::trend::{Gatherer, QUANTITIES};
use hivemind_store::FileTrend;
use hivemind_worker_core::port::TrendStore;

const MINUTES: i64 = 31 * 24 * 60;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let file = std::env::temp_dir().join(format!("hivemind-month-{}", std::process::id()));
    let trend = FileTrend::new(&file);
    let mut gatherer = Gatherer::default();
    let mut writes = 0_u64;
    for half in 0..MINUTES * 2 {
        let complete = gatherer.add(WallMs(1_700_000_000_000 + half * 30_000), &[half as f32; QUANTITIES]);
        if !complete.is_empty() {
            writes += 1;
            trend.keep(complete).await.expect("a file");
        }
    }
    let bytes = std::fs::metadata(&file).expect("a file").len();
    let _ = std::fs::remove_file(&file);
    println!("{{\"bytes\":{bytes},\"writes_per_minute\":{}}}", writes as f64 / MINUTES as f64);
}
