//! What another user tries on a worker's files, its socket and its port.

use super::{CANARY, NOBODY};
use crate::case::{Case, Seen};
use crate::page::Watched;
use hivemind_control::Control;
use hivemind_local_api::{BrowserListener, Sessions, SocketClient, SocketListener};
use hivemind_store::{
    Change, ChangeJournal, DataFolder, FileBook, FileSettings, FileTold, FileTrend, KeyringSecrets, Lock,
    OwnLog, SqliteJournal, secret_seed,
};
use hivemind_worker_core::port::{BookStore, Secrets, SettingsStore, Tokens, TrendStore};
use std::collections::{BTreeMap, HashMap};
use std::fs::Permissions;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Asks for a command at a socket, and tells what comes.
const AT_SOCKET: &str = r#"perl -MIO::Socket::UNIX -e '
    $SIG{ALRM} = sub { print "silence"; exit 0 }; alarm 30;
    my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "denied: $!\n";
    $s->autoflush(1); $SIG{PIPE} = "IGNORE";
    print $s "POST /rpc/snapshot HTTP/1.1\r\nHost: x\r\nX-HiveMind: 1\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnull";
    my $answer = join("", <$s>); print $answer; exit($answer eq "" ? 1 : 0)' "#;

/// The same at the monitor's port.
const AT_PORT: &str = r#"perl -MIO::Socket::INET -e '
    $SIG{ALRM} = sub { print "silence"; exit 0 }; alarm 30;
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ENV{PORT}) or die "no port: $!\n";
    $s->autoflush(1);
    print $s "POST /rpc/snapshot HTTP/1.1\r\nHost: 127.0.0.1:$ENV{PORT}\r\nX-HiveMind: 1\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnull";
    my $answer = join("", <$s>); print $answer; exit($answer =~ m{^HTTP/1.1 4} ? 1 : 0)'"#;

/// Files of ours, below the data folder.
const FILES: &[&str] = &[
    "tokens.json",
    "receipts.key",
    "journal.sqlite",
    "worker.log",
    "worker.lock",
    "config/settings.toml",
    "book.jsonl",
    "trend.bin",
    "notices.json",
    "changes.jsonl",
];

/// How far somebody has opened what is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    /// As the worker makes it.
    Nothing,
    /// Everybody may enter and list the folders; the files are as the worker makes them.
    Folders,
    /// The socket too.
    Socket,
}

struct Try {
    name: String,
    opened: Opened,
    /// For a shell with `D`, the data folder, `O`, a folder for everybody, and `PORT`, the monitor's.
    script: String,
    expected: &'static str,
}

fn tries() -> Vec<Try> {
    let mut list = Vec::new();
    let mut add = |name: &str, opened, script: &str, expected| {
        list.push(Try { name: name.to_owned(), opened, script: script.to_owned(), expected });
    };
    for file in FILES {
        add(&format!("read {file}"), Opened::Nothing, &format!("cat \"$D/{file}\""), "denied");
        let name = format!("read {file}, folders opened");
        add(&name, Opened::Folders, &format!("cat \"$D/{file}\""), "denied");
        let name = format!("write to {file}, folders opened");
        add(&name, Opened::Folders, &format!("echo x >> \"$D/{file}\""), "denied");
    }
    for (name, script) in [
        ("list the data folder", "ls \"$D\""),
        ("list the settings' folder", "ls \"$D/config\""),
        ("list the output of tasks", "ls \"$D/logs\""),
        ("read a task's output", "cat \"$D/logs/task\""),
        ("read a package", "cat \"$D/spool/package\""),
        ("put a file into the data folder", "touch \"$D/new\""),
        ("put a link into the spool", "ln -s /etc/shadow \"$D/spool/x\""),
        ("name the tokens elsewhere", "ln \"$D/tokens.json\" \"$O/tokens\""),
        ("replace the socket", "mv -f \"$O/file\" \"$D/run/worker.sock\""),
        ("take the socket away", "rm -f \"$D/run/worker.sock\" && test ! -e \"$D/run/worker.sock\""),
        ("take the journal away", "rm \"$D/journal.sqlite\""),
        ("move the data folder", "mv \"$D\" \"$D.old\""),
        ("open the data folder", "chmod 777 \"$D\""),
        ("own the data folder", "chown 65534 \"$D\""),
        ("end the worker", "kill -TERM $WORKER"),
        ("read the worker's surroundings", "cat /proc/$WORKER/environ"),
        ("read the worker's memory", "head -c 1 /proc/$WORKER/mem"),
    ] {
        add(name, Opened::Nothing, script, "denied");
    }
    for (name, opened) in [
        ("ask at the socket", Opened::Nothing),
        ("ask at the socket, folders opened", Opened::Folders),
        ("ask at the socket, socket opened", Opened::Socket),
    ] {
        add(name, opened, &format!("{AT_SOCKET} \"$D/run/worker.sock\""), "denied");
    }
    add("ask at the port without a session", Opened::Nothing, AT_PORT, "denied");
    // Who tries could do it, were it allowed: these are no part of what must be denied.
    add("read a file for everybody", Opened::Nothing, "cat \"$O/file\"", "read");
    add("write where everybody may", Opened::Nothing, "touch \"$O/new\"", "done");
    list
}

