//! Names that lead somewhere else, in every spelling we know of, in several places of an archive.

use super::List;
use crate::zip::{End, Entry, main_py, stored, zip};

/// How it is called, the name, the rule that must catch it. An empty rule: harmless, and taken as it stands.
pub(crate) const SPELLINGS: &[(&str, &[u8], &str)] = &[
    ("parent", b"../evil.py", "name-traversal"),
    ("parent's parents", b"../../../../../../etc/cron.d/evil", "name-traversal"),
    ("parent in the middle", b"a/../../evil.py", "name-traversal"),
    ("parent at the end", b"a/..", "name-traversal"),
    ("parent alone", b"..", "name-traversal"),
    ("here", b"./evil.py", "name-traversal"),
    ("here in the middle", b"a/./evil.py", "name-traversal"),
    ("here alone", b".", "name-traversal"),
    ("doubled slash and parent", b"a//../evil.py", "name-empty"),
    ("absolute", b"/etc/cron.d/evil", "name-absolute"),
    ("two slashes", b"//server/share/evil", "name-absolute"),
    ("three slashes", b"///etc/evil", "name-absolute"),
    ("drive", b"C:/evil.py", "name-drive"),
    ("drive without a slash", b"C:evil.py", "name-drive"),
    ("lower-case drive", b"d:/evil.py", "name-drive"),
    ("drive with a backslash", b"C:\\evil.py", "name-backslash"),
    ("backslash parent", b"..\\evil.py", "name-backslash"),
    ("backslash parent in the middle", b"a\\..\\..\\evil.py", "name-backslash"),
    ("mixed slashes", b"..\\../evil.py", "name-backslash"),
    ("UNC", b"\\\\server\\share\\evil", "name-backslash"),
    ("device path", b"\\\\.\\C:\\evil", "name-backslash"),
    ("long device path", b"\\\\?\\C:\\evil", "name-backslash"),
    ("root of the drive", b"\\evil", "name-backslash"),
    ("NUL", b"good.py\0../../evil.py", "name-control"),
    ("NUL at the end", b"evil.py\0", "name-control"),
    ("newline", b"a\n../evil.py", "name-control"),
    ("carriage return", b"a\r.py", "name-control"),
    ("tab", b"a\t.py", "name-control"),
    ("delete", b"a\x7f.py", "name-control"),
    ("bell", b"a\x07.py", "name-control"),
    ("terminal colours", b"\x1b[31mred\x1b[0m.py", "name-control"),
    ("terminal title", b"\x1b]0;evil\x07", "name-control"),
    ("C1 control", "a\u{9b}31m.py".as_bytes(), "name-control"),
    ("right to left", "a\u{202e}yp.exe".as_bytes(), "name-control"),
    ("isolate", "a\u{2066}b.py".as_bytes(), "name-control"),
    ("zero width", "..\u{200b}/evil.py".as_bytes(), "name-control"),
    ("zero width inside the dots", ".\u{200d}./evil.py".as_bytes(), "name-control"),
    ("soft hyphen", "ma\u{ad}in.py".as_bytes(), "name-control"),
    ("byte order mark", "\u{feff}main.py".as_bytes(), "name-control"),
    ("line separator", "a\u{2028}b.py".as_bytes(), "name-control"),
    ("language tag", "a\u{e0041}b.py".as_bytes(), "name-control"),
    ("fullwidth dots", "\u{ff0e}\u{ff0e}/evil.py".as_bytes(), "name-lookalike"),
    ("fullwidth slash", "..\u{ff0f}evil.py".as_bytes(), "name-lookalike"),
    ("fullwidth everything", "\u{ff0e}\u{ff0e}\u{ff0f}evil.py".as_bytes(), "name-lookalike"),
    ("fullwidth backslash", "..\u{ff3c}evil.py".as_bytes(), "name-lookalike"),
    ("one-dot leaders", "\u{2024}\u{2024}/evil.py".as_bytes(), "name-lookalike"),
    ("two-dot leader", "\u{2025}/evil.py".as_bytes(), "name-lookalike"),
    ("small full stops", "\u{fe52}\u{fe52}/evil.py".as_bytes(), "name-lookalike"),
    ("fullwidth absolute", "\u{ff0f}etc\u{ff0f}evil".as_bytes(), "name-lookalike"),
    ("fullwidth drive", "\u{ff23}\u{ff1a}\u{ff0f}evil".as_bytes(), "name-lookalike"),
    ("half fullwidth parent", ".\u{ff0e}/evil.py".as_bytes(), "name-lookalike"),
    ("percent dots", b"%2e%2e/evil.py", "name-encoded"),
    ("percent everything", b"%2e%2e%2fevil.py", "name-encoded"),
    ("percent slash", b"..%2fevil.py", "name-encoded"),
    ("percent backslash", b"..%5cevil.py", "name-encoded"),
    ("percent twice", b"%252e%252e%252fevil.py", "name-encoded"),
    ("percent thrice", b"%25252e%25252e%25252fevil.py", "name-encoded"),
    ("percent absolute", b"%2fetc%2fevil", "name-encoded"),
    ("percent NUL", b"good.py%00.txt", "name-encoded"),
    ("percent overlong", b"%c0%ae%c0%ae%c0%afevil.py", "name-encoded"),
    ("percent drive", b"C%3a%5cevil.py", "name-encoded"),
    ("percent fullwidth", "%2e\u{ff0e}%2fevil.py".as_bytes(), "name-encoded"),
    ("overlong dots", b"\xc0\xae\xc0\xae/evil.py", "name-encoding"),
    ("overlong slash", b"..\xc0\xafevil.py", "name-encoding"),
    ("Latin-1", b"caf\xe9.py", "name-encoding"),
    ("Shift JIS", b"\x83\x5c\x95\x5c.py", "name-encoding"),
    ("surrogate", b"a\xed\xa0\x80b.py", "name-encoding"),
    ("beyond Unicode", b"a\xf4\x90\x80\x80b.py", "name-encoding"),
    ("cut character", b"a\xe7\xb9", "name-encoding"),
    ("lone continuation", b"a\x80.py", "name-encoding"),
    ("trailing dot", b"evil.py.", "name-trailing"),
    ("trailing dots", b"a.../evil.py", "name-trailing"),
    ("trailing space", b"evil.py ", "name-trailing"),
    ("parent with a space", b".. /evil.py", "name-trailing"),
    ("parent with spaces and dots", b".. . /evil.py", "name-trailing"),
    ("three dots", b".../evil.py", "name-trailing"),
    ("four dots", b"..../evil.py", "name-trailing"),
    ("only a space", b" /evil.py", "name-trailing"),
    ("stream", b"main.py::$DATA", "name-stream"),
    ("named stream", b"main.py:evil:$DATA", "name-stream"),
    ("index stream", b"dir::$INDEX_ALLOCATION/evil.py", "name-stream"),
    ("device", b"NUL", "name-reserved"),
    ("device with an ending", b"con.py", "name-reserved"),
    ("device in a folder", b"a/AUX/evil.py", "name-reserved"),
    ("device with spaces", b"prn .txt", "name-reserved"),
    ("port", b"COM1", "name-reserved"),
    ("raised port", "lpt\u{b9}.log".as_bytes(), "name-reserved"),
    ("console input", b"CONIN$", "name-reserved"),
    ("empty part", b"a//evil.py", "name-empty"),
    ("empty", b"", "name-empty"),
    // Odd, but nothing else than a name.
    ("home", b"~/evil.py", ""),
    ("home of root", b"~root/evil.py", ""),
    ("variable", b"$HOME/evil.py", ""),
    ("substitution", b"$(touch evil)/`touch evil`.py", ""),
    ("option", b"--checkpoint-action=exec=evil", ""),
    ("wildcard", b"*/?.py", ""),
    ("quotes", b"'; rm -rf ~; echo '", ""),
    ("pipe", b"| sh", ""),
    ("colon", b"12:30.py", ""),
    ("percent of a hundred", b"100%.py", ""),
    ("encoded slash", b"a%2Fb.py", ""),
    ("hidden", b".bashrc", ""),
    ("many dots inside", b"a..b...c.py", ""),
    ("other scripts", "繁體/\u{645}\u{631}\u{62d}\u{628}\u{627}.py".as_bytes(), ""),
    ("emoji", "\u{1f600}.py".as_bytes(), ""),
];

