//! A bound on what stands before an entry's content.

use crate::policy::MAX_ENTRY_HEAD_BYTES;
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// A reader that gives no more than [`MAX_ENTRY_HEAD_BYTES`] while a head is read.
#[derive(Debug)]
pub(super) struct Bounded<R> {
    inner: R,
    head: Head,
}

/// Says where a head begins and ends. Shared with its [`Bounded`].
#[derive(Debug, Clone)]
pub(super) struct Head(Rc<Cell<Option<u64>>>);

impl<R> Bounded<R> {
    pub(super) fn new(inner: R) -> (Self, Head) {
        let head = Head(Rc::new(Cell::new(None)));
        (Self { inner, head: head.clone() }, head)
    }
}

impl Head {
    /// What is read from now on belongs to a head.
    pub(super) fn begins(&self) {
        self.0.set(Some(MAX_ENTRY_HEAD_BYTES));
    }

    /// What is read from now on is content.
    pub(super) fn ends(&self) {
        self.0.set(None);
    }

    /// Whether the present head was longer than it may be.
    pub(super) fn too_long(&self) -> bool {
        self.0.get() == Some(0)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.head.0.get() else { return self.inner.read(buffer) };
        if left == 0 {
            return Err(io::Error::other("the head of an entry is too long"));
        }
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.head.0.set(Some(left - read as u64));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_heads_are_bounded() {
        let (mut reader, head) = Bounded::new(io::repeat(7));
        let content = vec![0; 2 << 20];
        assert!(reader.read_exact(&mut content.clone()).is_ok());
        head.begins();
        assert!(reader.read_exact(&mut vec![0; 1024]).is_ok() && !head.too_long());
        head.begins();
        assert!(reader.read_exact(&mut content.clone()).is_err() && head.too_long());
        head.ends();
        assert!(reader.read_exact(&mut content.clone()).is_ok());
    }
}
