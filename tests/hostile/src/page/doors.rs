//! What comes to the local network's door, and what a session that may only look sends to either.

use super::{Attack, Door, JSON, OURS, OWN, get, post};
use hivemind_control::{Access, COMMANDS};
use hivemind_local_api::Rights;

const HERE: &str = "Cookie: hivemind_{port}={token}";
const THERE: &str = "Cookie: __Host-hivemind_{port}={token}";
const LAN_ORIGIN: &str = "Origin: https://127.0.0.1:{port}";

pub(super) fn attacks() -> Vec<Attack> {
    let mut list = Vec::new();
    looking(&mut list);
    network(&mut list);
    network_with_every_right(&mut list);
    list
}

fn refused(name: String, built: &str, door: Door, request: String) -> Attack {
    Attack { name, built: built.to_owned(), door, request, expected: "refused" }
}

/// Every command that changes something, from a session that may look, at both doors.
fn looking(list: &mut Vec<Attack>) {
    let doors =
        [(Door::Loopback(Rights::Look), HERE, "here"), (Door::Lan(Rights::Look), THERE, "from the network")];
    for (door, cookie, place) in doors {
        let built = "everything that the page sends, with a session that may look";
        for command in COMMANDS.iter().filter(|command| command.access != Access::Read) {
            let request = post(&format!("/rpc/{}", command.name), OURS, &[JSON, OWN, cookie], "null");
            list.push(refused(format!("{} by who may look, {place}", command.name), built, door, request));
        }
        for (name, path, body) in [
            ("monitor_on_lan", "/rpc/set_setting", r#"{"key":"monitor_on_lan","value":"true"}"#),
            ("a link with every right", "/rpc/invite", r#"{"lan":true,"full":true}"#),
            ("a link for looking", "/rpc/invite", r#"{"lan":true,"full":false}"#),
            ("stop in capitals", "/rpc/STOP", "null"),
            ("stop behind a reading name", "/rpc/snapshot/../stop", "null"),
            ("stop, percent-encoded", "/rpc/snapshot%2f..%2fstop", "null"),
        ] {
            let request = post(path, OURS, &[JSON, OWN, cookie], body);
            list.push(refused(format!("{name}, by who may look, {place}"), built, door, request));
        }
    }
}

/// From a neighbour, or a page that a neighbour looks at, with the session of somebody who has every right.
fn network(list: &mut Vec<Attack>) {
    let door = Door::Lan(Rights::All);
    let mut add = |name: String, built: &str, request: String| list.push(refused(name, built, door, request));
    for host in [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.2:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "0.0.0.0:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "[::1]:{port}",
        "localhost:{port}",
        "sofa.:{port}",
        "sofa.evil.example:{port}",
        "sofa@evil.example:{port}",
        "",
    ] {
        let built = "a name or address that is not the one that was called, with the session";
        add(
            format!("stop over the network, host {host:?}"),
            built,
            post("/rpc/stop", host, &[JSON, OWN, THERE], "null"),
        );
    }
    for (name, header) in [
        ("other site", "Origin: https://evil.example"),
        ("without encryption", "Origin: http://127.0.0.1:{port}"),
        ("null origin", "Origin: null"),
        ("other port", "Origin: https://127.0.0.1"),
        ("other name of ours", "Origin: https://sofa:{port}"),
        ("cross-site", "Sec-Fetch-Site: cross-site"),
        ("same-site", "Sec-Fetch-Site: same-site"),
    ] {
        let built = "with the session and our header, over the network";
        add(
            format!("stop over the network, {name}"),
            built,
            post("/rpc/stop", OURS, &[JSON, OWN, THERE, header], "null"),
        );
        add(format!("events over the network, {name}"), built, get("/events", OURS, &[OWN, THERE, header]));
    }
    for (name, headers) in [
        ("no session", vec![JSON, OWN, LAN_ORIGIN]),
        ("without our header", vec![JSON, THERE]),
        ("as plain text", vec!["Content-Type: text/plain", OWN, THERE]),
        ("a cookie of the loopback's name", vec![JSON, OWN, HERE]),
        ("a guessed session", vec![JSON, OWN, "Cookie: __Host-hivemind_{port}=00"]),
    ] {
        let built = "a simple request over the network";
        add(format!("stop over the network, {name}"), built, post("/rpc/stop", OURS, &headers, "null"));
    }
    add(
        "a code of the loopback".into(),
        "a link that was made for this computer",
        get("/pair?code={code}", OURS, &[]),
    );
    for code in ["", "0", "00112233445566778899aabbccddeeff", "{token}"] {
        let built = "no code that was given out";
        add(
            format!("pairing over the network with {code:?}"),
            built,
            get(&format!("/pair?code={code}"), OURS, &[]),
        );
    }
    let plain = post("/rpc/stop", OURS, &[JSON, OWN, THERE, LAN_ORIGIN], "null");
    let built = "the encrypted port, without encryption";
    list.push(refused("stop without encryption".into(), built, Door::LanPlain, plain));
    list.push(refused(
        "events without encryption".into(),
        built,
        Door::LanPlain,
        get("/events", OURS, &[OWN, THERE]),
    ));
    list.push(refused("the page without encryption".into(), built, Door::LanPlain, get("/", OURS, &[])));
    list.push(Attack {
        name: "the page over the network without a session".into(),
        built: "its text holds no state".into(),
        door,
        request: get("/", OURS, &[]),
        expected: "page",
    });
    let here = Door::Loopback(Rights::All);
    let built = "a link that was made for the network";
    list.push(refused("a code of the network".into(), built, here, get("/pair?code={code}", OURS, &[])));
}

/// Who may look in is decided on the computer, whatever the session may do otherwise.
fn network_with_every_right(list: &mut Vec<Attack>) {
    let built = "everything that the page sends, from the network, with every right";
    for (name, path, body) in [
        ("pair", "/rpc/pair", "null"),
        ("quit", "/rpc/quit", "null"),
        ("a link for looking", "/rpc/invite", r#"{"lan":true,"full":false}"#),
        ("a link with every right", "/rpc/invite", r#"{"lan":true,"full":true}"#),
        ("a link for the loopback", "/rpc/invite", r#"{"lan":false,"full":true}"#),
        ("monitor_on_lan", "/rpc/set_setting", r#"{"key":"monitor_on_lan","value":"true"}"#),
        ("monitor-lan-port", "/rpc/set_setting", r#"{"key":"monitor-lan-port","value":"1"}"#),
        ("monitor_port", "/rpc/set_setting", r#"{"key":"monitor_port","value":null}"#),
        ("a key said twice", "/rpc/set_setting", r#"{"key":"theme","key":"monitor_port","value":"1"}"#),
    ] {
        let request = post(path, OURS, &[JSON, OWN, THERE, LAN_ORIGIN], body);
        list.push(refused(format!("{name}, from the network"), built, Door::Lan(Rights::All), request));
    }
}
