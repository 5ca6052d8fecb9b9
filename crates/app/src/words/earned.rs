//! Tasks, their reports, what was earned, what the time went for, and the ledger of receipts.

use super::Words;
use hivemind_control::{DecisionReason, PhasesView, ReportView};
use hivemind_store::Broken;
use hivemind_words::Language::{English, TraditionalChinese};
use std::fmt::Display;

impl Words {
    pub(crate) fn task_columns(self) -> [&'static str; 8] {
        match self.0 {
            English => ["TASK", "TRY", "NAME", "STATE", "EXIT", "RAN", "MEMORY", "CPT"],
            TraditionalChinese => ["任務", "次", "名稱", "狀態", "代碼", "執行時間", "記憶體", "CPT"],
        }
    }

    pub(crate) fn file_columns(self) -> [&'static str; 2] {
        match self.0 {
            English => ["FILE", "SIZE"],
            TraditionalChinese => ["檔案", "大小"],
        }
    }

    pub(crate) fn files_are_in(self, count: usize, folder: impl Display) -> String {
        match self.0 {
            English => format!("{count} files are in {folder}."),
            TraditionalChinese => format!("{count} 個檔案已放入 {folder}。"),
        }
    }

    pub(crate) fn no_plain_file(self, path: impl Display) -> String {
        match self.0 {
            English => format!("{path} is no plain file"),
            TraditionalChinese => format!("{path} 不是一般檔案"),
        }
    }

    pub(crate) fn outcome(self, r: &ReportView) -> String {
        let class = self.0.exit_class(&r.exit_class);
        match (self.0, r.exit_code) {
            (English, Some(code)) => format!("Outcome: {class}, exit code {code}"),
            (English, None) => format!("Outcome: {class}"),
            (TraditionalChinese, Some(code)) => format!("結果：{class}，結束代碼 {code}"),
            (TraditionalChinese, None) => format!("結果：{class}"),
        }
    }

    pub(crate) fn times(self, r: &ReportView, peak: &str) -> String {
        let [wall, cpu, gpu] = [r.wall_ms, r.cpu_ms, r.gpu_ms].map(|ms| self.duration(ms));
        match self.0 {
            English => format!("Wall time {wall} · CPU time {cpu} · GPU time {gpu} · peak memory {peak}"),
            TraditionalChinese => {
                format!("實際時間 {wall} · CPU 時間 {cpu} · GPU 時間 {gpu} · 記憶體峰值 {peak}")
            }
        }
    }

    pub(crate) fn moved(self, package: &str, outputs: &str, disk: &str, network: &str) -> String {
        match self.0 {
            English => format!(
                "Package {package} · outputs {outputs} · disk traffic {disk} · network traffic {network}"
            ),
            TraditionalChinese => {
                format!("套件 {package} · 輸出 {outputs} · 磁碟流量 {disk} · 網路流量 {network}")
            }
        }
    }

    pub(crate) fn phases(self, p: PhasesView) -> String {
        let told = [
            (self.pick("waiting", "等待"), p.queue_ms),
            (self.pick("package", "取得套件"), p.fetch_ms),
            (self.pick("image", "下載映像檔"), p.pull_ms),
            (self.pick("preparing", "準備"), p.prepare_ms),
            (self.pick("running", "執行"), p.run_ms),
            (self.pick("gathering", "收集輸出"), p.collect_ms),
            (self.pick("sending", "傳送"), p.upload_ms),
        ];
        let told = told.map(|(name, ms)| format!("{name} {}", self.duration(ms))).join(" · ");
        match self.0 {
            English => format!("Phases: {told}"),
            TraditionalChinese => format!("各階段：{told}"),
        }
    }

