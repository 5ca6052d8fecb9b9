//! Answers as a hostile or broken pool would give them, over a real connection to the worker's real client.

mod assignments;
mod calls;
mod frames;
pub(crate) mod server;
mod statuses;
mod wire;

use crate::ALLOCATOR;
use crate::case::{Case, Seen};
use crate::cost::Cost;
use hivemind_domain::ids::{InstallId, TaskId, TaskKey};
use hivemind_domain::resources::{Capabilities, Resources};
use hivemind_domain::task::{HandBack, PackageRef, ResultFile, Verdict};
use hivemind_pool_client::{V1Config, V1Pool};
use hivemind_proto::limits::CHUNK_BYTES;
use hivemind_worker_core::port::{Offer, Pool as _, PoolError, ResultHeader, StatusReport};
use server::{Answer, Heard, Manner, Pool};
use std::path::Path;
use std::time::Duration;

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut list = List::default();
    assignments::add(&mut list);
    calls::add(&mut list);
    frames::add(&mut list);
    wire::add(&mut list);
    statuses::add(&mut list);
    list.0
}

/// A call of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Login,
    Refresh,
    Register,
    Heartbeat,
    Status,
    Assign,
    Fetch,
    Submit,
    Stored,
    HandBack,
    Balance,
    Report,
}

impl Call {
    /// Its name on the wire.
    fn method(self) -> &'static str {
        match self {
            Self::Login => "Login",
            Self::Refresh => "Refresh",
            Self::Register => "RegisterNode",
            Self::Heartbeat => "Heartbeat",
            Self::Status => "ReportNodeStatus",
            Self::Assign => "AssignTask",
            Self::Fetch => "Fetch",
            Self::Submit => "SubmitTaskResult",
            Self::Stored => "ResultStatus",
            Self::HandBack => "CancelTask",
            Self::Balance => "GetBalance",
            Self::Report => "ReportTask",
        }
    }
}

/// Cases of this group.
#[derive(Default)]
struct List(Vec<Case>);

impl List {
    /// The answer is refused as a breach of the protocol, naming `field`.
    fn refused(&mut self, name: impl Into<String>, call: Call, field: &str, answer: Answer) {
        self.case(
            name,
            call,
            format!("refused (Protocol), naming {field}"),
            field,
            Manner::Once(call.method(), answer),
        );
    }

    /// The call fails with this kind; what cannot be read has no field to name.
    fn fails(&mut self, name: impl Into<String>, call: Call, kind: &str, answer: Answer) {
        self.case(name, call, format!("refused ({kind})"), "", Manner::Once(call.method(), answer));
    }

    /// The answer is harmless: odd, and read as what it says.
    fn taken(&mut self, name: impl Into<String>, call: Call, answer: Answer) {
        self.case(name, call, "taken".to_owned(), "", Manner::Once(call.method(), answer));
    }

    fn case(&mut self, name: impl Into<String>, call: Call, expected: String, field: &str, manner: Manner) {
        let field = field.to_owned();
        let run = move |folder: &Path| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(meet(call, manner, &field, folder))
        };
        let built = format!("the answer to {}", call.method());
        let name = format!("{}: {}", call.method(), name.into());
        self.0.push(Case { name, built, expected, run: Box::new(run) });
    }
}

fn install() -> InstallId {
    InstallId::new("install-1").expect("an id")
}

fn key() -> TaskKey {
    TaskKey { task: TaskId::new("t-1").expect("an id"), attempt: 1 }
}

/// Meets a hostile answer, then sees whether everything goes on as before.
async fn meet(call: Call, manner: Manner, field: &str, folder: &Path) -> Seen {
    let pool = Pool::start().await;
    let client = V1Pool::new(V1Config {
        tunnel_only: false,
        master_url: format!("http://{}", pool.address),
        address: pool.address.to_string(),
        allow_unencrypted: false,
        install: install(),
        version: "1".to_owned(),
    });
    let raw = matches!(manner, Manner::Raw(_));
    if raw {
        // Broken connections are met by a client that is signed in already, on its next connection.
        let first = ready(&client).await;
        assert!(first.is_ok(), "{first:?}");
        client.disconnect().await;
        pool.be(manner);
        let _ = client.connect().await;
    } else {
        client.connect().await.expect("connected");
        let first = ready(&client).await;
        assert!(first.is_ok(), "{first:?}");
        pool.be(manner);
    }
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let answer = tokio::time::timeout(Duration::from_secs(30), perform(&client, call, folder)).await;
    let bytes = ALLOCATOR.peak_usage().saturating_sub(before) as u64;
    let mut outcome = match answer {
        Err(_) => "no end in 30 s".to_owned(),
        Ok(Ok(())) => "taken".to_owned(),
        Ok(Err(error)) => in_words(&error, field),
    };
    if !pool.was_hostile() {
        outcome = "the hostile answer was never asked for".to_owned();
    }
    if let Err(why) = as_before(&client, &pool, outcome == "taken", call).await {
        outcome = format!("{outcome}, and then: {why}");
    }
    let strays: Vec<_> =
        std::fs::read_dir(folder).expect("the folder").flatten().map(|e| e.file_name()).collect();
    if strays.iter().any(|name| name != "package.zip.part" && name != "result.zip") {
        outcome = format!("{outcome}, and files are left: {strays:?}");
    }
    // No time: a pool that says nothing is waited for as long as the call's own limit says.
    Seen { outcome, cost: Some(Cost { bytes, time: Duration::ZERO }) }
}

