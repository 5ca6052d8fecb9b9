use crate::support::{Bench, cancelled, code, failed, succeeded, used};
use hivemind_domain::reward::Formula;
use hivemind_local_pool::TaskState;
use hivemind_proto::v1::{self, CancelReason, EarningState, ErrorCode, FailureClass, HandBackReason};

/// Formula v1 pays by use alone, so that a test need not run for an hour.
async fn bench(signup_cpt: u64) -> Bench {
    Bench::with(|config| {
        config.formula = Formula::V1;
        config.signup_cpt = signup_cpt;
    })
    .await
}

async fn earning(worker: &crate::support::Worker) -> (EarningState, u64) {
    let request = worker.signed(v1::ListEarningsRequest::default());
    let list = worker.accounts().list_earnings(request).await.unwrap().into_inner().earnings;
    (list[0].state(), list[0].cpt)
}

#[tokio::test]
async fn the_requester_pays_while_it_runs_and_both_balances_move_by_the_same() {
    let bench = bench(150).await;
    let (ann, bob) = (bench.user("ann").await, bench.user("bob").await);
    let worker = bench.worker("bob", "one").await;
    bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    assert_eq!(earning(&worker).await, (EarningState::Estimated, 0));

    let answer = worker.report(vec![(&key, used(10.0, 60))]).await;
    assert_eq!((answer.charges[0].charged_cpt, answer.balance_cpt, answer.pending_cpt), (8, 150, 8));
    assert_eq!((bench.available(&ann).await, bench.available(&bob).await), (142, 150));
    let answer = worker.report(vec![(&key, used(90.0, 120))]).await;
    assert_eq!(answer.charges[0].charged_cpt, 15);
    let answer = worker.report(vec![(&key, used(60.0, 180))]).await;
    assert_eq!(answer.charges[0].charged_cpt, 15, "a falling average takes nothing back while it runs");
    assert_eq!(earning(&worker).await, (EarningState::Credited, 15));
    bench.books_balance().await;

    let paid = worker.submit(&key, succeeded(), used(60.0, 180), b"done").await.unwrap();
    assert_eq!(paid.credited_cpt, 12, "the end pays the formula's value exactly");
    assert_eq!((bench.available(&ann).await, bench.available(&bob).await), (138, 162));
    assert_eq!(earning(&worker).await, (EarningState::Settled, 12));
    bench.books_balance().await;
}

#[tokio::test]
async fn failed_cancelled_and_timed_out_tasks_pay_what_accrued_and_others_nothing() {
    let bench = bench(150).await;
    let (ann, bob) = (bench.user("ann").await, bench.user("bob").await);
    let worker = bench.worker("bob", "one").await;
    let none = v1::TaskUsage::default();
    for (verdict, usage, pay) in [
        (failed(FailureClass::ExitCode, Some(3)), used(10.0, 60), 8),
        (failed(FailureClass::TimedOut, None), used(90.0, 60), 15),
        (cancelled(CancelReason::Requester), used(60.0, 60), 12),
        (failed(FailureClass::ExitCode, Some(1)), none, 8),
        (failed(FailureClass::Package, None), none, 0),
    ] {
        let before = (bench.available(&ann).await, bench.available(&bob).await);
        let id = bench.submit(&ann, "job").await;
        let key = worker.next_key().await;
        if verdict.kind() == v1::VerdictKind::Cancelled {
            let early = worker.submit(&key, verdict.clone(), usage, b"").await.unwrap_err();
            assert_eq!(crate::support::field(&early), "header.verdict.kind", "nobody asked for it");
            bench.pool.cancel(&ann, &id).await.unwrap();
        }
        let paid = worker.submit(&key, verdict, usage, b"").await.unwrap();
        assert_eq!(paid.credited_cpt, pay);
        let after = (bench.available(&ann).await, bench.available(&bob).await);
        assert_eq!(after, (before.0 - pay, before.1 + pay));
    }
    bench.books_balance().await;
}

#[tokio::test]
async fn a_handed_back_attempt_is_refunded() {
    let bench = bench(150).await;
    let (ann, bob) = (bench.user("ann").await, bench.user("bob").await);
    let worker = bench.worker("bob", "one").await;
    bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    worker.report(vec![(&key, used(90.0, 60))]).await;
    assert_eq!(bench.available(&ann).await, 135);
    worker.hand_back(&key, HandBackReason::ShuttingDown).await.unwrap();
    assert_eq!((bench.available(&ann).await, bench.available(&bob).await), (150, 150));
    assert_eq!(earning(&worker).await, (EarningState::Refunded, 15));
    bench.books_balance().await;
}

