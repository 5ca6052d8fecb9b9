//! Every sentence of the tray in both languages. A missing one does not compile.

use crate::language::Language;
use hivemind_control::{Action, DecisionReason, ErrorCode};

/// Sentences in one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self.0 {
            Language::English => english,
            Language::TraditionalChinese => chinese,
        }
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
        let why = self.because(reason);
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

    /// Why it is paused, as the end of a sentence.
    fn because(self, reason: DecisionReason) -> &'static str {
        match reason {
            DecisionReason::Suspending => self.pick("the computer goes to sleep", "電腦即將進入睡眠"),
            DecisionReason::Updating => self.pick("the worker is being updated", "背景程式正在更新"),
            DecisionReason::CriticallyHot => {
                self.pick("the computer is critically hot", "電腦溫度達到危險程度")
            }
            DecisionReason::DiskLow => self.pick("the disk has too little free room", "磁碟空間不足"),
            DecisionReason::OnBattery => self.pick("the computer runs on battery", "正在使用電池"),
            DecisionReason::TooHot => self.pick("the computer is too hot", "電腦溫度過高"),
            DecisionReason::ExclusiveApp => {
                self.pick("a program wants the computer for itself", "有程式需要獨占電腦")
            }
            DecisionReason::FullScreen => self.pick("something has the full screen", "有程式正在全螢幕顯示"),
            DecisionReason::InUse => self.pick("you're using the computer", "您正在使用電腦"),
            DecisionReason::OthersBusy => {
                self.pick("other programs keep the computer busy", "其他程式正在大量使用電腦")
            }
            DecisionReason::Schedule => self.pick("it is outside the hours you chose", "不在您選擇的時段內"),
            DecisionReason::Metered => self.pick("the network is metered", "網路為計量付費連線"),
            DecisionReason::NetworkHours => {
                self.pick("it is outside the hours you chose for the network", "不在您選擇的網路時段內")
            }
            DecisionReason::NetworkQuota => {
                self.pick("the traffic you allowed is used up", "您允許的流量已用完")
            }
            DecisionReason::TasksFailing => {
                self.pick("tasks failed on this computer", "任務在這台電腦上失敗")
            }
            // Told in other ways: by the problem's own words, or by another state of the tray.
            DecisionReason::Off
            | DecisionReason::Finishing
            | DecisionReason::ShuttingDown
            | DecisionReason::JournalFailed
            | DecisionReason::EngineUnavailable
            | DecisionReason::IsolationTooLow
            | DecisionReason::SandboxBroken
            | DecisionReason::SignInRequired
            | DecisionReason::PoolRefused
            | DecisionReason::PoolUnreachable
            | DecisionReason::Connecting
            | DecisionReason::Snoozed
            | DecisionReason::Forced
            | DecisionReason::Free => self.pick("no work is taken now", "目前不接受任務"),
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
            code.map_or(self.pick("Something needs you", "需要您處理"), |code| self.problem(code));
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
            Some(Action::UnlockKeyring) => self.pick("Unlock the keyring", "請解鎖金鑰圈"),
            Some(Action::Retry | Action::OpenDoctor | Action::StartWorker | Action::Pair) | None => {
                self.pick("The dashboard shows what to do", "主控台會說明該怎麼做")
            }
        }
    }

    /// What is wrong, as the beginning of a sentence.
    pub(crate) fn problem(self, code: ErrorCode) -> &'static str {
        match code {
            ErrorCode::EngineMissing => self.pick("Docker isn't installed", "尚未安裝 Docker"),
            ErrorCode::EngineStopped => self.pick("Docker isn't running", "Docker 未在執行"),
            ErrorCode::EngineForbidden => {
                self.pick("Docker may not be used by you", "您沒有使用 Docker 的權限")
            }
            ErrorCode::EngineTooOld => self.pick("Docker is too old", "Docker 版本過舊"),
            ErrorCode::EngineFailed => self.pick("Docker reported an internal error", "Docker 回報內部錯誤"),
            ErrorCode::ImageUnavailable => self.pick("An image cannot be downloaded", "無法下載映像檔"),
            ErrorCode::ImageRefused => self.pick("An image may not run here", "不允許執行某個映像檔"),
            ErrorCode::ImageQuestion => self.pick("An image needs your answer", "有映像檔需要您決定"),
            ErrorCode::ImageTooLarge => self.pick("An image is too large", "映像檔過大"),
            ErrorCode::GpuUnavailable => self.pick("No GPU can be given", "無法提供 GPU"),
            ErrorCode::IsolationTooLow => self.pick("Docker isolates too little", "Docker 的隔離程度不足"),
            ErrorCode::EngineVulnerable => {
                self.pick("Docker has a known vulnerability", "Docker 有已知的漏洞")
            }
            ErrorCode::TrustLimit => self.pick("A task asks for too much", "任務要求超過上限"),
            ErrorCode::SignInRequired => self.pick("You are not signed in", "您尚未登入"),
            ErrorCode::WrongCredentials => self.pick("Name or password is wrong", "帳號或密碼錯誤"),
            ErrorCode::PoolUnreachable => self.pick("The pool does not answer", "任務池沒有回應"),
            ErrorCode::PoolRefused => self.pick("The pool refuses this computer", "任務池拒絕這台電腦"),
            ErrorCode::PoolProtocol => {
                self.pick("The pool speaks another language", "任務池的通訊協定不相符")
            }
            ErrorCode::PoolNotice => self.pick("The pool has news", "任務池有新消息"),
            ErrorCode::PoolUnencrypted => self.pick("The pool is not encrypted", "任務池未加密"),
            ErrorCode::LinkConfigRefused => {
                self.pick("The private link's file is refused", "私人連線的設定檔遭拒")
            }
            ErrorCode::LinkNoHttps => {
                self.pick("The pool tells no key over HTTPS", "無法經由 HTTPS 取得任務池金鑰")
            }
            ErrorCode::LinkNoHandshake => self.pick("The private link does not answer", "私人連線沒有回應"),
            ErrorCode::LinkAddressTaken => {
                self.pick("The private link has no address", "私人連線沒有可用位址")
            }
            ErrorCode::LinkClock => self.pick("The clock is wrong", "電腦時鐘不正確"),
            ErrorCode::LinkServiceMissing => {
                self.pick("The private link's service does not run", "私人連線的服務沒有執行")
            }
            ErrorCode::LinkPermission => {
                self.pick("The private link may not change the network", "私人連線沒有變更網路的權限")
            }
            ErrorCode::LinkFailed => self.pick("The private link cannot start", "無法啟動私人連線"),
            ErrorCode::DependenciesUnavailable => {
                self.pick("A task's packages cannot be installed", "無法安裝任務的套件")
            }
            ErrorCode::NetworkRefused => {
                self.pick("A task wanted a host you do not allow", "任務想連線到您不允許的主機")
            }
            ErrorCode::NetworkQuestion => self.pick("A task asks to reach a host", "任務要求連線到主機"),
            ErrorCode::CpuHigh => self.pick("The processor is very busy", "處理器非常忙碌"),
            ErrorCode::MemoryHigh => self.pick("Memory is nearly used up", "記憶體即將用盡"),
            ErrorCode::DiskHigh => self.pick("The disk fills up", "磁碟即將滿載"),
            ErrorCode::TemperatureHigh => self.pick("The computer is hot", "電腦溫度過高"),
            ErrorCode::SensorUnreadable => self.pick("A sensor cannot be read", "有感測器無法讀取"),
            ErrorCode::SensorIgnored => self.pick("A sensor tells nonsense", "有感測器讀數異常"),
            ErrorCode::TaskNearLimit => self.pick("A task is near its limit", "有任務接近其上限"),
            ErrorCode::TaskSilent => self.pick("A task tells nothing", "有任務沒有回報"),
            ErrorCode::DebugDataGone => self.pick("There is no debugging data", "沒有除錯資料"),
            ErrorCode::DiskLow => self.pick("The disk is nearly full", "磁碟空間不足"),
            ErrorCode::FailingEngine => {
                self.pick("5 tasks in a row failed: Docker failed", "連續 5 個任務失敗：Docker 發生錯誤")
            }
            ErrorCode::FailingImage => {
                self.pick("5 tasks in a row failed: no image", "連續 5 個任務失敗：無法下載映像檔")
            }
            ErrorCode::FailingDisk => {
                self.pick("5 tasks in a row failed: the disk", "連續 5 個任務失敗：磁碟問題")
            }
            ErrorCode::FailingGpu => {
                self.pick("5 tasks in a row failed: no GPU", "連續 5 個任務失敗：無法提供 GPU")
            }
            ErrorCode::DiskUnbounded => self.pick("Tasks' disk use is not limited", "任務的磁碟用量沒有上限"),
            ErrorCode::SandboxBroken => {
                self.pick("A task could break out here", "任務在這台電腦上可能逃出隔離環境")
            }
            ErrorCode::JournalFailed => self.pick("The records cannot be written", "無法寫入紀錄"),
            ErrorCode::JournalDamaged => self.pick("The records were damaged", "紀錄曾損毀"),
            ErrorCode::KeyringLocked => self.pick("The keyring is locked", "金鑰圈已鎖定"),
            ErrorCode::InvalidSetting => self.pick("A setting is not allowed", "有一項設定不被允許"),
            ErrorCode::WindowUnavailable => self.pick("There is no window program", "沒有視窗程式"),
            ErrorCode::WorkerNotRunning => self.pick("The worker is not running", "背景程式未在執行"),
            ErrorCode::WorkerAlreadyRunning => self.pick("Another worker runs", "另一個背景程式正在執行"),
            ErrorCode::TaskUnknown => self.pick("There is no such task", "沒有這個任務"),
            ErrorCode::TaskEnded => self.pick("The task has ended", "任務已結束"),
            ErrorCode::Forbidden => self.pick("That is not allowed", "不允許這麼做"),
            ErrorCode::NotPaired => self.pick("The page is not paired", "頁面尚未配對"),
            ErrorCode::InvalidRequest => self.pick("A request was not understood", "無法理解請求"),
            ErrorCode::Internal => self.pick("Something went wrong inside", "內部發生錯誤"),
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

    pub(crate) fn quit(self) -> &'static str {
        self.pick("Quit", "結束")
    }
}
