//! The connection to a pool:
//! `Idle → Connecting → Registering → Online → Backoff{until, cause} → Connecting …`;
//! `AuthRequired` and `Rejected` wait for the owner.

use crate::retry;
use crate::time::Mono;
use std::time::Duration;

/// Where the connection stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Connection {
    /// Not wanted.
    #[default]
    Idle,
    /// Dialling and proving who we are.
    Connecting {
        /// Failed tries before this one.
        failures: u32,
    },
    /// Signed in, telling the pool what this computer is.
    Registering {
        /// Failed tries before this one.
        failures: u32,
    },
    /// Heartbeats are answered.
    Online,
    /// Waiting before the next try.
    Backoff {
        /// When the next try begins.
        until: Mono,
        /// Failed tries in a row.
        failures: u32,
        /// Why the last one failed, as a stable code.
        cause: String,
    },
    /// The pool wants a sign-in that only the owner can give.
    AuthRequired,
    /// The pool refuses this computer for good.
    Rejected {
        /// Its reason, made printable.
        cause: String,
    },
}

/// What can happen to a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// Somebody wants the connection, or the network or the owner says to try at once.
    Wanted,
    /// Nobody wants it any more.
    Unwanted,
    /// The pool knows who we are.
    Authenticated,
    /// The pool knows this computer.
    Registered,
    /// A try or the standing connection failed.
    Failed {
        /// Stable code of the cause.
        cause: String,
        /// Random number in 0..1 for the jitter.
        unit: f64,
        /// The pool's wish for a longer pause.
        push_back: Option<Duration>,
    },
    /// The sign-in is missing or no longer valid.
    SignInMissing,
    /// The pool said no for good.
    Refused {
        /// Its reason.
        cause: String,
    },
    /// The pool has forgotten this computer; the sign-in still holds.
    Forgotten,
    /// Time has passed.
    Tick,
}

/// What must be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Todo {
    /// Dial and sign in.
    Connect,
    /// Register this computer.
    Register,
    /// Begin heartbeats and look for unfinished business.
    Resume,
    /// Close.
    Disconnect,
}

impl Connection {
    /// Whether heartbeats are being answered.
    #[must_use]
    pub fn is_online(&self) -> bool {
        matches!(self, Self::Online)
    }

    fn failures(&self) -> u32 {
        match self {
            Self::Connecting { failures }
            | Self::Registering { failures }
            | Self::Backoff { failures, .. } => *failures,
            Self::Idle | Self::Online | Self::AuthRequired | Self::Rejected { .. } => 0,
        }
    }

