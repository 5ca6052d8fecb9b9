//! The pool's ledger: what the account has earned, and with what.

use super::registration::worker_id;
use super::words::{call, taken};
use super::{DEFAULT_ADDRESS, NodePool, UNARY};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::text::plain_line;
use hivemind_domain::time::WallMs;
use hivemind_proto::nodepool as wire;
use hivemind_worker_core::port::{Ledger, LedgerEntry, PoolError};

/// Entries that the pool tells at once, the newest; it has no pages.
const ENTRIES: i32 = 100;
/// The whole supply.
const MOST_CPT: i64 = 1_000_000_000_000;
/// Most bytes of a name in an entry.
const NAME: usize = 128;
/// Most bytes of the pool's word for a payment.
const WORD: usize = 32;

/// Whom the pool pays.
pub(super) fn earner(pool: &NodePool) -> String {
    let at = if pool.config.address.is_empty() { DEFAULT_ADDRESS } else { &pool.config.address };
    let name = pool.state().session.as_ref().map(|session| session.username.clone());
    name.map(|name| plain_line(&format!("{name}@{at}"), 512)).unwrap_or_default()
}

/// All that the account has earned.
pub(super) async fn total(pool: &NodePool) -> Result<u64, PoolError> {
    Ok(cpt(ask(pool, 1).await?.total_earned_cpt))
}

/// What this computer has earned with a task; nothing, while the ledger does not have it.
pub(super) async fn earned(pool: &NodePool, key: &TaskKey) -> Result<Option<u64>, PoolError> {
    let (_, worker) = pool.caller()?;
    let told = ask(pool, ENTRIES).await?;
    let mut ours = told.entries.iter();
    let ours = ours.find(|e| e.task_id == key.task.as_str() && e.provider_worker_id == worker);
    Ok(ours.map(|entry| cpt(entry.amount_cpt)))
}

/// What the ledger holds.
pub(super) async fn read(pool: &NodePool) -> Result<Ledger, PoolError> {
    // The same in every run, whether it has registered in this one or not.
    let worker = worker_id(&pool.config.install);
    let told = ask(pool, ENTRIES).await?;
    let cut = told.entries.len() >= most();
    Ok(Ledger {
        earner: earner(pool),
        total_cpt: cpt(told.total_earned_cpt),
        entries: told.entries.iter().map(|entry| checked(entry, &worker)).collect(),
        cut,
    })
}

async fn ask(pool: &NodePool, limit: i32) -> Result<wire::GetProviderEarningsResponse, PoolError> {
    let token = pool.state().session()?.token;
    let request = wire::GetProviderEarningsRequest { token, limit };
    let mut answer = call(UNARY, pool.master()?.get_provider_earnings(request)).await?;
    taken(answer.success, &answer.status_message)?;
    answer.entries.truncate(most());
    Ok(answer)
}

fn most() -> usize {
    usize::try_from(ENTRIES).unwrap_or(usize::MAX)
}

fn checked(entry: &wire::ProviderEarning, worker: &str) -> LedgerEntry {
    let at = entry.created_at.parse::<jiff::Timestamp>();
    LedgerEntry {
        task_id: plain_line(&entry.task_id, NAME),
        payer: plain_line(&entry.payer_user, NAME),
        computer: plain_line(&entry.provider_worker_id, NAME),
        here: entry.provider_worker_id == worker,
        cpt: cpt(entry.amount_cpt),
        status: plain_line(&entry.status, WORD),
        at: at.ok().map(|at| WallMs(at.as_millisecond())),
    }
}

/// Nonsense counts as nothing, or as all there is.
fn cpt(told: i64) -> u64 {
    u64::try_from(told.clamp(0, MOST_CPT)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_made_printable_and_bounded() {
        let entry = wire::ProviderEarning {
            task_id: "t\n1".into(),
            payer_user: format!("\u{202e}ann{}", "n".repeat(4096)),
            provider_worker_id: "hw-1".into(),
            amount_cpt: i64::MIN,
            status: "paid\u{0}".into(),
            created_at: "2026-11-23T15:00:00Z".into(),
        };
        let told = checked(&entry, "hw-1");
        assert_eq!(
            (told.task_id.as_str(), told.status.as_str(), told.cpt, told.here),
            ("t1", "paid", 0, true)
        );
        assert_eq!((told.payer.len(), told.payer.starts_with("ann")), (NAME, true));
        assert_eq!(told.at, Some(WallMs(1_795_446_000_000)));
        for (amount_cpt, expected) in [(0, 0), (90, 90), (i64::MAX, 1_000_000_000_000)] {
            assert_eq!(checked(&wire::ProviderEarning { amount_cpt, ..entry.clone() }, "").cpt, expected);
        }
        assert!(
            !checked(&wire::ProviderEarning { provider_worker_id: String::new(), ..entry.clone() }, "hw-1")
                .here
        );
    }

    #[test]
    fn a_time_that_cannot_be_read_is_no_time() {
        for created_at in ["", "yesterday", "2026-11-23", "9999999-01-01T00:00:00Z", "2026-13-01T00:00:00Z"] {
            let entry = wire::ProviderEarning { created_at: created_at.into(), ..Default::default() };
            assert_eq!(checked(&entry, "").at, None, "{created_at:?}");
        }
    }
}
