//! Files that crates bring along and we pass on unchanged: nothing binary lies in the repository.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// The path of `CRATE/PATH`, in the version that `Cargo.lock` names.
///
/// # Errors
/// When no such crate is used, or Cargo cannot tell.
pub fn path(root: &Path, name: &str) -> Result<PathBuf> {
    let (library, inside) =
        name.split_once('/').with_context(|| format!("{name} names no file of a crate"))?;
    if !Path::new(inside).components().all(|part| matches!(part, Component::Normal(_))) {
        bail!("{inside} does not lie in a crate");
    }
    let mut metadata = cargo_metadata::MetadataCommand::new();
    let known = metadata.current_dir(root).other_options(vec!["--locked".to_owned()]).exec()?;
    let brings = known.packages.iter().find(|package| package.name.as_str() == library);
    let folder = brings.and_then(|package| package.manifest_path.parent());
    Ok(folder.with_context(|| format!("there is no crate {library}"))?.join(inside).into())
}

/// Its bytes, when they are the ones that were looked at.
///
/// # Errors
/// When it is missing or another one.
pub fn bytes(root: &Path, name: &str, sha256: &str) -> Result<Vec<u8>> {
    let path = path(root, name)?;
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let found = hex::encode(Sha256::digest(&bytes));
    if found != sha256 {
        bail!("{name} is not the file that was looked at: its SHA-256 is {found}, and not {sha256}");
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::Folders;

    #[test]
    fn another_file_than_the_one_named_is_refused() {
        let root = Folders::find().unwrap().root;
        let name = "wireguard-nt/examples/wireguard_nt/LICENSE.txt";
        let there = fs::read(path(&root, name).unwrap()).unwrap();
        let right = hex::encode(Sha256::digest(&there));
        assert_eq!(bytes(&root, name, &right).unwrap(), there);
        let wrong = right.replace(['a', '1'], "0");
        let error = bytes(&root, name, &wrong).unwrap_err().to_string();
        assert!(error.contains(&right), "{error}");
        for none in
            ["wireguard-nt", "wireguard-nt/../Cargo.toml", "no-such-crate/LICENSE", "wireguard-nt/none"]
        {
            assert!(bytes(&root, none, &right).is_err(), "{none}");
        }
    }
}
