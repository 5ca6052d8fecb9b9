//! Named places at which a test lets the whole program die, as if it had been killed exactly there.
//!
//! Debug builds only: a release has neither the list nor a look at the environment. `HIVEMIND_FAILPOINT=name` ends the
//! process when the place is reached first, `name:3` when it is reached for the third time. It ends by `abort`: no
//! destructor runs and nothing is flushed, which for disk, engine and pool is the same as SIGKILL. `name!` panics there
//! instead, as a mistake of ours would, and a program that begins anew after it is left alone; `name!!` panics in every
//! life.

/// Variable that names the place.
pub const VARIABLE: &str = "HIVEMIND_FAILPOINT";

/// Every place, by name.
pub const ALL: &[&str] = &[
    "recovery.restored",
    "recovery.containers",
    "journal.preparing.before",
    "journal.preparing.after",
    "journal.running.before",
    "journal.running.after",
    "journal.uploading.before",
    "journal.uploading.after",
    "journal.settled.before",
    "journal.settled.after",
    "journal.handed_back.before",
    "journal.handed_back.after",
    "journal.lease_lost.before",
    "journal.lease_lost.after",
    "journal.wish.before",
    "journal.wish.after",
    "fetch.before",
    "fetch.whole",
    "fetch.renamed",
    "fetch.after",
    "prepare.recorded",
    "prepare.before",
    "engine.created",
    "engine.filled",
    "prepare.after",
    "run.before",
    "run.started",
    "lines.before",
    "lines.after",
    "run.exited",
    "halt.before",
    "halt.after",
    "collect.before",
    "outputs.spooled",
    "outputs.written",
    "outputs.renamed",
    "collect.after",
    "submit.before",
    "submit.sent",
    "submit.after",
    "hand_back.before",
    "hand_back.after",
    "container.before_removal",
    "container.removed",
    "files.before_removal",
    "files.half_removed",
    "files.removed",
    "replace.written",
    "replace.renamed",
];

/// Ends the process if this is the named place.
#[cfg(debug_assertions)]
pub fn reach(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, u32, bool)>> = OnceLock::new();
    static REACHED: AtomicU32 = AtomicU32::new(0);

    debug_assert!(ALL.contains(&name), "{name} is not in the list of failpoints");
    let wanted = WANTED.get_or_init(|| {
        let said = std::env::var(VARIABLE).ok()?;
        let (place, panics) = (said.trim_end_matches('!'), said.ends_with('!'));
        let (name, nth) = place.split_once(':').unwrap_or((place, "1"));
        Some((name.to_owned(), nth.parse().ok()?, panics))
    });
    if let Some((wanted, nth, panics)) = wanted
        && wanted == name
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        if *panics {
            fall(name);
        }
        std::process::abort();
    }
}

#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "a test asked for it")]
fn fall(name: &str) -> ! {
    panic!("failpoint {name}")
}

/// What begins anew after a panic meets it once, unless it was to meet it in every life.
#[cfg(debug_assertions)]
pub fn leave(next: &mut std::process::Command) {
    if !std::env::var(VARIABLE).is_ok_and(|said| said.ends_with("!!")) {
        next.env_remove(VARIABLE);
    }
}

/// Nothing, in a release.
#[cfg(not(debug_assertions))]
pub const fn leave(_next: &mut std::process::Command) {}

/// Nothing, in a release.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn reach(_name: &'static str) {}
