//! Signing in and out, sessions that end, keyrings that are locked.

use crate::{SECOND, unreachable};
use hivemind_control::{
    ApiError, Control, ErrorCode, LoginRequest, PoolState, SettingChange, Snapshot, StatusState,
};
use hivemind_testkit::{
    FakeClock, MemoryLogs, PASSWORD, PoolCall, Program, USERNAME, Vault, World, assigned,
};
use hivemind_worker_core::Worker;
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::time::Duration;

fn request(password: &str) -> LoginRequest {
    LoginRequest { username: USERNAME.into(), password: password.into() }
}

fn signed_out() -> World {
    World::signed_out(FakeClock::default(), MemoryLogs::default())
}

#[test]
fn until_a_restart_everything_belongs_to_the_pool_that_is_spoken_with() {
    let world = signed_out();
    world.live(async |worker| {
        world.until(worker, "the question", |s| s.pool.state == PoolState::AuthRequired).await;
        let (old, new) = (world.pool_url(), "https://other.example".to_owned());
        let change = SettingChange { key: "master_url".into(), value: Some(new.clone()) };
        worker.control.set_setting(change).await.unwrap();
        assert_eq!(
            worker.control.snapshot(()).await.unwrap().pool.url,
            old,
            "the other comes with a restart"
        );
        worker.control.login(request(PASSWORD)).await.unwrap();
        assert!(world.secrets.peek(&old).is_some());
        assert_eq!(world.secrets.peek(&new), None, "no other pool is sent what this one gave");
        worker.control.logout(()).await.unwrap();
        assert_eq!(world.secrets.peek(&old), None);
    });
}

#[test]
fn the_owner_signs_in_works_and_signs_out() {
    let world = signed_out();
    world.pool.give(assigned("paid"));
    world.live(async |worker| {
        world.until(worker, "the question", |s| s.pool.state == PoolState::AuthRequired).await;
        let wrong = worker.control.login(request("guess")).await.unwrap_err();
        assert_eq!(wrong.code, ErrorCode::WrongCredentials);
        assert_eq!(world.secrets.peek(&world.pool_url()), None);
        let account = worker.control.login(request(PASSWORD)).await.unwrap();
        assert_eq!(account.username, USERNAME);
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        assert!(world.secrets.peek(&world.pool_url()).is_some());
        let out = worker.control.logout(()).await.unwrap();
        assert_eq!(out.account, None);
        assert_eq!(world.secrets.peek(&world.pool_url()), None);
        world.until(worker, "the question", |s| s.pool.state == PoolState::AuthRequired).await;
        world.pass(60.0).await;
        assert_eq!(world.pool.faults.count(PoolCall::Logout), 1);
    });
    world.live(async |worker| {
        let state = world.until(worker, "the question", |s| s.pool.state == PoolState::AuthRequired).await;
        assert_eq!((state.status.state, state.account), (StatusState::NeedsYou, None));
    });
}

#[test]
fn a_pool_that_is_not_believed_asks_the_owner_and_a_silent_one_is_waited_for() {
    for (about, state) in [
        (ErrorCode::PoolUntrusted, StatusState::NeedsYou),
        (ErrorCode::ClockWrong, StatusState::NeedsYou),
        (ErrorCode::PoolUnreachable, StatusState::Connecting),
    ] {
        let world = World::default();
        world.pool.faults.fail(PoolCall::Connect, unreachable().under(about));
        // So long that the tries themselves are seen.
        world.pool.faults.delay(PoolCall::Connect, Duration::from_millis(300));
        world.live(async |worker| {
            let told = |s: &Snapshot| s.status.problem.as_ref().is_some_and(|problem| problem.code == about);
            world.until(worker, "the trouble", told).await;
            // Try after try: it does not say now this and now that.
            let tries = world.pool.faults.count(PoolCall::Connect);
            while world.pool.faults.count(PoolCall::Connect) < tries + 5 {
                assert_eq!(worker.control.snapshot(()).await.unwrap().status.state, state, "{about:?}");
                world.pass(0.05).await;
            }
            world.pool.faults.heal(PoolCall::Connect);
            world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
        });
    }
}

