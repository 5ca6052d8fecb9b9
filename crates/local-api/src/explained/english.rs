//! The pages' words in English.

use super::{Page, Said};

pub(super) fn said(page: Page) -> Said {
    match page {
        Page::StaleCode => Said {
            title: "This link no longer works",
            text: "A link pairs one browser once, within two minutes. Choose <b>Open dashboard</b> in the tray, or run <code>hivemind-worker open</code>, to get a new one.",
        },
        Page::StaleLanCode => Said {
            title: "This link no longer works",
            text: "A link pairs one browser once, within two minutes. On the computer itself, make a new one in Settings under <b>Look from another device</b>, or run <code>hivemind-worker open --lan</code> there.",
        },
        Page::TooMany => Said { title: "Too many wrong links", text: "Wait a minute, then open a new link." },
        Page::NotPaired => Said {
            title: "This browser is not paired yet",
            text: "Choose <b>Open dashboard</b> in the tray, or run <code>hivemind-worker open</code>, to pair it.",
        },
        Page::NotPairedLan => Said {
            title: "This browser is not paired yet",
            text: "On the computer itself, make a link in Settings under <b>Look from another device</b>, or run <code>hivemind-worker open --lan</code> there.",
        },
        Page::WrongName => Said {
            title: "Not under this name",
            text: "This server answers only to localhost, 127.0.0.1 and [::1] with its own port.",
        },
        Page::WrongLanName => Said {
            title: "Not under this name",
            text: "This server answers only to this computer's own addresses and name with its own port.",
        },
        Page::LedHere => Said {
            title: "Another site led here",
            text: "Nothing was shown or done. Type the address into the browser, or choose <b>Open dashboard</b> in the tray.",
        },
        Page::NothingHere => Said {
            title: "There is nothing at this address",
            text: "The dashboard is at this address, with nothing after the port.",
        },
        Page::NotBuilt => Said {
            title: "The worker runs",
            text: "This build carries no web pages: <code>ui/dist</code> was missing when it was made. The command line does everything: <code>hivemind-worker status</code>.",
        },
    }
}
