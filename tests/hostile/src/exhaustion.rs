//! Programs that try to use up what there is.

use crate::case::{Case, Seen};
use crate::container::{Ended, STAGE};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{MIB, Resources};
use hivemind_worker_core::port::Engine;
use std::time::Duration;

/// A program that ignores every request to end is killed within this time after its limit.
const KILLED_WITHIN: Duration = Duration::from_secs(12);
/// For what must end by itself.
const LONG: u64 = 150;

/// What is expected of a program.
#[derive(Clone, Copy)]
enum Expect {
    /// It ends by itself and says `contained`: it met its limit and lived on.
    Contained,
    /// It is still there at its limit, and gone soon after.
    Stopped,
    /// Memory is told as the reason of its end.
    OutOfMemory,
    /// Contained, stopped, or ended with a failure: which one depends on how fast the computer is.
    ContainedOrStopped,
    /// It fails by itself, or memory is told as the reason.
    ContainedOrOom,
    /// The bound on all its files together is told as the reason of its end.
    DiskLimit,
    /// It ends, however; nothing else suffers.
    AnyEnd,
}

/// Name, program (a shell script, or Python where it begins with `import`), seconds, expectation.
const PROGRAMS: &[(&str, &str, u64, Expect)] = &[
    ("fork bomb", "bomb() { bomb | bomb & }; bomb; while :; do :; done\n", 5, Expect::Stopped),
    ("forks until none is left", FORKS, LONG, Expect::Contained),
    (
        "forks that leave their parents",
        "import os, time\nfor _ in range(3000):\n    try:\n        if os.fork() == 0:\n            os.setsid()\n            if os.fork() != 0: os._exit(0)\n            time.sleep(600)\n    except OSError: time.sleep(0.01)\ntime.sleep(600)\n",
        8,
        Expect::Stopped,
    ),
    ("threads until none is left", THREADS, LONG, Expect::Contained),
    (
        "zombies",
        "import os\nn = 0\ntry:\n    while n < 5000:\n        if os.fork() == 0: os._exit(0)\n        n += 1\nexcept OSError: pass\nprint('contained' if n < 200 else n)\n",
        LONG,
        Expect::Contained,
    ),
    (
        "orphans",
        "import os\nfor _ in range(3000):\n    try:\n        if os.fork() == 0:\n            if os.fork() == 0: os._exit(0)\n            os._exit(0)\n        os.wait()\n    except OSError: pass\nprint('contained')\n",
        LONG,
        Expect::Contained,
    ),
    (
        "ignores the request to end",
        "trap '' TERM INT HUP QUIT\nwhile :; do sleep 1; done\n",
        3,
        Expect::Stopped,
    ),
    (
        "ignores every signal",
        "import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: time.sleep(60)\n",
        3,
        Expect::Stopped,
    ),
    (
        "blocks every signal",
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: time.sleep(60)\n",
        3,
        Expect::Stopped,
    ),
    ("stops itself", "kill -STOP $$\nsleep 600\n", 3, Expect::Stopped),
    (
        "a child that ignores, a parent that is gone",
        "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    while True: time.sleep(60)\nwhile True: time.sleep(60)\n",
        3,
        Expect::Stopped,
    ),
    (
        "answers the request with a fork",
        "import os, signal, time\ndef again(*_):\n    os.fork()\nsignal.signal(signal.SIGTERM, again)\nwhile True: time.sleep(60)\n",
        3,
        Expect::Stopped,
    ),
    ("sleeps for ever", "sleep 100000\n", 3, Expect::Stopped),
    ("spins", "while :; do :; done\n", 3, Expect::Stopped),
    (
        "spins in fifty threads",
        "import threading\ndef spin():\n    while True: pass\nfor _ in range(50): threading.Thread(target=spin).start()\n",
        4,
        Expect::Stopped,
    ),
    (
        "a storm of signals",
        "import os, signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)\nme = os.getpid()\nfor _ in range(8):\n    if os.fork() == 0:\n        while True:\n            try: os.kill(me, signal.SIGUSR1)\n            except OSError: os._exit(0)\nwhile True: signal.pause()\n",
        5,
        Expect::Stopped,
    ),
    (
        "queued signals",
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nimport signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [40])\nn = 0\nwhile n < 2000000 and libc.sigqueue(os.getpid(), 40, ctypes.c_void_p(0)) == 0: n += 1\nprint('contained' if n < 2000000 else n)\n",
        LONG,
        Expect::Contained,
    ),
    (
        "timers",
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nn = 0\nid = ctypes.c_void_p()\nwhile n < 2000000 and libc.syscall(222, 1, 0, ctypes.byref(id)) == 0: n += 1\nprint('contained' if n < 2000000 else n)\n",
        LONG,
        Expect::Contained,
    ),
    (
        "memory",
        "import time\nheld = []\nwhile True: held.append(bytearray(8 << 20))\n",
        LONG,
        Expect::OutOfMemory,
    ),
    (
        "memory of one piece",
        "import time\nheld = b'x' * (1 << 34)\nprint(len(held))\n",
        LONG,
        Expect::ContainedOrOom,
    ),
    (
        "memory of many",
        "import os, time\nfor _ in range(30):\n    if os.fork() == 0:\n        held = bytearray(40 << 20)\n        time.sleep(600)\ntime.sleep(20)\nprint('contained')\n",
        60,
        Expect::ContainedOrOom,
    ),
    (
        "memory that is shared",
        "import mmap\nheld = mmap.mmap(-1, 1 << 30)\nfor at in range(0, 1 << 30, 4096): held[at] = 1\n",
        LONG,
        Expect::OutOfMemory,
    ),
    (
        "memory in /tmp",
        "import os\ntry:\n    with open('/tmp/x', 'wb') as f:\n        while True: f.write(bytes(1 << 20))\nexcept OSError: pass\nprint('contained' if os.path.getsize('/tmp/x') <= 101 << 20 else 'more')\n",
        LONG,
        Expect::Contained,
    ),
    (
        "memory in /dev/shm",
        "import os\ntry:\n    with open('/dev/shm/x', 'wb') as f:\n        while True: f.write(bytes(1 << 20))\nexcept OSError: pass\nprint('contained' if os.path.getsize('/dev/shm/x') <= 65 << 20 else 'more')\n",
        LONG,
        Expect::Contained,
    ),
    (
        "memory in pipes",
        "import os, fcntl\nheld = []\ntry:\n    while True:\n        r, w = os.pipe()\n        held.append((r, w))\n        os.set_blocking(w, False)\n        try:\n            while True: os.write(w, bytes(65536))\n        except BlockingIOError: pass\nexcept OSError: pass\nprint('contained' if len(held) < 520 else len(held))\n",
        LONG,
        Expect::ContainedOrOom,
    ),
    (
        "memory in sockets",
        "import socket\nheld = []\ntry:\n    while True:\n        a, b = socket.socketpair()\n        held += [a, b]\n        a.setblocking(False)\n        try:\n            while True: a.send(bytes(65536))\n        except BlockingIOError: pass\nexcept OSError: pass\nprint('contained' if len(held) < 1030 else len(held))\n",
        LONG,
        Expect::ContainedOrOom,
    ),
    (
        "locked memory",
        "import ctypes, mmap\nlibc = ctypes.CDLL(None, use_errno=True)\nsize = 300 << 20\nheld = mmap.mmap(-1, size)\nat = ctypes.addressof(ctypes.c_char.from_buffer(held))\nprint('contained' if libc.mlock(ctypes.c_void_p(at), ctypes.c_size_t(size)) != 0 else 'more')\n",
        LONG,
        Expect::ContainedOrOom,
    ),
    (
        "a deep recursion",
        "import sys, threading\nsys.setrecursionlimit(1 << 30)\ndef deep(n): return deep(n + 1) + 1\ntry: deep(0)\nexcept (RecursionError, MemoryError): pass\nprint('contained')\n",
        LONG,
        Expect::AnyEnd,
    ),
    (
        "one large file",
        "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\ntry:\n    with open('/work/x', 'wb') as f:\n        while True: f.write(bytes(1 << 20))\nexcept OSError: pass\nprint('contained' if os.path.getsize('/work/x') <= 64 << 20 else 'more')\n",
        LONG,
        Expect::Contained,
    ),
    (
        "one large file, unprepared",
        "dd if=/dev/zero of=/work/x bs=1048576 2>/dev/null\n[ $(stat -c %s /work/x) -le 67108864 ] && echo contained\n",
        LONG,
        Expect::ContainedOrStopped,
    ),
    (
        "a sparse file of a terabyte",
        "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\ntry:\n    with open('/work/x', 'wb') as f: f.truncate(1 << 40)\n    print('more')\nexcept OSError: print('contained')\n",
        LONG,
        Expect::Contained,
    ),
    (
        "reserved space",
        "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nwith open('/work/x', 'wb') as f:\n    try:\n        os.posix_fallocate(f.fileno(), 0, 1 << 36)\n        print('more')\n    except OSError: print('contained')\n",
        LONG,
        Expect::Contained,
    ),
    (
        "deep folders",
        "import os\nos.chdir('/work')\ntry:\n    for n in range(3000):\n        os.mkdir('d')\n        os.chdir('d')\nexcept OSError: pass\nprint('contained')\n",
        LONG,
        Expect::Contained,
    ),
    (
        "links of links",
        "import os\nos.symlink('a', '/work/b')\nos.symlink('b', '/work/a')\ntry: open('/work/a')\nexcept OSError: print('contained')\n",
        LONG,
        Expect::Contained,
    ),
    (
        "hard links without end",
        "import os\nopen('/work/x', 'w').close()\nn = 0\ntry:\n    while n < 200000:\n        os.link('/work/x', f'/work/l{n}')\n        n += 1\nexcept OSError: pass\nprint('contained' if n < 200000 else n)\n",
        LONG,
        Expect::Contained,
    ),
    (
        "open files",
        "held = []\nimport os\ntry:\n    while True: held.append(os.open('/dev/null', 0))\nexcept OSError: print('contained' if len(held) < 1024 else len(held))\n",
        LONG,
        Expect::Contained,
    ),
    (
        "open sockets",
        "import socket\nheld = []\ntry:\n    while True: held.append(socket.socket())\nexcept OSError: print('contained' if len(held) < 1024 else len(held))\n",
        LONG,
        Expect::Contained,
    ),
    (
        "watches",
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nn = 0\nwhile n < 100000 and libc.inotify_init() >= 0: n += 1\nprint('contained' if n < 1024 else n)\n",
        LONG,
        Expect::Contained,
    ),
    (
        "a gigabyte of output without a line's end",
        "head -c 1073741824 /dev/zero | tr '\\0' x\necho\necho contained\n",
        60,
        Expect::ContainedOrStopped,
    ),
    ("a million lines", "import sys\nfor n in range(1000000): print(n)\n", 60, Expect::AnyEnd),
    (
        "output on both sides",
        "import os\nfor _ in range(20000): os.write(1, b'o' * 100 + b'\\n'); os.write(2, b'e' * 100 + b'\\n')\n",
        LONG,
        Expect::AnyEnd,
    ),
    ("output of control characters", "head -c 30000000 /dev/urandom\necho\n", LONG, Expect::AnyEnd),
    ("output of empty lines", "yes '' | head -c 3000000\n", LONG, Expect::AnyEnd),
    ("closed output", "exec >&- 2>&-\nsleep 2\nexit 0\n", LONG, Expect::AnyEnd),
    (
        "output held by a daemon",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n",
        LONG,
        Expect::AnyEnd,
    ),
];

