//! Every setting once: its names, default, allowed values and how a text becomes a value.

use crate::resources::{GIB, MIB};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a value came from, weakest first; a stronger source wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Built in.
    Default,
    /// Settings file.
    File,
    /// Environment variable.
    Environment,
    /// Command line.
    Flag,
}

/// Shape of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text up to 512 bytes without control characters; may be empty when the flag is true.
    Text {
        /// Whether nothing is a value.
        optional: bool,
    },
    /// An `http://` or `https://` address.
    Url,
    /// A whole number in this range.
    Integer {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Cores, with up to three decimals, 0.1 to 1024.
    Cores,
    /// A size such as `512m`, `4g` or bytes.
    Size,
    /// The same, or nothing.
    Quota,
    /// `true` or `false`; `1`, `0`, `yes`, `no`, `on`, `off` are understood.
    Flag,
    /// Names of images with commas between, at most 8192 bytes.
    Images,
    /// One of these words, case ignored.
    Choice(&'static [&'static str]),
    /// Hosts separated by commas, such as `pypi.org, *.example.org:8443`; may be empty.
    Hosts,
    /// Hours such as `mon-fri 18:00-08:00; sat,sun 10:00-20:00`; nothing means always.
    Hours,
    /// The same, each span with the name of a preset behind it where one is to hold then.
    Plan,
    /// A price with up to four decimals, 0 to 1000, or nothing.
    Price,
    /// Three letters of ISO 4217, or nothing.
    Currency,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Name in the settings file and on the command line of `settings set`.
    pub name: &'static str,
    /// Environment variable.
    pub env: Option<&'static str>,
    /// Command-line flag.
    pub flag: Option<&'static str>,
    /// Built-in value.
    pub default: &'static str,
    /// Shape.
    pub kind: Kind,
    /// Whether a change needs the worker to start anew.
    pub restart: bool,
}

macro_rules! keys {
    ($($name:ident $env:expr, $flag:expr, $default:literal, $kind:expr, $restart:literal;)*) => {
        /// Every setting, in the order in which people see them.
        pub const KEYS: &[Key] = &[$(Key {
            name: stringify!($name), env: $env, flag: $flag, default: $default, kind: $kind, restart: $restart,
        }),*];
    };
}

