use super::*;
use rand::{Rng, SeedableRng};

/// A keyed hash in the place of a signature: the ledger itself knows no kind of key.
struct Toy(u8);

fn toy(key: &[u8], message: &[u8]) -> Vec<u8> {
    Sha256::new().chain_update(key).chain_update(message).finalize().to_vec()
}

impl Seal for Toy {
    fn key(&self) -> String {
        hex::encode([self.0; 4])
    }

    fn sign(&self, message: &[u8]) -> io::Result<Vec<u8>> {
        Ok(toy(&[self.0; 4], message))
    }
}

fn judge(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    toy(key, message) == signature
}

fn receipt(n: u64) -> Receipt {
    Receipt {
        at_ms: 1_795_000_000_000,
        pool: "https://pool.example".into(),
        task_id: format!("7c9e6679-7425-40de-944b-{n:012}"),
        attempt: 1,
        verdict: "succeeded".into(),
        estimated_cpt: n + 1,
        credited_cpt: n,
        settled: true,
        result_sha256: "9f".repeat(32),
        ..Receipt::default()
    }
}

fn written(folder: &Path, rows: u64) -> PathBuf {
    let path = folder.join("receipts.ledger");
    let mut ledger = Ledger::open(&path, Box::new(Toy(1))).unwrap();
    for n in 1..=rows {
        ledger.add(&receipt(n)).unwrap();
    }
    path
}

/// The row that holds the byte at `at`.
fn row_of(bytes: &[u8], at: usize) -> u64 {
    bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64
}

#[test]
fn a_ledger_goes_on_where_it_ended_and_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 3);
    let mut again = Ledger::open(&path, Box::new(Toy(1))).unwrap();
    again.add(&receipt(4)).unwrap();
    let told = verify(&path, &judge).unwrap().unwrap();
    assert_eq!((told.rows, told.credited_cpt, told.key.as_str()), (4, 10, "01010101"));
}

#[test]
fn each_of_a_hundred_random_changes_of_one_byte_is_found_and_its_row_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 40);
    let sound = std::fs::read(&path).unwrap();
    let seed = rand::random::<u64>();
    let mut chance = rand::rngs::StdRng::seed_from_u64(seed);
    for _ in 0..100 {
        let at = chance.random_range(0..sound.len());
        let mut changed = sound.clone();
        changed[at] ^= chance.random_range(1..=255_u8);
        std::fs::write(&path, &changed).unwrap();
        let row = row_of(&sound, at);
        let told = verify(&path, &judge).unwrap().expect_err("a change that nobody noticed");
        // A broken line break joins two rows: the first of them is named.
        assert_eq!(told.row, row, "seed {seed}, byte {at}: {told}");
    }
    std::fs::write(&path, &sound).unwrap();
    assert_eq!(verify(&path, &judge).unwrap().unwrap().rows, 40, "undone, it is sound again");
}

#[test]
fn rows_taken_away_moved_or_forged_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 10);
    let sound = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = sound.split_inclusive('\n').collect();
    let row = |lines: Vec<&str>| {
        std::fs::write(&path, lines.concat()).unwrap();
        verify(&path, &judge).unwrap().expect_err("unnoticed").row
    };
    assert_eq!(row(lines[..6].to_vec()), 6, "cut at a row's end: the row after the last is missing");
    assert_eq!(row([&lines[..3], &lines[4..]].concat()), 3, "one taken out");
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    assert_eq!(row(swapped), 4);
    assert_eq!(row(vec![]), 0);
    // Written anew with another key: sound in itself, but its end is signed by the old one.
    let other = tempfile::tempdir().unwrap();
    let forged = other.path().join("receipts.ledger");
    Ledger::open(&forged, Box::new(Toy(2))).unwrap().add(&receipt(1000)).unwrap();
    std::fs::copy(&forged, &path).unwrap();
    assert!(verify(&path, &judge).unwrap().is_err());
}

#[test]
fn a_crash_in_the_middle_of_a_row_costs_that_row_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 5);
    let sound = std::fs::read(&path).unwrap();
    std::fs::write(&path, &sound[..sound.len() - 40]).unwrap();
    assert_eq!(verify(&path, &judge).unwrap().unwrap_err().row, 5);
    // What the crash cost is in the journal still, and written again.
    let mut ledger = Ledger::open(&path, Box::new(Toy(1))).unwrap();
    assert_eq!(ledger.rows(), 4);
    ledger.add(&receipt(5)).unwrap();
    assert_eq!(verify(&path, &judge).unwrap().unwrap().rows, 5);
}

/// The whole exported file, in parts of about so many bytes.
fn exported(path: &Path, enough: usize) -> String {
    let (mut whole, mut from) = (String::new(), Some(0));
    while let Some(at) = from {
        let part = export(path, at, enough).unwrap();
        whole.push_str(&part.text);
        from = part.next;
    }
    whole
}

