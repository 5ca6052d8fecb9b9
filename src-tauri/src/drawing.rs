//! How the page is drawn: by the processor.

use tauri::WebviewWindow;

/// Leaves the graphics card alone. Some charts and lists need none; a page drawn by it takes its memory away from tasks,
/// wakes it on laptops, and stays white with some drivers. Without a card, drawing as if there were one more than
/// doubles the memory of the page.
#[cfg(target_os = "linux")]
pub(crate) fn by_processor(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};

    window.with_webview(|webview| {
        if let Some(settings) = webview.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

/// The system's web view decides here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn by_processor(_window: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}
