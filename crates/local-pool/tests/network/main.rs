//! The live network's face, met by plain generated clients, plain sockets, and a worker that does what a test says.
//! Each test is named after what the network was seen to do; `docs/live-network.md` lists them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod bare;
mod functions;
mod matching;
mod money;
mod packages;
mod patience;
mod pull;
mod push;
mod registration;
mod sessions;
mod stage;
mod stops;
mod tokens;

/// Every behaviour of the list has tests that are there, or says why it has none.
#[test]
fn the_list_in_the_docs_names_tests_that_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join("../../docs/live-network.md")).unwrap();
    let rows = list.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        Some((cells.get(1)?.parse::<u32>().ok()?, *cells.get(3)?))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.iter().map(|(number, _)| *number).eq(1..=29), "{rows:?}");
    for (number, cell) in rows {
        let named: Vec<_> = cell.split('`').filter_map(|word| word.split_once("::")).collect();
        assert_eq!(named.is_empty(), cell.starts_with("not applicable"), "row {number}");
        for (file, test) in named {
            let source = std::fs::read_to_string(root.join(format!("tests/network/{file}.rs"))).unwrap();
            let there = source.contains(&format!("#[tokio::test]\nasync fn {test}() {{"));
            assert!(there, "row {number}: {file}::{test}");
        }
    }
}
