//! Outputs as a hostile task would leave them, in the stream that the engine makes of them.

mod heads;
mod kinds;
mod many;
mod names;
mod sizes;

use crate::case::{Case, Seen};
use crate::cost::measured;
use crate::tar;
use hivemind_domain::text::plain_line;
use hivemind_engine::take_outputs;
use std::io::Read;
use std::path::Path;

/// Most bytes of a result.
const MOST: u64 = 32 << 20;

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut list = List::default();
    names::add(&mut list);
    kinds::add(&mut list);
    heads::add(&mut list);
    sizes::add(&mut list);
    many::add(&mut list);
    list.0
}

/// Cases of this group.
#[derive(Default)]
struct List(Vec<Case>);

impl List {
    /// The whole result is refused by `rule`, naming `entry` as the stream names it.
    fn refused(
        &mut self,
        name: impl Into<String>,
        built: impl Into<String>,
        rule: &str,
        entry: impl AsRef<[u8]>,
        pieces: Vec<Vec<u8>>,
    ) {
        let head = &entry.as_ref()[..entry.as_ref().len().min(1000)];
        let shown = plain_line(&String::from_utf8_lossy(head), 120);
        let expected = format!("refused ({rule}) at \"{shown}\"");
        self.push(name, built, expected, move || std::io::Cursor::new(tar::stream(&pieces)));
    }

    /// So many files are taken; links, devices and pipes are left out.
    fn taken(&mut self, name: impl Into<String>, built: impl Into<String>, files: u32, pieces: Vec<Vec<u8>>) {
        self.push(name, built, format!("{files} files taken"), move || {
            std::io::Cursor::new(tar::stream(&pieces))
        });
    }

    /// The stream cannot be read: no result.
    fn damaged(&mut self, name: impl Into<String>, built: impl Into<String>, bytes: Vec<u8>) {
        self.push(name, built, "no result: the stream is damaged".to_owned(), move || {
            std::io::Cursor::new(bytes)
        });
    }

    fn push<R: Read>(
        &mut self,
        name: impl Into<String>,
        built: impl Into<String>,
        expected: String,
        stream: impl FnOnce() -> R + Send + 'static,
    ) {
        let run = move |folder: &Path| {
            let stream = stream();
            let into = folder.join("result.zip");
            let (answer, cost) = measured(|| take_outputs(stream, &into, MOST));
            let left: Vec<_> =
                std::fs::read_dir(folder).expect("the folder").flatten().map(|e| e.file_name()).collect();
            let outcome = match answer {
                Ok(result) => {
                    let bytes = std::fs::read(&into).expect("the result");
                    assert_eq!(bytes.len() as u64, result.size_bytes);
                    assert!(!holds(&bytes, b"the host's secret"), "a host file was read");
                    assert_eq!(left, ["result.zip"]);
                    format!("{} files taken", result.entries)
                }
                Err(error) => {
                    assert!(left.is_empty(), "files are left: {left:?}");
                    in_words(&error.message)
                }
            };
            Seen { outcome, cost: Some(cost) }
        };
        self.0.push(Case { name: name.into(), built: built.into(), expected, run: Box::new(run) });
    }
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Rule and entry of a refusal, without the reason's words.
fn in_words(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("result ") {
        return match rest.rsplit_once("\": ") {
            Some((head, _)) => format!("{head}\""),
            None => rest.split_once(": ").map_or(rest, |(head, _)| head).to_owned(),
        };
    }
    if message.starts_with("could not read the outputs") {
        return "no result: the stream is damaged".to_owned();
    }
    message.to_owned()
}
