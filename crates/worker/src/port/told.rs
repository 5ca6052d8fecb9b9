//! What of a container's output was told, so that whoever reads its log anew finds the place.

use crate::port::OutputLine;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Begins every line that is ours and not the program's.
pub const OWN_WORD: &str = "[hivemind]";

/// The end of what was told. Keeps no text: a line is known by its checksum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    last_ns: i64,
    outputs: [ToldOutput; 2],
}

/// The end of one output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldOutput {
    /// Checksum and time in nanoseconds of its last lines, oldest first.
    pub lines: VecDeque<(u64, i64)>,
    /// Whether there may have been lines before those.
    pub begins_earlier: bool,
}

impl Told {
    /// As many lines of each output are remembered.
    pub const REMEMBERED: usize = 1024;

    /// Of the last lines that were told, oldest first; `whole` says that there were none before them.
    #[must_use]
    pub fn of(lines: &[OutputLine], whole: bool) -> Self {
        let mut told = Self::default();
        for output in &mut told.outputs {
            output.begins_earlier = !whole;
        }
        for line in lines {
            told.push(line);
        }
        told
    }

    /// Whether nothing was told of what the program printed, for all that is known.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.outputs.iter().all(|output| output.lines.is_empty() && !output.begins_earlier)
    }

    /// Time of the last line in nanoseconds, ours too; zero for none.
    #[must_use]
    pub fn last_ns(&self) -> i64 {
        self.last_ns
    }

    /// The end of an output.
    #[must_use]
    pub fn output(&self, stderr: bool) -> &ToldOutput {
        &self.outputs[usize::from(stderr)]
    }

    /// This line was told too.
    pub fn push(&mut self, line: &OutputLine) {
        self.last_ns = self.last_ns.max(line.time_ns);
        let Some(sum) = Self::checksum(&line.text) else { return };
        let output = &mut self.outputs[usize::from(line.stderr)];
        if output.lines.len() >= Self::REMEMBERED {
            output.lines.pop_front();
            output.begins_earlier = true;
        }
        output.lines.push_back((sum, line.time_ns));
    }

    /// What a line is known by within this process; nothing for a line that may be ours.
    #[must_use]
    pub fn checksum(text: &str) -> Option<u64> {
        if text.starts_with(OWN_WORD) {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Some(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stderr: bool, time_ns: i64, text: &str) -> OutputLine {
        OutputLine { stderr, time_ns, text: text.into() }
    }

    #[test]
    fn ours_move_the_time_and_are_no_output() {
        let told = Told::of(&[line(true, 5, "[hivemind] dependencies")], true);
        assert!(told.is_nothing() && told.last_ns() == 5);
        let told = Told::of(&[line(false, 3, "a"), line(true, 4, "b"), line(false, 2, "a")], true);
        assert_eq!(told.last_ns(), 4);
        assert_eq!(told.output(true).lines.len(), 1);
        let out = &told.output(false).lines;
        assert!(out.len() == 2 && out[0].0 == out[1].0 && out[0].0 != told.output(true).lines[0].0);
    }

    #[test]
    fn the_oldest_are_forgotten_and_that_is_known() {
        let mut told = Told::default();
        for n in 0..=i64::try_from(Told::REMEMBERED).expect("small") {
            assert!(!told.output(false).begins_earlier);
            told.push(&line(false, n, "x"));
        }
        let out = told.output(false);
        assert!(out.begins_earlier && out.lines.len() == Told::REMEMBERED && out.lines[0].1 == 1);
        assert!(!told.output(true).begins_earlier);
        assert!(!Told::of(&[], false).is_nothing(), "something was told, what is not known");
    }
}
