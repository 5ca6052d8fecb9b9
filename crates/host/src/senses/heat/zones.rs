//! Temperatures of the thermal zones that Windows counts, and its load.

use hivemind_domain::rules;
use serde::Deserialize;

/// Zero degrees Celsius in Kelvin.
const FREEZING: f32 = 273.15;

/// What the performance counters tell of one zone. Everybody may read them; the firmware's own word
/// (`MSAcpi_ThermalZoneTemperature`) is for administrators.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename = "Win32_PerfFormattedData_Counters_ThermalZoneInformation", rename_all = "PascalCase")]
struct Zone {
    /// In Kelvin.
    temperature: Option<u32>,
    /// In tenths of a Kelvin.
    high_precision_temperature: Option<u32>,
}

impl Zone {
    fn celsius(self) -> Option<f32> {
        let precise = self.high_precision_temperature.filter(|tenths| *tenths > 0);
        let kelvin = match precise {
            Some(tenths) => tenths as f32 / 10.0,
            None => self.temperature? as f32,
        };
        // The counters are no finer than a tenth.
        Some(((kelvin - FREEZING) * 10.0).round() / 10.0)
    }
}

/// In degrees Celsius; none where no zone tells a number.
fn hottest(zones: &[Zone]) -> Option<f32> {
    let all: Vec<f32> = zones.iter().filter_map(|zone| zone.celsius()).collect();
    rules::hottest(&all)
}

#[cfg(windows)]
pub(in super::super) use reading::watch;

#[cfg(windows)]
mod reading {
    use super::super::super::Teller;
    use super::super::{Judge, LOOK, SEARCH, Ticks};
    use super::{Zone, hottest};
    use hivemind_domain::rules::{Sensed, Signal};
    use std::time::Duration;
    use wmi::{WMIConnection, WMIResult};

    /// Tells the hottest reading until nobody listens any more; on a thread of its own, to which the connection belongs.
    pub(in super::super::super) fn watch(mut teller: Teller) {
        let mut judge = Judge::new();
        let mut connection = None;
        loop {
            let found = read(&mut connection);
            let signal = match (&found, teller.knows()) {
                (Ok(zones), _) if !zones.is_empty() => judge.signal(hottest(zones), ticks()),
                (Ok(_), true) => Signal::Absent,
                (Err(_), true) => Signal::Unreadable,
                // No zone was ever seen here: what is absent takes no part.
                (_, false) => {
                    if !pause(&teller, SEARCH) {
                        return;
                    }
                    continue;
                }
            };
            if !(teller.tell_from_thread(Sensed::CpuCelsius(signal)) && pause(&teller, LOOK)) {
                return;
            }
        }
    }

    /// Waits; false when nobody listens any more.
    fn pause(teller: &Teller, length: Duration) -> bool {
        let mut left = length;
        while teller.is_heard() && !left.is_zero() {
            let part = left.min(LOOK);
            std::thread::sleep(part);
            left -= part;
        }
        teller.is_heard()
    }

    /// One that failed is made anew the next time.
    fn read(kept: &mut Option<WMIConnection>) -> WMIResult<Vec<Zone>> {
        let connected = kept.take().map_or_else(WMIConnection::new, Ok);
        let read = connected.and_then(|connection| Ok((connection.query()?, connection)));
        let (zones, connection) =
            read.inspect_err(|error| tracing::debug!(%error, "no thermal zone can be read"))?;
        *kept = Some(connection);
        Ok(zones)
    }

    fn ticks() -> Option<Ticks> {
        let (idle, kernel, user) = winsafe::GetSystemTimes().ok()?;
        // What Windows calls the kernel's time is idle time as well.
        Some(Ticks { whole: u64::from(kernel).saturating_add(user.into()), idle: idle.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(temperature: u32, tenths: u32) -> Zone {
        Zone { temperature: Some(temperature), high_precision_temperature: Some(tenths) }
    }

    #[test]
    fn kelvin_become_degrees_celsius() {
        assert_eq!(zone(301, 3012).celsius(), Some(28.1));
        assert_eq!(zone(301, 0).celsius(), Some(27.9), "a Windows without the finer counter");
        assert_eq!(Zone::default().celsius(), None);
    }

    #[test]
    fn the_hottest_zone_that_can_be_true_counts() {
        assert_eq!(hottest(&[zone(0, 0), zone(330, 3300), zone(301, 3010)]), Some(56.9));
        assert_eq!(hottest(&[Zone::default()]), None, "it exists and cannot be read");
        assert_eq!(hottest(&[]), None);
    }
}
