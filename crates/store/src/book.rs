//! The book of seconds: one line per span, in a file that only grows at its end until it is made small again.

use async_trait::async_trait;
use hivemind_domain::rules::Span;
use hivemind_domain::time::WallMs;
use hivemind_worker_core::port::{BookStore, StoreError};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// From this size on, what is too old goes.
const LARGE: u64 = 4 << 20;
/// No more than this is read of a file, from its end.
const MOST: u64 = 16 << 20;
/// Spans that ended longer before the newest one than this are too old.
const KEPT_MS: i64 = 30 * 86_400_000;

/// The book in a file. A line that cannot be read is passed over: a crash may have cut the last one.
#[derive(Debug)]
pub struct FileBook(Arc<Mutex<PathBuf>>);

impl FileBook {
    /// The book in this file, which may not be there yet.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        Self(Arc::new(Mutex::new(file.to_path_buf())))
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let file = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let file = file.lock().unwrap_or_else(PoisonError::into_inner);
            work(&file)
        });
        let failed =
            |disk_full, why: String| StoreError { disk_full, message: format!("the book of seconds: {why}") };
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(failed(error.kind() == std::io::ErrorKind::StorageFull, error.to_string())),
            Err(error) => Err(failed(false, error.to_string())),
        }
    }
}

#[async_trait]
impl BookStore for FileBook {
    async fn keep(&self, span: Span) -> Result<(), StoreError> {
        self.with(move |file| {
            let mut line = serde_json::to_string(&span)?;
            line.push('\n');
            let mut opened = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
            let long = opened.metadata()?.len();
            // A cut line must not take this one along.
            if long > 0 && !ends_a_line(file, long)? {
                line.insert(0, '\n');
            }
            opened.write_all(line.as_bytes())?;
            drop(opened);
            if long > LARGE { shrink(file, span.to) } else { Ok(()) }
        })
        .await
    }

    async fn spans(&self, from: WallMs, to: WallMs) -> Result<Vec<Span>, StoreError> {
        self.with(move |file| {
            Ok(read(file)?.into_values().filter_map(|span| span.within(from, to)).collect())
        })
        .await
    }
}

fn ends_a_line(file: &Path, long: u64) -> std::io::Result<bool> {
    use std::io::{Seek, SeekFrom};
    let mut opened = std::fs::File::open(file)?;
    opened.seek(SeekFrom::Start(long.saturating_sub(1)))?;
    let mut last = [0];
    opened.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Spans by their beginning; of several with the same one the last counts, which went on longer.
fn read(file: &Path) -> std::io::Result<BTreeMap<WallMs, Span>> {
    use std::io::{Seek, SeekFrom};
    let mut opened = match std::fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let long = opened.metadata()?.len();
    opened.seek(SeekFrom::Start(long.saturating_sub(MOST)))?;
    let mut bytes = Vec::new();
    opened.take(MOST).read_to_end(&mut bytes)?;
    let lines =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Span>(line).ok());
    Ok(lines.filter(|span| span.from < span.to).map(|span| (span.from, span)).collect())
}

fn shrink(file: &Path, newest: WallMs) -> std::io::Result<()> {
    let oldest = newest.0.saturating_sub(KEPT_MS);
    let mut kept: Vec<Span> = read(file)?.into_values().filter(|span| span.to.0 >= oldest).collect();
    // Whatever made it so large, half of it is what stays at most.
    let half = usize::try_from(LARGE / 2).unwrap_or(usize::MAX) / 100;
    kept.drain(..kept.len().saturating_sub(half));
    let beside = file.with_extension("new");
    let mut text = String::new();
    for span in kept {
        text.push_str(&serde_json::to_string(&span)?);
        text.push('\n');
    }
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::rules::Reason;

    fn span(from: i64, to: i64, reason: Reason) -> Span {
        Span { from: WallMs(from), to: WallMs(to), reason, working: false }
    }

    #[tokio::test]
    async fn spans_come_back_and_a_longer_one_takes_the_place_of_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("book");
        let book = FileBook::new(&file);
        assert_eq!(book.spans(WallMs(0), WallMs(100)).await, Ok(vec![]));
        let (free, long) = (span(0, 10, Reason::Free), span(10, 30, Reason::InUse));
        for kept in [free, span(10, 20, Reason::InUse), long] {
            book.keep(kept).await.unwrap();
        }
        assert_eq!(FileBook::new(&file).spans(WallMs(0), WallMs(100)).await, Ok(vec![free, long]));
        assert_eq!(book.spans(WallMs(5), WallMs(12)).await.unwrap().iter().map(Span::ms).sum::<u64>(), 7);
    }

    #[tokio::test]
    async fn a_cut_line_takes_no_other_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("book");
        let book = FileBook::new(&file);
        book.keep(span(0, 10, Reason::Free)).await.unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend_from_slice(b"{\"from\":10,\"to");
        std::fs::write(&file, bytes).unwrap();
        book.keep(span(20, 30, Reason::Off)).await.unwrap();
        let spans = book.spans(WallMs(0), WallMs(100)).await.unwrap();
        assert_eq!(spans, [span(0, 10, Reason::Free), span(20, 30, Reason::Off)]);
    }

    #[tokio::test]
    async fn a_large_book_loses_its_oldest_pages() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("book");
        let day = 86_400_000;
        let old: String = (0..80_000)
            .map(|n| {
                serde_json::to_string(&span(n * day / 1000, n * day / 1000 + 5, Reason::Free)).unwrap() + "\n"
            })
            .collect();
        assert!(old.len() as u64 > LARGE);
        std::fs::write(&file, old).unwrap();
        let book = FileBook::new(&file);
        book.keep(span(80 * day, 80 * day + 5, Reason::InUse)).await.unwrap();
        assert!(std::fs::metadata(&file).unwrap().len() < LARGE);
        let spans = book.spans(WallMs(0), WallMs(100 * day)).await.unwrap();
        assert_eq!(spans.last(), Some(&span(80 * day, 80 * day + 5, Reason::InUse)));
        assert!(spans.first().unwrap().from.0 >= 50 * day);
    }
}
