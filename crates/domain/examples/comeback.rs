//! Workers whose pool comes back: how soon each is registered again, and how many of them at once. The connection's
//! own state machine on a clock that is counted instead of waited for.
//! `cargo run --release -p hivemind-domain --example comeback -- SEED` prints one line of JSON.

#![allow(clippy::print_stdout, reason = "a measuring program")]

use hivemind_domain::connection::{Connection, Happening, Todo};
use hivemind_domain::time::Mono;
use std::time::Duration;

const ROUNDS: u64 = 40;
const CROWD: usize = 500;
/// A try that finds nobody, and one that finds the pool.
const REFUSED: Duration = Duration::from_millis(5);
const REGISTERED: Duration = Duration::from_millis(30);
/// Heartbeats, one of which finds out.
const BEAT: f64 = 1.0;

/// xorshift64*, seeded, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Seconds from the pool's return until one worker is registered again.
fn comes_back(away: Duration, random: &mut Random) -> f64 {
    let mut connection = Connection::Online;
    let mut now = Duration::from_secs_f64(random.unit() * BEAT);
    let lost = |unit| Happening::Failed { cause: "POOL_UNREACHABLE".into(), unit, push_back: None };
    connection.step(lost(random.unit()), Mono(now));
    loop {
        if let Connection::Backoff { until, .. } = &connection {
            now = now.max(until.0);
        }
        match connection.step(Happening::Tick, Mono(now)) {
            Some(Todo::Connect) if now < away => {
                now += REFUSED;
                connection.step(lost(random.unit()), Mono(now));
            }
            _ => return (now + REGISTERED).saturating_sub(away).as_secs_f64(),
        }
    }
}

fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len().saturating_sub(1)) as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// Percent of a crowd that registers within its fullest second.
fn peak(away: Duration, random: &mut Random) -> f64 {
    let mut times: Vec<f64> = (0..CROWD).map(|_| comes_back(away, random)).collect();
    times.sort_by(f64::total_cmp);
    let within = |from: usize| times.iter().skip(from).take_while(|time| **time < times[from] + 1.0).count();
    let most = (0..times.len()).map(within).max().unwrap_or(0);
    most as f64 * 100.0 / CROWD as f64
}

fn main() {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut p95 = |seconds| {
        let away = Duration::from_secs(seconds);
        percentile((0..ROUNDS * 250).map(|_| comes_back(away, &mut random)).collect(), 0.95)
    };
    let (second, minute, hour) = (p95(1), p95(60), p95(3600));
    // Away for different lengths, so that the tries are not all of one age.
    let peaks: Vec<f64> =
        (0..ROUNDS).map(|round| peak(Duration::from_secs(60 + round * 90), &mut random)).collect();
    println!(
        "{{\"second\":{second:.3},\"minute\":{minute:.3},\"hour\":{hour:.3},\"peak\":{:.2},\"worst\":{:.2},\"crowds\":{ROUNDS}}}",
        percentile(peaks.clone(), 0.5),
        percentile(peaks, 1.0)
    );
}
