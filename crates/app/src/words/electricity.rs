//! Electricity that work took.

use super::Words;
use hivemind_control::{ElectricitySum, ElectricityView};
use hivemind_words::Language::{English, TraditionalChinese};

/// Energy in its usual unit: thousandths of a watt-hour become Wh under a kilowatt-hour, kWh above.
fn energy(mwh: u64) -> String {
    let wh = mwh as f64 / 1000.0;
    match mwh {
        0..100_000 => format!("{wh:.2} Wh"),
        100_000..1_000_000 => format!("{wh:.0} Wh"),
        _ => format!("{:.2} kWh", wh / 1000.0),
    }
}

/// Millionths of a currency; what is not nothing is never shown as nothing.
fn money(micros: u64, currency: &str) -> String {
    let amount = match micros {
        0 => "0".to_owned(),
        1..10_000 => format!("{:.4}", micros.max(100) as f64 / 1e6),
        _ => format!("{:.2}", micros as f64 / 1e6),
    };
    format!("{amount} {currency}").trim_end().to_owned()
}

impl Words {
    /// The line below earnings: what the work took, or why that is not known.
    pub(crate) fn electricity(self, view: &ElectricityView) -> String {
        if view.sum.known_tasks == 0 {
            return self.no_electricity(&view.processor).to_owned();
        }
        let ElectricitySum { known_tasks, tasks, cpu_mwh, gpu_mwh, cost_micros } = view.sum;
        let whole = energy(cpu_mwh.saturating_add(gpu_mwh));
        let parts = if gpu_mwh > 0 {
            let (cpu, gpu) = (energy(cpu_mwh), energy(gpu_mwh));
            match self.0 {
                English => format!(" (processor {cpu}, GPUs {gpu})"),
                TraditionalChinese => format!("（處理器 {cpu}、GPU {gpu}）"),
            }
        } else {
            String::new()
        };
        let cost =
            cost_micros.map(|micros| format!(" · {}", money(micros, &view.currency))).unwrap_or_default();
        let of = match self.0 {
            _ if known_tasks == tasks => String::new(),
            English => format!(" · known for {known_tasks} of {tasks} tasks"),
            TraditionalChinese => format!(" · 已知 {tasks} 個任務中的 {known_tasks} 個"),
        };
        match self.0 {
            English => format!("Electricity above idle: {whole}{parts}{cost}{of}"),
            TraditionalChinese => format!("超出閒置的用電：{whole}{parts}{cost}{of}"),
        }
    }

    fn no_electricity(self, why: &str) -> &'static str {
        match why {
            "no_sensor" => self.pick(
                "Electricity: unknown. This computer tells no program what its processor draws.",
                "用電：不明。這台電腦不會告訴程式處理器的耗電量。",
            ),
            "no_permission" => self.pick(
                "Electricity: unknown. Only administrators may read what the processor draws; see docs/rules.md.",
                "用電：不明。只有系統管理員可以讀取處理器的耗電量；請參閱 docs/rules.md。",
            ),
            "learning" => self.pick(
                "Electricity: unknown until it was seen what this computer draws while it rests.",
                "用電：不明。需先得知這台電腦閒置時的耗電量。",
            ),
            _ => self.pick(
                "Electricity: not known for any task of this time.",
                "用電：這段期間沒有任何任務的用電資料。",
            ),
        }
    }

    /// What a what-if adds for electricity.
    pub(crate) fn with_electricity(self, mwh: u64, cost_micros: Option<u64>, currency: &str) -> String {
        match cost_micros {
            Some(micros) => format!("{} · {}", energy(mwh), money(micros, currency)),
            None => energy(mwh),
        }
    }

    /// Electricity under the present rules and under the changed ones.
    pub(crate) fn what_if_electricity(self, now: &str, changed: &str) -> String {
        match self.0 {
            English => format!("Electricity above idle: {now} as they are, {changed} changed."),
            TraditionalChinese => format!("超出閒置的用電：依您目前的規則 {now}，依其他值 {changed}。"),
        }
    }

    /// GPUs are kept for a program of the owner's.
    pub(crate) fn gpus_for_a_program(self) -> &'static str {
        self.pick("GPUs: kept free for a program you named", "GPU：正保留給您指定的程式")
    }

    /// A preset holds by the schedule.
    pub(crate) fn by_the_schedule(self, preset: &str) -> String {
        let named = self.preset(preset, &[]);
        match self.0 {
            English => format!("By your schedule the preset {named} holds now."),
            TraditionalChinese => format!("依您的時段，目前使用預設組合：{named}。"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_sensible_digits_and_little_is_not_nothing() {
        assert_eq!([0, 1234, 123_456, 1_234_567].map(energy), ["0.00 Wh", "1.23 Wh", "123 Wh", "1.23 kWh"]);
        let told = [(0, ""), (5, "EUR"), (9_999, "EUR"), (450_000, "TWD"), (12_345_678, "")];
        let told = told.map(|(micros, currency)| money(micros, currency));
        assert_eq!(told, ["0", "0.0001 EUR", "0.0100 EUR", "0.45 TWD", "12.35"]);
    }

    #[test]
    fn what_is_not_known_is_said_to_be_so() {
        let words = Words(English);
        let unknown = ElectricityView { processor: "no_permission".into(), ..ElectricityView::default() };
        assert!(words.electricity(&unknown).contains("Only administrators"));
        let sum = ElectricitySum { known_tasks: 2, tasks: 3, cpu_mwh: 12_000, gpu_mwh: 0, cost_micros: None };
        let some = ElectricityView { sum, ..ElectricityView::default() };
        assert_eq!(words.electricity(&some), "Electricity above idle: 12.00 Wh · known for 2 of 3 tasks");
        let sum = ElectricitySum { tasks: 2, gpu_mwh: 8_000, cost_micros: Some(6_400), ..sum };
        let all = ElectricityView { sum, currency: "EUR".into(), ..ElectricityView::default() };
        assert_eq!(
            words.electricity(&all),
            "Electricity above idle: 20.00 Wh (processor 12.00 Wh, GPUs 8.00 Wh) · 0.0064 EUR"
        );
    }
}
