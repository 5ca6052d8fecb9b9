//! Every hole of an earlier worker has a test, and the test is there.

use std::path::Path;

#[test]
fn every_known_hole_has_a_test_that_exists() {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs this")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/security.md")).expect("the page");
    let (_, table) = text.split_once("## Known holes of earlier workers").expect("its section");
    let rows: Vec<&str> =
        table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| hole")).collect();
    assert!(rows.len() >= 12, "{} rows", rows.len());
    let mut sources = Vec::new();
    for folder in ["crates", "tests"] {
        read(&root.join(folder), &mut sources);
    }
    for row in rows {
        let tests = row.rsplit('|').nth(1).expect("the last column");
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            let wanted = format!("fn {name}(");
            assert!(sources.iter().any(|source| source.contains(&wanted)), "{name} is gone: {row}");
        }
    }
}

fn read(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(std::fs::read_to_string(&path).expect("a source"));
        }
    }
}
