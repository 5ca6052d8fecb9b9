//! The CPT ledger: double entry in whole CPT.
//!
//! The supply is put into one account when the database is made. From then on CPT only move between accounts, so
//! the balances sum to [`TOTAL_SUPPLY`] for ever; the table itself refuses a balance below zero.

use crate::error::PoolError;
use hivemind_domain::ids::TaskKey;
use rusqlite::{OptionalExtension, Transaction, params};

/// All CPT there are (row SYS6 of the seed documents).
pub const TOTAL_SUPPLY: u64 = 1_000_000_000_000;

/// Who holds CPT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// What nobody was given yet.
    Supply,
    /// A user.
    User(i64),
    /// Charged for one attempt and not settled yet.
    Escrow(TaskKey),
}

impl Account {
    fn name(&self) -> String {
        match self {
            Self::Supply => "supply".into(),
            Self::User(id) => format!("user/{id}"),
            Self::Escrow(key) => format!("escrow/{}/{}", key.task, key.attempt),
        }
    }
}

/// Why CPT moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    SignUp,
    Charge,
    Refund,
    Settlement,
    Transfer,
}

impl EntryKind {
    fn word(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Settlement => "settlement",
            Self::Transfer => "transfer",
        }
    }
}

/// Puts the whole supply into its account.
pub(crate) fn found(t: &Transaction<'_>) -> Result<(), PoolError> {
    t.execute(
        "INSERT INTO accounts (name, balance) VALUES (?1, ?2)",
        params![Account::Supply.name(), signed(TOTAL_SUPPLY)?],
    )?;
    Ok(())
}

/// What an account holds; zero when it was never used.
pub(crate) fn balance(t: &Transaction<'_>, account: &Account) -> Result<u64, PoolError> {
    let found: Option<i64> = t
        .prepare_cached("SELECT balance FROM accounts WHERE name = ?1")?
        .query_row([account.name()], |r| r.get(0))
        .optional()?;
    unsigned(found.unwrap_or(0))
}

/// Moves `amount` from one account to another as one entry with two postings; nothing happens for 0.
///
/// Fails with [`PoolError::InsufficientFunds`], changing nothing, when `from` holds less.
pub(crate) fn transfer(
    t: &Transaction<'_>,
    now_ms: i64,
    kind: EntryKind,
    (from, to): (&Account, &Account),
    amount: u64,
    about: Option<&TaskKey>,
) -> Result<(), PoolError> {
    if amount == 0 {
        return Ok(());
    }
    if from == to {
        return Err(PoolError::Forbidden("CPT cannot be moved from an account to itself."));
    }
    if balance(t, from)? < amount {
        return Err(PoolError::InsufficientFunds);
    }
    let amount = signed(amount)?;
    t.prepare_cached("INSERT INTO entries (time_ms, kind, task_id, attempt) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![now_ms, kind.word(), about.map(|k| k.task.as_str()), about.map(|k| k.attempt)])?;
    let entry = t.last_insert_rowid();
    for (account, amount) in [(from, -amount), (to, amount)] {
        let name = account.name();
        t.prepare_cached("INSERT INTO postings (entry_id, account, amount) VALUES (?1, ?2, ?3)")?
            .execute(params![entry, name, amount])?;
        t.prepare_cached("INSERT OR IGNORE INTO accounts (name, balance) VALUES (?1, 0)")?
            .execute([&name])?;
        t.prepare_cached("UPDATE accounts SET balance = balance + ?2 WHERE name = ?1")?
            .execute(params![name, amount])?;
    }
    Ok(())
}

/// What the books say when everything is added up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// Sum of all balances; equals [`TOTAL_SUPPLY`].
    pub sum_of_accounts: u64,
    /// Sum of all postings; equals 0.
    pub sum_of_postings: i64,
    /// Accounts whose balance differs from the sum of their postings; 0.
    pub differing_accounts: u64,
}

impl Audit {
    /// Whether the books balance.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.sum_of_accounts == TOTAL_SUPPLY && self.sum_of_postings == 0 && self.differing_accounts == 0
    }
}

