//! Configurations of a private link that a pool, a page or a friend could hand out: commands, stolen traffic, stolen
//! name resolution, injections. Each is read as a file, as the worker reads it; nothing may be started or written.

use crate::case::{Case, Seen};
use crate::cost::measured;
use hivemind_wireguard::{FileError, IpNet, read_file};
use std::path::Path;

const OURS: &str = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
const THEIRS: &str = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
/// A network of this computer, as the worker would find it.
const LAN: &str = "192.168.1.23/24";

struct List(Vec<Case>);

/// A file with good parts and one place each where something can be put.
fn file(interface: &str, allowed: &str, endpoint: &str, peer: &str) -> String {
    format!(
        "[Interface]\nPrivateKey = {OURS}\nAddress = 10.8.0.2/32\n{interface}\n[Peer]\nPublicKey = {THEIRS}\nEndpoint = {endpoint}\nAllowedIPs = {allowed}\n{peer}\n"
    )
}

const GOOD_NET: &str = "10.8.0.0/24";
const GOOD_END: &str = "203.0.113.7:51820";

/// Reads the file as the worker does; says what was made of it.
fn read(folder: &Path, bytes: &[u8]) -> Seen {
    let path = folder.join("wg0.conf");
    // What a command would leave behind lies beside the file.
    let marked = String::from_utf8(bytes.to_vec())
        .map(|text| text.replace("{MARK}", &folder.join("ran").display().to_string()).into_bytes())
        .unwrap_or_else(|_| bytes.to_vec());
    std::fs::write(&path, marked).expect("written");
    let (read, cost) = measured(|| read_file(&path));
    let outcome = match read {
        Ok(Some(kept)) => match kept.config.apart_from(&[LAN.parse::<IpNet>().expect("a network")]) {
            Ok(()) => "taken".to_owned(),
            Err(refusal) => format!("refused ({})", refusal.reason.word()),
        },
        Ok(None) => "not there".into(),
        Err(FileError::Refused(refusal)) => {
            let said = refusal.to_string();
            let plain = said.len() < 400 && said.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
            let silent = !said.contains(&OURS[..12]);
            if plain && silent {
                format!("refused ({}) in line {} at \"{}\"", refusal.reason.word(), refusal.line, refusal.key)
            } else {
                format!("said what it should not: {said:?}")
            }
        }
        Err(FileError::Io { error, .. }) => format!("failed: {error}"),
    };
    let beside = std::fs::read_dir(folder).expect("a folder").count();
    let outcome = if beside == 1 { outcome } else { format!("{outcome}; {beside} files") };
    Seen { outcome, cost: Some(cost) }
}

impl List {
    fn add(&mut self, name: String, built: &str, expected: String, text: Vec<u8>) {
        let run = Box::new(move |folder: &Path| read(folder, &text));
        self.0.push(Case { name, built: built.to_owned(), expected, run });
    }

    fn refused(&mut self, name: &str, built: &str, word: &str, line: usize, key: &str, text: &str) {
        let expected = format!("refused ({word}) in line {line} at \"{key}\"");
        self.add(name.to_owned(), built, expected, text.as_bytes().to_vec());
    }

    fn bytes(&mut self, name: &str, built: &str, word: &str, line: usize, text: &[u8]) {
        let expected = format!("refused ({word}) in line {line} at \"\"");
        self.add(name.to_owned(), built, expected, text.to_vec());
    }

    fn interface(&mut self, name: &str, word: &str, key: &str, line: &str) {
        let text = file(line, GOOD_NET, GOOD_END, "");
        self.refused(name, "one more line in [Interface]", word, 4, key, &text);
    }

    fn peer(&mut self, name: &str, word: &str, key: &str, line: &str) {
        let text = file("", GOOD_NET, GOOD_END, line);
        self.refused(name, "one more line in [Peer]", word, 9, key, &text);
    }

