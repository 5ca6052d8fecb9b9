//! What the owner says for now, above the rules.

use super::schedule::next_clock;
use crate::time::WallMs;
use jiff::tz::TimeZone;

const MINUTE_MS: i64 = 60_000;
/// The longest pause with an end. One that ends later than that was made before the clock was set back: it is over.
const LONGEST_MS: i64 = 7 * 24 * 60 * MINUTE_MS;

/// A pause that the owner asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snooze {
    /// It ends by itself.
    Until(WallMs),
    /// It ends when the owner says so.
    UntilResumed,
}

impl Snooze {
    /// Whether it goes on.
    #[must_use]
    pub fn holds(self, now: WallMs) -> bool {
        match self {
            Self::Until(until) => (1..=LONGEST_MS).contains(&until.0.saturating_sub(now.0)),
            Self::UntilResumed => true,
        }
    }

    /// When it ends by itself.
    #[must_use]
    pub fn until(self) -> Option<WallMs> {
        match self {
            Self::Until(until) => Some(until),
            Self::UntilResumed => None,
        }
    }

    /// As it is kept.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Until(until) => until.0.to_string(),
            Self::UntilResumed => "resume".to_owned(),
        }
    }

    /// Reads what [`Self::word`] wrote; anything else is no pause.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "resume" => Some(Self::UntilResumed),
            ms => ms.parse().ok().map(|ms| Self::Until(WallMs(ms))),
        }
    }
}

/// How long a pause is to last, as the owner says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnoozeFor {
    /// So many minutes.
    Minutes(u32),
    /// Until the clock shows this hour and minute.
    Clock(i8, i8),
    /// Until the owner resumes.
    UntilResumed,
    /// No pause.
    Off,
}

/// A length that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no length of a pause; allowed are 1m to 10080m, 1h to 168h, a time such as 08:00, resume, off"
)]
pub struct SnoozeError(pub String);

impl SnoozeFor {
    /// Reads `15m`, `3h`, `08:00`, `resume` or `off`.
    ///
    /// # Errors
    /// [`SnoozeError`] for anything else, naming what is allowed.
    pub fn parse(text: &str) -> Result<Self, SnoozeError> {
        let plain = text.trim().to_ascii_lowercase();
        let wrong = || SnoozeError(crate::text::plain_line(text, 40));
        let number = |digits: &str| {
            let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u32>().ok().filter(|_| all_digits)
        };
        let minutes = |count: Option<u32>, each: u32| {
            let minutes = count.and_then(|count| count.checked_mul(each));
            minutes.filter(|m| (1..=10_080).contains(m)).map(Self::Minutes).ok_or_else(wrong)
        };
        match plain.as_str() {
            "off" => Ok(Self::Off),
            "resume" => Ok(Self::UntilResumed),
            other => match (other.strip_suffix('h'), other.strip_suffix('m'), other.split_once(':')) {
                (Some(hours), _, _) => minutes(number(hours), 60),
                (_, Some(count), _) => minutes(number(count), 1),
                (_, _, Some((hour, minute))) if hour.len() <= 2 && minute.len() == 2 => {
                    let within = |text: &str, most: i8| {
                        number(text).and_then(|n| i8::try_from(n).ok()).filter(|n| *n <= most)
                    };
                    let clock = within(hour, 23).zip(within(minute, 59));
                    clock.map(|(hour, minute)| Self::Clock(hour, minute)).ok_or_else(wrong)
                }
                _ => Err(wrong()),
            },
        }
    }

    /// The pause that begins now.
    #[must_use]
    pub fn begin(self, zone: &TimeZone, now: WallMs) -> Option<Snooze> {
        match self {
            Self::Minutes(minutes) => {
                Some(Snooze::Until(WallMs(now.0.saturating_add(i64::from(minutes) * MINUTE_MS))))
            }
            Self::Clock(hour, minute) => Some(Snooze::Until(next_clock(zone, now, hour, minute))),
            Self::UntilResumed => Some(Snooze::UntilResumed),
            Self::Off => None,
        }
    }
}

/// Everything that the owner said for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overrides {
    /// A pause.
    pub snooze: Option<Snooze>,
    /// A pause of GPUs alone.
    pub gpu_snooze: Option<Snooze>,
    /// Work anyway until then.
    pub forced: Option<WallMs>,
}

impl Overrides {
    /// Until when to work anyway, while that goes on.
    #[must_use]
    pub fn forced_until(&self, now: WallMs) -> Option<WallMs> {
        self.forced.filter(|until| Snooze::Until(*until).holds(now))
    }
}
