//! Names of hosts: what a task declares, what an owner allows, what a proxy is asked for.
//!
//! One grammar for all three, so that no two parts of the worker can read the same text differently. Every spelling
//! of an address other than the plain one (octal, hexadecimal, shortened, one number, zone identifiers) is refused
//! rather than understood.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name in bytes (RFC 1035).
pub const MAX_NAME_BYTES: usize = 253;
/// Longest label in bytes.
const MAX_LABEL_BYTES: usize = 63;
/// Ports that are meant when none is named.
pub const USUAL_PORTS: [u16; 2] = [80, 443];
/// Ends of names that belong to a home or company network, or to this computer.
const PRIVATE_ENDS: [&str; 11] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "home.arpa",
    "onion",
];

/// Why a text is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Empty, too long, or with characters or labels no name has.
    #[error("is no name of a host")]
    NoName,
    /// A name such as `router` or `nas.local`.
    #[error("belongs to a private network")]
    PrivateName,
    /// An address that is not written the plain way.
    #[error("is an address in an unusual spelling")]
    OddAddress,
    /// A port that is no number from 1 to 65535.
    #[error("has no valid port")]
    Port,
    /// A wildcard that is not `*.` before at least two labels.
    #[error("has a wildcard that is too wide")]
    Wildcard,
}

/// A host, in its one normal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name in lower case without a dot at the end.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a name, a plain IPv4 address, or an IPv6 address in brackets.
    ///
    /// # Errors
    /// Which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(HostError::NoName)?;
            return match inner.parse::<Ipv6Addr>() {
                Ok(address) => Ok(Self::Address(IpAddr::V6(address))),
                Err(_) => Err(HostError::OddAddress),
            };
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        if text.contains([':', '%']) {
            return Err(HostError::OddAddress);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.split('.').all(is_label) {
            return Err(HostError::NoName);
        }
        // Resolvers read such a text as a number: no top-level domain begins with a digit.
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().next().is_some_and(|b| b.is_ascii_digit()) {
            return Err(HostError::OddAddress);
        }
        if !name.contains('.') || PRIVATE_ENDS.iter().any(|end| is_below(&name, end)) {
            return Err(HostError::PrivateName);
        }
        Ok(Self::Name(name))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether `name` is `end` or lies below it.
fn is_below(name: &str, end: &str) -> bool {
    name.strip_suffix(end).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// What may be reached: one host, or everything below a name, on one port or on the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostRule {
    host: Host,
    below: bool,
    port: Option<u16>,
}

impl HostRule {
    /// Reads `host`, `*.name`, each with an optional `:port`.
    ///
    /// # Errors
    /// Which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let text = text.trim();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') && (text.starts_with('[') || !host.contains(':')) => {
                (host, Some(parse_port(port)?))
            }
            _ => (text, None),
        };
        if host == "*" {
            return Err(HostError::Wildcard);
        }
        let (host, below) = match host.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (host, false),
        };
        match Host::parse(host) {
            Ok(Host::Address(_)) if below => Err(HostError::Wildcard),
            Err(HostError::PrivateName) if below && !host.contains('.') => Err(HostError::Wildcard),
            Ok(host) => Ok(Self { host, below, port }),
            Err(error) => Err(error),
        }
    }

    /// Reads a list separated by commas or spaces; empty parts are passed over.
    ///
    /// # Errors
    /// The first part that is no rule, with why.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, (String, HostError)> {
        let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| Self::parse(part).map_err(|error| (part.to_owned(), error))).collect()
    }

    /// Whether a connection to `host` and `port` is meant.
    #[must_use]
    pub fn allows(&self, host: &Host, port: u16) -> bool {
        let port_fits = match self.port {
            Some(only) => only == port,
            None => USUAL_PORTS.contains(&port),
        };
        port_fits && self.holds(host, false)
    }

    /// Whether everything that `other` means is meant by this one, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let port_fits = match (self.port, other.port) {
            (None, None) => true,
            (None, Some(port)) => USUAL_PORTS.contains(&port),
            (only, wanted) => only == wanted,
        };
        port_fits && self.holds(&other.host, other.below)
    }

    fn holds(&self, host: &Host, below: bool) -> bool {
        match (&self.host, host) {
            (Host::Name(own), Host::Name(name)) if self.below => {
                is_below(name, own) && (below || name.len() > own.len())
            }
            (own, host) => !below && own == host,
        }
    }

    /// Whether it names an address.
    #[must_use]
    pub fn is_address(&self) -> bool {
        matches!(self.host, Host::Address(_))
    }
}

