//! One client's conversation.

use crate::desk::Seat;
use crate::system::System;
use crate::wire::{Handle, Wire};
use hivemind_netd_protocol::{Answer, FrameError, Frames, Refused, Request, VERSION, encode};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Time for the first word, and for the whole of a frame that has begun, in however many pieces it comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers until the client goes, or says what cannot be answered.
pub async fn converse<S: System, W: Wire>(wire: &mut W, mut seat: Seat<S>) {
    let mut frames = Frames::default();
    let mut buffer = [0; 1024];
    let mut due = Some(Instant::now() + PATIENCE);
    loop {
        let request = match frames.take::<Request>() {
            Ok(Some(request)) => request,
            Ok(None) => {
                if frames.waits() && due.is_none() {
                    due = Some(Instant::now() + PATIENCE);
                }
                match more(wire, &mut frames, &mut buffer, due).await {
                    Ok(true) => continue,
                    Ok(false) => return,
                    Err(error) => return refuse(wire, error).await,
                }
            }
            Err(error) => return refuse(wire, error).await,
        };
        due = None;
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
    due: Option<Instant>,
) -> Result<bool, FrameError> {
    let read = wire.read(buffer);
    let read = match due {
        Some(due) => timeout_at(due, read).await.unwrap_or(Ok(0)),
        None => read.await,
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
    let sent = timeout(PATIENCE, wire.send(&frame, handle)).await;
    sent.is_ok_and(|sent| sent.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Desk;
    use crate::fake::Fake;
    use std::io;
    use std::sync::Arc;

    /// Says its words one byte at a time, with a pause before each, and then nothing more.
    struct Slow {
        words: std::vec::IntoIter<u8>,
        pause: Duration,
        heard: Vec<u8>,
    }

    impl Wire for Slow {
        async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(next) = self.words.next() else { return std::future::pending().await };
            tokio::time::sleep(self.pause).await;
            buffer[0] = next;
            Ok(1)
        }

        async fn send(&mut self, frame: &[u8], _: Option<Handle>) -> io::Result<()> {
            self.heard.extend_from_slice(frame);
            Ok(())
        }
    }

    /// How long the conversation took, and what was answered.
    async fn said(words: &[u8], pause: Duration) -> (Duration, Vec<Answer>) {
        let desk = Desk::new(Fake(Arc::default()), Duration::from_secs(60));
        let mut wire = Slow { words: Vec::from(words).into_iter(), pause, heard: Vec::new() };
        let begun = Instant::now();
        converse(&mut wire, desk.seat().unwrap()).await;
        let (mut frames, mut answers) = (Frames::default(), Vec::new());
        for part in wire.heard.chunks(512) {
            frames.push(part).unwrap();
            while let Some(answer) = frames.take().unwrap() {
                answers.push(answer);
            }
        }
        (begun.elapsed(), answers)
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_has_five_seconds_however_it_comes() {
        let hello = encode(&Request::hello()).unwrap();
        assert_eq!(said(&[], Duration::ZERO).await, (PATIENCE, vec![]), "nothing is said at all");
        assert_eq!(said(&hello[..9], Duration::ZERO).await, (PATIENCE, vec![]), "half a frame, then silence");
        // Each byte comes soon after the one before, and the frame never ends.
        let (took, answers) = said(&hello, Duration::from_secs(1)).await;
        assert!(took <= PATIENCE && answers.is_empty(), "{took:?} {answers:?}");
        // The second frame is given its own time, from its first byte.
        let half = [&hello[..], &[0]].concat();
        let (took, answers) = said(&half, Duration::from_millis(100)).await;
        assert!(matches!(answers.as_slice(), [Answer::Welcome { .. }]), "{answers:?}");
        let pauses = u32::try_from(half.len()).unwrap() * Duration::from_millis(100);
        assert_eq!(took, pauses + PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_was_greeted_may_be_silent() {
        let hello = encode(&Request::hello()).unwrap();
        let quiet = timeout(Duration::from_secs(3600), said(&hello, Duration::ZERO)).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }
}
