//! A system for tests, which remembers whether its one interface is there.

use crate::system::{Judged, System};
use crate::wire::Handle;
use hivemind_netd_protocol::{Kind, Refused, State};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// True while there is an interface.
pub(crate) struct Fake(pub(crate) Arc<AtomicBool>);

impl System for Fake {
    type Link = ();

    fn kind(&self) -> Kind {
        Kind::Packets
    }

    async fn up(&mut self, _: &Judged) -> Result<(), Refused> {
        assert!(!self.0.swap(true, Ordering::SeqCst), "one at a time");
        Ok(())
    }

    async fn down(&mut self, (): ()) {
        assert!(self.0.swap(false, Ordering::SeqCst));
    }

    fn handle(&self, (): &()) -> std::io::Result<Option<Handle>> {
        Ok(None)
    }

    fn state(&self, (): &()) -> State {
        State { up: true, handshake_s: None, received: 0, sent: 0 }
    }
}
