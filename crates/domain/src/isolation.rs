//! How far a container is kept from the computer it runs on.

use serde::{Deserialize, Serialize};

/// The wall between a task and the computer, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// The engine runs as root, and so would a program that escapes.
    #[default]
    Plain,
    /// Root inside is an ordinary user outside.
    Userns,
    /// The engine itself is an ordinary user.
    Rootless,
    /// A kernel in user space answers the tasks' system calls.
    Gvisor,
    /// A virtual machine with a kernel of its own is in between.
    Vm,
}

/// Every level by its word, weakest first; also the choices of the setting `minimum_isolation`.
pub const WORDS: &[&str] = &["plain", "userns", "rootless", "gvisor", "vm"];

impl Isolation {
    /// The level's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Userns => "userns",
            Self::Rootless => "rootless",
            Self::Gvisor => "gvisor",
            Self::Vm => "vm",
        }
    }

    /// The level of a word; anything unknown counts as the weakest.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "userns" => Self::Userns,
            "rootless" => Self::Rootless,
            "gvisor" => Self::Gvisor,
            "vm" => Self::Vm,
            _ => Self::Plain,
        }
    }

    /// What a container runtime of this name adds, when it adds anything: `runsc` is gVisor, Kata Containers puts
    /// each container into a small virtual machine.
    #[must_use]
    pub fn of_runtime(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name == "runsc" || name.starts_with("runsc-") || name.contains("gvisor") {
            Some(Self::Gvisor)
        } else if name.starts_with("kata") || name.starts_with("io.containerd.kata.") {
            Some(Self::Vm)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_levels_belong_together_and_are_ordered() {
        let levels: Vec<Isolation> = WORDS.iter().map(|word| Isolation::from_word(word)).collect();
        assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "{levels:?}");
        assert!(WORDS.iter().all(|word| Isolation::from_word(word).word() == *word));
        assert_eq!(Isolation::from_word("marvellous"), Isolation::Plain);
    }

    #[test]
    fn runtimes_are_known_by_name() {
        for (name, level) in [
            ("runc", None),
            ("io.containerd.runc.v2", None),
            ("nvidia", None),
            ("crun", None),
            ("runsc", Some(Isolation::Gvisor)),
            ("runsc-kvm", Some(Isolation::Gvisor)),
            ("kata-runtime", Some(Isolation::Vm)),
            ("io.containerd.kata.v2", Some(Isolation::Vm)),
        ] {
            assert_eq!(Isolation::of_runtime(name), level, "{name}");
        }
    }
}
