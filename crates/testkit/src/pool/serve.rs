//! The pool's answers.

use super::{FakePool, LONG_POLL, PASSWORD, PoolCall, REUSE_GRACE, Session, State, USERNAME, failed};
use crate::lock;
use async_trait::async_trait;
use hivemind_domain::ids::{InstallId, NodeId, TaskKey};
use hivemind_domain::resources::{Capabilities, TrustLevel};
use hivemind_domain::task::{Credit, HandBack, PackageRef};
use hivemind_worker_core::port::{
    Assigned, Clock, Durable, HeartbeatAnswer, Offer, Pool, PoolError, PoolErrorKind, Registered, Report,
    ResultHeader, StatusAnswer, StatusReport, Tokens,
};
use std::path::Path;
use tokio::sync::mpsc;

impl FakePool {
    /// Records the call, fails if it is to fail, and checks that a registered computer calls.
    async fn enter(&self, call: PoolCall) -> Result<(), PoolError> {
        self.faults.enter(call).await?;
        lock(&self.state).known(self.clock.now().mono)
    }
}

impl State {
    fn durable(&self, key: &TaskKey) -> Durable {
        let lines = self.attempts.get(key).map(|row| row.lines.as_slice()).unwrap_or_default();
        Durable { lines: lines.len() as u64, last_time_ns: lines.last().map_or(0, |line| line.time_ns) }
    }
}

#[async_trait]
impl Pool for FakePool {
    fn link(&self) -> String {
        if lock(&self.state).connected { "loopback".into() } else { String::new() }
    }

    async fn connect(&self) -> Result<(), PoolError> {
        self.faults.enter(PoolCall::Connect).await?;
        self.change(|state| state.connected = true);
        Ok(())
    }

    async fn disconnect(&self) {
        let _ = self.faults.enter(PoolCall::Disconnect).await;
        self.change(|state| state.connected = false);
    }

    async fn login(&self, username: &str, password: &str, _install: &InstallId) -> Result<Tokens, PoolError> {
        self.faults.enter(PoolCall::Login).await?;
        if (username, password) != (USERNAME, PASSWORD) {
            return failed(PoolErrorKind::WrongCredentials, "user name or password is wrong");
        }
        let now = self.clock.now().mono;
        self.change(|state| {
            state.connected()?;
            let tokens = state.issue(now);
            state.current = Some(tokens.session.clone());
            Ok(tokens)
        })
    }

    async fn refresh(&self, refresh: &str) -> Result<Tokens, PoolError> {
        self.faults.enter(PoolCall::Refresh).await?;
        let now = self.clock.now().mono;
        let tokens = self.change(|state| {
            state.connected()?;
            let young = |s: &Session| s.refreshed_at.is_none_or(|at| now.since(at) < REUSE_GRACE);
            let used = state.sessions.iter_mut().find(|s| s.refreshable && s.tokens.refresh == refresh);
            let Some(used) = used.filter(|s| young(s)) else {
                return failed(PoolErrorKind::Unauthenticated, "the refresh token does not hold");
            };
            // A refresh token is good once, but for answers that were lost.
            used.refreshed_at.get_or_insert(now);
            let tokens = state.issue(now);
            state.current = Some(tokens.session.clone());
            Ok(tokens)
        })?;
        self.faults.leave(PoolCall::Refresh).await?;
        Ok(tokens)
    }

    async fn resume(&self, tokens: &Tokens) {
        let _ = self.faults.enter(PoolCall::Resume).await;
        self.change(|state| state.current = Some(tokens.session.clone()));
    }

    async fn logout(&self) -> Result<(), PoolError> {
        self.faults.enter(PoolCall::Logout).await?;
        self.end_sessions(true);
        self.change(|state| state.current = None);
        Ok(())
    }

    async fn register(
        &self,
        install: &InstallId,
        _hostname: &str,
        _capabilities: &Capabilities,
    ) -> Result<Registered, PoolError> {
        self.faults.enter(PoolCall::Register).await?;
        let now = self.clock.now().mono;
        self.change(|state| {
            state.signed_in(now)?;
            state.node = Some(install.clone());
            Ok(Registered {
                node: NodeId::new("node-1").expect("a node id"),
                trust: TrustLevel::Medium,
                heartbeat_every: state.heartbeat_every,
                lease: state.lease,
                earner: String::new(),
            })
        })
    }

    async fn heartbeat(&self, held: &[TaskKey]) -> Result<HeartbeatAnswer, PoolError> {
        self.enter(PoolCall::Heartbeat).await?;
        let now = self.clock.now().mono;
        let mut state = lock(&self.state);
        let standing = state.standing.clone();
        let mut answer = HeartbeatAnswer { lease: state.lease, standing, ..HeartbeatAnswer::default() };
        for key in held {
            match state.ours(key) {
                Ok(row) => {
                    row.renewed_at = now;
                    if let (Some(by), None) = (row.cancelled, &row.result) {
                        answer.cancelled.push((key.clone(), by));
                    }
                }
                Err(_) => answer.void.push(key.clone()),
            }
        }
        Ok(answer)
    }

    async fn sign_off(&self) -> Result<(), PoolError> {
        self.faults.enter(PoolCall::SignOff).await?;
        self.change(|state| state.node = None);
        Ok(())
    }

