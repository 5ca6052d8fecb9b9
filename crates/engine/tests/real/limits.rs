//! Limits that hold, whatever a task does: its disk, its processes, its memory, its output.

use crate::bench::{Bench, Ended, bench, has_companion, run_on};
use hivemind_domain::resources::MIB;
use hivemind_worker_core::port::Engine;
use std::time::Duration;
use tokio::time::Instant;

const GRANT: u64 = 256 * MIB;
/// What a task may have on disk beyond its grant before it is ended.
const OVERSHOOT: u64 = 256 * MIB;
/// From its start to its end.
const WITHIN: Duration = Duration::from_secs(12);
/// What a task that was ended over its disk ends with.
const DISK_LIMIT: i64 = 153;

/// Names for the scripts below.
const PRELUDE: &str = r"
import ctypes, fcntl, mmap, os, signal, socket, array, struct, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
M = bytes(1 << 20)
libc = ctypes.CDLL(None, use_errno=True)
def fill(folder, files, megabytes=1):
    os.makedirs(folder, exist_ok=True)
    for i in range(files):
        with open(f'{folder}/{i}', 'wb') as f:
            for _ in range(megabytes): f.write(M)
def unlinked(i):
    f = open(f'/work/u{i}', 'w+b'); os.unlink(f.name); return f
";

/// Bytes free where the engine keeps its volumes; absent when that is another machine's disk.
async fn free(bench: &Bench) -> Option<u64> {
    let root = bench.raw.info().await.expect("info").docker_root_dir?;
    let told = rustix::fs::statvfs(root).ok()?;
    Some(told.f_bfree * told.f_frsize)
}

struct Filled {
    ended: Ended,
    took: Duration,
    /// The most that the disk lost meanwhile.
    lost: Option<u64>,
}

/// Runs a Python program with 256 MiB of disk, watching the disk beside it.
async fn fill(bench: &Bench, task: &str, program: &str) -> Filled {
    let mut plan = bench.plan(task, &[("main.py", &format!("{PRELUDE}{program}\nprint('survived')\n"))]);
    plan.limits.disk_bytes = GRANT;
    // Two cores' worth of writing, as fast as the machine can.
    plan.limits.resources.cpu_millis = 2000;
    let container = bench.prepare(&plan).await;
    let before = free(bench).await;
    let begun = Instant::now();
    let mut running = std::pin::pin!(run_on(&bench.engine, &container, &[]));
    let mut lost = before.map(|_| 0);
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            () = tokio::time::sleep(Duration::from_millis(5)) => {
                if let (Some(before), Some(now)) = (before, free(bench).await) {
                    lost = lost.max(Some(before.saturating_sub(now)));
                }
            }
        }
    };
    let took = begun.elapsed();
    bench.engine.remove(&container).await.expect("removed");
    Filled { ended, took, lost }
}

/// Ways to keep bytes on a disk in plain sight.
const PLAIN: &[(&str, &str)] = &[
    ("files", "for i in range(8): fill(f'/work/{i}', 1, 256)"),
    ("ten-thousand", "for i in range(10000): open(f'/work/{i}', 'wb').write(M[:210000])"),
    (
        "processes",
        "for k in range(8):\n    if os.fork() == 0: fill(f'/work/p{k}', 300); os._exit(0)\nfor k in range(8): os.wait()",
    ),
    ("nested", "for k in range(2048): fill('/work/' + '/'.join('d' + c for c in str(k)), 1)"),
    (
        "copied",
        "fill('/work/s', 1, 100)\ns = os.open('/work/s/0', os.O_RDONLY)\nfor i in range(20): os.copy_file_range(s, os.open(f'/work/c{i}', os.O_CREAT | os.O_WRONLY), 100 << 20, 0, 0)",
    ),
    (
        // The watcher as process 1 can neither be stopped nor ended.
        "against-the-watcher",
        "for s in (signal.SIGSTOP, signal.SIGKILL, signal.SIGSEGV, signal.SIGHUP): os.kill(1, s)\nos.setpriority(os.PRIO_PROCESS, 0, 19)\nfill('/work/a', 2048)",
    ),
];