#[test]
fn an_exported_ledger_is_one_file_that_is_sound_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 40);
    let file = folder.path().join("elsewhere.ledger");
    for enough in [1, 700, 1 << 20] {
        let whole = exported(&path, enough);
        assert!(whole.starts_with(&std::fs::read_to_string(&path).unwrap()), "it begins with every row");
        std::fs::write(&file, whole).unwrap();
        let told = verify(&file, &judge).unwrap().unwrap();
        assert_eq!((told.rows, told.credited_cpt, told.key.as_str()), (40, 820, "01010101"));
    }
    assert_eq!(export(&path, 0, 1 << 20).unwrap().rows, 40);
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(&file, exported(&written(empty.path(), 0), 1)).unwrap();
    assert_eq!(verify(&file, &judge).unwrap().unwrap().rows, 0);
}

#[test]
fn each_of_a_hundred_random_changes_of_an_exported_ledger_is_found_and_its_row_named() {
    let folder = tempfile::tempdir().unwrap();
    let sound = exported(&written(folder.path(), 40), 4096).into_bytes();
    let file = folder.path().join("elsewhere.ledger");
    let seed = rand::random::<u64>();
    let mut chance = rand::rngs::StdRng::seed_from_u64(seed);
    let last_line = sound[..sound.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for round in 0..200 {
        // The line that tells the end is one of 42, and gets half of the changes.
        let at = chance.random_range(if round % 2 == 0 { 0..sound.len() } else { last_line..sound.len() });
        let mut changed = sound.clone();
        changed[at] ^= chance.random_range(1..=255_u8);
        std::fs::write(&file, &changed).unwrap();
        let told = verify(&file, &judge).unwrap().expect_err("a change that nobody noticed");
        assert_eq!(told.row, row_of(&sound, at), "seed {seed}, byte {at}: {told}");
    }
    std::fs::write(&file, &sound).unwrap();
    assert_eq!(verify(&file, &judge).unwrap().unwrap().rows, 40, "undone, it is sound again");
}

#[test]
fn an_exported_ledger_that_lost_its_end_is_found_wherever_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 6);
    let sound = exported(&path, 1 << 20).into_bytes();
    let file = folder.path().join("elsewhere.ledger");
    let breaks: Vec<usize> = (0..sound.len()).filter(|at| sound[*at] == b'\n').collect();
    for kept in (0..sound.len()).step_by(41).chain(breaks.iter().flat_map(|at| [*at, *at + 1])) {
        if kept == sound.len() {
            continue;
        }
        std::fs::write(&file, &sound[..kept]).unwrap();
        let told = verify(&file, &judge).unwrap().expect_err("a cut that nobody noticed");
        assert_eq!(told.row, row_of(&sound, kept), "{kept} bytes kept: {told}");
    }
    // Rows taken out before the end, and an end by another key.
    let text = String::from_utf8(sound).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    std::fs::write(&file, [&lines[..5], &lines[7..]].concat().concat()).unwrap();
    assert_eq!(verify(&file, &judge).unwrap().unwrap_err().row, 5);
    let other = tempfile::tempdir().unwrap();
    let own = other.path().join("receipts.ledger");
    Ledger::open(&own, Box::new(Toy(2))).unwrap();
    let foreign = std::fs::read_to_string(own.with_extension("head")).unwrap();
    std::fs::write(&file, [&lines[..7], &[foreign.as_str()]].concat().concat()).unwrap();
    assert_eq!(verify(&file, &judge).unwrap().unwrap_err().row, 7);
}

#[test]
fn a_ledger_is_exported_whole_while_rows_are_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 1);
    let mut ledger = Ledger::open(&path, Box::new(Toy(1))).unwrap();
    let file = folder.path().join("elsewhere.ledger");
    std::thread::scope(|scope| {
        let writes = scope.spawn(move || (2..=300).for_each(|n| ledger.add(&receipt(n)).unwrap()));
        let mut before = 0;
        while !writes.is_finished() {
            std::fs::write(&file, exported(&path, 2048)).unwrap();
            let told = verify(&file, &judge).unwrap().unwrap();
            assert!(told.rows >= before && told.rows > 0, "{} after {before}", told.rows);
            before = told.rows;
        }
    });
    std::fs::write(&file, exported(&path, 2048)).unwrap();
    assert_eq!(verify(&file, &judge).unwrap().unwrap().rows, 300);
}

#[test]
fn what_is_no_part_of_a_ledger_or_no_whole_ledger_is_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 5);
    let length = path.metadata().unwrap().len();
    for from in [1, length - 1, length + 1, u64::MAX] {
        assert_eq!(export(&path, from, 100).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{from}");
    }
    let sound = std::fs::read(&path).unwrap();
    let missing = |path: &Path| export(path, 0, 1 << 20).unwrap_err().kind();
    for kept in [sound.len() - 1, 300] {
        std::fs::write(&path, &sound[..kept]).unwrap();
        assert_eq!(missing(&path), io::ErrorKind::InvalidData, "{kept}");
    }
    std::fs::write(&path, &sound).unwrap();
    std::fs::write(path.with_extension("head"), "{}\n").unwrap();
    assert_eq!(missing(&path), io::ErrorKind::InvalidData);
    std::fs::remove_file(path.with_extension("head")).unwrap();
    assert_eq!(missing(&path), io::ErrorKind::NotFound);
}
