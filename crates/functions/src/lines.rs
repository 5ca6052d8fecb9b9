//! A function's output as lines, and back: the texts of the lines put together are the output.

use hivemind_domain::time::Now;
use hivemind_worker_core::port::{OutputLine, Told};

/// Longest text of one line, in bytes; what is longer goes on in the next.
const MOST: usize = 16 << 10;
/// Of an output with more lines than this, one text holds as many as fit: each text costs more than a short line.
const MANY: usize = 10_000;

/// The lines of an output, each with the line break that ended it, then the sentence of a failure on the other
/// output. Times rise, and lie behind everything that was told before; what was told of an earlier run of the same
/// attempt is left out, because it is the same.
pub(crate) fn of(output: &str, failure: Option<String>, now: Now, told: &Told) -> Vec<OutputLine> {
    let begin = now.wall.0.saturating_mul(1_000_000).max(told.last_ns().saturating_add(1));
    let pieces: Vec<&str> = cut(output).collect();
    let known = told_already(&pieces, told);
    let printed = pieces.into_iter().skip(known).map(|text| (false, text.to_owned()));
    let texts = printed.chain(failure.map(|text| (true, text)));
    (begin..).zip(texts).map(|(time_ns, (stderr, text))| OutputLine { stderr, time_ns, text }).collect()
}

/// Cuts behind line breaks, and between characters where a line is too long.
fn cut(output: &str) -> impl Iterator<Item = &str> {
    let coarse = output.bytes().filter(|byte| *byte == b'\n').count() > MANY;
    let mut rest = output;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let line = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let end = if line > MOST {
            rest.floor_char_boundary(MOST)
        } else if coarse {
            rest[..rest.floor_char_boundary(MOST)].rfind('\n').map_or(line, |end| end + 1)
        } else {
            line
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// How many of these were told before: a function prints the same each time. Where too much was told to be remembered
/// whole, everything is told again.
fn told_already(pieces: &[&str], told: &Told) -> usize {
    let before = told.output(false);
    let same = before.lines.len() <= pieces.len()
        && before.lines.iter().zip(pieces).all(|((sum, _), text)| Told::checksum(text) == Some(*sum));
    if same && !before.begins_earlier { before.lines.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::time::{Mono, WallMs};

    const NOW: Now = Now { mono: Mono(std::time::Duration::ZERO), wall: WallMs(1_795_262_400_000) };

    fn lines(output: &str) -> Vec<OutputLine> {
        of(output, None, NOW, &Told::default())
    }

    #[test]
    fn a_million_empty_lines_are_a_hundred_texts() {
        let output = "\n".repeat(1 << 20);
        let lines = lines(&output);
        assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<String>(), output);
        assert_eq!(lines.len(), 64);
    }

    #[test]
    fn the_texts_put_together_are_the_output() {
        let long = "é".repeat(20_000);
        let whole = [
            "",
            "42\n",
            "42",
            "\n",
            "\n\n",
            "a\nb",
            "a\n\nb\n",
            "a\r\n",
            &long,
            &format!("{long}\n{long}"),
            &"x".repeat(MOST),
            &format!("{}\n", "x".repeat(MOST - 1)),
            &format!("{}\n", "x".repeat(MOST)),
        ];
        for output in whole {
            let lines = lines(output);
            assert!(
                lines.iter().all(|line| !line.text.is_empty() && line.text.len() <= MOST && !line.stderr)
            );
            assert!(lines.iter().all(|line| line.text.trim_end_matches('\n').find('\n').is_none()));
            assert!(lines.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns));
            assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<String>(), output);
        }
    }

    #[test]
    fn a_failure_comes_last_and_on_the_other_output() {
        let lines = of("a\n", Some("type_error: why".into()), NOW, &Told::default());
        let seen: Vec<_> = lines.iter().map(|line| (line.stderr, line.text.as_str())).collect();
        assert_eq!(seen, [(false, "a\n"), (true, "type_error: why")]);
    }

    #[test]
    fn what_another_run_told_is_not_told_again() {
        let first = lines("a\nb\nc\n");
        for known in 0..=3 {
            let told = Told::of(&first[..known], true);
            let again = of("a\nb\nc\n", None, NOW, &told);
            assert_eq!(again.len(), 3 - known);
            assert!(
                again.iter().all(|line| line.time_ns > told.last_ns()),
                "the clock may have been set back"
            );
        }
        let others = of("x\nb\nc\n", None, NOW, &Told::of(&first[..2], true));
        assert_eq!(others.len(), 3, "another program printed that");
        assert_eq!(
            of("a\nb\nc\n", None, NOW, &Told::of(&first[1..2], false)).len(),
            3,
            "the beginning is missing"
        );
    }
}
