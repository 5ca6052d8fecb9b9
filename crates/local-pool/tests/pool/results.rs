use crate::support::{Bench, Worker, chunks, code, failed, header, sha256, succeeded, used};
use hivemind_local_pool::{TaskState, User};
use hivemind_proto::v1::{self, ErrorCode, FailureClass, result_status_response::Status};

async fn held(bench: &Bench) -> (User, Worker, v1::TaskKey) {
    let ann = bench.user("ann").await;
    bench.user("bob").await;
    let worker = bench.worker("bob", "one").await;
    bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    (ann, worker, key)
}

fn data() -> Vec<u8> {
    (0..1_000_000u32).map(|n| (n * 7 + n / 256) as u8).collect()
}

#[tokio::test]
async fn an_upload_goes_on_where_it_broke_off() {
    let bench = Bench::start().await;
    let (_, worker, key) = held(&bench).await;
    let data = data();
    assert_eq!(worker.result_status(&key, &data).await.unwrap(), Status::Offset(0));
    let broken = worker
        .send(header(&key, succeeded(), used(10.0, 5), &data, 0), chunks(&data, 0)[..2].to_vec())
        .await
        .unwrap_err();
    assert_eq!(crate::support::field(&broken), "chunk");
    let Status::Offset(offset) = worker.result_status(&key, &data).await.unwrap() else {
        panic!("not final")
    };
    assert_eq!(offset, 512 * 1024);
    let hole = header(&key, succeeded(), used(10.0, 5), &data, offset + 1);
    assert_eq!(code(&worker.send(hole, vec![]).await.unwrap_err()), ErrorCode::OffsetMismatch);
    let rest = chunks(&data, offset as usize);
    let answer = worker.send(header(&key, succeeded(), used(10.0, 5), &data, offset), rest).await.unwrap();
    assert!(answer.durable && answer.settled);
    assert_eq!(worker.result_status(&key, &data).await.unwrap(), Status::Answer(answer));
    let copy = bench.dir.path().join("copy.zip");
    assert_eq!(bench.pool.save_result(&key.task_id, &copy).await.unwrap(), sha256(&data));
    assert!(std::fs::read(copy).unwrap() == data);
    let left: Vec<_> = std::fs::read_dir(bench.config.data_dir.join("results")).unwrap().collect();
    assert_eq!(left.len(), 1, "no half file is left: {left:?}");
}

#[tokio::test]
async fn the_same_result_twice_is_one_and_another_is_a_conflict() {
    let bench = Bench::start().await;
    let (ann, worker, key) = held(&bench).await;
    let first = worker.submit(&key, succeeded(), used(90.0, 1), b"first").await.unwrap();
    let again = worker.submit(&key, succeeded(), used(90.0, 7200), b"first").await.unwrap();
    assert_eq!(first, again);
    let other = worker.submit(&key, succeeded(), used(90.0, 1), b"other").await.unwrap_err();
    assert_eq!((code(&other), other.code()), (ErrorCode::ResultConflict, tonic::Code::AlreadyExists));
    let nothing = worker.submit(&key, succeeded(), used(90.0, 1), b"").await.unwrap_err();
    assert_eq!(code(&nothing), ErrorCode::ResultConflict);
    assert_eq!(code(&worker.result_status(&key, b"other").await.unwrap_err()), ErrorCode::ResultConflict);
    assert_eq!(bench.available(&ann).await, 149, "paid once");
    let view = bench.pool.task(&key.task_id).await.unwrap();
    assert_eq!(view.result.unwrap().sha256, sha256(b"first"));
    let answer = worker.beat(&[&key]).await.unwrap();
    assert_eq!(
        answer.leases[0].state(),
        v1::LeaseState::Renewed,
        "a worker that missed the answer asks again"
    );
    bench.books_balance().await;
}

