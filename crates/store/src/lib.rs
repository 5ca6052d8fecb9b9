//! What is kept on this computer: the data folder and its lock, the journal, output of tasks, secrets, settings.
//!
//! Architecture invariant: a file that cannot be understood is never deleted and never overwritten. It is set
//! aside, and whoever opened it is told.

mod book;
mod changes;
mod damage;
mod debug;
mod durable;
mod folder;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod journal;
mod ledger;
mod logs;
mod own_file;
mod own_log;
mod policy;
mod secrets;
mod seed;
mod settings;
mod small;
mod told;
mod trend;

pub use book::FileBook;
pub use changes::{Change, ChangeJournal};
pub use damage::Damage;
pub use debug::FileDebug;
pub use folder::{DataFolder, FolderError, Lock};
pub use journal::SqliteJournal;
pub use ledger::{Broken, Exported, Ledger, Receipt, Seal, Verified, export, verify};
pub use logs::FileLogs;
pub use own_log::OwnLog;
pub use policy::{BUILT_IN as BUILT_IN_POLICY, policy_file};
pub use secrets::KeyringSecrets;
pub use seed::{secret_seed, secret_text};
pub use settings::{FileSettings, SettingsLoadError};
pub use small::SmallFile;
pub use told::FileTold;
pub use trend::FileTrend;

/// The version of the SQLite that is built in.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
