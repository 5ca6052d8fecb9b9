//! The samples' answers, calculated here once more in another way and another language.

use crate::words::words;
use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

/// Largest answer file that is read.
const MOST: u64 = 64 << 20;

/// SHA-256 of a file, 64 lower-case hexadecimal digits.
pub(super) fn sha256(path: &Path) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

fn read(zip: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(File::open(zip)?)?;
    let file = archive.by_name(name).with_context(|| words().holds_no(name))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The number of primes below `n`, by a plain sieve of Eratosthenes.
pub(super) fn count_primes(n: u64) -> u64 {
    let Ok(n) = usize::try_from(n) else { return 0 };
    let mut composite = vec![false; n.max(2)];
    let mut count = 0;
    for i in 2..n {
        if !composite[i] {
            count += 1;
            let mut multiple = i.saturating_mul(i);
            while multiple < n {
                composite[multiple] = true;
                multiple += i;
            }
        }
    }
    count
}

/// Compares the count of primes.
pub(super) fn primes(zip: &Path, n: u64) -> anyhow::Result<String> {
    let text = String::from_utf8(read(zip, "primes.txt")?)?;
    let expected = count_primes(n);
    ensure!(text.trim() == expected.to_string(), words().other_count(text.trim(), n, expected));
    Ok(text.trim().to_owned())
}

/// The table of words: most frequent first, then by word.
fn table(text: &[u8]) -> String {
    let lower = text.to_ascii_lowercase();
    let is_word = |b: &u8| b.is_ascii_lowercase() || *b == b'\'';
    let mut counts: HashMap<&[u8], u64> = HashMap::new();
    for word in lower.split(|b| !is_word(b)).filter(|word| !word.is_empty()) {
        *counts.entry(word).or_default() += 1;
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut csv = String::from("word,count\n");
    for (word, count) in rows {
        csv.push_str(&format!("{},{count}\n", String::from_utf8_lossy(word)));
    }
    csv
}

/// Compares the table of words, byte by byte.
pub(super) fn word_frequencies(zip: &Path, text: &[u8]) -> anyhow::Result<String> {
    let found = read(zip, "wordfreq.csv")?;
    let expected = table(text);
    ensure!(found == expected.as_bytes(), words().other_table());
    let mut lines = expected.lines().skip(1);
    let first = lines.next().map(|first| first.replace(',', " × "));
    Ok(words().word_count(first.as_deref(), expected.lines().count() - 1))
}

const WIDTH: u32 = 1200;
const HEIGHT: u32 = 800;
const STEPS: u32 = 96;

/// Grey of a pixel; the formula stands in the sample's own file.
fn grey(i: u32, j: u32) -> u8 {
    let (cr, ci) =
        (-2.25 + f64::from(i) * 3.375 / f64::from(WIDTH), 1.125 - f64::from(j) * 2.25 / f64::from(HEIGHT));
    let (mut x, mut y) = (0.0f64, 0.0f64);
    for n in 1..=STEPS {
        (x, y) = (x * x - y * y + cr, 2.0 * x * y + ci);
        if x * x + y * y > 4.0 {
            return if n == STEPS { 0 } else { u8::try_from(255 - 2 * n).unwrap_or(0) };
        }
    }
    0
}

/// Decodes the picture and compares every pixel.
pub(super) fn mandelbrot(zip: &Path) -> anyhow::Result<String> {
    let bytes = read(zip, "mandelbrot.png")?;
    let mut reader = png::Decoder::new(Cursor::new(&bytes)).read_info()?;
    let size = reader.output_buffer_size().with_context(|| words().picture_too_large())?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels)?;
    ensure!((info.width, info.height) == (WIDTH, HEIGHT), words().other_size(info.width, info.height));
    ensure!(info.color_type == png::ColorType::Grayscale, words().not_grey());
    for j in 0..HEIGHT {
        for i in 0..WIDTH {
            let found = pixels[(j * WIDTH + i) as usize];
            ensure!(found == grey(i, j), words().other_pixel((i, j), found, grey(i, j)));
        }
    }
    let black = pixels.iter().filter(|p| **p == 0).count();
    Ok(words().pixels(WIDTH, HEIGHT, black))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_counts_of_primes() {
        for (n, count) in [(0, 0), (2, 0), (3, 1), (10, 4), (100, 25), (1_000_000, 78_498)] {
            assert_eq!(count_primes(n), count, "{n}");
        }
    }

    #[test]
    fn words_are_counted_and_sorted() {
        assert_eq!(table(b"The cat; the DOG's cat, the end"), "word,count\nthe,3\ncat,2\ndog's,1\nend,1\n");
    }
}
