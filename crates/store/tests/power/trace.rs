//! What a process did to its files, from `strace -f -y -xx`.

use std::collections::HashMap;
use std::path::Path;

/// One thing done. Files go by their names in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    Create(String),
    Write {
        file: String,
        at: u64,
        data: Vec<u8>,
    },
    Truncate {
        file: String,
        to: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove(String),
    /// A file is on the disk.
    Sync(String),
    /// Names in the folder are on the disk.
    SyncFolder,
    /// A line on standard output.
    Said(String),
}

#[derive(Debug)]
pub struct Trace {
    pub happenings: Vec<Happening>,
}

impl Trace {
    pub fn read(text: &str, folder: &Path) -> Self {
        let folder = folder.to_str().expect("a plain path");
        let mut begun: HashMap<&str, String> = HashMap::new();
        let mut happenings = Vec::new();
        let mut places = Places::new();
        for line in text.lines() {
            let Some((pid, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
                begun.insert(pid, start.to_owned());
                continue;
            }
            let whole = match rest.strip_prefix("<... ").and_then(|resumed| resumed.split_once(" resumed>")) {
                Some((_, end)) => format!("{}{end}", begun.remove(pid).unwrap_or_default()),
                None => rest.to_owned(),
            };
            happenings.extend(one(&whole, folder, &mut places));
        }
        Self { happenings }
    }
}

/// Where the next plain write into a file goes.
type Places = HashMap<String, u64>;

fn one(call: &str, folder: &str, places: &mut Places) -> Option<Happening> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    if result.starts_with('-') {
        return None;
    }
    let inside = |path: &str| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
    // `-y` puts the file behind its number: 7<path>. With `-xx` the path is escaped too.
    let file_of = |argument: &str| {
        let path = argument.split_once('<')?.1.strip_suffix('>')?;
        Some(plain(path))
    };
    let parts: Vec<&str> = arguments.split(", ").collect();
    match name {
        "openat" => {
            let path = text(parts.get(1)?);
            let created = parts.get(2)?.contains("O_CREAT");
            let name = inside(&path)?;
            places.insert(name.clone(), 0);
            created.then_some(Happening::Create(name))
        }
        "lseek" => {
            places.insert(inside(&file_of(parts[0])?)?, result.trim().parse().ok()?);
            None
        }
        "pwrite64" => {
            let file = inside(&file_of(parts[0])?)?;
            let at = parts.last()?.parse().ok()?;
            Some(Happening::Write { file, at, data: bytes(parts.get(1)?) })
        }
        "write" => {
            let path = file_of(parts[0])?;
            let data = bytes(parts.get(1)?);
            match inside(&path) {
                Some(file) => {
                    let place = places.entry(file.clone()).or_default();
                    let at = *place;
                    *place += data.len() as u64;
                    Some(Happening::Write { file, at, data })
                }
                None => {
                    let said = String::from_utf8(data).ok()?;
                    let ours = said.starts_with("ACK ") || said.starts_with("SET ");
                    ours.then(|| Happening::Said(said.trim().to_owned()))
                }
            }
        }
        "fsync" | "fdatasync" => {
            let path = file_of(parts[0])?;
            if path == folder { Some(Happening::SyncFolder) } else { inside(&path).map(Happening::Sync) }
        }
        "ftruncate" => {
            let file = inside(&file_of(parts[0])?)?;
            Some(Happening::Truncate { file, to: parts.get(1)?.parse().ok()? })
        }
        "rename" => {
            Some(Happening::Rename { from: inside(&text(parts[0]))?, to: inside(&text(parts.get(1)?))? })
        }
        "renameat" | "renameat2" => {
            Some(Happening::Rename { from: inside(&text(parts.get(1)?))?, to: inside(&text(parts.get(3)?))? })
        }
        "unlink" => inside(&text(parts[0])).map(Happening::Remove),
        "unlinkat" => inside(&text(parts.get(1)?)).map(Happening::Remove),
        _ => None,
    }
}

fn bytes(quoted: &str) -> Vec<u8> {
    let inner = quoted.trim().trim_matches('"');
    inner.split("\\x").skip(1).filter_map(|pair| u8::from_str_radix(pair.get(..2)?, 16).ok()).collect()
}

fn text(quoted: &str) -> String {
    String::from_utf8_lossy(&bytes(quoted)).into_owned()
}

/// A path that may be escaped or not.
fn plain(path: &str) -> String {
    if path.starts_with("\\x") { text(path) } else { path.to_owned() }
}
