//! Broken framing: of gRPC in HTTP/2, and of HTTP/2 itself.

use super::server::{Answer, Manner, Then, framed};
use super::{Call, List};
use hivemind_proto::v1;
use prost::Message;

fn heartbeat() -> Vec<u8> {
    v1::HeartbeatResponse { lease_ms: 10_000, ..Default::default() }.encode_to_vec()
}

fn header(answer: Answer, name: &str, value: &str) -> Answer {
    let mut answer = answer;
    answer.headers.retain(|(held, _)| held != name);
    answer.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    answer
}

pub(super) fn add(list: &mut List) {
    grpc(list);
    http(list);
    raw(list);
}

fn grpc(list: &mut List) {
    let good = framed(&heartbeat());
    let flagged = |flag: u8| [&[flag][..], &good[1..]].concat();
    let claims = |length: u32| [&[0][..], &length.to_be_bytes(), &good[5..]].concat();
    for (what, body) in [
        ("compressed, by nothing named", flagged(1)),
        ("flag 2", flagged(2)),
        ("flag 255", flagged(255)),
        ("prefix cut", good[..3].to_vec()),
        ("message cut", good[..good.len() - 1].to_vec()),
        ("says one byte more", claims(good.len() as u32 - 5 + 1)),
        ("says one byte less", claims(good.len() as u32 - 5 - 1)),
        ("no message", Vec::new()),
    ] {
        list.fails(format!("frame: {what}"), Call::Heartbeat, "Unreachable", Answer::bytes(body));
    }
    for (what, body) in [
        ("says 512 KiB and a byte", claims(512 * 1024 + 1)),
        ("says 4 GiB", claims(u32::MAX)),
        ("600 KB", framed(&vec![0; 600_000])),
        ("8 MB", framed(&vec![0; 8 << 20])),
    ] {
        list.refused(format!("frame: {what}"), Call::Heartbeat, "too large", Answer::bytes(body));
    }
    // What follows the one message is not read.
    list.taken(
        "frame: one byte more than it says",
        Call::Heartbeat,
        Answer::bytes([&good[..], b"x"].concat()),
    );
    list.taken("frame: two messages", Call::Heartbeat, Answer::bytes([&good[..], &good].concat()));
    for encoding in ["gzip", "deflate", "zstd", "br", "identity,gzip", "snappy"] {
        let bomb = header(Answer::bytes(flagged(1)), "grpc-encoding", encoding);
        list.fails(format!("frame: packed by {encoding}"), Call::Heartbeat, "Unreachable", bomb);
    }
    for (what, then) in [
        ("no trailers", Then::End),
        ("trailers without a status", Then::Trailers(vec![("x".to_owned(), b"y".to_vec())])),
    ] {
        list.fails(
            format!("frame: {what}"),
            Call::Heartbeat,
            "Unreachable",
            Answer { then, ..Answer::bytes(good.clone()) },
        );
    }
    let failing = Then::Trailers(vec![("grpc-status".to_owned(), b"16".to_vec())]);
    list.fails(
        "frame: a good message, then a bad status",
        Call::Heartbeat,
        "Unauthenticated",
        Answer { then: failing, ..Answer::bytes(good.clone()) },
    );
    for code in [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 77, u32::MAX] {
        let reset = Answer { body: Vec::new(), then: Then::Reset(code), ..Answer::bytes(Vec::new()) };
        let kind = if code == 12 { "Refused" } else { "Unreachable" };
        list.fails(format!("frame: reset with {code}"), Call::Heartbeat, kind, reset);
    }
    let half = Answer { then: Then::Close, ..Answer::bytes(good[..4].to_vec()) };
    list.fails("frame: closed in the middle", Call::Heartbeat, "Unreachable", half);
    let submit = Answer { body: Vec::new(), then: Then::Close, ..Answer::bytes(Vec::new()) };
    list.fails("frame: closed after an upload", Call::Submit, "Unreachable", submit);
}

