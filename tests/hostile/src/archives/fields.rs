//! One lie in one field of an otherwise good package.

use super::List;
use crate::zip::{End, Entry, deflated, descriptor, extra, main_py, stored, zip};

fn text() -> Vec<u8> {
    "some text that is packed\n".repeat(40).into_bytes()
}

fn packed() -> Entry {
    deflated("a.py", &text())
}

fn one(entry: Entry) -> impl FnOnce() -> Vec<u8> + Send + 'static {
    move || zip(&[entry], &End::default())
}

pub(super) fn add(list: &mut List) {
    ends(list);
    sizes(list);
    headers(list);
    descriptors(list);
    methods(list);
    flags(list);
    extras(list);
}

fn ends(list: &mut List) {
    let mut lie = |what: &str, rule: &str, entry: &str, end: End| {
        list.refused(
            format!("end: {what}"),
            "a good package with this in its end record",
            rule,
            entry,
            move || zip(&[main_py()], &end),
        );
    };
    lie("two entries", "directory", "", End { entries: Some(2), ..End::default() });
    lie("no entries", "directory", "", End { entries: Some(0), ..End::default() });
    lie("20001 entries", "entries", "", End { entries: Some(20_001), ..End::default() });
    lie("65534 entries", "entries", "", End { entries: Some(65_534), ..End::default() });
    lie("second disk", "multi-disk", "", End { disk: 1, ..End::default() });
    lie("last disk", "zip64", "", End { disk: 0xffff, entries: Some(0xffff), ..End::default() });
    lie("directory on the second disk", "multi-disk", "", End { directory_disk: Some(1), ..End::default() });
    lie("fewer here", "multi-disk", "", End { entries_here: Some(0), ..End::default() });
    lie("more here", "multi-disk", "", End { entries_here: Some(7), ..End::default() });
    lie("directory of no bytes", "directory", "", End { directory_bytes: Some(0), ..End::default() });
    lie("directory one byte short", "directory", "", End { directory_bytes: Some(52), ..End::default() });
    lie("directory one byte long", "directory", "", End { directory_bytes: Some(54), ..End::default() });
    lie("directory of 5 MiB", "directory-size", "", End { directory_bytes: Some(5 << 20), ..End::default() });
    lie(
        "directory of 4 GiB",
        "directory-size",
        "",
        End { directory_bytes: Some(u32::MAX - 1), ..End::default() },
    );
    lie("directory at the beginning", "directory", "", End { directory_at: Some(0), ..End::default() });
    lie("directory beyond the end", "directory", "", End { directory_at: Some(1 << 30), ..End::default() });
    lie(
        "directory at the last place",
        "directory",
        "",
        End { directory_at: Some(u32::MAX - 1), ..End::default() },
    );
    lie("comment that is none", "truncated", "", End { comment_bytes: Some(9), ..End::default() });
    lie(
        "comment of 64 KiB that is none",
        "truncated",
        "",
        End { comment_bytes: Some(0xffff), ..End::default() },
    );
    let short = End { comment: b"twelve bytes".to_vec(), comment_bytes: Some(5), ..End::default() };
    lie("comment longer than told", "trailing-data", "", short);
    lie("wrong mark", "not-a-zip", "", End { mark: Some(*b"PK\x05\x07"), ..End::default() });
}

