//! The lines of a container: from what it prints, or from its log.

use super::brake::{self, Silence};
use super::lines::Lines;
use super::printed;
use super::state::is_ours;
use super::{KILLED, PIECES, Piece, Watch, locate, next_printed};
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use hivemind_worker_core::port::{ContainerEvent, EngineError, OWN_WORD, OutputLine};
use std::time::Duration;
use tokio::time::Instant;

/// What the task's log says at its end where that may not be the end.
const NO_END: &str = "the engine was away when the task ended: the last lines may be missing";
/// After the end, what an attached container printed last comes within this time.
const REST_WITHIN: Duration = Duration::from_secs(2);

impl Watch<'_> {
    /// What an attached container printed last comes a moment after the end, if at all. When everything that was
    /// printed has come, the log need not be read.
    pub(super) async fn settle(&mut self) {
        let ended = Instant::now();
        while self.printed.as_ref().is_some_and(|printed| printed.is_open() && !printed.is_marked()) {
            let pieces = tokio::time::timeout(REST_WITHIN, next_printed(&mut self.printed)).await;
            let Ok(pieces) = pieces else { break };
            self.on_printed(pieces).await;
        }
        let Some(mut printed) = self.printed.take() else { return };
        let now = printed::arrived_ns();
        let rest = printed.rest();
        self.complete = printed.is_marked();
        if !self.complete && printed.is_whole(ended) {
            let mut told = self.told.clone();
            for (stderr, text) in &rest {
                told.push(&OutputLine { stderr: *stderr, time_ns: now, text: text.clone() });
            }
            // A connection that was cut a moment before the end looks the same, perhaps in the middle of a line.
            let ends_alike = locate::log_ends_with(self.engine, self.container, &told);
            self.complete = tokio::time::timeout(REST_WITHIN, ends_alike).await.unwrap_or(false);
        }
        if self.complete {
            for (stderr, text) in rest {
                self.tell(stderr, now, text).await;
            }
        }
    }

    /// Something was cut: that another stream ends proves nothing any more.
    pub(super) fn doubt(&mut self) {
        if let Some(printed) = &mut self.printed {
            printed.doubt();
        }
    }

    /// Whether more comes from the attached container.
    pub(super) async fn on_printed(&mut self, pieces: Option<Vec<Piece>>) -> bool {
        let Some(pieces) = pieces else { return false };
        let now = printed::arrived_ns();
        let mut lines = Vec::new();
        for piece in pieces {
            let (Ok(piece), Some(printed)) = (piece, &mut self.printed) else {
                tracing::debug!(container = self.container, "the attached container's output broke");
                self.printed = None;
                break;
            };
            printed.push(&piece, |stderr, text| lines.push((stderr, text)));
        }
        for (stderr, text) in lines {
            self.tell(stderr, now, text).await;
        }
        true
    }

    /// Tells a line, and what befell the network behind it. Times rise within a task, whichever clock they are of.
    async fn tell(&mut self, stderr: bool, time_ns: i64, text: String) {
        self.send(stderr, time_ns, text).await;
        self.tell_network(time_ns).await;
    }

    pub(super) async fn tell_network(&mut self, time_ns: i64) {
        for sentence in self.network.sentences() {
            self.send(true, time_ns, format!("{OWN_WORD} network: {sentence}")).await;
        }
    }

    async fn send(&mut self, stderr: bool, time_ns: i64, text: String) {
        let line = OutputLine { stderr, time_ns: time_ns.max(self.told.last_ns().saturating_add(1)), text };
        self.told.push(&line);
        // A receiver that is gone wants no more lines; the end is still watched for.
        let _ = self.events.send(ContainerEvent::Line(line)).await;
    }

    /// Whether the log goes on.
    pub(super) async fn on_log(&mut self, pieces: Option<Vec<Piece>>) -> bool {
        let Some(pieces) = pieces else {
            self.logs = None;
            return false;
        };
        let read = self.lines.bytes();
        for piece in pieces {
            if self.lines.begins_elsewhere() {
                // The engine threw the beginning away since it was looked through.
                self.fail_log();
                return false;
            }
            match piece {
                Ok(piece) => self.on_piece(&piece).await,
                Err(error) => {
                    tracing::debug!(container = self.container, %error, "the log stream broke");
                    self.fail_log();
                    return false;
                }
            }
        }
        self.log_failures = 0;
        if self.lines.bytes() > read {
            self.brake.heard(Instant::now());
        } else {
            self.brake.heard_again(Instant::now());
        }
        true
    }

    fn fail_log(&mut self) {
        self.logs = None;
        self.complete = false;
        self.log_failures += 1;
    }

    async fn on_piece(&mut self, piece: &LogOutput) {
        if let Some(line) = self.lines.push(piece) {
            self.tell(line.stderr, line.time_ns.unwrap_or(0), line.text).await;
        }
    }

    /// The program waits for its log to be read, and the log says nothing: it is read anew, and if that brings
    /// nothing either the engine has thrown something away.
    pub(super) async fn on_held_silence(&mut self) -> Result<(), EngineError> {
        match self.brake.silence(self.lines.bytes(), Instant::now()) {
            Silence::ReadAnew => self.open_logs().await?,
            Silence::Lost(bytes) => self.tell_lost(bytes).await,
        }
        Ok(())
    }

    pub(super) async fn tell_lost(&mut self, bytes: u64) {
        tracing::warn!(container = self.container, bytes, "output was lost");
        self.tell_own(&brake::sentence(bytes)).await;
    }

    /// Our process 1 ends both outputs with a mark. A log that was read to its end and has none lost its end with an
    /// engine that was away then; a process 1 that was killed itself leaves none either.
    pub(super) async fn own_up(&mut self, code: i64) {
        let cut = self.from_log && !self.lines.is_marked() && code != KILLED;
        if cut && is_ours(self.engine, self.container).await {
            tracing::warn!(container = self.container, "the log has no end");
            self.tell_own(NO_END).await;
        }
    }

    /// Tells a line of ours in this place.
    async fn tell_own(&mut self, sentence: &str) {
        let time_ns = if self.told.last_ns() > 0 { 0 } else { printed::arrived_ns() };
        self.send(true, time_ns, format!("{OWN_WORD} {sentence}")).await;
    }

    /// Opens the log behind what was told. While the container runs, a stream that follows it. Once it has ended,
    /// what stands in its log to the last byte: a following stream may end before the last piece (seen in one of
    /// twenty ends with Docker 20.10).
    pub(super) async fn open_logs(&mut self) -> Result<(), EngineError> {
        self.logs = None;
        self.complete = false;
        let mut from = locate::Place::default();
        if !self.told.is_nothing() {
            let Some(place) = locate::locate(self.engine, self.container, &self.told).await else {
                self.log_failures += 1;
                return Ok(());
            };
            from = place;
            if place.uncertain {
                tracing::warn!(container = self.container, "the place in the engine's log was not found");
                self.tell_own(locate::UNCERTAIN).await;
            }
        }
        self.lines = Lines::behind(from, self.lines.bytes());
        self.from_log = true;
        self.complete = self.exit.is_some();
        let options = LogsOptionsBuilder::new()
            .follow(self.exit.is_none())
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .build();
        let logs = self.engine.docker()?.logs(self.container, Some(options));
        self.logs = Some(logs.ready_chunks(PIECES).boxed());
        Ok(())
    }
}
