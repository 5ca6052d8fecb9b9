//! Finds where telling ended in a log that is read anew.
//!
//! Lines that came from an attached container have our times, the log has the engine's, and a log may have lost its
//! beginning. So the place is found by what the lines say: where the last lines that were told stand in the log, as
//! often as they do the last time before they had arrived. Where they do not stand at all, times must do.

use super::piece::{Open, line_text};
use super::{LOGS_WITHIN, PIECES, Piece};
use crate::connection::Connection;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::{Stream, StreamExt};
use hivemind_worker_core::port::{Told, ToldOutput};
use tokio::time::timeout;

/// What the task's log says where the place was not found.
pub(super) const UNCERTAIN: &str =
    "the engine's log was read anew: lines may be missing here, or stand twice";

/// Where to read on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Time of the log's first line: with another one it is not the log that was looked through.
    pub begins_ns: Option<i64>,
    /// Lines of each output to be passed over, from the log's beginning.
    pub skip: [u64; 2],
    /// What was told was not found: lines may be missing here, or be told twice.
    pub uncertain: bool,
}

/// Looks for the end of what was told in a container's log as it is now.
pub(super) async fn locate(engine: &Connection, container: &str, told: &Told) -> Option<Place> {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).build();
    let log = engine.docker().ok()?.logs(container, Some(options)).ready_chunks(PIECES);
    search(log, told).await
}

/// Whether an ended container's log ends with what was told last, of whichever output. A log that ends with the end
/// mark alone leaves it open.
pub(super) async fn log_ends_with(engine: &Connection, container: &str, told: &Told) -> bool {
    let Ok(docker) = engine.docker() else { return false };
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).tail("1").build();
    let mut log = std::pin::pin!(docker.logs(container, Some(options)));
    let mut last = None;
    while let Some(piece) = log.next().await {
        let Ok(piece) = piece else { return false };
        last = Some(piece);
    }
    let Some(piece) = last else { return told.is_nothing() };
    let logged = Open::default().read(&piece);
    if !logged.begins {
        return false;
    }
    let Some((sum, time_ns)) = told.output(logged.stderr).lines.back() else { return false };
    // One that was told before the engine had it is another one like it.
    Told::checksum(&line_text(logged.text)) == Some(*sum) && logged.time_ns.is_some_and(|at| at <= *time_ns)
}

/// Nothing where the log cannot be read to its end.
async fn search(log: impl Stream<Item = Vec<Piece>>, told: &Told) -> Option<Place> {
    let mut log = std::pin::pin!(log);
    let mut open = Open::default();
    let mut searches = [false, true].map(|stderr| Search::new(told.output(stderr), told.last_ns()));
    let mut begins_ns = None;
    while let Some(pieces) = timeout(LOGS_WITHIN, log.next()).await.ok()? {
        for piece in pieces {
            let piece = piece.ok()?;
            let logged = open.read(&piece);
            begins_ns = begins_ns.or(logged.time_ns);
            if logged.begins {
                searches[usize::from(logged.stderr)]
                    .read(&line_text(logged.text), logged.time_ns.unwrap_or(0));
            }
        }
    }
    let [out, err] = searches.map(|search| search.found());
    Some(Place { begins_ns, skip: [out.0, err.0], uncertain: out.1 || err.1 })
}

/// Looks for one output's lines.
struct Search<'a> {
    told: &'a ToldOutput,
    /// Of each beginning of those lines, the length of the longest one that it ends with.
    borders: Vec<usize>,
    /// When the last line was told, of whichever output.
    last_ns: i64,
    read: u64,
    /// As many of those lines were just read, in their order.
    matched: usize,
    from_the_first: Option<u64>,
    before_told: Option<u64>,
    after_told: Option<u64>,
    /// Lines that are older than the last one told.
    older: u64,
}

impl<'a> Search<'a> {
    fn new(told: &'a ToldOutput, last_ns: i64) -> Self {
        let lines = &told.lines;
        let mut borders = vec![0; lines.len()];
        let mut length = 0;
        for at in 1..lines.len() {
            while length > 0 && lines[at].0 != lines[length].0 {
                length = borders[length - 1];
            }
            length += usize::from(lines[at].0 == lines[length].0);
            borders[at] = length;
        }
        let (from_the_first, before_told, after_told) = (None, None, None);
        Self {
            told,
            borders,
            last_ns,
            read: 0,
            matched: 0,
            from_the_first,
            before_told,
            after_told,
            older: 0,
        }
    }

