//! Package `hivemind.v1`, generated.

#![allow(
    clippy::pedantic,
    clippy::wildcard_enum_match_arm,
    clippy::large_enum_variant,
    clippy::derive_partial_eq_without_eq,
    reason = "generated"
)]

use std::fmt;

tonic::include_proto!("hivemind.v1");

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest").field("username", &self.username).finish_non_exhaustive()
    }
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest").field("install_id", &self.install_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("username", &self.username).finish_non_exhaustive()
    }
}
