//! What lies in the worker's places before it starts.

use super::{CANARY, NOBODY};
use crate::case::{Case, Seen};
use hivemind_control::OwnLogQuery;
use hivemind_domain::time::WallMs;
use hivemind_domain::trend::Tier;
use hivemind_engine::Companion;
use hivemind_local_api::SocketListener;
use hivemind_store::{
    ChangeJournal, DataFolder, FileBook, FileSettings, FileTold, FileTrend, KeyringSecrets, Ledger, OwnLog,
    Seal, SqliteJournal, secret_seed,
};
use hivemind_worker_core::port::{BookStore, Secrets, TrendStore};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than any opening takes on a busy computer; a pipe would hold for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is planted in a file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plant {
    LinkToSecret,
    Pipe,
    Folder,
    SomebodyElses,
    SecondName,
    ForEverybody,
    Device,
}

impl Plant {
    const ALL: [Self; 7] = [
        Self::LinkToSecret,
        Self::Pipe,
        Self::Folder,
        Self::SomebodyElses,
        Self::SecondName,
        Self::ForEverybody,
        Self::Device,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::LinkToSecret => "a link to another file",
            Self::Pipe => "a pipe",
            Self::Folder => "a folder",
            Self::SomebodyElses => "a file of another user",
            Self::SecondName => "a second name of another file",
            Self::ForEverybody => "a file that anybody may change",
            Self::Device => "a link to a device",
        }
    }

    /// Plants it; `victim` is a file that must stay as it is.
    fn put(self, at: &Path, victim: &Path, fine: &[u8]) {
        let _ = std::fs::remove_file(at);
        match self {
            Self::LinkToSecret => symlink(victim, at).expect("a link"),
            Self::Pipe => pipe(at),
            Self::Folder => std::fs::create_dir(at).expect("a folder"),
            Self::SomebodyElses => {
                std::fs::write(at, fine).expect("a file");
                chown(at, Some(NOBODY), Some(NOBODY)).expect("given away");
            }
            Self::SecondName => std::fs::hard_link(victim, at).expect("a second name"),
            Self::ForEverybody => {
                std::fs::write(at, fine).expect("a file");
                std::fs::set_permissions(at, Permissions::from_mode(0o666)).expect("opened");
            }
            Self::Device => symlink("/dev/zero", at).expect("a link"),
        }
    }
}

fn pipe(at: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, at, mode).expect("a pipe");
}

/// Opens a file of ours as the worker does; the error in words.
type Open = fn(&DataFolder) -> Result<(), String>;

/// Files by name, how the worker opens them, and what would be fine in them.
const TARGETS: &[(&str, Open, &[u8])] = &[
    ("worker.lock", |data| words(data.lock()), b""),
    ("worker.log", |data| words(OwnLog::open(data.data())), b""),
    ("worker.log.1", |data| OwnLog::open(data.data()).map_or_else(|e| Err(e.to_string()), old_log), b"x"),
    ("tokens.json", |data| block(tokens(data)), b"{}"),
    ("receipts.key", |data| words(secret_seed(&data.data().join("receipts.key"))), &[7; 32]),
    ("receipts.ledger", ledger, b""),
    ("journal.sqlite", |data| words(SqliteJournal::open(&data.journal_file())), b""),
    ("journal.sqlite-wal", |data| words(SqliteJournal::open(&data.journal_file())), b""),
    ("trend.bin", |data| block(trend(data)), b""),
    ("book.jsonl", |data| block(book(data)), b""),
    ("config/settings.toml", settings, b""),
    ("config/policy.toml", settings, b""),
    ("run/worker.sock", socket, b""),
    ("run/worker.sock.lock", socket, b""),
];

/// What a person may well do: settings kept elsewhere, behind a link, and backups that are second names.
fn is_fine(target: &str, plant: Plant) -> bool {
    match plant {
        Plant::SecondName => target.starts_with("config/") || target == "run/worker.sock.lock",
        // A lock is neither read nor written; its name is all that counts.
        Plant::SomebodyElses | Plant::ForEverybody => target == "run/worker.sock.lock",
        Plant::LinkToSecret | Plant::Pipe | Plant::Folder | Plant::Device => false,
    }
}

