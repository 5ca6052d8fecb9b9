//! What a task's connections add to what is told about it.

use crate::relay::Notes;
use hivemind_domain::usage::UsageSample;
use hivemind_worker_core::port::EgressSession;
use std::sync::Arc;

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

    /// What was refused or befell the relay since it was last asked for.
    pub(super) fn sentences(&mut self) -> Vec<String> {
        let Some(session) = &self.session else { return Vec::new() };
        self.notes.take().into_iter().chain(session.take_refusals()).collect()
    }

    /// The last reading: a short task has had none.
    pub(super) fn last_sample(&self) -> Option<UsageSample> {
        let session = self.session.as_ref()?;
        let mut sample = self.last;
        let traffic = session.traffic();
        sample.network_bytes = sample.network_bytes.max(traffic.received.saturating_add(traffic.sent));
        Some(sample)
    }
}
