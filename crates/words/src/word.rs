//! Stable words of the control API in Chinese. A word of a newer worker, which is not known, is shown as it is: nothing is
//! given for it.

use crate::Language;
use hivemind_control::{AttackView, Level, SettingView};

impl Language {
    fn word(self, english: &str, chinese: impl FnOnce(&str) -> Option<&'static str>) -> String {
        let known = match self {
            Self::English => None,
            Self::TraditionalChinese => chinese(english),
        };
        known.map_or_else(|| english.to_owned(), str::to_owned)
    }

    /// How a task stands or ended: a phase or a verdict.
    #[must_use]
    pub fn state(self, word: &str) -> String {
        self.word(word, |word| phase(word).or_else(|| verdict(word)))
    }

    /// What kind of end a task came to.
    #[must_use]
    pub fn exit_class(self, word: &str) -> String {
        self.word(word, |word| class(word).or_else(|| verdict(word)))
    }

    /// What a check looks at.
    #[must_use]
    pub fn check(self, word: &str) -> String {
        self.word(word, check)
    }

    /// How far the pool trusts this computer.
    #[must_use]
    pub fn trust(self, word: &str) -> String {
        self.word(word, trust)
    }

    /// How the pool is reached.
    #[must_use]
    pub fn link(self, word: &str) -> String {
        self.word(word, link)
    }

    /// Where a setting's value comes from.
    #[must_use]
    pub fn source(self, setting: &SettingView) -> String {
        self.word(&setting.source, source)
    }

    /// What the self-test tried.
    #[must_use]
    pub fn attack(self, attack: &AttackView) -> String {
        self.word(&attack.what, |_| {
            ATTACKS.iter().find(|(name, ..)| *name == attack.name).map(|(_, _, chinese)| *chinese)
        })
    }

    /// How grave a finding is: a mark as wide as the others in the same language.
    #[must_use]
    pub fn mark(self, level: Level) -> &'static str {
        match level {
            Level::Ok => self.pick("ok  ", "正常"),
            Level::Notice => self.pick("info", "提示"),
            Level::Warning => self.pick("warn", "警告"),
            Level::Error => self.pick("FAIL", "問題"),
        }
    }
}

fn phase(word: &str) -> Option<&'static str> {
    Some(match word {
        "accepted" => "已接受",
        "preparing" => "準備中",
        "running" => "執行中",
        "frozen" => "已凍結",
        "collecting" => "收集結果中",
        "uploading" => "交付中",
        "reported" => "等待結算",
        "settled" => "已結算",
        "handed_back" => "已交還",
        "lease_lost" => "已改派其他電腦",
        _ => return None,
    })
}

fn verdict(word: &str) -> Option<&'static str> {
    Some(match word {
        "succeeded" => "成功",
        "failed" => "失敗",
        "timed_out" => "逾時",
        "cancelled" => "已取消",
        "handed_back" => "已交還",
        _ => return None,
    })
}

fn class(word: &str) -> Option<&'static str> {
    Some(match word {
        "exit_code" => "程式回報錯誤",
        "out_of_memory" => "超出分配的記憶體",
        "timed_out" => "執行超過時限",
        "disk_limit" => "寫入超出分配的磁碟空間",
        "package" => "任務套件損壞或不被允許",
        "image" => "無法下載映像檔",
        "engine" => "容器引擎發生錯誤",
        "result" => "無法取出結果",
        _ => return None,
    })
}

fn check(word: &str) -> Option<&'static str> {
    Some(match word {
        "engine" => "容器引擎",
        "pool" => "任務池",
        "sign_in" => "登入",
        "account" => "登入",
        "disk" => "磁碟空間",
        "clock" => "時鐘",
        "gpu" => "GPU",
        "image" => "任務映像檔",
        "journal" => "本機紀錄",
        "store" => "本機紀錄",
        "keyring" => "金鑰圈",
        "tunnel" => "私人連線",
        "settings" => "設定",
        "memory" => "記憶體",
        "link" => "加密",
        "encryption" => "加密",
        "socket" => "存取",
        "monitor" => "瀏覽器頁面",
        "monitor_lan" => "區域網路頁面",
        "tray" => "系統匣圖示",
        "window" => "視窗",
        "tuning" => "系統設定",
        "isolation" => "隔離",
        "task_disk" => "任務的磁碟用量",
        "sensors" => "感測器",
        "sandbox" => "容器自我測試",
        "known_holes" => "已知漏洞",
        "tasks" => "任務失敗",
        _ => return None,
    })
}

