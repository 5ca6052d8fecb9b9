//! What a task's connections add to what is told about it.

use crate::connection::Connection;
use bollard::models::ContainerInspectResponse;
use hivemind_domain::usage::UsageSample;
use hivemind_worker_core::port::{ContainerEvent, EgressSession, OutputLine};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;

pub(super) struct Network {
    session: Option<Arc<dyn EgressSession>>,
    last: UsageSample,
}

impl Network {
    pub(super) fn new(session: Option<Arc<dyn EgressSession>>) -> Self {
        Self { session, last: UsageSample::default() }
    }

    /// Adds the bytes that went through the proxy to a reading.
    pub(super) fn add(&mut self, sample: &mut UsageSample) {
        if let Some(session) = &self.session {
            let traffic = session.traffic();
            sample.network_bytes = sample.network_bytes.max(traffic.received.saturating_add(traffic.sent));
            self.last = *sample;
        }
    }

    /// Tells what was refused, behind the line of the time `at_ns`.
    pub(super) async fn tell(&mut self, events: &mpsc::Sender<ContainerEvent>, at_ns: i64) {
        let Some(session) = &self.session else { return };
        for (sentence, after) in session.take_refusals().into_iter().zip(1..) {
            let text = format!("[hivemind] network: {sentence}");
            let line = OutputLine { stderr: true, time_ns: at_ns.saturating_add(after), text };
            let _ = events.send(ContainerEvent::Line(line)).await;
        }
    }

    /// The last word: a short task has had no reading, and a silent one no line.
    pub(super) async fn finish(
        &mut self,
        engine: &Connection,
        container: &str,
        events: &mpsc::Sender<ContainerEvent>,
    ) {
        let Some(session) = &self.session else { return };
        let mut sample = self.last;
        let traffic = session.traffic();
        sample.network_bytes = sample.network_bytes.max(traffic.received.saturating_add(traffic.sent));
        let _ = events.send(ContainerEvent::Usage(sample)).await;
        if traffic.refused > 0
            && let Ok(docker) = engine.docker()
            && let Ok(about) = docker.inspect_container(container, None).await
        {
            // The engine's clock, as all lines have it; behind everything the task itself has said.
            self.tell(events, ended_ns(&about)).await;
        }
    }
}

fn ended_ns(about: &ContainerInspectResponse) -> i64 {
    let ended = about.state.as_ref().and_then(|state| state.finished_at.as_deref());
    let ended = ended.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    ended.and_then(|at| i64::try_from(at.unix_timestamp_nanos()).ok()).unwrap_or_default()
}