keys! {
    master_url Some("MASTER_NODE_URL"), Some("--master-url"), "https://hivemind.justin0711.com", Kind::Url, true;
    pool_address None, None, "", Kind::Text { optional: true }, true;
    pool_dialect None, None, "auto", Kind::Choice(&["auto", "v1", "nodepool"]), true;
    nodepool_work None, None, "auto", Kind::Choice(&["auto", "push", "pull"]), true;
    nodepool_port None, None, "50053", Kind::Integer { min: 0, max: 65535 }, true;
    nodepool_key None, None, "", Kind::Text { optional: true }, true;
    nodepool_proxy None, None, "", Kind::Text { optional: true }, true;
    nodepool_scripts None, None, "false", Kind::Flag, true;
    pool_certificate_sha256 None, None, "", Kind::Text { optional: true }, true;
    allow_unencrypted_pool None, None, "false", Kind::Flag, true;
    wireguard_config_path Some("WIREGUARD_CONFIG_PATH"), None, "wg0.conf", Kind::Text { optional: false }, true;
    private_link None, None, "auto", Kind::Choice(&["auto", "off", "required"]), true;
    private_link_tunnel None, None, "worker", Kind::Choice(&["worker", "system"]), false;
    netd_socket None, None, "", Kind::Text { optional: true }, false;
    resource_report_interval Some("RESOURCE_REPORT_INTERVAL"), None, "30", Kind::Integer { min: 1, max: 3600 }, false;
    log_level Some("LOG_LEVEL"), Some("--debug"), "info", Kind::Choice(&["error", "warning", "warn", "info", "debug", "trace"]), true;
    log_file None, Some("--log-file"), "", Kind::Text { optional: true }, true;
    max_concurrent_tasks Some("MAX_CONCURRENT_TASKS"), Some("--max-tasks"), "3", Kind::Integer { min: 1, max: 64 }, false;
    worker_image None, None, "justin308/hivemind-worker", Kind::Text { optional: false }, false;
    worker_image_tag Some("WORKER_IMAGE_TAG"), None, "latest", Kind::Text { optional: false }, false;
    network_policy Some("NETWORK_POLICY"), None, "none", Kind::Choice(&["none", "allow-list", "ask"]), false;
    allowed_hosts Some("ALLOWED_HOSTS"), None, "", Kind::Hosts, false;
    denied_hosts None, None, "", Kind::Hosts, false;
    max_task_traffic None, None, "1g", Kind::Size, false;
    dependencies None, None, "allow", Kind::Choice(&["allow", "never"]), false;
    package_index None, None, "https://pypi.org/simple", Kind::Url, false;
    package_hosts None, None, "files.pythonhosted.org", Kind::Hosts, false;
    dependency_cache_limit None, None, "2g", Kind::Size, false;
    managed_functions None, None, "true", Kind::Flag, false;
    allowed_images Some("ALLOWED_IMAGES"), None, "", Kind::Images, false;
    ask_images None, None, "", Kind::Images, false;
    denied_images None, None, "", Kind::Images, false;
    max_image_size None, None, "10g", Kind::Size, false;
    image_quota None, None, "20g", Kind::Size, false;
    minimum_isolation None, None, "plain", Kind::Choice(crate::isolation::WORDS), false;
    schedule None, None, "", Kind::Plan, false;
    idle_minutes None, None, "3", Kind::Integer { min: 1, max: 240 }, false;
    in_use_cpu_percent None, None, "25", Kind::Integer { min: 0, max: 100 }, false;
    in_use_memory_percent None, None, "25", Kind::Integer { min: 1, max: 100 }, false;
    in_use_gpu None, None, "false", Kind::Flag, false;
    away_cpu_percent None, None, "80", Kind::Integer { min: 1, max: 100 }, false;
    away_memory_percent None, None, "60", Kind::Integer { min: 1, max: 100 }, false;
    run_on_battery None, None, "false", Kind::Flag, false;
    run_on_metered None, None, "false", Kind::Flag, false;
    network_hours None, None, "", Kind::Hours, false;
    network_quota_day None, None, "", Kind::Quota, false;
    network_quota_month None, None, "", Kind::Quota, false;
    electricity_price None, None, "", Kind::Price, false;
    electricity_cheap_price None, None, "", Kind::Price, false;
    electricity_cheap_hours None, None, "", Kind::Hours, false;
    electricity_currency None, None, "", Kind::Currency, false;
    only_cheap_hours None, None, "false", Kind::Flag, false;
    keep_disk_free Some("KEEP_DISK_FREE"), None, "10g", Kind::Size, false;
    keep_awake None, None, "false", Kind::Flag, false;
    exclusive_apps None, None, "", Kind::Text { optional: true }, false;
    max_cpu_celsius None, None, "80", Kind::Integer { min: 40, max: 110 }, false;
    max_gpu_celsius None, None, "78", Kind::Integer { min: 40, max: 110 }, false;
    busy_percent None, None, "0", Kind::Integer { min: 0, max: 100 }, false;
    dynamic_priority None, None, "true", Kind::Flag, false;
    max_memory_limit Some("MAX_MEMORY_LIMIT"), None, "4g", Kind::Size, false;
    max_cpu_cores Some("MAX_CPU_CORES"), None, "4", Kind::Cores, false;
    cpu_only Some("CPU_ONLY"), Some("--cpu-only"), "false", Kind::Flag, false;
    nvml_library None, None, "", Kind::Text { optional: true }, true;
    engine_address Some("DOCKER_HOST"), None, "", Kind::Text { optional: true }, true;
    alert_cpu_percent None, None, "95", Kind::Integer { min: 0, max: 100 }, false;
    alert_memory_percent None, None, "90", Kind::Integer { min: 0, max: 100 }, false;
    alert_disk_percent None, None, "90", Kind::Integer { min: 0, max: 100 }, false;
    alert_temperature_celsius None, None, "85", Kind::Integer { min: 0, max: 120 }, false;
    debug_data_quota None, None, "1g", Kind::Size, false;
    debug_data_days None, None, "7", Kind::Integer { min: 0, max: 365 }, false;
    monitor_port None, None, "5001", Kind::Integer { min: 0, max: 65535 }, true;
    monitor_on_lan None, None, "false", Kind::Flag, false;
    monitor_lan_port None, None, "5443", Kind::Integer { min: 1, max: 65535 }, false;
    contribute_on_start None, None, "true", Kind::Flag, false;
    notify_problems None, None, "true", Kind::Flag, false;
    notify_milestones None, None, "true", Kind::Flag, false;
    notify_payouts None, None, "true", Kind::Flag, false;
    start_at_login None, None, "false", Kind::Flag, false;
    updates None, None, "true", Kind::Flag, false;
    language None, Some("--language"), "auto", Kind::Choice(&["auto", "en", "zh-tw"]), false;
    theme None, None, "system", Kind::Choice(&["system", "light", "dark"]), false;
}

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is \"{value}\", allowed is {allowed}")]
pub struct SettingError {
    /// The setting.
    pub key: String,
    /// What was given.
    pub value: String,
    /// What would be accepted.
    pub allowed: String,
}

