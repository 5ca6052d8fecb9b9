//! A package with `requirements.txt`, in a real engine, with an index that the test itself serves.

use crate::outside::{self, Outside, docker};
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::InstallId;
use hivemind_domain::limits::TaskLimits;
use hivemind_egress::{EgressProxy, ProxyLimits};
use hivemind_engine::{Companion, DockerEngine};
use hivemind_testkit::key;
use hivemind_worker_core::port::{
    ContainerEvent, ContainerPlan, DependenciesReady, DependencyPlan, Engine, EngineError, EngineErrorKind,
    Told,
};
use sha2::{Digest, Sha256};
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use zip::write::SimpleFileOptions;

const WHEEL: &str = "Tiny_Tool-1.2-py3-none-any.whl";

/// A pure-Python wheel, as an index would have it.
fn wheel() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let info = "tiny_tool-1.2.dist-info";
    for (name, content) in [
        ("tiny_tool/__init__.py".to_owned(), "def answer():\n    return 6 * 7\n"),
        (format!("{info}/METADATA"), "Metadata-Version: 2.1\nName: tiny-tool\nVersion: 1.2\n"),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        (format!("{info}/RECORD"), "tiny_tool/__init__.py,,\ntiny_tool-1.2.dist-info/RECORD,,\n"),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

struct Bench {
    address: String,
    companion: PathBuf,
    outside: Arc<Outside>,
    install: InstallId,
    folder: TempDir,
}

impl Bench {
    async fn new(name: &str) -> Option<Self> {
        let (address, companion) = outside::needed()?;
        let install = InstallId::new(format!("deps-{name}-{}", std::process::id())).unwrap();
        let (outside, folder) = (Outside::start().await, tempfile::tempdir().unwrap());
        let wheel = wheel();
        let hash = hex::encode(Sha256::digest(&wheel));
        let page = format!("<a href=\"/files/{WHEEL}#sha256={hash}\">{WHEEL}</a>");
        outside.put("GET /simple/tiny-tool/", page.into_bytes());
        outside.put(&format!("GET /files/{WHEEL}"), wheel.clone());
        let lying = format!("<a href=\"/files/{WHEEL}#sha256={}\">{WHEEL}</a>", "0".repeat(64));
        outside.put("GET /lying/tiny-tool/", lying.into_bytes());
        Some(Self { address, companion, outside, install, folder })
    }

    fn engine(&self) -> DockerEngine {
        let proxy = EgressProxy::new(self.outside.clone(), self.outside.clone(), ProxyLimits::default());
        let companion = Companion::at(self.companion.clone()).unwrap();
        DockerEngine::connect(Some(&self.address))
            .with_companion(Some(companion))
            .with_egress(Arc::new(proxy))
    }

    fn plan(&self, task: &str, requirements: &str, index: &str) -> ContainerPlan {
        let path = self.folder.path().join(format!("{task}.zip"));
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let program = "import tiny_tool, socket\nprint(tiny_tool.answer(), tiny_tool.__file__)\n\
            print(socket.socket().connect_ex(('127.0.0.1', 3128)))\n";
        for (name, content) in [("job/main.py", program), ("job/requirements.txt", requirements)] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        ContainerPlan {
            install: self.install.clone(),
            key: key(task, 1),
            image: outside::IMAGE.into(),
            command: Vec::new(),
            package: Some(path),
            limits: TaskLimits::default(),
            array: None,
            network: None,
            dependencies: Some(DependencyPlan {
                index: format!("http://index.example.org/{index}"),
                hosts: HostRule::parse_list("index.example.org").unwrap(),
                max_bytes: 64 << 20,
                folder: self.folder.path().join("kept"),
                limit_bytes: 64 << 20,
            }),
            gpus: Vec::new(),
            images: hivemind_domain::images::ImageRules::everything(),
            function: None,
        }
    }

    fn containers(&self) -> Vec<String> {
        docker(&["ps", "-aq", "--filter", &format!("label=hivemind.install={}", self.install)])
    }
}

/// Prepares, runs and removes a task; gives what was said about its dependencies, and its output.
async fn run(
    engine: &DockerEngine,
    plan: &ContainerPlan,
) -> Result<(Option<DependenciesReady>, String), EngineError> {
    let prepared = engine.prepare(plan).await?;
    let (events, mut told) = mpsc::channel(64);
    let gather = async {
        let mut lines = Vec::new();
        while let Some(event) = told.recv().await {
            if let ContainerEvent::Line(line) = event {
                assert!(line.time_ns > prepared.dependencies.unwrap().made_ns, "made before the first line");
                lines.push(line.text);
            }
        }
        lines.join("\n")
    };
    let (exit, text) = tokio::join!(engine.run(&prepared.container, Told::default(), events), gather);
    assert_eq!(exit.unwrap().code, 0, "{text}");
    engine.remove(&prepared.container).await?;
    Ok((prepared.dependencies, text))
}

#[tokio::test]
async fn a_package_is_installed_once_and_then_comes_from_the_cache_offline() {
    let Some(bench) = Bench::new("twice").await else { return };
    let requirements = "# what it needs\nTiny.Tool >= 1.0 # any\n";
    let expected = "42 /work/.hivemind-deps/tiny_tool/__init__.py\n111";
    let engine = bench.engine();
    let (ready, text) = run(&engine, &bench.plan("first", requirements, "simple")).await.unwrap();
    let first = ready.unwrap();
    assert_eq!((first.from_cache, text.as_str()), (false, expected), "the task itself has no proxy");
    assert!(first.install.as_millis() > 0 && bench.outside.answered() >= 2);
    assert_eq!(bench.containers(), Vec::<String>::new());

    // The second time with the index gone and a worker that was started anew.
    bench.outside.cut();
    let answered = bench.outside.answered();
    let again = bench.engine();
    let (ready, text) = run(&again, &bench.plan("second", "tiny-tool>=1.0", "simple")).await.unwrap();
    let second = ready.unwrap();
    assert_eq!((second.from_cache, text.as_str()), (true, expected));
    assert_eq!(second.install.as_millis(), first.install.as_millis(), "what was saved is what it took");
    assert_eq!(bench.outside.answered(), answered, "nothing was asked");

    // What was never installed cannot be had offline: the task is not to blame.
    let refused = run(&again, &bench.plan("third", "tiny-tool==1.2", "simple")).await.unwrap_err();
    assert_eq!(refused.kind, EngineErrorKind::Dependencies, "{refused}");
    assert!(refused.message.contains("cannot be reached"), "{refused}");
    assert_eq!(bench.containers(), Vec::<String>::new(), "nothing is left");
    println!("dependencies: installed in {:?}, then from the cache, offline", first.install);
}

#[tokio::test]
async fn what_cannot_or_may_not_be_installed_is_told() {
    let Some(bench) = Bench::new("refused").await else { return };
    let engine = bench.engine();
    for (task, requirements, index, kind, why) in [
        ("absent", "no-such-package", "simple", EngineErrorKind::Package, "no-such-package"),
        ("version", "tiny-tool==9", "simple", EngineErrorKind::Package, "tiny-tool"),
        ("lying", "tiny-tool", "lying", EngineErrorKind::Package, ""),
        (
            "option",
            "tiny-tool\n--index-url http://evil.example/",
            "simple",
            EngineErrorKind::Package,
            "line 2",
        ),
    ] {
        let refused = run(&engine, &bench.plan(task, requirements, index)).await.unwrap_err();
        assert!(
            refused.kind == kind && refused.message.contains(why),
            "{task}: {:?} {refused}",
            refused.kind
        );
    }
    let hash = "0".repeat(64);
    let wrong = format!("tiny-tool==1.2 --hash=sha256:{hash}");
    let refused = run(&engine, &bench.plan("hash", &wrong, "simple")).await.unwrap_err();
    assert_eq!(refused.kind, EngineErrorKind::Package, "{refused}");
    let right = format!("tiny-tool==1.2 --hash=sha256:{}", hex::encode(Sha256::digest(wheel())));
    let (ready, _) = run(&engine, &bench.plan("right", &right, "simple")).await.unwrap();
    assert_eq!(ready.map(|ready| ready.from_cache), Some(false));
    let never = ContainerPlan { dependencies: None, ..bench.plan("never", "tiny-tool", "simple") };
    let refused = run(&engine, &never).await.unwrap_err();
    assert_eq!(refused.kind, EngineErrorKind::Dependencies, "{refused}");
    assert_eq!(bench.containers(), Vec::<String>::new(), "nothing is left");
}

impl Bench {
    /// Installers in this state, as the engine names it.
    fn installers(&self, state: &str) -> usize {
        let label = format!("label=hivemind.install={}", self.install);
        let state = format!("status={state}");
        docker(&["ps", "-aq", "--filter", &label, "--filter", "name=-install$", "--filter", &state]).len()
    }

    async fn until_installer(&self, state: &str) {
        let mut looks = 0;
        while self.installers(state) != 1 {
            looks += 1;
            assert!(looks < 600, "no installer is ever {state}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn an_installation_stands_still_while_the_owner_needs_the_computer() {
    let Some(bench) = Bench::new("still").await else { return };
    let engine = Arc::new(bench.engine());
    let plan = bench.plan("still", "tiny-tool", "simple");
    engine.hold_installations(true);
    let preparing = {
        let (engine, plan) = (Arc::clone(&engine), plan.clone());
        tokio::spawn(async move { run(&engine, &plan).await })
    };
    bench.until_installer("created").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.installers("created"), 1, "it does not begin");
    engine.hold_installations(false);
    bench.until_installer("running").await;
    engine.hold_installations(true);
    bench.until_installer("paused").await;
    let answered = bench.outside.answered();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((bench.installers("paused"), bench.outside.answered()), (1, answered), "it stands still");
    assert!(!preparing.is_finished());
    engine.hold_installations(false);
    let (ready, _) = preparing.await.unwrap().unwrap();
    assert_eq!(ready.map(|ready| ready.from_cache), Some(false));
    assert_eq!(bench.containers(), Vec::<String>::new(), "nothing is left");
}
