//! Sign-in: a token of the network ends after 24 hours and cannot be extended, so that name and password are kept in
//! its stead, where other pools' refresh tokens are kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hivemind_worker_core::port::{PoolError, PoolErrorKind, Tokens};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A token lives as long as the network says it does.
const DAY: Duration = Duration::from_secs(86_400);
/// Largest token that is believed to be one.
const MOST_TOKEN_BYTES: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Kept {
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
    iat: i64,
}

/// Name and password out of what is kept.
pub(crate) fn credentials(refresh: &str) -> Result<(String, String), PoolError> {
    let kept: Kept = serde_json::from_str(refresh)
        .map_err(|_| PoolError::new(PoolErrorKind::Unauthenticated, "nobody is signed in at this pool"))?;
    Ok((kept.user, kept.password))
}

/// What is kept after a sign-in.
pub(crate) fn tokens(user: &str, password: &str, token: String) -> Result<Tokens, PoolError> {
    let graphic = |byte: u8| byte.is_ascii_graphic();
    if token.is_empty() || token.len() > MOST_TOKEN_BYTES || !token.bytes().all(graphic) {
        return Err(PoolError::new(PoolErrorKind::Protocol, "the pool's token cannot be used"));
    }
    let kept = Kept { user: user.to_owned(), password: password.to_owned() };
    Ok(Tokens {
        username: user.to_owned(),
        session_for: length(&token),
        session: token,
        refresh: serde_json::to_string(&kept).unwrap_or_default(),
    })
}

/// How long a token lives, by its own words; it is not ours to verify. Clocks need not agree for that.
fn length(token: &str) -> Duration {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|json| serde_json::from_slice::<Claims>(&json).ok());
    let seconds = claims.and_then(|claims| u64::try_from(claims.exp.checked_sub(claims.iat)?).ok());
    seconds.map_or(DAY, Duration::from_secs).clamp(Duration::from_secs(180), DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_session_lasts_as_long_as_its_token_says_within_reason() {
        for (claims, seconds) in [
            ("{\"iat\":1000,\"exp\":4600,\"sub\":\"u\"}", 3600),
            ("{\"iat\":1000,\"exp\":1001}", 180),
            ("{\"iat\":9,\"exp\":1}", 86_400),
            ("{\"iat\":-9223372036854775808,\"exp\":9223372036854775807}", 86_400),
            ("{\"iat\":0,\"exp\":99999999999}", 86_400),
            ("nonsense", 86_400),
        ] {
            let tokens = tokens("u", "p", jwt(claims)).expect("tokens");
            assert_eq!(tokens.session_for.as_secs(), seconds, "{claims}");
            assert_eq!(credentials(&tokens.refresh), Ok(("u".into(), "p".into())));
        }
        for token in ["", "a b", "a\u{7f}", "é", &"a".repeat(5000)] {
            assert!(super::tokens("u", "p", token.to_owned()).is_err(), "{token:.20}");
        }
        assert_eq!(credentials("opaque").unwrap_err().kind, PoolErrorKind::Unauthenticated);
    }
}
