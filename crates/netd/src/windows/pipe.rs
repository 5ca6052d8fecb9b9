//! The named pipe.

use super::peer;
use crate::desk::Desk;
use crate::session::{converse, turn_away};
use crate::system::System;
use crate::wire::{Handle, Wire};
use hivemind_netd_protocol::{MOST_BYTES, PIPE, PIPE_ACCESS, Refused};
use interprocess::os::windows::ToWtf16;
use interprocess::os::windows::named_pipe::{PipeListenerOptions, pipe_mode::Bytes, tokio::DuplexPipeStream};
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Nobody over the network; the system and administrators wholly; whoever sits at this computer may read and write, and
/// no more.
fn rights() -> String {
    format!("D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;{PIPE_ACCESS:#x};;;IU)")
}

/// A client's pipe.
pub struct PipeWire(DuplexPipeStream<Bytes>);

impl Drop for PipeWire {
    fn drop(&mut self) {
        // What was answered fits into the pipe and stays there for the client to read. Waiting until it was read would
        // give everybody a thread of ours to hold.
        self.0.assume_flushed();
    }
}

impl Wire for PipeWire {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    async fn send(&mut self, frame: &[u8], handle: Option<Handle>) -> io::Result<()> {
        if let Some(handle) = handle {
            match handle {}
        }
        self.0.write_all(frame).await
    }
}

/// Serves until it is dropped.
///
/// # Errors
/// The pipe cannot be made; `PermissionDenied` when another program has its name already.
pub async fn serve<S: System>(desk: &Arc<Desk<S>>) -> io::Result<()> {
    let room = u32::try_from(2 * (MOST_BYTES + 2)).map_err(io::Error::other)?;
    let rights = OsStr::new(&rights()).to_wtf_16().map_err(io::Error::other)?;
    let listener = PipeListenerOptions::new()
        .path(Path::new(PIPE))
        .accept_remote(false)
        .input_buffer_size_hint(room)
        .output_buffer_size_hint(room)
        .security_descriptor(Some(SecurityDescriptor::deserialize(&rights)?))
        .create_tokio_duplex::<Bytes>()?;
    tracing::info!(pipe = PIPE, "ready");
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "nobody can be heard");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let known = stream.client_process_id().map_err(|_| Refused::Program).and_then(peer::check);
        let mut wire = PipeWire(stream);
        match (known, desk.seat()) {
            (Ok(()), Some(seat)) => {
                tokio::spawn(async move { converse(&mut wire, seat).await });
            }
            (Ok(()), None) => turn_away(&mut wire, Refused::Busy).await,
            (Err(why), _) => turn_away(&mut wire, why).await,
        }
    }
}
