//! Takes what tells who and where somebody is, and whatever looks like a key, out of text that is given to strangers.
//! Pure; what is found is counted. The Log screen does the same with what it shows (`ui/src/model/redact.ts`).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What is known of this computer and its owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Words that stand for something, with the mark that takes their place.
    pub(crate) words: Vec<(String, &'static str)>,
    /// The owner's home folder.
    pub(crate) home: Option<String>,
    /// The owner's name on this computer, as it stands in paths.
    pub(crate) user: Option<String>,
}

/// Text without what was found, and how often each mark was put.
#[derive(Debug, Default)]
pub(crate) struct Redacted {
    pub(crate) text: String,
    pub(crate) counts: BTreeMap<&'static str, u32>,
}

/// Longer lines are cut.
const LONGEST: usize = 2000;
/// Fewer characters than this are a word, not a key.
const SHORTEST_KEY: usize = 20;

pub(crate) fn redact(text: &str, known: &Known) -> Redacted {
    let mut done = Redacted::default();
    for line in text.lines() {
        let cut: String = line.chars().take(LONGEST).collect();
        let mut line = done.userinfo(&cut);
        for (word, mark) in &known.words {
            line = done.word(&line, word, mark);
        }
        line = done.home(&line, known);
        line = done.tokens(&line);
        done.text.push_str(&line);
        done.text.push('\n');
    }
    done
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Redacted {
    fn mark(&mut self, mark: &'static str) -> &'static str {
        *self.counts.entry(mark).or_default() += 1;
        mark
    }

    /// Name and password in an address: `scheme://name:password@host`.
    fn userinfo(&mut self, line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some(at) = rest.find("://") {
            let (before, behind) = rest.split_at(at + 3);
            out.push_str(before);
            let end =
                behind.find(|c: char| c.is_whitespace() || "/\"'<>".contains(c)).unwrap_or(behind.len());
            rest = match behind[..end].rfind('@') {
                Some(sign) => {
                    out.push_str(self.mark("[key]"));
                    &behind[sign..]
                }
                None => behind,
            };
        }
        out.push_str(rest);
        out
    }

    /// A word that stands by itself: a name inside a longer word is no name.
    fn word(&mut self, line: &str, word: &str, mark: &'static str) -> String {
        if word.is_empty() {
            return line.to_owned();
        }
        let mut out = String::new();
        let mut rest = line;
        let mut before = None;
        while let Some(at) = rest.find(word) {
            let left = rest[..at].chars().next_back().or(before);
            let right = rest[at + word.len()..].chars().next();
            out.push_str(&rest[..at]);
            if left.is_some_and(in_word) || right.is_some_and(in_word) {
                out.push_str(word);
            } else {
                out.push_str(self.mark(mark));
            }
            rest = &rest[at + word.len()..];
            before = word.chars().next_back();
        }
        out.push_str(rest);
        out
    }

    /// The home folder, the name behind the folder of all homes, and the owner's name anywhere in a path.
    fn home(&mut self, line: &str, known: &Known) -> String {
        let mut line = line.to_owned();
        if let Some(home) = known.home.as_deref().filter(|home| home.len() > 2 && line.contains(home)) {
            let mut out = String::new();
            for (index, part) in line.split(home).enumerate() {
                if index > 0 {
                    out.push_str(self.mark("[home]"));
                }
                out.push_str(part);
            }
            line = out;
        }
        let mut out = String::new();
        let mut behind_homes = false;
        for piece in line.split_inclusive(['/', '\\']) {
            let name = piece.trim_end_matches(['/', '\\']);
            let end = name.find(|c: char| c.is_whitespace() || "\"':,;)".contains(c)).unwrap_or(name.len());
            let whole = end == name.len();
            let hit = (behind_homes && end > 0) || (whole && known.user.as_deref() == Some(name));
            if hit && !name.starts_with('[') {
                out.push_str(self.mark("[user]"));
                out.push_str(&piece[end..]);
            } else {
                out.push_str(piece);
            }
            behind_homes =
                piece.len() > name.len() && matches!(name.rsplit(':').next(), Some("home" | "Users"));
        }
        out
    }

    /// Addresses, mail and whatever looks like a key.
    fn tokens(&mut self, line: &str) -> String {
        let belongs = |c: char| c.is_alphanumeric() || "._-+/=%@:".contains(c);
        let mut out = String::new();
        let mut rest = line;
        while let Some(start) = rest.find(belongs) {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
            let (token, behind) = rest.split_at(end);
            self.token(token, &mut out);
            rest = behind;
        }
        out.push_str(rest);
        out
    }

    fn token(&mut self, token: &str, out: &mut String) {
        // `name=value`; at the end it is a part of a key.
        if let Some((front, rest)) = token.split_once('=')
            && !rest.trim_matches('=').is_empty()
        {
            self.token(front, out);
            out.push('=');
            return self.token(rest, out);
        }
        if let Some(at) = token.find('@') {
            let start = token[..at].rfind([':', '/']).map_or(0, |sign| sign + 1);
            let mail = token[start..].trim_end_matches(['.', ':', '/']);
            if is_mail(mail) {
                out.push_str(&token[..start]);
                out.push_str(self.mark("[mail]"));
                return out.push_str(&token[start + mail.len()..]);
            }
        }
        let v6 = token.trim_end_matches(['.', ':', '/']);
        if v6.matches(':').count() >= 2
            && let Ok(address) = v6.parse::<Ipv6Addr>()
        {
            if address.is_loopback() || address.is_unspecified() {
                return out.push_str(token);
            }
            out.push_str(self.mark("[address]"));
            return out.push_str(&token[v6.len()..]);
        }
        if spelled(token) || is_wireguard(token) {
            return out.push_str(self.mark("[key]"));
        }
        // What is no part of a key or an address stands between them; a slash too, where the parts alone are keys.
        let parts = |c: char| matches!(c, '/' | ':' | '@' | '=' | '%');
        let mut rest = token;
        loop {
            let end = rest.find(parts).unwrap_or(rest.len());
            let part = &rest[..end];
            if is_address(part) {
                out.push_str(self.mark("[address]"));
            } else if part.split('.').any(is_key) {
                out.push_str(self.mark("[key]"));
            } else {
                out.push_str(part);
            }
            let Some(sign) = rest[end..].chars().next() else { return };
            out.push(sign);
            rest = &rest[end + sign.len_utf8()..];
        }
    }
}

fn is_mail(token: &str) -> bool {
    let Some((name, host)) = token.split_once('@') else { return false };
    let plain = |text: &str| !text.is_empty() && !text.contains([':', '/', '@', '=']);
    plain(name) && plain(host) && host.rsplit_once('.').is_some_and(|(_, end)| end.len() >= 2)
}

/// Four numbers; five of them are a version.
fn is_address(part: &str) -> bool {
    let part = part.trim_end_matches('.');
    part.parse::<Ipv4Addr>().is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
}

/// Bytes spelled as `%41%42`.
fn spelled(token: &str) -> bool {
    token.matches('%').count() >= 8 && token.matches('%').count() * 4 > token.len()
}

/// 32 bytes in base64, whatever signs are among them.
fn is_wireguard(token: &str) -> bool {
    let body = token.strip_suffix('=').filter(|body| body.len() == 43);
    body.is_some_and(|body| {
        body.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '/')
            && body.contains(|c: char| c.is_ascii_uppercase())
            && body.contains(|c: char| c.is_ascii_lowercase())
    })
}

/// A long run that no person would write.
fn is_key(part: &str) -> bool {
    let part = part.trim_matches(['-', '_', '+']);
    if part.len() < SHORTEST_KEY || !part.is_ascii() || is_uuid(part) {
        return false;
    }
    let has = |test: fn(&char) -> bool| part.chars().any(|c| test(&c));
    let digits = has(char::is_ascii_digit);
    let mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase);
    let words = part.contains(['-', '_']);
    // Letters of both kinds without a digit are a key only where there are more than a name has.
    (digits && (mixed || !words)) || (mixed && !words && part.len() >= 32)
}

