//! Packs the built UI into this crate. Whether it is complete is asked when it is served.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const DIST: &str = "../../ui/dist";

fn main() -> io::Result<()> {
    // A watched folder that is missing would make this crate new at every build.
    if let Err(error) = fs::create_dir_all(DIST) {
        println!("cargo::warning={DIST} cannot be made: {error}");
    }
    println!("cargo::rerun-if-changed={DIST}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut files = Vec::new();
    walk(Path::new(DIST), &mut files)?;
    files.sort();
    let mut table = String::from("[\n");
    for (number, file) in files.iter().enumerate() {
        let packed = out.join(format!("{number}.gz"));
        let mut packer = GzEncoder::new(fs::File::create(&packed)?, Compression::best());
        packer.write_all(&fs::read(file)?)?;
        packer.finish()?;
        let name = file.strip_prefix(DIST).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let _ = writeln!(table, "    ({name:?}, include_bytes!({packed:?})),");
    }
    table.push(']');
    fs::write(out.join("files.rs"), table)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
