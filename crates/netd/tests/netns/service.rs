//! The real program, with rights that are counted.

use super::space::{Space, run};
use super::{LONG, NOBODY};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Service {
    pub child: Child,
    pub socket: PathBuf,
}

impl Service {
    /// The program as nobody with these rights (`,+net_admin`). Its own `/dev/net/tun` is open to all, as on other
    /// computers, and of `/proc` it sees what its unit lets it see.
    pub fn start(space: &Space, folder: &Path, rights: &str) -> Self {
        let socket = folder.join(format!("socket{rights}"));
        let script = "mknod \"$1/tun\" c 10 200 2>/dev/null; chmod 666 \"$1/tun\"; \
            mount --bind \"$1/tun\" /dev/net/tun || exit 9; \
            mount -t proc -o hidepid=invisible,subset=pid proc /proc || exit 8; shift; exec \"$@\"";
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", space.0)).args(["unshare", "--mount", "sh", "-c", script]);
        command.arg("sh").arg(folder);
        command.args(["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
        for set in ["inh-caps", "ambient-caps", "bounding-set"] {
            command.arg(format!("--{set}=-all{rights}"));
        }
        command.arg("--no-new-privs");
        command.arg(folder.join("hivemind-netd")).arg("--socket").arg(&socket);
        command.arg("--program").arg(folder.join("client")).args(["--away", "1"]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < LONG, "the service does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, socket }
    }

    /// The five sets of rights of each of its threads, each different list once.
    pub fn rights(&self) -> BTreeSet<String> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads
            .map(|thread| {
                let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
                let sets = status.lines().filter_map(|line| line.strip_prefix("Cap"));
                sets.map(|set| set.replace('\t', "")).collect::<Vec<_>>().join(" ")
            })
            .collect()
    }

    pub fn signal(&mut self, name: &str) {
        run("kill", &[name, &self.child.id().to_string()]).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
