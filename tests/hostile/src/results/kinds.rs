//! Entries that are no files: links, devices, pipes, and what nobody has heard of.

use super::List;
use crate::tar::{Entry, base256, file, folder, hardlink, of_kind, symlink};

pub(super) fn add(list: &mut List) {
    for target in [
        "/etc/passwd",
        "/etc/shadow",
        "../../../../../../etc/passwd",
        "../secret",
        "../../../../secret",
        "/var/run/docker.sock",
        "/proc/1/root/etc/shadow",
        "/proc/self/environ",
        "/dev/mem",
        "result.zip",
        "../result.zip",
        ".",
        "..",
        "/",
        "",
        "output/mine",
        "C:\\Windows\\win.ini",
        "\\\\server\\share",
    ] {
        list.taken(
            format!("symlink to {target:?}"),
            "beside one file",
            1,
            vec![symlink("output/link", target).bytes(), file("output/mine", b"mine").bytes()],
        );
    }
    list.taken(
        "symlink, then a file through it",
        "link, and link/x: only the file, by its name",
        1,
        vec![symlink("output/link", "/etc").bytes(), file("output/link/x", b"x").bytes()],
    );
    list.taken(
        "file, then a symlink of its name",
        "the link is left out",
        1,
        vec![file("output/x", b"x").bytes(), symlink("output/x", "/etc/passwd").bytes()],
    );
    list.taken(
        "symlink with a hostile name",
        "left out before its name matters",
        0,
        vec![symlink("output/../../x", "/etc/passwd").bytes()],
    );
    list.taken(
        "symlink with content",
        "links have none; it is skipped",
        1,
        vec![
            Entry { content: vec![7; 5000], ..symlink("output/link", "/etc/passwd") }.bytes(),
            file("output/mine", b"mine").bytes(),
        ],
    );
    list.taken(
        "symlink with a long target",
        "a target of 4000 bytes in PAX",
        1,
        vec![
            symlink("output/link", "x").with_pax(&[("linkpath", &[b'/'; 4000])]),
            file("output/mine", b"mine").bytes(),
        ],
    );
    for (what, target) in [
        ("to a host file", "/etc/passwd"),
        ("out of the folder", "output/../../secret"),
        ("to a parent", "../secret"),
        ("to nothing", "output/none"),
        ("to itself", "output/link"),
        ("to the folder", "output"),
        ("to a link", "output/soft"),
        ("to an empty name", ""),
    ] {
        list.taken(
            format!("hard link {what}"),
            "not an output that was seen: left out",
            1,
            vec![
                symlink("output/soft", "/etc/passwd").bytes(),
                hardlink("output/link", target).bytes(),
                file("output/mine", b"mine").bytes(),
            ],
        );
    }
    list.taken(
        "hard link to a file",
        "the same file under a second name",
        2,
        vec![file("output/mine", b"mine").bytes(), hardlink("output/again", "output/mine").bytes()],
    );
    list.taken(
        "hard link in PAX to a host file",
        "the header's target is good, PAX says another",
        1,
        vec![
            file("output/mine", b"mine").bytes(),
            hardlink("output/again", "output/mine").with_pax(&[("linkpath", b"/etc/passwd")]),
        ],
    );
    list.refused(
        "hard link over a file",
        "a link with the name of a file",
        "name-duplicate",
        "output/b",
        vec![
            file("output/a", b"a").bytes(),
            file("output/b", b"b").bytes(),
            hardlink("output/b", "output/a").bytes(),
        ],
    );
    for (what, kind) in [("character device", b'3'), ("block device", b'4'), ("pipe", b'6')] {
        list.taken(
            what,
            "left out",
            1,
            vec![of_kind(kind, "output/dev").bytes(), file("output/mine", b"m").bytes()],
        );
        list.taken(
            format!("{what} with content"),
            "left out with its content",
            1,
            vec![
                Entry { content: vec![1; 3000], ..of_kind(kind, "output/dev") }.bytes(),
                file("output/mine", b"m").bytes(),
            ],
        );
    }
    for kind in [b'8', b'9', b'A', b'D', b'I', b'M', b'N', b'V', b'Z', b'a', b'!', 0x80, 0xff] {
        list.refused(
            format!("kind {kind:#x}"),
            "no kind that outputs have",
            "kind",
            "output/odd",
            vec![of_kind(kind, "output/odd").bytes()],
        );
    }
    list.taken("contiguous file", "kind 7 is a file", 1, vec![of_kind(b'7', "output/x").bytes()]);
    list.taken("old file", "kind NUL is a file", 1, vec![of_kind(0, "output/x").bytes()]);
    list.damaged(
        "sparse file of a terabyte",
        "GNU sparse",
        crate::tar::stream(&[Entry {
            magic: *b"ustar  \0",
            size_field: Some(base256(0)),
            ..of_kind(b'S', "output/x")
        }
        .bytes()]),
    );
    list.taken(
        "sparse by PAX",
        "GNU.sparse keys are no more than attributes",
        1,
        vec![file("output/x", b"1\n0\n1\n").with_pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", b"1099511627776"),
            ("GNU.sparse.name", b"../../evil"),
        ])],
    );
    list.taken(
        "folder with content",
        "skipped",
        1,
        vec![
            Entry { content: vec![1; 700], ..folder("output/d/") }.bytes(),
            file("output/mine", b"m").bytes(),
        ],
    );
    for (what, mode, uid) in [
        ("set-user-id root", 0o4755, 0),
        ("all bits", 0o7777, 0),
        ("nothing", 0, 65_532),
        ("odd owner", 0o644, 0o7_777_777),
    ] {
        list.taken(
            format!("mode {what}"),
            "modes and owners are not kept",
            1,
            vec![Entry { mode, uid, ..file("output/x", b"x") }.bytes()],
        );
    }
}
