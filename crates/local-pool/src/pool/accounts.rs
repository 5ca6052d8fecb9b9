//! Registration, sign-in, balances.

use super::{Pool, unbroken};
use crate::clock;
use crate::error::PoolError;
use crate::ledger::{self, Account, EntryKind};
use crate::sessions::{self, Lives, Rotation, Session, Tokens};
use crate::tasks::{self, Earning};
use crate::users::{self, Balance, User};
use std::net::IpAddr;
use std::sync::Arc;

impl Pool {
    fn lives(&self) -> Lives {
        Lives { session: self.config.session_ttl, refresh: self.config.refresh_ttl }
    }

    /// Registers a user from outside.
    pub(crate) async fn register(
        self: &Arc<Self>,
        username: String,
        password: String,
        peer: IpAddr,
    ) -> Result<User, PoolError> {
        users::check(&username, &password)?;
        let (name, allowed, now) = (peer.to_string(), self.config.registrations_per_minute, clock::mono());
        self.registrations.with(|limit| match limit.exceeded(&name, allowed, now) {
            Some(wait) => Err(PoolError::RateLimited(wait)),
            None => {
                limit.count(&name, now);
                Ok(())
            }
        })?;
        self.create_user(username, password).await
    }

    /// Registers a user.
    pub(crate) async fn create_user(&self, username: String, password: String) -> Result<User, PoolError> {
        users::check(&username, &password)?;
        let hash = self.passwords.hash(password).await?;
        let (cpt, now_ms) = (self.config.signup_cpt, clock::wall_ms());
        self.db.call(move |t| users::insert(t, &username, &hash, cpt, now_ms)).await
    }

    /// Exchanges name and password for tokens. Failures are counted per name and per address.
    pub(crate) async fn login(
        self: &Arc<Self>,
        username: String,
        password: String,
        install_id: String,
        peer: IpAddr,
    ) -> Result<Tokens, PoolError> {
        let by_name = format!("name/{}", username.to_ascii_lowercase());
        let by_peer = format!("peer/{peer}");
        let allowed = self.config.sign_ins_per_minute;
        // Counted before the slow hash, so that many tries at once are counted too.
        self.sign_ins.with(|limit| {
            let now = clock::mono();
            let waits = [(&by_name, allowed), (&by_peer, allowed.saturating_mul(4))];
            if let Some(wait) = waits.into_iter().filter_map(|(n, a)| limit.exceeded(n, a, now)).max() {
                return Err(PoolError::RateLimited(wait));
            }
            limit.count(&by_name, now);
            limit.count(&by_peer, now);
            Ok(())
        })?;
        let found = self.db.call(move |t| users::by_name(t, &username)).await?;
        let (user, stored) = found.unzip();
        let right = self.passwords.verify(password, stored).await?;
        let user = user.filter(|_| right).ok_or(PoolError::WrongCredentials)?;
        self.sign_ins.with(|limit| {
            limit.forgive(&by_name);
            limit.forgive(&by_peer);
        });
        self.sign_in(user, install_id).await
    }

    async fn sign_in(self: &Arc<Self>, user: User, install_id: String) -> Result<Tokens, PoolError> {
        let pool = self.clone();
        unbroken(async move {
            let (lives, now_ms) = (pool.lives(), clock::wall_ms());
            let issued =
                pool.db.call(move |t| sessions::issue(t, &user, &install_id, None, lives, now_ms)).await?;
            let (tokens, hash, session) = issued;
            pool.sessions.insert(hash, session);
            Ok(tokens)
        })
        .await
    }

    /// Exchanges a refresh token.
    pub(crate) async fn refresh(
        self: &Arc<Self>,
        token: &str,
        install_id: String,
    ) -> Result<Tokens, PoolError> {
        let (pool, hash) = (self.clone(), sessions::hash(token));
        unbroken(async move {
            let (lives, now_ms) = (pool.lives(), clock::wall_ms());
            match pool.db.call(move |t| sessions::rotate(t, &hash, &install_id, lives, now_ms)).await? {
                Rotation::Issued(issued) => {
                    let (tokens, hash, session) = *issued;
                    pool.sessions.insert(hash, session);
                    Ok(tokens)
                }
                Rotation::Revoked(family) => {
                    tracing::warn!("a refresh token was used twice; its sign-in is ended");
                    pool.sessions.drop_family(&family);
                    Err(PoolError::SignInNeeded)
                }
                Rotation::Unknown => Err(PoolError::SignInNeeded),
            }
        })
        .await
    }

    /// Ends a sign-in.
    pub(crate) async fn logout(&self, session: Session) -> Result<(), PoolError> {
        self.sessions.drop_family(&session.family);
        self.db.call(move |t| sessions::revoke(t, &session.family)).await
    }

    /// Who shows this value of an `authorization` header.
    pub(crate) fn authenticate(&self, authorization: Option<&str>) -> Result<Session, PoolError> {
        let (scheme, token) =
            authorization.and_then(|value| value.split_once(' ')).ok_or(PoolError::SignInNeeded)?;
        if !scheme.eq_ignore_ascii_case("bearer") || token.len() > hivemind_proto::limits::MAX_TOKEN_BYTES {
            return Err(PoolError::SignInNeeded);
        }
        self.sessions.find(token.trim(), clock::wall_ms())
    }

    /// A user's balance.
    pub(crate) async fn balance(&self, user: i64) -> Result<Balance, PoolError> {
        self.db.call(move |t| users::balance(t, user)).await
    }

    /// What a user's nodes earned.
    pub(crate) async fn earnings(
        &self,
        user: i64,
        before_ms: i64,
        limit: u32,
    ) -> Result<Vec<Earning>, PoolError> {
        let now_ms = clock::wall_ms();
        self.db.call(move |t| tasks::earnings(t, user, before_ms, limit, now_ms)).await
    }

    /// Gives CPT to another user.
    pub(crate) async fn transfer(&self, from: i64, to: String, amount: u64) -> Result<(), PoolError> {
        if !(1..=ledger::TOTAL_SUPPLY).contains(&amount) {
            return Err(PoolError::field("amount", "a whole number of CPT, 1 or more"));
        }
        let now_ms = clock::wall_ms();
        self.db
            .call(move |t| {
                let (to, _) = users::by_name(t, &to)?.ok_or(PoolError::UserUnknown)?;
                let accounts = (&Account::User(from), &Account::User(to.id));
                ledger::transfer(t, now_ms, EntryKind::Transfer, accounts, amount, None)
            })
            .await
    }
}
