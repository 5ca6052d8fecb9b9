//! Performs what the connection asks for: sign-in, registration, heartbeats, status reports, calls for work.

use super::{Shared, lock, sampler, unit};
use crate::core::Input;
use crate::port::{Offer, PoolError, PoolErrorKind, Registered, StatusReport, Tokens};
use hivemind_control::{AccountView, ErrorCode};
use hivemind_domain::connection::Todo;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::resources::Capabilities;
use hivemind_domain::retry;
use hivemind_domain::task::HandBack;
use hivemind_domain::time::Mono;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Unanswered heartbeats in a row after which the link counts as broken: each may take 3 s to go unanswered, and a
/// new link has to stand before the 10 s of a lease are over.
const MISSED: u32 = 2;
/// How long the pool is given to take note that this computer leaves.
const GOODBYE: Duration = Duration::from_secs(1);
/// A session is renewed when less than this is left, so that no call meets its end.
const RENEW_BEFORE: Duration = Duration::from_secs(120);

/// A session and when it ends.
pub(super) struct Session {
    pub(super) tokens: Tokens,
    pub(super) until: Mono,
}

/// Everything that goes on for the connection; ends with it.
pub(super) struct Link {
    shared: Arc<Shared>,
    /// Connecting, registering, or heartbeats and reports.
    main: JoinSet<()>,
    /// Calls for work.
    asks: JoinSet<()>,
}

impl Link {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, main: JoinSet::new(), asks: JoinSet::new() }
    }

    pub(super) fn perform(
        &mut self,
        todo: Todo,
        capabilities: Capabilities,
        registered: Option<&Registered>,
    ) {
        self.main.abort_all();
        self.main = JoinSet::new();
        let shared = Arc::clone(&self.shared);
        match todo {
            Todo::Connect => {
                self.main.spawn(async move {
                    let input = connect(&shared).await;
                    shared.tell(input).await;
                });
            }
            Todo::Register => {
                self.main.spawn(async move {
                    let input = register(&shared, &capabilities).await;
                    shared.tell(input).await;
                });
            }
            Todo::Resume => {
                let every = registered.map_or(Duration::from_secs(1), |r| r.heartbeat_every);
                self.main.spawn(heartbeats(Arc::clone(&shared), every));
                self.main.spawn(status_reports(Arc::clone(&shared)));
                self.main.spawn(renewals(shared));
                self.read_balance();
            }
            Todo::Disconnect => {
                self.asks.abort_all();
                self.main.spawn(async move { shared.ports.pool.disconnect().await });
            }
        }
    }

    pub(super) fn ask(&mut self, offer: Offer, number: u64) {
        while self.asks.try_join_next().is_some() {}
        let shared = Arc::clone(&self.shared);
        self.asks.spawn(async move {
            let answer = shared.ports.pool.next_task(offer).await;
            shared.tell(Input::Asked { number, answer, unit: unit() }).await;
        });
    }

    pub(super) fn decline(&mut self, key: TaskKey, reason: HandBack, message: String) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            for failures in 0..3 {
                match shared.ports.pool.hand_back(&key, reason, &message).await {
                    Err(error) if error.kind == PoolErrorKind::Unreachable => {
                        tokio::time::sleep(retry::pause(failures, unit(), error.retry_after)).await;
                    }
                    Ok(()) | Err(_) => return,
                }
            }
        });
    }

    pub(super) fn read_balance(&mut self) {
        // Ended ones lie in the set until they are taken out, and this is called for every task that settles.
        while self.main.try_join_next().is_some() {}
        let shared = Arc::clone(&self.shared);
        self.main.spawn(async move {
            if let Ok(balance) = shared.ports.pool.balance().await {
                shared.tell(Input::Charged(Vec::new(), Some(balance))).await;
            }
        });
    }

    /// Ends; a pool that knows this computer is told when nothing is `held` for it any more.
    pub(super) async fn close(&mut self, nothing_held: bool) {
        self.main.shutdown().await;
        self.asks.shutdown().await;
        if nothing_held
            && let Ok(Err(error)) = tokio::time::timeout(GOODBYE, self.shared.ports.pool.sign_off()).await
        {
            tracing::debug!(%error, "the pool was not told that this computer leaves");
        }
        self.shared.ports.pool.disconnect().await;
    }
}

fn failed(error: PoolError) -> Input {
    Input::PoolFailed { error, unit: unit() }
}

pub(super) fn account(shared: &Shared, tokens: &Tokens) -> AccountView {
    AccountView {
        username: hivemind_domain::text::plain_line(&tokens.username, 64),
        balance_cpt: None,
        tokens_in_file: shared.ports.secrets.in_file(),
    }
}

async fn connect(shared: &Shared) -> Input {
    if let Err(error) = shared.ports.pool.connect().await {
        return failed(error);
    }
    let now = shared.ports.clock.now().mono;
    let fresh = lock(&shared.tokens)
        .as_ref()
        .filter(|session| session.until.since(now) > RENEW_BEFORE)
        .map(|session| session.tokens.clone());
    if let Some(tokens) = fresh {
        shared.ports.pool.resume(&tokens).await;
        return Input::Authenticated(account(shared, &tokens));
    }
    match renew(shared).await {
        Ok(Some(tokens)) => Input::Authenticated(account(shared, &tokens)),
        Ok(None) => Input::SignInMissing,
        Err(error) => failed(error),
    }
}