    async fn settlement(&self, key: &TaskKey, sha256: &str) -> Result<Credit, PoolError> {
        self.enter(PoolCall::Settlement).await?;
        self.change(|state| {
            let credit = Credit { cpt: state.pay, settled: state.settles };
            let known = state.ours(key)?.result.as_ref().map(|header| header.file.clone());
            match known {
                Some(file) if file.as_ref().map_or("", |file| &file.sha256) == sha256 => Ok(credit),
                Some(_) => failed(PoolErrorKind::Conflict, "the pool has another result"),
                None => failed(PoolErrorKind::NotFound, "there is no result"),
            }
        })
    }

    async fn report_status(&self, report: &StatusReport) -> Result<StatusAnswer, PoolError> {
        self.enter(PoolCall::ReportStatus).await?;
        self.change(|state| state.reports.push(report.clone()));
        Ok(StatusAnswer { charged: Vec::new(), balance_cpt: Some(lock(&self.state).balance) })
    }

    async fn next_task(&self, offer: Offer) -> Result<Option<Assigned>, PoolError> {
        self.enter(PoolCall::NextTask).await?;
        let number = self.change(|state| {
            state.asks += 1;
            state.asks
        });
        let until = self.clock.now().mono.after(LONG_POLL);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = lock(&self.state);
                if state.asks != number {
                    return Ok(None);
                }
                let fits = |work: &Assigned| offer.free.covers(work.assignment.limits.resources);
                if let Some(place) = state.queue.iter().position(fits)
                    && let Some(work) = state.queue.remove(place)
                {
                    state.attempts.entry(work.assignment.key.clone()).or_default();
                    return Ok(Some(work));
                }
                if state.at_once {
                    return Ok(None);
                }
            }
            tokio::select! {
                () = changed => {}
                () = self.clock.reach(until) => return Ok(None),
            }
        }
    }

    async fn report(
        &self,
        key: &TaskKey,
        mut reports: mpsc::Receiver<Report>,
        durable: mpsc::Sender<Durable>,
    ) -> Result<(), PoolError> {
        self.enter(PoolCall::Report).await?;
        let (first, mut breaks) = {
            let mut state = lock(&self.state);
            state.ours(key)?;
            (state.durable(key), state.breaks.pop_front())
        };
        let _ = durable.send(first).await;
        while let Some(report) = reports.recv().await {
            let (first, lines) = match report {
                Report::Phase(phase) => {
                    self.change(|state| state.ours(key).map(|row| row.phases.push(phase)))?;
                    continue;
                }
                Report::Usage(_) => continue,
                Report::Lines { first, lines } => (first, lines),
            };
            for (line, number) in lines.into_iter().zip(first..) {
                if let Some((left, kept)) = &mut breaks {
                    if *left == 0 {
                        if *kept {
                            self.change(|state| state.ours(key).map(|row| row.lines.push(line)))?;
                        }
                        return failed(PoolErrorKind::Unreachable, "the stream broke");
                    }
                    *left -= 1;
                }
                self.change(|state| {
                    let row = state.ours(key)?;
                    if row.lines.len() as u64 == number {
                        row.lines.push(line);
                    } else {
                        row.out_of_order += 1;
                    }
                    Ok::<_, PoolError>(())
                })?;
            }
            let acknowledged = lock(&self.state).durable(key);
            if durable.send(acknowledged).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn fetch(&self, key: &TaskKey, package: &PackageRef, into: &Path) -> Result<(), PoolError> {
        self.enter(PoolCall::Fetch).await?;
        let content = {
            let mut state = lock(&self.state);
            state.ours(key)?;
            state.packages.get(&package.id).cloned()
        };
        let Some(content) = content else { return failed(PoolErrorKind::NotFound, "no such package") };
        lock(&self.state).moved += content.len() as u64;
        std::fs::write(into, content).map_err(|e| PoolError::new(PoolErrorKind::Disk, e.to_string()))
    }

    fn moved_bytes(&self) -> u64 {
        lock(&self.state).moved
    }

    async fn submit(&self, header: &ResultHeader, file: Option<&Path>) -> Result<Credit, PoolError> {
        {
            let now = self.clock.now().mono;
            let mut state = lock(&self.state);
            state.attempts.entry(header.key.clone()).or_default().submitted_at.push(now);
        }
        self.enter(PoolCall::Submit).await?;
        let output = match file.map(std::fs::read).transpose() {
            Ok(output) => output,
            Err(error) => return failed(PoolErrorKind::ResultLost, &error.to_string()),
        };
        lock(&self.state).moved += output.as_ref().map_or(0, |output| output.len() as u64);
        let credit = self.change(|state| {
            let credit = Credit { cpt: state.pay, settled: state.settles };
            let row = state.ours(&header.key)?;
            match &row.result {
                Some(known) if known.file != header.file => {
                    return failed(PoolErrorKind::Conflict, "the pool has another result");
                }
                Some(_) => {}
                None => {
                    row.result = Some(header.clone());
                    row.output = output;
                    state.balance += i64::try_from(credit.cpt).unwrap_or(0);
                }
            }
            Ok(credit)
        })?;
        self.faults.leave(PoolCall::Submit).await?;
        Ok(credit)
    }

    async fn hand_back(&self, key: &TaskKey, reason: HandBack, _message: &str) -> Result<(), PoolError> {
        self.enter(PoolCall::HandBack).await?;
        self.change(|state| state.ours(key).map(|row| row.handed_back.push(reason)))?;
        self.faults.leave(PoolCall::HandBack).await
    }

    async fn balance(&self) -> Result<i64, PoolError> {
        self.enter(PoolCall::Balance).await?;
        Ok(lock(&self.state).balance)
    }
}
