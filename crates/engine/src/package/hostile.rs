//! Packages built byte by byte: a plain one, and the same one with a single lie in it.

use super::*;
use proptest::prelude::*;
use std::io::Write as _;
use tempfile::NamedTempFile;

/// One entry, every field of its records open to lies.
#[derive(Clone)]
struct Forged {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    data: Vec<u8>,
    method: u16,
    local_method: Option<u16>,
    flags: u16,
    local_flags: Option<u16>,
    crc: u32,
    local_crc: Option<u32>,
    packed: u32,
    size: u32,
    local_size: Option<u32>,
    made_by: u16,
    attributes: u32,
    disk: u16,
    header_at: Option<u32>,
    local_mark: [u8; 4],
    extra: Vec<u8>,
    after: Vec<u8>,
}

fn stored(name: impl AsRef<[u8]>, data: &[u8]) -> Forged {
    Forged {
        name: name.as_ref().to_vec(),
        local_name: None,
        data: data.to_vec(),
        method: 0,
        local_method: None,
        flags: 0x0800,
        local_flags: None,
        crc: crc32fast::hash(data),
        local_crc: None,
        packed: data.len() as u32,
        size: data.len() as u32,
        local_size: None,
        made_by: 0x0314,
        attributes: 0o100_644 << 16,
        disk: 0,
        header_at: None,
        local_mark: *b"PK\x03\x04",
        extra: Vec::new(),
        after: Vec::new(),
    }
}

fn deflated(name: &str, data: &[u8]) -> Forged {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(data).expect("packed");
    let packed = packer.finish().expect("packed");
    Forged { method: 8, packed: packed.len() as u32, data: packed, ..plain_of(name, data) }
}

fn plain_of(name: &str, data: &[u8]) -> Forged {
    Forged { crc: crc32fast::hash(data), size: data.len() as u32, ..stored(name, b"") }
}

fn folder(name: &str) -> Forged {
    Forged { attributes: 0o040_755 << 16 | 0x10, ..stored(name, b"") }
}

fn main_py() -> Forged {
    stored("main.py", b"print(1)\n")
}

/// The archive's end, open to lies too.
#[derive(Clone, Default)]
struct End {
    prefix: Vec<u8>,
    before_directory: Vec<u8>,
    after_directory: Vec<u8>,
    entries: Option<u16>,
    entries_here: Option<u16>,
    disk: u16,
    directory_bytes: Option<u32>,
    directory_at: Option<u32>,
    comment: Vec<u8>,
    comment_bytes: Option<u16>,
    trailing: Vec<u8>,
}

fn le16(zip: &mut Vec<u8>, value: u16) {
    zip.extend_from_slice(&value.to_le_bytes());
}

fn le32(zip: &mut Vec<u8>, value: u32) {
    zip.extend_from_slice(&value.to_le_bytes());
}

