//! Time that tests own.

use crate::lock;
use hivemind_domain::time::{Mono, Now, WallMs};
use hivemind_worker_core::port::Clock;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// 2026-11-21 12:00:00 UTC.
const START_MS: i64 = 1_795_262_400_000;

/// A clock that follows the present runtime's (paused) time while it is told to, and can be turned by hand always.
pub struct FakeClock {
    face: Mutex<Face>,
    turned: Notify,
}

struct Face {
    mono: Duration,
    wall_ms: i64,
    following: Option<Instant>,
}

impl Face {
    fn elapsed(&self) -> Duration {
        self.following.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Books what the runtime's time gave so far.
    fn settle(&mut self) {
        let elapsed = self.elapsed();
        self.mono += elapsed;
        self.wall_ms += i64::try_from(elapsed.as_millis()).unwrap_or(0);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::starting_at(Duration::from_secs(1000))
    }
}

impl FakeClock {
    /// A clock whose monotonic hand stands at `mono`.
    #[must_use]
    pub fn starting_at(mono: Duration) -> Self {
        Self { face: Mutex::new(Face { mono, wall_ms: START_MS, following: None }), turned: Notify::new() }
    }

    /// Follows the present runtime's time from now on.
    pub fn follow(&self) {
        let mut face = lock(&self.face);
        face.settle();
        face.following = Some(Instant::now());
    }

    /// Stands still until it is turned or follows again.
    pub fn stand_still(&self) {
        let mut face = lock(&self.face);
        face.settle();
        face.following = None;
    }

    /// Turns both hands at once, as a suspended computer's clocks do.
    pub fn turn(&self, by: Duration) {
        {
            let mut face = lock(&self.face);
            face.mono += by;
            face.wall_ms += i64::try_from(by.as_millis()).unwrap_or(0);
        }
        self.turned.notify_waiters();
    }

    /// Sets the wall clock off by so many milliseconds, as a person or a time server does.
    pub fn turn_wall(&self, by_ms: i64) {
        lock(&self.face).wall_ms += by_ms;
    }

    /// Waits until the monotonic hand has come to `at`, by itself or by hand.
    pub async fn reach(&self, at: Mono) {
        loop {
            let turned = self.turned.notified();
            let left = at.since(self.now().mono);
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = turned => {}
            }
        }
    }

    /// Lets time go by.
    pub async fn pass(&self, time: Duration) {
        self.reach(self.now().mono.after(time)).await;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Now {
        let face = lock(&self.face);
        let elapsed = face.elapsed();
        let wall = face.wall_ms + i64::try_from(elapsed.as_millis()).unwrap_or(0);
        Now { mono: Mono(face.mono + elapsed), wall: WallMs(wall) }
    }
}
