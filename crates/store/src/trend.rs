//! The computer's use over days: a file of one size with a place for every point, each tier a ring.

use crate::own_file;
use async_trait::async_trait;
use hivemind_domain::time::WallMs;
use hivemind_domain::trend::{Point, QUANTITIES, Tier};
use hivemind_worker_core::port::{StoreError, TrendStore};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Names the layout; another one begins anew.
const MAGIC: &[u8; 8] = b"HMTREND1";
/// Time, means, sum of both.
const RECORD: usize = 8 + 4 * QUANTITIES + 4;

/// Points in a file. A place that was written half, or by a clock that was elsewhere, counts as empty.
#[derive(Debug)]
pub struct FileTrend(Arc<Mutex<PathBuf>>);

impl FileTrend {
    /// The points in this file, which may not be there yet.
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
            |disk_full, why: String| StoreError { disk_full, message: format!("the computer's use: {why}") };
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(failed(error.kind() == std::io::ErrorKind::StorageFull, error.to_string())),
            Err(error) => Err(failed(false, error.to_string())),
        }
    }
}

#[async_trait]
impl TrendStore for FileTrend {
    async fn keep(&self, points: Vec<(Tier, Point)>) -> Result<(), StoreError> {
        self.with(move |path| {
            let mut file = open(path)?;
            for (tier, point) in points {
                file.seek(SeekFrom::Start(place(tier, point.at)))?;
                file.write_all(&encode(&point))?;
            }
            Ok(())
        })
        .await
    }

    async fn points(&self, tier: Tier, from: WallMs) -> Result<Vec<Point>, StoreError> {
        self.with(move |path| {
            let mut file = match own_file::read(path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let mut magic = [0; MAGIC.len()];
            if file.read_exact(&mut magic).is_err() || magic != *MAGIC {
                return Ok(Vec::new());
            }
            let begins = ring(tier);
            file.seek(SeekFrom::Start(begins))?;
            let mut bytes = Vec::new();
            file.take(u64::from(tier.kept()) * RECORD as u64).read_to_end(&mut bytes)?;
            let known = bytes.chunks_exact(RECORD).enumerate().filter_map(|(index, record)| {
                let point = decode(record)?;
                let here = begins + (index * RECORD) as u64;
                (place(tier, point.at) == here && point.at >= from).then_some(point)
            });
            let mut points: Vec<Point> = known.collect();
            points.sort_by_key(|point| point.at);
            Ok(points)
        })
        .await
    }
}

/// Where a tier's ring begins.
fn ring(tier: Tier) -> u64 {
    let before = Tier::ALL.iter().take_while(|known| **known != tier);
    MAGIC.len() as u64 + before.map(|known| u64::from(known.kept()) * RECORD as u64).sum::<u64>()
}

fn place(tier: Tier, at: WallMs) -> u64 {
    let index = at.0.div_euclid(tier.step_ms()).rem_euclid(i64::from(tier.kept()));
    ring(tier) + index.unsigned_abs() * RECORD as u64
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = own_file::open(options.create(true).truncate(false).read(true).write(true), path)?;
    let mut magic = [0; MAGIC.len()];
    if file.read_exact(&mut magic).is_err() || magic != *MAGIC {
        // Readings of how busy the computer was: nothing here is worth being set aside.
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(MAGIC)?;
    }
    Ok(file)
}

fn encode(point: &Point) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(&point.at.0.to_le_bytes());
    for (place, mean) in record[8..].chunks_exact_mut(4).zip(point.means) {
        place.copy_from_slice(&mean.to_le_bytes());
    }
    let sum = checked(&record[..RECORD - 4]);
    record[RECORD - 4..].copy_from_slice(&sum.to_le_bytes());
    record
}

fn decode(record: &[u8]) -> Option<Point> {
    let (body, sum) = record.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != checked(body) {
        return None;
    }
    let (at, values) = body.split_first_chunk::<8>()?;
    let mut means = [f32::NAN; QUANTITIES];
    for (mean, bytes) in means.iter_mut().zip(values.chunks_exact(4)) {
        *mean = f32::from_le_bytes(bytes.try_into().ok()?);
    }
    Some(Point { at: WallMs(i64::from_le_bytes(*at)), means })
}

/// FNV-1a: tells a half-written place from a whole one; an empty one is never whole.
fn checked(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(tier: Tier, step: i64, cpu: f32) -> Point {
        let mut means = [f32::NAN; QUANTITIES];
        means[0] = cpu;
        Point { at: WallMs(step * tier.step_ms()), means }
    }

    async fn steps(trend: &FileTrend, tier: Tier) -> Vec<i64> {
        let points = trend.points(tier, WallMs(0)).await.unwrap();
        points.iter().map(|point| point.at.0 / tier.step_ms()).collect()
    }

    #[tokio::test]
    async fn points_come_back_and_old_ones_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trend");
        let trend = FileTrend::new(&file);
        assert_eq!(steps(&trend, Tier::Minute).await, [0_i64; 0]);
        let tier = Tier::Minute;
        for step in 1000..1000 + 300 {
            trend.keep(vec![(tier, point(tier, step, 7.5))]).await.unwrap();
        }
        let last = i64::from(tier.kept());
        assert_eq!(steps(&FileTrend::new(&file), tier).await, (1300 - last..1300).collect::<Vec<_>>());
        let points = trend.points(tier, WallMs(1299 * tier.step_ms())).await.unwrap();
        assert_eq!((points.len(), points[0].means[0]), (1, 7.5));
        assert!(points[0].means[9].is_nan());
    }

    #[tokio::test]
    async fn thirty_days_of_every_tier_stay_small() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trend");
        let trend = FileTrend::new(&file);
        let minutes = 31 * 24 * 60;
        let of = |tier: Tier| {
            (0..minutes * 60_000 / tier.step_ms()).map(move |step| (tier, point(tier, step, 1.0)))
        };
        trend.keep(Tier::ALL.into_iter().flat_map(of).collect()).await.unwrap();
        assert_eq!(steps(&trend, Tier::HalfHour).await.len(), 1488);
        let bytes = std::fs::metadata(&file).unwrap().len();
        assert!(bytes < 120_000, "{bytes} bytes");
    }

    #[tokio::test]
    async fn a_spoilt_place_counts_as_empty_and_a_foreign_file_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trend");
        let trend = FileTrend::new(&file);
        let tier = Tier::FiveMinutes;
        trend.keep(vec![(tier, point(tier, 5, 1.0)), (tier, point(tier, 6, 2.0))]).await.unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        let at = usize::try_from(place(tier, WallMs(5 * tier.step_ms()))).unwrap();
        bytes[at + 9] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(steps(&trend, tier).await, [6]);
        std::fs::write(&file, b"something else").unwrap();
        assert_eq!(steps(&trend, tier).await, [0_i64; 0]);
        trend.keep(vec![(tier, point(tier, 7, 3.0))]).await.unwrap();
        assert_eq!(steps(&trend, tier).await, [7]);
    }
}