fn words<T, E: std::fmt::Display>(done: Result<T, E>) -> Result<(), String> {
    done.map(drop).map_err(|error| error.to_string())
}

fn block(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a loop")
        .block_on(work)
}

fn old_log(log: OwnLog) -> Result<(), String> {
    let page = log.page(&OwnLogQuery::default()).map_err(|error| error.to_string())?;
    // What it says is told: a secret in it would be seen.
    page.lines.iter().try_for_each(|line| {
        if line.text.contains(CANARY) { Err(format!("told: {}", line.text)) } else { Ok(()) }
    })
}

async fn tokens(data: &DataFolder) -> Result<(), String> {
    let kept = KeyringSecrets::new(data, false).load("https://pool.example").await;
    kept.map(drop).map_err(|error| format!("{error:?}"))
}

async fn trend(data: &DataFolder) -> Result<(), String> {
    let trend = FileTrend::new(&data.trend_file());
    let read = words(trend.points(Tier::ALL[0], WallMs(0)).await);
    let written = words(trend.keep(Vec::new()).await);
    read.and(written)
}

async fn book(data: &DataFolder) -> Result<(), String> {
    let book = FileBook::new(&data.book_file());
    let (from, to) = (WallMs(1), WallMs(2));
    let reason = hivemind_domain::rules::Reason::Free;
    let span = hivemind_domain::rules::Span { from, to, reason, working: false, took: Some(true) };
    let written = words(book.keep(span).await);
    words(book.spans(from, to).await).and(written)
}

struct NoSeal;

impl Seal for NoSeal {
    fn key(&self) -> String {
        "00".to_owned()
    }

    fn sign(&self, _message: &[u8]) -> io::Result<Vec<u8>> {
        Ok(vec![0])
    }
}

fn ledger(data: &DataFolder) -> Result<(), String> {
    words(Ledger::open(&data.data().join("receipts.ledger"), Box::new(NoSeal)))
}

fn settings(data: &DataFolder) -> Result<(), String> {
    words(FileSettings::load(&data.settings_file(), |_| None, &[]))
}

fn socket(data: &DataFolder) -> Result<(), String> {
    let path = data.runtime().join("worker.sock");
    block(async move { words(SocketListener::bind(&path).await) })
}

/// Does it where it may be given up: opening a pipe would never come back.
fn bounded(work: impl FnOnce() -> Result<(), String> + Send + 'static) -> Result<(), String> {
    let (told, tell) = mpsc::channel();
    std::thread::spawn(move || told.send(work()));
    tell.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it hangs"))
}

/// `refused`, unless something was told or changed.
fn outcome(done: Result<(), String>, victim: &Path) -> String {
    if std::fs::read_to_string(victim).ok().as_deref() != Some(SECRET) {
        return "another file was changed".to_owned();
    }
    match done {
        Ok(()) => "taken".to_owned(),
        Err(why) if why.contains(CANARY) => format!("another file was told: {why}"),
        Err(why) if why.is_empty() || why.contains(char::is_control) => format!("unclear: {why:?}"),
        Err(_) => "refused".to_owned(),
    }
}

/// As a file of passwords: no line of it is a setting.
const SECRET: &str = "root:$6$canary-3c81f6:19000:0:99999:7:::\ncanary-3c81f6\n";

fn victim(folder: &Path) -> PathBuf {
    let path = folder.join("shadow");
    std::fs::write(&path, SECRET).expect("a file");
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("closed");
    path
}

pub(super) fn cases() -> Vec<Case> {
    let mut list = Vec::new();
    for (name, open, fine) in TARGETS {
        for plant in Plant::ALL {
            let file = *name;
            let expected = if is_fine(file, plant) { "taken" } else { "refused" };
            list.push(case(format!("{file}: {}", plant.words()), plant.words(), expected, move |folder| {
                let data = DataFolder::open(Some(&folder.join("data"))).map_err(|error| error.to_string());
                let (data, victim) = (data.expect("a data folder"), victim(folder));
                let at = data.data().join(file);
                if file == "journal.sqlite-wal" {
                    drop(SqliteJournal::open(&data.journal_file()).expect("a journal"));
                }
                plant.put(&at, &victim, fine);
                if plant == Plant::SecondName && file.starts_with("config/") {
                    // Second names of good settings: as backups have them.
                    std::fs::remove_file(&at).expect("away");
                    std::fs::write(folder.join("backup"), fine).expect("a file");
                    std::fs::hard_link(folder.join("backup"), &at).expect("a second name");
                }
                (bounded(move || open(&data)), victim)
            }));
        }
    }
    folders(&mut list);
    others(&mut list);
    list
}

