//! The monitor page's door to the local network: what it needs of this computer, and how Health tells of it.

use hivemind_control::{ApiError, InviteRequest, PairingCode};
use hivemind_domain::settings::Settings;
use hivemind_host::SystemHost;
use hivemind_local_api::{LanDoor, LanIdentity, LanState, Rights, Sessions, Surroundings, Via};
use hivemind_store::{DataFolder, secret_text};
use hivemind_worker_core::LanPage;
use std::io;
use std::sync::Arc;

/// The certificate with its key, in the data folder.
const CERTIFICATE: &str = "monitor-lan.pem";

/// The door as its owner wants it.
pub(crate) fn door(folder: &DataFolder, sessions: Arc<Sessions>, settings: &Settings) -> Arc<LanDoor> {
    let name = SystemHost::name();
    let around = Surroundings::new(name.clone(), hivemind_host::networks);
    let file = folder.data().join(CERTIFICATE);
    let door = LanDoor::new(sessions, around, move || {
        let make = || LanIdentity::make(&name).map(|made| made.to_pem().to_owned()).map_err(io::Error::other);
        LanIdentity::from_pem(secret_text(&file, make)?).map_err(io::Error::other)
    });
    door.set(hivemind_worker_core::lan_port(settings));
    door
}

pub(crate) fn invite(sessions: &Sessions, request: InviteRequest) -> Result<PairingCode, ApiError> {
    let via = if request.lan { Via::Lan } else { Via::Loopback };
    sessions.invite(via, if request.full { Rights::All } else { Rights::Look })
}

pub(crate) fn page(door: &LanDoor) -> LanPage {
    match door.look() {
        LanState::Off => LanPage::Off,
        LanState::Served { addresses, fingerprint, .. } => {
            LanPage::Served { addresses, certificate_sha256: fingerprint }
        }
        LanState::Failed { port, why } => LanPage::Failed { port, why },
    }
}
