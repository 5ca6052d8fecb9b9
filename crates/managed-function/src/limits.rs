//! How much a program may do.

/// Bounds of one run. The first four are the network's; the others keep this computer's memory and time bounded
/// where the network's say nothing, and no program within them is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Operations, counted as in [`crate::cost`].
    pub ops: u64,
    /// Calls of functions of the program within each other.
    pub call_depth: u32,
    /// Bytes of output.
    pub output_bytes: usize,
    /// Passes through loops, all together.
    pub loop_iterations: u64,
    /// Bytes of values that are made, joined, compared or rendered, all together.
    pub work_bytes: u64,
    /// Bytes of the program.
    pub source_bytes: usize,
    /// Bytes of the input.
    pub input_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ops: 1_000_000,
            call_depth: 64,
            output_bytes: 1 << 20,
            loop_iterations: 100_000,
            work_bytes: 64 << 20,
            source_bytes: 1 << 20,
            input_bytes: 1 << 20,
        }
    }
}

/// Lists and maps within each other, in values and in the input.
pub(crate) const VALUE_DEPTH: u32 = 128;
/// Brackets, calls, branches and blocks within each other, in the text of a program.
pub(crate) const SOURCE_DEPTH: u32 = 64;
/// The same while it runs, over all calls together.
pub(crate) const RUN_DEPTH: u32 = 1024;