async fn ready(client: &V1Pool) -> Result<(), PoolError> {
    client.connect().await?;
    client.login("ann", "a password", &install()).await?;
    client.register(&install(), "host", &capabilities()).await?;
    Ok(())
}

fn capabilities() -> Capabilities {
    Capabilities { cpu_cores: 2, memory_bytes: 1 << 30, os: "linux".to_owned(), ..Capabilities::default() }
}

async fn perform(client: &V1Pool, call: Call, folder: &Path) -> Result<(), PoolError> {
    match call {
        Call::Login => client.login("ann", "a password", &install()).await.map(drop),
        Call::Refresh => client.refresh("old-refresh").await.map(drop),
        Call::Register => client.register(&install(), "host", &capabilities()).await.map(drop),
        Call::Heartbeat => client.heartbeat(&[key()]).await.map(drop),
        Call::Status => client.report_status(&StatusReport::default()).await.map(drop),
        Call::Assign => {
            let free = Resources { cpu_millis: 1000, memory_bytes: 1 << 30, gpus: 0 };
            client.next_task(Offer::new(free, 0)).await.map(drop)
        }
        Call::Fetch => {
            let package = PackageRef { id: "p-1".to_owned(), sha256: "ab".repeat(32), size_bytes: 100 };
            client.fetch(&key(), &package, &folder.join("package.zip")).await
        }
        Call::Submit | Call::Stored => {
            let path = folder.join("result.zip");
            // What the pool has is asked only where it could spare something.
            let size_bytes = if call == Call::Stored { STORED_BYTES } else { 50 };
            let file = std::fs::File::create(&path).expect("created");
            file.set_len(size_bytes).expect("written");
            let file = ResultFile { sha256: "cd".repeat(32), size_bytes, entries: 1 };
            client.submit(&header(Some(file)), Some(&path)).await.map(drop)
        }
        Call::HandBack => client.hand_back(&key(), HandBack::OwnerStopped, "stopped").await,
        Call::Balance => client.balance().await.map(drop),
        Call::Report => {
            let (reports, receiver) = tokio::sync::mpsc::channel(1);
            let (durable, _acknowledged) = tokio::sync::mpsc::channel(8);
            drop(reports);
            client.report(&key(), receiver, durable).await
        }
    }
}

/// A result of which the pool may have a part.
const STORED_BYTES: u64 = CHUNK_BYTES as u64 + 1;

fn header(file: Option<ResultFile>) -> ResultHeader {
    ResultHeader {
        key: key(),
        verdict: Verdict::Succeeded,
        usage: Default::default(),
        average: Default::default(),
        wall: Duration::from_secs(1),
        image_digest: String::new(),
        file,
        times: Default::default(),
        input_bytes: 0,
        gpu_ms: 0,
        function: false,
    }
}

/// The refusal in words; its sentence must be short and plain.
fn in_words(error: &PoolError, field: &str) -> String {
    if error.message.len() > 300 || error.message.contains(char::is_control) || error.message.is_empty() {
        return format!("refused ({:?}) in words that are not plain: {:?}", error.kind, error.message);
    }
    let naming = if field.is_empty() {
        String::new()
    } else if error.message.contains(field) {
        format!(", naming {field}")
    } else {
        format!(" with \"{}\"", error.message)
    };
    format!("refused ({:?}){naming}", error.kind)
}

/// A heartbeat must go through, as the same node with the same session.
async fn as_before(client: &V1Pool, pool: &Pool, taken: bool, call: Call) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..20 {
        match client.heartbeat(&[]).await {
            Ok(_) => {
                let heard = pool.heard.lock().expect("lock").clone();
                let same =
                    Heard { authorization: "Bearer good-session".to_owned(), node: "node-1".to_owned() };
                // A session or a node that was taken is used from then on.
                let changed = taken && matches!(call, Call::Login | Call::Refresh | Call::Register);
                return if heard == same || changed {
                    Ok(())
                } else {
                    Err(format!("another state: {heard:?}"))
                };
            }
            Err(error) => last = error.to_string(),
        }
        // A broken connection: the worker dials again.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = client.connect().await;
    }
    Err(format!("no heartbeat goes through: {last}"))
}
