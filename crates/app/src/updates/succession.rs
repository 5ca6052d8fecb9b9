//! Who starts whom. The worker has ended and handed its folder back; its process puts the new version in place, starts
//! it, watches it, and takes it back where it does not become well. Then it stays for as long as the version that runs,
//! hands a wish to end down to it, and ends with its exit code: whoever started this process, a terminal, a session or
//! systemd, still has the process that it knows.
//!
//! A version that runs in this way asks for its own exchange by ending with [`EXCHANGE`], so there are never more than
//! two processes, however many updates there were.

use super::keeper::PAUSE;
use super::look::NotTaken;
use super::record::{Record, Tried};
use super::start::{ACCOMPANIED, by_the_parent};
use crate::exit::EXCHANGE;
use crate::{output, words::words};
use hivemind_local_api::SocketClient;
use hivemind_update::{HEALTHY_WITHIN, Patience, Swap, SwapError, SystemDisk, Verdict, Waited, try_out};
use hivemind_worker_core::port::Clock;
use semver::Version;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Between two looks at a version on trial.
const LOOK: Duration = Duration::from_millis(200);
/// For one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// So long it has to go on answering: many a crash comes a moment after the start.
const STEADY: Duration = Duration::from_secs(5);
/// How often a version that begins or ends is asked to end.
const TRIES: u32 = 300;

/// What is needed to start the version that follows.
pub(crate) struct Succession {
    pub(crate) program: PathBuf,
    /// As this process was called.
    pub(crate) arguments: Vec<OsString>,
    pub(crate) data: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    /// Cancelled when this process is asked to end. Listened to since its beginning: nothing is missed in between.
    pub(crate) ending: CancellationToken,
}

/// What runs now.
enum Now {
    /// A version of the program.
    Runs(Child),
    /// Nothing: this process was asked to end.
    Ends,
}

impl Succession {
    /// Puts the version that is ready in place. Gives the exit code of whatever ran last.
    pub(crate) async fn exchange(self) -> ExitCode {
        if by_the_parent() {
            return ExitCode::from(EXCHANGE);
        }
        self.follow(true).await
    }

    /// Starts what lies in the program's place.
    pub(crate) async fn start(self) -> ExitCode {
        self.follow(false).await
    }

    async fn follow(self, mut exchange: bool) -> ExitCode {
        let mut in_vain = 0;
        loop {
            if self.ending.is_cancelled() {
                return ExitCode::SUCCESS;
            }
            let began = Instant::now();
            let now = if exchange { self.try_new(&mut in_vain).await } else { None };
            let child = match now {
                Some(Now::Ends) => return ExitCode::SUCCESS,
                Some(Now::Runs(child)) => child,
                None => match self.command().spawn() {
                    Ok(child) => child,
                    Err(error) => {
                        output::note(words().version_not_started(&error));
                        return ExitCode::FAILURE;
                    }
                },
            };
            let code = self.accompany(child).await;
            if began.elapsed() > PAUSE {
                in_vain = 0;
            }
            // One that asks again and again for what cannot be had is not started for ever.
            if code != i32::from(EXCHANGE) || in_vain > 1 {
                return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
            }
            exchange = true;
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env(ACCOMPANIED, std::process::id().to_string());
        command
    }

    /// Nothing where what lies in the program's place has to be started without ado.
    async fn try_new(&self, in_vain: &mut u32) -> Option<Now> {
        let (program, socket) = (self.program.clone(), self.socket.clone());
        let (mut command, ending, handle) = (self.command(), self.ending.clone(), Handle::current());
        let trial = tokio::task::spawn_blocking(move || {
            let swap = Swap::new(program, &SystemDisk);
            let version = swap.begin()?;
            let until = Instant::now() + HEALTHY_WITHIN;
            let mut health =
                Health { socket, version: version.clone(), well_since: None, handle: handle.clone() };
            let mut patience = Trial { until, ending, handle };
            let verdict = try_out(&swap, &mut command, &mut patience, &mut || health.is_well())?;
            Ok::<_, SwapError>((version, verdict))
        });
        let tried = trial.await.ok()?;
        *in_vain = if tried.is_ok() { 0 } else { *in_vain + 1 };
        match tried {
            Ok((version, Verdict::Healthy(child))) => {
                self.tell(|record| record.tried = Some(Tried { version, taken_back: None }));
                Some(Now::Runs(child))
            }
            Ok((version, Verdict::TakenBack(why))) => {
                output::note(words().taken_back(&version, &why));
                self.tell(|record| record.tried = Some(Tried { version, taken_back: Some(why) }));
                // An image that unpacks itself leaves its own child behind.
                self.quit(1).await;
                None
            }
            Ok((_, Verdict::PutOff)) => {
                self.quit(1).await;
                Some(Now::Ends)
            }
            Err(error) => {
                output::note(words().not_exchanged(&error));
                let later = self.clock.now().wall.0.saturating_add(PAUSE.as_millis() as i64);
                self.tell(|record| {
                    record.not_before_ms = Some(later);
                    record.why = Some(NotTaken::from(error).why());
                });
                None
            }
        }
    }

    fn tell(&self, change: impl FnOnce(&mut Record)) {
        Record::change(&self.data, |record| {
            record.not_before_ms = None;
            change(record);
        });
    }

    /// Waits for its end; hands down the wish to end. Gives its exit code.
    async fn accompany(&self, mut child: Child) -> i32 {
        let mut waiting = tokio::task::spawn_blocking(move || child.wait());
        let ended = tokio::select! {
            ended = &mut waiting => ended,
            () = self.ending.cancelled() => {
                tokio::select! {
                    ended = &mut waiting => ended,
                    never = self.quit_at_last() => match never {},
                }
            }
        };
        // One that a signal ended has no code.
        ended.ok().and_then(Result::ok).and_then(|status| status.code()).unwrap_or(1)
    }

    async fn quit_at_last(&self) -> std::convert::Infallible {
        self.quit(TRIES).await;
        std::future::pending().await
    }

    /// Asks whoever answers there to end; one that only begins is asked again.
    async fn quit(&self, tries: u32) {
        for _ in 0..tries {
            let asked = async { SocketClient::connect(self.socket.clone()).await?.typed().quit(()).await };
            if timeout(ANSWER, asked).await.is_ok_and(|quits| quits.is_ok()) {
                return;
            }
            sleep(LOOK).await;
        }
    }
}

/// A version is well when it answers as itself, and still does so a little later.
struct Health {
    socket: PathBuf,
    version: Version,
    well_since: Option<Instant>,
    handle: Handle,
}

impl Health {
    fn is_well(&mut self) -> bool {
        let socket = self.socket.clone();
        let asked = async { SocketClient::connect(socket).await?.typed().snapshot(()).await };
        let said = self.handle.block_on(async { timeout(ANSWER, asked).await });
        let itself = said.is_ok_and(|said| said.is_ok_and(|it| it.version == self.version.to_string()));
        if !itself {
            self.well_since = None;
            return false;
        }
        self.well_since.get_or_insert_with(Instant::now).elapsed() >= STEADY
    }
}

struct Trial {
    until: Instant,
    ending: CancellationToken,
    handle: Handle,
}

impl Patience for Trial {
    fn wait(&mut self) -> Waited {
        let ending = self.ending.clone();
        let asked = self.handle.block_on(async move { timeout(LOOK, ending.cancelled_owned()).await });
        match asked {
            Ok(()) => Waited::Ending,
            Err(_) if Instant::now() >= self.until => Waited::TooLong,
            Err(_) => Waited::On,
        }
    }
}
