//! Container engines that are away, closed or old.

use super::{Ill, Patient, can, copied, succeeds};
use serde_json::json;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::AbortHandle;

/// Somebody without rights.
const NOBODY: u32 = 65534;

/// What somebody who asks an engine learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Sound,
    Old,
    /// With a runtime that has known holes.
    Holed,
    /// Answers that it failed.
    Failing,
}

/// Says what an engine is, as Docker says it, and has nothing else to say.
pub(super) struct Says {
    health: Arc<Mutex<Health>>,
    socket: PathBuf,
    serving: AbortHandle,
}

impl Says {
    pub(super) fn at(socket: &Path) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).expect("a socket");
        let health = Arc::new(Mutex::new(Health::Sound));
        let told = Arc::clone(&health);
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let health = *told.lock().expect("no test thread panicked with it");
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let many = stream.read(&mut request).await.unwrap_or(0);
                    let line = String::from_utf8_lossy(&request[..many]).into_owned();
                    let path = line.split_whitespace().nth(1).unwrap_or_default();
                    let (status, body) = answer(path, health);
                    let head = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all((head + &body).as_bytes()).await;
                });
            }
        });
        Self { health, socket: socket.to_owned(), serving: serving.abort_handle() }
    }

    fn is(&self, health: Health) {
        *self.health.lock().expect("no test thread panicked with it") = health;
    }
}

