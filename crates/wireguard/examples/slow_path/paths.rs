//! The paths that are measured, for the tunnel inside the process and for the system's own TCP alike.

use super::line::Line;
use std::time::Duration;

/// One path, and how long is looked at each way.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    pub name: &'static str,
    pub line: Line,
    /// Bytes of one packet inside the tunnel.
    pub mtu: u16,
    pub look: Duration,
}

const LONG: Line =
    Line { delay: Duration::from_millis(20), lost: 0, late: 0, rate: 0, queue: 0, mtu: 1500, seed: 6 };

/// What 20 Mbit/s are in bytes a second.
const NARROW: u32 = 2_500_000;

/// 20 ms each way. WireGuard adds 32 bytes to a packet, IPv6 and UDP 48.
pub const PATHS: [Path; 5] = [
    Path { name: "plain", line: LONG, mtu: 1220, look: Duration::from_secs(8) },
    // Chance decides much here, so it is looked at for longer.
    Path { name: "lossy", line: Line { lost: 1000, ..LONG }, mtu: 1220, look: Duration::from_secs(20) },
    Path { name: "mtu1280", line: Line { mtu: 1280, ..LONG }, mtu: 1200, look: Duration::from_secs(6) },
    Path { name: "mtu1380", line: Line { mtu: 1380, ..LONG }, mtu: 1300, look: Duration::from_secs(6) },
    // A home's line upwards: 100 ms of packets wait at most.
    Path {
        name: "narrow",
        line: Line { rate: NARROW, queue: 256_000, ..LONG },
        mtu: 1220,
        look: Duration::from_secs(10),
    },
];

/// Only where it is asked for by name: 26 ms wait at most, which the stack's way of mending makes nothing good of.
pub const SHALLOW: Path = Path {
    name: "shallow",
    line: Line { rate: NARROW, queue: 64_000, ..LONG },
    mtu: 1220,
    look: Duration::from_secs(10),
};
