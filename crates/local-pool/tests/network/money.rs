//! What moves when a task is done.

use crate::stage::{Caller, NOBODY, Stage, quick};
use hivemind_local_pool::nodepool::{Needs, TaskStatus};

async fn puller(stage: &Stage) -> Caller {
    let caller = stage.registered(NOBODY).await;
    caller.disable().await;
    caller
}

async fn done(stage: &Stage, caller: &Caller, id: &str, cpt: i64) {
    stage.face.submit("requester", id, "x", Needs::default(), cpt);
    assert_eq!(caller.pull(1).await[0].task_id, id);
    caller.complete(id, "COMPLETED", None).await.unwrap();
}

#[tokio::test]
async fn a_tenth_of_the_price_rounded_down_is_the_pools_and_the_rest_the_providers() {
    let stage = Stage::start(quick()).await;
    let caller = puller(&stage).await;
    let (mut paid, mut kept) = (0, 0);
    for (id, price, fee) in [("a", 100, 10), ("b", 19, 1), ("c", 9, 0), ("d", 1, 0), ("e", 110, 11)] {
        done(&stage, &caller, id, price).await;
        (paid, kept) = (paid + price, kept + fee);
        assert_eq!(stage.face.balance("requester"), 1000 - paid, "{price}");
        assert_eq!((stage.face.fees(), stage.face.earned("provider")), (kept, paid - kept), "{price}");
        assert_eq!(caller.earnings().await.entries[0].amount_cpt, price - fee);
    }
}

#[tokio::test]
async fn earnings_stand_in_the_ledger_and_never_reach_the_balance() {
    let stage = Stage::start(quick()).await;
    let caller = puller(&stage).await;
    done(&stage, &caller, "t-1", 100).await;
    assert_eq!(caller.earnings().await.total_earned_cpt, 90);
    assert_eq!(caller.balance().await.unwrap(), 1000);
}

#[tokio::test]
async fn where_the_requester_cannot_pay_the_task_is_completed_unpaid_and_never_paid_later() {
    let stage = Stage::start(quick()).await;
    let caller = puller(&stage).await;
    stage.face.set_balance("requester", 99);
    done(&stage, &caller, "t-1", 100).await;
    let task = stage.task("t-1");
    assert_eq!((task.status, task.charged), (TaskStatus::Completed, 0));
    assert_eq!((stage.face.balance("requester"), stage.worker().score), (99, 101));
    stage.face.set_balance("requester", 1000);
    assert!(caller.complete("t-1", "COMPLETED", None).await.is_err(), "it is done already");
    done(&stage, &caller, "t-2", 100).await;
    assert_eq!((stage.face.balance("requester"), stage.face.fees()), (900, 10), "the second alone was paid");
    let earnings = caller.earnings().await;
    assert_eq!((earnings.total_earned_cpt, earnings.entries.len()), (90, 1));
}