/// Adds everything up again.
pub(crate) fn audit(t: &Transaction<'_>) -> Result<Audit, PoolError> {
    let number = |sql: &str| -> Result<i64, PoolError> { Ok(t.query_row(sql, [], |r| r.get(0))?) };
    let differing = format!(
        "SELECT count(*) FROM accounts a WHERE a.balance <> (CASE a.name WHEN 'supply' THEN {TOTAL_SUPPLY} ELSE 0 END)
         + coalesce((SELECT sum(p.amount) FROM postings p WHERE p.account = a.name), 0)"
    );
    Ok(Audit {
        sum_of_accounts: unsigned(number("SELECT coalesce(sum(balance), 0) FROM accounts")?)?,
        sum_of_postings: number("SELECT coalesce(sum(amount), 0) FROM postings")?,
        differing_accounts: unsigned(number(&differing)?)?,
    })
}

/// A stored number that cannot be negative.
pub(crate) fn unsigned(value: i64) -> Result<u64, PoolError> {
    u64::try_from(value)
        .map_err(|_| PoolError::Internal(format!("{value} is stored where no number below 0 may be")))
}

/// A number on its way into the database.
pub(crate) fn signed(value: u64) -> Result<i64, PoolError> {
    i64::try_from(value).map_err(|_| PoolError::Internal(format!("{value} is too large to be stored")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::blank;
    use proptest::prelude::*;

    fn account(n: u8) -> Account {
        match n {
            0 => Account::Supply,
            1..=4 => Account::User(i64::from(n)),
            _ => Account::Escrow(TaskKey {
                task: hivemind_domain::ids::TaskId::new("t").unwrap(),
                attempt: u32::from(n),
            }),
        }
    }

    #[test]
    fn no_cover_changes_nothing() {
        let mut connection = blank();
        let t = connection.transaction().unwrap();
        let (supply, ann, bob) = (Account::Supply, Account::User(1), Account::User(2));
        transfer(&t, 0, EntryKind::SignUp, (&supply, &ann), 150, None).unwrap();
        let refused = transfer(&t, 0, EntryKind::Transfer, (&ann, &bob), 151, None);
        assert!(matches!(refused, Err(PoolError::InsufficientFunds)));
        assert_eq!((balance(&t, &ann).unwrap(), balance(&t, &bob).unwrap()), (150, 0));
        let too_much = transfer(&t, 0, EntryKind::SignUp, (&supply, &ann), TOTAL_SUPPLY, None);
        assert!(matches!(too_much, Err(PoolError::InsufficientFunds)));
        assert!(audit(&t).unwrap().balances());
    }

    #[test]
    fn the_audit_sees_money_from_nowhere() {
        let mut connection = blank();
        let t = connection.transaction().unwrap();
        transfer(&t, 0, EntryKind::SignUp, (&Account::Supply, &Account::User(1)), 5, None).unwrap();
        t.execute("UPDATE accounts SET balance = 6 WHERE name = 'user/1'", []).unwrap();
        let audit = audit(&t).unwrap();
        assert_eq!((audit.balances(), audit.differing_accounts), (false, 1));
        let overdraw = t.execute("UPDATE accounts SET balance = -1 WHERE name = 'user/1'", []);
        assert!(overdraw.is_err(), "the table itself refuses a debt");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn random_transfers_never_make_or_lose_a_cpt(
            moves in proptest::collection::vec((0u8..8, 0u8..8, prop_oneof![0u64..300, Just(TOTAL_SUPPLY), Just(u64::MAX)]), 1..60)
        ) {
            let mut connection = blank();
            let t = connection.transaction().unwrap();
            for (from, to, amount) in moves {
                let (from, to) = (account(from), account(to));
                let before = (balance(&t, &from).unwrap(), balance(&t, &to).unwrap());
                let moved = transfer(&t, 0, EntryKind::Transfer, (&from, &to), amount, None);
                let after = (balance(&t, &from).unwrap(), balance(&t, &to).unwrap());
                match moved {
                    Ok(()) if from != to => prop_assert_eq!(after, (before.0 - amount, before.1 + amount)),
                    _ => prop_assert_eq!(after, before),
                }
                prop_assert!(audit(&t).unwrap().balances());
            }
        }
    }
}
