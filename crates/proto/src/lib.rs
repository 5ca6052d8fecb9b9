//! The HiveMind protocol, version 1, as Rust: messages, clients and servers generated from `proto/hivemind/v1`,
//! with the bounds every receiver checks and the errors every call may answer.

pub mod bounds;
pub mod error;
pub mod limits;
pub mod nodepool;
pub mod v1;
