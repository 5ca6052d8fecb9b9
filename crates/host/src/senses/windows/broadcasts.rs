//! What Windows tells every window: sleep, waking up, the end of the session, a clock that was set.

use super::super::Teller;
use super::session::idle;
use hivemind_domain::rules::{Sensed, Signal};
use std::time::Duration;
use windows_window::Window;
use winsafe::{HWND, co};

/// Title of the window; the number of this process follows.
const NAME: &str = "HiveMind Worker senses";
/// Nobody is held up for longer than this. Windows itself waits for about 2 s before sleep, and for 5 s at the end.
const HOLD: Duration = Duration::from_secs(3);
/// How often it is looked whether anybody listens still, in milliseconds.
const LISTENED: u32 = 2000;
const TIMER: usize = 1;

const POWER: u32 = co::WM::POWERBROADCAST.raw();
const END: u32 = co::WM::ENDSESSION.raw();
const CLOCK: u32 = co::WM::TIMECHANGE.raw();
const TICK: u32 = co::WM::TIMER.raw();
const SUSPEND: usize = co::PBT::APMSUSPEND.raw() as usize;
/// The last one is `PBT_APMRESUMECRITICAL`.
const RESUMED: [usize; 3] =
    [co::PBT::APMRESUMEAUTOMATIC.raw() as usize, co::PBT::APMRESUMESUSPEND.raw() as usize, 6];

/// Runs the window until nobody listens any more; on a thread of its own.
pub(in super::super) fn watch(mut teller: Teller) {
    let title = format!("{NAME} {}", std::process::id());
    let made = Window::new(&title)
        .size(0, 0)
        .style(co::WS::POPUP.raw())
        .ex_style((co::WS_EX::TOOLWINDOW | co::WS_EX::NOACTIVATE).raw())
        .on_message(move |_, message, wparam, _| hear(&mut teller, message, wparam))
        .create();
    match made {
        Ok(_window) => {
            settle(&title);
            windows_window::run();
        }
        Err(error) => tracing::warn!(%error, "sleep and the end of the session are not noticed"),
    }
}

/// Hides the window, which the wrapper shows, and has it look after its listener.
fn settle(title: &str) {
    let found = HWND::FindWindow(None, Some(title)).ok().flatten();
    let Some(window) = found else {
        tracing::warn!("the window of the sensors is not found: it stays until this process ends");
        return;
    };
    window.ShowWindow(co::SW::HIDE);
    if let Err(error) = window.SetTimer(TIMER, LISTENED, None) {
        tracing::debug!(%error, "the window of the sensors stays until this process ends");
    }
}

/// What follows from a message, with the answer to it; nothing for what Windows itself handles.
fn hear(teller: &mut Teller, message: u32, wparam: usize) -> Option<isize> {
    match (message, wparam) {
        (POWER, SUSPEND) => going_down(teller),
        (POWER, event) if RESUMED.contains(&event) => staying(teller),
        // The question before it is left to Windows, which grants it: tasks are frozen once the end is certain.
        (END, 0) => staying(teller),
        (END, _) => going_down(teller),
        // Hours are decided upon with the next news: so there is some.
        (CLOCK, _) => {
            teller.tell_from_thread(idle());
        }
        (TICK, TIMER) if !teller.is_heard() => windows_window::quit(),
        _ => return None,
    }
    // Whatever a message about power asks is granted by 1; for the others it means nothing.
    Some(isize::from(message == POWER))
}

/// Lets Windows wait for what follows.
fn going_down(teller: &mut Teller) {
    teller.tell_and_wait_from_thread(Sensed::Suspending(Signal::Value(true)), HOLD);
}

fn staying(teller: &mut Teller) {
    if teller.knows() {
        teller.tell_from_thread(Sensed::Suspending(Signal::Value(false)));
    }
}
