//! The installer for Windows: per user, without an administrator, by msitools' `wixl`, its tables checked afterwards.
//!
//! `wixl` understands a part of WiX 3 and leaves out in silence what it does not; so every line on its standard error is
//! a failure, and the finished tables are read back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::description::Description;
use super::{Package, Workshop, programs, tree};
use crate::program::{capture, program, shown};
use crate::system;

const WEBVIEW_LOADER: &str = "WebView2Loader.dll";
const ICON: &str = "hivemind-worker.ico";

/// # Errors
/// When a program does not compile, or `wixl` is not here or refuses.
pub fn make(workshop: &Workshop<'_>) -> Result<PathBuf> {
    if !system::on_path("wixl") || !system::on_path("msiinfo") {
        bail!("an MSI needs wixl and msitools (Debian: wixl msitools)");
    }
    let description = &workshop.description;
    let programs = programs::Programs::of(workshop, Package::Msi)?;
    let find = |name: &str| programs.find(name);
    let scratch = tempfile::tempdir_in(&workshop.out)?;
    let payload = scratch.path().join("payload");
    tree::lay_out(&workshop.folders.root, description, Package::Msi, &payload, &find)?;
    let mut names: Vec<String> = description.of(Package::Msi).map(|(_, place)| place.to_owned()).collect();
    // Linked at load time by the window where it was made with the GNU tools.
    let loader = programs.folder().join(WEBVIEW_LOADER);
    if loader.is_file() {
        fs::copy(&loader, payload.join(WEBVIEW_LOADER))?;
        names.push(WEBVIEW_LOADER.to_owned());
    }
    fs::copy(workshop.folders.root.join("icons/icon.ico"), payload.join(ICON))?;
    let path = workshop.out.join(format!("{}-{}-x64.msi", description.name, description.version));
    pack(description, &names, &payload, &path)?;
    Ok(path)
}

/// Makes the installer of files in a folder, and reads its tables back.
///
/// # Errors
/// When `wixl` says anything at all, or a table is not as it must be.
pub fn pack(description: &Description, names: &[String], payload: &Path, to: &Path) -> Result<()> {
    let source = payload.join("main.wxs");
    fs::write(&source, wxs(description, names))?;
    let mut wixl = program("wixl");
    wixl.current_dir(payload).args(["-a", "x64", "-o"]).arg(to).arg("main.wxs");
    let output = wixl.output().context("wixl does not start")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !said.trim().is_empty() {
        bail!("`{}` said: {}", shown(&wixl), said.trim());
    }
    check(description, names, to)
}