    fn allowed(&mut self, word: &str, networks: &str) {
        let text = file("", networks, GOOD_END, "");
        let name = format!("AllowedIPs {networks}");
        self.refused(&name, "other AllowedIPs", word, 8, "AllowedIPs", &text);
    }

    fn endpoint(&mut self, word: &str, endpoint: &str) {
        let text = file("", GOOD_NET, endpoint, "");
        let name = format!("Endpoint {endpoint}");
        self.refused(&name, "another Endpoint", word, 7, "Endpoint", &text);
    }

    fn address(&mut self, word: &str, address: &str) {
        let text = file("", GOOD_NET, GOOD_END, "").replace("10.8.0.2/32", address);
        let name = format!("Address {address}");
        self.refused(&name, "another Address", word, 3, "Address", &text);
    }
}

/// The group's cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut list = List(Vec::new());
    commands(&mut list);
    networks(&mut list);
    endpoints(&mut list);
    addresses(&mut list);
    values(&mut list);
    shapes(&mut list);
    let good = file("MTU = 1280", GOOD_NET, GOOD_END, "PersistentKeepalive = 25");
    list.add("good".into(), "as our own pool makes it", "taken".into(), good.into_bytes());
    list.0
}

fn commands(list: &mut List) {
    for key in ["PostUp", "PreUp", "PostDown", "PreDown", "postup", "POSTUP", "pOsTuP"] {
        list.interface(&format!("{key} command"), "command", key, &format!("{key} = touch {{MARK}}"));
    }
    for (name, command) in [
        ("with a shell", "sh -c 'touch {MARK}'"),
        ("with %i", "touch {MARK}; ip link add %i"),
        ("with a pipe", "true | touch {MARK}"),
        ("substituted", "$(touch {MARK})"),
        ("with backticks", "`touch {MARK}`"),
        ("empty", ""),
        ("without spaces", "touch${IFS}{MARK}"),
        ("with an equals sign", "A=b touch {MARK}"),
    ] {
        list.interface(&format!("PostUp {name}"), "command", "PostUp", &format!("PostUp={command}"));
    }
    list.peer("PostUp under [Peer]", "command", "PostUp", "PostUp = touch {MARK}");
    list.peer("PreDown under [Peer]", "command", "PreDown", "PreDown = touch {MARK}");
    list.interface("PostUp after a tab", "command", "PostUp", "\tPostUp\t=\ttouch {MARK}");
    for (key, word, value) in [
        ("SaveConfig", "save-config", "true"),
        ("saveconfig", "save-config", "false"),
        ("Table", "routing", "off"),
        ("Table", "routing", "auto"),
        ("Table", "routing", "254"),
        ("TABLE", "routing", "main"),
        ("FwMark", "routing", "0xca6c"),
        ("FwMark", "routing", "off"),
        ("fwmark", "routing", "51820"),
        ("DNS", "dns", "8.8.8.8"),
        ("DNS", "dns", "evil.example"),
        ("DNS", "dns", "::1"),
        ("dns", "dns", "10.8.0.1, corp.example"),
    ] {
        list.interface(&format!("{key} = {value}"), word, key, &format!("{key} = {value}"));
    }
    list.peer("DNS under [Peer]", "dns", "DNS", "DNS = 8.8.8.8");
    for key in [
        "PostUpX",
        "Post-Up",
        "Post Up",
        "Exec",
        "Script",
        "Include",
        "Name",
        "User",
        "Jc",
        "S1",
        "H1",
        "ExcludedApplications",
        "IncludedApplications",
        "MonitorCommand",
        "BindAddress",
        "ReplacePeers",
    ] {
        list.interface(&format!("unknown key {key}"), "unknown-key", key, &format!("{key} = touch {{MARK}}"));
    }
    list.peer("unknown key of a peer", "unknown-key", "Hostname", "Hostname = evil.example");
    list.peer("nameless", "unknown-key", "", "= touch {MARK}");
    list.interface("a long unknown key", "unknown-key", "a long word", &format!("{} = 1", "K".repeat(100)));
}

