//! Servers that somebody else would like us to believe.

use super::super::look::{NotTaken, fetch, look};
use super::super::source::{HttpsSource, SourceError};
use super::{NEW, NOW_MS, OLD, Scene, TARGET};
use hivemind_testkit::{Answer, Release, ReleaseServer};
use hivemind_update::{Seen, Swap, SystemDisk};
use semver::Version;

const DAY_MS: i64 = 24 * 3_600_000;

/// One look, and the file where something is offered.
async fn update(scene: &Scene) -> Result<Version, NotTaken> {
    let source = scene.source(&scene.server.url("newest.json"))?;
    let seen = Swap::new(scene.program.clone(), &SystemDisk).seen();
    let offer = look(&source, &scene.here(), TARGET, &seen, NOW_MS).await?;
    fetch(&source, &scene.program, &offer).await?;
    Ok(offer.version)
}

fn good(server: &ReleaseServer) -> Release {
    server.release("0.2.0", TARGET, NEW, NOW_MS)
}

#[tokio::test]
async fn a_good_update_is_fetched_once_and_lies_ready() {
    let scene = Scene::open().await;
    scene.server.publish(good(&scene.server).text());
    assert_eq!(update(&scene).await.unwrap(), Version::new(0, 2, 0));
    assert_eq!(scene.server.asked(), 3, "signature, manifest, file");
    assert_eq!(std::fs::read(&scene.program).unwrap(), OLD, "nothing is exchanged yet");
    assert_eq!(std::fs::read(scene.folder.path().join("Worker.AppImage.next")).unwrap(), NEW);
    assert_eq!(update(&scene).await.unwrap(), Version::new(0, 2, 0));
    assert_eq!(scene.server.asked(), 5, "the file lies there already");
    let swap = Swap::new(scene.program.clone(), &SystemDisk);
    assert_eq!(swap.begin().unwrap(), Version::new(0, 2, 0));
    assert_eq!(std::fs::read(&scene.program).unwrap(), NEW);
}

#[tokio::test]
async fn a_file_may_lie_on_another_server_behind_https() {
    let (scene, other) = (Scene::open().await, ReleaseServer::start().await);
    scene.server.publish(good(&scene.server).text());
    scene.server.put("moved", Answer::Bytes(NEW.to_vec()));
    scene.server.put("0.2.0.file", Answer::SentTo(scene.server.url("moved")));
    update(&scene).await.unwrap();
    // One whose certificate nobody vouches for is not another server but an impostor.
    let scene = Scene::open().await;
    scene.server.publish(good(&scene.server).text());
    other.put("moved", Answer::Bytes(NEW.to_vec()));
    scene.server.put("0.2.0.file", Answer::SentTo(other.url("moved")));
    assert!(matches!(update(&scene).await, Err(NotTaken::Source(SourceError::Unreachable))));
    assert_eq!(scene.beside(), ["Worker.AppImage"]);
}

type Tampering = fn(&ReleaseServer);

fn change(server: &ReleaseServer, change: impl FnOnce(&mut Release)) {
    let mut release = good(server);
    change(&mut release);
    server.publish(release.text());
}

