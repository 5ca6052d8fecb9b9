//! What the sensors print under Wine, and the program that does what an owner does.

use hivemind_testkit::wine;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::Instant;

/// A prefix in use.
pub struct Wine(wine::Wine);

impl Wine {
    /// None, with the word for it, where Wine was not made ready.
    pub fn find(test: &str) -> Option<Self> {
        wine::Wine::find(test).map(Self)
    }

    /// Starts a program of Windows.
    pub fn start(&self, words: &[&str]) -> Child {
        self.0.start(words)
    }

    /// What `desk.exe` printed.
    pub fn desk(&self, words: &[&str]) -> String {
        let said = self.0.run(&[&["desk.exe"], words].concat());
        assert_eq!(said.code, Some(0), "desk {words:?}: {said:?}");
        said.out
    }

    /// Sends the sensors' window a message: milliseconds it took to answer, and the answer.
    pub fn tell(&self, message: u32, wparam: u32) -> (u64, u64) {
        let said = self.desk(&["tell", &message.to_string(), &wparam.to_string(), "0"]);
        let (took, answer) = said.split_once(' ').unwrap();
        (took.parse().unwrap(), answer.parse().unwrap())
    }

    /// Watches the sensors for so many seconds; returns when they have told something.
    pub fn watch(&self, seconds: u32, words: &[&str]) -> Watched {
        let length = seconds.to_string();
        let mut child = self.start(&[&["senses.exe", &length], words].concat());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let out = BufReader::new(child.stdout.take().unwrap());
        let into = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let told = serde_json::from_str(&line).unwrap_or(Value::String(line));
                into.lock().unwrap().push((Instant::now(), told));
            }
        });
        let watched = Watched { child, lines, reader: Some(reader) };
        watched.waits_for("idle_seconds", Value::is_number);
        watched
    }
}

/// Sensors that are watched.
pub struct Watched {
    child: Child,
    lines: Arc<Mutex<Vec<(Instant, Value)>>>,
    reader: Option<JoinHandle<()>>,
}

impl Watched {
    /// What one sensor told until now, and when.
    pub fn told(&self, sensor: &str) -> Vec<(Instant, Value)> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter_map(|(at, line)| Some((*at, line.get(sensor)?.clone()))).collect()
    }

    /// Waits until what a sensor told last is what is expected; returns when it was told.
    pub fn waits_for(&self, sensor: &str, expected: impl Fn(&Value) -> bool) -> Instant {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some((at, _)) = self.told(sensor).last().filter(|(_, told)| expected(told)) {
                return *at;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{sensor} told only {:?} of {:?}", self.told(sensor), self.lines.lock().unwrap());
    }

    /// Waits for the end; returns what it said besides.
    pub fn ends(mut self) -> String {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{said}");
        self.reader.take().unwrap().join().unwrap();
        said
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // What it started is ended with everything else in the prefix.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
