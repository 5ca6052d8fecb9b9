//! Programs that want something of the computer for themselves.

/// Programs that are looked for at most.
const MOST: usize = 64;

/// Names of programs, in small letters, by what they want for themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExclusiveApps {
    /// The whole computer.
    pub everything: Vec<String>,
    /// Its GPUs.
    pub gpus: Vec<String>,
    /// Its network.
    pub network: Vec<String>,
}

impl ExclusiveApps {
    /// Reads `game.exe, blender:gpu, meeting:network`; without a word behind a colon the whole computer is meant.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut apps = Self::default();
        let named = text.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
        for name in named.take(MOST) {
            let (list, name) = match name.rsplit_once(':').map(|(name, word)| (name.trim(), word.trim())) {
                Some((program, "gpu")) => (&mut apps.gpus, program),
                Some((program, "network")) => (&mut apps.network, program),
                Some(_) | None => (&mut apps.everything, name.as_str()),
            };
            if !name.is_empty() {
                list.push(name.to_owned());
            }
        }
        apps
    }

    /// Whether none is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.everything.is_empty() && self.gpus.is_empty() && self.network.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_behind_a_colon_says_what_a_program_wants() {
        let apps = ExclusiveApps::parse(" Game.exe, blender:GPU ,my meeting : network,, :gpu, a:b");
        assert_eq!(apps.everything, ["game.exe", "a:b"]);
        assert_eq!((apps.gpus, apps.network), (vec!["blender".to_owned()], vec!["my meeting".to_owned()]));
        assert!(ExclusiveApps::parse("").is_empty());
        assert_eq!(ExclusiveApps::parse(&"x,".repeat(500)).everything.len(), 64);
    }
}
