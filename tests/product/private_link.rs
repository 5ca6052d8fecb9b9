//! A worker without any rights, behind a router that hides its address, at a pool that takes calls inside its private
//! link alone: three network namespaces, joined as a home, the internet and a pool's host are.

use crate::engine::Engine;
use crate::package::{primes, text_of};
use crate::patience::{LONG, until};
use crate::program::binary;
use hivemind_local_pool::{LocalPool, PoolConfig, TaskRequest, TlsIdentity, VpnConfig};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PASSWORD: &str = "a long password";
/// Somebody without rights.
const NOBODY: &str = "65534";

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(arguments).output().map_err(|e| format!("{program}: {e}"))?;
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(format!("{program} {}: {said}", arguments.join(" ")))
    }
}

/// Namespaces that go when this goes.
struct Net {
    home: String,
    router: String,
    host: String,
}

impl Net {
    fn lay() -> Result<Self, String> {
        static LAID: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = LAID.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let id = format!("{}-{number}", std::process::id());
        let named = |part: &str| format!("hmpl-{part}-{id}");
        let net = Self { home: named("home"), router: named("router"), host: named("host") };
        for space in [&net.home, &net.router, &net.host] {
            run("ip", &["netns", "add", space])?;
            run("ip", &["-n", space, "link", "set", "lo", "up"])?;
            // Addresses that come by themselves would change while the test looks.
            net.within(space, &["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"])?;
        }
        let cable = |one: &str, end: &str, other: &str, far: &str| {
            run("ip", &["-n", one, "link", "add", end, "type", "veth", "peer", "name", far, "netns", other])
        };
        cable(&net.home, "w0", &net.router, "r0")?;
        cable(&net.router, "r1", &net.host, "p0")?;
        for (space, link, address) in [
            (&net.home, "w0", "192.168.55.2/24"),
            (&net.router, "r0", "192.168.55.1/24"),
            (&net.router, "r1", "203.0.113.1/24"),
            (&net.host, "p0", "203.0.113.2/24"),
        ] {
            run("ip", &["-n", space, "addr", "add", address, "dev", link])?;
            run("ip", &["-n", space, "link", "set", link, "up"])?;
        }
        run("ip", &["-n", &net.home, "route", "add", "default", "via", "192.168.55.1"])?;
        net.within(&net.router, &["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])?;
        // The pool's host knows no way back into the home: only what the router hides behind its own address.
        net.within(
            &net.router,
            &["iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "r1", "-j", "MASQUERADE"],
        )?;
        Ok(net)
    }

    fn within(&self, space: &str, command: &[&str]) -> Result<String, String> {
        let net = format!("--net=/run/netns/{space}");
        run("nsenter", &[&[net.as_str()], command].concat())
    }

    /// Everything about the home's network that a tunnel of the system would change.
    fn home_as_it_is(&self) -> String {
        let ip = |words: &[&str]| self.within(&self.home, &[&["ip"], words].concat()).expect("ip");
        let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let outside =
            run("ip", &["rule"]).expect("ip") + &run("ip", &["route", "show", "table", "all"]).expect("ip");
        let (links, addresses) = (ip(&["-o", "link"]), ip(&["-o", "addr"]));
        let (routes, rules) = (ip(&["route", "show", "table", "all"]), ip(&["rule"]));
        let walls = self.within(&self.home, &["iptables", "-S"]).expect("iptables");
        format!("{links}\n{addresses}\n{routes}\n{rules}\n{walls}\n{resolver}\n{outside}")
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for space in [&self.home, &self.router, &self.host] {
            let _ = run("ip", &["netns", "delete", space]);
        }
    }
}

/// The worker's program as somebody without rights in the home.
struct Home {
    net: String,
    group: String,
    program: PathBuf,
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Home {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.net)).arg("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--groups", &self.group]);
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]);
        command.arg(&self.program).arg("--json").arg("--data").arg(self.folder.join("data")).args(arguments);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", &self.folder).current_dir(&self.folder);
        // Where an AppImage is tried that nothing mounts; among everybody's temporary files it may be somebody else's.
        if let Some(on) = std::env::var_os("APPIMAGE_EXTRACT_AND_RUN") {
            command.env("APPIMAGE_EXTRACT_AND_RUN", on).env("TMPDIR", &self.folder);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    async fn call(&self, arguments: &[&str], input: &str) -> Value {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await.expect("written");
        drop(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().await.expect("an end");
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success() || arguments == ["doctor"], "{arguments:?}: {said}");
        let last = String::from_utf8_lossy(&stdout).lines().last().unwrap_or("null").to_owned();
        serde_json::from_str(&last).expect("JSON")
    }
}

