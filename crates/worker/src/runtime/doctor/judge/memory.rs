//! Memory: the computer's, and what an engine in a virtual machine has of it.

use super::{Facts, finding};
use hivemind_control::{Finding, Level};
use hivemind_domain::resources::GIB;

/// Memory under which the seeds' requirements are not met.
const LEAST_MEMORY: u64 = 2 * GIB;

pub(super) fn memory(facts: &Facts) -> Finding {
    let given = facts.engine.as_ref().map_or(0, |info| info.memory_bytes);
    judged(facts.snapshot.host.memory_bytes, given)
}

/// `given` is what the engine says it has; 0 where nobody knows.
fn judged(total: u64, given: u64) -> Finding {
    let low = |proof: String, fix: &str| {
        let mut low = finding(6, "memory", Level::Warning, format!("{proof}, which is too little"));
        low.fix = Some(fix.into());
        low
    };
    let proof = format!("{} GiB of memory", gib(total));
    if total < LEAST_MEMORY {
        return low(proof, "Add memory; tasks need at least 2 GiB.");
    }
    if given == 0 || given >= total / 8 * 7 {
        return finding(6, "memory", Level::Ok, proof);
    }
    // An engine in a virtual machine, as Docker Desktop's.
    let proof = format!("{proof}; containers can have {} GiB of it", gib(given));
    if given >= LEAST_MEMORY {
        return finding(6, "memory", Level::Ok, proof);
    }
    low(
        proof,
        "Give Docker more memory: in Docker Desktop's settings, or on Windows by a line such as `memory=8GB` below \
         `[wsl2]` in the file `.wslconfig` of your user folder, and `wsl --shutdown`; then start Docker again.",
    )
}

/// Rounded down: what is too little must not look like enough.
fn gib(bytes: u64) -> String {
    let tenths = u128::from(bytes) * 10 / u128::from(GIB);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_containers_can_have_is_told_where_it_is_clearly_less_and_warned_of_where_it_is_too_little() {
        let whole = "16.0 GiB of memory";
        for (given, level, told) in [
            (0, Level::Ok, whole.to_owned()),
            (GIB, Level::Warning, format!("{whole}; containers can have 1.0 GiB of it, which is too little")),
            (
                2 * GIB - 1,
                Level::Warning,
                format!("{whole}; containers can have 1.9 GiB of it, which is too little"),
            ),
            (2 * GIB, Level::Ok, format!("{whole}; containers can have 2.0 GiB of it")),
            (14 * GIB - 1, Level::Ok, format!("{whole}; containers can have 13.9 GiB of it")),
            (14 * GIB, Level::Ok, whole.to_owned()),
            (16 * GIB, Level::Ok, whole.to_owned()),
        ] {
            let found = judged(16 * GIB, given);
            assert_eq!((found.level, found.proof), (level, told), "{given}");
            assert_eq!(found.fix.is_some(), level == Level::Warning, "{given}");
        }
        let small = judged(2 * GIB - 1, 0);
        assert_eq!(
            (small.level, small.proof.as_str()),
            (Level::Warning, "1.9 GiB of memory, which is too little")
        );
    }
}
