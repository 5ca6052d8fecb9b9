//! A program that speaks with the service: this very one, told over its standard input what to say.

use super::LONG;
use hivemind_netd_protocol::{Answer, Frames, Refused, Request, encode};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SOCKET: &str = "HIVEMIND_TEST_NETD_SOCKET";
const CLIENT: &str = "client::speaks_for_the_test";

/// Not a test: the program that the service serves, told over its standard input what to say.
#[test]
fn speaks_for_the_test() {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    let mut stream: Option<UnixStream> = None;
    let mut kept = Vec::new();
    let mut handles = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let said = match words.as_slice() {
            ["open"] => {
                stream = Some(UnixStream::connect(&socket).unwrap());
                stream.as_ref().unwrap().set_read_timeout(Some(LONG)).unwrap();
                "open".to_owned()
            }
            ["keep"] => {
                kept.extend(stream.take());
                "kept".to_owned()
            }
            ["close"] => {
                stream = None;
                kept.clear();
                handles.clear();
                "closed".to_owned()
            }
            ["send", request] => {
                let stream = stream.as_mut().unwrap();
                let request: Request = serde_json(request);
                // Who is turned away is told so before it was heard.
                let _ = stream.write_all(&encode(&request).unwrap());
                listen(stream, &mut handles)
            }
            ["raw", hex] => {
                let stream = stream.as_mut().unwrap();
                let bytes: Vec<u8> = hex
                    .as_bytes()
                    .chunks(2)
                    .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                    .collect();
                let _ = stream.write_all(&bytes);
                listen(stream, &mut handles)
            }
            ["hear"] => listen(stream.as_mut().unwrap(), &mut handles),
            ["end"] => return,
            other => panic!("{other:?}"),
        };
        // Tests' own output is told apart by its beginning.
        println!("\n=> {said} {}", handles.len());
    }
}

pub fn serde_json<T: serde::de::DeserializeOwned>(text: &str) -> T {
    ::serde_json::from_str(text).unwrap()
}

/// One answer as JSON, or `ended`.
fn listen(stream: &mut UnixStream, handles: &mut Vec<std::os::fd::OwnedFd>) -> String {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut frames = Frames::default();
    loop {
        let mut bytes = [0; 512];
        let mut room = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut room);
        let got = recvmsg(
            &*stream,
            &mut [std::io::IoSliceMut::new(&mut bytes)],
            &mut beside,
            RecvFlags::CMSG_CLOEXEC,
        );
        let Ok(got) = got else { return "ended".into() };
        if got.bytes == 0 {
            return "ended".into();
        }
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(more) = message {
                handles.extend(more);
            }
        }
        frames.push(&bytes[..got.bytes]).unwrap();
        if let Some(answer) = frames.take::<Answer>().unwrap() {
            return ::serde_json::to_string(&answer).unwrap();
        }
    }
}

pub struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Client {
    pub fn start(program: &Path, user: &str, socket: &Path) -> Self {
        let mut child = Command::new("setpriv")
            .args([
                "--reuid",
                user,
                "--regid",
                user,
                "--clear-groups",
                "--bounding-set=-all",
                "--inh-caps=-all",
            ])
            .arg(program)
            .args(["--exact", CLIENT, "--nocapture", "--test-threads=1"])
            .env(SOCKET, socket)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, stdin, stdout };
        client.say("open");
        client
    }

    /// What came back, and how many descriptors there are by now.
    pub fn say(&mut self, words: &str) -> (String, usize) {
        writeln!(self.stdin, "{words}").unwrap();
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "the client ended at {words}");
            if let Some(said) = line.trim().strip_prefix("=> ") {
                let (said, count) = said.rsplit_once(' ').unwrap();
                return (said.to_owned(), count.parse().unwrap());
            }
        }
    }

    pub fn send(&mut self, request: &Request) -> (Answer, usize) {
        let (said, count) = self.say(&format!("send {}", ::serde_json::to_string(request).unwrap()));
        (serde_json(&said), count)
    }

    pub fn refused(&mut self, request: &Request) -> Refused {
        match self.send(request).0 {
            Answer::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
