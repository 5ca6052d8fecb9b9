//! Messages that no encoder writes.

use super::server::{Answer, framed};
use super::{Call, List};

/// A variable-length number.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field: number, wire type, content.
fn field(number: u64, wire: u64, content: &[u8]) -> Vec<u8> {
    [&varint(number << 3 | wire)[..], content].concat()
}

/// A field of bytes, text or a message.
fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    field(number, 2, &[&varint(content.len() as u64)[..], content].concat())
}

/// A good answer to a registration.
fn node() -> Vec<u8> {
    bytes(1, b"node-1")
}

pub(super) fn add(list: &mut List) {
    let mut broken = |what: &str, message: Vec<u8>| {
        list.fails(format!("wire: {what}"), Call::Register, "Unreachable", Answer::bytes(framed(&message)));
    };
    broken("text that is no UTF-8", bytes(1, b"node\xff"));
    broken("text with a surrogate", bytes(1, b"n\xed\xa0\x80"));
    broken("text longer than the message", field(1, 2, &[&varint(500)[..], b"node"].concat()));
    broken("text of 2^64 bytes", field(1, 2, &[&varint(u64::MAX)[..], b"node"].concat()));
    broken("text as a number", field(1, 0, &varint(7)));
    broken("number as a text", [node(), bytes(2, b"1000")].concat());
    broken("number of eleven bytes", [node(), field(2, 0, &[0xff; 11])].concat());
    broken("number that ends early", [node(), vec![2 << 3, 0x80]].concat());
    broken("key that ends early", [node(), vec![0x80]].concat());
    broken("field 0", [node(), field(0, 0, &[1])].concat());
    broken("field beyond the last", [node(), field(1 << 29, 0, &[1])].concat());
    broken("wire type 6", [node(), field(20, 6, &[])].concat());
    broken("wire type 7", [node(), field(20, 7, &[])].concat());
    broken("group that does not end", [node(), field(20, 3, &[])].concat());
    broken("end of no group", [node(), field(20, 4, &[])].concat());
    broken("group that another ends", [node(), field(20, 3, &[]), field(21, 4, &[])].concat());
    broken(
        "10,000 groups deep",
        [node(), field(20, 3, &[]).repeat(10_000), field(20, 4, &[]).repeat(10_000)].concat(),
    );
    broken("random", (0..600_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect());
    let mut taken = |what: &str, message: Vec<u8>| {
        list.taken(format!("wire: {what}"), Call::Register, Answer::bytes(framed(&message)));
    };
    taken(
        "unknown fields",
        [
            node(),
            bytes(90, b"evil"),
            field(91, 0, &varint(u64::MAX)),
            field(92, 5, &[7; 4]),
            field(93, 1, &[7; 8]),
        ]
        .concat(),
    );
    taken("20,000 unknown fields", [node(), bytes(90, b"evil!").repeat(20_000)].concat());
    taken("unknown group", [node(), field(20, 3, &[]), bytes(1, b"x"), field(20, 4, &[])].concat());
    taken("node twice", [bytes(1, b"../../evil"), node()].concat());
    list.refused(
        "wire: node twice, the bad one last",
        Call::Register,
        "node_id",
        Answer::bytes(framed(&[node(), bytes(1, b"../../evil")].concat())),
    );
    // Leases inside leases inside leases: a lease holds a key, and no lease.
    let mut deep = Vec::new();
    for _ in 0..2_000 {
        deep = bytes(1, &deep);
        if deep.len() > 300_000 {
            break;
        }
    }
    list.fails("wire: 2,000 messages deep", Call::Heartbeat, "Unreachable", Answer::bytes(framed(&deep)));
    list.refused(
        "wire: 100,000 empty leases",
        Call::Heartbeat,
        "leases",
        Answer::bytes(framed(&bytes(1, b"").repeat(100_000))),
    );
    list.refused(
        "wire: 100,000 empty notices",
        Call::Heartbeat,
        "notices",
        Answer::bytes(framed(&bytes(4, b"").repeat(100_000))),
    );
    let nan = |bits: u64| field(3, 1, &bits.to_le_bytes());
    for (what, bits) in [
        ("NaN", f64::NAN.to_bits()),
        ("infinity", f64::INFINITY.to_bits()),
        ("minus infinity", f64::NEG_INFINITY.to_bits()),
    ] {
        let odd = [nan(bits), bytes(1, b"")].concat();
        list.fails(
            format!("wire: {what} where a number belongs"),
            Call::Status,
            "Unreachable",
            Answer::bytes(framed(&odd)),
        );
    }
}
