//! Measures processor, memory and disk in real units.

use crate::SystemClock;
use hivemind_domain::benchmark::Speeds;
use hivemind_domain::time::Mono;
use hivemind_worker_core::port::Clock;
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Steps of a chain between two looks at the clock: some milliseconds.
const STEPS: u32 = 1 << 18;
/// Chains that do not wait for each other, so that the processor's pipelines are full.
const CHAINS: usize = 8;
const PIECE_BYTES: usize = 1 << 20;
/// The disk's part ends after so long, however much was moved by then.
const DISK_MOST: Duration = Duration::from_secs(8);

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// For each of the processor's and the memory's parts.
    pub(crate) span: Duration,
    /// Copied from place to place, larger than caches are.
    pub(crate) memory_bytes: usize,
    /// Written and read.
    pub(crate) disk_bytes: usize,
}

impl Default for Extent {
    /// Some 5 s and at most 30, 64 MiB of memory and of disk.
    fn default() -> Self {
        Self { span: Duration::from_millis(1500), memory_bytes: 32 << 20, disk_bytes: 64 << 20 }
    }
}

/// Measures everything. Nothing when it is not to go on, or the disk does not take the file.
pub(crate) fn measure(folder: &Path, extent: Extent, go_on: &(dyn Fn() -> bool + Sync)) -> Option<Speeds> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu_one_mflops = million(flops(extent.span, go_on)?);
    let cpu_all_mflops = million(on_all(cores, extent.span, go_on)?);
    let memory_mb_per_s = million(memory(extent, go_on)?);
    let (write, read) = disk(folder, extent, go_on)?;
    Some(Speeds {
        cpu_one_mflops,
        cpu_all_mflops,
        memory_mb_per_s,
        disk_write_mb_per_s: million(write),
        disk_read_mb_per_s: read.map(million),
    })
}

fn million(per_second: f64) -> u64 {
    (per_second / 1e6).round() as u64
}

fn now() -> Mono {
    SystemClock.now().mono
}

/// So much in the time since `begun`, per second.
fn per_second(done: f64, begun: Mono) -> f64 {
    done / now().since(begun).as_secs_f64().max(1e-6)
}

/// Multiplications and additions of doubles that one core does in a second.
fn flops(span: Duration, go_on: &(dyn Fn() -> bool + Sync)) -> Option<f64> {
    let begun = now();
    let (mut chains, mut done) = ([1.0_f64; CHAINS], 0.0);
    while now().since(begun) < span {
        if !go_on() {
            return None;
        }
        let (scale, shift) = (black_box(0.999_999), black_box(1e-6));
        for _ in 0..STEPS {
            for chain in &mut chains {
                *chain = *chain * scale + shift;
            }
        }
        chains = black_box(chains);
        done += f64::from(STEPS) * (CHAINS * 2) as f64;
    }
    Some(per_second(done, begun))
}

fn on_all(cores: usize, span: Duration, go_on: &(dyn Fn() -> bool + Sync)) -> Option<f64> {
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..cores)
            .map(|_| {
                std::thread::Builder::new()
                    .name("benchmark".into())
                    .spawn_scoped(scope, || flops(span, go_on))
            })
            .collect();
        let each = started.into_iter().map(|core| core.ok()?.join().ok()?);
        each.collect::<Option<Vec<f64>>>().map(|each| each.iter().sum())
    })
}

/// Bytes read and written by copying, in a second.
fn memory(extent: Extent, go_on: &(dyn Fn() -> bool + Sync)) -> Option<f64> {
    let (from, mut to) = (vec![1_u8; extent.memory_bytes], vec![2_u8; extent.memory_bytes]);
    let (begun, mut moved) = (now(), 0.0);
    while now().since(begun) < extent.span {
        if !go_on() {
            return None;
        }
        black_box(&mut to).copy_from_slice(black_box(&from));
        moved += 2.0 * extent.memory_bytes as f64;
    }
    Some(per_second(moved, begun))
}

/// A file that goes with this.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the file of a measurement stays");
        }
    }
}

/// Bytes written for good, and read, in a second.
fn disk(folder: &Path, extent: Extent, go_on: &(dyn Fn() -> bool + Sync)) -> Option<(f64, Option<f64>)> {
    let path = folder.join("benchmark.part");
    // What a killed worker left. A new one is never opened through a link.
    let _ = std::fs::remove_file(&path);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let failed = |error: &std::io::Error| tracing::debug!(%error, "the disk is not measured");
    let mut file = options.open(&path).map_err(|error| failed(&error)).ok()?;
    let _scratch = Scratch(path);
    let piece = noise();
    let (begun, mut written) = (now(), 0);
    while written < extent.disk_bytes && now().since(begun) < DISK_MOST {
        if !go_on() {
            return None;
        }
        file.write_all(&piece).map_err(|error| failed(&error)).ok()?;
        written += piece.len();
    }
    file.sync_all().map_err(|error| failed(&error)).ok()?;
    let write = per_second(written as f64, begun);
    if !forget(&file) || file.rewind().is_err() {
        return Some((write, None));
    }
    let (begun, mut read, mut into) = (now(), 0, piece);
    while read < written && now().since(begun) < DISK_MOST {
        if !go_on() {
            return None;
        }
        file.read_exact(&mut into).map_err(|error| failed(&error)).ok()?;
        read += into.len();
    }
    Some((write, Some(per_second(read as f64, begun))))
}

/// Bytes that no file system can pack.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).take(PIECE_BYTES / 8).flatten().collect()
}

/// Has the system forget what it keeps of the file in memory; false where it cannot be told.
#[cfg(target_os = "linux")]
fn forget(file: &File) -> bool {
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn forget(_: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn short() -> Extent {
        Extent { span: Duration::from_millis(60), memory_bytes: 4 << 20, disk_bytes: 4 << 20 }
    }

    fn is_empty(folder: &Path) -> bool {
        std::fs::read_dir(folder).unwrap().next().is_none()
    }

    #[test]
    fn everything_is_measured_in_its_unit_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("benchmark.part"), "of a killed worker").unwrap();
        let found = measure(folder.path(), short(), &|| true).expect("measured");
        println!("{found:?}");
        // A computer that runs these tests does a million operations in a second, also without optimisation.
        assert!((1..10_000_000).contains(&found.cpu_one_mflops), "{found:?}");
        assert!(found.cpu_all_mflops >= found.cpu_one_mflops / 4, "{found:?}");
        assert!(found.memory_mb_per_s > 1 && found.disk_write_mb_per_s > 0, "{found:?}");
        assert_eq!(found.disk_read_mb_per_s.is_some(), cfg!(target_os = "linux"));
        assert!(is_empty(folder.path()));
    }

    #[test]
    fn it_is_called_off_at_every_step_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let asked = AtomicU32::new(0);
        measure(folder.path(), short(), &|| asked.fetch_add(1, Ordering::Relaxed) < u32::MAX)
            .expect("measured");
        let (whole, mut called_off) = (asked.load(Ordering::Relaxed), 0);
        for most in (0..whole).step_by(usize::try_from(whole / 8).unwrap().max(1)) {
            let asked = AtomicU32::new(0);
            let found = measure(folder.path(), short(), &|| asked.fetch_add(1, Ordering::Relaxed) < most);
            called_off += u32::from(found.is_none());
            assert!(is_empty(folder.path()), "called off at {most} of {whole}");
        }
        assert!(called_off > 0);
        let gone = folder.path().join("gone");
        assert_eq!(measure(&gone, short(), &|| true), None, "a disk that takes nothing");
    }
}
