//! Updates: how this installation stands with them, what was found, and how an exchange ended.

use super::Words;
use crate::updates::{Next, Shown, Why, trial_word};
use hivemind_words::Language::{English, TraditionalChinese};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use semver::Version;
use std::fmt::Display;

/// What [`Why`] can say in Chinese: its word and the sentence.
const WHY: &[(&str, &str)] = &[
    ("address", "更新的網址不是 https 網址"),
    ("sent_away", "更新伺服器轉往不能取得檔案的地方"),
    ("unreachable", "無法連上更新伺服器"),
    ("too_slow", "更新伺服器沒有及時回應"),
    ("status", "更新伺服器以錯誤回應"),
    ("too_much", "更新伺服器傳來的資料比清單與簽章應有的還多"),
    ("broke_off", "與更新伺服器的連線中斷"),
    ("disk", "無法把更新寫在程式旁邊"),
    ("too_large", "清單或簽章太大"),
    ("signature_unreadable", "無法讀取簽章"),
    ("not_signed", "簽章不是由這個程式的金鑰所簽，或所簽的不是這份資料"),
    ("manifest_unreadable", "無法讀取更新清單"),
    ("field", "更新清單中有不能接受的值"),
    ("other_program", "這份更新清單屬於另一個程式"),
    ("expired", "更新清單已過期"),
    ("from_the_future", "更新清單的日期在未來，請檢查這台電腦的時鐘"),
    ("not_newer", "提供的版本並不比執行中的新"),
    ("replayed", "之前看過較新的清單，這一份是舊的"),
    ("tried_before", "這個版本在這台電腦上試過，沒有正常運作"),
    ("too_old", "這個版本太舊，無法一步更新到所提供的版本"),
    ("no_artefact", "沒有適合這種安裝方式的檔案"),
    ("wrong_size", "檔案大小與所簽的不同"),
    ("wrong_hash", "檔案不是所簽的那一個"),
];

/// Why a version went again, by the stable word, in Chinese.
const TRIAL: &[(&str, &str)] = &[
    ("ended", "它自行結束了"),
    ("not_started", "它無法啟動"),
    ("not_watched", "無法觀察它"),
    ("silent", "它在 120 秒內沒有回應"),
];

impl Words {
    /// Everything about updates, line by line.
    pub(crate) fn updates(self, shown: &Shown) -> Vec<String> {
        let mut lines = vec![self.this_is(&shown.version), self.who_updates(shown)];
        if let Some(tried) = &shown.tried {
            lines.push(match &tried.taken_back {
                Some(why) => self.taken_back(&tried.version, why),
                None => self.put_in_place(&tried.version),
            });
        }
        if !shown.looks() {
            return lines;
        }
        lines.push(self.looked(shown.looked_ms));
        match shown.next() {
            Next::Ready(ready) => lines.push(self.lies_ready(ready)),
            Next::Offered(newest) => lines.push(self.offered(newest)),
            Next::Known(newest) => lines.push(self.known(newest)),
            Next::Newest => lines.push(self.pick("This is the newest version.", "這是最新版本。").to_owned()),
            Next::Nothing => {}
        }
        lines.extend(shown.why.as_ref().map(|why| self.not_taken(why)));
        lines
    }

    fn this_is(self, version: &Version) -> String {
        match self.0 {
            English => format!("This is version {version}."),
            TraditionalChinese => format!("目前版本為 {version}。"),
        }
    }

    fn who_updates(self, shown: &Shown) -> String {
        let package = shown.package.as_deref().unwrap_or_default();
        match (shown.standing, self.0) {
            ("package", English) => {
                format!("The package manager looks after updates ({package}); the worker leaves them alone.")
            }
            ("package", TraditionalChinese) => {
                format!("更新由套件管理程式（{package}）負責；背景程式不會處理。")
            }
            (word, _) => match word {
                "takes" => self.pick(
                    "Updates are taken by themselves when no task would be lost.",
                    "會在不影響任何任務時自動更新。",
                ),
                "off" => self.pick(
                    "Updates are switched off; `hivemind-worker settings set updates true` takes them.",
                    "自動更新已關閉；輸入 `hivemind-worker settings set updates true` 可開啟。",
                ),
                "msi" => self.pick(
                    "This kind of installation does not update itself yet: install a newer version over this one.",
                    "這種安裝方式尚未支援自動更新：請直接安裝新版覆蓋目前的版本。",
                ),
                "no_key" => self.pick(
                    "This is a developer's build without a key: it takes no updates.",
                    "這是沒有金鑰的開發版本：不會自動更新。",
                ),
                _ => self.pick(
                    "This program lies where somebody copied it: it takes no updates by itself.",
                    "這個程式是由人自行複製到此處的：不會自動更新。",
                ),
            }
            .to_owned(),
        }
    }

