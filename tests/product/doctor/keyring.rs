//! A real keyring that is locked after a restart of the session, and unlocked while the worker runs.

use super::{Ill, Patient, can};
use crate::patience::{LONG, until};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A session bus of one's own, without service files, so that nothing of this machine is started on it.
const CONFIG: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
    \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\"><busconfig><type>session</type>\
    <listen>unix:path=BUS</listen><policy context=\"default\"><allow send_destination=\"*\" \
    eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>";

struct Session {
    folder: PathBuf,
    bus: Child,
    keyring: Option<Child>,
}

impl Session {
    async fn start(folder: &Path) -> Self {
        for part in ["share", "config", "cache", "run"] {
            std::fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(folder.join("run"), private).expect("set");
        let (config, socket) = (folder.join("bus.conf"), folder.join("bus"));
        std::fs::write(&config, CONFIG.replace("BUS", &socket.display().to_string())).expect("written");
        let mut command = Command::new("dbus-daemon");
        command.arg(format!("--config-file={}", config.display())).arg("--nofork");
        let bus = command.stdin(Stdio::null()).spawn().expect("a bus");
        until("the bus listens", LONG, async || socket.exists().then_some(())).await;
        Self { folder: folder.to_owned(), bus, keyring: None }
    }

    fn variables(&self) -> [(&'static str, String); 5] {
        let at = |name: &str| self.folder.join(name).display().to_string();
        [
            ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", at("bus"))),
            ("XDG_DATA_HOME", at("share")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_CACHE_HOME", at("cache")),
            ("XDG_RUNTIME_DIR", at("run")),
        ]
    }

    fn daemon(&self, words: &[&str]) -> Child {
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(words).env_clear().envs(self.variables()).env("HOME", &self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("gnome-keyring-daemon starts")
    }

    /// A keyring whose password is one empty line; locked without one.
    async fn keyring(&mut self, unlocked: bool) {
        let mut words = vec!["--foreground", "--components=secrets"];
        words.extend(unlocked.then_some("--unlock"));
        let mut keyring = self.daemon(&words);
        if let Some(mut input) = keyring.stdin.take().filter(|_| unlocked) {
            let _ = input.write_all(b"\n");
        }
        self.keyring = Some(keyring);
        let control = self.folder.join("run/keyring/control");
        until("the keyring listens", LONG, async || control.exists().then_some(())).await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }

    /// The same keyring, opened with its password. Only a prompt could open the running one, and nobody answers it here.
    async fn unlock(&mut self) {
        self.end_keyring();
        self.keyring(true).await;
    }

    fn end_keyring(&mut self) {
        if let Some(mut keyring) = self.keyring.take() {
            let _ = keyring.kill();
            let _ = keyring.wait();
        }
        let _ = std::fs::remove_dir_all(self.folder.join("run/keyring"));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end_keyring();
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

#[tokio::test]
async fn a_locked_keyring_is_told_until_it_is_unlocked() {
    let name = "a_locked_keyring_is_told_until_it_is_unlocked";
    if !can(name, &["dbus-daemon", "gnome-keyring-daemon"]) {
        return;
    }
    let mut patient = Patient::new(|_| ()).await;
    let mut session = Session::start(&patient.path("session")).await;
    for (variable, value) in session.variables() {
        patient.surround(variable, value);
    }
    session.keyring(true).await;
    patient.start().await;
    patient.sign_in().await;
    assert_eq!(patient.is_well(9).await, "the sign-in is kept in the system's keyring");
    patient.end().await;
    session.end_keyring();
    session.keyring(false).await;
    patient.start().await;
    let ill = Ill {
        fault: "keyring-locked",
        number: 9,
        level: "error",
        code: Some("KEYRING_LOCKED"),
        proof: &["the keyring is locked", "cannot be read"],
        fix: "Unlock the keyring",
    };
    patient.is_ill(&ill).await;
    let (_, pool) = patient.examine(3).await;
    assert!(pool["proof"].as_str().expect("a proof").ends_with("before the keyring is unlocked"), "{pool}");
    session.unlock().await;
    assert_eq!(patient.is_well(9).await, "the sign-in is kept in the system's keyring");
    assert_eq!(patient.is_well(4).await, "signed in as works");
    patient.end().await;
}

#[tokio::test]
async fn without_a_keyring_the_file_is_told() {
    let mut patient = Patient::new(|_| ()).await;
    patient.start().await;
    let nobody = Ill {
        fault: "signed-out",
        number: 4,
        level: "error",
        code: Some("SIGN_IN_REQUIRED"),
        proof: &["nobody is signed in"],
        fix: "Sign in",
    };
    patient.is_ill(&nobody).await;
    patient.sign_in().await;
    assert_eq!(patient.is_well(4).await, "signed in as works");
    let file = Ill {
        fault: "keyring-missing",
        number: 9,
        level: "warning",
        code: None,
        proof: &["there is no keyring", "a file that only you can read"],
        fix: "Install and unlock a keyring",
    };
    patient.is_ill(&file).await;
    patient.end().await;
}
