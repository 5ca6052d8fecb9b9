//! The self-test: what tasks cannot do on this computer, tried.

use super::Shared;
use crate::core::{Input, engine_problem};
use hivemind_control::{ApiError, AttackView, ErrorCode, Finding, Level, ProofView};

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

/// What is known about the box.
pub(super) fn finding(shared: &Shared) -> Finding {
    let told = |level, proof: String| Finding {
        number: 31,
        check: "sandbox".into(),
        level,
        proof,
        code: None,
        fix: None,
    };
    let Ok(last) = shared.proof.try_lock() else {
        return told(Level::Notice, "the self-test runs right now".into());
    };
    let Some(proof) = &*last else {
        return told(Level::Notice, "not tried since the worker started; the button below tries it".into());
    };
    let broken: Vec<&str> = proof.broken().map(|attack| attack.what.as_str()).collect();
    if broken.is_empty() {
        return told(Level::Ok, format!("{} attempts to break out were denied", proof.attacks.len()));
    }
    Finding {
        code: Some(ErrorCode::SandboxBroken),
        fix: Some("Update the container engine, undo changes to its settings, then try again.".into()),
        ..told(Level::Error, format!("a task could: {}", broken.join(", ")))
    }
}