fn forge(entries: &[Forged], end: &End) -> Vec<u8> {
    let mut zip = end.prefix.clone();
    let mut directory = Vec::new();
    for entry in entries {
        let at = zip.len() as u32;
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        zip.extend_from_slice(&entry.local_mark);
        le16(&mut zip, 20);
        le16(&mut zip, entry.local_flags.unwrap_or(entry.flags));
        le16(&mut zip, entry.local_method.unwrap_or(entry.method));
        le32(&mut zip, 0x0021_0000);
        le32(&mut zip, entry.local_crc.unwrap_or(entry.crc));
        le32(&mut zip, entry.packed);
        le32(&mut zip, entry.local_size.unwrap_or(entry.size));
        le16(&mut zip, local_name.len() as u16);
        le16(&mut zip, entry.extra.len() as u16);
        zip.extend_from_slice(local_name);
        zip.extend_from_slice(&entry.extra);
        zip.extend_from_slice(&entry.data);
        zip.extend_from_slice(&entry.after);

        directory.extend_from_slice(b"PK\x01\x02");
        le16(&mut directory, entry.made_by);
        le16(&mut directory, 20);
        le16(&mut directory, entry.flags);
        le16(&mut directory, entry.method);
        le32(&mut directory, 0x0021_0000);
        le32(&mut directory, entry.crc);
        le32(&mut directory, entry.packed);
        le32(&mut directory, entry.size);
        le16(&mut directory, entry.name.len() as u16);
        le32(&mut directory, 0);
        le16(&mut directory, entry.disk);
        le16(&mut directory, 0);
        le32(&mut directory, entry.attributes);
        le32(&mut directory, entry.header_at.unwrap_or(at));
        directory.extend_from_slice(&entry.name);
    }
    zip.extend_from_slice(&end.before_directory);
    let directory_at = zip.len() as u32;
    zip.extend_from_slice(&directory);
    zip.extend_from_slice(&end.after_directory);
    zip.extend_from_slice(b"PK\x05\x06");
    le16(&mut zip, end.disk);
    le16(&mut zip, end.disk);
    let count = end.entries.unwrap_or(entries.len() as u16);
    le16(&mut zip, end.entries_here.unwrap_or(count));
    le16(&mut zip, count);
    le32(&mut zip, end.directory_bytes.unwrap_or(directory.len() as u32));
    le32(&mut zip, end.directory_at.unwrap_or(directory_at));
    le16(&mut zip, end.comment_bytes.unwrap_or(end.comment.len() as u16));
    zip.extend_from_slice(&end.comment);
    zip.extend_from_slice(&end.trailing);
    zip
}

const DISK: u64 = 16 << 20;

fn open(zip: &[u8]) -> Result<Package, PackageError> {
    let mut file = NamedTempFile::new().expect("file");
    file.write_all(zip).expect("written");
    Package::open(file.path(), DISK)
}

fn one(entry: Forged) -> Vec<u8> {
    forge(&[entry], &End::default())
}

fn with(entry: Forged) -> Vec<u8> {
    forge(&[main_py(), entry], &End::default())
}

fn ended(end: End) -> Vec<u8> {
    forge(&[main_py()], &end)
}

fn descriptor(entry: &Forged) -> Vec<u8> {
    let mut after = b"PK\x07\x08".to_vec();
    for field in [entry.crc, entry.packed, entry.size] {
        le32(&mut after, field);
    }
    after
}