fn networks(list: &mut List) {
    // Everything, in the spellings that some tool or other takes.
    for all in [
        "0.0.0.0/0",
        "0/0",
        "::/0",
        "0::/0",
        "::0/0",
        "0:0:0:0:0:0:0:0/0",
        "::0.0.0.0/0",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "0.0.0.0/1, 128.0.0.0/1",
        "128.0.0.0/1,0.0.0.0/1",
        "10.8.0.0/24, 0.0.0.0/0",
        "10.8.0.0/24,::/0",
        "1.2.3.4/0",
        "10.8.0.1/0",
        "255.255.255.255/0",
        "fd00::/0",
        "::/1",
        "8000::/1",
        "::/1, 8000::/1",
        "0.0.0.0/2",
        "64.0.0.0/2",
        "192.0.0.0/2",
        "0.0.0.0/7",
        "2000::/3",
        "0.0.0.0/00",
        "0.0.0.0/0.0.0.0",
        "0x0/0",
        "0x0.0x0.0x0.0x0/0",
        "00.00.00.00/0",
        "000.000.000.000/0",
        "0.0.0.0 /0",
        "0.0.0.0/ 0",
        "0.0.0.0/+0",
        "0.0.0.0/-0",
        "0.0.0.0/0x0",
        "[::]/0",
        "0.0/0",
        "::ffff:0:0/96",
        "::ffff:0.0.0.0/96",
        "::ffff:0.0.0.0/97",
        "::ffff:10.0.0.0/97",
        "0.0/1",
        "4.0.0.0/6",
        "8.0.0.0/5",
    ] {
        list.allowed("full-tunnel", all);
    }
    for net in ["10.0.0.0/8", "172.16.0.0/12", "10.8.0.0/15", "100.64.0.0/10", "fd00::/16", "fd00::/47"] {
        list.allowed("too-wide", net);
    }
    for net in [
        "8.8.8.8",
        "8.8.8.0/24",
        "1.1.1.1/32",
        "203.0.113.0/24",
        "172.32.0.0/16",
        "172.15.0.0/16",
        "192.169.0.0/16",
        "100.128.0.0/16",
        "11.0.0.0/8",
        "2001:db8::/64",
        "2606:4700::/32",
        "10.8.0.0/24, 8.8.4.4",
        "9.0.0.0/8",
    ] {
        list.allowed("public-address", net);
    }
    for net in [
        "127.0.0.0/8",
        "127.0.0.1/32",
        "169.254.0.0/16",
        "169.254.169.254",
        "224.0.0.0/16",
        "239.255.255.250/32",
        "255.255.255.255/32",
        "0.0.0.0/32",
        "0.0.0.0/8",
        "240.0.0.0/8",
        "::1",
        "::/128",
        "fe80::/64",
        "ff02::1",
        "::ffff:10.8.0.1",
        "::ffff:127.0.0.1/128",
    ] {
        list.allowed("special-address", net);
    }
    for net in [
        "",
        ",",
        "10.8.0.0/24,",
        ",10.8.0.0/24",
        "10.8.0.0/33",
        "10.8.0.0/-1",
        "10.8.0.0/24/24",
        "10.8.0/24",
        "10.8.0.256/32",
        "010.8.0.0/24",
        "0x0a.8.0.0/24",
        "168296448/24",
        "10.8.0.0/255.255.255.0",
        "fd00::/129",
        "fd00::1::2/64",
        "[fd00::]/64",
        "pool.example",
        "localhost/32",
        "*",
        "any",
        "10.8.0.0-10.8.0.9",
        "10.8.0.0/24;8.8.8.8",
        "10.8.0.0/24 8.8.8.8/32",
        "10.8.0.0\\24",
        "$(cat /etc/passwd)/24",
        "10.8.0.0/2 4",
        "fd00::1%eth0/64",
    ] {
        list.allowed("address", net);
    }
    let many = vec!["10.8.0.1"; 17].join(",");
    let text = file("", &many, GOOD_END, "");
    list.refused("AllowedIPs of 17 entries", "a long list", "too-large", 8, "AllowedIPs", &text);
    for net in ["192.168.1.0/24", "192.168.0.0/16", "192.168.1.1", "10.8.0.0/24, 192.168.1.128/25"] {
        let text = file("", net, GOOD_END, "");
        let name = format!("LAN AllowedIPs {net}");
        list.add(name, "the network of this computer", "refused (lan-overlap)".into(), text.into_bytes());
    }
    for address in ["192.168.1.77/32", "192.168.1.77/24"] {
        let text = file("", GOOD_NET, GOOD_END, "").replace("10.8.0.2/32", address);
        let name = format!("LAN Address {address}");
        list.add(name, "the network of this computer", "refused (lan-overlap)".into(), text.into_bytes());
    }
}