impl Drop for Says {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn answer(path: &str, health: Health) -> (&'static str, String) {
    if health == Health::Failing {
        return ("500 Internal Server Error", json!({ "message": "layer does not exist" }).to_string());
    }
    let (version, api) = if health == Health::Old { ("19.03.15", "1.40") } else { ("29.1.2", "1.52") };
    let runc = if health == Health::Holed { "1.1.11" } else { "1.4.0" };
    let said = if path.ends_with("/version") {
        let components = json!([{ "Name": "runc", "Version": runc }]);
        json!({ "Version": version, "ApiVersion": api, "Os": "linux", "Components": components })
    } else if path.ends_with("/info") {
        json!({ "OSType": "linux", "Architecture": "x86_64", "SecurityOptions": ["name=seccomp,profile=builtin"] })
    } else if path.contains("/containers/json") || path.contains("/images/json") {
        json!([])
    } else if path.contains("/volumes") {
        json!({ "Volumes": [] })
    } else {
        return ("404 Not Found", json!({ "message": "page not found" }).to_string());
    };
    ("200 OK", said.to_string())
}

/// A real engine without a network, which nobody else knows.
struct Real {
    folder: PathBuf,
    socket: PathBuf,
    process: Option<Child>,
}

impl Real {
    fn start(&mut self) {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let log = std::fs::File::create(self.folder.join("dockerd.log")).expect("a file");
        let mut command = Command::new("dockerd");
        command.args(["--data-root", &at("docker"), "--exec-root", &at("exec"), "--pidfile", &at("pid")]);
        command.args([
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--log-level=warn",
        ]);
        command.args(["-H", &format!("unix://{}", self.socket.display())]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.process = Some(process.expect("dockerd starts"));
    }

    /// Without a chance to take its socket away.
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        // Numbers that are somebody else's by now would keep the next one from starting.
        let folder = self.folder.display();
        let script = format!(
            "kill $(cat {folder}/exec/containerd/containerd.pid); rm -f {folder}/pid \
             {folder}/exec/containerd/containerd.pid"
        );
        succeeds("sh", &["-c", &script]);
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.kill();
        let folder = self.folder.display();
        let script =
            format!("sleep 0.5; grep -o ' {folder}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l");
        succeeds("sh", &["-c", &script]);
    }
}

#[tokio::test]
async fn a_stopped_engine_is_told_from_one_that_runs_without_a_restart_of_the_worker() {
    let name = "a_stopped_engine_is_told_from_one_that_runs_without_a_restart_of_the_worker";
    if !can(name, &["dockerd", "containerd"]) {
        return;
    }
    let mut patient = Patient::new(|_| ()).await;
    let socket = patient.path("socket");
    let mut engine = Real { folder: patient.path("engine"), socket: socket.clone(), process: None };
    std::fs::create_dir(&engine.folder).expect("a folder");
    engine.start();
    patient.start().await;
    let proof = patient.is_well(1).await;
    assert!(proof.starts_with("docker ") && proof.contains(" answers; isolation: "), "{proof}");
    engine.kill();
    let place = socket.display().to_string();
    let stopped = Ill {
        fault: "engine-stopped",
        number: 1,
        level: "error",
        code: Some("ENGINE_STOPPED"),
        proof: &["nothing answers at", &place],
        fix: "Start the Docker service",
    };
    patient.is_ill(&stopped).await;
    engine.start();
    patient.is_well(1).await;
    patient.end().await;
}

/// Takes away whatever looks like an engine's program, for what is started here alone.
const UNINSTALLED: &str = "mkdir -p \"$0\" && mount -t tmpfs tmpfs \"$0\" || exit 9
n=0
for f in /usr/bin/dockerd /usr/sbin/dockerd /usr/local/bin/dockerd /snap/bin/dockerd /usr/bin/podman \
    /opt/docker-desktop/bin/docker-desktop; do
  [ -e \"$f\" ] || continue
  # Where the name itself lies, whatever it leads to: what is taken away is the name, in the cover alone.
  n=$((n+1)); d=$(readlink -f \"$(dirname \"$f\")\"); mkdir -p \"$0/u$n\" \"$0/w$n\"
  mount -t overlay overlay -o \"lowerdir=$d,upperdir=$0/u$n,workdir=$0/w$n\" \"$d\" || exit 9
  [ \"$(stat -f -c %T \"$d\")\" = overlayfs ] && rm -f \"$f\" || exit 9
done
exec \"$@\"";

#[tokio::test]
async fn an_engine_that_was_never_installed_is_told_until_there_is_one() {
    let name = "an_engine_that_was_never_installed_is_told_until_there_is_one";
    if !can(name, &["unshare", "mount"]) {
        return;
    }
    let mut patient = Patient::new(|_| ()).await;
    let cover = patient.path("cover").display().to_string();
    let hidden = ["unshare", "--mount", "sh", "-c", UNINSTALLED, &cover];
    if !succeeds(hidden[0], &[&hidden[1..], &["true"]].concat()) {
        println!("SKIPPED {name}: an installed engine cannot be hidden here");
        return;
    }
    patient.surroundings = patient.surroundings.clone().through(&hidden);
    patient.start().await;
    let place = patient.path("socket").display().to_string();
    let missing = Ill {
        fault: "engine-missing",
        number: 1,
        level: "error",
        code: Some("ENGINE_MISSING"),
        proof: &["no container engine is installed", &place],
        fix: "Install Docker Engine 20.10 or newer",
    };
    patient.is_ill(&missing).await;
    let _engine = Says::at(&patient.path("socket"));
    assert_eq!(patient.is_well(1).await, "docker 29.1.2 answers; isolation: plain");
    patient.end().await;
}

#[tokio::test]
async fn a_socket_that_this_user_may_not_open_is_told_until_they_may() {
    let name = "a_socket_that_this_user_may_not_open_is_told_until_they_may";
    if !can(name, &["setpriv"]) {
        return;
    }
    let mut patient = Patient::new(|_| ()).await;
    let socket = patient.path("socket");
    let _engine = Says::at(&socket);
    let mode = |bits| std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(bits)).expect("set");
    mode(0o660);
    for folder in [patient.folder.path().to_owned(), patient.path("home"), patient.path("home/tmp")] {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("set");
        chown(&folder, Some(NOBODY), Some(NOBODY)).expect("given");
    }
    let copy = copied(patient.folder.path());
    let who = NOBODY.to_string();
    let nobody = ["setpriv", "--reuid", &who, "--regid", &who, "--clear-groups", "--no-new-privs"];
    patient.surroundings = patient.surroundings.clone().of_copy(&copy).through(&nobody);
    patient.start().await;
    let place = socket.display().to_string();
    let forbidden = Ill {
        fault: "engine-forbidden",
        number: 1,
        level: "error",
        code: Some("ENGINE_FORBIDDEN"),
        proof: &[&place, "permission denied"],
        fix: "Allow this user to use Docker",
    };
    patient.is_ill(&forbidden).await;
    mode(0o666);
    patient.is_well(1).await;
    patient.end().await;
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_told_until_it_is_updated() {
    let mut patient = Patient::new(|_| ()).await;
    let engine = Says::at(&patient.path("socket"));
    engine.is(Health::Old);
    patient.start().await;
    let old = Ill {
        fault: "engine-old",
        number: 1,
        level: "error",
        code: Some("ENGINE_TOO_OLD"),
        proof: &["19.03.15", "20.10"],
        fix: "Update Docker to 20.10",
    };
    patient.is_ill(&old).await;
    engine.is(Health::Sound);
    patient.is_well(1).await;
    patient.end().await;
}

#[tokio::test]
async fn an_engine_that_fails_and_one_with_holes_are_told_until_they_are_mended() {
    let mut patient = Patient::new(|_| ()).await;
    let engine = Says::at(&patient.path("socket"));
    engine.is(Health::Failing);
    patient.start().await;
    let failing = Ill {
        fault: "engine-failing",
        number: 1,
        level: "error",
        code: Some("ENGINE_FAILED"),
        proof: &["the engine answered 500: layer does not exist"],
        fix: "Look at the Docker service's own log",
    };
    patient.is_ill(&failing).await;
    engine.is(Health::Holed);
    patient.is_well(1).await;
    let holed = Ill {
        fault: "known-hole",
        number: 21,
        level: "warning",
        code: Some("ENGINE_VULNERABLE"),
        proof: &["CVE-2024-21626 in runc 1.1.11", "fixed in 1.1.12"],
        fix: "Update Docker Engine",
    };
    patient.is_ill(&holed).await;
    patient.end().await;
}

#[tokio::test]
async fn an_isolation_that_is_too_low_is_told_until_the_owner_asks_for_less() {
    let mut patient = Patient::new(|_| ()).await;
    let _engine = Says::at(&patient.path("socket"));
    patient.set("minimum_isolation", "rootless");
    patient.start().await;
    patient.sign_in().await;
    let low = Ill {
        fault: "isolation-low",
        number: 20,
        level: "error",
        code: Some("ISOLATION_TOO_LOW"),
        proof: &["plain", "at least rootless is required"],
        fix: "minimum_isolation",
    };
    patient.is_ill(&low).await;
    patient.call(&["settings", "set", "minimum_isolation", "plain"]).await.ok();
    patient.is_well(20).await;
    patient.end().await;
}

#[tokio::test]
async fn a_worker_without_its_companion_says_that_disk_use_is_not_limited() {
    let mut patient = Patient::new(|_| ()).await;
    let _engine = Says::at(&patient.path("socket"));
    let copy = copied(patient.folder.path());
    patient.surroundings = patient.surroundings.clone().of_copy(&copy);
    patient.start().await;
    let alone = Ill {
        fault: "companion-missing",
        number: 30,
        level: "warning",
        code: Some("DISK_UNBOUNDED"),
        proof: &["hivemind-companion is missing"],
        fix: "Install HiveMind Worker again",
    };
    patient.is_ill(&alone).await;
    patient.end().await;
}
