//! Archives cut, patched together, hidden in each other.

use super::List;
use crate::zip::{End, Entry, deflated, descriptor, folder, main_py, stored, zip, zip_with_places};

/// A package with everything in it: folder, stored, deflated and streamed file, comment.
fn rich() -> (Vec<Entry>, End) {
    let streamed = deflated("job/data.csv", "1,2,3\n".repeat(50).as_bytes());
    let streamed = Entry {
        flags: 0x0808,
        local_crc: Some(0),
        local_packed: Some(0),
        local_size: Some(0),
        after: descriptor(&streamed),
        ..streamed
    };
    let entries = vec![folder("job/"), stored("job/main.py", b"print(1)\n"), streamed];
    (entries, End { comment: b"a comment of a few words".to_vec(), ..End::default() })
}

pub(super) fn add(list: &mut List) {
    list.taken("rich", "folder, stored, deflated, streamed, comment", || zip(&rich().0, &rich().1));
    cuts(list);
    patched(list);
    duplicates(list);
    let junk: [(&str, Vec<u8>); 6] = [
        ("nothing", Vec::new()),
        ("a script", b"#!/bin/sh\necho this is a script and no archive\n".to_vec()),
        ("zeros", vec![0; 100_000]),
        ("a gzip", [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[7; 500]].concat()),
        ("a tar", {
            let mut tar = vec![0; 1024];
            tar[257..262].copy_from_slice(b"ustar");
            tar
        }),
        ("a 7z", [&b"7z\xbc\xaf\x27\x1c"[..], &[1; 300]].concat()),
    ];
    for (what, bytes) in junk {
        list.refused(format!("no zip: {what}"), "bytes of something else", "not-a-zip", "", move || bytes);
    }
    list.taken("empty zip", "only an end record", || zip(&[], &End::default()));
}

/// The rich package cut at the beginning, in the middle and before the last byte of each of its pieces.
fn cuts(list: &mut List) {
    let (entries, end) = rich();
    let (_, places) = zip_with_places(&entries, &end);
    let mut pieces = places.begins.clone();
    pieces.sort_by_key(|(_, at)| *at);
    for (index, (piece, at)) in pieces.iter().enumerate() {
        let next = pieces.get(index + 1).map_or(places.length, |(_, next)| *next);
        // A folder has no data: nothing to cut there.
        let mut wheres = vec![("before", *at), ("inside", at + (next - at) / 2), ("short of", next - 1)];
        wheres.dedup_by_key(|(_, cut)| *cut);
        for (word, cut) in wheres {
            if next == *at {
                continue;
            }
            let inside_end = (piece == "end" && cut >= at + 4) || piece == "comment";
            let rule = if inside_end { "truncated" } else { "not-a-zip" };
            list.refused(
                format!("cut {word} {piece}"),
                format!("the first {cut} bytes"),
                rule,
                "",
                move || {
                    let (entries, end) = rich();
                    zip(&entries, &end)[..cut].to_vec()
                },
            );
        }
    }
    for first in [1, 29, 60] {
        list.refused(
            format!("first {first} bytes missing"),
            "the beginning is cut off",
            "directory",
            "",
            move || zip(&rich().0, &rich().1)[first..].to_vec(),
        );
    }
}

