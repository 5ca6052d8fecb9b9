//! How this computer stands with a pool of the live network.

use super::Words;
use hivemind_control::{NetworkStanding, Reach, ReachWhy};
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
}
