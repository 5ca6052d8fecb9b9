//! One client's conversation.

use crate::desk::Seat;
use crate::system::System;
use crate::wire::{Handle, Wire};
use hivemind_netd_protocol::{Answer, FrameError, Frames, Refused, Request, VERSION, encode};
use std::time::Duration;

/// Time for the first word, and for the rest of a frame that has begun.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers until the client goes, or says what cannot be answered.
pub async fn converse<S: System, W: Wire>(wire: &mut W, mut seat: Seat<S>) {
    let mut frames = Frames::default();
    let mut buffer = [0; 1024];
    loop {
        let request = match frames.take::<Request>() {
            Ok(Some(request)) => request,
            Ok(None) => match more(wire, &mut frames, &mut buffer, seat.is_greeted()).await {
                Ok(true) => continue,
                Ok(false) => return,
                Err(error) => return refuse(wire, error).await,
            },
            Err(error) => return refuse(wire, error).await,
        };
        let (answer, handle, last) = answer(&mut seat, &request).await;
        if let Answer::Refused(why) = &answer {
            tracing::info!(%why, "refused");
        }
        if !send(wire, &answer, handle).await || last {
            return;
        }
    }
}

/// Tells why somebody is not served.
pub async fn turn_away<W: Wire>(wire: &mut W, why: Refused) {
    tracing::warn!(%why, "somebody is turned away");
    let _ = send(wire, &Answer::Refused(why), None).await;
}

/// Reads on; `false` at the end, or when it takes too long.
async fn more<W: Wire>(
    wire: &mut W,
    frames: &mut Frames,
    buffer: &mut [u8],
    greeted: bool,
) -> Result<bool, FrameError> {
    let read = wire.read(buffer);
    let read = if frames.waits() || !greeted {
        tokio::time::timeout(PATIENCE, read).await.unwrap_or(Ok(0))
    } else {
        read.await
    };
    match read {
        Ok(0) | Err(_) => Ok(false),
        Ok(length) => frames.push(&buffer[..length]).map(|()| true),
    }
}

/// The answer, what goes with it, and whether it is the last.
async fn answer<S: System>(seat: &mut Seat<S>, request: &Request) -> (Answer, Option<Handle>, bool) {
    let refused = |why| (Answer::Refused(why), None, true);
    match request {
        Request::Hello(hello) if hello.version != VERSION => refused(Refused::Version),
        Request::Hello(_) => {
            if seat.greet().await {
                (Answer::Welcome { version: VERSION, kind: seat.desk.kind() }, None, false)
            } else {
                refused(Refused::Order)
            }
        }
        Request::Up(_) | Request::Status | Request::Down if !seat.is_greeted() => refused(Refused::Order),
        Request::Up(up) => match seat.desk.up(up).await {
            Ok(handle) => (Answer::Done, handle, false),
            Err(why) => (Answer::Refused(why), None, false),
        },
        Request::Status => (Answer::Status(seat.desk.state().await), None, false),
        Request::Down => {
            seat.desk.clear().await;
            (Answer::Done, None, false)
        }
    }
}

async fn refuse<W: Wire>(wire: &mut W, error: FrameError) {
    let why = match error {
        FrameError::Oversize => Refused::Oversize,
        FrameError::Malformed => Refused::Malformed,
    };
    tracing::warn!(%why, "a conversation is ended");
    let _ = send(wire, &Answer::Refused(why), None).await;
}

async fn send<W: Wire>(wire: &mut W, answer: &Answer, handle: Option<Handle>) -> bool {
    let Ok(frame) = encode(answer) else { return false };
    let sent = tokio::time::timeout(PATIENCE, wire.send(&frame, handle)).await;
    sent.is_ok_and(|sent| sent.is_ok())
}
