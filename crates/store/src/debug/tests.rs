use super::*;
use hivemind_domain::ids::TaskId;
use hivemind_domain::time::{Mono, Now};
use std::sync::atomic::{AtomicI64, Ordering};

struct Bench {
    at: tempfile::TempDir,
    debug: FileDebug,
    clock: Arc<Wall>,
}

struct Wall(AtomicI64);

impl Clock for Wall {
    fn now(&self) -> Now {
        Now { mono: Mono::default(), wall: WallMs(self.0.load(Ordering::Relaxed)) }
    }
}

const WIDE: DebugLimits = DebugLimits { quota_bytes: 1 << 20, days: 7 };

fn key(task: &str) -> TaskKey {
    TaskKey { task: TaskId::new(task).unwrap(), attempt: 1 }
}

impl Bench {
    fn new() -> Self {
        let at = tempfile::tempdir().unwrap();
        std::fs::create_dir(at.path().join("debug")).unwrap();
        let clock = Arc::new(Wall(AtomicI64::new(1_000 * DAY_MS)));
        let debug = FileDebug::new(&at.path().join("debug"), Arc::clone(&clock) as Arc<dyn Clock>);
        Self { at, debug, clock }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at.path().join(name)
    }

    fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn parts(&self, outputs: usize) -> DebugParts {
        std::fs::write(self.path("log"), "1 out hello\n").unwrap();
        std::fs::write(self.path("result.zip"), vec![7; outputs]).unwrap();
        DebugParts {
            report: "{}".into(),
            container: Some("{\"Id\":1}".into()),
            package: Some("3 main.py\n".into()),
            log: Some(self.path("log")),
            outputs: Some(self.path("result.zip")),
        }
    }

    async fn keep(&self, task: &str, outputs: usize, limits: DebugLimits) {
        self.debug.keep(&key(task), self.parts(outputs), limits).await.unwrap();
        self.pass(1000);
    }

    async fn names(&self, task: &str) -> Vec<String> {
        let found = self.debug.find(&key(task)).await.unwrap();
        found.map(|found| found.files.into_iter().map(|(name, _)| name).collect()).unwrap_or_default()
    }

    fn entries(&self) -> Vec<String> {
        let read = std::fs::read_dir(self.path("debug")).unwrap();
        let mut names: Vec<_> =
            read.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

const ALL: [&str; 6] =
    ["about.json", "container.json", "log.txt", "outputs.zip", "package.txt", "report.json"];

#[tokio::test]
async fn everything_is_kept_in_a_folder_of_its_own_for_this_user_alone() {
    let bench = Bench::new();
    bench.keep("t-1", 100, WIDE).await;
    assert_eq!(bench.names("t-1").await, ALL);
    let found = bench.debug.find(&key("t-1")).await.unwrap().unwrap();
    assert_eq!(found.kept_at, WallMs(1_000 * DAY_MS));
    assert_eq!(std::fs::read(found.folder.join("outputs.zip")).unwrap(), [7; 100]);
    assert!(bench.path("result.zip").exists(), "the outputs still go to the pool");
    assert!(!bench.path("log").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&found.folder), 0o700);
        for name in ["about.json", "container.json", "log.txt", "package.txt", "report.json"] {
            assert_eq!(mode(&found.folder.join(name)), 0o600, "{name}");
        }
    }
    assert_eq!(bench.debug.find(&key("t-2")).await.unwrap(), None);
    bench.keep("t-1", 5, WIDE).await;
    assert_eq!(
        bench.entries(),
        ["t-1.1"],
        "a second failure of the same attempt takes the first one's place"
    );
}

#[tokio::test]
async fn the_oldest_go_first_when_there_is_too_much_and_outputs_before_the_rest() {
    let bench = Bench::new();
    let tight = DebugLimits { quota_bytes: 5000, days: 7 };
    for task in ["t-1", "t-2", "t-3"] {
        bench.keep(task, 1500, tight).await;
    }
    assert_eq!(bench.entries(), ["t-1.1", "t-2.1", "t-3.1"]);
    bench.keep("t-4", 1500, tight).await;
    assert_eq!(bench.entries(), ["t-2.1", "t-3.1", "t-4.1"]);
    bench.keep("t-5", 100_000, tight).await;
    let without: Vec<_> = ALL.into_iter().filter(|name| *name != "outputs.zip").collect();
    assert_eq!(bench.names("t-5").await, without, "too large outputs are left out");
    let about = std::fs::read_to_string(bench.path("debug/t-5.1/about.json")).unwrap();
    assert!(about.contains("over_quota"), "{about}");
    bench.keep("t-6", 10, DebugLimits { quota_bytes: 20, days: 7 }).await;
    assert_eq!(
        bench.entries(),
        Vec::<String>::new(),
        "not even the rest fits, and the others are too much as well"
    );
}

