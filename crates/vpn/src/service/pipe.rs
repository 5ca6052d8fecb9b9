//! A named pipe, once it is known that the service is at its other end: the keys of the link are said there.

use crate::problem;
use hivemind_control::ApiError;
use hivemind_netd_protocol::{PIPE_ACCESS, SERVICE};
use interprocess::os::windows::named_pipe::{pipe_mode::Bytes, tokio::DuplexPipeStream};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::OwnedHandle;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use windows_service::service::ServiceAccess;
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

/// What lets us carry an interface's packets: nothing here, where a driver does it.
pub(crate) type Handle = Infallible;

/// Pipes of this computer alone: a name of another one's would be answered over the network.
const HERE: &str = r"\\.\pipe\";
/// Reads and writes do not wait (`FILE_FLAG_OVERLAPPED`).
const OVERLAPPED: u32 = 0x4000_0000;
/// Whoever is at the other end may learn who we are, and not act as us (`SECURITY_IDENTIFICATION`).
const IDENTIFICATION: u32 = 0x0001_0000;
/// All ends of the pipe are taken for the moment (`ERROR_PIPE_BUSY`).
const PIPE_BUSY: i32 = 231;
const PAUSE: Duration = Duration::from_millis(50);

/// The way to the service.
pub(super) struct Wire(DuplexPipeStream<Bytes>);

impl Wire {
    /// Connects, and looks who is there. Whoever opened the pipe's name first would be asked for the tunnel and be given
    /// its keys; but only an administrator can register a service.
    pub(super) async fn connect(path: &Path) -> Result<Self, ApiError> {
        if !path.to_str().is_some_and(|path| path.starts_with(HERE)) {
            return Err(problem::no_service(&format!("{} is no pipe of this computer", path.display())));
        }
        let stream = open(path).await.map_err(|error| problem::service(&error, path))?;
        let there = stream.server_process_id().map_err(|error| problem::service(&error, path))?;
        let registered = tokio::task::spawn_blocking(process_of_the_service).await;
        let failed = |error: &dyn std::fmt::Display| problem::no_service(&error.to_string());
        let registered = registered.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        if registered != Some(there) {
            return Err(problem::impostor(path, there));
        }
        Ok(Self(stream))
    }

    /// Writes all of it.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Takes bytes, 0 at the end.
    pub(super) async fn read(&mut self, bytes: &mut [u8]) -> io::Result<(usize, Option<Handle>)> {
        Ok((self.0.read(bytes).await?, None))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Nothing that was asked has to be heard any more.
        self.0.assume_flushed();
    }
}

async fn open(path: &Path) -> io::Result<DuplexPipeStream<Bytes>> {
    loop {
        let opened = OpenOptions::new()
            .access_mode(PIPE_ACCESS)
            .share_mode(0)
            .custom_flags(OVERLAPPED)
            .security_qos_flags(IDENTIFICATION)
            .open(path);
        match opened {
            Err(error) if error.raw_os_error() == Some(PIPE_BUSY) => tokio::time::sleep(PAUSE).await,
            opened => return stream(opened?),
        }
    }
}

fn stream(file: File) -> io::Result<DuplexPipeStream<Bytes>> {
    DuplexPipeStream::try_from(OwnedHandle::from(file)).map_err(|error| io::Error::other(error.to_string()))
}

/// The process that the service manager runs as the service; `None` when it runs none.
fn process_of_the_service() -> windows_service::Result<Option<u32>> {
    let manager = ServiceManager::local_computer(None::<&OsStr>, ServiceManagerAccess::CONNECT)?;
    let service = manager.open_service(SERVICE, ServiceAccess::QUERY_STATUS)?;
    Ok(service.query_status()?.process_id)
}
