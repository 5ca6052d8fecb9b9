//! What the worker says in English sentences, in the reader's language. The sentences that it can write are known in
//! `known.rs`, `refused.rs` and `link.rs`, with their places for numbers and names. What is not known, such as an engine's own words,
//! stays as it is.

mod known;
mod link;
mod refused;

use crate::Language;
use crate::word;

/// A sentence of the worker's in the reader's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How it is shown.
    pub text: String,
    /// Whether all of it is in the reader's language.
    pub ours: bool,
}

impl Language {
    /// A sentence of the worker's, in this language as far as it is known.
    #[must_use]
    pub fn said(self, english: &str) -> Said {
        match self {
            Self::English => Said { text: english.to_owned(), ours: true },
            Self::TraditionalChinese => chinese(english),
        }
    }
}

fn chinese(english: &str) -> Said {
    if let Some(text) = of_a_place(english) {
        return Said { text, ours: true };
    }
    // Parts first: the first place of a sentence would else take in what stands before it.
    let parts: Vec<_> = english.split("; ").map(|part| (part, one(part))).collect();
    let ours = parts.iter().all(|(_, known)| known.is_some());
    if !ours && let Some(text) = one(english) {
        return Said { text, ours: true };
    }
    if parts.iter().all(|(_, known)| known.is_none()) {
        return Said { text: english.to_owned(), ours: false };
    }
    let shown = parts.into_iter().map(|(part, known)| known.unwrap_or_else(|| part.to_owned()));
    let shown: Vec<_> = shown.filter(|text| !text.is_empty()).collect();
    Said { text: shown.join("；"), ours }
}

fn tables() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    known::SENTENCES
        .iter()
        .chain(known::FIXES)
        .chain(refused::ERRORS)
        .chain(refused::ALLOWED)
        .chain(link::SENTENCES)
}

/// One known sentence. Empty where it is not worth saying.
fn one(english: &str) -> Option<String> {
    // A sentence without places first: one with places could take it for its own.
    let whole = tables().find(|(template, _)| *template == english).map(|(_, chinese)| (*chinese).to_owned());
    whole.or_else(|| {
        tables().find_map(|(template, chinese)| {
            let mut found = Vec::new();
            fits(template, english, &mut found).then(|| filled(chinese, &found))
        })
    })
}

/// `PLACE: SENTENCE`, where the place is a path or an address.
fn of_a_place(english: &str) -> Option<String> {
    let (place, rest) = english.split_once(": ")?;
    let plain = place.contains(['/', '\\', '.']) && !place.contains(' ');
    let said = plain.then(|| chinese(rest)).filter(|said| said.ours)?;
    Some(format!("{place}：{}", said.text))
}

/// Whether a text is of a template's shape, with what stands in its places; a place takes as little as it can.
fn fits<'t, 'e>(template: &'t str, english: &'e str, found: &mut Vec<(&'t str, &'e str)>) -> bool {
    let Some((before, rest)) = template.split_once('{') else { return template == english };
    let (Some(behind), Some((name, next))) = (english.strip_prefix(before), rest.split_once('}')) else {
        return false;
    };
    let ends = behind.char_indices().skip(1).map(|(at, _)| at);
    for end in ends.chain((!behind.is_empty()).then_some(behind.len())) {
        found.push((name, &behind[..end]));
        if fits(next, &behind[end..], found) {
            return true;
        }
        found.pop();
    }
    false
}

