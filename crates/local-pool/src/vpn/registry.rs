//! Who has which key and address.

use crate::error::PoolError;
use hivemind_wireguard::{IpNet, PublicKey};
use rusqlite::{OptionalExtension, Row, Transaction};
use std::collections::HashSet;
use std::net::IpAddr;

/// An address of somebody who is silent is given away no sooner than this.
const KEPT_MS: i64 = 3_600_000;

/// One computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) public_key: PublicKey,
    pub(super) address: IpAddr,
}

/// Somebody who wants to join.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) public_key: PublicKey,
    pub(super) install: String,
    /// What it showed, hashed.
    pub(super) token: Option<[u8; 32]>,
    /// What it gets if it is new, hashed.
    pub(super) fresh: [u8; 32],
    pub(super) made_ms: i64,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// It was here already, with this key.
    Known(Entry),
    /// It is new, or has a new key; the other key is gone.
    New(Entry, Option<PublicKey>),
    /// The computer, or the key, is somebody else's.
    Taken,
    /// There is no address.
    Full,
}

fn broken(what: &str) -> PoolError {
    PoolError::Internal(format!("a stored link has no {what}"))
}

fn texts(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn entry((key, address): (String, String)) -> Result<Entry, PoolError> {
    Ok(Entry {
        public_key: key.parse().map_err(|_| broken("key"))?,
        address: address.parse().map_err(|_| broken("address"))?,
    })
}

pub(super) fn all(t: &Transaction<'_>) -> Result<Vec<Entry>, PoolError> {
    let mut statement = t.prepare("SELECT public_key, address FROM vpn_peers")?;
    let rows = statement.query_map([], texts)?.collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(entry).collect()
}

pub(super) fn by_token(t: &Transaction<'_>, token: [u8; 32]) -> Result<Option<Entry>, PoolError> {
    let sql = "SELECT public_key, address FROM vpn_peers WHERE token_hash = ?1";
    t.query_row(sql, [&token[..]], texts).optional()?.map(entry).transpose()
}

pub(super) fn leave(t: &Transaction<'_>, token: [u8; 32]) -> Result<Option<PublicKey>, PoolError> {
    let found = by_token(t, token)?;
    t.execute("DELETE FROM vpn_peers WHERE token_hash = ?1", [&token[..]])?;
    Ok(found.map(|entry| entry.public_key))
}

pub(super) fn join(
    t: &Transaction<'_>,
    wish: Wish,
    network: IpNet,
    own: IpAddr,
    silent: &[PublicKey],
) -> Result<Joined, PoolError> {
    let key = wish.public_key.to_string();
    let sql = "SELECT public_key, address, install, token_hash FROM vpn_peers WHERE install = ?1 OR public_key = ?2";
    let mut statement = t.prepare(sql)?;
    let found = statement
        .query_map([&wish.install, &key], |row| {
            Ok((texts(row)?, row.get::<_, String>(2)?, row.get::<_, Vec<u8>>(3)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut gone = None;
    let mut kept = None;
    for (texts, install, token) in found {
        let known = entry(texts)?;
        if install != wish.install {
            return Ok(Joined::Taken);
        }
        if known.public_key == wish.public_key && network.contains(&known.address) {
            return Ok(Joined::Known(known));
        }
        // Another key for the same computer: only for one who knows what was told to it, or when it has been
        // silent, so that nobody takes a link that is in use.
        let proved = wish.token.is_some_and(|shown| shown[..] == token[..]);
        if !proved && !silent.contains(&known.public_key) {
            return Ok(Joined::Taken);
        }
        t.execute("DELETE FROM vpn_peers WHERE install = ?1", [&wish.install])?;
        gone = Some(known.public_key);
        kept = Some(known.address).filter(|address| network.contains(address));
    }
    let address = match kept {
        Some(address) => address,
        None => match free(t, network, own)? {
            Some(address) => address,
            None => match oldest_silent(t, silent, wish.made_ms - KEPT_MS)? {
                Some(old) => {
                    t.execute("DELETE FROM vpn_peers WHERE public_key = ?1", [old.public_key.to_string()])?;
                    gone = Some(old.public_key);
                    old.address
                }
                None => return Ok(Joined::Full),
            },
        },
    };
    t.execute(
        "INSERT INTO vpn_peers (public_key, install, address, token_hash, made_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&key, &wish.install, address.to_string(), &wish.fresh[..], wish.made_ms),
    )?;
    Ok(Joined::New(Entry { public_key: wish.public_key, address }, gone))
}

fn free(t: &Transaction<'_>, network: IpNet, own: IpAddr) -> Result<Option<IpAddr>, PoolError> {
    let used: HashSet<IpAddr> = all(t)?.into_iter().map(|entry| entry.address).collect();
    Ok(network.hosts().take(1 << 16).find(|ip| *ip != own && !used.contains(ip)))
}

fn oldest_silent(
    t: &Transaction<'_>,
    silent: &[PublicKey],
    before_ms: i64,
) -> Result<Option<Entry>, PoolError> {
    let sql = "SELECT public_key, address FROM vpn_peers WHERE made_ms < ?1 ORDER BY made_ms";
    let mut statement = t.prepare(sql)?;
    for row in statement.query_map([before_ms], texts)? {
        let old = entry(row?)?;
        if silent.contains(&old.public_key) {
            return Ok(Some(old));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::blank;
    use hivemind_wireguard::PrivateKey;

    fn key() -> PublicKey {
        PrivateKey::generate().unwrap().public()
    }

    fn wish(public_key: PublicKey, install: &str, token: Option<[u8; 32]>, made_ms: i64) -> Wish {
        Wish { public_key, install: install.into(), token, fresh: [made_ms as u8; 32], made_ms }
    }

    #[test]
    fn each_computer_has_one_address_and_keeps_it() {
        let mut connection = blank();
        let t = connection.transaction().unwrap();
        let net: IpNet = "10.77.0.0/29".parse().unwrap();
        let own: IpAddr = "10.77.0.1".parse().unwrap();
        let join = |wish, silent: &[PublicKey]| super::join(&t, wish, net, own, silent).unwrap();
        let keys: Vec<PublicKey> = (0..9).map(|_| key()).collect();
        let Joined::New(first, None) = join(wish(keys[0], "a", None, 1), &[]) else { panic!() };
        assert_eq!(first.address.to_string(), "10.77.0.2");
        assert_eq!(join(wish(keys[0], "a", None, 2), &[]), Joined::Known(first.clone()));
        assert_eq!(join(wish(keys[0], "b", None, 2), &[]), Joined::Taken, "somebody else's key");
        assert_eq!(join(wish(keys[1], "a", None, 2), &[]), Joined::Taken, "without its token");
        assert_eq!(join(wish(keys[1], "a", Some([9; 32]), 2), &[]), Joined::Taken, "with another's");
        let Joined::New(again, Some(gone)) = join(wish(keys[1], "a", Some([1; 32]), 2), &[]) else {
            panic!()
        };
        assert_eq!((again.address, gone), (first.address, keys[0]), "a new key, the same address");
        for (number, name) in ["c", "d", "e", "f"].into_iter().enumerate() {
            assert!(matches!(join(wish(keys[2 + number], name, None, 3), &[]), Joined::New(..)));
        }
        assert_eq!(join(wish(keys[7], "g", None, 4), &[keys[2]]), Joined::Full, "too young to lose it");
        let late = KEPT_MS + 10;
        assert_eq!(join(wish(keys[7], "g", None, late), &[]), Joined::Full, "all are in use");
        let Joined::New(heir, Some(gone)) = join(wish(keys[7], "g", None, late), &[keys[3]]) else {
            panic!()
        };
        assert_eq!((heir.address.to_string().as_str(), gone), ("10.77.0.4", keys[3]));
        assert_eq!(leave(&t, [0; 32]).unwrap(), None);
        assert_eq!(leave(&t, [2; 32]).unwrap(), Some(keys[1]));
        assert_eq!(by_token(&t, [2; 32]).unwrap(), None);
    }
}
