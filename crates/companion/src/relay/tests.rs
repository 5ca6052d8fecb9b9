//! A relay on pipes, the test being both task and worker.

use super::*;
use hivemind_mux::WINDOW;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

/// The worker's end.
struct Worker {
    pipe: UnixStream,
    reader: Reader,
    address: SocketAddr,
    ended: Option<JoinHandle<io::Result<()>>>,
}

impl Worker {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (pipe, theirs) = UnixStream::pair().expect("a pair");
        let output: OwnedFd = theirs.try_clone().expect("a second end").into();
        let input: OwnedFd = theirs.into();
        let ended = std::thread::spawn(move || Relay::new(&listener, input.as_fd(), output.as_fd())?.run());
        pipe.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        let mut worker = Self { pipe, reader: Reader::default(), address, ended: Some(ended) };
        assert_eq!(worker.hear(), Frame::ready());
        worker
    }

    fn hear(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.reader.next_frame().expect("frames") {
                return frame;
            }
            let mut piece = [0; 4096];
            let read = self.pipe.read(&mut piece).expect("the relay speaks");
            assert_ne!(read, 0, "the relay hung up");
            self.reader.push(&piece[..read]);
        }
    }

    fn say(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.pipe.write_all(&bytes).expect("said");
    }

    fn dial(&mut self) -> (TcpStream, u32) {
        let task = TcpStream::connect(self.address).expect("connected");
        task.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        let open = self.hear();
        assert_eq!(open.kind, Kind::Open);
        (task, open.stream)
    }

    fn hang_up(mut self) -> io::Result<()> {
        self.pipe.shutdown(Shutdown::Both).expect("hung up");
        self.ended.take().expect("a relay").join().expect("no panic")
    }
}

#[test]
fn bytes_go_both_ways_and_both_ends_are_told() {
    let mut worker = Worker::new();
    let (mut task, number) = worker.dial();
    task.write_all(b"question").expect("sent");
    assert_eq!(worker.hear(), Frame::data(number, b"question"));
    task.shutdown(Shutdown::Write).expect("ended");
    assert_eq!(worker.hear(), Frame::bare(number, Kind::End));
    worker.say(&Frame::data(number, b"answer"));
    worker.say(&Frame::bare(number, Kind::End));
    let mut answer = String::new();
    task.read_to_string(&mut answer).expect("to the end");
    assert_eq!(answer, "answer");
    // A late word about it is no mistake, and the next connection has the next number.
    worker.say(&Frame::bare(number, Kind::Reset));
    assert_eq!(worker.dial().1, number + 1);
    worker.hang_up().expect("a hang-up is the ordinary end");
}

#[test]
fn nothing_is_sent_beyond_the_window() {
    let mut worker = Worker::new();
    let (mut task, number) = worker.dial();
    let sending = std::thread::spawn(move || {
        task.write_all(&[7; 3 * WINDOW as usize]).expect("sent");
        task.shutdown(Shutdown::Write).expect("ended");
        task
    });
    let (mut got, mut credit, mut others) = (0, WINDOW as usize, Vec::new());
    loop {
        if got == credit {
            // All that may come has come; the next word is about a second connection.
            others.push(worker.dial());
            credit += WINDOW as usize;
            worker.say(&Frame::window(number, WINDOW));
        }
        let frame = worker.hear();
        match frame.kind {
            Kind::Data => got += frame.content.len(),
            Kind::End => break,
            Kind::Ready | Kind::Open | Kind::Reset | Kind::Window => panic!("{frame:?}"),
        }
        assert!(got <= credit, "{got} of {credit}");
    }
    assert_eq!(got, 3 * WINDOW as usize);
    drop(sending.join().expect("sent"));
    worker.hang_up().expect("ended");
}

#[test]
fn a_task_that_reads_slowly_gets_a_window_and_no_more() {
    let mut worker = Worker::new();
    let (mut task, number) = worker.dial();
    for _ in 0..4 {
        worker.say(&Frame::data(number, &[9; MAX_CONTENT_BYTES]));
    }
    let mut taken = vec![0; WINDOW as usize];
    task.read_exact(&mut taken).expect("a window");
    let mut room = 0;
    while room < WINDOW {
        room += worker.hear().credit();
    }
    assert_eq!(room, WINDOW, "what was taken is given back");
    drop(task);
    loop {
        if matches!(worker.hear().kind, Kind::End | Kind::Reset) {
            break;
        }
    }
    worker.hang_up().expect("ended");
}

const MAX_CONTENT_BYTES: usize = hivemind_mux::MAX_CONTENT;

#[test]
fn a_worker_that_breaks_the_rules_is_left() {
    for frame in
        [vec![0, 0, 0, 1, 9, 0, 0, 0], vec![0, 0, 0, 1, 2, 0, 0, 0], vec![0, 0, 0, 1, 6, 0, 0, 4, 0, 0, 0, 1]]
    {
        let mut worker = Worker::new();
        let _open = worker.dial();
        worker.pipe.write_all(&frame).expect("said");
        let ended = worker.ended.take().expect("a relay").join().expect("no panic");
        assert!(ended.is_err(), "{frame:?}");
    }
}

#[test]
fn many_connections_at_once_are_told_apart() {
    let mut worker = Worker::new();
    let mut open = Vec::new();
    for _ in 0..MAX_STREAMS {
        open.push(worker.dial());
    }
    for (task, number) in &mut open {
        task.write_all(&number.to_be_bytes()).expect("sent");
    }
    for _ in 0..MAX_STREAMS {
        let frame = worker.hear();
        assert_eq!(frame.content, frame.stream.to_be_bytes());
        worker.say(&Frame::data(frame.stream, &frame.content));
    }
    for (task, number) in &mut open {
        let mut back = [0; 4];
        task.read_exact(&mut back).expect("answered");
        assert_eq!(u32::from_be_bytes(back), *number);
    }
    worker.hang_up().expect("ended");
}
