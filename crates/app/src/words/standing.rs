//! How this computer stands with a pool of the live network.

use super::Words;
use hivemind_control::{NetworkLedger, NetworkPay, NetworkStanding, Reach, ReachWhy};
use hivemind_words::Language;

impl Words {
    /// Which network, how work comes from it and why, and how far it trusts this computer.
    pub(super) fn standing(self, standing: &NetworkStanding) -> String {
        let way = match standing.reach {
            Reach::Push => self.pick("the pool calls this computer", "由任務池連到這台電腦交付工作"),
            Reach::Pull => self.pick("this computer asks for work", "由這台電腦主動取得工作"),
            Reach::Neither => self.pick("no work comes", "沒有工作會過來"),
        };
        let why = self.reach_why(standing.why);
        let network = self.pick("the live HiveMind network", "HiveMind 公開網路");
        let mut said = match self.0 {
            Language::English => format!("{network}: {way} ({why})"),
            Language::TraditionalChinese => format!("{network}：{way}（{why}）"),
        };
        if !standing.address.is_empty() {
            said.push_str(&format!(" · {}", standing.address));
        }
        if let Some(trust) = standing.trust {
            let word = self.pick("trust", "信任分數");
            said.push_str(&format!(" · {word} {} / 1000", trust.score));
        }
        if let Some(cpt) = standing.earned_cpt {
            let word = self.pick("earned by its ledger", "帳本所記收益");
            said.push_str(&format!(" · {word} {cpt} CPT"));
        }
        said
    }

    fn reach_why(self, why: ReachWhy) -> &'static str {
        match why {
            ReachWhy::NotConnected => self.pick("it was not reached yet", "尚未連上"),
            ReachWhy::Overlay => self.pick("through the network's overlay", "經由公開網路的覆蓋網路"),
            ReachWhy::SameComputer => self.pick("it is on this computer", "任務池就在這台電腦上"),
            ReachWhy::Chosen => self.pick("as the setting nodepool_work says", "依設定 nodepool_work"),
            ReachWhy::NoOverlayAddress => {
                self.pick("this computer has no address in its overlay", "這台電腦在覆蓋網路中沒有位址")
            }
            ReachWhy::PortTaken => {
                self.pick("another program has the port nodepool_port", "連接埠 nodepool_port 被其他程式占用")
            }
            ReachWhy::ThroughProxy => {
                self.pick("nobody calls back through a proxy", "透過代理伺服器，外界無法連回")
            }
            ReachWhy::TokensRefused => self.pick(
                "its calls are not signed with the key of nodepool_key",
                "任務池的呼叫不是用 nodepool_key 的金鑰簽署",
            ),
            ReachWhy::PushedInVain => self.pick(
                "it counted failures of tasks that never arrived here",
                "任務池把從未送達這台電腦的任務記為失敗",
            ),
            ReachWhy::LowTrust => {
                self.pick("its trust in this computer is too low", "任務池對這台電腦的信任過低")
            }
            ReachWhy::Banned => self.pick("it has banned this computer", "任務池已停用這台電腦"),
        }
    }

    pub(crate) fn network_columns(self) -> [&'static str; 6] {
        match self.0 {
            Language::English => ["TIME", "TASK", "PAID BY", "COMPUTER", "CPT", "STATE"],
            Language::TraditionalChinese => ["時間", "任務", "付款者", "電腦", "CPT", "狀態"],
        }
    }

    pub(crate) fn this_computer(self) -> &'static str {
        self.pick("this one", "這一台")
    }

    /// How the pay of a task stands, with the network's own word for it.
    pub(crate) fn network_pay(self, pay: NetworkPay, status: &str) -> String {
        let said = match pay {
            NetworkPay::Paid if !status.is_empty() => return status.to_owned(),
            NetworkPay::Paid => self.pick("paid", "已付款"),
            NetworkPay::Waiting => self.pick("waiting", "等待中"),
            NetworkPay::Unpaid => self.pick("not paid", "未付款"),
            NetworkPay::Orphaned => self.pick("orphaned", "無主"),
            NetworkPay::Withdrawn => self.pick("withdrawn", "已撤除"),
        };
        said.to_owned()
    }

    pub(crate) fn network_total(self, earner: &str, cpt: u64) -> String {
        match self.0 {
            Language::English => format!("{earner} has earned {cpt} CPT by this ledger."),
            Language::TraditionalChinese => format!("依此帳本，{earner} 共賺得 {cpt} CPT。"),
        }
    }

    /// Why something is missing in the ledger, a sentence for each kind.
    pub(crate) fn network_missing(self, ledger: &NetworkLedger) -> Vec<&'static str> {
        let has = |pay| ledger.entries.iter().any(|entry| entry.state == pay);
        let mut said = Vec::new();
        if has(NetworkPay::Waiting) {
            said.push(self.pick(
                "Waiting: the task is done, and the ledger does not have it yet.",
                "等待中：任務已完成，尚未記入帳本。",
            ));
        }
        if has(NetworkPay::Unpaid) {
            said.push(self.pick(
                "Not paid: the task is done and its requester could not pay. The network does not try again.",
                "未付款：任務已完成，但委託者無法付款。公開網路不會再試一次。",
            ));
        }
        if has(NetworkPay::Orphaned) {
            said.push(self.pick(
                "Orphaned: the task is done, and this computer had been removed from the network while its pay was \
                 open. Such pay is nobody's there; only the network's administrator can say more.",
                "無主：任務已完成，但在款項未結時，這台電腦已從公開網路移除。這樣的款項在那裡不屬於任何人；\
                 只有網路的管理員能說明。",
            ));
        }
        if has(NetworkPay::Withdrawn) {
            said.push(self.pick(
                "Withdrawn: it stood in the ledger and does so no more. Only the network's administrator can say why.",
                "已撤除：帳本原本有這一筆，現在沒有了。只有網路的管理員能說明原因。",
            ));
        }
        said
    }

    pub(crate) fn network_cut(self, entries: usize) -> String {
        match self.0 {
            Language::English => {
                format!(
                    "The network tells its newest 100 entries; {entries} rows are shown, older ones are not."
                )
            }
            Language::TraditionalChinese => {
                format!("公開網路只提供最新的 100 筆；此處顯示 {entries} 列，較舊的不在其中。")
            }
        }
    }

    pub(crate) fn no_network_ledger(self) -> &'static str {
        self.pick(
            "This pool is not the live network: its credits stand in `hivemind-worker earnings`.",
            "這個任務池不是公開網路：入帳紀錄請見 `hivemind-worker earnings`。",
        )
    }
}
