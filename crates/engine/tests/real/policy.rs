//! The box, proved from inside and by inspection (Done 5).

use crate::bench::{Bench, bench, run_on};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{MIB, Resources};
use hivemind_worker_core::port::Engine;
use std::collections::HashMap;

/// Runs a Python program and reads `key=value` lines.
async fn probe(bench: &Bench, task: &str, program: &str) -> HashMap<String, String> {
    let container = bench.prepare(&bench.plan(task, &[("main.py", program)])).await;
    let ended = bench.run(&container).await;
    bench.engine.remove(&container).await.expect("removed");
    assert_eq!(ended.exit.code, 0, "{}", ended.text());
    ended.lines.iter().filter_map(|l| l.text.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
}

fn check(found: &HashMap<String, String>, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(found.get(*key).map(String::as_str), Some(*value), "{key} in {found:?}");
    }
}

#[tokio::test]
async fn no_privilege_inside() {
    let Some(bench) = bench().await else { return };
    let program = r#"
import os, ctypes
status = dict(l.rstrip().split(':\t', 1) for l in open('/proc/self/status') if ':\t' in l)
for key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp'): print(key + '=' + status[key].strip())
print('ids=' + ' '.join(map(str, (os.getuid(), os.geteuid(), os.getgid(), os.getgroups()))))
def tried(name, what):
    try: what(); print(name + '=done')
    except OSError as e: print(name + '=' + os.strerror(e.errno))
tried('setuid', lambda: os.setuid(0))
tried('chown', lambda: (open('/work/f', 'w').close(), os.chown('/work/f', 0, 0)))
tried('mknod', lambda: os.mknod('/work/dev', 0o20666, os.makedev(1, 3)))
tried('chroot', lambda: os.chroot('/work'))
tried('shadow', lambda: open('/etc/shadow').read())
tried('kill', lambda: os.kill(1, 9) or (_ for _ in ()).throw(OSError(0, '')))
"#;
    let found = probe(&bench, "privilege", program).await;
    let none = "0000000000000000";
    check(
        &found,
        &[
            ("CapInh", none),
            ("CapPrm", none),
            ("CapEff", none),
            ("CapBnd", none),
            ("CapAmb", none),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
            ("ids", "65532 65532 65532 [65532]"),
            ("setuid", "Operation not permitted"),
            ("chown", "Operation not permitted"),
            ("mknod", "Operation not permitted"),
            ("chroot", "Operation not permitted"),
        ],
    );
    assert_ne!(found["shadow"], "done");
    bench.assert_clean().await;
}

#[tokio::test]
async fn no_network_inside() {
    let Some(bench) = bench().await else { return };
    let program = r#"
import os, socket
print('interfaces=' + ' '.join(sorted(os.listdir('/sys/class/net'))))
print('routes=%d' % (len(open('/proc/net/route').readlines()) - 1))
def tried(name, family, address):
    try:
        s = socket.socket(family, socket.SOCK_STREAM); s.settimeout(3); s.connect(address); print(name + '=connected')
    except OSError as e: print(name + '=' + (os.strerror(e.errno) if e.errno else str(e)))
tried('outside', socket.AF_INET, ('1.1.1.1', 443))
tried('host', socket.AF_INET, ('172.17.0.1', 22))
tried('outside6', socket.AF_INET6, ('2606:4700:4700::1111', 443))
try: socket.getaddrinfo('example.org', 80); print('name=resolved')
except OSError: print('name=refused')
def family(name, *args):
    try: socket.socket(*args); print(name + '=made')
    except OSError as e: print(name + '=' + os.strerror(e.errno))
family('raw', socket.AF_INET, socket.SOCK_RAW, 1)
family('packet', socket.AF_PACKET, socket.SOCK_RAW, 0)
family('netfilter', socket.AF_NETLINK, socket.SOCK_RAW, 12)
family('vsock', 40, socket.SOCK_STREAM)
family('alg', 38, socket.SOCK_SEQPACKET)
server = socket.create_server(('127.0.0.1', 0))
socket.create_connection(server.getsockname(), 3); print('loopback=works')
"#;
    let found = probe(&bench, "network", program).await;
    check(
        &found,
        &[
            ("interfaces", "lo"),
            ("routes", "0"),
            ("outside", "Network is unreachable"),
            ("host", "Network is unreachable"),
            ("name", "refused"),
            ("raw", "Operation not permitted"),
            ("packet", "Operation not permitted"),
            ("netfilter", "Operation not permitted"),
            ("vsock", "Operation not permitted"),
            ("alg", "Operation not permitted"),
            ("loopback", "works"),
        ],
    );
    assert_ne!(found["outside6"], "connected");
    bench.assert_clean().await;
}

