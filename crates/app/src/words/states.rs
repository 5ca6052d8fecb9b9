//! What the worker does: status, and what it says when it starts.

use super::Words;
use hivemind_control::{ApiError, BenchmarkView, PrivateLinkView, Snapshot, StatusState};
use hivemind_words::Language::{English, TraditionalChinese};
use std::fmt::Display;

impl Words {
    /// The first line: what it does and why.
    pub(crate) fn status(self, snapshot: &Snapshot) -> String {
        let running = snapshot.status.running_tasks;
        let until = snapshot.decision.until.as_deref();
        match snapshot.status.state {
            StatusState::Earning => match self.0 {
                English => format!("Earning · {running} running"),
                TraditionalChinese => format!("賺取中 · {running} 個任務執行中"),
            },
            StatusState::Ready => self.pick("Ready · waiting for a task", "就緒 · 等待任務").to_owned(),
            StatusState::Yielding => {
                let why = self.0.because(snapshot.decision.reason);
                match self.0 {
                    English => format!("Paused — {why}"),
                    TraditionalChinese => format!("已暫停：{why}"),
                }
            }
            StatusState::Snoozed => match (self.0, until) {
                (English, Some(until)) => format!("Snoozed until {until}"),
                (TraditionalChinese, Some(until)) => format!("休息至 {until}"),
                (_, None) => self.pick("Snoozed until you resume", "休息中，直到您恢復").to_owned(),
            },
            StatusState::Off => self.pick("Off", "已關閉").to_owned(),
            StatusState::Connecting => self.pick("Connecting", "連線中").to_owned(),
            StatusState::NeedsYou => self.pick("Needs you", "需要您處理").to_owned(),
        }
    }

