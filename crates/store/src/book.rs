//! The book of seconds and the history of signals: one line per stretch of time, in files that only grow at their end
//! until they are made small again.

use crate::{durable, own_file};
use async_trait::async_trait;
use hivemind_domain::rules::{Frame, Span};
use hivemind_domain::time::WallMs;
use hivemind_worker_core::port::{BookStore, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// No more than this is read of a file, from its end.
const MOST: u64 = 16 << 20;
/// Spans that ended longer before the newest one than this are too old.
const KEPT_MS: i64 = 30 * 86_400_000;

/// The book in a file, and what the sensors told in one beside it. A line that cannot be read is passed over: a crash
/// may have cut the last one.
#[derive(Debug)]
pub struct FileBook(Arc<Mutex<PathBuf>>);

/// A stretch of time that is a line.
trait Stretch: Serialize + DeserializeOwned {
    /// From this size of its file on, what is too old goes.
    const LARGE: u64;

    fn from(&self) -> WallMs;
    fn to(&self) -> WallMs;
}

impl Stretch for Span {
    const LARGE: u64 = 4 << 20;

    fn from(&self) -> WallMs {
        self.from
    }
    fn to(&self) -> WallMs {
        self.to
    }
}

impl Stretch for Frame {
    const LARGE: u64 = 12 << 20;

    fn from(&self) -> WallMs {
        self.from
    }
    fn to(&self) -> WallMs {
        self.to
    }
}

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
        self.with(move |file| add(file, &span)).await
    }

    async fn spans(&self, from: WallMs, to: WallMs) -> Result<Vec<Span>, StoreError> {
        self.with(move |file| {
            Ok(read::<Span>(file)?.into_values().filter_map(|span| span.within(from, to)).collect())
        })
        .await
    }

    async fn keep_frame(&self, frame: Frame) -> Result<(), StoreError> {
        self.with(move |file| add(&signals_beside(file), &frame)).await
    }

    async fn frames(&self, from: WallMs, to: WallMs) -> Result<Vec<Frame>, StoreError> {
        self.with(move |file| {
            let frames = read::<Frame>(&signals_beside(file))?;
            Ok(frames.into_values().filter_map(|frame| frame.within(from, to)).collect())
        })
        .await
    }
}

fn signals_beside(book: &Path) -> PathBuf {
    book.with_file_name("signals.jsonl")
}

fn add<T: Stretch>(file: &Path, stretch: &T) -> std::io::Result<()> {
    let mut line = serde_json::to_string(stretch)?;
    line.push('\n');
    let mut opened = own_file::open(std::fs::OpenOptions::new().create(true).append(true), file)?;
    let long = opened.metadata()?.len();
    // A cut line must not take this one along.
    if long > 0 && !ends_a_line(file, long)? {
        line.insert(0, '\n');
    }
    opened.write_all(line.as_bytes())?;
    drop(opened);
    if long > T::LARGE { shrink::<T>(file, stretch.to()) } else { Ok(()) }
}

fn ends_a_line(file: &Path, long: u64) -> std::io::Result<bool> {
    use std::io::{Seek, SeekFrom};
    let mut opened = own_file::read(file)?;
    opened.seek(SeekFrom::Start(long.saturating_sub(1)))?;
    let mut last = [0];
    opened.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Spans by their beginning; of several with the same one the last counts, which went on longer.
fn read<T: Stretch>(file: &Path) -> std::io::Result<BTreeMap<WallMs, T>> {
    use std::io::{Seek, SeekFrom};
    let mut opened = match own_file::read(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let long = opened.metadata()?.len();
    opened.seek(SeekFrom::Start(long.saturating_sub(MOST)))?;
    let mut bytes = Vec::new();
    opened.take(MOST).read_to_end(&mut bytes)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<T>(line).ok());
    Ok(lines.filter(|one| one.from() < one.to()).map(|one| (one.from(), one)).collect())
}

fn shrink<T: Stretch>(file: &Path, newest: WallMs) -> std::io::Result<()> {
    let oldest = newest.0.saturating_sub(KEPT_MS);
    let mut kept: Vec<T> = read::<T>(file)?.into_values().filter(|one| one.to().0 >= oldest).collect();
    // Whatever made it so large, half of it is what stays at most.
    let half = usize::try_from(T::LARGE / 2).unwrap_or(usize::MAX) / 100;
    kept.drain(..kept.len().saturating_sub(half));
    let mut text = String::new();
    for one in kept {
        text.push_str(&serde_json::to_string(&one)?);
        text.push('\n');
    }
    durable::replace(file, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::rules::Reason;

    fn span(from: i64, to: i64, reason: Reason) -> Span {
        Span { from: WallMs(from), to: WallMs(to), reason, working: false, took: Some(true) }
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
        assert!(old.len() as u64 > Span::LARGE);
        std::fs::write(&file, old).unwrap();
        let book = FileBook::new(&file);
        book.keep(span(80 * day, 80 * day + 5, Reason::InUse)).await.unwrap();
        assert!(std::fs::metadata(&file).unwrap().len() < Span::LARGE);
        let spans = book.spans(WallMs(0), WallMs(100 * day)).await.unwrap();
        assert_eq!(spans.last(), Some(&span(80 * day, 80 * day + 5, Reason::InUse)));
        assert!(spans.first().unwrap().from.0 >= 50 * day);
    }

    #[tokio::test]
    async fn what_the_sensors_told_comes_back_beside_the_book() {
        let folder = tempfile::tempdir().unwrap();
        let book = FileBook::new(&folder.path().join("book.jsonl"));
        let line = r#"{"f":0,"t":60000,"i":-5000,"w":"on","b":false,"c":61}"#;
        let frame: Frame = serde_json::from_str(line).unwrap();
        assert_eq!(
            serde_json::to_string(&frame).unwrap(),
            line,
            "short names, and nothing that is not there"
        );
        book.keep_frame(frame.clone()).await.unwrap();
        book.keep(span(0, 9, Reason::Free)).await.unwrap();
        let longer = frame.clone().going_on(WallMs(90_000));
        book.keep_frame(longer.clone()).await.unwrap();
        assert_eq!(book.frames(WallMs(0), WallMs(100_000)).await, Ok(vec![longer.clone()]));
        let part = longer.within(WallMs(80_000), WallMs(100_000)).unwrap();
        assert_eq!(book.frames(WallMs(80_000), WallMs(100_000)).await, Ok(vec![part]));
        assert_eq!(book.spans(WallMs(0), WallMs(100)).await, Ok(vec![span(0, 9, Reason::Free)]));
    }
}