fn is_uuid(part: &str) -> bool {
    part.len() == 36
        && part.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        Known {
            words: vec![
                ("mei".to_owned(), "[account]"),
                ("living-room".to_owned(), "[computer]"),
                ("node-5b1f0c".to_owned(), "[node]"),
            ],
            home: Some("/home/ann".to_owned()),
            user: Some("ann".to_owned()),
        }
    }

    #[test]
    fn what_tells_who_and_where_goes_and_the_rest_stays() {
        for (text, wanted) in [
            ("signed in as mei", "signed in as [account]"),
            ("meier is somebody else", "meier is somebody else"),
            ("host living-room, node node-5b1f0c", "host [computer], node [node]"),
            ("/home/ann/.local/x and /home/bob/y", "[home]/.local/x and /home/[user]/y"),
            ("/media/ann/disk, /Users/Lee: no", "/media/[user]/disk, /Users/[user]: no"),
            (r"C:\Users\bob\AppData", r"C:\Users\[user]\AppData"),
            ("from 192.168.1.20:5000 to 10.0.0.7.", "from [address]:5000 to [address]"),
            ("http://127.0.0.1:5001/ stays", "http://127.0.0.1:5001/ stays"),
            ("version 20.10.24 and 1.2.3.4.5 stay", "version 20.10.24 and 1.2.3.4.5 stay"),
            ("fe80::1ff:fe23:4567:890a and ::1", "[address] and ::1"),
            ("at 14:34:05 and 2026-11-21T14:34:05.123456Z", "at 14:34:05 and 2026-11-21T14:34:05.123456Z"),
            ("write to ann.b+x@mail.example.org now", "write to [mail] now"),
            ("to=ann@mail.example.org: no, mailto:ann@mail.example.org", "to=[mail]: no, mailto:[mail]"),
            ("peer=2001:db8::7 key=0123456789abcdef0123456789abcdef", "peer=[address] key=[key]"),
            ("https://mei:word@pool.example/x", "https://[key]@pool.example/x"),
            ("sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba87", "sha256:[key]"),
            ("token eyJhbGciOiJIUzI1NiIs9.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4", "token [key]"),
            ("PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "PrivateKey = [key]"),
            ("%63%61%6E%61%72%79%20%77%72%6F%6E%67", "[key]"),
            (
                "7c9e6679-7425-40de-944b-000000000001 is a task",
                "7c9e6679-7425-40de-944b-000000000001 is a task",
            ),
            ("an ordinary line: status Ready pool Online", "an ordinary line: status Ready pool Online"),
            (
                "hivemind-worker-window and /usr/lib/x86_64-linux-gnu",
                "hivemind-worker-window and /usr/lib/x86_64-linux-gnu",
            ),
        ] {
            let done = redact(text, &known());
            let told = done.text.trim_end().replace("[address].", "[address]");
            assert_eq!(told, wanted.replace("[address].", "[address]"), "{text}");
        }
    }

    #[test]
    fn long_lines_are_cut_and_marks_are_counted() {
        let done = redact(&format!("mei mei {}", "x ".repeat(5000)), &known());
        assert!(done.text.len() < 2100);
        assert_eq!(done.counts["[account]"], 2);
    }
}
