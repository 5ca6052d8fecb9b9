//! A door before the engine's socket: shut, the engine is away for whoever uses this one.

use std::path::PathBuf;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

pub struct EngineDoor {
    engine: PathBuf,
    socket: PathBuf,
    serving: Option<JoinHandle<()>>,
}

impl EngineDoor {
    /// Before the engine at this address, at another socket. Shut at first.
    pub fn before(address: &str, socket: PathBuf) -> Self {
        let engine = address.strip_prefix("unix://").expect("the engine has a socket").into();
        Self { engine, socket, serving: None }
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub async fn open(&mut self) {
        let listener = UnixListener::bind(&self.socket).expect("a socket");
        let engine = self.engine.clone();
        self.serving = Some(tokio::spawn(async move {
            // Ends with this task, and every connection with it.
            let mut passing = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let engine = engine.clone();
                passing.spawn(async move {
                    if let Ok(mut far) = UnixStream::connect(&engine).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        }));
    }

    /// As when the engine is stopped: connections break, and its socket is gone.
    pub fn shut(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Drop for EngineDoor {
    fn drop(&mut self) {
        self.shut();
    }
}
