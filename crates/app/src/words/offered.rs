//! Being a pool, using one as a requester, and the sample tasks.

use super::Words;
use hivemind_words::Language::{English, TraditionalChinese};
use std::fmt::Display;

impl Words {
    pub(crate) fn reachable_unencrypted(self, address: impl Display) -> String {
        match self.0 {
            English => {
                format!("warning: {address} can be reached by other computers, and the link is not encrypted")
            }
            TraditionalChinese => format!("警告：其他電腦可以連到 {address}，而且連線未加密"),
        }
    }

    pub(crate) fn pool_runs(self, page: &str, workers: impl Display) -> String {
        match self.0 {
            English => format!("The pool runs. Requester page: {page} · workers: {workers}"),
            TraditionalChinese => format!("任務池執行中。委託者頁面：{page} · 背景程式連線位址：{workers}"),
        }
    }

    pub(crate) fn private_links(self, udp: impl Display) -> String {
        match self.0 {
            English => format!("Private links: UDP {udp}"),
            TraditionalChinese => format!("私人連線：UDP {udp}"),
        }
    }

    pub(crate) fn believed_with(self, fingerprint: &str) -> String {
        match self.0 {
            English => format!("Workers believe it with the setting pool_certificate_sha256 = {fingerprint}"),
            TraditionalChinese => format!("背景程式以設定 pool_certificate_sha256 = {fingerprint} 信任它"),
        }
    }

