//! How the owner reaches the worker: the page for browsers, for whom it is served, and the tray icon.

use super::judge::finding;
use super::{Facts, LanPage, TrayIcon};
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
            let fix = "End the program that has it, or choose another “Port of the browser page” (monitor_port), then restart the worker.";
            taken.fix = Some(fix.into());
            taken
        }
    }
}

/// A fingerprint as browsers show it: pairs of digits, with colons between.
fn pairs(digits: &str) -> String {
    let digits = digits.to_ascii_uppercase();
    let pairs: Vec<_> = digits.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
    pairs.join(":")
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
                "the local network is served at {}; SHA-256 of the certificate: {}",
                addresses.join(", "),
                pairs(certificate_sha256)
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

/// What draws the window is the system's own; without it a browser shows the same.
pub(super) fn window(facts: &Facts) -> Finding {
    let Some(part) = &facts.window_lacks else {
        return finding(39, "window", Level::Ok, "the window has what it needs".into());
    };
    let proof = format!("the window needs {part}, so a browser shows the page instead");
    let mut lacking = finding(39, "window", Level::Notice, proof);
    let fix = "Nothing has to be done. For a window of its own install what is missing: Microsoft's WebView2 Runtime, \
               or WebKitGTK 4.1.";
    lacking.fix = Some(fix.into());
    lacking
}

/// Without an icon the worker runs unseen, which its owner must know.
pub(super) fn tray(facts: &Facts) -> Finding {
    let well = |proof: &str| finding(37, "tray", Level::Ok, proof.into());
    match facts.tray {
        TrayIcon::Shown => well("the tray icon is shown"),
        TrayIcon::Coming => well("the tray icon is on its way"),
        TrayIcon::Unwanted => well("this worker was started without a tray icon"),
        TrayIcon::NoDesktop => well("there is no desktop here that could show a tray icon"),
        TrayIcon::NoHost => {
            let proof = "this desktop shows no tray icons; the worker runs all the same";
            let mut hidden = finding(37, "tray", Level::Notice, proof.into());
            let fix = "Open the window from the applications menu. On GNOME the extension “AppIndicator” shows the icon.";
            hidden.fix = Some(fix.into());
            hidden
        }
    }
}