fn patched(list: &mut List) {
    let ended = |end: End| move || zip(&[main_py()], &end);
    let bytes = |text: &str| text.as_bytes().to_vec();
    let cases: Vec<(&str, &str, &str, End)> = vec![
        ("trailing byte", "trailing-data", "", End { trailing: vec![0], ..End::default() }),
        (
            "trailing zip's head",
            "trailing-data",
            "",
            End { trailing: b"PK\x03\x04".to_vec(), ..End::default() },
        ),
        ("trailing 64 KiB", "trailing-data", "", End { trailing: vec![1; 60_000], ..End::default() }),
        (
            "trailing more than a comment can be",
            "not-a-zip",
            "",
            End { trailing: vec![1; 70_000], ..End::default() },
        ),
        (
            "self-extracting",
            "directory",
            "",
            End { prefix: bytes("MZ stub"), directory_at: Some(46), ..End::default() },
        ),
        ("prefix", "prefix", "main.py", End { prefix: bytes("#!/bin/sh\nexec evil\n"), ..End::default() }),
        (
            "prefix of a shell script and zip offsets from there",
            "directory",
            "",
            End { prefix: bytes("#!/bin/sh\n"), directory_at: Some(46), ..End::default() },
        ),
        (
            "bytes before the directory",
            "hidden-data",
            "",
            End { before_directory: bytes("hidden"), ..End::default() },
        ),
        (
            "a signature block before the directory",
            "hidden-data",
            "",
            End { before_directory: bytes("APK Sig Block 42"), ..End::default() },
        ),
        (
            "bytes after the directory",
            "directory",
            "",
            End { after_directory: bytes("hidden"), ..End::default() },
        ),
        (
            "two ends",
            "ambiguous-end",
            "",
            End { comment: [&b"PK\x05\x06"[..], &[0; 18]].concat(), ..End::default() },
        ),
        (
            "a second end with another directory",
            "ambiguous-end",
            "",
            End {
                comment: {
                    let mut c = b"PK\x05\x06".to_vec();
                    c.extend([0, 0, 0, 0, 1, 0, 1, 0, 9, 0, 0, 0, 9, 0, 0, 0, 4, 0]);
                    c.extend(b"tail");
                    c
                },
                ..End::default()
            },
        ),
    ];
    for (what, rule, entry, end) in cases {
        list.refused(format!("patched {what}"), "a good package with this", rule, entry, ended(end));
    }
    list.refused("only hidden bytes", "no entries, bytes before the directory", "prefix", "", || {
        zip(&[], &End { prefix: b"hidden".to_vec(), ..End::default() })
    });
    list.refused("zip behind a zip", "two packages in one file", "directory", "", || {
        [zip(&[stored("a.py", b"1")], &End::default()), zip(&[main_py()], &End::default())].concat()
    });
    list.refused("zip before a cut zip", "a package, then one without its end", "trailing-data", "", || {
        let second = zip(&[stored("a.py", b"1")], &End::default());
        [zip(&[main_py()], &End::default()), second[..second.len() - 22].to_vec()].concat()
    });
    list.taken(
        "largest comment",
        "a comment of 65535 bytes",
        ended(End { comment: vec![b'c'; 65_535], ..End::default() }),
    );
    list.taken(
        "comment with the mark",
        "the comment holds an end's mark and no end",
        ended(End {
            comment: b"PK\x05\x06 is the mark of an end record, said twice: PK\x05\x06".to_vec(),
            ..End::default()
        }),
    );
}

fn duplicates(list: &mut List) {
    list.refused("second directory", "the directory twice, counted once", "directory", "", || {
        let once = zip(&[main_py()], &End::default());
        let directory = &once[once.len() - 22 - 46 - 7..once.len() - 22];
        zip(&[main_py()], &End { after_directory: directory.to_vec(), ..End::default() })
    });
    list.refused(
        "second directory, counted",
        "both are in the size, one in the count",
        "directory",
        "",
        || {
            let once = zip(&[main_py()], &End::default());
            let directory = once[once.len() - 22 - 53..once.len() - 22].to_vec();
            let size = Some(2 * directory.len() as u32);
            zip(&[main_py()], &End { after_directory: directory, directory_bytes: size, ..End::default() })
        },
    );
    list.refused("unlisted file", "a file that the directory does not know", "hidden-data", "b.py", || {
        zip(
            &[main_py(), Entry { unlisted: true, ..stored("evil.py", b"evil") }, stored("b.py", b"")],
            &End::default(),
        )
    });
    list.refused("unlisted file at the end", "before the directory", "hidden-data", "", || {
        zip(&[main_py(), Entry { unlisted: true, ..stored("evil.py", b"evil") }], &End::default())
    });
    list.refused("unlisted file at the beginning", "before the first", "prefix", "main.py", || {
        zip(&[Entry { unlisted: true, ..stored("evil.py", b"evil") }, main_py()], &End::default())
    });
    list.refused("listed twice", "two records for one header", "overlap", "main.py", || {
        let again = Entry { only_listed: true, header_at: Some(0), ..main_py() };
        zip(&[main_py(), again], &End::default())
    });
    list.refused(
        "listed under another name",
        "a second record of the same data",
        "local-header",
        "other.y",
        || {
            let again = Entry { only_listed: true, header_at: Some(0), ..stored("other.y", b"print(1)\n") };
            zip(&[main_py(), again], &End::default())
        },
    );
    list.taken("listed in another order", "the directory is not in the order of the data", || {
        let second_at = 30 + 7 + 9;
        let b = Entry { only_listed: true, header_at: Some(second_at), ..stored("b.py", b"2") };
        let first = Entry { header_at: Some(0), ..main_py() };
        let hidden = Entry { unlisted: true, ..stored("b.py", b"2") };
        zip(
            &[Entry { unlisted: true, ..main_py() }, hidden, b, Entry { only_listed: true, ..first }],
            &End::default(),
        )
    });
}
