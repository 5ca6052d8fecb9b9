//! The engine room's part of the runtime: what follows from the settings for tasks, and answers about images.

use super::handle::store_problem;
use super::{Shared, lock};
use crate::core::{Input, Limits};
use crate::port::{EngineError, Host, Prepared, SettingsChangeError};
use hivemind_control::{ApiError, ErrorCode, ImageAnswer, ImageDecision, PresetOffer};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::images::{Decision, ImageList, ImageRules, repository};
use hivemind_domain::isolation::Isolation;
use hivemind_domain::network::NetworkRules;
use hivemind_domain::resources::Capabilities;
use hivemind_domain::rules::Share;
use hivemind_domain::rules::preset::{self, Preset};
use hivemind_domain::settings::{Settings, Source};
use hivemind_domain::task::{HandBack, TaskInput, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// How often a pull's progress is looked at.
const PULL_LOOK: Duration = Duration::from_millis(500);

/// What the owner decided about images, one-time answers included.
pub(super) fn image_rules(shared: &Shared) -> ImageRules {
    let once = lock(&shared.once_images).clone();
    ImageRules { once, ..shared.ports.settings.current().image_rules() }
}

/// What the owner allows, from the settings, within what this computer has.
pub(super) fn limits(shared: &Shared, host: &Capabilities) -> Limits {
    let settings = shared.ports.settings.current();
    let apps = settings.exclusive_apps();
    shared.wanted.send_if_modified(|present| {
        let other = present.exclusive_apps != apps;
        present.exclusive_apps = apps;
        other
    });
    let cpu_only = settings.flag("cpu_only");
    let cores = host.cpu_cores.saturating_mul(1000).max(100);
    let gpus = if cpu_only { 0 } else { u32::try_from(host.gpus.len()).unwrap_or(u32::MAX) };
    Limits {
        max_tasks: usize::try_from(settings.integer("max_concurrent_tasks")).unwrap_or(1),
        allowed: hivemind_domain::resources::Resources {
            cpu_millis: settings.cpu_millis("max_cpu_cores").min(cores),
            memory_bytes: settings.bytes("max_memory_limit").min(host.memory_bytes),
            gpus,
        },
        cpu_only,
        trust: shared.ports.settings.trust_limits(),
        images: image_rules(shared),
        minimum_isolation: Isolation::from_word(settings.text("minimum_isolation")),
        dynamic_priority: settings.flag("dynamic_priority"),
        network: NetworkRules::from_settings(&settings),
        keep_awake: settings.flag("keep_awake"),
        functions: settings.flag("managed_functions"),
        rules: Box::new(settings.rules(shared.ports.zone.present())),
    }
}

/// Looks at this computer again.
pub(super) async fn capabilities(shared: &Shared) -> Capabilities {
    let host: Arc<dyn Host> = Arc::clone(&shared.ports.host);
    tokio::task::spawn_blocking(move || host.capabilities()).await.unwrap_or_default()
}

/// Looks at this computer again and tells the loop: a driver may have come, a GPU may have gone.
pub(super) async fn look_again(shared: &Shared) {
    let found = capabilities(shared).await;
    let limits = limits(shared, &found);
    shared.tell(Input::Host(Box::new(found))).await;
    shared.tell(Input::Limits(limits)).await;
}

/// Takes the owner's answer about an image.
///
/// # Errors
/// When the name is none, or the settings cannot be written.
pub(super) async fn answer(shared: &Shared, decision: &ImageDecision) -> Result<Settings, ApiError> {
    let settings = &shared.ports.settings;
    let name = repository(&decision.repository).to_owned();
    let wrong = |why: String| ApiError::new(ErrorCode::InvalidRequest, format!("this is no image: {why}"));
    let one = ImageList::parse(&name).map_err(wrong)?;
    if name.is_empty() || name.contains([',', '*']) || one.to_string() != name {
        return Err(wrong(name));
    }
    let present = settings.current();
    let change = match decision.answer {
        ImageAnswer::Once => {
            lock(&shared.once_images).insert(name);
            None
        }
        ImageAnswer::Always => {
            // Asked about by name is stronger than allowed.
            let ask = present.images("ask_images");
            if ask.without(&name) != ask {
                let rest = ask.without(&name).to_string();
                settings.set("ask_images", Some(&rest)).await.map_err(change_problem)?;
            }
            Some(("allowed_images", present.images("allowed_images").with(&name)))
        }
        ImageAnswer::Never => Some(("denied_images", present.images("denied_images").with(&name))),
    };
    match change {
        Some((key, list)) => settings.set(key, Some(&list.to_string())).await.map_err(change_problem),
        None => Ok(Settings::clone(&present)),
    }
}

/// A change of the settings that was not made, as people see it.
pub(super) fn change_problem(error: SettingsChangeError) -> ApiError {
    match error {
        SettingsChangeError::Invalid(error) => ApiError::new(ErrorCode::InvalidSetting, error.to_string())
            .with("key", &error.key)
            .with("value", &error.value)
            .with("allowed", &error.allowed),
        SettingsChangeError::Store(error) => store_problem(error),
    }
}

/// Hands an attempt back that this computer cannot or may not run.
pub(super) fn cannot_run(key: TaskKey, code: ErrorCode, message: &str) -> Input {
    let message = format!("{}: {message}", code.word());
    let verdict = Verdict::HandedBack { reason: HandBack::CannotRun, message };
    Input::Task(key, TaskInput::Stop(verdict))
}

/// Asks the owner about an image when a preparation was refused for want of an answer; says whether it was.
pub(super) async fn asked_about(shared: &Shared, rules: &ImageRules, error: &EngineError) -> bool {
    let Some(image) = error.image.as_ref().filter(|image| rules.decide(image) == Decision::Ask) else {
        return false;
    };
    shared.tell(Input::ImageAsked(image.clone())).await;
    true
}

/// Uses up a one-time answer; false when another task was faster.
pub(super) async fn used_once(shared: &Shared, rules: &ImageRules, prepared: &Prepared) -> bool {
    if rules.lasting(&prepared.image) != Decision::Ask {
        return true;
    }
    let taken = lock(&shared.once_images).remove(repository(&prepared.image));
    let found = capabilities(shared).await;
    shared.tell(Input::Limits(limits(shared, &found))).await;
    taken
}

/// Tells the loop what is pulled while `work` goes on.
pub(super) async fn told_pulls<T>(shared: &Shared, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let mut told = Vec::new();
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            () = tokio::time::sleep(PULL_LOOK) => {
                let pulls = shared.ports.engine.pulls();
                if pulls != told {
                    told.clone_from(&pulls);
                    shared.tell(Input::Pulling(pulls)).await;
                }
            }
        }
    };
    if !told.is_empty() {
        shared.tell(Input::Pulling(shared.ports.engine.pulls())).await;
    }
    outcome
}