fn endpoints(list: &mut List) {
    for inside in ["10.8.0.1:51820", "10.8.0.255:1", "[::ffff:10.8.0.1]:51820"] {
        let word = if inside.starts_with('[') { "endpoint" } else { "endpoint-inside" };
        if word == "endpoint-inside" {
            list.endpoint(word, inside);
        }
    }
    for endpoint in [
        "",
        "pool.example",
        "pool.example:",
        ":51820",
        "pool.example:0",
        "pool.example:65536",
        "pool.example:-1",
        "pool.example:+51820",
        "pool.example:51820:1",
        "pool.example: 51820",
        "pool example:51820",
        "http://pool.example:51820",
        "pool.example:51820/x",
        "user@pool.example:51820",
        "fd00::1:51820",
        "[fd00::1:51820",
        "[fd00::1]51820",
        "[pool.example]:51820",
        "169.254.169.254:80",
        "0.0.0.0:51820",
        "255.255.255.255:51820",
        "224.0.0.1:51820",
        "[::]:51820",
        "[ff02::1]:51820",
        "[fe80::1]:51820",
        "[fe80::1%eth0]:51820",
        "[::ffff:169.254.169.254]:80",
        "-pool.example:51820",
        "pool-.example:51820",
        "pool..example:51820",
        ".pool.example:51820",
        "_pool.example:51820",
        "pool.exa$mple:51820",
        "$(touch {MARK}):51820",
        "2130706433:51820",
        "0x7f.1:51820",
        "127.1:51820",
        "pool.example:0x1",
        "pool.example:51820,evil.example:51820",
        "pool.example:051820",
    ] {
        list.endpoint("endpoint", endpoint);
    }
    let label = format!("{}.example:51820", "a".repeat(64));
    let text = file("", GOOD_NET, &label, "");
    list.refused("Endpoint with a long label", "64 letters", "endpoint", 7, "Endpoint", &text);
    let long = format!("{}:51820", vec!["abcdefgh"; 30].join("."));
    let text = file("", GOOD_NET, &long, "");
    list.refused("Endpoint with a long name", "269 letters", "endpoint", 7, "Endpoint", &text);
}

fn addresses(list: &mut List) {
    for (word, address) in [
        ("full-tunnel", "10.8.0.2/0"),
        ("full-tunnel", "0.0.0.0/0"),
        ("full-tunnel", "fd00::2/1"),
        ("too-wide", "10.8.0.2/8"),
        ("public-address", "8.8.8.8/32"),
        ("public-address", "2001:db8::2/64"),
        ("special-address", "127.0.0.1/32"),
        ("special-address", "169.254.1.1/16"),
        ("special-address", "224.0.0.1"),
        ("special-address", "fe80::2/64"),
        ("address", ""),
        ("address", "10.8.0.2/33"),
        ("address", "ten.eight.zero.two"),
        ("address", "10.8.0.2/24,"),
        ("address", "10.8.0.0/24"),
        ("address", "10.8.0.255/24"),
        ("too-large", "10.8.0.2, 10.8.0.3, 10.8.0.4"),
    ] {
        list.address(word, address);
    }
}

