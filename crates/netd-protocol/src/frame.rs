//! Frames: two bytes of length, then JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::{Zeroize, Zeroizing};

/// Largest frame, without its length.
pub const MOST_BYTES: usize = 4096;

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`MOST_BYTES`], or empty.
    #[error("a frame has 1 to {MOST_BYTES} bytes")]
    Oversize,
    /// Not what was expected inside.
    #[error("a frame was not understood")]
    Malformed,
}

/// One frame's bytes, wiped when they go.
pub type Frame = Zeroizing<Vec<u8>>;

/// Makes a frame.
///
/// # Errors
/// [`FrameError::Oversize`].
pub fn encode<T: Serialize>(word: &T) -> Result<Frame, FrameError> {
    // As large as it can get: a buffer that grows leaves its old bytes behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 2));
    bytes.extend_from_slice(&[0, 0]);
    serde_json::to_writer(&mut *bytes, word).map_err(|_| FrameError::Malformed)?;
    let length = u16::try_from(bytes.len() - 2).ok().filter(|length| usize::from(*length) <= MOST_BYTES);
    bytes[..2].copy_from_slice(&length.ok_or(FrameError::Oversize)?.to_be_bytes());
    Ok(bytes)
}

/// Takes frames out of what comes in.
#[derive(Default)]
pub struct Frames {
    bytes: Zeroizing<Vec<u8>>,
}

impl Frames {
    /// What came. The length of a frame is judged before the rest of it is kept.
    ///
    /// # Errors
    /// [`FrameError::Oversize`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(2 * (MOST_BYTES + 2));
        }
        if self.bytes.len() + bytes.len() > 2 * (MOST_BYTES + 2) {
            return Err(FrameError::Oversize);
        }
        self.bytes.extend_from_slice(bytes);
        self.length().map(|_| ())
    }

    fn length(&self) -> Result<Option<usize>, FrameError> {
        let Some(length) = self.bytes.first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if (1..=MOST_BYTES).contains(&length) { Ok(Some(length)) } else { Err(FrameError::Oversize) }
    }

    /// Whether a frame has begun and is not there whole.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next word, when it is there whole.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some(length) = self.length()? else { return Ok(None) };
        let Some(body) = self.bytes.get(2..2 + length) else { return Ok(None) };
        let word = serde_json::from_slice(body).map_err(|_| FrameError::Malformed);
        let rest = self.bytes.len() - length - 2;
        self.bytes.copy_within(2 + length.., 0);
        self.bytes[rest..].zeroize();
        self.bytes.truncate(rest);
        word.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Keys, Network, Request, Secret, Up};

    fn up() -> Request {
        Request::Up(Box::new(Up {
            network: Network {
                addresses: vec!["10.77.0.2/32".parse().unwrap()],
                allowed_ips: vec!["10.77.0.0/24".parse().unwrap()],
                mtu: 1220,
                endpoint: "203.0.113.2:51820".parse().unwrap(),
            },
            keys: Some(Keys {
                private_key: Secret::new([7; 32]),
                public_key: Secret::new([8; 32]),
                preshared: None,
                listen_port: 0,
                keepalive: 25,
            }),
        }))
    }

    #[test]
    fn words_come_out_as_they_went_in_whatever_the_pieces() {
        let words = [Request::hello(), up(), Request::Status, Request::Down];
        let bytes: Vec<u8> = words.iter().flat_map(|word| encode(word).unwrap().to_vec()).collect();
        for piece in [1, 2, 3, 7, bytes.len()] {
            let (mut frames, mut got) = (Frames::default(), Vec::new());
            for part in bytes.chunks(piece) {
                frames.push(part).unwrap();
                while let Some(word) = frames.take::<Request>().unwrap() {
                    got.push(word);
                }
            }
            assert_eq!(got, words);
            assert!(!frames.waits());
        }
        let answer = Answer::Welcome { version: 1, kind: crate::Kind::Packets };
        let mut frames = Frames::default();
        frames.push(&encode(&answer).unwrap()).unwrap();
        assert_eq!(frames.take::<Answer>(), Ok(Some(answer)));
    }

    #[test]
    fn a_key_is_not_shown() {
        let text = format!("{:?}", up());
        assert!(text.contains("Secret(…)") && !text.contains("7, 7"), "{text}");
    }

    #[test]
    fn wrong_lengths_are_refused_before_more_is_kept() {
        for length in [0_u16, 4097, u16::MAX] {
            assert_eq!(Frames::default().push(&length.to_be_bytes()), Err(FrameError::Oversize));
        }
        let mut frames = Frames::default();
        frames.push(&4096_u16.to_be_bytes()).unwrap();
        frames.push(&[b' '; 4096]).unwrap();
        assert_eq!(frames.take::<Request>(), Err(FrameError::Malformed));
    }
}
