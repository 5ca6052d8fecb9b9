//! One life of the window.

use crate::driver::Window;
use crate::fake::FakeWorker;
use hivemind_control::{COMMANDS, Event};
use hivemind_local_api::SocketListener;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hivemind-worker-window");

fn serve(runtime: &Runtime, worker: &Arc<FakeWorker>, path: &Path) -> CancellationToken {
    let shutdown = CancellationToken::new();
    let listener = runtime.block_on(SocketListener::bind(path)).unwrap();
    runtime.spawn(listener.serve(worker.clone(), shutdown.clone()));
    shutdown
}

pub fn run() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("worker.sock");
    let worker = FakeWorker::new();
    let served = serve(&runtime, &worker, &socket);
    let window = Window::open(Path::new(PROGRAM), &["--socket", socket.to_str().unwrap()], folder.path());
    assert!(window.url().starts_with("tauri://localhost"), "{}", window.url());

    every_command(&window, &worker);
    only_commands(&window);
    files(&window, folder.path());
    let url = window.url();
    window.script("location.href = 'https://example.org/'; setTimeout(() => done(null), 500);");
    assert_eq!(window.url(), url, "no other page is shown");
    stream(&window, &worker);

    served.cancel();
    let code = window.script("window.ended.then(done);");
    assert_eq!(code, "WORKER_NOT_RUNNING", "the stream ends with the worker");
    let code = window.script(&invoke("snapshot"));
    assert_eq!(code["code"], "WORKER_NOT_RUNNING");
    while socket.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _served = serve(&runtime, &worker, &socket);
    stream(&window, &worker);
    stream(&window, &worker);
    // The streams of a page that is gone end; the screens of the new one may open theirs.
    assert!(worker.snapshots.receiver_count() >= 2);
    window.script("setTimeout(() => location.reload(), 50); done(null);");
    let mut tries = 0;
    while worker.snapshots.receiver_count() > 1 {
        tries += 1;
        assert!(tries < 3000, "{} streams after the reload", worker.snapshots.receiver_count());
        std::thread::sleep(Duration::from_millis(20));
    }

    let running = || {
        std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).starts_with(&format!("{PROGRAM}\0--socket\0{}", socket.display()))
        })
    };
    assert!(running());
    window.close();
    for _ in 0..3000 {
        if !running() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the program goes on without its window");
}

fn invoke(name: &str) -> String {
    format!("window.__TAURI_INTERNALS__.invoke('{name}', {{ request: null }}).then(done, done);")
}

fn every_command(window: &Window, worker: &FakeWorker) {
    worker.take_calls();
    for command in COMMANDS {
        let answer = window.script(&invoke(command.name));
        // A command that wants more than null was refused by the worker, not by the shell.
        let asked = worker.take_calls().iter().any(|(name, _)| *name == command.name);
        assert!(asked || answer["code"] == "INVALID_REQUEST", "{}: {answer}", command.name);
    }
    assert_eq!(window.script(&invoke("snapshot"))["seq"], 41);
}

fn only_commands(window: &Window) {
    for name in ["plugin:window|close", "plugin:event|listen", "plugin:app|version", "nothing"] {
        let answer = window.script(&invoke(name));
        let refused =
            answer.as_str().is_some_and(|why| why.contains("not allowed") || why.contains("not found"));
        assert!(refused, "{name}: {answer}");
    }
}

/// What the page saves lies in the home folder, where there is none for downloads; nothing is written over.
fn files(window: &Window, home: &Path) {
    let save = |name: &str, text: &str| {
        let asked = serde_json::json!({ "name": name, "text": text });
        window.script(&format!("window.__TAURI_INTERNALS__.invoke('save_file', {asked}).then(done, done);"))
    };
    for (text, name) in [("day,cpt\r\n", "pay.csv"), ("一\u{1f41d}", "pay (2).csv")] {
        let path = home.join(name);
        assert_eq!(save("pay.csv", text), Value::from(path.to_str().unwrap()));
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
    assert_eq!(save("../up.csv", "x")["code"], "INVALID_REQUEST");
    let many = window.script(
        "window.__TAURI_INTERNALS__.invoke('save_file', { name: 'many.ledger', text: 'x'.repeat(30_000_000) })
           .then(done, done);",
    );
    assert_eq!(many, Value::from(home.join("many.ledger").to_str().unwrap()));
    assert_eq!(home.join("many.ledger").metadata().unwrap().len(), 30_000_000);
}

fn stream(window: &Window, worker: &FakeWorker) {
    let first = window.script(
        "const seen = window.seen = [];
         const id = window.__TAURI_INTERNALS__.transformCallback((m) => {
           if ('message' in m) { seen.push(m.message); if (seen.length === 1) done(m.message); }
         });
         window.ended = window.__TAURI_INTERNALS__.invoke('subscribe', { channel: `__CHANNEL__:${id}` })
           .then(() => 'success', (e) => e.code ?? String(e));",
    );
    assert_eq!(
        (&first["event"], &first["data"]["seq"]),
        (&Value::from("snapshot"), &Value::from(41)),
        "{first}"
    );
    worker.hints.send(Event::RaiseWindow).unwrap();
    let second = window
        .script("const look = () => window.seen[1] ? done(window.seen[1]) : setTimeout(look, 20); look();");
    assert_eq!(second["event"], "raise_window");
}
