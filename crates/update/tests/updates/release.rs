//! A release as its makers make one: keys, a manifest, a signature, a file.

use hivemind_update::{Artefact, Judge, Manifest, Offer, Refusal, Seen};
use minisign::KeyPair;
use semver::Version;
use sha2::{Digest, Sha256};

pub const DAY_MS: i64 = 24 * 3_600_000;
/// Some day.
pub const NOW_MS: i64 = 1_800_000_000_000;
pub const TARGET: &str = "x86_64-linux-appimage";
pub const NEW: &[u8] = b"#!/bin/sh\necho 0.2.0\n";

pub fn keys() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

pub fn public(keys: &KeyPair) -> String {
    keys.pk.to_base64()
}

pub fn sign(keys: &KeyPair, bytes: &[u8]) -> Vec<u8> {
    minisign::sign(None, &keys.sk, bytes, None, None).unwrap().into_string().into_bytes()
}

pub fn artefact(content: &[u8]) -> Artefact {
    Artefact {
        target: TARGET.into(),
        url: "https://downloads.example.org/hivemind-worker-0.2.0.AppImage".into(),
        size: content.len() as u64,
        sha256: hex::encode(Sha256::digest(content)),
    }
}

pub fn manifest(content: &[u8]) -> Manifest {
    Manifest {
        format: 1,
        product: "hivemind-worker".into(),
        version: Version::new(0, 2, 0),
        from: Version::new(0, 0, 0),
        issued_ms: NOW_MS - DAY_MS,
        expires_ms: NOW_MS + 30 * DAY_MS,
        artefacts: vec![artefact(content)],
    }
}

/// What a computer with version 0.1.0 thinks of it.
pub fn judge(key: &str, seen: &Seen, manifest: &[u8], signature: &[u8]) -> Result<Offer, Refusal> {
    let running = Version::new(0, 1, 0);
    let keys = [key];
    Judge { keys: &keys, running: &running, target: TARGET, seen, now_ms: NOW_MS }.judge(manifest, signature)
}

/// A good offer of these bytes.
pub fn offer(content: &[u8]) -> Offer {
    let keys = keys();
    let bytes = serde_json::to_vec(&manifest(content)).unwrap();
    judge(&public(&keys), &Seen::default(), &bytes, &sign(&keys, &bytes)).unwrap()
}
