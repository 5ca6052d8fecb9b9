//! The one window.

use crate::commands::Following;
use crate::{drawing, page_process};
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

const LABEL: &str = "main";

/// Opens it at a screen, or at Home.
pub(crate) fn open(app: &AppHandle, screen: Option<&str>) -> tauri::Result<()> {
    let page =
        screen.map_or_else(WebviewUrl::default, |name| WebviewUrl::App(format!("index.html#/{name}").into()));
    let window = WebviewWindowBuilder::new(app, LABEL, page)
        .title("HiveMind Worker")
        .inner_size(1100.0, 720.0)
        .min_inner_size(900.0, 600.0)
        .center()
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Started {
                window.state::<Following>().new_page();
            }
        })
        .build()?;
    drawing::by_processor(&window)?;
    page_process::follow(&window)
}

/// Nothing but the embedded UI is ever shown: the commands would be in the hands of another page.
fn is_ours(url: &tauri::Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => cfg!(windows) && url.host_str() == Some("tauri.localhost"),
        _ => false,
    }
}

/// Brings the window to the front. A compositor may show a mark in its task bar instead.
pub(crate) fn raise(window: &WebviewWindow) {
    let _ = window.unminimize();
    let _ = window.show();
    let _ = window.set_focus();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_embedded_ui_is_shown() {
        let ours =
            if cfg!(windows) { "http://tauri.localhost/index.html" } else { "tauri://localhost/index.html" };
        assert!(is_ours(&ours.parse().unwrap()));
        for other in
            ["https://example.org/", "http://localhost/", "tauri://other/", "file:///etc/passwd", "data:,x"]
        {
            assert!(!is_ours(&other.parse().unwrap()), "{other}");
        }
    }
}
