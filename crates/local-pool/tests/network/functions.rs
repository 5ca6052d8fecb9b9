//! Managed functions: no package, and paid by their worker's own receipt.

use crate::bare::Bare;
use crate::stage::{Stage, quick};
use hivemind_local_pool::nodepool::{MANAGED_FUNCTION, TaskStatus};
use hivemind_proto::nodepool::ExecuteTaskResponse;

const SOURCE: &str = "let s = 40 + 2; print(s); s;";

fn receipt(operations: i64, bytes: i64) -> ExecuteTaskResponse {
    ExecuteTaskResponse {
        success: true,
        status_message: "42\n".into(),
        managed_executed_ops: operations,
        managed_output_bytes: bytes,
        managed_receipt_json: format!("{{\"executed_ops\":{operations}}}"),
    }
}

#[tokio::test]
async fn a_managed_function_is_paid_by_its_workers_own_receipt() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    // Operations, bytes of output, most that it may cost, and what it costs.
    let table = [
        (13, 3, 100, 3),
        (0, 0, 100, 1),
        (1000, 1024, 100, 3),
        (1001, 1025, 100, 5),
        (1_000_000, 3, 100, 100),
        (-5, i64::MIN, 100, 1),
        (i64::MAX, i64::MAX, 100, 100),
        (13, 3, 2, 2),
    ];
    let mut paid = 0;
    for (row, (operations, bytes, most, price)) in table.into_iter().enumerate() {
        let id = format!("f-{row}");
        stage.face.submit_function("requester", &id, SOURCE, "{\"a\":1}", most);
        let push = worker.pushed().await;
        assert_eq!(
            (push.request.runtime.as_str(), push.request.torrent.as_str()),
            (MANAGED_FUNCTION, "{\"a\":1}")
        );
        assert_eq!(push.request.task_source, SOURCE);
        push.answer(Ok(receipt(operations, bytes)));
        let task = stage.ended(&id).await;
        assert_eq!((task.status, task.charged), (TaskStatus::Completed, price), "row {row}");
        assert_eq!(task.receipt, Some(format!("{{\"executed_ops\":{operations}}}")));
        assert_eq!((task.runtime.as_str(), task.output.as_deref()), (MANAGED_FUNCTION, Some("42\n")));
        paid += price;
    }
    assert_eq!(stage.face.balance("requester"), 1000 - paid);
}

#[tokio::test]
async fn what_is_no_managed_function_is_paid_in_full_whatever_its_receipt_says() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    assert_eq!((push.request.runtime.as_str(), push.request.task_source.as_str()), ("", ""));
    push.answer(Ok(receipt(13, 3)));
    assert_eq!(stage.ended("t-1").await.charged, 100);
}

#[tokio::test]
async fn a_managed_function_without_a_receipt_costs_one() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.face.submit_function("requester", "f-1", SOURCE, "", 100);
    let _open = worker.pushed().await;
    caller.complete("f-1", "COMPLETED", None).await.unwrap();
    assert_eq!(stage.task("f-1").charged, 1);
}

#[tokio::test]
async fn a_pulled_function_looks_like_its_input() {
    let stage = Stage::start(quick()).await;
    let caller = stage.registered("127.0.0.1:9").await;
    caller.disable().await;
    stage.face.submit_function("requester", "f-1", SOURCE, "{\"a\":1}", 100);
    let leases = caller.pull(1).await;
    let package = leases[0].execution_package.clone().unwrap();
    assert_eq!((package.runtime_version.as_str(), package.task_code_ref.as_str()), ("", "{\"a\":1}"));
    assert_eq!(stage.task("f-1").pushes, 0);
}
