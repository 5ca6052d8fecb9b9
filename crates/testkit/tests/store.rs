//! What really keeps things on disk passes the same suites as the fakes.

#![expect(clippy::unwrap_used, reason = "helpers of tests count as tests")]

use hivemind_store::{DataFolder, FileLogs, KeyringSecrets, SqliteJournal};
use hivemind_testkit::{FakeClock, contract};
use hivemind_worker_core::port::{Journal, LogArchive, Secrets};
use std::sync::Arc;
use tempfile::TempDir;

fn folder() -> (TempDir, DataFolder) {
    let place = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(Some(&place.path().join("data"))).unwrap();
    (place, folder)
}

#[tokio::test]
async fn the_journal_keeps_the_contract_and_what_it_kept() {
    let (_place, folder) = folder();
    {
        let (journal, damage) = SqliteJournal::open(&folder.journal_file()).unwrap();
        assert!(damage.is_none());
        contract::journal(&journal).await;
    }
    let (journal, damage) = SqliteJournal::open(&folder.journal_file()).unwrap();
    assert!(damage.is_none());
    assert_eq!(journal.unfinished().await.unwrap().len(), 2);
    assert_eq!(journal.wish().await, Ok(Some(false)));
}

#[tokio::test]
async fn the_log_archive_keeps_the_contract_and_what_it_kept() {
    let (_place, folder) = folder();
    contract::log_archive(&FileLogs::new(folder.logs(), Arc::new(FakeClock::default()))).await;
    let again = FileLogs::new(folder.logs(), Arc::new(FakeClock::default()));
    assert_eq!(again.read(&hivemind_testkit::key("logs", 1), 0, 100).await.unwrap().len(), 4);
}

#[tokio::test]
async fn secrets_in_a_file_keep_the_contract_and_what_they_kept() {
    let (_place, folder) = folder();
    contract::secrets(&KeyringSecrets::new(&folder, false)).await;
    let again = KeyringSecrets::new(&folder, false);
    assert!(again.in_file());
    assert!(again.load("https://other.example").await.unwrap().is_some());
}
