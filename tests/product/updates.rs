//! An AppImage that looks after itself: the real worker as old and as new version, a real server, real processes.
//!
//! An image is a script here that starts the built worker as this or that version; what an image's own runtime adds, its
//! variables, stands in the surroundings.

use crate::patience::{LONG, until};
use crate::program::{Running, Said, Surroundings, binary, call, told};
use hivemind_testkit::ReleaseServer;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const TARGET: &str = "x86_64-linux-appimage";

struct Scene {
    folder: tempfile::TempDir,
    image: PathBuf,
    server: ReleaseServer,
    surroundings: Surroundings,
    data: String,
}

pub fn now_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a manifest is signed at a real time")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the end of time")
}

/// An image that is the worker as this version.
fn image(version: &str) -> String {
    image_that_looks_after(version, 1)
}

/// The same that looks for another one so many seconds after it was found well.
fn image_that_looks_after(version: &str, seconds: u32) -> String {
    format!(
        "#!/bin/sh\nHIVEMIND_UPDATE_VERSION={version} HIVEMIND_UPDATE_AFTER={seconds} exec '{}' \"$@\"\n",
        binary().display()
    )
}

impl Scene {
    /// Nothing where this kind of computer has no AppImages.
    async fn open(name: &str) -> Option<Self> {
        if std::env::consts::ARCH != "x86_64" || !cfg!(target_os = "linux") {
            println!("SKIPPED {name}: AppImages are made for Linux on x86_64 only");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let image_path = folder.path().join("Worker.AppImage");
        std::fs::write(&image_path, image("0.1.0")).expect("written");
        std::fs::set_permissions(&image_path, std::fs::Permissions::from_mode(0o755)).expect("a program");
        let server = ReleaseServer::start().await;
        let certificate = folder.path().join("ca.pem");
        std::fs::write(&certificate, &server.certificate).expect("written");
        let tree = binary().parent().expect("a folder").display().to_string();
        let surroundings = Surroundings::new(&folder.path().join("home"))
            .with("APPIMAGE", image_path.display().to_string())
            .with("APPDIR", tree)
            .with("SSL_CERT_FILE", certificate.display().to_string())
            .with("HIVEMIND_UPDATE_KEY", server.key())
            .with("HIVEMIND_UPDATE_URL", server.url("newest.json"))
            .with("HIVEMIND_UPDATE_VERSION", "0.1.0")
            .with("HIVEMIND_UPDATE_AFTER", "1");
        let data = folder.path().join("data").display().to_string();
        let scene = Self { folder, image: image_path, server, surroundings, data };
        scene.call(&["settings", "set", "monitor_port", "0"]).await.ok();
        // Nobody is to be asked for work here.
        scene.call(&["settings", "set", "contribute_on_start", "false"]).await.ok();
        Some(scene)
    }

    fn publish(&self, version: &str, content: &str) {
        let release = self.server.release(version, TARGET, content.as_bytes(), now_ms());
        self.server.publish(release.text());
    }

    async fn call(&self, arguments: &[&str]) -> Said {
        call(&self.surroundings, &[&["--data", self.data.as_str()], arguments].concat()).await
    }

    async fn run(&self) -> Running {
        let log = self.folder.path().join("log");
        Running::start(&self.surroundings, &["--data", self.data.as_str(), "run"], &log).await
    }

    /// Which version answers.
    async fn answers(&self) -> Option<String> {
        let said = self.call(&["status"]).await;
        (said.code == 0).then(|| said.ok()["version"].as_str().expect("a version").to_owned())
    }

    async fn wait_for(&self, version: &str) {
        until(&format!("version {version} answers"), LONG, async || {
            (self.answers().await.as_deref() == Some(version)).then_some(())
        })
        .await;
    }

    /// Waits until what was kept of the last exchange names this version; gives why it went again.
    async fn tried(&self, version: &str) -> Option<String> {
        let tried = until(&format!("version {version} was tried"), LONG, async || {
            let shown = self.call(&["update"]).await.ok();
            (shown["tried"]["version"] == version).then(|| shown["tried"].clone())
        })
        .await;
        tried["taken_back"].as_str().map(str::to_owned)
    }

    fn is(&self, content: &str) {
        assert_eq!(std::fs::read_to_string(&self.image).expect("the image"), content);
        let left: Vec<_> = ["next", "previous"]
            .into_iter()
            .filter(|ending| self.image.with_extension(format!("AppImage.{ending}")).exists())
            .collect();
        assert_eq!(left, Vec::<&str>::new(), "nothing else lies beside it");
    }
}

/// Processes that this one started, and theirs.
fn below(pid: u32) -> Vec<u32> {
    let children = |pid: u32| -> Vec<u32> {
        let said = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let others = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let others = others.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        let all: String = others.collect::<Vec<_>>().join(" ");
        format!("{said} {all}").split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    let mut open = children(pid);
    let mut found = std::collections::BTreeSet::new();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(children(next));
        }
    }
    found.into_iter().collect()
}

