//! What an attempt costs: charged while it runs, held in an account of its own, and moved on when it is over.

use super::{Submission, stored_key};
use crate::error::PoolError;
use crate::ledger::{self, Account, EntryKind, transfer};
use hivemind_domain::ids::{NodeId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::reward::{Formula, reward};
use hivemind_domain::usage::TaskUsage;
use rusqlite::{OptionalExtension, Transaction, params};
use std::time::Duration;

struct Bill {
    owner: i64,
    worker: i64,
    limits: TaskLimits,
    formula: Formula,
    assigned_ms: i64,
    charged: u64,
}

fn bill(t: &Transaction<'_>, key: &TaskKey, node: Option<&NodeId>) -> Result<Option<Bill>, PoolError> {
    let found = t
        .prepare_cached(
            "SELECT t.owner_id, a.user_id, t.limits, t.formula, a.assigned_ms, a.charged
             FROM attempts a JOIN tasks t ON t.id = a.task_id
             WHERE a.task_id = ?1 AND a.attempt = ?2 AND a.state = 'held' AND (?3 IS NULL OR a.node_id = ?3)",
        )?
        .query_row(params![key.task.as_str(), key.attempt, node.map(NodeId::as_str)], |r| {
            Ok((
                (r.get::<_, i64>(0)?, r.get::<_, i64>(1)?),
                (r.get::<_, String>(2)?, r.get::<_, String>(3)?),
                (r.get::<_, i64>(4)?, r.get::<_, i64>(5)?),
            ))
        })
        .optional()?;
    let Some(((owner, worker), (limits, formula), (assigned_ms, charged))) = found else { return Ok(None) };
    Ok(Some(Bill {
        owner,
        worker,
        limits: serde_json::from_str(&limits)?,
        formula: serde_json::from_str(&formula)?,
        assigned_ms,
        charged: ledger::unsigned(charged)?,
    }))
}

impl Bill {
    /// The formula's value. A worker cannot have run a task for longer than it had it, nor longer than its
    /// time-out, whatever it says.
    fn value(&self, usage: &TaskUsage, now_ms: i64) -> u64 {
        let had = u64::try_from(now_ms.saturating_sub(self.assigned_ms)).unwrap_or(0);
        let timeout = u64::try_from(self.limits.timeout.as_millis()).unwrap_or(u64::MAX);
        let active = Duration::from_millis(usage.active_ms.min(had).min(timeout));
        reward(self.formula, usage.average(&self.limits), active)
    }

    /// Moves CPT between requester and escrow until `due` is charged; says what is charged then.
    fn charge(&self, t: &Transaction<'_>, key: &TaskKey, due: u64, now_ms: i64) -> Result<u64, PoolError> {
        let (user, escrow) = (Account::User(self.owner), Account::Escrow(key.clone()));
        if due >= self.charged {
            let more = (due - self.charged).min(ledger::balance(t, &user)?);
            transfer(t, now_ms, EntryKind::Charge, (&user, &escrow), more, Some(key))?;
            Ok(self.charged + more)
        } else {
            transfer(t, now_ms, EntryKind::Refund, (&escrow, &user), self.charged - due, Some(key))?;
            Ok(due)
        }
    }
}

/// What a status report led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accrued {
    pub(crate) charged: u64,
    /// Whether the requester could pay; when not, the task must be cancelled.
    pub(crate) covered: bool,
}

/// Charges the formula's value so far less what was charged; `None` when `node` does not hold the attempt.
pub(crate) fn accrue(
    t: &Transaction<'_>,
    key: &TaskKey,
    node: &NodeId,
    usage: &TaskUsage,
    now_ms: i64,
) -> Result<Option<Accrued>, PoolError> {
    let Some(bill) = bill(t, key, Some(node))? else { return Ok(None) };
    let due = if usage.active_ms == 0 { 0 } else { bill.value(usage, now_ms) };
    // An average that falls makes no refund while the task runs: the end settles it.
    let charged = bill.charge(t, key, due.max(bill.charged), now_ms)?;
    t.prepare_cached(
        "UPDATE attempts SET charged = ?3, usage = ?4, updated_ms = ?5 WHERE task_id = ?1 AND attempt = ?2",
    )?
    .execute(params![
        key.task.as_str(),
        key.attempt,
        ledger::signed(charged)?,
        serde_json::to_string(usage)?,
        now_ms
    ])?;
    Ok(Some(Accrued { charged, covered: charged >= due }))
}

