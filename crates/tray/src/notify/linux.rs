//! Notices on a Linux desktop: `org.freedesktop.Notifications` on the session bus.

use super::{Notice, NoticeBoard};
use crate::click::Click;
use async_trait::async_trait;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use zbus::zvariant::Value;
use zbus::{Connection, Proxy};

const SERVICE: &str = "org.freedesktop.Notifications";
const PLACE: &str = "/org/freedesktop/Notifications";
const APP: &str = "HiveMind Worker";
const ICON: &str = "hivemind-worker";
/// It takes no other notice's place.
const NONE_BEFORE: u32 = 0;
/// For the bus and the desktop to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// So long a click on a notice is listened for.
const LISTEN: Duration = Duration::from_secs(600);
const NORMAL: u8 = 1;
const CRITICAL: u8 = 2;
/// The desktop decides how long it stays.
const AS_USUAL: i32 = -1;

/// Notices of the session's desktop, whichever it is.
#[derive(Debug, Default)]
pub struct DesktopNotices;

#[async_trait]
impl NoticeBoard for DesktopNotices {
    async fn show(&self, notice: &Notice, clicks: &mpsc::Sender<Click>) -> Result<(), String> {
        let shown =
            timeout(ANSWER, show(notice)).await.map_err(|_| "the desktop does not answer".to_owned())?;
        let (notices, mut pressed, id) = shown.map_err(|error| error.to_string())?;
        let clicks = clicks.clone();
        tokio::spawn(async move {
            let hear = async {
                while let Some(message) = pressed.next().await {
                    if message.body().deserialize::<(u32, String)>().is_ok_and(|(of, _)| of == id) {
                        let _ = clicks.send(Click::OpenDashboard).await;
                        break;
                    }
                }
            };
            let _ = timeout(LISTEN, hear).await;
            drop(notices);
        });
        Ok(())
    }
}

async fn show(notice: &Notice) -> zbus::Result<(Proxy<'static>, zbus::proxy::SignalStream<'static>, u32)> {
    let bus = Connection::session().await?;
    let notices = Proxy::new(&bus, SERVICE, PLACE, SERVICE).await?;
    // Before the notice is there: a click must not be faster than us.
    let pressed = notices.receive_signal("ActionInvoked").await?;
    let urgency = if notice.urgent { CRITICAL } else { NORMAL };
    let hints: HashMap<&str, Value<'_>> =
        HashMap::from([("urgency", Value::U8(urgency)), ("desktop-entry", Value::from(ICON))]);
    // Some desktops read the text as markup.
    let text = notice.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // What a click on the notice itself does; desktops show no label for it.
    let actions = vec!["default", notice.title.as_str()];
    let body = (APP, NONE_BEFORE, ICON, notice.title.as_str(), text, actions, hints, AS_USUAL);
    let id: u32 = notices.call("Notify", &body).await?;
    Ok((notices, pressed, id))
}
