//! The pages' words in Traditional Chinese, as Taiwan writes it.

use super::{Page, Said};

pub(super) fn said(page: Page) -> Said {
    match page {
        Page::StaleCode => Said {
            title: "這個連結已失效",
            text: "每個連結只能在兩分鐘內讓一個瀏覽器配對一次。請在系統匣選單中選擇<b>「開啟主控台」</b>，或執行 <code>hivemind-worker open</code>，以取得新的連結。",
        },
        Page::StaleLanCode => Said {
            title: "這個連結已失效",
            text: "每個連結只能在兩分鐘內讓一個瀏覽器配對一次。請在該電腦的「設定」中，到<b>「從其他裝置檢視」</b>建立新的連結，或在該電腦上執行 <code>hivemind-worker open --lan</code>。",
        },
        Page::TooMany => Said {
            title: "錯誤的連結次數過多", text: "請等待一分鐘，再開啟新的連結。"
        },
        Page::NotPaired => Said {
            title: "這個瀏覽器尚未配對",
            text: "請在系統匣選單中選擇<b>「開啟主控台」</b>，或執行 <code>hivemind-worker open</code>，即可配對。",
        },
        Page::NotPairedLan => Said {
            title: "這個瀏覽器尚未配對",
            text: "請在該電腦的「設定」中，到<b>「從其他裝置檢視」</b>建立連結，或在該電腦上執行 <code>hivemind-worker open --lan</code>。",
        },
        Page::WrongName => Said {
            title: "無法以這個名稱開啟",
            text: "這個伺服器只接受 localhost、127.0.0.1 與 [::1]，並須使用它自己的連接埠。",
        },
        Page::WrongLanName => Said {
            title: "無法以這個名稱開啟",
            text: "這個伺服器只接受這台電腦本身的位址與名稱，並須使用它自己的連接埠。",
        },
        Page::LedHere => Said {
            title: "您是由其他網站帶到這裡的",
            text: "沒有顯示任何資料，也沒有執行任何動作。請在瀏覽器中直接輸入網址，或在系統匣選單中選擇<b>「開啟主控台」</b>。",
        },
        Page::NothingHere => Said {
            title: "這個網址沒有任何內容",
            text: "主控台就在這個位址，連接埠之後不加任何內容。",
        },
        Page::NotBuilt => Said {
            title: "背景程式正在執行",
            text: "這個版本不含網頁：建置時缺少 <code>ui/dist</code>。所有操作都可透過指令完成：<code>hivemind-worker status</code>。",
        },
    }
}
