//! Packages that tests hand in, and answers calculated a second time.

use rand::Rng;
use sha2::{Digest, Sha256};
use std::io::{Cursor, Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;

/// A zip of these files.
pub fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect("an entry");
        zip.write_all(content.as_bytes()).expect("content");
    }
    zip.finish().expect("a zip").into_inner()
}

/// The sample `primes` for this N.
pub fn primes(n: u64) -> Vec<u8> {
    let fixtures = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("fixtures/tasks/primes/main.py");
    let program = std::fs::read_to_string(fixtures).expect("the sample");
    zipped(&[("main.py", &program), ("n.txt", &n.to_string())])
}

/// The sample `endless`.
pub fn endless() -> Vec<u8> {
    let fixtures = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("fixtures/tasks/endless/main.py");
    zipped(&[("main.py", &std::fs::read_to_string(fixtures).expect("the sample"))])
}

/// Ticks for so many seconds, then writes which attempt it was.
pub fn ticking(seconds: f32) -> Vec<u8> {
    let program = format!(
        r#"
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
end = time.monotonic() + {seconds}
print('begins', flush=True)
while time.monotonic() < end:
    time.sleep(0.25)
os.makedirs(os.environ['HIVEMIND_OUTPUT'], exist_ok=True)
with open(os.environ['HIVEMIND_OUTPUT'] + '/attempt.txt', 'w') as file:
    file.write(os.environ['HIVEMIND_ATTEMPT'])
print('ends', flush=True)
"#
    );
    zipped(&[("main.py", &program)])
}

/// Writes so many MiB that cannot be packed smaller.
pub fn noise(mib: u32) -> Vec<u8> {
    let program = format!(
        r#"
import os
os.makedirs(os.environ['HIVEMIND_OUTPUT'], exist_ok=True)
with open(os.environ['HIVEMIND_OUTPUT'] + '/noise.bin', 'wb') as file:
    for _ in range({mib}):
        file.write(os.urandom(1 << 20))
"#
    );
    zipped(&[("main.py", &program)])
}

/// A number of the range, another each time.
pub fn any(range: std::ops::Range<u64>) -> u64 {
    rand::rng().random_range(range)
}

/// The number of primes below `n`, without looking for any of them: of all numbers up to v the multiples of each
/// prime are taken away, for every v that a whole division of n - 1 can give.
pub fn count_primes(n: u64) -> u64 {
    let Some(n) = n.checked_sub(1).filter(|n| *n >= 2) else { return 0 };
    let root = n.isqrt();
    // `small[v]` and `large[i]` count what is left up to v and up to n / i.
    let mut small: Vec<u64> = (0..=root).map(|v| v.saturating_sub(1)).collect();
    let mut large: Vec<u64> = (0..=root).map(|i| n.checked_div(i).map_or(0, |v| v - 1)).collect();
    let at = |v: u64| usize::try_from(v).expect("at most the root");
    for p in 2..=root {
        let below = small[at(p - 1)];
        if small[at(p)] == below {
            continue;
        }
        for i in 1..=root.min(n / (p * p)) {
            let left = if i * p <= root { large[at(i * p)] } else { small[at(n / (i * p))] };
            large[at(i)] -= left - below;
        }
        for v in (p * p..=root).rev() {
            small[at(v)] -= small[at(v / p)] - below;
        }
    }
    large[1]
}

#[test]
fn known_counts_of_primes() {
    for (n, count) in
        [(0, 0), (2, 0), (3, 1), (4, 2), (10, 4), (100, 25), (10_000_000, 664_579), (100_000_000, 5_761_455)]
    {
        assert_eq!(count_primes(n), count, "{n}");
    }
}

/// A file of a result.
#[track_caller]
pub fn file_of(result: &[u8], name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(result)).expect("a result is a zip");
    let mut bytes = Vec::new();
    archive.by_name(name).expect("the file").read_to_end(&mut bytes).expect("content");
    bytes
}

/// A text of a result, without the space around it.
#[track_caller]
pub fn text_of(result: &[u8], name: &str) -> String {
    String::from_utf8(file_of(result, name)).expect("text").trim().to_owned()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
