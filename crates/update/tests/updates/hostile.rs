//! Updates that somebody else would like us to take.

use crate::release::*;
use hivemind_update::{Judge, Manifest, Refusal, Seen, Swap, SwapError, SystemDisk};
use semver::Version;

/// What was downloaded: a manifest and its signature.
type Tampering = Box<dyn Fn(&mut Vec<u8>, &mut Vec<u8>)>;

/// What a case changes before (`Signed`) or after (`Delivered`) our own key has signed.
enum Change {
    Signed(Box<dyn Fn(&mut Manifest)>),
    Text(Box<dyn Fn(String) -> String>),
    Delivered(Tampering),
    Known(Seen),
}

fn signed(change: impl Fn(&mut Manifest) + 'static) -> Change {
    Change::Signed(Box::new(change))
}

fn text(change: impl Fn(String) -> String + 'static) -> Change {
    Change::Text(Box::new(change))
}

fn delivered(change: impl Fn(&mut Vec<u8>, &mut Vec<u8>) + 'static) -> Change {
    Change::Delivered(Box::new(change))
}

fn name(refusal: &Refusal) -> String {
    let text = format!("{refusal:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

fn cases() -> Vec<(&'static str, Change, &'static str)> {
    let flip = |at: usize| delivered(move |manifest, _| manifest[at] ^= 1);
    vec![
        // Signatures.
        ("no signature", delivered(|_, s| s.clear()), "SignatureUnreadable"),
        ("no words in the signature", delivered(|_, s| *s = b"\n\n\n\n".to_vec()), "SignatureUnreadable"),
        ("a signature that is no text", delivered(|_, s| s[0] = 0xff), "SignatureUnreadable"),
        ("a signature cut in half", delivered(|_, s| s.truncate(s.len() / 2)), "SignatureUnreadable"),
        (
            "a signature without its last line",
            delivered(|_, s| {
                let text = String::from_utf8(s.clone()).unwrap();
                *s = text.lines().take(3).collect::<Vec<_>>().join("\n").into_bytes();
            }),
            "SignatureUnreadable",
        ),
        ("a signature of a megabyte", delivered(|_, s| s.resize(1 << 20, b' ')), "TooLarge"),
        ("another key", delivered(|m, s| *s = sign(&keys(), m)), "NotSigned"),
        ("our signature of other bytes", delivered(|m, _| *m = b"{}".to_vec()), "NotSigned"),
        ("the first bit flipped", flip(0), "NotSigned"),
        ("a bit in the middle flipped", flip(80), "NotSigned"),
        ("one byte more", delivered(|m, _| m.push(b' ')), "NotSigned"),
        ("one byte less", delivered(|m, _| m.truncate(m.len() - 1)), "NotSigned"),
        ("no manifest", delivered(|m, _| m.clear()), "NotSigned"),
        ("a manifest of a megabyte", delivered(|m, _| m.resize(1 << 20, b' ')), "TooLarge"),
        (
            "a changed trusted comment",
            delivered(|_, s| {
                let text = String::from_utf8(s.clone()).unwrap();
                *s = text.replace("trusted comment: timestamp", "trusted comment: Timestamp").into_bytes();
            }),
            "NotSigned",
        ),
        (
            "the signature of the old format",
            delivered(|_, s| {
                // "ED" (hashed) becomes "Ed" (the bytes themselves): the third base64 character of the second line.
                let text = String::from_utf8(s.clone()).unwrap();
                *s = text
                    .replacen("\nRUR", "\nRWR", 1)
                    .replacen("\nRUQ", "\nRWQ", 1)
                    .replacen("\nRUT", "\nRWT", 1)
                    .replacen("\nRUS", "\nRWS", 1)
                    .into_bytes();
            }),
            "NotSigned",
        ),
        // Signed by us, and still not taken: a stolen old one, a mistake, another program's.
        ("the version that runs", signed(|m| m.version = Version::new(0, 1, 0)), "NotNewer"),
        ("an older version", signed(|m| m.version = Version::new(0, 0, 9)), "NotNewer"),
        ("a version below all", signed(|m| m.version = Version::new(0, 0, 0)), "NotNewer"),
        ("a pre-release", signed(|m| m.version = Version::parse("0.2.0-rc.1").unwrap()), "Field"),
        ("a build number", signed(|m| m.version = Version::parse("0.2.0+1").unwrap()), "Field"),
        ("expired", signed(|m| (m.issued_ms, m.expires_ms) = (NOW_MS - 9 * DAY_MS, NOW_MS - 1)), "Expired"),
        ("expires now", signed(|m| m.expires_ms = NOW_MS), "Expired"),
        ("expires before it is issued", signed(|m| m.expires_ms = m.issued_ms - 1), "Field"),
        ("good for a year", signed(|m| m.expires_ms = m.issued_ms + 365 * DAY_MS), "Field"),
        ("times that overflow", signed(|m| (m.issued_ms, m.expires_ms) = (-1, i64::MAX)), "Field"),
        (
            "from next week",
            signed(|m| (m.issued_ms, m.expires_ms) = (NOW_MS + 7 * DAY_MS, NOW_MS + 8 * DAY_MS)),
            "FromTheFuture",
        ),
        ("another program", signed(|m| m.product = "hivemind-pool".into()), "OtherProgram"),
        ("another format", signed(|m| m.format = 2), "Field"),
        ("no files", signed(|m| m.artefacts.clear()), "Field"),
        ("a hundred files", signed(|m| m.artefacts = vec![artefact(NEW); 100]), "Field"),
        ("one target twice", signed(|m| m.artefacts.push(artefact(b"other"))), "Field"),
        (
            "files of another system only",
            signed(|m| m.artefacts[0].target = "x86_64-windows-msi".into()),
            "NoArtefact",
        ),
        ("a target that is a path", signed(|m| m.artefacts[0].target = "../../bin".into()), "Field"),
        ("http without s", signed(|m| m.artefacts[0].url = "http://downloads.example.org/x".into()), "Field"),
        ("a file address", signed(|m| m.artefacts[0].url = "file:///etc/passwd".into()), "Field"),
        (
            "an address with a user",
            signed(|m| m.artefacts[0].url = "https://a@evil.example/x".into()),
            "Field",
        ),
        ("an address without a host", signed(|m| m.artefacts[0].url = "https:///x".into()), "Field"),
        ("an address with a line break", signed(|m| m.artefacts[0].url.push_str("\r\nX: y")), "Field"),
        ("an empty file", signed(|m| m.artefacts[0].size = 0), "Field"),
        ("a file of a terabyte", signed(|m| m.artefacts[0].size = 1 << 40), "Field"),
        ("a hash in capitals", signed(|m| m.artefacts[0].sha256 = "A".repeat(64)), "Field"),
        ("a short hash", signed(|m| m.artefacts[0].sha256.truncate(63)), "Field"),
        ("a step from a version too old", signed(|m| m.from = Version::new(0, 1, 5)), "TooOld"),
        ("no JSON", text(|_| "version = 2".into()), "ManifestUnreadable"),
        ("half a JSON", text(|t| t[..t.len() / 2].to_owned()), "ManifestUnreadable"),
        ("a field twice", text(|t| t.replacen('{', "{\"version\":\"9.9.9\",", 1)), "ManifestUnreadable"),
        (
            "a field nobody knows",
            text(|t| t.replacen('{', "{\"run\":\"rm -rf /\",", 1)),
            "ManifestUnreadable",
        ),
        ("a negative size", text(|t| t.replacen("\"size\":", "\"size\":-", 1)), "ManifestUnreadable"),
        ("a version that is none", text(|t| t.replacen("0.2.0", "newest", 1)), "ManifestUnreadable"),
        ("ten thousand brackets", text(|_| "[".repeat(10_000)), "ManifestUnreadable"),
        // Good ones that are played again.
        (
            "older than one seen before",
            Change::Known(Seen { issued_ms: NOW_MS, version: None, failed: vec![] }),
            "Replayed",
        ),
        (
            "a version below one seen before",
            Change::Known(Seen { issued_ms: 0, version: Some(Version::new(0, 3, 0)), failed: vec![] }),
            "Replayed",
        ),
        (
            "one that failed here",
            Change::Known(Seen { issued_ms: 0, version: None, failed: vec![Version::new(0, 2, 0)] }),
            "TriedBefore",
        ),
    ]
}

#[test]
fn every_hostile_update_is_refused_for_its_own_reason() {
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    let ours = keys();
    let key = public(&ours);
    for (case, change, wanted) in &cases {
        let mut good = manifest(NEW);
        let mut seen = Seen::default();
        if let Change::Signed(change) = change {
            change(&mut good);
        }
        let mut bytes = serde_json::to_vec(&good).unwrap();
        if let Change::Text(change) = change {
            bytes = change(String::from_utf8(bytes).unwrap()).into_bytes();
        }
        let mut signature = sign(&ours, &bytes);
        match change {
            Change::Delivered(change) => change(&mut bytes, &mut signature),
            Change::Known(known) => seen = known.clone(),
            Change::Signed(_) | Change::Text(_) => {}
        }
        let refusal = judge(&key, &seen, &bytes, &signature).expect_err(case);
        assert_eq!(name(&refusal), *wanted, "{case}: {refusal}");
        assert!(refusal.to_string().len() > 15, "{case}: {refusal}");
    }
    println!("{} hostile updates refused", cases.len());
}

#[test]
fn a_good_update_is_taken_and_remembered() {
    let ours = keys();
    let bytes = serde_json::to_vec(&manifest(NEW)).unwrap();
    let signature = sign(&ours, &bytes);
    let offer = judge(&public(&ours), &Seen::default(), &bytes, &signature).unwrap();
    assert_eq!(offer.version, Version::new(0, 2, 0));
    assert_eq!(offer.seen.issued_ms, NOW_MS - DAY_MS);
    // The same one again is no replay: nothing was installed in between.
    assert!(judge(&public(&ours), &offer.seen, &bytes, &signature).is_ok());
}

#[test]
fn a_second_key_takes_over_and_no_key_at_all_takes_nothing() {
    let (first, second) = (keys(), keys());
    let bytes = serde_json::to_vec(&manifest(NEW)).unwrap();
    let signature = sign(&second, &bytes);
    let (a, b) = (public(&first), public(&second));
    let running = Version::new(0, 1, 0);
    let seen = Seen::default();
    let judged = |keys: &[&str]| {
        Judge { keys, running: &running, target: TARGET, seen: &seen, now_ms: NOW_MS }
            .judge(&bytes, &signature)
    };
    assert!(judged(&[&a, &b]).is_ok());
    let first: &[&str] = &[&a];
    for keys in [first, &[], &["", "not a key", "RWQ="]] {
        assert_eq!(judged(keys), Err(Refusal::NotSigned));
    }
}

#[test]
fn a_file_that_is_not_the_signed_one_leaves_nothing_behind() {
    let mut longer = NEW.to_vec();
    longer.push(b'x');
    let mut other = NEW.to_vec();
    other[3] ^= 1;
    let huge = vec![b'x'; 4 << 20];
    for (case, content) in [
        ("shorter", &NEW[..NEW.len() - 1]),
        ("longer", &longer[..]),
        ("empty", &[][..]),
        ("another of the same length", &other[..]),
        ("megabytes more", &huge[..]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker");
        std::fs::write(&program, b"old").unwrap();
        let swap = Swap::new(program.clone(), &SystemDisk);
        let error = swap.stage(&offer(NEW), &mut &content[..]).expect_err(case);
        assert!(
            matches!(error, SwapError::Refused(Refusal::WrongSize(_) | Refusal::WrongHash)),
            "{case}: {error}"
        );
        assert!(swap.begin().is_err(), "{case}");
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["worker"], "{case}");
        assert_eq!(std::fs::read(&program).unwrap(), b"old", "{case}");
    }
}

#[test]
fn a_file_swapped_after_its_check_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("worker");
    std::fs::write(&program, b"old").unwrap();
    let swap = Swap::new(program.clone(), &SystemDisk);
    swap.stage(&offer(NEW), &mut &NEW[..]).unwrap();
    std::fs::write(folder.path().join("worker.next"), b"somebody else's").unwrap();
    assert!(matches!(swap.begin(), Err(SwapError::Refused(Refusal::WrongHash))));
    assert_eq!(std::fs::read(&program).unwrap(), b"old");
    assert!(!folder.path().join("worker.next").exists());
}

#[cfg(unix)]
#[test]
fn a_link_laid_out_for_us_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("worker");
    let victim = folder.path().join("victim");
    std::fs::write(&program, b"old").unwrap();
    std::fs::write(&victim, b"precious").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("worker.next")).unwrap();
    Swap::new(program, &SystemDisk).stage(&offer(NEW), &mut &NEW[..]).unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}
