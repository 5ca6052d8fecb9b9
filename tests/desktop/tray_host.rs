//! A tray host as a desktop has one: takes icons, and clicks into their menus.

use std::collections::HashMap;
use tokio::sync::watch;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Structure, Value};
use zbus::{Connection, Proxy};

struct Watcher {
    items: watch::Sender<Vec<String>>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String) {
        self.items.send_modify(|items| items.push(service));
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

pub struct TrayHost {
    connection: Connection,
    items: watch::Receiver<Vec<String>>,
}

/// One line of a menu as the host received it.
#[derive(Debug, Clone)]
pub struct Line {
    id: i32,
    pub label: String,
    pub enabled: bool,
    pub checked: Option<bool>,
}

impl TrayHost {
    /// A host on the bus at this address.
    pub async fn start(bus: &str) -> Self {
        let (sender, items) = watch::channel(Vec::new());
        let builder = zbus::connection::Builder::address(bus).expect("an address");
        let builder =
            builder.serve_at("/StatusNotifierWatcher", Watcher { items: sender }).expect("an object");
        let builder = builder.name("org.kde.StatusNotifierWatcher").expect("a name");
        Self { connection: builder.build().await.expect("a connection"), items }
    }

    /// How many icons have registered so far.
    pub fn icons(&self) -> usize {
        self.items.borrow().len()
    }

    /// The newest icon, as soon as there is one.
    async fn icon(&self) -> String {
        let mut items = self.items.clone();
        items.wait_for(|items| !items.is_empty()).await.expect("the host lives").last().expect("one").clone()
    }

    pub async fn property<T>(&self, name: &str) -> T
    where
        T: TryFrom<OwnedValue>,
        T::Error: Into<zbus::Error>,
    {
        let path = "/StatusNotifierItem";
        let item = Proxy::new(&self.connection, self.icon().await, path, "org.kde.StatusNotifierItem").await;
        item.expect("an icon").get_property(name).await.expect("a property")
    }

    async fn menu(&self) -> Proxy<'static> {
        let path: OwnedObjectPath = self.property("Menu").await;
        let menu = Proxy::new(&self.connection, self.icon().await, path, "com.canonical.dbusmenu").await;
        menu.expect("a menu")
    }

    /// Lines and those of the menus in them, in the order in which a person reads them.
    pub async fn lines(&self) -> Vec<Line> {
        type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);
        let whole = &(0_i32, -1_i32, Vec::<String>::new());
        let (_, (_, _, children)): (u32, Node) =
            self.menu().await.call("GetLayout", whole).await.expect("a menu");
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
        assert!(line.enabled, "{line:?}");
        let event = (line.id, "clicked", Value::from(0_i32), 0_u32);
        let (): () = self.menu().await.call("Event", &event).await.expect("a click");
    }
}

fn flatten(children: Vec<OwnedValue>, lines: &mut Vec<Line>) {
    for child in children {
        let node = Structure::try_from(child.try_clone().expect("a copy")).expect("a line");
        let inner = Vec::<OwnedValue>::try_from(node.fields()[2].try_clone().expect("a copy"));
        lines.push(line(child));
        flatten(inner.unwrap_or_default(), lines);
    }
}

fn line(child: OwnedValue) -> Line {
    let node = Structure::try_from(child).expect("a line");
    let fields = node.fields();
    let properties =
        HashMap::<String, OwnedValue>::try_from(fields[1].try_clone().expect("a copy")).expect("properties");
    let get = |name: &str| properties.get(name).map(|value| value.try_clone().expect("a copy"));
    let text = |name| get(name).and_then(|value| String::try_from(value).ok());
    let state = get("toggle-state").and_then(|value| i32::try_from(value).ok());
    Line {
        id: i32::try_from(fields[0].try_clone().expect("a copy")).expect("a number"),
        label: text("label").unwrap_or_default(),
        enabled: get("enabled").and_then(|value| bool::try_from(value).ok()).unwrap_or(true),
        checked: text("toggle-type").map(|_| state == Some(1)),
    }
}
