//! What every test begins with: a folder, an engine, and the promise to leave nothing behind.

use crate::engine::Engine;
use crate::program::Surroundings;
use std::path::PathBuf;
use std::sync::Mutex;
use tempfile::TempDir;

pub struct Scene {
    pub engine: Engine,
    folder: TempDir,
    /// Labels of what may be left in the engine when a test fails.
    labels: Mutex<Vec<String>>,
}

impl Scene {
    /// The scene of the test `name`, or nothing after saying why.
    pub async fn open(name: &str) -> Option<Self> {
        // Only the first call of a process installs one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        match Engine::find().await {
            Ok(engine) => {
                let folder = tempfile::Builder::new().prefix("hivemind-test-").tempdir().expect("a folder");
                Some(Self { engine, folder, labels: Mutex::default() })
            }
            Err(why) => {
                let required = std::env::var("HIVEMIND_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
                assert!(!required, "an engine is required: {why}");
                println!("SKIPPED {name}: {why}");
                None
            }
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn surroundings(&self, name: &str) -> Surroundings {
        // The computer that runs the tests may have less room than a worker keeps free.
        Surroundings::new(&self.path(name))
            .with("DOCKER_HOST", self.engine.address.clone())
            .with("KEEP_DISK_FREE", "64m")
    }

    /// Whatever carries this label goes when the scene closes.
    pub fn sweeps(&self, label: String) {
        self.labels.lock().expect("no test thread panicked with it").push(label);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let labels = self.labels.lock().map(|labels| labels.clone()).unwrap_or_default();
        // The test's own event loop may not be waited for here.
        let sweeping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a loop");
            runtime.block_on(async {
                // A connection belongs to the loop that opened it.
                if let Ok(engine) = Engine::find().await {
                    for label in labels {
                        engine.sweep(&label).await;
                    }
                }
            });
        });
        let _ = sweeping.join();
    }
}
