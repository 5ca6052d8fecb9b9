use super::*;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// A tar as the engine would send it.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    add(&mut tar, "output/", tar::EntryType::Directory, b"", None);
    for (path, content) in files {
        add(&mut tar, &format!("output/{path}"), tar::EntryType::Regular, content, None);
    }
    tar.into_inner().expect("tar")
}

/// Writes the name into the header as it is: the library would refuse hostile ones.
fn add(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    kind: tar::EntryType,
    content: &[u8],
    link: Option<&str>,
) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.as_gnu_mut().expect("gnu").name[..path.len()].copy_from_slice(path.as_bytes());
    if let Some(link) = link {
        header.as_gnu_mut().expect("gnu").linkname[..link.len()].copy_from_slice(link.as_bytes());
    }
    header.set_cksum();
    tar.append(&header, content).expect("appended");
}

fn collect_tar(tar: &[u8], max_bytes: u64) -> Result<(ResultFile, u32, Vec<u8>), EngineError> {
    let folder = tempfile::tempdir().expect("folder");
    let into = folder.path().join("result.zip");
    let answer = write_result(tar, &into, max_bytes);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).expect("folder").map(|e| e.expect("entry").file_name()).collect();
    match answer {
        Ok((result, left_out)) => {
            assert_eq!(names, ["result.zip"], "temporary files stay");
            Ok((result, left_out, std::fs::read(&into).expect("zip")))
        }
        Err(error) => {
            assert!(names.is_empty(), "a refused result leaves {names:?}");
            Err(error)
        }
    }
}

fn names_in(zip: &[u8]) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).expect("readable by others");
    (0..archive.len())
        .map(|i| {
            let mut file = archive.by_index(i).expect("entry");
            let mut content = Vec::new();
            file.read_to_end(&mut content).expect("content and checksum");
            file.name().expect("name").into_owned()
        })
        .collect()
}

#[test]
fn equal_outputs_give_equal_zips_in_whatever_order_they_come() {
    let one = tar_of(&[("b.txt", b"bb"), ("a/z.txt", b""), ("a.txt", b"a"), ("A.md", b"x")]);
    let two = tar_of(&[("A.md", b"x"), ("a.txt", b"a"), ("a/z.txt", b""), ("b.txt", b"bb")]);
    let (first, _, zip) = collect_tar(&one, 1 << 20).expect("taken");
    let (second, _, same) = collect_tar(&two, 1 << 20).expect("taken");
    assert_eq!((&first, &zip), (&second, &same));
    assert_eq!(first.sha256, hex::encode(Sha256::digest(&zip)));
    assert_eq!((first.size_bytes, first.entries), (zip.len() as u64, 4));
    assert_eq!(names_in(&zip), ["A.md", "a.txt", "a/z.txt", "b.txt"]);
    // Fixed once and for all: another value means that nodes of different versions disagree.
    assert_eq!(first.sha256, "38a9e22d53c60707991b50909ad08609dcf3ff7cbaaf4210ce12ad254f95d066");
}

#[test]
fn no_outputs_are_an_empty_zip() {
    for tar in [tar_of(&[]), Vec::new()] {
        let (result, _, zip) = collect_tar(&tar, 22).expect("taken");
        assert_eq!((result.entries, result.size_bytes, names_in(&zip).len()), (0, 22, 0));
    }
}

#[test]
fn links_and_devices_are_left_out_and_hard_links_copied() {
    let mut tar = tar::Builder::new(Vec::new());
    add(&mut tar, "output/a", tar::EntryType::Regular, b"data", None);
    add(&mut tar, "output/same", tar::EntryType::Link, b"", Some("output/a"));
    add(&mut tar, "output/hosts", tar::EntryType::Symlink, b"", Some("/etc/hosts"));
    add(&mut tar, "output/outside", tar::EntryType::Link, b"", Some("/etc/shadow"));
    add(&mut tar, "output/up", tar::EntryType::Link, b"", Some("output/../../etc/shadow"));
    add(&mut tar, "output/pipe", tar::EntryType::Fifo, b"", None);
    add(&mut tar, "output/null", tar::EntryType::Char, b"", None);
    add(&mut tar, "output/disk", tar::EntryType::Block, b"", None);
    let (_, left_out, zip) = collect_tar(&tar.into_inner().expect("tar"), 1 << 20).expect("taken");
    assert_eq!((left_out, names_in(&zip)), (6, vec!["a".to_owned(), "same".to_owned()]));
}

#[test]
fn an_output_folder_that_became_a_link_has_no_outputs() {
    let mut tar = tar::Builder::new(Vec::new());
    add(&mut tar, "output", tar::EntryType::Symlink, b"", Some("/etc"));
    let (result, left_out, _) = collect_tar(&tar.into_inner().expect("tar"), 1 << 20).expect("taken");
    assert_eq!((result.entries, left_out), (0, 1));
}

#[test]
fn hostile_names_refuse_the_result_and_are_named() {
    for name in [
        "output/../x",
        "other/x",
        "output/a\\b",
        "output/nul",
        "output/a\u{1b}b",
        "output/C:x",
        "/output/x",
        "output",
    ] {
        let mut tar = tar::Builder::new(Vec::new());
        add(&mut tar, name, tar::EntryType::Regular, b"data", None);
        let error = collect_tar(&tar.into_inner().expect("tar"), 1 << 20).expect_err(name);
        assert_eq!(error.kind, EngineErrorKind::Output, "{name}: {error}");
        assert!(error.message.contains("result refused ("), "{error}");
    }
    let twice = collect_tar(&tar_of(&[("a", b""), ("A", b"")]), 1 << 20).expect_err("collision");
    assert_eq!(twice.kind, EngineErrorKind::Output);
}

#[test]
fn the_size_is_counted_before_it_is_written() {
    let tar = tar_of(&[("a", &[0; 1000])]);
    let whole = collect_tar(&tar, 1 << 20).expect("taken").0.size_bytes;
    assert!(collect_tar(&tar, whole).is_ok());
    assert_eq!(collect_tar(&tar, whole - 1).expect_err("too large").kind, EngineErrorKind::Output);
    let claims = {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().expect("gnu").name[..8].copy_from_slice(b"output/a");
        header.set_size(1 << 40);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    assert_eq!(collect_tar(&claims, 1 << 20).expect_err("a terabyte").kind, EngineErrorKind::Output);
}

#[test]
fn a_stream_that_ends_inside_a_file_is_no_result() {
    let tar = tar_of(&[("a", &[1; 4000])]);
    assert_eq!(collect_tar(&tar[..2048], 1 << 20).expect_err("cut off").kind, EngineErrorKind::Failed);
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = collect_tar(&bytes, 1 << 16);
    }
}