/// Ways to keep them where no name leads to them, or where nobody may look.
const HIDDEN: &[(&str, &str)] = &[
    (
        "unlinked",
        "held = []\nfor i in range(64):\n    held.append(unlinked(i))\n    for _ in range(32): held[-1].write(M)",
    ),
    (
        // A process that nobody may look into.
        "closed",
        "libc.prctl(4, 0)\nheld = []\nfor i in range(64):\n    held.append(unlinked(i))\n    for _ in range(32): held[-1].write(M)",
    ),
    (
        // Files that are under way between two ends of a socket, and open nowhere.
        "in-flight",
        "a, b = socket.socketpair()\nfor i in range(64):\n    f = unlinked(i)\n    for _ in range(32): f.write(M)\n    f.flush()\n    a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [f.fileno()]))])\n    f.close()",
    ),
    (
        "mapped",
        "held = []\nfor i in range(64):\n    f = unlinked(i); f.truncate(32 << 20)\n    m = mmap.mmap(f.fileno(), 32 << 20); f.close()\n    for k in range(32): m[k << 20:(k + 1) << 20] = M\n    held.append(m)",
    ),
    (
        "locked-folder",
        "os.mkdir('/work/h')\nheld = [os.open(f'/work/h/{i}', os.O_CREAT | os.O_WRONLY) for i in range(64)]\nos.chmod('/work/h', 0)\nfor fd in held:\n    for _ in range(32): os.write(fd, M)",
    ),
];

#[tokio::test]
async fn the_disk_of_a_task_is_bounded() {
    bounded(PLAIN).await;
}

#[tokio::test]
async fn what_a_task_hides_on_the_disk_is_bounded() {
    bounded(HIDDEN).await;
}

async fn bounded(ways: &[(&str, &str)]) {
    let Some(bench) = bench().await else { return };
    if !has_companion() {
        return;
    }
    for (task, program) in ways {
        let mut tries = 3;
        loop {
            let Filled { ended, took, lost } = fill(&bench, task, program).await;
            assert_eq!(ended.exit.code, DISK_LIMIT, "{task}: {}", ended.text());
            assert!(ended.text().contains("granted 256 MiB"), "{task}: {}", ended.text());
            assert!(took <= WITHIN, "{task} took {took:?}");
            let Some(lost) = lost else { break };
            println!("{task}: {} MiB at most, {took:.1?}", lost / MIB);
            if lost <= GRANT + OVERSHOOT {
                break;
            }
            // Other programs of this machine write as well, but not every time.
            tries -= 1;
            assert!(tries > 0, "{task}: {} MiB were lost", lost / MIB);
        }
    }
    bench.assert_clean().await;
}

#[tokio::test]
async fn what_is_taken_without_writing_is_refused() {
    let Some(bench) = bench().await else { return };
    let program = r"
fd = os.open('/work/x', os.O_CREAT | os.O_RDWR)
def tried(name, answer): print(name + '=' + ('done' if answer == 0 else os.strerror(ctypes.get_errno())))
tried('keep-size', libc.fallocate(fd, 1, ctypes.c_long(0), ctypes.c_long(200 << 30)))
room = struct.pack('hhqqiI4I', 0, 0, 0, 200 << 30, 0, 0, 0, 0, 0, 0)
x86 = os.uname().machine == 'x86_64'
for name, number in (('resvsp', 0x40305828), ('resvsp64', 0x4030582a), ('zero', 0x40305839), ('high-bits', 0x14030582a), ('tiocsti', 0x5412), ('tiocsti-high', 0x100005412)):
    ctypes.set_errno(0)
    tried(name, libc.syscall(16 if x86 else 29, fd, ctypes.c_long(number), ctypes.create_string_buffer(room)))
tried('waiting', libc.ioctl(fd, 0x541b, ctypes.create_string_buffer(8)))
os.posix_fallocate(fd, 0, 1 << 20)
print('written=%d' % os.fstat(fd).st_size)
print('blocks=%d' % (os.fstat(fd).st_blocks * 512 >> 20))
";
    let Filled { ended, .. } = fill(&bench, "at-once", program).await;
    let told = ended.text();
    assert_eq!(ended.exit.code, 0, "{told}");
    assert!(told.contains("keep-size=Operation not supported"), "{told}");
    for name in ["resvsp", "resvsp64", "zero", "high-bits", "tiocsti", "tiocsti-high"] {
        assert!(told.contains(&format!("{name}=Operation not permitted")), "{told}");
    }
    assert!(told.contains("waiting=done") && told.contains("written=1048576"), "{told}");
    bench.assert_clean().await;
}

