//! Where an attempt's output ends, and where its reader has come to.

use super::file::LogFile;

/// Where an attempt's output ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct End {
    pub lines: u64,
    pub last_time_ns: i64,
    pub bytes: u64,
    /// How often the newer file became the older one, as far as we know.
    pub turns: u64,
    /// Where the pool's reader has come to.
    pub place: Option<Place>,
}

/// A record's place on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub number: u64,
    pub older: bool,
    pub offset: u64,
    /// Turns at the time when `older` was right.
    pub turns: u64,
}

impl Place {
    /// The same place after so many turns, unless its file is gone.
    pub(super) fn after(self, turns: u64) -> Option<Self> {
        match turns.checked_sub(self.turns)? {
            0 => Some(self),
            1 if !self.older => Some(Self { older: true, turns, ..self }),
            _ => None,
        }
    }
}

/// An attempt's files as they are at one moment.
pub(super) struct Opened {
    /// Older ones first, each with the place to begin at.
    pub files: Vec<(LogFile, Option<u64>, bool)>,
    pub turns: u64,
}
