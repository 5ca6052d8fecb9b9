//! What speaks with the service on Windows, for its tests under Wine.
//!
//! * `netd_client say HEX...`: opens the pipe, says each run of bytes, and prints the answer to it as JSON, or `ended`.
//! * `netd_client link FOLDER`: brings up the link whose `wg0.conf` lies there through the service, as the worker does,
//!   and prints what became of it.
//! * `netd_client squat SECONDS`: takes the pipe's name before the service does, and prints what it is told.
//! * `netd_client stay SECONDS`: is there, and says so.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of tests: it ends at the first surprise"
)]

#[cfg(windows)]
fn main() {
    windows::main();
}

#[cfg(not(windows))]
fn main() {
    eprintln!("speaks on Windows only");
}

#[cfg(windows)]
mod windows {
    use async_trait::async_trait;
    use hivemind_control::{ApiError, ErrorCode};
    use hivemind_netd_protocol::{Answer, Frames, PIPE, PIPE_ACCESS};
    use hivemind_vpn::{Link, LinkConfigSource, own_service};
    use hivemind_worker_core::port::{
        Dialer, LinkDesk, LinkMember, LinkOffer, PrivateLink, SecretError, Vault,
    };
    use interprocess::os::windows::named_pipe::{PipeListenerOptions, pipe_mode::Bytes};
    use std::fs::{File, OpenOptions};
    use std::io::{Read, Write};
    use std::os::windows::fs::OpenOptionsExt;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::time::Duration;

    /// All ends of the pipe are taken for the moment (`ERROR_PIPE_BUSY`).
    const PIPE_BUSY: i32 = 231;

    pub fn main() {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["say", runs @ ..] => say(runs),
            ["link", folder] => link(folder.into()),
            ["squat", seconds] => squat(Duration::from_secs(seconds.parse().unwrap())),
            ["stay", seconds] => {
                println!("here");
                std::thread::sleep(Duration::from_secs(seconds.parse().unwrap()));
            }
            other => eprintln!("unknown: {other:?}"),
        }
    }

    fn open() -> File {
        loop {
            match OpenOptions::new().access_mode(PIPE_ACCESS).share_mode(0).open(PIPE) {
                Err(error) if error.raw_os_error() == Some(PIPE_BUSY) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                opened => return opened.unwrap(),
            }
        }
    }

    fn say(runs: &[&str]) {
        let (mut pipe, mut frames) = (open(), Frames::default());
        for run in runs {
            let hex = run.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            let bytes: Vec<u8> = hex.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
            // Who is turned away is told so before it was heard.
            let _ = pipe.write_all(&bytes);
            println!("{}", heard(&mut pipe, &mut frames));
        }
    }

    fn heard(pipe: &mut File, frames: &mut Frames) -> String {
        loop {
            if let Some(answer) = frames.take::<Answer>().unwrap() {
                return serde_json::to_string(&answer).unwrap();
            }
            let mut bytes = [0; 512];
            match pipe.read(&mut bytes) {
                Ok(length) if length > 0 => frames.push(&bytes[..length]).unwrap(),
                Ok(_) | Err(_) => return "ended".to_owned(),
            }
        }
    }

    /// Neither a pool nor a keyring is needed: the file has it all.
    struct Nobody;

    #[async_trait]
    impl LinkDesk for Nobody {
        async fn offer(&self) -> Result<LinkOffer, ApiError> {
            Err(ApiError::new(ErrorCode::LinkFailed, "there is no pool"))
        }

        async fn join(&self, _: &str, _: Option<&str>) -> Result<LinkMember, ApiError> {
            Err(ApiError::new(ErrorCode::LinkFailed, "there is no pool"))
        }
    }

    #[async_trait]
    impl Vault for Nobody {
        async fn key(&self, _: &str) -> Result<Option<String>, SecretError> {
            Ok(None)
        }

        async fn keep_key(&self, _: &str, _: &str) -> Result<bool, SecretError> {
            Ok(false)
        }
    }

    fn link(folder: PathBuf) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let source = LinkConfigSource {
                file: folder.join("wg0.conf"),
                state: folder.join("made.json"),
                pool: "https://pool.example".into(),
            };
            let service = Arc::new(|| Some(own_service()));
            let link = Link::new(source, Arc::new(Nobody), Arc::new(Nobody), Arc::new(Vec::new), service);
            let told = match link.ready(false).await {
                Ok(()) => serde_json::json!({"state": link.view().state}),
                Err(error) => serde_json::json!({"code": error.code, "text": error.to_string()}),
            };
            println!("{told}");
        });
    }

    fn squat(long: Duration) {
        let listener = PipeListenerOptions::new().path(Path::new(PIPE)).create_duplex::<Bytes>().unwrap();
        println!("taken");
        std::thread::spawn(move || {
            while let Ok(mut stream) = listener.accept() {
                let mut bytes = [0; 512];
                let length = stream.read(&mut bytes).unwrap_or(0);
                println!("told {length} bytes");
            }
        });
        std::thread::sleep(long);
    }
}