#[test]
fn lengths_are_checked_before_anybody_is_asked() {
    let world = signed_out();
    world.live(async |worker| {
        for password in [String::new(), "x".repeat(257)] {
            let error = worker.control.login(request(&password)).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::WrongCredentials);
        }
    });
    assert_eq!(world.pool.faults.count(PoolCall::Login), 0);
}

#[test]
fn signing_out_works_without_the_pool() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
        world.pool.faults.fail(PoolCall::Logout, unreachable());
        worker.control.logout(()).await.unwrap();
        assert_eq!(world.secrets.peek(&world.pool_url()), None, "the tokens are gone here");
    });
}

#[test]
fn sessions_are_renewed_before_they_end_with_each_token_once() {
    let world = World::default();
    world.pool.set_session_length(SECOND * 900);
    world.pool.give(assigned("long"));
    world.engine.program("long", Program::exits(0, SECOND * 3000));
    world.live(async |worker| {
        world.pass(3100.0).await;
        let state = worker.control.snapshot(()).await.unwrap();
        assert_eq!((state.pool.state, state.today.tasks), (PoolState::Online, 1));
        assert_eq!(state.notices, Vec::new(), "nobody noticed");
        let renewed = world.pool.faults.count(PoolCall::Refresh);
        assert!((4..=6).contains(&renewed), "{renewed} renewals in 3000 s");
    });
    // The newest token is the kept one: the next worker gets in.
    world.clock.turn(SECOND * 3600);
    world.live(async |worker| {
        world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
    });
}

#[test]
fn a_revoked_session_is_renewed_without_asking_anybody() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
        world.pool.end_sessions(false);
        // The pause between may be too short to be seen.
        let renewed = || world.pool.faults.count(PoolCall::Refresh) == 2;
        world.until(worker, "online again", |s| s.pool.state == PoolState::Online && renewed()).await;
        world.pass(60.0).await;
        assert_eq!(world.pool.faults.count(PoolCall::Refresh), 2);
    });
}

#[test]
fn a_session_revoked_for_good_asks_the_owner_and_tries_no_more() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
        world.pool.end_sessions(true);
        world.until(worker, "the question", |s| s.pool.state == PoolState::AuthRequired).await;
        let before = world.pool.faults.count(PoolCall::Refresh);
        world.pass(600.0).await;
        assert_eq!(world.pool.faults.count(PoolCall::Refresh), before);
        assert_eq!(world.secrets.peek(&world.pool_url()), None, "the dead token is not kept");
    });
}

#[test]
fn a_keyring_that_is_locked_or_away_is_waited_for_and_keeps_its_tokens() {
    for closed in [Vault::Locked, Vault::Away] {
        let world = World::default();
        world.secrets.set(closed);
        world.live(async |worker| {
            let state = world.until(worker, "waiting", |s| s.pool.state == PoolState::Backoff).await;
            let told = |problem: Option<ApiError>| problem.map(|problem| problem.code);
            assert_eq!(told(state.pool.cause.clone()), Some(ErrorCode::KeyringLocked));
            assert_eq!(told(state.status.problem.clone()), Some(ErrorCode::KeyringLocked));
            world.pass(120.0).await;
            assert_eq!(world.pool.faults.count(PoolCall::Refresh), 0);
            assert!(world.secrets.peek(&world.pool_url()).is_some(), "locked is not absent");
            world.secrets.set(Vault::Open);
            world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
        });
    }
}

#[test]
fn a_keyring_locked_while_a_session_is_renewed_keeps_the_newest_token_later() {
    let world = World::default();
    world.pool.set_session_length(SECOND * 900);
    world.live(async |worker| {
        world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
        world.secrets.set(Vault::Locked);
        world.pass(1000.0).await;
        let state = worker.control.snapshot(()).await.unwrap();
        assert_eq!(state.pool.state, PoolState::Online, "work goes on with the token in memory");
        world.secrets.set(Vault::Open);
        world.pass(1000.0).await;
    });
    world.live(async |worker| {
        let state = world
            .until(worker, "a decision", |s| {
                matches!(s.pool.state, PoolState::Online | PoolState::AuthRequired)
            })
            .await;
        assert_eq!(state.pool.state, PoolState::Online);
    });
}

