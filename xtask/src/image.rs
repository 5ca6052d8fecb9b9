//! The standard task image, made on this machine from Debian packages, without a registry or a build service.
//!
//! It holds the same things as `images/worker/Dockerfile` (Python with its standard library and pip, a shell, an
//! unprivileged user) and carries the same name, so that tasks find it where no registry is in reach.

pub mod archive;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use self::archive::Archive;
use crate::console;
use crate::engine::Engine;
use crate::folders::Folders;
use crate::program::{capture, feed, program, run, succeeds};
use crate::system;

/// The image a worker uses unless told otherwise.
pub const NAME: &str = "justin308/hivemind-worker:latest";
/// Says which recipe and packages an image was made from.
const LABEL: &str = "org.hivemind.recipe";
/// Changes when this file makes something else from the same packages.
const RECIPE: &str = "2";
/// User and group of tasks in this image: unprivileged, and no user of a usual host.
const USER: u64 = 10_001;

/// Python in parts (`python3-minimal` alone lacks even `json`), what its modules link, and a shell people expect.
const PACKAGES: [&str; 25] = [
    "bash",
    "ca-certificates",
    "libbz2-1.0",
    "libc6",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libsqlite3-0",
    "libssl3",
    "libtinfo6",
    "libuuid1",
    "media-types",
    "python3-distutils",
    "python3-lib2to3",
    "python3-pip",
    "python3-pkg-resources",
    "python3-setuptools",
    "python3-wheel",
    "python3.11-minimal",
    "tzdata",
    "zlib1g",
];

/// What no task needs.
const LEFT_OUT: [&str; 7] = [
    "usr/lib/python3.11/EXTERNALLY-MANAGED",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/doc",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
];

/// Makes the image, unless the engine has it from the same packages, and loads it.
///
/// # Errors
/// When the packages cannot be had or the engine refuses.
pub fn load(folders: &Folders, engine: &Engine) -> Result<()> {
    if !system::on_path("apt-get") || !system::on_path("dpkg-deb") {
        if engine.image_label(NAME, LABEL).is_some() || present(engine) {
            return Ok(());
        }
        bail!("this is no Debian system; make the image with `docker build -t {NAME} images/worker`");
    }
    // Without package lists (a fresh container) nothing can be resolved; an image that is here serves then.
    let recipe = match recipe() {
        Ok(recipe) => recipe,
        Err(_) if present(engine) => return Ok(()),
        Err(error) => return Err(error),
    };
    if engine.image_label(NAME, LABEL).as_deref() == Some(&recipe) {
        return Ok(());
    }
    let file = folders.cache.join("image").join(format!("worker-{recipe}.tar"));
    if !file.is_file() {
        console::step("Building the standard task image from Debian packages");
        build(&file)?;
    }
    console::step(&format!("Loading {NAME} into the engine"));
    let old = capture(engine.docker().args(["image", "inspect", "--format", "{{.Id}}", NAME])).ok();
    import(engine, &file, &recipe)?;
    if let Some(old) = old {
        // Refused while a container uses it, and that is right.
        succeeds(engine.docker().args(["image", "rm", old.trim()]));
    }
    console::note(&format!("{NAME} is loaded, recipe {recipe}"));
    Ok(())
}

fn present(engine: &Engine) -> bool {
    capture(engine.docker().args(["image", "inspect", NAME])).is_ok()
}