fn http(list: &mut List) {
    let good = || Answer::bytes(framed(&heartbeat()));
    for (status, kind) in [
        (301, "Unreachable"),
        (302, "Unreachable"),
        (400, "Unreachable"),
        (401, "Unreachable"),
        (403, "Unreachable"),
        (404, "Unreachable"),
        (407, "Unreachable"),
        (418, "Unreachable"),
        (429, "Unreachable"),
        (500, "Unreachable"),
        (502, "Unreachable"),
        (503, "Unreachable"),
        (504, "Unreachable"),
    ] {
        let page = Answer { status, body: vec![b"<html>".as_slice().into()], then: Then::End, ..good() };
        let page = header(page, "content-type", "text/html");
        let page = header(page, "location", "http://169.254.169.254/");
        list.fails(format!("HTTP {status}"), Call::Heartbeat, kind, page);
    }
    let flood = |count: usize, bytes: usize| {
        let mut answer = good();
        answer.headers.extend((0..count).map(|n| (format!("x-{n}"), vec![b'v'; bytes])));
        answer
    };
    list.fails("headers of 100 KB", Call::Heartbeat, "Unreachable", flood(100, 1_000));
    list.fails("10,000 headers", Call::Heartbeat, "Unreachable", flood(10_000, 1));
    list.fails("a header of 60 KB", Call::Heartbeat, "Unreachable", flood(1, 60_000));
    let mut trailers = good();
    trailers.then = Then::Trailers((0..5_000).map(|n| (format!("x-{n}"), vec![b'v'; 20])).collect());
    list.fails("trailers of 100 KB", Call::Heartbeat, "Unreachable", trailers);
    list.taken("cookies", Call::Heartbeat, header(good(), "set-cookie", "a=b; Domain=evil"));
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn raw(list: &mut List) {
    let settings = frame(4, 0, 0, &[]);
    let after = |frames: Vec<u8>| [&settings[..], &frames].concat();
    let setting =
        |id: u16, value: u32| frame(4, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
    for (what, bytes) in [
        ("HTTP/1 page", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec()),
        ("a mail server", b"220 mail ESMTP\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH\r\n".to_vec()),
        ("TLS alert", vec![21, 3, 3, 0, 2, 2, 40]),
        ("zeros", vec![0; 4096]),
        ("ones", vec![0xff; 4096]),
        ("no settings first", frame(6, 0, 0, &[0; 8])),
        ("frame of 16 MB", after([&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1][..], &[0; 4096]].concat())),
        ("data on stream 0", after(frame(0, 0, 0, b"evil"))),
        ("data on a stream of nobody", after(frame(0, 0, 9, b"evil"))),
        ("headers on stream 0", after(frame(1, 4, 0, &[0x88]))),
        ("pushed promise", after(frame(5, 4, 1, &[0, 0, 0, 2, 0x82]))),
        ("continuation of nothing", after(frame(9, 4, 1, &[0x88]))),
        ("settings of 5 bytes", after(frame(4, 0, 0, &[0; 5]))),
        ("settings with a stream", after(frame(4, 0, 1, &[]))),
        ("acknowledged settings with content", after(frame(4, 1, 0, &[0; 6]))),
        ("window of 2^31", after(setting(4, 1 << 31))),
        ("frame size of 1", after(setting(5, 1))),
        ("frame size of 2^24", after(setting(5, 1 << 24))),
        ("push enabled", after(setting(2, 1))),
        ("push of 2", after(setting(2, 2))),
        ("window raised by nothing", after(frame(8, 0, 0, &[0; 4]))),
        ("window raised beyond the last", after(frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2))),
        ("window update of 3 bytes", after(frame(8, 0, 0, &[0; 3]))),
        ("ping of 7 bytes", after(frame(6, 0, 0, &[0; 7]))),
        ("ping on a stream", after(frame(6, 0, 1, &[0; 8]))),
        ("go away at once", after(frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]))),
        ("go away of 4 bytes", after(frame(7, 0, 0, &[0; 4]))),
        ("reset of stream 0", after(frame(3, 0, 0, &[0, 0, 0, 1]))),
        ("reset of 3 bytes", after(frame(3, 0, 1, &[0; 3]))),
        ("odd HPACK index", after(frame(1, 4, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]))),
        ("HPACK table of 4 GB", after(frame(1, 4, 1, &[0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f]))),
        ("padding longer than the frame", after(frame(0, 8, 1, &[200, 1]))),
        (
            "endless continuation",
            after([frame(1, 0, 1, &[0x40]), frame(9, 0, 1, &[0x40; 16_000]).repeat(30)].concat()),
        ),
    ] {
        list.case(
            format!("HTTP/2: {what}"),
            Call::Heartbeat,
            "refused (Unreachable)".to_owned(),
            "",
            Manner::Raw(bytes),
        );
    }
}