fn sizes(list: &mut List) {
    let mut lie = |what: &str, rule: &str, entry: Entry| {
        let name = String::from_utf8(entry.name.clone()).expect("text");
        list.refused(format!("sizes: {what}"), "one entry with this", rule, name, one(entry));
    };
    lie("wrong checksum, stored", "checksum", Entry { crc: 1, ..main_py() });
    lie("wrong checksum, deflated", "checksum", Entry { crc: 1, ..packed() });
    lie("no checksum", "checksum", Entry { crc: 0, ..main_py() });
    lie("stored with less", "size", Entry { size: 3, ..main_py() });
    lie("stored with more", "size", Entry { size: 300, ..main_py() });
    lie("unpacks to one byte more", "size", Entry { size: text().len() as u32 - 1, ..packed() });
    lie("unpacks to one byte less", "size", Entry { size: text().len() as u32 + 1, ..packed() });
    lie("says it is empty", "size", Entry { size: 0, ..packed() });
    lie("empty says it holds something", "damaged", Entry { size: 9, method: 8, ..stored("a.py", b"") });
    lie("4 GiB out of nothing", "unpacked-size", Entry { size: u32::MAX - 1, ..packed() });
    let cut = |bytes: usize| {
        let mut entry = packed();
        entry.data.truncate(bytes);
        entry.packed = entry.data.len() as u32;
        entry
    };
    lie("deflate cut by one byte", "damaged", cut(packed().data.len() - 1));
    lie("deflate cut to one byte", "damaged", cut(1));
    lie("deflate of no bytes", "damaged", cut(0));
    let with_first = |byte: u8| {
        let mut entry = packed();
        entry.data[0] = byte;
        entry
    };
    lie("deflate with the reserved block", "damaged", with_first(0xff));
    lie("deflate with wrong tables", "damaged", with_first(0x05));
    let more = |bytes: &[u8]| {
        let mut entry = packed();
        entry.data.extend_from_slice(bytes);
        entry.packed = entry.data.len() as u32;
        entry
    };
    lie("a byte behind deflate's end", "hidden-data", more(b"x"));
    lie("a second deflate stream", "hidden-data", more(&packed().data));
    lie("a page behind deflate's end", "hidden-data", more(&[0; 4096]));
    let zlib = || {
        let mut entry = packed();
        entry.data = [&b"\x78\x9c"[..], &entry.data].concat();
        entry.packed = entry.data.len() as u32;
        entry
    };
    lie("zlib instead of deflate", "damaged", zlib());
    lie("data runs into the directory", "overlap", Entry { packed: 4000, size: 4000, ..main_py() });
    lie("data of 4 GiB", "overlap", Entry { packed: u32::MAX - 1, size: u32::MAX - 1, ..main_py() });
    lie("packed one byte less", "hidden-data", {
        let entry = packed();
        Entry { packed: entry.packed + 1, after: vec![0], ..entry }
    });
}

