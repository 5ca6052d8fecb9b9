//! The source of an installer, in the part of WiX 3 that `wixl` understands. What `wixl` gets wrong in silence is written
//! out: the place of every action in the sequence, whose rights it has, and that components are of 64 bits.

use super::{ICON, Scope};
use crate::dist::description::Description;

const KEY: &str = r"Software\HiveMind\Worker";
/// What the worker itself writes for `start_at_login`: `crates/app/src/autostart.rs`.
pub const RUN: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";
pub const RUN_VALUE: &str = "HiveMind Worker";
pub const RUN_WORDS: &str = "run --tray";
/// Its name is in `hivemind-netd-protocol`.
pub const SERVICE: &str = "hivemind-netd";
const WORKER: &str = "hivemind-worker.exe";
const NETD: &str = "hivemind-netd.exe";
/// `HKEY_CURRENT_USER` of a deployment without a person is nobody's.
const SYSTEM: &str = "S-1-5-18";
const LEAVING: &str = r#"REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE"#;
/// What is given on the command line or found in the registry, and is to be known to the half of Windows Installer that
/// has the rights, too.
pub const SECURE: &str = "WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED;INSTALLDIR;STARTATLOGIN;NETWORKSERVICE;\
    WINDOWSMAJOR;OTHERFOLDER;WASFOLDER;SERVICESTART";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// One installer's source.
pub struct Source<'a> {
    pub description: &'a Description,
    pub scope: Scope,
    pub names: &'a [String],
    pub signed: bool,
}