fn filled(chinese: &str, found: &[(&str, &str)]) -> String {
    // The weakest isolation is no demand.
    if found == [("word", "plain")] && chinese.starts_with("至少") {
        return String::new();
    }
    let mut text = String::new();
    let mut rest = chinese;
    while let Some((before, (name, behind))) =
        rest.split_once('{').and_then(|(before, place)| Some((before, place.split_once('}')?)))
    {
        text.push_str(before);
        let value = found.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
        text.push_str(&shown(name, value));
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// What stands in a place.
fn shown(name: &str, value: &str) -> String {
    match name {
        "isolation" | "word" | "least" => word::isolation(value).unwrap_or(value).to_owned(),
        "sensors" => {
            value.split(", ").map(|name| word::sense(name).unwrap_or(name)).collect::<Vec<_>>().join("、")
        }
        "what" => word::attempts(value).join("、"),
        "why" => why(value),
        "allowed" | "note" => chinese(value).text,
        _ => value.to_owned(),
    }
}

/// A reason, perhaps with what it is about behind it.
fn why(english: &str) -> String {
    let said = chinese(english);
    let headed =
        || english.split_once(": ").and_then(|(head, about)| Some(format!("{}：{about}", one(head)?)));
    if said.ours { said.text } else { headed().unwrap_or(said.text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::tests::page;

    fn zh(english: &str) -> String {
        Language::TraditionalChinese.said(english).text
    }

    #[test]
    fn the_worker_s_sentences_are_told_in_chinese() {
        for (english, chinese) in [
            (
                "Docker 27.3.1 answers; isolation: plain",
                "Docker 27.3.1 有回應；隔離方式：共用系統核心，已強化",
            ),
            (
                "plain: tasks share this computer's kernel, and the engine runs as root; at least plain is required",
                "共用系統核心，已強化：任務與這台電腦共用系統核心，且容器引擎以 root 身分執行",
            ),
            (
                "a task could: Send single packets, or look up names, Set the clock, Do what is new",
                "任務能夠：送出單一封包或查詢名稱、設定時鐘、Do what is new",
            ),
            (
                "cpu_only is \"maybe\", allowed is true or false",
                "cpu_only 的值「maybe」不被允許；允許的是：true 或 false",
            ),
            (
                "max_concurrent_tasks is \"0\", allowed is a whole number from 1 to 64",
                "max_concurrent_tasks 的值「0」不被允許；允許的是：1 到 64 的整數",
            ),
            ("not known before the engine is usable", "容器引擎可用之前無法得知"),
            (
                "could not reach the container engine: a container engine is installed but not running (/d.sock is \
                 missing)",
                "無法連上容器引擎：容器引擎已安裝但未執行（找不到 /d.sock）",
            ),
            ("/x/y: Permission denied (os error 13)", "/x/y：沒有權限（os error 13）"),
            (
                "/etc/s.toml: cpu_only is \"maybe\", allowed is true or false",
                "/etc/s.toml：cpu_only 的值「maybe」不被允許；允許的是：true 或 false",
            ),
            (
                "flag --max-tasks: max_concurrent_tasks is \"x\", allowed is a whole number from 1 to 64",
                "參數 --max-tasks：max_concurrent_tasks 的值「x」不被允許；允許的是：1 到 64 的整數",
            ),
            (
                "the configuration of the private link is refused (line 4, AllowedIPs): all traffic of this computer \
                 would go through the pool: 0.0.0.0/0; it would be taken with AllowedIPs = 10.8.0.0/24 alone",
                "私人連線的設定遭拒（第 4 行，AllowedIPs）：這台電腦的所有流量都會經過任務池：0.0.0.0/0；若僅保留 AllowedIPs \
                 = 10.8.0.0/24，即可採用",
            ),
            (
                "the network service hivemind-netd refused: it serves another user",
                "網路服務 hivemind-netd 拒絕：它為另一位使用者服務",
            ),
            (
                "row 3 is broken: its hash does not fit its text and the row before",
                "第 3 列已損壞：雜湊值與內容或前一列不符",
            ),
        ] {
            assert_eq!(zh(english), chinese);
        }
        let newer = Language::TraditionalChinese.said("words of a newer worker");
        assert_eq!((newer.text.as_str(), newer.ours), ("words of a newer worker", false));
        let half = Language::TraditionalChinese.said("nobody knows; the pool is reached over TLS instead");
        assert_eq!((half.text.as_str(), half.ours), ("nobody knows；改以 TLS 連線至任務池", false));
        assert_eq!(Language::English.said("any words; at all").text, "any words; at all");
    }

    #[test]
    fn what_the_page_knows_is_known_here_in_the_same_words() {
        let (english, chinese) = (page("en.json"), page("zh-TW.json"));
        // The page has a button for it, a terminal a command.
        let of_a_button = ["said_unproved", "said_and"];
        let mut compared = 0;
        for (key, template) in &english {
            let ours = ["said_", "fix_"].iter().any(|start| key.starts_with(start));
            if !ours || of_a_button.contains(&key.as_str()) {
                continue;
            }
            let mut all = known::SENTENCES.iter().chain(known::FIXES).chain(link::SENTENCES);
            let known = all.find(|(english, _)| english == template);
            let (_, ours) = known.unwrap_or_else(|| panic!("{key} is not known: {template}"));
            assert_eq!(*ours, chinese[key].replace('\u{a0}', " "), "{key}");
            compared += 1;
        }
        assert!(compared > 100, "{compared}");
    }

    #[test]
    fn both_languages_have_the_same_places() {
        let places = |text: &'static str| -> Vec<&'static str> {
            let mut names: Vec<_> =
                text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            names.sort_unstable();
            names
        };
        for (english, chinese) in tables() {
            assert_eq!(places(english), places(chinese), "{english}");
            assert!(!chinese.is_ascii(), "{chinese} is not translated");
        }
    }
}
