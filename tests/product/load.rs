//! How busy the processors are, and with what.

use crate::engine::Engine;
use crate::patience::LONG;
use std::time::Duration;
use tokio::time::Instant;

/// What the processors have done since they were started, in ticks: busy and altogether.
fn ticks() -> (u64, u64) {
    let told = std::fs::read_to_string("/proc/stat").expect("the kernel's count");
    let numbers = told.lines().next().expect("all processors").split_whitespace().skip(1);
    // What guests used is part of the first two.
    let numbers: Vec<u64> = numbers.take(8).map(|number| number.parse().expect("a number")).collect();
    let whole = numbers.iter().sum();
    (whole - numbers[3] - numbers[4], whole)
}

/// How busy our container and the whole computer are, from one look to the next, in percent.
pub struct Load<'a> {
    engine: &'a Engine,
    container: &'a str,
    cores: usize,
    begun: Instant,
    container_ns: u64,
    ticks: (u64, u64),
}

impl<'a> Load<'a> {
    pub async fn begin(engine: &'a Engine, container: &'a str, cores: usize) -> Self {
        let container_ns = engine.cpu_ns(container).await;
        Self { engine, container, cores, begun: Instant::now(), container_ns, ticks: ticks() }
    }

    /// Since the first look.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Container and computer.
    pub async fn so_far(&self) -> (u64, u64) {
        let spent = u128::from(self.engine.cpu_ns(self.container).await - self.container_ns);
        let had = self.begun.elapsed().as_nanos() * u128::try_from(self.cores).expect("some");
        let (busy, whole) = ticks();
        let computer = (busy - self.ticks.0) * 100 / (whole - self.ticks.1).max(1);
        (u64::try_from(spent * 100 / had).expect("a share"), computer)
    }
}

/// Waits until nobody computes here; false when somebody does all the while.
pub async fn becomes_quiet() -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        let (busy, whole) = ticks();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = ticks();
        if (now.0 - busy) * 100 / (now.1 - whole).max(1) < 20 {
            return true;
        }
    }
    false
}
