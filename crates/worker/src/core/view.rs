//! The snapshot, made from the core's state.

use super::{Core, EngineState, Live, engine_problem};
use crate::port::PullProgress;
use hivemind_control::{
    ApiError, EngineView, ErrorCode, GpuUse, HoleView, HostView, LimitsView, PoolState, PoolView, PullView,
    Snapshot, StatusState, StatusView, TaskView,
};
use hivemind_domain::advisory::Hole;
use hivemind_domain::connection::Connection;
use hivemind_domain::contribution::{PauseReason, Wish};
use hivemind_domain::rules::Reason;
use hivemind_domain::task::{Phase, Task, Verdict};
use hivemind_domain::time::Now;

impl Core {
    /// Everything the core knows for the hosts; what it does not know (`seq`, names, today's sum) is left empty.
    #[must_use]
    pub fn snapshot(&self, now: Now) -> Snapshot {
        Snapshot {
            status: self.status(),
            decision: self.decision_view(now),
            pool: self.pool_view(),
            engine: self.engine_view(),
            account: self.account.clone(),
            tasks: self.shown(now).map(|live| live.view(now)).collect(),
            limits: self.limits_view(),
            host: self.host_view(),
            image_questions: self.questions.views(),
            pulls: self.pulls.iter().map(pull_view).collect(),
            notices: self.notices.iter().cloned().collect(),
            host_questions: self.network.questions(),
            alerts: self.alerts(),
            give_back: self.yielding.view(),
            traffic: self.traffic_view(now),
            ..Snapshot::default()
        }
    }

    /// The history still has what the pool leaves unanswered.
    fn shown(&self, now: Now) -> impl Iterator<Item = &Live> {
        self.live.values().filter(move |live| !super::unanswered(&live.task, now.wall))
    }

    fn status(&self) -> StatusView {
        let running = self.live.values().filter(|live| live.task.phase == Phase::Running).count();
        let wish = self.contribution.wish();
        let primary = self.contribution.primary();
        let state = match (wish, primary) {
            (Wish::Off, _) | (_, Some(PauseReason::ShuttingDown)) => StatusState::Off,
            (
                _,
                Some(
                    PauseReason::JournalFailed
                    | PauseReason::EngineUnavailable
                    | PauseReason::IsolationTooLow
                    | PauseReason::SandboxBroken
                    | PauseReason::DiskLow
                    | PauseReason::TasksFailing
                    | PauseReason::SignInRequired
                    | PauseReason::PoolRefused,
                ),
            ) => StatusState::NeedsYou,
            (_, Some(PauseReason::PoolUnreachable)) if self.waits_in_vain() => StatusState::NeedsYou,
            (Wish::Starting, _) | (_, Some(PauseReason::PoolUnreachable)) => StatusState::Connecting,
            _ if self.held_by_rules() == Some(Reason::Snoozed) => StatusState::Snoozed,
            _ if self.held_by_rules().is_some() => StatusState::Yielding,
            _ if running > 0 => StatusState::Earning,
            (Wish::On, None) if !self.connection.is_online() => StatusState::Connecting,
            (Wish::On | Wish::Draining, None) => StatusState::Ready,
        };
        StatusView {
            state,
            contributing: matches!(wish, Wish::Starting | Wish::On),
            draining: wish == Wish::Draining,
            running_tasks: u32::try_from(running).unwrap_or(u32::MAX),
            problem: primary.and_then(|reason| self.obstacle(reason)),
            problems: self.contribution.reasons().filter_map(|reason| self.obstacle(reason)).collect(),
        }
    }

    /// The pool answers, but trying again alone will not bring it nearer.
    pub(super) fn waits_in_vain(&self) -> bool {
        let code = self.pool_problem.as_ref().map(|problem| problem.code);
        matches!(code, Some(ErrorCode::PoolUntrusted | ErrorCode::ClockWrong))
    }