    fn looked(self, looked_ms: Option<i64>) -> String {
        let at = looked_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let at = at.map(|at| at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string());
        match (self.0, at) {
            (English, Some(at)) => format!("Looked for last at {at}."),
            (English, None) => "Not looked for yet.".to_owned(),
            (TraditionalChinese, Some(at)) => format!("上次檢查時間為 {at}。"),
            (TraditionalChinese, None) => "尚未檢查過更新。".to_owned(),
        }
    }

    fn lies_ready(self, version: &Version) -> String {
        match self.0 {
            English => {
                format!("Version {version} lies ready and is put in place when no task would be lost.")
            }
            TraditionalChinese => format!("版本 {version} 已準備好，會在不影響任何任務時換上。"),
        }
    }

    fn offered(self, version: &Version) -> String {
        match self.0 {
            English => format!("Version {version} is offered; the worker fetches it at its next look."),
            TraditionalChinese => format!("有新版本 {version}；背景程式會在下次檢查時取得。"),
        }
    }

    fn known(self, version: &Version) -> String {
        match self.0 {
            English => format!("The newest version is {version}."),
            TraditionalChinese => format!("最新版本為 {version}。"),
        }
    }

    fn not_taken(self, why: &Why) -> String {
        match self.0 {
            English => format!("Nothing was taken at the last look: {}.", why.text),
            TraditionalChinese => {
                format!("上次檢查未採用任何更新：{}。", chinese(WHY, |word| why.word == word))
            }
        }
    }

    fn put_in_place(self, version: &Version) -> String {
        match self.0 {
            English => format!("Version {version} was put in place."),
            TraditionalChinese => format!("已換上版本 {version}。"),
        }
    }

    pub(crate) fn taken_back(self, version: &Version, why: &str) -> String {
        match self.0 {
            English => format!("Version {version} did not become well and was taken back: {why}."),
            TraditionalChinese => {
                let why = chinese(TRIAL, |word| trial_word(why) == word);
                format!("版本 {version} 沒有正常運作，已恢復先前的版本：{why}。")
            }
        }
    }

    /// The files that updates keep beside the program.
    pub(crate) fn updates_note(self) -> &'static str {
        self.pick("what updates keep beside the program", "更新功能放在程式旁邊的檔案")
    }

    pub(crate) fn not_exchanged(self, error: &dyn Display) -> String {
        match self.0 {
            English => format!("The new version is not put in place, the one before goes on: {error}"),
            TraditionalChinese => "未能換上新版本，繼續使用先前的版本。".to_owned(),
        }
    }

    pub(crate) fn version_not_started(self, error: &dyn Display) -> String {
        match self.0 {
            English => format!("the program cannot be started anew: {error}"),
            TraditionalChinese => format!("無法重新啟動程式：{}", self.cause(error)),
        }
    }
}

