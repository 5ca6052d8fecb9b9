//! The seven pictures, drawn by the example `icons` from `icons/tray/*.svg`.

use hivemind_control::StatusState;

/// Square pictures as (edge, alpha-red-green-blue bytes), the small one first.
pub(crate) fn argb(state: StatusState) -> [(u16, &'static [u8]); 2] {
    macro_rules! both {
        ($name:literal) => {
            [
                (24, include_bytes!(concat!("../../../icons/tray/", $name, "-24.argb"))),
                (48, include_bytes!(concat!("../../../icons/tray/", $name, "-48.argb"))),
            ]
        };
    }
    match state {
        StatusState::Earning => both!("earning"),
        StatusState::Ready => both!("ready"),
        StatusState::Yielding => both!("yielding"),
        StatusState::Snoozed => both!("snoozed"),
        StatusState::Off => both!("off"),
        StatusState::Connecting => both!("connecting"),
        StatusState::NeedsYou => both!("needs_you"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn seven_pictures_differ_in_shape_and_not_by_colour_alone() {
        use StatusState::{Connecting, Earning, NeedsYou, Off, Ready, Snoozed, Yielding};
        let mut shapes = HashSet::new();
        for state in [Earning, Ready, Yielding, Snoozed, Off, Connecting, NeedsYou] {
            for (edge, bytes) in argb(state) {
                assert_eq!(bytes.len(), usize::from(edge) * usize::from(edge) * 4);
            }
            let solid: Vec<bool> = argb(state)[0].1.chunks(4).map(|pixel| pixel[0] > 127).collect();
            assert!(solid.iter().filter(|s| **s).count() > 20, "{state:?} can be seen");
            assert!(shapes.insert(solid), "{state:?} looks like another");
        }
    }
}
