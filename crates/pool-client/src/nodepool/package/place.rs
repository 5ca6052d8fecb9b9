//! Where a package is, as a requester wrote it.

use crate::nodepool::package::hash::InfoHash;
use reqwest::Url;

/// Longest reference that is read.
const MOST_BYTES: usize = 4096;
/// Trackers of one magnet that are asked.
const MOST_TRACKERS: usize = 4;

/// A place that can be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Peers have it; trackers know the peers.
    Swarm {
        /// What it must be.
        hash: InfoHash,
        /// Its name, which the hash covers.
        name: String,
        /// Empty for the pool's own.
        trackers: Vec<Url>,
    },
    /// A plain page.
    Page(Url),
}

/// Reads a reference.
///
/// # Errors
/// One sentence about what is wrong with it.
pub(crate) fn read(reference: &str, task: &str) -> Result<Place, &'static str> {
    if reference.len() > MOST_BYTES || reference.chars().any(char::is_control) {
        return Err("its package has an address that is no address");
    }
    if let Some(hash) = InfoHash::from_hex(reference) {
        return Ok(Place::Swarm { hash, name: format!("{task}.zip"), trackers: Vec::new() });
    }
    if reference.starts_with("http://") {
        return page(reference).map(Place::Page);
    }
    let Ok(magnet) = Url::parse(reference) else {
        return Err("it has no package that this program can fetch");
    };
    if magnet.scheme() != "magnet" || !reference.starts_with("magnet:?") {
        return Err("it has no package that this program can fetch");
    }
    let (mut hash, mut name, mut trackers) = (None, None, Vec::new());
    for (key, value) in magnet.query_pairs() {
        match &*key {
            "xt" if hash.is_none() => {
                let digits = value.strip_prefix("urn:btih:").and_then(InfoHash::from_hex);
                hash = Some(digits.ok_or("its magnet names no hash of 40 hexadecimal digits")?);
            }
            "xt" => return Err("its magnet names two hashes"),
            "dn" if name.is_none() => name = Some(value.into_owned()),
            "tr" if trackers.len() < MOST_TRACKERS => trackers.push(tracker(&value)?),
            _ => {}
        }
    }
    let hash = hash.ok_or("its magnet names no hash")?;
    let name = name.filter(|name| fits(name)).ok_or("its magnet names no package")?;
    if !name.ends_with(".zip") {
        return Err("its package is no zip");
    }
    Ok(Place::Swarm { hash, name, trackers })
}

/// The name is hashed and shown, never used as a path; it is kept plain all the same.
fn fits(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'))
}

fn tracker(text: &str) -> Result<Url, &'static str> {
    let url = page(text).map_err(|_| "its magnet names a tracker that is no plain http address")?;
    if url.path() != "/announce" {
        return Err("its magnet names a tracker whose path is not /announce");
    }
    Ok(url)
}

fn page(text: &str) -> Result<Url, &'static str> {
    let wrong = "its package has an address that is no address";
    let url = Url::parse(text).map_err(|_| wrong)?;
    let plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
    let named = url.host_str().is_some_and(|host| !host.is_empty());
    if !plain || !named || url.fragment().is_some() || url.port() == Some(0) {
        return Err(wrong);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "be3d8278c1a0f2d45b6e7f8091a2b3c4d5e6f708";

    #[test]
    fn reads_what_the_network_writes() {
        let magnet =
            format!("magnet:?xt=urn:btih:{HASH}&dn=t-1.zip&tr=http%3A%2F%2F100.64.0.1%3A6969%2Fannounce");
        let Ok(Place::Swarm { hash, name, trackers }) = read(&magnet, "t-1") else { panic!("{magnet}") };
        assert_eq!((hash.to_string().as_str(), name.as_str()), (HASH, "t-1.zip"));
        assert_eq!(trackers[0].as_str(), "http://100.64.0.1:6969/announce");
        let bare = read(HASH, "t-1").expect("a hash");
        assert!(
            matches!(bare, Place::Swarm { ref name, ref trackers, .. } if name == "t-1.zip" && trackers.is_empty())
        );
        assert!(matches!(read("http://100.64.0.9:8080/p.zip", "t"), Ok(Place::Page(_))));
    }

    #[test]
    fn leaves_everything_else_alone() {
        let long = format!("magnet:?xt=urn:btih:{HASH}&dn={}.zip", "n".repeat(300));
        let huge = format!("http://100.64.0.1/{}", "p".repeat(5000));
        for text in [
            "",
            "{\"input\":1}",
            "null",
            "https://100.64.0.1/p.zip",
            "ftp://100.64.0.1/p.zip",
            "file:///etc/passwd",
            "http://",
            "http://user@100.64.0.1/p",
            "http://u:p@100.64.0.1/p",
            "http://100.64.0.1:0/p",
            "http://100.64.0.1/p#f",
            "http://100.64.0.1/\n",
            "HTTP://100.64.0.1/p",
            &HASH[1..],
            &format!("{HASH}0"),
            "magnet:?dn=a.zip",
            "magnet:",
            &format!("magnet:?xt=urn:btih:{HASH}"),
            &format!("magnet:?xt=urn:sha1:{HASH}&dn=a.zip"),
            &format!("magnet:?xt=urn:btih:{}&dn=a.zip", &HASH[2..]),
            &format!("magnet:?xt=urn:btih:{HASH}&xt=urn:btih:{HASH}&dn=a.zip"),
            &format!("magnet:?xt=urn:btih:{HASH}&dn="),
            &format!("magnet:?xt=urn:btih:{HASH}&dn=..%2Fa.zip"),
            &format!("magnet:?xt=urn:btih:{HASH}&dn=a%00.zip"),
            &format!("magnet:?xt=urn:btih:{HASH}&dn=a.exe"),
            &format!("magnet:?xt=urn:btih:{HASH}&dn=a.zip&tr=https%3A%2F%2F100.64.0.1%2Fannounce"),
            &format!("magnet:?xt=urn:btih:{HASH}&dn=a.zip&tr=http%3A%2F%2F100.64.0.1%2Fother"),
            &format!("magnet:?xt=urn:btih:{HASH}&dn=a.zip&tr=udp%3A%2F%2F100.64.0.1%3A6969"),
            &format!("magnet:?xt=urn:btih:{HASH}&dn=a.zip&tr=nonsense"),
            &long,
            &huge,
        ] {
            assert!(read(text, "t").is_err(), "{text:.100}");
        }
    }
}
