//! Counts of tests, read from what test runners print last.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Counts {
    /// Reads the closing lines of nextest, cargo test, vitest, Playwright and the plain form
    /// `N passed, N failed, N skipped`. `None` when there is no such line: nothing is known then.
    ///
    /// Where nextest closes with its summary, that alone counts: before it stands what failed tries printed, the
    /// closing lines of their own processes among it.
    pub fn read(output: &str) -> Option<Self> {
        let mut total: Option<Self> = None;
        let summed_up = output.lines().any(is_summary);
        for line in output.lines().filter(|line| !summed_up || is_summary(line)) {
            if let Some(counts) = closing_line(&without_colour(line)) {
                *total.get_or_insert_default() += counts;
            }
        }
        total
    }

    /// Moves tests that said they could not run from passed to skipped.
    pub fn skip(&mut self, count: u64) {
        let moved = count.min(self.passed);
        self.passed -= moved;
        self.skipped += moved;
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

fn is_summary(line: &str) -> bool {
    without_colour(line).trim_start().starts_with("Summary [")
}

fn closing_line(line: &str) -> Option<Counts> {
    let line = line.trim();
    let rest = if let Some((_, rest)) =
        line.strip_prefix("Summary [").and_then(|rest| rest.split_once("run: "))
    {
        rest // nextest: Summary [ 1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped
    } else if let Some((_, rest)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
    {
        rest // cargo test: test result: ok. 7 passed; 1 failed; 2 ignored; 0 measured; ...
    } else if let Some(rest) = line.strip_prefix("Tests ") {
        rest // vitest: Tests  1 failed | 7 passed | 2 skipped (10)
    } else {
        // Playwright: 7 passed (2.1s); the plain form: 7 passed, 1 failed
        line.split_once(": ").filter(|(word, _)| !word.contains(' ')).map_or(line, |(_, rest)| rest)
    };
    words(rest)
}

/// `7 passed (1 slow), 1 failed` as counts; `None` unless every part is a number and a known word.
fn words(text: &str) -> Option<Counts> {
    let mut counts = Counts::default();
    let mut known = false;
    for part in without_brackets(text).split([',', ';', '|']) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let (number, word) = part.split_once(' ')?;
        let Ok(number) = number.parse::<u64>() else {
            // cargo test ends with "finished in 0.00s".
            if known { continue } else { return None }
        };
        match word.trim() {
            "passed" | "flaky" => counts.passed += number,
            "failed" | "timed out" | "exec failed" | "interrupted" => counts.failed += number,
            "skipped" | "ignored" | "todo" | "did not run" => counts.skipped += number,
            "measured" | "filtered out" => continue,
            _ => return None,
        }
        known = true;
    }
    known.then_some(counts)
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::new();
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    kept
}

fn without_colour(line: &str) -> String {
    let mut kept = String::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            letters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            kept.push(letter);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Option<Counts> {
        Some(Counts { passed, failed, skipped })
    }

    #[test]
    fn reads_every_runner_in_use() {
        for (line, want) in [
            (
                "     Summary [   1.234s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped",
                counts(7, 2, 2),
            ),
            ("     Summary [   0.004s] 1 test run: 1 passed, 0 skipped", counts(1, 0, 0)),
            (
                "test result: ok. 7 passed; 1 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.02s",
                counts(7, 1, 2),
            ),
            ("      Tests  1 failed | 7 passed | 2 skipped (10)", counts(7, 1, 2)),
            (
                "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m12 passed\u{1b}[39m\u{1b}[22m (12)",
                counts(12, 0, 0),
            ),
            ("  7 passed (2.1s)", counts(7, 0, 0)),
            ("7 passed, 1 failed, 2 skipped", counts(7, 1, 2)),
            ("e2e: 7 passed, 0 failed", counts(7, 0, 0)),
            ("Compiling 7 crates", None),
            ("warning: 7 passed over, 1 failed", None),
            (" Test Files  3 passed (3)", None),
        ] {
            assert_eq!(Counts::read(line), want, "{line}");
        }
    }

    #[test]
    fn several_closing_lines_add_up() {
        assert_eq!(
            Counts::read("1 passed, 0 failed\nnoise\n2 passed, 1 failed, 4 skipped\n"),
            counts(3, 1, 4)
        );
    }

    #[test]
    fn what_a_first_try_printed_is_not_counted_beside_the_summary() {
        let output = "  TRY 1 FAIL [   1.0s] (1/2) tests slow\n  stdout ---\n    test result: FAILED. 0 passed; \
                      1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.09s\n  TRY 2 PASS [ 1.0s]\n\
                      Summary [   2.2s] 2 tests run: 2 passed (1 flaky), 0 skipped\n";
        assert_eq!(Counts::read(output), counts(2, 0, 0));
    }

    #[test]
    fn a_skip_is_never_a_pass() {
        let mut some = Counts { passed: 3, failed: 1, skipped: 0 };
        some.skip(2);
        assert_eq!(some, Counts { passed: 1, failed: 1, skipped: 2 });
    }
}