#[tokio::test]
async fn old_ones_go_and_a_clock_that_was_wrong_keeps_nothing_for_ever() {
    let bench = Bench::new();
    bench.keep("t-1", 10, WIDE).await;
    bench.pass(6 * DAY_MS);
    bench.keep("t-2", 10, WIDE).await;
    bench.debug.sweep(WIDE).await.unwrap();
    assert_eq!(bench.entries(), ["t-1.1", "t-2.1"]);
    bench.pass(2 * DAY_MS);
    bench.debug.sweep(WIDE).await.unwrap();
    assert_eq!(bench.entries(), ["t-2.1"]);
    bench.pass(-30 * DAY_MS);
    bench.debug.sweep(WIDE).await.unwrap();
    assert_eq!(bench.entries(), Vec::<String>::new());
    bench.keep("t-3", 10, DebugLimits { days: 0, ..WIDE }).await;
    assert_eq!(bench.entries(), Vec::<String>::new(), "switched off");
}

#[tokio::test]
async fn what_a_crash_left_half_written_goes_and_what_is_not_ours_stays() {
    let bench = Bench::new();
    bench.keep("t-1", 10, WIDE).await;
    std::fs::create_dir(bench.path("debug/0123.half")).unwrap();
    std::fs::write(bench.path("debug/0123.half/report.json"), "x").unwrap();
    std::fs::write(bench.path("debug/notes.txt"), "mine").unwrap();
    std::fs::create_dir(bench.path("debug/t-9.1")).unwrap();
    std::fs::write(bench.path("debug/t-9.1/about.json"), "no json").unwrap();
    bench.debug.sweep(WIDE).await.unwrap();
    assert_eq!(bench.entries(), ["notes.txt", "t-1.1", "t-9.1"]);
    assert_eq!(bench.debug.find(&key("t-9")).await.unwrap(), None);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_leads_nowhere() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "not yours").unwrap();
    std::fs::write(outside.path().join("about.json"), "{\"kept_at_ms\":0,\"outputs\":\"none\"}").unwrap();

    // A link in place of an attempt's folder: not found, not swept through, replaced as a link.
    symlink(outside.path(), bench.path("debug/t-1.1")).unwrap();
    assert_eq!(bench.debug.find(&key("t-1")).await.unwrap(), None);
    bench.debug.sweep(WIDE).await.unwrap();
    assert!(secret.exists());
    bench.keep("t-1", 10, WIDE).await;
    assert!(bench.path("debug/t-1.1").symlink_metadata().unwrap().is_dir());
    assert_eq!(
        std::fs::read_dir(outside.path()).unwrap().count(),
        2,
        "nothing was written or removed outside"
    );

    // Links inside: not listed, and removed as links.
    symlink(&secret, bench.path("debug/t-1.1/loot")).unwrap();
    symlink(outside.path(), bench.path("debug/t-1.1/more")).unwrap();
    assert_eq!(bench.names("t-1").await, ALL);
    bench.debug.sweep(DebugLimits { days: 0, ..WIDE }).await.unwrap();
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "not yours");
    assert_eq!(bench.entries(), Vec::<String>::new());

    // Links among the parts are not followed either.
    let mut parts = bench.parts(10);
    std::fs::remove_file(bench.path("result.zip")).unwrap();
    symlink(&secret, bench.path("result.zip")).unwrap();
    std::fs::remove_file(bench.path("log")).unwrap();
    symlink(&secret, bench.path("log")).unwrap();
    parts.log = Some(bench.path("log"));
    bench.debug.keep(&key("t-2"), parts, WIDE).await.unwrap();
    let names = bench.names("t-2").await;
    assert!(!names.iter().any(|name| name == "outputs.zip" || name == "log.txt"), "{names:?}");
    symlink(outside.path(), bench.path("debug/5.half")).unwrap();
    bench.debug.sweep(WIDE).await.unwrap();
    assert!(secret.exists(), "a link named as a half-written folder is removed as a link");
}
