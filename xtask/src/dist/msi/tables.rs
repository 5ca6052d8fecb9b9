//! A finished installer's tables, read back: `wixl` leaves out in silence what it does not understand.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Scope;
use super::source::{RUN, RUN_VALUE, RUN_WORDS, SECURE, SERVICE};
use crate::dist::description::Description;
use crate::program::{capture, program};

/// Of 64 bits: otherwise Windows would put its keys and files where programs of 32 bits look.
const WIDE: u32 = 256;
/// A file of ours (18) or a program of the system (50), whose failure stops nothing (64), deferred (1024): as the user.
const FILE_AS_USER: &str = "1106";
const TOOL_AS_USER: &str = "1138";
/// The same (50, 64, 1024) with the installer's own rights (2048).
const TOOL_AS_SYSTEM: &str = "3186";
/// Sets a property (51), or says so in both sequences.
const SETS: &str = "51";
/// Stopped for an installation and a removal (2, 32), deleted by a removal (128).
const SERVICE_EVENTS: &str = "162";

/// The rows of one table, cell by cell.
struct Table {
    name: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(msi: &Path, name: &str) -> Result<Self> {
        let text = capture(program("msiinfo").arg("export").arg(msi).arg(name))?;
        let cells =
            |line: &str| line.split('\t').map(|cell| cell.trim_end_matches('\r').to_owned()).collect();
        // Names, types and keys of the columns come first.
        let rows = text.lines().skip(3).map(cells).collect();
        Ok(Self { name: name.to_owned(), rows })
    }

    fn cell(row: &[String], at: usize) -> &str {
        row.get(at).map_or("", String::as_str)
    }

    /// The row whose first cell this is.
    fn row(&self, key: &str) -> Result<&[String]> {
        let row = self.rows.iter().find(|row| Self::cell(row, 0) == key);
        row.map(Vec::as_slice).with_context(|| format!("the table {} has no {key}", self.name))
    }

    fn says(&self, key: &str, at: usize, wanted: &str) -> Result<()> {
        let found = Self::cell(self.row(key)?, at);
        if found != wanted {
            bail!("{} of the table {} says `{found}`, and not `{wanted}`", key, self.name);
        }
        Ok(())
    }

    /// Column 1 of every row, by column 0.
    fn map(&self, at: usize) -> BTreeMap<&str, &str> {
        self.rows.iter().map(|row| (Self::cell(row, 0), Self::cell(row, at))).collect()
    }
}

/// What an installer must be.
pub struct Wanted<'a> {
    pub description: &'a Description,
    pub scope: Scope,
    pub names: &'a [String],
    pub signed: bool,
}

