//! Memory: the computer's, and what an engine in a virtual machine has of it.

use super::{Facts, finding};
use hivemind_control::{Finding, Level};
use hivemind_domain::resources::GIB;

/// Memory under which the seeds' requirements are not met.
const LEAST_MEMORY: u64 = 2 * GIB;

pub(super) fn memory(facts: &Facts) -> Finding {
    let gib = |bytes: u64| bytes as f64 / GIB as f64;
    let low = |proof: String, fix: &str| {
        let mut low = finding(6, "memory", Level::Warning, format!("{proof}, which is too little"));
        low.fix = Some(fix.into());
        low
    };
    let total = facts.snapshot.host.memory_bytes;
    let proof = format!("{:.1} GiB of memory", gib(total));
    if total < LEAST_MEMORY {
        return low(proof, "Add memory; tasks need at least 2 GiB.");
    }
    let given = facts.engine.as_ref().map_or(0, |info| info.memory_bytes);
    if given == 0 || given >= total / 8 * 7 {
        return finding(6, "memory", Level::Ok, proof);
    }
    // An engine in a virtual machine, as Docker Desktop's.
    let proof = format!("{proof}; containers can have {:.1} GiB of it", gib(given));
    if given >= LEAST_MEMORY {
        return finding(6, "memory", Level::Ok, proof);
    }
    low(
        proof,
        "Give Docker more memory: in Docker Desktop's settings, or on Windows by a line such as `memory=8GB` below \
         `[wsl2]` in the file `.wslconfig` of your user folder; then start Docker again.",
    )
}