    fn read(&mut self, text: &str, time_ns: i64) {
        self.read += 1;
        if time_ns <= self.last_ns && self.older + 1 == self.read {
            self.older = self.read;
        }
        let lines = &self.told.lines;
        // What looks like ours is not among them.
        let (Some(sum), Some((_, last_ns))) = (Told::checksum(text), lines.back()) else { return };
        while self.matched > 0 && lines.get(self.matched).is_none_or(|line| line.0 != sum) {
            self.matched = self.borders[self.matched - 1];
        }
        self.matched += usize::from(lines[self.matched].0 == sum);
        if self.matched < lines.len() {
            return;
        }
        if self.matched as u64 == self.read && !self.told.begins_earlier {
            self.from_the_first = Some(self.read);
        }
        if time_ns <= *last_ns {
            self.before_told = Some(self.read);
        } else {
            self.after_told = self.after_told.or(Some(self.read));
        }
    }

    /// How many lines were told, and whether that is a guess.
    fn found(self) -> (u64, bool) {
        if self.told.lines.is_empty() {
            return (if self.told.begins_earlier { self.older } else { 0 }, false);
        }
        let found = self.from_the_first.or(self.before_told).or(self.after_told);
        found.map_or((self.older, true), |lines| (lines, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_worker_core::port::OutputLine;

    fn told(lines: &[(&str, i64)], whole: bool) -> Told {
        let line = |(text, time_ns): &(&str, i64)| OutputLine {
            stderr: false,
            time_ns: *time_ns,
            text: (*text).to_owned(),
        };
        Told::of(&lines.iter().map(line).collect::<Vec<_>>(), whole)
    }

    fn found(told: &Told, log: &[(&str, i64)]) -> (u64, bool) {
        let mut search = Search::new(told.output(false), told.last_ns());
        for (text, time) in log {
            search.read(text, *time);
        }
        search.found()
    }

    const COUNT: [(&str, i64); 5] = [("1", 10), ("2", 20), ("3", 30), ("4", 40), ("5", 50)];

    #[test]
    fn lines_that_differ_are_found_wherever_the_log_begins() {
        for last in 1..=5 {
            for kept in 1..=last {
                let told = told(&COUNT[last - kept..last], kept == last);
                for begins in 0..=last - kept {
                    let right = (last - begins) as u64;
                    assert_eq!(found(&told, &COUNT[begins..]), (right, false), "{last} {kept} {begins}");
                }
            }
        }
        assert_eq!(found(&told(&[], true), &COUNT), (0, false), "nothing was told");
    }

    #[test]
    fn our_times_are_later_and_ours_are_no_lines_of_the_program() {
        let told = told(&[("1", 13), ("2", 21), ("[hivemind] network", 22), ("3", 39)], true);
        assert_eq!(found(&told, &COUNT), (3, false));
        let claims = [("1", 10), ("2", 20), ("[hivemind] network", 21), ("3", 30), ("4", 40)];
        assert_eq!(found(&told, &claims), (4, false), "a program that writes as we do confuses nobody");
    }

    #[test]
    fn lines_that_are_alike_are_told_apart_by_their_number_or_their_time() {
        let ticks: Vec<_> = (1..=9).map(|n| ("tick", n * 10)).collect();
        let (first, last) = ([("tick", 11), ("tick", 45)], [("tick", 44), ("tick", 55)]);
        assert_eq!(found(&told(&first, true), &ticks), (2, false), "everything told is known: by number");
        assert_eq!(found(&told(&last, false), &ticks), (5, false), "the last that was there when it arrived");
        let behind = [("tick", 1), ("tick", 2)];
        assert_eq!(found(&told(&behind, false), &ticks), (2, false), "a clock that is behind loses nothing");
        let pairs = [("a", 10), ("b", 20), ("a", 30), ("a", 40), ("b", 50), ("a", 60), ("b", 70)];
        assert_eq!(found(&told(&[("a", 61), ("b", 71)], false), &pairs), (7, false));
        assert_eq!(found(&told(&[("a", 41), ("b", 51), ("a", 61)], false), &pairs), (6, false));
    }

    #[test]
    fn what_is_not_found_is_guessed_by_time_and_said_to_be() {
        assert_eq!(found(&told(&[("other", 35)], false), &COUNT), (3, true));
        assert_eq!(found(&told(&[("0", 5)], false), &COUNT), (0, true), "everything told was thrown away");
        let told = Told::of(&[OutputLine { stderr: true, time_ns: 25, text: "error".into() }], false);
        assert_eq!(found(&told, &COUNT), (2, false), "nothing is known of this output but that time");
    }
}
