//! What a person can do in the tray.

use hivemind_control::{ApiError, Control, IgnoreRulesRequest, SnoozeRequest};

/// A menu entry that does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Click {
    /// Begin to contribute.
    Start,
    /// Stop contributing at once.
    Stop,
    /// Let running tasks finish, then stop.
    Finish,
    /// Give way for so long, as `snooze` takes it; `off` works again.
    Snooze(&'static str),
    /// The same for GPUs alone.
    SnoozeGpus(&'static str),
    /// Set the rules aside for so many minutes; 0 follows them again.
    IgnoreRules(u32),
    /// Show the window.
    OpenDashboard,
    /// Show the window with what may be sent to whoever helps.
    ReportProblem,
    /// End the worker.
    Quit,
}

impl Click {
    /// Does it.
    ///
    /// # Errors
    /// The command's own.
    pub async fn perform(self, control: &dyn Control) -> Result<(), ApiError> {
        match self {
            Self::Start => control.start(()).await.map(drop),
            Self::Stop => control.stop(()).await.map(drop),
            Self::Finish => control.finish(()).await.map(drop),
            Self::Snooze(length) => {
                let request = SnoozeRequest { length: length.to_owned(), gpus_only: false };
                control.snooze(request).await.map(drop)
            }
            Self::SnoozeGpus(length) => {
                let request = SnoozeRequest { length: length.to_owned(), gpus_only: true };
                control.snooze(request).await.map(drop)
            }
            Self::IgnoreRules(minutes) => {
                control.ignore_rules(IgnoreRulesRequest { minutes }).await.map(drop)
            }
            Self::OpenDashboard => control.open_window(()).await,
            Self::ReportProblem => control.report_problem(()).await,
            Self::Quit => control.quit(()).await,
        }
    }
}
