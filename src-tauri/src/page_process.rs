//! The process that draws the page: what its end means for the window.

use tauri::WebviewWindow;

/// Ends the program when the page closes itself, and loads the page again when its process has crashed; without this
/// an empty window would stay.
#[cfg(target_os = "linux")]
pub(crate) fn follow(window: &WebviewWindow) -> tauri::Result<()> {
    use tauri::Manager;
    use webkit2gtk::{WebProcessTerminationReason, WebViewExt};

    let app = window.app_handle().clone();
    window.with_webview(move |webview| {
        let view = webview.inner();
        view.connect_close(move |_| app.exit(0));
        view.connect_web_process_terminated(|view, reason| {
            // The reason that asks for nothing: somebody ended it on purpose.
            if reason != WebProcessTerminationReason::TerminatedByApi {
                view.reload();
            }
        });
    })
}

/// The system's web view does both by itself here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn follow(_window: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}
