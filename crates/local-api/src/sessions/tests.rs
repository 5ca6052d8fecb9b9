use super::*;

fn served() -> Sessions {
    let sessions = Sessions::new();
    sessions.serve_at(Some(([127, 0, 0, 1], 5001).into()));
    sessions
}

fn code(sessions: &Sessions) -> String {
    let pairing = sessions.new_code().unwrap();
    pairing.url.strip_prefix("http://127.0.0.1:5001/pair?code=").unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_code_works_once_within_two_minutes() {
    let sessions = served();
    let first = code(&sessions);
    assert_eq!(first.len(), 32, "128 bits");
    let token = sessions.redeem(Via::Loopback, &first).unwrap();
    assert!(sessions.admit(Via::Loopback, &token).is_some());
    assert_eq!(sessions.redeem(Via::Loopback, &first), None, "replayed");
    let second = code(&sessions);
    tokio::time::advance(CODE_LIFE).await;
    assert_eq!(sessions.redeem(Via::Loopback, &second), None, "expired");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_after_thirty_idle_days_and_not_before() {
    let sessions = served();
    let token = sessions.new_token().unwrap();
    for _ in 0..3 {
        tokio::time::advance(SESSION_IDLE - Duration::from_secs(1)).await;
        assert!(sessions.admit(Via::Loopback, &token).is_some());
    }
    tokio::time::advance(SESSION_IDLE).await;
    assert!(sessions.admit(Via::Loopback, &token).is_none());
}

#[tokio::test(start_paused = true)]
async fn wrong_codes_void_the_right_one() {
    let sessions = served();
    let right = code(&sessions);
    for n in 0..MAX_WRONG {
        assert_eq!(sessions.redeem(Via::Loopback, &format!("{n:032x}")), None);
    }
    assert_eq!(sessions.redeem(Via::Loopback, &right), None);
    assert!(sessions.redeem(Via::Loopback, &code(&sessions)).is_some(), "a new code starts anew");
}

#[tokio::test(start_paused = true)]
async fn codes_and_sessions_are_bounded_and_the_oldest_goes_first() {
    let sessions = served();
    let first = code(&sessions);
    let rest: Vec<_> = (0..MAX_CODES).map(|_| code(&sessions)).collect();
    assert_eq!(sessions.redeem(Via::Loopback, &first), None);
    assert!(sessions.redeem(Via::Loopback, &rest[0]).is_some());
    let old = sessions.new_token().unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let newer: Vec<_> = (0..MAX_SESSIONS - 1).map(|_| sessions.new_token().unwrap()).collect();
    assert!(newer.iter().all(|t| sessions.admit(Via::Loopback, t).is_some()));
    tokio::time::advance(Duration::from_secs(1)).await;
    sessions.new_token().unwrap();
    assert!(sessions.admit(Via::Loopback, &old).is_none());
    assert_eq!(sessions.lock().sessions.len(), MAX_SESSIONS);
}

#[tokio::test]
async fn without_a_listener_there_is_no_code() {
    assert!(Sessions::new().new_code().is_err());
    let refused = served().invite(Via::Lan, Rights::Look).unwrap_err();
    assert_eq!(refused.code, ErrorCode::LanNotServed);
}

fn on_lan(sessions: &Sessions) {
    let around = Surroundings::new("Sofa.local".into(), || vec![([192, 168, 1, 7].into(), 24)]);
    let place = LanPlace { port: 5443, fingerprint: "ab".repeat(32), around: Arc::new(around) };
    sessions.serve_lan_at(Some(place));
}

fn lan_code(sessions: &Sessions, rights: Rights) -> String {
    let pairing = sessions.invite(Via::Lan, rights).unwrap();
    assert_eq!(
        (pairing.read_only, pairing.certificate_sha256),
        (rights == Rights::Look, Some("ab".repeat(32)))
    );
    assert!(
        pairing.url.starts_with("https://") && pairing.url.contains(":5443/pair?code="),
        "{}",
        pairing.url
    );
    pairing.url.rsplit('=').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_code_keeps_its_door_and_its_rights() {
    let sessions = served();
    on_lan(&sessions);
    for rights in [Rights::Look, Rights::All] {
        let code = lan_code(&sessions, rights);
        assert_eq!(sessions.redeem(Via::Loopback, &code), None, "another door's");
        let token = sessions.redeem(Via::Lan, &code).unwrap();
        assert_eq!(sessions.admit(Via::Lan, &token), Some(rights));
        assert_eq!(sessions.admit(Via::Loopback, &token), None);
    }
    let here = sessions.invite(Via::Loopback, Rights::Look).unwrap();
    assert_eq!((here.read_only, here.certificate_sha256), (true, None));
    let token = sessions.redeem(Via::Loopback, here.url.rsplit('=').next().unwrap()).unwrap();
    assert_eq!(sessions.admit(Via::Loopback, &token), Some(Rights::Look));
    assert_eq!(sessions.admit(Via::Lan, &token), None);
}

#[tokio::test]
async fn wrong_codes_from_the_network_void_only_the_networks() {
    let sessions = served();
    on_lan(&sessions);
    let (here, there) = (code(&sessions), lan_code(&sessions, Rights::Look));
    for n in 0..MAX_WRONG {
        assert_eq!(sessions.redeem(Via::Lan, &format!("{n:032x}")), None);
    }
    assert_eq!(sessions.redeem(Via::Lan, &there), None);
    assert!(sessions.redeem(Via::Loopback, &here).is_some());
}

#[tokio::test]
async fn the_networks_sessions_end_with_its_door() {
    let sessions = served();
    on_lan(&sessions);
    let open = lan_code(&sessions, Rights::All);
    let token = sessions.new_session(Via::Lan, Rights::All).unwrap();
    let here = sessions.new_token().unwrap();
    sessions.serve_lan_at(None);
    on_lan(&sessions);
    assert_eq!(sessions.redeem(Via::Lan, &open), None);
    assert_eq!(sessions.admit(Via::Lan, &token), None);
    assert_eq!(sessions.admit(Via::Loopback, &here), Some(Rights::All));
}

proptest::proptest! {
    #[test]
    fn nothing_but_the_token_is_admitted(text in "\\PC{0,80}") {
        let sessions = served();
        sessions.new_token().unwrap();
        code(&sessions);
        proptest::prop_assert!(sessions.admit(Via::Loopback, &text).is_none());
        proptest::prop_assert!(sessions.redeem(Via::Loopback, &text).is_none());
    }
}