/// A new session for the kept refresh token; `None` without a usable one.
async fn renew(shared: &Shared) -> Result<Option<Tokens>, PoolError> {
    let before = *shared.sign_ins.lock().await;
    let known = lock(&shared.tokens).as_ref().map(|session| session.tokens.refresh.clone());
    let url = shared.pool_url.clone();
    let refresh = match known {
        Some(refresh) => refresh,
        None => match shared.ports.secrets.load(&url).await {
            Ok(Some(tokens)) => tokens.refresh,
            Ok(None) => return Ok(None),
            // Tried again as a pool that does not answer: the keyring may be unlocked or started at any time.
            Err(error) => {
                let error = PoolError::new(PoolErrorKind::Unreachable, error.to_string());
                return Err(error.under(ErrorCode::KeyringLocked));
            }
        },
    };
    let answer = shared.ports.pool.refresh(&refresh).await;
    let sign_ins = shared.sign_ins.lock().await;
    if *sign_ins != before {
        return Ok(superseded(shared, answer.is_ok()).await);
    }
    match answer {
        Ok(tokens) => {
            if let Err(error) = shared.ports.secrets.save(&url, &tokens).await {
                tracing::warn!(%error, "the new session cannot be kept");
            }
            shared.keep_tokens(Some(&tokens));
            Ok(Some(tokens))
        }
        Err(error)
            if matches!(error.kind, PoolErrorKind::Unauthenticated | PoolErrorKind::WrongCredentials) =>
        {
            shared.keep_tokens(None);
            if let Err(error) = shared.ports.secrets.clear(&url).await {
                tracing::warn!(%error, "the ended session cannot be removed");
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A person signed in or out while a renewal was under way: what it brought belongs to nobody, and what was done
/// meanwhile holds.
async fn superseded(shared: &Shared, renewed: bool) -> Option<Tokens> {
    let present = lock(&shared.tokens).as_ref().map(|session| session.tokens.clone());
    match &present {
        Some(tokens) => shared.ports.pool.resume(tokens).await,
        None if renewed => {
            if let Err(error) = shared.ports.pool.logout().await {
                tracing::debug!(%error, "the pool was not told to end a session that nobody wants");
            }
        }
        None => {}
    }
    present
}

async fn register(shared: &Shared, capabilities: &Capabilities) -> Input {
    let hostname = lock(&shared.readings).hostname.clone();
    match shared.ports.pool.register(&shared.ports.spool.install, &hostname, capabilities).await {
        Ok(registered) => Input::Registered(registered),
        Err(error) => {
            if error.kind == PoolErrorKind::Unauthenticated {
                forget_session(shared);
            }
            failed(error)
        }
    }
}

/// The pool does not accept the session although it should hold: the next try renews it.
fn forget_session(shared: &Shared) {
    if let Some(session) = lock(&shared.tokens).as_mut() {
        session.until = Mono::default();
    }
}

async fn heartbeats(shared: Arc<Shared>, every: Duration) {
    let mut beat = super::beat::Beat::new(shared.ports.began, every);
    let mut missed = 0;
    loop {
        tokio::select! {
            () = beat.next() => {}
            () = shared.ports.pool.news() => beat.restart(),
        }
        let held = shared.link.borrow().held.clone();
        let sent = shared.ports.clock.now().mono;
        match shared.ports.pool.heartbeat(&held).await {
            Ok(answer) => {
                missed = 0;
                shared.tell(Input::Heartbeat { sent, answer }).await;
            }
            Err(error) if error.kind == PoolErrorKind::Unreachable && missed + 1 < MISSED => missed += 1,
            Err(error) => {
                if error.kind == PoolErrorKind::Unauthenticated {
                    forget_session(&shared);
                }
                return shared.tell(failed(error)).await;
            }
        }
    }
}

async fn status_reports(shared: Arc<Shared>) {
    loop {
        let seconds = shared.ports.settings.current().integer("resource_report_interval").max(1);
        let latest = lock(&shared.readings).latest();
        let metrics = if latest.at_ms > 0 { latest } else { sampler::look(&shared).await };
        let state = shared.link.borrow().clone();
        let report =
            StatusReport { metrics, tasks: state.statuses, paused: state.paused, alerts: state.alerts };
        match shared.ports.pool.report_status(&report).await {
            Ok(answer) => shared.tell(Input::Charged(answer.charged, answer.balance_cpt)).await,
            // Heartbeats find out whether the link is broken.
            Err(error) => tracing::debug!(%error, "a status report was not taken"),
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

async fn renewals(shared: Arc<Shared>) {
    loop {
        let now = shared.ports.clock.now().mono;
        let left = lock(&shared.tokens).as_ref().map(|session| session.until.since(now));
        let Some(left) = left else { return };
        tokio::time::sleep(left.saturating_sub(RENEW_BEFORE).max(Duration::from_secs(1))).await;
        match renew(&shared).await {
            Ok(Some(_)) => {}
            Ok(None) => return shared.tell(Input::SignInMissing).await,
            Err(error) => {
                tracing::debug!(%error, "the session was not renewed");
                tokio::time::sleep(retry::CAP).await;
            }
        }
    }
}
