//! Tar streams built block by block: every field is open to lies.

use std::io::{self, Read};

/// Size of a block.
pub const BLOCK: usize = 512;

/// One entry, written with [`Entry::bytes`].
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub kind: u8,
    pub content: Vec<u8>,
    pub link: Vec<u8>,
    /// The twelve bytes of the size field, where they lie.
    pub size_field: Option<[u8; 12]>,
    /// Added to the checksum.
    pub checksum_off: u32,
    /// The magic and version: `ustar\0` and `00`, or GNU's `ustar  \0`.
    pub magic: [u8; 8],
    /// The 155 bytes of the ustar prefix.
    pub prefix: Vec<u8>,
    pub mode: u32,
    pub uid: u32,
}

/// A regular file.
pub fn file(name: impl AsRef<[u8]>, content: &[u8]) -> Entry {
    Entry {
        name: name.as_ref().to_vec(),
        kind: b'0',
        content: content.to_vec(),
        link: Vec::new(),
        size_field: None,
        checksum_off: 0,
        magic: *b"ustar\x0000",
        prefix: Vec::new(),
        mode: 0o644,
        uid: 65_532,
    }
}

/// An entry of another kind, by its type flag.
pub fn of_kind(kind: u8, name: impl AsRef<[u8]>) -> Entry {
    Entry { kind, ..file(name, b"") }
}

/// A folder.
pub fn folder(name: impl AsRef<[u8]>) -> Entry {
    of_kind(b'5', name)
}

/// A symbolic link.
pub fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
    Entry { link: target.as_ref().to_vec(), ..of_kind(b'2', name) }
}

/// A hard link.
pub fn hardlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
    Entry { link: target.as_ref().to_vec(), ..of_kind(b'1', name) }
}

/// An octal number in a field of this many bytes.
fn octal(value: u64, width: usize) -> Vec<u8> {
    format!("{value:0digits$o}\0", digits = width - 1).into_bytes()
}

/// A size field in base 256, as GNU writes what octal cannot hold.
pub fn base256(value: i128) -> [u8; 12] {
    let mut field = [0; 12];
    field.copy_from_slice(&value.to_be_bytes()[4..]);
    field[0] |= 0x80;
    field
}

impl Entry {
    /// Header, content, padding.
    pub fn bytes(&self) -> Vec<u8> {
        let mut block = self.header();
        block.extend_from_slice(&self.content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    /// The header alone.
    pub fn header(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name[..self.name.len().min(100)]);
        put(100, &octal(u64::from(self.mode), 8));
        put(108, &octal(u64::from(self.uid), 8));
        put(116, &octal(u64::from(self.uid), 8));
        put(
            124,
            &self.size_field.unwrap_or_else(|| octal(self.content.len() as u64, 12).try_into().expect("12")),
        );
        put(136, &octal(315_532_800, 12));
        put(156, &[self.kind]);
        put(157, &self.link[..self.link.len().min(100)]);
        put(257, &self.magic);
        put(345, &self.prefix[..self.prefix.len().min(155)]);
        put(148, b"        ");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{:06o}\0 ", sum + self.checksum_off).as_bytes());
        block
    }

    /// The entry behind a GNU long name that holds its whole name.
    pub fn long(&self) -> Vec<u8> {
        let name = [&self.name[..], b"\0"].concat();
        [Entry { content: name, ..of_kind(b'L', "././@LongLink") }.bytes(), self.bytes()].concat()
    }

    /// The entry behind PAX records.
    pub fn with_pax(&self, records: &[(&str, &[u8])]) -> Vec<u8> {
        [pax(b'x', records), self.bytes()].concat()
    }
}

/// One PAX record: its length counts itself.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

/// PAX records for the next entry (`x`) or all that follow (`g`).
pub fn pax(kind: u8, records: &[(&str, &[u8])]) -> Vec<u8> {
    let content = records.iter().flat_map(|(key, value)| record(key, value)).collect();
    Entry { content, ..of_kind(kind, "PaxHeaders.0/x") }.bytes()
}

/// The engine's stream: the output folder, these pieces, two empty blocks.
pub fn stream(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut all = folder("output/").bytes();
    all.extend(pieces.iter().flatten());
    all.extend_from_slice(&[0; 2 * BLOCK]);
    all
}

/// A stream that is made while it is read: memory spent on it would be taken for the worker's.
pub struct Made<F> {
    next: F,
    piece: Vec<u8>,
    at: usize,
}

/// A stream of the pieces that `next` gives, until it gives none.
pub fn made<F: FnMut() -> Option<Vec<u8>>>(next: F) -> Made<F> {
    Made { next, piece: Vec::new(), at: 0 }
}

impl<F: FnMut() -> Option<Vec<u8>>> Read for Made<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match (self.next)() {
                Some(piece) => (self.piece, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
        let many = buffer.len().min(self.piece.len() - self.at);
        buffer[..many].copy_from_slice(&self.piece[self.at..self.at + many]);
        self.at += many;
        Ok(many)
    }
}
