//! Packages in use: installed where nothing of ours was, started as a person starts them, put to work, removed, and
//! everything compared with before.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Package, Workshop, words};
use crate::demand::Group;
use crate::engine::Engine;
use crate::program::{cargo, program, run, watch};
use crate::{console, image, system};

/// Tries the packages for Linux that were made.
///
/// # Errors
/// When one does not work, or leaves something behind.
pub fn packages(workshop: &Workshop<'_>, made: &[(Package, std::path::PathBuf)]) -> Result<()> {
    let folders = workshop.folders;
    if made.iter().all(|(package, _)| package.scope().is_some()) {
        return Ok(());
    }
    if !system::is_root() || !system::ensure(&[Group::Engine, Group::Packages, Group::Trial])? {
        bail!("packages are tried by root, on Debian");
    }
    let engine = Engine::start(folders)?;
    image::load(folders, &engine)?;
    // Roots that were made before serve again.
    let cache = folders.cache.join("dist");
    std::fs::create_dir_all(&cache)?;
    for (package, path) in made {
        let script = match package {
            Package::Deb => "try-deb.sh",
            Package::Appimage => "try-appimage.sh",
            Package::Msi | Package::MsiMachine => continue,
        };
        console::step(&format!("Tried: {}", package.name()));
        run(program("bash")
            .env("DOCKER_HOST", engine.host())
            .arg(folders.root.join("installer/linux").join(script))
            .arg(path)
            .arg(&cache))?;
        private_link(workshop, *package, path, engine.host())?;
    }
    let path_of = |wanted| made.iter().find(|(package, _)| *package == wanted).map(|(_, path)| path);
    let (Some(deb), Some(image)) = (path_of(Package::Deb), path_of(Package::Appimage)) else {
        console::warning("the installation pages were not tried: they need both the .deb and the AppImage");
        return Ok(());
    };
    for page in words::PAGES {
        console::step(&format!("Tried: {page}"));
        let commands = tempfile::NamedTempFile::new_in(&workshop.out)?;
        std::fs::write(commands.path(), words::of_page(&folders.root, page)?)?;
        run(program("bash")
            .env("DOCKER_HOST", engine.host())
            .arg(folders.root.join("installer/linux/try-words.sh"))
            .args([deb, image])
            .args([commands.path(), &cache]))?;
    }
    Ok(())
}

/// The tests of the private link with the programs of the package: as an ordinary user without any right, through the
/// tunnel in the process; with the .deb's network service, through the system's.
fn private_link(workshop: &Workshop<'_>, package: Package, path: &Path, engine: &str) -> Result<()> {
    let scratch = tempfile::tempdir_in(&workshop.out)?;
    let mut test = cargo();
    test.current_dir(&workshop.folders.root)
        .env("DOCKER_HOST", engine)
        .env("HIVEMIND_TEST_DOCKER_HOST", engine);
    test.env("HIVEMIND_REQUIRE_ENGINE", "1").env("CARGO_TERM_COLOR", "never");
    let filter = if package == Package::Deb {
        run(program("dpkg-deb").arg("--extract").arg(path).arg(scratch.path()))?;
        test.env("HIVEMIND_WORKER_BIN", scratch.path().join("usr/lib/hivemind-worker/hivemind-worker"));
        "private_link::"
    } else {
        // Nobody mounts it: whoever may not become another user may not mount either.
        test.env("HIVEMIND_WORKER_BIN", path).env("APPIMAGE_EXTRACT_AND_RUN", "1");
        "private_link::a_worker_without_rights"
    };
    console::note(&format!(
        "the private link, as an ordinary user, with the programs of the {}",
        package.name()
    ));
    let (passed, said) = watch(test.args([
        "test",
        "--package",
        "hivemind-product-tests",
        "--locked",
        "--",
        "--nocapture",
        filter,
    ]))?;
    let ran = said.contains("test result: ok. 1 passed") || said.contains("test result: ok. 2 passed");
    if !passed || !ran || said.contains("SKIPPED") {
        bail!("the private link was not shown with the {}", package.name());
    }
    Ok(())
}
