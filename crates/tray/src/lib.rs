//! The tray: what it shows is a pure function of the snapshot; what is clicked becomes a control command.
//!
//! On Linux a StatusNotifierItem over D-Bus, without GTK; on Windows the notification area. Where there is no place
//! for it, the worker goes on without one.
//!
//! Architecture invariants: `model` knows no operating system, and the hosts know no snapshot; no text reaches a tray
//! host that was not made printable before.

mod click;
mod model;
mod notify;
mod words;

#[cfg(all(feature = "fuzzing", target_os = "linux"))]
pub mod fuzzing;
#[cfg(target_os = "linux")]
mod linux;
mod picture;
mod place;
mod run;
#[cfg(windows)]
mod windows;

pub use click::Click;
pub use model::{Entry, TrayModel, tray_model};
#[cfg(target_os = "linux")]
pub use notify::DesktopNotices;
pub use notify::{Notice, NoticeBoard, ToldStore, notify};
pub use place::{Place, PlaceTeller};
pub use run::{Ended, WallClock, run};