#[tokio::test]
async fn only_the_volume_and_small_memory_can_be_written() {
    let Some(bench) = bench().await else { return };
    let program = r#"
import os, subprocess
mounts = [l.split() for l in open('/proc/self/mounts')]
def options(path): return next(m[3].split(',') for m in reversed(mounts) if m[1] == path)
print('root=' + ('ro' if 'ro' in options('/') else 'rw'))
print('tmp=' + ' '.join(sorted(o for o in options('/tmp') if o.startswith(('no', 'size', 'rw')))))
real = ('ext4', 'xfs', 'btrfs', 'overlay')
print('disk=' + ' '.join(sorted(m[1] for m in mounts if m[2] in real and 'rw' in m[3].split(',') and not m[1].startswith('/etc/'))))
print('host=' + ' '.join(sorted(m[1] for m in mounts if m[2] in real and m[1] not in ('/', '/work') and not m[1].startswith(('/etc/', '/sbin/', '/usr/sbin/', '/dev/init')))))
def tried(name, path):
    try: open(path, 'w').write('x'); print(name + '=written')
    except OSError as e: print(name + '=' + os.strerror(e.errno))
for name, path in (('r', '/x'), ('usr', '/usr/bin/x'), ('etc', '/etc/passwd'), ('hosts', '/etc/hosts'), ('proc', '/proc/sys/kernel/core_pattern'),
                   ('sysrq', '/proc/sysrq-trigger'), ('sys', '/sys/kernel/x'), ('work', '/work/x'), ('out', '/work/output/x'), ('t', '/tmp/x'), ('home', os.path.expanduser('~/y'))): tried(name, path)
open('/tmp/run', 'w').write('#!/bin/sh\necho ran\n'); os.chmod('/tmp/run', 0o755)
try: subprocess.run(['/tmp/run'], check=True); print('exec=ran')
except OSError as e: print('exec=' + os.strerror(e.errno))
try:
    with open('/tmp/big', 'wb') as f:
        for _ in range(110): f.write(bytes(1 << 20))
    print('full=no')
except OSError as e: print('full=' + os.strerror(e.errno))
print('devices=' + ' '.join(sorted(os.listdir('/dev'))))
print('sock=' + str(os.path.exists('/var/run/docker.sock')))
"#;
    let found = probe(&bench, "files", program).await;
    let read_only = "Read-only file system";
    check(
        &found,
        &[
            ("root", "ro"),
            ("tmp", "nodev noexec nosuid rw size=102400k"),
            ("disk", "/work"),
            ("host", ""),
            ("r", read_only),
            ("usr", read_only),
            ("proc", read_only),
            ("work", "written"),
            ("out", "written"),
            ("t", "written"),
            ("home", "written"),
            ("exec", "Permission denied"),
            ("full", "No space left on device"),
            ("sock", "False"),
        ],
    );
    for refused in ["etc", "hosts", "sys", "sysrq"] {
        assert_ne!(found[refused], "written", "{refused}");
    }
    assert!(!found["devices"].contains("sda") && !found["devices"].contains("mem"), "{}", found["devices"]);
    bench.assert_clean().await;
}

