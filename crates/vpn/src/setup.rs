//! Makes a configuration: steps 2 to 4.

use crate::link::LinkConfigSource;
use crate::problem;
use crate::state::{self, Made};
use hivemind_control::{ApiError, ErrorCode};
use hivemind_wireguard::{
    FileError, KeySource, LinkConfig, PrivateKey, keep_before, narrowed_file, read_file, write_file,
};
use hivemind_worker_core::port::{LinkDesk, LinkMember, LinkOffer, Vault};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The keyring's entry for a pool's link.
fn entry(pool: &str) -> String {
    format!("private link {pool}")
}

/// Makes a key pair, joins with its public half, and writes the file.
pub(crate) async fn make(
    source: &LinkConfigSource,
    desk: &dyn LinkDesk,
    vault: &dyn Vault,
) -> Result<LinkConfig, ApiError> {
    let failed = |text: String| ApiError::new(ErrorCode::LinkFailed, text);
    let offer = desk.offer().await?;
    let key = PrivateKey::generate().map_err(|e| failed(e.to_string()))?;
    let made = state::load(&source.state, &source.pool);
    // What somebody else wrote is copied before the pool is told anything: without room for that, nothing changes.
    let copy = if is_ours(source, made.as_ref()) { KeptCopy(None) } else { KeptCopy::of(&source.file)? };
    let token = made.as_ref().and_then(|made| made.token.as_deref());
    let public_key = key.public().to_string();
    let member = desk.join(&public_key, token).await?;
    let mut config = checked(&offer, &member, &key)?;
    // The pool tells its token once. Which key is ours is said when the file says so, too.
    let token = member.token.clone().or_else(|| made.as_ref().and_then(|made| made.token.clone()));
    let before = made.map_or_else(|| public_key.clone(), |made| made.public_key);
    remember(source, before, token.clone())?;
    // The keyring has the key before the file says so.
    let name = entry(&source.pool);
    let in_keyring = vault.keep_key(&name, &key.reveal()).await.map_err(problem::secret)?;
    if in_keyring {
        config.private_key = KeySource::Keyring(key.public());
    } else {
        tracing::warn!(
            "there is no keyring: the key of the private link is kept in a file that only you can read"
        );
    }
    write_file(&source.file, &config).map_err(|error| problem::file(&error, &source.file))?;
    copy.stays();
    remember(source, public_key, token)?;
    tracing::info!(file = %source.file.display(), in_keyring, "a private link was set up");
    Ok(config)
}

/// Writes a refused file of another program anew, without what is refused; the file of before stays beside it.
pub(crate) fn narrow(file: &Path) -> Result<(), ApiError> {
    let failed = |error: FileError| problem::file(&error, file);
    match read_file(file) {
        Ok(_) => return Err(problem::nothing_refused()),
        Err(FileError::Refused(_)) => {}
        Err(error) => return Err(failed(error)),
    }
    let narrowed = narrowed_file(file).map_err(failed)?.ok_or_else(problem::not_narrowed)?;
    let copy = KeptCopy::of(file)?;
    write_file(file, &narrowed.config).map_err(failed)?;
    copy.stays();
    tracing::info!(network = %narrowed.allowed(), left_out = ?narrowed.left_out, "the private link's file was narrowed");
    Ok(())
}

/// Whether there is no file but one that we made.
fn is_ours(source: &LinkConfigSource, made: Option<&Made>) -> bool {
    match read_file(&source.file) {
        Ok(kept) => kept.is_none_or(|kept| made.is_some_and(|made| made.is_of(&kept.config))),
        Err(_) => false,
    }
}

/// A copy of the file as it was. It goes again when nothing came of what it was made for.
struct KeptCopy(Option<PathBuf>);

impl KeptCopy {
    fn of(file: &Path) -> Result<Self, ApiError> {
        keep_before(file).map(Self).map_err(|error| problem::file(&error, file))
    }

    fn stays(mut self) {
        if let Some(kept) = self.0.take() {
            tracing::info!(kept = %kept.display(), "the private link's previous file was kept");
        }
    }
}

impl Drop for KeptCopy {
    fn drop(&mut self) {
        if let Some(useless) = &self.0 {
            let _ = std::fs::remove_file(useless);
        }
    }
}

fn remember(source: &LinkConfigSource, public_key: String, token: Option<String>) -> Result<(), ApiError> {
    let made = Made { pool: source.pool.clone(), public_key, token };
    state::save(&source.state, &made)
        .map_err(|error| ApiError::new(ErrorCode::LinkFailed, format!("{}: {error}", source.state.display())))
}

/// A pool's answer as a configuration: it passes the same reader as a file, so that it cannot say more.
fn checked(offer: &LinkOffer, member: &LinkMember, key: &PrivateKey) -> Result<LinkConfig, ApiError> {
    if offer.public_key != member.offer.public_key {
        return Err(ApiError::new(ErrorCode::LinkConfigRefused, "the pool named two different keys"));
    }
    let text = Zeroizing::new(format!(
        "[Interface]\nPrivateKey = {}\nAddress = {}\n[Peer]\nPublicKey = {}\nEndpoint = {}\nAllowedIPs = {}\nPersistentKeepalive = {}\n",
        *key.reveal(),
        member.address,
        member.offer.public_key,
        member.offer.endpoint,
        member.offer.allowed_ips,
        member.keepalive,
    ));
    LinkConfig::parse(text.as_bytes())
        .map_err(|refusal| problem::file(&FileError::Refused(refusal), Path::new("what the pool answered")))
}

/// The private key that a configuration means; `None` when the keyring has lost it.
pub(crate) async fn key(
    source: &LinkConfigSource,
    config: &LinkConfig,
    vault: &dyn Vault,
) -> Result<Option<PrivateKey>, ApiError> {
    let public = match &config.private_key {
        KeySource::Here(key) => return Ok(Some(key.clone())),
        KeySource::Keyring(public) => *public,
    };
    let kept = vault.key(&entry(&source.pool)).await.map_err(problem::secret)?.map(Zeroizing::new);
    let key = kept.and_then(|text| PrivateKey::parse(&text).ok());
    Ok(key.filter(|key| key.public() == public))
}
