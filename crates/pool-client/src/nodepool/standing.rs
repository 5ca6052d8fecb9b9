//! How this computer stands with the pool: how work comes, how far it is trusted, what was earned.

use super::state::Way;
use super::wishes::Work;
use super::words::call;
use super::{NodePool, UNARY, ledger};
use hivemind_control::{NetworkStanding, NetworkTrust, Reach, ReachWhy};
use hivemind_domain::resources::TrustLevel;
use hivemind_proto::nodepool as wire;
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::time::Duration;
use tokio::time::Instant;

/// Below this score the pool gives no work.
pub(super) const LEAST_TRUST: i64 = 20;
/// Between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// Failures that nobody here knows of, from which pushing is taken to be in vain.
const IN_VAIN: i64 = 2;

/// How far the pool trusts this computer; absent when it does not say.
pub(super) async fn trust(pool: &NodePool, worker: &str) -> Result<Option<wire::WorkerTrust>, PoolError> {
    let token = pool.state().session()?.token;
    let mut client = pool.master()?;
    let request = wire::GetWorkerTrustProfileRequest { token, worker_id: worker.to_owned() };
    let answer = call(UNARY, client.get_worker_trust_profile(request)).await;
    match answer {
        Ok(answer) => Ok(answer.trust.filter(|_| answer.success)),
        Err(error) if error.kind == PoolErrorKind::Protocol => Ok(None),
        Err(error) => Err(error),
    }
}

/// What it means for the work that is taken.
pub(super) fn level(trust: Option<&wire::WorkerTrust>) -> Result<TrustLevel, PoolError> {
    let Some(trust) = trust else { return Ok(TrustLevel::Low) };
    if trust.banned || trust.score < LEAST_TRUST {
        let why = if trust.banned { "banned" } else { "below 20" };
        let text = format!(
            "the pool gives this computer no work: its trust is {} ({why}); only the pool's \
            administrator can change that",
            trust.score
        );
        return Err(PoolError::new(PoolErrorKind::Refused, text));
    }
    // Computers begin at 100 and gain one with every task.
    Ok(match trust.score {
        ..100 => TrustLevel::Low,
        100..200 => TrustLevel::Medium,
        _ => TrustLevel::High,
    })
}

/// The standing, if it is time to look at it again; also tells when pushing turned out to be in vain.
pub(super) async fn look(pool: &NodePool) -> Result<Option<NetworkStanding>, PoolError> {
    let known = pool.state().standing.clone();
    let way = pool.state().way.clone();
    if known.is_some_and(|(at, known)| at.elapsed() < EVERY && known == way) {
        return Ok(None);
    }
    let (_, worker) = pool.caller()?;
    let trust = trust(pool, &worker).await?;
    // Not worth an error, because it is asked again.
    let earned_cpt = ledger::total(pool).await.ok();
    let mut state = pool.state();
    if let Some(trust) = &trust {
        let before = *state.failed_before.get_or_insert(trust.failed_tasks);
        let unknown = trust.failed_tasks.saturating_sub(before).saturating_sub(state.failed_here);
        let may_turn = state.turn.is_none() && pool.wishes().work == Work::Auto;
        if may_turn && state.way.is_push() && unknown >= IN_VAIN {
            state.turn = Some(ReachWhy::PushedInVain);
            pool.news.notify_one();
        }
    }
    let standing = told(&way, trust.as_ref(), earned_cpt);
    state.standing = Some((Instant::now(), way));
    Ok(Some(standing))
}

fn told(way: &Way, trust: Option<&wire::WorkerTrust>, earned_cpt: Option<u64>) -> NetworkStanding {
    let none = match trust {
        Some(trust) if trust.banned => Some(ReachWhy::Banned),
        Some(trust) if trust.score < LEAST_TRUST => Some(ReachWhy::LowTrust),
        Some(_) | None => None,
    };
    NetworkStanding {
        reach: if none.is_some() { Reach::Neither } else { way.reach },
        why: none.unwrap_or(way.why),
        address: way.address.clone(),
        trust: trust.map(|trust| NetworkTrust {
            score: trust.score.clamp(0, 1000),
            successful: trust.successful_tasks.max(0),
            failed: trust.failed_tasks.max(0),
            banned: trust.banned,
        }),
        earned_cpt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(score: i64, banned: bool) -> wire::WorkerTrust {
        wire::WorkerTrust { score, banned, ..wire::WorkerTrust::default() }
    }

    #[test]
    fn trust_decides_what_is_taken_and_too_little_is_said() {
        for (score, expected) in [
            (20, TrustLevel::Low),
            (99, TrustLevel::Low),
            (100, TrustLevel::Medium),
            (1000, TrustLevel::High),
        ] {
            assert_eq!(level(Some(&of(score, false))), Ok(expected), "{score}");
        }
        for (score, banned) in [(19, false), (-5, false), (1000, true), (i64::MIN, false)] {
            let refused = level(Some(&of(score, banned))).unwrap_err();
            assert_eq!(refused.kind, PoolErrorKind::Refused, "{score}");
        }
        assert_eq!(level(None), Ok(TrustLevel::Low));
    }

    #[test]
    fn who_is_not_trusted_is_reached_by_nothing() {
        let push = Way { reach: Reach::Push, why: ReachWhy::Overlay, address: "100.64.0.9:50053".into() };
        for (trust, reach, why) in [
            (None, Reach::Push, ReachWhy::Overlay),
            (Some(of(100, false)), Reach::Push, ReachWhy::Overlay),
            (Some(of(19, false)), Reach::Neither, ReachWhy::LowTrust),
            (Some(of(500, true)), Reach::Neither, ReachWhy::Banned),
        ] {
            let told = told(&push, trust.as_ref(), Some(7));
            assert_eq!((told.reach, told.why, told.earned_cpt), (reach, why, Some(7)), "{trust:?}");
        }
    }
}