/// Finds a setting by name; dashes count as underscores.
#[must_use]
pub fn key(name: &str) -> Option<&'static Key> {
    let wanted = name.replace('-', "_");
    KEYS.iter().find(|k| k.name == wanted)
}

impl Key {
    /// Whether it says what carries the private link.
    #[must_use]
    pub fn carries_the_link(&self) -> bool {
        matches!(self.name, "private_link_tunnel" | "netd_socket")
    }

    /// Whether it decides where the monitor page listens: a session from the network may not change it.
    #[must_use]
    pub fn opens_a_door(&self) -> bool {
        matches!(self.name, "monitor_port" | "monitor_on_lan" | "monitor_lan_port")
    }

    /// What is accepted, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self.kind {
            Kind::Text { optional: true } => "a text of at most 512 bytes, or nothing".into(),
            Kind::Text { optional: false } => "a text of 1 to 512 bytes".into(),
            Kind::Url => "an address such as https://pool.example, at most 512 bytes".into(),
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Cores => "a number of cores from 0.1 to 1024, such as 2 or 1.5".into(),
            Kind::Size => "a size from 64m to 4096g, such as 512m or 4g".into(),
            Kind::Quota => "a size from 64m to 4096g, such as 512m or 4g, or nothing".into(),
            Kind::Flag => "true or false".into(),
            Kind::Images => {
                "image names with commas between, name/* for all below, * for all, at most 8192 bytes".into()
            }
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Hours => {
                "hours on half hours such as mon-fri 18:00-08:00; sat,sun 10:00-20:00, each once, or nothing"
                    .into()
            }
            Kind::Plan => {
                "hours on half hours such as mon-fri 18:00-08:00; sat,sun 10:00-20:00 quiet, each once, with quiet, \
                 balanced or max where a preset is to hold, or nothing"
                    .into()
            }
            Kind::Price => "a price from 0 to 1000 with up to four decimals, such as 0.32, or nothing".into(),
            Kind::Currency => "three letters such as EUR, USD or TWD, or nothing".into(),
            Kind::Hosts => "hosts such as pypi.org, *.example.org or example.org:8443, with commas".into(),
        }
    }

    /// Checks a text and brings it into its normal form.
    ///
    /// # Errors
    /// [`SettingError`], naming key, value and what is allowed.
    pub fn check(&self, text: &str) -> Result<String, SettingError> {
        let text = text.trim();
        let list = matches!(self.kind, Kind::Hosts | Kind::Images | Kind::Hours | Kind::Plan);
        let most = if list { crate::images::MAX_LIST_BYTES } else { 512 };
        let plain = text.len() <= most && !text.chars().any(char::is_control);
        let normal = match self.kind {
            _ if !plain => None,
            Kind::Text { optional } => (optional || !text.is_empty()).then(|| text.to_owned()),
            Kind::Url => is_url(text).then(|| text.trim_end_matches('/').to_owned()),
            Kind::Integer { min, max } => {
                text.parse::<u64>().ok().filter(|n| (min..=max).contains(n)).map(|n| n.to_string())
            }
            Kind::Cores => parse_cores(text).map(|_| text.to_owned()),
            Kind::Size => parse_size(text).map(|_| text.to_ascii_lowercase()),
            Kind::Quota => (text.is_empty() || parse_size(text).is_some()).then(|| text.to_ascii_lowercase()),
            Kind::Flag => parse_flag(text).map(|b| b.to_string()),
            Kind::Images => crate::images::ImageList::parse(text).ok().map(|list| list.to_string()),
            Kind::Choice(words) => {
                let lower = text.to_ascii_lowercase();
                words.contains(&lower.as_str()).then_some(lower)
            }
            Kind::Hours | Kind::Plan => {
                let presets = self.kind == Kind::Plan;
                let hours = crate::rules::Schedule::parse(text).ok();
                let hours =
                    hours.filter(|hours| presets || hours.as_ref().is_none_or(|h| h.presets().is_empty()));
                hours.map(|hours| hours.map(|hours| hours.to_string()).unwrap_or_default())
            }
            Kind::Price => {
                (text.is_empty() || crate::energy::Price::parse(text).is_some()).then(|| text.to_owned())
            }
            Kind::Currency => {
                let letters = text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
                (text.is_empty() || letters).then(|| text.to_ascii_uppercase())
            }
            Kind::Hosts => crate::hosts::HostRule::parse_list(text)
                .ok()
                .map(|rules| rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        normal.ok_or_else(|| SettingError {
            key: self.name.into(),
            value: crate::text::plain_line(text, 80),
            allowed: self.allowed(),
        })
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|r| r.split(['/', '?', '#']).next().unwrap_or_default());
    host.is_some_and(|h| !h.is_empty() && !h.contains('@')) && !text.contains(char::is_whitespace)
}

fn parse_flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn parse_cores(text: &str) -> Option<u32> {
    let cores: f64 = text.parse().ok()?;
    let millis = (cores * 1000.0).round();
    (100.0..=1_024_000.0).contains(&millis).then_some(millis as u32)
}

fn parse_size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
    let (digits, unit) = match lower.as_bytes().last()? {
        b'k' => (&lower[..lower.len() - 1], 1024),
        b'm' => (&lower[..lower.len() - 1], MIB),
        b'g' => (&lower[..lower.len() - 1], GIB),
        b't' => (&lower[..lower.len() - 1], 1024 * GIB),
        _ => (lower, 1),
    };
    let bytes = digits.trim().parse::<u64>().ok()?.checked_mul(unit)?;
    (64 * MIB..=4096 * GIB).contains(&bytes).then_some(bytes)
}

