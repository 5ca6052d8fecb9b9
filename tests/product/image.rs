//! A real AppImage updates itself, mounted and unpacked: the runtime that `cargo xtask dist` takes, around the built
//! worker.

use crate::patience::{LONG, until};
use crate::program::{Surroundings, binary, call};
use crate::updates::now_ms;
use hivemind_testkit::ReleaseServer;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The runtime, where an earlier `cargo xtask dist` has left it.
fn runtime() -> Option<Vec<u8>> {
    let named = std::env::var_os("HIVEMIND_CACHE").map(PathBuf::from);
    let cache =
        named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/hivemind-worker")));
    std::fs::read(cache?.join("appimage-runtime")).ok()
}

/// An image with the worker as this version, started by `start`.
fn image(folder: &Path, runtime: &[u8], version: &str, start: &str) -> PathBuf {
    let tree = folder.join(format!("tree-{version}"));
    let place = tree.join("usr/lib/hivemind-worker");
    std::fs::create_dir_all(&place).expect("a tree");
    let program = place.join("hivemind-worker");
    std::fs::copy(binary(), &program).expect("copied");
    // Without what debuggers need it is a fifth of the size; it runs either way.
    let _ = Command::new("strip").arg(&program).status();
    std::fs::write(tree.join("AppRun"), start).expect("written");
    std::fs::set_permissions(tree.join("AppRun"), std::fs::Permissions::from_mode(0o755)).expect("a program");
    let squash = folder.join(format!("squash-{version}"));
    let made = Command::new("mksquashfs")
        .args([&tree, &squash])
        .args(["-root-owned", "-no-progress", "-quiet", "-comp", "gzip", "-Xcompression-level", "1"])
        .status();
    assert!(made.expect("it runs").success(), "mksquashfs");
    let image = folder.join(format!("Worker-{version}.AppImage"));
    std::fs::write(&image, [runtime, &std::fs::read(squash).expect("the tree")].concat()).expect("written");
    std::fs::set_permissions(&image, std::fs::Permissions::from_mode(0o755)).expect("a program");
    image
}

/// What an image needs, unless something is missing; then it says so.
fn runtime_here(name: &str) -> Option<Vec<u8>> {
    if std::env::consts::ARCH != "x86_64" {
        println!("SKIPPED {name}: AppImages are made for x86_64 only");
        return None;
    }
    if Command::new("mksquashfs").arg("-version").stdout(Stdio::null()).status().is_err() {
        println!("SKIPPED {name}: mksquashfs is not here (Debian: squashfs-tools)");
        return None;
    }
    let runtime = runtime();
    if runtime.is_none() {
        println!("SKIPPED {name}: there is no runtime; `cargo xtask dist appimage` fetches it");
    }
    runtime
}