#[tokio::test]
async fn a_good_update_is_put_in_place_and_the_next_one_too() {
    let name = "a_good_update_is_put_in_place_and_the_next_one_too";
    let Some(scene) = Scene::open(name).await else { return };
    // The next one is published before this one looks for it, also on a busy computer.
    let new = image_that_looks_after("0.2.0", 30);
    scene.publish("0.2.0", &new);
    let worker = scene.run().await;
    scene.wait_for("0.2.0").await;
    assert_eq!(scene.tried("0.2.0").await, None, "it stayed");
    scene.is(&new);
    assert_eq!(below(worker.pid()).len(), 1, "one that runs below the one that began");
    // The version that runs now takes the next one in the same way, and no third process stays.
    let newer = image("0.3.0");
    scene.publish("0.3.0", &newer);
    scene.wait_for("0.3.0").await;
    assert_eq!(scene.tried("0.3.0").await, None, "it stayed");
    scene.is(&newer);
    assert_eq!(below(worker.pid()).len(), 1);
    let shown = scene.call(&["update"]).await.ok();
    assert_eq!((shown["standing"].as_str(), shown["ready"].as_str()), (Some("takes"), None), "{shown}");
    // Whoever started the first process ends the last one with it.
    worker.end().await;
    assert_eq!(scene.answers().await, None, "nobody is left");
}

#[tokio::test]
async fn a_version_that_crashes_is_taken_back_by_itself() {
    let Some(scene) = Scene::open("a_version_that_crashes_is_taken_back_by_itself").await else { return };
    scene.publish("0.2.0", "#!/bin/sh\nexit 3\n");
    let worker = scene.run().await;
    let why = scene.tried("0.2.0").await.expect("it went again");
    assert!(why.contains("exit status: 3"), "{why}");
    scene.wait_for("0.1.0").await;
    scene.is(&image("0.1.0"));
    // It is not tried again.
    until("it is looked again", LONG, async || {
        let shown = scene.call(&["update"]).await.ok();
        (shown["why"]["word"] == "tried_before").then_some(())
    })
    .await;
    let english = told(&scene.surroundings, &["--data", &scene.data, "update"]).await;
    assert!(english.contains("Version 0.2.0 did not become well and was taken back"), "{english}");
    let chinese = told(&scene.surroundings, &["--data", &scene.data, "--language", "zh-tw", "update"]).await;
    assert!(chinese.contains("版本 0.2.0 沒有正常運作"), "{chinese}");
    worker.end().await;
}

