//! What is wrong, in the few words that a menu has room for.

use crate::Language;
use hivemind_control::ErrorCode;

impl Language {
    /// That only functions are taken, which need no container, and why.
    #[must_use]
    pub fn functions_only(self, problem: Option<ErrorCode>) -> String {
        let only = self.pick("Only small functions", "僅限小型函式");
        match (self, problem.map(|code| self.problem(code))) {
            (_, None) => only.to_owned(),
            (Self::English, Some(why)) => format!("{only}: {why}"),
            (Self::TraditionalChinese, Some(why)) => format!("{only}：{why}"),
        }
    }

    /// What is wrong, as the beginning of a sentence.
    #[must_use]
    pub fn problem(self, code: ErrorCode) -> &'static str {
        match code {
            ErrorCode::EngineMissing => self.pick("Docker isn't installed", "尚未安裝 Docker"),
            ErrorCode::VirtualizationOff => self.pick("Virtualization is switched off", "虛擬化功能已關閉"),
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
            ErrorCode::PoolUntrusted => {
                self.pick("The pool's certificate is not trusted", "任務池的憑證不受信任")
            }
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
            ErrorCode::ClockWrong => {
                self.pick("The clock or the pool's certificate is wrong", "時鐘或任務池的憑證不正確")
            }
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
            ErrorCode::SettingsFileWrong => self.pick("The settings file has a mistake", "設定檔有誤"),
            ErrorCode::JournalDamaged => self.pick("The records were damaged", "紀錄曾損毀"),
            ErrorCode::KeyringLocked => self.pick("The keyring is locked", "金鑰圈已鎖定"),
            ErrorCode::InvalidSetting => self.pick("A setting is not allowed", "有一項設定不被允許"),
            ErrorCode::WindowUnavailable => self.pick("There is no window program", "沒有視窗程式"),
            ErrorCode::SaveNoFolder => self.pick("There is no folder to save in", "沒有可儲存的資料夾"),
            ErrorCode::SaveNoSpace => self.pick("There is no room to save a file", "沒有空間儲存檔案"),
            ErrorCode::SaveRefused => self.pick("A file was not saved", "檔案未能儲存"),
            ErrorCode::SaveTooLarge => self.pick("A file is too large to save", "檔案太大，無法儲存"),
            ErrorCode::ReceiptsUnreadable => self.pick("The receipts cannot be read", "無法讀取收據"),
            ErrorCode::WorkerNotRunning => self.pick("The worker is not running", "背景程式未在執行"),
            ErrorCode::WorkerAlreadyRunning => self.pick("Another worker runs", "另一個背景程式正在執行"),
            ErrorCode::TaskUnknown => self.pick("There is no such task", "沒有這個任務"),
            ErrorCode::TaskEnded => self.pick("The task has ended", "任務已結束"),
            ErrorCode::Forbidden => self.pick("That is not allowed", "不允許這麼做"),
            ErrorCode::ReadOnly => self.pick("This page may only look", "此頁面只能檢視"),
            ErrorCode::LanNotServed => self.pick("The local network is not served", "未開放區域網路存取"),
            ErrorCode::NotPaired => self.pick("The page is not paired", "頁面尚未配對"),
            ErrorCode::InvalidRequest => self.pick("A request was not understood", "無法理解請求"),
            ErrorCode::Internal => self.pick("Something went wrong inside", "內部發生錯誤"),
        }
    }
}