/// Names what the image would be made from: a hash over the exact package files, busybox and this recipe.
fn recipe() -> Result<String> {
    let listed = match resolve() {
        Ok(listed) => listed,
        Err(error) if system::is_root() => {
            console::note(&format!("no usable package lists yet ({error}); fetching them"));
            run(apt().args(["update", "-qq"]))?;
            resolve()?
        }
        Err(error) => return Err(error.context("run `sudo apt-get update` first")),
    };
    let mut hash = Sha256::new();
    hash.update(RECIPE);
    hash.update(fs::read("/bin/busybox").context("install the package busybox-static")?);
    let mut files: Vec<&str> = listed.lines().filter(|line| line.starts_with('\'')).collect();
    files.sort_unstable();
    if files.len() != PACKAGES.len() {
        bail!("{} of {} packages could be resolved", files.len(), PACKAGES.len());
    }
    for line in files {
        // 'address' file size hash: the address is the mirror's business.
        hash.update(line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "));
        hash.update("\n");
    }
    Ok(hex::encode(&hash.finalize()[..8]))
}

fn resolve() -> Result<String> {
    capture(apt().args(["download", "--print-uris"]).args(PACKAGES))
}

fn build(file: &Path) -> Result<()> {
    let folder = file.parent().context("a cache folder")?;
    fs::create_dir_all(folder)?;
    let scratch = tempfile::tempdir_in(folder)?;
    let (debs, root) = (scratch.path().join("deb"), scratch.path().join("root"));
    fs::create_dir(&debs)?;
    fs::create_dir(&root)?;
    run(apt().args(["download", "-qq"]).args(PACKAGES).current_dir(&debs))?;
    for deb in sorted(&debs)? {
        capture(program("dpkg-deb").arg("-x").arg(&deb).arg(&root))?;
    }
    for path in LEFT_OUT {
        let path = root.join(path);
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if path.exists() {
            fs::remove_file(&path)?;
        }
    }
    let mut part = tempfile::NamedTempFile::new_in(folder)?;
    {
        let mut archive = Archive::new(&mut part);
        archive.tree(&root, Path::new(""))?;
        additions(&mut archive, &root)?;
        archive.finish()?;
    }
    // Archives of older packages serve nobody any more.
    for old in sorted(folder)?.iter().filter(|path| path.extension().is_some_and(|ending| ending == "tar")) {
        fs::remove_file(old)?;
    }
    part.persist(file)?;
    Ok(())
}

/// What packages leave to their installation scripts.
fn additions(archive: &mut Archive<'_>, root: &Path) -> Result<()> {
    let busybox = fs::read("/bin/busybox")?;
    archive.file("bin/busybox", 0o755, 0, &busybox)?;
    for applet in crate::engine::applets()? {
        if !root.join("bin").join(&applet).exists() && !root.join("usr/bin").join(&applet).exists() {
            archive.link(&format!("bin/{applet}"), "busybox")?;
        }
    }
    archive.link("usr/bin/python3", "python3.11")?;
    archive.link("usr/bin/python", "python3.11")?;
    archive.file("etc/ssl/certs/ca-certificates.crt", 0o644, 0, &certificates(root)?)?;
    // Where this OpenSSL looks.
    archive.link("usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")?;
    archive.file(
        "etc/passwd",
        0o644,
        0,
        format!(
            "root:x:0:0:root:/root:/bin/sh\nworker:x:{USER}:{USER}:worker:/home/worker:/bin/bash\n\
             nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
        )
        .as_bytes(),
    )?;
    archive.file(
        "etc/group",
        0o644,
        0,
        format!("root:x:0:\nworker:x:{USER}:\nnogroup:x:65534:\n").as_bytes(),
    )?;
    archive.folder("tmp", 0o1777, 0)?;
    archive.folder("var/tmp", 0o1777, 0)?;
    archive.folder("home/worker", 0o755, USER)?;
    // A new volume mounted here takes over this owner.
    archive.folder("work", 0o755, USER)
}

/// The bundle that `update-ca-certificates` would make.
fn certificates(root: &Path) -> Result<Vec<u8>> {
    let mut bundle = Vec::new();
    for file in sorted(&root.join("usr/share/ca-certificates/mozilla"))? {
        bundle.extend(fs::read(file)?);
        if bundle.last() != Some(&b'\n') {
            bundle.push(b'\n');
        }
    }
    Ok(bundle)
}

fn import(engine: &Engine, file: &Path, recipe: &str) -> Result<()> {
    let changes = [
        format!("USER {USER}:{USER}"),
        "WORKDIR /work".to_owned(),
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        "ENV LANG=C.UTF-8".to_owned(),
        "ENV HOME=/tmp".to_owned(),
        "ENV PYTHONUNBUFFERED=1".to_owned(),
        "ENV PYTHONDONTWRITEBYTECODE=1".to_owned(),
        "CMD [\"python3\"]".to_owned(),
        format!("LABEL {LABEL}={recipe}"),
    ];
    let mut docker = engine.docker();
    docker.arg("import");
    for change in &changes {
        docker.args(["--change", change]);
    }
    docker.args(["-", NAME]);
    let mut input = fs::File::open(file)?;
    feed(&mut docker, |pipe: &mut dyn Write| {
        std::io::copy(&mut input, pipe)?;
        Ok(())
    })?;
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn apt() -> std::process::Command {
    let mut command = program("apt-get");
    // The sandbox user of apt may not write into the cache, and another apt may be running.
    command.args(["-o", "APT::Sandbox::User=root", "-o", "DPkg::Lock::Timeout=600"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_sorted_and_named_once() {
        assert!(PACKAGES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(LEFT_OUT.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn the_bundle_ends_every_certificate_with_a_line_end() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/share/ca-certificates/mozilla");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("b.crt"), "B").unwrap();
        fs::write(folder.join("a.crt"), "A\n").unwrap();
        assert_eq!(certificates(root.path()).unwrap(), b"A\nB\n");
    }
}
