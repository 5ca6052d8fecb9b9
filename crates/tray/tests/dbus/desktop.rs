//! A session bus and a tray host, as a desktop has them.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Structure, Value};
use zbus::{Connection, Proxy};

pub fn has_bus_daemon() -> bool {
    Command::new("dbus-daemon").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A `dbus-daemon` at this process' session address; it dies with the value.
pub struct Bus(Child);

impl Bus {
    pub async fn start() -> Self {
        let address = std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap();
        let path = address.strip_prefix("unix:path=").unwrap();
        let _ = std::fs::remove_file(path);
        let child = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--address", &address])
            .spawn()
            .unwrap();
        while Connection::session().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        Self(child)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Watcher {
    items: watch::Sender<Vec<String>>,
    hangs: bool,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    async fn register_status_notifier_item(&self, service: String) {
        self.items.send_modify(|items| items.push(service));
        if self.hangs {
            std::future::pending::<()>().await;
        }
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

/// A tray host: takes icons, and clicks into their menus.
pub struct TrayHost {
    connection: Connection,
    items: watch::Receiver<Vec<String>>,
}

/// One line of a menu as the host received it.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: i32,
    pub label: String,
    pub enabled: bool,
    pub checked: Option<bool>,
}

impl TrayHost {
    pub async fn start() -> Self {
        Self::open(false).await
    }

    /// A host that never answers a registration.
    pub async fn hung() -> Self {
        Self::open(true).await
    }

    async fn open(hangs: bool) -> Self {
        let (sender, items) = watch::channel(Vec::new());
        let connection = zbus::connection::Builder::session()
            .unwrap()
            .serve_at("/StatusNotifierWatcher", Watcher { items: sender, hangs })
            .unwrap()
            .name("org.kde.StatusNotifierWatcher")
            .unwrap()
            .build()
            .await
            .unwrap();
        Self { connection, items }
    }

    /// The newest icon, as soon as there is one.
    pub async fn icon(&self) -> String {
        let mut items = self.items.clone();
        items.wait_for(|items| !items.is_empty()).await.unwrap().last().unwrap().clone()
    }

    async fn item(&self) -> Proxy<'static> {
        let icon = self.icon().await;
        Proxy::new(&self.connection, icon, "/StatusNotifierItem", "org.kde.StatusNotifierItem").await.unwrap()
    }

    pub async fn property<T>(&self, name: &str) -> T
    where
        T: TryFrom<OwnedValue>,
        T::Error: Into<zbus::Error>,
    {
        self.item().await.get_property(name).await.unwrap()
    }

    /// The pictures of the icon: edge and bytes, alpha before red, green and blue.
    pub async fn pictures(&self) -> Vec<(i32, Vec<u8>)> {
        let pictures: Vec<(i32, i32, Vec<u8>)> =
            self.property::<OwnedValue>("IconPixmap").await.try_into().unwrap();
        pictures.into_iter().map(|(width, height, bytes)| (width.min(height), bytes)).collect()
    }

    /// What is shown where the pointer rests: the title, and the markup under it.
    pub async fn tip(&self) -> (String, String) {
        type Tip = (String, Vec<(i32, i32, Vec<u8>)>, String, String);
        let (_, _, title, text): Tip = self.property::<OwnedValue>("ToolTip").await.try_into().unwrap();
        (title, text)
    }

    async fn menu(&self) -> Proxy<'static> {
        let path: OwnedObjectPath = self.property("Menu").await;
        Proxy::new(&self.connection, self.icon().await, path, "com.canonical.dbusmenu").await.unwrap()
    }

    pub async fn lines(&self) -> Vec<Line> {
        type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);
        let (_, (_, _, children)): (u32, Node) =
            self.menu().await.call("GetLayout", &(0_i32, -1_i32, Vec::<String>::new())).await.unwrap();
        let mut lines = Vec::new();
        flatten(children, &mut lines);
        lines
    }

    pub async fn line(&self, label: &str) -> Line {
        let lines = self.lines().await;
        lines.iter().find(|l| l.label == label).unwrap_or_else(|| panic!("no {label} in {lines:?}")).clone()
    }

    pub async fn click(&self, label: &str) {
        let line = self.line(label).await;
        let (): () =
            self.menu().await.call("Event", &(line.id, "clicked", Value::I32(0), 0_u32)).await.unwrap();
    }

    /// Clicks on the line of this number, as often as a person may.
    pub async fn click_on(&self, line: &Line) {
        let event = (line.id, "clicked", Value::I32(0), 0_u32);
        let (): () = self.menu().await.call("Event", &event).await.unwrap();
    }

    pub async fn activate(&self) {
        let (): () = self.item().await.call("Activate", &(0_i32, 0_i32)).await.unwrap();
    }
}

/// Entries and those of the menus in them, in the order in which a person reads them.
fn flatten(children: Vec<OwnedValue>, lines: &mut Vec<Line>) {
    for child in children {
        let node = Structure::try_from(child.try_clone().unwrap()).unwrap();
        let inner = Vec::<OwnedValue>::try_from(node.fields()[2].try_clone().unwrap()).unwrap_or_default();
        lines.push(line(child));
        flatten(inner, lines);
    }
}

fn line(child: OwnedValue) -> Line {
    let node = Structure::try_from(child).unwrap();
    let fields = node.fields();
    let id = i32::try_from(fields[0].try_clone().unwrap()).unwrap();
    let properties = HashMap::<String, OwnedValue>::try_from(fields[1].try_clone().unwrap()).unwrap();
    let text = |name| properties.get(name).and_then(|v| String::try_from(v.try_clone().unwrap()).ok());
    let flag = |name| properties.get(name).and_then(|v| bool::try_from(v.try_clone().unwrap()).ok());
    let state = properties.get("toggle-state").and_then(|v| i32::try_from(v.try_clone().unwrap()).ok());
    Line {
        id,
        label: text("label").unwrap_or_default(),
        enabled: flag("enabled").unwrap_or(true),
        checked: text("toggle-type").map(|_| state == Some(1)),
    }
}