/// Nothing mounts it, and another call of it has ended at this moment: the shared tree is as good as gone.
#[tokio::test]
async fn what_stays_needs_nothing_of_the_tree_that_other_calls_delete() {
    let Some(runtime) = runtime_here("what_stays_needs_nothing_of_the_tree_that_other_calls_delete") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let start = include_str!("../../installer/linux/AppRun");
    let image = image(folder.path(), &runtime, "0.1.0", start);
    let shared = folder.path().join("appimage_extracted_of_all");
    std::fs::create_dir_all(shared.join("usr/lib")).expect("half a tree");
    std::fs::write(shared.join("AppRun"), start).expect("written");
    let mut surroundings = Surroundings::new(&folder.path().join("home"))
        .with("APPDIR", shared.display().to_string())
        .with("APPIMAGE", image.display().to_string())
        .with("APPIMAGE_EXTRACT_AND_RUN", "1")
        .with("TMPDIR", folder.path().display().to_string());
    if let Ok(libraries) = std::env::var("LD_LIBRARY_PATH") {
        surroundings = surroundings.with("LD_LIBRARY_PATH", libraries);
    }
    let data = folder.path().join("data").display().to_string();
    for (key, value) in [("monitor_port", "0"), ("contribute_on_start", "false")] {
        call(&surroundings, &["--data", &data, "settings", "set", key, value]).await.ok();
    }
    let script = shared.join("AppRun").display().to_string();
    let mut command = surroundings.command_of(Path::new("/bin/sh"), &[&script, "--data", &data, "run"]);
    let mut worker = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    until("the worker answers", LONG, async || {
        (call(&surroundings, &["--data", &data, "status"]).await.code == 0).then_some(())
    })
    .await;
    let own = std::fs::read_link(format!("/proc/{}/exe", worker.id().expect("it runs"))).expect("a program");
    assert!(own.starts_with(folder.path()) && !own.starts_with(&shared), "{}", own.display());
    call(&surroundings, &["--data", &data, "quit"]).await.ok();
    assert!(worker.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn a_real_image_updates_itself() {
    let name = "a_real_image_updates_itself";
    let Some(runtime) = runtime_here(name) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let of = |version| {
        let start = format!(
            "#!/bin/sh\nexport HIVEMIND_UPDATE_VERSION={version}\n\
             exec \"$APPDIR/usr/lib/hivemind-worker/hivemind-worker\" \"$@\"\n"
        );
        image(folder.path(), &runtime, version, &start)
    };
    let (old, new) = (of("0.1.0"), of("0.2.0"));
    for unpacked in [true, false] {
        let mounts = Command::new(&old).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !unpacked && !mounts.is_ok_and(|status| status.success()) {
            println!("SKIPPED {name}, mounted: no FUSE here");
            continue;
        }
        update(&old, &new, unpacked).await;
    }
}

async fn update(old: &Path, new: &Path, unpacked: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("Worker.AppImage");
    std::fs::copy(old, &image).expect("copied");
    let content = std::fs::read(new).expect("the new image");
    let server = ReleaseServer::start().await;
    server.publish(server.release("0.2.0", "x86_64-linux-appimage", &content, now_ms()).text());
    let certificate = folder.path().join("ca.pem");
    std::fs::write(&certificate, &server.certificate).expect("written");
    let mut surroundings = Surroundings::new(&folder.path().join("home"))
        .with("SSL_CERT_FILE", certificate.display().to_string())
        .with("HIVEMIND_UPDATE_KEY", server.key())
        .with("HIVEMIND_UPDATE_URL", server.url("newest.json"))
        .with("HIVEMIND_UPDATE_AFTER", "1");
    if unpacked {
        surroundings = surroundings.with("APPIMAGE_EXTRACT_AND_RUN", "1");
    }
    if let Ok(libraries) = std::env::var("LD_LIBRARY_PATH") {
        surroundings = surroundings.with("LD_LIBRARY_PATH", libraries);
    }
    let data = folder.path().join("data").display().to_string();
    for (key, value) in [("monitor_port", "0"), ("contribute_on_start", "false")] {
        call(&surroundings, &["--data", &data, "settings", "set", key, value]).await.ok();
    }
    let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
    let mut command = surroundings.command_of(&image, &["--data", &data, "run"]);
    let mut first = command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
    let status = async || {
        let said = call(&surroundings, &["--data", &data, "status"]).await;
        (said.code == 0).then(|| said.ok()["version"].as_str().expect("a version").to_owned())
    };
    let stays = until("the new version stays", LONG, async || {
        let kept = std::fs::read_to_string(folder.path().join("data/updates.json")).unwrap_or_default();
        kept.contains(r#""tried":{"version""#).then_some(kept)
    });
    let kept = stays.await;
    let said = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    assert!(kept.contains(r#""taken_back":null"#), "unpacked: {unpacked}: {kept}\n{said}");
    assert_eq!(status().await.as_deref(), Some("0.2.0"), "unpacked: {unpacked}");
    assert!(std::fs::read(&image).expect("the image") == content, "unpacked: {unpacked}: another file");
    if !unpacked
        && let Ok(memory) = std::fs::read_to_string(format!("/proc/{}/status", first.id().expect("it runs")))
    {
        let resident = memory.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
        println!("the process that stays: {resident}");
    }
    call(&surroundings, &["--data", &data, "quit"]).await.ok();
    let ended = tokio::time::timeout(Duration::from_secs(60), first.wait()).await.expect("it ends");
    assert!(ended.expect("a status").success(), "unpacked: {unpacked}");
    assert_eq!(status().await, None);
}
