//! `hivemind-worker prove`: through the running worker, or with the engine alone.

use crate::cli::Cli;
use crate::words::words;
use crate::{output, process};
use hivemind_control::{AttackView, ProofView};
use hivemind_engine::DockerEngine;
use hivemind_host::SystemClock;
use hivemind_store::DataFolder;
use hivemind_worker_core::core::engine_problem;
use hivemind_worker_core::port::{Clock, Engine, SettingsStore};
use std::process::ExitCode;

/// The list; exit code 0 when everything was denied.
pub(crate) fn show(cli: &Cli, proof: &ProofView) -> ExitCode {
    let broken = proof.broken().count();
    if cli.json {
        output::json(proof);
    } else {
        let words = words();
        let row = |attack: &AttackView| {
            let word = words.denied(attack.denied).to_owned();
            vec![word, words.0.attack(attack), attack.evidence.clone()]
        };
        let rows: Vec<_> = proof.attacks.iter().map(row).collect();
        output::table(&words.proof_columns(), &rows);
        output::line(words.proven(broken, proof.attacks.len()));
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// No worker and no pool are needed for it.
pub(crate) async fn without_worker(cli: &Cli, folder: &DataFolder) -> anyhow::Result<ExitCode> {
    let settings = process::settings(cli, folder)?.current();
    let address = Some(settings.text("engine_address")).filter(|address| !address.is_empty());
    let engine = DockerEngine::connect(address).with_companion(process::companion());
    let problem = |error| engine_problem(&error);
    engine.verify().await.map_err(problem)?;
    let attacks = engine.prove(folder.install()).await.map_err(problem)?;
    let shown = attacks.into_iter().map(|attack| AttackView {
        name: attack.name,
        what: attack.what,
        denied: attack.denied,
        evidence: attack.evidence,
    });
    Ok(show(cli, &ProofView { at_ms: SystemClock.now().wall.0, attacks: shown.collect() }))
}
