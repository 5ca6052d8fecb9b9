//! The desktop shell: one window that shows the UI and puts the worker's commands in its hands.
//!
//! Architecture invariants: it holds no state of the worker and decides nothing; it is a client of the worker's socket
//! and ends when its window is closed.

// A console would flash beside the window.
#![cfg_attr(windows, windows_subsystem = "windows")]

mod arguments;
mod commands;
mod drawing;
mod only_one;
mod page_process;
mod save;
mod window;

use anyhow::Context as _;
use hivemind_local_api::SocketClient;

/// As Rust's own programs end after a panic.
const PANICKED: i32 = 101;

fn main() -> anyhow::Result<()> {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tell(info);
        std::process::exit(PANICKED);
    }));
    let arguments = arguments::parse(std::env::args_os().skip(1))?;
    let Some(_only) = only_one::claim(&arguments.socket) else { return Ok(()) };
    tauri::Builder::default()
        .manage(SocketClient::new(arguments.socket))
        .manage(commands::Following::default())
        .invoke_handler(commands::handler())
        .setup(move |app| Ok(window::open(app.handle(), arguments.screen.as_deref())?))
        .run(tauri::generate_context!())
        .context("the window could not be opened")
}