#[tokio::test]
async fn a_session_that_ends_in_the_trial_leaves_the_version_before() {
    let name = "a_session_that_ends_in_the_trial_leaves_the_version_before";
    let Some(scene) = Scene::open(name).await else { return };
    let mark = scene.folder.path().join("began");
    scene.publish("0.2.0", &format!("#!/bin/sh\ntouch '{}'\nexec sleep 600\n", mark.display()));
    let worker = scene.run().await;
    until("the trial begins", LONG, async || mark.exists().then_some(())).await;
    worker.end().await;
    scene.is(&image("0.1.0"));
    let note = std::fs::read_to_string(scene.image.with_extension("AppImage.update")).expect("the note");
    assert!(note.contains(r#""failed":[]"#), "the new version is not to blame: {note}");
}

#[tokio::test]
async fn a_power_cut_in_the_trial_brings_the_version_before_back() {
    let name = "a_power_cut_in_the_trial_brings_the_version_before_back";
    let Some(scene) = Scene::open(name).await else { return };
    let mark = scene.folder.path().join("began");
    // A version that never answers, as long as the mark says that it runs for the first time.
    let new = format!("#!/bin/sh\n[ -e '{0}' ] || {{ touch '{0}'; exec sleep 600; }}\n", mark.display());
    let new = new + image("0.2.0").strip_prefix("#!/bin/sh\n").expect("a script");
    scene.publish("0.2.0", &new);
    let worker = scene.run().await;
    until("the trial begins", LONG, async || mark.exists().then_some(())).await;
    let on_trial = below(worker.pid());
    worker.kill().await;
    for pid in on_trial {
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process");
        // It may be gone with its parent.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    assert_eq!(std::fs::read_to_string(&scene.image).expect("the image"), new, "the new one lies in place");
    // What lies there is the new version, which looks at the note before anything else. First start: it was never
    // started, as far as the note tells, and so is on trial; it is killed again.
    let again = Surroundings::clone(&scene.surroundings).with("HIVEMIND_UPDATE_VERSION", "0.2.0");
    let log = scene.folder.path().join("log");
    let arguments = ["--data", scene.data.as_str(), "run"];
    Running::start(&again, &arguments, &log).await.kill().await;
    // Second start: it takes itself back and starts the one before.
    let worker = Running::start(&again, &arguments, &log).await;
    scene.wait_for("0.1.0").await;
    scene.is(&image("0.1.0"));
    let note = std::fs::read_to_string(scene.image.with_extension("AppImage.update")).expect("the note");
    assert!(note.contains(r#""failed":["0.2.0"]"#), "{note}");
    worker.end().await;
    assert_eq!(scene.answers().await, None);
}

#[tokio::test]
async fn switched_off_nobody_is_asked_and_a_look_by_hand_tells() {
    let name = "switched_off_nobody_is_asked_and_a_look_by_hand_tells";
    let Some(scene) = Scene::open(name).await else { return };
    scene.publish("0.2.0", &image("0.2.0"));
    scene.call(&["settings", "set", "updates", "false"]).await.ok();
    let worker = scene.run().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!((scene.server.asked(), scene.answers().await.as_deref()), (0, Some("0.1.0")));
    let shown = scene.call(&["update", "status"]).await.ok();
    assert_eq!((shown["standing"].as_str(), shown["looked_ms"].as_i64()), (Some("off"), None), "{shown}");
    let shown = scene.call(&["update", "check"]).await.ok();
    assert_eq!((shown["newest"].as_str(), shown["why"].as_str()), (Some("0.2.0"), None), "{shown}");
    assert!(shown["looked_ms"].as_i64().is_some_and(|at| at > 0), "{shown}");
    let asked = scene.server.asked();
    assert_eq!(asked, 2, "manifest and signature");
    // A server without a manifest: refused, with its reason, and exit code 1.
    scene.server.put("newest.json", hivemind_testkit::Answer::Status(404));
    let said = scene.call(&["update", "check"]).await;
    assert_eq!((said.code, said.lines[0]["why"]["word"].as_str()), (1, Some("status")), "{said:?}");
    scene.is(&image("0.1.0"));
    worker.end().await;
}

#[tokio::test]
async fn what_a_package_manager_brought_is_left_alone() {
    let Some(scene) = Scene::open("what_a_package_manager_brought_is_left_alone").await else { return };
    scene.publish("0.2.0", &image("0.2.0"));
    let place = scene.folder.path().join("usr");
    std::fs::create_dir(&place).expect("a folder");
    let program = place.join("hivemind-worker");
    std::fs::copy(binary(), &program).expect("copied");
    let ask = async |marker: &str| {
        std::fs::write(place.join("installed-by"), marker).expect("written");
        let surroundings = scene.surroundings.clone().with("APPDIR", place.display().to_string());
        let mut command =
            surroundings.command_of(&program, &["--json", "--data", &scene.data, "update", "check"]);
        let output = command.output().await.expect("it runs");
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), said)
    };
    for (marker, standing) in [("deb\n", "package"), ("msi\r\n", "msi"), ("?\n", "unknown")] {
        let (code, said) = ask(marker).await;
        assert_eq!((code, said["standing"].as_str()), (Some(1), Some(standing)), "{said}");
    }
    // As a worker too.
    std::fs::write(place.join("installed-by"), "deb\n").expect("written");
    let surroundings = scene.surroundings.clone().with("APPDIR", place.display().to_string());
    let mut command = surroundings.command_of(&program, &["--data", &scene.data, "run"]);
    let mut worker = command.stdout(std::process::Stdio::null()).spawn().expect("it starts");
    scene.wait_for("0.1.0").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!((scene.server.asked(), scene.answers().await.as_deref()), (0, Some("0.1.0")));
    worker.kill().await.expect("killed");
    scene.is(&image("0.1.0"));
}

#[tokio::test]
async fn a_developers_build_says_that_it_takes_none() {
    let Some(scene) = Scene::open("a_developers_build_says_that_it_takes_none").await else { return };
    let plain = scene.surroundings.clone().with("HIVEMIND_UPDATE_KEY", "");
    let shown = call(&plain, &["--data", &scene.data, "update"]).await.ok();
    assert_eq!(shown["standing"], "no_key", "{shown}");
    let text = told(&plain, &["--data", &scene.data, "update"]).await;
    assert!(text.contains("This is a developer's build without a key: it takes no updates."), "{text}");
    let chinese = told(&plain, &["--data", &scene.data, "--language", "zh-tw", "update"]).await;
    assert!(chinese.contains("這是沒有金鑰的開發版本"), "{chinese}");
}