    pub(crate) fn draining(self) -> &'static str {
        self.pick("Finishes what runs, then stops.", "完成執行中的任務後停止。")
    }

    pub(crate) fn goes_on_at(self, until: &str) -> String {
        match self.0 {
            English => format!("Goes on at {until}."),
            TraditionalChinese => format!("{until} 繼續。"),
        }
    }

    pub(crate) fn gpus_snoozed(self, until: Option<&str>) -> String {
        match (self.0, until) {
            (English, Some(until)) => format!("GPUs: snoozed until {until}"),
            (English, None) => "GPUs: snoozed until you resume".to_owned(),
            (TraditionalChinese, Some(until)) => format!("GPU：休息至 {until}"),
            (TraditionalChinese, None) => "GPU：休息中，直到您恢復".to_owned(),
        }
    }

    pub(crate) fn how_to_resume(self) -> &'static str {
        self.pick("`hivemind-worker snooze off` ends the pause.", "`hivemind-worker snooze off` 可結束休息。")
    }

    /// What becomes of running tasks while no new ones are taken.
    pub(crate) fn no_new_tasks(self, frozen: usize, on: usize) -> String {
        match (self.0, frozen, on) {
            (English, 0, on) => format!("Takes no new tasks; {on} running go on."),
            (English, frozen, 0) => {
                format!("Takes no new tasks; {frozen} frozen, handed back after 15 minutes.")
            }
            (English, frozen, on) => format!("Takes no new tasks; {frozen} frozen, {on} running go on."),
            (TraditionalChinese, 0, on) => format!("不接新任務；{on} 個執行中的任務會繼續。"),
            (TraditionalChinese, frozen, 0) => {
                format!("不接新任務；{frozen} 個任務已凍結，15 分鐘後交還。")
            }
            (TraditionalChinese, frozen, on) => {
                format!("不接新任務；{frozen} 個任務已凍結，{on} 個繼續執行。")
            }
        }
    }

    /// A problem with its code.
    pub(crate) fn problem(self, problem: &ApiError) -> String {
        format!("{} [{}]", self.0.error(problem), problem.code.word())
    }

    pub(crate) fn today(self, snapshot: &Snapshot) -> String {
        let t = &snapshot.today;
        let (estimated, credited, settled) = (t.estimated_cpt, t.credited_cpt, t.settled_cpt);
        match self.0 {
            English => format!(
                "Today: {estimated} CPT estimated, {credited} credited, {settled} settled, {} tasks",
                t.tasks
            ),
            TraditionalChinese => {
                format!("今天：估計 {estimated} CPT，已入帳 {credited}，已結算 {settled}，{} 個任務", t.tasks)
            }
        }
    }

    /// So much of so much; the whole where it is known.
    pub(crate) fn of(self, part: &str, whole: Option<&str>) -> String {
        match (self.0, whole) {
            (English, Some(whole)) => format!("{part} of {whole}"),
            (TraditionalChinese, Some(whole)) => format!("{part}／{whole}"),
            (_, None) => part.to_owned(),
        }
    }

    pub(crate) fn traffic(self, today: &str, month: &str) -> String {
        match self.0 {
            English => format!("Traffic: {today} today, {month} this month"),
            TraditionalChinese => format!("流量：今天 {today}，本月 {month}"),
        }
    }

    pub(crate) fn account(self, name: &str, balance: Option<i64>) -> String {
        match (self.0, balance) {
            (English, Some(cpt)) => format!("Signed in as {name} · balance {cpt} CPT"),
            (English, None) => format!("Signed in as {name}"),
            (TraditionalChinese, Some(cpt)) => format!("已登入：{name} · 餘額 {cpt} CPT"),
            (TraditionalChinese, None) => format!("已登入：{name}"),
        }
    }

    /// Which pool, how it is reached, and how work comes from there.
    pub(crate) fn pool(self, snapshot: &Snapshot) -> String {
        let pool = &snapshot.pool;
        let network = match (pool.dialect.as_str(), &pool.standing) {
            ("nodepool", Some(standing)) => self.standing(standing),
            ("nodepool", None) => self.pick("the live HiveMind network", "HiveMind 公開網路").to_owned(),
            _ => self
                .pick(
                    "a pool of hivemind.v1, asked for work from here: nobody needs to reach this computer",
                    "獨立任務池（hivemind.v1），由這台電腦主動取得工作：外界不需要連到這台電腦",
                )
                .to_owned(),
        };
        let (url, link) = (&pool.url, self.0.link(&pool.link));
        let trust = pool.trust.as_ref().map(|trust| self.0.trust(trust));
        match (self.0, trust) {
            (English, Some(trust)) => format!("Pool: {url} {link} · {network} · trust {trust}"),
            (English, None) => format!("Pool: {url} {link} · {network}"),
            (TraditionalChinese, Some(trust)) => {
                format!("任務池：{url} {link} · {network} · 信任等級：{trust}")
            }
            (TraditionalChinese, None) => format!("任務池：{url} {link} · {network}"),
        }
    }

    pub(crate) fn measured(self, fast: &BenchmarkView) -> String {
        let giga = |millions: u64| millions as f64 / 1000.0;
        let (one, all) = (giga(fast.cpu_one_mflops), giga(fast.cpu_all_mflops));
        let (memory, write) = (giga(fast.memory_mb_per_s), fast.disk_write_mb_per_s);
        match self.0 {
            English => {
                let read =
                    fast.disk_read_mb_per_s.map(|read| format!(", reads {read} MB/s")).unwrap_or_default();
                format!(
                    "Measured: {one:.1} Gflop/s on one core, {all:.1} on all · memory {memory:.1} GB/s · disk \
                     writes {write} MB/s{read}"
                )
            }
            TraditionalChinese => {
                let read =
                    fast.disk_read_mb_per_s.map(|read| format!("，讀取 {read} MB/s")).unwrap_or_default();
                format!(
                    "測得：單核心 {one:.1} Gflop/s，全部核心 {all:.1} · 記憶體 {memory:.1} GB/s · 磁碟寫入 \
                     {write} MB/s{read}"
                )
            }
        }
    }

    pub(crate) fn worker_runs(self, monitor: Option<&str>) -> String {
        match (self.0, monitor) {
            (English, Some(monitor)) => {
                format!("The worker runs. Monitor: {monitor} (pair a browser with `hivemind-worker open`)")
            }
            (TraditionalChinese, Some(monitor)) => {
                format!("背景程式執行中。瀏覽器頁面：{monitor}（以 `hivemind-worker open` 配對瀏覽器）")
            }
            (_, None) => self
                .pick(
                    "The worker runs; the monitor page is not served because its port is taken.",
                    "背景程式執行中；瀏覽器頁面的連接埠已被占用，因此無法提供。",
                )
                .to_owned(),
        }
    }

    /// The link has a new key, as a sentence of its own.
    pub(crate) fn link_renewed(self, link: &PrivateLinkView) -> String {
        match self.0 {
            English => format!("The private link has a new key: {} to {}.", link.address, link.endpoint),
            TraditionalChinese => format!("私人連線已更換金鑰：{} 至 {}。", link.address, link.endpoint),
        }
    }

    /// The link's file was taken without what is refused, as a sentence of its own.
    pub(crate) fn link_narrowed(self, link: &PrivateLinkView) -> String {
        match self.0 {
            English => format!(
                "The private link is up with a part of the file: {} to {}. The file of before lies beside {}.",
                link.address, link.endpoint, link.file
            ),
            TraditionalChinese => format!(
                "私人連線已依檔案的一部分啟動：{} 至 {}。原來的檔案保留在 {} 旁邊。",
                link.address, link.endpoint, link.file
            ),
        }
    }

    pub(crate) fn link_not_renewed(self, error: &ApiError) -> String {
        match self.0 {
            English => format!("the private link has no new key: {error}"),
            TraditionalChinese => format!("私人連線沒有更換金鑰：{}", self.0.error(error)),
        }
    }

    pub(crate) fn works_once(self, seconds: u32) -> String {
        match self.0 {
            English => format!("This address works once, within {seconds} s."),
            TraditionalChinese => format!("這個網址只能使用一次，{seconds} 秒內有效。"),
        }
    }

    pub(crate) fn looks_only(self) -> &'static str {
        self.pick(
            "Whoever opens it may look and not change anything.",
            "開啟它的瀏覽器只能檢視，無法變更任何內容。",
        )
    }

    pub(crate) fn compare_certificate(self, sha256: &str) -> String {
        match self.0 {
            English => format!(
                "The browser warns, because nobody vouches for this computer. Compare its certificate's SHA-256: {sha256}"
            ),
            TraditionalChinese => {
                format!("由於沒有機構為這台電腦背書，瀏覽器會顯示警告。請比對憑證的 SHA-256：{sha256}")
            }
        }
    }

    pub(crate) fn no_browser(self, error: &dyn Display) -> String {
        match self.0 {
            English => format!("no browser could be opened: {error}"),
            TraditionalChinese => format!("無法開啟瀏覽器：{}", self.cause(error)),
        }
    }

    pub(crate) fn password_prompt(self) -> &'static str {
        self.pick("Password: ", "密碼：")
    }

    pub(crate) fn password_unreadable(self) -> &'static str {
        self.pick("the password cannot be read", "無法讀取密碼")
    }

    pub(crate) fn signed_in(self, name: &str) -> String {
        match self.0 {
            English => format!("Signed in as {name}."),
            TraditionalChinese => format!("已登入：{name}。"),
        }
    }

    pub(crate) fn tokens_in_file(self) -> &'static str {
        self.pick(
            "warning: there is no keyring; the sign-in lies in a file that only you can read",
            "警告：這裡沒有金鑰圈；登入資訊存放在只有您能讀取的檔案中",
        )
    }
}
