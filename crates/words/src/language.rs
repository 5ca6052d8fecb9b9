//! Which language is spoken.

/// Languages with a complete catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Traditional Chinese as written in Taiwan.
    TraditionalChinese,
}

impl Language {
    /// The owner's choice (`en`, `zh-tw`, or anything else for the system's), and the system's locale such as
    /// `zh_TW.UTF-8`.
    #[must_use]
    pub fn choose(setting: &str, locale: &str) -> Self {
        match setting {
            "en" => Self::English,
            "zh-tw" => Self::TraditionalChinese,
            _ => {
                let locale = locale.to_ascii_lowercase().replace('_', "-");
                let traditional =
                    ["zh-tw", "zh-hk", "zh-mo", "zh-hant"].iter().any(|start| locale.starts_with(start));
                if traditional { Self::TraditionalChinese } else { Self::English }
            }
        }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::TraditionalChinese => chinese,
        }
    }

    /// The system's locale by the variables of POSIX, the strongest first; empty where none is set.
    #[must_use]
    pub fn system_locale() -> String {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_choice_wins_over_the_system() {
        use Language::{English, TraditionalChinese};
        for (setting, locale, expected) in [
            ("en", "zh_TW.UTF-8", English),
            ("zh-tw", "en_US.UTF-8", TraditionalChinese),
            ("auto", "zh_TW.UTF-8", TraditionalChinese),
            ("auto", "zh_Hant_HK", TraditionalChinese),
            ("auto", "zh_CN.UTF-8", English),
            ("auto", "C", English),
            ("", "", English),
        ] {
            assert_eq!(Language::choose(setting, locale), expected, "{setting} {locale}");
        }
    }
}
