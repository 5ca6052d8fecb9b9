//! What this program says: single lines on the task's own standard streams, and that there will be no more.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Write;
use std::os::fd::AsFd;

/// The last bytes of either output: whoever reads them has read everything. The worker knows them, too.
const END_MARK: &[u8] = b"\0\x04\0";
/// An output that nobody reads does not keep the container for longer than this.
const END_WITHIN: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Exit code of a wrong command line.
pub const WRONG_USAGE: u8 = 2;

/// One line on standard error, where the task's log shows it. Nobody listening is fine.
pub fn error(line: &str) {
    let _ = writeln!(std::io::stderr(), "hivemind: {line}");
}

/// One line on standard output.
pub fn answer(line: &str) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Ends both outputs. An output that is full, closed or broken is left without a mark, which proves nothing.
pub fn end() {
    mark(std::io::stdout());
    mark(std::io::stderr());
}

fn mark(output: impl AsFd) {
    let mut watched = [PollFd::new(&output, PollFlags::OUT)];
    if poll(&mut watched, Some(&END_WITHIN)).is_ok_and(|ready| ready > 0) {
        // A pipe that takes something takes this whole.
        let _ = rustix::io::write(&output, END_MARK);
    }
}