#[tokio::test]
async fn dangerous_system_calls_are_refused() {
    let Some(bench) = bench().await else { return };
    // Numbers of x86-64 and of arm64; a call that the machine lacks is left out.
    let program = r#"
import ctypes, errno, os, platform, threading, subprocess, multiprocessing
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == 'x86_64'
calls = dict(io_uring_setup=(425, 425), io_uring_enter=(426, 426), ptrace=(101, 117), process_vm_readv=(310, 270), mount=(165, 40), umount2=(166, 39),
 move_mount=(429, 429), open_tree=(428, 428), fsopen=(430, 430), pivot_root=(155, 41), unshare=(272, 97), setns=(308, 268), keyctl=(250, 219), add_key=(248, 217),
 request_key=(249, 218), bpf=(321, 280), perf_event_open=(298, 241), userfaultfd=(323, 282), kexec_load=(246, 104), init_module=(175, 105), finit_module=(313, 273),
 delete_module=(176, 106), settimeofday=(164, 170), clock_settime=(227, 112), adjtimex=(159, 171), personality=(135, 92), swapon=(167, 224), reboot=(169, 142),
 open_by_handle_at=(304, 265), fanotify_init=(300, 262), syslog=(103, 116), acct=(163, 89), pidfd_getfd=(438, 438), seccomp=(317, 277), vmsplice=(278, 75), quotactl=(179, 60))
for name, numbers in sorted(calls.items()):
    ctypes.set_errno(0)
    answer = libc.syscall(numbers[0] if x86 else numbers[1], 0, 0, 0, 0, 0, 0)
    print(name + '=' + (errno.errorcode.get(ctypes.get_errno(), '?') if answer == -1 else 'done'))
# Other processes' limits and places in the queue, process 1 first of all.
room = ctypes.create_string_buffer(64)
for name, numbers, args in (('prlimit_init', (302, 261), (1, 7, room, 0)), ('scheduler_init', (144, 119), (1, 0, room)), ('attr_init', (314, 274), (1, room, 0)),
 ('param_init', (142, 118), (1, room)), ('priority_init', (141, 140), (0, 1, 19)), ('priority_user', (141, 140), (2, 0, 19))):
    ctypes.set_errno(0)
    answer = libc.syscall(numbers[0] if x86 else numbers[1], *args)
    print(name + '=' + (errno.errorcode.get(ctypes.get_errno(), '?') if answer == -1 else 'done'))
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)); os.nice(1); print('own_limits=set')
with open('/work/blocks', 'w') as f:
    for name, number in (('size_hint', 0x401c5820), ('subvolume', 0x5000940e), ('snapshot', 0x50009417), ('clone_file', 0x40049409)):
        ctypes.set_errno(0)
        answer = libc.ioctl(f.fileno(), ctypes.c_ulong(number), room)
        print(name + '=' + (errno.errorcode.get(ctypes.get_errno(), '?') if answer == -1 else 'done'))
answer = libc.syscall(435, 0, 0); print('clone3=' + errno.errorcode[ctypes.get_errno()])
for flag, name in ((0x00020000, 'newns'), (0x02000000, 'newcgroup'), (0x04000000, 'newuts'), (0x08000000, 'newipc'), (0x10000000, 'newuser'), (0x20000000, 'newpid'), (0x40000000, 'newnet')):
    pid = libc.syscall(56 if x86 else 220, flag | 17, 0, 0, 0, 0)
    if pid == 0: os._exit(0)
    print('clone_' + name + '=' + ('done' if pid > 0 else errno.errorcode[ctypes.get_errno()]))
t = threading.Thread(target=lambda: None); t.start(); t.join()
print('child=' + subprocess.run(['echo', 'ok'], capture_output=True, text=True).stdout.strip())
with multiprocessing.Pool(2) as pool: print('pool=' + str(sum(pool.map(abs, range(5)))))
os.mkfifo('/work/pipe'); print('fifo=made')
import fcntl, termios
r, w = os.openpty() if os.path.exists('/dev/ptmx') else (None, None)
if w is not None:
    try: fcntl.ioctl(w, termios.TIOCSTI, b'x'); print('tiocsti=done')
    except OSError as e: print('tiocsti=' + errno.errorcode[e.errno])
