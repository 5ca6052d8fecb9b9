//! Every sentence of the command line in both languages. A missing one does not compile.
//!
//! What is for programs stays English whatever the language: JSON, logs, and what goes over the control API.

mod earned;
mod electricity;
mod found;
mod offered;
mod owned;
mod standing;
mod states;
mod updated;

use hivemind_control::ApiError;
use hivemind_words::Language;
use std::sync::OnceLock;

/// Chosen once, before anything is printed.
static CHOSEN: OnceLock<Words> = OnceLock::new();

/// Sentences in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Words(pub(crate) Language);

/// The sentences in the language of who reads them; English until one is chosen.
pub(crate) use earned::clock;

pub(crate) fn words() -> Words {
    CHOSEN.get().copied().unwrap_or_default()
}

/// Chooses the language for the rest of the process.
pub(crate) fn speak(language: Language) {
    let _ = CHOSEN.set(Words(language));
}

impl Words {
    fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        self.0.pick(english, chinese)
    }

    /// Milliseconds as people read them.
    pub(crate) fn duration(self, ms: u64) -> String {
        let s = ms / 1000;
        match (self.0, s) {
            (Language::English, 0) => format!("{ms} ms"),
            (Language::English, 1..=59) => format!("{}.{} s", s, ms % 1000 / 100),
            (Language::English, 60..=3599) => format!("{} min {} s", s / 60, s % 60),
            (Language::English, _) => format!("{} h {} min", s / 3600, s % 3600 / 60),
            (Language::TraditionalChinese, 0) => format!("{ms} 毫秒"),
            (Language::TraditionalChinese, 1..=59) => format!("{}.{} 秒", s, ms % 1000 / 100),
            (Language::TraditionalChinese, 60..=3599) => format!("{} 分 {} 秒", s / 60, s % 60),
            (Language::TraditionalChinese, _) => format!("{} 小時 {} 分鐘", s / 3600, s % 3600 / 60),
        }
    }

    /// The line that tells an error; the code stands behind it where there is one.
    pub(crate) fn failure(self, error: &anyhow::Error) -> String {
        let code =
            error.downcast_ref::<ApiError>().map(|e| format!(" [{}]", e.code.word())).unwrap_or_default();
        match self.0 {
            Language::English => format!("error: {error:#}{code}"),
            Language::TraditionalChinese => format!("錯誤：{}{code}", self.causes(error)),
        }
    }

    /// What can be done about an error; nothing where the sentence is all that is known.
    pub(crate) fn fix(self, error: &anyhow::Error) -> Option<&'static str> {
        let action = error.downcast_ref::<ApiError>()?.action?;
        Some(self.0.at_a_terminal(action))
    }

    /// An error with its causes, the outermost first.
    pub(crate) fn causes(self, error: &anyhow::Error) -> String {
        match self.0 {
            Language::English => format!("{error:#}"),
            Language::TraditionalChinese => {
                let told = error.chain().map(|cause| match cause.downcast_ref::<ApiError>() {
                    Some(error) => self.0.error(error),
                    None => self.0.said(&cause.to_string()).text,
                });
                told.collect::<Vec<_>>().join("：")
            }
        }
    }

    /// What a system or a library said, as far as it is known.
    pub(crate) fn cause(self, error: &dyn std::fmt::Display) -> String {
        self.0.said(&error.to_string()).text
    }

    pub(crate) fn no_event_loop(self, error: &std::io::Error) -> String {
        match self.0 {
            Language::English => format!("no event loop: {error}"),
            Language::TraditionalChinese => format!("無法開始執行：{}", self.cause(error)),
        }
    }

    pub(crate) fn no_service_of_the_system(self) -> String {
        match self.0 {
            Language::English => "there is no such service on this system; leave out --system",
            Language::TraditionalChinese => "這個系統沒有這樣的服務；請去掉 --system",
        }
        .to_owned()
    }

    pub(crate) fn service_needs_root(self) -> String {
        match self.0 {
            Language::English => {
                "--system speaks to a service of the whole computer: put sudo before the command"
            }
            Language::TraditionalChinese => "--system 是對整台電腦的服務下指令：請在指令前加上 sudo",
        }
        .to_owned()
    }

    pub(crate) fn no_file_for_the_service(self) -> String {
        match self.0 {
            Language::English => {
                "the service sees none of your files: leave the file out, or write - and redirect what is printed"
            }
            Language::TraditionalChinese => "服務看不到您的檔案：請不要指定檔案，或改用 - 並將輸出導向檔案",
        }
        .to_owned()
    }

    pub(crate) fn no_systemd(self, error: &std::io::Error) -> String {
        match self.0 {
            Language::English => {
                format!("systemd-run cannot be started, so there is no service of systemd: {error}")
            }
            Language::TraditionalChinese => {
                format!("無法啟動 systemd-run，所以沒有 systemd 的服務：{}", self.cause(error))
            }
        }
    }

    pub(crate) fn no_json(self, error: &serde_json::Error) -> String {
        match self.0 {
            Language::English => format!("a value could not be written as JSON: {error}"),
            Language::TraditionalChinese => format!("有一個值無法寫成 JSON：{error}"),
        }
    }

    pub(crate) fn unreadable(self, place: impl std::fmt::Display) -> String {
        match self.0 {
            Language::English => format!("{place} cannot be read"),
            Language::TraditionalChinese => format!("無法讀取 {place}"),
        }
    }

    pub(crate) fn unwritable(self, place: impl std::fmt::Display) -> String {
        match self.0 {
            Language::English => format!("{place} cannot be written"),
            Language::TraditionalChinese => format!("無法寫入 {place}"),
        }
    }

    pub(crate) fn unmakeable(self, place: impl std::fmt::Display) -> String {
        match self.0 {
            Language::English => format!("{place} cannot be made"),
            Language::TraditionalChinese => format!("無法建立 {place}"),
        }
    }

    pub(crate) fn unopenable(self, place: impl std::fmt::Display) -> String {
        match self.0 {
            Language::English => format!("{place} cannot be opened"),
            Language::TraditionalChinese => format!("無法開啟 {place}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