/// Every lie, with the rule that must catch it.
fn hostile() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let plain = main_py();
    let bomb = vec![0; 8 << 20];
    let mode = |mode: u32| Forged { attributes: mode << 16, ..plain.clone() };
    let mut zips = vec![
        // The archive as a whole.
        ("empty file", "not-a-zip", Vec::new()),
        ("no zip", "not-a-zip", b"#!/bin/sh\necho hello, this is a script and no archive\n".to_vec()),
        ("cut in the middle", "not-a-zip", one(plain.clone())[..40].to_vec()),
        ("last byte missing", "trailing-data", {
            let mut z = ended(End { comment: b"x".to_vec(), ..End::default() });
            z.pop();
            z
        }),
        ("first byte missing", "directory", one(plain.clone())[1..].to_vec()),
        ("data after the end", "trailing-data", ended(End { trailing: b"more".to_vec(), ..End::default() })),
        (
            "two ends",
            "ambiguous-end",
            ended(End {
                comment: {
                    let mut c = b"PK\x05\x06".to_vec();
                    c.extend([0; 18]);
                    c
                },
                ..End::default()
            }),
        ),
        (
            "self-extracting",
            "directory",
            ended(End { prefix: b"MZ stub".to_vec(), directory_at: Some(46), ..End::default() }),
        ),
        (
            "bytes before the first entry",
            "prefix",
            ended(End { prefix: b"hidden".to_vec(), ..End::default() }),
        ),
        (
            "bytes before the directory",
            "hidden-data",
            ended(End { before_directory: b"hidden".to_vec(), ..End::default() }),
        ),
        (
            "bytes after the directory",
            "directory",
            ended(End { after_directory: b"hidden".to_vec(), ..End::default() }),
        ),
        ("only hidden bytes", "prefix", forge(&[], &End { prefix: b"hidden".to_vec(), ..End::default() })),
        ("more entries than there are", "directory", ended(End { entries: Some(2), ..End::default() })),
        ("fewer entries than there are", "directory", ended(End { entries: Some(0), ..End::default() })),
        ("too many entries", "entries", ended(End { entries: Some(20_001), ..End::default() })),
        ("second disk", "multi-disk", ended(End { disk: 1, ..End::default() })),
        ("counts differ", "multi-disk", ended(End { entries_here: Some(0), ..End::default() })),
        ("zip64 count", "zip64", ended(End { entries: Some(0xffff), ..End::default() })),
        ("zip64 place", "zip64", ended(End { directory_at: Some(u32::MAX), ..End::default() })),
        ("huge directory", "directory-size", ended(End { directory_bytes: Some(5 << 20), ..End::default() })),
        ("directory elsewhere", "directory", ended(End { directory_at: Some(1), ..End::default() })),
        // Kinds of entries.
        (
            "symbolic link",
            "symlink",
            one(Forged { attributes: 0o120_777 << 16, ..stored("link", b"/etc/passwd") }),
        ),
        (
            "link made on a Mac",
            "symlink",
            one(Forged { made_by: 0x1314, attributes: 0o120_755 << 16, ..plain.clone() }),
        ),
        (
            "link that claims DOS",
            "symlink",
            one(Forged { made_by: 0, attributes: 0o120_755 << 16, ..plain.clone() }),
        ),
        ("character device", "special-file", one(mode(0o020_666))),
        ("block device", "special-file", one(mode(0o060_666))),
        ("named pipe", "special-file", one(mode(0o010_666))),
        ("socket", "special-file", one(mode(0o140_666))),
        ("volume label", "special-file", one(Forged { attributes: 0x08, ..plain.clone() })),
        ("set-user-id", "special-mode", one(mode(0o104_755))),
        ("set-group-id", "special-mode", one(mode(0o102_755))),
        ("sticky", "special-mode", one(mode(0o101_755))),
        ("folder by mode, file by name", "kind", one(mode(0o040_755))),
        ("file by mode, folder by name", "kind", one(Forged { attributes: 0o100_644 << 16, ..folder("a/") })),
        ("folder by DOS mark", "kind", one(Forged { attributes: 0x10, ..plain.clone() })),
        ("folder with data", "kind", one(Forged { attributes: 0, ..stored("a/", b"data") })),
        // How it is packed.
        ("encrypted", "encrypted", one(Forged { flags: 0x0801, ..plain.clone() })),
        ("strongly encrypted", "encrypted", one(Forged { flags: 0x0840, ..plain.clone() })),
        ("masked headers", "encrypted", one(Forged { flags: 0x2800, ..plain.clone() })),
        ("patch", "method", one(Forged { flags: 0x0820, ..plain.clone() })),
        ("bzip2", "method", one(Forged { method: 12, ..plain.clone() })),
        ("unknown method", "method", one(Forged { method: 99, ..plain.clone() })),
        ("deflate64", "method", one(Forged { method: 9, ..plain.clone() })),
        ("other disk", "multi-disk", one(Forged { disk: 1, ..plain.clone() })),
        ("zip64 size", "zip64", one(Forged { size: u32::MAX, ..plain.clone() })),
        // Sizes and checksums.
        ("wrong checksum", "checksum", one(Forged { crc: 1, ..plain.clone() })),
        ("stored with two sizes", "size", one(Forged { size: 3, ..plain.clone() })),
        ("unpacks to more", "size", one(Forged { size: 10, ..deflated("a.py", &[b'x'; 5000]) })),
        ("unpacks to less", "size", one(Forged { size: 9999, ..deflated("a.py", &[b'x'; 5000]) })),
        (
            "cut deflate",
            "damaged",
            one({
                let mut e = deflated("a.py", b"some text that is packed");
                e.data.pop();
                e.packed -= 1;
                e
            }),
        ),
        (
            "damaged deflate",
            "damaged",
            one({
                let mut e = deflated("a.py", &[7; 999]);
                e.data[0] = 0xff;
                e
            }),
        ),
        (
            "data behind deflate's end",
            "hidden-data",
            one({
                let mut e = deflated("a.py", b"text");
                e.data.extend(b"hidden");
                e.packed += 6;
                e
            }),
        ),
        ("bomb", "ratio", one(deflated("a.py", &bomb))),
        ("larger than the disk", "unpacked-size", one(Forged { size: 17 << 20, ..deflated("a.py", b"x") })),
        (
            "many that add up",
            "unpacked-size",
            forge(
                &(0..30)
                    .map(|n| Forged { size: 1 << 20, ..deflated(&format!("{n}"), b"x") })
                    .collect::<Vec<_>>(),
                &End::default(),
            ),
        ),
        ("bomb that claims to be small", "size", one(Forged { size: 100, ..deflated("a.py", &bomb) })),
        // Places.
        (
            "header beyond the directory",
            "local-header",
            one(Forged { header_at: Some(1 << 30), ..plain.clone() }),
        ),
        ("no header there", "local-header", one(Forged { header_at: Some(3), ..stored("a.py", &[0; 64]) })),
        ("wrong mark", "local-header", one(Forged { local_mark: *b"XXXX", ..plain.clone() })),
        (
            "data runs into the directory",
            "overlap",
            one(Forged { packed: 4000, size: 4000, ..plain.clone() }),
        ),
        (
            "two names for the same bytes",
            "overlap",
            forge(
                &[plain.clone(), Forged { header_at: Some(0), local_mark: *b"PK\x03\x04", ..plain.clone() }],
                &End::default(),
            ),
        ),
        (
            "same bytes, other name",
            "local-header",
            forge(
                &[plain.clone(), Forged { header_at: Some(0), ..stored("other.y", b"print(1)\n") }],
                &End::default(),
            ),
        ),
        (
            "gap between entries",
            "hidden-data",
            forge(&[Forged { after: b"gap".to_vec(), ..plain.clone() }, stored("b", b"")], &End::default()),
        ),
        (
            "other name in its header",
            "local-header",
            one(Forged { local_name: Some(b"evil.py".to_vec()), ..plain.clone() }),
        ),
        (
            "longer name in its header",
            "local-header",
            one(Forged { local_name: Some(b"main.py.exe".to_vec()), ..plain.clone() }),
        ),
        (
            "other method in its header",
            "local-header",
            one(Forged { local_method: Some(8), ..plain.clone() }),
        ),
        (
            "encrypted in its header",
            "local-header",
            one(Forged { local_flags: Some(0x0801), ..plain.clone() }),
        ),
        ("other checksum in its header", "local-header", one(Forged { local_crc: Some(9), ..plain.clone() })),
        ("other size in its header", "local-header", one(Forged { local_size: Some(1), ..plain.clone() })),
        ("descriptor missing", "hidden-data", one(Forged { flags: 0x0808, ..plain.clone() })),
        (
            "descriptor lies",
            "hidden-data",
            one(Forged {
                flags: 0x0808,
                after: {
                    let mut d = descriptor(&plain);
                    d[4] ^= 1;
                    d
                },
                ..plain.clone()
            }),
        ),
        (
            "descriptor is something else",
            "hidden-data",
            one(Forged { flags: 0x0808, after: b"sixteen bytes...".to_vec(), ..plain.clone() }),
        ),
        // Several entries.
        ("same name twice", "name-duplicate", with(main_py())),
        ("names differ in case", "name-collision", with(stored("MAIN.PY", b""))),
        (
            "names differ in Unicode form",
            "name-collision",
            forge(&[stored("caf\u{e9}", b""), stored("cafe\u{301}", b"")], &End::default()),
        ),
        ("file and folder", "name-conflict", with(stored("main.py/x", b""))),
        ("file and named folder", "name-conflict", with(folder("main.py/"))),
        ("output is a file", "output-folder", with(stored("output", b""))),
        ("Output beside output", "output-folder", with(stored("Output/x", b""))),
        (
            "many implied folders",
            "entries",
            forge(&(0..10_500).map(|n| stored(format!("{n}/x"), b"")).collect::<Vec<_>>(), &End::default()),
        ),
        // Manifests.
        ("manifest with an unknown key", "manifest", with(stored("hivemind.toml", b"privileged = true\n"))),
        (
            "manifest that wants the network",
            "manifest",
            with(stored("hivemind.toml", b"[network]\nmode = \"host\"\n")),
        ),
        ("manifest with an odd image", "manifest", with(stored("hivemind.toml", b"image = \"-v/:/host\"\n"))),
        ("manifest that is no TOML", "manifest", with(stored("hivemind.toml", b"{}{}{}"))),
        ("huge manifest", "manifest", with(stored("hivemind.toml", &[b'#'; 70_000]))),
    ];
    for (name, rule) in [
        (&b"../evil.py"[..], "name-traversal"),
        (b"a/../../evil.py", "name-traversal"),
        (b"./main.py", "name-traversal"),
        (b"/etc/cron.d/evil", "name-absolute"),
        (b"//server/share", "name-absolute"),
        (b"C:/evil.py", "name-drive"),
        (b"..\\evil.py", "name-backslash"),
        (b"\\\\server\\share", "name-backslash"),
        (b"a\0.py", "name-control"),
        (b"a\n.py", "name-control"),
        (b"\x1b]0;evil\x07", "name-control"),
        (b"a\xff.py", "name-encoding"),
        ("a\u{202e}yp.exe".as_bytes(), "name-control"),
        (b"aux.py", "name-reserved"),
        (b"sub/NUL", "name-reserved"),
        (b"a.py.", "name-trailing"),
        (b"sub /a.py", "name-trailing"),
        (b"", "name-empty"),
        (b"a//b", "name-empty"),
        (&[b'a'; 300], "name-length"),
        ("a/".repeat(3000).as_bytes(), "name-length"),
        ("a/".repeat(100).as_bytes(), "name-depth"),
    ] {
        zips.push(("name", rule, one(Forged { attributes: 0, ..stored(name, b"") })));
    }
    zips
}

