//! Versions of the container engine from which programs are known to escape, or which are known to weaken the box,
//! and the versions that mend them.
//!
//! Only entries whose affected and mended versions are stated by the project's own advisory. An engine that is not
//! listed is not proven safe; it only has none of these holes.

use std::cmp::Ordering;

/// A part of the engine and its version, as the engine names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// `Engine`, `containerd`, `runc` or `Docker Desktop`.
    pub name: String,
    /// Such as `1.1.5+ds1`.
    pub version: String,
}

/// What of an engine matters beside its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// Whether root inside is an ordinary user outside.
    pub userns: bool,
    /// Whether authorization plugins are installed.
    pub authorization: bool,
}

/// A known hole that an engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// Such as `CVE-2024-21626`.
    pub id: &'static str,
    /// The part of the engine that has it.
    pub component: &'static str,
    /// The version that was found.
    pub found: String,
    /// What it lets happen, in words that complete "it lets …".
    pub lets: &'static str,
    /// The oldest version of the same line without it.
    pub mended: &'static str,
    /// Whether a distribution made this build: it may mend holes without raising the number.
    pub maybe_mended: bool,
}

impl Hole {
    /// Where the hole is described.
    #[must_use]
    pub fn source(&self) -> String {
        format!("https://nvd.nist.gov/vuln/detail/{}", self.id)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    Userns,
    Authorization,
}

struct Entry {
    id: &'static str,
    component: &'static str,
    lets: &'static str,
    when: When,
    /// From (inclusive) and to (exclusive, the mended version) of each affected line.
    lines: &'static [(&'static str, &'static str)],
}

const TABLE: &[Entry] = &[
    // runc's advisories GHSA-9493-h29p-rfm2, GHSA-qw9x-cqr3-wc7r and GHSA-cgrx-mc8f-2prm, November 2025.
    Entry {
        id: "CVE-2025-31133",
        component: "runc",
        lets: "a hostile container write to the host's /proc by replacing a masked path",
        when: When::Always,
        lines: &[("0", "1.2.8"), ("1.3.0-rc.1", "1.3.3"), ("1.4.0-rc.1", "1.4.0-rc.3")],
    },
    Entry {
        id: "CVE-2025-52565",
        component: "runc",
        lets: "a hostile container write to the host's /proc through its console",
        when: When::Always,
        lines: &[("1.0.0-rc3", "1.2.8"), ("1.3.0-rc.1", "1.3.3"), ("1.4.0-rc.1", "1.4.0-rc.3")],
    },
    Entry {
        id: "CVE-2025-52881",
        component: "runc",
        lets: "a hostile container misdirect writes to the host's /proc",
        when: When::Always,
        lines: &[("0", "1.2.8"), ("1.3.0-rc.1", "1.3.3"), ("1.4.0-rc.1", "1.4.0-rc.3")],
    },
    // "Leaky Vessels", January 2024; GHSA-xr7r-f8xq-vfvv.
    Entry {
        id: "CVE-2024-21626",
        component: "runc",
        lets: "a container reach the host's files through an open folder of runc",
        when: When::Always,
        lines: &[("1.0.0-rc93", "1.1.12")],
    },
    Entry {
        id: "CVE-2023-27561",
        component: "runc",
        lets: "a hostile image get past the masking of /proc",
        when: When::Always,
        lines: &[("1.0.0-rc95", "1.1.5")],
    },
    // GHSA-c3xm-pvg7-gh7r.
    Entry {
        id: "CVE-2021-30465",
        component: "runc",
        lets: "containers that share a volume mount host files by a race",
        when: When::Always,
        lines: &[("0", "1.0.0-rc95")],
    },
    Entry {
        id: "CVE-2019-5736",
        component: "runc",
        lets: "a container overwrite runc on the host and run as root there",
        when: When::Always,
        lines: &[("0", "1.0.0-rc7")],
    },
    // Of "Leaky Vessels" too: BuildKit is part of the engine. Tasks never build images; the owner may.
    Entry {
        id: "CVE-2024-23651",
        component: "Engine",
        lets: "a hostile image build reach the host's files (tasks never build)",
        when: When::Always,
        lines: &[("0", "24.0.9"), ("25.0.0", "25.0.2")],
    },
    Entry {
        id: "CVE-2024-41110",
        component: "Engine",
        lets: "callers of the engine get past its authorization plugins",
        when: When::Authorization,
        lines: &[("19.03.0", "23.0.15"), ("24.0.0", "25.0.6"), ("26.0.0", "26.1.5"), ("27.0.0", "27.1.1")],
    },
    Entry {
        id: "CVE-2021-21284",
        component: "Engine",
        lets: "the remapped root of a container become the host's",
        when: When::Userns,
        lines: &[("0", "19.03.15"), ("20.10.0", "20.10.3")],
    },
    Entry {
        id: "CVE-2025-9074",
        component: "Docker Desktop",
        lets: "a container with a network command the engine itself (tasks have no network)",
        when: When::Always,
        lines: &[("4.25.0", "4.44.3")],
    },
];

/// The holes that these versions have, in the order of the table. A version that cannot be read has none.
#[must_use]
pub fn holes(components: &[Component], circumstances: Circumstances) -> Vec<Hole> {
    let mut found = Vec::new();
    for entry in TABLE {
        let applies = match entry.when {
            When::Always => true,
            When::Userns => circumstances.userns,
            When::Authorization => circumstances.authorization,
        };
        let Some(component) =
            components.iter().find(|component| component.name.eq_ignore_ascii_case(entry.component))
        else {
            continue;
        };
        let Some(version) = Version::read(&component.version) else { continue };
        let line = entry.lines.iter().find(|(from, to)| {
            Version::read(from).is_some_and(|from| version >= from)
                && Version::read(to).is_some_and(|to| version < to)
        });
        if let (true, Some((_, mended))) = (applies, line) {
            found.push(Hole {
                id: entry.id,
                component: entry.component,
                found: crate::text::plain_line(&component.version, 60),
                lets: entry.lets,
                mended,
                maybe_mended: of_a_distribution(&component.version),
            });
        }
    }
    found
}

/// Whether a version carries a distribution's mark, such as Debian's `1.1.5+ds1` or Ubuntu's `1.1.12-0ubuntu2`.
fn of_a_distribution(version: &str) -> bool {
    let lower = version.to_ascii_lowercase();
    ["+ds", "+dfsg", "ubuntu", "debian", "+deb", "~deb", ".el7", ".el8", ".el9", ".fc", "amzn", "suse"]
        .iter()
        .any(|mark| lower.contains(mark))
}

/// A version number with an optional release candidate; what else follows does not order versions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: Vec<u64>,
    candidate: Option<u64>,
}