#[tokio::test]
async fn a_task_below_its_bound_is_left_alone() {
    let Some(bench) = bench().await else { return };
    // Sparse, linked, removed and moved files count what they take.
    let program = r"
for round in range(4):
    fill('/work/a', 200)
    for i in range(200): os.unlink(f'/work/a/{i}')
fill('/work/keep', 200)
for i in range(200): os.link(f'/work/keep/{i}', f'/work/keep/link{i}')
with open('/work/sparse', 'wb') as f: f.truncate(200 << 20)
for i in range(50): os.rename('/work/keep', '/work/moved'); os.rename('/work/moved', '/work/keep')
";
    let Filled { ended, .. } = fill(&bench, "modest", program).await;
    assert_eq!((ended.exit.code, ended.text().as_str()), (0, "survived"));
    bench.assert_clean().await;
}

#[tokio::test]
async fn the_number_of_files_and_their_depth_are_bounded() {
    let Some(bench) = bench().await else { return };
    if !has_companion() {
        return;
    }
    let many = "for k in range(200):\n    os.mkdir(f'/work/d{k}')\n    for i in range(1000): os.close(os.open(f'/work/d{k}/{i}', os.O_CREAT | os.O_WRONLY))";
    let deep = "for i in range(20000): os.mkdir('d'); os.chdir('d')\nimport time; time.sleep(60)";
    for (task, program, word) in [("inodes", many, "65536 files"), ("depth", deep, "folders inside folders")]
    {
        let Filled { ended, took, .. } = fill(&bench, task, program).await;
        assert_eq!(ended.exit.code, DISK_LIMIT, "{task}: {}", ended.text());
        assert!(ended.text().contains(word), "{task}: {}", ended.text());
        assert!(took <= WITHIN, "{task} took {took:?}");
    }
    bench.assert_clean().await;
}

/// Bombs of every other kind, while another task goes on.
#[tokio::test]
async fn bombs_are_contained_and_other_tasks_go_on() {
    let Some(bench) = bench().await else { return };
    let steady = "for i in range(100):\n    print(i, flush=True)\n    import time; time.sleep(0.1)";
    let mut plan = bench.plan("steady", &[("main.py", steady)]);
    plan.limits.resources.memory_bytes = 64 * MIB;
    let container = bench.prepare(&plan).await;
    let engine = bench.engine.clone();
    let steady = {
        let container = container.clone();
        tokio::spawn(async move { run_on(&engine, &container, &[]).await })
    };
    let forks = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass";
    let threads = "import threading, time\nn = 0\ntry:\n    while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); n += 1\nexcept RuntimeError: print('threads', n, flush=True)\nwhile True: time.sleep(1)";
    let files = "import os, time\nheld = []\ntry:\n    while True: held.append(os.open('/dev/null', 0))\nexcept OSError: print('files', len(held), flush=True)\nwhile True: time.sleep(1)";
    let stubborn = "import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: time.sleep(1)";
    let log = "import sys\nwhile True: sys.stdout.write('x' * 4000 + '\\n')";
    for (task, program) in
        [("forks", forks), ("threads", threads), ("files", files), ("stubborn", stubborn), ("log", log)]
    {
        let mut plan = bench.plan(task, &[("main.py", program)]);
        plan.limits.resources.memory_bytes = 128 * MIB;
        plan.limits.resources.cpu_millis = 500;
        plan.limits.pids = 50;
        let container = bench.prepare(&plan).await;
        let engine = bench.engine.clone();
        let running = {
            let container = container.clone();
            tokio::spawn(async move { run_on(&engine, &container, &[]).await })
        };
        bench.until_running(&container).await;
        tokio::time::sleep(Duration::from_millis(1000)).await;
        let begun = Instant::now();
        bench.engine.stop(&container, Duration::from_secs(1)).await.expect("stopped");
        let took = begun.elapsed();
        let ended = running.await.expect("ended");
        bench.engine.remove(&container).await.expect("removed");
        assert!(took < Duration::from_secs(11), "{task} took {took:?}");
        assert!(matches!(ended.exit.code, 137 | 143), "{task}: {:?}", ended.exit);
        let number = |word: &str| {
            let line = ended.lines.iter().find_map(|line| line.text.strip_prefix(word));
            line.and_then(|rest| rest.trim().parse::<u32>().ok())
        };
        match task {
            "threads" => assert!(number("threads").is_some_and(|n| n < 50), "{}", ended.text()),
            "files" => assert!(number("files").is_some_and(|n| n < 1024), "{}", ended.text()),
            _ => {}
        }
    }
    let steady = steady.await.expect("ended");
    assert_eq!((steady.exit.code, steady.lines.len()), (0, 100), "{}", steady.text());
    bench.engine.remove(&container).await.expect("removed");
    bench.assert_clean().await;
}

