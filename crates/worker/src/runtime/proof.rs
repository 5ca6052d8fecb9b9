//! The self-test: what tasks cannot do on this computer, tried.

use super::Shared;
use crate::core::{Input, engine_problem};
use hivemind_control::{ApiError, AttackView, ProofView};

/// Tries everything; what got through stops the work. One at a time: a second call waits, then tries anew.
pub(super) async fn prove(shared: &Shared) -> Result<ProofView, ApiError> {
    let mut last = shared.proof.lock().await;
    let attacks = shared.ports.engine.prove(&shared.ports.spool.install).await;
    let attacks = attacks.map_err(|error| engine_problem(&error))?;
    let shown = attacks.into_iter().map(|attack| AttackView {
        name: attack.name,
        what: attack.what,
        denied: attack.denied,
        evidence: attack.evidence,
    });
    let proof = ProofView { at_ms: shared.ports.clock.now().wall.0, attacks: shown.collect() };
    let broken: Vec<String> = proof.broken().map(|attack| attack.what.clone()).collect();
    if broken.is_empty() {
        tracing::info!(attacks = proof.attacks.len(), "the self-test was denied everything");
    } else {
        tracing::error!(?broken, "the self-test got through");
    }
    shared.tell(Input::Proved(broken)).await;
    *last = Some(proof.clone());
    Ok(proof)
}