/// An entry with this name and no mode, so that its kind goes by the name alone.
fn named(name: &[u8]) -> Entry {
    Entry { attributes: 0, ..stored(name, b"evil\n") }
}

pub(super) fn add(list: &mut List) {
    for (what, name, rule) in SPELLINGS {
        let (what, name, rule) = (*what, *name, *rule);
        let alone = move || zip(&[named(name)], &End::default());
        let last = move || zip(&[main_py(), stored("data/x.csv", b"1,2\n"), named(name)], &End::default());
        if rule.is_empty() {
            list.taken(format!("name {what}"), "one file with this name", alone);
            continue;
        }
        list.refused(format!("name {what}"), "one file with this name", rule, shown(name), alone);
        list.refused(format!("name {what}, last"), "behind two good files", rule, shown(name), last);
        if !name.is_empty() {
            let folder: Vec<u8> = [name, b"/"].concat();
            let expected = shown(&folder);
            let built =
                move || zip(&[main_py(), Entry { attributes: 0, ..stored(&folder, b"") }], &End::default());
            list.refused(format!("name {what}, folder"), "a folder with this name", rule, expected, built);
        }
        list.refused(
            format!("name {what}, in its header"),
            "the directory names main.py, the file's own header this",
            "local-header",
            "main.py",
            move || zip(&[Entry { local_name: Some(name.to_vec()), ..main_py() }], &End::default()),
        );
    }
    lengths(list);
}

