//! The list of commands and what is made from it.

use crate::error::{ApiError, ErrorCode};
use crate::event::EventStream;
use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Who may call a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reads only: every paired page.
    Read,
    /// Changes what the worker does: the owner's page, window and command line.
    Operate,
    /// Changes who may look in: from this computer alone, never from the network.
    Home,
    /// Only over the owner's own socket, never from a browser.
    Own,
}

/// Hands the list of all commands to the macro named by the caller.
///
/// A row is: documentation, access class, name, request type, response type.
#[macro_export]
macro_rules! control_commands {
    ($($callback:tt)*) => { $($callback)* ! {
        /// The whole present state.
        Read snapshot(()) -> $crate::Snapshot;
        /// Begin to contribute.
        Operate start(()) -> $crate::Snapshot;
        /// Stop contributing at once; running tasks are handed back.
        Operate stop(()) -> $crate::Snapshot;
        /// Let running tasks finish, take no new ones, then stop.
        Operate finish(()) -> $crate::Snapshot;
        /// Give way for a while, or work again.
        Operate snooze($crate::SnoozeRequest) -> $crate::Snapshot;
        /// Work although the rules say no; not with a full disk, critical heat or while it ends.
        Operate ignore_rules($crate::IgnoreRulesRequest) -> $crate::Snapshot;
        /// Take over a preset's settings.
        Operate set_preset($crate::PresetRequest) -> Vec<$crate::SettingView>;
        /// Every preset and what it would lend of this computer, the one that lends least first.
        Read presets(()) -> Vec<$crate::PresetOffer>;
        /// What it did and why.
        Read timeline($crate::TimelineQuery) -> $crate::TimelineView;
        /// What other rules would have made of the last days; nothing changes.
        Read what_if($crate::WhatIfRequest) -> $crate::WhatIfView;
        /// A page of finished and running tasks, newest first.
        Read tasks($crate::HistoryQuery) -> $crate::HistoryPage;
        /// One attempt.
        Read task($crate::TaskRef) -> $crate::TaskView;
        /// A page of a task's output.
        Read logs($crate::LogQuery) -> $crate::LogPage;
        /// A page of the worker's own log.
        Read own_log($crate::OwnLogQuery) -> $crate::OwnLogPage;
        /// What is kept of a failed task for finding out why.
        Read debug_data($crate::TaskRef) -> $crate::DebugView;
        /// Open the folder with what is kept of a failed task.
        Operate open_debug_data($crate::TaskRef) -> ();
        /// Stop one task and hand it back.
        Operate stop_task($crate::StopTaskRequest) -> $crate::TaskView;
        /// Earnings per day.
        Read earnings($crate::EarningsQuery) -> $crate::EarningsView;
        /// A page of the attempts of a period that were or may be paid, newest first.
        Read earned_tasks($crate::EarnedQuery) -> $crate::EarnedPage;
        /// What the live network's ledger holds for the account, asked now.
        Read network_ledger(()) -> $crate::NetworkLedger;
        /// A part of the ledger of receipts as one file that can be verified anywhere.
        Read receipts($crate::ReceiptsQuery) -> $crate::ReceiptsPart;
        /// Sign in to the pool.
        Operate login($crate::LoginRequest) -> $crate::AccountView;
        /// Sign out and forget the tokens.
        Operate logout(()) -> $crate::Snapshot;
        /// Every setting with its source.
        Read settings(()) -> Vec<$crate::SettingView>;
        /// Whether a setting could have this value; nothing changes.
        Read check_setting($crate::SettingChange) -> ();
        /// Change one setting.
        Operate set_setting($crate::SettingChange) -> Vec<$crate::SettingView>;
        /// Answer whether an image may be run; the settings as they are then.
        Operate answer_image($crate::ImageDecision) -> Vec<$crate::SettingView>;
        /// Names of the programs that run now, each once, for choosing the ones that work gives way to. Who may only look
        /// is not told what the owner does.
        Operate programs(()) -> Vec<String>;
        /// Decide about a host that a task wants to reach.
        Operate answer_host($crate::HostAnswer) -> $crate::Snapshot;
        /// The computer's use now and over the last minute.
        Read metrics(()) -> $crate::MetricsView;
        /// The computer's use over hours and days.
        Read trend($crate::TrendQuery) -> $crate::TrendView;
        /// Numbered checks with proof and fix.
        Read doctor(()) -> $crate::DoctorReport;
        /// Try what no task may do on this computer; work stops when something gets through.
        Operate prove(()) -> $crate::ProofView;
        /// Make a new key for the private link, tell the pool, and start the link anew.
        Operate renew_link(()) -> $crate::PrivateLinkView;
        /// Take the private link's file of another program without what is refused in it, and start the link anew. The
        /// file of before is kept beside it.
        Operate narrow_link(()) -> $crate::PrivateLinkView;
        /// How the private link stands, and what it has carried.
        Read link(()) -> $crate::LinkTrafficView;
        /// Versions, and what is on this computer because of the worker.
        Read footprint(()) -> $crate::FootprintView;
        /// How far the practice task has come.
        Read practice(()) -> $crate::PracticeView;
        /// Begin a practice task on a pool inside the worker, without an account.
        Operate begin_practice(()) -> $crate::PracticeView;
        /// Show the window, or raise it.
        Operate open_window(()) -> ();
        /// Show the window with what a person may send to whoever helps.
        Operate report_problem(()) -> ();
        /// A one-time link for another browser, or for a device of the local network.
        Home invite($crate::InviteRequest) -> $crate::PairingCode;
        /// A one-time code that pairs a browser.
        Own pair(()) -> $crate::PairingCode;
        /// End the worker: running tasks are handed back first. After a crash they are adopted instead.
        Own quit(()) -> ();
    } };
}

