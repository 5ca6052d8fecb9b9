//! A running container: start, lines, use, end.
//!
//! ```text
//! attached streams ► lines   of a container that this process started; end with it
//! log stream ──────► lines   of any other, and where those were cut; its end is read again from the log
//! stats stream ────► use     never ends by itself: dropped
//! shared events ───► exit code, out of memory
//! ```
//! No polling. Each of the streams may fail; whichever does, the engine is asked once and the others go on. An end
//! is believed only from an event or an inspection, and told after every line was.

mod begin;
mod brake;
mod lines;
mod locate;
mod network;
mod output;
mod piece;
mod printed;
mod state;
mod usage;

use crate::connection::Connection;
use crate::events::Notice;
pub(crate) use begin::{Begun, begin};
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptionsBuilder;
use brake::Brake;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hivemind_worker_core::port::{ContainerEvent, EngineError, Exit, Told};
pub(crate) use lines::Lines;
pub(crate) use network::Network;
pub(crate) use printed::Printed;
pub(crate) use state::is_created;
use state::{State, inspect};
use std::time::Duration;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};

/// The statistics are asked for when the container has run this long: the engine's first reading takes more than a
/// second anyway, and a short task is spared a request.
const STATS_AFTER: Duration = Duration::from_secs(1);
/// After the log stream ended, the event with the exit code is expected within this time.
const EVENT_WITHIN: Duration = Duration::from_millis(300);
/// After the end, the log stream may be silent for this long before it is given up.
const LOGS_WITHIN: Duration = Duration::from_secs(10);
/// A log stream that breaks this often without telling anything is given up once the container has ended.
const LOG_TRIES: u32 = 5;
/// Pause before such a try, times their number.
const LOG_PAUSE: Duration = Duration::from_millis(200);
/// A killed container's memory event may come this much later than its end.
const LATE_MEMORY_EVENT: Duration = Duration::from_millis(100);
/// With no sign of life for this long the engine is asked; then after twice that, and so on.
const QUIET: Duration = Duration::from_secs(30);
const LONGEST_QUIET: Duration = Duration::from_secs(600);
/// So many pieces of a log are looked at before anything else is.
const PIECES: usize = 256;
/// Exit code of a process ended by SIGKILL.
const KILLED: i64 = 137;

/// Follows a container that has begun to its end. `notices` were listened to before that.
pub(crate) async fn follow(
    engine: &Connection,
    notices: broadcast::Receiver<Notice>,
    container: &str,
    begun: Begun,
    told: Told,
    events: mpsc::Sender<ContainerEvent>,
    network: Network,
) -> Result<Exit, EngineError> {
    let _ = events.send(ContainerEvent::Started).await;
    let mut watch = Watch::new(engine, container, events, notices, network, told);
    match begun {
        Begun::Started(printed) => watch.printed = printed,
        Begun::Running => {}
        Begun::Ended(exit) => watch.ended(exit),
    }
    watch.until_the_end().await
}

/// Pieces of a log, as many at a time as are there.
type Logs = BoxStream<'static, Vec<Piece>>;
type Piece = Result<LogOutput, Error>;
type Stats = BoxStream<'static, Result<ContainerStatsResponse, Error>>;

struct Watch<'a> {
    engine: &'a Connection,
    container: &'a str,
    events: mpsc::Sender<ContainerEvent>,
    notices: broadcast::Receiver<Notice>,
    network: Network,
    told: Told,
    /// Tells the lines as long as it is there; otherwise the log does.
    printed: Option<Printed>,
    lines: Lines,
    logs: Option<Logs>,
    /// What is told was read from the log, at last.
    from_log: bool,
    /// Every line is told: the log was read to its end after the container's, or everything came before that.
    complete: bool,
    /// How often it ended too early in a row.
    log_failures: u32,
    brake: Brake,
    stats: Option<Stats>,
    exit: Option<i64>,
    out_of_memory: bool,
}

