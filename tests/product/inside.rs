//! The box: probed by a task from inside, and by inspection from outside.

use crate::package::{file_of, zipped};
use crate::pool::Pool;
use crate::requester::Wish;
use crate::scene::Scene;
use crate::worker::Worker;
use serde_json::{Value, json};

const PROBE: &str = r#"
import json, os, socket, time
found = {}
status = dict(line.rstrip().split(':\t', 1) for line in open('/proc/self/status') if ':\t' in line)
for key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp'):
    found[key] = status[key].strip()
found['ids'] = [os.getuid(), os.geteuid(), os.getgid(), os.getegid()]
found['groups'] = os.getgroups()
found['interfaces'] = sorted(os.listdir('/sys/class/net'))
def outcome(what):
    try:
        what()
        return 'done'
    except OSError as error:
        return type(error).__name__
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect(address)
found['connect'] = [outcome(lambda: connect(socket.AF_INET, a)) for a in (('1.1.1.1', 53), ('172.17.0.1', 22), ('169.254.169.254', 80))]
found['connect'].append(outcome(lambda: connect(socket.AF_INET6, ('2606:4700:4700::1111', 53))))
found['resolve'] = outcome(lambda: socket.getaddrinfo('example.org', 80))
found['write'] = {p: outcome(lambda: open(p, 'w').close()) for p in ('/probe', '/etc/probe', '/usr/bin/probe', '/var/probe', '/work/probe', '/tmp/probe')}
found['root'] = next(l.split()[3].split(',')[0] for l in reversed(open('/proc/self/mounts').readlines()) if l.split()[1] == '/')
found['become_root'] = outcome(lambda: os.setuid(0))
found['engine_socket'] = any(os.path.exists(p) for p in ('/var/run/docker.sock', '/run/docker.sock'))
def limit(*paths):
    for path in paths:
        try:
            return open(path).read().split()
        except OSError:
            pass
found['memory'] = limit('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes')
found['pids'] = limit('/sys/fs/cgroup/pids.max', '/sys/fs/cgroup/pids/pids.max')
quota = limit('/sys/fs/cgroup/cpu/cpu.cfs_quota_us') or []
found['cpu'] = limit('/sys/fs/cgroup/cpu.max') or quota + limit('/sys/fs/cgroup/cpu/cpu.cfs_period_us')
os.makedirs(os.environ['HIVEMIND_OUTPUT'], exist_ok=True)
json.dump(found, open(os.environ['HIVEMIND_OUTPUT'] + '/found.json', 'w'))
print('probed', flush=True)
# Long enough to be looked at from outside.
time.sleep(4)
"#;

#[tokio::test]
async fn a_task_is_alone_in_its_box() {
    let Some(scene) = Scene::open("a_task_is_alone_in_its_box").await else { return };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let wish = Wish { cpu_cores: "0.3", memory_gb: "0.125", ..Wish::default() };
    let id = asks.submit("probe", zipped(&[("main.py", PROBE)]), &wish).await;
    asks.wait_for_running(&id, 1).await;
    let containers = worker.containers().await;
    let [container] = containers.as_slice() else { panic!("one container: {containers:?}") };
    let seen = serde_json::to_value(scene.engine.inspect(container).await).expect("JSON");
    let ended = asks.wait_for_end(&id).await;
    assert_eq!(ended["state"], "succeeded", "{ended}: {:?}", asks.log(&id).await);
    let found = file_of(&asks.download(&id).await.bytes, "found.json");
    from_inside(&serde_json::from_slice(&found).expect("JSON"));
    from_outside(&seen);
    worker.closed(&id, 1).await;
    worker.wait_until_clean().await;
}

const MEMORY: u64 = 128 << 20;

#[track_caller]
fn from_inside(found: &Value) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(found[set], "0000000000000000", "{set}");
    }
    assert_eq!((&found["NoNewPrivs"], &found["Seccomp"]), (&json!("1"), &json!("2")));
    assert_eq!(found["ids"], json!([65_532, 65_532, 65_532, 65_532]));
    assert!(!found["groups"].as_array().expect("a list").contains(&json!(0)), "{found}");
    assert_ne!(found["become_root"], "done");
    assert_eq!(found["interfaces"], json!(["lo"]));
    assert_eq!(found["connect"].as_array().map(Vec::len), Some(4));
    for outcome in found["connect"].as_array().expect("a list") {
        assert_ne!(outcome, "done", "{found}");
    }
    assert_ne!(found["resolve"], "done");
    assert_eq!(found["root"], "ro");
    for (path, outcome) in found["write"].as_object().expect("an object") {
        let writable = matches!(path.as_str(), "/work/probe" | "/tmp/probe");
        assert_eq!(outcome == "done", writable, "{path}: {outcome}");
    }
    assert_eq!(found["engine_socket"], false);
    assert_eq!(found["memory"], json!([MEMORY.to_string()]));
    assert_eq!(found["pids"], json!(["100"]));
    let cpu: Vec<f64> = found["cpu"].as_array().expect("quota and period").iter().map(number).collect();
    assert!((cpu[0] / cpu[1] - 0.3).abs() < 0.001, "{cpu:?}");
}

fn number(text: &Value) -> f64 {
    text.as_str().expect("text").parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

#[track_caller]
fn from_outside(seen: &Value) {
    let host = &seen["HostConfig"];
    assert_eq!(host["NetworkMode"], "none");
    assert_eq!(host["CapDrop"], json!(["ALL"]));
    assert!(matches!(host["CapAdd"].as_array().map(Vec::len), None | Some(0)), "{host}");
    assert_ne!(host["Privileged"], true);
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["Memory"], MEMORY);
    assert_eq!(host["MemorySwap"], MEMORY, "no swap on top");
    assert_eq!(host["NanoCpus"], 300_000_000);
    assert_eq!(host["PidsLimit"], 100);
    let options = host["SecurityOpt"].as_array().expect("options");
    let options: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
    assert!(options.iter().any(|o| o.starts_with("no-new-privileges")), "{options:?}");
    assert!(options.iter().any(|o| o.starts_with("seccomp={")), "a profile of our own");
    assert_eq!(seen["Config"]["User"], "65532:65532");
    for mount in seen["Mounts"].as_array().expect("mounts") {
        assert_eq!(mount["Type"], "volume", "nothing of the host is mounted: {mount}");
    }
    assert!(matches!(host["Binds"].as_array().map(Vec::len), None | Some(0)), "{host}");
    assert!(matches!(host["Devices"].as_array().map(Vec::len), None | Some(0)), "{host}");
}
