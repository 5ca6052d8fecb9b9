//! Images from a registry of our own. It serves on loopback inside the network namespace in which the engine lives;
//! the engine takes registries on loopback without TLS.

use crate::bench::{Bench, bench};
use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};
use hivemind_domain::images::{ImageList, ImageRules};
use hivemind_engine::DockerEngine;
use hivemind_worker_core::port::{Engine, EngineErrorKind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Where the test engine lives; see `xtask/src/engine`.
const NAMESPACE: &str = "/run/netns/hm-engine";

/// A few routes of the registry's protocol: `slow` sends its layer in pieces over some seconds, `lying` answers
/// another manifest than was asked for, everything else is an honest image of `SIZE` bytes that differ by its name.
const REGISTRY: &str = r#"
import gzip, hashlib, io, json, os, sys, tarfile, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
# Tests run side by side on one engine: what one brings must not be there already for the other.
blobs, manifests, salt = {}, {}, os.urandom(8)
def blob(data):
    digest = 'sha256:' + hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return digest
def image(name):
    size = 6_000_000 if name in ('slow', 'big') else 200_000
    noise, seed = bytearray(), salt + name.encode()
    while len(noise) < size:
        seed = hashlib.sha256(seed).digest()
        noise += seed
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w') as archive:
        entry = tarfile.TarInfo('content'); entry.size = len(noise)
        archive.addfile(entry, io.BytesIO(bytes(noise)))
    layer = gzip.compress(tar.getvalue(), 1, mtime=0)
    config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {},
        'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(tar.getvalue()).hexdigest()]}}).encode()
    manifest = json.dumps({'schemaVersion': 2, 'mediaType': 'application/vnd.docker.distribution.manifest.v2+json',
        'config': {'mediaType': 'application/vnd.docker.container.image.v1+json', 'size': len(config), 'digest': blob(config)},
        'layers': [{'mediaType': 'application/vnd.docker.image.rootfs.diff.tar.gzip', 'size': len(layer), 'digest': blob(layer)}]}).encode()
    manifests[name] = (manifest, 'sha256:' + hashlib.sha256(manifest).hexdigest())
class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass
    def answer(self, code, data, kind='application/json', digest=None, slow=False, head=False):
        self.send_response(code)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        if digest: self.send_header('Docker-Content-Digest', digest)
        self.end_headers()
        if head: return
        step = max(1, len(data) // 16) if slow else max(1, len(data))
        for at in range(0, len(data), step):
            self.wfile.write(data[at:at + step]); self.wfile.flush()
            if slow: time.sleep(0.25)
    def do_HEAD(self): self.get(True)
    def do_GET(self): self.get(False)
    def get(self, head):
        parts = self.path.strip('/').split('/')
        if parts == ['v2']: return self.answer(200, b'{}', head=head)
        if len(parts) != 5 or parts[0] != 'v2': return self.answer(404, b'{}', head=head)
        _, prefix, name, kind, wanted = parts
        if kind == 'manifests' and name in manifests:
            manifest, digest = manifests['honest' if name == 'lying' else name]
            if name != 'lying' and wanted.startswith('sha256:') and wanted != digest:
                return self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', head=head)
            return self.answer(200, manifest, 'application/vnd.docker.distribution.manifest.v2+json',
                wanted if wanted.startswith('sha256:') else digest, head=head)
        if kind == 'blobs' and wanted in blobs:
            return self.answer(200, blobs[wanted], 'application/octet-stream', wanted, name == 'slow', head)
        self.answer(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', head=head)
for name in ('honest', 'second', 'third', 'slow', 'big', 'lying', 'owned'): image(name)
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(json.dumps({'port': server.server_port, 'digests': {n: d for n, (_, d) in manifests.items()}}), flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
"#;

/// A registry that ends with its standard input.
struct Registry {
    child: Child,
    host: String,
    digests: serde_json::Value,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn skipped<T>(why: &str) -> Option<T> {
    println!("SKIPPED images from a registry: {why}");
    None
}

fn registry() -> Option<Registry> {
    if !Path::new(NAMESPACE).exists() {
        return skipped("the engine under test lives in no network namespace that is known");
    }
    let child = Command::new("nsenter")
        .args([&format!("--net={NAMESPACE}"), "python3", "-c", REGISTRY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return skipped("nsenter or python3 is missing") };
    let mut line = String::new();
    let stdout = child.stdout.take().expect("piped");
    let _ = std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line);
    let Ok(told) = serde_json::from_str::<serde_json::Value>(&line) else {
        let _ = child.kill();
        let _ = child.wait();
        return skipped("the registry could not be started in the engine's network namespace");
    };
    let host = format!("127.0.0.1:{}", told["port"]);
    Some(Registry { child, host, digests: told["digests"].clone() })
}

/// An engine with a record of images, and a registry.
struct Shop {
    bench: Bench,
    registry: Registry,
    engine: Arc<DockerEngine>,
}

impl Shop {
    async fn open() -> Option<Self> {
        let bench = bench().await?;
        let registry = registry()?;
        let engine = Arc::new(
            DockerEngine::connect(std::env::var("HIVEMIND_TEST_DOCKER_HOST").ok().as_deref())
                .with_image_record(&bench.folder.path().join("images.json")),
        );
        Some(Self { bench, registry, engine })
    }

    fn image(&self, name: &str) -> String {
        format!("{}/test/{name}:1", self.registry.host)
    }

    fn pinned(&self, name: &str) -> String {
        let digest = self.registry.digests[name].as_str().expect("a digest");
        format!("{}/test/{name}@{digest}", self.registry.host)
    }

    async fn prepare(
        &self,
        image: &str,
        rules: &ImageRules,
    ) -> Result<String, hivemind_worker_core::port::EngineError> {
        let name = format!(
            "i{}",
            image.bytes().fold(7_u32, |sum, b| sum.wrapping_mul(31).wrapping_add(u32::from(b)))
        );
        let mut plan = self.bench.plan(&name, &[("run.sh", "true")]);
        plan.image = image.to_owned();
        plan.images = rules.clone();
        let prepared = self.engine.prepare(&plan).await?;
        // The image holds no program: made is enough.
        self.engine.remove(&prepared.container).await.expect("removed");
        Ok(prepared.image_digest)
    }

    async fn is_here(&self, image: &str) -> bool {
        self.bench.raw.inspect_image(image).await.is_ok()
    }

    async fn close(&self, images: &[&str]) {
        let options = || Some(RemoveImageOptionsBuilder::new().force(true).build());
        for image in images {
            let _ = self.bench.raw.remove_image(image, options(), None).await;
        }
        self.bench.assert_clean().await;
    }
}

#[tokio::test]
async fn images_are_pulled_and_run_by_digest() {
    let Some(shop) = Shop::open().await else { return };
    let everything = ImageRules::everything();
    let (by_tag, by_digest) = (shop.image("honest"), shop.pinned("honest"));
    let wanted = shop.registry.digests["honest"].as_str().expect("a digest").to_owned();
    assert_eq!(shop.prepare(&by_tag, &everything).await, Ok(wanted.clone()), "a tag is resolved");
    assert_eq!(shop.prepare(&by_digest, &everything).await, Ok(wanted));
    let lying = format!(
        "{}/test/lying@{}",
        shop.registry.host,
        shop.registry.digests["lying"].as_str().expect("one")
    );
    let refused = shop.prepare(&lying, &everything).await.expect_err("another content than was named");
    assert_eq!(refused.kind, EngineErrorKind::Image, "{refused}");
    assert!(!shop.is_here(&lying).await);
    let absent = shop
        .pinned("honest")
        .replace("honest@sha256:", "honest@sha256:0000")
        .chars()
        .take(by_digest.len())
        .collect::<String>();
    assert_eq!(shop.prepare(&absent, &everything).await.expect_err("unknown").kind, EngineErrorKind::Image);
    shop.close(&[&by_tag, &by_digest]).await;
}

#[tokio::test]
async fn an_unreachable_registry_is_the_images_fault_and_not_the_engines() {
    let Some(shop) = Shop::open().await else { return };
    let refused =
        shop.prepare("127.0.0.1:1/test/honest:1", &ImageRules::everything()).await.expect_err("nobody");
    assert_eq!(refused.kind, EngineErrorKind::Image, "{refused}");
    assert!(!refused.is_outage() && refused.message.contains("127.0.0.1:1"), "{refused}");
    shop.close(&[]).await;
}

#[tokio::test]
async fn the_progress_of_a_pull_is_told() {
    let Some(shop) = Shop::open().await else { return };
    let image = shop.image("slow");
    let engine = Arc::clone(&shop.engine);
    let everything = ImageRules::everything();
    let pulling = shop.prepare(&image, &everything);
    tokio::pin!(pulling);
    let mut seen = Vec::new();
    let outcome = loop {
        tokio::select! {
            outcome = &mut pulling => break outcome,
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                if let Some(pull) = engine.pulls().into_iter().find(|pull| pull.image == image) {
                    seen.push((pull.done_bytes, pull.total_bytes));
                }
            }
        }
    };
    assert!(outcome.is_ok(), "{outcome:?}");
    assert!(seen.windows(2).all(|pair| pair[0].0 <= pair[1].0), "never falls: {seen:?}");
    let between = seen.iter().filter(|(done, total)| *done > 0 && done < total).count();
    assert!(between >= 2, "the way there is seen: {seen:?}");
    assert!(seen.iter().any(|(_, total)| *total > 5_000_000), "{seen:?}");
    assert!(engine.pulls().is_empty(), "nothing is left on the list");
    shop.close(&[&image]).await;
}

#[tokio::test]
async fn an_image_that_is_too_large_is_given_up_on_the_way_and_leaves_nothing() {
    let Some(shop) = Shop::open().await else { return };
    let tight = ImageRules { max_bytes: 1_000_000, ..ImageRules::everything() };
    let slow = shop.image("slow");
    let refused = shop.prepare(&slow, &tight).await.expect_err("too large");
    assert_eq!(refused.kind, EngineErrorKind::ImageTooLarge, "{refused}");
    assert!(!shop.is_here(&slow).await, "it was not finished");
    // Small when packed, or too fast to be seen on its way: found when it is here.
    let big = shop.image("big");
    let refused = shop.prepare(&big, &tight).await.expect_err("too large");
    assert!(
        refused.kind == EngineErrorKind::ImageTooLarge && refused.message.contains("1000000"),
        "{refused}"
    );
    assert!(!shop.is_here(&big).await, "it was removed again");
    // One that was here before is refused and left alone.
    let refused =
        shop.prepare("busybox:test", &ImageRules { max_bytes: 1000, ..ImageRules::everything() }).await;
    assert_eq!(refused.expect_err("too large").kind, EngineErrorKind::ImageTooLarge);
    assert!(shop.is_here("busybox:test").await);
    shop.close(&[]).await;
}

#[tokio::test]
async fn the_longest_unused_goes_when_the_quota_is_full_and_nothing_of_the_owner_does() {
    let Some(shop) = Shop::open().await else { return };
    let (first, second, third) = (shop.image("honest"), shop.image("second"), shop.image("third"));
    // The owner's own, pulled by hand.
    let owned = shop.image("owned");
    let options = bollard::query_parameters::CreateImageOptionsBuilder::new().from_image(&owned).build();
    let pulled: Vec<_> =
        futures_util::StreamExt::collect(shop.bench.raw.create_image(Some(options), None, None)).await;
    assert!(pulled.iter().all(Result::is_ok), "{pulled:?}");
    let roomy = ImageRules::everything();
    shop.prepare(&owned, &roomy).await.expect("the owner's");
    for image in [&first, &second] {
        shop.prepare(image, &roomy).await.expect("prepared");
    }
    shop.prepare(&first, &roomy).await.expect("used again");
    // Room for two of them.
    let tight = ImageRules { quota_bytes: 450_000, ..ImageRules::everything() };
    shop.prepare(&third, &tight).await.expect("prepared");
    let here = [shop.is_here(&first).await, shop.is_here(&second).await, shop.is_here(&third).await];
    assert_eq!(here, [true, false, true], "the second was used longest ago");
    // Another process knows what this one brought.
    let restarted = DockerEngine::connect(std::env::var("HIVEMIND_TEST_DOCKER_HOST").ok().as_deref())
        .with_image_record(&shop.bench.folder.path().join("images.json"));
    let shop = Shop { engine: Arc::new(restarted), ..shop };
    // One is in use by a container: it stays, however small the quota is.
    let mut plan = shop.bench.plan("user", &[("run.sh", "true")]);
    plan.image.clone_from(&third);
    let user = shop.engine.prepare(&plan).await.expect("prepared").container;
    let none = ImageRules { quota_bytes: 0, ..ImageRules::everything() };
    shop.prepare("busybox:test", &none).await.expect("prepared");
    assert!(!shop.is_here(&first).await, "over the quota and not in use");
    assert!(shop.is_here(&third).await, "in use");
    for kept in ["busybox:test", crate::bench::PYTHON, &owned] {
        assert!(shop.is_here(kept).await, "{kept} was not brought by a task");
    }
    shop.engine.remove(&user).await.expect("removed");
    shop.prepare("busybox:test", &none).await.expect("prepared");
    assert!(!shop.is_here(&third).await, "not in use any more");
    shop.close(&[&owned]).await;
}

#[tokio::test]
async fn content_that_the_owner_has_under_another_name_is_not_ours() {
    let Some(shop) = Shop::open().await else { return };
    let (owned, again) = (shop.image("owned"), shop.pinned("owned"));
    let options = bollard::query_parameters::CreateImageOptionsBuilder::new().from_image(&owned).build();
    let _: Vec<_> =
        futures_util::StreamExt::collect(shop.bench.raw.create_image(Some(options), None, None)).await;
    let mine = format!("mine-{}", std::process::id());
    let tag = TagImageOptionsBuilder::new().repo(&mine).tag("1").build();
    shop.bench.raw.tag_image(&owned, Some(tag)).await.expect("tagged");
    let force = || Some(RemoveImageOptionsBuilder::new().force(false).build());
    shop.bench.raw.remove_image(&owned, force(), None).await.expect("only the owner's name is left");
    let none = ImageRules { quota_bytes: 0, ..ImageRules::everything() };
    shop.prepare(&again, &none).await.expect("prepared");
    shop.prepare("busybox:test", &none).await.expect("prepared");
    let mine = format!("{mine}:1");
    assert!(shop.is_here(&mine).await, "the owner's image stays");
    shop.close(&[&mine, &again]).await;
}

#[tokio::test]
async fn the_owners_lists_decide_before_anything_is_pulled() {
    let Some(shop) = Shop::open().await else { return };
    let image = shop.image("honest");
    let list = |text: &str| ImageList::parse(text).expect("a list");
    let denied = ImageRules { deny: list(&shop.image("honest")), ..ImageRules::everything() };
    let asked = ImageRules { ask: list("*"), allow: list(""), ..ImageRules::everything() };
    for (rules, word) in [(&denied, "not allowed"), (&asked, "owner's answer")] {
        let refused = shop.prepare(&image, rules).await.expect_err("refused");
        assert!(refused.kind == EngineErrorKind::ImageRefused && refused.message.contains(word), "{refused}");
        assert_eq!(refused.image.as_deref(), Some(image.as_str()));
    }
    assert!(!shop.is_here(&image).await);
    let once = hivemind_domain::images::repository(&image).to_owned();
    let answered = ImageRules { once: [once].into(), ..asked };
    shop.prepare(&image, &answered).await.expect("allowed once");
    shop.close(&[&image]).await;
}
