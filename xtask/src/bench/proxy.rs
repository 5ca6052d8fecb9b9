//! A proxy before the engine's socket that notes every request a worker makes.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::clock;

/// One request as it went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    pub path: String,
    /// The body, without the framing of a chunked one.
    pub body: Vec<u8>,
}

/// When a request was made, and when the last byte of its answer came by.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub start: Instant,
    pub end: Instant,
}

/// A request with its times, which grow while the answer comes.
type Noted = (Call, Arc<Mutex<Times>>);

/// The latest request of a connection: what the engine sends next belongs to it.
type Latest = Arc<Mutex<Option<Arc<Mutex<Times>>>>>;

/// Passes bytes both ways until this program ends.
#[derive(Debug)]
pub struct Proxy {
    socket: PathBuf,
    calls: Arc<Mutex<Vec<Noted>>>,
    deaths: Arc<Mutex<Vec<Instant>>>,
}

impl Proxy {
    /// Listens at `socket` for `engine`.
    pub fn start(socket: &Path, engine: &Path) -> Result<Self> {
        let listener =
            UnixListener::bind(socket).with_context(|| format!("cannot listen at {}", socket.display()))?;
        let calls = Arc::new(Mutex::new(Vec::new()));
        let deaths = Arc::new(Mutex::new(Vec::new()));
        let (noted, told, engine) = (Arc::clone(&calls), Arc::clone(&deaths), engine.to_path_buf());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(engine) = UnixStream::connect(&engine) else { continue };
                let (Ok(answers), Ok(back)) = (engine.try_clone(), client.try_clone()) else { continue };
                let noted = Arc::clone(&noted);
                let latest = Latest::default();
                let answered = Arc::clone(&latest);
                std::thread::spawn(move || pass(client, engine, &mut Reader::new(&noted, latest)));
                let told = Arc::clone(&told);
                std::thread::spawn(move || pass_back(answers, back, &answered, &told));
            }
        });
        Ok(Self { socket: socket.to_path_buf(), calls, deaths })
    }

    /// Its address, as `DOCKER_HOST` wants it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The calls so far; forgets them.
    pub fn take(&self) -> Vec<Call> {
        self.take_timed().into_iter().map(|(call, _)| call).collect()
    }

    /// When the engine told that a container had ended; forgets them.
    pub fn take_deaths(&self) -> Vec<Instant> {
        std::mem::take(&mut *lock(&self.deaths))
    }

    /// The calls so far with their times; forgets them.
    pub fn take_timed(&self) -> Vec<(Call, Times)> {
        let noted = std::mem::take(&mut *lock(&self.calls));
        noted.into_iter().map(|(call, times)| (call, *lock(&times))).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pass(mut from: UnixStream, mut to: UnixStream, reader: &mut Reader<'_>) {
    let mut buffer = vec![0_u8; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
        reader.feed(&buffer[..read]);
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The event of a container's end.
const DEATH: &[u8] = b"\"Action\":\"die\"";

fn pass_back(mut from: UnixStream, mut to: UnixStream, latest: &Latest, deaths: &Mutex<Vec<Instant>>) {
    let mut buffer = vec![0_u8; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
        let now = clock::now();
        if let Some(times) = &*lock(latest) {
            lock(times).end = now;
        }
        if buffer[..read].windows(DEATH.len()).any(|part| part == DEATH) {
            lock(deaths).push(now);
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Finds requests in the bytes of one connection.
struct Reader<'a> {
    calls: &'a Mutex<Vec<Noted>>,
    latest: Latest,
    buffer: Vec<u8>,
    /// When the first byte in the buffer came.
    began: Instant,
}

impl<'a> Reader<'a> {
    fn new(calls: &'a Mutex<Vec<Noted>>, latest: Latest) -> Self {
        Self { calls, latest, buffer: Vec::new(), began: clock::now() }
    }

    fn feed(&mut self, bytes: &[u8]) {
        if self.buffer.is_empty() {
            self.began = clock::now();
        }
        self.buffer.extend_from_slice(bytes);
        while let Some((call, used)) = request(&self.buffer) {
            self.buffer.drain(..used);
            let times = Arc::new(Mutex::new(Times { start: self.began, end: clock::now() }));
            *lock(&self.latest) = Some(Arc::clone(&times));
            lock(self.calls).push((call, times));
        }
    }
}

/// The first whole request in `bytes`, and how long it is.
fn request(bytes: &[u8]) -> Option<(Call, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut words = head.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let field = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
        })
    };
    let (body, used) = if field("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        chunked(&bytes[end..])?
    } else {
        let length: usize = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        (bytes.get(end..end + length)?.to_vec(), length)
    };
    Some((Call { method, path, body }, end + used))
}

/// A chunked body without its framing, and how long it was with it.
fn chunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let line = bytes.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        // A line end follows every chunk; after the last, empty one it ends the body (no trailers are sent).
        bytes.get(at + size..at + size + 2)?;
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Call> {
        let calls = Mutex::new(Vec::new());
        let mut reader = Reader::new(&calls, Latest::default());
        pieces.iter().for_each(|piece| reader.feed(piece));
        calls.into_inner().unwrap().into_iter().map(|(call, _)| call).collect()
    }

    fn call(method: &str, path: &str, body: &[u8]) -> Call {
        Call { method: method.into(), path: path.into(), body: body.into() }
    }

    #[test]
    fn requests_on_one_connection_are_told_apart() {
        let stream: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 16\r\n\r\n\
            GET /c HTTP/1.1\nPUT /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let want =
            [call("GET", "/a", b""), call("POST", "/b", b"GET /c HTTP/1.1\n"), call("PUT", "/d", b"abcde")];
        assert_eq!(read(&[stream]), want);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&single), want, "cut anywhere");
    }

    #[test]
    fn a_proxy_passes_bytes_and_notes_them() {
        let folder = tempfile::tempdir().unwrap();
        let (front, back) = (folder.path().join("front"), folder.path().join("back"));
        let engine = UnixListener::bind(&back).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = engine.accept().unwrap();
            let mut asked = [0; 256];
            let _ = stream.read(&mut asked).unwrap();
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello").unwrap();
        });
        let proxy = Proxy::start(&front, &back).unwrap();
        let answer = super::super::http::Server::engine(&front)
            .send(&super::super::http::Request::new("GET", "/_ping"));
        assert_eq!(answer.unwrap(), b"hello");
        // The answer may be here before the proxy's own thread has written its note.
        let mut noted = Vec::new();
        for _ in 0..500 {
            noted = proxy.take_timed();
            if !noted.is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(noted[0].0, call("GET", "/_ping", b""));
        assert!(noted.len() == 1 && noted[0].1.start <= noted[0].1.end);
        assert!(proxy.take().is_empty());
    }
}