/// How the companion ends a task that has taken more disk than it was granted: 128 and the number of SIGXFSZ.
const DISK_LIMIT: i64 = 153;

const FORKS: &str = "import os, time\nn = 0\ntry:\n    while n < 5000:\n        if os.fork() == 0: time.sleep(600)\n        n += 1\nexcept OSError: pass\nprint('contained' if n < 100 else n)\n";
const THREADS: &str = "import threading, time, os\nn = 0\ntry:\n    while n < 5000:\n        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n        n += 1\nexcept RuntimeError: pass\nprint('contained' if n < 100 else n, flush=True)\nos._exit(0)\n";

/// All of them; where the companion is built, those that need it too.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = PROGRAMS
        .iter()
        .map(|(name, program, seconds, expect)| case(name, program, *seconds, *expect))
        .collect();
    // The bound on all files together is the companion's.
    if STAGE.has_companion {
        cases.push(case(
            "many files",
            "i=0\nwhile :; do head -c 4000000 /dev/zero > /work/f$i || break; i=$((i+1)); done\n",
            LONG,
            Expect::DiskLimit,
        ));
        cases.push(case("many files, kept open and removed", "import os\nheld = []\nfor n in range(900):\n    f = open('/work/x', 'wb')\n    os.unlink('/work/x')\n    f.write(bytes(4 << 20))\n    f.flush()\n    held.append(f)\nprint('more')\n", LONG, Expect::DiskLimit));
    }
    cases
}

