//! The desktop's Secret Service over D-Bus.

use super::KeyringError;
use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use std::collections::HashMap;
use std::time::Duration;
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::OwnedObjectPath;
use zbus_secret_service_keyring_store::Store;

const NAME: &str = "org.freedesktop.secrets";
/// A service that hangs must not hang us.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn load(service: &str, user: &str) -> Result<Option<Vec<u8>>, KeyringError> {
    match entry(service, user)?.get_secret() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(refused(&error)),
    }
}

pub(super) fn save(service: &str, user: &str, secret: &[u8]) -> Result<(), KeyringError> {
    entry(service, user)?.set_secret(secret).map_err(|e| refused(&e))
}

pub(super) fn clear(service: &str, user: &str) -> Result<(), KeyringError> {
    match entry(service, user)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(refused(&error)),
    }
}

/// Each call makes its own connection: there are few, and an idle one would wake us with other people's signals.
fn entry(service: &str, user: &str) -> Result<Entry, KeyringError> {
    ready()?;
    let store = Store::new().map_err(|e| refused(&e))?;
    let label = HashMap::from([("label", "HiveMind Worker")]);
    store.build(service, user, Some(&label)).map_err(|e| refused(&e))
}

/// Whether the service answers and its default collection is open. Asked first, because the store would ask the
/// owner to unlock it, and because a locked collection shows no entries.
fn ready() -> Result<(), KeyringError> {
    let bus = Builder::session().and_then(|b| b.method_timeout(PATIENCE).build());
    let bus = bus.map_err(|_| KeyringError::Missing)?;
    let collection: OwnedObjectPath =
        Proxy::new(&bus, NAME, "/org/freedesktop/secrets", "org.freedesktop.Secret.Service")
            .and_then(|service| service.call("ReadAlias", &("default",)))
            .map_err(|e| absent_or_silent(&e))?;
    if collection.as_str() == "/" {
        // A service that never got a collection cannot keep anything without asking for a new password.
        return Err(KeyringError::Missing);
    }
    if is_locked(&bus, &collection).map_err(|e| absent_or_silent(&e))? {
        Err(KeyringError::Locked)
    } else {
        Ok(())
    }
}

fn is_locked(bus: &Connection, collection: &OwnedObjectPath) -> zbus::Result<bool> {
    Proxy::new(bus, NAME, collection, "org.freedesktop.Secret.Collection")?.get_property("Locked")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
fn absent_or_silent(error: &zbus::Error) -> KeyringError {
    let absent = match error {
        zbus::Error::MethodError(name, ..) => matches!(
            name.as_str(),
            "org.freedesktop.DBus.Error.ServiceUnknown"
                | "org.freedesktop.DBus.Error.NameHasNoOwner"
                | "org.freedesktop.DBus.Error.Spawn.ServiceNotFound"
                | "org.freedesktop.DBus.Error.Spawn.ExecFailed"
                | "org.freedesktop.DBus.Error.Spawn.ChildExited"
        ),
        zbus::Error::FDO(error) => {
            matches!(**error, zbus::fdo::Error::ServiceUnknown(_) | zbus::fdo::Error::NameHasNoOwner(_))
        }
        _ => false,
    };
    tracing::debug!(%error, absent, "the Secret Service cannot be asked");
    if absent { KeyringError::Missing } else { KeyringError::Locked }
}

fn refused(error: &Error) -> KeyringError {
    // The service was there a moment ago: whatever it says now is no proof that nothing is kept.
    tracing::warn!(%error, "the Secret Service refused");
    KeyringError::Locked
}