    pub(crate) fn task_id(self) -> &'static str {
        self.pick("the task's id", "任務的識別碼")
    }

    pub(crate) fn answer_broke_off(self) -> &'static str {
        self.pick("the pool's answer broke off", "任務池的回答中斷")
    }

    pub(crate) fn answer_too_large(self) -> &'static str {
        self.pick("the pool's answer is larger than 4 MiB", "任務池的回答超過 4 MiB")
    }

    pub(crate) fn answer_no_json(self, status: impl Display) -> String {
        match self.0 {
            English => format!("the pool answers {status} with no JSON"),
            TraditionalChinese => format!("任務池回答 {status}，但不是 JSON"),
        }
    }

    /// What a pool said stands as it came.
    pub(crate) fn pool_answers(self, status: impl Display, said: Option<&str>) -> String {
        match (self.0, said) {
            (English, said) => format!("the pool answers {status}: {}", said.unwrap_or("no reason given")),
            (TraditionalChinese, said) => {
                format!("任務池回答 {status}：{}", said.unwrap_or("沒有說明原因"))
            }
        }
    }

    pub(crate) fn no_address(self, url: &str) -> String {
        match self.0 {
            English => format!("{url} is not an address"),
            TraditionalChinese => format!("{url} 不是網址"),
        }
    }

    pub(crate) fn no_token(self) -> &'static str {
        self.pick("the pool's answer holds no token", "任務池的回答中沒有權杖")
    }

    pub(crate) fn no_result(self) -> &'static str {
        self.pick("the pool sent no result", "任務池沒有傳來結果")
    }

    pub(crate) fn download_broke_off(self) -> &'static str {
        self.pick("the download broke off", "下載中斷")
    }

    pub(crate) fn no_sample(self, name: &str) -> String {
        match self.0 {
            English => format!("there is no sample {name}"),
            TraditionalChinese => format!("沒有「{name}」這個範例"),
        }
    }

    pub(crate) fn no_demo_pool(self) -> &'static str {
        self.pick("the demo's pool cannot be started", "無法啟動示範用的任務池")
    }

    pub(crate) fn books(self, problem: &str) -> String {
        match self.0 {
            English => format!("the books: {problem}"),
            TraditionalChinese => format!("帳目：{problem}"),
        }
    }

    pub(crate) fn counts(self, passed: usize, failed: usize) -> String {
        match self.0 {
            English => format!("{passed} passed, {failed} failed"),
            TraditionalChinese => format!("{passed} 個通過，{failed} 個失敗"),
        }
    }

    pub(crate) fn not_ended_within(self, seconds: u64) -> String {
        match self.0 {
            English => format!("it did not end within {seconds} s"),
            TraditionalChinese => format!("沒有在 {seconds} 秒內結束"),
        }
    }

    /// What the task said stands as it came.
    pub(crate) fn ended_otherwise(self, state: &str, code: Option<i64>, said: &str) -> String {
        match (self.0, code) {
            (English, code) => format!("it ended {state} with exit code {code:?}: {said}"),
            (TraditionalChinese, Some(code)) => {
                format!("以「{}」結束，結束代碼 {code}：{said}", self.0.state(state))
            }
            (TraditionalChinese, None) => format!("以「{}」結束：{said}", self.0.state(state)),
        }
    }

    pub(crate) fn worker_knows_nothing(self) -> &'static str {
        self.pick("the worker does not know it", "背景程式不認得它")
    }

    pub(crate) fn receipt_differs(self, ours: Option<u64>, pool: u64) -> String {
        match (self.0, ours) {
            (English, ours) => format!("the worker's receipt says {ours:?} CPT, the pool {pool}"),
            (TraditionalChinese, Some(ours)) => {
                format!("背景程式的收據是 {ours} CPT，任務池是 {pool}")
            }
            (TraditionalChinese, None) => format!("背景程式沒有收據，任務池是 {pool} CPT"),
        }
    }

    pub(crate) fn receipt_names_another(self) -> &'static str {
        self.pick("the worker's receipt names another result", "背景程式的收據是另一個結果")
    }

    pub(crate) fn another_hash(self, found: &str, named: &str) -> String {
        match self.0 {
            English => format!("the downloaded result has the hash {found}, not {named}"),
            TraditionalChinese => format!("下載的結果雜湊值是 {found}，不是 {named}"),
        }
    }

    pub(crate) fn no_balance(self, audit: &str) -> String {
        match self.0 {
            English => format!("they do not balance: {audit}"),
            TraditionalChinese => format!("不平衡：{audit}"),
        }
    }

    pub(crate) fn paid_otherwise(self, paid: u64, before: (u64, u64), after: (u64, u64)) -> String {
        match self.0 {
            English => {
                format!("{paid} CPT were credited, but balances went from {before:?} to {after:?}")
            }
            TraditionalChinese => format!("入帳 {paid} CPT，但餘額從 {before:?} 變成 {after:?}"),
        }
    }

    pub(crate) fn as_it_should_be(self) -> &'static str {
        self.pick("as it should be", "正確")
    }

    pub(crate) fn paid(self, credited: u64, estimated: u64) -> String {
        match self.0 {
            English => format!("{credited} CPT credited, {estimated} estimated"),
            TraditionalChinese => format!("入帳 {credited} CPT，估計 {estimated}"),
        }
    }

    pub(crate) fn monitor_once(self, url: &str) -> String {
        match self.0 {
            English => format!("Monitor (works once, for two minutes): {url}"),
            TraditionalChinese => format!("瀏覽器頁面（只能使用一次，兩分鐘內有效）：{url}"),
        }
    }

    pub(crate) fn requester_page(self, url: &str) -> String {
        match self.0 {
            English => format!("Requester page: {url}"),
            TraditionalChinese => format!("委託者頁面：{url}"),
        }
    }

    pub(crate) fn press_to_end(self) -> &'static str {
        self.pick("Press Ctrl-C to end.", "按 Ctrl-C 結束。")
    }

    pub(crate) fn no_window(self, error: &hivemind_control::ApiError) -> String {
        match self.0 {
            English => format!("no window: {error}"),
            TraditionalChinese => format!("無法開啟視窗：{}", self.0.error(error)),
        }
    }

    pub(crate) fn holds_no(self, name: &str) -> String {
        match self.0 {
            English => format!("the result holds no {name}"),
            TraditionalChinese => format!("結果中沒有 {name}"),
        }
    }

    pub(crate) fn other_count(self, found: &str, n: u64, expected: u64) -> String {
        match self.0 {
            English => format!("{found} primes below {n}, not {expected}"),
            TraditionalChinese => format!("小於 {n} 的質數是 {found} 個，不是 {expected} 個"),
        }
    }

    pub(crate) fn other_table(self) -> &'static str {
        self.pick("the table of words differs from our own", "字詞統計表與我們計算的不同")
    }

    /// The most frequent word, and how many there are.
    pub(crate) fn word_count(self, first: Option<&str>, different: usize) -> String {
        match (self.0, first) {
            (English, first) => format!("{}, {different} different words", first.unwrap_or("no words")),
            (TraditionalChinese, Some(first)) => format!("{first}，共 {different} 個不同的字"),
            (TraditionalChinese, None) => "沒有字".to_owned(),
        }
    }

    pub(crate) fn picture_too_large(self) -> &'static str {
        self.pick("the picture is too large", "圖片太大")
    }

    pub(crate) fn other_size(self, width: u32, height: u32) -> String {
        match self.0 {
            English => format!("the picture is {width} × {height}"),
            TraditionalChinese => format!("圖片大小是 {width} × {height}"),
        }
    }

    pub(crate) fn not_grey(self) -> &'static str {
        self.pick("the picture is not grey", "圖片不是灰階")
    }

    pub(crate) fn other_pixel(self, at: (u32, u32), found: u8, expected: u8) -> String {
        let (i, j) = at;
        match self.0 {
            English => format!("pixel ({i}, {j}) is {found}, not {expected}"),
            TraditionalChinese => format!("像素 ({i}, {j}) 是 {found}，不是 {expected}"),
        }
    }

    pub(crate) fn pixels(self, width: u32, height: u32, black: usize) -> String {
        match self.0 {
            English => format!("{width} × {height} pixels, {black} in the set"),
            TraditionalChinese => format!("{width} × {height} 像素，{black} 個在集合內"),
        }
    }
}
