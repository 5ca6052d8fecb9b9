//! Names that are different here and one elsewhere, or one file that is two things.

use super::List;
use crate::zip::{End, Entry, folder, main_py, stored, zip};

/// How it is called, two names, the rule that refuses the second.
pub(crate) const PAIRS: &[(&str, &str, &str, &str)] = &[
    ("same name", "a.py", "a.py", "name-duplicate"),
    ("case", "main.py", "MAIN.PY", "name-collision"),
    ("case of a folder", "data/a", "Data/b", "name-collision"),
    ("composed and decomposed", "caf\u{e9}", "cafe\u{301}", "name-collision"),
    ("two orders of marks", "a\u{323}\u{307}", "a\u{307}\u{323}", "name-collision"),
    ("sharp s", "stra\u{df}e", "STRASSE", "name-collision"),
    ("capital sharp s", "stra\u{1e9e}e", "strasse", "name-collision"),
    ("long s", "\u{17f}et", "set", "name-collision"),
    ("final sigma", "\u{3bf}\u{3c2}", "\u{3bf}\u{3c3}", "name-collision"),
    ("Kelvin", "\u{212a}.py", "k.py", "name-collision"),
    ("Angstrom", "\u{212b}.py", "\u{e5}.py", "name-collision"),
    ("ohm", "\u{2126}.py", "\u{3c9}.py", "name-collision"),
    ("fullwidth", "\u{ff41}.py", "a.py", "name-collision"),
    ("ligature", "o\u{fb03}ce", "office", "name-collision"),
    ("superscript", "x\u{b2}", "x2", "name-collision"),
    ("circled", "\u{2460}", "1", "name-collision"),
    ("half-width katakana", "\u{ff76}", "\u{30ab}", "name-collision"),
    ("compatibility ideograph", "\u{f900}", "\u{8c48}", "name-collision"),
    ("Hangul parts", "\u{1112}\u{1161}\u{11ab}", "\u{d55c}", "name-collision"),
    ("digraph", "\u{1c6}.py", "\u{1c4}.py", "name-collision"),
    ("mathematical letters", "\u{1d400}.py", "a.py", "name-collision"),
    ("iota below", "\u{1fb3}", "\u{391}\u{399}", "name-collision"),
    ("file then folder", "a", "a/b", "name-conflict"),
    ("folder then file", "a/b", "a", "name-conflict"),
    ("file then folder in another case", "A", "a/b", "name-collision"),
    ("file inside a file", "main.py", "main.py/x", "name-conflict"),
    ("deep file then folder", "a/b/c", "a/b/c/d", "name-conflict"),
];

pub(super) fn add(list: &mut List) {
    for (what, first, second, rule) in PAIRS {
        let (first, second) = (*first, *second);
        list.refused(format!("collision {what}"), "two files with these names", rule, second, move || {
            zip(&[stored(first, b"1"), stored(second, b"2")], &End::default())
        });
    }
    let pair = |one: Entry, two: Entry| move || zip(&[one, two], &End::default());
    list.refused(
        "collision named folder",
        "main.py and main.py/",
        "name-conflict",
        "main.py",
        pair(main_py(), folder("main.py/")),
    );
    list.refused(
        "collision folder twice",
        "a/ and a/",
        "name-duplicate",
        "a",
        pair(folder("a/"), folder("a/")),
    );
    list.refused(
        "collision folders in two cases",
        "a/ and A/",
        "name-collision",
        "A",
        pair(folder("a/"), folder("A/")),
    );
    list.refused(
        "output as a file",
        "a file in the output folder's place",
        "output-folder",
        "output",
        pair(main_py(), stored("output", b"")),
    );
    list.refused(
        "output in another case",
        "Output/x",
        "output-folder",
        "Output/x",
        pair(main_py(), stored("Output/x", b"")),
    );
    list.refused(
        "output folder in another case",
        "OUTPUT/",
        "output-folder",
        "OUTPUT",
        pair(main_py(), folder("OUTPUT/")),
    );
    for name in [
        ".hivemind-companion",
        ".HiveMind-Companion",
        ".hivemind-companion/x",
        ".hivemind-python/sitecustomize.py",
    ] {
        list.refused(
            format!("the worker's own name {name}"),
            "what only the worker puts there",
            "reserved-name",
            name,
            pair(main_py(), stored(name, b"evil")),
        );
    }
    list.taken(
        "output folder itself",
        "files for the output folder may come along",
        pair(main_py(), stored("output/seed.txt", b"")),
    );
    list.taken(
        "lookalikes",
        "Latin a and Cyrillic a are two letters",
        pair(stored("a.py", b""), stored("\u{430}.py", b"")),
    );
    list.taken("folder after what is in it", "a/b, then a/", pair(stored("a/b", b""), folder("a/")));
    list.refused(
        "collision among many",
        "the last of 5000 meets the first",
        "name-collision",
        "FILE-0",
        || {
            let mut many: Vec<_> = (0..5000).map(|n| stored(format!("file-{n}"), b"")).collect();
            many.push(stored("FILE-0", b""));
            zip(&many, &End::default())
        },
    );
}
