//! Why work is taken or not, as the end of a sentence: the same words in the tray, on the page and at the command line.

use crate::Language;
use hivemind_control::DecisionReason;

impl Language {
    /// Why work is taken or not, as the end of a sentence.
    #[must_use]
    pub fn because(self, reason: DecisionReason) -> &'static str {
        match reason {
            DecisionReason::Off => self.pick("contributing is off", "未開啟貢獻"),
            DecisionReason::Finishing => {
                self.pick("running tasks are the last ones", "執行中的任務完成後就會停止")
            }
            DecisionReason::ShuttingDown => self.pick("the worker is ending", "背景程式正在結束"),
            DecisionReason::Suspending => self.pick("the computer goes to sleep", "電腦即將進入睡眠"),
            DecisionReason::Updating => self.pick("the worker is being updated", "背景程式正在更新"),
            DecisionReason::JournalFailed => self.pick("the records cannot be written", "無法寫入紀錄"),
            DecisionReason::EngineUnavailable => {
                self.pick("the container engine cannot be used", "無法使用容器引擎")
            }
            DecisionReason::IsolationTooLow => {
                self.pick("tasks would be isolated too little", "任務的隔離程度不足")
            }
            DecisionReason::SandboxBroken => self.pick("the self-test failed", "自我測試未通過"),
            DecisionReason::DiskLow => self.pick("the disk has too little free room", "磁碟空間不足"),
            DecisionReason::TasksFailing => {
                self.pick("tasks failed on this computer", "任務在這台電腦上失敗")
            }
            DecisionReason::SignInRequired => self.pick("you are not signed in", "您尚未登入"),
            DecisionReason::PoolRefused => self.pick("the pool refuses this computer", "任務池拒絕這台電腦"),
            DecisionReason::PoolUnreachable => self.pick("the pool does not answer", "任務池沒有回應"),
            DecisionReason::Connecting => self.pick("connecting to the pool", "正在連線至任務池"),
            DecisionReason::CriticallyHot => {
                self.pick("the computer is critically hot", "電腦溫度達到危險程度")
            }
            DecisionReason::Snoozed => self.pick("you asked for a pause", "您要求休息"),
            DecisionReason::Forced => self.pick("you said to work anyway", "您要求照常工作"),
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
            DecisionReason::DearHours => {
                self.pick("electricity is expensive at this hour", "目前時段的電價較高")
            }
            DecisionReason::NetworkApp => {
                self.pick("a program wants the network for itself", "有程式需要獨占網路")
            }
            DecisionReason::Metered => self.pick("the network is metered", "網路為計量付費連線"),
            DecisionReason::NetworkHours => {
                self.pick("it is outside the hours you chose for the network", "不在您選擇的網路時段內")
            }
            DecisionReason::NetworkQuota => {
                self.pick("the traffic you allowed is used up", "您允許的流量已用完")
            }
            DecisionReason::Free => self.pick("nothing stands in the way", "沒有任何阻礙"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::tests::page;

    #[test]
    fn every_reason_is_told_in_the_words_of_the_page() {
        for (language, file) in [(Language::English, "en.json"), (Language::TraditionalChinese, "zh-TW.json")]
        {
            let page = page(file);
            let mut compared = 0;
            for (key, told) in &page {
                let Some(word) = key.strip_prefix("because_") else { continue };
                let reason: DecisionReason = serde_json::from_value(word.into()).unwrap();
                assert_eq!(language.because(reason), told, "{key} in {file}");
                compared += 1;
            }
            assert_eq!(compared, 31, "{file}");
        }
    }
}
