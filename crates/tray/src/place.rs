//! Where the icon is.

use tokio::sync::watch;

/// Where the icon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// Nowhere yet.
    #[default]
    Coming,
    /// Where the owner sees it.
    Shown,
    /// Nowhere: this desktop has no place for icons now. One that comes is taken.
    NoHost,
    /// Nowhere, and it will not come: there is no desktop.
    NoDesktop,
}

/// Says where it is, to whom it concerns. Saying the same again wakes nobody.
#[derive(Debug, Clone, Default)]
pub struct PlaceTeller(watch::Sender<Place>);

impl PlaceTeller {
    /// Hears of every change.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<Place> {
        self.0.subscribe()
    }

    pub(crate) fn tell(&self, place: Place) {
        self.0.send_if_modified(|known| std::mem::replace(known, place) != place);
    }
}
