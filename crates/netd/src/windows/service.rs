//! The service, as its manager sees it.

use super::driver::DriverNetwork;
use super::pipe::serve;
use crate::desk::Desk;
use hivemind_netd_protocol::{AWAY_S, PIPE, SERVICE};
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult};
use windows_service::{define_windows_service, service_dispatcher};

define_windows_service!(enter, main);

/// Gives this process to the service manager until the service ends.
pub(super) fn dispatch() -> Result<(), String> {
    service_dispatcher::start(SERVICE, enter)
        .map_err(|error| format!("not started by the service manager: {error}"))
}

fn main(_: Vec<OsString>) {
    if let Err(error) = serve_manager() {
        tracing::error!(%error, "the service ends");
    }
}

fn serve_manager() -> Result<(), String> {
    let stop = Arc::new(Notify::new());
    let told = Arc::clone(&stop);
    let handler = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            told.notify_one();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let manager = service_control_handler::register(SERVICE, handler).map_err(|error| error.to_string())?;
    let stand = |state, accepted, code| {
        manager.set_service_status(ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted: accepted,
            exit_code: ServiceExitCode::Win32(code),
            checkpoint: 0,
            wait_hint: Duration::ZERO,
            process_id: None,
        })
    };
    let able = ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN;
    stand(ServiceState::Running, able, 0).map_err(|error| error.to_string())?;
    let done = run(async move { stop.notified().await });
    let _ = stand(ServiceState::Stopped, ServiceControlAccept::empty(), u32::from(done.is_err()));
    done
}

/// Serves until `stop`; the tunnel is gone afterwards.
pub(super) fn run(stop: impl Future<Output = ()>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no event loop: {error}"))?;
    runtime.block_on(async {
        let desk = Desk::new(DriverNetwork::default(), Duration::from_secs(AWAY_S));
        let served = tokio::select! {
            served = serve(&desk) => served.map_err(|error| closed(&error)),
            () = stop => Ok(()),
        };
        desk.clear().await;
        served
    })
}

/// Why there is no pipe. Windows denies a second first end of one.
fn closed(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("the pipe {PIPE} belongs to another program already: {error}")
        }
        _ => format!("the pipe {PIPE} cannot be opened: {error}"),
    }
}