/// What each preset would lend here, under the limits that no preset changes.
pub(super) async fn preset_offers(shared: &Shared) -> Vec<PresetOffer> {
    let host = capabilities(shared).await;
    let offer = |preset: &Preset| {
        let mut settings = Settings::clone(&shared.ports.settings.current());
        for (key, value) in preset.values {
            // As if it stood in the strongest place: what is asked is what the preset means.
            let _ = settings.apply(key, value, Source::Flag);
        }
        let rules = settings.rules(shared.ports.zone.present());
        let cpu = |share: Share| share.cpu_millis(host.cpu_cores).min(settings.cpu_millis("max_cpu_cores"));
        let memory = |share: Share| {
            let part = host.memory_bytes / 100 * u64::from(share.memory_percent.min(100));
            part.min(settings.bytes("max_memory_limit"))
        };
        PresetOffer {
            name: preset.name.to_owned(),
            away_cpu_millis: cpu(rules.away),
            away_memory_bytes: memory(rules.away),
            in_use_cpu_millis: cpu(rules.in_use),
            in_use_memory_bytes: memory(rules.in_use),
            idle_minutes: u32::try_from(settings.integer("idle_minutes")).unwrap_or(u32::MAX),
        }
    };
    preset::PRESETS.iter().map(offer).collect()
}
