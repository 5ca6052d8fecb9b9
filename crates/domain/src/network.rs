//! The owner's word about tasks that declare hosts.

use crate::hosts::{HostError, HostRule};
use crate::settings::Settings;

/// Most hosts that may be allowed for one task only and wait to be used.
const MAX_ONCE: usize = 64;

/// What the owner wants in general.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NetworkPolicy {
    /// No task gets network.
    #[default]
    None,
    /// Hosts on the owner's list.
    AllowList,
    /// Hosts on the owner's list; about others the owner is asked.
    Ask,
}

/// The owner's policy with the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkRules {
    policy: NetworkPolicy,
    allowed: Vec<HostRule>,
    denied: Vec<HostRule>,
}

/// Why a task's hosts cannot be granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkRefusal {
    /// The owner allows no network at all.
    #[error("tasks get no network on this computer")]
    NoNetwork,
    /// A declared host is none.
    #[error("the declared host \"{host}\" {why}")]
    Malformed {
        /// As declared, printable.
        host: String,
        /// Why.
        why: HostError,
    },
    /// The owner said never, or it is not on the list.
    #[error("the owner of this computer does not allow {0}")]
    NotAllowed(HostRule),
    /// The owner has not decided about these.
    #[error("the owner of this computer has not decided about {}", list(.0))]
    Undecided(Vec<HostRule>),
}

fn list(rules: &[HostRule]) -> String {
    rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl NetworkRules {
    /// Rules from the settings, which hold checked lists only.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        let policy = match settings.text("network_policy") {
            "allow-list" => NetworkPolicy::AllowList,
            "ask" => NetworkPolicy::Ask,
            _ => NetworkPolicy::None,
        };
        let hosts = |key| HostRule::parse_list(settings.text(key)).unwrap_or_default();
        Self { policy, allowed: hosts("allowed_hosts"), denied: hosts("denied_hosts") }
    }

    /// The general word.
    #[must_use]
    pub fn policy(&self) -> NetworkPolicy {
        self.policy
    }

    /// Decides about the hosts that a task declares. `once` holds hosts allowed for one task; those that were
    /// needed are taken out when the answer is yes.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn judge(
        &self,
        declared: &[String],
        once: &mut Vec<HostRule>,
    ) -> Result<Vec<HostRule>, NetworkRefusal> {
        if self.policy == NetworkPolicy::None {
            return Err(NetworkRefusal::NoNetwork);
        }
        let mut wanted = Vec::new();
        for text in declared {
            let rule = HostRule::parse(text)
                .map_err(|why| NetworkRefusal::Malformed { host: crate::text::plain_line(text, 80), why })?;
            if !wanted.contains(&rule) {
                wanted.push(rule);
            }
        }
        let within = |list: &[HostRule], rule: &HostRule| list.iter().any(|own| own.covers(rule));
        let touched = |rule: &HostRule| self.denied.iter().any(|no| no.covers(rule) || rule.covers(no));
        if let Some(rule) = wanted.iter().find(|rule| touched(rule)) {
            return Err(NetworkRefusal::NotAllowed(rule.clone()));
        }
        let open: Vec<_> = wanted.iter().filter(|rule| !within(&self.allowed, rule)).cloned().collect();
        if self.policy == NetworkPolicy::AllowList {
            return open.into_iter().next().map_or(Ok(wanted), |rule| Err(NetworkRefusal::NotAllowed(rule)));
        }
        let undecided: Vec<_> = open.iter().filter(|rule| !once.contains(rule)).cloned().collect();
        if !undecided.is_empty() {
            return Err(NetworkRefusal::Undecided(undecided));
        }
        once.retain(|rule| !open.contains(rule));
        Ok(wanted)
    }
}

/// Notes a host that is allowed for one task; the oldest is forgotten when there are too many.
pub fn allow_once(once: &mut Vec<HostRule>, rule: HostRule) {
    once.retain(|own| *own != rule);
    if once.len() >= MAX_ONCE {
        once.remove(0);
    }
    once.push(rule);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Source;

    fn rules(policy: &str, allowed: &str, denied: &str) -> NetworkRules {
        let mut settings = Settings::default();
        for (key, value) in [("network_policy", policy), ("allowed_hosts", allowed), ("denied_hosts", denied)]
        {
            settings.apply(key, value, Source::File).expect("a setting");
        }
        NetworkRules::from_settings(&settings)
    }

    fn judge(
        rules: &NetworkRules,
        hosts: &[&str],
        once: &mut Vec<HostRule>,
    ) -> Result<usize, NetworkRefusal> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        rules.judge(&hosts, once).map(|granted| granted.len())
    }

    #[test]
    fn nothing_is_allowed_unless_the_owner_says_so() {
        let refused = judge(&NetworkRules::from_settings(&Settings::default()), &["a.org"], &mut Vec::new());
        assert_eq!(refused, Err(NetworkRefusal::NoNetwork));
    }

    #[test]
    fn the_list_decides() {
        let rules = rules("allow-list", "a.org, *.b.org", "c.b.org");
        for (hosts, fine) in [
            (&["a.org"][..], true),
            (&["x.b.org", "a.org", "A.ORG"], true),
            (&["b.org"], false),
            (&["a.org", "d.org"], false),
            (&["c.b.org"], false),
            (&["*.b.org"], false),
            (&["a.org:22"], false),
            (&["127.0.0.1"], false),
            (&["localhost"], false),
        ] {
            assert_eq!(judge(&rules, hosts, &mut Vec::new()).is_ok(), fine, "{hosts:?}");
        }
    }

    #[test]
    fn an_undecided_host_is_asked_about_and_once_is_once() {
        let rules = rules("ask", "a.org", "never.org");
        let mut once = Vec::new();
        let open = HostRule::parse("b.org").expect("a rule");
        assert_eq!(
            judge(&rules, &["a.org", "b.org"], &mut once),
            Err(NetworkRefusal::Undecided(vec![open.clone()]))
        );
        allow_once(&mut once, open);
        assert!(judge(&rules, &["never.org", "b.org"], &mut once).is_err());
        assert_eq!(once.len(), 1, "a refusal uses nothing up");
        assert_eq!(judge(&rules, &["a.org", "b.org"], &mut once), Ok(2));
        assert!(judge(&rules, &["b.org"], &mut once).is_err(), "once is once");
    }
}