fn values(list: &mut List) {
    for mtu in [
        "0", "1", "575", "1421", "1500", "65535", "65536", "-1", "+1280", "1280.0", "1e3", "0x500", "",
        "auto",
    ] {
        list.interface(&format!("MTU {mtu:?}"), "number", "MTU", &format!("MTU = {mtu}"));
    }
    for port in ["1", "53", "1023", "65536", "-1", "51820x", ""] {
        list.interface(
            &format!("ListenPort {port:?}"),
            "number",
            "ListenPort",
            &format!("ListenPort = {port}"),
        );
    }
    for seconds in ["1", "4", "3601", "65536", "-25", "25s", "", "on"] {
        let line = format!("PersistentKeepalive = {seconds}");
        list.peer(&format!("PersistentKeepalive {seconds:?}"), "number", "PersistentKeepalive", &line);
    }
    for (name, key) in [
        ("short", "AAAA"),
        ("empty", ""),
        ("not base64", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!="),
        ("another alphabet", "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08="),
        ("too long", "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=="),
        ("unpadded", "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08A"),
        ("hexadecimal", "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
        ("of zeros", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("of a small order", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("with other last bits", "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK09="),
    ] {
        let text = file("", GOOD_NET, GOOD_END, "").replace(THEIRS, key);
        list.refused(&format!("PublicKey {name}"), "another key", "key", 6, "PublicKey", &text);
        if !name.contains("of ") {
            let text = file("", GOOD_NET, GOOD_END, "").replace(OURS, key);
            list.refused(&format!("PrivateKey {name}"), "another key", "key", 2, "PrivateKey", &text);
            let line = format!("PresharedKey = {key}");
            list.peer(&format!("PresharedKey {name}"), "key", "PresharedKey", &line);
        }
    }
    for reference in ["keyring:", "keyring:x", "keyring: AAAA", "file:/etc/passwd", "env:HOME", "/etc/shadow"]
    {
        let text = file("", GOOD_NET, GOOD_END, "").replace(OURS, reference);
        list.refused(&format!("PrivateKey {reference}"), "elsewhere", "key", 2, "PrivateKey", &text);
    }
    let ours = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
    let text = file("", GOOD_NET, GOOD_END, "").replace(THEIRS, ours);
    list.refused("our own key as the peer's", "the public half", "own-key", 6, "PublicKey", &text);
}

fn shapes(list: &mut List) {
    let good = file("", GOOD_NET, GOOD_END, "");
    for key in ["PrivateKey", "PublicKey", "Address", "AllowedIPs", "Endpoint"] {
        let text: String =
            good.lines().filter(|line| !line.starts_with(key)).map(|l| format!("{l}\n")).collect();
        list.refused(&format!("without {key}"), "one line less", "missing", 0, key, &text);
    }
    list.refused("empty", "nothing", "missing", 0, "PrivateKey", "");
    list.refused("only comments", "#", "missing", 0, "PrivateKey", "# [Interface]\n#PrivateKey = x\n");
    list.peer("a second peer", "twice", "[Peer]", "[Peer]");
    list.peer("a second interface", "twice", "[Interface]", "[Interface]");
    list.peer("PublicKey twice", "twice", "PublicKey", &format!("PublicKey = {THEIRS}"));
    list.peer("Endpoint twice", "twice", "Endpoint", "Endpoint = 198.51.100.1:51820");
    list.interface("PrivateKey twice", "twice", "PrivateKey", &format!("PrivateKey = {OURS}"));
    list.interface("Endpoint under [Interface]", "misplaced", "Endpoint", "Endpoint = 198.51.100.1:1");
    list.interface("AllowedIPs under [Interface]", "misplaced", "AllowedIPs", "AllowedIPs = 0.0.0.0/0");
    list.peer("Address under [Peer]", "misplaced", "Address", "Address = 10.8.0.3/32");
    list.peer("PrivateKey under [Peer]", "misplaced", "PrivateKey", &format!("PrivateKey = {OURS}"));
    let before = format!("MTU = 1280\n{good}");
    list.refused("a key before any section", "first line", "misplaced", 1, "MTU", &before);
    for section in
        ["[Script]", "[ Interface ]", "[Interface", "[Peer]x", "[]", "[Peer", "[PostUp]", "[[Peer]]"]
    {
        list.peer(&format!("section {section}"), "unknown-section", section, section);
    }
    for (name, line) in [
        ("a word", "PostUp"),
        ("a colon", "PostUp: touch {MARK}"),
        ("a command", "touch {MARK}"),
        ("a shebang's end", "!/bin/sh"),
        ("a semicolon", "; PostUp touch"),
        ("JSON", "{\"PostUp\": \"touch {MARK}\"}"),
        ("a continuation", "\\"),
    ] {
        let text = file(line, GOOD_NET, GOOD_END, "");
        list.bytes(&format!("a line that is {name}"), "no key and no section", "line", 4, text.as_bytes());
    }
    // What an eye or another tool takes for the end of a line.
    for (name, hidden) in [
        ("carriage return", "MTU = 1280\rPostUp = touch {MARK}"),
        ("vertical tab", "MTU = 1280\u{b}PostUp = touch {MARK}"),
        ("form feed", "MTU = 1280\u{c}PostUp = touch {MARK}"),
        ("zero byte", "MTU = 1280\0PostUp = touch {MARK}"),
        ("next line", "MTU = 1280\u{85}PostUp = touch {MARK}"),
        ("line separator", "MTU = 1280\u{2028}PostUp = touch {MARK}"),
        ("right-to-left", "MTU = 1280\u{202e}PostUp"),
        ("zero width space", "Post\u{200b}Up = touch {MARK}"),
        ("Cyrillic letters", "P\u{43e}stUp = touch {MARK}"),
        ("no-break space", "MTU\u{a0}= 1280"),
        ("escape sequence", "\u{1b}[2JMTU = 1280"),
        ("full width", "\u{ff30}ostUp = touch"),
    ] {
        let text = file(hidden, GOOD_NET, GOOD_END, "");
        list.bytes(
            &format!("hidden behind a {name}"),
            "one line for us, two for others",
            "not-text",
            4,
            text.as_bytes(),
        );
    }
    list.bytes(
        "UTF-16",
        "as some editors write",
        "not-text",
        0,
        &good.encode_utf16().flat_map(u16::to_le_bytes).chain([0xff]).collect::<Vec<_>>(),
    );
    list.bytes("not UTF-8", "a lone byte", "not-text", 0, &[good.as_bytes(), b"\xff"].concat());
    list.bytes(
        "17 KB",
        "comments",
        "too-large",
        0,
        &[good.as_bytes(), "#".repeat(17 << 10).as_bytes()].concat(),
    );
    list.bytes(
        "10 MB",
        "comments",
        "too-large",
        0,
        &[good.as_bytes(), "#\n".repeat(5 << 20).as_bytes()].concat(),
    );
    list.bytes("a long line", "513 bytes", "too-large", 10, format!("{good}#{}", "x".repeat(512)).as_bytes());
    list.bytes("201 lines", "blank ones", "too-large", 201, format!("{good}{}", "\n".repeat(200)).as_bytes());
    list.bytes("an executable", "its first bytes", "not-text", 1, b"\x7fELF\x02\x01\x01\0");
    list.bytes(
        "a private key file",
        "as ssh writes it",
        "line",
        1,
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n",
    );
    list.bytes("a web page", "an error of a portal", "line", 1, b"<html><body>Sign in</body></html>");
}
