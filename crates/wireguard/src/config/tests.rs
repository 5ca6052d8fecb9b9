use super::*;
use proptest::prelude::*;

const OURS: &str = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
const THEIRS: &str = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

fn file(interface: &str, peer: &str) -> String {
    format!(
        "[Interface]\nPrivateKey = {OURS}\nAddress = 10.8.0.2/32\n{interface}\n\n[Peer]\nPublicKey = {THEIRS}\nEndpoint = pool.example:51820\n{peer}\n"
    )
}

#[test]
fn reads_what_it_knows_in_the_usual_spellings() {
    let text = "\u{feff}# made by hand\r\n[interface]\r\nprivatekey=dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\r\n\
                ADDRESS = 10.8.0.2/24 , fd00::2/64\r\nListenPort = 51820\r\nMTU=1380\r\n\r\n[PEER] # the pool\r\n\
                PublicKey = 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\r\nEndpoint = [2001:db8::1]:51820\r\n\
                AllowedIPs = 10.8.0.0/24\r\nAllowedIPs = fd00::/64\r\nPersistentKeepalive = 25";
    let config = LinkConfig::parse(text.as_bytes()).unwrap();
    assert_eq!(config.addresses, ["10.8.0.2/24".parse().unwrap(), "fd00::2/64".parse().unwrap()]);
    assert_eq!((config.mtu, config.listen_port, config.peer.keepalive), (1380, 51820, 25));
    assert_eq!(config.peer.endpoint.to_string(), "[2001:db8::1]:51820");
    assert!(config.covers("10.8.0.9".parse().unwrap()) && !config.covers("10.9.0.1".parse().unwrap()));
    assert_eq!(LinkConfig::parse(config.to_text().as_bytes()).unwrap(), config);
}

#[test]
fn a_key_in_the_keyring_is_named_and_not_written() {
    let mut config = LinkConfig::parse(file("", "AllowedIPs = 10.8.0.0/24").as_bytes()).unwrap();
    assert!(config.to_text().contains(OURS));
    config.private_key = KeySource::Keyring(config.private_key.public());
    let text = config.to_text();
    assert!(!text.contains(OURS), "{}", *text);
    assert_eq!(LinkConfig::parse(text.as_bytes()).unwrap(), config);
}

/// The seed's own file, explained and offered narrowed.
#[test]
fn the_seeds_file_is_refused_with_line_key_and_reason_and_offered_narrowed() {
    let seed = file("DNS = 8.8.8.8", "AllowedIPs = 0.0.0.0/0\nPersistentKeepalive = 25");
    let refusal = LinkConfig::parse(seed.as_bytes()).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the configuration of the private link is refused (line 4, DNS): the computer's name resolution is never changed"
    );
    let full = LinkConfig::parse(file("", "AllowedIPs = 0.0.0.0/0").as_bytes()).unwrap_err();
    assert_eq!((full.line, full.reason), (9, Reason::FullTunnel));
    assert!(full.to_string().ends_with("all traffic of this computer would go through the pool: 0.0.0.0/0"));
    let narrowed = LinkConfig::narrowed(seed.as_bytes()).unwrap();
    assert_eq!(narrowed.left_out, ["DNS"]);
    assert_eq!(narrowed.config.peer.allowed_ips, ["10.8.0.0/24".parse().unwrap()]);
    assert_eq!(narrowed.config.peer.keepalive, 25);
    assert_eq!(LinkConfig::narrowed(b"[Interface]\nAddress = 8.8.8.8/32"), None);
    // Two addresses are both kept, and what is allowed otherwise stays as it is.
    let both =
        seed.replace("10.8.0.2/32", "10.8.0.2/32, fd00:8::2/128").replace("0.0.0.0/0", "0.0.0.0/0, ::/0");
    assert_eq!(LinkConfig::narrowed(both.as_bytes()).unwrap().allowed(), "10.8.0.0/24, fd00:8::/64");
    let wide = seed.replace("10.8.0.2/32", "10.8.5.2/16").replace("0.0.0.0/0", "10.8.0.0/16");
    assert_eq!(LinkConfig::narrowed(wide.as_bytes()).unwrap().allowed(), "10.8.0.0/16");
}

#[test]
fn a_network_around_this_computer_is_not_taken_over() {
    let config = LinkConfig::parse(file("", "AllowedIPs = 10.8.0.0/24").as_bytes()).unwrap();
    let nets = |text: &str| vec![text.parse::<IpNet>().unwrap()];
    for lan in ["10.8.0.0/16", "10.8.0.128/25", "10.8.0.77/24", "10.8.0.1/32", "0.0.0.0/0"] {
        let refusal = config.apart_from(&nets(lan)).unwrap_err();
        assert_eq!(refusal.reason, Reason::LanOverlap, "{lan}");
    }
    for lan in ["10.9.0.1/24", "192.168.1.5/24", "fd00::1/64"] {
        config.apart_from(&nets(lan)).unwrap();
    }
    // A name is looked up later, and then judged as an address in the file is.
    for (ip, reason) in [("10.8.0.1", Reason::EndpointInside), ("169.254.169.254", Reason::Endpoint)] {
        assert_eq!(config.endpoint_at(ip.parse().unwrap()).unwrap_err().reason, reason, "{ip}");
    }
}

#[test]
fn a_refusal_never_repeats_a_secret() {
    for line in [
        format!("PrivateKey = {OURS}"),
        format!("PrivateKeys = {OURS}"),
        format!("PublicKey = {OURS}"),
        OURS.into(),
    ] {
        let refusal = LinkConfig::parse(file(&line, "").as_bytes()).unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains(&OURS[..10]), "{refusal}");
    }
}

proptest! {
    #[test]
    fn whatever_is_taken_is_harmless_and_says_the_same_when_written(
        interface in "[ -~\n]{0,60}", allowed in "[0-9a-f.:/, ]{1,40}", endpoint in "[a-z0-9.:\\[\\]]{1,30}"
    ) {
        let text = format!(
            "[Interface]\nPrivateKey = {OURS}\nAddress = 10.8.0.2/32\n{interface}\n[Peer]\nPublicKey = {THEIRS}\nEndpoint = {endpoint}\nAllowedIPs = {allowed}\n"
        );
        if let Ok(config) = LinkConfig::parse(text.as_bytes()) {
            for net in &config.peer.allowed_ips {
                prop_assert!(net.prefix_len() >= 16, "{net}");
                prop_assert!(!net.contains(&"8.8.8.8".parse::<IpAddr>().unwrap()));
            }
            prop_assert_eq!(LinkConfig::parse(config.to_text().as_bytes()).unwrap(), config);
        }
    }
}