impl<'a> Watch<'a> {
    fn new(
        engine: &'a Connection,
        container: &'a str,
        events: mpsc::Sender<ContainerEvent>,
        notices: broadcast::Receiver<Notice>,
        network: Network,
        told: Told,
    ) -> Self {
        Self {
            engine,
            container,
            events,
            notices,
            network,
            told,
            printed: None,
            lines: Lines::default(),
            logs: None,
            from_log: false,
            complete: false,
            log_failures: 0,
            brake: Brake::default(),
            stats: None,
            exit: None,
            out_of_memory: false,
        }
    }

    async fn until_the_end(mut self) -> Result<Exit, EngineError> {
        if self.printed.is_none() {
            self.open_logs().await?;
        }
        let mut stats_at = Some(Instant::now() + STATS_AFTER);
        let mut quiet = QUIET;
        let mut deadline = Instant::now() + self.patience(quiet);
        loop {
            if let (Some(code), false) = (self.exit, self.hears()) {
                if self.complete {
                    self.own_up(code).await;
                    return self.finish(code).await;
                }
                if self.log_failures >= LOG_TRIES {
                    // With the engine gone the rest is read when it is back.
                    inspect(self.engine, self.container).await?;
                    tracing::warn!(container = self.container, "the end of the output cannot be read");
                    return self.finish(code).await;
                }
                if self.log_failures > 0 {
                    tokio::time::sleep(LOG_PAUSE * self.log_failures).await;
                }
                self.open_logs().await?;
                continue;
            }
            if self.exit.is_none() && self.brake.is_due(self.lines.bytes()) {
                self.brake.put_on(self.engine, self.container, self.lines.bytes()).await;
            }
            let holds = self.brake.holds(self.lines.bytes());
            let silent_at = self.brake.silent_at(Instant::now());
            let before = (self.exit.is_some(), self.hears());
            let alive = tokio::select! {
                biased;
                notice = self.notices.recv() => self.on_notice(notice).await?,
                // Before the lines: a program that never stops printing must not hide its use.
                stats = next(&mut self.stats) => self.on_stats(stats).await,
                pieces = next_printed(&mut self.printed) => self.on_printed(pieces).await,
                pieces = next(&mut self.logs) => self.on_log(pieces).await,
                () = self.brake.take(), if !holds => continue,
                () = sleep_until(silent_at), if holds && self.exit.is_none() => {
                    self.on_held_silence().await?;
                    continue;
                }
                () = sleep_until(stats_at.unwrap_or(deadline)), if stats_at.is_some() => {
                    stats_at = None;
                    if self.exit.is_none() && self.stats.is_none() {
                        self.stats = Some(self.open_stats()?);
                    }
                    continue;
                }
                () = sleep_until(deadline) => {
                    quiet = if before == (false, true) { (quiet * 2).min(LONGEST_QUIET) } else { QUIET };
                    self.on_silence().await?;
                    deadline = Instant::now() + self.patience(quiet);
                    continue;
                }
            };
            if alive {
                quiet = QUIET;
            }
            if alive || before != (self.exit.is_some(), self.hears()) {
                deadline = Instant::now() + self.patience(quiet);
            }
        }
    }

    /// Whether something is open that tells lines.
    fn hears(&self) -> bool {
        self.logs.is_some() || self.printed.as_ref().is_some_and(Printed::is_open)
    }

    /// How long to wait for the next sign, by what is still missing.
    fn patience(&self, quiet: Duration) -> Duration {
        match (self.exit, self.hears()) {
            (None, false) => EVENT_WITHIN * (1 << self.log_failures.min(6)),
            (Some(_), _) => LOGS_WITHIN,
            (None, true) => quiet,
        }
    }

    fn ended(&mut self, exit: Exit) {
        self.exit = Some(exit.code);
        self.out_of_memory |= exit.out_of_memory;
        self.stats = None;
        self.log_failures = 0;
    }

