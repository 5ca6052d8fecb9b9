//! The user interface's own tools: npm scripts of `ui/`.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::console;
use crate::counts::Counts;
use crate::dist::bill;
use crate::folders::Folders;
use crate::program::{capture, program, run, watch};
use crate::unchanged::Before;

/// The oldest Node that the build tools run on.
const NODE: (u32, u32) = (20, 19);
/// The Node that is fetched from the package registry where the system's is older.
const NODE_PACKAGE: &str = "node@22";

/// The UI's folder with a Node that can build it.
pub struct Web {
    folders: Folders,
    folder: PathBuf,
    npm_cache: PathBuf,
    path: OsString,
    scripts: Vec<String>,
}

impl Web {
    /// Finds the UI and a Node.
    ///
    /// # Errors
    /// When there is no UI, or no Node can be had.
    pub fn find(folders: &Folders) -> Result<Self> {
        let folder = folders.root.join("ui");
        let manifest =
            fs::read_to_string(folder.join("package.json")).context("ui/package.json cannot be read")?;
        let manifest: serde_json::Value = serde_json::from_str(&manifest).context("ui/package.json")?;
        let scripts =
            manifest["scripts"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
        let npm_cache = folders.cache.join("npm");
        let path = node_path(folders, &npm_cache)?;
        Ok(Self { folders: folders.clone(), folder, npm_cache, path, scripts })
    }

    /// Whether `package.json` has this script.
    pub fn has(&self, script: &str) -> bool {
        self.scripts.iter().any(|name| name == script)
    }

    /// Installs exactly what the lock file names, unless that is what is installed.
    ///
    /// # Errors
    /// When npm fails.
    pub fn install(&self) -> Result<()> {
        let lock =
            fs::read(self.folder.join("package-lock.json")).context("ui/package-lock.json cannot be read")?;
        let stamp = self.folder.join("node_modules/.installed-lock");
        if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
            return Ok(());
        }
        run(self.npm().args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]))?;
        fs::write(stamp, lock)?;
        Ok(())
    }

    /// Installs and builds what the worker and the window embed.
    ///
    /// # Errors
    /// When npm fails.
    pub fn build(&self) -> Result<()> {
        console::step("Building the user interface");
        self.install()?;
        // The screens tell what is inside the programs too; npm knows only its own part.
        fs::write(self.folder.join(CRATES), bill::table(&self.folders)?)?;
        let before = Before::of(&self.folder.join("dist"))?;
        run(self.npm().args(["run", "--silent", "build"]))?;
        Ok(before.restore()?)
    }

    /// Runs one file of browser tests against the page as it was built; whether all passed.
    ///
    /// # Errors
    /// When npm cannot start.
    pub fn plays<'a>(
        &self,
        file: &str,
        environment: impl Iterator<Item = &'a (&'static str, String)>,
    ) -> Result<bool> {
        let mut npm = self.npm();
        npm.args(["exec", "--", "vitest", "run", "--config", "vitest.e2e.config.ts", file]);
        npm.envs(environment.map(|(name, value)| (name, value)));
        Ok(watch(&mut npm)?.0)
    }

    /// Runs a script that ends with counts.
    ///
    /// # Errors
    /// When npm cannot start, or the output has no counts.
    pub fn counted(&self, script: &str, environment: &[(&str, String)]) -> Result<Counts> {
        let mut npm = self.npm();
        npm.args(["run", "--silent", script]).envs(environment.iter().map(|(name, value)| (name, value)));
        let (passed, output) = watch(&mut npm)?;
        let Some(mut counts) = Counts::read(&output) else {
            bail!("`npm run {script}` printed no counts");
        };
        if !passed && counts.failed == 0 {
            counts.failed = 1;
        }
        Ok(counts)
    }

    /// Takes a picture of every screen into `out`, played by the scripted worker.
    ///
    /// # Errors
    /// When npm or the browser fails.
    pub fn screens(&self, out: &std::path::Path) -> Result<()> {
        self.install()?;
        run(self.npm().args(["run", "--silent", "screens", "--", "--out"]).arg(out))
    }

    /// Runs a script whose exit code is the verdict.
    ///
    /// # Errors
    /// When it fails.
    pub fn check(&self, script: &str) -> Result<()> {
        run(self.npm().args(["run", "--silent", script]))
    }

    fn npm(&self) -> Command {
        let mut command = program(NPM);
        command.current_dir(&self.folder).env("npm_config_cache", &self.npm_cache).env("PATH", &self.path);
        // Cargo's own variables are no business of the UI's tools.
        command.env("NO_UPDATE_NOTIFIER", "1");
        // A Node from the registry knows only its own authorities, not those that this machine trusts.
        if std::env::var_os(AUTHORITIES).is_none() && std::path::Path::new(SYSTEM_AUTHORITIES).is_file() {
            command.env(AUTHORITIES, SYSTEM_AUTHORITIES);
        }
        command
    }
}

/// Names Node a file of further certificate authorities.
const AUTHORITIES: &str = "NODE_EXTRA_CA_CERTS";
/// Where Debian keeps those of the machine.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What `ui/licences.ts` puts among the licences that the screens list.
const CRATES: &str = "rust-licences.json";

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// `PATH` with a Node that is new enough in front.
fn node_path(folders: &Folders, npm_cache: &std::path::Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if capture(program("node").arg("--version")).is_ok_and(|version| new_enough(&version)) {
        return Ok(path);
    }
    let tools = folders.cache.join("tools");
    let bin = tools.join("node_modules/node/bin");
    if !bin.is_dir() {
        console::step("Fetching a newer Node for the UI's build");
        fs::create_dir_all(&tools)?;
        run(program(NPM)
            .args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"])
            .arg(&tools)
            .arg(NODE_PACKAGE)
            .env("npm_config_cache", npm_cache))
        .with_context(|| format!("Node {}.{} or newer is needed to build the UI", NODE.0, NODE.1))?;
    }
    let folders = std::iter::once(bin).chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(folders)?)
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.trim().trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= NODE,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        for (version, want) in [
            ("v20.19.0\n", true),
            ("v20.9.0", false),
            ("v18.19.0", false),
            ("v22.1.0", true),
            ("nonsense", false),
        ] {
            assert_eq!(new_enough(version), want, "{version}");
        }
    }
}
