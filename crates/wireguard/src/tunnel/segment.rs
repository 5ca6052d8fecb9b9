//! What has to be known of a TCP segment in a packet without the stack's help. Packets come from outside: whatever
//! does not fit is no segment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
/// Where the number of the first byte, the acknowledgement and the window are in the header of TCP.
const SEQUENCE: Range<usize> = 4..8;
const WINDOW: usize = 14;
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

    /// The data's place in the connection, from its first byte to behind its last; nothing when there is none.
    pub(super) fn data(&self) -> Option<(u32, u32)> {
        let bytes = self.header()[SEQUENCE].try_into().ok()?;
        let (begin, length) = (u32::from_be_bytes(bytes), u32::try_from(self.end - self.data).ok()?);
        (length > 0).then(|| (begin, begin.wrapping_add(length)))
    }

    /// The window that it offers, as it is written.
    pub(super) fn window(&self) -> u16 {
        self.port(WINDOW)
    }

    /// The connection of one that came.
    pub(super) fn flow_in(&self) -> Option<Flow> {
        Some(Flow { other: source(self.packet)?, theirs: self.port(0), ours: self.port(2) })
    }

    /// The connection of one that goes.
    pub(super) fn flow_out(&self) -> Option<Flow> {
        Some(Flow { other: destination(self.packet)?, theirs: self.port(2), ours: self.port(0) })
    }

    /// The packet up to its data, and where in it the acknowledgement is.
    pub(super) fn bare(&self) -> (&'a [u8], Range<usize>) {
        (&self.packet[..self.data], self.tcp + ACKNOWLEDGED.start..self.tcp + ACKNOWLEDGED.end)
    }
}

/// A connection: the other end and the ports. Our address is left out: an end has one of each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    other: IpAddr,
    theirs: u16,
    ours: u16,
}

impl Flow {
    pub(super) fn new(other: IpAddr, theirs: u16, ours: u16) -> Self {
        Self { other, theirs, ours }
    }
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A packet from 10.8.0.1, port 9, to 10.8.0.2, port 50000, whose data begins at 0.
    pub(in super::super) fn packet(flags: u8, acknowledged: u32, data: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; V4 + TCP];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&u16::try_from(V4 + TCP + data.len()).unwrap().to_be_bytes());
        packet[9] = PROTOCOL;
        packet[12..20].copy_from_slice(&[10, 8, 0, 1, 10, 8, 0, 2]);
        packet[20..24].copy_from_slice(&[0, 9, 0xc3, 0x50]);
        packet[28..32].copy_from_slice(&acknowledged.to_be_bytes());
        packet[32] = 0x50;
        packet[33] = flags;
        packet.extend_from_slice(data);
        packet
    }

    /// A packet the other way, with a byte of data at a place.
    pub(in super::super) fn sending(place: u32) -> Vec<u8> {
        let mut packet = packet(ACK, 0, b"x");
        packet[12..20].copy_from_slice(&[10, 8, 0, 2, 10, 8, 0, 1]);
        packet[20..24].copy_from_slice(&[0xc3, 0x50, 0, 9]);
        packet[24..28].copy_from_slice(&place.to_be_bytes());
        packet
    }

    #[test]
    fn what_a_segment_does_is_known() {
        let of = |flags, data: &[u8]| {
            let packet = packet(flags, 7, data);
            let segment = Segment::of(&packet).unwrap();
            (segment.wants_answer(), segment.begins(), segment.opens(), segment.only_acknowledges())
        };
        assert_eq!(of(SYN, b""), (true, true, Some(50_000), None));
        assert_eq!(of(SYN | ACK, b""), (true, true, None, None));
        assert_eq!(of(ACK, b""), (false, false, None, Some(7)));
        assert_eq!(of(ACK, b"data"), (true, false, None, None));
        assert_eq!(of(ACK | FIN, b""), (true, false, None, None));
        assert_eq!(of(ACK | RST, b""), (false, false, None, None));
        assert_eq!(destination(&packet(ACK, 7, b"")), Some("10.8.0.2".parse().unwrap()));
    }

    #[test]
    fn what_is_cut_off_or_no_tcp_is_no_segment() {
        let whole = packet(ACK, 7, b"data");
        for length in 0..whole.len() {
            assert!(Segment::of(&whole[..length]).is_none(), "{length}");
        }
        for (place, byte) in [(0, 0x55), (0, 0x4f), (9, 17), (32, 0x40), (32, 0xf0), (2, 0xff), (3, 30)] {
            let mut broken = whole.clone();
            broken[place] = byte;
            assert!(Segment::of(&broken).is_none(), "{byte:#x} at {place}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_looked_at(mut packet in proptest::collection::vec(any::<u8>(), 0..120), v6: bool) {
            if let Some(first) = packet.first_mut() {
                *first = if v6 { 0x60 } else { 0x40 | (*first & 15) };
            }
            if let Some(segment) = Segment::of(&packet) {
                let (bare, place) = segment.bare();
                prop_assert!(place.end <= bare.len() && bare.len() <= packet.len());
                let _ = (segment.flow_in(), segment.flow_out(), segment.data(), segment.opens(), segment.only_acknowledges(), segment.wants_answer());
            }
            let _ = destination(&packet);
        }
    }
}
