//! What is the owner's to decide: settings, hosts, images; and leaving.

use super::Words;
use hivemind_control::SettingView;
use hivemind_words::Language::{English, TraditionalChinese};
use std::fmt::Display;

impl Words {
    pub(crate) fn setting_columns(self) -> [&'static str; 5] {
        match self.0 {
            English => ["KEY", "VALUE", "SOURCE", "DEFAULT", "ALLOWED"],
            TraditionalChinese => ["設定", "值", "來源", "預設", "允許"],
        }
    }

    /// One row: key and values are what commands take, and stay as they are.
    pub(crate) fn setting_row(self, v: &SettingView) -> Vec<String> {
        let allowed = self.0.said(&v.allowed).text;
        vec![v.key.clone(), v.value.clone(), self.0.source(v), v.default.clone(), allowed]
    }

    pub(crate) fn setting(self, v: &SettingView) -> String {
        let source = self.0.source(v);
        match self.0 {
            English => format!("{} = {} ({source})", v.key, v.value),
            TraditionalChinese => format!("{} = {}（{source}）", v.key, v.value),
        }
    }

    pub(crate) fn at_the_next_start(self) -> &'static str {
        self.pick("This takes effect when the worker starts anew.", "背景程式重新啟動後生效。")
    }

    pub(crate) fn policy_from(self, path: impl Display, own: bool) -> String {
        match (self.0, own) {
            (English, true) => format!("from {path}"),
            (English, false) => format!("built in; {path} takes its place"),
            (TraditionalChinese, true) => format!("來自 {path}"),
            (TraditionalChinese, false) => format!("內建；放在 {path} 的檔案會取代它"),
        }
    }

    pub(crate) fn host_question(self, host: &str, task: &str) -> String {
        match self.0 {
            English => format!("{host}  asked by {task}"),
            TraditionalChinese => format!("{host}  由「{task}」提出"),
        }
    }

    pub(crate) fn no_host_question(self) -> &'static str {
        self.pick("No task waits for a decision about a host.", "沒有任務在等待您決定主機。")
    }

    pub(crate) fn getting_image(self, image: &str, done: &str, total: &str) -> String {
        match self.0 {
            English => format!("getting {image}: {done} of {total}"),
            TraditionalChinese => format!("正在取得 {image}：{done}／{total}"),
        }
    }

    pub(crate) fn no_image_question(self) -> &'static str {
        self.pick("No image waits for an answer.", "沒有映像檔在等待您回答。")
    }

    pub(crate) fn image_columns(self) -> [&'static str; 3] {
        match self.0 {
            English => ["REPOSITORY", "WANTED", "DECLINED"],
            TraditionalChinese => ["儲存庫", "想使用的映像檔", "已婉拒"],
        }
    }

    pub(crate) fn ended_the_worker(self) -> &'static str {
        self.pick("ended the running worker", "已結束執行中的背景程式")
    }

    pub(crate) fn does_not_end(self) -> &'static str {
        self.pick("the worker was asked to end and does not", "已要求背景程式結束，但它沒有結束")
    }

    pub(crate) fn changes_unwritable(self) -> &'static str {
        self.pick("the list of changes cannot be written", "無法寫入變更清單")
    }

    pub(crate) fn start_at_login(self, place: &str) -> String {
        match self.0 {
            English => format!("start at login ({place})"),
            TraditionalChinese => format!("登入時啟動（{place}）"),
        }
    }

    pub(crate) fn keyring_entry(self, user: &str) -> String {
        match self.0 {
            English => format!("keyring entry {user}"),
            TraditionalChinese => format!("金鑰圈項目 {user}"),
        }
    }

    pub(crate) fn engine_objects(self) -> &'static str {
        self.pick("objects at the container engine", "容器引擎中的物件")
    }

    pub(crate) fn removed(self, what: impl Display) -> String {
        match self.0 {
            English => format!("removed {what}"),
            TraditionalChinese => format!("已移除 {what}"),
        }
    }

    pub(crate) fn removed_objects(self, containers: usize, volumes: usize, images: usize) -> String {
        match self.0 {
            English => format!("removed {containers} containers, {volumes} volumes, {images} images"),
            TraditionalChinese => {
                format!("已移除 {containers} 個容器、{volumes} 個磁碟區、{images} 個映像檔")
            }
        }
    }

    pub(crate) fn objects_stay(self, count: usize, first: &str) -> String {
        match self.0 {
            English => format!("{count} stay, such as {first}"),
            TraditionalChinese => format!("還有 {count} 個留下，例如 {first}"),
        }
    }

    /// What could not be taken back, and why.
    pub(crate) fn left(self, what: &str, why: &str) -> String {
        match self.0 {
            English => format!("{what}: {why}"),
            TraditionalChinese => format!("{what}：{why}"),
        }
    }

    pub(crate) fn still_there(self, text: &str) -> String {
        match self.0 {
            English => format!("left: {text}"),
            TraditionalChinese => format!("留下：{text}"),
        }
    }

    pub(crate) fn nothing_left(self) -> &'static str {
        self.pick(
            "Nothing of the worker's own is left but its programs.",
            "除了程式本身，背景程式的東西都已移除。",
        )
    }
}