fn group_of(socket: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(socket).map(|meta| meta.gid().to_string()).unwrap_or_else(|_| NOBODY.to_owned())
}

/// Copies the programs to where everybody may start them.
fn programs(to: &Path) -> PathBuf {
    let own = binary();
    let program = to.join("hivemind-worker");
    std::fs::copy(&own, &program).expect("a copy");
    // An AppImage has it inside.
    let companion = own.with_file_name("hivemind-companion");
    if companion.is_file() {
        std::fs::copy(companion, to.join("hivemind-companion")).expect("a copy");
    }
    program
}

/// `hivemind-netd` in the home, as the worker's own user with one right more.
struct Service(std::process::Child);

impl Service {
    /// `None` where the program was not built.
    fn start(net: &Net, folder: &Path, socket: &Path) -> Option<Self> {
        let from = binary().with_file_name("hivemind-netd");
        let program = folder.join("hivemind-netd");
        std::fs::copy(from, &program).ok()?;
        // On other computers everybody may open the device; the right is what counts.
        let script = "mknod \"$1/tun\" c 10 200 && chmod 666 \"$1/tun\" && mount --bind \"$1/tun\" /dev/net/tun \
            && shift && exec \"$@\"";
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", net.home))
            .args(["unshare", "--mount", "sh", "-c", script, "sh"]);
        command.arg(folder).args(["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
        command.args(["--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin"]);
        command.args(["--bounding-set=-all,+net_admin", "--no-new-privs"]).arg(program);
        command.arg("--socket").arg(socket).arg("--program").arg(folder.join("hivemind-worker"));
        Some(Self(command.args(["--away", "1"]).stdin(Stdio::null()).spawn().expect("it starts")))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_worker_without_rights_works_for_a_pool_behind_its_private_link() {
    tried("a_worker_without_rights_works_for_a_pool_behind_its_private_link", false);
}

#[test]
fn a_tunnel_of_the_system_carries_the_work_and_leaves_nothing_behind() {
    tried("a_tunnel_of_the_system_carries_the_work_and_leaves_nothing_behind", true);
}

fn tried(name: &'static str, system: bool) {
    let net = match Net::lay() {
        Ok(net) => net,
        Err(why) => return println!("SKIPPED {name}: {why}"),
    };
    // A thread of its own: it moves into the namespace of the pool's host, and everything below is opened there.
    let done = std::thread::spawn(move || {
        let space = std::fs::File::open(format!("/run/netns/{}", net.host)).expect("the namespace");
        nix::sched::setns(space, nix::sched::CloneFlags::CLONE_NEWNET).expect("this thread may move");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a loop");
        runtime.block_on(works(name, &net, system));
    });
    if let Err(panic) = done.join() {
        std::panic::resume_unwind(panic);
    }
}

async fn works(name: &str, net: &Net, system: bool) {
    use std::os::unix::fs::PermissionsExt;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let engine = match Engine::find().await {
        Ok(engine) => engine,
        Err(why) => return println!("SKIPPED {name}: {why}"),
    };
    let Some(socket) = engine.address.strip_prefix("unix://").map(PathBuf::from) else {
        return println!("SKIPPED {name}: the engine is not at a socket of this computer");
    };
    let folder = tempfile::Builder::new().prefix("hivemind-test-").tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("open to all");
    let mut config = PoolConfig::ephemeral(folder.path().join("pool"));
    let at = |port| SocketAddr::from(([203, 0, 113, 2], port));
    let identity = TlsIdentity::kept_in(&config.data_dir.join("tls"), &["203.0.113.2".into()]).expect("made");
    let pin = identity.fingerprint().expect("a certificate");
    config.https = Some(identity);
    // Calls outside of the tunnel are taken on this host alone.
    (config.http_addr, config.grpc_addr) = (at(0), SocketAddr::from(([127, 0, 0, 1], 0)));
    config.vpn = Some(VpnConfig { required: true, ..VpnConfig::new(at(51820)) });
    let pool = LocalPool::start(config).await.expect("the pool starts");
    let asks = pool.create_user("asks", PASSWORD).await.expect("a user");
    pool.create_user("works", PASSWORD).await.expect("a user");
    let home_folder = folder.path().join("home");
    std::fs::create_dir(&home_folder).expect("a folder");
    run("chown", &[&format!("{NOBODY}:{NOBODY}"), &home_folder.display().to_string()]).expect("given away");
    let home = Home {
        net: net.home.clone(),
        group: group_of(&socket),
        program: programs(folder.path()),
        folder: home_folder,
        variables: vec![
            ("DOCKER_HOST", engine.address.clone()),
            ("MASTER_NODE_URL", format!("https://{}", pool.http_addr())),
            ("LOG_LEVEL", "debug".into()),
        ],
    };
    let before = net.home_as_it_is();
    let netd = home.folder.join("netd");
    let service = if system { Service::start(net, folder.path(), &netd) } else { None };
    if system && (service.is_none() || !Path::new("/dev/net/tun").exists()) {
        return println!("SKIPPED {name}: there is no hivemind-netd beside the worker, or no /dev/net/tun");
    }
    if system {
        home.call(&["settings", "set", "private_link_tunnel", "system"], "").await;
        home.call(&["settings", "set", "netd_socket", &netd.display().to_string()], "").await;
    }
    home.call(&["settings", "set", "pool_certificate_sha256", &pin], "").await;
    home.call(&["settings", "set", "monitor_port", "0"], "").await;
    let log = std::fs::File::create(folder.path().join("worker.log")).expect("a log");
    let mut worker = home.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
    let said = || std::fs::read_to_string(folder.path().join("worker.log")).unwrap_or_default();
    let installed = home.folder.join("data");
    until("the worker answers", LONG, async || installed.join("install-id").exists().then_some(())).await;
    until("its socket is there", LONG, async || {
        let done = home.command(&["status"]).output().ok()?;
        done.status.success().then_some(())
    })
    .await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.id())).expect("it runs");
    for line in ["CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000"] {
        assert!(status.contains(line), "{status}");
    }
    assert!(status.contains(&format!("Uid:\t{NOBODY}\t{NOBODY}")), "{status}");
    home.call(&["login", "works"], &format!("{PASSWORD}\n")).await;
    home.call(&["start"], "").await;
    let ready = until("the worker is online", LONG, async || {
        let snapshot = home.call(&["status"], "").await;
        (snapshot["pool"]["state"] == "online").then_some(snapshot)
    })
    .await;
    assert_eq!(ready["pool"]["link"], "tunnel", "{}", said());
    assert_eq!(ready["private_link"]["state"], "up");
    for (below, primes_below) in [(1000, "168"), (100, "25"), (10, "4")] {
        let package = primes(below);
        let task =
            pool.submit(&asks, TaskRequest::named("primes"), package.as_slice()).await.expect("handed in");
        let ended =
            pool.wait_for_end(&task, LONG * 2).await.expect("asked").unwrap_or_else(|| panic!("{}", said()));
        assert_eq!(ended.exit_code, Some(0), "{ended:?}\n{}", said());
        let result = folder.path().join(format!("{below}.zip"));
        pool.save_result(&task, &result).await.expect("saved");
        let result = std::fs::read(&result).expect("saved");
        assert_eq!(text_of(&result, "primes.txt"), primes_below, "primes below {below}");
    }
    let during = net.home_as_it_is();
    if system {
        let old: Vec<&str> = before.lines().collect();
        let new: Vec<&str> = during.lines().filter(|line| !old.contains(line)).collect();
        assert!(old.iter().all(|line| during.lines().any(|now| now == *line)), "nothing goes: {during}");
        assert!(new.iter().all(|line| line.contains("hivemind0")), "{new:?}");
        let count = |what: &str| new.iter().filter(|line| line.contains(what)).count();
        assert_eq!((count("mtu "), count("inet ")), (1, 1), "one interface with one address: {new:?}");
        let local = |line: &&&str| line.starts_with("local 10.77.0.2 ") && line.contains("table local");
        let routes: Vec<_> = new.iter().filter(|line| !line.contains(": hivemind0")).collect();
        assert_eq!(routes.len() - routes.iter().filter(|line| local(line)).count(), 1, "one route: {new:?}");
        assert!(routes.iter().any(|line| line.starts_with("10.77.0.1 dev hivemind0 ")), "{new:?}");
    } else {
        assert_eq!(during, before, "while the tunnel is up");
    }
    let report = home.call(&["doctor"], "").await;
    let found =
        report["findings"].as_array().expect("findings").iter().find(|f| f["check"] == "tunnel").cloned();
    let proof = found.expect("a finding")["proof"].as_str().expect("words").to_owned();
    assert!(proof.contains("10.77.0.2") && proof.contains("203.0.113.2:51820"), "{proof}");
    home.call(&["quit"], "").await;
    let ended = tokio::task::spawn_blocking(move || worker.wait()).await.expect("waited").expect("an end");
    // The runtime of an unpacked image says that it failed where the last call took the tree away before it.
    let unpacked = std::env::var_os("APPIMAGE_EXTRACT_AND_RUN").is_some();
    assert!(ended.success() || unpacked, "{ended}: {}", said());
    until("the network is as it was", LONG, async || (net.home_as_it_is() == before).then_some(())).await;
    drop(service);
    pool.shutdown().await;
}
