//! Users and their CPT.

use crate::error::PoolError;
use crate::ledger::{self, Account, EntryKind};
use hivemind_proto::limits::{MAX_PASSWORD_BYTES, MAX_USERNAME_BYTES};
use rusqlite::{OptionalExtension, Transaction, params};

/// Shortest password that registration takes, in bytes.
pub const MIN_PASSWORD_BYTES: usize = 8;

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Row number, stable.
    pub id: i64,
    /// Name as it was registered.
    pub username: String,
}

/// Checks what registration was given.
pub(crate) fn check(username: &str, password: &str) -> Result<(), PoolError> {
    let plain = username.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !(3..=MAX_USERNAME_BYTES).contains(&username.len()) || !plain {
        return Err(PoolError::field("username", "3 to 64 of the characters A-Z a-z 0-9 . _ -"));
    }
    if !(MIN_PASSWORD_BYTES..=MAX_PASSWORD_BYTES).contains(&password.len()) {
        return Err(PoolError::field("password", "8 to 256 bytes long"));
    }
    Ok(())
}

/// Adds a user and gives the sign-up CPT out of the supply.
pub(crate) fn insert(
    t: &Transaction<'_>,
    username: &str,
    password_hash: &str,
    signup_cpt: u64,
    now_ms: i64,
) -> Result<User, PoolError> {
    let added = t.execute(
        "INSERT OR IGNORE INTO users (username, password_hash, created_ms) VALUES (?1, ?2, ?3)",
        params![username, password_hash, now_ms],
    )?;
    if added == 0 {
        return Err(PoolError::NameTaken);
    }
    let user = User { id: t.last_insert_rowid(), username: username.to_owned() };
    let accounts = (&Account::Supply, &Account::User(user.id));
    let given = ledger::transfer(t, now_ms, EntryKind::SignUp, accounts, signup_cpt, None);
    if matches!(given, Err(PoolError::InsufficientFunds)) {
        return Err(PoolError::SupplyExhausted);
    }
    given.map(|()| user)
}

/// A user by name, case ignored, with the stored password hash.
pub(crate) fn by_name(t: &Transaction<'_>, username: &str) -> Result<Option<(User, String)>, PoolError> {
    Ok(t.prepare_cached("SELECT id, username, password_hash FROM users WHERE username = ?1")?
        .query_row([username], |r| Ok((User { id: r.get(0)?, username: r.get(1)? }, r.get(2)?)))
        .optional()?)
}

/// What a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// CPT that can be spent.
    pub available: u64,
    /// CPT held for the user's nodes until their attempts are settled.
    pub pending: u64,
    /// CPT charged for the user's own running tasks and held until those are settled.
    pub held_for_tasks: u64,
}

/// A user's balance.
pub(crate) fn balance(t: &Transaction<'_>, user: i64) -> Result<Balance, PoolError> {
    let pending: i64 = t
        .prepare_cached(
            "SELECT coalesce(sum(charged), 0) FROM attempts WHERE state = 'held' AND user_id = ?1",
        )?
        .query_row([user], |r| r.get(0))?;
    let held_for_tasks: i64 = t
        .prepare_cached(
            "SELECT coalesce(sum(a.charged), 0) FROM attempts a JOIN tasks t ON t.id = a.task_id
             WHERE a.state = 'held' AND t.owner_id = ?1",
        )?
        .query_row([user], |r| r.get(0))?;
    Ok(Balance {
        available: ledger::balance(t, &Account::User(user))?,
        pending: ledger::unsigned(pending)?,
        held_for_tasks: ledger::unsigned(held_for_tasks)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::blank;

    #[test]
    fn registration_gives_the_sign_up_cpt_once() {
        let mut connection = blank();
        let t = connection.transaction().unwrap();
        let ann = insert(&t, "Ann", "h", 150, 0).unwrap();
        assert_eq!(balance(&t, ann.id).unwrap().available, 150);
        assert!(matches!(insert(&t, "ann", "h", 150, 0), Err(PoolError::NameTaken)));
        assert_eq!(by_name(&t, "aNN").unwrap().unwrap().0, ann);
        assert!(ledger::audit(&t).unwrap().balances());
    }

    #[test]
    fn an_empty_supply_refuses_registration() {
        let mut connection = blank();
        let t = connection.transaction().unwrap();
        let refused = insert(&t, "Ann", "h", ledger::TOTAL_SUPPLY + 1, 0);
        assert!(matches!(refused, Err(PoolError::SupplyExhausted)));
    }

    #[test]
    fn names_and_passwords_are_bounded() {
        assert!(check("ann", "12345678").is_ok());
        for (name, password) in
            [("an", "12345678"), ("ann ", "12345678"), ("änn", "12345678"), ("ann", "1234567")]
        {
            assert!(check(name, password).is_err(), "{name} {password}");
        }
        assert!(check(&"a".repeat(65), "12345678").is_err());
        assert!(check("ann", &"a".repeat(257)).is_err());
    }
}