/// The companion leaves no trace that the task could use.
#[tokio::test]
async fn process_one_is_out_of_reach() {
    let Some(bench) = bench().await else { return };
    if !has_companion() {
        return;
    }
    let program = r"
import subprocess
def tried(name, what):
    try: what(); print(name + '=done')
    except OSError as e: print(name + '=' + os.strerror(e.errno))
print('work=' + ' '.join(sorted(os.listdir('/work'))))
print('parent=%d' % os.getppid())
for name in ('mem', 'maps', 'environ', 'fd', 'exe', 'root', 'cwd'):
    path = '/proc/1/' + name
    tried(name, lambda: os.listdir(path) if name == 'fd' else os.readlink(path) if name in ('exe', 'root', 'cwd') else open(path, 'rb').read(1))
tried('oom', lambda: open('/proc/1/oom_score_adj', 'w').write('1000'))
print('scores=%s %s' % (open('/proc/1/oom_score_adj').read().strip(), open('/proc/self/oom_score_adj').read().strip()))
print('group=%d' % (os.getpgid(0) == os.getpid()))
# Orphans are collected.
subprocess.run(['sh', '-c', '(true &) ; (true &) ; exit 0'])
import time
for _ in range(100):
    dead = [p for p in os.listdir('/proc') if p.isdigit() and os.path.exists(f'/proc/{p}/stat') and ') Z' in open(f'/proc/{p}/stat').read()]
    if not dead: break
    time.sleep(0.1)
print('dead=%d' % len(dead))
";
    let Filled { ended, .. } = fill(&bench, "one", program).await;
    let told = ended.text();
    assert_eq!(ended.exit.code, 0, "{told}");
    for line in ["work=.hivemind-python main.py output", "parent=1", "scores=500 1000", "group=1", "dead=0"] {
        assert!(told.lines().any(|l| l == line), "{line} in {told}");
    }
    for name in ["mem", "maps", "environ", "fd", "exe", "root", "cwd", "oom"] {
        assert!(told.contains(&format!("{name}=Permission denied")), "{name} in {told}");
    }
    bench.assert_clean().await;
}

/// No image may take over the companion's place.
#[tokio::test]
async fn a_package_cannot_bring_its_own_companion() {
    let Some(bench) = bench().await else { return };
    for name in [".hivemind-companion", ".HiveMind-Companion/x"] {
        let plan = bench.plan("own", &[("main.py", ""), (name, "#!/bin/sh\n")]);
        let refused = bench.engine.prepare(&plan).await.expect_err("refused");
        assert!(refused.message.contains("reserved-name"), "{refused}");
    }
    bench.assert_clean().await;
}
