//! What goes wrong is told in both languages.

use super::*;
use hivemind_netd_protocol::Refused;
use hivemind_wireguard::Refusal;
use hivemind_words::Language;

/// Every reason for which a configuration is refused.
const REASONS: [Reason; 23] = [
    Reason::Command,
    Reason::SaveConfig,
    Reason::Routing,
    Reason::Dns,
    Reason::UnknownKey,
    Reason::UnknownSection,
    Reason::Misplaced,
    Reason::Twice,
    Reason::Missing,
    Reason::Line,
    Reason::TooLarge,
    Reason::NotText,
    Reason::Key,
    Reason::Address,
    Reason::FullTunnel,
    Reason::TooWide,
    Reason::PublicAddress,
    Reason::SpecialAddress,
    Reason::Endpoint,
    Reason::EndpointInside,
    Reason::OwnKey,
    Reason::Number,
    Reason::LanOverlap,
];

fn in_chinese(error: &ApiError) {
    let said = Language::TraditionalChinese.said(&error.message);
    // Names of keys, files and addresses stay as they are.
    let foreign = ["the ", " is ", " it ", "configuration", "refused", "service "];
    let left = foreign.iter().find(|word| said.text.contains(*word));
    assert!(said.ours && left.is_none(), "{} -> {}", error.message, said.text);
}

#[test]
fn every_refusal_is_told_in_chinese_too() {
    let nowhere = Path::new("/no/wg0.conf");
    for reason in REASONS {
        for (line, key, detail) in [(0, "", ""), (0, "Endpoint", ""), (4, "", "x"), (4, "DNS", "8.8.8.8")] {
            let refusal = Refusal { line, key: key.into(), reason, detail: detail.into() };
            in_chinese(&file(&FileError::Refused(refusal), nowhere));
        }
    }
    let net = |text: &str| text.parse().unwrap();
    for why in [
        Refused::User,
        Refused::Program,
        Refused::Oversize,
        Refused::Malformed,
        Refused::Version,
        Refused::Order,
        Refused::Busy,
        Refused::Keys,
        Refused::Taken,
        Refused::Permission,
        Refused::Rule("dns".into()),
        Refused::Overlap { wanted: net("10.8.0.0/24"), there: net("10.8.0.0/16") },
        Refused::Library { found: None },
        Refused::Library { found: Some("ab12".into()) },
        Refused::System(0),
        Refused::System(1),
    ] {
        in_chinese(&refused(&why));
    }
    for error in [
        TunnelError::Random,
        TunnelError::Taken,
        TunnelError::Full,
        TunnelError::Closed,
        TunnelError::Socket {
            address: "0.0.0.0:51820".parse().unwrap(),
            error: std::io::ErrorKind::AddrInUse.into(),
        },
    ] {
        in_chinese(&tunnel(&error));
    }
    let others =
        [nothing_refused(), not_narrowed(), silent("203.0.113.2:51820"), other_key("x"), clock(7200)];
    others.iter().for_each(in_chinese);
    in_chinese(&disorder());
}

#[test]
fn a_socket_that_is_closed_to_this_user_is_told_as_a_missing_right() {
    let path = Path::new("/run/hivemind-netd/1000.sock");
    let error = service(&std::io::ErrorKind::PermissionDenied.into(), path);
    assert_eq!(error.code, ErrorCode::LinkPermission);
    assert_eq!(error.message, "/run/hivemind-netd/1000.sock is not open to this user");
    let error = service(&std::io::ErrorKind::ConnectionRefused.into(), path);
    assert_eq!(error.code, ErrorCode::LinkServiceMissing);
}
