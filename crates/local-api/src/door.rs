//! How the two listeners for browsers differ: under which names they answer, and what a session's cookie looks like.

use crate::connections::Ends;
use crate::sessions::{Rights, SESSION_IDLE, Sessions, Via};
use crate::surroundings::Surroundings;
use crate::tries::Tries;
use hivemind_control::Access;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What a browser's requests are judged by.
pub(crate) struct BrowserDoor {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) port: u16,
    pub(crate) to: Neighbourhood,
}

/// For whom a door is.
pub(crate) enum Neighbourhood {
    /// Browsers of this computer.
    Loopback,
    /// The local network.
    Lan { around: Arc<Surroundings>, tries: Tries },
}

impl BrowserDoor {
    pub(crate) fn via(&self) -> Via {
        match self.to {
            Neighbourhood::Loopback => Via::Loopback,
            Neighbourhood::Lan { .. } => Via::Lan,
        }
    }

    /// The most that a session with these rights may call here.
    pub(crate) fn most(&self, rights: Rights) -> Access {
        match (rights, self.via()) {
            (Rights::Look, Via::Loopback | Via::Lan) => Access::Read,
            (Rights::All, Via::Loopback) => Access::Home,
            (Rights::All, Via::Lan) => Access::Operate,
        }
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match self.to {
            Neighbourhood::Loopback => "http",
            Neighbourhood::Lan { .. } => "https",
        }
    }

    /// Whether `host`, in small letters, names this computer and this door.
    pub(crate) fn answers_to(&self, host: &str, ends: Ends) -> bool {
        match &self.to {
            Neighbourhood::Loopback => {
                ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| self.is_named(host, name, 80))
            }
            Neighbourhood::Lan { around, .. } => {
                let arrived = ends.here.is_some_and(|here| self.is_address(host, here.to_canonical()));
                arrived || around.names().any(|name| self.is_named(host, &name, 443))
            }
        }
    }

    fn is_named(&self, host: &str, name: &str, usual: u16) -> bool {
        host.strip_prefix(name).is_some_and(|rest| {
            rest.strip_prefix(':').is_some_and(|port| port == self.port.to_string())
                || (rest.is_empty() && self.port == usual)
        })
    }

    fn is_address(&self, host: &str, here: IpAddr) -> bool {
        if host == SocketAddr::new(here, self.port).to_string() {
            return true;
        }
        let bare = if here.is_ipv6() { format!("[{here}]") } else { here.to_string() };
        self.port == 443 && host == bare
    }

    pub(crate) fn names_told(&self) -> &'static str {
        match self.to {
            Neighbourhood::Loopback => {
                "This server answers only to localhost, 127.0.0.1 and [::1] with its own port."
            }
            Neighbourhood::Lan { .. } => {
                "This server answers only to this computer's own addresses and name with its own port."
            }
        }
    }

    /// The browser itself keeps a name with this prefix to encrypted pages of this very host.
    pub(crate) fn cookie_name(&self) -> String {
        match self.to {
            Neighbourhood::Loopback => format!("hivemind_{}", self.port),
            Neighbourhood::Lan { .. } => format!("__Host-hivemind_{}", self.port),
        }
    }

    pub(crate) fn cookie(&self, token: &str) -> String {
        let secure = match self.to {
            Neighbourhood::Loopback => "",
            Neighbourhood::Lan { .. } => "; Secure",
        };
        let age = SESSION_IDLE.as_secs();
        format!("{}={token}; Path=/; HttpOnly; SameSite=Strict{secure}; Max-Age={age}", self.cookie_name())
    }

    /// Exchanges a code. `Err` when this caller has sent too many wrong ones.
    pub(crate) fn redeem(&self, code: &str, ends: Ends) -> Result<Option<String>, TooMany> {
        let Neighbourhood::Lan { tries, .. } = &self.to else {
            return Ok(self.sessions.redeem(self.via(), code));
        };
        let Some(caller) = ends.there else { return Err(TooMany) };
        if tries.too_many(caller) {
            return Err(TooMany);
        }
        let token = self.sessions.redeem(self.via(), code);
        if token.is_none() {
            tries.wrong(caller);
        }
        Ok(token)
    }
}

/// A caller who has to wait.
#[derive(Debug)]
pub(crate) struct TooMany;

#[cfg(test)]
mod tests {
    use super::*;

    fn lan(port: u16) -> BrowserDoor {
        let around = Arc::new(Surroundings::new("Sofa".into(), Vec::new));
        let to = Neighbourhood::Lan { around, tries: Tries::default() };
        BrowserDoor { sessions: Arc::default(), port, to }
    }

    fn at(here: &str) -> Ends {
        Ends { here: Some(here.parse().unwrap()), there: None }
    }

    #[test]
    fn the_networks_door_answers_to_the_address_that_was_called_and_to_the_name() {
        let door = lan(5443);
        for (host, here) in [
            ("192.168.1.7:5443", "192.168.1.7"),
            ("192.168.1.7:5443", "::ffff:192.168.1.7"),
            ("[fd00::7]:5443", "fd00::7"),
            ("sofa:5443", "192.168.1.7"),
            ("sofa.local:5443", "fd00::7"),
        ] {
            assert!(door.answers_to(host, at(here)), "{host} at {here}");
        }
        for host in [
            "",
            "192.168.1.7",
            "192.168.1.7:1",
            "192.168.1.8:5443",
            "sofa",
            "sofa.example:5443",
            "localhost:5443",
            "127.0.0.1:5443",
            "[::ffff:192.168.1.7]:5443",
            "192.168.1.7:5443.evil.example",
            "192.168.1.07:5443",
            "3232235783:5443",
            "sofa:5443:5443",
            "sofa:05443",
            "evil.example:5443",
            "sofa@evil.example:5443",
        ] {
            assert!(!door.answers_to(host, at("192.168.1.7")), "{host}");
        }
        assert!(!door.answers_to("192.168.1.7:5443", Ends::default()));
        assert!(
            lan(443).answers_to("192.168.1.7", at("192.168.1.7"))
                && lan(443).answers_to("sofa", at("fd00::7"))
        );
        assert!(lan(443).answers_to("[fd00::7]", at("fd00::7")));
        assert!(
            !lan(80).answers_to("sofa", at("fd00::7"))
                && !lan(80).answers_to("192.168.1.7", at("192.168.1.7"))
        );
    }

    #[test]
    fn nobody_from_the_network_may_decide_who_looks_in() {
        let door = lan(5443);
        assert_eq!((door.most(Rights::Look), door.most(Rights::All)), (Access::Read, Access::Operate));
        let here = BrowserDoor { sessions: Arc::default(), port: 5001, to: Neighbourhood::Loopback };
        assert_eq!((here.most(Rights::Look), here.most(Rights::All)), (Access::Read, Access::Home));
    }
}