fn chinese(texts: &[(&str, &'static str)], which: impl Fn(&str) -> bool) -> &'static str {
    texts.iter().find(|(known, _)| which(known)).map_or("原因不明", |(_, chinese)| *chinese)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::updates::Tried;
    use crate::words::tests::english;
    use hivemind_update::Refusal;
    use hivemind_words::Language;

    const EN: Words = Words(Language::English);
    const ZH: Words = Words(Language::TraditionalChinese);

    fn shown() -> Shown {
        Shown {
            version: Version::new(0, 1, 0),
            standing: "takes",
            package: None,
            looked_ms: None,
            newest: None,
            ready: None,
            why: None,
            tried: None,
        }
    }

    fn refusals() -> Vec<Refusal> {
        let (offered, running) = (Version::new(0, 2, 0), Version::new(0, 1, 0));
        vec![
            Refusal::TooLarge { what: "manifest", bytes: 2, most: 1 },
            Refusal::SignatureUnreadable,
            Refusal::NotSigned,
            Refusal::ManifestUnreadable("eof".into()),
            Refusal::Field { field: "url", why: "not so".into() },
            Refusal::OtherProgram,
            Refusal::Expired,
            Refusal::FromTheFuture,
            Refusal::NotNewer { offered: offered.clone(), running },
            Refusal::Replayed,
            Refusal::TriedBefore(offered.clone()),
            Refusal::TooOld { offered: offered.clone(), least: offered },
            Refusal::NoArtefact("x".into()),
            Refusal::WrongSize(1),
            Refusal::WrongHash,
        ]
    }

    #[test]
    fn every_refusal_has_a_sentence_of_its_own_in_both_languages() {
        let mut said = std::collections::BTreeSet::new();
        for refusal in refusals() {
            let why = Why { word: refusal.word().to_owned(), text: refusal.to_string() };
            let shown = Shown { why: Some(why), ..shown() };
            let (en, zh) = (EN.updates(&shown).pop().unwrap(), ZH.updates(&shown).pop().unwrap());
            assert!(en.contains(&refusal.to_string()), "{en}");
            assert_eq!(english(&zh), None, "{zh}");
            assert!(!zh.contains("原因不明"), "{refusal:?}: {zh}");
            assert!(said.insert(en) && said.insert(zh), "{refusal:?} is said like another");
        }
        assert!(
            ZH.not_taken(&Why { word: "newer_than_this".into(), text: String::new() }).contains("原因不明")
        );
    }

    #[test]
    fn every_installation_is_told_how_it_stands() {
        let mut said = std::collections::BTreeSet::new();
        for standing in ["takes", "off", "package", "msi", "no_key", "unknown"] {
            let shown = Shown { standing, package: Some("deb".into()), ..shown() };
            for words in [EN, ZH] {
                let lines = words.updates(&shown);
                assert!(lines[0].contains("0.1.0"), "{lines:?}");
                assert!(said.insert(lines[1].clone()), "{standing} is said like another");
                assert_eq!(lines[1].contains("deb"), standing == "package");
                // Who takes no updates has no last look either.
                assert_eq!(lines.len() == 3, matches!(standing, "takes" | "off"), "{lines:?}");
            }
            assert!(ZH.updates(&shown).iter().all(|line| english(line).is_none()));
        }
    }

    #[test]
    fn what_was_found_is_told() {
        let (newer, same) = (Some(Version::new(0, 2, 0)), Some(Version::new(0, 1, 0)));
        let offered = Shown { newest: newer.clone(), looked_ms: Some(1_800_000_000_000), ..shown() };
        let ready = Shown { ready: newer, ..offered.clone() };
        let newest = Shown { newest: same, ..offered.clone() };
        let tried = |why: Option<&str>| {
            let tried = Tried { version: Version::new(0, 2, 0), taken_back: why.map(str::to_owned) };
            Shown { tried: Some(tried), ..newest.clone() }
        };
        let all = [
            offered.clone(),
            ready,
            newest.clone(),
            tried(None),
            tried(Some("it ended with exit status: 3")),
            tried(Some("it cannot be started: no such file or directory")),
            tried(Some("it cannot be watched: no child processes")),
            tried(Some("it did not say within 120 s that it is well")),
        ];
        let mut said = std::collections::BTreeSet::new();
        for shown in &all {
            for words in [EN, ZH] {
                let lines = words.updates(shown);
                assert!(lines.iter().any(|line| line.contains("2027-01-1")), "{lines:?}");
                assert!(said.insert(lines.clone()), "{lines:?} was said before");
                assert!(!lines.iter().any(|line| line.contains("原因不明")), "{lines:?}");
            }
            assert!(ZH.updates(shown).iter().all(|line| english(line).is_none()), "{shown:?}");
        }
    }
}
