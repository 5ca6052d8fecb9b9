//! Who is signed in, and until when.

use super::book::Book;
use crate::clock;
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub(super) struct Session {
    user: String,
    until: Instant,
    issued_s: i64,
    ends_s: i64,
}

impl Book {
    pub(super) fn login(&mut self, name: &str, password: &str) -> Option<String> {
        if !self.knows(name, password) {
            return None;
        }
        let now_s = clock::wall_ms() / 1000;
        let length_s = i64::try_from(self.times.token_for.as_secs()).unwrap_or(i64::MAX);
        Some(self.keep(Session {
            user: name.to_owned(),
            until: Instant::now() + self.times.token_for,
            issued_s: now_s,
            ends_s: now_s.saturating_add(length_s),
        }))
    }

    /// The same claims once more, so that it ends when the old one does.
    pub(super) fn renew(&mut self, token: &str) -> Option<String> {
        self.user(token)?;
        let session = self.sessions.get(token)?.clone();
        Some(self.keep(session))
    }

    pub(super) fn user(&self, token: &str) -> Option<String> {
        let session = self.sessions.get(token)?;
        (Instant::now() < session.until).then(|| session.user.clone())
    }

    fn keep(&mut self, session: Session) -> String {
        let token = token(&session);
        self.sessions.insert(token.clone(), session);
        token
    }
}

/// In the form of the real one; what proves it is that it is known here.
fn token(session: &Session) -> String {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = serde_json::json!({ "sub": session.user, "iat": session.issued_s, "exp": session.ends_s });
    let (head, proof) = ("{\"typ\":\"JWT\",\"alg\":\"HS256\"}", uuid::Uuid::new_v4().to_string());
    format!("{}.{}.{}", encode(head), encode(&claims.to_string()), encode(&proof))
}
