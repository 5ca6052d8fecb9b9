//! The image of our own companion program: nothing but its one file, made through the engine's API where it is
//! missing. No registry is asked.

use crate::companion::Companion;
use crate::connection::{Connection, failed};
use crate::failure::{status_of, translate};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use hivemind_worker_core::port::EngineError;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Repository of the image; the tag is the program's hash.
const REPOSITORY: &str = "hivemind-companion";
/// Where the program lies inside.
pub(crate) const PROGRAM: &str = "/hivemind-companion";

/// Finds or makes the image.
#[derive(Debug)]
pub(crate) struct CompanionImage {
    companion: Arc<Companion>,
    id: Mutex<Option<String>>,
}

impl CompanionImage {
    pub(crate) fn new(companion: Arc<Companion>) -> Self {
        Self { companion, id: Mutex::default() }
    }

    /// The image's id. Asks the engine once per process, and again after [`Self::forget`].
    pub(crate) async fn id(&self, engine: &Connection) -> Result<String, EngineError> {
        let mut known = self.id.lock().await;
        if let Some(id) = &*known {
            return Ok(id.clone());
        }
        let program = self.read().await?;
        let hash = hex::encode(Sha256::digest(&program));
        let tag = hash.get(..16).unwrap_or_default();
        let name = format!("{REPOSITORY}:{tag}");
        let docker = engine.docker()?;
        let inspected = match docker.inspect_image(&name).await {
            Err(error) if status_of(&error) == Some(404) => {
                make(engine, tag, &program).await?;
                docker.inspect_image(&name).await
            }
            answer => answer,
        };
        let inspected = inspected.map_err(|e| translate("look at the companion's image", &e))?;
        let id = inspected.id.ok_or_else(|| failed("the companion's image has no id"))?;
        Ok(known.insert(id).clone())
    }

    /// The image may be gone.
    pub(crate) async fn forget(&self) {
        *self.id.lock().await = None;
    }

    async fn read(&self) -> Result<Vec<u8>, EngineError> {
        let companion = Arc::clone(&self.companion);
        let reading = tokio::task::spawn_blocking(move || {
            let opened = companion.open().map_err(|e| failed(e.to_string()))?;
            let mut program = Vec::new();
            let read = opened.file.take(opened.bytes).read_to_end(&mut program);
            read.map(|_| program).map_err(|e| failed(format!("the companion cannot be read: {e}")))
        });
        reading.await.map_err(|e| failed(format!("the companion cannot be read: {e}")))?
    }
}

async fn make(engine: &Connection, tag: &str, program: &[u8]) -> Result<(), EngineError> {
    let archive = archive(program).map_err(|e| failed(format!("could not pack the companion: {e}")))?;
    let options = CreateImageOptionsBuilder::new().from_src("-").repo(REPOSITORY).tag(tag).build();
    let mut told =
        engine.docker()?.create_image(Some(options), Some(bollard::body_full(archive.into())), None);
    while let Some(step) = told.next().await {
        step.map_err(|e| translate("make the companion's image", &e))?;
    }
    tracing::info!(tag, "made the companion's image");
    Ok(())
}

fn archive(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::with_capacity(program.len() + 4096));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o555);
    header.set_mtime(315_532_800);
    header.set_size(program.len() as u64);
    tar.append_data(&mut header, PROGRAM.trim_start_matches('/'), program)?;
    tar.into_inner()
}
