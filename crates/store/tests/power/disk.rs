//! A disk that keeps what was synced, and of the rest what chance leaves.

use super::trace::Happening;
use rand::Rng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::path::Path;

/// The least that a disk writes whole.
const SECTOR: usize = 512;

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Truncate(usize),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    /// On the disk for good.
    safe: Vec<u8>,
    /// Since the last sync, in order.
    loose: Vec<Change>,
    /// As programs see it.
    length: usize,
}

#[derive(Debug, Clone)]
enum Naming {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

/// Files by name, and what is known of them to be safe.
#[derive(Debug, Default)]
pub struct Disk {
    inodes: Vec<Inode>,
    /// Names as programs see them.
    names: BTreeMap<String, usize>,
    safe_names: BTreeMap<String, usize>,
    loose_names: Vec<Naming>,
}

impl Disk {
    fn inode(&mut self, file: &str) -> &mut Inode {
        let number = match self.names.get(file) {
            Some(number) => *number,
            None => {
                self.inodes.push(Inode::default());
                let number = self.inodes.len() - 1;
                self.names.insert(file.to_owned(), number);
                self.loose_names.push(Naming::Create(file.to_owned(), number));
                number
            }
        };
        &mut self.inodes[number]
    }

    pub fn take(&mut self, happening: &Happening) {
        match happening {
            // The shared index is built anew at every start and never synced.
            Happening::Create(file) | Happening::Write { file, .. } | Happening::Truncate { file, .. }
                if file.ends_with("-shm") => {}
            Happening::Create(file) => {
                self.inode(file);
            }
            Happening::Write { file, at, data } => {
                let inode = self.inode(file);
                let at = usize::try_from(*at).expect("a small file");
                inode.length = inode.length.max(at + data.len());
                inode.loose.push(Change::Write { at, data: data.clone() });
            }
            Happening::Truncate { file, to } => {
                let to = usize::try_from(*to).expect("a small file");
                let inode = self.inode(file);
                inode.length = to;
                inode.loose.push(Change::Truncate(to));
            }
            Happening::Sync(file) => {
                let inode = self.inode(file);
                for change in std::mem::take(&mut inode.loose) {
                    apply(&mut inode.safe, &change);
                }
            }
            Happening::SyncFolder => {
                for naming in std::mem::take(&mut self.loose_names) {
                    name(&mut self.safe_names, naming);
                }
            }
            Happening::Rename { from, to } => {
                if let Some(number) = self.names.remove(from) {
                    self.names.insert(to.clone(), number);
                    self.loose_names.push(Naming::Rename(from.clone(), to.clone()));
                }
            }
            Happening::Remove(file) => {
                self.names.remove(file);
                self.loose_names.push(Naming::Remove(file.clone()));
            }
            Happening::Said(_) => {}
        }
    }

    /// Writes into `folder` what is left.
    pub fn lose_power(self, random: &mut StdRng, folder: &Path) {
        // File systems keep the order of names: some first part of the loose ones is there.
        let mut names = self.safe_names;
        let kept = random.random_range(0..=self.loose_names.len());
        for naming in self.loose_names.into_iter().take(kept) {
            name(&mut names, naming);
        }
        let likely = *[0.0, 0.1, 0.5, 0.9, 1.0].get(random.random_range(0..5)).expect("one of five");
        for (file, number) in names {
            let inode = &self.inodes[number];
            let mut content = inode.safe.clone();
            for change in &inode.loose {
                match change {
                    Change::Truncate(_) => {
                        if random.random_bool(likely) {
                            apply(&mut content, change);
                        }
                    }
                    Change::Write { at, data } => {
                        for (from, to) in sectors(*at, data.len()) {
                            if random.random_bool(likely) {
                                let piece = data[from - at..to - at].to_vec();
                                apply(&mut content, &Change::Write { at: from, data: piece });
                            }
                        }
                    }
                }
            }
            std::fs::write(folder.join(file), content).expect("a file");
        }
    }
}

/// The parts of a write that lie in one sector each.
fn sectors(at: usize, length: usize) -> Vec<(usize, usize)> {
    let end = at + length;
    let mut parts = Vec::new();
    let mut from = at;
    while from < end {
        let to = ((from / SECTOR + 1) * SECTOR).min(end);
        parts.push((from, to));
        from = to;
    }
    parts
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Truncate(to) => content.resize(*to, 0),
        Change::Write { at, data } => {
            let end = at + data.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*at..end].copy_from_slice(data);
        }
    }
}

fn name(names: &mut BTreeMap<String, usize>, naming: Naming) {
    match naming {
        Naming::Create(file, number) => {
            names.insert(file, number);
        }
        Naming::Rename(from, to) => {
            if let Some(number) = names.remove(&from) {
                names.insert(to, number);
            }
        }
        Naming::Remove(file) => {
            names.remove(&file);
        }
    }
}
