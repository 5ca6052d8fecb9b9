//! A long line between two ends: every datagram arrives later, some never do.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::UdpSocket as Socket;
use tokio::time::Instant;

/// Bytes that the system may hold before the line: more than one round trip of a fast sender.
const HELD: usize = 4 << 20;
/// Bytes that are on the line at most, each way.
const LONGEST: usize = 64 << 20;
/// Datagrams that are taken or given before the other way has its turn.
const BATCH: usize = 256;
/// Of these, so many are given in one call, and so many bytes.
const TOGETHER: usize = 32;
const LARGEST: usize = 60_000;
/// What IPv6 and UDP add to a datagram. The line itself is IPv4, whose headers are 20 bytes shorter: what fits here
/// fits both.
const HEADERS: usize = 48;

/// What the line is like.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// From one end to the other.
    pub delay: Duration,
    /// One datagram of so many is lost, each way; 0 for none.
    pub lost: u64,
    /// One datagram of so many takes a tenth longer, so that others overtake it; 0 for none.
    pub late: u64,
    /// Bytes a second that fit through, each way; 0 for all that come.
    pub rate: u32,
    /// Bytes that wait where only so many fit through. More are lost.
    pub queue: usize,
    /// Bytes of one packet of the line, with the headers of IPv6 and UDP. Larger ones are lost.
    pub mtu: usize,
    /// Which are lost is the same for the same seed.
    pub seed: u64,
}

/// What went over the line, both ways together.
#[derive(Debug, Default)]
pub struct Counts {
    /// Datagrams that arrived.
    pub carried: AtomicU64,
    /// Lost by chance.
    pub lost: AtomicU64,
    /// Larger than the line takes.
    pub too_large: AtomicU64,
    /// Came while the line was full.
    pub full: AtomicU64,
    /// Overtaken by others.
    pub late: AtomicU64,
    /// Nanoseconds of a core that carrying took; known at the end, on Linux.
    pub worked: AtomicU64,
}

impl Counts {
    /// In one sentence.
    pub fn told(&self) -> String {
        let [carried, lost, large, full, worked] =
            [&self.carried, &self.lost, &self.too_large, &self.full, &self.worked]
                .map(|count| count.load(Ordering::Relaxed));
        let each = worked as f64 / 1000.0 / carried.max(1) as f64;
        format!(
            "{carried} datagrams carried ({each:.1} us of a core each), {lost} lost, {large} too large, {full} while \
             the line was full"
        )
    }
}

/// A line that carries for as long as it is held.
pub struct Relay {
    /// Where the near end sends to.
    pub near: SocketAddr,
    pub counts: Arc<Counts>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Carries between whoever speaks to `near` and `to`, which is spoken to from `far`. The sockets may be in
    /// different networks.
    pub fn lay(near: UdpSocket, far: UdpSocket, to: SocketAddr, line: Line) -> Self {
        let (counts, ended) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
        let address = near.local_addr().unwrap();
        let (count, end) = (Arc::clone(&counts), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                carry(&opened(near), &opened(far), to, line, &count, &end).await;
                let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
                let worked = stat.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
                count.worked.store(worked, Ordering::Relaxed);
            });
        });
        Self { near: address, counts, ended, thread: Some(thread) }
    }
}

