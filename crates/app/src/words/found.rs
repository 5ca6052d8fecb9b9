//! What was found out: the checks, the self-test, the computer's use, and the text for support.

use super::Words;
use crate::output::bytes;
use hivemind_control::{Finding, MetricsSample};
use hivemind_words::Language::{English, TraditionalChinese};
use std::fmt::Display;

impl Words {
    pub(crate) fn no_fault(self, fault: &str, known: &str) -> String {
        match self.0 {
            English => format!("there is no fault {fault}; there are all, {known}"),
            TraditionalChinese => format!("沒有「{fault}」這個故障；可用的有 all, {known}"),
        }
    }

    pub(crate) fn rehearsal(self, fault: &str) -> String {
        match self.0 {
            English => {
                format!("Rehearsal of {fault}: an imagined computer; nothing was looked at or changed here.")
            }
            TraditionalChinese => {
                format!("演練 {fault}：這是假想的電腦；沒有檢查或更動這台電腦的任何東西。")
            }
        }
    }

    pub(crate) fn finding(self, f: &Finding) -> String {
        let (mark, check, proof) = (self.0.mark(f.level), self.0.check(&f.check), self.0.said(&f.proof).text);
        let proof = match f.code {
            Some(code) => self.0.one_of_several(code, proof),
            None => proof,
        };
        match self.0 {
            English => format!("{:>2} {mark} {check}: {proof}", f.number),
            TraditionalChinese => format!("{:>2} {mark} {check}：{proof}", f.number),
        }
    }

    /// What to do about a finding.
    pub(crate) fn advice(self, fix: &str) -> String {
        self.0.said(fix).text
    }

    pub(crate) fn proof_columns(self) -> [&'static str; 3] {
        match self.0 {
            English => ["", "WHAT TASKS CANNOT DO HERE", "SEEN"],
            TraditionalChinese => ["", "任務在這台電腦上做不到的事", "所見"],
        }
    }

    pub(crate) fn denied(self, denied: bool) -> &'static str {
        if denied { self.pick("denied", "遭拒") } else { self.pick("GOT THROUGH", "得逞") }
    }

    pub(crate) fn proven(self, broken: usize, all: usize) -> String {
        match (self.0, broken) {
            (English, 0) => format!("All {all} attempts were denied."),
            (English, n) => format!("{n} of {all} attempts got through: this computer takes no tasks."),
            (TraditionalChinese, 0) => format!("{all} 項嘗試全部遭到拒絕。"),
            (TraditionalChinese, n) => format!("{all} 項嘗試中有 {n} 項得逞：這台電腦不接受任務。"),
        }
    }

    /// One reading of the computer's use.
    pub(crate) fn reading(self, m: &MetricsSample) -> String {
        let (cpu, tasks) = (m.cpu_percent, m.tasks_cpu_percent);
        let (memory, memory_all) = (bytes(m.memory_used_bytes), bytes(m.memory_total_bytes));
        let (disk, disk_all) = (bytes(m.disk_used_bytes), bytes(m.disk_total_bytes));
        let (received, sent) = (bytes(m.received_bytes_per_s), bytes(m.sent_bytes_per_s));
        match self.0 {
            English => {
                let load = m.load.map(|l| format!(" · load {:.2}", l[0])).unwrap_or_default();
                format!(
                    "CPU {cpu:.0} % (tasks {tasks:.0} %) · memory {memory} of {memory_all} · disk {disk} of \
                     {disk_all} · network {received}/s in, {sent}/s out{load}"
                )
            }
            TraditionalChinese => {
                let load = m.load.map(|l| format!(" · 平均負載 {:.2}", l[0])).unwrap_or_default();
                format!(
                    "CPU {cpu:.0} %（任務 {tasks:.0} %） · 記憶體 {memory}／{memory_all} · 磁碟 \
                     {disk}／{disk_all} · 網路 接收 {received}/s，傳送 {sent}/s{load}"
                )
            }
        }
    }

    pub(crate) fn gpu(self, name: &str, percent: Option<f32>) -> String {
        match (self.0, percent) {
            (English, Some(percent)) => format!("{name}: {percent:.0} %"),
            (English, None) => format!("{name}: not told"),
            (TraditionalChinese, Some(percent)) => format!("{name}：{percent:.0} %"),
            (TraditionalChinese, None) => format!("{name}：不明"),
        }
    }

    /// How often what was taken out of the text for support; the marks are those of the text.
    pub(crate) fn taken_out<'a>(self, counts: impl IntoIterator<Item = (&'a str, u32)>) -> String {
        let sums: Vec<String> = counts.into_iter().map(|(mark, count)| format!("{count} {mark}")).collect();
        match (self.0, sums.is_empty()) {
            (_, true) => self.pick("nothing had to be taken out", "沒有需要移除的內容").to_owned(),
            (English, false) => format!("taken out: {}", sums.join(", ")),
            (TraditionalChinese, false) => format!("已移除：{}", sums.join("、")),
        }
    }

    pub(crate) fn support_written(self, path: impl Display, counts: &str) -> String {
        match self.0 {
            English => format!("{path} written: {counts}"),
            TraditionalChinese => format!("已寫入 {path}：{counts}"),
        }
    }

    pub(crate) fn read_before_giving(self) -> &'static str {
        self.pick(
            "Read it before you give it away. It was not sent anywhere.",
            "傳給任何人之前請先看過。它沒有傳送到任何地方。",
        )
    }

    pub(crate) fn support_shown(self, counts: &str) -> String {
        match self.0 {
            English => format!("({counts}; `--out FILE` writes this text into a file)"),
            TraditionalChinese => format!("（{counts}；`--out FILE` 會將這段文字寫入檔案）"),
        }
    }
}
