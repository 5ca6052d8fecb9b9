//! Packages as a hostile requester would build them.

mod bombs;
pub(crate) mod collisions;
mod fields;
mod kinds;
mod manifests;
pub(crate) mod names;
mod structure;
mod zip64;

use crate::case::{Case, Seen};
use crate::cost::measured;
use hivemind_domain::text::plain_line;
use hivemind_engine::Package;

/// Disk that the task is granted.
const DISK: u64 = 64 << 20;

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut list = List::default();
    names::add(&mut list);
    structure::add(&mut list);
    fields::add(&mut list);
    kinds::add(&mut list);
    bombs::add(&mut list);
    collisions::add(&mut list);
    zip64::add(&mut list);
    manifests::add(&mut list);
    list.0
}

/// Cases of this group.
#[derive(Default)]
struct List(Vec<Case>);

impl List {
    /// The zip is refused by `rule`, naming `entry`; an empty entry is the zip as a whole.
    fn refused(
        &mut self,
        name: impl Into<String>,
        built: impl Into<String>,
        rule: &str,
        entry: impl AsRef<[u8]>,
        zip: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) {
        self.push(name.into(), built.into(), refusal(rule, entry.as_ref()), DISK, zip);
    }

    /// The zip is harmless: it is taken as what it is.
    fn taken(
        &mut self,
        name: impl Into<String>,
        built: impl Into<String>,
        zip: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) {
        self.push(name.into(), built.into(), "taken".to_owned(), DISK, zip);
    }

    fn push(
        &mut self,
        name: String,
        built: String,
        expected: String,
        disk: u64,
        zip: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) {
        let run = move |folder: &std::path::Path| {
            let path = folder.join("package.zip");
            std::fs::write(&path, zip()).expect("written");
            let (outcome, cost) = measured(|| match Package::open(&path, disk) {
                Ok(package) => match package.write_tar(std::io::sink()) {
                    Ok(_) => "taken".to_owned(),
                    Err(error) => format!("checked, then refused: {error}"),
                },
                Err(refused) => {
                    let words = refused.to_string();
                    if words.len() > 500 || words.contains(char::is_control) {
                        return format!("refused in {} bytes of text that is not plain", words.len());
                    }
                    match &refused.entry {
                        Some(entry) => format!("refused by {} at \"{entry}\"", refused.rule),
                        None => format!("refused by {}", refused.rule),
                    }
                }
            });
            let left = std::fs::read_dir(folder).expect("the folder").count();
            assert_eq!(left, 1, "only the package lies in its folder");
            Seen { outcome, cost: Some(cost) }
        };
        self.0.push(Case { name, built, expected, run: Box::new(run) });
    }
}

/// A refusal in words. The entry is shown as the worker shows any hostile text: printable and cut.
fn refusal(rule: &str, entry: &[u8]) -> String {
    if entry.is_empty() {
        return format!("refused by {rule}");
    }
    let head = &entry[..entry.len().min(1000)];
    format!("refused by {rule} at \"{}\"", plain_line(&String::from_utf8_lossy(head), 120))
}
