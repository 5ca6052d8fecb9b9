# Tries to leave the box. Every probe prints its name and `denied`, or what it got.
import ctypes, errno, fcntl, mmap, os, platform, resource, signal, socket, stat, struct, subprocess, sys

def probe(name, what):
    try:
        got = what()
        print(f'{name}=REACHED {str(got)[:120]!r}')
    except (OSError, PermissionError, ValueError, OverflowError) as error:
        print(f'{name}=denied')

def holds(name, good, evidence):
    print(f'{name}=denied' if good else f'{name}=REACHED {str(evidence)[:120]!r}')

libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == 'x86_64'

def call(numbers, *arguments):
    ctypes.set_errno(0)
    answer = libc.syscall(numbers[0] if x86 else numbers[1], *(list(arguments) + [0] * (6 - len(arguments))))
    if answer == -1:
        # What the kernel lacks cannot be used either.
        raise OSError(ctypes.get_errno(), '')
    return answer

def write(path, text=b'x'):
    with open(path, 'wb', buffering=0) as file:
        return file.write(text)

def read(path, most=64):
    with open(path, 'rb', buffering=0) as file:
        return file.read(most)

def forked(what):
    pid = os.fork()
    if pid == 0:
        try:
            what()
            os._exit(0)
        except BaseException:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise OSError(errno.EPERM, '')
    return 'done'

def device(name):
    return os.access('/dev/' + name, os.R_OK) or os.access('/dev/' + name, os.W_OK)

status = dict(line.rstrip().split(':\t', 1) for line in open('/proc/self/status') if ':\t' in line)
mounts = [line.split() for line in open('/proc/self/mounts')]

# Who we are.
holds('user is not root', os.getuid() != 0 and os.geteuid() != 0, os.getuid())
holds('group is not root', os.getgid() != 0 and 0 not in os.getgroups(), os.getgroups())
holds('no inheritable capability', int(status['CapInh'], 16) == 0, status['CapInh'])
holds('no permitted capability', int(status['CapPrm'], 16) == 0, status['CapPrm'])
holds('no effective capability', int(status['CapEff'], 16) == 0, status['CapEff'])
holds('no capability in the bounding set', int(status['CapBnd'], 16) == 0, status['CapBnd'])
holds('no ambient capability', int(status['CapAmb'], 16) == 0, status['CapAmb'])
holds('no new privileges', status['NoNewPrivs'] == '1', status['NoNewPrivs'])
holds('system calls are filtered', status['Seccomp'] == '2', status['Seccomp'])
probe('become root', lambda: os.setuid(0))
probe('become the root group', lambda: os.setgid(0))
probe('join the root group', lambda: os.setgroups([0]))
probe('take all capabilities', lambda: call((126, 91), ctypes.byref((ctypes.c_uint32 * 2)(0x20080522, 0)), ctypes.byref((ctypes.c_uint32 * 6)(*([0xffffffff] * 6)))))
probe('give a file to root', lambda: (write('/work/f'), os.chown('/work/f', 0, 0)))
probe('run a set-user-id copy as root', lambda: (write('/work/s', read('/bin/busybox', 1 << 22)), os.chown('/work/s', 0, 0), os.chmod('/work/s', 0o4755)))
probe('run a program from memory', lambda: (write('/tmp/run', b'#!/bin/sh\n'), os.chmod('/tmp/run', 0o755), subprocess.run(['/tmp/run'], check=True)))

