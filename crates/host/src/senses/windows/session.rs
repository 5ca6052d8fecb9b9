//! Input, lock, use from afar, full screen, battery and metered networks, as Windows tells them.
//!
//! All of it is looked at: what would push it needs code that nobody vouches for.

use super::super::Teller;
use super::interactive;
use crate::SystemClock;
use hivemind_domain::rules::{Sensed, Signal};
use hivemind_domain::time::Mono;
use hivemind_worker_core::port::Clock;
use std::time::Duration;
use windows::Networking::Connectivity::{NetworkCostType, NetworkInformation};
use windows::System::Power::{BatteryStatus, PowerManager, PowerSupplyStatus};
use winsafe::{GetLastInputInfo, GetSystemMetrics, GetTickCount64, HDESK, HWND, co};

/// How often input, lock and full screen are looked at: an owner who comes back is noticed within this.
const LOOK: Duration = Duration::from_millis(250);
/// How often battery and network are looked at, in looks.
const SELDOM: u32 = 8;
/// The time without input is told anew after this: it is stale after 5 s.
const AGAIN: Duration = Duration::from_secs(4);
/// The answer for a part of Windows that this one does not have.
const CLASS_MISSING: i32 = 0x8004_0154_u32.cast_signed();
/// Windows of the desktop itself cover the whole screen and are no full screen.
const DESKTOP: [&str; 4] = ["#32769", "Progman", "WorkerW", "Shell_TrayWnd"];

/// Looks until nobody listens any more; on a thread of its own.
pub(in super::super) fn watch(mut teller: Teller) {
    let owned = interactive();
    let mut idle = Idle::default();
    for look in 0_u32.. {
        let mut news = Vec::new();
        if owned {
            news.push(Sensed::Locked(locked()));
            news.push(Sensed::RemoteSession(Signal::Value(GetSystemMetrics(co::SM::REMOTESESSION) != 0)));
            news.push(Sensed::FullScreen(full_screen()));
            news.extend(idle.look(SystemClock.now().mono));
        } else if look == 0 {
            // Nobody is at a session of services: its input, lock and windows say nothing of the owner.
            news.push(Sensed::Locked(Signal::Absent));
            news.push(Sensed::FullScreen(Signal::Absent));
            news.push(Sensed::Idle(Signal::Absent));
        }
        if look % SELDOM == 0 {
            news.push(Sensed::OnBattery(on_battery()));
            news.push(Sensed::Metered(metered()));
        }
        for sensed in news {
            if !teller.tell_from_thread(sensed) {
                return;
            }
        }
        if !teller.is_heard() {
            return;
        }
        std::thread::sleep(LOOK);
    }
}

/// The time without input, as far as it is news.
#[derive(Debug, Default)]
struct Idle {
    last_input: Option<u32>,
    told: Option<Mono>,
}

impl Idle {
    /// Input is news, and a time that was told a while ago; between them the worker itself counts on.
    fn look(&mut self, now: Mono) -> Option<Sensed> {
        let old = self.told.is_none_or(|told| now.since(told) >= AGAIN);
        let input = GetLastInputInfo().ok().map(|info| info.dwTime);
        if !old && input.is_some() && input == self.last_input {
            return None;
        }
        (self.last_input, self.told) = (input, Some(now));
        Some(Sensed::Idle(input.map_or(Signal::Unreadable, |tick| Signal::Value(since(tick)))))
    }
}

/// The time without input as it is now; absent without a session.
pub(super) fn idle() -> Sensed {
    if !interactive() {
        return Sensed::Idle(Signal::Absent);
    }
    Sensed::Idle(GetLastInputInfo().map_or(Signal::Unreadable, |info| Signal::Value(since(info.dwTime))))
}

/// Time since a moment of the clock of 32 bits, which begins anew every 49.7 days.
fn since(tick: u32) -> Duration {
    let now = u32::try_from(GetTickCount64() & u64::from(u32::MAX)).unwrap_or_default();
    Duration::from_millis(u64::from(now.wrapping_sub(tick)))
}

/// Whether somebody else's desktop has the input: the lock screen, or the question of an administrator.
fn locked() -> Signal<bool> {
    match HDESK::OpenInputDesktop(None, false, co::DESKTOP_RIGHTS::READOBJECTS) {
        Ok(_desktop) => Signal::Value(false),
        Err(co::ERROR::ACCESS_DENIED) => Signal::Value(true),
        Err(_) => Signal::Unreadable,
    }
}

/// Whether the window in front covers the whole of its screen.
fn full_screen() -> Signal<bool> {
    // Without a window in front there is none.
    let Some(window) = HWND::GetForegroundWindow() else { return Signal::Value(false) };
    if window.GetClassName().is_ok_and(|class| DESKTOP.contains(&class.as_str())) {
        return Signal::Value(false);
    }
    let screen = window.MonitorFromWindow(co::MONITOR::DEFAULTTONEAREST).GetMonitorInfo();
    match (window.GetWindowRect(), screen) {
        (Ok(own), Ok(screen)) => {
            let whole = screen.rcMonitor;
            Signal::Value(
                own.left <= whole.left
                    && own.top <= whole.top
                    && own.right >= whole.right
                    && own.bottom >= whole.bottom,
            )
        }
        // It was closed just now.
        (Err(_), _) | (_, Err(_)) => Signal::Value(false),
    }
}

fn on_battery() -> Signal<bool> {
    match PowerManager::BatteryStatus() {
        Ok(BatteryStatus::NotPresent) => Signal::Absent,
        Ok(_) => {
            told(PowerManager::PowerSupplyStatus().map(|supply| supply == PowerSupplyStatus::NotPresent))
        }
        Err(error) => told(Err(error)),
    }
}

fn metered() -> Signal<bool> {
    // Wine 8 ends a program that asks for this.
    if std::env::var_os("WINECONFIGDIR").is_some() {
        return Signal::Absent;
    }
    // Without a connection nothing is metered.
    let Ok(profile) = NetworkInformation::GetInternetConnectionProfile() else { return Signal::Absent };
    let kind = profile.GetConnectionCost().and_then(|cost| Ok((cost.NetworkCostType()?, cost.Roaming()?)));
    told(kind.map(|(kind, roaming)| {
        roaming || kind == NetworkCostType::Fixed || kind == NetworkCostType::Variable
    }))
}

fn told<T>(answer: windows::core::Result<T>) -> Signal<T> {
    match answer {
        Ok(value) => Signal::Value(value),
        Err(error) if error.code().0 == CLASS_MISSING => Signal::Absent,
        Err(_) => Signal::Unreadable,
    }
}
