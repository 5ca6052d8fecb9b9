//! What a container of the fake engine does.

use hivemind_worker_core::port::Exit;
use std::time::Duration;

/// A script: lines at times after the start, then an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub(crate) lines: Vec<(Duration, bool, String)>,
    pub(crate) ends: Option<(Duration, Exit)>,
    pub(crate) ignores_stop: bool,
    pub(crate) output: Vec<u8>,
}

impl Default for Program {
    /// Prints `hello`, ends well after a second, leaves an output.
    fn default() -> Self {
        Self::exits(0, Duration::from_secs(1)).line(Duration::from_millis(500), "hello")
    }
}

impl Program {
    /// Ends with `code` after `time`.
    #[must_use]
    pub fn exits(code: i64, time: Duration) -> Self {
        let ends = Some((time, Exit { code, out_of_memory: false }));
        Self { lines: Vec::new(), ends, ignores_stop: false, output: b"answer".to_vec() }
    }

    /// Runs until it is stopped.
    #[must_use]
    pub fn endless() -> Self {
        Self { ends: None, ..Self::exits(0, Duration::ZERO) }
    }

    /// Prints a line so long after the start; lines have to be given in order.
    #[must_use]
    pub fn line(mut self, at: Duration, text: &str) -> Self {
        self.lines.push((at, false, text.to_owned()));
        self
    }

    /// Prints `count` numbered lines, one every `pause`.
    #[must_use]
    pub fn counts(mut self, count: u32, pause: Duration) -> Self {
        for number in 0..count {
            self = self.line(pause * (number + 1), &format!("line {number}"));
        }
        self
    }

    /// Does not end when it is asked to.
    #[must_use]
    pub fn stubborn(mut self) -> Self {
        self.ignores_stop = true;
        self
    }

    /// Leaves these bytes as its outputs.
    #[must_use]
    pub fn leaving(mut self, output: &[u8]) -> Self {
        self.output = output.to_vec();
        self
    }
}
