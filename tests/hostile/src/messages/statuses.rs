//! Statuses: every code, details of every kind, words that are not plain.

use super::server::{Answer, Then};
use super::{Call, List};
use hivemind_proto::v1::{ErrorCode, ErrorDetail};
use prost::Message;

/// Base64 as gRPC writes binary headers.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let number = piece.iter().fold(0_u32, |sum, b| sum << 8 | u32::from(*b)) << (8 * (3 - piece.len()));
        for place in 0..=piece.len() {
            text.push(char::from(LETTERS[(number >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

pub(super) fn add(list: &mut List) {
    for code in 1..=16_u32 {
        let kind = match code {
            16 => "Unauthenticated",
            7 => "Refused",
            3 | 11 => "Protocol",
            _ => "Unreachable",
        };
        list.fails(
            format!("status {code}"),
            Call::Heartbeat,
            kind,
            Answer::status(&code.to_string(), &[("grpc-message", "no")]),
        );
    }
    for code in ["17", "99", "-1", "4294967296", "", "zero", "0x0", "00", "1;2"] {
        list.fails(format!("status {code:?}"), Call::Heartbeat, "Unreachable", Answer::status(code, &[]));
    }
    list.fails("status 0 without a message", Call::Heartbeat, "Unreachable", Answer::status("0", &[]));
    for (what, words) in [
        ("of terminal commands", "%1B%5B2J%1B%5D0;evil%07"),
        ("with line ends", "a%0D%0Ab%0Ac"),
        ("of bidi controls", "%E2%80%AE evil"),
        ("with broken percent signs", "%zz%1%"),
        ("that is no UTF-8", "%FF%FE"),
        ("of 8 KB", &"x".repeat(8_000)),
    ] {
        list.fails(
            format!("words {what}"),
            Call::Heartbeat,
            "Unreachable",
            Answer::status("13", &[("grpc-message", words)]),
        );
    }
    let detail = |detail: &ErrorDetail| base64(&detail.encode_to_vec());
    let with = |code: ErrorCode, message: &str| ErrorDetail {
        code: code.into(),
        message: message.to_owned(),
        retry_after_ms: u32::MAX,
        field: "../../x".to_owned(),
    };
    for (what, kind, value) in [
        ("sign in", "Unauthenticated", detail(&with(ErrorCode::SignInNeeded, "Sign in."))),
        ("only controls", "Unreachable", detail(&with(ErrorCode::Internal, "\u{1b}\u{7}\u{202e}"))),
        ("terminal commands", "Unreachable", detail(&with(ErrorCode::Internal, "\u{1b}]0;evil\u{7}text"))),
        (
            "a code beyond the list",
            "Unreachable",
            detail(&ErrorDetail { code: 9999, message: "x".to_owned(), ..Default::default() }),
        ),
        (
            "a negative code",
            "Unreachable",
            detail(&ErrorDetail { code: -1, message: "x".to_owned(), ..Default::default() }),
        ),
        ("no protobuf", "Unreachable", base64(&[0xff; 40])),
        ("no base64", "Unreachable", "!!!!".to_owned()),
        ("nothing", "Unreachable", String::new()),
        ("6 KB", "Unreachable", base64(&[0; 6_000])),
    ] {
        list.fails(
            format!("detail of {what}"),
            Call::Heartbeat,
            kind,
            Answer::status("13", &[("grpc-status-details-bin", &value)]),
        );
    }
    let only_headers = |headers: &[(&str, &str)]| {
        let mut answer = Answer::status("0", &[]);
        answer
            .headers
            .extend(headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())));
        answer.then = Then::End;
        answer
    };
    list.fails(
        "status among the headers",
        Call::Heartbeat,
        "Unauthenticated",
        only_headers(&[("grpc-status", "16")]),
    );
    list.fails(
        "status 0 among the headers, no message",
        Call::Heartbeat,
        "Unreachable",
        only_headers(&[("grpc-status", "0")]),
    );
    list.fails(
        "two statuses",
        Call::Heartbeat,
        "Unauthenticated",
        Answer::status("16", &[("grpc-status", "0")]),
    );
}
