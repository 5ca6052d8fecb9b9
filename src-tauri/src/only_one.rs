//! One window for each worker: a window outlives its worker, and the next worker would open a second one.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// A window that closes at this moment is waited for.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);

/// Held for as long as the window is open.
#[derive(Debug)]
pub(crate) struct Claim {
    _file: Option<File>,
}

/// Claims the worker's window; nothing while another process has it. Where no lock can be had the window opens all the
/// same: two are better than none.
pub(crate) fn claim(socket: &Path) -> Option<Claim> {
    let lock = socket.with_file_name("window.lock");
    let file = File::options().create(true).truncate(false).write(true).open(lock);
    let Ok(file) = file else { return Some(Claim { _file: None }) };
    for tried in 0..TRIES {
        if tried > 0 {
            sleep(PAUSE);
        }
        if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Some(Claim { _file: Some(file) });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_window_is_none_until_the_first_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("worker.sock");
        let first = claim(&socket).expect("the first");
        assert!(claim(&socket).is_none());
        let other = tempfile::tempdir().unwrap();
        assert!(claim(&other.path().join("worker.sock")).is_some(), "another worker's window");
        drop(first);
        assert!(claim(&socket).is_some());
    }

    #[test]
    fn without_a_place_for_the_lock_there_is_a_window() {
        assert!(claim(Path::new("/nonexistent/worker.sock")).is_some());
    }
}
