//! What Windows tells every window: sleep, waking up, the end of the session, a clock that was set.

use super::super::Teller;
use super::session::idle;
use hivemind_domain::rules::{Sensed, Signal};
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;
use winsafe::gui::{WindowMain, WindowMainOpts};
use winsafe::prelude::*;
use winsafe::{co, gui};

/// Class and title of the window, which nobody sees.
const NAME: &str = "HiveMind Worker senses";
/// Nobody is held up for longer than this. Windows itself waits for about 2 s before sleep, and for 5 s at the end.
const HOLD: Duration = Duration::from_secs(3);
/// How often it is looked whether anybody listens still, in milliseconds.
const LISTENED: u32 = 2000;
const TIMER: usize = 1;
/// `PBT_APMRESUMECRITICAL`, which older systems tell.
const RESUME_CRITICAL: usize = 6;

/// Runs the window until nobody listens any more; on a thread of its own.
pub(in super::super) fn watch(teller: Teller) {
    let window = WindowMain::new(WindowMainOpts {
        class_name: NAME,
        class_bg_brush: gui::Brush::None,
        title: NAME,
        size: (0, 0),
        style: co::WS::POPUP,
        ex_style: co::WS_EX::TOOLWINDOW | co::WS_EX::NOACTIVATE,
        process_dlg_msgs: false,
        ..WindowMainOpts::default()
    });
    let teller = Rc::new(RefCell::new(teller));
    follow(&window, &teller);
    end_when_unheard(&window, &teller);
    // The wrapper panics where Windows refuses it a window.
    match std::panic::catch_unwind(AssertUnwindSafe(|| window.run_main(Some(co::SW::HIDE)))) {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "sleep and the end of the session are not noticed"),
        Err(_) => tracing::warn!("there is no window: sleep and the end of the session are not noticed"),
    }
}

/// What is told about which message.
fn follow(window: &WindowMain, teller: &Rc<RefCell<Teller>>) {
    let shared = Rc::clone(teller);
    window.on().wm(co::WM::POWERBROADCAST, move |message| {
        let is = |event: co::PBT| usize::try_from(event.raw()).is_ok_and(|raw| raw == message.wparam);
        if is(co::PBT::APMSUSPEND) {
            hold_up(&shared, true);
        } else if is(co::PBT::APMRESUMEAUTOMATIC)
            || is(co::PBT::APMRESUMESUSPEND)
            || message.wparam == RESUME_CRITICAL
        {
            hold_up(&shared, false);
        }
        // Whatever it asks is granted.
        Ok(1)
    });
    // `WM_QUERYENDSESSION` is left to Windows, which grants it: tasks are frozen once the end is certain.
    let shared = Rc::clone(teller);
    window.on().wm(co::WM::ENDSESSION, move |message| {
        hold_up(&shared, message.wparam != 0);
        Ok(0)
    });
    // Hours are decided upon with the next news: so there is some.
    let shared = Rc::clone(teller);
    window.on().wm(co::WM::TIMECHANGE, move |_| {
        if let Ok(mut teller) = shared.try_borrow_mut() {
            teller.tell_from_thread(idle());
        }
        Ok(0)
    });
}

/// Tells that the computer goes down, and lets Windows wait for what follows; or that it does not.
fn hold_up(teller: &Rc<RefCell<Teller>>, going_down: bool) {
    let Ok(mut teller) = teller.try_borrow_mut() else { return };
    let sensed = Sensed::Suspending(Signal::Value(going_down));
    if going_down {
        teller.tell_and_wait_from_thread(sensed, HOLD);
    } else if teller.knows() {
        teller.tell_from_thread(sensed);
    }
}

fn end_when_unheard(window: &WindowMain, teller: &Rc<RefCell<Teller>>) {
    let own = window.clone();
    window.on().wm_create(move |_| {
        own.hwnd().SetTimer(TIMER, LISTENED, None)?;
        Ok(0)
    });
    let (own, shared) = (window.clone(), Rc::clone(teller));
    window.on().wm_timer(TIMER, move || {
        if shared.try_borrow().is_ok_and(|teller| !teller.is_heard()) {
            own.close();
        }
        Ok(())
    });
}
