//! `hivemind-worker uninstall`: takes back what the worker changed on this computer, the newest change first, and then
//! its own folders. The programs themselves belong to whoever installed them.

use crate::cli::{Cli, UninstallOptions};
use crate::words::words;
use crate::{autostart, output, process, updates};
use anyhow::Context;
use hivemind_control::{ApiError, ErrorCode};
use hivemind_engine::DockerEngine;
use hivemind_local_api::SocketClient;
use hivemind_store::{Change, ChangeJournal, DataFolder, FolderError, KeyringSecrets, Lock};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The window's identifier, as its configuration has it.
const WINDOW: &str = "network.hivemind.worker";

/// Running tasks are handed back first, which may take a while.
const TRIES: u32 = 900;
const PAUSE: Duration = Duration::from_millis(100);

/// What was done, and what could not be.
#[derive(Debug, Default, serde::Serialize)]
struct Report {
    undone: Vec<String>,
    left: Vec<String>,
}

impl Report {
    fn done(&mut self, what: impl Into<String>) {
        self.undone.push(what.into());
    }

    fn left(&mut self, what: &str, why: impl std::fmt::Display) {
        self.left.push(words().left(what, &why.to_string()));
    }
}

pub(crate) async fn run(cli: &Cli, options: &UninstallOptions) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    let mut report = Report::default();
    let lock = quiet(&folder, &mut report).await?;
    let journal = ChangeJournal::open(folder.data());
    for change in journal.newest_first() {
        if options.keep_data && !matches!(change, Change::Autostart { .. }) {
            continue;
        }
        let undone = undo(&folder, &change).await;
        match undone {
            Ok(texts) => {
                texts.into_iter().for_each(|text| report.done(text));
                journal.strike(&change).with_context(|| words().changes_unwritable())?;
            }
            Err(error) => report.left(&name(&change), words().causes(&error)),
        }
    }
    if !options.keep_data {
        match updates::forget() {
            Ok(note) => report.undone.extend(note.map(|note| words().removed(note.display()))),
            Err(error) => report.left(words().updates_note(), error),
        }
    }
    // What could not be taken back is still on the list, and the list lies in the folder.
    if !options.keep_data && report.left.is_empty() {
        // What the window's web view keeps is this user's, whichever data folder the worker had.
        let window = if cli.data.is_none() { window_folders() } else { Vec::new() };
        remove_folders(&folder, lock, window, &mut report);
    }
    if cli.json {
        output::json(&report);
    } else {
        report.undone.iter().for_each(|text| output::line(text.clone()));
        report.left.iter().for_each(|text| output::note(words().still_there(text)));
        if report.left.is_empty() {
            output::line(words().nothing_left());
        }
    }
    Ok(if report.left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ends a running worker and becomes the folder's only user.
async fn quiet(folder: &DataFolder, report: &mut Report) -> anyhow::Result<Lock> {
    match SocketClient::connect(process::socket_path(folder)).await {
        Ok(socket) => {
            socket.typed().quit(()).await?;
            report.done(words().ended_the_worker());
        }
        Err(error) if error.code == ErrorCode::WorkerNotRunning => {}
        Err(error) => return Err(error.into()),
    }
    for _ in 0..TRIES {
        match folder.lock() {
            Ok(lock) => return Ok(lock),
            Err(FolderError::AlreadyRunning { .. }) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::new(ErrorCode::WorkerAlreadyRunning, words().does_not_end()).into())
}

fn name(change: &Change) -> String {
    match change {
        Change::Autostart { place } => words().start_at_login(place),
        Change::Keyring { user } | Change::KeyringLeft { user } => words().keyring_entry(user),
        Change::Engine { .. } => words().engine_objects().to_owned(),
    }
}

async fn undo(folder: &DataFolder, change: &Change) -> anyhow::Result<Vec<String>> {
    match change {
        Change::Autostart { .. } => autostart::set(false, None)?,
        Change::Keyring { user } | Change::KeyringLeft { user } => {
            KeyringSecrets::new(folder, true).forget_entry(user).await?
        }
        Change::Engine { address } => {
            let address = Some(address.as_str()).filter(|address| !address.is_empty());
            let engine = DockerEngine::connect(address).with_image_record(&folder.data().join("images.json"));
            let farewell = engine.forget(folder.install()).await?;
            if let Some(first) = farewell.left.first() {
                anyhow::bail!(words().objects_stay(farewell.left.len(), first));
            }
            return Ok(vec![words().removed_objects(farewell.containers, farewell.volumes, farewell.images)]);
        }
    }
    Ok(vec![words().removed(name(change))])
}

/// Where the window's web view keeps its own: below its identifier, in the places the system names.
fn window_folders() -> Vec<PathBuf> {
    let Some(places) = directories::BaseDirs::new() else { return Vec::new() };
    let mut folders: Vec<PathBuf> = [places.data_local_dir(), places.data_dir(), places.cache_dir()]
        .into_iter()
        .map(|place| place.join(WINDOW))
        .filter(|place| place.symlink_metadata().is_ok_and(|about| about.is_dir()))
        .collect();
    folders.dedup();
    folders
}

fn remove_folders(folder: &DataFolder, lock: Lock, window: Vec<PathBuf>, report: &mut Report) {
    // The list of changes is empty; on Windows an open file could not be removed.
    drop(lock);
    let config = folder.settings_file();
    let config = config.parent().map(Path::to_owned);
    let own = [folder.runtime().to_owned(), folder.data().to_owned()];
    for place in window.into_iter().chain(config).chain(own) {
        match std::fs::remove_dir_all(&place) {
            Ok(()) => report.done(words().removed(place.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => report.left(&place.display().to_string(), words().cause(&error)),
        }
    }
}