fn headers(list: &mut List) {
    let mut lie = |what: &str, rule: &str, name: &str, entry: Entry| {
        list.refused(
            format!("header: {what}"),
            "one entry whose own header says this",
            rule,
            name,
            one(entry),
        );
    };
    let header = "local-header";
    lie("other method", header, "main.py", Entry { local_method: Some(8), ..main_py() });
    lie("stored instead of deflated", header, "a.py", Entry { local_method: Some(0), ..packed() });
    lie("encrypted", header, "main.py", Entry { local_flags: Some(0x0801), ..main_py() });
    lie("streamed", header, "main.py", Entry { local_flags: Some(0x0808), ..main_py() });
    lie("other checksum", header, "main.py", Entry { local_crc: Some(9), ..main_py() });
    lie("no checksum", header, "main.py", Entry { local_crc: Some(0), ..main_py() });
    lie("smaller", header, "main.py", Entry { local_size: Some(1), ..main_py() });
    lie("larger", header, "main.py", Entry { local_size: Some(1 << 30), ..main_py() });
    lie("packed smaller", header, "main.py", Entry { local_packed: Some(1), ..main_py() });
    lie("packed larger", header, "main.py", Entry { local_packed: Some(1 << 30), ..main_py() });
    lie("other name", header, "main.py", Entry { local_name: Some(b"evil.py".to_vec()), ..main_py() });
    lie("other case", header, "main.py", Entry { local_name: Some(b"MAIN.py".to_vec()), ..main_py() });
    lie("longer name", header, "main.py", Entry { local_name: Some(b"main.py.exe".to_vec()), ..main_py() });
    lie("shorter name", header, "main.py", Entry { local_name: Some(b"main".to_vec()), ..main_py() });
    lie("no name", header, "main.py", Entry { local_name: Some(Vec::new()), ..main_py() });
    lie(
        "name of 64 KiB that is none",
        "overlap",
        "main.py",
        Entry { local_name_bytes: Some(0xffff), ..main_py() },
    );
    lie(
        "extra fields that are none",
        "overlap",
        "main.py",
        Entry { local_extra_bytes: Some(0xffff), ..main_py() },
    );
    lie(
        "data taken for extra fields",
        "overlap",
        "main.py",
        Entry { local_extra_bytes: Some(4), ..main_py() },
    );
    lie("wrong mark", header, "main.py", Entry { local_mark: *b"PK\x03\x05", ..main_py() });
    lie("directory's mark", header, "main.py", Entry { local_mark: *b"PK\x01\x02", ..main_py() });
    lie("zeroed mark", header, "main.py", Entry { local_mark: [0; 4], ..main_py() });
    lie("no header there", header, "a.py", Entry { header_at: Some(3), ..stored("a.py", &[0; 64]) });
    lie("beyond the directory", header, "main.py", Entry { header_at: Some(1 << 30), ..main_py() });
    lie("at the last place", header, "main.py", Entry { header_at: Some(u32::MAX - 1), ..main_py() });
    lie("inside the directory", header, "main.py", Entry { header_at: Some(46), ..main_py() });
    lie("inside the data", "prefix", "main.py", {
        let inner = zip(&[main_py()], &End::default());
        Entry { header_at: Some(30 + 7), data: inner, crc: main_py().crc, packed: 9, size: 9, ..main_py() }
    });
    for (what, mark) in [("header's mark", *b"PK\x03\x04"), ("no mark", [0; 4])] {
        list.refused(
            format!("record: {what}"),
            "a record of the directory without its mark",
            "directory",
            "",
            move || zip(&[Entry { central_mark: mark, ..main_py() }], &End::default()),
        );
    }
    for (what, entry) in [
        ("name of 64 KiB that is none", Entry { central_name_bytes: Some(0xffff), ..main_py() }),
        ("extra fields that are none", Entry { central_extra_bytes: Some(0xffff), ..main_py() }),
        ("comment that is none", Entry { comment_bytes: Some(0xffff), ..main_py() }),
        ("comment one byte long", Entry { comment_bytes: Some(1), ..main_py() }),
    ] {
        list.refused(
            format!("record: {what}"),
            "a record that is longer than the directory",
            "directory",
            "",
            one(entry),
        );
    }
    list.refused("record: next record taken for a comment", "two files, one seen", "directory", "", || {
        zip(&[Entry { comment_bytes: Some(50), ..main_py() }, stored("b.py", b"")], &End::default())
    });
    list.refused(
        "record: other disk",
        "lies on the second disk",
        "multi-disk",
        "main.py",
        one(Entry { disk: 1, ..main_py() }),
    );
    list.taken("record: internal attributes", "all bits set", one(Entry { internal: 0xffff, ..main_py() }));
    list.taken(
        "record: comment",
        "a comment of 1000 bytes",
        one(Entry { comment: vec![b'c'; 1000], ..main_py() }),
    );
    for made_by in [0_u16, 3, 7, 10, 19, 255] {
        list.taken(
            format!("record: made by system {made_by}"),
            "a plain file",
            one(Entry { made_by: made_by << 8 | 20, ..main_py() }),
        );
    }
}

fn descriptors(list: &mut List) {
    let streamed = |after: Vec<u8>| Entry { flags: 0x0808, after, ..packed() };
    let good = descriptor(&packed());
    list.taken("descriptor: good", "with its mark", one(streamed(good.clone())));
    list.taken("descriptor: unmarked", "without its mark", one(streamed(good[4..].to_vec())));
    for (what, at) in [("checksum", 4), ("packed size", 8), ("size", 12)] {
        let mut after = good.clone();
        after[at] ^= 1;
        list.refused(
            format!("descriptor: other {what}"),
            "one bit differs",
            "hidden-data",
            "a.py",
            one(streamed(after)),
        );
    }
    for (what, after) in [
        ("missing", Vec::new()),
        ("one byte short", good[..15].to_vec()),
        ("one byte long", [&good[..], b"x"].concat()),
        ("twice", [&good[..], &good].concat()),
        ("text of its size", b"sixteen bytes...".to_vec()),
        ("of zeros", vec![0; 16]),
        ("24 bytes of something", vec![7; 24]),
        ("20 bytes of something", vec![7; 20]),
    ] {
        list.refused(
            format!("descriptor: {what}"),
            "behind a streamed entry",
            "hidden-data",
            "a.py",
            one(streamed(after)),
        );
    }
    let unannounced = Entry { after: good, ..packed() };
    list.refused(
        "descriptor: not announced",
        "behind an entry without the flag",
        "hidden-data",
        "",
        one(unannounced),
    );
}

