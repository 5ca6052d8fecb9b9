//! Tokens in a real Secret Service: gnome-keyring on a session bus of its own, unlocked and locked.
//!
//! The tests run this same program again inside that bus; `HIVEMIND_STORE_SCENE` names what is to be played there.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::panic, reason = "all of this file is tests")]

use hivemind_store::{DataFolder, KeyringSecrets};
use hivemind_worker_core::port::{SecretError, Secrets, Tokens};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const POOL: &str = "https://pool.example";
const SCENE: &str = "HIVEMIND_STORE_SCENE";

fn tokens(session: &str) -> Tokens {
    let session_for = Duration::from_secs(900);
    Tokens { username: "ann".into(), session: session.into(), session_for, refresh: "refresh".into() }
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Plays a scene on a bus of its own; `daemon` is a shell line that starts a keyring there.
fn play(scene: &str, home: &Path, daemon: &str) -> bool {
    let needed = if daemon.is_empty() {
        &["dbus-run-session"][..]
    } else {
        &["dbus-run-session", "gnome-keyring-daemon"]
    };
    if let Some(missing) = needed.iter().find(|p| !installed(p)) {
        eprintln!("SKIPPED {scene}: {missing} is not installed");
        return false;
    }
    for folder in ["share", "config", "cache", "run"] {
        std::fs::create_dir_all(home.join(folder)).unwrap();
    }
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(home.join("run"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let me = std::env::current_exe().unwrap();
    // A bus without service files, so that nothing of this machine is started on it.
    let config = home.join("bus.conf");
    let text = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
                \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig><type>session</type>\
                <listen>unix:tmpdir=/tmp</listen><policy context=\"default\"><allow send_destination=\"*\" \
                eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>";
    std::fs::write(&config, text).unwrap();
    let line = format!("{daemon}\nexec \"$0\" --exact --nocapture --include-ignored on_the_bus");
    let mut child = Command::new("dbus-run-session")
        .arg(format!("--config-file={}", config.display()))
        .args(["--", "sh", "-c", &line])
        .arg(me)
        .env(SCENE, scene)
        .env("HOME", home)
        .env("XDG_DATA_HOME", home.join("share"))
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_RUNTIME_DIR", home.join("run"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().map(|mut i| i.flush());
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned()).join("\n");
    assert!(output.status.success() && said.contains("1 passed"), "{scene}:\n{said}");
    true
}

/// An unlocked keyring whose password is one empty line; it ends with the bus.
const UNLOCKED: &str =
    "printf '\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null || exit 9; sleep 1";
const LOCKED: &str = "gnome-keyring-daemon --start --components=secrets >/dev/null || exit 9; sleep 1";

#[test]
#[ignore = "the inner half of the other tests; it needs their bus"]
fn on_the_bus() {
    let Ok(scene) = std::env::var(SCENE) else {
        eprintln!("SKIPPED on_the_bus: it is started by the other tests");
        return;
    };
    let home = std::env::var("HOME").unwrap();
    let folder = DataFolder::open(Some(&Path::new(&home).join("data"))).unwrap();
    let other = DataFolder::open(Some(&Path::new(&home).join("other"))).unwrap();
    let secrets = KeyringSecrets::new(&folder, true);
    let file = folder.data().join("tokens.json");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        match scene.as_str() {
            "keep" => {
                assert_eq!(secrets.load(POOL).await, Ok(None));
                secrets.save(POOL, &tokens("one")).await.unwrap();
                secrets.save(POOL, &tokens("two")).await.unwrap();
                secrets.save("http://other", &tokens("three")).await.unwrap();
                assert_eq!(secrets.load(POOL).await, Ok(Some(tokens("two"))));
                assert!(!secrets.in_file() && !file.exists());
                let of_other = KeyringSecrets::new(&other, true);
                assert_eq!(of_other.load(POOL).await, Ok(None), "another installation's session was seen");
                secrets.clear("http://other").await.unwrap();
                secrets.clear("http://other").await.unwrap();
                assert_eq!(secrets.load("http://other").await, Ok(None));
            }
            "locked" => {
                assert_eq!(secrets.load(POOL).await, Err(SecretError::Locked));
                assert_eq!(secrets.save(POOL, &tokens("new")).await, Err(SecretError::Locked));
                assert_eq!(secrets.clear(POOL).await, Err(SecretError::Locked));
                assert!(!file.exists(), "a locked keyring is no reason for a file");
            }
            "kept" => assert_eq!(secrets.load(POOL).await, Ok(Some(tokens("two")))),
            // The keyring that has "two" has not started yet.
            "away" => {
                assert_eq!(secrets.load(POOL).await, Err(SecretError::Away));
                assert_eq!(secrets.load("http://never").await, Ok(None), "nothing was put there");
                assert!(!file.exists());
            }
            "signed in without" => {
                secrets.save(POOL, &tokens("in file")).await.unwrap();
                assert_eq!(secrets.load(POOL).await, Ok(Some(tokens("in file"))));
            }
            "signed out without" => {
                secrets.clear(POOL).await.unwrap();
                assert_eq!(secrets.load(POOL).await, Ok(None));
            }
            "empty" => {
                assert_eq!(secrets.load(POOL).await, Ok(None), "signed in again by what was left");
                assert_eq!(secrets.changes().newest_first(), []);
            }
            "none" => {
                assert_eq!(secrets.load(POOL).await, Ok(None));
                secrets.save(POOL, &tokens("in file")).await.unwrap();
                assert!(secrets.in_file() && file.exists());
            }
            "moved" => {
                assert!(secrets.in_file());
                assert_eq!(secrets.load(POOL).await, Ok(Some(tokens("in file"))));
                assert!(!secrets.in_file() && !file.exists());
                assert_eq!(secrets.load(POOL).await, Ok(Some(tokens("in file"))));
            }
            other => panic!("no scene {other}"),
        }
    });
}

#[test]
fn a_locked_keyring_is_locked_and_not_empty() {
    let home = tempfile::tempdir().unwrap();
    if play("keep", home.path(), UNLOCKED) {
        play("locked", home.path(), LOCKED);
        play("kept", home.path(), UNLOCKED);
    }
}

#[test]
fn a_keyring_that_starts_later_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    if play("keep", home.path(), UNLOCKED) {
        play("away", home.path(), "");
        play("kept", home.path(), UNLOCKED);
    }
}

#[test]
fn a_sign_in_without_the_keyring_is_newer_than_what_that_has() {
    let home = tempfile::tempdir().unwrap();
    if play("keep", home.path(), UNLOCKED) {
        play("signed in without", home.path(), "");
        play("moved", home.path(), UNLOCKED);
    }
}

#[test]
fn a_sign_out_without_the_keyring_holds_when_that_comes() {
    let home = tempfile::tempdir().unwrap();
    if play("keep", home.path(), UNLOCKED) {
        play("signed out without", home.path(), "");
        play("empty", home.path(), UNLOCKED);
    }
}

#[test]
fn without_a_service_the_file_is_used_until_there_is_one() {
    let home = tempfile::tempdir().unwrap();
    if play("none", home.path(), "") {
        play("moved", home.path(), UNLOCKED);
    }
}

#[test]
fn a_service_without_a_collection_keeps_nothing() {
    let home = tempfile::tempdir().unwrap();
    play("none", home.path(), LOCKED);
}
