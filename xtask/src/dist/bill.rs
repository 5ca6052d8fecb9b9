//! What is inside: a bill of materials (CycloneDX 1.5, JSON) and the licences of all libraries, from Cargo's own lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, PackageId};

use super::{Package, Workshop};
use crate::folders::Folders;

const ROOTS: [&str; 4] = ["hivemind-app", "hivemind-window", "hivemind-companion", "hivemind-netd"];
const LINUX: &str = "x86_64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const EVERYWHERE: [&str; 2] = [LINUX, WINDOWS];

struct Library {
    name: String,
    version: String,
    licence: String,
    ours: bool,
    repository: Option<String>,
}

/// Writes the bill beside the packages.
///
/// # Errors
/// When Cargo cannot tell, or the file cannot be written.
pub fn write(workshop: &Workshop<'_>) -> Result<PathBuf> {
    let libraries = libraries(workshop.folders, &EVERYWHERE)?;
    let components: Vec<_> = libraries
        .iter()
        .map(|library| {
            let mut component = serde_json::json!({
                "type": "library",
                "name": library.name,
                "version": library.version,
                "licenses": [{"expression": library.licence}],
            });
            if !library.ours {
                component["purl"] = format!("pkg:cargo/{}@{}", library.name, library.version).into();
            }
            component
        })
        .collect();
    let bill = serde_json::json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "name": workshop.description.name,
            "version": workshop.description.version,
            "licenses": [{"expression": "GPL-3.0-only"}],
        }},
        "components": components,
    });
    let path =
        workshop.out.join(format!("{}-{}.cdx.json", workshop.description.name, workshop.description.version));
    fs::write(&path, serde_json::to_vec_pretty(&bill)?)?;
    Ok(path)
}

/// One line for every library inside the programs of a package: name, version, licence, where it comes from.
///
/// # Errors
/// When Cargo cannot tell.
pub fn licences(folders: &Folders, package: Package) -> Result<String> {
    // The companion runs in containers, which are Linux on Windows as well.
    let systems = if package.scope().is_some() { &EVERYWHERE[..] } else { &[LINUX] };
    let mut text = String::from(
        "Libraries inside HiveMind Worker, with their licences. Their texts are in the sources of each, at the place\n\
         named or on the public crate registry.\n\n",
    );
    for library in libraries(folders, systems)?.iter().filter(|library| !library.ours) {
        let place = library.repository.as_deref().unwrap_or("");
        text.push_str(&format!("{} {}: {}  {place}\n", library.name, library.version, library.licence));
    }
    Ok(text)
}

/// The same as a table for the screens: name, version and licence of each.
///
/// # Errors
/// When Cargo cannot tell.
pub fn table(folders: &Folders) -> Result<String> {
    let libraries = libraries(folders, &EVERYWHERE)?;
    let rows: Vec<_> = libraries
        .iter()
        .filter(|library| !library.ours)
        .map(|library| [&library.name, &library.version, &library.licence])
        .collect();
    Ok(serde_json::to_string(&rows)?)
}

fn libraries(folders: &Folders, systems: &[&str]) -> Result<Vec<Library>> {
    let filters = systems.iter().map(|system| format!("--filter-platform={system}"));
    let options: Vec<_> = std::iter::once("--locked".to_owned()).chain(filters).collect();
    let metadata =
        cargo_metadata::MetadataCommand::new().current_dir(&folders.root).other_options(options).exec()?;
    let inside = shipped(&metadata)?;
    let mut found = BTreeMap::new();
    for package in metadata.packages.iter().filter(|package| inside.contains(&package.id)) {
        let library = Library {
            name: package.name.to_string(),
            version: package.version.to_string(),
            licence: package
                .license
                .clone()
                .unwrap_or_else(|| "see its sources".to_owned())
                .replace('/', " OR "),
            ours: package.source.is_none(),
            repository: package.repository.clone(),
        };
        found.insert((library.name.clone(), library.version.clone()), library);
    }
    Ok(found.into_values().collect())
}

/// What the programs are linked from: neither tests nor build scripts.
fn shipped(metadata: &Metadata) -> Result<BTreeSet<PackageId>> {
    let resolve = metadata.resolve.as_ref().context("cargo resolved nothing")?;
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut open: Vec<PackageId> = metadata
        .packages
        .iter()
        .filter(|package| ROOTS.contains(&package.name.as_str()))
        .map(|package| package.id.clone())
        .collect();
    let mut inside = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !inside.insert(id.clone()) {
            continue;
        }
        let Some(node) = nodes.get(&id) else { continue };
        for edge in &node.deps {
            if edge.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal) {
                open.push(edge.pkg.clone());
            }
        }
    }
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_licences_name_what_is_linked_and_nothing_else() {
        let folders = Folders::find().unwrap();
        let text = licences(&folders, Package::Msi).unwrap();
        let linux = licences(&folders, Package::Deb).unwrap();
        let names = |text: &str, name: &str| text.contains(&format!("\n{name} "));
        assert!(names(&text, "winreg"), "{text}");
        assert!(!names(&linux, "winreg") && names(&linux, "zbus"), "{linux}");
        assert!(text.contains("\ntokio 1."), "{text}");
        assert!(!text.contains("\nproptest "), "tests are not shipped");
        assert!(!text.contains("\nhivemind-"), "ours is not third-party");
        let rows: Vec<[String; 3]> = serde_json::from_str(&table(&folders).unwrap()).unwrap();
        assert_eq!(rows.len(), text.lines().skip(3).count(), "the screens list the same");
        assert!(rows.iter().any(|[name, version, licence]| {
            name == "tokio" && version.starts_with("1.") && licence == "MIT"
        }));
    }
}
