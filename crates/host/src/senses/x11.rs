//! The X server: time without input, and whether the active window has the full screen.

use super::Teller;
use hivemind_domain::rules::{Sensed, Signal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use std::time::Duration;
use x11rb::connection::Connection as _;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::Event;
use x11rb::protocol::screensaver::ConnectionExt as _;
use x11rb::protocol::sync::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, Window,
};
use x11rb::rust_connection::RustConnection;

/// Pause before a server that went away is looked for again.
const AGAIN: Duration = Duration::from_secs(15);
/// How often the time without input is read although the server tells of every return.
const SELDOM: Duration = Duration::from_secs(30);
/// How often where it does not tell.
const OFTEN: Duration = Duration::from_secs(1);
/// A return is told after this long without input.
const RETURN_AFTER_MS: u32 = 1500;
/// Words of a window's state that are read.
const MOST_STATES: u32 = 64;

/// Runs until nobody listens.
pub(super) fn watch(display: &str, mut teller: Teller) {
    loop {
        let listened = match Server::open(display) {
            Ok(mut server) => match server.follow(&mut teller) {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(%error, "the X server is gone");
                    true
                }
            },
            Err(error) => {
                tracing::debug!(%error, "the X server cannot be asked");
                true
            }
        };
        // It is named in the environment and does not answer: it exists and cannot be read.
        let heard = teller.tell_from_thread(Sensed::Idle(Signal::Unreadable))
            && teller.tell_from_thread(Sensed::FullScreen(Signal::Absent));
        if !(listened && heard) {
            return;
        }
        std::thread::sleep(AGAIN);
    }
}

struct Server {
    connection: RustConnection,
    root: Window,
    active_window: Atom,
    state: Atom,
    full_screen: Atom,
    alarm: Option<sync::Alarm>,
    /// The window whose state is watched.
    active: Window,
}

impl Server {
    fn open(display: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let (connection, screen) = x11rb::connect(Some(display))?;
        let root = connection.setup().roots.get(screen).ok_or("the X server has no screen")?.root;
        let atom = |name: &str| -> Result<Atom, ReplyOrIdError> {
            Ok(connection.intern_atom(false, name.as_bytes())?.reply()?.atom)
        };
        let active_window = atom("_NET_ACTIVE_WINDOW")?;
        let (state, full_screen) = (atom("_NET_WM_STATE")?, atom("_NET_WM_STATE_FULLSCREEN")?);
        let watch = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection.change_window_attributes(root, &watch)?.check()?;
        let alarm = alarm(&connection).unwrap_or_else(|error| {
            tracing::debug!(%error, "the X server does not tell when somebody comes back");
            None
        });
        Ok(Self { connection, root, active_window, state, full_screen, alarm, active: x11rb::NONE })
    }

    /// Returns when nobody listens; an error means that the server is gone.
    fn follow(&mut self, teller: &mut Teller) -> Result<(), Box<dyn std::error::Error>> {
        let mut look_at_screen = true;
        loop {
            let idle = self.idle()?;
            if !teller.tell_from_thread(Sensed::Idle(Signal::Value(idle))) {
                return Ok(());
            }
            if look_at_screen {
                let full = self.is_full_screen()?;
                if !teller.tell_from_thread(Sensed::FullScreen(Signal::Value(full))) {
                    return Ok(());
                }
            }
            look_at_screen = self.wait()?;
        }
    }

    /// Waits for an event or the time of the next look; says whether windows changed.
    fn wait(&mut self) -> Result<bool, Box<dyn std::error::Error>> {
        self.connection.flush()?;
        let patience = if self.alarm.is_some() { SELDOM } else { OFTEN };
        let mut windows = false;
        let mut event = self.connection.poll_for_event()?;
        if event.is_none() {
            let wait = Timespec { tv_sec: i64::try_from(patience.as_secs())?, tv_nsec: 0 };
            let mut watched = [PollFd::new(self.connection.stream(), PollFlags::IN)];
            match poll(&mut watched, Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            event = self.connection.poll_for_event()?;
        }
        while let Some(happened) = event {
            if let Event::PropertyNotify(notify) = &happened {
                windows |= notify.atom == self.active_window || notify.atom == self.state;
            } else if let Event::SyncAlarmNotify(notify) = &happened {
                // Some servers set an alarm anew only when it is touched.
                self.connection.sync_change_alarm(notify.alarm, &sync::ChangeAlarmAux::new())?;
            } else if matches!(&happened, Event::DestroyNotify(gone) if gone.window == self.active) {
                // Some window managers go on naming it, and the next window may get its number.
                self.active = x11rb::NONE;
                windows = true;
            } else {
                // An error is about a window that was closed meanwhile.
                windows |= matches!(happened, Event::Error(_));
            }
            event = self.connection.poll_for_event()?;
        }
        Ok(windows)
    }

    fn idle(&self) -> Result<Duration, ReplyOrIdError> {
        let info = self.connection.screensaver_query_info(self.root)?.reply()?;
        Ok(Duration::from_millis(u64::from(info.ms_since_user_input)))
    }

    /// Whether the active window is shown on the full screen; from now on its state is watched.
    fn is_full_screen(&mut self) -> Result<bool, ReplyOrIdError> {
        let property = (self.root, self.active_window, AtomEnum::WINDOW.into());
        let active = self.numbers(property, 1)?.first().copied().unwrap_or(x11rb::NONE);
        if active == x11rb::NONE {
            self.active = active;
            return Ok(false);
        }
        if active != self.active {
            let watch = ChangeWindowAttributesAux::new()
                .event_mask(EventMask::PROPERTY_CHANGE | EventMask::STRUCTURE_NOTIFY);
            // It may be closed already; then it has not the full screen.
            if self.connection.change_window_attributes(active, &watch)?.check().is_err() {
                return Ok(false);
            }
            self.active = active;
        }
        let states = self.numbers((active, self.state, AtomEnum::ATOM.into()), MOST_STATES)?;
        Ok(states.contains(&self.full_screen))
    }

    /// A property's numbers; none where there is no such property or window.
    fn numbers(
        &self,
        (window, name, kind): (Window, Atom, Atom),
        most: u32,
    ) -> Result<Vec<u32>, ReplyOrIdError> {
        let reply = self.connection.get_property(false, window, name, kind, 0, most)?.reply();
        match reply {
            Ok(found) => Ok(found.value32().map(Iterator::collect).unwrap_or_default()),
            Err(x11rb::errors::ReplyError::X11Error(_)) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Lets the server tell when there is input after a while without.
fn alarm(connection: &RustConnection) -> Result<Option<sync::Alarm>, ReplyOrIdError> {
    connection.sync_initialize(3, 1)?.reply()?;
    let counters = connection.sync_list_system_counters()?.reply()?.counters;
    let Some(idle) = counters.iter().find(|counter| counter.name == b"IDLETIME") else { return Ok(None) };
    let id = connection.generate_id()?;
    let aux = sync::CreateAlarmAux::new()
        .counter(idle.counter)
        .value_type(sync::VALUETYPE::ABSOLUTE)
        .value(sync::Int64 { hi: 0, lo: RETURN_AFTER_MS })
        .test_type(sync::TESTTYPE::NEGATIVE_TRANSITION)
        .delta(sync::Int64 { hi: 0, lo: 0 })
        .events(1);
    connection.sync_create_alarm(id, &aux)?.check()?;
    Ok(Some(id))
}
