//! Whether another task fits beside those that run.

use crate::resources::Resources;

/// Why a task is not taken now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The owner's limit of tasks at once is reached.
    #[error("already running {running} of at most {max} tasks")]
    TooMany {
        /// Tasks that occupy a place.
        running: usize,
        /// The owner's limit.
        max: usize,
    },
    /// It needs more than is free.
    #[error(
        "needs {} thousandths of a core, {} bytes of memory and {} GPUs; free are {}, {} and {}",
        need.cpu_millis, need.memory_bytes, need.gpus, free.cpu_millis, free.memory_bytes, free.gpus
    )]
    TooLarge {
        /// What it asks for.
        need: Resources,
        /// What is free.
        free: Resources,
    },
}

/// What can be offered to the pool: what the owner allows less what running tasks were granted; nothing when every
/// place is taken or less than a tenth of a core or 64 MiB is left.
#[must_use]
pub fn offer(allowed: Resources, granted: Resources, running: usize, max: usize) -> Option<Resources> {
    let free = allowed.minus(granted);
    let useful = free.cpu_millis >= 100 && free.memory_bytes >= 64 * crate::resources::MIB;
    (running < max && useful).then_some(free)
}

/// Checks an assignment against the same rule, since a pool may send what was not offered.
///
/// # Errors
/// The first reason not to take it.
pub fn admit(
    allowed: Resources,
    granted: Resources,
    need: Resources,
    running: usize,
    max: usize,
) -> Result<(), Refusal> {
    if running >= max {
        return Err(Refusal::TooMany { running, max });
    }
    let free = allowed.minus(granted);
    if free.covers(need) { Ok(()) } else { Err(Refusal::TooLarge { need, free }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::GIB;

    const ALL: Resources = Resources { cpu_millis: 4000, memory_bytes: 4 * GIB, gpus: 0 };
    const TWO: Resources = Resources { cpu_millis: 2000, memory_bytes: GIB, gpus: 0 };

    #[test]
    fn offers_what_is_left() {
        assert_eq!(offer(ALL, TWO, 1, 3), Some(ALL.minus(TWO)));
        assert_eq!(offer(ALL, TWO, 3, 3), None);
        assert_eq!(offer(ALL, ALL, 1, 3), None);
    }

    #[test]
    fn refuses_with_numbers() {
        assert_eq!(admit(ALL, TWO, TWO, 1, 3), Ok(()));
        assert!(matches!(admit(ALL, ALL, TWO, 1, 3), Err(Refusal::TooLarge { .. })));
        assert!(matches!(admit(ALL, TWO, TWO, 3, 3), Err(Refusal::TooMany { .. })));
        let gpu = Resources { gpus: 1, ..TWO };
        assert!(admit(ALL, TWO, gpu, 0, 3).is_err());
    }
}
