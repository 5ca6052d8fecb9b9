//! Wrong codes counted by who sent them, so that nobody of the network can go on guessing or void others' codes.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Wrong codes of one neighbour within a [`WINDOW`]; more are not looked at.
const MOST: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// Neighbours remembered; the oldest is forgotten first.
const MAX_NEIGHBOURS: usize = 256;

/// Who sent wrong codes lately.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    by: Mutex<Vec<Neighbour>>,
}

#[derive(Debug)]
struct Neighbour {
    who: IpAddr,
    since: Instant,
    wrong: u32,
}

impl Tries {
    /// Whether this neighbour has to wait.
    pub(crate) fn too_many(&self, who: IpAddr) -> bool {
        let who = household(who);
        self.fresh().iter().any(|neighbour| neighbour.who == who && neighbour.wrong >= MOST)
    }

    /// Counts a wrong code.
    pub(crate) fn wrong(&self, who: IpAddr) {
        let who = household(who);
        let mut by = self.fresh();
        if let Some(known) = by.iter_mut().find(|neighbour| neighbour.who == who) {
            known.wrong = known.wrong.saturating_add(1);
            return;
        }
        if by.len() >= MAX_NEIGHBOURS {
            by.remove(0);
        }
        by.push(Neighbour { who, since: Instant::now(), wrong: 1 });
    }

    fn fresh(&self) -> MutexGuard<'_, Vec<Neighbour>> {
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        by.retain(|neighbour| neighbour.since.elapsed() < WINDOW);
        by
    }
}

/// One computer has as many IPv6 addresses as it likes, within one network of 64 bits.
fn household(who: IpAddr) -> IpAddr {
    match who.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_neighbour_waits_a_minute_after_five_wrong_codes_and_others_do_not() {
        let tries = Tries::default();
        for n in 0..MOST {
            assert!(!tries.too_many(ip("192.168.1.9")), "{n}");
            tries.wrong(ip("192.168.1.9"));
        }
        assert!(tries.too_many(ip("192.168.1.9")));
        assert!(tries.too_many(ip("::ffff:192.168.1.9")));
        assert!(!tries.too_many(ip("192.168.1.8")));
        tokio::time::advance(WINDOW).await;
        assert!(!tries.too_many(ip("192.168.1.9")));
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_of_one_network_are_one_neighbour_and_memory_is_bounded() {
        let tries = Tries::default();
        for n in 0..MOST {
            tries.wrong(ip(&format!("fd00:1:2:3::{n}")));
        }
        assert!(tries.too_many(ip("fd00:1:2:3:ffff::1")));
        assert!(!tries.too_many(ip("fd00:1:2:4::1")));
        for n in 0..1000_u32 {
            tries.wrong(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into());
        }
        assert_eq!(tries.fresh().len(), MAX_NEIGHBOURS);
    }
}