#[test]
fn every_hostile_package_is_refused_by_its_rule() {
    let zips = hostile();
    assert!(zips.len() >= 40, "{}", zips.len());
    let mut wrong = Vec::new();
    for (what, rule, zip) in &zips {
        match open(zip) {
            Err(refused) if refused.rule == *rule => assert!(!refused.to_string().is_empty()),
            answer => wrong.push(format!("{what}: expected {rule}, got {:?}", answer.map(|_| "accepted"))),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), zips.len(), wrong.join("\n"));
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
        Forged { flags: 0x0808, local_crc: Some(0), local_size: Some(0), after: descriptor(&e), ..e }
    };
    let unmarked = Forged { after: descriptor(&streamed)[4..].to_vec(), ..streamed.clone() };
    for (what, zip) in [
        ("plain", one(main_py())),
        ("with folders", forge(&[folder("a/"), stored("a/main.py", b"x"), folder("a/b/")], &End::default())),
        ("with a comment", ended(End { comment: b"0123456789abcdef".to_vec(), ..End::default() })),
        ("streamed", one(streamed)),
        ("streamed, no mark", one(unmarked)),
        ("made on Windows", one(Forged { made_by: 20, attributes: 0x20, flags: 0, ..main_py() })),
        ("empty", forge(&[], &End::default())),
        ("extra field", one(Forged { extra: b"UT\x05\0\x03\0\0\0\0".to_vec(), ..main_py() })),
    ] {
        assert!(open(&zip).is_ok(), "{what}: {:?}", open(&zip).err());
    }
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    writer.start_file("run.sh", options).expect("entry");
    writer.write_all(&[b'x'; 100_000]).expect("data");
    writer.add_directory("sub", options).expect("folder");
    let zip = writer.finish().expect("zip").into_inner();
    assert_eq!(open(&zip).expect("fine").command().map(<[String]>::len), Some(2));
}

#[test]
fn the_tar_holds_the_files_owned_by_the_task() {
    let entries = [
        Forged { attributes: 0o100_755 << 16, ..stored("job/run.sh", b"echo hi\n") },
        stored("job/deep/er/data.bin", &[9; 70_000]),
        stored(format!("job/{}", "long".repeat(40)), b"x"),
    ];
    let package = open(&forge(&entries, &End::default())).expect("fine");
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
        let mut zip = forge(&[main_py(), deflated("data/x.csv", &[b'1'; 900]), folder("d/")], &End::default());
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
