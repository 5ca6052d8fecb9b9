//! Names that lead out of the result.

use super::List;
use crate::archives::{collisions, names};
use crate::tar::{Entry, file, folder, of_kind};

pub(super) fn add(list: &mut List) {
    for (what, name, rule) in names::SPELLINGS {
        if name.is_empty() {
            continue;
        }
        let full = [&b"output/"[..], name].concat();
        let by_header = name.len() < 90 && !name.contains(&0);
        if rule.is_empty() {
            list.taken(format!("name {what}"), "a file with this name", 1, vec![file(&full, b"x").long()]);
            continue;
        }
        list.refused(
            format!("name {what}"),
            "behind a GNU long name",
            rule,
            &full,
            vec![file(&full, b"x").long()],
        );
        if by_header {
            list.refused(
                format!("name {what}, in the header"),
                "a plain header",
                rule,
                &full,
                vec![file("output/good", b"x").bytes(), file(&full, b"x").bytes()],
            );
        }
        // A slash at its end is no part of the name, whatever kind of entry bears it.
        list.refused(
            format!("name {what}, folder"),
            "a folder with this name",
            rule,
            &full,
            vec![of_kind(b'5', &full).long()],
        );
        let good = file("output/good", b"x");
        // A record with a line end inside is not read at all.
        let (rule, entry) =
            if name.contains(&b'\n') { ("head", b"output/good".to_vec()) } else { (*rule, full.clone()) };
        list.refused(
            format!("name {what}, in PAX"),
            "the header says output/good, PAX this",
            rule,
            entry,
            vec![good.with_pax(&[("path", &full)])],
        );
    }
    for name in [
        "etc/passwd",
        "/etc/passwd",
        "../output/x",
        "..",
        "outputx/y",
        "Output/x",
        "out",
        "./etc/x",
        "work/output/x",
        "/output/x",
        "//output/x",
        "\\output\\x",
        "output\\x",
        "././output/x",
        " output/x",
        "C:/output/x",
    ] {
        list.refused(
            format!("outside {name}"),
            "not below the output folder",
            "outside",
            name,
            vec![file(name, b"x").bytes()],
        );
    }
    list.refused(
        "outside by ustar's prefix",
        "prefix ../.. before output/x",
        "outside",
        "../../output/x",
        vec![Entry { prefix: b"../..".to_vec(), ..file("output/x", b"x") }.bytes()],
    );
    list.refused(
        "output as a file",
        "the folder's own name on a file",
        "output-folder",
        "output",
        vec![file("output", b"x").bytes()],
    );
    list.taken(
        "output as a link",
        "the folder replaced by a link",
        0,
        vec![crate::tar::symlink("output", "/etc").bytes()],
    );
    list.taken("with a dot before", "./output/x", 1, vec![file("./output/x", b"x").bytes()]);
    for (what, first, second, rule) in collisions::PAIRS {
        let (first, second) = (format!("output/{first}"), format!("output/{second}"));
        list.refused(
            format!("collision {what}"),
            "two files with these names",
            rule,
            &second,
            vec![file(&first, b"1").bytes(), file(&second, b"2").bytes()],
        );
    }
    let deep = format!("output/{}x", "d/".repeat(64));
    list.refused("deep", "65 parts", "name-depth", &deep, vec![file(&deep, b"x").long()]);
    let very = format!("output/{}x", "d/".repeat(1900));
    list.refused("very deep", "1900 folders", "name-depth", &very, vec![file(&very, b"x").long()]);
    let long = format!("output/{}", "n".repeat(256));
    list.refused("long name", "256 bytes", "name-length", &long, vec![file(&long, b"x").long()]);
    let giant = format!("output/{}", "n".repeat(100_000));
    list.refused("giant name", "100,000 bytes", "name-length", &giant, vec![file(&giant, b"x").long()]);
    list.refused(
        "folder that is a file in another case",
        "d/ and D",
        "name-collision",
        "output/D",
        vec![folder("output/d/").bytes(), file("output/D", b"x").bytes()],
    );
}
