//! Services of a desktop that are not ours: python-dbusmock answers in their place, on buses of the test's own.

use crate::patience::{LONG, until};
use crate::stage::{Owned, Stage};
use serde::Serialize;
use std::collections::HashMap;
use std::process::Stdio;
use zbus::zvariant::{DynamicType, Value};
use zbus::{Connection, Proxy};

/// The system's own Python: dbusmock is one of its packages.
pub const PYTHON: &str = "/usr/bin/python3";
/// What Debian's package python3-dbusmock brings.
pub const DBUSMOCK: &str = "/usr/lib/python3/dist-packages/dbusmock/__main__.py";

const ANY: &str = "org.freedesktop.DBus.Mock";
const UPOWER: (&str, &str, &str) =
    ("org.freedesktop.UPower", "/org/freedesktop/UPower", "org.freedesktop.UPower");
const NETWORK_MANAGER: (&str, &str, &str) =
    ("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager");
const LOGIND: (&str, &str, &str) =
    ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager");
const SESSION: &str = "org.freedesktop.login1.Session";
const SCREEN_SAVER: (&str, &str, &str) =
    ("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver", "org.freedesktop.ScreenSaver");
const MUTTER: (&str, &str, &str) =
    ("org.gnome.Mutter.IdleMonitor", "/org/gnome/Mutter/IdleMonitor/Core", "org.gnome.Mutter.IdleMonitor");

/// Time since the last input of somebody who went away long ago, unless `Touch` was called.
const IDLE: &str = "import time
self.since = getattr(self, 'since', time.monotonic() - 4000)
idle = time.monotonic() - self.since";
const TOUCH: &str = "import time
self.since = time.monotonic()";

/// NetworkManager's words for yes and no.
const METERED: [u32; 2] = [2, 1];