/// What stands for the entry in the expected refusal: an empty name is named too.
fn shown(name: &[u8]) -> Vec<u8> {
    if name.is_empty() { b"\0".to_vec() } else { name.to_vec() }
}

fn lengths(list: &mut List) {
    for (what, name, rule) in [
        ("256 bytes", vec![b'a'; 256], "name-length"),
        ("4096 bytes in parts", "ab/".repeat(1366).into_bytes(), "name-length"),
        ("65535 bytes", vec![b'a'; 65_535], "name-length"),
        ("65535 bytes of parents", [&b"../".repeat(21_845)[..]].concat(), "name-length"),
        ("65 folders", "a/".repeat(65).into_bytes(), "name-depth"),
        ("2000 folders", "a/".repeat(2000).into_bytes(), "name-depth"),
        ("86 long characters", "繁".repeat(86).into_bytes(), "name-length"),
        ("256 bytes in the second part", [&b"a/"[..], &[b'b'; 256]].concat(), "name-length"),
    ] {
        let expected = name.clone();
        list.refused(format!("length {what}"), "one file with this name", rule, expected, move || {
            zip(&[named(&name)], &End::default())
        });
    }
    for (what, name) in [
        ("255 bytes", vec![b'a'; 255]),
        ("64 folders", [&b"a/".repeat(63)[..], b"x"].concat()),
        (
            "4095 bytes",
            [
                &b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde/".repeat(63)[..],
                &[b'x'; 63],
            ]
            .concat(),
        ),
    ] {
        list.taken(format!("length {what}"), "one file with this name", move || {
            zip(&[named(&name)], &End::default())
        });
    }
    list.refused(
        "64 names of 64 KiB",
        "a directory of nearly 4 MiB, all names",
        "name-length",
        [b'a'; 1000],
        || {
            let long: Vec<_> = (0..63).map(|_| named(&[b'a'; 65_535])).collect();
            zip(&long, &End::default())
        },
    );
}