#[tokio::test]
async fn bytes_with_another_hash_are_dropped_and_may_come_again() {
    let bench = Bench::start().await;
    let (_, worker, key) = held(&bench).await;
    let mut wrong = header(&key, succeeded(), used(1.0, 1), b"right", 0);
    wrong.sha256 = sha256(b"other");
    let refused = worker.send(wrong, chunks(b"right", 0)).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::HashMismatch);
    let mut asked = worker.result_status(&key, b"other").await.unwrap();
    assert_eq!(asked, Status::Offset(0));
    worker.submit(&key, succeeded(), used(1.0, 1), b"other").await.unwrap();
    asked = worker.result_status(&key, b"other").await.unwrap();
    assert!(matches!(asked, Status::Answer(_)));
}

#[tokio::test]
async fn verdicts_become_states() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    for (verdict, state, exit_code) in [
        (succeeded(), TaskState::Succeeded, Some(0)),
        (failed(FailureClass::ExitCode, Some(3)), TaskState::Failed, Some(3)),
        (failed(FailureClass::TimedOut, None), TaskState::TimedOut, None),
        (failed(FailureClass::Package, None), TaskState::Failed, None),
    ] {
        let id = bench.submit(&ann, "job").await;
        let key = worker.next_key().await;
        worker.submit(&key, verdict, v1::TaskUsage::default(), b"").await.unwrap();
        let view = bench.pool.task(&id).await.unwrap();
        assert_eq!((view.state, view.exit_code, view.result), (state, exit_code, None));
    }
    bench.books_balance().await;
}

#[tokio::test]
async fn only_the_workers_own_attempts_can_be_ended_and_their_packages_had() {
    let bench = Bench::start().await;
    let (_, worker, key) = held(&bench).await;
    bench.user("eve").await;
    let eve = bench.worker("eve", "evil").await;
    let stolen = eve.submit(&key, succeeded(), used(90.0, 3600), b"x").await.unwrap_err();
    assert_eq!(code(&stolen), ErrorCode::TaskUnknown);
    let back = eve.hand_back(&key, v1::HandBackReason::OwnerStopped).await.unwrap_err();
    assert_eq!(code(&back), ErrorCode::TaskUnknown);
    let fetch =
        |offset| v1::FetchRequest { key: Some(key.clone()), artifact_id: key.task_id.clone(), offset };
    let refused = eve.artifacts().fetch(eve.signed(fetch(0))).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::TaskUnknown);
    let held = vec![key.clone()];
    let beat = v1::HeartbeatRequest { node_id: worker.node.clone(), held, leaving: false };
    let posing = eve.nodes().heartbeat(eve.signed(beat)).await.unwrap_err();
    assert_eq!(code(&posing), ErrorCode::NodeUnknown);

    let package = crate::support::package();
    for offset in [0, 10, package.len()] {
        let mut stream =
            worker.artifacts().fetch(worker.signed(fetch(offset as u64))).await.unwrap().into_inner();
        let mut got = Vec::new();
        while let Some(chunk) = stream.message().await.unwrap() {
            assert_eq!(
                (chunk.offset as usize, chunk.total_size as usize),
                (offset + got.len(), package.len())
            );
            got.extend_from_slice(&chunk.data);
        }
        assert!(got == package[offset..], "from {offset}");
    }
}

#[tokio::test]
async fn a_new_upload_ends_one_that_hangs() {
    let bench = Bench::start().await;
    let (_, worker, key) = held(&bench).await;
    let data = data();
    let (messages, receiver) = tokio::sync::mpsc::channel(4);
    let first = header(&key, succeeded(), used(1.0, 1), &data, 0);
    let body = v1::submit_task_result_request::Body::Header(first);
    messages.send(v1::SubmitTaskResultRequest { body: Some(body) }).await.unwrap();
    let hanging = worker.clone();
    let hanging = tokio::spawn(async move {
        let request = hanging.signed(tokio_stream::wrappers::ReceiverStream::new(receiver));
        hanging.tasks().submit_task_result(request).await
    });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    worker.submit(&key, succeeded(), used(1.0, 1), &data).await.unwrap();
    assert_eq!(code(&hanging.await.unwrap().unwrap_err()), ErrorCode::Superseded);
    drop(messages);
    assert_eq!(bench.pool.task(&key.task_id).await.unwrap().state, TaskState::Succeeded);
}
