//! Doors for fuzzing into what is private. Only with the feature `fuzzing`.

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