impl Version {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (front, rest) = text.split_at(end);
        let numbers: Option<Vec<u64>> =
            front.trim_end_matches('.').split('.').map(|part| part.parse().ok()).collect();
        let candidate = rest.trim_start_matches(['-', '~', '.']).strip_prefix("rc").map(|number| {
            let number = number.trim_start_matches(['.', '-']);
            let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
            number[..end].parse().unwrap_or(0)
        });
        Some(Self { numbers: numbers.filter(|numbers| numbers.len() <= 8)?, candidate })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.numbers.len().max(other.numbers.len());
        let part = |version: &Self, at: usize| version.numbers.get(at).copied().unwrap_or(0);
        let numbers = (0..longest).map(|at| part(self, at).cmp(&part(other, at))).find(|o| o.is_ne());
        // A candidate comes before the release.
        let release = |version: &Self| version.candidate.unwrap_or(u64::MAX);
        numbers.unwrap_or_else(|| release(self).cmp(&release(other)))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(name: &str, version: &str, circumstances: Circumstances) -> Vec<&'static str> {
        let component = Component { name: name.into(), version: version.into() };
        holes(&[component], circumstances).into_iter().map(|hole| hole.id).collect()
    }

    #[test]
    fn versions_are_ordered_as_projects_order_them() {
        let versions = [
            "0",
            "1.0.0-rc6",
            "1.0.0-rc92",
            "1.0.0-rc95",
            "1.0.0",
            "1.1.5+ds1",
            "1.1.12",
            "1.2.0-rc.1",
            "1.2",
            "v1.2.8",
        ];
        let read: Vec<Version> = versions.iter().map(|text| Version::read(text).unwrap()).collect();
        assert!(read.windows(2).all(|pair| pair[0] < pair[1]), "{read:?}");
        assert!(Version::read("1.2") == Version::read("1.2") && Version::read("unknown").is_none());
        assert!(Version::read("").is_none() && Version::read("1..2").is_none());
        assert!(Version::read("99999999999999999999999.1").is_none());
    }

    #[test]
    fn the_edges_of_every_line_are_where_the_advisories_put_them() {
        let always = Circumstances { userns: true, authorization: true };
        for entry in TABLE {
            for (from, to) in entry.lines {
                assert!(ids(entry.component, from, always).contains(&entry.id), "{} {from}", entry.id);
                assert!(!ids(entry.component, to, always).contains(&entry.id), "{} {to}", entry.id);
            }
        }
        assert_eq!(ids("runc", "1.1.11", Circumstances::default()).len(), 4);
        assert_eq!(ids("runc", "1.1.12", Circumstances::default()).len(), 3);
        assert_eq!(ids("runc", "1.2.8", Circumstances::default()), Vec::<&str>::new());
        assert_eq!(ids("runc", "1.4.0", Circumstances::default()), Vec::<&str>::new());
        assert_eq!(ids("crun", "1.0.0", Circumstances::default()), Vec::<&str>::new());
        assert_eq!(ids("runc", "garbage", Circumstances::default()), Vec::<&str>::new());
    }

    #[test]
    fn some_holes_need_circumstances() {
        let none = Circumstances::default();
        assert!(!ids("Engine", "20.10.2", none).contains(&"CVE-2021-21284"));
        assert!(ids("Engine", "20.10.2", Circumstances { userns: true, ..none }).contains(&"CVE-2021-21284"));
        let authorization = Circumstances { authorization: true, ..none };
        assert_eq!(ids("Engine", "27.1.0", authorization), ["CVE-2024-41110"]);
        assert!(ids("Engine", "27.1.1", authorization).is_empty());
    }

    #[test]
    fn a_distributions_build_may_be_mended_already() {
        for (version, maybe) in [("1.1.5+ds1", true), ("1.1.5", false), ("1.1.5-0ubuntu1~22.04.1", true)] {
            let component = Component { name: "runc".into(), version: version.into() };
            let hole = holes(&[component], Circumstances::default()).into_iter().next().unwrap();
            assert_eq!(hole.maybe_mended, maybe, "{version}");
            assert!(hole.source().ends_with(hole.id) && hole.found == version);
        }
    }
}
