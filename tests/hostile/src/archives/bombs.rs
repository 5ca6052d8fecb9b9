//! Archives that are small and unpack to much, or cost much to look at.

use super::{DISK, List, refusal};
use crate::zip::{End, Entry, deflate, deflated, main_py, stored, zip};

/// Zeros, packed a thousandfold.
fn zeros(mib: usize) -> Entry {
    deflated("a.py", &vec![0; mib << 20])
}

fn one(entry: impl FnOnce() -> Entry + Send + 'static) -> impl FnOnce() -> Vec<u8> + Send + 'static {
    move || zip(&[entry()], &End::default())
}

pub(super) fn add(list: &mut List) {
    ratios(list);
    overlaps(list);
    counts(list);
    nested(list);
}

fn ratios(list: &mut List) {
    for mib in [2, 8, 16] {
        list.refused(
            format!("bomb of {mib} MiB"),
            "zeros packed a thousandfold",
            "ratio",
            "a.py",
            one(move || zeros(mib)),
        );
    }
    list.refused(
        "bomb larger than the disk",
        "the grant is 64 MiB",
        "unpacked-size",
        "a.py",
        one(|| Entry { size: 65 << 20, ..zeros(2) }),
    );
    list.refused(
        "bomb that claims 100 bytes",
        "unpacks to 8 MiB",
        "size",
        "a.py",
        one(|| Entry { size: 100, ..zeros(8) }),
    );
    list.refused(
        "bomb that claims 1 MiB",
        "unpacks to 8 MiB",
        "size",
        "a.py",
        one(|| Entry { size: 1 << 20, ..zeros(8) }),
    );
    list.refused(
        "bomb with a descriptor",
        "sizes come after the data",
        "ratio",
        "a.py",
        one(|| {
            let entry = zeros(8);
            Entry {
                flags: 0x0808,
                local_size: Some(0),
                local_packed: Some(0),
                local_crc: Some(0),
                after: crate::zip::descriptor(&entry),
                ..entry
            }
        }),
    );
    list.refused(
        "bomb padded with stored blocks",
        "an empty block before every piece",
        "ratio",
        "a.py",
        one(|| {
            let mut data = Vec::new();
            for _ in 0..200 {
                data.extend_from_slice(&[0, 0, 0, 0xff, 0xff]);
            }
            let entry = zeros(8);
            data.extend_from_slice(&entry.data);
            Entry { packed: data.len() as u32, data, ..entry }
        }),
    );
    list.refused(
        "endless empty blocks",
        "a MiB of deflate that says nothing",
        "damaged",
        "a.py",
        one(|| {
            let data = [0_u8, 0, 0, 0xff, 0xff].repeat(200_000);
            Entry { method: 8, packed: data.len() as u32, data, ..stored("a.py", b"") }
        }),
    );
    list.refused(
        "bomb that claims to be stored",
        "its packed size for its size",
        "checksum",
        "a.py",
        one(|| {
            let entry = zeros(2);
            Entry { method: 0, size: entry.packed, ..entry }
        }),
    );
    list.taken("one free MiB", "small files may be packed well", one(|| zeros(1)));
    list.refused("a hundred free MiB", "each of them free, not together", "ratio", "32.bin", || {
        let zeros = zeros(1);
        let many: Vec<_> =
            (0..64).map(|n| Entry { name: format!("{n:02}.bin").into_bytes(), ..zeros.clone() }).collect();
        zip(&many, &End::default())
    });
    list.refused(
        "many that add up beyond the disk",
        "65 files of a MiB that are packed well enough",
        "unpacked-size",
        "64.bin",
        || {
            let noise: Vec<u8> =
                (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x0f).collect();
            let entry = deflated("x", &noise);
            let many: Vec<_> = (0..65)
                .map(|n| Entry { name: format!("{n:02}.bin").into_bytes(), ..entry.clone() })
                .collect();
            zip(&many, &End::default())
        },
    );
    let disk_of = |list: &mut List, disk: u64, what: &str| {
        let expected = refusal("unpacked-size", b"main.py");
        let built = "a file of 9 bytes".to_owned();
        list.push(format!("disk of {what}"), built, expected, disk, || zip(&[main_py()], &End::default()));
    };
    disk_of(list, 0, "nothing");
    disk_of(list, 8, "one byte less");
    list.push(
        "disk of just enough".to_owned(),
        "a file of 9 bytes".to_owned(),
        "taken".to_owned(),
        9,
        || zip(&[main_py()], &End::default()),
    );
    let _ = DISK;
}

fn overlaps(list: &mut List) {
    list.refused(
        "overlap: a thousand names for one file",
        "records that share one header",
        "local-header",
        "1.bin",
        || {
            let data = zeros(1);
            let first = Entry { name: b"0.bin".to_vec(), ..data.clone() };
            let mut all = vec![first];
            all.extend((1..1000).map(|n| Entry {
                name: format!("{n}.bin").into_bytes(),
                only_listed: true,
                header_at: Some(0),
                ..data.clone()
            }));
            zip(&all, &End::default())
        },
    );
    list.refused(
        "overlap: quoted headers",
        "each file's deflate quotes the next file's header",
        "overlap",
        "1.bin",
        quoted,
    );
    list.refused(
        "overlap: second file inside the first",
        "stored inside of stored",
        "overlap",
        "b.py",
        || {
            let inner = zip(&[stored("b.py", b"2")], &End::default());
            let outer = stored("a.bin", &inner[..30 + 4 + 1]);
            let b = Entry { only_listed: true, header_at: Some(30 + 5), ..stored("b.py", b"2") };
            zip(&[outer, b], &End::default())
        },
    );
    list.refused(
        "overlap: the last byte is the next's first",
        "sizes one too large",
        "overlap",
        "b.py",
        || {
            let a = stored("a.py", b"1");
            zip(&[Entry { packed: 2, size: 2, ..a }, stored("b.py", b"2")], &End::default())
        },
    );
    list.refused(
        "overlap: descriptor inside the next",
        "a streamed file that ends in the next one",
        "overlap",
        "a.py",
        || {
            let a = stored("a.py", b"1");
            let a = Entry {
                flags: 0x0808,
                packed: 40,
                size: 40,
                local_packed: Some(0),
                local_size: Some(0),
                local_crc: Some(0),
                ..a
            };
            zip(&[a, stored("b.py", &[2; 99])], &End::default())
        },
    );
}

/// Two files: the first one's data is a stored deflate block around the second one's header, then the kernel that
/// both share. A reader that only follows the directory unpacks the kernel twice.
fn quoted() -> Vec<u8> {
    let kernel = deflate(&vec![b'a'; 100_000]);
    let second = Entry {
        method: 8,
        crc: crc32fast::hash(&vec![b'a'; 100_000]),
        size: 100_000,
        packed: kernel.len() as u32,
        data: kernel.clone(),
        ..stored("1.bin", b"")
    };
    let header = &zip(std::slice::from_ref(&second), &End::default())[..30 + 5];
    let length = header.len() as u16;
    let mut data = vec![0];
    data.extend_from_slice(&length.to_le_bytes());
    data.extend_from_slice(&(!length).to_le_bytes());
    let quote_at = 30 + 5 + data.len();
    data.extend_from_slice(header);
    data.extend_from_slice(&kernel);
    let unpacked = [header, &[b'a'; 100_000]].concat();
    let first = Entry {
        method: 8,
        crc: crc32fast::hash(&unpacked),
        size: unpacked.len() as u32,
        packed: data.len() as u32,
        data,
        ..stored("0.bin", b"")
    };
    zip(&[first, Entry { only_listed: true, header_at: Some(quote_at as u32), ..second }], &End::default())
}

fn counts(list: &mut List) {
    list.refused("a million entries", "a directory of 50 MB; the count overflows to 16960", "directory-size", "", || {
        let mut zip = Vec::with_capacity(60 << 20);
        let at = zip.len() as u32;
        for number in 0..1_000_000_u32 {
            zip.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0\0\x08\0\0\0\0\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0");
            zip.extend_from_slice(&(0o100_644_u32 << 16).to_le_bytes());
            zip.extend_from_slice(&0_u32.to_le_bytes());
            zip.extend_from_slice(format!("{number:07}").as_bytes());
        }
        let bytes = zip.len() as u32;
        zip.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        for field in [16_960_u16, 16_960] {
            zip.extend_from_slice(&field.to_le_bytes());
        }
        zip.extend_from_slice(&bytes.to_le_bytes());
        zip.extend_from_slice(&at.to_le_bytes());
        zip.extend_from_slice(&[0, 0]);
        zip
    });
    list.refused("65,000 empty files", "more than 20,000", "entries", "", || {
        let many: Vec<_> = (0..65_000).map(|n| stored(format!("{n}"), b"")).collect();
        zip(&many, &End::default())
    });
    list.refused("20,001 empty files", "one more than allowed", "entries", "", || {
        let many: Vec<_> = (0..20_001).map(|n| stored(format!("{n}"), b"")).collect();
        zip(&many, &End::default())
    });
    list.refused(
        "10,500 files in folders of their own",
        "21,000 with the folders",
        "entries",
        "10000/x",
        || {
            let many: Vec<_> = (0..10_500).map(|n| stored(format!("{n}/x"), b"")).collect();
            zip(&many, &End::default())
        },
    );
    // Each file lies 62 folders deep, so that it makes 63 nodes: the 318th is one too many.
    let deep = |n: usize| (0..62).map(|d| format!("{n}-{d}/")).collect::<String>() + "x";
    list.refused("318 files 62 folders deep", "20,034 with the folders", "entries", deep(317), move || {
        let many: Vec<_> = (0..318).map(|n| stored(deep(n), b"")).collect();
        zip(&many, &End::default())
    });
    list.taken("20,000 files with long names", "nearly 4 MiB of directory, all good", || {
        let long = "n".repeat(150);
        let many: Vec<_> = (0..20_000).map(|n| stored(format!("{long}{n:05}"), b"")).collect();
        zip(&many, &End::default())
    });
    let unfolded = |n: u32| format!("{}{n:05}", "\u{fdfa}".repeat(80));
    list.refused(
        "names that fold to eighteen times their length",
        "ligatures, 3 MiB of them",
        "name-length",
        unfolded(0),
        move || {
            let many: Vec<_> = (0..11_000).map(|n| stored(unfolded(n), b"")).collect();
            zip(&many, &End::default())
        },
    );
    list.taken("names that fold to four times their length", "squared words, 3 MiB of them", || {
        let long = "\u{337f}".repeat(80);
        let many: Vec<_> = (0..11_000).map(|n| stored(format!("{long}{n:05}"), b"")).collect();
        zip(&many, &End::default())
    });
    list.refused("a directory of comments", "5 MiB of them", "directory-size", "", || {
        let many: Vec<_> =
            (0..80).map(|n| Entry { comment: vec![b'c'; 65_535], ..stored(format!("{n}"), b"") }).collect();
        zip(&many, &End::default())
    });
    list.refused("a directory of extra fields", "5 MiB of them", "directory-size", "", || {
        let many: Vec<_> = (0..80)
            .map(|n| Entry { central_extra: vec![0; 65_535], ..stored(format!("{n}"), b"") })
            .collect();
        zip(&many, &End::default())
    });
}

fn nested(list: &mut List) {
    list.taken("nested bomb", "a zip in a zip in a zip is a file like any other", || {
        let mut inner = zip(&[zeros(4)], &End::default());
        for _ in 0..5 {
            inner = zip(&[stored("inner.zip", &inner)], &End::default());
        }
        inner
    });
    list.taken("nested in many", "ten copies of a bomb, none of them opened", || {
        let inner = zip(&[zeros(4)], &End::default());
        let many: Vec<_> = (0..10).map(|n| stored(format!("{n}.zip"), &inner)).collect();
        zip(&many, &End::default())
    });
    list.refused(
        "nested and deflated twice",
        "the outer one shrinks a thousandfold again",
        "ratio",
        "bomb.zip",
        || {
            let inner = zip(&[deflated("a", &vec![0; 4 << 20])], &End::default());
            let twice = inner.repeat(64);
            zip(&[deflated("bomb.zip", &vec![twice[0]; 4 << 20])], &End::default())
        },
    );
}