impl Relay {
    /// Carries no more, and tells what it did.
    pub fn end(self) -> Arc<Counts> {
        Arc::clone(&self.counts)
        // Dropping waits for the thread, which counts until then.
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn opened(socket: UdpSocket) -> Socket {
    let wide = socket2::SockRef::from(&socket);
    wide.set_recv_buffer_size(HELD).unwrap();
    wide.set_send_buffer_size(HELD).unwrap();
    socket.set_nonblocking(true).unwrap();
    Socket::from_std(socket).unwrap()
}

/// One way of the line.
struct Way {
    line: Line,
    chance: u64,
    number: u64,
    bytes: usize,
    /// When what waits has gone through.
    free: Option<Instant>,
    under_way: BTreeMap<(Instant, u64), Vec<u8>>,
}

impl Way {
    fn new(line: Line, salt: u64) -> Self {
        Self { line, chance: line.seed ^ salt, number: 0, bytes: 0, free: None, under_way: BTreeMap::new() }
    }

    /// `SplitMix64`.
    fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn one_of(&mut self, many: u64) -> bool {
        many > 0 && self.draw().is_multiple_of(many)
    }

    /// When a datagram that comes now has gone through, or nothing when too many wait.
    fn through(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        if self.line.rate == 0 {
            return Some(now);
        }
        let takes = |bytes: usize| Duration::from_secs_f64(bytes as f64 / f64::from(self.line.rate));
        let begin = self.free.map_or(now, |free| free.max(now));
        if begin - now > takes(self.line.queue) {
            return None;
        }
        let end = begin + takes(bytes + HEADERS);
        self.free = Some(end);
        Some(end)
    }

    fn take(&mut self, datagram: &[u8], now: Instant, counts: &Counts) {
        let lost = self.one_of(self.line.lost);
        let late = self.one_of(self.line.late);
        let count = if datagram.len() + HEADERS > self.line.mtu {
            Some(&counts.too_large)
        } else if lost {
            Some(&counts.lost)
        } else {
            (self.bytes + datagram.len() > LONGEST).then_some(&counts.full)
        };
        let through = if count.is_none() { self.through(datagram.len(), now) } else { None };
        let Some(through) = through else {
            count.unwrap_or(&counts.full).fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut due = through + self.line.delay;
        if late {
            due += self.line.delay / 10;
            counts.late.fetch_add(1, Ordering::Relaxed);
        }
        self.bytes += datagram.len();
        self.number += 1;
        self.under_way.insert((due, self.number), datagram.to_vec());
    }

    fn due(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((due, _), _)| *due)
    }

    /// How many that have arrived can be given in one go: all of one length but the last, which may be shorter.
    fn arrived(&self, now: Instant) -> usize {
        let mut arrived =
            self.under_way.iter().take_while(|((due, _), _)| *due <= now).map(|(_, one)| one.len());
        let Some(first) = arrived.next() else { return 0 };
        let (mut many, mut bytes) = (1, first);
        for length in arrived.take(TOGETHER - 1) {
            bytes += length;
            if length > first || bytes > LARGEST {
                break;
            }
            many += 1;
            if length < first {
                break;
            }
        }
        many
    }

    /// Gives what has arrived; stops early where the socket is full.
    fn give(&mut self, socket: &Socket, to: SocketAddr, now: Instant, counts: &Counts) {
        for _ in 0..BATCH / TOGETHER {
            let many = self.arrived(now);
            let together: Vec<&[u8]> = self.under_way.values().take(many).map(Vec::as_slice).collect();
            if many == 0
                || send(socket, &together, to).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            {
                return;
            }
            for _ in 0..many {
                self.bytes -= self.under_way.pop_first().map_or(0, |(_, gone)| gone.len());
            }
            counts.carried.fetch_add(many as u64, Ordering::Relaxed);
        }
    }
}

/// Many datagrams in one call, which the system takes apart again: half the work of one call for each.
#[cfg(target_os = "linux")]
fn send(socket: &Socket, together: &[&[u8]], to: SocketAddr) -> io::Result<()> {
    use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
    use std::os::fd::AsRawFd;
    let slices: Vec<_> = together.iter().map(|one| io::IoSlice::new(one)).collect();
    let size = u16::try_from(together.first().map_or(0, |one| one.len())).unwrap();
    let apart = [ControlMessage::UdpGsoSegments(&size)];
    let how = if together.len() > 1 { &apart[..] } else { &[] };
    let to = SockaddrStorage::from(to);
    socket.try_io(tokio::io::Interest::WRITABLE, || {
        sendmsg(socket.as_raw_fd(), &slices, how, MsgFlags::empty(), Some(&to)).map_err(io::Error::from)?;
        Ok(())
    })
}

#[cfg(not(target_os = "linux"))]
fn send(socket: &Socket, together: &[&[u8]], to: SocketAddr) -> io::Result<()> {
    for one in together {
        socket.try_send_to(one, to)?;
    }
    Ok(())
}

async fn carry(near: &Socket, far: &Socket, to: SocketAddr, line: Line, counts: &Counts, ended: &AtomicBool) {
    let (mut there, mut back) = (Way::new(line, 1), Way::new(line, 2));
    let mut speaker = None;
    let mut buffer = vec![0; 4096];
    while !ended.load(Ordering::Relaxed) {
        let now = Instant::now();
        for _ in 0..BATCH {
            let Ok((length, from)) = near.try_recv_from(&mut buffer) else { break };
            speaker = Some(from);
            there.take(&buffer[..length], now, counts);
        }
        for _ in 0..BATCH {
            let Ok((length, _)) = far.try_recv_from(&mut buffer) else { break };
            back.take(&buffer[..length], now, counts);
        }
        there.give(far, to, now, counts);
        if let Some(speaker) = speaker {
            back.give(near, speaker, now, counts);
        }
        let rest = now + Duration::from_millis(100);
        let due = there.due().into_iter().chain(back.due()).min().unwrap_or(rest).min(rest);
        if due <= Instant::now() {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            _ = near.readable() => {}
            _ = far.readable() => {}
            () = tokio::time::sleep_until(due) => {}
        }
    }
}
