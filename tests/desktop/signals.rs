//! What a computer notices and what its owner is told of it: services of a desktop that are not ours, a real window manager,
//! a real program on the full screen; and the same sentence in the tray, at the command line and on the page.

use crate::mocks::{IdleService, SystemServices};
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::PASSWORD;
use crate::screen::{F11, move_mouse, press};
use crate::stage::{Owned, SIGNALS, SIGNALS_X11, Stage};
use crate::voices::{Voices, When};
use crate::worker::Worker;
use std::process::Stdio;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What everything must have been quiet for before work goes on.
const CALM: Duration = Duration::from_secs(60);
/// A game, by its name.
const GAME: &str = "a-game-of-tests";

/// A worker that is signed in, gives way wholly to whoever is there, and whom the voices speak of.
async fn worker<'a>(
    stage: &'a Stage,
    pool: &Pool,
    voices: &Voices,
    more: &[(&'static str, String)],
) -> Worker<'a> {
    let works = pool.person("works").await;
    let worker = stage.worker_with(&pool.master(), &["run", "--tray"], more).await;
    for (key, value) in [("in_use_cpu_percent", "0"), ("idle_minutes", "1"), ("exclusive_apps", GAME)] {
        worker.call(&["settings", "set", key, value]).await.ok();
    }
    worker.sign_in(&works.name, PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    voices.listen_to(&worker, 0).await;
    worker
}

/// Starts it again: what was sensed before is forgotten.
async fn again(worker: &mut Worker<'_>, voices: &Voices) {
    let icons = voices.icons();
    worker.end().await;
    worker.start().await;
    voices.listen_to(worker, icons).await;
}

/// Work goes on a minute after `since`, and not before.
async fn ready_after_calm(worker: &Worker<'_>, voices: &Voices, since: Instant) {
    until("work goes on", CALM + LONG, async || {
        (worker.snapshot().await["status"]["state"] == "ready").then_some(())
    })
    .await;
    let calm = since.elapsed();
    assert!(calm >= CALM, "work went on after {calm:?}");
    voices.tell_ready(worker).await;
}

/// A program of somebody else's with a window on the stage's display, which it fills.
fn full_screen_program(stage: &Stage) -> Owned {
    let mut browser = stage.command("chromium");
    let home = stage.scene.path("desktop-home");
    browser
        .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--start-fullscreen"])
        .arg(format!("--user-data-dir={}", home.join("full-screen").display()))
        .arg("about:blank")
        .env("TMPDIR", &home)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Owned::start(&mut browser)
}

/// The gravest come last: each is told while those before it have to stay calm still.
#[tokio::test]
async fn every_signal_of_an_x11_desktop_is_told_in_the_same_words_everywhere() {
    let name = "every_signal_of_an_x11_desktop_is_told_in_the_same_words_everywhere";
    let Some(stage) = Stage::open(name, SIGNALS_X11).await else { return };
    let services = SystemServices::start(&stage).await;
    let manager = Owned::start(stage.command("openbox").stderr(Stdio::null()));
    let pool = Pool::open(&stage.scene).await;
    let voices = Voices::open(&stage).await;
    let session = services.here("x11").await;
    let touched = Instant::now();
    move_mouse(stage.display());
    let mut worker = worker(&stage, &pool, &voices, &[services.variable()]).await;
    voices.tell(&worker, "in_use", When::Either).await;
    ready_after_calm(&worker, &voices, touched).await;

    // Input while the screen is locked is nobody's.
    session.lock(true).await;
    sleep(Duration::from_secs(1)).await;
    move_mouse(stage.display());
    sleep(Duration::from_secs(2)).await;
    voices.tell_ready(&worker).await;
    services.metered(true).await;
    voices.tell(&worker, "metered", When::Now).await;
    services.metered(false).await;
    voices.tell(&worker, "metered", When::Calming).await;
    // Unlocked, it is somebody's.
    move_mouse(stage.display());
    session.lock(false).await;
    voices.tell(&worker, "in_use", When::Either).await;

    let program = full_screen_program(&stage);
    voices.tell(&worker, "full_screen", When::Now).await;
    press(stage.display(), F11);
    voices.tell(&worker, "full_screen", When::Calming).await;
    press(stage.display(), F11);
    voices.tell(&worker, "full_screen", When::Now).await;
    // Its window goes with it; the next one has the same number.
    drop(program);
    voices.tell(&worker, "full_screen", When::Calming).await;
    let program = full_screen_program(&stage);
    voices.tell(&worker, "full_screen", When::Now).await;
    press(stage.display(), F11);
    voices.tell(&worker, "full_screen", When::Calming).await;
    drop(program);

    let game = stage.scene.path(GAME);
    std::fs::copy("/bin/sleep", &game).expect("a game");
    let game = Owned::start(stage.command(&game).arg("600"));
    voices.tell(&worker, "exclusive_app", When::Now).await;
    drop(game);
    voices.tell(&worker, "exclusive_app", When::Calming).await;

    services.on_battery(true).await;
    voices.tell(&worker, "on_battery", When::Now).await;
    services.on_battery(false).await;
    voices.tell(&worker, "on_battery", When::Calming).await;

    services.sleep(true).await;
    voices.tell(&worker, "suspending", When::Now).await;
    services.sleep(false).await;
    // It is awake, and goes on with what is there.
    services.on_battery(true).await;
    voices.tell(&worker, "on_battery", When::Now).await;

    voices.end().await;
    worker.end().await;
    drop((pool, manager, services));
    stage.close().await;
}

/// On Wayland X tells nothing of other programs' windows and input: the session's own services do.
#[tokio::test]
async fn use_without_x11_and_from_afar_is_told_in_the_same_words_everywhere() {
    let name = "use_without_x11_and_from_afar_is_told_in_the_same_words_everywhere";
    let Some(stage) = Stage::open(name, SIGNALS).await else { return };
    let services = SystemServices::start(&stage).await;
    let pool = Pool::open(&stage.scene).await;
    let voices = Voices::open(&stage).await;
    let session = services.here("wayland").await;
    let screen_saver = IdleService::screen_saver(&stage).await;
    let wayland = ("XDG_SESSION_TYPE", "wayland".to_owned());
    let mut worker = worker(&stage, &pool, &voices, &[services.variable(), wayland]).await;
    voices.tell_ready(&worker).await;
    screen_saver.touch().await;
    voices.tell(&worker, "in_use", When::Either).await;
    drop(screen_saver);

    let mutter = IdleService::mutter(&stage).await;
    again(&mut worker, &voices).await;
    voices.tell_ready(&worker).await;
    mutter.touch().await;
    voices.tell(&worker, "in_use", When::Either).await;
    drop(mutter);

    // Without either, logind knows whether somebody is there, and how.
    session.rest(true).await;
    again(&mut worker, &voices).await;
    voices.tell_ready(&worker).await;
    session.rest(false).await;
    voices.tell(&worker, "in_use", When::Either).await;
    session.rest(true).await;
    again(&mut worker, &voices).await;
    voices.tell_ready(&worker).await;
    let from_afar = services.afar().await;
    voices.tell(&worker, "in_use", When::Now).await;
    from_afar.rest(true).await;
    voices.tell(&worker, "in_use", When::Calming).await;

    services.on_battery(true).await;
    voices.tell(&worker, "on_battery", When::Now).await;
    let plugged_in = Instant::now();
    services.on_battery(false).await;
    voices.tell(&worker, "on_battery", When::Calming).await;
    ready_after_calm(&worker, &voices, plugged_in).await;

    voices.end().await;
    worker.end().await;
    drop((pool, services));
    stage.close().await;
}