impl Source<'_> {
    pub fn text(&self) -> String {
        let Self { description, scope, .. } = self;
        let title = escaped(&description.title);
        let package_scope = match scope {
            Scope::User => "perUser",
            Scope::Machine => "perMachine",
        };
        let (components, references) = self.components();
        let unsigned = if self.signed {
            String::new()
        } else {
            "<Property Id=\"ARPCOMMENTS\" Value=\"A developer's build that nobody signed.\"/>\n".to_owned()
        };
        format!(
            r#"<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
<Product Id="*" UpgradeCode="{code}" Name="{title}" Version="{version}" Language="1033" Manufacturer="HiveMind">
<Package InstallerVersion="500" Compressed="yes" InstallScope="{package_scope}" Description="{summary}"/>
<MajorUpgrade DowngradeErrorMessage="A newer version of {title} is installed. To go back to this one, remove that one first; settings and history stay."/>
{conditions}<Media Id="1" Cabinet="worker.cab" EmbedCab="yes"/>
<Icon Id="{ICON}" SourceFile="{ICON}"/>
<Property Id="ARPPRODUCTICON" Value="{ICON}"/>
<Property Id="ARPNOMODIFY" Value="1"/>
{unsigned}<Directory Id="TARGETDIR" Name="SourceDir">
{components}</Directory>
{actions}<Feature Id="Main" Level="1">{references}</Feature>
</Product>
</Wix>
"#,
            code = scope.upgrade_code(description),
            version = description.version,
            summary = escaped(&description.summary),
            conditions = self.conditions(),
            actions = self.actions(),
        )
    }

    /// What must be so before anything is changed, in words that say what to do.
    fn conditions(&self) -> String {
        let title = escaped(&self.description.title);
        let root = self.scope.root();
        // Windows says to every installer that it is 8.1. Only 10 and newer have this value; Wine always has it.
        let mut text = format!(
            r##"<Property Id="WINDOWSMAJOR"><RegistrySearch Id="windowsMajor" Root="HKLM" Key="SOFTWARE\Microsoft\Windows NT\CurrentVersion" Name="CurrentMajorVersionNumber" Type="raw" Win64="yes"/></Property>
<Condition Message="{title} needs 64-bit Windows 10 or newer, and this computer has an older Windows. Update Windows, then start this installer again.">Installed OR (VersionNT64 &gt;= 603 AND WINDOWSMAJOR AND WINDOWSMAJOR &lt;&gt; "#6")</Condition>
"##
        );
        let (other, words) = match self.scope {
            Scope::User => (
                "HKLM",
                "is already installed for all users of this computer. Go on using it, or remove it first (Settings, Apps).",
            ),
            Scope::Machine => (
                "HKCU",
                "is already installed for you alone. Remove it first (Settings, Apps); your settings and history stay.",
            ),
        };
        text.push_str(&format!(
            r#"<Property Id="OTHERFOLDER"><RegistrySearch Id="otherFolder" Root="{other}" Key="{KEY}" Name="folder" Type="raw" Win64="yes"/></Property>
<Condition Message="{title} {words}">Installed OR NOT OTHERFOLDER</Condition>
"#
        ));
        text.push_str(&match self.scope {
            Scope::User => format!(
                r#"<Condition Message="This installer is for one user. Take the other one, for all users, instead of ALLUSERS.">Installed OR NOT ALLUSERS</Condition>
<Property Id="WASFOLDER"><RegistrySearch Id="wasFolder" Root="{root}" Key="{KEY}" Name="folder" Type="raw" Win64="yes"/></Property>
"#
            ),
            Scope::Machine => format!(
                r#"<Property Id="SERVICESTART"><RegistrySearch Id="serviceStart" Root="HKLM" Key="SYSTEM\CurrentControlSet\Services\{SERVICE}" Name="Start" Type="raw" Win64="yes"/></Property>
"#
            ),
        });
        text
    }

    fn components(&self) -> (String, String) {
        let (files, mut references) = self.files();
        let title = escaped(&self.description.title);
        let summary = escaped(&self.description.summary);
        let (root, folder) = (self.scope.root(), self.scope.folder());
        let tree = match self.scope {
            Scope::User => {
                references.push_str(r#"<ComponentRef Id="folders"/><ComponentRef Id="programs"/>"#);
                // A folder below a user's own is removed by name.
                format!(
                    r#"<Directory Id="LocalAppDataFolder"><Directory Id="ProgramsDir" Name="Programs"><Directory Id="{folder}" Name="{title}">
{files}<Component Id="folders" Guid="*" Win64="yes">
<RegistryValue Root="{root}" Key="{KEY}" Name="folder" Type="string" Value="[{folder}]" KeyPath="yes"/>
<RemoveFolder Id="removeInstall" On="uninstall"/>
</Component>
</Directory>
<Component Id="programs" Guid="*" Win64="yes">
<RegistryValue Root="{root}" Key="{KEY}" Name="programs" Type="integer" Value="1" KeyPath="yes"/>
<RemoveFolder Id="removePrograms" On="uninstall"/>
</Component>
</Directory></Directory>
"#
                )
            }
            Scope::Machine => {
                references.push_str(r#"<ComponentRef Id="folders"/>"#);
                format!(
                    r#"<Directory Id="ProgramFiles64Folder"><Directory Id="{folder}" Name="{title}">
{files}<Component Id="folders" Guid="*" Win64="yes">
<RegistryValue Root="{root}" Key="{KEY}" Name="folder" Type="string" Value="[{folder}]" KeyPath="yes"/>
</Component>
</Directory></Directory>
"#
                )
            }
        };
        references.push_str(r#"<ComponentRef Id="menu"/>"#);
        let menu = format!(
            r#"<Directory Id="ProgramMenuFolder">
<Component Id="menu" Guid="*" Win64="yes">
<RegistryValue Root="{root}" Key="{KEY}" Name="menu" Type="integer" Value="1" KeyPath="yes"/>
<Shortcut Id="start" Name="{title}" Description="{summary}" Target="[{folder}]{WORKER}" Arguments="desktop" WorkingDirectory="{folder}" Icon="{ICON}"/>
</Component>
</Directory>
"#
        );
        (tree + &menu, references)
    }

    /// For one user every component's key is a value of the user's registry; for all it is the file.
    fn files(&self) -> (String, String) {
        let (mut files, mut references) = (String::new(), String::new());
        for (index, name) in self.names.iter().enumerate() {
            let file = escaped(name);
            let inside = match self.scope {
                Scope::User => format!(
                    r#"<File Id="f{index}" Name="{file}" Source="{file}"/><RegistryValue Root="HKCU" Key="{KEY}" Name="file{index}" Type="integer" Value="1" KeyPath="yes"/>"#
                ),
                Scope::Machine => {
                    format!(r#"<File Id="f{index}" Name="{file}" Source="{file}" KeyPath="yes"/>"#)
                }
            };
            let service = if name == NETD { self.service() } else { String::new() };
            files.push_str(&format!(
                "<Component Id=\"c{index}\" Guid=\"*\" Win64=\"yes\">{inside}{service}</Component>\n"
            ));
            references.push_str(&format!("<ComponentRef Id=\"c{index}\"/>"));
        }
        (files, references)
    }

    /// Started by nobody until an administrator wants it: the worker's own tunnel needs no rights.
    fn service(&self) -> String {
        let title = escaped(&self.description.title);
        format!(
            r#"<ServiceInstall Id="netd" Name="{SERVICE}" DisplayName="{title} network service" Description="Makes the private link's network interface for {title}, where its owner wants one." Type="ownProcess" Start="demand" ErrorControl="normal" Account="LocalSystem" Arguments="--service" Vital="yes"/><ServiceControl Id="netdEnds" Name="{SERVICE}" Stop="both" Remove="uninstall" Wait="yes"/>"#
        )
    }

    fn actions(&self) -> String {
        let worker = self.names.iter().position(|name| name == WORKER).unwrap_or_default();
        let folder = self.scope.folder();
        let run =
            escaped(&format!(r#"add "{RUN}" /v "{RUN_VALUE}" /d "\"[{folder}]{WORKER}\" {RUN_WORDS}" /f"#));
        let gone = escaped(&format!(r#"delete "{RUN}" /v "{RUN_VALUE}" /f"#));
        let leaving = escaped(LEAVING);
        let wanted = escaped(&format!(
            r#"STARTATLOGIN = "1" AND NOT (REMOVE = "ALL") AND NOT (UserSID = "{SYSTEM}")"#
        ));
        let as_user = r#"Execute="deferred" Impersonate="yes" Return="ignore""#;
        let mut actions = format!(
            r#"<CustomAction Id="Farewell" FileKey="f{worker}" ExeCommand="uninstall --keep-data" {as_user}/>
<CustomAction Id="RegTool" Property="RegTool" Value="[System64Folder]reg.exe" Impersonate="yes"/>
<CustomAction Id="LoginEntry" Property="RegTool" ExeCommand="{run}" {as_user}/>
<CustomAction Id="LoginSetting" FileKey="f{worker}" ExeCommand="settings set start_at_login true" {as_user}/>
<CustomAction Id="LoginGone" Property="RegTool" ExeCommand="{gone}" {as_user}/>
"#
        );
        let mut sequence = format!(
            r#"<Custom Action="RegTool" Sequence="1010">1</Custom>
<RemoveExistingProducts Sequence="1510"/>
<Custom Action="Farewell" Sequence="1590">{leaving}</Custom>
<Custom Action="LoginGone" Sequence="1595">{leaving}</Custom>
<Custom Action="LoginEntry" Sequence="5970">{wanted}</Custom>
<Custom Action="LoginSetting" Sequence="5980">{wanted}</Custom>
"#
        );
        let mut before = String::new();
        match self.scope {
            Scope::User => {
                actions.push_str(
                    "<CustomAction Id=\"SameFolder\" Property=\"INSTALLDIR\" Value=\"[WASFOLDER]\" Impersonate=\"yes\"/>\n",
                );
                let same =
                    r#"<Custom Action="SameFolder" Sequence="710">WASFOLDER AND NOT INSTALLDIR</Custom>"#;
                sequence.push_str(same);
                // Whichever of both comes first decides: afterwards the folder is set.
                before = format!("<InstallUISequence>{same}</InstallUISequence>\n");
            }
            Scope::Machine => {
                let as_system = r#"Execute="deferred" Impersonate="no" Return="ignore""#;
                actions.push_str(&format!(
                    r#"<CustomAction Id="ScTool" Property="ScTool" Value="[System64Folder]sc.exe" Impersonate="yes"/>
<CustomAction Id="ServiceAuto" Property="ScTool" ExeCommand="config {SERVICE} start= auto" {as_system}/>
<CustomAction Id="ServiceStart" Property="ScTool" ExeCommand="start {SERVICE}" {as_system}/>
"#
                ));
                // Whoever enabled it finds it enabled after an upgrade, which makes it anew. A repair, which anybody may ask
                // for, changes nothing.
                let enabled = escaped(
                    r##"NOT Installed AND NOT (REMOVE = "ALL") AND (NETWORKSERVICE = "1" OR (NOT NETWORKSERVICE AND SERVICESTART = "#2"))"##,
                );
                sequence.push_str(&format!(
                    r#"<Custom Action="ScTool" Sequence="1020">1</Custom>
<Custom Action="ServiceAuto" Sequence="5950">{enabled}</Custom>
<Custom Action="ServiceStart" Sequence="5960">{enabled}</Custom>
"#
                ));
            }
        }
        format!("{actions}<InstallExecuteSequence>\n{sequence}</InstallExecuteSequence>\n{before}")
    }
}
