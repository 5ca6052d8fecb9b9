//! Named sets of rules: how much of the computer is lent, in one word.

use crate::settings::Settings;

/// A setting and its value.
type Value = (&'static str, &'static str);

/// A named set of values. What it does not name stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its stable word.
    pub name: &'static str,
    /// Its settings.
    pub values: &'static [Value],
}

/// Every preset, the one that lends least first. Full screen, exclusive programs and heat hold work up in each.
pub const PRESETS: [Preset; 3] = [
    Preset {
        name: "quiet",
        values: &[
            ("idle_minutes", "10"),
            ("in_use_cpu_percent", "0"),
            ("in_use_memory_percent", "25"),
            ("in_use_gpu", "false"),
            ("away_cpu_percent", "50"),
            ("away_memory_percent", "40"),
            ("run_on_battery", "false"),
            ("run_on_metered", "false"),
            ("busy_percent", "25"),
            ("max_cpu_celsius", "70"),
            ("max_gpu_celsius", "70"),
        ],
    },
    Preset {
        name: "balanced",
        values: &[
            ("idle_minutes", "3"),
            ("in_use_cpu_percent", "25"),
            ("in_use_memory_percent", "25"),
            ("in_use_gpu", "false"),
            ("away_cpu_percent", "80"),
            ("away_memory_percent", "60"),
            ("run_on_battery", "false"),
            ("run_on_metered", "false"),
            ("busy_percent", "0"),
            ("max_cpu_celsius", "80"),
            ("max_gpu_celsius", "78"),
        ],
    },
    Preset {
        name: "max",
        values: &[
            ("idle_minutes", "1"),
            ("in_use_cpu_percent", "50"),
            ("in_use_memory_percent", "50"),
            ("in_use_gpu", "true"),
            ("away_cpu_percent", "100"),
            ("away_memory_percent", "80"),
            ("run_on_battery", "false"),
            ("run_on_metered", "false"),
            ("busy_percent", "0"),
            ("max_cpu_celsius", "85"),
            ("max_gpu_celsius", "83"),
        ],
    },
];

/// The preset that the settings are nearest to, and the keys in which they differ from it; none is exactly it.
#[must_use]
pub fn nearest(settings: &Settings) -> (&'static Preset, Vec<&'static str>) {
    let differs = |preset: &'static Preset| -> Vec<&'static str> {
        preset
            .values
            .iter()
            .filter(|(key, value)| settings.text(key) != *value)
            .map(|(key, _)| *key)
            .collect()
    };
    let [quiet, balanced, max] = &PRESETS;
    let (mut best, mut least) = (balanced, differs(balanced));
    for preset in [quiet, max] {
        let other = differs(preset);
        if other.len() < least.len() {
            (best, least) = (preset, other);
        }
    }
    (best, least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{KEYS, Source};

    #[test]
    fn every_preset_names_the_same_settings_with_allowed_values() {
        for preset in PRESETS {
            for (key, value) in preset.values {
                let known = KEYS.iter().find(|known| known.name == *key).expect("a known key");
                assert_eq!(known.check(value).as_deref(), Ok(*value), "{} {key}", preset.name);
            }
            let keys: Vec<_> = preset.values.iter().map(|(key, _)| key).collect();
            assert_eq!(keys, PRESETS[0].values.iter().map(|(key, _)| key).collect::<Vec<_>>());
        }
    }

    #[test]
    fn leaving_a_preset_shows_what_differs() {
        let mut settings = Settings::default();
        assert_eq!(nearest(&settings), (&PRESETS[1], vec![]), "the built-in values are balanced");
        settings.apply("idle_minutes", "5", Source::File).expect("allowed");
        assert_eq!(nearest(&settings), (&PRESETS[1], vec!["idle_minutes"]));
        for (key, value) in PRESETS[2].values {
            settings.apply(key, value, Source::File).expect("allowed");
        }
        assert_eq!(nearest(&settings), (&PRESETS[2], vec![]));
    }
}