    fn obstacle(&self, reason: PauseReason) -> Option<ApiError> {
        let told = |code, text| Some(ApiError::new(code, text));
        match reason {
            PauseReason::ShuttingDown => None,
            PauseReason::JournalFailed => {
                told(ErrorCode::JournalFailed, "the worker's records cannot be written")
            }
            PauseReason::EngineUnavailable => match &self.engine {
                EngineState::Away(error) => Some(engine_problem(error)),
                EngineState::Unknown | EngineState::Ready(_) => None,
            },
            PauseReason::IsolationTooLow => self.isolation_problem(),
            PauseReason::SandboxBroken => {
                told(ErrorCode::SandboxBroken, "the self-test found that tasks could break out here")
            }
            PauseReason::DiskLow => told(ErrorCode::DiskLow, "the disk is nearly full"),
            PauseReason::TasksFailing => self.failing(),
            PauseReason::SignInRequired => told(ErrorCode::SignInRequired, "sign in to start earning"),
            PauseReason::PoolRefused | PauseReason::PoolUnreachable => self
                .pool_problem
                .clone()
                .or_else(|| told(ErrorCode::PoolUnreachable, "the pool does not answer")),
        }
    }

    fn pool_view(&self) -> PoolView {
        let (state, failures) = match &self.connection {
            Connection::Idle => (PoolState::Idle, 0),
            Connection::Connecting { failures } => (PoolState::Connecting, *failures),
            Connection::Registering { failures } => (PoolState::Registering, *failures),
            Connection::Online => (PoolState::Online, 0),
            Connection::Backoff { failures, .. } => (PoolState::Backoff, *failures),
            Connection::AuthRequired => (PoolState::AuthRequired, 0),
            Connection::Rejected { .. } => (PoolState::Rejected, 0),
        };
        PoolView {
            state,
            failures,
            retry_at_ms: self.retry.map(|(_, wall)| wall.0),
            cause: if self.connection.is_online() { None } else { self.pool_problem.clone() },
            node_id: self.registered.as_ref().map(|r| r.node.to_string()),
            trust: self.registered.as_ref().map(|r| word(&r.trust)),
            standing: self.standing.clone(),
            ..PoolView::default()
        }
    }

    fn engine_view(&self) -> EngineView {
        match &self.engine {
            EngineState::Unknown => EngineView::default(),
            EngineState::Ready(info) => EngineView {
                ready: Some(true),
                name: info.name.clone(),
                version: info.version.clone(),
                isolation: info.isolation.clone(),
                minimum_isolation: self.limits.minimum_isolation.word().to_owned(),
                gpus: info.gpus,
                holes: info.holes.iter().map(hole_view).collect(),
                functions_only: false,
                problem: None,
            },
            EngineState::Away(error) => EngineView {
                ready: Some(false),
                functions_only: self.functions_only(),
                problem: Some(engine_problem(error)),
                ..EngineView::default()
            },
        }
    }

    fn limits_view(&self) -> LimitsView {
        let (granted, _) = self.granted();
        let allowed = self.within_the_engine(self.limits.allowed);
        LimitsView {
            max_tasks: u32::try_from(self.limits.max_tasks).unwrap_or(u32::MAX),
            cpu_millis: allowed.cpu_millis,
            memory_bytes: allowed.memory_bytes,
            granted_cpu_millis: granted.cpu_millis,
            granted_memory_bytes: granted.memory_bytes,
            cpu_only: self.limits.cpu_only,
            gpus: u32::try_from(self.lendable_gpus().len()).unwrap_or(u32::MAX),
            granted_gpus: granted.gpus,
            now_cpu_millis: self.cpu_now().min(allowed.cpu_millis),
            now_memory_bytes: self.allowed_now().memory_bytes,
            cpu_shares: self.priority.shares(),
        }
    }

    fn host_view(&self) -> HostView {
        let gpus = self.host.gpus.iter().map(|gpu| GpuUse {
            uuid: gpu.uuid.clone(),
            name: gpu.name.clone(),
            memory_total_bytes: Some(gpu.memory_bytes),
            ..GpuUse::default()
        });
        HostView {
            os: self.host.os.clone(),
            cpu_name: self.host.cpu_name.clone(),
            cpu_cores: self.host.cpu_cores,
            memory_bytes: self.host.memory_bytes,
            gpus: gpus.collect(),
            ..HostView::default()
        }
    }
}