    /// Whether the news was about this container.
    async fn on_notice(&mut self, notice: Result<Notice, RecvError>) -> Result<bool, EngineError> {
        match notice {
            Ok(Notice::Died { container, code }) if container == self.container => {
                // Where the engine was asked before its word came, the log is being read to its end already.
                if self.exit.is_none() {
                    self.ended(Exit { code, out_of_memory: false });
                    // The engine closes a container's log before it tells the end. The rest is read at once: the
                    // following stream would end by itself some 100 ms later, and perhaps before the last piece.
                    self.logs = None;
                    self.settle().await;
                }
                Ok(true)
            }
            Ok(Notice::OutOfMemory { container }) if container == self.container => {
                self.out_of_memory = true;
                Ok(true)
            }
            Ok(Notice::Died { .. } | Notice::OutOfMemory { .. }) => Ok(false),
            // The sender lives as long as the engine that called us.
            Ok(Notice::Interrupted) | Err(RecvError::Lagged(_) | RecvError::Closed) => {
                self.doubt();
                if self.exit.is_none() {
                    self.ask().await?;
                }
                Ok(true)
            }
        }
    }

    async fn on_stats(&mut self, stats: Option<Result<ContainerStatsResponse, Error>>) -> bool {
        match stats {
            Some(Ok(stats)) => {
                if let Some(mut sample) = usage::sample(&stats) {
                    self.network.add(&mut sample);
                    let _ = self.events.send(ContainerEvent::Usage(sample)).await;
                }
                self.exit.is_none() && self.hears()
            }
            Some(Err(error)) => {
                tracing::debug!(container = self.container, %error, "the statistics stream broke");
                self.stats = None;
                false
            }
            None => {
                self.stats = None;
                false
            }
        }
    }

    async fn on_silence(&mut self) -> Result<(), EngineError> {
        if self.exit.is_some() {
            tracing::warn!(container = self.container, "the log stream did not end with the container");
            self.logs = None;
            self.log_failures += 1;
            return Ok(());
        }
        self.ask().await
    }

    /// Asks the engine how things stand, and mends what broke.
    async fn ask(&mut self) -> Result<(), EngineError> {
        match inspect(self.engine, self.container).await? {
            State::Ended(exit) => {
                // Whether it closed because of the end cannot be known now, unless it is marked.
                self.doubt();
                self.ended(exit);
                self.settle().await;
            }
            State::Running | State::Created => {
                if !self.hears() {
                    self.printed = None;
                    self.log_failures += 1;
                    self.open_logs().await?;
                }
                if self.stats.is_none() {
                    self.stats = Some(self.open_stats()?);
                }
            }
        }
        Ok(())
    }

    fn open_stats(&self) -> Result<Stats, EngineError> {
        let options = StatsOptionsBuilder::new().stream(true).build();
        Ok(self.engine.docker()?.stats(self.container, Some(options)).boxed())
    }

    /// The end is known and every line told: what remains is whether memory was the reason.
    async fn finish(mut self, code: i64) -> Result<Exit, EngineError> {
        self.read_waiting_notices();
        if !self.out_of_memory && code == KILLED {
            let late = Instant::now() + LATE_MEMORY_EVENT;
            while !self.out_of_memory
                && let Ok(Ok(notice)) = tokio::time::timeout_at(late, self.notices.recv()).await
            {
                self.note_memory(&notice);
            }
            if !self.out_of_memory
                && let Ok(State::Ended(exit)) = inspect(self.engine, self.container).await
            {
                self.out_of_memory = exit.out_of_memory;
            }
        }
        let lost = self.brake.rest(self.lines.bytes()).await;
        if lost > 0 {
            self.tell_lost(lost).await;
        }
        if let Some(sample) = self.network.last_sample() {
            let _ = self.events.send(ContainerEvent::Usage(sample)).await;
        }
        self.tell_network(printed::arrived_ns()).await;
        Ok(Exit { code, out_of_memory: self.out_of_memory })
    }

    fn read_waiting_notices(&mut self) {
        loop {
            match self.notices.try_recv() {
                Ok(notice) => self.note_memory(&notice),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn note_memory(&mut self, notice: &Notice) {
        if matches!(notice, Notice::OutOfMemory { container } if container == self.container) {
            self.out_of_memory = true;
        }
    }
}

/// The next item, or never when there is no stream.
async fn next<T>(stream: &mut Option<BoxStream<'static, T>>) -> Option<T> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

/// What an attached container prints next, or never anything without one.
async fn next_printed(printed: &mut Option<Printed>) -> Option<Vec<Piece>> {
    match printed {
        Some(printed) => printed.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(all(test, unix))]
mod tests;
