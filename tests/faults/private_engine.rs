//! A Docker engine of one's own that may be killed: in a network namespace of its own, with its own data.

use crate::engine::Engine;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub struct PrivateEngine {
    run: TempDir,
    data: PathBuf,
    namespace: String,
    live_restore: bool,
    process: Option<Child>,
}

fn shell(script: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl PrivateEngine {
    /// An engine with the base image of `from`; or why there can be none.
    pub async fn start(from: &str) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root may start an engine".into());
        }
        if !shell("command -v dockerd nsenter ip") {
            return Err("dockerd, nsenter or ip is missing".into());
        }
        // Short, because a Unix socket's path may have 107 bytes only.
        let run = tempfile::Builder::new().prefix("hmf-").tempdir_in("/run").map_err(|e| e.to_string())?;
        let name = run.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let data = PathBuf::from(format!("/var/lib/{name}"));
        let mut engine = Self { run, data, namespace: name, live_restore: true, process: None };
        let namespace = &engine.namespace;
        if !shell(&format!("ip netns add {namespace} && ip -n {namespace} link set lo up")) {
            return Err("a network namespace cannot be made".into());
        }
        engine.spawn().await?;
        let copy = format!(
            "DOCKER_HOST={from} docker save busybox:test | DOCKER_HOST={} docker load",
            engine.address()
        );
        if !shell(&copy) {
            return Err("busybox:test cannot be copied".into());
        }
        Ok(engine)
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub fn socket(&self) -> PathBuf {
        self.run.path().join("s")
    }

    pub fn client(&self) -> Engine {
        Engine::at(&self.address())
    }

    /// Starts it and waits until it answers; one that ends on its way is started again, as a service manager does.
    async fn spawn(&mut self) -> Result<(), String> {
        self.launch()?;
        for _ in 0..1200 {
            if tokio::net::UnixStream::connect(self.socket()).await.is_ok()
                && shell(&format!("DOCKER_HOST={} timeout 5 docker version", self.address()))
            {
                return Ok(());
            }
            if let Some(process) = &mut self.process
                && process.try_wait().map_err(|e| e.to_string())?.is_some()
            {
                self.launch()?;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!(
            "it does not answer: {}",
            std::fs::read_to_string(self.run.path().join("log")).unwrap_or_default()
        ))
    }

    fn launch(&mut self) -> Result<(), String> {
        let run = self.run.path().display();
        // A pid file that outlived its process makes the next start hang.
        let _ = std::fs::remove_file(self.run.path().join("pid"));
        let place = self.run.path().join("exec/containerd/containerd.pid");
        let pid = std::fs::read_to_string(&place).unwrap_or_default();
        let name = std::fs::read_to_string(format!("/proc/{}/comm", pid.trim())).unwrap_or_default();
        if name.trim() != "containerd" {
            let _ = std::fs::remove_file(place);
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.run.path().join("log"));
        let log = log.map_err(|e| e.to_string())?;
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.namespace))
            .args(["dockerd", "--log-level", "warn", "--data-root"])
            .arg(&self.data)
            .args(["--exec-root", &format!("{run}/exec"), "--pidfile", &format!("{run}/pid")])
            .args(["-H", &self.address()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if self.live_restore {
            command.arg("--live-restore");
        }
        self.process = Some(command.spawn().map_err(|e| e.to_string())?);
        Ok(())
    }

    fn signal(&self, name: &str) {
        if let Some(process) = &self.process {
            shell(&format!("kill -{name} {}", process.id()));
        }
    }

    fn reap(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }

    /// SIGKILL, a pause, and up again.
    pub async fn kill_for(&mut self, pause: Duration) {
        self.signal("KILL");
        self.reap();
        tokio::time::sleep(pause).await;
        self.spawn().await.expect("the engine comes back");
    }

    /// Ends in order, as an update does, and comes up again; with or without containers that outlive it.
    pub async fn restart(&mut self, live_restore: bool) {
        self.signal("TERM");
        self.reap();
        self.live_restore = live_restore;
        self.spawn().await.expect("the engine comes back");
    }

    /// Answers nothing for a while.
    pub async fn hang_for(&self, pause: Duration) {
        self.signal("STOP");
        tokio::time::sleep(pause).await;
        self.signal("CONT");
    }

    pub fn outlived(&self) -> bool {
        self.live_restore
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        self.signal("CONT");
        let docker = format!("DOCKER_HOST={} timeout 20 docker", self.address());
        shell(&format!("{docker} ps -aq | xargs -r {} rm -fv", docker.replace("timeout 20 ", "")));
        self.signal("TERM");
        self.reap();
        let (run, data, namespace) = (self.run.path().display(), self.data.display(), &self.namespace);
        shell(&format!(
            "kill $(cat {run}/exec/containerd/containerd.pid) 2>/dev/null; sleep 0.5; \
             grep -o ' {run}[^ ]*\\| {data}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l; \
             ip netns delete {namespace}; rm -rf {data}"
        ));
    }
}
