//! Many simulated workers at one pool: `crowd WORKERS SECONDS`.
//!
//! Every worker has a connection and a session of its own, is registered, and sends a heartbeat each second. Prints one
//! JSON object: `workers`, `seconds`, `per_second` (answered heartbeats), `failed`, `p50_ms`, `p99_ms`, `max_ms`.

#![expect(clippy::print_stdout, reason = "a command line program")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and nothing else here has a clock")]

use hivemind_local_pool::{LocalPool, PoolConfig};
use hivemind_proto::v1::account_service_client::AccountServiceClient;
use hivemind_proto::v1::node_service_client::NodeServiceClient;
use hivemind_proto::v1::{Capabilities, HeartbeatRequest, LoginRequest, RegisterNodeRequest};
use std::error::Error;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

const NAME: &str = "crowd";
const PASSWORD: &str = "a password for one measurement";
/// Signing in costs a password hash each: not all at once.
const AT_ONCE: usize = 8;

type Failure = Box<dyn Error + Send + Sync>;

struct Worker {
    client: NodeServiceClient<Channel>,
    token: String,
    node: String,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let count: usize = words.next().unwrap_or_else(|| "1000".into()).parse()?;
    let seconds: u64 = words.next().unwrap_or_else(|| "30".into()).parse()?;
    let folder = std::env::temp_dir().join(format!("hivemind-crowd-{}", std::process::id()));
    let mut config = PoolConfig::ephemeral(&folder);
    (config.sign_ins_per_minute, config.registrations_per_minute) = (u32::MAX, u32::MAX);
    // Signing in a crowd takes longer than a lease; nobody is to be removed meanwhile.
    config.lease = Duration::from_secs(600);
    let pool = LocalPool::start(config).await?;
    pool.create_user(NAME, PASSWORD).await?;
    let address = format!("http://{}", pool.grpc_addr());

    let mut workers = Vec::new();
    let mut joining = JoinSet::new();
    for number in 0..count {
        joining.spawn(join(address.clone(), number));
        if joining.len() >= AT_ONCE {
            workers.extend(joining.join_next().await.transpose()?.transpose()?);
        }
    }
    while let Some(joined) = joining.join_next().await {
        workers.push(joined??);
    }

    let mut beating = JoinSet::new();
    for (number, worker) in workers.into_iter().enumerate() {
        let phase = Duration::from_secs(1).mul_f64(number as f64 / count as f64);
        beating.spawn(beat(worker, phase, seconds));
    }
    let (mut times, mut failed) = (Vec::new(), 0_u64);
    while let Some(beats) = beating.join_next().await {
        let (answered, lost) = beats?;
        times.extend(answered);
        failed += lost;
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (times.len().saturating_sub(1) as f64 * share).round() as usize;
        times.get(place).copied().unwrap_or(f64::NAN)
    };
    println!(
        "{}",
        serde_json::json!({
            "workers": count, "seconds": seconds, "per_second": times.len() as f64 / seconds as f64,
            "failed": failed, "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
        })
    );
    pool.shutdown().await;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

async fn join(address: String, number: usize) -> Result<Worker, Failure> {
    let channel = Endpoint::from_shared(address)?.connect().await?;
    let install_id = format!("crowd-{number}");
    let login =
        LoginRequest { username: NAME.into(), password: PASSWORD.into(), install_id: install_id.clone() };
    let session = AccountServiceClient::new(channel.clone()).login(login).await?.into_inner().session;
    let token = format!("Bearer {}", session.ok_or("no session")?.session_token);
    let mut client = NodeServiceClient::new(channel);
    let registration = RegisterNodeRequest {
        hostname: install_id.clone(),
        install_id,
        worker_version: "0.1.0".into(),
        protocol_version: 1,
        capabilities: Some(Capabilities {
            cpu_cores: 4,
            memory_bytes: 8 << 30,
            os: "linux".into(),
            ..Default::default()
        }),
    };
    let node = client.register_node(signed(registration, &token)?).await?.into_inner().node_id;
    Ok(Worker { client, token, node })
}

/// A heartbeat each second: the times of the answered ones in milliseconds, and how many were not.
async fn beat(mut worker: Worker, phase: Duration, seconds: u64) -> (Vec<f64>, u64) {
    let (mut times, mut failed) = (Vec::new(), 0);
    tokio::time::sleep(phase).await;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..seconds {
        ticks.tick().await;
        let beat = HeartbeatRequest { node_id: worker.node.clone(), held: vec![], leaving: false };
        let start = Instant::now();
        let answered = match signed(beat, &worker.token) {
            Ok(request) => worker.client.heartbeat(request).await.is_ok(),
            Err(_) => false,
        };
        if answered {
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        } else {
            failed += 1;
        }
    }
    (times, failed)
}

fn signed<T>(message: T, token: &str) -> Result<Request<T>, Failure> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", token.parse()?);
    Ok(request)
}
