//! The sensors of Windows under Wine, which is no Windows: it shows that the code runs, asks what it means to ask, and
//! understands the answers.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests count as tests")]

mod prefix;

use prefix::Wine;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

const POWER_BROADCAST: u32 = 0x218;
const SUSPEND: u32 = 4;
const RESUME_AUTOMATIC: u32 = 0x12;
const RESUME_SUSPEND: u32 = 7;
const QUERY_END_SESSION: u32 = 0x11;
const END_SESSION: u32 = 0x16;
const TIME_CHANGE: u32 = 0x1e;

fn is(expected: bool) -> impl Fn(&Value) -> bool {
    move |told| *told == Value::Bool(expected)
}

#[test]
fn an_idle_computer_is_told_as_one() {
    let Some(wine) = Wine::find("an_idle_computer_is_told_as_one") else { return };
    let watched = wine.watch(11, &["--awake", "--app", "no-such-game"]);
    for sensor in ["locked", "remote_session", "full_screen", "exclusive_app"] {
        watched.waits_for(sensor, is(false));
    }
    assert!(watched.told("disk_free").first().unwrap().1.as_u64().unwrap() > 1 << 20);
    // Wine has no battery, and knows nothing of costs.
    for absent in ["on_battery", "metered"] {
        watched.waits_for(absent, Value::is_null);
    }
    std::thread::sleep(Duration::from_secs(9));
    let idle = watched.told("idle_seconds");
    assert!(idle.len() >= 3, "{idle:?}");
    for pair in idle.windows(2) {
        let ((before, earlier), (after, later)) = (&pair[0], &pair[1]);
        let (passed, counted) = (*after - *before, later.as_f64().unwrap() - earlier.as_f64().unwrap());
        assert!(passed < Duration::from_secs(5), "stale: {idle:?}");
        assert!((passed.as_secs_f64() - counted).abs() < 1.0, "{idle:?}");
    }
    assert!(watched.told("cpu_celsius").is_empty() && watched.told("suspending").is_empty());
    let said = watched.ends();
    assert!(said.contains("the computer is kept awake"), "{said}");
    assert!(!said.contains("WARN") && !said.contains("panicked"), "{said}");
}

#[test]
fn the_owners_input_films_and_games_are_noticed() {
    let Some(wine) = Wine::find("the_owners_input_films_and_games_are_noticed") else { return };
    let watched = wine.watch(50, &["--app", "Desk"]);
    wine.desk(&["key"]);
    let pressed = Instant::now();
    let heard = watched.waits_for("idle_seconds", |told| told.as_f64().is_some_and(|idle| idle < 0.5));
    assert!(heard < pressed + Duration::from_secs(1), "{:?}", heard - pressed);

    wine.desk(&["window", "1"]);
    watched.waits_for("exclusive_app", is(false));
    watched.waits_for("full_screen", is(false));
    assert_eq!(watched.told("full_screen").len(), 1, "a window that covers a part is none");
    let mut film = wine.start(&["desk.exe", "full", "5"]);
    watched.waits_for("full_screen", is(true));
    watched.waits_for("exclusive_app", is(true));
    film.wait().unwrap();
    watched.waits_for("full_screen", is(false));
    watched.waits_for("exclusive_app", is(false));
}

#[test]
fn windows_waits_for_the_worker_before_sleep_and_at_the_end_of_the_session() {
    let Some(wine) = Wine::find("windows_waits_for_the_worker_before_sleep_and_at_the_end_of_the_session")
    else {
        return;
    };
    let watched = wine.watch(50, &["--hold", "700"]);
    let waited = 700..2800;
    for (woken_by, again) in [(RESUME_AUTOMATIC, RESUME_SUSPEND), (RESUME_SUSPEND, RESUME_AUTOMATIC)] {
        let (took, granted) = wine.tell(POWER_BROADCAST, SUSPEND);
        assert!(waited.contains(&took) && granted == 1, "{took} ms, {granted}");
        watched.waits_for("suspending", is(true));
        assert!(wine.tell(POWER_BROADCAST, woken_by).0 < 500);
        watched.waits_for("suspending", is(false));
        wine.tell(POWER_BROADCAST, again);
    }
    // Asked whether the session may end, nothing is frozen yet; when it ends, Windows waits.
    assert_eq!(wine.tell(QUERY_END_SESSION, 0).1, 1);
    assert_eq!(watched.told("suspending").last().unwrap().1, Value::Bool(false));
    let (took, _) = wine.tell(END_SESSION, 1);
    assert!(waited.contains(&took), "{took} ms");
    watched.waits_for("suspending", is(true));
    wine.tell(END_SESSION, 0);
    watched.waits_for("suspending", is(false));
    assert_eq!(watched.told("suspending").len(), 6, "each thing is told once");
}

#[test]
fn windows_is_held_up_for_three_seconds_and_no_longer() {
    let Some(wine) = Wine::find("windows_is_held_up_for_three_seconds_and_no_longer") else { return };
    let watched = wine.watch(40, &["--hold", "15000"]);
    let (took, _) = wine.tell(POWER_BROADCAST, SUSPEND);
    assert!((2900..4500).contains(&took), "{took} ms");
    watched.waits_for("suspending", is(true));
}

#[test]
fn a_clock_that_was_set_is_news_at_once() {
    let Some(wine) = Wine::find("a_clock_that_was_set_is_news_at_once") else { return };
    let watched = wine.watch(40, &[]);
    // The time without input is told every few seconds anyway: four times in a row that is no chance.
    for _ in 0..4 {
        let before = watched.told("idle_seconds").len();
        let set = Instant::now();
        wine.tell(TIME_CHANGE, 0);
        while watched.told("idle_seconds").len() == before {
            assert!(set.elapsed() < Duration::from_millis(800), "nothing is told at once");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
