//! The named pipe.

use super::peer;
use crate::desk::Desk;
use crate::session::{converse, turn_away};
use crate::system::System;
use crate::wire::{Handle, Wire};
use hivemind_netd_protocol::{PIPE, Refused};
use interprocess::os::windows::ToWtf16;
use interprocess::os::windows::named_pipe::{PipeListenerOptions, pipe_mode::Bytes, tokio::DuplexPipeStream};
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Nobody over the network; the system wholly; whoever sits at this computer may read and write.
const RIGHTS: &str = "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GRGW;;;IU)";

/// A client's pipe.
pub struct PipeWire(DuplexPipeStream<Bytes>);

impl Wire for PipeWire {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    async fn send(&mut self, frame: &[u8], handle: Option<Handle>) -> io::Result<()> {
        if let Some(handle) = handle {
            match handle {}
        }
        self.0.write_all(frame).await?;
        self.0.flush().await
    }
}

/// Serves until it is dropped.
///
/// # Errors
/// The pipe cannot be made: another program has its name.
pub async fn serve<S: System>(desk: &Arc<Desk<S>>) -> io::Result<()> {
    let rights = OsStr::new(RIGHTS).to_wtf_16().map_err(io::Error::other)?;
    let listener = PipeListenerOptions::new()
        .path(Path::new(PIPE))
        .accept_remote(false)
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