pub(super) fn cases() -> Vec<Case> {
    let case = |one: Try| Case {
        name: format!("another user: {}", one.name),
        built: format!("as user {NOBODY}, {:?} opened: {}", one.opened, one.script),
        expected: one.expected.to_owned(),
        run: Box::new(move |_| Seen::plain(found()[&one.name].clone())),
    };
    let mut cases: Vec<Case> = tries().into_iter().map(case).collect();
    cases.push(Case {
        name: "another user: answer at our socket".to_owned(),
        built: format!("user {NOBODY} listens where the worker should"),
        expected: "denied".to_owned(),
        run: Box::new(|folder| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a loop");
            Seen::plain(runtime.block_on(impostor(folder)))
        }),
    });
    cases
}

/// What came of every try. One worker's folder for all that find it opened alike: what is denied changes nothing, and
/// what is not is seen by the try that did it.
fn found() -> &'static HashMap<String, String> {
    static FOUND: OnceLock<HashMap<String, String>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a loop");
        let mut found = HashMap::new();
        for opened in [Opened::Nothing, Opened::Folders, Opened::Socket] {
            let folder = tempfile::tempdir().expect("a folder");
            let tries = tries().into_iter().filter(|one| one.opened == opened);
            found.extend(runtime.block_on(attempts(folder.path(), opened, tries.collect())));
        }
        found
    })
}

/// A worker's folder with everything in it, made by the worker's own parts.
struct Stage {
    data: PathBuf,
    _lock: Lock,
    _journal: SqliteJournal,
}

async fn stage(folder: &Path) -> Stage {
    // Everybody may come as far as this; the judge's folder is closed to others.
    for above in folder.ancestors().take(5) {
        std::fs::set_permissions(above, Permissions::from_mode(0o755)).expect("opened");
    }
    let open = folder.join("open");
    std::fs::create_dir(&open).expect("a folder");
    std::fs::set_permissions(&open, Permissions::from_mode(0o777)).expect("opened");
    std::fs::write(open.join("file"), CANARY).expect("a file");
    let data = DataFolder::open(Some(&folder.join("data"))).expect("a data folder");
    let lock = data.lock().expect("a lock");
    let secrets = KeyringSecrets::new(&data, false);
    let tokens = Tokens {
        username: "ann".to_owned(),
        session: CANARY.to_owned(),
        session_for: Duration::from_secs(900),
        refresh: CANARY.to_owned(),
    };
    secrets.save("https://pool.example", &tokens).await.expect("tokens");
    secret_seed(&data.data().join("receipts.key")).expect("a key");
    let (journal, _) = SqliteJournal::open(&data.journal_file()).expect("a journal");
    let log = OwnLog::open(data.data()).expect("a log");
    log.event().write_all(CANARY.as_bytes()).expect("a line");
    let settings = FileSettings::load(&data.settings_file(), |_| None, &[]).expect("settings");
    settings.set("language", Some("en")).await.expect("a setting");
    let changes = ChangeJournal::open(data.data());
    changes.note(Change::Keyring { user: CANARY.to_owned() }).expect("a change");
    FileTold::new(data.data().join("notices.json")).save(&Default::default()).expect("notices");
    FileTrend::new(&data.trend_file()).keep(Vec::new()).await.expect("a trend");
    let (from, to) = (hivemind_domain::time::WallMs(1), hivemind_domain::time::WallMs(2));
    let reason = hivemind_domain::rules::Reason::Free;
    let span = hivemind_domain::rules::Span { from, to, reason, working: false, took: Some(true) };
    FileBook::new(&data.book_file()).keep(span).await.expect("a book");
    std::fs::write(data.logs().join("task"), CANARY).expect("output");
    std::fs::write(data.spool().folder.join("package"), CANARY).expect("a package");
    Stage { data: data.data().to_owned(), _lock: lock, _journal: journal }
}