fn case(
    name: String,
    built: &str,
    expected: &str,
    run: impl FnOnce(&Path) -> (Result<(), String>, PathBuf) + Send + 'static,
) -> Case {
    Case {
        name: format!("planted: {name}"),
        built: built.to_owned(),
        expected: expected.to_owned(),
        run: Box::new(move |folder| {
            let (done, victim) = run(folder);
            Seen::plain(outcome(done, &victim))
        }),
    }
}

/// The folders themselves.
fn folders(list: &mut Vec<Case>) {
    type Change = fn(&Path, &Path);
    let changes: [(&str, Change); 6] = [
        ("a link to a folder", |at, aside| {
            std::fs::rename(at, aside).expect("moved");
            symlink(aside, at).expect("a link");
        }),
        ("a folder of another user", |at, _| chown(at, Some(NOBODY), Some(NOBODY)).expect("given away")),
        ("a folder for everybody", |at, _| {
            std::fs::set_permissions(at, Permissions::from_mode(0o777)).expect("opened");
        }),
        ("a folder for a group", |at, _| {
            std::fs::set_permissions(at, Permissions::from_mode(0o770)).expect("opened");
        }),
        ("a file", |at, aside| {
            std::fs::rename(at, aside).expect("moved");
            std::fs::write(at, "x").expect("a file");
        }),
        ("a pipe", |at, aside| {
            std::fs::rename(at, aside).expect("moved");
            pipe(at);
        }),
    ];
    for folder_name in ["", "config", "run", "spool", "logs", "debug"] {
        for (what, change) in changes {
            let shown = if folder_name.is_empty() { "the data folder" } else { folder_name };
            list.push(case(format!("{shown}: {what}"), what, "refused", move |folder| {
                let (data, victim) = (folder.join("data"), victim(folder));
                drop(DataFolder::open(Some(&data)).expect("a data folder"));
                let at = if folder_name.is_empty() { data.clone() } else { data.join(folder_name) };
                change(&at, &folder.join("aside"));
                (bounded(move || words(DataFolder::open(Some(&data)))), victim)
            }));
        }
    }
    for (what, mode, expected) in
        [("for everybody", 0o777, "refused"), ("for everybody, as /tmp is", 0o1777, "taken")]
    {
        list.push(case(format!("a folder above: {what}"), what, expected, move |folder| {
            let (above, victim) = (folder.join("above"), victim(folder));
            std::fs::create_dir(&above).expect("a folder");
            std::fs::set_permissions(&above, Permissions::from_mode(mode)).expect("opened");
            (bounded(move || words(DataFolder::open(Some(&above.join("data"))))), victim)
        }));
    }
}

