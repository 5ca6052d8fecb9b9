//! Very many, or very long.

use super::List;
use crate::tar::{file, folder, hardlink, made, of_kind, symlink};

/// A stream of a million of these.
fn million(list: &mut List, what: &str, expected: &str, entry: impl Fn(u32) -> Vec<u8> + Send + 'static) {
    list.push(format!("a million {what}"), "made while it is read", expected.to_owned(), move || {
        let mut next = 0;
        made(move || {
            next += 1;
            (next <= 1_000_000).then(|| entry(next))
        })
    });
}

pub(super) fn add(list: &mut List) {
    let at = |rule: &str, entry: &str| format!("refused ({rule}) at \"{entry}\"");
    million(list, "files", &at("entries", "output/f20001"), |n| file(format!("output/f{n}"), b"").bytes());
    million(list, "folders", &at("entries", "output/d20001/"), |n| folder(format!("output/d{n}/")).bytes());
    million(
        list,
        "folders inside one another",
        &at("name-depth", &format!("output/{}", "d/".repeat(65))[..120]),
        |n| folder(format!("output/{}", "d/".repeat(n as usize % 70 + 1))).long(),
    );
    million(list, "symlinks", &at("entries", "output/l20001"), |n| {
        symlink(format!("output/l{n}"), "/etc/passwd").bytes()
    });
    million(list, "pipes", &at("entries", "output/p20001"), |n| {
        of_kind(b'6', format!("output/p{n}")).bytes()
    });
    million(list, "hard links to nothing", &at("entries", "output/h20001"), |n| {
        hardlink(format!("output/h{n}"), "output/x").bytes()
    });
    million(list, "files of one name", &at("name-duplicate", "output/same"), |_| {
        file("output/same", b"").bytes()
    });
    million(list, "files with names of 240 bytes", &at("names", &long(17_477, 240)[..120]), |n| {
        file(long(n, 240), b"").long()
    });
    million(list, "files with names of 4000 bytes", &at("names", &deep(1049)[..120]), |n| {
        file(deep(n), b"").long()
    });
    list.push(
        "20,000 files",
        "as many as there may be, 150 bytes of name each",
        "20000 files taken".to_owned(),
        || {
            let mut next = 0;
            made(move || {
                next += 1;
                (next <= 20_000).then(|| file(long(next, 150), b"").long())
            })
        },
    );
    list.push(
        "names that fold to four times their length",
        "squared words",
        "11000 files taken".to_owned(),
        || {
            let mut next = 0;
            made(move || {
                next += 1;
                (next <= 11_000).then(|| file(format!("output/{}{next}", "\u{337f}".repeat(80)), b"").long())
            })
        },
    );
    let unfolded = format!("output/{}", "\u{fdfa}".repeat(80));
    list.refused(
        "a name that folds to eighteen times its length",
        "ligatures",
        "name-length",
        &unfolded,
        vec![file(&unfolded, b"").long()],
    );
}

/// A name of so many bytes below the folder.
fn long(n: u32, bytes: usize) -> String {
    format!("output/{n:0bytes$}")
}

/// A path of 4000 bytes in parts of 249 and a slash.
fn deep(n: u32) -> String {
    format!("output/{}", format!("{n:0249}/").repeat(15)) + &format!("{n:0250}")
}
