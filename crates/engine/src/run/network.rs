//! What a task's connections add to what is told about it.

use crate::connection::Connection;
use crate::relay::Notes;
use bollard::models::ContainerInspectResponse;
use hivemind_domain::usage::UsageSample;
use hivemind_worker_core::port::{ContainerEvent, EgressSession, OutputLine};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;

/// What is to be told of a task's network; nothing for a task without.
#[derive(Default)]
pub(crate) struct Network {
    session: Option<Arc<dyn EgressSession>>,
    notes: Notes,
    last: UsageSample,
}

impl Network {
    /// Of what goes through `session`, and of what befalls its relay.
    pub(crate) fn new(session: Arc<dyn EgressSession>, notes: Notes) -> Self {
        Self { session: Some(session), notes, last: UsageSample::default() }
    }

    /// Adds the bytes that went through the proxy to a reading.
    pub(super) fn add(&mut self, sample: &mut UsageSample) {
        if let Some(session) = &self.session {
            let traffic = session.traffic();
            sample.network_bytes = sample.network_bytes.max(traffic.received.saturating_add(traffic.sent));
            self.last = *sample;
        }
    }

    /// Tells what was refused or befell the relay, behind the line of the time `at_ns`.
    pub(super) async fn tell(&mut self, events: &mpsc::Sender<ContainerEvent>, at_ns: i64) {
        let Some(session) = &self.session else { return };
        let sentences = self.notes.take().into_iter().chain(session.take_refusals());
        for (sentence, after) in sentences.zip(1..) {
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
        if (traffic.refused > 0 || !self.notes.is_empty())
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