# Files of the image and of the host.
probe('read the shadow file', lambda: read('/etc/shadow'))
probe('write the root folder', lambda: write('/x'))
probe('write a program', lambda: write('/usr/bin/x'))
probe('write the users', lambda: write('/etc/passwd'))
probe('write the hosts', lambda: write('/etc/hosts'))
probe('write the resolver', lambda: write('/etc/resolv.conf'))
probe('write the host name', lambda: write('/etc/hostname'))
probe('write the library path', lambda: write('/etc/ld.so.preload'))
holds('root is mounted read-only', 'ro' in next(m[3].split(',') for m in reversed(mounts) if m[1] == '/'), mounts)
holds('no folder of the host is mounted', not [m for m in mounts if m[2] in ('ext4', 'xfs', 'btrfs', 'overlay', '9p', 'virtiofs') and m[1] not in ('/', '/work') and not m[1].startswith(('/etc/', '/sbin/', '/usr/sbin/', '/dev/init'))], mounts)
holds('no engine socket', not any(os.path.exists(p) for p in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock', '/run/podman/podman.sock', '/run/hivemind-test/docker.sock')), 'socket')
holds('no socket of the worker', not any('hivemind' in name and name.endswith('.sock') for folder in ('/run', '/tmp', '/var/run') if os.path.isdir(folder) for name in os.listdir(folder)), 'socket')
probe('follow process 1 to the root', lambda: os.listdir('/proc/1/root/root'))
probe('read the memory of process 1', lambda: read('/proc/1/mem'))
probe('write the memory of process 1', lambda: write('/proc/1/mem'))
holds('only our own processes are seen', all(int(p) < 1000 for p in os.listdir('/proc') if p.isdigit()) and len([p for p in os.listdir('/proc') if p.isdigit()]) < 20, os.listdir('/proc'))

# The kernel's own files.
probe('set the core pattern', lambda: write('/proc/sys/kernel/core_pattern', b'|/work/evil'))
probe('set the module loader', lambda: write('/proc/sys/kernel/modprobe', b'/work/evil'))
probe('set the hot-plug helper', lambda: write('/sys/kernel/uevent_helper', b'/work/evil'))
probe('set the binary formats', lambda: write('/proc/sys/fs/binfmt_misc/register', b':x:M::x::/work/evil:'))
probe('use the magic keys', lambda: write('/proc/sysrq-trigger', b'h'))
probe('set the release agent', lambda: write('/sys/fs/cgroup/memory/release_agent', b'/work/evil'))
probe('leave the control group', lambda: write('/sys/fs/cgroup/memory/cgroup.procs', b'0'))
probe('leave the control group (v2)', lambda: write('/sys/fs/cgroup/cgroup.procs', b'0'))
probe('make a control group', lambda: os.mkdir('/sys/fs/cgroup/memory/evil'))
probe('raise the memory limit', lambda: write('/sys/fs/cgroup/memory/memory.limit_in_bytes', b'-1'))
probe('raise the process limit', lambda: write('/sys/fs/cgroup/pids/pids.max', b'max'))
probe('allow devices', lambda: write('/sys/fs/cgroup/devices/devices.allow', b'a'))
probe('drop the caches', lambda: write('/proc/sys/vm/drop_caches', b'3'))
probe('forward packets', lambda: write('/proc/sys/net/ipv4/ip_forward', b'1'))
holds('no memory of the kernel', not (lambda d: d and any(d))(read('/proc/kcore') if os.access('/proc/kcore', os.R_OK) else b''), 'kcore')
holds('no addresses of the kernel', all(line.startswith('0000000000000000') for line in open('/proc/kallsyms').readlines()[:50]) if os.access('/proc/kallsyms', os.R_OK) else True, 'kallsyms')
holds('no keys are listed', not (os.access('/proc/keys', os.R_OK) and open('/proc/keys').read()), 'keys')
probe('map user ids', lambda: write('/proc/self/uid_map', b'0 0 4294967295'))
probe('be the last to be killed', lambda: write('/proc/self/oom_score_adj', b'-1000'))

# Devices.
holds('device mem', not device('mem'), 'mem')
holds('device kmem', not device('kmem'), 'kmem')
holds('device port', not device('port'), 'port')
holds('device sda', not device('sda'), 'sda')
holds('device vda', not device('vda'), 'vda')
holds('device nvme0n1', not device('nvme0n1'), 'nvme0n1')
holds('device kmsg', not device('kmsg'), 'kmsg')
holds('device fuse', not device('fuse'), 'fuse')
holds('device net/tun', not device('net/tun'), 'net/tun')
holds('device kvm', not device('kvm'), 'kvm')
holds('device loop-control', not device('loop-control'), 'loop-control')
holds('device mapper/control', not device('mapper/control'), 'mapper/control')
holds('device vhost-net', not device('vhost-net'), 'vhost-net')
holds('device uinput', not device('uinput'), 'uinput')
holds('device dri/card0', not device('dri/card0'), 'dri/card0')
holds('device nvidia0', not device('nvidia0'), 'nvidia0')
probe('make a device', lambda: os.mknod('/work/dev', stat.S_IFCHR | 0o666, os.makedev(1, 1)))
probe('make a disk', lambda: os.mknod('/tmp/disk', stat.S_IFBLK | 0o666, os.makedev(8, 0)))

# System calls.
probe('mount proc', lambda: call((165, 40), b'proc', b'/tmp', b'proc', 0, 0))
probe('bind the root folder', lambda: call((165, 40), b'/', b'/tmp', 0, 4096, 0))
probe('remount the root writable', lambda: call((165, 40), 0, b'/', 0, 32, 0))
probe('unmount', lambda: call((166, 39), b'/proc', 2))
probe('mount by the new calls', lambda: call((430, 430), b'ext4', 0))
probe('copy a mount', lambda: call((428, 428), -100, b'/', 1))
probe('move a mount', lambda: call((429, 429), -100, b'/', -100, b'/tmp', 0))
probe('pivot the root', lambda: call((155, 41), b'/work', b'/work'))
probe('change the root', lambda: os.chroot('/work'))
probe('new namespace of mounts', lambda: call((272, 97), 0x00020000))
probe('new namespace of control groups', lambda: call((272, 97), 0x02000000))
probe('new namespace of host names', lambda: call((272, 97), 0x04000000))
probe('new namespace of messages', lambda: call((272, 97), 0x08000000))
probe('new namespace of users', lambda: call((272, 97), 0x10000000))
probe('new namespace of processes', lambda: call((272, 97), 0x20000000))
probe('new namespace of networks', lambda: call((272, 97), 0x40000000))
probe('new namespace of clocks', lambda: call((272, 97), 0x80))
probe('child in a new user namespace', lambda: call((56, 220), 0x10000000 | 17, 0, 0, 0, 0))
probe('child by the newer call', lambda: call((435, 435), ctypes.byref((ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17, 0, 0, 0)), 64))
probe('enter the namespace of process 1', lambda: call((308, 268), os.open('/proc/1/ns/mnt', os.O_RDONLY), 0))
probe('trace process 1', lambda: call((101, 117), 16, 1, 0, 0))
probe('trace a child', lambda: forked(lambda: call((101, 117), 0, 0, 0, 0)))
probe('read another process', lambda: call((310, 270), 1, 0, 0, 0, 0, 0))
probe('take a file of another process', lambda: call((438, 438), 0, 0, 0))
probe('open a file by its handle', lambda: call((304, 265), 0, ctypes.byref((ctypes.c_uint32 * 6)(8, 1, 2, 0, 0, 0)), 0))
probe('load a module', lambda: call((175, 105), 0, 0, b''))
probe('load a module by file', lambda: call((313, 273), 0, b'', 0))
probe('replace the kernel', lambda: call((246, 104), 0, 0, 0, 0))
probe('load a program into the kernel', lambda: call((321, 280), 5, ctypes.byref((ctypes.c_uint64 * 16)()), 128))
probe('watch performance', lambda: call((298, 241), ctypes.byref((ctypes.c_uint32 * 32)()), 0, -1, -1, 0))
probe('handle page faults', lambda: call((323, 282), 0))
probe('queue calls in a ring', lambda: call((425, 425), 8, ctypes.byref((ctypes.c_uint32 * 32)())))
probe('read the session keyring', lambda: call((250, 219), 0, -3, 0))
probe('add a key', lambda: call((248, 217), b'user', b'evil', b'x', 1, -3))
probe('set the clock', lambda: call((164, 170), ctypes.byref((ctypes.c_int64 * 2)(0, 0)), 0))
probe('set a clock', lambda: call((227, 112), 0, ctypes.byref((ctypes.c_int64 * 2)(0, 0))))
probe('tune the clock', lambda: call((159, 171), ctypes.byref((ctypes.c_int64 * 32)(1))))
probe('set the host name', lambda: socket.sethostname('evil'))
probe('restart the computer', lambda: call((169, 142), 0xfee1dead, 672274793, 0))
probe('use a swap file', lambda: call((167, 224), b'/work/swap', 0))
probe('reach the ports of the hardware', lambda: call((172, 999), 3))
probe('read the log of the kernel', lambda: call((103, 116), 3, ctypes.create_string_buffer(64), 64))
probe('switch off the randomness of addresses', lambda: call((135, 92), 0x0040000))
probe('watch all files', lambda: call((300, 262), 0, 0))
probe('keep accounts', lambda: call((163, 89), b'/work/acct'))
probe('change quotas', lambda: call((179, 60), 0x800002, b'/dev/sda', 0, 0))
probe('loosen the filter', lambda: call((317, 277), 1, 0, 0))
probe('run first', lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
probe('be nicer to ourselves', lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
probe('raise the limit of files', lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)))
probe('raise the limit of processes', lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1 << 20, 1 << 20)))
probe('raise the size of files', lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
probe('keep a core', lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)))
probe('open a raw socket', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
probe('open a packet socket', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
probe('talk to the hypervisor', lambda: socket.socket(40, socket.SOCK_STREAM))
probe('use the ciphers of the kernel', lambda: socket.socket(38, socket.SOCK_SEQPACKET))
probe('listen to the events of the kernel', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15))
probe('change the firewall', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12))
holds('no abstract sockets of the host', len([l for l in open('/proc/net/unix').readlines()[1:] if '@' in l]) == 0, open('/proc/net/unix').read())
holds('shared memory is our own', os.listdir('/dev/shm') == [], os.listdir('/dev/shm') if os.path.isdir('/dev/shm') else '')
holds('no message queues of others', len(open('/proc/sysvipc/shm').readlines()) <= 1 if os.path.exists('/proc/sysvipc/shm') else True, 'ipc')
holds('the environment holds no secret', not [k for k in os.environ if any(w in k.upper() for w in ('TOKEN', 'SECRET', 'PASSWORD', 'DOCKER', 'KEY'))], sorted(os.environ))
print('end')