/// What the list says about one command.
#[derive(Debug, Clone, Copy)]
pub struct CommandInfo {
    /// Name on the wire.
    pub name: &'static str,
    /// Who may call it.
    pub access: Access,
    /// TypeScript type of the request.
    pub request: fn(&ts_rs::Config) -> String,
    /// TypeScript type of the response.
    pub response: fn(&ts_rs::Config) -> String,
    /// What it does, for people.
    pub doc: &'static str,
}

/// Carries a named call somewhere else.
#[async_trait]
pub trait Call: Send + Sync {
    /// Sends `request` to the command `name` and gives its answer.
    async fn call(&self, name: &'static str, request: Value) -> Result<Value, ApiError>;
}

/// Typed calls over any [`Call`].
#[derive(Debug, Clone)]
pub struct Client<C>(pub C);

fn encode<T: Serialize>(value: T) -> Result<Value, ApiError> {
    serde_json::to_value(value).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))
}

fn decode<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value)
        .map_err(|e| ApiError::new(ErrorCode::InvalidRequest, format!("{name}: {e}")))
}

macro_rules! define {
    ($($(#[doc = $doc:literal])* $access:ident $name:ident($request:ty) -> $response:ty;)*) => {
        /// What the worker can be asked.
        #[async_trait]
        pub trait Control: Send + Sync + 'static {
            $($(#[doc = $doc])* async fn $name(&self, request: $request) -> Result<$response, ApiError>;)*

            /// The present state, then everything that changes.
            fn subscribe(&self) -> EventStream;
        }

        /// Every command, in the order of the list.
        pub const COMMANDS: &[CommandInfo] = &[$(CommandInfo {
            name: stringify!($name),
            access: Access::$access,
            request: <$request as ts_rs::TS>::name,
            response: <$response as ts_rs::TS>::name,
            doc: concat!($($doc),*),
        }),*];

        /// Serves a named call.
        ///
        /// # Errors
        /// [`ErrorCode::InvalidRequest`] for an unknown name or a request of another shape, else the command's own.
        pub async fn dispatch(control: &dyn Control, name: &str, request: Value) -> Result<Value, ApiError> {
            match name {
                $(stringify!($name) => {
                    let request: $request = decode(name, request)?;
                    encode(control.$name(request).await?)
                })*
                other => Err(ApiError::new(
                    ErrorCode::InvalidRequest,
                    format!("there is no command {}", hivemind_domain::text::plain_line(other, 40)),
                )),
            }
        }

        impl<C: Call> Client<C> {
            $($(#[doc = $doc])* pub async fn $name(&self, request: $request) -> Result<$response, ApiError> {
                decode(stringify!($name), self.0.call(stringify!($name), encode(request)?).await?)
            })*
        }
    };
}

control_commands!(define);

/// Looks a command up by name.
#[must_use]
pub fn find(name: &str) -> Option<&'static CommandInfo> {
    COMMANDS.iter().find(|c| c.name == name)
}