/// One service.
struct Mock {
    bus: Connection,
    service: (&'static str, &'static str, &'static str),
    _process: Owned,
}

impl Mock {
    /// Starts one on the bus at this address, told what to be, and waits until it is there.
    async fn start(
        stage: &Stage,
        address: &str,
        service: (&'static str, &'static str, &'static str),
        words: &[&str],
    ) -> Self {
        let mut command = stage.command(PYTHON);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", address).env("DBUS_SESSION_BUS_ADDRESS", address);
        // It prints every call.
        command.args(["-m", "dbusmock", "--session"]).args(words).stdout(Stdio::null());
        let process = Owned::start(&mut command);
        let bus = zbus::connection::Builder::address(address).expect("an address").build().await;
        let mock = Self { bus: bus.expect("a bus"), service, _process: process };
        until(&format!("{} by dbusmock", service.0), LONG, async || {
            let peer = mock.proxy(service.1, "org.freedesktop.DBus.Introspectable").await;
            let known: String = peer.call("Introspect", &()).await.ok()?;
            known.contains(service.2).then_some(())
        })
        .await;
        mock
    }

    async fn template(
        stage: &Stage,
        address: &str,
        service: (&'static str, &'static str, &'static str),
        name: &str,
    ) -> Self {
        Self::start(stage, address, service, &["--template", name]).await
    }

    async fn proxy(&self, path: &str, interface: &'static str) -> Proxy<'static> {
        let path = path.to_owned();
        Proxy::new(&self.bus, self.service.0, path, interface).await.expect("a service")
    }

    /// Calls a method of dbusmock's own.
    async fn ask(&self, method: &str, with: &(impl Serialize + DynamicType)) {
        let mock = self.proxy(self.service.1, ANY).await;
        mock.call_method(method, with).await.unwrap_or_else(|e| panic!("{method}: {e}"));
    }

    /// Changes properties of an object, and tells it as the service does.
    async fn change(&self, path: &str, interface: &str, properties: &[(&str, Value<'_>)]) {
        let properties: HashMap<&str, &Value<'_>> = properties.iter().map(|(name, to)| (*name, to)).collect();
        let mock = self.proxy(path, ANY).await;
        mock.call_method("UpdateProperties", &(interface, properties)).await.expect("changed");
    }

    /// The same for one property of the service's main object.
    async fn set(&self, name: &str, to: Value<'_>) {
        self.change(self.service.1, self.service.2, &[(name, to)]).await;
    }
}

/// UPower, NetworkManager and logind on a system bus of their own.
pub struct SystemServices {
    power: Mock,
    network: Mock,
    login: Mock,
    pub address: String,
    _bus: Owned,
}

impl SystemServices {
    /// Plugged in, unmetered, and nobody is signed in.
    pub async fn start(stage: &Stage) -> Self {
        let bus = stage.start_bus("system-bus").await;
        let address = stage.address_of("system-bus");
        let power = Mock::template(stage, &address, UPOWER, "upower").await;
        let network = Mock::template(stage, &address, NETWORK_MANAGER, "networkmanager").await;
        let login = Mock::template(stage, &address, LOGIND, "logind").await;
        // The template knows nothing of it.
        let manager = network.proxy(NETWORK_MANAGER.1, ANY).await;
        let metered = (NETWORK_MANAGER.2, "Metered", Value::from(METERED[0]));
        manager.call_method("AddProperty", &metered).await.expect("a property");
        Self { power, network, login, address, _bus: bus }
    }

    /// For a worker on this computer.
    pub fn variable(&self) -> (&'static str, String) {
        ("DBUS_SYSTEM_BUS_ADDRESS", self.address.clone())
    }

    pub async fn on_battery(&self, on: bool) {
        self.power.set("OnBattery", on.into()).await;
    }

    pub async fn metered(&self, metered: bool) {
        self.network.set("Metered", METERED[usize::from(metered)].into()).await;
    }

    /// The computer goes to sleep, or is back.
    pub async fn sleep(&self, begins: bool) {
        self.login.set("PreparingForSleep", begins.into()).await;
        let arguments = vec![Value::from(begins)];
        self.login.ask("EmitSignal", &(LOGIND.2, "PrepareForSleep", "b", arguments)).await;
    }

    /// Somebody who has signed in here, in a session of this kind.
    pub async fn here(&self, kind: &'static str) -> Session<'_> {
        self.session("c1", &[("Type", kind.into())]).await
    }

    /// Somebody who has signed in from another computer.
    pub async fn afar(&self) -> Session<'_> {
        self.session("c2", &[("Type", "tty".into()), ("Remote", true.into())]).await
    }

    async fn session(&self, name: &'static str, properties: &[(&str, Value<'_>)]) -> Session<'_> {
        self.login.ask("AddSession", &(name, "seat0", 1000_u32, "somebody", true)).await;
        let session = Session { login: &self.login, path: format!("/org/freedesktop/login1/session/{name}") };
        session.change(properties).await;
        session
    }
}

/// Somebody who is signed in.
pub struct Session<'a> {
    login: &'a Mock,
    path: String,
}

impl Session<'_> {
    async fn change(&self, properties: &[(&str, Value<'_>)]) {
        self.login.change(&self.path, SESSION, properties).await;
    }

    pub async fn lock(&self, locked: bool) {
        self.change(&[("LockedHint", locked.into())]).await;
    }

    /// Whoever it is has done nothing for long, or is back.
    pub async fn rest(&self, rests: bool) {
        self.change(&[("IdleHint", rests.into())]).await;
    }
}

/// What tells of input in a session that is not X's.
pub struct IdleService {
    mock: Mock,
}

impl IdleService {
    /// As most desktops have it: seconds since the last input, when asked.
    pub async fn screen_saver(stage: &Stage) -> Self {
        let seconds = format!("{IDLE}\nret = dbus.UInt32(int(idle))");
        Self::start(stage, SCREEN_SAVER, &[("GetSessionIdleTime", "u", seconds)]).await
    }

    /// As GNOME has it: milliseconds, and a signal at the next input.
    pub async fn mutter(stage: &Stage) -> Self {
        let milliseconds = format!("{IDLE}\nret = dbus.UInt64(int(idle * 1000))");
        let methods = [("GetIdletime", "t", milliseconds), ("AddUserActiveWatch", "u", "ret = 7".into())];
        Self::start(stage, MUTTER, &methods).await
    }

    async fn start(
        stage: &Stage,
        service: (&'static str, &'static str, &'static str),
        methods: &[(&str, &str, String)],
    ) -> Self {
        let mock =
            Mock::start(stage, &stage.bus_address(), service, &[service.0, service.1, service.2]).await;
        for (name, answers, code) in methods {
            mock.ask("AddMethod", &(service.2, *name, "", *answers, code)).await;
        }
        mock.ask("AddMethod", &(service.2, "Touch", "", "", TOUCH)).await;
        Self { mock }
    }

    /// There is input.
    pub async fn touch(&self) {
        let service = self.mock.proxy(self.mock.service.1, self.mock.service.2).await;
        service.call_method("Touch", &()).await.expect("touched");
        if self.mock.service == MUTTER {
            let fired = vec![Value::from(7_u32)];
            self.mock.ask("EmitSignal", &(MUTTER.2, "WatchFired", "u", fired)).await;
        }
    }
}
