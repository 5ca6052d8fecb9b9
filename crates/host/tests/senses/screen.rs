//! A real X server without a screen: input, and a window that takes the whole of it.

use crate::desk::{Ear, PATIENCE, nowhere};
use hivemind_domain::rules::{Sensed, Signal};
use hivemind_host::Places;
use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt, CreateWindowAux, PropMode, Window, WindowClass};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

struct Screen {
    server: Child,
    display: String,
}

impl Screen {
    fn start() -> Option<Self> {
        let mut command = Command::new("Xvfb");
        // It picks a free number itself and tells it.
        command.args(["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]);
        let Ok(mut server) = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
            println!("SKIPPED: Xvfb is not installed");
            return None;
        };
        let mut line = String::new();
        std::io::BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { server, display: format!(":{}", line.trim()) })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A program with one window, and the window manager that it asks.
struct Program {
    connection: RustConnection,
    root: Window,
    window: Window,
}

impl Program {
    fn open(display: &str) -> Self {
        let (connection, screen) = x11rb::connect(Some(display)).unwrap();
        let (root, visual) = {
            let screen = &connection.setup().roots[screen];
            (screen.root, screen.root_visual)
        };
        let window = connection.generate_id().unwrap();
        let aux = CreateWindowAux::new();
        connection
            .create_window(0, window, root, 0, 0, 800, 600, 0, WindowClass::INPUT_OUTPUT, visual, &aux)
            .unwrap();
        connection.map_window(window).unwrap();
        connection.flush().unwrap();
        Self { connection, root, window }
    }

    fn atom(&self, name: &str) -> u32 {
        self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    fn activate(&self) {
        let active = self.atom("_NET_ACTIVE_WINDOW");
        self.connection
            .change_property32(PropMode::REPLACE, self.root, active, AtomEnum::WINDOW, &[self.window])
            .unwrap();
        self.connection.flush().unwrap();
    }

    fn set_full_screen(&self, on: bool) {
        let (state, full) = (self.atom("_NET_WM_STATE"), self.atom("_NET_WM_STATE_FULLSCREEN"));
        let states: &[u32] = if on { &[full] } else { &[] };
        self.connection
            .change_property32(PropMode::REPLACE, self.window, state, AtomEnum::ATOM, states)
            .unwrap();
        self.connection.flush().unwrap();
    }

    fn move_mouse(&self) {
        self.connection.xtest_fake_input(6, 0, 0, self.root, 40, 40, 0).unwrap();
        self.connection.flush().unwrap();
    }
}

fn idle(sensed: &Sensed) -> Option<Duration> {
    if let Sensed::Idle(Signal::Value(idle)) = sensed { Some(*idle) } else { None }
}

#[tokio::test]
async fn a_window_takes_the_full_screen_and_gives_it_back() {
    let Some(screen) = Screen::start() else { return };
    let mut ear = Ear::on(Places { display: Some(screen.display.clone()), ..nowhere() });
    ear.hears(Sensed::FullScreen(Signal::Value(false))).await;
    let program = Program::open(&screen.display);
    program.activate();
    program.set_full_screen(true);
    ear.hears(Sensed::FullScreen(Signal::Value(true))).await;
    program.set_full_screen(false);
    ear.hears(Sensed::FullScreen(Signal::Value(false))).await;
    program.set_full_screen(true);
    ear.hears(Sensed::FullScreen(Signal::Value(true))).await;
    // A program that ends takes its window along; the active window names nothing any more.
    let other = Program::open(&screen.display);
    drop(program);
    other.activate();
    ear.hears(Sensed::FullScreen(Signal::Value(false))).await;
    drop(screen);
    ear.hears(Sensed::Idle(Signal::Unreadable)).await;
}

#[tokio::test]
async fn input_after_a_while_is_told_at_once() {
    let Some(screen) = Screen::start() else { return };
    let program = Program::open(&screen.display);
    let mut ear = Ear::on(Places { display: Some(screen.display.clone()), ..nowhere() });
    ear.until("the first reading", |s| idle(s).is_some()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = tokio::time::Instant::now();
    program.move_mouse();
    ear.until("somebody is back", |s| idle(s).is_some_and(|idle| idle < Duration::from_secs(1))).await;
    // Without being told, it would look every 30 s.
    assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
    assert!(before.elapsed() < PATIENCE);
}
