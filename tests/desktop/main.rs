//! The product as people see it: the real window on a display of its own, the tray icon on a session bus of its own, and
//! the monitor page in a real browser; behind each a real worker at a real pool.
//!
//! The programs are the built ones: `cargo build -p hivemind-app -p hivemind-window`. What a test needs and this machine
//! lacks is named in a line that begins with `SKIPPED`.

// The drivers are for Linux; on Windows the tray and the window have tests of their own.
#![cfg(target_os = "linux")]

#[expect(dead_code, reason = "the product tests use the rest")]
#[path = "../product/engine.rs"]
mod engine;
#[expect(dead_code, reason = "the product tests use the rest")]
#[path = "../product/package.rs"]
mod package;
#[path = "../product/patience.rs"]
mod patience;
#[expect(dead_code, reason = "the product tests use the rest")]
#[path = "../product/pool.rs"]
mod pool;
#[expect(dead_code, reason = "the product tests use the rest")]
#[path = "../product/program.rs"]
mod program;
#[expect(dead_code, reason = "the product tests use the rest")]
#[path = "../product/requester.rs"]
mod requester;
#[path = "../product/scene.rs"]
mod scene;
#[expect(dead_code, reason = "the product tests use the rest")]
#[path = "../product/worker.rs"]
mod worker;

mod browser;
mod engine_door;
mod foreign;
mod launch;
mod mocks;
mod page;
mod requester_page;
mod resilience;
mod scenarios;
mod screen;
mod signals;
mod stage;
mod tray;
mod tray_host;
mod voices;
mod window;