fn methods(list: &mut List) {
    for method in (1..=7).chain(9..=20).chain(92..=99).chain([255, 0xffff]) {
        list.refused(
            format!("method {method}"),
            "packed in this way",
            "method",
            "main.py",
            one(Entry { method, ..main_py() }),
        );
    }
    list.refused(
        "method store, data deflated",
        "told as stored",
        "size",
        "a.py",
        one(Entry { method: 0, ..packed() }),
    );
    list.refused(
        "method deflate, data stored",
        "told as deflated",
        "damaged",
        "main.py",
        one(Entry { method: 8, ..main_py() }),
    );
}

fn flags(list: &mut List) {
    for bit in 0..16_u16 {
        let entry = Entry { flags: 1 << bit, ..main_py() };
        let (rule, what) = match bit {
            0 | 6 | 13 => ("encrypted", "encrypted"),
            5 => ("method", "a patch"),
            3 => ("hidden-data", "streamed, without a descriptor"),
            _ => {
                list.taken(format!("flag {bit}"), "a plain file with this flag", one(entry));
                continue;
            }
        };
        list.refused(format!("flag {bit}"), what, rule, "main.py", one(entry));
    }
    for (what, flags) in
        [("encrypted and streamed", 0x0809), ("strongly encrypted", 0x0841), ("masked", 0x2801)]
    {
        list.refused(
            format!("flags {what}"),
            what,
            "encrypted",
            "main.py",
            one(Entry { flags, ..main_py() }),
        );
    }
}

fn extras(list: &mut List) {
    let unicode_path = |name: &[u8]| {
        let crc = crc32fast::hash(b"main.py").to_le_bytes();
        extra(0x7075, &[&[1][..], &crc, name].concat())
    };
    list.refused("extra: second name", "Info-ZIP's Unicode path names evil.py", "second-name", "main.py", {
        one(Entry { central_extra: unicode_path(b"../evil.py"), ..main_py() })
    });
    list.refused(
        "extra: second name in its header",
        "only in the file's own header",
        "second-name",
        "main.py",
        one(Entry { extra: unicode_path(b"../evil.py"), ..main_py() }),
    );
    list.refused("extra: second name behind others", "third of three", "second-name", "main.py", {
        let fields =
            [extra(0x5455, &[3, 0, 0, 0, 0]), extra(0x7875, &[1, 0]), unicode_path(b"evil.py")].concat();
        one(Entry { central_extra: fields, ..main_py() })
    });
    list.refused("extra: empty second name", "a Unicode path of no bytes", "second-name", "main.py", {
        one(Entry { central_extra: extra(0x7075, &[]), ..main_py() })
    });
    list.taken("extra: same second name", "the Unicode path names the same", {
        one(Entry { central_extra: unicode_path(b"main.py"), extra: unicode_path(b"main.py"), ..main_py() })
    });
    list.taken("extra: times and owner", "what Info-ZIP writes", {
        let fields =
            [extra(0x5455, &[3, 0, 0, 0, 0, 0, 0, 0, 0]), extra(0x7875, &[1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0])];
        one(Entry { extra: fields.concat(), central_extra: extra(0x5455, &[3, 0, 0, 0, 0]), ..main_py() })
    });
    list.taken("extra: root's owner", "says it belongs to user 0: nobody asks", {
        one(Entry { extra: extra(0x7875, &[1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0]), ..main_py() })
    });
    list.taken(
        "extra: 64 KiB",
        "as much as there can be",
        one(Entry { extra: vec![0; 65_000], ..main_py() }),
    );
    list.taken("extra: lies about its own length", "a field longer than all of them", {
        one(Entry { extra: vec![0x55, 0x54, 0xff, 0xff, 1, 2, 3], ..main_py() })
    });
}
