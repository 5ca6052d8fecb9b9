//! Every sentence of the tray in both languages. A missing one does not compile.

use hivemind_control::{Action, DecisionReason, ErrorCode};
use hivemind_words::Language;

/// Sentences in one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        self.0.pick(english, chinese)
    }

    pub(crate) fn earning(self, tasks: u32, cpt: u64) -> String {
        match self.0 {
            Language::English if tasks == 1 => format!("Earning · 1 task · +{cpt} CPT today"),
            Language::English => format!("Earning · {tasks} tasks · +{cpt} CPT today"),
            Language::TraditionalChinese => format!("賺取中 · {tasks} 個任務 · 今日 +{cpt} CPT"),
        }
    }

    pub(crate) fn finishing(self, tasks: u32) -> String {
        match self.0 {
            Language::English if tasks == 1 => "Finishing · 1 task left".to_owned(),
            Language::English => format!("Finishing · {tasks} tasks left"),
            Language::TraditionalChinese => format!("收尾中 · 還有 {tasks} 個任務"),
        }
    }

    pub(crate) fn ready(self) -> &'static str {
        self.pick("Ready · waiting for a task", "就緒 · 等待任務")
    }

    pub(crate) fn yielding(self, reason: DecisionReason) -> String {
        let why = self.0.because(reason);
        match self.0 {
            Language::English => format!("Paused — {why}"),
            Language::TraditionalChinese => format!("已暫停：{why}"),
        }
    }

    /// `until` is a time as the clock here shows it.
    pub(crate) fn snoozed(self, until: Option<&str>) -> String {
        match (self.0, until) {
            (Language::English, Some(until)) => format!("Snoozed until {until}"),
            (Language::TraditionalChinese, Some(until)) => format!("休息至 {until}"),
            (_, None) => self.pick("Snoozed until you resume", "休息中，直到您手動繼續").to_owned(),
        }
    }

    pub(crate) fn off(self) -> &'static str {
        self.pick("Off", "已關閉")
    }

    pub(crate) fn connecting(self) -> &'static str {
        self.pick("Connecting…", "連線中…")
    }

    /// `number` counts tries from 1; `seconds` until it begins, `None` while it runs.
    pub(crate) fn reconnecting(self, number: u32, seconds: Option<u64>) -> String {
        match (self.0, seconds) {
            (Language::English, Some(s)) => format!("Reconnecting… try {number}, next in {s} s"),
            (Language::English, None) => format!("Reconnecting… try {number}"),
            (Language::TraditionalChinese, Some(s)) => format!("重新連線中…第 {number} 次，{s} 秒後再試"),
            (Language::TraditionalChinese, None) => format!("重新連線中…第 {number} 次"),
        }
    }

    pub(crate) fn needs_you(self, code: Option<ErrorCode>) -> String {
        let problem =
            code.map_or(self.pick("Something needs you", "需要您處理"), |code| self.0.problem(code));
        match self.0 {
            Language::English => format!("{problem} — open to fix"),
            Language::TraditionalChinese => format!("{problem} — 開啟以修正"),
        }
    }

    pub(crate) fn reason_connected(self, pool: &str) -> String {
        match self.0 {
            Language::English => format!("Connected to {pool}"),
            Language::TraditionalChinese => format!("已連線至 {pool}"),
        }
    }

    pub(crate) fn reason_finishing(self) -> &'static str {
        self.pick("Takes no new tasks, then stops", "不再接新任務，完成後停止")
    }

    /// `until` is a time as the clock here shows it, where it is known.
    pub(crate) fn reason_yielding(self, until: Option<&str>) -> String {
        match (self.0, until) {
            (Language::English, Some(until)) => format!("Goes on at {until}"),
            (Language::TraditionalChinese, Some(until)) => format!("{until} 繼續"),
            (_, None) => {
                self.pick("Goes on by itself when that is over", "待情況解除後會自動繼續").to_owned()
            }
        }
    }

    pub(crate) fn reason_snoozed(self) -> &'static str {
        self.pick("You asked for a pause", "您要求休息")
    }

    pub(crate) fn reason_off(self) -> &'static str {
        self.pick("Tick Contribute to begin", "勾選「貢獻」即可開始")
    }

    pub(crate) fn reason_action(self, action: Option<Action>) -> &'static str {
        match action {
            Some(Action::SignIn) => self.pick("Sign in on the dashboard", "請在主控台登入"),
            Some(Action::InstallEngine) => {
                self.pick("The dashboard shows how to install it", "主控台有安裝說明")
            }
            Some(Action::StartEngine) => self.pick("The dashboard shows how to start it", "主控台有啟動說明"),
            Some(Action::PermitEngine) => {
                self.pick("The dashboard shows how to get permission", "主控台有授權說明")
            }
            Some(Action::OpenSettings) => self.pick("Change it in the settings", "請在設定中調整"),
            Some(Action::Resume) => self.pick("Resume when it is fixed", "處理好之後請按「繼續」"),
            Some(Action::EnableVirtualization) => self.pick("Switch virtualization on", "請開啟虛擬化功能"),
            Some(Action::UnlockKeyring) => self.pick("Unlock the keyring", "請解鎖金鑰圈"),
            Some(Action::Retry | Action::OpenDoctor | Action::StartWorker | Action::Pair) | None => {
                self.pick("The dashboard shows what to do", "主控台會說明該怎麼做")
            }
        }
    }

    pub(crate) fn contribute(self) -> &'static str {
        self.pick("Contribute", "貢獻")
    }

    pub(crate) fn finish(self) -> &'static str {
        self.pick("Finish current tasks, then stop", "完成目前任務後停止")
    }

    pub(crate) fn snooze(self) -> &'static str {
        self.pick("Snooze", "休息")
    }

    pub(crate) fn for_15_minutes(self) -> &'static str {
        self.pick("For 15 minutes", "15 分鐘")
    }

    pub(crate) fn for_1_hour(self) -> &'static str {
        self.pick("For 1 hour", "1 小時")
    }

    pub(crate) fn for_3_hours(self) -> &'static str {
        self.pick("For 3 hours", "3 小時")
    }

    pub(crate) fn until_morning(self) -> &'static str {
        self.pick("Until 08:00", "到 08:00")
    }

    pub(crate) fn until_resumed(self) -> &'static str {
        self.pick("Until I resume", "直到我手動繼續")
    }

    pub(crate) fn gpus_only(self) -> &'static str {
        self.pick("GPUs only", "僅 GPU")
    }

    pub(crate) fn resume_now(self) -> &'static str {
        self.pick("Resume now", "立即繼續")
    }

    pub(crate) fn ignore_rules(self) -> &'static str {
        self.pick("Ignore rules for 1 hour", "忽略規則 1 小時")
    }

    pub(crate) fn follow_rules(self) -> &'static str {
        self.pick("Follow the rules again", "重新遵循規則")
    }

    pub(crate) fn open_dashboard(self) -> &'static str {
        self.pick("Open dashboard", "開啟主控台")
    }

    pub(crate) fn report_problem(self) -> &'static str {
        self.pick("Report a problem", "回報問題")
    }

    pub(crate) fn earnings_today(self, cpt: u64) -> String {
        match self.0 {
            Language::English => format!("Earnings today: {cpt} CPT"),
            Language::TraditionalChinese => format!("今日收益：{cpt} CPT"),
        }
    }

    pub(crate) fn notice_needs_you(self) -> &'static str {
        self.pick("HiveMind needs you", "HiveMind 需要您處理")
    }

    pub(crate) fn notice_milestone(self, cpt: u64) -> String {
        match self.0 {
            Language::English if cpt == 1 => "Your first CPT".to_owned(),
            Language::English => format!("{cpt} CPT earned"),
            Language::TraditionalChinese if cpt == 1 => "您的第一個 CPT".to_owned(),
            Language::TraditionalChinese => format!("已賺取 {cpt} CPT"),
        }
    }

    pub(crate) fn notice_milestone_text(self) -> &'static str {
        self.pick("Credited by the pool for your computer's work.", "任務池為您電腦的工作入帳。")
    }

    pub(crate) fn notice_payout(self, cpt: u64) -> String {
        match self.0 {
            Language::English => format!("{cpt} CPT settled"),
            Language::TraditionalChinese => format!("已結算 {cpt} CPT"),
        }
    }

    pub(crate) fn notice_payout_text(self) -> &'static str {
        self.pick("The pool has moved them to your account for good.", "任務池已將其正式轉入您的帳戶。")
    }

    pub(crate) fn notice_no_tray(self) -> &'static str {
        self.pick("HiveMind Worker runs without an icon", "HiveMind Worker 正在執行，但沒有圖示")
    }

    pub(crate) fn notice_no_tray_text(self) -> &'static str {
        self.pick(
            "This desktop shows no tray icons. Open the window from here or from the applications menu.",
            "這個桌面不顯示系統匣圖示。您可以從這裡或應用程式選單開啟視窗。",
        )
    }

    pub(crate) fn quit(self) -> &'static str {
        self.pick("Quit", "結束")
    }
}
