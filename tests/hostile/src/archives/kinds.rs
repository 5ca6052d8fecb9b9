//! Entries that are no plain file or folder: links, devices, set-id programs.

use super::List;
use crate::zip::{End, Entry, folder, main_py, stored, zip};

fn one(entry: Entry) -> impl FnOnce() -> Vec<u8> + Send + 'static {
    move || zip(&[entry], &End::default())
}

pub(super) fn add(list: &mut List) {
    for (what, target) in [
        ("to a host file", &b"/etc/passwd"[..]),
        ("to a parent", b"../../../../etc/shadow"),
        ("to the engine's socket", b"/var/run/docker.sock"),
        ("to itself", b"link"),
        ("to nothing", b""),
        ("to /proc", b"/proc/1/root"),
        ("with NUL in its target", b"a\0/etc/passwd"),
    ] {
        let link = Entry { attributes: 0o120_777 << 16, ..stored("link", target) };
        list.refused(format!("symlink {what}"), "a symbolic link", "symlink", "link", one(link.clone()));
        list.refused(
            format!("symlink {what}, then a file through it"),
            "link, and link/evil",
            "symlink",
            "link",
            move || zip(&[link, stored("link/evil", b"evil")], &End::default()),
        );
    }
    for (what, made_by) in [("DOS", 0_u16), ("a Mac", 0x1314), ("VMS", 0x0214), ("NTFS", 0x0a14)] {
        let link = Entry { made_by, attributes: 0o120_755 << 16, ..stored("link", b"/etc/passwd") };
        list.refused(
            format!("symlink made by {what}"),
            "a link by its mode, whatever system it names",
            "symlink",
            "link",
            one(link),
        );
    }
    list.refused(
        "symlink with a folder's name",
        "link/",
        "symlink",
        "link/",
        one(Entry { attributes: 0o120_777 << 16, ..stored("link/", b"") }),
    );
    list.refused(
        "symlink deflated",
        "its target is packed",
        "symlink",
        "link",
        one(Entry { attributes: 0o120_777 << 16, ..crate::zip::deflated("link", b"/etc/passwd") }),
    );
    // Every kind that a Unix mode can name, on a file and on a folder.
    for kind in 0..16_u32 {
        let attributes = (kind << 12 | 0o644) << 16;
        let (file, dir) = match kind {
            0 => (None, None),
            0o10 => (None, Some("kind")),
            0o4 => (Some("kind"), None),
            0o12 => (Some("symlink"), Some("symlink")),
            _ => (Some("special-file"), Some("special-file")),
        };
        for (rule, word, entry) in [
            (file, "file", Entry { attributes, ..main_py() }),
            (dir, "folder", Entry { attributes, ..folder("dir/") }),
        ] {
            let name = format!("mode kind {kind:o} on a {word}");
            match rule {
                Some(rule) => list.refused(name, "by its Unix mode", rule, entry.name.clone(), one(entry)),
                None => list.taken(name, "by its Unix mode", one(entry)),
            }
        }
    }
    for (what, mode) in [
        ("set-user-id", 0o104_755_u32),
        ("set-group-id", 0o102_755),
        ("sticky", 0o101_755),
        ("all three", 0o107_777),
    ] {
        list.refused(
            format!("mode {what}"),
            "a program with it",
            "special-mode",
            "main.py",
            one(Entry { attributes: mode << 16, ..main_py() }),
        );
    }
    list.refused(
        "mode set-group-id folder",
        "a folder with it",
        "special-mode",
        "dir/",
        one(Entry { attributes: 0o042_755 << 16, ..folder("dir/") }),
    );
    for (what, attributes, rule) in [
        ("volume label", 0x08_u32, "special-file"),
        ("folder by DOS mark", 0x10, "kind"),
        ("label and folder", 0x18, "special-file"),
    ] {
        list.refused(
            format!("DOS {what}"),
            "on a plain file",
            rule,
            "main.py",
            one(Entry { attributes, ..main_py() }),
        );
    }
    for attributes in [0x01_u32, 0x02, 0x04, 0x20, 0x27] {
        list.taken(
            format!("DOS attributes {attributes:#x}"),
            "read-only, hidden, system, archive",
            one(Entry { attributes, ..main_py() }),
        );
    }
    for (what, entry) in [
        ("stored", Entry { attributes: 0, ..stored("dir/", b"data") }),
        ("deflated", Entry { attributes: 0, ..crate::zip::deflated("dir/", b"data data data") }),
    ] {
        list.refused(
            format!("folder with {what} data"),
            "a name that ends in a slash, and content",
            "kind",
            "dir/",
            one(entry),
        );
    }
    list.taken(
        "program",
        "an executable file",
        one(Entry { attributes: 0o100_755 << 16, ..stored("run.sh", b"true\n") }),
    );
    list.taken("unreadable file", "mode 0", one(Entry { attributes: 0o100_000 << 16, ..main_py() }));
}
