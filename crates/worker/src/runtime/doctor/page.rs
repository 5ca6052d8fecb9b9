//! What is served to browsers, and to whom.

use super::judge::finding;
use super::{Facts, LanPage};
use hivemind_control::{Finding, Level};
use hivemind_domain::text::plain_line;

pub(super) fn monitor(facts: &Facts) -> Finding {
    match facts.monitor {
        None => finding(34, "monitor", Level::Notice, "this program serves no page".into()),
        Some(true) => {
            finding(34, "monitor", Level::Ok, "the page for browsers is served on this computer".into())
        }
        Some(false) => {
            let proof = format!("port {} is taken, so no page is served to browsers", facts.port);
            let mut taken = finding(34, "monitor", Level::Warning, proof);
            let fix =
                "End the program that has it, or choose another “Port of the browser page” (monitor_port).";
            taken.fix = Some(fix.into());
            taken
        }
    }
}

/// The one listener that others than this computer can reach.
pub(super) fn lan(facts: &Facts) -> Finding {
    let (level, proof, fix) = match &facts.lan {
        LanPage::Off => {
            return finding(36, "monitor_lan", Level::Ok, "the local network is not served".into());
        }
        LanPage::Served { addresses, certificate_sha256 } => (
            Level::Notice,
            format!(
                "the local network is served at {}; SHA-256 of the certificate: {certificate_sha256}",
                addresses.join(" ")
            ),
            "When nobody looks from another device, switch off “Serve the local network” (monitor_on_lan).",
        ),
        LanPage::Failed { port, why: None } => (
            Level::Warning,
            format!("port {port} is taken, so the local network is not served"),
            "End the program that has it, or choose another “Port for the local network” (monitor_lan_port).",
        ),
        LanPage::Failed { why: Some(why), .. } => (
            Level::Warning,
            format!("the local network is not served: {}", plain_line(why, 300)),
            "Move monitor-lan.pem out of the data folder, then switch “Serve the local network” off and on.",
        ),
    };
    let mut told = finding(36, "monitor_lan", level, proof);
    told.fix = Some(fix.into());
    told
}
