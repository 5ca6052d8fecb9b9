//! Doors for fuzzing into what is private. Only with the feature `fuzzing`.

use crate::nodepool::package::place::{self, Place};
use crate::nodepool::package::{reach, tracker};
use crate::{check, discovery};
use hivemind_proto::v1;
use prost::Message;

/// An answer of a pool: the first byte says to which call.
pub fn answer(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let refused = match kind % 12 {
        0 => v1::LoginResponse::decode(bytes).ok().and_then(|m| check::tokens(m.session).err()),
        1 => v1::RegisterNodeResponse::decode(bytes).ok().and_then(|m| check::registered(m).err()),
        2 => v1::HeartbeatResponse::decode(bytes).ok().and_then(|m| check::heartbeat(m).err()),
        3 => v1::AssignTaskResponse::decode(bytes).ok().and_then(|m| check::assigned(m).err()),
        4 => v1::ReportNodeStatusResponse::decode(bytes).ok().and_then(|m| check::status(m).err()),
        5 => v1::TaskReportAck::decode(bytes).ok().and_then(|m| check::durable(&m).err()),
        6 => v1::FetchChunk::decode(bytes).ok().and_then(|m| check::piece(&m, 0, 9).err()),
        7 => v1::SubmitTaskResultResponse::decode(bytes).ok().and_then(|m| check::credit(&m).err()),
        8 => v1::GetBalanceResponse::decode(bytes).ok().and_then(|m| check::balance(m.balance_cpt).err()),
        9 => v1::TaskKey::decode(bytes).ok().and_then(|m| check::key(Some(m)).err()),
        _ => v1::ErrorDetail::decode(bytes).ok().map(|_| {
            let status = tonic::Status::with_details(tonic::Code::Internal, "x", bytes.to_vec().into());
            crate::failure::failed(status)
        }),
    };
    if let Some(refused) = refused {
        assert!(!refused.message.is_empty() && refused.message.len() <= 300, "{refused:?}");
        assert!(!refused.message.contains(char::is_control), "{refused:?}");
    }
}

/// What a pool says about itself.
pub fn well_known(data: &[u8]) {
    discovery::read(data);
}

/// What strangers write about a package of the live network: its reference, or a tracker's answer.
pub fn package_place(data: &[u8]) {
    let pool = std::net::IpAddr::from([203, 0, 113, 9]);
    if let Ok(peers) = tracker::read(data, pool) {
        assert!(peers.len() <= 16 && peers.iter().all(|peer| reach::may_dial(peer.ip(), pool)), "{peers:?}");
    }
    let Ok(reference) = std::str::from_utf8(data) else { return };
    match place::read(reference, "t-1") {
        Ok(Place::Swarm { name, trackers, .. }) => {
            assert!(
                name.ends_with(".zip") && !name.contains(['/', '\\']) && !name.contains(char::is_control)
            );
            assert!(trackers.iter().all(|url| url.scheme() == "http" && url.path() == "/announce"));
        }
        Ok(Place::Page(url)) => assert!(url.scheme() == "http" && url.username().is_empty(), "{url}"),
        Err(why) => assert!(!why.is_empty()),
    }
}