    pub(crate) fn function(self) -> &'static str {
        self.pick(
            "A managed function: it ran without a container.",
            "小型函式（managed function）：未使用容器執行。",
        )
    }

    pub(crate) fn image(self, digest: &str) -> String {
        match self.0 {
            English => format!("Image: {digest}"),
            TraditionalChinese => format!("映像檔：{digest}"),
        }
    }

    pub(crate) fn earnings_columns(self) -> [&'static str; 5] {
        match self.0 {
            English => ["DAY", "TASKS", "ESTIMATED CPT", "CREDITED CPT", "SETTLED CPT"],
            TraditionalChinese => ["日期", "任務數", "估計 CPT", "已入帳 CPT", "已結算 CPT"],
        }
    }

    pub(crate) fn all_days(self) -> &'static str {
        self.pick("all", "全部")
    }

    /// The preset's name, which commands take, and what differs from it.
    pub(crate) fn preset(self, name: &str, differs: &[String]) -> String {
        let named = match (self.0, name) {
            (TraditionalChinese, "quiet") => "安靜（quiet）".to_owned(),
            (TraditionalChinese, "balanced") => "平衡（balanced）".to_owned(),
            (TraditionalChinese, "max") => "最大（max）".to_owned(),
            (English | TraditionalChinese, _) => name.to_owned(),
        };
        match (self.0, differs) {
            (_, []) => named,
            (English, differs) => format!("{named}, but for {}", differs.join(", ")),
            (TraditionalChinese, differs) => format!("{named}，但更改過：{}", differs.join("、")),
        }
    }

    /// A stretch of time by its reason.
    pub(crate) fn reason(self, reason: DecisionReason) -> String {
        match (self.0, reason) {
            (_, DecisionReason::InUse) => self
                .pick("you used the computer: tasks had a smaller share", "您使用電腦：任務的份額較小")
                .to_owned(),
            (English, DecisionReason::Free) => "nothing stood in the way".to_owned(),
            (English, reason) => {
                let word =
                    serde_json::to_value(reason).ok().and_then(|word| word.as_str().map(str::to_owned));
                word.unwrap_or_default().replace('_', " ")
            }
            (TraditionalChinese, reason) => self.0.because(reason).to_owned(),
        }
    }

    /// How long tasks computed, behind a reason.
    pub(crate) fn computed(self, whole_ms: u64, working_ms: u64) -> String {
        match (self.0, working_ms) {
            (_, 0) => String::new(),
            (_, working) if working == whole_ms => {
                self.pick(", tasks computed all the time", "，任務全程運算").to_owned()
            }
            (English, working) => format!(", tasks computed for {}", clock(working)),
            (TraditionalChinese, working) => format!("，任務運算了 {}", clock(working)),
        }
    }

    pub(crate) fn did_not_run(self) -> &'static str {
        self.pick("the worker did not run", "背景程式未執行")
    }

    pub(crate) fn no_change(self, text: &str) -> String {
        match self.0 {
            English => format!("\"{text}\" is no change; allowed is KEY=VALUE"),
            TraditionalChinese => format!("「{text}」不是變更；格式為 KEY=VALUE"),
        }
    }

    pub(crate) fn what_if_columns(self) -> [&'static str; 3] {
        match self.0 {
            English => ["RULES", "HOURS OF WORK", "CPT"],
            TraditionalChinese => ["規則", "工作時間", "CPT"],
        }
    }

    /// The three rows: what really ran, the rules now, and the changed ones.
    pub(crate) fn what_if_rows(self) -> [&'static str; 3] {
        match self.0 {
            English => ["as it was", "as they are", "changed"],
            TraditionalChinese => ["實際情況", "依您目前的規則", "依其他值"],
        }
    }

    pub(crate) fn unknown(self) -> &'static str {
        self.pick("unknown", "不明")
    }

    pub(crate) fn signals_known(self, known: &str, whole: &str) -> String {
        match self.0 {
            English => format!(
                "Signals are known for {known} of {whole}.\nCPT assumes that each hour and share is paid as it was \
                 then."
            ),
            TraditionalChinese => format!("{whole} 之中，已知 {known} 的資料。\nCPT 以當時的報酬估算。"),
        }
    }

    pub(crate) fn ledger_sound(self, rows: u64, cpt: u64) -> String {
        match self.0 {
            English => format!("{rows} receipts, {cpt} CPT: all as they were written"),
            TraditionalChinese => format!("{rows} 張收據，{cpt} CPT：全部與寫入時相同"),
        }
    }

    pub(crate) fn signed_by(self, key: &str) -> String {
        match self.0 {
            English => format!("signed by {key}"),
            TraditionalChinese => format!("簽署金鑰：{key}"),
        }
    }

    pub(crate) fn receipts_written(self, rows: u64, path: impl Display) -> String {
        match self.0 {
            English => {
                format!("{path} written: {rows} receipts; `hivemind-worker verify-ledger FILE` checks them")
            }
            TraditionalChinese => {
                format!("已寫入 {path}：{rows} 張收據；`hivemind-worker verify-ledger FILE` 可加以檢查")
            }
        }
    }

    pub(crate) fn ledger_broken(self, broken: &Broken) -> String {
        self.0.said(&broken.to_string()).text
    }
}

/// A length of time as `h:mm:ss`.
pub(crate) fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