fn trust(word: &str) -> Option<&'static str> {
    Some(match word {
        "low" => "低",
        "medium" => "中",
        "high" => "高",
        _ => return None,
    })
}

fn link(word: &str) -> Option<&'static str> {
    Some(match word {
        "tls" => "已加密（TLS）",
        "tunnel" => "私人連線（WireGuard）",
        "overlay" => "覆蓋網路",
        "loopback" => "本機內部連線",
        "unencrypted" => "未加密",
        _ => return None,
    })
}

fn source(word: &str) -> Option<&'static str> {
    Some(match word {
        "default" => "預設",
        "file" => "您的選擇",
        "environment" => "環境變數",
        "flag" => "命令列",
        _ => return None,
    })
}

/// How strongly tasks are kept apart.
pub(crate) fn isolation(word: &str) -> Option<&'static str> {
    Some(match word {
        "plain" => "共用系統核心，已強化",
        "userns" => "使用者命名空間",
        "rootless" => "無 root 權限（rootless）",
        "gvisor" => "gVisor 沙箱",
        "vm" => "虛擬機器",
        _ => return None,
    })
}

/// What the computer notices.
pub(crate) fn sense(word: &str) -> Option<&'static str> {
    Some(match word {
        "suspend" => "即將睡眠",
        "update" => "更新",
        "disk" => "磁碟可用空間",
        "cpu heat" => "處理器溫度",
        "gpu heat" => "GPU 溫度",
        "battery" => "電池",
        "exclusive app" => "獨占程式",
        "full screen" => "全螢幕",
        "idle" => "鍵盤與滑鼠",
        "lock" => "螢幕鎖定",
        "remote session" => "遠端連線",
        "other programs" => "其他程式",
        "metered" => "計量付費網路",
        "traffic" => "流量",
        _ => return None,
    })
}

/// The self-test's attempts, of which the worker tells the English words; some have a comma of their own.
pub(crate) fn attempts(list: &str) -> Vec<&str> {
    let mut told = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let ends = |words: &str| {
            rest.strip_prefix(words).is_some_and(|behind| behind.is_empty() || behind.starts_with(", "))
        };
        let (words, length) = match ATTACKS.iter().find(|(_, english, _)| ends(english)) {
            Some((_, english, chinese)) => (*chinese, english.len()),
            None => {
                let length = rest.find(", ").unwrap_or(rest.len());
                (&rest[..length], length)
            }
        };
        told.push(words);
        rest = &rest[length..];
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    told
}