impl Wanted<'_> {
    /// # Errors
    /// At the first thing that is not as it must be.
    pub fn check(&self, msi: &Path) -> Result<()> {
        let read = |name: &str| Table::read(msi, name);
        self.files(&read("File")?, &read("Component")?, &read("Directory")?)?;
        self.properties(&read("Property")?)?;
        self.conditions(&read("LaunchCondition")?, &read("RegLocator")?, &read("AppSearch")?)?;
        self.sequence(&read("InstallExecuteSequence")?)?;
        self.actions(&read("CustomAction")?)?;
        self.registry(&read("Registry")?)?;
        let shortcut = read("Shortcut")?;
        shortcut.says("start", 4, &format!("[{}]hivemind-worker.exe", self.scope.folder()))?;
        shortcut.says("start", 5, "desktop")?;
        let code = format!("{{{}}}", self.scope.upgrade_code(self.description));
        let upgrade = read("Upgrade")?;
        if upgrade.rows.len() != 2 || upgrade.rows.iter().any(|row| Table::cell(row, 0) != code) {
            bail!("the table Upgrade names others than {code}");
        }
        // `msiinfo` knows no table that an installer does not have.
        let tables = capture(program("msiinfo").arg("tables").arg(msi))?;
        let serves =
            tables.lines().any(|name| name == "ServiceInstall") && !read("ServiceInstall")?.rows.is_empty();
        match self.scope {
            Scope::User if serves => bail!("an installer without an administrator brings a service"),
            Scope::User => Ok(()),
            Scope::Machine => {
                self.service(&read("ServiceInstall")?, &read("ServiceControl")?, &read("File")?)
            }
        }
    }

    fn files(&self, files: &Table, components: &Table, directories: &Table) -> Result<()> {
        let names: Vec<&str> =
            files.rows.iter().map(|row| Table::cell(row, 2).rsplit('|').next().unwrap_or_default()).collect();
        for name in self.names {
            if !names.contains(&name.as_str()) {
                bail!("{name} is not in the table File");
            }
        }
        if names.len() != self.names.len() {
            bail!("the table File has more than was to be installed: {names:?}");
        }
        for row in &components.rows {
            let attributes: u32 = Table::cell(row, 3).parse().context("a component's attributes")?;
            if attributes & WIDE == 0 {
                bail!("the component {} is not of 64 bits", Table::cell(row, 0));
            }
        }
        let below = match self.scope {
            Scope::User => "ProgramsDir",
            Scope::Machine => "ProgramFiles64Folder",
        };
        directories.says(self.scope.folder(), 1, below)
    }

    fn properties(&self, properties: &Table) -> Result<()> {
        properties.says("ProductVersion", 1, &self.description.version)?;
        properties.says("UpgradeCode", 1, &format!("{{{}}}", self.scope.upgrade_code(self.description)))?;
        properties.says("SecureCustomProperties", 1, SECURE)?;
        match self.scope {
            Scope::User if properties.row("ALLUSERS").is_ok() => bail!("it is for all users"),
            Scope::User => {}
            Scope::Machine => properties.says("ALLUSERS", 1, "1")?,
        }
        if properties.row("ARPCOMMENTS").is_ok() == self.signed {
            bail!("it does not say whether it is signed");
        }
        Ok(())
    }

    fn conditions(&self, conditions: &Table, searches: &Table, properties: &Table) -> Result<()> {
        let words = conditions.map(1);
        let mut wanted = vec![
            ("NOT WIX_DOWNGRADE_DETECTED", "newer version"),
            (
                r##"Installed OR (VersionNT64 >= 603 AND WINDOWSMAJOR AND WINDOWSMAJOR <> "#6")"##,
                "Windows 10",
            ),
            ("Installed OR NOT OTHERFOLDER", "emove it first"),
        ];
        if self.scope == Scope::User {
            wanted.push(("Installed OR NOT ALLUSERS", "for one user"));
        }
        for (condition, word) in &wanted {
            if !words.get(condition).is_some_and(|words| words.contains(word)) {
                bail!("the table LaunchCondition lacks `{condition}` with `{word}`: {words:?}");
            }
        }
        if words.len() != wanted.len() {
            bail!("there are other launch conditions: {words:?}");
        }
        // Roots: 1 is HKEY_CURRENT_USER, 2 HKEY_LOCAL_MACHINE; 18 is a value (2) where programs of 64 bits look (16).
        let ours = r"Software\HiveMind\Worker";
        let windows = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
        let service = format!(r"SYSTEM\CurrentControlSet\Services\{SERVICE}");
        let mut places = vec![("WINDOWSMAJOR", "2", windows, "CurrentMajorVersionNumber")];
        match self.scope {
            Scope::User => {
                places.push(("OTHERFOLDER", "2", ours, "folder"));
                places.push(("WASFOLDER", "1", ours, "folder"));
            }
            Scope::Machine => {
                places.push(("OTHERFOLDER", "1", ours, "folder"));
                places.push(("SERVICESTART", "2", &service, "Start"));
            }
        }
        let signatures = properties.map(1);
        for (property, root, key, name) in places {
            let signature =
                signatures.get(property).with_context(|| format!("{property} is not looked for"))?;
            for (at, wanted) in [(1, root), (2, key), (3, name), (4, "18")] {
                searches.says(signature, at, wanted)?;
            }
        }
        Ok(())
    }

    fn sequence(&self, sequence: &Table) -> Result<()> {
        let at = |action: &str| -> Result<i32> {
            Table::cell(sequence.row(action)?, 2)
                .trim()
                .parse()
                .with_context(|| format!("no place of {action}"))
        };
        let mut orders = vec![
            // Inside the transaction: what fails brings the version before back.
            vec![
                "AppSearch",
                "LaunchConditions",
                "InstallInitialize",
                "RemoveExistingProducts",
                "InstallFiles",
            ],
            // While the program is still there.
            vec!["InstallInitialize", "Farewell", "LoginGone", "RemoveFiles"],
            // When it is there, and what it is named by.
            vec!["CostFinalize", "RegTool", "InstallFiles", "LoginEntry", "LoginSetting", "InstallFinalize"],
        ];
        match self.scope {
            Scope::User => orders.push(vec!["AppSearch", "SameFolder", "CostFinalize"]),
            Scope::Machine => {
                orders.push(vec!["InstallServices", "ServiceAuto", "ServiceStart", "InstallFinalize"]);
                orders.push(vec!["CostFinalize", "ScTool", "InstallInitialize"]);
                orders.push(vec!["StopServices", "DeleteServices", "RemoveFiles"]);
            }
        }
        for order in orders {
            let places = order.iter().map(|action| at(action)).collect::<Result<Vec<_>>>()?;
            if !places.is_sorted_by(|before, after| before < after) {
                bail!("the sequence is not {order:?}, but at {places:?}");
            }
        }
        let leaving = r#"REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE"#;
        for action in ["Farewell", "LoginGone"] {
            sequence.says(action, 1, leaving)?;
        }
        if self.scope == Scope::Machine {
            // Not with a repair, which anybody may ask for.
            let enabled = r##"NOT Installed AND NOT (REMOVE = "ALL") AND (NETWORKSERVICE = "1" OR (NOT NETWORKSERVICE AND SERVICESTART = "#2"))"##;
            for action in ["ServiceAuto", "ServiceStart"] {
                sequence.says(action, 1, enabled)?;
            }
        }
        for (action, property) in [("LoginEntry", "STARTATLOGIN"), ("LoginSetting", "STARTATLOGIN")] {
            let condition = Table::cell(sequence.row(action)?, 1);
            if !condition.contains(&format!("{property} = \"1\""))
                || !condition.contains(r#"NOT (REMOVE = "ALL")"#)
            {
                bail!("{action} is done when `{condition}`");
            }
        }
        Ok(())
    }

    fn actions(&self, actions: &Table) -> Result<()> {
        let worker = self.names.iter().position(|name| name == "hivemind-worker.exe").context("no worker")?;
        let worker = format!("f{worker}");
        let folder = self.scope.folder();
        let entry =
            format!(r#"add "{RUN}" /v "{RUN_VALUE}" /d "\"[{folder}]hivemind-worker.exe\" {RUN_WORDS}" /f"#);
        let gone = format!(r#"delete "{RUN}" /v "{RUN_VALUE}" /f"#);
        let (auto, start) = (format!("config {SERVICE} start= auto"), format!("start {SERVICE}"));
        let mut wanted = vec![
            ("Farewell", FILE_AS_USER, worker.as_str(), "uninstall --keep-data"),
            ("LoginSetting", FILE_AS_USER, &worker, "settings set start_at_login true"),
            ("RegTool", SETS, "RegTool", "[System64Folder]reg.exe"),
            ("LoginEntry", TOOL_AS_USER, "RegTool", &entry),
            ("LoginGone", TOOL_AS_USER, "RegTool", &gone),
        ];
        match self.scope {
            Scope::User => wanted.push(("SameFolder", SETS, "INSTALLDIR", "[WASFOLDER]")),
            Scope::Machine => {
                wanted.push(("ScTool", SETS, "ScTool", "[System64Folder]sc.exe"));
                wanted.push(("ServiceAuto", TOOL_AS_SYSTEM, "ScTool", &auto));
                wanted.push(("ServiceStart", TOOL_AS_SYSTEM, "ScTool", &start));
            }
        }
        for (action, kind, source, target) in &wanted {
            for (at, wanted) in [(1, kind), (2, source), (3, target)] {
                actions.says(action, at, wanted)?;
            }
        }
        if actions.rows.len() != wanted.len() {
            bail!("there are other actions: {:?}", actions.map(1));
        }
        Ok(())
    }

    /// Keys of this installer's own side alone: what a user's session starts is the program's to write.
    fn registry(&self, registry: &Table) -> Result<()> {
        let root = match self.scope {
            Scope::User => "1",
            Scope::Machine => "2",
        };
        for row in &registry.rows {
            if Table::cell(row, 1) != root || Table::cell(row, 2) != r"Software\HiveMind\Worker" {
                bail!("{} is not a key of ours: {row:?}", Table::cell(row, 2));
            }
        }
        let folder = registry.rows.iter().find(|row| Table::cell(row, 3) == "folder");
        let said = folder.map_or("", |row| Table::cell(row, 4));
        if said != format!("[{}]", self.scope.folder()) {
            bail!("the folder is told as `{said}`");
        }
        Ok(())
    }

    fn service(&self, services: &Table, controls: &Table, files: &Table) -> Result<()> {
        // Of its own process (16), started by nobody but on demand (3), as LocalSystem.
        for (at, wanted) in [(1, SERVICE), (3, "16"), (4, "3"), (8, "LocalSystem"), (10, "--service")] {
            services.says("netd", at, wanted)?;
        }
        let component = Table::cell(services.row("netd")?, 11);
        let name = files.rows.iter().find(|row| Table::cell(row, 1) == component);
        if !name.is_some_and(|row| Table::cell(row, 2).ends_with("hivemind-netd.exe")) {
            bail!("the service is another program than hivemind-netd.exe");
        }
        for (at, wanted) in [(1, SERVICE), (2, SERVICE_EVENTS), (4, "1")] {
            controls.says("netdEnds", at, wanted)?;
        }
        if services.rows.len() != 1 || controls.rows.len() != 1 {
            bail!("there are other services");
        }
        Ok(())
    }
}
