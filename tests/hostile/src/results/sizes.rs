//! Sizes that lie, streams that end early or never.

use super::{List, MOST};
use crate::tar::{BLOCK, Entry, base256, file, folder, made, of_kind, stream};

pub(super) fn add(list: &mut List) {
    let sized = |field: [u8; 12]| Entry { size_field: Some(field), ..file("output/x", b"") };
    for (what, size) in [
        ("33 MiB", 33_i128 << 20),
        ("4 GiB", 4 << 30),
        ("a terabyte", 1 << 40),
        ("all of 63 bits", (1 << 63) - 1),
    ] {
        list.refused(
            format!("claims {what}"),
            "more than a result may have",
            "size",
            "output/x",
            vec![sized(base256(size)).bytes()],
        );
    }
    list.taken(
        "claims more than 64 bits",
        "base 256; what 64 bits cannot hold is not read",
        2,
        vec![sized(base256(1 << 70)).bytes(), file("output/y", b"y").bytes()],
    );
    list.damaged("claims a negative size", "base 256", stream(&[sized([0xff; 12]).bytes()]));
    for (what, field) in
        [("letters", *b"abcdefghijk\0"), ("nines", *b"99999999999\0"), ("a sign", *b"-0000000001\0")]
    {
        list.damaged(format!("claims {what}"), "no octal number", stream(&[sized(field).bytes()]));
    }
    list.damaged("claims nothing", "an empty field is no number", stream(&[sized([0; 12]).bytes()]));
    for size in ["0", "1", "511", "512", "513", "5000"] {
        let content = vec![7; size.parse().expect("a number")];
        list.taken(
            format!("PAX size of {size}"),
            "PAX and header agree",
            1,
            vec![file("output/x", &content).with_pax(&[("size", size.as_bytes())])],
        );
    }
    list.refused(
        "PAX size of a terabyte",
        "the header says 1",
        "size",
        "output/x",
        vec![file("output/x", b"x").with_pax(&[("size", b"1099511627776")])],
    );
    // A size that hides an entry from one reader and shows it to another.
    let hidden = file("output/../../evil", b"evil").bytes();
    list.refused(
        "PAX size that uncovers an entry",
        "PAX says 0, the header 1024: the rest is read as entries",
        "name-traversal",
        "output/../../evil",
        vec![Entry { content: hidden.clone(), ..file("output/x", b"") }.with_pax(&[("size", b"0")])],
    );
    list.taken(
        "PAX size that covers an entry",
        "PAX says 1024, the header 0: the next entry is content",
        1,
        vec![file("output/x", b"").with_pax(&[("size", b"1024")]), hidden],
    );
    list.taken(
        "PAX size that is no number",
        "the header says 1, and counts",
        2,
        vec![
            file("output/x", b"x").with_pax(&[("size", b"99999999999999999999999999")]),
            file("output/y", b"y").bytes(),
        ],
    );
    let many: Vec<_> = (0..9).map(|n| file(format!("output/{n}"), &vec![1; 4 << 20]).bytes()).collect();
    list.refused("adds up", "nine files of 4 MiB", "size", "output/7", many);
    let again: Vec<_> = std::iter::once(file("output/a", &vec![1; 4 << 20]).bytes())
        .chain((0..9).map(|n| crate::tar::hardlink(format!("output/{n}"), "output/a").bytes()))
        .collect();
    list.refused("adds up by hard links", "4 MiB under ten names", "size", "output/6", again);
    list.push("fills exactly", "with the zip's own records", "1 files taken".to_owned(), || {
        let content = MOST as usize - 22 - 76 - 2;
        std::io::Cursor::new(stream(&[file("output/x", &vec![1; content]).bytes()]))
    });
    list.push(
        "one byte too many",
        "with the zip's own records",
        "refused (size) at \"output/x\"".to_owned(),
        || {
            let content = MOST as usize - 22 - 76 - 2 + 1;
            std::io::Cursor::new(stream(&[file("output/x", &vec![1; content]).bytes()]))
        },
    );
    cuts(list);
}

fn cuts(list: &mut List) {
    let whole = stream(&[
        folder("output/d/").bytes(),
        file("output/d/x", &[7; 2000]).long(),
        file("output/y", b"y").bytes(),
    ]);
    for cut in [1, 511, 513, 1023, 1025, 1537, 2048 + 3, 2560 + 600, 2560 + 1999, 4608 + 100, 5121] {
        list.damaged(format!("cut at {cut}"), "the stream ends in the middle", whole[..cut].to_vec());
    }
    for cut in [BLOCK, 2 * BLOCK] {
        list.push(
            format!("cut at {cut}, between entries"),
            "the engine's own end is not asked for",
            "0 files taken".to_owned(),
            {
                let whole = whole.clone();
                move || std::io::Cursor::new(whole[..cut].to_vec())
            },
        );
    }
    list.damaged(
        "wrong checksum",
        "of the second header",
        stream(&[
            file("output/a", b"a").bytes(),
            Entry { checksum_off: 1, ..file("output/b", b"b") }.bytes(),
        ]),
    );
    list.damaged("text", "no tar at all", b"<html>this is no tar</html>".repeat(100));
    list.damaged("ones", "no tar at all", vec![0xff; 4096]);
    list.push("nothing", "an empty stream: no output folder", "0 files taken".to_owned(), std::io::empty);
    list.push("zeros", "only empty blocks", "0 files taken".to_owned(), || {
        std::io::Cursor::new(vec![0; 1 << 20])
    });
    list.push(
        "entries behind the end",
        "what follows two empty blocks is not read",
        "1 files taken".to_owned(),
        || {
            let mut all = stream(&[file("output/a", b"a").bytes()]);
            all.extend(file("../../evil", b"evil").bytes());
            std::io::Cursor::new(all)
        },
    );
    list.push("an empty block between", "is taken for the end", "1 files taken".to_owned(), || {
        std::io::Cursor::new(
            [file("output/a", b"a").bytes(), vec![0; BLOCK], file("output/b", b"b").bytes()].concat(),
        )
    });
    list.push("endless zeros", "the stream's end is not waited for", "0 files taken".to_owned(), || {
        made(|| Some(vec![0; 64 * BLOCK]))
    });
    list.push(
        "endless content of a link",
        "ends with the stream's end, memory flat",
        "0 files taken".to_owned(),
        || {
            let size = 200_u64 << 20;
            let mut first = Some(
                Entry { size_field: Some(base256(i128::from(size))), ..of_kind(b'2', "output/l") }.header(),
            );
            let mut left = size / (64 * BLOCK as u64);
            made(move || {
                first.take().or_else(|| {
                    left = left.checked_sub(1)?;
                    Some(vec![0; 64 * BLOCK])
                })
            })
        },
    );
}