    /// One step. What does not fit the present state changes nothing.
    pub fn step(&mut self, happening: Happening, now: Mono) -> Option<Todo> {
        let (next, todo) = match (&*self, happening) {
            (Self::Idle, Happening::Unwanted) => return None,
            (_, Happening::Unwanted) => (Self::Idle, Some(Todo::Disconnect)),
            (
                Self::Idle | Self::AuthRequired | Self::Rejected { .. } | Self::Backoff { .. },
                Happening::Wanted,
            ) => (Self::Connecting { failures: self.failures() }, Some(Todo::Connect)),
            (Self::Backoff { until, failures, .. }, Happening::Tick) if now >= *until => {
                (Self::Connecting { failures: *failures }, Some(Todo::Connect))
            }
            (Self::Connecting { failures }, Happening::Authenticated) => {
                (Self::Registering { failures: *failures }, Some(Todo::Register))
            }
            (Self::Registering { .. }, Happening::Registered) => (Self::Online, Some(Todo::Resume)),
            (Self::Online, Happening::Forgotten) => (Self::Registering { failures: 0 }, Some(Todo::Register)),
            (
                Self::Connecting { .. } | Self::Registering { .. } | Self::Online,
                Happening::Failed { cause, unit, push_back },
            ) => {
                let failures = self.failures();
                let until = now.after(retry::pause(failures, unit, push_back));
                (Self::Backoff { until, failures: failures.saturating_add(1), cause }, Some(Todo::Disconnect))
            }
            (Self::Connecting { .. } | Self::Registering { .. } | Self::Online, Happening::SignInMissing) => {
                (Self::AuthRequired, Some(Todo::Disconnect))
            }
            (
                Self::Connecting { .. } | Self::Registering { .. } | Self::Online,
                Happening::Refused { cause },
            ) => (Self::Rejected { cause }, Some(Todo::Disconnect)),
            (
                _,
                Happening::Wanted
                | Happening::Authenticated
                | Happening::Registered
                | Happening::Failed { .. }
                | Happening::SignInMissing
                | Happening::Refused { .. }
                | Happening::Forgotten
                | Happening::Tick,
            ) => return None,
        };
        *self = next;
        todo
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(s: u64) -> Mono {
        Mono(Duration::from_secs(s))
    }

    fn failed(unit: f64) -> Happening {
        Happening::Failed { cause: "POOL_UNREACHABLE".into(), unit, push_back: None }
    }

    #[test]
    fn the_good_way() {
        let mut c = Connection::default();
        assert_eq!(c.step(Happening::Wanted, at(0)), Some(Todo::Connect));
        assert_eq!(c.step(Happening::Authenticated, at(0)), Some(Todo::Register));
        assert_eq!(c.step(Happening::Registered, at(0)), Some(Todo::Resume));
        assert!(c.is_online());
        assert_eq!(c.step(Happening::Forgotten, at(1)), Some(Todo::Register));
        assert_eq!(c.step(Happening::Unwanted, at(2)), Some(Todo::Disconnect));
        assert_eq!(c, Connection::Idle);
    }

    #[test]
    fn backs_off_longer_each_time_and_starts_over_after_success() {
        let mut c = Connection::default();
        c.step(Happening::Wanted, at(0));
        c.step(failed(1.0), at(0));
        assert_eq!(c.step(Happening::Tick, Mono(Duration::from_millis(499))), None);
        assert_eq!(c.step(Happening::Tick, Mono(Duration::from_millis(500))), Some(Todo::Connect));
        c.step(failed(1.0), at(1));
        assert!(
            matches!(&c, Connection::Backoff { until, failures: 2, .. } if *until == Mono(Duration::from_millis(1800)))
        );
        assert_eq!(c.step(Happening::Wanted, at(1)), Some(Todo::Connect), "a push ends the wait");
        c.step(Happening::Authenticated, at(1));
        c.step(Happening::Registered, at(1));
        c.step(failed(1.0), at(2));
        assert!(matches!(c, Connection::Backoff { failures: 1, .. }));
    }

    fn any_happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            Just(Happening::Wanted),
            Just(Happening::Unwanted),
            Just(Happening::Authenticated),
            Just(Happening::Registered),
            (0.0..1.0f64).prop_map(failed),
            Just(Happening::SignInMissing),
            Just(Happening::Refused { cause: "x".into() }),
            Just(Happening::Forgotten),
            Just(Happening::Tick),
        ]
    }

    proptest! {
        #[test]
        fn never_waits_longer_than_the_cap_and_waits_for_the_owner_when_it_must(
            happenings in proptest::collection::vec((any_happening(), 0u64..100), 1..200)
        ) {
            let mut c = Connection::default();
            let mut now = 0;
            for (happening, passed) in happenings {
                now += passed;
                let before = c.clone();
                c.step(happening.clone(), at(now));
                if let Connection::Backoff { until, .. } = &c && c != before {
                    prop_assert!(until.since(at(now)) <= retry::CAP);
                }
                let waits = matches!(before, Connection::AuthRequired | Connection::Rejected { .. });
                if waits && c != before {
                    prop_assert!(matches!(happening, Happening::Wanted | Happening::Unwanted));
                }
            }
        }
    }
}