/// Name, English and Chinese.
const ATTACKS: &[(&str, &str, &str)] = &[
    ("host_files", "See files of this computer", "看到這台電腦的檔案"),
    ("system_files", "Change files of its system", "修改系統檔案"),
    ("engine_socket", "Command the container engine", "指揮容器引擎"),
    ("device_nodes", "Make or open disks and other devices", "建立或開啟磁碟等裝置"),
    ("other_programs", "See other programs of this computer", "看到這台電腦的其他程式"),
    ("watcher_memory", "Read or change the program that watches it", "讀取或修改監看它的程式"),
    ("kernel_memory", "Read the kernel's memory and messages", "讀取核心的記憶體與訊息"),
    ("kernel_settings", "Change settings of the kernel", "修改核心設定"),
    ("system_requests", "Press the kernel's emergency keys", "按下核心的緊急按鍵"),
    ("control_groups", "Lift its own limits", "解除自身的限制"),
    ("internet", "Reach the internet", "連上網際網路"),
    ("local_network", "Reach devices in your home or office network", "連到家中或辦公室網路的裝置"),
    ("host_services", "Reach services of this computer over the network", "透過網路連到這台電腦的服務"),
    ("cloud_metadata", "Read a cloud's credentials", "讀取雲端憑證"),
    ("host_loopback", "Reach programs that listen on this computer only", "連到只在本機監聽的程式"),
    ("datagrams", "Send single packets, or look up names", "送出單一封包或查詢名稱"),
    ("raw_sockets", "Make or listen to network packets of its own", "自製或竊聽網路封包"),
    ("network_settings", "See or change network cards and firewalls", "查看或更改網路卡與防火牆"),
    ("root_user", "Become the administrator", "成為系統管理員"),
    ("rights", "Hold any of the administrator's rights", "持有任何管理員權限"),
    ("setuid_programs", "Gain rights by starting a privileged program", "藉由啟動特權程式取得權限"),
    ("call_filter", "Call every function of the kernel", "呼叫核心的所有功能"),
    ("mount", "Mount disks", "掛載磁碟"),
    ("change_root", "Change what it sees as its root folder", "更改它所見的根目錄"),
    ("namespaces", "Make spaces in which it would be administrator", "建立自己能當管理員的空間"),
    ("trace", "Debug other programs", "對其他程式除錯"),
    ("keyring", "Use the kernel's keyrings", "使用核心的金鑰圈"),
    ("clock", "Set the clock", "設定時鐘"),
    ("host_name", "Rename the computer", "更改電腦名稱"),
    ("kernel_module", "Load code into the kernel", "把程式碼載入核心"),
    ("priority", "Put itself before your own programs", "搶在您的程式之前執行"),
    ("processes", "Start processes without end (fork bomb)", "無止盡地啟動處理程序（fork 炸彈）"),
    ("open_files", "Open files without end", "無止盡地開啟檔案"),
    ("memory", "Fill the memory", "塞滿記憶體"),
    ("large_file", "Make one file larger than its share of the disk", "建立超過磁碟配額的單一檔案"),
    ("core_dump", "Write its memory to the disk when it crashes", "當機時把記憶體寫入磁碟"),
    ("disk", "Fill the disk", "塞滿磁碟"),
];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The page's messages.
    pub(crate) fn page(file: &str) -> BTreeMap<String, String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/messages").join(file);
        let page: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        // Those with a plural are another kind of thing.
        page.into_iter().filter_map(|(key, told)| Some((key, told.as_str()?.to_owned()))).collect()
    }

    #[test]
    fn words_are_those_of_the_page() {
        let (english, chinese) = (page("en.json"), page("zh-TW.json"));
        type Known = fn(&str) -> Option<&'static str>;
        let known: [(&str, Known); 7] = [
            ("phase_", phase),
            ("verdict_", verdict),
            ("class_", class),
            ("trust_", trust),
            ("source_", source),
            ("isolation_", isolation),
            ("sense_", |word| sense(&word.replace('_', " "))),
        ];
        for (start, word) in known {
            let mut compared = 0;
            for (key, told) in &chinese {
                let Some(name) = key.strip_prefix(start).filter(|name| *name != "demanded") else { continue };
                assert_eq!(word(name), Some(told.as_str()), "{key}");
                compared += 1;
            }
            assert!(compared > 2, "{start}");
        }
        for (name, what, told) in ATTACKS {
            let key = format!("attack_{name}");
            assert_eq!((*what, *told), (english[&key].as_str(), chinese[&key].as_str()));
        }
        assert_eq!(ATTACKS.len(), chinese.keys().filter(|key| key.starts_with("attack_")).count());
        for word in ["tls", "tunnel"] {
            assert_eq!(link(word), Some(chinese[&format!("link_{word}")].as_str()), "{word}");
        }
        for word in ["tunnel", "monitor", "monitor_lan", "tasks"] {
            assert_eq!(check(word), Some(chinese[&format!("check_{word}")].as_str()), "{word}");
        }
    }

    #[test]
    fn a_word_that_is_not_known_stays() {
        let zh = Language::TraditionalChinese;
        assert_eq!((zh.state("running").as_str(), zh.state("pondering").as_str()), ("執行中", "pondering"));
        assert_eq!(Language::English.state("running"), "running");
    }
}