/// What is done to a server that publishes a good update, and why nothing is taken then.
fn cases() -> Vec<(&'static str, Tampering, &'static str)> {
    vec![
        // The server.
        ("no manifest", |s| s.put("newest.json", Answer::Status(404)), "status"),
        ("no signature", |s| s.put("newest.json.minisig", Answer::Status(404)), "status"),
        ("a server that is ill", |s| s.put("newest.json", Answer::Status(500)), "status"),
        (
            "a signature of nothing",
            |s| s.put("newest.json.minisig", Answer::Bytes(Vec::new())),
            "signature_unreadable",
        ),
        ("a manifest of nothing", |s| s.put("newest.json", Answer::Bytes(Vec::new())), "not_signed"),
        ("a manifest without end", |s| s.put("newest.json", Answer::Endless), "too_much"),
        ("a signature without end", |s| s.put("newest.json.minisig", Answer::Endless), "too_much"),
        (
            "a manifest that breaks off",
            |s| s.put("newest.json", Answer::CutShort(b"{".to_vec())),
            "broke_off",
        ),
        ("a server that hangs up", |s| s.put("newest.json", Answer::Nothing), "unreachable"),
        (
            "a manifest over plain http",
            |s| s.put("newest.json", Answer::SentTo(s.url("newest.json").replace("https", "http"))),
            "sent_away",
        ),
        (
            "a manifest from the disk",
            |s| s.put("newest.json", Answer::SentTo("file:///etc/passwd".into())),
            "status",
        ),
        (
            "a manifest that is always elsewhere",
            |s| s.put("newest.json", Answer::SentTo(s.url("newest.json"))),
            "sent_away",
        ),
        // Signatures.
        (
            "a signature by another key",
            |s| {
                let other = minisign_of_another(&good(s).text());
                s.put("newest.json.minisig", Answer::Bytes(other));
            },
            "not_signed",
        ),
        (
            "a signature of another manifest",
            |s| s.put("newest.json.minisig", Answer::Bytes(s.sign(b"{}"))),
            "not_signed",
        ),
        (
            "half a signature",
            |s| {
                let mut half = s.sign(&good(s).text());
                half.truncate(half.len() / 2);
                s.put("newest.json.minisig", Answer::Bytes(half));
            },
            "signature_unreadable",
        ),
        // Manifests that are signed.
        (
            "expired",
            |s| change(s, |r| (r.issued_ms, r.expires_ms) = (NOW_MS - 9 * DAY_MS, NOW_MS - 1)),
            "expired",
        ),
        (
            "from the future",
            |s| change(s, |r| (r.issued_ms, r.expires_ms) = (NOW_MS + 7 * DAY_MS, NOW_MS + 8 * DAY_MS)),
            "from_the_future",
        ),
        ("good for ever", |s| change(s, |r| r.expires_ms = NOW_MS + 365 * DAY_MS), "field"),
        ("an older version", |s| change(s, |r| r.version = "0.0.9".into()), "not_newer"),
        ("the version that runs", |s| change(s, |r| r.version = "0.1.0".into()), "not_newer"),
        ("for another system", |s| change(s, |r| r.target = "x86_64-windows-msi".into()), "no_artefact"),
        ("a file over plain http", |s| change(s, |r| r.url = r.url.replace("https", "http")), "field"),
        ("a file of a terabyte", |s| change(s, |r| r.size = 1 << 40), "field"),
        ("no JSON", |s| s.publish(b"version = 2".to_vec()), "manifest_unreadable"),
        // Files.
        ("no file", |s| s.put("0.2.0.file", Answer::Status(404)), "status"),
        ("half a file", |s| s.put("0.2.0.file", Answer::Bytes(NEW[..9].to_vec())), "wrong_size"),
        ("a file that breaks off", |s| s.put("0.2.0.file", Answer::CutShort(NEW[..9].to_vec())), "broke_off"),
        ("a file without end", |s| s.put("0.2.0.file", Answer::Endless), "wrong_size"),
        ("a byte more", |s| s.put("0.2.0.file", Answer::Bytes([NEW, b"x"].concat())), "wrong_size"),
        (
            "another file of that length",
            |s| s.put("0.2.0.file", Answer::Bytes(vec![b'x'; NEW.len()])),
            "wrong_hash",
        ),
        ("an empty file", |s| s.put("0.2.0.file", Answer::Bytes(Vec::new())), "wrong_size"),
        ("a server that hangs up instead of a file", |s| s.put("0.2.0.file", Answer::Nothing), "unreachable"),
        (
            "a file that is over plain http after all",
            |s| s.put("0.2.0.file", Answer::SentTo("http://localhost:1/x".into())),
            "sent_away",
        ),
    ]
}

fn minisign_of_another(manifest: &[u8]) -> Vec<u8> {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { ReleaseServer::start().await.sign(manifest) })
        });
        other.join().unwrap()
    })
}

#[tokio::test]
async fn every_hostile_server_is_refused_for_its_own_reason_and_leaves_nothing() {
    let cases = cases();
    for (case, tamper, wanted) in &cases {
        let scene = Scene::open().await;
        scene.server.publish(good(&scene.server).text());
        tamper(&scene.server);
        let error = update(&scene).await.expect_err(case);
        assert_eq!(error.why().word, *wanted, "{case}: {error}");
        assert_eq!(scene.beside(), ["Worker.AppImage"], "{case}");
        assert_eq!(std::fs::read(&scene.program).unwrap(), OLD, "{case}");
    }
    println!("{} hostile servers refused", cases.len());
}

#[tokio::test]
async fn an_old_manifest_is_not_taken_after_a_newer_one() {
    let scene = Scene::open().await;
    let mut newer = good(&scene.server);
    newer.issued_ms = NOW_MS;
    let older = Release { issued_ms: NOW_MS - DAY_MS, ..good(&scene.server) };
    scene.server.publish(newer.text());
    update(&scene).await.unwrap();
    scene.server.publish(older.text());
    assert_eq!(update(&scene).await.unwrap_err().why().word, "replayed");
}

#[tokio::test]
async fn no_key_no_trust_and_no_encryption_take_nothing() {
    let scene = Scene::open().await;
    scene.server.publish(good(&scene.server).text());
    let source = scene.source(&scene.server.url("newest.json")).unwrap();
    let mut here = scene.here();
    here.keys.clear();
    let refused = look(&source, &here, TARGET, &Seen::default(), NOW_MS).await.unwrap_err();
    assert_eq!(refused.why().word, "not_signed", "no key");
    // The certificate is this server's own: nobody else vouches for it.
    let source = HttpsSource::with(&scene.server.url("newest.json"), reqwest::Client::builder().no_proxy());
    let refused = look(&source.unwrap(), &scene.here(), TARGET, &Seen::default(), NOW_MS).await;
    assert_eq!(refused.unwrap_err().why().word, "unreachable", "no trust");
    let asked = scene.server.asked();
    let plain = scene.server.url("newest.json").replace("https", "http");
    for address in
        [plain.as_str(), "file:///newest.json", "https://", "newest.json", "https://me@localhost/x", ""]
    {
        assert!(matches!(scene.source(address), Err(SourceError::Address)), "{address}");
    }
    assert_eq!(scene.server.asked(), asked);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_of() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::open().await;
    scene.server.publish(good(&scene.server).text());
    std::fs::set_permissions(scene.folder.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(scene.folder.path().join("probe"), "").is_ok() {
        println!("SKIPPED a_folder_that_cannot_be_written_is_told_of: this user may write everywhere");
        return;
    }
    let refused = update(&scene).await.unwrap_err();
    std::fs::set_permissions(scene.folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(refused.why().word, "disk", "{refused}");
}
