//! Every error code as a sentence, and what a person at a terminal can do about it.

use crate::Language;
use hivemind_control::{Action, ApiError, ErrorCode};

impl Language {
    /// The error as one sentence, without a code. What the worker said beyond it is kept in its own words.
    #[must_use]
    pub fn error(self, error: &ApiError) -> String {
        match self {
            Self::English => self.one_of_several(error.code, error.message.clone()),
            Self::TraditionalChinese => {
                // Said by the command line itself, or by a pool whose words are Chinese.
                if error.message.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)) {
                    return error.message.clone();
                }
                let said = self.said(&error.message);
                let sentence = chinese(error.code);
                match (said.ours, error.message.is_empty()) {
                    (true, false) => self.one_of_several(error.code, said.text),
                    (_, true) => sentence.to_owned(),
                    (false, false) => format!("{}（{}）", sentence.trim_end_matches('。'), error.message),
                }
            }
        }
    }

    /// What was said of the last of several failures, behind what they have in common.
    #[must_use]
    pub fn one_of_several(self, code: ErrorCode, said: String) -> String {
        let several = matches!(
            code,
            ErrorCode::FailingEngine
                | ErrorCode::FailingImage
                | ErrorCode::FailingDisk
                | ErrorCode::FailingGpu
        );
        match (self, several) {
            (_, false) => said,
            (Self::English, true) => format!("{}; {said}", self.problem(code)),
            (Self::TraditionalChinese, true) => format!("{}；{said}", self.problem(code)),
        }
    }

    /// What a person at a terminal can do about it.
    #[must_use]
    pub fn at_a_terminal(self, action: Action) -> &'static str {
        match action {
            Action::SignIn => self.pick(
                "Sign in with `hivemind-worker login NAME`.",
                "請以 `hivemind-worker login NAME` 登入。",
            ),
            Action::Retry => self.pick("Try again in a while.", "請稍後再試。"),
            Action::Resume => self.pick(
                "When it is mended, `hivemind-worker start` takes work again.",
                "修復後，請以 `hivemind-worker start` 恢復接受任務。",
            ),
            Action::InstallEngine => self.pick(
                "Install Docker Engine 20.10 or newer, or Docker Desktop.",
                "請安裝 Docker Engine 20.10 以上版本，或 Docker Desktop。",
            ),
            Action::StartEngine => self.pick(
                "Start the Docker service, or open Docker Desktop.",
                "請啟動 Docker 服務，或開啟 Docker Desktop。",
            ),
            Action::PermitEngine => self.pick(
                "Allow this user to use Docker, for example with rootless Docker, then log out of this computer and back in.",
                "請允許此使用者使用 Docker（例如 rootless Docker），然後登出這台電腦再重新登入。",
            ),
            Action::OpenSettings => self.pick(
                "`hivemind-worker settings show` lists every setting with what it allows.",
                "`hivemind-worker settings show` 會列出每項設定與允許的值。",
            ),
            Action::OpenDoctor => {
                self.pick("`hivemind-worker doctor` says more.", "`hivemind-worker doctor` 會說明詳情。")
            }
            Action::StartWorker => self.pick(
                "Start it with `hivemind-worker run`, or open the window with `hivemind-worker desktop`.",
                "請以 `hivemind-worker run` 啟動，或以 `hivemind-worker desktop` 開啟視窗。",
            ),
            Action::EnableVirtualization => self.pick(
                "Switch virtualization on in the computer's firmware settings (Intel VT-x or AMD-V), then start Docker Desktop.",
                "請在電腦的韌體設定中開啟虛擬化功能（Intel VT-x 或 AMD-V），再啟動 Docker Desktop。",
            ),
            Action::UnlockKeyring => self.pick("Unlock the keyring.", "請解鎖金鑰圈。"),
            Action::Pair => self
                .pick("`hivemind-worker open` pairs a browser.", "請以 `hivemind-worker open` 配對瀏覽器。"),
        }
    }
}

