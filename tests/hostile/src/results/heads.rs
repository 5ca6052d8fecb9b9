//! What stands before an entry: long names, PAX records, in every wrong way.

use super::List;
use crate::tar::{BLOCK, Entry, base256, file, made, of_kind, pax, record, stream};

pub(super) fn add(list: &mut List) {
    let good = || file("output/good", b"x");
    let raw_pax =
        |content: &[u8]| Entry { content: content.to_vec(), ..of_kind(b'x', "PaxHeaders.0/x") }.bytes();
    list.taken(
        "PAX path twice",
        "one of them counts, and it is good",
        1,
        vec![good().with_pax(&[("path", b"output/fine"), ("path", b"../evil")])],
    );
    list.refused(
        "PAX path twice, the bad one first",
        "one of them counts, and it is not",
        "outside",
        "../evil",
        vec![good().with_pax(&[("path", b"../evil"), ("path", b"output/fine")])],
    );
    list.taken(
        "PAX of other things",
        "attributes, times, comments",
        1,
        vec![good().with_pax(&[
            ("SCHILY.xattr.user.evil", b"\0\xff=="),
            ("mtime", b"-99999999999.5"),
            ("comment", b"\x1b[2J"),
            ("LIBARCHIVE.creationtime", b"x"),
            ("uid", b"0"),
            ("uname", b"root"),
            ("hdrcharset", b"BINARY"),
        ])],
    );
    list.taken(
        "PAX of 60 KB of attributes",
        "as much as Linux keeps for one name",
        1,
        vec![good().with_pax(&[("SCHILY.xattr.user.a", &[7; 60_000])])],
    );
    list.taken(
        "PAX for all",
        "global records are not for the next entry's name",
        1,
        vec![pax(b'g', &[("comment", b"x")])[..0].to_vec(), good().bytes()],
    );
    list.refused(
        "PAX for all, with a path",
        "a global header is no output",
        "outside",
        "../evil",
        vec![pax(b'g', &[("path", b"../evil")]), good().bytes()],
    );
    for (what, bytes) in [
        (
            "two PAX headers",
            [pax(b'x', &[("path", b"output/a")]), pax(b'x', &[("path", b"output/b")]), good().bytes()]
                .concat(),
        ),
        (
            "two long names",
            [
                Entry { content: b"output/a\0".to_vec(), ..of_kind(b'L', "l") }.bytes(),
                Entry { content: b"output/b\0".to_vec(), ..of_kind(b'L', "l") }.bytes(),
                good().bytes(),
            ]
            .concat(),
        ),
        (
            "two long links",
            [
                Entry { content: b"output/a\0".to_vec(), ..of_kind(b'K', "l") }.bytes(),
                Entry { content: b"output/b\0".to_vec(), ..of_kind(b'K', "l") }.bytes(),
                good().bytes(),
            ]
            .concat(),
        ),
        ("long name of nobody", Entry { content: b"output/a\0".to_vec(), ..of_kind(b'L', "l") }.bytes()),
        ("PAX of nobody", pax(b'x', &[("path", b"output/a")])),
    ] {
        list.damaged(what, "heads that belong to no entry", stream(&[bytes]));
    }
    // Longer than a head may be: refused before it is kept in memory.
    for (what, kind) in [("long name", b'L'), ("long link", b'K'), ("PAX records", b'x')] {
        for (word, size) in [("of 300 KB", 300_000_u64), ("of 100 MB", 100_000_000), ("of 4 GB", 4 << 30)] {
            list.push(
                format!("{what} {word}"),
                "made while it is read",
                "refused (head)".to_owned(),
                move || {
                    let mut field = base256(i128::from(size));
                    if size < 1 << 33 {
                        field.copy_from_slice(format!("{size:011o}\0").as_bytes());
                    }
                    let mut first = Some(Entry { size_field: Some(field), ..of_kind(kind, "head") }.header());
                    let piece = vec![b'a'; 64 * BLOCK];
                    let mut left = size.div_ceil(piece.len() as u64);
                    made(move || {
                        first.take().or_else(|| {
                            left = left.checked_sub(1)?;
                            Some(piece.clone())
                        })
                    })
                },
            );
        }
    }
    list.push(
        "endless heads",
        "one PAX header after the other",
        "no result: the stream is damaged".to_owned(),
        || {
            let head = pax(b'x', &[("path", b"output/a")]);
            made(move || Some(head.clone()))
        },
    );
    for (what, content) in [
        ("no length", &b"path=../evil\n"[..]),
        ("length of zero", b"0 path=x\n"),
        ("length too large", b"999 path=../evil\n"),
        ("length of 2^64", b"18446744073709551617 path=x\n"),
        ("negative length", b"-9 path=x\n"),
        ("no newline", b"13 path=../evil"),
        ("no equals sign", b"6 abc\n"),
        ("only zeros", &[0; 100]),
        ("spaces", b"      \n"),
    ] {
        list.refused(
            format!("PAX record with {what}"),
            "a malformed record",
            "head",
            "output/good",
            vec![raw_pax(content), good().bytes()],
        );
    }
    list.refused(
        "PAX path with a record inside",
        "a name of 150 bytes, a line end, and a record",
        "head",
        "output/good",
        vec![
            good()
                .with_pax(&[("path", &[&b"output/"[..], &[b'n'; 140], b"\n20 path=output/evil\n"].concat())]),
        ],
    );
    list.refused(
        "PAX link target with a record inside",
        "a symlink's target may hold anything",
        "head",
        "output/link",
        vec![
            crate::tar::symlink("output/link", "x")
                .with_pax(&[("linkpath", &[&[b'/'; 140][..], b"\n20 path=output/evil\n"].concat())]),
        ],
    );
    list.refused(
        "PAX attribute with a line end",
        "an attribute's value is any bytes",
        "head",
        "output/good",
        vec![good().with_pax(&[("SCHILY.xattr.user.evil", b"a\n20 path=output/evil\n")])],
    );
    let own = record("path", b"output/renamed");
    list.taken(
        "PAX path that is good",
        "a new name below the folder",
        1,
        vec![[raw_pax(&own), good().bytes()].concat()],
    );
    list.refused(
        "PAX path with NUL",
        "output/a, NUL, ../../evil",
        "name-control",
        b"output/a\0../../evil",
        vec![good().with_pax(&[("path", b"output/a\0../../evil")])],
    );
    list.refused(
        "PAX path of 200 KB",
        "fits the head and is too long a name",
        "name-length",
        [&b"output/"[..], &[b'n'; 200_000]].concat(),
        vec![good().with_pax(&[("path", &[&b"output/"[..], &[b'n'; 200_000]].concat())])],
    );
    list.taken(
        "PAX and long name disagree",
        "the long name counts, and is good",
        1,
        vec![
            [
                Entry { content: b"output/fine\0".to_vec(), ..of_kind(b'L', "l") }.bytes(),
                pax(b'x', &[("path", b"../evil")]),
                good().bytes(),
            ]
            .concat(),
        ],
    );
}