/// What is not a matter of one file's kind.
fn others(list: &mut Vec<Case>) {
    let mut add = |name: &str, expected: &str, open: Open, prepare: fn(&DataFolder, &Path)| {
        list.push(case(name.to_owned(), name, expected, move |folder| {
            let victim = victim(folder);
            let data = DataFolder::open(Some(&folder.join("data"))).expect("a data folder");
            prepare(&data, &victim);
            (bounded(move || open(&data)), victim)
        }));
    };
    let again: Open = |data| words(DataFolder::open(Some(data.data())));
    for (name, plant) in [
        ("install-id: a pipe", Plant::Pipe),
        ("install-id: a link to another file", Plant::LinkToSecret),
        ("install-id: a folder", Plant::Folder),
        ("install-id: a file of another user", Plant::SomebodyElses),
        ("install-id: a file that anybody may change", Plant::ForEverybody),
    ] {
        // One function for each: what prepares is no closure over the plant.
        let prepare: fn(&DataFolder, &Path) = match plant {
            Plant::Pipe => |data, victim| Plant::Pipe.put(&data.data().join("install-id"), victim, ID),
            Plant::LinkToSecret => {
                |data, victim| Plant::LinkToSecret.put(&data.data().join("install-id"), victim, ID)
            }
            Plant::Folder => |data, victim| Plant::Folder.put(&data.data().join("install-id"), victim, ID),
            Plant::SomebodyElses => {
                |data, victim| Plant::SomebodyElses.put(&data.data().join("install-id"), victim, ID)
            }
            _ => |data, victim| Plant::ForEverybody.put(&data.data().join("install-id"), victim, ID),
        };
        add(name, "refused", again, prepare);
    }
    add("install-id: a megabyte", "refused", again, |data, _| {
        std::fs::write(data.data().join("install-id"), vec![b'a'; 1 << 20]).expect("a file");
    });
    add("settings: 100 MB", "refused", settings, |data, _| {
        let file = std::fs::File::create(data.settings_file()).expect("a file");
        file.set_len(100 << 20).expect("long");
    });
    add("settings: a link to what is fine", "taken", settings, |data, victim| {
        let fine = victim.with_file_name("dotfiles.toml");
        std::fs::write(&fine, "language = \"en\"\n").expect("a file");
        symlink(&fine, data.settings_file()).expect("a link");
    });
    add("settings: a link to nothing", "taken", settings, |data, _| {
        symlink("/nonexistent/settings.toml", data.settings_file()).expect("a link");
    });
    add(
        "worker.lock: another process's number",
        "taken",
        |data| words(data.lock()),
        |data, _| {
            std::fs::write(data.data().join("worker.lock"), "1\n").expect("a file");
        },
    );
    add("the socket: another worker's, dead", "taken", socket, |data, _| {
        let path = data.runtime().join("worker.sock");
        drop(std::os::unix::net::UnixListener::bind(path).expect("a socket"));
    });
    add("the socket's new name: a folder", "refused", socket, |data, _| {
        let name = format!(".{:08x}", std::process::id());
        std::fs::create_dir_all(data.runtime().join(name).join("inside")).expect("a folder");
    });
    add(
        "the list of changes: a pipe",
        "taken",
        |data| {
            // It is set aside and said; what matters is that nothing waits for it.
            drop(ChangeJournal::open(data.data()));
            Ok(())
        },
        |data, _| pipe(&data.data().join("changes.jsonl")),
    );
    add(
        "what was told: a pipe",
        "taken",
        |data| {
            drop(FileTold::new(data.data().join("notices.json")).load());
            Ok(())
        },
        |data, _| pipe(&data.data().join("notices.json")),
    );
    for (name, prepare) in [
        ("the companion: a pipe", (|data, _| pipe(&data.data().join("companion"))) as fn(&DataFolder, &Path)),
        ("the companion: a script", |data, _| {
            std::fs::write(data.data().join("companion"), "#!/bin/sh\nid\n").expect("a file");
        }),
        ("the companion: a link to another file", |data, victim| {
            symlink(victim, data.data().join("companion")).expect("a link");
        }),
        ("the companion: a program that anybody may change", |data, _| {
            let at = data.data().join("companion");
            std::fs::write(&at, static_program()).expect("a file");
            std::fs::set_permissions(&at, Permissions::from_mode(0o777)).expect("opened");
        }),
    ] {
        add(name, "refused", companion, prepare);
    }
    add("the companion: a program of its own", "taken", companion, |data, _| {
        std::fs::write(data.data().join("companion"), static_program()).expect("a file");
    });
}

fn companion(data: &DataFolder) -> Result<(), String> {
    words(Companion::at(data.data().join("companion")))
}

/// The head of a static program for x86-64 with one program header.
fn static_program() -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[18] = 62;
    bytes[32] = 64;
    bytes[56] = 1;
    bytes[64] = 1;
    bytes
}

/// What an installation is called.
const ID: &[u8] = b"0123456789abcdef0123456789abcdef\n";