#[tokio::test]
async fn without_cover_the_task_is_cancelled_and_pays_what_there_is() {
    let bench = bench(10).await;
    let (ann, bob) = (bench.user("ann").await, bench.user("bob").await);
    let worker = bench.worker("bob", "one").await;
    let id = bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    let answer = worker.report(vec![(&key, used(10.0, 60))]).await;
    assert_eq!(answer.charges[0].charged_cpt, 8);
    assert!(worker.beat(&[&key]).await.unwrap().cancellations.is_empty());
    let answer = worker.report(vec![(&key, used(90.0, 90))]).await;
    assert_eq!(answer.charges[0].charged_cpt, 10);
    let told = worker.beat(&[&key]).await.unwrap().cancellations;
    assert_eq!(told[0].reason(), CancelReason::InsufficientFunds);
    let verdict = cancelled(CancelReason::InsufficientFunds);
    let paid = worker.submit(&key, verdict, used(90.0, 91), b"partial").await.unwrap();
    assert_eq!(paid.credited_cpt, 10);
    let view = bench.pool.task(&id).await.unwrap();
    assert_eq!((view.state, view.cancel.as_deref()), (TaskState::Cancelled, Some("insufficient_funds")));
    assert_eq!(view.result, None, "what was not paid for is not handed out");
    assert_eq!((bench.available(&ann).await, bench.available(&bob).await), (0, 20));
    let broke = bench
        .pool
        .submit(&ann, hivemind_local_pool::TaskRequest::named("more"), crate::support::package().as_slice())
        .await;
    assert!(matches!(broke, Err(hivemind_local_pool::PoolError::InsufficientFunds)));
    bench.books_balance().await;
}

#[tokio::test]
async fn a_last_charge_without_cover_cancels_too() {
    let bench = bench(5).await;
    let ann = bench.user("ann").await;
    bench.user("bob").await;
    let worker = bench.worker("bob", "one").await;
    let id = bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    let paid = worker.submit(&key, succeeded(), used(90.0, 60), b"done").await.unwrap();
    assert_eq!((paid.credited_cpt, paid.settled), (5, true));
    assert_eq!(bench.pool.task(&id).await.unwrap().state, TaskState::Cancelled);
    bench.books_balance().await;
}

#[tokio::test]
async fn time_nobody_had_is_not_paid() {
    let bench = Bench::with(|config| config.formula = Formula::V2).await;
    let ann = bench.user("ann").await;
    bench.user("bob").await;
    let worker = bench.worker("bob", "one").await;
    bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    let paid = worker.submit(&key, succeeded(), used(100.0, 7200), b"x").await.unwrap();
    assert_eq!(paid.credited_cpt, 1, "two hours claimed, a moment had");
}

#[tokio::test]
async fn one_may_work_for_oneself_and_only_nodes_that_hold_an_attempt_are_paid() {
    let bench = bench(150).await;
    let ann = bench.user("ann").await;
    bench.user("eve").await;
    let (own, evil) = (bench.worker("ann", "one").await, bench.worker("eve", "two").await);
    bench.submit(&ann, "job").await;
    let key = own.next_key().await;
    assert!(evil.report(vec![(&key, used(90.0, 60))]).await.charges.is_empty());
    own.report(vec![(&key, used(90.0, 60))]).await;
    assert_eq!(own.submit(&key, succeeded(), used(90.0, 60), b"x").await.unwrap().credited_cpt, 15);
    assert_eq!(bench.available(&ann).await, 150);
    bench.books_balance().await;
}

#[tokio::test]
async fn cpt_can_be_given_away_once() {
    let bench = bench(150).await;
    let (ann, bob) = (bench.user("ann").await, bench.user("bob").await);
    bench.pool.transfer(&ann, "BOB", 100).await.unwrap();
    assert!(bench.pool.transfer(&ann, "bob", 51).await.is_err());
    assert!(bench.pool.transfer(&ann, "ann", 1).await.is_err());
    assert!(bench.pool.transfer(&ann, "bob", 0).await.is_err());
    assert!(bench.pool.transfer(&ann, "nobody", 1).await.is_err());
    assert_eq!((bench.available(&ann).await, bench.available(&bob).await), (50, 250));
    bench.books_balance().await;
}

#[tokio::test]
async fn sign_ins_end_with_their_tokens() {
    let bench = bench(150).await;
    bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    let refresh = |token: &str, install: &str| v1::RefreshRequest {
        refresh_token: token.into(),
        install_id: install.into(),
    };
    let answer = worker.accounts().refresh(refresh(&worker.refresh_token, "one")).await.unwrap().into_inner();
    let next = answer.session.unwrap();
    assert_ne!((&next.session_token, &next.refresh_token), (&worker.token, &worker.refresh_token));
    let foreign = worker.accounts().refresh(refresh(&next.refresh_token, "two")).await.unwrap_err();
    assert_eq!(code(&foreign), ErrorCode::SignInNeeded);
    worker.accounts().logout(worker.signed(v1::LogoutRequest {})).await.unwrap();
    assert_eq!(code(&worker.beat(&[]).await.unwrap_err()), ErrorCode::SignInNeeded);
    let over = worker.accounts().refresh(refresh(&next.refresh_token, "one")).await.unwrap_err();
    assert_eq!(code(&over), ErrorCode::SignInNeeded);
}
