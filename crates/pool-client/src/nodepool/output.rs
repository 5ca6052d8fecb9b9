//! A task's output as the network takes it: one text that replaces the last one.

/// Most bytes of it.
pub(crate) const MOST: usize = 1 << 20;
/// Room for the sentence that says what is missing.
const SENTENCE: usize = 120;

/// The end of an output, of which the beginning may have been dropped.
#[derive(Debug, Default)]
pub(crate) struct Output {
    tail: String,
    /// Bytes that were dropped at the beginning.
    dropped: u64,
    /// Lines that were taken in, counted from the first of the task.
    pub(crate) lines: u64,
    /// Time of the last of them in nanoseconds.
    pub(crate) last_time_ns: i64,
    /// Lines that the pool has.
    pub(crate) uploaded: Option<u64>,
    /// Whether every line was taken in.
    pub(crate) whole: bool,
    /// Whether the pool takes none of it any more.
    pub(crate) refused: bool,
}

impl Output {
    /// Adds a line; NUL, which the pool's database refuses, is left out.
    pub(crate) fn push(&mut self, text: &str) {
        self.append(text);
        self.tail.push('\n');
    }

    /// Adds a text that says itself where its lines end.
    pub(crate) fn append(&mut self, text: &str) {
        self.tail.extend(text.chars().filter(|c| *c != '\0'));
        self.lines += 1;
        // Rarely, so that dropping costs little for each line.
        if self.tail.len() > 2 * MOST {
            let from = boundary(&self.tail, self.tail.len() - MOST);
            self.dropped += from as u64;
            self.tail.drain(..from);
        }
    }

    /// Whether something of it is missing in [`Output::text`].
    pub(crate) fn is_cut(&self) -> bool {
        self.dropped > 0 || self.tail.len() > MOST
    }

    /// At most [`MOST`] bytes; where the beginning is missing, a line says so.
    pub(crate) fn text(&self) -> String {
        if !self.is_cut() {
            return self.tail.clone();
        }
        let wanted = self.tail.len().saturating_sub(MOST - SENTENCE);
        let mut from = boundary(&self.tail, wanted);
        // From the start of a line, unless lines are very long.
        if let Some(end) = self.tail[from..].bytes().take(4096).position(|byte| byte == b'\n') {
            from += end + 1;
        }
        let missing = self.dropped + from as u64;
        format!(
            "[hivemind] the first {missing} bytes are left out, 1 MiB is the most\n{}",
            &self.tail[from..]
        )
    }
}

/// The first place at or behind `from` where a character begins.
fn boundary(text: &str, from: usize) -> usize {
    (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_output_is_sent_as_it_is_but_for_nul() {
        let mut output = Output::default();
        output.push("a\0b");
        output.push("é");
        assert_eq!((output.text().as_str(), output.is_cut(), output.lines), ("ab\né\n", false, 2));
    }

    #[test]
    fn of_a_long_output_the_end_is_kept_and_the_rest_is_counted() {
        for line in ["ü".repeat(50), "é".repeat(9000), "x".repeat(99)] {
            let mut output = Output::default();
            let mut all = String::new();
            while all.len() < 3 * MOST + 17 {
                output.push(&line);
                all.push_str(&line);
                all.push('\n');
            }
            let text = output.text();
            assert!(text.len() <= MOST && text.len() > MOST - 20_000, "{}", text.len());
            let (first, rest) = text.split_once('\n').expect("a sentence");
            assert!(all.ends_with(rest));
            let missing: u64 = first.split(' ').nth(3).and_then(|word| word.parse().ok()).expect("a count");
            assert_eq!(missing, (all.len() - rest.len()) as u64);
        }
    }

    #[test]
    fn exactly_the_most_is_whole() {
        let mut output = Output::default();
        output.push(&"x".repeat(MOST - 1));
        assert_eq!((output.text().len(), output.is_cut()), (MOST, false));
        output.push("");
        assert!(output.is_cut() && output.text().len() <= MOST);
    }
}