/// The code's sentence, as the page has it.
fn chinese(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest => "背景程式無法理解此要求，視窗與背景程式的版本可能不同。",
        ErrorCode::InvalidSetting => "不允許此值。",
        ErrorCode::TaskUnknown => "這裡沒有此任務。",
        ErrorCode::TaskEnded => "此任務已經結束。",
        ErrorCode::WrongCredentials => "使用者名稱或密碼錯誤。",
        ErrorCode::SignInRequired => "請登入任務池，以開始賺取 CPT。",
        ErrorCode::PoolUnreachable => "任務池沒有回應。",
        ErrorCode::PoolUntrusted => "無法信任任務池的憑證。",
        ErrorCode::PoolRefused => "任務池拒絕這台電腦。",
        ErrorCode::PoolProtocol => "任務池使用了無法理解的通訊方式。",
        ErrorCode::PoolNotice => "任務池有新消息要告訴您。",
        ErrorCode::PoolUnencrypted => "任務池不提供加密。若您信任此網路，可在設定中允許。",
        ErrorCode::LinkConfigRefused => "私人連線的設定檔含有不允許的內容。請修正，或刪除後重新取得。",
        ErrorCode::LinkNoHttps => "無法經由 HTTPS 下載任務池的私人連線金鑰。請檢查其網址與憑證。",
        ErrorCode::LinkNoHandshake => "任務池的私人連線沒有回應，防火牆可能阻擋了 UDP。",
        ErrorCode::LinkAddressTaken => "任務池的私人網路沒有位址可給這台電腦。請聯絡任務池管理者。",
        ErrorCode::LinkClock => "電腦時鐘不正確，因此不使用私人連線。請校正時間。",
        ErrorCode::ClockWrong => "任務池的時間或憑證與這台電腦的時鐘不符。請檢查日期與時間。",
        ErrorCode::LinkServiceMissing => {
            "建立私人連線介面的服務（hivemind-netd）沒有執行。請啟動它，或改用背景程式內的通道。"
        }
        ErrorCode::LinkPermission => "建立私人連線介面的服務不得為這位使用者或這個程式服務。",
        ErrorCode::LinkFailed => "無法啟動私人連線。",
        ErrorCode::EngineMissing => "尚未安裝 Docker。",
        ErrorCode::EngineStopped => "Docker 未執行。",
        ErrorCode::VirtualizationOff => "虛擬化功能已關閉。",
        ErrorCode::EngineForbidden => "您尚未獲准在這台電腦上使用 Docker。",
        ErrorCode::EngineTooOld => "Docker 版本過舊，需要 20.10 或更新版本。",
        ErrorCode::EngineFailed => "Docker 回報內部錯誤。",
        ErrorCode::ImageUnavailable => "無法下載任務的映像檔。",
        ErrorCode::ImageRefused => "您的規則不允許執行這個映像檔。",
        ErrorCode::ImageQuestion => "有任務想使用的映像檔需要您決定。",
        ErrorCode::ImageTooLarge => "任務的映像檔超過您允許的大小。",
        ErrorCode::GpuUnavailable => "無法將 GPU 提供給任務。",
        ErrorCode::IsolationTooLow => "Docker 的隔離程度低於您的要求，因此不接受任務。",
        ErrorCode::EngineVulnerable => "這個 Docker 版本有已知的漏洞。",
        ErrorCode::TrustLimit => "任務要求的資源超過這台電腦信任等級的上限。",
        ErrorCode::DependenciesUnavailable => {
            "這台電腦不安裝任務的 Python 套件，或無法連到套件索引；任務已交還。"
        }
        ErrorCode::NetworkRefused => "有任務想連線到您不允許的主機，已交還任務池。",
        ErrorCode::NetworkQuestion => "有任務想連線到您尚未決定的主機，在您決定之前會交還任務池。",
        ErrorCode::CpuHigh => "處理器已持續高負載一分鐘。",
        ErrorCode::MemoryHigh => "記憶體即將用盡。",
        ErrorCode::DiskHigh => "磁碟即將滿載。",
        ErrorCode::TemperatureHigh => "電腦溫度過高。",
        ErrorCode::SensorUnreadable => "這台電腦有感測器無法讀取，因此視為使用中。",
        ErrorCode::SensorIgnored => "這台電腦有感測器的讀數不合理，因此不予採用。",
        ErrorCode::TaskNearLimit => "有任務已用掉大部分獲准的資源。",
        ErrorCode::TaskSilent => "執行中的任務沒有回報使用量。",
        ErrorCode::DebugDataGone => "此任務沒有保留任何資料；失敗任務的資料會保留數天。",
        ErrorCode::DiskLow => "磁碟空間不足。",
        ErrorCode::FailingEngine => "連續五個任務在此失敗，因為容器引擎發生錯誤。",
        ErrorCode::FailingImage => "連續五個任務在此失敗，因為無法下載標準映像檔。",
        ErrorCode::FailingDisk => "連續五個任務在此失敗，因為這台電腦的磁碟有問題。",
        ErrorCode::FailingGpu => "連續五個任務在此失敗，因為無法將 GPU 提供給任務。",
        ErrorCode::DiskUnbounded => "無法限制任務占用的磁碟總量。",
        ErrorCode::SandboxBroken => "自我測試發現任務能在這台電腦上做到不該做的事，因此不接受任務。",
        ErrorCode::JournalFailed => "背景程式無法寫入紀錄，因此不接受任務。",
        ErrorCode::SettingsFileWrong => {
            "設定檔有誤，檔案內容維持原狀，目前使用先前的設定。請修正檔案後重新啟動背景程式。"
        }
        ErrorCode::JournalDamaged => "背景程式的紀錄曾損毀。可讀取的部分已接續使用，損毀的檔案保留在旁邊。",
        ErrorCode::KeyringLocked => "系統金鑰圈已鎖定。",
        ErrorCode::WorkerNotRunning => "背景程式未執行。",
        ErrorCode::WorkerAlreadyRunning => "這裡已有另一個背景程式在執行。",
        ErrorCode::Forbidden => "無法從這裡執行此操作。",
        ErrorCode::ReadOnly => "此頁面只能檢視，無法變更任何內容。",
        ErrorCode::LanNotServed => "未開放區域網路存取。",
        ErrorCode::NotPaired => "此瀏覽器尚未配對。",
        ErrorCode::WindowUnavailable => "這台電腦沒有視窗程式。",
        ErrorCode::SaveNoFolder => "這台電腦沒有可儲存檔案的資料夾。",
        ErrorCode::SaveNoSpace => "磁碟空間不足，無法儲存檔案。",
        ErrorCode::SaveRefused => "系統不允許儲存這個檔案。",
        ErrorCode::SaveTooLarge => "檔案太大，無法從這裡儲存。",
        ErrorCode::ReceiptsUnreadable => "無法讀取收據，或有部分收據遺失。",
        ErrorCode::Internal => "背景程式發生錯誤，詳細資料列出已知內容。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_failures_says_what_they_have_in_common() {
        let failing =
            ApiError::new(ErrorCode::FailingDisk, "the last one: cannot write a: no space left on device");
        assert_eq!(
            Language::English.error(&failing),
            "5 tasks in a row failed: the disk; the last one: cannot write a: no space left on device"
        );
        assert_eq!(
            Language::TraditionalChinese.error(&failing),
            "連續 5 個任務失敗：磁碟問題；最後一個：無法寫入 a：磁碟已滿"
        );
    }

    #[test]
    fn an_error_keeps_what_is_known_of_it() {
        let zh = Language::TraditionalChinese;
        let not_running = ApiError::new(ErrorCode::WorkerNotRunning, "The worker is not running.");
        assert_eq!(Language::English.error(&not_running), "The worker is not running.");
        assert_eq!(zh.error(&not_running), "背景程式未執行。");
        let newer = ApiError::new(ErrorCode::PoolRefused, "come back on Monday");
        assert_eq!(zh.error(&newer), "任務池拒絕這台電腦（come back on Monday）");
        assert_eq!(zh.error(&ApiError::new(ErrorCode::DiskLow, "")), "磁碟空間不足。");
        assert_eq!(zh.error(&ApiError::new(ErrorCode::InvalidRequest, "沒有這個故障")), "沒有這個故障");
    }

    #[test]
    fn every_code_has_the_sentence_of_the_page() {
        let page = crate::word::tests::page("zh-TW.json");
        let variants = include_str!("../../control/src/error.rs");
        let list =
            variants.split("pub enum ErrorCode {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
        let names: Vec<&str> = list
            .lines()
            .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(','))
            .filter(|name| name.chars().all(char::is_alphanumeric))
            .collect();
        assert!(names.len() > 50, "{names:?}");
        for name in names {
            let word: String = name
                .chars()
                .enumerate()
                .flat_map(|(at, c)| {
                    let gap = (at > 0 && c.is_uppercase()).then_some('_');
                    gap.into_iter().chain([c])
                })
                .collect();
            let code: ErrorCode = serde_json::from_value(word.to_uppercase().into()).unwrap();
            let expected = page[&format!("err_{}", word.to_lowercase())].replace('\u{a0}', " ");
            assert_eq!(chinese(code), expected, "{name}");
        }
    }
}
