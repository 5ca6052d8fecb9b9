//! Updates from a real server on this computer, onto a real disk.

mod keeper;
mod server;

use super::Here;
use super::source::{HttpsSource, SourceError};
use hivemind_testkit::ReleaseServer;
use hivemind_update::Origin;
use semver::Version;
use std::path::PathBuf;

const NOW_MS: i64 = 1_800_000_000_000;
const TARGET: &str = "x86_64-linux-appimage";
const OLD: &[u8] = b"#!/bin/sh\necho 0.1.0\n";
const NEW: &[u8] = b"#!/bin/sh\necho 0.2.0\n";

/// An installation with version 0.1.0.
struct Scene {
    folder: tempfile::TempDir,
    program: PathBuf,
    server: ReleaseServer,
}

impl Scene {
    async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("Worker.AppImage");
        std::fs::write(&program, OLD).unwrap();
        Self { folder, program, server: ReleaseServer::start().await }
    }

    fn here(&self) -> Here {
        Here {
            keys: vec![self.server.key()],
            address: Some(self.server.url("newest.json")),
            version: Version::new(0, 1, 0),
            origin: Origin::AppImage(self.program.clone()),
        }
    }

    fn source(&self, address: &str) -> Result<HttpsSource, SourceError> {
        let trusted = reqwest::Certificate::from_pem(self.server.certificate.as_bytes()).unwrap();
        HttpsSource::with(address, reqwest::Client::builder().no_proxy().tls_certs_only([trusted]))
    }

    /// Files beside the program.
    fn beside(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
