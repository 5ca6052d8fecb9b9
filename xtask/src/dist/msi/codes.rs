//! What tells one installer from another, and when it was made: from its content and from nothing else.
//!
//! `wixl` draws the codes of product and package by lot and asks the clock. Windows Installer takes two installers with
//! one package code for one file, and two with one product code for one product; so another content has other codes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::program::{capture, program, run};

/// `wixl` writes its own code instead of this.
const DRAWN: &str = "<Product Id=\"*\"";
/// Where the table of what Explorer shows has the package code, and the times of making and saving.
const PACKAGE_CODE: u32 = 9;
const TIMES: [u32; 2] = [12, 13];
const TABLE: &str = "_SummaryInformation";
/// Stands in an installer while its code is derived from the rest of it.
const NOTHING_YET: &str = "{00000000-0000-0000-0000-000000000000}";

/// The source with the product code of this source and these files.
///
/// # Errors
/// When a file cannot be read, or the source leaves no place for a code.
pub fn with_product(source: &str, payload: &Path, names: &[String]) -> Result<String> {
    if !source.contains(DRAWN) {
        bail!("the source has a product code of its own");
    }
    let mut digest = Sha256::new_with_prefix("HiveMind Worker: product");
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    part(source.as_bytes());
    for name in names {
        part(name.as_bytes());
        part(&fs::read(payload.join(name)).with_context(|| format!("{name} cannot be read"))?);
    }
    let code = code(&digest.finalize());
    Ok(source.replacen(DRAWN, &format!("<Product Id=\"{code}\""), 1))
}

/// Gives a finished installer its time, and the package code that belongs to all the rest of it.
///
/// # Errors
/// When msitools refuse.
pub fn settle(msi: &Path, epoch: u64) -> Result<()> {
    describe(msi, NOTHING_YET, epoch)?;
    let digest = Sha256::new_with_prefix("HiveMind Worker: package").chain_update(fs::read(msi)?).finalize();
    describe(msi, &code(&digest), epoch)
}

/// Gives an installer a package code and a time.
///
/// # Errors
/// When msitools refuse.
pub fn describe(msi: &Path, package: &str, epoch: u64) -> Result<()> {
    let exported = capture(program("msiinfo").env("TZ", "UTC0").arg("export").arg(msi).arg(TABLE))?;
    let mut lines = exported.lines().map(|line| line.trim_end_matches('\r'));
    // Names, types and keys of the columns come first.
    let mut text: String = lines.by_ref().take(3).map(|line| format!("{line}\r\n")).collect();
    let mut rows: BTreeMap<u32, String> = BTreeMap::new();
    for line in lines {
        let (at, value) = line.split_once('\t').with_context(|| format!("a row of {TABLE}: {line}"))?;
        rows.insert(at.parse().with_context(|| format!("a row of {TABLE}: {line}"))?, value.to_owned());
    }
    rows.insert(PACKAGE_CODE, package.to_owned());
    rows.extend(TIMES.map(|at| (at, written(epoch))));
    text.extend(rows.iter().map(|(at, value)| format!("{at}\t{value}\r\n")));
    let folder = tempfile::tempdir()?;
    let table = folder.path().join(format!("{TABLE}.idt"));
    fs::write(&table, text)?;
    run(program("msibuild").env("TZ", "UTC0").arg(msi).arg("-i").arg(table))
}

/// A UUID of version 8 (RFC 9562): all but its version and variant are the digest's.
fn code(digest: &[u8]) -> String {
    let mut bytes: Vec<u8> = digest.iter().copied().take(16).collect();
    for (at, keep, set) in [(6, 0x0f, 0x80), (8, 0x3f, 0x80)] {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = *byte & keep | set;
        }
    }
    let hex = hex::encode_upper(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default());
    format!("{{{}}}", parts.join("-"))
}

/// A time as the tables write it, in UTC.
fn written(epoch: u64) -> String {
    let (days, second) = (epoch / 86_400, epoch % 86_400);
    // Years from March on, so that a leap day is the last: Howard Hinnant's `civil_from_days`.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year}/{month:02}/{day:02} {:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        for (epoch, wanted) in [
            (0, "1970/01/01 00:00:00"),
            (951_782_400, "2000/02/29 00:00:00"),
            (1_700_000_000, "2023/11/14 22:13:20"),
            (1_709_251_199, "2024/02/29 23:59:59"),
            (1_798_761_599, "2026/12/31 23:59:59"),
            (4_107_542_400, "2100/03/01 00:00:00"),
        ] {
            assert_eq!(written(epoch), wanted);
        }
    }

    #[test]
    fn a_code_is_a_uuid_of_its_own_version() {
        let code = code(&Sha256::digest("content"));
        assert_eq!(code, "{ED7002B4-39E9-8C84-9F22-357D822BAC14}");
    }

    #[test]
    fn other_content_has_another_product_code() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a".to_owned(), "b".to_owned()];
        let source = "<Product Id=\"*\" Version=\"0.1.0\">";
        let of = |source: &str, a: &str, b: &str| {
            fs::write(folder.path().join("a"), a).unwrap();
            fs::write(folder.path().join("b"), b).unwrap();
            with_product(source, folder.path(), &names).unwrap()
        };
        let first = of(source, "1", "2");
        assert!(first.starts_with("<Product Id=\"{") && first.ends_with("\" Version=\"0.1.0\">"), "{first}");
        assert_eq!(of(source, "1", "2"), first);
        let code = |text: &str| text.split('"').nth(1).unwrap().to_owned();
        for other in
            [of(source, "1", "3"), of(source, "12", ""), of(&source.replace("0.1.0", "0.1.1"), "1", "2")]
        {
            assert_ne!(code(&other), code(&first));
        }
        assert!(with_product("<Product Id=\"{}\">", folder.path(), &names).is_err());
    }
}
