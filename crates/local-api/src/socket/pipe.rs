//! A named pipe that only the current user and the system may open, never from another computer.

use crate::connections::{Accept, Ends};
use crate::serve_error::ServeError;
use interprocess::os::windows::ToWtf16;
use interprocess::os::windows::named_pipe::{
    PipeListenerOptions,
    pipe_mode::Bytes,
    tokio::{DuplexPipeStream, PipeListener},
};
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient};

/// Nobody over the network; full rights to the object's owner and to the system; nobody else, nothing inherited.
const RIGHTS: &str = "D:P(D;;GA;;;NU)(A;;GA;;;OW)(A;;GA;;;SY)";
const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_PIPE_BUSY: i32 = 231;

pub(crate) struct Listener(PipeListener<Bytes, Bytes>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").finish_non_exhaustive()
    }
}

impl Listener {
    #[expect(clippy::unused_async, reason = "the Unix twin dials")]
    pub(crate) async fn bind(path: &Path) -> Result<Self, ServeError> {
        let name = name(path);
        let rights = OsStr::new(RIGHTS)
            .to_wtf_16()
            .map_err(io::Error::other)
            .and_then(|text| SecurityDescriptor::deserialize(&text))
            .map_err(ServeError::bind(&*name))?;
        // The first instance of a name cannot be made twice: a second worker, or a stranger who was first, shows here.
        PipeListenerOptions::new()
            .path(Path::new(&name))
            .accept_remote(false)
            .security_descriptor(Some(rights))
            .create_tokio_duplex::<Bytes>()
            .map(Self)
            .map_err(|error| match error.raw_os_error() {
                Some(ERROR_ACCESS_DENIED | ERROR_PIPE_BUSY) => ServeError::AlreadyServed(name.clone().into()),
                _ => ServeError::bind(&*name)(error),
            })
    }
}

impl Accept for Listener {
    type Stream = DuplexPipeStream<Bytes>;

    async fn accept(&mut self) -> io::Result<(Self::Stream, Ends)> {
        Ok((self.0.accept().await?, Ends::default()))
    }
}

pub(crate) async fn dial(path: &Path) -> io::Result<NamedPipeClient> {
    let name = name(path);
    loop {
        match ClientOptions::new().open(&name) {
            // Every instance is taken for the moment; the caller bounds how long this goes on.
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            done => return done,
        }
    }
}

/// Pipe names live in one flat place; the path that the caller gave tells workers of several data folders apart.
/// FNV-1a, so that programs of different compilers agree.
fn name(path: &Path) -> String {
    let hash = path.to_string_lossy().to_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!(r"\\.\pipe\hivemind-worker-{hash:016x}")
}
