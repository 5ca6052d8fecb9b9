//! Who speaks.

use hivemind_netd_protocol::Refused;
use rustix::net::sockopt::socket_peercred;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The one user and the one program that are served.
///
/// The user is firm: the kernel vouches for it. The program is a hurdle against other programs of the same user, no
/// wall: whoever may debug the worker may speak with its voice.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// The user.
    pub uid: u32,
    /// The worker's program.
    pub program: PathBuf,
}

impl Allowed {
    /// Looks at the other end.
    ///
    /// # Errors
    /// [`Refused::User`] or [`Refused::Program`].
    pub fn check(&self, stream: impl AsFd) -> Result<(), Refused> {
        let peer = socket_peercred(stream).map_err(|_| Refused::User)?;
        if peer.uid.as_raw() != self.uid {
            return Err(Refused::User);
        }
        // The very file, not its name: in a namespace of its own a program may lie under any name.
        let running = format!("/proc/{}/exe", peer.pid.as_raw_nonzero());
        let file = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
        match (file(Path::new(&running)), file(&self.program)) {
            (Some(running), Some(ours)) if running == ours => Ok(()),
            (Some(_) | None, Some(_) | None) => Err(Refused::Program),
        }
    }
}
