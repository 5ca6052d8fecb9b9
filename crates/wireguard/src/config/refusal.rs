//! Why a configuration is refused.

use std::fmt;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Runs a command on this computer.
    Command,
    /// Lets a tool write the file again.
    SaveConfig,
    /// Touches the computer's routing tables.
    Routing,
    /// Changes the computer's name resolution.
    Dns,
    /// A key that is not in the list.
    UnknownKey,
    /// A section that is not in the list.
    UnknownSection,
    /// A key outside of the section where it belongs.
    Misplaced,
    /// A key or section that comes again.
    Twice,
    /// A key or section that is needed.
    Missing,
    /// A line that is neither a section nor `Key = value`.
    Line,
    /// Larger than 16 KiB, 200 lines, 512 bytes in a line or 16 entries in a list.
    TooLarge,
    /// Not plain text.
    NotText,
    /// No key of 32 bytes.
    Key,
    /// Not an address with the length of its prefix.
    Address,
    /// All of the computer's traffic would go through the tunnel.
    FullTunnel,
    /// More addresses than a pool's own network has.
    TooWide,
    /// Addresses of the public internet.
    PublicAddress,
    /// Addresses with a meaning of their own: loopback, link-local, multicast.
    SpecialAddress,
    /// Not `host:port`.
    Endpoint,
    /// The endpoint would have to be reached through its own tunnel.
    EndpointInside,
    /// Our own key as the other end's.
    OwnKey,
    /// A number out of its range.
    Number,
    /// Addresses that are also used in a network of this computer.
    LanOverlap,
}

impl Reason {
    /// A stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::SaveConfig => "save-config",
            Self::Routing => "routing",
            Self::Dns => "dns",
            Self::UnknownKey => "unknown-key",
            Self::UnknownSection => "unknown-section",
            Self::Misplaced => "misplaced",
            Self::Twice => "twice",
            Self::Missing => "missing",
            Self::Line => "line",
            Self::TooLarge => "too-large",
            Self::NotText => "not-text",
            Self::Key => "key",
            Self::Address => "address",
            Self::FullTunnel => "full-tunnel",
            Self::TooWide => "too-wide",
            Self::PublicAddress => "public-address",
            Self::SpecialAddress => "special-address",
            Self::Endpoint => "endpoint",
            Self::EndpointInside => "endpoint-inside",
            Self::OwnKey => "own-key",
            Self::Number => "number",
            Self::LanOverlap => "lan-overlap",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Command => "it would run a command on this computer",
            Self::SaveConfig => "only the owner and this program write the file",
            Self::Routing => "the computer's routing is never changed",
            Self::Dns => "the computer's name resolution is never changed",
            Self::UnknownKey => "this key is not known",
            Self::UnknownSection => "only [Interface] and [Peer] are known",
            Self::Misplaced => "it does not belong in this section",
            Self::Twice => "it is there twice",
            Self::Missing => "it is missing",
            Self::Line => "a line is a section such as [Peer] or a key such as Address = 10.8.0.2/32",
            Self::TooLarge => "it is larger than any configuration of this kind",
            Self::NotText => "it is not plain text",
            Self::Key => "a key is 44 base64 characters, and protects",
            Self::Address => "an address is written as 10.8.0.0/24",
            Self::FullTunnel => "all traffic of this computer would go through the pool",
            Self::TooWide => {
                "it takes more addresses than a pool's own network has, which is a /16 or a /48 of IPv6 at most"
            }
            Self::PublicAddress => "only private addresses may lead into the tunnel",
            Self::SpecialAddress => {
                "these addresses have a meaning of their own and never lead into a tunnel"
            }
            Self::Endpoint => "an endpoint is a host and a port, such as pool.example:51820",
            Self::EndpointInside => "the tunnel would have to be reached through itself",
            Self::OwnKey => "the other end has the same key as this one",
            Self::Number => "the number is out of its range",
            Self::LanOverlap => "a network of this computer has the same addresses",
        }
    }
}

/// Bytes of the longest name of a key or section that is repeated in a sentence.
const LONGEST_NAME: usize = 24;

/// A refused configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Line, counted from 1; 0 when it is about the whole.
    pub line: usize,
    /// The key, printable.
    pub key: String,
    /// Why.
    pub reason: Reason,
    /// What was found, printable; never a secret.
    pub detail: String,
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(super) fn new(line: usize, key: &str, reason: Reason) -> Self {
        // A key that was pasted alone into a line reads as a name: whatever is longer than a name is not repeated.
        let key = if key.len() > LONGEST_NAME { "a long word" } else { key };
        Self { line, key: printable(key, LONGEST_NAME), reason, detail: String::new() }
    }

    pub(super) fn about(mut self, detail: &str) -> Self {
        self.detail = printable(detail, 80);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration of the private link is refused")?;
        match (self.line, self.key.is_empty()) {
            (0, true) => f.write_str(": ")?,
            (0, false) => write!(f, " ({}): ", self.key)?,
            (line, true) => write!(f, " (line {line}): ")?,
            (line, false) => write!(f, " (line {line}, {}): ", self.key)?,
        }
        f.write_str(self.reason.sentence())?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// ASCII that can be shown anywhere; the rest as dots.
fn printable(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '.' }).collect()
}
