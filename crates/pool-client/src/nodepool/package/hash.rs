//! The network's hash of a package. It is computed as a torrent's, but for `pieces`, which stands as a list of numbers
//! instead of a string of bytes.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA1_OUTPUT_LEN};
use std::fmt;

/// Bytes of every piece but the last.
pub(crate) const PIECE: u64 = 524_288;
/// Pieces of the largest package.
pub(crate) const MOST_PIECES: u64 = 4097;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct InfoHash(pub(crate) [u8; SHA1_OUTPUT_LEN]);

impl InfoHash {
    /// Of 40 hexadecimal digits.
    pub(crate) fn from_hex(digits: &str) -> Option<Self> {
        let bytes = hex::decode(digits).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes pieces in order.
#[derive(Default)]
pub(crate) struct Pieces {
    hashes: Vec<u8>,
    length: u64,
}

impl Pieces {
    pub(crate) fn add(&mut self, piece: &[u8]) {
        let digest = ring::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, piece);
        self.hashes.extend_from_slice(digest.as_ref());
        self.length += piece.len() as u64;
    }

    /// The hash of the whole under this name.
    pub(crate) fn info_hash(&self, name: &str) -> InfoHash {
        let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        let head =
            format!("d6:lengthi{}e4:name{}:{name}12:piece lengthi{PIECE}e6:piecesl", self.length, name.len());
        context.update(head.as_bytes());
        for byte in &self.hashes {
            context.update(format!("i{byte}e").as_bytes());
        }
        context.update(b"ee");
        let mut hash = [0; SHA1_OUTPUT_LEN];
        hash.copy_from_slice(context.finish().as_ref());
        InfoHash(hash)
    }
}

/// How many pieces a package of this length has.
pub(crate) fn count(length: u64) -> u64 {
    length.div_ceil(PIECE)
}