fn widen(data: &Path, opened: Opened) {
    if opened == Opened::Nothing {
        return;
    }
    for folder in ["", "config", "run", "logs", "spool", "debug"] {
        std::fs::set_permissions(data.join(folder), Permissions::from_mode(0o755)).expect("opened");
    }
    if opened == Opened::Socket {
        std::fs::set_permissions(data.join("run/worker.sock"), Permissions::from_mode(0o666))
            .expect("opened");
    }
}

async fn attempts(folder: &Path, opened: Opened, tries: Vec<Try>) -> Vec<(String, String)> {
    let stage = stage(folder).await;
    let worker = Watched::new(CANARY);
    let end = CancellationToken::new();
    let control: Arc<dyn Control> = Arc::<Watched>::clone(&worker);
    let socket = SocketListener::bind(&stage.data.join("run/worker.sock")).await.expect("a socket");
    let page = BrowserListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a port");
    let port = page.address().port();
    let serving = [
        tokio::spawn(socket.serve(Arc::clone(&control), end.clone())),
        tokio::spawn(page.serve(control, Arc::new(Sessions::new()), end.clone())),
    ];
    widen(&stage.data, opened);
    let mut found = Vec::new();
    for one in tries {
        let outcome = attempt(folder, &stage.data, port, &one.script, &worker).await;
        found.push((one.name, outcome));
    }
    end.cancel();
    for job in serving {
        let _ = job.await;
    }
    found
}

async fn attempt(folder: &Path, data: &Path, port: u16, script: &str, worker: &Watched) -> String {
    // In place of the worker's process, which is this one: ending it must be denied, not survived.
    let mut bystander = Command::new("sleep").arg("120").spawn().expect("a process");
    let before = look(data);
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).uid(NOBODY).gid(NOBODY).current_dir("/").env_clear();
    shell.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("D", data).env("O", folder.join("open"));
    shell.env("WORKER", bystander.id().to_string()).env("PORT", port.to_string()).stdin(Stdio::null());
    let done = tokio::task::spawn_blocking(move || shell.output().expect("a shell")).await.expect("ended");
    let ended = bystander.try_wait().expect("known").is_some();
    let _ = bystander.kill();
    let _ = bystander.wait();
    let after = look(data);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    match worker.take_calls().as_slice() {
        [] => {}
        calls => return format!("the worker was asked: {calls:?}"),
    }
    if ended {
        return "the worker was ended".to_owned();
    }
    if before != after {
        return format!("changed: {after:?}");
    }
    match (done.status.success(), said.contains(CANARY)) {
        (_, true) => "read".to_owned(),
        (true, false) => "done".to_owned(),
        (false, false) => "denied".to_owned(),
    }
}

/// Everything below the data folder: mode, owner, and what is in it. Databases' own files beside them come and go.
fn look(data: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![data.to_path_buf()];
    while let Some(path) = open.pop() {
        let Ok(about) = path.symlink_metadata() else { continue };
        let content = if about.is_file() { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
        if about.is_dir() {
            open.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
        found.insert(path, (about.mode(), about.uid(), content));
    }
    found
}

/// Somebody else's socket lies where the worker's should: a client must not tell it anything.
async fn impostor(folder: &Path) -> String {
    let stage = stage(folder).await;
    let socket = stage.data.join("run/worker.sock");
    let theirs = folder.join("open/socket");
    let script = "exec perl -MIO::Socket::UNIX -e '
        my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 5) or die; $| = 1; print \"listening\\n\";
        alarm 60; while (my $c = $s->accept) { my $line = <$c>; print \"told: $line\"; }' ";
    let mut server = Command::new("sh");
    server.args(["-c", &format!("{script} {}", theirs.display())]).uid(NOBODY).gid(NOBODY).current_dir("/");
    let mut server = server.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("a server");
    let mut said = std::io::BufReader::new(server.stdout.take().expect("a pipe"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).expect("a line");
    assert_eq!(line, "listening\n");
    std::fs::rename(&theirs, &socket).expect("planted");
    let client = SocketClient::new(&socket);
    let asked = client.typed().snapshot(()).await;
    let bound = SocketListener::bind(&socket).await;
    let _ = server.kill();
    let _ = server.wait();
    drop(said);
    match (asked, bound) {
        (Ok(_), _) => "the client was answered".to_owned(),
        (_, Ok(_)) => "the worker listens beside it".to_owned(),
        (Err(error), Err(_)) if error.message.contains("another user") => "denied".to_owned(),
        (Err(error), Err(_)) => format!("denied for another reason: {error}"),
    }
}