/// What the end of an attempt paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) credited: u64,
    pub(super) covered: bool,
}

/// Charges the formula's final value, as far as there is cover, and moves it to the worker's account.
pub(super) fn settle(
    t: &Transaction<'_>,
    key: &TaskKey,
    submission: &Submission,
    now_ms: i64,
) -> Result<Settled, PoolError> {
    let bill = bill(t, key, None)?.ok_or(PoolError::StaleAttempt)?;
    // A program that never ran costs nothing; one that ended by itself before it could be measured did run.
    let ran = submission.usage.active_ms > 0 || submission.verdict.exit_code().is_some();
    let due = if ran { bill.value(&submission.usage, now_ms) } else { 0 };
    let credited = bill.charge(t, key, due, now_ms)?;
    let accounts = (&Account::Escrow(key.clone()), &Account::User(bill.worker));
    transfer(t, now_ms, EntryKind::Settlement, accounts, credited, Some(key))?;
    Ok(Settled { credited, covered: credited >= due })
}

/// Gives everything charged for an attempt back to its requester.
pub(super) fn refund(t: &Transaction<'_>, key: &TaskKey, now_ms: i64) -> Result<(), PoolError> {
    let Some(bill) = bill(t, key, None)? else { return Ok(()) };
    bill.charge(t, key, 0, now_ms)?;
    t.execute(
        "UPDATE attempts SET charged = 0, refunded = ?3 WHERE task_id = ?1 AND attempt = ?2",
        params![key.task.as_str(), key.attempt, ledger::signed(bill.charged)?],
    )?;
    Ok(())
}

/// How far an attempt's pay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarningState {
    Estimated,
    Credited,
    Settled,
    Refunded,
}

/// Pay for one attempt.
#[derive(Debug, Clone)]
pub(crate) struct Earning {
    pub(crate) key: TaskKey,
    pub(crate) task_name: String,
    pub(crate) state: EarningState,
    pub(crate) cpt: u64,
    pub(crate) updated_ms: i64,
}

/// What a user's nodes earned, newest change first.
pub(crate) fn earnings(
    t: &Transaction<'_>,
    user: i64,
    before_ms: i64,
    limit: u32,
    now_ms: i64,
) -> Result<Vec<Earning>, PoolError> {
    let mut query = t.prepare_cached(
        "SELECT a.task_id, a.attempt, t.name, a.state, a.charged, a.credited, a.refunded, a.updated_ms, a.usage
         FROM attempts a JOIN tasks t ON t.id = a.task_id
         WHERE a.user_id = ?1 AND a.updated_ms < ?2 ORDER BY a.updated_ms DESC LIMIT ?3",
    )?;
    let before = if before_ms <= 0 { i64::MAX } else { before_ms };
    let rows = query.query_map(params![user, before, limit], |r| {
        Ok((
            (r.get(0)?, r.get(1)?, r.get(2)?),
            (r.get::<_, String>(3)?, r.get::<_, i64>(4)?, r.get::<_, i64>(5)?, r.get::<_, i64>(6)?),
            (r.get(7)?, r.get::<_, String>(8)?),
        ))
    })?;
    let mut list = Vec::new();
    for row in rows {
        let ((task, attempt, task_name), (state, charged, credited, refunded), (updated_ms, usage)) = row?;
        let key = stored_key(task, attempt)?;
        let (state, cpt) = match state.as_str() {
            "finished" => (EarningState::Settled, ledger::unsigned(credited)?),
            "held" if charged > 0 => (EarningState::Credited, ledger::unsigned(charged)?),
            "held" => {
                let usage: TaskUsage = serde_json::from_str(&usage).unwrap_or_default();
                let value = if usage.active_ms == 0 {
                    0
                } else {
                    bill(t, &key, None)?.map_or(0, |bill| bill.value(&usage, now_ms))
                };
                (EarningState::Estimated, value)
            }
            _ => (EarningState::Refunded, ledger::unsigned(refunded)?),
        };
        list.push(Earning { key, task_name, state, cpt, updated_ms });
    }
    Ok(list)
}