fn limits() -> TaskLimits {
    TaskLimits {
        resources: Resources { cpu_millis: 1000, memory_bytes: 256 * MIB, gpus: 0 },
        pids: 100,
        disk_bytes: 64 * MIB,
        ..TaskLimits::default()
    }
}

fn case(name: &str, program: &'static str, seconds: u64, expect: Expect) -> Case {
    let expected = match expect {
        Expect::Contained => "contained",
        Expect::Stopped => "stopped in time",
        Expect::OutOfMemory => "ended, for want of memory",
        Expect::ContainedOrStopped => "contained, or stopped in time",
        Expect::ContainedOrOom => "contained, or ended for want of memory",
        Expect::DiskLimit => "ended, for want of disk",
        Expect::AnyEnd => "ended",
    };
    let run = move |_: &std::path::Path| {
        let file =
            if program.contains("import ") || program.starts_with("held") { "main.py" } else { "run.sh" };
        let ended = STAGE.run(&[(file, program)], limits(), Duration::from_secs(seconds));
        // Whatever happened in there, the engine goes on.
        let answers = STAGE.runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(30), STAGE.engine.verify())
                .await
                .is_ok_and(|answer| answer.is_ok())
        });
        if !answers {
            return Seen::plain("the engine answers no more");
        }
        let met = meets(&ended, expect);
        Seen::plain(if met { expected.to_owned() } else { in_words(&ended) })
    };
    let file = format!("runs at most {seconds} s in 256 MiB, 100 processes, 64 MiB of disk");
    Case { name: name.to_owned(), built: file, expected: expected.to_owned(), run: Box::new(run) }
}

