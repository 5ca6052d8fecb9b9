//! zip64, which is not read: its records must not make a package mean two things.

use super::List;
use crate::zip::{End, Entry, deflated, descriptor, end64, extra, main_py, stored, zip};

fn sizes64(size: u64, packed: u64) -> Vec<u8> {
    extra(1, &[size.to_le_bytes(), packed.to_le_bytes()].concat())
}

pub(super) fn add(list: &mut List) {
    let one = |entry: Entry| move || zip(&[entry], &End::default());
    let ended = |end: End| move || zip(&[main_py()], &end);
    let max = u32::MAX;
    list.refused(
        "zip64 count",
        "the end record leaves the count to zip64",
        "zip64",
        "",
        ended(End { entries: Some(0xffff), ..End::default() }),
    );
    list.refused(
        "zip64 directory's size",
        "left to zip64",
        "zip64",
        "",
        ended(End { directory_bytes: Some(max), ..End::default() }),
    );
    list.refused(
        "zip64 directory's place",
        "left to zip64",
        "zip64",
        "",
        ended(End { directory_at: Some(max), ..End::default() }),
    );
    for (what, entries) in [("the same", 1), ("a million", 1_000_000), ("all there are", u64::MAX)] {
        list.refused(format!("zip64 end that says {what}"), "both end records", "zip64", "", move || {
            let at = 30 + 7 + 9;
            let records = end64(entries, 53, at, at + 53);
            zip(&[main_py()], &End { after_directory: records, ..End::default() })
        });
        list.refused(
            format!("zip64 end that says {what}, sizes left out"),
            "the usual way",
            "zip64",
            "",
            move || {
                let at = 30 + 7 + 9;
                let records = end64(entries, 53, at, at + 53);
                let end = End {
                    after_directory: records,
                    entries: Some(0xffff),
                    directory_at: Some(max),
                    directory_bytes: Some(max),
                    ..End::default()
                };
                zip(&[main_py()], &end)
            },
        );
    }
    list.refused("zip64 end elsewhere", "the locator points beyond the file", "zip64", "", || {
        zip(&[main_py()], &End { after_directory: end64(1, 53, 46, u64::MAX), ..End::default() })
    });
    list.refused("zip64 locator alone", "without its record", "zip64", "", || {
        zip(&[main_py()], &End { after_directory: end64(1, 53, 46, 99)[56..].to_vec(), ..End::default() })
    });
    list.refused("zip64 record alone", "without its locator", "directory", "", || {
        zip(&[main_py()], &End { after_directory: end64(1, 53, 46, 99)[..56].to_vec(), ..End::default() })
    });
    for (what, entry) in [
        ("size", Entry { size: max, ..main_py() }),
        ("packed size", Entry { packed: max, ..main_py() }),
        ("place", Entry { header_at: Some(max), ..main_py() }),
        ("all of them", Entry { size: max, packed: max, header_at: Some(max), ..main_py() }),
    ] {
        let with = Entry { central_extra: sizes64(9, 9), ..entry.clone() };
        list.refused(
            format!("zip64 {what}"),
            "the directory leaves it to zip64",
            "zip64",
            "main.py",
            one(entry),
        );
        list.refused(
            format!("zip64 {what}, with the field"),
            "and the field is there",
            "zip64",
            "main.py",
            one(with),
        );
    }
    let large = |size: u64, packed: u64| Entry {
        local_size: Some(max),
        local_packed: Some(max),
        extra: sizes64(size, packed),
        ..main_py()
    };
    list.taken(
        "zip64 in its header, the same",
        "what writers leave that did not know the size",
        one(large(9, 9)),
    );
    for (what, size, packed) in
        [("size", 10, 9), ("packed size", 9, 10), ("both", u64::MAX, u64::MAX), ("none", 0, 0)]
    {
        list.refused(
            format!("zip64 in its header, other {what}"),
            "the directory says 9 and 9",
            "local-header",
            "main.py",
            one(large(size, packed)),
        );
    }
    list.refused(
        "zip64 in its header, no field",
        "sizes left out, and nothing in their place",
        "local-header",
        "main.py",
        one(Entry { local_size: Some(max), local_packed: Some(max), ..main_py() }),
    );
    list.refused(
        "zip64 in its header, short field",
        "four bytes where sixteen belong",
        "local-header",
        "main.py",
        {
            one(Entry {
                local_size: Some(max),
                local_packed: Some(max),
                extra: extra(1, &[9, 0, 0, 0]),
                ..main_py()
            })
        },
    );
    list.taken(
        "zip64 field that nobody asked for",
        "sizes stand where they belong",
        one(Entry {
            central_extra: sizes64(1 << 40, 1 << 40),
            extra: sizes64(1 << 40, 1 << 40),
            ..main_py()
        }),
    );
    let streamed = deflated("a.py", &[b'x'; 900]);
    let wide = |size: u64| {
        let mut after = descriptor(&streamed)[..8].to_vec();
        after.extend_from_slice(&u64::from(streamed.packed).to_le_bytes());
        after.extend_from_slice(&size.to_le_bytes());
        Entry {
            flags: 0x0808,
            local_crc: Some(0),
            local_size: Some(max),
            local_packed: Some(max),
            after,
            ..streamed.clone()
        }
    };
    list.taken("zip64 descriptor", "64-bit sizes behind the data", one(wide(900)));
    list.refused(
        "zip64 descriptor that lies",
        "another size in 64 bits",
        "hidden-data",
        "a.py",
        one(wide(900 + (1 << 32))),
    );
    list.refused(
        "zip64 everywhere, stored",
        "every field at its mark",
        "zip64",
        "x",
        one(Entry {
            size: max,
            packed: max,
            local_size: Some(max),
            local_packed: Some(max),
            ..stored("x", b"")
        }),
    );
}
