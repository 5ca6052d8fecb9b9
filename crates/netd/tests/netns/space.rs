//! A network namespace with a network, and everything in it that a tunnel could change.

use super::LONG;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

pub fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(arguments).output().map_err(|e| format!("{program}: {e}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&done.stderr).trim()))
}

pub struct Space(pub String);

impl Space {
    pub fn lay(name: &str) -> Result<Self, String> {
        let space = Self(format!("hmnd-{name}-{}", std::process::id()));
        run("ip", &["netns", "add", &space.0])?;
        let ip = |words: &[&str]| run("ip", &[&["-n", &space.0], words].concat());
        ip(&["link", "set", "lo", "up"])?;
        ip(&["link", "add", "lan0", "type", "veth", "peer", "name", "far0"])?;
        ip(&["addr", "add", "192.168.55.2/24", "dev", "lan0"])?;
        for link in ["lan0", "far0"] {
            // Addresses that come by themselves would change while the test looks.
            ip(&["link", "set", link, "addrgenmode", "none"])?;
            ip(&["link", "set", link, "up"])?;
        }
        ip(&["route", "add", "default", "via", "192.168.55.1"])?;
        ip(&["route", "add", "10.99.0.0/16", "via", "192.168.55.9"])?;
        Ok(space)
    }

    /// Everything that a tunnel could change, line by line.
    pub fn as_it_is(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for words in
            ["-o link", "-o addr", "route show table all", "-6 route show table all", "rule", "-6 rule"]
        {
            let arguments: Vec<&str> = ["-n", &self.0].into_iter().chain(words.split(' ')).collect();
            for line in run("ip", &arguments).unwrap_or_default().lines() {
                // Link state of what was there before is told with numbers that count up.
                lines.insert(format!("{words}: {}", line.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
        lines.insert(std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
        lines
    }

    pub fn until(&self, wanted: &BTreeSet<String>, what: &str) {
        let begun = Instant::now();
        loop {
            let now = self.as_it_is();
            if now == *wanted {
                return;
            }
            assert!(begun.elapsed() < LONG, "{what}: {:?}", now.symmetric_difference(wanted));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = run("ip", &["netns", "delete", &self.0]);
    }
}
