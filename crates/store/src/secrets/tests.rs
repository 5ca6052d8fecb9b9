use super::*;
use std::time::Duration;

const POOL: &str = "https://pool.example";

fn tokens(session: &str) -> Tokens {
    Tokens {
        username: "ann".into(),
        session: session.into(),
        session_for: Duration::from_secs(900),
        refresh: "r".repeat(200),
    }
}

fn folder() -> (tempfile::TempDir, DataFolder) {
    let at = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(Some(&at.path().join("d"))).unwrap();
    (at, folder)
}

#[tokio::test]
async fn the_file_keeps_one_entry_per_pool() {
    let (_at, folder) = folder();
    let secrets = KeyringSecrets::new(&folder, false);
    assert!(secrets.in_file());
    assert_eq!(secrets.load(POOL).await, Ok(None));
    secrets.save(POOL, &tokens("one")).await.unwrap();
    secrets.save("http://other", &tokens("two")).await.unwrap();
    let again = KeyringSecrets::new(&folder, false);
    assert_eq!(again.load(POOL).await, Ok(Some(tokens("one"))));
    again.clear(POOL).await.unwrap();
    assert_eq!(secrets.load(POOL).await, Ok(None));
    assert_eq!(secrets.load("http://other").await, Ok(Some(tokens("two"))));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = folder.data().join("tokens.json").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    again.clear("http://other").await.unwrap();
    assert!(!folder.data().join("tokens.json").exists());
}

#[tokio::test]
async fn a_damaged_token_file_is_set_aside() {
    let (_at, folder) = folder();
    let path = folder.data().join("tokens.json");
    for (n, content) in [&b"{"[..], b"\xff\xff", b"[1]", b"{\"a\":{}}"].into_iter().enumerate() {
        std::fs::write(&path, content).unwrap();
        let secrets = KeyringSecrets::new(&folder, false);
        assert_eq!(secrets.load(POOL).await, Ok(None));
        let kept = folder.data().join(format!("tokens.json.damaged-{}", n + 1));
        assert_eq!(std::fs::read(kept).unwrap(), content);
        secrets.save(POOL, &tokens("new")).await.unwrap();
    }
}