"#;
    let found = probe(&bench, "calls", program).await;
    let mut refused = 0;
    for (name, answer) in &found {
        match name.as_str() {
            "child" => assert_eq!(answer, "ok"),
            "pool" => assert_eq!(answer, "10"),
            "fifo" => assert_eq!(answer, "made"),
            "clone3" => assert_eq!(answer, "ENOSYS"),
            "own_limits" => assert_eq!(answer, "set"),
            "clone_file" => assert_ne!(answer, "EPERM", "copies by reference are allowed"),
            _ => {
                assert_eq!(answer, "EPERM", "{name}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 52, "{refused} of {found:?}");
    bench.assert_clean().await;
}

#[tokio::test]
async fn limits_hold_inside_and_stand_in_the_inspection() {
    let Some(bench) = bench().await else { return };
    let program = r#"
import os, resource, time
for name in ('NOFILE', 'NPROC', 'CORE', 'FSIZE'): print(name + '=%d %d' % resource.getrlimit(getattr(resource, 'RLIMIT_' + name)))
pids = []
try:
    for _ in range(300):
        pid = os.fork()
        if pid == 0: time.sleep(60); os._exit(0)
        pids.append(pid)
except OSError as e: print('forks=' + os.strerror(e.errno))
print('children=%d' % len(pids))
for pid in pids: os.kill(pid, 9)
for pid in pids: os.waitpid(pid, 0)
files = []
try:
    while True: files.append(open('/dev/null'))
except OSError as e: print('files=%d' % len(files))
files.clear()
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    with open('/work/big', 'wb') as f: f.seek(5 << 20); f.write(b'x')
    print('fsize=written')
except OSError as e: print('fsize=' + os.strerror(e.errno))
# A fifth of a core: 0.4 s of work must take two seconds; what counts is the CPU time the group got.
def first(*paths): return next(open(p).read() for p in paths if os.path.exists(p))
begun, used = time.monotonic(), time.process_time()
while time.monotonic() - begun < 3: pass
print('share=%.3f' % ((time.process_time() - used) / (time.monotonic() - begun)))
"#;
    let limits = TaskLimits {
        resources: Resources { cpu_millis: 200, memory_bytes: 256 * MIB, gpus: 0 },
        pids: 40,
        disk_bytes: 4 * MIB,
        ..TaskLimits::default()
    };
    let mut plan = bench.plan("limits", &[("main.py", program)]);
    plan.limits = limits;
    let prepared = bench.engine.prepare(&plan).await.expect("prepared");
    let inspected = bench.raw.inspect_container(&prepared.container, None).await.expect("inspected");
    let host = inspected.host_config.expect("host configuration");
    assert_eq!((host.memory, host.memory_swap), (Some(256 << 20), Some(256 << 20)));
    assert_eq!((host.nano_cpus, host.pids_limit), (Some(200_000_000), Some(40)));
    assert_eq!(host.network_mode.as_deref(), Some("none"));
    let init = Some(crate::bench::companion().is_none());
    assert_eq!((host.readonly_rootfs, host.privileged, host.init), (Some(true), Some(false), init));
    assert_eq!((host.cap_drop, host.cap_add), (Some(vec!["ALL".to_owned()]), None));
    let security = host.security_opt.expect("security options");
    assert!(
        security.iter().any(|o| o == "no-new-privileges")
            && security.iter().any(|o| o.starts_with("seccomp={"))
    );
    assert_eq!(host.binds, None);
    let mounts = inspected.mounts.expect("mounts");
    assert_eq!(mounts.len(), 1);
    assert_eq!(mounts[0].destination.as_deref(), Some("/work"));
    let log = host.log_config.expect("log configuration");
    assert_eq!(log.typ.as_deref(), Some("json-file"));
    assert_eq!(log.config.expect("options")["max-size"], "32m");
    let restart = host.restart_policy.expect("restart policy").name.map(|n| n.to_string());
    assert_eq!(restart.as_deref(), Some("no"));
    let config = inspected.config.expect("configuration");
    assert_eq!(config.user.as_deref(), Some("65532:65532"));
    assert!(config.image.expect("image").starts_with("sha256:"), "made by content, not by tag");

    let ended = bench.run(&prepared.container).await;
    bench.engine.remove(&prepared.container).await.expect("removed");
    assert_eq!(ended.exit.code, 0, "{}", ended.text());
    let found: HashMap<String, String> = ended
        .lines
        .iter()
        .filter_map(|l| l.text.split_once('='))
        .map(|(k, v)| (k.into(), v.into()))
        .collect();
    check(
        &found,
        &[
            ("NOFILE", "1024 1024"),
            ("NPROC", "512 512"),
            ("CORE", "0 0"),
            ("FSIZE", "4194304 4194304"),
            ("forks", "Resource temporarily unavailable"),
            ("fsize", "File too large"),
        ],
    );
    let number = |key: &str| found[key].parse::<f64>().expect("a number");
    assert!((30.0..40.0).contains(&number("children")), "{found:?}");
    assert!((1000.0..1024.0).contains(&number("files")), "{found:?}");
    assert!(number("share") < 0.3, "{found:?}");
    bench.assert_clean().await;
}

#[tokio::test]
async fn running_out_of_memory_is_told_also_for_a_child() {
    let Some(bench) = bench().await else { return };
    let hog = "python3 -c 'x = bytearray(300 << 20); print(len(x))'";
    for (task, script, code) in [
        ("oom", format!("exec {hog}\n"), Some(137)),
        ("oom-child", format!("{hog}\necho survived\nsleep 1\nexit 0\n"), Some(0)),
        ("oom-last", format!("{hog}\nexit 0\n"), Some(0)),
    ] {
        let mut plan = bench.plan(task, &[("run.sh", &script)]);
        plan.limits.resources.memory_bytes = 64 * MIB;
        let container = bench.prepare(&plan).await;
        let ended = bench.run(&container).await;
        assert!(ended.exit.out_of_memory, "{task}: {:?}", ended.exit);
        assert_eq!(Some(ended.exit.code), code, "{task}");
        let adopted = run_on(&bench.restarted(), &container, &[]).await;
        assert!(adopted.exit.out_of_memory, "{task} adopted: {:?}", adopted.exit);
        bench.engine.remove(&container).await.expect("removed");
    }
    bench.assert_clean().await;
}
