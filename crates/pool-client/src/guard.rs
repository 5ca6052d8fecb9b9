//! Answers are looked at before tonic sees them: it panics on a status whose details are no base64.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http_body_util::BodyExt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::transport::{Channel, Error};
use tower::Service;

const DETAILS: &str = "grpc-status-details-bin";
/// As tonic reads it.
const READER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A channel whose answers hold nothing that tonic panics on.
#[derive(Debug, Clone)]
pub(crate) struct Guarded(Channel);

impl Guarded {
    pub(crate) fn new(channel: Channel) -> Self {
        Self(channel)
    }
}

impl Service<Request<Body>> for Guarded {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = self.0.call(request);
        Box::pin(async move {
            let mut answer = call.await?;
            check(answer.headers_mut());
            Ok(answer.map(|body| {
                Body::new(body.map_frame(|mut frame| {
                    if let Some(trailers) = frame.trailers_mut() {
                        check(trailers);
                    }
                    frame
                }))
            }))
        })
    }
}

/// Removes details that cannot be read: the status counts as one without them.
fn check(headers: &mut HeaderMap) {
    if headers.get_all(DETAILS).iter().any(|value| READER.decode(value.as_bytes()).is_err()) {
        headers.remove(DETAILS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_that_are_no_base64_are_removed_and_others_stay() {
        for (value, stays) in
            [("!!!!", false), ("A", false), ("AA=", true), ("CAE", true), ("CAE=", true), ("", true)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(DETAILS, value.parse().expect("a value"));
            check(&mut headers);
            assert_eq!(headers.contains_key(DETAILS), stays, "{value:?}");
            // What stays is what tonic can read.
            headers.insert("grpc-status", "13".parse().expect("a value"));
            assert!(tonic::Status::from_header_map(&headers).is_some());
        }
    }
}
