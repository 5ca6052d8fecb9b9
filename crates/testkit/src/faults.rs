//! What goes wrong with a fake's calls, and a record of them.

use crate::{FakeClock, lock};
use hivemind_domain::time::Mono;
use hivemind_worker_core::port::Clock;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A fake that was called this often answers never again: a loop without a pause, which would stop the paused clock
/// for good, becomes a test that fails by its count.
pub const MOST_CALLS: usize = 20_000;

/// Failures, delays and lost answers by call, and when each call was made.
pub struct Faults<C, E> {
    clock: Arc<FakeClock>,
    state: Mutex<State<C, E>>,
}

struct State<C, E> {
    calls: Vec<(Mono, C)>,
    errors: HashMap<C, (E, u32)>,
    lost: HashMap<C, (E, u32)>,
    delays: HashMap<C, Duration>,
    slow_answers: HashMap<C, Duration>,
}

impl<C: Copy + Eq + Hash + Debug, E: Clone> Faults<C, E> {
    /// Nothing goes wrong yet.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        let state = State {
            calls: Vec::new(),
            errors: HashMap::new(),
            lost: HashMap::new(),
            delays: HashMap::new(),
            slow_answers: HashMap::new(),
        };
        Self { clock, state: Mutex::new(state) }
    }

    /// Lets every such call fail until [`Self::heal`].
    pub fn fail(&self, call: C, error: E) {
        self.fail_times(call, error, u32::MAX);
    }

    /// Lets the next `times` such calls fail.
    pub fn fail_times(&self, call: C, error: E, times: u32) {
        lock(&self.state).errors.insert(call, (error, times));
    }

    /// Lets the next `times` such calls succeed at the other side while the answer is lost on its way.
    pub fn lose_answers(&self, call: C, error: E, times: u32) {
        lock(&self.state).lost.insert(call, (error, times));
    }

    /// Lets such calls take this long.
    pub fn delay(&self, call: C, by: Duration) {
        lock(&self.state).delays.insert(call, by);
    }

    /// Lets answers to such calls take this long; what was asked for is done at once.
    pub fn delay_answers(&self, call: C, by: Duration) {
        lock(&self.state).slow_answers.insert(call, by);
    }

    /// Nothing goes wrong with such calls any more.
    pub fn heal(&self, call: C) {
        let mut state = lock(&self.state);
        state.errors.remove(&call);
        state.lost.remove(&call);
        state.delays.remove(&call);
        state.slow_answers.remove(&call);
    }

    /// Nothing goes wrong any more.
    pub fn heal_all(&self) {
        let mut state = lock(&self.state);
        state.errors.clear();
        state.lost.clear();
        state.delays.clear();
        state.slow_answers.clear();
    }

    /// How often this was called.
    #[must_use]
    pub fn count(&self, call: C) -> usize {
        self.count_since(call, Mono::default())
    }

    /// How often this was called at or after `since`.
    #[must_use]
    pub fn count_since(&self, call: C, since: Mono) -> usize {
        lock(&self.state).calls.iter().filter(|(at, made)| *at >= since && *made == call).count()
    }

    /// Every call so far, with its time.
    #[must_use]
    pub fn calls(&self) -> Vec<(Mono, C)> {
        lock(&self.state).calls.clone()
    }

    /// Records a call, takes its time, and fails if it is to fail.
    ///
    /// # Errors
    /// The scripted one.
    pub async fn enter(&self, call: C) -> Result<(), E> {
        let (full, delay) = {
            let mut state = lock(&self.state);
            state.calls.push((self.clock.now().mono, call));
            (state.calls.len() > MOST_CALLS, state.delays.get(&call).copied())
        };
        if full {
            std::future::pending::<()>().await;
        }
        if let Some(delay) = delay {
            self.clock.pass(delay).await;
        }
        take(&mut lock(&self.state).errors, call)
    }

    /// Takes the answer's time, and fails if the answer is to be lost; what was asked for is done already.
    ///
    /// # Errors
    /// The scripted one.
    pub async fn leave(&self, call: C) -> Result<(), E> {
        let delay = lock(&self.state).slow_answers.get(&call).copied();
        if let Some(delay) = delay {
            self.clock.pass(delay).await;
        }
        take(&mut lock(&self.state).lost, call)
    }
}

fn take<C: Copy + Eq + Hash, E: Clone>(from: &mut HashMap<C, (E, u32)>, call: C) -> Result<(), E> {
    let Some((error, times)) = from.get_mut(&call) else { return Ok(()) };
    let error = error.clone();
    if *times != u32::MAX {
        *times -= 1;
        if *times == 0 {
            from.remove(&call);
        }
    }
    Err(error)
}
