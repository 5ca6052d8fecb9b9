//! What of the system's settings would make tasks faster. It is named, never changed.

use super::{Facts, finding};
use crate::port::Tuning;
use hivemind_control::{Finding, Level};

/// Drivers that copy whole files or layers, or that Docker has given up: its documentation, "Storage drivers".
const SLOW: [&str; 4] = ["vfs", "aufs", "devicemapper", "overlay"];
/// What Linux grants a program unless somebody grants less.
const OPEN_FILES: u64 = 1024;
/// The kernel's own setting (Documentation/admin-guide/sysctl/vm.rst).
const SWAPPINESS: u64 = 60;
/// The kernel's own setting on 64-bit computers (net.core.rmem_max, Documentation/admin-guide/sysctl/net.rst).
const SOCKET_BUFFER: u64 = 212_992;

pub(super) fn tuning(facts: &Facts) -> Finding {
    judged(facts.engine.as_ref().map_or("", |info| &info.storage), facts.tuning)
}

fn judged(storage: &str, tuning: Tuning) -> Finding {
    let mut seen = Vec::new();
    if !storage.is_empty() {
        let slow = SLOW.contains(&storage).then_some(", which is slow");
        seen.push((format!("storage driver {storage}"), slow));
    }
    if let Some(files) = tuning.open_files {
        let few = (files < OPEN_FILES).then_some(", which is few");
        seen.push((format!("{files} files may be open at once"), few));
    }
    if let Some(swappiness) = tuning.swappiness {
        let high = (swappiness > SWAPPINESS).then_some(", which is high");
        seen.push((format!("swappiness {swappiness}"), high));
    }
    if let Some(bytes) = tuning.socket_buffer_bytes {
        let small = (bytes < SOCKET_BUFFER).then_some(", which is little");
        seen.push((format!("socket buffers of up to {bytes} bytes"), small));
    }
    if seen.is_empty() {
        return finding(40, "tuning", Level::Ok, "this system has nothing to tune".into());
    }
    let helps = seen.iter().any(|(_, drawback)| drawback.is_some());
    let told: Vec<_> = seen.into_iter().map(|(what, drawback)| what + drawback.unwrap_or_default()).collect();
    let mut found = finding(40, "tuning", if helps { Level::Notice } else { Level::Ok }, told.join("; "));
    found.fix = helps.then(|| {
        "Nothing has to be done. Tasks may be faster with Docker's storage driver `overlay2`, 1024 open files \
         (`ulimit -n`), `vm.swappiness` of 60 or less, and `net.core.rmem_max` of 212992 or more."
            .into()
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Tuning =
        Tuning { open_files: Some(1024), swappiness: Some(60), socket_buffer_bytes: Some(212_992) };

    #[test]
    fn what_is_as_systems_are_is_well_and_each_drawback_is_named() {
        let well = judged("overlay2", USUAL);
        assert_eq!((well.level, well.fix), (Level::Ok, None));
        for (storage, tuning, drawback) in [
            ("vfs", USUAL, "storage driver vfs, which is slow"),
            (
                "overlay2",
                Tuning { open_files: Some(1023), ..USUAL },
                "1023 files may be open at once, which is few",
            ),
            ("overlay2", Tuning { swappiness: Some(61), ..USUAL }, "swappiness 61, which is high"),
            (
                "overlay2",
                Tuning { socket_buffer_bytes: Some(212_991), ..USUAL },
                "socket buffers of up to 212991 bytes, which is little",
            ),
        ] {
            let found = judged(storage, tuning);
            assert_eq!((found.level, found.fix.is_some()), (Level::Notice, true), "{drawback}");
            assert_eq!(
                found.proof.split("; ").filter(|part| part.contains(", which")).collect::<Vec<_>>(),
                [drawback]
            );
        }
        let unknown = judged("", Tuning::default());
        assert_eq!((unknown.level, unknown.proof.as_str()), (Level::Ok, "this system has nothing to tune"));
    }
}