impl Live {
    fn view(&self, now: Now) -> TaskView {
        let mut view = task_view(&self.task);
        view.active_ms = u64::try_from(self.active(now.mono).as_millis()).unwrap_or(u64::MAX);
        view.frozen_ms = self.task.frozen_until(now.wall);
        if self.task.phase == Phase::Running {
            view.cpu_percent = self.cpu_percent;
            view.gpu_percent = self.gpu.and_then(|(percent, _)| percent);
            view.gpu_memory_bytes = self.gpu.map(|(_, memory)| memory);
            view.memory_used_bytes = self.reading.map_or(0, |(sample, _)| sample.memory_bytes);
        }
        view.credited_cpt = view.credited_cpt.or(self.charged);
        view
    }
}

fn pull_view(pull: &PullProgress) -> PullView {
    PullView { image: pull.image.clone(), done_bytes: pull.done_bytes, total_bytes: pull.total_bytes }
}

fn hole_view(hole: &Hole) -> HoleView {
    HoleView {
        id: hole.id.to_owned(),
        component: hole.component.to_owned(),
        found: hole.found.clone(),
        lets: hole.lets.to_owned(),
        mended: hole.mended.to_owned(),
        maybe_mended: hole.maybe_mended,
        source: hole.source(),
    }
}

pub(super) fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// An attempt as the hosts show it.
pub(crate) fn task_view(task: &Task) -> TaskView {
    let assignment = &task.assignment;
    let (failure_class, message) = match &task.verdict {
        Some(Verdict::Failed { class, message, .. }) => (Some(word(class)), Some(message.clone())),
        Some(Verdict::HandedBack { message, .. }) => (None, Some(message.clone())),
        Some(Verdict::Cancelled { by }) => (None, Some(word(by))),
        Some(Verdict::Succeeded) | None => (None, None),
    };
    TaskView {
        task_id: task.key().task.to_string(),
        attempt: task.key().attempt,
        name: assignment.name.clone(),
        phase: word(&task.phase),
        verdict: task.verdict.as_ref().map(|v| v.word().to_owned()),
        exit_code: task.verdict.as_ref().and_then(Verdict::exit_code),
        message,
        failure_class,
        image_digest: task.image_digest.clone().filter(|digest| !digest.is_empty()),
        function: assignment.function.is_some(),
        accepted_at_ms: task.accepted_at.0,
        started_at_ms: task.started_at.map(|t| t.0),
        ended_at_ms: task.ended_at.map(|t| t.0),
        closed_at_ms: task.closed_at.map(|t| t.0),
        active_ms: task.usage.active_ms,
        frozen: task.frozen_at.is_some(),
        frozen_ms: task.frozen_ms,
        timeout_ms: u64::try_from(assignment.limits.timeout.as_millis()).unwrap_or(u64::MAX),
        cpu_millis: assignment.limits.resources.cpu_millis,
        memory_bytes: assignment.limits.resources.memory_bytes,
        cpu_percent: 0.0,
        memory_used_bytes: 0,
        gpus: task.gpus.clone(),
        gpu_percent: None,
        gpu_memory_bytes: None,
        peak_memory_bytes: task.usage.peak_memory_bytes,
        network_bytes: task.usage.network_bytes,
        estimated_cpt: task.estimate(),
        credited_cpt: task.credit.map(|c| c.cpt),
        settled: task.credit.is_some_and(|c| c.settled),
        orphaned: task.orphaned,
        energy_mwh: task.usage.known_energy().map(|energy| energy.mj() / 3600),
        result_sha256: task.result.as_ref().map(|r| r.sha256.clone()),
        result_bytes: task.result.as_ref().map(|r| r.size_bytes),
        report: task.report().map(Into::into),
    }
}