fn check(description: &Description, names: &[String], msi: &Path) -> Result<()> {
    let table = |name: &str| capture(program("msiinfo").arg("export").arg(msi).arg(name));
    let files = table("File")?;
    for name in names {
        if !files.contains(name.as_str()) {
            bail!("{name} is not in the table File");
        }
    }
    let properties = table("Property")?;
    for wanted in [
        format!("ProductVersion\t{}", description.version),
        format!("UpgradeCode\t{{{}}}", description.upgrade_code),
    ] {
        if !properties.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase()) {
            bail!("the table Property lacks `{wanted}`:\n{properties}");
        }
    }
    let sequence = table("InstallExecuteSequence")?;
    let at = |action: &str| -> Result<i32> {
        let row = sequence.lines().find(|row| row.split('\t').next() == Some(action));
        row.and_then(|row| row.split('\t').nth(2)?.trim().parse().ok())
            .with_context(|| format!("{action} is not in the sequence"))
    };
    // Inside the transaction: what fails brings the version before back.
    if !(at("InstallInitialize")? < at("RemoveExistingProducts")?
        && at("RemoveExistingProducts")? < at("InstallFiles")?)
    {
        bail!("the version before is not removed inside the transaction:\n{sequence}");
    }
    if !(at("InstallInitialize")? < at("Farewell")? && at("Farewell")? < at("RemoveFiles")?) {
        bail!("the farewell comes when the program is gone:\n{sequence}");
    }
    // 18 (a file of ours), 64 (its failure stops nothing), 1024 (deferred): as the user, since 2048 is not there.
    let actions = table("CustomAction")?;
    if !actions.lines().any(|row| row.starts_with("Farewell\t1106\t")) {
        bail!("the farewell is not what it must be:\n{actions}");
    }
    for (name, word) in
        [("Shortcut", "desktop"), ("LaunchCondition", "VersionNT64"), ("Upgrade", &description.upgrade_code)]
    {
        let text = table(name)?;
        if !text.to_ascii_lowercase().contains(&word.to_ascii_lowercase()) {
            bail!("the table {name} lacks {word}:\n{text}");
        }
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The source, in the part of WiX 3 that `wixl` understands. Per user: every component's key is a value of the user's
/// registry, every folder is removed by name.
fn wxs(description: &Description, names: &[String]) -> String {
    let title = escaped(&description.title);
    let key = r"Software\HiveMind\Worker";
    let mut files = String::new();
    let mut references = String::new();
    for (index, name) in names.iter().enumerate() {
        files.push_str(&format!(
            "<Component Id=\"c{index}\" Guid=\"*\">\
             <File Id=\"f{index}\" Name=\"{0}\" Source=\"{0}\"/>\
             <RegistryValue Root=\"HKCU\" Key=\"{key}\" Name=\"file{index}\" Type=\"integer\" Value=\"1\" KeyPath=\"yes\"/>\
             </Component>\n",
            escaped(name)
        ));
        references.push_str(&format!("<ComponentRef Id=\"c{index}\"/>"));
    }
    let worker = names.iter().position(|name| name == "hivemind-worker.exe").unwrap_or_default();
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
<Product Id="*" UpgradeCode="{code}" Name="{title}" Version="{version}" Language="1033" Manufacturer="HiveMind">
<Package InstallerVersion="500" Compressed="yes" InstallScope="perUser" Description="{summary}"/>
<MajorUpgrade DowngradeErrorMessage="A newer version of {title} is installed already."/>
<Condition Message="{title} needs Windows 10 or newer, 64 bit.">Installed OR (VersionNT64 &gt;= 603)</Condition>
<Media Id="1" Cabinet="worker.cab" EmbedCab="yes"/>
<Icon Id="{ICON}" SourceFile="{ICON}"/>
<Property Id="ARPPRODUCTICON" Value="{ICON}"/>
<Property Id="ARPNOMODIFY" Value="1"/>
<Directory Id="TARGETDIR" Name="SourceDir">
<Directory Id="LocalAppDataFolder">
<Directory Id="ProgramsDir" Name="Programs">
<Directory Id="INSTALLDIR" Name="{title}">
{files}<Component Id="folders" Guid="*">
<RegistryValue Root="HKCU" Key="{key}" Name="folder" Type="string" Value="[INSTALLDIR]" KeyPath="yes"/>
<RemoveFolder Id="removeInstall" On="uninstall"/>
</Component>
</Directory>
<Component Id="programs" Guid="*">
<RegistryValue Root="HKCU" Key="{key}" Name="programs" Type="integer" Value="1" KeyPath="yes"/>
<RemoveFolder Id="removePrograms" On="uninstall"/>
</Component>
</Directory></Directory>
<Directory Id="ProgramMenuFolder">
<Component Id="menu" Guid="*">
<RegistryValue Root="HKCU" Key="{key}" Name="menu" Type="integer" Value="1" KeyPath="yes"/>
<Shortcut Id="start" Name="{title}" Description="{summary}" Target="[INSTALLDIR]hivemind-worker.exe" Arguments="desktop" WorkingDirectory="INSTALLDIR" Icon="{ICON}"/>
</Component>
</Directory>
</Directory>
<CustomAction Id="Farewell" FileKey="f{worker}" ExeCommand="uninstall --keep-data" Execute="deferred" Impersonate="yes" Return="ignore"/>
<InstallExecuteSequence>
<RemoveExistingProducts Sequence="1510"/>
<Custom Action="Farewell" Sequence="1600">REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE</Custom>
</InstallExecuteSequence>
<Feature Id="Main" Level="1">{references}<ComponentRef Id="folders"/><ComponentRef Id="programs"/><ComponentRef Id="menu"/></Feature>
</Product>
</Wix>
"#,
        code = description.upgrade_code,
        version = description.version,
        summary = escaped(&description.summary),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::Folders;

    /// The whole installer around stand-ins for the programs.
    #[test]
    fn the_installers_tables_are_as_they_must_be() {
        if !system::on_path("wixl") || !system::on_path("msiinfo") {
            println!("SKIPPED: no wixl and msiinfo here");
            return;
        }
        let folders = Folders::find().unwrap();
        let description = Description::read(&folders.root).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let stand_in = scratch.path().join("program");
        fs::write(&stand_in, "MZ").unwrap();
        let payload = scratch.path().join("payload");
        let find = |_: &str| Ok(stand_in.clone());
        tree::lay_out(&folders.root, &description, Package::Msi, &payload, &find).unwrap();
        fs::copy(folders.root.join("icons/icon.ico"), payload.join(ICON)).unwrap();
        let names: Vec<String> = description.of(Package::Msi).map(|(_, place)| place.to_owned()).collect();
        let msi = scratch.path().join("worker.msi");
        pack(&description, &names, &payload, &msi).unwrap();
        // A file that is described and missing must not go unnoticed.
        let mut more = names.clone();
        more.push("missing.exe".to_owned());
        assert!(pack(&description, &more, &payload, &msi).is_err());
    }
}
