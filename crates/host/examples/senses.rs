//! Watches the sensors of this computer for some seconds and prints each news as one line of JSON.
//!
//! `senses SECONDS [--awake] [--app NAME]... [--hold MILLISECONDS]`: `--awake` asks to be kept awake, `--app` names a
//! program that wants the computer for itself, `--hold` is how long sleep is held up.

use hivemind_domain::rules::{Sensed, Signal};
use hivemind_host::{GpuSource, Places, SystemHost, SystemSenses};
use hivemind_worker_core::port::{Host, News, Senses, Wanted};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What the command line asks for.
#[derive(Debug, Default)]
struct Asked {
    length: Duration,
    hold: Duration,
    wanted: Wanted,
}

fn asked() -> Option<Asked> {
    let mut asked = Asked::default();
    let mut words = std::env::args().skip(1);
    asked.length = Duration::from_secs(words.next()?.parse().ok()?);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--awake" => asked.wanted.awake = true,
            "--app" => asked.wanted.exclusive_apps.everything.push(words.next()?.to_lowercase()),
            "--hold" => asked.hold = Duration::from_millis(words.next()?.parse().ok()?),
            _ => return None,
        }
    }
    Some(asked)
}

/// The name of a sensor and what it told: null where there is none, `"unreadable"` where it cannot be read.
fn named(sensed: Sensed) -> (&'static str, Value) {
    fn shown<T: Into<Value>>(signal: Signal<T>) -> Value {
        match signal {
            Signal::Absent => Value::Null,
            Signal::Unreadable => "unreadable".into(),
            Signal::Value(value) => value.into(),
        }
    }
    match sensed {
        Sensed::Idle(Signal::Value(idle)) => ("idle_seconds", idle.as_secs_f64().into()),
        Sensed::Idle(Signal::Absent) => ("idle_seconds", Value::Null),
        Sensed::Idle(Signal::Unreadable) => ("idle_seconds", "unreadable".into()),
        Sensed::Locked(signal) => ("locked", shown(signal)),
        Sensed::RemoteSession(signal) => ("remote_session", shown(signal)),
        Sensed::OnBattery(signal) => ("on_battery", shown(signal)),
        Sensed::FullScreen(signal) => ("full_screen", shown(signal)),
        Sensed::ExclusiveApp(signal) => ("exclusive_app", shown(signal)),
        Sensed::GpuApp(signal) => ("gpu_app", shown(signal)),
        Sensed::NetworkApp(signal) => ("network_app", shown(signal)),
        Sensed::Metered(signal) => ("metered", shown(signal)),
        Sensed::Suspending(signal) => ("suspending", shown(signal)),
        Sensed::Updating(signal) => ("updating", shown(signal)),
        Sensed::CpuCelsius(signal) => ("cpu_celsius", shown(signal)),
        Sensed::GpuCelsius(signal) => ("gpu_celsius", shown(signal)),
        Sensed::OtherPrograms(signal) => ("other_programs", shown(signal)),
        Sensed::DiskFree(signal) => ("disk_free", shown(signal)),
    }
}

fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn main() -> ExitCode {
    let Some(asked) = asked() else {
        say(&json!({"error": "senses SECONDS [--awake] [--app NAME]... [--hold MILLISECONDS]"}));
        return ExitCode::from(2);
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&json!({"error": error.to_string()}));
            return ExitCode::FAILURE;
        }
    };
    let folder = std::env::temp_dir();
    let host = SystemHost::new(&folder, GpuSource::system());
    say(&json!({"disk_free": host.capabilities().disk_free_bytes}));
    let length = asked.length;
    // A watch ends by itself only when nobody listens.
    let _ = runtime.block_on(async { tokio::time::timeout(length, look(asked)).await });
    ExitCode::SUCCESS
}

async fn look(asked: Asked) {
    let (news, mut heard) = mpsc::channel(64);
    // Nobody changes what is wanted, and the sensors go on while somebody could.
    let (_wants, wanted) = watch::channel(asked.wanted);
    let senses = SystemSenses::new(Places::of_this_session());
    let printed = async {
        while let Some(News { sensed, done, .. }) = heard.recv().await {
            let (name, told) = named(sensed);
            say(&json!({ name: told }));
            if let Some(done) = done {
                tokio::time::sleep(asked.hold).await;
                let _ = done.send(());
            }
        }
    };
    tokio::join!(senses.watch(news, wanted), printed);
}