#[test]
fn a_sign_in_that_cannot_be_kept_says_so() {
    let world = signed_out();
    world.secrets.set(Vault::Locked);
    world.live(async |worker| {
        let error = worker.control.login(request(PASSWORD)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::KeyringLocked);
    });
}

#[test]
fn a_forgotten_computer_registers_again() {
    let world = World::default();
    world.pool.give(assigned("kept"));
    world.engine.program("kept", Program::exits(0, SECOND * 60));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pool.forget_node();
        world.when("known again", |w| w.pool.knows_node()).await;
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        assert_eq!(world.pool.faults.count(PoolCall::Register), 2);
    });
}

#[test]
fn a_sign_in_survives_a_link_that_breaks_while_the_session_is_renewed() {
    let world = World::default();
    world.pool.set_session_length(SECOND * 300);
    world.live(async |worker| {
        world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
        let first = world.pool.faults.count(PoolCall::Refresh);
        // The pool has made a new session, its answer takes long, and meanwhile the heartbeats stay away.
        world.pool.faults.delay_answers(PoolCall::Refresh, SECOND * 20);
        world.when("a renewal", |w| w.pool.faults.count(PoolCall::Refresh) > first).await;
        world.pool.faults.fail(PoolCall::Heartbeat, unreachable());
        world.pass(15.0).await;
        world.pool.faults.heal_all();
        let state = world
            .until(worker, "a decision", |s| {
                matches!(s.pool.state, PoolState::Online | PoolState::AuthRequired)
            })
            .await;
        assert_eq!(state.pool.state, PoolState::Online, "the owner has to sign in again");
        world.pass(600.0).await;
        let later = worker.control.snapshot(()).await.unwrap();
        assert_eq!(later.pool.state, PoolState::Online, "the owner has to sign in again");
    });
}

/// A worker whose renewal the pool has answered, with the answer still on its way, and what a person does meanwhile.
fn while_a_renewal_is_under_way(world: &World, act: impl AsyncFn(&Worker)) {
    world.pool.set_session_length(SECOND * 300);
    world.live(async |worker| {
        world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
        let first = world.pool.faults.count(PoolCall::Refresh);
        world.pool.faults.delay_answers(PoolCall::Refresh, SECOND * 5);
        world.when("a renewal", |w| w.pool.faults.count(PoolCall::Refresh) > first).await;
        act(worker).await;
        world.pool.faults.heal_all();
        world.pass(10.0).await;
    });
}

#[test]
fn a_new_sign_in_is_not_undone_by_a_renewal_that_comes_back_late() {
    for refused in [false, true] {
        let world = World::default();
        while_a_renewal_is_under_way(&world, async |worker| {
            if refused {
                let ended = PoolError::new(PoolErrorKind::Unauthenticated, "the session has ended");
                world.pool.faults.lose_answers(PoolCall::Refresh, ended, 1);
            }
            worker.control.login(request(PASSWORD)).await.unwrap();
            let new = world.secrets.peek(&world.pool_url());
            world.pass(10.0).await;
            assert_eq!(world.secrets.peek(&world.pool_url()), new, "refused: {refused}");
            let state = world.until(worker, "online", |s| s.pool.state == PoolState::Online).await;
            assert!(state.account.is_some());
        });
    }
}

#[test]
fn a_sign_out_is_not_undone_by_a_renewal_that_comes_back_late() {
    let world = World::default();
    // The pool takes its time for the sign-out too, so the link is still there when the renewal comes back.
    while_a_renewal_is_under_way(&world, async |worker| {
        world.pool.faults.delay(PoolCall::Logout, SECOND * 10);
        worker.control.logout(()).await.unwrap();
        world.pool.faults.heal_all();
        assert_eq!(world.secrets.peek(&world.pool_url()), None);
        world.until(worker, "the question", |s| s.pool.state == PoolState::AuthRequired).await;
        world.pass(10.0).await;
        let state = worker.control.snapshot(()).await.unwrap();
        assert_eq!((state.pool.state, state.account), (PoolState::AuthRequired, None));
        assert_eq!(world.secrets.peek(&world.pool_url()), None);
    });
}
