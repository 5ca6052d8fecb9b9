//! How the pool is reached: what protects the calls, the private link, and the clock that it needs.

use super::super::Facts;
use super::{advise, finding};
use hivemind_control::{ErrorCode, Finding, Level, LinkState, PoolState};

/// The carrier of the last connection says nothing of a pool that does not answer now.
pub(super) fn encryption(facts: &Facts) -> Finding {
    let answers = matches!(
        facts.snapshot.pool.state,
        PoolState::Online | PoolState::AuthRequired | PoolState::Rejected
    );
    match facts.carrier.as_str() {
        _ if !answers => finding(5, "encryption", Level::Notice, "not known before the pool answers".into()),
        "tls" => finding(5, "encryption", Level::Ok, "the link to the pool is encrypted".into()),
        "tunnel" => finding(5, "encryption", Level::Ok, "the link to the pool is private (WireGuard)".into()),
        "overlay" => finding(5, "encryption", Level::Ok, "an overlay network encrypts the link".into()),
        "loopback" => finding(5, "encryption", Level::Ok, "the pool is on this computer".into()),
        "unencrypted" => {
            let proof = "the link to the pool is not encrypted";
            let mut open = finding(5, "encryption", Level::Warning, proof.into());
            open.fix = Some("Use a pool with https, or a private network.".into());
            open
        }
        _ => finding(5, "encryption", Level::Notice, "not known before the pool answers".into()),
    }
}

pub(super) fn tunnel(facts: &Facts) -> Finding {
    let number = 31;
    let Some((view, traffic)) = &facts.link else {
        return finding(number, "tunnel", Level::Ok, "the private link is switched off".into());
    };
    match (view.state, &view.problem) {
        (LinkState::Off, _) => {
            finding(number, "tunnel", Level::Ok, "the pool asked for no private link".into())
        }
        (LinkState::Requesting | LinkState::Configuring, _) => {
            finding(number, "tunnel", Level::Notice, "the private link is being set up".into())
        }
        (LinkState::Up | LinkState::Stale, _) => {
            let age = traffic
                .handshake_age
                .map_or("no handshake".to_owned(), |age| format!("handshake {} s ago", age.as_secs()));
            let carrier = match view.kind {
                hivemind_control::LinkKind::Process => "carried by the worker itself",
                hivemind_control::LinkKind::System => "carried by an interface of the system (hivemind0)",
            };
            let proof = format!(
                "{} to UDP {}: {age}; {} bytes from it, {} to it, {} in a packet; {carrier}",
                view.address, view.endpoint, traffic.received, traffic.sent, view.mtu
            );
            if view.state == LinkState::Stale {
                let fix = "Check the internet connection; UDP to this address must be open.";
                return advise(
                    finding(number, "tunnel", Level::Warning, proof),
                    ErrorCode::LinkNoHandshake,
                    fix,
                );
            }
            if view.file_exposed {
                let exposed =
                    format!("other users of this computer can read the link's key in {}", view.file);
                let proof = format!("{exposed}; {proof}");
                let fix = "Make the file readable for you alone (chmod 600), then renew the key.";
                let mut exposed = finding(number, "tunnel", Level::Warning, proof);
                exposed.fix = Some(fix.into());
                return exposed;
            }
            if view.key_in_file {
                let proof = format!("{proof}; its key is kept in {}, which only you can read", view.file);
                return finding(number, "tunnel", Level::Notice, proof);
            }
            finding(number, "tunnel", Level::Ok, proof)
        }
        // The check of the clock says why, and what to do.
        (LinkState::Down, Some(problem)) if problem.code == ErrorCode::LinkClock => {
            if reached_without_link(facts) {
                let proof = "the pool is reached over TLS instead";
                return finding(number, "tunnel", Level::Notice, proof.into());
            }
            let proof = "not set up before this computer's clock is right";
            finding(number, "tunnel", Level::Error, proof.into())
        }
        (LinkState::Down, problem) => {
            let around = reached_without_link(facts);
            let instead = if around { "; the pool is reached over TLS instead" } else { "" };
            let cause = problem.as_ref().map_or("it is down", |problem| problem.message.as_str());
            let code = problem.as_ref().map_or(ErrorCode::LinkFailed, |problem| problem.code);
            let level = if around { Level::Warning } else { Level::Error };
            advise(finding(number, "tunnel", level, format!("{cause}{instead}")), code, link_fix(code))
        }
    }
}

/// Whether the pool is reached over TLS, so that the private link is not needed.
fn reached_without_link(facts: &Facts) -> bool {
    facts.carrier == "tls" && facts.snapshot.pool.state == PoolState::Online
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not about the link has the general advice")]
fn link_fix(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::LinkConfigRefused => {
            "Correct or remove the file; without it the pool is asked for a new one. `hivemind-worker narrow-link` takes another program's file without what is refused."
        }
        ErrorCode::LinkNoHttps => {
            "Use the pool's https address, and pin its certificate if it is your own pool."
        }
        ErrorCode::LinkAddressTaken => "Ask the pool's owner to make room, or to forget this computer.",
        ErrorCode::LinkClock => {
            "Compare this computer's clock with another; if it is right, the pool's is wrong."
        }
        ErrorCode::LinkServiceMissing => {
            "Install and start hivemind-netd for this user, or set the tunnel back to the worker's own."
        }
        ErrorCode::LinkPermission => {
            "Start hivemind-netd for this user with the installed worker, or set the tunnel back to the worker's own."
        }
        ErrorCode::KeyringLocked => "Unlock the keyring.",
        ErrorCode::LinkNoHandshake => {
            "Allow UDP to the pool (usually port 51820) in the firewall, or renew the key."
        }
        _ => "Renew the key with `hivemind-worker renew-link`.",
    }
}

/// Seconds by which clocks may differ: a date has whole seconds only, and an answer takes its time.
const SKEW_S: u64 = 60;

/// The pool tells its time with its page, and once more where the private link gets no answer.
pub(super) fn clock(facts: &Facts) -> Finding {
    let told = facts.link.as_ref().and_then(|(view, _)| view.problem.as_ref());
    if let Some(problem) = told.filter(|problem| problem.code == ErrorCode::LinkClock) {
        let level = if reached_without_link(facts) { Level::Warning } else { Level::Error };
        return advise(finding(33, "clock", level, problem.message.clone()), problem.code, SET_CLOCK);
    }
    let Some(skew) = facts.clock_skew_s else {
        return finding(33, "clock", Level::Notice, "not compared: the pool has told no time".into());
    };
    let off = skew.unsigned_abs();
    if off <= SKEW_S {
        let proof = format!("this computer's clock and the pool's are {off} s apart");
        return finding(33, "clock", Level::Ok, proof);
    }
    let way = if skew > 0 { "behind" } else { "ahead of" };
    let proof = format!("this computer's clock is {off} s {way} the pool's");
    advise(finding(33, "clock", Level::Warning, proof), ErrorCode::ClockWrong, SET_CLOCK)
}

const SET_CLOCK: &str = "Compare this computer's clock with another; if it is right, the pool's is wrong.";