fn meets(ended: &Ended, expect: Expect) -> bool {
    let contained = ended.after_limit.is_none() && ended.said("contained");
    let stopped = ended.after_limit.is_some_and(|after| after <= KILLED_WITHIN);
    match expect {
        Expect::Contained => contained,
        Expect::Stopped => stopped,
        Expect::OutOfMemory => ended.out_of_memory,
        Expect::ContainedOrStopped => contained || stopped || ended.after_limit.is_none() && ended.code != 0,
        Expect::ContainedOrOom => {
            contained || ended.out_of_memory || ended.after_limit.is_none() && ended.code != 0
        }
        Expect::DiskLimit => ended.after_limit.is_none() && ended.code == DISK_LIMIT,
        Expect::AnyEnd => ended.after_limit.is_none_or(|after| after <= KILLED_WITHIN),
    }
}

fn in_words(ended: &Ended) -> String {
    let last = ended.lines.last().map(String::as_str).unwrap_or_default();
    let after = ended
        .after_limit
        .map_or("by itself".to_owned(), |after| format!("{:.1} s after its limit", after.as_secs_f64()));
    let memory = if ended.out_of_memory { ", for want of memory" } else { "" };
    format!(
        "ended {after} with {}{memory}; {} lines, the last {:?}",
        ended.code,
        ended.line_count,
        last.get(..last.len().min(80))
    )
}
