//! The thread that a function computes on.

use crate::function::Function;
use hivemind_managed_function::{Limits, Outcome, STACK_BYTES, execute_here};
use hivemind_worker_core::at_hand;

/// Behind the owner's programs, as the programs in containers are.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// What came of a thread.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    /// Processor time of the thread in nanoseconds; zero where the system does not tell.
    pub(crate) cpu_ns: u64,
}

/// Carries a function out on a thread of its own, and waits for it. Blocks.
pub(crate) fn run(function: &Function, limits: Limits) -> Ran {
    std::thread::scope(|scope| {
        let attempt = at_hand::attempt();
        let compute = || {
            give_way();
            let program = &function.program;
            let compute = || execute_here(&program.source, &program.input, limits, &function.reins);
            let outcome = at_hand::within(attempt, compute);
            Ran { outcome, cpu_ns: cpu_ns() }
        };
        let builder = std::thread::Builder::new().name("managed-function".to_owned());
        let broke = |why: &str| Ran { outcome: Outcome::broken(why), cpu_ns: 0 };
        match builder.stack_size(STACK_BYTES).spawn_scoped(scope, compute) {
            Ok(thread) => thread.join().unwrap_or_else(|_| broke("the interpreter broke")),
            Err(error) => broke(&format!("no thread for the program: {error}")),
        }
    })
}

/// On Linux a thread has a place of its own in the queue. Never forward: that nobody may.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        let present = rustix::process::getpriority_process(None).unwrap_or(0);
        if let Err(error) = rustix::process::setpriority_process(None, present.max(NICE)) {
            tracing::debug!(%error, "a function computes with the worker's own priority");
        }
    }
}

/// This thread's processor time so far.
#[cfg(unix)]
fn cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Windows tells it through calls that are not ours to make; what is not known is not made up.
#[cfg(not(unix))]
fn cpu_ns() -> u64 {
    0
}
