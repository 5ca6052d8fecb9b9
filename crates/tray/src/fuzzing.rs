//! What a tray host is handed, for whoever feeds the tray hostile text.

use crate::linux;
use crate::model::TrayModel;

/// The texts of a tray as they go to its host.
#[derive(Debug, Clone)]
pub struct Handed {
    /// The tool tip's title: plain text.
    pub title: String,
    /// The tool tip's description: hosts read it as markup.
    pub description: String,
    /// The menu's labels: one underscore makes the next letter a key.
    pub labels: Vec<String>,
}

/// What the host of this model is handed.
#[must_use]
pub fn handed(model: &TrayModel) -> Handed {
    let (tip, labels) = linux::handed(model);
    Handed { title: tip.title, description: tip.description, labels }
}
