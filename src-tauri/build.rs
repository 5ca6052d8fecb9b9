//! Allows the page exactly the commands of the control API and the shell's own two, and makes the window compile before the UI was built.

use std::fs;
use std::path::Path;

const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>HiveMind Worker</title>\
<h1>The pages were not built</h1><p>Build them in <code>ui/</code>, then build the window again.</p></html>\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let index = Path::new("../ui/dist/index.html");
    if !index.exists() {
        fs::create_dir_all("../ui/dist")?;
        fs::write(index, PLACEHOLDER)?;
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../ui/dist");

    let names: Vec<&'static str> = hivemind_control::COMMANDS
        .iter()
        .map(|command| command.name)
        .chain(["subscribe", "save_file"])
        .collect();
    let allowed: Vec<String> = names.iter().map(|name| format!("allow-{}", name.replace('_', "-"))).collect();
    let capability = serde_json::json!({
        "identifier": "window",
        "description": "The worker's commands and the shell's own two for the one window, and nothing of Tauri's own.",
        "windows": ["main"],
        "local": true,
        "permissions": allowed,
    });
    write_if_other(Path::new("gen/capabilities/window.json"), &serde_json::to_string_pretty(&capability)?)?;

    let manifest = tauri_build::AppManifest::new().commands(names.leak());
    let attributes = tauri_build::Attributes::new()
        .app_manifest(manifest)
        .capabilities_path_pattern("gen/capabilities/*.json");
    tauri_build::try_build(attributes)?;
    Ok(())
}

fn write_if_other(path: &Path, text: &str) -> std::io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text)
}