fn parse_port(text: &str) -> Result<u16, HostError> {
    let plain = !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    let port = if plain { text.parse().ok() } else { None };
    port.filter(|port| *port != 0).ok_or(HostError::Port)
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{star}{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl TryFrom<String> for HostRule {
    type Error = HostError;

    fn try_from(text: String) -> Result<Self, HostError> {
        Self::parse(&text)
    }
}

impl From<HostRule> for String {
    fn from(rule: HostRule) -> Self {
        rule.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_plain_addresses_have_one_form() {
        for (text, form) in [
            ("pypi.org", "pypi.org"),
            ("PyPI.org.", "pypi.org"),
            ("a-b.xn--p1ai", "a-b.xn--p1ai"),
            ("93.184.216.34", "93.184.216.34"),
            ("[2606:2800:220:1::1]", "[2606:2800:220:1::1]"),
            ("[::FFFF:93.184.216.34]", "[::ffff:93.184.216.34]"),
        ] {
            assert_eq!(Host::parse(text).map(|h| h.to_string()).as_deref(), Ok(form), "{text}");
        }
    }

    #[test]
    fn everything_odd_is_refused_by_its_rule() {
        use HostError::{NoName, OddAddress, PrivateName};
        for (text, error) in [
            ("", NoName),
            (".", NoName),
            ("a..b.org", NoName),
            ("a b.org", NoName),
            ("a.org/x", NoName),
            ("u@a.org", NoName),
            ("-a.org", NoName),
            ("a-.org", NoName),
            ("ä.org", NoName),
            ("a.org\0", NoName),
            ("a.org\r\nHost: b", OddAddress),
            ("[a.org]", OddAddress),
            ("[::1", NoName),
            ("2130706433", OddAddress),
            ("127.1", OddAddress),
            ("0x7f.1", OddAddress),
            ("0x7f000001", OddAddress),
            ("0177.0.0.01", OddAddress),
            ("010.0.0.1", OddAddress),
            ("1.2.3.4.5", OddAddress),
            ("a.0x10", OddAddress),
            ("fe80::1", OddAddress),
            ("[fe80::1%eth0]", OddAddress),
            ("fe80::1%25eth0", OddAddress),
            ("router", PrivateName),
            ("localhost", PrivateName),
            ("a.localhost.", PrivateName),
            ("nas.local", PrivateName),
            ("metadata.google.internal", PrivateName),
            ("fritz.home.arpa", PrivateName),
        ] {
            assert_eq!(Host::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(Host::parse(&format!("{}.org", "a".repeat(64))), Err(NoName));
        assert_eq!(Host::parse(&format!("{}org", "a.".repeat(126))), Err(NoName));
    }

    #[test]
    fn rules_have_wildcards_and_ports() {
        for (rule, host, port, expected) in [
            ("a.org", "a.org", 443, true),
            ("a.org", "a.org", 80, true),
            ("a.org", "a.org", 22, false),
            ("a.org", "b.a.org", 443, false),
            ("a.org", "aa.org", 443, false),
            ("a.org:8443", "a.org", 8443, true),
            ("a.org:8443", "a.org", 443, false),
            ("*.a.org", "b.a.org", 443, true),
            ("*.a.org", "c.b.a.org", 443, true),
            ("*.a.org", "a.org", 443, false),
            ("*.a.org", "ba.org", 443, false),
            ("93.184.216.34", "93.184.216.34", 443, true),
            ("[2606::1]:99", "[2606:0::1]", 99, true),
        ] {
            let parsed = HostRule::parse(rule).expect(rule);
            assert_eq!(
                parsed.allows(&Host::parse(host).expect(host), port),
                expected,
                "{rule} {host}:{port}"
            );
            assert_eq!(HostRule::parse(&parsed.to_string()), Ok(parsed), "the written form is read again");
        }
        for (text, error) in [
            ("*", HostError::Wildcard),
            ("*.org", HostError::Wildcard),
            ("*.1.2.3.4", HostError::Wildcard),
            ("a.*.org", HostError::NoName),
            ("a.org:0", HostError::Port),
            ("a.org:99999", HostError::Port),
            ("a.org:+1", HostError::Port),
            ("a.org:", HostError::Port),
            ("::1", HostError::OddAddress),
        ] {
            assert_eq!(HostRule::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_rule_covers_what_is_no_wider() {
        for (own, other, expected) in [
            ("a.org", "a.org", true),
            ("a.org", "a.org:443", true),
            ("a.org", "a.org:22", false),
            ("a.org:443", "a.org", false),
            ("*.a.org", "b.a.org", true),
            ("*.a.org", "*.a.org", true),
            ("*.a.org", "*.b.a.org", true),
            ("*.b.a.org", "*.a.org", false),
            ("b.a.org", "*.a.org", false),
            ("*.a.org", "a.org", false),
        ] {
            let read = |text| HostRule::parse(text).expect(text);
            assert_eq!(read(own).covers(&read(other)), expected, "{own} {other}");
        }
    }

    #[test]
    fn lists_are_read() {
        let rules = HostRule::parse_list(" a.org, *.b.org:81  c.org,").expect("a list");
        assert_eq!(
            rules.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["a.org", "*.b.org:81", "c.org"]
        );
        assert_eq!(HostRule::parse_list("a.org, b c").map_err(|(part, _)| part), Err("b".to_owned()));
    }
}
