//! A window of the same size with nothing in it: what every Tauri window costs. The benchmarks compare ours with it.

use tauri::{WebviewUrl, WebviewWindowBuilder};

fn main() -> tauri::Result<()> {
    tauri::Builder::default()
        .setup(|app| {
            let window = WebviewWindowBuilder::new(app, "main", WebviewUrl::default()).title("empty");
            window.inner_size(1100.0, 720.0).center().build()?;
            Ok(())
        })
        .run(tauri::generate_context!("examples/empty/tauri.conf.json"))
}
