//! Packages as honest tools make them, and what becomes of a package that passed. Hostile ones are tested in
//! `hivemind_hostile::archives`.

use hivemind_engine::{Package, PackageError};
use hivemind_hostile::zip::{End, Entry, deflated, descriptor, extra, folder, main_py, stored, zip};
use proptest::prelude::*;
use std::io::{self, Write as _};
use tempfile::NamedTempFile;

const DISK: u64 = 16 << 20;
const TASK_UID: u64 = hivemind_engine::policy::TASK_UID;

fn open(zip: &[u8]) -> Result<Package, PackageError> {
    let mut file = NamedTempFile::new().expect("file");
    file.write_all(zip).expect("written");
    Package::open(file.path(), DISK)
}

fn one(entry: Entry) -> Vec<u8> {
    zip(&[entry], &End::default())
}

fn with(entry: Entry) -> Vec<u8> {
    zip(&[main_py(), entry], &End::default())
}

fn ended(end: End) -> Vec<u8> {
    zip(&[main_py()], &end)
}

#[test]
fn refusals_name_the_entry_in_plain_text() {
    let refused = open(&with(stored(b"bad\x1b[31m/../x", b""))).expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "package refused (name-control) at \"bad[31m/../x\": names may not hold control or direction characters"
    );
}

/// What common tools write must pass, or the strictness is worth nothing.
#[test]
fn what_common_tools_write_passes() {
    let streamed = {
        let e = deflated("main.py", b"print(1)\n");
        Entry { flags: 0x0808, local_crc: Some(0), local_size: Some(0), after: descriptor(&e), ..e }
    };
    let unmarked = Entry { after: descriptor(&streamed)[4..].to_vec(), ..streamed.clone() };
    for (what, zip) in [
        ("plain", one(main_py())),
        ("with folders", zip(&[folder("a/"), stored("a/main.py", b"x"), folder("a/b/")], &End::default())),
        ("with a comment", ended(End { comment: b"0123456789abcdef".to_vec(), ..End::default() })),
        ("streamed", one(streamed)),
        ("streamed, no mark", one(unmarked)),
        ("made on Windows", one(Entry { made_by: 20, attributes: 0x20, flags: 0, ..main_py() })),
        ("empty", zip(&[], &End::default())),
        ("extra field", one(Entry { extra: extra(0x5455, &[3, 0, 0, 0, 0]), ..main_py() })),
    ] {
        assert!(open(&zip).is_ok(), "{what}: {:?}", open(&zip).err());
    }
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    writer.start_file("run.sh", options).expect("entry");
    writer.write_all(&[b'x'; 100_000]).expect("data");
    writer.add_directory("sub", options).expect("folder");
    let zip = writer.finish().expect("zip").into_inner();
    assert_eq!(open(&zip).expect("fine").command().map(<[String]>::len), Some(2));
}

#[test]
fn the_tar_holds_the_files_owned_by_the_task() {
    let entries = [
        Entry { attributes: 0o100_755 << 16, ..stored("job/run.sh", b"echo hi\n") },
        stored("job/deep/er/data.bin", &[9; 70_000]),
        stored(format!("job/{}", "long".repeat(40)), b"x"),
    ];
    let package = open(&zip(&entries, &End::default())).expect("fine");
    assert_eq!((package.folder(), package.unpacked_bytes()), ("job", 70_009));
    let tar = package.write_tar(Vec::new()).expect("tar");
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut seen = Vec::new();
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("entry");
        let header = entry.header().clone();
        assert_eq!((header.uid().expect("uid"), header.gid().expect("gid")), (TASK_UID, TASK_UID));
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("text");
        let bytes = io::copy(&mut entry, &mut io::sink()).expect("content");
        seen.push((path, header.mode().expect("mode"), bytes));
    }
    let long = format!("job/{}", "long".repeat(40));
    let expected = [
        ("/", 0o755, 0),
        ("output/", 0o755, 0),
        ("job/", 0o755, 0),
        ("job/deep/", 0o755, 0),
        ("job/deep/er/", 0o755, 0),
        ("job/run.sh", 0o755, 8),
        ("job/deep/er/data.bin", 0o644, 70_000),
        (long.as_str(), 0o644, 1),
    ];
    assert_eq!(seen, expected.map(|(path, mode, bytes)| (path.to_owned(), mode, bytes)));
}

#[test]
fn a_package_that_changes_after_the_check_is_noticed() {
    let mut file = NamedTempFile::new().expect("file");
    file.write_all(&one(stored("main.py", &[b'a'; 500]))).expect("written");
    let package = Package::open(file.path(), DISK).expect("fine");
    std::io::Seek::seek(file.as_file_mut(), std::io::SeekFrom::Start(100)).expect("seek");
    file.write_all(b"evil").expect("changed");
    assert!(package.write_tar(io::sink()).is_err());
}

proptest! {
    #[test]
    fn a_flipped_byte_never_panics_and_never_grows(at in 0_usize..500, to in any::<u8>()) {
        let mut zip = zip(&[main_py(), deflated("data/x.csv", &[b'1'; 900]), folder("d/")], &End::default());
        let place = at % zip.len();
        zip[place] = to;
        if let Ok(package) = open(&zip) {
            prop_assert!(package.unpacked_bytes() <= DISK);
            prop_assert!(package.write_tar(io::sink()).is_ok());
        }
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = open(&bytes);
    }
}
