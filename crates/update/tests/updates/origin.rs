//! Who looks after an installation.

use hivemind_update::{MARKER, Origin, Swap, SystemDisk};
use std::fs;
use std::path::{Path, PathBuf};

/// A tree with the program in it, and an image beside it.
fn scene() -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("mount");
    fs::create_dir_all(tree.join("usr/lib")).unwrap();
    let program = tree.join("usr/lib/worker");
    let image = folder.path().join("Worker.AppImage");
    fs::write(&program, "x").unwrap();
    fs::write(&image, "x").unwrap();
    (folder, program, image, tree)
}

#[test]
fn the_image_that_the_program_lies_in_is_ours() {
    let (_folder, program, image, tree) = scene();
    let found = Origin::find(&program, Some((image.clone(), tree)));
    assert_eq!(found, Origin::AppImage(image));
    assert!(found.target().is_some_and(|target| target.ends_with("-linux-appimage")));
}

#[test]
fn another_programs_image_is_left_alone() {
    let (folder, program, image, tree) = scene();
    let elsewhere = folder.path().join("other");
    fs::create_dir(&elsewhere).unwrap();
    for (case, image, tree) in [
        ("another tree", image.clone(), elsewhere),
        ("no tree", image.clone(), folder.path().join("none")),
        ("the whole disk as tree", image, PathBuf::from("/")),
        ("no image", folder.path().join("none"), tree.clone()),
        ("a folder as image", folder.path().to_owned(), tree.clone()),
        ("an image without a place", PathBuf::from("Worker.AppImage"), tree),
    ] {
        assert_eq!(Origin::find(&program, Some((image, tree))), Origin::Unknown, "{case}");
    }
    assert_eq!(Origin::find(&program, None), Origin::Unknown);
}

#[test]
fn what_a_package_manager_brought_is_its_own_whatever_the_surroundings_say() {
    let (_folder, program, image, tree) = scene();
    let marker = program.with_file_name(MARKER);
    let find = || Origin::find(&program, Some((image.clone(), tree.clone())));
    for (said, origin) in [
        ("deb\n", Origin::Package("deb".into())),
        ("rpm", Origin::Package("rpm".into())),
        ("msi\r\n", Origin::Msi),
        ("../x\n", Origin::Unknown),
    ] {
        fs::write(&marker, said).unwrap();
        assert_eq!(find(), origin, "{said:?}");
    }
    assert_eq!(Origin::Package("deb".into()).target(), None);
}

#[test]
fn a_version_that_lies_ready_can_be_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let program: &Path = &folder.path().join("worker");
    fs::write(program, "old").unwrap();
    let swap = Swap::new(program.to_owned(), &SystemDisk);
    swap.discard().unwrap();
    assert_eq!(swap.staged(), None);
    let offer = crate::release::offer(crate::release::NEW);
    swap.stage(&offer, &mut &crate::release::NEW[..]).unwrap();
    assert_eq!(swap.staged(), Some((offer.version.clone(), offer.artefact.sha256.clone())));
    swap.discard().unwrap();
    assert_eq!((swap.staged(), swap.seen()), (None, offer.seen), "what was seen stays known");
    assert!(!folder.path().join("worker.next").exists());
    assert!(swap.begin().is_err());
}

#[test]
fn a_worker_that_leaves_takes_its_note_along() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("worker");
    fs::write(&program, "old").unwrap();
    let swap = Swap::new(program, &SystemDisk);
    assert!(!swap.forget().unwrap(), "there is nothing yet");
    let offer = crate::release::offer(crate::release::NEW);
    swap.stage(&offer, &mut &crate::release::NEW[..]).unwrap();
    swap.begin().unwrap();
    assert!(swap.forget().is_err(), "not in the middle of a trial");
    swap.take_back().unwrap();
    swap.stage(&offer, &mut &crate::release::NEW[..]).unwrap();
    assert!(swap.forget().unwrap());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["worker"]);
}
