//! New versions as real processes: one that is well, one that crashes, one that hangs, one that cannot start.

use crate::release::offer;
use hivemind_update::{Outcome, Patience, Swap, SystemDisk, Verdict, Waited, try_out};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const OLD: &[u8] = b"#!/bin/sh\necho old\n";

/// So many waits of ten milliseconds.
struct Waits(u32);

impl Patience for Waits {
    fn wait(&mut self) -> Waited {
        std::thread::sleep(Duration::from_millis(10));
        self.0 = self.0.saturating_sub(1);
        if self.0 > 0 { Waited::On } else { Waited::TooLong }
    }
}

struct Scene {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker");
        std::fs::write(&program, OLD).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, program }
    }

    /// Installs and tries out; says how it ended.
    fn update(&self, new: &[u8], waits: u32) -> Verdict {
        let swap = Swap::new(self.program.clone(), &SystemDisk);
        swap.stage(&offer(new), &mut &*new).unwrap();
        swap.begin().unwrap();
        let well = self.folder.path().join("well");
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder.path());
        try_out(&swap, &mut command, &mut Waits(waits), &mut || well.exists()).unwrap()
    }

    fn says(&self) -> String {
        let output = Command::new(&self.program).arg("version").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn is_old(scene: &Scene) {
    assert_eq!(scene.says(), "old\n");
    let swap = Swap::new(scene.program.clone(), &SystemDisk);
    assert_eq!(swap.started().unwrap(), Outcome::Quiet);
    assert_eq!(swap.seen().failed.len(), 1);
}

#[test]
fn a_version_that_says_it_is_well_stays() {
    let scene = Scene::new();
    let new = b"#!/bin/sh\n[ \"$1\" = version ] && echo new && exit\ntouch well\nexec sleep 60\n";
    let Verdict::Healthy(mut child) = scene.update(new, 3000) else { panic!("taken back") };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(scene.says(), "new\n");
    let left = |name: &str| Path::new(scene.folder.path()).join(name).exists();
    assert!(!left("worker.previous") && !left("worker.next"));
}

#[test]
fn a_version_that_crashes_goes_by_itself() {
    let scene = Scene::new();
    let Verdict::TakenBack(why) = scene.update(b"#!/bin/sh\nexit 3\n", 3000) else { panic!("it stayed") };
    assert!(why.contains('3'), "{why}");
    is_old(&scene);
}

#[test]
fn a_version_that_says_it_is_well_and_dies_goes() {
    let scene = Scene::new();
    // Dead before it is asked: the first wait is long enough for the process to end in, the mark is there all the same.
    std::fs::write(scene.folder.path().join("well"), "").unwrap();
    struct Long;
    impl Patience for Long {
        fn wait(&mut self) -> Waited {
            std::thread::sleep(Duration::from_millis(1500));
            Waited::On
        }
    }
    let swap = Swap::new(scene.program.clone(), &SystemDisk);
    let new = b"#!/bin/sh\nexit 0\n";
    swap.stage(&offer(new), &mut &new[..]).unwrap();
    swap.begin().unwrap();
    let well = scene.folder.path().join("well");
    let verdict =
        try_out(&swap, &mut Command::new(&scene.program), &mut Long, &mut || well.exists()).unwrap();
    if let Verdict::Healthy(mut child) = verdict {
        // A machine so busy that a shell lives for longer than the wait proves nothing either way.
        child.wait().unwrap();
        println!("SKIPPED: this machine is too busy to see a process end");
        return;
    }
    is_old(&scene);
}

#[test]
fn a_version_that_never_says_anything_is_ended_and_goes() {
    let scene = Scene::new();
    let Verdict::TakenBack(why) = scene.update(b"#!/bin/sh\nexec sleep 600\n", 5) else {
        panic!("it stayed")
    };
    assert!(why.contains("120 s"), "{why}");
    is_old(&scene);
}

#[test]
fn a_version_that_is_no_program_goes() {
    let scene = Scene::new();
    let Verdict::TakenBack(why) = scene.update(b"\x7fELF but not really", 3000) else { panic!("it stayed") };
    assert!(why.contains("cannot be started"), "{why}");
    is_old(&scene);
}

#[test]
fn a_session_that_ends_in_the_trial_puts_it_off() {
    struct Ending;
    impl Patience for Ending {
        fn wait(&mut self) -> Waited {
            Waited::Ending
        }
    }
    let scene = Scene::new();
    let new = b"#!/bin/sh\nexec sleep 600\n";
    let swap = Swap::new(scene.program.clone(), &SystemDisk);
    swap.stage(&offer(new), &mut &new[..]).unwrap();
    swap.begin().unwrap();
    let verdict = try_out(&swap, &mut Command::new(&scene.program), &mut Ending, &mut || true).unwrap();
    assert!(matches!(verdict, Verdict::PutOff), "{verdict:?}");
    assert_eq!(scene.says(), "old\n");
    assert!(swap.seen().failed.is_empty(), "it is not to blame");
    // It may be staged and begun again.
    swap.stage(&offer(new), &mut &new[..]).unwrap();
    assert!(swap.begin().is_ok());
}
