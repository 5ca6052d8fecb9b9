//! What has to be known of a TCP segment in a packet without the stack's help. Packets come from outside: whatever
//! does not fit is no segment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
/// Where the acknowledgement is in the header of TCP.
const ACKNOWLEDGED: Range<usize> = 8..12;
/// Bytes of the header of TCP without options.
const TCP: usize = 20;
const V4: usize = 20;
const V6: usize = 40;
const PROTOCOL: u8 = 6;

/// A TCP segment inside a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    packet: &'a [u8],
    /// Where the header of TCP begins, and where the data.
    tcp: usize,
    data: usize,
    end: usize,
}

impl<'a> Segment<'a> {
    /// The segment in a packet, when there is a whole one in it.
    pub(super) fn of(packet: &'a [u8]) -> Option<Self> {
        let (tcp, end, protocol) = match packet.first()? >> 4 {
            4 if packet.len() >= V4 => {
                let end = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
                (usize::from(packet[0] & 15) * 4, end, packet[9])
            }
            6 if packet.len() >= V6 => {
                (V6, V6 + usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet[6])
            }
            _ => return None,
        };
        let header = packet.get(tcp..end).filter(|header| protocol == PROTOCOL && header.len() >= TCP)?;
        let data = tcp + usize::from(header[12] >> 4) * 4;
        (data >= tcp + TCP && data <= end).then_some(Self { packet, tcp, data, end })
    }

    fn header(&self) -> &'a [u8] {
        &self.packet[self.tcp..self.data]
    }

    fn flags(&self) -> u8 {
        self.header()[13]
    }

    fn port(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.header()[at], self.header()[at + 1]])
    }

    /// Whether it carries data, or begins or ends a connection: an acknowledgement alone is not answered.
    pub(super) fn wants_answer(&self) -> bool {
        self.flags() & (SYN | FIN) != 0 || self.end > self.data
    }

    /// Whether it begins a connection.
    pub(super) fn begins(&self) -> bool {
        self.flags() & SYN != 0
    }

    /// The port to which it opens a connection.
    pub(super) fn opens(&self) -> Option<u16> {
        (self.flags() & (SYN | ACK) == SYN).then(|| self.port(2))
    }

    /// What it acknowledges, when it does nothing else.
    pub(super) fn only_acknowledges(&self) -> Option<u32> {
        let only = self.end == self.data && self.flags() & (SYN | FIN | RST | ACK) == ACK;
        let bytes = self.header()[ACKNOWLEDGED].try_into().ok()?;
        only.then(|| u32::from_be_bytes(bytes))
    }

    /// Which connection it belongs to, as the end that sent it sees it.
    pub(super) fn flow(&self) -> Option<Flow> {
        Some(Flow { from: source(self.packet)?, port: self.port(0), to: self.port(2) })
    }

    /// The packet up to its data, and where in it the acknowledgement is.
    pub(super) fn bare(&self) -> (&'a [u8], Range<usize>) {
        (&self.packet[..self.data], self.tcp + ACKNOWLEDGED.start..self.tcp + ACKNOWLEDGED.end)
    }
}

/// One direction of a connection. Our address is left out: an end has one of each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    from: IpAddr,
    port: u16,
    to: u16,
}

fn source(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 12, 8)
}

/// Where a packet goes to.
pub(super) fn destination(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 16, 24)
}

fn address(packet: &[u8], v4: usize, v6: usize) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => {
            let bytes: [u8; 4] = packet.get(v4..v4 + 4)?.try_into().ok()?;
            Some(Ipv4Addr::from(bytes).into())
        }
        6 => {
            let bytes: [u8; 16] = packet.get(v6..v6 + 16)?.try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}