/// All settings with their sources. Holds checked values only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<&'static str, (String, Source)>,
}

impl Default for Settings {
    fn default() -> Self {
        let values = KEYS.iter().map(|k| (k.name, (k.default.to_owned(), Source::Default))).collect();
        Self { values }
    }
}

impl Settings {
    /// Takes a value unless a stronger source has already spoken.
    ///
    /// # Errors
    /// [`SettingError`] for an unknown key or a value out of range; nothing changes then.
    pub fn apply(&mut self, name: &str, text: &str, source: Source) -> Result<(), SettingError> {
        let Some(key) = key(name) else {
            let names: Vec<_> = KEYS.iter().map(|k| k.name).collect();
            return Err(SettingError {
                key: crate::text::plain_line(name, 80),
                value: crate::text::plain_line(text, 80),
                allowed: format!("one of these keys: {}", names.join(", ")),
            });
        };
        let value = key.check(text)?;
        let slot = self.values.entry(key.name).or_insert((String::new(), Source::Default));
        if source >= slot.1 {
            *slot = (value, source);
        }
        Ok(())
    }

    /// Value and source of a setting.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&str, Source)> {
        self.values.get(name).map(|(value, source)| (value.as_str(), *source))
    }

    /// A setting's text; empty for an unknown name.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.get(name).map_or("", |(value, _)| value)
    }

    /// A whole number; the default is valid, so there always is one.
    #[must_use]
    pub fn integer(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or_default()
    }

    /// A switch.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        parse_flag(self.text(name)).unwrap_or_default()
    }

    /// Cores in thousandths.
    #[must_use]
    pub fn cpu_millis(&self, name: &str) -> u32 {
        parse_cores(self.text(name)).unwrap_or_default()
    }

    /// A size in bytes.
    #[must_use]
    pub fn bytes(&self, name: &str) -> u64 {
        parse_size(self.text(name)).unwrap_or_default()
    }

    /// A list of images; empty for another kind of setting.
    #[must_use]
    pub fn images(&self, name: &str) -> crate::images::ImageList {
        crate::images::ImageList::parse(self.text(name)).unwrap_or_default()
    }

    /// Everything the owner decided about images, one-time answers left out.
    #[must_use]
    pub fn image_rules(&self) -> crate::images::ImageRules {
        crate::images::ImageRules {
            standard: self.text("worker_image").to_owned(),
            allow: self.images("allowed_images"),
            ask: self.images("ask_images"),
            deny: self.images("denied_images"),
            once: std::collections::BTreeSet::new(),
            max_bytes: self.bytes("max_image_size"),
            quota_bytes: self.bytes("image_quota"),
        }
    }

    /// The owner's rules about when to work; hours are counted in `zone`.
    #[must_use]
    pub fn rules(&self, zone: jiff::tz::TimeZone) -> crate::rules::Rules {
        let mut rules = self.plain_rules(zone.clone());
        for preset in rules.schedule.iter().flat_map(crate::rules::Schedule::presets).collect::<Vec<_>>() {
            let mut settings = self.clone();
            for (key, value) in preset.values {
                // In its hours it stands above whatever is set.
                let _ = settings.apply(key, value, Source::Flag);
            }
            rules.in_hours.insert(preset.name, settings.plain_rules(zone.clone()));
        }
        rules
    }

    /// The rules outside hours with a preset of their own.
    fn plain_rules(&self, zone: jiff::tz::TimeZone) -> crate::rules::Rules {
        let number = |name: &str| u8::try_from(self.integer(name)).unwrap_or(u8::MAX);
        let busy = number("busy_percent");
        crate::rules::Rules {
            idle_after: std::time::Duration::from_secs(self.integer("idle_minutes").saturating_mul(60)),
            in_use: crate::rules::Share {
                cpu_percent: number("in_use_cpu_percent"),
                memory_percent: number("in_use_memory_percent"),
                gpu: self.flag("in_use_gpu"),
            },
            away: crate::rules::Share {
                cpu_percent: number("away_cpu_percent"),
                memory_percent: number("away_memory_percent"),
                gpu: true,
            },
            on_battery: self.flag("run_on_battery"),
            on_metered: self.flag("run_on_metered"),
            cpu_celsius: number("max_cpu_celsius"),
            gpu_celsius: number("max_gpu_celsius"),
            busy_in_use: busy,
            busy_away: busy,
            schedule: self.hours("schedule"),
            network_hours: self.hours("network_hours"),
            cheap_hours: self
                .flag("only_cheap_hours")
                .then(|| self.hours("electricity_cheap_hours"))
                .flatten(),
            quota_day: parse_size(self.text("network_quota_day")),
            quota_month: parse_size(self.text("network_quota_month")),
            keep_free: self.bytes("keep_disk_free"),
            zone,
            ..crate::rules::Rules::default()
        }
    }

    fn hours(&self, name: &str) -> Option<crate::rules::Schedule> {
        crate::rules::Schedule::parse(self.text(name)).unwrap_or_default()
    }

    /// What electricity costs.
    #[must_use]
    pub fn tariff(&self) -> crate::energy::Tariff {
        crate::energy::Tariff {
            price: crate::energy::Price::parse(self.text("electricity_price")),
            cheap: self
                .hours("electricity_cheap_hours")
                .zip(crate::energy::Price::parse(self.text("electricity_cheap_price"))),
        }
    }

    /// Programs that want something of the computer for themselves.
    #[must_use]
    pub fn exclusive_apps(&self) -> crate::rules::ExclusiveApps {
        crate::rules::ExclusiveApps::parse(self.text("exclusive_apps"))
    }

    /// The standard image's full reference.
    #[must_use]
    pub fn worker_image(&self) -> String {
        format!("{}:{}", self.text("worker_image"), self.text("worker_image_tag"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_passes_its_own_check() {
        for key in KEYS {
            assert_eq!(key.check(key.default).as_deref(), Ok(key.default), "{}", key.name);
        }
    }

    #[test]
    fn the_stronger_source_wins_in_any_order() {
        let mut s = Settings::default();
        s.apply("max_concurrent_tasks", "5", Source::Flag).unwrap();
        s.apply("max-concurrent-tasks", "7", Source::File).unwrap();
        assert_eq!(s.get("max_concurrent_tasks"), Some(("5", Source::Flag)));
        assert_eq!(s.integer("max_concurrent_tasks"), 5);
    }

    #[test]
    fn a_wrong_value_names_key_value_and_what_is_allowed() {
        let mut s = Settings::default();
        let before = s.clone();
        let e = s.apply("resource_report_interval", "0", Source::Environment).unwrap_err();
        assert_eq!(
            e.to_string(),
            "resource_report_interval is \"0\", allowed is a whole number from 1 to 3600"
        );
        for (name, text) in [
            ("resource_report_interval", "3601"),
            ("master_url", "ftp://x"),
            ("master_url", "https://"),
            ("master_url", "https://user@host"),
            ("max_memory_limit", "4 gigs"),
            ("max_memory_limit", "99999999999999999999g"),
            ("max_cpu_cores", "NaN"),
            ("max_cpu_cores", "-1"),
            ("log_level", "loud"),
            ("worker_image", ""),
            ("denied_images", "a b"),
            ("minimum_isolation", "strong"),
            ("worker_image", "a\u{1b}b"),
            ("schedule", "mon-fri 18:15-08:00"),
            ("schedule", "daily 22:00-06:00; sat 05:00-07:00"),
            ("busy_percent", "101"),
            ("network_hours", "mon 08:00-08:00"),
            ("network_quota_day", "1k"),
            ("keep_disk_free", ""),
            ("nonsense", "1"),
        ] {
            assert!(s.apply(name, text, Source::Flag).is_err(), "{name}={text}");
        }
        assert_eq!(s, before);
    }

    #[test]
    fn a_week_painted_half_hour_by_half_hour_is_a_plan_and_presets_are_none_elsewhere() {
        let spans = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .iter()
            .flat_map(|day| (0..24).map(move |hour| format!("{day} {hour:02}:00-{hour:02}:30 balanced")));
        let plan = spans.collect::<Vec<_>>().join("; ");
        assert!(plan.len() > 4000);
        let mut s = Settings::default();
        s.apply("schedule", &plan, Source::File).unwrap();
        assert_eq!(s.rules(jiff::tz::TimeZone::UTC).in_hours.len(), 1);
        for (key, value) in [
            ("network_hours", "mon 10:00-12:00 max"),
            ("electricity_cheap_hours", "mon 10:00-12:00 quiet"),
            ("schedule", "mon 10:00-12:00 loud"),
            ("electricity_price", "0,30"),
            ("electricity_currency", "euro"),
        ] {
            assert!(s.apply(key, value, Source::File).is_err(), "{key} = {value}");
        }
        s.apply("electricity_currency", "twd", Source::File).unwrap();
        assert_eq!(s.text("electricity_currency"), "TWD");
    }

    #[test]
    fn sizes_and_cores_are_read_in_the_usual_spellings() {
        let mut s = Settings::default();
        assert_eq!((s.bytes("max_memory_limit"), s.cpu_millis("max_cpu_cores")), (4 * GIB, 4000));
        for (text, bytes) in [("512m", 512 * MIB), ("2G", 2 * GIB), ("1GiB", GIB), ("1073741824", GIB)] {
            s.apply("max_memory_limit", text, Source::File).unwrap();
            assert_eq!(s.bytes("max_memory_limit"), bytes, "{text}");
        }
        s.apply("max_cpu_cores", "1.5", Source::File).unwrap();
        assert_eq!(s.cpu_millis("max_cpu_cores"), 1500);
    }
}
